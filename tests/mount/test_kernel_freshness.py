# SPDX-License-Identifier: Apache-2.0
"""Things change behind the mount while the kernel keeps what it was told: no answer is older than the contract allows.

Each way of looking is tried alone, because a look that asks the cloud would make the others' answers younger.
"""
import os
import platform
import signal
import time

import pytest

from commands import SLOWER, assert_done, finish, run, start, wait_until

TTL = 2
SLACK = 1.2 * SLOWER  # seconds: asking the cloud, and one look


class Account:
    """A disk with snapshots `gone`, `named`, `kept` (the newest), and a second disk."""

    def __init__(self, own):
        self.sim = own.simulator("--create-time", "1", "--rollback-time", "2")
        self.disk, self.other = self.sim.add_disk(), self.sim.add_disk()
        self.ids = {name: self.sim.add_snapshot(self.disk, name) for name in ("gone", "named", "kept")}
        self.mount = own.mount(self.sim, f"ttl={TTL}")

    def change(self):
        """Created, deleted, renamed, and values."""
        new = self.sim.snapshot_record(self.disk, "new")
        self.ids["new"] = new["SnapshotId"]
        disk = self.sim.disk_record()
        self.third = disk["DiskId"]
        self.sim.patch(remove=[self.ids["gone"], self.other],
                       snapshots={new["SnapshotId"]: new, self.ids["named"]: {"SnapshotName": "called"},
                                  self.ids["kept"]: {"DiskSize": 1234}},
                       disks={disk["DiskId"]: disk, self.disk: {"DiskSize": 12345, "DiskName": "another-name"}})

    def directory(self):
        return self.mount.disk(self.disk, "snapshots")

    def snapshot(self, name, *file):
        return self.mount.snapshot(self.disk, name, *file)


# Nothing but what reading a directory asks for itself: every library's opendir() has a look at it as well.
RAW = """
import ctypes, os, struct, sys
libc, space = ctypes.CDLL(None, use_errno=True), ctypes.create_string_buffer(32768)
file = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY)
while (size := libc.syscall(ctypes.c_long(int(sys.argv[2])), file, space, 32768)) > 0:
    at = 0
    while at < size:
        length = struct.unpack_from("H", space, at + 16)[0]
        print(space[at + 19:at + length].split(b"\\0")[0].decode())
        at += length
"""
GETDENTS64 = {"x86_64": "217", "aarch64": "61"}


def raw(path):
    number = GETDENTS64.get(platform.machine())
    return words_of("python3", "-c", RAW, path, number) if number else words_of("ls", path)


def status_of(*command):
    return run(*command).status


def words_of(*command):
    return set(run(*command).out.split())


# name: (what is looked at, whether the answer is that from before the change, whether it is that from after it)
LOOKS = {
    "ls": (lambda a: words_of("ls", a.directory()), {"gone", "named", "kept"}, {"new", "called", "kept"}),
    "ls -l": (lambda a: words_of("ls", "-l", a.directory()) & {"gone", "named", "kept", "new", "called"},
              {"gone", "named", "kept"}, {"new", "called", "kept"}),
    "ls from within": (lambda a: words_of("sh", "-c", 'cd "$1" && ls && ls', "sh", a.directory()),
                       {"gone", "named", "kept"}, {"new", "called", "kept"}),
    "ls by id": (lambda a: {name for name, id in a.ids.items() if id in words_of("ls", a.mount.path("snapshots"))},
                 {"gone", "named", "kept"}, {"new", "named", "kept"}),
    "ls of disks": (lambda a: words_of("ls", a.mount.path("disks")) >= {a.disk, a.other}, True, False),
    "ls of new disks": (lambda a: bool(words_of("ls", a.mount.path("disks")) & {getattr(a, "third", "")}), False, True),
    "getdents": (lambda a: raw(a.directory()) - {".", ".."}, {"gone", "named", "kept"}, {"new", "called", "kept"}),
    "getdents of disks": (lambda a: raw(a.mount.path("disks")) >= {a.disk, a.other}, True, False),
    "find": (lambda a: words_of("find", a.mount.disk(a.disk), "-maxdepth", "2", "-path", "*/snapshots/*", "-printf", "%f\n"),
             {"gone", "named", "kept"}, {"new", "called", "kept"}),
    "stat of a removed one": (lambda a: a.mount.exists(a.snapshot("gone")), True, False),
    "stat of a renamed one": (lambda a: a.mount.exists(a.snapshot("named")), True, False),
    "stat of a removed one by id": (lambda a: status_of("ls", "-d", a.mount.path("snapshots", a.ids["gone"])), 0, 2),
    "stat of a removed disk": (lambda a: a.mount.exists(a.mount.disk(a.other)), True, False),
    "stat of a value": (lambda a: run("stat", "-c", "%s", a.mount.disk(a.disk, "size")).out, "3\n", "6\n"),
    "cat of a snapshot's value": (lambda a: run("cat", a.snapshot("kept", "size")).out, "50\n", "1234\n"),
    "cat of a disk's value": (lambda a: run("cat", a.mount.disk(a.disk, "size")).out, "50\n", "12345\n"),
    "cat of a disk's name": (lambda a: run("cat", a.mount.disk(a.disk, "name")).out == "another-name\n", False, True),
    "cat of a removed one": (lambda a: run("cat", a.snapshot("gone", "status")).out, "NORMAL 100\n", ""),
    "a disk's name": (lambda a: a.mount.exists(a.mount.disk("another-name")), False, True),
    "latest": (lambda a: run("readlink", a.mount.disk(a.disk, "latest")).out, "snapshots/kept\n", "snapshots/new\n"),
    "a link by id": (lambda a: os.path.basename(run("readlink", a.mount.path("snapshots", a.ids["named"])).out.strip()),
                     "named", "called"),
    "grep": (lambda a: run("grep", "-c", "12345", a.mount.disk(a.disk, "size"), a.mount.disk(a.disk, "disk.json")).status, 1, 0),
}


CORE = ("ls", "find", "cat of a snapshot's value")


def change_what_is_warm(own, name):
    """An account that has changed behind its mount, what looks at it, what that says now, and when."""
    account = Account(own)
    look, old, new = LOOKS[name]
    for _ in range(3):
        assert look(account) == old
    account.change()
    return account, look, new, time.monotonic()


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.core) if name in CORE else name for name in LOOKS])
def test_no_answer_is_older_than_allowed(own, name):
    account, look, new, changed = change_what_is_warm(own, name)
    # Looked at all the time, so that whatever is told late in its life counts as well.
    wait_until(lambda: look(account) == new, 3 * TTL, "the new answer")
    assert time.monotonic() - changed < TTL + SLACK
    for _ in range(3):
        assert look(account) == new, "what was seen once stays"


@pytest.mark.parametrize("name", LOOKS)
def test_one_look_after_the_ttl_is_right(own, name):
    account, look, new, changed = change_what_is_warm(own, name)
    wait_until(lambda: time.monotonic() > changed + TTL + 0.1, 3 * TTL)
    assert look(account) == new


def test_what_settles(own):
    """Progress within 2 s, `latest` within the ttl; and then it is kept like everything settled."""
    account = Account(own)
    moving = account.sim.add_snapshot(account.disk, "moving", SnapshotState="CREATING", Percent=40)
    account.mount.refresh()
    link, status = account.mount.disk(account.disk, "latest"), account.snapshot("moving", "status")
    for _ in range(3):
        assert (run("readlink", link).out, run("cat", status).out) == ("snapshots/kept\n", "CREATING 40\n")
    account.sim.patch(snapshots={moving: {"SnapshotState": "NORMAL", "Percent": 100}})
    changed = time.monotonic()
    wait_until(lambda: run("cat", status).out == "NORMAL 100\n", 10)
    assert time.monotonic() - changed < 2 + SLACK
    wait_until(lambda: run("readlink", link).out == "snapshots/moving\n", 10)
    assert time.monotonic() - changed < TTL + SLACK
    for _ in range(3):
        assert run("stat", "-c", "%s", status).out == "11\n"
        assert "latest" in words_of("ls", account.mount.disk(account.disk))


def test_latest_comes_and_goes(own):
    account = Account(own)
    def shown():
        return "latest" in words_of("ls", account.mount.disk(account.disk))
    for _ in range(3):
        assert shown()
    for there in (False, True, False):
        state = {"SnapshotState": "NORMAL" if there else "ERROR"}
        account.sim.patch(snapshots={account.ids[name]: state for name in ("gone", "named", "kept")})
        changed = time.monotonic()
        wait_until(lambda wanted=there: shown() == wanted, 10)
        assert time.monotonic() - changed < TTL + SLACK


@pytest.mark.core
def test_what_is_done_here_is_seen_at_once_in_what_is_kept(own):
    account = Account(own)
    status, state = account.snapshot("kept", "status"), account.mount.disk(account.disk, "state")
    for _ in range(3):
        assert run("cat", status).out == "NORMAL 100\n"
        run("cat", state)
    assert_done(run("sh", "-c", 'echo 1 > "$1"', "sh", account.snapshot("kept", "rollback")))
    assert run("cat", status).out.startswith("ROLLBACKING ")
    wait_until(lambda: run("cat", status).out == "NORMAL 100\n", 15)


HOLD = """
import os, select, signal, sys
file = os.open(sys.argv[1], os.O_RDONLY)
poll = select.poll()
poll.register(file, select.POLLPRI)
for line in sys.stdin:
    if line == "poll\\n":
        print(bool(poll.poll(20000)), flush=True)
    else:
        print(os.pread(file, 100, 0).decode().strip(), flush=True)
"""


class Holder:
    """A process that has opened a file and reads it again when it is told to."""

    def __init__(self, path):
        ours, theirs = os.pipe()
        self.process = start("python3", "-c", HOLD, path, stdin=ours)
        os.close(ours)
        self.orders = os.fdopen(theirs, "w")

    def ask(self, order="read"):
        self.orders.write(order + "\n")
        self.orders.flush()
        return self.process.stdout.readline().strip()

    def end(self):
        self.orders.close()
        assert_done(finish(self.process))


def test_whoever_has_it_open_reads_what_is_now(own):
    account = Account(own)
    holders = [Holder(account.snapshot("kept", "status")) for _ in range(2)]
    for _ in range(2):
        assert [holder.ask() for holder in holders] == ["NORMAL 100"] * 2
    # Nobody looks by any other way.
    account.sim.patch(snapshots={account.ids["kept"]: {"SnapshotState": "ERROR"}})
    changed = time.monotonic()
    wait_until(lambda: time.monotonic() > changed + TTL + 0.1, 3 * TTL)
    assert [holder.ask() for holder in holders] == ["ERROR 100"] * 2
    # And of what is gone can still be read what it once was.
    account.sim.patch(remove=[account.ids["kept"]])
    wait_until(lambda: not account.mount.exists(account.snapshot("kept")), 10)
    assert {holder.ask() for holder in holders} <= {"ERROR 100", "NORMAL 100"}
    for holder in holders:
        holder.end()


@pytest.mark.core
def test_poll_on_what_seemed_settled(own):
    """Two of them, so that one reads the page that the other has filled; and neither is told of the same thing twice."""
    account = Account(own)
    path = account.snapshot("kept", "status")
    holders = [Holder(path) for _ in range(2)]
    for _ in range(2):
        assert [holder.ask() for holder in holders] == ["NORMAL 100"] * 2
    for holder in holders:
        holder.orders.write("poll\n")
        holder.orders.flush()
    wait_until(lambda: account.mount.stats()["polls"] == "2", 5)
    assert_done(run("sh", "-c", 'echo 1 > "$1"', "sh", account.snapshot("kept", "rollback")))
    assert [holder.process.stdout.readline() for holder in holders] == ["True\n"] * 2
    assert all(holder.ask().startswith("ROLLBACKING") for holder in holders)
    for holder in holders:
        while holder.ask("poll") == "True" and holder.ask() != "NORMAL 100":
            pass
        assert holder.ask() == "NORMAL 100"
    for holder in holders:
        holder.orders.write("poll\n")
        holder.orders.flush()
    wait_until(lambda: account.mount.stats()["polls"] == "2", 5, "nothing to tell")
    for holder in holders:
        os.kill(holder.process.pid, signal.SIGKILL)
        finish(holder.process)
        holder.orders.close()
    wait_until(lambda: account.mount.stats()["polls"] == "0", 5)


MAP = """
import mmap, os, sys
file = os.open(sys.argv[1], os.O_RDONLY)
print(mmap.mmap(file, 0, mmap.MAP_SHARED, mmap.PROT_READ)[:].decode(), end="")
"""


@pytest.mark.core
def test_a_settled_file_can_be_mapped(own):
    account = Account(own)
    for _ in range(2):
        assert run("python3", "-c", MAP, account.snapshot("kept", "status")).out == "NORMAL 100\n"


@pytest.mark.core
def test_a_value_of_the_same_length(own):
    """Its size tells the kernel nothing."""
    account = Account(own)
    path = account.snapshot("kept", "size")
    for size in (50, 60, 70):
        account.sim.patch(snapshots={account.ids["kept"]: {"DiskSize": size}})
        changed = time.monotonic()
        wait_until(lambda wanted=size: run("cat", path).out == f"{wanted}\n", 10)
        assert time.monotonic() - changed < TTL + SLACK
        assert run("cat", path).out == f"{size}\n"


@pytest.mark.core
def test_a_longer_value_is_read_whole(own):
    """The kernel believes a shorter size, and asks before it cuts."""
    account = Account(own)
    path = account.snapshot("kept", "size")
    run("ls", account.directory())
    assert run("stat", "-c", "%s", path).out == "3\n"
    account.sim.patch(snapshots={account.ids["kept"]: {"DiskSize": 123456}})
    assert run("ls", account.mount.path("snapshots")).status == 0  # brings it, and frees no name
    assert run("cat", path).out == "123456\n"
    for size in (7, 70, 7000, 70, 7, 700000):
        account.sim.patch(snapshots={account.ids["kept"]: {"DiskSize": size}})
        account.mount.refresh()
        holder = Holder(path)
        assert holder.ask() == str(size)
        assert run("cat", path).out == f"{size}\n"
        holder.end()
