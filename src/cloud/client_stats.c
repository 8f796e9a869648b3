/* SPDX-License-Identifier: Apache-2.0 */
/* What the client counts, and whom it tells. */
#include "client_internal.h"

#include "cbsfs/clock.h"

#include <errno.h>

/* Those of design 7 that a call can end with; what is none of them counts as the last. */
static const int statuses[] = {
    -EKEYREJECTED, -EKEYEXPIRED,  -EACCES, -EBUSY,      -EDQUOT,       -EEXIST,    -ENOENT,
    -EINVAL,       -EPERM,        -ENOSPC, -EOPNOTSUPP, -EAGAIN,       -ETIMEDOUT, -EHOSTUNREACH,
    -ENETUNREACH,  -ECONNREFUSED, -EPROTO, -ENOMEM,     -ENAMETOOLONG, -EREMOTEIO,
};
_Static_assert(sizeof(statuses) / sizeof(statuses[0]) == CLIENT_STATUS_COUNT, "one each");

const int64_t client_latency_limits[CLIENT_LATENCY_COUNT] = {25,   50,   100,  250,   500,
                                                             1000, 2500, 5000, 10000, INT64_MAX};

int client_status(size_t index)
{
    return statuses[index];
}

void client_count_failure(struct client *client, enum cloud_verb verb, int status)
{
    size_t index = 0;
    while (index + 1 < CLIENT_STATUS_COUNT && statuses[index] != status)
        index++;
    client->stats.errors[verb]++;
    client->stats.failed[verb][index]++;
}

void client_count_time(struct client *client, enum cloud_verb verb, int64_t elapsed)
{
    size_t index = 0;
    while (elapsed > client_latency_limits[index])
        index++;
    client->stats.latency_last = elapsed;
    client->stats.latency[verb][index]++;
    client->stats.latency_sum[verb] += elapsed > 0 ? (uint64_t)elapsed : 0;
}

void client_get_stats(const struct client *client, struct client_stats *stats)
{
    *stats = client->stats;
    stats->breaker_open = client->breaker.open;
    stats->breaker_until = client->breaker.until;
    stats->credential_refused = client->credential.refused != NULL;
}

void client_get_rate(const struct client *client, enum cloud_verb verb, struct client_rate *rate)
{
    const struct budget *budget = &client->budgets[client->budget_of[verb]];
    int64_t now = clock_now();
    *rate = (struct client_rate){.limit = budget->rate, .pace = budget->pace};
    for (unsigned i = 0; i < budget->rate; i++)
        rate->used += budget->sent[i] != 0 && now - budget->sent[i] < CLIENT_RATE_WINDOW;
}

void client_on_news(struct client *client,
                    void (*news)(void *data, enum client_news news,
                                 const struct cloud_error *error),
                    void *data)
{
    client->news = news;
    client->news_data = data;
}

void client_tell(const struct client *client, enum client_news news,
                 const struct cloud_error *error)
{
    if (client->news != NULL)
        client->news(client->news_data, news, error);
}
