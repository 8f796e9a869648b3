/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cloud for the tests of the client: a provider whose requests say everything in their URL and
 * whose answers are one word (OK, THROTTLED, EXPIRED, BADKEY, INTERNAL, DENIED), a server that
 * follows a script, and a source of credentials.
 */
#ifndef CBSFS_TESTS_FAKE_CLOUD_H
#define CBSFS_TESTS_FAKE_CLOUD_H

#include "cbsfs/client.h"
#include "cbsfs/loop.h"
#include "harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

struct fake_keys {
    const char *current, *next; /* `next`: found when `current` is refused */
    bool slow;                  /* answers by `ready` */
    int failure;
    unsigned asked, asked_refused;
    void (*ready)(void *data, int status);
    void *ready_data;
    struct loop_timer timer;
};
extern struct fake_keys keys;

struct fake_script {
    const char *words[8]; /* the answers in their order; after the last: OK */
    enum serve_how how[8];
    int delay;
    int64_t clock_ahead; /* seconds: Date, and refuses what is more than 300 s from it */
    const char *bad_key;
    bool down;   /* drops everything */
    bool silent; /* answers nothing */
    unsigned seen[8];
    int64_t times[128];
    unsigned time_count;
    char names[128];
};
extern struct fake_script script;

struct result {
    unsigned calls;
    struct cloud_error error;
};

extern const struct provider fake_provider;
extern struct loop *loop;
extern struct http *http;
extern struct server *server;
extern struct client *client;
extern unsigned waiting; /* calls that keep() still expects; the last one stops the loop */

int fake_cloud_set_up(void **state);
int fake_cloud_tear_down(void **state);
#define FAKE_CLOUD_TEST(function)                                                                  \
    cmocka_unit_test_setup_teardown(function, fake_cloud_set_up, fake_cloud_tear_down)

/* concurrency 0: the client's own default. */
void client_open(unsigned port, unsigned concurrency);
/* A `done` whose data is a struct result. */
void keep(void *data, struct cloud_answer *answer);
struct client_call *submit(enum cloud_verb verb, const char *name, int64_t timeout,
                           enum client_turn turn, struct result *result);
/* Submits and waits for the end. */
struct cloud_error ask(enum cloud_verb verb, int64_t timeout);
struct client_stats stats(void);
void assert_error(struct cloud_error error, int status, enum cloud_outcome outcome);

#endif
