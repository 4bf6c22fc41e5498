/* Blocks that are out: an ordered set of disjoint ranges, of a size of the order of the number of trainers. A part of a
 * member can be taken out, the rest stays. */
#ifndef SGDSWEEP_SCHED_BLOCKS_H
#define SGDSWEEP_SCHED_BLOCKS_H

#include "sgdsweep/sched.h"

struct blocks {
    sgs_block *at; /* ascending, disjoint */
    size_t count, capacity;
};

/* Room for one more member; false: out of memory. */
bool blocks_reserve(struct blocks *blocks);

/* Insert a block that overlaps none. Room was reserved. */
void blocks_insert(struct blocks *blocks, sgs_block block);

/* Take out a range that lies in one member. SGS_ERANGE: it does not; SGS_ENOMEM. */
sgs_status blocks_remove(struct blocks *blocks, sgs_block block, sgs_error *err);

#endif
