# SPDX-License-Identifier: Apache-2.0
"""The clients that OpenStack's users have, `openstack` and `cinder`, and a mount of the same project: each sees what the
other did.  And what a real cloud does to a mount: quotas, roles, tokens that end, services that go away.
"""
import errno
import json
import os
import subprocess
import time

import pytest

from commands import assert_done, assert_refused, run, shell, wait_until
from proxy import Proxy

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


@pytest.fixture
def account(own):
    return own.simulator("--create-time", "0.3", "--rollback-time", "0.5", "--disks", "0")


@pytest.fixture
def peer(account):
    return Peer(account)


@pytest.fixture
def disk(account):
    return account.direct.create_volume("web-data")


@pytest.fixture
def mnt(own, account, disk):
    mount = own.mount(account, *OPTIONS)
    assert mount.snapshots(disk) == []
    return mount


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


# --- each sees what the other did -------------------------------------------------------------------


def test_the_clients_see_what_the_mount_did(mnt, peer, disk):
    make(mnt, disk, "before upgrade", "每日快照")
    seen = peer.snapshots()
    assert set(seen) == {"before upgrade", "每日快照"} == peer.names_of_cinder(disk)
    assert seen["每日快照"] == (mnt.value(mnt.snapshot(disk, "每日快照", "id")), "available")
    assert_done(run("mv", mnt.snapshot(disk, "before upgrade"), mnt.snapshot(disk, "renamed")))
    assert_done(run("rmdir", mnt.snapshot(disk, "每日快照")))
    wait_until(lambda: peer.names_of_cinder(disk) == {"renamed"}, 10, "both changes in `cinder snapshot-list`")
    assert set(peer.snapshots()) == {"renamed"}


def test_the_mount_sees_what_the_clients_did(mnt, peer, disk):
    peer.run("openstack", "volume", "snapshot", "create", "--volume", disk, "by-openstack")
    peer.run("cinder", "snapshot-create", "--name", "by-cinder", disk)
    shown(mnt, disk, ["by-openstack", "by-cinder"])
    wait_until(lambda: mnt.value(mnt.snapshot(disk, "by-cinder", "status")) == "NORMAL 100", 10)
    assert mnt.value(mnt.snapshot(disk, "by-cinder", "state")) == "available"
    peer.run("openstack", "volume", "snapshot", "set", "--name", "a name", "by-openstack")
    peer.run("cinder", "snapshot-delete", "by-cinder")
    shown(mnt, disk, ["a name"])
    assert mnt.value(mnt.snapshot(disk, "a name", "id")) == peer.snapshots()["a name"][0]


def test_a_new_volume_and_its_name(mnt, peer):
    peer.run("cinder", "create", "2", "--name", "db/main")
    found = json.loads(peer.run("openstack", "volume", "list", "-f", "json"))
    other = next(one["ID"] for one in found if one["Name"] == "db/main")
    mnt.show(mnt.disk(other))
    assert mnt.value(mnt.disk(other, "name")) == "db/main" and mnt.value(mnt.disk(other, "size")) == "2"
    wait_until(lambda: mnt.value(mnt.disk(other, "state")) == "available", 10)


def test_a_rollback_brings_the_data_back(cloud, mnt, peer, disk):
    data = cloud.volume_data(disk)
    for text, name in (("monday", "one"), ("tuesday", "two")):
        with open(data, "w", encoding="ascii") as file:
            file.write(text)
        make(mnt, disk, name)
    with open(data, "w", encoding="ascii") as file:
        file.write("spoilt")
    assert_done(shell('echo 1 > "$1"', mnt.snapshot(disk, "two", "rollback")))
    settled(mnt, disk, "two")
    with open(data, encoding="ascii") as file:
        assert file.read() == "tuesday"
    with open(data, "w", encoding="ascii") as file:
        file.write("spoilt again")
    peer.run(*REVERT, mnt.value(mnt.snapshot(disk, "two", "id")))
    mnt.refresh()
    settled(mnt, disk, "two")
    wait_until(lambda: mnt.value(mnt.disk(disk, "state")) == "available", 10)
    with open(data, encoding="ascii") as file:
        assert file.read() == "tuesday"


def test_a_rollback_by_a_client_is_seen_while_it_runs(cloud, account, mnt, peer, disk):
    make(mnt, disk, "good")
    cloud.set_backend(account.project, revert_to_snapshot=4)
    peer.run(*REVERT, mnt.value(mnt.snapshot(disk, "good", "id")))
    mnt.refresh()
    wait_until(lambda: mnt.value(mnt.snapshot(disk, "good", "status")).startswith("ROLLBACKING "), 3)
    assert mnt.value(mnt.snapshot(disk, "good", "state")) == "restoring"
    assert_refused(shell('echo 1 > "$1"', mnt.snapshot(disk, "good", "rollback")), errno.EBUSY)
    assert assert_done(run("cat", mnt.snapshot(disk, "good", "wait"))).out == "NORMAL 100\n"


# --- what Cinder refuses ----------------------------------------------------------------------------


def test_only_the_newest_can_be_rolled_back_to(cloud, account, mnt, disk):
    make(mnt, disk, "old", "newer", "newest")
    with account.counting() as count:
        assert_refused(shell('echo 1 > "$1"', mnt.snapshot(disk, "old", "rollback")), errno.EBUSY)
    assert count.executed["ApplySnapshot"] == 0
    reason = mnt.read(mnt.snapshot(disk, "old", "error"))
    assert "newer" in reason and "newest" in reason, reason
    assert "FAIL" in mnt.read(mnt.snapshot(disk, "old", "rollback"))
    assert "FAIL" not in mnt.read(mnt.snapshot(disk, "newest", "rollback"))


def test_what_reverting_leaves_for_a_moment(cloud, account, mnt, disk):
    """As LVM does: a snapshot of its own, which is the newest while it is there."""
    make(mnt, disk, "good")
    mark = cloud.place("conf", "backend", "temporary-snapshots")
    with open(mark, "w", encoding="ascii"):
        pass
    try:
        cloud.set_backend(account.project, revert_to_snapshot=2)
        assert_done(shell('echo 1 > "$1"', mnt.snapshot(disk, "good", "rollback")))
        settled(mnt, disk, "good")
        shown(mnt, disk, ["good"])
        assert_done(shell('echo 1 > "$1"', mnt.snapshot(disk, "good", "rollback")))
        settled(mnt, disk, "good")
        shown(mnt, disk, ["good"])
    finally:
        os.unlink(mark)


def test_a_volume_in_use(account, mnt, disk):
    make(mnt, disk, "good")
    account.direct.attach(disk, INSTANCE)
    mnt.refresh()
    wait_until(lambda: mnt.value(mnt.disk(disk, "state")) == "in-use", 10)
    control = mnt.snapshot(disk, "good", "rollback")
    assert_refused(shell('echo 1 > "$1"', control), errno.EBUSY)
    assert "available" in mnt.read(mnt.snapshot(disk, "good", "error"))
    assert INSTANCE in mnt.read(control) and "FAIL" in mnt.read(control)
    assert account.direct.state("volume", disk) == "in-use"
    make(mnt, disk, "while in use")
    assert account.direct.state("snapshot", mnt.value(mnt.snapshot(disk, "while in use", "id"))) == "available"


def test_the_quota(cloud, account, mnt, peer, disk):
    cloud.set_quota(account.project, snapshots=2)
    make(mnt, disk, "one", "two")
    with account.counting() as count:
        assert_refused(run("mkdir", mnt.snapshot(disk, "three")), errno.EDQUOT)
    assert count.requests["CreateSnapshot"] == 1 and count.executed["CreateSnapshot"] == 0
    assert "SnapshotLimitExceeded" in mnt.read(mnt.disk(disk, "error"))
    assert set(peer.snapshots()) == {"one", "two"} == set(mnt.snapshots(disk))
    assert_done(run("rmdir", mnt.snapshot(disk, "one")))
    wait_until(lambda: set(peer.snapshots()) == {"two"}, 10)
    assert_done(run("mkdir", mnt.snapshot(disk, "three")))


def test_a_creation_that_fails(cloud, account, mnt, disk):
    cloud.set_backend(account.project, create_snapshot="fail")
    assert_done(run("mkdir", mnt.snapshot(disk, "broken")))
    wait_until(lambda: mnt.value(mnt.snapshot(disk, "broken", "status")).startswith("ERROR "), 10, "the failure")
    assert mnt.value(mnt.snapshot(disk, "broken", "state")) == "error"
    assert_refused(shell('echo 1 > "$1"', mnt.snapshot(disk, "broken", "rollback")), errno.EBUSY)
    assert_done(run("rmdir", mnt.snapshot(disk, "broken")))
    shown(mnt, disk, [])


def test_a_deletion_that_fails_comes_back(cloud, account, mnt, disk):
    make(mnt, disk, "stays")
    snapshot = mnt.value(mnt.snapshot(disk, "stays", "id"))
    cloud.set_backend(account.project, delete_snapshot="fail")
    assert_done(run("rmdir", mnt.snapshot(disk, "stays")))
    account.direct.cinder("GET", "/snapshots")
    wait_until(lambda: account.direct.state("snapshot", snapshot) == "error_deleting", 10)
    wait_until(lambda: mnt.snapshots(disk) == ["stays"], 20, "the entry")
    assert mnt.value(mnt.snapshot(disk, "stays", "state")) == "error_deleting"
    assert mnt.value(mnt.snapshot(disk, "stays", "status")).startswith("ERROR ")
    reason = mnt.read(mnt.snapshot(disk, "stays", "error"))
    assert "rmdir" in reason or "delet" in reason, reason


def test_a_slow_deletion_does_not_come_back(cloud, account, mnt, disk):
    make(mnt, disk, "goes")
    cloud.set_backend(account.project, delete_snapshot=4)
    result = assert_done(run("rmdir", mnt.snapshot(disk, "goes")))
    assert result.seconds < 3, "a deletion is accepted, not waited for"
    for _ in range(8):
        mnt.refresh()
        assert mnt.snapshots(disk) == []
    wait_until(lambda: not account.direct.cinder("GET", "/snapshots")["snapshots"], 10)
    assert mnt.snapshots(disk) == []


def test_a_reader(cloud, own, account, mnt, disk):
    make(mnt, disk, "there")
    cloud.add_user(account.user + "-reader", "for reading", account.project, "reader")
    reader = own.mount(account, *OPTIONS, environment={"OS_USERNAME": account.user + "-reader",
                                                       "OS_PASSWORD": "for reading"})
    assert reader.snapshots(disk) == ["there"]
    with account.counting() as count:
        assert_refused(run("mkdir", reader.snapshot(disk, "new")), errno.EACCES)
        assert_refused(run("rmdir", reader.snapshot(disk, "there")), errno.EACCES)
        assert_refused(run("mv", reader.snapshot(disk, "there"), reader.snapshot(disk, "new")), errno.EACCES)
        assert_refused(shell('echo 1 > "$1"', reader.snapshot(disk, "there", "rollback")), errno.EACCES)
    assert count.changes == 0 and reader.snapshots(disk) == ["there"]
    assert "Policy doesn't allow" in reader.read(reader.disk(disk, "error"))


# --- pages ------------------------------------------------------------------------------------------


@pytest.mark.limit(90)
def test_the_servers_own_page(cloud, own):
    """The server says how long a page is, whatever was asked for."""
    account = own.simulator("--disks", "7", "--snapshots", "3")
    cloud.restart("block-storage", page=4)
    try:
        mount = own.mount(account, "ttl=600")
        with account.counting() as count:
            assert_done(run("find", mount.point, "-type", "f", "-exec", "cat", "{}", "+"))
            assert len(mount.list("disks")) - mount.list("disks").count("none") == 7
            assert len(mount.list("snapshots")) == 21
        assert count.requests["DescribeDisks"] <= 3 and count.requests["DescribeSnapshots"] <= 6 + 2, count.requests
    finally:
        cloud.restart("block-storage", page=1000)


# --- logging in -------------------------------------------------------------------------------------


def test_an_application_credential(cloud, own, account, peer, disk):
    made = account.direct.keystone("POST", f"/users/{account.user_id}/application_credentials", {
        "application_credential": {"name": "for a mount", "secret": "of the mount"}})["application_credential"]
    variables = {**dict.fromkeys(("OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME", "OS_USER_DOMAIN_NAME",
                                  "OS_PROJECT_DOMAIN_NAME")), "OS_AUTH_TYPE": "v3applicationcredential",
                 "OS_APPLICATION_CREDENTIAL_ID": made["id"], "OS_APPLICATION_CREDENTIAL_SECRET": "of the mount"}
    mount = own.mount(account, *OPTIONS, environment=variables)
    make(mount, disk, "by credential")
    assert set(peer.snapshots()) == {"by credential"}
    same = Peer(account, **{name: value for name, value in variables.items() if value})
    same.variables = {name: value for name, value in same.variables.items() if variables.get(name, value)}
    assert set(same.snapshots()) == {"by credential"}


def test_a_private_authority(cloud, own, account, disk):
    """Both services are https with a certificate that only OS_CACERT vouches for."""
    certificate = [cloud.place("tls", name) for name in ("server.crt", "server.key")]
    storage, identity = (Proxy(cloud.url(name), cloud.authority, certificate)
                         for name in ("block-storage", "identity"))
    try:
        cloud.add_region("tls", storage.url, identity.url + "/v3")
        variables = {"OS_AUTH_URL": identity.url + "/v3", "OS_REGION_NAME": "tls",
                     "OS_CACERT": cloud.place("tls", "ca.crt")}
        mount = own.mount(account, *OPTIONS, source="tls", environment=variables)
        make(mount, disk, "over tls")
        assert set(Peer(account, **variables).snapshots()) == {"over tls"}
        assert storage.changes["CreateSnapshot"] == 1 and identity.requests["CreateToken"] >= 1
        with pytest.raises(AssertionError, match="(?i)certificate"):
            own.mount(account, *OPTIONS, source="tls", environment={**variables, "OS_CACERT": "/etc/ssl/certs/ca-certificates.crt"})
        own.daemons.pop()
    finally:
        storage.close()
        identity.close()


def test_a_wrong_password(own, account):
    with pytest.raises(AssertionError, match="(?i)password|credential|refuse|authentication"):
        own.mount(account, *OPTIONS, environment={"OS_PASSWORD": "not it"})
    own.daemons.pop()
    assert account.door.requests["CreateToken"] == 1, "once, as accounts get locked"


@pytest.mark.limit(120)
def test_tokens_that_end(cloud, own):
    """They live for six seconds here: nobody sees it, and each is asked for once."""
    cloud.restart("identity", token_life=6)
    try:
        account = own.simulator("--disks", "1", "--snapshots", "1")
        mount = own.mount(account, *OPTIONS)
        disk = next(name for name in mount.list("disks") if name != "none")
        began = time.monotonic()
        number = 0
        while time.monotonic() < began + 16:
            assert_done(run("mkdir", mount.snapshot(disk, f"n{number}")))
            mount.refresh()
            assert f"n{number}" in mount.snapshots(disk)
            number += 1
            pause = time.monotonic()
            wait_until(lambda pause=pause: time.monotonic() > pause + 1)
        assert account.stats()["changes"]["CreateSnapshot"] == number
        assert 3 <= account.door.requests["CreateToken"] <= 16 / 3 + 2, account.door.requests
    finally:
        cloud.restart("identity", token_life=3600)


def test_a_token_that_is_refused_is_renewed(own, account, mnt, disk):
    """By Cinder, before its time: once renewed and once repeated."""
    account.proxy.fail({"kind": "status", "status": 401, "body": {"error": {
        "code": 401, "title": "Unauthorized", "message": "The request you have made requires authentication."}}})
    before = account.door.requests["CreateToken"]
    assert_done(run("mkdir", mnt.snapshot(disk, "new")))
    assert account.door.requests["CreateToken"] == before + 1
    assert account.requests("CreateSnapshot") == 2 and account.stats()["changes"]["CreateSnapshot"] == 1


# --- services that go away --------------------------------------------------------------------------


@pytest.mark.limit(120)
def test_cinder_is_stopped_and_started(cloud, own, account, mnt, peer, disk):
    make(mnt, disk, "before")
    cloud.stop("block-storage")
    old = time.monotonic() + 1.5
    wait_until(lambda: time.monotonic() > old)
    assert mnt.snapshots(disk) == ["before"]
    assert mnt.value(mnt.snapshot(disk, "before", "status")) == "NORMAL 100"
    assert run("mkdir", mnt.snapshot(disk, "during")).status == 1
    cloud.start()
    wait_until(lambda: run("mkdir", mnt.snapshot(disk, "after")).status == 0, 40, "the recovery")
    settled(mnt, disk, "after")
    assert set(peer.snapshots()) == {"before", "after"}
    shown(mnt, disk, ["before", "after"])


@pytest.mark.limit(120)
def test_keystone_is_stopped_and_started(cloud, account, mnt, disk):
    """Who has a token does not notice; who needs a new one waits for it."""
    make(mnt, disk, "before")
    cloud.stop("identity")
    assert_done(run("mkdir", mnt.snapshot(disk, "during")))
    cloud.start()
    make(mnt, disk, "after")
    shown(mnt, disk, ["before", "during", "after"])


@pytest.mark.limit(120)
def test_a_restart_keeps_everything(cloud, own, account, mnt, disk):
    make(mnt, disk, "kept")
    cloud.restart()
    wait_until(lambda: run("mkdir", mnt.snapshot(disk, "new")).status == 0, 40, "the recovery")
    assert set(own.mount(account, *OPTIONS).snapshots(disk)) == {"kept", "new"}
