/* Saved runs of earlier lives: which there are, and where they stand. Every rank has the whole list (some tens of bytes
 * a run), so whoever gets a block reads the states of its runs itself.
 *
 * A state file stays until all of its runs are done or saved anew, and those newer bytes are on the disk. */
#ifndef SGDSWEEP_FLEET_STATES_H
#define SGDSWEEP_FLEET_STATES_H

#include "sgdsweep/sched.h"
#include "sgdsweep/store.h"

struct sweep;

/* One run's best state. */
struct state_entry {
    int64_t run, steps;
    sgs_state_place place;
    int64_t file; /* number in states.files */
};

enum state_class {
    STATES_GOOD,    /* of this sweep */
    STATES_DAMAGED, /* of no use; removed when the sweep is complete */
    STATES_FOREIGN  /* of another sweep, program or machine; never touched */
};

struct states {
    const char *path; /* of the results file; borrowed */
    const sgs_grid *grid;
    int64_t life; /* the number of this one */
    int64_t file_count;
    sgs_state_name *files; /* of earlier lives */
    int64_t count;
    struct state_entry *entries; /* in order of runs, one a run; none that is done */
    /* rank 0 only */
    int *file_class;     /* [file_count] state_class */
    int64_t *file_needs; /* [file_count] entries that are neither done nor saved anew */
    bool *gone;          /* [count] is it? */
};

/* List, check and share; say and log what is of no use, remove what is not needed any more. Collective. */
sgs_status states_open_coll(struct sweep *sweep, struct states *states, sgs_error *err);
void states_clear(struct states *states);

/* The entry of a run, NULL if there is none. */
const struct state_entry *states_find(const struct states *states, int64_t run);

/* Read an entry: see sgs_state_read. */
sgs_status states_read(const struct states *states, const struct state_entry *entry, void **bytes, sgs_saved_run *saved,
                       sgs_error *err);

/* Rank 0: these runs are done, or saved anew. */
void states_supersede(struct states *states, sgs_block block);

/* Rank 0, when results and newer states are on the disk: remove the files of earlier lives that nobody needs. */
sgs_status states_prune(struct states *states, sgs_error *err);

/* Rank 0, after states_prune: if more than files_max files stay, what is needed of earlier lives goes into the file of
 * this rank, if that is not too much (bytes_max: 0, no limit). */
sgs_status states_bound(struct states *states, int64_t files_max, int64_t bytes_max, sgs_error *err);

/* Rank 0, when every run is done and read back: remove all files of this sweep. */
sgs_status states_remove_all(struct states *states, sgs_error *err);

#endif
