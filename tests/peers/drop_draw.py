"""A buyer who trusts nobody checks a drop with `hashlib` alone: the draw of the waiting room, their own place in it, and the archive of all acts.

Plans a drop with a waiting room in an empty shop, lets forty browsers take a turn, opens it, steps a price, closes it, and then computes everything that
was promised from what anybody can read, by what docs/drops.md says and by no line of the program. Prints `N passed, N failed`.
"""

import datetime
import hashlib
import hmac
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent / "parts"))
from small_shop import Shop  # noqa: E402

BUYERS = 40
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def id_bytes(name):
    """The sixteen bytes of an id: 26 letters of Crockford's base32 behind the prefix."""
    number = 0
    for letter in name.rsplit("_", 1)[-1]:
        number = number * 32 + ALPHABET.index(letter.lower())
    return number.to_bytes(16, "big")


def lot(seed, turn):
    return hmac.digest(seed, id_bytes(turn), "sha256")


def microseconds(written):
    at = datetime.datetime.fromisoformat(written.replace("Z", "+00:00"))
    since = at - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return since // datetime.timedelta(microseconds=1)


def chain(drop, events):
    """The hash behind each event, from nothing but what was told of it."""
    before, hashes = bytes(32), []
    for event in events:
        before = hashlib.sha256(
            before + id_bytes(drop)
            + event["position"].to_bytes(8, "big") + microseconds(event["at"]).to_bytes(8, "big")
            + event["kind"].encode() + b"\0" + event["detail"].encode() + b"\0"
            + (id_bytes(event["staff"]) if event.get("staff") else b"")
        ).digest()
        hashes.append(before.hex())
    return hashes


def main():
    passed = failed = 0

    def check(what, holds):
        nonlocal passed, failed
        passed, failed = (passed + 1, failed) if holds else (passed, failed + 1)
        if not holds:
            print(f"failed: {what}")

    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(folder, "Kiln", {})
        try:
            product = shop.good("POST", "/v1/products", {
                "title": "Glasur “Mondlicht”", "kind": "digital", "tax_category": "standard", "state": "active",
                "variants": [{"price": {"amount": 2400, "currency": "EUR"}}],
            })
            variant = product["variants"][0]["id"]
            shop.good("PUT", f"/v1/variants/{variant}/stock", {"on_hand": 50})
            drop = shop.good("POST", "/v1/drops", {
                "title": "Freitagsbrand – “eins”", "waiting_room": {"rate_per_minute": 60},
                "items": [{"variant": variant, "allotment": 20, "price": {"amount": 1900, "currency": "EUR"}}],
            })["id"]
            path = f"/v1/drops/{drop}"
            shop.good("POST", f"{path}/scheduling", {})

            def as_buyer(method, ending, number, body=None):
                return shop.good(method, path + ending, body, key=shop.key, more={"Hawker-Buyer-Key": f"{number:0>40}"})

            sealed = shop.good("GET", f"{path}/draw", key=shop.key)
            check("before the opening there is a seal", len(sealed["seed_hash"]) == 64 and sealed["seed"] is None)
            turns = [as_buyer("PUT", "/turn", number, {})["id"] for number in range(BUYERS)]
            check("everybody has a turn of their own", len(set(turns)) == BUYERS)
            shop.good("POST", f"{path}/opening", {})
            shop.good("POST", f"{path}/prices", {"variant": variant, "price": {"amount": 1700, "currency": "EUR"}})

            told = shop.good("GET", f"{path}/draw", key=shop.key)
            seed = bytes.fromhex(told["seed"])
            check("the seal is the one of before", told["seed_hash"] == sealed["seed_hash"])
            check("the number is the one that was sealed", hashlib.sha256(seed).hexdigest() == sealed["seed_hash"])
            check("nobody was added and nobody left out", sorted(told["turns"]) == sorted(turns))
            order = sorted(turns, key=lambda turn: lot(seed, turn))
            check("the order is that of the lots", told["turns"] == order)
            places = [as_buyer("GET", "/turn", number)["place"] for number in range(BUYERS)]
            check("each buyer stands where their lot says", places == [order.index(turn) + 1 for turn in turns])
            late = as_buyer("PUT", "/turn", BUYERS, {})
            check("who comes later is behind them", late["place"] == BUYERS + 1)

            shop.good("POST", f"{path}/closing", {})
            archive = shop.good("GET", f"{path}/events")
            events = archive["events"]
            check("the acts are numbered without a gap", [event["position"] for event in events] == list(range(1, len(events) + 1)))
            check("each hash is that of the act and all before it", [event["hash"] for event in events] == chain(drop, events))
            check("and the last one is the drop's", archive["head"] == events[-1]["hash"])
            sealing = [event for event in events if event["kind"] == "scheduled"]
            check("the seal was in the archive before the opening", sealed["seed_hash"] in json.dumps(sealing))
            forged = [dict(event) for event in events]
            forged[2]["detail"] += " "
            check("an altered act is found", chain(drop, forged)[2] != events[2]["hash"] and chain(drop, forged)[-1] != events[-1]["hash"])
        finally:
            shop.stop()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
