#include "cli.h"
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Every rank parses the same command line; one voice is enough. */
static bool is_first_rank(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *rank = getenv(names[i]);
        if (rank)
            return strcmp(rank, "0") == 0;
    }
    return true;
}

int cli_usage_error(const char *format, ...)
{
    va_list arguments;

    if (!is_first_rank())
        return SGS_EXIT_USAGE;
    (void)fputs("sgdsweep: ", stderr);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputs("; see --help\n", stderr);
    return SGS_EXIT_USAGE;
}

int cli_failure(sgs_status status, const sgs_error *err)
{
    if (status != SGS_OK)
        (void)fprintf(stderr, "sgdsweep: %s%s\n",
                      status == SGS_STOPPED ? "" : "error: ", err->text[0] ? err->text : "unexplained failure");
    return sgs_exit_code(status);
}

int cli_option_error(int found, int argc, char **argv)
{
    const char *given = optind > 0 && optind <= argc ? argv[optind - 1] : "";

    if (found == ':')
        return cli_usage_error("%s: option '%s' needs a value", argv[0], given);
    if (optopt > 0 && optopt < 128 && strncmp(given, "--", 2) != 0)
        return cli_usage_error("%s: unknown option '-%c'", argv[0], optopt);
    if (optopt != 0)
        return cli_usage_error("%s: option '%s' takes no value", argv[0], given);
    return cli_usage_error("%s: unknown or ambiguous option '%s'", argv[0], given);
}

bool cli_parse_seconds(const char *text, double *seconds)
{
    char *end = NULL;
    errno = 0;
    *seconds = strtod(text, &end);
    return end != text && *end == '\0' && errno == 0 && isfinite(*seconds) && *seconds >= 0;
}

bool cli_one_operand(int argc, char **argv, const char *what, const char **operand)
{
    if (optind == argc) {
        (void)cli_usage_error("%s: %s is missing", argv[0], what);
        return false;
    }
    if (optind + 1 < argc) {
        (void)cli_usage_error("%s: '%s' is one argument too many", argv[0], argv[optind + 1]);
        return false;
    }
    *operand = argv[optind];
    return true;
}

const char *cli_size_text(double bytes, char text[CLI_TEXT_BYTES])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    size_t unit = 0;

    while (bytes >= 1000 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1000;
        unit++;
    }
    (void)snprintf(text, CLI_TEXT_BYTES, "%.3g %s", bytes, units[unit]);
    return text;
}
