/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the Tencent codec share. */
#ifndef CBSFS_CLOUD_TENCENT_H
#define CBSFS_CLOUD_TENCENT_H

#include "cbsfs/provider.h"

/* "DescribeSnapshots" and so on. */
const char *tencent_action(enum cloud_verb verb);

int tencent_endpoint(const struct cloud_account *account, char *url, size_t size);

int tencent_encode(const struct cloud_account *account, const struct credential *credential,
                   int64_t now, const struct cloud_call *call, struct http_request *request);

/* Of what went wrong in json_pack_ex(): a text that is not UTF-8 is the caller's mistake, anything
 * else is memory. */
int tencent_pack_error(const json_error_t *error);
/* An array of texts. 0; -EINVAL or -ENOMEM (then *array is NULL). */
int tencent_pack_ids(const char *const *ids, size_t count, json_t **array);
/* The body of a call that encode.c has none for. 0, -ENOMEM or -EINVAL; *body may hold something to
 * be released in any case. */
int tencent_feature_body(const struct cloud_call *call, json_t **body);

void tencent_decode(const struct cloud_call *call, const struct http_reply *reply,
                    struct cloud_answer *answer);

/* Members of a record (decode.c). Seconds since the epoch or TIMESTAMP_NONE; 0..100; and the
 * contract's word for a state, "" if it has none. */
int64_t tencent_time_of(const json_t *record, const char *key);
unsigned tencent_percent_of(const json_t *record, const char *key, unsigned fallback);
const char *tencent_word_of(const char *state);

/* Fills answer->list (answer->total is filled already). 0, -ENOMEM (with part of it), or -EPROTO
 * for an answer without its array. */
int tencent_read_list(const struct cloud_call *call, const json_t *response,
                      struct cloud_answer *answer);
/* What a change made, borrowed from the response, or "". A failure that is told inside of a success
 * fills *error. */
const char *tencent_created_id(const struct cloud_call *call, const json_t *response,
                               struct cloud_error *error);
/* Fills what a record tells of features; `shared_in` is filled already. */
void tencent_read_features(const json_t *record, struct snapshot_record *snapshot);
int tencent_put_feature(const json_t *raw, enum snapshot_feature feature, struct buffer *out);

/* Fills *error (all but http_status and request_id) for an error code of API 3.0. */
void tencent_error_set(struct cloud_error *error, const char *code, const char *message);

/* The same for the gateway's older envelope: its number, and its word ("" if it sent none). */
void tencent_gateway_error_set(struct cloud_error *error, int64_t number, const char *word,
                               const char *message);

#endif
