# SPDX-License-Identifier: Apache-2.0
"""What somebody would run instead: the official SDK, Cinder's client, and other filesystems over a copy of the tree."""
import json
import os
import shutil
import socket
import subprocess
import sys
import time

from commands import wait_until
from harness import SECRET_ID, SECRET_KEY, mount_type
from place import HERE, LONG, NotHere, PROCESSORS
from table import Spread

ROUNDS = 5
SFTP_SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/libexec/sftp-server", "/usr/lib/ssh/sftp-server")


def in_words(what, mine, theirs):
    return f"{Spread.of(mine).middle * 1000:.2f} ms, {what} {Spread.of(theirs).middle * 1000:.0f} ms"


# --- clients of the API ---------------------------------------------------------------------------------


def measure_clients(place, table):
    sdk = os.environ.get("CBSFS_SDK")
    if not sdk or shutil.which("node") is None:
        raise NotHere("node or the official SDK cannot be installed")
    cold, warm, theirs = [], [], []
    with place.part():
        account = place.account(10, 100)
        seen = place.mount(account, LONG)
        disk = place.disks(seen)[0]
        environment = {**os.environ, "NODE_PATH": os.path.join(sdk, "node_modules"), "CBSFS_SIM_SECRET_ID": SECRET_ID,
                       "CBSFS_SIM_SECRET_KEY": SECRET_KEY}
        client = ["node", os.path.join(HERE, "sdk.js"), account.port, disk]
        listed = subprocess.run(list(map(str, client)), env=environment, capture_output=True, text=True, check=True).stdout
        assert len(json.loads(listed)) == 100, listed
        for _ in range(ROUNDS + 2):
            theirs.append(place.timed(*client, env=environment))
            fresh = place.mount(account, LONG, alone=False)
            cold.append(place.timed("ls", fresh.disk(disk, "snapshots")))
            warm.append(place.timed("ls", fresh.disk(disk, "snapshots")))
            place.remove(fresh)
    table.ratio("sdk-cold", theirs, cold, in_words("node", cold, theirs))
    table.ratio("sdk-warm", theirs, warm, in_words("node", warm, theirs))


def measure_cinder(_, table):
    """In a process of its own, as the tests' modules are of one cloud at a time."""
    missing = subprocess.run([sys.executable, "-c", "import cloud; print(*cloud.missing())"], capture_output=True, text=True,
                             check=True, cwd=os.path.join(os.path.dirname(HERE), "openstack")).stdout.strip()
    if not missing and shutil.which("cinder") is None:
        missing = "python3-cinderclient"
    if missing:
        raise NotHere(f"{missing} not installed (contrib/install-dependencies openstack)")
    child = subprocess.Popen([sys.executable, os.path.join(HERE, "cinder.py")], stdout=subprocess.PIPE, text=True,
                             env={**os.environ, "CBSFS_TEST_PROVIDER": "openstack"})
    try:
        printed, _ = child.communicate(timeout=300)
    except BaseException:
        # It has services of its own to end.
        child.terminate()
        child.wait(60)
        raise
    assert child.returncode == 0, f"cinder.py exited {child.returncode}"
    times = json.loads(printed)
    for key in ("cold", "warm"):
        table.ratio(f"cinder-{key}", times["cinder"], times[key], in_words("cinder", times[key], times["cinder"])
                    + (f", one answer of the server {Spread.of(times['server']).middle * 1000:.0f} ms" if key == "cold" else ""))


# --- other filesystems ----------------------------------------------------------------------------------


class Peer:
    """A mount of another filesystem, in the foreground; unmounted and ended by close()."""

    def __init__(self, place, name):
        self.point = os.path.join(place.directory, name)
        os.makedirs(self.point, exist_ok=True)
        self.processes = []
        place.undo.append(self.close)

    def launch(self, argv, **keywords):
        self.processes.append(subprocess.Popen(argv, **{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
                                                        "stderr": subprocess.DEVNULL, **keywords}))

    def wait(self):
        wait_until(lambda: mount_type(self.point) or self.processes[-1].poll() is not None, 20, "the mount")
        if mount_type(self.point) is None:
            raise NotHere(f"{self.processes[-1].args[0]} exited {self.processes[-1].poll()}")
        return self

    def close(self):
        deadline = time.monotonic() + 5
        while mount_type(self.point):
            late = time.monotonic() > deadline
            subprocess.run(["fusermount3", "-uz" if late else "-u", self.point], capture_output=True, check=False)
            time.sleep(0.05)
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def sshfs(place, source):
    """Without ssh between it and the server, so without encryption: the best that it can be."""
    server = next((path for path in SFTP_SERVERS if os.path.exists(path)), None)
    if server is None or shutil.which("sshfs") is None:
        raise NotHere("sshfs or sftp-server is not installed (contrib/install-dependencies bench)")
    peer = Peer(place, "sshfs")
    near, far = socket.socketpair()
    with near, far:
        peer.launch([server], stdin=far, stdout=far)
        peer.launch(["sshfs", "-f", f"localhost:{source}", peer.point, "-o", "passive"], stdin=near, stdout=near)
    return peer.wait()


def rclone(place, source):
    """Of a local directory, so without a server: the best that it can be."""
    if shutil.which("rclone") is None:
        raise NotHere("rclone is not installed (contrib/install-dependencies bench)")
    peer = Peer(place, "rclone")
    peer.launch(["rclone", "mount", source, peer.point, "--config", "/dev/null", "--read-only"],
                env={**os.environ, "HOME": place.directory})
    return peer.wait()


def measure_remotes(place, table):
    """Unpinned, as the peers' servers and threads need more than one processor."""
    entries, files = place.size(10000, 100), place.size(1000, 20)
    with place.part():
        account = place.account(ROUNDS + 1, entries)
        mount = place.mount(account, LONG, alone=False)
        known, *others = place.know_all(mount, account)
        names = os.listdir(mount.disk(known, "snapshots"))
        source = place.memory()
        for name in names:
            os.makedirs(os.path.join(source, "disks", known, "snapshots", name))
        paths = [f"disks/{known}/snapshots/{name}/status" for name in names[:files]]
        for path in paths:
            shutil.copyfile(mount.path(path), os.path.join(source, path))
        listing = {"cbsfs": [loop(place, "ls", [f"disks/{disk}/snapshots"], mount.point) for disk in others[:ROUNDS]]}
        loop(place, "cat", paths, mount.point)
        for make in (sshfs, rclone):
            name = make.__name__
            try:
                compare(place, table, make, source, mount, paths, listing, known)
            except NotHere as reason:
                for key in (f"{name}-cat", f"{name}-ls"):
                    table.leave(key, str(reason))


def loop(place, kind, paths, root):
    return place.loop(kind, paths, 1, root, alone=False)[0][0]


def compare(place, table, make, source, mount, paths, listing, known):
    name = make.__name__
    first = []
    for _ in range(ROUNDS):
        peer = make(place, source)
        first.append(loop(place, "ls", [f"disks/{known}/snapshots"], peer.point))
        if len(first) < ROUNDS:
            peer.close()
    loop(place, "cat", paths, peer.point)
    loop(place, "cat", paths, mount.point)
    mine, theirs = place.loop("cat", paths, 2 * ROUNDS + 1, mount.point, peer.point, alone=False)
    peer.close()
    table.ratio(f"{name}-cat", theirs, mine, f"{Spread.of(mine).middle * 1e6:.1f} and {Spread.of(theirs).middle * 1e6:.1f} µs, "
                f"{len(PROCESSORS)} processors")
    table.ratio(f"{name}-ls", first, listing["cbsfs"],
                f"{Spread.of(listing['cbsfs']).middle * 1e6:.2f} and {Spread.of(first).middle * 1e6:.2f} µs an entry")
