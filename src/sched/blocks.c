#include "blocks.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool blocks_reserve(struct blocks *blocks)
{
    if (blocks->count < blocks->capacity)
        return true;
    size_t capacity = blocks->capacity ? 2 * blocks->capacity : 16;
    sgs_block *grown = realloc(blocks->at, capacity * sizeof *grown);
    if (!grown)
        return false;
    blocks->at = grown;
    blocks->capacity = capacity;
    return true;
}

/* Number of members that begin at or before a run. */
static size_t members_up_to(const struct blocks *blocks, int64_t run)
{
    size_t low = 0;
    size_t high = blocks->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (blocks->at[middle].first <= run)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void blocks_insert(struct blocks *blocks, sgs_block block)
{
    size_t place = members_up_to(blocks, block.first);
    memmove(blocks->at + place + 1, blocks->at + place, (blocks->count - place) * sizeof *blocks->at);
    blocks->at[place] = block;
    blocks->count++;
}

static void remove_member(struct blocks *blocks, size_t place)
{
    blocks->count--;
    memmove(blocks->at + place, blocks->at + place + 1, (blocks->count - place) * sizeof *blocks->at);
}

sgs_status blocks_remove(struct blocks *blocks, sgs_block block, sgs_error *err)
{
    size_t place = members_up_to(blocks, block.first);
    sgs_block whole = place ? blocks->at[place - 1] : (sgs_block){0, 0};
    int64_t end = whole.first + whole.count;

    if (block.count < 1 || block.count > end - block.first)
        return sgs_fail(err, SGS_ERANGE, "runs %" PRId64 " + %" PRId64 " were not handed out", block.first,
                        block.count);
    if (!blocks_reserve(blocks))
        return sgs_fail(err, SGS_ENOMEM, "no memory for the list of blocks");

    int64_t before = block.first - whole.first;
    int64_t after = end - block.first - block.count;
    if (before > 0)
        blocks->at[place - 1].count = before;
    else
        remove_member(blocks, place - 1);
    if (after > 0)
        blocks_insert(blocks, (sgs_block){block.first + block.count, after});
    return SGS_OK;
}
