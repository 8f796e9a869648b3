/* SPDX-License-Identifier: Apache-2.0 */
/* A call's own copy of what was asked, and the lists that calls stand in. */
#include "client_internal.h"

#include <openssl/crypto.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static bool copy_text(const char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return *to || !from;
}

static bool copy_ids(struct cloud_call *to, const struct cloud_call *from)
{
    to->ids = NULL;
    to->id_count = 0;
    if (from->id_count == 0)
        return true;
    const char **ids = calloc(from->id_count, sizeof *ids);
    if (!ids)
        return false;
    to->ids = ids;
    for (; to->id_count < from->id_count; to->id_count++) {
        if (!copy_text(&ids[to->id_count], from->ids[to->id_count]))
            return false;
    }
    return true;
}

static bool copy_members(struct cloud_call *to, const struct cloud_call *from)
{
    to->members = NULL;
    to->member_count = 0;
    if (from->member_count == 0)
        return true;
    struct cloud_member *members = calloc(from->member_count, sizeof *members);
    if (!members)
        return false;
    to->members = members;
    to->member_count = from->member_count;
    bool whole = true;
    for (size_t i = 0; i < from->member_count && whole; i++)
        whole = copy_text(&members[i].snapshot_id, from->members[i].snapshot_id) &&
                copy_text(&members[i].disk_id, from->members[i].disk_id);
    return whole;
}

/* Where the texts of a call are. */
static const size_t texts[] = {
    offsetof(struct cloud_call, disk_id), offsetof(struct cloud_call, snapshot_id),
    offsetof(struct cloud_call, name),    offsetof(struct cloud_call, account),
    offsetof(struct cloud_call, region),  offsetof(struct cloud_call, group_id),
    offsetof(struct cloud_call, zone),    offsetof(struct cloud_call, type),
    offsetof(struct cloud_call, token),   offsetof(struct cloud_call, marker),
};
#define TEXT_COUNT (sizeof texts / sizeof texts[0])

static const char **text_at(struct cloud_call *call, size_t i)
{
    return (const char **)(void *)((char *)call + texts[i]);
}

static bool copy_texts(struct cloud_call *to)
{
    bool whole = true;
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        const char *from = *text_at(to, i);
        *text_at(to, i) = NULL;
        whole = whole && copy_text(text_at(to, i), from);
    }
    return whole;
}

struct client_call *client_call_new(const struct cloud_call *call)
{
    struct client_call *copy = calloc(1, sizeof *copy);
    if (!copy)
        return NULL;
    copy->call = *call;
    /* All of them, so that what is freed is never the caller's. */
    bool has_texts = copy_texts(&copy->call), has_ids = copy_ids(&copy->call, call);
    bool has_members = copy_members(&copy->call, call);
    if (!has_texts || !has_ids || !has_members) {
        client_call_free(copy);
        return NULL;
    }
    return copy;
}

/* The strings are the call's own copies; `const` is only what a cloud_call shows to others. */
static void free_text(const char *text)
{
    free((void *)(uintptr_t)text);
}

void client_call_free(struct client_call *call)
{
    for (size_t i = 0; i < call->call.id_count; i++)
        free_text(call->call.ids[i]);
    free((void *)(uintptr_t)call->call.ids);
    for (size_t i = 0; i < call->call.member_count; i++) {
        free_text(call->call.members[i].snapshot_id);
        free_text(call->call.members[i].disk_id);
    }
    free((void *)(uintptr_t)call->call.members);
    for (size_t i = 0; i < TEXT_COUNT; i++)
        free_text(*text_at(&call->call, i));
    if (call->secret_id)
        OPENSSL_cleanse(call->secret_id, strlen(call->secret_id));
    free(call->secret_id);
    free(call);
}

static void insert_after(struct call_list *list, struct client_call *position,
                         struct client_call *call)
{
    call->previous = position;
    call->next = position ? position->next : list->first;
    if (call->previous)
        call->previous->next = call;
    else
        list->first = call;
    if (call->next)
        call->next->previous = call;
    else
        list->last = call;
}

static bool goes_before(const struct client_call *call, const struct client_call *other)
{
    if (call->turn != other->turn)
        return call->turn > other->turn;
    return call->number < other->number;
}

void call_list_insert(struct call_list *list, struct client_call *call)
{
    struct client_call *position = list->last;
    while (position && goes_before(call, position))
        position = position->previous;
    insert_after(list, position, call);
}

void call_list_append(struct call_list *list, struct client_call *call)
{
    insert_after(list, list->last, call);
}

void call_list_remove(struct call_list *list, struct client_call *call)
{
    if (call->previous)
        call->previous->next = call->next;
    else
        list->first = call->next;
    if (call->next)
        call->next->previous = call->previous;
    else
        list->last = call->previous;
    call->previous = call->next = NULL;
}
