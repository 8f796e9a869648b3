/* SPDX-License-Identifier: Apache-2.0 */
#include "tencent.h"

static const char *const default_names[] = {"未命名", "Unnamed",   "unnamed", "unname",
                                            "Unname", "Not named", NULL};

const struct provider provider_tencent = {
    .name = "tencent",
    .title = "Tencent Cloud CBS (API 3.0)",
    .default_region = NULL,
    .page_limit = 100,
    .id_limit = 100,
    .rate = 20,
    .snapshot_quota = 64,
    /* 60 characters in one language of the documentation, 60 bytes in the other (facts 0.4). */
    .name_limit = 60,
    .snapshot_prefix = "snap-",
    .disk_prefix = "disk-",
    .group_prefix = "csnap-",
    .creating_state = "CREATING",
    .default_names = default_names,
    .action = tencent_action,
    .endpoint = tencent_endpoint,
    .encode = tencent_encode,
    .decode = tencent_decode,
    .put_feature = tencent_put_feature,
};
