/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation failure by enumeration, for pieces of the program: linked with the allocating
 * functions wrapped (see meson.build), a sequence is run again and again with its first, second,
 * third ... allocation failing, until one run meets no failure.  Our own allocations and Jansson's
 * count. What leaks is found by counting blocks, and where by LeakSanitizer in a build that has it.
 */
#ifndef CBSFS_TESTS_TORTURE_H
#define CBSFS_TESTS_TORTURE_H

#include <stdbool.h>
#include <stddef.h>

/* Jansson's too. Call before anything allocates with it. */
void torture_begin(void);

/* From now on the n-th allocation fails, once; 0: none. */
void torture_fail(unsigned number);
/* True if it came to that since; nothing fails any more afterwards. */
bool torture_end(void);

/* Until it is called with false, as often as with true, nothing fails, or counts. */
void torture_spare(bool begins);
/* For what a test itself allocates: never fails. */
void *torture_spare_calloc(size_t count, size_t size);
char *torture_spare_strdup(const char *text);

#endif
