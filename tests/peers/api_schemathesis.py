"""Schemathesis, which nobody here wrote, reads the API's description and asks the running server things nobody here thought of.

Starts `hawker demo` in a folder of its own, asks with a secret key that may do everything, and counts one per operation and way of asking.
Prints `N passed, N failed`.
"""

import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).parent
PROGRAM = os.environ.get("HAWKER_BIN") or str(HERE.parents[1] / "target" / "release" / "hawker")
SCOPES = [f"{area}:write" for area in ("catalog", "clips", "orders", "money", "audience", "settings")]


class Demo:
    """A running demo shop, used with its owner's session until there is a key."""

    def __init__(self, folder):
        environment = {**os.environ, "HAWKER_RATE_LIMITS": "false"}
        command = [PROGRAM, "--data", folder / "data", "demo", "--listen", "127.0.0.1:0"]
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        said = ""
        for line in self.process.stdout:
            said += line
            if "Ctrl-C ends" in line:
                break
        self.port = int(re.search(r"http://localhost:(\d+)", said)[1])
        self.base = f"http://localhost:{self.port}"
        _, headers = self.call("POST", re.search(r"/studio/sign-in/\S+", said)[0], kind="application/x-www-form-urlencoded")
        self.session = {"Cookie": headers["Set-Cookie"].split(";")[0]}
        self.key = self.call("POST", "/v1/keys", {"kind": "secret", "name": "Schemathesis", "scopes": SCOPES}, self.session)[0]["secret"]

    def call(self, method, path, body=None, headers=None, kind="application/json"):
        connection = http.client.HTTPConnection("localhost", self.port, timeout=10)
        own = {"Origin": self.base, "Sec-Fetch-Site": "same-origin", "Content-Type": kind, **(headers or {})}
        connection.request(method, path, json.dumps(body) if body else None, own)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise AssertionError(f"{method} {path} answered {answer.status}: {text}")
        return (json.loads(text) if "json" in (answer.headers["Content-Type"] or "") else text), answer.headers

    def with_key(self, method, path, body=None):
        return self.call(method, path, body, {"Authorization": f"Bearer {self.key}"})[0]

    def ids(self):
        """Ids that exist, by what they name: made-up ids meet a 404 and nothing behind it."""
        products = self.with_key("GET", "/v1/products")["data"]
        clips = self.with_key("GET", "/v1/clips")["data"]
        order = self.buy(next(v["id"] for p in products for v in p["variants"] if v["sku"] == "LI-ZINE-01"))
        return {
            "clip": [clip["id"] for clip in clips[:2]],
            "anchor": [clips[0]["anchors"][0]["id"]] if clips[0].get("anchors") else [],
            "product": [product["id"] for product in products[:2]],
            "variant": [products[0]["variants"][0]["id"]],
            "contract": [self.with_key("GET", "/v1/contracts")["data"][0]["id"]],
            "order": [order["id"]],
            "currency": ["EUR"],
            "processor": ["sandbox"],
        }

    def buy(self, variant):
        quote = self.with_key("GET", f"/v1/quotes?lines={variant}:1&country=DE")
        body = {
            "quote": quote["quote"], "contact": {"email": "jo@example.org"}, "payment": {"method": "card", "token": "tok_visa"},
            "address": {"name": "Jo Example", "line1": "Rosenweg 3", "postal_code": "10115", "city": "Berlin", "country": "DE"},
        }
        return self.with_key("PUT", "/v1/checkouts/chk_01jd3v8k2m7q9x4r5t6w8y0z1a", body)["order"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def configuration(ids):
    """The fixed part, and the ids of this shop: seven of ten requests name something that exists."""
    lines = [(HERE / "parts" / "schemathesis.toml").read_text(), "[dictionaries]"]
    lines += [f"{name} = {{ values = {json.dumps(values)} }}" for name, values in ids.items() if values]
    lines.append("[parameters]")
    lines += [f'"path.{name}" = {{ dictionary = "{name}", probability = 0.7 }}' for name, values in ids.items() if values]
    return "\n".join(lines) + "\n"


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        demo = Demo(folder)
        try:
            config, report = folder / "schemathesis.toml", folder / "report.xml"
            config.write_text(configuration(demo.ids()))
            run = subprocess.run(
                [sys.executable, "-m", "schemathesis.cli", "--config-file", config, "run", f"{demo.base}/openapi.json", "--report-junit-path", report],
                cwd=folder, env={**os.environ, "HAWKER_KEY": demo.key, "PYTHONPATH": str(HERE / "parts")}, stdout=subprocess.PIPE, text=True,
            )
            totals = xml.etree.ElementTree.parse(report).getroot()
            cases, broken = int(totals.get("tests")), int(totals.get("failures")) + int(totals.get("errors"))
        finally:
            demo.stop()
        if run.returncode or broken:
            print(run.stdout, *[line for line in demo.log.read_text().splitlines() if "ERROR" in line], sep="\n")
    # A run that broke off, or that found next to no operations, has shown nothing.
    if not broken and (run.returncode or cases < 50):
        broken = 1
    print(f"{cases - broken} passed, {broken} failed")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
