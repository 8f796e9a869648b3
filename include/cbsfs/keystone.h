/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of Keystone v3, OpenStack's log-in (openstack facts section 2): the request for a
 * token, the answer with the catalogue that tells where the block storage is, and the document that
 * tells which versions are spoken there.  Pure: no I/O, no clock.
 */
#ifndef CBSFS_KEYSTONE_H
#define CBSFS_KEYSTONE_H

#include "cbsfs/cloud.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_request;
struct http_reply;

enum keystone_method {
    KEYSTONE_PASSWORD,
    KEYSTONE_APPLICATION_CREDENTIAL, /* its project is fixed: no scope is sent */
    KEYSTONE_TOKEN /* a token for a token of another scope; it ends with the old */
};

/* Texts are borrowed; NULL or "" for what is not known. An id is preferred to a name. */
struct keystone_login {
    enum keystone_method method;
    const char *auth_url; /* with or without /v3 at its end */
    const char *user_id, *user_name, *user_domain_id, *user_domain_name;
    const char *password;
    const char *application_id, *application_name, *application_secret;
    const char *token;
    /* Without a project there is no scope. */
    const char *project_id, *project_name, *project_domain_id, *project_domain_name;
};

/*
 * Writes the request for a token. *request must be initialised and empty; it stays so after a
 * failure. No copy of a secret is left behind. 0, -ENOMEM, or -EINVAL for an auth_url that is none
 * and for texts that are not UTF-8.
 */
int keystone_encode(const struct keystone_login *login, struct http_request *request);

/* Which of the catalogue's endpoints is meant. */
struct keystone_wish {
    const char *interface; /* "public", "internal", "admin", also "publicURL"; NULL: public */
    const char *region;    /* NULL or "": the catalogue's only one */
    const char *endpoint;  /* told by the user: the catalogue is not looked at; NULL: none */
    const char *fallback;  /* "https://host": taken if the catalogue has no block storage; NULL */
    bool evs;              /* volumev3 is preferred (facts 4.1) */
};

struct keystone_token {
    char *token;      /* a secret, of any length */
    int64_t expires;  /* seconds since the epoch; TIMESTAMP_NONE: untold */
    char *project;    /* its id */
    char *endpoint;   /* "https://host[:port][/path]/v3/PROJECT" */
    char region[128]; /* of the endpoint; "" if it is not the catalogue's */
};

void keystone_token_init(struct keystone_token *token);
/* Overwrites the secret. */
void keystone_token_free(struct keystone_token *token);

/*
 * Reads a complete answer (reply->failure is HTTP_OK) to the request for a token. Always fills
 * *error; with status 0 also *token, which must be initialised. -EKEYREJECTED: name, password or
 * project are not accepted; -EACCES: not allowed; -EINVAL: Keystone does not understand the request
 * (its words tell why); -EADDRNOTAVAIL: the catalogue has no such endpoint (the message says what
 * it has); -EAGAIN, -EREMOTEIO; -EPROTO: not Keystone's answer.
 */
void keystone_decode(const struct http_reply *reply, const struct keystone_wish *wish,
                     struct keystone_token *token, struct cloud_error *error);

/* What the user told as endpoint, made whole: `…/v3/PROJECT` is appended where it is missing. The
 * result is the caller's to free. 0, -ENOMEM, or -EINVAL for what is not the URL of an API. */
int keystone_complete_endpoint(const char *url, const char *project, char **endpoint);

/* The question for the versions that are spoken at an endpoint; needs no token. */
int keystone_encode_versions(const char *endpoint, struct http_request *request);
/* The newest 3.N in the answer (status 300 or 200): N, or 0 when it says none. */
unsigned keystone_decode_versions(const struct http_reply *reply);

#endif
