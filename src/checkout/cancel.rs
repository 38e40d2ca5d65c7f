//! Letting go: a buyer leaves a checkout, or an order is canceled before anything of it was taken or shipped.

use super::buy::{let_discounts_go, let_drop_go, let_drop_lie, let_gift_card_go};
use super::conclude::{Settled, settle};
use super::model::{AdjustmentKind, Checkout, CheckoutState, Order, OrderLine};
use super::store;
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::drops;
use crate::inventory::{self, Claim, Restock};
use crate::kernel::{AdjustmentId, CheckoutId, Error, Fact, Id, OrderId, Result, ShopId, StaffId};
use crate::payments::{self, Attempt, Operation, VoidBegin};
use crate::preorders;

/// What became of leaving.
#[derive(Clone, Debug)]
pub enum Cancel {
    Canceled(Box<Settled>),
    NotFound,
    /// It is an order already: cancel that.
    Completed,
}

/// Releases what a checkout holds. Money that still arrives is let go again. Order of answers: not found, completed, canceled (also twice).
pub async fn cancel(app: &App, shop: ShopId, id: CheckoutId) -> Result<Cancel> {
    let Some(known) = app.db.read(move |tx| store::find(tx, shop, id)).await? else {
        return Ok(Cancel::NotFound);
    };
    let lane = known.lane_key();
    let app = app.clone();
    app.clone()
        .track(async move {
            let (answer, owed) = app.db.write(lane, move |tx| leave(tx, id)).await?;
            if let Some(attempt) = owed {
                let_go(&app, lane, attempt).await?;
            }
            Ok(answer)
        })
        .await
}

fn leave(tx: &mut Tx<'_>, id: CheckoutId) -> Result<(Cancel, Option<Attempt>)> {
    let settled = settle(tx, id)?;
    let checkout = &settled.checkout;
    if checkout.state == CheckoutState::Completed {
        return Ok((Cancel::Completed, None));
    }
    if !checkout.state.is_open() {
        return Ok((Cancel::Canceled(Box::new(settled)), None));
    }
    inventory::release(tx, id)?;
    let_gift_card_go(tx, checkout)?;
    let_drop_lie(tx, checkout)?;
    let_discounts_go(tx, checkout)?;
    let owed = match payments::intent(tx, id.intent())? {
        Some(_) => payments::void_begin(tx, id.intent())?,
        None => VoidBegin::Nothing,
    };
    store::advance(tx, checkout, CheckoutState::Canceled, checkout.expires_at)?;
    let owed = if let VoidBegin::Sending(attempt) = owed {
        Some(attempt)
    } else {
        None
    };
    Ok((Cancel::Canceled(Box::new(settle(tx, id)?)), owed))
}

pub(super) async fn let_go(app: &App, lane: LaneKey, attempt: Attempt) -> Result<()> {
    let answer = payments::void_ask(app, &attempt).await;
    app.db
        .write(lane, move |tx| {
            let recorded = payments::record(tx, attempt.id, Operation::Void, &answer)?;
            super::conclude(tx, recorded.checkout)
        })
        .await
}

/// What became of canceling an order.
#[derive(Clone, Debug)]
pub enum CancelOrder {
    Canceled(Box<Order>),
    /// It was canceled before.
    Again(Box<Order>),
    NotFound,
    /// Something was shipped: refund instead.
    AlreadyShipped,
    /// Money is being taken right now.
    CapturePending,
}

/// Cancels an order nothing was shipped of: the money is let go, the units are for sale again.
///
/// Order of answers: not found, again, already shipped, capture pending, canceled. What a crash leaves of the void is finished by the resolver.
pub async fn cancel_order(
    app: &App,
    shop: ShopId,
    id: OrderId,
    staff: Option<StaffId>,
    reason: String,
) -> Result<CancelOrder> {
    let lane = LaneKey::of(id);
    let app = app.clone();
    app.clone()
        .track(async move {
            let id_of = cancellation(id);
            let (answer, owed) = app
                .db
                .write(lane, move |tx| undo(tx, shop, id, id_of, staff, &reason))
                .await?;
            if let Some(attempt) = owed {
                let_go(&app, lane, attempt).await?;
            }
            Ok(answer)
        })
        .await
}

/// What was canceled whole is canceled once, so the id follows from the order's.
fn cancellation(order: OrderId) -> AdjustmentId {
    AdjustmentId::from_uuid(uuid::Uuid::new_v5(&order.uuid(), b"cancellation"))
}

pub(super) fn undo(
    tx: &mut Tx<'_>,
    shop: ShopId,
    id: OrderId,
    adjustment: AdjustmentId,
    staff: Option<StaffId>,
    reason: &str,
) -> Result<(CancelOrder, Option<Attempt>)> {
    if store::find_order(tx, shop, id)?.is_none() {
        return Ok((CancelOrder::NotFound, None));
    }
    super::take_turn(tx, id)?; // Whoever hands a parcel over at the same moment is before us, or after.
    let Some(order) = store::find_order(tx, shop, id)? else {
        return Ok((CancelOrder::NotFound, None));
    };
    if order.canceled_at.is_some() {
        return Ok((CancelOrder::Again(Box::new(order)), None));
    }
    if store::lines(tx, id)?.iter().any(|line| line.shipped > 0) {
        return Ok((CancelOrder::AlreadyShipped, None));
    }
    let begun = if mutant!("P8-cancel") {
        VoidBegin::Nothing
    } else {
        payments::void_begin(tx, order.checkout.intent())?
    };
    let owed = match begun {
        VoidBegin::CapturePending => return Ok((CancelOrder::CapturePending, None)),
        VoidBegin::Sending(attempt) => Some(attempt),
        VoidBegin::Nothing => None,
    };
    let checkout = store::load(tx, order.checkout)?;
    let_gift_card_go(tx, &checkout)?;
    let_drop_go(tx, &checkout)?;
    let_discounts_go(tx, &checkout)?;
    store::cancel_order(tx, id)?;
    let canceled: i64 = store::canceled_minor(tx, id)?;
    put_back(
        tx,
        (&order, &checkout),
        adjustment,
        order.total_minor - canceled,
        reason,
        staff,
    )?;
    tx.publish(&Fact::OrderCanceled { shop, order: id })?;
    let order = Order {
        canceled_at: Some(tx.now()),
        version: order.version + 1,
        ..order
    };
    Ok((CancelOrder::Canceled(Box::new(order)), owed))
}

/// What did not leave is for sale again, and the books say that it was canceled.
fn put_back(
    tx: &mut Tx<'_>,
    (order, checkout): (&Order, &Checkout),
    adjustment: AdjustmentId,
    minor: i64,
    reason: &str,
    staff: Option<StaffId>,
) -> Result<()> {
    for line in store::cancel_lines(tx, order.id)? {
        let claim = Claim {
            variant: line.variant,
            location: line.location,
            quantity: line.open(),
        };
        if !mutant!("D2-cancel") {
            inventory::restock(tx, &claim, Restock::Sellable)?;
        }
        if checkout.is_preorder(line.line) {
            preorders::given_back(tx, order.shop, (order.id, line.line), line.open(), Restock::Sellable)?;
        }
    }
    let kind = AdjustmentKind::Cancellation;
    if !store::insert_adjustment(tx, adjustment, order, kind, minor, reason, "{}", staff)? {
        return Err(Error::conflict(
            "id_reused",
            "This cancellation id is taken. Make a new one.",
        ));
    }
    Ok(())
}

/// Units of a drop with a limit that stay with the shop: their buyer may have as many again.
pub(super) fn give_drop_back(tx: &mut Tx<'_>, checkout: &Checkout, units: u32) -> Result<()> {
    match &checkout.offer.quote.drop {
        Some(drop) if drop.limit > 0 => drops::give_back(tx, checkout.id, units),
        _ => Ok(()),
    }
}

/// What became of an order whose buyer did not pay again in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// Nothing had left: the order is canceled.
    Canceled,
    /// Something had left: what did not is canceled, and the rest of the order stays.
    Rest,
    /// They paid meanwhile, or are at it; or everything has left, and what is owed is a matter between people.
    Nothing,
}

/// Gives up what did not leave of an order whose payment was lost and not made good in time. Doing it twice is doing it once.
pub fn give_up(tx: &mut Tx<'_>, shop: ShopId, id: OrderId) -> Result<GiveUp> {
    if store::find_order(tx, shop, id)?.is_none() {
        return Ok(GiveUp::Nothing);
    }
    super::take_turn(tx, id)?;
    let Some(view) = super::view(tx, shop, id)? else {
        return Ok(GiveUp::Nothing);
    };
    let now = tx.now();
    let Some(intent) = view.intent.filter(|intent| payments::is_overdue(intent, now)) else {
        return Ok(GiveUp::Nothing);
    };
    let left = view.lines.iter().any(|line| line.shipped > 0);
    let open = view.lines.iter().any(|line| line.open() > 0);
    if view.order.canceled_at.is_some() || !open {
        return Ok(GiveUp::Nothing);
    }
    let reason = "It was not paid again in time";
    if !left {
        undo(tx, shop, id, cancellation(id), None, reason)?;
        return Ok(GiveUp::Canceled);
    }
    // What was shipped and never paid is still owed; the rest is not.
    let shipped: Vec<(payments::Part, u32)> = view
        .lines
        .iter()
        .filter(|line| line.shipped > 0)
        .map(|line| (payments::Part::Line(line.line), line.shipped))
        .collect();
    let owed = payments::capture_plan(tx, intent.id, &shipped, true)?.amount.minor;
    payments::void_begin(tx, intent.id)?;
    let let_go = let_gift_card_go(tx, &view.checkout)?;
    let minor = intent.rest().minor - owed + let_go;
    let units = view.lines.iter().map(OrderLine::open).sum();
    put_back(tx, (&view.order, &view.checkout), cancellation(id), minor, reason, None)?;
    give_drop_back(tx, &view.checkout, units)?;
    store::touch_order(tx, id)?;
    Ok(GiveUp::Rest)
}
