/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which snapshots a group has.
 *
 * A listing of groups may name some that are younger than what is known of snapshots.  Or it names
 * none (provider->group_advice): then the snapshots' records say of which group they are.  There,
 * whoever wants groups waits for the listing of snapshots as well, which is mostly known already,
 * and the two are put together once.
 */
#include "lists_internal.h"

#include "cbsfs/clock.h"
#include "cbsfs/fields.h"

#include <errno.h>
#include <string.h>

/* The snapshots of a group come a moment after it, one after the other, and the cloud's clock is
 * not quite ours: for so long some of them, or all of them, may be missing. Seconds. */
#define SOME_COME_WITHIN 3
#define ALL_COME_WITHIN  10
/* Groups that are compared with those of the list before at most; each with each. */
#define GROUPS_COMPARED 1000

static size_t members_known(const json_t *groups, const json_t *group)
{
    const json_t *known = items_find(groups, "id", field_text(group, "id", ""));
    return json_array_size(json_object_get(known, "snapshots"));
}

bool members_are_outrun(const struct store *store, const json_t *before, const json_t *groups)
{
    int64_t asked = store->catalogue.snapshots_listed;
    int64_t wall = client_server_time(store->client) - (clock_now() - asked) / 1000;
    size_t at;
    json_t *group;
    if (asked == 0)
        return false; /* it is asked for anyway */
    json_array_foreach((json_t *)groups, at, group)
    {
        const json_t *created = json_object_get(group, "created");
        int64_t age = wall - json_integer_value(created);
        if (!json_is_integer(created) || age < SOME_COME_WITHIN ||
            (age < ALL_COME_WITHIN && members_known(before, group) == 0))
            return true;
    }
    return false;
}

bool members_are_new(const struct store *store, const json_t *before, const json_t *groups)
{
    size_t at, place;
    json_t *group, *id;
    if (json_array_size(groups) > GROUPS_COMPARED)
        return false;
    json_array_foreach((json_t *)groups, at, group)
    {
        const json_t *members = json_object_get(group, "snapshots");
        const json_t *known = items_find(before, "id", field_text(group, "id", ""));
        if (known != NULL && json_equal(json_object_get(known, "snapshots"), members))
            continue;
        json_array_foreach((json_t *)members, place, id)
        {
            if (catalogue_snapshot(&store->catalogue, json_string_value(id)) == NULL)
                return true;
        }
    }
    return false;
}

/* The groups' arrays of snapshots by the groups' ids; or NULL. */
static json_t *index_groups(const json_t *groups)
{
    json_t *index = json_object();
    size_t at;
    json_t *group;
    json_array_foreach((json_t *)groups, at, group)
    {
        json_t *members = json_object_get(group, "snapshots");
        if (json_array_clear(members) != 0 ||
            json_object_set(index, field_text(group, "id", ""), members) != 0) {
            json_decref(index);
            return NULL;
        }
    }
    return index;
}

int members_join(const struct store *store, json_t *groups)
{
    const struct catalogue *catalogue = &store->catalogue;
    const struct snapshot *snapshot = NULL;
    if (json_array_size(groups) == 0)
        return 0;
    json_t *index = index_groups(groups);
    int status = index != NULL ? 0 : -ENOMEM;
    while (status == 0 && (snapshot = catalogue_next_member(
                               catalogue, snapshot != NULL ? snapshot->number : 0)) != NULL) {
        json_t *members = json_object_get(index, snapshot_text(snapshot, SNAPSHOT_GROUP));
        if (members != NULL &&
            json_array_append_new(members, json_string(snapshot_text(snapshot, SNAPSHOT_ID))) != 0)
            status = -ENOMEM;
    }
    json_decref(index);
    return status;
}
