//! Some units of an order are canceled before they leave: their money is never taken, and they are for sale again.

use super::cancel::{CancelOrder, give_drop_back, let_go, undo};
use super::model::AdjustmentKind;
use super::orders::{OrderView, Ship, view};
use super::store;
use crate::app::App;
use crate::catalog::KeepTheRest;
use crate::db::{LaneKey, Tx};
use crate::gift_cards;
use crate::inventory::{self, Claim, Restock};
use crate::kernel::{AdjustmentId, Error, Fact, Id, OrderId, Result, ShipmentId, ShopId, StaffId};
use crate::payments::{self, Attempt, Capture, CaptureBegin, CaptureState, Operation, Part, VoidBegin};
use crate::preorders;

/// Which units, and why.
#[derive(Clone, Debug)]
pub struct UnitsCanceled {
    /// Chosen by whoever asks: asking again is the same cancellation.
    pub id: AdjustmentId,
    pub units: Vec<Ship>,
    pub reason: String,
    /// None: the buyer.
    pub staff: Option<StaffId>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelUnits {
    Canceled,
    /// The same before.
    Again,
    NotFound,
    /// All of the order was canceled before.
    OrderCanceled,
}

/// What a processor is still to be asked for. If nobody does, the resolver of payments will.
#[derive(Clone, Debug)]
pub enum After {
    Nothing,
    /// Nothing more leaves: the rest of the promise is let go.
    LetGo(Box<Attempt>),
    /// Nothing more leaves: what waited for the last parcel is taken.
    Take(Box<Capture>),
}

/// Cancels units that have not left; the last open one cancels the order, or, if something has left, closes its payment.
///
/// Order of answers: not found, again, order canceled, canceled. Errors: `line_not_open` (so many are not open any more), `payment_unclear`,
/// `capture_pending`; then nothing was canceled.
pub async fn cancel_units(app: &App, shop: ShopId, order: OrderId, wish: UnitsCanceled) -> Result<CancelUnits> {
    let lane = LaneKey::of(order);
    let app = app.clone();
    app.clone()
        .track(async move {
            let (answer, after) = app
                .db
                .write(lane, move |tx| cancel_units_in(tx, shop, order, &wish))
                .await?;
            finish(&app, lane, after).await?;
            Ok(answer)
        })
        .await
}

/// Acts 2 and 3: asks the processor, and writes down what it said.
pub async fn finish(app: &App, lane: LaneKey, after: After) -> Result<()> {
    match after {
        After::Nothing => Ok(()),
        After::LetGo(attempt) => let_go(app, lane, *attempt).await,
        After::Take(capture) => {
            let answer = payments::capture_ask(app, &capture).await;
            let (attempt, id) = (capture.attempt.id, capture.id);
            app.db
                .write(lane, move |tx| {
                    let recorded = payments::record(tx, attempt, Operation::Capture(id), &answer)?;
                    super::conclude(tx, recorded.checkout)
                })
                .await
        }
    }
}

/// Act 1 of [`cancel_units`], for whoever cancels units with something else.
pub fn cancel_units_in(
    tx: &mut Tx<'_>,
    shop: ShopId,
    order: OrderId,
    wish: &UnitsCanceled,
) -> Result<(CancelUnits, After)> {
    if store::find_order(tx, shop, order)?.is_none() {
        return Ok((CancelUnits::NotFound, After::Nothing));
    }
    super::take_turn(tx, order)?;
    let Some(view) = view(tx, shop, order)? else {
        return Ok((CancelUnits::NotFound, After::Nothing));
    };
    if let Some(known) = view.adjustments.iter().find(|known| known.id == wish.id) {
        if known.kind != AdjustmentKind::Cancellation {
            return Err(id_reused());
        }
        return Ok((CancelUnits::Again, After::Nothing));
    }
    if view.order.canceled_at.is_some() {
        return Ok((CancelUnits::OrderCanceled, After::Nothing));
    }
    let units = checked(&view, &wish.units)?;
    let open: u32 = view.lines.iter().map(super::OrderLine::open).sum();
    let stays = open - units.iter().map(|unit| unit.quantity).sum::<u32>();
    let has_left = view.lines.iter().any(|line| line.shipped > 0);
    if stays == 0 && !has_left {
        return whole(tx, shop, order, wish);
    }
    let named = |line: &super::OrderLine| {
        let mine = units.iter().filter(|unit| unit.line == line.line);
        mine.map(|unit| unit.quantity).sum::<u32>()
    };
    // Nobody's bundle is taken apart before it leaves who would have to keep, or pay, something else for it.
    super::refuse_parts_of_bundles(
        &view,
        |keep| keep != KeepTheRest::Prorate,
        |line| named(line) > 0,
        |line| line.quantity.saturating_sub(line.canceled + line.asked + named(line)),
        "cancel all of it, or give parts of it back once they have left.",
    )?;
    take_off(tx, &view, &units)?;
    let minor = free_money(tx, &view, &units, wish)?;
    give_drop_back(tx, &view.checkout, units.iter().map(|unit| unit.quantity).sum())?;
    let detail = serde_json::json!({ "lines": &units }).to_string();
    let kind = AdjustmentKind::Cancellation;
    if !store::insert_adjustment(tx, wish.id, &view.order, kind, minor, &wish.reason, &detail, wish.staff)? {
        return Err(id_reused());
    }
    tx.publish(&Fact::UnitsCanceled {
        shop,
        order,
        adjustment: wish.id,
    })?;
    super::refund::give_back_rests(tx, shop, order, wish)?;
    // Only what costs nothing may stay: then nothing is left to be promised either.
    let rest = payments::intent(tx, view.order.checkout.intent())?.map_or(0, |intent| intent.rest().minor);
    let after = match stays {
        0 => close(tx, &view, wish.id)?,
        _ if rest == 0 && minor > 0 => match payments::void_begin(tx, view.order.checkout.intent())? {
            VoidBegin::Sending(attempt) => After::LetGo(Box::new(attempt)),
            VoidBegin::Nothing | VoidBegin::CapturePending => After::Nothing,
        },
        _ => After::Nothing,
    };
    Ok((CancelUnits::Canceled, after))
}

/// Nothing had left and nothing stays: the order is canceled.
fn whole(tx: &mut Tx<'_>, shop: ShopId, order: OrderId, wish: &UnitsCanceled) -> Result<(CancelUnits, After)> {
    let (answer, owed) = undo(tx, shop, order, wish.id, wish.staff, &wish.reason)?;
    let after = owed.map_or(After::Nothing, |attempt| After::LetGo(Box::new(attempt)));
    match answer {
        CancelOrder::Canceled(_) | CancelOrder::Again(_) => Ok((CancelUnits::Canceled, after)),
        CancelOrder::NotFound => Ok((CancelUnits::NotFound, after)),
        CancelOrder::CapturePending => Err(capture_pending()),
        CancelOrder::AlreadyShipped => Err(not_open(0)),
    }
}

/// The named units, each line once, in the order in which rows of stock are locked. Errors: `line_not_open`, `invalid_field`.
fn checked(view: &OrderView, units: &[Ship]) -> Result<Vec<Ship>> {
    let mut named: Vec<(crate::kernel::VariantId, Ship)> = Vec::with_capacity(units.len());
    for unit in units.iter().filter(|unit| unit.quantity > 0) {
        let line = view.lines.iter().find(|line| line.line == unit.line);
        let line = line.ok_or_else(|| not_open(unit.line))?;
        match named.iter_mut().find(|(_, known)| known.line == unit.line) {
            Some((_, known)) => known.quantity = known.quantity.saturating_add(unit.quantity),
            None => named.push((line.variant, *unit)),
        }
        let (_, known) = named
            .iter()
            .find(|(_, known)| known.line == unit.line)
            .expect("it was just named");
        if known.quantity > line.open() {
            return Err(not_open(unit.line));
        }
    }
    if named.is_empty() {
        return Err(Error::field("/lines", "Choose at least one piece that has not left."));
    }
    named.sort_by_key(|(variant, unit)| (*variant, unit.line));
    Ok(named.into_iter().map(|(_, unit)| unit).collect())
}

/// Counts the units as canceled, and puts them back where they were taken.
fn take_off(tx: &mut Tx<'_>, view: &OrderView, units: &[Ship]) -> Result<()> {
    for unit in units {
        if !store::cancel_units(tx, view.order.id, unit.line, unit.quantity)? {
            return Err(not_open(unit.line));
        }
        let line = view.lines.iter().find(|line| line.line == unit.line);
        let line = line.ok_or_else(|| not_open(unit.line))?;
        let claim = Claim {
            variant: line.variant,
            location: line.location,
            quantity: unit.quantity,
        };
        inventory::restock(tx, &claim, Restock::Sellable)?;
        if view.checkout.is_preorder(unit.line) {
            let shop = view.order.shop;
            preorders::given_back(tx, shop, (view.order.id, unit.line), unit.quantity, Restock::Sellable)?;
        }
    }
    Ok(())
}

/// What the units were to cost is never taken: of each purse exactly what its captures will leave out. Answers how much that is altogether.
fn free_money(tx: &mut Tx<'_>, view: &OrderView, units: &[Ship], wish: &UnitsCanceled) -> Result<i64> {
    let share = |allocation: &payments::Allocation| {
        let mut sum = 0;
        for unit in units {
            let Some(line) = view.lines.iter().find(|line| line.line == unit.line) else {
                continue;
            };
            let kept = line.quantity - line.canceled;
            let part = Part::Line(unit.line);
            sum += allocation.worth(part, kept)? - allocation.worth(part, kept - unit.quantity)?;
        }
        Ok::<i64, Error>(sum)
    };
    let by_processor = match &view.intent {
        Some(intent) => share(&intent.allocation)?,
        None => 0,
    };
    let by_gift_card = match view.gift_card.as_ref().and_then(|used| used.allocation.as_ref()) {
        Some(allocation) => share(allocation)?,
        None => 0,
    };
    if let Some(intent) = view.intent.as_ref().filter(|_| by_processor > 0)
        && !payments::let_go_part(tx, intent.id, by_processor)?
    {
        return Err(Error::conflict(
            "payment_unclear",
            "Its payment is being asked about right now. Try again when that is known; nothing was canceled.",
        ));
    }
    if by_gift_card > 0 {
        gift_cards::release_part(tx, view.checkout.id, wish.id, by_gift_card)?;
    }
    Ok(by_processor + by_gift_card)
}

/// Nothing more leaves. What has left and was not taken is taken now, as with a last parcel; else the rest of the promise is let go.
fn close(tx: &mut Tx<'_>, view: &OrderView, id: AdjustmentId) -> Result<After> {
    let Some(intent) = &view.intent else {
        return Ok(After::Nothing);
    };
    let mut units: Vec<(Part, u32)> = (view.lines.iter())
        .filter(|line| line.shipped > 0)
        .map(|line| (Part::Line(line.line), line.shipped))
        .collect();
    if view.order.delivery_minor > 0 {
        units.push((Part::Delivery, 1));
    }
    let plan = payments::capture_plan(tx, intent.id, &units, true)?;
    let refused = (view.captures.iter().rev()).find(|capture| capture.state == CaptureState::Failed);
    let begun = match refused.filter(|_| plan.amount.minor > 0) {
        Some(refused) => payments::capture_again(tx, refused.id, &plan)?,
        None => {
            // Joins what waits; of its own it has no parcel.
            let parcel = ShipmentId::from_uuid(uuid::Uuid::new_v5(&id.uuid(), b"last"));
            payments::capture_begin(tx, intent.id, parcel, &plan)?
        }
    };
    match begun {
        CaptureBegin::Sending(capture) => return Ok(After::Take(Box::new(capture))),
        CaptureBegin::TakenOnce => return Err(capture_pending()),
        // What has left is still owed, and nothing promises it now: the buyer is asked, or was.
        _ if plan.amount.minor > 0 => return Ok(After::Nothing),
        _ => {}
    }
    match payments::void_begin(tx, intent.id)? {
        VoidBegin::Sending(attempt) => Ok(After::LetGo(Box::new(attempt))),
        VoidBegin::Nothing => Ok(After::Nothing),
        VoidBegin::CapturePending => Err(capture_pending()),
    }
}

fn not_open(line: u32) -> Error {
    Error::conflict(
        "line_not_open",
        format!("Line {} has not so many units left that could be canceled.", line + 1),
    )
}

fn capture_pending() -> Error {
    Error::conflict(
        "capture_pending",
        "Its money is being taken right now. Try again in a minute; nothing was canceled.",
    )
}

fn id_reused() -> Error {
    Error::conflict("id_reused", "This cancellation id is taken. Make a new one.")
}
