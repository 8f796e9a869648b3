/* SPDX-License-Identifier: Apache-2.0 */
#include "openstack_parts.h"

#include "cbsfs/buffer.h"
#include "cbsfs/http.h"
#include "cbsfs/log.h"
#include "cbsfs/utf8.h"
#include "cbsfs/wipe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

void openstack_settings_free(struct openstack_settings *settings)
{
    for (size_t i = 0; i < OPENSTACK_SETTING_COUNT; i++) {
        wipe_text(settings->values[i]);
        free(settings->values[i]);
    }
    free(settings->cloud);
    free(settings->file);
    *settings = (struct openstack_settings){0};
}

static bool texts_are_equal(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool openstack_settings_are_same(const struct openstack_settings *a,
                                 const struct openstack_settings *b)
{
    for (size_t i = 0; i < OPENSTACK_SETTING_COUNT; i++)
        if (setting_table[i].auth && !texts_are_equal(a->values[i], b->values[i]))
            return false;
    return a->method == b->method;
}

void openstack_settings_describe(const struct openstack_settings *settings, char *text, size_t size)
{
    if (settings->cloud == NULL) {
        snprintf(text, size, "environment (OS_*)");
    } else {
        struct buffer words;
        buffer_init(&words, 0);
        buffer_puts(&words, "clouds.yaml cloud ");
        buffer_put_printable(&words, settings->cloud);
        buffer_puts(&words, " in ");
        buffer_put_printable(&words, settings->file);
        snprintf(text, size, "%s", words.error == 0 ? words.data : "clouds.yaml");
        buffer_free(&words);
    }
}

/* --- whose cloud it is --------------------------------------------------------------- */

static bool ends_with(const char *text, size_t length, const char *ending)
{
    size_t ending_length = strlen(ending);
    return length > ending_length &&
           strncasecmp(text + length - ending_length, ending, ending_length) == 0;
}

bool openstack_settings_are_evs(const struct openstack_settings *settings)
{
    static const char *const domains[] = {".myhuaweicloud.com", ".myhuaweicloud.eu",
                                          ".otc.t-systems.com"};
    const char *url = settings->values[OPENSTACK_AUTH_URL];

    if (settings->method == OPENSTACK_KEYS)
        return true;
    const char *host = url != NULL ? strstr(url, "://") : NULL;
    if (host == NULL)
        return false;
    host += 3;
    size_t length = strcspn(host, ":/");
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++)
        if (ends_with(host, length, domains[i]))
            return true;
    return false;
}

/* --- is it enough -------------------------------------------------------------------- */

static bool has(const struct openstack_settings *settings, enum openstack_setting setting)
{
    return settings->values[setting] != NULL;
}

/* What is missing, in the words of the place where it belongs. */
static int fail_missing(const struct openstack_settings *settings, enum openstack_setting setting,
                        const char *why, struct cloud_error *error)
{
    const struct setting_entry *entry = &setting_table[setting];
    char place[512];

    openstack_settings_describe(settings, place, sizeof place);
    if (settings->cloud == NULL)
        return credential_fail(error, -EKEYREJECTED, "%s: %s is not set%s", place,
                               entry->variables[0], why);
    return credential_fail(error, -EKEYREJECTED, "%s: %s%s is missing%s", place,
                           entry->auth ? "auth." : "", entry->keys[0], why);
}

static int fail_place(const struct openstack_settings *settings, int status, const char *words,
                      struct cloud_error *error)
{
    char place[512];
    openstack_settings_describe(settings, place, sizeof place);
    return credential_fail(error, status, "%s: %s", place, words);
}

/* Words of YAML, of environments and of numbers. */
static bool means(const char *text, bool wanted)
{
    static const char *const words[2][6] = {{"false", "no", "off", "n", "0", NULL},
                                            {"true", "yes", "on", "y", "1", NULL}};
    for (size_t i = 0; text != NULL && words[wanted][i] != NULL; i++)
        if (strcasecmp(text, words[wanted][i]) == 0)
            return true;
    return false;
}

/* By the word for it, else by what is there. */
static int choose_method(struct openstack_settings *settings, struct cloud_error *error)
{
    static const struct {
        const char *word;
        enum openstack_method method;
    } words[] = {
        {"password", OPENSTACK_PASSWORD_LOGIN},
        {"v3password", OPENSTACK_PASSWORD_LOGIN},
        {"token", OPENSTACK_TOKEN_LOGIN},
        {"v3token", OPENSTACK_TOKEN_LOGIN},
        {"v3applicationcredential", OPENSTACK_APPLICATION_LOGIN},
        {"applicationcredential", OPENSTACK_APPLICATION_LOGIN},
        {"aksk", OPENSTACK_KEYS},
    };
    const char *type = settings->values[OPENSTACK_AUTH_TYPE];

    if (type != NULL) {
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (strcasecmp(type, words[i].word) == 0) {
                settings->method = words[i].method;
                return 0;
            }
        return fail_place(settings, -EOPNOTSUPP,
                          "this auth_type is not spoken; there are password, token and "
                          "v3applicationcredential",
                          error);
    }
    bool keys = has(settings, OPENSTACK_ACCESS_KEY) && has(settings, OPENSTACK_SECRET_KEY);
    if (has(settings, OPENSTACK_APPLICATION_SECRET))
        settings->method = OPENSTACK_APPLICATION_LOGIN;
    else if (has(settings, OPENSTACK_PASSWORD))
        settings->method = OPENSTACK_PASSWORD_LOGIN;
    else if (has(settings, OPENSTACK_TOKEN))
        settings->method = OPENSTACK_TOKEN_LOGIN;
    else
        settings->method = keys ? OPENSTACK_KEYS : OPENSTACK_PASSWORD_LOGIN;
    return 0;
}

static int check_keys(const struct openstack_settings *settings, struct cloud_error *error)
{
    static const enum openstack_setting words[] = {OPENSTACK_ACCESS_KEY, OPENSTACK_SECRET_KEY,
                                                   OPENSTACK_SECURITY_TOKEN, OPENSTACK_PROJECT_ID};

    if (!has(settings, OPENSTACK_ACCESS_KEY))
        return fail_missing(settings, OPENSTACK_ACCESS_KEY, "", error);
    if (!has(settings, OPENSTACK_SECRET_KEY))
        return fail_missing(settings, OPENSTACK_SECRET_KEY, "", error);
    if (!has(settings, OPENSTACK_PROJECT_ID))
        return fail_missing(settings, OPENSTACK_PROJECT_ID,
                            ", and access keys do not tell the project by themselves", error);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (has(settings, words[i]) && !credential_text_is_valid(settings->values[words[i]]))
            return fail_place(settings, -EKEYREJECTED,
                              "blanks or odd characters in a key, the token or the project's id",
                              error);
    return 0;
}

static int check_auth_url(const struct openstack_settings *settings, struct cloud_error *error)
{
    const char *url = settings->values[OPENSTACK_AUTH_URL];

    if (url == NULL)
        return fail_missing(settings, OPENSTACK_AUTH_URL, "", error);
    if (!http_is_allowed(url, NULL))
        return fail_place(settings, -EKEYREJECTED,
                          "the auth_url must begin with https:// (http:// is only for this "
                          "machine) and hold no user name",
                          error);
    return 0;
}

static int check_user(const struct openstack_settings *settings, struct cloud_error *error)
{
    if (has(settings, OPENSTACK_USERNAME) || has(settings, OPENSTACK_USER_ID))
        return 0;
    return fail_missing(settings, OPENSTACK_USERNAME, "", error);
}

static int check_login(const struct openstack_settings *settings, struct cloud_error *error)
{
    int status = check_auth_url(settings, error);

    if (status < 0)
        return status;
    if (settings->method == OPENSTACK_TOKEN_LOGIN)
        return has(settings, OPENSTACK_TOKEN) ? 0
                                              : fail_missing(settings, OPENSTACK_TOKEN, "", error);
    if (settings->method == OPENSTACK_APPLICATION_LOGIN) {
        if (!has(settings, OPENSTACK_APPLICATION_SECRET))
            return fail_missing(settings, OPENSTACK_APPLICATION_SECRET, "", error);
        if (has(settings, OPENSTACK_APPLICATION_ID))
            return 0;
        if (!has(settings, OPENSTACK_APPLICATION_NAME))
            return fail_missing(settings, OPENSTACK_APPLICATION_ID, "", error);
        return check_user(settings, error);
    }
    status = check_user(settings, error);
    if (status == 0 && !has(settings, OPENSTACK_PASSWORD))
        status = fail_missing(settings, OPENSTACK_PASSWORD, "", error);
    if (status == 0 && !has(settings, OPENSTACK_PROJECT_NAME) &&
        !has(settings, OPENSTACK_PROJECT_ID))
        status = fail_missing(settings, OPENSTACK_PROJECT_NAME, "", error);
    return status;
}

static bool is_utf8(const char *text)
{
    uint32_t point;
    size_t length = 1;
    while (*text != '\0' && (length = utf8_decode(text, &point)) > 0)
        text += length;
    return length > 0;
}

static int check_texts(const struct openstack_settings *settings, struct cloud_error *error)
{
    for (size_t i = 0; i < OPENSTACK_SETTING_COUNT; i++)
        if (settings->values[i] != NULL && !is_utf8(settings->values[i]))
            return fail_place(settings, -EKEYREJECTED, "a value is not UTF-8", error);
    if (means(settings->values[OPENSTACK_VERIFY], false) ||
        (has(settings, OPENSTACK_INSECURE) && !means(settings->values[OPENSTACK_INSECURE], false)))
        return fail_place(settings, -EOPNOTSUPP,
                          "cbsfs always verifies whom it speaks to: leave `verify: false` and "
                          "OS_INSECURE out, and name the CA in `cacert` or OS_CACERT",
                          error);
    return 0;
}

/* --- what nobody has told ------------------------------------------------------------ */

static int fall_back(struct openstack_settings *settings, enum openstack_setting setting,
                     const char *value)
{
    return settings->values[setting] != NULL || value == NULL
               ? 0
               : openstack_store(&settings->values[setting], value);
}

/* A domain by its id or its name: the first that is known of the user's, the one of everything, and
 * what most clouds call theirs. */
static int complete_domain(struct openstack_settings *settings, enum openstack_setting name,
                           enum openstack_setting id)
{
    if (has(settings, name) || has(settings, id))
        return 0;
    if (name == OPENSTACK_PROJECT_DOMAIN_NAME && openstack_settings_are_evs(settings)) {
        int status = fall_back(settings, id, settings->values[OPENSTACK_USER_DOMAIN_ID]);
        return status < 0 ? status
                          : fall_back(settings, name, settings->values[OPENSTACK_USER_DOMAIN_NAME]);
    }
    if (name == OPENSTACK_USER_DOMAIN_NAME &&
        (has(settings, OPENSTACK_DOMAIN_NAME) || has(settings, OPENSTACK_DOMAIN_ID))) {
        int status = fall_back(settings, id, settings->values[OPENSTACK_DOMAIN_ID]);
        return status < 0 ? status
                          : fall_back(settings, name, settings->values[OPENSTACK_DOMAIN_NAME]);
    }
    if (has(settings, OPENSTACK_DEFAULT_DOMAIN))
        return fall_back(settings, id, settings->values[OPENSTACK_DEFAULT_DOMAIN]);
    return fall_back(settings, name, "Default");
}

static int complete_path(const struct openstack_environment *environment,
                         struct openstack_settings *settings, enum openstack_setting setting,
                         struct cloud_error *error)
{
    if (!has(settings, setting))
        return 0;
    char *path = openstack_path(environment, settings->values[setting]);
    if (path == NULL)
        return credential_fail(error, -ENOMEM, "out of memory");
    free(settings->values[setting]);
    settings->values[setting] = path;
    if (access(path, R_OK) == 0)
        return 0;
    char words[160];
    snprintf(words, sizeof words, "the file of `%s` cannot be read: %s",
             setting_table[setting].keys[0], strerror(errno));
    return fail_place(settings, -EKEYREJECTED, words, error);
}

static int complete(const struct openstack_environment *environment,
                    struct openstack_settings *settings, struct cloud_error *error)
{
    int status = choose_method(settings, error);
    if (status == 0)
        status = check_texts(settings, error);
    if (status == 0)
        status = settings->method == OPENSTACK_KEYS ? check_keys(settings, error)
                                                    : check_login(settings, error);
    if (status == 0 && has(settings, OPENSTACK_ENDPOINT) &&
        !http_is_allowed(settings->values[OPENSTACK_ENDPOINT], NULL))
        status = fail_place(settings, -EKEYREJECTED,
                            "the endpoint of the block storage must begin with https:// (http:// "
                            "is only for this machine)",
                            error);
    static const enum openstack_setting files[] = {OPENSTACK_CACERT, OPENSTACK_CERT, OPENSTACK_KEY};
    for (size_t i = 0; i < 3 && status == 0; i++)
        status = complete_path(environment, settings, files[i], error);
    if (status == 0 &&
        (complete_domain(settings, OPENSTACK_USER_DOMAIN_NAME, OPENSTACK_USER_DOMAIN_ID) < 0 ||
         complete_domain(settings, OPENSTACK_PROJECT_DOMAIN_NAME, OPENSTACK_PROJECT_DOMAIN_ID) < 0))
        status = credential_fail(error, -ENOMEM, "out of memory");
    return status;
}

/* --- the places ---------------------------------------------------------------------- */

/* `all`: else only what is no log-in. */
static int take_environment(const struct openstack_environment *environment, bool all,
                            struct openstack_settings *settings)
{
    for (size_t i = 0; i < OPENSTACK_SETTING_COUNT; i++)
        if (environment->values[i] != NULL && (all || !setting_table[i].auth) &&
            (all || i != OPENSTACK_AUTH_TYPE) && settings->values[i] == NULL &&
            openstack_store(&settings->values[i], environment->values[i]) < 0)
            return -ENOMEM;
    /* Meant for access keys; beside a project's name it would be another project. */
    const char *origin = environment->origins[OPENSTACK_PROJECT_ID];
    if (all && origin != NULL && strncmp(origin, "OS_", 3) != 0 &&
        settings->values[OPENSTACK_AUTH_URL] != NULL) {
        free(settings->values[OPENSTACK_PROJECT_ID]);
        settings->values[OPENSTACK_PROJECT_ID] = NULL;
    }
    return 0;
}

/* The first variable of a log-in that is set, or NULL. */
static const char *find_leftover(const struct openstack_environment *environment)
{
    for (size_t i = 0; i < OPENSTACK_SETTING_COUNT; i++)
        if (environment->values[i] != NULL && setting_table[i].auth)
            return environment->origins[i];
    return NULL;
}

static void warn_of_leftovers(struct openstack_environment *environment)
{
    const char *leftover = find_leftover(environment);

    if (environment->warned || leftover == NULL)
        return;
    environment->warned = true;
    log_warning("OS_CLOUD names the cloud %s of clouds.yaml; %s and the other variables of a "
                "log-in do not count",
                environment->cloud, leftover);
}

static int fail_none(const struct openstack_environment *environment, const char *name,
                     struct cloud_error *error)
{
    const char *leftover = find_leftover(environment);

    if (name != NULL)
        return credential_fail(error, -EKEYREJECTED,
                               "no clouds.yaml for the cloud %.64s: not in the working directory, "
                               "not in ~/.config/openstack, not in /etc/openstack",
                               name);
    if (leftover != NULL)
        return credential_fail(
            error, -EKEYREJECTED, "environment (OS_*): %s is set, but %s is not", leftover,
            strstr(leftover, "_AK") != NULL || strstr(leftover, "ACCESS_KEY") != NULL
                ? "the secret key that belongs to it"
                : "OS_AUTH_URL");
    return credential_fail(error, -EKEYREJECTED,
                           "no credentials: neither OS_CLOUD nor OS_AUTH_URL is set, and there is "
                           "no clouds.yaml in the working directory, in ~/.config/openstack or in "
                           "/etc/openstack");
}

static bool environment_is_enough(const struct openstack_environment *environment)
{
    return environment->values[OPENSTACK_AUTH_URL] != NULL ||
           (environment->values[OPENSTACK_ACCESS_KEY] != NULL &&
            environment->values[OPENSTACK_SECRET_KEY] != NULL);
}

int openstack_settings_read(struct openstack_environment *environment, const char *profile,
                            struct openstack_settings *settings, struct cloud_error *error)
{
    const char *name = profile != NULL ? profile : environment->cloud;
    bool all = name == NULL && environment_is_enough(environment);
    int status = 0;

    *settings = (struct openstack_settings){0};
    if (!all)
        status = openstack_read_cloud(environment, name, settings, error);
    if (status == -ENOENT)
        status = fail_none(environment, name, error);
    if (status == 0 && profile == NULL && environment->cloud != NULL)
        warn_of_leftovers(environment);
    if (status == 0 && take_environment(environment, all, settings) < 0)
        status = credential_fail(error, -ENOMEM, "out of memory");
    if (status == 0)
        status = complete(environment, settings, error);
    if (status < 0)
        openstack_settings_free(settings);
    return status;
}
