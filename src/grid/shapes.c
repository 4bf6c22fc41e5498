/** @file shapes.c
 *  The two keys that take expressions, and the tables that follow from them: n of each dimension, b of each dimension
 * and batch label. An expression that has no value at some dimension is refused here, so that reading a grid cannot
 * fail. */
#include "axes.h"
#include "expression.h"
#include "numbers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** The text of a label or an expression without its blanks, NULL without memory. */
static char *without_blanks(const char *text)
{
    char *result = malloc(strlen(text) + 1);
    if (!result) {
        return NULL;
    }
    char *end = result;
    for (const char *c = text; *c; c++) {
        if (*c != ' ' && *c != '\t') {
            *end++ = *c;
        }
    }
    *end = '\0';
    return result;
}

static sgs_status fail_expression(const sgs_reader *reader, const sgs_yaml_node *node, const char *key, char variable)
{
    char shown[SGS_VALUE_SHOWN_BYTES];
    return sgs_value_fail(reader, node,
                          "%s: %s is not an expression in %c; accepted: whole numbers up to %d, %c, + - * / and "
                          "parentheses, at most %d characters, such as %s",
                          key, sgs_value_show(node, shown), variable, (int)SGS_EXPRESSION_MAX_NUMBER, variable,
                          (int)SGS_EXPRESSION_MAX_BYTES, variable == 'n' ? "n/4, n-1, or \"full\" for n" : "d/2, d-3");
}

/** Check the syntax of an expression, or of "full" where a batch size is read, and copy it without blanks. */
static sgs_status read_expression(const sgs_reader *reader, const sgs_yaml_node *node, const char *key, char variable,
                                  char **label)
{
    const sgs_yaml_node *value = sgs_yaml_value(node);
    bool fine = false;
    if (value->kind == SGS_YAML_SCALAR) {
        int64_t unused = 0;
        fine = sgs_expression_compute(value->text, variable, 1, &unused) != SGS_EXPRESSION_SYNTAX ||
               (variable == 'n' && strcmp(value->text, "full") == 0);
    }
    if (!fine) {
        return fail_expression(reader, node, key, variable);
    }
    *label = without_blanks(value->text);
    return *label ? SGS_OK : sgs_value_out_of_memory(reader);
}

/** Compute a checked expression. Division by zero and overflow are mistakes in the grid file, at any dimension. */
static sgs_status compute(const sgs_reader *reader, const sgs_yaml_node *node, const char *label, char variable,
                          int32_t value, int64_t *result)
{
    if (!label) { /* could not be copied */
        return sgs_value_out_of_memory(reader);
    }
    if (strcmp(label, "full") == 0) {
        *result = value;
        return SGS_OK;
    }
    sgs_expression_end end = sgs_expression_compute(label, variable, value, result);
    if (end == SGS_EXPRESSION_FINE) {
        return SGS_OK;
    }
    return sgs_value_fail(reader, node,
                          "%s: \"%s\" %s at %c = %d; accepted: expressions with a value at every dimension",
                          variable == 'n' ? "batch_size" : "samples", label,
                          end == SGS_EXPRESSION_BY_ZERO ? "divides by zero" : "leaves 64 bits", variable, (int)value);
}

sgs_status sgs_axes_samples(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid)
{
    int64_t count = grid->size[SGS_AXIS_DIMENSION];
    grid->samples = calloc((size_t)count, sizeof *grid->samples);
    if (!grid->samples || (!node && !(grid->samples_label = strdup("d")))) {
        return sgs_value_out_of_memory(reader);
    }
    sgs_status status = node ? read_expression(reader, node, "samples", 'd', &grid->samples_label) : SGS_OK;
    const char *label = grid->samples_label;
    for (int64_t i = 0; i < count && !status; i++) {
        int32_t d = grid->dimension[i];
        int64_t n = d;
        status = node ? compute(reader, node, label, 'd', d, &n) : SGS_OK;
        if (!status && (n < 1 || n > d)) {
            status = sgs_value_fail(reader, node, "samples: \"%s\" is %lld at dimension %d; accepted: 1 to %d there",
                                    label, (long long)n, (int)d, (int)d);
        }
        grid->samples[i] = (int32_t)n;
    }
    return status;
}

/** A range of whole numbers as labels. */
static sgs_status read_batch_range(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid)
{
    static const sgs_integer_range sizes = {1, INT32_MAX, ""};
    int64_t *values = NULL;
    int64_t count = 0;
    sgs_status status = sgs_numbers_integers(reader, node, "batch_size", &sizes, &values, &count);
    if (status) {
        return status;
    }
    grid->batch_label = calloc((size_t)count, sizeof *grid->batch_label);
    for (int64_t i = 0; i < count && grid->batch_label && !status; i++) {
        grid->size[SGS_AXIS_BATCH] = i + 1;
        if (asprintf(&grid->batch_label[i], "%lld", (long long)values[i]) < 0) {
            grid->batch_label[i] = NULL;
            status = sgs_value_out_of_memory(reader);
        }
    }
    free(values);
    return grid->batch_label ? status : sgs_value_out_of_memory(reader);
}

static sgs_status read_batch_list(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid)
{
    sgs_status status = sgs_items_check(reader, node, "batch_size");
    if (status) {
        return status;
    }
    int64_t count = sgs_items_count(node);
    grid->batch_label = calloc((size_t)count, sizeof *grid->batch_label);
    if (!grid->batch_label) {
        return sgs_value_out_of_memory(reader);
    }
    grid->size[SGS_AXIS_BATCH] = count;
    sgs_items items = sgs_items_of(node);
    for (int64_t i = 0; i < count && !status; i++) {
        status = read_expression(reader, sgs_items_next(&items), "batch_size", 'n', &grid->batch_label[i]);
    }
    if (status) {
        return status;
    }
    int64_t again = sgs_numbers_duplicate(NULL, grid->batch_label, count);
    if (again == -2) {
        return sgs_value_out_of_memory(reader);
    }
    return again < 0 ? SGS_OK
                     : sgs_value_fail(reader, sgs_items_at(node, again),
                                      "batch_size: \"%s\" is there twice; accepted: every value once",
                                      grid->batch_label[again]);
}

/** b of one batch label at every dimension. */
static sgs_status fill_batch_sizes(const sgs_reader *reader, const sgs_yaml_node *node, int64_t batch, sgs_grid *grid)
{
    sgs_status status = SGS_OK;
    int64_t batches = grid->size[SGS_AXIS_BATCH];
    for (int64_t i = 0; i < grid->size[SGS_AXIS_DIMENSION] && !status; i++) {
        int32_t n = grid->samples[i];
        int64_t b = 0;
        status = compute(reader, node, grid->batch_label[batch], 'n', n, &b);
        grid->batch_size[i * batches + batch] = !status && b >= 1 && b <= n ? (int32_t)b : 0;
    }
    return status;
}

sgs_status sgs_axes_batch_size(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid)
{
    bool ranged = sgs_yaml_value(node)->kind == SGS_YAML_MAP;
    sgs_status status = ranged ? read_batch_range(reader, node, grid) : read_batch_list(reader, node, grid);
    if (status) {
        return status;
    }
    int64_t batches = grid->size[SGS_AXIS_BATCH];
    int64_t dims = grid->size[SGS_AXIS_DIMENSION];
    if (batches > SGS_GRID_MAX_BATCH_CELLS / dims) {
        return sgs_value_fail(reader, node, "batch_size: %lld values at %lld dimensions; accepted: a product up to %d",
                              (long long)batches, (long long)dims, (int)SGS_GRID_MAX_BATCH_CELLS);
    }
    grid->batch_size = calloc((size_t)(batches * dims), sizeof *grid->batch_size);
    if (!grid->batch_size) {
        return sgs_value_out_of_memory(reader);
    }
    sgs_items items = sgs_items_of(node);
    for (int64_t j = 0; j < batches && !status; j++) {
        const sgs_yaml_node *item = ranged ? node : sgs_items_next(&items);
        status = fill_batch_sizes(reader, item, j, grid);
    }
    return status;
}
