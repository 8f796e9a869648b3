/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the client share; nobody else includes it. */
#ifndef CBSFS_CLIENT_INTERNAL_H
#define CBSFS_CLIENT_INTERNAL_H

#include "cbsfs/client.h"
#include "cbsfs/http.h"
#include "cbsfs/loop.h"

/* --- budget: how often one action may be asked (client_budget.c) --------------------------------
 */

struct budget {
    unsigned rate;        /* calls in any CLIENT_RATE_WINDOW; at least 1 */
    unsigned pace;        /* how many of them are tried now: fewer after the server refused some */
    unsigned oldest;      /* index into `sent` */
    int64_t *sent;        /* clock_now() of the last `rate` calls; 0: never; owned */
    int64_t even;         /* microseconds: the next of many may go, if they go evenly */
    int64_t paused_until; /* after the server said that it is too much */
    int64_t paced;        /* clock_now() when `pace` last changed */
    int64_t answered;     /* clock_now() of the last success; 0: never */
    unsigned refusals;    /* since the last success */
};

/* 0 or -ENOMEM. budget_free() is harmless on a zeroed one. */
int budget_init(struct budget *budget, unsigned rate);
void budget_free(struct budget *budget);
/* When the next call may go, clock_now() ms; a time that has passed means now. */
int64_t budget_next(const struct budget *budget, enum client_turn turn, int64_t now);
void budget_spend(struct budget *budget, enum client_turn turn, int64_t now);
/* The call that was spent at `from` leaves this machine at `to`, which is not before. */
void budget_move(struct budget *budget, int64_t from, int64_t to);
void budget_pause(struct budget *budget, int64_t until);
/* The server has refused one for coming too soon, or has taken one. */
void budget_slow_down(struct budget *budget, int64_t now);
void budget_succeed(struct budget *budget, int64_t now);

/* --- breaker: whether the cloud is asked at all (client_breaker.c) ------------------------------
 */

struct breaker {
    bool open;
    bool trial;        /* open, and one call is out to see whether it is better now */
    unsigned failures; /* in a row */
    int64_t until;     /* while open: when a trial may go; during it: how long others wait for it */
    int64_t pause;     /* ms of the current opening */
    int64_t stalled;   /* clock_now() when a stall was counted last; 0: none since all was well */
    int status;        /* what opened it */
    char message[512];
};

enum breaker_verdict { BREAKER_PASS, BREAKER_WAIT, BREAKER_FAIL };

/* PASS: send (as the trial if it is open); WAIT: for the trial's end or breaker->until; FAIL: at
 * once. */
enum breaker_verdict breaker_judge(const struct breaker *breaker, int64_t now);
/* The call that was let through is on its way. */
void breaker_begin_trial(struct breaker *breaker, int64_t now);
/* A complete response arrived, of whatever content. */
void breaker_succeed(struct breaker *breaker);
/* `trial`: the attempt that failed was the trial. `started`: clock_now() when it began.
 * `stalled`: it took all the time an attempt may take. */
void breaker_fail(struct breaker *breaker, int64_t now, bool trial, int64_t started, bool stalled,
                  const struct cloud_error *error);
/* The trial was taken back. */
void breaker_drop_trial(struct breaker *breaker);

/* --- credentials (client_credential.c) ----------------------------------------------- */

struct credential_state {
    bool pending;  /* the source will call back */
    char *current; /* secret id of the newest attempt */
    char *refused; /* secret id that the server refused last, while there is no newer one */
    struct cloud_error refusal;
    int64_t probe_at; /* clock_now() ms: before it nobody tries with `refused` again */
};

/* --- the client ---------------------------------------------------------------------- */

enum call_state {
    CALL_QUEUED,    /* in client->queue */
    CALL_IN_FLIGHT, /* in client->flying */
    CALL_ENDED,     /* in client->ended with its error, until `done` is called */
    CALL_FINISHING  /* `done` is running */
};

struct call_list {
    struct client_call *first, *last;
};

struct client_call {
    struct client *client;
    struct client_call *previous, *next;
    enum call_state state;
    uint64_t number;        /* its age */
    struct cloud_call call; /* its pointers are owned */
    int64_t deadline, not_before;
    int64_t patience; /* ms from submission to deadline */
    enum client_turn turn;
    bool is_change;
    bool maybe_sent;                          /* an attempt got further than NOT_SENT */
    bool clock_corrected, credential_renewed; /* each once a call */
    bool trial;
    unsigned attempts;
    int64_t attempt_started, attempt_deadline;
    int64_t spent;   /* when its budget thinks that the attempt left; 0: settled */
    char *secret_id; /* of the attempt under way */
    struct http_exchange *exchange;
    struct loop_timer timer;  /* the deadline, while queued */
    struct cloud_error error; /* of the last attempt; status 0: none yet */
    void (*done)(void *data, struct cloud_answer *answer);
    void *data;
};

struct client {
    struct loop *loop;
    struct http *http;
    struct client_settings settings;
    struct call_list queue; /* by turn, then by age */
    struct call_list flying;
    struct call_list ended;
    struct loop_timer wake;
    struct budget budgets[CLOUD_VERB_COUNT];
    unsigned budget_of[CLOUD_VERB_COUNT]; /* verbs of the same action share one */
    struct breaker breaker;
    struct breaker regions_breaker; /* another service tells which regions there are */
    struct credential_state credential;
    struct client_stats stats;
    int64_t
        latency; /* ms, the usual one of an exchange on a connection that was there; 0: none yet */
    uint64_t last_number;
    unsigned seed; /* of rand_r() */
    void (*news)(void *data, enum client_news news, const struct cloud_error *error);
    void *news_data;
};

/* A copy of `call` in calloc'ed memory, nothing else set; NULL when memory is out. */
struct client_call *client_call_new(const struct cloud_call *call);
void client_call_free(struct client_call *call);
void call_list_insert(struct call_list *list, struct client_call *call); /* by turn, then by age */
void call_list_append(struct call_list *list, struct client_call *call);
void call_list_remove(struct call_list *list, struct client_call *call);

/* Looks at the queue in the next round of the loop, or at `at` if that is sooner than already
 * planned. */
void client_wake(struct client *client, int64_t at);
/* Puts a call into the queue at its place, not to be sent before `not_before`. */
void client_requeue(struct client_call *call, int64_t not_before);
/* Ends a call with call->error, from the loop: never inside of the caller. */
void client_end_later(struct client_call *call);
/* Ends a call with an answer, now. `answer` is freed. */
void client_end_now(struct client_call *call, struct cloud_answer *answer);

/* Until when the call is tried: its deadline, or later while others like it are answered. */
int64_t client_deadline(struct client_call *call);
/* That of the service which answers the call. */
struct breaker *client_breaker(struct client_call *call);
/* Budget of the call's action. */
struct budget *client_budget(struct client_call *call);
/* A random time before which something is not tried again: 1..ceiling ms, the ceiling doubling with
 * `step`. */
int64_t client_backoff(struct client *client, unsigned step);

/* Tells the budget when the attempt under way left: one whose connection is only being made reaches
 * the server behind others that were sent after it. `sent`: as http_sent(). */
void client_note_sent(struct client_call *call, int64_t sent);

/* Signs and sends (client_attempt.c). The call is then in flight, or ended, or still queued because
 * a credential is awaited. */
void client_attempt(struct client_call *call);

/* A credential for the call in *out. 0, or -EINPROGRESS (the queue is woken when there is one), or
 * another -errno with call->error filled. */
int client_get_credential(struct client_call *call, struct credential *out);
/* The server refused the credential of this call's attempt. */
void client_credential_refused(struct client_call *call, const struct cloud_error *error);
void client_credential_accepted(struct client_call *call);
void client_credential_free(struct client *client);

/* An attempt did not succeed, or took so many ms (client_stats.c). */
void client_count_failure(struct client *client, enum cloud_verb verb, int status);
void client_count_time(struct client *client, enum cloud_verb verb, int64_t elapsed);

/* Tells whoever listens. */
void client_tell(const struct client *client, enum client_news news,
                 const struct cloud_error *error);

/* Learns from the Date header. `forced`: the server has complained about our clock. */
void client_learn_clock(struct client *client, const struct http_reply *reply, bool forced);

#endif
