#include "sync_timer.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PERIOD_S = 30, JITTER_MS = 10000 };

struct sync_timer {
    sgs_store *store;
    unsigned jitter;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake; /* of CLOCK_MONOTONIC */
    bool ending;         /* these three under the mutex */
    sgs_status status;   /* the first failure */
    sgs_error error;
};

static struct timespec next_time(struct sync_timer *timer)
{
    struct timespec at;
    timer->jitter = timer->jitter * 1664525U + 1013904223U;
    long jitter_ms = (long)((timer->jitter >> 8) % JITTER_MS);

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += jitter_ms % 1000 * 1000000;
    at.tv_sec += PERIOD_S + jitter_ms / 1000 + at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

static void *sync_main(void *context)
{
    struct sync_timer *timer = context;

    (void)pthread_mutex_lock(&timer->mutex);
    while (!timer->ending && timer->status == SGS_OK) {
        struct timespec at = next_time(timer);
        int rc = 0;
        while (!timer->ending && rc == 0)
            rc = pthread_cond_timedwait(&timer->wake, &timer->mutex, &at);
        if (timer->ending)
            break;
        (void)pthread_mutex_unlock(&timer->mutex);
        sgs_error error = {""};
        sgs_status status = sgs_store_sync(timer->store, &error);
        (void)pthread_mutex_lock(&timer->mutex);
        timer->status = status;
        timer->error = error;
    }
    (void)pthread_mutex_unlock(&timer->mutex);
    return NULL;
}

/* Signals are for the main thread. */
static int start_thread(struct sync_timer *timer)
{
    sigset_t all;
    sigset_t before;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&timer->thread, NULL, sync_main, timer);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static void timer_free(struct sync_timer *timer)
{
    (void)pthread_cond_destroy(&timer->wake);
    (void)pthread_mutex_destroy(&timer->mutex);
    free(timer);
}

sgs_status sync_timer_start(sgs_store *store, unsigned jitter, struct sync_timer **timer, sgs_error *err)
{
    pthread_condattr_t attributes;
    struct sync_timer *made = calloc(1, sizeof *made);

    *timer = NULL;
    if (!made)
        return sgs_fail(err, SGS_ENOMEM, "no memory for a timer");
    made->store = store;
    made->jitter = jitter;
    (void)pthread_mutex_init(&made->mutex, NULL); /* these four cannot fail on Linux */
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&made->wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    int rc = start_thread(made);
    if (rc != 0) {
        timer_free(made);
        return sgs_fail(err, SGS_EFAIL, "cannot start a thread: %s", strerror(rc));
    }
    *timer = made;
    return SGS_OK;
}

sgs_status sync_timer_check(struct sync_timer *timer, sgs_error *err)
{
    if (!timer)
        return SGS_OK;
    (void)pthread_mutex_lock(&timer->mutex);
    sgs_status status = timer->status;
    if (status != SGS_OK && err)
        *err = timer->error;
    (void)pthread_mutex_unlock(&timer->mutex);
    return status;
}

sgs_status sync_timer_stop(struct sync_timer *timer, sgs_error *err)
{
    if (!timer)
        return SGS_OK;
    (void)pthread_mutex_lock(&timer->mutex);
    timer->ending = true;
    (void)pthread_cond_signal(&timer->wake);
    (void)pthread_mutex_unlock(&timer->mutex);
    (void)pthread_join(timer->thread, NULL);
    sgs_status status = sync_timer_check(timer, err);
    if (status == SGS_OK)
        status = sgs_store_sync(timer->store, err);
    timer_free(timer);
    return status;
}
