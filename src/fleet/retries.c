#include "retries.h"
#include <stdlib.h>

static int64_t end_of(sgs_block block)
{
    return block.first + block.count;
}

static bool overlap(sgs_block a, sgs_block b)
{
    return a.first < end_of(b) && b.first < end_of(a);
}

static bool reserve(struct retries *retries, size_t more)
{
    if (retries->capacity - retries->count >= more)
        return true;
    size_t capacity = 2 * retries->capacity + 16;
    struct retry *grown = realloc(retries->at, capacity * sizeof *grown);
    if (!grown)
        return false;
    retries->at = grown;
    retries->capacity = capacity;
    return true;
}

/* Take a block out of the entries. One that it splits in two needs room for one more. */
static void cut(struct retries *retries, sgs_block block)
{
    for (size_t i = retries->count; i-- > 0;) {
        struct retry *entry = &retries->at[i];
        if (!overlap(entry->block, block))
            continue;
        const int64_t before = block.first - entry->block.first;
        const int64_t behind = end_of(entry->block) - end_of(block);
        if (before > 0 && behind > 0) {
            retries->at[retries->count] = *entry;
            retries->at[retries->count++].block = (sgs_block){end_of(block), behind};
        }
        if (before > 0)
            entry->block.count = before;
        else if (behind > 0)
            entry->block = (sgs_block){end_of(block), behind};
        else
            *entry = retries->at[--retries->count]; /* the last: it was looked at, or is this one */
    }
}

int retries_broken(struct retries *retries, sgs_block block, int rank)
{
    struct retry now = {.block = block};

    if (!reserve(retries, 2))
        return 0;
    for (size_t i = 0; i < retries->count; i++)
        if (overlap(retries->at[i].block, block) && retries->at[i].times > now.times)
            now = retries->at[i];
    now.block = block;
    now.waiting = true;
    cut(retries, block);
    if (now.times == RETRIES_MAX)
        return RETRIES_MAX + 1;
    now.rank[now.times++] = rank;
    retries->at[retries->count++] = now;
    return now.times;
}

static bool broke(const struct retry *entry, int rank, const struct trainers *trainers)
{
    const int writer = trainers->writer ? trainers->writer[rank] : rank;

    for (int i = 0; i < entry->times; i++)
        if (entry->rank[i] == rank || entry->rank[i] == writer)
            return true;
    return false;
}

/* Others first. */
static bool is_for(const struct retry *entry, int rank, const struct trainers *trainers)
{
    if (!broke(entry, rank, trainers))
        return true;
    for (int other = trainers->first; other < trainers->end; other++)
        if (!broke(entry, other, trainers))
            return false;
    return entry->rank[entry->times - 1] != rank || trainers->end - trainers->first == 1;
}

bool retries_take(struct retries *retries, int rank, const struct trainers *trainers, sgs_block *block)
{
    for (size_t i = 0; i < retries->count; i++) {
        struct retry *entry = &retries->at[i];
        if (!entry->waiting || !is_for(entry, rank, trainers))
            continue;
        entry->waiting = false;
        *block = entry->block;
        return true;
    }
    return false;
}

void retries_done(struct retries *retries, sgs_block block)
{
    /* without memory an entry may keep runs that are done: nobody asks for them any more */
    if (retries->count > 0 && reserve(retries, 1))
        cut(retries, block);
}

void retries_clear(struct retries *retries)
{
    free(retries->at);
    *retries = (struct retries){0};
}
