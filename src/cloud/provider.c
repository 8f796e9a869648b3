/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/provider.h"

#include <string.h>

static const struct provider *const providers[] = {&provider_tencent, &provider_qcloud,
                                                   &provider_openstack, &provider_evs};

const struct provider *provider_find(const char *name)
{
    for (size_t i = 0; i < sizeof providers / sizeof *providers; i++)
        if (strcmp(providers[i]->name, name) == 0)
            return providers[i];
    return NULL;
}
