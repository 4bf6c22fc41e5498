/** @file fleet.h
 *  The sweep over MPI: rank 0 is the master and trains too, every other rank asks it for blocks, trains them and writes
 *  them into the results file.
 *
 *  Errors between ranks go four ways and no others: a run's failure is data in its result, or, for a reason of the
 *  machine (memory, I/O), a report to the master, who hands the run out again, three times, before it is `failed`; a
 *  rank's fatal error is sent to the master, who stops handing out; at a collective phase sgs_agree_coll (store.h)
 * gives all ranks the worst status; an MPI failure prints one line with rank, file and line and calls MPI_Abort. */
#ifndef SGDSWEEP_FLEET_H
#define SGDSWEEP_FLEET_H

#include "sgdsweep/sched.h"
#include <mpi.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sgs_progress { SGS_PROGRESS_AUTO, SGS_PROGRESS_BAR, SGS_PROGRESS_LOG, SGS_PROGRESS_NONE } sgs_progress;
/** Who writes results: every rank its own, one rank a node, rank 0. Auto: root where several nodes write on a file
 * system whose clients do not keep their caches coherent (NFS, SMB), else all. */
typedef enum sgs_writer { SGS_WRITER_AUTO, SGS_WRITER_ALL, SGS_WRITER_NODE, SGS_WRITER_ROOT } sgs_writer;
typedef enum sgs_master { SGS_MASTER_AUTO, SGS_MASTER_SHARED, SGS_MASTER_DEDICATED } sgs_master;

/** Long runs at the end of a sweep: handed over where it gains, never, or wherever a rank waits (for tests). */
typedef enum sgs_hand_over { SGS_HAND_OVER_AUTO, SGS_HAND_OVER_NEVER, SGS_HAND_OVER_ALWAYS } sgs_hand_over;

typedef struct sgs_sweep_options {
    const char *path;      /**< of the results file */
    bool fail_fast;        /**< stop at the first run that fails for a reason of the machine */
    bool allow_size;       /**< create above 100 GB or half of the free space */
    sgs_progress progress; /**< auto: bar on a terminal, log elsewhere */
    sgs_master master;     /**< auto: dedicated from 64 ranks */
    sgs_writer writer;
    sgs_hand_over hand_over;  /**< auto: where it gains */
    double max_seconds;       /**< stop after so many seconds; 0: no limit */
    double deadline;          /**< stop before this time, seconds since the epoch; 0: none */
    double checkpoint_s;      /**< save the state of runs with so many seconds of work since the last save; 0: only at a
                                 stop */
    int64_t state_bytes_max;  /**< of a rank's state file; 0: no limit. A run whose state does not fit is not saved */
    const sgs_speed *speed;   /**< of the machine, for the schedule on rank 0; NULL: not measured. Borrowed */
    const char *const *reuse; /**< [reuse_count] results files whose runs are copied; borrowed */
    int reuse_count;
} sgs_sweep_options;

/** MPI_Init_thread at the level that the sweep needs (FUNNELED), and MPI_Finalize. Collective. A failure aborts.
 *  @param[out] rank  of the caller in MPI_COMM_WORLD */
void sgs_fleet_start_coll(int *argc, char ***argv, int *rank);
void sgs_fleet_end_coll(void);

/** Give every rank the grid that rank 0 holds, through its canonical text. Collective.
 *  @param[in,out] grid  rank 0: the grid; other ranks: NULL, and the grid on return, owned by the caller
 *  @return the same on every rank: SGS_OK; SGS_ENOMEM; what parsing returns */
sgs_status sgs_grid_share_coll(MPI_Comm comm, sgs_grid **grid, sgs_error *err);

/** Create or resume the results file and train until every run is done, a stop is requested or something fails; read
 *  everything back before SGS_OK. Progress goes to standard error of rank 0, events to FILE.log. Collective. The grid
 * is the same on every rank.
 *  @return the same on every rank: SGS_OK: complete and read back; SGS_STOPPED: resumable; SGS_EINVAL: the file is of
 *  another grid or version; SGS_EDAMAGED; SGS_EEXIST: another sweep writes it; SGS_EIO: also if runs failed for good;
 * SGS_ENOMEM */
sgs_status sgs_sweep_coll(MPI_Comm comm, const sgs_grid *grid, const sgs_sweep_options *options, sgs_error *err);

/** Install the handlers for USR1, TERM and INT that request a stop (a second INT ends the process); ask if one was
 *  requested. Not collective. */
void sgs_stop_install(void);
bool sgs_stop_requested(void);

#ifdef __cplusplus
}
#endif
#endif
