/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fork first, answer later.  The usual order (work, then fuse_daemonize()) cannot report what fails
 * after the fork, and threads and descriptors made before it do not survive it.  Here the parent
 * does nothing but wait for one line on a pipe: an empty line means "ready", a text is why not, and
 * the end of the pipe without a line means that the child died.
 */
#include "cbsfs/daemon.h"

#include "cbsfs/clock.h"
#include "cbsfs/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define VERDICT_SIZE  1024
#define SYSLOG_SOCKET "/dev/log" /* of systemd's journal as well */
#define KILL_DELAY    5000       /* ms that a child which took too long has for leaving by itself */

/* LeakSanitizer attaches to its own process, which a process without dumps forbids. */
#if defined(__SANITIZE_ADDRESS__)
#define KEEPS_TRACEABLE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEPS_TRACEABLE 1
#endif
#endif
#ifndef KEEPS_TRACEABLE
#define KEEPS_TRACEABLE 0
#endif

/* --- the process --------------------------------------------------------------------- */

/* A descriptor that libcurl or libfuse opens must never become 0, 1 or 2. */
static int open_standard_descriptors(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
        if (fd < 0)
            return -errno;
    } while (fd <= STDERR_FILENO);
    close(fd);
    return 0;
}

int daemon_protect(void)
{
    const struct rlimit none = {0, 0};

    if (setrlimit(RLIMIT_CORE, &none) != 0)
        return -errno;
    if (!KEEPS_TRACEABLE && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return -errno;
    /* libcurl would write the keys of every TLS connection of the mount's life there. */
    return unsetenv("SSLKEYLOGFILE") != 0 ? -errno : 0;
}

static int put_in_order(void)
{
    sigset_t signals;
    int result = open_standard_descriptors();

    if (result != 0)
        return result;
    umask(077);
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return -errno;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    return sigprocmask(SIG_BLOCK, &signals, NULL) != 0 ? -errno : 0;
}

/* --- the parent ---------------------------------------------------------------------- */

/* True when the child has ended before clock_now() reached `until`. */
static bool wait_for_end(pid_t child, int64_t until, int *status)
{
    while (waitpid(child, status, WNOHANG) == 0) {
        if (clock_now() >= until)
            return false;
        poll(NULL, 0, 20);
    }
    return true;
}

static void end_child(pid_t child)
{
    int status;

    kill(child, SIGTERM);
    if (!wait_for_end(child, clock_now() + KILL_DELAY, &status)) {
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
    }
}

/* Reads up to the newline. Its length without it; -ETIMEDOUT; -EPIPE when the pipe ended before. */
static ssize_t read_verdict(int fd, int64_t until, char *line, size_t size)
{
    size_t length = 0;

    while (length < size) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int64_t left = until - clock_now();
        if (left <= 0)
            return -ETIMEDOUT;
        if (poll(&wait, 1, left < 60000 ? (int)left : 60000) <= 0)
            continue;

        ssize_t count = read(fd, line + length, size - length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return -EPIPE;
        length += (size_t)count;
        if (line[length - 1] == '\n')
            return (ssize_t)length - 1;
    }
    return -EPIPE;
}

static void report_death(pid_t child)
{
    int status = 0;

    if (waitpid(child, &status, 0) == child && WIFSIGNALED(status))
        fprintf(stderr, "cbsfs: the mount died of signal %d (%s)\n", WTERMSIG(status),
                strsignal(WTERMSIG(status)));
    else
        fprintf(stderr, "cbsfs: the mount ended before it was ready\n");
}

static void __attribute__((noreturn)) wait_for_verdict(pid_t child, int fd, int64_t limit)
{
    char line[VERDICT_SIZE];
    sigset_t none;

    /* Ctrl-C and kill end the waiting as usual, and with it the child. */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);

    ssize_t length = read_verdict(fd, clock_now() + limit, line, sizeof(line));
    if (length == 0)
        _exit(0);
    if (length > 0) {
        fprintf(stderr, "cbsfs: %.*s\n", (int)length, line);
        /* What the child undoes (a mount, a simulator) is undone when the caller goes on. */
        int status;
        if (!wait_for_end(child, clock_now() + KILL_DELAY, &status))
            end_child(child);
    } else if (length == -ETIMEDOUT) {
        fprintf(stderr, "cbsfs: the mount was not ready after %lld s\n", (long long)(limit / 1000));
        end_child(child);
    } else {
        report_death(child);
    }
    _exit(1);
}

int daemon_begin(struct daemon *daemon, bool foreground, int64_t limit, void (*forget)(void *data),
                 void *data)
{
    int pipes[2];
    int result;

    *daemon = (struct daemon){.foreground = foreground, .verdict = -1, .signals = -1};
    log_find_journal();
    result = put_in_order();
    if (result != 0 || foreground)
        return result;

    if (pipe2(pipes, O_CLOEXEC) != 0)
        return -errno;
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) {
        result = -errno;
        close(pipes[0]);
        close(pipes[1]);
        return result;
    }
    if (child > 0) {
        close(pipes[1]);
        forget(data);
        wait_for_verdict(child, pipes[0], limit);
    }
    close(pipes[0]);
    daemon->verdict = pipes[1];
    /* What nobody waits for any more need not be asked; a parent that is gone already is noticed
     * when nobody takes the verdict. */
    return prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) != 0 ? -errno : 0;
}

/* --- the child ----------------------------------------------------------------------- */

/* Writes `line` and a newline to the parent, whole: it is shorter than PIPE_BUF. */
static int tell(struct daemon *daemon, const char *line)
{
    char text[VERDICT_SIZE];
    int result = 0;

    snprintf(text, sizeof(text) - 1, "%s", line);
    text[strcspn(text, "\n")] = '\0';
    size_t length = strlen(text);
    text[length] = '\n';
    if (write(daemon->verdict, text, length + 1) != (ssize_t)length + 1)
        result = -errno;
    close(daemon->verdict);
    daemon->verdict = -1;
    return result;
}

static int detach(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int result = 0;

    if (null < 0)
        return -errno;
    if (setsid() < 0 || chdir("/") != 0 || dup2(null, STDIN_FILENO) < 0 ||
        dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
        result = -errno;
    close(null);
    return result;
}

int daemon_ready(struct daemon *daemon)
{
    int result = 0;

    daemon->ready = true;
    log_begin_service();
    if (daemon->foreground)
        return 0;
    log_to_syslog("cbsfs", SYSLOG_SOCKET);
    prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0); /* from now on the parent ends because all is well */
    result = detach();
    if (result == 0)
        result = tell(daemon, "");
    return result;
}

void daemon_fail(struct daemon *daemon, const char *line)
{
    if (daemon->verdict >= 0)
        tell(daemon, line);
    else if (daemon->foreground && !daemon->ready)
        fprintf(stderr, "cbsfs: %s\n", line);
    else
        log_error("%s", line);
}

static void take_signal(void *data)
{
    struct daemon *daemon = data;
    struct signalfd_siginfo info;

    while (read(daemon->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP)
            daemon->refresh(daemon->data);
        else
            daemon->stop(daemon->data, (int)info.ssi_signo);
    }
}

int daemon_watch_signals(struct daemon *daemon, struct loop *loop,
                         void (*stop)(void *data, int signal), void (*refresh)(void *data),
                         void *data)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    daemon->signals = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (daemon->signals < 0)
        return -errno;
    daemon->loop = loop;
    daemon->stop = stop;
    daemon->refresh = refresh;
    daemon->data = data;
    daemon->watch =
        (struct loop_watch){.fd = daemon->signals, .ready = take_signal, .data = daemon};
    loop_watch(loop, &daemon->watch);
    return 0;
}

void daemon_end(struct daemon *daemon)
{
    if (daemon->loop != NULL)
        loop_unwatch(daemon->loop, &daemon->watch);
    daemon->loop = NULL;
    if (daemon->signals >= 0)
        close(daemon->signals);
    daemon->signals = -1;
    if (daemon->verdict >= 0)
        close(daemon->verdict);
    daemon->verdict = -1;
}
