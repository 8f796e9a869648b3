/* SPDX-License-Identifier: Apache-2.0 */
/* What a request is and where it may go: the parts of the HTTP client that need no network. */
#include "cbsfs/buffer.h"
#include "cbsfs/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void http_request_init(struct http_request *request)
{
    *request = (struct http_request){0};
}

static void cleanse_text(char *text)
{
    if (text)
        OPENSSL_cleanse(text, strlen(text));
}

void http_request_free(struct http_request *request)
{
    for (struct curl_slist *header = request->headers; header; header = header->next)
        cleanse_text(header->data);
    curl_slist_free_all(request->headers);
    /* Some APIs sign in the query, and log in with a password in the body. */
    cleanse_text(request->url);
    if (request->body)
        OPENSSL_cleanse(request->body, request->body_length);
    free(request->method);
    free(request->url);
    free(request->body);
    http_request_init(request);
}

int http_request_add_header(struct http_request *request, const char *name, const char *value)
{
    struct buffer line;
    struct curl_slist *headers = NULL;
    int status = -ENOMEM;

    /* A line break would start another header. */
    if (strpbrk(name, "\r\n") || strpbrk(value, "\r\n"))
        return -EINVAL;
    buffer_init(&line, 0);
    /* libcurl takes "Name:" as the wish to leave a header out; "Name;" is its word for an empty
     * one. */
    if (*value)
        buffer_printf(&line, "%s: %s", name, value);
    else
        buffer_printf(&line, "%s;", name);
    if (!line.error)
        headers = curl_slist_append(request->headers, line.data);
    if (headers) {
        request->headers = headers;
        status = 0;
    }
    buffer_cleanse(&line);
    return status;
}

static bool is_loopback(const char *host)
{
    unsigned char address[16];
    static const unsigned char ipv6_loopback[16] = {[15] = 1};

    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, address) == 1)
        return address[0] == 127;
    if (strcmp(host, "[::1]") == 0)
        return true;
    size_t length = strlen(host);
    if (length < 3 || length > 48 || host[0] != '[' || host[length - 1] != ']')
        return false;
    char bare[48];
    memcpy(bare, host + 1, length - 2);
    bare[length - 2] = '\0';
    return inet_pton(AF_INET6, bare, address) == 1 &&
           memcmp(address, ipv6_loopback, sizeof address) == 0;
}

/* libcurl's own parser decides, because it is the one that will choose the host to connect to. */
bool http_is_allowed(const char *url, const char *metadata_host)
{
    bool allowed = false;
    char *scheme = NULL, *host = NULL, *user = NULL;
    CURLU *parsed = curl_url();

    if (!parsed || curl_url_set(parsed, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(parsed, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        goto out;
    /* A name before "@" is never meant; it only makes one host look like another. */
    if (curl_url_get(parsed, CURLUPART_USER, &user, 0) == CURLUE_OK)
        goto out;
    if (strcmp(scheme, "https") == 0)
        allowed = true;
    else if (strcmp(scheme, "http") == 0)
        allowed = is_loopback(host) || (metadata_host && strcasecmp(host, metadata_host) == 0);
out:
    curl_free(user);
    curl_free(host);
    curl_free(scheme);
    curl_url_cleanup(parsed);
    return allowed;
}
