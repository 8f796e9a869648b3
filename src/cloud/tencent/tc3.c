/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/tc3.h"

#include "cbsfs/timestamp.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define ALGORITHM   "TC3-HMAC-SHA256"
#define DIGEST_SIZE 32

static void to_hex(const unsigned char digest[DIGEST_SIZE], char hex[TC3_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[TC3_HEX_SIZE - 1] = '\0';
}

int tc3_sha256_hex(const void *bytes, size_t length, char hex[TC3_HEX_SIZE])
{
    unsigned char digest[DIGEST_SIZE];
    if (EVP_Digest(bytes, length, digest, NULL, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    to_hex(digest, hex);
    return 0;
}

static void put_signed_names(const struct tc3_request *request, struct buffer *out)
{
    for (size_t i = 0; i < request->header_count; i++)
        buffer_printf(out, "%s%s", i > 0 ? ";" : "", request->headers[i].name);
}

int tc3_canonical_request(const struct tc3_request *request, const char *payload_hash,
                          struct buffer *out)
{
    buffer_printf(out, "%s\n/\n%s\n", request->method, request->query);
    for (size_t i = 0; i < request->header_count; i++)
        buffer_printf(out, "%s:%s\n", request->headers[i].name, request->headers[i].value);
    buffer_puts(out, "\n");
    put_signed_names(request, out);
    return buffer_printf(out, "\n%s", payload_hash);
}

static int put_scope(const struct tc3_request *request, struct buffer *out)
{
    char date[TIMESTAMP_SIZE];
    timestamp_format_date(request->timestamp, date);
    return buffer_printf(out, "%s/%s/tc3_request", date, request->service);
}

int tc3_string_to_sign(const struct tc3_request *request, const char *canonical_hash,
                       struct buffer *out)
{
    buffer_printf(out, ALGORITHM "\n%" PRId64 "\n", request->timestamp);
    put_scope(request, out);
    return buffer_printf(out, "\n%s", canonical_hash);
}

static int hmac(const void *key, size_t key_length, const char *text,
                unsigned char digest[DIGEST_SIZE])
{
    const unsigned char *made = HMAC(EVP_sha256(), key, (int)key_length,
                                     (const unsigned char *)text, strlen(text), digest, NULL);
    return made == NULL ? -ENOMEM : 0;
}

int tc3_signature(const char *secret_key, int64_t timestamp, const char *service,
                  const char *string_to_sign, char hex[TC3_HEX_SIZE])
{
    char date[TIMESTAMP_SIZE];
    timestamp_format_date(timestamp, date);
    const char *const steps[] = {date, service, "tc3_request", string_to_sign};

    struct buffer seed;
    buffer_init(&seed, 0);
    buffer_hold_secret(&seed);
    buffer_puts(&seed, "TC3");
    int status = buffer_puts(&seed, secret_key);
    unsigned char digest[DIGEST_SIZE], next[DIGEST_SIZE];
    if (status == 0)
        status = hmac(seed.data, seed.length, steps[0], digest);
    for (size_t i = 1; status == 0 && i < sizeof steps / sizeof *steps; i++) {
        status = hmac(digest, sizeof digest, steps[i], next);
        memcpy(digest, next, sizeof digest);
    }
    if (status == 0)
        to_hex(digest, hex);
    OPENSSL_cleanse(digest, sizeof digest);
    OPENSSL_cleanse(next, sizeof next);
    buffer_cleanse(&seed);
    return status;
}

int tc3_authorization(const struct tc3_request *request, const char *secret_id,
                      const char *secret_key, struct buffer *out)
{
    char hash[TC3_HEX_SIZE];
    struct buffer canonical, to_sign;
    buffer_init(&canonical, 0);
    buffer_init(&to_sign, 0);
    int status = tc3_sha256_hex(request->payload, request->payload_length, hash);
    if (status < 0)
        goto out;
    status = tc3_canonical_request(request, hash, &canonical);
    if (status < 0)
        goto out;
    status = tc3_sha256_hex(canonical.data, canonical.length, hash);
    if (status < 0)
        goto out;
    status = tc3_string_to_sign(request, hash, &to_sign);
    if (status < 0)
        goto out;
    status = tc3_signature(secret_key, request->timestamp, request->service, to_sign.data, hash);
    if (status < 0)
        goto out;
    buffer_printf(out, ALGORITHM " Credential=%s/", secret_id);
    put_scope(request, out);
    buffer_puts(out, ", SignedHeaders=");
    put_signed_names(request, out);
    status = buffer_printf(out, ", Signature=%s", hash);
out:
    buffer_free(&canonical);
    buffer_free(&to_sign);
    return status;
}
