/* SPDX-License-Identifier: Apache-2.0 */
/* Every worked signature of tests/data/tencent/signature-vectors.txt, step by step. */
#include "test_data.h"

#include "cbsfs/tc3.h"

#include <string.h>

#define SECRET_ID  "AKIDcbsfsEXAMPLE0000000000000000000"
#define SECRET_KEY "cbsfsExampleSecretKey000000000000"
#define TIMESTAMP  1700000000

struct vector {
    char name[128];
    char payload[256], payload_hash[128], canonical[1024], canonical_hash[128], to_sign[1024];
    char signature[128], authorization[512];
};

/* --- the file ------------------------------------------------------------------------ */

static char *section_of(struct vector *vector, const char *title, size_t *size)
{
    const struct {
        const char *title;
        char *text;
        size_t size;
    } sections[] = {
        {"[payload]", vector->payload, sizeof vector->payload},
        {"[payload_hash]", vector->payload_hash, sizeof vector->payload_hash},
        {"[canonical_request]", vector->canonical, sizeof vector->canonical},
        {"[canonical_request_hash]", vector->canonical_hash, sizeof vector->canonical_hash},
        {"[string_to_sign]", vector->to_sign, sizeof vector->to_sign},
        {"[signature]", vector->signature, sizeof vector->signature},
        {"[authorization]", vector->authorization, sizeof vector->authorization},
    };
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        if (strcmp(sections[i].title, title) == 0) {
            *size = sections[i].size;
            return sections[i].text;
        }
    return NULL;
}

static size_t read_vectors(struct vector *vectors, size_t capacity)
{
    size_t length, count = 0, size = 0;
    char *text = read_test_data("tencent/signature-vectors.txt", &length);
    char *section = NULL;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (strncmp(line, "===== ", 6) == 0) {
            assert_true(count < capacity);
            memset(&vectors[count], 0, sizeof vectors[count]);
            snprintf(vectors[count++].name, sizeof vectors->name, "%s", line + 6);
            section = NULL;
        } else if (count > 0 && line[0] == '[') {
            section = section_of(&vectors[count - 1], line, &size);
        } else if (section != NULL) {
            size_t used = strlen(section);
            snprintf(section + used, size - used, "%s%s", line, rest == NULL ? "" : "\n");
        }
    }
    free(text);
    return count;
}

static void trim_line_end(char *text)
{
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '\n')
        text[length - 1] = '\0';
}

/* --- one vector ---------------------------------------------------------------------- */

/* Takes a canonical request apart in place. */
static void parse_canonical(char *canonical, struct tc3_request *request,
                            struct tc3_header *headers)
{
    request->method = strsep(&canonical, "\n");
    assert_string_equal(strsep(&canonical, "\n"), "/");
    request->query = strsep(&canonical, "\n");
    request->headers = headers;
    for (char *line; *(line = strsep(&canonical, "\n")) != '\0';) {
        headers[request->header_count].name = strsep(&line, ":");
        headers[request->header_count++].value = line;
        assert_true(request->header_count < 8);
    }
}

static void check_vector(struct vector *vector)
{
    trim_line_end(vector->payload);
    trim_line_end(vector->payload_hash);
    trim_line_end(vector->canonical);
    trim_line_end(vector->canonical_hash);
    trim_line_end(vector->to_sign);
    trim_line_end(vector->signature);
    trim_line_end(vector->authorization);

    struct tc3_header headers[8];
    char parts[sizeof vector->canonical];
    memcpy(parts, vector->canonical, sizeof parts);
    struct tc3_request request = {.payload = vector->payload,
                                  .payload_length = strlen(vector->payload),
                                  .service = "cbs",
                                  .timestamp = TIMESTAMP};
    parse_canonical(parts, &request, headers);

    char hex[TC3_HEX_SIZE];
    struct buffer out;
    buffer_init(&out, 0);
    assert_int_equal(tc3_sha256_hex(request.payload, request.payload_length, hex), 0);
    assert_string_equal(hex, vector->payload_hash);
    assert_int_equal(tc3_canonical_request(&request, hex, &out), 0);
    assert_string_equal(out.data, vector->canonical);
    assert_int_equal(tc3_sha256_hex(out.data, out.length, hex), 0);
    assert_string_equal(hex, vector->canonical_hash);
    buffer_reset(&out);
    assert_int_equal(tc3_string_to_sign(&request, hex, &out), 0);
    assert_string_equal(out.data, vector->to_sign);
    assert_int_equal(tc3_signature(SECRET_KEY, TIMESTAMP, "cbs", out.data, hex), 0);
    assert_string_equal(hex, vector->signature);
    buffer_reset(&out);
    assert_int_equal(tc3_authorization(&request, SECRET_ID, SECRET_KEY, &out), 0);
    assert_string_equal(out.data, vector->authorization);
    buffer_free(&out);
}

static void every_vector_holds(void **state)
{
    (void)state;
    static struct vector vectors[16];
    size_t count = read_vectors(vectors, 16);
    assert_int_equal(count, 6);
    for (size_t i = 0; i < count; i++) {
        print_message("%s\n", vectors[i].name);
        check_vector(&vectors[i]);
    }
}

static void the_scope_is_the_utc_day(void **state)
{
    (void)state;
    struct tc3_request request = {.method = "POST", .query = "", .payload = "", .service = "cbs"};
    struct buffer out;
    buffer_init(&out, 0);
    request.timestamp = 1700006399; /* 2023-11-14T23:59:59Z */
    assert_int_equal(tc3_string_to_sign(&request, "h", &out), 0);
    assert_string_equal(out.data, "TC3-HMAC-SHA256\n1700006399\n2023-11-14/cbs/tc3_request\nh");
    buffer_reset(&out);
    request.timestamp = 1700006400;
    assert_int_equal(tc3_string_to_sign(&request, "h", &out), 0);
    assert_string_equal(out.data, "TC3-HMAC-SHA256\n1700006400\n2023-11-15/cbs/tc3_request\nh");
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_holds),
        cmocka_unit_test(the_scope_is_the_utc_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
