/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the files of tests/data; for tests only. */
#ifndef CBSFS_TEST_DATA_H
#define CBSFS_TEST_DATA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* The whole file as a NUL-terminated string that the caller frees; a missing file fails the test.
 */
static inline char *read_test_data(const char *name, size_t *length)
{
    const char *directory = getenv("CBSFS_TEST_DATA");
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", directory == NULL ? "tests/data" : directory, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("cannot open %s", path);
    size_t capacity = 1 << 20;
    char *text = malloc(capacity);
    assert_non_null(text);
    *length = fread(text, 1, capacity - 1, file);
    assert_true(feof(file));
    text[*length] = '\0';
    fclose(file);
    return text;
}

#endif
