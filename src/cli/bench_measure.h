/* Timing of the lane kernel for the verb bench. Times are processor time of this thread: on a node that is shared a
 * wall clock would measure the neighbours. */
#ifndef SGDSWEEP_CLI_BENCH_MEASURE_H
#define SGDSWEEP_CLI_BENCH_MEASURE_H

#include "sgdsweep/train.h"

/* What is timed about a shape. */
typedef enum bench_kind {
    BENCH_STEP, /* one step of one run in full lanes, the start of the runs and their first checks left out */
    BENCH_RUN   /* everything a run costs whatever its length: runs of no steps, from the feed to the result */
} bench_kind;

typedef struct bench_spread {
    double median, low, high;
} bench_spread;

/* One row of the table: a shape, and its times. */
typedef struct bench_cell {
    bench_kind kind;
    sgs_run shape;
    int64_t touched; /* points that a step draws; 0 for full batch */
    sgs_trainer *trainer;
    int64_t seed;        /* of the last run that was started */
    int64_t left;        /* runs that the feed still gives in this call */
    int64_t chunk;       /* steps or runs between two looks at the clock */
    int64_t ended;       /* runs that ended */
    double *ns;          /* [repeats] per step or run; ascending after bench_summarise */
    int repeats;         /* done */
    bench_spread spread; /* of ns, after bench_summarise */
} bench_cell;

/** Allocate times for so many repeats and a trainer. bench_cell_close accepts what failed here.
 *  @return SGS_OK; SGS_ENOMEM; SGS_EINVAL: SGDSWEEP_ISA */
sgs_status bench_cell_open(bench_cell *cell, bench_kind kind, const sgs_run *shape, int repeats, sgs_error *err);
void bench_cell_close(bench_cell *cell);

/** Work for about so many seconds without looking at the result. */
sgs_status bench_warm_up(bench_cell *cell, double seconds, sgs_error *err);

/** Work for about so many seconds and keep the time per step or run. */
sgs_status bench_repeat(bench_cell *cell, double seconds, sgs_error *err);

/** All repeats are done: sort ns, fill in spread. */
void bench_summarise(bench_cell *cell);

/** What a cell costs by what it has: points touched by a step, data points of a run. */
double bench_amount(const bench_cell *cell);

/** Medians of summarised cells of one kind = a + b amount with a, b >= 0, by least squares of the relative error.
 * false: fewer than two different amounts.
 *  @param[out] worst  the largest of fit / median and median / fit; infinite where the fit is 0 */
bool bench_fit(size_t count, const bench_cell *cells, double line[2], double *worst);

#endif
