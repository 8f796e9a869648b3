/* SPDX-License-Identifier: Apache-2.0 */
/* What each cloud lacks: said with a reason, and never sent. */
#include "test_data.h"

#include "cbsfs/buffer.h"
#include "cbsfs/http.h"
#include "cbsfs/provider.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <string.h>

static char id[] = "AKIDxxxx", key[] = "keyxxxx", token[] = "token", project[] = "project";

static const char *const disks[] = {"disk-a", "disk-b"};
static const struct cloud_member members[] = {{"snap-a", "disk-a"}};

/* A call that has whatever any verb needs. */
static struct cloud_call call_of(enum cloud_verb verb)
{
    bool page = verb <= CLOUD_DESCRIBE_POLICIES && verb != CLOUD_DESCRIBE_SHARES;
    return (struct cloud_call){.verb = verb,
                               .ids = verb == CLOUD_CREATE_GROUP ? disks : NULL,
                               .id_count = verb == CLOUD_CREATE_GROUP ? 2 : 0,
                               .disk_id = page ? NULL : "disk-a",
                               .snapshot_id = "snap-a",
                               .name = "a",
                               .account = "100001122000",
                               .region = "ap-beijing",
                               .group_id = "csnap-a",
                               .members = members,
                               .member_count = 1,
                               .zone = "z-1",
                               .type = "SSD",
                               .token = "t",
                               .size = 10,
                               .expires = TIMESTAMP_NONE,
                               .limit = 100,
                               .nonce = 1};
}

static void what_is_refused_is_not_sent_and_the_rest_is(void **state)
{
    (void)state;
    static const struct {
        const struct provider *provider;
        size_t refused;
    } providers[] = {{&provider_tencent, 0},
                     {&provider_qcloud, 11},
                     {&provider_openstack, 8},
                     {&provider_evs, 11}};
    for (size_t i = 0; i < sizeof providers / sizeof *providers; i++) {
        const struct provider *provider = providers[i].provider;
        const struct cloud_account account = {.region = "ap-guangzhou",
                                              .endpoint = "http://127.0.0.1:1"};
        const struct credential credential = {
            .secret_id = id, .secret_key = key, .token = token, .project = project};
        size_t refused = 0;
        for (unsigned verb = 0; verb < CLOUD_VERB_COUNT; verb++) {
            const struct cloud_call call = call_of((enum cloud_verb)verb);
            const char *reason = provider->refusal == NULL ? NULL : provider->refusal(&call);
            struct http_request request;
            http_request_init(&request);
            int status = provider->encode(&account, &credential, 1700000000, &call, &request);
            http_request_free(&request);
            if ((status == 0) != (reason == NULL) || (status != 0 && status != -EINVAL))
                fail_msg("%s, verb %u: %d, %s", provider->name, verb, status,
                         reason == NULL ? "no reason" : reason);
            /* It is a part of a line of the file `error`. */
            assert_true(reason == NULL || (strlen(reason) > 20 && strlen(reason) < 160 &&
                                           strchr(reason, '\n') == NULL));
            refused += reason != NULL;
        }
        assert_int_equal(refused, providers[i].refused);
    }
}

static void a_reason_names_what_is_lacking(void **state)
{
    (void)state;
    static const struct {
        const struct provider *provider;
        enum cloud_verb verb;
        const char *word;
    } reasons[] = {
        {&provider_qcloud, CLOUD_EXPIRE_SNAPSHOT, "provider=tencent"},
        {&provider_qcloud, CLOUD_CREATE_DISK, "token"},
        {&provider_openstack, CLOUD_SHARE_SNAPSHOT, "cannot be shared"},
        {&provider_openstack, CLOUD_DESCRIBE_SHARES, "cannot be shared"},
        {&provider_openstack, CLOUD_EXPIRE_SNAPSHOT, "deadline"},
        {&provider_openstack, CLOUD_COPY_SNAPSHOT, "another region"},
        {&provider_openstack, CLOUD_CREATE_DISK, "token"},
        {&provider_openstack, CLOUD_APPLY_GROUP, "one by one"},
        {&provider_openstack, CLOUD_DESCRIBE_POLICIES, "policies"},
        {&provider_openstack, CLOUD_DESCRIBE_REGIONS, "regions"},
        {&provider_evs, CLOUD_COPY_SNAPSHOT, "another region"},
        {&provider_evs, CLOUD_DESCRIBE_GROUPS, "several disks"},
        {&provider_evs, CLOUD_APPLY_GROUP, "several disks"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        const struct cloud_call call = call_of(reasons[i].verb);
        const char *reason = reasons[i].provider->refusal(&call);
        assert_non_null(reason);
        assert_non_null(strstr(reason, reasons[i].word));
    }
}

static void check_feature(const struct provider *provider, const char *record,
                          enum snapshot_feature feature, const char *text)
{
    json_t *raw = json_loads(record, 0, NULL);
    struct buffer out;
    assert_non_null(raw);
    buffer_init(&out, 0);
    assert_int_equal(provider->put_feature(raw, feature, &out), 0);
    assert_string_equal(out.data == NULL ? "" : out.data, text);
    buffer_free(&out);
    json_decref(raw);
}

static void metadata_are_the_tags_of_cinder_and_evs(void **state)
{
    (void)state;
    static const char record[] =
        "{\"metadata\": {\"env\": \"prod\", \"b\\u001b[1m\": \"x\\ny\", \"odd\": 7}}";
    const struct provider *providers[] = {&provider_openstack, &provider_evs};
    for (size_t i = 0; i < 2; i++) {
        check_feature(providers[i], record, FEATURE_TAGS, "env=prod\nb?[1m=x?y\nodd=\n");
        check_feature(providers[i], record, FEATURE_POLICY, "");
        check_feature(providers[i], record, FEATURE_COPYING, "");
        check_feature(providers[i], "{\"metadata\": {}}", FEATURE_TAGS, "");
        check_feature(providers[i], "{\"metadata\": null}", FEATURE_TAGS, "");
        check_feature(providers[i], "{}", FEATURE_TAGS, "");
    }
    assert_null(provider_qcloud.put_feature);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_refused_is_not_sent_and_the_rest_is),
        cmocka_unit_test(a_reason_names_what_is_lacking),
        cmocka_unit_test(metadata_are_the_tags_of_cinder_and_evs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
