# SPDX-License-Identifier: Apache-2.0
"""Listings that move, lag, lie, or are no listings: what was known stays served, and the reason is told."""
import errno
import json
import os
import re
import socket
import threading
from datetime import timedelta

import pytest

from commands import SLOWER, assert_done, beijing, finish, now, run, start, wait_until
from tree import MANY_LINES, contents

pytestmark = pytest.mark.only("tencent")  # its servers and faults are in the words of API 3.0

# A disk and a snapshot for each field.
SIMULATOR = ("--create-time", "0.2", "--rate", "0", "--disks", "20", "--snapshots", "1")
OPTIONS = ("ttl=600", "allow_delete")

def errors(mount):
    return [json.loads(line) for line in mount.read(mount.path(".cbsfs", "errors")).splitlines()]


def stat(mount, key):
    return dict(line.split(" ", 1) for line in mount.read(mount.path(".cbsfs", "stats")).splitlines())[key]


def is_sanitized(mount):
    """A build, or valgrind, whose malloc gives nothing back."""
    with open(f"/proc/{mount.pid}/maps", encoding="utf-8") as maps:
        text = maps.read()
    return "asan" in text or "vgpreload_memcheck" in text


def resident(mount):
    """KiB of the daemon's memory."""
    with open(f"/proc/{mount.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))


@pytest.fixture(scope="module")
def sim(stage):
    return stage.simulator(*SIMULATOR)


@pytest.fixture(scope="module")
def before(mnt):
    """What is known, and is the truth: each test leaves the account as it was."""
    return still(contents(mnt))


def still(files):
    """What does not tell of failures."""
    return {path: text for path, text in files.items() if os.path.basename(path) != "error"}


def assert_recovered(mount, before):
    mount.simulator.faults()

    def answers():
        # A key that was refused is not tried again for a moment.
        mount.refresh()
        return mount.list("disks") and mount.list("snapshots") and stat(mount, "stale") == "0"

    wait_until(answers, 5, "the truth")
    names = [mount.path("snapshots", each) for each in mount.list("snapshots")]
    assert names == sorted(path for path in before if os.path.dirname(path) == mount.path("snapshots"))
    mount.list("disks")
    assert stat(mount, "stale") == "0"


# --- answers that are none ----------------------------------------------------------------------

EPROTO = "EPROTO"
ABSENT = {"__absent__": True}
MEMORY_KEPT = 12 * 1024  # KiB
GOOD = '{"Response":{"TotalCount":1,"SnapshotSet":[{"SnapshotId":"snap-wrong000","SnapshotName":"wrong"}]}}'
ANSWERS = {
    "half a body": {"body": GOOD[:60]},
    "empty": {},
    "no content": {"status": 204},
    "a page": {"type": "text/html", "body": "<html><h1>It works!</h1></html>"},
    "a login page elsewhere": {"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}, "body": GOOD},
    "forbidden by a proxy": {"status": 403, "type": "text/html", "body": "<html>no</html>"},
    "not found": {"status": 404, "body": GOOD},
    "byte order mark": {"hex": "efbbbf", "suffix": GOOD},
    "UTF-16": {"hex": GOOD.encode("utf-16").hex()},
    "UTF-32": {"hex": GOOD.encode("utf-32").hex()},
    "gzip that nobody asked for": {"hex": "1f8b0800000000000003", "suffix": "x"},
    "two documents": {"body": GOOD, "repeat": 2},
    "something behind": {"body": GOOD, "suffix": ";"},
    "NUL behind": {"hex": GOOD.encode().hex() + "00"},
    "only NULs": {"hex": "00", "repeat": 1000},
    "an array": {"body": "[" + GOOD + "]"},
    "a word": {"body": '"ok"'},
    "no response": {"body": "{}"},
    "response null": {"body": '{"Response":null}'},
    "response an array": {"body": '{"Response":[]}'},
    "response a word": {"body": '{"Response":"x"}'},
    "response twice": {"body": GOOD[:-1] + ',"Response":{}}'},
    "nothing in it": {"body": '{"Response":{"RequestId":"x"}}'},
    "list absent": {"edits": {"/Response/SnapshotSet": ABSENT}},
    "list null": {"edits": {"/Response/SnapshotSet": None}},
    "list a word": {"edits": {"/Response/SnapshotSet": "none"}},
    "list an object": {"edits": {"/Response/SnapshotSet": {}}},
    "list a word, total 0": {"edits": {"/Response/SnapshotSet": "none", "/Response/TotalCount": 0}},
    "an error that is a word": {"edits": {"/Response/Error": "bad"}},
    "an error that is a list": {"edits": {"/Response/Error": []}},
    "an error and data": {"errno": "EACCES", "edits": {
        "/Response/Error": {"Code": "UnauthorizedOperation", "Message": "no"}}},
    "an error without a code": {"errno": "EREMOTEIO", "edits": {"/Response/Error": {}}},
    "an error of odd types": {"errno": "EREMOTEIO", "edits": {"/Response/Error": {"Code": 7, "Message": [1]}}},
    "gateway, success": {"body": '{"code":0,"message":"","codeDesc":"Success"}'},
    "gateway, refusal": {"errno": "EKEYREJECTED", "body": '{"code":4104,"message":"(4104) SecretId not found",'
                                                          '"codeDesc":"SecretIdNotFound"}'},
    "gateway, unknown": {"errno": "EREMOTEIO", "body": '{"code":123456,"message":"?"}'},
    "gateway, odd types": {"body": '{"code":"x","message":{},"codeDesc":[]}'},
    "nested, closed": {"prefix": '{"Response":', "body": "[", "closing": "]", "repeat": 100000, "suffix": "}"},
    "nested, open": {"body": '{"a":', "repeat": 100000},
    "50 MB, one text": {"prefix": '{"Response":{"a":"', "body": "0123456789" * 100, "repeat": 50000, "suffix": '"}}'},
    "50 MB, records": {"prefix": '{"Response":{"TotalCount":1,"SnapshotSet":[', "body": '{"SnapshotId":"snap-1"},' * 100,
                       "repeat": 22000, "suffix": "{}]}}"},
    "50 MB, brackets": {"body": "[" * 1000, "repeat": 50000},
    "3 MB, numbers": {"prefix": '{"Response":{"a":[', "body": "1," * 500, "repeat": 3000, "suffix": "1]}}"},
    "3 MB, wrong at its end": {"prefix": '{"Response":{"a":[', "body": "1," * 500, "repeat": 3000, "suffix": "]}}"},
}


MANY = pytest.mark.without_valgrind("a million numbers take it longer than anybody waits for a listing")


@pytest.mark.parametrize("what", [pytest.param(what, marks=MANY if what.startswith("3 MB") else ()) for what in ANSWERS])
def test_an_answer_that_is_no_listing(mnt, sim, before, what):
    """The tree stays as it was, byte for byte; `errors` and `stats` tell; and it is forgotten afterwards."""
    fault = dict(ANSWERS[what])
    expected = fault.pop("errno", EPROTO)
    memory = resident(mnt)
    sim.fault("DescribeSnapshots", "edit" if "edits" in fault else "body", times=0, **fault)
    mnt.refresh()
    known = len(errors(mnt))
    assert assert_done(run("ls", "-A", mnt.path("snapshots"))).seconds < 3 * SLOWER
    assert still(contents(mnt)) == before
    entries = errors(mnt)[known:]
    assert entries and {(entry["errno"], entry["operation"]) for entry in entries} == {(expected, "look")}
    assert all(entry["message"].isprintable() and len(entry["message"]) < 512 for entry in entries)
    assert stat(mnt, "stale") == "1"
    assert_recovered(mnt, before)
    # What an answer took is given back, up to what malloc keeps for the next.
    assert is_sanitized(mnt) or resident(mnt) < memory + MEMORY_KEPT


@pytest.mark.core
@pytest.mark.parametrize("what", ["half a body", "a page", "50 MB, one text", "nested, open", "list absent"])
def test_an_answer_that_is_no_listing_to_a_cold_mount(own, sim, what):
    """With nothing known there is nothing to show but the reason; then the truth."""
    mount = own.mount(sim, "ttl=600")
    kind = "edit" if "edits" in ANSWERS[what] else "body"
    sim.fault("DescribeSnapshots", kind, times=0, **ANSWERS[what])
    result = run("ls", mount.path("snapshots"))
    assert result.status == 2 and os.strerror(errno.EPROTO) in result.err
    sim.faults()
    wait_until(lambda: run("ls", mount.path("snapshots")).status == 0, 5, "the truth")
    assert len(mount.list("snapshots")) == sim.stats()["snapshots"]


class Gateway:
    """A server that answers every request with the same bytes, whatever HTTP says about them."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.converse, args=(connection,), daemon=True).start()

    def converse(self, connection):
        with connection:
            connection.settimeout(5)
            try:
                connection.recv(65536)
                connection.sendall(self.answer)
                connection.shutdown(socket.SHUT_WR)
                connection.recv(65536)
            except OSError:
                pass

    def stop(self):
        self.listener.close()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BYTES = {
    "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "nothing": b"",
    "no such chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n0\r\n\r\n",
    "a huge chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx\r\n0\r\n\r\n",
    "chunks without end": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":",
    "shorter than it says": HEAD + b"Content-Length: 99999\r\n\r\n{}",
    "longer than it says": HEAD + b"Content-Length: 1\r\n\r\n" + GOOD.encode(),
    "a negative length": HEAD + b"Content-Length: -5\r\n\r\n{}",
    "a length that is none": HEAD + b"Content-Length: many\r\n\r\n{}",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a length beyond measure": HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "50 MB promised": HEAD + b"Content-Length: 50000000\r\n\r\n{}",
    "endless headers": HEAD + b"".join(b"X-%d: %s\r\n" % (i, b"y" * 1000) for i in range(600)) + b"\r\n{}",
    "one long header": HEAD + b"X: " + b"y" * 400000 + b"\r\n\r\n{}",
    "odd headers": HEAD + b"Date: \x1b[31m\xff\r\nRetry-After: -99999999999999999999\r\nX-TC-RequestId: \x80\r\n"
                          b"\xff\xfe: \0\r\nContent-Length: 2\r\n\r\n{}",
    "a hundred and one": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "many continues": b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + HEAD + b"Content-Length: 2\r\n\r\n{}",
    "status 999": b"HTTP/1.1 999 What\r\nContent-Length: 2\r\n\r\n{}",
    "HTTP/9": b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("what", BYTES)
def test_what_is_no_http(own, sim, what):
    """Whatever bytes come, a mount ends its question in time with an errno of the contract, and lives."""
    gateway = Gateway(BYTES[what])
    try:
        mount = own.mount(sim, "ttl=1", "timeout=1", "lazy", endpoint=gateway.endpoint)
        result = run("ls", mount.path("snapshots"))
        # libcurl has no memory for a header of 400 kB.
        allowed = (errno.EPROTO, errno.ETIMEDOUT, errno.EREMOTEIO, errno.ENOMEM)
        assert result.status == 2 and result.seconds < 3 * SLOWER
        assert any(os.strerror(number) in result.err for number in allowed), result.err
        entry = errors(mount)[-1]
        assert entry["message"].isprintable() and entry["path"] == "snapshots"
        assert mount.is_running() and assert_done(run("cat", mount.path("README")))
        assert "\x1b" not in mount.stderr()
    finally:
        gateway.stop()


# --- fields -------------------------------------------------------------------------------------

DRY = {"rollback", "copy_to", "new_disk"}
SNAPSHOT_FIELDS = {
    # field: the files that may say something else then
    "SnapshotName": {"name"}, "SnapshotState": {"status", "state", "percent", "latest"} | DRY,
    "Percent": {"status", "percent"}, "CreateTime": set(), "DeadlineTime": {"expires"}, "IsPermanent": {"expires"},
    "DiskSize": {"size"} | DRY, "DiskUsage": {"usage"} | DRY, "DiskId": set(), "SnapshotType": {"type"} | DRY,
    "Encrypt": {"encrypted"}, "Images": {"images"}, "ImageCount": set(), "Placement": {"zone"},
    "TimeStartShare": set(), "SomethingNew": set(),
}
DISK_FIELDS = {
    "DiskName": {"name"}, "DiskState": {"state", "attached", "rollback_percent"}, "DiskSize": {"size"},
    "DiskUsage": {"usage"}, "DiskType": {"type"}, "Placement": {"zone", "project"}, "InstanceId": {"instance"},
    "CreateTime": set(), "DeadlineTime": {"expires"}, "Rollbacking": set(), "RollbackPercent": {"rollback_percent"},
    "Encrypt": {"encrypted"}, "Attached": {"attached"}, "Portable": {"portable"},
    "SnapshotAbility": {"snapshot_ability"}, "SnapshotCount": {"snapshot_count"}, "DiskChargeType": {"charge_type"},
    "Tags": set(), "SomethingNew": set(),
}
VALUES = {
    "absent": ABSENT, "null": None, "number": 7, "negative": -1, "huge": 1e308, "text": "Ωdd text", "empty": "",
    "list": [], "object": {}, "objects": [{"ImageId": None}, None], "true": True, "digits": "-99999999999999999999",
}
TEXTS = ("text", "empty", "digits")
LINE = re.compile(r"[^\x00-\x1f\x7f]*\n\Z")


def check_files(files):
    """Values are one line, JSON is JSON, whatever the cloud said."""
    for path, text in files.items():
        if not text.endswith("\n") or os.path.basename(path) in MANY_LINES:
            continue
        if path.endswith(".json"):
            json.loads(text)
        else:
            assert LINE.match(text), (path, text)


def oldest_first(before, table):
    """Ids in the order of the cloud's pages."""
    records = [json.loads(text)["raw"] for path, text in before.items()
               if path.endswith({"DiskId": "/disk.json", "SnapshotId": "/snapshot.json"}[table])]
    return [record[table] for record in sorted(records, key=lambda each: (each["CreateTime"], each[table]))]


def owner(path):
    """The disk and the snapshot that a path is about."""
    disk = re.search("/disks/(disk-[^/]*)", path)
    return disk.group(1) if disk else ""


def changes(before, after):
    """What reads otherwise now, or is there no more: path and the name of the file."""
    assert set(after) <= set(before)
    return [(path, os.path.basename(path)) for path in before
            if before[path] != after.get(path) and not path.endswith(".json")]


def field_edits(which, fields, value):
    return {f"/Response/{which}/{i}/{field}": VALUES[value] for i, field in enumerate(fields)}


@pytest.mark.parametrize("value", VALUES)
def test_a_snapshots_fields_of_any_type(mnt, sim, before, value):
    """Another field of each record is spoilt: names stay, and so does every other value."""
    disks = {owner(before[mnt.path("snapshots", each)]): field
             for each, field in zip(oldest_first(before, "SnapshotId"), SNAPSHOT_FIELDS)}
    fields = [field for field in SNAPSHOT_FIELDS if field != "SnapshotName" or value not in TEXTS]
    sim.fault("DescribeSnapshots", "edit", times=0, edits={
        edit: to for edit, to in field_edits("SnapshotSet", SNAPSHOT_FIELDS, value).items()
        if edit.rpartition("/")[2] in fields})
    mnt.refresh()
    after = still(contents(mnt))
    check_files(after)
    for path, name in changes(before, after):
        field = disks[owner(path)]
        assert name in SNAPSHOT_FIELDS[field], (path, field, before[path], after.get(path))
    sim.faults()
    mnt.refresh()
    assert still(contents(mnt)) == before


@pytest.mark.parametrize("value", VALUES)
def test_a_disks_fields_of_any_type(mnt, sim, before, value):
    fields = dict(zip(oldest_first(before, "DiskId"), DISK_FIELDS))
    sim.fault("DescribeDisks", "edit", times=0, edits=field_edits("DiskSet", DISK_FIELDS, value))
    mnt.refresh()
    after = still(contents(mnt))
    check_files(after)
    for path, name in changes(before, after):
        assert name in DISK_FIELDS[fields[owner(path)]] | DRY, (path, before[path], after.get(path))
    sim.faults()
    mnt.refresh()
    assert still(contents(mnt)) == before


# --- records without a usable id ----------------------------------------------------------------

IDS = {
    "absent": ABSENT, "null": None, "number": 7, "list": [], "object": {}, "empty": "", "slash": "snap/x", "up": "../../etc",
    "dots": "..", "newline": "snap-1\n", "escape": "snap-\x1b[31m", "NUL inside": "snap-1234\0x/..", "percent": "%2e%2e",
    "option": "-rf", "letters": "snäp-1234", "long": "s" * 65, "very long": "s" * 1000000, "command": "$(reboot)",
}


@pytest.mark.parametrize("identifier", IDS)
def test_a_record_without_a_usable_id(mnt, sim, before, identifier):
    """It cannot be shown; but nothing vanishes by it, what else is new is shown, and the reason is told."""
    value = IDS[identifier]
    new = sim.add_snapshot(mnt.list("disks")[0], "new")
    sim.fault("DescribeSnapshots", "edit", times=0, edits={"/Response/SnapshotSet/3/SnapshotId": value})
    mnt.refresh()
    with sim.counting() as count:
        assert len(mnt.list("snapshots")) == sim.stats()["snapshots"]
    assert count.total <= 2, count.requests
    after = still(contents(mnt))
    assert set(before) <= set(after) and new in mnt.list("snapshots")
    check_files(after)
    entry = errors(mnt)[-1]
    assert entry["errno"] == EPROTO and "without a usable id" in entry["message"]
    assert stat(mnt, "stale") == "1"
    sim.patch(remove=[new])
    assert_recovered(mnt, before)


def test_one_bad_record_among_a_hundred_on_a_cold_mount(own):
    """The others are there; whether another name is, nobody can say."""
    sim = own.simulator("--disks", "1", "--snapshots", "100", "--rate", "0")
    sim.fault("DescribeSnapshots", "edit", times=0, edits={"/Response/SnapshotSet/50/SnapshotId": None})
    mount = own.mount(sim, "ttl=600", "timeout=3")
    result = run("test", "-e", mount.path("snapshots", "snap-nothere0"))
    assert result.status == 1
    assert len(mount.list("snapshots")) == 99
    assert errors(mount)[-1]["errno"] == EPROTO
    sim.faults()
    mount.refresh()
    assert len(mount.list("snapshots")) == 100


@pytest.mark.parametrize("edit", [{"/Response/SnapshotSet/0/SnapshotId": None}, {"/Response": []}], ids=str)
def test_progress_that_cannot_be_read(mnt, sim, edit):
    """Whoever waits goes on waiting, and what is in progress does not vanish."""
    disk = mnt.list("disks")[1]
    snapshot = sim.add_snapshot(disk, name := f"underway{len(edit)}{'SnapshotSet' in str(edit)}", SnapshotState="CREATING", Percent=7)
    path = mnt.snapshot(disk, snapshot)
    mnt.show(path)
    waiter = start("cat", os.path.join(path, "wait"))
    sim.fault("DescribeSnapshots", "edit", times=0, edits=edit)
    polls = sim.requests("DescribeSnapshots")
    wait_until(lambda: sim.requests("DescribeSnapshots") > polls, 10, "a poll")
    assert run("cat", os.path.join(path, "status")).out == "CREATING 7\n"
    assert name in mnt.snapshots(disk)
    sim.faults()
    sim.patch(snapshots={snapshot: {"SnapshotState": "NORMAL", "Percent": 100}})
    assert finish(waiter, 15).out == "NORMAL 100\n"
    sim.patch(remove=[snapshot])


# --- pages that move, totals that lie -----------------------------------------------------------

PAGES = 3


@pytest.fixture(scope="module")
def large(stage):
    """A mount of an account with some full pages and one that is half full."""
    simulator = stage.simulator("--disks", "5", "--snapshots", "44", "--rate", "0")
    disk = simulator.add_disk()
    records = [simulator.snapshot_record(disk, f"s{i:04d}") for i in range(30)]
    simulator.patch(snapshots={record["SnapshotId"]: record for record in records})
    mount = stage.mount(simulator, "ttl=600")
    mount.list("disks")
    mount.ids = listed(mount)
    assert len(mount.ids) == simulator.stats()["snapshots"] == 250
    return mount


def listed(mount):
    """Ids as the mount shows them, oldest first; nothing twice, and each in its disk as well."""
    found = []
    for disk in mount.list("disks"):
        found += json.loads(mount.read(mount.disk(disk, "snapshots.json")))
    mount.times = {record["id"]: record["raw"]["CreateTime"] for record in found}
    ids = [record["id"] for record in sorted(found, key=lambda each: (each["created"], each["id"]))]
    assert len(ids) == len(set(ids)) and sorted(ids) == sorted(mount.list("snapshots"))
    assert len({(record["disk"], record["entry"]) for record in found}) == len(found)
    return ids


MOVES = {
    "one leaves": lambda ids, at, sim: {"remove": [ids[at // 2]]},
    "the last of the page before leaves": lambda ids, at, sim: {"remove": [ids[max(at - 1, 0)]]},
    "the first of the page leaves": lambda ids, at, sim: {"remove": [ids[at]]},
    "several leave": lambda ids, at, sim: {"remove": ids[at // 2:at // 2 + 3]},
    "one comes": lambda ids, at, sim: {"snapshots": younger(sim)},
    "one leaves and one comes": lambda ids, at, sim: {"remove": [ids[at // 2]], "snapshots": younger(sim)},
    "one is renamed": lambda ids, at, sim: {"snapshots": {ids[at]: {"SnapshotName": f"renamed-{at}"}}},
}


def younger(sim):
    record = sim.snapshot_record("disk-t0000001", "younger", CreateTime=beijing(now() + timedelta(seconds=1)))
    return {record["SnapshotId"]: record}


@pytest.mark.parametrize("move", MOVES)
def test_pages_that_move(large, move):
    """The account changes just before a page is read, each page in turn."""
    sim = large.simulator
    for page in range(PAGES):
        patch = MOVES[move](large.ids, 100 * page, sim)
        gone, come = set(patch.get("remove", ())), set(patch.get("snapshots", ()))
        sim.fault("DescribeSnapshots", "patch", where={"Offset": 100 * page}, patch=patch)
        large.refresh()
        shown = large.list("snapshots")
        assert set(large.ids) - gone <= set(shown), "nothing lost"
        assert set(shown) <= set(large.ids) | come, "nothing invented"
        put_back(large, gone, come - set(large.ids))
        large.refresh()
        assert large.list("snapshots") == sorted(large.ids), "nothing twice, and the truth in the end"
    assert sorted(listed(large)) == sorted(large.ids)


def put_back(mount, gone, come):
    """In the old places of those who left, so that pages are as they were."""
    sim = mount.simulator
    sim.patch(remove=list(come), snapshots={each: sim.snapshot_record(
        "disk-t0000001", "again", SnapshotId=each, CreateTime=mount.times[each]) for each in gone})


@pytest.mark.core
def test_pages_that_move_each_time_they_are_read(large):
    """One leaves before each page, three times over: those that stay are never missed."""
    sim = large.simulator
    leavers = [large.ids[(7 * i) % 90] for i in range(6)]
    sim.faults(*[{"action": "DescribeSnapshots", "kind": "patch", "where": {"Offset": offset},
                  "patch": {"remove": [leavers[2 * turn + offset // 100 - 1]]}}
                 for turn in range(3) for offset in (100, 200)])
    large.refresh()
    assert set(large.ids) - set(leavers) <= set(large.list("snapshots"))
    sim.faults()
    put_back(large, leavers, ())
    large.refresh()
    assert sorted(listed(large)) == sorted(large.ids)


def test_a_record_on_two_pages(large):
    """The second page begins with one of the first, in the place of another: neither is lost."""
    sim, ids = large.simulator, large.ids
    one = json.loads(large.read(large.path("snapshots", ids[10], "snapshot.json")))["raw"]
    sim.fault("DescribeSnapshots", "edit", where={"Offset": 100}, times=0, edits={"/Response/SnapshotSet/0": one})
    large.refresh()
    assert large.list("snapshots") == sorted(ids)
    sim.fault("DescribeSnapshots", "edit", where={"Offset": 0}, times=0, edits={
        "/Response/SnapshotSet/-": {"__copy__": "/Response/SnapshotSet/0"},
        "/Response/SnapshotSet/7": {"__copy__": "/Response/SnapshotSet/8"}})
    large.refresh()
    assert listed(large) == ids
    sim.faults()
    large.refresh()
    assert listed(large) == ids and stat(large, "stale") == "0"


TOTALS = {"a few more": 255, "a page more": 350, "on an edge, more": 300, "a few less": 245, "much less": 17, "0": 0,
          "on an edge": 200, "on the first edge": 100, "negative": -1, "far too many": 10**15, "beyond 64 bits": 1e300,
          "a number as text": "250", "a text": "many", "null": None, "absent": ABSENT, "a list": [250]}


@pytest.mark.parametrize("total", TOTALS)
def test_totals_that_lie(large, total):
    """Whatever it says there are: those that are there are shown, and none that was known vanishes."""
    sim = large.simulator
    number = TOTALS[total]
    sim.fault("DescribeSnapshots", "edit", times=0, edits={"/Response/TotalCount": number})
    known = len(errors(large))
    large.refresh()
    with sim.counting() as count:
        assert large.list("snapshots") == sorted(large.ids)
    promises_more = isinstance(number, (int, float)) and 250 < number < 2**63
    assert count.requests["DescribeSnapshots"] <= 2 * (PAGES + (16 if promises_more else 1)), count.requests
    assert [entry["errno"] for entry in errors(large)[known:]] == [EPROTO] * promises_more
    assert stat(large, "stale") == str(int(promises_more))
    sim.faults()
    large.refresh()
    assert sorted(listed(large)) == sorted(large.ids) and stat(large, "stale") == "0"


@pytest.mark.parametrize("total", [200, 17, 0, ABSENT], ids=str)
def test_totals_that_lie_to_a_cold_mount(own, large, total):
    sim = large.simulator
    mount = own.mount(sim, "ttl=600")
    mount.list("disks")
    sim.fault("DescribeSnapshots", "edit", times=0, edits={"/Response/TotalCount": total})
    assert len(mount.list("snapshots")) == sim.stats()["snapshots"]


# --- listings that lag --------------------------------------------------------------------------

FLAPS = [kind for _ in range(6) for kind in ({"kind": "stale"}, {"kind": "delay", "ms": 0})]


def test_listings_that_flap(own):
    """Every other answer is from before: what was made, renamed and deleted here stays so."""
    sim = own.simulator("--create-time", "0", "--rate", "0")
    mount = own.mount(sim, "ttl=600", "timeout=5", "allow_delete")
    disk = sim.add_disk()
    sim.add_snapshot(disk, "old")
    sim.add_snapshot(disk, "unwanted")
    mount.show(mount.snapshot(disk, "unwanted"))
    sim.faults(*[{"action": "DescribeSnapshots", **kind} for kind in FLAPS])
    assert_done(run("mkdir", mount.snapshot(disk, "made")))
    assert_done(run("mv", mount.snapshot(disk, "old"), mount.snapshot(disk, "new")))
    assert_done(run("rmdir", mount.snapshot(disk, "unwanted")))
    for _ in FLAPS:
        mount.refresh()
        assert mount.snapshots(disk) == ["made", "new"]
    assert sim.requests("DescribeSnapshots") >= len(FLAPS)
    sim.faults()
    mount.refresh()
    assert mount.snapshots(disk) == ["made", "new"]
