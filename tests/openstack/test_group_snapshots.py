# SPDX-License-Identifier: Apache-2.0
"""groups/ over a real Cinder: snapshots of all volumes of a group, made, seen, refused and deleted."""
import errno
import json
import uuid

import pytest

from api import Refused
from commands import assert_done, assert_refused, run, shell, wait_until
from peer import OPTIONS, group_type, volume_group

pytestmark = pytest.mark.core

WRITE = 'echo 1 > "$1"'
TOO_OLD = {"computeFault": {"code": 406, "message": "Version 3.14 is not supported by the API. Minimum is 3.0 and "
                                                    "maximum is 3.13."}}


@pytest.fixture
def two(account):
    return [account.direct.create_volume(name) for name in ("database", "log")]


@pytest.fixture
def group(account, two):
    return volume_group(account, "shop", *two)


@pytest.fixture
def mount(own, account, group):
    return own.mount(account, *OPTIONS, "protect=golden*")


def errors(mount):
    return [json.loads(line) for line in mount.read(mount.path(".cbsfs", "errors")).splitlines()]


def is_settled(mount, name, status="NORMAL 100"):
    wait_until(lambda: mount.value(mount.path("groups", name, "status")) == status, 10, f"the group {name} {status}")


def group_snapshots(account):
    """{name: record} as Cinder has them."""
    found = account.direct.cinder("GET", "/group_snapshots/detail", version="3.14")["group_snapshots"]
    return {one["name"]: one for one in found}


def are_shown(mount, names):
    wait_until(lambda: sorted(mount.list("groups")) == sorted(names), 10, f"{names} in groups/")


def test_made_of_a_group(account, mount, group, two):
    assert "mkdir groups/NAME@ID-OF-THE-GROUP" in mount.read(mount.path("README"))
    assert json.loads(mount.read(mount.disk(two[0], "disk.json")))["raw"]["group_id"] == group
    with account.counting() as count:
        assert_done(run("mkdir", mount.path("groups", f"before 升级@{group}")))
        assert mount.list("groups") == ["before 升级"]
        members = mount.list("groups", "before 升级", "snapshots")
    assert count.requests["CreateSnapshotGroup"] == 1 and len(members) == 2, members
    is_settled(mount, "before 升级")
    known, = group_snapshots(account).values()
    assert known["group_id"] == group and mount.value(mount.path("groups", "before 升级", "id")) == known["id"]
    assert json.loads(mount.read(mount.path("groups", "before 升级", "group.json")))["raw"]["group_id"] == group
    for volume in two:
        assert mount.snapshots(volume) == ["before 升级"]
        assert mount.value(mount.snapshot(volume, "before 升级", "id")) in members
    for member in members:
        place = mount.path("groups", "before 升级", "snapshots", member)
        assert mount.value(f"{place}/id") == member and mount.value(f"{place}/status") == "NORMAL 100"
    with account.counting() as count:
        assert_refused(run("mkdir", mount.path("groups", f"before 升级@{group}")), errno.EEXIST)
        assert_refused(run("mkdir", mount.path("groups", f"before 升级@{two[0]},{two[1]}")), errno.EEXIST)
    assert count.change_requests == 0
    account.fault("CreateSnapshotGroup", "drop-after")
    with account.counting() as count:
        assert_done(run("mkdir", mount.path("groups", f"lost@{two[1]},{two[0]}")))
    assert count.requests["CreateSnapshotGroup"] == count.executed["CreateSnapshotGroup"] == 1
    is_settled(mount, "lost")
    account.fault("DeleteSnapshotGroup", "drop-after")
    assert_done(run("rmdir", mount.path("groups", "lost")))
    wait_until(lambda: list(group_snapshots(account)) == ["before 升级"], 10)
    assert mount.list("groups") == ["before 升级"]


def test_what_is_no_group(own, account, mount, group, two):
    other, disk = (account.direct.create_volume(name) for name in ("other", "alone"))
    volume_group(account, "others", other)
    mount.show(mount.disk(other))
    nobody, empty = str(uuid.uuid4()), volume_group(account, "empty")
    cases = {f"x@{two[0]}": "has 2 disks and is taken as a whole", f"x@{two[0]},{two[1]},{other}": "in another group",
             f"x@{two[0]},{two[0]}": "named twice", f"x@{nobody}": "neither a disk nor a group", "x": "of which group",
             f"x@{empty}": "neither a disk nor a group that has any", "x@disk-1,disk-2": "of which group",
             f"x@{disk}": "is in no group: make a group with \"cinder group-create\" and put the volumes into it with "
                          "\"cinder group-update --add-volumes\""}
    with account.counting() as count:
        for name, why in cases.items():
            assert_refused(run("mkdir", mount.path("groups", name)), errno.EINVAL)
            last = errors(mount)[-1]
            assert why in last["message"] and last["path"] == f"groups/{name}", last
        assert_refused(run("mkdir", mount.path("groups", f".x@{group}")), errno.EPERM)
    assert count.change_requests == 0 and mount.list("groups") == []
    # What is one is the cloud's to say at this moment, however long others are believed.
    slow = own.mount(account, "ttl=300", "allow_delete")
    assert slow.list("groups") == [] == slow.snapshots(disk)
    assert_refused(run("mkdir", slow.path("groups", f"x@{disk}")), errno.EINVAL)
    volume_group(account, "late", disk)
    assert_done(run("mkdir", slow.path("groups", f"x@{disk}")))
    assert list(group_snapshots(account)) == ["x"] == slow.list("groups") == slow.snapshots(disk)
    member, = slow.list("groups", "x", "snapshots")
    is_settled(slow, "x")
    assert slow.value(slow.path("groups", "x", "snapshots", member, "status")) == "NORMAL 100"
    assert_done(run("rmdir", slow.path("groups", "x")))
    assert slow.list("groups") == [] == slow.snapshots(disk) and member not in slow.list("snapshots")


def test_the_advice_is_good(cloud, account, own, peer, disk):
    """What `error` advises can be done by a user, and the clients see what the mount did and the other way round."""
    mount = own.mount(account, *OPTIONS)
    peer.variables["OS_VOLUME_API_VERSION"] = "3.14"
    group_type(cloud)
    assert_refused(run("mkdir", mount.path("groups", f"good@{disk}")), errno.EINVAL)
    peer.run("cinder", "group-create", "--name", "mine", "any", "file")
    known, = account.direct.cinder("GET", "/groups", version="3.13")["groups"]
    mine = known["id"]
    wait_until(lambda: account.direct.state("group", mine, "3.13") == "available", 10)
    peer.run("cinder", "group-update", "--add-volumes", disk, mine)
    wait_until(lambda: mount.refresh() or run("mkdir", mount.path("groups", f"good@{disk}")).status == 0, 10)
    is_settled(mount, "good")
    peer.run("cinder", "group-snapshot-create", "--name", "theirs", mine)
    are_shown(mount, ["good", "theirs"])
    wait_until(lambda: len(mount.list("groups", "theirs", "snapshots")) == 1, 5, "its member")
    is_settled(mount, "theirs")
    peer.run("cinder", "group-snapshot-delete", mount.value(mount.path("groups", "theirs", "id")))
    are_shown(mount, ["good"])
    assert_done(run("rmdir", mount.path("groups", "good")))
    wait_until(lambda: not group_snapshots(account), 10)
    assert mount.list("groups") == [] and mount.snapshots(disk) == []


def test_a_member_by_itself(account, mount, group, two):
    assert_done(run("mkdir", mount.path("groups", f"web@{group}")))
    is_settled(mount, "web")
    wait_until(lambda: mount.value(mount.snapshot(two[0], "web", "status")) == "NORMAL 100", 10)
    with account.counting() as count:
        assert_refused(run("rmdir", mount.snapshot(two[0], "web")), errno.EBUSY)
        identifier = mount.value(mount.path("groups", "web", "id"))
        assert f"only deletes as a whole: groups/{identifier}" in mount.read(mount.snapshot(two[0], "web", "error"))
        assert_refused(shell(WRITE, mount.path("groups", "web", "rollback")), errno.EOPNOTSUPP)
        assert "cannot roll a group back" in mount.read(mount.path("groups", "web", "error"))
        assert "FAIL  Cinder cannot roll a group back" in mount.read(mount.path("groups", "web", "rollback"))
    assert count.change_requests == 0
    # Cinder itself says the same.
    member = mount.value(mount.snapshot(two[0], "web", "id"))
    with pytest.raises(Refused, match="must not be part of a group"):
        account.direct.cinder("DELETE", f"/snapshots/{member}", version="3.70")
    assert_done(run("mv", mount.snapshot(two[0], "web"), mount.snapshot(two[0], "renamed")))
    assert_done(shell(WRITE, mount.snapshot(two[0], "renamed", "rollback")))
    assert run("cat", mount.snapshot(two[0], "renamed", "wait"), timeout=20).out == "NORMAL 100\n"
    assert len(mount.list("groups", "web", "snapshots")) == 2


def test_guards(own, account, mount, group, two):
    for name in ("web", "golden web", "kept"):
        assert_done(run("mkdir", mount.path("groups", f"{name}@{group}")))
        is_settled(mount, name)
    member = account.direct.cinder("GET", "/snapshots/detail", version="3.14")["snapshots"]
    kept = next(one["id"] for one in member if one["group_snapshot_id"] == group_snapshots(account)["kept"]["id"])
    account.direct.cinder("PUT", f"/snapshots/{kept}", {"snapshot": {"name": "golden"}})
    mount.refresh()
    careful = own.mount(account, "ttl=1")
    reading = own.mount(account, "ttl=1", "ro")
    with account.counting() as count:
        assert_refused(run("rmdir", careful.path("groups", "web")), errno.EPERM)
        assert_refused(run("rmdir", reading.path("groups", "web")), errno.EROFS)
        assert_refused(run("mkdir", reading.path("groups", f"new@{group}")), errno.EROFS)
        for name in ("golden web", "kept"):
            assert_refused(run("rmdir", mount.path("groups", name)), errno.EPERM)
        assert run("rm", "-rf", mount.path("groups", "web")).status == 1
    assert count.change_requests == 0 and set(group_snapshots(account)) == {"web", "golden web", "kept"}
    assert_done(run("rmdir", mount.path("groups", "web")))
    are_shown(mount, ["golden web", "kept"])
    wait_until(lambda: set(group_snapshots(account)) == {"golden web", "kept"}, 10)
    assert len(mount.snapshots(two[0])) == 2


def test_what_fails_later(cloud, account, mount, group, two):
    cloud.set_backend(account.project, create_snapshot="fail")
    assert_done(run("mkdir", mount.path("groups", f"broken@{group}")))
    is_settled(mount, "broken", "ERROR 0")
    cloud.set_backend(account.project, delete_snapshot="1")
    assert_done(run("rmdir", mount.path("groups", "broken")))
    wait_until(lambda: not group_snapshots(account), 10)
    assert_done(run("mkdir", mount.path("groups", f"stays@{group}")))
    is_settled(mount, "stays")
    cloud.set_backend(account.project, delete_snapshot="fail")
    assert_done(run("rmdir", mount.path("groups", "stays")))
    wait_until(lambda: group_snapshots(account)["stays"]["status"] == "error", 10)
    are_shown(mount, ["stays"])
    assert "could not carry it out" in mount.read(mount.path("groups", "stays", "error"))
    is_settled(mount, "stays", "ERROR 0")
    wait_until(lambda: mount.snapshots(two[0]) == ["stays"], 10, "its snapshots")
    cloud.set_backend(account.project)
    assert_done(run("rmdir", mount.path("groups", "stays")))
    wait_until(lambda: not group_snapshots(account), 10)
    are_shown(mount, [])


def test_the_quota_and_a_reader(cloud, own, account, mount, group, two):
    cloud.set_quota(account.project, snapshots=1)
    assert_refused(run("mkdir", mount.path("groups", f"much@{group}")), errno.EDQUOT)
    assert mount.list("groups") == [] == mount.snapshots(two[0])
    cloud.set_quota(account.project, snapshots=-1)
    assert_done(run("mkdir", mount.path("groups", f"there@{group}")))
    is_settled(mount, "there")
    cloud.add_user(account.user + "-reader", "for reading", account.project, "reader")
    reader = own.mount(account, *OPTIONS, environment={"OS_USERNAME": account.user + "-reader",
                                                       "OS_PASSWORD": "for reading"})
    assert reader.list("groups") == ["there"] and len(reader.list("groups", "there", "snapshots")) == 2
    assert_refused(run("mkdir", reader.path("groups", f"new@{group}")), errno.EACCES)
    assert_refused(run("rmdir", reader.path("groups", "there")), errno.EACCES)
    assert reader.list("groups") == ["there"]


def test_a_server_without_groups(own, account, group):
    account.proxy.fail({"kind": "status", "status": 406, "body": TOO_OLD, "times": 0,
                        "actions": ["ListGroupSnapshots", "CreateGroupSnapshot"]})
    mount = own.mount(account, *OPTIONS)
    with account.counting() as count:
        assert mount.list("groups") == []
        assert_done(run("find", mount.point))
    assert count.requests["DescribeSnapshotGroups"] <= 2, count.requests
    assert any("maximum is 3.13" in one["message"] for one in errors(mount))
    assert_refused(run("mkdir", mount.path("groups", f"new@{group}")), errno.EOPNOTSUPP)
    assert_refused(run("ls", mount.path("groups", "new")), errno.EOPNOTSUPP)


def test_pages_and_what_they_cost(own, account, group):
    """More than a page, which a marker leads to; groups cost their pages, and no second listing of snapshots."""
    now = "2026-01-01 00:00:00"
    kind = group_type(account.cloud)
    rows = [[str(uuid.uuid4()), f"old-{i:04d}", group, account.project, account.user_id, "available", now, 0, kind]
            for i in range(103)]
    rows[7][1], rows[7][6] = "old-0006", "2026-01-01 00:00:01"  # a younger twin
    rows[7][0] = twin = "ffffffff" + rows[7][0][8:]
    names = sorted(row[1] for row in rows if row is not rows[7]) + [f"old-0006@{twin}"]
    account.rows("INSERT INTO group_snapshots (id, name, group_id, project_id, user_id, status, created_at, deleted, "
                 "group_type_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)", *rows)
    mount = own.mount(account, "ttl=60")
    with account.counting() as count:
        assert mount.list("groups") == sorted(names)
        assert mount.value(mount.path("groups", f"old-0006@{twin}", "id")) == twin
        assert mount.value(mount.path("groups", twin, "created")) == "2026-01-01T00:00:01Z"
        assert mount.value(mount.path("groups", "old-0006", "id")) == rows[6][0]
        assert_done(run("find", mount.path("groups")))
        assert len(mount.list("snapshots")) == 0
    assert count.requests["DescribeSnapshotGroups"] == 2, count.requests
    assert count.requests["DescribeSnapshots"] <= 1, count.requests
