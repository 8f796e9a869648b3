/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of an action: from JSON or from a query string, checked against the action's table. */
#ifndef CBSFS_SIM_PARAMETERS_H
#define CBSFS_SIM_PARAMETERS_H

#include "sim.h"

enum parameter_type {
    PARAMETER_TEXT,
    PARAMETER_COUNT, /* a whole number, not negative */
    PARAMETER_BOOLEAN,
    PARAMETER_TEXTS,   /* [string] */
    PARAMETER_FILTERS, /* [{Name: string, Values: [string]}] */
    PARAMETER_TAGS,    /* [{Key: string, Value: string}] */
    PARAMETER_MEMBERS, /* [{SnapshotId: string, DiskId: string}] */
    PARAMETER_OBJECT   /* what is in it the action looks at */
};

struct parameter {
    const char *name;
    enum parameter_type type;
    bool required;
};

/*
 * Reads the parameters of `http` (POST: a JSON object; GET: dotted names, facts 1.1) into
 * request->parameters and checks them against `table`, which a nameless entry ends.  A null is as
 * good as absent.  0, -EREMOTEIO after a refusal, -ENOMEM.
 */
int parameters_read(struct api_request *request, const struct http_request *http,
                    const struct parameter *table);

/*
 * Reads "a=b&c.0=d" of `length` bytes into `object`, flat: {"a": "b", "c.0": "d"}.  What is given
 * twice counts the second time.  0, -ENOMEM, or -EINVAL for text that is not UTF-8.
 */
int parameters_read_flat(const char *text, size_t length, json_t *object);

#endif
