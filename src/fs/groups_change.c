/* SPDX-License-Identifier: Apache-2.0 */
/* Making groups of snapshots, deleting them, and rolling their disks back; groups.c shows them. */
#include "fs_internal.h"

#include "cbsfs/fields.h"
#include "cbsfs/names.h"
#include "cbsfs/provider.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* More disks than an instance takes, and than anybody has put together. */
#define DISKS_MOST 512

/* The disks that a name ends in, into `ids` (at most DISKS_MOST, pointing into `list`). */
static size_t split_disks(const struct region *region, char *list, const char **ids)
{
    const struct catalogue *catalogue = store_catalogue(region->store);
    char *rest = NULL;
    size_t count = 0;
    for (char *word = strtok_r(list, ",", &rest); word != NULL && count < DISKS_MOST;
         word = strtok_r(NULL, ",", &rest)) {
        size_t before = count;
        bool is_disk = catalogue_disk(catalogue, word) != NULL;
        for (size_t i = 0; !is_disk && i < catalogue->disk_count && count < DISKS_MOST; i++) {
            const struct disk *disk = catalogue->disks[i];
            if (disk->exists && (strcmp(disk_text(disk, DISK_INSTANCE), word) == 0 ||
                                 strcmp(disk_text(disk, DISK_GROUP), word) == 0))
                ids[count++] = disk_text(disk, DISK_ID);
        }
        if (count == before && strncmp(word, "ins-", 4) != 0)
            ids[count++] = word;
    }
    return count;
}

static void answer_made(struct request *request)
{
    struct node node;
    const json_t *group = groups_entry(request->region, request->name);
    if (group == NULL) {
        reply_error(request, -ETIMEDOUT); /* made, and not to be shown for want of memory */
        return;
    }
    groups_node(request->region, group, &node);
    reply_entry(request, &node);
}

static void answer_status(struct request *request)
{
    reply_error(request, request->status);
}

static void made(void *data, const struct job_result *result)
{
    struct request *request = data;
    request->job = NULL;
    request->status = result->status;
    /* Its disks, and snapshots/, have more than the kernel has read of them. */
    if (result->status == 0)
        copies_drop(request->fs);
    request->answer = result->status == 0 ? answer_made : answer_status;
    request_wake(request);
}

static void done(void *data, const struct job_result *result)
{
    struct request *request = data;
    request->job = NULL;
    request->status = result->status;
    request->answer = answer_status;
    request_wake(request);
}

static void follow(struct request *request, int status)
{
    if (status != 0)
        reply_error(request, status);
    else
        request_park(request);
}

/* True: parked until groups, disks and what they have are known. */
static bool wait_for_all(struct request *request)
{
    return request_wait(request, WANT_GROUPS, NULL) || request_wait(request, WANT_DISKS, NULL) ||
           request_wait(request, WANT_SNAPSHOTS, NULL);
}

void groups_mkdir(struct request *request, const struct node *parent)
{
    struct fs *fs = request->fs;
    const char *ids[DISKS_MOST];
    char name[NAME_ENTRY_SIZE], whole[NAME_ENTRY_SIZE], path[NAME_ENTRY_SIZE + 8], reason[300];
    size_t length = groups_name_length(request->region, request->name);
    snprintf(whole, sizeof(whole), "%s", request->name);
    whole[length] = '\0';
    int status = fs->settings.read_only ? fs_refuse(fs, parent, request->name, "mkdir", -EROFS,
                                                    "the mount is read-only")
                                        : 0;
    if (status == 0 && strlen(request->name) == length)
        status = fs_refuse(fs, parent, request->name, "mkdir", -EINVAL,
                           store_provider(request->region->store)->group_advice != NULL
                               ? "say of which group of disks: NAME@ID-OF-THE-GROUP, or the ids of "
                                 "all its disks"
                               : "say of which disks: NAME@disk-1,disk-2 or NAME@ins-1");
    if (status == 0) {
        status = name_parse_new(store_provider(request->region->store), whole, name, reason,
                                sizeof(reason));
        if (status != 0)
            fs_refuse(fs, parent, request->name, "mkdir", status, reason);
    }
    if (status != 0) {
        reply_error(request, status);
        return;
    }
    bool of_cloud = store_provider(request->region->store)->group_advice != NULL;
    /* Which disks are together anybody may change, and the cloud takes all of them. */
    if (of_cloud && (request->waited & (1u << WANT_DISKS)) == 0)
        store_refresh_disks(request->region->store);
    if (wait_for_all(request))
        return;
    if ((of_cloud || store_list(request->region->store, WANT_GROUPS, "") == NULL) &&
        request->status != 0) {
        reply_error(request, request->status);
        return;
    }
    size_t count = split_disks(request->region, whole + length + 1, ids);
    snprintf(path, sizeof(path), "groups/%s", request->name);
    follow(request, store_create_group(request->region->store, ids, count, name, path, made,
                                       request, &request->job));
}

const json_t *groups_wait_for_entry(struct request *request)
{
    if (wait_for_all(request))
        return NULL;
    const json_t *group = groups_entry(request->region, request->name);
    if (group == NULL)
        reply_error(request, request->status != 0 ? request->status : -ENOENT);
    return group;
}

void groups_rmdir(struct request *request, const json_t *group)
{
    char path[NAME_ENTRY_SIZE + 8];
    snprintf(path, sizeof(path), "groups/%s", request->name);
    follow(request, store_delete_group(request->region->store, field_text(group, "id", ""), path,
                                       done, request, &request->job));
}

void groups_command_rollback(struct request *request)
{
    struct fs *fs = request->fs;
    struct rollback_command command = {0};
    struct node node;
    char path[1024];
    int status = node_find(fs, request->number, &node);
    const char *id = status == 0 ? field_text(node.group, "id", "") : "";
    const char *reason =
        status == 0 ? command_read_rollback(fs, id, request->text, &command) : NULL;
    if (status == 0 && fs->settings.rollback == FS_ROLLBACK_OFF)
        status = fs_refuse(fs, &node, NULL, "rollback", -EPERM, "this mount has rollback=off");
    else if (reason != NULL)
        status = fs_refuse(fs, &node, NULL, "rollback", -EINVAL, reason);
    if (status != 0) {
        command_finish(request, status);
        return;
    }
    if (wait_for_all(request))
        return;
    status = node_find(fs, request->number, &node);
    if (status == 0) {
        node_path(&node, path, sizeof(path));
        status = store_rollback_group(request->region->store, field_text(node.group, "id", ""),
                                      command.stop, command.start, path, command_done, request,
                                      &request->job);
    }
    if (status != 0)
        command_finish(request, status);
    else
        request_park(request);
}
