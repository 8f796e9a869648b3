# SPDX-License-Identifier: Apache-2.0
"""Whatever deletes, moves or unpacks: how many snapshots it deletes and makes, as the server counted.

Each row is one command, typed by somebody who means just that or something else. Every row runs on four mounts: with
allow_delete, with allow_delete by another user than root, without it, and read-only.
"""
import os
import shutil
import tempfile
from collections import namedtuple

import pytest

import commands
from person import Person, open_device, personal_mount, require_root

SIMULATOR = ("--create-time", "0.2", "--rate", "0")
OPTIONS = ()

Row = namedtuple("Row", "script deletes creates renames ends program", defaults=(0, 0, 0, "failed", "bash"))

# $S a disk's snapshots/ with a, b and c; $D the disk; $O the snapshots/ of another disk; $M the mount; $W a directory
# elsewhere, with empty/, dir/sub/file, file and dir.tar. `ends`: well, failed (or said something), or either.

# Somebody asks for just this.
PYTHON_RMTREE = 'python3 -c "import shutil, sys; shutil.rmtree(sys.argv[1])"'
PYTHON_RMTREE_IGNORING = 'python3 -c "import shutil, sys; shutil.rmtree(sys.argv[1], ignore_errors=True)"'
PYTHON_SHUTIL = 'python3 -c "import shutil, sys; getattr(shutil, sys.argv[1])(*sys.argv[2:])"'
REMOVE_TREE = 'perl -MFile::Path=remove_tree -e "remove_tree(\\$ARGV[0])"'
RMSYNC = 'node -e "fs.rmSync(process.argv[1], {recursive: true, force: true})"'
CPSYNC = 'node -e "fs.cpSync(process.argv[1], process.argv[2], {recursive: true})"'
GIT_CLEAN = 'git init -q "$W/repository" && git --git-dir="$W/repository/.git" --work-tree="$S" clean -ffdxq'

ASKED = {
    "rmdir": Row('rmdir "$S/a"', deletes=1, ends="well"),
    "rmdir of two": Row('rmdir "$S/a" "$S/b"', deletes=2, ends="well"),
    "rmdir *": Row('cd "$S" && rmdir -- *', deletes=3, ends="well"),
    "rmdir -p": Row('cd "$D" && rmdir -p snapshots/a', deletes=1),
    "rmdir by id": Row('rmdir "$S/$(cat "$S/a/id")"', deletes=1, ends="well"),
    "busybox rmdir": Row('busybox rmdir "$S/a"', deletes=1, ends="well"),
    "find -exec rmdir": Row('find "$S" -mindepth 1 -maxdepth 1 -name "[ab]" -exec rmdir {} +', deletes=2, ends="well"),
    "find -mindepth 1 -type d -delete": Row('find "$S" -mindepth 1 -type d -delete', deletes=3, ends="well"),
    "python rmdir": Row('python3 -c "import os, sys; os.rmdir(sys.argv[1])" "$S/a"', deletes=1, ends="well"),
    "python pathlib rmdir": Row('python3 -c "import pathlib, sys; pathlib.Path(sys.argv[1]).rmdir()" "$S/a"',
                                deletes=1, ends="well"),
    "python removedirs": Row('python3 -c "import os, sys; os.removedirs(sys.argv[1])" "$S/a"', deletes=1, ends="well"),
    "perl rmdir": Row('perl -e "rmdir(\\$ARGV[0]) or die \\$!" "$S/a"', deletes=1, ends="well"),
    "node rmdirSync": Row('node -e "fs.rmdirSync(process.argv[1])" "$S/a"', deletes=1, ends="well"),
    # These two ask for rmdir first, which is then no other than one asked for by hand.
    "node rmSync of one": Row('node -e "fs.rmSync(process.argv[1], {recursive: true})" "$S/a"', deletes=1, ends="well"),
    "gio remove": Row('gio remove "$S/a"', deletes=1, ends="well"),
    "mkdir": Row('mkdir "$S/new"', creates=1, ends="well"),
    "mkdir -p": Row('mkdir -p "$S/new"', creates=1, ends="well"),
    "mkdir -m": Row('mkdir -m 700 "$S/new"', creates=1, ends="well"),
    "install -d": Row('install -d "$S/new"', creates=1, ends="well"),
    "gio mkdir": Row('gio mkdir "$S/new"', creates=1, ends="well"),
    "mv": Row('mv "$S/a" "$S/new"', renames=1, ends="well"),
    "gio rename": Row('gio rename "$S/a" new', renames=1, ends="well"),
}

REMOVERS = {
    "rm": Row('rm "$S/a"'),
    "rm -f": Row('rm -f "$S/a"'),
    "rm -d": Row('rm -d "$S/a"'),
    "rm -r": Row('rm -r "$S/a" </dev/null'),
    "rm -rf": Row('rm -rf "$S/a"'),
    "rm -rf slash": Row('rm -rf "$S/a/"'),
    "rm -rf *": Row('rm -rf "$S"/*'),
    "rm -rf snapshots": Row('rm -rf "$S"'),
    "rm -rf disk": Row('rm -rf "$D"'),
    "rm -rf latest/": Row('rm -rf "$D/latest/"'),
    "rm -rf mount/*": Row('rm -rf "$M"/*'),
    "rm -rf of links": Row('rm -rf "$M"/snapshots/*'),
    "rm -rf by id": Row('rm -rf "$S/$(cat "$S/a/id")"'),
    "yes | rm -ri": Row('yes | rm -ri "$S"'),
    "rm -rf .": Row('cd "$S/a" && rm -rf ./* .[!.]*'),
    "busybox rm -r": Row('yes | busybox rm -r "$S/a"'),
    "busybox rm -rf": Row('busybox rm -rf "$S/a" "$S/b"'),
    "busybox rm -rf disk": Row('busybox rm -rf "$D"'),
    "zsh rm -rf *": Row('setopt rmstarsilent; cd "$S" && rm -rf *', program="zsh"),
    "zsh rm -rf * that waits": Row('setopt rmstarwait; cd "$S" && yes | rm -rf *', program="zsh"),
    "fish rm -rf": Row('rm -rf $S/*', program="fish"),
    "dash rm -rf": Row('cd "$S" && rm -rf *', program="dash"),
    "mksh rm -rf": Row('cd "$S" && rm -rf *', program="mksh"),
    "find one -delete": Row('find "$S/a" -delete'),
    "find snapshots -delete": Row('find "$S" -delete'),
    "find disk -delete": Row('find "$D" -delete'),
    "find mount -delete": Row('find "$M" -mindepth 1 -delete'),
    "find -L -delete": Row('find -L "$D" -delete'),
    "find . -delete": Row('cd "$S" && find . -delete'),
    "find -exec rm -rf": Row('find "$S" -depth -exec rm -rf {} +'),
    "find -empty -delete": Row('find "$D" -empty -delete', ends="either"),
    "find -type d -empty -delete": Row('find "$D" -type d -empty -delete', ends="well"),
    "find -type f -delete": Row('find "$D" -type f -delete'),
    # Debian's busybox has no -delete; one that has must be as harmless.
    "busybox find -delete": Row('busybox find "$S/a" -delete'),
    "busybox find -exec rm": Row('busybox find "$D" -depth -exec busybox rm -rf {} +'),
    "rmtree of one": Row(f'{PYTHON_RMTREE} "$S/a"'),
    "rmtree of one, ignoring": Row(f'{PYTHON_RMTREE_IGNORING} "$S/a"', ends="well"),
    "rmtree of a disk": Row(f'{PYTHON_RMTREE} "$D"'),
    "rmtree of a disk, ignoring": Row(f'{PYTHON_RMTREE_IGNORING} "$D"', ends="well"),
    "rmtree of the mount, ignoring": Row(f'{PYTHON_RMTREE_IGNORING} "$M"', ends="well"),
    "pathlib": Row("""python3 -c '
import pathlib, sys
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*"), reverse=True):
    try:
        path.rmdir() if path.is_dir() else path.unlink()
    except OSError:
        pass' "$S/a" """, ends="well"),
    "perl remove_tree of one": Row(f'{REMOVE_TREE} "$S/a"', ends="well"),
    "perl remove_tree of a disk": Row(f'{REMOVE_TREE} "$D"', ends="well"),
    "perl rmtree": Row('perl -MFile::Path -e "rmtree(\\$ARGV[0], 0, 1)" "$S"', ends="well"),
    "perl unlink": Row('perl -e "unlink(\\$ARGV[0]) or die \\$!" "$S/a"'),
    "node rmSync of snapshots": Row(f'{RMSYNC} "$S"'),
    "node rmSync of a disk": Row(f'{RMSYNC} "$D"'),
    "node rm of a disk": Row('node -e "fs.promises.rm(process.argv[1], {recursive: true})" "$D"'),
    "gio remove of snapshots": Row('gio remove "$S"'),
    "gio remove of a disk": Row('gio remove -f "$D"', ends="either"),
    "gio trash": Row('gio trash "$S/a"'),
    "gio trash of a disk": Row('gio trash "$D"'),
    "trash-put": Row('trash-put "$S/a"'),
    "trash-put of all": Row('trash-put "$S"/*'),
    "rsync --delete": Row('rsync -a --delete "$W/empty/" "$S/"'),
    "rsync --delete of a disk": Row('rsync -a --delete "$W/empty/" "$D/"'),
    "rsync --delete --backup": Row('rsync -a --delete --backup "$W/empty/" "$S/"', ends="either"),
    "rsync --remove-source-files": Row('rsync -a --remove-source-files "$S/a" "$W/out"', ends="either"),
    "tar --remove-files": Row('tar cf "$W/out.tar" -C "$S" --remove-files a'),
    "zip -m": Row('cd "$S" && zip -qmr "$W/out.zip" a', ends="either"),
    "unlink": Row('unlink "$S/a"'),
    "unlink a file": Row('unlink "$S/a/status"'),
    "rmdir of a link": Row('rmdir "$M/snapshots/$(cat "$S/a/id")"'),
    "rmdir of a link/": Row('rmdir "$M/snapshots/$(cat "$S/a/id")/"'),
    "rmdir of other directories": Row('rmdir "$S" "$D" "$M/disks" "$M/snapshots" "$M/.cbsfs"'),
    "git clean": Row(GIT_CLEAN, ends="either"),
    # Not with random bytes: those of the length of `name` are now and then a letter and the end of a line, which is a name.
    "shred -u": Row('find "$S/a" -type f -exec shred --random-source=/dev/zero -u {} +'),
    "truncate -s 0": Row('find "$S/a" -type f -exec truncate -s 0 {} +', ends="either"),
    "sed -i": Row('sed -i s/NORMAL/x/ "$S"/a/*'),
}

MOVERS = {
    "mv away": Row('mv "$S/a" "$W/"'),
    "mv all away": Row('mv "$S"/* "$W/"'),
    "mv disk away": Row('mv "$D" "$W/"'),
    "mv to another disk": Row('mv "$S/a" "$O/"'),
    "mv to another disk, new name": Row('mv "$S/a" "$O/new"'),
    "mv -T onto another": Row('mv -T "$S/a" "$S/b"'),
    "mv -fT onto another": Row('mv -fT "$S/a" "$S/b"'),
    "mv into another": Row('mv "$S/a" "$S/b"'),
    "mv -n": Row('mv -nT "$S/a" "$S/b"', ends="either"),
    "mv up": Row('mv "$S/a" "$D/"'),
    "mv of snapshots": Row('mv "$S" "$D/other"'),
    "mv of a disk": Row('mv "$D" "$M/disks/other"'),
    "mv of a directory in": Row('mv "$W/dir" "$S/"', creates=1),
    "busybox mv away": Row('busybox mv "$S/a" "$W/"'),
    "busybox mv to another disk": Row('busybox mv "$S/a" "$O/new"'),
    "python move away": Row(f'{PYTHON_SHUTIL} move "$S/a" "$W/out"'),
    "python move to another disk": Row(f'{PYTHON_SHUTIL} move "$S/a" "$O/new"'),
    "perl move": Row('perl -MFile::Copy=move -e "move(@ARGV) or die \\$!" "$S/a" "$O/new"'),
    "node renameSync": Row('node -e "fs.renameSync(process.argv[1], process.argv[2])" "$S/a" "$O/new"'),
    "gio move away": Row('gio move "$S/a" "$W/"'),
    "gio move to another disk": Row('gio move "$S/a" "$O/new"'),
    "ln -sfn": Row('ln -sfn "$W/dir" "$S/a"'),
    "ln -sfT": Row('ln -sfT "$W/dir" "$S/a"'),
}

# What makes a directory in snapshots/ makes a snapshot; then it fails, as no file can be put into it.
MAKERS = {
    "mkdir of one that is there": Row('mkdir "$S/a"'),
    "mkdir -p of one that is there": Row('mkdir -p "$S/a"', ends="well"),
    "mkdir -p with a child": Row('mkdir -p "$S/new/sub"', creates=1),
    "mkdir in one that is there": Row('mkdir -p "$S/a/sub"'),
    "busybox mkdir -p of one that is there": Row('busybox mkdir -p "$S/a"', ends="well"),
    "install -d of one that is there": Row('install -d "$S/a"', ends="well"),
    "install -D": Row('install -D "$W/file" "$S/new/file"', creates=1),
    "cp -r in": Row('cp -r "$W/dir" "$S/"', creates=1),
    "cp -r of one": Row('cp -r "$S/a" "$S/new"', creates=1),
    "cp -r onto another": Row('cp -r "$S/a" "$S/b"'),
    "cp -rT onto another": Row('cp -rT "$W/dir" "$S/a"'),
    "cp -r out": Row('cp -r "$S/a" "$W/out"', ends="well"),
    "cp -a out": Row('cp -a "$S" "$W/out"', ends="well"),
    "cp of a file": Row('cp "$W/file" "$S/"'),
    "busybox cp -r in": Row('busybox cp -r "$W/dir" "$S/"', creates=1),
    "rsync -a in": Row('rsync -a "$W/dir" "$S/"', creates=1),
    "rsync -a --delete in": Row('rsync -a --delete --exclude="[abc]" "$W/dir" "$S/"', creates=1),
    "tar x": Row('tar xf "$W/dir.tar" -C "$S"', creates=1),
    "tar x into one": Row('tar xf "$W/dir.tar" -C "$S/a"'),
    "busybox tar x": Row('busybox tar xf "$W/dir.tar" -C "$S"', creates=1),
    "python copytree": Row(f'{PYTHON_SHUTIL} copytree "$W/dir" "$S/new"', creates=1),
    "python unpack_archive": Row(f'{PYTHON_SHUTIL} unpack_archive "$W/dir.tar" "$S"', creates=1),
    "node cpSync": Row(f'{CPSYNC} "$W/dir" "$S/new"', creates=1),
    "git clone": Row('git init -q "$W/repository" && git clone -q "$W/repository" "$S/new"', creates=1),
    "touch": Row('touch "$S/new"'),
    "mktemp -d": Row('mktemp -d "$S/new.XXXX"', creates=1, ends="well"),
    "mkdir of a dot-name": Row('mkdir "$S/.Trash-0"'),
}

ROWS = {**ASKED, **REMOVERS, **MOVERS, **MAKERS}
CORE = {"rmdir", "rm -rf disk", "find mount -delete", "rmtree of a disk, ignoring", "perl remove_tree of a disk",
        "node rmSync of a disk", "rsync --delete", "tar --remove-files", "mv away", "mkdir -p with a child"}
NAMES = ["a", "b", "c"]


class Place:
    """A mount, disks to spoil in it, and who does that."""

    def __init__(self, kind, mount, run, disks):
        self.kind, self.mount, self.run, self.disks = kind, mount, run, disks
        self.other = disks.pop()

    def expected(self, row):
        """What the row does here: (deleted, made, renamed)."""
        if self.kind == "ro":
            return 0, 0, 0
        return 0 if self.kind == "no allow_delete" else row.deletes, row.creates, row.renames

    def environment(self, disk, work):
        return {"S": self.mount.disk(disk, "snapshots"), "D": self.mount.disk(disk), "M": self.mount.point,
                "O": self.mount.disk(self.other, "snapshots"), "W": work, "HOME": work}

    def do(self, row, disk, work):
        for name in ("empty", "dir/sub"):
            os.makedirs(os.path.join(work, name))
        for name in ("file", "dir/sub/file"):
            with open(os.path.join(work, name), "w", encoding="ascii") as file:
                file.write("content\n")
        shutil.make_archive(os.path.join(work, "dir"), "tar", work, "dir")
        commands.assert_done(commands.run("chmod", "-R", "a+rwX", work))
        return self.run(row.program, "-c", row.script, env=self.environment(disk, work), timeout=30)


@pytest.fixture(scope="module", params=["allow_delete", "another user", "no allow_delete", "ro"])
def place(request, stage, sim):
    kind = request.param
    spare = 8 if kind == "ro" else 56
    disks = [sim.disk_record()["DiskId"] for _ in range(spare)]
    snapshots = [sim.snapshot_record(disk, name) for disk in disks for name in NAMES]
    sim.patch(disks={disk: sim.disk_record(DiskId=disk) for disk in disks},
              snapshots={record["SnapshotId"]: record for record in snapshots})
    options = ["ttl=600", "disks=" + ":".join(disks), *([] if kind == "no allow_delete" else ["allow_delete"]),
               *(["ro"] if kind == "ro" else [])]
    if kind != "another user":
        mount = stage.mount(sim, *options)
        yield Place(kind, mount, commands.run, disks)
        return
    require_root()
    person = Person()
    with open_device():
        mount = personal_mount(stage, sim, person, *options)
    yield Place(kind, mount, person.run, disks)


@pytest.fixture
def work():
    """A directory elsewhere, where everybody may write."""
    directory = tempfile.mkdtemp(prefix="cbsfs-work-", dir="/tmp")
    os.chmod(directory, 0o777)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.core if name in CORE else ()) for name in ROWS])
def test_what_a_command_does_to_snapshots(place, sim, work, name):
    row = ROWS[name]
    deletes, creates, renames = place.expected(row)
    disk = place.disks.pop()
    with sim.counting() as count:
        result = place.do(row, disk, work)
    did = tuple(count.requests[action] for action in ("DeleteSnapshots", "CreateSnapshot", "ModifySnapshotAttribute"))
    assert did == (deletes, creates, renames), result
    assert result.status not in (126, 127), f"the program is missing: {result.err}"
    assert count.change_requests == count.changes == deletes + creates + renames
    refused = (deletes, creates, renames) != (row.deletes, row.creates, row.renames)
    if row.ends == "failed" or (refused and row.ends == "well"):
        assert result.status != 0 or result.err != "", "it did nothing and did not say so"
    elif row.ends == "well":
        assert result.status == 0, result.err
    if not count.changes:
        assert place.mount.snapshots(disk) == place.mount.snapshots(place.other) == NAMES
        place.disks.append(disk)
