/* SPDX-License-Identifier: Apache-2.0 */
#include "test_data.h"

#include "cbsfs/http.h"
#include "cbsfs/provider.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <string.h>

static const struct cloud_call disks = {.verb = CLOUD_DESCRIBE_DISKS, .limit = 100};
static const struct cloud_call snapshots = {.verb = CLOUD_DESCRIBE_SNAPSHOTS, .limit = 100};
static const struct cloud_call create = {.verb = CLOUD_CREATE_SNAPSHOT};
static const struct cloud_call apply = {.verb = CLOUD_APPLY_SNAPSHOT};

static const char *content_type = "application/json";

static const char *header_of(const struct http_reply *reply, const char *name)
{
    (void)reply;
    return strcasecmp(name, "Content-Type") == 0 ? content_type : NULL;
}

static void decode_bytes(const struct cloud_call *call, long status, const char *body,
                         size_t length, struct cloud_answer *answer)
{
    const struct http_reply reply = {.failure = HTTP_OK,
                                     .status = status,
                                     .body = body,
                                     .body_length = length,
                                     .header = header_of};
    cloud_answer_init(answer);
    provider_tencent.decode(call, &reply, answer);
    assert_int_equal(answer->error.http_status, status);
}

static void decode(const struct cloud_call *call, long status, const char *body,
                   struct cloud_answer *answer)
{
    decode_bytes(call, status, body, strlen(body), answer);
}

static void decode_file(const struct cloud_call *call, const char *name,
                        struct cloud_answer *answer)
{
    char path[128];
    size_t length;
    snprintf(path, sizeof path, "tencent/%s.json", name);
    char *body = read_test_data(path, &length);
    decode_bytes(call, 200, body, length, answer);
    free(body);
}

static int64_t utc(const char *text)
{
    int64_t seconds;
    assert_int_equal(timestamp_parse(text, 0, &seconds), 0);
    return seconds;
}

/* --- recorded bodies ----------------------------------------------------------------- */

static void the_recorded_snapshots_are_read(void **state)
{
    (void)state;
    struct cloud_answer answer;
    decode_file(&snapshots, "v3_DescribeSnapshots", &answer);
    assert_int_equal(answer.error.status, 0);
    assert_int_equal(answer.error.outcome, CLOUD_DONE);
    assert_int_equal(answer.total, 7);
    assert_int_equal(answer.count, 7);
    assert_true(strlen(answer.error.request_id) == 36);

    const struct snapshot_record *creating = &answer.snapshots[0];
    assert_string_equal(creating->id, "snap-9x4h6j2q");
    assert_string_equal(creating->name, "未命名");
    assert_string_equal(creating->disk_id, "disk-4w1qp7kd");
    assert_string_equal(creating->state, "CREATING");
    assert_string_equal(creating->word, "CREATING");
    assert_string_equal(creating->usage, "DATA_DISK");
    assert_string_equal(creating->type, "PRIVATE_SNAPSHOT");
    assert_string_equal(creating->zone, "ap-guangzhou-6");
    assert_int_equal(creating->size, 50);
    assert_int_equal(creating->percent, 37);
    assert_int_equal(creating->created, utc("2026-03-03T02:15:00Z"));
    assert_true(creating->expires == TIMESTAMP_NONE);
    assert_false(creating->encrypted);
    assert_false(creating->shared_in);
    assert_null(creating->images);
    assert_int_equal(creating->image_count, 0);
    assert_string_equal(json_string_value(json_object_get(creating->raw, "SnapshotId")),
                        "snap-9x4h6j2q");

    assert_int_equal(answer.snapshots[1].expires, utc("2026-03-09T18:00:04Z"));
    assert_string_equal(answer.snapshots[1].word, "NORMAL");

    const struct snapshot_record *based = &answer.snapshots[3];
    assert_int_equal(based->image_count, 1);
    assert_int_equal(json_array_size(based->images), 1);
    assert_string_equal(json_string_value(json_array_get(based->images, 0)), "img-0f4b7c2d");

    assert_true(answer.snapshots[5].shared_in);
    assert_string_equal(answer.snapshots[6].disk_id, "");
    cloud_answer_free(&answer);
}

static void the_recorded_disks_are_read(void **state)
{
    (void)state;
    struct cloud_answer answer;
    decode_file(&disks, "v3_DescribeDisks", &answer);
    assert_int_equal(answer.error.status, 0);
    assert_int_equal(answer.total, 3);
    assert_int_equal(answer.count, 3);

    const struct disk_record *data = &answer.disks[0];
    assert_string_equal(data->id, "disk-4w1qp7kd");
    assert_string_equal(data->name, "pg-data");
    assert_string_equal(data->state, "UNATTACHED");
    assert_string_equal(data->usage, "DATA_DISK");
    assert_string_equal(data->type, "CLOUD_HSSD");
    assert_string_equal(data->zone, "ap-guangzhou-6");
    assert_string_equal(data->instance, "");
    assert_string_equal(data->charge_type, "POSTPAID_BY_HOUR");
    assert_string_equal(data->project, "默认项目");
    assert_int_equal(data->size, 50);
    assert_int_equal(data->created, utc("2025-11-18T08:04:22Z"));
    assert_true(data->expires == TIMESTAMP_NONE);
    assert_int_equal(data->snapshot_count, 4);
    assert_true(data->portable);
    assert_true(data->snapshot_ability);
    assert_false(data->attached);
    assert_false(data->rolling_back);

    assert_string_equal(answer.disks[1].instance, "ins-5r8t2w0y");
    assert_true(answer.disks[1].attached);
    assert_false(answer.disks[1].portable);
    assert_false(answer.disks[2].snapshot_ability);
    assert_int_equal(answer.disks[2].expires, utc("2026-12-18T08:04:22Z"));
    cloud_answer_free(&answer);

    decode_file(&disks, "v3_DescribeDisks_rollbacking", &answer);
    assert_true(answer.disks[0].rolling_back);
    assert_int_equal(answer.disks[0].rollback_percent, 42);
    cloud_answer_free(&answer);
}

static void empty_pages_are_successes(void **state)
{
    (void)state;
    struct cloud_answer answer;
    decode_file(&snapshots, "v3_DescribeSnapshots_empty", &answer);
    assert_int_equal(answer.error.status, 0);
    assert_int_equal(answer.total, 0);
    assert_int_equal(answer.count, 0);
    cloud_answer_free(&answer);
    decode_file(&snapshots, "v3_DescribeSnapshots_pastEnd", &answer);
    assert_int_equal(answer.error.status, 0);
    assert_int_equal(answer.total, 7);
    assert_int_equal(answer.count, 0);
    cloud_answer_free(&answer);
}

static void the_recorded_changes_succeed(void **state)
{
    (void)state;
    struct cloud_answer answer;
    decode_file(&create, "v3_CreateSnapshot", &answer);
    assert_int_equal(answer.error.status, 0);
    assert_string_equal(answer.created_id, "snap-9x4h6j2q");
    cloud_answer_free(&answer);
    static const struct {
        enum cloud_verb verb;
        const char *file;
    } changes[] = {
        {CLOUD_APPLY_SNAPSHOT, "v3_ApplySnapshot"},
        {CLOUD_RENAME_SNAPSHOT, "v3_ModifySnapshotAttribute"},
        {CLOUD_DELETE_SNAPSHOT, "v3_DeleteSnapshots"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const struct cloud_call call = {.verb = changes[i].verb};
        decode_file(&call, changes[i].file, &answer);
        assert_int_equal(answer.error.status, 0);
        assert_int_equal(answer.error.outcome, CLOUD_DONE);
        assert_true(strlen(answer.error.request_id) == 36);
        cloud_answer_free(&answer);
    }
}

static void the_recorded_errors_are_errors(void **state)
{
    (void)state;
    static const struct {
        const char *file, *code;
        int status;
        enum cloud_outcome outcome;
        enum cloud_remedy remedy;
    } errors[] = {
        {"v3_error_InternalError", "InternalError", EREMOTEIO, CLOUD_UNKNOWN, CLOUD_READ_AGAIN},
        {"v3_error_InvalidSnapshotId", "InvalidSnapshotId.NotFound", ENOENT, CLOUD_REFUSED,
         CLOUD_FINAL},
        {"v3_error_RequestLimitExceeded", "RequestLimitExceeded", EAGAIN, CLOUD_REFUSED,
         CLOUD_LATER},
        {"v3_error_ResourceBusy", "ResourceBusy", EBUSY, CLOUD_REFUSED, CLOUD_FINAL},
        {"v3_error_SignatureFailure", "AuthFailure.SignatureFailure", EKEYREJECTED, CLOUD_REFUSED,
         CLOUD_CREDENTIAL},
        {"v3_error_SnapshotCreating", "ResourceUnavailable.SnapshotCreating", EBUSY, CLOUD_REFUSED,
         CLOUD_FINAL},
        {"v3_gateway_legacy_envelope", "SecretIdNotFound", EKEYREJECTED, CLOUD_REFUSED,
         CLOUD_CREDENTIAL},
    };
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct cloud_answer answer;
        decode_file(&apply, errors[i].file, &answer);
        assert_int_equal(answer.error.status, -errors[i].status);
        assert_string_equal(answer.error.code, errors[i].code);
        assert_int_equal(answer.error.outcome, errors[i].outcome);
        assert_int_equal(answer.error.remedy, errors[i].remedy);
        assert_true(answer.error.message[0] != '\0');
        if (strncmp(errors[i].file, "v3_error", 8) == 0)
            assert_int_equal(strlen(answer.error.request_id), 36);
        cloud_answer_free(&answer);
    }
}

/* --- odd records --------------------------------------------------------------------- */

static void odd_records_are_read_as_far_as_they_go(void **state)
{
    (void)state;
    struct cloud_answer answer;
    decode(&snapshots, 200,
           "{\"Response\":{\"SnapshotSet\":["
           "{\"SnapshotId\":\"snap-a\"},"
           "{\"SnapshotName\":\"without an id\"},"
           "{\"SnapshotId\":null},{\"SnapshotId\":\"\"},{\"SnapshotId\":7},"
           "{\"SnapshotId\":\"../etc\"},{\"SnapshotId\":\"a b\"},null,\"text\",[],"
           "{\"SnapshotId\":\"snap-b\",\"SnapshotName\":null,\"SnapshotState\":\"TORECYCLE\","
           "\"Percent\":\"250\",\"DiskSize\":\"20\",\"DiskId\":\"no/disk\",\"Encrypt\":\"true\","
           "\"CreateTime\":\"2025-03-25T20:46:13+08:00\",\"DeadlineTime\":\"0000-00-00 00:00:00\","
           "\"Placement\":[],\"Images\":[{\"ImageId\":\"img-1\"},null,{\"ImageId\":\"img-2\"}]},"
           "{\"SnapshotId\":\"snap-c\",\"SnapshotState\":\"CHECKING_COPIED\",\"Percent\":-3,"
           "\"IsPermanent\":true,\"DeadlineTime\":\"2026-03-10 02:00:04\",\"CreateTime\":\"soon\","
           "\"DiskSize\":-1,\"ImageCount\":-1},"
           "{\"SnapshotId\":\"snap-d\",\"SnapshotState\":\"NORMAL\"},"
           "{\"SnapshotId\":\"snap-e\",\"SnapshotState\":\"COPYING_FROM_REMOTE\"}"
           "]}}",
           &answer);
    assert_int_equal(answer.error.status, 0);
    assert_int_equal(answer.total, -1);
    assert_int_equal(answer.count, 5);

    const struct snapshot_record *bare = &answer.snapshots[0];
    assert_string_equal(bare->id, "snap-a");
    assert_string_equal(bare->name, "");
    assert_string_equal(bare->disk_id, "");
    assert_string_equal(bare->state, "");
    assert_string_equal(bare->word, "");
    assert_int_equal(bare->size, -1);
    assert_true(bare->created == TIMESTAMP_NONE);
    assert_true(bare->expires == TIMESTAMP_NONE);
    assert_int_equal(bare->percent, 0);

    const struct snapshot_record *mixed = &answer.snapshots[1];
    assert_string_equal(mixed->state, "TORECYCLE");
    assert_string_equal(mixed->word, "");
    assert_int_equal(mixed->percent, 100);
    assert_int_equal(mixed->size, 20);
    assert_string_equal(mixed->disk_id, "");
    assert_true(mixed->encrypted);
    assert_int_equal(mixed->created, utc("2025-03-25T12:46:13Z"));
    assert_true(mixed->expires == TIMESTAMP_NONE);
    assert_int_equal(json_array_size(mixed->images), 2);
    assert_string_equal(json_string_value(json_array_get(mixed->images, 1)), "img-2");
    assert_int_equal(mixed->image_count, 3);

    const struct snapshot_record *copied = &answer.snapshots[2];
    assert_string_equal(copied->word, "COPYING");
    assert_int_equal(copied->percent, 0);
    assert_true(copied->expires == TIMESTAMP_NONE);
    assert_true(copied->created == TIMESTAMP_NONE);
    assert_int_equal(copied->image_count, 0);

    assert_int_equal(answer.snapshots[3].percent, 100);
    assert_string_equal(answer.snapshots[4].word, "COPYING");
    cloud_answer_free(&answer);
}

static void a_disk_may_say_little(void **state)
{
    (void)state;
    struct cloud_answer answer;
    decode(&disks, 200,
           "{\"Response\":{\"TotalCount\":\"2\",\"DiskSet\":[{\"DiskId\":\"disk-a\"},"
           "{\"DiskId\":\"disk-b\",\"DiskState\":\"ROLLBACKING\",\"Attached\":null,"
           "\"RollbackPercent\":101}],\"Extra\":{}}}",
           &answer);
    assert_int_equal(answer.error.status, 0);
    assert_int_equal(answer.total, 2);
    assert_int_equal(answer.count, 2);
    assert_int_equal(answer.disks[0].size, -1);
    assert_int_equal(answer.disks[0].snapshot_count, -1);
    assert_true(answer.disks[0].snapshot_ability);
    assert_string_equal(answer.disks[0].project, "");
    assert_true(answer.disks[1].rolling_back);
    assert_int_equal(answer.disks[1].rollback_percent, 100);
    cloud_answer_free(&answer);
}

static void an_id_has_a_bounded_length(void **state)
{
    (void)state;
    char body[256], id[80];
    for (size_t length = 64; length <= 65; length++) {
        memset(id, 'x', length);
        id[length] = '\0';
        snprintf(body, sizeof body, "{\"Response\":{\"DiskSet\":[{\"DiskId\":\"%s\"}]}}", id);
        struct cloud_answer answer;
        decode(&disks, 200, body, &answer);
        assert_int_equal(answer.error.status, 0);
        assert_int_equal(answer.count, length == 64 ? 1 : 0);
        cloud_answer_free(&answer);
    }
}

static void a_create_without_an_id_is_a_success(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"Response\":{\"SnapshotId\":null,\"RequestId\":\"r\"}}",
        "{\"Response\":{\"RequestId\":\"r\"}}",
        "{\"Response\":{\"SnapshotId\":\"a/b\",\"RequestId\":\"r\",\"Error\":null}}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct cloud_answer answer;
        decode(&create, 200, bodies[i], &answer);
        assert_int_equal(answer.error.status, 0);
        assert_string_equal(answer.created_id, "");
        cloud_answer_free(&answer);
    }
}

/* --- what is not the API's ----------------------------------------------------------- */

static void check_foreign(const struct cloud_call *call, long status, const char *body)
{
    struct cloud_answer answer;
    decode(call, status, body, &answer);
    if (answer.error.status != -EPROTO)
        fail_msg("%s: %s", body, strerror(-answer.error.status));
    assert_int_equal(answer.error.outcome, CLOUD_UNKNOWN);
    assert_int_equal(answer.count, 0);
    assert_null(answer.disks);
    assert_null(answer.snapshots);
    cloud_answer_free(&answer);
}

static void what_is_not_the_apis_is_a_protocol_error(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "<html><body>Please log in</body></html>",
        "{\"Response\":{\"TotalCount\":1,\"SnapshotSet\":[{\"SnapshotId\":\"snap-a\"",
        "[]",
        "null",
        "{}",
        "{\"code\":0,\"message\":\"\",\"codeDesc\":\"Success\"}",
        "{\"Response\":null}",
        "{\"Response\":[]}",
        "{\"Response\":{\"Error\":\"broken\"}}",
        "{\"Response\":{\"RequestId\":\"r\"}}",
        "{\"Response\":{\"TotalCount\":3,\"SnapshotSet\":null}}",
        "{\"Response\":{\"TotalCount\":3,\"SnapshotSet\":{}}}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        check_foreign(&snapshots, 200, bodies[i]);
    check_foreign(&apply, 200, "<html>");
    check_foreign(&apply, 404, "<html>not here</html>");
    check_foreign(&apply, 302, "");
    check_foreign(&apply, 400, "{\"Response\":{\"RequestId\":\"r\"}}");
}

static void the_message_shows_what_came_instead(void **state)
{
    (void)state;
    struct cloud_answer answer;
    content_type = "text/html; charset=utf-8";
    decode(&disks, 403,
           "\r\n<html>\n\n<title>Captive \x1b[31m portal \xe5</title> and a great deal more text "
           "that nobody wants to read to its end",
           &answer);
    content_type = "application/json";
    assert_int_equal(answer.error.status, -EPROTO);
    assert_non_null(strstr(answer.error.message, "HTTP 403"));
    assert_non_null(strstr(answer.error.message, "text/html"));
    assert_non_null(strstr(answer.error.message, "<html> <title>Captive [31m portal ?</title>"));
    assert_null(strstr(answer.error.message, "to its end"));
    assert_null(strchr(answer.error.message, '\x1b'));
    cloud_answer_free(&answer);
    content_type = NULL;
    decode(&disks, 200, "", &answer);
    content_type = "application/json";
    assert_non_null(strstr(answer.error.message, "no content type"));
    cloud_answer_free(&answer);
}

static void the_status_decides_before_the_api(void **state)
{
    (void)state;
    struct cloud_answer answer;
    for (long status = 500; status <= 504; status++) {
        decode(&create, status, "<html>Bad Gateway</html>", &answer);
        assert_int_equal(answer.error.status, -EREMOTEIO);
        assert_int_equal(answer.error.outcome, CLOUD_UNKNOWN);
        assert_int_equal(answer.error.remedy, CLOUD_READ_AGAIN);
        cloud_answer_free(&answer);
    }
    decode(&create, 429, "", &answer);
    assert_int_equal(answer.error.status, -EAGAIN);
    assert_int_equal(answer.error.outcome, CLOUD_REFUSED);
    assert_int_equal(answer.error.remedy, CLOUD_LATER);
    cloud_answer_free(&answer);
    decode(&create, 403,
           "{\"Response\":{\"Error\":{\"Code\":\"UnauthorizedOperation\",\"Message\":\"no\"},"
           "\"RequestId\":\"r-1\"}}",
           &answer);
    assert_int_equal(answer.error.status, -EACCES);
    assert_string_equal(answer.error.message, "no");
    assert_string_equal(answer.error.request_id, "r-1");
    cloud_answer_free(&answer);
}

/* Every way of cutting a body short must end in a clean error. */
static void half_a_body_is_never_a_success(void **state)
{
    (void)state;
    size_t length;
    char *body = read_test_data("tencent/v3_DescribeSnapshots.json", &length);
    while (length > 0 && body[length - 1] == '\n')
        length--;
    for (size_t cut = 0; cut < length; cut += 7) {
        char *part = malloc(cut + 1);
        assert_non_null(part);
        memcpy(part, body, cut);
        part[cut] = '\0';
        struct cloud_answer answer;
        decode_bytes(&snapshots, 200, part, cut, &answer);
        assert_int_equal(answer.error.status, -EPROTO);
        cloud_answer_free(&answer);
        free(part);
    }
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_recorded_snapshots_are_read),
        cmocka_unit_test(the_recorded_disks_are_read),
        cmocka_unit_test(empty_pages_are_successes),
        cmocka_unit_test(the_recorded_changes_succeed),
        cmocka_unit_test(the_recorded_errors_are_errors),
        cmocka_unit_test(odd_records_are_read_as_far_as_they_go),
        cmocka_unit_test(a_disk_may_say_little),
        cmocka_unit_test(an_id_has_a_bounded_length),
        cmocka_unit_test(a_create_without_an_id_is_a_success),
        cmocka_unit_test(what_is_not_the_apis_is_a_protocol_error),
        cmocka_unit_test(the_message_shows_what_came_instead),
        cmocka_unit_test(the_status_decides_before_the_api),
        cmocka_unit_test(half_a_body_is_never_a_success),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
