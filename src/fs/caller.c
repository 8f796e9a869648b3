/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc tells about the process behind a request.
 *
 * It is read while the process waits in the kernel for our reply, so the number cannot have gone to
 * another one.
 */
#include "fs_internal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct status {
    pid_t process;
    uint64_t pending;         /* of the thread */
    uint64_t shared;          /* pending for whichever thread takes it */
    uint64_t blocked, caught; /* blocked by the thread, caught by the process */
};

/* The rest of a line "key rest", or NULL. */
static const char *value_of(const char *line, const char *key)
{
    size_t length = strlen(key);
    return strncmp(line, key, length) == 0 ? line + length : NULL;
}

static bool take_signals(const char *line, const char *key, uint64_t *set)
{
    const char *value = value_of(line, key);
    if (value == NULL)
        return false;
    *set = strtoull(value, NULL, 16);
    return true;
}

/* False when the thread cannot be looked up, or not wholly. */
static bool read_status(pid_t thread, struct status *status)
{
    char path[64], line[256];
    const char *value;
    unsigned found = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)thread);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    while (fgets(line, sizeof(line), file) != NULL) {
        value = value_of(line, "Tgid:");
        if (value != NULL)
            status->process = (pid_t)strtol(value, NULL, 10);
        found += value != NULL || take_signals(line, "SigPnd:", &status->pending) ||
                 take_signals(line, "ShdPnd:", &status->shared) ||
                 take_signals(line, "SigBlk:", &status->blocked) ||
                 take_signals(line, "SigCgt:", &status->caught);
    }
    fclose(file);
    return found == 5;
}

/* A thread that we cannot look up (another PID namespace) stands for itself. */
pid_t caller_process(pid_t thread)
{
    struct status status;
    return read_status(thread, &status) && status.process > 0 ? status.process : thread;
}

static uint64_t bit(int number)
{
    return UINT64_C(1) << (number - 1);
}

/*
 * A signal that ends a process becomes a SIGKILL for each of its threads at once, except those that
 * dump core: they stay what they are until the system call is left.  Which of these was ignored is
 * never pending.
 */
bool caller_is_dying(pid_t thread)
{
    const uint64_t dumps = bit(SIGQUIT) | bit(SIGILL) | bit(SIGTRAP) | bit(SIGABRT) | bit(SIGBUS) |
                           bit(SIGFPE) | bit(SIGSEGV) | bit(SIGXCPU) | bit(SIGXFSZ) | bit(SIGSYS);
    struct status status;
    if (!read_status(thread, &status))
        return false;
    uint64_t pending = status.pending | status.shared;
    return (pending & bit(SIGKILL)) != 0 ||
           (pending & dumps & ~status.blocked & ~status.caught) != 0;
}
