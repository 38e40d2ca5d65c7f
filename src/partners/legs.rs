//! The legs of one line: exactly who earns how much of its net amount. Pure, so that a sale can freeze the result and a test can prove it.

use super::model::{Bearer, Part, Terms, WHOLE};
use crate::kernel::{Money, PartyId, apportion};
use serde::{Deserialize, Serialize};

/// Who earns a leg. Without a contract everything is the shop's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Earner {
    Shop,
    Platform,
    Party(PartyId),
}

crate::words! {
    /// Why someone earns a leg.
    pub enum Purpose {
        Fulfilment = "fulfilment",
        Fixed = "fixed",
        Share = "share",
        PlatformFee = "platform_fee",
        Remainder = "remainder",
        Delivery = "delivery",
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    pub to: Earner,
    pub minor: i64,
    pub purpose: Purpose,
}

/// Splits the net amount of a line. Legs of zero are left out; the rest add up to `net` exactly and are positive.
///
/// The fulfilment fee and fixed amounts come first, each as far as there is money. The platform's and the parties' portions are floored parts
/// of what is left; the rest is the remainder's. When portions leave nothing for the remainder, the units lost to flooring go one at a time
/// in listed order, the platform last. A net amount of zero or less has no legs.
pub fn legs(terms: Option<&Terms>, net: Money, quantity: u32) -> Vec<Leg> {
    let Some(terms) = terms else {
        return positive([Leg {
            to: Earner::Shop,
            minor: net.minor,
            purpose: Purpose::Remainder,
        }]);
    };
    let mut left = net.minor.max(0);
    let mut legs = Vec::with_capacity(terms.shares.len() + 3);
    for (party, amount, purpose) in fixed_amounts(terms) {
        if amount.currency == net.currency {
            let minor = amount.minor.saturating_mul(i64::from(quantity)).clamp(0, left);
            left -= minor;
            legs.push(Leg {
                to: Earner::Party(party),
                minor,
                purpose,
            });
        }
    }
    legs.extend(portions(terms, left));
    positive(legs)
}

fn fixed_amounts(terms: &Terms) -> impl Iterator<Item = (PartyId, Money, Purpose)> + '_ {
    let fulfilment = terms
        .fulfilment
        .iter()
        .map(|fee| (fee.party, Money::from(fee.per_unit), Purpose::Fulfilment));
    fulfilment.chain(terms.shares.iter().filter_map(|share| match share.part {
        Part::Fixed(amount) => Some((share.party, Money::from(amount), Purpose::Fixed)),
        Part::Portion(_) => None,
    }))
}

/// The portions of what is left after fixed amounts, in listed order, then the platform's, then the rest.
fn portions(terms: &Terms, base: i64) -> Vec<Leg> {
    let mut earners = Vec::with_capacity(terms.shares.len() + 2);
    let mut weights = Vec::with_capacity(terms.shares.len() + 2);
    for share in &terms.shares {
        if let Part::Portion(portion) = share.part {
            earners.push((Earner::Party(share.party), Purpose::Share));
            weights.push(u64::from(portion));
        }
    }
    earners.push((Earner::Platform, Purpose::PlatformFee));
    weights.push(u64::from(terms.platform_fee_bp));
    let leg = |((to, purpose), minor): ((Earner, Purpose), i64)| Leg { to, minor, purpose };
    let rest = WHOLE.saturating_sub(weights.iter().sum());
    if rest == 0 {
        return earners.into_iter().zip(apportion(base, &weights)).map(leg).collect();
    }
    let floored = |weight: &u64| i64::try_from(i128::from(base) * i128::from(*weight) / i128::from(WHOLE)).unwrap_or(0);
    let mut legs: Vec<Leg> = earners.into_iter().zip(weights.iter().map(floored)).map(leg).collect();
    let taken: i64 = legs.iter().map(|leg| leg.minor).sum();
    legs.push(Leg {
        to: Earner::Party(terms.remainder),
        minor: base - taken,
        purpose: Purpose::Remainder,
    });
    legs
}

/// Who earns the net price of a delivery: whom the contract names, else its remainder's party, else the shop.
pub fn delivery_leg(terms: Option<&Terms>, net: i64) -> Vec<Leg> {
    let to = terms.map_or(Earner::Shop, |terms| {
        Earner::Party(terms.delivery.unwrap_or(terms.remainder))
    });
    positive([Leg {
        to,
        minor: net,
        purpose: Purpose::Delivery,
    }])
}

/// Who bears what the processor charges for a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeeFalls {
    On(Earner),
    /// On all who have a share, in proportion to it.
    OnEveryone,
}

/// Who bears what the processor charges for a line; without a contract the shop.
pub fn fee_bearer(terms: Option<&Terms>) -> FeeFalls {
    let Some(terms) = terms else {
        return FeeFalls::On(Earner::Shop);
    };
    match terms.processor_fee {
        Bearer::Everyone => FeeFalls::OnEveryone,
        Bearer::Platform => FeeFalls::On(Earner::Platform),
        Bearer::Remainder => FeeFalls::On(Earner::Party(terms.remainder)),
        Bearer::Party(party) => FeeFalls::On(Earner::Party(party)),
    }
}

fn positive(legs: impl IntoIterator<Item = Leg>) -> Vec<Leg> {
    legs.into_iter().filter(|leg| leg.minor > 0).collect()
}
