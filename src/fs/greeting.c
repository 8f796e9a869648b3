/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first exchange with the kernel.
 *
 * Unless told otherwise the kernel sends one look-up or listing at a time for each directory, and
 * keeps the next ones in a lock that no signal ends: one that waits for the cloud would hold up
 * everybody else there.  libfuse has a capability for this, which it accepts and, in 3.14 at least,
 * then does not pass on.  So its answer is caught on the way and completed.  The only way that all
 * versions offer is to put a pipe in the place of its descriptor for that moment.
 */
#include "fs_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <unistd.h>

struct greeting {
    struct fuse_out_header header;
    struct fuse_init_out init;
};

static bool is_parallel_offered(const struct fuse_buf *input)
{
    const struct fuse_in_header *header = input->mem;
    const struct fuse_init_in *init = (const void *)(header + 1);
    return input->size >= sizeof(*header) + offsetof(struct fuse_init_in, flags) + 4 &&
           header->opcode == FUSE_INIT && (init->flags & FUSE_PARALLEL_DIROPS) != 0;
}

static void complete(struct greeting *greeting, size_t size)
{
    if (size >= offsetof(struct greeting, init.flags) + 4 && greeting->header.error == 0)
        greeting->init.flags |= FUSE_PARALLEL_DIROPS;
}

/* Lets libfuse answer into a pipe. The size of the answer, or -errno: then it was not asked. */
static ssize_t catch_answer(struct fs *fs, struct greeting *greeting)
{
    int fd = fuse_session_fd(fs->session), ends[2];
    ssize_t size = 0;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return -errno;
    int kept = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (kept < 0 || dup3(ends[1], fd, O_CLOEXEC) < 0) {
        size = -errno;
        goto out;
    }
    fuse_session_process_buf(fs->session, &fs->input);
    size = read(ends[0], greeting, sizeof(*greeting));
    if (size < 0)
        size = 0; /* it has not answered */
    if (dup3(kept, fd, O_CLOEXEC) < 0)
        fuse_session_exit(fs->session);
out:
    if (kept >= 0)
        close(kept);
    close(ends[0]);
    close(ends[1]);
    return size;
}

int fs_greet(struct fs *fs)
{
    struct greeting greeting = {0};
    ssize_t size = is_parallel_offered(&fs->input) ? catch_answer(fs, &greeting) : -EOPNOTSUPP;
    if (size < 0) {
        fuse_session_process_buf(fs->session, &fs->input);
        return 0;
    }
    complete(&greeting, (size_t)size);
    if (size > 0 && write(fuse_session_fd(fs->session), &greeting, (size_t)size) != size)
        fuse_session_exit(fs->session);
    if (size < (ssize_t)sizeof(greeting.header) || fuse_session_exited(fs->session))
        return -EPROTO;
    return greeting.header.error;
}
