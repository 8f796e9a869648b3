/* SPDX-License-Identifier: Apache-2.0 */
/* What API 3.0 has beside making, applying and deleting snapshots: as requests, and as lists. */
#include "test_data.h"

#include "cbsfs/buffer.h"
#include "cbsfs/http.h"
#include "cbsfs/provider.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define NOW 1700000000

static char secret_id[] = "AKIDcbsfsEXAMPLE0000000000000000000";
static char secret_key[] = "cbsfsExampleSecretKey000000000000";

static const struct credential credential = {
    .secret_id = secret_id, .secret_key = secret_key, .expires = TIMESTAMP_NONE};

static const char *header_of(const struct http_request *request, const char *name)
{
    size_t length = strlen(name);
    for (const struct curl_slist *header = request->headers; header; header = header->next)
        if (strncmp(header->data, name, length) == 0 &&
            strncmp(header->data + length, ": ", 2) == 0)
            return header->data + length + 2;
    return NULL;
}

/* --- requests ------------------------------------------------------------------------ */

static const char *const disks[] = {"disk-a", "disk-b"};
static const char *const group_ids[] = {"csnap-a"};
static const char *const policy_ids[] = {"asp-a", "asp-b"};
static const struct cloud_member members[] = {{"snap-a", "disk-a"}, {"snap-b", "disk-b"}};

static const struct {
    struct cloud_call call;
    const char *action, *body;
} bodies[] = {
    {{.verb = CLOUD_DESCRIBE_SHARES, .snapshot_id = "snap-a"},
     "DescribeSnapshotSharePermission",
     "{\"SnapshotId\":\"snap-a\"}"},
    {{.verb = CLOUD_DESCRIBE_GROUPS, .offset = 100, .limit = 100},
     "DescribeSnapshotGroups",
     "{\"Offset\":100,\"Limit\":100}"},
    {{.verb = CLOUD_DESCRIBE_GROUPS, .ids = group_ids, .id_count = 1},
     "DescribeSnapshotGroups",
     "{\"Filters\":[{\"Name\":\"snapshot-group-id\",\"Values\":[\"csnap-a\"]}],\"Limit\":1}"},
    {{.verb = CLOUD_DESCRIBE_POLICIES, .limit = 100},
     "DescribeAutoSnapshotPolicies",
     "{\"Offset\":0,\"Limit\":100,\"Order\":\"ASC\",\"OrderField\":\"CREATE_TIME\"}"},
    {{.verb = CLOUD_DESCRIBE_POLICIES, .ids = policy_ids, .id_count = 2},
     "DescribeAutoSnapshotPolicies",
     "{\"AutoSnapshotPolicyIds\":[\"asp-a\",\"asp-b\"],\"Limit\":2}"},
    {{.verb = CLOUD_DESCRIBE_REGIONS}, "DescribeRegions", "{\"Product\":\"cbs\"}"},
    {{.verb = CLOUD_EXPIRE_SNAPSHOT, .snapshot_id = "snap-a", .expires = TIMESTAMP_NONE},
     "ModifySnapshotAttribute",
     "{\"SnapshotId\":\"snap-a\",\"IsPermanent\":true}"},
    {{.verb = CLOUD_EXPIRE_SNAPSHOT, .snapshot_id = "snap-a", .expires = 1735689599},
     "ModifySnapshotAttribute",
     "{\"SnapshotId\":\"snap-a\",\"IsPermanent\":false,\"Deadline\":\"2024-12-31T23:59:59+00:"
     "00\"}"},
    {{.verb = CLOUD_SHARE_SNAPSHOT, .snapshot_id = "snap-a", .account = "100001122000"},
     "ModifySnapshotsSharePermission",
     "{\"SnapshotIds\":[\"snap-a\"],\"AccountIds\":[\"100001122000\"],\"Permission\":\"SHARE\"}"},
    {{.verb = CLOUD_SHARE_SNAPSHOT,
      .snapshot_id = "snap-a",
      .account = "100001122000",
      .cancel = true},
     "ModifySnapshotsSharePermission",
     "{\"SnapshotIds\":[\"snap-a\"],\"AccountIds\":[\"100001122000\"],\"Permission\":\"CANCEL\"}"},
    {{.verb = CLOUD_COPY_SNAPSHOT, .snapshot_id = "snap-a", .region = "ap-beijing"},
     "CopySnapshotCrossRegions",
     "{\"SnapshotId\":\"snap-a\",\"DestinationRegions\":[\"ap-beijing\"]}"},
    {{.verb = CLOUD_COPY_SNAPSHOT,
      .snapshot_id = "snap-a",
      .region = "ap-beijing",
      .name = "每日\n"},
     "CopySnapshotCrossRegions",
     "{\"SnapshotId\":\"snap-a\",\"DestinationRegions\":[\"ap-beijing\"],"
     "\"SnapshotName\":\"每日\\n\"}"},
    {{.verb = CLOUD_CREATE_DISK,
      .snapshot_id = "snap-a",
      .zone = "ap-guangzhou-6",
      .type = "CLOUD_SSD",
      .size = 50,
      .token = "3f1c-4b7e"},
     "CreateDisks",
     "{\"Placement\":{\"Zone\":\"ap-guangzhou-6\"},\"DiskChargeType\":\"POSTPAID_BY_HOUR\","
     "\"DiskType\":\"CLOUD_SSD\",\"DiskCount\":1,\"SnapshotId\":\"snap-a\",\"DiskSize\":50,"
     "\"ClientToken\":\"3f1c-4b7e\"}"},
    {{.verb = CLOUD_CREATE_DISK,
      .snapshot_id = "snap-a",
      .zone = "ap-guangzhou-6",
      .type = "CLOUD_SSD",
      .size = 50,
      .token = "t",
      .name = "restored"},
     "CreateDisks",
     "{\"Placement\":{\"Zone\":\"ap-guangzhou-6\"},\"DiskChargeType\":\"POSTPAID_BY_HOUR\","
     "\"DiskType\":\"CLOUD_SSD\",\"DiskCount\":1,\"SnapshotId\":\"snap-a\",\"DiskSize\":50,"
     "\"DiskName\":\"restored\",\"ClientToken\":\"t\"}"},
    {{.verb = CLOUD_CREATE_GROUP, .ids = disks, .id_count = 2, .name = "all"},
     "CreateSnapshotGroup",
     "{\"DiskIds\":[\"disk-a\",\"disk-b\"],\"SnapshotGroupName\":\"all\"}"},
    {{.verb = CLOUD_APPLY_GROUP, .group_id = "csnap-a", .members = members, .member_count = 2},
     "ApplySnapshotGroup",
     "{\"SnapshotGroupId\":\"csnap-a\",\"ApplyDisks\":[{\"SnapshotId\":\"snap-a\",\"DiskId\":"
     "\"disk-a\"},{\"SnapshotId\":\"snap-b\",\"DiskId\":\"disk-b\"}]}"},
    {{.verb = CLOUD_APPLY_GROUP,
      .group_id = "csnap-a",
      .members = members,
      .member_count = 1,
      .stop_instance = true,
      .start_instance = true},
     "ApplySnapshotGroup",
     "{\"SnapshotGroupId\":\"csnap-a\",\"ApplyDisks\":[{\"SnapshotId\":\"snap-a\",\"DiskId\":"
     "\"disk-a\"}],\"AutoStopInstance\":true,\"AutoStartInstance\":true}"},
    {{.verb = CLOUD_DELETE_GROUP, .group_id = "csnap-a"},
     "DeleteSnapshotGroup",
     "{\"SnapshotGroupId\":\"csnap-a\"}"},
};

static void every_feature_has_its_body(void **state)
{
    (void)state;
    const struct cloud_account account = {.region = "ap-guangzhou"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct http_request request;
        http_request_init(&request);
        assert_int_equal(
            provider_tencent.encode(&account, &credential, NOW, &bodies[i].call, &request), 0);
        assert_string_equal(header_of(&request, "X-TC-Action"), bodies[i].action);
        assert_string_equal(request.body, bodies[i].body);
        assert_string_equal(request.url, bodies[i].call.verb == CLOUD_DESCRIBE_REGIONS
                                             ? "https://region.tencentcloudapi.com/"
                                             : "https://cbs.tencentcloudapi.com/");
        http_request_free(&request);
    }
}

static void what_a_feature_lacks_is_refused(void **state)
{
    (void)state;
    static const char long_token[] =
        "0123456789012345678901234567890123456789012345678901234567890123x";
    const char *const no_disks[] = {"disk-a", NULL};
    const struct cloud_member half[] = {{"snap-a", NULL}};
    const struct cloud_call disk = {.verb = CLOUD_CREATE_DISK,
                                    .snapshot_id = "snap-a",
                                    .zone = "z-1",
                                    .type = "CLOUD_SSD",
                                    .size = 1,
                                    .token = "t"};
    struct cloud_call lacking[8] = {disk, disk, disk, disk, disk, disk, disk, disk};
    lacking[0].snapshot_id = NULL;
    lacking[1].zone = NULL;
    lacking[2].type = NULL;
    lacking[3].size = 0;
    lacking[4].token = NULL;
    lacking[5].token = "";
    lacking[6].token = long_token;
    lacking[7].token = "töken";
    const struct cloud_call others[] = {
        {.verb = CLOUD_DESCRIBE_SHARES},
        {.verb = CLOUD_DESCRIBE_GROUPS},
        {.verb = CLOUD_DESCRIBE_GROUPS, .limit = 101},
        {.verb = CLOUD_DESCRIBE_POLICIES, .limit = 101},
        {.verb = CLOUD_DESCRIBE_POLICIES, .ids = policy_ids, .id_count = 2, .offset = 1},
        {.verb = CLOUD_DESCRIBE_POLICIES, .limit = 1, .disk_id = "disk-a"},
        {.verb = CLOUD_EXPIRE_SNAPSHOT, .expires = TIMESTAMP_NONE},
        {.verb = CLOUD_EXPIRE_SNAPSHOT, .snapshot_id = "snap-a", .expires = INT64_MAX},
        {.verb = CLOUD_SHARE_SNAPSHOT, .snapshot_id = "snap-a"},
        {.verb = CLOUD_SHARE_SNAPSHOT, .account = "1"},
        {.verb = CLOUD_SHARE_SNAPSHOT, .snapshot_id = "snap-a", .account = "\xff"},
        {.verb = CLOUD_COPY_SNAPSHOT, .snapshot_id = "snap-a"},
        {.verb = CLOUD_COPY_SNAPSHOT, .snapshot_id = "snap-a", .region = "r", .name = "\xff"},
        {.verb = CLOUD_CREATE_GROUP, .name = "no disks"},
        {.verb = CLOUD_CREATE_GROUP, .ids = no_disks, .id_count = 2},
        {.verb = CLOUD_APPLY_GROUP, .group_id = "csnap-a"},
        {.verb = CLOUD_APPLY_GROUP, .group_id = "csnap-a", .members = half, .member_count = 1},
        {.verb = CLOUD_APPLY_GROUP,
         .group_id = "csnap-a",
         .members = members,
         .member_count = 1,
         .start_instance = true},
        {.verb = CLOUD_DELETE_GROUP},
    };
    const struct cloud_account account = {.region = "ap-guangzhou"};
    size_t count = sizeof others / sizeof *others;
    for (size_t i = 0; i < 8 + count; i++) {
        struct http_request request;
        http_request_init(&request);
        assert_int_equal(provider_tencent.encode(&account, &credential, NOW,
                                                 i < 8 ? &lacking[i] : &others[i - 8], &request),
                         -EINVAL);
        assert_null(request.body);
        assert_null(request.headers);
    }
}

/* Regions are another product's: its host, its version, and its name in the signature. */
static void regions_are_asked_of_their_own_service(void **state)
{
    (void)state;
    static const struct {
        const char *endpoint, *url;
    } places[] = {
        {NULL, "https://region.tencentcloudapi.com/"},
        {"https://cbs.tencentcloudapi.com", "https://region.tencentcloudapi.com/"},
        {"https://cbs.intl.tencentcloudapi.com", "https://region.intl.tencentcloudapi.com/"},
        {"https://CBS.ap-beijing.TencentCloudAPI.com",
         "https://region.ap-beijing.tencentcloudapi.com/"},
        {"https://cbs.tencentcloudapi.com.example", "https://cbs.tencentcloudapi.com.example/"},
        {"https://cbs.tencentcloudapi.com:8443", "https://cbs.tencentcloudapi.com:8443/"},
        {"http://127.0.0.1:8080", "http://127.0.0.1:8080/"},
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const struct cloud_account account = {
            .region = "ap-shanghai-fsi", .endpoint = places[i].endpoint, .language = "en-US"};
        const struct cloud_call call = {.verb = CLOUD_DESCRIBE_REGIONS};
        struct http_request request;
        http_request_init(&request);
        assert_int_equal(provider_tencent.encode(&account, &credential, NOW, &call, &request), 0);
        assert_string_equal(request.url, places[i].url);
        assert_string_equal(header_of(&request, "X-TC-Version"), "2022-06-27");
        assert_null(header_of(&request, "X-TC-Region"));
        assert_non_null(
            strstr(header_of(&request, "Authorization"), "/2023-11-14/region/tc3_request,"));
        http_request_free(&request);
    }
}

/* --- answers ------------------------------------------------------------------------- */

static const char *content_type_of(const struct http_reply *reply, const char *name)
{
    (void)reply;
    return strcasecmp(name, "Content-Type") == 0 ? "application/json" : NULL;
}

static void decode(const struct cloud_call *call, const char *body, struct cloud_answer *answer)
{
    const struct http_reply reply = {.failure = HTTP_OK,
                                     .status = 200,
                                     .body = body,
                                     .body_length = strlen(body),
                                     .header = content_type_of};
    cloud_answer_init(answer);
    provider_tencent.decode(call, &reply, answer);
}

static void decode_file(const struct cloud_call *call, const char *name,
                        struct cloud_answer *answer)
{
    char path[128];
    size_t length;
    snprintf(path, sizeof path, "tencent/%s.json", name);
    char *body = read_test_data(path, &length);
    decode(call, body, answer);
    free(body);
}

/* Compares without `raw`, whose id must be there; the list must outlive the answer. */
static void check_list(struct cloud_answer *answer, bool has_raw, const char *expected)
{
    assert_int_equal(answer->error.status, 0);
    assert_non_null(answer->list);
    json_t *list = json_incref(answer->list);
    cloud_answer_free(answer);
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *object = json_array_get(list, i);
        assert_true(has_raw == json_is_object(json_object_get(object, "raw")));
        assert_true(!has_raw || json_object_size(json_object_get(object, "raw")) > 0);
        json_object_del(object, "raw");
    }
    char *text = json_dumps(list, JSON_COMPACT);
    assert_string_equal(text, expected);
    free(text);
    json_decref(list);
}

static void the_recorded_lists_are_read(void **state)
{
    (void)state;
    static const struct {
        enum cloud_verb verb;
        const char *file, *list;
        int total;
        bool has_raw;
    } lists[] = {
        {CLOUD_DESCRIBE_SHARES, "v3_DescribeSnapshotSharePermission",
         "[{\"account\":\"100001122000\",\"since\":1768961565},"
         "{\"account\":\"1044849112\",\"since\":1768961565}]",
         -1, false},
        {CLOUD_DESCRIBE_GROUPS, "v3_DescribeSnapshotGroups",
         "[{\"id\":\"csnap-4d8k2p6t\",\"name\":\"web-1-all\",\"state\":\"NORMAL\","
         "\"word\":\"NORMAL\",\"percent\":100,\"created\":1771992893,"
         "\"snapshots\":[\"snap-0a1b2c3d\",\"snap-4e5f6g7h\"],\"policy\":\"\"}]",
         1, true},
        {CLOUD_DESCRIBE_POLICIES, "v3_DescribeAutoSnapshotPolicies",
         "[{\"id\":\"asp-6q2n8v4h\",\"name\":\"nightly-7d\",\"state\":\"NORMAL\",\"active\":true,"
         "\"next\":1772560800,\"days\":7,\"disks\":[\"disk-4w1qp7kd\"]}]",
         1, true},
        {CLOUD_DESCRIBE_REGIONS, "v3_DescribeRegions",
         "[{\"id\":\"ap-guangzhou\",\"name\":\"华南地区(广州)\",\"available\":true},"
         "{\"id\":\"ap-singapore\",\"name\":\"亚太东南(新加坡)\",\"available\":true}]",
         2, false},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const struct cloud_call call = {.verb = lists[i].verb, .limit = 100};
        struct cloud_answer answer;
        decode_file(&call, lists[i].file, &answer);
        assert_int_equal(answer.total, lists[i].total);
        assert_int_equal(answer.unreadable, 0);
        check_list(&answer, lists[i].has_raw, lists[i].list);
    }
}

static void odd_lists_are_read_as_far_as_they_go(void **state)
{
    (void)state;
    static const struct {
        enum cloud_verb verb;
        unsigned unreadable;
        bool has_raw;
        const char *response, *list;
    } odd[] = {
        {CLOUD_DESCRIBE_SHARES, 4, false,
         "\"SharePermissionSet\":[{\"AccountId\":\"7\"},{\"AccountId\":\"../x\"},{},null,"
         "{\"AccountId\":\"8\",\"CreatedTime\":null},{\"AccountId\":\"-9\"}]",
         "[{\"account\":\"7\",\"since\":null},{\"account\":\"8\",\"since\":null}]"},
        {CLOUD_DESCRIBE_SHARES, 0, false, "\"SharePermissionSet\":null", "[]"},
        {CLOUD_DESCRIBE_GROUPS, 1, true,
         "\"TotalCount\":3,\"SnapshotGroupSet\":[{\"SnapshotGroupId\":\"csnap-a\","
         "\"SnapshotGroupState\":\"CREATING\",\"Percent\":\"150\",\"SnapshotIdSet\":[\"snap-a\","
         "null,7,\"a/b\",\"snap-b\"],\"AutoSnapshotPolicyId\":\"asp-a\",\"SnapshotGroupName\":7},"
         "{\"SnapshotGroupId\":\"..\"},{\"SnapshotGroupId\":\"csnap-b\","
         "\"SnapshotGroupState\":\"TORECYCLE\",\"SnapshotIdSet\":null}]",
         "[{\"id\":\"csnap-a\",\"name\":\"\",\"state\":\"CREATING\",\"word\":\"CREATING\","
         "\"percent\":100,\"created\":null,\"snapshots\":[\"snap-a\",\"snap-b\"],"
         "\"incomplete\":true,\"policy\":\"asp-a\"},{\"id\":\"csnap-b\",\"name\":\"\",\"state\":"
         "\"TORECYCLE\","
         "\"word\":\"\",\"percent\":0,\"created\":null,\"snapshots\":[],\"incomplete\":true,"
         "\"policy\":\"\"}]"},
        {CLOUD_DESCRIBE_GROUPS, 0, true,
         "\"TotalCount\":1,\"SnapshotGroupSet\":[{\"SnapshotGroupId\":\"csnap-a\","
         "\"SnapshotIdSet\":[\"snap-a\",\"snap-b\",\"snap-a\"]}]",
         "[{\"id\":\"csnap-a\",\"name\":\"\",\"state\":\"\",\"word\":\"\",\"percent\":0,"
         "\"created\":null,\"snapshots\":[\"snap-a\",\"snap-b\"],\"policy\":\"\"}]"},
        {CLOUD_DESCRIBE_GROUPS, 0, true, "\"TotalCount\":0,\"SnapshotGroupSet\":null", "[]"},
        {CLOUD_DESCRIBE_POLICIES, 1, true,
         "\"TotalCount\":4,\"AutoSnapshotPolicySet\":[{\"AutoSnapshotPolicyId\":\"asp-a\","
         "\"IsPermanent\":true,\"RetentionDays\":7,\"IsActivated\":false},7,"
         "{\"AutoSnapshotPolicyId\":\"asp-b\",\"RetentionDays\":0,\"RetentionMonths\":2,"
         "\"DiskIdSet\":[{},\"disk-a\"]},{\"AutoSnapshotPolicyId\":\"asp-c\"}]",
         "[{\"id\":\"asp-a\",\"name\":\"\",\"state\":\"\",\"active\":false,\"next\":null,\"days\":"
         "0,"
         "\"disks\":[]},{\"id\":\"asp-b\",\"name\":\"\",\"state\":\"\",\"active\":true,"
         "\"next\":null,\"days\":60,\"disks\":[\"disk-a\"]},{\"id\":\"asp-c\",\"name\":\"\","
         "\"state\":\"\",\"active\":true,\"next\":null,\"days\":0,\"disks\":[]}]"},
        {CLOUD_DESCRIBE_REGIONS, 3, false,
         "\"TotalCount\":21,\"RegionSet\":[{\"Region\":\"ap-a\"},{\"Region\":\"ap_b\"},"
         "{\"Region\":\"ap.evil.example\"},{\"Region\":\"\"},{\"Region\":\"ap-c\","
         "\"RegionState\":\"UNAVAILABLE\",\"RegionName\":\"C\"}]",
         "[{\"id\":\"ap-a\",\"name\":\"\",\"available\":true},"
         "{\"id\":\"ap-c\",\"name\":\"C\",\"available\":false}]"},
    };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        const struct cloud_call call = {.verb = odd[i].verb, .limit = 100};
        char body[1024];
        assert_true(snprintf(body, sizeof body, "{\"Response\":{%s,\"RequestId\":\"r\"}}",
                             odd[i].response) < (int)sizeof body);
        struct cloud_answer answer;
        decode(&call, body, &answer);
        assert_int_equal(answer.unreadable, odd[i].unreadable);
        check_list(&answer, odd[i].has_raw, odd[i].list);
    }
}

static void a_list_without_its_array_is_no_list(void **state)
{
    (void)state;
    static const struct {
        enum cloud_verb verb;
        const char *response;
    } broken[] = {
        {CLOUD_DESCRIBE_SHARES, "\"TotalCount\":1"},
        {CLOUD_DESCRIBE_SHARES, "\"SharePermissionSet\":{}"},
        {CLOUD_DESCRIBE_GROUPS, "\"TotalCount\":1,\"SnapshotGroupSet\":null"},
        {CLOUD_DESCRIBE_GROUPS, "\"SnapshotGroupSet\":null"},
        {CLOUD_DESCRIBE_POLICIES, "\"TotalCount\":1"},
        {CLOUD_DESCRIBE_POLICIES, "\"AutoSnapshotPolicySet\":\"\""},
        {CLOUD_DESCRIBE_REGIONS, "\"TotalCount\":2,\"RegionSet\":null"},
        {CLOUD_DESCRIBE_REGIONS, "\"SnapshotSet\":[]"},
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        const struct cloud_call call = {.verb = broken[i].verb, .limit = 100};
        char body[128];
        snprintf(body, sizeof body, "{\"Response\":{%s}}", broken[i].response);
        struct cloud_answer answer;
        decode(&call, body, &answer);
        assert_int_equal(answer.error.status, -EPROTO);
        assert_null(answer.list);
        cloud_answer_free(&answer);
    }
}

/* --- changes ------------------------------------------------------------------------- */

static void what_a_change_made_is_told(void **state)
{
    (void)state;
    static const struct {
        struct cloud_call call;
        const char *file, *id;
    } made[] = {
        {{.verb = CLOUD_CREATE_DISK}, "v3_CreateDisks", "disk-2g5j8l1n"},
        {{.verb = CLOUD_CREATE_GROUP}, "v3_CreateSnapshotGroup", "csnap-4d8k2p6t"},
        {{.verb = CLOUD_COPY_SNAPSHOT, .region = "ap-beijing"},
         "v3_CopySnapshotCrossRegions",
         "snap-7h3f5q1x"},
        {{.verb = CLOUD_CREATE_SNAPSHOT}, "v3_CreateSnapshotGroup", ""},
        {{.verb = CLOUD_EXPIRE_SNAPSHOT}, "v3_ModifySnapshotAttribute", ""},
        {{.verb = CLOUD_SHARE_SNAPSHOT}, "v3_ModifySnapshotsSharePermission", ""},
        {{.verb = CLOUD_APPLY_GROUP}, "v3_ApplySnapshotGroup", ""},
        {{.verb = CLOUD_DELETE_GROUP}, "v3_DeleteSnapshotGroup", ""},
    };
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        struct cloud_answer answer;
        decode_file(&made[i].call, made[i].file, &answer);
        assert_int_equal(answer.error.status, 0);
        assert_int_equal(strlen(answer.error.request_id), 36);
        assert_string_equal(answer.created_id, made[i].id);
        cloud_answer_free(&answer);
    }
}

/* The request succeeded; the copy did not. */
static void a_region_that_refuses_is_an_error(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        int status;
        enum cloud_remedy remedy;
    } codes[] = {
        {"InvalidParameterValue", EINVAL, CLOUD_FINAL},
        {"InsufficientSnapshotQuota", EDQUOT, CLOUD_FINAL},
        {"ResourceInUse.CopySnapshotConflict", EBUSY, CLOUD_FINAL},
        {"UnsupportedOperation.SnapshotNotSupportCopy", EOPNOTSUPP, CLOUD_FINAL},
        {"InvalidAccount.InsufficientBalance", EDQUOT, CLOUD_FINAL},
        {"RequestLimitExceeded", EAGAIN, CLOUD_LATER},
        {"InternalError", EREMOTEIO, CLOUD_FINAL},
        {"AuthFailure.SignatureExpire", EKEYREJECTED, CLOUD_FINAL},
        {"Failed", EREMOTEIO, CLOUD_FINAL},
        {"", EREMOTEIO, CLOUD_FINAL},
    };
    const struct cloud_call call = {.verb = CLOUD_COPY_SNAPSHOT, .region = "ap-nowhere"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        char body[512];
        snprintf(body, sizeof body,
                 "{\"Response\":{\"SnapshotCopyResultSet\":[{\"DestinationRegion\":\"ap-beijing\","
                 "\"Code\":\"Success\",\"SnapshotId\":\"snap-a\"},{\"DestinationRegion\":"
                 "\"ap-nowhere\",\"Code\":\"%s\",\"Message\":\"no room\",\"SnapshotId\":\"\"}],"
                 "\"RequestId\":\"r-1\"}}",
                 codes[i].code);
        struct cloud_answer answer;
        decode(&call, body, &answer);
        assert_int_equal(answer.error.status, -codes[i].status);
        /* What happens after an internal error, or of which nothing is said, nobody knows. */
        bool is_unknown = *codes[i].code == '\0' || strcmp(codes[i].code, "InternalError") == 0;
        assert_int_equal(answer.error.outcome, is_unknown ? CLOUD_UNKNOWN : CLOUD_REFUSED);
        assert_int_equal(answer.error.remedy, codes[i].remedy);
        assert_string_equal(answer.error.code, codes[i].code);
        assert_string_equal(answer.error.message, "no room");
        assert_string_equal(answer.error.request_id, "r-1");
        assert_string_equal(answer.created_id, "");
        cloud_answer_free(&answer);
    }
}

static void a_change_without_an_id_is_a_success(void **state)
{
    (void)state;
    static const enum cloud_verb verbs[] = {CLOUD_COPY_SNAPSHOT, CLOUD_CREATE_DISK,
                                            CLOUD_CREATE_GROUP};
    static const char *const responses[] = {
        "{\"Response\":{\"RequestId\":\"r\"}}",
        "{\"Response\":{\"SnapshotCopyResultSet\":null,\"DiskIdSet\":null,"
        "\"SnapshotGroupId\":null}}",
        "{\"Response\":{\"SnapshotCopyResultSet\":[{\"Code\":\"success\",\"SnapshotId\":\"../x\"}],"
        "\"DiskIdSet\":[7],\"SnapshotGroupId\":\"a/b\"}}",
        /* Of another region than was asked for. */
        "{\"Response\":{\"SnapshotCopyResultSet\":[{\"DestinationRegion\":\"ap-nowhere\","
        "\"Code\":\"Success\",\"SnapshotId\":\"snap-a\"}]}}",
    };
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 4; j++) {
            const struct cloud_call call = {.verb = verbs[i], .region = "ap-beijing"};
            struct cloud_answer answer;
            decode(&call, responses[j], &answer);
            assert_int_equal(answer.error.status, 0);
            assert_string_equal(answer.created_id, "");
            cloud_answer_free(&answer);
        }
    }
}

/* --- what a snapshot's record tells -------------------------------------------------- */

static void check_feature(const json_t *raw, enum snapshot_feature feature, const char *text)
{
    struct buffer out;
    buffer_init(&out, 0);
    assert_int_equal(provider_tencent.put_feature(raw, feature, &out), 0);
    assert_string_equal(out.data == NULL ? "" : out.data, text);
    buffer_free(&out);
}

static void a_record_tells_its_features(void **state)
{
    (void)state;
    static const struct {
        const char *members, *tags, *policy, *copying;
        bool shared_out;
    } records[] = {
        {"\"Tags\":[],\"CopyingToRegions\":[],\"AutoSnapshotPolicyId\":\"\",\"ShareReference\":0",
         "", "", "", false},
        {"\"Tags\":null,\"CopyingToRegions\":null,\"AutoSnapshotPolicyId\":null", "", "", "",
         false},
        {"\"Tags\":[{\"Key\":\"env\",\"Value\":\"prod\"},{\"Key\":\"b\\na\\u001b\","
         "\"Value\":\"每日\"},{\"Key\":\"empty\"}]",
         "env=prod\nb?a?=每日\nempty=\n", "", "", false},
        {"\"AutoSnapshotPolicyId\":\"asp-6q2n8v4h\",\"ShareReference\":2", "", "asp-6q2n8v4h\n", "",
         true},
        {"\"CopyingToRegions\":[\"ap-beijing\",\"ap-tokyo\"]", "", "", "ap-beijing\nap-tokyo\n",
         false},
        {"\"SnapshotType\":\"SHARED_SNAPSHOT\",\"ShareReference\":2", "", "", "", false},
    };
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        char body[512];
        snprintf(body, sizeof body,
                 "{\"Response\":{\"TotalCount\":1,\"SnapshotSet\":[{\"SnapshotId\":\"snap-a\",%s}"
                 "]}}",
                 records[i].members);
        const struct cloud_call call = {.verb = CLOUD_DESCRIBE_SNAPSHOTS, .limit = 100};
        struct cloud_answer answer;
        decode(&call, body, &answer);
        assert_int_equal(answer.count, 1);
        const struct snapshot_record *snapshot = &answer.snapshots[0];
        assert_int_equal(snapshot->tagged, *records[i].tags != '\0');
        assert_int_equal(snapshot->made_by_policy, *records[i].policy != '\0');
        assert_int_equal(snapshot->copying_away, *records[i].copying != '\0');
        assert_int_equal(snapshot->shared_out, records[i].shared_out);
        check_feature(snapshot->raw, FEATURE_TAGS, records[i].tags);
        check_feature(snapshot->raw, FEATURE_POLICY, records[i].policy);
        check_feature(snapshot->raw, FEATURE_COPYING, records[i].copying);
        cloud_answer_free(&answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_feature_has_its_body),
        cmocka_unit_test(what_a_feature_lacks_is_refused),
        cmocka_unit_test(regions_are_asked_of_their_own_service),
        cmocka_unit_test(the_recorded_lists_are_read),
        cmocka_unit_test(odd_lists_are_read_as_far_as_they_go),
        cmocka_unit_test(a_list_without_its_array_is_no_list),
        cmocka_unit_test(what_a_change_made_is_told),
        cmocka_unit_test(a_region_that_refuses_is_an_error),
        cmocka_unit_test(a_change_without_an_id_is_a_success),
        cmocka_unit_test(a_record_tells_its_features),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
