/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of the CAM role: fetched once for all who wait, renewed before they end. */
#include "credentials_room.h"

static void nothing_found_names_every_place(void **state)
{
    struct room *room = *state;
    open_source(room, NULL);
    assert_int_equal(get_once(room, NULL), -EINPROGRESS);
    wait_ready(room, 1);
    assert_true(room->ready_status < 0);
    assert_int_equal(get_once(room, NULL), -EKEYREJECTED);
    assert_message(room, "TENCENTCLOUD_SECRET_ID");
    assert_message(room, "~/.tccli/default.credential");
    assert_message(room, "~/.tencentcloud/credentials [default]");
    assert_message(room, "CAM role: no role is bound to this instance");
    assert_origin(room, "none");
}

static void the_role_gives_keys_to_all_who_wait(void **state)
{
    struct room *room = *state;
    room->metadata->status = 200;
    open_source(room, NULL);
    assert_int_equal(get_once(room, NULL), -EINPROGRESS);
    assert_int_equal(get_once(room, NULL), -EINPROGRESS);
    int other;
    assert_int_equal(
        room->source.get(room->source.self, NULL, &room->got, &room->error, ready, &other),
        -EINPROGRESS);
    room->source.cancel(room->source.self, &other);
    assert_int_equal(room->ready_count, 0);
    wait_ready(room, 2);
    assert_int_equal(room->ready_status, 0);
    assert_int_equal(get_once(room, NULL), 0);
    assert_string_equal(room->got.secret_id, "AKIDtemporary2");
    assert_string_equal(room->got.secret_key, "temporary-key");
    assert_string_equal(room->got.token, "temporary-token");
    assert_origin(room, "CAM role cbs-role");
    assert_int_equal(room->metadata->requests, 2);
    run_for(room, 50);
    assert_int_equal(get_once(room, NULL), 0);
    assert_int_equal(room->metadata->requests, 2);
}

static void keys_near_their_end_are_renewed_behind_the_scenes(void **state)
{
    struct room *room = *state;
    room->metadata->status = 200;
    room->metadata->lifetime = 200;
    open_source(room, NULL);
    assert_int_equal(get(room, NULL), 0);
    assert_string_equal(room->got.secret_id, "AKIDtemporary2");
    int64_t deadline = clock_now() + PATIENCE;
    do {
        run_for(room, 20);
        assert_int_equal(get_once(room, NULL), 0);
    } while (strcmp(room->got.secret_id, "AKIDtemporary2") == 0 && clock_now() < deadline);
    assert_string_equal(room->got.secret_id, "AKIDtemporary4");

    /* The service fails: the old keys stay. */
    room->metadata->status = 500;
    int before = room->metadata->requests;
    do {
        run_for(room, 20);
        assert_int_equal(get_once(room, NULL), 0);
    } while (room->metadata->requests == before && clock_now() < deadline);
    assert_true(room->metadata->requests > before);
    run_for(room, 100);
    assert_int_equal(get_once(room, NULL), 0);
}

static void ended_keys_that_cannot_be_renewed_have_expired(void **state)
{
    struct room *room = *state;
    room->metadata->status = 200;
    room->metadata->lifetime = 2;
    open_source(room, NULL);
    assert_int_equal(get(room, NULL), 0);
    room->metadata->status = 503;
    int64_t deadline = clock_now() + PATIENCE;
    int status;
    do {
        run_for(room, 50);
        status = get(room, NULL);
    } while (status == 0 && clock_now() < deadline);
    assert_int_equal(status, -EKEYEXPIRED);
    assert_message(room, "CAM role cbs-role");
    assert_message(room, "503");
}

static void keys_that_have_ended_replace_no_good_ones(void **state)
{
    struct room *room = *state;
    room->metadata->status = 200;
    room->metadata->lifetime = 100;
    open_source(room, NULL);
    assert_int_equal(get(room, NULL), 0);
    room->metadata->lifetime = -10;
    int64_t deadline = clock_now() + PATIENCE;
    while (room->metadata->requests < 4 && clock_now() < deadline) {
        assert_int_equal(get_once(room, NULL), 0);
        run_for(room, 20);
    }
    run_for(room, 100);
    assert_int_equal(get_once(room, NULL), 0);
    assert_string_equal(room->got.secret_id, "AKIDtemporary2");
}

static void a_failing_service_is_asked_ever_more_seldom(void **state)
{
    struct room *room = *state;
    open_source(room, NULL);
    int64_t end = clock_now() + 4500;
    while (clock_now() < end) {
        assert_int_equal(get(room, NULL), -EKEYREJECTED);
        run_for(room, 10);
    }
    /* At 0, 1 and 3 s. */
    assert_in_range(room->metadata->requests, 2, 3);
}

static void refused_keys_of_the_role_are_fetched_anew(void **state)
{
    struct room *room = *state;
    room->metadata->status = 200;
    open_source(room, NULL);
    assert_int_equal(get(room, NULL), 0);
    assert_string_equal(room->got.secret_id, "AKIDtemporary2");
    int64_t deadline = clock_now() + PATIENCE;
    int status;
    while ((status = get(room, "AKIDtemporary2")) == -EKEYREJECTED && clock_now() < deadline)
        run_for(room, 50);
    assert_int_equal(status, 0);
    assert_string_equal(room->got.secret_id, "AKIDtemporary4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_a_room(nothing_found_names_every_place),
        in_a_room(the_role_gives_keys_to_all_who_wait),
        in_a_room(keys_near_their_end_are_renewed_behind_the_scenes),
        in_a_room(ended_keys_that_cannot_be_renewed_have_expired),
        in_a_room(keys_that_have_ended_replace_no_good_ones),
        in_a_room(a_failing_service_is_asked_ever_more_seldom),
        in_a_room(refused_keys_of_the_role_are_fetched_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
