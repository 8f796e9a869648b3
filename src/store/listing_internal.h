/* SPDX-License-Identifier: Apache-2.0 */
/* What asks for the pages of a listing (listing.c) and what judges them (listing_judge.c) share. */
#ifndef CBSFS_LISTING_INTERNAL_H
#define CBSFS_LISTING_INTERNAL_H

#include "store_internal.h"

/* Pages asked for ahead: enough to keep the API's rate busy over a slow line, few enough that each
 * one's turn comes long before its deadline. */
#define PAGE_WINDOW 16
/* The same while nobody waits. */
#define PAGES_AT_LEISURE 2
#define PASS_LIMIT       3
/* More records than any account has: whoever tells of more would be listened to for ever. */
#define RECORD_LIMIT 4000000
struct page {
    struct listing *listing;
    struct client_call *call; /* NULL: free */
    unsigned offset;
};

struct listing {
    struct store *store;
    struct listing *next;
    enum cloud_verb verb;
    char *disk_id; /* NULL: everything */
    bool by_id;
    struct store_waiter *waiters;
    bool expected; /* began before anybody waited, for whoever would */
    struct page pages[PAGE_WINDOW];
    unsigned outstanding;
    unsigned next_offset;
    bool untold;       /* the cloud does not tell totals: figures cannot be checked */
    bool doubted;      /* a full last page is not taken for the end */
    bool marked;       /* pages follow markers, not offsets */
    char *marker;      /* of the page to be asked for next; NULL: none is known */
    int64_t asked;     /* clock ms: the first pass began */
    int64_t pass_wall; /* seconds, the server's: this pass began */
    uint64_t first_serial, serial;
    unsigned pass;
    /* Of this pass: */
    bool at_end;                   /* a page brought nothing: nothing lies behind it */
    bool last_is_full;             /* the page that reaches farthest */
    int64_t farthest;              /* where the records end that were shown */
    int64_t reach;                 /* as far as records are known or suspected */
    int64_t told_first, told_most; /* totals: with the first page, and the largest; -1: none yet */
    int64_t records, younger;      /* each once */
    int64_t fresh;                 /* that no earlier pass has shown */
    int64_t unreadable;
    int64_t before; /* records of the pass before */
    int status;
    struct cloud_error error; /* what the cloud said, if that was it */
};

/* How far it is, for a person at the terminal of a mount in the foreground; nothing of one that
 * takes a page only. */
void listing_show_progress(const struct listing *listing);

/* Takes the figures of a page in, before its records are counted. */
void listing_note_totals(struct listing *listing, const struct page *page,
                         const struct cloud_answer *answer);
/* True if this pass alone proves that nothing was missed. */
bool listing_adds_up(const struct listing *listing);
/* True when two passes have shown the same. */
bool listing_is_stable(const struct listing *listing);
/* True if a full last page should not be taken for the end. */
bool listing_is_doubtful(const struct listing *listing);
/* After the last pass: 0 it is whole, 1 it is not but for a reason that passes, -EPROTO with
 * listing->error filled. */
int listing_judge(struct listing *listing);

#endif
