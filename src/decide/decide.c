/* Decisions at looks (decide.h). */
#include "interval.h"
#include <math.h>

const char *sgs_precision_name(sgs_precision precision)
{
    static const char *const names[] = {"open", "reached", "not_reached"};
    return (int)precision >= 0 && precision <= SGS_PRECISION_NOT_REACHED ? names[precision] : NULL;
}

sgs_decision sgs_decision_open(void)
{
    return (sgs_decision){.precision = SGS_PRECISION_OPEN, .estimate = NAN, .low = NAN, .high = NAN};
}

static bool same(double a, double b)
{
    return (isnan(a) && isnan(b)) || a == b;
}

bool sgs_decision_equal(const sgs_decision *a, const sgs_decision *b)
{
    return a->precision == b->precision && a->looks == b->looks && a->seeds == b->seeds &&
           same(a->estimate, b->estimate) && same(a->low, b->low) && same(a->high, b->high);
}

static sgs_status interval_at(const sgs_until *until, const sgs_evidence *evidence, struct interval *interval,
                              sgs_error *err)
{
    double delta = (1 - until->confidence) / until->looks;

    if (until->kind != SGS_UNTIL_MEAN)
        return interval_of_share(evidence->sum / SGS_EVIDENCE_UNIT, evidence->runs, delta, interval, err);
    *interval = interval_of_mean(evidence, delta);
    return SGS_OK;
}

/* The share, or the mean of what has a value. */
static double estimate_of(const sgs_evidence *evidence, double low, double high)
{
    double known = (double)(evidence->runs - evidence->unknown);
    return known > 0 ? low + (high - low) * ((double)evidence->sum / (known * (double)SGS_EVIDENCE_UNIT)) : NAN;
}

static double at_place(int64_t millionths, double low, double high)
{
    return millionths == MILLION ? high : low + (high - low) * ((double)millionths / MILLION);
}

sgs_status sgs_decide_interval(const sgs_grid *grid, int64_t cell, const sgs_evidence *evidence, double *low,
                               double *high, sgs_error *err)
{
    struct interval interval;
    double begin;
    double end;
    sgs_status status = interval_at(sgs_grid_until(grid), evidence, &interval, err);

    sgs_cell_range(grid, cell, &begin, &end);
    *low = at_place(interval.low, begin, end);
    *high = at_place(interval.high, begin, end);
    return status;
}

sgs_status sgs_decide(const sgs_grid *grid, int64_t cell, int look, const sgs_evidence *evidence,
                      sgs_decision *decision, sgs_error *err)
{
    const sgs_until *until = sgs_grid_until(grid);
    struct interval interval;
    double low;
    double high;

    *decision = sgs_decision_open();
    if (look < 0 || look >= until->looks || evidence->runs != until->look[look])
        return sgs_fail(err, SGS_ERANGE, "look %d of cell %lld at %lld runs", look, (long long)cell,
                        (long long)evidence->runs);
    sgs_status status = interval_at(until, evidence, &interval, err);
    if (status != SGS_OK)
        return status;
    sgs_cell_range(grid, cell, &low, &high);
    /* In whole millionths: a width as asked for is not missed by a rounding. */
    double width = (double)(interval.high - interval.low) * (high - low);
    bool reached = width <= 2 * until->half_width * MILLION * (1 + 1e-12);
    if (!reached && look + 1 < until->looks)
        return SGS_OK;
    *decision = (sgs_decision){
        .precision = reached ? SGS_PRECISION_REACHED : SGS_PRECISION_NOT_REACHED,
        .looks = look + 1,
        .seeds = until->look[look],
        .estimate = estimate_of(evidence, low, high),
        .low = at_place(interval.low, low, high),
        .high = at_place(interval.high, low, high),
    };
    return SGS_OK;
}

/* Add the runs [from, to) of a cell; returns how many of them are not finished. */
static int64_t add_runs(const sgs_grid *grid, int64_t cell, const int8_t *status, const sgs_value *values, int64_t from,
                        int64_t to, sgs_evidence *evidence)
{
    int64_t missing = 0;
    for (int64_t i = from; i < to; i++) {
        if (sgs_run_status_finished(status[i]))
            sgs_evidence_add_value(grid, cell, status[i], values[i], evidence);
        else
            missing++;
    }
    return missing;
}

sgs_status sgs_decide_cell(const sgs_grid *grid, int64_t cell, const int8_t *status, const sgs_value *values,
                           sgs_standing *standing, sgs_error *err)
{
    const sgs_until *until = sgs_grid_until(grid);
    int64_t from = 0;

    *standing = (sgs_standing){.decision = sgs_decision_open()};
    for (int look = 0; look < until->looks; look++) {
        standing->look = look;
        standing->missing = add_runs(grid, cell, status, values, from, until->look[look], &standing->evidence);
        if (standing->missing > 0)
            return SGS_OK;
        sgs_status decided = sgs_decide(grid, cell, look, &standing->evidence, &standing->decision, err);
        if (decided != SGS_OK || standing->decision.precision != SGS_PRECISION_OPEN)
            return decided;
        from = until->look[look];
    }
    return SGS_OK;
}
