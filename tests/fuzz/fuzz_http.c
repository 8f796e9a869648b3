/* SPDX-License-Identifier: Apache-2.0 */
/* Responses as they come over the wire: status line, headers that are read (Date, Retry-After,
 * Content-Type, those of lengths and chunks) and body.  A server on loopback sends the input. */
#include "fuzz.h"

#include "cbsfs/clock.h"
#include "cbsfs/http.h"
#include "cbsfs/log.h"
#include "cbsfs/loop.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY_LIMIT 4096

static struct {
    const uint8_t *data;
    size_t size;
    int listener;
    char url[64];
    sem_t idle; /* posted when it has done with data */
} server;

/* One request is read, one input written, and the connection ends. */
static void *serve(void *unused)
{
    (void)unused;
    for (;;) {
        int connection = accept(server.listener, NULL, NULL);
        char request[4096];
        size_t sent = 0;
        if (connection < 0)
            continue;
        (void)!read(connection, request, sizeof(request));
        while (sent < server.size) {
            ssize_t more = send(connection, server.data + sent, server.size - sent, MSG_NOSIGNAL);
            if (more <= 0)
                break;
            sent += (size_t)more;
        }
        close(connection);
        sem_post(&server.idle);
    }
    return NULL;
}

static void start_server(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    pthread_t thread;
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fuzz_require(server.listener >= 0);
    fuzz_require(bind(server.listener, (struct sockaddr *)&address, length) == 0);
    fuzz_require(listen(server.listener, 8) == 0);
    fuzz_require(getsockname(server.listener, (struct sockaddr *)&address, &length) == 0);
    snprintf(server.url, sizeof(server.url), "http://127.0.0.1:%d/", ntohs(address.sin_port));
    signal(SIGPIPE, SIG_IGN);
    fuzz_require(sem_init(&server.idle, 0, 0) == 0);
    log_set_level(LOG_LEVEL_ERROR);
    fuzz_require(pthread_create(&thread, NULL, serve, NULL) == 0);
    pthread_detach(thread);
}

struct expected {
    struct loop *loop;
    unsigned done;
};

static void require_headers(const struct http_reply *reply)
{
    static const char *const names[] = {"Date", "Retry-After", "Content-Type", "X-TC-RequestId"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = reply->header(reply, names[i]);
        /* It may hold anything, and is cleaned where it is shown; but it ends. */
        fuzz_require(value == NULL || strlen(value) < (size_t)1 << 20);
    }
    fuzz_require(reply->date == TIMESTAMP_NONE || reply->header(reply, "Date") != NULL);
    /* -1, or what a client can wait for. */
    fuzz_require(reply->retry_after >= -1);
}

static void done(void *data, const struct http_reply *reply)
{
    static const int errors[] = {-ETIMEDOUT, -EHOSTUNREACH, -ECONNREFUSED, -ECONNRESET,
                                 -EMSGSIZE,  -EPROTO,       -ENOMEM};
    struct expected *expected = data;
    bool is_known = reply->error == 0;
    expected->done++;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        is_known = is_known || reply->error == errors[i];
    fuzz_require(is_known && (reply->failure == HTTP_OK) == (reply->error == 0));
    fuzz_require(reply->body != NULL && reply->body_length <= BODY_LIMIT);
    fuzz_require(reply->body[reply->body_length] == '\0');
    fuzz_require(fuzz_is_printable(reply->message));
    fuzz_require((*reply->message == '\0') == (reply->failure == HTTP_OK));
    require_headers(reply);
    loop_stop(expected->loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct loop *loop;
    static struct http *http;
    static const struct http_settings settings = {.user_agent = "fuzz",
                                                  .body_limit = BODY_LIMIT,
                                                  .connect_timeout = 5000,
                                                  .connection_limit = 1};
    struct http_request request;
    struct http_exchange *exchange;
    if (loop == NULL) {
        start_server();
        loop = loop_new();
        fuzz_require(loop != NULL);
        http = http_new(loop, &settings);
        fuzz_require(http != NULL);
    }
    server.data = data;
    server.size = size;
    struct expected expected = {.loop = loop};
    http_request_init(&request);
    request.method = strdup("GET");
    request.url = strdup(server.url);
    /* A connection of its own: the server ends each. */
    fuzz_require(http_start(http, &request, clock_now() + 5000, true, done, &expected, &exchange) ==
                 0);
    fuzz_require(loop_run(loop) == 0);
    fuzz_require(expected.done == 1);
    while (sem_wait(&server.idle) != 0)
        ;
    return 0;
}
