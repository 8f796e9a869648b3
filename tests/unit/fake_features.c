/* SPDX-License-Identifier: Apache-2.0 */
/* What the cloud in memory has beside disks and snapshots, and how it is changed. */
#include "fake_client.h"

#include "cbsfs/buffer.h"
#include "cbsfs/timestamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_group *fake_add_group(const char *id, const char *name, int64_t created)
{
    if (fake.group_count == FAKE_FEW)
        abort();
    struct fake_group *group = &fake.groups[fake.group_count++];
    *group = (struct fake_group){.word = "NORMAL", .created = FAKE_EPOCH + created};
    snprintf(group->id, sizeof(group->id), "%s", id);
    snprintf(group->name, sizeof(group->name), "%s", name);
    return group;
}

struct fake_group *fake_find_group(const char *id)
{
    for (size_t i = 0; i < fake.group_count; i++) {
        if (strcmp(fake.groups[i].id, id) == 0)
            return &fake.groups[i];
    }
    return NULL;
}

void fake_remove_group(const char *id)
{
    struct fake_group *group = fake_find_group(id);
    if (group == NULL)
        return;
    size_t at = (size_t)(group - fake.groups);
    memmove(group, group + 1, (fake.group_count - at - 1) * sizeof(*group));
    fake.group_count--;
}

/* `account` NULL: with any. */
bool fake_is_shared(const char *snapshot, const char *account)
{
    for (size_t i = 0; i < fake.share_count; i++) {
        if (strcmp(fake.shares[i].snapshot, snapshot) == 0 &&
            (account == NULL || strcmp(fake.shares[i].account, account) == 0))
            return true;
    }
    return false;
}

/* --- changes ------------------------------------------------------------------------- */

static void share(const struct cloud_call *call)
{
    struct fake_share *at = fake.shares, *end = at + fake.share_count;
    while (at < end && (strcmp(at->snapshot, call->snapshot_id) != 0 ||
                        strcmp(at->account, call->account) != 0))
        at++;
    if (call->cancel && at < end) {
        *at = end[-1];
        fake.share_count--;
    } else if (!call->cancel && at == end) {
        snprintf(at->snapshot, sizeof(at->snapshot), "%s", call->snapshot_id);
        snprintf(at->account, sizeof(at->account), "%s", call->account);
        fake.share_count++;
    }
}

/* One for each token. */
static void create_disk(const struct cloud_call *call, char new_id[32])
{
    for (size_t i = 0; i < fake.disk_order_count; i++) {
        if (strcmp(fake.disk_orders[i].token, call->token) == 0) {
            snprintf(new_id, 32, "%s", fake.disk_orders[i].disk);
            return;
        }
    }
    struct fake_disk_order *order = &fake.disk_orders[fake.disk_order_count++];
    snprintf(order->disk, sizeof(order->disk), "disk-new%05zu", fake.disk_order_count);
    snprintf(order->token, sizeof(order->token), "%s", call->token);
    fake_add_disk(order->disk, call->name);
    snprintf(new_id, 32, "%s", order->disk);
}

static void create_group(const struct cloud_call *call, char new_id[32])
{
    static unsigned number;
    snprintf(new_id, 32, "group-new%05u", number++);
    struct fake_group *group = fake_add_group(new_id, call->name, world_wall() - FAKE_EPOCH);
    snprintf(group->word, sizeof(group->word), "CREATING");
    for (size_t i = 0; i < call->id_count; i++) {
        char *id = group->members[group->count++];
        snprintf(id, 32, "snap-g%07u%u", number, (unsigned)i);
        struct fake_snapshot *member =
            fake_add_snapshot(id, call->ids[i], call->name, world_wall() - FAKE_EPOCH);
        snprintf(member->word, sizeof(member->word), "CREATING");
        if (fake_store_provider.group_advice != NULL)
            snprintf(member->group, sizeof(member->group), "%s", new_id);
    }
}

static void apply_group(struct fake_group *group, const struct cloud_call *call)
{
    snprintf(group->word, sizeof(group->word), "ROLLBACKING");
    for (size_t i = 0; i < call->member_count; i++) {
        struct fake_snapshot *member = fake_find(call->members[i].snapshot_id);
        snprintf(member->word, sizeof(member->word), "ROLLBACKING");
        fake_find_disk(call->members[i].disk_id)->rolling_back = true;
    }
}

static bool change_group(const struct cloud_call *call)
{
    struct fake_group *group = fake_find_group(call->group_id);
    if (group == NULL)
        return false;
    if (call->verb == CLOUD_APPLY_GROUP) {
        apply_group(group, call);
        return true;
    }
    if (fake.deletes_slowly) {
        snprintf(group->word, sizeof(group->word), "DELETING");
        return true;
    }
    for (size_t i = 0; i < group->count; i++)
        fake_remove(group->members[i]);
    fake_remove_group(call->group_id);
    return true;
}

bool fake_change_feature(const struct cloud_call *call, char new_id[32])
{
    static unsigned copies;
    new_id[0] = '\0';
    if (call->verb == CLOUD_CREATE_GROUP) {
        create_group(call, new_id);
        return true;
    }
    if (call->verb == CLOUD_APPLY_GROUP || call->verb == CLOUD_DELETE_GROUP)
        return change_group(call);
    struct fake_snapshot *snapshot = fake_find(call->snapshot_id);
    if (snapshot == NULL)
        return false;
    switch (call->verb) {
    case CLOUD_EXPIRE_SNAPSHOT:
        snapshot->expires = call->expires != TIMESTAMP_NONE ? call->expires : 0;
        break;
    case CLOUD_SHARE_SNAPSHOT:
        share(call);
        break;
    case CLOUD_COPY_SNAPSHOT:
        snprintf(snapshot->copying, sizeof(snapshot->copying), "%s", call->region);
        snprintf(new_id, 32, "snap-copy%04u", copies++);
        break;
    default:
        create_disk(call, new_id);
        break;
    }
    return true;
}

/* --- lists --------------------------------------------------------------------------- */

static json_t *group_object(const struct fake_group *group)
{
    json_t *members = json_array();
    for (size_t i = 0; i < group->count && fake_store_provider.group_advice == NULL; i++)
        json_array_append_new(members, json_string(group->members[i]));
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:I, s:o, s:s, s:{}}", "id", group->id, "name",
                     group->name, "state", group->word, "word", group->word, "percent", 0,
                     "created", (json_int_t)group->created, "snapshots", members, "policy", "",
                     "raw");
}

static json_t *everything(const struct cloud_call *call)
{
    json_t *list = json_array();
    for (size_t i = 0; call->verb == CLOUD_DESCRIBE_GROUPS && i < fake.group_count; i++)
        json_array_append_new(list, group_object(&fake.groups[i]));
    for (size_t i = 0; call->verb == CLOUD_DESCRIBE_SHARES && i < fake.share_count; i++) {
        if (strcmp(fake.shares[i].snapshot, call->snapshot_id) == 0)
            json_array_append_new(
                list, json_pack("{s:s, s:n}", "account", fake.shares[i].account, "since"));
    }
    for (size_t i = 0; call->verb == CLOUD_DESCRIBE_POLICIES && i < fake.policies; i++) {
        char id[32];
        snprintf(id, sizeof(id), "asp-%04zu", i);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b, s:n, s:i, s:[s], s:{}}", "id",
                                              id, "name", "nightly", "state", "NORMAL", "active", 1,
                                              "next", "days", 7, "disks", "disk-0001", "raw"));
    }
    return list;
}

/* Where a page begins; SIZE_MAX: its marker is gone. */
static size_t beginning(const struct cloud_call *call)
{
    size_t at = 0;
    if (!fake.marks)
        return call->offset;
    if (call->marker == NULL || fake.ignores_marks)
        return 0;
    while (at < fake.group_count && strcmp(fake.groups[at].id, call->marker) != 0)
        at++;
    return at < fake.group_count ? at + 1 : SIZE_MAX;
}

json_t *fake_list(const struct cloud_call *call, int64_t *total)
{
    size_t first = beginning(call);
    if (first == SIZE_MAX)
        return NULL;
    json_t *list = everything(call), *page = json_array();
    bool is_told = call->verb != CLOUD_DESCRIBE_SHARES && !fake.marks;
    *total = is_told ? (int64_t)json_array_size(list) : -1;
    for (size_t i = first; i < json_array_size(list) && i < first + call->limit; i++)
        json_array_append(page, json_array_get(list, i));
    json_decref(list);
    return page;
}

/* --- records ------------------------------------------------------------------------- */

json_t *fake_raw(const struct fake_snapshot *snapshot)
{
    return json_pack("{s:s}", "copying", snapshot->copying);
}

int fake_put_feature(const json_t *raw, enum snapshot_feature feature, struct buffer *out)
{
    (void)feature;
    const char *region = json_string_value(json_object_get(raw, "copying"));
    return region != NULL ? buffer_printf(out, "%s\n", region) : 0;
}
