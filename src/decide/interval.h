/* Intervals for values in [0, 1], in whole millionths, rounded outwards. */
#ifndef SGDSWEEP_DECIDE_INTERVAL_H
#define SGDSWEEP_DECIDE_INTERVAL_H

#include "evidence.h"

enum { MILLION = 1000000 };

struct interval {
    int64_t low, high; /* millionths */
};

/* Clopper and Pearson: a share, `successes` of `runs`, at 1 - delta. */
sgs_status interval_of_share(int64_t successes, int64_t runs, double delta, struct interval *interval, sgs_error *err);

/* Maurer and Pontil: a mean at 1 - delta; runs without a value are 0 for the lower end and 1 for the upper. runs >= 2
 */
struct interval interval_of_mean(const sgs_evidence *evidence, double delta);

#endif
