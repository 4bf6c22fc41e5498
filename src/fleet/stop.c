/* Stop requests by signal. The handlers set flags only; whoever trains looks at them between slices. */
#include "sgdsweep/fleet.h"
#include <signal.h>
#include <time.h>

/* A terminal and mpirun may both deliver the same Ctrl-C: INTs closer together than this count as one. */
enum { SAME_INTERRUPT_MS = 300 };

static volatile sig_atomic_t stop_requested;
static volatile sig_atomic_t interrupt_ms = -1; /* when the first INT came, modulo a day */

static int milliseconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int)(now.tv_sec % 86400) * 1000 + (int)(now.tv_nsec / 1000000);
}

static void on_signal(int number)
{
    stop_requested = 1;
    if (number != SIGINT)
        return;
    int now = milliseconds();
    if (interrupt_ms < 0) {
        interrupt_ms = now;
    } else if (now - interrupt_ms >= SAME_INTERRUPT_MS || now < interrupt_ms) {
        (void)signal(SIGINT, SIG_DFL);
        (void)raise(SIGINT); /* delivered when this handler returns */
    }
}

void sgs_stop_install(void)
{
    static const int numbers[] = {SIGUSR1, SIGTERM, SIGINT};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        (void)sigaction(numbers[i], &action, NULL);
}

bool sgs_stop_requested(void)
{
    return stop_requested != 0;
}
