/* SPDX-License-Identifier: Apache-2.0 */
/* The API's actions. Each is a row in a table: its name, its parameters, what it does. */
#ifndef CBSFS_SIM_ACTIONS_H
#define CBSFS_SIM_ACTIONS_H

#include "parameters.h"

struct action {
    const char *name;
    const struct parameter *parameters;
    bool changes; /* counted under "changes" when it succeeds */
    int (*run)(struct api_request *request);
};

/* NULL if there is none of that name (case matters). */
const struct action *action_find(const char *name);

/*
 * Checks signature, rate, version, region and parameters, in this order, and runs the action.
 * 0 with the answer's members in request->reply; -EREMOTEIO with code and message; -ENOMEM.
 */
int action_perform(struct api_request *request, const struct http_request *http);

/* What was patched before counts until something new begins; then the life cycle shows again. */
void forget_patched(struct record *head, const char *const *members);
/* The disk goes back to the snapshot from now on; what has to be so was checked. 0 or -ENOMEM. */
int start_rollback(struct api_request *request, struct snapshot *snapshot, struct disk *disk);

/* What the table points at. */
int describe_disks(struct api_request *request);
int describe_snapshots(struct api_request *request);
int describe_snapshot_overview(struct api_request *request);
int create_snapshot(struct api_request *request);
int apply_snapshot(struct api_request *request);
int delete_snapshots(struct api_request *request);
int modify_snapshot_attribute(struct api_request *request);

#endif
