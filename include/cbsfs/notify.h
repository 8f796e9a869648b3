/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a service manager is told (sd_notify(3)): one datagram a message to the socket that
 * $NOTIFY_SOCKET names.  Without the variable nobody asked, and nothing is said.
 */
#ifndef CBSFS_NOTIFY_H
#define CBSFS_NOTIFY_H

#include "cbsfs/loop.h"

#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    int fd; /* -1: nobody listens */
    struct sockaddr_un address;
    socklen_t length;
    int64_t interval; /* ms between two signs of life; 0: none are wanted */
    struct loop *loop;
    struct loop_timer timer;
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and takes them out of the environment, as
 * what this process starts is not the service.  0, also when nobody listens; -EINVAL when the
 * variable names no local socket; -errno.  After a failure nothing is ever sent. */
int notify_open(struct notify *notify);

/* Sends lines such as "READY=1\nSTATUS=...".  Waits a second at most for a manager that is behind;
 * what it does not take then is lost, since a mount works without it. */
void notify_send(const struct notify *notify, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* From now on says WATCHDOG=1 through `loop` at half the interval that was asked for; until
 * notify_end(). */
void notify_watch(struct notify *notify, struct loop *loop);

/* Harmless on one that was not opened (fd -1) and twice. */
void notify_end(struct notify *notify);

#endif
