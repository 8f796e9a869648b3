# SPDX-License-Identifier: Apache-2.0
"""Who is let into the simulator's EVS: tokens of its identity service, and signed requests."""
import calendar
import json
import time

import pytest

import evs

DISK = evs.uuid("disk-omp7wl2m")
ATTACHED = evs.uuid("disk-7m2x9ufb")
SNAPSHOT = evs.uuid("snap-0jfkjwl1")


def disk_status(door):
    return door.ask(f"/cloudvolumes/{DISK}")["volume"]["status"]


# --- tokens ------------------------------------------------------------------------------


def test_a_token_says_where_the_volumes_are(client):
    status, headers, answer = evs.login(client)
    said = answer["token"]
    assert status == 201 and len(headers["X-Subject-Token"]) > 1000
    assert said["project"]["name"] == "ap-guangzhou" and said["project"]["id"] == evs.project()
    urls = {entry["type"]: entry["endpoints"] for entry in said["catalog"]}
    for kind, version in (("volumev2", "v2"), ("volumev3", "v3")):
        assert [(end["url"], end["interface"], end["region_id"]) for end in urls[kind]] == [
            (f"http://127.0.0.1:{client.port}/{version}/{evs.project()}", "public", "ap-guangzhou")]
    ends = calendar.timegm(time.strptime(said["expires_at"][:19], "%Y-%m-%dT%H:%M:%S"))
    assert abs(ends - time.time() - 86400) < 60 and said["expires_at"].endswith("Z")


def test_the_urls_have_the_host_that_was_asked(client):
    body = json.dumps(evs.login_body(scope={"project": {"id": evs.project()}})).encode()
    answer = evs.exchange(client, "POST", "/v3/auth/tokens", body, {"Host": "iam.example.org:8443"})[2]
    assert {entry["endpoints"][0]["url"] for entry in answer["token"]["catalog"]} == {
        f"http://iam.example.org:8443/{path}" for path in ("v3", f"v2/{evs.project()}", f"v3/{evs.project()}")}


SCOPE = {"project": {"name": "ap-guangzhou"}}
KEYSTONE = {"error": {"code": 401, "message": "The request you have made requires authentication.",
                      "title": "Unauthorized"}}


@pytest.mark.parametrize("body", [
    evs.login_body(password="wrong", scope=SCOPE), evs.login_body(name="nobody", scope=SCOPE),
    evs.login_body(scope={"project": {"name": "nowhere"}}), evs.login_body(scope={"project": {"id": "0" * 32}}),
    {"auth": {"identity": {"methods": ["token"], "token": {"id": "nonsense"}}, "scope": SCOPE}}])
def test_who_is_not_known(client, body):
    status, headers, answer = evs.login(client, body)
    assert (status, answer) == (401, KEYSTONE) and headers["WWW-Authenticate"].startswith("Keystone uri=")


@pytest.mark.parametrize("body", [b"{nope", b"[]", {}, {"auth": {}}, {"auth": {"identity": {}}}])
def test_what_is_no_login(client, body):
    status, _, answer = evs.login(client, body)
    assert status == 400 and (answer["error"]["code"], answer["error"]["title"]) == (400, "Bad Request")


def test_a_token_buys_a_token(client):
    body = {"auth": {"identity": {"methods": ["token"], "token": {"id": evs.token(client)}}, "scope": SCOPE}}
    assert evs.login(client, body)[0] == 201


def test_without_a_project(client):
    status, headers, answer = evs.login(client, evs.login_body())
    assert status == 201 and "catalog" not in answer["token"] and "project" not in answer["token"]
    status, _, answer = evs.exchange(client, "GET", f"/v2/{evs.project()}/cloudvolumes/detail", None,
                                     {"X-Auth-Token": headers["X-Subject-Token"]})
    assert (status, answer["error"]["code"]) == (403, "EVS.0003")


def test_the_catalogue_can_be_left_out(client):
    assert "catalog" not in evs.login(client, path="/v3/auth/tokens?nocatalog")[2]["token"]


def test_tokens_end(new):
    client = new("--token-life", "0.6", "--rate", "0")
    door = evs.Door(client)
    assert disk_status(door) == "available"
    refused = client.wait_for(lambda: (answer := door.call("GET", f"/cloudvolumes/{DISK}"))[0] != 200 and answer)
    assert (refused[0], refused[1]["error_code"]) == (401, "APIGW.0301") and set(refused[1]) == {
        "error_msg", "error_code", "request_id"}
    door.token = None
    assert disk_status(door) == "available"


def test_a_login_is_no_change(new):
    client = new()
    evs.token(client)
    assert client.stats()["requests"] == {"CreateToken": 1} and client.stats()["changes"] == {}
    assert "simulator" not in json.dumps(client.control("GET", "log"))


def test_projects_by_name(client):
    door = evs.Door(client, signed=True)
    path = "/v3/projects?name=ap-guangzhou"
    status, _, answer = evs.exchange(client, "GET", path, None, door.headers("GET", path, b""))
    assert status == 200 and [each["id"] for each in answer["projects"]] == [evs.project()]
    assert evs.exchange(client, "GET", path)[0] == 401


# --- signatures --------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"X-Auth-Token": "nonsense"}, {"X-Auth-Token": "MIIsim.0.9999999999999.0.00"},
                                     {"Authorization": "SDK-HMAC-SHA256 nonsense"}])
def test_nobody_is_let_in(client, headers):
    status, answer_headers, answer = evs.exchange(client, "GET", f"/v3/{evs.project()}/volumes", None, headers)
    assert (status, answer["error_code"]) == (401, "APIGW.0301")
    assert answer["request_id"] == answer_headers["X-Request-Id"]


@pytest.mark.parametrize("base", ["/v2", "/v3"])
def test_a_signature_is_as_good_as_a_token(client, base):
    by_token, signed = evs.Door(client, base), evs.Door(client, base, signed=True)
    for path in ("/snapshots/detail?limit=3", "/snapshots/detail?name=caf%C3%A9%201%2F2&limit=1", "/volumes/detail?limit="
                 "2&marker=" + ATTACHED, f"/snapshots/{SNAPSHOT}"):
        assert by_token.ask(path) == signed.ask(path)


def offset(seconds):
    return lambda: {"X-Sdk-Date": evs.stamp(time.time() + seconds)}


@pytest.mark.parametrize("changes, status, code", [
    ({}, 200, None), (offset(-840), 200, None), (offset(840), 200, None),
    (offset(-960), 401, "APIGW.0303"), (offset(960), 401, "APIGW.0303"),
    ({"X-Sdk-Date": None}, 401, "APIGW.0301"), ({"X-Sdk-Date": "20261121"}, 401, "APIGW.0301"),
    ({"X-Project-Id": None}, 400, "EVS.0001"), ({"X-Project-Id": "0" * 32}, 400, "EVS.0001"),
])
def test_stamps_and_projects(client, changes, status, code):
    door = evs.Door(client, signed=True)
    got, answer = door.call("GET", "/cloudvolumes/detail", **(changes() if callable(changes) else changes))
    assert got == status, answer
    assert code in (None, answer.get("error_code"), answer.get("error", {}).get("code"))


def spoil_path(sent):
    sent["path"] += "?limit=1"


def spoil_body(sent):
    sent["body"] = sent["body"].replace(b"made", b"nade")


def spoil_header(sent):
    sent["headers"]["Content-Type"] = "text/plain"


def spoil_secret(sent):
    sent["headers"]["Authorization"] = sent["headers"]["Authorization"][:-1] + "x"


def spoil_access(sent):
    sent["headers"]["Authorization"] = sent["headers"]["Authorization"].replace("AKID", "BKID")


def drop_signed_header(sent):
    del sent["headers"]["X-Project-Id"]


def declare_another_body(sent):
    sent["headers"]["X-Sdk-Content-Sha256"] = "0" * 64


@pytest.mark.parametrize("spoil", [spoil_path, spoil_body, spoil_header, spoil_secret, spoil_access, drop_signed_header,
                                   declare_another_body])
def test_what_was_changed_after_signing(client, spoil):
    door = evs.Door(client, signed=True)
    body = json.dumps({"snapshot": {"volume_id": DISK, "name": "made"}}).encode()
    sent = {"path": f"/v2/{evs.project()}/cloudsnapshots", "body": body}
    sent["headers"] = door.headers("POST", sent["path"], body)
    spoil(sent)
    status, _, answer = evs.exchange(client, "POST", sent["path"], sent["body"], sent["headers"])
    assert (status, answer["error_code"]) == (401, "APIGW.0301")


def test_temporary_keys_bring_their_token(new):
    door = evs.Door(new("--token", "abc"), signed=True)
    assert door.call("GET", "/cloudvolumes/detail")[0] == 401
    assert door.call("GET", "/cloudvolumes/detail", **{"X-Security-Token": "abc"})[0] == 200


def test_each_region_is_a_project(new):
    client = new("--region", "eu-de,eu-nl")
    for region, disks in (("eu-de", 4), ("eu-nl", 0)):
        client.region = region
        door = evs.Door(client)
        assert door.ask("/cloudvolumes/detail")["count"] == disks
    other = f"/v2/{evs.project('eu-de')}/cloudvolumes/detail"
    status, _, answer = evs.exchange(client, "GET", other, None, {"X-Auth-Token": door.token})
    assert (status, answer["error"]["code"]) == (400, "EVS.0001")
