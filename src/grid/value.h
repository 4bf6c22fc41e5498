/** @file value.h
 *  Typed values out of YAML nodes, and the one way in which a grid file is refused:
 *  "FILE:LINE:COLUMN: key: the value, what is wrong; accepted: ...", SGS_EINVAL. */
#ifndef SGDSWEEP_GRID_VALUE_H
#define SGDSWEEP_GRID_VALUE_H

#include "yaml.h"

typedef struct sgs_reader {
    const char *name; /**< of the file */
    sgs_error *err;
} sgs_reader;

/** Refuse at a node. */
sgs_status sgs_value_fail(const sgs_reader *reader, const sgs_yaml_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

sgs_status sgs_value_out_of_memory(const sgs_reader *reader);

enum { SGS_VALUE_SHOWN_BYTES = 64 };

/** A node in words: the text in quotes (cut), "a list", "a mapping", "nothing". Returns shown. */
const char *sgs_value_show(const sgs_yaml_node *node, char shown[SGS_VALUE_SHOWN_BYTES]);

/** A plain scalar with this text (not in quotes)? */
bool sgs_value_is(const sgs_yaml_node *node, const char *text);

/** A whole number in decimal digits, low .. high. */
typedef struct sgs_integer_range {
    int64_t low, high;
    const char *or_else; /**< added to what is accepted (", or auto"); "" for nothing */
} sgs_integer_range;
sgs_status sgs_value_integer(const sgs_reader *reader, const sgs_yaml_node *node, const char *key,
                             const sgs_integer_range *range, int64_t *value);

/** A decimal number, low .. high; the double nearest to what is written. */
typedef struct sgs_number_range {
    double low, high;
} sgs_number_range;
sgs_status sgs_value_number(const sgs_reader *reader, const sgs_yaml_node *node, const char *key,
                            const sgs_number_range *range, double *value);

/** One of count names. The model knows all of them, this version of the program does the available ones. */
typedef struct sgs_choice {
    const char *name;
    bool available;
} sgs_choice;
sgs_status sgs_value_choice(const sgs_reader *reader, const sgs_yaml_node *node, const char *key,
                            const sgs_choice *choices, int count, int *chosen);

/** Sort the values of a map by its keys: found[i] is the value of keys[i] or NULL. Refuses what is not a map, unknown
 * keys and keys given twice. */
sgs_status sgs_value_keys(const sgs_reader *reader, const sgs_yaml_node *map, const char *key, const char *const *keys,
                          int count, const sgs_yaml_node **found);

/** Walk over the values of a list, or over the one value that stands there instead of a list. */
typedef struct sgs_items {
    const sgs_yaml_node *next;
    bool single;
} sgs_items;
sgs_items sgs_items_of(const sgs_yaml_node *node);
const sgs_yaml_node *sgs_items_next(sgs_items *items);
int64_t sgs_items_count(const sgs_yaml_node *node);

/** The index-th value of that walk; the node itself where there is none (a range). For error places. */
const sgs_yaml_node *sgs_items_at(const sgs_yaml_node *node, int64_t index);

/** SGS_EINVAL for an empty list. */
sgs_status sgs_items_check(const sgs_reader *reader, const sgs_yaml_node *node, const char *key);

#endif
