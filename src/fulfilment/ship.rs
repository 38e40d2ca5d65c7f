//! Accepting work, handing parcels over, and taking the money for each.

use super::model::{Fulfilment, FulfilmentState, Shipment};
use super::store;
use crate::app::App;
use crate::checkout::{self, OrderView, Ship};
use crate::db::{LaneKey, Tx};
use crate::delivery::{Method, Promise};
use crate::gift_cards;
use crate::kernel::{Answer, Error, Fact, Id, Money, OrderId, PartyId, Result, ShipmentId, ShopId, Time};
use crate::payments::{self, Capture, CaptureBegin, CapturePlan, CaptureState, IntentState, Operation, Part, Recorded};
use crate::preorders::{self, SaleState};

/// Money of what leaves, or left, cannot be taken.
const NOT_CAPTURABLE: &str = "payment_not_capturable";

/// An order was confirmed: somebody has work. Opened twice is opened once. Answers when the parcel was promised.
///
/// The partner is the fulfilment party of the contract under which the first parcel's goods were sold; without one the shop packs itself.
pub fn open(tx: &mut Tx<'_>, view: &OrderView) -> Result<Option<Promise>> {
    let quote = &view.checkout.offer.quote;
    let partner = view.intent.as_ref().and_then(|intent| {
        let legs = intent.allocation.lines.iter().flat_map(|line| &line.legs);
        legs.filter(|leg| leg.purpose == payments::Purpose::FulfilmentFee)
            .find_map(|leg| leg.account.party)
    });
    let promise = quote.delivery.as_ref().map(|delivery| {
        let method = Method {
            id: delivery.method,
            name: String::new(),
            price: Money::zero(quote.currency),
            eta_days_min: delivery.eta_days_min,
            eta_days_max: delivery.eta_days_max,
        };
        method.promise(quote.leaves(view.order.confirmed_at))
    });
    let days = promise
        .as_ref()
        .map(|promise| (midnight(promise.from), midnight(promise.until)));
    // Canceled before anybody heard of it: the work is written down as over, or it would be found open for ever.
    let state = match view.order.canceled_at {
        None => FulfilmentState::Open,
        Some(_) => FulfilmentState::Canceled,
    };
    store::insert(tx, (view.order.id, view.order.shop), state, partner, days)?;
    if state == FulfilmentState::Open && quote.lines.iter().all(|line| !line.physical) {
        deliver_digital(tx, view)?;
    }
    Ok(promise)
}

fn midnight(day: jiff::civil::Date) -> Time {
    day.to_zoned(jiff::tz::TimeZone::UTC)
        .map_or(Time(0), |zoned| Time(zoned.timestamp().as_microsecond()))
}

/// What became of digital goods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deliver {
    Released,
    Again,
}

/// Digital goods are handed over with the order, so their money is taken at once: the capture written here is due now, and the resolver of
/// payments, which looks every second, sends it.
pub fn deliver_digital(tx: &mut Tx<'_>, view: &OrderView) -> Result<Deliver> {
    let lines: Vec<Ship> = view
        .lines
        .iter()
        .filter(|line| line.open() > 0)
        .map(|line| Ship {
            line: line.line,
            quantity: line.open(),
        })
        .collect();
    if lines.is_empty() {
        return Ok(Deliver::Again);
    }
    let id = ShipmentId::from_uuid(uuid::Uuid::new_v5(&view.order.id.uuid(), b"digital"));
    let parcel = HandOver {
        id,
        lines: Some(lines),
        carrier: String::new(),
        tracking: String::new(),
    };
    if let Begun::Capturing(capture) = begin(tx, view.order.shop, view.order.id, None, &parcel)? {
        payments::capture_soon(tx, capture.id)?;
    }
    Ok(Deliver::Released)
}

/// What became of taking work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accept {
    Accepted(Fulfilment),
    Again(Fulfilment),
    NotFound,
    /// It is done, or was canceled.
    Closed,
}

/// A partner, or the shop, takes the work on. `party` limits a partner to their own work. Order of answers: not found, closed, again, accepted.
pub fn accept(tx: &mut Tx<'_>, shop: ShopId, order: OrderId, party: Option<PartyId>) -> Result<Accept> {
    let Some(work) = theirs(store::find(tx, shop, order)?, party) else {
        return Ok(Accept::NotFound);
    };
    match work.state {
        FulfilmentState::Canceled | FulfilmentState::Fulfilled => Ok(Accept::Closed),
        FulfilmentState::Accepted | FulfilmentState::InFulfilment => Ok(Accept::Again(work)),
        FulfilmentState::Open => {
            store::advance(tx, &work, FulfilmentState::Accepted)?;
            Ok(Accept::Accepted(Fulfilment {
                state: FulfilmentState::Accepted,
                version: work.version + 1,
                ..work
            }))
        }
    }
}

fn theirs(work: Option<Fulfilment>, party: Option<PartyId>) -> Option<Fulfilment> {
    work.filter(|work| party.is_none() || work.partner == party)
}

/// What did not leave was given up, and something had left before: the work is done.
pub fn close(tx: &mut Tx<'_>, shop: ShopId, order: OrderId) -> Result<()> {
    if let Some(work) = store::find(tx, shop, order)?
        && !matches!(work.state, FulfilmentState::Canceled | FulfilmentState::Fulfilled)
    {
        store::advance(tx, &work, FulfilmentState::Fulfilled)?;
    }
    Ok(())
}

/// Units were canceled: if nothing else has to leave the work is done, and if only digital goods do they are released.
pub fn fewer_units(tx: &mut Tx<'_>, shop: ShopId, order: OrderId) -> Result<()> {
    let Some(view) = checkout::view(tx, shop, order)? else {
        return Ok(());
    };
    let quote = &view.checkout.offer.quote;
    let open: Vec<&checkout::OrderLine> = view.lines.iter().filter(|line| line.open() > 0).collect();
    if open.is_empty() {
        return close(tx, shop, order);
    }
    let physical = |line: &checkout::OrderLine| {
        let quoted = quote.lines.iter().find(|quoted| quoted.variant == line.variant);
        quoted.is_none_or(|quoted| quoted.physical)
    };
    if !open.iter().any(|line| physical(line)) && view.state != checkout::OrderState::PaymentLost {
        deliver_digital(tx, &view)?;
    }
    Ok(())
}

/// An order was canceled: its work is over.
pub fn cancel(tx: &mut Tx<'_>, shop: ShopId, order: OrderId) -> Result<()> {
    if let Some(work) = store::find(tx, shop, order)?
        && work.state != FulfilmentState::Canceled
        && !mutant!("F5")
    {
        store::advance(tx, &work, FulfilmentState::Canceled)?;
    }
    Ok(())
}

/// A parcel, as whoever packed it says. Its id is chosen by them: saying it twice is one parcel.
#[derive(Clone, Debug)]
pub struct HandOver {
    pub id: ShipmentId,
    /// All that is still open if none are named.
    pub lines: Option<Vec<Ship>>,
    pub carrier: String,
    pub tracking: String,
}

/// What became of a parcel.
#[derive(Clone, Debug)]
pub enum Deliverance {
    HandedOver,
    Again,
    NotFound,
    /// The order was canceled.
    Canceled,
    /// Nothing is left to ship.
    NothingOpen,
}

enum Begun {
    Capturing(Box<Capture>),
    Done(Deliverance),
}

/// Hands a parcel over and takes its part of the money.
///
/// Act 1 counts the units, writes the parcel and the capture; act 2 asks the processor; act 3 records, and the ledger splits. A crash between
/// them is finished by the resolver of payments. Where the promise is taken once and more parcels follow, the capture waits for them
/// (docs/promises.md). Order of answers: not found, again, canceled, nothing open, handed over. Errors: `payment_lost` (the promise is over and nothing
/// leaves without a new one), `preorder_waiting`, `line_not_open`, `payment_not_capturable`; then nothing was marked as shipped.
pub async fn hand_over(
    app: &App,
    shop: ShopId,
    order: OrderId,
    party: Option<PartyId>,
    parcel: HandOver,
) -> Result<Deliverance> {
    let lane = LaneKey::of(order);
    let app = app.clone();
    app.clone()
        .track(async move {
            let capture = match app
                .db
                .write(lane, move |tx| begin(tx, shop, order, party, &parcel))
                .await?
            {
                Begun::Capturing(capture) => capture,
                Begun::Done(answer) => return Ok(answer),
            };
            let answer = payments::capture_ask(&app, &capture).await;
            let (attempt, id) = (capture.attempt.id, capture.id);
            app.db
                .write(lane, move |tx| {
                    let recorded = payments::record(tx, attempt, Operation::Capture(id), &answer)?;
                    checkout::conclude(tx, recorded.checkout)
                })
                .await?;
            Ok(Deliverance::HandedOver)
        })
        .await
}

fn begin(tx: &mut Tx<'_>, shop: ShopId, order: OrderId, party: Option<PartyId>, parcel: &HandOver) -> Result<Begun> {
    let Some(work) = theirs(store::find(tx, shop, order)?, party) else {
        return Ok(Begun::Done(Deliverance::NotFound));
    };
    let before = store::shipments(tx, shop, order)?;
    if before.iter().any(|shipment| shipment.id == parcel.id) && !mutant!("F1") {
        return Ok(Begun::Done(Deliverance::Again));
    }
    checkout::take_turn(tx, order)?;
    let Some(view) = checkout::view(tx, shop, order)? else {
        return Ok(Begun::Done(Deliverance::NotFound));
    };
    if view.order.canceled_at.is_some() {
        return Ok(Begun::Done(Deliverance::Canceled));
    }
    if view
        .intent
        .as_ref()
        .is_some_and(|intent| intent.state == IntentState::Expired)
    {
        return Err(Error::conflict(
            "payment_lost",
            "The bank's promise of the money is over, and the buyer is asked to pay again. Nothing may leave before they have, and nothing was \
             marked as shipped.",
        ));
    }
    let absent = match mutant!("F6") {
        true => Vec::new(),
        false => not_there(tx, &view)?,
    };
    let is_there = |line: u32| !absent.contains(&line);
    let open: Vec<Ship> = view
        .lines
        .iter()
        .filter(|line| line.open() > 0 && is_there(line.line))
        .map(|line| Ship {
            line: line.line,
            quantity: line.open(),
        })
        .collect();
    let lines = parcel.lines.clone().unwrap_or_else(|| open.clone());
    let waits = parcel.lines.is_none() && open.is_empty() && !absent.is_empty();
    if waits || lines.iter().any(|ship| !is_there(ship.line)) {
        return Err(Error::conflict(
            "preorder_waiting",
            "This was pre-ordered, and its goods have not arrived. Count them in first; nothing was marked as shipped.",
        ));
    }
    if open.is_empty() || lines.is_empty() {
        return Ok(Begun::Done(Deliverance::NothingOpen));
    }
    // What cannot be paid must not leave: the error takes everything of this command back.
    checkout::mark_shipped(tx, order, &lines)?;
    let shipment = Shipment {
        id: parcel.id,
        order,
        number: u32::try_from(before.len()).unwrap_or(u32::MAX) + 1,
        carrier: parcel.carrier.clone(),
        tracking: parcel.tracking.clone(),
        lines: lines.clone(),
        handed_over_at: tx.now(),
    };
    if !store::insert_shipment(tx, shop, &shipment)? {
        return Err(Error::conflict(
            "id_reused",
            "This shipment id is taken. Make a new one.",
        ));
    }
    let last = view.lines.iter().all(|line| {
        let now: u32 = lines
            .iter()
            .filter(|ship| ship.line == line.line)
            .map(|ship| ship.quantity)
            .sum();
        line.open() == now
    });
    let state = if last {
        FulfilmentState::Fulfilled
    } else {
        FulfilmentState::InFulfilment
    };
    store::advance(tx, &work, state)?;
    tx.publish(&Fact::ShipmentHandedOver {
        shop,
        order,
        shipment: parcel.id,
    })?;
    if view.order.total_minor == 0 {
        return Ok(Begun::Done(Deliverance::HandedOver));
    }
    Ok(match capture(tx, &view, parcel.id, &lines, last)? {
        Some(capture) => Begun::Capturing(Box::new(capture)),
        None => Begun::Done(Deliverance::HandedOver),
    })
}

/// Lines of an order that were pre-ordered and whose goods have not arrived. Costs nothing without pre-orders.
pub fn not_there(tx: &mut Tx<'_>, view: &OrderView) -> Result<Vec<u32>> {
    if view
        .checkout
        .offer
        .quote
        .lines
        .iter()
        .all(|line| line.preorder.is_none())
    {
        return Ok(Vec::new());
    }
    let sales = preorders::sales_of(tx, view.order.id)?;
    let waits = sales.iter().filter(|sale| sale.state == SaleState::Waiting);
    Ok(waits.map(|sale| sale.line).collect())
}

/// Writes the capture of a shipment: each line up to the units shipped by now, and the delivery with the first parcel. The last one also takes what
/// was refused for parcels before it: after it the promise is let go.
fn capture(
    tx: &mut Tx<'_>,
    view: &OrderView,
    shipment: ShipmentId,
    lines: &[Ship],
    last: bool,
) -> Result<Option<Capture>> {
    let intent = view.order.checkout.intent();
    let mut units: Vec<(Part, u32)> = Vec::with_capacity(lines.len() + 1);
    for line in &view.lines {
        let now: u32 = lines
            .iter()
            .filter(|ship| ship.line == line.line)
            .map(|ship| ship.quantity)
            .sum();
        if now > 0 || last && line.shipped > 0 {
            units.push((Part::Line(line.line), line.shipped + now));
        }
    }
    if view.order.delivery_minor > 0 {
        units.push((Part::Delivery, 1));
    }
    if view.checkout.offer.gift_card.is_some() {
        gift_cards::take(tx, view.order.checkout, shipment, &units)?;
    }
    let plan = payments::capture_plan(tx, intent, &units, last)?;
    let refused = |why: &str| {
        Err(Error::conflict(
            NOT_CAPTURABLE,
            format!("{why} Nothing was marked as shipped."),
        ))
    };
    match payments::capture_begin(tx, intent, shipment, &plan)? {
        CaptureBegin::Sending(capture) | CaptureBegin::Again(capture) => Ok(Some(capture)),
        CaptureBegin::Nothing | CaptureBegin::Waiting => Ok(None),
        other => refused(&why_not(&other)),
    }
}

fn why_not(begin: &CaptureBegin) -> String {
    match begin {
        CaptureBegin::Exceeds { capturable } => format!("Only {capturable} of the promised money is left."),
        CaptureBegin::NotCapturable(state) => {
            format!("The payment is {}; look at it first.", state.name().replace('_', " "))
        }
        CaptureBegin::TakenOnce => {
            "Its money can be taken once, and is being taken for what left before. Try again in a minute.".into()
        }
        _ => "The bank's promise has run out; the buyer has to pay again.".into(),
    }
}

/// What of the shipped units is neither taken nor being taken: their capture was refused.
pub fn owed(tx: &mut Tx<'_>, view: &OrderView) -> Result<CapturePlan> {
    let mut units: Vec<(Part, u32)> = view
        .lines
        .iter()
        .filter(|line| line.shipped > 0)
        .map(|line| (Part::Line(line.line), line.shipped))
        .collect();
    if !units.is_empty() && view.order.delivery_minor > 0 {
        units.push((Part::Delivery, 1));
    }
    let last = view.lines.iter().all(|line| line.open() == 0);
    payments::capture_plan(tx, view.order.checkout.intent(), &units, last)
}

/// What became of asking for refused money again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakeAgain {
    /// Taken, or not known yet: then the resolver goes on asking.
    Asked(Recorded),
    /// The processor's words.
    RefusedAgain(String),
    NotFound,
    /// Everything that was shipped is taken, or being taken.
    NothingOwed,
}

/// Asks again for the money of what was shipped, after the processor refused it.
///
/// In acts like [`hand_over`]; the order of answers: not found, nothing owed, asked or refused again. Errors: `payment_not_capturable`.
pub async fn take_again(app: &App, shop: ShopId, order: OrderId) -> Result<TakeAgain> {
    let lane = LaneKey::of(order);
    let app = app.clone();
    app.clone()
        .track(async move {
            let capture = match app.db.write(lane, move |tx| begin_again(tx, shop, order)).await? {
                Ok(capture) => capture,
                Err(answer) => return Ok(answer),
            };
            let answer = payments::capture_ask(&app, &capture).await;
            let (attempt, id) = (capture.attempt.id, capture.id);
            let refused = match &answer {
                Answer::Refused { detail } => Some(detail.clone()),
                _ => None,
            };
            let recorded = app
                .db
                .write(lane, move |tx| {
                    let recorded = payments::record(tx, attempt, Operation::Capture(id), &answer)?;
                    checkout::conclude(tx, recorded.checkout)?;
                    Ok(recorded)
                })
                .await?;
            Ok(refused.map_or(TakeAgain::Asked(recorded), TakeAgain::RefusedAgain))
        })
        .await
}

/// The payment of an order was promised anew: what left before and was refused is asked for again. It is written as *sending*; the resolver of
/// payments asks. Where it cannot be, a person is told on Today, as before.
pub fn take_owed(tx: &mut Tx<'_>, shop: ShopId, order: OrderId) -> Result<()> {
    match begin_again(tx, shop, order) {
        Err(error) if error.code == NOT_CAPTURABLE => Ok(()),
        begun => begun.map(drop),
    }
}

fn begin_again(tx: &mut Tx<'_>, shop: ShopId, order: OrderId) -> Result<std::result::Result<Capture, TakeAgain>> {
    checkout::take_turn(tx, order)?; // What is owed is worked out from parcels, of which another replica may be writing one.
    let Some(view) = checkout::view(tx, shop, order)? else {
        return Ok(Err(TakeAgain::NotFound));
    };
    let refused = view
        .captures
        .iter()
        .rev()
        .find(|capture| capture.state == CaptureState::Failed);
    let Some(refused) = refused.map(|capture| capture.id) else {
        return Ok(Err(TakeAgain::NothingOwed));
    };
    let plan = owed(tx, &view)?;
    match payments::capture_again(tx, refused, &plan)? {
        CaptureBegin::Sending(capture) => Ok(Ok(capture)),
        CaptureBegin::Nothing | CaptureBegin::Again(_) | CaptureBegin::Waiting => Ok(Err(TakeAgain::NothingOwed)),
        _ if plan.amount.minor == 0 => Ok(Err(TakeAgain::NothingOwed)),
        other => Err(Error::conflict(NOT_CAPTURABLE, why_not(&other))),
    }
}
