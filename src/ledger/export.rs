//! The ledger as a journal that hledger, ledger and beancount read: a bookkeeper can check our sums with programs we did not write.

use super::model::{Account, Transfer};
use super::read::ACCOUNTS_MAX;
use super::store;
use crate::db::Db;
use crate::kernel::{Currency, Error, Money, Result, ShopId, Time, TransferId};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

/// Which program's journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Hledger,
    Ledger,
    Beancount,
}

impl std::str::FromStr for Format {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "hledger" => Ok(Self::Hledger),
            "ledger" => Ok(Self::Ledger),
            "beancount" => Ok(Self::Beancount),
            _ => Err(Error::invalid("unknown_format", "Choose hledger, ledger or beancount.")),
        }
    }
}

const PAGE: i64 = 200;

/// Writes a shop's whole ledger, a page at a time: sealed transfers in their sequence, then what waits for its seal.
pub async fn export(db: &Db, shop: ShopId, format: Format, out: &mut (dyn Write + Send)) -> Result<()> {
    let accounts = db.read(move |tx| store::balances(tx, shop, ACCOUNTS_MAX)).await?;
    say(
        out,
        &format!(
            "{} Hawker, {shop}\n",
            if format == Format::Beancount { ";;" } else { ";" }
        ),
    )?;
    let currencies: BTreeMap<&str, Currency> = accounts
        .iter()
        .map(|balance| (balance.money.currency.code(), balance.money.currency))
        .collect();
    for currency in currencies.values() {
        say(out, &currency_line(format, *currency))?;
    }
    // An account of several currencies is one account to the programs that read this.
    let named: BTreeSet<String> = accounts
        .iter()
        .map(|balance| {
            name(&Account {
                id: balance.account,
                key: balance.key,
                currency: balance.money.currency,
            })
        })
        .collect();
    for name in &named {
        say(out, &account_line(format, name))?;
    }
    let mut sequence = 0;
    loop {
        let page = db.read(move |tx| store::sealed_after(tx, shop, sequence, PAGE)).await?;
        let Some(last) = page.last() else { break };
        sequence = last.sequence.unwrap_or(i64::MAX);
        page.iter()
            .try_for_each(|transfer| say(out, &entry(format, transfer)))?;
    }
    let mut after: Option<TransferId> = None;
    loop {
        let page = db.read(move |tx| store::unsealed_after(tx, shop, after, PAGE)).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        page.iter()
            .try_for_each(|transfer| say(out, &entry(format, transfer)))?;
    }
    out.flush()
        .map_err(|error| Error::internal("the journal could not be written").because(error))
}

fn say(out: &mut (dyn Write + Send), text: &str) -> Result<()> {
    out.write_all(text.as_bytes())
        .map_err(|error| Error::internal("the journal could not be written").because(error))
}

/// A strict check of hledger wants to know every currency and its decimals.
fn currency_line(format: Format, currency: Currency) -> String {
    let decimals = "0".repeat(usize::try_from(currency.exponent()).unwrap_or(0));
    match format {
        Format::Hledger => format!("commodity 1000.{decimals} {currency}\n"),
        Format::Ledger => format!("commodity {currency}\n"),
        Format::Beancount => format!("1970-01-01 commodity {currency}\n"),
    }
}

/// Beancount wants every account opened, and knows no date before it; the others are told, so that a strict check passes.
fn account_line(format: Format, name: &str) -> String {
    match format {
        Format::Beancount => format!("1970-01-01 open {name}\n"),
        Format::Hledger | Format::Ledger => format!("account {name}\n"),
    }
}

/// `Liabilities:PartyPayable:Pty-01h…`: beancount asks for capitals and dashes, the others do not mind.
fn name(account: &Account) -> String {
    let kind = account.key.kind;
    let pascal: String = kind.name().split('_').map(capital).collect();
    let party = account
        .key
        .party
        .map(|party| format!(":{}", capital(&party.to_string()).replace('_', "-")))
        .unwrap_or_default();
    format!("{}:{pascal}{party}", kind.heading())
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(word.len().min(1));
    format!("{}{rest}", first.to_uppercase())
}

fn entry(format: Format, transfer: &Transfer) -> String {
    let date = transfer.at.date();
    let about = transfer
        .order
        .map_or_else(|| transfer.id.to_string(), |order| order.to_string());
    let title = format!("{} {about}", transfer.source_kind);
    let number = transfer
        .sequence
        .map_or_else(|| "not sealed".to_owned(), |sequence| format!("number {sequence}"));
    let mut text = match format {
        Format::Beancount => format!(
            "\n{date} * \"{title}\" \"{}\"\n  time: \"{}\"\n  seal: \"{number}\"\n",
            transfer.id,
            shown(transfer.at)
        ),
        Format::Hledger | Format::Ledger => format!(
            "\n{date} * {title}\n    ; transfer {}, {}, {number}\n",
            transfer.id,
            shown(transfer.at)
        ),
    };
    for leg in &transfer.legs {
        for (account, minor) in [(&leg.debit, leg.minor), (&leg.credit, -leg.minor)] {
            let amount = Money::new(minor, transfer.currency);
            let comment = &leg.purpose;
            text.push_str(&format!("    {}  {amount}  ; {comment}\n", name(account)));
        }
    }
    text
}

fn shown(at: Time) -> String {
    at.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{AccountId, Id, PartyId};
    use crate::ledger::{AccountKey, AccountKind, LegLine};
    use uuid::Uuid;

    #[test]
    fn a_transfer_reads_like_a_journal_entry() {
        let account = |key| Account {
            id: AccountId::from_uuid(Uuid::nil()),
            key,
            currency: Currency::EUR,
        };
        let leg = LegLine {
            debit: account(AccountKey::of(AccountKind::ProcessorClearing)),
            credit: account(AccountKey::party(
                AccountKind::PartyPayable,
                PartyId::from_uuid(Uuid::nil()),
            )),
            minor: 1905,
            purpose: "share".into(),
        };
        let transfer = Transfer {
            id: TransferId::from_uuid(Uuid::nil()),
            shop: ShopId::from_uuid(Uuid::nil()),
            source_kind: "capture".into(),
            source_id: Uuid::nil(),
            order: None,
            currency: Currency::EUR,
            at: Time::from_unix_seconds(1_763_683_200),
            sequence: Some(7),
            hash: None,
            legs: vec![leg],
        };
        assert_eq!(
            entry(Format::Hledger, &transfer),
            "\n2025-11-21 * capture tfr_00000000000000000000000000\n    ; transfer tfr_00000000000000000000000000, 2025-11-21T00:00:00.000Z, number 7\n    \
             Assets:ProcessorClearing  19.05 EUR  ; share\n    Liabilities:PartyPayable:Pty-00000000000000000000000000  -19.05 EUR  ; share\n"
        );
        let open = account_line(Format::Beancount, &name(&transfer.legs[0].credit));
        assert_eq!(
            open,
            "1970-01-01 open Liabilities:PartyPayable:Pty-00000000000000000000000000\n"
        );
    }
}
