/* SPDX-License-Identifier: Apache-2.0 */
#include "http_failure.h"

#include "cbsfs/buffer.h"

#include <errno.h>
#include <stdio.h>

static int errno_of_system(CURL *easy, int fallback)
{
    long system_error = 0;
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &system_error);
    switch (system_error) {
    case ETIMEDOUT:
        return -ETIMEDOUT;
    case ECONNREFUSED:
        return -ECONNREFUSED;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EADDRNOTAVAIL:
    case EACCES: /* a local packet filter says so */
    case EPERM:
        return -EHOSTUNREACH;
    default:
        return fallback;
    }
}

int http_errno(CURL *easy, CURLcode code)
{
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
    case CURLE_WRITE_ERROR: /* on_body() ran out of memory */
        return -ENOMEM;
    case CURLE_OPERATION_TIMEDOUT:
        return -ETIMEDOUT;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return -EHOSTUNREACH;
    case CURLE_COULDNT_CONNECT:
        return errno_of_system(easy, -ECONNREFUSED);
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        return errno_of_system(easy, -ECONNRESET) == -ETIMEDOUT ? -ETIMEDOUT : -ECONNRESET;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        return -ECONNRESET;
    default:
        return -EPROTO;
    }
}

void http_describe_failure(const char *endpoint, const char *words, CURLcode code,
                           struct http_reply *reply)
{
    const char *detail = words[0] ? words : curl_easy_strerror(code);
    struct buffer text;

    buffer_init(&text, 0);
    buffer_printf(&text, "%s: ", endpoint);
    if (reply->error == -ETIMEDOUT && reply->failure == HTTP_NOT_SENT)
        buffer_printf(&text, "no connection within %lld ms", (long long)reply->elapsed);
    else if (reply->error == -ETIMEDOUT)
        buffer_printf(&text, "no complete answer within %lld ms", (long long)reply->elapsed);
    else if (reply->error == -EMSGSIZE)
        buffer_puts(&text, "the answer is larger than cbsfs accepts");
    else if (reply->error == -ENOMEM)
        buffer_puts(&text, "out of memory");
    else if (code == CURLE_COULDNT_RESOLVE_HOST)
        buffer_puts(&text, "the host name cannot be resolved");
    else if (code == CURLE_COULDNT_RESOLVE_PROXY)
        buffer_puts(&text, "the name of the proxy cannot be resolved");
    else if (code == CURLE_COULDNT_CONNECT && reply->error == -ECONNREFUSED)
        buffer_puts(&text, "connection refused");
    else if (code == CURLE_COULDNT_CONNECT)
        buffer_puts(&text, "the network or the host cannot be reached");
    else if (reply->error == -ECONNRESET && reply->failure == HTTP_LOST)
        buffer_puts(&text, "the connection was lost before the answer was complete");
    else
        buffer_put_printable(&text, detail);
    snprintf(reply->message, sizeof reply->message, "%s", text.data ? text.data : "out of memory");
    buffer_free(&text);
}
