/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words that every cloud has in common: what can be asked (a call), what comes back (an
 * answer), and how it can fail (an error).  The layers above speak only these; a provider
 * translates.
 */
#ifndef CBSFS_CLOUD_H
#define CBSFS_CLOUD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- errors -------------------------------------------------------------------------- */

/* What is known about a request that did not succeed. The difference decides whether a change may
 * be sent again: only NOT_SENT and REFUSED prove that nothing happened. */
enum cloud_outcome {
    CLOUD_DONE,     /* it succeeded */
    CLOUD_NOT_SENT, /* no byte of it can have reached the server */
    CLOUD_REFUSED,  /* the server answered that it will not */
    CLOUD_UNKNOWN   /* lost, timed out, 5xx or an internal error: it may have happened */
};

/* What a client may do about a failure. */
enum cloud_remedy {
    CLOUD_FINAL, /* nothing; tell the caller */
    CLOUD_LATER, /* throttled or busy platform: refused before execution, may be sent again */
    CLOUD_CLOCK, /* our timestamp is off: correct the clock by the Date header, send once more */
    CLOUD_CREDENTIAL, /* the credential ended or is not accepted: fetch a newer one, send once more
                       */
    CLOUD_READ_AGAIN, /* transient: a question may be asked again, a change must not */
    CLOUD_OTHER_WAY   /* refused because this form of the call is not known there: the codec has
                         another, see cloud_call.other_way */
};

struct cloud_error {
    int status; /* 0, or a negative errno as design 7 lists them */
    enum cloud_outcome outcome;
    enum cloud_remedy remedy;
    long http_status;    /* 0: no response */
    char code[96];       /* the API's code, "" if none */
    char message[512];   /* the API's text or ours; may hold any UTF-8: clean before showing */
    char request_id[64]; /* "" if none */
};

/* --- calls --------------------------------------------------------------------------- */

enum cloud_verb {
    CLOUD_DESCRIBE_DISKS,
    CLOUD_DESCRIBE_SNAPSHOTS,
    CLOUD_DESCRIBE_SHARES,   /* the accounts that a snapshot is shared with; not paged */
    CLOUD_DESCRIBE_GROUPS,   /* snapshot groups */
    CLOUD_DESCRIBE_POLICIES, /* policies that make snapshots by the clock */
    CLOUD_DESCRIBE_REGIONS,  /* not paged */
    CLOUD_CREATE_SNAPSHOT,
    CLOUD_APPLY_SNAPSHOT,
    CLOUD_RENAME_SNAPSHOT,
    CLOUD_DELETE_SNAPSHOT,
    CLOUD_EXPIRE_SNAPSHOT, /* sets when it is deleted by the cloud, or that it never is */
    CLOUD_SHARE_SNAPSHOT,  /* with one account, or no longer with it */
    CLOUD_COPY_SNAPSHOT,   /* to one other region */
    CLOUD_CREATE_DISK,     /* one, from a snapshot; costs money */
    CLOUD_CREATE_GROUP,    /* snapshots of several disks at one moment */
    CLOUD_APPLY_GROUP,     /* rolls the disks of all its snapshots back */
    CLOUD_DELETE_GROUP     /* with its snapshots */
};
#define CLOUD_VERB_COUNT   17
#define CLOUD_FIRST_CHANGE CLOUD_CREATE_SNAPSHOT
/* Those from CLOUD_DESCRIBE_SHARES to before CLOUD_FIRST_CHANGE answer with a list of objects. */

/* True for the verbs that change something. */
bool cloud_verb_is_change(enum cloud_verb verb);

/* A snapshot and the disk that it is of. */
struct cloud_member {
    const char *snapshot_id, *disk_id;
};

/*
 * One operation.  For a describe either `ids`, or `disk_id` (snapshots of that disk), or neither
 * (all); with neither or `disk_id` a page is chosen by offset and limit, oldest first (so that
 * something created meanwhile is appended and shifts nothing).
 */
struct cloud_call {
    enum cloud_verb verb;
    const char *const *ids;
    size_t id_count;         /* 0: not by id; create group: the disks */
    const char *disk_id;     /* describe snapshots: filter, or NULL; create, apply: the disk */
    const char *snapshot_id; /* of all that concern one snapshot */
    const char *name;        /* create, rename: the new name, UTF-8; copy, create disk: the same, or
                                NULL for the cloud's own choice; create group */
    const char *account;     /* share: the other account */
    const char *region;      /* copy: where to */
    const char *group_id; /* apply group, delete group; create group: what the cloud calls its disks
                             together (disk_record.group), or NULL */
    const struct cloud_member *members; /* apply group: what is rolled back */
    size_t member_count;
    const char *zone, *type, *token; /* create disk: where, which kind, and what tells this order
                                        from others: repeated with the same token it is the same
                                        disk. At most 64 bytes of ASCII */
    int64_t size;                    /* create disk: GiB, at least the snapshot's */
    int64_t expires;                 /* expire: seconds since the epoch, TIMESTAMP_NONE: never */
    bool cancel;                     /* share: no longer */
    unsigned offset;
    unsigned limit;      /* 1..provider->page_limit */
    const char *marker;  /* what the answer of the page before had as `next`, instead of the offset;
                            NULL: none */
    bool stop_instance;  /* apply, apply group: stop the instance first */
    bool start_instance; /* and start it afterwards (only with stop_instance) */
    bool other_way;      /* after CLOUD_OTHER_WAY: the form that older servers know */
    uint32_t nonce; /* a positive random number, another one for each attempt: some APIs refuse what
                       they have seen before */
};

/* --- answers ------------------------------------------------------------------------- */

/* Strings are borrowed from the answer's document, never NULL ("" for what was not sent). Times are
 * seconds since the epoch or TIMESTAMP_NONE. */
struct disk_record {
    const char *id, *name;
    bool name_untold;  /* the record has no name that can be read: what was known stays */
    const char *state; /* the provider's own word */
    const char *usage; /* SYSTEM_DISK, DATA_DISK */
    const char *type;  /* CLOUD_SSD, ... */
    const char *zone, *instance, *charge_type, *project;
    const char
        *group;   /* the cloud's own group of disks that it is in, see provider->group_advice */
    int64_t size; /* GiB; -1 unknown */
    int64_t created, expires;
    int64_t snapshot_count;    /* -1 unknown */
    unsigned rollback_percent; /* 0..100 */
    bool rolling_back;
    bool encrypted, attached, portable, snapshot_ability;
    const json_t *raw; /* the provider's record */
};

struct snapshot_record {
    const char *id, *name;
    bool name_untold;    /* as for disks */
    const char *disk_id; /* "" for a copy from another region */
    const char *state;   /* the provider's own word */
    const char *word; /* normalised: CREATING NORMAL ROLLBACKING COPYING DELETING ERROR, or "" when
                         `state` is none of these (then the tree shows it in upper case) */
    const char *usage, *type, *zone;
    const char *group; /* the group that it is a member of, where it alone tells, see below */
    int64_t size;      /* GiB; -1 unknown */
    int64_t created;
    int64_t expires;  /* TIMESTAMP_NONE: kept for good */
    unsigned percent; /* 0..100 */
    unsigned image_count;
    bool encrypted;
    bool shared_in;       /* another account's snapshot */
    bool deletion_failed; /* an accepted deletion has failed since: it is there to stay */
    /* Whether there is anything to be told of each, see provider->put_feature(): */
    bool tagged, made_by_policy, copying_away;
    bool shared_out; /* with other accounts: CLOUD_DESCRIBE_SHARES tells with which */
    const json_t
        *images; /* array of image ids as strings, or NULL; borrowed or owned by the answer */
    const json_t *raw;
};

struct fields_memory;

struct cloud_answer {
    struct cloud_error error;          /* always filled; .status 0 when it succeeded */
    struct disk_record *disks;         /* describe disks */
    struct snapshot_record *snapshots; /* describe snapshots */
    size_t count;                      /* records above */
    size_t unreadable;                 /* records beside them that have no usable id */
    int64_t total;                     /* how many match in all; -1 if the cloud does not say */
    const char *next; /* the marker of the page that follows, borrowed; NULL: no page follows, or
                         this cloud counts offsets */
    const char *created_id; /* create, copy, create disk, create group: the new id, borrowed; "" if
                               the answer had none */
    /*
     * Of the describes that answer so, an array of objects of its own, owned. Members are there
     * and of the type that is told; whatever the cloud sent, an id is a file name:
     *   shares    account (text), since (seconds, or null)
     *   groups    id, name, state (the provider's own word), word (as for snapshots, "" if none of
     *             these), percent (0..100), created (seconds or null), snapshots (array of ids;
     *             empty where provider->group_advice is not NULL: there snapshot_record.group
     *             tells), policy (id or ""), raw; and `incomplete`, true, only if it may have
     *             snapshots that are not named
     *   policies  id, name, state, active (true, false), next (seconds or null), days (kept for so
     *             many; 0: for good), disks (array of ids), raw
     *   regions   id, name, available (true, false)
     */
    json_t *list;
    json_t *document;             /* owns what is borrowed above */
    struct fields_memory *memory; /* of the document (fields_parse_page()); NULL: it has none */
    json_t *extra;                /* more owned values (e.g. the arrays behind `images`), or NULL */
};

void cloud_answer_init(struct cloud_answer *answer);
/* Frees what the answer owns; it is then as after cloud_answer_init(). */
void cloud_answer_free(struct cloud_answer *answer);

/* Fills *error. `format` gives the message. */
void cloud_error_set(struct cloud_error *error, int status, enum cloud_outcome outcome,
                     enum cloud_remedy remedy, const char *code, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* --- credentials --------------------------------------------------------------------- */

/* Strings are malloc'ed; credential_free() overwrites them before it frees them. */
struct credential {
    char *secret_id;  /* tells this credential from others, and is no secret itself; never NULL in
                         one  that a source gives */
    char *secret_key; /* what signs; "" where the token is all that is sent; never NULL either */
    char *token;      /* NULL: a permanent key */
    int64_t expires;  /* seconds since the epoch; TIMESTAMP_NONE: never */
    /* Of clouds that say with the token where they are to be asked; else NULL and 0: */
    char *endpoint;     /* "https://host[:port][/path]/v3[/PROJECT]" without a trailing slash */
    char *project;      /* the project's id */
    unsigned api_minor; /* the newest 3.N that is spoken there; 0: not known, or 3.0 */
};

void credential_init(struct credential *credential);
void credential_free(struct credential *credential);
/* Deep copy over an initialised *to. 0 or -ENOMEM (then *to is empty). */
int credential_copy(struct credential *to, const struct credential *from);

#endif
