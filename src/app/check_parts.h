/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of --check share: the table that they fill. */
#ifndef CBSFS_CHECK_PARTS_H
#define CBSFS_CHECK_PARTS_H

#include "cbsfs/check.h"

#include <stdbool.h>
#include <stddef.h>

struct cloud_error;
struct credential;

#define CHECK_REASON_SIZE 1024

enum check_verdict {
    CHECK_PASS,
    CHECK_FAIL,
    CHECK_WARN, /* something beyond mounting will not work */
    CHECK_SKIP  /* not tried */
};

struct check_table {
    FILE *out;
    unsigned failures;
    bool is_coloured;
    char endpoint[CHECK_REASON_SIZE]; /* that came with the credential; "" where none does */
};

/* `name` is being tried; for whoever waits at a terminal. */
void check_begin(const char *name);
/* A row. `remedy`: what helps, on a line of its own; NULL or "" for none. */
void check_put(struct check_table *table, enum check_verdict verdict, const char *name,
               const char *remedy, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Asks the source, waiting for it once if it has to ask somebody else. */
int check_get_credential(const struct check_subject *subject, struct credential *credential,
                         struct cloud_error *error);

/* Endpoint, clock, key, region, permissions. */
void check_cloud(const struct check_subject *subject, struct check_table *table);
/* How many snapshots Cinder still takes. */
void check_limits(const struct check_subject *subject, struct check_table *table);
/* /dev/fuse, fusermount3, what is mounted and what shall be. */
void check_machine(const struct check_subject *subject, struct check_table *table);

#endif
