"""A mail server that nobody here wrote takes the receipt: aiosmtpd parses what `hawker serve` sends, byte for byte as it came.

Makes an empty shop in a folder of its own, sells one file through the API, and reads the letter. The mail server is away first, so the
letter has to wait for it. Prints `N passed, N failed`.
"""

import email
import email.policy
import http.client
import json
import os
import pathlib
import queue
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

from aiosmtpd.controller import Controller

PROGRAM = os.environ.get("HAWKER_BIN") or str(pathlib.Path(__file__).parents[2] / "target" / "release" / "hawker")
BUYER = "jo@example.org"
WAIT_SECONDS = 150


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Box:
    """What the mail server does with a letter: the first one is put off, as a busy server does; the rest are kept."""

    def __init__(self):
        self.letters = queue.Queue()
        self.tries = []

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.tries.append(message["Message-ID"])
        if len(self.tries) == 1:
            return "451 4.3.0 busy, try again"
        self.letters.put((envelope, message))
        return "250 2.0.0 taken"


class Shop:
    """A running `hawker serve` with one shop, used as its owner."""

    def __init__(self, folder, mail_port):
        self.port = free_port()
        self.base = f"http://localhost:{self.port}"
        environment = {
            **os.environ,
            "HAWKER_DATA": str(folder),
            "HAWKER_LISTEN": f"127.0.0.1:{self.port}",
            "HAWKER_BASE_URL": self.base,
            "HAWKER_MAIL_SMTP": f"smtp://127.0.0.1:{mail_port}",
            "HAWKER_MAIL_FROM": "Käthe's Kiln <kiln@shop.example>",
        }
        made = subprocess.run(
            [PROGRAM, "init", "--name", "Käthe's Kiln", "--email", "kaethe@example.org", "--test-mode"],
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

    def call(self, method, path, body=None, key=None, raw=None, kind="application/json"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Host": f"localhost:{self.port}", "Sec-Fetch-Site": "same-origin", "Origin": self.base}
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

    def sell(self):
        """One file, paid by hand; answers the order."""
        product = self.good("POST", "/v1/products", {
            "title": "Glaze recipes <vol. 1> & notes", "kind": "digital", "tax_category": "standard", "state": "active",
            "variants": [{"price": {"amount": 1250, "currency": "EUR"}}],
        })
        variant = product["variants"][0]["id"]
        self.good("PUT", f"/v1/variants/{variant}/stock", {"on_hand": 5})
        quote = self.good("GET", f"/v1/quotes?lines={urllib.parse.quote(variant)}:1&country=DE", key=self.key)
        checkout = self.good("PUT", "/v1/checkouts/chk_01jd3v8k2m7q9x4r5t6w8y0z1a", {
            "quote": quote["quote"], "contact": {"email": BUYER}, "payment": {"method": "manual"},
        }, key=self.key)
        return checkout["order"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def main():
    passed = failed = 0

    def check(what, holds):
        nonlocal passed, failed
        passed, failed = (passed + 1, failed) if holds else (passed, failed + 1)
        if not holds:
            print(f"failed: {what}")

    box = Box()
    server = Controller(box, hostname="127.0.0.1", port=free_port())
    server.start()
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(folder, server.port)
        try:
            order = shop.sell()
            # The first try was put off for a minute.
            envelope, message = box.letters.get(timeout=WAIT_SECONDS)
            text = message.get_body(("plain",)).get_content()
            html = message.get_body(("html",)).get_content()
            check("the envelope goes to the buyer", envelope.rcpt_tos == [BUYER] and message["To"].addresses[0].addr_spec == BUYER)
            check("it comes from the shop's sender", message["From"].addresses[0].display_name == "Käthe's Kiln")
            check("it names the order", order["number"] in message["Subject"] and order["number"] in text)
            check("it is machine-made", message["Auto-Submitted"] == "auto-generated")
            check("it has a date and an id", message["Date"] is not None and message["Message-ID"].endswith("@shop.example>"))
            check("the second try has the id of the first", len(set(box.tries)) == 1 and len(box.tries) == 2)
            check("it has both forms", message.get_content_type() == "multipart/alternative")
            check("the text says what was bought", "1 × Glaze recipes <vol. 1> & notes: €12.50" in text)
            check("the page is escaped", "Glaze recipes &lt;vol. 1&gt; &amp; notes" in html and "<vol." not in html)
            check("it links the order's page", order["page_url"] in text)
            check("the page opens", shop.call("GET", order["page_url"].removeprefix(shop.base))[0] == 200)
            check("no parser finds a defect", not message.defects and not any(part.defects for part in message.walk()))
            check("one order is one letter", box.letters.empty())
        finally:
            shop.stop()
            server.stop()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
