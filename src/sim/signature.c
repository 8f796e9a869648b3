/* SPDX-License-Identifier: Apache-2.0 */
#include "signature.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cbsfs/buffer.h"

#define ALGORITHM      "TC3-HMAC-SHA256"
#define DIGEST_SIZE    32
#define HEX_SIZE       (2 * DIGEST_SIZE + 1)
#define SKEW           300
#define CANONICAL_SIZE (1 << 20)

/* The parts of an Authorization header; points into a copy of it. */
struct claim {
    char *copy;
    char *secret_id;
    char *date;
    char *service;
    char *signed_headers;
    char *signature;
};

/* SDKs disagree on two details (facts 2.1, 2.4); every combination is tried. */
struct reading {
    bool host_without_port;
    bool lower_case; /* of the values, except those of content-type and host */
};

static int refuse(struct signature_problem *problem, const char *code, const char *message)
{
    problem->code = code;
    problem->message = message;
    return -EACCES;
}

static int hex_digest(const void *bytes, size_t length, char hex[HEX_SIZE])
{
    unsigned char digest[DIGEST_SIZE];

    if (!EVP_Digest(bytes, length, digest, NULL, EVP_sha256(), NULL))
        return -ENOMEM;
    for (size_t i = 0; i < DIGEST_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return 0;
}

static int hmac(const void *key, size_t key_length, const char *text,
                unsigned char digest[DIGEST_SIZE])
{
    return HMAC(EVP_sha256(), key, (int)key_length, (const unsigned char *)text, strlen(text),
                digest, NULL)
               ? 0
               : -ENOMEM;
}

/* Cuts `*rest` behind `prefix` up to `end`; NULL if it does not look like that. */
static char *take(char **rest, const char *prefix, char end)
{
    size_t length = strlen(prefix);
    char *start;
    char *stop;

    if (!*rest || strncmp(*rest, prefix, length) != 0)
        return NULL;
    start = *rest + length;
    stop = end ? strchr(start, end) : start + strlen(start);
    if (!stop || stop == start)
        return NULL;
    *rest = end ? stop + 1 : stop;
    *stop = '\0';
    return start;
}

static bool is_hex_digest(const char *text)
{
    return strlen(text) == HEX_SIZE - 1 && strspn(text, "0123456789abcdef") == HEX_SIZE - 1;
}

static void skip_blanks(char **rest)
{
    if (*rest)
        *rest += strspn(*rest, " ");
}

static int parse_authorization(const char *authorization, struct claim *claim)
{
    char *rest = claim->copy = strdup(authorization);
    char *terminator;

    if (!rest)
        return -ENOMEM;
    claim->secret_id = take(&rest, ALGORITHM " Credential=", '/');
    claim->date = take(&rest, "", '/');
    claim->service = take(&rest, "", '/');
    terminator = take(&rest, "", ',');
    skip_blanks(&rest);
    claim->signed_headers = take(&rest, "SignedHeaders=", ',');
    skip_blanks(&rest);
    claim->signature = take(&rest, "Signature=", '\0');
    if (!claim->secret_id || !claim->date || !claim->service || !terminator ||
        strcmp(terminator, "tc3_request") != 0 || !claim->signed_headers || !claim->signature ||
        !is_hex_digest(claim->signature))
        return -EINVAL;
    return 0;
}

static int append_value(struct buffer *text, const char *name, const char *value,
                        const struct reading *reading)
{
    bool is_host = strcmp(name, "host") == 0;
    const char *port = is_host && reading->host_without_port ? strrchr(value, ':') : NULL;
    bool lower = reading->lower_case && !is_host && strcmp(name, "content-type") != 0;
    size_t length;

    while (isspace((unsigned char)*value))
        value++;
    length = port ? (size_t)(port - value) : strlen(value);
    while (length > 0 && isspace((unsigned char)value[length - 1]))
        length--;
    buffer_printf(text, "%s:", name);
    for (size_t i = 0; i < length; i++) {
        char byte = lower ? (char)tolower((unsigned char)value[i]) : value[i];

        buffer_append(text, &byte, 1);
    }
    return buffer_puts(text, "\n");
}

/* The header lines; -EINVAL unless the list is sorted, lower case, and has what must be signed. */
static int append_headers(struct buffer *text, const struct http_request *http, const char *list,
                          const struct reading *reading)
{
    char *copy = strdup(list);
    char *rest = copy;
    char *name;
    const char *previous = "";
    int required = 0;
    int status = copy ? 0 : -ENOMEM;

    while (status == 0 && (name = strsep(&rest, ";"))) {
        const char *value = http->header(http->header_context, name);

        if (!value || strcmp(previous, name) >= 0 || strpbrk(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
            status = -EINVAL;
        else
            status = append_value(text, name, value, reading);
        if (strcmp(name, "content-type") == 0 || strcmp(name, "host") == 0)
            required++;
        previous = name;
    }
    free(copy);
    return status == 0 && required != 2 ? -EINVAL : status;
}

static int hash_payload(const struct http_request *http, char hex[HEX_SIZE])
{
    const char *declared = http->header(http->header_context, "X-TC-Content-SHA256");

    if (declared && strcmp(declared, "UNSIGNED-PAYLOAD") == 0)
        return hex_digest(declared, strlen(declared), hex);
    return hex_digest(http->body ? http->body : "", http->body_length, hex);
}

static int hash_canonical_request(const struct http_request *http, const struct claim *claim,
                                  const struct reading *reading, char hex[HEX_SIZE])
{
    struct buffer text;
    char payload[HEX_SIZE];
    int status = hash_payload(http, payload);

    buffer_init(&text, CANONICAL_SIZE);
    if (status < 0)
        goto out;
    buffer_printf(&text, "%s\n/\n%s\n", http->method, http->query);
    status = append_headers(&text, http, claim->signed_headers, reading);
    if (status < 0)
        goto out;
    status = buffer_printf(&text, "\n%s\n%s", claim->signed_headers, payload);
    if (status == 0)
        status = hex_digest(text.data, text.length, hex);
out:
    buffer_free(&text);
    return status;
}

static int sign(const struct claim *claim, const char *secret_key, const char *timestamp,
                const char *request_hash, char hex[HEX_SIZE])
{
    unsigned char digest[DIGEST_SIZE] = {0};
    struct buffer text;
    int status;

    buffer_init(&text, CANONICAL_SIZE);
    buffer_printf(&text, "TC3%s", secret_key);
    status = text.error;
    if (status == 0)
        status = hmac(text.data, text.length, claim->date, digest);
    if (status == 0)
        status = hmac(digest, sizeof digest, claim->service, digest);
    if (status == 0)
        status = hmac(digest, sizeof digest, "tc3_request", digest);
    buffer_reset(&text);
    buffer_printf(&text, ALGORITHM "\n%s\n%s/%s/tc3_request\n%s", timestamp, claim->date,
                  claim->service, request_hash);
    if (status == 0)
        status = text.error;
    if (status == 0)
        status = hmac(digest, sizeof digest, text.data, digest);
    for (size_t i = 0; i < DIGEST_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    OPENSSL_cleanse(digest, sizeof digest);
    buffer_cleanse(&text);
    return status;
}

/* Whether any reading of the request gives the claimed signature. */
static bool signature_matches(const struct http_request *http, const struct claim *claim,
                              const char *secret_key, const char *timestamp)
{
    static const struct reading readings[] = {
        {false, false}, {true, false}, {false, true}, {true, true}};

    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
        char request_hash[HEX_SIZE];
        char expected[HEX_SIZE];

        if (hash_canonical_request(http, claim, &readings[i], request_hash) < 0 ||
            sign(claim, secret_key, timestamp, request_hash, expected) < 0)
            return false;
        if (CRYPTO_memcmp(expected, claim->signature, HEX_SIZE - 1) == 0)
            return true;
    }
    return false;
}

static int check_time(const char *timestamp, const struct claim *claim, int64_t now,
                      struct signature_problem *problem)
{
    char *end;
    long long seconds;
    time_t moment;
    struct tm parts;
    char date[16];

    if (!timestamp)
        return refuse(problem, "MissingParameter",
                      "The request is missing a required parameter `Timestamp`.");
    errno = 0;
    seconds = strtoll(timestamp, &end, 10);
    moment = (time_t)seconds;
    if (errno || end == timestamp || *end || seconds < 0 || !gmtime_r(&moment, &parts))
        return refuse(problem, "InvalidParameterValue",
                      "The value of parameter `Timestamp` is not valid.");
    if (llabs((long long)now - seconds) > SKEW)
        return refuse(problem, "AuthFailure.SignatureExpire",
                      "The signature has expired: the timestamp is more than five minutes from the"
                      " server's time.");
    strftime(date, sizeof date, "%Y-%m-%d", &parts);
    if (strcmp(date, claim->date) != 0)
        return refuse(problem, "AuthFailure.SignatureFailure",
                      "The date of the credential scope is not the UTC date of the timestamp.");
    return 0;
}

int signature_check(const struct http_request *http, const struct signature_key *key, int64_t now,
                    struct signature_problem *problem)
{
    const char *authorization = http->header(http->header_context, "Authorization");
    const char *timestamp = http->header(http->header_context, "X-TC-Timestamp");
    struct claim claim = {0};
    int status;

    if (!authorization || parse_authorization(authorization, &claim) < 0)
        status = refuse(problem, "AuthFailure.InvalidAuthorization",
                        "The request header `Authorization` is missing or malformed.");
    else if (strcmp(claim.secret_id, key->secret_id) != 0)
        status = refuse(problem, "AuthFailure.SecretIdNotFound",
                        "The SecretId is not found, please ensure that your SecretId is correct.");
    else
        status = check_time(timestamp, &claim, now, problem);
    if (status == 0 && !signature_matches(http, &claim, key->secret_key, timestamp))
        status = refuse(problem, "AuthFailure.SignatureFailure",
                        "The provided credentials could not be validated. Please check your"
                        " signature is correct.");
    free(claim.copy);
    return status;
}
