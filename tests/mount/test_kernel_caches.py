# SPDX-License-Identifier: Apache-2.0
"""What the kernel answers by itself: the requests of each command that reach the daemon, as libfuse's -d tells them.

That it never does so too long is the business of test_kernel_freshness.py.
"""
import os
import re
import subprocess
from collections import Counter
from contextlib import contextmanager

import pytest

from commands import assert_done, finish, run, start

pytestmark = pytest.mark.core

OPTIONS = ("ttl=600",)
COUNT = 1000
TELLS_REQUESTS = ("-d",)


def fill(sim, disk, count, name="s{:04d}"):
    """Snapshots of a disk, made in one request."""
    records = [sim.snapshot_record(disk, name.format(number)) for number in range(count)]
    sim.patch(snapshots={record["SnapshotId"]: record for record in records})


@pytest.fixture(scope="module")
def mnt(stage, sim):
    return stage.mount(sim, *OPTIONS, arguments=TELLS_REQUESTS)


@pytest.fixture(scope="module")
def full(sim, mnt):
    """A disk with COUNT snapshots."""
    disk = sim.spare_disks.pop()
    fill(sim, disk, COUNT)
    mnt.refresh()
    assert_done(run("ls", directory_of(mnt, disk)))
    return disk


def directory_of(mnt, disk):
    return mnt.path("disks", disk, "snapshots")


REQUEST = re.compile(r"unique: \d+, opcode: (\w+) \(\d+\), nodeid: (\d+), insize: \d+, pid: (\d+)")


def asked(mnt, *command):
    """What a command asks, in order, as [(request, inode)], and what it prints.

    Others on this machine ask as well: `df` asks every mount.  A release is nobody's.
    """
    log = os.path.join(mnt.directory, "stderr")
    before = os.path.getsize(log)
    process = start(*command)
    result = assert_done(finish(process))
    # The kernel's queue keeps its order: when this is answered, what the command has left there was heard.
    assert_done(run("stat", mnt.path(".cbsfs", "stats")))
    with open(log, encoding="utf-8", errors="replace") as file:
        file.seek(before)
        heard = [(name, inode, int(pid) == process.pid) for name, inode, pid in REQUEST.findall(file.read())]
    opened = {inode for name, inode, own in heard if own and name == "OPEN"}
    return [(name, inode) for name, inode, own in heard if own or (name == "RELEASE" and inode in opened)], result.out


def names(requests):
    return [name for name, _ in requests]


def reads_directories(requests):
    return [name for name in names(requests) if name.startswith("READDIR")]


def warm(mnt, *command):
    """What it asks the first time, and the third.

    At the second time the kernel asks for the times of directories that it has read meanwhile.  It may drop a page
    at any moment, and some machines take away what was not used for seconds: then it reads the directory again,
    without having asked for its time, and we begin anew.
    """
    for _ in range(10):
        mnt.refresh()
        cold, first = asked(mnt, *command)
        second, _ = asked(mnt, *command)
        third, shown = asked(mnt, *command)
        assert first == shown
        if not reads_directories(second) and (third == [] or reads_directories(third) != names(third)):
            return cold, third
    raise AssertionError(f"directories are read again and again: {Counter(names(second))}, {Counter(names(third))}")


# The page of a file that is locked into memory stays there until its file system drops it.
LOCK = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
page = libc.mmap(None, 4096, 1, 2, os.open(sys.argv[1], os.O_RDONLY), 0)
if libc.mlock(ctypes.c_void_p(page), ctypes.c_size_t(4096)) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked(path):
    process = start("/usr/bin/python3", "-c", LOCK, path, stdin=subprocess.PIPE)
    assert process.stdout.readline() == "locked\n", finish(process).err
    yield
    assert_done(finish(process))


def assert_warm_read(mnt, path, *command):
    mnt.refresh()
    _, first = asked(mnt, *command, path)
    with locked(path):
        asked(mnt, *command, path)  # after a page was filled the kernel asks for the file's times
        requests, shown = asked(mnt, *command, path)
    assert names(requests) == ["OPEN", "RELEASE"]
    assert first == shown


# --- how many ------------------------------------------------------------------------

def test_a_warm_listing(mnt, full):
    _, again = warm(mnt, "ls", "-l", directory_of(mnt, full))
    assert again == []
    _, again = warm(mnt, "ls", directory_of(mnt, full))
    assert again == []


def test_a_first_listing_with_the_catalogue_in_memory(own):
    sim = own.simulator()
    disk, other = sim.add_disk(), sim.add_disk()
    fill(sim, disk, COUNT)
    fill(sim, other, 1)
    mnt = own.mount(sim, "ttl=600", arguments=TELLS_REQUESTS)
    assert_done(run("ls", "-l", mnt.path("disks")))
    assert len(mnt.list("snapshots")) > COUNT
    assert_done(run("ls", "-l", directory_of(mnt, other)))  # getxattr is asked once
    first, _ = asked(mnt, "ls", "-l", directory_of(mnt, disk))
    assert len(first) <= COUNT / 150 + 8


def test_a_warm_stat(mnt, full):
    paths = [mnt.snapshot(full, f"s{number:04}") for number in range(20)]
    values = [os.path.join(path, name) for path in paths for name in ("id", "status", "created")]
    disks = [mnt.disk(full, name) for name in ("", "size", "state", "snapshots")]
    _, again = warm(mnt, "stat", "-c", "%i %s %Y", *paths, *values, *disks, mnt.path("snapshots"), mnt.path("disks"))
    assert again == []


def test_a_warm_find(own):
    sim = own.simulator()
    disks = [sim.add_disk() for _ in range(10)]
    for disk in disks:
        fill(sim, disk, 20)
    mnt = own.mount(sim, "ttl=600", arguments=TELLS_REQUESTS)
    first, again = warm(mnt, "find", mnt.point)
    directories = 4 + 2 * 10 + 200
    assert len(first) <= 3 * directories, "names, entries and the end"
    assert again == []
    _, again = warm(mnt, "find", mnt.path("disks"), "-name", "status")
    assert again == []


def test_listings_of_everything(mnt, full):
    for directory in ("disks", "snapshots"):
        _, again = warm(mnt, "ls", mnt.path(directory))
        assert again == []


READ = "import os, sys; fd = os.open(sys.argv[1], os.O_RDONLY); print(os.read(fd, 9999)); os.close(fd)"


@pytest.mark.parametrize("file", ["status", "state", "percent", "id", "size", "created", "zone"])
def test_a_warm_read_of_a_settled_snapshot(mnt, full, file):
    for command in (["python3", "-c", READ], ["cat"]):
        assert_warm_read(mnt, mnt.snapshot(full, "s0007", file), *command)


@pytest.mark.parametrize("file", ["id", "name", "state", "size", "attached"])
def test_a_warm_read_of_a_disk(mnt, full, file):
    assert_warm_read(mnt, mnt.disk(full, file), "cat")


def test_what_only_one_reads_does_not_cost_others(mnt, full):
    """Directories on the way whose own listing has ended, or was never made."""
    path = mnt.snapshot(full, "s0001", "status")
    assert_done(run("ls", mnt.path("disks")))
    assert_warm_read(mnt, path, "cat")


def test_a_refresh_costs_a_reading_not_a_look_at_each(mnt, full):
    """Names and what was read of their directory end together, and a reading brings the names back."""
    run("ls", "-l", directory_of(mnt, full))
    for _ in range(2):
        mnt.refresh()
        again, _ = asked(mnt, "ls", "-l", directory_of(mnt, full))
        assert len(again) <= COUNT / 150 + 16


# --- changes -------------------------------------------------------------------------

def entries(mnt, disk):
    return set(run("ls", directory_of(mnt, disk)).out.split())


def test_changes_made_here_are_seen_at_once(mnt, disk):
    assert entries(mnt, disk) == set()
    for name in ("one", "two"):
        assert_done(run("mkdir", mnt.snapshot(disk, name)))
        assert name in entries(mnt, disk)
        assert name in entries(mnt, disk)
        assert_done(run("cat", mnt.snapshot(disk, name, "wait")))
    assert_done(run("mv", mnt.snapshot(disk, "two"), mnt.snapshot(disk, "three")))
    assert entries(mnt, disk) == {"one", "three"}
    assert entries(mnt, disk) == {"one", "three"}


def test_changes_made_elsewhere_are_seen_when_they_are_known(mnt, disk):
    simulator = mnt.simulator
    kept = simulator.add_snapshot(disk, "kept")
    gone = simulator.add_snapshot(disk, "gone")
    mnt.refresh()
    assert entries(mnt, disk) == {"kept", "gone"}
    assert entries(mnt, disk) == {"kept", "gone"}
    links = set(run("ls", mnt.path("snapshots")).out.split())
    assert {kept, gone} <= links
    simulator.patch(remove=[gone])
    new = simulator.add_snapshot(disk, "new")
    mnt.refresh()
    assert entries(mnt, disk) == {"kept", "new"}
    links = set(run("ls", mnt.path("snapshots")).out.split())
    assert {kept, new} <= links and gone not in links


def test_refresh_is_seen_from_within(mnt, disk):
    """No name is looked up on the way to where one is."""
    mnt.simulator.add_snapshot(disk, "old")
    mnt.refresh()
    for number, how in enumerate(['echo 1 > "$2"', "touch .", "touch .."]):
        change = 'read -r _ < "$3"; ' + how
        pipe = os.path.join(mnt.directory, "pipe")
        os.mkfifo(pipe)
        script = f'cd "$1" && ls && ls && ls && echo - && {change} && ls'
        process = start("sh", "-c", script, "sh", directory_of(mnt, disk), mnt.path(".cbsfs", "refresh"), pipe)
        with open(pipe, "w", encoding="ascii") as wakes:  # opened when the process has listed
            new = mnt.simulator.add_snapshot(disk, f"new{number}")
            wakes.write("go\n")
        os.unlink(pipe)
        before, after = assert_done(finish(process)).out.split("-\n")
        assert (before, after) == ("old\n" * 3, f"new{number}\nold\n")
        mnt.simulator.patch(remove=[new])
        mnt.refresh()


LONG = "a{:03d}" + "-" * 150  # a reply holds few of these


def test_one_who_reads_while_it_changes(mnt, disk):
    """Nothing is skipped that stays, nothing is shown twice, and nobody else's copy is spoilt."""
    simulator = mnt.simulator
    fill(simulator, disk, 400, LONG)
    mnt.refresh()
    names = entries(mnt, disk)
    assert len(names) == 400
    mnt.refresh()
    with os.scandir(directory_of(mnt, disk)) as reading:
        met = [next(reading).name for _ in range(10)]
        moved = sorted(names)[1]
        gone = {name: mnt.value(mnt.snapshot(disk, name, "id")) for name in sorted(names)[::3]}
        simulator.patch(remove=list(gone.values()))
        for number in range(40):
            simulator.add_snapshot(disk, f"new{number}")
        assert_done(run("mv", mnt.snapshot(disk, moved), mnt.snapshot(disk, "moved")))
        mnt.refresh()
        assert "moved" in entries(mnt, disk)
        met += [entry.name for entry in reading]
    assert len(met) == len(set(met))
    stayed = names - set(gone) - {moved}
    assert stayed <= set(met)
    now = stayed | {f"new{number}" for number in range(40)} | {"moved"}
    for _ in range(3):
        assert entries(mnt, disk) == now


def test_a_place_in_a_directory_is_found_again(mnt, disk):
    """telldir, seekdir and rewinddir, from the kernel's copy and without it."""
    fill(mnt.simulator, disk, 300, LONG)
    mnt.refresh()
    script = """opendir(D, $ARGV[0]) or die; my (@name, @place);
        while (1) { my $at = telldir(D); my $name = readdir(D); last unless defined $name; push @place, $at; push @name, $name }
        for my $i (reverse 0 .. $#name) { seekdir(D, $place[$i]); readdir(D) eq $name[$i] or die "$i" }
        rewinddir(D); my @again = readdir(D); "@again" eq "@name" or die; print scalar(@name)"""
    for _ in range(3):
        assert assert_done(run("perl", "-e", script, directory_of(mnt, disk))).out == "302"
    for place in (mnt.disk(disk), mnt.path(".cbsfs"), mnt.point, mnt.path("disks"), mnt.path("snapshots")):
        assert_done(run("perl", "-e", script, place))
    for place in (mnt.disk(disk), mnt.point):
        assert {".", ".."} <= set(run("ls", "-a", place).out.split())


def test_what_a_listing_of_all_has_brought_is_seen_in_each_directory(own):
    """Though the kernel still has the directory's attributes, from before."""
    simulator = own.simulator()
    disk = simulator.add_disk()
    simulator.add_snapshot(disk, "old")
    mnt = own.mount(simulator, "ttl=30")
    for _ in range(3):  # the first two fill the kernel's copy: it learns the directory's time in between
        assert entries(mnt, disk) == {"old"}
    new = simulator.add_snapshot(disk, "new")
    assert new in run("ls", mnt.path("snapshots")).out
    for _ in range(2):
        assert entries(mnt, disk) == {"old", "new"}
