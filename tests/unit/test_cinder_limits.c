/* SPDX-License-Identifier: Apache-2.0 */
/* How --check asks Cinder for its limits, and what it makes of answers. */
#include "recorded.h"

#include "cbsfs/cinder_limits.h"

#include <errno.h>

static const char *no_header(const struct http_reply *reply, const char *name)
{
    (void)reply, (void)name;
    return NULL;
}

static int decode(long status, const char *body, struct cinder_limits *limits)
{
    const struct http_reply reply = {.failure = HTTP_OK,
                                     .status = status,
                                     .body = body,
                                     .body_length = strlen(body),
                                     .header = no_header};
    struct cloud_error error;
    cinder_limits_decode(&reply, limits, &error);
    return error.status;
}

static void test_request(void **state)
{
    struct credential credential = {.endpoint = (char[]){"https://c.example/volume/v3/p"},
                                    .project = (char[]){"p"},
                                    .token = (char[]){"T"}};
    struct http_request request;
    (void)state;
    http_request_init(&request);
    assert_int_equal(cinder_limits_encode(&credential, &request), 0);
    assert_string_equal(request.method, "GET");
    assert_string_equal(request.url, "https://c.example/volume/v3/p/limits");
    assert_string_equal(request.headers->next->data, "X-Auth-Token: T");
    http_request_free(&request);
    credential.token = NULL;
    assert_int_equal(cinder_limits_encode(&credential, &request), -EINVAL);
    credential.token = (char[]){"T"};
    credential.endpoint = (char[]){"no url"};
    assert_int_equal(cinder_limits_encode(&credential, &request), -EINVAL);
    assert_null(request.url);
}

static void test_recorded(void **state)
{
    struct cinder_limits limits;
    struct recorded recorded;
    struct cloud_error error;
    (void)state;
    recorded_read(&recorded, "87-limits");
    cinder_limits_decode(&recorded.reply, &limits, &error);
    recorded_free(&recorded);
    assert_int_equal(error.status, 0);
    assert_int_equal(limits.snapshots, 1000);
    assert_int_equal(limits.snapshots_used, 8);
    assert_int_equal(limits.gigabytes, 10000);
    assert_int_equal(limits.gigabytes_used, 24);
}

static void test_other_answers(void **state)
{
    struct cinder_limits limits;
    (void)state;
    assert_int_equal(decode(200,
                            "{\"limits\": {\"absolute\": {\"maxTotalSnapshots\": -1, "
                            "\"totalSnapshotsUsed\": 0}}}",
                            &limits),
                     0);
    assert_int_equal(limits.snapshots, -1);
    assert_int_equal(limits.snapshots_used, 0);
    assert_int_equal(limits.gigabytes_used, -1);
    assert_int_equal(decode(200, "{\"limits\": []}", &limits), -EPROTO);
    assert_int_equal(decode(200, "<html>", &limits), -EPROTO);
    assert_int_equal(decode(403, "{\"forbidden\": {\"message\": \"no\", \"code\": 403}}", &limits),
                     -EACCES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_other_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
