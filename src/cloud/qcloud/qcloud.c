/* SPDX-License-Identifier: Apache-2.0 */
#include "qcloud.h"

/* "Unnamed" is this API's own default (its CreateSnapshot), the others come from its consoles. */
static const char *const default_names[] = {"Unnamed", "未命名",    "unnamed", "unname",
                                            "Unname",  "Not named", NULL};

static const char *refusal(const struct cloud_call *call)
{
    switch (call->verb) {
    case CLOUD_DESCRIBE_DISKS:
    case CLOUD_DESCRIBE_SNAPSHOTS:
    case CLOUD_CREATE_SNAPSHOT:
    case CLOUD_RENAME_SNAPSHOT:
    case CLOUD_DELETE_SNAPSHOT:
        return NULL;
    case CLOUD_APPLY_SNAPSHOT:
        return call->stop_instance
                   ? "the legacy API cannot stop an instance; stop it yourself, then roll back"
                   : NULL;
    case CLOUD_EXPIRE_SNAPSHOT:
        return "the legacy API has no deadlines; use provider=tencent";
    case CLOUD_DESCRIBE_SHARES:
    case CLOUD_SHARE_SNAPSHOT:
        return "the legacy API cannot share snapshots; use provider=tencent";
    case CLOUD_COPY_SNAPSHOT:
        return "the legacy API cannot copy snapshots; use provider=tencent";
    case CLOUD_CREATE_DISK:
        return "the legacy API has no token that makes a repeated creation of a disk harmless; use "
               "provider=tencent";
    case CLOUD_DESCRIBE_GROUPS:
    case CLOUD_CREATE_GROUP:
    case CLOUD_APPLY_GROUP:
    case CLOUD_DELETE_GROUP:
        return "the legacy API has no snapshot groups; use provider=tencent";
    case CLOUD_DESCRIBE_POLICIES:
        return "the legacy API tells nothing of snapshot policies; use provider=tencent";
    case CLOUD_DESCRIBE_REGIONS:
        break;
    }
    return "the legacy API does not tell which regions there are; use provider=tencent";
}

const struct provider provider_qcloud = {
    .name = "qcloud",
    .title = "Tencent Cloud CBS (legacy API v2)",
    .default_region = NULL,
    .page_limit = 100,
    .id_limit = 100,
    .rate = 20,
    .snapshot_quota = 64,
    .name_limit = 60,
    .snapshot_prefix = "snap-",
    .disk_prefix = "disk-",
    .creating_state = "creating",
    .default_names = default_names,
    .action = qcloud_action,
    .endpoint = qcloud_endpoint,
    .refusal = refusal,
    .encode = qcloud_encode,
    .decode = qcloud_decode,
};
