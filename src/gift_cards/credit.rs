//! Store credit: money of an order that goes back onto a card of its buyer.

use super::model::{Code, GiftCard, GiftCardState, MoveKind, Reason, Standing, Use};
use super::store::{self, NewMove};
use crate::db::Tx;
use crate::kernel::{AdjustmentId, Currency, Error, GiftCardId, Id, OrderId, Result, ShopId, StaffId};
use uuid::Uuid;

/// The card of an order's store credit: an order has one, however often something of it is credited.
pub fn credit_of(order: OrderId) -> GiftCardId {
    GiftCardId::from_uuid(Uuid::new_v5(&order.uuid(), b"store credit"))
}

/// Where an order's store credit goes: onto the card that paid for it, so that what is spent next is in one purse; or onto one of its own, if none paid, or it
/// was stopped or will expire.
pub fn purse(tx: &mut Tx<'_>, order: OrderId, used: Option<&Use>) -> Result<GiftCardId> {
    if let Some(used) = used
        && let Some(card) = store::find(tx, used.shop, used.card)?
        && card.expires_at.is_none()
        && matches!(card.standing(tx.now()), Standing::Usable | Standing::UsedUp)
    {
        return Ok(card.id);
    }
    Ok(credit_of(order))
}

/// Money that becomes credit.
#[derive(Clone, Debug)]
pub struct NewCredit {
    pub shop: ShopId,
    pub order: OrderId,
    /// Where it goes: [`purse`].
    pub card: GiftCardId,
    pub adjustment: AdjustmentId,
    pub minor: i64,
    pub currency: Currency,
    /// Of the order's own credit, if it is made now.
    pub code: Code,
    pub staff: Option<StaffId>,
}

/// Puts it on the card, in the transaction that books it. The adjustment is the natural key.
pub fn credit(tx: &mut Tx<'_>, new: &NewCredit) -> Result<()> {
    let is_own = new.card == credit_of(new.order);
    let card = GiftCard {
        id: new.card,
        shop: new.shop,
        last_four: new.code.last_four().to_owned(),
        currency: new.currency,
        initial_minor: new.minor,
        balance_minor: new.minor,
        held_minor: 0,
        reason: Reason::StoreCredit,
        state: GiftCardState::Active,
        note: String::new(),
        expires_at: None,
        version: 1,
        created_at: tx.now(),
        order: Some(new.order),
    };
    let is_new = is_own && store::insert(tx, &card, new.code.hash(new.shop))?;
    let noted = NewMove {
        shop: new.shop,
        card: new.card,
        kind: MoveKind::Credited,
        source: Some(new.adjustment.uuid()),
        checkout: None,
        minor: new.minor,
        detail: "",
        legs: &[],
        staff: new.staff,
    };
    if store::record(tx, &noted)? && (!is_new || mutant!("X4-credit")) {
        store::top_up(tx, new.card, new.minor)?;
    }
    Ok(())
}

/// Takes credit off its card again, because it goes back as money: all of it or nothing. False: the buyer has spent it.
pub fn take_off(tx: &mut Tx<'_>, shop: ShopId, adjustment: AdjustmentId, minor: i64) -> Result<bool> {
    let card = store::credited_with(tx, adjustment)?.ok_or_else(|| Error::internal("credit lies on no card"))?;
    if !store::pay_out(tx, card, minor)? {
        return Ok(false);
    }
    let noted = NewMove {
        shop,
        card,
        kind: MoveKind::PaidOut,
        source: Some(adjustment.uuid()),
        checkout: None,
        minor,
        detail: "",
        legs: &[],
        staff: None,
    };
    store::record(tx, &noted)
}
