/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creating, renaming, deleting and rolling back in EVS (openstack facts 4.2 and 4.3).
 *
 * Preconditions are read from the records as EVS shows them, so that a member that a test has
 * patched counts like any other.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actions.h"
#include "cbsfs/fields.h"
#include "cbsfs/timestamp.h"
#include "evs.h"
#include "uuids.h"

#define NAME_LIMIT    64
#define QUOTA         7
#define BACKUP_PREFIX "autobk_snapshot_"
#define BLANKS        " \t\r\n"

static const char *given(const struct api_request *request, const char *name)
{
    return field_text(request->parameters, name, "");
}

static struct snapshot *find_snapshot(const struct api_request *request)
{
    char id[RECORD_ID_SIZE];

    id_of_uuid(given(request, "snapshot_id"), id);
    return account_snapshot(request->account, id);
}

static struct disk *find_disk(const struct api_request *request)
{
    char id[RECORD_ID_SIZE];

    id_of_uuid(given(request, "volume_id"), id);
    return account_disk(request->account, id);
}

/* Whether a record's status is among `words`, which "," ends each: "available,error,". */
static bool has_status(const json_t *shown, const char *words)
{
    const char *status = field_text(shown, "status", "");
    size_t length = strlen(status);

    for (; *words; words += strcspn(words, ",") + 1) {
        if (strncmp(words, status, length) == 0 && words[length] == ',')
            return true;
    }
    return false;
}

/* --- names --------------------------------------------------------------------------- */

static size_t count_characters(const char *text, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* The new name without the blanks at its ends, NULL if there is none; the caller frees it. */
static int read_name(struct api_request *request, char **name)
{
    json_t *value = json_object_get(request->parameters, "name");
    const char *text = json_string_value(value);
    size_t length;

    *name = NULL;
    if (!value || json_is_null(value))
        return 0;
    if (!text)
        return api_refuse_plainly(request, "EVS.5400",
                                  "Invalid input for field/attribute name: it is not a string");
    text += strspn(text, BLANKS);
    length = strlen(text);
    while (length > 0 && strchr(BLANKS, text[length - 1]))
        length--;
    if (count_characters(text, length) > NAME_LIMIT)
        return api_refuse_plainly(request, "EVS.5400",
                                  "Invalid input for field/attribute name. Value: %.*s. It is too"
                                  " long: at most %d characters are allowed",
                                  (int)length, text, NAME_LIMIT);
    if (strncmp(text, BACKUP_PREFIX, strlen(BACKUP_PREFIX)) == 0)
        return api_refuse_plainly(request, "EVS.5400",
                                  "Invalid input for field/attribute name: " BACKUP_PREFIX
                                  " is reserved");
    *name = strndup(text, length);
    return *name ? 0 : -ENOMEM;
}

/* Keeps what only this dialect has: description and metadata. */
static int keep_own_members(struct record *head, const json_t *parameters)
{
    static const char *const names[] = {"description", "metadata"};
    json_t *kept = json_object_get(head->fields, "evs");
    int status = 0;

    kept = kept ? json_copy(kept) : json_object();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *value = json_object_get(parameters, names[i]);

        if (value && json_object_set(kept, names[i], value) < 0)
            status = -ENOMEM;
    }
    if (!head->fields)
        head->fields = json_object();
    if (json_object_size(kept) > 0 && json_object_set(head->fields, "evs", kept) < 0)
        status = -ENOMEM;
    json_decref(kept);
    return status;
}

static int reply_with(struct api_request *request, const struct snapshot *snapshot,
                      unsigned int status)
{
    json_t *shown = evs_snapshot(request->account, snapshot, request->now);

    request->status = status;
    return json_object_set_new(request->reply, "snapshot", shown) < 0 ? -ENOMEM : 0;
}

/* --- create -------------------------------------------------------------------------- */

static int check_disk(struct api_request *request, const struct disk *disk)
{
    long quota = request->sim->options.quota < 0 ? QUOTA : request->sim->options.quota;
    json_t *shown = evs_disk(request->account, disk, request->now);
    bool force = field_boolean(request->parameters, "force", false);
    int status = shown ? 0 : -ENOMEM;

    if (status == 0 &&
        !has_status(shown, force ? "available,in-use,attaching," : "available,in-use,"))
        status = api_refuse_plainly(request, "EVS.5400",
                                    "Invalid volume: Volume %s status must be available or in-use,"
                                    " but current status is: %s.",
                                    given(request, "volume_id"), field_text(shown, "status", ""));
    else if (status == 0 && disk->snapshot_count >= quota)
        status = api_refuse_plainly(request, "EVS.5413",
                                    "SnapshotLimitExceeded: Maximum number of snapshots allowed"
                                    " (%ld) exceeded",
                                    quota);
    json_decref(shown);
    return status;
}

static struct snapshot *make_snapshot(struct api_request *request, const struct disk *disk,
                                      const char *name)
{
    char id[RECORD_ID_SIZE];
    struct snapshot *snapshot;

    account_new_snapshot_id(request->account, id);
    snapshot = snapshot_new(id, name ? name : "");
    if (!snapshot)
        return NULL;
    snprintf(snapshot->disk_id, sizeof snapshot->disk_id, "%s", disk->head.id);
    snapshot->head.created = request->wall;
    snapshot->head.born = request->now;
    snapshot->started = request->now;
    snapshot->size = disk->size;
    snapshot->system = disk->system;
    snapshot->encrypted = disk->encrypted;
    snapshot->create_fails = request->fails;
    if (keep_own_members(&snapshot->head, request->parameters) < 0) {
        record_free(&snapshot->head);
        return NULL;
    }
    return snapshot;
}

/* Makes it under a name that has been read. NULL with *status. */
static struct snapshot *create(struct api_request *request, const char *name, int *status)
{
    const struct disk *disk = find_disk(request);
    struct snapshot *snapshot;

    if (!disk) {
        *status = evs_no_disk(request, given(request, "volume_id"));
        return NULL;
    }
    *status = check_disk(request, disk);
    if (*status < 0)
        return NULL;
    snapshot = make_snapshot(request, disk, name);
    *status = snapshot ? account_add_snapshot(request->account, snapshot) : -ENOMEM;
    return snapshot;
}

int evs_create_snapshot(struct api_request *request)
{
    const struct snapshot *snapshot = NULL;
    char *name = NULL;
    int status;

    if (!*given(request, "volume_id"))
        return api_refuse_plainly(request, "EVS.5400",
                                  "Invalid input for field/attribute snapshot. 'volume_id' is a"
                                  " required property");
    status = read_name(request, &name);
    if (status == 0)
        snapshot = create(request, name, &status);
    free(name);
    return status == 0 ? reply_with(request, snapshot, 202) : status;
}

/* --- update -------------------------------------------------------------------------- */

int evs_update_snapshot(struct api_request *request)
{
    struct snapshot *snapshot = find_snapshot(request);
    struct snapshot *next = NULL;
    char *name = NULL;
    int status;

    if (!snapshot)
        return evs_no_snapshot(request, given(request, "snapshot_id"));
    status = read_name(request, &name);
    if (status == 0 && !name && !json_object_get(request->parameters, "description"))
        status = api_refuse_plainly(request, "EVS.5400", "Invalid input: nothing to update");
    if (status == 0) {
        next = snapshot_copy(snapshot, name);
        status = next ? keep_own_members(&next->head, request->parameters) : -ENOMEM;
        if (status < 0)
            record_free((struct record *)next);
    }
    if (status == 0) {
        if (name)
            json_object_del(next->head.fields, "SnapshotName");
        next->modified = request->wall;
        status = account_replace_snapshot(request->account, snapshot, next, request->now);
    }
    free(name);
    return status == 0 ? reply_with(request, next, 200) : status;
}

/* --- delete -------------------------------------------------------------------------- */

static int check_deletion(struct api_request *request, const struct snapshot *snapshot)
{
    json_t *shown = evs_snapshot(request->account, snapshot, request->now);
    const char *uuid = given(request, "snapshot_id");
    int status = shown ? 0 : -ENOMEM;

    if (status == 0 && has_status(shown, "error_deleting,"))
        status = api_refuse_plainly(request, "EVS.2019", "Snapshot %s is error_deleting.", uuid);
    else if (status == 0 && !has_status(shown, "available,error,"))
        status = api_refuse_plainly(request, "EVS.1047",
                                    "Invalid snapshot: Snapshot status must be available or error,"
                                    " but current status is: %s.",
                                    field_text(shown, "status", ""));
    json_decref(shown);
    return status;
}

int evs_delete_snapshot(struct api_request *request)
{
    static const char *const of_snapshot[] = {"SnapshotState", "Percent", NULL};
    struct snapshot *snapshot = find_snapshot(request);
    struct snapshot *next;
    int status;

    if (!snapshot)
        return evs_no_snapshot(request, given(request, "snapshot_id"));
    status = check_deletion(request, snapshot);
    if (status < 0)
        return status;
    next = snapshot_copy(snapshot, NULL);
    if (!next)
        return -ENOMEM;
    forget_patched(&next->head, of_snapshot);
    next->delete_fails = request->fails;
    request->status = 202;
    return account_start_deletion(request->account, snapshot, next, request->now);
}

/* --- roll back ----------------------------------------------------------------------- */

static int check_rollback(struct api_request *request, const json_t *snapshot, const json_t *disk)
{
    const char *volume = given(request, "volume_id");

    if (strcmp(field_text(snapshot, "volume_id", ""), field_text(disk, "id", "")) != 0)
        return api_refuse_plainly(request, "EVS.2045",
                                  "Invalid snapshot: snapshot %s was not created from volume %s.",
                                  given(request, "snapshot_id"), volume);
    if (!has_status(snapshot, "available,"))
        return api_refuse_plainly(request, "EVS.2043",
                                  "Invalid snapshot: Snapshot status must be available, but"
                                  " current status is: %s.",
                                  field_text(snapshot, "status", ""));
    if (!has_status(disk, "available,error_rollbacking,"))
        return api_refuse_plainly(request, "EVS.5400",
                                  "Invalid volume: Volume %s status must be available or"
                                  " error_rollbacking, but current status is: %s.",
                                  volume, field_text(disk, "status", ""));
    return 0;
}

int evs_roll_back(struct api_request *request)
{
    struct snapshot *snapshot = find_snapshot(request);
    struct disk *disk = find_disk(request);
    json_t *shown, *disk_shown;
    int status;

    if (!snapshot)
        return evs_no_snapshot(request, given(request, "snapshot_id"));
    if (!disk)
        return evs_no_disk(request, given(request, "volume_id"));
    shown = evs_snapshot(request->account, snapshot, request->now);
    disk_shown = evs_disk(request->account, disk, request->now);
    status = shown && disk_shown ? check_rollback(request, shown, disk_shown) : -ENOMEM;
    json_decref(shown);
    json_decref(disk_shown);
    if (status == 0)
        status = start_rollback(request, snapshot, disk);
    if (status < 0)
        return status;
    request->status = 202;
    return json_object_set_new(request->reply, "rollback",
                               json_pack("{s:s}", "volume_id", given(request, "volume_id"))) < 0
               ? -ENOMEM
               : 0;
}
