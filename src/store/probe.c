/* Opening a doubtful file in a child process. The child makes HDF5 calls on its own copy of the library, none of MPI,
 * and ends by _exit; what it found comes through a pipe. If it says nothing, it crashed or was killed by its alarm. */
#include "frozen.h"
#include "store_private.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct report {
    sgs_status status;
    sgs_error error;
} report;

/* The child must die of what the file does to it, whatever handlers this program has, and in silence. */
static void become_victim(unsigned timeout_s)
{
    static const int signals[] = {SIGALRM, SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        signal(signals[i], SIG_DFL);
    sigset_t alarm_only;
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    int null = open("/dev/null", O_WRONLY);
    if (null >= 0) {
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
    }
    alarm(timeout_s);
}

static void run_child(const char *path, unsigned timeout_s, int out)
{
    report found = {.error = {""}};
    sgs_store *store = NULL;
    become_victim(timeout_s);
    found.status = sgs_store_open_unchecked(path, SGS_STORE_READ, &store, &found.error);
    if (found.status == SGS_OK)
        found.status = sgs_store_close(store, &found.error);
    ssize_t sent = write(out, &found, sizeof found); /* smaller than PIPE_BUF: all or nothing */
    _exit(sent == (ssize_t)sizeof found ? 0 : 1);
}

static bool receive(int in, report *found)
{
    ssize_t got;
    do
        got = read(in, found, sizeof *found);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof *found;
}

sgs_status sgs_probe_file(const char *path, unsigned timeout_s, sgs_error *err)
{
    int ends[2], state = 0;
    report found;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return sgs_fail(err, SGS_EIO, "opening %s in a child process: %s", path, strerror(errno));
    pid_t child = fork();
    if (child == 0)
        run_child(path, timeout_s, ends[1]);
    int why = errno;
    close(ends[1]);
    bool answered = child > 0 && receive(ends[0], &found);
    close(ends[0]);
    if (child < 0)
        return sgs_fail(err, SGS_EIO, "opening %s in a child process: %s", path, strerror(why));
    while (waitpid(child, &state, 0) < 0 && errno == EINTR)
        continue;
    if (!answered)
        return sgs_fail(err, SGS_EDAMAGED, "%s is damaged: HDF5 %s on it", path,
                        WIFSIGNALED(state) && WTERMSIG(state) == SIGALRM ? "hangs" : "crashes");
    return found.status == SGS_OK ? SGS_OK : sgs_fail(err, found.status, "%s", found.error.text);
}
