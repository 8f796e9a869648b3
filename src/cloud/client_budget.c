/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sliding window instead of a fixed pace: the times of the last `rate` calls are kept, and the
 * next one may go when the oldest of them has left the window.  So a burst after a quiet time costs
 * nothing, and no window of the server, wherever it starts, holds more than `rate` calls.
 */
#include "client_internal.h"

#include <errno.h>
#include <stdlib.h>

int budget_init(struct budget *budget, unsigned rate)
{
    *budget = (struct budget){.rate = rate < 1 ? 1 : rate};
    budget->sent = calloc(budget->rate, sizeof(*budget->sent));
    return budget->sent != NULL ? 0 : -ENOMEM;
}

void budget_free(struct budget *budget)
{
    free(budget->sent);
    budget->sent = NULL;
}

int64_t budget_next(const struct budget *budget)
{
    int64_t oldest = budget->sent[budget->oldest];
    int64_t next = oldest ? oldest + CLIENT_RATE_WINDOW : 0;
    return next > budget->paused_until ? next : budget->paused_until;
}

void budget_spend(struct budget *budget, int64_t now)
{
    budget->sent[budget->oldest] = now;
    budget->oldest = (budget->oldest + 1) % budget->rate;
}

void budget_pause(struct budget *budget, int64_t until)
{
    if (until > budget->paused_until)
        budget->paused_until = until;
}
