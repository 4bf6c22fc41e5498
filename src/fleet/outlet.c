#include "outlet.h"
#include "clock.h"
#include "crew.h"
#include "outlet_private.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* So much together is written, or sent. */
static const int64_t HOLD_BYTES = 1 << 20;
static const double HOLD_SHARE = 0.05;
static const double HOLD_MAX_S = 10;
/* Ranges of neighbours are gathered up to here. */
static const int64_t RANGE_BYTES = 4 << 20;
/* With so much in hand nothing more is taken from other ranks before it is written. */
static const int64_t FULL_BYTES = 16 << 20;
static const double NAP_S = 50e-6;

static bool writes_itself(const struct outlet *outlet)
{
    return outlet->setup.writer == outlet->setup.rank;
}

sgs_status outlet_create(const struct outlet_setup *setup, struct outlet **outlet, sgs_error *err)
{
    const size_t parcel_bytes = sizeof(struct parcel) + OUTLET_PIECES_MAX * sizeof(struct report);
    struct outlet *made = calloc(1, sizeof *made);

    *outlet = made;
    if (!made)
        return sgs_fail(err, SGS_ENOMEM, "no memory for the way into the file");
    made->setup = *setup;
    made->holds = !sgs_grid_until(sgs_store_grid(setup->store));
    made->began_s = clock_now_s();
    made->batch = made->sent = batch_for(setup->store);
    made->requests[0] = made->requests[1] = MPI_REQUEST_NULL;
    made->open = setup->clients;
    if (setup->clients > 0) {
        made->inbox = malloc(parcel_bytes);
        made->settling = malloc((size_t)setup->clients * sizeof *made->settling);
    }
    if (!writes_itself(made))
        made->parcel = malloc(parcel_bytes);
    if ((setup->clients > 0 && (!made->inbox || !made->settling)) || (!writes_itself(made) && !made->parcel)) {
        outlet_destroy(made);
        *outlet = NULL;
        return sgs_fail(err, SGS_ENOMEM, "no memory for the way into the file");
    }
    return SGS_OK;
}

void outlet_connect(struct outlet *outlet, struct crew_sink sink)
{
    outlet->sink = sink;
}

void outlet_destroy(struct outlet *outlet)
{
    if (!outlet)
        return;
    batch_clear(&outlet->batch);
    batch_clear(&outlet->sent);
    free(outlet->parcel);
    free(outlet->inbox);
    free(outlet->settling);
    free(outlet);
}

struct outlet_counts outlet_count(const struct outlet *outlet)
{
    return outlet->counts;
}

bool outlet_rests(const struct outlet *outlet)
{
    return rests_now(&outlet->rests);
}

void outlet_tell_broken(struct outlet *outlet, const struct report *piece, bool follows, sgs_status status,
                        const sgs_error *text)
{
    const struct report report = {.kind = REPORT_BROKEN,
                                  .status = (int32_t)status,
                                  .block = piece->block,
                                  .rank = piece->rank,
                                  .follows = (int32_t)follows};
    outlet->sink.tell(outlet->sink.context, &report, text);
}

/* ---- writing ------------------------------------------------------------------------------------------------------
 */

static sgs_status has_failed(const struct outlet *outlet, sgs_error *err)
{
    if (outlet->failed != SGS_OK && err)
        *err = outlet->why;
    return outlet->failed;
}

/* Write rows. What another try may mend comes back as broken with its text; the rest is fatal. */
static sgs_status write_rows(struct outlet *outlet, sgs_block block, const sgs_rows *rows, sgs_status *broken,
                             sgs_error *text, sgs_error *err)
{
    const double began_s = clock_now_s();
    sgs_status status = sgs_store_write(outlet->setup.store, block.first, block.count, rows, text);

    outlet->counts.seconds += clock_now_s() - began_s;
    outlet->counts.writes++;
    *broken = crew_is_machine(status) ? status : SGS_OK;
    if (status == SGS_OK)
        outlet->rests.failures = 0;
    else if (*broken != SGS_OK)
        rests_begin(&outlet->rests);
    else
        outlet->failed = sgs_fail(&outlet->why, status, "runs %" PRId64 " + %" PRId64 ": %.900s", block.first,
                                  block.count, text->text);
    return has_failed(outlet, err);
}

static void tell(struct outlet *outlet, const struct report *piece, bool follows, sgs_status broken,
                 const sgs_error *text)
{
    outlet->counts.pieces += broken == SGS_OK;
    outlet->counts.bytes += broken == SGS_OK ? piece->block.count * batch_row_bytes(&outlet->batch) : 0;
    if (broken == SGS_OK)
        outlet->sink.tell(outlet->sink.context, piece, NULL);
    else
        outlet_tell_broken(outlet, piece, follows, broken, text);
}

sgs_status outlet_write(struct outlet *outlet, sgs_error *err)
{
    sgs_status status = SGS_OK;
    struct batch *batch = &outlet->batch;
    struct place *order = batch_order(batch);

    for (int64_t at = 0, from = 0; at < batch->count && status == SGS_OK; from = at) {
        sgs_status broken = SGS_ENOMEM;
        sgs_error text = {"no memory for the rows of a block"};
        struct range range = {.results = NULL};
        if (order)
            range = batch_range(batch, order, &at, RANGE_BYTES);
        else
            at++;
        const sgs_rows rows = {range.results, range.records, range.weights};
        if (range.results)
            status = write_rows(outlet, range.block, &rows, &broken, &text, err);
        for (int64_t i = from; i < at && status == SGS_OK; i++)
            tell(outlet, order ? order[i].piece : &batch->piece[i], i > from, broken, &text);
        range_clear(&range);
    }
    free(order);
    batch_empty(batch);
    outlet->own = 0;
    outlet->urgent = false;
    return status;
}

/* ---- holding and passing on ---------------------------------------------------------------------------------------
 */

/* Two ranks hold a row one after the other where one writes for another: half of the time each. */
static double hold_s(const struct outlet *outlet)
{
    const bool alone = writes_itself(outlet) && outlet->setup.clients == 0;
    return fmin(HOLD_SHARE * (clock_now_s() - outlet->began_s), HOLD_MAX_S) * (alone ? 1 : 0.5);
}

static bool is_due(const struct outlet *outlet)
{
    return outlet->batch.count > 0 &&
           (outlet->urgent || !outlet->holds || outlet->batch.bytes >= HOLD_BYTES ||
            outlet->batch.count >= OUTLET_PIECES_MAX || clock_now_s() - outlet->batch.since_s >= hold_s(outlet));
}

sgs_status outlet_put(struct outlet *outlet, const struct report *done, const sgs_rows *rows, sgs_error *err)
{
    const int64_t bytes = done->block.count * batch_row_bytes(&outlet->batch);
    const bool direct = writes_itself(outlet) && (!outlet->holds || bytes >= HOLD_BYTES);
    sgs_status broken = SGS_OK;
    sgs_error text = {"no memory to hold the rows of a block"};

    if (!writes_itself(outlet) && (outlet->batch.count == OUTLET_PIECES_MAX || outlet->batch.bytes >= FULL_BYTES))
        outlet_send(outlet, false); /* waits for the one before it */
    if (!direct && batch_reserve(&outlet->batch, 1, done->block.count)) {
        if (outlet->batch.count == 0)
            outlet->batch.since_s = clock_now_s();
        batch_add(&outlet->batch, done, rows);
        outlet->own++;
        return SGS_OK;
    }
    sgs_status status = SGS_OK;
    if (writes_itself(outlet))
        status = write_rows(outlet, done->block, rows, &broken, &text, err);
    else
        broken = SGS_ENOMEM;
    if (status == SGS_OK)
        tell(outlet, done, false, broken, &text);
    return status;
}

static sgs_status pass_on(struct outlet *outlet, sgs_error *err)
{
    if (outlet->batch.count == 0)
        return SGS_OK;
    if (writes_itself(outlet))
        return outlet_write(outlet, err);
    outlet_send(outlet, outlet->urgent);
    return SGS_OK;
}

sgs_status outlet_poll(struct outlet *outlet, bool idle, bool *moved, sgs_error *err)
{
    sgs_status status = SGS_OK;

    while (outlet->setup.clients > 0 && outlet->batch.bytes < FULL_BYTES && outlet_receive(outlet))
        *moved = true;
    const bool may = writes_itself(outlet) ? !outlet_rests(outlet) : !outlet_is_sending(outlet);
    outlet->urgent = outlet->urgent || (idle && outlet->own > 0);
    if (outlet->settling_count > 0 || (may && is_due(outlet))) {
        *moved = true;
        status = pass_on(outlet, err);
    }
    if (outlet->settling_count > 0)
        outlet_answer_settled(outlet);
    return status;
}

sgs_status outlet_flush(struct outlet *outlet, sgs_error *err)
{
    outlet->urgent = true;
    return pass_on(outlet, err);
}

sgs_status outlet_sync(struct outlet *outlet, sgs_error *err)
{
    sgs_status status = has_failed(outlet, err);
    return status == SGS_OK ? sgs_store_sync(outlet->setup.store, err) : status;
}

sgs_status outlet_settle(struct outlet *outlet, sgs_error *err)
{
    sgs_status status = outlet_flush(outlet, err);

    if (status != SGS_OK)
        return status;
    return writes_itself(outlet) ? outlet_sync(outlet, err) : outlet_ask_settled(outlet, err);
}

sgs_status outlet_end(struct outlet *outlet, sgs_error *err)
{
    sgs_status status = outlet_flush(outlet, err);

    if (!writes_itself(outlet)) {
        outlet_send_close(outlet);
        outlet_wait_sent(outlet);
    }
    /* Also after a failure: the others are kept until what they send is taken. */
    while (outlet->open > 0 || outlet->settling_count > 0) {
        bool moved = false;
        sgs_error other;
        sgs_status here = outlet_poll(outlet, false, &moved, &other);
        if (outlet->open == 0 && here == SGS_OK)
            here = outlet_flush(outlet, &other);
        if (status == SGS_OK && here != SGS_OK) {
            status = here;
            *err = other;
        }
        if (!moved)
            clock_nap(NAP_S);
    }
    return status;
}
