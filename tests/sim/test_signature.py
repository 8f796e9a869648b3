# SPDX-License-Identifier: Apache-2.0
"""What the simulator accepts as a signature, and what it refuses, as the API documents it."""

import json
import time

import pytest
from tc3 import ApiError

# The worked examples of the API's reference: at this time, with this key, the official SDK sent these.
VECTOR_TIME = 1700000000
VECTOR_ENVIRONMENT = {
    "CBSFS_SIM_SECRET_ID": "AKIDcbsfsEXAMPLE0000000000000000000",
    "CBSFS_SIM_SECRET_KEY": "cbsfsExampleSecretKey000000000000",
}
JSON = "application/json"
LIST = b'{"Limit":20,"Offset":0}'
VECTORS = {
    "post": ("DescribeSnapshots", LIST, "", JSON, "content-type;host", {},
             "c7cda30b96145449d825bab4ed20f19934053ad4912bee3874c3fa151df02c07"),
    "utf-8": ("CreateSnapshot",
              '{"DiskId":"disk-lzrg2pwi","SnapshotName":"每日-daily"}'.encode(), "", JSON,
              "content-type;host", {},
              "4b3c83ce0fe4e067298709dad2b8bd212721fa4b5580129dac0079526849fe51"),
    "action-signed": ("DescribeSnapshots", LIST, "", "application/json; charset=utf-8",
                      "content-type;host;x-tc-action", {},
                      "5896d7199709c48bd843b233acc14b6af6e93ada686f391e2c7183503ddc77a3"),
    "get": ("DescribeSnapshots", None,
            "Filters.0.Name=snapshot-name&Filters.0.Values.0=a%20b%2Bc%2Fd&Limit=1",
            "application/x-www-form-urlencoded", "content-type;host", {},
            "06dd2b280ff1f75cf9481ad9d8eb5d447e5d289b04a673c029cc9e104135dafa"),
    "empty": ("DescribeSnapshots", b"{}", "", JSON, "content-type;host", {},
              "84698fe777dbb00618bcf07d0f68e331357e9d9aad0b370c4587c1a3575ff798"),
    "unsigned-payload": ("DescribeSnapshots", LIST, "", JSON, "content-type;host",
                         {"X-TC-Content-SHA256": "UNSIGNED-PAYLOAD"},
                         "046694bd745f7518f19426dc900f6b04ca9a07117ecca42a11d7cf71b4fbbda3"),
}


@pytest.fixture(scope="module")
def frozen():
    from tc3 import Simulator

    with Simulator(environment=VECTOR_ENVIRONMENT) as client:
        client.faults({"kind": "clock", "seconds": VECTOR_TIME - int(time.time())})
        yield client


def send_vector(client, vector, signature=None, body=None):
    action, payload, query, content_type, names, extra, expected = vector
    secret_id = VECTOR_ENVIRONMENT["CBSFS_SIM_SECRET_ID"]
    headers = {
        "Host": "cbs.tencentcloudapi.com", "Content-Type": content_type, "X-TC-Action": action,
        "X-TC-Version": "2017-03-12", "X-TC-Region": "ap-guangzhou",
        "X-TC-Timestamp": str(VECTOR_TIME), **extra,
        "Authorization": f"TC3-HMAC-SHA256 Credential={secret_id}/2023-11-14/cbs/tc3_request, "
                         f"SignedHeaders={names}, Signature={signature or expected}",
    }
    method = "GET" if payload is None else "POST"
    path = "/?" + query if query else "/"
    return client.answer(client.send(method, path, body or payload, headers)[2])


@pytest.mark.parametrize("name", VECTORS)
def test_worked_examples_are_accepted(frozen, name):
    try:
        assert send_vector(frozen, VECTORS[name])["RequestId"]
    except ApiError as error:
        # The example's disk does not exist, which is only said to those who signed well.
        assert (name, error.code) == ("utf-8", "InvalidDiskId.NotFound")


@pytest.mark.parametrize("name", VECTORS)
def test_worked_examples_with_one_wrong_digit_are_refused(frozen, name):
    signature = VECTORS[name][-1]
    wrong = signature[:-1] + ("0" if signature[-1] != "0" else "1")
    with pytest.raises(ApiError) as refused:
        send_vector(frozen, VECTORS[name], wrong)
    assert refused.value.code == "AuthFailure.SignatureFailure"


def test_the_body_is_covered_unless_unsigned(frozen):
    other = b'{"Limit":21,"Offset":0}'
    with pytest.raises(ApiError) as refused:
        send_vector(frozen, VECTORS["post"], body=other)
    assert refused.value.code == "AuthFailure.SignatureFailure"
    assert "SnapshotSet" in send_vector(frozen, VECTORS["unsigned-payload"], body=other)


def code_of(client, headers, payload=b"{}"):
    """The error code of a request with these headers, "" for success."""
    headers = {name: value for name, value in headers.items() if value is not None}
    _, _, body = client.send("POST", "/", payload, headers)
    return json.loads(body)["Response"].get("Error", {}).get("Code", "")


@pytest.mark.parametrize("seconds, code", [
    (-290, ""), (290, ""),
    (-310, "AuthFailure.SignatureExpire"), (310, "AuthFailure.SignatureExpire"),
])
def test_five_minutes_of_skew(client, seconds, code):
    headers = client.headers("DescribeDisks", b"{}", timestamp=int(time.time()) + seconds)
    assert code_of(client, headers) == code


def test_the_scope_has_the_utc_date_of_the_timestamp(client):
    headers = client.headers("DescribeDisks", b"{}", date="2020-01-01")
    assert code_of(client, headers) == "AuthFailure.SignatureFailure"


@pytest.mark.parametrize("changes", [
    {"host": "127.0.0.1"},  # the Node SDK signs the host without its port
    {"service": "127"},  # and takes the first label of the host for the service
    {"content_type": "application/json; charset=utf-8"},
    {"extra": [("x-tc-action", "describedisks")]},
    {"extra": [("x-tc-action", "DescribeDisks")]},
    {"extra": [("x-tc-version", "2017-03-12"), ("x-tc-region", "ap-guangzhou")]},
])
def test_what_the_sdks_do_differently(client, changes):
    assert code_of(client, client.headers("DescribeDisks", b"{}", **changes)) == ""


@pytest.mark.parametrize("changes", [
    {"host": "cbs.tencentcloudapi.com"},
    {"extra": [("x-tc-action", "describesnapshots")]},
    {"extra": [("x-absent", "value")]},
])
def test_signing_something_else_is_refused(client, changes):
    headers = client.headers("DescribeDisks", b"{}", **changes)
    assert code_of(client, headers) == "AuthFailure.SignatureFailure"


@pytest.mark.parametrize("name, value, code", [
    ("Authorization", None, "AuthFailure.InvalidAuthorization"),
    ("Authorization", "", "AuthFailure.InvalidAuthorization"),
    ("Authorization", "Bearer x", "AuthFailure.InvalidAuthorization"),
    ("Authorization", "TC3-HMAC-SHA256 Credential=a/b/c/tc3_request", "AuthFailure.InvalidAuthorization"),
    ("X-TC-Timestamp", None, "MissingParameter"),
    ("X-TC-Timestamp", "now", "InvalidParameterValue"),
    ("X-TC-Timestamp", "99999999999999999999999", "InvalidParameterValue"),
    ("X-TC-Timestamp", "9999999999999", "AuthFailure.SignatureExpire"),
    ("Content-Type", "text/plain", "AuthFailure.SignatureFailure"),
])
def test_a_header_that_is_missing_or_odd(client, name, value, code):
    headers = client.headers("DescribeDisks", b"{}")
    headers[name] = value
    assert code_of(client, headers) == code


@pytest.mark.parametrize("old, new, code", [
    ("TC3-HMAC-SHA256", "TC3-HMAC-SHA1", "AuthFailure.InvalidAuthorization"),
    ("/tc3_request", "/aws4_request", "AuthFailure.InvalidAuthorization"),
    ("Signature=", "Signature=0", "AuthFailure.InvalidAuthorization"),
    ("Signature=", "Sig=", "AuthFailure.InvalidAuthorization"),
    ("content-type;host", "host;content-type", "AuthFailure.SignatureFailure"),
    ("content-type;host", "content-type", "AuthFailure.SignatureFailure"),
    ("content-type;host", "content-type;host;host", "AuthFailure.SignatureFailure"),
    ("content-type;host", "Content-Type;Host", "AuthFailure.SignatureFailure"),
    ("AKIDSIMULATOR", "AKIDSOMEONE", "AuthFailure.SecretIdNotFound"),
])
def test_an_authorization_that_was_tampered_with(client, old, new, code):
    headers = client.headers("DescribeDisks", b"{}")
    assert old in headers["Authorization"]
    headers["Authorization"] = headers["Authorization"].replace(old, new, 1)
    assert code_of(client, headers) == code


def test_what_must_be_signed_must_be_signed(client):
    """A signature that is right for what it covers, but leaves the host out."""
    import tc3

    timestamp = int(time.time())
    canonical = f"POST\n/\n\ncontent-type:application/json\n\ncontent-type\n{tc3.sha256(b'{}')}"
    date = time.strftime("%Y-%m-%d", time.gmtime(timestamp))
    key = b"TC3simulator"
    text = (f"TC3-HMAC-SHA256\n{timestamp}\n{date}/cbs/tc3_request\n"
            f"{tc3.sha256(canonical.encode())}")
    for part in (date, "cbs", "tc3_request", text):
        key = tc3.hmac.new(key, part.encode(), "sha256").digest()
    headers = client.headers("DescribeDisks", b"{}", timestamp=timestamp)
    headers["Authorization"] = (
        f"TC3-HMAC-SHA256 Credential=AKIDSIMULATOR/{date}/cbs/tc3_request, "
        f"SignedHeaders=content-type, Signature={key.hex()}")
    assert code_of(client, headers) == "AuthFailure.SignatureFailure"


def test_another_key_is_refused_in_the_real_words(client):
    headers = client.headers("DescribeDisks", b"{}")
    client.secret_key = "wrong"
    try:
        with pytest.raises(ApiError) as refused:
            client.call("DescribeDisks")
    finally:
        client.secret_key = "simulator"
    assert refused.value.code == "AuthFailure.SignatureFailure"
    assert refused.value.message == ("The provided credentials could not be validated. "
                                     "Please check your signature is correct.")
    assert code_of(client, headers) == ""


def test_a_token_when_one_is_asked_for(new):
    client = new("--token", "session")
    for token, code in ((None, "AuthFailure.TokenFailure"), ("other", "AuthFailure.TokenFailure"),
                        ("session", "")):
        client.token = token
        assert code_of(client, client.headers("DescribeDisks", b"{}")) == code


def test_credentials_from_the_environment(new):
    client = new(environment=VECTOR_ENVIRONMENT)
    with pytest.raises(ApiError, match="SecretIdNotFound"):
        client.call("DescribeDisks")
    client.secret_id = VECTOR_ENVIRONMENT["CBSFS_SIM_SECRET_ID"]
    client.secret_key = VECTOR_ENVIRONMENT["CBSFS_SIM_SECRET_KEY"]
    assert client.call("DescribeDisks")["TotalCount"] > 0
