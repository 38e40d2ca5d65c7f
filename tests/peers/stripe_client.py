"""The official Stripe client, which nobody here wrote, drives `hawker sandbox`: if it is content, our wire format is Stripe's.

Starts the sandbox on a free port, stops it at the end, and prints `N passed, N failed`.
"""

import hashlib
import hmac
import http.server
import json
import os
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import stripe

PROGRAM = os.environ.get("HAWKER_BIN") or str(pathlib.Path(__file__).parents[2] / "target" / "release" / "hawker")
SECRET = "whsec_of_the_test"


class Sandbox:
    """A running `hawker sandbox`."""

    def __init__(self, *arguments):
        command = [PROGRAM, "sandbox", "--listen", "127.0.0.1:0", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.url = line.strip().rsplit(" ", 1)[-1]
        if not self.url.startswith("http://"):
            raise SystemExit(f"the sandbox did not say where it listens: {line!r}")
        # One try a call: a retry of the client's own would hide what the test asks.
        self.client = stripe.StripeClient(
            "sk_test_peer",
            base_addresses={"api": self.url},
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=5),
        )

    def intents(self):
        return self.client.v1.payment_intents

    def refunds(self):
        return self.client.v1.refunds

    def books(self):
        with urllib.request.urlopen(self.url + "/_books", timeout=5) as answer:
            return json.load(answer)

    def kill(self):
        self.process.kill()
        self.process.wait()


def new(sandbox, method="pm_card_visa", key=None, **more):
    parameters = {
        "amount": 2000,
        "currency": "eur",
        "capture_method": "manual",
        "confirm": True,
        "payment_method": method,
        "payment_method_types": ["card"],
        "metadata": {"reference": "chk_peer/1"},
        "return_url": "http://127.0.0.1:9/back",
        **more,
    }
    return sandbox.intents().create(parameters, {"idempotency_key": key} if key else {})


def refused(kind, code, act):
    """The error the client raises for `act`, checked for its class and code."""
    try:
        act()
    except stripe.StripeError as error:
        assert isinstance(error, kind), f"{type(error).__name__} instead of {kind.__name__}: {error}"
        assert code is None or error.code == code, f"{error.code} instead of {code}"
        return error
    raise AssertionError(f"nothing was refused; expected {kind.__name__} {code}")


def test_manual_capture_in_two_parts(sandbox):
    intent = new(sandbox)
    assert intent.status == "requires_capture" and intent.amount_capturable == 2000 and intent.amount_received == 0
    part = sandbox.intents().capture(intent.id, {"amount_to_capture": 1200, "final_capture": False})
    assert (part.status, part.amount_capturable, part.amount_received) == ("requires_capture", 800, 1200)
    rest = sandbox.intents().capture(intent.id)
    assert (rest.status, rest.amount_received) == ("succeeded", 2000)
    refused(stripe.InvalidRequestError, "payment_intent_unexpected_state", lambda: sandbox.intents().capture(intent.id))


def test_a_final_partial_capture_lets_the_rest_go(sandbox):
    intent = new(sandbox)
    done = sandbox.intents().capture(intent.id, {"amount_to_capture": 500})
    assert (done.status, done.amount_received, done.amount_capturable) == ("succeeded", 500, 0)


def test_more_than_promised_is_not_captured(sandbox):
    intent = new(sandbox)
    refused(stripe.InvalidRequestError, "amount_too_large", lambda: sandbox.intents().capture(intent.id, {"amount_to_capture": 2001}))


def test_create_confirm_and_retrieve(sandbox):
    intent = sandbox.intents().create({"amount": 500, "currency": "usd", "capture_method": "manual"})
    assert intent.status == "requires_payment_method"
    confirmed = sandbox.intents().confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert confirmed.status == "requires_capture"
    found = sandbox.intents().retrieve(intent.id, {"expand": ["latest_charge"]})
    assert found.latest_charge.payment_method_details.card.capture_before > time.time()
    refused(stripe.InvalidRequestError, "resource_missing", lambda: sandbox.intents().retrieve("pi_nothing"))


def test_canceled_is_not_captured(sandbox):
    intent = new(sandbox)
    assert sandbox.intents().cancel(intent.id).status == "canceled"
    refused(stripe.InvalidRequestError, "payment_intent_unexpected_state", lambda: sandbox.intents().capture(intent.id))
    refused(stripe.InvalidRequestError, "payment_intent_unexpected_state", lambda: sandbox.intents().cancel(intent.id))


def test_refunds_add_up(sandbox):
    intent = new(sandbox)
    refused(stripe.InvalidRequestError, None, lambda: sandbox.refunds().create({"payment_intent": intent.id}))
    sandbox.intents().capture(intent.id)
    first = sandbox.refunds().create({"payment_intent": intent.id, "amount": 700, "metadata": {"key": "r1"}})
    assert (first.status, first.amount, first.metadata["key"]) == ("succeeded", 700, "r1")
    refused(stripe.InvalidRequestError, "amount_too_large", lambda: sandbox.refunds().create({"payment_intent": intent.id, "amount": 1301}))
    rest = sandbox.refunds().create({"payment_intent": intent.id})
    assert rest.amount == 1300
    refused(stripe.InvalidRequestError, "charge_already_refunded", lambda: sandbox.refunds().create({"payment_intent": intent.id}))
    listed = sandbox.refunds().list({"payment_intent": intent.id, "limit": 10})
    assert [refund.amount for refund in listed.data] == [1300, 700]
    assert sandbox.refunds().retrieve(first.id).amount == 700


def test_a_repeated_key_is_the_same_payment(sandbox):
    before = len(sandbox.books()["payments"])
    first = new(sandbox, key="key-1")
    again = new(sandbox, key="key-1")
    assert first.id == again.id and len(sandbox.books()["payments"]) == before + 1
    refused(stripe.IdempotencyError, None, lambda: new(sandbox, key="key-1", amount=2001))
    sandbox.intents().capture(first.id, {}, {"idempotency_key": "key-2"})
    assert sandbox.intents().capture(first.id, {}, {"idempotency_key": "key-2"}).amount_received == 2000


def test_declines_say_why(sandbox):
    error = refused(stripe.CardError, "card_declined", lambda: new(sandbox, "pm_card_chargeDeclinedInsufficientFunds"))
    assert error.error.decline_code == "insufficient_funds"
    assert error.error.payment_intent.status == "requires_payment_method"
    error = refused(stripe.CardError, "card_declined", lambda: new(sandbox, "tok_stolen"))
    assert error.error.decline_code == "stolen_card"
    declined = refused(stripe.CardError, None, lambda: new(sandbox, "tok_declined", key="declined"))
    again = refused(stripe.CardError, None, lambda: new(sandbox, "tok_declined", key="declined"))
    assert declined.error.payment_intent.id == again.error.payment_intent.id


def test_a_bank_that_asks_back(sandbox):
    intent = new(sandbox, "pm_card_threeDSecure2Required")
    assert intent.status == "requires_action" and intent.next_action.type == "redirect_to_url"
    page = intent.next_action.redirect_to_url.url
    with urllib.request.urlopen(page, timeout=5) as answer:
        assert b"Approve" in answer.read()
    request = urllib.request.Request(page, data=b"answer=approve", method="POST")
    opener = urllib.request.build_opener(NoRedirect)
    try:
        opener.open(request, timeout=5)
    except urllib.error.HTTPError as answer:
        assert answer.code == 303 and answer.headers["location"] == "http://127.0.0.1:9/back"
    assert sandbox.intents().retrieve(intent.id).status == "requires_capture"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def test_search_finds_our_reference(sandbox):
    intent = new(sandbox, metadata={"reference": "chk_search/3"})
    found = sandbox.intents().search({"query": "metadata['reference']:'chk_search/3'"})
    assert [item.id for item in found.data] == [intent.id]
    assert sandbox.intents().search({"query": "metadata['reference']:'chk_nobody/1'"}).data == []


def test_lists_are_paged(sandbox):
    for _ in range(3):
        new(sandbox)
    first = sandbox.intents().list({"limit": 2})
    assert len(first.data) == 2 and first.has_more
    ids = [intent.id for intent in sandbox.intents().list({"limit": 2}).auto_paging_iter()]
    assert len(ids) == len(set(ids)) == len(sandbox.books()["payments"])


def test_strangers_and_mistakes_are_refused(sandbox):
    live = stripe.StripeClient("sk_live_x", base_addresses={"api": sandbox.url}, max_network_retries=0)
    refused(stripe.AuthenticationError, None, lambda: live.v1.payment_intents.list({"limit": 1}))
    refused(stripe.InvalidRequestError, "parameter_unknown", lambda: new(sandbox, amuont=1))
    refused(stripe.InvalidRequestError, None, lambda: new(sandbox, amount=0))
    refused(stripe.InvalidRequestError, None, lambda: new(sandbox, currency="xxq"))


def test_every_fault_is_seen_by_the_client_and_not_by_the_books(_):
    for fault, seen in [
        ("timeout_then_ok", stripe.APIConnectionError),
        ("lost", stripe.APIConnectionError),
        ("error_then_ok", stripe.APIError),
        ("garbage", stripe.APIError),
    ]:
        sandbox = Sandbox("--seed", "1", "--faults", f"{fault}=1000", "--hang-seconds", "7")
        try:
            refused(seen, None, lambda: new(sandbox, key="k"))
            assert len(sandbox.books()["payments"]) == (0 if fault == "lost" else 1), fault
        finally:
            sandbox.kill()


def test_the_books_survive_a_kill(_):
    with tempfile.TemporaryDirectory() as folder:
        journal = str(pathlib.Path(folder) / "books.jsonl")
        sandbox = Sandbox("--journal", journal)
        first = new(sandbox, key="k")
        sandbox.intents().capture(first.id, {"amount_to_capture": 300, "final_capture": False})
        before = sandbox.books()
        sandbox.kill()
        sandbox = Sandbox("--journal", journal)
        try:
            assert sandbox.books() == before
            assert new(sandbox, key="k").id == first.id
        finally:
            sandbox.kill()


def test_webhooks_carry_a_signature_the_client_accepts(_):
    heard = queue.Queue()

    class Door(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.put((body, self.headers["stripe-signature"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    door = http.server.HTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=door.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{door.server_port}/hook"
    sandbox = Sandbox("--webhook-url", url, "--webhook-secret", SECRET, "--seed", "1", "--faults", "notice_duplicate=1000")
    try:
        intent = new(sandbox)
        events = []
        for _ in range(2):
            body, signature = heard.get(timeout=10)
            events.append(stripe.Webhook.construct_event(body, signature, SECRET))
            refused(stripe.SignatureVerificationError, None, lambda: stripe.Webhook.construct_event(body, signature, "whsec_other"))
        assert events[0].id == events[1].id and events[0].type == "payment_intent.amount_capturable_updated"
        assert events[0].data.object.id == intent.id
        stamp, digest = (part.split("=")[1] for part in signature.split(","))
        assert hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest() == digest
    finally:
        sandbox.kill()
        door.shutdown()


def main():
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    passed = failed = 0
    sandbox = Sandbox()
    try:
        for name, test in tests:
            try:
                test(sandbox)
                passed += 1
            except Exception as error:  # Each story is reported, the others still run.
                failed += 1
                print(f"FAILED {name}: {type(error).__name__}: {error}", file=sys.stderr)
    finally:
        sandbox.kill()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
