# SPDX-License-Identifier: Apache-2.0
"""How long the snapshots of one volume take in Cinder's own client and in a mount, over a real Keystone and Cinder.

Prints {"cinder": [seconds ...], "cold": [...], "warm": [...], "server": [...]} as JSON; the last is one answer of Cinder.  CBSFS_TEST_PROVIDER has to be openstack.
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "openstack"), os.path.join(os.path.dirname(HERE), "mount")]

# pylint: disable=wrong-import-position
from cloud import REGION  # noqa: E402
from stage import Stage  # noqa: E402

SNAPSHOTS = 100
ROUNDS = 5


def seconds(argv, environment):
    began = time.monotonic()
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    took = time.monotonic() - began
    assert len(done.stdout.splitlines()) >= SNAPSHOTS, done
    return took


def measure(stage):
    account = stage.simulator("--disks", "8", "--snapshots", "0")
    disk = account.add_disk()
    records = [account.snapshot_record(disk, f"nightly-{i:05d}") for i in range(SNAPSHOTS)]
    account.patch(snapshots={record["SnapshotId"]: record for record in records})
    # Past the proxies that count for the tests: in this region the services are themselves.
    credentials = {**account.credentials, "OS_AUTH_URL": account.cloud.identity, "OS_REGION_NAME": REGION}
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": account.directory, "OS_VOLUME_API_VERSION": "3",
                   **credentials}
    times = {"cinder": [], "cold": [], "warm": [], "server": []}
    account.direct.cinder("GET", "/types")
    for _ in range(ROUNDS):
        began = time.monotonic()
        account.direct.cinder("GET", f"/snapshots/detail?volume_id={disk}")
        times["server"].append(time.monotonic() - began)
        times["cinder"].append(seconds(["cinder", "snapshot-list", "--volume-id", disk], environment))
        mount = stage.mount(account, "ttl=86400", source=REGION, environment=credentials)
        for kind in ("cold", "warm"):
            times[kind].append(seconds(["ls", mount.disk(disk, "snapshots")], environment))
        assert not stage.remove(mount)
    return times


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="cbsfs-bench-", dir="/tmp") as directory:
        stage = Stage(directory)
        try:
            times = measure(stage)
        finally:
            problems = stage.close()
    assert not problems, problems
    print(json.dumps(times))


if __name__ == "__main__":
    main()
