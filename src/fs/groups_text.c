/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a group say; the table at the end is all of them. */
#include "fs_internal.h"

#include "cbsfs/fields.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WORD_SIZE 32

enum group_text { GROUP_ID, GROUP_NAME, GROUP_STATE, GROUP_POLICY };

static int group_value(struct fs *fs, const struct node *node, struct buffer *out)
{
    static const char *const keys[] = {[GROUP_ID] = "id",
                                       [GROUP_NAME] = "name",
                                       [GROUP_STATE] = "state",
                                       [GROUP_POLICY] = "policy"};
    (void)fs;
    buffer_put_printable(out, field_text(node->group, keys[node->type->which], ""));
    return buffer_puts(out, "\n");
}

static const char *word_of(const struct node *node, char space[WORD_SIZE], int *percent)
{
    const char *word = store_group_status(node->region->store, node->group, percent);
    return catalogue_word(word, field_text(node->group, "state", ""), space, WORD_SIZE);
}

static int group_status(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    int percent;
    char space[WORD_SIZE];
    buffer_put_printable(out, word_of(node, space, &percent));
    return buffer_printf(out, " %d\n", percent);
}

static int group_percent(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    int percent;
    char space[WORD_SIZE];
    (void)word_of(node, space, &percent);
    return buffer_printf(out, "%d\n", percent);
}

static int group_created(struct fs *fs, const struct node *node, struct buffer *out)
{
    char text[TIMESTAMP_SIZE];
    (void)fs;
    timestamp_format(groups_time(node), text);
    return buffer_printf(out, "%s\n", text);
}

static int group_json(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    char *text = json_dumps(node->group, JSON_COMPACT);
    if (text == NULL)
        return -ENOMEM;
    buffer_put_json(out, text);
    free(text);
    return buffer_puts(out, "\n");
}

static int group_error(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    return store_put_error(node->region->store, NULL, field_text(node->group, "id", ""), out);
}

/* True if each of its snapshots is known, and the disk of each. */
static bool is_whole(const struct node *node)
{
    const struct catalogue *catalogue = store_catalogue(node->region->store);
    const json_t *members = json_object_get(node->group, "snapshots");
    size_t at;
    json_t *id;
    json_array_foreach((json_t *)members, at, id)
    {
        const struct snapshot *member = catalogue_snapshot(catalogue, json_string_value(id));
        if (member == NULL || !snapshot_is_visible(member) || !member->disk->exists)
            return false;
    }
    return json_array_size(members) > 0 &&
           !json_is_true(json_object_get(node->group, "incomplete"));
}

/* True if its disk is attached. */
static bool put_member(const struct node *node, const char *id, struct buffer *out)
{
    const struct snapshot *snapshot = catalogue_snapshot(store_catalogue(node->region->store), id);
    buffer_printf(out, "snapshot          %s", id);
    if (snapshot == NULL) {
        buffer_puts(out, ", of a disk that is not known\n");
        return false;
    }
    const struct disk *disk = snapshot->disk;
    buffer_printf(out, " of disk %s \"", disk_text(disk, DISK_ID));
    buffer_put_printable(out, disk_text(disk, DISK_NAME));
    buffer_printf(out, "\" %" PRId64 " GiB%s\n", disk->size,
                  !disk->exists    ? ", which is gone"
                  : disk->attached ? ", attached"
                                   : "");
    return disk->exists && disk->attached;
}

static int group_rollback(struct fs *fs, const struct node *node, struct buffer *out)
{
    size_t at;
    json_t *id;
    const char *group_id = field_text(node->group, "id", "");
    buffer_puts(out,
                "# Dry run: nothing was sent. A rollback replaces everything on all these disks "
                "by the snapshots.\n");
    buffer_printf(out, "group             %s \"", group_id);
    buffer_put_printable(out, field_text(node->group, "name", ""));
    buffer_puts(out, "\"\n");
    bool is_attached = false;
    int percent;
    char space[WORD_SIZE];
    json_array_foreach(json_object_get(node->group, "snapshots"), at, id) is_attached |=
        put_member(node, json_string_value(id), out);
    text_put_check(out, !fs->settings.read_only && fs->settings.rollback != FS_ROLLBACK_OFF,
                   "the mount allows rollbacks");
    text_put_check(out, strcmp(word_of(node, space, &percent), "NORMAL") == 0,
                   "the group is NORMAL");
    const char *foreign = feature_foreign(node, CLOUD_APPLY_GROUP);
    if (foreign != NULL)
        text_put_check(out, false, foreign);
    else if (!is_whole(node))
        text_put_check(out, false, "all its snapshots, and their disks, are there and known");
    if (foreign == NULL)
        buffer_printf(out, "command           echo %s%s > rollback\n", group_id,
                      is_attached ? " stop start" : "");
    text_put_last(out, node, "rollback", group_id);
    return out->error;
}

static int member_target(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    return buffer_printf(out, "../../../snapshots/%s", node->member);
}

const struct file group_files[] = {
    {"status", FILE_VOLATILE, group_status, 0},
    {"state", FILE_VOLATILE, group_value, GROUP_STATE},
    {"percent", FILE_VOLATILE, group_percent, 0},
    {"id", FILE_VOLATILE, group_value, GROUP_ID},
    {"name", FILE_VOLATILE, group_value, GROUP_NAME},
    {"created", FILE_VOLATILE, group_created, 0},
    {"policy", FILE_VOLATILE, group_value, GROUP_POLICY},
    {"group.json", FILE_VOLATILE, group_json, 0},
    {"error", FILE_VOLATILE, group_error, 0},
    {"rollback", FILE_VOLATILE | FILE_WRITABLE, group_rollback, 0},
    {"wait", FILE_VOLATILE | FILE_UNLISTED, group_status, 0},
};
const size_t group_file_count = sizeof(group_files) / sizeof(group_files[0]);
const struct file member_file = {"", FILE_LINK, member_target, 0};
