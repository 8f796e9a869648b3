/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of the log-in share: openstack_login.c gives out and decides when Keystone is
 * asked, openstack_token.c asks. */
#ifndef CBSFS_APP_OPENSTACK_TOKEN_H
#define CBSFS_APP_OPENSTACK_TOKEN_H

#include "credential_waiters.h"
#include "openstack_parts.h"

#include "cbsfs/keystone.h"
#include "cbsfs/openstack_login.h"

struct openstack_login {
    struct http *http;
    struct openstack_environment *environment;
    char *profile, *region, *endpoint; /* the user's own words, or NULL */
    bool evs;
    int64_t timeout;
    struct openstack_settings settings;
    int64_t next_look; /* clock_now() ms: when the files are read again at the soonest */
    bool complained;   /* of files that cannot be read any more */

    struct credential credential; /* empty until a log-in succeeded */
    char region_found[128];
    int64_t renew_before; /* seconds */
    int64_t clock_offset; /* seconds: Keystone's clock minus ours */
    int64_t since;        /* clock_now() ms of the credential */
    unsigned young;       /* tokens in a row that were refused soon */

    struct keystone_token pending; /* during the second exchange */
    char *versions_of;             /* the endpoint that api_minor is of */
    unsigned api_minor;

    bool refused;       /* Keystone refused the log-in with these settings */
    int failure;        /* of the last log-in; 0 */
    int64_t pause;      /* ms from the last log-in to the next */
    int64_t next_login; /* clock_now() ms */
    struct cloud_error error;
    struct http_exchange *exchange;
    struct credential_waiters waiters;
};

/* Fills *error as errors of a log-in are; returns `status`. */
int openstack_login_fail(struct cloud_error *error, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

const char *openstack_login_value(const struct openstack_login *login,
                                  enum openstack_setting setting);

/* The region that is wanted: the user's word, else the settings'; NULL if nobody tells. */
const char *openstack_login_wanted_region(const struct openstack_login *login);

/* Seconds until the token ends, by Keystone's clock; 0 without one. */
int64_t openstack_login_seconds_left(const struct openstack_login *login);

/* Both exchanges are over; `status` < 0: login->error says why. Calls whoever waits. */
void openstack_login_finish(struct openstack_login *login, int status);

/* Begins both exchanges. 0: openstack_login_finish() follows from the loop; or -errno with
 * login->error filled. */
int openstack_token_fetch(struct openstack_login *login);

/* "https://evs.REGION.DOMAIN" for "https://iam.REGION.DOMAIN" (openstack facts 4.1), or "". */
void openstack_token_guess_endpoint(const struct openstack_login *login, char *url, size_t size);

#endif
