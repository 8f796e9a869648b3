/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SDK-HMAC-SHA256 as the gateway checks it (openstack facts 4.4).  Written apart from the client's
 * signing on purpose: a mistake in one does not hide in the other.
 */
#ifndef CBSFS_SIM_EVS_SIGNATURE_H
#define CBSFS_SIM_EVS_SIGNATURE_H

#include "signature.h"

/* `now`: the server's time in seconds. 0, or -EACCES with the reason. */
int evs_signature_check(const struct http_request *http, const struct signature_key *key,
                        int64_t now, struct signature_problem *problem);

#endif
