/* SPDX-License-Identifier: Apache-2.0 */
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

static void test_append(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 0);
    assert_null(buffer.data);
    assert_int_equal(buffer_puts(&buffer, "one"), 0);
    assert_int_equal(buffer_printf(&buffer, " %d %s", 2, "three"), 0);
    assert_int_equal(buffer_append(&buffer, "\0x", 2), 0);
    assert_int_equal(buffer.length, 13);
    assert_memory_equal(buffer.data, "one 2 three\0x", 14);
    for (int i = 0; i < 5000; i++)
        buffer_puts(&buffer, "0123456789");
    assert_int_equal(buffer.error, 0);
    assert_int_equal(buffer.length, 50013);
    assert_int_equal(strlen(buffer.data + 13), 50000);
    buffer_free(&buffer);
    assert_null(buffer.data);
}

static void test_limit_sticks(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 5);
    assert_int_equal(buffer_puts(&buffer, "12345"), 0);
    assert_int_equal(buffer_puts(&buffer, "6"), -EMSGSIZE);
    assert_string_equal(buffer.data, "12345");
    assert_int_equal(buffer_puts(&buffer, ""), -EMSGSIZE);
    assert_int_equal(buffer_printf(&buffer, "%s", ""), -EMSGSIZE);
    buffer_reset(&buffer);
    assert_int_equal(buffer.error, 0);
    assert_string_equal(buffer.data, "");
    assert_int_equal(buffer_printf(&buffer, "%s", "123456"), -EMSGSIZE);
    assert_int_equal(buffer.length, 0);
    assert_null(buffer_steal(&buffer));
    assert_int_equal(buffer.error, 0);
    assert_int_equal(buffer_puts(&buffer, "12345"), 0);
    assert_int_equal(buffer_append(&buffer, "", SIZE_MAX), -EMSGSIZE);
    buffer_cleanse(&buffer);
    buffer_init(&buffer, 0);
    assert_int_equal(buffer_append(&buffer, "", SIZE_MAX), -EMSGSIZE);
    buffer_free(&buffer);
}

static void test_steal(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 0);
    char *text = buffer_steal(&buffer);
    assert_string_equal(text, "");
    free(text);
    buffer_puts(&buffer, "mine");
    text = buffer_steal(&buffer);
    assert_string_equal(text, "mine");
    assert_int_equal(buffer.length, 0);
    free(text);
    buffer_free(&buffer);
}

static void test_printable(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"plain / text", "plain / text"},
        {"\x1b[31mred\n\r\t\x7f", "?[31mred????"},
        {"数据 é 😀", "数据 é 😀"},
        {"\xc2\x85 \xe2\x80\xa8", "? ?"}, /* C1, line separator */
        {"\xff\xc0\xaf", "???"},          /* never valid, overlong */
        {"\xed\xa0\x80", "???"},          /* a surrogate */
        {"\xf4\x90\x80\x80", "????"},     /* above U+10FFFF */
        {"\xe6\x95", "??"},               /* cut */
        {"\xe6", "?"},
        {"a\u202e\u200b\ufeffb", "a???b"},                        /* reorders, has no width */
        {"\u200d\u200c\u00ad\ufe0f", "\u200d\u200c\u00ad\ufe0f"}, /* parts of what is seen */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer buffer;
        buffer_init(&buffer, 0);
        assert_int_equal(buffer_put_printable(&buffer, cases[i].in), 0);
        assert_string_equal(buffer.data, cases[i].out);
        buffer_free(&buffer);
    }
}

/* The same document, without orders to a terminal in its strings. */
static void test_json(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", ""},
        {"{\"a\":\"数据 \\u001b\"}", "{\"a\":\"数据 \\u001b\"}"},
        {"[\"\x7f\",\"\xc2\x9b"
         "31m\u2028\",1]",
         "[\"\\u007f\",\"\\u009b"
         "31m\\u2028\",1]"},
        {"\"\u202e\u202e\"", "\"\\u202e\\u202e\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer buffer;
        buffer_init(&buffer, 0);
        assert_int_equal(buffer_put_json(&buffer, cases[i].in), 0);
        assert_int_equal(buffer_json_length(cases[i].in), buffer.length);
        assert_string_equal(buffer.data, cases[i].out);
        buffer_free(&buffer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append), cmocka_unit_test(test_limit_sticks),
        cmocka_unit_test(test_steal),  cmocka_unit_test(test_printable),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
