/* Random choices for the tests of the schedule: SplitMix64, seeded from the environment. */
#ifndef SGDSWEEP_TEST_SCHED_CHANCE_H
#define SGDSWEEP_TEST_SCHED_CHANCE_H

#include <stdint.h>
#include <stdlib.h>

static uint64_t chance_state;

/* Seed, and say with what. */
static inline void chance_begin(void)
{
    const char *given = getenv("SGDSWEEP_TEST_SEED");
    chance_state = given ? strtoull(given, NULL, 10) : 20261123U;
    print_message("SGDSWEEP_TEST_SEED=%llu\n", (unsigned long long)chance_state);
}

/* 0 .. below - 1 */
static inline int chance(int64_t below)
{
    uint64_t z = (chance_state += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return (int)((z ^ (z >> 31)) % (uint64_t)below);
}

#endif
