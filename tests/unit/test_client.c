/* SPDX-License-Identifier: Apache-2.0 */
/* The client against a provider whose requests say everything in their URL and whose answers are
 * one word. */
#include "cbsfs/client.h"
#include "cbsfs/clock.h"
#include "cbsfs/http.h"
#include "cbsfs/log.h"
#include "cbsfs/loop.h"
#include "cbsfs/timestamp.h"
#include "harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- the provider ------------------------------------------------------------------------------
 */

static const char *fake_action(enum cloud_verb verb)
{
    static const char *const names[] = {
        "DescribeDisks", "DescribeSnapshots", "Create", "Apply", "Rename", "Delete"};
    return names[verb];
}

static int fake_encode(const struct cloud_account *account, const struct credential *credential,
                       int64_t now, const struct cloud_call *call, struct http_request *request)
{
    char url[300];
    if (call->limit == 12345)
        return -EINVAL;
    snprintf(url, sizeof url, "%s/%s?key=%s&time=%lld&name=%s&ids=%s", account->endpoint,
             fake_action(call->verb), credential->secret_id, (long long)now,
             call->name ? call->name : "", call->id_count ? call->ids[call->id_count - 1] : "");
    request->method = strdup("POST");
    request->url = strdup(url);
    return 0;
}

static void fake_decode(const struct cloud_call *call, const struct http_reply *reply,
                        struct cloud_answer *answer)
{
    static const struct {
        const char *word;
        int status;
        enum cloud_outcome outcome;
        enum cloud_remedy remedy;
    } words[] = {
        {"OK", 0, CLOUD_DONE, CLOUD_FINAL},
        {"THROTTLED", -EAGAIN, CLOUD_REFUSED, CLOUD_LATER},
        {"EXPIRED", -EKEYREJECTED, CLOUD_REFUSED, CLOUD_CLOCK},
        {"BADKEY", -EKEYREJECTED, CLOUD_REFUSED, CLOUD_CREDENTIAL},
        {"INTERNAL", -EREMOTEIO, CLOUD_UNKNOWN, CLOUD_READ_AGAIN},
        {"DENIED", -EACCES, CLOUD_REFUSED, CLOUD_FINAL},
    };
    (void)call;
    answer->document = json_object();
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(reply->body, words[i].word) == 0) {
            cloud_error_set(&answer->error, words[i].status, words[i].outcome, words[i].remedy,
                            words[i].word, "the server said %s", words[i].word);
            return;
        }
    }
    cloud_error_set(&answer->error, -EPROTO, CLOUD_UNKNOWN, CLOUD_FINAL, "", "what?");
}

static const struct provider fake_provider = {.name = "fake",
                                              .rate = 20,
                                              .action = fake_action,
                                              .encode = fake_encode,
                                              .decode = fake_decode};

/* --- the credentials ----------------------------------------------------------------------------
 */

static struct {
    const char *current, *next; /* `next`: found when `current` is refused */
    bool slow;                  /* answers by `ready` */
    int failure;
    unsigned asked, asked_refused;
    void (*ready)(void *data, int status);
    void *ready_data;
    struct loop_timer timer;
} keys;

static struct loop *loop;

static void keys_arrive(void *data)
{
    (void)data;
    keys.slow = false;
    keys.ready(keys.ready_data, 0);
}

static int keys_get(void *self, const char *refused, struct credential *out,
                    struct cloud_error *error, void (*ready)(void *data, int status), void *data)
{
    (void)self;
    keys.asked++;
    keys.asked_refused += refused != NULL;
    if (keys.slow) {
        assert_false(keys.timer.armed); /* one question at a time */
        keys.ready = ready;
        keys.ready_data = data;
        keys.timer.fire = keys_arrive;
        loop_timer_start(loop, &keys.timer, clock_now() + 30);
        return -EINPROGRESS;
    }
    if (keys.failure) {
        cloud_error_set(error, keys.failure, CLOUD_NOT_SENT, CLOUD_FINAL, "", "no credentials");
        return keys.failure;
    }
    if (refused && strcmp(refused, keys.current) == 0) {
        if (!keys.next)
            return -EKEYREJECTED;
        keys.current = keys.next;
    }
    out->secret_id = strdup(keys.current);
    out->secret_key = strdup("secret");
    return 0;
}

static void keys_cancel(void *self, void *data)
{
    (void)self, (void)data;
    loop_timer_stop(loop, &keys.timer);
}

static const struct credential_source key_source = {.get = keys_get, .cancel = keys_cancel};

/* --- the server ---------------------------------------------------------------------------------
 */

static struct {
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
} script;

static void write_date(int64_t seconds, char *text, size_t size)
{
    time_t time = (time_t)seconds;
    struct tm civil;
    gmtime_r(&time, &civil);
    strftime(text, size, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &civil);
}

static void serve(void *data, const struct served_request *request, struct served_answer *answer)
{
    unsigned index = request->number - 1;
    const char *word = index < 8 ? script.words[index] : NULL;
    const char *name = strstr(request->target, "name=");
    const char *key = strstr(request->target, "key=");
    int64_t now = clock_wall() / 1000 + script.clock_ahead;
    (void)data;

    if (script.time_count < 128)
        script.times[script.time_count++] = clock_now();
    if (name && strlen(script.names) < sizeof script.names - 1)
        strncat(script.names, name + 5, 1);
    write_date(now, answer->headers, sizeof answer->headers);
    strcpy(answer->body, word ? word : "OK");
    if (index < 8)
        answer->how = script.how[index];
    answer->delay = script.delay;
    if (script.down)
        answer->how = SERVE_DROP;
    if (script.silent)
        answer->how = SERVE_HANG;
    if (llabs(strtoll(strstr(request->target, "time=") + 5, NULL, 10) - now) > 300)
        strcpy(answer->body, "EXPIRED");
    if (script.bad_key && key && strncmp(key + 4, script.bad_key, strlen(script.bad_key)) == 0)
        strcpy(answer->body, "BADKEY");
}

/* --- the tests' own -----------------------------------------------------------------------------
 */

static struct http *http;
static struct server *server;
static struct client *client;
static char endpoint[64];

struct result {
    unsigned calls;
    struct cloud_error error;
};

static unsigned waiting;

static void keep(void *data, struct cloud_answer *answer)
{
    struct result *result = data;
    result->calls++;
    result->error = answer->error;
    if (--waiting == 0)
        loop_stop(loop);
}

static void client_open(unsigned port, unsigned concurrency)
{
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", port);
    struct client_settings settings = {.provider = &fake_provider,
                                       .account = {.region = "r", .endpoint = endpoint},
                                       .credentials = &key_source,
                                       .attempt_timeout = 400,
                                       .concurrency = concurrency};
    client = client_new(loop, http, &settings);
}

static int set_up(void **state)
{
    static const struct http_settings settings = {.user_agent = "cbsfs-test",
                                                  .body_limit = 1000,
                                                  .connect_timeout = 300,
                                                  .connection_limit = 8};
    (void)state;
    memset(&script, 0, sizeof script);
    memset(&keys, 0, sizeof keys);
    keys.current = "first";
    waiting = 0;
    log_set_level(LOG_LEVEL_ERROR);
    loop = loop_new();
    http = http_new(loop, &settings);
    server = server_start(serve, NULL);
    client_open(server_port(server), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    client_free(client);
    http_free(http);
    loop_free(loop);
    server_stop(server);
    return 0;
}

static struct client_call *submit(enum cloud_verb verb, const char *name, int64_t timeout,
                                  bool urgent, struct result *result)
{
    struct client_call *handle = NULL;
    char copy[16] = "";
    if (name)
        snprintf(copy, sizeof copy, "%s", name);
    const char *id = copy;
    struct cloud_call call = {.verb = verb, .name = copy, .ids = &id, .id_count = 1};
    *result = (struct result){0};
    waiting++;
    assert_int_equal(
        client_submit(client, &call, clock_now() + timeout, urgent, keep, result, &handle), 0);
    memset(copy, 'Z', sizeof copy - 1); /* it has its own copy */
    assert_int_equal(result->calls, 0);
    return handle;
}

static struct cloud_error ask(enum cloud_verb verb, int64_t timeout)
{
    struct result result;
    submit(verb, "a", timeout, false, &result);
    assert_true(run_loop(loop));
    assert_int_equal(result.calls, 1);
    return result.error;
}

static struct client_stats stats(void)
{
    struct client_stats all;
    client_get_stats(client, &all);
    return all;
}

static void assert_error(struct cloud_error error, int status, enum cloud_outcome outcome)
{
    assert_int_equal(error.status, status);
    assert_int_equal(error.outcome, outcome);
    if (status)
        assert_true(strlen(error.message) > 0);
}

static void test_answer(void **state)
{
    (void)state;
    assert_error(ask(CLOUD_DESCRIBE_DISKS, 3000), 0, CLOUD_DONE);
    assert_error(ask(CLOUD_CREATE_SNAPSHOT, 3000), 0, CLOUD_DONE);
    assert_int_equal(stats().calls[CLOUD_DESCRIBE_DISKS], 1);
    assert_int_equal(stats().calls[CLOUD_CREATE_SNAPSHOT], 1);
    assert_int_equal(stats().errors[CLOUD_DESCRIBE_DISKS], 0);
    assert_int_equal(stats().connections, 2); /* a change has its own */
    assert_int_equal(stats().in_flight + stats().queued, 0);
    assert_true(stats().latency_last >= 0);
    assert_ptr_equal(client_provider(client), &fake_provider);
}

static void test_final_is_not_repeated(void **state)
{
    (void)state;
    script.words[0] = "DENIED";
    assert_error(ask(CLOUD_DESCRIBE_DISKS, 3000), -EACCES, CLOUD_REFUSED);
    assert_int_equal(server_requests(server), 1);
    assert_int_equal(stats().errors[CLOUD_DESCRIBE_DISKS], 1);
}

static void test_question_is_asked_again(void **state)
{
    (void)state;
    script.words[0] = "INTERNAL";
    script.how[1] = SERVE_DROP;
    script.words[2] = "THROTTLED";
    script.how[3] = SERVE_HALF;
    assert_error(ask(CLOUD_DESCRIBE_DISKS, 10000), 0, CLOUD_DONE);
    assert_int_equal(server_requests(server), 5);
    assert_int_equal(stats().throttled, 1);
    assert_false(stats().breaker_open);
}

static void test_change_is_not(void **state)
{
    (void)state;
    static const enum serve_how lost[] = {SERVE_DROP, SERVE_HALF, SERVE_HANG, SERVE_RESET};
    for (unsigned i = 0; i < 4; i++) {
        script.how[server_requests(server)] = lost[i];
        assert_error(ask(CLOUD_CREATE_SNAPSHOT, lost[i] == SERVE_HANG ? 300 : 3000), -ETIMEDOUT,
                     CLOUD_UNKNOWN);
        assert_int_equal(server_requests(server), 2 * i + 1);
        assert_error(ask(CLOUD_DESCRIBE_DISKS, 3000), 0, CLOUD_DONE);
    }
}

static void test_change_after_internal_error(void **state)
{
    (void)state;
    script.words[0] = "INTERNAL";
    assert_error(ask(CLOUD_APPLY_SNAPSHOT, 3000), -EREMOTEIO, CLOUD_UNKNOWN);
    assert_int_equal(server_requests(server), 1);
}

static void test_change_after_refusal(void **state)
{
    (void)state;
    script.words[0] = script.words[1] = "THROTTLED";
    assert_error(ask(CLOUD_CREATE_SNAPSHOT, 10000), 0, CLOUD_DONE);
    assert_int_equal(server_requests(server), 3);
}

static void test_throttled_to_the_end(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++)
        script.words[i] = "THROTTLED";
    int64_t before = clock_now();
    assert_error(ask(CLOUD_CREATE_SNAPSHOT, 400), -EAGAIN, CLOUD_REFUSED);
    assert_true(clock_now() - before < 3000);
    assert_true(server_requests(server) >= 2);
    assert_true(stats().throttled == server_requests(server));
}

static void test_change_that_was_not_sent(void **state)
{
    (void)state;
    client_free(client);
    client_open(closed_port(), 0);
    assert_error(ask(CLOUD_CREATE_SNAPSHOT, 5000), -ECONNREFUSED, CLOUD_NOT_SENT);
    assert_int_equal(stats().calls[CLOUD_CREATE_SNAPSHOT], 3);
    assert_true(stats().breaker_open);
}

static void test_rate(void **state)
{
    (void)state;
    enum { COUNT = 50 };
    static struct result results[COUNT];
    int64_t before = clock_now();
    for (int i = 0; i < COUNT; i++)
        submit(CLOUD_DESCRIBE_SNAPSHOTS, "a", 15000, false, &results[i]);
    struct result other;
    submit(CLOUD_DESCRIBE_DISKS, "a", 15000, false, &other); /* has a budget of its own */
    run_loop_for(loop, 500);
    assert_int_equal(other.calls, 1);
    assert_int_equal(stats().queued, COUNT - 20); /* a burst is allowed */
    assert_true(run_loop(loop));
    assert_true(clock_now() - before >= 2 * CLIENT_RATE_WINDOW);
    for (int i = 0; i < COUNT; i++)
        assert_error(results[i].error, 0, CLOUD_DONE);
    for (unsigned i = 0; i + 21 < script.time_count; i++) /* 20, and the other call */
        assert_true(script.times[i + 21] - script.times[i] > 700);
}

static void test_urgent_first(void **state)
{
    (void)state;
    static struct result results[5];
    client_free(client);
    client_open(server_port(server), 1);
    submit(CLOUD_DESCRIBE_DISKS, "1", 5000, false, &results[0]);
    submit(CLOUD_DESCRIBE_DISKS, "2", 5000, false, &results[1]);
    submit(CLOUD_DESCRIBE_SNAPSHOTS, "3", 5000, true, &results[2]);
    submit(CLOUD_CREATE_SNAPSHOT, "4", 5000, true, &results[3]);
    submit(CLOUD_DESCRIBE_DISKS, "5", 5000, false, &results[4]);
    assert_true(run_loop(loop));
    assert_string_equal(script.names, "34125");
}

static void test_deadline_in_the_queue(void **state)
{
    (void)state;
    struct result first, second;
    script.delay = 300;
    client_free(client);
    client_open(server_port(server), 1);
    submit(CLOUD_DESCRIBE_DISKS, "1", 5000, false, &first);
    submit(CLOUD_CREATE_SNAPSHOT, "2", 100, false, &second);
    assert_true(run_loop(loop));
    assert_error(first.error, 0, CLOUD_DONE);
    assert_error(second.error, -ETIMEDOUT, CLOUD_NOT_SENT);
    assert_int_equal(server_requests(server), 1);
}

static void test_deadline_in_flight(void **state)
{
    (void)state;
    script.silent = true;
    int64_t before = clock_now();
    assert_error(ask(CLOUD_CREATE_SNAPSHOT, 200), -ETIMEDOUT, CLOUD_UNKNOWN);
    assert_true(clock_now() - before >= 200 && clock_now() - before < 3000);
    assert_false(stats().breaker_open); /* it was not given its whole time */
}

static void test_breaker_opens_and_recovers(void **state)
{
    (void)state;
    script.down = true;
    struct cloud_error error = ask(CLOUD_DESCRIBE_DISKS, 10000);
    assert_error(error, -ETIMEDOUT, CLOUD_UNKNOWN);
    assert_int_equal(server_requests(server), 3);
    assert_true(stats().breaker_open);
    assert_true(stats().breaker_until > clock_now());

    int64_t before = clock_now();
    struct cloud_error quick = ask(CLOUD_CREATE_SNAPSHOT, 10000);
    assert_error(quick, -ETIMEDOUT, CLOUD_NOT_SENT);
    assert_string_equal(quick.message, error.message);
    assert_true(clock_now() - before < 500);
    assert_int_equal(server_requests(server), 3);

    run_loop_for(loop, stats().breaker_until - clock_now() + 5);
    assert_error(ask(CLOUD_DESCRIBE_DISKS, 5000), -ETIMEDOUT, CLOUD_UNKNOWN);
    assert_int_equal(server_requests(server), 4); /* the trial */
    int64_t pause = stats().breaker_until - clock_now();
    assert_true(pause > 1500 && pause <= 2000); /* twice as long */

    run_loop_for(loop, pause + 5);
    script.down = false;
    script.delay = 100;
    struct result results[3];
    for (int i = 0; i < 3; i++)
        submit(CLOUD_DESCRIBE_DISKS, "a", 5000, false, &results[i]);
    run_loop_for(loop, 50);
    assert_int_equal(stats().in_flight, 1); /* one goes through, the others wait for it */
    assert_true(run_loop(loop));
    for (int i = 0; i < 3; i++)
        assert_error(results[i].error, 0, CLOUD_DONE);
    assert_false(stats().breaker_open);
}

static void test_breaker_opens_at_silence(void **state)
{
    (void)state;
    script.silent = true;
    assert_error(ask(CLOUD_DESCRIBE_DISKS, 5000), -ETIMEDOUT, CLOUD_UNKNOWN);
    assert_int_equal(server_requests(server), 1);
    assert_true(stats().breaker_open);
}

static void test_cancelled_trial_lets_another_go(void **state)
{
    (void)state;
    struct result first, second;
    script.silent = true;
    ask(CLOUD_DESCRIBE_DISKS, 5000);
    run_loop_for(loop, stats().breaker_until - clock_now() + 5);
    struct client_call *trial = submit(CLOUD_DESCRIBE_DISKS, "a", 5000, false, &first);
    run_loop_for(loop, 50);
    assert_int_equal(stats().in_flight, 1);
    script.silent = false;
    submit(CLOUD_DESCRIBE_DISKS, "b", 5000, false, &second);
    assert_false(client_cancel(trial));
    waiting--;
    assert_true(run_loop(loop));
    assert_error(second.error, 0, CLOUD_DONE);
    assert_int_equal(first.calls, 0);
}

static void test_clock_is_corrected(void **state)
{
    (void)state;
    script.clock_ahead = 1000;
    assert_error(ask(CLOUD_CREATE_SNAPSHOT, 3000), 0, CLOUD_DONE);
    assert_int_equal(server_requests(server), 2);
    assert_in_range(stats().clock_offset, 998, 1002);
    assert_in_range(client_server_time(client) - clock_wall() / 1000, 998, 1002);
    assert_error(ask(CLOUD_CREATE_SNAPSHOT, 3000), 0, CLOUD_DONE);
    assert_int_equal(server_requests(server), 3);

    script.clock_ahead = 100; /* it is set right: learnt before it hurts */
    assert_error(ask(CLOUD_DESCRIBE_DISKS, 3000), 0, CLOUD_DONE);
    assert_in_range(stats().clock_offset, 98, 102);
    script.clock_ahead = 120; /* not worth a change */
    assert_error(ask(CLOUD_DESCRIBE_DISKS, 3000), 0, CLOUD_DONE);
    assert_in_range(stats().clock_offset, 98, 102);
    script.clock_ahead = 2;
    assert_error(ask(CLOUD_DESCRIBE_DISKS, 3000), 0, CLOUD_DONE);
    assert_int_equal(stats().clock_offset, 0);
}

static void test_clock_only_once(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++)
        script.words[i] = "EXPIRED";
    assert_error(ask(CLOUD_CREATE_SNAPSHOT, 3000), -EKEYREJECTED, CLOUD_REFUSED);
    assert_int_equal(server_requests(server), 2);
}

static void test_credential_is_renewed(void **state)
{
    (void)state;
    script.bad_key = "first";
    keys.next = "second";
    assert_error(ask(CLOUD_CREATE_SNAPSHOT, 3000), 0, CLOUD_DONE);
    assert_int_equal(server_requests(server), 2);
    assert_int_equal(keys.asked_refused, 1);
    assert_error(ask(CLOUD_CREATE_SNAPSHOT, 3000), 0, CLOUD_DONE);
    assert_int_equal(server_requests(server), 3);
    assert_int_equal(keys.asked_refused, 1);
}

static void test_credential_storm(void **state)
{
    (void)state;
    struct result results[10];
    script.bad_key = "first";
    assert_error(ask(CLOUD_DESCRIBE_DISKS, 3000), -EKEYREJECTED, CLOUD_REFUSED);
    assert_int_equal(server_requests(server), 1);
    for (int i = 0; i < 10; i++)
        submit(CLOUD_DESCRIBE_DISKS, "a", 3000, false, &results[i]);
    assert_true(run_loop(loop));
    for (int i = 0; i < 10; i++) {
        assert_error(results[i].error, -EKEYREJECTED, CLOUD_REFUSED);
        assert_string_equal(results[i].error.code, "BADKEY");
    }
    assert_int_equal(server_requests(server), 1);
    assert_int_equal(keys.asked_refused, 1);

    run_loop_for(loop, 1010); /* then one may try */
    for (int i = 0; i < 10; i++)
        submit(CLOUD_DESCRIBE_DISKS, "a", 3000, false, &results[i]);
    assert_true(run_loop(loop));
    assert_int_equal(server_requests(server), 2);

    run_loop_for(loop, 1010);
    script.bad_key = NULL; /* enabled again */
    assert_error(ask(CLOUD_DESCRIBE_DISKS, 3000), 0, CLOUD_DONE);
    for (int i = 0; i < 10; i++)
        submit(CLOUD_DESCRIBE_DISKS, "a", 3000, false, &results[i]);
    assert_true(run_loop(loop));
    for (int i = 0; i < 10; i++)
        assert_error(results[i].error, 0, CLOUD_DONE);
}

static void test_credential_comes_later(void **state)
{
    (void)state;
    struct result results[3];
    keys.slow = true;
    for (int i = 0; i < 3; i++)
        submit(CLOUD_DESCRIBE_DISKS, "a", 3000, false, &results[i]);
    assert_true(run_loop(loop));
    for (int i = 0; i < 3; i++)
        assert_error(results[i].error, 0, CLOUD_DONE);

    keys.slow = true;
    submit(CLOUD_DESCRIBE_DISKS, "a", 10, false, &results[0]);
    assert_true(run_loop(loop));
    assert_error(results[0].error, -ETIMEDOUT, CLOUD_NOT_SENT);
    keys.slow = true; /* freed while the source is still asked: tear_down() */
}

static void test_no_credential(void **state)
{
    (void)state;
    keys.failure = -EACCES;
    struct cloud_error error = ask(CLOUD_DESCRIBE_DISKS, 3000);
    assert_error(error, -EACCES, CLOUD_NOT_SENT);
    assert_string_equal(error.message, "no credentials");
    assert_int_equal(server_requests(server), 0);
}

static void test_encode_refuses(void **state)
{
    (void)state;
    struct result result = {0};
    struct client_call *handle;
    struct cloud_call call = {.verb = CLOUD_CREATE_SNAPSHOT, .limit = 12345};
    waiting++;
    client_submit(client, &call, clock_now() + 1000, false, keep, &result, &handle);
    assert_true(run_loop(loop));
    assert_error(result.error, -EINVAL, CLOUD_NOT_SENT);
}

static void test_cancel(void **state)
{
    (void)state;
    struct result first, second;
    script.silent = true;
    struct client_call *one = submit(CLOUD_CREATE_SNAPSHOT, "a", 3000, false, &first);
    assert_false(client_call_is_sent(one));
    assert_true(client_cancel(one));
    run_loop_for(loop, 50);
    assert_int_equal(server_requests(server), 0);
    struct client_call *two = submit(CLOUD_CREATE_SNAPSHOT, "a", 3000, false, &second);
    run_loop_for(loop, 50);
    assert_true(client_call_is_sent(two));
    assert_false(client_cancel(two));
    run_loop_for(loop, 50);
    assert_int_equal(first.calls + second.calls, 0);
    assert_int_equal(stats().in_flight + stats().queued, 0);
    submit(CLOUD_CREATE_SNAPSHOT, "a", 3000, false, &first); /* dropped by client_free() */
    run_loop_for(loop, 20);
    submit(CLOUD_CREATE_SNAPSHOT, "a", 3000, false, &second);
}

static struct client_call *victim;
static struct result follow_up;

static void cancel_and_submit(void *data, struct cloud_answer *answer)
{
    (void)data, (void)answer;
    client_cancel(victim);
    waiting = 0;
    submit(CLOUD_DESCRIBE_DISKS, "b", 3000, false, &follow_up);
}

static void test_cancel_from_done(void **state)
{
    (void)state;
    struct result ignored;
    struct client_call *handle;
    struct cloud_call call = {.verb = CLOUD_DESCRIBE_DISKS};
    keys.failure = -EACCES; /* both end in the same round */
    client_submit(client, &call, clock_now() + 3000, false, cancel_and_submit, NULL, &handle);
    victim = submit(CLOUD_DESCRIBE_DISKS, "a", 3000, false, &ignored);
    assert_true(run_loop(loop));
    assert_int_equal(ignored.calls, 0);
    assert_int_equal(follow_up.calls, 1);
}

int main(void)
{
#define CLIENT_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CLIENT_TEST(test_answer),
        CLIENT_TEST(test_final_is_not_repeated),
        CLIENT_TEST(test_question_is_asked_again),
        CLIENT_TEST(test_change_is_not),
        CLIENT_TEST(test_change_after_internal_error),
        CLIENT_TEST(test_change_after_refusal),
        CLIENT_TEST(test_throttled_to_the_end),
        CLIENT_TEST(test_change_that_was_not_sent),
        CLIENT_TEST(test_rate),
        CLIENT_TEST(test_urgent_first),
        CLIENT_TEST(test_deadline_in_the_queue),
        CLIENT_TEST(test_deadline_in_flight),
        CLIENT_TEST(test_breaker_opens_and_recovers),
        CLIENT_TEST(test_breaker_opens_at_silence),
        CLIENT_TEST(test_cancelled_trial_lets_another_go),
        CLIENT_TEST(test_clock_is_corrected),
        CLIENT_TEST(test_clock_only_once),
        CLIENT_TEST(test_credential_is_renewed),
        CLIENT_TEST(test_credential_storm),
        CLIENT_TEST(test_credential_comes_later),
        CLIENT_TEST(test_no_credential),
        CLIENT_TEST(test_encode_refuses),
        CLIENT_TEST(test_cancel),
        CLIENT_TEST(test_cancel_from_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
