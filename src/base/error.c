/** @file error.c
 *  Error text owned by the caller. The text is one line: control characters that come in with the input's own words
 *  are replaced, and a text that is too long is cut, never overrun. */
#include "sgdsweep/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/** An error is one line in a log or on a terminal, whatever the input had in it. */
static void make_one_line(char *text)
{
    for (char *c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = ' ';
        }
    }
}

static void format_into(char *text, size_t size, const char *format, va_list arguments)
{
    if (vsnprintf(text, size, format, arguments) < 0) {
        snprintf(text, size, "(an error text that cannot be formatted: \"%s\")", format);
    }
    make_one_line(text);
}

/** Put more behind text, cut at SGS_ERROR_TEXT_BYTES. */
static void append(char *text, const char *more)
{
    size_t used = strlen(text);
    size_t size = strnlen(more, SGS_ERROR_TEXT_BYTES - 1 - used);
    memcpy(text + used, more, size);
    text[used + size] = '\0';
}

sgs_status sgs_fail(sgs_error *err, sgs_status status, const char *format, ...)
{
    if (err) {
        /* Through a copy: an argument may be err->text itself. */
        char text[SGS_ERROR_TEXT_BYTES];
        va_list arguments;
        va_start(arguments, format);
        format_into(text, sizeof text, format, arguments);
        va_end(arguments);
        memcpy(err->text, text, sizeof text);
    }
    return status;
}

sgs_status sgs_fail_in(sgs_error *err, sgs_status status, const char *format, ...)
{
    if (err) {
        char text[SGS_ERROR_TEXT_BYTES];
        va_list arguments;
        va_start(arguments, format);
        format_into(text, sizeof text, format, arguments);
        va_end(arguments);
        append(text, ": ");
        append(text, err->text);
        memcpy(err->text, text, sizeof text);
    }
    return status;
}

int sgs_exit_code(sgs_status status)
{
    switch (status) {
    case SGS_OK:
        return SGS_EXIT_COMPLETE;
    case SGS_STOPPED:
        return SGS_EXIT_STOPPED;
    case SGS_EINVAL:
        return SGS_EXIT_USAGE;
    case SGS_EDAMAGED:
        return SGS_EXIT_DAMAGED;
    case SGS_EEXIST:
    case SGS_ERANGE:
    case SGS_ENOMEM:
    case SGS_EIO:
    case SGS_EFAIL:
        break;
    }
    return SGS_EXIT_FAILURE;
}
