# SPDX-License-Identifier: Apache-2.0
"""Faults that say what the answer is: "body", "edit" and "patch"; and "where", for which requests."""

import json

import pytest

DISK = "disk-omp7wl2m"


@pytest.fixture
def client(new):
    return new("--rate", 0)


def listed(client, **parameters):
    return client.call("DescribeSnapshots", {"Limit": 100, **parameters})


@pytest.mark.parametrize("fault, status, content_type, body", [
    ({"body": "word"}, 200, "application/json", b"word"),
    ({}, 200, "application/json", b""),
    ({"status": 404, "type": "text/plain", "body": "x"}, 404, "text/plain", b"x"),
    ({"status": 204}, 204, "application/json", b""),
    ({"hex": "fffe00"}, 200, "application/json", b"\xff\xfe\0"),
    ({"prefix": "<", "body": "ab", "repeat": 3, "suffix": ">"}, 200, "application/json", b"<ababab>"),
    ({"body": "[", "closing": "]", "repeat": 4}, 200, "application/json", b"[[[[]]]]"),
    ({"body": "x", "repeat": 0}, 200, "application/json", b""),
])
def test_a_body_as_it_was_written(client, fault, status, content_type, body):
    client.faults({"kind": "body", **fault})
    answer = client.exchange("DescribeSnapshots")
    assert (answer[0], answer[1]["Content-Type"], answer[2]) == (status, content_type, body)
    assert listed(client)["TotalCount"], "once only"


def test_a_large_body(client):
    client.faults({"kind": "body", "prefix": '{"a":"', "body": "0123456789abcdef", "repeat": 1 << 20, "suffix": '"}'})
    assert len(json.loads(client.exchange("DescribeSnapshots")[2])["a"]) == 16 << 20


def test_headers_take_the_place_of_the_simulators(client):
    client.faults({"kind": "body", "headers": {"Date": "yesterday", "Retry-After": "7", "X-Mine": "1"}})
    headers = client.exchange("DescribeSnapshots")[1]
    assert (headers["Date"], headers["Retry-After"], headers["X-Mine"]) == ("yesterday", "7", "1")
    assert headers["Server"] == "nginx"


@pytest.mark.parametrize("after", [False, True])
def test_a_body_and_whether_it_was_done(client, after):
    client.faults({"kind": "body", "action": "CreateSnapshot", "after": after})
    client.exchange("CreateSnapshot", {"DiskId": DISK})
    assert client.stats()["changes"].get("CreateSnapshot", 0) == after


@pytest.mark.parametrize("edits, look, expected", [
    ({"/Response/TotalCount": 7}, lambda r: r["TotalCount"], 7),
    ({"/Response/TotalCount": {"__absent__": True}}, lambda r: "TotalCount" in r, False),
    ({"/Response/SnapshotSet/0/SnapshotName": None}, lambda r: r["SnapshotSet"][0]["SnapshotName"], None),
    ({"/Response/SnapshotSet/*/Percent": "1"}, lambda r: {s["Percent"] for s in r["SnapshotSet"]}, {"1"}),
    ({"/Response/SnapshotSet/1": {"__absent__": True}}, lambda r: len(r["SnapshotSet"]), 10),
    ({"/Response/SnapshotSet/-": {"__copy__": "/Response/SnapshotSet/0"}},
     lambda r: r["SnapshotSet"][0] == r["SnapshotSet"][-1] and len(r["SnapshotSet"]), 12),
    ({"/Response/SnapshotSet/*": 1}, lambda r: set(r["SnapshotSet"]), {1}),
    ({"/Response/Placed/x": 1, "/Response/New~1a~0": 2}, lambda r: (r["New/a~"], "Placed" in r), (2, False)),
    ({"/Response/SnapshotSet": [], "/Response/Other": {"__copy__": "/Nowhere"}},
     lambda r: (r["SnapshotSet"], "Other" in r), ([], False)),
])
def test_an_edited_answer(client, edits, look, expected):
    client.faults({"kind": "edit", "action": "DescribeSnapshots", "edits": edits})
    assert look(json.loads(client.exchange("DescribeSnapshots", {"Limit": 100})[2])["Response"]) == expected
    assert listed(client)["TotalCount"] == 11 and len(listed(client)["SnapshotSet"]) == 11


def test_an_edit_of_the_whole(client):
    client.faults({"kind": "edit", "edits": {"/Response": {"__absent__": True}}})
    assert json.loads(client.exchange("DescribeSnapshots")[2]) == {}


def test_the_account_changes_before_a_request(client):
    first = listed(client)["SnapshotSet"][0]["SnapshotId"]
    client.faults({"kind": "patch", "action": "DescribeSnapshots", "skip": 1,
                   "patch": {"remove": [first], "snapshots": {"snap-made0000": {"DiskId": DISK}}}})
    assert first in [s["SnapshotId"] for s in listed(client)["SnapshotSet"]]
    ids = [s["SnapshotId"] for s in listed(client)["SnapshotSet"]]
    assert first not in ids and "snap-made0000" in ids


def test_where(client):
    """Only requests with these parameters are matched, and only they are counted."""
    client.faults({"kind": "edit", "where": {"Offset": 3, "Limit": 2}, "skip": 1, "edits": {"/Response/TotalCount": 0}})
    totals = [listed(client, Limit=2, Offset=offset)["TotalCount"] for offset in (3, 0, 1, 3, 3)]
    assert totals == [11, 11, 11, 0, 11]


@pytest.mark.parametrize("fault, reason", [
    ({"kind": "edit"}, "edits"), ({"kind": "edit", "edits": {"Response": 1}}, "pointer"),
    ({"kind": "body", "hex": "f"}, "hex"), ({"kind": "body", "hex": "zz"}, "hex"),
    ({"kind": "body", "body": "x", "repeat": -1}, "repeat"),
    ({"kind": "body", "body": "x", "repeat": 1 << 40}, "repeat"),
])
def test_faults_that_make_no_sense(client, fault, reason):
    status, _, body = client.send("POST", "/_sim/faults", json.dumps({"faults": [{"kind": "html"}, fault]}).encode())
    assert status == 400 and reason in json.loads(body)["error"]
    assert listed(client)
