/** @file until.c
 *  The key `until` of `seed`: which quantity, how precise, and at how many seeds one looks. */
#include "until.h"

#include "numbers.h"

#include <stdlib.h>
#include <string.h>

enum { UNTIL_MEASURE, UNTIL_AT_LEAST, UNTIL_AT_MOST, UNTIL_HALF_WIDTH, UNTIL_CONFIDENCE, UNTIL_LOOKS, UNTIL_KEYS };

static const char *const until_keys[UNTIL_KEYS] = {"measure",    "at_least",   "at_most",
                                                   "half_width", "confidence", "looks"};

/** max_share at least this is what `sparse` means, here as in steps_sparse. */
static const double SPARSE_SHARE = 0.99;

static bool has_range(sgs_measure measure)
{
    double low = 0;
    double high = 0;
    return sgs_measure_range(measure, 1, 1, &low, &high);
}

/** Refuse a measure, with the names that are accepted. */
static sgs_status fail_measure(const sgs_reader *reader, const sgs_yaml_node *node, const char *wrong)
{
    char shown[SGS_VALUE_SHOWN_BYTES];
    char accepted[512] = "";
    for (int measure = 0; measure < SGS_MEASURES; measure++) {
        if (has_range((sgs_measure)measure)) {
            strncat(accepted, ", ", sizeof accepted - strlen(accepted) - 1);
            strncat(accepted, sgs_measure_describe((sgs_measure)measure)->name, sizeof accepted - strlen(accepted) - 1);
        }
    }
    return sgs_value_fail(reader, node,
                          "seed: until: measure: %s %s; accepted: sparse, converged, any measure with at_least or "
                          "at_most, and the means of%s",
                          sgs_value_show(node, shown), wrong, accepted + 1);
}

static sgs_status read_threshold(const sgs_reader *reader, const sgs_yaml_node *node, const char *key, double *value)
{
    static const sgs_number_range any = {-1e300, 1e300};
    sgs_status status = sgs_value_number(reader, node, key, &any, value);
    *value += 0.0; /* -0 is 0, in the canonical text too */
    return status;
}

/** `sparse` and `converged` are whole rules; a measure with a threshold is a share, one alone a mean. */
static sgs_status read_measure(const sgs_reader *reader, const sgs_yaml_node *const *found, sgs_until *until)
{
    const sgs_yaml_node *node = found[UNTIL_MEASURE];
    const sgs_yaml_node *value = sgs_yaml_value(node);
    const sgs_yaml_node *bound = found[UNTIL_AT_LEAST] ? found[UNTIL_AT_LEAST] : found[UNTIL_AT_MOST];
    bool named = sgs_value_is(node, "sparse") || sgs_value_is(node, "converged");
    if (found[UNTIL_AT_LEAST] && found[UNTIL_AT_MOST]) {
        return sgs_value_fail(reader, bound, "seed: until: at_least and at_most exclude each other; accepted: one");
    }
    if (named && bound) {
        return sgs_value_fail(reader, bound, "seed: until: %s has its threshold already; accepted: none", value->text);
    }
    if (named) {
        until->kind = sgs_value_is(node, "sparse") ? SGS_UNTIL_AT_LEAST : SGS_UNTIL_CONVERGED;
        until->measure = SGS_MAX_SHARE;
        until->threshold = SPARSE_SHARE;
        return SGS_OK;
    }
    int measure = 0;
    while (measure < SGS_MEASURES && (value->kind != SGS_YAML_SCALAR ||
                                      strcmp(sgs_measure_describe((sgs_measure)measure)->name, value->text) != 0)) {
        measure++;
    }
    if (measure == SGS_MEASURES) {
        return fail_measure(reader, node, "is not known");
    }
    until->measure = (sgs_measure)measure;
    if (!bound) {
        until->kind = SGS_UNTIL_MEAN;
        return has_range(until->measure) ? SGS_OK : fail_measure(reader, node, "has no range that is known beforehand");
    }
    until->kind = found[UNTIL_AT_LEAST] ? SGS_UNTIL_AT_LEAST : SGS_UNTIL_AT_MOST;
    return read_threshold(reader, bound, found[UNTIL_AT_LEAST] ? "seed: until: at_least" : "seed: until: at_most",
                          &until->threshold);
}

static sgs_status read_looks(const sgs_reader *reader, const sgs_yaml_node *node, sgs_until *until)
{
    static const sgs_integer_range seeds = {2, SGS_UNTIL_MAX_SEEDS, ""};
    int64_t *looks = NULL;
    int64_t count = 0;
    sgs_status status = sgs_numbers_integers(reader, node, "seed: until: looks", &seeds, &looks, &count);
    if (!status && count > SGS_UNTIL_MAX_LOOKS) {
        status = sgs_value_fail(reader, node, "seed: until: looks: %lld of them; accepted: at most %d",
                                (long long)count, (int)SGS_UNTIL_MAX_LOOKS);
    }
    for (int64_t i = 0; !status && i < count; i++) {
        if (i > 0 && looks[i] < looks[i - 1]) {
            status = sgs_value_fail(reader, sgs_items_at(node, i),
                                    "seed: until: looks: %lld comes after %lld; accepted: ascending numbers of seeds",
                                    (long long)looks[i], (long long)looks[i - 1]);
        }
        until->look[i] = looks[i];
    }
    until->looks = (int)count;
    free(looks);
    return status;
}

static sgs_status read_precision(const sgs_reader *reader, const sgs_yaml_node *const *found, sgs_until *until)
{
    static const sgs_number_range widths = {1e-5, 1e9};
    static const sgs_number_range shares = {1e-5, 0.5};
    static const sgs_number_range confidences = {0.5, 0.999999};
    sgs_status status = sgs_value_number(reader, found[UNTIL_HALF_WIDTH], "seed: until: half_width",
                                         until->kind == SGS_UNTIL_MEAN ? &widths : &shares, &until->half_width);
    until->confidence = 0.95;
    if (!status && found[UNTIL_CONFIDENCE]) {
        status = sgs_value_number(reader, found[UNTIL_CONFIDENCE], "seed: until: confidence", &confidences,
                                  &until->confidence);
    }
    return status;
}

sgs_status sgs_until_read(const sgs_reader *reader, const sgs_yaml_node *node, sgs_until *until)
{
    const sgs_yaml_node *found[UNTIL_KEYS];
    sgs_status status = sgs_value_keys(reader, node, "seed: until", until_keys, UNTIL_KEYS, found);
    if (!status && (!found[UNTIL_MEASURE] || !found[UNTIL_HALF_WIDTH] || !found[UNTIL_LOOKS])) {
        status = sgs_value_fail(reader, node,
                                "seed: until: measure, half_width and looks go together; accepted: for instance "
                                "{measure: sparse, half_width: 0.01, looks: [64, 256, 1024, 4096]}");
    }
    status = status ? status : read_measure(reader, found, until);
    status = status ? status : read_precision(reader, found, until);
    return status ? status : read_looks(reader, found[UNTIL_LOOKS], until);
}
