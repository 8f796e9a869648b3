/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard against deleters that recurse.
 *
 * `find -delete`, Python's rmtree(ignore_errors=True), Perl's remove_tree, node's rmSync and tar
 * --remove-files first try to unlink what is in a directory, are refused, and call rmdir all the
 * same.  A person or a script that means a snapshot calls rmdir on it and nothing else.  So a
 * process that was refused such a removal a moment ago may not rmdir a snapshot.  In the same way
 * some programs answer a refused rename by making the directory anew and copying into it (Python's
 * shutil.move): that would be a new snapshot, which is paid for.
 */
#include "fs_internal.h"

#include "cbsfs/clock.h"

void guard_mark(struct guard *guard, pid_t thread, enum guard_kind kind)
{
    pid_t process = caller_process(thread);
    struct guard_mark *oldest = &guard->marks[0];
    for (size_t i = 0; i < GUARD_MARKS; i++) {
        struct guard_mark *mark = &guard->marks[i];
        if (mark->process == process && mark->kind == kind) {
            oldest = mark;
            break;
        }
        if (mark->until < oldest->until)
            oldest = mark;
    }
    *oldest = (struct guard_mark){process, kind, clock_now() + GUARD_TIME};
}

bool guard_is_marked(const struct guard *guard, pid_t thread, enum guard_kind kind)
{
    int64_t now = clock_now();
    pid_t process = 0;
    for (size_t i = 0; i < GUARD_MARKS; i++) {
        const struct guard_mark *mark = &guard->marks[i];
        if (mark->until <= now || mark->kind != kind)
            continue;
        if (process == 0)
            process = caller_process(thread);
        if (mark->process == process)
            return true;
    }
    return false;
}
