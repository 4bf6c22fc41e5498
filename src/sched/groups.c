#include "groups.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { CELL_GROUPS_MAX = 65536, STRIP_GROUPS_MAX = 4096 };

/* Weight of the wider group, in predicted seconds. */
static const double PRIOR_S = 0.05;

/* A cell counts for the accuracy with so much work, and is predicted well within this factor. */
static const double WORTH_S = 1;
static const double FACTOR = 1.5;

sgs_status groups_create(struct groups *groups, int64_t cells, int64_t strips, sgs_error *err)
{
    *groups = (struct groups){.cells = cells, .strips = strips, .scale = 1};
    groups->cell_groups = cells < CELL_GROUPS_MAX ? cells : CELL_GROUPS_MAX;
    groups->strip_groups = strips < STRIP_GROUPS_MAX ? strips : STRIP_GROUPS_MAX;
    groups->cell = calloc((size_t)groups->cell_groups, sizeof *groups->cell);
    groups->strip = calloc((size_t)groups->strip_groups, sizeof *groups->strip);
    if (!groups->cell || !groups->strip) {
        groups_clear(groups);
        return sgs_fail(err, SGS_ENOMEM, "no memory for a schedule of %" PRId64 " cells", cells);
    }
    return SGS_OK;
}

void groups_clear(struct groups *groups)
{
    free(groups->cell);
    free(groups->strip);
    groups->cell = groups->strip = NULL;
}

static int64_t part(int64_t at, int64_t of, int64_t parts)
{
    return of == parts ? at : (int64_t)((double)at / (double)of * (double)parts);
}

static struct group *cell_group(const struct groups *groups, int64_t cell)
{
    return &groups->cell[part(cell, groups->cells, groups->cell_groups)];
}

static int64_t strip_of(const struct groups *groups, int64_t cell)
{
    return cell / (groups->cells / groups->strips);
}

static struct group *strip_group(const struct groups *groups, int64_t strip)
{
    return &groups->strip[part(strip, groups->strips, groups->strip_groups)];
}

void groups_expect(struct groups *groups, int64_t cell, double predicted_s)
{
    groups->all.left_s += predicted_s;
    cell_group(groups, cell)->left_s += predicted_s;
}

static void measure(struct group *group, double predicted_s, double measured_s)
{
    group->predicted_s += predicted_s;
    group->measured_s += measured_s;
}

static double correction(const struct group *group, double wider)
{
    return (group->measured_s + PRIOR_S * wider) / (group->predicted_s + PRIOR_S);
}

double groups_strip_correction(const struct groups *groups, int64_t strip)
{
    return correction(strip_group(groups, strip), correction(&groups->all, 1));
}

double groups_correction(const struct groups *groups, int64_t cell)
{
    return correction(cell_group(groups, cell), groups_strip_correction(groups, strip_of(groups, cell)));
}

/* What corrections make of all that is left. Not after every block where there are many groups. */
static void rescale(struct groups *groups)
{
    double sum = 0;
    double left = 0;

    if (++groups->measured <= groups->cell_groups / 64)
        return;
    groups->measured = 0;
    for (int64_t i = 0; i < groups->cell_groups; i++) {
        double here = fmax(groups->cell[i].left_s, 0);
        int64_t cell = part(i, groups->cell_groups, groups->cells);
        left += here;
        sum += here * (here > 0 ? groups_correction(groups, cell) : 1);
    }
    groups->scale = left > 0 ? sum / left : correction(&groups->all, 1);
}

void groups_measure(struct groups *groups, int64_t cell, double predicted_s, double measured_s)
{
    struct group *group = cell_group(groups, cell);

    measure(group, predicted_s, measured_s);
    measure(strip_group(groups, strip_of(groups, cell)), predicted_s, measured_s);
    measure(&groups->all, predicted_s, measured_s);
    group->left_s -= predicted_s;
    groups->all.left_s -= predicted_s;
    rescale(groups);
}

sgs_sched_accuracy groups_accuracy(const struct groups *groups)
{
    sgs_sched_accuracy sum = {groups->all.predicted_s, groups->all.measured_s, 0, 0, 1};

    for (int64_t i = 0; i < groups->cell_groups; i++) {
        const struct group *group = &groups->cell[i];
        if (group->measured_s <= WORTH_S || group->predicted_s <= 0)
            continue;
        double ratio = group->predicted_s / group->measured_s;
        double off = fmax(ratio, 1 / ratio);
        sum.cells++;
        sum.within += off <= FACTOR;
        sum.worst = fmax(sum.worst, off);
    }
    return sum;
}
