/* SPDX-License-Identifier: Apache-2.0 */
/* JSON that somebody else wrote, member by member. */
#include "fuzz.h"

#include "cbsfs/buffer.h"
#include "cbsfs/fields.h"

#include <stdlib.h>
#include <string.h>

static void read_members(const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        fuzz_require(strlen(field_text(object, key, "")) < (size_t)1 << 30);
        int64_t number = field_integer(object, key, -7);
        fuzz_require(number == field_integer(object, key, -7));
        bool truth = field_boolean(object, key, true);
        /* What is neither true nor false is the fallback. */
        fuzz_require(truth || !field_boolean(object, key, false));
        fuzz_require((field_object(object, key) != NULL) == json_is_object(value));
        fuzz_require((field_array(object, key) != NULL) == json_is_array(value));
    }
    fuzz_require(strcmp(field_text(object, "\xc3\xa4 is absent", "x"), "x") == 0 ||
                 json_object_get(object, "\xc3\xa4 is absent") != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Without a NUL after it: it may not be read past its length. */
    char *text = malloc(size > 0 ? size : 1);
    fuzz_require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    char reason[80] = "";
    json_t *document = fields_parse(text, size, reason, sizeof(reason));
    fuzz_require(memchr(reason, 0, sizeof(reason)) != NULL);
    fuzz_require(document != NULL ? json_is_object(document) : *reason != '\0');
    if (document != NULL)
        read_members(document);
    struct fields_memory *memory;
    json_t *tolerant = fields_parse_page(text, size, true, &memory, reason, sizeof(reason));
    fuzz_require((tolerant == NULL) == (memory == NULL));
    fuzz_require(tolerant == NULL || json_is_object(tolerant));
    /* What can be read needs no repair, and repair changes nothing in it. */
    fuzz_require(document == NULL || json_equal(document, tolerant));
    struct buffer repaired;
    buffer_init(&repaired, 0);
    fuzz_require(fields_repair(text, size, &repaired) == 0 && repaired.length <= 3 * size);
    buffer_free(&repaired);
    fields_memory_free(memory);
    json_decref(document);
    free(text);
    return 0;
}
