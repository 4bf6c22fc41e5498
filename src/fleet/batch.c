#include "batch.h"
#include <stdlib.h>
#include <string.h>

struct batch batch_for(const sgs_store *store)
{
    return (struct batch){.record_values = sgs_store_record_values(store),
                          .weight_values = sgs_store_weight_values(store)};
}

void batch_clear(struct batch *batch)
{
    free(batch->piece);
    free(batch->rows);
    batch->piece = NULL;
    batch->rows = NULL;
    batch->count = batch->capacity = batch->bytes = batch->bytes_capacity = 0;
}

int64_t batch_row_bytes(const struct batch *batch)
{
    return (int64_t)sizeof(sgs_result) + (batch->record_values + batch->weight_values) * (int64_t)sizeof(double);
}

static bool grow(void **memory, int64_t *capacity, int64_t needed, size_t size)
{
    if (needed <= *capacity)
        return true;
    int64_t larger = 2 * *capacity > needed ? 2 * *capacity : needed;
    void *grown = realloc(*memory, (size_t)larger * size);
    if (!grown)
        return false;
    *memory = grown;
    *capacity = larger;
    return true;
}

bool batch_reserve(struct batch *batch, int64_t pieces, int64_t runs)
{
    void *piece = batch->piece;
    void *rows = batch->rows;
    bool good = grow(&piece, &batch->capacity, batch->count + pieces, sizeof *batch->piece);

    batch->piece = piece;
    good = good && grow(&rows, &batch->bytes_capacity, batch->bytes + runs * batch_row_bytes(batch), 1);
    batch->rows = rows;
    return good;
}

char *batch_add_space(struct batch *batch, const struct report *piece, int64_t pieces)
{
    char *space = batch->rows + batch->bytes;

    for (int64_t i = 0; i < pieces; i++) {
        batch->piece[batch->count++] = piece[i];
        batch->bytes += piece[i].block.count * batch_row_bytes(batch);
    }
    return space;
}

void batch_add(struct batch *batch, const struct report *done, const sgs_rows *rows)
{
    const size_t record_bytes = (size_t)batch->record_values * sizeof *rows->records;
    const size_t weight_bytes = (size_t)batch->weight_values * sizeof *rows->weights;
    char *row = batch_add_space(batch, done, 1);

    for (int64_t i = 0; i < done->block.count; i++) {
        memcpy(row, rows->results + i, sizeof(sgs_result));
        row += sizeof(sgs_result);
        if (record_bytes > 0)
            memcpy(row, rows->records + i * batch->record_values, record_bytes);
        row += record_bytes;
        if (weight_bytes > 0)
            memcpy(row, rows->weights + i * batch->weight_values, weight_bytes);
        row += weight_bytes;
    }
}

void batch_empty(struct batch *batch)
{
    batch->count = 0;
    batch->bytes = 0;
}

/* ---- out of it ----------------------------------------------------------------------------------------------------
 */

static int by_first(const void *a, const void *b)
{
    const int64_t left = ((const struct place *)a)->piece->block.first;
    const int64_t right = ((const struct place *)b)->piece->block.first;
    return (left > right) - (left < right);
}

struct place *batch_order(const struct batch *batch)
{
    struct place *order = malloc((size_t)batch->count * sizeof *order);
    const char *rows = batch->rows;

    for (int64_t i = 0; order && i < batch->count; i++) {
        order[i] = (struct place){&batch->piece[i], rows};
        rows += batch->piece[i].block.count * batch_row_bytes(batch);
    }
    if (order)
        qsort(order, (size_t)batch->count, sizeof *order, by_first);
    return order;
}

static bool make_room(const struct batch *batch, struct range *range)
{
    const size_t runs = (size_t)range->block.count;

    if (runs == 0) /* no piece is empty */
        return false;
    range->results = malloc(runs * sizeof *range->results);
    if (batch->record_values > 0)
        range->records = malloc(runs * (size_t)batch->record_values * sizeof *range->records);
    if (batch->weight_values > 0)
        range->weights = malloc(runs * (size_t)batch->weight_values * sizeof *range->weights);
    return range->results && (batch->record_values == 0 || range->records) &&
           (batch->weight_values == 0 || range->weights);
}

/* The rows of a piece, to the place of its runs in the range. */
static void fill(const struct batch *batch, const struct place *place, struct range *range)
{
    const size_t record_bytes = (size_t)batch->record_values * sizeof *range->records;
    const size_t weight_bytes = (size_t)batch->weight_values * sizeof *range->weights;
    const int64_t first = place->piece->block.first - range->block.first;
    const char *row = place->rows;

    for (int64_t i = first; i < first + place->piece->block.count; i++) {
        memcpy(range->results + i, row, sizeof(sgs_result));
        row += sizeof(sgs_result);
        if (record_bytes > 0)
            memcpy(range->records + i * batch->record_values, row, record_bytes);
        row += record_bytes;
        if (weight_bytes > 0)
            memcpy(range->weights + i * batch->weight_values, row, weight_bytes);
        row += weight_bytes;
    }
}

struct range batch_range(const struct batch *batch, const struct place *order, int64_t *at, int64_t bytes_max)
{
    const int64_t begin = *at;
    struct range range = {.block = {order[begin].piece->block.first, 0}};

    for (; *at < batch->count; ++*at) {
        const sgs_block block = order[*at].piece->block;
        const int64_t bytes = (range.block.count + block.count) * batch_row_bytes(batch);
        if (*at > begin && (block.first != range.block.first + range.block.count || bytes > bytes_max))
            break;
        range.block.count += block.count;
    }
    if (make_room(batch, &range))
        for (int64_t i = begin; i < *at; i++)
            fill(batch, &order[i], &range);
    else
        range_clear(&range);
    return range;
}

void range_clear(struct range *range)
{
    free(range->results);
    free(range->records);
    free(range->weights);
    range->results = NULL;
    range->records = NULL;
    range->weights = NULL;
}
