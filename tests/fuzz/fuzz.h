/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets share.  A target takes any bytes and ends the process when a promise of the
 * header that it drives is broken; the sanitizers find the rest.  Linked with libFuzzer it looks
 * for such bytes (tests/fuzz/run), linked with replay.c it is a test over those that were found.
 */
#ifndef CBSFS_TESTS_FUZZ_H
#define CBSFS_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process unless `holds`. Not assert(): it must hold in every build. */
#define fuzz_require(holds)                                                                        \
    do {                                                                                           \
        if (!(holds))                                                                              \
            fuzz_fail(__FILE__, __LINE__, #holds);                                                 \
    } while (0)
_Noreturn void fuzz_fail(const char *file, int line, const char *what);

/* The input as a string of exactly its size, so that reading past the end is found; ends at the
 * first NUL for whoever reads it as text. The caller frees it. */
char *fuzz_text(const uint8_t *data, size_t size);

/* A file in memory, private to this user, with this content; the same path each time. */
const char *fuzz_file(const uint8_t *data, size_t size);

/* True if the text can harm neither a terminal nor a line: valid UTF-8 without control characters
 * and without some of the other characters that are orders. */
bool fuzz_is_printable(const char *text);

#endif
