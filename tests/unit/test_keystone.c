/* SPDX-License-Identifier: Apache-2.0 */
/* Keystone's words, against what a real one was asked and has answered. */
#include "recorded.h"

#include "cbsfs/fields.h"
#include "cbsfs/keystone.h"
#include "cbsfs/timestamp.h"

#include <errno.h>

#define PROJECT "902620d3958448719cfe302b74f5cf75"
#define CINDER  "http://127.0.0.1:8776/v3/" PROJECT

/* --- what is asked ------------------------------------------------------------------- */

static void assert_same_json(const char *got, const char *expected)
{
    char reason[80];
    json_t *a = fields_parse(got, strlen(got), reason, sizeof reason);
    json_t *b = fields_parse(expected, strlen(expected), reason, sizeof reason);
    if (a == NULL || b == NULL || !json_equal(a, b))
        fail_msg("%s is not %s", got, expected);
    json_decref(a);
    json_decref(b);
}

static bool has_header(const struct http_request *request, const char *line)
{
    for (const struct curl_slist *at = request->headers; at != NULL; at = at->next)
        if (strcmp(at->data, line) == 0)
            return true;
    return false;
}

static void assert_request(const struct keystone_login *login, const char *recorded)
{
    struct http_request request;
    char *body = recorded_request(recorded);
    http_request_init(&request);
    assert_int_equal(keystone_encode(login, &request), 0);
    assert_string_equal(request.method, "POST");
    assert_string_equal(request.url, "http://127.0.0.1:5000/v3/auth/tokens");
    assert_true(has_header(&request, "Content-Type: application/json"));
    assert_int_equal(request.body_length, strlen(request.body));
    assert_same_json(request.body, body);
    http_request_free(&request);
    free(body);
}

static void test_requests(void **state)
{
    (void)state;
    struct keystone_login login = {
        .method = KEYSTONE_PASSWORD,
        .auth_url = "http://127.0.0.1:5000/v3",
        .user_name = "demo",
        .user_domain_name = "Default",
        .password = "demopw",
        .project_name = "demo",
    };
    assert_request(&login, "01-keystone-auth-password");
    login.auth_url = "http://127.0.0.1:5000/v3/";
    assert_request(&login, "01-keystone-auth-password");
    login.auth_url = "http://127.0.0.1:5000";
    assert_request(&login, "01-keystone-auth-password");

    login.method = KEYSTONE_APPLICATION_CREDENTIAL;
    login.application_name = "lab";
    login.application_secret = "labsecret";
    assert_request(&login, "03-keystone-auth-appcred-by-name");
    login.application_id = "00f09864c04c4d51ac6b6b14bbfd4e47";
    assert_request(&login, "02-keystone-auth-appcred");

    char *body = recorded_request("04-keystone-auth-token-rescope");
    char *old = strstr(body, "gAAAA");
    char *copy = strndup(old, strcspn(old, "\""));
    login.method = KEYSTONE_TOKEN;
    login.token = copy;
    login.project_id = PROJECT;
    assert_request(&login, "04-keystone-auth-token-rescope");
    free(copy);
    free(body);
}

static void expect_body(const struct keystone_login *login, const char *url, const char *body)
{
    struct http_request request;
    http_request_init(&request);
    assert_int_equal(keystone_encode(login, &request), 0);
    assert_string_equal(request.url, url);
    assert_same_json(request.body, body);
    http_request_free(&request);
}

static void test_ids_and_odd_texts(void **state)
{
    (void)state;
    struct keystone_login login = {
        .method = KEYSTONE_PASSWORD,
        .auth_url = "https://cloud.example/identity/v3",
        .user_id = "u1",
        .password = "a\"b\\c\n\x01\xc3\xa9 1",
        .project_name = "p",
        .project_domain_id = "d1",
    };
    expect_body(&login, "https://cloud.example/identity/v3/auth/tokens",
                "{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{"
                "\"id\":\"u1\",\"password\":\"a\\\"b\\\\c\\n\\u0001\xc3\xa9 1\"}}},\"scope\":{"
                "\"project\":{\"name\":\"p\",\"domain\":{\"id\":\"d1\"}}}}}");
    login.project_name = "";
    expect_body(&login, "https://cloud.example/identity/v3/auth/tokens",
                "{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{"
                "\"id\":\"u1\",\"password\":\"a\\\"b\\\\c\\n\\u0001\xc3\xa9 1\"}}}}}");

    struct http_request request;
    http_request_init(&request);
    login.password = "\xff";
    assert_int_equal(keystone_encode(&login, &request), -EINVAL);
    login.password = "x";
    static const char *const wrong[] = {"",
                                        "cloud.example",
                                        "ftp://cloud.example",
                                        "https://user@cloud.example",
                                        "https://cloud.example/?a",
                                        "https://cloud.example/\r\nX: y"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        login.auth_url = wrong[i];
        assert_int_equal(keystone_encode(&login, &request), -EINVAL);
    }
    login.auth_url = NULL;
    assert_int_equal(keystone_encode(&login, &request), -EINVAL);
    assert_null(request.url);
}

/* --- what comes back ----------------------------------------------------------------- */

static struct keystone_token token;
static struct cloud_error error;

static int leave(void **state)
{
    (void)state;
    keystone_token_free(&token);
    return 0;
}

static const char *subject_token; /* recorded ones are shortened */

static const char *header_of(const struct http_reply *reply, const char *name)
{
    (void)reply;
    return strcmp(name, "X-Subject-Token") == 0 ? subject_token : NULL;
}

static int decode(struct http_reply *reply, const struct keystone_wish *wish)
{
    keystone_token_free(&token);
    reply->header = header_of;
    keystone_decode(reply, wish, &token, &error);
    if (error.status < 0)
        assert_null(token.token);
    return error.status;
}

static int decode_recorded(const char *name, const struct keystone_wish *wish, const char *secret)
{
    struct recorded recorded;
    recorded_read(&recorded, name);
    subject_token = secret;
    int status = decode(&recorded.reply, wish);
    recorded_free(&recorded);
    return status;
}

static void test_answers(void **state)
{
    static const struct keystone_wish wish = {.interface = "public", .region = "RegionOne"};
    char secret[5001];
    (void)state;
    memset(secret, 'g', 5000);
    secret[5000] = '\0';
    static const char *const names[] = {"01-keystone-auth-password", "02-keystone-auth-appcred"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(decode_recorded(names[i], &wish, secret), 0);
        assert_string_equal(token.token, secret);
        assert_string_equal(token.project, PROJECT);
        assert_string_equal(token.endpoint, CINDER);
        assert_string_equal(token.region, "RegionOne");
        int64_t expires;
        assert_int_equal(timestamp_parse("2026-11-20T20:07:09Z", 0, &expires), 0);
        assert_int_equal(token.expires, expires);
    }
    /* These were asked for without the catalogue. */
    static const struct keystone_wish told = {.endpoint = "https://volumes.example/v3/"};
    static const char *const bare[] = {"03-keystone-auth-appcred-by-name",
                                       "04-keystone-auth-token-rescope"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(decode_recorded(bare[i], &told, secret), 0);
        assert_string_equal(token.endpoint, "https://volumes.example/v3/" PROJECT);
        assert_int_equal(decode_recorded(bare[i], &wish, secret), -EADDRNOTAVAIL);
        assert_string_equal(error.message, "the catalogue has no block storage; it has: none");
    }
    assert_int_equal(decode_recorded("05-keystone-auth-unscoped", &wish, secret), -EKEYREJECTED);
    assert_non_null(strstr(error.message, "OS_PROJECT_NAME"));
}

static void test_refusals(void **state)
{
    static const struct keystone_wish wish = {0};
    (void)state;
    assert_int_equal(decode_recorded("06-keystone-401-bad-password", &wish, NULL), -EKEYREJECTED);
    assert_string_equal(error.message, "The request you have made requires authentication.");
    assert_int_equal(error.http_status, 401);
    assert_int_equal(decode_recorded("07-keystone-401-bad-project", &wish, NULL), -EKEYREJECTED);
    assert_int_equal(decode_recorded("08-keystone-400-bad-body", &wish, NULL), -EINVAL);
    assert_string_equal(error.message, "'identity' is a required property");
    /* What is no Keystone answers too. */
    assert_int_equal(decode_recorded("09-keystone-version", &wish, NULL), -EPROTO);
    assert_int_equal(decode_recorded("10-cinder-root-versions", &wish, NULL), -EPROTO);
    /* A token that could start another header. */
    static const char broken[] = "abc def";
    assert_int_equal(decode_recorded("01-keystone-auth-password", &wish, broken), -EPROTO);
}

static int decode_text(long status, const char *body, const struct keystone_wish *wish)
{
    struct http_reply reply = {.status = status, .body = body, .body_length = strlen(body)};
    subject_token = "T";
    return decode(&reply, wish);
}

static void test_other_statuses(void **state)
{
    static const struct keystone_wish wish = {0};
    static const struct {
        long status;
        const char *body;
        int expected;
    } cases[] = {
        {403, "{\"error\":{\"code\":403,\"message\":\"no\"}}", -EACCES},
        {401, "{\"error_msg\":\"no\",\"error_code\":\"IAM.0101\"}", -EKEYREJECTED},
        {401, "<html>", -EKEYREJECTED},
        {429, "", -EAGAIN},
        {503, "<html>", -EREMOTEIO},
        {404, "{\"error\":{\"message\":\"no\"}}", -EPROTO},
        {302, "", -EPROTO},
        {201, "", -EPROTO},
        {201, "{}", -EPROTO},
        {201, "{\"token\":[]}", -EPROTO},
        {201, "{\"token\":{\"project\":{}}}", -EPROTO},
        {201, "{\"token\":{\"project\":{\"id\":\"../x\"}}}", -EPROTO},
        {201, "{\"token\":{\"project\":{\"id\":\"p\"}}}", -EADDRNOTAVAIL},
        {201, "{\"token\":{\"project\":{\"id\":\"p\"},\"catalog\":{}}}", -EADDRNOTAVAIL},
        {201, "{\"token\":{\"project\":{\"id\":\"p\"},\"catalog\":[1,{},null]}}", -EADDRNOTAVAIL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (decode_text(cases[i].status, cases[i].body, &wish) != cases[i].expected)
            fail_msg("case %zu: %d, %s", i, error.status, error.message);
}

#define ENDPOINT(interface, region, url)                                                           \
    "{\"interface\":\"" interface "\",\"region\":\"" region "\",\"region_id\":\"" region           \
    "\",\"url\":\"" url "\"}"
#define SERVICE(type, endpoints) "{\"type\":\"" type "\",\"endpoints\":[" endpoints "]}"
#define CATALOG(services)        "{\"token\":{\"project\":{\"id\":\"p\"},\"catalog\":[" services "]}}"

/* Expects this endpoint, or (without one) a failure whose message has `message`. */
static void expect_endpoint(const char *body, const struct keystone_wish *wish,
                            const char *endpoint, const char *message)
{
    int status = decode_text(201, body, wish);
    if (endpoint != NULL) {
        if (status < 0)
            fail_msg("%s", error.message);
        assert_string_equal(token.endpoint, endpoint);
        return;
    }
    assert_int_equal(status, -EADDRNOTAVAIL);
    if (strstr(error.message, message) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", message, error.message);
}

static void test_catalogue(void **state)
{
    static const struct keystone_wish any = {0}, evs = {.evs = true}, b = {.region = "b"},
                                      internal = {.interface = "internalURL"},
                                      built = {.fallback = "https://evs.eu-de.example"};
    (void)state;
#define TWO                                                                                        \
    SERVICE("volumev2", ENDPOINT("public", "a", "https://two/v2/p"))                               \
    "," SERVICE("volumev3", ENDPOINT("public", "a", "https://three/v3/p")) "," SERVICE(            \
        "block-storage", ENDPOINT("public", "a", "https://block/volume/v3/p/"))
    expect_endpoint(CATALOG(TWO), &any, "https://block/volume/v3/p", NULL);
    expect_endpoint(CATALOG(TWO), &evs, "https://three/v3/p", NULL);
    expect_endpoint(CATALOG(TWO), &b, NULL, "in region b; it has regions: a; interfaces: public");
    expect_endpoint(CATALOG(TWO), &internal, NULL, "no internalURL endpoint");
    expect_endpoint(CATALOG(TWO), &built, "https://block/volume/v3/p", NULL);
    expect_endpoint(CATALOG(SERVICE("image", "")), &built, "https://evs.eu-de.example/v3/p", NULL);
    expect_endpoint(CATALOG(SERVICE("image", "")), &any, NULL, "it has: image");

    /* v2 under the name that every version has had. */
    expect_endpoint(CATALOG(SERVICE("volume", ENDPOINT("public", "a", "https://x/v2/p"))), &any,
                    NULL, "no public endpoint of block storage v3");
    expect_endpoint(CATALOG(SERVICE("volume", ENDPOINT("public", "a", "https://x/v3/p"))), &any,
                    "https://x/v3/p", NULL);
    expect_endpoint(CATALOG(SERVICE("block-storage", ENDPOINT("public", "a", "https://x/v2/p"))),
                    &any, NULL, "no public endpoint");

#define REGIONS                                                                                    \
    SERVICE("volumev3",                                                                            \
            ENDPOINT("internal", "a", "https://ia/v3/p") "," ENDPOINT(                             \
                "public", "a", "https://pa/v3/p") "," ENDPOINT("public", "b", "https://pb/v3/p"))
    expect_endpoint(CATALOG(REGIONS), &any, NULL, "several regions: a, b; name one");
    expect_endpoint(CATALOG(REGIONS), &b, "https://pb/v3/p", NULL);
    assert_string_equal(token.region, "b");
    expect_endpoint(CATALOG(REGIONS), &internal, "https://ia/v3/p", NULL);

    /* What is missing in the path. */
    static const char *const urls[][2] = {
        {"https://x", "https://x/v3/p"},
        {"https://x/", "https://x/v3/p"},
        {"https://x:8776/v3", "https://x:8776/v3/p"},
        {"https://x/volume/v3/", "https://x/volume/v3/p"},
        {"https://x/volume", "https://x/volume/v3/p"},
        {"https://x/v3/other", "https://x/v3/other"},
        {"https://x/v3.0/other", "https://x/v3.0/other"},
        {"https://v3/volume", "https://v3/volume/v3/p"},
    };
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        const struct keystone_wish told = {.endpoint = urls[i][0]};
        expect_endpoint(CATALOG(""), &told, urls[i][1], NULL);
    }
    static const char *const refused[] = {"http://10.0.0.1/v3/p", "ftp://x", "x/v3",
                                          "https://a@x/v3", "https://x/v3?a=b"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const struct keystone_wish told = {.endpoint = refused[i]};
        expect_endpoint(CATALOG(""), &told, NULL, "must begin with https://");
    }
}

/* --- the versions -------------------------------------------------------------------- */

static void test_versions(void **state)
{
    static const char *const names[] = {"10-cinder-root-versions", "11-cinder-v3-version"};
    struct recorded recorded;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        recorded_read(&recorded, names[i]);
        assert_int_equal(keystone_decode_versions(&recorded.reply), 70);
        recorded_free(&recorded);
    }
    recorded_read(&recorded, "12-cinder-401-no-token");
    assert_int_equal(keystone_decode_versions(&recorded.reply), 0);
    recorded_free(&recorded);
    static const struct {
        const char *body;
        unsigned minor;
    } cases[] = {
        {"", 0},
        {"{\"versions\":[]}", 0},
        {"{\"versions\":[{\"version\":\"\"},{\"version\":\"3.0\"}]}", 0},
        {"{\"versions\":[{\"version\":\"2.99\"},{\"version\":\"3.27\"},{\"version\":3}]}", 27},
        {"{\"versions\":[{\"version\":\"3.99999999999999999999\"}]}", 0},
        {"{\"versions\":[{\"version\":\"3.-1\"},{\"version\":\"3.\"}]}", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct http_reply reply = {
            .status = 300, .body = cases[i].body, .body_length = strlen(cases[i].body)};
        assert_int_equal(keystone_decode_versions(&reply), cases[i].minor);
    }

    static const char *const roots[][2] = {
        {CINDER, "http://127.0.0.1:8776/"},
        {"https://x/volume/v3/p", "https://x/volume/"},
        {"https://x/volume/v3", "https://x/volume/"},
        {"https://x", "https://x/"},
    };
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        struct http_request request;
        http_request_init(&request);
        assert_int_equal(keystone_encode_versions(roots[i][0], &request), 0);
        assert_string_equal(request.method, "GET");
        assert_string_equal(request.url, roots[i][1]);
        assert_null(request.body);
        http_request_free(&request);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_ids_and_odd_texts),
        cmocka_unit_test_teardown(test_answers, leave),
        cmocka_unit_test_teardown(test_refusals, leave),
        cmocka_unit_test_teardown(test_other_statuses, leave),
        cmocka_unit_test_teardown(test_catalogue, leave),
        cmocka_unit_test(test_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
