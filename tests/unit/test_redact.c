/* SPDX-License-Identifier: Apache-2.0 */
/* What a server repeats of a request's secrets is overwritten; and memory that held some, too. */
#include "cbsfs/buffer.h"
#include "cbsfs/fields.h"
#include "cbsfs/http.h"
#include "cbsfs/wipe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGNATURE "0123456789abcdef0123456789ABCDEF"
#define TOKEN     "tokenTOKENtokenTOKENtoken1234567890+/=="

static struct http_request request;

static int set_up(void **state)
{
    (void)state;
    http_request_init(&request);
    request.url = strdup("https://host/?Action=x&Signature=" SIGNATURE "query&Nonce=1");
    request.body = strdup("Token=formTOKENformTOKENform&Signature=94EDyrt%2BWg1Co87%"
                          "2FRx1w224VlSSe0%3D&Name=a-long-name-that-is-no-secret");
    return request.url == NULL || request.body == NULL ||
           http_request_add_header(&request, "Content-Type", "application/json; charset=utf-8") ||
           http_request_add_header(&request, "Authorization",
                                   "TC3-HMAC-SHA256 Credential=AKIDx/2026-01-01/cbs/tc3_request, "
                                   "SignedHeaders=host, Signature=" SIGNATURE) ||
           http_request_add_header(&request, "X-TC-Token", TOKEN);
}

static int tear_down(void **state)
{
    (void)state;
    http_request_free(&request);
    return 0;
}

static void expect(const char *text, bool whole, const char *expected)
{
    char copy[512];
    snprintf(copy, sizeof copy, "%s", text);
    http_request_redact(&request, copy, strlen(copy), whole);
    assert_string_equal(copy, expected);
}

static void test_what_is_secret(void **state)
{
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        expect("", whole, "");
        expect("nothing of it; application/json; charset=utf-8", whole,
               "nothing of it; application/json; charset=utf-8");
        expect("<" SIGNATURE ">", whole, "<********************************>");
        expect("a " SIGNATURE SIGNATURE " b", whole,
               "a **************************************************************** b");
        expect("tokenTOKENtokenTOKENtoken1234567890+/", whole,
               "*************************************");
        expect("formTOKENformTOKENform", whole, "**********************");
        expect("94EDyrt+Wg1Co87/Rx1w224VlSSe0=", whole, "******************************");
        expect("a-long-name-that-is-no-secret", whole, "a-long-name-that-is-no-secret");
    }
}

static void test_parts(void **state)
{
    (void)state;
    expect("cut: 0123456789abcdef0123", true, "cut: 0123456789abcdef0123");
    expect("cut: 0123456789abcdef0123", false, "cut: ********************");
    expect("its end 456789ABCDEF0123", false, "its end 456789ABCDEF0123");
    expect("the end f0123456789ABCDEF", false, "the end *****************");
    expect("short 0123456789abcde.", false, "short 0123456789abcde.");
    expect("tokenTOKENtokenT\\u004fKENtoken1234567890", false,
           "****************\\u004f******************");
}

static void test_without_secrets(void **state)
{
    (void)state;
    tear_down(state);
    expect(SIGNATURE, false, SIGNATURE);
    assert_int_equal(http_request_add_header(&request, "X-TC-Token", ""), 0);
    assert_int_equal(http_request_add_header(&request, "Authorization", "short"), 0);
    expect("short " SIGNATURE, false, "short " SIGNATURE);
}

static void expect_login(const char *body, const char *text, const char *expected)
{
    char copy[256];
    free(request.body);
    request.body = strdup(body);
    snprintf(copy, sizeof copy, "%s", text);
    http_request_redact_login(&request, copy, strlen(copy));
    assert_string_equal(copy, expected);
}

static void test_logins(void **state)
{
    (void)state;
    static const char body[] =
        "{\"user\":{\"name\":\"demo\",\"password\":\"hunter2\"},\"secret\":\"a\\u0022b\\u005cc\","
        "\"token\":{\"id\":\"gAAAAA-token\"},\"id\":\"identity\"}";
    expect_login(body, "On instance: {'password': 'hunter2'}, demo", /* and of names nothing */
                 "On instance: {'password': '*******'}, demo");
    expect_login(body, "a\"b\\c and a\\u0022b\\u005cc", "***** and ***************");
    expect_login(body, "gAAAAA-token identity", "************ identity");
    expect_login("{\"password\":\"abc\"}", "abc", "abc");
    expect_login("{\"password\":\"", "anything", "anything");
    expect_login("{\"password\":\"abcd\\", "abcd\\", "*****");
    expect_login("password=hunter2", "hunter2", "hunter2");
}

static void test_wiped_memory(void **state)
{
    (void)state;
    wipe_free(NULL);
    wipe_text(NULL);
    char *memory = wipe_realloc(NULL, 10);
    assert_non_null(memory);
    strcpy(memory, "secret");
    memory = wipe_realloc(memory, 100000);
    assert_non_null(memory);
    assert_string_equal(memory, "secret");
    memory = wipe_realloc(memory, 7);
    assert_string_equal(memory, "secret");
    wipe_text(memory);
    assert_int_equal(memory[0] | memory[5], 0);
    wipe_free(memory);

    struct buffer buffer;
    buffer_init(&buffer, 0);
    buffer_hold_secret(&buffer);
    for (int i = 0; i < 1000; i++)
        buffer_puts(&buffer, "0123456789");
    assert_int_equal(buffer.length, 10000);
    assert_int_equal(strspn(buffer.data, "0123456789"), 10000);
    buffer_cleanse(&buffer);
}

static void test_secret_documents(void **state)
{
    char reason[80] = "";
    json_malloc_t allocate, allocate_after;
    json_free_t release, release_after;
    (void)state;
    json_get_alloc_funcs(&allocate, &release);
    json_t *document = fields_parse_secret("{\"a\": \"b\"}", 10, reason, sizeof reason);
    assert_string_equal(field_text(document, "a", ""), "b");
    fields_free_secret(document);
    fields_free_secret(NULL);
    static const char *const wrong[] = {"", "[]", "{\"s3cret", "{\"a\" s3cret}", "s3cret"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null(fields_parse_secret(wrong[i], strlen(wrong[i]), reason, sizeof reason));
        assert_int_equal(strncmp(reason, "not a JSON object", 17), 0);
        assert_null(strstr(reason, "s3cret"));
    }
    json_get_alloc_funcs(&allocate_after, &release_after);
    assert_true(allocate == allocate_after && release == release_after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_secret, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_secrets, set_up, tear_down),
        cmocka_unit_test_teardown(test_logins, tear_down),
        cmocka_unit_test(test_wiped_memory),
        cmocka_unit_test(test_secret_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
