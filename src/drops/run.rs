//! The run of show: everything a host, or the clock, does with a drop once it is planned. Each is one conditional update by version, with its event.

use super::archive::act;
use super::model::{Drop, DropState, EventKind, Item, Phase, View};
use super::plan::of;
use super::rules::{self, Rule, When};
use super::store;
use super::{line, wait};
use crate::catalog;
use crate::db::Tx;
use crate::inventory::{self, Gate, SetAside};
use crate::kernel::{DropId, Error, Money, Result, Seconds, ShopId, StaffId, Time, VariantId};
use crate::preorders::{self, NewPreorder};
use serde_json::json;

/// Whose hand, at which drop.
#[derive(Clone, Copy, Debug)]
pub struct Hand {
    pub shop: ShopId,
    pub drop: DropId,
    /// None: a key.
    pub staff: Option<StaffId>,
}

/// What became of an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Done(Box<View>),
    /// It was done before; nothing happened.
    Again(Box<View>),
    NotFound,
    /// Not in this state.
    Wrong(DropState),
    /// There is nothing to sell in it.
    NoItems,
    NoSuchItem(VariantId),
    NoSuchRule,
    NoSuchLink,
    /// A variant cannot be sold: its product is not for sale.
    NotForSale(VariantId),
    /// It is the last variant of a product that is for sale: make the product a draft first.
    LastVariant(VariantId),
    /// Another drop that is announced or running sells it only there.
    InAnotherDrop(VariantId),
    NotEnough {
        variant: VariantId,
    },
}

pub(super) fn done(tx: &mut Tx<'_>, drop: Drop) -> Result<Act> {
    Ok(Act::Done(Box::new(of(tx, drop)?)))
}

pub(super) fn again(tx: &mut Tx<'_>, drop: Drop) -> Result<Act> {
    Ok(Act::Again(Box::new(of(tx, drop)?)))
}

/// Announces a draft: its units leave the shop's stock for the drop's own place, all or none. Its transient variants leave the shop.
///
/// Of what is not there yet a pre-order begins, at the drop's place (docs/preorders.md).
///
/// Order of answers: not found, again, wrong state, its times have passed, no items, per item (not for sale, in another drop, last variant, not enough), done.
/// Errors: `invalid_field`, `preorder_open`.
pub fn schedule(tx: &mut Tx<'_>, hand: Hand) -> Result<Act> {
    let Some(before) = store::find(tx, hand.shop, hand.drop)? else {
        return Ok(Act::NotFound);
    };
    match before.state {
        DropState::Draft => {}
        DropState::Scheduled => return again(tx, before),
        state => return Ok(Act::Wrong(state)),
    }
    let now = tx.now();
    if before.closes_at.is_some_and(|at| at <= now) {
        return Err(Error::field("/closes_at", "This has passed already."));
    }
    let items = store::items(tx, before.id)?;
    if items.is_empty() {
        return Ok(Act::NoItems);
    }
    for item in &items {
        if let Some(refused) = may_sell(tx, &before, item)? {
            return Ok(refused);
        }
    }
    inventory::make_place(tx, before.shop, before.place(), &before.title)?;
    for item in items.iter().filter(|item| item.ships_by.is_none()) {
        if !give(tx, &before, item.variant, item.allotment, Gate::Shut)? {
            // Those before it go back: the answer is no error, so nothing else undoes it.
            inventory::send_home(tx, before.shop, before.place(), &[])?;
            return Ok(Act::NotEnough { variant: item.variant });
        }
    }
    for item in &items {
        if let Some(ships_by) = item.ships_by {
            let new = NewPreorder {
                variant: item.variant,
                units: item.allotment,
                ships_by,
            };
            preorders::take_in_drop(tx, before.shop, before.place(), new)?;
        }
    }
    for item in items.iter().filter(|item| item.transient) {
        catalog::withdraw(tx, before.shop, item.variant)?;
    }
    let rules = store::rules(tx, before.id)?;
    let told: Vec<serde_json::Value> = items.iter().map(|item| told_item(item, &rules)).collect();
    let seed_hash = line::furnish(tx, &before)?;
    let detail = json!({ "seed_hash": seed_hash, "opens_at": before.opens_at, "closes_at": before.closes_at, "limit_per_buyer": before.limit, "early_minutes": before.early_minutes, "early_for_buyers": before.early_for_buyers, "items": told });
    let after = Drop {
        state: DropState::Scheduled,
        ..before.clone()
    };
    let drop = act(tx, &before, after, EventKind::Scheduled, &detail, hand.staff)?;
    done(tx, drop)
}

fn told_item(item: &Item, rules: &[Rule]) -> serde_json::Value {
    let mut told = json!({ "variant": item.variant, "units": item.allotment, "price": item.price.minor, "currency": item.price.currency, "transient": item.transient });
    let rules: Vec<serde_json::Value> = rules
        .iter()
        .filter(|rule| rule.variant == item.variant)
        .map(told_rule)
        .collect();
    if !rules.is_empty() {
        told["price_rules"] = json!(rules);
    }
    if let Some(ships_by) = item.ships_by {
        told["ships_by"] = json!(ships_by);
    }
    told
}

fn told_rule(rule: &Rule) -> serde_json::Value {
    let (kind, price) = (rules::kind(&rule.when), rule.when.price().minor);
    match rule.when {
        When::At(at, _) => json!({ "id": rule.id, "kind": kind, "at": at, "price": price }),
        When::Sold(units, _) => json!({ "id": rule.id, "kind": kind, "units": units, "price": price }),
        When::Every { minutes, down, .. } => {
            json!({ "id": rule.id, "kind": kind, "minutes": minutes, "down": down.minor, "floor": price })
        }
    }
}

fn may_sell(tx: &mut Tx<'_>, drop: &Drop, item: &Item) -> Result<Option<Act>> {
    let found = catalog::sellable_in_drop(tx, drop.shop, item.price.currency, item.variant, item.transient)?;
    if found.is_none() {
        return Ok(Some(Act::NotForSale(item.variant)));
    }
    if item.transient && store::other_with(tx, item.variant, drop.id)?.is_some() {
        return Ok(Some(Act::InAnotherDrop(item.variant)));
    }
    if item.transient && !catalog::may_withdraw(tx, drop.shop, item.price.currency, item.variant)? {
        return Ok(Some(Act::LastVariant(item.variant)));
    }
    Ok(None)
}

fn give(tx: &mut Tx<'_>, drop: &Drop, variant: VariantId, units: u32, gate: Gate) -> Result<bool> {
    let what = SetAside {
        variant,
        place: drop.place(),
        units,
        gate,
        from: None,
    };
    inventory::set_aside(tx, drop.shop, what)
}

/// Opens what is scheduled, whatever time was set; or goes on after a pause. Order of answers: not found, again, wrong state, done.
pub fn open(tx: &mut Tx<'_>, hand: Hand) -> Result<Act> {
    let Some(before) = store::find(tx, hand.shop, hand.drop)? else {
        return Ok(Act::NotFound);
    };
    match (before.state, before.phase(tx.now())) {
        (DropState::Open, Phase::Open) => again(tx, before),
        (DropState::Scheduled | DropState::Paused, phase) if phase != Phase::Over => {
            let drop = opened(tx, &before, hand.staff)?;
            done(tx, drop)
        }
        (state, Phase::Over) if state != DropState::Draft => Ok(Act::Wrong(DropState::Closed)),
        (state, _) => Ok(Act::Wrong(state)),
    }
}

/// The gate is opened in the transaction that says so; by a hand, or by the first buyer after the time that was set, or by the job.
pub(super) fn opened(tx: &mut Tx<'_>, before: &Drop, staff: Option<StaffId>) -> Result<Drop> {
    let first = before.state == DropState::Scheduled;
    let kind = if first { EventKind::Opened } else { EventKind::Resumed };
    let told = match first {
        true => line::draw(tx, before)?,
        false => None,
    };
    if first {
        rules::begin(tx, before)?;
    }
    let after = Drop {
        state: DropState::Open,
        opened_at: before.opened_at.or(Some(tx.now())),
        ..before.clone()
    };
    let drop = act(tx, before, after, kind, &told.unwrap_or_else(|| json!({})), staff)?;
    inventory::set_gate(tx, drop.shop, drop.place(), Gate::Open)?;
    if !first {
        after_the_pause(tx, &drop, before.changed_at)?;
    }
    Ok(drop)
}

/// The minutes of a pause let nobody in, and take nothing from a pass or an offer that was good when it began.
fn after_the_pause(tx: &mut Tx<'_>, drop: &Drop, last_act: Time) -> Result<()> {
    let paused_at = store::paused_at(tx, drop.id)?.unwrap_or(last_act);
    let pause = Seconds((tx.now().0 - paused_at.0).max(0) / 1_000_000 + 1);
    store::keep_passes(tx, drop.id, paused_at, pause)?;
    wait::keep_offers(tx, drop.id, paused_at, pause)?;
    store::keep_rules(tx, drop.id, paused_at, pause)?;
    wait::keep_shut(tx, drop)
}

/// Nothing can be reserved until it goes on. Order of answers: not found, again, wrong state, done.
pub fn pause(tx: &mut Tx<'_>, hand: Hand) -> Result<Act> {
    let Some(before) = store::find(tx, hand.shop, hand.drop)? else {
        return Ok(Act::NotFound);
    };
    if before.state == DropState::Paused {
        return again(tx, before);
    }
    if before.phase(tx.now()) != Phase::Open || before.state != DropState::Open {
        return Ok(Act::Wrong(before.state));
    }
    // A step whose moment came before the pause is taken now: afterwards it would count the pause as well.
    let before = rules::by_the_clock(tx, before)?;
    let after = Drop {
        state: DropState::Paused,
        ..before.clone()
    };
    let drop = act(tx, &before, after, EventKind::Paused, &json!({}), hand.staff)?;
    if !mutant!("D13-pause") {
        inventory::set_gate(tx, drop.shop, drop.place(), Gate::Shut)?;
    }
    done(tx, drop)
}

/// Closes a drop, or calls off one that is announced: nothing can be reserved from this commit on, who reserved before may finish, what is free
/// goes home now and what becomes free goes home then. Order of answers: not found, again, wrong state, done.
pub fn close(tx: &mut Tx<'_>, hand: Hand) -> Result<Act> {
    let Some(before) = store::find(tx, hand.shop, hand.drop)? else {
        return Ok(Act::NotFound);
    };
    match before.state {
        DropState::Closed | DropState::Archived => again(tx, before),
        DropState::Draft => Ok(Act::Wrong(before.state)),
        DropState::Scheduled | DropState::Open | DropState::Paused => {
            let drop = closed(tx, &before, hand.staff)?;
            done(tx, drop)
        }
    }
}

pub(super) fn closed(tx: &mut Tx<'_>, before: &Drop, staff: Option<StaffId>) -> Result<Drop> {
    let after = Drop {
        state: DropState::Closed,
        closed_at: Some(tx.now()),
        ..before.clone()
    };
    let drop = act(tx, before, after, EventKind::Closed, &json!({}), staff)?;
    if !mutant!("D13") {
        for item in store::items(tx, drop.id)? {
            match item.ships_by {
                // Its gate is that of what is not there yet: nothing of it goes to a shelf.
                Some(_) => preorders::close_in_drop(tx, drop.shop, drop.place(), item.variant)?,
                None => inventory::set_gate_of(tx, drop.place(), item.variant, Gate::Over)?,
            }
        }
    }
    tidy_up(tx, drop)
}

/// Ends its waitlist and sends home what is free of a drop that is over, a part at a time. When nothing is reserved any more it is settled: nobody looks at it again.
pub(super) fn tidy_up(tx: &mut Tx<'_>, drop: Drop) -> Result<Drop> {
    let more = wait::end(tx, drop.id)?;
    let items = store::items(tx, drop.id)?;
    let expected: Vec<VariantId> = items
        .iter()
        .filter_map(|item| item.ships_by.map(|_| item.variant))
        .collect();
    let (went, waits) = match mutant!("I6-drop") {
        true => (0, 0),
        false => inventory::send_home(tx, drop.shop, drop.place(), &expected)?,
    };
    let mut drop = drop;
    if went > 0 {
        let after = drop.clone();
        drop = act(tx, &drop, after, EventKind::Returned, &json!({ "units": went }), None)?;
    }
    let left: i64 = inventory::aside(tx, drop.shop, drop.place())?
        .iter()
        .map(inventory::Aside::left)
        .sum();
    let more = more || (waits == 0 && left == 0 && store::end_holds(tx, drop.id)?);
    if (more || waits > 0 || left > 0) && !mutant!("I6-drop") {
        let at = tx.now().plus(Seconds(2));
        store::look_again(tx, &drop, at)?;
        return Ok(drop);
    }
    for item in items.iter().filter(|item| item.transient) {
        catalog::withdraw(tx, drop.shop, item.variant)?;
    }
    store::forget_contacts(tx, drop.id)?;
    let sold: i64 = inventory::aside(tx, drop.shop, drop.place())?
        .iter()
        .map(|row| row.sold)
        .sum();
    let after = Drop {
        next_check_at: None,
        ..drop.clone()
    };
    act(tx, &drop, after, EventKind::Settled, &json!({ "sold": sold }), None)
}

/// More units from the shop's stock, or of what is not there yet, for buyers at once if it is open. Order of answers: not found, wrong state, no such item,
/// not enough, done. Errors: `invalid_field`, `preorder_closed`.
pub fn release(tx: &mut Tx<'_>, hand: Hand, variant: VariantId, units: u32) -> Result<Act> {
    if units == 0 || units > 1_000_000 {
        return Err(Error::field("/units", "Release 1 to 1,000,000 units."));
    }
    let Some((before, item)) = (match running(tx, hand)? {
        Ok(before) => item_of(tx, &before, variant)?.map(|item| (before, item)),
        Err(refused) => return Ok(refused),
    }) else {
        return Ok(Act::NoSuchItem(variant));
    };
    let gate = match before.state {
        DropState::Open => Gate::Open,
        _ => Gate::Shut,
    };
    match item.ships_by {
        Some(_) => preorders::expect_more(tx, before.shop, before.place(), variant, units)?,
        None if give(tx, &before, variant, units, gate)? => {}
        None => return Ok(Act::NotEnough { variant }),
    }
    store::add_allotment(tx, before.id, variant, units)?;
    let detail = json!({ "variant": variant, "units": units });
    let drop = act(tx, &before, before.clone(), EventKind::Released, &detail, hand.staff)?;
    done(tx, drop)
}

/// Another price from now on. A quote that was shown keeps its own for as long as it holds if this one is higher, and is paid at this one if it is lower.
/// Order of answers: not found, wrong state, no such item, again (it is that price), done. Errors: `invalid_field`.
pub fn step_price(tx: &mut Tx<'_>, hand: Hand, variant: VariantId, price: Money) -> Result<Act> {
    let price = catalog::checked_price(price)?;
    let before = match running(tx, hand)? {
        Ok(before) => before,
        Err(refused) => return Ok(refused),
    };
    let Some(item) = item_of(tx, &before, variant)? else {
        return Ok(Act::NoSuchItem(variant));
    };
    if price.currency != item.price.currency {
        return Err(Error::field(
            "/price/currency",
            "Prices of a drop are in the shop's currency.",
        ));
    }
    if price == item.price {
        return again(tx, before);
    }
    store::step_price(tx, before.id, &item, price.minor)?;
    let detail = json!({
        "variant": variant, "from": item.price.minor, "to": price.minor, "currency": price.currency, "price_version": item.price_version + 1,
    });
    let drop = act(tx, &before, before.clone(), EventKind::PriceStep, &detail, hand.staff)?;
    done(tx, drop)
}

/// Says what is talked about now; None: nothing. Order of answers: not found, wrong state, no such item, again, done.
pub fn pin(tx: &mut Tx<'_>, hand: Hand, variant: Option<VariantId>) -> Result<Act> {
    let before = match running(tx, hand)? {
        Ok(before) => before,
        Err(refused) => return Ok(refused),
    };
    if let Some(variant) = variant
        && item_of(tx, &before, variant)?.is_none()
    {
        return Ok(Act::NoSuchItem(variant));
    }
    if before.pinned == variant {
        return again(tx, before);
    }
    let detail = json!({ "from": before.pinned, "to": variant });
    let after = Drop {
        pinned: variant,
        ..before.clone()
    };
    let drop = act(tx, &before, after, EventKind::Pinned, &detail, hand.staff)?;
    done(tx, drop)
}

/// A later end, or an end for a drop that had none. Order of answers: not found, wrong state, done. Errors: `invalid_field` for a time that has passed or
/// is earlier than what buyers were told.
pub fn extend(tx: &mut Tx<'_>, hand: Hand, closes_at: Time) -> Result<Act> {
    let before = match running(tx, hand)? {
        Ok(before) => before,
        Err(refused) => return Ok(refused),
    };
    let earlier = before.closes_at.is_some_and(|known| closes_at < known)
        || before.opens_at.is_some_and(|opens| closes_at <= opens);
    if closes_at <= tx.now() || earlier {
        return Err(Error::field(
            "/closes_at",
            "A drop is extended to a later time than buyers were told. To end it sooner, close it.",
        ));
    }
    if before.closes_at == Some(closes_at) {
        return again(tx, before);
    }
    let detail = json!({ "from": before.closes_at, "to": closes_at });
    let after = Drop {
        closes_at: Some(closes_at),
        ..before.clone()
    };
    let drop = act(tx, &before, after, EventKind::Extended, &detail, hand.staff)?;
    done(tx, drop)
}

/// Puts a drop away that is over. Order of answers: not found, again, wrong state (also while reservations are still being resolved), done.
pub fn archive(tx: &mut Tx<'_>, hand: Hand) -> Result<Act> {
    let Some(before) = store::find(tx, hand.shop, hand.drop)? else {
        return Ok(Act::NotFound);
    };
    match before.state {
        DropState::Archived => again(tx, before),
        DropState::Closed if before.next_check_at.is_none() => {
            let after = Drop {
                state: DropState::Archived,
                ..before.clone()
            };
            let drop = act(tx, &before, after, EventKind::Archived, &json!({}), hand.staff)?;
            done(tx, drop)
        }
        state => Ok(Act::Wrong(state)),
    }
}

/// A drop that is announced or running, by the clock too.
pub(super) fn running(tx: &mut Tx<'_>, hand: Hand) -> Result<std::result::Result<Drop, Act>> {
    let Some(drop) = store::find(tx, hand.shop, hand.drop)? else {
        return Ok(Err(Act::NotFound));
    };
    Ok(match drop.phase(tx.now()) {
        Phase::Before | Phase::Open | Phase::Paused => Ok(drop),
        Phase::Draft => Err(Act::Wrong(DropState::Draft)),
        Phase::Over => Err(Act::Wrong(DropState::Closed)),
    })
}

fn item_of(tx: &mut Tx<'_>, drop: &Drop, variant: VariantId) -> Result<Option<Item>> {
    let items = store::items(tx, drop.id)?;
    Ok(items.into_iter().find(|item| item.variant == variant))
}
