/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over the files of the directories given, and over no bytes at all: a test of
 * what was once found, and of the target itself, for any compiler. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define INPUT_LIMIT (4 << 20)

static void replay_file(const char *path)
{
    struct stat info;
    FILE *file = fopen(path, "rb");
    fuzz_require(file != NULL && fstat(fileno(file), &info) == 0);
    if (S_ISREG(info.st_mode)) {
        size_t size = (size_t)info.st_size;
        fuzz_require(size <= INPUT_LIMIT);
        /* Exactly its size, so that a read past the end is found. */
        uint8_t *data = malloc(size > 0 ? size : 1);
        fuzz_require(data != NULL && fread(data, 1, size, file) == size);
        fprintf(stderr, "%s\n", path);
        LLVMFuzzerTestOneInput(data, size);
        free(data);
    }
    fclose(file);
}

int main(int argc, char *argv[])
{
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        DIR *directory = opendir(argv[i]);
        const struct dirent *entry;
        /* Most targets have found nothing. */
        while (directory != NULL && (entry = readdir(directory)) != NULL) {
            char path[4096];
            if (entry->d_name[0] == '.')
                continue;
            snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
            replay_file(path);
        }
        if (directory != NULL)
            closedir(directory);
    }
    return EXIT_SUCCESS;
}
