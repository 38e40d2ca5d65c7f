//! Claims on stock: taken all or nothing, ended exactly once.

use super::model::{Claim, Demand, Gate, Reserve};
use super::store;
use crate::db::Tx;
use crate::kernel::{CheckoutId, Result, ShopId, Time};

/// How often a claim looks again when another buyer took the chosen place's units in the same instant.
const LOOKS: u32 = 3;

/// Reserves all of `demand` for a checkout or nothing. Rows are locked in one canonical order, so two buyers never wait for each other.
///
/// `paying` when payment starts with the same tap: the reservation then begins in that state.
pub fn reserve(
    tx: &mut Tx<'_>,
    shop: ShopId,
    checkout: CheckoutId,
    demand: &[Demand],
    paying: bool,
    expires_at: Time,
) -> Result<Reserve> {
    let mut claims: Vec<Claim> = Vec::with_capacity(demand.len());
    let summed = if mutant!("D3") {
        demand.to_vec()
    } else {
        Demand::summed(demand)
    };
    for wanted in summed {
        match take(tx, wanted)? {
            Ok(claim) => claims.push(claim),
            Err(refused) => {
                for claim in claims.iter().filter(|_| !mutant!("D3-half")) {
                    store::give_back(tx, claim)?;
                }
                return Ok(refused);
            }
        }
    }
    let state = if paying { "paying" } else { "active" };
    for claim in &claims {
        store::insert_reservation(tx, tx.id(), shop, checkout, claim, state, expires_at)?;
    }
    Ok(Reserve::Reserved(claims))
}

/// One variant, or why not.
fn take(tx: &mut Tx<'_>, wanted: Demand) -> Result<Result<Claim, Reserve>> {
    let sold_out = |left| {
        Err(Reserve::SoldOut {
            variant: wanted.variant,
            left,
        })
    };
    if let Some(location) = wanted.place {
        let claim = Claim {
            variant: wanted.variant,
            location,
            quantity: wanted.quantity,
        };
        if store::take_aside(tx, &claim)? {
            return Ok(Ok(claim));
        }
        return Ok(match store::left_aside(tx, &claim)? {
            Some((left, gate)) if gate == i64::from(Gate::Open as u8) => sold_out(left),
            Some(_) => Err(Reserve::Shut(wanted.variant)),
            None => sold_out(0),
        });
    }
    for _ in 0..LOOKS {
        if let Some(location) = store::take(tx, wanted.variant, wanted.quantity)? {
            return Ok(Ok(Claim {
                variant: wanted.variant,
                location,
                quantity: wanted.quantity,
            }));
        }
        let left = store::most_at_one_place(tx, wanted.variant)?;
        if left < i64::from(wanted.quantity) {
            return Ok(sold_out(left));
        }
    }
    store::most_at_one_place(tx, wanted.variant).map(sold_out)
}

/// What became of a checkout's claim when its money arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Convert {
    Sold(Vec<Claim>),
    /// It was sold before: the same money arrived twice.
    Again,
    /// The reservation had ended and the units went to someone else.
    TooLate,
}

/// Turns reservations into sales. Late money re-acquires the units if they are still there, all or nothing.
///
/// `held`: the live reservations, of whoever made them; if one of them is none any more, the whole command runs again, and must come without.
pub fn convert(tx: &mut Tx<'_>, checkout: CheckoutId, held: Option<Vec<Claim>>) -> Result<Convert> {
    let claims = match held {
        Some(held) => held,
        None => store::live(tx, checkout)?,
    };
    if !claims.is_empty() {
        for claim in &claims {
            store::end(tx, checkout, claim, "converted")?;
            store::sell(tx, claim)?;
        }
        return Ok(Convert::Sold(claims));
    }
    if store::is_converted(tx, checkout)? {
        return Ok(Convert::Again);
    }
    let mut ended = store::convert_ended(tx, checkout)?;
    ended.sort_by_key(|claim| (claim.variant, claim.location));
    for (index, claim) in ended.iter().enumerate() {
        if !mutant!("D4") && !store::sell_unreserved(tx, claim)? {
            for sold in ended[..index].iter().filter(|_| !mutant!("D4-half")) {
                store::unsell(tx, sold)?;
            }
            store::end_converted(tx, checkout)?;
            return Ok(Convert::TooLate);
        }
    }
    Ok(if ended.is_empty() {
        Convert::TooLate
    } else {
        Convert::Sold(ended)
    })
}

/// The buyer left, or the checkout was emptied: the units are free again. Ending twice does nothing.
pub fn release(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<Vec<Claim>> {
    end(tx, checkout, "released")
}

/// The time ran out. `money_unknown` keeps in mind that the processor may still have said yes.
pub fn expire(tx: &mut Tx<'_>, checkout: CheckoutId, money_unknown: bool) -> Result<Vec<Claim>> {
    end(tx, checkout, if money_unknown { "expired_unknown" } else { "expired" })
}

fn end(tx: &mut Tx<'_>, checkout: CheckoutId, state: &'static str) -> Result<Vec<Claim>> {
    let claims = store::live(tx, checkout)?;
    for (place, claim) in claims.iter().enumerate() {
        store::end(tx, checkout, claim, state)?;
        if mutant!("D3-end") && place > 0 {
            continue;
        }
        store::give_back(tx, claim)?;
        if mutant!("D2") {
            store::give_back(tx, claim)?;
        }
    }
    Ok(claims)
}

/// Payment starts or fell through: moves the live reservation to paying or back. Its life is only ever made longer. False: it had ended.
pub fn extend(tx: &mut Tx<'_>, checkout: CheckoutId, paying: bool, expires_at: Time) -> Result<bool> {
    store::move_live(tx, checkout, if paying { "paying" } else { "active" }, expires_at)
}
