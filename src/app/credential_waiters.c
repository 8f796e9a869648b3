/* SPDX-License-Identifier: Apache-2.0 */
#include "credential_waiters.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

struct credential_waiter {
    void (*ready)(void *data, int status);
    void *data;
    struct credential_waiter *next;
};

int credential_waiters_add(struct credential_waiters *waiters,
                           void (*ready)(void *data, int status), void *data)
{
    struct credential_waiter *waiter = malloc(sizeof *waiter);
    if (waiter == NULL)
        return -ENOMEM;
    *waiter = (struct credential_waiter){.ready = ready, .data = data, .next = waiters->waiting};
    waiters->waiting = waiter;
    return 0;
}

void credential_waiters_tell(struct credential_waiters *waiters, int status)
{
    struct credential_waiter **end = &waiters->due;
    while (*end != NULL)
        end = &(*end)->next;
    *end = waiters->waiting;
    waiters->waiting = NULL;
    while (waiters->due != NULL) {
        struct credential_waiter *waiter = waiters->due;
        waiters->due = waiter->next;
        waiter->ready(waiter->data, status);
        free(waiter);
    }
}

static void cancel_in(struct credential_waiter **list, const void *data)
{
    while (*list != NULL) {
        struct credential_waiter *waiter = *list;
        if (waiter->data == data) {
            *list = waiter->next;
            free(waiter);
        } else {
            list = &waiter->next;
        }
    }
}

void credential_waiters_cancel(struct credential_waiters *waiters, const void *data)
{
    cancel_in(&waiters->waiting, data);
    cancel_in(&waiters->due, data);
}

static void free_list(struct credential_waiter *list)
{
    while (list != NULL) {
        struct credential_waiter *waiter = list;
        list = waiter->next;
        free(waiter);
    }
}

void credential_waiters_free(struct credential_waiters *waiters)
{
    free_list(waiters->waiting);
    free_list(waiters->due);
    *waiters = (struct credential_waiters){NULL, NULL};
}
