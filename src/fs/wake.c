/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waking up.
 *
 * The kernel's clock for what it was told stands still while the machine sleeps, and so would the
 * age of what it keeps.  It may not ask us for a long time, so we have to notice by ourselves: a
 * timer of the wall clock that never ends, and is cancelled when the clock jumps, which it does
 * after a sleep.
 */
#include "fs_internal.h"

#include "cbsfs/log.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

static int arm(int fd)
{
    /* So far away that it is never reached: the year 2514. */
    const struct itimerspec never = {.it_value = {.tv_sec = (time_t)1 << 34}};
    return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

static void woke(void *data)
{
    struct fs *fs = data;
    uint64_t expirations;
    if (read(fs->wake.fd, &expirations, sizeof(expirations)) < 0 && errno == EAGAIN)
        return;
    arm(fs->wake.fd);
    log_debug("the clock was set, or the machine has slept");
    fs_forget_names(fs);
    copies_drop(fs);
}

void wake_begin(struct fs *fs)
{
    fs->wake.ready = woke;
    fs->wake.data = fs;
    fs->wake.fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fs->wake.fd >= 0 && arm(fs->wake.fd) != 0) {
        close(fs->wake.fd);
        fs->wake.fd = -1;
    }
    if (fs->wake.fd >= 0)
        loop_watch(fs->loop, &fs->wake);
    else
        log_debug("a sleep will not be noticed: %s", strerror(errno));
}

void wake_end(struct fs *fs)
{
    if (fs->wake.fd < 0)
        return;
    loop_unwatch(fs->loop, &fs->wake);
    close(fs->wake.fd);
    fs->wake.fd = -1;
}
