/* What is waiting: pieces of strips, ordered by predicted seconds of a run, longest first.
 *
 * Invariants: a piece lies in one strip and holds neighbouring cells, as many as it takes for a full set of lanes and a
 * few milliseconds, so that its runs cost about the same. After pieces_sort, pieces stay where they are; a piece only
 * loses runs from its front. An empty piece's `first` links to a later piece, none of those between has any run. */
#ifndef SGDSWEEP_SCHED_PIECES_H
#define SGDSWEEP_SCHED_PIECES_H

#include "sgdsweep/sched.h"

struct piece {
    int64_t first, count;
    double run_s; /* of its longest run */
};

struct pieces {
    struct piece *at;
    size_t count, capacity;
    size_t tail; /* pieces from here on are empty */
};

sgs_status pieces_append(struct pieces *pieces, struct piece piece, sgs_error *err);
void pieces_sort(struct pieces *pieces);

/* The first piece with runs whose place is at least `from`; pieces->count if there is none. */
size_t pieces_live(struct pieces *pieces, size_t from);

/* The last piece with runs; pieces->count if there is none. */
size_t pieces_last(struct pieces *pieces);

/* The first place whose runs take at most run_s each. */
size_t pieces_shorter(const struct pieces *pieces, double run_s);

/* Take runs from the front of a piece. */
sgs_block pieces_take(struct pieces *pieces, size_t place, int64_t count);

#endif
