"""localstripe, which nobody here wrote, takes the cards of `hawker serve`: it knows Stripe's format from Stripe's documentation, and not from us.

Starts localstripe, a gateway before it and an empty shop, sells through the API, and at the end compares three books: the orders and the ledger,
the payments' own history in the studio, and what localstripe holds, read by the official Stripe client. localstripe is a process of its own;
nothing of it is imported here. Prints `N passed, N failed`.

localstripe is smaller than Stripe, and refuses what it does not know. The gateway makes up for that, and only for that: it has no books, and every
status and every amount hawker reads is localstripe's. What it does:

* `return_url` at a payment is taken away: Stripe documents it, localstripe refuses it.
* `metadata` at a capture, the same: it becomes localstripe's own update of the payment, after the capture was taken. A refused capture leaves none.
* `amount_received`, which Stripe shows in every payment: the amount of localstripe's captured charge, less what it let go of it at the capture
  (which it writes as a refund, as Stripe did before the version we ask in).
* The error of a declined card says `card_error` and carries the payment, as Stripe's does. The payment is read from localstripe, by the charge its
  own error names.
* Search, and lists with `created[gte]`: localstripe's own lists, read to their end, of which the wanted ones are kept.

Two stories lose an answer on its way back, after localstripe has done what it says; one of them also answers 503 to searches.

So this does NOT prove: keys of idempotency (localstripe ignores them; seen is only that hawker sends one for each question), captures in several
parts (it has none, see the story of two parcels), that metadata and capture are one act, `capture_before`, a bank that asks back, codes of declines
finer than `card_declined`, fees, how late Stripe's search shows a payment, refunds that wait or fail, notices about refunds and cancellations (it
sends none), currencies of other decimals, and that Stripe does what localstripe does.
"""

import contextlib
import html
import http.client
import http.server
import json
import os
import pathlib
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import stripe

PROGRAM = os.environ.get("HAWKER_BIN") or str(pathlib.Path(__file__).parents[2] / "target" / "release" / "hawker")
KEY = "sk_test_of_the_peer"
NOTICE_SECRET = "whsec_of_the_peer"
GOOD_CARD = "4242424242424242"
# Stripe's test card that can be kept but not charged: the only kind localstripe declines at a payment.
EMPTY_CARD = "4000000000000341"
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
UNIT, DELIVERY = 1500, 490
# Long enough for a machine that is busy with other things: everything here waits for what it waits for, and never longer than this.
WAIT_SECONDS = 150
# A notice is good for five minutes; one that is nearly that old is not told again.
FRESH_SECONDS = 200
BOOKS = pathlib.Path("/tmp/localstripe.pickle")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, look):
    """What `look` answers as soon as it is something."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {WAIT_SECONDS} s in vain: {what}")
        time.sleep(0.1)


def equal(what, found, expected):
    if found != expected:
        raise AssertionError(f"{what}: {found!r} instead of {expected!r}")


def stop(process, how):
    """Ends a process we started, if it has not ended."""
    process.send_signal(how)
    try:
        process.wait(WAIT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def new_id(prefix):
    value = secrets.randbits(128)
    return prefix + "".join(ALPHABET[value >> (5 * place) & 31] for place in reversed(range(26)))


class Localstripe:
    """A running localstripe, and the official client for looking into it."""

    def __init__(self, folder, at_end):
        self.log = folder / "localstripe.log"
        # It keeps a copy of its books there, and overwrites it; `--from-scratch` does not read it.
        if not BOOKS.exists():
            at_end.callback(BOOKS.unlink, missing_ok=True)
        # Its port may have been taken between looking and binding.
        for _ in range(3):
            self.port = free_port()
            command = [sys.executable, "-m", "localstripe", "--from-scratch", "--port", str(self.port)]
            # Python looks for modules in the current folder first, and here lies a file of that name.
            with self.log.open("w") as log:
                self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
            at_end.callback(stop, self.process, signal.SIGKILL)
            until("localstripe answers or ends", lambda: self.answers() or self.process.poll() is not None)
            if self.process.poll() is None:
                break
        else:
            raise SystemExit(f"localstripe does not start:\n{self.log.read_text()[-2000:]}")
        self.client = stripe.StripeClient(
            KEY,
            base_addresses={"api": f"http://127.0.0.1:{self.port}"},
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=30),
        )

    def answers(self):
        try:
            return self.ask("GET", "/v1/payment_intents")[0] == 200
        except OSError:
            return False

    def ask(self, method, path, form=()):
        """Status and JSON of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        body = urllib.parse.urlencode(form) if method == "POST" else None
        try:
            connection.request(method, path, body, {
                "Authorization": f"Bearer {KEY}", "Content-Type": "application/x-www-form-urlencoded",
            })
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def tell(self, name, url):
        """Registers an address that hears of everything."""
        status, _ = self.ask("POST", f"/_config/webhooks/{name}", {"url": url, "secret": NOTICE_SECRET})
        equal("localstripe registers an address", status, 200)

    def card(self, number):
        """What Stripe's script in the buyer's browser does: the number goes to the vault, a name for it comes back."""
        card = {"number": number, "exp_month": 12, "exp_year": time.gmtime().tm_year + 3, "cvc": "123"}
        return self.client.v1.payment_methods.create({"type": "card", "card": card}).id

    def payments(self):
        """All payments by the reference they carry."""
        found = self.client.v1.payment_intents.list({"limit": 100}).auto_paging_iter()
        return {payment.metadata["reference"]: payment for payment in found}

    def refunds(self, payment):
        """What was given back: not what localstripe let go at a capture, which names no payment."""
        found = self.client.v1.refunds.list({"limit": 100}).auto_paging_iter()
        return [refund for refund in found if refund.payment_intent == payment.id]

class Gateway(http.server.ThreadingHTTPServer):
    """Stands before localstripe; the head of this file says what it changes."""

    daemon_threads = True

    def __init__(self, behind):
        super().__init__(("127.0.0.1", 0), Door)
        self.behind = behind
        self.url = f"http://127.0.0.1:{self.server_port}"
        # Key, path and form of everything hawker asked to be written.
        self.written = []
        # The versions of Stripe's API it asked in.
        self.versions = set()
        # The end of a path: its next answer does not arrive.
        self.loses = None
        # Whether payments can be searched.
        self.searches = True
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def post(self, path, form):
        if path == "/v1/payment_intents":
            form = [(name, value) for name, value in form if name != "return_url"]
        kept = []
        if path.endswith("/capture"):
            kept = [(name, value) for name, value in form if name.startswith("metadata[")]
            form = [pair for pair in form if pair not in kept]
        status, value = self.behind.ask("POST", path, form)
        if status == 200 and kept:
            status, value = self.behind.ask("POST", path.removesuffix("/capture"), kept)
        if status == 402 and value["error"].get("code") == "card_declined":
            error = value["error"]
            _, charge = self.behind.ask("GET", f"/v1/charges/{error['charge']}")
            _, payment = self.behind.ask("GET", f"/v1/payment_intents/{charge['payment_intent']}")
            error |= {"type": "card_error", "payment_intent": self.whole(payment)}
        return status, self.whole(value)

    def get(self, path, query):
        if path == "/v1/payment_intents/search":
            if not self.searches:
                return 503, {"error": {"type": "api_error", "message": "no search for now"}}
            wanted = re.fullmatch(r"metadata\['reference'\]:'([^']*)'", query["query"])[1]
            found = [one for one in self.all("/v1/payment_intents") if one["metadata"].get("reference") == wanted]
            return 200, {"object": "search_result", "url": path, "has_more": False, "data": [self.whole(one) for one in found]}
        since = query.pop("created[gte]", None)
        if since:
            # A page of the wanted ones: all of them, from where the caller stands.
            found = [one for one in self.all(path) if one["created"] >= int(since)]
            ids = [one["id"] for one in found]
            start = ids.index(query["starting_after"]) + 1 if "starting_after" in query else 0
            page = found[start:start + int(query["limit"])]
            more = start + len(page) < len(found)
            return 200, {"object": "list", "url": path, "has_more": more, "data": [self.whole(one) for one in page]}
        status, value = self.behind.ask("GET", f"{path}?{urllib.parse.urlencode(query)}")
        return status, self.whole(value)

    def all(self, path):
        """localstripe's list to its end, newest first as Stripe's."""
        found = []
        while True:
            after = f"&starting_after={found[-1]['id']}" if found else ""
            status, page = self.behind.ask("GET", f"{path}?limit=100{after}")
            equal(f"localstripe lists {path}", status, 200)
            found += page["data"]
            if not page["has_more"]:
                return sorted(found, key=lambda one: one["created"], reverse=True)

    def whole(self, value):
        """A payment with `amount_received`; anything else as it is."""
        if value.get("object") == "list":
            return {**value, "data": [self.whole(one) for one in value["data"]]}
        if value.get("object") != "payment_intent":
            return value
        charge = value["latest_charge"]
        received = 0
        if charge and charge["captured"]:
            # What it let go at the capture is a refund of the charge that names no payment; those we ask for name it.
            let_go = [one for one in self.all("/v1/refunds") if one["charge"] == charge["id"] and one["payment_intent"] is None]
            received = charge["amount"] - sum(one["amount"] for one in let_go)
        return {**value, "amount_received": received}


class Door(http.server.BaseHTTPRequestHandler):
    """One request of hawker's."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path, _, query = self.path.partition("?")
        self.answer(path, lambda: self.server.get(path, dict(urllib.parse.parse_qsl(query))))

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        form = urllib.parse.parse_qsl(body, keep_blank_values=True)

        self.server.written.append((self.headers["idempotency-key"], self.path, form))
        self.answer(self.path, lambda: self.server.post(self.path, form))

    def answer(self, path, act):
        self.server.versions.add(self.headers["stripe-version"])
        if self.headers["authorization"] != f"Bearer {KEY}":
            status, value = 401, {"error": {"type": "invalid_request_error", "message": "who is there?"}}
        else:
            status, value = act()
        if self.server.loses and path.endswith(self.server.loses):
            self.server.loses = None
            self.close_connection = True
            return
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Witness(http.server.ThreadingHTTPServer):
    """Hears localstripe's notices beside hawker, and keeps them byte for byte."""

    daemon_threads = True

    class Ear(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            self.server.heard.append((body, self.headers["stripe-signature"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Ear)
        self.heard = []
        self.url = f"http://127.0.0.1:{self.server_port}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Shop:
    """A running `hawker serve` with one shop that sells mugs, used as its owner."""

    def __init__(self, folder, card_processor, at_end):
        self.port = free_port()
        self.base = f"http://localhost:{self.port}"
        self.environment = {
            **os.environ,
            "HAWKER_DATA": str(folder / "data"),
            "HAWKER_LISTEN": f"127.0.0.1:{self.port}",
            "HAWKER_BASE_URL": self.base,
            "HAWKER_CARD_PROCESSOR": card_processor,
            "HAWKER_CARD_PROCESSOR_KEY": KEY,
            "HAWKER_CARD_PROCESSOR_WEBHOOK_SECRET": NOTICE_SECRET,
        }
        made = self.run("init", "--name", "Käthe's Kiln", "--email", "kaethe@example.org")
        self.key = re.search(r"pk_[\w-]+", made)[0]
        self.slug = re.search(r"/s/([\w-]+)", made)[1]
        self.log = folder / "hawker.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen([PROGRAM, "serve"], env=self.environment, stderr=log)
        at_end.callback(stop, self.process, signal.SIGTERM)
        self.cookie = None
        until("the server gets ready", self.is_ready)
        status, _, headers = self.call("POST", re.search(r"/studio/sign-in/\S+", made)[0], raw=b"", kind="application/x-www-form-urlencoded")
        if status not in (302, 303):
            raise AssertionError(f"the sign-in link answered {status}")
        self.cookie = headers["Set-Cookie"].split(";")[0]
        self.good("PUT", "/v1/delivery", {"zones": [{"name": "Home", "countries": ["DE"], "methods": [
            {"name": "Parcel", "price": {"amount": DELIVERY, "currency": "EUR"}, "eta_days_min": 2, "eta_days_max": 4},
        ]}]})
        product = self.good("POST", "/v1/products", {
            "title": "Ebb mug", "kind": "physical", "state": "active", "variants": [{"price": {"amount": UNIT, "currency": "EUR"}}],
        })
        self.variant = product["variants"][0]["id"]
        self.good("PUT", f"/v1/variants/{self.variant}/stock", {"on_hand": 100})
        # The ids of the orders, in the order they were bought.
        self.orders = []

    def run(self, *arguments):
        done = subprocess.run([PROGRAM, *arguments], env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"hawker {arguments[0]} ended with {done.returncode}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
        return done.stdout

    def is_ready(self):
        if self.process.poll() is not None:
            raise SystemExit(f"hawker does not start:\n{self.log.read_text()[-2000:]}")
        try:
            return self.call("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def call(self, method, path, body=None, key=None, raw=None, kind="application/json", more=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Host": f"localhost:{self.port}", "Sec-Fetch-Site": "same-origin", "Origin": self.base, **(more or {})}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        elif self.cookie:
            headers["Cookie"] = self.cookie
        data = raw if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = kind
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        parsed = json.loads(text) if "json" in (answer.headers["Content-Type"] or "") else text
        return answer.status, parsed, answer.headers

    def good(self, *arguments, **more):
        status, answer, _ = self.call(*arguments, **more)
        if status >= 300:
            raise AssertionError(f"{arguments[:2]} answered {status}: {answer}")
        return answer

    def all(self, path):
        found, after = [], ""
        while True:
            page = self.good("GET", f"{path}?limit=100{after}")
            found += page["data"]
            if not page["next"]:
                return found
            after = f"&after={urllib.parse.quote(page['next'])}"

    def check_out(self, token, checkout=None):
        """A buyer takes two mugs and pays with a card, in one tap. Status and answer."""
        lines = urllib.parse.quote(self.variant)
        quote = self.good("GET", f"/v1/quotes?lines={lines}:2&country=DE", key=self.key)
        status, answer, _ = self.call("PUT", f"/v1/checkouts/{checkout or new_id('chk_')}", {
            "quote": quote["quote"], "contact": {"email": "jo@example.org"}, "payment": {"method": "card", "token": token},
            "address": {"name": "Jo", "line1": "Allee 1", "postal_code": "10115", "city": "Berlin", "country": "DE"},
        }, key=self.key)
        return status, answer

    def bought(self, checkout):
        """The order a checkout became."""
        equal("the checkout is done", checkout["state"], "completed")
        order = checkout["order"]["id"]
        self.orders.append(order)
        found = self.order(order)
        # An order begins its life at the end of its checkout, whose id the processor knows.
        return {**found, "reference": f"{checkout['id']}/1"}

    def buy(self, token):
        status, answer = self.check_out(token)
        equal(f"two mugs are bought ({answer})", status, 201)
        return self.bought(answer)

    def order(self, order):
        return self.good("GET", f"/v1/orders/{order}")

    def ship(self, order, quantity):
        self.good("POST", f"/v1/orders/{order}/shipments", {"lines": [{"line": 0, "quantity": quantity}], "carrier": "DHL"})
        return self.order(order)

    def history(self, order):
        """What happened to a payment, as the studio tells it, oldest first."""
        page = self.good("GET", f"/studio/{self.slug}/orders/{order}").decode()
        told = re.search(r'<ol class="happened">(.*?)</ol>', page, re.S)[1]
        return [html.unescape(title) for title in re.findall(r'<span class="strong">(.*?)</span>', told, re.S)][::-1]

    def ledger(self, order):
        """Cents taken and given back of an order, by the ledger."""
        taken = given = 0
        for transfer in self.all("/v1/transfers"):
            if transfer["order"] != order:
                continue
            for leg in transfer["legs"]:
                equal("the currency of a leg", leg["amount"]["currency"], "EUR")
                if leg["purpose"] == "processor_fee":
                    continue
                taken += leg["amount"]["amount"] if leg["debit"]["kind"] == "processor_clearing" else 0
                given += leg["amount"]["amount"] if leg["credit"]["kind"] == "processor_clearing" else 0
        return taken, given

    def everything(self):
        """All that may not change when a notice comes again."""
        return [self.all("/v1/orders"), self.good("GET", "/v1/balances"), *map(self.history, self.orders)]

class World:
    """All of them, each told of the others."""

    def __init__(self, folder, at_end):
        self.localstripe = Localstripe(folder, at_end)
        self.gateway = Gateway(self.localstripe)
        self.witness = Witness()
        self.shop = Shop(folder, self.gateway.url, at_end)
        self.localstripe.tell("hawker", f"http://127.0.0.1:{self.shop.port}/v1/webhooks/stripe")
        self.localstripe.tell("witness", self.witness.url)


TOTAL = 2 * UNIT + DELIVERY


def test_money_is_promised_first_and_taken_with_the_parcel(world):
    order = world.shop.buy(world.localstripe.card(GOOD_CARD))
    equal("the order", (order["payment"], order["total"]["amount"], order["captured"]["amount"]), ("authorized", TOTAL, 0))
    payment = world.localstripe.payments()[order["reference"]]
    equal("localstripe", (payment.status, payment.amount, payment.currency), ("requires_capture", TOTAL, "eur"))
    shipped = world.shop.ship(order["id"], 2)
    equal("the shipped order", (shipped["payment"], shipped["captured"]["amount"]), ("captured", TOTAL))
    equal("localstripe after it", world.localstripe.payments()[order["reference"]].status, "succeeded")


def test_two_parcels_of_a_promise_that_is_taken_once(world):
    # localstripe takes a promise once, as Stripe does without multicapture, and refuses to be told that more will follow. The first parcel's
    # money is refused and owed; nothing of the promise is lost, and the last parcel takes all of it.
    order = world.shop.buy(world.localstripe.card(GOOD_CARD))
    first = world.shop.ship(order["id"], 1)
    equal("after the first parcel", (first["payment"], first["captured"]["amount"], first["lines"][0]["shipped"]), ("authorized", 0, 1))
    equal("localstripe after it", world.localstripe.payments()[order["reference"]].status, "requires_capture")
    status, again, _ = world.shop.call("POST", f"/v1/orders/{order['id']}/captures", raw=b"")
    equal("asked again, it refuses in its own words", (status, again["code"]), (409, "capture_refused"))
    assert "final_capture" in json.dumps(again), again
    second = world.shop.ship(order["id"], 1)
    equal("after the second parcel", (second["payment"], second["captured"]["amount"]), ("captured", TOTAL))
    history = world.shop.history(order["id"])
    equal("refused twice", sum("refused to take" in what for what in history), 2)
    status, again, _ = world.shop.call("POST", f"/v1/orders/{order['id']}/captures", raw=b"")
    equal("nothing is owed any more", (status, again["code"]), (409, "nothing_owed"))


def test_a_canceled_order_lets_the_money_go(world):
    order = world.shop.buy(world.localstripe.card(GOOD_CARD))
    canceled = world.shop.good("POST", f"/v1/orders/{order['id']}/cancellation", {"reason": "buyer_asked"})
    equal("the order", (canceled["state"], canceled["payment"]), ("canceled", "voided"))
    equal("localstripe", world.localstripe.payments()[order["reference"]].status, "canceled")


def test_a_part_and_then_the_rest_is_given_back(world):
    order = world.shop.buy(world.localstripe.card(GOOD_CARD))
    world.shop.ship(order["id"], 2)
    path = f"/v1/orders/{order['id']}/refunds"
    part = {"id": new_id("adj_"), "lines": [{"line": 0, "quantity": 1}], "reason": "damaged"}
    back = world.shop.good("POST", path, part)
    equal("a mug goes back", (back["state"], back["amount"]["amount"]), ("succeeded", UNIT))
    equal("said twice it is one", world.shop.good("POST", path, part), back)
    order_now = world.shop.order(order["id"])
    equal("the order", (order_now["payment"], order_now["refunded"]["amount"]), ("partially_refunded", UNIT))
    payment = world.localstripe.payments()[order["reference"]]
    equal("localstripe", [one.amount for one in world.localstripe.refunds(payment)], [UNIT])
    rest = world.shop.good("POST", path, {"reason": "goodwill"})
    equal("the rest goes back", (rest["state"], rest["amount"]["amount"]), ("succeeded", TOTAL - UNIT))
    equal("the order at the end", world.shop.order(order["id"])["payment"], "refunded")
    status, nothing, _ = world.shop.call("POST", path, {"reason": "goodwill"})
    equal("nothing is left to give back", (status, nothing["code"]), (409, "nothing_to_refund"))


def test_a_declined_card_is_a_clear_no_and_another_card_pays(world):
    status, declined = world.shop.check_out(world.localstripe.card(EMPTY_CARD))
    equal(f"a clear no ({declined})", (status, declined.get("code")), (402, "declined"))
    equal("and why", declined["checkout"]["decline"]["code"], "card_declined")
    checkout = declined["checkout"]
    equal("it can be paid another way", (checkout["state"], checkout["order"]), ("ready_for_complete", None))
    payment = world.localstripe.payments()[f"{checkout['id']}/1"]
    equal("localstripe", (payment.status, payment.latest_charge.status), ("requires_payment_method", "failed"))
    paid = world.shop.good(
        "POST", f"/v1/checkouts/{checkout['id']}/payment", {"method": "card", "token": world.localstripe.card(GOOD_CARD)},
        key=world.shop.key, more={"hawker-checkout-secret": checkout["client_secret"]},
    )
    world.shop.bought(paid)
    equal("the second try", world.localstripe.payments()[f"{checkout['id']}/2"].status, "requires_capture")


def test_a_capture_whose_answer_is_lost_is_found_by_what_it_left_on_the_payment(world):
    order = world.shop.buy(world.localstripe.card(GOOD_CARD))
    world.gateway.loses = "/capture"
    unclear = world.shop.ship(order["id"], 2)
    equal("not known yet", unclear["captured"]["amount"], 0)
    until("the resolver finds the capture", lambda: world.shop.order(order["id"])["payment"] == "captured")
    payment = world.localstripe.payments()[order["reference"]].id
    equal("it was asked for once", [path for _, path, _ in world.gateway.written].count(f"/v1/payment_intents/{payment}/capture"), 1)


def test_a_decline_whose_answer_is_lost_is_heard_from_the_notice(world):
    world.gateway.searches = False  # Nothing else can tell.
    world.gateway.loses = "/payment_intents"
    try:
        status, waiting = world.shop.check_out(world.localstripe.card(EMPTY_CARD))
        equal("not known yet", (status, waiting["state"]), (201, "complete_in_progress"))
        secret = {"hawker-checkout-secret": waiting["client_secret"]}
        path = f"/v1/checkouts/{waiting['id']}"
        decline = until("the notice is heard", lambda: world.shop.good("GET", path, key=world.shop.key, more=secret)["decline"])
        equal("the notice says no", decline["code"], "card_declined")
    finally:
        world.gateway.searches = True


def test_genuine_notices_are_taken_and_change_nothing_twice(world):
    events = {event.id: event for event in world.localstripe.client.v1.events.list({"limit": 100}).auto_paging_iter()}
    kinds = sorted({event.type for event in events.values()})
    equal("localstripe speaks of", kinds, ["payment_intent.payment_failed", "payment_intent.succeeded"])
    # Its own log: each event was taken by both who listen, hawker and the witness.
    ends = re.compile(r'webhook ".*" (?:successfully|failed).*')
    until("all notices are sent", lambda: len(ends.findall(world.localstripe.log.read_text())) >= 2 * len(events))
    said = ends.findall(world.localstripe.log.read_text())
    equal("not taken", [line for line in said if not line.endswith("successfully delivered")], [])
    equal("what the witness heard", sorted(json.loads(body)["id"] for body, _ in world.witness.heard), sorted(events))
    before = world.shop.everything()

    def tell(body, signature):
        return world.shop.call("POST", "/v1/webhooks/stripe", raw=body, more={"Stripe-Signature": signature, "Cookie": ""})

    fresh = [one for one in world.witness.heard if time.time() - json.loads(one[0])["created"] < FRESH_SECONDS]
    assert fresh, "every notice is too old to be told again"
    for body, signature in fresh:
        equal("heard again", tell(body, signature)[0], 204)
    equal("nothing changed", world.shop.everything(), before)
    body, signature = fresh[-1]
    for forged in [(body.replace(b'"eur"', b'"usd"'), signature), (body, ""), (body, signature.replace("v1=", "v1=0"))]:
        status, answer, _ = tell(*forged)
        equal("forged", (status, answer["code"]), (400, "bad_signature"))


def test_every_write_had_a_key_of_its_own_and_one_version_counts(world):
    equal("the version hawker asks in", world.gateway.versions, {"2025-03-31.basil"})
    said = {}
    for key, path, form in world.gateway.written:
        assert key, f"{path} came without a key"
        equal(f"one key is one question: {path}", said.setdefault(key, (path, form)), (path, form))
    kinds = [re.sub(r"pi_\w+", "ID", path) for _, path, _ in world.gateway.written]
    equal("what hawker writes", sorted(set(kinds)), [
        "/v1/payment_intents", "/v1/payment_intents/ID/cancel", "/v1/payment_intents/ID/capture", "/v1/refunds",
    ])


def test_three_books_agree(world):
    shop, localstripe = world.shop, world.localstripe
    payments = localstripe.payments()
    seen, taken_in_all, given_in_all = set(), 0, 0
    for order in map(shop.order, shop.orders):
        history = shop.history(order["id"])
        mine = {reference: payment for reference, payment in payments.items() if suffix(reference) == suffix(order["id"])}
        assert mine, f"localstripe knows nothing of {order['number']}"
        seen |= set(mine)
        # The third book: of each order's payments at most one holds or took money.
        taken = given = 0
        for payment in mine.values():
            charge = localstripe.client.v1.charges.retrieve(payment.latest_charge.id)
            refunds = localstripe.refunds(payment)
            equal("whose refunds they are", {one.metadata["reference"] for one in refunds} - {payment.metadata["reference"]}, set())
            back = sum(one.amount for one in refunds)
            equal("its charge counts the same", charge.amount_refunded, back)
            taken_here = charge.amount if charge.captured else 0
            left = [int(value) for name, value in payment.metadata.to_dict().items() if name.startswith("capture_")]
            equal("what our captures left on it", sum(left), taken_here)
            taken, given = taken + taken_here, given + back
        alive = sorted(payment.status for payment in mine.values() if payment.status != "requires_payment_method")
        # Ours: the order, the ledger, and what the history says of the money.
        equal(f"{order['number']}: taken and given back by the order", (order["captured"]["amount"], order["refunded"]["amount"]), (taken, given))
        equal(f"{order['number']}: by the ledger", shop.ledger(order["id"]), (taken, given))
        told = [sum(cents(what) for what in history if what.startswith(words)) for words in ("stripe took", "stripe gave back")]
        equal(f"{order['number']}: by its history", told, [taken, given])
        state = {"authorized": "requires_capture", "voided": "canceled"}.get(order["payment"], "succeeded")
        equal(f"{order['number']}, {order['payment']}", alive, [state])
        taken_in_all, given_in_all = taken_in_all + taken, given_in_all + given
    assert taken_in_all > given_in_all > 0
    strangers = [payment.status for reference, payment in payments.items() if reference not in seen]
    equal("payments of no order took nothing", set(strangers), {"requires_payment_method"})
    # And all in all: what the processor owes the shop. Its fee is our estimate, of which localstripe knows nothing.
    balances = {one["kind"]: -one["balance"]["amount"] for one in shop.good("GET", "/v1/balances")["data"]}
    equal("the ledger's clearing account and the fees", balances["processor_clearing"] + balances["processor_fees"], taken_in_all - given_in_all)
    booked = localstripe.client.v1.balance_transactions.list({"limit": 100}).auto_paging_iter()
    equal("localstripe's balance", sum(one.net for one in booked), taken_in_all - given_in_all)


def test_the_comparison_after_a_restore_finds_no_difference(world):
    payments = len(world.localstripe.payments())
    stop(world.shop.process, signal.SIGTERM)
    said = world.shop.run("reconcile", "--since", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600)))
    assert f"Compared {payments} payments; 0 differed." in said, said


def suffix(text):
    """What an order, its checkout and the references of its payments have in common."""
    return text.split("_", 1)[1].split("/")[0]


def cents(what):
    """The amount a sentence names."""
    units, rest = re.search(r"(\d+)\.(\d\d)", what).groups()
    return int(units) * 100 + int(rest)


def main():
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as at_end:
        world = World(pathlib.Path(folder), at_end)
        for name, test in tests:
            try:
                test(world)
                passed += 1
            except Exception as error:  # Each story is reported, the others still run.
                failed += 1
                print(f"FAILED {name}: {type(error).__name__}: {error}", file=sys.stderr)
        if failed:
            print(f"hawker said:\n{world.shop.log.read_text()[-3000:]}", file=sys.stderr)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
