/* SPDX-License-Identifier: Apache-2.0 */
/* The demo's child, with a shell script in the simulator's place: what it is given and how it ends.
 */
#include "cbsfs/demo.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/cbsfs-test-demo-XXXXXX";
static char program[64];
static char reason[512];

static void write_simulator(const char *body)
{
    FILE *file = fopen(program, "w");

    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", body);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(program, 0700), 0);
}

static void test_runs_and_ends(void **state)
{
    struct demo demo;
    struct credential credential;
    struct cloud_error error;

    (void)state;
    /* Arguments: --port 0 --port-file FILE. A simulator without keys would not listen. */
    write_simulator(
        "[ \"$1 $2 $3\" = '--port 0 --port-file' ] || exit 1\n"
        "[ ${#CBSFS_SIM_SECRET_ID} -ge 20 ] && [ ${#CBSFS_SIM_SECRET_KEY} -eq 64 ] || exit 1\n"
        "case \"$*\" in *\"$CBSFS_SIM_SECRET_KEY\"*) exit 1;; esac\n"
        "echo 4711 > \"$4\"; exec sleep 100");
    assert_int_equal(demo_start(&demo, reason, sizeof(reason)), 0);
    assert_string_equal(demo.endpoint, "http://127.0.0.1:4711");
    assert_int_equal(kill(demo.pid, 0), 0);

    credential_init(&credential);
    assert_int_equal(
        demo.credentials.get(demo.credentials.self, NULL, &credential, &error, NULL, NULL), 0);
    assert_string_equal(credential.secret_key, demo.credential.secret_key);
    assert_null(getenv("CBSFS_SIM_SECRET_KEY"));
    credential_free(&credential);
    assert_int_equal(
        demo.credentials.get(demo.credentials.self, "AKID", &credential, &error, NULL, NULL),
        -EKEYREJECTED);

    pid_t pid = demo.pid;
    demo_stop(&demo);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
    demo_stop(&demo);
}

static void test_every_run_has_its_own_key(void **state)
{
    struct demo one, two;

    (void)state;
    write_simulator("echo 4711 > \"$4\"; exec sleep 100");
    assert_int_equal(demo_start(&one, reason, sizeof(reason)), 0);
    assert_int_equal(demo_start(&two, reason, sizeof(reason)), 0);
    assert_string_not_equal(one.credential.secret_key, two.credential.secret_key);
    demo_stop(&one);
    demo_stop(&two);
}

static void test_failures(void **state)
{
    struct demo demo;

    (void)state;
    write_simulator("exit 3");
    assert_true(demo_start(&demo, reason, sizeof(reason)) < 0);
    assert_non_null(strstr(reason, "ended while it was starting"));
    assert_int_equal(demo.pid, -1);

    assert_int_equal(unlink(program), 0);
    assert_true(demo_start(&demo, reason, sizeof(reason)) < 0);
    assert_non_null(strstr(reason, "neither beside cbsfs nor in PATH"));
    assert_int_equal(demo.pid, -1);
}

static int set_up(void **state)
{
    char path[256];

    (void)state;
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(program, sizeof(program), "%s/cbsfs-sim", directory);
    snprintf(path, sizeof(path), "%s:/usr/bin:/bin", directory);
    return setenv("PATH", path, 1);
}

static int tear_down(void **state)
{
    (void)state;
    unlink(program);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_and_ends),
        cmocka_unit_test(test_every_run_has_its_own_key),
        cmocka_unit_test(test_failures),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
