/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has happened, as the mount learnt it: one JSON object a line, for `.cbsfs/events`.
 *
 * The file is only ever appended to, until it has EVENTS_LIMIT bytes. Then it begins anew, as a
 * log does that is rotated by copying and truncating, and what was in it is `events.1`. It is
 * shorter then than anybody remembers it, which is what `tail -f` takes for a truncation.  Whoever
 * follows it shall miss nothing and read nothing twice: so from EVENTS_ENOUGH on it begins anew as
 * soon as all of them have read all, and if that does not come to pass it begins with what they
 * have not read.
 *
 * In memory only, and asks nobody.  Without memory a line is lost; the numbers tell.
 */
#ifndef CBSFS_EVENTS_H
#define CBSFS_EVENTS_H

#include <stddef.h>
#include <stdint.h>

/* Bytes in each of the two files at most. */
#define EVENTS_LIMIT (1024 * 1024)
/* Lines of one kind within a second; of what is more only the number is told. */
#define EVENTS_BURST 500
/* The same for "refused": `rm -r` is refused for each file. */
#define EVENTS_REFUSED_BURST 20
#define EVENTS_ENOUGH        (EVENTS_LIMIT / 2)
/* The file begins anew with so much at most, so that it is certainly shorter. */
#define EVENTS_KEPT (EVENTS_LIMIT / 4)
/* Whoever has it open for so long, ms, and has read what was there two or three seconds ago,
 * follows it. */
#define EVENTS_FOLLOWED 1000

struct buffer;
struct events;

/* Whoever has the file open. Zero-initialised. */
struct events_reader {
    struct events *events;
    size_t position; /* where the next read is expected */
    int64_t opened;  /* clock ms */
    struct events_reader *next, **link;
};

/* NULL when memory is out. */
struct events *events_new(void);
/* No reader may be left. Harmless with NULL. */
void events_free(struct events *events);

/* Adds {"number":…,"time":…,"event":`name`, …} with the pairs of key and value that follow, up to a
 * NULL key; a value that is NULL or "" is left out.  Values may be anything: they are made
 * harmless. The value of a key that begins with `#`, which is left out, is a number. `name` and the
 * keys must outlive the events.  `time`: seconds.  Harmless with NULL. */
void events_add(struct events *events, int64_t time, const char *name, ...)
    __attribute__((sentinel));

/* --- reading ------------------------------------------------------------------------- */

void events_open(struct events *events, struct events_reader *reader);
/* Harmless when it is not open. */
void events_close(struct events_reader *reader);
/* What is at `offset`, at most `size` bytes: *bytes until the next call of any of these. How many.
 */
size_t events_read(struct events_reader *reader, size_t offset, size_t size, const char **bytes);
/* Of `events` as it is now. Tells first of what has been left out, if its second is over; and
 * begins anew if there is enough and all has been read. */
size_t events_size(struct events *events);
/* Appends what was in `events` before it began anew. 0 or the buffer's error. */
int events_put_before(const struct events *events, struct buffer *out);
/* Bytes that are allocated for both; grows in large steps. */
size_t events_memory(const struct events *events);
/* Seconds; 0: none yet. */
int64_t events_last(const struct events *events);

/* How many there were of the `index`-th kind, and its name; NULL: there are not so many kinds. */
const char *events_count(const struct events *events, size_t index, uint64_t *count);

#endif
