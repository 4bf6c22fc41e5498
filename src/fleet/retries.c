#include "retries.h"
#include <stdlib.h>

static bool overlap(sgs_block a, sgs_block b)
{
    return a.first < b.first + b.count && b.first < a.first + a.count;
}

int retries_count(struct retries *retries, sgs_block block)
{
    int times = 1;

    for (int64_t i = 0; i < retries->count; i++)
        if (overlap(retries->at[i].block, block) && retries->at[i].times >= times)
            times = retries->at[i].times + 1;
    if (retries->count == retries->capacity) {
        int64_t capacity = retries->capacity > 0 ? 2 * retries->capacity : 64;
        struct retry *grown = realloc(retries->at, (size_t)capacity * sizeof *grown);
        if (!grown)
            return 0;
        retries->at = grown;
        retries->capacity = capacity;
    }
    retries->at[retries->count++] = (struct retry){block, times};
    return times;
}

void retries_clear(struct retries *retries)
{
    free(retries->at);
    *retries = (struct retries){0};
}
