/* SPDX-License-Identifier: Apache-2.0 */
#include "late.h"

#include <errno.h>
#include <stdlib.h>

/* A change on its way. */
struct late {
    struct late *next;
    const struct action *action;
    struct account *account;
    json_t *parameters;
    int64_t due; /* clock_now() */
};

int late_add(const struct api_request *request, const struct action *action)
{
    struct late **at = &request->sim->late;
    struct late *late = calloc(1, sizeof *late);

    if (!late)
        return -ENOMEM;
    late->action = action;
    late->account = request->account;
    late->parameters = json_incref(request->parameters);
    late->due = request->now + request->late;
    while (*at && (*at)->due <= late->due)
        at = &(*at)->next;
    late->next = *at;
    *at = late;
    return 0;
}

static struct late *take_first(struct sim *sim)
{
    struct late *late = sim->late;

    sim->late = late->next;
    return late;
}

static void free_one(struct late *late)
{
    json_decref(late->parameters);
    free(late);
}

/* Nobody reads the answer any more; a refusal leaves no trace. */
static void carry_out(struct sim *sim, const struct late *late, int64_t now)
{
    struct api_request request = {.sim = sim,
                                  .account = late->account,
                                  .parameters = late->parameters,
                                  .reply = json_object(),
                                  .now = now,
                                  .wall = sim_wall(sim),
                                  .as_of = INT64_MAX};

    if (request.reply && late->action->run(&request) == 0 && !request.unchanged)
        traffic_change(&sim->traffic, late->action->name,
                       late->account ? late->account->region : NULL);
    json_decref(request.reply);
}

int64_t late_run(struct sim *sim, int64_t now)
{
    while (sim->late && sim->late->due <= now) {
        struct late *late = take_first(sim);

        carry_out(sim, late, now);
        free_one(late);
    }
    return sim->late ? sim->late->due - now : -1;
}

size_t late_count(const struct sim *sim)
{
    size_t count = 0;

    for (const struct late *late = sim->late; late; late = late->next)
        count++;
    return count;
}

void late_free(struct sim *sim)
{
    while (sim->late)
        free_one(take_first(sim));
}
