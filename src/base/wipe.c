/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/wipe.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

void wipe_free(void *memory)
{
    if (memory)
        OPENSSL_cleanse(memory, malloc_usable_size(memory));
    free(memory);
}

void *wipe_realloc(void *memory, size_t size)
{
    size_t held = memory ? malloc_usable_size(memory) : 0;

    if (memory && size <= held)
        return memory;
    void *moved = malloc(size > 0 ? size : 1);
    if (!moved)
        return NULL;
    if (memory)
        memcpy(moved, memory, held < size ? held : size);
    wipe_free(memory);
    return moved;
}

void wipe_text(char *text)
{
    if (text)
        OPENSSL_cleanse(text, strlen(text));
}
