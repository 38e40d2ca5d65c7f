"""The exported journal, read by three programs nobody here wrote: hledger, ledger and beancount accept it, and their balances are ours.

Makes a shop in a folder of its own, fills its ledger with random transfers in three currencies, exports it in each format, and compares the
balances each program computes with the sums of the legs in the database. Prints `N passed, N failed`.
"""

import collections
import csv
import decimal
import os
import pathlib
import random
import sqlite3
import subprocess
import sys
import tempfile
import uuid

from beancount import loader
from beancount.core import realization

PROGRAM = os.environ.get("HAWKER_BIN") or str(pathlib.Path(__file__).parents[2] / "target" / "release" / "hawker")
DECIMALS = {"EUR": 2, "JPY": 0, "KWD": 3}
KINDS = {
    "processor_clearing": "Assets:ProcessorClearing",
    "processor_fees": "Expenses:ProcessorFees",
    "tax_payable": "Liabilities:TaxPayable",
    "party_payable": "Liabilities:PartyPayable",
    "delivery_payable": "Liabilities:DeliveryPayable",
    "shop_revenue": "Income:ShopRevenue",
    "platform_revenue": "Income:PlatformRevenue",
}
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} said {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def typed(prefix, raw):
    """An id as the program shows it: 128 bits in 26 characters of base 32."""
    value = int.from_bytes(raw, "big")
    return prefix + "".join(ALPHABET[value >> (5 * place) & 31] for place in reversed(range(26)))


def fill(database):
    """Random transfers, written as the program writes them, and the balances they add up to."""
    dice = random.Random(7)
    base = sqlite3.connect(database)
    (shop,) = base.execute("select id from shops").fetchone()
    parties = [uuid.UUID(int=dice.getrandbits(128)).bytes for _ in range(5)]
    accounts = {}
    balances = collections.defaultdict(decimal.Decimal)

    def account(currency):
        kind = dice.choice(list(KINDS))
        party = dice.choice(parties) if kind == "party_payable" else None
        key = (kind, party, currency)
        if key not in accounts:
            accounts[key] = uuid.UUID(int=dice.getrandbits(128)).bytes
            base.execute("insert into accounts values (?, ?, ?, ?, ?, 1)", (accounts[key], shop, kind, party, currency))
        name = KINDS[kind] + (":" + typed("Pty-", party) if party else "")
        return accounts[key], name

    for number in range(1, 701):  # The nil id is nobody's.
        currency = dice.choice(list(DECIMALS))
        transfer = uuid.UUID(int=number).bytes
        at = 1_790_000_000_000_000 + number * 3_600_000_000
        order = uuid.UUID(int=dice.getrandbits(128)).bytes if number % 3 else None
        row = (transfer, shop, "capture" if number % 5 else "refund", transfer, order, currency, at)
        base.execute("insert into transfers (id, shop_id, source_kind, source_id, order_id, currency, at) values (?, ?, ?, ?, ?, ?, ?)", row)
        for leg in range(dice.randint(1, 6)):
            debit, credit = account(currency), account(currency)
            while debit == credit:
                credit = account(currency)
            minor = dice.randint(1, 10 ** dice.randint(1, 9))
            base.execute("insert into legs values (?, ?, ?, ?, ?, ?, 'share')", (transfer, leg, debit[0], credit[0], minor, currency))
            amount = decimal.Decimal(minor).scaleb(-DECIMALS[currency])
            balances[debit[1], currency] += amount
            balances[credit[1], currency] -= amount
    base.commit()
    base.close()
    return {key: amount for key, amount in balances.items() if amount != 0}


def read_csv(text):
    """hledger's `balance -O csv`: account, then amounts such as `3.10 EUR, -2 JPY`."""
    balances = {}
    for name, amounts in list(csv.reader(text.splitlines()))[1:]:
        for amount in amounts.split(", "):
            if name != "total" and name != "Total:" and amount not in ("", "0"):
                number, currency = amount.split()
                balances[name, currency] = decimal.Decimal(number)
    return balances


def by_hledger(journal):
    run("hledger", "-f", journal, "check", "--strict")
    return read_csv(run("hledger", "-f", journal, "balance", "--flat", "-O", "csv", "--no-total"))


def by_ledger(journal):
    form = "%(account)\t%(quantity(scrub(total)))\t%(commodity(scrub(total)))\n"
    balances = {}
    for currency in DECIMALS:
        limit = f'commodity == "{currency}"'
        text = run("ledger", "-f", journal, "balance", "--flat", "--no-total", "--limit", limit, "--balance-format", form)
        for line in text.splitlines():
            name, number, found = line.split("\t")
            if decimal.Decimal(number) != 0:
                assert found == currency, line
                balances[name, currency] = decimal.Decimal(number)
    return balances


def by_beancount(journal):
    entries, errors, _ = loader.load_file(str(journal))
    assert not errors, errors[:3]
    balances = {}
    for account in realization.iter_children(realization.realize(entries)):
        for position in account.balance:
            if position.units.number != 0:
                balances[account.account, position.units.currency] = position.units.number
    return balances


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "data"
        new_shop(data)
        expected = fill(data / "hawker.db")
        for form, ending, read in [("hledger", "journal", by_hledger), ("ledger", "dat", by_ledger), ("beancount", "beancount", by_beancount)]:
            try:
                journal = pathlib.Path(folder) / f"sales.{ending}"
                journal.write_text(export(data, form))
                found = read(journal)
                wrong = {key: (expected.get(key), found.get(key)) for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)}
                assert not wrong, f"{len(wrong)} of {len(expected)} balances differ: {dict(list(wrong.items())[:3])}"
                passed += 1
            except Exception as error:  # The other programs still have their say.
                failed += 1
                print(f"FAILED {form}: {type(error).__name__}: {error}", file=sys.stderr)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def new_shop(data):
    run(PROGRAM, "init", "--data", data, "--name", "Peer", "--email", "peer@example.org")


def export(data, form):
    return run(PROGRAM, "export", "ledger", "--data", data, "--shop", "peer", "--format", form)


if __name__ == "__main__":
    sys.exit(main())
