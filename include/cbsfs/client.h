/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client: how a cloud is spoken to, whichever it is.
 *
 * One client speaks to one endpoint and region as one account.  It signs with the newest credential
 * and the learnt clock offset, keeps each action within the provider's rate, sends a question again
 * when that is safe, never sends a change again unless the server refused it before execution or it
 * never left this machine, and stops asking a cloud that does not answer (the breaker).
 */
#ifndef CBSFS_CLIENT_H
#define CBSFS_CLIENT_H

#include "cbsfs/cloud.h"
#include "cbsfs/provider.h"

#include <stdbool.h>
#include <stdint.h>

struct http;
struct loop;
struct client;
struct client_call;

/*
 * Where credentials come from; implemented in app/credentials.c.
 *
 * get: copies the newest known credential into *out (initialised by the caller) and returns 0 at
 * once; or returns -EINPROGRESS and calls `ready(data, status)` exactly once later, never from
 * inside (the caller then asks again); or another -errno with the reason in *error. `refused` is
 * the secret id of a credential that the server has just refused, or NULL: the source then looks
 * for a newer one (re-reads its file, asks the role again) before it answers; if what it has is
 *   still the same it returns -EKEYREJECTED.
 * cancel: takes back `ready` for this data. Harmless if none is pending.
 */
struct credential_source {
    int (*get)(void *self, const char *refused, struct credential *out, struct cloud_error *error,
               void (*ready)(void *data, int status), void *data);
    void (*cancel)(void *self, void *data);
    void *self;
};

struct client_settings {
    const struct provider *provider;
    struct cloud_account account; /* strings must outlive the client */
    const struct credential_source *credentials;
    int64_t attempt_timeout; /* ms for one HTTP exchange at most */
    unsigned concurrency;    /* exchanges in flight at most; 0: 8 */
    unsigned rate;           /* calls a second for each action; 0: the provider's */
};

/* Who comes first, and how much of an action's rate he gets. */
enum client_turn {
    CLIENT_BACKGROUND, /* nobody waits for it: half of the rate at most, and what is left of that */
    CLIENT_BULK,       /* one of many pages: evenly, so that there is always a place soon */
    CLIENT_URGENT      /* changes, and the short questions that somebody waits for */
};

#define CLIENT_STATUS_COUNT  20
#define CLIENT_LATENCY_COUNT 10
/* ms: an exchange that took no longer than this, and longer than the one before. The last holds all
 * that took longer. */
extern const int64_t client_latency_limits[CLIENT_LATENCY_COUNT];
/* The negative errno that `failed[verb][index]` counts; the last one counts all others too. */
int client_status(size_t index);

/* Counters since start; for `.cbsfs/stats` and `.cbsfs/metrics`. */
struct client_stats {
    uint64_t calls[CLOUD_VERB_COUNT];  /* requests put on the wire, retries included */
    uint64_t errors[CLOUD_VERB_COUNT]; /* attempts that did not succeed */
    uint64_t failed[CLOUD_VERB_COUNT][CLIENT_STATUS_COUNT];   /* the same, see client_status() */
    uint64_t latency[CLOUD_VERB_COUNT][CLIENT_LATENCY_COUNT]; /* exchanges, see above */
    uint64_t latency_sum[CLOUD_VERB_COUNT];                   /* ms */
    uint64_t throttled;   /* answers that said "too many requests" */
    uint64_t connections; /* connections opened */
    int64_t latency_last; /* ms of the last exchange; -1 none */
    int64_t clock_offset; /* seconds: server minus ours */
    bool breaker_open;
    int64_t breaker_until;   /* clock_now() ms; valid while open */
    bool credential_refused; /* the server refused the key, and there is no newer one yet */
    unsigned in_flight, queued;
};

/* NULL when memory is out. loop, http and what settings points to must outlive the client. */
struct client *client_new(struct loop *loop, struct http *http,
                          const struct client_settings *settings);
/* Drops every call without its callback. */
void client_free(struct client *client);

/*
 * Submits a call.  Copies what `call` points to.  `done` is called exactly once, never from inside
 * client_submit(), at the latest at `deadline` (clock_now() ms): answer->error tells the outcome;
 * the answer is valid only during `done`.
 *
 * Guarantees by the time of `done`:
 *   - a change was put on the wire at most once, except after CLOUD_LATER, CLOUD_CLOCK or
 *     CLOUD_CREDENTIAL refusals, which prove that it was not executed, and after NOT_SENT;
 *   - throttled to the end: -EAGAIN; no answer in time: -ETIMEDOUT, with outcome UNKNOWN if it was
 * sent;
 *   - the breaker is open: fails in the next round of the loop with the errno that opened it,
 * outcome NOT_SENT. Calls of a better turn overtake the others in the queue; for one that is not
 * urgent the time until `deadline` begins again with each answer that its action gets, for its turn
 * comes when those before it are done. Returns 0 and the handle, or -ENOMEM.
 */
int client_submit(struct client *client, const struct cloud_call *call, int64_t deadline,
                  enum client_turn turn, void (*done)(void *data, struct cloud_answer *answer),
                  void *data, struct client_call **handle);

/* Gives a call that was submitted at leisure a better turn. */
void client_hurry(struct client_call *handle, enum client_turn turn);

/* Takes a call back: `done` is not called. Returns true if it had not been put on the wire yet
 * (nothing can have happened). A sent request is abandoned. */
bool client_cancel(struct client_call *handle);

/* True once any byte of the call may have left this machine. */
bool client_call_is_sent(const struct client_call *handle);

void client_get_stats(const struct client *client, struct client_stats *stats);

/* How often an action may be called in CLIENT_RATE_WINDOW, how often it was in the last one, and
 * how often it is tried since the cloud has throttled. */
struct client_rate {
    unsigned limit, used, pace;
};

void client_get_rate(const struct client *client, enum cloud_verb verb, struct client_rate *rate);
const struct provider *client_provider(const struct client *client);

/* Wall clock of the server as far as known: ours plus the offset learnt from Date headers. Seconds.
 */
int64_t client_server_time(const struct client *client);

/* What the client learns beside answers. */
enum client_news {
    CLIENT_UNREACHABLE, /* the cloud is asked no more for a while; the error that led to it */
    CLIENT_REACHABLE,   /* it answers again */
    CLIENT_THROTTLED,   /* a call was refused for coming too soon */
    CLIENT_REFUSED,     /* the credential was refused */
    CLIENT_ACCEPTED,    /* the same credential is accepted again */
    CLIENT_RENEWED      /* there is another credential */
};

/* `news` is called from the loop for each, with the error if there is one, else NULL; it must not
 * submit or cancel a call. One listener; NULL: none. */
void client_on_news(struct client *client,
                    void (*news)(void *data, enum client_news news,
                                 const struct cloud_error *error),
                    void *data);

/* Calls that may run in one second, and the length of the window in ms over which the budget is
 * kept: 20 calls in any 1,026 ms is 19.5 a second; a sliding-window limiter then refuses nothing
 * (perf facts 3). */
#define CLIENT_RATE_WINDOW 1026

#endif
