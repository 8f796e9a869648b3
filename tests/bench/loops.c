/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loops that contrib/bench times: what `stat`, `ls -l` and `cat` ask the kernel,
 * without their processes.
 *
 *   bench-loops stat|cat|ls ROUNDS ROOT...  < PATHS
 *       Each round does all paths (one a line, below a root) in each root in turn, so that a busy
 * moment hits all roots; prints a line "NANOSECONDS COUNT" for each root and round, in that order.
 *   bench-loops same ROUNDS ROOT...  < PATHS
 *       The same as stat, but of the first path, a hundred thousand times.
 *   bench-loops each ROOT  < PATHS
 *       One stat of each path; prints the nanoseconds of each.
 *   bench-loops mirror FROM TO [NAME]
 *       A copy of a tree: kinds, names and sizes, and the content of files that are called NAME.
 *
 * Paths are relative and the roots entered, so that only what is in a root is timed, not the way to
 * it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SAME_TIMES = 100000, BLOCK = 65536, DESCRIPTORS = 64, ROOTS = 8, PATHS_AT_ONCE = 4096 };

struct paths {
    char **path;
    size_t count;
};

typedef uint64_t (*loop_function)(const struct paths *paths);

static const char *mirrored; /* the target of the mirror */
static const char *filled;   /* which files of it have content */
static size_t prefix;        /* how much of a path is its source */

static void fail(const char *what)
{
    fprintf(stderr, "bench-loops: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

static void add_path(struct paths *paths, const char *root, const char *path)
{
    if (paths->count % PATHS_AT_ONCE == 0) {
        paths->path = realloc(paths->path, (paths->count + PATHS_AT_ONCE) * sizeof(*paths->path));
        if (!paths->path)
            fail("paths");
    }
    if (asprintf(&paths->path[paths->count++], "%s/%s", root, path) < 0)
        fail("paths");
}

/* What is on standard input, below each of the roots: paths[0], paths[1] ... */
static void read_paths(struct paths *paths, char **roots)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length;

    while ((length = getline(&line, &size, stdin)) > 0) {
        if (line[length - 1] == '\n')
            line[length - 1] = '\0';
        for (size_t i = 0; roots[i]; i++)
            add_path(&paths[i], roots[i], line);
    }
    free(line);
    if (paths[0].count == 0) {
        errno = EINVAL;
        fail("no paths on standard input");
    }
}

static uint64_t stat_all(const struct paths *paths)
{
    struct stat about;

    for (size_t i = 0; i < paths->count; i++)
        if (stat(paths->path[i], &about) != 0)
            fail(paths->path[i]);
    return paths->count;
}

static uint64_t stat_same(const struct paths *paths)
{
    struct stat about;

    for (int i = 0; i < SAME_TIMES; i++)
        if (stat(paths->path[0], &about) != 0)
            fail(paths->path[0]);
    return SAME_TIMES;
}

static uint64_t cat_all(const struct paths *paths)
{
    static char block[BLOCK];

    for (size_t i = 0; i < paths->count; i++) {
        int file = open(paths->path[i], O_RDONLY);

        if (file < 0)
            fail(paths->path[i]);
        /* cat(1) asks until there is nothing more. */
        ssize_t length;
        while ((length = read(file, block, sizeof(block))) > 0)
            ;
        if (length < 0)
            fail(paths->path[i]);
        close(file);
    }
    return paths->count;
}

static uint64_t list_all(const struct paths *paths)
{
    uint64_t entries = 0;

    for (size_t i = 0; i < paths->count; i++) {
        DIR *directory = opendir(paths->path[i]);
        struct dirent *entry;
        struct stat about;

        if (!directory)
            fail(paths->path[i]);
        while ((entry = readdir(directory)) != NULL) {
            if (entry->d_name[0] == '.')
                continue;
            if (fstatat(dirfd(directory), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0)
                fail(entry->d_name);
            entries++;
        }
        closedir(directory);
    }
    return entries;
}

static void stat_each(const struct paths *paths)
{
    uint64_t *took = calloc(paths->count, sizeof(*took));
    struct stat about;

    if (!took)
        fail("times");
    for (size_t i = 0; i < paths->count; i++) {
        uint64_t began = now();

        if (stat(paths->path[i], &about) != 0)
            fail(paths->path[i]);
        took[i] = now() - began;
    }
    for (size_t i = 0; i < paths->count; i++)
        printf("%llu\n", (unsigned long long)took[i]);
    free(took);
}

static void fill(const char *from, int target)
{
    static char block[BLOCK];
    int source = open(from, O_RDONLY);
    ssize_t length;

    if (source < 0)
        fail(from);
    while ((length = read(source, block, sizeof(block))) > 0)
        if (write(target, block, (size_t)length) != length)
            fail("the copy");
    if (length < 0)
        fail(from);
    close(source);
}

static void copy_file(const char *from, const char *to, off_t size)
{
    const char *name = strrchr(from, '/');
    int target = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    if (target < 0)
        fail(to);
    if (filled && name && strcmp(name + 1, filled) == 0)
        fill(from, target);
    else if (ftruncate(target, size) != 0)
        fail(to);
    close(target);
}

static int copy(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    char target[PATH_MAX];
    char link[PATH_MAX] = "";

    (void)where;
    if (snprintf(target, sizeof(target), "%s%s", mirrored, path + prefix) >= (int)sizeof(target)) {
        errno = ENAMETOOLONG;
        fail(path);
    }
    if (kind == FTW_D) {
        if (mkdir(target, 0755) != 0 && errno != EEXIST)
            fail(target);
    } else if (kind == FTW_SL || kind == FTW_SLN) {
        if (readlink(path, link, sizeof(link) - 1) < 0 || symlink(link, target) != 0)
            fail(target);
    } else {
        copy_file(path, target, about->st_size);
    }
    return 0;
}

static void mirror(const char *from, const char *to, const char *name)
{
    mirrored = to;
    filled = name;
    prefix = strlen(from);
    if (nftw(from, copy, DESCRIPTORS, FTW_PHYS) != 0)
        fail(from);
}

static void run_rounds(loop_function loop, int rounds, const struct paths *paths, size_t roots)
{
    for (int round = 0; round < rounds; round++)
        for (size_t i = 0; i < roots; i++) {
            uint64_t began = now();
            uint64_t count = loop(&paths[i]);

            printf("%llu %llu\n", (unsigned long long)(now() - began), (unsigned long long)count);
        }
}

int main(int argc, char **argv)
{
    struct paths paths[ROOTS] = {{NULL, 0}};
    static const struct {
        const char *name;
        loop_function function;
    } loops[] = {{"stat", stat_all}, {"same", stat_same}, {"cat", cat_all}, {"ls", list_all}};

    if (argc >= 4 && strcmp(argv[1], "mirror") == 0) {
        mirror(argv[2], argv[3], argv[4]);
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "each") == 0) {
        read_paths(paths, argv + 2);
        stat_each(&paths[0]);
        return 0;
    }
    for (size_t i = 0; argc >= 4 && argc - 3 <= ROOTS && i < sizeof(loops) / sizeof(loops[0]); i++)
        if (strcmp(argv[1], loops[i].name) == 0) {
            read_paths(paths, argv + 3);
            run_rounds(loops[i].function, atoi(argv[2]), paths, (size_t)argc - 3);
            return 0;
        }
    fprintf(stderr, "usage: bench-loops stat|same|cat|ls ROUNDS ROOT... | each ROOT | mirror "
                    "FROM TO [NAME]\n");
    return 2;
}
