/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of a cloud provider.
 *
 * A provider is a codec, not a client: it turns a call into an HTTP request and a response into
 * records.  It does no I/O, reads no clock and keeps no state, so that it can be tested from files
 * and fuzzed; everything that it needs is passed in.  Retries, rate, deadlines and credentials are
 * client.c's.
 */
#ifndef CBSFS_PROVIDER_H
#define CBSFS_PROVIDER_H

#include "cbsfs/cloud.h"

struct buffer;
struct http_request;
struct http_reply;

/* Where and as whom: the parts of the options that a codec needs. */
struct cloud_account {
    const char *region; /* "ap-guangzhou" */
    const char
        *endpoint; /* "https://host[:port]" without a trailing slash; NULL: the provider's own */
    const char *language; /* of messages: "en-US" */
};

/* What a snapshot's record tells beside what everybody asks for. */
enum snapshot_feature {
    FEATURE_TAGS,   /* KEY=VALUE, one a line, in the order of the record */
    FEATURE_POLICY, /* the id of the policy that made it */
    FEATURE_COPYING /* the regions that it is being copied to, one a line */
};

struct provider {
    const char *name;            /* "tencent": the word for -o provider= */
    const char *title;           /* for people: "Tencent Cloud CBS (API 3.0)" */
    const char *default_region;  /* NULL: none, the user must say */
    unsigned page_limit;         /* records a page at most */
    unsigned id_limit;           /* ids in one describe at most */
    unsigned rate;               /* calls a second for each action */
    unsigned snapshot_quota;     /* snapshots a disk at most; 0 unknown */
    size_t name_limit;           /* bytes of UTF-8 in a snapshot's name at most */
    size_t name_characters;      /* the same in characters; 0: bytes are all that counts */
    const char *backup_prefix;   /* names that begin so are a backup service's: they are neither
                                    given, rolled back to nor deleted; NULL: there is none */
    const char *snapshot_prefix; /* "snap-": what ids begin with; NULL: they are UUIDs */
    const char *disk_prefix;     /* "disk-"; the same */
    const char *group_prefix;    /* "csnap-"; NULL: they are UUIDs, or there are none */
    bool trims_names;            /* blanks at either end of a name get lost */
    bool reverts_newest_only;    /* a disk can be rolled back to its newest snapshot only */
    const char *group_advice; /* groups are of all disks that the cloud has put together, and their
                                 snapshots tell which group they are of: how disks are put
                                 together, for a person; NULL: of disks of one instance */
    const char *creating_state; /* the provider's own word for a snapshot that is being made */
    const char *const *default_names; /* NULL-terminated: names that mean "unnamed" */

    /* The API's own spelling of the action ("DescribeSnapshots"): key of budgets and statistics. */
    const char *(*action)(enum cloud_verb verb);

    /* Writes "https://host" for the account into `url` (at most `size` bytes). 0 or -EINVAL when
     * the region cannot be part of a host name. Pure. */
    int (*endpoint)(const struct cloud_account *account, char *url, size_t size);

    /* Why this API cannot express the call though the contract knows it, for a person; NULL when it
     * can. Asked with the verb (and for an apply its flags) before anything else is looked at; the
     * caller's user sees EOPNOTSUPP. NULL instead of a
     * function: it can express all. */
    const char *(*refusal)(const struct cloud_call *call);

    /* Builds and signs the request. `now` is the server's time, seconds since the epoch. *request
     * must be initialised and empty; it stays so after a failure. 0, -ENOMEM, or -EINVAL for a call
     * that this API cannot express. */
    int (*encode)(const struct cloud_account *account, const struct credential *credential,
                  int64_t now, const struct cloud_call *call, struct http_request *request);

    /* Reads a complete response (reply->failure is HTTP_OK). Always fills answer->error; never
     * fails otherwise: an answer that is not the API's is -EPROTO (outcome UNKNOWN for a change).
     * *answer must be initialised; the caller frees it. */
    void (*decode)(const struct cloud_call *call, const struct http_reply *reply,
                   struct cloud_answer *answer);

    /* Appends what a snapshot's own record (snapshot_record.raw) tells of it, each line made safe
     * for a terminal; nothing when there is nothing. 0 or the buffer's error. NULL instead of a
     * function: never anything. Pure. */
    int (*put_feature)(const json_t *raw, enum snapshot_feature feature, struct buffer *out);
};

extern const struct provider provider_tencent;
extern const struct provider provider_qcloud;
extern const struct provider provider_openstack;
extern const struct provider provider_evs;

/* By the word for -o provider=; NULL if there is none. */
const struct provider *provider_find(const char *name);

#endif
