/* SPDX-License-Identifier: Apache-2.0 */
/* The session with the kernel: mounting, receiving from the loop, ending. */
#include "fs_internal.h"

#include "cbsfs/clock.h"
#include "cbsfs/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Requests answered before the loop turns to the cloud again. */
#define GREETING_TIMEOUT 5000 /* ms */
#define BATCH            64

static void op_init(void *data, struct fuse_conn_info *connection)
{
    struct fs *fs = data;
    const unsigned needed = FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_NO_OPENDIR_SUPPORT;
    fs->keeps_directories = (connection->capable & needed) == needed;
    connection->want |= connection->capable & FUSE_CAP_AUTO_INVAL_DATA;
    /* A listing has every attribute at hand; asking one by one would cost a request each. */
    connection->want |= connection->capable & FUSE_CAP_READDIRPLUS;
    connection->want &= ~(unsigned)FUSE_CAP_READDIRPLUS_AUTO;
    /* Without this `> file` arrives as a truncation, which does nothing, and then the write. */
    connection->want &= ~(unsigned)FUSE_CAP_ATOMIC_O_TRUNC;
    /* What is written here is a word.  Unless told otherwise libfuse reads each request into a
     * place of 1 MiB, and under valgrind every byte of that place is looked at each time. */
    connection->max_write = 128 * 1024;
}

/* xattr, access and flush are left out on purpose, and opendir answers so: the kernel is told once
 * and never asks again; an answered getxattr makes `ls -l` many times slower. */
const struct fuse_lowlevel_ops fs_operations = {
    .init = op_init,
    .lookup = op_lookup,
    .getattr = op_getattr,
    .setattr = op_setattr,
    .readlink = op_readlink,
    .mknod = op_mknod,
    .mkdir = op_mkdir,
    .unlink = op_unlink,
    .rmdir = op_rmdir,
    .symlink = op_symlink,
    .rename = op_rename,
    .link = op_link,
    .open = op_open,
    .read = op_read,
    .write = op_write,
    .release = op_release,
    .opendir = op_opendir,
    .readdir = op_readdir,
    .readdirplus = op_readdirplus,
    .releasedir = op_releasedir,
    .statfs = op_statfs,
    .create = op_create,
    .poll = op_poll,
};

/* Of what the kernel forgets it tells in its own time, and waits for nothing. */
static bool awaits_answer(const struct fuse_buf *input)
{
    struct fuse_in_header header;
    if (input->size < sizeof(header))
        return false;
    memcpy(&header, input->mem, sizeof(header));
    return header.opcode != FUSE_FORGET && header.opcode != FUSE_BATCH_FORGET;
}

static void receive(void *data)
{
    struct fs *fs = data;
    for (int i = 0; i < BATCH; i++) {
        int received = fuse_session_receive_buf(fs->session, &fs->input);
        if (received == -EINTR)
            continue;
        if (received <= 0)
            break;
        fs->requests += awaits_answer(&fs->input);
        fuse_session_process_buf(fs->session, &fs->input);
    }
    if (fuse_session_exited(fs->session)) {
        loop_unwatch(fs->loop, &fs->watch);
        fs->watch.fd = -1;
        if (fs->settings.ended != NULL)
            fs->settings.ended(fs->settings.data);
    }
}

/*
 * The kernel keeps names for as long as we let it.  Since 6.16 it can be told to look them up again
 * without taking any lock (FUSE_NOTIFY_INC_EPOCH), so that even this single thread may say so; the
 * older invalidations wait for locks that a parked request may hold.  An older kernel refuses the
 * code, and the names live on for the rest of their time.
 */
void fs_forget_names(struct fs *fs)
{
    static const int increment_epoch = 8;
    struct {
        uint32_t length;
        int32_t code;
        uint64_t unique;
    } notification = {sizeof(notification), increment_epoch, 0};
    if (!fs->is_mounted)
        return;
    if (write(fuse_session_fd(fs->session), &notification, sizeof(notification)) < 0)
        log_debug("the kernel does not take the notification: %s", strerror(errno));
    else
        copies_drop(fs); /* to read a directory again brings its names by the hundred */
}

void fs_region_changed(void *data)
{
    struct region *region = data;
    const struct catalogue *catalogue = store_catalogue(region->store);
    handles_changed(region->fs);
    copies_changed(region);
    if (catalogue->entries_freed == region->entries_freed &&
        catalogue->values_changed == region->values_changed)
        return;
    region->entries_freed = catalogue->entries_freed;
    region->values_changed = catalogue->values_changed;
    fs_forget_names(region->fs); /* to look a name up brings its attributes as well */
}

void fs_refresh(struct fs *fs)
{
    for (struct region *at = NULL; (at = region_next(fs, at)) != NULL;)
        store_refresh(at->store);
    fs_forget_names(fs);
    copies_drop(fs);
}

struct fs *fs_new(struct loop *loop, struct store *store, const struct fs_settings *settings)
{
    struct fs *fs = calloc(1, sizeof(*fs));
    if (fs == NULL)
        return NULL;
    fs->loop = loop;
    fs->settings = *settings;
    if (regions_begin(fs, store) != 0) {
        free(fs);
        return NULL;
    }
    fs->mounted = clock_wall() / 1000;
    fs->watch.fd = fs->wake.fd = -1;
    fs->watch.ready = receive;
    fs->watch.data = fs;
    requests_begin(fs);
    return fs;
}

/* What libfuse has said so far, in as many pieces as it likes. Its log function gets no pointer of
 * ours, so this has to be a global. */
static char fuse_words[256];

static void __attribute__((format(printf, 2, 0)))
hear_fuse(enum fuse_log_level level, const char *format, va_list arguments)
{
    size_t used = strlen(fuse_words);
    vsnprintf(fuse_words + used, sizeof(fuse_words) - used, format, arguments);
    used = strcspn(fuse_words, "\n");
    if (fuse_words[used] == '\0')
        return;
    fuse_words[used] = '\0';
    log_message(level <= FUSE_LOG_WARNING ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "%s", fuse_words);
    fuse_words[0] = '\0';
}

/* While somebody waits for the verdict it is one line, and theirs is it. */
static void __attribute__((format(printf, 2, 0)))
hear_fuse_first(enum fuse_log_level level, const char *format, va_list arguments)
{
    size_t used = strlen(fuse_words);
    (void)level;
    vsnprintf(fuse_words + used, sizeof(fuse_words) - used, format, arguments);
    used = strlen(fuse_words);
    if (used > 0 && fuse_words[used - 1] == '\n')
        fuse_words[used - 1] = ' ';
}

/* fusermount3 mounts for whoever is not root, and says only on stderr why it does not.  So stderr
 * is a file in memory meanwhile; when that cannot be made, its words are a line of their own. */
struct overheard {
    int file, original;
};

static void overhear_begin(struct overheard *overheard)
{
    overheard->original = -1;
    overheard->file = memfd_create("fusermount3", MFD_CLOEXEC);
    if (overheard->file < 0)
        return;
    overheard->original = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (overheard->original >= 0 && dup2(overheard->file, STDERR_FILENO) < 0) {
        close(overheard->original);
        overheard->original = -1;
    }
}

/* What was said, as one line. */
static void overhear_end(struct overheard *overheard, char *words, size_t size)
{
    ssize_t length = 0;
    if (overheard->original >= 0) {
        dup2(overheard->original, STDERR_FILENO);
        close(overheard->original);
        length = pread(overheard->file, words, size - 1, 0);
    }
    if (overheard->file >= 0)
        close(overheard->file);
    while (length > 0 && words[length - 1] == '\n')
        length--;
    words[length > 0 ? length : 0] = '\0';
    for (char *at = words; *at != '\0'; at++) {
        if (*at == '\n')
            *at = ' ';
    }
}

/* The kernel asks its first question as soon as it has mounted; a mount on which that could not be
 * answered is none, and nobody should be told that it is there. */
static int greet_kernel(struct fs *fs)
{
    struct pollfd device = {.fd = fs->watch.fd, .events = POLLIN};
    if (poll(&device, 1, GREETING_TIMEOUT) <= 0)
        return -ETIMEDOUT;
    int received = fuse_session_receive_buf(fs->session, &fs->input);
    if (received <= 0)
        return received < 0 ? received : -EPROTO;
    return fs_greet(fs);
}

int fs_mount(struct fs *fs, struct fuse_args *args, const char *mountpoint, char *reason,
             size_t reason_size)
{
    int status = -EINVAL;
    struct overheard overheard;
    char words[256] = "";
    fuse_set_log_func(hear_fuse_first);
    /* Who may do what is decided by the kernel from the modes, also with allow_other. */
    if (fuse_opt_add_arg(args, "-odefault_permissions") != 0) {
        status = -ENOMEM;
        goto fail;
    }
    fs->session = fuse_session_new(args, &fs_operations, sizeof(fs_operations), fs);
    if (fs->session == NULL)
        goto fail;
    overhear_begin(&overheard);
    bool mounted = fuse_session_mount(fs->session, mountpoint) == 0;
    overhear_end(&overheard, words, sizeof(words));
    if (!mounted)
        goto fail;
    /* Out of memory, libfuse can report a mount that it has not made, as descriptor 0. */
    if (fuse_session_fd(fs->session) <= STDERR_FILENO) {
        status = -ENOMEM;
        goto fail;
    }
    fs->is_mounted = true;
    fs->watch.fd = fuse_session_fd(fs->session);
    int flags = fcntl(fs->watch.fd, F_GETFL);
    if (flags < 0 || fcntl(fs->watch.fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        status = -errno;
        goto fail;
    }
    status = greet_kernel(fs);
    if (status != 0)
        goto fail;
    loop_watch(fs->loop, &fs->watch);
    wake_begin(fs);
    fuse_words[0] = '\0';
    fuse_set_log_func(hear_fuse);
    if (words[0] != '\0')
        log_info("%s", words);
    return 0;

fail:
    snprintf(reason, reason_size, "cannot mount at %s: %s", mountpoint,
             words[0] != '\0'        ? words
             : fuse_words[0] != '\0' ? fuse_words
                                     : strerror(-status));
    return status;
}

void fs_free(struct fs *fs)
{
    if (fs == NULL)
        return;
    requests_drop(fs);
    while (fs->handles != NULL)
        handle_free(fs->handles);
    regions_end(fs);
    if (fs->watch.fd >= 0)
        loop_unwatch(fs->loop, &fs->watch);
    wake_end(fs);
    if (fs->is_mounted)
        fuse_session_unmount(fs->session);
    if (fs->session != NULL)
        fuse_session_destroy(fs->session);
    free(fs->input.mem);
    free(fs);
}
