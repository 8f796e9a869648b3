/* SPDX-License-Identifier: Apache-2.0 */
/* Changes whose answer comes: accepted, refused, never sent, cancelled. */
#include "fake_client.h"

#include "cbsfs/buffer.h"
#include "cbsfs/cloud.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DISK "disk-0001"

static int set_up(void **state)
{
    fake_world_set_up(state);
    fake_add_disk(DISK, "one");
    fake_add_disk("disk-0002", "two");
    fake_add_snapshot("snap-00000001", DISK, "first", 1);
    fake_add_snapshot("snap-00000002", DISK, "second", 2);
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    world_run(1000);
    fake_forget_calls();
    return 0;
}

static bool error_has(const char *word)
{
    struct buffer out;
    buffer_init(&out, 0);
    assert_int_equal(store_put_error(store, DISK, NULL, &out), 0);
    bool has = out.data != NULL && strstr(out.data, word) != NULL;
    buffer_free(&out);
    return has;
}

/* --- accepted ------------------------------------------------------------------------ */

static void test_create(void **state)
{
    (void)state;
    struct order order;
    assert_int_equal(make(&order, DISK, "third"), 0);
    assert_int_equal(fake.calls[CLOUD_CREATE_SNAPSHOT], 1);
    assert_string_equal(order.id, fake.snapshots[2].id);
    assert_string_equal(entry_id(DISK, "third"), order.id);
    assert_string_equal(snapshot_word(known(order.id)), "CREATING");
    assert_int_equal(snapshot_percent(known(order.id)), 0);
    assert_int_equal(store_running_jobs(store), 0);
    assert_non_null(strstr(shown(store_put_jobs), "\"done\""));
    assert_false(error_has("errno"));
    /* No question was needed. */
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS] + fake.calls[CLOUD_DESCRIBE_DISKS], 0);
}

static void test_create_refused_here(void **state)
{
    (void)state;
    struct order order;
    assert_int_equal(make(&order, DISK, "first"), -EEXIST);
    assert_true(error_has("snap-00000001"));
    assert_int_equal(make(&order, "disk-9999", "x"), -ENOENT);
    fake.disk_count = 1;
    store_refresh(store);
    world_run(1);
    store_refresh(store);
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    /* A disk that is gone, with a snapshot left. */
    fake_add_snapshot("snap-00000009", "disk-0009", "orphan", 9);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_int_equal(make(&order, "disk-0009", "x"), -EOPNOTSUPP);
    assert_int_equal(order.done, 0);
    assert_int_equal(fake.calls[CLOUD_CREATE_SNAPSHOT], 0);
    assert_int_equal(store_running_jobs(store), 0);
}

static void test_refused_there(void **state)
{
    (void)state;
    struct order order;
    fake_fate(CLOUD_CREATE_SNAPSHOT, 0, FATE_REFUSED, -EDQUOT);
    fake_fate(CLOUD_APPLY_SNAPSHOT, 0, FATE_REFUSED, -EBUSY);
    fake_fate(CLOUD_RENAME_SNAPSHOT, 0, FATE_REFUSED, -EACCES);
    fake_fate(CLOUD_DELETE_SNAPSHOT, 0, FATE_REFUSED, -EBUSY);
    assert_int_equal(make(&order, DISK, "third"), -EDQUOT);
    assert_true(error_has("EDQUOT") && error_has("Refused") && error_has("path/made"));
    assert_int_equal(roll_back(&order, "snap-00000001"), -EBUSY);
    assert_int_equal(move(&order, "snap-00000001", "other"), -EACCES);
    assert_int_equal(delete (&order, "snap-00000001"), -EBUSY);
    for (int verb = CLOUD_CREATE_SNAPSHOT; verb <= CLOUD_DELETE_SNAPSHOT; verb++)
        assert_int_equal(fake.calls[verb], 1);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS] + fake.calls[CLOUD_DESCRIBE_DISKS], 0);
    /* Nothing has changed. */
    assert_int_equal(visible(DISK), 2);
    assert_string_equal(entry_id(DISK, "first"), "snap-00000001");
    assert_string_equal(snapshot_word(known("snap-00000001")), "NORMAL");
    assert_int_equal(known("snap-00000001")->pending, 0);
}

static void test_never_sent(void **state)
{
    (void)state;
    struct order order;
    fake_fate(CLOUD_CREATE_SNAPSHOT, 0, FATE_NOT_SENT, -ECONNREFUSED);
    fake_fate(CLOUD_CREATE_SNAPSHOT, 1, FATE_HELD, 0);
    assert_int_equal(make(&order, DISK, "third"), -ECONNREFUSED);
    assert_int_equal(make(&order, DISK, "third"), -EAGAIN);
    assert_int_equal(fake.executed[CLOUD_CREATE_SNAPSHOT], 0);
    /* Nothing is left that could forbid the next attempt. */
    assert_int_equal(make(&order, DISK, "third"), 0);
}

static void test_rollback(void **state)
{
    (void)state;
    struct order order, other = {.done = 0};
    assert_int_equal(
        store_rollback(store, "snap-00000001", true, true, "p", order_done, &other, &other.job), 0);
    /* On the wire: no second one of this disk, nor a deletion that could take it away. */
    assert_int_equal(roll_back(&order, "snap-00000001"), -EBUSY);
    assert_int_equal(roll_back(&order, "snap-00000002"), -EBUSY);
    assert_int_equal(delete (&order, "snap-00000001"), -EBUSY);
    assert_int_equal(delete (&order, "snap-00000002"), -EBUSY);
    assert_int_equal(store_running_jobs(store), 1);
    world_run_until(&other.done, 1000);
    assert_int_equal(other.status, 0);
    assert_string_equal(snapshot_word(known("snap-00000001")), "ROLLBACKING");
    /* Accepted: the disk is busy, though no listing has said so. */
    assert_int_equal(roll_back(&order, "snap-00000001"), -EBUSY);
    assert_int_equal(roll_back(&order, "snap-00000002"), -EBUSY);
    assert_int_equal(delete (&order, "snap-00000001"), -EBUSY);
    assert_int_equal(fake.calls[CLOUD_APPLY_SNAPSHOT], 1);
    assert_int_equal(fake.calls[CLOUD_DELETE_SNAPSHOT], 0);
}

static void test_rollback_refused_here(void **state)
{
    (void)state;
    struct order order;
    snprintf(fake.snapshots[0].word, sizeof(fake.snapshots[0].word), "CREATING");
    fake.disks[1].rolling_back = true;
    fake_add_snapshot("snap-00000003", "disk-0002", "third", 3);
    fake_add_snapshot("snap-00000009", "disk-0009", "orphan", 9);
    store_refresh(store);
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_int_equal(roll_back(&order, "snap-00000001"), -EBUSY);
    assert_int_equal(roll_back(&order, "snap-00000003"), -EBUSY);
    assert_int_equal(roll_back(&order, "snap-00000009"), -EOPNOTSUPP);
    assert_int_equal(roll_back(&order, "snap-99999999"), -ENOENT);
    assert_int_equal(fake.calls[CLOUD_APPLY_SNAPSHOT], 0);
}

static void test_rename(void **state)
{
    (void)state;
    struct order order;
    assert_int_equal(move(&order, "snap-00000001", "second"), -EEXIST);
    assert_int_equal(move(&order, "snap-99999999", "x"), -ENOENT);
    assert_int_equal(fake.calls[CLOUD_RENAME_SNAPSHOT], 0);
    assert_int_equal(move(&order, "snap-00000001", "other"), 0);
    assert_string_equal(fake_find("snap-00000001")->name, "other");
    assert_string_equal(entry_id(DISK, "other"), "snap-00000001");
    assert_string_equal(entry_id(DISK, "first"), "");
    /* The name that is free now may be given by whoever asks for it. */
    assert_int_equal(move(&order, "snap-00000002", "first"), 0);
    assert_string_equal(entry_id(DISK, "first"), "snap-00000002");
}

/* Accepted, and then? */
static void test_slow_deletions(void **state)
{
    (void)state;
    struct order order;
    fake.deletes_slowly = true;
    assert_int_equal(delete (&order, "snap-00000001"), 0);
    assert_string_equal(entry_id(DISK, "first"), "");
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_string_equal(entry_id(DISK, "first"), "");
    /* However long it takes. */
    world_run(200000);
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_string_equal(entry_id(DISK, "first"), "");
    assert_int_equal(strlen(shown(store_put_errors)), 0);
    struct fake_snapshot *snapshot = fake_find("snap-00000001");
    snprintf(snapshot->word, sizeof(snapshot->word), "ERROR");
    snapshot->deletion_failed = true;
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_string_equal(entry_id(DISK, "first"), "snap-00000001");
    assert_string_equal(snapshot_word(known("snap-00000001")), "ERROR");
    const char *errors = shown(store_put_errors);
    assert_non_null(strstr(errors, "\"operation\":\"rmdir\""));
    assert_non_null(strstr(errors, "could not carry it out"));
    /* It is told once. */
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_null(strchr(strchr(shown(store_put_errors), '\n') + 1, '\n'));
}

/* The answer was lost, and the deletion that is sent again is refused because the first is under
 * way. */
static void test_slow_deletion_sent_again(void **state)
{
    (void)state;
    struct order order;
    fake.deletes_slowly = true;
    fake_fate(CLOUD_DELETE_SNAPSHOT, 0, FATE_INTERNAL_DONE, -EREMOTEIO);
    fake_fate(CLOUD_DELETE_SNAPSHOT, 1, FATE_REFUSED, -EBUSY);
    assert_int_equal(delete (&order, "snap-00000001"), 0);
    assert_string_equal(entry_id(DISK, "first"), "");
}

static void test_delete(void **state)
{
    (void)state;
    struct order order, made;
    assert_int_equal(delete (&order, "snap-00000001"), 0);
    assert_string_equal(entry_id(DISK, "first"), "");
    assert_string_equal(entry_id(DISK, "snap-00000001"), "");
    assert_int_equal(visible(DISK), 1);
    assert_int_equal(delete (&order, "snap-00000001"), -ENOENT);
    assert_int_equal(roll_back(&order, "snap-00000001"), -ENOENT);
    assert_int_equal(move(&order, "snap-00000001", "x"), -ENOENT);
    assert_int_equal(fake.calls[CLOUD_DELETE_SNAPSHOT], 1);
    fake.snapshots[0].images = 2;
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_int_equal(delete (&order, "snap-00000002"), -EBUSY);
    assert_int_equal(make(&made, DISK, "new"), 0);
    assert_int_equal(delete (&order, made.id), -EBUSY);
    assert_int_equal(fake.calls[CLOUD_DELETE_SNAPSHOT], 1);
}

/* --- interrupted --------------------------------------------------------------------- */

static void test_cancel(void **state)
{
    (void)state;
    struct order order = {.done = 0};
    fake_fate(CLOUD_CREATE_SNAPSHOT, 0, FATE_HELD, 0);
    assert_int_equal(store_create(store, DISK, "third", "p", order_done, &order, &order.job), 0);
    world_run(100);
    assert_true(job_cancel(order.job));
    assert_int_equal(store_running_jobs(store), 0);
    assert_int_equal(fake.in_flight, 0);
    world_run(60000);
    assert_int_equal(order.done, 0);
    assert_int_equal(fake.executed[CLOUD_CREATE_SNAPSHOT], 0);

    /* What is on the wire runs to its answer. */
    assert_int_equal(store_create(store, DISK, "third", "p", order_done, &order, &order.job), 0);
    assert_false(job_cancel(order.job));
    world_run_until(&order.done, 1000);
    assert_int_equal(order.status, 0);
    assert_int_equal(fake.executed[CLOUD_CREATE_SNAPSHOT], 1);
}

/* A deletion that is sent again was sent before: "nothing happened" would not be true. */
static void test_no_cancel_of_a_repetition(void **state)
{
    (void)state;
    struct order order = {.done = 0};
    fake_fate(CLOUD_DELETE_SNAPSHOT, 0, FATE_LOST_REQUEST, 0);
    fake_fate(CLOUD_DELETE_SNAPSHOT, 1, FATE_HELD, 0);
    assert_int_equal(store_delete(store, "snap-00000001", "p", order_done, &order, &order.job), 0);
    world_run(7000);
    assert_int_equal(fake.calls[CLOUD_DELETE_SNAPSHOT], 2);
    assert_int_equal(order.done, 0);
    assert_false(job_cancel(order.job));
    world_run(60000);
    assert_int_equal(order.done, 1);
    assert_true(order.status != 0);
}

static void test_forget(void **state)
{
    (void)state;
    struct order order = {.done = 0};
    assert_int_equal(store_create(store, DISK, "third", "p", order_done, &order, &order.job), 0);
    job_forget(order.job);
    world_run(1000);
    assert_int_equal(order.done, 0);
    assert_string_not_equal(entry_id(DISK, "third"), "");
}

/* The end of the program, with everything under way: no callback, no leak (the tear-down looks). */
static void test_dropped(void **state)
{
    (void)state;
    struct order orders[4] = {{.done = 0}}, made;
    assert_int_equal(make(&made, DISK, "new"), 0);
    fake_fate(CLOUD_DELETE_SNAPSHOT, 0, FATE_LOST_REQUEST, 0);
    fake_fate(CLOUD_APPLY_SNAPSHOT, 0, FATE_LOST_REQUEST, 0);
    assert_int_equal(
        store_delete(store, "snap-00000002", "p", order_done, &orders[0], &orders[0].job), 0);
    world_run(6500);
    assert_int_equal(
        store_create(store, DISK, "third", "p", order_done, &orders[1], &orders[1].job), 0);
    assert_int_equal(store_rename(store, made.id, "x", "p", order_done, &orders[2], &orders[2].job),
                     0);
    assert_int_equal(store_rollback(store, "snap-00000001", false, false, "p", order_done,
                                    &orders[3], &orders[3].job),
                     0);
    store_free(store);
    store = NULL;
    world_run(60000);
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(orders[i].done, 0);
}

/* --- what is shown ------------------------------------------------------------------- */

static void test_jobs_kept(void **state)
{
    (void)state;
    struct order order;
    for (unsigned i = 0; i < 200; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%u", i);
        assert_int_equal(move(&order, "snap-00000001", name), 0);
    }
    unsigned lines = 0;
    for (const char *at = shown(store_put_jobs); (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_true(lines >= 64 && lines <= 66);
    assert_int_equal(fake.calls[CLOUD_RENAME_SNAPSHOT], 200);
}

static void test_errors_kept(void **state)
{
    (void)state;
    struct order order;
    char name[16];
    for (unsigned i = 0; i < 1100; i++) {
        snprintf(name, sizeof(name), "disk-no%u", i);
        assert_int_equal(make(&order, name, "x"), -ENOENT);
    }
    const char *text = shown(store_put_errors);
    unsigned lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, 1024);
    struct buffer out;
    buffer_init(&out, 0);
    assert_int_equal(store_put_error(store, "disk-no1099", NULL, &out), 0);
    assert_non_null(strstr(out.data, "errno: ENOENT\n"));
    buffer_reset(&out);
    /* The oldest have gone. */
    assert_int_equal(store_put_error(store, "disk-no5", NULL, &out), 0);
    assert_int_equal(out.length, 0);
    buffer_free(&out);
}

static void test_stores_side_by_side(void **state)
{
    (void)state;
    const struct store_settings settings = {
        .ttl = 1000, .timeout = 1000, .prefix = "regions/elsewhere/", .beside = store};
    struct store *other = store_new(NULL, NULL, &settings),
                 *third = store_new(NULL, NULL, &settings);
    struct store *turns[] = {other, store, third, store, other, other, third};
    char path[16], expected[64] = "", found[64] = "";
    assert_true(other != NULL && third != NULL);
    for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
        snprintf(path, sizeof(path), "path-%zu", i);
        store_refuse(turns[i], NULL, NULL, path, "look", -EPERM, "no");
        snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "%zu", i);
    }
    /* In the order in which it happened, whoever is asked. */
    const char *text = shown(store_put_errors);
    for (const char *at = text; (at = strstr(at, "path-")) != NULL; at++)
        strncat(found, at + strlen("path-"), 1);
    assert_string_equal(found, expected);
    store_free(third);
    assert_null(strstr(shown(store_put_errors), "path-2"));
    assert_non_null(strstr(shown(store_put_errors), "path-5"));
    struct order order = {.done = 0};
    assert_int_equal(store_create(store, DISK, "new", "p", order_done, &order, &order.job), 0);
    assert_int_equal(store_running_jobs(other), 1);
    store_free(other);
    assert_non_null(strstr(shown(store_put_errors), "path-3"));
}

int main(void)
{
#define JOBS_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fake_world_tear_down)
    const struct CMUnitTest tests[] = {
        JOBS_TEST(test_create),
        JOBS_TEST(test_create_refused_here),
        JOBS_TEST(test_refused_there),
        JOBS_TEST(test_never_sent),
        JOBS_TEST(test_rollback),
        JOBS_TEST(test_rollback_refused_here),
        JOBS_TEST(test_rename),
        JOBS_TEST(test_delete),
        JOBS_TEST(test_slow_deletions),
        JOBS_TEST(test_slow_deletion_sent_again),
        JOBS_TEST(test_cancel),
        JOBS_TEST(test_no_cancel_of_a_repetition),
        JOBS_TEST(test_forget),
        JOBS_TEST(test_dropped),
        JOBS_TEST(test_jobs_kept),
        JOBS_TEST(test_errors_kept),
        JOBS_TEST(test_stores_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
