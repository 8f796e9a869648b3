/* SPDX-License-Identifier: Apache-2.0 */
#include "records.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbsfs/timestamp.h"

#define HISTORY_LIMIT 10000

static void head_init(struct record *head, const char *id)
{
    snprintf(head->id, sizeof head->id, "%s", id);
    head->died = INT64_MAX;
}

struct snapshot *snapshot_new(const char *id, const char *name)
{
    size_t length = strlen(name) + 1;
    struct snapshot *snapshot = calloc(1, sizeof *snapshot + length);

    if (!snapshot)
        return NULL;
    head_init(&snapshot->head, id);
    snapshot->deadline = TIMESTAMP_NONE;
    snapshot->modified = TIMESTAMP_NONE;
    memcpy(snapshot->name, name, length);
    return snapshot;
}

struct disk *disk_new(const char *id, const char *name)
{
    size_t length = strlen(name) + 1;
    struct disk *disk = calloc(1, sizeof *disk + length);

    if (!disk)
        return NULL;
    head_init(&disk->head, id);
    memcpy(disk->name, name, length);
    return disk;
}

struct record *record_new(const char *id)
{
    struct record *record = calloc(1, sizeof *record);

    if (record)
        head_init(record, id);
    return record;
}

/* A version has its own members, so that changing them leaves the past alone. */
static int own_fields(struct record *head)
{
    if (!head->fields)
        return 0;
    head->fields = json_copy(head->fields);
    return head->fields ? 0 : -ENOMEM;
}

struct snapshot *snapshot_copy(const struct snapshot *from, const char *name)
{
    struct snapshot *copy = snapshot_new(from->head.id, name ? name : from->name);

    if (!copy)
        return NULL;
    /* Not sizeof: the name may begin inside the padding. */
    memcpy(copy, from, offsetof(struct snapshot, name));
    if (own_fields(&copy->head) < 0) {
        free(copy);
        return NULL;
    }
    return copy;
}

struct disk *disk_copy(const struct disk *from)
{
    struct disk *copy = disk_new(from->head.id, from->name);

    if (!copy)
        return NULL;
    memcpy(copy, from, offsetof(struct disk, name));
    if (own_fields(&copy->head) < 0) {
        free(copy);
        return NULL;
    }
    return copy;
}

struct record *record_copy(const struct record *from)
{
    struct record *copy = record_new(from->id);

    if (!copy)
        return NULL;
    *copy = *from;
    if (own_fields(copy) < 0) {
        free(copy);
        return NULL;
    }
    return copy;
}

void record_free(struct record *record)
{
    if (!record)
        return;
    json_decref(record->fields);
    free(record);
}

static int compare_ids(const void *left, const void *right)
{
    const struct record *const *a = left;
    const struct record *const *b = right;

    return strcmp((*a)->id, (*b)->id);
}

static int compare_times(const void *left, const void *right)
{
    const struct record *const *a = left;
    const struct record *const *b = right;

    if ((*a)->created != (*b)->created)
        return (*a)->created < (*b)->created ? -1 : 1;
    return compare_ids(left, right);
}

/* The first position in `records` that does not come before `record`. */
static size_t lower_bound(struct record *const *records, size_t count, const struct record *record,
                          int (*compare)(const void *, const void *))
{
    size_t low = 0;

    while (low < count) {
        size_t middle = low + (count - low) / 2;

        if (compare(&records[middle], &record) < 0)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

static void insert_at(struct record **records, size_t count, size_t position, struct record *record)
{
    memmove(records + position + 1, records + position, (count - position) * sizeof *records);
    records[position] = record;
}

static void remove_at(struct record **records, size_t count, size_t position)
{
    memmove(records + position, records + position + 1, (count - position - 1) * sizeof *records);
}

static int reserve(struct table *table)
{
    size_t capacity = table->capacity ? table->capacity * 2 : 64;
    struct record **grown;

    if (table->count < table->capacity)
        return 0;
    grown = reallocarray(table->by_time, capacity, sizeof(struct record *));
    if (!grown)
        return -ENOMEM;
    table->by_time = grown;
    grown = reallocarray(table->by_id, capacity, sizeof(struct record *));
    if (!grown)
        return -ENOMEM;
    table->by_id = grown;
    table->capacity = capacity;
    return 0;
}

void table_free(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        record_free(table->by_id[i]);
    for (size_t i = 0; i < table->history_count; i++)
        record_free(table->history[i]);
    free(table->by_time);
    free(table->by_id);
    free(table->history);
    memset(table, 0, sizeof *table);
}

struct record *table_find(const struct table *table, const char *id)
{
    size_t low = 0;
    size_t high = table->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(table->by_id[middle]->id, id);

        if (order == 0)
            return table->by_id[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

int table_insert(struct table *table, struct record *record)
{
    size_t at_time;
    size_t at_id;

    if (reserve(table) < 0) {
        record_free(record);
        return -ENOMEM;
    }
    at_time = lower_bound(table->by_time, table->count, record, compare_times);
    at_id = lower_bound(table->by_id, table->count, record, compare_ids);
    insert_at(table->by_time, table->count, at_time, record);
    insert_at(table->by_id, table->count, at_id, record);
    table->count++;
    return 0;
}

int table_append(struct table *table, struct record *record)
{
    if (reserve(table) < 0) {
        record_free(record);
        return -ENOMEM;
    }
    table->by_time[table->count] = record;
    table->by_id[table->count] = record;
    table->count++;
    return 0;
}

void table_sort(struct table *table)
{
    if (table->count == 0)
        return;
    qsort(table->by_time, table->count, sizeof(struct record *), compare_times);
    qsort(table->by_id, table->count, sizeof(struct record *), compare_ids);
}

int table_retire(struct table *table, struct record *record, int64_t now)
{
    if (!table->history) {
        table->history = calloc(HISTORY_LIMIT, sizeof(struct record *));
        if (!table->history)
            return -ENOMEM;
    }
    if (table->history_count == HISTORY_LIMIT) {
        record_free(table->history[0]);
        remove_at(table->history, table->history_count--, 0);
    }
    remove_at(table->by_time, table->count,
              lower_bound(table->by_time, table->count, record, compare_times));
    remove_at(table->by_id, table->count,
              lower_bound(table->by_id, table->count, record, compare_ids));
    table->count--;
    record->died = now;
    table->history[table->history_count++] = record;
    return 0;
}

int table_replace(struct table *table, struct record *old, struct record *next, int64_t now)
{
    int status = table_retire(table, old, now);

    if (status < 0) {
        record_free(next);
        return status;
    }
    next->born = now;
    next->died = INT64_MAX;
    /* The retired version has just made room, so this cannot fail. */
    return table_insert(table, next);
}

int table_view(const struct table *table, int64_t at, struct view *view)
{
    struct record **records;
    size_t count = 0;

    view->owned = NULL;
    view->records = table->by_time;
    view->count = table->count;
    if (at == INT64_MAX)
        return 0;
    records = calloc(table->count + table->history_count + 1, sizeof *records);
    if (!records)
        return -ENOMEM;
    for (size_t i = 0; i < table->count; i++) {
        if (table->by_time[i]->born <= at)
            records[count++] = table->by_time[i];
    }
    for (size_t i = 0; i < table->history_count; i++) {
        if (table->history[i]->born <= at && table->history[i]->died > at)
            records[count++] = table->history[i];
    }
    view->owned = records;
    view->count = count;
    view_sort(view);
    return 0;
}

void view_sort(struct view *view)
{
    if (view->count > 1)
        qsort(view->owned, view->count, sizeof *view->owned, compare_times);
    view->records = view->owned;
}

void view_free(struct view *view)
{
    free(view->owned);
    memset(view, 0, sizeof *view);
}
