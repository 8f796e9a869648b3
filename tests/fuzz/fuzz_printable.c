/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from a server and is shown to a person. */
#include "fuzz.h"

#include "cbsfs/buffer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct buffer out;
    buffer_init(&out, 0);
    fuzz_require(buffer_put_printable(&out, text) == 0);
    const char *shown = out.data != NULL ? out.data : "";
    fuzz_require(strlen(shown) == out.length && fuzz_is_printable(shown));
    /* What is harmless stays as it is. */
    fuzz_require(!fuzz_is_printable(text) || strcmp(text, shown) == 0);
    buffer_free(&out);
    buffer_init(&out, size / 2 + 1);
    buffer_put_printable(&out, text);
    fuzz_require(out.length <= size / 2 + 1);
    buffer_free(&out);
    free(text);
    return 0;
}
