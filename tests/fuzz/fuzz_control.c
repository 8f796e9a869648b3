/* SPDX-License-Identifier: Apache-2.0 */
/* What is written to control files.  The parser of `rollback` has no header of its own. */
#include "../../src/fs/control.c"

#include "fuzz.h"

#define ID "disk-0123abcd"

static const char words[] = "1yes" ID "stopstart \t\r\n";

/* An accepted command consists of its words and of blanks, and of one line. */
static void require_command(const char *text, const struct rollback_command *command)
{
    fuzz_require(strspn(text, words) == strlen(text));
    text += strspn(text, " \t\r");
    fuzz_require(strncmp(text, "1", 1) == 0 || strncmp(text, "yes", 3) == 0 ||
                 strncmp(text, ID, strlen(ID)) == 0);
    const char *end = strchr(text, '\n');
    fuzz_require(end == NULL || strspn(end, "\r\n") == strlen(end));
    fuzz_require(command->stop == (strstr(text, "stop") != NULL));
    fuzz_require(command->start == (strstr(text, "start") != NULL));
    fuzz_require(command->stop || !command->start);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char id[] = ID;
    struct disk disk = {.texts = {.text = id}};
    struct node node = {.disk = &disk};
    struct fs fs = {.settings = {.rollback = FS_ROLLBACK_ON}};
    struct rollback_command command = {0};
    char *text = fuzz_text(data, size);
    bool taken = parse_rollback(&fs, &node, text, &command) == NULL;
    if (taken)
        require_command(text, &command);
    fs.settings.rollback = FS_ROLLBACK_CONFIRM;
    if (parse_rollback(&fs, &node, text, &command) == NULL) {
        require_command(text, &command);
        /* The stricter mount takes no more than the other. */
        fuzz_require(taken && strstr(text, ID) != NULL);
    }
    enum log_level before = log_get_level();
    int status = command_log_level(text);
    fuzz_require(status == 0 || (status == -EINVAL && log_get_level() == before));
    log_set_level(LOG_LEVEL_ERROR);
    free(text);
    return 0;
}
