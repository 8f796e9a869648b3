/* SPDX-License-Identifier: Apache-2.0 */
/* The recorded exchanges of tests/data/openstack as requests and replies; for tests only. */
#ifndef CBSFS_TEST_WIRE_H
#define CBSFS_TEST_WIRE_H

#include "test_data.h"

#include "cbsfs/http.h"
#include "cbsfs/timestamp.h"

#include <string.h>
#include <strings.h>

#define WIRE_HEADERS 16

struct wire {
    char *text;
    char *request_line, *request_body;
    char *names[WIRE_HEADERS], *values[WIRE_HEADERS];
    size_t header_count;
    struct http_reply reply;
};

static inline const char *wire_header(const struct http_reply *reply, const char *name)
{
    const struct wire *wire = reply->internal;
    for (size_t i = 0; i < wire->header_count; i++)
        if (strcasecmp(wire->names[i], name) == 0)
            return wire->values[i];
    return NULL;
}

static inline void wire_load(struct wire *wire, const char *name)
{
    char path[160];
    size_t length;
    *wire = (struct wire){0};
    snprintf(path, sizeof path, "openstack/%s.http", name);
    wire->text = read_test_data(path, &length);
    char *answer = strstr(wire->text, "\n---- response");
    assert_non_null(answer);
    *answer++ = '\0';
    wire->request_line = wire->text;
    wire->request_body = strstr(wire->text, "\n\n");
    assert_non_null(wire->request_body);
    wire->request_body += 2;
    wire->request_body[strcspn(wire->request_body, "\n")] = '\0';
    wire->request_line[strcspn(wire->request_line, "\n")] = '\0';

    char *line = strstr(answer, "HTTP/1.1 ");
    assert_non_null(line);
    wire->reply.status = strtol(line + 9, NULL, 10);
    char *body = strstr(line, "\n\n");
    assert_non_null(body);
    *body = '\0';
    body += 2;
    strtok(line, "\n");
    while ((line = strtok(NULL, "\n")) != NULL && wire->header_count < WIRE_HEADERS) {
        char *colon = strstr(line, ": ");
        assert_non_null(colon);
        *colon = '\0';
        wire->names[wire->header_count] = line;
        wire->values[wire->header_count++] = colon + 2;
    }
    wire->reply.body = body;
    wire->reply.body_length = strlen(body);
    wire->reply.date = TIMESTAMP_NONE;
    wire->reply.retry_after = -1;
    wire->reply.header = wire_header;
    wire->reply.internal = wire;
}

/* Recorded secrets are shortened, so that a test puts its own in their place. */
static inline void wire_set_header(struct wire *wire, const char *name, char *value)
{
    for (size_t i = 0; i < wire->header_count; i++)
        if (strcasecmp(wire->names[i], name) == 0)
            wire->values[i] = value;
}

static inline void wire_free(struct wire *wire)
{
    free(wire->text);
}

#endif
