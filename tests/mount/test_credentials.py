# SPDX-License-Identifier: Apache-2.0
"""Keys that rotate, end or are refused while mounted; files, roles, clocks and proxies (semantics 9)."""
import errno
import json
import os
import re
import socket
import stat
import subprocess
import time

import pytest

from commands import assert_done, assert_refused, finish, holds_for, run, start, wait_until
from gateway import Answer, Gateway, Metadata, Server, role_keys
from harness import CBSFS, SECRET_ID, SECRET_KEY, clean_environment, find_process, mount_type

pytestmark = pytest.mark.only("tencent")  # its servers and faults are in the words of API 3.0

STORM = int(os.environ.get("STORM_SECONDS", "4"))
NO_KEYS = {"TENCENTCLOUD_SECRET_ID": None, "TENCENTCLOUD_SECRET_KEY": None}
OLD, NEW = "AKIDold", "AKIDnew"
SIMULATOR = ("--create-time", "0.2", "--rollback-time", "0.2", "--rate", "0")


def tccli(secret_id, key, token=None, ends=None):
    members = {"secretId": secret_id, "secretKey": key, "token": token, "expiresAt": ends}
    return json.dumps({name: value for name, value in members.items() if value is not None})


def ini(secret_id, key, token=None):
    return f"[default]\nsecret_id = {secret_id}\nsecret_key = {key}\n" + (f"token = {token}\n" if token else "")


class File:
    """A credential file in a home directory."""

    def __init__(self, home, name=".tccli/default.credential"):
        self.path = os.path.join(home, name)
        os.makedirs(os.path.dirname(self.path), exist_ok=True)

    def write(self, text, mode=0o600):
        """In place, as `echo >` and most editors' plain saves do."""
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path, mode)
        return self

    def replace(self, text, mode=0o600):
        """A new file under the old name, as careful programs do."""
        new = File(os.path.dirname(self.path), "new").write(text, mode)
        os.rename(new.path, self.path)


class Account:
    """A simulator behind a gateway that knows several keys, and a mount whose home is known before it."""

    def __init__(self, own, keys):
        self.own = own
        self.simulator = own.simulator(*SIMULATOR)
        self.gateway = Gateway(self.simulator, keys)
        self.home = os.path.join(own.directory, f"mount{len(own.daemons) + 1}", "home")
        self.mount = None
        self.disk = None

    def start(self, *options, **environment):
        self.mount = self.own.mount(self.simulator, "ttl=1", *options, endpoint=self.gateway.endpoint,
                                    environment={**NO_KEYS, **environment})
        assert self.mount.home == self.home
        self.disk = self.mount.list("disks")[0]
        return self.mount

    def ids(self):
        return [seen.secret_id for seen in self.gateway.seen]

    def look(self):
        """A question that reaches the cloud."""
        self.mount.refresh()
        return run("ls", self.mount.path("disks"))

    def make(self, name):
        return run("mkdir", self.mount.snapshot(self.disk, name))

    def used(self, secret_id):
        """True once calls are signed with that key; every call until then must succeed."""
        assert_done(self.look())
        return self.ids()[-1] == secret_id


@pytest.fixture
def account(own):
    accounts = []

    def open_account(keys):
        accounts.append(Account(own, keys))
        return accounts[-1]

    yield open_account
    for one in accounts:
        one.gateway.close()


KEYS = {OLD: ("old-key", None), NEW: ("new-key", None)}


@pytest.mark.core
@pytest.mark.parametrize("name, form", [(".tccli/default.credential", tccli), (".tencentcloud/credentials", ini)])
def test_a_replaced_file_is_used_by_the_next_calls(account, name, form):
    """Nobody notices a rotation as long as the old key is accepted."""
    place = account(KEYS)
    file = File(place.home, name).write(form(OLD, "old-key"))
    place.start()
    file.replace(form(NEW, "new-key"))
    wait_until(lambda: place.used(NEW), 10, "the new key")
    assert_done(place.make("with-the-new-key"))
    assert not [seen for seen in place.gateway.seen if seen.code]


def test_a_file_that_is_rewritten_in_place(account):
    """Empty, half-written or cut at any place for a moment: the old key goes on, then the new one is used."""
    place = account(KEYS)
    file = File(place.home, ".tencentcloud/credentials").write(ini(OLD, "old-key"))
    place.start()
    whole = ini(NEW, "new-key")
    end = time.monotonic() + 2.3  # more than two looks at the file
    while time.monotonic() < end:
        for length in (0, len(whole) // 2, len(whole) - 4, len(whole) - 2):
            file.write(whole[:length])
            assert not place.used(NEW)
    file.write(whole)
    wait_until(lambda: place.used(NEW), 10, "the new key")
    assert not [seen for seen in place.gateway.seen if seen.code]


@pytest.mark.core
def test_a_file_that_others_may_read_meanwhile(account):
    """Refused, once and clearly; the old key goes on until the mode is right."""
    place = account(KEYS)
    file = File(place.home).write(tccli(OLD, "old-key"))
    place.start()
    file.replace(tccli(NEW, "new-key"), 0o644)
    said = re.compile(r"keeping the credentials that are known: ~/\.tccli/default\.credential .*0644.*chmod 600")

    def refused():
        assert not place.used(NEW)
        return said.search(place.mount.stderr())

    wait_until(refused, 10, "the warning")
    assert_done(place.make("with-the-old-key"))
    holds_for(lambda: not place.used(NEW), 1, "the old key")
    assert len(said.findall(place.mount.stderr())) == 1
    os.chmod(file.path, 0o600)
    wait_until(lambda: place.used(NEW), 10, "the new key")


@pytest.mark.core
@pytest.mark.parametrize("new", [NEW, OLD], ids=["another-id", "the-same-id"])
def test_a_key_that_is_refused_is_replaced_with_one_retry(account, new):
    """The cloud has dropped the old key and the file has the new one: one refusal, one retry, no error."""
    place = account({OLD: ("old-key", None)})
    file = File(place.home).write(tccli(OLD, "old-key"))
    place.start()
    place.gateway.keys = {new: ("new-key", None)}
    file.replace(tccli(new, "new-key"))
    before = len(place.gateway.seen)
    assert_done(place.make("across-the-rotation"))
    made = [seen for seen in place.gateway.seen[before:] if seen.action == "CreateSnapshot"]
    assert sum(bool(seen.code) for seen in place.gateway.seen[before:]) <= 1
    assert made[-1].code == "" and len(made) <= 2 and made[-1].secret_id == new
    assert place.mount.snapshots(place.disk).count("across-the-rotation") == 1


@pytest.mark.limit(90)
def test_a_refused_key_makes_no_storm(account):
    """100 processes look for a while with a key that the cloud has dropped: one call a second asks again."""
    place = account({OLD: ("old-key", None)})
    file = File(place.home).write(tccli(OLD, "old-key"))
    mount = place.start("timeout=5")
    listed = mount.snapshots(place.disk)
    place.gateway.keys = {NEW: ("new-key", None)}
    assert_refused(place.make("refused"), errno.EKEYREJECTED)
    before, began = len(place.gateway.seen), time.monotonic()
    loop = 'end=$((SECONDS + $3)); while [ $SECONDS -lt $end ]; do ls "$1" "$2" >/dev/null || exit 1; sleep 0.2; done'
    processes = [start("bash", "-c", loop, "bash", mount.disk(place.disk, "snapshots"), mount.path("disks"),
                       STORM)
                 for _ in range(100)]
    results = [finish(process, 60) for process in processes]
    seconds = time.monotonic() - began
    calls = place.gateway.seen[before:]
    assert {result.status for result in results} == {0}, results[0].err
    assert len(calls) <= seconds + 3, f"{len(calls)} calls in {seconds:.0f} s"
    assert mount.snapshots(place.disk) == listed
    assert_refused(place.make("refused"), errno.EKEYREJECTED)
    assert "AuthFailure" in mount.read(mount.disk(place.disk, "error"))
    file.replace(tccli(NEW, "new-key"))
    wait_until(lambda: place.make("accepted").status == 0, 10, "the recovery")


@pytest.mark.core
def test_a_temporary_key_that_ends(account):
    """EKEYEXPIRED for changes, what is known stays served, a renewed file mends it without a remount."""
    place = account({OLD: ("old-key", "old-token"), NEW: ("new-key", "new-token")})
    ends = int(time.time()) + 4
    file = File(place.home).write(tccli(OLD, "old-key", "old-token", ends))
    mount = place.start()
    listed = mount.snapshots(place.disk)
    assert_done(place.make("in-time"))
    wait_until(lambda: time.time() > ends, 10)
    before = len(place.gateway.seen)
    assert_refused(place.make("too-late"), errno.EKEYEXPIRED)
    assert "log in again" in mount.read(mount.disk(place.disk, "error"))
    assert_done(place.look())
    assert set(mount.snapshots(place.disk)) == {*listed, "in-time"}
    assert len(place.gateway.seen) == before, "a key that has ended is not even tried"
    file.replace(tccli(NEW, "new-key", "new-token", int(time.time()) + 900))
    wait_until(lambda: place.make("renewed").status == 0, 10, "the recovery")
    assert place.gateway.seen[-1].token == "new-token"


def test_a_temporary_key_that_is_renewed_before_it_ends(account):
    place = account({OLD: ("old-key", "old-token"), NEW: ("new-key", "new-token")})
    ends = int(time.time()) + 3
    file = File(place.home).write(tccli(OLD, "old-key", "old-token", ends))
    place.start()
    file.replace(tccli(NEW, "new-key", "new-token", ends + 900))
    wait_until(lambda: place.used(NEW), 5, "the new key")
    wait_until(lambda: time.time() > ends, 10)
    assert_done(place.make("after-the-old-end"))
    assert not [seen for seen in place.gateway.seen if seen.code]


def test_a_token_that_the_cloud_ends_early(account):
    """The cloud says TokenFailure before the file does: EKEYEXPIRED, and the newer file is found with one retry."""
    place = account({OLD: ("old-key", "old-token")})
    file = File(place.home).write(tccli(OLD, "old-key", "old-token", int(time.time()) + 900))
    place.start()
    place.gateway.keys = {OLD: ("old-key", "ended"), NEW: ("new-key", "new-token")}
    assert_refused(place.make("early"), errno.EKEYEXPIRED)
    file.replace(tccli(NEW, "new-key", "new-token", int(time.time()) + 900))
    wait_until(lambda: place.make("renewed").status == 0, 10, "the recovery")


# --- the CAM role ---------------------------------------------------------------------------------


@pytest.fixture
def role(account):
    """An account whose keys come from a role: (account, metadata service)."""
    place = account({OLD: ("old-key", "old-token"), NEW: ("new-key", "new-token")})
    with Metadata(role_keys(OLD, "old-key", "old-token", 3600)) as metadata:
        yield place, metadata


@pytest.mark.core
def test_keys_of_a_role(role):
    place, metadata = role
    mount = place.start(CBSFS_METADATA_ENDPOINT=metadata.endpoint)
    assert "CAM role cbs-role" in mount.read(mount.path(".cbsfs", "config"))
    assert_done(place.make("by-the-role"))
    assert len(metadata.requests) == 2, "the name and the keys, once"




def slow(_):
    time.sleep(8)
    return Answer(200, {}, b"cbs-role")


WRONG_ROLES = {
    "gone": (None, "refused|connect"),
    "slow": (slow, "no complete answer"),
    "404": (lambda _: Answer(404, {}, b""), "no role is bound"),
    "500": (lambda _: Answer(500, {}, b"<html>"), "HTTP 500"),
    "empty": (lambda _: Answer(200, {}, b""), "name"),
    "garbage": (lambda _: Answer(200, {}, b"\x00\xff\x1b[31m<html>"), "name"),
    "huge": (lambda _: Answer(200, {}, b"a" * 20_000_000), "larger"),
    "closes": (lambda _: Answer(200, {"Content-Length": "100", "Connection": "close"}, b"half"), "lost"),
    "redirect": (lambda _: Answer(302, {"Location": "http://127.0.0.1:1/"}, b""), "HTTP 302"),
    "not JSON": (lambda request: None if request.path == Metadata.PATH else Answer(200, {}, b"SECRETWORD"), "JSON"),
    "has ended": (lambda request: None if request.path == Metadata.PATH else Answer(200, {}, json.dumps(
        role_keys(OLD, "SECRETWORD", "SECRETWORD", -10)).encode()), "already ended"),
    "incomplete": (lambda request: None if request.path == Metadata.PATH else Answer(200, {}, json.dumps(
        {"Code": "Success", "TmpSecretKey": "SECRETWORD"}).encode()), "incomplete"),
    "a key as code": (lambda request: None if request.path == Metadata.PATH else Answer(200, {}, json.dumps(
        {"Code": "SECRETWORDisLongerThanAnyCode"}).encode()), "refused"),
    "deep": (lambda request: None if request.path == Metadata.PATH else Answer(200, {}, b"[" * 60_000), "JSON"),
}


@pytest.mark.parametrize("kind", WRONG_ROLES)
def test_a_start_without_the_role(tmp_path, sim, kind):
    """One readable line, exit 1, no mount, in time."""
    misbehave, pattern = WRONG_ROLES[kind]
    (tmp_path / "mnt").mkdir()
    with Metadata(role_keys(OLD, "k", "t", 900)) as metadata:
        metadata.misbehave = misbehave
        endpoint = metadata.endpoint
        if misbehave is None:
            metadata.close()
        began = time.monotonic()
        child = subprocess.run([CBSFS, "ap-guangzhou", tmp_path / "mnt", "-o", f"endpoint={sim.endpoint}"],
                               capture_output=True, text=True, timeout=30, check=False,
                               env=clean_environment(str(tmp_path), str(tmp_path),
                                                     {**NO_KEYS, "CBSFS_METADATA_ENDPOINT": endpoint}))
    assert child.returncode == 1 and time.monotonic() - began < 8
    (line,) = child.stderr.splitlines()
    assert line.startswith("cbsfs: no credentials: ") and re.search(pattern, line), line
    assert "SECRETWORD" not in line and line.isprintable()
    assert mount_type(str(tmp_path / "mnt")) is None


@pytest.mark.limit(90)
def test_a_role_that_fails_while_mounted(role):
    """The old keys go on, nothing else waits, the metadata service is not stormed; renewed keys are taken."""
    place, metadata = role
    metadata.keys = role_keys(OLD, "old-key", "old-token", 5)
    mount = place.start(CBSFS_METADATA_ENDPOINT=metadata.endpoint)
    metadata.misbehave = slow
    before, began = len(metadata.requests), time.monotonic()
    ends = metadata.keys["ExpiredTime"]
    while time.time() < ends - 1.5:
        assert_done(place.look())
        assert assert_done(run("ls", mount.path("disks"))).seconds < 1
    wait_until(lambda: time.time() > ends, 10)
    assert_refused(place.make("too-late"), errno.EKEYEXPIRED)
    assert_done(run("ls", mount.path("disks")))
    assert len(metadata.requests) - before <= 2 * (time.monotonic() - began)
    assert len(re.findall("warning: the keys of the CAM role", mount.stderr())) == 1, mount.stderr()
    metadata.misbehave = None
    metadata.keys = role_keys(NEW, "new-key", "new-token", 3600)
    wait_until(lambda: place.make("renewed").status == 0, 20, "the recovery")
    assert place.ids()[-1] == NEW


def test_a_role_is_renewed_before_its_keys_end(role):
    place, metadata = role
    metadata.keys = role_keys(OLD, "old-key", "old-token", 60)
    place.start(CBSFS_METADATA_ENDPOINT=metadata.endpoint)
    metadata.keys = role_keys(NEW, "new-key", "new-token", 3600)
    wait_until(lambda: place.used(NEW), 10, "the new keys")
    asked = len(metadata.requests)
    holds_for(lambda: place.used(NEW), 1)
    assert len(metadata.requests) == asked
    assert not [seen for seen in place.gateway.seen if seen.code]


# --- clocks ---------------------------------------------------------------------------------------


@pytest.mark.core
@pytest.mark.parametrize("seconds", [3600, -3600])
def test_a_clock_that_is_an_hour_off(own, seconds):
    """Learnt from the first answer, said once, and no operation pays for it afterwards."""
    sim = own.simulator(*SIMULATOR)
    disk = sim.add_disk()
    sim.add_snapshot(disk, "known")
    sim.fault("*", "clock", seconds=seconds, times=0)
    mount = own.mount(sim, "ttl=60")
    mount.snapshots(disk)
    assert sim.stats()["errors"].get("AuthFailure.SignatureExpire", 0) <= 1
    with sim.counting() as count:
        assert_done(run("mkdir", mount.snapshot(disk, "one")))
        assert_done(run("mv", mount.snapshot(disk, "known"), mount.snapshot(disk, "two")))
    assert count.requests["CreateSnapshot"] == count.requests["ModifySnapshotAttribute"] == 1
    assert sim.stats()["errors"].get("AuthFailure.SignatureExpire", 0) <= 1
    assert len(re.findall(r"clock is 3\d\d\d s", mount.stderr())) == 1, mount.stderr()


def test_a_role_and_a_clock_that_is_hours_off(role):
    """Whether the role's keys have ended is told by the metadata service's clock, not by ours."""
    place, metadata = role
    ahead = -4 * 3600  # of the cloud, seen from here
    metadata.keys = role_keys(OLD, "old-key", "old-token", ahead + 3600)
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + ahead))

    def with_date(request):
        body = b"cbs-role" if request.path == Metadata.PATH else json.dumps(metadata.keys).encode()
        return Answer(200, {"Date": date}, body)

    metadata.misbehave = with_date
    place.start(CBSFS_METADATA_ENDPOINT=metadata.endpoint)
    asked = len(metadata.requests)
    assert_done(place.make("with-the-wrong-clock"))
    assert len(metadata.requests) == asked


# --- which files are taken ------------------------------------------------------------------------


class Start:
    """Starts cbsfs by hand."""

    def __init__(self, directory, endpoint):
        self.directory = str(directory)
        self.home = os.path.join(self.directory, "home")
        self.point = os.path.join(self.directory, "mnt")
        self.endpoint = endpoint
        os.makedirs(self.home)
        os.makedirs(self.point)

    def __call__(self, *options, timeout=20, **environment):
        return subprocess.run([CBSFS, "ap-guangzhou", self.point, "-o", ",".join([f"endpoint={self.endpoint}", *options])],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
                              env=clean_environment(self.home, self.directory, {**NO_KEYS, **environment}), check=False)

    def refused(self, child, *patterns):
        assert child.returncode == 1, (child.returncode, child.stderr)
        (line,) = child.stderr.splitlines()
        assert line.startswith("cbsfs: ") and "SECRETWORD" not in line, line
        for pattern in patterns:
            assert re.search(pattern, line), line
        assert mount_type(self.point) is None and find_process(self.point) is None

    def end(self):
        assert_done(run("fusermount3", "-u", self.point))
        wait_until(lambda: find_process(self.point) is None, 10, "the daemon's end")


@pytest.fixture
def begin(tmp_path, sim):
    yield Start(tmp_path, sim.endpoint)
    while mount_type(str(tmp_path / "mnt")):
        assert run("fusermount3", "-uz", str(tmp_path / "mnt")).status == 0


def file_of_mode(mode):
    return lambda path: os.chmod(path, mode)


def acl(path):
    """Another user may read it, by an access control list."""
    entries = [(0x01, 6, -1), (0x02, 4, 12345), (0x04, 0, -1), (0x10, 4, -1), (0x20, 0, -1)]
    packed = b"".join(tag.to_bytes(2, "little") + bits.to_bytes(2, "little") + (who & 0xffffffff).to_bytes(4, "little")
                      for tag, bits, who in entries)
    os.setxattr(path, "system.posix_acl_access", (2).to_bytes(4, "little") + packed)


def instead(make):
    def put(path):
        os.unlink(path)
        make(path)
    return put


def huge(path):
    with open(path, "ab") as file:
        file.truncate(1 << 34)


def symlink_to_readable(path):
    os.rename(path, path + ".target")
    os.chmod(path + ".target", 0o644)
    os.symlink(path + ".target", path)


def writable_directory(path):
    os.chmod(os.path.dirname(path), 0o777)


WRONG_FILES = {
    "0640": (file_of_mode(0o640), "mode 0640.*chmod 600"), "0604": (file_of_mode(0o604), "mode 0604.*chmod 600"),
    "0601": (file_of_mode(0o601), "mode 0601"), "acl": (acl, "may be used by others"),
    "of another user": (lambda path: os.chown(path, 12345, 12345), "belongs to another user"),
    "fifo": (instead(os.mkfifo), "regular file"), "directory": (instead(os.mkdir), "regular file"),
    "device": (instead(lambda path: os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5))), "regular file"),
    "socket": (instead(lambda path: socket.socket(socket.AF_UNIX).bind(path)), "cannot open|regular file"),
    "huge": (huge, "too large"), "symlink to one that others may read": (symlink_to_readable, "mode 0644"),
    "symlink to itself": (instead(lambda path: os.symlink(path, path)), "cannot open"),
    "in a directory that everybody may change": (writable_directory, "directory .*0777"),
}


@pytest.mark.parametrize("kind", WRONG_FILES)
@pytest.mark.parametrize("name, form", [(".tccli/default.credential", tccli), (".tencentcloud/credentials", ini)],
                         ids=["tccli", "sdk"])
def test_files_that_are_refused(begin, name, form, kind):
    """One clear line at once, exit 1, no mount; no other place steps in."""
    spoil, pattern = WRONG_FILES[kind]
    file = File(begin.home, name).write(form(SECRET_ID, SECRET_KEY))
    if kind == "acl":
        try:
            spoil(file.path)
        except OSError as error:
            assert error.errno == errno.EOPNOTSUPP
            pytest.skip("this file system has no access control lists")
    else:
        spoil(file.path)
    begin.refused(begin(timeout=10), re.escape(os.path.basename(name)), pattern)


def test_files_that_are_taken(begin):
    """A symbolic link to a private file, and a file that cannot be written."""
    file = File(begin.home).write(tccli(SECRET_ID, SECRET_KEY), 0o400)
    os.rename(file.path, file.path + ".target")
    os.symlink(file.path + ".target", file.path)
    child = begin()
    assert (child.returncode, child.stderr) == (0, "")
    begin.end()


@pytest.mark.parametrize("words, source", [
    ({"TCCLI_PROFILE": "work"}, "cbsfs:work@ap-guangzhou"), ({"TENCENTCLOUD_PROFILE": "work"}, "cbsfs:work@ap-guangzhou"),
    ({}, "cbsfs:ap-guangzhou"),
    # Keys in the environment are nobody's profile.
    ({"TCCLI_PROFILE": "work", "TENCENTCLOUD_SECRET_ID": SECRET_ID, "TENCENTCLOUD_SECRET_KEY": SECRET_KEY},
     "cbsfs:ap-guangzhou")])
def test_the_profile_s_name_in_the_list_of_mounts(begin, words, source):
    for profile in ("work", "default"):
        File(begin.home, f".tccli/{profile}.credential").write(tccli(SECRET_ID, SECRET_KEY))
    assert begin(**words).returncode == 0
    assert run("findmnt", "-n", "-o", "SOURCE", begin.point).out == source + "\n"
    with open(os.path.join(begin.point, ".cbsfs", "config"), encoding="utf-8") as file:
        assert f"\nprofile {'work' if 'work@' in source else ''}\n" in file.read()
    begin.end()


# --- whom it talks to -----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(begin, status):
    """The Authorization header goes nowhere else, not even to another port of this machine."""
    with Server(lambda _: Answer(200, {}, b"{}")) as thief:
        with Server(lambda _: Answer(status, {"Location": f"{thief.endpoint}/"}, b"")) as server:
            begin.endpoint = server.endpoint
            begin.refused(begin("timeout=2", TENCENTCLOUD_SECRET_ID="a", TENCENTCLOUD_SECRET_KEY="SECRETWORD"),
                          f"HTTP {status}")
            assert len(server.requests) == 1 and not thief.requests


TRICKS = ["http://127.0.0.1.evil.example", "http://localhost.evil.example", "http://localhost@evil.example",
          "http://127.0.0.1:80@evil.example", "http://[::ffff:8.8.8.8]", "http://134744072", "http://0x08080808",
          "http://8.8", "http://010.8.8.8", "HTTP://8.8.8.8", "hTTp://evil.example", "http://evil.example#127.0.0.1",
          "http://evil.example?127.0.0.1", "http://metadata.tencentyun.com", "http://0.0.0.0", "http://[::]"]


@pytest.mark.parametrize("place", ["option", "file", "tccli"])
def test_unencrypted_endpoints_elsewhere(begin, place):
    """http:// is for this machine only, wherever the endpoint is named."""
    for trick in TRICKS:
        begin.endpoint = trick
        command = [CBSFS, "ap-guangzhou", begin.point]
        if place == "option":
            command += ["-o", f"endpoint={trick}"]
        elif place == "file":
            File(begin.home, ".config/cbsfs/config").write(f"endpoint = {trick}\n")
        else:
            File(begin.home, ".tccli/default.configure").write(json.dumps({"cbs": {"endpoint": trick}}))
        child = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False,
                               env=clean_environment(begin.home, begin.directory))
        begin.refused(child, "endpoint")


def test_endpoints_of_this_machine(begin, sim):
    for endpoint in (f"HTTP://127.0.0.1:{sim.port}", f"http://LOCALHOST:{sim.port}", f"http://2130706433:{sim.port}"):
        begin.endpoint = endpoint
        child = begin(TENCENTCLOUD_SECRET_ID=SECRET_ID, TENCENTCLOUD_SECRET_KEY=SECRET_KEY,
                      http_proxy="http://127.0.0.1:1", ALL_PROXY="http://127.0.0.1:1")
        assert (child.returncode, child.stderr) == (0, ""), endpoint
        begin.end()
