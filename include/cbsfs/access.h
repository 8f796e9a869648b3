/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks, and where: finds for the provider that was chosen the source of its credentials and
 * what other tools' settings say of region, endpoint and certificates.
 */
#ifndef CBSFS_ACCESS_H
#define CBSFS_ACCESS_H

#include "cbsfs/client.h"
#include "cbsfs/options.h"

#include <stddef.h>
#include <stdint.h>

struct buffer;
struct credentials;
struct demo;
struct http;
struct http_settings;
struct openstack_environment;
struct openstack_login;

/* Zero-initialise it; the caller owns the struct. */
struct access {
    struct credential_source source; /* valid from access_open() until access_end() */
    const struct demo *demo;         /* set by the caller in a demo */
    struct credentials *credentials; /* Tencent's */
    struct openstack_environment *environment;
    struct openstack_login *login;
    struct cloud_error error;             /* why there is no source, for --check */
    char *ca_file, *cert_file, *key_file; /* absolute paths, or NULL */
};

/*
 * Before the fork: completes *options with region and endpoint, and makes provider evs of openstack
 * where the settings are of Huawei's or Deutsche Telekom's cloud.  Takes OpenStack's secrets out of
 * the environment.  Reads files.  0, or -errno with the reason in `reason`.  In a --check
 * other tools' settings may be wrong: access_open() then makes a source that says why.
 */
int access_find(struct access *access, struct options *options, char *reason, size_t size);

/* In a process that has no use for secrets: overwrites those of the environment, and what
 * access_find() holds of them. */
void access_forget(struct access *access);

/* Which certificates the client of HTTP is to use. Borrowed. */
void access_fill_http(const struct access *access, struct http_settings *settings);

/* Makes the source. `http`, *options and *access must outlive it. 0, or -errno with the reason. */
int access_open(struct access *access, struct http *http, const struct options *options,
                char *reason, size_t size);

/* Harmless on a zeroed one. */
void access_end(struct access *access);

/* Where the credential is from, and whose it is as far as that is known: one line. */
void access_describe(const struct access *access, char *text, size_t size);

/* The lines of `.cbsfs/config` about it: region, profile, endpoint, credentials and project. */
void access_put_config(const struct access *access, const struct options *options,
                       struct buffer *out);

#endif
