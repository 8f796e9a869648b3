/* SPDX-License-Identifier: Apache-2.0 */
/* The tester's side door: /_sim/stats, /_sim/faults, /_sim/patch and /_sim/log. */
#include <errno.h>
#include <string.h>

#include "answer.h"
#include "cbsfs/clock.h"
#include "cbsfs/fields.h"
#include "late.h"
#include "patch.h"

static void answer_problem(struct answer *answer, unsigned int status, const char *reason)
{
    answer_json(answer, status, json_pack("{s:s}", "error", reason));
}

static void answer_stats(struct sim *sim, struct answer *answer)
{
    const struct traffic *traffic = &sim->traffic;
    const struct account *account = &sim->accounts[0];

    answer_json(answer, 200,
                json_pack("{s:O, s:O, s:O, s:O, s:O, s:O, s:I, s:I, s:I}", "requests",
                          traffic->requests, "errors", traffic->errors, "peak_per_second",
                          traffic->peaks, "changes", traffic->changes, "faults", traffic->faults,
                          "regions", traffic->regions, "late", (json_int_t)late_count(sim), "disks",
                          (json_int_t)account->disks.count, "snapshots",
                          (json_int_t)account->snapshots.count));
}

static int replace_faults(struct sim *sim, const json_t *body, char *reason, size_t size)
{
    return faults_replace(&sim->faults, body, clock_now(), reason, size);
}

static int apply_patch(struct sim *sim, const json_t *body, char *reason, size_t size)
{
    return patch_region(sim, body, clock_now(), sim_wall(sim), reason, size);
}

/* Parses the body and hands it on; says {} or what was wrong. */
static void answer_posted(struct sim *sim, const struct http_request *http, struct answer *answer,
                          int (*handle)(struct sim *, const json_t *, char *, size_t))
{
    char reason[200] = "out of memory";
    json_t *body =
        fields_parse(http->body ? http->body : "", http->body_length, reason, sizeof reason);
    int status = body ? handle(sim, body, reason, sizeof reason) : -EINVAL;

    json_decref(body);
    if (status < 0)
        answer_problem(answer, status == -ENOMEM ? 500 : 400, reason);
    else
        answer_json(answer, 200, json_object());
}

void answer_control(struct sim *sim, const struct http_request *http, struct answer *answer)
{
    const char *name = http->path + strlen("/_sim/");
    bool get = strcmp(http->method, "GET") == 0;
    bool post = strcmp(http->method, "POST") == 0;

    if (get && strcmp(name, "stats") == 0)
        answer_stats(sim, answer);
    else if (strcmp(http->method, "DELETE") == 0 && strcmp(name, "stats") == 0)
        answer_json(answer, 200, traffic_reset(&sim->traffic) < 0 ? NULL : json_object());
    else if (get && strcmp(name, "log") == 0)
        answer_json(answer, 200, json_incref(sim->traffic.log));
    else if (post && strcmp(name, "faults") == 0)
        answer_posted(sim, http, answer, replace_faults);
    else if (post && strcmp(name, "patch") == 0)
        answer_posted(sim, http, answer, apply_patch);
    else
        answer_problem(answer, 404, "there is no such control; see cbsfs-sim(1)");
}
