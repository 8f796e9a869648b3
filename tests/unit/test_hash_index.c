/* SPDX-License-Identifier: Apache-2.0 */
/* The index against a sorted array, over random changes and over hashes that crowd. */
#include "cbsfs/hash_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define MOST 3000

static uint64_t hashes[MOST];
static bool is_in[MOST];

static uint64_t tell(const void *owner, uint32_t number)
{
    assert_ptr_equal(owner, hashes);
    return hashes[number];
}

static bool is_number(const void *owner, uint32_t number, const void *key)
{
    (void)owner;
    return number == *(const uint32_t *)key;
}

/* Each number that is in is found, the others are not, and a walk meets all in order. */
static void check(const struct hash_index *index)
{
    size_t count = 0, met, expected;
    for (uint32_t i = 0; i < MOST; i++) {
        uint32_t found = MOST;
        bool is_found = hash_index_find(index, hashes[i], is_number, &i, &found);
        assert_int_equal(is_found, is_in[i]);
        if (is_found)
            assert_int_equal(found, i);
        count += is_in[i];
    }
    assert_int_equal(index->count, count);
    /* From anywhere, and in order to the end. */
    for (unsigned part = 0; part < 5; part++) {
        uint64_t from = part == 0 ? 0 : hashes[part * 500];
        size_t at = hash_index_seek(index, from);
        uint32_t number;
        uint64_t last = from;
        expected = met = 0;
        while (hash_index_next(index, &at, &number)) {
            assert_true(is_in[number]);
            assert_true(hashes[number] >= last);
            last = hashes[number];
            met++;
        }
        for (uint32_t i = 0; i < MOST; i++)
            expected += is_in[i] && hashes[i] >= from;
        assert_int_equal(met, expected);
    }
}

static void change(struct hash_index *index, unsigned seed, unsigned changes)
{
    for (unsigned i = 0; i < changes; i++) {
        uint32_t number = (uint32_t)rand_r(&seed) % MOST;
        if (is_in[number])
            hash_index_remove(index, number);
        else
            assert_int_equal(hash_index_add(index, number), 0);
        is_in[number] = !is_in[number];
    }
}

static void run(uint64_t (*choose)(unsigned *seed))
{
    struct hash_index index;
    hash_index_init(&index, tell, hashes);
    memset(is_in, 0, sizeof(is_in));
    unsigned seed = 7;
    for (size_t i = 0; i < MOST; i++)
        hashes[i] = choose(&seed);
    uint32_t nothing;
    size_t at = hash_index_seek(&index, 0);
    assert_false(hash_index_next(&index, &at, &nothing));
    hash_index_remove(&index, 0);
    for (unsigned round = 0; round < 4; round++) {
        change(&index, round, 2000);
        check(&index);
    }
    for (uint32_t i = 0; i < MOST; i++) {
        hash_index_remove(&index, i);
        is_in[i] = false;
    }
    check(&index);
    hash_index_free(&index);
    assert_int_equal(index.capacity, 0);
}

static uint64_t spread(unsigned *seed)
{
    return ((uint64_t)(uint32_t)rand_r(seed) << 33) ^ ((uint64_t)(uint32_t)rand_r(seed) << 10);
}

static uint64_t crowd_at_the_end(unsigned *seed)
{
    return UINT64_MAX - (uint64_t)(rand_r(seed) % 50);
}

static uint64_t all_alike(unsigned *seed)
{
    (void)seed;
    return UINT64_MAX;
}

static void any_hashes(void **state)
{
    (void)state;
    run(spread);
}

/* So many with hashes that want the last place that they do not fit behind it. */
static void hashes_that_crowd(void **state)
{
    (void)state;
    run(crowd_at_the_end);
}

static void hashes_that_are_alike(void **state)
{
    (void)state;
    run(all_alike);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_hashes),
        cmocka_unit_test(hashes_that_crowd),
        cmocka_unit_test(hashes_that_are_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
