/* SPDX-License-Identifier: Apache-2.0 */
/* Those who wait for a credential that is being fetched, as struct credential_source has them. */
#ifndef CBSFS_APP_CREDENTIAL_WAITERS_H
#define CBSFS_APP_CREDENTIAL_WAITERS_H

struct credential_waiter;

/* Empty when all zero. */
struct credential_waiters {
    struct credential_waiter *waiting;
    struct credential_waiter *due; /* of those that are being told */
};

/* 0 or -ENOMEM. */
int credential_waiters_add(struct credential_waiters *waiters,
                           void (*ready)(void *data, int status), void *data);
/* Tells everybody once.  A waiter may ask or cancel again from its call: who asks again waits for
 * the next time. */
void credential_waiters_tell(struct credential_waiters *waiters, int status);
void credential_waiters_cancel(struct credential_waiters *waiters, const void *data);
/* Drops all without a call. */
void credential_waiters_free(struct credential_waiters *waiters);

#endif
