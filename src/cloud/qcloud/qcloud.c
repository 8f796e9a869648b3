/* SPDX-License-Identifier: Apache-2.0 */
#include "qcloud.h"

/* "Unnamed" is this API's own default (its CreateSnapshot), the others come from its consoles. */
static const char *const default_names[] = {"Unnamed", "未命名",    "unnamed", "unname",
                                            "Unname",  "Not named", NULL};

static const char *refusal(const struct cloud_call *call)
{
    return call->verb == CLOUD_APPLY_SNAPSHOT && call->stop_instance
               ? "the legacy API cannot stop an instance; stop it yourself, then roll back"
               : NULL;
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
