/* SPDX-License-Identifier: Apache-2.0 */
/* The one place where JSON is parsed; nobody but fields.c includes it. */
#ifndef CBSFS_FIELDS_LOAD_H
#define CBSFS_FIELDS_LOAD_H

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Parses JSON. `free_with` is what the parser's own copies are freed with; NULL: as always.
 * 0 with a new reference in *document, or with NULL there and the reason in *error; or -ENOMEM,
 * and then *error says nothing.
 */
int fields_load(const char *text, size_t length, json_free_t free_with, json_t **document,
                json_error_t *error);

struct fields_memory;

/* The same in memory of its own, which comes with the document and is all that is to be freed. */
int fields_load_apart(const char *text, size_t length, struct fields_memory **memory,
                      json_t **document, json_error_t *error);

#endif
