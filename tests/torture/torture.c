/* SPDX-License-Identifier: Apache-2.0 */
#include "torture.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);

static unsigned fail_at, count;
static int spared;

static bool fails(void)
{
    return spared == 0 && ++count == fail_at;
}

void torture_spare(bool begins)
{
    spared += begins ? 1 : -1;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t number, size_t size)
{
    return fails() ? NULL : __real_calloc(number, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

void *torture_spare_calloc(size_t number, size_t size)
{
    return __real_calloc(number, size);
}

char *torture_spare_strdup(const char *text)
{
    return __real_strdup(text);
}

void torture_begin(void)
{
    json_object_seed(1);
    json_set_alloc_funcs(__wrap_malloc, free);
}

void torture_fail(unsigned number)
{
    fail_at = number;
    count = 0;
}

bool torture_end(void)
{
    bool failed = fail_at != 0 && count >= fail_at;
    fail_at = 0;
    return failed;
}
