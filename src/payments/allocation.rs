//! Who gets what of a sale, to the last cent: frozen when the checkout pays, used for every capture and refund after it.
//!
//! Pure. Captures and refunds share one allocator, so that any number of partial ones adds up exactly and never gives back what was not given.

use crate::kernel::{Error, PartyId, Result};
use crate::ledger::{AccountKey, AccountKind, Leg};
use serde::{Deserialize, Serialize};

/// The split of a whole sale, from the contracts of its day (L4). Later edits of contracts do not reach it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    /// One for each order line, in the order's order.
    pub lines: Vec<AllocatedPart>,
    pub delivery: Option<AllocatedPart>,
    pub processor_fee: FeeBearer,
}

/// One line, or the delivery: so many units, and who gets what of their price. The price is the sum of the legs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllocatedPart {
    pub quantity: u32,
    pub legs: Vec<AllocatedLeg>,
}

/// What one account gets of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllocatedLeg {
    pub account: AccountKey,
    pub purpose: Purpose,
    pub minor: i64,
}

/// Why an account gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    Share,
    Tax,
    PlatformFee,
    FulfilmentFee,
    Delivery,
}

impl Purpose {
    pub fn name(self) -> &'static str {
        match self {
            Self::Share => "share",
            Self::Tax => "tax",
            Self::PlatformFee => "platform_fee",
            Self::FulfilmentFee => "fulfilment_fee",
            Self::Delivery => "delivery",
        }
    }
}

/// Who bears what the processor keeps of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeBearer {
    Shop,
    Party(PartyId),
    /// All who have a share, in proportion to it.
    Everyone,
}

/// A line by its number, from 0, or the delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Line(u32),
    Delivery,
}

/// A leg of a capture or refund, kept with it: `leg` is its place in the part's legs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedLeg {
    pub part: Part,
    pub leg: u32,
    pub account: AccountKey,
    pub purpose: Purpose,
    pub minor: i64,
}

impl AllocatedPart {
    pub fn amount(&self) -> i64 {
        self.legs.iter().map(|leg| leg.minor).sum()
    }
}

impl Allocation {
    /// What the buyer pays for everything.
    pub fn total(&self) -> i64 {
        self.parts().map(|(_, part)| part.amount()).sum()
    }

    /// Everything that is paid for, lines first.
    pub fn parts(&self) -> impl Iterator<Item = (Part, &AllocatedPart)> {
        let lines = (0..).zip(&self.lines).map(|(number, part)| (Part::Line(number), part));
        lines.chain(self.delivery.iter().map(|part| (Part::Delivery, part)))
    }

    fn part(&self, part: Part) -> Result<&AllocatedPart> {
        let found = self.parts().find(|(name, _)| *name == part).map(|(_, part)| part);
        found.ok_or_else(|| Error::invalid("no_such_line", "The sale has no such line."))
    }

    /// Refuses a split that is not one: an amount below zero, or a line of no units.
    pub fn check(&self) -> Result<()> {
        let whole = self
            .parts()
            .all(|(_, part)| part.quantity > 0 && part.legs.iter().all(|leg| leg.minor >= 0));
        if whole {
            Ok(())
        } else {
            Err(Error::internal(
                "an allocation has a negative share or a line without units",
            ))
        }
    }

    /// The same sale paid from two purses: `minor` of it from the first, the rest from the second. Every leg is cut in proportion, to the unit, so that
    /// each purse has a split of its own whose captures and refunds add up, and both together are the whole. Errors: `exceeds_captured`, if
    /// `minor` is more than the sale.
    pub fn split(&self, minor: i64) -> Result<(Self, Self)> {
        let shares: Vec<i64> = self
            .parts()
            .flat_map(|(_, part)| &part.legs)
            .map(|leg| leg.minor)
            .collect();
        let first = allocate(&shares, &vec![0; shares.len()], minor)?;
        let second: Vec<i64> = shares.iter().zip(&first).map(|(share, first)| share - first).collect();
        Ok((self.with(first), self.with(second)))
    }

    /// The same parts and accounts with other amounts, in order.
    fn with(&self, minors: Vec<i64>) -> Self {
        let mut minors = minors.into_iter();
        let mut part = |part: &AllocatedPart| AllocatedPart {
            quantity: part.quantity,
            legs: part
                .legs
                .iter()
                .zip(&mut minors)
                .map(|(leg, minor)| AllocatedLeg { minor, ..leg.clone() })
                .collect(),
        };
        Self {
            lines: self.lines.iter().map(&mut part).collect(),
            delivery: self.delivery.as_ref().map(&mut part),
            processor_fee: self.processor_fee,
        }
    }

    /// What so many units of a part cost: what captures take of it once that many have left.
    pub fn worth(&self, name: Part, units: u32) -> Result<i64> {
        let part = self.part(name)?;
        let minor = i128::from(part.amount()) * i128::from(units) / i128::from(part.quantity);
        Ok(i64::try_from(minor).unwrap_or(i64::MAX))
    }

    /// The legs of a capture. `units` says of each part how many units are taken altogether after it; what earlier captures took is in `before`.
    /// A part whose last unit goes takes everything that is left of it.
    pub fn capture(&self, before: &[PlannedLeg], units: &[(Part, u32)]) -> Result<Vec<PlannedLeg>> {
        let mut planned = Vec::new();
        for (name, count) in units {
            let part = self.part(*name)?;
            if *count > part.quantity {
                return Err(Error::invalid("too_many_units", "More units than were bought."));
            }
            let shares: Vec<i64> = part.legs.iter().map(|leg| leg.minor).collect();
            let already = taken(before, *name, part.legs.len());
            let after = i128::from(part.amount()) * i128::from(*count) / i128::from(part.quantity);
            let now = i64::try_from(after).unwrap_or(i64::MAX) - already.iter().sum::<i64>();
            if now <= 0 {
                continue; // These units were taken before: a repeated act adds nothing.
            }
            let minors = allocate(&shares, &already, now)?;
            planned.extend(legs(*name, part, &minors));
        }
        Ok(planned)
    }

    /// The legs of a refund: `amounts` of each part, out of what was `captured` and not yet `refunded` (L3).
    pub fn refund(
        &self,
        captured: &[PlannedLeg],
        refunded: &[PlannedLeg],
        amounts: &[(Part, i64)],
    ) -> Result<Vec<PlannedLeg>> {
        let mut planned = Vec::new();
        for (name, amount) in amounts {
            let part = self.part(*name)?;
            let shares = taken(captured, *name, part.legs.len());
            let already = taken(refunded, *name, part.legs.len());
            let minors = allocate(&shares, &already, *amount)?;
            planned.extend(legs(*name, part, &minors));
        }
        Ok(planned)
    }

    /// Spreads a refund of `amount` that names no lines over all parts, as they were paid.
    pub fn spread(&self, captured: &[PlannedLeg], refunded: &[PlannedLeg], amount: i64) -> Result<Vec<(Part, i64)>> {
        let sum = |legs: &[PlannedLeg], name| legs.iter().filter(|leg| leg.part == name).map(|leg| leg.minor).sum();
        let names: Vec<Part> = self.parts().map(|(name, _)| name).collect();
        let shares: Vec<i64> = names.iter().map(|name| sum(captured, *name)).collect();
        let already: Vec<i64> = names.iter().map(|name| sum(refunded, *name)).collect();
        Ok(names
            .into_iter()
            .zip(allocate(&shares, &already, amount)?)
            .filter(|(_, minor)| *minor > 0)
            .collect())
    }

    /// The legs of the processor's fee on a capture: it is gone from what the processor holds, and somebody bears it.
    pub fn fee_legs(&self, captured: &[PlannedLeg], fee: i64) -> Vec<Leg> {
        let clearing = AccountKey::of(AccountKind::ProcessorClearing);
        let leg = |(account, minor)| Leg {
            debit: account,
            credit: clearing,
            minor,
            purpose: "processor_fee",
        };
        self.bearers_of(captured, fee).into_iter().map(leg).collect()
    }

    /// Who bears how much of a fee; the same accounts in the same order for every fee on the same legs.
    fn bearers_of(&self, captured: &[PlannedLeg], fee: i64) -> Vec<(AccountKey, i64)> {
        let earners: Vec<&PlannedLeg> = captured.iter().filter(|leg| leg.purpose == Purpose::Share).collect();
        let shop = AccountKey::of(AccountKind::ProcessorFees);
        let bearers: Vec<(AccountKey, u64)> = match self.processor_fee {
            _ if mutant!("L4-bearer") => vec![(shop, 1)],
            FeeBearer::Shop => vec![(shop, 1)],
            FeeBearer::Party(party) => vec![(AccountKey::party(AccountKind::PartyPayable, party), 1)],
            FeeBearer::Everyone if earners.is_empty() => vec![(shop, 1)],
            FeeBearer::Everyone => earners
                .iter()
                .map(|leg| (bearer(leg.account), leg.minor.unsigned_abs()))
                .collect(),
        };
        let weights: Vec<u64> = bearers.iter().map(|(_, weight)| *weight).collect();
        let shares = crate::kernel::apportion(fee, &weights);
        let accounts = bearers.into_iter().map(|(account, _)| account);
        accounts.zip(shares).collect()
    }

    /// The legs that turn a fee of `before` into one of `after`: afterwards everybody has borne exactly what they would have borne if the fee had been
    /// known from the start, to the last unit. Neither may be below zero.
    pub fn fee_change(&self, captured: &[PlannedLeg], before: i64, after: i64) -> Vec<Leg> {
        let was = self.bearers_of(captured, before);
        let is = self.bearers_of(captured, after);
        let clearing = AccountKey::of(AccountKind::ProcessorClearing);
        let change = |((account, was), (_, is)): (&(AccountKey, i64), &(AccountKey, i64))| Leg {
            debit: if is > was { *account } else { clearing },
            credit: if is > was { clearing } else { *account },
            minor: (is - was).abs(),
            purpose: "processor_fee",
        };
        was.iter().zip(&is).map(change).filter(|leg| leg.minor > 0).collect()
    }
}

/// A party bears a fee out of what it is owed; the shop books it as a cost.
fn bearer(account: AccountKey) -> AccountKey {
    if account.kind == AccountKind::PartyPayable {
        account
    } else {
        AccountKey::of(AccountKind::ProcessorFees)
    }
}

fn taken(before: &[PlannedLeg], part: Part, count: usize) -> Vec<i64> {
    let mut sums = vec![0; count];
    for leg in before.iter().filter(|leg| leg.part == part) {
        if let Some(sum) = usize::try_from(leg.leg).ok().and_then(|leg| sums.get_mut(leg)) {
            *sum += leg.minor;
        }
    }
    sums
}

fn legs(name: Part, part: &AllocatedPart, minors: &[i64]) -> Vec<PlannedLeg> {
    let numbered = (0..)
        .zip(part.legs.iter().zip(minors))
        .filter(|(_, (_, minor))| **minor > 0);
    numbered
        .map(|(number, (leg, minor))| PlannedLeg {
            part: name,
            leg: number,
            account: leg.account,
            purpose: leg.purpose,
            minor: *minor,
        })
        .collect()
}

/// The deficit-clamped allocator: moves `amount` more of `shares`, of which `already` has been moved.
///
/// Each share should have moved `after · share / total` by now. It moves the difference, floored, at least nothing and at most what is left of
/// it; what the floors leave over goes one unit at a time to whoever is furthest behind, and what the clamp gave too much is taken back from
/// whoever is furthest ahead. So sums are exact, no part is negative or above its share, and moving everything moves every share exactly.
/// Errors: `exceeds_captured` if there is not that much left.
pub fn allocate(shares: &[i64], already: &[i64], amount: i64) -> Result<Vec<i64>> {
    assert_eq!(shares.len(), already.len(), "each share has its own past");
    let total: i128 = shares.iter().map(|share| i128::from(*share)).sum();
    let after = already.iter().map(|minor| i128::from(*minor)).sum::<i128>() + i128::from(amount);
    if amount < 0 || after > total {
        return Err(Error::conflict(
            "exceeds_captured",
            "There is not that much money left to move.",
        ));
    }
    if amount == 0 {
        return Ok(vec![0; shares.len()]);
    }
    let room: Vec<i64> = shares
        .iter()
        .zip(already)
        .map(|(share, already)| share - already)
        .collect();
    assert!(
        room.iter().all(|room| *room >= 0),
        "no share has moved more than there was"
    );
    if mutant!("L3") {
        let naive = |share: &i64| share * amount / i64::try_from(total).unwrap_or(1);
        return Ok(shares.iter().map(naive).collect());
    }
    if mutant!("L3-each") {
        let weights: Vec<u64> = shares.iter().map(|share| share.unsigned_abs()).collect();
        return Ok(crate::kernel::apportion(amount, &weights));
    }
    // What each is still owed, times the total, so that the comparison needs no fractions.
    let owed =
        |i: usize, given: i64| after * i128::from(shares[i]) - (i128::from(already[i]) + i128::from(given)) * total;
    let mut given: Vec<i64> = (0..shares.len())
        .map(|i| {
            i64::try_from(owed(i, 0).div_euclid(total))
                .unwrap_or(i64::MAX)
                .clamp(0, room[i])
        })
        .collect();
    loop {
        let rest = amount - given.iter().sum::<i64>();
        let open = |i: &usize| if rest > 0 { given[*i] < room[*i] } else { given[*i] > 0 };
        let count = i64::try_from((0..shares.len()).filter(open).count())
            .unwrap_or(i64::MAX)
            .max(1);
        // One unit at a time; only where there is more than one for everybody do all get several at once.
        let step = (rest.abs() / count).max(1);
        let ahead = |a: &usize, b: &usize| owed(*a, given[*a]).cmp(&owed(*b, given[*b]));
        let next = match rest {
            0 => return Ok(given),
            1.. => (0..shares.len()).rev().filter(open).max_by(ahead),
            _ => (0..shares.len()).filter(open).min_by(ahead),
        };
        let next = next.expect("there is room for what is left, because the sum was checked");
        given[next] += if rest > 0 {
            step.min(room[next] - given[next])
        } else {
            -step.min(given[next])
        };
    }
}
