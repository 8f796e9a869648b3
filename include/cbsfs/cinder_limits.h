/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many snapshots a project may have in Cinder, and how many it has (openstack facts 3, GET
 * /limits).  No verb of a provider, as only --check asks.  Pure: no I/O, no clock.
 */
#ifndef CBSFS_CINDER_LIMITS_H
#define CBSFS_CINDER_LIMITS_H

#include "cbsfs/cloud.h"

#include <stdint.h>

struct http_request;
struct http_reply;

/* Of volumes and snapshots together: the gigabytes. -1: without an end, or untold. */
struct cinder_limits {
    int64_t snapshots, snapshots_used;
    int64_t gigabytes, gigabytes_used;
};

/* *request must be initialised and empty; it stays so after a failure.  0, -ENOMEM, or -EINVAL
 * without an endpoint or a token. */
int cinder_limits_encode(const struct credential *credential, struct http_request *request);
/* error->status is 0 when *limits was told. */
void cinder_limits_decode(const struct http_reply *reply, struct cinder_limits *limits,
                          struct cloud_error *error);

#endif
