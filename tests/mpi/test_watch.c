/* Ranks that watch each other and end one after the other, in good order: nobody takes that for a death. Run with 2
 * ranks and with 3. (A rank that dies: tests/slurm, as mpirun does not leave the others alone.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../src/fleet/watch.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void nap(int milliseconds)
{
    const struct timespec moment = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    (void)nanosleep(&moment, NULL);
}

static void under_another_launcher(void **state)
{
    struct watch *watch = NULL;
    char notice[SGS_ERROR_TEXT_BYTES];
    (void)state;

    assert_int_equal(setenv("PMIX_NAMESPACE", "123.1", 1), 0);
    watch_start_coll(MPI_COMM_WORLD, &watch, notice);
    assert_null(watch);
    assert_string_equal(notice, "");
    watch_stop(watch);
}

static void one_after_the_other(void **state)
{
    struct watch *watch = NULL;
    char notice[SGS_ERROR_TEXT_BYTES];
    int rank, size;
    (void)state;

    assert_int_equal(MPI_Comm_rank(MPI_COMM_WORLD, &rank), MPI_SUCCESS);
    assert_int_equal(MPI_Comm_size(MPI_COMM_WORLD, &size), MPI_SUCCESS);
    assert_int_equal(setenv("PMIX_NAMESPACE", "slurm.pmix.7.0", 1), 0);
    for (int first = 0; first <= size; first++) { /* at last all at once */
        watch_start_coll(MPI_COMM_WORLD, &watch, notice);
        assert_non_null(watch);
        assert_string_equal(notice, "");
        if (first < size)
            nap(50 * ((rank + first) % size));
        watch_stop(watch);
    }
    nap(50);
    assert_int_equal(MPI_Barrier(MPI_COMM_WORLD), MPI_SUCCESS);
}

/* One rank has no descriptor left: nobody watches, all are told, and nothing is left open. */
static void not_everywhere(void **state)
{
    struct watch *watch = NULL;
    char notice[SGS_ERROR_TEXT_BYTES];
    struct rlimit limit;
    int rank, size;
    (void)state;

    assert_int_equal(MPI_Comm_rank(MPI_COMM_WORLD, &rank), MPI_SUCCESS);
    assert_int_equal(MPI_Comm_size(MPI_COMM_WORLD, &size), MPI_SUCCESS);
    assert_int_equal(setenv("PMIX_NAMESPACE", "slurm.pmix.7.0", 1), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const rlim_t before = limit.rlim_cur;
    int next = dup(0);
    assert_int_equal(close(next), 0);
    for (int few = 0; few < 4; few++) { /* the listener, the connections, the pipe: each in turn is one too many */
        limit.rlim_cur = rank == size - 1 ? (rlim_t)(next + few) : before;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        watch_start_coll(MPI_COMM_WORLD, &watch, notice);
        limit.rlim_cur = before;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_null(watch);
        assert_non_null(strstr(notice, "--kill-on-bad-exit=1"));
        int now = dup(0);
        assert_int_equal(now, next);
        assert_int_equal(close(now), 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(under_another_launcher),
        cmocka_unit_test(one_after_the_other),
        cmocka_unit_test(not_everywhere),
    };
    MPI_Init(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
