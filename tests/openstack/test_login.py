# SPDX-License-Identifier: Apache-2.0
"""Ways to log in to a real Keystone."""
import pytest

from commands import assert_done, run
from peer import OPTIONS, Peer, make
from proxy import Proxy

pytestmark = pytest.mark.core


def test_an_application_credential(cloud, own, account, peer, disk):
    made = account.direct.keystone("POST", f"/users/{account.user_id}/application_credentials", {
        "application_credential": {"name": "for a mount", "secret": "of the mount"}})["application_credential"]
    variables = {**dict.fromkeys(("OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME", "OS_USER_DOMAIN_NAME",
                                  "OS_PROJECT_DOMAIN_NAME")), "OS_AUTH_TYPE": "v3applicationcredential",
                 "OS_APPLICATION_CREDENTIAL_ID": made["id"], "OS_APPLICATION_CREDENTIAL_SECRET": "of the mount"}
    mount = own.mount(account, *OPTIONS, environment=variables)
    make(mount, disk, "by credential")
    assert set(peer.snapshots()) == {"by credential"}
    same = Peer(account, **{name: value for name, value in variables.items() if value})
    same.variables = {name: value for name, value in same.variables.items() if variables.get(name, value)}
    assert set(same.snapshots()) == {"by credential"}


def test_a_private_authority(cloud, own, account, disk):
    """Both services are https with a certificate that only OS_CACERT vouches for."""
    certificate = [cloud.place("tls", name) for name in ("server.crt", "server.key")]
    storage, identity = (Proxy(cloud.url(name), cloud.authority, certificate)
                         for name in ("block-storage", "identity"))
    try:
        cloud.add_region("tls", storage.url, identity.url + "/v3")
        variables = {"OS_AUTH_URL": identity.url + "/v3", "OS_REGION_NAME": "tls",
                     "OS_CACERT": cloud.place("tls", "ca.crt")}
        mount = own.mount(account, *OPTIONS, source="tls", environment=variables)
        make(mount, disk, "over tls")
        assert set(Peer(account, **variables).snapshots()) == {"over tls"}
        assert storage.changes["CreateSnapshot"] == 1 and identity.requests["CreateToken"] >= 1
        with pytest.raises(AssertionError, match="(?i)certificate"):
            own.mount(account, *OPTIONS, source="tls", environment={**variables, "OS_CACERT": "/etc/ssl/certs/ca-certificates.crt"})
        own.daemons.pop()
    finally:
        storage.close()
        identity.close()


def test_a_wrong_password(own, account):
    with pytest.raises(AssertionError, match="(?i)password|credential|refuse|authentication"):
        own.mount(account, *OPTIONS, environment={"OS_PASSWORD": "not it"})
    own.daemons.pop()
    assert account.door.requests["CreateToken"] == 1, "once, as accounts get locked"



def test_a_token_that_is_refused_is_renewed(account, mnt, disk):
    """By Cinder, before its time: one new token, and the change once more.  Not within a second of the last log-in."""
    make(mnt, disk, "before")
    account.proxy.fail({"kind": "status", "status": 401, "actions": ["CreateSnapshot"], "body": {"error": {
        "code": 401, "title": "Unauthorized", "message": "The request you have made requires authentication."}}})
    logins = account.door.requests["CreateToken"]
    with account.counting() as count:
        assert_done(run("mkdir", mnt.snapshot(disk, "new")))
    assert account.door.requests["CreateToken"] == logins + 1
    assert count.requests["CreateSnapshot"] == 2 and count.executed["CreateSnapshot"] == 1
