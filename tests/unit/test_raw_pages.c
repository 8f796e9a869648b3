/* SPDX-License-Identifier: Apache-2.0 */
/* Records that come, change, go and are moved, against what was put. */
#include "../../src/store/raw_pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define MOST 2000

static struct raw_pages *pages;
static uint32_t places[MOST];
static char *expected[MOST]; /* NULL: none */

static int set_up(void **state)
{
    (void)state;
    pages = raw_pages_new();
    return pages != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    raw_pages_free(pages);
    for (size_t i = 0; i < MOST; i++) {
        free(expected[i]);
        expected[i] = NULL;
        places[i] = 0;
    }
    return 0;
}

static json_t *record_of(size_t number, unsigned version, size_t filling)
{
    char *blanks = malloc(filling + 1);
    assert_non_null(blanks);
    memset(blanks, 'x', filling);
    blanks[filling] = '\0';
    json_t *record =
        json_pack("{s:i, s:i, s:s, s:[s, n, f], s:b}", "id", (int)number, "version", (int)version,
                  "text\n\"\\\x01", blanks, "list", "äöü\t", 0.1, "is", 1);
    free(blanks);
    assert_non_null(record);
    return record;
}

static bool put(size_t number, unsigned version, size_t filling)
{
    bool differs;
    json_t *record = record_of(number, version, filling);
    assert_int_equal(raw_pages_put(pages, &places[number], record, &differs), 0);
    free(expected[number]);
    expected[number] = json_dumps(record, JSON_COMPACT);
    json_decref(record);
    return differs;
}

static void drop(size_t number)
{
    raw_pages_drop(pages, &places[number]);
    assert_int_equal(places[number], 0);
    free(expected[number]);
    expected[number] = NULL;
}

static void check(size_t number)
{
    const char *text;
    size_t length;
    if (expected[number] == NULL) {
        assert_int_equal(places[number], 0);
        return;
    }
    assert_int_equal(raw_pages_get(pages, places[number], &text, &length), 0);
    assert_string_equal(text, expected[number]);
    assert_int_equal(length, strlen(text));
}

static void check_all(void)
{
    for (size_t i = 0; i < MOST; i++)
        check(i);
    for (size_t i = 0; i < MOST; i++)
        check(i * 731 % MOST); /* not in the order of the pages */
}

static void what_is_put_is_got(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOST; i++)
        assert_true(put(i, 1, i % 900));
    check_all();
}

static void the_same_again_is_no_news(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOST; i++)
        put(i, 1, 300);
    size_t size = raw_pages_size(pages);
    for (size_t i = 0; i < MOST; i++)
        assert_false(put(i, 1, 300));
    assert_int_equal(raw_pages_size(pages), size);
    assert_true(put(7, 2, 300));
    check_all();
}

static void many_take_little(void **state)
{
    (void)state;
    size_t before = raw_pages_size(pages), plain = 0;
    for (size_t i = 0; i < MOST; i++) {
        put(i, 1, 500);
        plain += strlen(expected[i]);
    }
    assert_true(raw_pages_size(pages) - before < plain / 8);
    for (size_t i = 0; i < MOST; i++)
        drop(i);
    assert_int_equal(raw_pages_size(pages), before);
}

static void random_changes(void **state)
{
    (void)state;
    unsigned seed = 3;
    for (unsigned step = 0; step < 20000; step++) {
        size_t number = (size_t)rand_r(&seed) % MOST;
        if (rand_r(&seed) % 4 == 0 && expected[number] != NULL)
            drop(number);
        else
            put(number, step, (size_t)rand_r(&seed) % 400);
    }
    check_all();
    size_t scattered = raw_pages_size(pages);
    for (unsigned round = 0; round < 50 && raw_pages_choose(pages, 16) > 0; round++) {
        for (size_t i = 0; i < MOST; i++) {
            if (places[i] != 0 && raw_pages_is_chosen(pages, places[i]))
                assert_int_equal(raw_pages_move(pages, &places[i]), 0);
        }
    }
    assert_int_equal(raw_pages_choose(pages, 16), 0);
    assert_true(raw_pages_size(pages) < scattered);
    check_all();
}

static void what_is_too_large_is_not_kept(void **state)
{
    (void)state;
    bool differs;
    json_t *large = record_of(0, 0, 65536), *deep = json_array();
    for (unsigned i = 0; i < 64; i++) {
        json_t *outer = json_array();
        json_array_append_new(outer, deep);
        deep = outer;
    }
    put(0, 0, 10);
    assert_int_equal(raw_pages_put(pages, &places[0], large, &differs), 0);
    assert_true(differs);
    assert_int_equal(places[0], 0);
    assert_int_equal(raw_pages_put(pages, &places[0], large, &differs), 0);
    assert_false(differs);
    assert_int_equal(raw_pages_put(pages, &places[0], deep, &differs), 0);
    assert_int_equal(places[0], 0);
    /* One level less is kept. */
    assert_int_equal(raw_pages_put(pages, &places[0], json_array_get(deep, 0), &differs), 0);
    assert_true(places[0] != 0);
    assert_int_equal(raw_pages_put(pages, &places[0], NULL, &differs), 0);
    assert_true(differs);
    assert_int_equal(places[0], 0);
    free(expected[0]);
    expected[0] = NULL;
    json_decref(large);
    json_decref(deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_put_is_got, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_same_again_is_no_news, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_take_little, set_up, tear_down),
        cmocka_unit_test_setup_teardown(random_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_too_large_is_not_kept, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
