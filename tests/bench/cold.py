# SPDX-License-Identifier: Apache-2.0
"""What cbsfs costs where the API sets the pace: a mount against the simulator, measured from outside.

Each function takes what it needs and returns figures; nothing is judged here.  As a program it prints them all:

    CBSFS=build/cbsfs CBSFS_SIM=build/cbsfs-sim tests/bench/cold.py [NAME...]
"""
import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

CBSFS = os.environ.get("CBSFS", "cbsfs")
CBSFS_SIM = os.environ.get("CBSFS_SIM", "cbsfs-sim")
PARSE = os.environ.get("CBSFS_BENCH_PARSE", os.path.join(os.path.dirname(CBSFS), "tests", "bench", "parse"))
SECRETS = {"TENCENTCLOUD_SECRET_ID": "AKIDSIMULATOR", "TENCENTCLOUD_SECRET_KEY": "simulator"}


def until(predicate, seconds, what):
    deadline = time.monotonic() + seconds
    while not (value := predicate()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come true within {seconds} s")
        time.sleep(0.002)
    return value


def processor_time(pid):
    """Seconds that a process has computed, to the nanosecond."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def wake_ups(pid):
    """How often its threads went to sleep by themselves; each of these was a wake-up before."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as file:
            total += int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", file.read(), re.M).group(1))
    return total


def resident(pid):
    """Bytes in memory."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"^VmRSS:\s*(\d+) kB", file.read(), re.M).group(1)) * 1024


class Simulator:
    """An account; `arguments` are cbsfs-sim's."""

    def __init__(self, *arguments):
        self.directory = tempfile.mkdtemp(prefix="cbsfs-bench-")
        port_file = os.path.join(self.directory, "port")
        self.process = subprocess.Popen([CBSFS_SIM, "--port-file", port_file, *map(str, arguments)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def port():
            if self.process.poll() is not None:
                raise RuntimeError(f"cbsfs-sim ended with {self.process.returncode}")
            with contextlib.suppress(OSError, ValueError), open(port_file, encoding="ascii") as file:
                return int(file.read())

        self.port = until(port, 60, "the simulator's port")
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def control(self, method, path, body=None):
        request = urllib.request.Request(self.endpoint + path, method=method,
                                         data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def stats(self):
        return self.control("GET", "/_sim/stats")

    def requests(self):
        return sum(self.stats()["requests"].values())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


class Mount:
    """A mount of a simulator, in the foreground of a process of its own; `started` is how many seconds it took."""

    def __init__(self, simulator, *options, endpoint=None):
        self.directory = tempfile.mkdtemp(prefix="cbsfs-bench-")
        self.point = os.path.join(self.directory, "mnt")
        os.mkdir(self.point)
        environment = {"PATH": os.environ["PATH"], "HOME": self.directory, "LC_ALL": "C.UTF-8", **SECRETS}
        words = ",".join([f"endpoint={endpoint or simulator.endpoint}", *options])
        began = time.monotonic()
        self.process = subprocess.Popen([CBSFS, "ap-guangzhou", self.point, "-f", "-o", words], env=environment,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.pid = self.process.pid

        def mounted():
            if self.process.poll() is not None:
                raise RuntimeError(f"cbsfs ended: {self.process.stderr.read().decode()}")
            return os.path.ismount(self.point)

        until(mounted, 60, "the mount")
        self.started = time.monotonic() - began

    def path(self, *parts):
        return os.path.join(self.point, *parts)

    def stats(self):
        with open(self.path(".cbsfs", "stats"), encoding="utf-8") as file:
            return dict(line.rstrip("\n").split(" ", 1) for line in file)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["fusermount3", "-u", self.point], check=False, stderr=subprocess.DEVNULL)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            subprocess.run(["fusermount3", "-uz", self.point], check=False)
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def a_disk(simulator):
    """Some disk of the account, with its snapshots, from the API itself."""
    return ask(simulator, "DescribeSnapshots", Limit=1)["SnapshotSet"][0]["DiskId"]


def ask(simulator, action, **parameters):
    return json.loads(page_of(simulator, action, **parameters))["Response"]


def page_of(simulator, action, **parameters):
    """The body of an answer as it comes; signed as the API wants it."""
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "sim"))
    import tc3  # pylint: disable=import-outside-toplevel,import-error
    body = json.dumps(parameters).encode()
    connection = http.client.HTTPConnection("127.0.0.1", simulator.port, timeout=60)
    try:
        connection.request("POST", "/", body=body, headers=tc3.Client(simulator.port).headers(action, body))
        return connection.getresponse().read()
    finally:
        connection.close()


def save_pages(simulator, directory, count):
    """Records `count` pages of 100 snapshots as files, spread over the account."""
    total = ask(simulator, "DescribeSnapshots", Limit=1)["TotalCount"]
    for number in range(count):
        offset = total // 100 * number // count * 100
        with open(os.path.join(directory, f"{number:05d}.json"), "wb") as file:
            file.write(page_of(simulator, "DescribeSnapshots", Limit=100, Offset=offset, Order="ASC",
                               OrderField="CREATE_TIME"))


def parsing_alone(simulator, count=100, pause=0):
    """Seconds of CPU for a page of 100 snapshots, by Jansson alone; `pause`: milliseconds before each page."""
    with tempfile.TemporaryDirectory() as directory:
        save_pages(simulator, directory, count)
        files = [os.path.join(directory, name) for name in sorted(os.listdir(directory))]
        out = subprocess.run([PARSE, *(["-p", str(pause)] if pause else []), *files], check=True, stdout=subprocess.PIPE, text=True).stdout
    return float(re.search(r"(\S+) us a page", out).group(1)) / 1e6


def cold_listing(disks=1000, snapshots=100, latency=80, rate=20, options=()):
    """The first listing of everything, and what a look at one disk costs in its middle.

    `bound` is what the API's rate allows, `wanted` the time until the wanted disk's snapshots were there,
    `trip` a round trip; all in seconds.  `parse` is what Jansson alone needs for the same pages.
    """
    with Simulator("--disks", disks, "--snapshots", snapshots, "--latency", latency, "--rate", rate) as simulator:
        disk = a_disk(simulator)
        parse = parsing_alone(simulator, pause=1000 // rate if rate else 0) if os.path.exists(PARSE) else None
        time.sleep(1.1)  # what was asked until here has left the second over which the limit counts
        with Mount(simulator, "ttl=86400", "timeout=600", *options) as mount:
            before = processor_time(mount.pid), mount.stats(), simulator.stats()
            began = time.monotonic()
            lister = subprocess.Popen(["ls", "-U", mount.path("snapshots")], stdout=subprocess.DEVNULL)
            pages = disks * snapshots // 100
            middle = began + min(5, pages / (rate or 1000) / 2)
            while time.monotonic() < middle and lister.poll() is None:
                time.sleep(0.01)
            asked = time.monotonic()
            os.listdir(mount.path("disks", disk, "snapshots"))
            wanted = time.monotonic() - asked
            lister.wait()
            took = time.monotonic() - began
            after = processor_time(mount.pid), mount.stats(), simulator.stats()
        calls = sum(after[2]["requests"].values()) - sum(before[2]["requests"].values())
        return {"seconds": took, "bound": pages / rate if rate else None,
                "ratio": took * rate / pages if rate else None, "pages": pages, "calls": calls,
                "refused": after[2]["errors"].get("RequestLimitExceeded", 0), "peak": after[2]["peak_per_second"],
                "connections": int(after[1]["connections"]), "wanted": wanted, "trip": latency / 1000,
                "cpu": after[0] - before[0], "cpu_a_page": (after[0] - before[0]) / calls, "parse_a_page": parse,
                "cpu_ratio": (after[0] - before[0]) / calls / parse if parse else None,
                "listed": ls_status(lister.returncode)}


def ls_status(status):
    if status != 0:
        raise RuntimeError(f"ls failed: {status}")
    return True


def first_look(latency=80):
    """On a cold mount: seconds and calls of the mount itself, of the first `ls` of one disk's snapshots, and of the
    first `ls disks` of 300 disks with 3,000 snapshots; `trip` is a round trip."""
    with Simulator("--disks", 300, "--snapshots", 10, "--latency", latency) as simulator:
        disk = a_disk(simulator)
        figures = {"trip": latency / 1000}
        time.sleep(1.1)
        calls = simulator.requests()
        with Mount(simulator, "ttl=600", "timeout=60") as mount:
            figures["mount"] = mount.started
            figures["mount_calls"] = simulator.requests() - calls
            calls = simulator.requests()
            began = time.monotonic()
            os.listdir(mount.path("disks", disk, "snapshots"))
            figures["disk"] = time.monotonic() - began
            figures["disk_calls"] = simulator.requests() - calls
        with Mount(simulator, "ttl=600", "timeout=60") as mount:
            calls = simulator.requests()
            began = time.monotonic()
            os.listdir(mount.path("disks"))
            figures["disks"] = time.monotonic() - began
            figures["disks_calls"] = simulator.requests() - calls
        return figures


def at_rest(seconds=20):
    """With a catalogue in memory and nobody looking: wake-ups and API calls a second."""
    with Simulator("--disks", 10, "--snapshots", 10) as simulator, Mount(simulator, "ttl=1") as mount:
        subprocess.run(["ls", "-lR", mount.point], check=True, stdout=subprocess.DEVNULL)
        time.sleep(3)  # until what the last call has left is over
        before = wake_ups(mount.pid), simulator.requests(), time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - before[2]
        return {"wake_ups": (wake_ups(mount.pid) - before[0]) / took,
                "calls": (simulator.requests() - before[1]) / took}


def cached_stat(readers=32, seconds=3, latency=200):
    """p50, p99 and p99.9 of a stat of what is known, in microseconds, alone and with readers waiting on the API."""

    def sample(path):
        times = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            began = time.perf_counter_ns()
            os.stat(path)
            times.append(time.perf_counter_ns() - began)
        times.sort()
        return {name: times[int(len(times) * part)] / 1000 for name, part in
                (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))} | {"count": len(times)}

    with Simulator("--disks", 200, "--snapshots", 10, "--latency", latency, "--rate", 0) as simulator, \
            Mount(simulator, "ttl=600", "rate=1000") as mount:
        path = mount.path(".cbsfs", "stats")  # never the kernel's: each look is the daemon's
        alone = sample(path)
        waiting = []
        stop = threading.Event()

        def wait_for_the_api():
            while not stop.is_set():
                # Each refresh makes what is known too old, so that the next look has to ask.
                with open(mount.path(".cbsfs", "refresh"), "w", encoding="ascii") as file:
                    file.write("now\n")
                subprocess.run(["ls", mount.path("snapshots")], check=False, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)

        for _ in range(readers):
            waiting.append(threading.Thread(target=wait_for_the_api))
            waiting[-1].start()
        time.sleep(0.5)
        crowded = sample(path)
        stop.set()
        for thread in waiting:
            thread.join()
        return {"alone": alone, "crowded": crowded, "ratio": crowded["p99"] / alone["p99"]}


ALL = {"cold_listing": cold_listing, "first_look": first_look, "at_rest": at_rest, "cached_stat": cached_stat}


def main():
    for name in sys.argv[1:] or ALL:
        print(name, json.dumps(ALL[name](), indent=2))


if __name__ == "__main__":
    main()
