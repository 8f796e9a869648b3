/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of short lists share. */
#ifndef CBSFS_LISTS_INTERNAL_H
#define CBSFS_LISTS_INTERNAL_H

#include "jobs_internal.h"

struct overlay {
    struct overlay *next;
    int64_t until;
    char *id;
    json_t *made;  /* the item as it was made; NULL: it was taken away */
    bool was_lost; /* a group that was deleted when it was in ERROR already */
};

struct list {
    struct store *store;
    struct list *next;
    enum cloud_verb verb;
    char *id;         /* of the snapshot that it is about, or "" */
    json_t *items;    /* NULL: never answered */
    int64_t asked;    /* clock ms: age of the items */
    int64_t outdated; /* clock ms: when we last changed what it shows */
    uint64_t version;
    int64_t began;   /* clock ms: of what is under way */
    json_t *coming;  /* the pages so far; NULL: nothing is under way */
    json_t *ids;     /* what is in these, as the members of an object */
    unsigned seen;   /* items of these pages */
    int64_t total;   /* that the last of them told of; -1: not asked yet, or not told */
    bool is_partial; /* they do not add up */
    char *marker;    /* where the next page begins, instead of a number; or NULL */
    unsigned pages;  /* of this pass */
    unsigned passes;
    struct client_call *call;
    struct store_waiter members; /* for what groups are made of */
    struct failed_question failed;
    struct store_waiter *waiters;
    struct overlay *overlays;
    json_t
        *freed; /* names of groups that were lately freed: by whom, and in which second; or NULL */
};

enum cloud_verb list_verb(enum store_want want);
/* What tells its items from each other. */
const char *list_key(enum cloud_verb verb);
/* NULL: nobody has ever wanted it. */
struct list *list_find(const struct store *store, enum cloud_verb verb, const char *id);
/* Made if need be; NULL without memory. */
struct list *list_want(struct store *store, enum cloud_verb verb, const char *id);
/* The item whose member `key` is this, borrowed, or NULL. */
json_t *items_find(const json_t *items, const char *key, const char *id);

/* Lays what we did over what a listing says. 0 or -ENOMEM. */
int lists_lay_over(struct list *list);
void lists_forget_ours(struct list *list);
/* Gives each of the groups that are coming its member `twin`: whether another has its plain name. 0
 * or -ENOMEM. */
int lists_tell_twins(struct list *list);

#endif
