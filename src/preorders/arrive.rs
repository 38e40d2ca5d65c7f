//! Goods arrive, or are late; and at the end what nobody waits for goes to the shelf.

use super::model::{Act, Preorder, PreorderState, SaleState};
use super::store;
use super::take::checked_day;
use crate::db::Tx;
use crate::inventory::{self, Claim, Gate};
use crate::kernel::{Error, LocationId, PreorderId, Result, Seconds, ShopId, Time, VariantId};

/// Goods arrived: the oldest pre-orders get them first. More than was expected goes to the shelf; with the last of them it is sold no more.
/// `after` is what had been counted in as whoever counts saw it: then the same goods are counted once. Order of answers: not found, wrong state (done), again, done.
/// Errors: `invalid_field`.
pub fn receive(tx: &mut Tx<'_>, shop: ShopId, id: PreorderId, units: u32, after: Option<i64>) -> Result<Act> {
    if units == 0 || units > super::model::UNITS_MAX {
        return Err(Error::field("/units", "Say how many arrived: 1 to 1,000,000."));
    }
    let Some(before) = store::hold_still(tx, shop, id)? else {
        return Ok(Act::NotFound);
    };
    if before.state == PreorderState::Done {
        return Ok(Act::Wrong(before.state));
    }
    if after.is_some_and(|seen| seen != before.counted) && !mutant!("D10-arrived") {
        return Ok(Act::Again(before));
    }
    let units = i64::from(units);
    let expected = units.min(before.units - before.arrived);
    store::arrived(tx, &before, units, expected)?;
    if units > expected {
        inventory::to_shelf(tx, before.variant, before.home, units - expected)?;
    }
    let counted = store::load(tx, id)?;
    let mut preorder = cover(tx, counted)?;
    if preorder.arrived == preorder.units && preorder.state == PreorderState::Open {
        preorder = shut(tx, &preorder)?;
    }
    tidy(tx, preorder)?;
    store::load(tx, id).map(Act::Done)
}

/// Rounds of one command; the job goes on.
const ROUNDS: u32 = 4;

/// Gives what arrived to those who waited longest, whole lines, and to nobody before them.
pub(super) fn cover(tx: &mut Tx<'_>, preorder: Preorder) -> Result<Preorder> {
    let mut pool = preorder.pool();
    for _ in 0..ROUNDS {
        let waiting = if pool > 0 {
            store::first_waiting(tx, preorder.id)?
        } else {
            Vec::new()
        };
        for sale in &waiting {
            let units = i64::from(sale.units);
            if units > pool {
                return store::load(tx, preorder.id);
            }
            pool -= units;
            store::move_sale(tx, sale, SaleState::Here)?;
            store::cover(tx, &preorder, units)?;
        }
        if waiting.len() < store::FIRST {
            return store::load(tx, preorder.id);
        }
    }
    store::look_again(tx, preorder.id, tx.now())?;
    store::load(tx, preorder.id)
}

/// Sells no more of it. Who has reserved may still pay. Order of answers: not found, again, done.
pub fn close(tx: &mut Tx<'_>, shop: ShopId, id: PreorderId) -> Result<Act> {
    let Some(before) = store::hold_still(tx, shop, id)? else {
        return Ok(Act::NotFound);
    };
    if before.state != PreorderState::Open {
        return Ok(Act::Again(before));
    }
    let preorder = shut(tx, &before)?;
    tidy(tx, preorder)?;
    store::load(tx, id).map(Act::Done)
}

/// A drop that sells a variant before it is there is over: what nobody bought is expected no more. Twice is once.
pub fn close_in_drop(tx: &mut Tx<'_>, shop: ShopId, place: LocationId, variant: VariantId) -> Result<()> {
    match store::at(tx, place, variant)? {
        Some(known) => close(tx, shop, known.id).map(drop),
        None => Ok(()),
    }
}

/// More of what a drop sells is expected, for the same day. Errors: `preorder_closed`.
pub fn expect_more(tx: &mut Tx<'_>, shop: ShopId, place: LocationId, variant: VariantId, units: u32) -> Result<()> {
    let known = match store::at(tx, place, variant)? {
        Some(known) => store::hold_still(tx, shop, known.id)?,
        None => None,
    };
    let known = known.ok_or_else(|| Error::not_found("pre-order"))?;
    if !store::expect_more(tx, &known, units)? {
        return Err(Error::conflict(
            "preorder_closed",
            "No more pre-orders of this are taken: they were closed, or all of it is here.",
        ));
    }
    let expected = Claim {
        variant,
        location: place,
        quantity: units,
    };
    inventory::expect(tx, shop, &expected, known.home, Gate::Shut)
}

fn shut(tx: &mut Tx<'_>, preorder: &Preorder) -> Result<Preorder> {
    store::set_state(tx, preorder, PreorderState::Closed)?;
    inventory::set_gate_of(tx, preorder.place, preorder.variant, Gate::Shut)?;
    store::load(tx, preorder.id)
}

/// Of one that is sold no more: what nobody bought is expected no more, what arrived for nobody goes to the shelf, and when nobody waits it is done.
pub(super) fn tidy(tx: &mut Tx<'_>, preorder: Preorder) -> Result<()> {
    if preorder.state != PreorderState::Closed || mutant!("I6-preorder") {
        return Ok(());
    }
    let row = store::stock(tx, &preorder)?.ok_or_else(|| Error::internal("a pre-order has no stock"))?;
    let free = row.left();
    if free > 0 {
        if !inventory::take_away(tx, preorder.variant, preorder.place, free)? {
            return store::look_again(tx, preorder.id, tx.now().plus(Seconds(2))); // Somebody left or paid in this instant.
        }
        let surplus = (preorder.arrived - (preorder.units - free)).max(0);
        store::give_up(tx, &preorder, free, surplus)?;
        if surplus > 0 {
            inventory::to_shelf(tx, preorder.variant, preorder.home, surplus)?;
        }
    }
    if row.reserved > 0 {
        return store::look_again(tx, preorder.id, tx.now().plus(Seconds(2)));
    }
    let preorder = store::load(tx, preorder.id)?;
    if preorder.covered == preorder.units {
        store::set_state(tx, &preorder, PreorderState::Done)?;
        // What is canceled from now on was here: it goes to the shelf.
        inventory::set_gate_of(tx, preorder.place, preorder.variant, Gate::Over)?;
        return Ok(());
    }
    store::look_by(tx, preorder.id, next_look(&preorder, tx.now()))
}

/// At the promised day, while somebody waits; and every day in any case.
pub(super) fn next_look(preorder: &Preorder, now: Time) -> Time {
    let tomorrow = now.plus(Seconds::days(1));
    match preorder.late || preorder.ships_by <= now {
        true => tomorrow,
        false => preorder.ships_by.min(tomorrow),
    }
}

/// A later day. New buyers are promised that one; whoever waits is told, and may cancel. Order of answers: not found, wrong state (done), again, done.
/// Errors: `invalid_field`.
pub fn delay(tx: &mut Tx<'_>, shop: ShopId, id: PreorderId, ships_by: Time) -> Result<Act> {
    let Some(before) = store::hold_still(tx, shop, id)? else {
        return Ok(Act::NotFound);
    };
    if before.state == PreorderState::Done {
        return Ok(Act::Wrong(before.state));
    }
    if before.ships_by == ships_by {
        return Ok(Act::Again(before));
    }
    checked_day(tx.now(), ships_by)?;
    if ships_by < before.ships_by {
        return Err(Error::field(
            "/ships_by",
            "Buyers were promised an earlier or the same day already; what comes sooner may simply leave sooner.",
        ));
    }
    store::set_day(tx, &before, ships_by, false)?;
    store::tell_those_who_wait(tx, id)?;
    store::load(tx, id).map(Act::Done)
}
