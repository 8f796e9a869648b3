/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include "cbsfs/clock.h"
#include "cbsfs/loop.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTION_LIMIT 512
#define REQUEST_SIZE     8192

struct connection {
    struct server *server;
    pthread_t thread;
    int fd;
    unsigned number;
};

struct server {
    serve_function *serve;
    void *data;
    int listener;
    unsigned port;
    pthread_t thread;
    pthread_mutex_t lock;
    struct connection connections[CONNECTION_LIMIT];
    unsigned connection_count, request_count;
    int stop[2]; /* a pipe: closing the writing end wakes every thread */
};

static void require(bool condition, const char *what)
{
    if (condition)
        return;
    perror(what);
    abort();
}

static int open_listener(unsigned *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    require(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    require(getsockname(fd, (struct sockaddr *)&address, &length) == 0, "getsockname");
    *port = ntohs(address.sin_port);
    return fd;
}

unsigned closed_port(void)
{
    unsigned port;
    int fd = open_listener(&port);
    close(fd);
    return port;
}

/* False when the server is being stopped or the time is over. */
static bool wait_readable(struct server *server, int fd, int timeout)
{
    struct pollfd polls[] = {{.fd = server->stop[0], .events = POLLIN},
                             {.fd = fd, .events = POLLIN}};
    return poll(polls, 2, timeout) > 0 && polls[0].revents == 0;
}

/* True once a whole request is in `text`; bodies are read by their Content-Length. */
static bool read_request(struct connection *connection, char *text)
{
    size_t length = 0;

    text[0] = '\0';
    for (;;) {
        char *end = strstr(text, "\r\n\r\n");
        if (end) {
            const char *size = strcasestr(text, "\r\nContent-Length:");
            size_t body = size && size < end ? strtoul(size + 17, NULL, 10) : 0;
            if (length >= (size_t)(end - text) + 4 + body) {
                end[2] = '\0';
                return true;
            }
        }
        if (!wait_readable(connection->server, connection->fd, -1))
            return false;
        ssize_t got = recv(connection->fd, text + length, REQUEST_SIZE - 1 - length, 0);
        if (got <= 0)
            return false;
        length += (size_t)got;
        text[length] = '\0';
    }
}

static bool send_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

static bool send_slowly(struct connection *connection, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!send_all(connection->fd, bytes + i, 1))
            return false;
        wait_readable(connection->server, connection->fd, 50);
    }
    return true;
}

static bool send_response(struct connection *connection, const struct served_answer *answer)
{
    char head[512];
    size_t body = strlen(answer->body);
    size_t announced = body + answer->padding + (answer->how == SERVE_HALF ? 100 : 0);
    int head_length = snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n",
                               answer->status ? answer->status : 200, announced, answer->headers);
    bool sent;

    if (answer->how == SERVE_TRICKLE) {
        return send_slowly(connection, head, (size_t)head_length) &&
               send_slowly(connection, answer->body, body);
    }
    sent = send_all(connection->fd, head, (size_t)head_length) &&
           send_all(connection->fd, answer->body, body);
    for (size_t i = 0; sent && i < answer->padding; i += 1000) {
        char padding[1000];
        size_t rest = answer->padding - i;
        memset(padding, 'x', sizeof padding);
        sent = send_all(connection->fd, padding, rest < sizeof padding ? rest : sizeof padding);
    }
    return sent && answer->how == SERVE_ANSWER;
}

/* False when the connection is to be closed. */
static bool answer_request(struct connection *connection, const char *head, unsigned on_connection)
{
    struct server *server = connection->server;
    struct served_answer answer = {0};
    char target[1024] = "";
    struct linger abort_it = {.l_onoff = 1};

    sscanf(head, "%*s %1023s", target);
    pthread_mutex_lock(&server->lock);
    struct served_request request = {head, target, ++server->request_count, connection->number,
                                     on_connection};
    server->serve(server->data, &request, &answer);
    pthread_mutex_unlock(&server->lock);

    if (answer.delay)
        wait_readable(server, server->stop[0], answer.delay);
    switch (answer.how) {
    case SERVE_HANG:
        wait_readable(server, connection->fd, -1);
        return false;
    case SERVE_RESET:
        setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &abort_it, sizeof abort_it);
        return false;
    case SERVE_DROP:
        return false;
    case SERVE_RAW:
        send_all(connection->fd, answer.body, strlen(answer.body));
        return false;
    default:
        return send_response(connection, &answer);
    }
}

static void *connection_main(void *data)
{
    struct connection *connection = data;
    char *text = malloc(REQUEST_SIZE);
    unsigned count = 0;

    require(text != NULL, "malloc");
    while (read_request(connection, text) && answer_request(connection, text, ++count))
        ;
    free(text);
    close(connection->fd);
    return NULL;
}

static void *server_main(void *data)
{
    struct server *server = data;

    while (wait_readable(server, server->listener, -1)) {
        int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        pthread_mutex_lock(&server->lock);
        require(server->connection_count < CONNECTION_LIMIT, "too many connections");
        struct connection *connection = &server->connections[server->connection_count++];
        *connection = (struct connection){server, 0, fd, server->connection_count};
        require(pthread_create(&connection->thread, NULL, connection_main, connection) == 0,
                "pthread_create");
        pthread_mutex_unlock(&server->lock);
    }
    return NULL;
}

struct server *server_start(serve_function *serve, void *data)
{
    struct server *server = calloc(1, sizeof *server);
    require(server != NULL, "calloc");
    server->serve = serve;
    server->data = data;
    pthread_mutex_init(&server->lock, NULL);
    server->listener = open_listener(&server->port);
    require(listen(server->listener, 64) == 0 && pipe(server->stop) == 0, "listen");
    require(pthread_create(&server->thread, NULL, server_main, server) == 0, "pthread_create");
    return server;
}

void server_stop(struct server *server)
{
    close(server->stop[1]);
    pthread_join(server->thread, NULL);
    for (unsigned i = 0; i < server->connection_count; i++)
        pthread_join(server->connections[i].thread, NULL);
    close(server->stop[0]);
    close(server->listener);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

unsigned server_port(const struct server *server)
{
    return server->port;
}

unsigned server_requests(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    unsigned count = server->request_count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

unsigned server_connections(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    unsigned count = server->connection_count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

struct guard {
    struct loop *loop;
    bool fired;
};

static void guard_fire(void *data)
{
    struct guard *guard = data;
    guard->fired = true;
    loop_stop(guard->loop);
}

static bool run_with_guard(struct loop *loop, int64_t milliseconds)
{
    struct guard guard = {.loop = loop};
    struct loop_timer timer = {.fire = guard_fire, .data = &guard};

    loop_timer_start(loop, &timer, clock_now() + milliseconds);
    require(loop_run(loop) == 0, "loop_run");
    loop_timer_stop(loop, &timer);
    return !guard.fired;
}

bool run_loop(struct loop *loop)
{
    return run_with_guard(loop, 20000);
}

void run_loop_for(struct loop *loop, int64_t milliseconds)
{
    run_with_guard(loop, milliseconds);
}
