/* SPDX-License-Identifier: Apache-2.0 */
/* Files that keys are looked for in, and are not: what is refused, with which errno and words. */
#include "../../src/app/credentials_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/cbsfs-test-files-XXXXXX";
static char path[128];

static void write_file(const char *text, mode_t mode)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(file, mode), 0);
    assert_int_equal(close(file), 0);
}

static int load(size_t limit, bool secret, struct cloud_error *error)
{
    struct buffer content;
    struct stat info;
    buffer_init(&content, limit);
    int status = credential_file_load(path, "FILE", secret, &content, &info, error);
    buffer_free(&content);
    return status;
}

static void refused(int status, const char *words, size_t limit)
{
    struct cloud_error error;
    assert_int_equal(load(limit, true, &error), status);
    if (strstr(error.message, words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, error.message);
    assert_null(strstr(error.message, "secret-text"));
}

static void test_what_is_no_file(void **state)
{
    struct cloud_error error;
    (void)state;
    assert_int_equal(load(0, true, &error), -ENOENT);
    assert_int_equal(mkdir(path, 0700), 0);
    refused(-EKEYREJECTED, "FILE is not a regular file", 0);
    assert_int_equal(rmdir(path), 0);
    /* Nobody writes to it: opening it must not wait. */
    assert_int_equal(mkfifo(path, 0600), 0);
    refused(-EKEYREJECTED, "FILE is not a regular file", 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("link", path), 0);
    refused(-EKEYREJECTED, "cannot open FILE: ", 0);
    assert_int_equal(unlink(path), 0);
}

static void test_who_may_read_it(void **state)
{
    static const mode_t modes[] = {0604, 0640, 0660, 0666, 0677};
    struct cloud_error error;
    (void)state;
    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        write_file("secret-text", modes[i]);
        refused(-EACCES, "run: chmod 600 FILE", 0);
        /* What holds no secret may be read by anybody. */
        assert_int_equal(load(0, false, &error), 0);
        assert_int_equal(unlink(path), 0);
    }
    write_file("secret-text", 0400);
    assert_int_equal(load(0, true, &error), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
        refused(-EACCES, "FILE belongs to another user (uid 12345)", 0);
    }
    assert_int_equal(unlink(path), 0);
}

static void test_size(void **state)
{
    (void)state;
    write_file("secret-text", 0600);
    refused(-EKEYREJECTED, "FILE: too large", 4);
    assert_int_equal(unlink(path), 0);
}

static void test_ini(void **state)
{
    static const struct {
        const char *text;
        int status;
        const char *words;
    } rows[] = {
        {"[default]\nsecret_id=AKIDx\nsecret_key=secret-text\n", 0, ""},
        {" [ default ] \n; comment\n# comment\n\nsecret_id = AKIDx \nsecret_key\t=\tsecret-text", 0,
         ""},
        {"[default\nsecret_id=AKIDx\nsecret_key=secret-text\n", -EKEYREJECTED, "line 1"},
        {"\n[default] more\nsecret_id=AKIDx\nsecret_key=secret-text\n", -EKEYREJECTED, "line 2"},
        {"[default]\nsecret_id=AKIDx\nsecret-text\n", -EKEYREJECTED, "line 3"},
        {"[default]\nsecret_id=AKIDx\n", -EKEYREJECTED, "the secret key is missing"},
        {"[default]\nsecret_key=secret-text\n", -EKEYREJECTED, "the secret id is missing"},
        {"[default]\nsecret_id=AK IDx\nsecret_key=secret-text\n", -EKEYREJECTED, "odd characters"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct credential credential;
        struct cloud_error error = {.message = ""};
        struct stat info;
        credential_init(&credential);
        write_file(rows[i].text, 0600);
        int status = credential_file_read_ini(path, "FILE", "default", &credential, &info, &error);
        if (status != rows[i].status || strstr(error.message, rows[i].words) == NULL)
            fail_msg("row %zu: %d \"%s\"", i, status, error.message);
        assert_null(strstr(error.message, "secret-text"));
        if (status == 0) {
            assert_string_equal(credential.secret_id, "AKIDx");
            assert_string_equal(credential.secret_key, "secret-text");
        } else {
            assert_null(credential.secret_key);
        }
        credential_free(&credential);
    }
    assert_int_equal(unlink(path), 0);
}

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/link", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_file),
        cmocka_unit_test(test_who_may_read_it),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_ini),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
