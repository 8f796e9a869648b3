/* SPDX-License-Identifier: Apache-2.0 */
/* README at the root: what is where, for whoever just mounted it. */
#include "fs_internal.h"

#include "cbsfs/provider.h"

#define S "disks/ID/snapshots/NAME"

static const char places[] =
    "disks/ID/                 one disk; also as disks/NAME when no other disk has that name\n"
    "disks/ID/snapshots/       its snapshots, each a directory named after it\n"
    "disks/ID/latest           the newest that is ready\n"
    "snapshots/ID              every snapshot by its id\n";

static const char tasks[] =
    "make one                  mkdir " S "\n"
    "how far it is             cat " S "/status\n"
    "wait until it is ready    cat " S "/wait\n"
    "what a rollback would do  cat " S "/rollback\n"
    "roll the disk back to it  cat disks/ID/id > " S "/rollback\n"
    "rename it                 mv " S " disks/ID/snapshots/KEPT\n"
    "delete it                 rmdir " S "   (mounted with -o allow_delete)\n"
    "why something failed      cat disks/ID/error\n"
    "what has happened         tail -f .cbsfs/events\n"
    "look again at once        echo 1 > .cbsfs/refresh\n";

/* What only some clouds have: told where it is. */
static const struct {
    enum cloud_verb verb;
    const char *line;
} extras[] = {
    {CLOUD_EXPIRE_SNAPSHOT, "delete it in a month      echo +30d > " S "/expires\n"},
    {CLOUD_SHARE_SNAPSHOT, "share it                  echo +ACCOUNT > " S "/shared_with\n"},
    {CLOUD_COPY_SNAPSHOT, "copy it to another region echo REGION > " S "/copy_to\n"},
    {CLOUD_CREATE_DISK,
     "make a disk of it         echo yes > " S "/new_disk   (-o allow_create_disk; costs money)\n"},
    {CLOUD_CREATE_GROUP,
     "several disks at once     mkdir groups/NAME@DISK,DISK; cat groups/NAME/wait\n"},
    {CLOUD_DESCRIBE_POLICIES, "who makes them by itself  cat disks/ID/policies\n"},
};

int readme_render(struct fs *fs, const struct node *node, struct buffer *out)
{
    const struct provider *provider = store_provider(node->region->store);
    buffer_printf(out, "This is %s, mounted by cbsfs. A directory is a snapshot.\n\n",
                  provider->title);
    buffer_puts(out, places);
    if (groups_exist(node->region))
        buffer_puts(out, "groups/NAME/              snapshots of several disks at one moment\n");
    if (fs->shows_regions)
        buffer_puts(out, "regions/REGION/           the same of another region\n");
    buffer_puts(out, ".cbsfs/                   (not listed) stats, metrics, events, errors, jobs, "
                     "config, refresh, log_level\n\n");
    buffer_puts(out, tasks);
    for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]); i++) {
        const struct cloud_call call = {.verb = extras[i].verb};
        if (provider->refusal != NULL && provider->refusal(&call) != NULL)
            continue;
        bool of_cloud = call.verb == CLOUD_CREATE_GROUP && provider->group_advice != NULL;
        buffer_puts(out, of_cloud ? "a group of disks at once  mkdir groups/NAME@ID-OF-THE-GROUP\n"
                                  : extras[i].line);
    }
    return buffer_puts(out, "manual                    man cbsfs\n");
}
