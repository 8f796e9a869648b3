/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The breaker keeps a cloud that does not answer from costing every caller its whole deadline:
 * after a few failures of the transport calls fail at once, and one of them now and then finds out
 * whether it is over.
 */
#include "client_internal.h"

#include <stdio.h>

#define FAILURES_TO_OPEN 3
#define FIRST_PAUSE      1000
#define LONGEST_PAUSE    30000
/* How long others wait for what a trial finds out, ms: a healthy cloud has answered by then.  One
 * that hangs would hold everybody up for as long as an attempt may take. */
#define TRIAL_PATIENCE 250

enum breaker_verdict breaker_judge(const struct breaker *breaker, int64_t now)
{
    if (!breaker->open)
        return BREAKER_PASS;
    if (breaker->trial)
        return now < breaker->until ? BREAKER_WAIT : BREAKER_FAIL;
    return now < breaker->until ? BREAKER_FAIL : BREAKER_PASS;
}

void breaker_begin_trial(struct breaker *breaker, int64_t now)
{
    breaker->trial = true;
    breaker->until = now + TRIAL_PATIENCE;
}

void breaker_succeed(struct breaker *breaker)
{
    *breaker = (struct breaker){.open = false};
}

static void open_breaker(struct breaker *breaker, int64_t now, int64_t pause,
                         const struct cloud_error *error)
{
    breaker->open = true;
    breaker->trial = false;
    breaker->pause = pause < LONGEST_PAUSE ? pause : LONGEST_PAUSE;
    breaker->until = now + breaker->pause;
    breaker->status = error->status;
    snprintf(breaker->message, sizeof breaker->message, "%s", error->message);
}

void breaker_fail(struct breaker *breaker, int64_t now, bool trial, int64_t started, bool stalled,
                  const struct cloud_error *error)
{
    if (breaker->open) {
        /* What was sent before it opened says nothing new. */
        if (trial)
            open_breaker(breaker, now, breaker->pause * 2, error);
        return;
    }
    /* What hung side by side hung for one reason. */
    if (stalled && started < breaker->stalled)
        return;
    if (stalled)
        breaker->stalled = now;
    /* A stall has cost somebody the time of several quick failures. */
    breaker->failures += stalled ? 2 : 1;
    if (breaker->failures >= FAILURES_TO_OPEN)
        open_breaker(breaker, now, FIRST_PAUSE, error);
}

void breaker_drop_trial(struct breaker *breaker)
{
    breaker->trial = false;
    breaker->until = 0;
}
