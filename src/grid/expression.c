/** @file expression.c
 *  Recursive descent over the text, computing as it goes. Fractions are kept in lowest terms with a positive
 * denominator; after the first arithmetic failure the rest is still read, so that a syntax error is found at any value.
 * The text is short (SGS_EXPRESSION_MAX_BYTES), so the recursion is too. */
#include "expression.h"

#include <string.h>

typedef struct fraction {
    int64_t up, down; /**< lowest terms, down > 0 */
} fraction;

typedef struct reader {
    const char *at;
    char variable;
    int64_t value;
    sgs_expression_end end;
} reader;

static const fraction one = {1, 1};

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

/** Syntax errors win over arithmetic ones; the first arithmetic one stays. */
static fraction fail(reader *r, sgs_expression_end end)
{
    if (r->end == SGS_EXPRESSION_FINE || end == SGS_EXPRESSION_SYNTAX) {
        r->end = end;
    }
    return one;
}

/** INT64_MIN never appears in a fraction, so that negating is safe. */
static bool times(int64_t a, int64_t b, int64_t *product)
{
    return !__builtin_mul_overflow(a, b, product) && *product != INT64_MIN;
}

static fraction multiply(reader *r, fraction a, fraction b)
{
    int64_t first = common_divisor(a.up, b.down);
    int64_t second = common_divisor(b.up, a.down);
    fraction product;
    if (!times(a.up / first, b.up / second, &product.up) || !times(a.down / second, b.down / first, &product.down)) {
        return fail(r, SGS_EXPRESSION_TOO_LARGE);
    }
    return product;
}

static fraction divide(reader *r, fraction a, fraction b)
{
    if (b.up == 0) {
        return fail(r, SGS_EXPRESSION_BY_ZERO);
    }
    fraction inverse = b.up < 0 ? (fraction){-b.down, -b.up} : (fraction){b.down, b.up};
    return multiply(r, a, inverse);
}

static fraction add(reader *r, fraction a, fraction b)
{
    int64_t common = common_divisor(a.down, b.down);
    int64_t left;
    int64_t right;
    fraction sum;
    if (!times(a.up, b.down / common, &left) || !times(b.up, a.down / common, &right) ||
        __builtin_add_overflow(left, right, &sum.up) || sum.up == INT64_MIN ||
        !times(a.down, b.down / common, &sum.down)) {
        return fail(r, SGS_EXPRESSION_TOO_LARGE);
    }
    int64_t divisor = common_divisor(sum.up, sum.down);
    return (fraction){sum.up / divisor, sum.down / divisor};
}

static char peek(reader *r)
{
    while (*r->at == ' ' || *r->at == '\t') {
        r->at++;
    }
    return *r->at;
}

static fraction read_number(reader *r)
{
    if (r->at[0] == '0' && r->at[1] >= '0' && r->at[1] <= '9') {
        return fail(r, SGS_EXPRESSION_SYNTAX); /* 010: octal to some */
    }
    int64_t number = 0;
    for (; *r->at >= '0' && *r->at <= '9'; r->at++) {
        number = 10 * number + (*r->at - '0');
        if (number > SGS_EXPRESSION_MAX_NUMBER) {
            return fail(r, SGS_EXPRESSION_SYNTAX);
        }
    }
    return (fraction){number, 1};
}

static fraction read_sum(reader *r);

static fraction read_part(reader *r)
{
    char c = peek(r);
    if (c >= '0' && c <= '9') {
        return read_number(r);
    }
    if (c == r->variable) {
        r->at++;
        return (fraction){r->value, 1};
    }
    if (c != '(') {
        return fail(r, SGS_EXPRESSION_SYNTAX);
    }
    r->at++;
    fraction inner = read_sum(r);
    if (peek(r) != ')') {
        return fail(r, SGS_EXPRESSION_SYNTAX);
    }
    r->at++;
    return inner;
}

static fraction read_product(reader *r)
{
    fraction product = read_part(r);
    while (r->end != SGS_EXPRESSION_SYNTAX && (peek(r) == '*' || *r->at == '/')) {
        bool division = *r->at++ == '/';
        fraction part = read_part(r);
        product = division ? divide(r, product, part) : multiply(r, product, part);
    }
    return product;
}

static fraction read_sum(reader *r)
{
    fraction sum = read_product(r);
    while (r->end != SGS_EXPRESSION_SYNTAX && (peek(r) == '+' || *r->at == '-')) {
        bool negative = *r->at++ == '-';
        fraction part = read_product(r);
        sum = add(r, sum, negative ? (fraction){-part.up, part.down} : part);
    }
    return sum;
}

sgs_expression_end sgs_expression_compute(const char *text, char variable, int64_t value, int64_t *floor)
{
    if (strlen(text) > SGS_EXPRESSION_MAX_BYTES) {
        return SGS_EXPRESSION_SYNTAX;
    }
    reader r = {.at = text, .variable = variable, .value = value, .end = SGS_EXPRESSION_FINE};
    fraction result = read_sum(&r);
    if (peek(&r) != '\0') {
        fail(&r, SGS_EXPRESSION_SYNTAX);
    }
    if (r.end == SGS_EXPRESSION_FINE) {
        *floor = result.up / result.down - (result.up % result.down < 0);
    }
    return r.end;
}
