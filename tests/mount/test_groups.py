# SPDX-License-Identifier: Apache-2.0
"""groups/: snapshots of several disks at one moment (semantics 12)."""
import errno
import importlib
import json
import os
import sys

import pytest

from commands import assert_done, assert_refused, run, shell, wait_until

SIMULATOR = ("--create-time", "0.7", "--rollback-time", "1", "--rate", "0")
OPTIONS = ("ttl=1", "timeout=4", "allow_delete", "protect=golden*")

pytestmark = pytest.mark.only("tencent")

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.join(TESTS, "sim"))
tc3 = importlib.import_module("tc3")

WRITE = 'printf "%s\\n" "$2" > "$1"'
GROUP_FILES = ["created", "error", "group.json", "id", "name", "percent", "policy", "rollback", "snapshots", "state",
               "status"]
CRAWLERS = ['cp -r "$1/groups" "$2/copy"', 'tar -C "$1" -cf "$2/x.tar" groups', 'grep -r NORMAL "$1/groups"',
            'find "$1/groups" -type f -exec cat {} +', 'ls -lR "$1/groups"', 'rsync -a "$1/groups/" "$2/rsync/"',
            'find -L "$1/groups" -maxdepth 3 -ls', 'du -ab "$1/groups"']
RMTREE = "import shutil, sys; shutil.rmtree(sys.argv[1], ignore_errors=True)"


def attached(simulator, count, instance=None):
    """Disks of one instance."""
    instance = instance or simulator.identifier("ins")
    disks = [simulator.disk_record(Attached=True, DiskState="ATTACHED", InstanceId=instance, DiskUsage="DATA_DISK")
             for _ in range(count)]
    simulator.patch(disks={disk["DiskId"]: disk for disk in disks})
    return [disk["DiskId"] for disk in disks], instance


@pytest.fixture
def two(mnt, sim):
    disks, _ = attached(sim, 2)
    mnt.show(mnt.disk(disks[1]))
    return disks


serial = iter(range(1000))


def settled(mount, name):
    wait_until(lambda: mount.value(mount.path("groups", name, "status")) == "NORMAL 100", 15, f"the group {name}")
    return name


def groups_of(simulator):
    """As the cloud has them."""
    return tc3.Client(simulator.port).call("DescribeSnapshotGroups", {"Limit": 100})["SnapshotGroupSet"]


def ready(mount, name, disks):
    """Makes a group elsewhere, and waits until the mount shows that it is ready."""
    made = make_elsewhere(mount.simulator, {"DiskIds": disks, "SnapshotGroupName": name})
    wait_until(lambda: [group for group in groups_of(mount.simulator)
                        if group["SnapshotGroupId"] == made and group["SnapshotGroupState"] == "NORMAL"], 10, name)
    mount.refresh()
    return settled(mount, name)


@pytest.fixture
def group(mnt, two):
    """The name of one that is ready."""
    return ready(mnt, f"both{next(serial)}", two)


@pytest.fixture(scope="module")
def kept(mnt, sim):
    """The name of one that no test changes."""
    disks, _ = attached(sim, 2)
    return ready(mnt, "kept", disks)


def errors(mount):
    return [json.loads(line) for line in mount.read(mount.path(".cbsfs", "errors")).splitlines()]


# --- making -------------------------------------------------------------------------------


def test_mkdir_over_two_disks(mnt, sim, two):
    with sim.counting() as count:
        assert_done(run("mkdir", mnt.path("groups", f"nightly@{two[0]},{two[1]}")))
        assert "nightly" in mnt.list("groups") and f"nightly@{two[0]},{two[1]}" not in mnt.list("groups")
        assert mnt.value(mnt.path("groups", "nightly", "status")).startswith("CREATING ")
    assert count.requests["CreateSnapshotGroup"] == count.executed["CreateSnapshotGroup"] == 1
    params = sim.log("CreateSnapshotGroup")[-1]["params"]
    assert params["DiskIds"] == two and params["SnapshotGroupName"] == "nightly"
    settled(mnt, "nightly")
    assert mnt.list("groups", "nightly") == GROUP_FILES
    members = mnt.list("groups", "nightly", "snapshots")
    assert len(members) == 2
    disks = {mnt.value(mnt.path("groups", "nightly", "snapshots", member, "disk")) for member in members}
    assert disks == set(two)
    for disk in two:
        assert len(mnt.snapshots(disk)) == 1
    # Done is done: the same command says so, and the kernel asks nobody else.
    with sim.counting() as count:
        for name in (f"nightly@{two[0]},{two[1]}", f"nightly@{two[0]}", "nightly"):
            assert_refused(run("mkdir", mnt.path("groups", name)), errno.EEXIST)
    assert count.change_requests == 0
    identifier = mnt.value(mnt.path("groups", "nightly", "id"))
    assert mnt.value(mnt.path("groups", identifier, "name")) == "nightly"
    assert identifier not in mnt.list("groups")
    record = json.loads(mnt.read(mnt.path("groups", "nightly", "group.json")))
    assert record["id"] == identifier and record["raw"]["SnapshotGroupName"] == "nightly"


def test_what_was_made_is_everywhere_at_once(own, sim):
    """Whatever the mount and the kernel have kept."""
    disks, _ = attached(sim, 2)
    mount = own.mount(sim, "ttl=600")
    assert [mount.snapshots(disk) for disk in disks] == [[], []]
    before = set(mount.list("snapshots"))
    mount.list("groups")
    with sim.counting() as count:
        assert_done(run("mkdir", mount.path("groups", f"everywhere@{','.join(disks)}")))
        members = mount.list("groups", "everywhere", "snapshots")
        assert len(members) == 2 and set(mount.list("snapshots")) - before == set(members)
        assert [len(mount.snapshots(disk)) for disk in disks] == [1, 1]
        for member in members:
            assert mount.value(mount.path("groups", "everywhere", "snapshots", member, "id")) == member
    assert count.requests["DescribeSnapshots"] <= 4, count.requests


def test_mkdir_over_an_instance(mnt, sim):
    disks, instance = attached(sim, 3)
    mnt.show(mnt.disk(disks[-1]))
    assert_done(run("mkdir", mnt.path("groups", f"whole@{instance}")))
    assert sorted(sim.log("CreateSnapshotGroup")[-1]["params"]["DiskIds"]) == sorted(disks)
    settled(mnt, "whole")


def test_what_is_no_group(mnt, sim, two, disk):
    other, _ = attached(sim, 1)
    mnt.show(mnt.disk(other[0]))
    cases = {f"x@{two[0]},{other[0]}": "another instance", f"x@{two[0]},{disk}": "not attached to an instance",
             f"x@{two[0]},{two[0]}": "named twice", f"x@{two[0]},disk-nothere1": "is not there",
             "x": "say of which disks", "x@ins-nothere1": "no disk"}
    with sim.counting() as count:
        for name, why in cases.items():
            assert_refused(run("mkdir", mnt.path("groups", name)), errno.EINVAL)
            last = errors(mnt)[-1]
            assert why in last["message"] and last["path"] == f"groups/{name}" and last["errno"] == "EINVAL", last
        assert_refused(run("mkdir", mnt.path("groups", f".x@{two[0]}")), errno.EPERM)
        for name in ("mkdir", "touch"):
            assert_refused(run(name, mnt.path("groups", "web", "x")), errno.ENOENT)
    assert count.change_requests == 0


def test_the_answer_is_lost(mnt, sim, two):
    sim.fault("CreateSnapshotGroup", "drop-after")
    with sim.counting() as count:
        assert_done(run("mkdir", mnt.path("groups", f"lost@{','.join(two)}")))
    assert count.requests["CreateSnapshotGroup"] == count.executed["CreateSnapshotGroup"] == 1
    assert mnt.list("groups").count("lost") == 1
    settled(mnt, "lost")


@pytest.mark.leaves_jobs
def test_the_request_is_lost(own):
    """On an account of its own, as what is watched is asked for every two seconds."""
    simulator = own.simulator("--disks", "1")
    disks, _ = attached(simulator, 2)
    mount = own.mount(simulator, "ttl=1", "timeout=2")
    simulator.fault("CreateSnapshotGroup", "drop-before")
    path = mount.path("groups", f"unheard@{','.join(disks)}")
    with simulator.counting() as count:
        assert_refused(run("mkdir", path), errno.ETIMEDOUT)
        assert_refused(run("mkdir", path), errno.EBUSY)
    assert count.requests["CreateSnapshotGroup"] == 1
    assert "unheard" not in mount.list("groups")


def test_names_that_are_taken(mnt, sim):
    """Made elsewhere: twins, and one whose name looks like disks."""
    disks, _ = attached(sim, 3)
    for disk, name in zip(disks, ("twin", "twin", f"odd@{disks[0]}")):
        make_elsewhere(sim, {"DiskIds": [disk], "SnapshotGroupName": name})
    mnt.refresh()
    names = [name for name in mnt.list("groups") if name.startswith(("twin", "odd"))]
    assert len(names) == 3 and "twin" in names and f"odd@{disks[0]}" in names
    later, = [name for name in names if name.startswith("twin@")]
    ids = {mnt.value(mnt.path("groups", name, "id")) for name in names}
    assert len(ids) == 3 and later == "twin@" + mnt.value(mnt.path("groups", later, "id"))


# --- rolling back -------------------------------------------------------------------------

TEXT = """\
# Dry run: nothing was sent. A rollback replaces everything on all these disks by the snapshots.
group             {id} "{name}"
{members}\
PASS  the mount allows rollbacks
PASS  the group is NORMAL
command           echo {id} stop start > rollback
last result       none
"""


def test_the_dry_run(mnt, sim, group, two):
    identifier = mnt.value(mnt.path("groups", group, "id"))
    members = json.loads(mnt.read(mnt.path("groups", group, "group.json")))["snapshots"]
    lines = "".join(f"snapshot          {member} of disk {disk} \"name-of-{disk}\" 50 GiB, attached\n"
                    for member in members
                    for disk in [mnt.value(mnt.path("snapshots", member, "disk"))])
    assert mnt.read(mnt.path("groups", group, "rollback")) == TEXT.format(id=identifier, name=group, members=lines)


def test_a_rollback_of_all_disks(mnt, sim, group, two):
    path = mnt.path("groups", group, "rollback")
    identifier = mnt.value(mnt.path("groups", group, "id"))
    with sim.counting() as count:
        for text in ("no", "1 please", "disk-1", group, "start"):
            assert_refused(shell(WRITE, path, text), errno.EINVAL)
        for script in (': > "$1"', 'touch "$1"', 'truncate -s 0 "$1"', 'echo > "$1"'):
            assert_done(shell(script, path))
        assert shell('cp "$1" "$2/text" && cat "$2/text" > "$1"', path, mnt.home).status == 1
    assert count.change_requests == 0
    said = [error["message"] for error in errors(mnt) if error["path"] == f"groups/{group}/rollback"]
    assert said[0].startswith("write 1, yes or the id")
    assert said[-1] in mnt.read(mnt.path("groups", group, "error"))
    with sim.counting() as count:
        assert_done(shell(WRITE, path, f"{identifier} stop start"))
    assert count.requests["ApplySnapshotGroup"] == count.executed["ApplySnapshotGroup"] == 1
    params = sim.log("ApplySnapshotGroup")[-1]["params"]
    assert params["SnapshotGroupId"] == identifier and params["AutoStopInstance"] and params["AutoStartInstance"]
    assert {member["DiskId"] for member in params["ApplyDisks"]} == set(two)
    assert mnt.value(mnt.path("groups", group, "status")).startswith("ROLLBACKING ")
    for member in mnt.list("groups", group, "snapshots"):
        assert mnt.value(mnt.path("snapshots", member, "status")).startswith("ROLLBACKING ")
    with sim.counting() as count:
        assert_refused(shell(WRITE, path, "1"), errno.EBUSY)
        assert_refused(run("rmdir", mnt.path("groups", group)), errno.EBUSY)
    assert count.change_requests == 0
    settled(mnt, group)


def test_a_rollback_whose_answer_is_lost(mnt, sim, group):
    sim.fault("ApplySnapshotGroup", "drop-after")
    with sim.counting() as count:
        assert_done(shell(WRITE, mnt.path("groups", group, "rollback"), "yes stop"))
    assert count.requests["ApplySnapshotGroup"] == 1
    settled(mnt, group)


@pytest.mark.parametrize("option, text, number", [("rollback=off", "1", errno.EPERM), ("rollback=confirm", "1", errno.EINVAL),
                                                  ("ro", "1", errno.EROFS)])
def test_mounts_that_do_not(own, sim, mnt, kept, option, text, number):
    mount = own.mount(sim, "ttl=1", option)
    with sim.counting() as count:
        assert_refused(shell(WRITE, mount.path("groups", kept, "rollback"), text), number)
        if option == "ro":
            assert_refused(run("mkdir", mount.path("groups", "x@disk-1")), errno.EROFS)
            assert_refused(run("rmdir", mount.path("groups", kept)), errno.EROFS)
    assert count.change_requests == 0


# --- deleting -----------------------------------------------------------------------------


def test_without_allow_delete(own, sim, mnt, kept):
    mount = own.mount(sim, "ttl=1")
    with sim.counting() as count:
        assert_refused(run("rmdir", mount.path("groups", kept)), errno.EPERM)
    assert count.change_requests == 0
    assert "allow_delete" in errors(mount)[-1]["message"]


def test_rmdir(mnt, sim, group, two):
    members = mnt.list("groups", group, "snapshots")
    with sim.counting() as count:
        assert_done(run("rmdir", mnt.path("groups", group)))
    assert count.requests["DeleteSnapshotGroup"] == count.executed["DeleteSnapshotGroup"] == 1
    assert group not in mnt.list("groups")
    assert not set(members) & set(mnt.list("snapshots"))
    for disk in two:
        assert mnt.snapshots(disk) == []
    mnt.refresh()
    assert group not in mnt.list("groups")


@pytest.mark.parametrize("kind", ["drop-after", "drop-before"])
def test_rmdir_may_be_repeated(mnt, sim, group, kind):
    sim.fault("DeleteSnapshotGroup", kind)
    with sim.counting() as count:
        assert_done(run("rmdir", mnt.path("groups", group)))
    assert count.executed["DeleteSnapshotGroup"] == 1 and count.requests["DeleteSnapshotGroup"] == 2
    assert group not in mnt.list("groups")


@pytest.mark.parametrize("deleter", [["rm", "-rf"], ["rm", "-r", "-f", "--one-file-system"], ["busybox", "rm", "-rf"],
                                     ["/usr/bin/python3", "-c", RMTREE], ["find", "PATH", "-delete"]])
def test_nothing_that_recurses_deletes(mnt, sim, kept, deleter):
    path = mnt.path("groups", kept)
    words = [path if word == "PATH" else word for word in deleter]
    with sim.counting() as count:
        run(*words, *([] if "PATH" in deleter else [path]))
    assert count.change_requests == 0
    assert kept in mnt.list("groups")


def test_what_is_protected(mnt, sim, two):
    assert_done(run("mkdir", mnt.path("groups", f"golden-group@{two[0]}")))
    assert_done(run("mkdir", mnt.path("groups", f"holds-one@{two[1]}")))
    for name in ("golden-group", "holds-one"):
        settled(mnt, name)
    member, = mnt.list("groups", "holds-one", "snapshots")
    assert_done(shell(WRITE, mnt.path("snapshots", member, "name"), "golden egg"))
    with sim.counting() as count:
        for name in ("golden-group", "holds-one"):
            assert_refused(run("rmdir", mnt.path("groups", name)), errno.EPERM)
            assert "protect=" in errors(mnt)[-1]["message"]
    assert count.change_requests == 0


def test_who_is_not_known_may_be_protected(mnt, sim, two):
    """Its snapshots go with a group, so each has to be known by its name."""
    assert_done(run("mkdir", mnt.path("groups", f"half-known@{two[0]}")))
    settled(mnt, "half-known")
    sim.faults({"action": "DescribeSnapshots", "kind": "edit", "edits": {
        "/Response/SnapshotSet": [], "/Response/TotalCount": 0}})
    mnt.refresh()
    with sim.counting() as count:
        assert_refused(run("rmdir", mnt.path("groups", "half-known")), errno.EPERM)
    assert count.change_requests == 0
    sim.faults()
    mnt.refresh()
    assert_done(run("rmdir", mnt.path("groups", "half-known")))


def test_not_with_disks_that_are_not_shown(own):
    """A group is of several disks, and rolls back or deletes them all."""
    simulator = own.simulator(*SIMULATOR)
    disks, _ = attached(simulator, 2)
    make_elsewhere(simulator, {"DiskIds": disks, "SnapshotGroupName": "of both"})
    mount = own.mount(simulator, "allow_delete", f"disks={disks[0]}")
    assert "groups" not in mount.list()
    for words in (["ls", mount.path("groups")], ["rmdir", mount.path("groups", "of both")],
                  ["mkdir", mount.path("groups", f"new@{disks[0]}")]):
        assert run(*words).status != 0
    assert len(groups_of(simulator)) == 1
    assert simulator.stats()["requests"].get("DeleteSnapshotGroup") is None


def test_other_names_stay(mnt, sim, kept):
    path = mnt.path("groups", kept)
    with sim.counting() as count:
        assert run("mv", path, mnt.path("groups", "other")).status == 1
        assert run("rm", path + "/status").status == 1
        assert run("rmdir", path + "/snapshots").status == 1
        assert run("touch", path + "/new").status == 1
    assert count.change_requests == 0


# --- looking ------------------------------------------------------------------------------


def many(own, count):
    """A mount of an account with many groups, and the names of these."""
    simulator = own.simulator("--create-time", "0", "--rate", "0", "--disks", "1", "--quota", count)
    disks, _ = attached(simulator, 1)
    names = [f"group-{number:03d}-{'x' * 40}" for number in range(count)]
    simulator_disks = {"DiskIds": disks}
    for name in names:
        make_elsewhere(simulator, {**simulator_disks, "SnapshotGroupName": name})
    return own.mount(simulator, "ttl=600"), simulator, names


def make_elsewhere(simulator, parameters):
    """As somebody does without this mount."""
    return tc3.Client(simulator.port).call("CreateSnapshotGroup", parameters)["SnapshotGroupId"]


def test_a_long_list(own):
    """Several pages of the cloud, and more than one reading of the kernel."""
    mount, simulator, names = many(own, 230)
    with simulator.counting() as count:
        assert mount.list("groups") == names
        assert mount.value(mount.path("groups", names[-1], "status")) == "NORMAL 100"
    assert dict(count.requests) == {"DescribeSnapshotGroups": 3}
    with simulator.counting() as count:
        assert_done(run("grep", "-r", "NORMAL", mount.path("groups")))
    # `rollback` names the disks. What was made a moment ago may be listed twice.
    assert count.requests["DescribeSnapshotGroups"] == 0 and count.total <= 1 + 2 * 3, count.requests


@pytest.mark.parametrize("script", CRAWLERS)
def test_crawlers(mnt, sim, own, kept, script):
    wait_until(lambda: {group["SnapshotGroupState"] for group in groups_of(sim)} == {"NORMAL"}, 10, "all groups")
    mount = own.mount(sim, "ttl=600")
    with sim.counting() as count:
        result = shell(script, mount.point, mount.home)
    assert (result.status, result.err) == (0, "")
    assert count.changes == 0 and count.requests["DescribeSnapshotGroups"] == 1
    assert count.total <= 3 + 2, count.requests


def test_who_may_not_list_groups(own, sim, mnt, kept):
    """Nothing is wrong with a crawl; who names a group is told."""
    mount = own.mount(sim, "ttl=600")
    sim.faults({"action": "DescribeSnapshotGroups", "kind": "error", "code": "UnauthorizedOperation", "times": 0})
    assert "groups" in mount.list()
    with sim.counting() as count:
        assert_done(run("find", mount.point, "-maxdepth", "2"))
        assert_done(run("cp", "-r", mount.path("groups"), mount.home))
    assert count.requests["DescribeSnapshotGroups"] <= 3
    assert mount.list("groups") == []
    assert_refused(run("cat", mount.path("groups", kept, "status")), errno.EACCES)
    last = errors(mount)[-1]
    assert (last["path"], last["errno"], last["code"]) == ("groups", "EACCES", "UnauthorizedOperation")
    assert_refused(run("mkdir", mount.path("groups", "x@disk-1")), errno.EACCES)
    sim.faults()
    mount.refresh()
    assert kept in mount.list("groups")


def test_the_cloud_is_away(own, sim, mnt, kept):
    """What is known is served; what is not known fails with the reason."""
    mount = own.mount(sim, "ttl=1", "timeout=2")
    fresh = own.mount(sim, "ttl=1", "timeout=2")
    assert kept in mount.list("groups")
    sim.faults({"action": "DescribeSnapshotGroups", "kind": "error", "code": "InternalError", "times": 0})
    mount.refresh()
    assert kept in mount.list("groups")
    assert mount.value(mount.path("groups", kept, "status")) == "NORMAL 100"
    result = run("ls", fresh.path("groups"))
    assert result.status != 0 and "Input/output" not in result.err
    sim.faults()


def test_a_group_made_elsewhere_appears(mnt, sim, two):
    before = mnt.list("groups")
    make_elsewhere(sim, {"DiskIds": two, "SnapshotGroupName": "from-elsewhere"})
    wait_until(lambda: "from-elsewhere" in mnt.list("groups"), 5, "the group")
    assert set(mnt.list("groups")) - set(before) == {"from-elsewhere"}
