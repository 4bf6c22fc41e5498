/* Any text as an expression, at a value that the first four bytes give. Promises: whether it is one depends on the text
 * alone; blanks at its ends change nothing; in parentheses it has the same value. */
#include "../../src/grid/expression.h"
#include "fuzz.h"
#include <string.h>

enum { LONGEST = 200 };

static sgs_expression_end compute(const char *text, char variable, int64_t value, int64_t *result)
{
    *result = INT64_MIN;
    sgs_expression_end end = sgs_expression_compute(text, variable, value, result);
    PROMISE(end == SGS_EXPRESSION_FINE || *result == INT64_MIN, "a result of an error in '%s'\n", text);
    return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t bits = 0;
    int64_t first = 0, second = 0;
    char text[LONGEST + 1] = "", wrapped[LONGEST + 8];
    if (size < sizeof bits || size - sizeof bits > LONGEST)
        return 0;
    memcpy(&bits, data, sizeof bits);
    memcpy(text, data + sizeof bits, size - sizeof bits);
    char variable = bits >> 31 ? 'd' : 'n';
    int64_t value = bits & INT32_MAX;
    sgs_expression_end end = compute(text, variable, value, &first);
    bool syntax = compute(text, variable, 1, &second) == SGS_EXPRESSION_SYNTAX;
    PROMISE(syntax == (end == SGS_EXPRESSION_SYNTAX), "'%s' at %lld\n", text, (long long)value);
    if (strlen(text) + 2 > SGS_EXPRESSION_MAX_BYTES)
        return 0;
    (void)snprintf(wrapped, sizeof wrapped, " %s\t", text);
    PROMISE(compute(wrapped, variable, value, &second) == end && first == second, "blanks around '%s'\n", text);
    if (end == SGS_EXPRESSION_SYNTAX)
        return 0;
    (void)snprintf(wrapped, sizeof wrapped, "(%s)", text);
    PROMISE(compute(wrapped, variable, value, &second) == end && first == second, "parentheses around '%s'\n", text);
    return 0;
}
