/* SPDX-License-Identifier: Apache-2.0 */
/* Those who use the store in its tests. */
#include "cbsfs/buffer.h"
#include "fake_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void looker_ready(void *data, int status)
{
    struct looker *looker = data;
    looker->ready++;
    looker->status = status;
}

bool look_begin(struct looker *looker, enum store_want want, const char *id)
{
    *looker = (struct looker){.waiter = {.ready = looker_ready, .data = looker}};
    int status = store_want(store, want, id, &looker->waiter);
    assert_int_not_equal(status, -ENOMEM);
    looker->status = status == -EINPROGRESS ? 0 : status;
    return status == -EINPROGRESS;
}

int look(enum store_want want, const char *id)
{
    static struct looker looker;
    if (!look_begin(&looker, want, id))
        return looker.status;
    world_run_until(&looker.ready, 60000);
    assert_int_equal(looker.ready, 1);
    return looker.status;
}

void order_done(void *data, const struct job_result *result)
{
    struct order *order = data;
    order->done++;
    order->status = result->status;
    order->at = fake.now;
    snprintf(order->id, sizeof(order->id), "%s", result->id);
}

int order_finish(struct order *order, int status)
{
    if (status != 0)
        return status;
    assert_int_equal(order->done, 0);
    world_run_until(&order->done, 10000);
    assert_int_equal(order->done, 1);
    return order->status;
}

int make(struct order *order, const char *disk, const char *name)
{
    *order = (struct order){.done = 0};
    return order_finish(
        order, store_create(store, disk, name, "path/made", order_done, order, &order->job));
}

int roll_back(struct order *order, const char *snapshot)
{
    *order = (struct order){.done = 0};
    return order_finish(order, store_rollback(store, snapshot, false, false, "path/rolled",
                                              order_done, order, &order->job));
}

int move(struct order *order, const char *snapshot, const char *name)
{
    *order = (struct order){.done = 0};
    return order_finish(
        order, store_rename(store, snapshot, name, "path/moved", order_done, order, &order->job));
}

int delete (struct order *order, const char *snapshot)
{
    *order = (struct order){.done = 0};
    return order_finish(
        order, store_delete(store, snapshot, "path/deleted", order_done, order, &order->job));
}

const struct snapshot *known(const char *id)
{
    return catalogue_snapshot(store_catalogue(store), id);
}

const char *entry_id(const char *disk, const char *entry)
{
    const struct catalogue *catalogue = store_catalogue(store);
    const struct disk *found = catalogue_disk(catalogue, disk);
    const struct snapshot *snapshot =
        found != NULL ? catalogue_entry(catalogue, found, entry) : NULL;
    return snapshot != NULL ? snapshot_text(snapshot, SNAPSHOT_ID) : "";
}

size_t visible(const char *disk)
{
    const struct disk *found = catalogue_disk(store_catalogue(store), disk);
    return found != NULL ? catalogue_visible_count(found) : 0;
}

const char *shown(int (*put)(const struct store *store, struct buffer *out))
{
    static struct buffer out;
    buffer_free(&out);
    if (put == NULL)
        return "";
    buffer_init(&out, 0);
    assert_int_equal(put(store, &out), 0);
    return out.data != NULL ? out.data : "";
}
