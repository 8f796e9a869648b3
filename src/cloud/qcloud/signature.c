/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/qcloud_signature.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define PATH "/v2/index.php"

static int compare_names(const void *left, const void *right)
{
    return strcmp(((const struct qcloud_parameter *)left)->name,
                  ((const struct qcloud_parameter *)right)->name);
}

void qcloud_sort(struct qcloud_parameter *parameters, size_t count)
{
    qsort(parameters, count, sizeof *parameters, compare_names);
}

int qcloud_string_to_sign(const char *method, const char *host,
                          const struct qcloud_parameter *parameters, size_t count,
                          struct buffer *out)
{
    int status = buffer_printf(out, "%s%s" PATH, method, host);
    for (size_t i = 0; status == 0 && i < count; i++)
        status = buffer_printf(out, "%c%s=%s", i == 0 ? '?' : '&', parameters[i].name,
                               parameters[i].value);
    return status;
}

int qcloud_signature(enum qcloud_hash hash, const char *secret_key, const char *string_to_sign,
                     struct buffer *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE], text[EVP_MAX_MD_SIZE * 2];
    unsigned length = 0;
    if (HMAC(hash == QCLOUD_HMAC_SHA1 ? EVP_sha1() : EVP_sha256(), secret_key,
             (int)strlen(secret_key), (const unsigned char *)string_to_sign, strlen(string_to_sign),
             digest, &length) == NULL)
        return -ENOMEM;
    EVP_EncodeBlock(text, digest, (int)length);
    OPENSSL_cleanse(digest, sizeof digest);
    return buffer_puts(out, (const char *)text);
}
