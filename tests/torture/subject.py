# SPDX-License-Identifier: Apache-2.0
"""A cbsfs whose allocations fail on demand, and which of them are made to fail.

Expected, whichever allocation fails: a clean error or none at all, a process that lives and is not stuck, an answer
that is true, nothing leaked, and the same operation right afterwards.  Two ways: only the n-th fails, or
everything from the n-th on ("all"), as when memory is really out.  TORTURE_SECONDS bounds each case by
leaving out n evenly; 0 tries every n, or every one from TORTURE_FIRST on.
"""
import math
import mmap
import os
import struct
import subprocess
import time

import pytest

from commands import run, wait_until
from harness import CBSFS, REGION, clean_environment, find_process, mount_type
from stage import Stage

LIBRARY = os.path.join(os.path.dirname(CBSFS), "tests", "torture", "fail_allocation.so")
SECONDS = float(os.environ.get("TORTURE_SECONDS", "2.5"))
FIRST = int(os.environ.get("TORTURE_FIRST", "1"))
LEAST = 3    # are tried, however long they take
TIMEOUT = 3  # seconds for one operation
ORDER = struct.Struct("=QQQQq")
MODES = ("only", "all")

needs_library = pytest.mark.skipif(not os.path.exists(LIBRARY),
                                   reason="a sanitizer's build: it replaces malloc itself")


class Allocations:
    """The page that is shared with fail_allocation.c."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "allocations")
        with open(self.path, "w+b") as file:
            file.truncate(mmap.PAGESIZE)
            self.page = mmap.mmap(file.fileno(), mmap.PAGESIZE)

    def fail(self, number, mode="only"):
        """Lets the number-th allocation from now on fail, or all from it on; 0: none."""
        last = number if mode == "only" else (1 << 64) - 1
        self.page[:32] = struct.pack("=QQQQ", number, last, 0, 0)

    def field(self, number):
        return ORDER.unpack(self.page[:ORDER.size])[number]

    @property
    def count(self):
        return self.field(2)

    @property
    def failed(self):
        return self.field(3)

    @property
    def live(self):
        """Blocks that are allocated and not freed."""
        return self.field(4)

    def forget_live(self):
        self.page[32:40] = struct.pack("=q", 0)


class Subject:
    def __init__(self, directory, simulator):
        self.directory = directory
        self.simulator = simulator
        self.allocations = Allocations(directory)
        self.point = os.path.join(directory, "mnt")
        self.home = os.path.join(directory, "home")
        os.makedirs(self.point)
        os.makedirs(self.home)
        self.process = None

    def environment(self):
        return clean_environment(self.home, self.directory, {
            "LD_PRELOAD": LIBRARY, "FAIL_ALLOCATION": self.allocations.path})

    def launch(self, *arguments, prefix=(), environment=None):
        """`arguments` of cbsfs; without any, a mount in the foreground."""
        words = arguments or ("-f", REGION, self.point, "-o", self.options())
        self.allocations.forget_live()
        with open(os.path.join(self.directory, "stderr"), "wb") as err, \
                open(os.path.join(self.directory, "stdout"), "wb") as out:
            self.process = subprocess.Popen([*prefix, CBSFS, *words], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                            env=environment or self.environment())

    def options(self, endpoint=None):
        return f"endpoint={endpoint or self.simulator.endpoint},ttl=60,timeout={TIMEOUT},allow_delete"

    def wait(self):
        """Until it is mounted (True) or has ended (False)."""
        wait_until(lambda: self.process.poll() is not None or mount_type(self.point), 25, "mount or end")
        return self.process.poll() is None

    def ends(self):
        """By itself and with a failure: it was seen mounted, and said then that it is not."""
        try:
            wait_until(lambda: self.process.poll() is not None, 5)
        except AssertionError:
            return False
        return self.process.returncode != 0

    def words(self, name="stderr"):
        with open(os.path.join(self.directory, name), encoding="utf-8", errors="replace") as file:
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

    def clear(self):
        """Whatever is left, also of one that went into the background."""
        self.stop()
        while (pid := find_process(self.point)) is not None:
            os.kill(pid, 9)
            run("fusermount3", "-uz", self.point)


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
    subject.clear()


def numbers(total):
    """Which n are tried: all of 1 to total, or some of them, evenly, for as long as the time allows."""
    if SECONDS == 0:
        yield from range(FIRST, total + 1)
        return
    # Multiples of what has no divisor in common with the total, near its golden section: each n once, spread
    # out at any moment.
    stride = next(step for step in range(max(1, int(total * 0.618)), total + 2) if math.gcd(step, total) == 1)
    end = time.monotonic() + SECONDS
    for index in range(total):
        if index >= LEAST and time.monotonic() > end:
            return
        yield 1 + index * stride % total


class Problems(list):
    """Told as they are found: a run of all n takes long."""

    def append(self, problem):
        print(f"torture: {problem}", flush=True)
        super().append(problem)


def report(what, tried, total, problems):
    print(f"torture: {what}: {tried} of {total} allocations failed, {len(problems)} problems", flush=True)
    assert not problems, f"{len(problems)} problems\n" + "\n".join(problems[:20])
