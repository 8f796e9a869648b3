/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the codec for Cinder v3 and EVS share. */
#ifndef CBSFS_CLOUD_OPENSTACK_H
#define CBSFS_CLOUD_OPENSTACK_H

#include "cbsfs/buffer.h"
#include "cbsfs/provider.h"

#include <jansson.h>

const char *openstack_action(enum cloud_verb verb);
const char *evs_action(enum cloud_verb verb);

int openstack_endpoint(const struct cloud_account *account, char *url, size_t size);
int evs_endpoint(const struct cloud_account *account, char *url, size_t size);

int openstack_encode(const struct cloud_account *account, const struct credential *credential,
                     int64_t now, const struct cloud_call *call, struct http_request *request);
int evs_encode(const struct cloud_account *account, const struct credential *credential,
               int64_t now, const struct cloud_call *call, struct http_request *request);

/*
 * Where block storage is asked, "https://host[:port][/path]/VERSION/PROJECT" appended to `out`:
 * made of an endpoint that may end in "/vN", "/vN/PROJECT" or in neither, and of the project's id
 * (NULL: as the endpoint has it, or none). 0, -ENOMEM, or -EINVAL for what is no URL.
 */
int openstack_put_base(const char *endpoint, const char *version, const char *project,
                       struct buffer *out);

void openstack_decode(const struct cloud_call *call, const struct http_reply *reply,
                      struct cloud_answer *answer);
void evs_decode(const struct cloud_call *call, const struct http_reply *reply,
                struct cloud_answer *answer);

/* Tags are the record's metadata, in both. */
int openstack_put_feature(const json_t *raw, enum snapshot_feature feature, struct buffer *out);

/* Fills *error from an answer that is no success. `document` is its body, NULL if it has none. */
void openstack_error_set(const struct http_reply *reply, const json_t *document,
                         struct cloud_error *error);

/* True if the answer says that the object asked for does not exist; not that the path does not. */
bool openstack_is_gone(const struct http_reply *reply, const json_t *document);

#endif
