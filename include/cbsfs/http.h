/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP exchange at a time, many at once: libcurl behind a small contract.
 *
 * What the callers above rely on:
 *  - Every exchange ends in exactly one call of `done`, never from inside http_start(), at the
 * latest at its deadline, also with a stalled resolver (CURLOPT_QUICK_EXIT) or a peer that sends
 * one byte a second; or in none after http_cancel().
 *  - A request marked `once` is written to the network at most once: it gets a connection of its
 * own, because libcurl silently sends a request again when a kept-alive connection turns out dead.
 *  - A failure is NOT_SENT only when no byte of the request can have left this machine.
 *  - TLS >= 1.2 and verified, no redirects, no proxy credentials, no cookies; http:// only where
 * the caller allows it; the body is bounded.
 */
#ifndef CBSFS_HTTP_H
#define CBSFS_HTTP_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct http;
struct http_exchange;

/* A request, owned by whoever holds it; http_request_free() cleanses the headers (they hold
 * signatures and session tokens). All strings are malloc'ed. */
struct http_request {
    char *method; /* "GET", "POST", "PUT", "DELETE" */
    char *url;
    struct curl_slist *headers; /* "Name: value" */
    char *body;                 /* NULL: none */
    size_t body_length;
};

void http_request_init(struct http_request *request);
void http_request_free(struct http_request *request);
/*
 * Overwrites with asterisks what `text` (length bytes) repeats of the request's secrets: the
 * signature and the session token, which a server may echo in an error message.  `whole`: only
 * where one is complete, which is quick; else also its parts from 16 characters on.
 */
void http_request_redact(const struct http_request *request, char *text, size_t length, bool whole);
/* Overwrites what `text` repeats of the password, the secret or the token that the request's JSON
 * body logs in with. They may be words that any answer has, so this is for refusals only. */
void http_request_redact_login(const struct http_request *request, char *text, size_t length);
/* 0 or -ENOMEM; the request is unchanged after a failure. */
int http_request_add_header(struct http_request *request, const char *name, const char *value);

enum http_failure {
    HTTP_OK,       /* a complete response arrived, of whatever status */
    HTTP_NOT_SENT, /* resolving, connecting or the TLS handshake failed: the server cannot have
                      acted */
    HTTP_LOST      /* anything later: sent wholly or in part, no complete answer */
};

/* Valid only during `done`. */
struct http_reply {
    enum http_failure failure;
    int error; /* 0, or -ETIMEDOUT -EHOSTUNREACH -ECONNREFUSED -ECONNRESET -EMSGSIZE (body over
                  the limit) -EPROTO (TLS, malformed HTTP) -ENOMEM */
    char message[256];   /* why, for people; "" when HTTP_OK */
    long status;         /* 0 without a response */
    const char *body;    /* NUL-terminated, never NULL */
    size_t body_length;  /* bytes */
    int64_t date;        /* the Date header, seconds; TIMESTAMP_NONE if absent */
    int64_t retry_after; /* seconds; -1 if absent */
    bool new_connection; /* a connection was opened for it */
    int64_t sent;        /* as http_sent() tells */
    int64_t elapsed;     /* milliseconds from start to end */
    /* The value of a response header (case-insensitive), or NULL. Borrowed. */
    const char *(*header)(const struct http_reply *reply, const char *name);
    void *internal;
};

struct http_settings {
    const char *user_agent;
    const char *ca_file;     /* NULL: the system's store */
    const char *cert_file;   /* PEM, for servers that ask for one; NULL: none */
    const char *key_file;    /* of cert_file, without a passphrase; NULL: it is in cert_file */
    size_t body_limit;       /* bytes; larger responses end with -EMSGSIZE */
    int64_t connect_timeout; /* ms for resolving, connecting and TLS together */
    long connection_limit;   /* open connections kept, all hosts together */
};

/* Overwrites what `text` repeats of the secrets of the request that `reply` answers. The body and
 * the message of a reply are already without complete ones; this is for what was decoded from it.
 */
void http_redact(const struct http_reply *reply, char *text);

/* NULL when memory is out. `loop` must outlive it. */
struct http *http_new(struct loop *loop, const struct http_settings *settings);
/* Cancels what is still under way (no callbacks). */
void http_free(struct http *http);

/*
 * Starts an exchange. Takes the content of *request over in every case (it is empty afterwards).
 * `deadline` is clock_now() ms.  `once`: see the top.  Does not block.
 * Returns 0 and the handle in *exchange (valid until `done` returns or http_cancel()), or -ENOMEM,
 * or -EINVAL for a URL that is neither https:// nor http:// to a loopback host (http_is_allowed()).
 */
int http_start(struct http *http, struct http_request *request, int64_t deadline, bool once,
               void (*done)(void *data, const struct http_reply *reply), void *data,
               struct http_exchange **exchange);

/* clock_now() ms when it had its connection and the request may have left; 0: not yet. */
int64_t http_sent(const struct http_exchange *exchange);

/* Ends an exchange without calling `done`. Harmless on NULL. */
void http_cancel(struct http_exchange *exchange);

/* True for https://, and for http:// when the host is localhost, 127.0.0.0/8 or [::1]. Pure.
 * `metadata_host` (may be NULL) is one more host name that may be asked by http:// (the instance
 * metadata service has no TLS). */
bool http_is_allowed(const char *url, const char *metadata_host);
/* Tells http_start() about that host. */
void http_allow_plain_host(struct http *http, const char *metadata_host);

#endif
