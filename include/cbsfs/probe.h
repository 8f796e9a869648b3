/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The question before the mount: one DescribeDisks with Limit 1.  It costs one call and tells wrong
 * keys, an ended token, a wrong clock, an unknown region, an unreachable host and a missing
 * permission apart, while somebody is still there to read it.
 */
#ifndef CBSFS_PROBE_H
#define CBSFS_PROBE_H

#include "cbsfs/cloud.h"

#include <stddef.h>
#include <stdint.h>

struct loop;
struct client;
struct options;

/*
 * Asks and runs the loop until there is an answer, at most `timeout` ms.
 * Returns 0; the answer's negative errno with one readable line in `line`; -EINTR when the loop was
 * stopped by somebody else (a signal); or what loop_run() or client_submit() failed with.
 */
int probe_run(struct loop *loop, struct client *client, const struct options *options,
              int64_t timeout, char *line, size_t size);

/* The same for any call: fills *error (status 0: it succeeded) and returns error->status, or
 * -EINTR. */
int probe_ask(struct loop *loop, struct client *client, enum cloud_verb verb, int64_t timeout,
              struct cloud_error *error);

/* The parts of that: what was said (one line of printable text), and what helps ("" if nothing is
 * known to). */
void probe_describe(const struct cloud_error *error, char *line, size_t size);
const char *probe_remedy(const struct cloud_error *error, const struct options *options);

/* What a failure means and what helps, as one line of printable text without newline. */
void probe_explain(const struct cloud_error *error, const struct options *options, char *line,
                   size_t size);

#endif
