/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from a server and is shown to a person. */
#include "fuzz.h"

#include "cbsfs/buffer.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* As JSON it is the same text, and as harmless. */
static void require_json(const char *text)
{
    json_t *value = json_string(text);
    if (value == NULL)
        return; /* no UTF-8 */
    char *dumped = json_dumps(value, JSON_ENCODE_ANY);
    struct buffer out;
    buffer_init(&out, 0);
    fuzz_require(dumped != NULL && buffer_put_json(&out, dumped) == 0);
    fuzz_require(fuzz_is_printable(out.data));
    json_t *read = json_loads(out.data, JSON_DECODE_ANY, NULL);
    fuzz_require(json_equal(value, read));
    json_decref(read);
    json_decref(value);
    buffer_free(&out);
    free(dumped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct buffer out;
    buffer_init(&out, 0);
    fuzz_require(buffer_put_printable(&out, text) == 0);
    const char *shown = out.data != NULL ? out.data : "";
    fuzz_require(strlen(shown) == out.length && fuzz_is_printable(shown));
    /* Twice is the same as once. */
    struct buffer again;
    buffer_init(&again, 0);
    fuzz_require(buffer_put_printable(&again, shown) == 0);
    fuzz_require(strcmp(again.data != NULL ? again.data : "", shown) == 0);
    buffer_free(&again);
    require_json(text);
    buffer_free(&out);
    buffer_init(&out, size / 2 + 1);
    buffer_put_printable(&out, text);
    fuzz_require(out.length <= size / 2 + 1);
    buffer_free(&out);
    free(text);
    return 0;
}
