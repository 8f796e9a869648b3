/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that held secrets: overwritten before it is given back.
 *
 * libcurl and Jansson copy what they are given into blocks of their own and free these as they are;
 * a session token or a signature would stay in the heap until somebody else happens to overwrite
 * it. libcurl therefore frees everything with these functions (loop_new()), Jansson what
 * fields_parse_secret() made.  They fit memory of malloc(3) and its family.
 */
#ifndef CBSFS_WIPE_H
#define CBSFS_WIPE_H

#include <stddef.h>

/* free(3), after the whole block was overwritten. Harmless on NULL. */
void wipe_free(void *memory);

/* realloc(3) that leaves no copy behind when the block moves. */
void *wipe_realloc(void *memory, size_t size);

/* Overwrites a string. Harmless on NULL. */
void wipe_text(char *text);

#endif
