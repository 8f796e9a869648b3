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

void tencent_decode(const struct cloud_call *call, const struct http_reply *reply,
                    struct cloud_answer *answer);

/* Fills *error (all but http_status and request_id) for an error code of API 3.0. */
void tencent_error_set(struct cloud_error *error, const char *code, const char *message);

/* The same for the gateway's older envelope: its number, and its word ("" if it sent none). */
void tencent_gateway_error_set(struct cloud_error *error, int64_t number, const char *word,
                               const char *message);

#endif
