/** @file yaml.c
 *  Events of libfyaml -> tree of nodes. The open lists and maps form a stack of at most SGS_YAML_MAX_DEPTH entries;
 * every node is also on one list of all nodes, by which the tree is freed. */
#include "yaml.h"
#include "text.h"

#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

typedef struct anchor {
    char *name;
    const sgs_yaml_node *node; /**< a complete value */
} anchor;

typedef struct builder {
    sgs_yaml *yaml;
    const char *name;
    sgs_error *err;
    sgs_yaml_node *open[SGS_YAML_MAX_DEPTH];
    char *open_anchor[SGS_YAML_MAX_DEPTH]; /**< owned; registered when the value is complete */
    int depth;
    int documents;
    int line, column; /**< of the event at hand, or of the last one that had a place */
    anchor *anchors;
    int anchor_count;
} builder;

static sgs_status fail_at(builder *b, const char *what)
{
    return sgs_fail(b->err, SGS_EINVAL, "%s:%d:%d: %s", b->name, b->line, b->column, what);
}

static sgs_status out_of_memory(builder *b)
{
    return sgs_fail(b->err, SGS_ENOMEM, "%s: out of memory", b->name);
}

const sgs_yaml_node *sgs_yaml_value(const sgs_yaml_node *node)
{
    return node->target ? node->target : node;
}

/** A node at the place of the event at hand; NULL and why if there cannot be one. */
static sgs_yaml_node *new_node(builder *b, sgs_yaml_kind kind, sgs_status *status)
{
    if (b->yaml->nodes >= SGS_YAML_MAX_NODES) {
        *status = sgs_fail(b->err, SGS_EINVAL, "%s:%d:%d: too many values; accepted: at most %d in a file", b->name,
                           b->line, b->column, (int)SGS_YAML_MAX_NODES);
        return NULL;
    }
    sgs_yaml_node *node = calloc(1, sizeof *node);
    if (!node) {
        *status = out_of_memory(b);
        return NULL;
    }
    *node = (sgs_yaml_node){.kind = kind, .line = b->line, .column = b->column, .allocated = b->yaml->all};
    b->yaml->all = node;
    b->yaml->nodes++;
    *status = SGS_OK;
    return node;
}

/** Put a node where it belongs: the root, or the last of the list or map that is open. */
static void attach(builder *b, sgs_yaml_node *node)
{
    if (b->depth == 0) {
        b->yaml->root = node;
        return;
    }
    sgs_yaml_node *parent = b->open[b->depth - 1];
    if (parent->last) {
        parent->last->next = node;
    } else {
        parent->first = node;
    }
    parent->last = node;
    parent->count++;
}

/** Register a complete value under its anchor; takes ownership of name (may be NULL). */
static sgs_status add_anchor(builder *b, char *name, const sgs_yaml_node *node)
{
    if (!name) {
        return SGS_OK;
    }
    if (b->anchor_count >= SGS_YAML_MAX_ANCHORS) {
        free(name);
        return fail_at(b, "too many anchors; accepted: at most 1000 in a file");
    }
    if (!b->anchors) {
        b->anchors = calloc(SGS_YAML_MAX_ANCHORS, sizeof *b->anchors);
    }
    if (!b->anchors) {
        free(name);
        return out_of_memory(b);
    }
    b->anchors[b->anchor_count++] = (anchor){.name = name, .node = node};
    return SGS_OK;
}

static sgs_status copy_token(builder *b, struct fy_token *token, char **copy)
{
    size_t length = 0;
    const char *text = fy_token_get_text(token, &length);
    *copy = text ? sgs_text_copy(text, length) : sgs_text_copy("", 0);
    return *copy ? SGS_OK : out_of_memory(b);
}

static sgs_status copy_anchor(builder *b, struct fy_token *token, char **copy)
{
    *copy = NULL;
    return token ? copy_token(b, token, copy) : SGS_OK;
}

static sgs_status on_scalar(builder *b, const struct fy_event_scalar_data *scalar)
{
    sgs_status status = SGS_OK;
    sgs_yaml_node *node = new_node(b, SGS_YAML_SCALAR, &status);
    if (!node) {
        return status;
    }
    enum fy_scalar_style style = fy_token_scalar_style(scalar->value);
    node->quoted = style != FYSS_PLAIN && style != FYSS_ANY;
    if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) {
        node->column--; /* the library's mark is behind the quote */
    }
    status = copy_token(b, scalar->value, &node->text);
    if (status) {
        return status;
    }
    attach(b, node);
    char *name = NULL;
    status = copy_anchor(b, scalar->anchor, &name);
    return status ? status : add_anchor(b, name, node);
}

static sgs_status on_alias(builder *b, struct fy_token *token)
{
    char *name = NULL;
    sgs_status status = copy_token(b, token, &name);
    if (status) {
        return status;
    }
    const sgs_yaml_node *target = NULL;
    for (int i = b->anchor_count - 1; i >= 0 && !target; i--) { /* the last of equal names holds */
        target = strcmp(b->anchors[i].name, name) == 0 ? b->anchors[i].node : NULL;
    }
    if (!target) {
        status = sgs_fail(b->err, SGS_EINVAL,
                          "%s:%d:%d: alias \"*%.60s\" has no anchor; accepted: one that is complete "
                          "before it",
                          b->name, b->line, b->column, name);
    }
    free(name);
    sgs_yaml_node *node = target ? new_node(b, SGS_YAML_SCALAR, &status) : NULL;
    if (!node) {
        return status;
    }
    node->target = target;
    attach(b, node);
    return SGS_OK;
}

static sgs_status on_open(builder *b, sgs_yaml_kind kind, struct fy_token *anchor_token)
{
    if (b->depth >= SGS_YAML_MAX_DEPTH) {
        return fail_at(b, "nested too deeply; accepted: at most 16 levels");
    }
    sgs_status status = SGS_OK;
    sgs_yaml_node *node = new_node(b, kind, &status);
    char *name = NULL;
    status = node ? copy_anchor(b, anchor_token, &name) : status;
    if (status) {
        return status;
    }
    attach(b, node);
    b->open[b->depth] = node;
    b->open_anchor[b->depth] = name;
    b->depth++;
    return SGS_OK;
}

static sgs_status on_close(builder *b)
{
    if (b->depth == 0) {
        return fail_at(b, "not a YAML document");
    }
    b->depth--;
    sgs_yaml_node *node = b->open[b->depth];
    if (node->kind == SGS_YAML_MAP) {
        node->count /= 2;
    }
    char *name = b->open_anchor[b->depth];
    b->open_anchor[b->depth] = NULL;
    return add_anchor(b, name, node);
}

static struct fy_token *tag_of(const struct fy_event *event)
{
    switch (event->type) {
    case FYET_SCALAR:
        return event->scalar.tag;
    case FYET_SEQUENCE_START:
        return event->sequence_start.tag;
    case FYET_MAPPING_START:
        return event->mapping_start.tag;
    default:
        return NULL;
    }
}

static sgs_status fail_tag(builder *b, struct fy_token *tag)
{
    char *text = NULL;
    sgs_status status = copy_token(b, tag, &text);
    if (!status) {
        status = sgs_fail(b->err, SGS_EINVAL, "%s:%d:%d: a tag, \"%.60s\"; accepted: values without \"!\" tags",
                          b->name, b->line, b->column, text);
    }
    free(text);
    return status;
}

static sgs_status on_event(builder *b, struct fy_event *event)
{
    const struct fy_mark *mark = fy_event_start_mark(event);
    if (mark) {
        b->line = mark->line + 1;
        b->column = mark->column + 1;
    }
    if (tag_of(event)) {
        return fail_tag(b, tag_of(event));
    }
    switch (event->type) {
    case FYET_DOCUMENT_START:
        return b->documents++ ? fail_at(b, "a second document; accepted: one document in a file") : SGS_OK;
    case FYET_SCALAR:
        return on_scalar(b, &event->scalar);
    case FYET_ALIAS:
        return on_alias(b, event->alias.anchor);
    case FYET_SEQUENCE_START:
        return on_open(b, SGS_YAML_LIST, event->sequence_start.anchor);
    case FYET_MAPPING_START:
        return on_open(b, SGS_YAML_MAP, event->mapping_start.anchor);
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        return on_close(b);
    default:
        return SGS_OK;
    }
}

/** The library prints what it finds unless somebody takes it; the collected errors say the same. */
static void discard(struct fy_diag *diag, void *user, const char *text, size_t size)
{
    (void)diag;
    (void)user;
    (void)text;
    (void)size;
}

static struct fy_diag *new_diag(void)
{
    struct fy_diag_cfg config;
    fy_diag_cfg_default(&config);
    config.fp = NULL;
    config.output_fn = discard;
    struct fy_diag *diag = fy_diag_create(&config);
    if (diag) {
        fy_diag_set_collect_errors(diag, true);
    }
    return diag;
}

static sgs_status fail_as_diagnosed(builder *b, struct fy_diag *diag)
{
    void *at = NULL;
    const struct fy_diag_error *found = fy_diag_errors_iterate(diag, &at);
    if (!found) {
        return fail_at(b, "not YAML");
    }
    b->line = found->line > 0 ? found->line : b->line;
    b->column = found->column > 0 ? found->column : b->column;
    return sgs_fail(b->err, SGS_EINVAL, "%s:%d:%d: not YAML: %.200s", b->name, b->line, b->column, found->msg);
}

static sgs_status take_events(builder *b, struct fy_parser *parser, struct fy_diag *diag)
{
    sgs_status status = SGS_OK;
    struct fy_event *event = NULL;
    while (!status && (event = fy_parser_parse(parser)) != NULL) {
        status = on_event(b, event);
        fy_parser_event_free(parser, event);
    }
    if (!status && (fy_parser_get_stream_error(parser) || fy_diag_got_error(diag))) {
        status = fail_as_diagnosed(b, diag);
    }
    if (!status && !b->yaml->root) {
        b->line = b->column = 1;
        status = fail_at(b, "an empty file; accepted: a grid file with dimension, batch_size, step_size, seed");
    }
    return status;
}

static void clear_builder(builder *b)
{
    for (int i = 0; i < b->depth; i++) {
        free(b->open_anchor[i]);
    }
    for (int i = 0; i < b->anchor_count; i++) {
        free(b->anchors[i].name);
    }
    free(b->anchors);
}

sgs_status sgs_yaml_parse(sgs_yaml *yaml, const char *text, size_t size, const char *name, sgs_error *err)
{
    *yaml = (sgs_yaml){0};
    builder b = {.yaml = yaml, .name = name, .err = err, .line = 1, .column = 1};
    struct fy_parser *parser = NULL;
    sgs_status status = SGS_OK;
    struct fy_diag *diag = new_diag();
    if (!diag) {
        return out_of_memory(&b);
    }
    struct fy_parse_cfg config = {.flags = FYPCF_QUIET | FYPCF_JSON_NONE, .diag = diag};
    parser = fy_parser_create(&config);
    if (!parser || fy_parser_set_string(parser, text, size)) {
        status = out_of_memory(&b);
        goto out;
    }
    status = take_events(&b, parser, diag);
out:
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    clear_builder(&b);
    return status;
}

void sgs_yaml_clear(sgs_yaml *yaml)
{
    for (sgs_yaml_node *node = yaml->all; node;) {
        sgs_yaml_node *before = node->allocated;
        free(node->text);
        free(node);
        node = before;
    }
    *yaml = (sgs_yaml){0};
}
