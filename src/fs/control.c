/* SPDX-License-Identifier: Apache-2.0 */
/* Control files: what a written line means, and carrying it out. */
#include "fs_internal.h"

#include "cbsfs/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int fs_refuse(struct fs *fs, const struct node *node, const char *name, const char *operation,
              int status, const char *reason)
{
    char path[1024];
    /* A region that nobody has entered keeps no failures. */
    const struct region *region = node->region->store != NULL ? node->region : region_home(fs);
    node_path(node, path, sizeof(path));
    if (name != NULL) {
        size_t used = strlen(path);
        snprintf(path + used, sizeof(path) - used, "%s%s", used > 0 ? "/" : "", name);
    }
    const char *id = node->snapshot != NULL ? snapshot_text(node->snapshot, SNAPSHOT_ID)
                     : node->group != NULL  ? groups_id(node)
                                            : NULL;
    return store_refuse(region->store, node->disk != NULL ? disk_text(node->disk, DISK_ID) : NULL,
                        id, path, operation, status, reason);
}

/* --- rollback: 1 | yes | DISK-ID, then stop and start -------------------------------- */

const char *command_read_rollback(const struct fs *fs, const char *id, const char *text,
                                  struct rollback_command *command)
{
    char line[256], *rest = NULL;
    const char *reason = command_line(text, line, sizeof(line));
    if (reason != NULL)
        return reason;
    const char *word = strtok_r(line, " \t\r", &rest);
    bool plain = word != NULL && (strcmp(word, "1") == 0 || strcmp(word, "yes") == 0);
    if (plain && fs->settings.rollback == FS_ROLLBACK_CONFIRM)
        return "this mount (rollback=confirm) takes only the id";
    if (word == NULL || (!plain && strcmp(word, id) != 0))
        return "write 1, yes or the id, which must be the one that `cat rollback` shows";
    *command = (struct rollback_command){0};
    while ((word = strtok_r(NULL, " \t\r", &rest)) != NULL) {
        if (strcmp(word, "stop") == 0)
            command->stop = true;
        else if (strcmp(word, "start") == 0)
            command->start = true;
        else
            return "the words after it may be stop and start";
    }
    return command->start && !command->stop ? "start needs stop" : NULL;
}

void command_finish(struct request *request, int status)
{
    struct handle *handle = request->handle;
    handle->executing = false;
    handle->commanded = true;
    handle->result = status;
    if (status != 0)
        reply_error(request, status);
    else
        fuse_reply_write(request->fuse, request->size);
}

void command_rollback(struct request *request)
{
    struct fs *fs = request->fs;
    struct rollback_command command = {0};
    struct node node;
    char path[1024];
    int status = node_find(fs, request->number, &node);
    if (status != 0) {
        command_finish(request, status);
        return;
    }
    const char *reason =
        command_read_rollback(fs, disk_text(node.disk, DISK_ID), request->text, &command);
    if (fs->settings.rollback == FS_ROLLBACK_OFF)
        status = fs_refuse(fs, &node, NULL, "rollback", -EPERM, "this mount has rollback=off");
    else if (reason != NULL)
        status = fs_refuse(fs, &node, NULL, "rollback", -EINVAL, reason);
    if (status != 0) {
        command_finish(request, status);
        return;
    }
    const char *id = snapshot_text(node.snapshot, SNAPSHOT_ID);
    if (request_wait(request, WANT_STATUS, id) ||
        request_wait(request, WANT_DISK, disk_text(node.disk, DISK_ID)))
        return;
    node_path(&node, path, sizeof(path));
    status = store_rollback(node.region->store, id, command.stop, command.start, path, command_done,
                            request, &request->job);
    if (status != 0)
        command_finish(request, status);
    else
        request_park(request);
}

/* --- the mount's own ----------------------------------------------------------------- */

int command_refresh(struct fs *fs)
{
    fs_refresh(fs);
    return 0;
}

int command_log_level(const char *text)
{
    char word[32], more;
    enum log_level level;
    if (sscanf(text, " %31s %c", word, &more) != 1 || log_level_parse(word, &level) != 0)
        return -EINVAL;
    log_set_level(level);
    return 0;
}
