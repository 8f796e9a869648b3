/* SPDX-License-Identifier: Apache-2.0 */
/* Figures in Prometheus's text format 0.0.4, for `.cbsfs/metrics`. */
#ifndef CBSFS_METRICS_H
#define CBSFS_METRICS_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;
struct store;

/* Appends the metrics of all stores, each metric once. 0, -ENOMEM or the buffer's error. */
int store_put_metrics(const struct store *const *stores, size_t count, struct buffer *out);

/* For metrics of others: what stands above the samples, and a label; the caller closes the brace.
 */
void metrics_put_header(struct buffer *out, const char *name, const char *type, const char *help);
void metrics_put_label(struct buffer *out, bool first, const char *key, const char *value);

#endif
