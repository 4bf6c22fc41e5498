/* One run as a row of text: the columns in one place, written as CSV or JSON. */
#include "export_row.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>

enum { CELL_TEXT, CELL_INTEGER, CELL_REAL, CELL_NOTHING };

/* One field of a row. */
struct cell {
    int kind;
    const char *text;
    int64_t integer;
    double real;
};

enum { PLACE_COLUMNS = 14, COLUMNS = PLACE_COLUMNS + SGS_MEASURES };

static const char *const place_names[PLACE_COLUMNS][2] = {
    {"run", "1"},   {"activation", "1"}, {"sampling", "1"},     {"dimension", "1"}, {"samples", "1"},
    {"batch", "1"}, {"batch_size", "1"}, {"step_value", "1"},   {"eta", "1"},       {"eps", "1"},
    {"seed", "1"},  {"init_seed", "1"},  {"max_steps", "step"}, {"status", "1"},
};

static struct cell text_cell(const char *text)
{
    return (struct cell){.kind = CELL_TEXT, .text = text};
}

static struct cell integer_cell(int64_t value, bool there)
{
    return (struct cell){.kind = there ? CELL_INTEGER : CELL_NOTHING, .integer = value};
}

/* No text form of JSON has infinities, and none of the formats a NaN that all readers know. */
static struct cell real_cell(double value, bool there)
{
    return (struct cell){.kind = there && !isnan(value) ? CELL_REAL : CELL_NOTHING, .real = value};
}

static struct cell measure_cell(const sgs_measure_info *info, sgs_value value, bool there)
{
    if (info->integer)
        return integer_cell(value.integer, there && value.integer != info->fill.integer);
    return real_cell(value.real, there);
}

static void fill_row(const sgs_grid *grid, int64_t index, const sgs_result *result, struct cell row[COLUMNS])
{
    sgs_coordinates c;
    sgs_run run = {.b = 0};
    sgs_stop stop = {.max_steps = 0};
    bool fits = sgs_grid_run(grid, index, &run, &stop), scaled = sgs_grid_step_scaled(grid);
    sgs_grid_coordinates(grid, index, &c);
    double value = sgs_grid_step_value(grid, c.at[SGS_AXIS_STEP_VALUE]);
    const struct cell place[PLACE_COLUMNS] = {
        integer_cell(index, true),
        text_cell(sgs_activation_name(sgs_grid_activation(grid, c.at[SGS_AXIS_ACTIVATION]))),
        text_cell(sgs_sampling_name(sgs_grid_sampling(grid, c.at[SGS_AXIS_SAMPLING]))),
        integer_cell(sgs_grid_dimension(grid, c.at[SGS_AXIS_DIMENSION]), true),
        integer_cell(sgs_grid_samples(grid, c.at[SGS_AXIS_DIMENSION]), true),
        text_cell(sgs_grid_batch_label(grid, c.at[SGS_AXIS_BATCH])),
        integer_cell(run.b, fits),
        real_cell(value, true),
        real_cell(scaled ? run.eps * run.b : value, fits), /* as the variable eta of the file */
        real_cell(run.eps, fits),
        integer_cell(sgs_grid_seed(grid, c.at[SGS_AXIS_SEED]), true),
        integer_cell(run.init_seed, fits && run.init != SGS_INIT_ONES),
        integer_cell(stop.max_steps, fits),
        text_cell(sgs_run_status_name((sgs_run_status)result->status)),
    };
    bool finished = sgs_run_status_finished(result->status);
    for (int i = 0; i < PLACE_COLUMNS; i++)
        row[i] = place[i];
    for (int m = 0; m < SGS_MEASURES; m++)
        row[PLACE_COLUMNS + m] = measure_cell(sgs_measure_describe((sgs_measure)m), result->value[m], finished);
}

static void column_name(int column, const char **name, const char **units)
{
    if (column < PLACE_COLUMNS) {
        *name = place_names[column][0];
        *units = place_names[column][1];
        return;
    }
    const sgs_measure_info *info = sgs_measure_describe((sgs_measure)(column - PLACE_COLUMNS));
    *name = info->name;
    *units = info->units;
}

bool export_header(FILE *out)
{
    bool written = true;
    for (int i = 0; i < COLUMNS; i++) {
        const char *name, *units;
        column_name(i, &name, &units);
        bool plain = units[0] == '1' && units[1] == '\0';
        written &= fprintf(out, plain ? "%s%s" : "%s%s[%s]", i > 0 ? "," : "", name, units) >= 0;
    }
    return fputc('\n', out) != EOF && written;
}

/* No text here has a comma, a quote or a line end: names, and batch sizes of digits, n, + - * / and parentheses. */
static bool write_csv(FILE *out, const struct cell row[COLUMNS])
{
    bool written = true;
    for (int i = 0; i < COLUMNS; i++) {
        written &= i == 0 || fputc(',', out) != EOF;
        if (row[i].kind == CELL_TEXT)
            written &= fputs(row[i].text, out) != EOF;
        else if (row[i].kind == CELL_INTEGER)
            written &= fprintf(out, "%" PRId64, row[i].integer) >= 0;
        else if (row[i].kind == CELL_REAL)
            written &= fprintf(out, "%.17g", row[i].real) >= 0;
    }
    return fputc('\n', out) != EOF && written;
}

static json_t *to_json(const struct cell *cell)
{
    if (cell->kind == CELL_TEXT)
        return json_string(cell->text);
    if (cell->kind == CELL_INTEGER)
        return json_integer(cell->integer);
    return cell->kind == CELL_REAL && isfinite(cell->real) ? json_real(cell->real) : json_null();
}

static bool write_json(FILE *out, const struct cell row[COLUMNS])
{
    json_t *object = json_object();
    bool written = object != NULL;
    for (int i = 0; i < COLUMNS && written; i++) {
        const char *name, *units;
        column_name(i, &name, &units);
        written = json_object_set_new(object, name, to_json(&row[i])) == 0;
    }
    written = written && json_dumpf(object, out, JSON_COMPACT | JSON_REAL_PRECISION(17)) == 0;
    json_decref(object);
    return written && fputc('\n', out) != EOF;
}

bool export_row(FILE *out, enum export_format format, const sgs_grid *grid, int64_t index, const sgs_result *result)
{
    struct cell row[COLUMNS];
    fill_row(grid, index, result, row);
    return format == EXPORT_CSV ? write_csv(out, row) : write_json(out, row);
}
