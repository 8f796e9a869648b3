/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/events.h"

#include "cbsfs/buffer.h"
#include "cbsfs/clock.h"
#include "cbsfs/fields.h"
#include "cbsfs/timestamp.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KINDS       40
#define BURST_TIME  1000 /* ms */
#define FIRST_SPACE 8192

struct lines {
    char *text;
    size_t length, space;
};

struct kind {
    const char *name;
    uint64_t count;
    int64_t began;       /* clock ms: of its burst */
    unsigned told, most; /* in it */
    uint64_t left_out;
};

/* How long the file was, clock ms. */
struct mark {
    int64_t at;
    size_t length;
};

#define MARKS     3
#define MARK_TIME 1000 /* ms between them */

struct events {
    struct lines now, before;
    struct mark marks[MARKS]; /* the last first */
    struct kind kinds[KINDS];
    struct events_reader *readers;
    int64_t number, last;
    bool is_spoilt; /* the line that is being made */
};

size_t events_memory(const struct events *events)
{
    return events != NULL ? events->now.space + events->before.space : 0;
}

struct events *events_new(void)
{
    return calloc(1, sizeof(struct events));
}

void events_free(struct events *events)
{
    if (events == NULL)
        return;
    free(events->now.text);
    free(events->before.text);
    free(events);
}

/* --- beginning anew ------------------------------------------------------------------ */

static void take_mark(struct events *events, int64_t now)
{
    if (events->marks[0].at != 0 && now - events->marks[0].at < MARK_TIME)
        return;
    memmove(events->marks + 1, events->marks, (MARKS - 1) * sizeof(events->marks[0]));
    events->marks[0] = (struct mark){.at = now, .length = events->now.length};
}

static bool follows(const struct events *events, const struct events_reader *reader, int64_t now)
{
    return now - reader->opened >= EVENTS_FOLLOWED &&
           reader->position >= events->marks[MARKS - 1].length;
}

/* From where on somebody has not read it who follows it, the start of a line. */
static size_t first_unread(const struct events *events, int64_t time)
{
    const struct lines *now = &events->now;
    size_t first = now->length;
    for (const struct events_reader *at = events->readers; at != NULL; at = at->next) {
        if (at->position < first && follows(events, at, time))
            first = at->position;
    }
    if (first + EVENTS_KEPT < now->length)
        first = now->length - EVENTS_KEPT;
    while (first > 0 && now->text[first - 1] != '\n')
        first--;
    return first;
}

static void begin_anew(struct events *events)
{
    size_t first = first_unread(events, clock_now()), kept = events->now.length - first;
    struct lines old = events->now, fresh = events->before;
    if (kept > 0 && fresh.space < kept) {
        char *text = realloc(fresh.text, kept);
        if (text == NULL)
            kept = 0; /* better to lose lines than to grow */
        else
            fresh = (struct lines){.text = text, .space = kept};
    }
    if (kept > 0)
        memcpy(fresh.text, old.text + first, kept);
    fresh.length = kept;
    events->now = fresh;
    events->before = old;
    for (struct events_reader *at = events->readers; at != NULL; at = at->next)
        at->position = at->position > first && kept > 0 ? at->position - first : 0;
    for (size_t i = 0; i < MARKS; i++)
        events->marks[i].length = 0;
}

/* --- adding -------------------------------------------------------------------------- */

static int make_room(struct lines *lines, size_t length)
{
    size_t space = lines->space > 0 ? lines->space : FIRST_SPACE;
    while (space < lines->length + length)
        space *= 2;
    if (space == lines->space)
        return 0;
    char *text = realloc(lines->text, space);
    if (text == NULL)
        return -1;
    lines->text = text;
    lines->space = space;
    return 0;
}

static void append(struct events *events, const char *line)
{
    size_t length = strlen(line);
    if (events->now.length + length + 1 > EVENTS_LIMIT)
        begin_anew(events);
    take_mark(events, clock_now());
    struct lines *now = &events->now;
    if (make_room(now, length + 1) != 0)
        return;
    memcpy(now->text + now->length, line, length);
    now->text[now->length + length] = '\n';
    now->length += length + 1;
}

/* A line with a member missing would be another one: it is lost as a whole. */
static void put_new(struct events *events, json_t *object, const char *key, json_t *value)
{
    events->is_spoilt |= json_object_set_new(object, key, value) != 0;
}

static void put_text(struct events *events, json_t *object, const char *key, const char *value)
{
    struct buffer clean;
    buffer_init(&clean, 0);
    (void)buffer_put_printable(&clean, value);
    put_new(events, object, key, clean.error == 0 ? json_string(clean.data) : NULL);
    buffer_free(&clean);
}

static void put_member(struct events *events, json_t *object, const char *key, const char *value)
{
    if (key[0] == '#')
        put_new(events, object, key + 1, json_integer(strtoll(value, NULL, 10)));
    else
        put_text(events, object, key, value);
}

static json_t *begin_line(struct events *events, int64_t time, const char *name)
{
    char text[TIMESTAMP_SIZE];
    json_t *object = json_object();
    events->is_spoilt = object == NULL;
    timestamp_format(time, text);
    /* Counted whether or not it can be told. */
    put_new(events, object, "number", json_integer((json_int_t)++events->number));
    put_text(events, object, "time", text);
    put_text(events, object, "event", name);
    events->last = time;
    return object;
}

static void end_line(struct events *events, json_t *object)
{
    char *line = events->is_spoilt ? NULL : fields_print(object);
    if (line != NULL)
        append(events, line);
    free(line);
    json_decref(object);
}

static struct kind *find_kind(struct events *events, const char *name)
{
    for (size_t i = 0; i < KINDS; i++) {
        struct kind *kind = &events->kinds[i];
        if (kind->name == NULL) {
            kind->name = name;
            kind->most = strcmp(name, "refused") == 0 ? EVENTS_REFUSED_BURST : EVENTS_BURST;
        }
        if (strcmp(kind->name, name) == 0)
            return kind;
    }
    return NULL;
}

static void tell_left_out(struct events *events, struct kind *kind)
{
    json_t *object = begin_line(events, events->last, "left_out");
    put_text(events, object, "of", kind->name);
    put_new(events, object, "count", json_integer((json_int_t)kind->left_out));
    kind->left_out = 0;
    end_line(events, object);
}

/* Of bursts that are over. */
static void tell_all_left_out(struct events *events, int64_t now)
{
    for (size_t i = 0; i < KINDS && events->kinds[i].name != NULL; i++) {
        struct kind *kind = &events->kinds[i];
        if (kind->left_out > 0 && now - kind->began >= BURST_TIME)
            tell_left_out(events, kind);
    }
}

static bool is_one_of_many(struct kind *kind, int64_t now)
{
    if (now - kind->began >= BURST_TIME) {
        kind->began = now;
        kind->told = 0;
    }
    if (kind->told == kind->most) {
        kind->left_out++;
        return true;
    }
    kind->told++;
    return false;
}

void events_add(struct events *events, int64_t time, const char *name, ...)
{
    va_list arguments;
    if (events == NULL)
        return;
    int64_t now = clock_now();
    struct kind *kind = find_kind(events, name);
    tell_all_left_out(events, now);
    if (kind != NULL)
        kind->count++;
    if (kind != NULL && is_one_of_many(kind, now))
        return;
    json_t *object = begin_line(events, time, name);
    va_start(arguments, name);
    for (const char *key = va_arg(arguments, const char *); key != NULL;
         key = va_arg(arguments, const char *)) {
        const char *value = va_arg(arguments, const char *);
        if (value != NULL && value[0] != '\0')
            put_member(events, object, key, value);
    }
    va_end(arguments);
    end_line(events, object);
}

/* --- reading ------------------------------------------------------------------------- */

void events_open(struct events *events, struct events_reader *reader)
{
    reader->events = events;
    reader->position = 0;
    reader->opened = clock_now();
    reader->next = events->readers;
    reader->link = &events->readers;
    if (events->readers != NULL)
        events->readers->link = &reader->next;
    events->readers = reader;
}

void events_close(struct events_reader *reader)
{
    if (reader->link == NULL)
        return;
    *reader->link = reader->next;
    if (reader->next != NULL)
        reader->next->link = reader->link;
    *reader = (struct events_reader){.events = NULL};
}

size_t events_read(struct events_reader *reader, size_t offset, size_t size, const char **bytes)
{
    const struct lines *now = &reader->events->now;
    size_t left = offset < now->length ? now->length - offset : 0;
    size_t length = left < size ? left : size;
    *bytes = length > 0 ? now->text + offset : NULL;
    if (length > 0)
        reader->position = offset + length;
    return length;
}

/* `tail` asks for the size and reads that far, and no further. */
static void begin_anew_if_read(struct events *events, int64_t now)
{
    bool is_followed = false;
    for (const struct events_reader *at = events->readers; at != NULL; at = at->next)
        is_followed |= follows(events, at, now);
    if (is_followed && events->now.length >= EVENTS_ENOUGH &&
        first_unread(events, now) == events->now.length)
        begin_anew(events);
}

size_t events_size(struct events *events)
{
    int64_t now = clock_now();
    tell_all_left_out(events, now);
    begin_anew_if_read(events, now);
    return events->now.length;
}

int events_put_before(const struct events *events, struct buffer *out)
{
    return buffer_append(out, events->before.text != NULL ? events->before.text : "",
                         events->before.length);
}

int64_t events_last(const struct events *events)
{
    return events->last;
}

const char *events_count(const struct events *events, size_t index, uint64_t *count)
{
    if (index >= KINDS || events->kinds[index].name == NULL)
        return NULL;
    *count = events->kinds[index].count;
    return events->kinds[index].name;
}
