/* SPDX-License-Identifier: Apache-2.0 */
/* What mount(8) gives its helper, and what cbsfs makes of it. */
#include "cbsfs/mount_helper.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char reason[256];

/* The words after the translation as one line; the reason when it was refused. */
static const char *translate(const char *line, bool *fake)
{
    static char result[512];
    char text[256];
    char *words[16] = {(char[]){"/sbin/mount.fuse.cbsfs"}};
    int count = 1;
    struct mount_helper helper;

    snprintf(text, sizeof(text), "%s", line);
    for (char *at = strtok(text, " "); at != NULL && count < 15; at = strtok(NULL, " "))
        words[count++] = at;
    if (mount_helper_translate(&helper, count, words, reason, sizeof(reason)) != 0) {
        assert_null(helper.words);
        return reason;
    }
    *fake = helper.fake;
    result[0] = '\0';
    for (int index = 0; index < helper.count; index++)
        snprintf(result + strlen(result), sizeof(result) - strlen(result), "%s%s",
                 index > 0 ? " " : "", helper.words[index]);
    assert_null(helper.words[helper.count]);
    mount_helper_free(&helper);
    mount_helper_free(&helper);
    return result;
}

static void test_names(void **state)
{
    (void)state;
    assert_true(mount_helper_is("/sbin/mount.fuse.cbsfs"));
    assert_true(mount_helper_is("mount.fuse.cbsfs"));
    assert_false(mount_helper_is("cbsfs"));
    assert_false(mount_helper_is("/opt/mount.d/cbsfs"));
    assert_false(mount_helper_is(NULL));
}

static void test_words(void **state)
{
    static const struct {
        const char *line, *words;
        bool fake;
    } rows[] = {
        {"ap-guangzhou /m -o rw,_netdev",
         "cbsfs ap-guangzhou /m -o rw,_netdev -o fsname=ap-guangzhou", false},
        {"cbsfs#work@ap-guangzhou /m -n -s -v -o rw",
         "cbsfs cbsfs#work@ap-guangzhou /m -o rw -o fsname=cbsfs#work@ap-guangzhou", false},
        {"ap-guangzhou /m", "cbsfs ap-guangzhou /m -o fsname=ap-guangzhou", false},
        {"ap-guangzhou /m -fv -o rw", "cbsfs ap-guangzhou /m -o rw -o fsname=ap-guangzhou", true},
        {"ap-guangzhou /m -t fuse.cbsfs -o rw",
         "cbsfs ap-guangzhou /m -o rw -o fsname=ap-guangzhou", false},
        {"ap-guangzhou /m -o ttl=5,fsname=mine", "cbsfs ap-guangzhou /m -o ttl=5,fsname=mine",
         false},
        {"ap-guangzhou /m -o xfsname=mine",
         "cbsfs ap-guangzhou /m -o xfsname=mine -o fsname=ap-guangzhou", false},
        /* Each -o counts, and a comma in quotes parts nothing. */
        {"a /m -o rw -o ttl=5", "cbsfs a /m -o rw,ttl=5 -o fsname=a", false},
        {"a /m -o protect=\"x,remount,y\\\",ro",
         "cbsfs a /m -o protect=x\\,remount\\,y\\\\,ro -o fsname=a", false},
        {"a /m -o protect=x\\,fsname=,x\"y\"",
         "cbsfs a /m -o protect=x\\,fsname=,x\"y\" -o fsname=a", false},
        {"none /m -o rw", "cbsfs none /m -o rw", false},
        {"cbsfs /m -o rw", "cbsfs cbsfs /m -o rw", false},
        {"- /m", "cbsfs - /m -o fsname=-", false},
    };

    (void)state;
    for (size_t index = 0; index < sizeof(rows) / sizeof(rows[0]); index++) {
        bool fake = false;
        assert_string_equal(translate(rows[index].line, &fake), rows[index].words);
        assert_int_equal(fake, rows[index].fake);
    }
}

static void test_refusals(void **state)
{
    static const struct {
        const char *line, *reason;
    } rows[] = {
        {"ap-guangzhou", "usage: "},
        {"", "usage: "},
        {"a b c", "c: one word too many"},
        {"a /m -o", "-o: needs a word"},
        {"a /m -ofoo", "-ofoo: needs a word"},
        {"a /m -x", "-x: unknown switch"},
        {"a /m -N 4", "-N: cannot"},
        {"a /m -o ro,remount", "/m: options cannot be changed"},
        {"a /m -o remount", "/m: options cannot be changed"},
    };
    bool fake;

    (void)state;
    for (size_t index = 0; index < sizeof(rows) / sizeof(rows[0]); index++)
        assert_memory_equal(translate(rows[index].line, &fake), rows[index].reason,
                            strlen(rows[index].reason));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
