/** @file text.c
 *  Text check: UTF-8 (no surrogates, shortest form) without control characters but tab, line feed, carriage return. */
#include "text.h"

#include "yaml.h"
#include <stdlib.h>
#include <string.h>

/** Length of the UTF-8 sequence at bytes, 0 if it is none. */
static size_t utf8_length(const unsigned char *bytes, size_t left)
{
    if (bytes[0] < 0x80) {
        return 1;
    }
    size_t length = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
    if (bytes[0] < 0xc2 || bytes[0] > 0xf4 || length > left) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (bytes[0] == 0xe0 && bytes[1] < 0xa0) || (bytes[0] == 0xf0 && bytes[1] < 0x90);
    bool surrogate = bytes[0] == 0xed && bytes[1] >= 0xa0;
    bool beyond = bytes[0] == 0xf4 && bytes[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : length;
}

static bool is_control(unsigned char c)
{
    return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
}

/** Brackets open behind c. Those in comments and quotes count too: far from the limit they do no harm. */
static int open_brackets(int open, unsigned char c)
{
    if (c == '[' || c == '{') {
        return open + 1;
    }
    return (c == ']' || c == '}') && open > 0 ? open - 1 : open;
}

sgs_status sgs_text_check(const char *text, size_t size, const char *name, sgs_error *err)
{
    if (size > SGS_YAML_MAX_BYTES) {
        return sgs_fail(err, SGS_EINVAL, "%s:1:1: a grid file of %zu bytes; accepted: at most %d bytes", name, size,
                        (int)SGS_YAML_MAX_BYTES);
    }
    int line = 1;
    int column = 1;
    int open = 0;
    const unsigned char *bytes = (const unsigned char *)text;
    for (size_t i = 0; i < size;) {
        size_t length = utf8_length(bytes + i, size - i);
        if (length == 0 || is_control(bytes[i])) {
            return sgs_fail(err, SGS_EINVAL, "%s:%d:%d: byte 0x%02x is no text; accepted: a YAML file in UTF-8", name,
                            line, column, bytes[i]);
        }
        open = open_brackets(open, bytes[i]);
        if (open > SGS_TEXT_MAX_BRACKETS) {
            return sgs_fail(err, SGS_EINVAL, "%s:%d:%d: brackets nested too deeply; accepted: at most %d levels", name,
                            line, column, (int)SGS_YAML_MAX_DEPTH);
        }
        column++;
        if (bytes[i] == '\n') {
            line++;
            column = 1;
        }
        i += length;
    }
    return SGS_OK;
}

char *sgs_text_copy(const char *text, size_t size)
{
    char *copy = malloc(size + 1);
    if (copy) {
        memcpy(copy, text, size);
        copy[size] = '\0';
    }
    return copy;
}
