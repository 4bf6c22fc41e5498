/** @file test_store_lock.c
 *  The lock: who gets it, when, and what is said; with times of milliseconds in place of seconds. */
#include "../../src/store/lock.h"
#include "../../src/store/owner.h"
#include "test_store_scene.h"

#include <signal.h>
#include <sys/wait.h>

static const sgs_lock_times times = {.beat_s = 0.02, .still_s = 0.3, .poll_s = 0.01};

static char notice[SGS_ERROR_TEXT_BYTES];
static char lock_path[PATH_BYTES + 8];

static int begin(void **state)
{
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURM_RESTART_COUNT");
    scene_begin(state);
    snprintf(lock_path, sizeof lock_path, "%s.lock", scene_path);
    return 0;
}

static sgs_status take(sgs_lock **lock, sgs_error *err)
{
    return sgs_lock_take_timed(scene_path, &times, lock, notice, err);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A child that takes the lock with its own times and then sleeps; returns when it holds it. */
static pid_t child_with_lock(double beat_s)
{
    int ends[2];
    char ready = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        sgs_lock_times own = times;
        sgs_lock *lock = NULL;
        char words[SGS_ERROR_TEXT_BYTES];
        own.beat_s = beat_s;
        ready = sgs_lock_take_timed(scene_path, &own, &lock, words, NULL) == SGS_OK ? 'y' : 'n';
        if (write(ends[1], &ready, 1) == 1)
            sleep(60);
        _exit(1);
    }
    assert_int_equal(read(ends[0], &ready, 1), 1);
    assert_int_equal(ready, 'y');
    close(ends[0]);
    close(ends[1]);
    return child;
}

static void end_child(pid_t child)
{
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void assert_free(void)
{
    sgs_lock *lock = NULL;
    double start = now_s();
    assert_ok(take(&lock, ERR));
    assert_true(now_s() - start < times.still_s / 2); /* at once */
    assert_string_equal(notice, "");
    sgs_lock_release(lock);
    assert_int_equal(access(lock_path, F_OK), -1);
}

static void free_lock(void **state)
{
    (void)state;
    sgs_lock_release(NULL);
    assert_free();
    assert_free(); /* released */
}

static void held_and_beating(void **state)
{
    (void)state;
    sgs_lock *mine = NULL, *other = NULL;
    sgs_error err = {""};
    char pid[32];
    pid_t child = child_with_lock(times.beat_s);
    assert_int_equal(take(&other, &err), SGS_EEXIST);
    assert_null(other);
    snprintf(pid, sizeof pid, "pid %ld", (long)child);
    assert_non_null(strstr(err.text, pid));
    assert_non_null(strstr(err.text, scene_path));
    end_child(child);
    assert_ok(take(&mine, ERR)); /* its death frees the lock, at once */
    assert_string_equal(notice, "");
    assert_int_equal(take(&other, &err), SGS_EEXIST); /* also within one process */
    sgs_lock_release(mine);
    assert_free();
}

static void held_and_still(void **state)
{
    (void)state;
    sgs_lock *lock = NULL;
    sgs_error err = {""};
    pid_t child = child_with_lock(1000);
    double start = now_s();
    assert_ok(take(&lock, ERR));
    assert_true(now_s() - start >= times.still_s * 0.9);
    assert_non_null(strstr(notice, "taking over"));
    sgs_lock *other = NULL; /* the new owner beats: nobody takes it from there */
    assert_int_equal(take(&other, &err), SGS_EEXIST);
    end_child(child);
    assert_int_equal(take(&other, &err), SGS_EEXIST);
    sgs_lock_release(lock);
    assert_int_equal(access(lock_path, F_OK), -1);
    assert_int_equal(scene_files(scene_folder, NULL), 0);
}

/* Many see the same still owner at the same time: one takes over, the others see it beat. */
static void one_of_many_takes_over(void **state)
{
    (void)state;
    enum { TAKERS = 6 };
    pid_t takers[TAKERS];
    int ends[2], taken = 0, refused = 0;
    pid_t still = child_with_lock(1000);
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < TAKERS; i++) {
        takers[i] = fork();
        assert_true(takers[i] >= 0);
        if (takers[i] != 0)
            continue;
        sgs_lock *lock = NULL;
        char words[SGS_ERROR_TEXT_BYTES];
        sgs_status status = sgs_lock_take_timed(scene_path, &times, &lock, words, NULL);
        const char *answer = status == SGS_OK ? "y" : status == SGS_EEXIST ? "n" : "?";
        if (write(ends[1], answer, 1) == 1)
            sleep(60); /* holding it, if it has it */
        _exit(1);
    }
    for (int i = 0; i < TAKERS; i++) {
        char answer = 0;
        assert_int_equal(read(ends[0], &answer, 1), 1);
        taken += answer == 'y';
        refused += answer == 'n';
    }
    for (int i = 0; i < TAKERS; i++)
        end_child(takers[i]);
    end_child(still);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(taken, 1);
    assert_int_equal(refused, TAKERS - 1);
    unlink(lock_path); /* of killed owners */
}

/* The old owner, stopped and taken over from, wakes up and releases: the new owner's lock stays. */
static void old_owner_wakes(void **state)
{
    (void)state;
    sgs_lock *old = NULL, *new = NULL, *third = NULL;
    sgs_lock_times asleep = times;
    asleep.beat_s = 1000;
    assert_ok(sgs_lock_take_timed(scene_path, &asleep, &old, notice, ERR));
    assert_ok(take(&new, ERR));
    sgs_lock_release(old);
    assert_int_equal(access(lock_path, F_OK), 0);
    assert_int_equal(take(&third, NULL), SGS_EEXIST);
    sgs_lock_release(new);
    assert_free();
}

static void requeued_job(void **state)
{
    (void)state;
    sgs_lock *lock = NULL, *other = NULL;
    sgs_error err = {""};
    setenv("SLURM_JOB_ID", "4711", 1);
    setenv("SLURM_RESTART_COUNT", "1", 1);
    pid_t child = child_with_lock(times.beat_s); /* alive, on a node that Slurm gave up */
    assert_int_equal(take(&other, &err), SGS_EEXIST);
    assert_non_null(strstr(err.text, "Slurm job 4711 (restart 1)"));
    setenv("SLURM_RESTART_COUNT", "0", 1);
    assert_int_equal(take(&other, &err), SGS_EEXIST);
    setenv("SLURM_JOB_ID", "4712", 1);
    setenv("SLURM_RESTART_COUNT", "2", 1);
    assert_int_equal(take(&other, &err), SGS_EEXIST);
    setenv("SLURM_JOB_ID", "4711", 1);
    double start = now_s();
    assert_ok(take(&lock, ERR));
    assert_true(now_s() - start < times.still_s / 2);
    assert_non_null(strstr(notice, "4711"));
    sgs_lock_release(lock);
    end_child(child);
}

static void write_record(const char *host, int64_t pid, int64_t counter)
{
    sgs_owner owner = {.pid = pid, .counter = counter};
    snprintf(owner.host, sizeof owner.host, "%s", host);
    int fd = open(lock_path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_ok(sgs_owner_write(fd, &owner, ERR));
    close(fd);
}

/* Nobody holds the lock here, but the record names another host, whose lock may not reach us: its counter decides. */
static void another_host(void **state)
{
    (void)state;
    sgs_lock *lock = NULL;
    sgs_error err = {""};
    write_record("elsewhere", 77, 5);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        for (int64_t counter = 6;; counter++) {
            write_record("elsewhere", 77, counter);
            usleep(20000);
        }
    assert_int_equal(take(&lock, &err), SGS_EEXIST);
    assert_non_null(strstr(err.text, "elsewhere"));
    end_child(child);
    assert_ok(take(&lock, ERR));
    assert_non_null(strstr(notice, "elsewhere"));
    sgs_lock_release(lock);
}

static void strange_lock_files(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "{", "{}", "{\"host\":1}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int fd = open(lock_path, O_WRONLY | O_CREAT, 0600);
        assert_int_equal(write(fd, texts[i], strlen(texts[i])), (ssize_t)strlen(texts[i]));
        close(fd);
        assert_free(); /* nobody holds it, and it names nobody */
    }
    sgs_lock *lock = NULL;
    sgs_error err = {""};
    int notes = open(lock_path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(notes, "notes", 5), 5);
    close(notes);
    assert_int_equal(take(&lock, &err), SGS_EEXIST); /* somebody's own file is left alone */
    assert_non_null(strstr(err.text, lock_path));
    assert_int_equal(unlink(lock_path), 0);
    assert_int_equal(mkdir(lock_path, 0700), 0);
    assert_int_equal(take(&lock, &err), SGS_EIO);
    assert_non_null(strstr(err.text, scene_path));
}

static void owner_releases_while_watched(void **state)
{
    (void)state;
    sgs_lock *lock = NULL;
    pid_t child = child_with_lock(1000), killer = fork();
    assert_true(killer >= 0);
    if (killer == 0) { /* as a release looks from outside */
        usleep(100000);
        unlink(lock_path);
        _exit(0);
    }
    double start = now_s();
    assert_ok(take(&lock, ERR));
    assert_true(now_s() - start < times.still_s * 0.9);
    assert_string_equal(notice, "");
    assert_int_equal(waitpid(killer, NULL, 0), killer);
    end_child(child);
    sgs_lock_release(lock);
}

/* Many processes, one lock: never two at a time. */
static void one_at_a_time(void **state)
{
    (void)state;
    enum { PROCESSES = 6 };
    char inside[PATH_BYTES + 8];
    pid_t children[PROCESSES];
    int how, good = 0;
    snprintf(inside, sizeof inside, "%s.inside", scene_path);
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] != 0)
            continue;
        for (int held = 0; held < 10;) {
            sgs_lock *lock = NULL;
            char words[SGS_ERROR_TEXT_BYTES];
            if (sgs_lock_take_timed(scene_path, &times, &lock, words, NULL) != SGS_OK)
                continue;
            int fd = open(inside, O_CREAT | O_EXCL, 0600);
            if (fd < 0)
                _exit(2); /* somebody else is in */
            close(fd);
            unlink(inside);
            sgs_lock_release(lock);
            held++;
        }
        _exit(0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(waitpid(children[i], &how, 0), children[i]);
        good += WIFEXITED(how) && WEXITSTATUS(how) == 0;
    }
    assert_int_equal(good, PROCESSES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(free_lock, begin, scene_end),
        cmocka_unit_test_setup_teardown(held_and_beating, begin, scene_end),
        cmocka_unit_test_setup_teardown(held_and_still, begin, scene_end),
        cmocka_unit_test_setup_teardown(one_of_many_takes_over, begin, scene_end),
        cmocka_unit_test_setup_teardown(old_owner_wakes, begin, scene_end),
        cmocka_unit_test_setup_teardown(requeued_job, begin, scene_end),
        cmocka_unit_test_setup_teardown(another_host, begin, scene_end),
        cmocka_unit_test_setup_teardown(strange_lock_files, begin, scene_end),
        cmocka_unit_test_setup_teardown(owner_releases_while_watched, begin, scene_end),
        cmocka_unit_test_setup_teardown(one_at_a_time, begin, scene_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
