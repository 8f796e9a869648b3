# SPDX-License-Identifier: Apache-2.0
"""The whole account: regions/, and what one region costs or does to the others, as the simulator counted it."""
import errno
import json
import math
import os
import signal
import sys

import pytest

from commands import SLOWER, assert_done, assert_refused, finish, run, shell, start, wait_until

pytestmark = pytest.mark.only("tencent")

HOME, BEIJING, SHANGHAI = "ap-guangzhou", "ap-beijing", "ap-shanghai"
LONG = "ttl=600"
SOON = 1 * SLOWER  # seconds, for what asks nobody


def account(own, *arguments):
    """The mount's own region with disks, and two that are empty until a test fills them."""
    return own.simulator("--region", f"{HOME},{BEIJING},{SHANGHAI}", "--disks", 3, "--snapshots", 2, *arguments)


def fill(sim, region, disks=2, snapshots=3):
    """The ids of new disks there, each with snapshots s0, s1, ..."""
    made = [sim.disk_record() for _ in range(disks)]
    shots = [sim.snapshot_record(disk["DiskId"], f"s{i}") for disk in made for i in range(snapshots)]
    sim.patch(region=region, disks={disk["DiskId"]: disk for disk in made},
              snapshots={shot["SnapshotId"]: shot for shot in shots})
    return [disk["DiskId"] for disk in made]


def asked(sim, region):
    """How often each region was asked for what, so far."""
    return sim.stats()["regions"].get(region, {}).get("requests", {})


def changed(sim, region):
    return sim.stats()["regions"].get(region, {}).get("changes", {})


def calls(sim, region):
    return sum(asked(sim, region).values())


def there(mount, region, *parts):
    return mount.path("regions", region, *parts)


def inodes(mount):
    found = {}
    for line in assert_done(run("find", mount.point, "-printf", "%i %P\n")).out.splitlines():
        number, _, path = line.partition(" ")
        found[path] = int(number)
    return found


def errors(mount):
    return [json.loads(line) for line in mount.read(mount.path(".cbsfs", "errors")).splitlines()]


# --- looking ---------------------------------------------------------------------------------------


@pytest.mark.core
def test_listing_the_regions_costs_one_call(own):
    sim = account(own)
    mount = own.mount(sim, LONG)
    with sim.counting() as count:
        assert mount.list("regions") == [BEIJING, SHANGHAI]
    assert count.requests == {"DescribeRegions": 1}
    with sim.counting() as count:
        assert_done(run("ls", "-la", mount.path("regions")))
        assert mount.list("regions", BEIJING) == ["disks", "groups", "snapshots"]
        assert_done(run("ls", "-la", there(mount, BEIJING)))
        assert run("stat", "-c", "%F %A", there(mount, SHANGHAI)).out == "directory dr-xr-xr-x\n"
    assert count.total == 0, count.requests


@pytest.mark.core
def test_looking_at_the_root_asks_for_no_region(own):
    mount = own.mount(sim := account(own), LONG)
    with sim.counting() as count:
        assert mount.list() == ["README", "disks", "groups", "regions", "snapshots"]
        assert_done(run("ls", "-la", mount.point))
        assert "regions/" in mount.read(mount.path("README"))
    assert count.total == 0, count.requests


@pytest.mark.core
def test_entering_a_region_costs_what_a_cold_mount_of_it_does(own):
    sim = account(own)
    disk, other = fill(sim, BEIJING)
    mount = own.mount(sim, LONG)
    others = calls(sim, HOME), calls(sim, SHANGHAI)
    with sim.counting() as count:
        assert mount.list("regions", BEIJING, "disks", disk, "snapshots") == ["s0", "s1", "s2"]
    assert count.requests.pop("DescribeRegions") == 1
    assert count.total <= 2, count.requests
    assert mount.value(there(mount, BEIJING, "disks", other, "size")) == "50"
    assert mount.read(there(mount, BEIJING, "disks", disk, "latest", "status")) == "NORMAL 100\n"
    assert len(mount.list("regions", BEIJING, "snapshots")) == 6
    assert calls(sim, BEIJING) <= 5, asked(sim, BEIJING)
    assert (calls(sim, HOME), calls(sim, SHANGHAI)) == others


def test_a_crawl_of_one_region(own):
    sim = account(own)
    fill(sim, BEIJING, 120, 2)
    mount = own.mount(sim, LONG)
    others = calls(sim, HOME), calls(sim, SHANGHAI)
    for _ in range(2):
        assert_done(run("find", there(mount, BEIJING), "-type", "f", "-exec", "cat", "{}", "+", timeout=60))
    assert calls(sim, BEIJING) <= 2 + 3 + 2, asked(sim, BEIJING)
    assert (calls(sim, HOME), calls(sim, SHANGHAI)) == others


@pytest.mark.core
def test_a_crawl_of_the_root_costs_each_region_its_pages(own, tmp_path):
    sim = account(own)
    filled = fill(sim, BEIJING, 2, 60)
    mount = own.mount(sim, LONG)
    with sim.counting() as count:
        for _ in range(2):
            assert_done(run("find", mount.point, "-type", "f", "-exec", "cat", "{}", "+", timeout=60))
            assert_done(run("du", "-s", mount.point))
        assert_done(run("cp", "-r", mount.point, tmp_path / "copy", timeout=60))
        assert_done(shell('set -o pipefail; tar -C "$1" -cf - . | cat >/dev/null', mount.point, timeout=60))
    assert count.requests.pop("DescribeRegions") == 1
    most = sum(math.ceil(disks / 100) + math.ceil(snapshots / 100) + 2 for disks, snapshots in ((3, 6), (2, 120), (1, 1)))
    assert count.total <= most, count.requests
    assert count.changes == 0
    assert sorted(os.listdir(tmp_path / "copy" / "regions" / BEIJING / "disks")) == sorted(filled)


@pytest.mark.core
def test_the_mounts_own_region_is_found_there_and_not_listed(own):
    """So whatever follows links does not walk in circles, and a script needs no case of its own."""
    mount = own.mount(account(own), LONG)
    assert os.readlink(there(mount, HOME)) == ".."
    assert mount.list("regions", HOME, "disks") == mount.list("disks")
    assert HOME not in mount.list("regions")
    assert_done(run("find", "-L", mount.point, "-maxdepth", "3", timeout=60))


def test_a_region_that_is_not_there(own):
    mount = own.mount(sim := account(own), LONG)
    with sim.counting() as count:
        for name in ("ap-nowhere", ".Trash", ".hidden", "desktop.ini", "error"):
            assert_refused(run("ls", there(mount, name)), errno.ENOENT)
    assert count.requests == {"DescribeRegions": 1}
    assert_refused(run("mkdir", there(mount, "ap-nowhere")), errno.EPERM)
    assert_refused(run("mkdir", there(mount, BEIJING, "new")), errno.EPERM)
    assert_refused(run("rmdir", there(mount, BEIJING)), errno.EPERM)
    assert_refused(run("mv", there(mount, BEIJING), there(mount, "mine")), errno.EPERM)
    assert {error["path"] for error in errors(mount)} >= {f"regions/{BEIJING}/new", f"regions/{BEIJING}"}


@pytest.mark.core
def test_inode_numbers_are_unique_and_the_same_after_a_remount(own):
    sim = account(own)
    disks = fill(sim, BEIJING)
    # The same ids in two regions, as a cloud of another kind may have them.
    sim.patch(region=SHANGHAI, disks={disk: sim.disk_record(DiskId=disk) for disk in disks})
    before = inodes(own.mount(sim, LONG))
    assert len(set(before.values())) == len(before)
    assert f"regions/{SHANGHAI}/disks/{disks[0]}/id" in before
    mount = own.mount(sim, LONG)
    # In another order.
    assert_done(run("ls", "-R", there(mount, SHANGHAI)))
    assert inodes(mount) == before


def test_a_region_that_comes_later(own):
    sim = account(own)
    sim.fault("DescribeRegions", "edit", times=1, edits={"/Response/RegionSet/2": {"__absent__": True}})
    mount = own.mount(sim, LONG)
    first = mount.list("regions")
    numbers = {name: os.stat(there(mount, name)).st_ino for name in first}
    mount.refresh()
    assert set(mount.list("regions")) == {BEIJING, SHANGHAI} >= set(first)
    assert all(os.stat(there(mount, name)).st_ino == number for name, number in numbers.items())


def test_more_regions_than_can_be_told_apart(own):
    """None has that many; if one had, those that are shown would be as they should."""
    names = [f"ap-place{i}" for i in range(70)]
    sim = own.simulator("--region", ",".join([HOME, *names]), "--disks", 1)
    mount = own.mount(sim, LONG)
    shown = mount.list("regions")
    assert len(shown) == 63 and set(shown) < set(names)
    assert len({os.stat(there(mount, name)).st_ino for name in shown}) == 63
    left_out = min(set(names) - set(shown))
    assert_refused(run("ls", there(mount, left_out)), errno.ENOENT)
    assert f"{left_out} is not shown" in mount.stderr()
    assert mount.list("regions", shown[62], "disks") == []


# --- nothing of one region slows another --------------------------------------------------------------


@pytest.mark.core
def test_a_region_that_hangs_does_so_alone(own):
    sim = account(own)
    mount = own.mount(sim, LONG, "timeout=3")
    disk, = fill(sim, SHANGHAI, 1)
    assert mount.list("regions") == [BEIJING, SHANGHAI]
    sim.fault("*", "hang", times=0, region=BEIJING)
    before = calls(sim, BEIJING)
    stuck = [start("ls", there(mount, BEIJING, "disks")) for _ in range(10)]
    wait_until(lambda: calls(sim, BEIJING) > before, 5, "the question")
    assert assert_done(run("ls", mount.path("disks"))).seconds < SOON
    assert assert_done(run("ls", there(mount, SHANGHAI, "disks", disk, "snapshots"))).seconds < SOON
    assert assert_done(run("mkdir", mount.snapshot(mount.list("disks")[0], "meanwhile"))).seconds < SOON
    assert all(process.poll() is None for process in stuck)
    for process in stuck:
        assert_refused(finish(process, 20), errno.ETIMEDOUT)
    # Its breaker is its own as well.
    run("ls", there(mount, BEIJING, "snapshots"))
    stats = mount.stats()
    assert stats[f"regions/{BEIJING}/breaker"] == "open"
    assert stats["breaker"] == stats[f"regions/{SHANGHAI}/breaker"] == "closed"
    mount.refresh()
    assert assert_done(run("ls", mount.path("disks"))).seconds < SOON
    sim.faults()
    wait_until(lambda: run("ls", there(mount, BEIJING, "disks")).status == 0, 40, "the recovery")


def test_each_region_has_its_own_rate(own):
    rate = 4
    sim = account(own, "--rate", 0)
    for region in (BEIJING, SHANGHAI):
        fill(sim, region, 1, 900)
    mount = own.mount(sim, LONG, f"rate={rate}", "timeout=60")
    assert mount.list("regions") == [BEIJING, SHANGHAI]
    crawls = [start("ls", there(mount, region, "snapshots")) for region in (BEIJING, SHANGHAI)]
    for crawl in crawls:
        assert len(assert_done(finish(crawl, 30)).out.splitlines()) == 900
    stats = sim.stats()
    peaks = [stats["regions"][region]["peak_per_second"]["DescribeSnapshots"] for region in (BEIJING, SHANGHAI)]
    # One more arrives together with the others when the machine is busy.
    assert max(peaks) <= rate + 1 < stats["peak_per_second"]["DescribeSnapshots"]


# --- changing -----------------------------------------------------------------------------------------


@pytest.mark.core
def test_the_verbs_in_another_region(own):
    sim = account(own, "--create-time", "0.3", "--rollback-time", "0.3")
    disk, _ = fill(sim, BEIJING)
    mount = own.mount(sim, LONG, "allow_delete")
    snapshots = there(mount, BEIJING, "disks", disk, "snapshots")
    assert_done(run("mkdir", f"{snapshots}/new"))
    assert mount.read(f"{snapshots}/new/wait") == "NORMAL 100\n"
    assert_done(run("mv", f"{snapshots}/new", f"{snapshots}/kept"))
    assert f"echo {disk}" in mount.read(f"{snapshots}/kept/rollback")
    assert_done(shell('echo 1 > "$1"', f"{snapshots}/kept/rollback"))
    assert mount.read(f"{snapshots}/kept/wait") == "NORMAL 100\n"
    assert_done(run("rmdir", f"{snapshots}/kept"))
    assert mount.list("regions", BEIJING, "disks", disk, "snapshots") == ["s0", "s1", "s2"]
    assert changed(sim, BEIJING) == {"CreateSnapshot": 1, "ModifySnapshotAttribute": 1, "ApplySnapshot": 1,
                                     "DeleteSnapshots": 1}
    assert not changed(sim, HOME)
    jobs = [json.loads(line) for line in mount.read(mount.path(".cbsfs", "jobs")).splitlines()]
    assert [job["path"] for job in jobs] == [f"regions/{BEIJING}/disks/{disk}/snapshots/{name}" for name in
                                             ("new", "new", "kept/rollback", "kept")]


@pytest.mark.core
def test_failures_of_all_regions_in_their_order(own):
    sim = account(own)
    disk, _ = fill(sim, BEIJING)
    mount = own.mount(sim, LONG, "timeout=2")
    paths = [mount.snapshot(mount.list("disks")[0], ".first"),
             there(mount, BEIJING, "disks", disk, "snapshots", ".second"), mount.path("disks", "third")]
    for path in paths:
        assert_refused(run("mkdir", path), errno.EPERM)
    assert [error["path"] for error in errors(mount)] == [path[len(mount.point) + 1:] for path in paths]
    assert "EPERM" in mount.read(there(mount, BEIJING, "disks", disk, "error"))
    sim.fault("DescribeSnapshots", "error", code="InternalError", times=0, region=BEIJING)
    mount.refresh()
    run("ls", there(mount, BEIJING, "snapshots"))
    assert errors(mount)[-1]["path"] == f"regions/{BEIJING}/snapshots"


def test_jobs_of_all_regions_in_their_order(own):
    sim = account(own)
    disk, _ = fill(sim, BEIJING)
    mount = own.mount(sim, LONG)
    home = mount.list("disks")[0]
    paths = [mount.snapshot(home, "first"), there(mount, BEIJING, "disks", disk, "snapshots", "second"),
             mount.snapshot(mount.list("disks")[1], "third")]
    for path in paths:
        assert_done(run("mkdir", path))
    jobs = [json.loads(line) for line in mount.read(mount.path(".cbsfs", "jobs")).splitlines()]
    assert [job["path"] for job in jobs] == [path[len(mount.point) + 1:] for path in paths]
    assert len({job["job"] for job in jobs}) == 3


def test_events_and_figures_say_of_which_region_they_are(own):
    sim = account(own)
    disk, _ = fill(sim, BEIJING)
    mount = own.mount(sim, LONG)
    path = f"regions/{BEIJING}/disks/{disk}/snapshots/new"
    assert_done(run("mkdir", mount.path(path)))
    events = [json.loads(line) for line in mount.read(mount.path(".cbsfs", "events")).splitlines()]
    told = {event["event"]: event for event in events if event.get("path") == path}
    assert {"job_begun", "snapshot_appeared", "job_accepted"} <= set(told)
    assert {event["region"] for event in told.values()} == {BEIJING}
    metrics = mount.read(mount.path(".cbsfs", "metrics")).splitlines()
    for region, calls_there in ((HOME, 0), (BEIJING, 1)):
        assert f'cbsfs_api_calls_total{{region="{region}",action="CreateSnapshot"}} {calls_there}' in metrics
    assert not [line for line in metrics if SHANGHAI in line], "nobody has looked there"


@pytest.mark.core
def test_a_copy_in_another_region_shows_where_it_went(own):
    """At once, though what is known there is younger than ttl."""
    sim = account(own, "--copy-time", 1)
    mount = own.mount(sim, LONG)
    disk = mount.list("disks")[0]
    name = mount.snapshots(disk)[0]
    assert_refused(run("ls", there(mount, BEIJING, "disks", "none", "snapshots")), errno.ENOENT)
    assert_done(shell('echo "$2 copied" > "$1"', mount.snapshot(disk, name, "copy_to"), BEIJING))
    copy = there(mount, BEIJING, "disks", "none", "snapshots", "copied")
    assert mount.read(f"{copy}/wait") == "NORMAL 100\n"
    assert mount.list("regions", BEIJING, "snapshots") == [mount.value(f"{copy}/id")]
    assert not mount.exists(mount.path("disks", "none")) and mount.list("regions", SHANGHAI, "snapshots") == []


def test_a_copy_from_another_region_shows_here(own):
    """The mount's own region is one of those that are copied to."""
    sim = account(own, "--copy-time", 1)
    fill(sim, BEIJING)
    mount = own.mount(sim, LONG)
    assert_refused(run("ls", mount.path("disks", "none", "snapshots")), errno.ENOENT)
    disk = mount.list("regions", BEIJING, "disks")[0]
    name = mount.list("regions", BEIJING, "disks", disk, "snapshots")[0]
    assert_done(shell('echo "ap-guangzhou fetched" > "$1"', there(mount, BEIJING, "disks", disk, "snapshots", name, "copy_to")))
    assert mount.list("disks", "none", "snapshots") == ["fetched"]


def test_a_snapshot_stays_in_its_region(own):
    """A move is no copy: mv would make a snapshot that is paid for."""
    sim = account(own)
    disk, _ = fill(sim, BEIJING)
    mount = own.mount(sim, LONG)
    for source, target in ((("regions", BEIJING, "disks", disk), ("disks", mount.list("disks")[0])),
                           (("disks", mount.list("disks")[0]), ("regions", BEIJING, "disks", disk))):
        name = mount.list(*source, "snapshots")[0]
        result = run("mv", mount.path(*source, "snapshots", name), mount.path(*target, "snapshots", "moved"))
        assert result.status == 1
        assert (errors(mount)[-1]["errno"], errors(mount)[-1]["path"]) == \
            ("EINVAL", "/".join((*source, "snapshots", name)))
    assert not changed(sim, BEIJING) and not changed(sim, HOME)


def test_ro(own):
    sim = account(own)
    disk, _ = fill(sim, BEIJING)
    mount = own.mount(sim, LONG, "ro")
    snapshots = there(mount, BEIJING, "disks", disk, "snapshots")
    assert_refused(run("mkdir", f"{snapshots}/new"), errno.EROFS)
    assert_refused(run("mv", f"{snapshots}/s0", f"{snapshots}/new"), errno.EROFS)
    assert_refused(shell('echo 1 > "$1"', f"{snapshots}/s0/rollback"), errno.EROFS)
    assert not changed(sim, BEIJING)


POLLER = """
import os, select, sys
status = os.open(sys.argv[1], os.O_RDONLY)
os.read(status, 100)
poll = select.poll()
poll.register(status, select.POLLPRI)
sys.exit(0 if poll.poll(20000) else 1)
"""


def test_progress_is_polled_where_it_is(own):
    sim = account(own)
    disk, _ = fill(sim, BEIJING)
    mount = own.mount(sim, LONG)
    sim.patch(region=BEIJING, snapshots={(slow := sim.snapshot_record(disk, "slow", SnapshotState="CREATING",
                                                                      Percent=5))["SnapshotId"]: slow})
    path = there(mount, BEIJING, "disks", disk, "snapshots", "slow")
    waiter, poller = start("cat", f"{path}/wait"), start(sys.executable, "-c", POLLER, f"{path}/status")
    wait_until(lambda: (mount.stats()["parked"], mount.stats()["polls"]) == ("1", "1"), 10, "both")
    before = calls(sim, HOME)
    polls = asked(sim, BEIJING)["DescribeSnapshots"]
    wait_until(lambda: asked(sim, BEIJING)["DescribeSnapshots"] > polls, 10, "a poll")
    sim.patch(region=BEIJING, snapshots={slow["SnapshotId"]: {"SnapshotState": "NORMAL", "Percent": 100}})
    assert finish(waiter, 15).out == "NORMAL 100\n"
    assert finish(poller, 15).status == 0
    assert calls(sim, HOME) == before


# --- refreshing, ending --------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["refresh", "SIGHUP", "touch /", "touch the region"])
def test_whatever_asks_again_asks_everywhere(own, how):
    sim = account(own)
    disk, _ = fill(sim, BEIJING)
    mount = own.mount(sim, LONG)
    path = there(mount, BEIJING, "disks", disk, "size")
    assert mount.value(path) == "50"
    sim.patch(region=BEIJING, disks={disk: {"DiskSize": 70}})
    assert mount.value(path) == "50"
    {"refresh": mount.refresh, "SIGHUP": lambda: os.kill(mount.pid, signal.SIGHUP),
     "touch /": lambda: assert_done(run("touch", mount.point)),
     "touch the region": lambda: assert_done(run("touch", there(mount, BEIJING)))}[how]()
    wait_until(lambda: mount.value(path) == "70", 5, "the new size")


@pytest.mark.leaves_jobs
def test_an_end_waits_for_a_change_in_another_region(own):
    sim = account(own)
    disk, _ = fill(sim, BEIJING)
    mount = own.mount(sim, LONG)
    assert len(mount.list("regions", BEIJING, "disks", disk, "snapshots")) == 3
    sim.fault("CreateSnapshot", "delay", ms=800, times=1, region=BEIJING)
    process = start("mkdir", there(mount, BEIJING, "disks", disk, "snapshots", "late"))
    wait_until(lambda: asked(sim, BEIJING).get("CreateSnapshot"), 5, "the request")
    process.kill()
    finish(process)
    os.kill(mount.pid, signal.SIGTERM)
    wait_until(lambda: not mount.is_running(), 10, "the daemon's end")
    assert mount.process.wait() == 0
    assert "accepted" in mount.stderr()
    own.daemons.remove(mount)


# --- what does not work --------------------------------------------------------------------------------


@pytest.mark.core
def test_an_account_that_may_not_ask_for_regions(own):
    """It may do all the rest, so a crawl of everything does not fail for it, and the reason is there to be read."""
    sim = account(own)
    sim.fault("DescribeRegions", "error", code="UnauthorizedOperation", message="you may not", times=0)
    mount = own.mount(sim, LONG)
    assert "EACCES" in mount.read(mount.path("regions", "error"))
    assert mount.list("regions") == ["error"]
    assert "region:DescribeRegions" in mount.read(mount.path("regions", "error"))
    assert_done(run("find", mount.point, "-type", "f", "-exec", "cat", "{}", "+", timeout=60))
    assert_refused(run("ls", there(mount, BEIJING)), errno.EACCES)
    last = errors(mount)[-1]
    assert (last["path"], last["errno"], last["code"]) == ("regions", "EACCES", "UnauthorizedOperation")
    assert last["request_id"]
    sim.faults()
    mount.refresh()
    assert mount.list("regions") == [BEIJING, SHANGHAI]


def test_a_list_that_does_not_come(own):
    sim = account(own)
    mount = own.mount(sim, LONG, "timeout=1")
    sim.fault("DescribeRegions", "hang", times=0)
    assert_refused(run("ls", mount.path("regions")), errno.ETIMEDOUT)
    assert mount.list("disks"), "another service tells of them"
    sim.faults()
    wait_until(lambda: run("ls", mount.path("regions")).status == 0, 20, "the recovery")
    sim.fault("DescribeRegions", "hang", times=0)
    mount.refresh()
    assert mount.list("regions") == [BEIJING, SHANGHAI], "what is known is still served"


@pytest.mark.core
def test_a_region_that_is_out_of_order(own):
    """It is found by its name, and left out of the list: a crawl would end with its error."""
    sim = account(own)
    sim.faults({"action": "DescribeRegions", "kind": "edit", "times": 0,
                "edits": {"/Response/RegionSet/1/RegionState": "UNAVAILABLE"}},
               {"action": "*", "kind": "error", "code": "UnsupportedRegion", "times": 0, "region": BEIJING})
    mount = own.mount(sim, LONG)
    assert mount.list("regions") == [SHANGHAI]
    assert run("ls", there(mount, BEIJING)).out == "disks\ngroups\nsnapshots\n"
    result = run("ls", there(mount, BEIJING, "disks"))
    assert result.status > 0 and result.seconds < SOON
    assert "UnsupportedRegion" in mount.read(mount.path(".cbsfs", "errors"))
    assert_done(run("find", mount.point, timeout=60))


def test_a_mount_of_some_disks_shows_one_region(own):
    sim = account(own)
    mount = own.mount(sim, LONG, f"disks={sim.add_disk()}")
    assert mount.list() == ["README", "disks", "snapshots"]
    assert "regions/" not in mount.read(mount.path("README"))
    assert_refused(run("ls", mount.path("regions")), errno.ENOENT)


# --- several accounts ----------------------------------------------------------------------------------


def test_two_profiles_are_two_mounts_that_can_be_told_apart(own):
    """One account each, of the same region."""
    mounts = {}
    for profile in ("work", "home"):
        sim = own.simulator("--disks", 2 if profile == "work" else 1)
        folder = os.path.join(own.directory, f"mount{len(own.daemons) + 1}", "home", ".tccli")
        os.makedirs(folder)
        path = os.path.join(folder, f"{profile}.credential")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"secretId": "AKIDSIMULATOR", "secretKey": "simulator"}, file)
        os.chmod(path, 0o600)
        mounts[profile] = own.mount(sim, source=f"{profile}@{HOME}")
    sources = run("df", "-a", "--output=source,target").out
    for profile, mount in mounts.items():
        assert run("findmnt", "-n", "-o", "SOURCE,FSTYPE", mount.point).out.split() == \
            [f"cbsfs:{profile}@{HOME}", "fuse.cbsfs"]
        assert [line.split()[0] for line in sources.splitlines() if mount.point in line] == [f"cbsfs:{profile}@{HOME}"]
    assert len(mounts["work"].list("disks")) == 2 and len(mounts["home"].list("disks")) == 1
