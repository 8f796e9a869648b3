/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an error number of the legacy API means: an errno for the caller and a remedy for the client
 * (tencent-cbs facts 6.5).
 *
 * The gateway in front of the services has numbers of four digits and two zeros, the services have
 * their own, which the gateway sometimes passes on only as the beginning of the message: "(16006)
 * snapshot quota exceeded".
 */
#include "qcloud.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const struct meaning {
    int64_t number;
    int status; /* positive errno */
    enum cloud_remedy remedy;
} meanings[] = {
    /* The gateway. */
    {4000, EINVAL, CLOUD_FINAL},
    {4100, EKEYREJECTED, CLOUD_CREDENTIAL},
    {4101, EACCES, CLOUD_FINAL},
    {4102, EACCES, CLOUD_FINAL},
    {4103, EACCES, CLOUD_FINAL},
    {4104, EKEYREJECTED, CLOUD_CREDENTIAL},
    {4105, EKEYEXPIRED, CLOUD_CREDENTIAL},
    {4106, EACCES, CLOUD_FINAL},
    {4110, EACCES, CLOUD_FINAL},
    {4200, EKEYREJECTED, CLOUD_CLOCK},
    {4300, EACCES, CLOUD_FINAL},
    {4400, EAGAIN, CLOUD_LATER},
    {4500, EKEYREJECTED, CLOUD_CLOCK},
    {4600, EINVAL, CLOUD_FINAL},
    {5000, ENOENT, CLOUD_FINAL},
    {5100, EREMOTEIO, CLOUD_FINAL},
    {5300, EDQUOT, CLOUD_FINAL},
    {5500, EACCES, CLOUD_FINAL},
    {6000, EREMOTEIO, CLOUD_READ_AGAIN},
    {6100, EINVAL, CLOUD_FINAL},
    {6200, EREMOTEIO, CLOUD_READ_AGAIN},
    /* The services. */
    {9003, EINVAL, CLOUD_FINAL},
    {9008, EACCES, CLOUD_FINAL},
    {9033, ENOENT, CLOUD_FINAL},
    {9814, EBUSY, CLOUD_FINAL},
    {16000, ENOENT, CLOUD_FINAL},
    {16003, ENOENT, CLOUD_FINAL},
    {16005, EBUSY, CLOUD_FINAL},
    {16006, EDQUOT, CLOUD_FINAL},
    {16007, EOPNOTSUPP, CLOUD_FINAL},
    {16008, EOPNOTSUPP, CLOUD_FINAL},
    {16026, EOPNOTSUPP, CLOUD_FINAL},
    {16027, EBUSY, CLOUD_FINAL},
};

static const struct meaning *find(int64_t number)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (meanings[i].number == number)
            return &meanings[i];
    return NULL;
}

/* The number in parentheses at the beginning of a message, or 0. */
static int64_t number_in(const char *message)
{
    char *end;
    if (message[0] != '(')
        return 0;
    long number = strtol(message + 1, &end, 10);
    return *end == ')' && number > 0 ? number : 0;
}

void qcloud_error_set(struct cloud_error *error, int64_t number, const char *word,
                      const char *message)
{
    /* A service's number says more than the gateway's "operation failed". */
    const struct meaning *meaning = find(number_in(message));
    if (meaning == NULL)
        meaning = find(number);
    int status = meaning != NULL ? meaning->status : EREMOTEIO;
    enum cloud_remedy remedy = meaning != NULL ? meaning->remedy : CLOUD_FINAL;
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, number);
    cloud_error_set(error, -status, remedy == CLOUD_READ_AGAIN ? CLOUD_UNKNOWN : CLOUD_REFUSED,
                    remedy, *word != '\0' ? word : digits, "%s", message);
}
