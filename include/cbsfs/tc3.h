/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TC3-HMAC-SHA256, the signature of Tencent's API 3.0 (tencent-cbs facts section 2): pure functions
 * from the parts of a request to its Authorization header.
 */
#ifndef CBSFS_TC3_H
#define CBSFS_TC3_H

#include "cbsfs/buffer.h"

#include <stddef.h>
#include <stdint.h>

struct tc3_header {
    const char *name; /* lower case */
    const char
        *value; /* trimmed, as it goes on the wire (x-tc-action: lower-cased by the caller) */
};

struct tc3_request {
    const char *method;               /* "POST" or "GET" */
    const char *query;                /* exactly as sent, without "?"; "" for POST */
    const struct tc3_header *headers; /* the signed ones, sorted by name */
    size_t header_count;
    const void *payload; /* exactly the bytes sent */
    size_t payload_length;
    const char *service; /* "cbs" */
    int64_t timestamp;   /* X-TC-Timestamp, seconds */
};

#define TC3_HEX_SIZE 65 /* 64 hex digits and a NUL */

/* Lower-case hex of SHA-256. 0 or -ENOMEM. */
int tc3_sha256_hex(const void *bytes, size_t length, char hex[TC3_HEX_SIZE]);

/* The canonical request and the string to sign, appended to `out`. 0 or -ENOMEM. */
int tc3_canonical_request(const struct tc3_request *request, const char *payload_hash,
                          struct buffer *out);
int tc3_string_to_sign(const struct tc3_request *request, const char *canonical_hash,
                       struct buffer *out);

/* The signature alone, from a finished string to sign. Key material is cleansed. 0 or -ENOMEM. */
int tc3_signature(const char *secret_key, int64_t timestamp, const char *service,
                  const char *string_to_sign, char hex[TC3_HEX_SIZE]);

/* The value of the Authorization header, appended to `out`. 0 or -ENOMEM. */
int tc3_authorization(const struct tc3_request *request, const char *secret_id,
                      const char *secret_key, struct buffer *out);

#endif
