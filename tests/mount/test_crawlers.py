# SPDX-License-Identifier: Apache-2.0
"""Whatever walks a whole mount ends with 0, changes nothing, and costs what is promised (design 3, 6, tenet 2)."""
import math
import os
import re
import subprocess
import time

import pytest

from commands import assert_done, finish, run, shell, start, wait_until
from providers import can

OPTIONS = ("ttl=600",)
SIMULATOR = ("--rate", "0", "--create-time", "6", "--rollback-time", "6")

PYTHON_WALK = """
import os, sys
for directory, _, files in os.walk(sys.argv[1]):
    for file in files:
        with open(os.path.join(directory, file), "rb") as opened:
            opened.read()
"""
PYTHON_GLOB = """
import pathlib, sys
for path in pathlib.Path(sys.argv[1]).rglob("*"):
    path.stat()
    if path.is_file():
        path.read_bytes()
"""
PYTHON_ZIP = "import shutil, sys; shutil.make_archive(sys.argv[2] + '/x', 'zip', sys.argv[1])"
PYTHON_COPY = "import shutil, sys; shutil.copytree(sys.argv[1], sys.argv[2] + '/copy', symlinks=True)"
NODE_WALK = """
const fs = require('fs'), path = require('path');
for (const entry of fs.readdirSync(process.argv[1], {recursive: true, withFileTypes: true}))
    if (entry.isFile()) fs.readFileSync(path.join(entry.path, entry.name));
"""
PERL_WALK = "find(sub { if (-f) { open(F, '<', $_) or die $!; my @lines = <F>; close(F) } }, $ARGV[0])"
GIT_ADD = 'cp -r "$1/disks" "$2/copy" && cd "$2/copy" && git init -q && git add -A 2>/dev/null && git status --short'
TWO_CRAWLS = 'cp -r "$1/disks" "$2/first" && cp -r "$1/disks" "$2/second" && diff -r "$2/first" "$2/second"'

# $1 the mount, $2 a directory elsewhere.
CRAWLERS = {
    "find -ls": 'find "$1" -ls',
    "find -L": 'find -L "$1" -maxdepth 5',
    "find cat": 'find "$1" -type f -exec cat {} +',
    "find -size": 'find "$1" -type f -size +0 -newermt 2001-01-01 -printf "%p %s %t\\n"',
    "ls -lR": 'ls -lR "$1"',
    "ls -laRL": 'ls -laRL "$1/disks"',
    "tree": 'tree -aps "$1"',
    "stat": 'find "$1" -print0 | xargs -0 stat',
    "file": 'find "$1" -type f -print0 | xargs -0 file',
    "du": 'du -a "$1"',
    "du --apparent-size": 'du -ab "$1"',
    "ncdu": 'ncdu -0xo "$2/export" "$1"',
    "grep -r": 'grep -r NORMAL "$1"',
    "grep -R": 'grep -Rc NORMAL "$1/disks"',
    "rg": 'rg -uuu NORMAL "$1"',
    "git grep": 'cd "$1/disks" && git grep --no-index -q NORMAL',
    "git status": 'cd "$1/disks" && test -z "$(git status 2>/dev/null)"',
    "git add of a copy": GIT_ADD,
    "updatedb": 'updatedb --require-visibility no --prunepaths "" --prunefs "" -U "$1" -o "$2/database" && '
                'plocate -d "$2/database" rollback',
    "md5sum": 'find "$1" -type f -exec md5sum {} +',
    "wc": 'find "$1" -type f -print0 | xargs -0 wc -c',
    "head": 'find "$1" -type f -exec head -c 5 {} +',
    "jq": 'jq -e . "$1"/disks/*/disk.json "$1"/disks/*/snapshots.json',
    "tar": 'tar cf "$2/x.tar" -C "$1" .',
    # It warns that there are none.
    "tar --xattrs": 'tar --xattrs --acls -cf "$2/x.tar" -C "$1" . 2>/dev/null',
    "tar -h": 'tar chf "$2/x.tar" -C "$1" disks',
    "cp -r": 'cp -r "$1" "$2/copy"',
    "cp -a": 'cp -a "$1" "$2/copy"',
    "cp -rL": 'cp -rL "$1/disks" "$2/copy"',
    "cp --preserve=all": 'cp -r --preserve=all "$1" "$2/copy"',
    "rsync -a": 'rsync -a "$1/" "$2/copy/"',
    "rsync -ac": 'rsync -ac "$1/" "$2/copy/"',
    "rsync twice": 'rsync -a "$1/" "$2/copy/" && rsync -ai "$1/" "$2/copy/"',
    "zip -r": 'zip -qr "$2/x.zip" "$1/disks"',
    "zip -ry": 'zip -qry "$2/x.zip" "$1"',
    "two crawls": TWO_CRAWLS,
    "diff -r": 'diff -r "$1/disks" "$1/disks"',
    "busybox find": 'busybox find "$1" -type f -exec busybox cat {} +',
    "busybox tar": 'busybox tar cf "$2/x.tar" -C "$1" .',
    "busybox cp -r": 'busybox cp -r "$1" "$2/copy"',
    "busybox du": 'busybox du -a "$1"',
    "busybox grep -r": 'busybox grep -r NORMAL "$1"',
    "busybox ls -lR": 'busybox ls -lR "$1"',
    "python os.walk": f'/usr/bin/python3 -c "{PYTHON_WALK}" "$1"'.replace('"rb"', "'rb'"),
    "python rglob": f"/usr/bin/python3 -c '{PYTHON_GLOB}' \"$1\"",
    "python copytree": f'/usr/bin/python3 -c "{PYTHON_COPY}" "$1" "$2"',
    "python zip": f'/usr/bin/python3 -c "{PYTHON_ZIP}" "$1" "$2"',
    "node": f'node -e "{NODE_WALK}" "$1"',
    "perl": f"perl -MFile::Find -e '{PERL_WALK}' \"$1\"".replace("'<'", '"<"'),
    "gio tree": 'gio tree -h "$1"',
    "gio list": 'gio list -l -a "*" "$1" "$1"/disks/* "$1"/disks/*/snapshots/*',
}
# What answers in its own way to what moves or fails meanwhile is left out of the harder rounds.
HARDER = ["find cat", "ls -lR", "grep -r", "tar", "cp -r", "rsync -a", "zip -ry", "du", "stat", "md5sum", "busybox tar",
          "busybox cp -r", "python os.walk", "node"]
CORE = {"find cat", "tar", "cp -r", "rsync -a", "grep -r", "du", "updatedb", "busybox tar", "node"}


# What there is beside disks and snapshots has a page of its own each: groups, and the list of regions.
BESIDE = 2


def bound(sim):
    """Calls that a crawl of everything may cost in each ttl, by however many processes."""
    stats = sim.stats()
    return math.ceil(stats["disks"] / 100) + math.ceil(stats["snapshots"] / 100) + BESIDE + 2


@pytest.fixture(scope="module")
def sim(stage):
    """The account made by hand, which has one of each, with odd names and something in progress that stays so."""
    sim = stage.simulator(*SIMULATOR)
    disk = sim.add_disk(DiskName="tools", Attached=True, DiskState="ATTACHED", InstanceId="ins-aaaa1111")
    for name in ("plain", "a/b", "two words", "twin", "twin", "", "-n", "*", "new\nline"):
        sim.add_snapshot(disk, name)
    if can("orphans"):
        sim.add_snapshot(sim.identifier("disk"), "orphan")
        sim.add_snapshot("", "copy")
    return sim


def side_by_side(names, mount, directory, timeout=60):
    """Runs crawlers at the same time; their results in that order."""
    processes = []
    for number, name in enumerate(names):
        place = directory / str(number)
        place.mkdir()
        processes.append(start("bash", "-c", CRAWLERS[name], "bash", mount.point, place,
                               env={"GIT_CONFIG_GLOBAL": "/dev/null", "HOME": str(directory)}))
    return [finish(process, timeout) for process in processes]


def marked(names):
    return [pytest.param(name, marks=pytest.mark.core if name in CORE else ()) for name in names]


@pytest.mark.parametrize("name", marked(CRAWLERS))
def test_four_at_once_on_a_cold_mount(own, sim, name, tmp_path):
    mount = own.mount(sim, *OPTIONS)
    with sim.counting() as count:
        results = side_by_side([name] * 4, mount, tmp_path)
    for result in results:
        assert (result.status, result.err) == (0, ""), result
    assert count.change_requests == 0
    assert count.total <= bound(sim), count.requests


@pytest.mark.parametrize("name", ["find -ls", "updatedb", "grep -r"])
def test_a_cold_account_of_several_pages(own, name, tmp_path):
    sim = own.simulator("--disks", "110", "--snapshots", "2", "--latency", "30")
    mount = own.mount(sim, *OPTIONS)
    with sim.counting() as count:
        results = side_by_side([name] * 4, mount, tmp_path)
    for result in results:
        assert (result.status, result.err) == (0, ""), result
    assert count.total <= bound(sim) == 9, count.requests
    assert count.change_requests == 0


def test_while_things_move(own, tmp_path):
    """Snapshots are made, a disk is rolled back, and everybody crawls: two calls every 2 s, not one a file.

    Nothing ends meanwhile: a status gets shorter then, and busybox tar believes what it was told before it opened the file.
    """
    sim = own.simulator("--rate", "0", "--create-time", "30", "--rollback-time", "30")
    disks = [sim.add_disk() for _ in range(3)]
    for disk in disks:
        sim.add_snapshot(disk, "old")
    mount = own.mount(sim, *OPTIONS)
    mount.snapshots(disks[0])
    for disk in disks[:2]:
        assert_done(run("mkdir", mount.snapshot(disk, "new")))
    assert_done(shell('echo 1 > "$1"', mount.snapshot(disks[2], "old", "rollback")))
    began = time.monotonic()
    with sim.counting() as count:
        crawls = 0
        while time.monotonic() < began + 4.5 or crawls < len(HARDER):  # two polls, and all of them
            place = tmp_path / str(crawls)
            place.mkdir()
            names = [HARDER[(crawls + side) % len(HARDER)] for side in range(4)]
            crawls += 4
            for name, result in zip(names, side_by_side(names, mount, place)):
                assert (result.status, result.err) == (0, ""), (name, result)
    polls = (time.monotonic() - began) / 2 + 1
    assert count.change_requests == 0
    assert count.total <= bound(sim) + 2 * polls, count.requests
    new = mount.snapshot(disks[0], "new")
    percent = int(mount.value(os.path.join(new, "percent")))
    sim.patch(snapshots={mount.value(os.path.join(new, "id")): {"SnapshotState": "NORMAL", "Percent": 100}})
    assert 0 < percent < 100 and mount.read(os.path.join(new, "wait")) == "NORMAL 100\n"


# What tar compares, of each file, before and after whatever happens while it waits for a line; in another thread, as
# node's readFile asks.
HOLDER = """
import os, sys, threading
def say():
    print(*[f"{s.st_size} {s.st_blocks} {s.st_mtime_ns} {s.st_ctime_ns}" for s in map(os.fstat, files)], sep=";", flush=True)
files = [os.open(path, os.O_RDONLY) for path in sys.argv[1:]]
say()
for _ in sys.stdin:
    thread = threading.Thread(target=say)
    thread.start()
    thread.join()
print(*[len(os.read(file, 1 << 20)) for file in files], sep=";")
"""


class Holder:
    """A process that has files open, and what it is told of them."""

    def __init__(self, *paths):
        self.process = start("/usr/bin/python3", "-c", HOLDER, *paths, stdin=subprocess.PIPE)
        self.first = self.hear()

    def hear(self):
        return self.process.stdout.readline().strip().split(";")

    def ask(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.hear()

    def end(self):
        """How much it read of each."""
        return [int(length) for length in assert_done(finish(self.process)).out.split(";")]


def size(path):
    return int(assert_done(run("stat", "-c", "%s", path)).out)


def test_what_is_open_stays_as_it_was_opened(own):
    """Attributes as well as content: tar takes a file that has others after reading it for one that has changed."""
    sim = own.simulator(*SIMULATOR)
    disk = sim.add_disk()
    moving = sim.add_snapshot(disk, "moving", SnapshotState="CREATING", Percent=9)
    mount = own.mount(sim, *OPTIONS)
    paths = [mount.snapshot(disk, "moving", name) for name in ("percent", "status", "created", "snapshot.json")]
    paths.append(mount.disk(disk, "snapshots.json"))
    holder = Holder(*paths)
    sizes = [int(told.split()[0]) for told in holder.first]
    assert sizes == [size(path) for path in paths]
    for state, percent in (("CREATING", 10), ("NORMAL", 100)):
        sim.patch(snapshots={moving: {"SnapshotState": state, "Percent": percent}})
        wait_until(lambda: mount.value(paths[1]) == f"{state} {percent}", what="the news")  # pylint: disable=W0640
        # Others are told, and read, what is.
        for path in paths:
            assert size(path) == len(mount.read(path))
        assert size(paths[0]) != sizes[0] and size(paths[4]) != sizes[4]
        assert holder.ask() == holder.first
        assert [len(mount.read(path)) for path in paths] == [size(path) for path in paths]
    assert holder.end() == sizes
    assert_done(run("cat", *paths))


def test_attributes_from_before_a_rollback(own, tmp_path):
    """The kernel has kept them; who opens the file now is told others, or tar cuts it or fills it up."""
    sim = own.simulator(*SIMULATOR)
    disk = sim.add_disk()
    sim.add_snapshot(disk, "old")
    mount = own.mount(sim, *OPTIONS)
    directory = mount.snapshot(disk, "old")
    for _ in range(2):
        assert_done(run("find", directory, "-type", "f", "-size", "+0", "-exec", "cat", "{}", "+"))
    assert_done(shell('echo 1 > "$1"', mount.snapshot(disk, "old", "rollback")))
    assert_done(shell('tar cf "$2/x.tar" -C "$1" . && tar xf "$2/x.tar" -C "$2"', directory, tmp_path))
    assert (tmp_path / "status").read_text().split()[0] == "ROLLBACKING"
    assert (tmp_path / "percent").read_text().strip().isdigit()


@pytest.mark.skipif(tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) < (6, 16), reason="this kernel keeps names")
def test_attributes_after_a_rollback(own):
    """Also of who opens nothing, as rsync does for what looks as it did."""
    sim = own.simulator(*SIMULATOR)
    disk = sim.add_disk()
    sim.add_snapshot(disk, "old")
    mount = own.mount(sim, *OPTIONS)
    moving = [mount.snapshot(disk, "old", name) for name in ("status", "percent")] + [mount.disk(disk, "rollback_percent")]

    def told():
        return [line.split(" ", 1) for line in assert_done(run("stat", "-c", "%s %y", *moving)).out.splitlines()]

    before = told()
    assert told() == before
    assert_done(shell('echo 1 > "$1"', mount.snapshot(disk, "old", "rollback")))
    after = told()
    assert [int(size) for size, _ in after] == [len(mount.read(path)) for path in moving]
    assert all(early != late for (_, early), (_, late) in zip(before[:2], after))


FAILURES = {
    "away": {"kind": "drop-before"}, "broken": {"kind": "error", "code": "InternalError"},
    "throttled": {"kind": "throttle"}, "not allowed": {"kind": "error", "code": "UnauthorizedOperation"},
}


@pytest.mark.parametrize("failure", FAILURES)
def test_what_is_known_is_crawled_while_the_cloud_fails(own, failure, tmp_path):
    """No file waits for a cloud that did not answer a moment ago; and it is asked again, but not for every file."""
    sim = own.simulator(*SIMULATOR)
    mount = own.mount(sim, "ttl=1", "timeout=2")
    disk = mount.list("disks")[0]
    (tmp_path / "before").mkdir()
    assert side_by_side(["find cat"], mount, tmp_path / "before")[0].status == 0
    sim.faults({"action": "*", "times": 0, **FAILURES[failure]})
    old = time.monotonic() + 1.2
    wait_until(lambda: time.monotonic() > old, what="the end of the ttl")
    began = time.monotonic()
    with sim.counting() as count:
        for name, result in zip(HARDER[:7], side_by_side(HARDER[:7], mount, tmp_path)):
            assert (result.status, result.err) == (0, ""), (name, result)
    assert count.change_requests == 0
    assert count.total <= 10 * (time.monotonic() - began + 2), count.requests
    sim.faults()
    sim.add_snapshot(disk, "afterwards")
    wait_until(lambda: "afterwards" in mount.snapshots(disk), 20, "the recovery")


@pytest.mark.parametrize("failure", ["away", "throttled", "not allowed"])
def test_a_cold_mount_while_the_cloud_fails(own, failure, tmp_path):
    """Nothing is known, so crawlers say so; they neither hang nor ask without end."""
    sim = own.simulator(*SIMULATOR)
    sim.faults({"action": "*", "times": 0, **FAILURES[failure]})
    mount = own.mount(sim, "timeout=2", "lazy")
    began = time.monotonic()
    with sim.counting() as count:
        results = side_by_side(["find cat", "tar", "cp -r", "grep -r"], mount, tmp_path)
    assert all(result.status > 0 and result.err != "" for result in results), results
    assert count.change_requests == 0
    assert count.total <= 10 * (time.monotonic() - began + 2), count.requests


def test_snapshots_that_cannot_be_listed(own, tmp_path):
    """Disks are shown, and each disk's snapshots fail at once, not after a deadline for each disk."""
    sim = own.simulator("--disks", "20", "--snapshots", "1")
    sim.fault("DescribeSnapshots", "throttle", times=0)
    mount = own.mount(sim, "timeout=2", "lazy")
    with sim.counting() as count:
        result = side_by_side(["find cat"], mount, tmp_path, timeout=30)[0]
    assert result.status > 0 and count.change_requests == 0
