/* SPDX-License-Identifier: Apache-2.0 */
/* What a request is and where it may go: the parts of the HTTP client that need no network. */
#include "cbsfs/buffer.h"
#include "cbsfs/http.h"
#include "cbsfs/wipe.h"

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

void http_request_free(struct http_request *request)
{
    for (struct curl_slist *header = request->headers; header; header = header->next)
        wipe_text(header->data);
    curl_slist_free_all(request->headers);
    /* Some APIs sign in the query, and log in with a password in the body. */
    wipe_text(request->url);
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
    buffer_hold_secret(&line);
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

/* --- what a server sends back -------------------------------------------------------- */

#define SECRET_LEAST 20 /* shorter words of such headers are syntax */
#define PART_LEAST   16

static bool is_secret_header(const char *line)
{
    size_t length = strcspn(line, ":;");
    return (length == 13 && strncasecmp(line, "Authorization", 13) == 0) ||
           (length >= 6 && strncasecmp(line + length - 6, "-Token", 6) == 0);
}

static void redact_whole(char *text, size_t length, const char *secret, size_t secret_length)
{
    char *end = text + length, *found;
    while ((found = memmem(text, (size_t)(end - text), secret, secret_length)) != NULL) {
        memset(found, '*', secret_length);
        text = found + secret_length;
    }
}

/* How much of `text` stands anywhere in `secret`, from its first character on. */
static size_t common_length(const char *text, size_t length, const char *secret,
                            size_t secret_length)
{
    size_t longest = 0;
    for (size_t from = 0; from + longest < secret_length; from++) {
        size_t same = 0;
        while (same < length && from + same < secret_length && text[same] == secret[from + same])
            same++;
        if (same > longest)
            longest = same;
    }
    return longest;
}

static void redact_parts(char *text, size_t length, const char *secret, size_t secret_length)
{
    for (size_t at = 0; at + PART_LEAST <= length;) {
        size_t same = common_length(text + at, length - at, secret, secret_length);
        if (same >= PART_LEAST) {
            memset(text + at, '*', same);
            at += same;
        } else {
            at++;
        }
    }
}

/* Each long word of `secrets` up to `end`. */
static void redact_words(char *text, size_t length, bool whole, const char *secrets,
                         const char *end)
{
    static const char separators[] = " ,;=&";

    while (secrets < end) {
        size_t size = strcspn(secrets, separators);
        if (size > (size_t)(end - secrets))
            size = (size_t)(end - secrets);
        if (size >= SECRET_LEAST && whole)
            redact_whole(text, length, secrets, size);
        else if (size >= SECRET_LEAST)
            redact_parts(text, length, secrets, size);
        secrets += size;
        secrets += strspn(secrets, separators);
    }
}

/* What stands percent-encoded in a form, as the server has read it. */
static void redact_decoded(char *text, size_t length, bool whole, const char *value, size_t size)
{
    int decoded_size = 0;
    char *decoded = memchr(value, '%', size) == NULL
                        ? NULL
                        : curl_easy_unescape(NULL, value, (int)size, &decoded_size);

    if (decoded_size >= SECRET_LEAST && whole)
        redact_whole(text, length, decoded, (size_t)decoded_size);
    else if (decoded_size >= SECRET_LEAST)
        redact_parts(text, length, decoded, (size_t)decoded_size);
    wipe_text(decoded);
    curl_free(decoded);
}

/* Older APIs sign in the query or in a form. */
static void redact_form(char *text, size_t length, bool whole, const char *form)
{
    static const char *const names[] = {"Signature=", "Token="};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (const char *at = form; (at = strstr(at, names[i])) != NULL;) {
            at += strlen(names[i]);
            size_t size = strcspn(at, "&");
            redact_words(text, length, whole, at, at + size);
            redact_decoded(text, length, whole, at, size);
        }
}

void http_request_redact(const struct http_request *request, char *text, size_t length, bool whole)
{
    for (struct curl_slist *header = request->headers; header; header = header->next) {
        const char *end = header->data + strlen(header->data);
        const char *value = header->data + strcspn(header->data, ":;") + 1;
        if (is_secret_header(header->data))
            redact_words(text, length, whole, value, end);
    }
    if (request->url)
        redact_form(text, length, whole, request->url);
    if (request->body && *request->body != '{')
        redact_form(text, length, whole, request->body);
}

#define LOGIN_LEAST 4 /* shorter ones are parts of words */

/* The string from `text` to its closing quote, as JSON means it; NULL without memory. Escapes other
 * than those that we write count as what they escape. */
static char *decode_string(const char *text, size_t length)
{
    char *decoded = malloc(length + 1), *end = decoded;

    for (size_t i = 0; decoded && i < length; i++) {
        if (text[i] == '\\' && length - i > 5 && strncmp(text + i + 1, "u00", 3) == 0) {
            const char digits[3] = {text[i + 4], text[i + 5], '\0'};
            *end++ = (char)strtoul(digits, NULL, 16);
            i += 5;
        } else if (text[i] != '\\') {
            *end++ = text[i];
        }
    }
    if (decoded)
        *end = '\0';
    return decoded;
}

static void redact_string(char *text, size_t length, const char *string)
{
    size_t size = 0;

    while (string[size] && string[size] != '"')
        size += string[size] == '\\' && string[size + 1] ? 2 : 1;
    if (size < LOGIN_LEAST)
        return;
    redact_whole(text, length, string, size);
    char *decoded = memchr(string, '\\', size) ? decode_string(string, size) : NULL;
    if (decoded && strlen(decoded) >= LOGIN_LEAST)
        redact_whole(text, length, decoded, strlen(decoded));
    wipe_text(decoded);
    free(decoded);
}

void http_request_redact_login(const struct http_request *request, char *text, size_t length)
{
    static const char *const members[] = {"\"password\":\"", "\"secret\":\"",
                                          "\"token\":{\"id\":\""};

    if (!request->body || *request->body != '{')
        return;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        for (const char *at = request->body; (at = strstr(at, members[i])) != NULL;) {
            at += strlen(members[i]);
            redact_string(text, length, at);
        }
}

/* --- where it may go ----------------------------------------------------------------- */

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
