/* SPDX-License-Identifier: Apache-2.0 */
/* The input as a configuration file, and then, cut at newlines, as a command line. */
#include "fuzz.h"

#include "cbsfs/options.h"

#include <stdlib.h>
#include <string.h>

#define MOST_WORDS 16

static void parse(int count, char *words[])
{
    struct options options;
    char reason[512] = "";
    int status = options_parse(&options, count, words, reason, sizeof(reason));
    fuzz_require(memchr(reason, 0, sizeof(reason)) != NULL && strchr(reason, '\n') == NULL);
    if (status == 0) {
        fuzz_require(options.action == OPTIONS_HELP || options.action == OPTIONS_VERSION ||
                     options.provider != NULL);
        if (options.action == OPTIONS_MOUNT) {
            fuzz_require(options.mountpoint != NULL);
            fuzz_require(options.ttl >= OPTIONS_TTL_MIN && options.ttl <= OPTIONS_TTL_MAX);
            fuzz_require(options.timeout >= OPTIONS_TIMEOUT_MIN &&
                         options.timeout <= OPTIONS_TIMEOUT_MAX);
            fuzz_require(options.umask <= 0777);
        }
        status = options_complete(&options, "ap-guangzhou", reason, sizeof(reason));
        fuzz_require(status == 0 || *reason != '\0');
    } else {
        fuzz_require(*reason != '\0' && options.mountpoint == NULL && options.fuse.argv == NULL);
    }
    options_free(&options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char program[] = "cbsfs", option[] = "-o", file[128] = "config=", point[] = "/mnt";
    /* No other file than the input may count. */
    setenv("HOME", "/nonexistent", 1);
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    strcat(file, fuzz_file(data, size));
    char *words[MOST_WORDS + 4] = {program, point, option, file};
    parse(4, words);

    char *text = fuzz_text(data, size), *rest = text;
    int count = 1;
    for (char *word; count < MOST_WORDS && (word = strsep(&rest, "\n")) != NULL;)
        words[count++] = word;
    words[count] = NULL;
    /* A file that the input names could be anything, also one that is never ready. */
    if (memmem(data, size, "config", 6) == NULL)
        parse(count, words);
    free(text);
    return 0;
}
