/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A YAML text (JSON is YAML too) as a tree of mappings and texts, for clouds.yaml.
 *
 * Aliases are shared and not copied, and every walk is bounded, so that neither a cycle nor a
 * "billion laughs" costs more than its text; what nests deeper than any clouds.yaml is refused. The
 * texts hold secrets: they are overwritten at the end, and so is what the parser copied.
 */
#ifndef CBSFS_APP_OPENSTACK_YAML_H
#define CBSFS_APP_OPENSTACK_YAML_H

#include <stddef.h>

struct openstack_yaml;

/* 0; -ENOMEM; or -EINVAL with the line number and what is wrong there (nothing of the text) in
 * `reason`. An empty text has an empty tree. */
int openstack_yaml_parse(const char *text, size_t length, struct openstack_yaml **yaml,
                         char *reason, size_t reason_size);
/* Overwrites the texts. Harmless on NULL. */
void openstack_yaml_free(struct openstack_yaml *yaml);

/* Nodes are numbers; 0 is none, and a member of none is none. */
int openstack_yaml_root(struct openstack_yaml *yaml);

/* The value of the mapping's key: its own (the last of several), or what it merges with `<<`. */
int openstack_yaml_member(struct openstack_yaml *yaml, int mapping, const char *key);

/* The mapping's own key at a position, borrowed; NULL behind the last; "" for what is no text. */
const char *openstack_yaml_key(struct openstack_yaml *yaml, int mapping, size_t position);

/* The text of a node, numbers and booleans as they are written, borrowed; NULL for none, for null,
 * for an empty text, for what is no text and for one with a NUL. */
const char *openstack_yaml_text(struct openstack_yaml *yaml, int node);

#endif
