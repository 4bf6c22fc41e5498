/** @file test_stream.c
 *  The random words themselves: published known answers of Threefry4x64-20, bounded draws, independence of streams
 * that differ in seed, purpose or counter, and GSL's distributions drawn from a stream. */
#include "statistics.h"

/* ---- known answers ----------------------------------------------------------------------------------------------- */

/* Random123's file kat_vectors, threefry4x64 with 20 rounds: counter, key, result. */
static const uint64_t published[3][3][4] = {
    {{0, 0, 0, 0}, {0, 0, 0, 0}, {0x09218ebde6c85537, 0x55941f5266d86105, 0x4bd25e16282434dc, 0xee29ec846bd2e40b}},
    {{~0ull, ~0ull, ~0ull, ~0ull},
     {~0ull, ~0ull, ~0ull, ~0ull},
     {0x29c24097942bba1b, 0x0371bbfb0f6f4e11, 0x3c231ffa33f83a1c, 0xcd29113fde32d168}},
    {{0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89},
     {0x452821e638d01377, 0xbe5466cf34e90c6c, 0xbe5466cf34e90c6c, 0xc0ac29b7c97c50dd},
     {0xa7e8fde591651bd9, 0xbaafd0c30138319b, 0x84a5c1a729e685b9, 0x901d406ccebc1ba4}}};

static void known_answers(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        threefry4x64_ctr_t counter, got;
        threefry4x64_key_t key;
        memcpy(counter.v, published[k][0], sizeof counter.v);
        memcpy(key.v, published[k][1], sizeof key.v);
        got = threefry4x64_R(20, counter, key);
        assert_memory_equal(got.v, published[k][2], sizeof got.v);
    }
    const threefry4x64_ctr_t zero = sgs_stream_block(0, 0, 0, 0, 0);
    assert_memory_equal(zero.v, published[0][2], sizeof zero.v);
}

/* Threefish-256 by its definition (Skein 1.3, with Random123's key parity), so that each argument of a block is known
 * to stand where it should. */
static void by_definition(const uint64_t key[4], const uint64_t counter[4], uint64_t x[4])
{
    static const int rotation[8][2] = {{14, 16}, {52, 57}, {23, 40}, {5, 37}, {25, 33}, {46, 12}, {58, 22}, {32, 32}};
    uint64_t schedule[5] = {0, 0, 0, 0, 0x1bd11bdaa9fc1a22};
    for (int i = 0; i < 4; i++) {
        schedule[i] = key[i];
        schedule[4] ^= key[i];
        x[i] = counter[i] + key[i];
    }
    for (int round = 0; round < 20; round++) {
        const int first = round % 2 ? 3 : 1, second = round % 2 ? 1 : 3;
        x[0] += x[first];
        x[first] = (x[first] << rotation[round % 8][0] | x[first] >> (64 - rotation[round % 8][0])) ^ x[0];
        x[2] += x[second];
        x[second] = (x[second] << rotation[round % 8][1] | x[second] >> (64 - rotation[round % 8][1])) ^ x[2];
        if (round % 4 == 3) {
            const int s = round / 4 + 1;
            for (int i = 0; i < 4; i++)
                x[i] += schedule[(s + i) % 5];
            x[3] += (uint64_t)s;
        }
    }
}

static void a_block_is_its_key_purpose_and_counters(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        uint64_t x[4];
        by_definition(published[k][1], published[k][0], x);
        assert_memory_equal(x, published[k][2], sizeof x);
    }
    for (uint64_t k = 0; k < 1000; k++) {
        const sgs_key key = sgs_key_of(&k, sizeof k), other = sgs_key_of(&key, sizeof key);
        const uint64_t keys[4] = {key.hi, key.lo, k % 5, 0}, counters[4] = {other.hi, other.lo, 0, 0};
        uint64_t x[4];
        by_definition(keys, counters, x);
        const threefry4x64_ctr_t got = sgs_stream_block(key.hi, key.lo, k % 5, other.hi, other.lo);
        assert_memory_equal(got.v, x, sizeof x);
        for (int w = 0; w < 8; w++)
            assert_int_equal(sgs_stream_word(got, w), w % 2 ? x[w / 2] >> 32 : x[w / 2] & 0xffffffff);
    }
}

/* ---- bounded draws ----------------------------------------------------------------------------------------------- */

static sgs_key key_of(int64_t seed)
{
    return sgs_key_of(&seed, sizeof seed);
}

/* A word that is not redrawn gives the same number whatever the key. */
static bool is_kept(uint32_t word, uint32_t range)
{
    const uint32_t first = sgs_bounded(key_of(0), word, range, 7, 3);
    for (int64_t k = 1; k < 4; k++)
        if (sgs_bounded(key_of(k), word, range, 7, 3) != first)
            return false;
    return true;
}

/* Unbiased, exactly: of the words whose product has x in its high half just floor(2^32 / range) are kept, for every x.
 * Their low halves grow by range from word to word, so that only the first can be below 2^32 mod range. */
static void every_number_has_as_many_words(void **state)
{
    (void)state;
    static const uint32_t ranges[] = {
        2, 3, 5, 7, 1000, 65537, 16777259, 1431655765, 2147483648u, 2147483649u, 2863311530u, 3000000019u, 4294967295u};
    for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++) {
        const uint64_t range = ranges[r], each = (1ull << 32) / range;
        for (uint64_t k = 0; k < 400; k++) {
            const uint64_t x = k < 100 ? k % range : k < 200 ? range - 1 - k % range : key_of((int64_t)k).lo % range;
            const uint64_t first = ((x << 32) + range - 1) / range, end = (((x + 1) << 32) + range - 1) / range;
            uint64_t kept = end - first;
            for (uint64_t word = first; word < end && word < first + 3; word++) {
                const bool keep = is_kept((uint32_t)word, (uint32_t)range);
                assert_true(!keep || sgs_bounded(key_of(9), (uint32_t)word, (uint32_t)range, 1, 1) == x);
                kept -= !keep;
            }
            if (kept != each)
                fail_msg("range %u: %llu words for %llu, not %llu", ranges[r], (unsigned long long)kept,
                         (unsigned long long)x, (unsigned long long)each);
        }
    }
}

/* Near 2^32 2/3 every third word is redrawn and a biased draw would prefer even numbers two to one. */
static void a_large_range(void **state)
{
    (void)state;
    enum { CELLS = 64, DRAWS = 400000 };
    const uint32_t range = 2863311530u;
    int64_t even[2] = {0}, thirds[3] = {0}, cells[CELLS] = {0}, redrawn[CELLS] = {0}, redrawn_even[2] = {0};
    const sgs_key key = key_of(first_seed);
    for (int64_t t = 0; t < DRAWS; t++) {
        const threefry4x64_ctr_t block = sgs_stream_block(key.hi, key.lo, SGS_PURPOSE_BATCH, (uint64_t)t, SGS_SUB_MAIN);
        const uint32_t word = sgs_stream_word(block, (int)(t % 8)), x = sgs_bounded(key, word, range, t, t % 5);
        assert_true(x < range);
        const size_t cell = (size_t)((uint64_t)x * CELLS / range);
        even[x % 2]++, thirds[x % 3]++, cells[cell]++;
        if ((uint32_t)((uint64_t)word * range) < sgs_redraw_below(range))
            redrawn[cell]++, redrawn_even[x % 2]++;
    }
    assert_equal_counts("parity", even, 2);
    assert_equal_counts("modulo 3", thirds, 3);
    assert_equal_counts("size", cells, CELLS);
    assert_equal_counts("size of redrawn numbers", redrawn, CELLS);
    assert_equal_counts("parity of redrawn numbers", redrawn_even, 2);
    const double share = (double)sgs_redraw_below(range) / 4294967296.0;
    const int64_t all = redrawn_even[0] + redrawn_even[1], counts[2] = {all, DRAWS - all};
    assert_counts("how many are redrawn", counts, (double[]){share, 1.0 - share}, 2);
}

/* ---- independence ------------------------------------------------------------------------------------------------ */

enum { PAIRS = 20000, LEVELS = 8 };

/* Two streams, word by word: correlation of the uniform numbers, a table of their upper and of their lower bits, and
 * the bits in which they differ (each is a fair coin). */
static void compare(const char *what, gsl_rng *one, gsl_rng *two)
{
    int64_t upper[LEVELS * LEVELS] = {0}, lower[LEVELS * LEVELS] = {0};
    double product = 0.0, bits = 0.0;
    for (int k = 0; k < PAIRS; k++) {
        const uint32_t u = (uint32_t)gsl_rng_get(one), v = (uint32_t)gsl_rng_get(two);
        product += 12.0 * ((u + 0.5) / 4294967296.0 - 0.5) * ((v + 0.5) / 4294967296.0 - 0.5);
        bits += __builtin_popcount(u ^ v) - 16.0;
        upper[(u >> 29) * LEVELS + (v >> 29)]++;
        lower[(u % LEVELS) * LEVELS + v % LEVELS]++;
    }
    assert_normal_sum(what, product, PAIRS);
    assert_normal_sum(what, bits / sqrt(8.0), PAIRS); /* 32 coins: variance 8 */
    assert_equal_counts(what, upper, LEVELS * LEVELS);
    assert_equal_counts(what, lower, LEVELS * LEVELS);
}

static void streams_are_independent(void **state)
{
    (void)state;
    gsl_rng *one = gsl_rng_alloc(&stream_type), *two = gsl_rng_alloc(&stream_type);
    sgs_run run = {.d = 64, .n = 64, .b = 8, .eps = 0.1, .scale = 0.1, .seed = first_seed, .init_seed = first_seed};
    const sgs_key batch = sgs_batch_key(&run), start = sgs_start_key(&run);
    stream_aim(one, batch, SGS_PURPOSE_BATCH), stream_aim(two, start, SGS_PURPOSE_START);
    compare("batches and start of a run", one, two);
    stream_aim(one, batch, SGS_PURPOSE_BATCH), stream_aim(two, batch, SGS_PURPOSE_START);
    compare("one key, two purposes", one, two);
    sgs_run others[6] = {run, run, run, run, run, run};
    others[0].seed++, others[1].eps = nextafter(0.1, 1.0), others[2].activation = SGS_RELU;
    others[3].d++, others[4].b++, others[5].init = SGS_INIT_SPHERE;
    static const char *const names[] = {"seed + 1", "the next eps", "activation", "d + 1", "b + 1", "init"};
    for (int k = 0; k < 6; k++) {
        stream_aim(one, batch, SGS_PURPOSE_BATCH), stream_aim(two, sgs_batch_key(&others[k]), SGS_PURPOSE_BATCH);
        compare(names[k], one, two);
    }
    stream_aim(one, batch, SGS_PURPOSE_BATCH);
    compare("a word and the next", one, one); /* pairs that do not overlap */
    stream_aim(one, batch, SGS_PURPOSE_BATCH), stream_aim(two, batch, SGS_PURPOSE_BATCH);
    ((stream_state *)gsl_rng_state(two))->block = 1ull << 60;
    compare("the block 2^60 later", one, two);
    gsl_rng_free(one), gsl_rng_free(two);
}

/* Words at the same place of the streams of consecutive seeds are a stream too. */
static void consecutive_seeds(void **state)
{
    (void)state;
    sgs_run run = {.d = 64, .n = 64, .b = 8, .eps = 0.1, .scale = 0.1};
    int64_t table[LEVELS * LEVELS] = {0};
    double product = 0.0;
    uint32_t before = 0;
    for (int k = 0; k < 2 * PAIRS; k++) {
        run.seed = first_seed + k;
        const sgs_key key = sgs_batch_key(&run);
        const uint32_t word = sgs_stream_word(sgs_stream_block(key.hi, key.lo, SGS_PURPOSE_BATCH, 0, SGS_SUB_MAIN), 0);
        if (k % 2) {
            product += 12.0 * ((word + 0.5) / 4294967296.0 - 0.5) * ((before + 0.5) / 4294967296.0 - 0.5);
            table[(word >> 29) * LEVELS + (before >> 29)]++;
        }
        before = word;
    }
    assert_normal_sum("seeds one after the other", product, PAIRS);
    assert_equal_counts("seeds one after the other", table, LEVELS * LEVELS);
}

/* ---- GSL's distributions from our words -------------------------------------------------------------------------- */

enum { NUMBERS = 40000 };

static void gsl_distributions(void **state)
{
    (void)state;
    static double gauss[NUMBERS], gamma[NUMBERS], beta[NUMBERS];
    int64_t poisson[40] = {0}, hyper[11] = {0}, faces[6] = {0}, orders[24] = {0};
    double poisson_p[40], hyper_p[11];
    gsl_rng *rng = gsl_rng_alloc(&stream_type);
    gsl_rng_set(rng, (unsigned long)first_seed);
    for (int k = 0; k < NUMBERS; k++) {
        gauss[k] = gsl_cdf_ugaussian_P(gsl_ran_gaussian_ziggurat(rng, 1.0));
        gamma[k] = gsl_cdf_gamma_P(gsl_ran_gamma(rng, 2.5, 1.0), 2.5, 1.0);
        beta[k] = gsl_cdf_beta_P(gsl_ran_beta(rng, 0.5, 3.0), 0.5, 3.0);
        const unsigned counted = gsl_ran_poisson(rng, 7.0);
        poisson[counted < 40 ? counted : 39]++;
        hyper[gsl_ran_hypergeometric(rng, 10, 20, 12)]++;
        faces[gsl_rng_uniform_int(rng, 6)]++;
        int order[4] = {0, 1, 2, 3};
        gsl_ran_shuffle(rng, order, 4, sizeof *order);
        orders[6 * order[0] + 2 * (order[1] - (order[1] > order[0])) + (order[2] > order[3])]++;
    }
    for (unsigned k = 0; k < 40; k++)
        poisson_p[k] = gsl_ran_poisson_pdf(k, 7.0);
    for (unsigned k = 0; k < 11; k++)
        hyper_p[k] = gsl_ran_hypergeometric_pdf(k, 10, 20, 12);
    assert_uniform("gaussian", gauss, NUMBERS);
    assert_uniform("gamma", gamma, NUMBERS);
    assert_uniform("beta", beta, NUMBERS);
    assert_counts("poisson", poisson, poisson_p, 40);
    assert_counts("hypergeometric", hyper, hyper_p, 11);
    assert_equal_counts("uniform", faces, 6);
    assert_equal_counts("shuffle", orders, 24);
    gsl_rng_free(rng);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(a_block_is_its_key_purpose_and_counters),
        cmocka_unit_test(every_number_has_as_many_words),
        cmocka_unit_test(a_large_range),
        cmocka_unit_test(streams_are_independent),
        cmocka_unit_test(consecutive_seeds),
        cmocka_unit_test(gsl_distributions),
        cmocka_unit_test(assert_all_planned),
    };
    return run_statistics(tests, sizeof tests / sizeof *tests, 6 + 4 * 10 + 2 + 7);
}
