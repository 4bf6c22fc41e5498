/** @file text.h
 *  What may be a grid file at all, before a YAML parser sees it. */
#ifndef SGDSWEEP_GRID_TEXT_H
#define SGDSWEEP_GRID_TEXT_H

#include "sgdsweep/base.h"

enum { SGS_TEXT_MAX_BRACKETS = 1000 };

/** Refuse texts above 16 MiB, control characters and bytes that are not UTF-8, with line and column; also texts with
 * more than SGS_TEXT_MAX_BRACKETS brackets open at one place, which the YAML library would queue in gigabytes before it
 * hands out the first.
 *  @return SGS_OK; SGS_EINVAL */
sgs_status sgs_text_check(const char *text, size_t size, const char *name, sgs_error *err);

/** A NUL-terminated copy of the first size bytes of a text that need not end there; NULL without memory. The caller
 * frees it. Not strndup, which may look for the text's end beyond. */
char *sgs_text_copy(const char *text, size_t size);

#endif
