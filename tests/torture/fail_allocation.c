/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into cbsfs, lets allocations fail, whoever asks for them: our code, libc, Jansson,
 * libcurl, OpenSSL, libfuse.  The test and the process share a page, which says which: those from
 * number `first` to number `last`, counted from when the test set `count` to 0.  `live` is how many
 * blocks there are, so that the test sees at the end of a process what nobody has freed.
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
    volatile uint64_t first, last; /* first 0: none fails */
    uint64_t count;                /* allocations since it was set to 0 */
    uint64_t failed;               /* how many were made to fail */
    int64_t live;
};

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *memory, size_t size);
void *memalign(size_t alignment, size_t size);
void *aligned_alloc(size_t alignment, size_t size);
int posix_memalign(void **memory, size_t alignment, size_t size);
void free(void *memory);

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
    if (order == NULL)
        return 0;
    uint64_t number = __atomic_add_fetch(&order->count, 1, __ATOMIC_RELAXED);
    if (order->first == 0 || number < order->first || number > order->last)
        return 0;
    __atomic_add_fetch(&order->failed, 1, __ATOMIC_RELAXED);
    errno = ENOMEM;
    return 1;
}

static void *counted(void *memory, int64_t change)
{
    if (order != NULL && memory != NULL)
        __atomic_add_fetch(&order->live, change, __ATOMIC_RELAXED);
    return memory;
}

void *malloc(size_t size)
{
    return fails() ? NULL : counted(__libc_malloc(size), 1);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : counted(__libc_calloc(count, size), 1);
}

void *realloc(void *memory, size_t size)
{
    if (memory != NULL && size == 0) {
        free(memory);
        return NULL;
    }
    if (fails())
        return NULL;
    return memory != NULL ? __libc_realloc(memory, size) : counted(__libc_malloc(size), 1);
}

void *memalign(size_t alignment, size_t size)
{
    return fails() ? NULL : counted(__libc_memalign(alignment, size), 1);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *block = memalign(alignment, size);
    if (block == NULL)
        return ENOMEM;
    *memory = block;
    return 0;
}

void free(void *memory)
{
    __libc_free(counted(memory, -1));
}
