/* SPDX-License-Identifier: Apache-2.0 */
/* Which regions there are, and what each holds. */
#ifndef CBSFS_SIM_REGIONS_H
#define CBSFS_SIM_REGIONS_H

#include "sim.h"

/* Makes the accounts that the options ask for. 0 or -ENOMEM. */
int regions_make(struct sim *sim);
void regions_free(struct sim *sim);

/* The region of that name, which API 3.0 has; NULL if there is none. What it holds is made when it
 * is first looked at: *status is -ENOMEM when that failed, else 0. */
struct account *region_find(struct sim *sim, const char *name, int *status);

#endif
