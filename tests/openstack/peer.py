# SPDX-License-Identifier: Apache-2.0
"""The clients that OpenStack's users have, and what a user of the mount does meanwhile."""
import json
import os
import subprocess
import time

from api import Refused
from commands import assert_done, run, wait_until

INSTANCE = "11111111-2222-3333-4444-555555555555"
OPTIONS = ("ttl=1", "timeout=10", "allow_delete")
REVERT = ("cinder", "--os-volume-api-version", "3.40", "revert-to-snapshot")


class Peer:
    """A user's shell in which the clients work; mounts see the same variables."""

    def __init__(self, account, **variables):
        self.account = account
        self.variables = {**account.credentials, "OS_VOLUME_API_VERSION": "3", **variables}

    def run(self, *words, status=0):
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": self.account.directory, **self.variables}
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=60,
                              stdin=subprocess.DEVNULL)
        assert done.returncode == status, f"{words}: exit {done.returncode}: {done.stderr or done.stdout}"
        return done.stdout

    def snapshots(self):
        """{name: (id, status)} as `openstack` shows them."""
        listed = json.loads(self.run("openstack", "volume", "snapshot", "list", "-f", "json"))
        return {one["Name"]: (one["ID"], one["Status"]) for one in listed}

    def names_of_cinder(self, disk):
        """What `cinder` shows of a disk."""
        table = self.run("cinder", "snapshot-list", "--volume-id", disk).splitlines()
        columns = [word.strip() for word in table[1].split("|")]
        return {row.split("|")[columns.index("Name")].strip() for row in table[3:-1]}


def group_type(cloud):
    """The id of a type that makes groups of any volumes, which only an administrator can make."""
    for _ in range(2):
        known = {one["name"]: one["id"] for one in cloud.admin.cinder("GET", "/group_types", version="3.11")["group_types"]}
        if "any" in known:
            return known["any"]
        try:
            cloud.admin.cinder("POST", "/group_types", {"group_type": {"name": "any"}}, "3.11")
        except Refused:
            pass  # another test made it at the same moment
    raise AssertionError("no group type")


def volume_group(account, name, *volumes):
    """Puts volumes together, as `cinder group-create` and `group-update --add-volumes` do."""
    types = {one["name"]: one["id"] for one in account.direct.cinder("GET", "/types")["volume_types"]}
    group = account.direct.cinder("POST", "/groups", {"group": {
        "name": name, "group_type": group_type(account.cloud), "volume_types": [types["file"]]}}, "3.13")["group"]["id"]

    def is_ready():
        return account.direct.cinder("GET", f"/groups/{group}", version="3.13")["group"]["status"] == "available"

    wait_until(is_ready, 10, "the group of volumes")
    if volumes:
        account.direct.cinder("PUT", f"/groups/{group}", {"group": {"add_volumes": ",".join(volumes)}}, "3.13")
        wait_until(is_ready, 10, "the volumes in their group")
    return group


def settled(mount, disk, name):
    assert run("cat", mount.snapshot(disk, name, "wait"), timeout=20).out == "NORMAL 100\n"


def make(mount, disk, *names):
    """Snapshots in different seconds, as Cinder tells the newest by the second."""
    for name in names:
        assert_done(run("mkdir", mount.snapshot(disk, name)))
        settled(mount, disk, name)
        began = int(time.time())
        wait_until(lambda began=began: int(time.time()) > began, 3)


def shown(mount, disk, names):
    """They are what the mount shows, within its ttl and the time that Cinder takes."""
    wait_until(lambda: set(mount.snapshots(disk)) == set(names), 10, f"{names} in the mount")
