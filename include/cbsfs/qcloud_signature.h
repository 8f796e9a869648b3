/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signature of Tencent's legacy API v2 (tencent-cbs facts 6.2): pure functions from the
 * parameters of a request to the value of its parameter `Signature`.
 */
#ifndef CBSFS_QCLOUD_SIGNATURE_H
#define CBSFS_QCLOUD_SIGNATURE_H

#include "cbsfs/buffer.h"

#include <stddef.h>

enum qcloud_hash { QCLOUD_HMAC_SHA1, QCLOUD_HMAC_SHA256 };

/* Values are signed raw and percent-encoded only on the wire. */
struct qcloud_parameter {
    const char *name;
    const char *value;
};

/* Brings parameters into the order in which they are signed: by the bytes of their names. */
void qcloud_sort(struct qcloud_parameter *parameters, size_t count);

/* What is signed, appended to `out`; the parameters must be sorted and `Signature` not among them.
 * `host` is the value of the Host header, `method` "GET" or "POST". 0 or -ENOMEM. */
int qcloud_string_to_sign(const char *method, const char *host,
                          const struct qcloud_parameter *parameters, size_t count,
                          struct buffer *out);

/* Base64 of the signature, appended to `out`. 0 or -ENOMEM. */
int qcloud_signature(enum qcloud_hash hash, const char *secret_key, const char *string_to_sign,
                     struct buffer *out);

#endif
