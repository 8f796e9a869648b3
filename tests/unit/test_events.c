/* SPDX-License-Identifier: Apache-2.0 */
/* The file of events: its lines, its end, and beginning anew. */
#include "cbsfs/events.h"

#include "cbsfs/buffer.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int make(void **state)
{
    *state = events_new();
    return *state == NULL;
}

static int drop(void **state)
{
    events_free(*state);
    return 0;
}

/* All that there is, from `offset` on; to be freed. */
static char *read_from(struct events_reader *reader, size_t offset)
{
    char *text = calloc(1, EVENTS_LIMIT + 1);
    size_t used = 0, length;
    const char *bytes;
    assert_non_null(text);
    while ((length = events_read(reader, offset + used, 4096, &bytes)) > 0) {
        memcpy(text + used, bytes, length);
        used += length;
    }
    return text;
}

static void test_lines(void **state)
{
    struct events *events = *state;
    struct events_reader reader = {0};
    events_add(events, 0, "first", "path", "a\n\033[2Jb\"", "empty", "", "none", NULL,
               (char *)NULL);
    events_add(events, 60, "second", (char *)NULL);
    events_open(events, &reader);
    char *text = read_from(&reader, 0);
    assert_string_equal(text,
                        "{\"number\":1,\"time\":\"1970-01-01T00:00:00Z\",\"event\":\"first\","
                        "\"path\":\"a??[2Jb\\\"\"}\n"
                        "{\"number\":2,\"time\":\"1970-01-01T00:01:00Z\",\"event\":\"second\"}\n");
    assert_int_equal(events_size(events), strlen(text));
    assert_int_equal(events_last(events), 60);
    const char *bytes;
    assert_int_equal(events_read(&reader, strlen(text), 100, &bytes), 0);
    assert_int_equal(events_read(&reader, SIZE_MAX, 100, &bytes), 0);
    uint64_t count;
    assert_string_equal(events_count(events, 0, &count), "first");
    assert_int_equal(count, 1);
    assert_null(events_count(events, 2, &count));
    events_close(&reader);
    events_close(&reader);
    free(text);
    events_add(NULL, 0, "nowhere", (char *)NULL);
    events_free(NULL);
}

static void test_burst_is_a_number(void **state)
{
    struct events *events = *state;
    struct events_reader reader = {0};
    for (int i = 0; i < EVENTS_BURST + 7; i++)
        events_add(events, 5, "many", (char *)NULL);
    events_add(events, 5, "other", (char *)NULL);
    events_open(events, &reader);
    uint64_t count;
    size_t lines = 0;
    events_count(events, 0, &count);
    assert_int_equal(count, EVENTS_BURST + 7);
    char *text = read_from(&reader, 0);
    for (const char *at = text; *at != '\0'; at++)
        lines += *at == '\n';
    assert_int_equal(lines, EVENTS_BURST + 1);
    assert_null(strstr(text, "left_out"));
    free(text);
    /* Until its second is over the size stays, and looking is enough to be told. */
    size_t before = events_size(events);
    while (events_size(events) == before)
        ;
    text = read_from(&reader, before);
    assert_non_null(strstr(text, "\"event\":\"left_out\",\"of\":\"many\",\"count\":7}"));
    assert_int_equal(events_size(events), before + strlen(text));
    free(text);
    events_close(&reader);
}

/* As tail -f does: reads to the end, and from the start when the file has become shorter. */
struct follower {
    struct events_reader reader;
    size_t at, known;
    json_int_t number; /* of the last line */
};

static void follow(struct events *events, struct follower *follower)
{
    size_t size = events_size(events);
    if (size < follower->known)
        follower->at = 0;
    follower->known = size;
    char *text = read_from(&follower->reader, follower->at);
    follower->at += strlen(text);
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        json_t *object = json_loads(line, 0, NULL);
        json_int_t number = json_integer_value(json_object_get(object, "number"));
        if (number != follower->number + 1)
            fail_msg("%lld after %lld", (long long)number, (long long)follower->number);
        follower->number = number;
        json_decref(object);
    }
    free(text);
}

/* As if it had been open for a while. */
static void open_long_ago(struct events *events, struct events_reader *reader)
{
    events_open(events, reader);
    reader->opened -= 2 * (int64_t)EVENTS_FOLLOWED;
}

static void fill(struct events *events, unsigned count)
{
    static const char *const kinds[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"};
    static unsigned number;
    char filler[1000];
    memset(filler, 'x', sizeof(filler) - 1);
    filler[sizeof(filler) - 1] = '\0';
    for (unsigned i = 0; i < count; i++, number++)
        events_add(events, number, kinds[number % 11], "filler", filler, (char *)NULL);
}

/* Those who follow it have read all now and then: it begins anew with nothing. */
static void test_begins_anew_when_all_is_read(void **state)
{
    struct events *events = *state;
    struct follower quick = {.at = 0}, slow = {.at = 0};
    struct events_reader idle = {0};
    size_t shrunk = 0, before = 0;
    open_long_ago(events, &quick.reader);
    open_long_ago(events, &slow.reader);
    open_long_ago(events, &idle); /* who has read nothing for long keeps nothing */
    idle.position = 0;
    for (unsigned i = 0; i < 5000; i++) {
        fill(events, 1);
        follow(events, &quick);
        if (i % 20 == 0)
            follow(events, &slow);
        if (i == 0)
            events_close(&idle);
        size_t size = events_size(events);
        assert_true(size <= EVENTS_ENOUGH + 30000);
        shrunk += size < before;
        before = size;
    }
    assert_in_range(shrunk, 8, 11);
    events_close(&quick.reader);
    events_close(&slow.reader);
}

/* They lag behind: it begins with what they have not read, and so do they. */
static void test_begins_anew_with_the_rest(void **state)
{
    struct events *events = *state;
    struct follower follower = {.at = 0};
    open_long_ago(events, &follower.reader);
    size_t before = 0;
    unsigned shrunk = 0;
    for (unsigned i = 0; i < 400; i++) {
        fill(events, 11);
        /* Once in a while it is not at the end when the file is full. */
        if (i % 20 != 19 && follower.reader.position + 200000 > events_size(events))
            follow(events, &follower);
        else if (i % 20 == 19)
            follow(events, &follower);
        size_t size = events_size(events);
        assert_true(size <= EVENTS_LIMIT);
        shrunk += size < before;
        before = size;
    }
    assert_true(shrunk >= 4);
    events_close(&follower.reader);
}

static void test_begins_anew_for_nobody(void **state)
{
    struct events *events = *state;
    struct buffer old;
    struct events_reader reader = {0};
    events_open(events, &reader); /* just now: who reads and goes */
    fill(events, 700);
    free(read_from(&reader, 0));
    assert_true(events_size(events) > EVENTS_ENOUGH);
    fill(events, 500);
    assert_true(events_size(events) < EVENTS_ENOUGH);
    buffer_init(&old, 0);
    assert_int_equal(events_put_before(events, &old), 0);
    assert_in_range(old.length, EVENTS_LIMIT - 2000, EVENTS_LIMIT);
    assert_int_equal(old.data[old.length - 1], '\n');
    assert_memory_equal(old.data, "{\"number\":1,", 12);
    buffer_free(&old);
    events_close(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines, make, drop),
        cmocka_unit_test_setup_teardown(test_burst_is_a_number, make, drop),
        cmocka_unit_test_setup_teardown(test_begins_anew_when_all_is_read, make, drop),
        cmocka_unit_test_setup_teardown(test_begins_anew_with_the_rest, make, drop),
        cmocka_unit_test_setup_teardown(test_begins_anew_for_nobody, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
