//! Putting back onto a card what it had paid.

use super::hold::of;
use super::model::{MoveKind, Use};
use super::store::{self, NewMove};
use crate::db::Tx;
use crate::kernel::{AdjustmentId, CheckoutId, Error, Id, Result, StaffId};
use crate::ledger::{self, AccountKey, AccountKind, Leg, Posting};
use crate::payments::{Part, PlannedLeg};

/// The exact legs of what goes back onto a card, `amounts` of each part. Errors: `exceeds_captured`.
pub fn plan_back(used: &Use, amounts: &[(Part, i64)]) -> Result<Vec<PlannedLeg>> {
    let Some(allocation) = &used.allocation else {
        return Ok(Vec::new());
    };
    allocation.refund(&used.taken_legs(), &used.returned_legs(), amounts)
}

/// Puts it back, in the transaction that writes the adjustment, which is the natural key. Also onto a card that is disabled or has expired: it is owed
/// again, and the shop can enable the card or move its end.
pub fn give_back(
    tx: &mut Tx<'_>,
    checkout: CheckoutId,
    adjustment: AdjustmentId,
    legs: &[PlannedLeg],
    staff: Option<StaffId>,
) -> Result<()> {
    let used = of(tx, checkout)?;
    let minor: i64 = legs.iter().map(|leg| leg.minor).sum();
    if minor == 0 {
        return Ok(());
    }
    let returned = NewMove {
        shop: used.shop,
        card: used.card,
        kind: MoveKind::Returned,
        source: Some(adjustment.uuid()),
        checkout: Some(checkout),
        minor,
        detail: "",
        legs,
        staff,
    };
    if !store::record(tx, &returned)? || mutant!("X4-return") {
        return Ok(());
    }
    assert!(
        minor <= used.returnable_minor(),
        "never more goes back onto a gift card than was taken from it"
    );
    store::move_use(
        tx,
        &used,
        used.held_minor,
        used.taken_minor,
        used.returned_minor + minor,
    )?;
    store::refill(tx, used.card, minor)?;
    let owed = AccountKey::of(AccountKind::GiftCardLiability);
    let currency = store::find(tx, used.shop, used.card)?
        .ok_or_else(|| Error::internal("a gift card that is used is gone"))?
        .currency;
    let back = |leg: &PlannedLeg| Leg {
        debit: leg.account,
        credit: owed,
        minor: leg.minor,
        purpose: leg.purpose.name(),
    };
    let posting = Posting {
        shop: used.shop,
        source_kind: "gift_card_return",
        source_id: adjustment.uuid(),
        order: Some(checkout.order()),
        currency,
        legs: legs.iter().map(back).collect(),
    };
    ledger::post(tx, &posting).map(drop)
}
