/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into cbsfs, lets the n-th allocation from now on fail, whoever asks for it: our code,
 * libc, Jansson, libcurl, OpenSSL, libfuse.  The test and the process share a page, which says
 * when: `fail_at` counts from when the test set `count` to 0; 0 lets everything through.
 *
 * Other programs that inherit the preload are left alone.  glibc's own names are used, because
 * looking the next malloc up would itself allocate.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct order {
    volatile uint64_t fail_at; /* 0: none */
    volatile uint64_t count;   /* allocations since it was set to 0 */
    volatile uint64_t failed;  /* how many were made to fail */
};

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *memory, size_t size);

static struct order *order;

__attribute__((constructor)) static void obey(void)
{
    const char *path = getenv("FAIL_ALLOCATION");
    if (path == NULL || strcmp(program_invocation_short_name, "cbsfs") != 0)
        return;
    int file = open(path, O_RDWR | O_CLOEXEC);
    void *page = mmap(NULL, sizeof(*order), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (page == MAP_FAILED)
        abort();
    order = page;
}

static int fails(void)
{
    if (order == NULL || ++order->count != order->fail_at)
        return 0;
    order->failed++;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return fails() ? NULL : __libc_realloc(memory, size);
}
