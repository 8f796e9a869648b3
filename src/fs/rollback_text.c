/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dry run: what `cat rollback` says.
 *
 * It is written for somebody about to overwrite a disk: which one, with what, what would be lost,
 * what stands in the way, and the exact command.  Its text is no command itself, so that an editor
 * that saves back what it showed is refused.
 */
#include "fs_internal.h"

#include "cbsfs/clock.h"
#include "cbsfs/provider.h"
#include "cbsfs/timestamp.h"

#include <inttypes.h>
#include <string.h>

static void put_age(struct buffer *out, int64_t created)
{
    int64_t now = clock_wall() / 1000;
    if (created == TIMESTAMP_NONE || created > now)
        return;
    int64_t hours = (now - created) / 3600;
    if (hours >= 48)
        buffer_printf(out, ", %" PRId64 " days old", hours / 24);
    else
        buffer_printf(out, ", %" PRId64 " hours old", hours);
}

static void put_disk(struct buffer *out, const struct disk *disk)
{
    buffer_printf(out, "disk              %s", disk_text(disk, DISK_ID));
    if (disk->exists) {
        buffer_puts(out, " \"");
        buffer_put_printable(out, disk_text(disk, DISK_NAME));
        buffer_printf(out, "\" %" PRId64 " GiB", disk->size);
    }
    buffer_puts(out, "\n");
}

static void put_snapshot(struct buffer *out, const struct snapshot *snapshot)
{
    char created[TIMESTAMP_SIZE];
    timestamp_format(snapshot_created(snapshot), created);
    buffer_printf(out, "snapshot          %s \"", snapshot_text(snapshot, SNAPSHOT_ID));
    buffer_put_printable(out, snapshot_text(snapshot, SNAPSHOT_NAME));
    buffer_printf(out, "\" of %s", created);
    put_age(out, snapshot_created(snapshot));
    buffer_printf(out, "\nnewer snapshots   %zu\n", store_newer(snapshot));
}

static void put_attachment(struct buffer *out, const struct disk *disk)
{
    buffer_puts(out, "attached to       ");
    if (!disk->attached)
        buffer_puts(out, "nothing\n");
    else
        buffer_put_printable(out, disk_text(disk, DISK_INSTANCE)), buffer_puts(out, "\n");
}

/* Whether this cloud stops an instance for a rollback. */
static bool can_stop(const struct node *node)
{
    const struct provider *provider = store_provider(node->region->store);
    const struct cloud_call call = {.verb = CLOUD_APPLY_SNAPSHOT, .stop_instance = true};
    return provider->refusal == NULL || provider->refusal(&call) == NULL;
}

static void put_detached(const struct node *node, struct buffer *out)
{
    const struct disk *disk = node->disk;
    buffer_printf(out, "%s  the disk%s%s\n", disk->attached ? "FAIL" : "PASS",
                  disk->portable ? " is detached" : "'s instance is shut down",
                  can_stop(node) ? " (or write `stop` as a further word)" : "");
}

static void put_checks(struct fs *fs, struct buffer *out, const struct node *node)
{
    const struct snapshot *snapshot = node->snapshot;
    const struct disk *disk = snapshot->disk;
    text_put_check(out, !fs->settings.read_only && fs->settings.rollback != FS_ROLLBACK_OFF,
                   "the mount allows rollbacks");
    text_put_check(out, disk->exists, "the snapshot's disk is there");
    text_put_check(out, strcmp(snapshot_word(snapshot), "NORMAL") == 0, "the snapshot is NORMAL");
    text_put_check(out, !snapshot->shared_in, "the snapshot is this account's own");
    if (!disk->exists)
        return;
    text_put_check(out, !disk_is_rolling_back(disk), "the disk is not being rolled back");
    text_put_check(
        out, snapshot_size(snapshot) < 0 || disk->size < 0 || snapshot_size(snapshot) == disk->size,
        "the disk has the size that the snapshot was made at");
    if (store_provider(node->region->store)->reverts_newest_only)
        text_put_check(out, store_newer(snapshot) == 0, "the snapshot is the disk's newest");
    put_detached(node, out);
}

int rollback_render(struct fs *fs, const struct node *node, struct buffer *out)
{
    const struct snapshot *snapshot = node->snapshot;
    const char *id = disk_text(node->disk, DISK_ID);
    buffer_puts(out, "# Dry run: nothing was sent. A rollback replaces everything on the disk by "
                     "the snapshot.\n");
    put_disk(out, node->disk);
    put_snapshot(out, snapshot);
    if (node->disk->exists)
        put_attachment(out, node->disk);
    put_checks(fs, out, node);
    buffer_printf(out, "command           echo %s%s > rollback\n", id,
                  node->disk->attached && can_stop(node) ? " stop" : "");
    text_put_last(out, node, "rollback", snapshot_text(snapshot, SNAPSHOT_ID));
    return out->error;
}
