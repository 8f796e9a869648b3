# SPDX-License-Identifier: Apache-2.0
"""What comes from the cloud breaks no path, no terminal, no JSON file and no line, whatever it is."""
import json
import os
import re
from urllib.parse import unquote

import pytest

from commands import assert_done, run, shell
from harness import CBSFS, clean_environment
from tree import MANY_LINES, contents

pytestmark = pytest.mark.only("tencent")  # its servers and faults are in the words of API 3.0

SIMULATOR = ("--create-time", "0.2", "--rate", "0", "--disks", "1", "--snapshots", "1")
OPTIONS = ("ttl=600", "timeout=3", "allow_delete")

# Orders to a terminal or to whoever lays out a line; nobody may see one of them, but as an escape.
HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
                    "\ufff9-\ufffb]")
VALUES = {
    "colour": "\x1b[31mred", "title": "\x1b]0;owned\x07", "answer back": "\x1b[c\x05", "bell": "\x07\x08",
    "lines": "one\ntwo\r\nthree", "carriage return": "good\rbad", "tab": "a\tb", "NUL": "a\0b", "DEL": "a\x7fb",
    "C1": "a\x9b31mb\x85\x90", "override": "a\u202egnp.exe", "isolates": "\u2066a\u2069\u2067", "marks": "\u200e\u200fa\u061c",
    "no width": "night\u200bly", "byte order": "\ufeffnightly", "separators": "a\u2028b\u2029c", "dash": "-rf",
    "blanks": "  two  words  ", "percent": "%41%2f%00", "slash": "/etc/passwd", "up": "..", "up and away": "../../../x",
    "dot": ".", "quotes": "\"'`", "JSON": '","id":"snap-other000","x":"', "backslash": "a\\nb\\", "emoji": "👨‍👩‍👧🏴",
    "command": "$(reboot);`reboot`|reboot&", "format": "%s%n%1000000d", "mark-up": "<script>&amp;", "combining": "e" + "\u0301" * 50,
    "a line of errors": '{"errno":"EPERM"}\n{"errno":"EIO"}', "key and value": "x\nstale 0\nbreaker open",
    "long": "x" * 100000, "long and wide": "每" * 30000, "beyond the planes": "\U0010fffe\ufffe",
}
SNAPSHOT_TEXTS = ("SnapshotName", "SnapshotState", "DiskUsage", "SnapshotType", "CreateTime", "DeadlineTime", "Percent")
DISK_TEXTS = ("DiskName", "DiskState", "DiskUsage", "DiskType", "InstanceId", "DiskChargeType", "DeadlineTime")


@pytest.fixture(scope="module")
def sim(stage):
    return stage.simulator(*SIMULATOR)


def assert_harmless(found):
    """No hidden character anywhere but ends of lines, values on one line, JSON that is JSON."""
    for path, text in found.items():
        assert not HIDDEN.search(path), ascii(path)
        assert not HIDDEN.search(text.replace("\n", "")), (path, ascii(text[:300]))
        name = os.path.basename(path)
        if path.endswith(".json"):
            json.loads(text)
        elif text.endswith("\n") and "/.cbsfs/" not in path and name not in MANY_LINES:
            assert text.count("\n") == 1, (path, ascii(text[:300]))


def kept(value):
    """A name as the catalogue keeps it: up to a NUL, and up to 4096 bytes."""
    return value.partition("\0")[0].encode()[:4096].decode(errors="ignore")


@pytest.mark.parametrize("what", VALUES)
def test_a_value_in_every_field(mnt, sim, what):
    """A disk and a snapshot, each field of which is the value."""
    value = VALUES[what]
    key = value[:50].replace("\0", "")
    (disk,) = mnt.list("disks")
    sim.patch(disks={disk: {field: value for field in DISK_TEXTS} | {
                  "Attached": True, "Placement": {"Zone": value, "ProjectName": value},
                  "Tags": [{"Key": value, "Value": value}], key: value}},
              snapshots={"snap-hostile0": {field: value for field in SNAPSHOT_TEXTS} | {
                  "DiskId": disk, "Placement": {"Zone": value}, "Images": [{"ImageId": value}, {"ImageId": "img-good0000"}],
                  key: value}})
    mnt.refresh()
    found = contents(mnt, "disks", "snapshots", ".cbsfs")
    assert_harmless(found)
    (entry,) = [each for each in mnt.snapshots(disk) if "hostile" in mnt.value(mnt.snapshot(disk, each, "id"))]
    name = kept(value)
    assert len(entry.encode()) <= 255 and "/" not in entry and entry not in (".", "..")
    if len(name) < 80:
        assert unquote(entry) == name
    documents = [mnt.snapshot(disk, entry, "snapshot.json"), mnt.disk(disk, "disk.json"), mnt.disk(disk, "snapshots.json")]
    assert_done(run("jq", "-e", ".", *documents))
    record = json.loads(mnt.read(documents[0]))
    images = [value] * bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", value)) + ["img-good0000"]
    assert record["name"] == name and record["images"] == images
    assert record["raw"] is None or record["raw"]["SnapshotName"] == value
    assert json.loads(mnt.read(documents[1]))["name"] == name
    assert mnt.read(mnt.snapshot(disk, entry, "images")).splitlines() == images
    word, percent = mnt.value(mnt.snapshot(disk, entry, "status")).split(" ")
    assert re.fullmatch(r"[!-~]{1,31}", word) and percent.isdigit()
    assert found[mnt.path("snapshots", "snap-hostile0")] == f"../disks/{disk}/snapshots/{entry}"


@pytest.mark.parametrize("what", VALUES)
def test_a_refusal_in_such_words(mnt, sim, what):
    """Code, message and RequestId of an error: in `error`, `errors`, `jobs`, `stats`, the dry run and the log."""
    value = VALUES[what]
    disk = mnt.list("disks")[0]
    snapshot = [each for each in mnt.list("snapshots") if each != "snap-hostile0"][0]
    logged = len(mnt.stderr().splitlines())
    known = len(mnt.read(mnt.path(".cbsfs", "errors")).splitlines())
    sim.faults(*[{"action": action, "kind": "edit", "edits": {"/Response": {
        "RequestId": value, "Error": {"Code": "InvalidParameter." + value, "Message": value}}}}
                 for action in ("CreateSnapshot", "ApplySnapshot")])
    assert run("mkdir", mnt.snapshot(disk, "refused")).status == 1
    assert shell('echo 1 > "$1"', mnt.path("snapshots", snapshot, "rollback")).status == 1
    places = [mnt.disk(disk, "error"), mnt.path("snapshots", snapshot, "error"),
              mnt.path("snapshots", snapshot, "rollback"), mnt.path(".cbsfs", "stats")]
    for path in places:
        assert not HIDDEN.search(mnt.read(path).replace("\n", "")), path
    error = mnt.read(mnt.disk(disk, "error"))
    assert [line.partition(":")[0] for line in error.splitlines()] == [
        "time", "path", "operation", "errno", "code", "message", "request_id"]
    for name in ("errors", "jobs"):
        for line in mnt.read(mnt.path(".cbsfs", name)).split("\n")[:-1]:
            assert isinstance(json.loads(line), dict) and not HIDDEN.search(line), ascii(line)
    assert len(mnt.read(mnt.path(".cbsfs", "errors")).splitlines()) == min(known + 2, 1024)
    keys = [line.split(" ", 1)[0] for line in mnt.read(mnt.path(".cbsfs", "stats")).splitlines()]
    assert len(keys) == len(set(keys))
    lines = mnt.stderr().splitlines()[logged:]
    # Of one kind the log has 20 lines a minute, two for each of these.
    assert len(lines) == 2 or (len(lines) < 2 and list(VALUES).index(what) >= 10)
    assert all(line.startswith("cbsfs: ") and not HIDDEN.search(line) for line in lines)


@pytest.mark.parametrize("what", ["colour", "lines", "C1", "override", "NUL", "a line of errors", "long", "format"])
def test_check_in_such_words(own, tmp_path, what):
    """`cbsfs --check` and a mount that is refused: one line for each, nothing hidden in it."""
    sim = own.simulator()
    sim.fault("*", "edit", times=0, edits={"/Response": {
        "RequestId": VALUES[what], "Error": {"Code": "UnauthorizedOperation." + VALUES[what], "Message": VALUES[what]}}})
    environment = clean_environment(str(tmp_path), str(tmp_path), {"LC_ALL": None})
    checked = run(CBSFS, "--check", "ap-guangzhou", "-o", f"endpoint={sim.endpoint}", env=environment)
    assert checked.status == 1
    lines = (checked.out + checked.err).splitlines()
    assert any("DescribeDisks" in line for line in lines) and not any(HIDDEN.search(line) for line in lines)
    assert len([line for line in lines if "FAIL" in line or "failed" in line]) == 3, lines
    mounted = run(CBSFS, "ap-guangzhou", str(tmp_path), "-o", f"endpoint={sim.endpoint}", env=environment)
    assert mounted.status == 1 and len(mounted.err.splitlines()) == 1 and not HIDDEN.search(mounted.err[:-1])


RAW = {
    "half a pair": b"a\\ud800b", "the other half": b"\\udc00", "halves in the wrong order": b"\\udc00\\ud800",
    "a NUL": b"a\\u0000b", "no UTF-8": b"a\xff\xfeb", "cut": b"\xe6\xaf", "overlong": b"\xc0\xaf..", "a coded half": b"\xed\xa0\x80",
    "C1 without UTF-8": b"a\x9b31mb", "a bare line end": b"a\nb", "a bare escape": b"\x1b[31m",
}


@pytest.mark.parametrize("what", RAW)
def test_a_name_that_is_no_text(mnt, sim, what):
    """Such a name does not make the others unreadable, nor itself dangerous."""
    mnt.refresh()
    snapshots = mnt.list("snapshots")
    records = [json.loads(mnt.read(mnt.path("snapshots", each, "snapshot.json")))["raw"] for each in snapshots]
    records = [record for record in records if record is not None and record["SnapshotId"] != "snap-hostile0"]
    records += [{**records[0], "SnapshotId": "snap-notext00", "SnapshotName": "PLACE", "DiskSize": "NUMBER"}]
    answer = json.dumps({"Response": {"TotalCount": len(records), "SnapshotSet": records, "RequestId": "x"}}).encode()
    answer = answer.replace(b"PLACE", RAW[what]).replace(b'"NUMBER"', b"99999999999999999999")
    sim.fault("DescribeSnapshots", "body", times=0, hex=answer.hex())
    mnt.refresh()
    assert "snap-notext00" in mnt.list("snapshots") and len(mnt.list("snapshots")) == len(records)
    found = contents(mnt, "disks", "snapshots", ".cbsfs")
    assert_harmless(found)
    assert found[mnt.path("snapshots", "snap-notext00")].startswith("../disks/")
    assert mnt.value(mnt.path("snapshots", "snap-notext00", "size")) == ""
