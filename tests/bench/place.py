# SPDX-License-Identifier: Apache-2.0
"""Where it is measured: a directory with simulators, mounts, copies on tmpfs, and the loops; all gone at the end."""
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "mount")]

# pylint: disable=wrong-import-position
from commands import end_all, run, wait_until  # noqa: E402
from harness import CBSFS  # noqa: E402
from stage import Stage  # noqa: E402

LOOPS = os.environ.get("CBSFS_LOOPS", os.path.join(os.path.dirname(CBSFS), "tests", "bench", "bench-loops"))
LONG = "ttl=86400"
PROCESSORS = sorted(os.sched_getaffinity(0))
FASTEST = 1000  # calls a second that `-o rate=` takes
TICKS = os.sysconf("SC_CLK_TCK")


class NotHere(Exception):
    """Something cannot be measured on this machine; the words say why."""


def has_option(name):
    """Whether this cbsfs knows `-o name=`."""
    listing = subprocess.run([CBSFS, "--help"], capture_output=True, text=True, check=True).stdout
    return f"-o {name}" in listing


def pin(pid):
    """To the processor that mounts and their clients share: what is measured are requests, not where they were scheduled."""
    os.sched_setaffinity(pid, PROCESSORS[:1])


def pinned(*argv):
    return ["taskset", "-c", str(PROCESSORS[0]), *map(str, argv)]


def process_seconds(pid):
    """CPU of a process so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        words = file.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICKS


def exact_seconds(pid):
    """CPU of a process so far, to the nanosecond where the kernel tells it."""
    total = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
    except (OSError, ValueError):
        return process_seconds(pid)
    return total / 1e9


def status_of(pid, key):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith(key + ":"):
                return int(line.split()[1])
    raise KeyError(key)


def resident(pid):
    """Bytes of memory that are the process's own or of the files that it has mapped."""
    return status_of(pid, "VmRSS") * 1024


class Place:
    def __init__(self, quick=False, hour=False):
        self.quick, self.hour = quick, hour
        self.directory = tempfile.mkdtemp(prefix="cbsfs-bench-")
        self.stage = Stage(self.directory)
        self.ram = None
        self.undo = []  # functions that take away what is neither a simulator nor a mount of cbsfs

    def size(self, whole, quick):
        """How much of something: so much, or so little where only the bench itself is tried."""
        return quick if self.quick else whole

    # --- the account and its mounts -----------------------------------------------------------------

    def account(self, disks, snapshots, *arguments, rate=0):
        """A simulator on the other processors, if there are any."""
        simulator = self.stage.simulator("--disks", disks, "--snapshots", snapshots, "--seed", 7, "--rate", rate,
                                         "--quota", 1000000, *arguments)
        if len(PROCESSORS) > 1:
            os.sched_setaffinity(simulator.process.pid, PROCESSORS[1:])
        return simulator

    def mount(self, simulator, *options, fast=True, alone=True, maker=None, **keywords):
        """`fast`: not held to the account's 20 calls a second, where what they bring is not measured.

        `alone`: on the one processor.  `maker`: called instead of the stage, to make another kind of mount.
        """
        words = list(options)
        if not any(word.startswith("ttl=") for word in words):
            words.append(LONG)
        if not any(word.startswith("timeout=") for word in words):
            words.append("timeout=600")
        if fast and has_option("rate"):
            words.append(f"rate={FASTEST}")
        mount = (maker or self.stage.mount)(simulator, *words, **keywords)
        if alone:
            pin(mount.pid)
        return mount

    def remove(self, *daemons):
        for daemon in daemons:
            problems = self.stage.remove(daemon)
            if problems:
                print(f"contrib/bench: {'; '.join(problems)}", file=sys.stderr)

    @staticmethod
    def disks(mount):
        listed = run("ls", "-A", mount.path("disks"), timeout=600)
        assert listed.status == 0, listed
        return [name for name in listed.out.splitlines() if name != "none"]

    def know_all(self, mount, simulator):
        """The catalogue of everything in memory, without the kernel having seen a snapshot: looking for a name in two disks."""
        names = self.disks(mount)
        for name in names[:2]:
            os.path.exists(mount.disk(name, "snapshots", "nothing-of-this-name"))
        wait_until(lambda: self.knows(mount) >= simulator.stats()["snapshots"], 600, "the whole catalogue")
        return names

    @staticmethod
    def knows(mount):
        return int(Place.stats(mount)["snapshots"])

    @staticmethod
    def stats(mount):
        with open(mount.path(".cbsfs", "stats"), encoding="utf-8") as file:
            return dict(line.split(" ", 1) for line in file.read().splitlines())

    def requests(self, mount, work):
        """How many requests of the kernel `work` costs, less what looking at the count does."""
        def count():
            return int(self.stats(mount)["requests"])

        count()
        before = count()
        looking = count() - before
        before = count()
        work()
        return count() - before - looking

    # --- tmpfs --------------------------------------------------------------------------------------

    def memory(self):
        """A directory on tmpfs: one of our own, or where the system has one."""
        if self.ram is None:
            point = os.path.join(self.directory, "ram")
            os.makedirs(point, exist_ok=True)
            done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8g,nr_inodes=0", "tmpfs", point], capture_output=True, check=False)
            if done.returncode == 0:
                self.undo.append(lambda: subprocess.run(["umount", "-l", point], check=False))
                self.ram = point
            elif os.access("/dev/shm", os.W_OK):
                self.ram = tempfile.mkdtemp(prefix="cbsfs-bench-", dir="/dev/shm")
                self.undo.append(lambda directory=self.ram: shutil.rmtree(directory, ignore_errors=True))
            else:
                raise NotHere("neither may a tmpfs be mounted nor is /dev/shm writable")
        return tempfile.mkdtemp(dir=self.ram)

    def copy(self, mount, *parts, content="status"):
        """A copy of part of a mount on tmpfs, with the same names, kinds and sizes, and what is in each file called `content`."""
        target = self.memory()
        os.makedirs(os.path.join(target, *parts))
        subprocess.run(pinned(LOOPS, "mirror", mount.path(*parts), os.path.join(target, *parts), content), check=True)
        return target

    # --- loops --------------------------------------------------------------------------------------

    @staticmethod
    def loop(kind, paths, rounds, *roots, alone=True):
        """Seconds for one of what the loop counts, by root: [[round, ...], ...].  `alone`: on the one processor."""
        argv = [LOOPS, kind, rounds, *roots]
        done = subprocess.run(pinned(*argv) if alone else list(map(str, argv)), input="\n".join(paths) + "\n",
                              capture_output=True, text=True, check=True)
        lines = [line.split() for line in done.stdout.splitlines()]
        times = [int(nanoseconds) / 1e9 / int(count) for nanoseconds, count in lines]
        return [times[i::len(roots)] for i in range(len(roots))]

    @staticmethod
    def each(paths, root):
        """Nanoseconds of one stat of each path."""
        done = subprocess.run(pinned(LOOPS, "each", root), input="\n".join(paths) + "\n", capture_output=True, text=True,
                              check=True)
        return list(map(int, done.stdout.split()))

    @staticmethod
    def timed(*argv, alone=False, **keywords):
        """Seconds of a whole process."""
        words = pinned(*argv) if alone else list(map(str, argv))
        began = time.monotonic()
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **keywords)
        return time.monotonic() - began

    # --- the end ------------------------------------------------------------------------------------

    @contextmanager
    def part(self):
        """What is started within it ends with it."""
        try:
            yield self
        finally:
            problems = self.end()
            if problems:
                print(f"contrib/bench: {'; '.join(problems)}", file=sys.stderr)

    def end(self):
        """Ends everything; what was wrong with it."""
        problems = []
        end_all()
        for daemon in reversed(list(self.stage.daemons)):
            if daemon.process is not None:
                problems += self.stage.remove(daemon)
        while self.undo:
            self.undo.pop()()
        self.ram = None
        return problems

    def close(self):
        try:
            return self.end()
        finally:
            Stage.running.remove(self.stage)
            # What is still mounted there, whatever it is, must not be emptied.
            with open("/proc/self/mounts", encoding="utf-8", errors="replace") as table:
                if self.directory not in table.read():
                    shutil.rmtree(self.directory, ignore_errors=True)
