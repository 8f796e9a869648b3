/* SPDX-License-Identifier: Apache-2.0 */
/* What the orders for single snapshots (features.c), those for groups (group_orders.c) and their
 * proofs (feature_proof.c) share. */
#ifndef CBSFS_FEATURES_INTERNAL_H
#define CBSFS_FEATURES_INTERNAL_H

#include "jobs_internal.h"

/* Whose refusal it is, for its record. */
struct refusal {
    struct store *store;
    const char *disk_id, *snapshot_id, *path, *operation;
};

/* Records it. Returns `status`. */
int feature_refuse(const struct refusal *about, int status, const char *reason);
/* The same with the provider's reason for what it has no call for; 0: it has one. */
int feature_refuse_foreign(const struct refusal *about, enum cloud_verb verb);
/* A change of this kind of the same snapshot or group that is not over. */
const struct job *feature_unfinished(const struct store *store, enum cloud_verb verb,
                                     const char *snapshot_id);
/* Its record says so. */
bool feature_is_copied_to(const struct snapshot *snapshot, const char *region);

/* Copies a text, NULL too. False without memory. */
bool order_keep(char **to, const char *text);
/* A job with what it needs beyond snapshot and name (members apart), or NULL without memory. */
struct job *feature_order(struct store *store, enum cloud_verb verb, const char *disk_id,
                          const char *snapshot_id, const char *name, const char *path,
                          const struct job_order *order);

#endif
