/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse [-p MILLISECONDS] FILE...: what Jansson alone needs for pages of the API.
 *
 * Each file is read before the clock begins; then all are parsed and freed, as often as takes a
 * second of CPU.  With a pause before each page, as a rate of calls makes it, all are parsed once:
 * by then the processor has forgotten what it knew of the page before.  It is what the daemon's own
 * CPU of a listing is compared with, so nothing of the daemon may be linked in.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct text {
    char *bytes;
    size_t length;
};

static double cpu_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int read_whole(const char *path, struct text *text)
{
    FILE *file = fopen(path, "rb");
    long length = -1;

    if (file && fseek(file, 0, SEEK_END) == 0)
        length = ftell(file);
    if (length >= 0)
        text->bytes = malloc((size_t)length + 1);
    if (text->bytes) {
        rewind(file);
        text->length = fread(text->bytes, 1, (size_t)length, file);
    }
    if (file)
        fclose(file);
    return text->bytes && text->length == (size_t)length ? 0 : -1;
}

int main(int argc, char *argv[])
{
    long pause = argc > 2 && strcmp(argv[1], "-p") == 0 ? strtol(argv[2], NULL, 10) : 0;
    int first = pause > 0 ? 3 : 1, count = argc - first;
    struct text *texts = calloc((size_t)argc, sizeof *texts);
    double began, took;
    long pages = 0;
    size_t bytes = 0;

    if (count < 1 || !texts) {
        fputs("usage: parse [-p MILLISECONDS] FILE...\n", stderr);
        return EXIT_FAILURE;
    }
    for (int i = 0; i < count; i++) {
        if (read_whole(argv[first + i], &texts[i]) < 0) {
            perror(argv[first + i]);
            return EXIT_FAILURE;
        }
        bytes += texts[i].length;
    }
    began = cpu_time();
    do {
        for (int i = 0; i < count; i++) {
            json_error_t error;
            if (pause > 0)
                usleep((useconds_t)pause * 1000);
            json_t *document = json_loadb(texts[i].bytes, texts[i].length, 0, &error);
            if (!document) {
                fprintf(stderr, "%s: %s\n", argv[first + i], error.text);
                return EXIT_FAILURE;
            }
            json_decref(document);
        }
        pages += count;
        took = cpu_time() - began;
    } while (took < 1 && pause == 0);
    printf("%.1f us a page of %zu bytes\n", took / (double)pages * 1e6, bytes / (size_t)count);
    for (int i = 0; i < count; i++)
        free(texts[i].bytes);
    free(texts);
    return EXIT_SUCCESS;
}
