/** @file test_base_error.c
 *  Error text: formatting, context, cutting, one line; exit codes. */
#include "sgdsweep/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void fails_with_text(void **state)
{
    (void)state;
    sgs_error err = {.text = "before"};
    assert_int_equal(sgs_fail(&err, SGS_EIO, "cell %d: %s", 7, "no space"), SGS_EIO);
    assert_string_equal(err.text, "cell 7: no space");
    assert_int_equal(sgs_fail(NULL, SGS_ENOMEM, "nobody reads %d", 1), SGS_ENOMEM);
}

static void context_goes_in_front(void **state)
{
    (void)state;
    sgs_error err = {.text = "no space"};
    assert_int_equal(sgs_fail_in(&err, SGS_EIO, "rank %d", 3), SGS_EIO);
    assert_string_equal(err.text, "rank 3: no space");
    assert_int_equal(sgs_fail_in(&err, SGS_EFAIL, "file %s", "a"), SGS_EFAIL);
    assert_string_equal(err.text, "file a: rank 3: no space");
    assert_int_equal(sgs_fail_in(NULL, SGS_EIO, "nobody"), SGS_EIO);
}

static void may_quote_itself(void **state)
{
    (void)state;
    sgs_error err = {.text = "inner"};
    sgs_fail(&err, SGS_EFAIL, "outer (%s)", err.text);
    assert_string_equal(err.text, "outer (inner)");
    sgs_fail_in(&err, SGS_EFAIL, "%s", err.text);
    assert_string_equal(err.text, "outer (inner): outer (inner)");
}

static void long_text_is_cut(void **state)
{
    (void)state;
    char filler[3 * SGS_ERROR_TEXT_BYTES];
    memset(filler, 'x', sizeof filler);
    filler[sizeof filler - 1] = '\0';
    sgs_error err;
    sgs_fail(&err, SGS_EFAIL, "%s", filler);
    assert_int_equal(strlen(err.text), SGS_ERROR_TEXT_BYTES - 1);
    sgs_fail_in(&err, SGS_EFAIL, "short");
    assert_int_equal(strlen(err.text), SGS_ERROR_TEXT_BYTES - 1);
    assert_memory_equal(err.text, "short: xxx", 10);
    sgs_fail_in(&err, SGS_EFAIL, "%s", filler);
    assert_int_equal(strlen(err.text), SGS_ERROR_TEXT_BYTES - 1);
}

static void text_is_one_line(void **state)
{
    (void)state;
    sgs_error err;
    sgs_fail(&err, SGS_EINVAL, "value \"%s\"", "a\nb\r\tc\033[1m\x7f");
    assert_string_equal(err.text, "value \"a b  c [1m \"");
}

static void exit_codes(void **state)
{
    (void)state;
    static const struct {
        sgs_status status;
        int code;
    } vectors[] = {{SGS_OK, 0},     {SGS_STOPPED, 75}, {SGS_EINVAL, 2}, {SGS_EDAMAGED, 3}, {SGS_EEXIST, 1},
                   {SGS_ERANGE, 1}, {SGS_ENOMEM, 1},   {SGS_EIO, 1},    {SGS_EFAIL, 1}};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        assert_int_equal(sgs_exit_code(vectors[i].status), vectors[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fails_with_text),  cmocka_unit_test(context_goes_in_front), cmocka_unit_test(may_quote_itself),
        cmocka_unit_test(long_text_is_cut), cmocka_unit_test(text_is_one_line),      cmocka_unit_test(exit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
