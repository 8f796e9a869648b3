/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SDK-HMAC-SHA256, the signature of Huawei Cloud's and Open Telekom Cloud's gateways (openstack
 * facts 4.4): pure functions from a request to the value of its header `Authorization`.
 */
#ifndef CBSFS_SDK_SIGNATURE_H
#define CBSFS_SDK_SIGNATURE_H

#include "cbsfs/buffer.h"

#include <stddef.h>
#include <stdint.h>

struct sdk_pair {
    const char *name;
    const char *value;
};

struct sdk_request {
    const char *method;
    const char *path;               /* "/v2/...", as it is sent */
    const char *query;              /* as sdk_put_query() writes it; "" for none */
    const struct sdk_pair *headers; /* those that are signed: names in lower case, sorted */
    size_t header_count;
    const char *body; /* NULL: none */
    size_t body_length;
    const char *date; /* the value of X-Sdk-Date; it must be among the headers */
};

#define SDK_DATE_SIZE 17 /* "20260102T030405Z" and its NUL */

/* Seconds since the epoch as X-Sdk-Date has them; "" for years outside 0..9999. */
void sdk_date(int64_t seconds, char date[SDK_DATE_SIZE]);

/* Appends `pairs` percent-encoded, in the order in which they are signed; the same text is what
 * goes on the wire. Sorts `pairs`. 0 or -ENOMEM. */
int sdk_put_query(struct sdk_pair *pairs, size_t count, struct buffer *out);

/* What is hashed, and what of it is signed; appended to `out`. 0 or -ENOMEM. */
int sdk_canonical_request(const struct sdk_request *request, struct buffer *out);
int sdk_string_to_sign(const struct sdk_request *request, struct buffer *out);

/* The whole header value, appended to `out`. 0 or -ENOMEM. */
int sdk_authorization(const struct sdk_request *request, const char *access_key,
                      const char *secret_key, struct buffer *out);

#endif
