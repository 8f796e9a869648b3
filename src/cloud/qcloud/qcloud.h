/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the codec for the legacy API v2 share. */
#ifndef CBSFS_CLOUD_QCLOUD_H
#define CBSFS_CLOUD_QCLOUD_H

#include "cbsfs/provider.h"

const char *qcloud_action(enum cloud_verb verb);

int qcloud_endpoint(const struct cloud_account *account, char *url, size_t size);

int qcloud_encode(const struct cloud_account *account, const struct credential *credential,
                  int64_t now, const struct cloud_call *call, struct http_request *request);

void qcloud_decode(const struct cloud_call *call, const struct http_reply *reply,
                   struct cloud_answer *answer);

/* Fills *error (all but http_status and request_id) for a `code` that is not 0, the word that came
 * with it ("" if none) and the message. */
void qcloud_error_set(struct cloud_error *error, int64_t number, const char *word,
                      const char *message);

#endif
