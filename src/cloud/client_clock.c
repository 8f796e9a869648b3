/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's clock, learnt from its Date headers.  Date has whole seconds and is as old as the
 * way back, so small differences are noise.  Differences of some seconds do no harm to signatures,
 * which are accepted for minutes, and nobody is told of them; but they would hide a snapshot of
 * ours from whoever looks for what was created since a change began.
 */
#include "client_internal.h"

#include "cbsfs/clock.h"
#include "cbsfs/log.h"
#include "cbsfs/timestamp.h"

#include <stdlib.h>

#define NOISE         5    /* seconds */
#define WORTH_TELLING 30   /* seconds: before the server complains */
#define QUICK         1000 /* ms: the Date of a slower answer may be old */

int64_t client_server_time(const struct client *client)
{
    return clock_wall() / 1000 + client->stats.clock_offset;
}

void client_learn_clock(struct client *client, const struct http_reply *reply, bool forced)
{
    if (reply->date == TIMESTAMP_NONE)
        return;
    int64_t change = llabs(reply->date - client_server_time(client));
    bool large = change > WORTH_TELLING || forced;
    if (change < NOISE || (!large && reply->elapsed > QUICK))
        return;
    int64_t offset = reply->date - clock_wall() / 1000;
    client->stats.clock_offset = llabs(offset) < NOISE ? 0 : offset;
    if (!large)
        return;
    if (client->stats.clock_offset)
        log_warning("this machine's clock is %lld s %s the cloud's; requests are signed with the "
                    "cloud's time",
                    llabs(offset), offset > 0 ? "behind" : "ahead of");
    else
        log_info("this machine's clock agrees with the cloud's again");
}
