#include "pieces.h"
#include <stdlib.h>

enum { STRIPS_MAX = 1 << 22 };

sgs_status pieces_append(struct pieces *pieces, struct piece piece, sgs_error *err)
{
    if (pieces->count == pieces->capacity) {
        size_t capacity = pieces->capacity ? 2 * pieces->capacity : 256;
        struct piece *grown = realloc(pieces->at, capacity * sizeof *grown);
        if (!grown)
            return sgs_fail(err, SGS_ENOMEM, "no memory for a schedule of %zu pieces", capacity);
        pieces->at = grown;
        pieces->capacity = capacity;
    }
    pieces->at[pieces->count++] = piece;
    pieces->tail = pieces->count;
    return SGS_OK;
}

static int longest_first(const void *left, const void *right)
{
    const struct piece *a = left;
    const struct piece *b = right;
    if (a->run_s != b->run_s)
        return a->run_s > b->run_s ? -1 : 1;
    return (a->first > b->first) - (a->first < b->first);
}

void pieces_sort(struct pieces *pieces)
{
    if (pieces->count)
        qsort(pieces->at, pieces->count, sizeof *pieces->at, longest_first);
}

void pieces_link(struct pieces *pieces, int64_t strips, int64_t strip_runs)
{
    if (strips > STRIPS_MAX)
        return;
    pieces->of_strip = malloc((size_t)strips * sizeof *pieces->of_strip);
    if (!pieces->of_strip)
        return;
    for (int64_t i = 0; i < strips; i++)
        pieces->of_strip[i] = -1;
    for (size_t place = pieces->count; place-- > 0;) {
        int64_t *first = &pieces->of_strip[pieces->at[place].first / strip_runs];
        pieces->at[place].next = *first;
        *first = (int64_t)place;
    }
}

size_t pieces_of_strip(struct pieces *pieces, int64_t strip, double run_s)
{
    if (!pieces->of_strip)
        return pieces->count;
    int64_t *first = &pieces->of_strip[strip];
    while (*first >= 0 && pieces->at[*first].count == 0)
        *first = pieces->at[*first].next;
    for (int64_t place = *first; place >= 0; place = pieces->at[place].next)
        if (pieces->at[place].count > 0 && pieces->at[place].run_s <= run_s)
            return (size_t)place;
    return pieces->count;
}

size_t pieces_live(struct pieces *pieces, size_t from)
{
    size_t live = from;
    while (live < pieces->count && pieces->at[live].count == 0)
        live = (size_t)pieces->at[live].first;
    while (from < live) { /* shorten the links, so that the walk costs next to nothing the next time */
        size_t next = (size_t)pieces->at[from].first;
        pieces->at[from].first = (int64_t)live;
        from = next;
    }
    return live;
}

size_t pieces_last(struct pieces *pieces)
{
    while (pieces->tail > 0 && pieces->at[pieces->tail - 1].count == 0)
        pieces->tail--;
    return pieces->tail > 0 ? pieces->tail - 1 : pieces->count;
}

size_t pieces_shorter(const struct pieces *pieces, double run_s)
{
    size_t low = 0;
    size_t high = pieces->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (pieces->at[middle].run_s > run_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

sgs_block pieces_take(struct pieces *pieces, size_t place, int64_t count)
{
    struct piece *piece = &pieces->at[place];
    sgs_block block = {piece->first, count};

    piece->first += count;
    piece->count -= count;
    if (piece->count == 0)
        piece->first = (int64_t)place + 1;
    return block;
}
