/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer is worked out as soon as its request is complete, and then held back as long as latency
 * and faults want: what a client reads late is what was true when it asked.  A held connection is
 * suspended in libmicrohttpd and listed here with the moment at which it goes on.
 */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "answer.h"
#include "cbsfs/clock.h"
#include "cbsfs/fields.h"
#include "late.h"

#define BODY_LIMIT        (10u << 20)
#define CONNECTION_MEMORY (256u << 10)
#define CONNECTIONS       1000u
#define LEGACY_PATH       "/v2/index.php"
#define IDLE_TIMEOUT      75u /* s; a held call is not idle */

enum call_stage { CALL_ARRIVING, CALL_BODY, CALL_HELD, CALL_ANSWERING };

/* One request, from its first line to the end of its answer. */
struct call {
    struct server *server;
    struct MHD_Connection *connection;
    char *uri; /* as sent */
    struct buffer body;
    struct answer answer;
    enum call_stage stage;
    int64_t due; /* clock_now() at which a suspended call goes on */
    bool suspended;
    struct call *next;
    struct call *previous;
};

struct server {
    struct sim *sim;
    struct MHD_Daemon *daemon;
    struct call *held; /* suspended calls */
    int signals;       /* signalfd */
};

static void suspend(struct call *call, int64_t due)
{
    struct server *server = call->server;

    call->due = due;
    call->suspended = true;
    call->previous = NULL;
    call->next = server->held;
    if (server->held)
        server->held->previous = call;
    server->held = call;
    MHD_suspend_connection(call->connection);
}

static void unlist(struct call *call)
{
    if (!call->suspended)
        return;
    call->suspended = false;
    if (call->next)
        call->next->previous = call->previous;
    if (call->previous)
        call->previous->next = call->next;
    else
        call->server->held = call->next;
}

static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct call *call = calloc(1, sizeof *call);

    if (!call)
        return NULL;
    call->server = context;
    call->connection = connection;
    call->uri = strdup(uri);
    buffer_init(&call->body, BODY_LIMIT);
    buffer_init(&call->answer.body, 0);
    if (!call->uri) {
        free(call);
        return NULL;
    }
    return call;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **slot,
                         enum MHD_RequestTerminationCode reason)
{
    struct call *call = *slot;

    (void)context;
    (void)connection;
    (void)reason;
    if (!call)
        return;
    unlist(call);
    buffer_free(&call->body);
    buffer_free(&call->answer.body);
    json_decref(call->answer.script);
    json_decref(call->answer.headers);
    free(call->uri);
    free(call);
    *slot = NULL;
}

static const char *find_header(void *context, const char *name)
{
    return MHD_lookup_connection_value(context, MHD_HEADER_KIND, name);
}

static void answer_too_large(struct answer *answer)
{
    answer_json(answer, 200,
                json_pack("{s:{s:{s:s, s:s}, s:s}}", "Response", "Error", "Code",
                          "RequestSizeLimitExceeded", "Message",
                          "The request is larger than 10 MB.", "RequestId",
                          "00000000-0000-4000-8000-000000000000"));
}

static const struct dialect *find_dialect(const char *path)
{
    if (strcmp(path, "/") == 0)
        return &dialect_current;
    if (strcmp(path, LEGACY_PATH) == 0)
        return &dialect_legacy;
    if (strncmp(path, "/v2/", 4) == 0 || strncmp(path, "/v3/", 4) == 0)
        return &dialect_evs;
    return NULL;
}

/* A dialect in which the method says what is wanted has its own answer to one that says nothing. */
static bool takes_method(const struct dialect *dialect, const char *method)
{
    return dialect == &dialect_evs || strcmp(method, "GET") == 0 || strcmp(method, "POST") == 0;
}

/* Nobody may see what is due to be gone. Without memory it goes with the next request. */
static void settle(struct sim *sim)
{
    for (size_t i = 0; i < sim->region_count; i++)
        (void)account_settle(&sim->accounts[i], clock_now(), sim_wall(sim));
}

static void work_out(struct call *call, const char *method)
{
    char *query = strchr(call->uri, '?');
    struct http_request http = {.method = method,
                                .path = call->uri,
                                .query = query ? query + 1 : "",
                                .body = call->body.data,
                                .body_length = call->body.length,
                                .header = find_header,
                                .header_context = call->connection};
    struct answer *answer = &call->answer;
    const struct dialect *dialect;

    if (query)
        *query = '\0';
    dialect = find_dialect(http.path);
    settle(call->server->sim);
    if (call->body.error)
        answer_too_large(answer);
    else if (strncmp(http.path, "/_sim/", 6) == 0)
        answer_control(call->server->sim, &http, answer);
    else if (!dialect)
        answer_json(answer, 404,
                    json_pack("{s:s}", "error",
                              "API 3.0 is at /, the legacy API v2 at " LEGACY_PATH
                              ", EVS at /v2/ and /v3/"));
    else if (!takes_method(dialect, method))
        answer_json(answer, 405, json_pack("{s:s}", "error", "the API takes GET and POST"));
    else
        answer_api(call->server->sim, &http, dialect, answer);
}

/* Half of the body under its full length: the reader finds the connection closed on it. */
static ssize_t read_cut(void *context, uint64_t position, char *to, size_t max)
{
    const struct call *call = context;
    size_t half = call->answer.body.length / 2;
    size_t left = position < half ? half - (size_t)position : 0;

    if (left == 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (left > max)
        left = max;
    memcpy(to, call->answer.body.data + position, left);
    return (ssize_t)left;
}

/* One byte each time that the connection comes back from being suspended. */
static ssize_t read_slowly(void *context, uint64_t position, char *to, size_t max)
{
    struct call *call = context;
    int64_t now = clock_now();

    if (max == 0 || position >= call->answer.body.length)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (now < call->due) {
        suspend(call, call->due);
        return 0;
    }
    *to = call->answer.body.data[position];
    call->due = now + call->answer.ms_per_byte;
    return 1;
}

static void add_headers(const struct sim *sim, struct MHD_Response *response, const char *type)
{
    time_t now = (time_t)sim_wall(sim);
    struct tm parts;
    char date[64];

    /* Written here and not by the library, so that the fault "clock" moves it too. */
    if (gmtime_r(&now, &parts) &&
        strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts) > 0)
        MHD_add_response_header(response, MHD_HTTP_HEADER_DATE, date);
    MHD_add_response_header(response, MHD_HTTP_HEADER_SERVER, "nginx");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
}

/* They take the place of those that are there. */
static void add_more_headers(const json_t *headers, struct MHD_Response *response)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)headers, name, value)
    {
        const char *old = MHD_get_response_header(response, name);

        if (old)
            MHD_del_response_header(response, name, old);
        if (json_is_string(value))
            MHD_add_response_header(response, name, json_string_value(value));
    }
}

static enum MHD_Result send_answer(struct call *call)
{
    struct answer *answer = &call->answer;
    struct MHD_Response *response;
    enum MHD_Result result;

    call->stage = CALL_ANSWERING;
    if (answer->ending == ANSWER_DROPPED || answer->body.error)
        return MHD_NO;
    if (answer->ending == ANSWER_CUT)
        response =
            MHD_create_response_from_callback(answer->body.length, 4096, read_cut, call, NULL);
    else if (answer->ms_per_byte > 0)
        response =
            MHD_create_response_from_callback(answer->body.length, 4096, read_slowly, call, NULL);
    else
        response = MHD_create_response_from_buffer(answer->body.length, answer->body.data,
                                                   MHD_RESPMEM_PERSISTENT);
    if (!response)
        return MHD_NO;
    add_headers(call->server->sim, response, answer->content_type);
    add_more_headers(answer->headers, response);
    add_more_headers(field_object(answer->script, "headers"), response);
    result = MHD_queue_response(call->connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **slot)
{
    struct call *call = *slot;

    (void)context;
    (void)connection;
    (void)url;
    (void)version;
    if (!call)
        return MHD_NO;
    if (call->stage == CALL_ARRIVING) {
        call->stage = CALL_BODY;
        return MHD_YES;
    }
    if (*size > 0) {
        buffer_append(&call->body, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (call->stage == CALL_BODY) {
        work_out(call, method);
        call->stage = CALL_HELD;
        if (call->answer.ending == ANSWER_NEVER) {
            suspend(call, INT64_MAX);
            return MHD_YES;
        }
        if (call->answer.hold > 0) {
            suspend(call, clock_now() + call->answer.hold);
            return MHD_YES;
        }
    }
    return send_answer(call);
}

/* Lets those go on whose time has come; how long until the next, -1 if none waits. */
static int64_t resume_due(struct server *server)
{
    int64_t now = clock_now();
    int64_t wait = -1;
    struct call *next;

    for (struct call *call = server->held; call; call = next) {
        next = call->next;
        if (call->due <= now) {
            unlist(call);
            MHD_resume_connection(call->connection);
            wait = 0;
        } else if (call->due < INT64_MAX && (wait < 0 || call->due - now < wait)) {
            wait = call->due - now;
        }
    }
    return wait;
}

static int open_signals(void)
{
    sigset_t wanted;

    sigemptyset(&wanted);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &wanted, NULL) < 0)
        return -1;
    return signalfd(-1, &wanted, SFD_CLOEXEC);
}

int server_start(struct sim *sim, uint16_t port, struct server **started)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct server *server = calloc(1, sizeof *server);

    if (!server)
        return -ENOMEM;
    server->sim = sim;
    signal(SIGPIPE, SIG_IGN);
    server->signals = open_signals();
    if (server->signals < 0) {
        free(server);
        return -errno;
    }
    errno = 0;
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_SUPPRESS_DATE_NO_CLOCK, port, NULL, NULL,
        on_request, server, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        server, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT,
        MHD_OPTION_END);
    if (!server->daemon) {
        int error = errno ? errno : EADDRINUSE;

        close(server->signals);
        free(server);
        return -error;
    }
    *started = server;
    return 0;
}

uint16_t server_port(const struct server *server)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);

    return info ? info->port : 0;
}

int server_run(struct server *server)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct pollfd watched[] = {{.fd = info->epoll_fd, .events = POLLIN},
                               {.fd = server->signals, .events = POLLIN}};

    for (;;) {
        int64_t late = late_run(server->sim, clock_now());
        int64_t wait = resume_due(server);
        MHD_UNSIGNED_LONG_LONG library_wait;

        if (late >= 0 && (wait < 0 || late < wait))
            wait = late;
        if (MHD_get_timeout(server->daemon, &library_wait) == MHD_YES &&
            (wait < 0 || library_wait < (MHD_UNSIGNED_LONG_LONG)wait))
            wait = library_wait > INT_MAX ? INT_MAX : (int64_t)library_wait;
        if (wait > INT_MAX)
            wait = INT_MAX;
        if (poll(watched, 2, (int)wait) < 0 && errno != EINTR)
            return -errno;
        if (watched[1].revents)
            return 0;
        if (MHD_run(server->daemon) != MHD_YES)
            return -EIO;
    }
}

void server_stop(struct server *server)
{
    if (!server)
        return;
    while (server->held) {
        struct call *call = server->held;

        call->answer.ending = ANSWER_DROPPED;
        unlist(call);
        MHD_resume_connection(call->connection);
    }
    MHD_stop_daemon(server->daemon);
    close(server->signals);
    free(server);
}
