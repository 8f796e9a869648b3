/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into cbsfs, changes what it is told of the time: as after a suspend (the boot-time
 * clock has moved on, the monotonic one has not), after somebody has set the wall clock, and when
 * names are resolved slowly.  The test and the process share a page that says by how much.  What
 * the kernel tells a timer of the wall clock when that jumps is told by whoever writes into the
 * pipe that BEND_WAKE names.
 *
 * An endpoint without TLS must be an address, which nobody resolves; so libcurl is told to connect
 * to a name in its place, and to do so anew for each request.
 */
#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define HOST "cloud.invalid"

/* Each in ms. */
struct order {
    volatile int64_t slept;   /* added to CLOCK_BOOTTIME */
    volatile int64_t wall;    /* added to CLOCK_REALTIME */
    volatile int64_t resolve; /* how long resolving takes; -1: there is no name to be resolved */
};

static struct order *order;

__attribute__((constructor)) static void obey(void)
{
    const char *path = getenv("BEND_TIME");
    if (path == NULL || strcmp(program_invocation_short_name, "cbsfs") != 0)
        return;
    int file = open(path, O_RDWR | O_CLOEXEC);
    void *page = mmap(NULL, sizeof(*order), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (page == MAP_FAILED)
        abort();
    close(file);
    order = page;
}

/* Not through the next library's: a sanitizer's may not be ready when it is first asked. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    long status = syscall(SYS_clock_gettime, clock, now);
    int64_t moved = 0;
    if (status == 0 && order != NULL && clock == CLOCK_BOOTTIME)
        moved = order->slept;
    if (status == 0 && order != NULL && clock == CLOCK_REALTIME)
        moved = order->wall;
    now->tv_sec += moved / 1000; /* moved by whole seconds only */
    return (int)status;
}

int timerfd_create(int clock, int flags)
{
    const char *path = getenv("BEND_WAKE");
    if (order != NULL && path != NULL)
        return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return (int)syscall(SYS_timerfd_create, clock, flags);
}

int timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *before)
{
    if (order != NULL && getenv("BEND_WAKE") != NULL)
        return 0;
    return (int)syscall(SYS_timerfd_settime, fd, flags, when, before);
}

static void *next(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    if (function == NULL)
        abort();
    return function;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = next("getaddrinfo");
    if (order == NULL || node == NULL || strcmp(node, HOST) != 0)
        return real(node, service, hints, found);
    int64_t wait = order->resolve;
    nanosleep(&(struct timespec){.tv_sec = wait / 1000, .tv_nsec = wait % 1000 * 1000000}, NULL);
    return real("127.0.0.1", service, hints, found);
}

CURLMcode curl_multi_add_handle(CURLM *multi, CURL *easy)
{
    static struct curl_slist *elsewhere;
    CURLMcode (*real)(CURLM *, CURL *);
    *(void **)&real = next("curl_multi_add_handle");
    if (order != NULL && order->resolve >= 0) {
        if (elsewhere == NULL)
            elsewhere = curl_slist_append(NULL, "::" HOST ":");
        curl_easy_setopt(easy, CURLOPT_CONNECT_TO, elsewhere);
        curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
        curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    }
    return real(multi, easy);
}
