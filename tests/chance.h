/** Random choices of a test program: one generator, seeded from SGDSWEEP_TEST_SEED or the clock; the seed is printed,
 * so that what failed can be run again. Include it after cmocka.h. */
#ifndef SGDSWEEP_TEST_CHANCE_H
#define SGDSWEEP_TEST_CHANCE_H

#include <gsl/gsl_rng.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

static gsl_rng *rng;

/* A group's setup of cmocka. */
static inline int chance_begin(void **state)
{
    (void)state;
    const char *given = getenv("SGDSWEEP_TEST_SEED");
    const unsigned long seed = given ? strtoul(given, NULL, 10) : (unsigned long)time(NULL);
    print_message("SGDSWEEP_TEST_SEED=%lu\n", seed);
    rng = gsl_rng_alloc(gsl_rng_mt19937);
    assert_non_null(rng);
    gsl_rng_set(rng, seed);
    return 0;
}

static inline int chance_end(void **state)
{
    (void)state;
    gsl_rng_free(rng);
    rng = NULL;
    return 0;
}

static inline uint64_t chance_bits(void)
{
    return (uint64_t)gsl_rng_get(rng) << 32 | (uint64_t)gsl_rng_get(rng);
}

/* 0 .. below - 1 */
static inline int64_t chance(int64_t below)
{
    return (int64_t)(chance_bits() % (uint64_t)below);
}

/* low .. high */
static inline int between(int low, int high)
{
    return low + (int)gsl_rng_uniform_int(rng, (unsigned long)(high - low) + 1);
}

static inline double uniform(double low, double high)
{
    return low + (high - low) * gsl_rng_uniform(rng);
}

#endif
