/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In three steps: collect what the command line says, let the configuration file fill in what is
 * still open, and only then check and store the values, each with the place it came from.  So a
 * value is judged once, and a mistake is reported where it was made.
 */
#include "cbsfs/options.h"

#include "cbsfs/config.h"
#include "options_table.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEMO_REGION "ap-guangzhou"

struct value {
    char *text; /* NULL: a flag without a value */
    char *origin;
    bool given;
};

/* What has been heard so far. */
struct hearing {
    struct options *options;
    struct value values[OPTION_COUNT];
    char *words[2]; /* SOURCE and MOUNTPOINT, or one of them */
    size_t word_count;
    char *reason;
    size_t reason_size;
    int result;
};

static const struct {
    const char *name, *other;
    enum options_action action;
} actions[] = {
    {"--help", "-h", OPTIONS_HELP},   {"--version", "-V", OPTIONS_VERSION},
    {"--demo", NULL, OPTIONS_DEMO},   {"--check", NULL, OPTIONS_CHECK},
    {"--clean", NULL, OPTIONS_CLEAN},
};

static int fail(struct hearing *hearing, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int fail(struct hearing *hearing, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(hearing->reason, hearing->reason_size, format, arguments);
    va_end(arguments);
    hearing->result = -EINVAL;
    return -EINVAL;
}

/* --- collecting ---------------------------------------------------------------------- */

static int value_set(struct hearing *hearing, int index, const char *origin, const char *text)
{
    struct value *value = &hearing->values[index];

    free(value->text);
    value->text = NULL;
    value->given = true;
    if (option_store(&value->origin, origin) != 0 ||
        (text != NULL && option_store(&value->text, text) != 0)) {
        hearing->result = -ENOMEM;
        return -ENOMEM;
    }
    return 0;
}

/* "key=value", "key" and "key =" to its place; refuses a value where there must be one and is none.
 */
static int hear_option(struct hearing *hearing, int index, const char *origin, const char *text)
{
    const struct option_entry *entry = &option_table[index];

    if (entry->argument != NULL && (text == NULL || *text == '\0'))
        return fail(hearing, "%s: %s needs a value: %s=%s", origin, entry->name, entry->name,
                    entry->argument);
    return value_set(hearing, index, origin, text);
}

static int refuse_secret(struct hearing *hearing, const char *origin, const char *word)
{
    return fail(hearing,
                "%s: %.*s: no secret is taken here, where others can read it; "
                "see CREDENTIALS in cbsfs(1)",
                origin, (int)strcspn(word, "="), word);
}

static int hear_switch(struct hearing *hearing, const char *word)
{
    struct options *options = hearing->options;

    for (size_t index = 0; index < sizeof(actions) / sizeof(actions[0]); index++)
        if (strcmp(word, actions[index].name) == 0 ||
            (actions[index].other != NULL && strcmp(word, actions[index].other) == 0)) {
            /* --help wins over everything and --version over the rest, wherever they stand. */
            if (options->action != OPTIONS_HELP && options->action != OPTIONS_VERSION)
                options->action = actions[index].action;
            return 0;
        }
    if (strcmp(word, "-f") == 0) {
        options->foreground = true;
        return 0;
    }
    if (strcmp(word, "-d") == 0) {
        options->foreground = true;
        options->debug = true;
        return 0;
    }
    /* -s is libfuse's "single-threaded", which cbsfs always is; -n and -v come from mount(8). */
    if (strcmp(word, "-s") == 0 || strcmp(word, "-n") == 0 || strcmp(word, "-v") == 0)
        return 0;
    return fail(hearing, "%s: unknown switch; see cbsfs --help", word);
}

static int hear_word(struct hearing *hearing, const char *word)
{
    if (hearing->word_count == sizeof(hearing->words) / sizeof(hearing->words[0]))
        return fail(hearing, "%s: one word too many; see cbsfs --help", word);
    if (option_store(&hearing->words[hearing->word_count], word) != 0)
        return hearing->result = -ENOMEM;
    hearing->word_count++;
    return 0;
}

/* For fuse_opt_parse(): 1 keeps the word for libfuse, 0 drops it, -1 ends. */
static int hear(void *data, const char *word, int key, struct fuse_args *unused)
{
    struct hearing *hearing = data;
    size_t length = strcspn(word, "=");
    int index;

    (void)unused;
    if (key == FUSE_OPT_KEY_NONOPT)
        return hear_word(hearing, word) == 0 ? 0 : -1;
    if (word[0] == '-')
        return hear_switch(hearing, word) == 0 ? 0 : -1;
    if (option_is_dropped(word))
        return 0;

    index = option_find(word, length);
    if (index >= 0)
        return hear_option(hearing, index, "-o", word[length] == '=' ? word + length + 1 : NULL) ==
                       0
                   ? 0
                   : -1;
    if (option_is_secret(word)) {
        refuse_secret(hearing, "-o", word);
        return -1;
    }
    if (strcmp(word, "debug") == 0) {
        hearing->options->debug = true;
        hearing->options->foreground = true;
        return 0;
    }
    return 1;
}

/* --- the configuration file ---------------------------------------------------------- */

/* True for a word that can be a mistyped option, and no key or token in the wrong place. */
static bool may_be_shown(const char *key)
{
    return strlen(key) <= 20 && strspn(key, "abcdefghijklmnopqrstuvwxyz_-") == strlen(key);
}

static int hear_line(void *data, const char *origin, const char *key, const char *text,
                     char *reason, size_t reason_size)
{
    struct hearing *hearing = data;
    int index = option_find(key, strlen(key));

    (void)reason;
    (void)reason_size;
    if (index < 0 && option_is_secret(key))
        return refuse_secret(hearing, origin, may_be_shown(key) ? key : "a secret");
    if (index < 0 || strcmp(key, "config") == 0)
        return fail(hearing, "%s: %s%sunknown option; see cbsfs --help", origin,
                    may_be_shown(key) ? key : "", may_be_shown(key) ? ": " : "");
    if (hearing->values[index].given && strcmp(hearing->values[index].origin, "-o") == 0)
        return 0;
    return hear_option(hearing, index, origin, text);
}

/* The path of the user's own file, or NULL when there is no home or no memory. */
static char *home_config(void)
{
    const char *base = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    char *path;

    if (base != NULL && base[0] == '/')
        return asprintf(&path, "%s/cbsfs/config", base) < 0 ? NULL : path;
    if (home == NULL || home[0] != '/') {
        const struct passwd *user = getpwuid(getuid());
        home = user != NULL ? user->pw_dir : NULL;
    }
    if (home == NULL)
        return NULL;
    return asprintf(&path, "%s/.config/cbsfs/config", home) < 0 ? NULL : path;
}

static int read_config(struct hearing *hearing)
{
    int config = option_find("config", strlen("config"));
    const struct value *named = &hearing->values[config];
    char *path = NULL;
    int result = 0;

    if (named->given) {
        path = strdup(named->text);
        if (path == NULL)
            return -ENOMEM;
    } else {
        path = home_config();
        if (path == NULL || access(path, F_OK) != 0) {
            free(path);
            path = access("/etc/cbsfs.conf", F_OK) == 0 ? strdup("/etc/cbsfs.conf") : NULL;
        }
        if (path == NULL)
            return 0;
        result = value_set(hearing, config, "-o", path);
    }
    if (result == 0)
        result = config_read(path, hear_line, hearing, hearing->reason, hearing->reason_size);
    free(path);
    return result;
}

/* --- understanding ------------------------------------------------------------------- */

/* One part of SOURCE, which may also have been given as an option, then with the same value. */
static int hear_source_part(struct hearing *hearing, const char *name, const char *text)
{
    int index = option_find(name, strlen(name));
    const struct value *value = &hearing->values[index];

    if (value->given && strcmp(value->text, text) != 0)
        return fail(hearing, "%s=%s: SOURCE says %s; give it once", name, value->text, text);
    return value_set(hearing, index, "-o", text);
}

/* [PROFILE@]REGION, also as "cbsfs#..." (the device of an old fstab line) and "cbsfs:..." (as
 * findmnt shows it); "cbsfs" and "none" are what people write in fstab when there is nothing to
 * say. */
static int hear_source(struct hearing *hearing, char *source)
{
    if (strncmp(source, "cbsfs", strlen("cbsfs")) == 0 && strchr("#:", source[5]) != NULL)
        source += source[5] != '\0' ? strlen("cbsfs#") : 0;
    if (*source == '\0' || strcmp(source, "cbsfs") == 0 || strcmp(source, "none") == 0)
        return 0;

    char *region = source;
    char *at = strrchr(source, '@');
    if (at != NULL) {
        *at = '\0';
        region = at + 1;
    }
    if ((at != NULL && !option_is_profile(source)) ||
        (*region != '\0' && !option_is_region(region)) || (at == NULL && *region == '\0')) {
        if (at != NULL)
            *at = '@';
        return fail(hearing, "%s: must be [PROFILE@]REGION, for example ap-guangzhou", source);
    }

    int result = at != NULL ? hear_source_part(hearing, "profile", source) : 0;
    if (result == 0 && *region != '\0')
        result = hear_source_part(hearing, "region", region);
    return result;
}

static int understand_words(struct hearing *hearing)
{
    struct options *options = hearing->options;
    size_t count = hearing->word_count;
    char *source = NULL;

    if (options->action == OPTIONS_CHECK) {
        source = count >= 1 ? hearing->words[0] : NULL;
        if (count == 2) {
            options->mountpoint = hearing->words[1];
            hearing->words[1] = NULL;
        }
    } else if (count == 0) {
        return fail(hearing,
                    "no mountpoint; usage: cbsfs [[PROFILE@]REGION] MOUNTPOINT [-o OPT,...]");
    } else {
        if ((options->action == OPTIONS_DEMO || options->action == OPTIONS_CLEAN) && count != 1)
            return fail(hearing, "%s takes a MOUNTPOINT only; see cbsfs --help",
                        options->action == OPTIONS_DEMO ? "--demo" : "--clean");
        source = count == 2 ? hearing->words[0] : NULL;
        options->mountpoint = hearing->words[count - 1];
        hearing->words[count - 1] = NULL;
        if (*options->mountpoint == '\0')
            return fail(hearing, "the mountpoint is empty");
    }
    return source != NULL ? hear_source(hearing, source) : 0;
}

static int understand_values(struct hearing *hearing)
{
    char allowed[160];

    for (int index = 0; index < OPTION_COUNT; index++) {
        const struct value *value = &hearing->values[index];
        const struct option_entry *entry = &option_table[index];
        if (!value->given)
            continue;

        int result = entry->apply(hearing->options, value->text, allowed, sizeof(allowed));
        if (result == -EINVAL && strcmp(entry->name, "endpoint") == 0 &&
            strchr(value->text, '@') != NULL)
            return refuse_secret(hearing, value->origin, "endpoint");
        /* A value from a file may be a key in the wrong line. */
        if (result == -EINVAL && strcmp(value->origin, "-o") != 0)
            return fail(hearing, "%s: %s %s", value->origin, entry->name, allowed);
        if (result == -EINVAL)
            return fail(hearing, "%s: %s=%s: %s", value->origin, entry->name, value->text, allowed);
        if (result != 0)
            return result;
    }
    return 0;
}

/* In a demo the account is the simulator's, whatever a configuration file says of a real one. */
static int understand_demo(struct hearing *hearing)
{
    static const char *const foreign[] = {"provider", "profile", "endpoint", "disks"};

    for (size_t index = 0; index < sizeof(foreign) / sizeof(foreign[0]); index++) {
        struct value *value = &hearing->values[option_find(foreign[index], strlen(foreign[index]))];
        if (value->given && strcmp(value->origin, "-o") == 0)
            return fail(hearing, "-o %s=%s: not with --demo, which has an account of its own",
                        foreign[index], value->text);
        value->given = false;
    }
    hearing->options->allow_delete = true;
    hearing->options->allow_create_disk = true;
    return option_store(&hearing->options->region, DEMO_REGION);
}

static int add_fuse_options(struct options *options)
{
    bool failed = false;

    if (options->read_only)
        failed = fuse_opt_add_arg(&options->fuse, "-oro") != 0;
    if (options->debug)
        failed = failed || fuse_opt_add_arg(&options->fuse, "-odebug") != 0;
    return failed ? -ENOMEM : 0;
}

static int understand(struct hearing *hearing)
{
    struct options *options = hearing->options;
    int result = understand_words(hearing);

    if (result == 0 && options->action == OPTIONS_CLEAN)
        return 0;
    if (result == 0)
        result = read_config(hearing);
    if (result == 0 && options->action == OPTIONS_DEMO)
        result = understand_demo(hearing);
    if (result == 0)
        result = understand_values(hearing);
    if (result == 0)
        result = add_fuse_options(options);
    return result;
}

/* A reason is one line, whatever was typed. */
static void clean(char *reason)
{
    for (char *at = reason; *at != '\0'; at++)
        if (iscntrl((unsigned char)*at))
            *at = '?';
}

int options_parse(struct options *options, int argc, char *argv[], char *reason, size_t reason_size)
{
    struct hearing hearing = {.options = options, .reason = reason, .reason_size = reason_size};
    struct fuse_args arguments = FUSE_ARGS_INIT(argc, argv);

    *options = (struct options){
        .provider = &provider_tencent,
        .ttl = OPTIONS_TTL_DEFAULT,
        .timeout = OPTIONS_TIMEOUT_DEFAULT,
        .uid = getuid(),
        .gid = getgid(),
    };
    reason[0] = '\0';
    /* libfuse's own words for it are not ours. */
    if (argc > 1 && strcmp(argv[argc - 1], "-o") == 0)
        fail(&hearing, "-o needs an option after it; see cbsfs --help");
    else if (fuse_opt_parse(&arguments, &hearing, NULL, hear) != 0 && hearing.result == 0)
        hearing.result = -ENOMEM;
    options->fuse = arguments;
    if (hearing.result == 0 && options->action != OPTIONS_HELP &&
        options->action != OPTIONS_VERSION)
        hearing.result = understand(&hearing);

    for (int index = 0; index < OPTION_COUNT; index++) {
        free(hearing.values[index].text);
        free(hearing.values[index].origin);
    }
    free(hearing.words[0]);
    free(hearing.words[1]);
    if (hearing.result != 0) {
        options_free(options);
        clean(reason);
    }
    return hearing.result;
}
