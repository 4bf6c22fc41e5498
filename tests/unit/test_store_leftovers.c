/** @file test_store_leftovers.c
 *  What is removed beside a results file that was killed, and what is not. */
#include "test_store_scene.h"
#include <sys/wait.h>

static const char *path_of(const char *tail)
{
    static char path[2 * PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s%s", scene_path, tail);
    return path;
}

static void make(const char *tail, const char *content)
{
    FILE *file = fopen(path_of(tail), "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static bool is_there(const char *tail)
{
    return access(path_of(tail), F_OK) == 0;
}

/** A process id that nobody has. */
static long dead_pid(void)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return (long)pid;
}

static void of_dead_processes(void **state)
{
    static const char *const forms[] = {".new-%ld-0",     ".newlog-%ld-7",        ".merge-%ld",
                                        ".merge-%ld.log", ".merge-%ld.new-%ld-0", ".merge-%ld.newlog-%ld-0"};
    long dead = dead_pid(), alive = (long)getpid();
    char tail[128];
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        for (int life = 0; life < 2; life++) {
            (void)snprintf(tail, sizeof tail, forms[i], life ? alive : dead, life ? alive : dead);
            make(tail, "x");
            sgs_store_tidy(scene_path);
            assert_int_equal(is_there(tail), life);
            (void)unlink(path_of(tail));
        }
}

static void names_of_others(void **state)
{
    static const char *const tails[] = {"",           ".log",       ".log.old-12", ".lock",          "-1-2.lock.txt",
                                        "-1-2",       "-1.lock",    "-a-2.lock",   ".new-12",        ".new-x-0",
                                        ".merge-12x", ".merge--12", ".new-12-0x",  "2-1-2.lock.log", ".mergex-12"};
    (void)state;
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++)
        make(tails[i], "x");
    sgs_store_tidy(scene_path);
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        assert_true(is_there(tails[i]));
        (void)unlink(path_of(tails[i]));
    }
}

/** Open MPI's lock file goes; that of a results file called FILE-12-34 stays, held or left by a kill. */
static void locks(void **state)
{
    char notice[SGS_ERROR_TEXT_BYTES], sibling[2 * PATH_BYTES];
    sgs_lock *lock = NULL;
    (void)state;
    make("-1-15159.lock", "12345678");
    sgs_store_tidy(scene_path);
    assert_false(is_there("-1-15159.lock"));

    (void)snprintf(sibling, sizeof sibling, "%s-12-34", scene_path);
    assert_ok(sgs_lock_take(sibling, &lock, notice, ERR));
    sgs_store_tidy(scene_path);
    assert_true(is_there("-12-34.lock"));
    sgs_lock_release(lock);
    assert_false(is_there("-12-34.lock"));
    make("-12-34.lock", "{\"host\":\"n1\"}");
    sgs_store_tidy(scene_path);
    assert_true(is_there("-12-34.lock"));

    make("-12-34.lock", ""); /* opened a moment ago */
    sgs_store_tidy(scene_path);
    assert_true(is_there("-12-34.lock"));
    make("-12-34.lock", "12345678");
    int fd = open(path_of("-12-34.lock"), O_RDWR);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    assert_true(fd >= 0 && fcntl(fd, F_OFD_SETLK, &whole) == 0);
    sgs_store_tidy(scene_path);
    assert_true(is_there("-12-34.lock"));
    assert_int_equal(close(fd), 0);
    sgs_store_tidy(scene_path);
    assert_false(is_there("-12-34.lock"));

    assert_int_equal(mkdir(path_of("-12-34.lock"), 0777), 0);
    sgs_store_tidy(scene_path);
    assert_int_equal(rmdir(path_of("-12-34.lock")), 0);
    assert_int_equal(mkfifo(path_of("-12-34.lock"), 0666), 0);
    sgs_store_tidy(scene_path);
    assert_true(is_there("-12-34.lock"));
    (void)unlink(path_of("-12-34.lock"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(of_dead_processes, scene_begin, scene_end),
        cmocka_unit_test_setup_teardown(names_of_others, scene_begin, scene_end),
        cmocka_unit_test_setup_teardown(locks, scene_begin, scene_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
