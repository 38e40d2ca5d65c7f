//! Ending an exchange: the buyer wants it no more, or a person says why it ends.

use super::model::{Exchange, ExchangeState as S, place};
use super::settle::money_back;
use super::store;
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::inventory::{self, Gate};
use crate::kernel::{Error, ExchangeId, OrderId, Result, ShopId, StaffId};
use crate::returns::{self, ReturnState};

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// What was kept is for sale again; if the goods were here already, their money goes back.
    Ended,
    NotFound,
    /// What leaves for it is an order already: cancel or return that.
    Placed,
}

/// Ends it. Before the goods are here nothing else happened; afterwards their money goes back the way it came. Order of answers: not found, placed, ended
/// (also twice). Errors: `invalid_field`, if a person says no reason; `checkout_open`, while the difference is being paid.
pub async fn end(
    app: &App,
    shop: ShopId,
    (order, id): (OrderId, ExchangeId),
    why: &str,
    staff: Option<StaffId>,
) -> Result<End> {
    let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
    if why.is_empty() || why.chars().count() > 300 {
        return Err(Error::field("/reason", "Say why it ends; the buyer reads it."));
    }
    let (found, reason) = (app.db.read(move |tx| store::find(tx, shop, id)).await?, why.clone());
    let Some(found) = found.filter(|found| found.order == order) else {
        return Ok(End::NotFound);
    };
    let closed = app
        .db
        .write(LaneKey::of(order), move |tx| close(tx, shop, id, &reason, staff))
        .await?;
    if closed {
        return Ok(End::Ended);
    }
    money_back(app, &found, &why).await?;
    let now = app.db.read(move |tx| store::find(tx, shop, id)).await?;
    match now.map(|now| now.state) {
        Some(S::Placed) => Ok(End::Placed),
        Some(S::Awaited | S::ToPay) => Err(Error::conflict(
            "checkout_open",
            "It is being paid, or its money is on the move. Try again in a moment.",
        )),
        _ => Ok(End::Ended),
    }
}

/// Closes one whose goods are not here, or whose return a person ended. False: they are here, or it has ended.
pub(super) fn close(tx: &mut Tx<'_>, shop: ShopId, id: ExchangeId, why: &str, staff: Option<StaffId>) -> Result<bool> {
    let Some(found) = store::find(tx, shop, id)?.filter(|found| !found.state.is_over()) else {
        return Ok(false);
    };
    let back = returns::find(tx, shop, found.back())?;
    let state = back.map(|back| back.state);
    if !matches!(
        state,
        Some(ReturnState::Awaited | ReturnState::Sent | ReturnState::Closed)
    ) {
        return Ok(false);
    }
    if state != Some(ReturnState::Closed) {
        returns::close(tx, shop, found.order, found.back(), why, staff)?;
    }
    if let Some(staff) = staff {
        store::by(tx, id, staff)?;
    }
    if !store::advance(tx, &found, S::Closed, why)? {
        return Err(Error::engine(
            crate::kernel::Engine::Retry,
            "an exchange was moved on by somebody else meanwhile",
        ));
    }
    let_go(tx, &found)?;
    Ok(true)
}

/// What was kept goes home, and whatever still comes back to its place does, too.
pub(super) fn let_go(tx: &mut Tx<'_>, found: &Exchange) -> Result<()> {
    if mutant!("D2-exchange") {
        return Ok(());
    }
    inventory::send_home(tx, found.shop, place(found.id), &[])?;
    inventory::set_gate(tx, found.shop, place(found.id), Gate::Over)
}
