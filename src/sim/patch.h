/* SPDX-License-Identifier: Apache-2.0 */
/* POST /_sim/patch: changes that nobody asked the API for. */
#ifndef CBSFS_SIM_PATCH_H
#define CBSFS_SIM_PATCH_H

#include "sim.h"

/*
 * Applies {"snapshots": {ID: {MEMBER: VALUE}}, "disks": {...}, "remove": [ID]}.  Records that do
 * not exist are made; ids may be given as UUIDs (uuids.h).  Returns 0, -EINVAL with a readable
 * reason (what came before it has been applied) or -ENOMEM.
 */
int patch_apply(struct account *account, const json_t *patch, int64_t now, int64_t wall,
                char *reason, size_t reason_size);
/* The same in the region that the patch's member "region" names, else in the first. */
int patch_region(struct sim *sim, const json_t *patch, int64_t now, int64_t wall, char *reason,
                 size_t reason_size);

#endif
