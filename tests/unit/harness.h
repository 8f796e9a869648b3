/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests that need a server: one on loopback, on threads of its own, that can also behave as
 * badly as real ones do; and a loop that cannot run for ever.
 */
#ifndef CBSFS_TESTS_HARNESS_H
#define CBSFS_TESTS_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct server;

struct served_request {
    const char *head;       /* request line and headers */
    const char *target;     /* "/path?query" */
    unsigned number;        /* 1 for the server's first request */
    unsigned connection;    /* 1 for the server's first connection */
    unsigned on_connection; /* 1 for the first request of this connection */
};

enum serve_how {
    SERVE_ANSWER,  /* a response, the connection stays open */
    SERVE_HANG,    /* never a byte */
    SERVE_DROP,    /* close without an answer */
    SERVE_RESET,   /* the same with RST */
    SERVE_HALF,    /* a response that ends in the middle of the body */
    SERVE_TRICKLE, /* a response of one byte every 50 ms */
    SERVE_RAW      /* exactly `body`, then close */
};

struct served_answer {
    enum serve_how how;
    int status;        /* 0: 200 */
    int delay;         /* ms before the answer */
    char headers[256]; /* each with its CRLF */
    char body[1024];
    size_t padding; /* so many 'x' after the body */
};

/* Called on the server's threads, one at a time. *answer is zeroed. */
typedef void serve_function(void *data, const struct served_request *request,
                            struct served_answer *answer);

/* Never fails (it aborts). */
struct server *server_start(serve_function *serve, void *data);
void server_stop(struct server *server);
unsigned server_port(const struct server *server);
unsigned server_requests(struct server *server);
unsigned server_connections(struct server *server);

/* A loopback port on which nobody listens. */
unsigned closed_port(void);

/* Runs the loop until loop_stop(). False when it took more than 20 s. */
bool run_loop(struct loop *loop);
/* Runs the loop for that long. */
void run_loop_for(struct loop *loop, int64_t milliseconds);

#endif
