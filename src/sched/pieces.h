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
    int64_t next; /* after pieces_link: place of the next piece of the same strip, or -1 */
};

struct pieces {
    struct piece *at;
    size_t count, capacity;
    size_t tail;       /* pieces from here on are empty */
    int64_t *of_strip; /* [strips] place of the first piece of a strip that may have runs, or -1; NULL: not linked */
};

sgs_status pieces_append(struct pieces *pieces, struct piece piece, sgs_error *err);
void pieces_sort(struct pieces *pieces);

/* Link the pieces of each strip, after sorting. Pieces stay unlinked, which costs speed only, where strips are so many
 * that the links would be large, or memory is out. */
void pieces_link(struct pieces *pieces, int64_t strips, int64_t strip_runs);

/* The first piece of a strip with runs of at most run_s each; pieces->count if there is none. */
size_t pieces_of_strip(struct pieces *pieces, int64_t strip, double run_s);

/* The first piece with runs whose place is at least `from`; pieces->count if there is none. */
size_t pieces_live(struct pieces *pieces, size_t from);

/* The last piece with runs; pieces->count if there is none. */
size_t pieces_last(struct pieces *pieces);

/* The first place whose runs take at most run_s each. */
size_t pieces_shorter(const struct pieces *pieces, double run_s);

/* Take runs from the front of a piece. */
sgs_block pieces_take(struct pieces *pieces, size_t place, int64_t count);

#endif
