/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the process is started and told to end.
 *
 * The fork comes first and everything that can fail happens in the child, while the parent waits on
 * a pipe for the verdict: so that `cbsfs /mnt && ls /mnt` is right, that a wrong key is seen by
 * whoever typed the command, and that descriptors, timers and connections are made by the process
 * that uses them.  The child stays in the terminal's foreground group until it is ready: Ctrl-C
 * ends an unfinished start. In the foreground the same calls do the same without a fork.
 *
 *     daemon_protect()  ->  daemon_begin()  ->  everything fallible  ->  daemon_ready()  ->
 * loop_run()  ->  daemon_end()
 *                                   `-> daemon_fail()
 */
#ifndef CBSFS_DAEMON_H
#define CBSFS_DAEMON_H

#include "cbsfs/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct daemon {
    bool foreground;
    bool ready;
    int verdict;       /* the pipe's end for the parent; -1 in the foreground and once told */
    int signals;       /* signalfd; -1: not made */
    struct loop *loop; /* the one that watches it, or NULL */
    struct loop_watch watch;
    void (*stop)(void *data, int signal);
    void (*refresh)(void *data);
    void *data;
};

/* No core dumps, no ptrace and no look into /proc by others, no log of TLS keys: this process holds
 * secrets. Before it knows any. 0 or -errno. */
int daemon_protect(void);

/*
 * Puts the process in order (SIGPIPE ignored; umask 077; SIGINT, SIGTERM and SIGHUP blocked until
 * daemon_watch_signals() fetches them; descriptors 0 to 2 open), then forks unless `foreground`.
 * Returns 0 in the process that goes on. The waiting parent never returns: it calls `forget(data)`,
 * which drops what only the child needs, prints the verdict's line on stderr and exits 0 or 1.
 * After `limit` ms without a verdict it ends the child (SIGTERM, then SIGKILL) and says so. -errno
 * when nothing was forked.
 */
int daemon_begin(struct daemon *daemon, bool foreground, int64_t limit, void (*forget)(void *data),
                 void *data);

/* Signals from now on come through `loop`: SIGINT and SIGTERM call `stop`, SIGHUP calls `refresh`.
 * 0 or -errno. The loop must live until daemon_end(). */
int daemon_watch_signals(struct daemon *daemon, struct loop *loop,
                         void (*stop)(void *data, int signal), void (*refresh)(void *data),
                         void *data);

/* The mount is up: the parent exits 0; the child gets its own session, works in /, writes to
 * /dev/null and logs to syslog.  -errno (the parent is gone, for instance) means that nobody learnt
 * of it: unmount and leave.  In the foreground: 0. */
int daemon_ready(struct daemon *daemon);

/* The start failed: `line` (no newline) goes to the parent, which prints it after "cbsfs: " and
 * exits 1; in the foreground it is printed here.  After daemon_ready() it is logged.  The caller
 * then leaves with exit status 1. */
void daemon_fail(struct daemon *daemon, const char *line);

/* Stops watching and closes what is open. A parent that was told nothing reports a start that
 * failed. */
void daemon_end(struct daemon *daemon);

/*
 * Before anything is mounted, and before daemon_begin() if one likes: replaces *path (malloc'ed) by
 * its canonical form if a file system can be mounted there: it exists, is a directory, is no dead
 * FUSE mount (that of a cbsfs is removed first) and no live cbsfs, and /dev/fuse and (for other
 * users than root) fusermount3 are there. 0; -errno with a readable line in `reason`.  May block on
 * the file system that holds *path.
 */
int daemon_check_mountpoint(char **path, char *reason, size_t reason_size);

/*
 * Asks what is mounted at `path` for its figures, in a process that can be left behind, as whoever
 * serves it may be stopped.  0, the errno of statfs(2), or ETIMEDOUT after two seconds.
 */
int daemon_ask_place(const char *path);

/* Removes the mounts that killed processes of cbsfs have left at `path`, and never one that lives
 * or is of another kind; one that does not answer is -EBUSY. 0, also when there was nothing; -errno
 * with a readable line in `reason`.
 */
int daemon_clear_dead_mount(const char *path, char *reason, size_t reason_size);

/* The parts of it that --check shows as well: 0, or -errno with what is wrong and what helps. */
int daemon_check_fuse_device(char *reason, size_t reason_size);
int daemon_check_fusermount(char *reason, size_t reason_size);
/* Whether it would get root's rights when a user runs it, as far as that can be seen. */
int daemon_check_fusermount_rights(char *reason, size_t reason_size);

/* `path` as a command of a shell takes it, in `space`, which is given back; an over-long one is
 * cut.
 */
char *daemon_shell_word(const char *path, char *space, size_t size);

/* The canonical path of a place that cannot be looked at itself (a dead mount), from that of its
 * directory; malloc'ed.  NULL when there is none, or no memory. */
char *daemon_canonical_of_dead(const char *path);

#endif
