//! What a buyer may have: counted under every name we know them by, in the transaction that reserves, and given back when the reservation ends.

use super::model::{Identity, Phase, QuotedDrop, Who, card_identity, contact_needed, cooling, limit_reached};
use super::store::{self, Counted};
use crate::db::Tx;
use crate::kernel::{CheckoutId, DropId, Error, Id, Result, Seconds, ShopId, Time};
use std::collections::{BTreeMap, BTreeSet};

/// Before so long somebody may change their mind as often as they like.
const SECOND_THOUGHTS: Seconds = Seconds::minutes(1);

/// Counts a reservation for its buyer. Nothing happens in a drop without a limit. Errors: `drop_contact_needed`, `drop_limit_reached`, `drop_cooling_down`,
/// `id_reused`.
///
/// Two who are the same buyer under any name never have more than the limit, whoever comes first: one conditional update a name and a constraint.
pub fn claim(
    tx: &mut Tx<'_>,
    shop: ShopId,
    checkout: CheckoutId,
    drop: &QuotedDrop,
    units: u32,
    who: &Who<'_>,
) -> Result<()> {
    if drop.limit == 0 || mutant!("D11") {
        return Ok(());
    }
    let mut who = who.identities(drop.id);
    if mutant!("D11-names") {
        who = who.into_iter().take(1).collect();
    }
    if who.is_empty() {
        return Err(contact_needed());
    }
    for identity in &who {
        count(tx, drop.id, identity, units, drop.limit)?;
    }
    let claim = Counted {
        drop: drop.id,
        units,
        held: true,
        who: who.into_iter().collect(),
    };
    if store::insert_claim(tx, shop, checkout, &claim)? {
        return Ok(());
    }
    Err(Error::conflict(
        "id_reused",
        "This checkout id is taken. Make a new one.",
    ))
}

fn count(tx: &mut Tx<'_>, drop: DropId, who: &Identity, units: u32, limit: u32) -> Result<()> {
    let at = if mutant!("X3") { FOREVER } else { tx.now() };
    if units <= limit && store::count(tx, drop, who, units, limit, at)? {
        return Ok(());
    }
    Err(match store::cools_until(tx, drop, who)? {
        Some(until) => cooling(until.since(tx.now())),
        None => limit_reached(limit),
    })
}

/// Nobody waits any more.
const FOREVER: Time = Time(i64::MAX);

/// The buyer says more, or something else, before they paid: from now on they are counted under these names. A browser's secret stays, and so does a card.
/// Errors: `drop_limit_reached`, `drop_cooling_down`.
pub fn identify(tx: &mut Tx<'_>, checkout: CheckoutId, drop: &QuotedDrop, who: &Who<'_>) -> Result<()> {
    let Some(claim) = store::claim(tx, checkout)?.filter(|claim| claim.held && !mutant!("D11-later")) else {
        return Ok(());
    };
    let before: BTreeSet<Identity> = claim.who.iter().copied().collect();
    let mut after = who.identities(drop.id);
    after.extend(before.iter().filter(|identity| matches!(identity[0], b'b' | b'c')));
    if after == before {
        return Ok(());
    }
    if after.is_empty() {
        return Err(contact_needed());
    }
    for identity in before.union(&after) {
        match (before.contains(identity), after.contains(identity)) {
            (true, false) => store::uncount(tx, drop.id, identity, claim.units)?,
            (false, true) => count(tx, drop.id, identity, claim.units, drop.limit)?,
            _ => {}
        }
    }
    let after: Vec<Identity> = after.into_iter().collect();
    store::set_identities(tx, checkout, &after)
}

/// Makes sure that a checkout is counted: again, when money turns up for one whose time had run out. False: its buyer has something else instead.
pub fn again(tx: &mut Tx<'_>, checkout: CheckoutId, drop: &QuotedDrop) -> Result<bool> {
    let Some(claim) = store::claim(tx, checkout)?.filter(|claim| !claim.held && !mutant!("D11-again")) else {
        return Ok(true);
    };
    for (done, identity) in claim.who.iter().enumerate() {
        if !store::count(tx, drop.id, identity, claim.units, drop.limit, FOREVER)? {
            for identity in &claim.who[..done] {
                store::uncount(tx, drop.id, identity, claim.units)?;
            }
            return Ok(false);
        }
    }
    store::hold(tx, checkout, true)?;
    Ok(true)
}

/// The card that pays, where its processor says which it is: from now on the purchase is counted under it, too. It is heard of only when the money is
/// promised. False: whoever has this card has as much of the drop as one buyer may.
pub fn pay_with(tx: &mut Tx<'_>, checkout: CheckoutId, drop: &QuotedDrop, card: &[u8; 32]) -> Result<bool> {
    let Some(claim) = store::claim(tx, checkout)?.filter(|claim| claim.held && !mutant!("D11-card")) else {
        return Ok(true);
    };
    let identity = card_identity(drop.id, card);
    if claim.who.contains(&identity) {
        return Ok(true);
    }
    if !store::count(tx, drop.id, &identity, claim.units, drop.limit, FOREVER)? {
        return Ok(false);
    }
    let who: Vec<Identity> = claim.who.iter().copied().chain([identity]).collect();
    store::set_identities(tx, checkout, &who)?;
    Ok(true)
}

/// The reservation ended without a sale, or the sale was taken back whole. Twice is once.
pub fn release(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<()> {
    if !store::hold(tx, checkout, false)? {
        return Ok(());
    }
    if let Some(claim) = store::claim(tx, checkout)? {
        for identity in &claim.who {
            store::uncount(tx, claim.drop, identity, claim.units)?;
        }
    }
    Ok(())
}

/// [`release`] of what was kept for somebody since `since` and not paid. From the second time on, no name of theirs reserves in this drop for as long as
/// units are kept there: whoever keeps units from others again and again, and never pays, has to let the others in between (X3).
pub fn lapse(tx: &mut Tx<'_>, checkout: CheckoutId, drop: &QuotedDrop, since: Time) -> Result<()> {
    let claim = store::claim(tx, checkout)?.filter(|claim| claim.held);
    release(tx, checkout)?;
    let Some(claim) = claim.filter(|_| tx.now() >= since.plus(SECOND_THOUGHTS)) else {
        return Ok(());
    };
    let cools_until = tx.now().plus(Seconds::minutes(drop.hold_minutes));
    for identity in &claim.who {
        store::cool(tx, drop.id, identity, cools_until)?;
    }
    Ok(())
}

/// Units of the sale were canceled, and others of it stay: the buyer may have as many again.
pub fn give_back(tx: &mut Tx<'_>, checkout: CheckoutId, units: u32) -> Result<()> {
    let Some(claim) = store::claim(tx, checkout)?.filter(|claim| claim.held) else {
        return Ok(());
    };
    if !store::shrink_claim(tx, checkout, units)? {
        return release(tx, checkout); // Nothing of it stays.
    }
    for identity in &claim.who {
        store::uncount(tx, claim.drop, identity, units)?;
    }
    Ok(())
}

/// Whether a limit of a drop that is not over counts a purchase under its buyer's names.
pub fn counts_still(tx: &mut Tx<'_>, shop: ShopId, checkout: CheckoutId) -> Result<bool> {
    let Some(claim) = store::claim(tx, checkout)?.filter(|claim| claim.held && !claim.who.is_empty()) else {
        return Ok(false);
    };
    let drop = store::find(tx, shop, claim.drop)?;
    Ok(drop.is_some_and(|drop| drop.phase(tx.now()) != Phase::Over))
}

/// Forgets under which names a purchase was counted: the drop is over, and nothing asks for them any more.
pub fn erase(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<()> {
    let Some(claim) = store::claim(tx, checkout)? else {
        return Ok(());
    };
    for identity in &claim.who {
        if claim.held {
            store::uncount(tx, claim.drop, identity, claim.units)?;
        }
        store::forget_identity(tx, claim.drop, identity)?;
    }
    store::set_identities(tx, checkout, &[])
}

/// Counters that are not the sum of what they count (I7): empty, always.
pub(super) fn check(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let nil = uuid::Uuid::nil();
    let mut sums: BTreeMap<(DropId, Vec<u8>), i64> = BTreeMap::new();
    let mut last = CheckoutId::from_uuid(nil);
    loop {
        let page = store::claims_held(tx, last)?;
        for (checkout, drop, units, who) in &page {
            for identity in who.as_chunks::<33>().0 {
                *sums.entry((*drop, identity.to_vec())).or_default() += units;
            }
            last = *checkout;
        }
        if page.is_empty() {
            break;
        }
    }
    let mut broken = Vec::new();
    let mut last = (DropId::from_uuid(nil), Vec::new());
    loop {
        let page = store::counts(tx, (last.0, &last.1))?;
        if page.is_empty() {
            break;
        }
        for (drop, identity, units, most) in page {
            last = (drop, identity);
            let sum = sums.remove(&last).unwrap_or(0);
            if sum != units || units > most {
                broken.push(format!("I7 {drop}: {units} counted of at most {most}, and {sum} held"));
            }
        }
    }
    broken.extend(
        sums.keys()
            .map(|(drop, _)| format!("I7 {drop}: something is held and not counted")),
    );
    Ok(broken)
}
