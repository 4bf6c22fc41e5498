/* sgdsweep bench: how fast the lane kernel is on this machine. */
#include "bench_measure.h"
#include "cli.h"
#include "sgdsweep/sched.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static const char help[] =
    "usage: sgdsweep bench [OPTIONS]\n\n"
    "Time the lane kernel on one core: one step of one run for a list of (n, b), and what a run costs whatever its\n"
    "length. Every number is the median of some repeats, which take turns; times are processor time.\n\n"
    "  --n LIST           numbers of data points, e.g. 100,1000; n = d\n"
    "  --b LIST           batch sizes, numbers or expressions in n, e.g. 1,n/2,n-1,n; those that do not fit are left "
    "out\n"
    "  --activation NAME  as in a grid file; default relu\n"
    "  --sampling NAME    as in a grid file; default without_replacement\n"
    "  --seconds S        what it takes in all, about; default 10\n"
    "  --repeats K        default 7\n"
    "  --json             one JSON object\n"
    "  --help             this\n\n"
    "SGDSWEEP_ISA forces an instruction set. For quiet numbers pin it: taskset -c 0 sgdsweep bench\n";

struct wishes {
    const char *n, *b, *activation, *sampling;
    double seconds;
    int repeats;
    bool json;
};

/* Rows of the table: step_cells of kind BENCH_STEP, the others of kind BENCH_RUN. */
struct table {
    bench_cell *cells;
    size_t count, step_cells;
};

struct fit {
    bool step, run; /* are there */
    double step_s, member_s, run_s, point_s;
    double worst_step, worst_run; /* largest factor between a fit and what was measured */
};

/* Small enough that a run neither ends nor leaves the basin, large enough that all is normal. */
#define BENCH_EPS "0.01"

static void close_table(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        bench_cell_close(&table->cells[i]);
    free(table->cells);
}

static sgs_status add_cell(struct table *table, bench_kind kind, const sgs_run *shape, int repeats, sgs_error *err)
{
    bench_cell *more = realloc(table->cells, (table->count + 1) * sizeof *more);
    if (!more)
        return sgs_fail(err, SGS_ENOMEM, "no memory for the table");
    table->cells = more;
    table->step_cells += kind == BENCH_STEP;
    return bench_cell_open(&table->cells[table->count++], kind, shape, repeats, err);
}

/* The product of two lists: a grid file, so that lists, expressions and mistakes are those of a grid file. */
static sgs_status add_cells(struct table *table, const struct wishes *wishes, bench_kind kind, sgs_error *err)
{
    sgs_grid *grid = NULL;
    char *text = NULL;
    int size = asprintf(&text,
                        "dimension: [%s]\nbatch_size: [%s]\nactivation: %s\nsampling: %s\n"
                        "step_size: {scaled_by_batch: " BENCH_EPS "}\nseed: 1\n"
                        "stop: {max_steps: 9007199254740992, tol: 0}\n",
                        wishes->n, wishes->b, wishes->activation, wishes->sampling);
    if (size < 0)
        return sgs_fail(err, SGS_ENOMEM, "no memory for the table");
    sgs_status status = sgs_grid_parse(text, (size_t)size, "bench, options as a grid file", &grid, err);
    for (int64_t i = 0; status == SGS_OK && i < sgs_grid_runs(grid); i++) {
        sgs_run shape;
        sgs_stop stop;
        if (sgs_grid_run(grid, i, &shape, &stop))
            status = add_cell(table, kind, &shape, wishes->repeats, err);
    }
    sgs_grid_destroy(grid);
    free(text);
    return status;
}

static sgs_status make_table(struct table *table, const struct wishes *wishes, sgs_error *err)
{
    static const char *const usual[][2] = {
        {"100", "1, 10, 50, n-1, n"}, {"1000", "1, 10, 100, 500, n-1, n"}, {"10, 1000000", "n"}};
    struct wishes now = *wishes;
    sgs_status status = SGS_OK;

    const bool asked = wishes->n || wishes->b;
    if (asked) {
        now.n = wishes->n ? wishes->n : "100, 1000";
        now.b = wishes->b ? wishes->b : "1, 10, n/2, n-1, n";
        status = add_cells(table, &now, BENCH_STEP, err);
    }
    for (size_t k = 0; status == SGS_OK && !asked && k < sizeof usual / sizeof usual[0]; k++) {
        now.n = usual[k][0];
        now.b = usual[k][1];
        status = add_cells(table, &now, BENCH_STEP, err);
    }
    if (status == SGS_OK && table->step_cells == 0)
        return sgs_fail(err, SGS_EINVAL, "bench: no batch size of '%s' fits n = %s", now.b, now.n);
    now.n = "10, 100, 1000, 10000";
    now.b = "1";
    return status ? status : add_cells(table, &now, BENCH_RUN, err);
}

/* Repeats take turns over the rows, so that a change of the machine's speed shows as spread and not as a row. */
static sgs_status measure(struct table *table, const struct wishes *wishes, sgs_error *err)
{
    const double slice_s = wishes->seconds / (double)(table->count * (wishes->repeats + 1));
    sgs_status status = SGS_OK;

    for (size_t i = 0; status == SGS_OK && i < table->count; i++)
        status = bench_warm_up(&table->cells[i], slice_s, err);
    for (int k = 0; k < wishes->repeats; k++)
        for (size_t i = 0; status == SGS_OK && i < table->count; i++)
            status = bench_repeat(&table->cells[i], slice_s, err);
    return status;
}

/* What the cost model reads: a line through the medians of the steps over points touched, one through runs over n. */
static struct fit fit_speed(struct table *table)
{
    const size_t steps = table->step_cells;
    double step[2] = {0, 0}, run[2] = {0, 0};
    struct fit fit = {0};

    for (size_t i = 0; i < table->count; i++)
        bench_summarise(&table->cells[i]);
    fit.step = bench_fit(steps, table->cells, step, &fit.worst_step);
    fit.run = bench_fit(table->count - steps, table->cells + steps, run, &fit.worst_run);
    fit.step_s = 1e-9 * step[0];
    fit.member_s = 1e-9 * step[1];
    fit.run_s = 1e-9 * run[0];
    fit.point_s = 1e-9 * run[1];
    return fit;
}

static void print_text(const struct table *table, const struct wishes *wishes, const struct fit *fit)
{
    printf("sgdsweep %s (%s), %s: median of %d repeats, processor time\n\n", SGDSWEEP_VERSION, SGDSWEEP_BUILD,
           sgs_trainer_isa(), wishes->repeats);
    printf("%9s %9s %12s %25s %14s\n", "n", "b", "ns / step", "lowest .. highest", "ns / member");
    for (size_t i = 0; i < table->count; i++) {
        const bench_cell *cell = &table->cells[i];
        const bench_spread ns = cell->spread;
        if (i == table->step_cells)
            printf("\nA run, whatever its length: its start and its measures\n%9s %9s %12s %25s %14s\n", "n", "",
                   "ns / run", "lowest .. highest", "ns / n");
        printf("%9" PRId32 " ", cell->shape.n);
        if (cell->kind == BENCH_STEP)
            printf("%9" PRId32 " %12.2f %11.2f .. %10.2f", cell->shape.b, ns.median, ns.low, ns.high);
        else
            printf("%9s %12.0f %11.0f .. %10.0f", "", ns.median, ns.low, ns.high);
        if (bench_amount(cell) > 0)
            printf(" %14.2f\n", ns.median / bench_amount(cell));
        else
            printf(" %14s\n", "-");
    }
    printf("\nA member is a point that a step draws: min(b, n - b) without replacement, none in a full batch.\n");
    if (fit->step)
        printf("fitted: a step is %.2f ns + %.2f ns per member (within a factor of %.1f)\n", 1e9 * fit->step_s,
               1e9 * fit->member_s, fit->worst_step);
    if (fit->run)
        printf("fitted: a run is %.2f us + %.1f ns per point (within a factor of %.1f)\n", 1e6 * fit->run_s,
               1e9 * fit->point_s, fit->worst_run);
}

static json_t *cell_json(const bench_cell *cell)
{
    const bench_spread ns = cell->spread;
    json_t *all = json_array();
    bool failed = all == NULL;
    for (int k = 0; k < cell->repeats; k++)
        failed = json_array_append_new(all, json_real(cell->ns[k])) != 0 || failed;
    if (failed) {
        json_decref(all);
        return NULL;
    }
    json_t *object = json_pack("{s:i, s:f, s:f, s:f, s:o}", "n", (int)cell->shape.n, "ns", ns.median, "ns_low", ns.low,
                               "ns_high", ns.high, "ns_ascending", all);
    if (!object || cell->kind == BENCH_RUN)
        return object;
    json_t *member = cell->touched > 0 ? json_real(ns.median / bench_amount(cell)) : json_null();
    failed = json_object_set_new(object, "b", json_integer(cell->shape.b)) != 0;
    failed = json_object_set_new(object, "members", json_integer(cell->touched)) != 0 || failed;
    failed = json_object_set_new(object, "ns_member", member) != 0 || failed;
    if (!failed)
        return object;
    json_decref(object);
    return NULL;
}

/* null where the list of (n, b) does not tell: one distinct number of members, say. */
static json_t *fit_json(const struct fit *fit)
{
    if (!fit->step || !fit->run || !isfinite(fit->worst_step) || !isfinite(fit->worst_run))
        return json_null();
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "step_s", fit->step_s, "member_s", fit->member_s, "run_s",
                     fit->run_s, "point_s", fit->point_s, "worst_step", fit->worst_step, "worst_run", fit->worst_run);
}

static int print_json(const struct table *table, const struct wishes *wishes, const struct fit *fit)
{
    json_t *steps = json_array(), *runs = json_array();
    bool failed = !steps || !runs;

    for (size_t i = 0; !failed && i < table->count; i++)
        failed = json_array_append_new(i < table->step_cells ? steps : runs, cell_json(&table->cells[i])) != 0;
    json_t *object = json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:i, s:o, s:o, s:o}", "version", SGDSWEEP_VERSION,
                               "build", SGDSWEEP_BUILD, "isa", sgs_trainer_isa(), "vector", sgs_trainer_vector(),
                               "activation", wishes->activation, "sampling", wishes->sampling, "clock",
                               "processor time", "repeats", wishes->repeats, "steps", steps, "runs", runs, "fitted",
                               fit_json(fit)); /* takes the arrays, and frees them when it fails */
    failed = failed || !object || json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) != 0;
    (void)putchar('\n');
    json_decref(object);
    return failed ? SGS_EXIT_FAILURE : SGS_EXIT_COMPLETE;
}

static int bench(const struct wishes *wishes)
{
    struct table table = {NULL, 0, 0};
    sgs_error err = {""};
    int code = SGS_EXIT_COMPLETE;

    sgs_status status = make_table(&table, wishes, &err);
    if (status == SGS_OK)
        status = measure(&table, wishes, &err);
    if (status == SGS_OK) {
        const struct fit fit = fit_speed(&table);
        if (wishes->json)
            code = print_json(&table, wishes, &fit);
        else
            print_text(&table, wishes, &fit);
    } else {
        code = cli_failure(status, &err);
    }
    close_table(&table);
    return code;
}

static bool parse_repeats(const char *text, int *repeats)
{
    char *end = NULL;
    const long value = strtol(text, &end, 10);
    if (end == text || *end || value < 1 || value > 1000)
        return false;
    *repeats = (int)value;
    return true;
}

int cli_bench(int argc, char **argv)
{
    static const struct option options[] = {{"n", required_argument, NULL, 'n'},
                                            {"b", required_argument, NULL, 'b'},
                                            {"activation", required_argument, NULL, 'a'},
                                            {"sampling", required_argument, NULL, 's'},
                                            {"seconds", required_argument, NULL, 't'},
                                            {"repeats", required_argument, NULL, 'r'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct wishes wishes = {NULL, NULL, "relu", "without_replacement", 10, 7, false};
    int found;

    opterr = 0;
    while ((found = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        switch (found) {
        case 'h':
            return fputs(help, stdout) < 0 ? SGS_EXIT_FAILURE : SGS_EXIT_COMPLETE;
        case 'j':
            wishes.json = true;
            break;
        case 'n':
            wishes.n = optarg;
            break;
        case 'b':
            wishes.b = optarg;
            break;
        case 'a':
            wishes.activation = optarg;
            break;
        case 's':
            wishes.sampling = optarg;
            break;
        case 't':
            if (!cli_parse_seconds(optarg, &wishes.seconds))
                return cli_usage_error("bench: --seconds '%s' is not a number of seconds; accepted: 0 or more", optarg);
            break;
        case 'r':
            if (!parse_repeats(optarg, &wishes.repeats))
                return cli_usage_error("bench: --repeats '%s' is not a whole number; accepted: 1 to 1000", optarg);
            break;
        default:
            return cli_option_error(found, argc, argv);
        }
    }
    if (optind < argc)
        return cli_usage_error("bench: '%s' is one argument too many", argv[optind]);
    return bench(&wishes);
}
