# SPDX-License-Identifier: Apache-2.0
"""Every feature of a snapshot is a file (semantics 12): what is read, what is written, and what it costs."""
import errno
import json
from datetime import timedelta

import pytest

from commands import assert_done, assert_refused, now, rfc3339, run, shell, wait_until

SIMULATOR = ("--region", "ap-guangzhou,ap-beijing", "--create-time", "1", "--rollback-time", "1", "--copy-time", "2")
OPTIONS = ("ttl=1", "timeout=4", "allow_delete")

pytestmark = pytest.mark.only("tencent")

BEIJING = "ap-beijing"
ACCOUNT = "100001122000"
WRITE = 'printf "%s\\n" "$2" > "$1"'
WRITABLE = ["expires", "shared_with", "copy_to", "new_disk", "name"]
AGAIN = """
import os, sys
control = os.open(sys.argv[1], os.O_WRONLY)
for _ in range(3):
    try:
        print(os.write(control, sys.argv[2].encode()))
    except OSError as error:
        print(os.strerror(error.errno))
"""


@pytest.fixture
def good(mnt, disk):
    """A function: the path of a file of a snapshot, which is `good`."""
    mnt.add_snapshot(disk, "good", DiskUsage="DATA_DISK")
    return lambda *file: mnt.snapshot(disk, "good", *file)


@pytest.fixture
def slow(own, sim):
    """A mount that asks seldom, with one snapshot of a disk of its own, known already."""
    mount = own.mount(sim, "ttl=600", "allow_create_disk", "allow_delete")
    disk = mount.add_disk()
    mount.add_snapshot(disk, "good", DiskUsage="DATA_DISK",
                       Tags=[{"Key": "env", "Value": "prod"}, {"Key": "每日", "Value": "a b"}],
                       AutoSnapshotPolicyId="asp-k1p5w3e8")
    mount.read(mount.snapshot(disk, "good", "rollback"))
    return mount, disk


def write(path, text, program="bash"):
    return shell(WRITE, path, text, program=program)


def reason(mount, path):
    """What `error` beside this file says."""
    return mount.read(path.rpartition("/")[0] + "/error")


# --- looking ----------------------------------------------------------------------------


def test_looking_costs_nothing(sim, slow):
    mount, disk = slow
    with sim.counting() as count:
        values = {name: mount.read(mount.snapshot(disk, "good", name))
                  for name in ["tags", "policy", *WRITABLE]}
        assert_done(run("cp", "-r", mount.snapshot(disk, "good"), mount.home))
    assert count.total == 0
    assert values["tags"] == "env=prod\n每日=a b\n"
    assert values["policy"] == "asp-k1p5w3e8\n"
    assert values["shared_with"] == "\n" and values["expires"] == "\n" and values["name"] == "good\n"


def test_whom_it_is_shared_with_costs_a_call_if_it_is(sim, slow):
    mount, disk = slow
    path = mount.snapshot(disk, "good", "shared_with")
    with sim.counting() as count:
        assert_done(write(path, "+" + ACCOUNT))
    assert dict(count.requests) == {"ModifySnapshotsSharePermission": 1}
    with sim.counting() as count:
        for _ in range(3):
            assert mount.value(path) == ACCOUNT
        assert run("stat", "-c", "%s", path).out == f"{len(ACCOUNT) + 1}\n"
    assert dict(count.requests) == {"DescribeSnapshotSharePermission": 1}
    # It is not listed, so that no crawl pays for it.
    assert "shared_with" not in mount.list("disks", disk, "snapshots", "good")


def test_policies_cost_a_call_for_all_disks(own, sim):
    mount = own.mount(sim, "ttl=600")
    disks = [disk for disk in mount.list("disks") if disk.startswith("disk-t")]
    with sim.counting() as count:
        found = {disk: mount.read(mount.disk(disk, "policies")) for disk in disks[:12] + ["disk-omp7wl2m"]}
        whole = json.loads(mount.read(mount.disk("disk-omp7wl2m", "policies.json")))
    assert dict(count.requests) == {"DescribeAutoSnapshotPolicies": 1}
    assert [policy["id"] for policy in whole] == [found.pop("disk-omp7wl2m").strip()]
    assert whole[0]["name"] == "nightly-7d" and whole[0]["raw"]["RetentionDays"] == 7
    assert set(found.values()) == {"\n"}
    assert not {"policies", "policies.json"} & set(mount.list("disks", disks[0]))


@pytest.mark.parametrize("name", WRITABLE)
@pytest.mark.parametrize("script", [': > "$1"', 'truncate -s 0 "$1"', 'touch "$1"', 'true >> "$1"', 'echo > "$1"',
                                    'chmod 600 "$1"', 'cp /dev/null "$1"', 'cat "$1" > /dev/null'])
def test_without_a_word_nothing_happens(mnt, sim, good, name, script):
    before = mnt.read(good(name))
    with sim.counting() as count:
        assert_done(shell(script, good(name)))
    assert count.change_requests == 0
    assert mnt.read(good(name)) == before


@pytest.mark.parametrize("name", WRITABLE)
def test_what_was_read_changes_nothing(mnt, sim, slow, name):
    """An editor saves what it has read."""
    mount, disk = slow
    path = mount.snapshot(disk, "good", name)
    assert_done(write(mount.snapshot(disk, "good", "expires"), "+30d"))
    assert_done(write(mount.snapshot(disk, "good", "shared_with"), "+" + ACCOUNT))
    before = mount.read(path)
    with sim.counting() as count:
        run("cp", path, mount.home + "/edited")
        shell('cat "$2" > "$1"', path, mount.home + "/edited")
    assert count.change_requests == 0
    lasting = [line for line in before.splitlines() if not line.startswith("last result")]
    assert [line for line in mount.read(path).splitlines() if not line.startswith("last result")] == lasting


@pytest.mark.parametrize("name, text", [("expires", "yesterday"), ("shared_with", "me"), ("copy_to", "AP/1"),
                                        ("new_disk", "maybe"), ("name", ".hidden")])
def test_a_handle_remembers_its_failure(mnt, sim, own, disk, name, text):
    mount = own.mount(sim, "ttl=1", "allow_create_disk")
    mount.add_snapshot(disk, "good")
    with sim.counting() as count:
        words = run("/usr/bin/python3", "-c", AGAIN, mount.snapshot(disk, "good", name), text).out.splitlines()
    assert words[0] in ("Invalid argument", "Operation not permitted") and set(words) == {words[0]}
    assert count.change_requests == 0


def test_a_handle_takes_one_command(mnt, sim, good):
    with sim.counting() as count:
        words = run("/usr/bin/python3", "-c", AGAIN, good("copy_to"), BEIJING).out.splitlines()
    assert words == [str(len(BEIJING))] * 3
    assert count.requests["CopySnapshotCrossRegions"] == 1


def test_read_only(own, sim):
    disk = sim.add_disk()
    sim.add_snapshot(disk, "good")
    mount = own.mount(sim, "ro", "ttl=1", "allow_create_disk")
    with sim.counting() as count:
        for name in WRITABLE:
            assert_refused(write(mount.snapshot(disk, "good", name), "never"), errno.EROFS)
            assert mount.read(mount.snapshot(disk, "good", name))
    assert count.change_requests == 0
    assert "FAIL  the mount is not read-only" in mount.read(mount.snapshot(disk, "good", "copy_to"))


# --- expires ------------------------------------------------------------------------------


def test_when_it_expires(mnt, sim, slow):
    """The kernel keeps what it has read; it must not show that."""
    mount, disk = slow
    path = mount.snapshot(disk, "good", "expires")
    day = (now() + timedelta(days=400)).strftime("%Y-%m-%d")
    for text, expected in ((day, f"{day}T00:00:00Z"), (f"{day}T12:30:00Z", f"{day}T12:30:00Z"), ("never", ""),
                           (f"{day}T12:30:00+08:00", f"{day}T04:30:00Z")):
        assert mount.value(path) is not None
        with sim.counting() as count:
            assert_done(write(path, text))
            assert mount.value(path) == expected
        assert count.change_requests == 1
        # Once more is nothing to do, if it holds still.
        with sim.counting() as count:
            assert_done(write(path, text))
        assert count.change_requests == (text == "never")
    mount.refresh()
    assert mount.value(path) == f"{day}T04:30:00Z"
    assert json.loads(mount.read(mount.snapshot(disk, "good", "snapshot.json")))["expires"] == f"{day}T04:30:00Z"


@pytest.mark.parametrize("text, days", [("+1d", 1), ("+30d", 30), ("+8w", 56), ("+1y", 365), (" +2d ", 2)])
def test_how_long_from_now(mnt, sim, good, text, days):
    least = rfc3339(now() + timedelta(days=days))
    assert_done(write(good("expires"), text))
    assert least <= mnt.value(good("expires")) <= rfc3339(now() + timedelta(days=days, minutes=2))
    params = sim.log("ModifySnapshotAttribute")[-1]["params"]
    assert params["IsPermanent"] is False and "SnapshotName" not in params


@pytest.mark.parametrize("text", ["yesterday", "+0d", "+1h", "-1d", "+d", "2020-01-01", "1", "never ever", "2027-13-01",
                                  "+99999999999999999999d", "2027-01-31 and more"])
def test_no_date(mnt, sim, good, text):
    with sim.counting() as count:
        assert_refused(write(good("expires"), text), errno.EINVAL)
    assert count.change_requests == 0
    said = reason(mnt, good("expires"))
    assert "operation: expires" in said and ("+30d" in said or "a day ahead" in said)


# --- shared_with --------------------------------------------------------------------------


def test_sharing(mnt, sim, good):
    assert_done(write(good("shared_with"), "+" + ACCOUNT))
    assert_done(write(good("shared_with"), "+200002233000"))
    assert mnt.read(good("shared_with")) == f"{ACCOUNT}\n200002233000\n"
    assert_done(write(good("shared_with"), "-" + ACCOUNT))
    assert mnt.read(good("shared_with")) == "200002233000\n"
    assert_done(write(good("shared_with"), "-200002233000"))
    assert mnt.read(good("shared_with")) == "\n"
    params = sim.log("ModifySnapshotsSharePermission")[-1]["params"]
    assert params["AccountIds"] == ["200002233000"] and params["Permission"] == "CANCEL"


@pytest.mark.parametrize("text", [ACCOUNT, "+", "-", "+me", "+1 +2", "+" + "1" * 33, "+1,2"])
def test_no_account(mnt, sim, good, text):
    with sim.counting() as count:
        assert_refused(write(good("shared_with"), text), errno.EINVAL)
    assert count.change_requests == 0
    assert "+ACCOUNT to share it" in reason(mnt, good("shared_with"))


def test_a_system_disks_snapshot_is_not_shared(mnt, sim, disk):
    mnt.add_snapshot(disk, "system", DiskUsage="SYSTEM_DISK")
    path = mnt.snapshot(disk, "system", "shared_with")
    with sim.counting() as count:
        assert_refused(write(path, "+" + ACCOUNT), errno.EOPNOTSUPP)
    assert count.change_requests == 0
    assert "snapshots of system disks cannot be shared" in reason(mnt, path)


# --- copy_to ------------------------------------------------------------------------------


def test_a_copy_and_its_progress(mnt, sim, own, good):
    assert_done(write(good("copy_to"), f"{BEIJING} kept there"))
    params = sim.log("CopySnapshotCrossRegions")[-1]["params"]
    assert params["DestinationRegions"] == [BEIJING] and params["SnapshotName"] == "kept there"
    wait_until(lambda: f"being copied to   {BEIJING}\n" in mnt.read(good("copy_to")), 5, "the copy in the dry run")
    with sim.counting() as count:
        assert_refused(write(good("copy_to"), BEIJING), errno.EBUSY)
    assert count.change_requests == 0
    assert "being copied there already" in reason(mnt, good("copy_to"))
    # It is a snapshot of that region, without a disk.
    there = mnt.path("regions", BEIJING, "disks", "none", "snapshots", "kept there")
    assert mnt.value(there + "/status").startswith("COPYING ")
    assert assert_done(run("cat", there + "/wait", timeout=20)).out == "NORMAL 100\n"
    jobs = [json.loads(line) for line in mnt.read(mnt.path(".cbsfs", "jobs")).splitlines()]
    assert [job for job in jobs if job["operation"] == "copy_to"][-1]["created"] == mnt.value(there + "/id")


def test_a_region_that_refuses_inside_of_a_success(mnt, sim, good):
    with sim.counting() as count:
        assert_refused(write(good("copy_to"), "ap-nowhere"), errno.EINVAL)
    assert count.requests["CopySnapshotCrossRegions"] == 1
    said = reason(mnt, good("copy_to"))
    assert "ap-nowhere" in said and "code: InvalidParameterValue" in said
    assert "ap-nowhere" in mnt.read(good("copy_to")).partition("last result")[2]


@pytest.mark.parametrize("text", ["ap-beijing/x", "AP-BEIJING", "ap-beijing .hidden", "x" * 64])
def test_no_region(mnt, sim, good, text):
    with sim.counting() as count:
        assert shell(WRITE, good("copy_to"), text).status == 1
    assert count.change_requests == 0


def test_the_answer_about_a_copy_is_lost(mnt, sim, good):
    """It is not sent again; that it is being copied shows that it was heard."""
    sim.fault("CopySnapshotCrossRegions", "drop-after")
    with sim.counting() as count:
        assert_done(write(good("copy_to"), BEIJING))
    assert count.requests["CopySnapshotCrossRegions"] == count.executed["CopySnapshotCrossRegions"] == 1


def test_an_internal_error_inside_of_a_success(mnt, sim, good):
    """The copy may go on; only what is seen tells."""
    sim.fault("CopySnapshotCrossRegions", "edit", edits={"/Response/SnapshotCopyResultSet": [
        {"DestinationRegion": BEIJING, "Code": "InternalError", "Message": "later, perhaps", "SnapshotId": ""}]})
    with sim.counting() as count:
        assert_done(write(good("copy_to"), BEIJING))
    assert count.requests["CopySnapshotCrossRegions"] == count.executed["CopySnapshotCrossRegions"] == 1
    with sim.counting() as count:
        assert_refused(write(good("copy_to"), BEIJING), errno.EBUSY)
    assert count.change_requests == 0


@pytest.mark.leaves_jobs
def test_the_request_for_a_copy_is_lost(mnt, sim, good):
    sim.fault("CopySnapshotCrossRegions", "drop-before")
    with sim.counting() as count:
        assert_refused(write(good("copy_to"), BEIJING), errno.ETIMEDOUT)
        assert_refused(write(good("copy_to"), BEIJING), errno.EBUSY)
    assert count.requests["CopySnapshotCrossRegions"] == 1
    assert "not known yet" in reason(mnt, good("copy_to"))


COPY_TEXT = """\
# Dry run: nothing was sent. A copy is a snapshot of its own in another region; traffic and storage cost money.
snapshot          {id} "good" of {created}, 50 GiB
PASS  the mount is not read-only
PASS  the snapshot is NORMAL
PASS  the snapshot is this account's own
being copied to   no region
command           echo REGION [NAME] > copy_to
last result       none
"""


def test_the_dry_run_of_a_copy(mnt, good):
    assert mnt.read(good("copy_to")) == COPY_TEXT.format(id=mnt.value(good("id")), created=mnt.value(good("created")))


# --- new_disk -----------------------------------------------------------------------------

DISK_TEXT = """\
# Dry run: nothing was sent. A new disk COSTS MONEY from the moment it is made until it is destroyed.
snapshot          {id} "good" of {created}, 50 GiB
new disk          CLOUD_SSD, 50 GiB, in ap-guangzhou-6, paid by the hour
{allowed}  the mount allows it (-o allow_create_disk)
PASS  the mount is not read-only
PASS  the snapshot is NORMAL
PASS  the snapshot is this account's own
PASS  the snapshot is of a data disk
command           echo yes > new_disk
or with           zone=... type=... size=GIB name=... behind it
last result       {last}
"""


def test_no_disk_without_leave(mnt, sim, good):
    with sim.counting() as count:
        assert_refused(write(good("new_disk"), "yes"), errno.EPERM)
    assert count.change_requests == 0
    assert "-o allow_create_disk" in reason(mnt, good("new_disk"))
    text = mnt.read(good("new_disk"))
    head, _, last = text.partition("last result")
    expected = DISK_TEXT.format(id=mnt.value(good("id")), created=mnt.value(good("created")), allowed="FAIL", last="")
    assert head == expected.partition("last result")[0] and "EPERM" in last


def test_a_disk_is_made(sim, slow):
    mount, disk = slow
    path = mount.snapshot(disk, "good", "new_disk")
    before = set(mount.list("disks"))
    assert mount.read(path) == DISK_TEXT.format(id=mount.value(mount.snapshot(disk, "good", "id")), allowed="PASS",
                                                created=mount.value(mount.snapshot(disk, "good", "created")), last="none")
    with sim.counting() as count:
        assert_done(write(path, "yes"))
    assert dict(count.requests) == {"CreateDisks": 1}
    params = sim.log("CreateDisks")[-1]["params"]
    assert (params["DiskSize"], params["DiskType"], params["Placement"]) == (50, "CLOUD_SSD", {"Zone": "ap-guangzhou-6"})
    assert params["DiskChargeType"] == "POSTPAID_BY_HOUR" and params.get("DiskCount", 1) == 1
    made, = set(mount.list("disks")) - before
    assert mount.value(mount.disk(made, "size")) == "50"
    assert made in mount.read(mount.path(".cbsfs", "jobs"))


def test_another_disk_than_that(sim, slow):
    mount, disk = slow
    assert_done(write(mount.snapshot(disk, "good", "new_disk"), "yes size=80 type=CLOUD_HSSD name=restored zone=ap-guangzhou-3"))
    params = sim.log("CreateDisks")[-1]["params"]
    assert (params["DiskSize"], params["DiskType"], params["DiskName"]) == (80, "CLOUD_HSSD", "restored")
    assert params["Placement"] == {"Zone": "ap-guangzhou-3"}
    assert mount.value(mount.path("disks", "restored", "size")) == "80"


@pytest.mark.parametrize("kind", ["drop-after", "drop-before", "error"])
def test_one_disk_whatever_becomes_of_the_answer(sim, slow, kind):
    mount, disk = slow
    before = set(mount.list("disks"))
    sim.fault("CreateDisks", kind, **({"after": True} if kind == "error" else {}))
    with sim.counting() as count:
        assert_done(write(mount.snapshot(disk, "good", "new_disk"), "yes"))
    assert count.requests["CreateDisks"] == 2
    mount.refresh()
    assert len(set(mount.list("disks")) - before) == 1
    tokens = {entry["params"]["ClientToken"] for entry in sim.log("CreateDisks")[-2:] if entry["params"]}
    assert len(tokens) == 1 and 16 <= len(tokens.pop()) <= 64


@pytest.mark.leaves_jobs
def test_the_dry_run_of_what_is_undecided(own):
    """`grep -q ^FAIL new_disk || echo yes > new_disk` makes no second one."""
    simulator = own.simulator("--disks", "1", "--create-time", "0")
    mount = own.mount(simulator, "ttl=1", "timeout=1", "allow_create_disk")
    disk = mount.add_disk()
    mount.add_snapshot(disk, "good", DiskUsage="DATA_DISK")
    path = mount.snapshot(disk, "good", "new_disk")
    assert "FAIL" not in mount.read(path)
    simulator.fault("CreateDisks", "drop-before", times=0)
    assert_refused(write(path, "yes"), errno.ETIMEDOUT)
    assert "FAIL  what became of an earlier order is known" in mount.read(path)
    assert_refused(write(path, "yes"), errno.EBUSY)


@pytest.mark.parametrize("text, why", [("no", "write yes"), ("yes please", "the words after it"), ("yes size=x", "the words after"),
                                       ("yes size=10", "smaller than the snapshot"), ("yes name=.x", "dot"),
                                       ("yes size=10G", "in GiB"), ("yes zone=", "the words after"), ("size=60", "write yes")])
def test_no_disk(sim, slow, text, why):
    mount, disk = slow
    path = mount.snapshot(disk, "good", "new_disk")
    with sim.counting() as count:
        assert_refused(write(path, text), errno.EINVAL)
    assert count.change_requests == 0
    assert why in reason(mount, path)


# --- name ---------------------------------------------------------------------------------


def test_the_name_is_a_rename(mnt, sim, disk, good):
    mnt.add_snapshot(disk, "taken")
    with sim.counting() as count:
        assert_refused(write(good("name"), "taken"), errno.EEXIST)
        assert_refused(write(good("name"), ".dot"), errno.EINVAL)
        assert_done(write(good("name"), "good"))
    assert count.change_requests == 0
    assert_done(write(good("name"), "better than before"))
    assert mnt.snapshots(disk) == ["better than before", "taken"]
    assert mnt.value(mnt.snapshot(disk, "better than before", "name")) == "better than before"


def test_a_name_while_it_is_being_created(mnt, sim, disk):
    """As mv does; and who wants the first name after all gets it."""
    assert_done(run("mkdir", mnt.snapshot(disk, "first")))
    identifier = mnt.value(mnt.snapshot(disk, "first", "id"))
    with sim.counting() as count:
        assert_done(write(mnt.snapshot(disk, identifier, "name"), "second"))
        assert mnt.snapshots(disk) == ["second"]
        assert_done(write(mnt.snapshot(disk, identifier, "name"), "first"))
        assert mnt.snapshots(disk) == ["first"]
        assert assert_done(run("cat", mnt.snapshot(disk, identifier, "wait"), timeout=20)).out == "NORMAL 100\n"
        wait_until(lambda: "later" not in mnt.read(mnt.path(".cbsfs", "jobs")), 10, "the remembered name")
    assert count.requests["ModifySnapshotAttribute"] <= 1
    mnt.refresh()
    assert mnt.snapshots(disk) == ["first"]


# --- other clouds -------------------------------------------------------------------------


def test_a_cloud_without_these(own, sim):
    mount = own.mount(sim, "provider=qcloud", "ttl=1", "allow_create_disk")
    disk = mount.add_disk()
    mount.add_snapshot(disk, "good")
    with sim.counting() as count:
        for name, text in (("shared_with", "+" + ACCOUNT), ("copy_to", BEIJING), ("new_disk", "yes"), ("expires", "+30d")):
            path = mount.snapshot(disk, "good", name)
            assert_refused(write(path, text), errno.EOPNOTSUPP)
            assert f"operation: {name}" in reason(mount, path) and "EOPNOTSUPP" in reason(mount, path)
            assert mount.read(path)
        assert "FAIL  " in mount.read(mount.snapshot(disk, "good", "copy_to"))
        assert mount.read(mount.disk(disk, "policies")).startswith("# ")
        assert mount.read(mount.disk(disk, "policies.json")) == "[]\n"
        assert "groups" not in mount.list()
        assert run("ls", mount.path("groups")).status == 2
        assert_done(run("cp", "-r", mount.path("disks"), mount.home))
    assert count.change_requests == 0
    # The name it has.
    assert_done(write(mount.snapshot(disk, "good", "name"), "better"))
    assert mount.snapshots(disk) == ["better"]


@pytest.mark.parametrize("name", ["bell\a and tab\t", " blanks ", "\u202egpj.exe", "a/b"])
def test_saving_a_name_as_it_is_shown(mnt, sim, disk, name):
    """What cannot be shown is shown as something else; saved back, that is no other name."""
    snapshot = sim.add_snapshot(disk, name)
    mnt.refresh()
    path = mnt.snapshot(disk, snapshot, "name")
    with sim.counting() as count:
        assert_done(shell('cat "$1" > "$2/saved" && cat "$2/saved" > "$1"', path, mnt.home))
    assert count.change_requests == 0


def test_noise_is_no_name(mnt, sim, disk):
    """shred(1) writes bytes over each file that it may write; a name is a line that ends."""
    mnt.add_snapshot(disk, "kept-as-it-is")
    with sim.counting() as count:
        assert_refused(shell('printf UUUUUUUU > "$1"', mnt.snapshot(disk, "kept-as-it-is", "name")), errno.EINVAL)
    assert count.change_requests == 0
    assert "whole line" in mnt.read(mnt.snapshot(disk, "kept-as-it-is", "error"))
