/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/clock.h"
#include "cbsfs/http.h"
#include "cbsfs/loop.h"
#include "cbsfs/timestamp.h"
#include "harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;
static struct http *http;
static struct server *server;

/* What a test remembers of a reply. */
struct result {
    unsigned calls;
    enum http_failure failure;
    int error;
    char message[256];
    long status;
    char body[4096];
    size_t body_length;
    int64_t date, retry_after, elapsed;
    bool new_connection;
    char header[64];
};

static void keep(void *data, const struct http_reply *reply)
{
    struct result *result = data;
    const char *header = reply->header(reply, "x-ANSWER");
    result->calls++;
    result->failure = reply->failure;
    result->error = reply->error;
    snprintf(result->message, sizeof result->message, "%s", reply->message);
    result->status = reply->status;
    snprintf(result->body, sizeof result->body, "%s", reply->body);
    result->body_length = reply->body_length;
    result->date = reply->date;
    result->retry_after = reply->retry_after;
    result->elapsed = reply->elapsed;
    result->new_connection = reply->new_connection;
    snprintf(result->header, sizeof result->header, "%s", header ? header : "(none)");
}

static void keep_and_stop(void *data, const struct http_reply *reply)
{
    keep(data, reply);
    loop_stop(loop);
}

static void serve(void *data, const struct served_request *request, struct served_answer *answer)
{
    const char *target = request->target;
    (void)data;
    snprintf(answer->headers, sizeof answer->headers,
             "Date: Tue, 14 Nov 2023 22:13:20 GMT\r\nX-Answer: yes\r\n");
    snprintf(answer->body, sizeof answer->body, "%.1000s", request->head);
    if (strncmp(target, "/hang", 5) == 0)
        answer->how = SERVE_HANG;
    else if (strncmp(target, "/drop-again", 11) == 0)
        answer->how = request->on_connection > 1 ? SERVE_DROP : SERVE_ANSWER;
    else if (strncmp(target, "/drop", 5) == 0)
        answer->how = SERVE_DROP;
    else if (strncmp(target, "/reset", 6) == 0)
        answer->how = SERVE_RESET;
    else if (strncmp(target, "/half", 5) == 0)
        answer->how = SERVE_HALF;
    else if (strncmp(target, "/trickle", 8) == 0)
        answer->how = SERVE_TRICKLE;
    else if (strncmp(target, "/big", 4) == 0)
        answer->padding = 200000;
    else if (strncmp(target, "/busy", 5) == 0)
        answer->status = 503, strcat(answer->headers, "Retry-After: 7\r\n");
    else if (strncmp(target, "/moved", 6) == 0)
        answer->status = 302, strcat(answer->headers, "Location: /elsewhere\r\n");
    if (strncmp(target, "/garbage", 8) == 0) {
        answer->how = SERVE_RAW;
        strcpy(answer->body, "220 this is not HTTP\r\n\r\n");
    }
    if (strncmp(target, "/headers", 8) == 0)
        answer->padding = 0, answer->headers[0] = '\0';
}

static int set_up(void **state)
{
    static const struct http_settings settings = {.user_agent = "cbsfs-test",
                                                  .body_limit = 100000,
                                                  .connect_timeout = 500,
                                                  .connection_limit = 8};
    (void)state;
    loop = loop_new();
    http = http_new(loop, &settings);
    server = server_start(serve, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_free(http);
    loop_free(loop);
    server_stop(server);
    return 0;
}

static struct http_exchange *start(const char *url, const char *body, int64_t timeout, bool once,
                                   void (*done)(void *, const struct http_reply *), void *data)
{
    struct http_request request;
    struct http_exchange *exchange = NULL;
    http_request_init(&request);
    request.method = strdup(body ? "POST" : "GET");
    request.url = strdup(url);
    request.body = body ? strdup(body) : NULL;
    request.body_length = body ? strlen(body) : 0;
    assert_int_equal(http_request_add_header(&request, "X-Secret", "value"), 0);
    assert_int_equal(http_request_add_header(&request, "X-Empty", ""), 0);
    assert_int_equal(http_start(http, &request, clock_now() + timeout, once, done, data, &exchange),
                     0);
    assert_null(request.url);
    return exchange;
}

static const char *url_of(const char *target)
{
    static char url[200];
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", server_port(server), target);
    return url;
}

static struct result get(const char *url, const char *body, int64_t timeout, bool once)
{
    struct result result = {0};
    start(url, body, timeout, once, keep_and_stop, &result);
    assert_int_equal(result.calls, 0); /* never from inside http_start() */
    assert_true(run_loop(loop));
    run_loop_for(loop, 5);
    assert_int_equal(result.calls, 1);
    return result;
}

static void test_answer(void **state)
{
    (void)state;
    struct result result = get(url_of("/ok?secret=1"), NULL, 5000, false);
    assert_int_equal(result.failure, HTTP_OK);
    assert_int_equal(result.error, 0);
    assert_string_equal(result.message, "");
    assert_int_equal(result.status, 200);
    assert_true(result.date == 1700000000);
    assert_true(result.retry_after == -1);
    assert_true(result.new_connection);
    assert_string_equal(result.header, "yes");
    assert_int_equal(result.body_length, strlen(result.body));
    assert_non_null(strstr(result.body, "GET /ok?secret=1 HTTP/1.1\r\n"));
    assert_non_null(strstr(result.body, "\r\nX-Secret: value\r\n"));
    assert_non_null(strstr(result.body, "\r\nX-Empty:\r\n"));
    assert_non_null(strstr(result.body, "\r\nUser-Agent: cbsfs-test\r\n"));
    assert_null(strstr(result.body, "Accept-Encoding"));

    result = get(url_of("/ok"), "{}", 5000, false);
    assert_false(result.new_connection); /* kept alive */
    assert_int_equal(server_connections(server), 1);
    assert_non_null(strstr(result.body, "POST /ok HTTP/1.1\r\n"));
    assert_non_null(strstr(result.body, "\r\nContent-Length: 2\r\n"));
    assert_null(strstr(result.body, "Expect"));

    result = get(url_of("/busy"), NULL, 5000, false);
    assert_int_equal(result.failure, HTTP_OK);
    assert_int_equal(result.status, 503);
    assert_true(result.retry_after == 7);

    result = get(url_of("/headers"), NULL, 5000, false);
    assert_true(result.date == TIMESTAMP_NONE);
    assert_string_equal(result.header, "(none)");
}

static void test_no_redirect(void **state)
{
    (void)state;
    struct result result = get(url_of("/moved"), NULL, 5000, false);
    assert_int_equal(result.status, 302);
    assert_int_equal(server_requests(server), 1);
}

static void test_long_body_is_not_held_back(void **state)
{
    (void)state;
    char body[6000];
    memset(body, 'b', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    struct result result = get(url_of("/ok"), body, 5000, true);
    assert_int_equal(result.failure, HTTP_OK);
    assert_null(strstr(result.body, "Expect"));
}

static void assert_failed(const struct result *result, enum http_failure failure, int error,
                          const char *word)
{
    assert_int_equal(result->failure, failure);
    assert_int_equal(result->error, error);
    assert_int_equal(result->status, 0);
    assert_non_null(strstr(result->message, word));
    assert_null(strstr(result->message, "secret")); /* no query */
}

static void test_lost(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        int error;
        const char *word;
    } cases[] = {
        {"/drop?secret", -ECONNRESET, "lost"},
        {"/reset?secret", -ECONNRESET, "lost"},
        {"/half?secret", -ECONNRESET, "lost"},
        {"/hang?secret", -ETIMEDOUT, "no complete answer"},
        {"/garbage?secret", -EPROTO, "127.0.0.1"},
        {"/big?secret", -EMSGSIZE, "larger"},
        {"/trickle?secret", -ETIMEDOUT, "no complete answer"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct result result = get(url_of(cases[i].target), "{}", 400, true);
        assert_failed(&result, HTTP_LOST, cases[i].error, cases[i].word);
        assert_true(result.elapsed < 5000);
        if (cases[i].error == -ETIMEDOUT)
            assert_true(result.elapsed >= 399);
    }
    assert_int_equal(server_requests(server), sizeof cases / sizeof *cases);
}

static void test_not_sent(void **state)
{
    (void)state;
    char url[100];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/?secret", closed_port());
    struct result result = get(url, "{}", 3000, true);
    assert_failed(&result, HTTP_NOT_SENT, -ECONNREFUSED, "refused");

    result = get("https://no-such-host.invalid/?secret", "{}", 10000, true);
    assert_failed(&result, HTTP_NOT_SENT, -EHOSTUNREACH, "resolved");

    /* Plain HTTP behind an https URL: the handshake fails. */
    snprintf(url, sizeof url, "https://127.0.0.1:%u/?secret", server_port(server));
    result = get(url, "{}", 3000, true);
    assert_int_equal(result.failure, HTTP_NOT_SENT);
    assert_int_equal(server_requests(server), 0);

    /* A deadline that is over already. */
    result = get(url_of("/ok"), "{}", -5, true);
    assert_failed(&result, HTTP_NOT_SENT, -ETIMEDOUT, "no connection");
}

/* A listener whose queue is full answers no SYN; so does a TLS server that says nothing. */
static void test_silent_handshake(void **state)
{
    (void)state;
    char url[100];
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", ntohs(address.sin_port));
    struct result result = get(url, "{}", 200, true); /* our deadline */
    assert_failed(&result, HTTP_NOT_SENT, -ETIMEDOUT, "no connection");
    result = get(url, "{}", 5000, true); /* connect_timeout: 500 ms */
    assert_failed(&result, HTTP_NOT_SENT, -ETIMEDOUT, "no connection");
    assert_true(result.elapsed < 3000);
    close(listener);
}

/* A kept-alive connection that dies under the request: libcurl sends it again by itself, which a
 * question may, but `once` must not. */
static void test_once(void **state)
{
    (void)state;
    get(url_of("/drop-again"), "{}", 3000, false);
    struct result result = get(url_of("/drop-again"), "{}", 3000, false);
    assert_int_equal(result.failure, HTTP_OK);
    assert_int_equal(server_requests(server), 3); /* the second one twice */

    unsigned connections = server_connections(server);
    result = get(url_of("/drop-again"), "{}", 3000, true);
    assert_int_equal(result.failure, HTTP_OK);
    assert_true(result.new_connection);
    assert_int_equal(server_requests(server), 4);
    assert_int_equal(server_connections(server), connections + 1);
    result = get(url_of("/drop"), "{}", 3000, true);
    assert_int_equal(result.failure, HTTP_LOST);
    assert_int_equal(server_requests(server), 5);
}

static struct http_exchange *victim;
static struct result ignored;

static void cancel_victim(void *data, const struct http_reply *reply)
{
    keep(data, reply);
    http_cancel(victim);
    loop_stop(loop);
}

static struct http_exchange *self;

static void cancel_self(void *data, const struct http_reply *reply)
{
    keep(data, reply);
    http_cancel(self);
    start(url_of("/ok"), NULL, 3000, false, keep_and_stop, &ignored);
}

static void test_cancel(void **state)
{
    (void)state;
    struct result result = {0};
    memset(&ignored, 0, sizeof ignored);
    http_cancel(NULL);
    http_cancel(start(url_of("/ok"), NULL, 1000, false, keep, &ignored));
    victim = start(url_of("/hang"), NULL, 3000, false, keep, &ignored);
    start(url_of("/ok"), NULL, 3000, false, cancel_victim, &result);
    assert_true(run_loop(loop));
    assert_int_equal(result.calls, 1);
    run_loop_for(loop, 50);
    assert_int_equal(ignored.calls, 0);

    self = start(url_of("/ok"), NULL, 3000, false, cancel_self, &result);
    assert_true(run_loop(loop));
    assert_int_equal(result.calls, 2);
    assert_int_equal(ignored.calls, 1);
}

/* Two that end in the same round: the first takes the second back. */
static void test_cancel_of_one_that_has_ended(void **state)
{
    (void)state;
    struct result one = {0}, two = {0};
    memset(&ignored, 0, sizeof ignored);
    start(url_of("/hang"), NULL, 100, false, cancel_victim, &one);
    victim = start(url_of("/hang"), NULL, 101, false, keep, &two);
    usleep(150000); /* both deadlines are over before the loop looks */
    assert_true(run_loop(loop));
    run_loop_for(loop, 20);
    assert_int_equal(one.calls, 1);
    assert_int_equal(two.calls, 0);
}

static void test_free_with_exchanges_under_way(void **state)
{
    (void)state;
    memset(&ignored, 0, sizeof ignored);
    start(url_of("/hang"), "{}", 3000, true, keep, &ignored);
    start(url_of("/trickle"), "{}", 3000, false, keep, &ignored);
    run_loop_for(loop, 20);
    start(url_of("/ok"), "{}", 3000, true, keep, &ignored); /* never begun */
    http_free(http);
    http = NULL;
    run_loop_for(loop, 20);
    assert_int_equal(ignored.calls, 0);
}

static unsigned ended;

static void count_to_twenty(void *data, const struct http_reply *reply)
{
    assert_int_equal(reply->failure, HTTP_OK);
    (void)data;
    if (++ended == 20)
        loop_stop(loop);
}

static void test_many_at_once(void **state)
{
    (void)state;
    ended = 0;
    for (int i = 0; i < 20; i++)
        start(url_of("/ok"), NULL, 5000, i % 2, count_to_twenty, NULL);
    assert_true(run_loop(loop));
    assert_int_equal(ended, 20);
    assert_int_equal(server_requests(server), 20);
}

static void test_is_allowed(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool allowed;
    } cases[] = {
        {"https://cbs.tencentcloudapi.com", true},
        {"http://cbs.tencentcloudapi.com", false},
        {"http://localhost:80/", true},
        {"http://LOCALHOST", true},
        {"http://127.0.0.1", true},
        {"http://127.9.9.9:1/x", true},
        {"http://[::1]:8080/", true},
        {"http://[0:0:0:0:0:0:0:1]/", true},
        {"http://[::2]/", false},
        {"http://128.0.0.1", false},
        {"http://localhost.example.com", false},
        {"http://127.0.0.1.example.com", false},
        {"http://127.0.0.1@example.com/", false},
        {"https://user@example.com/", false},
        {"ftp://127.0.0.1/", false},
        {"file:///etc/passwd", false},
        {"", false},
        {"127.0.0.1", false},
        {"http://metadata.example", false},
        {"http://example.com#@127.0.0.1/", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(http_is_allowed(cases[i].url, NULL), cases[i].allowed);
    assert_true(http_is_allowed("http://metadata.example/latest", "metadata.example"));
    assert_false(http_is_allowed("http://other.example/latest", "metadata.example"));
}

static void test_start_refuses(void **state)
{
    (void)state;
    struct http_request request;
    struct http_exchange *exchange = NULL;
    http_request_init(&request);
    request.method = strdup("GET");
    request.url = strdup("http://example.com/");
    assert_int_equal(http_start(http, &request, clock_now() + 1000, false, keep, NULL, &exchange),
                     -EINVAL);
    assert_null(request.url);
    assert_null(exchange);
    http_request_init(&request);
    assert_int_equal(http_request_add_header(&request, "X-A", "b\r\nX-C: d"), -EINVAL);
    assert_null(request.headers);
    http_request_free(&request);
}

int main(void)
{
#define HTTP_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        HTTP_TEST(test_answer),
        HTTP_TEST(test_no_redirect),
        HTTP_TEST(test_long_body_is_not_held_back),
        HTTP_TEST(test_lost),
        HTTP_TEST(test_not_sent),
        HTTP_TEST(test_silent_handshake),
        HTTP_TEST(test_once),
        HTTP_TEST(test_cancel),
        HTTP_TEST(test_cancel_of_one_that_has_ended),
        HTTP_TEST(test_free_with_exchanges_under_way),
        HTTP_TEST(test_many_at_once),
        HTTP_TEST(test_is_allowed),
        HTTP_TEST(test_start_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
