/** @file value.c
 *  Typed values out of YAML nodes. Numbers are checked character by character before they are converted, so that
 *  hexadecimal, octal, "1_000", "nan" and trailing garbage never reach strtod. */
#include "value.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sgs_status sgs_value_fail(const sgs_reader *reader, const sgs_yaml_node *node, const char *format, ...)
{
    char text[SGS_ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return sgs_fail(reader->err, SGS_EINVAL, "%s:%d:%d: %s", reader->name, node->line, node->column, text);
}

sgs_status sgs_value_out_of_memory(const sgs_reader *reader)
{
    return sgs_fail(reader->err, SGS_ENOMEM, "%s: out of memory", reader->name);
}

const char *sgs_value_show(const sgs_yaml_node *node, char shown[SGS_VALUE_SHOWN_BYTES])
{
    const sgs_yaml_node *value = sgs_yaml_value(node);
    if (value->kind != SGS_YAML_SCALAR) {
        return value->kind == SGS_YAML_LIST ? "a list" : "a mapping";
    }
    if (!value->quoted && !*value->text) {
        return "nothing";
    }
    int limit = SGS_VALUE_SHOWN_BYTES - 8;
    int bytes = (int)strnlen(value->text, (size_t)limit + 1);
    bool cut = bytes > limit;
    if (cut) {
        for (bytes = limit; bytes > 0 && (value->text[bytes] & 0xc0) == 0x80;) {
            bytes--; /* not in the middle of a character */
        }
    }
    snprintf(shown, SGS_VALUE_SHOWN_BYTES, "\"%.*s%s\"", bytes, value->text, cut ? "..." : "");
    return shown;
}

/** Text of a scalar that is not in quotes, "" for everything else. */
static const char *plain_text(const sgs_yaml_node *node)
{
    const sgs_yaml_node *value = sgs_yaml_value(node);
    return value->kind == SGS_YAML_SCALAR && !value->quoted ? value->text : "";
}

/** In quotes or not: JSON has its words in quotes. */
bool sgs_value_is(const sgs_yaml_node *node, const char *text)
{
    const sgs_yaml_node *value = sgs_yaml_value(node);
    return value->kind == SGS_YAML_SCALAR && strcmp(value->text, text) == 0;
}

static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

sgs_status sgs_value_integer(const sgs_reader *reader, const sgs_yaml_node *node, const char *key,
                             const sgs_integer_range *range, int64_t *value)
{
    char shown[SGS_VALUE_SHOWN_BYTES];
    const char *text = plain_text(node);
    const char *number = *text == '-' ? text + 1 : text;
    size_t length = digits(number);
    if (length == 0 || number[length] || (*number == '0' && length > 1)) {
        return sgs_value_fail(
            reader, node, "%s: %s is not a whole number; accepted: %lld to %lld in plain decimal digits%s", key,
            sgs_value_show(node, shown), (long long)range->low, (long long)range->high, range->or_else);
    }
    /* 17 digits and more are beyond 2^53, the largest limit there is. */
    int64_t result = length > 16 ? INT64_MAX : strtoll(number, NULL, 10);
    if (*text == '-' || result < range->low || result > range->high) {
        return sgs_value_fail(reader, node, "%s: %s is out of range; accepted: %lld to %lld%s", key,
                              sgs_value_show(node, shown), (long long)range->low, (long long)range->high,
                              range->or_else);
    }
    *value = result;
    return SGS_OK;
}

/** [-]digits[.digits][e[+-]digits] with at least one digit before the exponent, and nothing else. */
static bool is_decimal(const char *text)
{
    text += *text == '-';
    size_t before = digits(text);
    text += before;
    size_t after = 0;
    if (*text == '.') {
        after = digits(text + 1);
        text += 1 + after;
    }
    if (before + after == 0) {
        return false;
    }
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '-' || *text == '+';
        size_t exponent = digits(text);
        if (exponent == 0) {
            return false;
        }
        text += exponent;
    }
    return *text == '\0';
}

sgs_status sgs_value_number(const sgs_reader *reader, const sgs_yaml_node *node, const char *key,
                            const sgs_number_range *range, double *value)
{
    char shown[SGS_VALUE_SHOWN_BYTES];
    const char *text = plain_text(node);
    if (!is_decimal(text)) {
        return sgs_value_fail(reader, node, "%s: %s is not a number; accepted: a decimal number, %g to %g", key,
                              sgs_value_show(node, shown), range->low, range->high);
    }
    double result = strtod(text, NULL);
    bool negative = *text == '-' && range->low >= 0; /* -0 too */
    if (negative || !(result >= range->low && result <= range->high)) {
        return sgs_value_fail(reader, node, "%s: %s is out of range; accepted: a decimal number, %g to %g", key,
                              sgs_value_show(node, shown), range->low, range->high);
    }
    *value = result;
    return SGS_OK;
}

/** Add ", name" to a list of names, cut at its size. */
static void list_name(char *list, size_t size, const char *name)
{
    size_t used = strlen(list);
    snprintf(list + used, size - used, "%s%s", used ? ", " : "", name);
}

sgs_status sgs_value_choice(const sgs_reader *reader, const sgs_yaml_node *node, const char *key,
                            const sgs_choice *choices, int count, int *chosen)
{
    char accepted[256] = "";
    const char *wrong = "is not known";
    const sgs_yaml_node *value = sgs_yaml_value(node);
    for (int i = 0; i < count; i++) {
        bool here = value->kind == SGS_YAML_SCALAR && strcmp(value->text, choices[i].name) == 0;
        if (here && choices[i].available) {
            *chosen = i;
            return SGS_OK;
        }
        wrong = here ? "is not available yet" : wrong;
        if (choices[i].available) {
            list_name(accepted, sizeof accepted, choices[i].name);
        }
    }
    char shown[SGS_VALUE_SHOWN_BYTES];
    return sgs_value_fail(reader, node, "%s: %s %s; accepted: %s", key, sgs_value_show(node, shown), wrong, accepted);
}

/** Position of a key node's text in keys, or -1. */
static int key_position(const sgs_yaml_node *node, const char *const *keys, int count)
{
    const sgs_yaml_node *value = sgs_yaml_value(node);
    for (int i = 0; i < count && value->kind == SGS_YAML_SCALAR; i++) {
        if (strcmp(value->text, keys[i]) == 0) {
            return i;
        }
    }
    return -1;
}

static sgs_status fail_key(const sgs_reader *reader, const sgs_yaml_node *node, const char *wrong,
                           const char *const *keys, int count)
{
    char shown[SGS_VALUE_SHOWN_BYTES];
    char accepted[256] = "";
    for (int i = 0; i < count; i++) {
        list_name(accepted, sizeof accepted, keys[i]);
    }
    return sgs_value_fail(reader, node, "%s: %s; accepted: %s", wrong, sgs_value_show(node, shown), accepted);
}

sgs_status sgs_value_keys(const sgs_reader *reader, const sgs_yaml_node *map, const char *key, const char *const *keys,
                          int count, const sgs_yaml_node **found)
{
    for (int i = 0; i < count; i++) {
        found[i] = NULL;
    }
    const sgs_yaml_node *value = sgs_yaml_value(map);
    if (value->kind != SGS_YAML_MAP) {
        char wrong[SGS_VALUE_SHOWN_BYTES];
        snprintf(wrong, sizeof wrong, "%s is not a mapping of keys", key);
        return fail_key(reader, map, wrong, keys, count);
    }
    for (const sgs_yaml_node *name = value->first; name && name->next; name = name->next->next) {
        int at = key_position(name, keys, count);
        if (at < 0) {
            char wrong[SGS_VALUE_SHOWN_BYTES];
            snprintf(wrong, sizeof wrong, "%s has an unknown key", key);
            return fail_key(reader, name, wrong, keys, count);
        }
        if (found[at]) {
            return fail_key(reader, name, "key given twice", keys, count);
        }
        found[at] = name->next;
    }
    return SGS_OK;
}

sgs_items sgs_items_of(const sgs_yaml_node *node)
{
    const sgs_yaml_node *value = sgs_yaml_value(node);
    bool list = value->kind == SGS_YAML_LIST;
    return (sgs_items){.next = list ? value->first : node, .single = !list};
}

const sgs_yaml_node *sgs_items_next(sgs_items *items)
{
    const sgs_yaml_node *item = items->next;
    if (item) {
        items->next = items->single ? NULL : item->next;
    }
    return item;
}

int64_t sgs_items_count(const sgs_yaml_node *node)
{
    const sgs_yaml_node *value = sgs_yaml_value(node);
    return value->kind == SGS_YAML_LIST ? value->count : 1;
}

const sgs_yaml_node *sgs_items_at(const sgs_yaml_node *node, int64_t index)
{
    sgs_items items = sgs_items_of(node);
    const sgs_yaml_node *item = sgs_items_next(&items);
    for (int64_t i = 0; i < index && item; i++) {
        item = sgs_items_next(&items);
    }
    return item ? item : node;
}

sgs_status sgs_items_check(const sgs_reader *reader, const sgs_yaml_node *node, const char *key)
{
    return sgs_items_count(node) > 0
               ? SGS_OK
               : sgs_value_fail(reader, node, "%s: an empty list; accepted: one value or a list of values", key);
}
