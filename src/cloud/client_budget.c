/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sliding window instead of a fixed pace: the times of the last `rate` calls are kept, and the
 * next one may go when the oldest of them has left the window.  So a burst after a quiet time costs
 * nothing, and no window of the server, wherever it starts, holds more than `rate` calls.
 *
 * What counts is when a call leaves this machine (budget_move()).  One that has to make its
 * connection first leaves two or three round trips after it was sent, and the server would meet it
 * among later ones.
 *
 * The many pages of a listing would fill the window at its beginning, and whoever came then would
 * wait for the rest of it.  So they may be three quarters of a window ahead of an even pace and no
 * more; in the long run that costs them nothing, and there is a place for somebody else within a
 * window's `rate`-th part.  What nobody waits for takes only the first half of a window.
 *
 * The limit may be lower than we think, or shared.  A refusal takes a quarter of the pace, and what
 * was taken comes back little by little, so that few of the calls after it are refused again.
 */
#include "client_internal.h"

#include <errno.h>
#include <stdlib.h>

#define SLOWED_ONCE 500  /* ms in which refusals are one event */
#define FASTER_EACH 3000 /* ms without a refusal that give back a twentieth of the rate */
#define LATE        10   /* ms: as much as a timer may be late, an even pace makes up for */

int budget_init(struct budget *budget, unsigned rate)
{
    *budget = (struct budget){.rate = rate < 1 ? 1 : rate};
    budget->pace = budget->rate;
    budget->sent = calloc(budget->rate, sizeof(*budget->sent));
    return budget->sent != NULL ? 0 : -ENOMEM;
}

void budget_free(struct budget *budget)
{
    free(budget->sent);
    budget->sent = NULL;
}

/* When the `count`-th last call leaves the window: from then on fewer than `count` are in it. */
static int64_t leaves(const struct budget *budget, unsigned count)
{
    int64_t sent = budget->sent[(budget->oldest + budget->rate - count) % budget->rate];
    return sent != 0 ? sent + CLIENT_RATE_WINDOW : 0;
}

static int64_t later(int64_t left, int64_t right)
{
    return left > right ? left : right;
}

/* Microseconds between two calls at an even pace. */
static int64_t gap(const struct budget *budget)
{
    return (int64_t)CLIENT_RATE_WINDOW * 1000 / budget->pace;
}

int64_t budget_next(const struct budget *budget, enum client_turn turn, int64_t now)
{
    int64_t next = later(leaves(budget, budget->pace), budget->paused_until);
    unsigned half = budget->pace > 1 ? budget->pace / 2 : 1;

    if (turn == CLIENT_BACKGROUND)
        return later(next, leaves(budget, half));
    int64_t early = leaves(budget, budget->pace - budget->pace / 4),
            even = (budget->even + 999) / 1000;
    if (turn == CLIENT_BULK && early > now)
        return later(next, early < even ? early : even);
    return next;
}

void budget_spend(struct budget *budget, enum client_turn turn, int64_t now)
{
    budget->sent[budget->oldest] = now;
    budget->oldest = (budget->oldest + 1) % budget->rate;
    if (turn == CLIENT_BULK)
        budget->even =
            later(budget->even, now * 1000 - later(gap(budget), LATE * 1000)) + gap(budget);
}

void budget_move(struct budget *budget, int64_t from, int64_t to)
{
    unsigned at = budget->rate; /* its place in order of age; the newest is rate - 1 */
    int64_t *sent = budget->sent;
    for (unsigned i = budget->rate; i > 0 && at == budget->rate; i--) {
        if (sent[(budget->oldest + i - 1) % budget->rate] == from)
            at = i - 1;
    }
    if (at == budget->rate)
        return; /* it has left the window */
    for (; at + 1 < budget->rate && sent[(budget->oldest + at + 1) % budget->rate] <= to; at++)
        sent[(budget->oldest + at) % budget->rate] = sent[(budget->oldest + at + 1) % budget->rate];
    sent[(budget->oldest + at) % budget->rate] = to;
}

void budget_pause(struct budget *budget, int64_t until)
{
    if (until > budget->paused_until)
        budget->paused_until = until;
}

void budget_slow_down(struct budget *budget, int64_t now)
{
    if (budget->pace < budget->rate && now - budget->paced < SLOWED_ONCE)
        return;
    budget->pace -= (budget->pace + 3) / 4;
    if (budget->pace < 1)
        budget->pace = 1;
    budget->paced = now;
}

void budget_succeed(struct budget *budget, int64_t now)
{
    budget->refusals = 0;
    budget->answered = now;
    if (budget->pace == budget->rate || now - budget->paced < FASTER_EACH)
        return;
    budget->pace += (budget->rate + 19) / 20;
    if (budget->pace > budget->rate)
        budget->pace = budget->rate;
    budget->paced = now;
}
