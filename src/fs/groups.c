/* SPDX-License-Identifier: Apache-2.0 */
/*
 * groups/: snapshots of several disks that were made at one moment.
 *
 *     groups/NAME/            also groups/csnap-... (not listed)
 *         status id name ...  one value each
 *         rollback            all its disks at once
 *         snapshots/          links to the snapshots that it has
 *
 * A name alone does not say of which disks, so `mkdir` is given them behind an `@`:
 * groups/before-upgrade@disk-1,disk-2 or groups/before-upgrade@ins-1, all disks of an instance;
 * where the cloud itself puts disks together, groups/before-upgrade@GROUP-OF-DISKS.
 * What was made is listed as groups/before-upgrade; the longer name leads to it as well, so that
 * the same mkdir is refused as one that was done.
 *
 * A region has few groups, and they are kept as the list of objects that the codec made (lists.c).
 * A node holds its object only while one request is answered.
 */
#include "fs_internal.h"

#include "cbsfs/names.h"
#include "cbsfs/provider.h"
#include "cbsfs/table.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MASK    ((UINT64_C(1) << 48) - 1)
#define UUID_LENGTH 36

static const char *text_of(const json_t *group, const char *key)
{
    const char *text = json_string_value(json_object_get(group, key));
    return text != NULL ? text : "";
}

const json_t *groups_all(const struct region *region)
{
    return store_list(region->store, WANT_GROUPS, "");
}

bool groups_exist(const struct region *region)
{
    const struct provider *provider = store_provider(region->store);
    const struct cloud_call call = {.verb = CLOUD_DESCRIBE_GROUPS};
    /* A group may be of disks that this mount is not to show, and rolls back or deletes theirs too.
     */
    if (!store_shows_all(region->store))
        return false;
    return provider->refusal == NULL || provider->refusal(&call) == NULL;
}

/* --- numbers and names ----------------------------------------------------------------- */

static uint64_t group_key(const json_t *group)
{
    return table_hash(text_of(group, "id")) & KEY_MASK;
}

static uint64_t member_key(const json_t *group, const char *snapshot_id)
{
    return (group_key(group) * 31 + table_hash(snapshot_id)) & KEY_MASK;
}

static int64_t created_of(const json_t *group)
{
    const json_t *created = json_object_get(group, "created");
    return json_is_integer(created) ? json_integer_value(created) : TIMESTAMP_NONE;
}

bool groups_name_misleads(const struct region *region, const char *name)
{
    const char *prefix = store_provider(region->store)->group_prefix, *at = strrchr(name, '@');
    return prefix != NULL && name_is_id(at != NULL ? at + 1 : name, prefix);
}

void groups_entry(const struct region *region, const json_t *group, char entry[NAME_ENTRY_SIZE])
{
    const char *name = text_of(group, "name");
    bool is_twin =
        json_is_true(json_object_get(group, "twin")) || groups_name_misleads(region, name);
    name_entry(store_provider(region->store), name, text_of(group, "id"), is_twin, entry);
}

void node_of_group(struct region *region, const json_t *group, unsigned file, struct node *node)
{
    *node = (struct node){.kind = NODE_GROUP,
                          .file = file,
                          .region = region,
                          .group = group,
                          .key = group_key(group)};
    if (file >= GROUP_FILES && file - GROUP_FILES < group_file_count)
        node->type = &group_files[file - GROUP_FILES];
}

static void node_of_member(struct region *region, const json_t *group, const char *snapshot_id,
                           struct node *node)
{
    *node = (struct node){.kind = NODE_MEMBER,
                          .region = region,
                          .group = group,
                          .member = snapshot_id,
                          .key = member_key(group, snapshot_id),
                          .type = &member_file};
}

int groups_find(struct region *region, enum node_kind kind, uint64_t key, unsigned file,
                struct node *node)
{
    size_t at, place;
    json_t *group, *id;
    json_array_foreach((json_t *)groups_all(region), at, group)
    {
        if (kind == NODE_GROUP && group_key(group) == key) {
            node_of_group(region, group, file, node);
            return 0;
        }
        json_array_foreach(json_object_get(group, "snapshots"), place, id)
        {
            const char *snapshot_id = json_string_value(id);
            if (kind == NODE_MEMBER && member_key(group, snapshot_id) == key) {
                node_of_member(region, group, snapshot_id, node);
                return 0;
            }
        }
    }
    return -ENOENT;
}

void groups_path(const struct node *node, char *path, size_t size)
{
    char entry[NAME_ENTRY_SIZE];
    groups_entry(node->region, node->group, entry);
    bool of_members = node->kind == NODE_MEMBER || node->file == GROUP_SNAPSHOTS;
    const char *last = node->kind == NODE_MEMBER ? node->member
                       : node->type != NULL      ? node->type->name
                                                 : "";
    snprintf(path, size, "groups/%s%s%s%s", entry, of_members ? "/snapshots" : "",
             last[0] != '\0' ? "/" : "", last);
}

const char *groups_id(const struct node *node)
{
    return text_of(node->group, "id");
}

int64_t groups_time(const struct node *node)
{
    return created_of(node->group);
}

/* --- looking ---------------------------------------------------------------------------- */

/* One or more with commas between them. */
static bool are_uuids(const char *text)
{
    char id[UUID_LENGTH + 1];
    for (;; text += UUID_LENGTH + 1) {
        snprintf(id, sizeof(id), "%s", text);
        if (!name_is_id(id, NULL) || (text[UUID_LENGTH] != ',' && text[UUID_LENGTH] != '\0'))
            return false;
        if (text[UUID_LENGTH] == '\0')
            return true;
    }
}

/* The part in front of the disks; the whole where none are named. */
size_t groups_name_length(const struct region *region, const char *name)
{
    const char *at = strrchr(name, '@');
    if (at == NULL || at == name)
        return strlen(name);
    bool names_disks = store_provider(region->store)->disk_prefix == NULL
                           ? are_uuids(at + 1)
                           : strncmp(at + 1, "disk-", 5) == 0 || strncmp(at + 1, "ins-", 4) == 0;
    return names_disks ? (size_t)(at - name) : strlen(name);
}

const json_t *groups_find_part(const struct region *region, const char *name, size_t length)
{
    size_t at;
    json_t *group;
    const json_t *found = store_group(region->store, name);
    json_array_foreach((json_t *)groups_all(region), at, group)
    {
        char entry[NAME_ENTRY_SIZE];
        if (found != NULL)
            break;
        groups_entry(region, group, entry);
        if (strlen(entry) == length && strncmp(entry, name, length) == 0)
            found = group;
    }
    return found;
}

/* True if the word, behind a name, means this disk: by itself, or with what it is attached to or
 * put together with. */
static bool means_disk(const char *word, size_t length, const struct disk *disk)
{
    static const enum disk_text what[] = {DISK_ID, DISK_INSTANCE, DISK_GROUP};
    for (size_t i = 0; i < sizeof(what) / sizeof(*what); i++) {
        const char *id = disk_text(disk, what[i]);
        if (strlen(id) == length && strncmp(id, word, length) == 0)
            return true;
    }
    return false;
}

static bool names_disk(const char *list, const struct disk *disk)
{
    for (const char *word = list; *word != '\0';) {
        size_t length = strcspn(word, ",");
        if (means_disk(word, length, disk))
            return true;
        word += length + (word[length] == ',');
    }
    return false;
}

/* Whether these may be its disks: who rolls NAME@disk-1 back means no group of disk-2, though that
 * has the name.  A member that is not known may be of any. */
static bool may_be_of(const struct region *region, const json_t *group, const char *list)
{
    const struct catalogue *catalogue = store_catalogue(region->store);
    const json_t *members = json_object_get(group, "snapshots");
    size_t known = 0, words = 0, at;
    json_t *id;
    json_array_foreach((json_t *)members, at, id)
    {
        const struct snapshot *member = catalogue_snapshot(catalogue, json_string_value(id));
        if (member != NULL && !names_disk(list, member->disk))
            return false;
        known += member != NULL;
    }
    for (const char *word = list; *word != '\0'; words++) {
        size_t length = strcspn(word, ",");
        word += length + (word[length] == ',');
    }
    return known < json_array_size(members) || known == 0 || words <= known;
}

const json_t *groups_find_entry(const struct region *region, const char *name)
{
    size_t length = groups_name_length(region, name);
    /* One that was made elsewhere may really be called so. */
    const json_t *group = groups_find_part(region, name, strlen(name));
    if (group != NULL || name[length] == '\0')
        return group;
    group = groups_find_part(region, name, length);
    return group != NULL && may_be_of(region, group, name + length + 1) ? group : NULL;
}

bool groups_wait_for_all(struct request *request)
{
    return request_wait(request, WANT_GROUPS, NULL) || request_wait(request, WANT_DISKS, NULL) ||
           request_wait(request, WANT_SNAPSHOTS, NULL);
}

bool groups_wait_for_members(struct request *request, const json_t *group)
{
    const char *busy =
        group != NULL ? store_group_busy_member(request->region->store, group) : NULL;
    return busy != NULL && request_wait(request, WANT_STATUS, busy);
}

void groups_lookup(struct request *request)
{
    struct node node;
    if (request->name[0] == '.') {
        reply_error(request, -ENOENT);
        return;
    }
    bool names_disks = request->name[groups_name_length(request->region, request->name)] != '\0';
    if (names_disks ? groups_wait_for_all(request) : request_wait(request, WANT_GROUPS, NULL))
        return;
    const json_t *group = groups_find_entry(request->region, request->name);
    if (group == NULL) {
        bool known = groups_all(request->region) != NULL;
        reply_error(request, known || request->status == 0 ? -ENOENT : request->status);
        return;
    }
    node_of_group(request->region, group, GROUP_SELF, &node);
    reply_entry(request, &node);
}

void groups_lookup_in(struct request *request, const struct node *parent)
{
    struct node node;
    size_t at;
    json_t *id;
    if (parent->file == GROUP_SNAPSHOTS) {
        json_array_foreach(json_object_get(parent->group, "snapshots"), at, id)
        {
            if (strcmp(json_string_value(id), request->name) != 0)
                continue;
            node_of_member(parent->region, parent->group, json_string_value(id), &node);
            reply_entry(request, &node);
            return;
        }
        reply_error(request, -ENOENT);
        return;
    }
    if (strcmp(request->name, "snapshots") == 0) {
        node_of_group(parent->region, parent->group, GROUP_SNAPSHOTS, &node);
        reply_entry(request, &node);
        return;
    }
    for (unsigned i = 0; i < group_file_count; i++) {
        if (strcmp(group_files[i].name, request->name) == 0) {
            node_of_group(parent->region, parent->group, GROUP_FILES + i, &node);
            reply_entry(request, &node);
            return;
        }
    }
    reply_error(request, -ENOENT);
}

/* --- reading directories ----------------------------------------------------------------- */

struct place {
    uint64_t key;
    const json_t *value;
};

static int by_key(const void *left, const void *right)
{
    uint64_t one = ((const struct place *)left)->key, other = ((const struct place *)right)->key;
    return one < other ? -1 : one > other;
}

/* In the order of keys, so that a place is the same whatever comes and goes meanwhile. */
static struct place *sorted(const json_t *values, uint64_t (*key)(const json_t *value))
{
    size_t at, count = json_array_size(values);
    json_t *value;
    struct place *places = calloc(count + 1, sizeof(*places));
    if (places == NULL)
        return NULL;
    json_array_foreach((json_t *)values, at, value) places[at] = (struct place){key(value), value};
    qsort(places, count, sizeof(*places), by_key);
    return places;
}

static uint64_t key_of_id(const json_t *id)
{
    return table_hash(json_string_value(id)) & KEY_MASK;
}

int groups_put(struct reply *reply, const struct node *directory, uint64_t after)
{
    struct region *region = directory->region;
    bool of_members = directory->kind == NODE_GROUP;
    const json_t *values =
        of_members ? json_object_get(directory->group, "snapshots") : groups_all(region);
    struct place *places = sorted(values, of_members ? key_of_id : group_key);
    if (places == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < json_array_size(values); i++) {
        char name[NAME_ENTRY_SIZE];
        struct entry entry = {.name = name};
        uint64_t place = CATALOGUE_FIRST_PLACE + places[i].key;
        if (place <= after)
            continue;
        if (of_members) {
            entry.name = json_string_value(places[i].value);
            node_of_member(region, directory->group, entry.name, &entry.node);
        } else {
            groups_entry(region, places[i].value, name);
            node_of_group(region, places[i].value, GROUP_SELF, &entry.node);
        }
        if (!reply_put(reply, &entry, place))
            break;
    }
    free(places);
    return 0;
}

bool groups_get_fixed(const struct node *directory, size_t at, struct entry *entry)
{
    if (at > group_file_count)
        return false;
    unsigned file = at == group_file_count ? GROUP_SNAPSHOTS : GROUP_FILES + (unsigned)at;
    node_of_group(directory->region, directory->group, file, &entry->node);
    if (at == group_file_count)
        entry->name = "snapshots";
    else if ((group_files[at].flags & FILE_UNLISTED) == 0)
        entry->name = group_files[at].name;
    return true;
}
