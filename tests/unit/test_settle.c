/* SPDX-License-Identifier: Apache-2.0 */
/* Changes whose outcome is not known, and renames that wait. */
#include "fake_client.h"

#include "cbsfs/buffer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DISK    "disk-0001"
#define TIMEOUT 10000

static int set_up(void **state)
{
    fake_world_set_up(state);
    fake_add_disk(DISK, "one");
    fake_add_snapshot("snap-00000001", DISK, "first", -5000);
    fake_add_snapshot("snap-00000002", DISK, "second", -4000);
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    world_run(1000);
    fake_forget_calls();
    return 0;
}

static void set_word(const char *id, const char *word, unsigned percent)
{
    struct fake_snapshot *snapshot = fake_find(id);
    snprintf(snapshot->word, sizeof(snapshot->word), "%s", word);
    snapshot->percent = percent;
}

static bool jobs_have(const char *state)
{
    char wanted[32];
    snprintf(wanted, sizeof(wanted), "\"%s\"", state);
    return strstr(shown(store_put_jobs), wanted) != NULL;
}

/* --- a creation ---------------------------------------------------------------------- */

static void test_create_found(void **state)
{
    (void)state;
    static const enum fake_fate fates[] = {FATE_LOST_ANSWER, FATE_INTERNAL_DONE, FATE_NO_ID};
    for (size_t i = 0; i < sizeof fates / sizeof *fates; i++) {
        struct order order;
        char name[16];
        snprintf(name, sizeof(name), "made%zu", i);
        fake_forget_calls();
        fake_fate(CLOUD_CREATE_SNAPSHOT, 0, fates[i], 0);
        assert_int_equal(make(&order, DISK, name), 0);
        assert_string_equal(order.id, fake.snapshots[2 + i].id);
        assert_string_equal(entry_id(DISK, name), order.id);
        assert_int_equal(fake.calls[CLOUD_CREATE_SNAPSHOT], 1);
        assert_true(jobs_have("done"));
    }
}

static int64_t began;

/* The listing lags behind what happened. */
static void lag(const struct cloud_call *call)
{
    if (call->verb == CLOUD_DESCRIBE_SNAPSHOTS && fake.now > began + 8000 &&
        fake.snapshot_count == 2)
        fake_add_snapshot("snap-0000late", DISK, "third", began / 1000);
}

static void hide_created(const struct cloud_call *call)
{
    if (call->verb == CLOUD_DESCRIBE_SNAPSHOTS)
        fake.snapshot_count = 2;
}

static void test_create_found_late(void **state)
{
    (void)state;
    struct order order;
    began = fake.now;
    fake.before = lag;
    fake_fate(CLOUD_CREATE_SNAPSHOT, 0, FATE_LOST_REQUEST, 0);
    assert_int_equal(make(&order, DISK, "third"), 0);
    assert_string_equal(order.id, "snap-0000late");
    assert_true(order.at <= began + TIMEOUT);
    assert_int_equal(fake.calls[CLOUD_CREATE_SNAPSHOT], 1);
}

static void test_create_not_found(void **state)
{
    (void)state;
    struct order order, second;
    began = fake.now;
    fake_fate(CLOUD_CREATE_SNAPSHOT, 0, FATE_LOST_REQUEST, 0);
    assert_int_equal(make(&order, DISK, "third"), -ETIMEDOUT);
    assert_true(order.at <= began + TIMEOUT);
    assert_true(jobs_have("watching"));
    assert_non_null(strstr(shown(store_put_errors), "ETIMEDOUT"));
    /* It may still happen: doing it again could make two. Another name or disk may go ahead. */
    assert_int_equal(make(&second, DISK, "third"), -EBUSY);
    assert_int_equal(make(&second, DISK, "fourth"), 0);
    assert_int_equal(fake.calls[CLOUD_CREATE_SNAPSHOT], 2);

    /* It does happen, and appears by itself. */
    fake_add_snapshot("snap-0000late", DISK, "third", world_wall() - FAKE_EPOCH);
    world_run(6000);
    assert_string_equal(entry_id(DISK, "third"), "snap-0000late");
    assert_false(jobs_have("watching"));
    assert_int_equal(order.done, 1);
    assert_int_equal(make(&second, DISK, "third"), -EEXIST);
    assert_int_equal(fake.calls[CLOUD_CREATE_SNAPSHOT], 2);
}

/* Somebody else's look shows it first, and it does not keep its name until ours. */
static void test_create_shown_to_another(void **state)
{
    (void)state;
    struct order order;
    fake_fate(CLOUD_CREATE_SNAPSHOT, 0, FATE_LOST_REQUEST, 0);
    assert_int_equal(make(&order, DISK, "third"), -ETIMEDOUT);
    world_run(2100);
    fake_add_snapshot("snap-0000late", DISK, "third", world_wall() - FAKE_EPOCH);
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_false(jobs_have("watching"));
    assert_true(jobs_have("done"));
    assert_int_equal(move(&order, "snap-0000late", "kept"), 0);
    world_run(70000);
    assert_false(jobs_have("failed"));
    assert_string_equal(entry_id(DISK, "kept"), "snap-0000late");
}

static void test_create_never_found(void **state)
{
    (void)state;
    struct order order;
    fake_fate(CLOUD_CREATE_SNAPSHOT, 0, FATE_LOST_REQUEST, 0);
    assert_int_equal(make(&order, DISK, "third"), -ETIMEDOUT);
    world_run(70000);
    assert_true(jobs_have("failed"));
    assert_false(jobs_have("watching"));
    assert_int_equal(order.done, 1);
    unsigned asked = fake.calls[CLOUD_DESCRIBE_SNAPSHOTS];
    world_run(70000);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], asked);
    assert_int_equal(fake.calls[CLOUD_CREATE_SNAPSHOT], 1);
    assert_int_equal(make(&order, DISK, "third"), 0);
}

/* An error that was answered says no more than a lost answer: a listing may lag behind it. What the
 * cloud said stays to be read. */
static void test_create_internal_error(void **state)
{
    (void)state;
    struct order order;
    began = fake.now;
    fake_fate(CLOUD_CREATE_SNAPSHOT, 0, FATE_INTERNAL, 0);
    assert_int_equal(make(&order, DISK, "third"), -ETIMEDOUT);
    assert_true(order.at > began + TIMEOUT - 1000 && order.at <= began + TIMEOUT);
    assert_true(jobs_have("watching"));
    static const char *const told[] = {"ETIMEDOUT", "\"code\":\"InternalError\"", "oops",
                                       "not be found out in time"};
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        assert_non_null(strstr(shown(store_put_errors), told[i]));
        assert_non_null(strstr(shown(store_put_jobs), told[i]));
    }
    assert_int_equal(fake.calls[CLOUD_CREATE_SNAPSHOT], 1);
}

static void test_internal_error_found_late(void **state)
{
    (void)state;
    struct order order;
    began = fake.now;
    fake.before = lag;
    fake_fate(CLOUD_CREATE_SNAPSHOT, 0, FATE_INTERNAL, 0);
    assert_int_equal(make(&order, DISK, "third"), 0);
    assert_string_equal(order.id, "snap-0000late");
    assert_int_equal(fake.calls[CLOUD_CREATE_SNAPSHOT], 1);
}

/* Neither a new snapshot nor another one takes the name that may be given already. */
static void test_undecided_name_is_not_given(void **state)
{
    (void)state;
    struct order order, made;
    assert_int_equal(make(&made, DISK, "made"), 0);
    fake_fate(CLOUD_CREATE_SNAPSHOT, 1, FATE_INTERNAL, 0);
    assert_int_equal(make(&order, DISK, "third"), -ETIMEDOUT);
    assert_string_equal(snapshot_word(known(made.id)), "CREATING");
    assert_int_equal(make(&order, DISK, "third"), -EBUSY);
    assert_int_equal(move(&order, made.id, "third"), -EBUSY);
    assert_int_equal(move(&order, "snap-00000001", "third"), -EBUSY);
    assert_int_equal(fake.calls[CLOUD_CREATE_SNAPSHOT], 2);
    assert_int_equal(fake.calls[CLOUD_RENAME_SNAPSHOT], 0);
}

/* Accepted, but nobody says which it is: without seeing it there is no answer to give. */
static void test_create_without_id(void **state)
{
    (void)state;
    struct order order;
    began = fake.now;
    fake_fate(CLOUD_CREATE_SNAPSHOT, 0, FATE_NO_ID, 0);
    fake.before = hide_created;
    assert_int_equal(make(&order, DISK, "third"), -ETIMEDOUT);
    assert_true(order.at <= began + TIMEOUT);
    assert_int_equal(fake.calls[CLOUD_CREATE_SNAPSHOT], 1);
}

/* The cloud says nothing at all any more: the answer comes in time all the same. */
static void test_in_time_though_silent(void **state)
{
    (void)state;
    for (int verb = CLOUD_CREATE_SNAPSHOT; verb <= CLOUD_DELETE_SNAPSHOT; verb++) {
        struct order order;
        fake.silent = true;
        fake_forget_calls();
        for (unsigned i = 0; i < FAKE_FATES; i++)
            fake_fate((enum cloud_verb)verb, i, FATE_LOST_REQUEST, 0);
        began = fake.now;
        int status = verb == CLOUD_CREATE_SNAPSHOT   ? make(&order, DISK, "third")
                     : verb == CLOUD_APPLY_SNAPSHOT  ? roll_back(&order, "snap-00000001")
                     : verb == CLOUD_RENAME_SNAPSHOT ? move(&order, "snap-00000001", "other")
                                                     : delete (&order, "snap-00000002");
        assert_int_equal(status, -ETIMEDOUT);
        assert_true(order.at <= began + TIMEOUT);
        bool is_repeatable = verb == CLOUD_RENAME_SNAPSHOT || verb == CLOUD_DELETE_SNAPSHOT;
        assert_true(fake.calls[verb] == 1 || is_repeatable);
        assert_true(jobs_have("watching"));
        /* Without an answer nothing is decided. */
        world_run(100000);
        assert_true(jobs_have("watching"));
        fake.silent = false;
        world_run(100000);
        assert_false(jobs_have("watching"));
        assert_int_equal(order.done, 1);
    }
}

/* A snapshot of this name that we have just deleted or renamed is not the one that was ordered. */
static void test_not_the_one_before(void **state)
{
    (void)state;
    struct order order, first;
    assert_int_equal(make(&first, DISK, "third"), 0);
    set_word(first.id, "NORMAL", 100);
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_int_equal(delete (&order, first.id), 0);
    /* Still listed, for a while. */
    fake_add_snapshot(first.id, DISK, "third", world_wall() - FAKE_EPOCH);
    fake_fate(CLOUD_CREATE_SNAPSHOT, 1, FATE_LOST_REQUEST, 0);
    assert_int_equal(make(&order, DISK, "third"), -ETIMEDOUT);
    assert_string_equal(entry_id(DISK, "third"), "");
}

/* Nor is one that somebody else made a little earlier. */
static void test_not_the_one_of_another(void **state)
{
    (void)state;
    struct order order;
    world_run(20000);
    fake_add_snapshot("snap-00000003", DISK, "third", world_wall() - FAKE_EPOCH - 10);
    fake_fate(CLOUD_CREATE_SNAPSHOT, 0, FATE_LOST_REQUEST, 0);
    assert_int_equal(make(&order, DISK, "third"), -ETIMEDOUT);
    assert_int_equal(fake.calls[CLOUD_CREATE_SNAPSHOT], 1);
}

/* One that we made a moment ago and that a listing has lost since is not the second one. */
static void test_not_the_one_made_before(void **state)
{
    (void)state;
    struct order order, first;
    assert_int_equal(make(&first, DISK, "third"), 0);
    assert_int_equal(look(WANT_STATUS, first.id), 0);
    world_run(2000);
    assert_int_equal(look(WANT_STATUS, first.id), 0);
    struct fake_snapshot kept = *fake_find(first.id);
    fake_remove(first.id);
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    fake.snapshots[fake.snapshot_count++] = kept;
    fake_fate(CLOUD_CREATE_SNAPSHOT, 1, FATE_LOST_REQUEST, 0);
    assert_true(make(&order, DISK, "third") != 0);
}

static void test_not_the_one_renamed_later(void **state)
{
    (void)state;
    struct order order, first;
    assert_int_equal(make(&first, DISK, "third"), 0);
    assert_int_equal(move(&order, first.id, "kept"), 0);
    fake_fate(CLOUD_CREATE_SNAPSHOT, 1, FATE_LOST_REQUEST, 0);
    assert_int_equal(make(&order, DISK, "third"), -ETIMEDOUT);
    assert_string_equal(entry_id(DISK, "kept"), first.id);
}

/* Somebody gives the name to a young snapshot that was known under another. */
static void test_not_the_one_renamed_elsewhere(void **state)
{
    (void)state;
    struct order order;
    fake_add_snapshot("snap-00000003", DISK, "young", world_wall() - FAKE_EPOCH);
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    world_run(10);
    snprintf(fake_find("snap-00000003")->name, sizeof(fake_find("snap-00000003")->name), "third");
    fake_fate(CLOUD_CREATE_SNAPSHOT, 0, FATE_LOST_REQUEST, 0);
    assert_int_equal(make(&order, DISK, "third"), -ETIMEDOUT);
    assert_int_equal(fake.calls[CLOUD_CREATE_SNAPSHOT], 1);
}

/* --- a rollback ---------------------------------------------------------------------- */

static void test_rollback_found(void **state)
{
    (void)state;
    struct order order;
    fake_fate(CLOUD_APPLY_SNAPSHOT, 0, FATE_LOST_ANSWER, 0);
    assert_int_equal(roll_back(&order, "snap-00000001"), 0);
    assert_string_equal(snapshot_word(known("snap-00000001")), "ROLLBACKING");
    assert_int_equal(fake.calls[CLOUD_APPLY_SNAPSHOT], 1);
}

static void test_rollback_not_found(void **state)
{
    (void)state;
    struct order order;
    fake_fate(CLOUD_APPLY_SNAPSHOT, 0, FATE_LOST_REQUEST, 0);
    assert_int_equal(roll_back(&order, "snap-00000001"), -ETIMEDOUT);
    assert_int_equal(roll_back(&order, "snap-00000001"), -EBUSY);
    assert_int_equal(roll_back(&order, "snap-00000002"), -EBUSY);
    assert_int_equal(delete (&order, "snap-00000001"), -EBUSY);
    world_run(70000);
    /* It may have begun and ended between two looks. */
    assert_true(jobs_have("unknown"));
    assert_false(jobs_have("failed"));
    assert_int_equal(fake.calls[CLOUD_APPLY_SNAPSHOT], 1);
    assert_int_equal(roll_back(&order, "snap-00000001"), 0);
}

static void test_rollback_internal_error(void **state)
{
    (void)state;
    struct order order;
    fake_fate(CLOUD_APPLY_SNAPSHOT, 0, FATE_INTERNAL, 0);
    assert_int_equal(roll_back(&order, "snap-00000001"), -ETIMEDOUT);
    assert_int_equal(fake.calls[CLOUD_APPLY_SNAPSHOT], 1);
}

/* Somebody else rolls the disk back to another snapshot: that is not what was ordered. */
static void test_rollback_of_another(void **state)
{
    (void)state;
    struct order order;
    set_word("snap-00000002", "ROLLBACKING", 100);
    fake.disks[0].rolling_back = true;
    fake_fate(CLOUD_APPLY_SNAPSHOT, 0, FATE_INTERNAL, 0);
    assert_int_equal(roll_back(&order, "snap-00000001"), -ETIMEDOUT);
    assert_true(jobs_have("watching"));
    assert_false(jobs_have("done"));
}

/* The rollback before is over, and a listing that lags still shows it. */
static void test_rollback_shown_from_before(void **state)
{
    (void)state;
    struct order order;
    assert_int_equal(roll_back(&order, "snap-00000001"), 0);
    world_run(2000);
    assert_int_equal(look(WANT_STATUS, "snap-00000001"), 0);
    set_word("snap-00000001", "NORMAL", 100);
    fake.disks[0].rolling_back = false;
    world_run(10000);
    assert_int_equal(look(WANT_STATUS, "snap-00000001"), 0);
    assert_string_equal(snapshot_word(known("snap-00000001")), "NORMAL");
    set_word("snap-00000001", "ROLLBACKING", 100);
    fake_fate(CLOUD_APPLY_SNAPSHOT, 1, FATE_LOST_REQUEST, 0);
    assert_int_equal(roll_back(&order, "snap-00000001"), -ETIMEDOUT);
    assert_true(jobs_have("watching"));
    /* No listing lags for a minute. */
    world_run(62000);
    assert_false(jobs_have("watching"));
    assert_false(jobs_have("unknown"));
}

/* --- what may be sent again ---------------------------------------------------------- */

static void test_rename_and_delete_again(void **state)
{
    (void)state;
    static const enum fake_fate fates[] = {FATE_LOST_REQUEST, FATE_LOST_ANSWER, FATE_INTERNAL,
                                           FATE_INTERNAL_DONE};
    for (size_t i = 0; i < sizeof fates / sizeof *fates; i++) {
        struct order order;
        char id[32], name[32];
        snprintf(id, sizeof(id), "snap-1000000%zu", i);
        snprintf(name, sizeof(name), "name%zu", i);
        fake_add_snapshot(id, DISK, name, (int64_t)i - 1000);
        store_refresh(store);
        world_run(1);
        store_refresh(store);
        assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
        fake_forget_calls();
        fake_fate(CLOUD_RENAME_SNAPSHOT, 0, fates[i], 0);
        fake_fate(CLOUD_DELETE_SNAPSHOT, 0, fates[i], 0);
        snprintf(name, sizeof(name), "other%zu", i);
        assert_int_equal(move(&order, id, name), 0);
        assert_int_equal(fake.calls[CLOUD_RENAME_SNAPSHOT], 2);
        assert_string_equal(entry_id(DISK, name), id);
        assert_int_equal(delete (&order, id), 0);
        assert_int_equal(fake.calls[CLOUD_DELETE_SNAPSHOT], 2);
        /* What the cloud answers to the second one needs no listing. */
        assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], 0);
        assert_null(fake_find(id));
        assert_string_equal(entry_id(DISK, id), "");
    }
}

static void lose_every(enum cloud_verb verb, enum fake_fate fate)
{
    for (unsigned i = 0; i < FAKE_FATES; i++)
        fake_fate(verb, i, fate, 0);
}

/* No answer is ever a good one: then what is listed decides. */
static void test_rename_and_delete_seen(void **state)
{
    (void)state;
    struct order order;
    lose_every(CLOUD_RENAME_SNAPSHOT, FATE_INTERNAL_DONE);
    assert_int_equal(move(&order, "snap-00000001", "other"), 0);
    assert_string_equal(entry_id(DISK, "other"), "snap-00000001");
    lose_every(CLOUD_DELETE_SNAPSHOT, FATE_INTERNAL);
    assert_int_equal(delete (&order, "snap-00000002"), -ETIMEDOUT);
    assert_true(fake.calls[CLOUD_DELETE_SNAPSHOT] <= 5);
    fake_remove("snap-00000002");
    world_run(3000);
    assert_string_equal(entry_id(DISK, "second"), "");
    assert_false(jobs_have("watching"));
}

/* A listing that lags may show the name that it had before somebody else took it away. */
static void test_name_that_it_had_before(void **state)
{
    (void)state;
    struct order order;
    struct fake_snapshot *snapshot = fake_find("snap-00000001");
    snprintf(snapshot->name, sizeof(snapshot->name), "theirs");
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    world_run(2000);
    snprintf(snapshot->name, sizeof(snapshot->name), "first");
    lose_every(CLOUD_RENAME_SNAPSHOT, FATE_INTERNAL);
    assert_int_equal(move(&order, "snap-00000001", "first"), -ETIMEDOUT);
}

/* What was made a moment ago may be missing in a listing though it was not deleted. */
static void test_absence_of_the_young(void **state)
{
    (void)state;
    struct order order;
    fake_add_snapshot("snap-00000003", DISK, "third", world_wall() - FAKE_EPOCH);
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    lose_every(CLOUD_DELETE_SNAPSHOT, FATE_INTERNAL);
    fake.before = hide_created;
    assert_int_equal(delete (&order, "snap-00000003"), -ETIMEDOUT);
    assert_true(jobs_have("watching"));
    world_run(62000);
    assert_true(jobs_have("done"));
}

/* `none` is a directory of ours: the cloud, asked about a disk of that name, has nothing to show.
 */
static void test_delete_without_disk(void **state)
{
    (void)state;
    struct order order;
    fake_add_snapshot("snap-0000copy", "", "copy", -3000);
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_string_equal(entry_id(CATALOGUE_NO_DISK, "copy"), "snap-0000copy");
    lose_every(CLOUD_DELETE_SNAPSHOT, FATE_INTERNAL);
    assert_int_equal(delete (&order, "snap-0000copy"), -ETIMEDOUT);
    assert_string_equal(entry_id(CATALOGUE_NO_DISK, "copy"), "snap-0000copy");
}

static void slow_first(const struct cloud_call *call, int64_t *latency)
{
    if (call->verb == CLOUD_DESCRIBE_SNAPSHOTS && fake.calls[CLOUD_DESCRIBE_SNAPSHOTS] == 1)
        *latency = 2000;
}

/* A listing that was under way before the change proves nothing about it. */
static void test_older_listing_is_no_evidence(void **state)
{
    (void)state;
    static struct looker looker;
    struct order order;
    world_run(40000);
    fake.submitted = slow_first;
    assert_true(look_begin(&looker, WANT_DISK_SNAPSHOTS, DISK));
    world_run(1005);
    fake_fate(CLOUD_CREATE_SNAPSHOT, 0, FATE_INTERNAL_DONE, 0);
    assert_int_equal(make(&order, DISK, "third"), 0);
    assert_int_equal(looker.ready, 0);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], 2);
    world_run_until(&looker.ready, 2000);
    assert_string_equal(entry_id(DISK, "third"), order.id);
}

/* The first has happened after all, the repetition finds nothing: that is success. */
static void late_deletion(const struct cloud_call *call)
{
    if (call->verb == CLOUD_DELETE_SNAPSHOT)
        fake_remove("snap-00000001");
}

static void test_delete_twice(void **state)
{
    (void)state;
    struct order order;
    fake.before = late_deletion;
    fake_fate(CLOUD_DELETE_SNAPSHOT, 0, FATE_LOST_REQUEST, 0);
    assert_int_equal(delete (&order, "snap-00000001"), 0);
    assert_int_equal(fake.calls[CLOUD_DELETE_SNAPSHOT], 2);
    assert_string_equal(entry_id(DISK, "first"), "");
    /* At the first attempt it is an error. */
    fake.before = NULL;
    fake_remove("snap-00000002");
    assert_int_equal(delete (&order, "snap-00000002"), -ENOENT);
}

/* The repetition never left this machine: what became of the first is as unknown as before. */
static void test_repetition_not_sent(void **state)
{
    (void)state;
    struct order order;
    fake_fate(CLOUD_DELETE_SNAPSHOT, 0, FATE_LOST_REQUEST, 0);
    for (unsigned i = 1; i < FAKE_FATES; i++)
        fake_fate(CLOUD_DELETE_SNAPSHOT, i, FATE_NOT_SENT, -EHOSTUNREACH);
    assert_int_equal(delete (&order, "snap-00000001"), -ETIMEDOUT);
    assert_true(jobs_have("watching"));
    fake_remove("snap-00000001");
    world_run(6000);
    assert_true(jobs_have("done"));
    assert_string_equal(entry_id(DISK, "first"), "");
}

/* --- a rename that waits for NORMAL -------------------------------------------------- */

static void test_rename_while_creating(void **state)
{
    (void)state;
    struct order order, made;
    assert_int_equal(make(&made, DISK, "Untitled Folder"), 0);
    assert_int_equal(move(&order, made.id, "kept"), 0);
    assert_int_equal(move(&order, made.id, "kept better"), 0);
    assert_int_equal(fake.calls[CLOUD_RENAME_SNAPSHOT], 0);
    assert_string_equal(entry_id(DISK, "kept better"), made.id);
    assert_string_equal(entry_id(DISK, "kept"), "");
    assert_string_equal(entry_id(DISK, "Untitled Folder"), "");
    assert_true(jobs_have("later"));
    /* Nobody looks, and yet it is polled. */
    world_run(10000);
    assert_int_equal(fake.calls[CLOUD_RENAME_SNAPSHOT], 0);
    set_word(made.id, "NORMAL", 100);
    world_run(3000);
    assert_int_equal(fake.calls[CLOUD_RENAME_SNAPSHOT], 1);
    assert_string_equal(fake_find(made.id)->name, "kept better");
    assert_string_equal(entry_id(DISK, "kept better"), made.id);
    assert_null(snapshot_more(known(made.id))->wanted_name);
    assert_false(jobs_have("later"));
    /* And then no more, whatever else is in progress. */
    assert_int_equal(make(&made, DISK, "another"), 0);
    world_run(3000);
    assert_int_equal(look(WANT_STATUS, made.id), 0);
    unsigned asked = fake.calls[CLOUD_DESCRIBE_SNAPSHOTS];
    world_run(20000);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], asked);
}

/* Two at once: both are answered, the later one counts. */
static void test_two_renames_while_creating(void **state)
{
    (void)state;
    struct order made, first = {.done = 0}, second = {.done = 0};
    assert_int_equal(make(&made, DISK, "new"), 0);
    assert_int_equal(store_rename(store, made.id, "a", "p", order_done, &first, &first.job), 0);
    assert_int_equal(store_rename(store, made.id, "b", "p", order_done, &second, &second.job), 0);
    world_run(10);
    assert_int_equal(first.done, 1);
    assert_int_equal(second.done, 1);
    set_word(made.id, "NORMAL", 100);
    world_run(3000);
    assert_int_equal(fake.calls[CLOUD_RENAME_SNAPSHOT], 1);
    assert_string_equal(fake_find(made.id)->name, "b");
}

static void test_later_rename_refused(void **state)
{
    (void)state;
    struct order order, made;
    assert_int_equal(make(&made, DISK, "new"), 0);
    assert_int_equal(move(&order, made.id, "kept"), 0);
    fake_fate(CLOUD_RENAME_SNAPSHOT, 0, FATE_REFUSED, -EACCES);
    set_word(made.id, "NORMAL", 100);
    world_run(3000);
    assert_int_equal(fake.calls[CLOUD_RENAME_SNAPSHOT], 1);
    assert_int_equal(order.done, 1);
    assert_string_equal(entry_id(DISK, "new"), made.id);
    assert_string_equal(entry_id(DISK, "kept"), "");
    assert_non_null(strstr(shown(store_put_errors), "EACCES"));
    assert_int_equal(delete (&order, made.id), 0);
}

/* Nothing is heard of it: the entry goes back to what the cloud says, and the snapshot is free. */
static void test_later_rename_lost(void **state)
{
    (void)state;
    struct order order, made;
    assert_int_equal(make(&made, DISK, "new"), 0);
    assert_int_equal(move(&order, made.id, "kept"), 0);
    for (unsigned i = 0; i < 3; i++)
        fake_fate(CLOUD_RENAME_SNAPSHOT, i, FATE_LOST_REQUEST, 0);
    set_word(made.id, "NORMAL", 100);
    world_run(100000);
    assert_true(jobs_have("failed"));
    /* Nobody waited for it any more, and yet the reason can be read. */
    assert_non_null(strstr(shown(store_put_errors), "ETIMEDOUT"));
    assert_string_equal(entry_id(DISK, "new"), made.id);
    assert_int_equal(delete (&order, made.id), 0);
}

static void test_later_rename_of_what_went(void **state)
{
    (void)state;
    struct order order, made;
    assert_int_equal(make(&made, DISK, "new"), 0);
    world_run(70000);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_int_equal(move(&order, made.id, "kept"), 0);
    fake_remove(made.id);
    world_run(70000);
    assert_int_equal(fake.calls[CLOUD_RENAME_SNAPSHOT], 0);
    assert_null(known(made.id));
    assert_non_null(strstr(shown(store_put_errors), "ENOENT"));
    assert_false(jobs_have("later"));
}

int main(void)
{
#define SETTLE_TEST(function)                                                                      \
    cmocka_unit_test_setup_teardown(function, set_up, fake_world_tear_down)
    const struct CMUnitTest tests[] = {
        SETTLE_TEST(test_create_found),
        SETTLE_TEST(test_create_found_late),
        SETTLE_TEST(test_create_not_found),
        SETTLE_TEST(test_create_shown_to_another),
        SETTLE_TEST(test_create_never_found),
        SETTLE_TEST(test_create_internal_error),
        SETTLE_TEST(test_internal_error_found_late),
        SETTLE_TEST(test_undecided_name_is_not_given),
        SETTLE_TEST(test_create_without_id),
        SETTLE_TEST(test_in_time_though_silent),
        SETTLE_TEST(test_not_the_one_before),
        SETTLE_TEST(test_not_the_one_of_another),
        SETTLE_TEST(test_not_the_one_made_before),
        SETTLE_TEST(test_not_the_one_renamed_later),
        SETTLE_TEST(test_not_the_one_renamed_elsewhere),
        SETTLE_TEST(test_rollback_found),
        SETTLE_TEST(test_rollback_not_found),
        SETTLE_TEST(test_rollback_internal_error),
        SETTLE_TEST(test_rollback_of_another),
        SETTLE_TEST(test_rollback_shown_from_before),
        SETTLE_TEST(test_rename_and_delete_again),
        SETTLE_TEST(test_rename_and_delete_seen),
        SETTLE_TEST(test_name_that_it_had_before),
        SETTLE_TEST(test_absence_of_the_young),
        SETTLE_TEST(test_delete_without_disk),
        SETTLE_TEST(test_older_listing_is_no_evidence),
        SETTLE_TEST(test_delete_twice),
        SETTLE_TEST(test_repetition_not_sent),
        SETTLE_TEST(test_rename_while_creating),
        SETTLE_TEST(test_two_renames_while_creating),
        SETTLE_TEST(test_later_rename_refused),
        SETTLE_TEST(test_later_rename_lost),
        SETTLE_TEST(test_later_rename_of_what_went),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
