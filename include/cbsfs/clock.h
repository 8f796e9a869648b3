/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two clocks.  Deadlines, ages and timers use the first, which counts through a suspend and
 * never steps; only signatures and what a person reads use the second.
 */
#ifndef CBSFS_CLOCK_H
#define CBSFS_CLOCK_H

#include <stdint.h>

/* Milliseconds of CLOCK_BOOTTIME: monotonic, includes time asleep.  Never 0. */
int64_t clock_now(void);

/* Milliseconds since 1970-01-01T00:00:00Z by the system's wall clock, which may step. */
int64_t clock_wall(void);

#endif
