/** @file test_grid_expression.c
 *  Expressions: vectors, and every short expression against a slow evaluator that works differently: shunting-yard to
 *  postfix, then fractions over 128-bit integers that are never reduced. */
#include "../../src/grid/expression.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

__extension__ typedef __int128 wide;

typedef struct vector {
    const char *text;
    int64_t n, expected;
} vector;

static void vectors(void **state)
{
    (void)state;
    static const vector table[] = {
        {"1", 9, 1},
        {"n", 9, 9},
        {"n/2", 9, 4},
        {"n/2", 1, 0},
        {"n-1", 9, 8},
        {"2*n/3", 7, 4},
        {"2*n/3", 8, 5},
        {"n/3*2", 8, 5},
        {"n/2-1", 9, 3},
        {"n/2+n/2", 9, 9},
        {"(n+1)/2", 9, 5},
        {"n-(n-1)", 9, 1},
        {"n - 3", 2, -1},
        {"1/2-n", 3, -3},
        {"0-n/2", 3, -2},
        {"n*n/n", 2147483647, 2147483647},
        {"n/7*7", 10, 10},
        {" ( n ) ", 5, 5},
        {"n/(0-2)", 5, -3},
        {"100/n", 7, 14},
        {"((((n))))", 3, 3},
        {"0", 3, 0},
        {"2147483647", 1, 2147483647},
        {"n-2-3", 10, 5},
        {"n/2/2", 10, 2},
        {"n-2*3", 10, 4},
        {"1/3+1/3+1/3", 1, 1},
        {"n/(2/3)", 3, 4},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        int64_t result = -99;
        assert_int_equal(sgs_expression_compute(table[i].text, 'n', table[i].n, &result), SGS_EXPRESSION_FINE);
        if (result != table[i].expected) {
            fail_msg("%s at %lld is %lld", table[i].text, (long long)table[i].n, (long long)result);
        }
    }
}

static void refusals(void **state)
{
    (void)state;
    static const char *const syntax[] = {"",           " ",
                                         "+",          "-1",
                                         "+1",         "n+",
                                         "n n",        "2n",
                                         "n2",         "()",
                                         "(n",         "n)",
                                         ")n(",        "d",
                                         "N",          "1.0",
                                         "1e3",        "0x1",
                                         "01",         "00",
                                         "1_0",        "n%2",
                                         "n^2",        "n**2",
                                         "n//2",       "full",
                                         "n,1",        "1;",
                                         "n\n1",       "n\\",
                                         "1/0)",       "0/0+",
                                         "2147483648", "99999999999999999999999"};
    for (size_t i = 0; i < sizeof syntax / sizeof *syntax; i++) {
        int64_t result = 0;
        if (sgs_expression_compute(syntax[i], 'n', 5, &result) != SGS_EXPRESSION_SYNTAX) {
            fail_msg("\"%s\" is taken for an expression", syntax[i]);
        }
    }
    int64_t result = 0;
    assert_int_equal(sgs_expression_compute("1/0", 'n', 5, &result), SGS_EXPRESSION_BY_ZERO);
    assert_int_equal(sgs_expression_compute("n/(n-5)+1", 'n', 5, &result), SGS_EXPRESSION_BY_ZERO);
    assert_int_equal(sgs_expression_compute("n/(n-5)+1", 'n', 6, &result), SGS_EXPRESSION_FINE);
    assert_int_equal(sgs_expression_compute("n*n*n", 'n', 2147483647, &result), SGS_EXPRESSION_TOO_LARGE);
    assert_int_equal(sgs_expression_compute("1/n/n/n", 'n', 2147483647, &result), SGS_EXPRESSION_TOO_LARGE);
    assert_int_equal(sgs_expression_compute("n*n+n*n+n*n", 'n', 2147483647, &result), SGS_EXPRESSION_TOO_LARGE);
    assert_int_equal(sgs_expression_compute("n*n*2-n", 'n', 2147483647, &result), SGS_EXPRESSION_FINE);
    assert_int_equal(sgs_expression_compute("d/2", 'd', 5, &result), SGS_EXPRESSION_FINE);
    assert_int_equal(sgs_expression_compute("d/2", 'n', 5, &result), SGS_EXPRESSION_SYNTAX);
}

static void length_is_limited(void **state)
{
    (void)state;
    char text[SGS_EXPRESSION_MAX_BYTES + 2];
    memset(text, '(', sizeof text);
    text[sizeof text - 1] = '\0';
    int64_t result = 0;
    assert_int_equal(sgs_expression_compute(text, 'n', 1, &result), SGS_EXPRESSION_SYNTAX);
    memset(text, ' ', sizeof text - 1);
    text[SGS_EXPRESSION_MAX_BYTES - 1] = 'n';
    text[SGS_EXPRESSION_MAX_BYTES] = '\0';
    assert_int_equal(sgs_expression_compute(text, 'n', 1, &result), SGS_EXPRESSION_FINE);
    text[SGS_EXPRESSION_MAX_BYTES] = ' ';
    text[SGS_EXPRESSION_MAX_BYTES + 1] = '\0';
    assert_int_equal(sgs_expression_compute(text, 'n', 1, &result), SGS_EXPRESSION_SYNTAX);
}

/* ---- the slow evaluator ------------------------------------------------------------------------------------------ */

typedef struct slow {
    wide up[32], down[32];
    int values;
    char operators[32];
    int operator_count;
    bool by_zero;
} slow;

static int rank_of(char operator_)
{
    return operator_ == '(' ? 0 : operator_ == '+' || operator_ == '-' ? 1 : 2;
}

static bool apply(slow *s)
{
    char operator_ = s->operators[--s->operator_count];
    if (s->values < 2) {
        return false;
    }
    wide c = s->up[s->values - 1];
    wide d = s->down[s->values - 1];
    wide *a = &s->up[s->values - 2];
    wide *b = &s->down[s->values - 2];
    s->values--;
    if (operator_ == '+' || operator_ == '-') {
        *a = *a * d + (operator_ == '+' ? c : -c) * *b;
        *b *= d;
    } else if (operator_ == '*') {
        *a *= c;
        *b *= d;
    } else {
        s->by_zero = s->by_zero || c == 0;
        *a *= d;
        *b *= c;
    }
    return true;
}

/** Postfix by two stacks; operand tells whether a value or an operator has to come next. */
static sgs_expression_end slow_compute(const char *text, int64_t n, int64_t *floor_)
{
    slow s = {.values = 0};
    bool operand = true;
    for (const char *c = text; *c; c++) {
        bool value = *c == 'n' || (*c >= '0' && *c <= '9');
        if ((value || *c == '(') != operand) {
            return SGS_EXPRESSION_SYNTAX;
        }
        if (value) {
            s.up[s.values] = *c == 'n' ? n : *c - '0';
            s.down[s.values++] = 1;
            operand = false;
        } else if (*c == '(') {
            s.operators[s.operator_count++] = '(';
        } else if (*c == ')') {
            while (s.operator_count && s.operators[s.operator_count - 1] != '(') {
                apply(&s);
            }
            if (!s.operator_count--) {
                return SGS_EXPRESSION_SYNTAX;
            }
        } else {
            while (s.operator_count && rank_of(s.operators[s.operator_count - 1]) >= rank_of(*c)) {
                apply(&s);
            }
            s.operators[s.operator_count++] = *c;
            operand = true;
        }
    }
    if (operand) {
        return SGS_EXPRESSION_SYNTAX;
    }
    while (s.operator_count) {
        if (s.operators[s.operator_count - 1] == '(') {
            return SGS_EXPRESSION_SYNTAX;
        }
        apply(&s);
    }
    if (s.by_zero) {
        return SGS_EXPRESSION_BY_ZERO;
    }
    wide up = s.down[0] < 0 ? -s.up[0] : s.up[0];
    wide down = s.down[0] < 0 ? -s.down[0] : s.down[0];
    wide quotient = up / down;
    while (quotient * down > up) {
        quotient--;
    }
    *floor_ = (int64_t)quotient;
    return SGS_EXPRESSION_FINE;
}

/** Every text of up to six letters of an alphabet: all are compared, valid or not. */
static void every_short_text(void **state)
{
    (void)state;
    static const char alphabet[] = "n02+-*/()";
    enum { LETTERS = sizeof alphabet - 1, LENGTH = 6 };
    int64_t fine = 0;
    int64_t by_zero = 0;
    for (int length = 1; length <= LENGTH; length++) {
        int64_t texts = 1;
        for (int i = 0; i < length; i++) {
            texts *= LETTERS;
        }
        for (int64_t k = 0; k < texts; k++) {
            char text[LENGTH + 1] = "";
            int64_t rest = k;
            for (int i = 0; i < length; i++, rest /= LETTERS) {
                text[i] = alphabet[rest % LETTERS];
            }
            /* The slow one reads single digits only. */
            if (strstr(text, "00") || strstr(text, "02") || strstr(text, "20") || strstr(text, "22")) {
                continue;
            }
            int64_t n = 1 + k % 7;
            int64_t expected = 0;
            int64_t got = 0;
            sgs_expression_end end = slow_compute(text, n, &expected);
            if (sgs_expression_compute(text, 'n', n, &got) != end || (end == SGS_EXPRESSION_FINE && got != expected)) {
                fail_msg("%s at %lld: %lld, expected end %d, %lld", text, (long long)n, (long long)got, end,
                         (long long)expected);
            }
            fine += end == SGS_EXPRESSION_FINE;
            by_zero += end == SGS_EXPRESSION_BY_ZERO;
        }
    }
    assert_true(fine > 500);
    assert_true(by_zero > 50);
}

/** Longer valid expressions: v o v o v o v with and without one pair of parentheses, exhaustively over n = 1 .. 12. */
static void every_chain(void **state)
{
    (void)state;
    static const char values[] = "n257";
    static const char operators[] = "+-*/";
    for (int k = 0; k < 4 * 4 * 4 * 4 * 4 * 4 * 4; k++) {
        char v[4];
        char o[3];
        int rest = k;
        for (int i = 0; i < 4; i++, rest /= 4) {
            v[i] = values[rest % 4];
        }
        for (int i = 0; i < 3; i++, rest /= 4) {
            o[i] = operators[rest % 4];
        }
        char plain[] = {v[0], o[0], v[1], o[1], v[2], o[2], v[3], '\0'};
        char nested[] = {v[0], o[0], '(', v[1], o[1], v[2], ')', o[2], v[3], '\0'};
        for (int64_t n = 1; n <= 12; n++) {
            for (int form = 0; form < 2; form++) {
                const char *text = form ? nested : plain;
                int64_t expected = 0;
                int64_t got = 0;
                sgs_expression_end end = slow_compute(text, n, &expected);
                assert_int_equal(sgs_expression_compute(text, 'n', n, &got), end);
                assert_int_equal(got, expected);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),          cmocka_unit_test(refusals),    cmocka_unit_test(length_is_limited),
        cmocka_unit_test(every_short_text), cmocka_unit_test(every_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
