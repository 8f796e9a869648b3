/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cbsfs --demo`: a simulator of one's own.
 *
 * A child of the mounting process on a port of loopback that the kernel chose, with keys made for
 * this run that only the two of them know; it ends with its parent, however that ends.
 */
#ifndef CBSFS_DEMO_H
#define CBSFS_DEMO_H

#include "cbsfs/client.h"

#include <stddef.h>
#include <sys/types.h>

struct demo {
    pid_t pid;         /* -1: not running */
    char endpoint[64]; /* "http://127.0.0.1:PORT" */
    struct credential credential;
    struct credential_source credentials; /* always gives `credential`; for client_new() */
};

/*
 * Starts cbsfs-sim (beside our own executable, else in PATH) and waits until it listens, at most 10
 * s. 0, or -errno with a readable line in `reason` and nothing left running.  *demo must stay where
 * it is until demo_stop(). To be called by the process that serves the mount (after
 * daemon_begin()).
 */
int demo_start(struct demo *demo, char *reason, size_t reason_size);

/* Ends the simulator and waits for it (SIGTERM, after 2 s SIGKILL). Harmless if it is not running.
 */
void demo_stop(struct demo *demo);

#endif
