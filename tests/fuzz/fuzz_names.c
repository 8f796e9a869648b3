/* SPDX-License-Identifier: Apache-2.0 */
/* Names: the input is a name in the cloud, and then an entry that somebody wants to make. */
#include "fuzz.h"

#include "cbsfs/names.h"
#include "cbsfs/provider.h"

#include <stdlib.h>
#include <string.h>

#define ID "snap-0123abcd"

/* Any name gives an entry that the kernel takes. */
static void require_entry(const char *name, bool twin)
{
    char entry[NAME_ENTRY_SIZE];
    name_entry(&provider_tencent, name, ID, twin, entry);
    fuzz_require(memchr(entry, 0, sizeof(entry)) != NULL && *entry != '\0');
    fuzz_require(strchr(entry, '/') == NULL && strcmp(entry, ".") != 0 && strcmp(entry, "..") != 0);
    fuzz_require(fuzz_is_printable(entry));
    const char *mark = strrchr(entry, '@');
    bool marked = mark != NULL && strcmp(mark + 1, ID) == 0;
    fuzz_require(!twin || marked || strcmp(entry, ID) == 0);
    /* Nobody else's id. */
    fuzz_require(strcmp(entry, ID) == 0 || !name_is_id(entry, provider_tencent.snapshot_prefix));
}

static void require_round(const char *entry)
{
    char *name = malloc(NAME_ENTRY_SIZE), reason[160] = "", again[NAME_ENTRY_SIZE];
    fuzz_require(name != NULL);
    int status = name_parse_new(&provider_tencent, entry, name, reason, sizeof(reason));
    if (status == 0) {
        fuzz_require(strlen(name) <= provider_tencent.name_limit && name[0] != '.');
        fuzz_require(*name != '\0' && fuzz_is_printable(name));
        name_entry(&provider_tencent, name, ID, false, again);
        fuzz_require(strcmp(again, entry) == 0);
    } else {
        fuzz_require(*reason != '\0' && fuzz_is_printable(reason));
    }
    free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    require_entry(text, false);
    require_entry(text, true);
    require_round(text);
    /* An entry that is shown can be made again, or the reason is its name. */
    char entry[NAME_ENTRY_SIZE];
    name_entry(&provider_tencent, text, ID, false, entry);
    require_round(entry);
    free(text);
    return 0;
}
