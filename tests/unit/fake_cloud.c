/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_cloud.h"

#include "cbsfs/clock.h"
#include "cbsfs/http.h"
#include "cbsfs/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- the provider ------------------------------------------------------------------------------
 */

static const char *fake_action(enum cloud_verb verb)
{
    static const char *const names[CLOUD_VERB_COUNT] = {
        [CLOUD_DESCRIBE_DISKS] = "DescribeDisks",
        [CLOUD_DESCRIBE_SNAPSHOTS] = "DescribeSnapshots",
        [CLOUD_DESCRIBE_SHARES] = "DescribeShares",
        [CLOUD_DESCRIBE_GROUPS] = "DescribeGroups",
        [CLOUD_DESCRIBE_POLICIES] = "DescribePolicies",
        [CLOUD_DESCRIBE_REGIONS] = "DescribeRegions",
        [CLOUD_CREATE_SNAPSHOT] = "Create",
        [CLOUD_APPLY_SNAPSHOT] = "Apply",
        [CLOUD_RENAME_SNAPSHOT] = "Rename",
        [CLOUD_DELETE_SNAPSHOT] = "Delete",
        [CLOUD_EXPIRE_SNAPSHOT] = "Expire",
        [CLOUD_SHARE_SNAPSHOT] = "Share",
        [CLOUD_COPY_SNAPSHOT] = "Copy",
        [CLOUD_CREATE_DISK] = "CreateDisk",
        [CLOUD_CREATE_GROUP] = "CreateGroup",
        [CLOUD_APPLY_GROUP] = "ApplyGroup",
        [CLOUD_DELETE_GROUP] = "DeleteGroup",
    };
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

const struct provider fake_provider = {.name = "fake",
                                       .rate = 20,
                                       .action = fake_action,
                                       .encode = fake_encode,
                                       .decode = fake_decode};

/* --- the credentials ----------------------------------------------------------------------------
 */

struct fake_keys keys;

struct loop *loop;

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

struct fake_script script;

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

struct http *http;
struct server *server;
struct client *client;
static char endpoint[64];

unsigned waiting;

void keep(void *data, struct cloud_answer *answer)
{
    struct result *result = data;
    result->calls++;
    result->error = answer->error;
    if (--waiting == 0)
        loop_stop(loop);
}

void client_open(unsigned port, unsigned concurrency)
{
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", port);
    struct client_settings settings = {.provider = &fake_provider,
                                       .account = {.region = "r", .endpoint = endpoint},
                                       .credentials = &key_source,
                                       .attempt_timeout = 400,
                                       .concurrency = concurrency};
    client = client_new(loop, http, &settings);
}

int fake_cloud_set_up(void **state)
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

int fake_cloud_tear_down(void **state)
{
    (void)state;
    client_free(client);
    http_free(http);
    loop_free(loop);
    server_stop(server);
    return 0;
}

struct client_call *submit(enum cloud_verb verb, const char *name, int64_t timeout,
                           enum client_turn turn, struct result *result)
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
        client_submit(client, &call, clock_now() + timeout, turn, keep, result, &handle), 0);
    memset(copy, 'Z', sizeof copy - 1); /* it has its own copy */
    assert_int_equal(result->calls, 0);
    return handle;
}

struct cloud_error ask(enum cloud_verb verb, int64_t timeout)
{
    struct result result;
    submit(verb, "a", timeout, CLIENT_URGENT, &result);
    assert_true(run_loop(loop));
    assert_int_equal(result.calls, 1);
    return result.error;
}

struct client_stats stats(void)
{
    struct client_stats all;
    client_get_stats(client, &all);
    return all;
}

void assert_error(struct cloud_error error, int status, enum cloud_outcome outcome)
{
    assert_int_equal(error.status, status);
    assert_int_equal(error.outcome, outcome);
    if (status)
        assert_true(strlen(error.message) > 0);
}
