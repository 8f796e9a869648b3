/* SPDX-License-Identifier: Apache-2.0 */
#include "evs_signature.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cbsfs/buffer.h"
#include "cbsfs/timestamp.h"

#define ALGORITHM   "SDK-HMAC-SHA256"
#define DATE_HEADER "x-sdk-date"
#define HASH_HEADER "x-sdk-content-sha256"
#define DIGEST_SIZE 32
#define HEX_SIZE    (2 * DIGEST_SIZE + 1)
#define SKEW        900
#define TEXT_LIMIT  (1u << 20)

/* The parts of an Authorization header; points into a copy of it. */
struct claim {
    char *copy;
    char *access;
    char *signed_headers;
    char *signature;
};

/* One name and value of the query, encoded. */
struct pair {
    char *name;
    char *value;
};

static int refuse(struct signature_problem *problem, const char *code, const char *message)
{
    problem->code = code;
    problem->message = message;
    return -EACCES;
}

static void write_hex(const unsigned char *digest, char hex[HEX_SIZE])
{
    for (size_t i = 0; i < DIGEST_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

static int hex_digest(const void *bytes, size_t length, char hex[HEX_SIZE])
{
    unsigned char digest[DIGEST_SIZE];

    if (!EVP_Digest(bytes, length, digest, NULL, EVP_sha256(), NULL))
        return -ENOMEM;
    write_hex(digest, hex);
    return 0;
}

/* --- the header ---------------------------------------------------------------------- */

/* Cuts `*rest` behind `prefix` up to `end`, and blanks after that; NULL if it does not look like
 * that. */
static char *take(char **rest, const char *prefix, char end)
{
    size_t length = strlen(prefix);
    char *start, *stop;

    if (!*rest || strncmp(*rest, prefix, length) != 0)
        return NULL;
    start = *rest + length;
    stop = strchr(start, end);
    if (!stop || stop == start)
        return NULL;
    *rest = *stop ? stop + 1 : stop;
    *rest += strspn(*rest, " ");
    *stop = '\0';
    return start;
}

static int parse_authorization(const char *authorization, struct claim *claim)
{
    char *rest = claim->copy = strdup(authorization);

    if (!rest)
        return -ENOMEM;
    claim->access = take(&rest, ALGORITHM " Access=", ',');
    claim->signed_headers = take(&rest, "SignedHeaders=", ',');
    claim->signature = take(&rest, "Signature=", '\0');
    if (!claim->access || !claim->signed_headers || !claim->signature ||
        strlen(claim->signature) != HEX_SIZE - 1 ||
        strspn(claim->signature, "0123456789abcdef") != HEX_SIZE - 1)
        return -EINVAL;
    return 0;
}

/* --- the canonical request ----------------------------------------------------------- */

static int hex_value(char digit)
{
    const char *digits = "0123456789abcdef";
    const char *found = digit ? strchr(digits, tolower((unsigned char)digit)) : NULL;

    return found ? (int)(found - digits) : -1;
}

/* Appends text that may be percent-encoded, encoded anew: as RFC 3986 wants it, in upper case. */
static void put_encoded(struct buffer *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char byte = text[i];

        if (byte == '%' && i + 2 < length && hex_value(text[i + 1]) >= 0 &&
            hex_value(text[i + 2]) >= 0) {
            byte = (char)(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
            i += 2;
        }
        if (isalnum((unsigned char)byte) || (byte && strchr("-_.~", byte)))
            buffer_append(out, &byte, 1);
        else
            buffer_printf(out, "%%%02X", (unsigned char)byte);
    }
}

static void put_path(struct buffer *out, const char *path)
{
    while (*path) {
        size_t length = strcspn(path, "/");

        put_encoded(out, path, length);
        path += length;
        if (*path == '/')
            path++;
        buffer_puts(out, "/");
    }
}

static char *encoded(const char *text, size_t length)
{
    struct buffer out;

    buffer_init(&out, TEXT_LIMIT);
    buffer_puts(&out, "");
    put_encoded(&out, text, length);
    return buffer_steal(&out);
}

static int compare_pairs(const void *left, const void *right)
{
    const struct pair *a = left, *b = right;
    int order = strcmp(a->name, b->name);

    return order ? order : strcmp(a->value, b->value);
}

static int put_query(struct buffer *out, const char *query)
{
    struct pair *pairs = calloc(strlen(query) + 1, sizeof *pairs);
    size_t count = 0;
    int status = pairs ? 0 : -ENOMEM;

    while (status == 0 && *query) {
        size_t length = strcspn(query, "&");
        size_t name = strcspn(query, "=&");
        size_t value = name < length ? name + 1 : length;

        if (length > 0) {
            pairs[count].name = encoded(query, name);
            pairs[count].value = encoded(query + value, length - value);
            if (!pairs[count].name || !pairs[count].value)
                status = -ENOMEM;
            count++;
        }
        query += length + (query[length] == '&');
    }
    if (status == 0)
        qsort(pairs, count, sizeof *pairs, compare_pairs);
    for (size_t i = 0; i < count; i++) {
        if (status == 0)
            status = buffer_printf(out, "%s%s=%s", i ? "&" : "", pairs[i].name, pairs[i].value);
        free(pairs[i].name);
        free(pairs[i].value);
    }
    free(pairs);
    return status;
}

/* The signed headers in lower case and in order, each there, the date among them. */
static int put_headers(struct buffer *out, const struct http_request *http, const char *names)
{
    char *copy = strdup(names);
    char *rest = copy;
    const char *name, *previous = "";
    bool dated = false;
    int status = copy ? 0 : -ENOMEM;

    while (status == 0 && (name = strsep(&rest, ";"))) {
        const char *value = http->header(http->header_context, name);
        size_t length;

        if (!value || strcmp(previous, name) >= 0 || strpbrk(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
            status = -EINVAL;
            continue;
        }
        value += strspn(value, " \t");
        for (length = strlen(value); length > 0 && strchr(" \t", value[length - 1]); length--)
            ;
        status = buffer_printf(out, "%s:%.*s\n", name, (int)length, value);
        dated = dated || strcmp(name, DATE_HEADER) == 0;
        previous = name;
    }
    free(copy);
    return status == 0 && !dated ? -EINVAL : status;
}

/* A declared hash has to be the body's, unless it says that the body is not signed. */
static int hash_body(const struct http_request *http, char hex[HEX_SIZE])
{
    const char *declared = http->header(http->header_context, HASH_HEADER);
    int status = hex_digest(http->body ? http->body : "", http->body_length, hex);

    if (status == 0 && declared && strcmp(declared, "UNSIGNED-PAYLOAD") != 0 &&
        strcasecmp(declared, hex) != 0)
        return -EINVAL;
    return status;
}

static int expected_signature(const struct http_request *http, const struct claim *claim,
                              const char *secret_key, const char *date, char hex[HEX_SIZE])
{
    const char *declared = http->header(http->header_context, HASH_HEADER);
    unsigned char digest[EVP_MAX_MD_SIZE];
    char body[HEX_SIZE], hash[HEX_SIZE];
    struct buffer text;
    int status = hash_body(http, body);

    buffer_init(&text, TEXT_LIMIT);
    buffer_printf(&text, "%s\n", http->method);
    put_path(&text, http->path);
    buffer_puts(&text, "\n");
    if (status == 0)
        status = put_query(&text, http->query);
    buffer_puts(&text, "\n");
    if (status == 0)
        status = put_headers(&text, http, claim->signed_headers);
    buffer_printf(&text, "\n%s\n%s", claim->signed_headers, declared ? declared : body);
    if (status == 0)
        status = text.error ? text.error : hex_digest(text.data, text.length, hash);
    buffer_reset(&text);
    if (status == 0)
        status = buffer_printf(&text, ALGORITHM "\n%s\n%s", date, hash);
    if (status == 0 && !HMAC(EVP_sha256(), secret_key, (int)strlen(secret_key),
                             (const unsigned char *)text.data, text.length, digest, NULL))
        status = -ENOMEM;
    if (status == 0)
        write_hex(digest, hex);
    buffer_free(&text);
    return status;
}

/* --- the check ----------------------------------------------------------------------- */

/* "20260102T030405Z" */
static int parse_date(const char *text, int64_t *seconds)
{
    char spread[TIMESTAMP_SIZE];

    if (!text || strlen(text) != 16 || strspn(text, "0123456789TZ") != 16)
        return -EINVAL;
    snprintf(spread, sizeof spread, "%.4s-%.2s-%.5s:%.2s:%.3s", text, text + 4, text + 6, text + 11,
             text + 13);
    return timestamp_parse(spread, 0, seconds) < 0 || *seconds == TIMESTAMP_NONE ? -EINVAL : 0;
}

int evs_signature_check(const struct http_request *http, const struct signature_key *key,
                        int64_t now, struct signature_problem *problem)
{
    const char *authorization = http->header(http->header_context, "Authorization");
    const char *date = http->header(http->header_context, DATE_HEADER);
    struct claim claim = {0};
    char expected[HEX_SIZE];
    int64_t signed_at = 0;
    int status = 0;

    if (!authorization || parse_authorization(authorization, &claim) < 0)
        status = refuse(problem, "APIGW.0301",
                        "Incorrect IAM authentication information: AK/SK authorization header is"
                        " missing or malformed");
    else if (strcmp(claim.access, key->secret_id) != 0)
        status = refuse(problem, "APIGW.0301",
                        "Incorrect IAM authentication information: get secretKey failed,ak not"
                        " exist");
    else if (parse_date(date, &signed_at) < 0)
        status = refuse(problem, "APIGW.0301",
                        "Incorrect IAM authentication information: x-sdk-date is missing or"
                        " malformed");
    else if (llabs((long long)now - signed_at) > SKEW)
        status = refuse(problem, "APIGW.0303",
                        "Incorrect app authentication information: the time difference between the"
                        " signature and the server is more than 15 minutes");
    else if (expected_signature(http, &claim, key->secret_key, date, expected) < 0 ||
             CRYPTO_memcmp(expected, claim.signature, HEX_SIZE - 1) != 0)
        status = refuse(problem, "APIGW.0301",
                        "Incorrect IAM authentication information: verify aksk signature fail");
    free(claim.copy);
    return status;
}
