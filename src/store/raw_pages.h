/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clouds' own records, kept small: a hundred compress to a tenth of what they are alone.
 *
 * A record is put as JSON and got as the text of it.  Its place stays valid until it is put again
 * or dropped, or moved by raw_pages_move().
 */
#ifndef CBSFS_RAW_PAGES_H
#define CBSFS_RAW_PAGES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct raw_pages;

/* Places are numbers; 0: none. */

/* NULL when memory is out. */
struct raw_pages *raw_pages_new(void);
/* NULL is fine. */
void raw_pages_free(struct raw_pages *pages);

/*
 * Puts a record in the place of what *place holds, if anything.  One that is larger or deeper than
 * any of the clouds' own (the tools that read the JSON files have limits too) is not kept: *place
 * is 0 then.  *differs: the text is not what it was; when it is the same nothing is allocated.
 * 0, or -ENOMEM and everything as it was.
 */
int raw_pages_put(struct raw_pages *pages, uint32_t *place, const json_t *record, bool *differs);

/* The text, NUL-terminated and `length` bytes long, valid until the next call. 0 or -ENOMEM. The
 * place must not be 0. */
int raw_pages_get(struct raw_pages *pages, uint32_t place, const char **text, size_t *length);

void raw_pages_drop(struct raw_pages *pages, uint32_t *place);

/*
 * Pages whose records were mostly dropped keep the room of the whole page.  raw_pages_choose()
 * marks the emptiest, at most `most`, and returns how many; raw_pages_is_chosen() tells of a place
 * whether it is in one, and raw_pages_move() puts its record where there is company.  0 or -ENOMEM
 * (then it stays).
 */
size_t raw_pages_choose(struct raw_pages *pages, size_t most);
bool raw_pages_is_chosen(const struct raw_pages *pages, uint32_t place);
int raw_pages_move(struct raw_pages *pages, uint32_t *place);

/* How many bytes are allocated for what is kept. */
size_t raw_pages_size(const struct raw_pages *pages);

#endif
