# SPDX-License-Identifier: Apache-2.0
"""The tree (design 3): what is where, one value a file, exact sizes, stable inodes, times."""
import errno
import json
import os
from datetime import timedelta

import pytest

from commands import assert_done, assert_refused, beijing, now, rfc3339, run, shell, wait_until
from harness import CBSFS
from providers import QUOTA

pytestmark = pytest.mark.core


def lines(result):
    return assert_done(result).out.splitlines()


def entries(mnt, *find_arguments):
    """{path: (type, mode, size, inode)} of the whole mount."""
    found = {}
    for line in lines(run("find", mnt.point, *find_arguments, "-printf", "%y %m %s %i %p\n")):
        kind, mode, size, inode, path = line.split(" ", 4)
        found[path] = (kind, int(mode, 8), int(size), int(inode))
    return found


def test_root(mnt):
    listed = set(lines(run("ls", "-A", mnt.point)))
    assert {"README", "disks", "snapshots"} <= listed
    assert listed <= {"README", "disks", "snapshots", "groups", "regions"}
    assert "snapshots" in mnt.read(mnt.path("README"))


@pytest.mark.only("qcloud", "openstack", "evs")
def test_no_regions_where_the_cloud_does_not_tell_them(mnt):
    assert "regions" not in mnt.list()
    assert "regions/" not in mnt.read(mnt.path("README"))
    assert_refused(run("ls", mnt.path("regions")), errno.ENOENT)


def test_control_directory_is_there_but_not_listed(mnt):
    names = {"version", "config", "stats", "errors", "jobs", "refresh", "log_level"}
    assert set(mnt.list(".cbsfs")) >= names
    for name in names:
        assert_done(run("cat", mnt.path(".cbsfs", name)))
    assert mnt.value(mnt.path(".cbsfs", "version")).split()[-1] in run(CBSFS, "--version").out


@pytest.mark.only("tencent")
def test_disk_values(mnt):
    created = now() - timedelta(days=12)
    disk = mnt.add_disk(DiskName="pg data", DiskState="ATTACHED", Attached=True, InstanceId="ins-4f8k2m1x",
                        DiskSize=500, DiskType="CLOUD_HSSD", DiskUsage="SYSTEM_DISK",
                        CreateTime=beijing(created),
                        Placement={"Zone": "ap-guangzhou-7", "ProjectId": 0})
    expected = {"id": disk, "name": "pg data", "state": "ATTACHED", "size": "500", "usage": "SYSTEM_DISK",
                "type": "CLOUD_HSSD", "zone": "ap-guangzhou-7", "instance": "ins-4f8k2m1x",
                "created": rfc3339(created)}
    assert {name: mnt.value(mnt.disk(disk, name)) for name in expected} == expected
    listed = set(mnt.list("disks", disk))
    assert listed >= {*expected, "encrypted", "disk.json", "snapshots.json", "error", "snapshots"}
    assert mnt.read(mnt.disk(disk, "error")) == ""


@pytest.mark.only("tencent")
def test_snapshot_values(mnt, disk):
    created = now() - timedelta(days=3, hours=5)
    expires = now() + timedelta(days=30)
    snapshot = mnt.add_snapshot(disk, "kept", CreateTime=beijing(created), DeadlineTime=beijing(expires),
                                IsPermanent=False, DiskSize=80,
                                Images=[{"ImageId": "img-aaaa1111", "ImageName": "base"},
                                        {"ImageId": "img-bbbb2222", "ImageName": "other"}], ImageCount=2)
    expected = {"id": snapshot, "name": "kept", "disk": disk, "size": "80", "state": "NORMAL",
                "percent": "100", "status": "NORMAL 100", "created": rfc3339(created),
                "expires": rfc3339(expires)}
    assert {name: mnt.value(mnt.snapshot(disk, "kept", name)) for name in expected} == expected
    listed = set(mnt.list("disks", disk, "snapshots", "kept"))
    assert listed >= {*expected, "encrypted", "type", "snapshot.json", "images", "error", "rollback"}
    assert mnt.read(mnt.snapshot(disk, "kept", "images")).split() == ["img-aaaa1111", "img-bbbb2222"]
    assert mnt.read(mnt.snapshot(disk, "kept", "error")) == ""


@pytest.mark.only("tencent")
def test_values_that_differ_between_records_differ_in_the_tree(mnt):
    plain = mnt.add_disk(Encrypt=False, Portable=False)
    other = mnt.add_disk(Encrypt=True, Portable=True)
    for name in ("encrypted", "portable"):
        assert mnt.value(mnt.disk(plain, name)) != mnt.value(mnt.disk(other, name))
    mnt.add_snapshot(plain, "open", Encrypt=False)
    mnt.add_snapshot(plain, "secret", Encrypt=True)
    assert mnt.value(mnt.snapshot(plain, "open", "encrypted")) != \
        mnt.value(mnt.snapshot(plain, "secret", "encrypted"))


@pytest.mark.needs("gaps")
@pytest.mark.parametrize("gone", [{"__absent__": True}, None, ""])
def test_a_value_that_was_not_sent_is_an_empty_line(mnt, gone):
    disk = mnt.add_disk(InstanceId=gone, DiskType=gone, CreateTime=gone)
    snapshot = mnt.add_snapshot(disk, "bare", DeadlineTime=gone, CreateTime=gone)
    for path in (mnt.disk(disk, "instance"), mnt.disk(disk, "type"), mnt.disk(disk, "created"),
                 mnt.snapshot(disk, "bare", "expires"), mnt.snapshot(disk, "bare", "created")):
        assert mnt.read(path) == "\n", path
        assert lines(run("stat", "-c", "%s", path)) == ["1"]
    assert mnt.value(mnt.snapshot(disk, "bare", "id")) == snapshot


def test_values_are_utf8(mnt):
    disk = mnt.add_disk(DiskName="数据盘 ü")
    assert mnt.value(mnt.disk(disk, "name")) == "数据盘 ü"


@pytest.mark.only("tencent")
@pytest.mark.parametrize("state, word", [
    ("NORMAL", "NORMAL"), ("CREATING", "CREATING"), ("ROLLBACKING", "ROLLBACKING"),
    ("COPYING_FROM_REMOTE", "COPYING"), ("CHECKING_COPIED", "COPYING"), ("somethingNew", "SOMETHINGNEW")])
def test_state_is_verbatim_and_status_is_normalised(mnt, disk, state, word):
    mnt.add_snapshot(disk, "one", SnapshotState=state, Percent=100)
    assert mnt.value(mnt.snapshot(disk, "one", "state")) == state
    script = 'read -r word percent < "$1" && echo "$word" && test "$percent" -ge 0 && test "$percent" -le 100'
    assert shell(script, mnt.snapshot(disk, "one", "status"), program="dash").out == f"{word}\n"


def test_status_shows_the_progress_of_a_creation(mnt, disk):
    mnt.add_snapshot(disk, "growing", SnapshotState="CREATING", Percent=42)
    word, percent = mnt.value(mnt.snapshot(disk, "growing", "status")).split()
    assert word == "CREATING" and 0 <= int(percent) < 100


@pytest.mark.needs("percents")
def test_percent_of_a_rollback_is_the_disks(mnt):
    disk = mnt.add_disk(DiskState="ROLLBACKING", Rollbacking=True, RollbackPercent=37)
    mnt.add_snapshot(disk, "back", SnapshotState="ROLLBACKING", Percent=100)
    word, percent = mnt.value(mnt.snapshot(disk, "back", "status")).split()
    assert word == "ROLLBACKING" and int(percent) < 100


@pytest.mark.only("tencent")
def test_disk_json(mnt):
    disk = mnt.add_disk(DiskName="json", SomethingUndocumented={"a": [1, None]})
    record = json.loads(mnt.read(mnt.disk(disk, "disk.json")))
    assert record["id"] == disk and record["name"] == "json" and record["size"] == 50
    assert record["raw"]["DiskId"] == disk
    assert record["raw"]["SomethingUndocumented"] == {"a": [1, None]}


@pytest.mark.only("tencent")
def test_snapshot_json(mnt, disk):
    snapshot = mnt.add_snapshot(disk, "json")
    record = json.loads(mnt.read(mnt.snapshot(disk, "json", "snapshot.json")))
    assert record["id"] == snapshot and record["name"] == "json" and record["disk"] == disk
    assert record["raw"]["SnapshotId"] == snapshot


def test_snapshots_json_is_one_array_of_all(mnt, disk):
    ids = {mnt.add_snapshot(disk, f"array-{i}") for i in range(3)}
    answer = run("jq", "-r", ".[].id", mnt.disk(disk, "snapshots.json"))
    assert sorted(lines(answer)) == sorted(ids)
    assert json.loads(mnt.read(mnt.disk(mnt.add_disk(), "snapshots.json"))) == []


def test_latest_is_the_newest_normal_snapshot(mnt, disk):
    day = timedelta(days=1)
    mnt.add_snapshot(disk, "middle", CreateTime=beijing(now() - 5 * day))
    mnt.add_snapshot(disk, "oldest", CreateTime=beijing(now() - 9 * day))
    mnt.add_snapshot(disk, "unfinished", CreateTime=beijing(now() - 1 * day), SnapshotState="CREATING")
    latest = mnt.disk(disk, "latest")
    wait_until(lambda: run("readlink", latest).out == "snapshots/middle\n", 5, "latest -> middle")
    assert mnt.value(os.path.join(latest, "name")) == "middle"
    assert run("test", "-L", latest).status == 0


def test_latest_without_a_normal_snapshot(mnt, disk):
    mnt.add_snapshot(disk, "unfinished", SnapshotState="CREATING")
    assert run("test", "-e", mnt.disk(disk, "latest")).status == 1


def test_snapshots_by_id_are_symlinks(mnt, disk):
    snapshot = mnt.add_snapshot(disk, "linked")
    assert snapshot in mnt.list("snapshots")
    link = mnt.path("snapshots", snapshot)
    assert run("test", "-L", link).status == 0
    assert lines(run("realpath", link)) == [mnt.snapshot(disk, "linked")]
    assert mnt.value(os.path.join(link, "name")) == "linked"


def same_inode(*paths):
    return len(set(lines(run("stat", "-L", "-c", "%i", *paths)))) == 1


def test_the_id_of_a_snapshot_is_an_alias(mnt, disk):
    snapshot = mnt.add_snapshot(disk, "aliased")
    assert mnt.snapshots(disk) == ["aliased"]
    assert mnt.value(mnt.snapshot(disk, snapshot, "name")) == "aliased"
    assert same_inode(mnt.snapshot(disk, snapshot), mnt.snapshot(disk, "aliased"))


def test_the_name_of_a_disk_is_an_alias_while_unique(mnt):
    disk = mnt.add_disk(DiskName="only-one-of-it")
    assert mnt.value(mnt.disk("only-one-of-it", "id")) == disk
    assert same_inode(mnt.disk("only-one-of-it"), mnt.disk(disk))
    assert "only-one-of-it" not in mnt.list("disks")
    mnt.add_disk(DiskName="two-of-them")
    mnt.add_disk(DiskName="two-of-them")
    wait_until(lambda: not mnt.exists(mnt.disk("two-of-them")), 5, "an ambiguous name is refused")


@pytest.mark.needs("orphans")
def test_orphans_keep_their_directory(mnt, sim):
    disk = sim.identifier("disk")
    snapshot = mnt.add_snapshot(disk, "orphan")
    assert disk in mnt.list("disks")
    assert mnt.snapshots(disk) == ["orphan"]
    assert mnt.value(mnt.disk(disk, "id")) == disk
    assert mnt.value(mnt.snapshot(disk, "orphan", "id")) == snapshot
    known = set(mnt.list("disks", disk))
    assert "snapshots" in known and not known & {"zone", "instance", "attached"}
    assert_done(shell('find "$1" -type f -exec cat {} + > /dev/null', mnt.disk(disk)))


@pytest.mark.needs("orphans")
def test_a_copy_without_a_disk_is_under_none(mnt):
    snapshot = mnt.simulator.add_snapshot("", "copied from afar", CopyFromRemote=True)
    mnt.show(mnt.snapshot("none", "copied from afar"))
    assert mnt.value(mnt.snapshot("none", "copied from afar", "id")) == snapshot
    assert lines(run("realpath", mnt.path("snapshots", snapshot))) == [mnt.snapshot("none", "copied from afar")]


def test_time_of_a_snapshot_directory_is_its_creation(mnt, disk):
    moments = {f"t{age}": now() - timedelta(days=age) for age in (2, 45, 29, 400)}
    for name, moment in moments.items():
        mnt.add_snapshot(disk, name, CreateTime=beijing(moment))
    for name, moment in moments.items():
        seconds = str(int(moment.timestamp()))
        assert lines(run("stat", "-c", "%Y %Z", mnt.snapshot(disk, name))) == [f"{seconds} {seconds}"]
    directory = mnt.disk(disk, "snapshots")
    assert lines(run("ls", "-t", directory)) == ["t2", "t29", "t45", "t400"]
    old = run("find", directory, "-mindepth", "1", "-maxdepth", "1", "-mtime", "+30", "-printf", "%f\n")
    assert sorted(lines(old)) == ["t400", "t45"]


def test_modes(mnt, disk):
    mnt.add_snapshot(disk, "moded")
    for path, (kind, mode, _, _) in entries(mnt).items():
        if kind == "f":
            assert mode & 0o444 == 0o444 and not mode & 0o111, path
        elif kind == "d" and path != mnt.path("snapshots"):
            parts = os.path.relpath(path, mnt.point).split("/")
            of_snapshots = parts[0] == "disks" and len(parts) in (3, 4) and parts[2] == "snapshots"
            of_groups = parts[0] == "groups" and len(parts) < 3
            assert mode == (0o755 if of_snapshots or of_groups else 0o555), path
        else:
            assert kind in "dl", path


def test_every_size_is_exact(mnt, disk):
    mnt.add_snapshot(disk, "sized")
    sizes = {path: entry[2] for path, entry in entries(mnt, "-path", f"*/{disk}/*").items() if entry[0] == "f"}
    counts = lines(run("wc", "-c", mnt.path("README"), *sizes))
    assert {line.split(None, 1)[1]: int(line.split()[0]) for line in counts[1:-1]} == sizes
    assert len(sizes) > 20


# MS_REMOUNT | MS_NODEV | MS_NOSUID: the kernel lets go of all names of this mount.  drop_caches would take those of
# every other one on this machine, and what others count there.
REMOUNT = "import ctypes, sys; sys.exit(ctypes.CDLL(None).mount(None, sys.argv[1].encode(), None, 38, None))"


def test_inodes_are_unique_and_survive(mnt, sim, own):
    """The same after the kernel forgot them, and in another mount of the account."""
    mnt.add_snapshot(mnt.add_disk(), "numbered")

    def numbers(mount):
        return {os.path.relpath(path, mount.point): entry[3] for path, entry in entries(mount).items()
                if path != mount.point}

    first = numbers(mnt)
    assert len(set(first.values())) == len(first)
    assert_done(run("/usr/bin/python3", "-c", REMOUNT, mnt.point))
    assert numbers(mnt) == first
    assert numbers(own.mount(sim, "ttl=1")) == first


def test_wait_is_there_but_not_listed(mnt, disk):
    mnt.add_snapshot(disk, "settled")
    assert "wait" not in mnt.list("disks", disk, "snapshots", "settled")
    assert mnt.read(mnt.snapshot(disk, "settled", "wait")) == "NORMAL 100\n"


def test_df_passes_the_mount_over(mnt):
    assert mnt.point not in run("df").out
    assert lines(run("stat", "-f", "-c", "%b %f %a", mnt.point)) == ["0 0 0"]


@pytest.mark.needs("quota")
def test_df_i_shows_the_quota_of_a_disk(mnt, disk):
    assert lines(run("stat", "-f", "-c", "%c %d", mnt.disk(disk))) == [f"{QUOTA} {QUOTA}"]
    for i in range(3):
        mnt.add_snapshot(disk, f"used-{i}")
    assert lines(run("stat", "-f", "-c", "%c %d", mnt.disk(disk))) == [f"{QUOTA} {QUOTA - 3}"]
    words = lines(run("df", "-i", mnt.disk(disk)))[1].split()
    assert words[1:4] == [str(QUOTA), "3", str(QUOTA - 3)]


def test_regular_files_are_regular(mnt, disk):
    mnt.add_snapshot(disk, "regular")
    for path, entry in entries(mnt).items():
        assert entry[0] in "fdl", path


def test_names_that_are_not_there(mnt, disk):
    for path in (mnt.path("nothing"), mnt.disk("disk-nothere1"), mnt.disk(disk, "nothing"),
                 mnt.snapshot(disk, "nothing"), mnt.snapshot(disk, "snap-nothere1"),
                 mnt.path("snapshots", "snap-nothere1"), mnt.path(".Trash"), mnt.path(".hidden")):
        result = run("cat", path)
        assert result.status == 1 and "No such file or directory" in result.err
