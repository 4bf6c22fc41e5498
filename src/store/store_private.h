/* The open store, and what its files share. Tests include it to reach limits that are too large or slow to meet. */
#ifndef SGS_STORE_PRIVATE_H
#define SGS_STORE_PRIVATE_H

#include "hdf5_util.h"
#include "layout.h"
#include "sgdsweep/store.h"
#include <pthread.h>

/* Invariant: once opened, every live variable's dataset is open, with the shape and type of the table. */
struct sgs_store {
    char *path;
    sgs_store_mode mode;
    int algorithm_version;
    sgs_grid *grid;
    sgs_layout layout;
    hid_t file;
    hid_t dataset[SGS_LAYOUT_VARIABLES];                      /* of live variables; else H5I_INVALID_HID */
    hid_t run_space, record_space, walk_space, weights_space; /* their shapes in the file, for selections */
    hid_t cell_space;                                         /* of decisions, in grids with a rule */
    int sync_fd;                                              /* -1 when open for reading */
    pthread_mutex_t sync_turn;
    int sync_errno; /* of the first sync that failed; under sync_turn */
    MPI_Comm comm;  /* a duplicate; MPI_COMM_NULL when opened without MPI */
    void *scratch;
    size_t scratch_bytes;
};

/* Open with the serial driver without looking at the frozen bytes: for a file that is being made, and for the child
 * process that tries a file without a log. Checks versions, grid digest and every variable. */
sgs_status sgs_store_open_unchecked(const char *path, sgs_store_mode mode, sgs_store **store, sgs_error *err);

/* A buffer of the store of at least size bytes, valid until the next call; NULL: out of memory. */
void *sgs_store_scratch(sgs_store *store, size_t size);

/* "" or an error for a range that is not inside of the runs. */
sgs_status sgs_store_check_range(const sgs_store *store, int64_t first, int64_t count, sgs_error *err);

/* Does the batch of a run fit? A skipped run never has a result. */
bool sgs_store_is_skipped(const sgs_store *store, int64_t index);

/* Of the rows of a block, those from run i on. */
sgs_rows sgs_rows_from(const sgs_store *store, const sgs_rows *rows, int64_t i);

/* Checksum of the first of the rows as it stands in the file: CRC32C of run key, status, values, records and weights,
 * of which n a point (not the padding). */
uint32_t sgs_store_checksum(const sgs_store *store, sgs_key run_key, const sgs_rows *row, int32_t n);

typedef struct sgs_create_options {
    bool allow_size;
    bool ignore_space;           /* tests: do not look at the free space before */
    bool ignore_reserve;         /* tests: do not reserve it, as on file systems that cannot */
    int64_t reserve_above_bytes; /* records and weights larger than this are not filled */
} sgs_create_options;

#define SGS_RESERVE_ABOVE_BYTES 10000000000LL
#define SGS_SIZE_LIMIT_BYTES    100000000000LL

sgs_status sgs_store_create_with(const char *path, const sgs_grid *grid, const sgs_create_options *options,
                                 sgs_error *err);

#endif
