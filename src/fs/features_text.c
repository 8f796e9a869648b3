/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of a snapshot's features say.
 *
 * Those that hold a value show it.  Those that only do something show what they would do, as
 * `rollback` does: with what, what stands in the way, the exact command, and what the last one came
 * to.
 */
#include "fs_internal.h"

#include "cbsfs/provider.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int feature_render(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    size_t before = out->length;
    int status =
        snapshot_put_feature(node->snapshot, (enum snapshot_feature)node->type->which, out);
    if (status == 0 && (out->length == before || out->data[out->length - 1] != '\n'))
        status = buffer_puts(out, "\n");
    return status;
}

const char *feature_foreign(const struct node *node, enum cloud_verb verb)
{
    const struct provider *provider = store_provider(node->region->store);
    const struct cloud_call call = {.verb = verb};
    return provider->refusal != NULL ? provider->refusal(&call) : NULL;
}

int shares_render(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    const char *id = snapshot_text(node->snapshot, SNAPSHOT_ID);
    const char *reason = feature_foreign(node, CLOUD_DESCRIBE_SHARES);
    size_t at;
    json_t *share;
    if (reason != NULL)
        return buffer_printf(out, "# %s\n", reason);
    if (!node->snapshot->shared_out)
        return buffer_puts(out, "\n");
    json_array_foreach((json_t *)store_list(node->region->store, WANT_SHARES, id), at, share)
    {
        buffer_put_printable(out, json_string_value(json_object_get(share, "account")));
        buffer_puts(out, "\n");
    }
    return out->length > 0 ? out->error : buffer_puts(out, "\n");
}

static bool is_bound(const json_t *policy, const char *disk_id)
{
    size_t at;
    json_t *id;
    json_array_foreach(json_object_get(policy, "disks"), at, id)
    {
        if (strcmp(json_string_value(id), disk_id) == 0)
            return true;
    }
    return false;
}

/* The policies that make snapshots of this disk: their ids, or the whole as an array. */
int policies_render(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    bool whole = node->type->which == POLICIES_WHOLE;
    const char *reason = feature_foreign(node, CLOUD_DESCRIBE_POLICIES);
    size_t at;
    json_t *policy;
    if (reason != NULL)
        return whole ? buffer_puts(out, "[]\n") : buffer_printf(out, "# %s\n", reason);
    const char *separator = "[\n";
    json_array_foreach((json_t *)store_list(node->region->store, WANT_POLICIES, ""), at, policy)
    {
        if (!is_bound(policy, disk_text(node->disk, DISK_ID)))
            continue;
        if (!whole) {
            buffer_printf(out, "%s\n", json_string_value(json_object_get(policy, "id")));
            continue;
        }
        char *text = json_dumps(policy, JSON_COMPACT);
        if (text == NULL)
            return -ENOMEM;
        buffer_puts(out, separator);
        buffer_put_json(out, text);
        free(text);
        separator = ",\n";
    }
    if (whole)
        return buffer_puts(out, out->length > 0 ? "\n]\n" : "[]\n");
    return out->length > 0 ? out->error : buffer_puts(out, "\n");
}

/* --- dry runs --------------------------------------------------------------------------- */

void text_put_check(struct buffer *out, bool pass, const char *what)
{
    buffer_printf(out, "%s  %s\n", pass ? "PASS" : "FAIL", what);
}

void text_put_last(struct buffer *out, const struct node *node, const char *operation,
                   const char *id)
{
    buffer_puts(out, "last result       ");
    size_t before = out->length;
    store_put_last_result(node->region->store, operation, id, out);
    buffer_puts(out, out->length == before ? "none\n" : "\n");
}

static void put_snapshot(struct buffer *out, const struct node *node)
{
    char created[TIMESTAMP_SIZE];
    timestamp_format(snapshot_created(node->snapshot), created);
    buffer_printf(out, "snapshot          %s \"", snapshot_text(node->snapshot, SNAPSHOT_ID));
    buffer_put_printable(out, snapshot_text(node->snapshot, SNAPSHOT_NAME));
    buffer_printf(out, "\" of %s, %" PRId64 " GiB\n", created, snapshot_size(node->snapshot));
}

/* What stands in the way of whatever needs the snapshot whole. False: the cloud has no such thing.
 */
static bool put_checks(struct fs *fs, const struct node *node, enum cloud_verb verb,
                       struct buffer *out)
{
    const char *reason = feature_foreign(node, verb);
    if (reason != NULL) {
        text_put_check(out, false, reason);
        return false;
    }
    text_put_check(out, !fs->settings.read_only, "the mount is not read-only");
    text_put_check(out, strcmp(snapshot_word(node->snapshot), "NORMAL") == 0,
                   "the snapshot is NORMAL");
    text_put_check(out, !node->snapshot->shared_in, "the snapshot is this account's own");
    return true;
}

int copy_render(struct fs *fs, const struct node *node, struct buffer *out)
{
    buffer_puts(out, "# Dry run: nothing was sent. A copy is a snapshot of its own in another "
                     "region; traffic and storage cost money.\n");
    put_snapshot(out, node);
    (void)put_checks(fs, node, CLOUD_COPY_SNAPSHOT, out);
    buffer_puts(out, "being copied to   ");
    size_t before = out->length;
    int status = snapshot_put_feature(node->snapshot, FEATURE_COPYING, out);
    if (status != 0)
        return status;
    /* One line, as all others. */
    for (size_t at = before; at < out->length; at++) {
        if (out->data[at] == '\n')
            out->data[at] = at + 1 < out->length ? ' ' : '\n';
    }
    if (out->length == before)
        buffer_puts(out, "no region\n");
    else if (out->data[out->length - 1] != '\n')
        buffer_puts(out, "\n");
    buffer_puts(out, "command           echo REGION [NAME] > copy_to\n");
    text_put_last(out, node, "copy_to", snapshot_text(node->snapshot, SNAPSHOT_ID));
    return out->error;
}

int new_disk_render(struct fs *fs, const struct node *node, struct buffer *out)
{
    struct disk_order order = {0};
    const char *missing = store_complete_disk_order(node->snapshot, &order);
    bool of_system = strcmp(snapshot_text(node->snapshot, SNAPSHOT_USAGE), "SYSTEM_DISK") == 0;
    buffer_puts(out,
                "# Dry run: nothing was sent. A new disk COSTS MONEY from the moment it is made "
                "until it is destroyed.\n");
    put_snapshot(out, node);
    buffer_puts(out, "new disk          ");
    buffer_put_printable(out, order.type != NULL && order.type[0] != '\0' ? order.type : "?");
    buffer_printf(out, ", %" PRId64 " GiB, in ", order.size);
    buffer_put_printable(out, order.zone[0] != '\0' ? order.zone : "?");
    buffer_puts(out, ", paid by the hour\n");
    text_put_check(out, fs->settings.allow_create_disk,
                   "the mount allows it (-o allow_create_disk)");
    if (put_checks(fs, node, CLOUD_CREATE_DISK, out)) {
        text_put_check(out, !of_system, "the snapshot is of a data disk");
        if (missing != NULL)
            text_put_check(out, false, missing);
        if (store_is_changing(node->region->store, CLOUD_CREATE_DISK,
                              snapshot_text(node->snapshot, SNAPSHOT_ID)))
            text_put_check(out, false, "what became of an earlier order is known");
    }
    buffer_puts(out, "command           echo yes > new_disk\n"
                     "or with           zone=... type=... size=GIB name=... behind it\n");
    text_put_last(out, node, "new_disk", snapshot_text(node->snapshot, SNAPSHOT_ID));
    return out->error;
}
