/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exchanges on libcurl's multi interface.
 *
 * Whether a failed request can have reached the server is decided by one fact: libcurl calls the
 * prereq function after it has a connection (TLS included) and before it sends the first byte of
 * the request. If it never did, nothing was sent; after it did, anything may have happened.
 *
 * The deadline is a timer of the loop, not an option of libcurl, so that no state of a transfer can
 * outlive it.  Easy handles are used again: the connections live in the multi handle, but a handle
 * keeps its share of the TLS sessions and its buffers.
 */
#include "cbsfs/http.h"

#include "cbsfs/buffer.h"
#include "cbsfs/clock.h"
#include "cbsfs/log.h"
#include "cbsfs/loop.h"
#include "cbsfs/timestamp.h"
#include "http_failure.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEADER_LIMIT       (256 * 1024) /* bytes of response headers */
#define LARGE_BODY         (512 * 1024) /* bytes: more than a page of records has */
#define CONNECTION_MAX_AGE 60L          /* seconds idle; the clouds' gateways close at 60 to 75 */

struct http {
    struct loop *loop;
    struct http_settings settings;
    char *user_agent, *ca_file, *cert_file, *key_file, *plain_host;
    CURLSH *share;
    struct http_exchange *exchanges;
};

struct http_exchange {
    struct http *http;
    struct http_exchange *previous, *next;
    CURL *easy;
    struct http_request request;
    struct loop_timer timer;
    int64_t started, deadline;
    struct buffer body;
    size_t header_bytes;
    int64_t sent; /* clock_now() when the first byte may have left; 0: not yet */
    bool too_large;
    bool finished;      /* `done` is running */
    char endpoint[160]; /* "host:port", for messages */
    char curl_message[CURL_ERROR_SIZE];
    void (*done)(void *data, const struct http_reply *reply);
    void *data;
};

static void exchange_end(struct http_exchange *exchange, CURLcode code, bool at_deadline);

static void transfer_finished(void *data, CURL *easy, CURLcode code)
{
    char *exchange = NULL;
    (void)data;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &exchange);
    exchange_end((struct http_exchange *)(void *)exchange, code, false);
}

static char *copy_text(const char *text, bool *failed)
{
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        *failed = true;
    return copy;
}

struct http *http_new(struct loop *loop, const struct http_settings *settings)
{
    bool failed = false;
    struct http *http = calloc(1, sizeof *http);
    if (!http)
        return NULL;
    http->loop = loop;
    http->settings = *settings;
    http->user_agent = copy_text(settings->user_agent, &failed);
    http->ca_file = copy_text(settings->ca_file, &failed);
    http->cert_file = copy_text(settings->cert_file, &failed);
    http->key_file = copy_text(settings->key_file, &failed);
    http->share = curl_share_init();
    if (failed || !http->share) {
        http_free(http);
        return NULL;
    }
    curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    curl_multi_setopt(loop_multi(loop), CURLMOPT_MAXCONNECTS, settings->connection_limit);
    loop_on_transfer(loop, transfer_finished, http);
    return http;
}

void http_free(struct http *http)
{
    if (!http)
        return;
    while (http->exchanges)
        http_cancel(http->exchanges);
    loop_on_transfer(http->loop, NULL, NULL);
    curl_share_cleanup(http->share);
    free(http->user_agent);
    free(http->ca_file);
    free(http->cert_file);
    free(http->key_file);
    free(http->plain_host);
    free(http);
}

void http_allow_plain_host(struct http *http, const char *metadata_host)
{
    char *copy = metadata_host ? strdup(metadata_host) : NULL;
    free(http->plain_host);
    http->plain_host = copy; /* without memory the host stays forbidden */
}

/* --- callbacks of libcurl ------------------------------------------------------------ */

static int on_prereq(void *data, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    struct http_exchange *exchange = data;
    (void)remote_ip, (void)local_ip, (void)remote_port, (void)local_port;
    exchange->sent = clock_now();
    return CURL_PREREQFUNC_OK;
}

int64_t http_sent(const struct http_exchange *exchange)
{
    return exchange->sent;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
    struct http_exchange *exchange = data;
    if (buffer_append(&exchange->body, bytes, size * count)) {
        exchange->too_large = exchange->body.error == -EMSGSIZE;
        return 0;
    }
    return size * count;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *data)
{
    struct http_exchange *exchange = data;
    (void)bytes;
    exchange->header_bytes += size * count;
    if (exchange->header_bytes > HEADER_LIMIT) {
        exchange->too_large = true;
        return 0;
    }
    return size * count;
}

/* --- setting a transfer up ----------------------------------------------------------- */

/* libcurl copies texts, which is where setting an option can run out of memory. */
static int set_text(CURL *easy, CURLoption option, const char *text)
{
    return curl_easy_setopt(easy, option, text) != CURLE_OK;
}

/* A new handle for each exchange; connections are the multi handle's and outlive it.  One that is
 * used again remembers the last header of its last response (libcurl before 8.0 frees it and does
 * not forget it), and a response that begins with a folded line would be appended to that. */
static CURL *new_easy(const struct http *http)
{
    CURL *easy = curl_easy_init();
    if (easy && curl_easy_setopt(easy, CURLOPT_SHARE, http->share) != CURLE_OK) {
        curl_easy_cleanup(easy);
        return NULL;
    }
    return easy;
}

/*
 * libcurl keeps the parsed CA store between connections only when it comes from one file, not from
 * a directory too (parsing costs 17 ms a connection); so the built-in directory is switched off
 * wherever there is a built-in file.
 */
static int set_tls(const struct http *http, CURL *easy)
{
    int failed = 0;

    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (http->ca_file)
        failed |= set_text(easy, CURLOPT_CAINFO, http->ca_file);
    if (http->ca_file || curl_version_info(CURLVERSION_NOW)->cainfo)
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    if (http->cert_file) {
        failed |= set_text(easy, CURLOPT_SSLCERT, http->cert_file);
        /* Without one OpenSSL would ask on the terminal, and everything would wait. */
        failed |= set_text(easy, CURLOPT_KEYPASSWD, "");
    }
    if (http->key_file)
        failed |= set_text(easy, CURLOPT_SSLKEY, http->key_file);
    return failed;
}

static int set_connection(struct http_exchange *exchange, bool once)
{
    int failed = 0;
    const struct http *http = exchange->http;
    CURL *easy = exchange->easy;

    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    failed |= set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    /* HTTP/2 has reasons of its own to send a request again. */
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)http->settings.connect_timeout);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, CONNECTION_MAX_AGE);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, once ? 1L : 0L);
    /* What may be asked in the clear is this machine or its host: no business of a proxy. */
    if (strncasecmp(exchange->request.url, "http:", 5) == 0)
        failed |= set_text(easy, CURLOPT_PROXY, "");
    return failed | set_tls(http, easy);
}

static int set_request(struct http_exchange *exchange)
{
    int failed = 0;
    const struct http_request *request = &exchange->request;
    CURL *easy = exchange->easy;
    bool has_body = request->body || strcmp(request->method, "POST") == 0 ||
                    strcmp(request->method, "PUT") == 0;

    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers);
    if (exchange->http->user_agent)
        failed |= set_text(easy, CURLOPT_USERAGENT, exchange->http->user_agent);
    if (has_body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
    }
    if (strcmp(request->method, has_body ? "POST" : "GET") != 0)
        failed |= set_text(easy, CURLOPT_CUSTOMREQUEST, request->method);
    return failed;
}

/* 0 or -ENOMEM. */
static int set_up(struct http_exchange *exchange, bool once)
{
    CURL *easy = exchange->easy;

    if (set_text(easy, CURLOPT_URL, exchange->request.url) || set_connection(exchange, once) ||
        set_request(exchange))
        return -ENOMEM;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->curl_message);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_prereq);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
    return 0;
}

static void write_endpoint(struct http_exchange *exchange)
{
    char *host = NULL, *port = NULL;
    struct buffer text;
    CURLU *url = curl_url();

    buffer_init(&text, sizeof exchange->endpoint - 1);
    if (url && curl_url_set(url, CURLUPART_URL, exchange->request.url, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        buffer_put_printable(&text, host);
        buffer_printf(&text, ":%s", port);
    }
    snprintf(exchange->endpoint, sizeof exchange->endpoint, "%s",
             text.data && !text.error ? text.data : "the server");
    buffer_free(&text);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(url);
}

static void exchange_free(struct http_exchange *exchange)
{
    struct http *http = exchange->http;
    bool is_large = exchange->body.capacity > LARGE_BODY;

    loop_timer_stop(http->loop, &exchange->timer);
    curl_easy_cleanup(exchange->easy);
    http_request_free(&exchange->request);
    buffer_cleanse(&exchange->body); /* an answer may hold a session token */
    free(exchange);
    /* What was read out of it took ten times as much, in pieces that malloc keeps by itself. */
    if (is_large)
        malloc_trim(0);
}

static void unlink_exchange(struct http_exchange *exchange)
{
    if (exchange->previous)
        exchange->previous->next = exchange->next;
    else
        exchange->http->exchanges = exchange->next;
    if (exchange->next)
        exchange->next->previous = exchange->previous;
}

static void deadline_passed(void *data)
{
    exchange_end(data, CURLE_OPERATION_TIMEDOUT, true);
}

int http_start(struct http *http, struct http_request *request, int64_t deadline, bool once,
               void (*done)(void *data, const struct http_reply *reply), void *data,
               struct http_exchange **handle)
{
    if (!request->url || !request->method || !http_is_allowed(request->url, http->plain_host)) {
        http_request_free(request);
        return -EINVAL;
    }
    struct http_exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange) {
        http_request_free(request);
        return -ENOMEM;
    }
    exchange->http = http;
    exchange->request = *request;
    http_request_init(request);
    exchange->done = done;
    exchange->data = data;
    exchange->deadline = deadline;
    exchange->started = clock_now();
    exchange->timer.fire = deadline_passed;
    exchange->timer.data = exchange;
    buffer_init(&exchange->body, http->settings.body_limit);
    buffer_hold_secret(&exchange->body);
    write_endpoint(exchange);

    exchange->easy = new_easy(http);
    if (!exchange->easy || set_up(exchange, once) ||
        curl_multi_add_handle(loop_multi(http->loop), exchange->easy) != CURLM_OK) {
        exchange_free(exchange);
        return -ENOMEM;
    }
    loop_timer_start(http->loop, &exchange->timer, deadline);
    exchange->next = http->exchanges;
    if (exchange->next)
        exchange->next->previous = exchange;
    http->exchanges = exchange;
    *handle = exchange;
    return 0;
}

void http_cancel(struct http_exchange *exchange)
{
    if (!exchange || exchange->finished)
        return;
    unlink_exchange(exchange);
    curl_multi_remove_handle(loop_multi(exchange->http->loop), exchange->easy);
    exchange_free(exchange);
}

/* --- the end of a transfer ----------------------------------------------------------- */

static const char *reply_header(const struct http_reply *reply, const char *name)
{
    const struct http_exchange *exchange = reply->internal;
    struct curl_header *header;

    if (curl_easy_header(exchange->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return NULL;
    return header->value;
}

static void read_response(const struct http_exchange *exchange, struct http_reply *reply)
{
    curl_off_t retry_after = 0;

    curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &reply->status);
    timestamp_parse_http(reply_header(reply, "Date"), &reply->date);
    if (reply_header(reply, "Retry-After")) {
        curl_easy_getinfo(exchange->easy, CURLINFO_RETRY_AFTER, &retry_after);
        /* A date that has passed. */
        reply->retry_after = retry_after > 0 ? (int64_t)retry_after : 0;
    }
    if (exchange->body.data) {
        reply->body = exchange->body.data;
        reply->body_length = exchange->body.length;
    }
}

void http_redact(const struct http_reply *reply, char *text)
{
    const struct http_exchange *exchange = reply->internal;
    if (!exchange)
        return;
    http_request_redact(&exchange->request, text, strlen(text), false);
    http_request_redact_login(&exchange->request, text, strlen(text));
}

static void exchange_end(struct http_exchange *exchange, CURLcode code, bool at_deadline)
{
    struct http_reply reply = {
        .body = "",
        .date = TIMESTAMP_NONE,
        .retry_after = -1,
        .elapsed = clock_now() - exchange->started,
        .header = reply_header,
        .internal = exchange,
    };
    long connects = 0;

    /* Its place in the list goes first: `done` may free or cancel everything else. */
    unlink_exchange(exchange);
    loop_timer_stop(exchange->http->loop, &exchange->timer);
    curl_easy_getinfo(exchange->easy, CURLINFO_NUM_CONNECTS, &connects);
    reply.new_connection = connects > 0;
    reply.sent = exchange->sent;
    curl_multi_remove_handle(loop_multi(exchange->http->loop), exchange->easy);

    if (exchange->body.data)
        http_request_redact(&exchange->request, exchange->body.data, exchange->body.length, true);
    if (code == CURLE_OK) {
        read_response(exchange, &reply);
        if (exchange->body.data && reply.status >= 400)
            http_request_redact_login(&exchange->request, exchange->body.data,
                                      exchange->body.length);
    } else {
        reply.failure = exchange->sent != 0 ? HTTP_LOST : HTTP_NOT_SENT;
        reply.error = at_deadline
                          ? -ETIMEDOUT
                          : (exchange->too_large ? -EMSGSIZE : http_errno(exchange->easy, code));
        http_describe_failure(exchange->endpoint, exchange->curl_message, code, &reply);
        http_redact(&reply, reply.message);
    }
    log_debug("%s %s: HTTP %ld in %lld ms%s%s", exchange->request.method, exchange->endpoint,
              reply.status, (long long)reply.elapsed, *reply.message ? "; " : "", reply.message);
    exchange->finished = true;
    exchange->done(exchange->data, &reply);
    exchange_free(exchange);
}
