/* Ranks that watch each other and end one after the other, in good order: nobody takes that for a death. Run with 2
 * ranks and with 3. (A rank that dies: tests/slurm, as mpirun does not leave the others alone.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../src/fleet/watch.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(under_another_launcher),
        cmocka_unit_test(one_after_the_other),
    };
    MPI_Init(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
