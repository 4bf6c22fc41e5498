/** @file store.h
 *  The results file: one HDF5 file per sweep that is also a plain netCDF-4 file (file format version 1).
 *
 *  Metadata is frozen before the first result: sgs_store_create makes every variable with its final shape, allocated
 * and filled, and publishes the file in one step; after that ranks only overwrite raw bytes in place, so that a kill at
 * any moment leaves a file that opens. A run's data go first, its checksum second, its status last. Beside FILE stand
 *  FILE.log (JSON lines, rank 0; its first line holds the CRC of the frozen bytes and the raw extents), FILE.lock, and
 *  while runs are unfinished FILE.ckpt/ with their states.
 *
 *  Errors: 1. every function returns a status and explains itself in err. 2. A collective function returns the same
 *  status on every rank. 3. After a failed write nothing of the block counts as done, and it may be written again. */
#ifndef SGDSWEEP_STORE_H
#define SGDSWEEP_STORE_H

#include "sgdsweep/decide.h"
#include <mpi.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SGS_FORMAT_VERSION = 1 };

typedef struct sgs_store sgs_store;

typedef enum sgs_store_mode { SGS_STORE_READ, SGS_STORE_WRITE } sgs_store_mode;

/** Keep HDF5 from tearing itself down at exit and in MPI_Finalize, where it crashes (1.10.8) on a file that a full disk
 * kept it from closing. Once, at the start of a program, before MPI_Init; everything is closed by sgs_store_close. */
void sgs_store_start(void);

/** Bytes that the results file of a grid will take, before it exists (within 2 % or 64 kB). */
int64_t sgs_store_size_bytes(const sgs_grid *grid);

/** Create FILE for a grid: write under a temporary name in the same folder with the serial driver, close, reopen
 * read-only and check, fsync, publish with link() (never overwrites), fsync the folder. Writes the first line of
 * FILE.log. Not collective: one rank calls it, after MPI_Init if there is MPI at all.
 *  @param[in] allow_size  go ahead above 100 GB or half of the free space
 *  @return SGS_OK; SGS_EEXIST: path is there; SGS_EINVAL: refused for its size; SGS_EIO: nothing is left behind */
sgs_status sgs_store_create(const char *path, const sgs_grid *grid, bool allow_size, sgs_error *err);

/** Give a results file that was made and filled under a temporary name, with its log, its own name, as creation does:
 *  never overwrites; a log that is left from a file that is gone moves aside. Both are closed and synced.
 *  @return SGS_OK: the temporary names are gone; SGS_EEXIST; SGS_EIO: they are as they were */
sgs_status sgs_store_publish(const char *temporary, const char *path, sgs_error *err);

/** Give a whole file that stands under a temporary name its own name too, where nothing stands: link(), or where the
 *  file system has no links a rename that does not replace. The caller removes the temporary name.
 *  @return 0 or an errno; EEXIST: there is something at `to` */
int sgs_publish(const char *from, const char *to);

/** Check the frozen bytes against FILE.log with plain reads, before HDF5 parses anything; without a log, open in a
 * child process first. Not collective.
 *  @return SGS_OK; SGS_EIO: cannot be read; SGS_EDAMAGED: truncated, or the frozen bytes are not what they were */
sgs_status sgs_store_check_frozen(const char *path, sgs_error *err);

/** Open without MPI (serial driver): for status, plan, tests. Calls sgs_store_check_frozen first.
 *  @return SGS_OK; SGS_EIO; SGS_EDAMAGED: not a results file or not a whole one; SGS_EINVAL: other format version */
sgs_status sgs_store_open(const char *path, sgs_store_mode mode, sgs_store **store, sgs_error *err);

/** Every rank gets the worst status of all and the text of the lowest rank that has it. Collective. A failure of MPI
 *  aborts. */
sgs_status sgs_agree_coll(MPI_Comm comm, sgs_status mine, sgs_error *err);

/** Open on every rank of comm with the MPI-IO driver, for writing. Collective; every rank gets the same status. */
sgs_status sgs_store_open_coll(const char *path, MPI_Comm comm, sgs_store **store, sgs_error *err);

/** Close datasets, file and property lists; before MPI_Finalize. Collective if opened so. Accepts NULL. */
sgs_status sgs_store_close(sgs_store *store, sgs_error *err);

/** Let go of a file without HDF5's collective end, after a failure or once all is synced: that end writes the first
 * bytes of the file again and, where the disk of one rank does not take them, keeps the others waiting for ever
 * (1.10.8). Nothing is lost by it: what was written is in the file. Collective if opened so. Accepts NULL. */
void sgs_store_abandon_coll(sgs_store *store);

/** The grid that the file was made for (parsed from its canonical text). Borrowed. */
const sgs_grid *sgs_store_grid(const sgs_store *store);

/** Algorithm version that trained the runs in the file; another one is read but not resumed. */
int sgs_store_algorithm_version(const sgs_store *store);

int64_t sgs_store_runs(const sgs_store *store);

/** What a range of runs leaves, run by run in run order. Borrowed arrays. */
typedef struct sgs_rows {
    const sgs_result *results; /**< [count] */
    /** [count] times [recorded measures, in table order][steps of the record], then [SGS_WALK_SUMS][bins of the walk];
     * NULL without both */
    const sgs_value *records;
    const double *weights; /**< [count][steps, with `weights: record`][features], NaN-padded; NULL without */
} sgs_rows;

/** Values of one run in `records` and in `weights`; 0 where the grid keeps none. */
int64_t sgs_store_record_values(const sgs_store *store);
int64_t sgs_store_weight_values(const sgs_store *store);

/** Number of columns of the weights variable (the largest n of the grid), 0 without weights. */
int32_t sgs_store_features(const sgs_store *store);

/** Write one finished block. Not collective; any rank, at the same time for distinct blocks.
 *  @param[in] first  index of the first run, 0 <= first, first + count <= runs
 *  @param[in] rows   of count finished runs
 *  @return SGS_OK; SGS_ERANGE; SGS_EIO */
sgs_status sgs_store_write(sgs_store *store, int64_t first, int64_t count, const sgs_rows *rows, sgs_error *err);

/** Set the status of runs alone, without results: SGS_RUN_FAILED, SGS_RUN_PENDING (repair), in grids with a rule
 *  SGS_RUN_NOT_NEEDED. Not collective. */
sgs_status sgs_store_set_status(sgs_store *store, int64_t first, int64_t count, sgs_run_status status, sgs_error *err);

/** Read status bytes as they stand. Skipped runs come out as SGS_RUN_SKIPPED from the grid, whatever the file says, and
 * a byte that is no status as SGS_RUN_PENDING. Not collective. status[count] */
sgs_status sgs_store_read_status(sgs_store *store, int64_t first, int64_t count, int8_t *status, sgs_error *err);

/** Read results (whatever stands there; mask by status) and checksums (may be NULL). Not collective. */
sgs_status sgs_store_read(sgs_store *store, int64_t first, int64_t count, sgs_result *results, uint32_t *checksums,
                          sgs_error *err);

/** Read one measure of runs (whatever stands there; mask by status). Not collective. values[count] */
sgs_status sgs_store_read_measure(sgs_store *store, int64_t first, int64_t count, sgs_measure measure,
                                  sgs_value *values, sgs_error *err);

/** Read records and weights of runs, in the form of sgs_rows. Not collective.
 *  @return SGS_OK; SGS_ERANGE: also if the file keeps none; SGS_EIO */
sgs_status sgs_store_read_records(sgs_store *store, int64_t first, int64_t count, sgs_value *records, sgs_error *err);
sgs_status sgs_store_read_weights(sgs_store *store, int64_t first, int64_t count, double *weights, sgs_error *err);

/** What a scan of runs found. */
typedef struct sgs_tally {
    int64_t status[SGS_RUN_STATUSES]; /**< number of runs by status */
    int64_t damaged;                  /**< finished runs whose checksum does not hold */
    sgs_key digest;                   /**< sum of sgs_result_digest over finished runs with a good checksum */
} sgs_tally;

/** Add the runs [first, first + count) to tally: reads everything and checks every checksum. Not collective.
 *  @param[out] status  [count] as sgs_store_read_status, but damaged runs come out as SGS_RUN_PENDING; may be NULL
 *  @param[in,out] tally  may be NULL */
sgs_status sgs_store_scan(sgs_store *store, int64_t first, int64_t count, int8_t *status, sgs_tally *tally,
                          sgs_error *err);

/* ---- decisions, in grids with a rule for the number of seeds (`seed: until`) ----------------------------------------
 *
 * A decision is derived data: it follows from the results of its cell, which are in the file before it, and so does
 * which runs are not needed. Both are written so that other readers find them; they are believed only as far as they
 * follow. */

/** The decision that stands in the file for a cell, and writing it. Not collective.
 *  @return SGS_OK; SGS_ERANGE: no such cell, or a grid without a rule; SGS_EIO */
sgs_status sgs_store_read_decision(sgs_store *store, int64_t cell, sgs_decision *decision, sgs_error *err);
sgs_status sgs_store_write_decision(sgs_store *store, int64_t cell, const sgs_decision *decision, sgs_error *err);

/** What the file says of one cell, and what follows from its runs. */
typedef struct sgs_cell_scan {
    sgs_standing standing;  /**< derived from the runs with a good checksum */
    sgs_decision stored;    /**< what stands in the file */
    bool skipped;           /**< the batch does not fit: no runs, no decision */
    int64_t unsettled;      /**< runs that are not needed and do not say so, or say so and are needed */
    int64_t wrongly_marked; /**< the latter of them */
    bool settled;           /**< the file says what follows: unsettled is 0, stored the decision of standing */
} sgs_cell_scan;

/** sgs_store_scan of the runs of a cell, then what follows from them. Not collective.
 *  @param[out] status  [seeds] as sgs_store_scan; a run that says not_needed and is needed comes out as pending
 *  @param[in,out] tally  as sgs_store_scan, by these statuses
 *  @return as sgs_store_scan; SGS_ERANGE */
sgs_status sgs_store_scan_cell(sgs_store *store, int64_t cell, int8_t *status, sgs_tally *tally, sgs_cell_scan *scan,
                               sgs_error *err);

/** Make a cell that is not settled say what follows: mark what is not needed, take the mark from what is, then write
 * the decision. Not collective.
 *  @param[in,out] status  [seeds] of sgs_store_scan_cell; as in the file afterwards */
sgs_status sgs_store_settle_cell(sgs_store *store, int64_t cell, int8_t *status, const sgs_cell_scan *scan,
                                 sgs_error *err);

/** Runs of one file in memory, with everything that belongs to them, judged by their checksums. */
typedef struct sgs_page {
    int64_t room;         /**< runs that fit; fewer where each has many records or weights */
    int64_t first, count; /**< what was read last */
    sgs_result *results;  /**< [count] as sgs_store_read */
    sgs_key *keys;        /**< [count] run keys of finished runs */
    bool *damaged;        /**< [count] finished, but its checksum does not hold */
    uint32_t *checksums;
    sgs_value *records; /**< as in sgs_rows; NULL without */
    double *weights;
} sgs_page;

/** Room for runs of a store. Clear it after success only; clearing twice does no harm. */
sgs_status sgs_page_create(const sgs_store *store, sgs_page *page, sgs_error *err);
void sgs_page_clear(sgs_page *page);

/** Read at most page->room runs. A run that a sweep writes meanwhile is pending or whole. Not collective.
 *  @return SGS_OK; SGS_ERANGE; SGS_EINVAL: another algorithm version; SGS_EIO */
sgs_status sgs_store_read_page(sgs_store *store, int64_t first, int64_t count, sgs_page *page, sgs_error *err);

/** The rows of a page from its i-th run on. Borrowed. */
sgs_rows sgs_page_rows(const sgs_store *store, const sgs_page *page, int64_t i);

/** Add the runs of a page to tally; statuses as sgs_store_scan. */
void sgs_page_count(const sgs_page *page, int8_t *statuses, sgs_tally *tally);

/** Status bytes exactly as they stand, for a search for damage. Not collective. statuses[count] */
sgs_status sgs_store_read_raw_status(sgs_store *store, int64_t first, int64_t count, int8_t *statuses, sgs_error *err);

/** fdatasync of the file through a descriptor of its own; makes no MPI and no HDF5 call, so a thread may call it.
 *  @return SGS_OK; SGS_EIO: EIO, EDQUOT, ENOSPC show up here on network file systems */
sgs_status sgs_store_sync(sgs_store *store, sgs_error *err);

/* ---- States of unfinished runs: FILE.ckpt/ ----------------------------------------------------------------------- */

enum { SGS_STATE_FORMAT_VERSION = 1 };

/** An unfinished run: what a trainer needs to continue it to the same bits, and what was gathered so far. In memory it
 * borrows its arrays; as bytes (a record, guarded by a CRC32C of its own, native to the machine) it stands in state
 * files and travels between ranks. */
typedef struct sgs_saved_run {
    int64_t run;         /**< its index */
    sgs_key key;         /**< its run key */
    int64_t steps;       /**< done so far: of two states of a run the one with more steps wins */
    const void *state;   /**< [state_bytes], of a trainer */
    int64_t state_bytes; /**< at most SGS_STATE_HEAD_BYTES_MAX + 8 n */
    const void *records; /**< [record_values] 8-byte values: the run's row of sgs_rows, whole; aligned to 8 */
    int64_t record_values;
    const void *weights; /**< [weight_values] doubles: the first of the run's row of sgs_rows; aligned to 8 */
    int64_t weight_values;
} sgs_saved_run;

enum { SGS_STATE_HEAD_BYTES_MAX = 4096 };

/** Bytes of the record of a saved run, a multiple of 8. */
int64_t sgs_saved_bytes(const sgs_saved_run *saved);

/** Write the record: sgs_saved_bytes(saved) bytes. */
void sgs_saved_encode(const sgs_saved_run *saved, void *bytes);

/** Read a record out of bytes, which stay borrowed by saved and are aligned to 8 as malloc does. Any bytes will do.
 *  @return SGS_OK; SGS_EDAMAGED: not a whole record, or not as it was written */
sgs_status sgs_saved_decode(const void *bytes, int64_t size, sgs_saved_run *saved, sgs_error *err);

/** Is it a run of this grid, with arrays no larger than the grid asks for?
 *  @return SGS_OK; SGS_EINVAL */
sgs_status sgs_saved_check(const sgs_saved_run *saved, const sgs_grid *grid, sgs_error *err);

/** A state file is named by the start of the sweep that wrote it (1, 2, ...) and its rank: FILE.ckpt/LIFE-RANK.state.
 * One rank has one at most in a life, and replaces it as a whole. */
typedef struct sgs_state_name {
    int64_t life, rank;
} sgs_state_name;

/** The path of a state file in a new string; NULL: out of memory. */
char *sgs_state_path(const char *path, sgs_state_name name);

/** State files of a results file, in ascending order of life and rank, into a new array; none is no error. With tidy,
 * temporary files that killed writers left are removed.
 *  @return SGS_OK; SGS_EIO; SGS_ENOMEM */
sgs_status sgs_state_list(const char *path, bool tidy, sgs_state_name **names, int64_t *count, sgs_error *err);

/** Remove a state file; one that is not there is no error. sgs_state_remove_folder: the folder, if it is empty. */
sgs_status sgs_state_remove(const char *path, sgs_state_name name, sgs_error *err);
void sgs_state_remove_folder(const char *path);

/** A state file that is being written, under a temporary name; the folder is made if need be. Not collective. */
typedef struct sgs_state_file sgs_state_file;

sgs_status sgs_state_create(const char *path, sgs_state_name name, const sgs_grid *grid, sgs_state_file **file,
                            sgs_error *err);
/** After a failure only sgs_state_discard may follow. */
sgs_status sgs_state_add(sgs_state_file *file, const sgs_saved_run *saved, sgs_error *err);
/** Bytes so far. */
int64_t sgs_state_bytes(const sgs_state_file *file);
/** fsync, move into place over an earlier one of that name, fsync the folder. Takes the file, also on failure; then the
 * earlier one stays as it was, unless it was the folder's fsync that failed. */
sgs_status sgs_state_publish(sgs_state_file *file, sgs_error *err);
/** Take the file and remove it. Accepts NULL. */
void sgs_state_discard(sgs_state_file *file);

/** Where a record stands. */
typedef struct sgs_state_place {
    int64_t offset, bytes;
} sgs_state_place;

/** Visit every good record of a state file; saved is borrowed for the call. Any file will do: nothing in it is believed
 * before it is checked, and no more memory is taken than a record of this grid can need.
 *  @return SGS_OK; SGS_EDAMAGED: truncated or not as it was written (visited were the records before the first damaged
 *  one); SGS_EINVAL: of another grid, program or machine, nothing was visited; SGS_EIO; SGS_ENOMEM */
sgs_status sgs_state_scan(const char *path, sgs_state_name name, const sgs_grid *grid,
                          void (*visit)(void *context, const sgs_saved_run *saved, sgs_state_place place),
                          void *context, sgs_error *err);

/** Read one record again. bytes: a new buffer that saved borrows, to be freed; NULL after a failure.
 *  @return as sgs_state_scan */
sgs_status sgs_state_read(const char *path, sgs_state_name name, const sgs_grid *grid, sgs_state_place place,
                          void **bytes, sgs_saved_run *saved, sgs_error *err);

/* ---- runs of one file in another ---------------------------------------------------------------------------------
 */

typedef struct sgs_copied {
    int64_t copied;     /**< runs written */
    int64_t same;       /**< were there already, with the same bytes */
    int64_t damaged;    /**< of `from`: the checksum does not hold */
    int64_t limited;    /**< of `from`: stopped by another step limit */
    int64_t lost;       /**< of the damaged ones, those that were pending in `to` when they came by */
    int64_t first_lost; /**< their first in `from`, if there is any */
} sgs_copied;

/** Copies the runs that two files share by their parameters, wherever they stand. What `to` keeps of a run `from` must
 *  keep too; of records a part of the measures and steps will do. Memory is that of a few pages. */
typedef struct sgs_copier sgs_copier;

/** Both stores are borrowed; `to` is open for writing.
 *  @param[out] copier  NULL if no run of `from` can be taken
 *  @param[out] why     then: the reason; else empty
 *  @return SGS_OK, also then; SGS_ENOMEM */
sgs_status sgs_copier_create(sgs_store *from, sgs_store *to, sgs_copier **copier, char why[SGS_ERROR_TEXT_BYTES],
                             sgs_error *err);
void sgs_copier_destroy(sgs_copier *copier);

/** Copy what can be taken of the runs [first, first + count) of `from`. Not collective; several ranks may copy distinct
 *  ranges at the same time.
 *  @return SGS_OK; SGS_EDAMAGED: both files have a run, with different bytes (its name in err); SGS_ERANGE; SGS_EIO */
sgs_status sgs_copier_copy(sgs_copier *copier, int64_t first, int64_t count, sgs_error *err);

/** What was copied so far. */
sgs_copied sgs_copier_count(const sgs_copier *copier);

/* ---- FILE.lock: one writer at a time ----------------------------------------------------------------------------- */

/** Held by rank 0 of a sweep, or by a merge: an OFD lock on FILE.lock plus a counter in it that beats every 5 s from a
 * thread, with host, Slurm job, restart count and pid. */
typedef struct sgs_lock sgs_lock;

/** Take the lock of a results file. Lock free: taken. Lock held (or not enforced by the file system): taken over with a
 *  line in `notice` if the counter stands still for 15 s or the same Slurm job has a higher restart count, else
 *  SGS_EEXIST at once with the owner's name as soon as the counter is seen moving.
 *  @param[out] notice  SGS_ERROR_TEXT_BYTES; empty if there is nothing to say */
sgs_status sgs_lock_take(const char *path, sgs_lock **lock, char *notice, sgs_error *err);

/** Release and remove. Accepts NULL. */
void sgs_lock_release(sgs_lock *lock);

/** Remove what killed sweeps left beside the file: lock files of MPI-IO, half-made files of creations and merges. By
 * who holds the lock, so that no sweep and no merge is at it, on any host; what cannot be removed does no harm. */
void sgs_store_tidy(const char *path);

#ifdef __cplusplus
}
#endif
#endif
