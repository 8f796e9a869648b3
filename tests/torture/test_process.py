# SPDX-License-Identifier: Apache-2.0
"""The n-th allocation of the whole process fails, for n over the start, a crawl and each verb.

Expected: a clean error or none at all, a process that lives and is not stuck, an answer that is true, and the
same operation right afterwards.  TORTURE_SECONDS (4) bounds each case by leaving out n evenly; 0 tries every n.
"""
import mmap
import os
import struct
import subprocess
import time

import pytest

from commands import run, shell, wait_until
from harness import CBSFS, REGION, clean_environment, mount_type
from stage import Stage

LIBRARY = os.path.join(os.path.dirname(CBSFS), "tests", "torture", "fail_allocation.so")
SECONDS = float(os.environ.get("TORTURE_SECONDS", "4"))
ORDER = struct.Struct("=QQQ")

pytestmark = pytest.mark.skipif(not os.path.exists(LIBRARY), reason="a sanitizer's build: it replaces malloc itself")


class Allocations:
    """The page that is shared with fail_allocation.c."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "allocations")
        with open(self.path, "w+b") as file:
            file.truncate(mmap.PAGESIZE)
            self.page = mmap.mmap(file.fileno(), mmap.PAGESIZE)

    def fail(self, number):
        """Lets the number-th allocation from now on fail; 0: none."""
        self.page[:ORDER.size] = ORDER.pack(number, 0, 0)

    @property
    def count(self):
        return ORDER.unpack(self.page[:ORDER.size])[1]

    @property
    def failed(self):
        return ORDER.unpack(self.page[:ORDER.size])[2]


class Subject:
    """A cbsfs whose allocations fail on demand."""

    def __init__(self, directory, simulator):
        self.directory = directory
        self.simulator = simulator
        self.allocations = Allocations(directory)
        self.point = os.path.join(directory, "mnt")
        self.home = os.path.join(directory, "home")
        os.makedirs(self.point)
        os.makedirs(self.home)
        self.process = None

    def launch(self):
        environment = clean_environment(self.home, self.directory, {
            "LD_PRELOAD": LIBRARY, "FAIL_ALLOCATION": self.allocations.path})
        with open(os.path.join(self.directory, "stderr"), "wb") as err:
            self.process = subprocess.Popen(
                [CBSFS, "-f", REGION, self.point, "-o", f"endpoint={self.simulator.endpoint},ttl=60,timeout=5,allow_delete"],
                stdin=subprocess.DEVNULL, stdout=err, stderr=err, env=environment)

    def wait(self):
        """Until it is mounted (True) or has ended (False)."""
        wait_until(lambda: self.process.poll() is not None or mount_type(self.point), 25, "mount or end")
        return self.process.poll() is None

    def words(self):
        with open(os.path.join(self.directory, "stderr"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def path(self, *parts):
        return os.path.join(self.point, *parts)

    def stop(self):
        """Unmounts; returns the exit status."""
        self.allocations.fail(0)
        if self.process is None:
            return 0
        if mount_type(self.point):
            run("fusermount3", "-u", self.point)
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            run("fusermount3", "-uz", self.point)
            self.process.wait()
            return "hung"


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    stage = Stage(tmp_path_factory.mktemp("simulator"))
    try:
        yield stage.simulator("--create-time", "0", "--rollback-time", "0", "--rate", "0",
                              "--quota", "100000")
    finally:
        problems = stage.close()
    assert not problems


@pytest.fixture
def subject(tmp_path, simulator):
    subject = Subject(str(tmp_path), simulator)
    yield subject
    subject.stop()


def numbers(total, seconds_each):
    """Which n are tried: all of 1 to total, or as many as the time allows, evenly."""
    most = total if SECONDS == 0 else max(10, int(SECONDS / max(seconds_each, 0.001)))
    step = max(1, -(-total // most))
    return range(1, total + 1, step)


def report(what, tried, total, problems):
    print(f"torture: {what}: {tried} of {total} allocations failed, {len(problems)} problems")
    assert not problems, "\n".join(problems[:20])


def start_once(subject, number):
    """What is wrong with a start whose number-th allocation fails."""
    subject.allocations.fail(number)
    subject.launch()
    try:
        mounted = subject.wait()
    except AssertionError:
        subject.stop()
        return "neither mounted nor ended"
    if not mounted:
        words = subject.words()
        # libfuse's parser of options says so itself before it tells us.
        own = words.removeprefix("fuse: memory allocation failed\n")
        if subject.process.returncode != 1 or not own.startswith("cbsfs: ") or own.count("\n") != 1:
            return f"exit {subject.process.returncode}: {words!r}"
        if mount_type(subject.point):
            run("fusermount3", "-uz", subject.point)
            return "left a mount behind"
        return None
    subject.allocations.fail(0)
    listing = run("ls", subject.path("disks"))
    status = subject.stop()
    if listing.status != 0 or not listing.out:
        return f"mounted, but ls: {listing}"
    return None if status == 0 else f"mounted, but ended with {status}: {subject.words()}"


def test_start(subject):
    began = time.monotonic()
    subject.allocations.fail(0)
    subject.launch()
    assert subject.wait(), subject.words()
    total = subject.allocations.count
    assert subject.stop() == 0
    problems = []
    tried = numbers(total, time.monotonic() - began)
    for number in tried:
        problem = start_once(subject, number)
        if problem:
            problems.append(f"allocation {number}: {problem}")
    report("start", len(tried), total, problems)


# --- operations: prepare returns what operate is given, judge says what is not true ------------------------------

class Operation:
    def __init__(self, subject, disk):
        self.subject = subject
        self.disk = disk
        self.serial = 0

    def prepare(self):
        shell('echo 1 >"$1"', self.subject.path(".cbsfs", "refresh"))

    def judge(self, result):
        return None


class Crawl(Operation):
    def operate(self):
        return run("grep", "-r", "x", self.subject.path("disks", self.disk), self.subject.path("README"),
                   self.subject.path(".cbsfs"), timeout=20)

    def judge(self, result):
        return f"changes {self.changes()}" if self.changes() else None

    def changes(self):
        return sum(self.subject.simulator.stats()["changes"].values()) - self.before

    def prepare(self):
        super().prepare()
        self.before = sum(self.subject.simulator.stats()["changes"].values())


class Change(Operation):
    """One that the simulator counts as `action`: an answer is true if it succeeded exactly when that is so."""
    action = None

    def changes(self):
        return self.subject.simulator.stats()["changes"].get(self.action, 0)

    def prepare(self):
        super().prepare()
        self.serial += 1
        self.name = f"t{self.serial}"
        self.place = self.subject.path("disks", self.disk, "snapshots", self.name)
        self.arrange()
        self.before = self.changes()

    def arrange(self):
        self.identifier = self.subject.simulator.add_snapshot(self.disk, self.name)
        run("ls", os.path.dirname(self.place))
        assert os.path.isdir(self.place)

    def tidy(self):
        if self.action != "DeleteSnapshots" or os.path.isdir(self.place):
            self.subject.simulator.patch(remove=[self.identifier])

    def judge(self, result):
        done = self.changes() - self.before
        problem = None
        if done != (1 if result.status == 0 else 0):
            problem = f"done {done} times, exit {result.status}: {result.err}"
        self.tidy()
        return problem


class Mkdir(Change):
    action = "CreateSnapshot"

    def arrange(self):
        run("ls", os.path.dirname(self.place))

    def operate(self):
        return run("mkdir", self.place, timeout=20)

    def tidy(self):
        """What stays must not be more than a disk may have, so the simulator has no such limit."""


class Rename(Change):
    action = "ModifySnapshotAttribute"

    def operate(self):
        return run("mv", self.place, self.place + "new", timeout=20)


class Rmdir(Change):
    action = "DeleteSnapshots"

    def operate(self):
        return run("rmdir", self.place, timeout=20)


class Rollback(Change):
    action = "ApplySnapshot"

    def operate(self):
        return shell('echo 1 >"$1"', os.path.join(self.place, "rollback"), timeout=20)


def operate_once(subject, operation, number):
    """What is wrong with an operation whose number-th allocation fails, and then with it as such."""
    operation.prepare()
    subject.allocations.fail(number)
    try:
        result = operation.operate()
    except AssertionError as error:
        return f"stuck: {error}"
    finally:
        subject.allocations.fail(0)
    if subject.process.poll() is not None:
        return f"cbsfs ended with {subject.process.returncode}: {subject.words()}"
    return operation.judge(result)


@pytest.mark.parametrize("kind", [Crawl, Mkdir, Rename, Rmdir, Rollback], ids=lambda kind: kind.__name__.lower())
def test_operation(subject, simulator, kind):
    disk = simulator.add_disk()
    simulator.add_snapshot(disk, "older")
    subject.launch()
    assert subject.wait(), subject.words()
    operation = kind(subject, disk)
    total = 0
    for _ in range(3):  # connections and tables have their size by then
        operation.prepare()
        subject.allocations.fail(0)
        began = time.monotonic()
        result = operation.operate()
        seconds = time.monotonic() - began
        total = max(total, subject.allocations.count)
        assert result.status == 0 and not operation.judge(result), result
    problems = []
    tried = numbers(total, seconds * 4)
    for number in tried:
        problem = operate_once(subject, operation, number)
        if problem:
            problems.append(f"allocation {number}: {problem}")
        if subject.process.poll() is not None:
            subject.stop()
            subject.launch()
            assert subject.wait(), subject.words()
    # The next one works.
    problem = operate_once(subject, operation, 0)
    if problem:
        problems.append(f"afterwards: {problem}")
    report(kind.__name__.lower(), len(tried), total, problems)
    assert subject.stop() == 0
