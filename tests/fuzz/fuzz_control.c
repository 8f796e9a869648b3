/* SPDX-License-Identifier: Apache-2.0 */
/* What is written to control files.  Their parsers have no header of their own. */
#include "../../src/fs/commands.c"
#include "../../src/fs/control.c"

#include "fuzz.h"

#define ID  "disk-0123abcd"
#define NOW 1780000000

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

/* Those of the features that need no mount: what they take is what they say that they take. */
static void require_feature(const char *text)
{
    char line[LINE_SIZE];
    struct order order = {0};
    if (command_line(text, line, sizeof(line)) != NULL)
        return;
    fuzz_require(strchr(line, '\n') == NULL);
    char shown[TIMESTAMP_SIZE] = "";
    if (parse_date(line, NOW, &order.expires) == NULL && strcmp(line, "never") != 0) {
        fuzz_require(strlen(line) >= strlen("+1d"));
        /* What can be sent, and is what the file then shows. */
        timestamp_format(order.expires, shown);
        fuzz_require(shown[0] != '\0');
        fuzz_require(line[0] != '+' || order.expires >= NOW + DAY);
    }
    if (read_share(NULL, NULL, line, &order) == NULL)
        fuzz_require(order.cancel == (line[0] == '-') && strlen(order.account) <= 32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fs fs = {.settings = {.rollback = FS_ROLLBACK_ON}};
    struct rollback_command command = {0};
    char *text = fuzz_text(data, size);
    bool taken = command_read_rollback(&fs, ID, text, &command) == NULL;
    if (taken)
        require_command(text, &command);
    fs.settings.rollback = FS_ROLLBACK_CONFIRM;
    if (command_read_rollback(&fs, ID, text, &command) == NULL) {
        require_command(text, &command);
        /* The stricter mount takes no more than the other. */
        fuzz_require(taken && strstr(text, ID) != NULL);
    }
    require_feature(text);
    enum log_level before = log_get_level();
    int status = command_log_level(text);
    fuzz_require(status == 0 || (status == -EINVAL && log_get_level() == before));
    log_set_level(LOG_LEVEL_ERROR);
    free(text);
    return 0;
}
