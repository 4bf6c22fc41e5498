/* Rows of finished runs in hand, on their way into the file: pieces in the order in which they came, with the rows of
 * all of them one behind the other in one buffer. A row is a result, then its records, then its weights: it can travel
 * as it is. */
#ifndef SGDSWEEP_FLEET_BATCH_H
#define SGDSWEEP_FLEET_BATCH_H

#include "message.h"
#include "sgdsweep/store.h"

struct batch {
    int64_t record_values, weight_values; /* of a row */
    struct report *piece;                 /* [count] DONE */
    int64_t count, capacity;
    char *rows;
    int64_t bytes, bytes_capacity;
    double since_s; /* when the first piece came */
};

/* Rows as sgs_store_write takes them. */
struct range {
    sgs_block block;
    sgs_result *results; /* NULL: there was no memory for the rows */
    sgs_value *records;
    double *weights;
};

struct batch batch_for(const sgs_store *store);
void batch_clear(struct batch *batch);

int64_t batch_row_bytes(const struct batch *batch);

/* Room for so many pieces and runs more; false: no memory. */
bool batch_reserve(struct batch *batch, int64_t pieces, int64_t runs);

/* Add a piece. Room was reserved. */
void batch_add(struct batch *batch, const struct report *done, const sgs_rows *rows);

/* Add pieces whose rows come from elsewhere: where to put them. Room was reserved. */
char *batch_add_space(struct batch *batch, const struct report *piece, int64_t pieces);

/* Forget the pieces; the room stays. */
void batch_empty(struct batch *batch);

/* The pieces in the order of their runs, in a new array; NULL: no memory. */
struct place {
    const struct report *piece;
    const char *rows;
};
struct place *batch_order(const struct batch *batch);

/* The rows of the pieces from order[*at] on, as far as they are neighbours and bytes_max allows, one piece at least;
 * *at is the first piece behind them. To be cleared. */
struct range batch_range(const struct batch *batch, const struct place *order, int64_t *at, int64_t bytes_max);
void range_clear(struct range *range);

#endif
