/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/fields.h"

#include "cbsfs/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static json_t *parse(const char *text)
{
    char reason[200] = "";
    json_t *document = fields_parse(text, strlen(text), reason, sizeof reason);
    if (!document)
        print_message("%s\n", reason);
    return document;
}

static void test_parse(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "[]", "1", "{", "{} x", "{\"a\":\"\xff\"}", "null"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char reason[200] = "";
        assert_null(fields_parse(wrong[i], strlen(wrong[i]), reason, sizeof reason));
        assert_true(strlen(reason) > 0);
    }
    char *deep = malloc(200001);
    assert_non_null(deep);
    memset(deep, '[', 200000);
    deep[200000] = '\0';
    char reason[20];
    assert_null(fields_parse(deep, 200000, reason, sizeof reason));
    free(deep);

    json_t *document = parse("{\"a\":1,\"a\":2}");
    assert_int_equal(field_integer(document, "a", 0), 2);
    json_decref(document);
    /* Only `length` bytes are looked at. */
    document = fields_parse("{}garbage", 2, reason, sizeof reason);
    assert_non_null(document);
    json_decref(document);
    document = parse("{\"name\":\"a\\u0000b\",\"next\":1}");
    assert_string_equal(field_text(document, "name", ""), "a");
    assert_int_equal(field_integer(document, "next", 0), 1);
    json_decref(document);
}

/* As Jansson writes it, in all that JSON has. */
static void test_print(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "{\"a\":[],\"b\":{},\"c\":[1,[2,[3]],{\"d\":null}],\"e\":true,\"f\":false}",
        "{\"i\":-9223372036854775808,\"j\":9223372036854775807,\"k\":0}",
        "{\"r\":0.1,\"s\":-1e300,\"t\":5e-324,\"u\":1.0,\"v\":12345678901234567890.0}",
        "{\"\\u0000\\u0001\\b\\f\\n\\r\\t\\\"\\\\/\":0}",
        "{\"s\":\"\\u0000\\u001f\\u007f\\b\\f\\n\\r\\t\\\"\\\\\\/x\"}",
        "{\"\u540d\":\"\u6570\u636e \U0001f600 \\u2028\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        json_t *value = json_loads(texts[i], JSON_ALLOW_NUL, NULL);
        if (i == 4) { /* no key has a NUL in it */
            assert_null(value);
            value = json_loads("{\"\\u0001\\b\\f\\n\\r\\t\\\"\\\\/\":0}", 0, NULL);
        }
        assert_non_null(value);
        char *printed = fields_print(value), *dumped = json_dumps(value, JSON_COMPACT);
        assert_string_equal(printed, dumped);
        free(printed);
        free(dumped);
        json_decref(value);
    }
    assert_null(fields_print(NULL));
}

static void test_print_of_depth(void **state)
{
    (void)state;
    json_t *value = json_loads("{\"a\":[[1]],\"b\":2}", 0, NULL);
    struct buffer out;
    buffer_init(&out, 0);
    assert_int_equal(fields_append(&out, value, 3), 0);
    assert_string_equal(out.data, "{\"a\":[[1]],\"b\":2}");
    assert_int_equal(fields_append(&out, value, 2), -ELOOP);
    buffer_free(&out);
    buffer_init(&out, 5);
    assert_int_equal(fields_append(&out, value, 3), -EMSGSIZE);
    buffer_free(&out);
    json_decref(value);
}

/* One value that cannot be read is no reason not to read the others. */
static void test_repair(void **state)
{
    (void)state;
    static const struct {
        const char *json, *repaired;
    } cases[] = {
        {"{\"a\":\"\xff\"}", "{\"a\":\"\ufffd\"}"},
        {"{\"a\":\"\xe6\x95\"}", "{\"a\":\"\ufffd\ufffd\"}"},
        {"{\"a\":\"x\ny\"}", "{\"a\":\"x\ufffdy\"}"},
        {"{\"a\":\"\\ud800x\"}", "{\"a\":\"\ufffdx\"}"},
        {"{\"a\":\"\\udc00\\ud800\"}", "{\"a\":\"\ufffd\ufffd\"}"},
        {"{\"\\u0000\":\"\\ud83d\\ude00 \\u0041\\\\\"}",
         "{\"\ufffd\":\"\\ud83d\\ude00 \\u0041\\\\\"}"},
        {"{\"a\":99999999999999999999,\"b\":-1e999,\"c\":12,\"d\":9223372036854775807}",
         "{\"a\":null,\"b\":null,\"c\":12,\"d\":9223372036854775807}"},
        {"\"\\", "\"\\"},
        {"\"\\u12", "\"\\u12"},
        {"1e", "1e"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out;
        buffer_init(&out, 0);
        assert_int_equal(fields_repair(cases[i].json, strlen(cases[i].json), &out), 0);
        assert_string_equal(out.data != NULL ? out.data : "", cases[i].repaired);
        buffer_free(&out);
    }
    char reason[200];
    static const char spoilt[] = "{\"name\":\"\xff\\udfff\",\"size\":1e999,\"next\":1}";
    assert_null(parse(spoilt));
    struct fields_memory *memory;
    assert_null(
        fields_parse_page(spoilt, sizeof spoilt - 1, false, &memory, reason, sizeof reason));
    assert_null(memory);
    json_t *document =
        fields_parse_page(spoilt, sizeof spoilt - 1, true, &memory, reason, sizeof reason);
    assert_string_equal(field_text(document, "name", ""), "\ufffd\ufffd");
    assert_int_equal(field_integer(document, "size", -1), -1);
    assert_int_equal(field_integer(document, "next", 0), 1);
    fields_memory_free(memory);
    /* What is no JSON does not become any. */
    static const char *const foreign[] = {"\xff\xfe{\0}", "\xef\xbb\xbf{}", "{\"a\":tru}", "{}{}"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        assert_null(fields_parse_page(foreign[i], strlen(foreign[i]), true, &memory, reason,
                                      sizeof reason));
    fields_memory_free(NULL);
}

static void test_values(void **state)
{
    (void)state;
    json_t *record =
        parse("{\"text\":\"word\",\"null\":null,\"integer\":7,\"real\":7.0,\"half\":7.5,"
              "\"huge\":1e300,\"edge\":9223372036854775808.0,\"digits\":\"-42\","
              "\"much\":\"99999999999999999999\",\"mixed\":\"4x\",\"blank\":\" 4\","
              "\"empty\":\"\",\"minus\":\"-\",\"yes\":true,\"no\":false,"
              "\"one\":1,\"zero\":0,\"two\":2,\"true\":\"True\",\"false\":\"FALSE\","
              "\"object\":{},\"array\":[]}");
    assert_string_equal(field_text(record, "text", "-"), "word");
    assert_string_equal(field_text(record, "null", "-"), "-");
    assert_string_equal(field_text(record, "absent", "-"), "-");
    assert_string_equal(field_text(record, "integer", "-"), "-");
    assert_null(field_text(record, "absent", NULL));
    assert_string_equal(field_text(NULL, "text", "-"), "-");

    static const struct {
        const char *key;
        int64_t value;
    } integers[] = {{"integer", 7},  {"real", 7},  {"half", -9},  {"huge", -9},   {"edge", -9},
                    {"digits", -42}, {"much", -9}, {"mixed", -9}, {"blank", -9},  {"empty", -9},
                    {"minus", -9},   {"yes", -9},  {"null", -9},  {"absent", -9}, {"object", -9}};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
        assert_int_equal(field_integer(record, integers[i].key, -9), integers[i].value);

    static const struct {
        const char *key;
        bool known, value;
    } booleans[] = {{"yes", true, true},     {"no", true, false},    {"one", true, true},
                    {"zero", true, false},   {"true", true, true},   {"false", true, false},
                    {"two", false, false},   {"text", false, false}, {"null", false, false},
                    {"absent", false, false}};
    for (size_t i = 0; i < sizeof booleans / sizeof *booleans; i++) {
        bool known = booleans[i].known, value = booleans[i].value;
        assert_int_equal(field_boolean(record, booleans[i].key, true), known ? value : true);
        assert_int_equal(field_boolean(record, booleans[i].key, false), known ? value : false);
    }
    assert_non_null(field_object(record, "object"));
    assert_null(field_object(record, "array"));
    assert_non_null(field_array(record, "array"));
    assert_null(field_array(record, "absent"));
    json_decref(record);
}

/* Allocations with a guard of quotes behind them, of which the one that is chosen fails. */
#define GUARD 64

static unsigned wanted; /* the number of the one that fails */
static size_t alive;

static void *guarded_malloc(size_t size)
{
    if (wanted-- == 0)
        return NULL;
    size_t *block = malloc(sizeof(size_t) * 2 + size + GUARD);
    assert_non_null(block);
    *block = size;
    memset((char *)(block + 2) + size, 'x', GUARD - 1);
    ((char *)(block + 2))[size + GUARD - 1] = '"';
    alive++;
    return block + 2;
}

static void guarded_free(void *memory)
{
    if (memory == NULL)
        return;
    size_t *block = (size_t *)memory - 2;
    const char *guard = (const char *)memory + *block;
    for (size_t i = 0; i < GUARD - 1; i++)
        assert_int_equal(guard[i], 'x');
    assert_int_equal(guard[GUARD - 1], '"');
    alive--;
    free(block);
}

/* Parses until as many allocations succeed as it takes; how many those are. */
static unsigned parse_short_of_memory(const char *text, bool has_memory)
{
    char reason[160];
    struct fields_memory *memory = NULL;
    json_malloc_t usual_malloc;
    json_free_t usual_free;
    json_get_alloc_funcs(&usual_malloc, &usual_free);
    json_set_alloc_funcs(guarded_malloc, guarded_free);
    json_t *document = NULL;
    unsigned number = 0;
    for (; document == NULL && number < 1000; number++) {
        wanted = number;
        errno = 0;
        document = has_memory
                       ? fields_parse_page(text, strlen(text), true, &memory, reason, sizeof reason)
                       : fields_parse(text, strlen(text), reason, sizeof reason);
        if (document == NULL) {
            assert_int_equal(errno, ENOMEM);
            assert_string_equal(reason, "out of memory");
            assert_null(memory);
            assert_int_equal(alive, 0);
        }
    }
    assert_string_equal(field_text(document, "12345678901234", ""),
                        "123456789012345678901234567890");
    if (has_memory)
        fields_memory_free(memory);
    else
        json_decref(document);
    assert_int_equal(alive, 0);
    json_set_alloc_funcs(usual_malloc, usual_free);
    return number;
}

/* Jansson loses the byte for which its buffer cannot grow: here the quote that ends a string. */
static void test_memory_that_is_out(void **state)
{
    (void)state;
    static const char text[] = "{\"12345678901234\":\"123456789012345678901234567890\","
                               "\"a\":[1,2.5,null,{\"b\":\"c\"}]}";
    assert_in_range(parse_short_of_memory(text, false), 10, 999);
    assert_int_equal(parse_short_of_memory(text, true), 3);
    /* So long that one block is larger than any chunk, and so many that there are several. */
    struct buffer large;
    buffer_init(&large, 0);
    buffer_puts(&large, "{\"12345678901234\":\"123456789012345678901234567890\",\"long\":\"");
    for (int i = 0; i < 600000; i++)
        buffer_puts(&large, "x");
    buffer_puts(&large, "\",\"many\":[");
    for (int i = 0; i < 20000; i++)
        buffer_printf(&large, "%s{\"number\":%d}", i > 0 ? "," : "", i);
    buffer_puts(&large, "]}");
    assert_in_range(parse_short_of_memory(large.data, true), 5, 100);
    buffer_free(&large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),          cmocka_unit_test(test_print),
        cmocka_unit_test(test_print_of_depth), cmocka_unit_test(test_repair),
        cmocka_unit_test(test_values),         cmocka_unit_test(test_memory_that_is_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
