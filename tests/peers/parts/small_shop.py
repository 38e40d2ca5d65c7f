"""A shop of its own for a peer's program: `hawker serve` in a folder, with one owner who is signed in."""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.parse

PROGRAM = os.environ.get("HAWKER_BIN") or str(pathlib.Path(__file__).parents[3] / "target" / "release" / "hawker")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Shop:
    """A running `hawker serve` with one shop in test mode, used as its owner."""

    def __init__(self, folder, name, settings):
        self.port = free_port()
        self.base = f"http://localhost:{self.port}"
        environment = {
            **os.environ,
            "HAWKER_DATA": str(folder),
            "HAWKER_LISTEN": f"127.0.0.1:{self.port}",
            "HAWKER_BASE_URL": self.base,
            **settings,
        }
        made = subprocess.run(
            [PROGRAM, "init", "--name", name, "--email", "kaethe@example.org", "--test-mode"],
            env=environment, capture_output=True, text=True, check=True,
        ).stdout
        self.key = re.search(r"pk_[\w-]+", made)[0]
        link = re.search(r"/studio/sign-in/\S+", made)[0]
        self.process = subprocess.Popen([PROGRAM, "serve"], env=environment, stderr=subprocess.DEVNULL)
        self.cookie = None
        deadline = time.monotonic() + 20
        while True:
            try:
                if self.call("GET", "/readyz")[0] == 200:
                    break
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise AssertionError("the server did not get ready")
            time.sleep(0.1)
        status, _, headers = self.call("POST", link, raw=b"", kind="application/x-www-form-urlencoded")
        if status not in (302, 303):
            raise AssertionError(f"the sign-in link answered {status}")
        self.cookie = headers["Set-Cookie"].split(";")[0]

    def call(self, method, path, body=None, key=None, raw=None, kind="application/json", more=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Host": f"localhost:{self.port}", "Sec-Fetch-Site": "same-origin", "Origin": self.base, **(more or {})}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        elif self.cookie:
            headers["Cookie"] = self.cookie
        data = raw
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = kind
        connection.request(method, path, data, headers)
        answer = connection.getresponse()
        text = answer.read()
        parsed = json.loads(text) if "json" in (answer.headers["Content-Type"] or "") else text
        return answer.status, parsed, answer.headers

    def good(self, *arguments, **more):
        status, answer, _ = self.call(*arguments, **more)
        if status >= 300:
            raise AssertionError(f"{arguments[:2]} answered {status}: {answer}")
        return answer

    def sell(self, title, buyer):
        """One file, paid by hand; answers the order."""
        product = self.good("POST", "/v1/products", {
            "title": title, "kind": "digital", "tax_category": "standard", "state": "active",
            "variants": [{"price": {"amount": 1250, "currency": "EUR"}}],
        })
        variant = product["variants"][0]["id"]
        self.good("PUT", f"/v1/variants/{variant}/stock", {"on_hand": 5})
        quote = self.good("GET", f"/v1/quotes?lines={urllib.parse.quote(variant)}:1&country=DE", key=self.key)
        checkout = self.good("PUT", "/v1/checkouts/chk_01jd3v8k2m7q9x4r5t6w8y0z1a", {
            "quote": quote["quote"], "contact": {"email": buyer}, "payment": {"method": "manual"},
        }, key=self.key)
        return checkout["order"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
