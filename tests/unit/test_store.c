/* SPDX-License-Identifier: Apache-2.0 */
/* When the cloud is asked, about what, and for how long its answer is good. */
#include "fake_client.h"

#include "cbsfs/buffer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DISK  "disk-0001"
#define OTHER "disk-0002"
#define TTL   30000

static int set_up(void **state)
{
    fake_world_set_up(state);
    fake_add_disk(DISK, "one");
    fake_add_disk(OTHER, "two");
    fake_add_disk("disk-0003", "three");
    fake_add_snapshot("snap-00000001", DISK, "first", -3000);
    fake_add_snapshot("snap-00000002", OTHER, "second", -2000);
    fake_add_snapshot("snap-00000003", "disk-0003", "third", -1000);
    return 0;
}

static unsigned asked(void)
{
    return fake.calls[CLOUD_DESCRIBE_DISKS] + fake.calls[CLOUD_DESCRIBE_SNAPSHOTS];
}

/* --- freshness ----------------------------------------------------------------------- */

static void test_life(void **state)
{
    (void)state;
    static struct looker looker;
    assert_false(store_is_known(store, WANT_DISKS, NULL));
    assert_int_equal(store_life(store, WANT_DISKS, NULL), 0);
    int64_t began = fake.now;
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    /* It counts from when the question was sent. */
    assert_int_equal(store_life(store, WANT_DISKS, NULL), began + TTL - fake.now);
    assert_true(store_is_known(store, WANT_DISKS, NULL));
    assert_false(look_begin(&looker, WANT_DISKS, NULL));
    assert_int_equal(asked(), 1);
    world_run(began + TTL - 1 - fake.now);
    assert_int_equal(store_life(store, WANT_DISKS, NULL), 1);
    assert_false(look_begin(&looker, WANT_DISKS, NULL));
    world_run(1);
    assert_int_equal(store_life(store, WANT_DISKS, NULL), 0);
    assert_true(store_is_known(store, WANT_DISKS, NULL));
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    assert_int_equal(asked(), 2);
}

/* What was asked before a refresh is not fresh, though its answer comes after it. */
static void test_refresh(void **state)
{
    (void)state;
    static struct looker before, after;
    assert_true(look_begin(&before, WANT_SNAPSHOTS, NULL));
    world_run(12); /* carried out, not answered */
    store_refresh(store);
    fake_add_snapshot("snap-00000004", DISK, "fourth", 4);
    assert_true(look_begin(&after, WANT_SNAPSHOTS, NULL));
    world_run_until(&before.ready, 1000);
    assert_int_equal(after.ready, 0);
    assert_int_equal(store_life(store, WANT_SNAPSHOTS, NULL), 0);
    world_run_until(&after.ready, 1000);
    assert_int_equal(asked(), 2);
    assert_string_equal(entry_id(DISK, "fourth"), "snap-00000004");
    assert_true(store_life(store, WANT_SNAPSHOTS, NULL) > 0);
}

static void slow_first(const struct cloud_call *call, int64_t *latency)
{
    (void)call;
    *latency = asked() == 1 ? 500 : 20;
}

static void test_overtaken(void **state)
{
    (void)state;
    static struct looker before, after;
    fake.submitted = slow_first;
    assert_true(look_begin(&before, WANT_SNAPSHOTS, NULL));
    world_run(5);
    store_refresh(store);
    assert_true(look_begin(&after, WANT_SNAPSHOTS, NULL));
    world_run_until(&after.ready, 1000);
    assert_int_equal(before.ready, 0);
    world_run_until(&before.ready, 1000);
    /* The older answer does not make what is known older. */
    assert_true(store_life(store, WANT_SNAPSHOTS, NULL) > 0);
    assert_int_equal(visible(DISK), 1);
}

static void test_refresh_of_a_disk(void **state)
{
    (void)state;
    const struct catalogue *catalogue = store_catalogue(store);
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    world_run(10);
    fake_forget_calls();
    store_refresh_disk(store, DISK);
    store_refresh_disk(store, "disk-9999");
    const struct disk *disk = catalogue_disk(catalogue, DISK);
    assert_int_equal(store_life(store, WANT_DISK_SNAPSHOTS, disk), 0);
    assert_int_equal(store_life(store, WANT_DISK, disk), 0);
    assert_true(store_life(store, WANT_DISK_SNAPSHOTS, catalogue_disk(catalogue, OTHER)) > 0);
    assert_true(store_life(store, WANT_SNAPSHOTS, NULL) > 0);
    fake_add_snapshot("snap-00000004", DISK, "new", 4);
    fake_add_snapshot("snap-00000005", OTHER, "new", 5);
    assert_int_equal(look(WANT_DISK_SNAPSHOTS, DISK), 0);
    assert_int_equal(asked(), 1);
    assert_string_equal(entry_id(DISK, "new"), "snap-00000004");
    assert_string_equal(entry_id(OTHER, "new"), "");
}

/* --- one disk, or all ---------------------------------------------------------------- */

static void test_first_look_at_one_disk(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        char id[32];
        snprintf(id, sizeof(id), "snap-1%07d", i);
        fake_add_snapshot(id, OTHER, "x", i);
    }
    assert_int_equal(look(WANT_DISK, DISK), 0);
    assert_int_equal(look(WANT_DISK_SNAPSHOTS, DISK), 0);
    assert_int_equal(asked(), 2);
    assert_int_equal(visible(DISK), 1);
    assert_int_equal(visible(OTHER), 0);
    assert_false(store_is_known(store, WANT_SNAPSHOTS, NULL));
    assert_false(store_is_known(store, WANT_DISKS, NULL));
}

/* Who looks into one disk while everything is listed has its snapshots after one trip. */
static void test_first_look_during_a_crawl(void **state)
{
    (void)state;
    static struct looker all, disk, snapshots;
    for (int i = 10; i < 60; i++) {
        char id[32];
        snprintf(id, sizeof(id), "snap-%08d", i);
        fake_add_snapshot(id, DISK, id, -1000 * i);
    }
    assert_true(look_begin(&all, WANT_SNAPSHOTS, NULL));
    world_run(5);
    assert_true(look_begin(&disk, WANT_DISK, OTHER));
    world_run(22);
    assert_int_equal(disk.ready, 1);
    assert_int_equal(all.ready, 0);
    assert_false(look_begin(&snapshots, WANT_DISK_SNAPSHOTS, OTHER));
    assert_string_equal(entry_id(OTHER, "second"), "snap-00000002");
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_DISKS], 1);
    world_run_until(&all.ready, 1000);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], 1 + (53 + FAKE_PAGE - 1) / FAKE_PAGE);
}

static void test_expected(void **state)
{
    (void)state;
    static struct looker all;
    store_expect(store, WANT_SNAPSHOTS, NULL);
    store_expect(store, WANT_SNAPSHOTS, NULL);
    world_run(10);
    assert_true(look_begin(&all, WANT_SNAPSHOTS, NULL));
    world_run_until(&all.ready, 1000);
    store_expect(store, WANT_SNAPSHOTS, NULL); /* is known */
    world_run(100);
    assert_int_equal(asked(), 1);
    /* Nobody has to come for it. */
    world_run(TTL);
    store_expect(store, WANT_SNAPSHOTS, NULL);
    world_run(100);
    assert_int_equal(asked(), 2);
    assert_true(store_life(store, WANT_SNAPSHOTS, NULL) > 0);
}

static void test_crawl(void **state)
{
    (void)state;
    static const char *const ids[] = {DISK, OTHER, "disk-0003"};
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(look(WANT_DISK, ids[i]), 0);
            assert_int_equal(look(WANT_DISK_SNAPSHOTS, ids[i]), 0);
            assert_int_equal(visible(ids[i]), 1);
        }
    }
    /* One of each alone, then one of each for everything. */
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_DISKS], 2);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], 2);
    /* A ttl later the same again. */
    world_run(TTL);
    fake_forget_calls();
    assert_int_equal(look(WANT_DISK_SNAPSHOTS, DISK), 0);
    assert_int_equal(asked(), 1);
    assert_int_equal(look(WANT_DISK_SNAPSHOTS, DISK), 0);
    assert_int_equal(asked(), 1);
}

/* What does not look like an id is not sent to the cloud as one. */
static void test_no_such_disk(void **state)
{
    (void)state;
    static struct looker looker;
    assert_int_equal(look(WANT_DISK, "disk-9999"), 0);
    assert_null(catalogue_disk(store_catalogue(store), "disk-9999"));
    assert_int_equal(asked(), 1);
    assert_int_equal(look(WANT_DISK, "disk-9998"), 0);
    assert_int_equal(asked(), 2);
    /* Now all are known: nothing more is asked, whatever is looked for. */
    for (int i = 0; i < 20; i++) {
        char id[32];
        snprintf(id, sizeof(id), "disk-99%02d", i);
        assert_false(look_begin(&looker, WANT_DISK, id));
    }
    assert_int_equal(asked(), 2);
    world_run(TTL);
    fake_forget_calls();
    assert_int_equal(look(WANT_DISK_SNAPSHOTS, "none"), 0);
    assert_int_equal(asked(), 1);
    assert_true(store_is_known(store, WANT_SNAPSHOTS, NULL));
}

/* The disk has gone, its snapshots are left. */
static void test_disk_is_gone(void **state)
{
    (void)state;
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    world_run(TTL);
    fake.disk_count = 0;
    assert_int_equal(look(WANT_DISK, DISK), 0);
    const struct disk *disk = catalogue_disk(store_catalogue(store), DISK);
    assert_non_null(disk);
    assert_false(disk->exists);
    assert_true(disk_is_visible(disk));
    assert_string_equal(entry_id(DISK, "first"), "snap-00000001");
}

/* --- disks= -------------------------------------------------------------------------- */

static void test_only_some_disks(void **state)
{
    (void)state;
    static const char *const only[] = {OTHER, NULL};
    world_reopen(only);
    fake.snapshot_count = 0;
    fake_add_many(35);
    fake_add_snapshot("snap-0000other", OTHER, "second", -1000);
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_true(store_shows_disk(store, OTHER));
    assert_false(store_shows_disk(store, DISK));
    assert_int_equal(store_catalogue(store)->disk_count, 1);
    assert_int_equal(store_catalogue(store)->snapshot_count, 1);
    assert_string_equal(entry_id(OTHER, "second"), "snap-0000other");
    assert_null(known("snap-00000001"));
    /* What is left out counts all the same: the account was at rest. */
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], 4);
}

/* --- status -------------------------------------------------------------------------- */

static void test_status(void **state)
{
    (void)state;
    static struct looker looker;
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    fake_forget_calls();
    /* Nothing in progress: as old as a listing may be. */
    assert_false(look_begin(&looker, WANT_STATUS, "snap-00000001"));
    assert_false(look_begin(&looker, WANT_STATUS, "snap-99999999"));
    world_run(TTL);
    assert_int_equal(look(WANT_STATUS, "snap-00000001"), 0);
    assert_int_equal(asked(), 1);

    snprintf(fake.snapshots[0].word, sizeof(fake.snapshots[0].word), "CREATING");
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    int64_t fetched = snapshot_fetched(known("snap-00000001"));
    fake_forget_calls();
    world_run(fetched + 1999 - fake.now);
    assert_false(look_begin(&looker, WANT_STATUS, "snap-00000001"));
    world_run(1);
    fake.snapshots[0].percent = 40;
    assert_int_equal(look(WANT_STATUS, "snap-00000001"), 0);
    assert_int_equal(asked(), 1);
    assert_int_equal(known("snap-00000001")->percent, 40);
    assert_true(snapshot_fetched(known("snap-00000001")) >= fetched + 2000);
}

/* --- what is shown ------------------------------------------------------------------- */

static bool stats_have(const char *line)
{
    return strstr(shown(store_put_stats), line) != NULL;
}

/* A question that took long to fail is left alone for longer; what is known is there meanwhile. */
static void test_slow_failure(void **state)
{
    (void)state;
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    world_run(TTL);
    fake_forget_calls();
    fake_fate(CLOUD_DESCRIBE_SNAPSHOTS, 0, FATE_LOST_REQUEST, -ETIMEDOUT);
    int64_t began = fake.now;
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), -ETIMEDOUT);
    int64_t took = fake.now - began;
    assert_true(took > 1000);
    fake_forget_calls();
    world_run(took);
    began = fake.now;
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), -ETIMEDOUT);
    assert_true(fake.now == began && asked() == 0);
    assert_true(store_is_known(store, WANT_SNAPSHOTS, NULL));
    /* Whoever refreshes wants to know. */
    world_run(1);
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_int_equal(asked(), 1);
}

static void test_stats(void **state)
{
    (void)state;
    assert_true(stats_have("disks_age never\n"));
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    world_run(1234 - 20);
    assert_true(stats_have("disks_age 1.234\n"));
    assert_true(stats_have("snapshots_age never\n"));
    assert_true(stats_have("stale 0\n"));
    assert_true(stats_have("disks 3\n"));
    fake_fate(CLOUD_DESCRIBE_SNAPSHOTS, 0, FATE_REFUSED, -EACCES);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), -EACCES);
    assert_true(stats_have("stale 1\n"));
    assert_true(stats_have("listings 2\n"));
}

static void test_last_rollback(void **state)
{
    (void)state;
    struct order order;
    struct buffer out;
    buffer_init(&out, 0);
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_int_equal(store_put_last_result(store, "rollback", "snap-00000001", &out), 0);
    assert_int_equal(out.length, 0);
    world_run(5000);
    fake_fate(CLOUD_APPLY_SNAPSHOT, 0, FATE_REFUSED, -EBUSY);
    assert_int_equal(roll_back(&order, "snap-00000001"), -EBUSY);
    assert_int_equal(store_put_last_result(store, "rollback", "snap-00000001", &out), 0);
    assert_non_null(strstr(out.data, "EBUSY Refused no"));
    world_run(5000);
    assert_int_equal(roll_back(&order, "snap-00000001"), 0);
    buffer_reset(&out);
    assert_int_equal(store_put_last_result(store, "rollback", "snap-00000001", &out), 0);
    assert_non_null(strstr(out.data, "accepted"));
    buffer_free(&out);
}

/* What a copy of a directory has to be dropped for: its entries, and nothing else's. */
static void test_versions(void **state)
{
    (void)state;
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    const struct catalogue *catalogue = store_catalogue(store);
    const struct disk *one = catalogue_disk(catalogue, "disk-0001");
    const struct disk *two = catalogue_disk(catalogue, "disk-0002");
    uint64_t of_two = two->entries_version, disks = catalogue->disks_version;
    /* Nothing new, added, renamed, gone; then an orphan, whose disk comes with it. */
    for (unsigned i = 0; i < 5; i++) {
        uint64_t of_one = one->entries_version, of_all = catalogue->entries_version;
        int64_t asked_before = store_asked(store, WANT_DISK_SNAPSHOTS, one);
        if (i == 1)
            fake_add_snapshot("snap-aaaa0003", "disk-0001", "c", 0);
        else if (i == 2)
            snprintf(fake_find("snap-aaaa0003")->name, sizeof(fake_find("snap-aaaa0003")->name),
                     "d");
        else if (i == 3)
            fake_remove("snap-aaaa0003");
        else if (i == 4)
            fake_add_snapshot("snap-aaaa0004", "disk-0009", "e", 0);
        store_refresh(store);
        assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
        assert_true(store_asked(store, WANT_DISK_SNAPSHOTS, one) > asked_before);
        assert_true((one->entries_version != of_one) == (i >= 1 && i <= 3));
        assert_true((catalogue->entries_version != of_all) == (i >= 1));
        assert_true((catalogue->disks_version != disks) == (i == 4));
        assert_true(two->entries_version == of_two);
    }
    disks = catalogue->disks_version;
    fake_remove("snap-aaaa0004");
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_true(catalogue->disks_version != disks);
}

int main(void)
{
#define STORE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fake_world_tear_down)
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_life),
        STORE_TEST(test_refresh),
        STORE_TEST(test_overtaken),
        STORE_TEST(test_refresh_of_a_disk),
        STORE_TEST(test_first_look_at_one_disk),
        STORE_TEST(test_first_look_during_a_crawl),
        STORE_TEST(test_expected),
        STORE_TEST(test_crawl),
        STORE_TEST(test_no_such_disk),
        STORE_TEST(test_disk_is_gone),
        STORE_TEST(test_only_some_disks),
        STORE_TEST(test_status),
        STORE_TEST(test_slow_failure),
        STORE_TEST(test_stats),
        STORE_TEST(test_last_rollback),
        STORE_TEST(test_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
