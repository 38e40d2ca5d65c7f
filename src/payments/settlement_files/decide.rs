//! What is left for a person: why a line is an exception, what agreeing with it books, and the decision.

use super::model::{Amount, Line, LineKind, LineState, Ours, SettlementLine, Trouble};
use super::work::{again, missing};
use super::{post, store};
use crate::db::Tx;
use crate::kernel::{Error, Money, Result, SettlementLineId, ShopId, StaffId, words};
use serde::{Deserialize, Serialize};

/// What a person may say about an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SettlementDecision)]
pub enum Decision {
    /// The file is right: what is different from our books is booked.
    Accept,
    /// Nothing is booked; the reason stays with the line.
    Leave,
}

/// What became of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decide {
    /// The line as it stands now. Open: of an `extra` we have heard since, and it does not agree, which is another question.
    Decided(SettlementLine),
    NotFound,
    /// It was decided before, or came by itself.
    NotOpen(LineState),
}

/// An exception in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Says {
    /// What is wrong, without a full stop.
    pub title: String,
    /// What they say and what we have.
    pub detail: String,
    /// What agreeing with the file books.
    pub accept: String,
}

/// Decides about an exception. Order of answers: not found, not open, decided. Errors: `invalid_field` without a reason.
pub fn decide(
    tx: &mut Tx<'_>,
    shop: ShopId,
    id: SettlementLineId,
    decision: Decision,
    reason: &str,
    staff: Option<StaffId>,
) -> Result<Decide> {
    let reason = reason.trim();
    if !(3..=1000).contains(&reason.chars().count()) {
        return Err(Error::field(
            "/reason",
            "Say why, in 3 to 1000 characters. It stays with the line.",
        ));
    }
    let Some(found) = store::line(tx, shop, id)? else {
        return Ok(Decide::NotFound);
    };
    if found.state != LineState::Open {
        return Ok(Decide::NotOpen(found.state));
    }
    let to = match decision {
        Decision::Accept => LineState::Accepted,
        Decision::Leave => LineState::Left,
    };
    if found.trouble == Trouble::Missing
        && let Some(capture) = found.ours
        && store::is_named(tx, shop, capture)?
    {
        // The line that names it was looked at in the moment in which it was found missing.
        store::came(tx, shop, &found.processor, &missing(capture))?;
        return Ok(Decide::NotOpen(LineState::Resolved));
    }
    let line = as_read(&found);
    let known = match (decision, found.trouble) {
        (Decision::Accept, Trouble::Extra) => again(tx, shop, &found.processor, &line)?,
        _ => None,
    };
    let done = match known {
        // We have heard of it since: it is matched as if it came today.
        Some((ours, Trouble::None)) => {
            let done = store::match_late(tx, shop, id, &ours, reason)?;
            if done {
                post::settle(tx, shop, id, &line, &ours)?;
            }
            done
        }
        // And it does not agree: what was said was no answer to that.
        Some((ours, trouble)) => store::ask_again(tx, shop, id, &ours, trouble)?,
        None => {
            let done = store::decide(tx, shop, id, to, reason, staff)?;
            if done && decision == Decision::Accept {
                accept(tx, &found, &line)?;
            }
            done
        }
    };
    let now = store::line(tx, shop, id)?;
    Ok(match now {
        Some(now) if done => Decide::Decided(now),
        Some(now) => Decide::NotOpen(now.state),
        None => Decide::NotFound,
    })
}

fn accept(tx: &mut Tx<'_>, found: &SettlementLine, line: &Line) -> Result<()> {
    let (shop, id) = (found.shop, found.id);
    let ours = match ours(found) {
        Some(ours) if line.kind.is_dispute() => Some(store::with_told(tx, ours, line)?),
        ours => ours,
    };
    match (found.trouble, ours) {
        (Trouble::Fee | Trouble::Amount, Some(ours)) if line.fee_as_sold().is_some() => {
            post::settle(tx, shop, id, line, &ours)
        }
        (Trouble::Missing, Some(ours)) => post::write_off(tx, shop, id, &ours, 1),
        (Trouble::Fee | Trouble::Amount | Trouble::Currency, Some(ours)) => post::replace(tx, shop, id, line, &ours),
        _ => post::accept_extra(tx, shop, id, found.net),
    }
}

/// The line as the file said it.
fn as_read(found: &SettlementLine) -> Line {
    let amount = |money: Money| Amount {
        minor: money.minor,
        currency: money.currency,
    };
    Line {
        number: found.number,
        name: found.name.clone(),
        kind: found.kind,
        word: found.word.clone(),
        payment: found.payment.clone(),
        operation: found.operation.clone(),
        names_operation: found.kind != LineKind::Charge || !found.operation.is_empty(),
        sold: amount(found.sold),
        net: amount(found.net),
        fee_minor: found.fee_minor,
        at: found.at,
    }
}

fn ours(found: &SettlementLine) -> Option<Ours> {
    Some(Ours {
        id: found.ours?,
        checkout: found.checkout?,
        name: String::new(),
        minor: found.ours_minor,
        currency: found.ours_currency(),
        fee_minor: found.ours_fee_minor,
        told_minor: 0,
        is_taken: false,
    })
}

/// What an exception says, for people.
pub fn explain(line: &SettlementLine) -> Says {
    let sold = words::money(Money::new(line.sold.minor.abs(), line.sold.currency));
    let net = words::money(Money::new(line.net.minor.abs(), line.net.currency));
    let ours = words::money(Money::new(line.ours_minor, line.ours_currency()));
    let way = if line.net.minor < 0 { "out of" } else { "into" };
    let (what, processor) = (noun(line.kind), &line.processor);
    let kind = if line.word.is_empty() { what } else { &line.word };
    let differences =
        format!("Agreeing books {net} {way} the processor's account, against “Differences in settlement files”.");
    match line.trouble {
        Trouble::Missing => Says {
            title: format!("{ours} was taken, and no file names it"),
            detail: format!("{processor} took it, and later files of it have come without it."),
            accept: "Agreeing writes it off: what we counted on is booked against “Differences in settlement files”.".into(),
        },
        Trouble::Amount => Says {
            title: format!("A {what} of {sold}, and we have {ours}"),
            detail: format!("{processor} settled another amount than it told us."),
            accept: "Agreeing books the difference against “Differences in settlement files”, and the true fee.".into(),
        },
        Trouble::Currency => Says {
            title: format!("A {what} of {sold}, and we have {ours}"),
            detail: format!("{processor} settled it in a way that has no rate between the two."),
            accept: "Agreeing takes ours off the processor's account and books what the file says, both against “Differences in settlement files”.".into(),
        },
        Trouble::Fee => {
            let fee = |minor| words::money(Money::new(minor, line.ours_currency()));
            let kept = as_read(line).fee_as_sold().unwrap_or(line.fee_minor);
            Says {
                title: format!("{} was kept of {sold}, and {} was expected", fee(kept), fee(line.ours_fee_minor)),
                detail: format!("The amount is as we have it; {processor} kept far more or less of it."),
                accept: "Agreeing books the true fee on whoever bore the expected one.".into(),
            }
        }
        Trouble::Duplicate => Says {
            title: format!("A {what} of {sold} that was named before"),
            detail: format!("{processor} names it a second time, or with other words than before, or it was written off, or a file of another processor has named it."),
            accept: differences,
        },
        Trouble::Extra | Trouble::None => Says {
            title: format!("{sold} ({kind}) that we do not know"),
            detail: match line.payment.is_empty() {
                true => format!("{processor} names no payment for it."),
                false => format!("{processor} names the payment {}, of which we have no such {what}.", line.payment),
            },
            accept: differences,
        },
    }
}

/// "charge", in a sentence.
pub fn noun(kind: LineKind) -> &'static str {
    match kind {
        LineKind::Charge => "charge",
        LineKind::Refund => "refund",
        LineKind::RefundFailed => "returned refund",
        LineKind::Dispute => "dispute",
        LineKind::DisputeWon => "won dispute",
        LineKind::Fee => "fee",
        LineKind::Payout => "payout",
        LineKind::Carried => "balance carried on",
        LineKind::Other => "movement",
    }
}
