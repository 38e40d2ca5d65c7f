"""A receiver with the official `standardwebhooks` library, which nobody here wrote, verifies what a running `hawker serve` sends.

Makes an empty shop in a folder of its own, sells one file through the API, and takes what happens. The receiver is busy at first, so the same event
comes twice; then its secret is changed, and both are believed for as long as was said. Prints `N passed, N failed`.
"""

import http.server
import pathlib
import queue
import sys
import tempfile
import threading

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

sys.path.insert(0, str(pathlib.Path(__file__).parent / "parts"))
from small_shop import Shop  # noqa: E402

WAIT_SECONDS = 30


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps what was posted; says 503 to the first request, as a busy program does."""

    def __init__(self):
        self.requests = queue.Queue()
        self.seen = 0
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/hooks"

    def next(self):
        return self.requests.get(timeout=WAIT_SECONDS)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen += 1
        self.server.requests.put((dict(self.headers.items()), body))
        self.send_response(503 if self.server.seen == 1 else 204)
        self.end_headers()

    def log_message(self, *arguments):
        pass


def verified(secret, headers, body):
    """What the library makes of a request; none if it does not believe it."""
    try:
        return Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return None


def main():
    passed = failed = 0

    def check(what, holds):
        nonlocal passed, failed
        passed, failed = (passed + 1, failed) if holds else (passed, failed + 1)
        if not holds:
            print(f"failed: {what}")

    receiver = Receiver()
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(folder, "Kiln", {"HAWKER_WEBHOOK_NETWORKS": "127.0.0.0/8"})
        try:
            made = shop.good("POST", "/v1/webhook-endpoints", {"url": receiver.url, "events": ["order.confirmed"]})
            endpoint, secret = made["endpoint"]["id"], made["secret"]
            order = shop.sell("Glasurbuch <1> & “mehr” – ü", "jo@example.org")
            headers, body = receiver.next()
            event = verified(secret, headers, body)
            check("the library believes the first try", event is not None)
            check("it is the order", event and event["type"] == "order.confirmed" and event["data"]["id"] == order["id"])
            check("it carries a version", event and event["data"]["version"] == 1)
            check("letters arrive as they were typed", event and event["data"]["order"]["lines"][0]["title"] == "Glasurbuch <1> & “mehr” – ü")
            check("it is JSON", headers["content-type"] == "application/json")
            check("another secret is not believed", verified("whsec_" + "A" * 43 + "=", headers, body) is None)
            check("an altered body is not believed", verified(secret, headers, body.replace(b"1250", b"1251")) is None)
            check("another id is not believed", verified(secret, {**headers, "webhook-id": "msg_1"}, body) is None)
            again, same = receiver.next()
            check("it comes again five seconds later, under its id", again["webhook-id"] == headers["webhook-id"] and same == body)
            check("and is signed for its own time", verified(secret, again, same) is not None)
            rotated = shop.good("POST", f"/v1/webhook-endpoints/{endpoint}/secret-rotation", {"overlap_hours": 1})["secret"]
            shop.good("POST", f"/v1/webhook-endpoints/{endpoint}/test")
            headers, body = receiver.next()
            check("the new secret is believed", verified(rotated, headers, body) is not None)
            check("the old one still is", verified(secret, headers, body) is not None)
            newest = shop.good("POST", f"/v1/webhook-endpoints/{endpoint}/secret-rotation", {"overlap_hours": 0})["secret"]
            shop.good("POST", f"/v1/webhook-endpoints/{endpoint}/test")
            headers, body = receiver.next()
            check("the newest is believed", verified(newest, headers, body) is not None)
            check("a secret that was ended is not", verified(rotated, headers, body) is None and verified(secret, headers, body) is None)
            log = shop.good("GET", "/v1/webhook-deliveries")["data"]
            check("the log knows all three", len(log) == 3)
        finally:
            shop.stop()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
