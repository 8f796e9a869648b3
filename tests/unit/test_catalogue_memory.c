/* SPDX-License-Identifier: Apache-2.0 */
/* How snapshots are kept small, and that nothing of them is lost by that. */
#include "catalogue_room.h"

#include "cbsfs/buffer.h"

#include "../../src/store/raw_pages.h"

#include <stdio.h>

#define ONE "snap-aaaaaaa1"

/* What stat says of snapshot.json is made from this, so it must be exact. */
static void test_length_of_a_record(void **state)
{
    (void)state;
    static const char *const texts[] = {"plain", "数据", "\u202ehidden\u200b", "\x7f\n\"", ""};
    for (int64_t i = 0; i < 6; i++) {
        struct snapshot_record record = snapshot_record(ONE, "a", "NORMAL", 1);
        json_t *value = i < 5 ? json_pack("{s:s}", "a", texts[i]) : NULL;
        record.raw = value;
        struct snapshot *one = put_record(&record, 1000 + i, 1000 + i, 0);
        struct buffer shown;
        buffer_init(&shown, 0);
        assert_int_equal(snapshot_put_raw(one, &shown), 0);
        assert_int_equal(one->raw_length, shown.length);
        buffer_free(&shown);
        json_decref(value);
    }
}

static void put_numbered(unsigned number, unsigned version, int64_t asked)
{
    char id[32];
    snprintf(id, sizeof(id), "snap-%08u", number);
    struct snapshot_record record = snapshot_record(id, "n", "NORMAL", number);
    json_t *value = json_pack("{s:s, s:i, s:s}", "id", id, "version", (int)version, "filling",
                              "as much as a record has, or a little less than that");
    record.raw = value;
    put_record(&record, asked, asked, 0);
    json_decref(value);
}

/* Records that change here and there leave pages behind that are mostly empty. */
static void test_tidying(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    catalogue_tidy(&catalogue); /* nothing is there */
    for (unsigned i = 0; i < COUNT; i++)
        put_numbered(i, 1, 1000);
    put_disk(DISK, "x", 1000, 0, -1);
    for (unsigned i = 0; i < COUNT; i++) {
        if (i % 3 != 0)
            put_numbered(i, 2, 2000);
    }
    size_t before = raw_pages_size(catalogue.raw_pages);
    for (unsigned round = 0; round < 3; round++)
        catalogue_tidy(&catalogue);
    assert_true(raw_pages_size(catalogue.raw_pages) < before);
    for (unsigned i = 0; i < COUNT; i++) {
        char id[32], expected[64];
        struct buffer shown;
        snprintf(id, sizeof(id), "snap-%08u", i);
        snprintf(expected, sizeof(expected), "{\"id\":\"%s\",\"version\":%d,", id,
                 1 + (i % 3 != 0));
        buffer_init(&shown, 0);
        assert_int_equal(snapshot_put_raw(catalogue_snapshot(&catalogue, id), &shown), 0);
        assert_memory_equal(shown.data, expected, strlen(expected));
        buffer_free(&shown);
    }
}

/* What no cloud has, and what does not fit where others do, is kept all the same. */
static void test_extremes(void **state)
{
    (void)state;
    static const int64_t sizes[] = {-1,      0,       1,       1048573,   1048574,
                                    1048575, 1048576, 1 << 30, INT64_MAX, -1};
    static const int64_t times[] = {TIMESTAMP_NONE, 0, -1, INT64_C(253402300799), INT64_MAX};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct snapshot_record record = snapshot_record(ONE, "a", "NORMAL", 1);
        record.size = sizes[i];
        record.expires = times[i % 5];
        record.percent = i % 2 ? 100 : 0;
        struct snapshot *one = put_record(&record, 1000 + (int64_t)i, 1000 + (int64_t)i, 0);
        assert_true(snapshot_size(one) == sizes[i]);
        if (times[i % 5] == INT64_MAX) /* as late as can be kept, which has no date either */
            assert_true(snapshot_expires(one) > INT64_C(253402300799));
        else
            assert_true(snapshot_expires(one) == times[i % 5]);
        assert_int_equal(snapshot_percent(one), i % 2 ? 100 : 0);
    }
}

static const char *listed_as(const char *name, int64_t when)
{
    struct snapshot *one = put(ONE, name, "NORMAL", 1, when, when);
    assert_int_equal(catalogue_name_new(&catalogue, disk_of(DISK)), 0);
    assert_string_equal(snapshot_entry(one), snapshot_text(one, SNAPSHOT_NAME));
    return snapshot_text(one, SNAPSHOT_NAME);
}

static void rename_to(const char *name, int64_t now)
{
    struct snapshot *one = catalogue_snapshot(&catalogue, ONE);
    assert_int_equal(catalogue_renamed(&catalogue, one, name, now, WALL + now / 1000), 0);
}

/* A listing that lags shows a former name, and is not believed; one that shows another name is from
 * after our change: of a later one of ours, whose outcome is not known, or of somebody else's. */
static void test_former_names(void **state)
{
    (void)state;
    assert_string_equal(listed_as("n0", 1000), "n0");
    assert_string_equal(listed_as("n1", 1500), "n1"); /* renamed by somebody else */
    rename_to("n2", 2000);
    assert_string_equal(listed_as("n1", 3000), "n2");
    assert_string_equal(listed_as("n0", 3100), "n2");
    assert_string_equal(listed_as("n3", 4000), "n3");
    /* So many that one may be forgotten: any name may be from before. */
    for (int64_t i = 0; i < FORMER_NAMES; i++) {
        static const char *const names[] = {"m0", "m1", "m2", "m3"};
        rename_to(names[i], 5000 + i);
    }
    assert_string_equal(listed_as("n2", 6000), "m3");
    assert_string_equal(listed_as("n9", 6000), "m3");
    assert_string_equal(listed_as("n9", 5003 + PENDING_RENAME_GRACE), "n9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROOM_TEST(test_length_of_a_record),
        ROOM_TEST(test_tidying),
        ROOM_TEST(test_extremes),
        ROOM_TEST(test_former_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
