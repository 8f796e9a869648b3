/* SPDX-License-Identifier: Apache-2.0 */
/* What the cloud has accepted of ours: shown at once, and kept while listings may lag behind. */
#include "catalogue_internal.h"

#include "cbsfs/names.h"
#include "cbsfs/provider.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Notes when, and returns where to note more of it. Without memory, which
 * catalogue_prepare_change() has seen to, what listings say counts at once. */
static struct snapshot_more *mark(struct snapshot *snapshot, enum pending pending, int64_t now)
{
    struct snapshot_more *more = snapshot_want_more(snapshot);
    if (more != NULL) {
        snapshot_set_pending(snapshot, 0, (unsigned)pending);
        more->mutated = now;
    }
    return more;
}

struct snapshot *catalogue_created(struct catalogue *catalogue, struct disk *disk, const char *id,
                                   const char *name, int64_t now, int64_t wall)
{
    struct snapshot *snapshot = catalogue_snapshot(catalogue, id);
    if (snapshot == NULL) {
        const char *const shape[SHAPE_TEXTS] = {catalogue->provider->creating_state, "CREATING",
                                                disk_text(disk, DISK_USAGE),         "",
                                                disk_text(disk, DISK_ZONE),          ""};
        snapshot = catalogue_add_snapshot(catalogue, disk, id, name, shape, wall);
        if (snapshot == NULL)
            return NULL;
        snapshot->encrypted = disk->encrypted;
        snapshot_set_fetched(snapshot, now);
        if (snapshot_want_more(snapshot) == NULL || snapshot_set_size(snapshot, disk->size) != 0) {
            catalogue_remove_snapshot(catalogue, snapshot);
            return NULL;
        }
    }
    struct status_before before = {.percent = 0};
    struct snapshot_more *more = mark(snapshot, PENDING_CREATE, now);
    if (more == NULL)
        return NULL;
    more->created_at = now;
    catalogue_note_status(catalogue, snapshot, &before, wall);
    if (catalogue_assign_entry(catalogue, snapshot, name, true) != 0)
        return NULL; /* it is there, hidden, and the next listing names it */
    catalogue_tell(catalogue, CATALOGUE_SNAPSHOT_APPEARED, disk, snapshot, NULL);
    return snapshot;
}

/* Moves the entry to one for `name`; the old one counts as freed. Without memory the snapshot is
 * hidden until the next listing names it. */
static int move_entry(struct catalogue *catalogue, struct snapshot *snapshot, const char *name,
                      int64_t wall)
{
    catalogue_release_entry(catalogue, snapshot, wall);
    return catalogue_assign_entry(catalogue, snapshot, name, true);
}

void catalogue_forget_wanted(struct snapshot *snapshot)
{
    if (snapshot->more == NULL)
        return;
    free(snapshot->more->wanted_name);
    snapshot->more->wanted_name = NULL;
}

int catalogue_renamed(struct catalogue *catalogue, struct snapshot *snapshot, const char *name,
                      int64_t now, int64_t wall)
{
    struct snapshot_texts texts;
    char was[NAME_ENTRY_SIZE];
    catalogue_forget_wanted(snapshot);
    int status = snapshot_texts_make(&texts, snapshot->texts, name, NULL,
                                     snapshot_text(snapshot, SNAPSHOT_IMAGES));
    if (status != 0)
        return status;
    struct snapshot_more *more = mark(snapshot, PENDING_RENAME, now);
    if (more != NULL)
        more->renamed_at = now;
    snapshot_note_former(snapshot, now);
    catalogue_release_entry(catalogue, snapshot, wall);
    snprintf(was, sizeof(was), "%s", snapshot_text(snapshot, SNAPSHOT_NAME));
    snapshot_texts_use(snapshot, &texts);
    /* Without memory it is hidden until the next listing names it. */
    status = catalogue_assign_entry(catalogue, snapshot, name, true);
    if (strcmp(was, name) != 0)
        catalogue_tell(catalogue, CATALOGUE_SNAPSHOT_RENAMED, snapshot->disk, snapshot, was);
    return status;
}

int catalogue_rename_later(struct catalogue *catalogue, struct snapshot *snapshot, const char *name,
                           int64_t wall)
{
    struct snapshot_more *more = snapshot_want_more(snapshot);
    char *wanted = more != NULL ? strdup(name) : NULL;
    if (wanted == NULL)
        return -ENOMEM;
    int status = move_entry(catalogue, snapshot, name, wall);
    if (status != 0) {
        free(wanted);
        return status;
    }
    free(more->wanted_name);
    more->wanted_name = wanted;
    return 0;
}

void catalogue_deleted(struct catalogue *catalogue, struct snapshot *snapshot, int64_t now,
                       int64_t wall)
{
    struct snapshot_more *more = mark(snapshot, PENDING_DELETE, now);
    if (more != NULL)
        more->deleted_at = now;
    if (snapshot->entry_kind != ENTRY_NONE)
        catalogue_tell(catalogue, CATALOGUE_SNAPSHOT_GONE, snapshot->disk, snapshot, NULL);
    catalogue_release_entry(catalogue, snapshot, wall);
    catalogue->generation++;
}

void catalogue_expires(struct catalogue *catalogue, struct snapshot *snapshot, int64_t expires,
                       int64_t now)
{
    struct snapshot_more *more = snapshot->more;
    if (more != NULL) {
        more->mutated = now;
        more->dated_at = now;
        memmove(more->dates + 1, more->dates, (FORMER_DATES - 1) * sizeof(*more->dates));
        more->dates[0] = (struct former_date){snapshot_expires(snapshot), now};
    }
    snapshot_set_expires(snapshot, expires);
    catalogue_note_value(snapshot->disk, now);
    catalogue->generation++;
}

void catalogue_shared(struct snapshot *snapshot, bool shared, int64_t now)
{
    if (snapshot->more != NULL) {
        snapshot->more->mutated = now;
        snapshot->more->shared_at = now;
    }
    snapshot->shared_out = shared;
}

/* True if a listing that lags may tell of this date: one that it had a while ago, or nobody can
 * tell. */
static bool may_have_expired(const struct snapshot_more *more, int64_t expires, int64_t now)
{
    const struct former_date *oldest = &more->dates[FORMER_DATES - 1];
    for (size_t i = 0; i < FORMER_DATES; i++) {
        if (more->dates[i].until != 0 && more->dates[i].expires == expires)
            return true;
    }
    /* So many in so short a time that one may have been forgotten. */
    return oldest->until != 0 && now < oldest->until + PENDING_VALUE_GRACE;
}

int64_t snapshot_judge_expires(const struct snapshot *snapshot, int64_t expires, int64_t now)
{
    const struct snapshot_more *more = snapshot_more(snapshot);
    bool may_lag = more->dated_at != 0 && now < more->dated_at + PENDING_VALUE_GRACE;
    return may_lag && may_have_expired(more, expires, now) ? snapshot_expires(snapshot) : expires;
}

bool snapshot_judge_shared(const struct snapshot *snapshot, bool shared, int64_t now)
{
    const struct snapshot_more *more = snapshot_more(snapshot);
    bool may_lag = more->shared_at != 0 && now < more->shared_at + PENDING_VALUE_GRACE;
    return may_lag ? snapshot->shared_out || shared : shared;
}

void catalogue_rolling_back(struct catalogue *catalogue, struct snapshot *snapshot, int64_t now,
                            int64_t wall)
{
    struct status_before before = catalogue_status(snapshot);
    (void)mark(snapshot, PENDING_ROLLBACK, now);
    snapshot->disk->rollback_until = now + PENDING_ROLLBACK_GRACE;
    catalogue_note_status(catalogue, snapshot, &before, wall);
}
