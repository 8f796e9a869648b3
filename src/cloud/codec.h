/* SPDX-License-Identifier: Apache-2.0 */
/* What codecs have in common: endpoints, ids, and answers that are not the API's. */
#ifndef CBSFS_CLOUD_CODEC_H
#define CBSFS_CLOUD_CODEC_H

#include "cbsfs/buffer.h"
#include "cbsfs/cloud.h"

struct http_reply;

/* Reads "https://host[:port]" into the scheme and the value of the Host header, in one spelling
 * (lower case, no default port). Both are the caller's to curl_free() and buffer_free(), also after
 * a failure. 0, -ENOMEM, or -EINVAL for anything more than that. */
int codec_split_endpoint(const char *endpoint, char **scheme, struct buffer *host);

/* True for what can be a label of a host name. */
bool codec_region_is_valid(const char *region);

/* The member that is an id, or "". An id becomes part of a path and of requests, so it must look
 * like one and not like a command's option; what has a NUL inside is none, though it may begin like
 * one.
 */
const char *codec_id(const json_t *record, const char *key);
/* The same of a value by itself. */
const char *codec_id_of(const json_t *value);

/* Whether the record has a text of that name: null or a number says nothing about what it was. */
bool codec_has_text(const json_t *record, const char *key);

/* -EPROTO: the answer is somebody else's, of unknown outcome. Tells its beginning. */
void codec_set_foreign(const struct http_reply *reply, const char *reason,
                       struct cloud_error *error);

/* True when the status alone decides (5xx, 429): *error is then filled. Such answers come from
 * whoever stands before the API. */
bool codec_set_status_error(const struct http_reply *reply, struct cloud_error *error);

void codec_set_out_of_memory(struct cloud_error *error);

/* For a body that fields_parse*() did not read: its errno and its reason. */
void codec_set_unreadable(const struct http_reply *reply, int reason_number, const char *reason,
                          struct cloud_error *error);

/* The frame of a provider's decode(): calls `read`, which fills *answer and answer->error (a
 * success until then), and sees to it that a failure carries no records. */
void codec_decode(const struct cloud_call *call, const struct http_reply *reply,
                  struct cloud_answer *answer,
                  void (*read)(const struct cloud_call *call, const struct http_reply *reply,
                               struct cloud_answer *answer));

#endif
