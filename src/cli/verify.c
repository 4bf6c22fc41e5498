/* sgdsweep verify FILE: is everything in a results file what it should be? */
#include "../fleet/event_log.h"
#include "cells.h"
#include "cli.h"
#include "retrain.h"
#include "sample.h"
#include "sgdsweep/store.h"
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
    "usage: sgdsweep verify FILE [--sample K | --all] [--json] [--repair] [OPTIONS]\n\n"
    "Check the structure of a results file and every checksum, and train some of its finished runs again: by the lane\n"
    "kernel, whose bits must be those in the file, records and weights included, and where it is short enough by the\n"
    "reference trainer, whose measures must agree within 1e-4. With `seed: until` in the grid, derive from the "
    "results\n"
    "at which look each cell ended and which seeds are not needed. Works while a sweep writes the file.\n\n"
    "      --sample K       train K runs again, of distinct cells as far as there are (default 16; 0: none)\n"
    "      --all            train every finished run again\n"
    "      --seed S         draw the runs that an earlier check drew; default: others each time\n"
    "      --max-seconds S  leave out runs beyond S predicted seconds in all (default 60; with --all no limit)\n"
    "      --repair         set damaged runs, and those that come out different, pending: the sweep does them again;\n"
    "                       write the decisions that follow from the others\n"
    "      --json           one JSON object\n"
    "      --help           this\n\n"
    "Exit code 3 if anything is wrong, repaired or not; the output names the runs.\n";

enum { SAMPLE_DEFAULT = 16, FINDINGS_KEPT = 100, FINDINGS_SHOWN = 20 };

static const double SECONDS_DEFAULT = 60, REFERENCE_S = 3;

enum trouble { CHECKSUM, NO_STATUS, OTHER_BITS, OTHER_MEASURES, CELL };

struct finding {
    int64_t run;
    enum trouble trouble;
    const char *what;         /* variable that differs */
    int byte;                 /* that is no status */
    struct cell_finding cell; /* CELL: that of run */
};

struct verify {
    const char *path;
    int64_t wanted; /* runs to draw */
    bool all, json, repair;
    bool left_alone; /* there was no lock of a sweep */
    uint64_t seed;
    double max_seconds;
    sgs_lock *lock;
    sgs_store *store;
    sgs_page page;
    struct sample *sample;
    struct cells cells; /* in grids with a rule for the number of seeds */
    sgs_tally tally;
    int64_t drawn, trained, differ, left_out, reference, reference_differ, reference_left_out, repaired;
    double spent_s, reference_spent_s; /* predicted */
    int64_t decided, cells_wrong;      /* cells with a decision, with a finding; in grids with a rule */
    int64_t wrong;                     /* findings */
    struct finding findings[FINDINGS_KEPT];
};

/* ---- what is found ------------------------------------------------------------------------------------------------
 */

static void describe_cell(const struct cell_finding *cell, char *text, size_t size)
{
    char stored[CELLS_TEXT_BYTES], derived[CELLS_TEXT_BYTES];
    if (cell->trouble == CELL_DECISION)
        (void)snprintf(text, size, "its cell is %s; from the runs follows: %s", cells_text(&cell->stored, stored),
                       cells_text(&cell->derived, derived));
    else
        (void)snprintf(text, size,
                       "of its cell (%s) %" PRId64 " runs are marked as not needed and are, or are not and "
                       "lack the mark",
                       cells_text(&cell->derived, derived), cell->runs);
}

static void describe(const struct finding *finding, char *text, size_t size)
{
    switch (finding->trouble) {
    case CHECKSUM:
        (void)snprintf(text, size, "its checksum does not hold");
        break;
    case NO_STATUS:
        (void)snprintf(text, size, "its status %d is none", finding->byte);
        break;
    case OTHER_BITS:
        (void)snprintf(text, size, "trained again, %s has other bits", finding->what);
        break;
    case OTHER_MEASURES:
        (void)snprintf(text, size, "by the reference trainer, %s differs by more than %g", finding->what,
                       RETRAIN_TOLERANCE);
        break;
    case CELL:
        describe_cell(&finding->cell, text, size);
    }
}

/* Note it, and set the run pending if that mends it and is wanted. */
static sgs_status find(struct verify *verify, struct finding finding, sgs_error *err)
{
    if (verify->wrong < FINDINGS_KEPT)
        verify->findings[verify->wrong] = finding;
    verify->wrong++;
    if (!verify->repair || finding.trouble == OTHER_MEASURES || finding.trouble == CELL)
        return SGS_OK;
    verify->repaired++;
    return sgs_store_set_status(verify->store, finding.run, 1, SGS_RUN_PENDING, err);
}

static int64_t kept(const struct verify *verify)
{
    return verify->wrong < FINDINGS_KEPT ? verify->wrong : FINDINGS_KEPT;
}

/* ---- training again -----------------------------------------------------------------------------------------------
 */

/* Choose what fits into the time that is left. */
static bool afford(struct verify *verify, const sgs_page *page, int64_t i)
{
    double seconds = retrain_seconds(sgs_store_grid(verify->store), page->first + i, &page->results[i]);
    if (verify->spent_s + seconds > verify->max_seconds) {
        verify->left_out++;
        return false;
    }
    verify->spent_s += seconds;
    return true;
}

static sgs_status train_chosen(struct verify *verify, const sgs_page *page, bool *chosen, const char **what,
                               sgs_error *err)
{
    for (int64_t i = 0; i < page->count; i++) {
        chosen[i] = sgs_run_status_finished(page->results[i].status) && !page->damaged[i] && afford(verify, page, i);
        verify->trained += chosen[i];
    }
    sgs_status status = retrain_lanes(verify->store, page, chosen, what, err);
    for (int64_t i = 0; i < page->count && status == SGS_OK; i++) {
        if (!what[i])
            continue;
        verify->differ++;
        status = find(verify, (struct finding){.run = page->first + i, .trouble = OTHER_BITS, .what = what[i]}, err);
    }
    return status;
}

static sgs_status train_again(struct verify *verify, const sgs_page *page, sgs_error *err)
{
    bool *chosen = calloc((size_t)page->room, sizeof *chosen);
    const char **what = (const char **)calloc((size_t)page->room, sizeof *what);
    sgs_status status = chosen && what ? train_chosen(verify, page, chosen, what, err)
                                       : sgs_fail(err, SGS_ENOMEM, "training runs again");
    free((void *)what);
    free(chosen);
    return status;
}

static sgs_status ask_reference(struct verify *verify, const sgs_page *page, sgs_error *err)
{
    const char *what = NULL;
    const sgs_grid *grid = sgs_store_grid(verify->store);
    double seconds = retrain_reference_seconds(grid, page->first, &page->results[0]);
    if (verify->reference_spent_s + seconds > fmin(REFERENCE_S, verify->max_seconds)) {
        verify->reference_left_out++;
        return SGS_OK;
    }
    verify->reference_spent_s += seconds;
    verify->reference++;
    sgs_status status = retrain_reference(grid, page->first, &page->results[0], &what, err);
    if (status != SGS_OK || !what)
        return status;
    verify->reference_differ++;
    return find(verify, (struct finding){.run = page->first, .trouble = OTHER_MEASURES, .what = what}, err);
}

/* The runs drawn, one by one; with --all the kernel has had them already. */
static sgs_status train_sample(struct verify *verify, sgs_error *err)
{
    const int64_t *runs;
    sgs_status status = SGS_OK;
    int64_t differed = verify->differ;
    sample_end(verify->sample);
    verify->drawn = sample_drawn(verify->sample, &runs);
    for (int64_t i = 0; i < verify->drawn && status == SGS_OK; i++) {
        status = sgs_store_read_page(verify->store, runs[i], 1, &verify->page, err);
        if (status == SGS_OK && !sgs_run_status_finished(verify->page.results[0].status))
            continue; /* set pending meanwhile, by us with --all */
        if (status == SGS_OK && !verify->all)
            status = train_again(verify, &verify->page, err);
        if (status == SGS_OK && verify->differ == differed)
            status = ask_reference(verify, &verify->page, err);
        differed = verify->differ;
    }
    return status;
}

/* ---- reading ------------------------------------------------------------------------------------------------------
 */

/* Bytes that no sweep writes. What stands for skipped runs is never read. */
static sgs_status check_status(struct verify *verify, const sgs_page *page, sgs_error *err)
{
    int8_t *raw = malloc((size_t)page->count);
    if (!raw)
        return sgs_fail(err, SGS_ENOMEM, "reading the status");
    sgs_status status = sgs_store_read_raw_status(verify->store, page->first, page->count, raw, err);
    for (int64_t i = 0; i < page->count && status == SGS_OK; i++) {
        bool known = (raw[i] == SGS_RUN_NOT_NEEDED && page->results[i].status == raw[i]) || raw[i] == SGS_RUN_PENDING ||
                     raw[i] == SGS_RUN_FAILED || sgs_run_status_finished(raw[i]);
        if (!known && page->results[i].status != SGS_RUN_SKIPPED)
            status = find(verify, (struct finding){.run = page->first + i, .trouble = NO_STATUS, .byte = raw[i]}, err);
    }
    free(raw);
    return status;
}

static sgs_status check_page(struct verify *verify, sgs_error *err)
{
    const sgs_page *page = &verify->page;
    int64_t seeds = sgs_grid_axis_size(sgs_store_grid(verify->store), SGS_AXIS_SEED);
    sgs_status status = check_status(verify, page, err);
    sgs_page_count(page, NULL, &verify->tally);
    for (int64_t i = 0; i < page->count && status == SGS_OK; i++) {
        if (page->damaged[i])
            status = find(verify, (struct finding){.run = page->first + i, .trouble = CHECKSUM}, err);
        else if (verify->sample && sgs_run_status_finished(page->results[i].status))
            sample_offer(verify->sample, (page->first + i) / seeds, page->first + i);
    }
    return status == SGS_OK && verify->all ? train_again(verify, page, err) : status;
}

static sgs_status check_runs(struct verify *verify, sgs_error *err)
{
    int64_t runs = sgs_store_runs(verify->store), room = verify->page.room;
    sgs_status status = SGS_OK;
    for (int64_t at = 0; at < runs && status == SGS_OK; at += verify->page.count) {
        status = sgs_store_read_page(verify->store, at, runs - at < room ? runs - at : room, &verify->page, err);
        if (status == SGS_OK)
            status = check_page(verify, err);
    }
    return status == SGS_OK && verify->sample ? train_sample(verify, err) : status;
}

/* ---- cells --------------------------------------------------------------------------------------------------------
 */

/* Before runs are set pending, from which no decision follows. */
static sgs_status check_cells(struct verify *verify, sgs_error *err)
{
    const sgs_grid *grid = sgs_store_grid(verify->store);
    int64_t seeds = sgs_grid_axis_size(grid, SGS_AXIS_SEED);
    sgs_status status = cells_init(&verify->cells, verify->store, verify->left_alone, err);
    for (int64_t cell = 0; cell < sgs_grid_cells(grid) && status == SGS_OK; cell++) {
        struct finding finding = {.run = cell * seeds, .trouble = CELL};
        status = cells_judge(&verify->cells, cell, &finding.cell, err);
        verify->decided += status == SGS_OK && finding.cell.stored.precision != SGS_PRECISION_OPEN;
        if (status != SGS_OK || finding.cell.trouble == CELL_GOOD)
            continue;
        verify->cells_wrong++;
        status = find(verify, finding, err);
    }
    return status;
}

/* After it: also the cells of those runs. */
static sgs_status settle_cells(struct verify *verify, sgs_error *err)
{
    sgs_status status = SGS_OK;
    for (int64_t cell = 0; cell < sgs_grid_cells(sgs_store_grid(verify->store)) && status == SGS_OK; cell++)
        status = cells_settle(&verify->cells, cell, err);
    return status;
}

/* ---- repair -------------------------------------------------------------------------------------------------------
 */

/* Before anything is read: a sweep that writes would not see what is set pending behind it. */
static sgs_status begin_repair(struct verify *verify, sgs_error *err)
{
    char notice[SGS_ERROR_TEXT_BYTES] = "";
    sgs_status status = sgs_lock_take(verify->path, &verify->lock, notice, err);
    if (status == SGS_OK && notice[0] != '\0')
        (void)fprintf(stderr, "sgdsweep: %s\n", notice);
    return status;
}

static sgs_status end_repair(struct verify *verify, sgs_error *err)
{
    struct event_log *log = NULL;
    if (!verify->repair || verify->repaired + verify->cells_wrong == 0)
        return SGS_OK;
    sgs_status status = verify->cells.seen ? settle_cells(verify, err) : SGS_OK;
    if (status == SGS_OK)
        status = sgs_store_sync(verify->store, err);
    if (status == SGS_OK)
        status = event_log_open(verify->path, &log, err);
    if (status == SGS_OK)
        status = event_log_add(
            log, "repair",
            json_pack("{s:I, s:I}", "pending", (json_int_t)verify->repaired, "cells", (json_int_t)verify->cells_wrong),
            err);
    sgs_status closed = event_log_close(log, status == SGS_OK ? err : NULL);
    return status == SGS_OK ? closed : status;
}

/* ---- the answer ---------------------------------------------------------------------------------------------------
 */

static json_t *findings_json(const struct verify *verify)
{
    char parameters[SGS_RUN_TEXT_BYTES], text[SGS_ERROR_TEXT_BYTES];
    json_t *list = json_array();
    for (int64_t i = 0; i < kept(verify); i++) {
        describe(&verify->findings[i], text, sizeof text);
        (void)sgs_grid_run_text(sgs_store_grid(verify->store), verify->findings[i].run, parameters);
        json_array_append_new(list, json_pack("{s:I, s:s, s:s}", "run", (json_int_t)verify->findings[i].run,
                                              "parameters", parameters, "text", text));
    }
    return list;
}

static json_t *sample_json(const struct verify *verify)
{
    const int64_t *runs = NULL;
    int64_t count = verify->sample ? sample_drawn(verify->sample, &runs) : 0;
    json_t *list = json_array();
    for (int64_t i = 0; i < count; i++)
        json_array_append_new(list, json_integer(runs[i]));
    return list;
}

static json_t *to_json(const struct verify *verify)
{
    char digest[SGS_KEY_TEXT_BYTES];
    const sgs_tally *tally = &verify->tally;
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {
        {"runs", sgs_store_runs(verify->store)},
        {"pending", tally->status[SGS_RUN_PENDING] - tally->damaged},
        {"skipped", tally->status[SGS_RUN_SKIPPED]},
        {"failed", tally->status[SGS_RUN_FAILED]},
        {"not_needed", tally->status[SGS_RUN_NOT_NEEDED]},
        {"damaged", tally->damaged},
        {"decided", verify->decided},
        {"cells_wrong", verify->cells_wrong},
        {"wrong", verify->wrong},
        {"repaired", verify->repaired},
        {"drawn", verify->drawn},
        {"trained", verify->trained},
        {"trained_differ", verify->differ},
        {"trained_left_out", verify->left_out},
        {"reference", verify->reference},
        {"reference_differ", verify->reference_differ},
        {"reference_left_out", verify->reference_left_out},
        {"seed", (int64_t)verify->seed},
    };
    json_t *object = json_pack("{s:b}", "good", verify->wrong == 0);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        json_object_set_new(object, counts[i].name, json_integer(counts[i].value));
    json_object_set_new(object, "results_digest", json_string(sgs_key_text(tally->digest, digest)));
    json_object_set_new(object, "sample", sample_json(verify));
    if (object && json_object_set_new(object, "findings", findings_json(verify)) == 0)
        return object;
    json_decref(object);
    return NULL;
}

static void print_lines(json_t *object)
{
    const char *key;
    size_t shown;
    json_t *value, *findings = json_object_get(object, "findings");
    json_object_foreach(object, key, value)
    {
        if (json_is_integer(value))
            printf("%-18s %" JSON_INTEGER_FORMAT "\n", key, json_integer_value(value));
        else if (json_is_boolean(value))
            printf("%-18s %s\n", key, json_is_true(value) ? "yes" : "no");
        else if (json_is_string(value))
            printf("%-18s %s\n", key, json_string_value(value));
    }
    for (shown = 0; shown < json_array_size(findings) && shown < FINDINGS_SHOWN; shown++) {
        json_t *finding = json_array_get(findings, shown);
        printf("run %" JSON_INTEGER_FORMAT " (%s): %s\n", json_integer_value(json_object_get(finding, "run")),
               json_string_value(json_object_get(finding, "parameters")),
               json_string_value(json_object_get(finding, "text")));
    }
    json_int_t more = json_integer_value(json_object_get(object, "wrong")) - (json_int_t)shown;
    if (more > 0)
        printf("and %" JSON_INTEGER_FORMAT " more\n", more);
}

static sgs_status answer(const struct verify *verify, sgs_error *err)
{
    json_t *object = to_json(verify);
    if (!object)
        return sgs_fail(err, SGS_ENOMEM, "no memory for the answer");
    if (!verify->json)
        print_lines(object);
    else if (json_dumpf(object, stdout, JSON_INDENT(2)) == 0)
        (void)putchar('\n');
    json_decref(object);
    if (verify->wrong == 0)
        return SGS_OK;
    bool mended = verify->repair && verify->repaired + verify->cells_wrong > 0;
    return sgs_fail(err, SGS_EDAMAGED, "%s: %" PRId64 " findings%s", verify->path, verify->wrong,
                    mended ? ", repaired: what is pending now the sweep does again" : "");
}

/* Of a sweep that writes, or was killed. */
static sgs_status look_for_lock(struct verify *verify, sgs_error *err)
{
    char *lock = NULL;
    if (asprintf(&lock, "%s.lock", verify->path) < 0)
        return sgs_fail(err, SGS_ENOMEM, "verifying %s", verify->path);
    verify->left_alone = access(lock, F_OK) != 0;
    free(lock);
    return SGS_OK;
}

static sgs_status verify_file(struct verify *verify, sgs_error *err)
{
    sgs_store_mode mode = verify->repair ? SGS_STORE_WRITE : SGS_STORE_READ;
    sgs_status status = look_for_lock(verify, err);
    if (status == SGS_OK && verify->repair)
        status = begin_repair(verify, err);
    if (status == SGS_OK)
        status = sgs_store_open(verify->path, mode, &verify->store, err);
    if (status == SGS_OK)
        status = sgs_page_create(verify->store, &verify->page, err);
    if (status == SGS_OK && verify->wanted > 0)
        status = sample_create(verify->seed, verify->wanted, &verify->sample, err);
    if (status == SGS_OK && sgs_grid_until(sgs_store_grid(verify->store)))
        status = check_cells(verify, err);
    if (status == SGS_OK)
        status = check_runs(verify, err);
    if (status == SGS_OK)
        status = end_repair(verify, err);
    if (status == SGS_OK)
        status = answer(verify, err);
    sample_destroy(verify->sample);
    cells_clear(&verify->cells);
    sgs_page_clear(&verify->page);
    sgs_status closed = sgs_store_close(verify->store, status == SGS_OK ? err : NULL);
    sgs_lock_release(verify->lock);
    return status == SGS_OK ? closed : status;
}

/* ---- the command line ---------------------------------------------------------------------------------------------
 */

/* A whole number in decimal digits, 0 .. limit. */
static bool parse_whole(const char *text, int64_t limit, int64_t *value)
{
    char *end = NULL;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *value <= limit;
}

static int parse_option(int found, struct verify *verify)
{
    int64_t value = 0;
    switch (found) {
    case 'a':
        verify->all = true;
        break;
    case 'j':
        verify->json = true;
        break;
    case 'r':
        verify->repair = true;
        break;
    case 'k':
        if (!parse_whole(optarg, SAMPLE_MAX, &verify->wanted))
            return cli_usage_error("verify: --sample '%s' is not a whole number up to %d", optarg, SAMPLE_MAX);
        break;
    case 's':
        if (!parse_whole(optarg, INT64_MAX, &value))
            return cli_usage_error("verify: --seed '%s' is not a whole number", optarg);
        verify->seed = (uint64_t)value;
        break;
    default:
        if (!cli_parse_seconds(optarg, &verify->max_seconds))
            return cli_usage_error("verify: --max-seconds '%s' is not a number of seconds", optarg);
    }
    return SGS_EXIT_COMPLETE;
}

int cli_verify(int argc, char **argv)
{
    static const struct option options[] = {
        {"sample", required_argument, NULL, 'k'}, {"all", no_argument, NULL, 'a'},
        {"json", no_argument, NULL, 'j'},         {"repair", no_argument, NULL, 'r'},
        {"seed", required_argument, NULL, 's'},   {"max-seconds", required_argument, NULL, 'm'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    struct verify verify = {.wanted = -1, .max_seconds = -1, .seed = (uint64_t)time(NULL)};
    sgs_error err = {""};
    int found;

    opterr = 0;
    while ((found = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (found == 'h')
            return fputs(help, stdout) < 0 ? SGS_EXIT_FAILURE : SGS_EXIT_COMPLETE;
        int code = found == '?' || found == ':' ? cli_option_error(found, argc, argv) : parse_option(found, &verify);
        if (code != SGS_EXIT_COMPLETE)
            return code;
    }
    if (!cli_one_operand(argc, argv, "the results file", &verify.path))
        return SGS_EXIT_USAGE;
    if (verify.all && verify.wanted >= 0)
        return cli_usage_error("verify: --sample and --all exclude each other");
    if (verify.wanted < 0)
        verify.wanted = SAMPLE_DEFAULT;
    if (verify.max_seconds < 0)
        verify.max_seconds = verify.all ? INFINITY : SECONDS_DEFAULT;
    return cli_failure(verify_file(&verify, &err), &err);
}
