/* SPDX-License-Identifier: Apache-2.0 */
/* The table, and the credentials in it; the other rows are those of check_cloud.c and
 * check_machine.c. */
#include "check_parts.h"

#include "cbsfs/client.h"
#include "cbsfs/clock.h"
#include "cbsfs/credentials.h"
#include "cbsfs/log.h"
#include "cbsfs/loop.h"
#include "cbsfs/options.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_WIDTH 32 /* the longest action and a blank */

static const struct {
    const char *word, *colour;
} verdicts[] = {
    [CHECK_PASS] = {"PASS", "32"},
    [CHECK_FAIL] = {"FAIL", "1;31"},
    [CHECK_WARN] = {"WARN", "33"},
    [CHECK_SKIP] = {"SKIP", "2"},
};

/* As https://no-color.org has it. */
static bool wants_colour(FILE *out)
{
    const char *none = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return (none == NULL || *none == '\0') && terminal != NULL && strcmp(terminal, "dumb") != 0 &&
           fileno(out) >= 0 && isatty(fileno(out));
}

void check_begin(const char *name)
{
    log_progress("trying %s ...", name);
}

void check_put(struct check_table *table, enum check_verdict verdict, const char *name,
               const char *remedy, const char *format, ...)
{
    va_list arguments;

    log_progress("%s", "");
    if (table->is_coloured)
        fprintf(table->out, "\033[%sm%s\033[m", verdicts[verdict].colour, verdicts[verdict].word);
    else
        fputs(verdicts[verdict].word, table->out);
    fprintf(table->out, "  %-*s ", NAME_WIDTH, name);
    va_start(arguments, format);
    vfprintf(table->out, format, arguments);
    va_end(arguments);
    fputc('\n', table->out);
    if (remedy != NULL && *remedy != '\0')
        fprintf(table->out, "      %*s %s\n", NAME_WIDTH, "remedy:", remedy);
    fflush(table->out);
    table->failures += verdict == CHECK_FAIL;
}

/* --- credentials --------------------------------------------------------------------- */

struct waiting {
    struct loop *loop;
    bool ready;
};

static void credential_ready(void *data, int status)
{
    struct waiting *waiting = data;

    (void)status;
    waiting->ready = true;
    loop_stop(waiting->loop);
}

static void give_up(void *data)
{
    loop_stop(data);
}

int check_get_credential(const struct check_subject *subject, struct credential *credential,
                         struct cloud_error *error)
{
    const struct credential_source *source = subject->credentials;
    struct waiting waiting = {.loop = subject->loop};
    struct loop_timer limit = {.fire = give_up, .data = subject->loop};
    int result = source->get(source->self, NULL, credential, error, credential_ready, &waiting);

    if (result != -EINPROGRESS)
        return result;
    loop_timer_start(subject->loop, &limit, clock_now() + 1000LL * subject->options->timeout);
    result = loop_run(subject->loop);
    loop_timer_stop(subject->loop, &limit);
    if (waiting.ready)
        result = source->get(source->self, NULL, credential, error, credential_ready, &waiting);
    if (!waiting.ready || result == -EINPROGRESS) {
        source->cancel(source->self, &waiting);
        cloud_error_set(error, -ETIMEDOUT, CLOUD_NOT_SENT, CLOUD_FINAL, "",
                        "whoever gives out the credential did not answer");
        result = -ETIMEDOUT;
    }
    return result;
}

/* ", mode 0600" of the file that `origin` names, or nothing. */
static void describe_mode(const char *origin, char *text, size_t size)
{
    char path[4096];
    struct stat status;
    const char *file = strncmp(origin, "file ", 5) == 0 ? origin + 5 : NULL;
    const char *home = getenv("HOME");

    *text = '\0';
    if (file == NULL)
        return;
    if (strncmp(file, "~/", 2) == 0 && home != NULL)
        snprintf(path, sizeof(path), "%s%s", home, file + 1);
    else
        snprintf(path, sizeof(path), "%s", file);
    path[strcspn(path, " ,")] = '\0';
    if (stat(path, &status) == 0)
        snprintf(text, size, ", mode %04o", (unsigned)(status.st_mode & 07777));
}

static bool says(const struct cloud_error *error, const char *words)
{
    return strstr(error->message, words) != NULL;
}

static const char *openstack_remedy(const struct cloud_error *error)
{
    if (says(error, "no credentials: ") || says(error, "no clouds.yaml"))
        return "set OS_CLOUD or the OS_* variables (openstack's RC file), see cbsfs(1)";
    if (says(error, "no block storage"))
        return "is it the right project? endpoint= names a block storage that is in no catalogue";
    if (says(error, " regions: "))
        return "name a region that it has: region= or OS_REGION_NAME; or another OS_INTERFACE";
    switch (error->status) {
    case -EKEYREJECTED:
    case -EACCES:
        return "correct what is named there; `openstack token issue` tries the same";
    default:
        return "is Keystone's address (OS_AUTH_URL) right, and the network up?";
    }
}

static const char *credential_remedy(const struct check_subject *subject,
                                     const struct cloud_error *error)
{
    if (says(error, "chmod ") || says(error, "belongs to another user"))
        return "make the file yours and nobody else's: chown and chmod 600";
    if (error->status == -EKEYEXPIRED)
        return "fetch a new temporary credential, and mount with one that can be renewed";
    if (options_speak_openstack(subject->options))
        return openstack_remedy(error);
    if (error->status == -EOPNOTSUPP)
        return "choose another profile, or put an id and a key into it";
    /* A profile that is named rules the environment out. */
    if (says(error, "no credentials: ") && subject->options->profile != NULL)
        return "put the keys of this profile there, as tccli configure --profile does; or name "
               "another";
    if (says(error, "no credentials: ") || error->status == -ETIMEDOUT)
        return "set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY, or run: tccli configure";
    return "correct what is named there, or take it away";
}

static bool check_credentials(const struct check_subject *subject, struct check_table *table)
{
    struct credential credential;
    struct cloud_error error;
    char id[16] = "", mode[32] = "", until[TIMESTAMP_SIZE] = "";

    check_begin("credentials");
    credential_init(&credential);
    cloud_error_set(&error, 0, CLOUD_NOT_SENT, CLOUD_FINAL, "", "%s", "");
    int result = check_get_credential(subject, &credential, &error);
    const char *origin = subject->credentials_origin != NULL
                             ? subject->credentials_origin(subject->origin_data)
                             : NULL;
    if (origin == NULL)
        origin = "found";
    if (result == 0) {
        credentials_mask(credential.secret_id, id, sizeof(id));
        describe_mode(origin, mode, sizeof(mode));
        if (credential.expires != TIMESTAMP_NONE)
            timestamp_format(credential.expires, until);
        check_put(table, CHECK_PASS, "credentials", NULL, "%s%s, id %s%s%s%s", origin, mode, id,
                  credential.token != NULL ? ", temporary" : "", *until != '\0' ? ", until " : "",
                  until);
        if (credential.endpoint != NULL)
            snprintf(table->endpoint, sizeof(table->endpoint), "%s", credential.endpoint);
    } else {
        check_put(table, CHECK_FAIL, "credentials", credential_remedy(subject, &error), "%s",
                  error.message[0] != '\0' ? error.message : strerror(-result));
    }
    credential_free(&credential);
    return result == 0;
}

unsigned check_run(const struct check_subject *subject, FILE *out)
{
    struct check_table table = {.out = out, .is_coloured = wants_colour(out)};
    const char *config = subject->options->config;

    check_put(&table, CHECK_PASS, "configuration", NULL, "%s",
              config != NULL ? config : "no file (~/.config/cbsfs/config, /etc/cbsfs.conf)");
    if (check_credentials(subject, &table))
        check_cloud(subject, &table);
    check_machine(subject, &table);
    fprintf(out, "%u failed\n", table.failures);
    return table.failures;
}
