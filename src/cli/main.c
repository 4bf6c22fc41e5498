/* sgdsweep VERB ...: every verb lives in a file of its own. */
#include "cli.h"
#include "sgdsweep/fleet.h"
#include "sgdsweep/store.h"
#include <string.h>

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *purpose;
};

static const struct verb verbs[] = {
    {"run", cli_run, "train a grid into a results file, or resume it; under mpirun on many ranks"},
    {"plan", cli_plan, "say what a grid will cost, without training"},
    {"status", cli_status, "say what a results file holds"},
    {"verify", cli_verify, "check a results file, and train some of its runs again"},
    {"merge", cli_merge, "make one results file of the runs of several"},
    {"export", cli_export, "write the runs of a results file as a table"},
    {"bench", cli_bench, "time the trainer on this machine"},
};

enum { VERBS = sizeof verbs / sizeof verbs[0] };

static int print_help(void)
{
    printf("usage: sgdsweep VERB [OPTIONS] ...\n\n");
    for (int i = 0; i < VERBS; i++)
        printf("  %-8s %s\n", verbs[i].name, verbs[i].purpose);
    printf("\n  --version  versions of program, format and libraries\n  --help     this; sgdsweep VERB --help for one "
           "verb\n\nexit codes: 0 complete, 1 failure, 2 usage or bad grid, 3 damage found, 75 stopped early and "
           "resumable\n");
    return SGS_EXIT_COMPLETE;
}

static int print_version(void)
{
    char mpi[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;

    if (MPI_Get_library_version(mpi, &length) != MPI_SUCCESS) /* may be called before MPI_Init */
        (void)strcpy(mpi, "unknown");
    mpi[strcspn(mpi, ",\n")] = '\0';
    printf("sgdsweep %s (%s)\nresults file format %d, algorithm version %d\nMPI: %s\n", SGDSWEEP_VERSION,
           SGDSWEEP_BUILD, SGS_FORMAT_VERSION, SGS_ALGORITHM_VERSION, mpi);
    printf("built with %s\n", SGDSWEEP_LIBRARIES);
    return SGS_EXIT_COMPLETE;
}

/* What was printed must have arrived: a full disk behind standard output is a failure. */
static int flushed(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    perror("sgdsweep: error: standard output");
    return code == SGS_EXIT_COMPLETE ? SGS_EXIT_FAILURE : code;
}

/* given: what stands in place of a verb, or NULL. */
static int verb_error(const char *given)
{
    char accepted[16 * VERBS] = "";

    for (int i = 0; i < VERBS; i++) {
        (void)strncat(accepted, i > 0 ? ", " : "", sizeof accepted - strlen(accepted) - 1);
        (void)strncat(accepted, verbs[i].name, sizeof accepted - strlen(accepted) - 1);
    }
    if (!given)
        return cli_usage_error("a verb is missing; accepted: %s", accepted);
    return cli_usage_error("unknown verb '%s'; accepted: %s", given, accepted);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return verb_error(NULL);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
        return flushed(print_help());
    if (strcmp(argv[1], "--version") == 0)
        return flushed(print_version());
    sgs_store_start();
    for (int i = 0; i < VERBS; i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            return flushed(verbs[i].run(argc - 1, argv + 1));
    return verb_error(argv[1]);
}
