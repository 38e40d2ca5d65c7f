//! The list of those who wait for what is sold out: units that come free are offered to them, one after another, whole or not at all.
//!
//! An offer is a reservation: the units are nobody else's until it is taken or lapses. While somebody waits for a variant its gate is shut for everybody
//! else, so that a unit that comes free cannot be had by whoever happens to look.

use super::letters::{bind_new, must_be_theirs};
use super::model::{Drop, DropState, Phase, Wait, WaitStanding, must_be_open, unknown};
use super::store;
use crate::db::Tx;
use crate::inventory::{self, Demand, Gate, Reserve};
use crate::kernel::{CheckoutId, DropId, Error, Id, Result, Seconds, ShopId, Time, VariantId, WaitId};

/// How long an offer is kept for whoever waited.
pub const OFFER: Seconds = Seconds::minutes(5);
/// Offers read at once.
const OFFERS_PAGE: i64 = 100;
/// Offers made by one command; the round that follows makes more.
const OFFERS_MAX: u32 = 25;

/// The units of an offer are reserved under its own id. It is told to nobody, so that no checkout has it.
fn holder(wait: WaitId) -> CheckoutId {
    CheckoutId::from_uuid(wait.uuid())
}

/// Puts a browser at the end of the list; asked again, it keeps its place. Errors: `no_such_drop`, `drop_not_open`, `drop_paused`, `drop_closed`,
/// `not_in_drop`, `invalid_field`, `drop_not_sold_out`.
pub fn wait(tx: &mut Tx<'_>, shop: ShopId, id: DropId, variant: VariantId, units: u32, key: &[u8; 32]) -> Result<Wait> {
    let drop = store::find(tx, shop, id)?.ok_or_else(unknown)?;
    must_be_open(&drop, tx.now())?;
    if !store::items(tx, id)?.iter().any(|item| item.variant == variant) {
        return Err(Error::conflict(
            "not_in_drop",
            "This is not sold in this drop. Buy it in the shop.",
        ));
    }
    let most = if drop.limit == 0 { 20 } else { drop.limit.min(20) };
    if units == 0 || units > most {
        return Err(Error::field(
            "/units",
            "Wait for at least one piece, and for no more than each buyer may have.",
        ));
    }
    if let Some(known) = store::wait_of(tx, id, variant, key)? {
        return Ok(known);
    }
    if free(tx, &drop, variant)? >= i64::from(units) && store::first_waiting(tx, id, variant)?.is_none() {
        return Err(Error::conflict(
            "drop_not_sold_out",
            "There is enough of it: buy it now.",
        ));
    }
    if !store::insert_wait(tx, &drop, variant, units, key)? {
        return Err(Error::engine(
            crate::kernel::Engine::Retry,
            "the same browser came twice in one instant",
        ));
    }
    bind_new(tx, id, key)?;
    offer(tx, &drop, variant, &mut { OFFERS_MAX })?;
    store::wait_of(tx, id, variant, key)?.ok_or_else(|| Error::internal("a place on the list was not written"))
}

/// Leaves the list; an offer goes to the next. Twice is once.
pub fn leave(tx: &mut Tx<'_>, shop: ShopId, id: DropId, variant: VariantId, key: &[u8; 32]) -> Result<()> {
    let drop = store::find(tx, shop, id)?.ok_or_else(unknown)?;
    if let Some(known) = store::wait_of(tx, id, variant, key)?
        && store::move_wait(tx, &known, WaitStanding::Left)?
    {
        if known.standing == WaitStanding::Offered && !mutant!("D14-left") {
            inventory::release(tx, holder(known.id))?;
        }
        offer(tx, &drop, variant, &mut { OFFERS_MAX })?;
    }
    Ok(())
}

/// The round of the job: what lapsed goes on, what came free is offered.
pub(super) fn round(tx: &mut Tx<'_>, id: DropId) -> Result<()> {
    let drop = store::load(tx, id)?;
    if drop.phase(tx.now()) != Phase::Open || drop.state != DropState::Open {
        return Ok(());
    }
    for lapsed in store::lapsed(tx, id)? {
        if store::move_wait(tx, &lapsed, WaitStanding::Lapsed)? && !mutant!("D14-lapsed") {
            inventory::expire(tx, holder(lapsed.id), false)?;
        }
    }
    let mut most = OFFERS_MAX;
    for variant in store::waited_for(tx, id)? {
        offer(tx, &drop, variant, &mut most)?;
    }
    Ok(())
}

/// Offers what is free of a variant to the first on the list who wants no more than that, then to the next, `most` of them. Whoever wants more keeps their
/// place. The gate is shut for as long as somebody waits for what is free now, or for whatever comes; what nobody on the list can use everybody may buy.
fn offer(tx: &mut Tx<'_>, drop: &Drop, variant: VariantId, most: &mut u32) -> Result<()> {
    // Whoever changes it next waits for this commit.
    inventory::hold_still(tx, drop.place(), variant)?;
    let drop = &store::load(tx, drop.id)?;
    // Nor after its end, though nobody has come to close it yet.
    let is_over = drop.phase(tx.now()) != Phase::Open && !mutant!("D13-offer");
    if drop.state != DropState::Open || is_over {
        return Ok(());
    }
    while *most > 0 {
        let free = free(tx, drop, variant)?;
        let Some(first) = store::first_fitting(tx, drop.id, variant, free)? else {
            break;
        };
        *most -= 1;
        // Whoever looks meanwhile waits for this commit, and then finds the gate as it is left here.
        inventory::set_gate_of(tx, drop.place(), variant, Gate::Open)?;
        let demand = [Demand {
            variant,
            quantity: first.units,
            place: Some(drop.place()),
        }];
        let until = tx.now().plus(OFFER);
        if mutant!("D14-two") {
            store::offer_wait(tx, &first, until)?;
            continue;
        }
        match inventory::reserve(tx, drop.shop, holder(first.id), &demand, false, until)? {
            Reserve::Reserved(_) => store::offer_wait(tx, &first, until)?,
            Reserve::SoldOut { .. } | Reserve::Shut(_) => break,
        }
    }
    let next = match free(tx, drop, variant)? {
        0 => store::first_waiting(tx, drop.id, variant)?,
        left => store::first_fitting(tx, drop.id, variant, left)?, // Of the next round.
    };
    let gate = if next.is_some() && !mutant!("D14-gate") {
        Gate::Shut
    } else {
        Gate::Open
    };
    inventory::set_gate_of(tx, drop.place(), variant, gate)
}

fn free(tx: &mut Tx<'_>, drop: &Drop, variant: VariantId) -> Result<i64> {
    let rows = inventory::aside(tx, drop.shop, drop.place())?;
    Ok(rows
        .into_iter()
        .find(|row| row.variant == variant)
        .map_or(0, |row| row.left()))
}

/// What is offered to a browser of a variant now.
pub fn offered_units(tx: &mut Tx<'_>, drop: DropId, variant: VariantId, key: &[u8; 32]) -> Result<u32> {
    let known = store::wait_of(tx, drop, variant, key)?;
    let now = tx.now();
    Ok(known.filter(|wait| wait.is_offer(now)).map_or(0, |wait| wait.units))
}

/// At the tap: gives the units of this browser's offers back for the reservation that follows in the same transaction. `wanted` names each variant once,
/// with all its units. The variants whose gate has to be shut again after it. Errors: `drop_offer_bound`.
pub fn take_offers(
    tx: &mut Tx<'_>,
    drop: DropId,
    wanted: &[Demand],
    key: &[u8; 32],
    email: Option<&str>,
    checkout: CheckoutId,
) -> Result<Vec<VariantId>> {
    let mut opened = Vec::new();
    let now = tx.now();
    for demand in wanted {
        let Some(known) = store::wait_of(tx, drop, demand.variant, key)?.filter(|wait| wait.is_offer(now)) else {
            continue;
        };
        if demand.quantity > known.units {
            continue;
        }
        must_be_theirs(tx, drop, known.id, key, email)?;
        if store::move_wait(tx, &known, WaitStanding::Taken)? {
            store::taken_with(tx, known.id, checkout)?;
            inventory::release(tx, holder(known.id))?;
            inventory::set_gate_of(tx, super::place(drop), demand.variant, Gate::Open)?;
            opened.push(demand.variant);
        }
    }
    Ok(opened)
}

/// After the reservation: whoever still waits is next, nobody else.
pub fn after_offers(tx: &mut Tx<'_>, drop: DropId, opened: &[VariantId]) -> Result<()> {
    for variant in opened {
        if store::first_waiting(tx, drop, *variant)?.is_some() {
            inventory::set_gate_of(tx, super::place(drop), *variant, Gate::Shut)?;
        }
    }
    Ok(())
}

/// Whether a gate is shut because somebody waits.
pub fn is_waited_for(tx: &mut Tx<'_>, drop: DropId, variant: VariantId) -> Result<bool> {
    Ok(store::first_waiting(tx, drop, variant)?.is_some())
}

/// Whether what is free of a variant is about to be offered to somebody who waits.
pub fn is_promised(tx: &mut Tx<'_>, drop: DropId, variant: VariantId, free: i64) -> Result<bool> {
    Ok(store::first_fitting(tx, drop, variant, free)?.is_some())
}

/// The first of `wanted` that is about to be offered to somebody who waits, at the tap. The gate says so to most buyers; it stands open where those who wait want more than is
/// free, and another unit may come free before anybody has looked. Costs one statement where nobody waits.
pub fn promised(
    tx: &mut Tx<'_>,
    (shop, drop): (ShopId, DropId),
    wanted: &[Demand],
    but: &[VariantId],
) -> Result<Option<VariantId>> {
    if mutant!("D14-gate") || mutant!("D14-open") || !store::anybody_waits(tx, drop)? {
        return Ok(None);
    }
    for demand in wanted.iter().filter(|demand| !but.contains(&demand.variant)) {
        inventory::hold_still(tx, super::place(drop), demand.variant)?;
        let rows = inventory::aside(tx, shop, super::place(drop))?;
        let left = rows
            .iter()
            .find(|row| row.variant == demand.variant)
            .map_or(0, inventory::Aside::left);
        if is_promised(tx, drop, demand.variant, left)? {
            return Ok(Some(demand.variant));
        }
    }
    Ok(None)
}

/// After a pause the gates open, but for what somebody waits for.
pub(super) fn keep_shut(tx: &mut Tx<'_>, drop: &Drop) -> Result<()> {
    let waited = store::waited_for(tx, drop.id)?;
    after_offers(tx, drop.id, &waited)
}

/// After a pause: what was offered when it began is kept for as long as it was kept then.
pub(super) fn keep_offers(tx: &mut Tx<'_>, drop: DropId, paused_at: Time, pause: Seconds) -> Result<()> {
    let mut last = WaitId::from_uuid(uuid::Uuid::nil());
    loop {
        let page = store::offered_since(tx, drop, paused_at, last, OFFERS_PAGE)?;
        let Some(offer) = page.last() else { return Ok(()) };
        last = offer.id;
        for offer in page {
            let until = offer.offered_until.unwrap_or(tx.now()).plus(pause);
            store::keep_offer(tx, offer.id, until)?;
            inventory::extend(tx, holder(offer.id), false, until)?;
        }
    }
}

/// The drop is over: nobody waits any more, and what was offered is free. Some of them at a time; whether there are more.
pub(super) fn end(tx: &mut Tx<'_>, drop: DropId) -> Result<bool> {
    let (offers, more) = store::end_waits(tx, drop)?;
    for offer in offers.into_iter().filter(|_| !mutant!("D14-end")) {
        inventory::release(tx, holder(offer))?;
    }
    Ok(more)
}
