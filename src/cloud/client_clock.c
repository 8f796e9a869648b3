/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's clock, learnt from its Date headers.  Date has whole seconds and is as old as the
 * way back, so small differences are noise; they also do no harm, because signatures are accepted
 * for minutes.
 */
#include "client_internal.h"

#include "cbsfs/clock.h"
#include "cbsfs/log.h"
#include "cbsfs/timestamp.h"

#include <stdlib.h>

#define NOISE          5  /* seconds */
#define WORTH_LEARNING 30 /* seconds: before the server complains */

int64_t client_server_time(const struct client *client)
{
    return clock_wall() / 1000 + client->stats.clock_offset;
}

void client_learn_clock(struct client *client, const struct http_reply *reply, bool forced)
{
    if (reply->date == TIMESTAMP_NONE)
        return;
    int64_t change = llabs(reply->date - client_server_time(client));
    if (change < NOISE || (change <= WORTH_LEARNING && !forced))
        return;
    int64_t offset = reply->date - clock_wall() / 1000;
    client->stats.clock_offset = llabs(offset) < NOISE ? 0 : offset;
    if (client->stats.clock_offset)
        log_warning("this machine's clock is %lld s %s the cloud's; requests are signed with the "
                    "cloud's time",
                    llabs(offset), offset > 0 ? "behind" : "ahead of");
    else
        log_info("this machine's clock agrees with the cloud's again");
}
