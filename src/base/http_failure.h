/* SPDX-License-Identifier: Apache-2.0 */
/* What a transfer that failed has failed of: libcurl's words in ours. */
#ifndef CBSFS_HTTP_FAILURE_H
#define CBSFS_HTTP_FAILURE_H

#include "cbsfs/http.h"

#include <curl/curl.h>

/* The errno, one of those that http_reply.error lists. */
int http_errno(CURL *easy, CURLcode code);

/* Fills reply->message from what is in it. `words`: libcurl's own, "" if it had none. */
void http_describe_failure(const char *endpoint, const char *words, CURLcode code,
                           struct http_reply *reply);

#endif
