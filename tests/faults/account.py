# SPDX-License-Identifier: Apache-2.0
"""An account and a mount of their own for one case, and the four changes that can be made to them.

Fault scripts, counters and the breaker belong to a whole simulator or mount.  Cases that run side by side
therefore share nothing, and what one of them counts is its own.
"""
import errno
import json
import os
import shutil
import tempfile
import time
from contextlib import contextmanager

from commands import run, shell
from gate import Gate
from stage import Stage
from tc3 import Client

TIMEOUT = 2  # seconds for one operation
LANES = int(os.environ.get("CBSFS_TEST_LANES", "16"))

# The words of design 7.
ALLOWED = {errno.EKEYREJECTED, errno.EKEYEXPIRED, errno.EACCES, errno.EBUSY, errno.EDQUOT, errno.EEXIST,
           errno.ENOENT, errno.EINVAL, errno.ENAMETOOLONG, errno.EPERM, errno.EROFS, errno.EOPNOTSUPP,
           errno.EAGAIN, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ECONNREFUSED, errno.EPROTO,
           errno.EREMOTEIO}
ACTIONS = {"mkdir": "CreateSnapshot", "rollback": "ApplySnapshot", "mv": "ModifySnapshotAttribute",
           "rmdir": "DeleteSnapshots"}

figures = []  # lines for the end of the run


def error_number(result):
    """The errno that a command printed; 0 for success, None if it printed none."""
    if result.status == 0:
        return 0
    for number in errno.errorcode:
        if result.err.rstrip().endswith(": " + os.strerror(number)):
            return number
    return None


def truth(port):
    """What the simulator's API lists: {disk: {id: (name, state, creation)}}."""
    count, disks = 0, {}
    while True:
        page = Client(port).call("DescribeSnapshots", {"Limit": 100, "Offset": count})["SnapshotSet"]
        count += len(page)
        for record in page:
            disks.setdefault(record["DiskId"], {})[record["SnapshotId"]] = (
                record["SnapshotName"], record["SnapshotState"], record["CreateTime"])
        if len(page) < 100:
            return disks


class Account:
    """One simulator, one mount, one disk with one snapshot named `good`."""

    def __init__(self, stage, timeout=TIMEOUT, arguments=("--create-time", "0.2", "--rollback-time", "30"),
                 gated=False, options=()):
        self.timeout = timeout
        self.simulator = stage.simulator("--rate", "0", *arguments)
        self.disk = self.simulator.add_disk()
        self.good = self.simulator.add_snapshot(self.disk, "good")
        self.gate = Gate(self.simulator.port) if gated else None
        self.mount = stage.mount(self.simulator, "ttl=30", f"timeout={timeout}", "allow_delete", *options,
                                 endpoint=f"http://127.0.0.1:{self.gate.port}" if gated else None)
        self.mount.snapshots(self.disk)
        self.began = time.monotonic()

    def executed(self, verb):
        return self.simulator.stats()["changes"].get(ACTIONS[verb], 0)

    def requests(self, verb):
        return self.simulator.requests(ACTIONS[verb])

    def change(self, verb, name="new", disk=None, new="moved"):
        """What a user types.  `name` is what is made, moved, removed or rolled back to."""
        path = self.mount.snapshot(disk or self.disk, name)
        if verb == "mkdir":
            return run("mkdir", path)
        if verb == "mv":  # mv -n says nothing of what it did not do
            return run("perl", "-e", 'rename $ARGV[0], $ARGV[1] or die "rename: $!\\n"', path,
                       self.mount.snapshot(disk or self.disk, new))
        if verb == "rmdir":
            return run("rmdir", path)
        return shell('echo 1 > "$1"', os.path.join(path, "rollback"))

    def jobs(self):
        return [json.loads(line) for line in self.mount.read(self.mount.path(".cbsfs", "jobs")).splitlines()]

    def journal(self):
        return [json.loads(line) for line in self.mount.read(self.mount.path(".cbsfs", "errors")).splitlines()]


@contextmanager
def account(**keywords):
    """An Account that is taken down again; what was wrong with its daemons fails the case."""
    directory = tempfile.mkdtemp(prefix="cbsfs-faults-")
    stage = Stage(directory)
    own = None
    try:
        own = Account(stage, **keywords)
        yield own
    finally:
        if own is not None and own.gate is not None:
            own.gate.close()
        problems = stage.close()
        shutil.rmtree(directory, ignore_errors=True)
    assert not problems, "\n".join(problems)
