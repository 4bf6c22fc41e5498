/** @file expression.h
 *  The expressions of a grid file: whole numbers and one variable (d or n) joined by + - * / and parentheses, computed
 *  exactly with fractions and rounded down once, at the end. */
#ifndef SGDSWEEP_GRID_EXPRESSION_H
#define SGDSWEEP_GRID_EXPRESSION_H

#include "sgdsweep/base.h"

enum { SGS_EXPRESSION_MAX_BYTES = 60, SGS_EXPRESSION_MAX_NUMBER = 2147483647 };

typedef enum sgs_expression_end {
    SGS_EXPRESSION_FINE,
    SGS_EXPRESSION_SYNTAX,   /**< not an expression in this variable, whatever its value */
    SGS_EXPRESSION_BY_ZERO,  /**< divides by zero at this value */
    SGS_EXPRESSION_TOO_LARGE /**< a numerator or denominator leaves 64 bits at this value */
} sgs_expression_end;

/** Compute text at variable = value (0 <= value <= SGS_EXPRESSION_MAX_NUMBER). Blanks between the parts are allowed.
 *  @param[out] floor  the exact result rounded down; only if SGS_EXPRESSION_FINE */
sgs_expression_end sgs_expression_compute(const char *text, char variable, int64_t value, int64_t *floor);

#endif
