/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator's check of SDK-HMAC-SHA256 against the worked signatures (openstack facts 4.4): the
 * published one, and two that the official SDK gives as well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "evs_signature.h"

#define ACCESS    "QTWAOYTTINDUT2QVKYUC"
#define SECRET    "MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc"
#define PROJECT   "000efdc5f9064584b718b181df137bd7"
#define DISK      "5aa119a8-d25b-45a7-8d1b-88e127885635"
#define SNAPSHOT  "ffa9bc5e-1172-4021-acaf-cdcd78a9584d"
#define PUBLISHED 1573789015 /* 2019-11-15 03:36:55 */
#define RECENT    1767323045 /* 2026-01-02 03:04:05 */
#define SIGNED(names, signature)                                                                   \
    "SDK-HMAC-SHA256 Access=" ACCESS ", SignedHeaders=" names ", Signature=" signature

struct header {
    const char *name, *value;
};

struct vector {
    const char *method, *path, *query, *body;
    int64_t time;
    struct header headers[7];
};

static const struct vector vectors[] = {
    {"GET",
     "/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs",
     "limit=2&marker=13551d6b-755d-4757-b956-536f674975c0",
     "",
     PUBLISHED,
     {{"content-type", "application/json"},
      {"host", "service.region.example.com"},
      {"x-sdk-date", "20191115T033655Z"},
      {"authorization",
       SIGNED("content-type;host;x-sdk-date",
              "7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe")}}},
    /* As sent: neither sorted nor encoded as it is signed. */
    {"GET",
     "/v2/" PROJECT "/cloudsnapshots/detail",
     "volume_id=" DISK "&limit=50&name=caf%c3%a9%201/2",
     "",
     RECENT,
     {{"host", "evs.eu-de.otc.t-systems.com"},
      {"x-project-id", PROJECT},
      {"x-sdk-date", "20260102T030405Z"},
      {"authorization",
       SIGNED("host;x-project-id;x-sdk-date",
              "807f86dd9a4f13db4ba26021e3b783421c9944083898e0085fa492c01f7e8bbe")}}},
    {"POST",
     "/v2/" PROJECT "/cloudsnapshots/" SNAPSHOT "/rollback",
     "",
     "{\"rollback\":{\"volume_id\":\"" DISK "\"}}",
     RECENT,
     {{"content-type", " application/json "},
      {"host", "evs.eu-de.otc.t-systems.com"},
      {"x-project-id", PROJECT},
      {"x-sdk-date", "20260102T030405Z"},
      {"authorization",
       SIGNED("content-type;host;x-project-id;x-sdk-date",
              "ceb376060c524c57f7448bb326f9960758b355e91524874ff7deb167dc6f4695")}}},
};

#define COUNT (sizeof vectors / sizeof *vectors)

static const char *find_header(void *context, const char *name)
{
    const struct vector *vector = context;

    for (const struct header *header = vector->headers; header->name; header++) {
        if (strcasecmp(header->name, name) == 0)
            return header->value;
    }
    return NULL;
}

/* NULL if it is accepted, else the code. */
static const char *check_at(const struct vector *vector, int64_t now)
{
    const struct http_request http = {.method = vector->method,
                                      .path = vector->path,
                                      .query = vector->query,
                                      .body = vector->body,
                                      .body_length = strlen(vector->body),
                                      .header = find_header,
                                      .header_context = (void *)(uintptr_t)vector};
    const struct signature_key key = {ACCESS, SECRET};
    struct signature_problem problem = {NULL, NULL};

    return evs_signature_check(&http, &key, now, &problem) == 0 ? NULL : problem.code;
}

static void test_worked_signatures(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        assert_null(check_at(&vectors[i], vectors[i].time));
}

static void test_fifteen_minutes(void **state)
{
    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        assert_null(check_at(&vectors[0], PUBLISHED + sign * 900));
        assert_string_equal(check_at(&vectors[0], PUBLISHED + sign * 901), "APIGW.0303");
    }
}

/* Each change of one of them makes it wrong. */
static void test_what_is_signed(void **state)
{
    struct vector changed[] = {vectors[2], vectors[2], vectors[2], vectors[2],
                               vectors[2], vectors[2], vectors[2], vectors[2]};

    (void)state;
    changed[0].method = "PUT";
    changed[1].path = "/v2/" PROJECT "/cloudsnapshots/" DISK "/rollback";
    changed[2].query = "limit=1";
    changed[3].body = "{}";
    changed[4].headers[0].value = "text/plain";
    changed[5].headers[2].value = "x";
    changed[6].headers[2].name = "x-other";
    changed[7].headers[5] = (struct header){"X-Sdk-Content-Sha256", "UNSIGNED-PAYLOAD"};
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++)
        assert_string_equal(check_at(&changed[i], RECENT), "APIGW.0301");
}

static void test_headers_that_say_nothing(void **state)
{
    static const char *const wrong[] = {
        NULL,
        "",
        "SDK-HMAC-SHA256",
        "SDK-HMAC-SHA256 Access=" ACCESS,
        "SDK-HMAC-SHA256 Access=" ACCESS ", SignedHeaders=, Signature=0",
        SIGNED("host;x-project-id;x-sdk-date", "0"),
        SIGNED("host;x-project-id",
               "807f86dd9a4f13db4ba26021e3b783421c9944083898e0085fa492c01f7e8bbe"),
        SIGNED("x-sdk-date;host;x-project-id",
               "807f86dd9a4f13db4ba26021e3b783421c9944083898e0085fa492c01f7e8bbe"),
        SIGNED("Host;x-project-id;x-sdk-date",
               "807f86dd9a4f13db4ba26021e3b783421c9944083898e0085fa492c01f7e8bbe"),
    };
    struct vector changed = vectors[1];

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        changed.headers[3].value = wrong[i];
        assert_string_equal(check_at(&changed, RECENT), "APIGW.0301");
    }
    changed = vectors[1];
    changed.headers[2].value = "2026-01-02T03:04:05Z";
    assert_string_equal(check_at(&changed, RECENT), "APIGW.0301");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worked_signatures),
        cmocka_unit_test(test_fifteen_minutes),
        cmocka_unit_test(test_what_is_signed),
        cmocka_unit_test(test_headers_that_say_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
