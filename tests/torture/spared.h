/* SPDX-License-Identifier: Apache-2.0 */
/* Put before the fakes: what they allocate neither counts nor fails. */
#include "torture.h"

#include <stdlib.h>
#include <string.h>

#define calloc torture_spare_calloc
#define strdup torture_spare_strdup
