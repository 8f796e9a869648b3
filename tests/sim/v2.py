# SPDX-License-Identifier: Apache-2.0
"""A client of the legacy API v2.  Standard library only, and signed here on its own (see tc3.py)."""
import base64
import hashlib
import hmac
import json
import random
import time
import urllib.parse

FORM = "application/x-www-form-urlencoded"


def sign(secret_key, method, host, parameters):
    """The value of `Signature` for parameters as text."""
    text = f"{method}{host}/v2/index.php?" + "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
    digest = hashlib.sha256 if parameters.get("SignatureMethod") == "HmacSHA256" else hashlib.sha1
    return base64.b64encode(hmac.new(secret_key.encode(), text.encode(), digest).digest()).decode()


def parameters_of(action, parameters, region, secret_id):
    """Flat, as text: lists become name.0, name.1."""
    flat = {"Action": action, "Region": region, "Timestamp": int(time.time()),
            "Nonce": random.randrange(1, 1 << 31), "SecretId": secret_id}
    for name, value in parameters.items():
        if isinstance(value, list):
            flat.update((f"{name}.{index}", member) for index, member in enumerate(value))
        elif value is None:
            flat.pop(name)
        else:
            flat[name] = value
    return {name: str(value) for name, value in flat.items()}


def exchange(client, action, parameters=None, method="POST", secret_key=None, body_changes=None):
    """One signed request: (status, what the answer holds). `body_changes` are made after signing."""
    host = f"127.0.0.1:{client.port}"
    flat = parameters_of(action, parameters or {}, client.region, client.secret_id)
    flat["Signature"] = sign(secret_key or client.secret_key, method, host, flat)
    flat.update(body_changes or {})
    encoded = urllib.parse.urlencode(flat)
    if method == "GET":
        status, _, body = client.send("GET", "/v2/index.php?" + encoded)
    else:
        status, _, body = client.send("POST", "/v2/index.php", encoded.encode(), {"Content-Type": FORM})
    return status, json.loads(body)


def call(client, action, parameters=None, **changes):
    return exchange(client, action, parameters, **changes)[1]
