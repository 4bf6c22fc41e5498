/** @file numbers.c
 *  Lists and ranges of numbers. The points of a range are part of what runs are, so they are computed with + - * /,
 * SLEEF's exp and log, which give the same bits on every machine, and decimal rounding; never with libm. */
#include "numbers.h"

#include "axes.h"

#include <sleef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct span {
    bool log;
    double low, high;
    int64_t points;
};

/** How the two ends of a range are read: as whole numbers or as reals. */
struct ends {
    const sgs_integer_range *integers; /**< or NULL */
    const sgs_number_range *reals;
};

static sgs_status read_end(const sgs_reader *reader, const sgs_yaml_node *node, const char *key,
                           const struct ends *ends, double *value)
{
    if (!ends->integers) {
        return sgs_value_number(reader, node, key, ends->reals, value);
    }
    int64_t integer = 0;
    sgs_status status = sgs_value_integer(reader, node, key, ends->integers, &integer);
    *value = (double)integer; /* exact: the limits are below 2^53 */
    return status;
}

static sgs_status read_span(const sgs_reader *reader, const sgs_yaml_node *node, const char *key,
                            const struct ends *ends, struct span *span)
{
    static const char *const keys[] = {"linear", "log", "points"};
    const sgs_yaml_node *found[3];
    sgs_status status = sgs_value_keys(reader, node, key, keys, 3, found);
    if (status) {
        return status;
    }
    if (!found[0] == !found[1] || !found[2]) {
        return sgs_value_fail(reader, node,
                              "%s: not a range; accepted: {linear: [low, high], points: k} or {log: [low, high], "
                              "points: k}",
                              key);
    }
    span->log = found[1] != NULL;
    const sgs_yaml_node *pair = span->log ? found[1] : found[0];
    if (sgs_yaml_value(pair)->kind != SGS_YAML_LIST || sgs_items_count(pair) != 2) {
        char shown[SGS_VALUE_SHOWN_BYTES];
        return sgs_value_fail(reader, pair, "%s: %s is not a pair; accepted: [low, high]", key,
                              sgs_value_show(pair, shown));
    }
    static const sgs_integer_range points = {2, SGS_AXIS_MAX_POINTS, ""};
    status = read_end(reader, sgs_items_at(pair, 0), key, ends, &span->low);
    status = status ? status : read_end(reader, sgs_items_at(pair, 1), key, ends, &span->high);
    status = status ? status : sgs_value_integer(reader, found[2], "points", &points, &span->points);
    if (!status && (span->low >= span->high || (span->log && span->low <= 0))) {
        status = sgs_value_fail(reader, pair, "%s: [%g, %g] is not increasing; accepted: [low, high] with %slow < high",
                                key, span->low, span->high, span->log ? "0 < " : "");
    }
    return status;
}

/** x to 12 significant digits. */
static double rounded(double x)
{
    char text[32];
    snprintf(text, sizeof text, "%.11e", x);
    return strtod(text, NULL);
}

static double span_point(const struct span *span, int64_t i)
{
    if (i == 0) {
        return span->low;
    }
    if (i == span->points - 1) {
        return span->high;
    }
    double steps = (double)(span->points - 1);
    if (!span->log) {
        return rounded(span->low + (span->high - span->low) * (double)i / steps);
    }
    double low = Sleef_cinz_logd1_u10purec(span->low);
    double high = Sleef_cinz_logd1_u10purec(span->high);
    return rounded(Sleef_cinz_expd1_u10purec(low + (high - low) * (double)i / steps));
}

typedef struct entry {
    const char *label;
    uint64_t key;
    int64_t index;
} entry;

static int compare_values(const entry *a, const entry *b)
{
    if (a->label) {
        return strcmp(a->label, b->label);
    }
    return (a->key > b->key) - (a->key < b->key);
}

static int compare_entries(const void *left, const void *right)
{
    const entry *a = left;
    const entry *b = right;
    int order = compare_values(a, b);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

int64_t sgs_numbers_duplicate(const uint64_t *keys, char *const *labels, int64_t count)
{
    entry *entries = calloc((size_t)count, sizeof *entries);
    if (!entries) {
        return -2;
    }
    for (int64_t i = 0; i < count; i++) {
        entries[i] = (entry){.label = labels ? labels[i] : NULL, .key = keys ? keys[i] : 0, .index = i};
    }
    qsort(entries, (size_t)count, sizeof *entries, compare_entries);
    int64_t first = -1;
    for (int64_t i = 1; i < count; i++) {
        bool again = compare_values(&entries[i - 1], &entries[i]) == 0;
        if (again && (first < 0 || entries[i].index < first)) {
            first = entries[i].index;
        }
    }
    free(entries);
    return first;
}

/** Refuse values whose 64 bits are there twice. */
static sgs_status check_distinct(const sgs_reader *reader, const sgs_yaml_node *node, const char *key,
                                 const uint64_t *bits, int64_t count)
{
    int64_t again = sgs_numbers_duplicate(bits, NULL, count);
    if (again == -2) {
        return sgs_value_out_of_memory(reader);
    }
    if (again < 0) {
        return SGS_OK;
    }
    if (sgs_yaml_value(node)->kind == SGS_YAML_MAP) {
        return sgs_value_fail(
            reader, node, "%s: points %lld and %lld of the range are equal; accepted: a wider range or fewer points",
            key, (long long)again, (long long)again + 1);
    }
    char shown[SGS_VALUE_SHOWN_BYTES];
    const sgs_yaml_node *item = sgs_items_at(node, again);
    return sgs_value_fail(reader, item, "%s: %s is there twice; accepted: every value once", key,
                          sgs_value_show(item, shown));
}

sgs_status sgs_numbers_integers(const sgs_reader *reader, const sgs_yaml_node *node, const char *key,
                                const sgs_integer_range *range, int64_t **values, int64_t *count)
{
    *values = NULL;
    bool ranged = sgs_yaml_value(node)->kind == SGS_YAML_MAP;
    struct span span = {.points = sgs_items_count(node)};
    sgs_status status = ranged ? read_span(reader, node, key, &(struct ends){.integers = range}, &span)
                               : sgs_items_check(reader, node, key);
    if (status) {
        return status;
    }
    int64_t *made = calloc((size_t)span.points, sizeof *made);
    if (!made) {
        return sgs_value_out_of_memory(reader);
    }
    sgs_items items = sgs_items_of(node);
    for (int64_t i = 0; i < span.points && !status; i++) {
        if (ranged) {
            made[i] = (int64_t)(span_point(&span, i) + 0.5);
        } else {
            status = sgs_value_integer(reader, sgs_items_next(&items), key, range, &made[i]);
        }
    }
    status = status ? status : check_distinct(reader, node, key, (const uint64_t *)made, span.points);
    if (status) {
        free(made);
        return status;
    }
    *values = made;
    *count = span.points;
    return SGS_OK;
}

static sgs_status check_distinct_reals(const sgs_reader *reader, const sgs_yaml_node *node, const char *key,
                                       const double *values, int64_t count)
{
    uint64_t *bits = calloc((size_t)count, sizeof *bits);
    if (!bits) {
        return sgs_value_out_of_memory(reader);
    }
    memcpy(bits, values, (size_t)count * sizeof *bits);
    sgs_status status = check_distinct(reader, node, key, bits, count);
    free(bits);
    return status;
}

sgs_status sgs_numbers_reals(const sgs_reader *reader, const sgs_yaml_node *node, const char *key,
                             const sgs_number_range *range, double **values, int64_t *count)
{
    *values = NULL;
    bool ranged = sgs_yaml_value(node)->kind == SGS_YAML_MAP;
    struct span span = {.points = sgs_items_count(node)};
    sgs_status status = ranged ? read_span(reader, node, key, &(struct ends){.reals = range}, &span)
                               : sgs_items_check(reader, node, key);
    if (status) {
        return status;
    }
    double *made = calloc((size_t)span.points, sizeof *made);
    if (!made) {
        return sgs_value_out_of_memory(reader);
    }
    sgs_items items = sgs_items_of(node);
    for (int64_t i = 0; i < span.points && !status; i++) {
        if (ranged) {
            made[i] = span_point(&span, i);
        } else {
            status = sgs_value_number(reader, sgs_items_next(&items), key, range, &made[i]);
        }
    }
    status = status ? status : check_distinct_reals(reader, node, key, made, span.points);
    if (status) {
        free(made);
        return status;
    }
    *values = made;
    *count = span.points;
    return SGS_OK;
}
