/* The schedule's memory does not grow with the runs: a grid of 10^9 is begun, handed out and given back under a limit
 * of the address space in which one byte a run would not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sgdsweep/sched.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the README says of the master: bytes for any grid of up to 4 million cells and half a million strips. */
enum { LIMIT_BYTES = 60000000 };

/* 10^9 runs each: as many cells as predictions are kept for; and so many that they are not. */
static const char kept[] = "activation: [linear, relu]\ndimension: {linear: [16, 115], points: 100}\n"
                           "batch_size: [1, 2, n/2, n-1, n]\n"
                           "step_size: {scaled_by_batch: {log: [0.02, 0.4], points: 4000}}\n"
                           "seed: {first: 1, count: 250}\n";
static const char beyond[] = "activation: [linear, relu]\ndimension: {linear: [16, 115], points: 100}\n"
                             "batch_size: [1, 2, n/2, n-1, n]\n"
                             "step_size: {scaled_by_batch: {log: [0.02, 0.4], points: 5000}}\n"
                             "seed: {first: 1, count: 200}\n";

static int64_t address_space_bytes(void)
{
    char line[256] = "";
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    (void)fclose(file);
    return strtoll(line, NULL, 10) * sysconf(_SC_PAGESIZE);
}

/* Hand out so many blocks to a thousand trainers, of which every third breaks off in the middle. Says what went wrong.
 */
static const char *drive(sgs_sched *sched, int blocks)
{
    sgs_block hand[1000] = {{0, 0}};
    sgs_error err;

    for (int i = 0; i < blocks; i++) {
        const int who = i % 1000;
        const sgs_block half = {hand[who].first, hand[who].count / 2};
        const sgs_block rest = {half.first + half.count, hand[who].count - half.count};
        if (i >= 1000 && i % 3 == 0 && half.count > 0 &&
            (sgs_sched_done(sched, half, 1, &err) != SGS_OK || sgs_sched_return(sched, rest, &err) != SGS_OK))
            return "a part of a block is not taken";
        if (i >= 1000 && (i % 3 != 0 || half.count == 0) && sgs_sched_done(sched, hand[who], 1, &err) != SGS_OK)
            return "a block is not taken";
        if (!sgs_sched_next_near(sched, 0, i >= 1000 ? hand[who].first : -1, &hand[who]))
            return "nothing to hand out";
    }
    const sgs_sched_progress now = sgs_sched_progress_now(sched);
    return now.total == now.done + now.out + now.waiting ? NULL : "runs were lost";
}

/* In a process of its own, since the limit stays. */
static const char *sweep(const sgs_grid *grid)
{
    const struct rlimit limit = {(rlim_t)(address_space_bytes() + LIMIT_BYTES), RLIM_INFINITY};
    const sgs_speed speed = sgs_speed_default();
    sgs_sched *sched = NULL;
    sgs_error err;

    if (setrlimit(RLIMIT_AS, &limit) != 0)
        return "no limit";
    if (sgs_sched_create(grid, 1000, &speed, &sched, &err) != SGS_OK ||
        sgs_sched_add_range(sched, 0, sgs_grid_runs(grid), &err) != SGS_OK || sgs_sched_start(sched, &err) != SGS_OK)
        return err.text[0] ? "no memory for the schedule" : "no schedule";
    const char *wrong = drive(sched, 20000);
    sgs_sched_destroy(sched);
    return wrong;
}

static void check(const char *text)
{
    sgs_grid *grid = NULL;
    sgs_error err = {""};
    int code = -1;

    if (sgs_grid_parse(text, strlen(text), "test", &grid, &err) != SGS_OK)
        fail_msg("%s", err.text);
    assert_true(sgs_grid_runs(grid) == 1000000000);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const char *wrong = sweep(grid);
        if (wrong)
            (void)fprintf(stderr, "%s\n", wrong);
        _exit(wrong ? 1 : 0);
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
    sgs_grid_destroy(grid);
}

static void predictions_kept(void **state)
{
    (void)state;
    check(kept);
}

static void too_many_cells_to_keep(void **state)
{
    (void)state;
    check(beyond);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(predictions_kept), cmocka_unit_test(too_many_cells_to_keep)};
#if defined(__SANITIZE_ADDRESS__)
    return 0; /* the sanitizer takes address space of its own */
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}
