/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue of the client.
 *
 * Whatever may let a call go (a new one, an answer, a place, a credential, the end of a pause)
 * wakes the queue, which is then looked through from its head: each call is sent, or ended, or left
 * for later.  That happens only in a timer of the loop, so no caller ever gets its answer from
 * inside its own question.
 */
#include "client_internal.h"

#include "cbsfs/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONCURRENCY 8
#define FIRST_BACKOFF       100
#define LONGEST_BACKOFF     2000
/* Exchanges side by side that are not urgent.  Each needs a connection, so no more than the rate
 * can use; and the others have places left. */
#define FEWEST_BULK       3
#define PLACES_LEFT       2
#define BACKGROUND_PLACES 2

static void look_through_queue(void *data);

static int assign_budgets(struct client *client)
{
    const struct provider *provider = client->settings.provider;
    unsigned rate = client->settings.rate != 0 ? client->settings.rate : provider->rate;

    for (unsigned verb = 0; verb < CLOUD_VERB_COUNT; verb++) {
        const char *action = provider->action((enum cloud_verb)verb);
        if (budget_init(&client->budgets[verb], rate) != 0)
            return -ENOMEM;
        client->budget_of[verb] = verb;
        for (unsigned other = 0; other < verb; other++) {
            if (strcmp(action, provider->action((enum cloud_verb)other)) == 0) {
                client->budget_of[verb] = other;
                break;
            }
        }
    }
    return 0;
}

struct client *client_new(struct loop *loop, struct http *http,
                          const struct client_settings *settings)
{
    struct client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    client->loop = loop;
    client->http = http;
    client->settings = *settings;
    if (client->settings.concurrency == 0)
        client->settings.concurrency = DEFAULT_CONCURRENCY;
    client->wake.fire = look_through_queue;
    client->wake.data = client;
    client->stats.latency_last = -1;
    client->seed = (unsigned)clock_wall() ^ (unsigned)getpid();
    if (assign_budgets(client) != 0) {
        client_free(client);
        return NULL;
    }
    return client;
}

static struct call_list *list_of(struct client_call *call)
{
    struct client *client = call->client;
    if (call->state == CALL_QUEUED)
        return &client->queue;
    return call->state == CALL_IN_FLIGHT ? &client->flying : &client->ended;
}

/* Takes a call out of everything; only its memory is left. */
static void detach(struct client_call *call)
{
    struct client *client = call->client;

    call_list_remove(list_of(call), call);
    loop_timer_stop(client->loop, &call->timer);
    if (call->state == CALL_QUEUED)
        client->stats.queued--;
    if (call->exchange) {
        http_cancel(call->exchange);
        call->exchange = NULL;
        client->stats.in_flight--;
        if (call->trial)
            breaker_drop_trial(client_breaker(call));
    }
}

static void drop_all(struct call_list *list)
{
    while (list->first) {
        struct client_call *call = list->first;
        detach(call);
        client_call_free(call);
    }
}

void client_free(struct client *client)
{
    if (!client)
        return;
    drop_all(&client->queue);
    drop_all(&client->flying);
    drop_all(&client->ended);
    loop_timer_stop(client->loop, &client->wake);
    client_credential_free(client);
    for (unsigned verb = 0; verb < CLOUD_VERB_COUNT; verb++)
        budget_free(&client->budgets[verb]);
    free(client);
}

struct budget *client_budget(struct client_call *call)
{
    return &call->client->budgets[call->client->budget_of[call->call.verb]];
}

struct breaker *client_breaker(struct client_call *call)
{
    struct client *client = call->client;
    return call->call.verb == CLOUD_DESCRIBE_REGIONS ? &client->regions_breaker : &client->breaker;
}

int64_t client_deadline(struct client_call *call)
{
    /* Its turn comes when those before it are done; while they are, it has not waited in vain. */
    int64_t answered = client_budget(call)->answered;
    int64_t deadline = answered + call->patience + (int64_t)2 * CLIENT_RATE_WINDOW;
    bool has_failed = call->error.status != 0 && call->error.status != -EAGAIN;
    if (call->turn == CLIENT_URGENT || has_failed || answered == 0 || deadline < call->deadline)
        return call->deadline;
    return deadline;
}

/* Full jitter: callers that failed together do not come back together. */
int64_t client_backoff(struct client *client, unsigned step)
{
    int64_t ceiling = FIRST_BACKOFF;
    while (step-- > 0 && ceiling < LONGEST_BACKOFF)
        ceiling *= 2;
    if (ceiling > LONGEST_BACKOFF)
        ceiling = LONGEST_BACKOFF;
    return 1 + rand_r(&client->seed) % ceiling;
}

void client_wake(struct client *client, int64_t at)
{
    if (client->wake.armed && client->wake.at <= at)
        return;
    loop_timer_start(client->loop, &client->wake, at);
}

void client_end_now(struct client_call *call, struct cloud_answer *answer)
{
    detach(call);
    call->state = CALL_FINISHING;
    call->done(call->data, answer);
    cloud_answer_free(answer);
    client_call_free(call);
}

void client_end_later(struct client_call *call)
{
    detach(call);
    call->state = CALL_ENDED;
    call_list_append(&call->client->ended, call);
    client_wake(call->client, clock_now());
}

static void end_with_error(struct client_call *call)
{
    struct cloud_answer answer;
    cloud_answer_init(&answer);
    answer.error = call->error;
    client_end_now(call, &answer);
}

/* Nothing of it is under way: what the last attempt said holds, else it never had its turn. */
static void deadline_passed(void *data)
{
    struct client_call *call = data;
    int64_t deadline = client_deadline(call);

    if (deadline > clock_now()) {
        loop_timer_start(call->client->loop, &call->timer, deadline);
        return;
    }
    if (call->error.status == 0)
        cloud_error_set(&call->error, -ETIMEDOUT, CLOUD_NOT_SENT, CLOUD_FINAL, "",
                        "the time was over before the request could be sent");
    end_with_error(call);
}

void client_requeue(struct client_call *call, int64_t not_before)
{
    struct client *client = call->client;

    call_list_remove(&client->flying, call);
    call->state = CALL_QUEUED;
    call->not_before = not_before;
    call->trial = false;
    call_list_insert(&client->queue, call);
    client->stats.queued++;
    loop_timer_start(client->loop, &call->timer, client_deadline(call));
    client_wake(client, not_before);
}

static void fail_by_breaker(struct client_call *call)
{
    const struct breaker *breaker = client_breaker(call);

    call->error = (struct cloud_error){0};
    cloud_error_set(&call->error, breaker->status, CLOUD_NOT_SENT, CLOUD_FINAL, "", "%s",
                    breaker->message);
    client_end_later(call);
}

/* How many calls of many may be under way side by side. */
static unsigned bulk_places(struct client_call *call)
{
    const struct client *client = call->client;
    int64_t useful = client_budget(call)->pace * client->latency / 1000 + 1;
    unsigned most =
        client->settings.concurrency > PLACES_LEFT ? client->settings.concurrency - PLACES_LEFT : 1;

    if (useful < FEWEST_BULK)
        useful = FEWEST_BULK;
    return useful < most ? (unsigned)useful : most;
}

static bool has_place(struct client_call *call)
{
    const struct client *client = call->client;
    unsigned count = 0;

    if (client->stats.in_flight >= client->settings.concurrency)
        return false;
    if (call->turn == CLIENT_URGENT)
        return true;
    for (const struct client_call *other = client->flying.first; other; other = other->next)
        count += other->turn != CLIENT_URGENT;
    return count < (call->turn == CLIENT_BULK ? bulk_places(call) : BACKGROUND_PLACES);
}

/* Sends or ends the call, or returns when to look at it again; INT64_MAX: when something else
 * happens. */
static int64_t consider(struct client_call *call, int64_t now)
{
    struct client *client = call->client;

    enum breaker_verdict verdict = breaker_judge(client_breaker(call), now);
    if (verdict == BREAKER_FAIL) {
        fail_by_breaker(call);
        return INT64_MAX;
    }
    if (verdict == BREAKER_WAIT)
        return client_breaker(call)->until;
    if (client->credential.pending || now >= client_deadline(call) || !has_place(call))
        return INT64_MAX;
    if (call->not_before > now)
        return call->not_before;
    int64_t next = budget_next(client_budget(call), call->turn, now);
    if (next > now)
        return next;
    client_attempt(call);
    return INT64_MAX;
}

static void look_through_queue(void *data)
{
    struct client *client = data;
    int64_t now = clock_now();
    int64_t wake_at = INT64_MAX;

    for (struct client_call *call = client->flying.first; call; call = call->next)
        client_note_sent(call, http_sent(call->exchange));
    /* No callback of a caller runs in this walk, so only the call looked at can leave the queue. */
    for (struct client_call *call = client->queue.first, *next; call; call = next) {
        next = call->next;
        int64_t again = consider(call, now);
        if (again < wake_at)
            wake_at = again;
    }
    if (wake_at != INT64_MAX)
        client_wake(client, wake_at);
    while (client->ended.first)
        end_with_error(client->ended.first);
}

int client_submit(struct client *client, const struct cloud_call *request, int64_t deadline,
                  enum client_turn turn, void (*done)(void *data, struct cloud_answer *answer),
                  void *data, struct client_call **handle)
{
    struct client_call *call = client_call_new(request);
    if (!call)
        return -ENOMEM;
    call->client = client;
    call->number = ++client->last_number;
    call->deadline = deadline;
    call->patience = deadline - clock_now();
    call->turn = turn;
    call->is_change = cloud_verb_is_change(request->verb);
    call->done = done;
    call->data = data;
    call->timer.fire = deadline_passed;
    call->timer.data = call;
    call_list_insert(&client->queue, call);
    client->stats.queued++;
    loop_timer_start(client->loop, &call->timer, deadline);
    client_wake(client, clock_now());
    *handle = call;
    return 0;
}

void client_hurry(struct client_call *handle, enum client_turn turn)
{
    if (turn <= handle->turn)
        return;
    handle->turn = turn;
    if (handle->state != CALL_QUEUED)
        return;
    call_list_remove(&handle->client->queue, handle);
    call_list_insert(&handle->client->queue, handle);
    client_wake(handle->client, clock_now());
}

bool client_call_is_sent(const struct client_call *handle)
{
    return handle->maybe_sent || handle->state == CALL_IN_FLIGHT;
}

bool client_cancel(struct client_call *handle)
{
    bool sent = client_call_is_sent(handle);

    if (handle->state == CALL_FINISHING)
        return !sent;
    client_wake(handle->client, clock_now()); /* its place is free */
    detach(handle);
    client_call_free(handle);
    return !sent;
}

const struct provider *client_provider(const struct client *client)
{
    return client->settings.provider;
}
