/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each file says.  The tables at the end are the tree's files; a new one is a line there and,
 * if none of the functions above it fits, a function.
 *
 * Everything is rendered from memory, whole, so that a file's size in stat(2) is exact; `tar`,
 * `rsync` and busybox read wrongly otherwise.
 */
#include "fs_internal.h"

#include "cbsfs/fields.h"
#include "cbsfs/log.h"
#include "cbsfs/provider.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* --- one value ----------------------------------------------------------------------- */

/* A value of the cloud's own, made safe for whoever reads one line. */
static int put_value(struct buffer *out, const char *value)
{
    buffer_put_printable(out, value);
    return buffer_puts(out, "\n");
}

static int put_number(struct buffer *out, int64_t number)
{
    return number < 0 ? buffer_puts(out, "\n") : buffer_printf(out, "%" PRId64 "\n", number);
}

static int put_time(struct buffer *out, int64_t time)
{
    char text[TIMESTAMP_SIZE];
    timestamp_format(time, text);
    return put_value(out, text);
}

static int put_truth(struct buffer *out, bool truth)
{
    return buffer_puts(out, truth ? "true\n" : "false\n");
}

static int disk_value(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    return put_value(out, disk_text(node->disk, (enum disk_text)node->type->which));
}

enum disk_number { DISK_SIZE, DISK_SNAPSHOT_COUNT, DISK_ROLLBACK_PERCENT };

static int disk_number(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    const struct disk *disk = node->disk;
    switch ((enum disk_number)node->type->which) {
    case DISK_SIZE:
        return put_number(out, disk->size);
    case DISK_SNAPSHOT_COUNT:
        return put_number(out, disk->snapshot_count);
    case DISK_ROLLBACK_PERCENT:
        return put_number(out, disk->rollback_percent);
    }
    return -EINVAL;
}

static int disk_created(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    return put_time(out, node->disk->created);
}

static int disk_expires(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    return put_time(out, node->disk->expires);
}

enum disk_truth { DISK_ENCRYPTED, DISK_ATTACHED, DISK_PORTABLE, DISK_SNAPSHOT_ABILITY };

static int disk_truth(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    const struct disk *disk = node->disk;
    switch ((enum disk_truth)node->type->which) {
    case DISK_ENCRYPTED:
        return put_truth(out, disk->encrypted);
    case DISK_ATTACHED:
        return put_truth(out, disk->attached);
    case DISK_PORTABLE:
        return put_truth(out, disk->portable);
    case DISK_SNAPSHOT_ABILITY:
        return put_truth(out, disk->snapshot_ability);
    }
    return -EINVAL;
}

static int snapshot_value(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    return put_value(out, snapshot_text(node->snapshot, (enum snapshot_text)node->type->which));
}

static int snapshot_status(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    buffer_put_printable(out, snapshot_word(node->snapshot));
    return buffer_printf(out, " %u\n", snapshot_percent(node->snapshot));
}

static int snapshot_percentage(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    return put_number(out, snapshot_percent(node->snapshot));
}

static int snapshot_name(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    const char *wanted = snapshot_more(node->snapshot)->wanted_name;
    return put_value(out, wanted != NULL ? wanted : snapshot_text(node->snapshot, SNAPSHOT_NAME));
}

static int snapshot_disk(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    const char *id = disk_text(node->disk, DISK_ID);
    return put_value(out, strcmp(id, CATALOGUE_NO_DISK) != 0 ? id : "");
}

static int render_size(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    return put_number(out, snapshot_size(node->snapshot));
}

static int render_created(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    return put_time(out, snapshot_created(node->snapshot));
}

static int render_expires(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    return put_time(out, snapshot_expires(node->snapshot));
}

static int snapshot_encrypted(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    return put_truth(out, node->snapshot->encrypted);
}

static int snapshot_images(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    /* One id a line: the ids are ids, they were checked when they were taken in. */
    return buffer_printf(out, "%s\n", snapshot_text(node->snapshot, SNAPSHOT_IMAGES));
}

/* --- JSON ---------------------------------------------------------------------------- */

static json_t *time_or_null(int64_t time)
{
    char text[TIMESTAMP_SIZE];
    timestamp_format(time, text);
    return text[0] != '\0' ? json_string(text) : json_null();
}

static json_t *number_or_null(int64_t number)
{
    return number >= 0 ? json_integer(number) : json_null();
}

static json_t *image_array(const struct snapshot *snapshot)
{
    json_t *images = json_array();
    for (const char *at = snapshot_text(snapshot, SNAPSHOT_IMAGES); *at != '\0';) {
        size_t length = strcspn(at, "\n");
        json_array_append_new(images, json_stringn(at, length));
        at += length + (at[length] == '\n');
    }
    return images;
}

/* The normalised members, and the provider's own record behind them as it came. */
static int put_object(struct buffer *out, json_t *object)
{
    char *text = object != NULL ? fields_print(object) : NULL;
    json_decref(object);
    if (text == NULL)
        return -ENOMEM;
    text[strlen(text) - 1] = '\0';
    buffer_put_json(out, text);
    free(text);
    return buffer_puts(out, ",\"raw\":");
}

/* `node` is of the snapshot or of its disk. */
static int put_snapshot_json(const struct node *node, const struct snapshot *snapshot,
                             struct buffer *out)
{
    const char *disk = disk_text(snapshot->disk, DISK_ID);
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:o, s:o, s:b, s:s, s:s, s:s, s:o}", "id",
        snapshot_text(snapshot, SNAPSHOT_ID), "entry", snapshot_entry(snapshot), "name",
        snapshot_text(snapshot, SNAPSHOT_NAME), "disk",
        strcmp(disk, CATALOGUE_NO_DISK) != 0 ? disk : "", "status", snapshot_word(snapshot),
        "state", snapshot_text(snapshot, SNAPSHOT_STATE), "percent",
        (int)snapshot_percent(snapshot), "size", number_or_null(snapshot_size(snapshot)), "created",
        time_or_null(snapshot_created(snapshot)), "expires",
        time_or_null(snapshot_expires(snapshot)), "encrypted", (int)snapshot->encrypted, "usage",
        snapshot_text(snapshot, SNAPSHOT_USAGE), "type", snapshot_text(snapshot, SNAPSHOT_TYPE),
        "zone", snapshot_text(snapshot, SNAPSHOT_ZONE), "images", image_array(snapshot));
    int status = put_object(out, object);
    if (status == 0 && node->size_only && snapshot->raw_length != SNAPSHOT_RAW_LENGTH_UNKNOWN)
        status = buffer_printf(out, "%*s", (int)snapshot->raw_length, "");
    else if (status == 0)
        status = snapshot_put_raw(snapshot, out);
    return status == 0 ? buffer_puts(out, "}") : status;
}

static int snapshot_json(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    int status = put_snapshot_json(node, node->snapshot, out);
    return status != 0 ? status : buffer_puts(out, "\n");
}

static int snapshots_json(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    const char *separator = "[\n";
    int status = 0;
    for (size_t i = 0; i < node->disk->count && status == 0; i++) {
        if (!snapshot_is_visible(disk_snapshot(node->disk, i)))
            continue;
        buffer_puts(out, separator);
        status = put_snapshot_json(node, disk_snapshot(node->disk, i), out);
        separator = ",\n";
    }
    if (status != 0)
        return status;
    return buffer_puts(out, out->length > 0 ? "\n]\n" : "[]\n");
}

static int disk_json(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    const struct disk *disk = node->disk;
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:b, s:b, s:b, s:b, s:b, "
        "s:i}",
        "id", disk_text(disk, DISK_ID), "name", disk_text(disk, DISK_NAME), "state",
        disk_text(disk, DISK_STATE), "size", number_or_null(disk->size), "usage",
        disk_text(disk, DISK_USAGE), "type", disk_text(disk, DISK_TYPE), "zone",
        disk_text(disk, DISK_ZONE), "instance", disk_text(disk, DISK_INSTANCE), "charge_type",
        disk_text(disk, DISK_CHARGE_TYPE), "project", disk_text(disk, DISK_PROJECT), "created",
        time_or_null(disk->created), "expires", time_or_null(disk->expires), "encrypted",
        (int)disk->encrypted, "attached", (int)disk->attached, "portable", (int)disk->portable,
        "snapshot_ability", (int)disk->snapshot_ability, "rolling_back", (int)disk->rolling_back,
        "rollback_percent", (int)disk->rollback_percent);
    int status = put_object(out, object);
    if (status == 0)
        status = disk_put_raw(disk, out);
    return status != 0 ? status : buffer_puts(out, "}\n");
}

/* --- links and reasons --------------------------------------------------------------- */

static int latest_target(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    const struct snapshot *latest = catalogue_latest(node->disk);
    return latest != NULL ? buffer_printf(out, "snapshots/%s", snapshot_entry(latest)) : -ENOENT;
}

static int link_target(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    return buffer_printf(out, "../disks/%s/snapshots/%s", disk_text(node->disk, DISK_ID),
                         snapshot_entry(node->snapshot));
}

static int disk_error(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    return store_put_error(node->region->store, disk_text(node->disk, DISK_ID), NULL, out);
}

static int snapshot_error(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    return store_put_error(node->region->store, NULL, snapshot_text(node->snapshot, SNAPSHOT_ID),
                           out);
}

static int home_target(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    (void)node;
    return buffer_puts(out, "..");
}

static int render_refused(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)node;
    if (!regions_are_refused(fs))
        return buffer_puts(out, "\n");
    return buffer_printf(out,
                         "The cloud does not tell this account which regions there are (%s).\n"
                         "It needs the permission region:DescribeRegions; without it, mount each "
                         "region by itself.\n"
                         "The cloud's own words are in .cbsfs/errors.\n",
                         strerrorname_np(-fs->regions_refused));
}

/* --- the mount's own ----------------------------------------------------------------- */

static int control_version(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    (void)node;
    return buffer_puts(out, CBSFS_VERSION "\n");
}

static int control_config(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)node;
    return buffer_puts(out, fs->settings.config);
}

static int control_errors(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    return store_put_errors(node->region->store, out);
}

static int control_jobs(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    return store_put_jobs(node->region->store, out);
}

static int control_refresh(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    (void)node;
    return buffer_puts(out, "# Write anything here and the cloud is asked again.\n");
}

static int control_log_level(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)fs;
    (void)node;
    return buffer_printf(out, "%s\n", log_level_name(log_get_level()));
}

/* --- the tables ---------------------------------------------------------------------- */

const struct file disk_files[] = {
    {"id", 0, disk_value, DISK_ID},
    {"name", FILE_DISK_ONLY, disk_value, DISK_NAME},
    {"state", FILE_DISK_ONLY | FILE_PROGRESS, disk_value, DISK_STATE},
    {"size", FILE_DISK_ONLY, disk_number, DISK_SIZE},
    {"usage", FILE_DISK_ONLY, disk_value, DISK_USAGE},
    {"type", FILE_DISK_ONLY, disk_value, DISK_TYPE},
    {"zone", FILE_DISK_ONLY, disk_value, DISK_ZONE},
    {"instance", FILE_DISK_ONLY, disk_value, DISK_INSTANCE},
    {"created", FILE_DISK_ONLY, disk_created, 0},
    {"expires", FILE_DISK_ONLY, disk_expires, 0},
    {"encrypted", FILE_DISK_ONLY, disk_truth, DISK_ENCRYPTED},
    {"attached", FILE_DISK_ONLY, disk_truth, DISK_ATTACHED},
    {"portable", FILE_DISK_ONLY, disk_truth, DISK_PORTABLE},
    {"snapshot_ability", FILE_DISK_ONLY, disk_truth, DISK_SNAPSHOT_ABILITY},
    {"snapshot_count", FILE_DISK_ONLY, disk_number, DISK_SNAPSHOT_COUNT},
    {"rollback_percent", FILE_DISK_ONLY | FILE_PROGRESS, disk_number, DISK_ROLLBACK_PERCENT},
    {"charge_type", FILE_DISK_ONLY, disk_value, DISK_CHARGE_TYPE},
    {"project", FILE_DISK_ONLY, disk_value, DISK_PROJECT},
    {"disk.json", FILE_DISK_ONLY | FILE_PROGRESS, disk_json, 0},
    {"snapshots.json", FILE_VOLATILE, snapshots_json, 0},
    {"latest", FILE_LINK, latest_target, 0},
    {"error", FILE_VOLATILE, disk_error, 0},
    /* Not listed, because knowing them costs a call. */
    {"policies", FILE_VOLATILE | FILE_DISK_ONLY | FILE_UNLISTED | FILE_LIST, policies_render,
     POLICIES_IDS},
    {"policies.json", FILE_VOLATILE | FILE_DISK_ONLY | FILE_UNLISTED | FILE_LIST, policies_render,
     POLICIES_WHOLE},
};
const size_t disk_file_count = sizeof(disk_files) / sizeof(disk_files[0]);
_Static_assert(DISK_FILES + sizeof(disk_files) / sizeof(disk_files[0]) <= NODE_FILES_MOST,
               "a disk's files have numbers");

const struct file snapshot_files[] = {
    {"status", FILE_PROGRESS, snapshot_status, 0},
    {"state", FILE_PROGRESS, snapshot_value, SNAPSHOT_STATE},
    {"percent", FILE_PROGRESS, snapshot_percentage, 0},
    {"id", 0, snapshot_value, SNAPSHOT_ID},
    {"name", FILE_VOLATILE | FILE_WRITABLE, snapshot_name, 0},
    {"disk", 0, snapshot_disk, 0},
    {"size", 0, render_size, 0},
    {"created", FILE_PROGRESS, render_created, 0},
    {"expires", FILE_PROGRESS | FILE_WRITABLE, render_expires, 0},
    {"encrypted", 0, snapshot_encrypted, 0},
    {"usage", FILE_PROGRESS, snapshot_value, SNAPSHOT_USAGE},
    {"type", FILE_PROGRESS, snapshot_value, SNAPSHOT_TYPE},
    {"zone", FILE_PROGRESS, snapshot_value, SNAPSHOT_ZONE},
    {"images", FILE_PROGRESS, snapshot_images, 0},
    {"snapshot.json", FILE_VOLATILE, snapshot_json, 0},
    {"error", FILE_VOLATILE, snapshot_error, 0},
    {"rollback", FILE_VOLATILE | FILE_WRITABLE, rollback_render, 0},
    {"wait", FILE_VOLATILE | FILE_UNLISTED, snapshot_status, 0},
    {"tags", FILE_PROGRESS, feature_render, FEATURE_TAGS},
    {"policy", FILE_PROGRESS, feature_render, FEATURE_POLICY},
    {"copy_to", FILE_VOLATILE | FILE_WRITABLE, copy_render, 0},
    {"new_disk", FILE_VOLATILE | FILE_WRITABLE, new_disk_render, 0},
    /* Not listed, because knowing it costs a call for each snapshot that is shared. */
    {"shared_with", FILE_VOLATILE | FILE_WRITABLE | FILE_UNLISTED | FILE_LIST, shares_render, 0},
};
const size_t snapshot_file_count = sizeof(snapshot_files) / sizeof(snapshot_files[0]);
_Static_assert(SNAPSHOT_FILES + sizeof(snapshot_files) / sizeof(snapshot_files[0]) <=
                   NODE_FILES_MOST,
               "a snapshot's files have numbers");

const struct file static_files[] = {
    {"README", 0, readme_render, 0},
    {"version", 0, control_version, 0},
    {"config", 0, control_config, 0},
    {"stats", FILE_VOLATILE, stats_render, 0},
    {"metrics", FILE_VOLATILE, metrics_render, 0},
    {"errors", FILE_VOLATILE, control_errors, 0},
    {"events", FILE_VOLATILE | FILE_LIVE, NULL, 0},
    {"events.1", FILE_VOLATILE, events_before_render, 0},
    {"jobs", FILE_VOLATILE, control_jobs, 0},
    {"refresh", FILE_VOLATILE | FILE_WRITABLE, control_refresh, 0},
    {"log_level", FILE_VOLATILE | FILE_WRITABLE, control_log_level, 0},
};
const size_t static_file_count = sizeof(static_files) / sizeof(static_files[0]);
_Static_assert(STATIC_FILES + sizeof(static_files) / sizeof(static_files[0]) <= NODE_FILES_MOST,
               "the mount's own files have numbers");

const struct file link_file = {"", FILE_LINK, link_target, 0};
const struct file home_file = {"", FILE_LINK, home_target, 0};
const struct file refused_file = {"error", FILE_VOLATILE, render_refused, 0};

/* --- the rest
 * --------------------------------------------------------------------------------------------------
 */

int file_render(struct fs *fs, const struct node *node, struct buffer *out)
{
    if (node->type->flags & FILE_LIVE)
        return 0; /* it is not read from here */
    int status = node->type->render(fs, node, out);
    return status != 0 ? status : out->error;
}

bool file_is_shown(const struct file *file, const struct node *directory)
{
    if (file->flags & FILE_DISK_ONLY)
        return directory->disk->exists;
    if (file->render == latest_target)
        return catalogue_latest(directory->disk) != NULL;
    /* Nothing is called "none": the directory holds what has no disk. */
    if (file->render == disk_value)
        return strcmp(disk_text(directory->disk, DISK_ID), CATALOGUE_NO_DISK) != 0;
    return true;
}
