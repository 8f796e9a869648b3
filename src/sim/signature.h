/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TC3-HMAC-SHA256 as the server checks it (facts 2).  Written apart from the client's signing on
 * purpose: a mistake in one does not hide in the other.
 */
#ifndef CBSFS_SIM_SIGNATURE_H
#define CBSFS_SIM_SIGNATURE_H

#include "sim.h"

struct signature_key {
    const char *secret_id;
    const char *secret_key;
};

struct signature_problem {
    const char *code;
    const char *message;
};

/* `now`: the server's time in seconds. 0, or -EACCES with the reason. */
int signature_check(const struct http_request *http, const struct signature_key *key, int64_t now,
                    struct signature_problem *problem);

#endif
