/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time: in records, and in the Date header. */
#include "fuzz.h"

#include "cbsfs/timestamp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What was understood can be written, and reads as the same again. */
static void require_round(int64_t seconds)
{
    char text[TIMESTAMP_SIZE], date[TIMESTAMP_SIZE];
    int64_t again;
    timestamp_format(seconds, text);
    timestamp_format_date(seconds, date);
    fuzz_require(strncmp(text, date, strlen(date)) == 0);
    if (*text == '\0')
        return;
    fuzz_require(timestamp_parse(text, 8 * 3600, &again) == 0 && again == seconds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int zones[] = {0, 8 * 3600, -12 * 3600};
    char *text = fuzz_text(data, size);
    int64_t seconds;
    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
        int status = timestamp_parse(text, zones[i], &seconds);
        fuzz_require(status == 0 || (status == -EINVAL && seconds == TIMESTAMP_NONE));
        require_round(seconds);
    }
    if (timestamp_parse_http(text, &seconds) == 0)
        require_round(seconds);
    if (size >= sizeof(seconds)) {
        memcpy(&seconds, data, sizeof(seconds));
        require_round(seconds);
    }
    free(text);
    return 0;
}
