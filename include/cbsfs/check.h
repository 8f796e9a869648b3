/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cbsfs --check`: what a mount needs, tried one after another, a line each with PASS or FAIL, and
 * below each FAIL what helps.  WARN is for what a mount can do without (a permission that only some
 * of its files need), SKIP for what was not tried; neither counts as a failure.  Costs one API call
 * for each describe that the cloud has, one for Cinder's limits, and changes nothing.
 */
#ifndef CBSFS_CHECK_H
#define CBSFS_CHECK_H

#include <stdio.h>

struct client;
struct credential_source;
struct http;
struct loop;
struct options;

struct check_subject {
    const struct options *options;
    struct loop *loop;
    struct http *http;
    struct client *client; /* NULL without a region */
    const struct credential_source *credentials;
    const char *(*credentials_origin)(
        void *data); /* where the key was found ("environment"), asked after
                        it was used; may be NULL and may return NULL */
    void *origin_data;
};

/* Runs every check, running the loop as needed, and prints the table. Returns the number of FAIL
 * lines. Bounded by ten times options->timeout. */
unsigned check_run(const struct check_subject *subject, FILE *out);

#endif
