"""A mail server that nobody here wrote takes the receipt: aiosmtpd parses what `hawker serve` sends, byte for byte as it came.

Makes an empty shop in a folder of its own, sells one file through the API, and reads the letter. The mail server is away first, so the
letter has to wait for it. Prints `N passed, N failed`.
"""

import email
import email.policy
import pathlib
import queue
import sys
import tempfile

from aiosmtpd.controller import Controller

sys.path.insert(0, str(pathlib.Path(__file__).parent / "parts"))
from small_shop import Shop, free_port  # noqa: E402

BUYER = "jo@example.org"
WAIT_SECONDS = 150


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
        shop = Shop(folder, "Käthe's Kiln", {
            "HAWKER_MAIL_SMTP": f"smtp://127.0.0.1:{server.port}",
            "HAWKER_MAIL_FROM": "Käthe's Kiln <kiln@shop.example>",
        })
        try:
            order = shop.sell("Glaze recipes <vol. 1> & notes", BUYER)
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
