/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/demo.h"

#include "cbsfs/clock.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIMULATOR   "cbsfs-sim"
#define START_LIMIT 10000 /* ms */
#define STOP_LIMIT  2000  /* ms */

/* `count` random bytes as hex after `prefix`; malloc'ed, NULL on failure. */
static char *random_word(const char *prefix, size_t count)
{
    unsigned char bytes[32];
    size_t length = strlen(prefix);
    char *word = malloc(length + 2 * count + 1);

    if (word == NULL || count > sizeof(bytes) || getrandom(bytes, count, 0) != (ssize_t)count) {
        free(word);
        return NULL;
    }
    memcpy(word, prefix, length + 1);
    for (size_t index = 0; index < count; index++)
        snprintf(word + length + 2 * index, 3, "%02x", bytes[index]);
    return word;
}

static int get_credential(void *self, const char *refused, struct credential *out,
                          struct cloud_error *error, void (*ready)(void *data, int status),
                          void *data)
{
    const struct demo *demo = self;

    (void)ready;
    (void)data;
    if (refused == NULL)
        return credential_copy(out, &demo->credential);
    cloud_error_set(error, -EKEYREJECTED, CLOUD_NOT_SENT, CLOUD_FINAL, "",
                    "the simulator does not take the key that it was given");
    return -EKEYREJECTED;
}

static void cancel_credential(void *self, void *data)
{
    (void)self;
    (void)data;
}

/* The simulator beside our own executable, or its bare name, which execlp() looks for in PATH. */
static void find_simulator(char path[PATH_MAX])
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self));

    while (length > 0 && self[length - 1] != '/')
        length--;
    if (length <= 0 || snprintf(path, PATH_MAX, "%.*s" SIMULATOR, (int)length, self) >= PATH_MAX ||
        access(path, X_OK) != 0)
        snprintf(path, PATH_MAX, SIMULATOR);
}

/* In the forked child: becomes the simulator. */
static void __attribute__((noreturn))
become_simulator(const struct demo *demo, pid_t parent, const char *program, const char *port_file)
{
    int null = open("/dev/null", O_RDWR);
    sigset_t none;

    /* Whoever waits for the end of our output must not wait for the simulator's. */
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (dup2(null, fd) < 0)
            _exit(127);
    close(null);
    /* It ends with the mount; if the mount ended before this line, there is nothing to start. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent)
        _exit(127);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    /* Ctrl-C in the terminal is for the mount, which ends the simulator last. */
    setpgid(0, 0);
    if (setenv("CBSFS_SIM_SECRET_ID", demo->credential.secret_id, 1) == 0 &&
        setenv("CBSFS_SIM_SECRET_KEY", demo->credential.secret_key, 1) == 0)
        execlp(program, SIMULATOR, "--port", "0", "--port-file", port_file, "--create-time", "10",
               "--rollback-time", "10", (char *)NULL);
    _exit(127);
}

static int read_port(const char *port_file)
{
    FILE *file = fopen(port_file, "re");
    char line[16];
    char *end = line;
    long port = 0;

    if (file == NULL)
        return 0;
    if (fgets(line, sizeof(line), file) != NULL)
        port = strtol(line, &end, 10);
    fclose(file);
    /* Without its newline the file is still being written. */
    return *end == '\n' && port > 0 && port < 65536 ? (int)port : 0;
}

static int wait_for_port(struct demo *demo, const char *port_file, char *reason, size_t reason_size)
{
    int64_t until = clock_now() + START_LIMIT;
    int status, port;

    while ((port = read_port(port_file)) == 0) {
        if (waitpid(demo->pid, &status, WNOHANG) == demo->pid) {
            demo->pid = -1;
            snprintf(reason, reason_size,
                     WIFEXITED(status) && WEXITSTATUS(status) == 127
                         ? SIMULATOR " is neither beside cbsfs nor in PATH"
                         : SIMULATOR " ended while it was starting");
            return -ENOENT;
        }
        if (clock_now() >= until) {
            snprintf(reason, reason_size, SIMULATOR " did not listen within %d s",
                     START_LIMIT / 1000);
            return -ETIMEDOUT;
        }
        poll(NULL, 0, 10);
    }
    snprintf(demo->endpoint, sizeof(demo->endpoint), "http://127.0.0.1:%d", port);
    return 0;
}

int demo_start(struct demo *demo, char *reason, size_t reason_size)
{
    char directory[] = "/tmp/cbsfs-demo-XXXXXX";
    char port_file[sizeof(directory) + sizeof("/port")];
    char program[PATH_MAX];
    pid_t self = getpid();
    int result;

    *demo = (struct demo){.pid = -1};
    demo->credentials = (struct credential_source){
        .get = get_credential, .cancel = cancel_credential, .self = demo};
    credential_init(&demo->credential);
    demo->credential.secret_id = random_word("AKID", 16);
    demo->credential.secret_key = random_word("", 32);
    if (demo->credential.secret_id == NULL || demo->credential.secret_key == NULL) {
        credential_free(&demo->credential);
        snprintf(reason, reason_size, "no key could be made for the simulator");
        return -ENOMEM;
    }
    if (mkdtemp(directory) == NULL) {
        result = -errno;
        credential_free(&demo->credential);
        snprintf(reason, reason_size, "%s: %s", directory, strerror(-result));
        return result;
    }
    snprintf(port_file, sizeof(port_file), "%s/port", directory);
    find_simulator(program);

    demo->pid = fork();
    if (demo->pid == 0)
        become_simulator(demo, self, program, port_file);
    if (demo->pid < 0) {
        result = -errno;
        snprintf(reason, reason_size, SIMULATOR " could not be started: %s", strerror(-result));
    } else {
        result = wait_for_port(demo, port_file, reason, reason_size);
    }
    unlink(port_file);
    rmdir(directory);
    if (result != 0)
        demo_stop(demo);
    return result;
}

void demo_stop(struct demo *demo)
{
    int64_t until = clock_now() + STOP_LIMIT;

    credential_free(&demo->credential);
    if (demo->pid <= 0)
        return;
    kill(demo->pid, SIGTERM);
    while (waitpid(demo->pid, NULL, WNOHANG) == 0) {
        if (clock_now() >= until)
            kill(demo->pid, SIGKILL);
        poll(NULL, 0, 10);
    }
    demo->pid = -1;
}
