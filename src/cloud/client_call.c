/* SPDX-License-Identifier: Apache-2.0 */
/* A call's own copy of what was asked, and the lists that calls stand in. */
#include "client_internal.h"

#include <openssl/crypto.h>
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

struct client_call *client_call_new(const struct cloud_call *call)
{
    struct client_call *copy = calloc(1, sizeof *copy);
    if (!copy)
        return NULL;
    copy->call = *call;
    copy->call.disk_id = copy->call.snapshot_id = copy->call.name = copy->call.marker = NULL;
    if (!copy_ids(&copy->call, call) || !copy_text(&copy->call.disk_id, call->disk_id) ||
        !copy_text(&copy->call.snapshot_id, call->snapshot_id) ||
        !copy_text(&copy->call.name, call->name) || !copy_text(&copy->call.marker, call->marker)) {
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
    free_text(call->call.disk_id);
    free_text(call->call.snapshot_id);
    free_text(call->call.name);
    free_text(call->call.marker);
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
