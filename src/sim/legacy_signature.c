/* SPDX-License-Identifier: Apache-2.0 */
/* Written apart from the client's signing on purpose: a mistake in one does not hide in the other.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "cbsfs/buffer.h"
#include "cbsfs/fields.h"
#include "legacy.h"

#define TEXT_LIMIT (1u << 20)

static int compare(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* The SDKs sign a name with dots where it has underscores, except for its first byte. */
static void put_name(struct buffer *text, const char *name, bool dotted)
{
    for (const char *at = name; *at; at++) {
        char byte = dotted && at > name && *at == '_' ? '.' : *at;
        buffer_append(text, &byte, 1);
    }
}

static int put_parameters(struct buffer *text, const json_t *parameters, bool dotted)
{
    size_t count = 0, size = json_object_size(parameters);
    const char **names = calloc(size + 1, sizeof *names);
    const char *name;
    json_t *value;

    if (!names)
        return -1;
    json_object_foreach((json_t *)(uintptr_t)parameters, name, value)
    {
        if (strcmp(name, "Signature") != 0)
            names[count++] = name;
    }
    qsort(names, count, sizeof *names, compare);
    for (size_t i = 0; i < count; i++) {
        buffer_puts(text, i == 0 ? "?" : "&");
        put_name(text, names[i], dotted);
        buffer_printf(text, "=%s", field_text(parameters, names[i], ""));
    }
    free(names);
    return text->error;
}

static bool matches(const struct http_request *http, const json_t *parameters,
                    const char *secret_key, bool dotted)
{
    const char *host = http->header(http->header_context, "Host");
    bool sha256 = strcmp(field_text(parameters, "SignatureMethod", ""), "HmacSHA256") == 0;
    const char *given = field_text(parameters, "Signature", "");
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char expected[EVP_MAX_MD_SIZE * 2];
    unsigned int length = 0;
    struct buffer text;
    bool same = false;

    buffer_init(&text, TEXT_LIMIT);
    buffer_printf(&text, "%s%s/v2/index.php", http->method, host ? host : "");
    if (put_parameters(&text, parameters, dotted) == 0 &&
        HMAC(sha256 ? EVP_sha256() : EVP_sha1(), secret_key, (int)strlen(secret_key),
             (const unsigned char *)text.data, text.length, digest, &length)) {
        int size = EVP_EncodeBlock(expected, digest, (int)length);
        same = strlen(given) == (size_t)size && CRYPTO_memcmp(given, expected, (size_t)size) == 0;
    }
    buffer_free(&text);
    return same;
}

bool legacy_signature_matches(const struct http_request *http, const json_t *parameters,
                              const char *secret_key)
{
    return matches(http, parameters, secret_key, false) ||
           matches(http, parameters, secret_key, true);
}
