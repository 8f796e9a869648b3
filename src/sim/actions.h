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

/* The region that a request names, which lives as long as the program; NULL: none that there is. */
const char *action_region(const struct api_request *request, const struct http_request *http);

/* What was patched before counts until something new begins; then the life cycle shows again. */
void forget_patched(struct record *head, const char *const *members);
/* The disk goes back to the snapshot from now on; what has to be so was checked. 0 or -ENOMEM. */
int start_rollback(struct api_request *request, struct snapshot *snapshot, struct disk *disk);

/* Checks that several actions have in common, each 0, -EREMOTEIO or -ENOMEM. */
int no_disk(struct api_request *request, const char *id);
int no_snapshot(struct api_request *request, const char *id);
/* At most 60 characters; `parameter` is what the request calls it. */
int check_name(struct api_request *request, const char *parameter, const char *name);
int check_disk_can_snapshot(struct api_request *request, const json_t *disk, const char *id);
/* Whether the disk may go back to the snapshot, as the request's AutoStopInstance has it. */
int check_apply(struct api_request *request, const struct snapshot *snapshot,
                const struct disk *disk);
/* A snapshot of the disk that begins now, and is in no table yet; `name` "": the API's own. NULL:
 * no memory. */
struct snapshot *begin_snapshot(struct api_request *request, const struct disk *disk,
                                const char *name);

/* What the table points at. */
int describe_regions(struct api_request *request);
int describe_share_permission(struct api_request *request);
int modify_share_permission(struct api_request *request);
int copy_snapshot(struct api_request *request);
int create_disks(struct api_request *request);
int describe_policies(struct api_request *request);
int describe_groups(struct api_request *request);
int create_group(struct api_request *request);
int apply_group(struct api_request *request);
int delete_group(struct api_request *request);
int describe_disks(struct api_request *request);
int describe_snapshots(struct api_request *request);
int describe_snapshot_overview(struct api_request *request);
int create_snapshot(struct api_request *request);
int apply_snapshot(struct api_request *request);
int delete_snapshots(struct api_request *request);
int modify_snapshot_attribute(struct api_request *request);

#endif
