/* FILE.lock: an OFD lock, and a record with a counter for where the lock cannot be trusted.
 *
 * The kernel frees an OFD lock when its owner dies, so after a kill on the same host the next sweep begins at once. It
 * says nothing about a frozen process, a lost node, or a file system that ignores locks or keeps them to one node;
 * there the counter decides. Taking over replaces the file (rename), so that the old owner, should it wake up, beats in
 * a file that nobody reads. None of this must be perfect: two sweeps on one file write the same bytes. */
#include "lock.h"
#include "frozen.h"
#include "owner.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct sgs_lock {
    char *path; /* FILE.lock */
    int fd;
    double beat_s;
    sgs_owner owner;
    pthread_t thread;
    bool beating, stop; /* stop: under the mutex */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
};

typedef enum grant { GRANTED, HELD, UNENFORCED } grant;

/* What a watcher saw. */
typedef enum sight { STILL, MOVING, GONE } sight;

static grant try_lock(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
        return GRANTED;
    return errno == EAGAIN || errno == EACCES ? HELD : UNENFORCED;
}

/* Is the open file still the one that has the name? */
static bool has_name(int fd, const char *path)
{
    struct stat here, there;
    return fstat(fd, &here) == 0 && stat(path, &there) == 0 && here.st_ino == there.st_ino &&
           here.st_dev == there.st_dev;
}

static void sleep_s(double seconds)
{
    struct timespec left = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

/* Look at the record until it changes or was still long enough. Opens the file anew for each look: network file systems
 * show another host's writes then. */
static sight watch(const char *path, const sgs_lock_times *times, sgs_owner *owner, char now[SGS_OWNER_RECORD_BYTES])
{
    char before[SGS_OWNER_RECORD_BYTES];
    int looks = (int)ceil(times->still_s / times->poll_s) + 1;
    for (int look = 0; look < looks; look++) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return GONE;
        bool recorded = sgs_owner_read(fd, owner, now); /* else its owner is about to write one, or to remove it */
        close(fd);
        if (look > 0 && recorded && memcmp(before, now, sizeof before) != 0)
            return MOVING;
        memcpy(before, now, sizeof before);
        sleep_s(times->poll_s);
    }
    return STILL;
}

static bool same_job_before(const sgs_owner *old, const sgs_owner *self)
{
    return self->job[0] != '\0' && strcmp(old->job, self->job) == 0 && old->restarts < self->restarts;
}

/* A lock that was granted is ours, unless the file names another host: file systems may keep locks to one node. */
static bool is_free(grant granted, bool recorded, const sgs_owner *old, const sgs_owner *self)
{
    bool here = strcmp(old->host, self->host) == 0;
    if (granted == GRANTED)
        return !recorded || here;
    return granted == UNENFORCED && recorded && here && kill((pid_t)old->pid, 0) != 0 && errno == ESRCH;
}

/* One attempt to take the lock. */
typedef struct attempt {
    const char *path; /* FILE.lock */
    const sgs_lock_times *times;
    const sgs_owner *self;
    char *notice;
    int fd;                            /* the file as it was found; ours if the attempt succeeds */
    bool again;                        /* the file changed hands meanwhile: look anew */
    char seen[SGS_OWNER_RECORD_BYTES]; /* the record that was judged */
} attempt;

/* Is the record under the name still the one that was judged? */
static bool is_as_seen(const attempt *a)
{
    char now[SGS_OWNER_RECORD_BYTES];
    sgs_owner owner;
    int fd = open(a->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    sgs_owner_read(fd, &owner, now);
    close(fd);
    return memcmp(now, a->seen, sizeof now) == 0;
}

/* Move a new lock file with our record over the old one. Of several who saw the same old one, each looks again right
 * before, and waits right after to see who moved last: that one has it, the others begin anew. */
static sgs_status replace_file(attempt *a, sgs_error *err)
{
    char suffix[32];
    snprintf(suffix, sizeof suffix, "-%ld", (long)getpid());
    char *temporary = sgs_beside(a->path, suffix);
    if (!temporary)
        return sgs_fail(err, SGS_ENOMEM, "taking over");
    sgs_status status = SGS_OK;
    int fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        status = sgs_fail(err, SGS_EIO, "cannot take over, %s: %s", temporary, strerror(errno));
    else
        (void)try_lock(fd); /* where locks are not enforced, the counter speaks for us */
    if (status == SGS_OK)
        status = sgs_owner_write(fd, a->self, err);
    a->again = status == SGS_OK && !is_as_seen(a);
    if (status == SGS_OK && !a->again && rename(temporary, a->path) != 0)
        status = sgs_fail(err, SGS_EIO, "cannot take over, %s: %s", a->path, strerror(errno));
    if (status == SGS_OK && !a->again) {
        close(a->fd);
        a->fd = fd;
        sleep_s(2 * a->times->poll_s);
        a->again = !has_name(fd, a->path);
    } else {
        unlink(temporary);
        if (fd >= 0)
            close(fd);
    }
    free(temporary);
    return status;
}

/* Wait until the owner is known to be alive (SGS_EEXIST) or gone. */
static sgs_status outwait(attempt *a, sgs_owner *old, sgs_error *err)
{
    char name[256];
    switch (watch(a->path, a->times, old, a->seen)) {
    case MOVING:
        return sgs_fail(err, SGS_EEXIST, "another sweep or merge writes this file: %s",
                        sgs_owner_text(old, name, sizeof name));
    case GONE:
        a->again = true;
        return SGS_OK;
    default:
        snprintf(a->notice, SGS_ERROR_TEXT_BYTES, "taking over from %s, which has been still for %g s",
                 sgs_owner_text(old, name, sizeof name), a->times->still_s);
        return SGS_OK;
    }
}

/* Not ours, not even a record that a full disk or a crash cut short. */
static bool is_foreign(int fd)
{
    struct stat info;
    char first = '{';
    return fstat(fd, &info) == 0 && info.st_size > 0 &&
           (info.st_size > SGS_OWNER_RECORD_BYTES || (pread(fd, &first, 1, 0) == 1 && first != '{'));
}

static sgs_status settle(attempt *a, sgs_error *err)
{
    char raw[SGS_OWNER_RECORD_BYTES], name[256];
    sgs_owner old;
    sgs_status status = SGS_OK;
    grant granted = try_lock(a->fd);
    a->again = !has_name(a->fd, a->path);
    if (a->again)
        return SGS_OK;
    if (is_foreign(a->fd))
        return sgs_fail(err, SGS_EEXIST, "%s is no lock of a sweep: move it away, the sweep needs the name", a->path);
    bool recorded = sgs_owner_read(a->fd, &old, raw);
    memcpy(a->seen, raw, sizeof a->seen);
    bool requeued = recorded && same_job_before(&old, a->self);
    if (requeued && granted != GRANTED)
        snprintf(a->notice, SGS_ERROR_TEXT_BYTES, "taking over from %s, an earlier start of this job",
                 sgs_owner_text(&old, name, sizeof name));
    else if (!requeued && !is_free(granted, recorded, &old, a->self))
        status = outwait(a, &old, err);
    if (status != SGS_OK || a->again)
        return status;
    if (granted != GRANTED)
        return replace_file(a, err);
    status = sgs_owner_write(a->fd, a->self, err);
    if (status != SGS_OK)
        (void)unlink(a->path); /* ours, and of no use to anybody */
    return status;
}

static sgs_status take_file(attempt *a, sgs_error *err)
{
    enum { TRIES = 100 }; /* each one means that an owner released in between */
    for (int i = 0; i < TRIES; i++) {
        a->notice[0] = '\0';
        a->fd = open(a->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (a->fd < 0)
            return sgs_fail(err, SGS_EIO, "%s: %s", a->path, strerror(errno));
        sgs_status status = settle(a, err);
        if (status == SGS_OK && !a->again)
            return SGS_OK;
        close(a->fd);
        if (status != SGS_OK)
            return status;
    }
    return sgs_fail(err, SGS_EEXIST, "it changes hands all the time");
}

/* A beat that cannot be written is not reported: the worst of it is that another sweep takes over, see above. */
static void *beat(void *context)
{
    sgs_lock *lock = context;
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    pthread_mutex_lock(&lock->mutex);
    while (!lock->stop) {
        double whole = (double)next.tv_sec + (double)next.tv_nsec * 1e-9 + lock->beat_s;
        next.tv_sec = (time_t)whole;
        next.tv_nsec = (long)((whole - (double)next.tv_sec) * 1e9);
        int woken = 0;
        while (!lock->stop && woken != ETIMEDOUT)
            woken = pthread_cond_timedwait(&lock->wake, &lock->mutex, &next);
        if (lock->stop)
            break;
        lock->owner.counter++;
        sgs_owner_write(lock->fd, &lock->owner, NULL);
    }
    pthread_mutex_unlock(&lock->mutex);
    return NULL;
}

/* The thread takes no signals: they belong to the sweep. */
static sgs_status start_beating(sgs_lock *lock, sgs_error *err)
{
    sigset_t all, before;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&lock->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&lock->mutex, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int why = pthread_create(&lock->thread, NULL, beat, lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    lock->beating = why == 0;
    return why == 0 ? SGS_OK : sgs_fail(err, SGS_EFAIL, "no thread for %s: %s", lock->path, strerror(why));
}

sgs_status sgs_lock_take_timed(const char *path, const sgs_lock_times *times, sgs_lock **taken, char *notice,
                               sgs_error *err)
{
    *taken = NULL;
    notice[0] = '\0';
    sgs_lock *lock = calloc(1, sizeof *lock);
    if (!lock)
        return sgs_fail(err, SGS_ENOMEM, "locking %s", path);
    lock->fd = -1;
    lock->beat_s = times->beat_s;
    lock->path = sgs_beside(path, ".lock");
    if (!lock->path) {
        free(lock);
        return sgs_fail(err, SGS_ENOMEM, "locking %s", path);
    }
    sgs_owner_self(&lock->owner);
    attempt a = {.path = lock->path, .times = times, .self = &lock->owner, .notice = notice, .fd = -1};
    sgs_status status = take_file(&a, err);
    if (status == SGS_OK) {
        lock->fd = a.fd;
        status = start_beating(lock, err);
    }
    if (status != SGS_OK) {
        notice[0] = '\0';
        sgs_lock_release(lock);
        return sgs_fail_in(err, status, "lock of %s", path);
    }
    *taken = lock;
    return SGS_OK;
}

sgs_status sgs_lock_take(const char *path, sgs_lock **lock, char *notice, sgs_error *err)
{
    static const sgs_lock_times times = {.beat_s = 5, .still_s = 15, .poll_s = 0.25};
    return sgs_lock_take_timed(path, &times, lock, notice, err);
}

void sgs_lock_release(sgs_lock *lock)
{
    if (!lock)
        return;
    if (lock->beating) {
        pthread_mutex_lock(&lock->mutex);
        lock->stop = true;
        pthread_cond_signal(&lock->wake);
        pthread_mutex_unlock(&lock->mutex);
        pthread_join(lock->thread, NULL);
        pthread_cond_destroy(&lock->wake);
        pthread_mutex_destroy(&lock->mutex);
    }
    if (lock->fd >= 0) {
        if (has_name(lock->fd, lock->path)) /* not if somebody took over */
            unlink(lock->path);
        close(lock->fd);
    }
    free(lock->path);
    free(lock);
}
