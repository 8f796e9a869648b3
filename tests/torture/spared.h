/* SPDX-License-Identifier: Apache-2.0 */
/* Put before the fakes: what they allocate neither counts nor fails. */
#include "torture.h"

#include <stdlib.h>
#include <string.h>

#define calloc torture_spare_calloc
#define strdup torture_spare_strdup

/* The lists that a cloud in memory answers with. */
#include <jansson.h>
#define SPARED(type, name, call)                                                                   \
    __extension__({                                                                                \
        torture_spare(true);                                                                       \
        type name = call;                                                                          \
        torture_spare(false);                                                                      \
        name;                                                                                      \
    })
#define json_pack(...)                    SPARED(json_t *, packed_, json_pack(__VA_ARGS__))
#define json_array()                      SPARED(json_t *, array_, json_array())
#define json_array_append_new(list, item) SPARED(int, taken_, json_array_append_new(list, item))
#undef json_array_append
#define json_array_append(list, item)                                                              \
    SPARED(int, added_, (json_array_append_new)(list, json_incref(item)))
