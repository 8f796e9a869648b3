/* SPDX-License-Identifier: Apache-2.0 */
/* Changes that are carried out after their requests were answered, or dropped: the fault "late". */
#ifndef CBSFS_SIM_LATE_H
#define CBSFS_SIM_LATE_H

#include "actions.h"

/* Keeps a checked change for request->late ms from now. 0 or -ENOMEM. */
int late_add(const struct api_request *request, const struct action *action);
/* Carries out what is due at `now`; returns ms until the next one, -1 if there is none. */
int64_t late_run(struct sim *sim, int64_t now);
/* How many have not been carried out yet. */
size_t late_count(const struct sim *sim);
/* Forgets what has not been carried out. */
void late_free(struct sim *sim);

#endif
