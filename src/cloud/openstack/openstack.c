/* SPDX-License-Identifier: Apache-2.0 */
#include "openstack.h"

#include "../codec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const no_default_names[] = {NULL};

/* What a service says to each thing that it cannot do. */
struct refusals {
    const char *stop, *expire, *share, *copy, *disk, *policy, *region;
    const char *group;      /* NULL: it has groups */
    const char *group_back; /* rolling one back */
};

static const char *refuse_words(const struct cloud_call *call, const struct refusals *words)
{
    switch (call->verb) {
    case CLOUD_DESCRIBE_DISKS:
    case CLOUD_DESCRIBE_SNAPSHOTS:
    case CLOUD_CREATE_SNAPSHOT:
    case CLOUD_RENAME_SNAPSHOT:
    case CLOUD_DELETE_SNAPSHOT:
        return NULL;
    case CLOUD_APPLY_SNAPSHOT:
        return call->stop_instance ? words->stop : NULL;
    case CLOUD_EXPIRE_SNAPSHOT:
        return words->expire;
    case CLOUD_DESCRIBE_SHARES:
    case CLOUD_SHARE_SNAPSHOT:
        return words->share;
    case CLOUD_COPY_SNAPSHOT:
        return words->copy;
    case CLOUD_CREATE_DISK:
        return words->disk;
    case CLOUD_DESCRIBE_GROUPS:
    case CLOUD_CREATE_GROUP:
    case CLOUD_DELETE_GROUP:
        return words->group;
    case CLOUD_APPLY_GROUP:
        return words->group_back;
    case CLOUD_DESCRIBE_POLICIES:
        return words->policy;
    case CLOUD_DESCRIBE_REGIONS:
        return words->region;
    }
    return words->policy;
}

int openstack_put_feature(const json_t *raw, enum snapshot_feature feature, struct buffer *out)
{
    json_t *metadata = json_object_get(raw, "metadata");
    const char *key;
    json_t *value;
    if (feature != FEATURE_TAGS)
        return out->error;
    json_object_foreach(metadata, key, value)
    {
        const char *text = json_string_value(value);
        buffer_put_printable(out, key);
        buffer_puts(out, "=");
        buffer_put_printable(out, text == NULL ? "" : text);
        buffer_puts(out, "\n");
    }
    return out->error;
}

/* --- Cinder -------------------------------------------------------------------------- */

const char *openstack_action(enum cloud_verb verb)
{
    switch (verb) {
    case CLOUD_DESCRIBE_DISKS:
        return "ListVolumes";
    case CLOUD_DESCRIBE_SNAPSHOTS:
        return "ListSnapshots";
    case CLOUD_CREATE_SNAPSHOT:
        return "CreateSnapshot";
    case CLOUD_APPLY_SNAPSHOT:
        return "RevertToSnapshot";
    case CLOUD_RENAME_SNAPSHOT:
        return "UpdateSnapshot";
    case CLOUD_DELETE_SNAPSHOT:
        return "DeleteSnapshot";
    case CLOUD_DESCRIBE_GROUPS:
        return "ListGroupSnapshots";
    case CLOUD_CREATE_GROUP:
        return "CreateGroupSnapshot";
    case CLOUD_DELETE_GROUP:
        return "DeleteGroupSnapshot";
    default: /* see refusal() */
        break;
    }
    return "";
}

int openstack_endpoint(const struct cloud_account *account, char *url, size_t size)
{
    /* Only Keystone's catalogue knows it. */
    if (account->endpoint == NULL)
        return -EINVAL;
    int length = snprintf(url, size, "%s", account->endpoint);
    return length < 0 || (size_t)length >= size ? -EINVAL : 0;
}

static const char *openstack_refusal(const struct cloud_call *call)
{
    static const struct refusals words = {
        .stop = "Cinder cannot stop an instance; detach the volume yourself, then roll back",
        .expire = "Cinder snapshots have no deadline; delete them when their time has come",
        .share = "Cinder snapshots cannot be shared: what another project needs is made a volume "
                 "and transferred",
        .copy = "Cinder cannot copy a snapshot to another region; make a volume of it and back "
                "that up",
        .disk = "Cinder has no token that makes a repeated creation of a volume harmless; use "
                "\"openstack volume create --snapshot\"",
        .group_back =
            "Cinder cannot roll a group back; roll its volumes back one by one, each by the "
            "rollback of its own snapshot",
        .policy = "Cinder has no policies that make snapshots",
        .region = "Cinder does not tell which regions there are: Keystone's catalogue does, see "
                  "\"openstack region list\"",
    };
    return refuse_words(call, &words);
}

const struct provider provider_openstack = {
    .name = "openstack",
    .title = "OpenStack Block Storage (Cinder v3)",
    .page_limit = 1000,
    .id_limit = 1,
    .rate = 20,
    .name_limit = 255,
    .snapshot_prefix = NULL,
    .disk_prefix = NULL,
    .trims_names = true,
    .reverts_newest_only = true,
    .group_advice = "make a group with \"cinder group-create\" and put the volumes into it with "
                    "\"cinder group-update --add-volumes\"",
    .creating_state = "creating",
    .default_names = no_default_names,
    .action = openstack_action,
    .endpoint = openstack_endpoint,
    .refusal = openstack_refusal,
    .encode = openstack_encode,
    .decode = openstack_decode,
    .put_feature = openstack_put_feature,
};

/* --- EVS ----------------------------------------------------------------------------- */

const char *evs_action(enum cloud_verb verb)
{
    return verb == CLOUD_APPLY_SNAPSHOT ? "RollbackSnapshot" : openstack_action(verb);
}

/* Open Telekom Cloud's regions; all others are Huawei Cloud's (openstack facts 4.1). */
static const char *domain_of(const char *region)
{
    if (strcmp(region, "eu-de") == 0 || strcmp(region, "eu-nl") == 0)
        return "otc.t-systems.com";
    if (strcmp(region, "eu-ch2") == 0)
        return "sc.otc.t-systems.com";
    return "myhuaweicloud.com";
}

int evs_endpoint(const struct cloud_account *account, char *url, size_t size)
{
    if (account->endpoint != NULL)
        return openstack_endpoint(account, url, size);
    if (!codec_region_is_valid(account->region))
        return -EINVAL;
    int length =
        snprintf(url, size, "https://evs.%s.%s", account->region, domain_of(account->region));
    return length < 0 || (size_t)length >= size ? -EINVAL : 0;
}

static const char *evs_refusal(const struct cloud_call *call)
{
    static const struct refusals words = {
        .stop = "EVS cannot stop an instance; detach the disk yourself, then roll back",
        .expire = "EVS snapshots have no deadline; delete them when their time has come",
        .share = "EVS snapshots cannot be shared: the backup service shares backups of a disk",
        .copy = "EVS cannot copy a snapshot to another region: the backup service replicates "
                "backups of a disk",
        .disk =
            "EVS has no token that makes a repeated creation of a disk harmless; make it in the "
            "console",
        .group = "EVS has no snapshots of several disks at one moment that cbsfs could make",
        .group_back =
            "EVS has no snapshots of several disks at one moment that cbsfs could roll back",
        .policy =
            "EVS has no policies that make snapshots: the backup service has some for backups",
        .region = "EVS does not tell which regions there are; name the one to be mounted",
    };
    return refuse_words(call, &words);
}

const struct provider provider_evs = {
    .name = "evs",
    .title = "Elastic Volume Service (Huawei Cloud, Open Telekom Cloud)",
    .page_limit = 100, /* the vendor advises small pages, and takes up to 1000 (facts 4.2) */
    .id_limit = 1,
    .rate = 20,
    .snapshot_quota = 7,
    .name_limit = 255,
    .name_characters = 64,
    .backup_prefix = "autobk_snapshot_",
    .snapshot_prefix = NULL,
    .disk_prefix = NULL,
    .trims_names = true,
    .creating_state = "creating",
    .default_names = no_default_names,
    .action = evs_action,
    .endpoint = evs_endpoint,
    .refusal = evs_refusal,
    .encode = evs_encode,
    .decode = evs_decode,
    .put_feature = openstack_put_feature,
};
