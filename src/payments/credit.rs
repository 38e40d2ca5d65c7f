//! Giving money back as store credit: the legs of a refund, with nobody to ask. The buyer is owed it on their card, and the processor keeps what it took.

use super::authorize::find;
use super::model::{Refund, RefundPlan};
use super::refund::{RefundBegin, find_refund, refund_begin};
use super::store;
use crate::db::Tx;
use crate::kernel::{AdjustmentId, Error, Id, IntentId, Result};
use crate::ledger::{self, AccountKey, AccountKind, Leg, Posting};

/// Reverses the planned legs into what is owed on gift cards, under the same limits and in the same rows as a refund. Errors: `exceeds_captured`.
///
/// The adjustment is its natural key: whoever calls it has just written that down.
pub fn credit(tx: &mut Tx<'_>, intent: IntentId, adjustment: AdjustmentId, plan: &RefundPlan) -> Result<()> {
    match refund_begin(tx, intent, adjustment, plan)? {
        RefundBegin::Sending(_) => {}
        RefundBegin::Again(_) => return Ok(()),
        RefundBegin::Refused { refundable } => {
            return Err(Error::conflict(
                "exceeds_captured",
                format!("At most {refundable} can be given back."),
            ));
        }
    }
    store::take_refund(tx, intent, plan.amount.minor)?;
    store::credit_refunds(tx, intent, adjustment)?;
    for refund in credited(tx, intent, adjustment)? {
        post(tx, &refund, Way::Onto)?;
    }
    let what = format!("{} became store credit; the processor keeps it.", plan.amount);
    store::log(tx, intent, &what, "")
}

/// Store credit goes back as money after all: from now on it is a refund that was not sent yet, and the resolver asks for it. Whoever calls it has taken it
/// from the card. How much that is; nothing, if it was no credit any more.
pub fn pay_out(tx: &mut Tx<'_>, intent: IntentId, adjustment: AdjustmentId) -> Result<i64> {
    let mut minor = 0;
    for refund in credited(tx, intent, adjustment)? {
        if store::uncredit_refund(tx, refund.id)? {
            store::retake_refund(tx, intent, refund.amount.minor)?;
            post(tx, &refund, Way::Off)?;
            minor += refund.amount.minor;
        }
    }
    if minor > 0 {
        let currency = find(tx, intent)?.amount.currency;
        let what = format!(
            "{} of store credit goes back as money.",
            crate::kernel::Money::new(minor, currency)
        );
        store::log(tx, intent, &what, "")?;
    }
    Ok(minor)
}

fn credited(tx: &mut Tx<'_>, intent: IntentId, adjustment: AdjustmentId) -> Result<Vec<Refund>> {
    let lines = store::refunds(tx, intent)?.into_iter();
    let mine = lines.filter(|line| line.adjustment == adjustment && line.credited);
    mine.map(|line| find_refund(tx, line.id)).collect()
}

#[derive(Clone, Copy)]
enum Way {
    Onto,
    Off,
}

fn post(tx: &mut Tx<'_>, refund: &Refund, way: Way) -> Result<()> {
    let owed = AccountKey::of(match mutant!("L1-credit") {
        true => AccountKind::ProcessorClearing,
        false => AccountKind::GiftCardLiability,
    });
    let legs = refund.legs.iter().map(|leg| {
        let (debit, credit) = match way {
            Way::Onto => (leg.account, owed),
            Way::Off => (owed, leg.account),
        };
        Leg {
            debit,
            credit,
            minor: leg.minor,
            purpose: leg.purpose.name(),
        }
    });
    let posting = Posting {
        shop: refund.shop,
        source_kind: match way {
            Way::Onto => "store_credit",
            Way::Off => "store_credit_paid_out",
        },
        source_id: refund.id.uuid(),
        order: Some(refund.attempt.checkout.order()),
        currency: refund.amount.currency,
        legs: legs.collect(),
    };
    ledger::post(tx, &posting).map(drop)
}
