/* Copying runs from one results file into another, by their parameters.
 *
 * The source is read once, in order, a page at a time; a stretch of runs that are neighbours in both files moves at
 * once. Memory does not depend on the number of runs. A run that is in the target already is compared, bit for bit: two
 * files that disagree about a run cannot both be right. */
#include "store_private.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct sgs_copier {
    sgs_store *from, *to; /* borrowed */
    sgs_grid_match *match;
    int *measures;        /* position among from's recorded measures of each of to's, in table order */
    int64_t *steps;       /* the same of the steps of the record; both NULL without */
    sgs_page page, there; /* of `from`; of `to` */
    sgs_page out;         /* rows in the form of `to` */
    int64_t *target;      /* of each run of the page: where it goes, -1: nowhere */
    int8_t *statuses;     /* of a stretch of `to` */
    sgs_copied count;
};

/* ---- do the files go together? ------------------------------------------------------------------------------------
 */

/* Positions in from's record of all that to's record holds; false: something is not there. */
static bool map_record(const sgs_grid *from, const sgs_grid *to, int *measures, int64_t *steps)
{
    int64_t at = 0;
    int there = 0, here = 0;
    for (int m = 0; m < SGS_MEASURES; m++) {
        if (sgs_grid_records(to, (sgs_measure)m) && !sgs_grid_records(from, (sgs_measure)m))
            return false;
        if (sgs_grid_records(to, (sgs_measure)m))
            measures[here++] = there;
        there += sgs_grid_records(from, (sgs_measure)m);
    }
    for (int64_t k = 0; k < sgs_grid_record_count(to); k++) {
        while (at < sgs_grid_record_count(from) && sgs_grid_record_steps(from)[at] < sgs_grid_record_steps(to)[k])
            at++;
        if (at == sgs_grid_record_count(from) || sgs_grid_record_steps(from)[at] != sgs_grid_record_steps(to)[k])
            return false;
        steps[k] = at;
    }
    return true;
}

/* Is everything that `to` keeps of a run in `from` too? */
static bool has_all(sgs_copier *copier, char why[SGS_ERROR_TEXT_BYTES])
{
    const sgs_grid *from = copier->from->grid, *to = copier->to->grid;
    if (sgs_grid_settings_differ(from, to, why, SGS_ERROR_TEXT_BYTES))
        return false;
    const char *missing = NULL;
    if (sgs_grid_weights(to) != SGS_WEIGHTS_NONE && sgs_grid_weights(from) != sgs_grid_weights(to))
        missing = "weights";
    else if (sgs_grid_record_count(to) > 0 && !map_record(from, to, copier->measures, copier->steps))
        missing = "records";
    else if (sgs_grid_walk_bins(to) > 0 && (sgs_grid_walk_bins(from) != sgs_grid_walk_bins(to) ||
                                            sgs_grid_walk_range(from) != sgs_grid_walk_range(to)))
        missing = "bins of the walk";
    if (missing)
        (void)snprintf(why, SGS_ERROR_TEXT_BYTES, "it has not all the %s that are kept here", missing);
    return !missing;
}

static bool allocate(sgs_copier *copier)
{
    size_t steps = (size_t)sgs_grid_record_count(copier->to->grid), room = (size_t)copier->page.room;
    copier->measures = calloc(SGS_MEASURES, sizeof *copier->measures);
    copier->steps = calloc(steps + 1, sizeof *copier->steps);
    copier->target = calloc(room, sizeof *copier->target);
    copier->statuses = calloc(room, 1);
    return copier->measures && copier->steps && copier->target && copier->statuses;
}

sgs_status sgs_copier_create(sgs_store *from, sgs_store *to, sgs_copier **copier, char why[SGS_ERROR_TEXT_BYTES],
                             sgs_error *err)
{
    sgs_copier *made = calloc(1, sizeof *made);
    *copier = NULL;
    why[0] = '\0';
    if (!made)
        return sgs_fail(err, SGS_ENOMEM, "copying from %s", from->path);
    made->from = from;
    made->to = to;
    sgs_status status = sgs_page_create(from, &made->page, err);
    if (status == SGS_OK)
        status = sgs_page_create(to, &made->there, err);
    if (status == SGS_OK)
        status = sgs_page_create(to, &made->out, err);
    if (status == SGS_OK && !allocate(made))
        status = sgs_fail(err, SGS_ENOMEM, "copying from %s", from->path);
    if (status == SGS_OK)
        status = sgs_grid_match_create(from->grid, to->grid, &made->match, err);
    if (status == SGS_OK && from->algorithm_version != to->algorithm_version)
        (void)snprintf(why, SGS_ERROR_TEXT_BYTES, "it is of algorithm version %d", from->algorithm_version);
    if (status != SGS_OK || why[0] != '\0' || !has_all(made, why)) {
        sgs_copier_destroy(made);
        return status;
    }
    *copier = made;
    return SGS_OK;
}

void sgs_copier_destroy(sgs_copier *copier)
{
    if (!copier)
        return;
    sgs_grid_match_destroy(copier->match);
    sgs_page_clear(&copier->page);
    sgs_page_clear(&copier->there);
    sgs_page_clear(&copier->out);
    free(copier->measures);
    free(copier->steps);
    free(copier->target);
    free(copier->statuses);
    free(copier);
}

sgs_copied sgs_copier_count(const sgs_copier *copier)
{
    return copier->count;
}

/* ---- one stretch --------------------------------------------------------------------------------------------------
 */

/* Run i of the page in the form of `to`, as row k of out. */
static void convert(sgs_copier *copier, int64_t i, int64_t k)
{
    sgs_page *out = &copier->out;
    const sgs_rows row = sgs_page_rows(copier->from, &copier->page, i);
    const sgs_grid *to = copier->to->grid;
    int64_t steps = sgs_grid_record_count(to), from_steps = sgs_grid_record_count(copier->from->grid);
    out->results[k] = *row.results;
    if (out->records) { /* the record, and behind it the walk */
        int64_t values = sgs_store_record_values(copier->to), from_values = sgs_store_record_values(copier->from);
        int64_t walk = (int64_t)SGS_WALK_SUMS * sgs_grid_walk_bins(to);
        sgs_value *record = out->records + k * values;
        for (int64_t m = 0; m * steps < values - walk; m++)
            for (int64_t s = 0; s < steps; s++)
                record[m * steps + s] = row.records[copier->measures[m] * from_steps + copier->steps[s]];
        memcpy(record + values - walk, row.records + from_values - walk, (size_t)walk * sizeof *record);
    }
    if (!out->weights)
        return;
    bool along = sgs_grid_weights(to) == SGS_WEIGHTS_RECORD;
    int64_t features = sgs_store_features(copier->to), from_features = sgs_store_features(copier->from);
    double *weights = out->weights + k * sgs_store_weight_values(copier->to);
    for (int64_t point = 0; point < (along ? steps : 1); point++)
        for (int64_t j = 0; j < features; j++) /* what lies beyond the run's points is padding in both */
            weights[point * features + j] =
                j < from_features ? row.weights[(along ? copier->steps[point] : 0) * from_features + j] : NAN;
}

static bool same_row(const sgs_copier *copier, int64_t k)
{
    const sgs_rows a = sgs_page_rows(copier->to, &copier->out, k), b = sgs_page_rows(copier->to, &copier->there, k);
    unsigned char bytes_a[SGS_RESULT_BYTES], bytes_b[SGS_RESULT_BYTES];
    int64_t features = sgs_store_features(copier->to);
    int64_t points = features > 0 ? sgs_store_weight_values(copier->to) / features : 0;
    sgs_run run;
    sgs_stop stop;
    sgs_result_bytes(a.results, bytes_a);
    sgs_result_bytes(b.results, bytes_b);
    bool same = memcmp(bytes_a, bytes_b, sizeof bytes_a) == 0;
    if (a.records)
        same = same && memcmp(a.records, b.records, 8 * (size_t)sgs_store_record_values(copier->to)) == 0;
    if (points > 0 && !sgs_grid_run(copier->to->grid, copier->there.first + k, &run, &stop))
        return false;
    for (int64_t point = 0; point < points && same; point++) /* not the padding */
        same = memcmp(a.weights + point * features, b.weights + point * features, 8 * (size_t)run.n) == 0;
    return same;
}

/* Compare what both have; runs of `to` that are damaged count as not there. */
static sgs_status compare(sgs_copier *copier, int64_t first, int64_t count, sgs_error *err)
{
    char text[SGS_RUN_TEXT_BYTES];
    sgs_status status = sgs_store_read_page(copier->to, first, count, &copier->there, err);
    for (int64_t k = 0; k < count && status == SGS_OK; k++) {
        copier->statuses[k] = copier->there.results[k].status;
        if (copier->there.damaged[k])
            copier->statuses[k] = SGS_RUN_PENDING;
        if (!sgs_run_status_finished(copier->statuses[k]))
            continue;
        copier->count.same++;
        if (!same_row(copier, k))
            status = sgs_fail(
                err, SGS_EDAMAGED, "%s has other bytes for a run than what %s has of it: run %" PRId64 " there (%s)",
                copier->from->path, copier->to->path, first + k, sgs_grid_run_text(copier->to->grid, first + k, text));
    }
    return status;
}

/* Runs [i, i + count) of the page go to runs [first, first + count). */
static sgs_status move(sgs_copier *copier, int64_t i, int64_t first, int64_t count, sgs_error *err)
{
    sgs_status status = sgs_store_read_status(copier->to, first, count, copier->statuses, err);
    bool any = false;
    for (int64_t k = 0; k < count; k++) {
        convert(copier, i + k, k);
        any = any || sgs_run_status_finished(copier->statuses[k]);
    }
    if (status == SGS_OK && any)
        status = compare(copier, first, count, err);
    for (int64_t k = 0; k < count && status == SGS_OK;) {
        int64_t end = k;
        while (end < count && !sgs_run_status_finished(copier->statuses[end]))
            end++;
        sgs_rows rows = sgs_page_rows(copier->to, &copier->out, k);
        if (end > k)
            status = sgs_store_write(copier->to, first + k, end - k, &rows, err);
        copier->count.copied += status == SGS_OK ? end - k : 0;
        k = end + 1;
    }
    return status;
}

/* ---- pages --------------------------------------------------------------------------------------------------------
 */

/* Where the pass-th place of each run is; *any: some run has one. Finished or not is not looked at. */
static sgs_status find_targets(sgs_copier *copier, int64_t first, int64_t count, int64_t pass, bool *any,
                               sgs_error *err)
{
    int64_t seeds = sgs_grid_axis_size(copier->from->grid, SGS_AXIS_SEED);
    int64_t to_seeds = sgs_grid_axis_size(copier->to->grid, SGS_AXIS_SEED);
    sgs_status status = SGS_OK;
    *any = false;
    for (int64_t i = 0; i < count && status == SGS_OK; i++) {
        const int64_t *cells = NULL;
        int64_t places = 0, seed = sgs_grid_match_seed(copier->match, (first + i) % seeds);
        status = sgs_grid_match_cells(copier->match, (first + i) / seeds, &cells, &places, err);
        bool there = status == SGS_OK && seed >= 0 && pass < places;
        copier->target[i] = there ? cells[pass] * to_seeds + seed : -1;
        *any = *any || there;
    }
    return status;
}

/* Under another step limit a run leaves the same only if it ended before either. */
static bool stops_alike(const sgs_copier *copier, int64_t i)
{
    sgs_run run;
    sgs_stop here, there;
    const sgs_result *result = &copier->page.results[i];
    if (!sgs_grid_run(copier->from->grid, copier->page.first + i, &run, &there) ||
        !sgs_grid_run(copier->to->grid, copier->target[i], &run, &here))
        return false;
    int64_t steps = result->value[SGS_STEPS].integer;
    return here.max_steps == there.max_steps || (result->status != SGS_RUN_MAX_STEPS && steps < here.max_steps);
}

/* Run i of the page is damaged. Is it there all the same? */
static sgs_status count_damaged(sgs_copier *copier, int64_t i, sgs_error *err)
{
    int8_t there = SGS_RUN_PENDING;
    sgs_status status = sgs_store_read_status(copier->to, copier->target[i], 1, &there, err);
    copier->count.damaged++;
    if (status == SGS_OK && there == SGS_RUN_PENDING && copier->count.lost++ == 0)
        copier->count.first_lost = copier->page.first + i;
    return status;
}

/* Drop the targets of runs that cannot be taken, and count why, once. */
static sgs_status drop_unusable(sgs_copier *copier, bool first_pass, sgs_error *err)
{
    sgs_status status = SGS_OK;
    for (int64_t i = 0; i < copier->page.count && status == SGS_OK; i++) {
        if (copier->target[i] < 0)
            continue;
        bool finished = sgs_run_status_finished(copier->page.results[i].status), damaged = copier->page.damaged[i];
        bool usable = finished && !damaged && stops_alike(copier, i);
        if (first_pass && damaged)
            status = count_damaged(copier, i, err);
        copier->count.limited += first_pass && finished && !damaged && !usable;
        if (!usable)
            copier->target[i] = -1;
    }
    return status;
}

static sgs_status move_page(sgs_copier *copier, sgs_error *err)
{
    int64_t largest = copier->out.room;
    sgs_status status = SGS_OK;
    for (int64_t i = 0; i < copier->page.count && status == SGS_OK;) {
        int64_t end = i + 1;
        while (end < copier->page.count && end - i < largest && copier->target[i] >= 0 &&
               copier->target[end] == copier->target[i] + (end - i))
            end++;
        if (copier->target[i] >= 0)
            status = move(copier, i, copier->target[i], end - i, err);
        i = end;
    }
    return status;
}

/* At most a page of runs. */
static sgs_status copy_page(sgs_copier *copier, int64_t first, int64_t count, sgs_error *err)
{
    bool any = false;
    sgs_status status = find_targets(copier, first, count, 0, &any, err);
    if (status == SGS_OK && any)
        status = sgs_store_read_page(copier->from, first, count, &copier->page, err);
    for (int64_t pass = 0; status == SGS_OK && any;) {
        status = drop_unusable(copier, pass == 0, err);
        if (status == SGS_OK)
            status = move_page(copier, err);
        if (status == SGS_OK)
            status = find_targets(copier, first, count, ++pass, &any, err);
    }
    return status;
}

sgs_status sgs_copier_copy(sgs_copier *copier, int64_t first, int64_t count, sgs_error *err)
{
    sgs_status status = sgs_store_check_range(copier->from, first, count, err);
    for (int64_t at = 0; at < count && status == SGS_OK;) {
        int64_t now = count - at < copier->page.room ? count - at : copier->page.room;
        status = copy_page(copier, first + at, now, err);
        at += now;
    }
    return status;
}
