/* SPDX-License-Identifier: Apache-2.0 */
/* The words for each kind of failure, and --check's table where no cloud can be reached. */
#include "cbsfs/check.h"

#include "cbsfs/client.h"
#include "cbsfs/http.h"
#include "cbsfs/loop.h"
#include "cbsfs/openstack_login.h"
#include "cbsfs/options.h"
#include "cbsfs/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void test_explanations(void **state)
{
    static const struct {
        int status;
        enum cloud_remedy remedy;
        const char *code, *words;
    } rows[] = {
        {-EKEYREJECTED, CLOUD_CREDENTIAL, "AuthFailure.SignatureFailure",
         "secret id or key is wrong"},
        {-EKEYEXPIRED, CLOUD_CREDENTIAL, "AuthFailure.TokenFailure", "has ended"},
        {-EKEYREJECTED, CLOUD_CLOCK, "AuthFailure.SignatureExpire", "clock"},
        {-EACCES, CLOUD_FINAL, "UnauthorizedOperation", "name/cvm:DescribeDisks"},
        {-EACCES, CLOUD_FINAL, "IpNotInWhitelist", "address"},
        {-EINVAL, CLOUD_FINAL, "UnsupportedRegion", "region is not known"},
        {-EHOSTUNREACH, CLOUD_FINAL, "", "not reachable"},
        {-ECONNREFUSED, CLOUD_FINAL, "", "nothing listens there"},
        {-ETIMEDOUT, CLOUD_FINAL, "", "no answer in time"},
        {-EPROTO, CLOUD_FINAL, "", "TLS"},
        {-EAGAIN, CLOUD_LATER, "RequestLimitExceeded", "throttling"},
        {-EREMOTEIO, CLOUD_FINAL, "InternalError", "InternalError"},
    };
    struct options options = {.provider = &provider_tencent, .region = (char[]){"ap-guangzhou"}};

    (void)state;
    for (size_t index = 0; index < sizeof(rows) / sizeof(rows[0]); index++) {
        struct cloud_error error = {.http_status = rows[index].code[0] != '\0' ? 200 : 0};
        char line[512];
        cloud_error_set(&error, rows[index].status, CLOUD_REFUSED, rows[index].remedy,
                        rows[index].code, "the server's\nown \033[31mwords");
        probe_explain(&error, &options, line, sizeof(line));
        if (strstr(line, rows[index].words) == NULL || strstr(line, rows[index].code) == NULL)
            fail_msg("%s", line);
        assert_non_null(strstr(line, "tencentcloudapi.com"));
        assert_non_null(strstr(line, "ap-guangzhou"));
        assert_null(strpbrk(line, "\n\033"));
    }
}

/* Cinder and EVS have other roles, and their source of tokens other words. */
static void test_explanations_for_openstack(void **state)
{
    static const struct {
        const struct provider *provider;
        int status;
        const char *code, *words;
    } rows[] = {
        {&provider_openstack, -EACCES, "forbidden", "role reader in the project, or member"},
        {&provider_evs, -EACCES, "EVS.0003", "EVS ReadOnlyAccess, or EVS FullAccess"},
        {&provider_openstack, -EKEYREJECTED, "error", "the token is not accepted there"},
        {&provider_evs, -EKEYREJECTED, "APIGW.0301", "access key"},
        {&provider_openstack, -EHOSTUNREACH, "", "OS_INTERFACE"},
        {&provider_openstack, -ECONNREFUSED, "", "nothing listens there"},
    };
    struct options options = {.region = (char[]){""}};
    char line[512];

    (void)state;
    for (size_t index = 0; index < sizeof(rows) / sizeof(rows[0]); index++) {
        struct cloud_error error = {.http_status = rows[index].code[0] != '\0' ? 403 : 0};
        options.provider = rows[index].provider;
        cloud_error_set(&error, rows[index].status, CLOUD_REFUSED, CLOUD_FINAL, rows[index].code,
                        "Policy says no");
        probe_explain(&error, &options, line, sizeof(line));
        if (strstr(line, rows[index].words) == NULL || strstr(line, "Policy says no") == NULL ||
            strncmp(line, "the block storage: ", 19) != 0)
            fail_msg("%s", line);
    }
    struct cloud_error error = {0};
    cloud_error_set(&error, -ECONNREFUSED, CLOUD_NOT_SENT, CLOUD_FINAL, OPENSTACK_LOGIN_CODE,
                    "cannot log in: refused");
    probe_explain(&error, &options, line, sizeof(line));
    assert_string_equal(line, "cannot log in: refused");
}

/* What the source of credentials says is not the cloud's refusal. */
static void test_local_reason_stands_alone(void **state)
{
    struct options options = {.provider = &provider_tencent, .endpoint = (char[]){"https://h"}};
    struct cloud_error error = {0};
    char line[256];

    (void)state;
    cloud_error_set(&error, -EACCES, CLOUD_NOT_SENT, CLOUD_FINAL, "", "file: others may read it");
    probe_explain(&error, &options, line, sizeof(line));
    assert_string_equal(line, "file: others may read it");
}

static void test_long_message_is_cut(void **state)
{
    struct options options = {.provider = &provider_tencent, .endpoint = (char[]){"https://h"}};
    struct cloud_error error = {.http_status = 200};
    char line[64];

    (void)state;
    cloud_error_set(&error, -EACCES, CLOUD_REFUSED, CLOUD_FINAL, "Code", "%0400d", 1);
    probe_explain(&error, &options, line, sizeof(line));
    assert_true(strlen(line) < sizeof(line));
    assert_ptr_equal(strstr(line, "https://h"), line);
}

/* --- the table ----------------------------------------------------------------------- */

static int refuse(void *self, const char *refused, struct credential *out,
                  struct cloud_error *error, void (*ready)(void *data, int status), void *data)
{
    (void)self, (void)refused, (void)out, (void)ready, (void)data;
    cloud_error_set(error, -ENOENT, CLOUD_NOT_SENT, CLOUD_FINAL, "", "no credentials anywhere");
    return -ENOENT;
}

static int give(void *self, const char *refused, struct credential *out, struct cloud_error *error,
                void (*ready)(void *data, int status), void *data)
{
    (void)self, (void)refused, (void)error, (void)ready, (void)data;
    credential_free(out);
    out->secret_id = strdup("AKIDhunter2hunter2wxyz");
    out->secret_key = strdup("hunter3");
    return 0;
}

static void cancel(void *self, void *data)
{
    (void)self, (void)data;
}

static const char *origin(void *data)
{
    return data;
}

/* Runs the check and returns its table (to be freed) and the number of failures. */
static char *check(const struct check_subject *subject, unsigned *failures)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    *failures = check_run(subject, out);
    fclose(out);
    return text;
}

static unsigned count(const char *text, const char *word)
{
    unsigned found = 0;

    for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
        found++;
    return found;
}

static void test_without_credentials(void **state)
{
    struct credential_source source = {.get = refuse, .cancel = cancel};
    struct options options = {.provider = &provider_tencent, .timeout = 1};
    struct check_subject subject = {
        .options = &options, .loop = loop_new(), .credentials = &source};
    unsigned failures;

    (void)state;
    assert_non_null(subject.loop);
    char *text = check(&subject, &failures);
    assert_non_null(
        strstr(text, "FAIL  credentials                      no credentials anywhere\n"));
    assert_null(strstr(text, "endpoint"));
    assert_true(failures >= 1);
    assert_int_equal(count(text, "FAIL  "), failures);
    free(text);
    loop_free(subject.loop);
}

/* A port of loopback on which nobody listens: bound, but not listening. */
static int closed_port(unsigned *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void test_without_a_cloud(void **state)
{
    char endpoint[64], line[512];
    unsigned port, failures;
    int fd = closed_port(&port);
    struct credential_source source = {.get = give, .cancel = cancel};
    struct options options = {.provider = &provider_tencent,
                              .timeout = 2,
                              .endpoint = endpoint,
                              .region = (char[]){"ap-guangzhou"}};
    struct http_settings settings = {
        .user_agent = "test", .body_limit = 1000, .connect_timeout = 1000, .connection_limit = 2};

    (void)state;
    snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u", port);
    struct loop *loop = loop_new();
    struct http *http = http_new(loop, &settings);
    struct client_settings client_settings = {
        .provider = options.provider,
        .account = {.region = options.region, .endpoint = endpoint, .language = "en-US"},
        .credentials = &source,
        .attempt_timeout = 1000,
    };
    struct client *client = client_new(loop, http, &client_settings);
    assert_non_null(client);

    assert_int_equal(probe_run(loop, client, &options, 2000, line, sizeof(line)), -ECONNREFUSED);
    assert_non_null(strstr(line, endpoint));
    assert_non_null(strstr(line, "nothing listens there"));

    struct check_subject subject = {.options = &options,
                                    .loop = loop,
                                    .client = client,
                                    .credentials = &source,
                                    .credentials_origin = origin,
                                    .origin_data = (char[]){"a test"}};
    char *text = check(&subject, &failures);
    assert_non_null(
        strstr(text, "PASS  credentials                      a test, id AKID...wxyz\n"));
    assert_non_null(strstr(text, "PASS  DNS"));
    assert_non_null(strstr(text, "FAIL  connection"));
    assert_null(strstr(text, "TLS"));
    assert_non_null(strstr(text, "remedy: nothing listens there"));
    assert_null(strstr(text, "hunter"));
    assert_int_equal(count(text, "FAIL  "), failures);
    free(text);
    client_free(client);
    http_free(http);
    loop_free(loop);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_explanations),
        cmocka_unit_test(test_explanations_for_openstack),
        cmocka_unit_test(test_local_reason_stands_alone),
        cmocka_unit_test(test_long_message_is_cut),
        cmocka_unit_test(test_without_credentials),
        cmocka_unit_test(test_without_a_cloud),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
