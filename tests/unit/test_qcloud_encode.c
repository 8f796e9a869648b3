/* SPDX-License-Identifier: Apache-2.0 */
#include "test_data.h"

#include "cbsfs/http.h"
#include "cbsfs/provider.h"
#include "cbsfs/qcloud_signature.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <string.h>

#define NOW 1466076669

static char secret_id[] = "AKIDcbsfsEXAMPLE0000000000000000000";
static char secret_key[] = "cbsfsExampleSecretKey000000000000";
static char token[] = "a token+/=";

static const struct credential permanent = {
    .secret_id = secret_id, .secret_key = secret_key, .expires = TIMESTAMP_NONE};
static const struct credential temporary = {
    .secret_id = secret_id, .secret_key = secret_key, .token = token, .expires = TIMESTAMP_NONE};
static const struct cloud_account shanghai = {.region = "ap-shanghai"};

/* --- signatures ---------------------------------------------------------------------- */

/* Facts 6.3: made by the official SDKs; the last one is published in the documentation. */
static void the_worked_signatures(void **state)
{
    (void)state;
    static const struct {
        enum qcloud_hash hash;
        const char *key, *text, *signature;
    } vectors[] = {
        {QCLOUD_HMAC_SHA1, secret_key,
         "GETsnapshot.api.qcloud.com/v2/"
         "index.php?Action=CreateSnapshot&Nonce=550701091&Region=sh&SecretId="
         "AKIDcbsfsEXAMPLE0000000000000000000&Timestamp=1466076669&snapshotName=snap_test&"
         "storageId=disk-nmnaafrh",
         "94EDyrtWg1Co87Rx1w224VlSSe0="},
        {QCLOUD_HMAC_SHA256, secret_key,
         "POSTsnapshot.api.qcloud.com/v2/"
         "index.php?Action=CreateSnapshot&Nonce=550701091&Region=sh&SecretId="
         "AKIDcbsfsEXAMPLE0000000000000000000&SignatureMethod=HmacSHA256&Timestamp=1466076669&"
         "snapshotName=每日 daily&storageId=disk-nmnaafrh",
         "pMtpLi1oZDGqp2sTuoxmd01IULuXgz8f6Mt7u4v0y4I="},
        {QCLOUD_HMAC_SHA1, secret_key,
         "GETsnapshot.api.qcloud.com/v2/"
         "index.php?Action=DescribeSnapshots&Nonce=550701091&Region=sh&SecretId="
         "AKIDcbsfsEXAMPLE0000000000000000000&Timestamp=1466076669&limit=100&offset=0&snapshotIds."
         "0=snap-amozk0kw&snapshotIds.1=snap-o7zxxxr3",
         "YY93dKRfXieJ7h6Bwkhp0X2d/f8="},
        {QCLOUD_HMAC_SHA1, secret_key,
         "POSTcbs.api.qcloud.com/v2/"
         "index.php?Action=DescribeCbsStorages&Nonce=550701091&Region=sh&SecretId="
         "AKIDcbsfsEXAMPLE0000000000000000000&Timestamp=1466076669&limit=100",
         "dANnm60Ip98rMDyiI0EVIlA2pTI="},
        {QCLOUD_HMAC_SHA1, "Gu5t9xGARNpq86cd98joQYCN3Cozk1qA",
         "GETcvm.api.qcloud.com/v2/"
         "index.php?Action=DescribeInstances&Nonce=11886&Region=gz&SecretId="
         "AKIDz8krbsJ5yKBZQpn74WFkmLPx3gnPhESA&Timestamp=1465185768&instanceIds.0=ins-09dx96dg&"
         "limit=20&offset=0",
         "NSI3UqqD99b/UJb4tbG/xZpRW64="},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct buffer out;
        buffer_init(&out, 0);
        assert_int_equal(qcloud_signature(vectors[i].hash, vectors[i].key, vectors[i].text, &out),
                         0);
        assert_string_equal(out.data, vectors[i].signature);
        buffer_free(&out);
    }
}

/* Vector B, from its parameters: sorted by bytes, ids.10 before ids.2, values raw. */
static void what_is_signed(void **state)
{
    (void)state;
    struct qcloud_parameter parameters[] = {
        {"storageId", "disk-nmnaafrh"},
        {"ids.2", "c"},
        {"snapshotName", "每日 daily & =+"},
        {"ids.10", "k"},
        {"Nonce", "1"},
        {"Action", "CreateSnapshot"},
    };
    struct buffer out;
    buffer_init(&out, 0);
    qcloud_sort(parameters, 6);
    assert_int_equal(qcloud_string_to_sign("POST", "snapshot.api.qcloud.com", parameters, 6, &out),
                     0);
    assert_string_equal(out.data, "POSTsnapshot.api.qcloud.com/v2/index.php?Action=CreateSnapshot&"
                                  "Nonce=1&ids.10=k&ids.2=c&snapshotName=每日 daily & =+&"
                                  "storageId=disk-nmnaafrh");
    buffer_free(&out);
}

/* --- requests ------------------------------------------------------------------------ */

static void check_request(const struct cloud_account *account, const struct credential *credential,
                          const struct cloud_call *call, const char *url, const char *body)
{
    struct http_request request;
    http_request_init(&request);
    assert_int_equal(provider_qcloud.encode(account, credential, NOW, call, &request), 0);
    assert_string_equal(request.method, "POST");
    assert_string_equal(request.url, url);
    assert_string_equal(request.headers->data, "Content-Type: application/x-www-form-urlencoded");
    assert_null(request.headers->next);
    assert_int_equal(request.body_length, strlen(request.body));
    /* The signature comes last and is that of the rest, which the simulator verifies. */
    char *signature = strstr(request.body, "&Signature=");
    assert_non_null(signature);
    *signature = '\0';
    assert_string_equal(request.body, body);
    http_request_free(&request);
}

#define COMMON(action)                                                                             \
    "Action=" action "&Nonce=550701091&Region=sh&RequestClient=cbsfs-" CBSFS_VERSION               \
    "&SecretId=AKIDcbsfsEXAMPLE0000000000000000000&SignatureMethod=HmacSHA256&Timestamp="          \
    "1466076669"
#define SNAPSHOTS "https://snapshot.api.qcloud.com/v2/index.php"
#define DISKS     "https://cbs.api.qcloud.com/v2/index.php"

static void each_call_has_its_form(void **state)
{
    (void)state;
    static const char *const ids[] = {"snap-amozk0kw", "snap-o7zxxxr3"};
    static const struct {
        struct cloud_call call;
        const char *url, *body;
    } cases[] = {
        {{.verb = CLOUD_DESCRIBE_DISKS, .offset = 200, .limit = 100},
         DISKS,
         COMMON("DescribeCbsStorages") "&limit=100&offset=200"},
        {{.verb = CLOUD_DESCRIBE_SNAPSHOTS, .limit = 100},
         SNAPSHOTS,
         COMMON("DescribeSnapshots") "&limit=100&offset=0"},
        {{.verb = CLOUD_DESCRIBE_SNAPSHOTS, .ids = ids, .id_count = 2},
         SNAPSHOTS,
         COMMON("DescribeSnapshots") "&limit=2&offset=0&snapshotIds.0=snap-amozk0kw&"
                                     "snapshotIds.1=snap-o7zxxxr3"},
        {{.verb = CLOUD_DESCRIBE_SNAPSHOTS, .disk_id = "disk-nmnaafrh", .limit = 50},
         SNAPSHOTS,
         COMMON("DescribeSnapshots") "&limit=50&offset=0&storageIds.0=disk-nmnaafrh"},
        {{.verb = CLOUD_DESCRIBE_DISKS, .ids = ids, .id_count = 1},
         DISKS,
         COMMON("DescribeCbsStorages") "&limit=1&offset=0&storageIds.0=snap-amozk0kw"},
        {{.verb = CLOUD_CREATE_SNAPSHOT, .disk_id = "disk-nmnaafrh", .name = "每日 a&b=c+%"},
         SNAPSHOTS,
         COMMON("CreateSnapshot") "&snapshotName=%E6%AF%8F%E6%97%A5%20a%26b%3Dc%2B%25&"
                                  "storageId=disk-nmnaafrh"},
        {{.verb = CLOUD_APPLY_SNAPSHOT, .disk_id = "disk-nmnaafrh", .snapshot_id = "snap-a"},
         SNAPSHOTS,
         COMMON("ApplySnapshot") "&snapshotId=snap-a&storageId=disk-nmnaafrh"},
        {{.verb = CLOUD_RENAME_SNAPSHOT, .snapshot_id = "snap-a", .name = "new"},
         SNAPSHOTS,
         COMMON("ModifySnapshot") "&snapshotId=snap-a&snapshotName=new"},
        {{.verb = CLOUD_DELETE_SNAPSHOT, .snapshot_id = "snap-a"},
         SNAPSHOTS,
         COMMON("DeleteSnapshot") "&snapshotIds.0=snap-a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cloud_call call = cases[i].call;
        call.nonce = 550701091;
        check_request(&shanghai, &permanent, &call, cases[i].url, cases[i].body);
    }
}

static const struct cloud_call rollback = {
    .verb = CLOUD_APPLY_SNAPSHOT, .disk_id = "disk-a", .snapshot_id = "snap-a", .nonce = 7};

static void a_temporary_credential_brings_its_token(void **state)
{
    (void)state;
    check_request(&shanghai, &temporary, &rollback, SNAPSHOTS,
                  "Action=ApplySnapshot&Nonce=7&Region=sh&RequestClient=cbsfs-" CBSFS_VERSION
                  "&SecretId=AKIDcbsfsEXAMPLE0000000000000000000&SignatureMethod=HmacSHA256&"
                  "Timestamp=1466076669&Token=a%20token%2B%2F%3D&snapshotId=snap-a&"
                  "storageId=disk-a");
}

/* The signature on the wire is the one of the request's own parameters. */
static void the_signature_of_a_request(void **state)
{
    (void)state;
    struct http_request request;
    http_request_init(&request);
    assert_int_equal(provider_qcloud.encode(&shanghai, &permanent, NOW, &rollback, &request), 0);
    struct buffer expected;
    buffer_init(&expected, 0);
    buffer_puts(&expected, "&Signature=");
    static const char signed_text[] =
        "POSTsnapshot.api.qcloud.com/v2/index.php?Action=ApplySnapshot&Nonce=7&Region=sh&"
        "RequestClient=cbsfs-" CBSFS_VERSION
        "&SecretId=AKIDcbsfsEXAMPLE0000000000000000000&SignatureMethod=HmacSHA256&Timestamp="
        "1466076669&snapshotId=snap-a&storageId=disk-a";
    struct buffer raw;
    buffer_init(&raw, 0);
    assert_int_equal(qcloud_signature(QCLOUD_HMAC_SHA256, secret_key, signed_text, &raw), 0);
    char *escaped = curl_easy_escape(NULL, raw.data, (int)raw.length);
    buffer_puts(&expected, escaped);
    assert_string_equal(strstr(request.body, "&Signature="), expected.data);
    curl_free(escaped);
    buffer_free(&raw);
    buffer_free(&expected);
    http_request_free(&request);
}

static void regions_are_sent_as_their_codes(void **state)
{
    (void)state;
    static const char *const regions[][2] = {{"ap-guangzhou", "&Region=gz&"},
                                             {"gz", "&Region=gz&"},
                                             {"na-siliconvalley", "&Region=usw&"},
                                             {"ap-shanghai-fsi", "&Region=shjr&"},
                                             {"xx-new-place", "&Region=xx-new-place&"}};
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++) {
        const struct cloud_account account = {.region = regions[i][0]};
        struct http_request request;
        http_request_init(&request);
        assert_int_equal(provider_qcloud.encode(&account, &permanent, NOW, &rollback, &request), 0);
        assert_non_null(strstr(request.body, regions[i][1]));
        http_request_free(&request);
    }
}

static void an_endpoint_of_the_users_own_serves_both(void **state)
{
    (void)state;
    static const struct cloud_account own = {.region = "sh", .endpoint = "http://127.0.0.1:8080"};
    static const enum cloud_verb verbs[] = {CLOUD_DESCRIBE_DISKS, CLOUD_DESCRIBE_SNAPSHOTS};
    for (size_t i = 0; i < 2; i++) {
        const struct cloud_call call = {.verb = verbs[i], .limit = 1, .nonce = 1};
        struct http_request request;
        http_request_init(&request);
        assert_int_equal(provider_qcloud.encode(&own, &permanent, NOW, &call, &request), 0);
        assert_string_equal(request.url, "http://127.0.0.1:8080/v2/index.php");
        http_request_free(&request);
    }
    char url[64];
    assert_int_equal(provider_qcloud.endpoint(&shanghai, url, sizeof url), 0);
    assert_string_equal(url, "https://snapshot.api.qcloud.com");
}

static void what_cannot_be_expressed(void **state)
{
    (void)state;
    static const char *const ids[101] = {"snap-a"};
    static const struct cloud_account nowhere = {.region = "a/b"};
    static const struct credential nobody = {.expires = TIMESTAMP_NONE};
    static const struct {
        const struct cloud_account *account;
        const struct credential *credential;
        struct cloud_call call;
    } cases[] = {
        {&nowhere, &permanent, {.verb = CLOUD_DESCRIBE_DISKS, .limit = 1}},
        {&shanghai, &nobody, {.verb = CLOUD_DESCRIBE_DISKS, .limit = 1}},
        {&shanghai, &permanent, {.verb = CLOUD_DESCRIBE_DISKS, .limit = 101}},
        {&shanghai, &permanent, {.verb = CLOUD_DESCRIBE_SNAPSHOTS}},
        {&shanghai, &permanent, {.verb = CLOUD_DESCRIBE_DISKS, .ids = ids, .id_count = 101}},
        {&shanghai, &permanent, {.verb = CLOUD_APPLY_SNAPSHOT, .stop_instance = true}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_request request;
        http_request_init(&request);
        assert_int_equal(provider_qcloud.encode(cases[i].account, cases[i].credential, NOW,
                                                &cases[i].call, &request),
                         -EINVAL);
        assert_null(request.url);
        assert_null(request.body);
        assert_null(request.headers);
    }
}

static void stopping_the_instance_is_refused_with_a_reason(void **state)
{
    (void)state;
    const struct cloud_call stopping = {.verb = CLOUD_APPLY_SNAPSHOT, .stop_instance = true};
    assert_non_null(provider_qcloud.refusal(&stopping));
    assert_null(provider_qcloud.refusal(&rollback));
    assert_ptr_equal(provider_find("qcloud"), &provider_qcloud);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worked_signatures),
        cmocka_unit_test(what_is_signed),
        cmocka_unit_test(each_call_has_its_form),
        cmocka_unit_test(a_temporary_credential_brings_its_token),
        cmocka_unit_test(the_signature_of_a_request),
        cmocka_unit_test(regions_are_sent_as_their_codes),
        cmocka_unit_test(an_endpoint_of_the_users_own_serves_both),
        cmocka_unit_test(what_cannot_be_expressed),
        cmocka_unit_test(stopping_the_instance_is_refused_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
