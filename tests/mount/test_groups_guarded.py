# SPDX-License-Identifier: Apache-2.0
"""groups/: no order reaches another group, other disks, or fewer, than were meant (semantics 4, Features)."""
import errno
import signal

import pytest

from commands import assert_done, assert_refused, finish, run, shell, start, wait_until
from test_groups import WRITE, attached, errors, groups_of, make_elsewhere, ready, settled

SIMULATOR = ("--create-time", "0.7", "--rollback-time", "1", "--rate", "0", "--region", "ap-guangzhou,ap-beijing")
OPTIONS = ("ttl=1", "timeout=4", "allow_delete")

pytestmark = pytest.mark.only("tencent")

MOVE = "import shutil, sys; shutil.move(sys.argv[1], sys.argv[2])"


@pytest.fixture
def two(mnt, sim):
    disks, _ = attached(sim, 2)
    mnt.show(mnt.disk(disks[1]))
    return disks


def elsewhere(sim, disk, name):
    """The id of a group that is ready, made without the mount."""
    made = make_elsewhere(sim, {"DiskIds": [disk], "SnapshotGroupName": name})
    wait_until(lambda: {group["SnapshotGroupState"] for group in groups_of(sim)} == {"NORMAL"}, 10, name)
    return made


# --- names --------------------------------------------------------------------------------


def test_a_twin_does_not_move_up(mnt, sim, two):
    """A script that deletes `again` twice deletes one, and a rollback hits the one that was listed."""
    first, second = elsewhere(sim, two[0], "again"), elsewhere(sim, two[1], "again")
    mnt.refresh()
    settled(mnt, f"again@{second}")
    assert mnt.value(mnt.path("groups", "again", "id")) == first
    assert_done(run("rmdir", mnt.path("groups", "again")))
    for _ in range(2):
        assert_refused(run("rmdir", mnt.path("groups", "again")), errno.ENOENT)
        assert shell(WRITE, mnt.path("groups", "again", "rollback"), "1").status != 0
        mnt.refresh()
    assert second in [group["SnapshotGroupId"] for group in groups_of(sim)]
    assert f"again@{second}" in mnt.list("groups")


def test_a_name_with_other_disks_is_another(mnt, sim, two):
    others, instance = attached(sim, 2)
    mnt.show(mnt.disk(others[1]))
    ready(mnt, "mine", two)
    right = [f"mine@{two[0]},{two[1]}", f"mine@{two[1]},{two[0]}", f"mine@{two[0]},{two[1]},", "mine"]
    wrong = [f"mine@{','.join(others)}", f"mine@{instance}", f"mine@{two[0]}", f"mine@{','.join(two)},{others[0]}"]
    for name in right:
        assert mnt.value(mnt.path("groups", name, "name")) == "mine", name
    with sim.counting() as count:
        for name in wrong:
            assert_refused(run("rmdir", mnt.path("groups", name)), errno.ENOENT)
            assert shell(WRITE, mnt.path("groups", name, "rollback"), "1").status != 0
            assert_refused(run("mkdir", mnt.path("groups", name)), errno.EEXIST)
    assert count.change_requests == 0
    assert_done(run("rmdir", mnt.path("groups", right[1])))


def test_names_that_look_like_ids(mnt, sim, two):
    """The id is always that of the one that has it, whoever is called so."""
    victim, twin = elsewhere(sim, two[0], "victim"), elsewhere(sim, two[0], "victim")
    names = (victim, f"victim@{twin}")
    made = [elsewhere(sim, two[1], name) for name in names]
    mnt.refresh()
    assert mnt.value(mnt.path("groups", victim, "name")) == "victim"
    assert mnt.value(mnt.path("groups", f"victim@{twin}", "id")) == twin
    listed = [name for name in mnt.list("groups") if "victim" in name or victim in name]
    assert len(listed) == len(set(listed)) == 4
    for name, identifier in zip(names, made):
        assert mnt.value(mnt.path("groups", f"{name}@{identifier}", "id")) == identifier
    with sim.counting() as count:
        for name in ("csnap-0000abcd", "victim@csnap-0000abcd"):
            assert_refused(run("mkdir", mnt.path("groups", f"{name}@{two[0]}")), errno.EINVAL)
    assert count.change_requests == 0


# --- making -------------------------------------------------------------------------------


def test_all_disks_are_those_of_now(own):
    """Also one that was attached since they were listed."""
    simulator = own.simulator(*SIMULATOR)
    disks, instance = attached(simulator, 2)
    mount = own.mount(simulator, "ttl=600", "timeout=1")
    mount.list("disks")
    mount.list("groups")
    more, _ = attached(simulator, 1, instance)
    assert_done(run("mkdir", mount.path("groups", f"whole@{instance}")))
    assert sorted(simulator.log("CreateSnapshotGroup")[-1]["params"]["DiskIds"]) == sorted(disks + more)
    # Some would be told as all.
    simulator.faults({"action": "DescribeDisks", "kind": "error", "code": "InternalError", "times": 0})
    with simulator.counting() as count:
        assert run("mkdir", mount.path("groups", f"some@{instance}")).status == 1
    assert count.change_requests == 0
    assert "which disks it has now" in errors(mount)[-1]["message"]


def test_disks_that_were_attached_a_moment_ago(own):
    simulator = own.simulator(*SIMULATOR)
    disks, _ = attached(simulator, 2)
    simulator.patch(disks={disk: {"Attached": False, "InstanceId": "", "DiskState": "UNATTACHED"} for disk in disks})
    mount = own.mount(simulator, "ttl=600")
    path = mount.path("groups", f"both@{','.join(disks)}")
    assert_refused(run("mkdir", path), errno.EINVAL)
    simulator.patch(disks={disk: {"Attached": True, "InstanceId": "ins-now00000", "DiskState": "ATTACHED"} for disk in disks})
    assert_done(run("mkdir", path))


def test_who_is_refused_a_move_makes_no_group(mnt, sim, two):
    ready(mnt, "stays", two)
    with sim.counting() as count:
        result = run("/usr/bin/python3", "-c", MOVE, mnt.path("groups", "stays"), mnt.path("groups", f"copy@{','.join(two)}"))
    assert result.status == 1 and count.change_requests == 0
    assert "copying instead" in errors(mnt)[-1]["message"]


# --- deleting -----------------------------------------------------------------------------


@pytest.mark.parametrize("told", [None, [], ["snap-0", 7]])
def test_snapshots_that_are_not_told_may_be_protected(own, mnt, sim, two, told):
    mount = own.mount(sim, "ttl=600", "allow_delete", "protect=golden*")
    name = ready(mnt, f"half-told-{len(told) if told is not None else 'not'}", two)
    members = mnt.list("groups", name, "snapshots")
    place = [group["SnapshotGroupName"] for group in groups_of(sim)].index(name)
    edited = told if not told else [members[0], 7]
    sim.faults({"action": "DescribeSnapshotGroups", "kind": "edit", "times": 0, "edits": {
        f"/Response/SnapshotGroupSet/{place}/SnapshotIdSet": edited}})
    with sim.counting() as count:
        assert_refused(run("rmdir", mount.path("groups", name)), errno.EPERM)
        assert_refused(shell(WRITE, mount.path("groups", name, "rollback"), "1"), errno.EOPNOTSUPP)
        assert "FAIL  all its snapshots" in mount.read(mount.path("groups", name, "rollback"))
    assert count.change_requests == 0
    sim.faults()


def test_its_id_may_be_protected(own, mnt, sim, two):
    mount = own.mount(sim, "ttl=600", "allow_delete", "protect=csnap-*")
    made = make_elsewhere(sim, {"DiskIds": two})
    wait_until(lambda: {group["SnapshotGroupState"] for group in groups_of(sim)} == {"NORMAL"}, 10, "the group")
    nameless = [name for name in mount.list("groups") if mount.value(mount.path("groups", name, "id")) == made]
    assert nameless == [made]
    assert_refused(run("rmdir", mount.path("groups", made)), errno.EPERM)


# --- elsewhere ----------------------------------------------------------------------------


def test_paths_of_another_region(own):
    simulator = own.simulator(*SIMULATOR)
    mount = own.mount(simulator, "ttl=600", "allow_delete")
    groups = mount.path("regions", "ap-beijing", "groups")
    assert_refused(run("mkdir", groups + "/x@disk-nothere1"), errno.EINVAL)
    assert errors(mount)[-1]["path"] == "regions/ap-beijing/groups/x@disk-nothere1"


def test_a_state_that_has_no_word(mnt, sim, two):
    ready(mnt, "stateful", two)
    place = [group["SnapshotGroupName"] for group in groups_of(sim)].index("stateful")
    for state, status in (("to recycle\n", "TO_RECYCLE_ 0"), ("", "UNKNOWN 0")):
        sim.faults({"action": "DescribeSnapshotGroups", "kind": "edit", "times": 0, "edits": {
            f"/Response/SnapshotGroupSet/{place}/SnapshotGroupState": state,
            f"/Response/SnapshotGroupSet/{place}/Percent": 0}})
        mnt.refresh()
        assert mnt.value(mnt.path("groups", "stateful", "status")) == status
    sim.faults()


# --- waiting ------------------------------------------------------------------------------


def test_wait(mnt, sim, two):
    assert_done(run("mkdir", mnt.path("groups", f"waited@{','.join(two)}")))
    path = mnt.path("groups", "waited")
    assert "wait" not in mnt.list("groups", "waited")
    assert assert_done(run("cat", path + "/wait")).out == "NORMAL 100\n"
    for member in mnt.list("groups", "waited", "snapshots"):
        assert mnt.value(mnt.path("groups", "waited", "snapshots", member, "status")) == "NORMAL 100"
    assert_done(shell(WRITE, path + "/rollback", "yes stop"))
    assert assert_done(run("cat", path + "/wait")).out == "NORMAL 100\n"
    assert not [disk for disk in two if mnt.value(mnt.disk(disk, "state")) == "ROLLBACKING"]
    assert_done(run("rmdir", path))
    assert run("cat", path + "/wait").status == 1


def test_many_wait_together_and_can_be_interrupted(own):
    simulator = own.simulator("--create-time", "4", "--disks", "1")
    disks, _ = attached(simulator, 2)
    mount = own.mount(simulator, "ttl=600")
    assert_done(run("mkdir", mount.path("groups", f"slow@{','.join(disks)}")))
    path = mount.path("groups", "slow", "wait")
    with simulator.counting() as count:
        waiting = [start("cat", path) for _ in range(12)]
        wait_until(lambda: int(mount.stats()["parked"]) >= 12, 10, "all of them wait")
        waiting[0].send_signal(signal.SIGINT)
        assert finish(waiting[0], 2).status == -signal.SIGINT
        waiting[1].kill()
        finish(waiting[1], 2)
        for process in waiting[2:]:
            assert assert_done(finish(process, 20)).out == "NORMAL 100\n"
    assert count.requests["DescribeSnapshotGroups"] <= 5 and count.total <= 16, count.requests


def test_it_goes_while_somebody_waits(own):
    simulator = own.simulator("--create-time", "600", "--disks", "1")
    disks, _ = attached(simulator, 2)
    mount = own.mount(simulator, "ttl=600")
    make_elsewhere(simulator, {"DiskIds": disks, "SnapshotGroupName": "slow"})
    waiting = start("cat", mount.path("groups", "slow", "wait"))
    wait_until(lambda: int(mount.stats()["parked"]) == 1, 10, "it waits")
    simulator.faults({"action": "DescribeSnapshotGroups", "kind": "edit", "times": 0, "edits": {
        "/Response/SnapshotGroupSet": [], "/Response/TotalCount": 0}})
    assert finish(waiting, 10).status == 1
    simulator.faults()
