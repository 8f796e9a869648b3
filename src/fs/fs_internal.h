/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share among themselves. */
#ifndef CBSFS_FS_INTERNAL_H
#define CBSFS_FS_INTERNAL_H

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 10)

#include "cbsfs/buffer.h"
#include "cbsfs/events.h"
#include "cbsfs/fs.h"
#include "cbsfs/loop.h"
#include "cbsfs/names.h"
#include "cbsfs/store.h"

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

/* --- regions: each has a store of its own (regions.c) -------------------------------- */

struct fs;

/* One of the account's; its place in fs->regions is its number. */
struct region {
    struct fs *fs;
    unsigned number;                        /* 0: the mount's own, whose disks/ is at the root */
    char *id;                               /* its name */
    bool is_listed;                         /* in regions/ */
    struct store *store;                    /* NULL: nobody has entered it */
    uint64_t entries_freed, values_changed; /* of the catalogue, when the kernel was last told */
    struct directory_told told_disks, told_snapshots, told_groups;
};

/* As many as an inode number can tell apart. */
#define REGION_COUNT 64

/* The mount's own. */
struct region *region_home(const struct fs *fs);
/* That of an inode number, or NULL. */
struct region *region_of(const struct fs *fs, fuse_ino_t number);
/* Those that were entered, one after the other, the first behind NULL, then NULL. */
struct region *region_next(const struct fs *fs, const struct region *region);
/* By name: another one than the mount's own, that the cloud has told of; or NULL. */
struct region *region_named(const struct fs *fs, const char *id);
/* From now on it has a store. Asks nothing. 0 or -ENOMEM. */
int region_enter(struct region *region);
/* Takes in what the cloud has told of regions. 0 or -ENOMEM: then some are missing. */
int regions_learn(struct fs *fs);
/* The question which there are has ended so: true if asking again will not help.  Then what
 * regions/ shows is the reason. */
bool regions_note_refusal(struct fs *fs, int status);
bool regions_are_refused(const struct fs *fs);
/* What is known of another region, of which the name has this length, is not what is there. */
void regions_outdate(const struct fs *fs, const char *id, size_t length);
/* The stats of those that were entered, each line with the region's path in front. */
int regions_put_stats(const struct fs *fs, struct buffer *out);
/* 0 or -ENOMEM. */
int regions_begin(struct fs *fs, struct store *home);
void regions_end(struct fs *fs);

/* --- nodes: an inode number is what it names (nodes.c) ------------------------------- */

enum node_kind {
    NODE_STATIC,   /* the same in every mount: file says which */
    NODE_DISK,     /* key: the disk */
    NODE_SNAPSHOT, /* key: the snapshot */
    NODE_LINK,     /* key: the snapshot that a symlink in /snapshots leads to */
    NODE_GROUP,    /* key: the group of snapshots */
    NODE_MEMBER    /* key: a link of a group to one of its snapshots */
};

/* Files of a NODE_STATIC. */
enum {
    STATIC_ROOT = FUSE_ROOT_ID,
    STATIC_DISKS,
    STATIC_SNAPSHOTS,
    STATIC_CONTROL,
    STATIC_GROUPS,
    STATIC_REGIONS,
    STATIC_REGION,  /* one in it */
    STATIC_HOME,    /* not listed in it: a symlink to the root, by the name of the mount's region */
    STATIC_REFUSED, /* what it has instead of regions that the account may not ask for */
    STATIC_FILES    /* README and the files of .cbsfs: STATIC_FILES + position in the table */
};
/* Files of a NODE_DISK; the table follows. */
enum { DISK_SELF, DISK_SNAPSHOTS, DISK_FILES };
/* Files of a NODE_SNAPSHOT. */
enum { SNAPSHOT_SELF, SNAPSHOT_FILES };
/* Files of a NODE_GROUP; the table follows. */
enum { GROUP_SELF, GROUP_SNAPSHOTS, GROUP_FILES };

/* An inode number has room for so many files of one thing. */
#define NODE_FILES_MOST 64

struct node {
    enum node_kind kind;
    unsigned file;
    struct region *region;     /* never NULL */
    struct disk *disk;         /* NODE_DISK, NODE_SNAPSHOT, NODE_LINK */
    struct snapshot *snapshot; /* NODE_SNAPSHOT, NODE_LINK */
    const json_t *group;       /* NODE_GROUP, NODE_MEMBER; as store_list() lends it */
    const char *member;        /* NODE_MEMBER: the snapshot's id */
    uint64_t key;              /* NODE_GROUP, NODE_MEMBER */
    const struct file *type;   /* what is not a directory; NULL for directories */
    bool size_only; /* when it is rendered only the length counts: blanks may stand for a record */
};

/* 0, or -ENOENT when what the number names is not there any more. */
int node_find(const struct fs *fs, fuse_ino_t number, struct node *node);
bool node_is_snapshots(const struct node *node); /* a disk's snapshots/ */
void node_of_disk(struct region *region, struct disk *disk, unsigned file, struct node *node);
void node_of_snapshot(struct region *region, struct snapshot *snapshot, unsigned file,
                      struct node *node);
void node_of_link(struct region *region, struct snapshot *snapshot, struct node *node);
void node_of_static(struct region *region, unsigned file, struct node *node);
fuse_ino_t node_own_number(const struct node *node);

/* What stat(2) shows, for the kernel; *life: for how long (seconds) it may keep it. 0, or -ENOMEM:
 * then the size of a file is not known, and nothing may be kept. */
int node_tell(struct fs *fs, const struct node *node, struct stat *attributes, double *life);
/* Of a file's modification, when this is its content. */
struct timespec node_time(const struct fs *fs, const struct node *node,
                          const struct buffer *content);
/* The kernel asks for the attributes before it uses them again.  This takes no lock that a request
 * of ours could hold: only attributes are meant, no pages.  The file must be open, or a directory:
 * one that is just being forgotten might wait for a page that we are to fill. */
void node_untell(struct fs *fs, fuse_ino_t number);
/* True for a file that changes only when something is learnt that was not expected. */
bool node_is_settled(const struct node *node);
/* For how long (seconds) it may keep the name. */
double node_entry_life(const struct node *node);
/* The path below the mount point, for records. */
void node_path(const struct node *node, char *path, size_t size);

/* --- files: what reading shows (files.c, rollback_text.c) ---------------------------- */

/* The kernel keeps the content of a settled file that has no more bytes than this, a page. */
#define FILE_KEPT_MOST 4096

enum {
    FILE_VOLATILE = 1, /* may change at any time: the kernel keeps no attributes */
    FILE_PROGRESS = 2, /* shows progress: volatile while something is in progress */
    FILE_WRITABLE = 4,
    FILE_UNLISTED = 8,
    FILE_LINK = 16,
    FILE_DISK_ONLY = 32, /* only when the disk itself is known */
    FILE_LIST = 64,      /* shows what is asked for on its own, see request_wait_for_list() */
    FILE_LIVE = 128      /* .cbsfs/events: read where it is at the moment, by offset */
};

struct file {
    const char *name;
    unsigned flags;
    int (*render)(struct fs *fs, const struct node *node, struct buffer *out);
    int which; /* for render: which field */
};

extern const struct file disk_files[], snapshot_files[], static_files[], group_files[], link_file,
    member_file, home_file, refused_file;
extern const size_t disk_file_count, snapshot_file_count, static_file_count, group_file_count;
/* static_files[0] is README; the others live in .cbsfs. */

/* The content, into an initialised buffer. 0 or -errno. */
int file_render(struct fs *fs, const struct node *node, struct buffer *out);
bool file_is_shown(const struct file *file, const struct node *directory);
int rollback_render(struct fs *fs, const struct node *node, struct buffer *out);
/* figures.c */
int stats_render(struct fs *fs, const struct node *node, struct buffer *out);
int metrics_render(struct fs *fs, const struct node *node, struct buffer *out);
int events_before_render(struct fs *fs, const struct node *node, struct buffer *out);
int readme_render(struct fs *fs, const struct node *node, struct buffer *out);
int feature_render(struct fs *fs, const struct node *node, struct buffer *out);
int shares_render(struct fs *fs, const struct node *node, struct buffer *out);
enum { POLICIES_IDS, POLICIES_WHOLE };
int policies_render(struct fs *fs, const struct node *node, struct buffer *out);
int copy_render(struct fs *fs, const struct node *node, struct buffer *out);
int new_disk_render(struct fs *fs, const struct node *node, struct buffer *out);
/* Lines of dry runs: a precondition; what the last command came to. */
/* Why this cloud has no such thing, or NULL. */
const char *feature_foreign(const struct node *node, enum cloud_verb verb);
void text_put_check(struct buffer *out, bool pass, const char *what);
void text_put_last(struct buffer *out, const struct node *node, const char *operation,
                   const char *id);

/* --- requests that may have to wait (parked.c) --------------------------------------- */

struct request {
    struct fs *fs;
    fuse_req_t fuse;
    void (*answer)(
        struct request *request); /* replies, or parks; run again when the data is there */
    fuse_ino_t number, new_parent;
    struct region *region; /* of the number; never NULL */
    char *name, *new_name;
    struct fuse_file_info file;
    size_t size;
    off_t offset;
    bool plus; /* readdirplus */
    struct handle *handle;
    char *text;         /* write: what was written, NUL-terminated */
    unsigned new_flags; /* rename */
    unsigned waited;    /* bits of enum store_want that were waited for */
    int status;         /* why the last wait failed, or 0 */
    int64_t began;      /* clock ms */
    int64_t asked;      /* clock ms: when it first had to wait; 0: not yet */
    bool confirmed;     /* a value that decides was asked for anew */
    struct store_waiter waiter;
    struct loop_timer deadline; /* of the second question and those behind it */
    struct job *job;
    bool parked, interrupted;
    struct request *next, *previous; /* parked ones */
};

struct request *request_new(struct fs *fs, fuse_req_t fuse, void (*answer)(struct request *request),
                            fuse_ino_t number, const char *name);
/* Frees a request that was replied to before it ran. */
void request_discard(struct request *request);
/* Runs `answer`, and frees the request unless it is parked. NULL: memory was out, already replied.
 */
void request_run(struct request *request);
/* True: parked until the store knows; `answer` is run again then. Each want is waited for once. */
bool request_wait(struct request *request, enum store_want want, const char *id);
/* The same for the list that this file of a disk or snapshot shows, if it shows one. Nobody is
 * asked about what is not shared. */
bool request_wait_for_list(struct request *request, const struct node *node);
/* False: the cloud was asked for it, and has never told. */
bool request_knows_list(const struct request *request, const struct node *node);
/* Parks behind a job that was just started; `done` of the job must call request_wake(). */
void request_park(struct request *request);
void request_wake(struct request *request);
void requests_begin(struct fs *fs);
void requests_drop(struct fs *fs);
unsigned requests_parked(const struct fs *fs);

void reply_error(struct request *request, int status);
void reply_entry(struct request *request, const struct node *node);

/* --- who asks (caller.c) ------------------------------------------------------------- */

/* `thread` is the caller as FUSE gives it, here and below: a thread, as seen from our PID
 * namespace; 0 or a stranger's if it cannot be seen from there. */

/* The process of a thread; the thread itself when it cannot be looked up. */
pid_t caller_process(pid_t thread);
/* True when a signal that it has not met yet will end the process as soon as it leaves its system
 * call.  False when that is not known. */
bool caller_is_dying(pid_t thread);

/* --- what must not be deleted (ops_change.c) --------------------------------------------- */

/* The path of an entry that is, or is to be, in a directory. */
void entry_path(const struct node *parent, const char *name, char *path, size_t size);
/* 0; or -EPERM, recorded, for a process that was just refused a move. */
int guard_refuses_copy(struct request *request, const struct node *parent);
/* protect= matches its entry or its name. */
bool snapshot_is_protected(const struct fs *fs, const struct snapshot *snapshot);

/* --- directories while they are read (ops_directory.c) -------------------------------- */

/* One entry of a directory: its name, and its node. */
struct entry {
    const char *name;
    struct node node;
};

/* A reply while it is put together. */
struct reply {
    struct request *request;
    char *space;
    size_t used;
    size_t boundary; /* where the entries with the last place begin */
    uint64_t place;  /* the last one */
};

/* False: the reply is full.  It never ends between two entries of one place, as the second would be
 * skipped. */
bool reply_put(struct reply *reply, const struct entry *entry, uint64_t place);

/* --- groups of snapshots (groups.c) ------------------------------------------------------ */

/* Whether the cloud has any such thing. */
bool groups_exist(const struct region *region);
/* As node_find(). */
int groups_find(struct region *region, enum node_kind kind, uint64_t key, unsigned file,
                struct node *node);
void groups_path(const struct node *node, char *path, size_t size);
/* When it was made: seconds, or TIMESTAMP_NONE. */
int64_t groups_time(const struct node *node);
const char *groups_id(const struct node *node);
/* The operations, of groups/ and of what is in it. */
void groups_lookup(struct request *request);
void groups_lookup_in(struct request *request, const struct node *parent);
/* What groups/, or the snapshots/ of a group, has behind this place. 0 or -ENOMEM. */
int groups_put(struct reply *reply, const struct node *directory, uint64_t after);
/* The entries of a group; false behind the last. */
bool groups_get_fixed(const struct node *directory, size_t at, struct entry *entry);
/* The groups of this region as store_list() has them. */
const json_t *groups_all(const struct region *region);
void node_of_group(struct region *region, const json_t *group, unsigned file, struct node *node);
/* True for a name that could be taken for the id of a group, or for the entry of a twin. */
bool groups_name_misleads(const struct region *region, const char *name);
void groups_entry(const struct region *region, const json_t *group, char entry[NAME_ENTRY_SIZE]);
/* How long a name is without the disks behind it. */
size_t groups_name_length(const struct region *region, const char *name);
/* The group with this id, or with the first `length` bytes as its entry; NULL: none. */
const json_t *groups_find_part(const struct region *region, const char *name, size_t length);
/* The group that a name leads to, with or without its disks behind it. */
const json_t *groups_find_entry(const struct region *region, const char *name);
/* True: parked until groups, disks and what they have are known. */
bool groups_wait_for_all(struct request *request);
/* The same until what is in progress with its snapshots is known freshly enough. */
bool groups_wait_for_members(struct request *request, const json_t *group);
void groups_mkdir(struct request *request, const struct node *parent);
/* The group that the request names; NULL: parked until it is known, or replied that there is none.
 */
const json_t *groups_wait_for_entry(struct request *request);
void groups_rmdir(struct request *request, const struct node *parent, const json_t *group);
void groups_command_rollback(struct request *request);

/* --- open files (handles.c) ---------------------------------------------------------- */

struct handle {
    struct fs *fs;
    fuse_ino_t number;
    struct buffer content;
    struct timespec time; /* of the file when it was last rendered */
    int64_t rendered_at;  /* clock ms */
    pid_t opener;         /* the thread that has opened it */
    bool rendered;
    bool is_kept;                /* the kernel keeps its content, for all who have it open */
    bool is_steady;              /* whoever has opened it is told the attributes of what he reads */
    bool polled;                 /* somebody has used poll(2) on it */
    bool was_read;               /* status: a read from the start shows it anew */
    bool commanded, executing;   /* a control file: its one command */
    int result;                  /* of the command */
    uint32_t version;            /* of the status when it was last rendered */
    struct events_reader reader; /* FILE_LIVE */
    int64_t opened;              /* clock ms */
    struct fuse_pollhandle *poll;
    struct handle *next, *previous;
};

struct handle *handle_new(struct fs *fs, fuse_ino_t number);
void handle_free(struct handle *handle);
void handles_changed(struct fs *fs);
/* True if somebody polls this file, of which the kernel keeps the content. */
bool handles_poll(const struct fs *fs, fuse_ino_t number);
/* True if somebody is told attributes of this file that are not everybody's. */
bool handles_show(const struct fs *fs, fuse_ino_t number);
/* What the process of this thread has open and was rendered for it a moment ago; NULL if nothing,
 * or if somebody else reads the file from the kernel's copy, which takes its size from what anybody
 * was told. */
const struct handle *handles_find(const struct fs *fs, fuse_ino_t number, pid_t thread);

/* After the events were looked at: true if somebody has had them open for a while, who then follows
 * them. */
bool handles_follow(const struct fs *fs);

/* --- what the kernel keeps of directories (copies.c) --------------------------------- */

/* The life of attributes, `life` seconds by themselves, that are told of a directory, and the
 * nanoseconds that go with them: those of a set of entries that has changed, or that is older than
 * it may be, were never told before. */
double copy_tell(struct fs *fs, const struct node *directory, double life, long *nanoseconds);
/* A reading of the directory from its start has been answered. */
void copy_was_read(struct fs *fs, const struct node *directory);
/* After changes in a region: ends the copies that show something else. */
void copies_changed(struct region *region);
/* Ends them all. */
void copies_drop(struct fs *fs);

/* --- noticing that the machine has slept (wake.c) ------------------------------------ */

/* From now on the kernel forgets after a sleep what it was told before. */
void wake_begin(struct fs *fs);
/* Harmless when it did not begin. */
void wake_end(struct fs *fs);

/* --- recursive deleters (guard.c) ---------------------------------------------------- */

enum guard_kind { GUARD_REMOVAL, GUARD_MOVE };

struct guard_mark {
    pid_t process;
    enum guard_kind kind;
    int64_t until; /* clock ms */
};
#define GUARD_MARKS 64
#define GUARD_TIME  10000

struct guard {
    struct guard_mark marks[GUARD_MARKS];
};

void guard_mark(struct guard *guard, pid_t thread, enum guard_kind kind);
bool guard_is_marked(const struct guard *guard, pid_t thread, enum guard_kind kind);

/* --- the whole ----------------------------------------------------------------------- */

struct fs {
    struct loop *loop;
    struct region *regions[REGION_COUNT]; /* NULL: no such; owned */
    bool shows_regions;
    int64_t regions_asked;    /* clock ms of what is known of them; 0: nothing */
    int regions_refused;      /* why the last question was, or 0 */
    uint64_t regions_version; /* counts changes of the set of those that are listed */
    struct directory_told told_regions;
    struct fs_settings settings;
    struct fuse_session *session;
    struct fuse_buf input;
    struct loop_watch watch;
    struct loop_watch wake;
    struct loop_timer interrupts;
    struct request *parked;
    struct handle *handles;
    unsigned polled; /* of them */
    struct guard guard;
    uint64_t requests; /* of the kernel that wanted an answer */
    int64_t mounted;   /* seconds: the time of what has no other */
    bool is_mounted;
    bool keeps_directories; /* the kernel does, and opens none: see copies.c */
    uint32_t stamps;        /* the last one given, see copies.c */
};

/* Lets the kernel look every name up again. */
void fs_forget_names(struct fs *fs);
/* The catalogue of a region has changed. */
void fs_region_changed(void *region);

/* Answers the first request, which is in fs->input (greeting.c). 0; or -errno, and then the kernel
 * will refuse whatever is asked of this mount. */
int fs_greet(struct fs *fs);

extern const struct fuse_lowlevel_ops fs_operations;

/* The operations, by file. */
void op_lookup(fuse_req_t fuse, fuse_ino_t parent, const char *name);
void op_getattr(fuse_req_t fuse, fuse_ino_t number, struct fuse_file_info *file);
void op_setattr(fuse_req_t fuse, fuse_ino_t number, struct stat *wanted, int which,
                struct fuse_file_info *file);
/* What op_getattr answers, at once. `file` NULL: for who has not opened it. */
void reply_attributes(fuse_req_t fuse, fuse_ino_t number, const struct fuse_file_info *file);
/* The same for whoever has the file open and is about to read it. */
void file_getattr(fuse_req_t fuse, fuse_ino_t number, struct fuse_file_info *file);
void op_readlink(fuse_req_t fuse, fuse_ino_t number);
void op_statfs(fuse_req_t fuse, fuse_ino_t number);
void op_open(fuse_req_t fuse, fuse_ino_t number, struct fuse_file_info *file);
void op_read(fuse_req_t fuse, fuse_ino_t number, size_t size, off_t offset,
             struct fuse_file_info *file);
void op_write(fuse_req_t fuse, fuse_ino_t number, const char *bytes, size_t size, off_t offset,
              struct fuse_file_info *file);
void op_release(fuse_req_t fuse, fuse_ino_t number, struct fuse_file_info *file);
void op_poll(fuse_req_t fuse, fuse_ino_t number, struct fuse_file_info *file,
             struct fuse_pollhandle *poll);
void op_opendir(fuse_req_t fuse, fuse_ino_t number, struct fuse_file_info *file);
void op_readdir(fuse_req_t fuse, fuse_ino_t number, size_t size, off_t offset,
                struct fuse_file_info *file);
void op_readdirplus(fuse_req_t fuse, fuse_ino_t number, size_t size, off_t offset,
                    struct fuse_file_info *file);
void op_releasedir(fuse_req_t fuse, fuse_ino_t number, struct fuse_file_info *file);
void op_mkdir(fuse_req_t fuse, fuse_ino_t parent, const char *name, mode_t mode);
void op_rmdir(fuse_req_t fuse, fuse_ino_t parent, const char *name);
void op_unlink(fuse_req_t fuse, fuse_ino_t parent, const char *name);
void op_rename(fuse_req_t fuse, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
               const char *new_name, unsigned flags);
void op_mknod(fuse_req_t fuse, fuse_ino_t parent, const char *name, mode_t mode, dev_t device);
void op_create(fuse_req_t fuse, fuse_ino_t parent, const char *name, mode_t mode,
               struct fuse_file_info *file);
void op_symlink(fuse_req_t fuse, const char *target, fuse_ino_t parent, const char *name);
void op_link(fuse_req_t fuse, fuse_ino_t number, fuse_ino_t new_parent, const char *new_name);

/* What a line in a `rollback` asks for; NULL, or why it is none. `id` is what it may name. */
struct rollback_command {
    bool stop, start;
};
const char *command_read_rollback(const struct fs *fs, const char *id, const char *text,
                                  struct rollback_command *command);
/* A command in a control file, once the whole request is there (control.c). */
void command_rollback(struct request *request);
/* The same for the files of the features, which command_is_feature() knows (commands.c). */
void command_feature(struct request *request);
bool command_is_feature(const struct node *node);
/* The one line of a command, without what is blank at its end; NULL, or why it is none. */
const char *command_line(const char *text, char *line, size_t size);
/* Of a job that a command has started: `data` is the request. */
void command_done(void *data, const struct job_result *result);
/* Remembers the result with the handle, and replies. */
void command_finish(struct request *request, int status);
int command_refresh(struct fs *fs);
int command_log_level(const char *text);

/* Records a refusal of ours and returns its status. */
int fs_refuse(struct fs *fs, const struct node *node, const char *name, const char *operation,
              int status, const char *reason);

#endif
