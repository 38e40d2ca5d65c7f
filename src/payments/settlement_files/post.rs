//! What follows from a line in the ledger. Every posting is made under the line's id, so it is made once.
//!
//! The fee we expected was borne by somebody when the money was taken. The true one is borne as if it had been known then: each account gets or gives
//! exactly its difference ([`Allocation::fee_change`](crate::payments::Allocation::fee_change)). What was sold in one currency and settled in another
//! leaves the processor's account in the first and enters it in the second, both against the account of exchange (L7).

use super::model::{Line, LineKind, Ours};
use super::store;
use crate::db::Tx;
use crate::kernel::{Currency, DisputeId, Id, Money, Result, SettlementLineId, ShopId, words};
use crate::ledger::{self, AccountKey, AccountKind, Leg, Posting};
use crate::payments::allocation::PlannedLeg;
use crate::payments::authorize::find;
use crate::payments::disputes;
use crate::payments::model::CaptureState;
use crate::payments::store as payments;

/// Moves `minor` into `to` out of `from`; below zero it goes the other way.
fn moved(to: AccountKind, from: AccountKind, minor: i64, purpose: &'static str) -> Leg {
    let (to, from) = (AccountKey::of(to), AccountKey::of(from));
    let (debit, credit) = if minor < 0 { (from, to) } else { (to, from) };
    Leg {
        debit,
        credit,
        minor: minor.abs(),
        purpose,
    }
}

fn post(
    tx: &mut Tx<'_>,
    shop: ShopId,
    (kind, line): (&'static str, SettlementLineId),
    ours: Option<&Ours>,
    currency: Currency,
    legs: Vec<Leg>,
) -> Result<()> {
    if legs.iter().all(|leg| leg.minor == 0 || leg.debit == leg.credit) {
        return Ok(()); // It was expected to the unit.
    }
    let posting = Posting {
        shop,
        source_kind: kind,
        source_id: line.uuid(),
        order: ours.map(|ours| ours.checkout.order()),
        currency,
        legs,
    };
    ledger::post(tx, &posting).map(drop)
}

/// Whose money it was: of a capture its own legs, of everything else what was taken altogether.
fn legs_of(tx: &mut Tx<'_>, kind: LineKind, ours: &Ours) -> Result<Vec<PlannedLeg>> {
    let captures = payments::captures(tx, ours.checkout.intent())?.into_iter();
    let mine = captures.filter(|capture| {
        capture.state == CaptureState::Succeeded && (kind != LineKind::Charge || capture.id.uuid() == ours.id)
    });
    Ok(mine.flat_map(|capture| capture.legs).collect())
}

/// A line that is about one of ours: the true fee, what is different in the amount, and the exchange.
///
/// The line has a rate where its currencies differ ([`Line::fee_as_sold`]).
pub fn settle(tx: &mut Tx<'_>, shop: ShopId, id: SettlementLineId, line: &Line, ours: &Ours) -> Result<()> {
    let fee = line.fee_as_sold().unwrap_or(0);
    let intent = find(tx, ours.checkout.intent())?;
    let captured = legs_of(tx, line.kind, ours)?;
    let mut legs = intent
        .allocation
        .fee_change(&captured, ours.fee_minor.max(0), fee.max(0));
    // More came back than was kept: nobody's share of a sale, the shop's. A fee that was told and came back was booked so.
    legs.push(moved(
        AccountKind::ProcessorFees,
        AccountKind::ProcessorClearing,
        fee.min(0) - ours.fee_minor.min(0),
        "processor_fee",
    ));
    let expected = if line.sold.minor < 0 { -ours.minor } else { ours.minor };
    legs.push(moved(
        AccountKind::ProcessorClearing,
        AccountKind::SettlementDifferences,
        line.sold.minor - expected,
        "settlement_difference",
    ));
    if line.sold.currency != line.net.currency {
        // What was expected of a sale is borne in its own currency; what was told of a dispute left in the one it is settled in.
        let borne = if line.kind.is_dispute() {
            fee - ours.fee_minor
        } else {
            fee
        };
        legs.push(moved(
            AccountKind::CurrencyExchange,
            AccountKind::ProcessorClearing,
            line.sold.minor - borne,
            "exchange",
        ));
        let into = vec![moved(
            AccountKind::ProcessorClearing,
            AccountKind::CurrencyExchange,
            line.net.minor + ours.told_minor,
            "exchange",
        )];
        post(
            tx,
            shop,
            ("settlement_exchange", id),
            Some(ours),
            line.net.currency,
            into,
        )?;
    }
    post(tx, shop, ("settlement", id), Some(ours), line.sold.currency, legs)?;
    if line.kind == LineKind::Charge {
        store::true_fee(tx, ours.id, fee)?;
    } else if line.kind.is_dispute() {
        let fee = Money::new(line.fee_minor, line.net.currency);
        disputes::settled(tx, DisputeId::from_uuid(ours.id), &line.name, fee)?;
    }
    let money = |minor| words::money(Money::new(minor, line.sold.currency));
    let what = match line.kind {
        LineKind::Charge => format!("settled {} and kept {} of it", money(line.sold.minor), money(fee)),
        LineKind::Refund => format!(
            "settled the refund of {} and kept {}",
            money(-line.sold.minor),
            money(fee)
        ),
        LineKind::RefundFailed => format!("settled the return of {}", money(line.sold.minor)),
        _ => format!("settled the dispute of {}", money(line.sold.minor.abs())),
    };
    let detail = match fee - ours.fee_minor {
        0 => String::new(),
        _ => format!("{} was expected to be kept.", money(ours.fee_minor)),
    };
    let what = format!("The processor {what}.");
    payments::log(tx, intent.id, &what, &detail)
}

/// A fee of the account, or a payout: booked as it stands.
pub fn book(tx: &mut Tx<'_>, shop: ShopId, id: SettlementLineId, line: &Line) -> Result<()> {
    let against = match line.kind {
        LineKind::Payout => AccountKind::PaidOut,
        _ => AccountKind::ProcessorFees,
    };
    let legs = vec![
        moved(
            against,
            AccountKind::ProcessorClearing,
            -(line.net.minor + line.fee_minor),
            line.kind.word(),
        ),
        moved(
            AccountKind::ProcessorFees,
            AccountKind::ProcessorClearing,
            line.fee_minor,
            "processor_fee",
        ),
    ];
    post(tx, shop, ("settlement", id), None, line.net.currency, legs)
}

/// A person agrees with a line of something we do not know: what it changes is a difference.
pub fn accept_extra(tx: &mut Tx<'_>, shop: ShopId, id: SettlementLineId, net: Money) -> Result<()> {
    let legs = vec![moved(
        AccountKind::ProcessorClearing,
        AccountKind::SettlementDifferences,
        net.minor,
        "settlement_difference",
    )];
    post(tx, shop, ("settlement", id), None, net.currency, legs)
}

/// A person agrees with a line that cannot be compared with ours: ours leaves, and what the line says comes, but for the fee of a dispute that was booked.
pub fn replace(tx: &mut Tx<'_>, shop: ShopId, id: SettlementLineId, line: &Line, ours: &Ours) -> Result<()> {
    let net = Money::new(line.net.minor + ours.told_minor, line.net.currency);
    let mut left = ours.clone();
    if line.kind.is_dispute() {
        left.fee_minor = 0; // It stands where it was booked.
        let fee = Money::new(line.fee_minor, line.net.currency);
        disputes::settled(tx, DisputeId::from_uuid(ours.id), &line.name, fee)?;
    }
    write_off(tx, shop, id, &left, line.sold.minor.signum())?;
    accept_extra(tx, shop, id, net)
}

/// A person agrees that ours will not be settled as we have it: what we counted on, without the fee, is a difference.
pub fn write_off(tx: &mut Tx<'_>, shop: ShopId, id: SettlementLineId, ours: &Ours, sign: i64) -> Result<()> {
    let legs = vec![moved(
        AccountKind::SettlementDifferences,
        AccountKind::ProcessorClearing,
        sign * ours.minor - ours.fee_minor,
        "settlement_difference",
    )];
    post(tx, shop, ("settlement_write_off", id), Some(ours), ours.currency, legs)?;
    let what = format!(
        "{} of it is not settled by the processor, and was written off.",
        words::money(Money::new(ours.minor, ours.currency))
    );
    payments::log(tx, ours.checkout.intent(), &what, "")
}
