/* SPDX-License-Identifier: Apache-2.0 */
/* Answers as the tester wrote them: the faults "body" and "edit". */
#ifndef CBSFS_SIM_SPOIL_H
#define CBSFS_SIM_SPOIL_H

#include <jansson.h>
#include <stddef.h>

#include "cbsfs/buffer.h"

/* Checks the members of a fault. 0, or -EINVAL with a readable reason. */
int spoil_check_body(const json_t *fault, char *reason, size_t reason_size);
int spoil_check_edits(const json_t *fault, char *reason, size_t reason_size);

/* Appends what a checked fault "body" says. 0 or -ENOMEM. */
int spoil_put_body(const json_t *fault, struct buffer *out);

/*
 * Carries the `edits` of a checked fault out on a document: JSON pointers with `*` for each element
 * of an array and `-` for behind its last, and their new values; {"__absent__": true} removes, and
 * {"__copy__": POINTER} takes a value of the document.  What a pointer does not lead to stays away.
 * 0 or -ENOMEM.
 */
int spoil_edit(const json_t *fault, json_t *document);

#endif
