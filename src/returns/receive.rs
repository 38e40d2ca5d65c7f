//! Goods arrive, and the money goes back; or a person ends it.

use super::model::{Return, ReturnState, TRIES};
use super::store::{self, Arrived};
use super::withdraw::{said, tomorrow};
use crate::app::App;
use crate::catalog::KeepTheRest;
use crate::checkout::{self, NewRefund, OrderView, Refund, RefundLines, RefundWhat, Ship, Way};
use crate::db::{LaneKey, Tx};
use crate::fulfilment;
use crate::inventory::Restock;
use crate::kernel::{AdjustmentId, Error, Fact, Kind, OrderId, Result, ReturnId, Seconds, ShopId, StaffId};
use crate::payments::{self, CaptureState};

/// What a person says of what arrived.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// What came; none named: all of it.
    pub units: Option<Vec<Ship>>,
    /// What the goods lost in value because they were used, with the reason.
    pub deducted_minor: i64,
    pub deduction: String,
    /// What becomes of the goods; `None` if they are not there, or only their postage slip is.
    pub restock: Option<Restock>,
    pub staff: Option<StaffId>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Receive {
    /// The money is on its way, or will be as soon as it can; the return says which.
    Received(Box<Return>),
    /// It was said before.
    Again(Box<Return>),
    NotFound,
    Closed,
}

/// Goods arrived, or the buyer has proved that they sent them: the money goes back, less what they lost in value.
///
/// Act 1 writes down what arrived; then the refund of checkout has its own acts, under an id that follows from the return. A crash between them is
/// finished by the job `returns`. Order of answers: not found, closed, again, received. Errors: `invalid_field`.
pub async fn receive(app: &App, shop: ShopId, order: OrderId, id: ReturnId, received: Received) -> Result<Receive> {
    let lane = LaneKey::of(order);
    let app = app.clone();
    app.clone()
        .track(async move {
            let answer = app
                .db
                .write(lane, move |tx| arrive(tx, shop, order, id, &received))
                .await?;
            if !matches!(answer, Receive::Received(_)) {
                return Ok(answer);
            }
            pay_back(&app, shop, id).await?;
            let found = app.db.read(move |tx| store::find(tx, shop, id)).await?;
            Ok(found.map_or(Receive::NotFound, |found| Receive::Received(Box::new(found))))
        })
        .await
}

fn arrive(tx: &mut Tx<'_>, shop: ShopId, order: OrderId, id: ReturnId, received: &Received) -> Result<Receive> {
    let Some(found) = store::find(tx, shop, id)?.filter(|found| found.order == order) else {
        return Ok(Receive::NotFound);
    };
    match found.state {
        ReturnState::Closed => return Ok(Receive::Closed),
        ReturnState::Received | ReturnState::Refunded => return Ok(Receive::Again(Box::new(found))),
        ReturnState::Awaited | ReturnState::Sent => {}
    }
    let deduction = said("/deduction", &received.deduction, 300)?;
    if received.deducted_minor < 0 || received.deducted_minor > 0 && deduction.is_empty() {
        return Err(Error::field(
            "/deduction",
            "Say why the goods are worth less; the buyer reads it.",
        ));
    }
    let came = came(&found, received.units.as_deref())?;
    if let Some(view) = checkout::view(tx, shop, order)? {
        let worth: i64 = (view.lines.iter())
            .map(|line| {
                let units = came
                    .iter()
                    .filter(|unit| unit.line == line.line)
                    .map(|unit| unit.quantity)
                    .sum::<u32>();
                line.amount_minor.saturating_mul(i64::from(units)) / i64::from(line.quantity)
            })
            .sum();
        let units_of = |units: &[Ship], line: u32| -> u32 {
            let mine = units.iter().filter(|unit| unit.line == line);
            mine.map(|unit| unit.quantity).sum()
        };
        checkout::refuse_parts_of_bundles(
            &view,
            |keep| keep == KeepTheRest::None,
            |line| units_of(&came, line.line) > 0,
            |line| line.open() + line.kept() + units_of(&found.units, line.line) - units_of(&came, line.line),
            "receive all of it, and keep what a missing piece costs; or end the return.",
        )?;
        if received.deducted_minor > worth {
            return Err(Error::field("/deducted", "Keep at most what the pieces cost."));
        }
    }
    let arrived = Arrived {
        deducted_minor: received.deducted_minor,
        deduction: deduction.trim_end_matches(['.', ' ']), // It is said inside sentences.
        restock: word(received.restock),
        staff: received.staff,
    };
    if !store::receive(tx, id, &arrived)? {
        return Ok(Receive::Again(Box::new(found)));
    }
    for unit in &found.units {
        let here = came
            .iter()
            .find(|came| came.line == unit.line)
            .map_or(0, |came| came.quantity);
        if here < unit.quantity && !mutant!("F2-came") {
            store::set_units(tx, id, unit.line, here)?;
            checkout::ask_no_more(tx, order, unit.line, unit.quantity - here)?;
        }
    }
    tell(tx, &found)?;
    Ok(Receive::Received(Box::new(found)))
}

/// Whoever waits for what comes back hears of it.
fn tell(tx: &mut Tx<'_>, found: &Return) -> Result<()> {
    let Some(exchange) = found.exchange else {
        return Ok(());
    };
    tx.publish(&Fact::ExchangeReturned {
        shop: found.shop,
        order: found.order,
        exchange,
    })
}

/// What came of what was to come. Errors: `invalid_field`.
fn came(found: &Return, units: Option<&[Ship]>) -> Result<Vec<Ship>> {
    let Some(units) = units else {
        return Ok(found.units.clone());
    };
    let wrong = || Error::field("/lines", "Name at most what was to come back, and at least one piece.");
    for unit in units {
        let awaited = found.units.iter().find(|awaited| awaited.line == unit.line);
        if awaited.is_none_or(|awaited| unit.quantity > awaited.quantity) {
            return Err(wrong());
        }
    }
    let came: Vec<Ship> = units.iter().filter(|unit| unit.quantity > 0).copied().collect();
    let twice = (1..came.len()).any(|at| came[..at].iter().any(|other| other.line == came[at].line));
    if came.is_empty() || twice {
        return Err(wrong());
    }
    Ok(came)
}

fn word(restock: Option<Restock>) -> &'static str {
    match restock {
        None => "",
        Some(Restock::Sellable) => "sellable",
        Some(Restock::WrittenOff) => "written_off",
    }
}

/// Gives the money of a return back that was received. Run twice it is one refund.
///
/// Where something else leaves for it, the exchange decides; then it is looked at once a day only, so that it stays on Today. What a processor refused to
/// give back beside the credit is tried again like every other refund.
pub async fn pay_back(app: &App, shop: ShopId, id: ReturnId) -> Result<()> {
    let Some(found) = app.db.read(move |tx| store::find(tx, shop, id)).await? else {
        return Ok(());
    };
    if found.state != ReturnState::Received {
        return Ok(());
    }
    let (lane, order) = (LaneKey::of(found.order), found.order);
    let known = found.clone();
    let number = app.db.read(move |tx| next_try(tx, &known)).await?;
    if found.exchange.is_some() && number == Some(0) {
        let later = move |tx: &mut Tx<'_>| store::look_again(tx, id, tomorrow(tx.now()));
        return app.db.write(lane, later).await;
    }
    let Some(number) = number else {
        let trouble = "Its processor refused it again and again: give it back another way, then end the return.";
        return app
            .db
            .write(lane, move |tx| store::postpone(tx, id, trouble, tomorrow(tx.now())))
            .await;
    };
    if let Some(view) = app.db.read(move |tx| checkout::view(tx, shop, order)).await?
        && is_taken_later(app, &view).await?
    {
        let trouble = "Not all of its money is taken yet.";
        let again = move |tx: &mut Tx<'_>| store::postpone(tx, id, trouble, tx.now().plus(Seconds::minutes(15)));
        return app.db.write(lane, again).await;
    }
    let view = app.db.read(move |tx| checkout::view(tx, shop, order)).await?;
    let keeps_nothing = view.is_some_and(|view| view.lines.iter().all(|line| line.open() == 0 && line.kept() == 0));
    let mut what = what_goes_back(&found, found.whole && keeps_nothing);
    if let RefundWhat::Lines(lines) = &mut what
        && number > 0
    {
        lines.restock = None; // They were put back with the first try.
    }
    let mut credited_minor = 0;
    if found.exchange.is_some() {
        what = RefundWhat::Again(found.money_back(0));
        let changes = app.db.read(move |tx| checkout::adjustments(tx, order)).await?;
        let credit = changes.iter().find(|change| change.id == found.refund(0));
        credited_minor = credit.map_or(0, |change| change.amount_minor);
    }
    let refund = if mutant!("L13-return") {
        app.random.id(app.clock.wall())
    } else {
        found.money_back(number)
    };
    let new = NewRefund {
        id: refund,
        what,
        way: Way::AsItCame,
        reason: if found.exchange.is_some() {
            checkout::EXCHANGE
        } else {
            "withdrawal"
        }
        .into(),
        staff: found.staff,
    };
    // A person may be ending it at this moment: then they were first, or will find the refund.
    let still = move |tx: &mut Tx<'_>| match store::find(tx, shop, id)?.map(|found| found.state) {
        Some(ReturnState::Received) => Ok(()),
        _ => Err(Error::conflict("return_closed", "The return has ended.")),
    };
    let minor = match checkout::refund_while(app, shop, order, new, still).await {
        Ok(Refund::Begun(back) | Refund::Again(back)) => back.amount.minor,
        Ok(Refund::NotFound) => return Err(Error::internal("a return belongs to an order that is not there")),
        // All of it was kept for what the goods lost, or went back before.
        Err(error) if error.code == "nothing_to_refund" && settled(app, shop, order).await? => 0,
        Err(error) if matches!(error.kind, Kind::Conflict | Kind::Invalid) => {
            let trouble = format!("{} It is tried again every hour.", error.detail);
            return app
                .db
                .write(lane, move |tx| {
                    store::postpone(tx, id, &trouble, tx.now().plus(Seconds::hours(1)))
                })
                .await;
        }
        Err(error) => return Err(error),
    };
    app.db
        .write(lane, move |tx| match payments::refund_failure(tx, shop, refund)? {
            Some(why) => store::postpone(tx, id, &refused(&why), tomorrow(tx.now())),
            None => store::refunded(tx, id, minor + credited_minor).map(drop),
        })
        .await
}

fn refused(why: &str) -> String {
    format!("Its processor did not give it back ({why}). It is tried again after a day.")
}

/// The first try of its refund that did not fail. None: so often it is not tried.
fn next_try(tx: &mut Tx<'_>, found: &Return) -> Result<Option<u32>> {
    for number in 0..TRIES {
        if payments::refund_failure(tx, found.shop, found.money_back(number))?.is_none() {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

/// Money that went back did not arrive: the return whose it was waits again.
pub fn not_refunded(tx: &mut Tx<'_>, shop: ShopId, order: OrderId, refund: AdjustmentId) -> Result<()> {
    for found in store::of_order(tx, shop, order)? {
        if found.is_refund(refund) {
            let why = payments::refund_failure(tx, shop, refund)?.unwrap_or_default();
            store::reopen(tx, found.id, &refused(&why), tomorrow(tx.now()))?;
        }
    }
    Ok(())
}

/// What the money of a return is given back for.
pub fn what_goes_back(found: &Return, delivery: bool) -> RefundWhat {
    RefundWhat::Lines(RefundLines {
        units: found.units.clone(),
        delivery,
        restock: match found.restock.as_str() {
            "sellable" => Some(Restock::Sellable),
            "written_off" => Some(Restock::WrittenOff),
            _ => None,
        },
        less_minor: if mutant!("F4-worn") { 0 } else { found.deducted_minor },
        asked_at: Some(found.stated_at),
    })
}

/// Whether something of what has left is still to be taken: what is given back of it now would not be all of it.
pub async fn is_taken_later(app: &App, view: &OrderView) -> Result<bool> {
    let waits =
        |capture: &payments::CaptureLine| !matches!(capture.state, CaptureState::Succeeded | CaptureState::Failed);
    if view.captures.iter().any(waits) {
        return Ok(true);
    }
    let promised = view.intent.as_ref().is_some_and(|intent| intent.state.is_capturable());
    let view = view.clone();
    Ok(promised && app.db.read(move |tx| fulfilment::owed(tx, &view)).await?.amount.minor > 0)
}

/// Whether nothing of an order's money is on its way, in either direction.
async fn settled(app: &App, shop: ShopId, order: OrderId) -> Result<bool> {
    let view = app.db.read(move |tx| checkout::view(tx, shop, order)).await?;
    Ok(view.is_none_or(|view| !checkout::money_is_moving(&view)))
}

/// The buyer says how they sent it. False: it is not awaited any more.
pub fn say_sent(tx: &mut Tx<'_>, shop: ShopId, order: OrderId, id: ReturnId, proof: &str) -> Result<bool> {
    let proof = said("/proof", proof, 200)?;
    if proof.is_empty() {
        return Err(Error::field("/proof", "Say with whom you sent it, and its number."));
    }
    match store::find(tx, shop, id)? {
        Some(found) if found.order == order => store::say_sent(tx, shop, id, &proof),
        _ => Ok(false),
    }
}

/// What became of ending a return without money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    Closed,
    NotFound,
    /// Its money went back, or is on its way.
    Refunded,
}

/// Nothing came, or the two agreed otherwise: a person ends it and says why. What had not left stays canceled.
pub fn close(
    tx: &mut Tx<'_>,
    shop: ShopId,
    order: OrderId,
    id: ReturnId,
    why: &str,
    staff: Option<StaffId>,
) -> Result<Close> {
    let why = said("/reason", why, 300)?;
    if why.is_empty() {
        return Err(Error::field("/reason", "Say why it ends without money."));
    }
    let Some(found) = store::find(tx, shop, id)?.filter(|found| found.order == order) else {
        return Ok(Close::NotFound);
    };
    checkout::take_turn(tx, order)?; // A refund of it that begins at this moment is before us, or finds it closed.
    let mut tries = checkout::adjustments(tx, order)?;
    // Of one that was exchanged its money may be credit already; what was to go back beside it and did not, a person can give back another way.
    let exchanged = found.exchange.is_some() && next_try(tx, &found)? == Some(0);
    // Its goods bought something: they are here, and are not asked back again, however that ends.
    let bought = found.exchange.is_some() && tries.iter().any(|change| change.id == found.refund(0));
    tries.retain(|change| found.is_refund(change.id) || exchanged && change.id == found.refund(0));
    for refund in &tries {
        if payments::refund_failure(tx, shop, refund.id)?.is_none() {
            return Ok(Close::Refunded); // It is on its way, and about to be written down.
        }
    }
    if !store::close(tx, shop, id, &why, staff)? {
        return Ok(match found.state {
            ReturnState::Closed => Close::Closed,
            _ => Close::Refunded,
        });
    }
    let is_here = bought || !tries.is_empty() && !found.restock.is_empty();
    for unit in found.units.iter().filter(|_| !is_here && !mutant!("F2-closed")) {
        checkout::ask_no_more(tx, order, unit.line, unit.quantity)?;
    }
    tell(tx, &found)?;
    Ok(Close::Closed)
}
