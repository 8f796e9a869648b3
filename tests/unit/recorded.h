/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded HTTP exchanges of tests/data/openstack as replies; for tests only. */
#ifndef CBSFS_TEST_RECORDED_H
#define CBSFS_TEST_RECORDED_H

#include "test_data.h"

#include "cbsfs/http.h"

#include <string.h>
#include <strings.h>

#define RECORDED_HEADERS_MOST 24

struct recorded {
    char *text;                           /* the whole file, in pieces */
    char *headers[RECORDED_HEADERS_MOST]; /* "Name: value" */
    size_t header_count;
    struct http_reply reply;
};

static inline const char *recorded_header(const struct http_reply *reply, const char *name)
{
    const struct recorded *recorded = reply->internal;
    size_t length = strlen(name);
    for (size_t i = 0; i < recorded->header_count; i++) {
        const char *header = recorded->headers[i];
        if (strncasecmp(header, name, length) == 0 && header[length] == ':')
            return header + length + 1 + strspn(header + length + 1, " ");
    }
    return NULL;
}

/* Fills *recorded, which must stay where it is; end it with recorded_free(). */
static inline void recorded_read(struct recorded *recorded, const char *name)
{
    static const char mark[] = "\n---- response";
    char path[256];
    size_t length;
    snprintf(path, sizeof path, "openstack/%s.http", name);
    *recorded = (struct recorded){.text = read_test_data(path, &length)};
    char *at = strstr(recorded->text, mark);
    assert_non_null(at);
    at = strchr(at + 1, '\n');
    assert_non_null(at);
    at++;
    assert_int_equal(sscanf(at, "HTTP/1.1 %ld", &recorded->reply.status), 1);
    while ((at = strchr(at, '\n')) != NULL && at[1] != '\n' && at[1] != '\0') {
        *at++ = '\0';
        assert_true(recorded->header_count < RECORDED_HEADERS_MOST);
        recorded->headers[recorded->header_count++] = at;
    }
    const char *body = "";
    if (at != NULL) {
        *at = '\0';
        body = at[1] == '\n' ? at + 2 : at + 1;
    }
    recorded->reply.failure = HTTP_OK;
    recorded->reply.body = body;
    recorded->reply.body_length = strlen(body);
    recorded->reply.header = recorded_header;
    recorded->reply.internal = recorded;
}

/* The body of the request that was recorded, one line, which the caller frees. */
static inline char *recorded_request(const char *name)
{
    char path[256];
    size_t length;
    snprintf(path, sizeof path, "openstack/%s.http", name);
    char *text = read_test_data(path, &length);
    char *body = strstr(text, "\n\n");
    assert_non_null(body);
    body += 2;
    char *copy = strndup(body, strcspn(body, "\n"));
    assert_non_null(copy);
    free(text);
    return copy;
}

static inline void recorded_free(struct recorded *recorded)
{
    free(recorded->text);
}

#endif
