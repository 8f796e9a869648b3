/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded answers of a real Cinder, and shapes that EVS documents, as records and errors. */
#include "recorded.h"

#include "cbsfs/provider.h"
#include "cbsfs/timestamp.h"

#include <errno.h>

static const char *one_id[] = {"9267d9b0-3cf5-4d4b-b9a4-c7cbeb779d8a"};

static const struct cloud_call disks = {.verb = CLOUD_DESCRIBE_DISKS, .limit = 1000};
static const struct cloud_call disk = {.verb = CLOUD_DESCRIBE_DISKS, .ids = one_id, .id_count = 1};
static const struct cloud_call snapshots = {.verb = CLOUD_DESCRIBE_SNAPSHOTS, .limit = 1000};
static const struct cloud_call snapshot = {
    .verb = CLOUD_DESCRIBE_SNAPSHOTS, .ids = one_id, .id_count = 1};
static const struct cloud_call create = {.verb = CLOUD_CREATE_SNAPSHOT};
static const struct cloud_call revert = {.verb = CLOUD_APPLY_SNAPSHOT};
static const struct cloud_call rename_it = {.verb = CLOUD_RENAME_SNAPSHOT};
static const struct cloud_call groups = {.verb = CLOUD_DESCRIBE_GROUPS, .limit = 1000};
static const struct cloud_call create_group = {.verb = CLOUD_CREATE_GROUP};
static const struct cloud_call delete_group = {.verb = CLOUD_DELETE_GROUP};
static const struct cloud_call delete_it = {.verb = CLOUD_DELETE_SNAPSHOT};

static void decode_file(const struct cloud_call *call, const char *name,
                        struct cloud_answer *answer)
{
    struct recorded recorded;
    recorded_read(&recorded, name);
    cloud_answer_init(answer);
    provider_openstack.decode(call, &recorded.reply, answer);
    assert_int_equal(answer->error.http_status, recorded.reply.status);
    recorded_free(&recorded);
}

static const char *no_header(const struct http_reply *reply, const char *name)
{
    (void)reply, (void)name;
    return NULL;
}

static void decode_text(const struct provider *provider, const struct cloud_call *call, long status,
                        const char *body, struct cloud_answer *answer)
{
    const struct http_reply reply = {.failure = HTTP_OK,
                                     .status = status,
                                     .body = body,
                                     .body_length = strlen(body),
                                     .header = no_header};
    cloud_answer_init(answer);
    provider->decode(call, &reply, answer);
}

static int64_t utc(const char *text)
{
    int64_t seconds;
    assert_int_equal(timestamp_parse(text, 0, &seconds), 0);
    return seconds;
}

/* --- records ------------------------------------------------------------------------- */

static void volumes_are_disks(void **state)
{
    (void)state;
    struct cloud_answer answer;
    decode_file(&disks, "15-volumes-detail", &answer);
    assert_int_equal(answer.error.status, 0);
    assert_int_equal(answer.count, 6);
    assert_int_equal(answer.unreadable, 0);
    assert_int_equal(answer.total, -1);
    assert_null(answer.next);
    const struct disk_record *attached = &answer.disks[0], *unnamed = &answer.disks[1];
    assert_string_equal(attached->id, "22e803bb-41ed-428b-9748-39b4fa31ee75");
    assert_string_equal(attached->name, "attached");
    assert_string_equal(attached->state, "in-use");
    assert_string_equal(attached->usage, "DATA_DISK");
    assert_string_equal(attached->type, "fake");
    assert_string_equal(attached->zone, "nova");
    assert_string_equal(attached->instance, "11111111-2222-3333-4444-555555555555");
    assert_string_equal(attached->project, "902620d3958448719cfe302b74f5cf75");
    assert_int_equal(attached->size, 4);
    assert_int_equal(attached->created, utc("2026-11-20T19:07:03Z"));
    assert_true(attached->attached);
    assert_false(attached->encrypted);
    assert_false(attached->rolling_back);
    assert_string_equal(unnamed->name, "");
    assert_false(unnamed->name_untold);
    assert_false(unnamed->attached);
    assert_string_equal(answer.disks[5].name, "café 数据");
    cloud_answer_free(&answer);
}

static const char *member(const struct cloud_answer *answer, size_t at, const char *key)
{
    const char *text = json_string_value(json_object_get(json_array_get(answer->list, at), key));
    assert_non_null(text);
    return text;
}

static void groups_are_read(void **state)
{
    (void)state;
    struct cloud_answer answer;
    decode_file(&groups, "95-group-snapshots-detail", &answer);
    assert_int_equal(answer.error.status, 0);
    assert_int_equal(json_array_size(answer.list), 2);
    assert_int_equal(answer.total, -1);
    assert_null(answer.next);
    const json_t *whole = json_array_get(answer.list, 0);
    assert_string_equal(member(&answer, 0, "id"), "67cef0a9-a3e4-4bf1-bb7b-302aaf23b051");
    assert_string_equal(member(&answer, 0, "name"), "before 升级");
    assert_string_equal(member(&answer, 0, "state"), "available");
    assert_string_equal(member(&answer, 0, "word"), "NORMAL");
    assert_string_equal(member(&answer, 0, "policy"), "");
    assert_int_equal(json_integer_value(json_object_get(whole, "percent")), 100);
    assert_int_equal(json_integer_value(json_object_get(whole, "created")),
                     utc("2026-11-22T00:54:44Z"));
    assert_true(json_is_array(json_object_get(whole, "snapshots")));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(whole, "raw"), "group_id")),
        "23eebb8b-3e71-455c-9c95-0bfc05aa5fd2");
    assert_string_equal(member(&answer, 1, "name"), "");
    assert_string_equal(member(&answer, 1, "word"), "ERROR");
    cloud_answer_free(&answer);
    decode_file(&groups, "94-group-snapshots-detail-creating", &answer);
    assert_string_equal(member(&answer, 0, "word"), "CREATING");
    cloud_answer_free(&answer);
    decode_file(&groups, "102-group-snapshots-detail-deleting", &answer);
    assert_string_equal(member(&answer, 0, "word"), "DELETING");
    cloud_answer_free(&answer);
    /* A page that is full leads to the next one; the link is called otherwise than the others. */
    decode_file(&groups, "96-group-snapshots-detail-limit1", &answer);
    assert_int_equal(json_array_size(answer.list), 1);
    assert_string_equal(answer.next, "67cef0a9-a3e4-4bf1-bb7b-302aaf23b051");
    cloud_answer_free(&answer);
    decode_text(&provider_openstack, &groups, 200,
                "{\"group_snapshots\": [{\"id\": 7}, {\"id\": \"-x\"}, 5, {\"id\": \"g1\"}]}",
                &answer);
    assert_int_equal(answer.error.status, 0);
    assert_int_equal(answer.unreadable, 3);
    assert_string_equal(member(&answer, 0, "id"), "g1");
    assert_true(json_is_null(json_object_get(json_array_get(answer.list, 0), "created")));
    cloud_answer_free(&answer);
    decode_text(&provider_openstack, &groups, 200, "{\"snapshots\": []}", &answer);
    assert_int_equal(answer.error.status, -EPROTO);
    cloud_answer_free(&answer);
}

/* Of which group they are, volumes and snapshots say themselves. */
static void members_say_of_which_group_they_are(void **state)
{
    (void)state;
    struct cloud_answer answer;
    decode_file(&snapshots, "97-snapshots-detail-of-groups", &answer);
    assert_int_equal(answer.count, 4);
    assert_string_equal(answer.snapshots[0].group, "67cef0a9-a3e4-4bf1-bb7b-302aaf23b051");
    assert_string_equal(answer.snapshots[1].group, "67cef0a9-a3e4-4bf1-bb7b-302aaf23b051");
    assert_false(answer.snapshots[0].deletion_failed);
    assert_string_equal(answer.snapshots[3].group, "ff5eaaba-dd86-4341-8c69-63eda330f887");
    /* Those of a group are not left in error_deleting. */
    assert_true(answer.snapshots[3].deletion_failed);
    cloud_answer_free(&answer);
    decode_file(&snapshots, "25-snapshots-detail-mv-3.70", &answer);
    assert_string_equal(answer.snapshots[0].group, "");
    cloud_answer_free(&answer);
    decode_file(&disk, "92-volume-show-in-a-group", &answer);
    assert_string_equal(answer.disks[0].group, "23eebb8b-3e71-455c-9c95-0bfc05aa5fd2");
    cloud_answer_free(&answer);
    decode_file(&disks, "16-volumes-detail-mv-3.70", &answer);
    assert_string_equal(answer.disks[0].group, "");
    cloud_answer_free(&answer);
}

static void groups_are_changed(void **state)
{
    (void)state;
    static const struct {
        const struct cloud_call *call;
        const char *file;
        int status;
        const char *words;
    } refused[] = {
        {&delete_it, "98-err-delete-snapshot-of-a-group", -EBUSY, "part of a group"},
        {&create_group, "99-err-group-snapshot-of-an-empty-group", -EBUSY, "cannot be empty"},
        {&delete_group, "100-err-delete-group-snapshot-while-creating", -EBUSY,
         "must be available"},
        {&delete_group, "103-err-404-group-snapshot", -ENOENT, "could not be found"},
        {&create_group, "90-err-413-quota", -EDQUOT, "exceeded"},
        /* A server that does not know the version in which there are groups. */
        {&groups, "82-err-406-microversion", -EOPNOTSUPP, "is not supported by the API"},
    };
    struct cloud_answer answer;
    decode_file(&create_group, "93-group-snapshot-create", &answer);
    assert_int_equal(answer.error.status, 0);
    assert_string_equal(answer.created_id, "67cef0a9-a3e4-4bf1-bb7b-302aaf23b051");
    cloud_answer_free(&answer);
    decode_file(&delete_group, "101-group-snapshot-delete", &answer);
    assert_int_equal(answer.error.status, 0);
    cloud_answer_free(&answer);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        decode_file(refused[i].call, refused[i].file, &answer);
        assert_int_equal(answer.error.status, refused[i].status);
        assert_int_equal(answer.error.outcome, CLOUD_REFUSED);
        assert_non_null(strstr(answer.error.message, refused[i].words));
        cloud_answer_free(&answer);
    }
}

static void one_volume_and_its_states(void **state)
{
    (void)state;
    struct cloud_answer answer;
    decode_file(&disk, "22-volume-show", &answer);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.total, 1);
    assert_string_equal(answer.disks[0].name, "web-data");
    cloud_answer_free(&answer);
    decode_file(&disk, "61-volume-show-reverting", &answer);
    assert_true(answer.disks[0].rolling_back);
    assert_string_equal(answer.disks[0].state, "reverting");
    cloud_answer_free(&answer);
    decode_file(&disk, "71-err-404-volume", &answer);
    assert_int_equal(answer.error.status, 0);
    assert_int_equal(answer.count, 0);
    assert_int_equal(answer.total, 0);
    cloud_answer_free(&answer);
}

static void snapshots_are_read(void **state)
{
    (void)state;
    struct cloud_answer answer;
    decode_file(&snapshots, "62-snapshots-list-while-reverting-shows-backup-snapshot", &answer);
    assert_int_equal(answer.error.status, 0);
    assert_int_equal(answer.count, 6);
    assert_string_equal(answer.snapshots[0].word, "CREATING");
    assert_int_equal(answer.snapshots[0].percent, 0);
    const struct snapshot_record *restoring = &answer.snapshots[1];
    assert_string_equal(restoring->id, "be5035e4-34e2-4d82-a4f0-d1947a104d94");
    assert_string_equal(restoring->disk_id, "9267d9b0-3cf5-4d4b-b9a4-c7cbeb779d8a");
    assert_string_equal(restoring->state, "restoring");
    assert_string_equal(restoring->word, "ROLLBACKING");
    assert_int_equal(restoring->created, utc("2026-11-20T19:07:12Z"));
    assert_true(restoring->expires == TIMESTAMP_NONE);
    assert_string_equal(answer.snapshots[2].name, "wire-renamed");
    assert_string_equal(answer.snapshots[2].word, "NORMAL");
    assert_int_equal(answer.snapshots[2].percent, 100);
    assert_int_equal(answer.snapshots[2].size, 1);
    assert_false(answer.snapshots[2].deletion_failed);
    assert_non_null(answer.snapshots[2].raw);
    cloud_answer_free(&answer);
}

static void each_state_has_its_word(void **state)
{
    (void)state;
    static const struct {
        const char *file, *own, *word;
        unsigned percent;
        bool deletion_failed;
    } cases[] = {
        {"46-snapshot-show-creating", "creating", "CREATING", 0, false},
        {"50-snapshot-show-available", "available", "NORMAL", 100, false},
        {"63-snapshot-show-restoring", "restoring", "ROLLBACKING", 100, false},
        {"67-snapshot-show-deleting", "deleting", "DELETING", 100, false},
        {"74-snapshot-show-error-deleting", "error_deleting", "ERROR", 100, true},
        {"76-snapshot-show-error", "error", "ERROR", 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cloud_answer answer;
        decode_file(&snapshot, cases[i].file, &answer);
        assert_int_equal(answer.error.status, 0);
        assert_int_equal(answer.count, 1);
        assert_string_equal(answer.snapshots[0].state, cases[i].own);
        assert_string_equal(answer.snapshots[0].word, cases[i].word);
        assert_int_equal(answer.snapshots[0].percent, cases[i].percent);
        assert_int_equal(answer.snapshots[0].deletion_failed, cases[i].deletion_failed);
        cloud_answer_free(&answer);
    }
}

/* --- pages --------------------------------------------------------------------------- */

static void a_full_page_names_the_next(void **state)
{
    (void)state;
    struct cloud_answer answer;
    decode_file(&snapshots, "27-snapshots-detail-limit2-marker", &answer);
    assert_int_equal(answer.count, 2);
    assert_string_equal(answer.next, "49b85b02-a812-4b87-bc03-a114b44b644d");
    cloud_answer_free(&answer);
    decode_file(&snapshots, "28-snapshots-detail-with-count-3.45", &answer);
    assert_int_equal(answer.total, 6);
    assert_string_equal(answer.next, "93736622-8b2f-42a9-8984-6ab8c6962718");
    cloud_answer_free(&answer);
    decode_file(&snapshots, "37-snapshots-page-after-last-is-empty", &answer);
    assert_int_equal(answer.error.status, 0);
    assert_int_equal(answer.count, 0);
    assert_null(answer.next);
    cloud_answer_free(&answer);
    decode_file(&disks, "17-volumes-detail-limit2", &answer);
    assert_string_equal(answer.next, "9267d9b0-3cf5-4d4b-b9a4-c7cbeb779d8a");
    cloud_answer_free(&answer);
}

static void a_next_page_that_nobody_can_ask_for(void **state)
{
    (void)state;
    static const char body[] = "{\"snapshots\":[{\"id\":\"../x\"}],\"snapshots_links\":[{\"rel\":"
                               "\"next\",\"href\":\"http://x/?marker=y\"}]}";
    struct cloud_answer answer;
    decode_text(&provider_openstack, &snapshots, 200, body, &answer);
    assert_int_equal(answer.error.status, -EPROTO);
    assert_int_equal(answer.count, 0);
    cloud_answer_free(&answer);
    /* EVS counts offsets. */
    decode_text(&provider_evs, &snapshots, 200, body, &answer);
    assert_int_equal(answer.error.status, 0);
    assert_int_equal(answer.unreadable, 1);
    assert_null(answer.next);
    cloud_answer_free(&answer);
}

/* --- changes ------------------------------------------------------------------------- */

static void changes_that_were_accepted(void **state)
{
    (void)state;
    static const struct {
        const struct cloud_call *call;
        const char *file;
    } cases[] = {
        {&create, "45-snapshot-create"},
        {&rename_it, "51-snapshot-update"},
        {&delete_it, "66-snapshot-delete"},
        {&revert, "60-revert"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cloud_answer answer;
        decode_file(cases[i].call, cases[i].file, &answer);
        assert_int_equal(answer.error.status, 0);
        assert_int_equal(answer.error.outcome, CLOUD_DONE);
        if (cases[i].call == &create)
            assert_string_equal(answer.created_id, "4d5e0fd3-91fe-4420-8ea7-4770040d0fa6");
        cloud_answer_free(&answer);
    }
}

/* A captive portal, or a proxy's page. */
static void somebody_elses_page_is_no_success(void **state)
{
    (void)state;
    const struct cloud_call *const calls[] = {&create, &rename_it, &delete_it, &revert,
                                              &disks,  &snapshot,  &snapshots, &disk};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct cloud_answer answer;
        static const char *const bodies[] = {"<html>Please log in</html>", "", "{}", "[]"};
        for (size_t body = 0; body < 4; body++) {
            decode_text(&provider_openstack, calls[i], 200, bodies[body], &answer);
            assert_int_equal(answer.error.status, -EPROTO);
            assert_int_equal(answer.error.outcome, CLOUD_UNKNOWN);
            cloud_answer_free(&answer);
        }
        decode_text(&provider_openstack, calls[i], 404, "<html>not here</html>", &answer);
        assert_int_equal(answer.error.status, -EPROTO);
        cloud_answer_free(&answer);
    }
}

/* --- errors -------------------------------------------------------------------------- */

static void refusals_that_were_recorded(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        const struct cloud_call *call;
        int status;
        enum cloud_outcome outcome;
        enum cloud_remedy remedy;
        const char *code;
    } cases[] = {
        {"12-cinder-401-no-token", &disks, -EKEYREJECTED, CLOUD_REFUSED, CLOUD_CREDENTIAL,
         "Unauthorized"},
        {"13-cinder-401-bad-token", &disks, -EKEYREJECTED, CLOUD_REFUSED, CLOUD_CREDENTIAL,
         "Unauthorized"},
        {"43-err-409-revert-in-use", &revert, -EBUSY, CLOUD_REFUSED, CLOUD_FINAL,
         "conflictingRequest"},
        {"48-err-delete-snapshot-while-creating", &delete_it, -EBUSY, CLOUD_REFUSED, CLOUD_FINAL,
         "badRequest"},
        {"57-err-revert-not-latest", &revert, -EBUSY, CLOUD_REFUSED, CLOUD_FINAL, "badRequest"},
        {"69-err-404-snapshot", &rename_it, -ENOENT, CLOUD_REFUSED, CLOUD_FINAL, "itemNotFound"},
        {"72-err-404-url", &snapshot, -EPROTO, CLOUD_UNKNOWN, CLOUD_FINAL, ""},
        {"78-err-400-not-json", &create, -EINVAL, CLOUD_REFUSED, CLOUD_FINAL, "badRequest"},
        {"81-err-404-create-unknown-volume", &create, -ENOENT, CLOUD_REFUSED, CLOUD_FINAL,
         "itemNotFound"},
        {"82-err-406-microversion", &revert, -EOPNOTSUPP, CLOUD_REFUSED, CLOUD_FINAL,
         "computeFault"},
        {"86-err-wrong-project-in-url", &disks, -EINVAL, CLOUD_REFUSED, CLOUD_FINAL, "badRequest"},
        {"89-err-403-reader-create", &create, -EACCES, CLOUD_REFUSED, CLOUD_FINAL, "forbidden"},
        {"90-err-413-quota", &create, -EDQUOT, CLOUD_REFUSED, CLOUD_FINAL, "overLimit"},
        {"91-err-413-quota-gigabytes", &create, -EDQUOT, CLOUD_REFUSED, CLOUD_FINAL, "overLimit"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cloud_answer answer;
        decode_file(cases[i].call, cases[i].file, &answer);
        assert_int_equal(answer.error.status, cases[i].status);
        assert_int_equal(answer.error.outcome, cases[i].outcome);
        assert_int_equal(answer.error.remedy, cases[i].remedy);
        assert_string_equal(answer.error.code, cases[i].code);
        assert_true(strlen(answer.error.message) > 0);
        assert_true(strncmp(answer.error.request_id, "req-", 4) == 0);
        cloud_answer_free(&answer);
    }
}

/* openstack facts 4.3. */
static void refusals_that_are_documented(void **state)
{
    (void)state;
    static const struct {
        long http;
        const char *body;
        int status;
        enum cloud_remedy remedy;
        const char *code;
    } cases[] = {
        {400, "{\"error\":{\"message\":\"not available\",\"code\":\"EVS.1047\"}}", -EBUSY,
         CLOUD_FINAL, "EVS.1047"},
        {400, "{\"badRequest\":{\"message\":\"odd\",\"code\":\"EVS.9999\"}}", -EINVAL, CLOUD_FINAL,
         "EVS.9999"},
        {400, "{\"badRequest\":{\"message\":\"snapshot quota exceeded\",\"code\":400}}", -EDQUOT,
         CLOUD_FINAL, "badRequest"},
        {413, "{\"overLimit\":{\"message\":\"too many\",\"code\":\"413\"}}", -EDQUOT, CLOUD_FINAL,
         "overLimit"},
        {403, "{\"error\":{\"message\":\"in arrears\",\"code\":\"EVS.1027\"}}", -EACCES,
         CLOUD_FINAL, "EVS.1027"},
        {500, "{\"error\":{\"message\":\"disk is error_deleting\",\"code\":\"EVS.2020\"}}", -EBUSY,
         CLOUD_FINAL, "EVS.2020"},
        {500, "{\"computeFault\":{\"message\":\"erred\",\"code\":500}}", -EREMOTEIO,
         CLOUD_READ_AGAIN, "computeFault"},
        {503, "no server is available", -EREMOTEIO, CLOUD_READ_AGAIN, ""},
        {401, "{\"error_msg\":\"no\",\"error_code\":\"APIGW.0301\",\"request_id\":\"r\"}",
         -EKEYREJECTED, CLOUD_CREDENTIAL, "APIGW.0301"},
        {401, "{\"error_msg\":\"late\",\"error_code\":\"APIGW.0303\",\"request_id\":\"r\"}",
         -EKEYREJECTED, CLOUD_CLOCK, "APIGW.0303"},
        {429, "{\"error_msg\":\"slow\",\"error_code\":\"APIGW.0308\",\"request_id\":\"r\"}",
         -EAGAIN, CLOUD_LATER, "APIGW.0308"},
        {429, "slow", -EAGAIN, CLOUD_LATER, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cloud_answer answer;
        decode_text(&provider_evs, &create, cases[i].http, cases[i].body, &answer);
        assert_int_equal(answer.error.status, cases[i].status);
        assert_int_equal(answer.error.remedy, cases[i].remedy);
        assert_int_equal(answer.error.outcome,
                         cases[i].status == -EREMOTEIO ? CLOUD_UNKNOWN : CLOUD_REFUSED);
        assert_string_equal(answer.error.code, cases[i].code);
        cloud_answer_free(&answer);
    }
}

static void another_way_to_roll_back(void **state)
{
    (void)state;
    static const char no_such_api[] =
        "{\"error_msg\":\"no such API\",\"error_code\":\"APIGW.0101\",\"request_id\":\"r\"}";
    static const char no_such_snapshot[] =
        "{\"error\":{\"message\":\"no such snapshot\",\"code\":\"EVS.5404\"}}";
    struct cloud_call again = revert;
    struct cloud_answer answer;
    again.other_way = true;
    decode_text(&provider_evs, &revert, 404, no_such_api, &answer);
    assert_int_equal(answer.error.remedy, CLOUD_OTHER_WAY);
    assert_int_equal(answer.error.outcome, CLOUD_REFUSED);
    cloud_answer_free(&answer);
    decode_text(&provider_evs, &again, 404, no_such_api, &answer);
    assert_int_equal(answer.error.remedy, CLOUD_FINAL);
    assert_int_equal(answer.error.status, -EOPNOTSUPP);
    cloud_answer_free(&answer);
    decode_text(&provider_evs, &revert, 404, no_such_snapshot, &answer);
    assert_int_equal(answer.error.remedy, CLOUD_FINAL);
    assert_int_equal(answer.error.status, -ENOENT);
    cloud_answer_free(&answer);
}

/* A path that is not there says nothing about the object. */
static void only_the_api_says_that_something_is_gone(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
    } cases[] = {
        {"{\"itemNotFound\":{\"message\":\"gone\",\"code\":404}}", 0},
        {"{\"error\":{\"message\":\"gone\",\"code\":\"EVS.5404\"}}", 0},
        {"{\"error_msg\":\"no such API\",\"error_code\":\"APIGW.0101\"}", -EOPNOTSUPP},
        {"{\"message\":\"The resource could not be found.\",\"code\":\"404 Not Found\"}", -EPROTO},
        {"", -EPROTO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cloud_answer answer;
        decode_text(&provider_evs, &snapshot, 404, cases[i].body, &answer);
        assert_int_equal(answer.error.status, cases[i].status);
        assert_int_equal(answer.count, 0);
        cloud_answer_free(&answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(volumes_are_disks),
        cmocka_unit_test(groups_are_read),
        cmocka_unit_test(members_say_of_which_group_they_are),
        cmocka_unit_test(groups_are_changed),
        cmocka_unit_test(one_volume_and_its_states),
        cmocka_unit_test(snapshots_are_read),
        cmocka_unit_test(each_state_has_its_word),
        cmocka_unit_test(a_full_page_names_the_next),
        cmocka_unit_test(a_next_page_that_nobody_can_ask_for),
        cmocka_unit_test(changes_that_were_accepted),
        cmocka_unit_test(somebody_elses_page_is_no_success),
        cmocka_unit_test(refusals_that_were_recorded),
        cmocka_unit_test(refusals_that_are_documented),
        cmocka_unit_test(another_way_to_roll_back),
        cmocka_unit_test(only_the_api_says_that_something_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
