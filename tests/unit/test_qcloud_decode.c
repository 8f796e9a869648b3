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
static const struct cloud_call rename_it = {.verb = CLOUD_RENAME_SNAPSHOT};

static const char *header_of(const struct http_reply *reply, const char *name)
{
    (void)reply;
    return strcasecmp(name, "Content-Type") == 0 ? "text/html" : NULL;
}

static void decode(const struct cloud_call *call, long status, const char *body,
                   struct cloud_answer *answer)
{
    const struct http_reply reply = {.failure = HTTP_OK,
                                     .status = status,
                                     .body = body,
                                     .body_length = strlen(body),
                                     .header = header_of};
    cloud_answer_init(answer);
    provider_qcloud.decode(call, &reply, answer);
    assert_int_equal(answer->error.http_status, status);
}

static void decode_file(const struct cloud_call *call, const char *name,
                        struct cloud_answer *answer)
{
    char path[128];
    size_t length;
    snprintf(path, sizeof path, "tencent/%s", name);
    char *body = read_test_data(path, &length);
    decode(call, 200, body, answer);
    free(body);
}

static int64_t utc(const char *text)
{
    int64_t seconds;
    assert_int_equal(timestamp_parse(text, 0, &seconds), 0);
    return seconds;
}

/* --- listings ------------------------------------------------------------------------ */

static void the_recorded_snapshots_are_read(void **state)
{
    (void)state;
    struct cloud_answer answer;
    decode_file(&snapshots, "v2_DescribeSnapshots.json", &answer);
    assert_int_equal(answer.error.status, 0);
    assert_int_equal(answer.total, 3);
    assert_int_equal(answer.count, 3);
    const struct snapshot_record *creating = &answer.snapshots[0];
    assert_string_equal(creating->id, "snap-9x4h6j2q");
    assert_string_equal(creating->name, "Unnamed");
    assert_string_equal(creating->disk_id, "disk-4w1qp7kd");
    assert_string_equal(creating->state, "creating");
    assert_string_equal(creating->word, "CREATING");
    assert_string_equal(creating->usage, "DATA_DISK");
    assert_int_equal(creating->percent, 37);
    assert_int_equal(creating->size, 50);
    assert_int_equal(creating->created, utc("2026-03-03T02:15:00Z"));
    assert_true(creating->expires == TIMESTAMP_NONE);
    assert_string_equal(answer.snapshots[1].word, "NORMAL");
    assert_string_equal(answer.snapshots[2].usage, "SYSTEM_DISK");
    assert_non_null(answer.snapshots[2].raw);
    cloud_answer_free(&answer);
}

static void the_recorded_disks_are_read(void **state)
{
    (void)state;
    struct cloud_answer answer;
    decode_file(&disks, "v2_DescribeCbsStorages.json", &answer);
    assert_int_equal(answer.error.status, 0);
    assert_int_equal(answer.total, 2);
    assert_int_equal(answer.count, 2);
    const struct disk_record *data = &answer.disks[0], *root = &answer.disks[1];
    assert_string_equal(data->id, "disk-4w1qp7kd");
    assert_string_equal(data->name, "pg-data");
    assert_string_equal(data->type, "CLOUD_SSD");
    assert_string_equal(data->usage, "DATA_DISK");
    assert_string_equal(data->charge_type, "POSTPAID_BY_HOUR");
    assert_string_equal(data->zone, "ap-guangzhou-6");
    assert_true(data->portable && data->snapshot_ability && !data->attached && !data->rolling_back);
    assert_true(data->expires == TIMESTAMP_NONE);
    assert_string_equal(root->instance, "ins-5r8t2w0y");
    assert_string_equal(root->type, "CLOUD_PREMIUM");
    assert_string_equal(root->charge_type, "PREPAID");
    assert_true(root->attached && !root->portable);
    assert_int_equal(root->expires, utc("2026-12-18T08:04:22Z"));
    cloud_answer_free(&answer);
}

static void types_that_the_api_mixes(void **state)
{
    (void)state;
    struct cloud_answer answer;
    decode(&snapshots, 200,
           "{\"code\":\"0\",\"totalCount\":\"2\",\"snapshotSet\":["
           "{\"snapshotId\":\"snap-a\",\"storageId\":\"../x\",\"snapshotStatus\":\"frozen\","
           "\"percent\":\"250\",\"storageSize\":\"10\",\"createTime\":1463486328},"
           "{\"snapshotId\":\"a/b\"},7,null]}",
           &answer);
    assert_int_equal(answer.error.status, 0);
    assert_int_equal(answer.total, 2);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.unreadable, 3);
    assert_true(answer.snapshots[0].name_untold);
    assert_string_equal(answer.snapshots[0].disk_id, "");
    assert_string_equal(answer.snapshots[0].state, "frozen");
    assert_string_equal(answer.snapshots[0].word, "");
    assert_int_equal(answer.snapshots[0].percent, 100);
    assert_int_equal(answer.snapshots[0].size, 10);
    assert_int_equal(answer.snapshots[0].created, 1463486328);
    cloud_answer_free(&answer);
}

static void a_disk_that_is_rolled_back(void **state)
{
    (void)state;
    struct cloud_answer answer;
    decode(&disks, 200,
           "{\"code\":0,\"totalCount\":1,\"storageSet\":[{\"storageId\":\"disk-a\","
           "\"storageStatus\":\"rollback\",\"storageType\":\"cloudNew\"}]}",
           &answer);
    assert_true(answer.disks[0].rolling_back);
    assert_string_equal(answer.disks[0].type, "cloudNew");
    cloud_answer_free(&answer);
}

/* --- changes ------------------------------------------------------------------------- */

static void changes_that_succeed(void **state)
{
    (void)state;
    static const struct {
        const struct cloud_call *call;
        const char *file;
    } cases[] = {
        {&create, "v2_CreateSnapshot_intcode.json"},
        {&create, "v2_CreateSnapshot_strcode.json"},
        {&create, "v2_CreateSnapshot_codeDesc.json"},
        {&apply, "v2_ApplySnapshot.json"},
        {&apply, "v2_ApplySnapshot_detail.json"},
        {&apply, "v2_ApplySnapshot_trailing_comma.notjson"},
        {&rename_it, "v2_ModifySnapshot.json"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cloud_answer answer;
        decode_file(cases[i].call, cases[i].file, &answer);
        assert_int_equal(answer.error.status, 0);
        assert_int_equal(answer.error.outcome, CLOUD_DONE);
        if (cases[i].call == &create)
            assert_string_equal(answer.created_id, "snap-9x4h6j2q");
        cloud_answer_free(&answer);
    }
}

static void commas_before_a_bracket(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
    } cases[] = {
        {"{\"code\":0,\"snapshotId\":\"snap-a\",}", 0},
        {"{\"code\":0,\"list\":[1,2, ],\"more\":{\"a\":1 ,\n},\n\"snapshotId\":\"snap-a\"\t,\r\n}",
         0},
        {"{\"code\":0,\"text\":\"a,}\\\",]\",\"snapshotId\":\"snap-a\",}", 0},
        {"{\"code\":0,\"snapshotId\":\"snap-a\",,}", -EPROTO},
        {"{\"code\":0,\"snapshotId\":\"snap-a\"", -EPROTO},
        {"{\"code\":0,\"snapshotId\":\"snap-a\\", -EPROTO},
        {",}", -EPROTO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cloud_answer answer;
        decode(&create, 200, cases[i].body, &answer);
        assert_int_equal(answer.error.status, cases[i].status);
        if (cases[i].status == 0)
            assert_string_equal(answer.created_id, "snap-a");
        else
            assert_int_equal(answer.error.outcome, CLOUD_UNKNOWN);
        cloud_answer_free(&answer);
    }
    struct cloud_answer answer;
    decode(&create, 200, cases[2].body, &answer);
    assert_string_equal(json_string_value(json_object_get(answer.document, "text")), "a,}\",]");
    cloud_answer_free(&answer);
}

/* The answer as a whole says 0; what became of the one snapshot is in `detail`. */
static void a_deletion_tells_of_each_id(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        int status;
    } cases[] = {{"snap-3k9d2m1a", 0}, {"snap-nosuch00", -ENOENT}, {"snap-unsaid00", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct cloud_call call = {.verb = CLOUD_DELETE_SNAPSHOT, .snapshot_id = cases[i].id};
        struct cloud_answer answer;
        decode_file(&call, "v2_DeleteSnapshot_partial.json", &answer);
        assert_int_equal(answer.error.status, cases[i].status);
        cloud_answer_free(&answer);
    }
}

/* --- errors -------------------------------------------------------------------------- */

static void numbers_are_errnos(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
        enum cloud_outcome outcome;
        enum cloud_remedy remedy;
        const char *code;
    } cases[] = {
        {"{\"code\":4100,\"codeDesc\":\"AuthFailure\"}", -EKEYREJECTED, CLOUD_REFUSED,
         CLOUD_CREDENTIAL, "AuthFailure"},
        {"{\"code\":\"4105\"}", -EKEYEXPIRED, CLOUD_REFUSED, CLOUD_CREDENTIAL, "4105"},
        {"{\"code\":4101}", -EACCES, CLOUD_REFUSED, CLOUD_FINAL, "4101"},
        {"{\"code\":4400}", -EAGAIN, CLOUD_REFUSED, CLOUD_LATER, "4400"},
        {"{\"code\":4500}", -EKEYREJECTED, CLOUD_REFUSED, CLOUD_CLOCK, "4500"},
        {"{\"code\":6000}", -EREMOTEIO, CLOUD_UNKNOWN, CLOUD_READ_AGAIN, "6000"},
        {"{\"code\":5300}", -EDQUOT, CLOUD_REFUSED, CLOUD_FINAL, "5300"},
        {"{\"code\":16006,\"message\":\"(16006) snapshot quota exceeded\"}", -EDQUOT, CLOUD_REFUSED,
         CLOUD_FINAL, "16006"},
        {"{\"code\":16005}", -EBUSY, CLOUD_REFUSED, CLOUD_FINAL, "16005"},
        {"{\"code\":16027}", -EBUSY, CLOUD_REFUSED, CLOUD_FINAL, "16027"},
        {"{\"code\":16026}", -EOPNOTSUPP, CLOUD_REFUSED, CLOUD_FINAL, "16026"},
        {"{\"code\":16003}", -ENOENT, CLOUD_REFUSED, CLOUD_FINAL, "16003"},
        {"{\"code\":5100,\"message\":\"(16005) the disk is busy\"}", -EBUSY, CLOUD_REFUSED,
         CLOUD_FINAL, "5100"},
        {"{\"code\":5100,\"message\":\"(16005\"}", -EREMOTEIO, CLOUD_REFUSED, CLOUD_FINAL, "5100"},
        {"{\"code\":99999}", -EREMOTEIO, CLOUD_REFUSED, CLOUD_FINAL, "99999"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cloud_answer answer;
        decode(&apply, 200, cases[i].body, &answer);
        assert_int_equal(answer.error.status, cases[i].status);
        assert_int_equal(answer.error.outcome, cases[i].outcome);
        assert_int_equal(answer.error.remedy, cases[i].remedy);
        assert_string_equal(answer.error.code, cases[i].code);
        assert_null(answer.document);
        cloud_answer_free(&answer);
    }
}

static void the_recorded_errors(void **state)
{
    (void)state;
    struct cloud_answer answer;
    decode_file(&create, "v2_error_quota.json", &answer);
    assert_int_equal(answer.error.status, -EDQUOT);
    assert_string_equal(answer.error.code, "SnapshotQuotaExceeded");
    assert_string_equal(answer.error.message, "(16006) snapshot quota exceeded");
    cloud_answer_free(&answer);
    decode_file(&create, "v2_error_auth.json", &answer);
    assert_int_equal(answer.error.status, -EKEYREJECTED);
    assert_string_equal(answer.error.message, "身份认证失败，用户身份验证失败");
    cloud_answer_free(&answer);
}

static void what_is_not_the_apis(void **state)
{
    (void)state;
    static const struct {
        long http;
        const char *body;
        int status;
    } cases[] = {
        {200, "<html>hello</html>", -EPROTO},
        {200, "", -EPROTO},
        {200, "[]", -EPROTO},
        {200, "{}", -EPROTO},
        {200, "{\"code\":null}", -EPROTO},
        {200, "{\"code\":\"zero\"}", -EPROTO},
        {404, "{\"code\":0}", -EPROTO},
        {502, "{\"code\":0}", -EREMOTEIO},
        {429, "", -EAGAIN},
        {200, "{\"code\":0,\"totalCount\":3}", -EPROTO},
        {200, "{\"code\":0,\"totalCount\":3,\"snapshotSet\":{}}", -EPROTO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cloud_answer answer;
        decode(&snapshots, cases[i].http, cases[i].body, &answer);
        assert_int_equal(answer.error.status, cases[i].status);
        assert_int_equal(answer.count, 0);
        cloud_answer_free(&answer);
    }
    struct cloud_answer answer;
    decode(&snapshots, 200, "{\"code\":0,\"totalCount\":0}", &answer);
    assert_int_equal(answer.error.status, 0);
    cloud_answer_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_recorded_snapshots_are_read),
        cmocka_unit_test(the_recorded_disks_are_read),
        cmocka_unit_test(types_that_the_api_mixes),
        cmocka_unit_test(a_disk_that_is_rolled_back),
        cmocka_unit_test(changes_that_succeed),
        cmocka_unit_test(commas_before_a_bracket),
        cmocka_unit_test(a_deletion_tells_of_each_id),
        cmocka_unit_test(numbers_are_errnos),
        cmocka_unit_test(the_recorded_errors),
        cmocka_unit_test(what_is_not_the_apis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
