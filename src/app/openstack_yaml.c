/* SPDX-License-Identifier: Apache-2.0 */
#include "openstack_yaml.h"

#include "cbsfs/wipe.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define MERGE_DEPTH 8
#define MERGE_STEPS 1000 /* mappings that one look-up may go through */
#define DEPTH_MAX   64   /* the parser's time grows with the square of either */
#define ANCHORS_MAX 1000

struct openstack_yaml {
    yaml_document_t document;
};

/* libyaml calls these by their exported names, so that a program may put its own in their place:
 * its copies of a password are overwritten before they are freed. */
void yaml_free(void *memory);
void *yaml_realloc(void *memory, size_t size);

void yaml_free(void *memory)
{
    wipe_free(memory);
}

void *yaml_realloc(void *memory, size_t size)
{
    return wipe_realloc(memory, size);
}

static int explain(const yaml_parser_t *parser, char *reason, size_t size)
{
    if (parser->error == YAML_MEMORY_ERROR) {
        snprintf(reason, size, "out of memory");
        return -ENOMEM;
    }
    /* A reader's error has no mark, only a position. */
    size_t line =
        parser->error == YAML_READER_ERROR ? parser->mark.line : parser->problem_mark.line;
    snprintf(reason, size, "line %zu: %s", line + 1,
             parser->problem != NULL ? parser->problem : "not YAML");
    return -EINVAL;
}

/* What an event adds to the nesting. */
static int step_of(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return 1;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return -1;
    default:
        return 0;
    }
}

static bool has_anchor(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor != NULL;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor != NULL;
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor != NULL;
    default:
        return event->type == YAML_ALIAS_EVENT;
    }
}

/* Goes through the text once without keeping anything of it. */
static int check_shape(const char *text, size_t length, char *reason, size_t size)
{
    yaml_parser_t parser;
    yaml_event_t event;
    int depth = 0, anchors = 0, status = 0;
    bool ended = false;

    if (!yaml_parser_initialize(&parser)) {
        snprintf(reason, size, "out of memory");
        return -ENOMEM;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    while (status == 0 && !ended) {
        if (!yaml_parser_parse(&parser, &event)) {
            status = explain(&parser, reason, size);
            break;
        }
        depth += step_of(&event);
        anchors += has_anchor(&event);
        /* What stands behind the first document does not count. */
        ended = event.type == YAML_STREAM_END_EVENT || event.type == YAML_DOCUMENT_END_EVENT;
        if (depth > DEPTH_MAX || anchors > ANCHORS_MAX) {
            snprintf(reason, size, "line %zu: too many %s", event.start_mark.line + 1,
                     depth > DEPTH_MAX ? "levels" : "anchors");
            status = -EINVAL;
        }
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return status;
}

int openstack_yaml_parse(const char *text, size_t length, struct openstack_yaml **yaml,
                         char *reason, size_t reason_size)
{
    yaml_parser_t parser;
    *yaml = NULL;
    int status = check_shape(text, length, reason, reason_size);
    if (status < 0)
        return status;
    struct openstack_yaml *made = calloc(1, sizeof *made);
    if (made == NULL || !yaml_parser_initialize(&parser)) {
        free(made);
        snprintf(reason, reason_size, "out of memory");
        return -ENOMEM;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    if (yaml_parser_load(&parser, &made->document)) {
        *yaml = made;
    } else {
        status = explain(&parser, reason, reason_size);
        free(made);
    }
    yaml_parser_delete(&parser);
    return status;
}

void openstack_yaml_free(struct openstack_yaml *yaml)
{
    if (yaml == NULL)
        return;
    yaml_document_delete(&yaml->document);
    free(yaml);
}

int openstack_yaml_root(struct openstack_yaml *yaml)
{
    return yaml_document_get_root_node(&yaml->document) != NULL ? 1 : 0;
}

static yaml_node_t *node_of(struct openstack_yaml *yaml, int node, yaml_node_type_t type)
{
    yaml_node_t *found = node > 0 ? yaml_document_get_node(&yaml->document, node) : NULL;
    return found != NULL && found->type == type ? found : NULL;
}

static bool is_text(struct openstack_yaml *yaml, int node, const char *text)
{
    const yaml_node_t *found = node_of(yaml, node, YAML_SCALAR_NODE);
    size_t length = strlen(text);
    return found != NULL && found->data.scalar.length == length &&
           memcmp(found->data.scalar.value, text, length) == 0;
}

static int find_own(struct openstack_yaml *yaml, const yaml_node_t *mapping, const char *key)
{
    int value = 0;
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++)
        if (is_text(yaml, pair->key, key))
            value = pair->value;
    return value;
}

static int find(struct openstack_yaml *yaml, int mapping, const char *key, unsigned depth,
                unsigned *steps)
{
    const yaml_node_t *found = node_of(yaml, mapping, YAML_MAPPING_NODE);
    if (found == NULL || depth > MERGE_DEPTH || ++*steps > MERGE_STEPS)
        return 0;
    int value = find_own(yaml, found, key);
    int merged = value == 0 ? find_own(yaml, found, "<<") : 0;
    if (merged == 0)
        return value;
    const yaml_node_t *several = node_of(yaml, merged, YAML_SEQUENCE_NODE);
    if (several == NULL)
        return find(yaml, merged, key, depth + 1, steps);
    for (const yaml_node_item_t *item = several->data.sequence.items.start;
         item < several->data.sequence.items.top && value == 0 && *steps <= MERGE_STEPS; item++)
        value = find(yaml, *item, key, depth + 1, steps);
    return value;
}

int openstack_yaml_member(struct openstack_yaml *yaml, int mapping, const char *key)
{
    unsigned steps = 0;
    return find(yaml, mapping, key, 0, &steps);
}

/* A node's text, as far as a C string can hold it. */
static const char *text_of(const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;
    return strlen(text) == node->data.scalar.length ? text : NULL;
}

const char *openstack_yaml_key(struct openstack_yaml *yaml, int mapping, size_t position)
{
    const yaml_node_t *found = node_of(yaml, mapping, YAML_MAPPING_NODE);
    if (found == NULL ||
        position >= (size_t)(found->data.mapping.pairs.top - found->data.mapping.pairs.start))
        return NULL;
    const yaml_node_t *key =
        node_of(yaml, found->data.mapping.pairs.start[position].key, YAML_SCALAR_NODE);
    const char *text = key != NULL ? text_of(key) : NULL;
    return text != NULL ? text : "";
}

const char *openstack_yaml_text(struct openstack_yaml *yaml, int node)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    const yaml_node_t *found = node_of(yaml, node, YAML_SCALAR_NODE);
    const char *text = found != NULL ? text_of(found) : NULL;
    if (text == NULL || *text == '\0')
        return NULL;
    if (found->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++)
            if (strcmp(text, nulls[i]) == 0)
                return NULL;
    return text;
}
