/* A run's lot is a hash of the seed and its index, a cell's one of the seed and the cell's. The runs of a cell with the
 * lowest lots are its first, second, ... ; drawn are the lowest in the order (place in its cell, lot of the cell). */
#include "sample.h"
#include <stdlib.h>
#include <string.h>

struct lot {
    uint64_t place, hash;
    int64_t run;
};

/* The lowest lots so far, ascending. */
struct lots {
    struct lot *at;
    int64_t count, room;
};

struct sample {
    uint64_t seed;
    int64_t cell;           /* whose runs are being offered; -1 at first */
    struct lots here, best; /* of this cell; of all cells before it */
    int64_t *runs;
};

static bool is_lower(const struct lot *a, const struct lot *b)
{
    return a->place != b->place ? a->place < b->place : a->hash < b->hash;
}

static void keep_lowest(struct lots *lots, struct lot lot)
{
    int64_t at = lots->count;
    if (at == lots->room && !is_lower(&lot, &lots->at[at - 1]))
        return;
    while (at > 0 && is_lower(&lot, &lots->at[at - 1]))
        at--;
    int64_t moved = (lots->count < lots->room ? lots->count : lots->room - 1) - at;
    memmove(&lots->at[at + 1], &lots->at[at], (size_t)moved * sizeof *lots->at);
    lots->at[at] = lot;
    lots->count += lots->count < lots->room;
}

static uint64_t hash_of(uint64_t seed, uint64_t kind, int64_t number)
{
    const uint64_t words[3] = {seed, kind, (uint64_t)number};
    return sgs_key_of(words, sizeof words).hi;
}

static void end_cell(struct sample *sample)
{
    for (int64_t i = 0; i < sample->here.count; i++) {
        struct lot lot = {(uint64_t)i, hash_of(sample->seed, 0, sample->cell), sample->here.at[i].run};
        keep_lowest(&sample->best, lot);
    }
    sample->here.count = 0;
}

sgs_status sample_create(uint64_t seed, int64_t wanted, struct sample **sample, sgs_error *err)
{
    struct sample *made = calloc(1, sizeof *made);
    *sample = NULL;
    if (!made)
        return sgs_fail(err, SGS_ENOMEM, "drawing runs");
    made->seed = seed;
    made->cell = -1;
    made->here.room = wanted;
    made->best.room = wanted;
    made->here.at = calloc((size_t)wanted, sizeof *made->here.at);
    made->best.at = calloc((size_t)wanted, sizeof *made->best.at);
    made->runs = calloc((size_t)wanted, sizeof *made->runs);
    if (!made->here.at || !made->best.at || !made->runs) {
        sample_destroy(made);
        return sgs_fail(err, SGS_ENOMEM, "drawing runs");
    }
    *sample = made;
    return SGS_OK;
}

void sample_destroy(struct sample *sample)
{
    if (!sample)
        return;
    free(sample->here.at);
    free(sample->best.at);
    free(sample->runs);
    free(sample);
}

void sample_offer(struct sample *sample, int64_t cell, int64_t run)
{
    if (cell != sample->cell)
        end_cell(sample);
    sample->cell = cell;
    keep_lowest(&sample->here, (struct lot){0, hash_of(sample->seed, 1, run), run});
}

void sample_end(struct sample *sample)
{
    end_cell(sample);
    for (int64_t i = 0; i < sample->best.count; i++)
        sample->runs[i] = sample->best.at[i].run;
}

int64_t sample_drawn(const struct sample *sample, const int64_t **runs)
{
    *runs = sample->runs;
    return sample->best.count;
}
