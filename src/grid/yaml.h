/** @file yaml.h
 *  A YAML document as a small tree with the place of every value, built from libfyaml's events (its document tree does
 *  not tell where lists and mappings begin).
 *
 *  Bounded whatever the input: an alias is a reference, never a copy, and may only name a value that is complete, so
 * the tree has no cycles and expanding bombs stay as small as their text; depth, number of values and anchors are
 * limited. */
#ifndef SGDSWEEP_GRID_YAML_H
#define SGDSWEEP_GRID_YAML_H

#include "sgdsweep/base.h"

enum { SGS_YAML_MAX_DEPTH = 16, SGS_YAML_MAX_NODES = 2000000, SGS_YAML_MAX_ANCHORS = 1000 };
enum { SGS_YAML_MAX_BYTES = 16 * 1024 * 1024 };

typedef enum sgs_yaml_kind { SGS_YAML_SCALAR, SGS_YAML_LIST, SGS_YAML_MAP } sgs_yaml_kind;

typedef struct sgs_yaml_node sgs_yaml_node;
struct sgs_yaml_node {
    sgs_yaml_kind kind;
    bool quoted;                 /**< scalar in quotes or a block: a text, never a number */
    int line, column;            /**< of its first character, from 1; columns count characters. An empty value
                                      has the place of what stands before it, its key */
    int64_t count;               /**< items of a list, pairs of a map */
    char *text;                  /**< of a scalar, NUL-terminated; else NULL */
    const sgs_yaml_node *target; /**< of an alias: the value that it stands for; else NULL */
    sgs_yaml_node *first, *last; /**< items, or key, value, key, value, ... */
    sgs_yaml_node *next;         /**< sibling */
    sgs_yaml_node *allocated;    /**< the node made before this one */
};

typedef struct sgs_yaml {
    sgs_yaml_node *root; /**< NULL before a successful parse */
    sgs_yaml_node *all;
    int64_t nodes;
} sgs_yaml;

/** Parse one document. yaml need not be initialised; clear it after success and failure alike.
 *  @param[in] name  stands for the file in error texts
 *  @return SGS_OK; SGS_EINVAL: "NAME:LINE:COLUMN: ..."; SGS_ENOMEM */
sgs_status sgs_yaml_parse(sgs_yaml *yaml, const char *text, size_t size, const char *name, sgs_error *err);
void sgs_yaml_clear(sgs_yaml *yaml);

/** The value itself: what an alias stands for, any other node unchanged. */
const sgs_yaml_node *sgs_yaml_value(const sgs_yaml_node *node);

#endif
