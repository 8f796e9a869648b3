/* SPDX-License-Identifier: Apache-2.0 */
/* Progress: polled together, and only while somebody looks or waits. */
#include "fake_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DISK     "disk-0001"
#define INTERVAL 2000

static void set_word(const char *id, const char *word, unsigned percent)
{
    struct fake_snapshot *snapshot = fake_find(id);
    snprintf(snapshot->word, sizeof(snapshot->word), "%s", word);
    snapshot->percent = percent;
}

static unsigned asked(void)
{
    return fake.calls[CLOUD_DESCRIBE_DISKS] + fake.calls[CLOUD_DESCRIBE_SNAPSHOTS];
}

/* `count` snapshots, all in progress. */
static void begin(unsigned count)
{
    fake_add_disk(DISK, "one");
    fake_add_many(count);
    for (unsigned i = 0; i < count; i++)
        set_word(fake.snapshots[i].id, "CREATING", 0);
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    fake_forget_calls();
}

static unsigned largest;

static void note_ids(const struct cloud_call *call)
{
    if (call->id_count > largest)
        largest = (unsigned)call->id_count;
}

static void test_nobody_looks(void **state)
{
    (void)state;
    begin(5);
    world_run(100000);
    assert_int_equal(asked(), 0);
}

static struct looker crowd[60];

/* A cloud that takes one id in a call: the listing, where that is fewer calls. */
static void test_one_id_a_call(void **state)
{
    (void)state;
    fake_store_provider.id_limit = 1;
    begin(3);
    largest = 0;
    fake.before = note_ids;
    world_run(INTERVAL);
    assert_true(look_begin(&crowd[0], WANT_STATUS, fake.snapshots[0].id));
    fake.snapshots[2].percent = 33;
    world_run(1000);
    assert_int_equal(crowd[0].ready, 1);
    assert_int_equal(crowd[0].status, 0);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], 1);
    assert_int_equal(largest, 0);
    assert_int_equal(known(fake.snapshots[2].id)->percent, 33);
    set_word(fake.snapshots[1].id, "NORMAL", 100);
    set_word(fake.snapshots[2].id, "NORMAL", 100);
    world_run(INTERVAL);
    assert_true(look_begin(&crowd[1], WANT_STATUS, fake.snapshots[0].id));
    world_run(1000);
    fake_forget_calls();
    world_run(INTERVAL);
    assert_true(look_begin(&crowd[2], WANT_STATUS, fake.snapshots[0].id));
    world_run(1000);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], 1);
    assert_int_equal(largest, 1);
    /* A round that cannot be had says so. */
    fake_store_provider.id_limit = 4;
    set_word(fake.snapshots[1].id, "CREATING", 1);
    set_word(fake.snapshots[2].id, "CREATING", 1);
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    fake_store_provider.id_limit = 1;
    world_run(INTERVAL);
    fake_forget_calls();
    fake_fate(CLOUD_DESCRIBE_SNAPSHOTS, 0, FATE_REFUSED, -EACCES);
    assert_true(look_begin(&crowd[3], WANT_STATUS, fake.snapshots[0].id));
    world_run(1000);
    assert_int_equal(crowd[3].status, -EACCES);
}

/* As many calls a round as the ids need, however many look. */
static void test_together(void **state)
{
    (void)state;
    begin(9);
    largest = 0;
    fake.before = note_ids;
    world_run(INTERVAL);
    for (size_t i = 0; i < 60; i++)
        assert_true(look_begin(&crowd[i], WANT_STATUS, fake.snapshots[i % 9].id));
    fake.snapshots[8].percent = 33;
    world_run(1000);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], 3);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_DISKS], 0);
    assert_int_equal(largest, FAKE_IDS);
    for (size_t i = 0; i < 60; i++)
        assert_int_equal(crowd[i].ready, 1);
    assert_int_equal(known(fake.snapshots[8].id)->percent, 33);
    /* They have looked: nothing more is asked. */
    world_run(60000);
    assert_int_equal(asked(), 3);
}

static void test_wait(void **state)
{
    (void)state;
    begin(2);
    for (size_t i = 0; i < 20; i++)
        assert_true(look_begin(&crowd[i], WANT_SETTLED, fake.snapshots[i % 2].id));
    world_run(20 * INTERVAL);
    /* One call an interval for all of them. */
    assert_true(asked() >= 19 && asked() <= 21);
    assert_int_equal(crowd[0].ready, 0);
    set_word("snap-00000000", "NORMAL", 100);
    world_run(INTERVAL + 100);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(crowd[i].ready, i % 2 == 0 ? 1 : 0);
    /* Those who still wait change their minds. */
    for (size_t i = 1; i < 20; i += 2)
        store_unwait(&crowd[i].waiter);
    world_run(INTERVAL);
    fake_forget_calls();
    world_run(20 * INTERVAL);
    assert_true(asked() == 0);
}

static void test_settled_already(void **state)
{
    (void)state;
    static struct looker looker;
    begin(1);
    set_word("snap-00000000", "ERROR", 10);
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_false(look_begin(&looker, WANT_SETTLED, "snap-00000000"));
    assert_false(look_begin(&looker, WANT_SETTLED, "snap-99999999"));
}

/* An id that the answer does not show is gone. */
static void test_vanished(void **state)
{
    (void)state;
    static struct looker waiter, other;
    begin(6);
    assert_true(look_begin(&waiter, WANT_SETTLED, "snap-00000002"));
    assert_true(look_begin(&other, WANT_SETTLED, "snap-00000003"));
    world_run(INTERVAL);
    fake_remove("snap-00000002");
    world_run(INTERVAL);
    assert_null(known("snap-00000002"));
    assert_int_equal(waiter.ready, 1);
    assert_int_equal(waiter.status, 0);
    assert_int_equal(other.ready, 0);
    assert_int_equal(visible(DISK), 5);
    store_unwait(&other.waiter);
}

/* A listing settles it as well: nobody has to be polled for that. */
static void test_settled_by_a_listing(void **state)
{
    (void)state;
    static struct looker waiter;
    begin(1);
    assert_true(look_begin(&waiter, WANT_SETTLED, "snap-00000000"));
    set_word("snap-00000000", "NORMAL", 100);
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_int_equal(waiter.ready, 1);
    assert_int_equal(asked(), 1);
}

static void test_failing_round(void **state)
{
    (void)state;
    static struct looker waiter, looker;
    begin(6);
    world_run(INTERVAL);
    fake_fate(CLOUD_DESCRIBE_SNAPSHOTS, 1, FATE_REFUSED, -EACCES);
    assert_true(look_begin(&waiter, WANT_SETTLED, "snap-00000000"));
    assert_true(look_begin(&looker, WANT_STATUS, "snap-00000001"));
    world_run(100);
    assert_int_equal(looker.ready, 1);
    assert_int_equal(looker.status, -EACCES);
    /* Who waits goes on waiting, at the same pace. */
    assert_int_equal(waiter.ready, 0);
    for (unsigned i = 2; i < 16; i++)
        fake_fate(CLOUD_DESCRIBE_SNAPSHOTS, i, FATE_NOT_SENT, -EHOSTUNREACH);
    unsigned before = asked();
    world_run(7 * INTERVAL);
    assert_true(asked() - before <= 2 * 7);
    assert_int_equal(visible(DISK), 6);
    set_word("snap-00000000", "NORMAL", 100);
    world_run(3 * INTERVAL);
    assert_int_equal(waiter.ready, 1);
}

/* --- a rollback shows its disk's progress -------------------------------------------- */

static void test_rollback_progress(void **state)
{
    (void)state;
    struct order order;
    static struct looker waiter, looker;
    fake_add_disk(DISK, "one");
    fake_add_many(3);
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_int_equal(roll_back(&order, "snap-00000001"), 0);
    fake_forget_calls();
    /* What was known before the rollback is no answer, however fresh. */
    assert_true(look_begin(&looker, WANT_STATUS, "snap-00000001"));
    world_run_until(&looker.ready, 1000);
    assert_true(look_begin(&waiter, WANT_SETTLED, "snap-00000001"));
    fake.disks[0].percent = 60;
    world_run(INTERVAL + 100);
    assert_true(fake.calls[CLOUD_DESCRIBE_DISKS] >= 1);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_DISKS], fake.calls[CLOUD_DESCRIBE_SNAPSHOTS]);
    assert_int_equal(snapshot_percent(known("snap-00000001")), 60);
    assert_string_equal(snapshot_word(known("snap-00000001")), "ROLLBACKING");
    fake.disks[0].rolling_back = false;
    set_word("snap-00000001", "NORMAL", 100);
    world_run(INTERVAL + 100);
    assert_int_equal(waiter.ready, 1);
    assert_string_equal(snapshot_word(known("snap-00000001")), "NORMAL");
}

/* --- poll(2) ------------------------------------------------------------------------- */

static unsigned changes;

static void changed(void *data)
{
    (void)data;
    changes++;
}

static void test_watch(void **state)
{
    (void)state;
    begin(1);
    changes = 0;
    store_on_change(store, changed, NULL);
    store_watch(store, 1);
    world_run(5 * INTERVAL);
    assert_true(asked() >= 4 && asked() <= 6);
    /* Told of news only. */
    assert_true(changes <= 1);
    unsigned before = changes;
    set_word("snap-00000000", "CREATING", 50);
    world_run(INTERVAL);
    assert_int_equal(changes, before + 1);
    store_watch(store, -1);
    world_run(INTERVAL);
    fake_forget_calls();
    world_run(10 * INTERVAL);
    assert_int_equal(asked(), 0);
    store_on_change(store, NULL, NULL);
}

/* Dropped with a round under way (the tear-down looks for what is left). */
static void test_dropped(void **state)
{
    (void)state;
    static struct looker waiter, looker;
    begin(9);
    world_run(INTERVAL);
    assert_true(look_begin(&waiter, WANT_SETTLED, "snap-00000000"));
    assert_true(look_begin(&looker, WANT_STATUS, "snap-00000001"));
    world_run(5);
    assert_int_equal(fake.in_flight, 3);
    store_free(store);
    store = NULL;
    assert_int_equal(waiter.ready + looker.ready, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_nobody_looks),
        WORLD_TEST(test_one_id_a_call),
        WORLD_TEST(test_together),
        WORLD_TEST(test_wait),
        WORLD_TEST(test_settled_already),
        WORLD_TEST(test_vanished),
        WORLD_TEST(test_settled_by_a_listing),
        WORLD_TEST(test_failing_round),
        WORLD_TEST(test_rollback_progress),
        WORLD_TEST(test_watch),
        WORLD_TEST(test_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
