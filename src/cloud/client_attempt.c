/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One attempt at a call, and what follows from its end.
 *
 * The rule that everything here serves: a change is sent again only when it is proven that the
 * attempt before did nothing, either because the server refused it or because no byte of it left
 * this machine.
 */
#include "client_internal.h"

#include "cbsfs/clock.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <stdlib.h>

#define CHANGE_ATTEMPTS     3  /* of a change that could not be sent */
#define LONGEST_RETRY_AFTER 30 /* seconds: no server may silence us for longer */
/* An attempt that outlives its deadline by this, ms, has not been waited for: the machine slept. */
#define OVERSLEPT 2000

static void set_error(struct cloud_error *error, int status, enum cloud_outcome outcome,
                      const char *message)
{
    *error = (struct cloud_error){0};
    cloud_error_set(error, status, outcome, CLOUD_FINAL, "", "%s", message);
}

/* The words of design 7 for what the transport says. */
static int status_of_transport(int error)
{
    switch (error) {
    case -ECONNRESET: /* no answer, whether by silence or by hanging up */
        return -ETIMEDOUT;
    case -EMSGSIZE: /* more than any answer of the API */
        return -EPROTO;
    default:
        return error;
    }
}

/* Puts the call back when there is time for another attempt. */
static bool try_again(struct client_call *call, const struct cloud_error *error, int64_t at)
{
    if (at >= client_deadline(call))
        return false;
    call->error = *error;
    client_requeue(call, at);
    return true;
}

static bool try_later(struct client_call *call, const struct cloud_error *error,
                      const struct http_reply *reply)
{
    struct client *client = call->client;
    struct budget *budget = client_budget(call);
    int64_t now = clock_now();

    if (error->status == -EAGAIN) {
        client->stats.throttled++;
        client_tell(client, CLIENT_THROTTLED, error);
        budget_slow_down(budget, now);
    }
    /* Refusals of calls that were sent side by side are one event. */
    if (now >= budget->paused_until)
        budget_pause(budget, now + client_backoff(client, budget->refusals++));
    if (reply->retry_after > 0) {
        int64_t asked =
            reply->retry_after < LONGEST_RETRY_AFTER ? reply->retry_after : LONGEST_RETRY_AFTER;
        budget_pause(budget, now + asked * 1000);
    }
    return try_again(call, error, now + client_backoff(client, call->attempts - 1));
}

/* True when the call is queued again after the server's answer. */
static bool retry_answer(struct client_call *call, const struct cloud_error *error,
                         const struct http_reply *reply)
{
    int64_t now = clock_now();

    if (error->remedy == CLOUD_CREDENTIAL)
        client_credential_refused(call, error);
    if (call->is_change && error->outcome != CLOUD_REFUSED && error->outcome != CLOUD_NOT_SENT)
        return false;
    switch (error->remedy) {
    case CLOUD_LATER:
        return try_later(call, error, reply);
    case CLOUD_CLOCK:
        if (call->clock_corrected || reply->date == TIMESTAMP_NONE)
            return false;
        call->clock_corrected = true;
        return try_again(call, error, now);
    case CLOUD_CREDENTIAL:
        if (call->credential_renewed)
            return false;
        call->credential_renewed = true;
        return try_again(call, error, now);
    case CLOUD_OTHER_WAY:
        if (call->call.other_way)
            return false;
        call->call.other_way = true;
        return try_again(call, error, now);
    case CLOUD_READ_AGAIN:
        if (call->is_change)
            return false;
        return try_again(call, error, now + client_backoff(call->client, call->attempts - 1));
    case CLOUD_FINAL:
        break;
    }
    return false;
}

static bool retry_transport(struct client_call *call, const struct cloud_error *error)
{
    struct client *client = call->client;

    if (client_breaker(call)->open || error->remedy != CLOUD_READ_AGAIN)
        return false;
    if (call->is_change && (error->outcome != CLOUD_NOT_SENT || call->attempts >= CHANGE_ATTEMPTS ||
                            error->status == -EPROTO))
        return false;
    return try_again(call, error, clock_now() + client_backoff(client, call->attempts - 1));
}

static void answered(struct client_call *call, const struct http_reply *reply)
{
    struct client *client = call->client;
    struct cloud_answer answer;

    if (client_breaker(call)->open && client_breaker(call) == &client->breaker)
        client_tell(client, CLIENT_REACHABLE, NULL);
    breaker_succeed(client_breaker(call));
    cloud_answer_init(&answer);
    client->settings.provider->decode(&call->call, reply, &answer);
    /* Some servers repeat the request in their complaint; the tree and the log show what they say.
     */
    if (answer.error.status) {
        http_redact(reply, answer.error.code);
        http_redact(reply, answer.error.message);
        http_redact(reply, answer.error.request_id);
    }
    const struct cloud_error *error = &answer.error;
    client_learn_clock(client, reply, error->status && error->remedy == CLOUD_CLOCK);
    if (error->status == 0 || error->remedy == CLOUD_FINAL)
        client_credential_accepted(call);
    if (error->status == 0)
        budget_succeed(client_budget(call), clock_now());
    else
        client_count_failure(client, call->call.verb, error->status);

    if (error->status && retry_answer(call, error, reply))
        cloud_answer_free(&answer);
    else
        client_end_now(call, &answer);
}

/* How long the machine slept during the attempt, or the program was stopped, ms; 0: it did not. */
static int64_t time_overslept(const struct client_call *call)
{
    int64_t late = clock_now() - call->attempt_deadline;
    return late > OVERSLEPT ? late : 0;
}

static void not_answered(struct client_call *call, const struct http_reply *reply)
{
    struct client *client = call->client;
    bool was_trial = call->trial, was_open = client->breaker.open;
    int64_t overslept = time_overslept(call);
    /* None of these says anything about the server's health. */
    bool is_ours = reply->error == -EMSGSIZE || reply->error == -ENOMEM || overslept > 0;
    bool stalled = reply->error == -ETIMEDOUT &&
                   clock_now() - call->attempt_started >= client->settings.attempt_timeout;
    struct cloud_answer answer;

    cloud_answer_init(&answer);
    set_error(&answer.error, status_of_transport(reply->error),
              reply->failure == HTTP_NOT_SENT ? CLOUD_NOT_SENT : CLOUD_UNKNOWN, reply->message);
    client_count_failure(client, call->call.verb, answer.error.status);
    if (!is_ours || overslept > 0)
        answer.error.remedy = CLOUD_READ_AGAIN;
    if (!is_ours)
        breaker_fail(client_breaker(call), clock_now(), was_trial, call->attempt_started, stalled,
                     &answer.error);
    else if (was_trial)
        breaker_drop_trial(client_breaker(call));
    if (!was_open && client->breaker.open)
        client_tell(client, CLIENT_UNREACHABLE, &answer.error);
    /* Who looked slept as well, and has waited no longer than before. */
    if (!call->is_change)
        call->deadline += overslept;
    if (retry_transport(call, &answer.error))
        cloud_answer_free(&answer);
    else
        client_end_now(call, &answer);
}

static void attempt_done(void *data, const struct http_reply *reply)
{
    struct client_call *call = data;
    struct client *client = call->client;

    call->exchange = NULL;
    client_note_sent(call, reply->sent);
    client->stats.in_flight--;
    client->stats.connections += reply->new_connection;
    client_count_time(client, call->call.verb, reply->elapsed);
    /* Of those that had to make a connection first the line is no longer than of others. */
    if (reply->failure == HTTP_OK && !reply->new_connection)
        client->latency += (reply->elapsed - client->latency) / (client->latency > 0 ? 8 : 1);
    if (reply->failure != HTTP_NOT_SENT)
        call->maybe_sent = true;
    client_wake(client, clock_now()); /* a place is free, or the breaker has changed */
    if (reply->failure == HTTP_OK)
        answered(call, reply);
    else
        not_answered(call, reply);
}

static int build_request(struct client_call *call, struct http_request *request)
{
    struct client *client = call->client;
    struct credential credential;

    credential_init(&credential);
    int status = client_get_credential(call, &credential);
    if (status)
        goto out;
    call->call.nonce = 1 + (uint32_t)rand_r(&client->seed);
    status = client->settings.provider->encode(&client->settings.account, &credential,
                                               client_server_time(client), &call->call, request);
    if (status)
        set_error(&call->error, status, CLOUD_NOT_SENT,
                  status == -ENOMEM ? "out of memory" : "the provider cannot express this");
out:
    credential_free(&credential);
    return status;
}

void client_note_sent(struct client_call *call, int64_t sent)
{
    int64_t left = sent != 0 ? sent : clock_now();
    if (call->spent == 0)
        return;
    if (left > call->spent)
        budget_move(client_budget(call), call->spent, left);
    call->spent = sent != 0 ? 0 : left;
}

void client_attempt(struct client_call *call)
{
    struct client *client = call->client;
    int64_t now = clock_now();
    struct http_request request;

    http_request_init(&request);
    int status = build_request(call, &request);
    if (status == -EINPROGRESS)
        return;
    if (status) {
        client_end_later(call);
        return;
    }
    int64_t deadline = now + client->settings.attempt_timeout;
    /* One that has had to wait for its turn has the time of an attempt all the same. */
    if (call->turn == CLIENT_URGENT && deadline > call->deadline)
        deadline = call->deadline;
    else if (deadline > call->deadline)
        call->deadline = deadline;
    status = http_start(client->http, &request, deadline, call->is_change, attempt_done, call,
                        &call->exchange);
    if (status) {
        set_error(&call->error, status, CLOUD_NOT_SENT,
                  status == -ENOMEM ? "out of memory" : "this endpoint is not allowed");
        client_end_later(call);
        return;
    }
    budget_spend(client_budget(call), call->turn, now);
    call->spent = now;
    call->trial = client_breaker(call)->open;
    if (call->trial)
        breaker_begin_trial(client_breaker(call), now);
    call->attempts++;
    call->attempt_started = now;
    call->attempt_deadline = deadline;
    call->state = CALL_IN_FLIGHT;
    loop_timer_stop(client->loop, &call->timer); /* the exchange keeps the deadline now */
    call_list_remove(&client->queue, call);
    call_list_append(&client->flying, call);
    client->stats.in_flight++;
    client->stats.queued--;
    client->stats.calls[call->call.verb]++;
}
