# SPDX-License-Identifier: Apache-2.0
"""`cbsfs --check`: one row for each cause, and below each that fails what helps."""
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import tempfile
from datetime import datetime

import pytest

from commands import assert_done, run, wait_until
from gateway import Answer, Server
from harness import CBSFS, REPOSITORY, SECRET_ID, SECRET_KEY, clean_environment

pytestmark = pytest.mark.only("tencent")

SIMULATOR = ("--disks", "2", "--snapshots", "2")


class Check:
    """Somebody who types it, in a home of his own."""

    def __init__(self, home, endpoint):
        self.home, self.endpoint = str(home), endpoint

    def environment(self, **variables):
        return clean_environment(self.home, self.home, {"TENCENTCLOUD_SECRET_ID": SECRET_ID,
                                                        "TENCENTCLOUD_SECRET_KEY": SECRET_KEY, **variables})

    def words(self, *words, endpoint=None, options=()):
        option = ",".join([f"endpoint={endpoint or self.endpoint}", "timeout=3", *options])
        return [CBSFS, "--check", *(words or ("ap-guangzhou",)), "-o", option]

    def run(self, *words, endpoint=None, options=(), **variables):
        child = subprocess.run(self.words(*words, endpoint=endpoint, options=options), capture_output=True, text=True,
                               timeout=60, env=self.environment(**variables), check=False)
        return Table(child)

    def at_terminal(self, **variables):
        """Everything that a terminal gets."""
        master, slave = pty.openpty()
        with subprocess.Popen(self.words(), stdin=slave, stdout=slave, stderr=slave, text=True,
                              env=self.environment(**{"TERM": "xterm", **variables})) as child:
            os.close(slave)
            text = b""
            try:
                while piece := os.read(master, 4096):
                    text += piece
            except OSError:
                pass
            os.close(master)
            assert child.wait() == 0, text
        return text.decode()


class Table:
    def __init__(self, child):
        self.status, self.text, self.err = child.returncode, child.stdout, child.stderr
        self.rows, last = {}, None
        for line in child.stdout.splitlines()[:-1]:
            row = re.fullmatch(r"(PASS|FAIL|WARN|SKIP)  (\S.{31}) (.+)", line)
            remedy = re.fullmatch(r" {31}remedy: (\S.*)", line)
            assert row or remedy, f"{line!r}\n{child.stdout}{child.stderr}"
            if row:
                last = row[2].strip()
                # What others have left on this machine is not of this test.
                if not (last.endswith("mount") and row[1] == "WARN"):
                    self.rows[last] = [row[1], row[3], None]
            elif last in self.rows:
                self.rows[last][2] = remedy[1]
        failed = [name for name, row in self.rows.items() if row[0] == "FAIL"]
        assert child.stdout.splitlines()[-1] == f"{len(failed)} failed"
        assert self.status == (1 if failed else 0)
        self.failed = failed
        for name in failed:
            assert self.rows[name][2], f"no remedy for {name}: {child.stdout}"

    def __getitem__(self, name):
        return self.rows[name]


@pytest.fixture
def check(sim, tmp_path):
    return Check(tmp_path, sim.endpoint)


def test_all_is_well(check, sim):
    with sim.counting() as count:
        table = check.run()
    assert not table.failed and table.err == ""
    assert list(table.rows)[:8] == ["configuration", "credentials", "endpoint", "DNS", "connection", "clock", "key", "region"]
    asked = ["DescribeDisks", "DescribeSnapshots", "DescribeSnapshotSharePermission", "DescribeSnapshotGroups",
             "DescribeAutoSnapshotPolicies", "DescribeRegions"]
    assert all(table[action][:2] == ["PASS", "allowed"] for action in asked)
    assert count.total == len(asked) and count.change_requests == 0
    assert table["changes"][0] == "SKIP" and "CreateSnapshot" in table["changes"][1]
    assert table["/dev/fuse"][0] == table["fusermount3"][0] == "PASS"
    assert "\033" not in table.text and SECRET_KEY not in table.text


def test_which_credentials(check):
    without = {"TENCENTCLOUD_SECRET_ID": None, "TENCENTCLOUD_SECRET_KEY": None}
    row = check.run(CBSFS_METADATA_ENDPOINT="http://127.0.0.1:9", **without)["credentials"]
    assert row[0] == "FAIL" and "TENCENTCLOUD_SECRET_ID" in row[1] and "~/.tccli/default.credential" in row[1]
    assert "tccli configure" in row[2]
    folder = os.path.join(check.home, ".tencentcloud")
    os.makedirs(folder)
    path = os.path.join(folder, "credentials")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"[default]\nsecret_id = {SECRET_ID}\nsecret_key = {SECRET_KEY}\n")
    os.chmod(path, 0o644)
    row = check.run(**without)["credentials"]
    assert row[0] == "FAIL" and path.split("/")[-2] in row[1] and "chmod 600" in row[2]
    os.chmod(path, 0o600)
    row = check.run(**without)["credentials"]
    assert row[0] == "PASS" and "mode 0600" in row[1] and ".tencentcloud/credentials" in row[1] and "until" not in row[1]


def test_when_a_temporary_key_ends(check):
    without = {"TENCENTCLOUD_SECRET_ID": None, "TENCENTCLOUD_SECRET_KEY": None}
    folder = os.path.join(check.home, ".tccli")
    os.makedirs(folder)
    for ends, verdict in (("2033-05-18T03:33:20Z", "PASS"), ("2001-09-09T01:46:40Z", "FAIL")):
        moment = int(datetime.fromisoformat(ends.replace("Z", "+00:00")).timestamp())
        path = os.path.join(folder, "default.credential")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"secretId": SECRET_ID, "secretKey": SECRET_KEY, "token": "t", "expiresAt": moment}, file)
        os.chmod(path, 0o600)
        row = check.run(**without)["credentials"]
        assert row[0] == verdict
        assert row[1].endswith(f", temporary, until {ends}") if verdict == "PASS" else "have ended" in row[1]


def test_what_helps_is_of_what_is_wrong(check):
    without = {"TENCENTCLOUD_SECRET_ID": None, "TENCENTCLOUD_SECRET_KEY": None}
    # Keys in the environment would not count.
    row = check.run("work@ap-guangzhou")["credentials"]
    assert row[0] == "FAIL" and "work.credential" in row[1] and "keys of this profile" in row[2]
    folder = os.path.join(check.home, ".tccli")
    os.makedirs(folder)
    path = os.path.join(folder, "default.credential")
    for text, reason in (('{"secretId": "x"', "not a JSON object"), ('{"secretId": "x"}', "the secret key is missing")):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        row = check.run(**without)["credentials"]
        assert row[0] == "FAIL" and reason in row[1] and row[2] == "correct what is named there, or take it away"
    # What only the region is looked for in.
    os.symlink(path, os.path.join(folder, "default.configure"))
    with open(path, "w", encoding="utf-8") as file:
        file.write("[")
    table = check.run(**without)
    assert table.failed == ["credentials"] and "default.configure" in table["credentials"][1] and table["/dev/fuse"][0] == "PASS"


def as_nobody(check, *words, path="/usr/bin:/bin", options=(), rights=()):
    """The table that a user without rights gets; of root's setpriv."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    child = subprocess.run(["/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *rights,
                            *check.words(*words, options=options)], capture_output=True, text=True, timeout=60,
                           env=check.environment(PATH=path, HOME="/nonexistent"), check=False)
    return Table(child)


def test_a_fusermount3_without_rights(check):
    assert as_nobody(check)["fusermount3"][0] == "PASS"
    row = as_nobody(check, rights=["--no-new-privs"])["fusermount3"]
    assert row[0] == "FAIL" and "no_new_privs" in row[1] and "NoNewPrivileges=" in row[2]
    with tempfile.TemporaryDirectory(prefix="cbsfs-check.") as directory:
        os.chmod(directory, 0o755)
        row = as_nobody(check, path=directory)["fusermount3"]
        assert row[0] == "FAIL" and "not there" in row[1]
        assert check.run(PATH=directory)["fusermount3"][0] == "WARN", "root does not need it"
        os.chmod(shutil.copy("/usr/bin/fusermount3", directory), 0o755)
        row = as_nobody(check, path=directory)["fusermount3"]
        assert row[0] == "FAIL" and "set-user-ID" in row[1] and "reinstall" in row[2]


def test_what_fusermount3_would_refuse(check):
    with tempfile.TemporaryDirectory(prefix="cbsfs-check.") as directory:
        for mode, words in ((0o1777, "is not yours"), (0o755, "may not write")):
            os.chmod(directory, mode)
            row = as_nobody(check, "ap-guangzhou", directory)["mountpoint"]
            assert row[0] == "FAIL" and words in row[1]
    with open("/etc/fuse.conf", encoding="utf-8") as file:
        allowed = re.search(r"^user_allow_other", file.read(), re.MULTILINE)
    for option in ("allow_other", "allow_root"):
        assert as_nobody(check, options=[option])["allow_other"][0] == ("PASS" if allowed else "FAIL")
    assert "allow_other" not in as_nobody(check, options=["fsname=allow_other"]).rows


def test_a_wrong_key(check):
    table = check.run(TENCENTCLOUD_SECRET_KEY="wrong")
    assert table.failed == ["key"] and "AuthFailure.SignatureFailure" in table["key"][1]
    assert "RequestId" in table["key"][1] and "secret id or key" in table["key"][2]
    assert "DescribeDisks" not in table.rows


@pytest.mark.parametrize("endpoint, row, remedy", [
    ("https://no-such-host.invalid", "DNS", "resolv.conf"),
    ("http://127.0.0.1:9", "connection", "nothing listens there"),
    ("https://127.0.0.1:PORT", "TLS", "certificates")])
def test_what_is_in_the_way(check, sim, endpoint, row, remedy):
    table = check.run(endpoint=endpoint.replace("PORT", str(sim.port)))
    assert table.failed == [row] and remedy in table[row][2]
    before = ["DNS", "connection", "TLS"]
    assert all(table[name][0] == "PASS" for name in before[:before.index(row)])
    assert "key" not in table.rows and table["/dev/fuse"][0] == "PASS"


def test_a_proxy_in_the_way(check):
    for proxy, row in (("http://127.0.0.1:9", "connection"), ("http://no-such-proxy.invalid:3128", "DNS")):
        table = check.run(endpoint="https://cbs.example", https_proxy=proxy)
        assert table.failed == [row] and "no_proxy" in table[row][2]
        assert row != "DNS" or "of the proxy" in table[row][1]
        assert not check.run(https_proxy=proxy).failed, "http:// takes none"


def test_another_service_answers(check):
    """It takes every key, and knows no region."""
    with Server(lambda request: Answer(501, {"Content-Type": "text/html"}, b"<html>not here</html>")) as other:
        table = check.run(endpoint=other.endpoint)
    assert table.failed == ["answer"] and "endpoint=" in table["answer"][2]
    assert not {"key", "region", "DescribeDisks"} & set(table.rows)


def test_every_failure_has_what_helps(check, sim):
    """Table asserts it of each."""
    sim.faults({"action": "DescribeSnapshots", "kind": "error", "code": "InternalError", "times": 0},
               {"action": "DescribeRegions", "kind": "error", "code": "SomethingNew", "times": 0})
    table = check.run("ap-guangzhou", "/dev/null/below")
    assert table.failed == ["DescribeSnapshots", "mountpoint"]
    assert "RequestId" in table["DescribeSnapshots"][2] and "RequestId" in table["DescribeRegions"][2]


def test_a_clock_that_is_wrong(own, tmp_path):
    sim = own.simulator()
    sim.faults({"action": "*", "kind": "clock", "seconds": 3600, "times": 0})
    table = Check(tmp_path, sim.endpoint).run()
    assert table.failed == ["clock"] and "timedatectl" in table["clock"][2] and "3600 s" in table["clock"][1]


def test_permissions_one_by_one(check, sim):
    sim.faults(*({"action": action, "kind": "error", "code": "UnauthorizedOperation", "message": "no", "times": 0}
                 for action in ("DescribeSnapshots", "DescribeSnapshotGroups", "DescribeRegions")))
    table = check.run()
    assert table.failed == ["DescribeSnapshots"]
    assert "name/cvm:DescribeSnapshots" in table["DescribeSnapshots"][2]
    # Only some files need this one; the exit status is about mounting.
    assert table["DescribeSnapshotGroups"][0] == "WARN" and "name/cvm:DescribeSnapshotGroups" in table["DescribeSnapshotGroups"][2]
    assert table["DescribeSnapshotSharePermission"][0] == "SKIP" and table["DescribeAutoSnapshotPolicies"][0] == "PASS"
    assert table["DescribeRegions"][0] == "WARN"
    # Each is an action that the policies of contrib/cam know.
    with open(os.path.join(REPOSITORY, "contrib", "cam", "read-only.json"), encoding="utf-8") as file:
        known = {action for statement in json.load(file)["statement"] for action in statement["action"]}
    assert {row[2].rpartition(" ")[2] for row in table.rows.values() if row[2]} < known


def test_a_region_that_is_none(check, sim):
    sim.fault("DescribeDisks", "error", code="UnsupportedRegion", message="no such region", times=0)
    assert check.run().failed == ["region"]


def test_the_place(check, tmp_path):
    gone, file = tmp_path / "gone", tmp_path / "file"
    table = check.run("ap-guangzhou", str(gone))
    assert table.failed == ["mountpoint"] and "mkdir -p" in table["mountpoint"][2]
    file.write_text("")
    assert check.run("ap-guangzhou", str(file)).failed == ["mountpoint"]
    assert not check.run("ap-guangzhou", str(tmp_path)).failed
    child = subprocess.run([CBSFS, "--check", "a", "b", "c"], capture_output=True, text=True, check=False)
    assert child.returncode == 1 and "one word too many" in child.stderr


def test_a_mount_that_was_left(own, tmp_path):
    sim = own.simulator()
    mount = own.mount(sim)
    here = Check(tmp_path, sim.endpoint)
    assert not here.run("ap-guangzhou", mount.point).failed
    # One that does not answer holds nobody up.
    os.kill(mount.pid, signal.SIGSTOP)
    try:
        table = here.run("ap-guangzhou", mount.point)
        assert table.failed == ["silent mount"] and mount.point in table["silent mount"][1]
        # However it is written.
        place = os.path.relpath(mount.point) + "/"
        assert here.run("ap-guangzhou", place).failed == ["silent mount"]
    finally:
        os.kill(mount.pid, signal.SIGCONT)
    own.daemons.remove(mount)
    mount.kill()
    mount.process.wait()
    try:
        table = here.run("ap-guangzhou", mount.point)
        assert table.failed == ["stale mount"] and mount.point in table["stale mount"][2]
        assert here.run("ap-guangzhou", place).failed == ["stale mount"]
        assert not here.run("ap-guangzhou").failed  # elsewhere it hinders nobody
        assert_done(run("sh", "-c", table["stale mount"][2]))
    finally:
        run("fusermount3", "-uz", mount.point)
    wait_until(lambda: not mount.is_mounted(), 5)
    assert not here.run("ap-guangzhou", mount.point).failed


# --- at a terminal ------------------------------------------------------------------------------------------------

def test_colour_and_progress_at_a_terminal(check, sim):
    sim.fault("DescribeSnapshots", "delay", ms=300, times=0)
    text = check.at_terminal()
    assert "\033[32mPASS\033[m  DescribeDisks" in text
    assert "trying DescribeSnapshots ..." in text
    # Each is taken away before what is known is written.
    shown = [piece for piece in re.split("\r\033\\[K", text) if piece]
    assert not any("trying" in line and "PASS" in line for piece in shown for line in piece.splitlines())


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_none_is_wanted(check, variables):
    text = check.at_terminal(**variables)
    assert re.search("^PASS  DescribeDisks", text, re.MULTILINE) and "\033[32m" not in text
