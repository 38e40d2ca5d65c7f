//! Taking a card's part for what leaves.

use super::hold::of;
use super::model::MoveKind;
use super::store::{self, NewMove};
use crate::db::Tx;
use crate::kernel::{CheckoutId, Error, Id, Result, ShipmentId};
use crate::ledger::{self, AccountKey, AccountKind, Leg, Posting};
use crate::payments::{Part, PlannedLeg};

/// Takes a card's part of a parcel, in the transaction that hands it over: what was owed on the card is now everybody's share of the sale, split as it
/// was frozen. `units` says of each part how many units have left altogether. The parcel is the natural key: taken twice is taken once.
pub fn take(tx: &mut Tx<'_>, checkout: CheckoutId, shipment: ShipmentId, units: &[(Part, u32)]) -> Result<()> {
    let used = of(tx, checkout)?;
    let allocation = used
        .allocation
        .as_ref()
        .ok_or_else(|| Error::internal("a sale was handed over whose payment never began"))?;
    let legs = allocation.capture(&used.taken_legs(), units)?;
    let minor: i64 = legs.iter().map(|leg| leg.minor).sum();
    if minor == 0 {
        return Ok(());
    }
    let taken = NewMove {
        shop: used.shop,
        card: used.card,
        kind: MoveKind::Taken,
        source: Some(shipment.uuid()),
        checkout: Some(checkout),
        minor,
        detail: "",
        legs: &legs,
        staff: None,
    };
    if !store::record(tx, &taken)? {
        return Ok(());
    }
    assert!(
        minor <= used.held_minor,
        "what a gift card pays for a parcel was set aside for it"
    );
    store::move_use(
        tx,
        &used,
        used.held_minor - minor,
        used.taken_minor + minor,
        used.returned_minor,
    )?;
    store::spend(tx, used.card, minor)?;
    let owed = AccountKey::of(AccountKind::GiftCardLiability);
    let currency = store::find(tx, used.shop, used.card)?
        .ok_or_else(|| Error::internal("a gift card that is used is gone"))?
        .currency;
    let share = |leg: &PlannedLeg| Leg {
        debit: owed,
        credit: leg.account,
        minor: leg.minor,
        purpose: leg.purpose.name(),
    };
    let posting = Posting {
        shop: used.shop,
        source_kind: "gift_card_use",
        source_id: shipment.uuid(),
        order: Some(checkout.order()),
        currency,
        legs: legs.iter().map(share).collect(),
    };
    ledger::post(tx, &posting).map(drop)
}
