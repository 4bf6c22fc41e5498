/* sgdsweep export FILE: one row a run, as CSV or JSON lines.
 *
 * What is written goes to a stream of its own, not to stdout, so that a reader who has seen enough (a broken pipe) ends
 * the export without an error. A file appears under its name when it is whole. */
#include "cli.h"
#include "export_row.h"
#include "sgdsweep/store.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: sgdsweep export FILE [--format csv|jsonl] [-o OUT] [--all]\n\n"
    "Write one row for each finished run of a results file: its place on every axis and every measure.\n\n"
    "  -o, --output OUT  a file that is not there yet, or - for standard output (default)\n"
    "      --format F    csv: a header, units in brackets where there are any (steps[step]), no value: empty;\n"
    "                    jsonl: one JSON object a line, no value: null (default: jsonl if OUT ends so, else csv)\n"
    "      --all         runs that are not finished too, without measures\n"
    "      --help        this\n\n"
    "Numbers have as many digits as give back their bits. Exit code 3 if runs do not match their checksums; they "
    "count\n"
    "as not finished.\n";

struct export
{
    const char *path, *out;
    enum export_format format;
    bool all;
    FILE *stream;
    bool broken; /* nobody reads any more */
    int64_t damaged;
};

/* ---- where it goes ------------------------------------------------------------------------------------------------
 */

static bool to_standard_output(const struct export *export)
{
    return strcmp(export->out, "-") == 0;
}

/* A full disk shows up here, and so does a reader who went away. */
static sgs_status write_failure(struct export *export, sgs_error *err)
{
    int why = errno;
    if (why == EPIPE) {
        export->broken = true;
        return SGS_OK;
    }
    return sgs_fail(err, SGS_EIO, "writing %s: %s", to_standard_output(export) ? "standard output" : export->out,
                    strerror(why));
}

static sgs_status open_stream(struct export *export, const char *temporary, sgs_error *err)
{
    int fd = temporary ? open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666) : dup(STDOUT_FILENO);
    export->stream = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (export->stream)
        return SGS_OK;
    int why = errno;
    if (fd >= 0)
        close(fd);
    return sgs_fail(err, SGS_EIO, "cannot write %s: %s", temporary ? export->out : "standard output", strerror(why));
}

static sgs_status close_stream(struct export *export, bool sync, sgs_error *err)
{
    sgs_status status = SGS_OK;
    if (!export->stream)
        return SGS_OK;
    if (!export->broken && (fflush(export->stream) != 0 || (sync && fsync(fileno(export->stream)) != 0)))
        status = write_failure(export, err);
    if (fclose(export->stream) != 0 && status == SGS_OK && !export->broken)
        status = write_failure(export, err);
    export->stream = NULL;
    return status;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------
 */

static sgs_status write_page(struct export *export, sgs_store *store, const sgs_page *page, sgs_error *err)
{
    const sgs_grid *grid = sgs_store_grid(store);
    for (int64_t i = 0; i < page->count && !export->broken; i++) {
        sgs_result result = page->results[i];
        export->damaged += page->damaged[i];
        if (page->damaged[i])
            result.status = SGS_RUN_PENDING;
        if (!export->all && !sgs_run_status_finished(result.status))
            continue;
        if (export_row(export->stream, export->format, grid, page->first + i, &result))
            continue;
        if (!ferror(export->stream))
            return sgs_fail(err, SGS_ENOMEM, "no memory for a row");
        sgs_status status = write_failure(export, err);
        if (status != SGS_OK)
            return status;
    }
    return SGS_OK;
}

static sgs_status write_rows(struct export *export, sgs_store *store, sgs_error *err)
{
    sgs_page page;
    int64_t runs = sgs_store_runs(store);
    sgs_status status = sgs_page_create(store, &page, err);
    if (status != SGS_OK)
        return status;
    if (export->format == EXPORT_CSV && !export_header(export->stream))
        status = write_failure(export, err);
    for (int64_t at = 0; at < runs && status == SGS_OK && !export->broken; at += page.count) {
        status = sgs_store_read_page(store, at, runs - at < page.room ? runs - at : page.room, &page, err);
        if (status == SGS_OK)
            status = write_page(export, store, &page, err);
    }
    sgs_page_clear(&page);
    return status;
}

static sgs_status export_to(struct export *export, sgs_store *store, const char *temporary, sgs_error *err)
{
    sgs_status status = open_stream(export, temporary, err);
    if (status == SGS_OK)
        status = write_rows(export, store, err);
    sgs_status closed = close_stream(export, temporary != NULL, status == SGS_OK ? err : NULL);
    return status == SGS_OK ? closed : status;
}

/* Under a temporary name beside OUT, then published; OUT is not there before it is whole. */
static sgs_status export_to_file(struct export *export, sgs_store *store, sgs_error *err)
{
    char *temporary = NULL;
    sgs_status status;
    if (access(export->out, F_OK) == 0)
        return sgs_fail(err, SGS_EEXIST, "%s exists already", export->out);
    if (asprintf(&temporary, "%s.new-%ld", export->out, (long)getpid()) < 0)
        return sgs_fail(err, SGS_ENOMEM, "exporting %s", export->path);
    status = export_to(export, store, temporary, err);
    int why = status == SGS_OK ? sgs_publish(temporary, export->out) : 0;
    if (why == EEXIST)
        status = sgs_fail(err, SGS_EEXIST, "%s exists already", export->out);
    else if (why != 0)
        status = sgs_fail(err, SGS_EIO, "cannot create %s: %s", export->out, strerror(why));
    unlink(temporary);
    free(temporary);
    return status;
}

static int export_runs(struct export *export)
{
    sgs_store *store = NULL;
    sgs_error err = {""};
    sgs_status status = sgs_store_open(export->path, SGS_STORE_READ, &store, &err);

    (void)signal(SIGPIPE, SIG_IGN);
    if (status == SGS_OK)
        status =
            to_standard_output(export) ? export_to(export, store, NULL, &err) : export_to_file(export, store, &err);
    if (status == SGS_OK && export->damaged > 0)
        status = sgs_fail(&err, SGS_EDAMAGED, "%s: %" PRId64 " runs do not match their checksums and are left out",
                          export->path, export->damaged);
    sgs_status closed = sgs_store_close(store, status == SGS_OK ? &err : NULL);
    return cli_failure(status == SGS_OK ? closed : status, &err);
}

/* ---- the command line ---------------------------------------------------------------------------------------------
 */

static bool ends_in(const char *text, const char *end)
{
    size_t size = strlen(text), tail = strlen(end);
    return size >= tail && strcmp(text + size - tail, end) == 0;
}

static bool parse_format(const char *word, struct export *export)
{
    if (!word)
        export->format = ends_in(export->out, ".jsonl") ? EXPORT_JSONL : EXPORT_CSV;
    else if (strcmp(word, "csv") == 0)
        export->format = EXPORT_CSV;
    else if (strcmp(word, "jsonl") == 0)
        export->format = EXPORT_JSONL;
    else
        return false;
    return true;
}

int cli_export(int argc, char **argv)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                            {"format", required_argument, NULL, 'f'},
                                            {"all", no_argument, NULL, 'a'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct export export = {.out = "-"};
    const char *format = NULL;
    int found;

    opterr = 0;
    while ((found = getopt_long(argc, argv, ":ho:", options, NULL)) != -1) {
        if (found == 'h')
            return fputs(help, stdout) < 0 ? SGS_EXIT_FAILURE : SGS_EXIT_COMPLETE;
        if (found == '?' || found == ':')
            return cli_option_error(found, argc, argv);
        if (found == 'o')
            export.out = optarg;
        if (found == 'f')
            format = optarg;
        export.all |= found == 'a';
    }
    if (!cli_one_operand(argc, argv, "the results file", &export.path))
        return SGS_EXIT_USAGE;
    if (export.out[0] == '\0')
        return cli_usage_error("export: -o '' names no file");
    if (!parse_format(format, &export))
        return cli_usage_error("export: --format '%s' is not known; accepted: csv, jsonl", format);
    return export_runs(&export);
}
