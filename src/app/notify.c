/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/notify.h"

#include "cbsfs/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGE_SIZE 2048
#define ROUND        20 /* ms between two attempts */
#define ROUNDS       50

/* The longest that makes sense; a larger number is a mistake and would overflow. */
#define LONGEST_INTERVAL (24LL * 3600 * 1000)

static int fill_address(struct notify *notify, const char *name)
{
    size_t length = strlen(name);

    if ((name[0] != '/' && name[0] != '@') || length < 2 ||
        length >= sizeof(notify->address.sun_path))
        return -EINVAL;
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, name, length + 1);
    /* An abstract name begins with a NUL and ends without one. */
    if (name[0] == '@')
        notify->address.sun_path[0] = '\0';
    else
        length++;
    notify->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    return 0;
}

/* In ms, half of what was asked for, so that one sign may come late. */
static int64_t watchdog_interval(void)
{
    const char *limit = getenv("WATCHDOG_USEC");
    const char *process = getenv("WATCHDOG_PID");

    if (limit == NULL || (process != NULL && strtoll(process, NULL, 10) != getpid()))
        return 0;
    long long milliseconds = strtoll(limit, NULL, 10) / 2000;
    return milliseconds > 0 && milliseconds <= LONGEST_INTERVAL ? milliseconds : 0;
}

int notify_open(struct notify *notify)
{
    const char *name = getenv("NOTIFY_SOCKET");
    int result = 0;

    *notify = (struct notify){.fd = -1};
    if (name != NULL && *name != '\0')
        result = fill_address(notify, name);
    if (result == 0 && notify->length != 0) {
        notify->interval = watchdog_interval();
        notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (notify->fd < 0)
            result = -errno;
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return result;
}

void notify_send(const struct notify *notify, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list arguments;

    if (notify->fd < 0)
        return;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    size_t size = (size_t)length < sizeof(message) ? (size_t)length : sizeof(message) - 1;
    for (int round = 0; round < ROUNDS; round++) {
        if (sendto(notify->fd, message, size, MSG_NOSIGNAL,
                   (const struct sockaddr *)&notify->address, notify->length) >= 0 ||
            (errno != EAGAIN && errno != EINTR))
            return;
        poll(NULL, 0, ROUND);
    }
}

static void give_sign(void *data)
{
    struct notify *notify = data;

    /* One that is lost is not waited for: the next one counts as much. */
    sendto(notify->fd, "WATCHDOG=1", strlen("WATCHDOG=1"), MSG_NOSIGNAL,
           (const struct sockaddr *)&notify->address, notify->length);
    loop_timer_start(notify->loop, &notify->timer, clock_now() + notify->interval);
}

void notify_watch(struct notify *notify, struct loop *loop)
{
    if (notify->fd < 0 || notify->interval == 0)
        return;
    notify->loop = loop;
    notify->timer = (struct loop_timer){.fire = give_sign, .data = notify};
    loop_timer_start(loop, &notify->timer, clock_now());
}

void notify_end(struct notify *notify)
{
    if (notify->loop != NULL)
        loop_timer_stop(notify->loop, &notify->timer);
    notify->loop = NULL;
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
}
