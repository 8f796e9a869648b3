/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define MOST 300

struct item {
    uint64_t hash;
    unsigned number;
    bool in;
};

static bool same_item(const void *value, const void *key)
{
    return ((const struct item *)value)->number == *(const unsigned *)key;
}

static struct item *find(const struct table *table, const struct item *item)
{
    return table_find(table, item->hash, same_item, &item->number);
}

static void test_empty(void **state)
{
    (void)state;
    struct table table = {0};
    struct item item = {.hash = 7, .number = 1};
    assert_null(find(&table, &item));
    table_remove(&table, 7, &item);
    assert_int_equal(table.count, 0);
    table_free(&table);
}

/* Equal hashes are told apart by `same`, equal slots by the hash. */
static void test_collisions(void **state)
{
    (void)state;
    struct table table = {0};
    struct item items[8];
    for (unsigned i = 0; i < 8; i++) {
        items[i] = (struct item){.hash = i % 2 ? 5 : 5 + (UINT64_C(1) << 32), .number = i};
        assert_int_equal(table_add(&table, items[i].hash, &items[i]), 0);
    }
    for (unsigned i = 0; i < 8; i++)
        assert_ptr_equal(find(&table, &items[i]), &items[i]);
    /* The same number under another hash is another value. */
    struct item other = {.hash = items[0].hash + 16, .number = 0};
    assert_null(find(&table, &other));
    for (unsigned i = 0; i < 8; i++) {
        table_remove(&table, items[i].hash, &items[i]);
        assert_null(find(&table, &items[i]));
        for (unsigned j = i + 1; j < 8; j++)
            assert_ptr_equal(find(&table, &items[j]), &items[j]);
    }
    assert_int_equal(table.count, 0);
    table_free(&table);
}

/* The place of a value is told by the upper bits of its hash: of 16 homes, this one. */
static uint64_t at_home(uint64_t home)
{
    return home << 60;
}

/* A chain that runs over the last home, and one in front of it with strangers in it that live where
 * they are. */
static void test_gaps(void **state)
{
    (void)state;
    static const uint64_t homes[6] = {14, 15, 14, 13, 14, 9};
    for (unsigned gone = 0; gone < 6; gone++) {
        struct table table = {0};
        struct item items[6];
        for (unsigned i = 0; i < 6; i++) {
            items[i] = (struct item){.hash = at_home(homes[i]), .number = i};
            assert_int_equal(table_add(&table, items[i].hash, &items[i]), 0);
        }
        assert_int_equal(table.capacity, 16);
        table_remove(&table, items[gone].hash, &items[gone]);
        table_remove(&table, items[gone].hash, &items[gone]); /* harmless */
        assert_int_equal(table.count, 5);
        for (unsigned i = 0; i < 6; i++)
            assert_ptr_equal(find(&table, &items[i]), i == gone ? NULL : &items[i]);
        table_free(&table);
    }
}

/* However many there are at the last home. */
static void test_all_at_the_end(void **state)
{
    (void)state;
    struct table table = {0};
    struct item items[MOST];
    for (unsigned i = 0; i < MOST; i++) {
        items[i] = (struct item){.hash = UINT64_MAX - i % 3, .number = i};
        assert_int_equal(table_add(&table, items[i].hash, &items[i]), 0);
    }
    for (unsigned i = 0; i < MOST; i++)
        assert_ptr_equal(find(&table, &items[i]), &items[i]);
    table_free(&table);
}

/* Removing is by identity: an equal value that was never added stays out of it. */
static void test_remove_by_identity(void **state)
{
    (void)state;
    struct table table = {0};
    struct item item = {.hash = 3, .number = 1}, twin = item;
    assert_int_equal(table_add(&table, 3, &item), 0);
    table_remove(&table, 3, &twin);
    assert_ptr_equal(find(&table, &item), &item);
    table_free(&table);
}

/* From `hash` on, in order, nothing left out. */
static void check_walk(const struct table *table, const struct item *items, uint64_t hash)
{
    size_t wanted = 0, met = 0, at = table_seek(table, hash);
    for (unsigned i = 0; i < MOST; i++)
        wanted += items[i].in && items[i].hash >= hash;
    const struct item *item;
    for (uint64_t last = hash; (item = table_next(table, &at)) != NULL; met++) {
        assert_true(item->in && item->hash >= last);
        last = item->hash;
    }
    assert_int_equal(met, wanted);
}

/* Against the simplest model there is, with few homes so that chains are long. */
static void test_against_a_model(void **state)
{
    (void)state;
    static const uint64_t spread[] = {1, 3, 17, 1000, 100000};
    for (size_t round = 0; round < sizeof spread / sizeof *spread; round++) {
        struct table table = {0};
        struct item items[MOST];
        size_t count = 0;
        unsigned short seed[3] = {1, 2, (unsigned short)round};
        for (unsigned i = 0; i < MOST; i++)
            items[i] = (struct item){.hash = (uint64_t)nrand48(seed) % spread[round] *
                                             UINT64_C(0x1000000700000007),
                                     .number = i};
        for (unsigned step = 0; step < 4000; step++) {
            /* It fills for a while and empties for a while. */
            bool filling = step / 500 % 2 == 0;
            struct item *item = &items[nrand48(seed) % MOST];
            if (!item->in && filling) {
                assert_int_equal(table_add(&table, item->hash, item), 0);
                item->in = true;
                count++;
            } else if (item->in && !filling) {
                table_remove(&table, item->hash, item);
                item->in = false;
                count--;
            }
            assert_int_equal(table.count, count);
            assert_true(table.count < table.capacity || table.capacity == 0);
            for (unsigned i = step % 7; i < MOST; i += 7)
                assert_ptr_equal(find(&table, &items[i]), items[i].in ? &items[i] : NULL);
            check_walk(&table, items, step % 3 == 0 ? 0 : items[step % MOST].hash);
        }
        table_free(&table);
        assert_int_equal(table.capacity, 0);
    }
}

/* Inode numbers are made from it: it must never change. */
static void test_hash(void **state)
{
    (void)state;
    assert_true(table_hash("") == table_hash(""));
    assert_true(table_hash("snap-00000001") != table_hash("snap-00000002"));
    assert_true(table_hash_more(1, "a") != table_hash_more(2, "a"));
    assert_true(table_hash("snap-0jfkjwl1") == UINT64_C(0x492b08fe8b0d3522));
    /* Neighbours do not share their slots. */
    unsigned used[64] = {0}, most = 0;
    for (unsigned i = 0; i < 64; i++) {
        char id[] = "snap-00000000";
        id[11] = (char)('0' + i / 10);
        id[12] = (char)('0' + i % 10);
        unsigned slot = (unsigned)(table_hash(id) >> 58);
        if (++used[slot] > most)
            most = used[slot];
    }
    assert_true(most <= 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_collisions),
        cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_all_at_the_end),
        cmocka_unit_test(test_remove_by_identity),
        cmocka_unit_test(test_against_a_model),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
