//! A buyer withdraws from the contract, or from a part of it.

use super::model::{Return, ReturnState, Right, WITHIN, right};
use super::store;
use crate::app::App;
use crate::catalog::KeepTheRest;
use crate::checkout::{self, After, OrderView, Ship, UnitsCanceled};
use crate::db::{LaneKey, Tx};
use crate::fulfilment;
use crate::kernel::{Error, Fact, OrderId, Result, ReturnId, Seconds, ShopId, StaffId, Time};
use crate::payments::Part;

/// What a buyer states.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Chosen by whoever sends it: stating it again is the same statement.
    pub id: ReturnId,
    /// None: everything they still have.
    pub units: Option<Vec<Ship>>,
    pub name: String,
    /// Where the acknowledgement goes.
    pub email: String,
    pub words: String,
    /// Who wrote it down for them; None: they did.
    pub staff: Option<StaffId>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Withdraw {
    Stated(Box<Return>),
    /// The same before.
    Again(Box<Return>),
    NotFound,
    /// Everything was canceled or given back already.
    NothingLeft,
    /// The time for it is over.
    TooLate(Right),
}

/// Until when the buyer of an order may withdraw.
pub fn right_of(tx: &mut Tx<'_>, view: &OrderView) -> Result<Right> {
    let parcels = fulfilment::shipments(tx, view.order.shop, view.order.id)?;
    let all_left = view.lines.iter().all(|line| line.open() == 0);
    let quote = &view.checkout.offer.quote;
    Ok(right(
        quote,
        &view.order.country,
        view.order.confirmed_at,
        &parcels,
        all_left,
    ))
}

/// Writes the statement down: what has not left is canceled, what has left is asked back, and the buyer has an acknowledgement with its date and time.
///
/// Order of answers: not found, again, nothing left, too late, stated. Errors: `invalid_field`, `not_theirs` (more than they have), and those of
/// [`checkout::cancel_units`]; then nothing was written down.
pub async fn withdraw(app: &App, shop: ShopId, order: OrderId, statement: Statement) -> Result<Withdraw> {
    let lane = LaneKey::of(order);
    let app = app.clone();
    app.clone()
        .track(async move {
            let (answer, after) = app.db.write(lane, move |tx| begin(tx, shop, order, &statement)).await?;
            checkout::finish(&app, lane, after).await?;
            if let Withdraw::Stated(stated) = &answer
                && stated.state == ReturnState::Received
            {
                super::receive::pay_back(&app, shop, stated.id).await?;
            }
            Ok(answer)
        })
        .await
}

fn begin(tx: &mut Tx<'_>, shop: ShopId, order: OrderId, statement: &Statement) -> Result<(Withdraw, After)> {
    let done = |answer| Ok((answer, After::Nothing));
    if checkout::order(tx, shop, order)?.is_none() {
        return done(Withdraw::NotFound);
    }
    if let Some(known) = store::find(tx, shop, statement.id)? {
        if known.order != order {
            return Err(id_reused());
        }
        return done(Withdraw::Again(Box::new(known)));
    }
    checkout::take_turn(tx, order)?;
    let Some(view) = checkout::view(tx, shop, order)? else {
        return done(Withdraw::NotFound);
    };
    let has = |line: &checkout::OrderLine| line.open() + line.kept();
    if view.order.canceled_at.is_some() || view.lines.iter().all(|line| has(line) == 0) {
        return done(Withdraw::NothingLeft);
    }
    let right = right_of(tx, &view)?;
    if !right.is_open(tx.now()) {
        return done(Withdraw::TooLate(right));
    }
    let name = said("/name", &statement.name, 100)?;
    let email = checkout::Contact {
        email: Some(statement.email.clone()),
        phone: None,
    };
    let email = email.checked()?.email.unwrap_or_default();
    let words = said("/words", &statement.words, 1000)?;
    let (open, kept) = sorted(&view, statement.units.as_deref())?;
    let stays = |line: &checkout::OrderLine| {
        let named = open.iter().chain(&kept).filter(|unit| unit.line == line.line);
        has(line) - named.map(|unit| unit.quantity).sum::<u32>()
    };
    let whole = view.lines.iter().all(|line| stays(line) == 0);
    let named = |line: &checkout::OrderLine| has(line) > stays(line);
    // A bundle that goes back whole or not at all is withdrawn from whole or not at all, as its buyer was told.
    let keep = |keep| keep == KeepTheRest::None;
    checkout::refuse_parts_of_bundles(&view, keep, named, stays, "name all of it.")?;
    for unit in &kept {
        if !checkout::ask_back(tx, order, unit.line, unit.quantity)? {
            return Err(not_theirs());
        }
    }
    let mut after = After::Nothing;
    if !open.is_empty() {
        let wish = UnitsCanceled {
            id: Return::cancellation(statement.id),
            units: open.clone(),
            reason: "withdrawal".into(),
            staff: statement.staff,
        };
        (_, after) = checkout::cancel_units_in(tx, shop, order, &wish)?;
    }
    let now = tx.now();
    let travels = kept.iter().any(|unit| is_physical(&view, unit.line));
    let has_left = view.lines.iter().any(|line| line.shipped > 0);
    let delivery_back = whole && has_left && view.order.delivery_minor > view.refunded(Part::Delivery);
    let (state, next_check_at) = match travels {
        true => (ReturnState::Awaited, Some(now.plus(Seconds::days(1)))),
        // There is nothing to send: the money goes back at once.
        false if !kept.is_empty() || delivery_back => (ReturnState::Received, Some(now)),
        // It never left, and was never paid.
        false => (ReturnState::Refunded, None),
    };
    let stated = Return {
        id: statement.id,
        shop,
        order,
        state,
        whole,
        name,
        email,
        words,
        units_canceled: open.iter().map(|unit| unit.quantity).sum(),
        stated_at: now,
        due_by: now.plus(WITHIN),
        proof: String::new(),
        received_at: (state == ReturnState::Received).then_some(now),
        deducted_minor: 0,
        deduction: String::new(),
        restock: String::new(),
        refunded_minor: 0,
        ended_at: (state == ReturnState::Refunded).then_some(now),
        trouble: String::new(),
        staff: statement.staff,
        version: 1,
        exchange: None,
        units: kept,
    };
    if !store::insert(tx, &stated, next_check_at)? {
        return Err(id_reused());
    }
    tx.publish(&Fact::WithdrawalStated {
        shop,
        order,
        statement: statement.id,
    })?;
    Ok((Withdraw::Stated(Box::new(stated)), after))
}

/// The units that are named, or all: those that have not left, and those that have. What has not left goes first: it need not be sent back.
fn sorted(view: &OrderView, named: Option<&[Ship]>) -> Result<(Vec<Ship>, Vec<Ship>)> {
    let (mut open, mut kept) = (Vec::new(), Vec::new());
    for line in &view.lines {
        let all = line.open() + line.kept();
        let wanted = match named {
            None => all,
            Some(units) => (units.iter())
                .filter(|unit| unit.line == line.line)
                .fold(0u32, |sum, unit| sum.saturating_add(unit.quantity)),
        };
        if wanted > all {
            return Err(not_theirs());
        }
        let first = wanted.min(line.open());
        let unit = |quantity| Ship {
            line: line.line,
            quantity,
        };
        open.extend((first > 0).then(|| unit(first)));
        kept.extend((wanted > first).then(|| unit(wanted - first)));
    }
    if open.is_empty() && kept.is_empty() {
        return Err(Error::field("/lines", "Choose at least one piece."));
    }
    Ok((open, kept))
}

fn is_physical(view: &OrderView, number: u32) -> bool {
    let variant = view
        .lines
        .iter()
        .find(|line| line.line == number)
        .map(|line| line.variant);
    let quoted = view.checkout.offer.quote.lines.iter();
    quoted
        .filter(|quoted| Some(quoted.variant) == variant)
        .any(|quoted| quoted.physical)
}

/// What somebody typed, on one line and short enough. Errors: `invalid_field`.
pub(super) fn said(pointer: &'static str, text: &str, most: usize) -> Result<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() > most {
        return Err(Error::field(pointer, "This is too long."));
    }
    Ok(text)
}

pub(super) fn not_theirs() -> Error {
    Error::conflict(
        "not_theirs",
        "So many pieces of it are not there to be sent back. Nothing was changed.",
    )
}

pub(super) fn id_reused() -> Error {
    Error::conflict("id_reused", "This id is taken. Make a new one.")
}

/// When the next look is at something that waits.
pub(super) fn tomorrow(now: Time) -> Time {
    now.plus(Seconds::days(1))
}
