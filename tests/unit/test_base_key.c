/** @file test_base_key.c
 *  Hashes against published vectors, addition modulo 2^128, text form. */
#include "sgdsweep/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void key_of_known_texts(void **state)
{
    (void)state;
    /* The published value of XXH3-128 of no bytes, and values of the xxhsum program (-H2) for the others. */
    static const struct {
        const char *text;
        const char *key;
    } vectors[] = {{"", "99aa06d3014798d86001c324468d497f"},
                   {"abc", "06b05ab6733a618578af5f94892f3950"},
                   {"The quick brown fox jumps over the lazy dog", "ddd650205ca3e7fa24a1cc2e3a8a7651"}};
    char text[SGS_KEY_TEXT_BYTES];
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        sgs_key key = sgs_key_of(vectors[i].text, strlen(vectors[i].text));
        assert_string_equal(sgs_key_text(key, text), vectors[i].key);
    }
}

static void addition_carries(void **state)
{
    (void)state;
    static const struct {
        sgs_key a, b, sum;
    } vectors[] = {
        {{0, 0}, {0, 0}, {0, 0}},
        {{1, 2}, {3, 4}, {4, 6}},
        {{0, UINT64_MAX}, {0, 1}, {1, 0}},
        {{5, UINT64_MAX}, {7, UINT64_MAX}, {13, UINT64_MAX - 1}},
        {{UINT64_MAX, UINT64_MAX}, {0, 1}, {0, 0}},
        {{UINT64_MAX, UINT64_MAX}, {UINT64_MAX, UINT64_MAX}, {UINT64_MAX, UINT64_MAX - 1}},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        assert_true(sgs_key_equal(sgs_key_add(vectors[i].a, vectors[i].b), vectors[i].sum));
        assert_true(sgs_key_equal(sgs_key_add(vectors[i].b, vectors[i].a), vectors[i].sum));
    }
}

static void equality_and_text(void **state)
{
    (void)state;
    sgs_key a = {.hi = 0xabULL, .lo = 0x0123456789abcdefULL};
    assert_true(sgs_key_equal(a, a));
    assert_false(sgs_key_equal(a, (sgs_key){.hi = a.hi + 1, .lo = a.lo}));
    assert_false(sgs_key_equal(a, (sgs_key){.hi = a.hi, .lo = a.lo ^ 1}));
    char text[SGS_KEY_TEXT_BYTES];
    assert_string_equal(sgs_key_text(a, text), "00000000000000ab0123456789abcdef");
}

static void crc32c_vectors(void **state)
{
    (void)state;
    /* RFC 3720 (iSCSI), appendix B.4, and the check value of the catalogues for "123456789". */
    unsigned char block[32];
    assert_int_equal(sgs_crc32c(0, "123456789", 9), 0xe3069283u);
    memset(block, 0, sizeof block);
    assert_int_equal(sgs_crc32c(0, block, 32), 0x8a9136aau);
    memset(block, 0xff, sizeof block);
    assert_int_equal(sgs_crc32c(0, block, 32), 0x62a8ab43u);
    for (int i = 0; i < 32; i++) {
        block[i] = (unsigned char)i;
    }
    assert_int_equal(sgs_crc32c(0, block, 32), 0x46dd794eu);
    assert_int_equal(sgs_crc32c(0, block, 0), 0);
}

static void crc32c_continues(void **state)
{
    (void)state;
    unsigned char bytes[200];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)(i * 37 + 11);
    }
    uint32_t whole = sgs_crc32c(0, bytes, sizeof bytes);
    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        uint32_t crc = sgs_crc32c(sgs_crc32c(0, bytes, cut), bytes + cut, sizeof bytes - cut);
        assert_int_equal(crc, whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_of_known_texts), cmocka_unit_test(addition_carries), cmocka_unit_test(equality_and_text),
        cmocka_unit_test(crc32c_vectors),     cmocka_unit_test(crc32c_continues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
