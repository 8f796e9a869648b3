# SPDX-License-Identifier: Apache-2.0
"""Simulators and kernel mounts for the tests, and what a shell user does with them.

Everything that touches the mount runs in a child process: what counts is what a command prints and how it
ends, and a test must outlive a filesystem that hangs.
"""
import json
import os
import re
import shlex
import signal
import subprocess
import time
import urllib.request
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta

import providers
from commands import SLOWER, assert_done, beijing, now, run, shell, wait_until

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CBSFS = os.environ.get("CBSFS", os.path.join(REPOSITORY, "build", "cbsfs"))
CBSFS_SIM = os.environ.get("CBSFS_SIM", os.path.join(REPOSITORY, "build", "cbsfs-sim"))

# Words before cbsfs's own, such as valgrind's.  {log} becomes the start of the names of files in the daemon's directory.
WRAPPER = os.environ.get("CBSFS_WRAPPER", "")

REGION = "ap-guangzhou"
SECRET_ID = "AKIDSIMULATOR"
SECRET_KEY = "simulator"

CONNECTIONS = 8     # kept alive for the next call: CONNECTION_LIMIT of main.c
BASE_SOCKETS = 1    # syslog's, from the first line in the background on
# Bytes: libraries, connections, a full journal of failures and of events; one disk or snapshot.  Coarse, as it holds
# for every mount; test_memory.py is the fine one.
MEMORY, MEMORY_EACH = 6 << 20, 2048
LEFTOVER_TIME = 15  # seconds: a change on the wire ends within the mount's timeout

# What a daemon must never write, whatever a test does to it.
BAD_LINE = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|assertion|double free|corrupt"
                      r"|stack smashing|^cbsfs: error:", re.IGNORECASE)


def process_is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def sanitizer_environment(directory):
    log = os.path.join(directory, "sanitizer")
    return {"ASAN_OPTIONS": f"log_path={log}:detect_leaks=1", "UBSAN_OPTIONS":
            f"print_stacktrace=1:log_path={log}"}


def descriptors(pid):
    """What a process has open: (how many sockets, what else, sorted); None without the right to look."""
    sockets, others = 0, []
    try:
        for entry in os.listdir(f"/proc/{pid}/fd"):
            try:
                target = os.readlink(f"/proc/{pid}/fd/{entry}")
            except FileNotFoundError:
                continue
            sockets += target.startswith("socket:")
            if not target.startswith("socket:"):
                others.append(target)
    except OSError:
        return None
    return sockets, sorted(others)


def read_text(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def valgrind_findings(path):
    """Errors, leaks and descriptors that were left open, in what valgrind wrote about one process."""
    text = read_text(path)
    if "ERROR SUMMARY:" not in text:
        return []  # killed, or it became another program
    # Standard descriptors and what came with them say so; the log is valgrind's own.
    blocks = re.split(r"^==\d+== (?=Open )", text, flags=re.MULTILINE)[1:]
    left = [block.splitlines()[0] for block in blocks
            if "<inherited from parent>" not in block and path not in block
            and "daemon_begin" not in block  # the parent ends with the pipe on which its child has told it
            and not re.match(r"Open .*/(stderr|stdout)$|"
            r"Open file descriptor [012]:", block.splitlines()[0])]
    if "ERROR SUMMARY: 0 errors" in text and not left:
        return []
    return [f"{path}: {left or ''}\n{text[:6000]}"]


class Daemon:
    """What a simulator and a mount have in common: a child whose words and end are watched."""

    def __init__(self, directory):
        os.makedirs(directory, exist_ok=True)
        self.directory = directory
        self.process = None
        self.expected = []  # patterns of bad lines that the test provokes

    def launch(self, argv, environment):
        with open(os.path.join(self.directory, "stderr"), "ab") as err, \
                open(os.path.join(self.directory, "stdout"), "ab") as out:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                            cwd=self.directory, env=environment)

    def stderr(self):
        return read_text(os.path.join(self.directory, "stderr"))

    def complaints(self):
        """Sanitizer reports and bad lines."""
        found = [f"{name}: {read_text(os.path.join(self.directory, name))[:3000]}"
                 for name in sorted(os.listdir(self.directory)) if name.startswith("sanitizer.")]
        for name in sorted(os.listdir(self.directory)):
            if name.startswith("wrapper."):
                found += valgrind_findings(os.path.join(self.directory, name))
        for line in self.stderr().splitlines():
            if BAD_LINE.search(line) and not any(re.search(p, line) for p in self.expected):
                found.append(line)
        return found


class Counted:
    """What the simulator counted while a `with simulator.counting()` block ran."""

    def __init__(self):
        self.requests = Counter()
        self.executed = Counter()

    @property
    def changes(self):
        return sum(self.executed[action] for action in providers.CHANGES)

    @property
    def change_requests(self):
        return sum(self.requests[action] for action in providers.CHANGES)

    @property
    def total(self):
        return sum(self.requests.values())


class Simulator(Daemon):
    def __init__(self, directory, *arguments, port=0, secret_key=SECRET_KEY):
        super().__init__(directory)
        self.secret_key = secret_key
        # One region: what another costs or does is what test_regions.py is about.
        regions = [] if "--region" in arguments else ["--region", REGION]
        self.arguments = [*providers.SIMULATOR, *regions, *map(str, arguments)]
        self.serial = 0
        self.spare_disks = []
        self.port = port
        self.start()

    def start(self):
        port_file = os.path.join(self.directory, "port")
        if os.path.exists(port_file):
            os.unlink(port_file)
        environment = dict(os.environ, CBSFS_SIM_SECRET_ID=SECRET_ID,
                           CBSFS_SIM_SECRET_KEY=self.secret_key, **sanitizer_environment(self.directory))
        self.launch([CBSFS_SIM, "--port", str(self.port), "--port-file", port_file, *self.arguments],
                    environment)

        def answers():
            assert self.process.poll() is None, f"the simulator ended: {self.stderr()}"
            if not os.path.exists(port_file) or not read_text(port_file).strip():
                return False
            self.port = int(read_text(port_file))
            return self.stats()

        wait_until(answers, 10, "the simulator's first answer")

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    region = REGION

    @property
    def credentials(self):
        """Variables for whoever mounts this account."""
        return providers.credentials(self.endpoint, REGION, SECRET_ID, self.secret_key)

    def mount_options(self, endpoint=None):
        """With EVS the token says where the account is, unless it is to be elsewhere."""
        if providers.PROVIDER == "evs" and not endpoint:
            return []
        return [f"endpoint={endpoint or self.endpoint}"]

    def control(self, method, path, body=None):
        request = urllib.request.Request(self.endpoint + path, method=method,
                                         data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    def stats(self):
        stats = self.control("GET", "/_sim/stats")
        for counters in ("requests", "changes", "peak_per_second"):
            stats[counters] = providers.with_common_names(stats[counters])
        return stats

    def log(self, action=None):
        """The last requests, oldest first."""
        entries = self.control("GET", "/_sim/log")
        entries = entries if isinstance(entries, list) else entries["log"]
        entries = [entry for entry in entries if action is None or entry["action"] == providers.own_name(action)]
        for entry in entries:
            entry["params"] = providers.with_common_parameters(action, entry["params"])
        return entries

    def faults(self, *faults):
        own = [{**fault, "action": providers.own_name(fault["action"])} for fault in faults]
        self.control("POST", "/_sim/faults", {"faults": own})

    def fault(self, action, kind, **parameters):
        self.faults({"action": action, "kind": kind, **parameters})

    def patch(self, **tables):
        self.control("POST", "/_sim/patch", tables)

    @contextmanager
    def counting(self):
        counted = Counted()
        before = self.stats()
        yield counted
        after = self.stats()
        counted.requests.update(Counter(after["requests"]) - Counter(before["requests"]))
        counted.executed.update(Counter(after["changes"]) - Counter(before["changes"]))

    def requests(self, action):
        return self.stats()["requests"].get(action, 0)

    def identifier(self, prefix):
        self.serial += 1
        return providers.own_id(f"{prefix}-t{self.serial:07d}")

    def disk_record(self, **fields):
        """What a record needs to be told; the simulator works out the rest, and the states that follow."""
        identifier = fields.pop("DiskId", None) or self.identifier("disk")
        return {"DiskId": identifier, "DiskName": f"name-of-{identifier}", "DiskType": "CLOUD_SSD",
                "DiskSize": 50, "CreateTime": beijing(now() - timedelta(days=100)), **fields}

    def snapshot_record(self, disk, name, **fields):
        identifier = fields.pop("SnapshotId", None) or self.identifier("snap")
        created = now() - timedelta(days=50) + timedelta(minutes=self.serial)
        return {"SnapshotId": identifier, "SnapshotName": name, "DiskId": disk, "DiskSize": 50,
                "CreateTime": beijing(created), **fields}

    def add_disk(self, **fields):
        record = self.disk_record(**fields)
        self.patch(disks={record["DiskId"]: record})
        return record["DiskId"]

    def add_spare_disks(self, count):
        """Disks that tests take from: a new one for each would cost a refresh each, at 20 a second."""
        records = [self.disk_record() for _ in range(count)]
        self.patch(disks={record["DiskId"]: record for record in records})
        self.spare_disks += [record["DiskId"] for record in records]

    def add_snapshot(self, disk, name, **fields):
        record = self.snapshot_record(disk, name, **fields)
        self.patch(snapshots={record["SnapshotId"]: record})
        return record["SnapshotId"]

    def stop(self):
        problems = []
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                problems.append("the simulator did not end on SIGTERM")
        if self.process and self.process.returncode not in (0, -signal.SIGTERM):
            problems.append(f"the simulator ended with {self.process.returncode}")
        return problems + self.complaints()


class Mount(Daemon):
    """One kernel mount.  The constructor returns when it is mounted, or raises with cbsfs's own words."""

    program = CBSFS
    place = "mnt"

    def __init__(self, directory, simulator, *options, source=True, background=False, endpoint=None,
                 environment=None, arguments=()):
        super().__init__(directory)
        self.simulator = simulator
        self.point = os.path.join(directory, self.place)
        self.home = os.path.join(directory, "home")
        os.makedirs(self.point, exist_ok=True)
        os.makedirs(self.home, exist_ok=True)
        self.background = background
        self.pid = self.device = None
        source = simulator.region if source is True else source
        words = [*simulator.mount_options(endpoint), *providers.OPTIONS, *options]
        if SLOWER > 1 and not any(word.startswith("timeout=") for word in options):
            words.append(f"timeout={int(10 * SLOWER)}")
        wrapper = shlex.split(WRAPPER.replace("{log}", os.path.join(self.directory, "wrapper")))
        self.argv = [*wrapper, self.program, *arguments, *([source] if source else []), self.point, "-o", ",".join(words)]
        if not background:
            self.argv.append("-f")
        self.environment = clean_environment(self.home, self.directory,
                                             {"TENCENTCLOUD_SECRET_ID": None, "TENCENTCLOUD_SECRET_KEY": None,
                                              **simulator.credentials, **(environment or {})})
        self.start()

    def start(self):
        self.begin()
        self.first = self.held()

    def begin(self):
        self.launch(self.argv, self.environment)
        if self.background:
            status = self.process.wait(30 * SLOWER)
            assert status == 0, f"cbsfs exited {status}: {self.stderr()}"
            assert self.is_mounted(), "cbsfs returned 0 and nothing is mounted"
            self.pid = find_process(self.point)
            assert self.pid, "no process serves the mount"
        else:
            self.pid = self.process.pid

            def mounted():
                assert self.process.poll() is None, \
                    f"cbsfs exited {self.process.returncode}: {self.stderr()}"
                return self.is_mounted()

            wait_until(mounted, 30, "the mount")
        self.device = mount_device(self.point)

    def is_mounted(self):
        return mount_type(self.point) is not None

    def is_running(self):
        if self.background:
            return process_is_running(self.pid)
        return self.process.poll() is None

    def path(self, *parts):
        return os.path.join(self.point, *parts)

    def disk(self, disk, *parts):
        return self.path("disks", disk, *parts)

    def snapshot(self, disk, name, *parts):
        return self.path("disks", disk, "snapshots", name, *parts)

    def read(self, path):
        return assert_done(run("cat", path)).out

    def value(self, path):
        """The one value of a file: a line with its newline."""
        text = self.read(path)
        assert text.endswith("\n") and text.count("\n") == 1, repr(text)
        return text[:-1]

    def list(self, *parts):
        return assert_done(run("ls", "-A", self.path(*parts))).out.splitlines()

    def snapshots(self, disk):
        return self.list("disks", disk, "snapshots")

    def exists(self, path):
        return run("test", "-e", path).status == 0

    def refresh(self):
        assert_done(shell('echo now > "$1"', self.path(".cbsfs", "refresh")))

    def add_disk(self, **fields):
        """A new disk in the cloud, known to the mount."""
        disk = self.simulator.add_disk(**fields)
        self.show(self.disk(disk))
        return disk

    def add_snapshot(self, disk, name, shown=None, **fields):
        snapshot = self.simulator.add_snapshot(disk, name, **fields)
        self.show(self.snapshot(disk, name if shown is None else shown))
        return snapshot

    def add_snapshots(self, disk, *names):
        for name in names:
            self.simulator.add_snapshot(disk, name)
        self.show(self.snapshot(disk, names[-1]))

    def show(self, path):
        self.refresh()
        wait_until(lambda: self.exists(path), 15, f"{path} in the mount")

    def stats(self):
        """What `.cbsfs/stats` says: {key: text}."""
        return dict(line.split(" ", 1) for line in self.read(self.path(".cbsfs", "stats")).splitlines())

    def inside(self, *command):
        """Runs a command as somebody, and in a place, to whom the mount shows itself."""
        return run(*command)

    def held(self):
        """What the daemon has at this moment, as (descriptors, stats); stats is {} where nobody may look."""
        # Its answer also says that the daemon is done with starting.
        shown = self.inside("cat", self.path(".cbsfs", "stats"))
        stats = dict(line.split(" ", 1) for line in shown.out.splitlines()) if shown.status == 0 else {}
        return descriptors(self.pid), stats

    def leftovers(self, jobs=False):
        """What a test has left behind in the daemon; with `jobs`, a call still under way is no fault.

        Connections are kept for the next call, CONNECTIONS at most; all other descriptors are those of the start.
        """
        if not self.is_running() or not self.is_mounted() or self.first[0] is None:
            return []
        problems = []

        def is_back():
            problems.clear()
            (sockets, others), stats = self.held()
            before_sockets, before = self.first[0]
            if others != before:
                problems.append(f"descriptors: more {dict(Counter(others) - Counter(before))}, "
                                f"fewer {dict(Counter(before) - Counter(others))}")
            if sockets > max(before_sockets, BASE_SOCKETS) + CONNECTIONS:
                problems.append(f"sockets: {before_sockets} became {sockets}")
            for key, most in (("parked", 0), ("polls", 0), ("handles", 1)):
                if int(stats.get(key, 0)) > most:
                    problems.append(f"{key}: {stats[key]}")
            shown = int(stats.get("disks", 0)) + int(stats.get("snapshots", 0))
            if int(stats.get("memory", 0)) > MEMORY + shown * MEMORY_EACH:
                problems.append(f"memory: {stats['memory']} bytes for {shown} disks and snapshots")
            for key in () if jobs else ("jobs_running", "in_flight", "queued"):
                if int(stats.get(key, 0)) > 0:
                    problems.append(f"{key}: {stats[key]}")
            return not problems

        try:
            wait_until(is_back, LEFTOVER_TIME)
        except AssertionError:
            pass
        return [f"left behind in {self.point}: {problem}" for problem in problems]

    def kill(self):
        if self.pid and self.is_running():
            os.kill(self.pid, signal.SIGKILL)

    def unmount(self):
        """Unmounts as a user does; a mount that stays busy is detached and reported."""
        deadline = time.monotonic() + 5
        while self.is_mounted():
            result = run("fusermount3", "-u", self.point)
            if result.status != 0 and time.monotonic() > deadline:
                run("fusermount3", "-uz", self.point)
                return [f"fusermount3 -u: {result.err.strip()}"]
            time.sleep(0.02)
        return []

    def wait_for_end(self, seconds=15):
        """Waits for the end of an unmounted daemon, for longer while its mount is there elsewhere; returns who has it.

        Whoever makes a mount namespace anywhere on this machine has a copy of every mount that there is.
        """
        end = time.monotonic() + seconds * SLOWER
        last, holders = end + 60, []
        while self.is_running() and time.monotonic() < end:
            time.sleep(0.03)
            if time.monotonic() > end:
                holders = holders_of(self.device)
                if holders and end < last:
                    end += 3  # a change on the wire has half of it
        return holders

    def stop(self):
        died = not self.is_running()
        problems = self.unmount()
        if died:
            problems.append("the daemon had died")
        holders = self.wait_for_end()
        if self.is_running():
            problems.append(f"the daemon did not end after the unmount; held by {holders}")
            self.kill()
        if not self.background and self.process.wait() != 0:
            problems.append(f"cbsfs exited {self.process.returncode}")
        if self.is_mounted():
            problems.append("still mounted")
        return problems + self.complaints()


def clean_environment(home, directory, extra=None):
    """A user's environment without anything that this machine may say about clouds."""
    environment = {"PATH": os.environ["PATH"], "HOME": home, "LC_ALL": "C.UTF-8",
                   "TENCENTCLOUD_SECRET_ID": SECRET_ID, "TENCENTCLOUD_SECRET_KEY": SECRET_KEY,
                   **sanitizer_environment(directory)}
    for name, value in (extra or {}).items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    return environment


def mount_table(pid="self"):
    """What a process sees mounted, as (point, type, device). Never touches a mount."""
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8", errors="replace") as table:
        for line in table:
            words = line.split()
            yield words[4].encode().decode("unicode_escape"), words[words.index("-") + 1], words[2]


def mount_type(point):
    """The type of the topmost mount at `point`, or None."""
    return ([kind for place, kind, _ in mount_table() if place == point] or [None])[-1]


def mount_device(point):
    return ([device for place, _, device in mount_table() if place == point] or [None])[-1]


def holders_of(device):
    """Who has this mount in a mount namespace, as "pid command", one for each namespace."""
    holders = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            space = os.readlink(f"/proc/{entry}/ns/mnt")
            if space not in holders and any(found == device for _, _, found in mount_table(entry)):
                holders[space] = f"{entry} {read_text(f'/proc/{entry}/cmdline')[:80]!r}"
        except OSError:
            continue
    return list(holders.values())


def find_process(point):
    """The pid of the cbsfs that serves `point`, or None."""
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if any(os.path.basename(word).startswith(b"cbsfs") for word in (words if WRAPPER else words[:1])) and point.encode() in words \
                and process_is_running(int(entry)):
            return int(entry)
    return None
