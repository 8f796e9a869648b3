# SPDX-License-Identifier: Apache-2.0
"""contrib/retention, contrib/freeze-snapshot-thaw and contrib/prune-updatedb on a mount of the simulator."""
import os
import shutil
import signal
import subprocess
import time
from datetime import timedelta

import pytest

from commands import beijing, finish, now, run, start, wait_until
from harness import REPOSITORY
from stage import Stage

RETENTION = os.path.join(REPOSITORY, "contrib", "retention")
FREEZE = os.path.join(REPOSITORY, "contrib", "freeze-snapshot-thaw")
PRUNE = os.path.join(REPOSITORY, "contrib", "prune-updatedb")


@pytest.fixture(scope="module")
def the_mount(tmp_path_factory):
    stage = Stage(tmp_path_factory.mktemp("stage"))
    yield stage.mount(stage.simulator("--create-time", "1"), "ttl=1", "allow_delete", "protect=golden*")
    assert stage.close() == []


@pytest.fixture
def mount(the_mount):
    yield the_mount
    the_mount.simulator.faults()


@pytest.fixture(autouse=True)
def not_at_noon():
    """What is how old depends on the day and on whether it is afternoon (UTC): no test lasts from one into the other."""
    left = 43200 - time.time() % 43200
    if left < 30:
        time.sleep(left)


def add(mount, disk, name, days, hours=0, **fields):
    """A snapshot made so many days ago, at noon in UTC."""
    moment = (now() - timedelta(days=days)).replace(hour=12, minute=0, second=0) + timedelta(hours=hours)
    mount.simulator.add_snapshot(disk, name, CreateTime=beijing(moment), **fields)


def wrapper(directory, name, script):
    """A program that stands before another one on the way of on_path(directory); $real is the other."""
    programs = directory / "before"
    programs.mkdir(exist_ok=True)
    program = programs / name
    program.write_text(f"#!/bin/bash\nreal={shutil.which(name)}\n{script}\n")
    program.chmod(0o755)


def on_path(directory):
    return {"PATH": f"{directory}/before:{os.environ['PATH']}"}


@pytest.fixture
def disk(mount):
    """One snapshot for each of the last 40 days but today, and more on one of them."""
    made = mount.simulator.add_disk()
    for days in range(1, 41):
        add(mount, made, f"auto-{days:02}", days)
    add(mount, made, "auto-05-early", 5, -6)
    add(mount, made, "by-hand", 35, 1)
    add(mount, made, "golden", 39, 1)
    mount.show(mount.snapshot(made, "golden"))
    return made


# --- retention ---------------------------------------------------------------------------------------


def retention(mount, disk, *words):
    return run(RETENTION, *words, mount.disk(disk))


def names(mount, disk):
    return set(mount.snapshots(disk))


def test_it_only_says_what_it_would_do(mount, disk):
    before = names(mount, disk)
    with mount.simulator.counting() as count:
        said = retention(mount, disk, "--keep", "3", "--name", "auto-*")
    assert said.status == 0 and said.err == "" and count.changes == 0
    # auto-05-early is older than auto-05: 41 of that name, 3 stay.
    assert len(said.out.splitlines()) == 38 and all(line.startswith("would delete /") for line in said.out.splitlines())
    assert names(mount, disk) == before


def test_keep_the_newest(mount, disk):
    before = names(mount, disk)
    done = retention(mount, disk, "--keep", "36", "--name", "auto-*", "--apply")
    assert (done.status, done.err) == (0, "")
    assert before - names(mount, disk) == {f"auto-{days}" for days in (36, 37, 38, 39, 40)}


def test_days_weeks_and_months(mount, disk):
    done = retention(mount, disk, "--daily", "5", "--weekly", "3", "--name", "auto-*", "--apply")
    assert (done.status, done.err) == (0, "")
    left = {name for name in names(mount, disk) if name.startswith("auto-")}
    days = {f"auto-{day:02}" for day in range(1, 6)}
    weeks = {}
    for day in range(1, 41):
        weeks.setdefault((now() - timedelta(days=day)).isocalendar()[:2], f"auto-{day:02}")
    assert left == days | set(list(weeks.values())[:3])
    assert {"by-hand", "golden"} <= names(mount, disk), "other names are not its business"


def test_only_what_is_old(mount, disk):
    done = retention(mount, disk, "--older", "38", "--name", "auto-*", "--apply")
    gone = {"auto-39", "auto-40"} | ({"auto-38"} if now().hour >= 12 else set())
    assert done.status == 0 and {line.rpartition("/")[2] for line in done.out.splitlines()} == gone
    assert not gone & names(mount, disk)


def test_what_is_protected_is_refused_and_said(mount, disk):
    done = retention(mount, disk, "--older", "38", "--name", "golden", "--apply")
    assert done.status == 1 and "Operation not permitted" in done.err and "golden" in names(mount, disk)


def test_the_newest_normal_one_stays(mount):
    disk = mount.simulator.add_disk()
    add(mount, disk, "old", 50)
    add(mount, disk, "older", 60)
    mount.simulator.add_snapshot(disk, "made-now", CreateTime=beijing(now()), SnapshotState="CREATING", Percent=10)
    mount.show(mount.snapshot(disk, "made-now"))
    done = retention(mount, disk, "--older", "0", "--apply")
    assert (done.status, done.err) == (0, "")
    assert "older" not in names(mount, disk) and "old" in names(mount, disk)


def test_odd_names_are_taken_as_they_are(mount):
    disk = mount.simulator.add_disk()
    odd = ["-rf", "a b", "$(touch x)", "*", "每日快照", "tab in\\name"]
    for number, name in enumerate(odd):
        add(mount, disk, name, 50 + number)
    add(mount, disk, "newest", 1)
    mount.show(mount.snapshot(disk, "newest"))
    done = retention(mount, disk, "--older", "30", "--apply")
    assert (done.status, done.err) == (0, "")
    assert names(mount, disk) == {"newest"}


def test_where_nothing_is_mounted_nothing_is_done(mount, disk, tmp_path):
    place = tmp_path / "disk"
    (place / "snapshots" / "one").mkdir(parents=True)
    (place / "id").write_text("disk-x\n")
    done = run(RETENTION, "--older", "0", "--apply", place, mount.path("disks", "missing"), mount.path("disks", "none"))
    assert done.status == 1 and done.err.count("is it mounted?") == 2
    assert (place / "snapshots" / "one").is_dir()


def test_a_listing_that_ends_half_way_deletes_nothing(mount, disk, tmp_path):
    """Only the second half is seen, and find says so."""
    wrapper(tmp_path, "find", '"$real" "$@" | head -zn 20; echo "find: Input/output error" >&2; exit 1')
    before = names(mount, disk)
    done = run(RETENTION, "--keep", "1", "--apply", mount.disk(disk), env=on_path(tmp_path))
    assert done.status == 1 and "cannot be listed whole" in done.err and done.out == ""
    assert names(mount, disk) == before


def test_a_name_that_was_given_to_another_meanwhile_is_not_deleted(mount, tmp_path):
    """Between the listing and the rmdir somebody has rotated: the old one is gone and a new one has its name."""
    disk = mount.simulator.add_disk()
    for name, days in (("newest", 1), ("nightly", 40), ("older", 50)):
        add(mount, disk, name, days)
    mount.show(mount.snapshot(disk, "older"))
    place = mount.snapshot(disk, "nightly")
    wrapper(tmp_path, "sort", f'"$real" "$@"; [ -e {tmp_path}/once ] || '
            f'{{ touch {tmp_path}/once; rmdir {place} && mkdir {place} && cat {place}/wait >/dev/null; }}')
    done = run(RETENTION, "--older", "30", "--apply", mount.disk(disk), env=on_path(tmp_path))
    assert (tmp_path / "once").exists() and done.status == 1 and "another one than was listed" in done.err
    assert names(mount, disk) == {"newest", "nightly"}


def test_two_at_once_are_content(mount, tmp_path):
    disk = mount.simulator.add_disk()
    for name, days in (("newest", 1), ("old", 40), ("older", 50)):
        add(mount, disk, name, days)
    mount.show(mount.snapshot(disk, "older"))
    # The other one comes first, where this one has decided.
    wrapper(tmp_path, "stat", f'case "$*" in *snap-*) [ -e {tmp_path}/once ] || {{ touch {tmp_path}/once; '
            f'PATH={os.environ["PATH"]} {RETENTION} --older 30 --apply {mount.disk(disk)} >{tmp_path}/other; }};; esac; '
            'exec "$real" "$@"')
    done = run(RETENTION, "--older", "30", "--apply", mount.disk(disk), env=on_path(tmp_path))
    assert (done.status, done.err) == (0, "") and done.out.count("gone already: ") == 1
    assert (tmp_path / "other").read_text().count("deleted ") == 2
    assert names(mount, disk) == {"newest"}


def test_age_is_told_by_the_clouds_clock(mount, disk):
    """With this machine's clock ten days ahead, what is 35 days old for it has 25."""
    mount.simulator.fault("*", "clock", seconds=-10 * 86400, times=0)
    mount.simulator.add_snapshot(disk, "just-now")
    mount.show(mount.snapshot(disk, "just-now"))
    done = retention(mount, disk, "--older", "30", "--name", "auto-*")
    assert done.status == 0
    assert {line.rpartition("/")[2] for line in done.out.splitlines()} == ({"auto-40"} if now().hour >= 12 else set())


def test_what_has_no_time_is_left_alone(mount, tmp_path):
    disk = mount.simulator.add_disk()
    add(mount, disk, "newest", 1)
    add(mount, disk, "ageless", 50)
    mount.show(mount.snapshot(disk, "ageless"))
    for program, pattern in (("find", r"s/^[0-9.]*\(\t\)\(ageless\)/0.0000000000\1\2/"), ("stat", "s/^[0-9]*$/0/")):
        wrapper(tmp_path, program, f"\"$real\" \"$@\" | sed -z '{pattern}'")
    done = run(RETENTION, "--older", "30", "--apply", mount.disk(disk), env=on_path(tmp_path))
    assert done.status == 0 and "ageless: left alone" in done.err
    assert names(mount, disk) == {"newest", "ageless"}


def test_a_disk_whose_name_is_a_switch(mount, tmp_path):
    disk = mount.simulator.add_disk(DiskName="-delete")
    for name, days in (("newest", 1), ("old", 40)):
        add(mount, disk, name, days)
    mount.show(mount.snapshot(disk, "old"))
    done = run(RETENTION, "--older", "30", "--", "-delete", cwd=mount.path("disks"))
    assert (done.status, done.err, done.out) == (0, "", "would delete ./-delete/snapshots/old\n")


@pytest.mark.parametrize("words", [[], ["--apply"], ["--keep"], ["--keep", "x", "d"], ["--nonsense", "d"], ["d"]])
def test_wrong_usage(words):
    done = run(RETENTION, *words)
    assert done.status == 2 and "usage: retention" in done.err


# --- freeze-snapshot-thaw ----------------------------------------------------------------------------


FROZEN, THAWED = "--freeze", "--unfreeze"


@pytest.fixture
def fake(tmp_path):
    """An fsfreeze that writes down what it was told: a frozen file system of its own would need a loop device."""
    log = tmp_path / "log"
    log.touch()
    wrapper(tmp_path, "fsfreeze", f'echo "$1" >>{log}; [ "$2" = {tmp_path}/data ] || exit 1\n[ ! -e {tmp_path}/broken$1 ]')
    wrapper(tmp_path, "mountpoint", f'[ "${{!#}}" = {tmp_path}/data ] || exec "$real" "$@"')
    (tmp_path / "data").mkdir()

    class Fake:
        environment = on_path(tmp_path)
        data = tmp_path / "data"

        @staticmethod
        def calls():
            return log.read_text().splitlines()

        @staticmethod
        def note(word):
            return f"echo {word} >>{log}"

        @staticmethod
        def break_it(word=FROZEN):
            (tmp_path / f"broken{word}").touch()

        @staticmethod
        def repair():
            for file in tmp_path.glob("broken*"):
                file.unlink()

    return Fake


@pytest.fixture
def place(mount):
    return mount.snapshot(mount.add_disk(), "consistent")


def test_freeze_snapshot_thaw(mount, fake, place):
    done = run(FREEZE, "--before", fake.note("before"), "--after", fake.note("after"), "--wait", fake.data, place,
               env=fake.environment)
    assert (done.status, done.err, done.out) == (0, "", "NORMAL 100\n")
    assert fake.calls() == ["before", FROZEN, THAWED, "after"]
    assert mount.exists(place)


def test_several_disks_at_one_moment(mount, fake):
    """A group is made and waited for by the longer name."""
    instance = mount.simulator.identifier("ins")
    disks = [mount.add_disk(InstanceId=instance, Attached=True, DiskState="ATTACHED") for _ in range(2)]
    done = run(FREEZE, "--wait", fake.data, mount.path("groups", f"consistent@{instance}"), env=fake.environment)
    assert (done.status, done.err, done.out) == (0, "", "NORMAL 100\n")
    assert fake.calls() == [FROZEN, THAWED]
    for disk in disks:
        assert len(mount.list("disks", disk, "snapshots")) == 1


def test_without_a_file_system_only_the_commands_run(fake, place):
    done = run(FREEZE, "--before", fake.note("before"), "--after", fake.note("after"), place, env=fake.environment)
    assert done.status == 0 and fake.calls() == ["before", "after"]


def test_what_cannot_be_frozen_is_not_snapshotted(mount, fake, place):
    fake.break_it()
    done = run(FREEZE, "--after", fake.note("after"), "--before", fake.note("before"), fake.data, place,
               env=fake.environment)
    assert done.status == 1 and "could not be frozen" in done.err
    assert fake.calls() == ["before", FROZEN, "after"] and not mount.exists(place)


def test_a_refused_snapshot_thaws(mount, fake, place):
    mount.simulator.fault("CreateSnapshot", "error", code="InsufficientSnapshotQuota", times=1)
    done = run(FREEZE, fake.data, place, env=fake.environment)
    assert done.status == 1 and "Disk quota exceeded" in done.err and "was not made" in done.err
    assert fake.calls() == [FROZEN, THAWED]


def test_a_cloud_that_hangs_is_not_waited_for(mount, fake, place):
    mount.simulator.fault("CreateSnapshot", "hang", times=0)
    done = run(FREEZE, "--limit", "1", fake.data, place, env=fake.environment)
    assert done.status == 1 and "outcome is not known" in done.err and done.seconds < 8
    assert fake.calls() == [FROZEN, THAWED]


def test_a_guard_that_is_ended_at_once_does_nothing(mount, fake, tmp_path):
    """Killed before it has become a command of its own it was this script still, traps and all."""
    wrapper(tmp_path, "fsfreeze", "exit 1")
    place = mount.snapshot(mount.add_disk(), "never")
    for number in range(1, 31):
        done = run(FREEZE, "--before", "true", "--after", fake.note("after"), fake.data, place, env=fake.environment)
        assert done.status == 1 and fake.calls() == ["after"] * number


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_thaws_at_once(mount, fake, place, number):
    mount.simulator.fault("CreateSnapshot", "hang", times=0)
    process = start("env", "--default-signal", FREEZE, "--before", fake.note("before"), "--after", fake.note("after"), fake.data, place,
                    env=fake.environment)
    wait_until(lambda: FROZEN in fake.calls(), 10, "the freeze")
    time.sleep(0.2)  # into the mkdir
    process.send_signal(number)
    assert process.wait(10) == 1
    assert fake.calls() == ["before", FROZEN, THAWED, "after"]


def test_a_script_that_was_killed_is_thawed_by_its_guard(mount, fake, place):
    mount.simulator.fault("CreateSnapshot", "hang", times=0)
    process = start(FREEZE, "--limit", "1", fake.data, place, env=fake.environment)
    wait_until(lambda: FROZEN in fake.calls(), 10, "the freeze")
    process.kill()
    process.wait()
    wait_until(lambda: THAWED in fake.calls(), 10, "the guard's thaw")


def test_no_guard_is_left_behind(fake, place):
    limit = 1000 + os.getpid() % 8000  # nobody else's guard sleeps as long
    assert run(FREEZE, "--limit", limit, fake.data, place, env=fake.environment).status == 0
    wait_until(lambda: run("pgrep", "-f", f"^sleep {limit + 1}$").status == 1, 5, "the guard's end")


def test_no_mount_no_freeze(fake, tmp_path, mount, place):
    done = run(FREEZE, fake.data, tmp_path / "snapshots" / "x", env=fake.environment)
    assert done.status == 1 and "is it mounted?" in done.err
    os.mkdir(place)
    done = run(FREEZE, fake.data, place, env=fake.environment)
    assert done.status == 1 and "exists already" in done.err
    assert fake.calls() == [] and mount.exists(place)


def test_after_runs_without_a_before(fake, place):
    done = run(FREEZE, "--after", fake.note("after"), fake.data, place, env=fake.environment)
    assert (done.status, done.err) == (0, "") and fake.calls() == [FROZEN, THAWED, "after"]


def test_where_nothing_is_mounted_nothing_is_frozen(mount, fake, place, tmp_path):
    """fsfreeze would freeze what the empty directory is on: the root file system."""
    (tmp_path / "empty").mkdir()
    done = run(FREEZE, "--before", fake.note("before"), tmp_path / "empty", place, env=fake.environment)
    assert done.status == 1 and "nothing is mounted there" in done.err
    assert fake.calls() == [] and not mount.exists(place)


def test_a_snapshot_that_ends_in_error_is_a_failure(mount, fake, place):
    process = start(FREEZE, "--wait", fake.data, place, env=fake.environment)
    wait_until(lambda: mount.exists(place), 10, "the snapshot")
    identity = mount.value(os.path.join(place, "id"))
    mount.simulator.patch(snapshots={identity: {"SnapshotState": "ERROR", "Percent": 0}})
    done = finish(process)
    assert done.status == 1 and done.out.startswith("ERROR") and "has not become NORMAL" in done.err
    assert fake.calls() == [FROZEN, THAWED]


def test_a_signal_ends_the_waiting(mount, fake, place):
    process = start(FREEZE, "--wait", "--after", fake.note("after"), fake.data, place, env=fake.environment)
    wait_until(lambda: "after" in fake.calls(), 10, "the end of the freeze")
    time.sleep(0.2)  # into the waiting
    process.send_signal(signal.SIGTERM)
    done = finish(process, 5)
    assert done.status == 1 and f"{place} was made" in done.err and done.out == ""
    assert fake.calls() == [FROZEN, THAWED, "after"]


def test_a_thaw_that_fails_leaves_the_guard(fake, place):
    fake.break_it(THAWED)
    done = run(FREEZE, "--limit", "2", fake.data, place, env=fake.environment)
    assert done.status == 1 and "could not be thawed; another attempt follows" in done.err
    assert fake.calls() == [FROZEN, THAWED]
    wait_until(lambda: fake.calls() == [FROZEN, THAWED, THAWED], 10, "the guard's thaw")


def test_a_thaw_is_not_ended_by_the_keyboard(mount, fake, place, tmp_path):
    """Ctrl-C goes to all that is in the foreground."""
    wrapper(tmp_path, "fsfreeze", f'echo "$1" >>{tmp_path}/log; [ "$1" = --freeze ] || {{ sleep 0.5; echo thawed >>{tmp_path}/log; }}')
    process = start("env", "--default-signal", FREEZE, "--limit", "98", fake.data, place, env=fake.environment)
    wait_until(lambda: THAWED in fake.calls(), 10, "the thaw")
    os.killpg(process.pid, signal.SIGINT)
    done = finish(process, 10)
    assert done.status == 1 and "stopped by a signal" in done.err
    assert fake.calls() == [FROZEN, THAWED, "thawed"]
    # Nobody is left who would keep the next one away.
    again = run(FREEZE, fake.data, mount.snapshot(mount.add_disk(), "consistent"), env=fake.environment)
    assert (again.status, again.err) == (0, "")


def test_what_after_starts_can_be_ended(mount, fake, place, tmp_path):
    """A service that --after starts does not inherit that signals are ignored."""
    mount.simulator.fault("CreateSnapshot", "hang", times=0)
    process = start("env", "--default-signal", FREEZE, "--after", f"grep SigIgn /proc/self/status >{tmp_path}/ignored", fake.data,
                    place, env=fake.environment)
    wait_until(lambda: FROZEN in fake.calls(), 10, "the freeze")
    time.sleep(0.2)
    process.terminate()
    assert process.wait(10) == 1
    ignored = int((tmp_path / "ignored").read_text().split()[1], 16)
    assert not ignored & (1 << (signal.SIGTERM - 1) | 1 << (signal.SIGHUP - 1) | 1 << (signal.SIGINT - 1))


@pytest.mark.parametrize("frozen", [True, False])
def test_of_two_the_second_one_is_refused(mount, fake, place, frozen):
    """It would thaw, or run its --after, under the first one."""
    words = [fake.data] if frozen else []
    mount.simulator.fault("CreateSnapshot", "hang", times=0)
    first = start("env", "--default-signal", FREEZE, "--before", fake.note("first"), *words, place, env=fake.environment)
    wait_until(lambda: (FROZEN if frozen else "first") in fake.calls(), 10, "the first one")
    second = run(FREEZE, "--before", fake.note("second"), "--after", fake.note("after"), *words, place + "-2", env=fake.environment)
    assert second.status == 1 and "another one is at work there" in second.err
    assert fake.calls() == ["first", FROZEN][:2 if frozen else 1]
    first.terminate()
    assert first.wait(10) == 1
    mount.simulator.faults()
    third = run(FREEZE, *words, place + "-3", env=fake.environment)
    assert third.status == 0, third.err


def test_a_name_that_is_a_switch(mount, fake):
    disk = mount.add_disk()
    done = run(FREEZE, "--", "-m", cwd=mount.disk(disk, "snapshots"))
    assert (done.status, done.err) == (0, "") and "-m" in names(mount, disk)


def test_a_real_file_system(mount, place, tmp_path):
    image, point = tmp_path / "image", tmp_path / "data"
    point.mkdir()
    with open(image, "wb") as file:
        file.truncate(8 << 20)
    ready = shutil.which("mkfs.ext4") and run("mkfs.ext4", "-q", image).status == 0 and \
        run("mount", "-o", "loop", image, point).status == 0
    if not ready:
        pytest.skip("no loop device: the freeze is tried with an fsfreeze that only writes down what it is told")
    try:
        assert run(FREEZE, point, place).status == 0
        assert run("touch", point / "thawed", timeout=5).status == 0
    finally:
        run("umount", point)


# --- updatedb ----------------------------------------------------------------------------------------


def test_locate_stays_out(mount, tmp_path):
    config = tmp_path / "updatedb.conf"
    config.write_text('PRUNEPATHS="/nowhere"\nPRUNEFS="NFS tmpfs fuse.sshfs"\n# the end\n')
    above = os.path.dirname(mount.point)

    def listed():
        database = tmp_path / "database"
        done = subprocess.run(["updatedb.plocate", "-U", above, "-o", database, "--require-visibility", "no", "--prunefs",
                               config.read_text().split('PRUNEFS="')[1].split('"')[0], "--prunepaths", ""],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return run("plocate", "-d", database, f"{mount.point}/disks").out

    assert "disks" in listed(), "without the word it does go in"
    assert run(PRUNE, config).out == f"{config}: fuse.cbsfs is in PRUNEFS now\n"
    assert config.read_text() == 'PRUNEPATHS="/nowhere"\nPRUNEFS="fuse.cbsfs NFS tmpfs fuse.sshfs"\n# the end\n'
    assert listed() == ""
    again = run(PRUNE, config)
    assert (again.status, again.out) == (0, "") and config.read_text().count("fuse.cbsfs") == 1


@pytest.mark.parametrize("before, after", [
    ("PRUNE_BIND_MOUNTS = \"yes\"\n", 'PRUNE_BIND_MOUNTS = "yes"\nPRUNEFS="fuse.cbsfs"\n'),
    ('PRUNEFS = "nfs"\n', 'PRUNEFS = "fuse.cbsfs nfs"\n'), ('PRUNEFS="fuse.cbsfs"\n', 'PRUNEFS="fuse.cbsfs"\n')])
def test_other_forms_of_the_file(tmp_path, before, after):
    config = tmp_path / "updatedb.conf"
    config.write_text(before)
    config.chmod(0o640)
    assert run(PRUNE, config).status == 0
    assert config.read_text() == after and config.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["updatedb.conf"]


def test_a_link_stays_one(tmp_path):
    config, link = tmp_path / "updatedb.conf", tmp_path / "link"
    config.write_text('PRUNEFS="nfs"\n')
    link.symlink_to("updatedb.conf")
    assert run(PRUNE, link).status == 0
    assert link.is_symlink() and config.read_text() == 'PRUNEFS="fuse.cbsfs nfs"\n'


def test_a_file_that_is_not_understood_is_left_alone(tmp_path):
    config = tmp_path / "updatedb.conf"
    config.write_text("PRUNEFS=$OTHER\n")
    done = run(PRUNE, config)
    assert done.status == 1 and "quoted" in done.err and config.read_text() == "PRUNEFS=$OTHER\n"
    assert run(PRUNE, tmp_path / "missing").status == 0
