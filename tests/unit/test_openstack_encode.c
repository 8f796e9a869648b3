/* SPDX-License-Identifier: Apache-2.0 */
/* Requests for Cinder and EVS, and the signature SDK-HMAC-SHA256. */
#include "test_data.h"

#include "cbsfs/http.h"
#include "cbsfs/provider.h"
#include "cbsfs/sdk_signature.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <string.h>

#define VOLUME   "5aa119a8-d25b-45a7-8d1b-88e127885635"
#define SNAPSHOT "ffa9bc5e-1172-4021-acaf-cdcd78a9584d"
#define PROJECT  "000efdc5f9064584b718b181df137bd7"
#define BASE     "https://cinder.example:8776/v3/" PROJECT
#define DATE     "20260102T030405Z"
#define NOW      1767323045 /* DATE */

static char token[] = "a-token";
static char token_name[] = "0123abcd";
static char empty[] = "";
static char base[] = BASE;
static char project[] = PROJECT;
static char access_key[] = "QTWAOYTTINDUT2QVKYUC";
static char secret_key[] = "MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc";

static const struct credential newest = {.secret_id = token_name,
                                         .secret_key = empty,
                                         .token = token,
                                         .endpoint = base,
                                         .project = project,
                                         .api_minor = 71};
static const struct credential keys = {
    .secret_id = access_key, .secret_key = secret_key, .project = project};

static const char *const ids[] = {SNAPSHOT};

static struct http_request request;
static const struct cloud_account nowhere = {.region = ""};
static const struct cloud_account germany = {.region = "eu-de"};

static const char *header_of(const char *name)
{
    size_t length = strlen(name);
    for (struct curl_slist *at = request.headers; at != NULL; at = at->next)
        if (strncmp(at->data, name, length) == 0 && at->data[length] == ':')
            return at->data + length + 2;
    return NULL;
}

static int encode(const struct provider *provider, const struct cloud_account *account,
                  const struct credential *credential, const struct cloud_call *call)
{
    http_request_free(&request);
    return provider->encode(account, credential, NOW, call, &request);
}

static int free_request(void **state)
{
    (void)state;
    http_request_free(&request);
    return 0;
}

/* --- Cinder -------------------------------------------------------------------------- */

static void each_call_of_cinder(void **state)
{
    (void)state;
    static const struct {
        struct cloud_call call;
        unsigned minor;
        const char *method, *path, *body, *version;
    } cases[] = {
        {{.verb = CLOUD_DESCRIBE_DISKS, .limit = 1000},
         71,
         "GET",
         "/volumes/detail?limit=1000&sort=created_at%3Aasc&with_count=true",
         NULL,
         "volume 3.70"},
        {{.verb = CLOUD_DESCRIBE_DISKS, .ids = ids, .id_count = 1},
         71,
         "GET",
         "/volumes/" SNAPSHOT,
         NULL,
         "volume 3.70"},
        {{.verb = CLOUD_DESCRIBE_SNAPSHOTS, .limit = 10},
         44,
         "GET",
         "/snapshots/detail?limit=10&sort=created_at%3Aasc",
         NULL,
         "volume 3.44"},
        {{.verb = CLOUD_DESCRIBE_SNAPSHOTS, .limit = 10, .disk_id = VOLUME, .marker = SNAPSHOT},
         71,
         "GET",
         "/snapshots/detail?limit=10&marker=" SNAPSHOT "&sort=created_at%3Aasc&volume_id=" VOLUME,
         NULL,
         "volume 3.70"},
        {{.verb = CLOUD_DESCRIBE_SNAPSHOTS, .ids = ids, .id_count = 1},
         0,
         "GET",
         "/snapshots/" SNAPSHOT,
         NULL,
         NULL},
        /* Under 3.66 a volume in use needs `force`; from there on it is refused. */
        {{.verb = CLOUD_CREATE_SNAPSHOT, .disk_id = VOLUME, .name = "每日 \"x\""},
         66,
         "POST",
         "/snapshots",
         "{\"snapshot\":{\"volume_id\":\"" VOLUME "\",\"name\":\"每日 \\\"x\\\"\"}}",
         "volume 3.66"},
        {{.verb = CLOUD_CREATE_SNAPSHOT, .disk_id = VOLUME, .name = "n"},
         65,
         "POST",
         "/snapshots",
         "{\"snapshot\":{\"volume_id\":\"" VOLUME "\",\"name\":\"n\",\"force\":true}}",
         "volume 3.65"},
        {{.verb = CLOUD_APPLY_SNAPSHOT, .disk_id = VOLUME, .snapshot_id = SNAPSHOT},
         71,
         "POST",
         "/volumes/" VOLUME "/action",
         "{\"revert\":{\"snapshot_id\":\"" SNAPSHOT "\"}}",
         "volume 3.70"},
        /* Whether the server is new enough it says itself. */
        {{.verb = CLOUD_APPLY_SNAPSHOT, .disk_id = VOLUME, .snapshot_id = SNAPSHOT},
         0,
         "POST",
         "/volumes/" VOLUME "/action",
         "{\"revert\":{\"snapshot_id\":\"" SNAPSHOT "\"}}",
         "volume 3.40"},
        {{.verb = CLOUD_RENAME_SNAPSHOT, .snapshot_id = SNAPSHOT, .name = "new"},
         71,
         "PUT",
         "/snapshots/" SNAPSHOT,
         "{\"snapshot\":{\"name\":\"new\"}}",
         "volume 3.70"},
        {{.verb = CLOUD_DELETE_SNAPSHOT, .snapshot_id = SNAPSHOT},
         71,
         "DELETE",
         "/snapshots/" SNAPSHOT,
         NULL,
         "volume 3.70"},
        /* Groups come in pages from 3.29 on, small ones, and never take `with_count`. */
        {{.verb = CLOUD_DESCRIBE_GROUPS, .limit = 1000},
         71,
         "GET",
         "/group_snapshots/detail?limit=100&sort=created_at%3Aasc",
         NULL,
         "volume 3.70"},
        {{.verb = CLOUD_DESCRIBE_GROUPS, .limit = 10, .marker = SNAPSHOT},
         29,
         "GET",
         "/group_snapshots/detail?limit=10&marker=" SNAPSHOT "&sort=created_at%3Aasc",
         NULL,
         "volume 3.29"},
        {{.verb = CLOUD_DESCRIBE_GROUPS, .limit = 10},
         28,
         "GET",
         "/group_snapshots/detail",
         NULL,
         "volume 3.28"},
        {{.verb = CLOUD_DESCRIBE_GROUPS, .limit = 10},
         0,
         "GET",
         "/group_snapshots/detail",
         NULL,
         "volume 3.14"},
        {{.verb = CLOUD_CREATE_GROUP, .ids = ids, .id_count = 1, .group_id = VOLUME, .name = "n"},
         13,
         "POST",
         "/group_snapshots",
         "{\"group_snapshot\":{\"group_id\":\"" VOLUME "\",\"name\":\"n\"}}",
         "volume 3.14"},
        {{.verb = CLOUD_DELETE_GROUP, .group_id = SNAPSHOT},
         71,
         "DELETE",
         "/group_snapshots/" SNAPSHOT,
         NULL,
         "volume 3.70"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct credential credential = newest;
        char url[512];
        credential.api_minor = cases[i].minor;
        snprintf(url, sizeof url, BASE "%s", cases[i].path);
        assert_int_equal(encode(&provider_openstack, &nowhere, &credential, &cases[i].call), 0);
        assert_string_equal(request.method, cases[i].method);
        assert_string_equal(request.url, url);
        assert_string_equal(header_of("X-Auth-Token"), token);
        assert_null(header_of("Authorization"));
        assert_int_equal(request.body != NULL, cases[i].body != NULL);
        if (cases[i].body != NULL) {
            assert_string_equal(request.body, cases[i].body);
            assert_int_equal(request.body_length, strlen(cases[i].body));
            assert_string_equal(header_of("Content-Type"), "application/json");
        }
        if (cases[i].version == NULL)
            assert_null(header_of("OpenStack-API-Version"));
        else
            assert_string_equal(header_of("OpenStack-API-Version"), cases[i].version);
    }
}

static void what_cannot_be_said(void **state)
{
    (void)state;
    static const char *const two[] = {VOLUME, SNAPSHOT};
    static const struct cloud_call calls[] = {
        {.verb = CLOUD_DESCRIBE_DISKS},
        {.verb = CLOUD_DESCRIBE_DISKS, .limit = 1001},
        {.verb = CLOUD_DESCRIBE_SNAPSHOTS, .ids = two, .id_count = 2},
        {.verb = CLOUD_APPLY_SNAPSHOT,
         .disk_id = VOLUME,
         .snapshot_id = SNAPSHOT,
         .stop_instance = true},
        {.verb = CLOUD_DESCRIBE_GROUPS, .limit = 1001},
        {.verb = CLOUD_DESCRIBE_GROUPS, .ids = two, .id_count = 2},
        {.verb = CLOUD_CREATE_GROUP, .ids = two, .id_count = 2, .name = "n"},
        {.verb = CLOUD_APPLY_GROUP, .group_id = SNAPSHOT},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        assert_int_equal(encode(&provider_openstack, &nowhere, &newest, &calls[i]), -EINVAL);
        assert_null(request.url);
        assert_null(request.headers);
        assert_int_equal(encode(&provider_evs, &germany, &keys, &calls[i]), -EINVAL);
        assert_null(request.url);
    }
    assert_non_null(provider_openstack.refusal(&calls[3]));
    assert_non_null(provider_evs.refusal(&calls[3]));
    assert_null(provider_evs.refusal(&calls[0]));
    struct credential nothing = {.secret_id = token_name, .secret_key = empty};
    const struct cloud_call list = {.verb = CLOUD_DESCRIBE_DISKS, .limit = 1};
    assert_int_equal(encode(&provider_openstack, &nowhere, &nothing, &list), -EINVAL);
    assert_int_equal(encode(&provider_evs, &germany, &nothing, &list), -EINVAL);
}

/* What an action is called, in the tree and for those who give permissions. */
static void actions(void **state)
{
    (void)state;
    static const char *const names[CLOUD_VERB_COUNT] = {
        [CLOUD_DESCRIBE_DISKS] = "ListVolumes",
        [CLOUD_DESCRIBE_SNAPSHOTS] = "ListSnapshots",
        [CLOUD_CREATE_SNAPSHOT] = "CreateSnapshot",
        [CLOUD_APPLY_SNAPSHOT] = "RevertToSnapshot",
        [CLOUD_RENAME_SNAPSHOT] = "UpdateSnapshot",
        [CLOUD_DELETE_SNAPSHOT] = "DeleteSnapshot",
        [CLOUD_DESCRIBE_GROUPS] = "ListGroupSnapshots",
        [CLOUD_CREATE_GROUP] = "CreateGroupSnapshot",
        [CLOUD_DELETE_GROUP] = "DeleteGroupSnapshot",
    };
    for (unsigned verb = 0; verb < CLOUD_VERB_COUNT; verb++) {
        const char *name = names[verb] != NULL ? names[verb] : ""; /* it has no such action */
        const char *of_evs = verb == CLOUD_APPLY_SNAPSHOT ? "RollbackSnapshot" : name;
        assert_string_equal(provider_openstack.action((enum cloud_verb)verb), name);
        assert_string_equal(provider_evs.action((enum cloud_verb)verb), of_evs);
    }
    const struct cloud_account told = {.region = "r", .endpoint = "https://c/v3/p"};
    char url[64], small[4];
    assert_int_equal(provider_openstack.endpoint(&told, url, sizeof url), 0);
    assert_string_equal(url, told.endpoint);
    assert_int_equal(provider_evs.endpoint(&told, url, sizeof url), 0);
    assert_string_equal(url, told.endpoint);
    assert_int_equal(provider_evs.endpoint(&told, small, sizeof small), -EINVAL);
    assert_int_equal(provider_evs.endpoint(&germany, small, sizeof small), -EINVAL);
}

static void addresses(void **state)
{
    (void)state;
    static const struct {
        const char *endpoint, *cinder, *evs;
    } cases[] = {
        {"https://c:8776/v3/" PROJECT, "https://c:8776/v3/" PROJECT, "https://c:8776/v2/" PROJECT},
        {"https://c:8776/v3/" PROJECT "/", "https://c:8776/v3/" PROJECT,
         "https://c:8776/v2/" PROJECT},
        {"https://c:8776/v3", "https://c:8776/v3/" PROJECT, "https://c:8776/v2/" PROJECT},
        {"https://c:8776/", "https://c:8776/v3/" PROJECT, "https://c:8776/v2/" PROJECT},
        {"https://c", "https://c/v3/" PROJECT, "https://c/v2/" PROJECT},
        {"https://c/volume/v3/other", "https://c/volume/v3/other", "https://c/volume/v2/other"},
        {"https://c/volume", "https://c/volume/v3/" PROJECT, "https://c/volume/v2/" PROJECT},
        {"https://v3.c/v2/other", "https://v3.c/v3/other", "https://v3.c/v2/other"},
    };
    const struct cloud_call one = {.verb = CLOUD_DESCRIBE_SNAPSHOTS, .ids = ids, .id_count = 1};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct cloud_account account = {.region = "r", .endpoint = cases[i].endpoint};
        char url[512];
        snprintf(url, sizeof url, "%s/snapshots/" SNAPSHOT, cases[i].cinder);
        assert_int_equal(encode(&provider_openstack, &account, &newest, &one), 0);
        assert_string_equal(request.url, url);
        snprintf(url, sizeof url, "%s/cloudsnapshots/" SNAPSHOT, cases[i].evs);
        assert_int_equal(encode(&provider_evs, &account, &newest, &one), 0);
        assert_string_equal(request.url, url);
    }
    static const struct {
        const char *region, *url;
    } regions[] = {
        {"eu-de", "https://evs.eu-de.otc.t-systems.com"},
        {"eu-nl", "https://evs.eu-nl.otc.t-systems.com"},
        {"eu-ch2", "https://evs.eu-ch2.sc.otc.t-systems.com"},
        {"cn-north-4", "https://evs.cn-north-4.myhuaweicloud.com"},
    };
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++) {
        const struct cloud_account account = {.region = regions[i].region};
        char url[128];
        assert_int_equal(provider_evs.endpoint(&account, url, sizeof url), 0);
        assert_string_equal(url, regions[i].url);
        assert_int_equal(provider_openstack.endpoint(&account, url, sizeof url), -EINVAL);
    }
    const struct cloud_account odd = {.region = "a/b"};
    char url[128];
    assert_int_equal(provider_evs.endpoint(&odd, url, sizeof url), -EINVAL);
}

/* --- EVS ----------------------------------------------------------------------------- */

static void each_call_of_evs(void **state)
{
    (void)state;
    static const struct {
        struct cloud_call call;
        const char *method, *path, *body;
    } cases[] = {
        {{.verb = CLOUD_DESCRIBE_DISKS, .limit = 100, .offset = 200},
         "GET",
         "/v2/" PROJECT "/cloudvolumes/detail?limit=100&offset=200",
         NULL},
        {{.verb = CLOUD_DESCRIBE_DISKS, .ids = ids, .id_count = 1},
         "GET",
         "/v2/" PROJECT "/cloudvolumes/" SNAPSHOT,
         NULL},
        {{.verb = CLOUD_DESCRIBE_SNAPSHOTS, .limit = 50, .disk_id = VOLUME},
         "GET",
         "/v2/" PROJECT "/cloudsnapshots/detail?limit=50&offset=0&volume_id=" VOLUME,
         NULL},
        {{.verb = CLOUD_CREATE_SNAPSHOT, .disk_id = VOLUME, .name = "n"},
         "POST",
         "/v2/" PROJECT "/cloudsnapshots",
         "{\"snapshot\":{\"volume_id\":\"" VOLUME "\",\"name\":\"n\"}}"},
        {{.verb = CLOUD_APPLY_SNAPSHOT, .disk_id = VOLUME, .snapshot_id = SNAPSHOT},
         "POST",
         "/v2/" PROJECT "/cloudsnapshots/" SNAPSHOT "/rollback",
         "{\"rollback\":{\"volume_id\":\"" VOLUME "\"}}"},
        {{.verb = CLOUD_APPLY_SNAPSHOT,
          .disk_id = VOLUME,
          .snapshot_id = SNAPSHOT,
          .other_way = true},
         "POST",
         "/v3/" PROJECT "/os-vendor-snapshots/" SNAPSHOT "/rollback",
         "{\"rollback\":{\"volume_id\":\"" VOLUME "\"}}"},
        {{.verb = CLOUD_RENAME_SNAPSHOT, .snapshot_id = SNAPSHOT, .name = "new"},
         "PUT",
         "/v2/" PROJECT "/cloudsnapshots/" SNAPSHOT,
         "{\"snapshot\":{\"name\":\"new\"}}"},
        {{.verb = CLOUD_DELETE_SNAPSHOT, .snapshot_id = SNAPSHOT},
         "DELETE",
         "/v2/" PROJECT "/cloudsnapshots/" SNAPSHOT,
         NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char url[512];
        assert_int_equal(encode(&provider_evs, &germany, &keys, &cases[i].call), 0);
        snprintf(url, sizeof url, "https://evs.eu-de.otc.t-systems.com%s", cases[i].path);
        assert_string_equal(request.url, url);
        assert_string_equal(request.method, cases[i].method);
        assert_int_equal(request.body != NULL, cases[i].body != NULL);
        if (cases[i].body != NULL)
            assert_string_equal(request.body, cases[i].body);
        assert_string_equal(header_of("X-Sdk-Date"), DATE);
        assert_null(header_of("X-Auth-Token"));
        assert_non_null(header_of("Authorization"));
        /* With a token the same request is not signed. */
        snprintf(url, sizeof url, "https://cinder.example:8776%s", cases[i].path);
        assert_int_equal(encode(&provider_evs, &germany, &newest, &cases[i].call), 0);
        assert_string_equal(request.url, url);
        assert_string_equal(header_of("X-Auth-Token"), token);
        assert_null(header_of("Authorization"));
    }
}

/* The third vector of the facts, 4.4. */
static void a_rollback_is_signed(void **state)
{
    (void)state;
    const struct cloud_call call = {
        .verb = CLOUD_APPLY_SNAPSHOT, .disk_id = VOLUME, .snapshot_id = SNAPSHOT};
    assert_int_equal(encode(&provider_evs, &germany, &keys, &call), 0);
    assert_string_equal(
        header_of("Authorization"),
        "SDK-HMAC-SHA256 Access=QTWAOYTTINDUT2QVKYUC, "
        "SignedHeaders=content-type;host;x-project-id;x-sdk-date, "
        "Signature=ceb376060c524c57f7448bb326f9960758b355e91524874ff7deb167dc6f4695");
    assert_string_equal(header_of("X-Project-Id"), PROJECT);
    struct credential temporary = keys;
    temporary.token = token;
    assert_int_equal(encode(&provider_evs, &germany, &temporary, &call), 0);
    assert_string_equal(header_of("X-Security-Token"), token);
    assert_non_null(strstr(header_of("Authorization"), ";x-sdk-date;x-security-token, "));
}

static void vectors(void **state)
{
    (void)state;
    static const struct sdk_pair published[] = {{"content-type", "application/json"},
                                                {"host", "service.region.example.com"},
                                                {"x-sdk-date", "20191115T033655Z"}};
    static const struct sdk_pair listing[] = {
        {"host", "evs.eu-de.otc.t-systems.com"}, {"x-project-id", PROJECT}, {"x-sdk-date", DATE}};
    struct sdk_pair pages[] = {{"marker", "13551d6b-755d-4757-b956-536f674975c0"}, {"limit", "2"}};
    struct sdk_pair filters[] = {{"volume_id", VOLUME}, {"limit", "50"}, {"name", "café 1/2"}};
    struct {
        struct sdk_request request;
        struct sdk_pair *pairs;
        size_t pair_count;
        const char *query, *hash, *signature;
    } cases[] = {
        {{.method = "GET",
          .path = "/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs",
          .headers = published,
          .header_count = 3,
          .date = "20191115T033655Z"},
         pages,
         2,
         "limit=2&marker=13551d6b-755d-4757-b956-536f674975c0",
         "b25362e603ee30f4f25e7858e8a7160fd36e803bb2dfe206278659d71a9bcd7a",
         "7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe"},
        {{.method = "GET",
          .path = "/v2/" PROJECT "/cloudsnapshots/detail",
          .headers = listing,
          .header_count = 3,
          .date = DATE},
         filters,
         3,
         "limit=50&name=caf%C3%A9%201%2F2&volume_id=" VOLUME,
         "6261454e5ddbd25885fb1281b7a94b8e406cbd11d981908661d93875773d78fb",
         "807f86dd9a4f13db4ba26021e3b783421c9944083898e0085fa492c01f7e8bbe"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer query, text, authorization;
        buffer_init(&query, 0);
        buffer_init(&text, 0);
        buffer_init(&authorization, 0);
        assert_int_equal(sdk_put_query(cases[i].pairs, cases[i].pair_count, &query), 0);
        assert_string_equal(query.data, cases[i].query);
        cases[i].request.query = query.data;
        assert_int_equal(sdk_string_to_sign(&cases[i].request, &text), 0);
        assert_string_equal(strrchr(text.data, '\n') + 1, cases[i].hash);
        assert_int_equal(
            sdk_authorization(&cases[i].request, access_key, secret_key, &authorization), 0);
        assert_string_equal(strstr(authorization.data, "Signature=") + strlen("Signature="),
                            cases[i].signature);
        buffer_free(&query);
        buffer_free(&text);
        buffer_free(&authorization);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_call_of_cinder, free_request),
        cmocka_unit_test_teardown(what_cannot_be_said, free_request),
        cmocka_unit_test(actions),
        cmocka_unit_test_teardown(addresses, free_request),
        cmocka_unit_test_teardown(each_call_of_evs, free_request),
        cmocka_unit_test_teardown(a_rollback_is_signed, free_request),
        cmocka_unit_test(vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
