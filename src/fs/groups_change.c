/* SPDX-License-Identifier: Apache-2.0 */
/* Making, rolling back and deleting groups; groups.c tells what they are. */
#include "fs_internal.h"

#include "cbsfs/fields.h"
#include "cbsfs/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More disks than an instance takes, and than anybody has put together. */
#define DISKS_MOST 512

/* True for what is more than one disk: an instance, or a group of the cloud's own. */
static bool names_several(const struct region *region, const char *word)
{
    return strncmp(word, "ins-", 4) == 0 ||
           (store_provider(region->store)->group_advice != NULL &&
            catalogue_disk(store_catalogue(region->store), word) == NULL);
}

static bool is_one_of(const struct disk *disk, const char *several)
{
    return disk->exists && (strcmp(disk_text(disk, DISK_INSTANCE), several) == 0 ||
                            strcmp(disk_text(disk, DISK_GROUP), several) == 0);
}

/* The disks that a name ends in, into `ids` (at most DISKS_MOST, pointing into `list`). 0: there
 * are more, or none. */
static size_t split_disks(const struct region *region, char *list, const char **ids)
{
    const struct catalogue *catalogue = store_catalogue(region->store);
    char *rest = NULL;
    size_t count = 0;
    for (char *word = strtok_r(list, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
        size_t before = count, several = names_several(region, word) ? catalogue->disk_count : 0;
        for (size_t i = 0; i < several; i++) {
            if (!is_one_of(catalogue->disks[i], word))
                continue;
            /* Of fewer than were meant nobody wants a group. */
            if (count == DISKS_MOST)
                return 0;
            ids[count++] = disk_text(catalogue->disks[i], DISK_ID);
        }
        /* What is nothing that is known is refused by its name. */
        if (count > before || strncmp(word, "ins-", 4) == 0)
            continue;
        if (count == DISKS_MOST)
            return 0;
        ids[count++] = word;
    }
    return count;
}

/* True if the list says less than all: what else there is at this moment decides. */
static bool wants_all_disks(const struct region *region, const char *list)
{
    bool all = store_provider(region->store)->group_advice != NULL;
    for (const char *word = list; word != NULL && !all; word = strchr(word, ',')) {
        word += *word == ',';
        all = strncmp(word, "ins-", 4) == 0;
    }
    return all;
}

/* What is attached where decides, also of what was attached a moment ago: the list is asked for
 * anew, once. */
static void ask_for_disks(struct request *request)
{
    if (!request->confirmed)
        store_refresh_disks(request->region->store);
    request->confirmed = true;
}

static void answer_made(struct request *request)
{
    struct node node;
    const json_t *group = groups_find_part(request->region, request->name,
                                           groups_name_length(request->region, request->name));
    if (group == NULL) {
        reply_error(request, -ETIMEDOUT); /* made, and not to be shown for want of memory */
        return;
    }
    node_of_group(request->region, group, GROUP_SELF, &node);
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

/* 0 and the name that the group is to have, or a recorded refusal. */
static int may_make(struct request *request, const struct node *parent, const char *whole,
                    char *name)
{
    struct fs *fs = request->fs;
    char reason[300];
    if (fs->settings.read_only)
        return fs_refuse(fs, parent, request->name, "mkdir", -EROFS, "the mount is read-only");
    if (strlen(request->name) == strlen(whole))
        return fs_refuse(fs, parent, request->name, "mkdir", -EINVAL,
                         store_provider(request->region->store)->group_advice != NULL
                             ? "say of which group of disks: NAME@ID-OF-THE-GROUP, or the ids of "
                               "all its disks"
                             : "say of which disks: NAME@disk-1,disk-2 or NAME@ins-1");
    int status =
        name_parse_new(store_provider(request->region->store), whole, name, reason, sizeof(reason));
    if (status != 0)
        return fs_refuse(fs, parent, request->name, "mkdir", status, reason);
    if (groups_name_misleads(request->region, name))
        return fs_refuse(fs, parent, request->name, "mkdir", -EINVAL,
                         "the name looks like the id of a group");
    return guard_refuses_copy(request, parent);
}

void groups_mkdir(struct request *request, const struct node *parent)
{
    struct fs *fs = request->fs;
    const char *ids[DISKS_MOST];
    char name[NAME_ENTRY_SIZE], whole[NAME_ENTRY_SIZE], path[1024];
    size_t length = groups_name_length(request->region, request->name);
    snprintf(whole, sizeof(whole), "%s", request->name);
    whole[length] = '\0';
    int status = may_make(request, parent, whole, name);
    if (status != 0) {
        reply_error(request, status);
        return;
    }
    bool all = wants_all_disks(request->region, whole + length + 1);
    ask_for_disks(request);
    if (groups_wait_for_all(request))
        return;
    if (request->status != 0 && groups_all(request->region) == NULL) {
        reply_error(request, request->status);
        return;
    }
    if (request->status != 0 && all) {
        reply_error(request, fs_refuse(fs, parent, request->name, "mkdir", request->status,
                                       "the cloud did not tell which disks it has now"));
        return;
    }
    size_t count = split_disks(request->region, whole + length + 1, ids);
    entry_path(parent, request->name, path, sizeof(path));
    follow(request, store_create_group(request->region->store, ids, count, name, path, made,
                                       request, &request->job));
}

const json_t *groups_wait_for_entry(struct request *request)
{
    if (groups_wait_for_all(request))
        return NULL;
    const json_t *group = groups_find_entry(request->region, request->name);
    if (groups_wait_for_members(request, group))
        return NULL;
    if (group == NULL)
        reply_error(request, request->status != 0 ? request->status : -ENOENT);
    return group;
}

void groups_rmdir(struct request *request, const struct node *parent, const json_t *group)
{
    char path[1024];
    entry_path(parent, request->name, path, sizeof(path));
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
    if (groups_wait_for_all(request))
        return;
    status = node_find(fs, request->number, &node);
    if (status == 0 && groups_wait_for_members(request, node.group))
        return;
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
