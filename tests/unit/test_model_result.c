/** @file test_model_result.c
 *  The table of measures, and the bytes of a result: their order, little-endian, under checksum and digest. */
#include "sgdsweep/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const real_names[] = {"loss",
                                         "excess_loss",
                                         "norm",
                                         "norm_min",
                                         "norm_max",
                                         "max_share",
                                         "participation_ratio",
                                         "participation_ratio_init",
                                         "alignment_init",
                                         "alignment_init_active",
                                         "hessian_trace",
                                         "hessian_max",
                                         "hessian_trace_limit"};
static const char *const order[] = {"loss",
                                    "excess_loss",
                                    "norm",
                                    "norm_min",
                                    "norm_max",
                                    "max_share",
                                    "selected",
                                    "winner_rank",
                                    "participation_ratio",
                                    "participation_ratio_init",
                                    "support",
                                    "active",
                                    "active_init",
                                    "alignment_init",
                                    "alignment_init_active",
                                    "hessian_trace",
                                    "hessian_max",
                                    "hessian_trace_limit",
                                    "steps",
                                    "steps_norm",
                                    "steps_sparse"};

static bool is_real(const char *name)
{
    for (size_t i = 0; i < sizeof real_names / sizeof *real_names; i++)
        if (strcmp(real_names[i], name) == 0)
            return true;
    return false;
}

static void the_table_of_measures(void **state)
{
    (void)state;
    assert_int_equal(SGS_MEASURES, sizeof order / sizeof *order);
    for (int m = 0; m < SGS_MEASURES; m++) {
        const sgs_measure_info *info = sgs_measure_describe((sgs_measure)m);
        assert_string_equal(info->name, order[m]);
        assert_int_equal(info->integer, !is_real(order[m]));
        assert_string_equal(info->units, strncmp(order[m], "steps", 5) == 0 ? "step" : "1");
        assert_true(strlen(info->long_name) > 0);
        if (info->integer)
            assert_int_equal(info->fill.integer, m == SGS_SELECTED ? 0 : -1);
        else
            assert_true((uint64_t)info->fill.integer == 0x7ff8000000000000u);
    }
}

/* Value number m has the bytes m, 1, 2, ... 7 from the lowest. */
static sgs_result example(void)
{
    sgs_result result = {.status = SGS_RUN_DEAD};
    for (int m = 0; m < SGS_MEASURES; m++)
        result.value[m].integer = 0x0706050403020100 + m;
    return result;
}

static void bytes_are_little_endian_in_table_order(void **state)
{
    (void)state;
    sgs_result result = example();
    unsigned char bytes[SGS_RESULT_BYTES];
    sgs_result_bytes(&result, bytes);
    assert_int_equal(sizeof bytes, 1 + 8 * 21);
    assert_int_equal(bytes[0], 4);
    for (int m = 0; m < SGS_MEASURES; m++)
        for (int k = 0; k < 8; k++)
            assert_int_equal(bytes[1 + 8 * m + k], k == 0 ? m : k);
    result.status = -1;
    result.value[SGS_LOSS].real = -2.0; /* 0xc000000000000000 */
    sgs_result_bytes(&result, bytes);
    assert_int_equal(bytes[0], 0xff);
    assert_int_equal(bytes[1], 0x00);
    assert_int_equal(bytes[8], 0xc0);
}

/* hi, lo, status, values: the layout that the checksum and the digest are taken of, built here byte by byte. */
static void keyed(sgs_key key, const sgs_result *result, unsigned char bytes[16 + SGS_RESULT_BYTES])
{
    for (int k = 0; k < 8; k++) {
        bytes[k] = (unsigned char)(key.hi >> (8 * k));
        bytes[8 + k] = (unsigned char)(key.lo >> (8 * k));
    }
    sgs_result_bytes(result, bytes + 16);
}

static void checksum_and_digest_cover_key_status_and_values(void **state)
{
    (void)state;
    const sgs_key key = {.hi = 0x1122334455667788, .lo = 0x99aabbccddeeff00};
    const sgs_result result = example();
    unsigned char bytes[16 + SGS_RESULT_BYTES];
    keyed(key, &result, bytes);
    assert_int_equal(bytes[0], 0x88);
    assert_int_equal(bytes[15], 0x99);
    assert_int_equal(sgs_result_checksum(key, &result), sgs_crc32c(0, bytes, sizeof bytes));
    assert_true(sgs_key_equal(sgs_result_digest(key, &result), sgs_key_of(bytes, sizeof bytes)));
    /* files hold these: they may change with a format version only */
    char hex[SGS_KEY_TEXT_BYTES];
    assert_int_equal(sgs_result_checksum(key, &result), 0x632a7748u);
    assert_string_equal(sgs_key_text(sgs_result_digest(key, &result), hex), "2c23116eb70940c3fec2662aaae32620");
}

static void every_bit_counts(void **state)
{
    (void)state;
    const sgs_key key = {.hi = 1, .lo = 2};
    const sgs_result result = example();
    const uint32_t checksum = sgs_result_checksum(key, &result);
    const sgs_key digest = sgs_result_digest(key, &result);
    for (int m = 0; m < SGS_MEASURES; m++)
        for (int bit = 0; bit < 64; bit++) {
            sgs_result other = result;
            other.value[m].integer ^= (int64_t)(1ull << bit);
            assert_int_not_equal(sgs_result_checksum(key, &other), checksum);
            assert_false(sgs_key_equal(sgs_result_digest(key, &other), digest));
        }
    sgs_result other = result;
    other.status = SGS_RUN_CONVERGED;
    assert_int_not_equal(sgs_result_checksum(key, &other), checksum);
    assert_int_not_equal(sgs_result_checksum((sgs_key){.hi = 2, .lo = 1}, &result), checksum);
}

/* 0 means "no checksum" in a file. CRC is affine, so four free bytes reach every value: solve for CRC = 0 bit by bit.
 */
static void a_checksum_is_never_zero(void **state)
{
    (void)state;
    const sgs_key key = {.hi = 1, .lo = 2};
    sgs_result result = example();
    unsigned char bytes[16 + SGS_RESULT_BYTES];
    uint32_t base, effect[32], choice[32];
    result.value[SGS_MEASURES - 1].integer = 0;
    keyed(key, &result, bytes);
    base = sgs_crc32c(0, bytes, sizeof bytes);
    for (int j = 0; j < 32; j++) {
        result.value[SGS_MEASURES - 1].integer = (int64_t)1 << j;
        keyed(key, &result, bytes);
        effect[j] = sgs_crc32c(0, bytes, sizeof bytes) ^ base;
        choice[j] = 1u << j;
    }
    uint32_t solution = 0;
    for (int bit = 0; bit < 32; bit++) { /* Gauss over GF(2): row `bit` becomes the only one with that bit */
        int pivot = bit;
        while (pivot < 31 && !(effect[pivot] >> bit & 1))
            pivot++;
        assert_true(effect[pivot] >> bit & 1);
        const uint32_t e = effect[pivot], c = choice[pivot];
        effect[pivot] = effect[bit], choice[pivot] = choice[bit];
        effect[bit] = e, choice[bit] = c;
        for (int j = 0; j < 32; j++)
            if (j != bit && (effect[j] >> bit & 1))
                effect[j] ^= e, choice[j] ^= c;
    }
    for (int bit = 0; bit < 32; bit++)
        solution ^= base >> bit & 1 ? choice[bit] : 0;
    result.value[SGS_MEASURES - 1].integer = solution;
    keyed(key, &result, bytes);
    assert_int_equal(sgs_crc32c(0, bytes, sizeof bytes), 0);
    assert_int_equal(sgs_result_checksum(key, &result), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_of_measures),
        cmocka_unit_test(bytes_are_little_endian_in_table_order),
        cmocka_unit_test(checksum_and_digest_cover_key_status_and_values),
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(a_checksum_is_never_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
