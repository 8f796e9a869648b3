/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/sdk_signature.h"

#include "cbsfs/timestamp.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define ALGORITHM   "SDK-HMAC-SHA256"
#define DIGEST_SIZE 32

void sdk_date(int64_t seconds, char date[SDK_DATE_SIZE])
{
    char text[TIMESTAMP_SIZE];
    size_t length = 0;
    timestamp_format(seconds, text);
    for (const char *at = text; *at != '\0' && length + 1 < SDK_DATE_SIZE; at++)
        if (*at != '-' && *at != ':')
            date[length++] = *at;
    date[length] = '\0';
}

static int put_hex(const unsigned char digest[DIGEST_SIZE], struct buffer *out)
{
    int status = 0;
    for (size_t i = 0; i < DIGEST_SIZE && status == 0; i++)
        status = buffer_printf(out, "%02x", digest[i]);
    return status;
}

static int put_hash(const void *bytes, size_t length, struct buffer *out)
{
    unsigned char digest[DIGEST_SIZE] = {0};
    if (EVP_Digest(bytes, length, digest, NULL, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    return put_hex(digest, out);
}

static int compare_pairs(const void *left, const void *right)
{
    const struct sdk_pair *one = left, *other = right;
    int order = strcmp(one->name, other->name);
    return order != 0 ? order : strcmp(one->value, other->value);
}

static int put_encoded(struct buffer *out, const char *text)
{
    char *encoded = curl_easy_escape(NULL, text, (int)strlen(text));
    if (encoded == NULL)
        return -ENOMEM;
    int status = buffer_puts(out, encoded);
    curl_free(encoded);
    return status;
}

int sdk_put_query(struct sdk_pair *pairs, size_t count, struct buffer *out)
{
    int status = 0;
    qsort(pairs, count, sizeof *pairs, compare_pairs);
    for (size_t i = 0; i < count && status == 0; i++) {
        status = buffer_puts(out, i > 0 ? "&" : "");
        if (status == 0)
            status = put_encoded(out, pairs[i].name);
        if (status == 0)
            status = buffer_puts(out, "=");
        if (status == 0)
            status = put_encoded(out, pairs[i].value);
    }
    return status;
}

static void put_signed_names(const struct sdk_request *request, struct buffer *out)
{
    for (size_t i = 0; i < request->header_count; i++)
        buffer_printf(out, "%s%s", i > 0 ? ";" : "", request->headers[i].name);
}

int sdk_canonical_request(const struct sdk_request *request, struct buffer *out)
{
    size_t length = strlen(request->path);
    const char *end = length > 0 && request->path[length - 1] == '/' ? "" : "/";
    buffer_printf(out, "%s\n%s%s\n%s\n", request->method, request->path, end, request->query);
    for (size_t i = 0; i < request->header_count; i++)
        buffer_printf(out, "%s:%s\n", request->headers[i].name, request->headers[i].value);
    buffer_puts(out, "\n");
    put_signed_names(request, out);
    buffer_puts(out, "\n");
    int status = put_hash(request->body != NULL ? request->body : "", request->body_length, out);
    return out->error != 0 ? out->error : status;
}

int sdk_string_to_sign(const struct sdk_request *request, struct buffer *out)
{
    struct buffer canonical;
    buffer_init(&canonical, 0);
    buffer_hold_secret(&canonical); /* it may hold a token */
    int status = sdk_canonical_request(request, &canonical);
    if (status == 0)
        status = buffer_printf(out, ALGORITHM "\n%s\n", request->date);
    if (status == 0)
        status = put_hash(canonical.data, canonical.length, out);
    buffer_cleanse(&canonical);
    return status;
}

int sdk_authorization(const struct sdk_request *request, const char *access_key,
                      const char *secret_key, struct buffer *out)
{
    unsigned char digest[DIGEST_SIZE] = {0};
    struct buffer text;
    buffer_init(&text, 0);
    int status = sdk_string_to_sign(request, &text);
    if (status == 0 && HMAC(EVP_sha256(), secret_key, (int)strlen(secret_key),
                            (const unsigned char *)text.data, text.length, digest, NULL) == NULL)
        status = -ENOMEM;
    buffer_free(&text);
    if (status < 0)
        return status;
    buffer_printf(out, ALGORITHM " Access=%s, SignedHeaders=", access_key);
    put_signed_names(request, out);
    buffer_puts(out, ", Signature=");
    status = put_hex(digest, out);
    OPENSSL_cleanse(digest, sizeof digest);
    return status;
}
