/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/clock.h"

#include <time.h>

static int64_t milliseconds(clockid_t clock)
{
    struct timespec now = {0};
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_now(void)
{
    /* The first millisecond after boot counts as the second one, so that 0 can mean "never". */
    int64_t now = milliseconds(CLOCK_BOOTTIME);
    return now > 0 ? now : 1;
}

int64_t clock_wall(void)
{
    return milliseconds(CLOCK_REALTIME);
}
