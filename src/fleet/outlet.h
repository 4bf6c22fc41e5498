/* The way of finished runs into the results file. One rank writes what this one trains: itself, the first rank of its
 * node, or rank 0 (route.h).
 *
 * Rows are held until a megabyte or some seconds are together: a twentieth of the time since the sweep began, ten
 * seconds at most, so that what a kill costs stays in proportion. They go at once when their rank has nothing else to
 * do, at a stop, and before a state file is replaced; in grids with a rule for the number of seeds nothing is held,
 * since cells wait for it. Rows that are neighbours in the file are written together.
 *
 * The order of the file format (data, checksum, status) is sgs_store_write's, whoever calls it. A run counts as done
 * when the rank that wrote it has told the master, and never before. Rows that could not be written are told as broken,
 * as if their runs had never been trained; the rank that failed to write rests a while before it tries again.
 *
 * Nobody waits for anybody but for the rank that writes for it, which waits for nobody: no rank is kept for ever. */
#ifndef SGDSWEEP_FLEET_OUTLET_H
#define SGDSWEEP_FLEET_OUTLET_H

#include "message.h"
#include "sgdsweep/store.h"

struct outlet;

/* Where blocks that are done, saved, dropped or broken are told. text: NULL unless report_has_text. */
struct crew_sink {
    void (*tell)(void *context, const struct report *report, const sgs_error *text);
    void *context;
};

struct outlet_setup {
    MPI_Comm comm;    /* borrowed */
    sgs_store *store; /* borrowed */
    int rank, writer; /* of this rank, and who writes for it */
    int clients;      /* other ranks that this one writes for */
};

/* What an outlet did. Sums of ranks make sense. */
struct outlet_counts {
    int64_t pieces, bytes, writes;   /* blocks and parts of them, their bytes, and the ranges they were written in */
    int64_t messages, message_bytes; /* between ranks, of rows on their way */
    double seconds;                  /* of writing */
};

/* No rank is told of anything until outlet_connect. */
sgs_status outlet_create(const struct outlet_setup *setup, struct outlet **outlet, sgs_error *err);
void outlet_connect(struct outlet *outlet, struct crew_sink sink);
void outlet_destroy(struct outlet *outlet);

/* All of these return what is fatal; what another try may mend is told as broken.
 *
 * Take the rows of a piece (copied, or written before it returns); done: what the master is told once they are in the
 * file. */
sgs_status outlet_put(struct outlet *outlet, const struct report *done, const sgs_rows *rows, sgs_error *err);

/* Between slices: take in what other ranks sent, pass on what is due. idle: this rank has nothing to train. */
sgs_status outlet_poll(struct outlet *outlet, bool idle, bool *moved, sgs_error *err);

/* Pass on everything, whatever is due. */
sgs_status outlet_flush(struct outlet *outlet, sgs_error *err);

/* Everything that was put is in the file and on the disk, or told as broken. SGS_EIO: it could not be brought there. */
sgs_status outlet_settle(struct outlet *outlet, sgs_error *err);

/* Nothing is put any more: flush, and take in what the others send until they have said the same. Every rank of the
 * sweep calls it. */
sgs_status outlet_end(struct outlet *outlet, sgs_error *err);

/* A write failed a moment ago: no good time to take more work. */
bool outlet_rests(const struct outlet *outlet);

struct outlet_counts outlet_count(const struct outlet *outlet);

#endif
