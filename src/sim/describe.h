/* SPDX-License-Identifier: Apache-2.0 */
/* Filters and pages, which all listings of API 3.0 have in common. */
#ifndef CBSFS_SIM_DESCRIBE_H
#define CBSFS_SIM_DESCRIBE_H

#include "sim.h"

/* A filter's name and the member it looks at. */
struct filter_field {
    const char *name;
    const char *field;
};

/* What differs between the listings. */
struct listing {
    const char *ids; /* name of the parameter */
    const char *set; /* name of the answer's list */
    const struct filter_field *filters;
    const struct table *table;
    bool (*matches)(const struct api_request *request, const struct record *record, int64_t at,
                    const json_t *filters);
    json_t *(*render)(const struct account *account, const struct record *record, int64_t at);
};

/* Answers with the page that the request's parameters ask for. 0, -EREMOTEIO or -ENOMEM. */
int describe(struct api_request *request, const struct listing *listing);

/* The member that a filter of that name looks at; NULL if there is none. */
const char *field_of(const struct filter_field *table, const char *name);
/* Whether a member's text is among a filter's values. */
bool is_one_of(const char *text, const json_t *values);

#endif
