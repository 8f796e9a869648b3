/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The credential source of OpenStack: it asks Keystone for a token and learns with it where the
 * block storage is and what is spoken there; or it gives out the access keys of Huawei's clouds.
 *
 * A token is fetched when somebody wants one, again shortly before it ends (60 s, or the last tenth
 * of a short life), and when the cloud has refused it; one log-in serves all who wait.  A log-in
 * that Keystone has refused is not sent again for five minutes unless the settings have changed,
 * because clouds lock accounts after a few; a Keystone that is away is asked at a bounded pace.
 */
#ifndef CBSFS_OPENSTACK_LOGIN_H
#define CBSFS_OPENSTACK_LOGIN_H

#include "cbsfs/client.h"
#include "cbsfs/openstack_settings.h"

#include <stdint.h>

struct http;
struct openstack_login;

/* The code of errors that come from here: their message says it all. */
#define OPENSTACK_LOGIN_CODE "Keystone"

struct openstack_login_settings {
    struct openstack_environment *environment; /* must outlive the login */
    const char *profile; /* the cloud that the user named, or NULL; as the next two, it is copied */
    const char *region; /* the user's own word for it; NULL: as the settings or the catalogue say */
    const char *endpoint; /* the user's own word for it; NULL likewise */
    bool evs;
    int64_t timeout; /* ms for each of the two exchanges */
};

/*
 * Makes the source and fills *source, which is valid until openstack_login_free().  Reads the
 * settings (and so may block on files); sends nothing.  0; -ENOMEM; or what
 * openstack_settings_read() fails with, and its reason in *error.
 *
 * source->get() reads the files again before each log-in.  A credential's secret_id is the
 * beginning of the token's hash; its secret_key is "" unless access keys are used.  Errors:
 * -EKEYREJECTED, -EKEYEXPIRED (a token that cannot be replaced), -EACCES, -EHOSTUNREACH (also: no
 * block storage in the catalogue), -ECONNREFUSED, -ETIMEDOUT, -EPROTO, -EREMOTEIO,
 * -EAGAIN, -ENOMEM.
 */
int openstack_login_new(struct http *http, const struct openstack_login_settings *settings,
                        struct credential_source *source, struct openstack_login **login,
                        struct cloud_error *error);
/* Overwrites the secrets and drops waiters without a call. Harmless on NULL. Not from within
 * `ready`. */
void openstack_login_free(struct openstack_login *login);

/* Where the log-in is told, as openstack_settings_describe(). */
void openstack_login_describe(const struct openstack_login *login, char *text, size_t size);

/* The project's id, the block storage's endpoint and its region; "" while they are not known. */
const char *openstack_login_project(const struct openstack_login *login);
const char *openstack_login_endpoint(const struct openstack_login *login);
const char *openstack_login_region(const struct openstack_login *login);

#endif
