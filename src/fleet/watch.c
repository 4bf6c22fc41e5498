/* A ring of TCP connections, each rank to the next one: when a process dies its kernel closes them at once, and a
 * process that is slow or stopped is not taken for dead. A thread waits for that; no other byte ever travels but the
 * one that announces an end in good order, and the one that tells the ring of a death. A node that loses its power
 * closes nothing, but that Slurm notices itself.
 *
 * This is the second place, beside mpi_check, where the program ends by itself. What is in the file stays good, as at a
 * kill. */
#include "watch.h"
#include "store/mpi_check.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BEFORE, NEXT, SIDES, ADDRESSES = 8, HOST_BYTES = 64, PATIENCE_MS = 5000 };

static const char GOOD_END = 'e', DEATH = 'd';

/* What a rank tells the one before it, to be called. */
struct card {
    char host[HOST_BYTES];
    uint64_t cookie; /* so that nobody else is taken for a rank */
    uint32_t address[ADDRESSES];
    int32_t addresses;
    uint16_t port; /* both in network order; 0: cannot be called */
};

struct watch {
    int fd[SIDES], peer[SIDES];
    char host[SIDES][HOST_BYTES];
    int wake[2]; /* a pipe, whose closing ends the thread */
    pthread_t thread;
};

/* ---- the thread ---------------------------------------------------------------------------------------------------
 */

/* A neighbour is gone, or tells of one that is: this rank ends too, and tells the other one. */
static void end_with(const struct watch *watch, int side, bool told)
{
    char line[256];
    int size = snprintf(line, sizeof line,
                        "sgdsweep: error: rank %d on %s died; the job ends, the same command goes on with it\n",
                        watch->peer[side], watch->host[side]);

    if (!told)
        (void)!write(STDERR_FILENO, line, (size_t)size);
    (void)!send(watch->fd[SIDES - 1 - side], &DEATH, 1, MSG_NOSIGNAL);
    _exit(SGS_EXIT_FAILURE);
}

static void *keep_watch(void *context)
{
    const struct watch *watch = context;
    struct pollfd polled[SIDES + 1] = {
        {.fd = watch->fd[BEFORE], .events = POLLIN},
        {.fd = watch->fd[NEXT], .events = POLLIN},
        {.fd = watch->wake[0], .events = POLLIN},
    };

    for (;;) {
        char byte = DEATH;
        if (poll(polled, SIDES + 1, -1) < 0 && errno != EINTR)
            return NULL;
        if (polled[SIDES].revents != 0)
            return NULL;
        for (int side = 0; side < SIDES; side++) {
            if (polled[side].revents == 0)
                continue;
            ssize_t got = recv(watch->fd[side], &byte, 1, MSG_DONTWAIT);
            if (got < 0 && (errno == EAGAIN || errno == EINTR))
                continue;
            if (got != 1 || byte != GOOD_END)
                end_with(watch, side, got == 1);
            polled[side].fd = -1; /* its end was announced: what follows means nothing */
        }
    }
}

/* ---- the ring -----------------------------------------------------------------------------------------------------
 */

static int listen_for_calls(struct card *card)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    socklen_t size = sizeof any;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&any, size) != 0 || listen(fd, SIDES) != 0 ||
        getsockname(fd, (struct sockaddr *)&any, &size) != 0) {
        (void)close(fd);
        return -1;
    }
    card->port = any.sin_port;
    return fd;
}

static void write_card(struct card *card)
{
    struct ifaddrs *all = NULL;

    if (gethostname(card->host, sizeof card->host - 1) != 0)
        (void)snprintf(card->host, sizeof card->host, "?");
    if (getrandom(&card->cookie, sizeof card->cookie, 0) != (ssize_t)sizeof card->cookie || getifaddrs(&all) != 0)
        return;
    for (const struct ifaddrs *one = all; one && card->addresses < ADDRESSES; one = one->ifa_next) {
        bool up = (one->ifa_flags & IFF_UP) != 0 && (one->ifa_flags & IFF_LOOPBACK) == 0;
        if (up && one->ifa_addr && one->ifa_addr->sa_family == AF_INET)
            card->address[card->addresses++] =
                ((const struct sockaddr_in *)(const void *)one->ifa_addr)->sin_addr.s_addr;
    }
    freeifaddrs(all);
}

static int call_address(uint32_t address, const struct card *card)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = card->port, .sin_addr = {address}};
    struct pollfd polled = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), .events = POLLOUT};
    int why = 0;
    socklen_t size = sizeof why;

    if (polled.fd < 0)
        return -1;
    bool good = connect(polled.fd, (struct sockaddr *)&to, sizeof to) == 0;
    if (!good && errno == EINPROGRESS)
        good = poll(&polled, 1, PATIENCE_MS / ADDRESSES) == 1 &&
               getsockopt(polled.fd, SOL_SOCKET, SO_ERROR, &why, &size) == 0 && why == 0;
    good = good && send(polled.fd, &card->cookie, sizeof card->cookie, MSG_NOSIGNAL) == (ssize_t)sizeof card->cookie;
    if (good)
        return polled.fd;
    (void)close(polled.fd);
    return -1;
}

/* Who left a card. A rank on the same host can always be called. */
static int call(const struct card *card, const struct card *mine)
{
    int fd = -1;

    if (card->port == 0)
        return -1;
    if (strcmp(card->host, mine->host) == 0)
        fd = call_address(htonl(INADDR_LOOPBACK), card);
    for (int i = 0; i < card->addresses && fd < 0; i++)
        fd = call_address(card->address[i], card);
    return fd;
}

/* The one who knows the cookie; the connection is there already. */
static int answer(int listener, const struct card *mine)
{
    struct pollfd polled = {.fd = listener, .events = POLLIN};

    while (poll(&polled, 1, PATIENCE_MS) == 1) {
        const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
        uint64_t cookie = 0;
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            return -1;
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (recv(fd, &cookie, sizeof cookie, MSG_WAITALL) == (ssize_t)sizeof cookie && cookie == mine->cookie)
            return fd;
        (void)close(fd);
    }
    return -1;
}

static bool all_coll(MPI_Comm comm, bool mine)
{
    int all = mine;
    SGS_MPI(MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_INT, MPI_MIN, comm));
    return all != 0;
}

/* Cards go round the ring in both directions, then every rank calls the next one. */
static bool join_coll(MPI_Comm comm, struct watch *watch)
{
    struct card mine = {.port = 0}, cards[SIDES];
    const int bytes = (int)sizeof mine, *peer = watch->peer;
    int listener = listen_for_calls(&mine);

    write_card(&mine);
    SGS_MPI(MPI_Sendrecv(&mine, bytes, MPI_BYTE, peer[BEFORE], 0, &cards[NEXT], bytes, MPI_BYTE, peer[NEXT], 0, comm,
                         MPI_STATUS_IGNORE));
    SGS_MPI(MPI_Sendrecv(&mine, bytes, MPI_BYTE, peer[NEXT], 1, &cards[BEFORE], bytes, MPI_BYTE, peer[BEFORE], 1, comm,
                         MPI_STATUS_IGNORE));
    for (int side = 0; side < SIDES; side++)
        memcpy(watch->host[side], cards[side].host, HOST_BYTES);
    watch->fd[NEXT] = call(&cards[NEXT], &mine);
    bool good = all_coll(comm, listener >= 0 && watch->fd[NEXT] >= 0);
    if (good)
        watch->fd[BEFORE] = answer(listener, &mine);
    if (listener >= 0)
        (void)close(listener);
    return good && all_coll(comm, watch->fd[BEFORE] >= 0);
}

/* ---- begin and end ------------------------------------------------------------------------------------------------
 */

static bool is_under_srun(void)
{
    static const char begin[] = "slurm.pmix";
    const char *name = getenv("PMIX_NAMESPACE"); /* mpirun gives its ranks one of its own */
    return name && strncmp(name, begin, sizeof begin - 1) == 0;
}

static bool start_thread(struct watch *watch)
{
    sigset_t all, before;

    if (pipe2(watch->wake, O_CLOEXEC) != 0)
        return false;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int why = pthread_create(&watch->thread, NULL, keep_watch, watch);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (why == 0)
        return true;
    (void)close(watch->wake[0]);
    (void)close(watch->wake[1]);
    return false;
}

/* Nobody is to take this for a death. */
static void let_go(struct watch *watch)
{
    for (int side = 0; watch && side < SIDES; side++) {
        if (watch->fd[side] < 0)
            continue;
        (void)!send(watch->fd[side], &GOOD_END, 1, MSG_NOSIGNAL);
        (void)close(watch->fd[side]);
    }
    free(watch);
}

void watch_start_coll(MPI_Comm comm, struct watch **watch, char notice[SGS_ERROR_TEXT_BYTES])
{
    int rank, size;

    *watch = NULL;
    notice[0] = '\0';
    SGS_MPI(MPI_Comm_rank(comm, &rank));
    SGS_MPI(MPI_Comm_size(comm, &size));
    if (size == 1 || !all_coll(comm, is_under_srun()))
        return;
    struct watch *made = malloc(sizeof *made);
    bool good = all_coll(comm, made != NULL);
    if (made)
        *made = (struct watch){.fd = {-1, -1}, .peer = {(rank + size - 1) % size, (rank + 1) % size}};
    good = good && made && join_coll(comm, made);
    bool started = good && start_thread(made);
    if (good && all_coll(comm, started)) {
        *watch = made;
        return;
    }
    if (started)
        watch_stop(made);
    else
        let_go(made);
    (void)snprintf(notice, SGS_ERROR_TEXT_BYTES,
                   "ranks cannot watch each other: should one die, only srun --kill-on-bad-exit=1 ends the others");
}

void watch_stop(struct watch *watch)
{
    if (!watch)
        return;
    (void)close(watch->wake[1]);
    (void)pthread_join(watch->thread, NULL);
    (void)close(watch->wake[0]);
    let_go(watch);
}
