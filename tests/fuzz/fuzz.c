/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include "cbsfs/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void fuzz_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: broken: %s\n", file, line, what);
    abort();
}

char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    fuzz_require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

const char *fuzz_file(const uint8_t *data, size_t size)
{
    static char path[64];
    static int file = -1;
    if (file < 0) {
        file = memfd_create("fuzz", MFD_CLOEXEC);
        fuzz_require(file >= 0 && fchmod(file, 0600) == 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    }
    fuzz_require(ftruncate(file, 0) == 0);
    fuzz_require(pwrite(file, data, size, 0) == (ssize_t)size);
    return path;
}

bool fuzz_is_printable(const char *text)
{
    while (*text != '\0') {
        size_t length = name_utf8_length(text);
        unsigned char first = (unsigned char)text[0], second = (unsigned char)text[1];
        if (length == 0 || first < 0x20 || first == 0x7f || (first == 0xc2 && second < 0xa0))
            return false;
        if (strncmp(text, "\u2028", 3) == 0 || strncmp(text, "\u202e", 3) == 0 ||
            strncmp(text, "\ufeff", 3) == 0)
            return false;
        text += length;
    }
    return true;
}
