//! What several discounts take off the same lines: pure, in whole minor units, so that an accountant can check it by hand.
//!
//! Each discount works on what those before it left. It works out one amount for all the lines it is for, rounded down, and gives each line its part in
//! proportion to what is left of it: rounded down, and the units that are over go one at a time in the lines' order. So what a discount takes is the sum
//! of what it takes off the lines, and no line ever costs less than nothing.

use super::model::{Discount, Line, Rule, TakenOff, Takes};
use crate::kernel::{Currency, apportion};

/// What these rules take off, one after another in this order: for each rule and line.
pub fn stacked<'a>(rules: impl IntoIterator<Item = &'a Rule>, lines: &[Line], currency: Currency) -> Vec<Vec<i64>> {
    let mut left: Vec<i64> = lines.iter().map(|line| line.minor).collect();
    let mut taken = Vec::new();
    for rule in rules {
        let off = one(rule, lines, &left, currency);
        for (left, off) in left.iter_mut().zip(&off) {
            *left -= off;
        }
        taken.push(off);
    }
    taken
}

fn one(rule: &Rule, lines: &[Line], left: &[i64], currency: Currency) -> Vec<i64> {
    let base: Vec<i64> = lines
        .iter()
        .zip(left)
        .map(|(line, left)| if rule.is_for(line.product) { *left } else { 0 })
        .collect();
    let whole: i64 = base.iter().sum();
    let spread = |off: i64| {
        if mutant!("X4-spread") {
            let each = base.iter().map(|minor| minor * off.min(whole) / whole.max(1));
            return each.collect();
        }
        apportion(
            off.min(whole),
            &base.iter().map(|minor| minor.unsigned_abs()).collect::<Vec<_>>(),
        )
    };
    match &rule.takes {
        Takes::Percentage { off_bp } => spread(portion(whole, *off_bp)),
        Takes::Fixed { off } if off.currency == currency => spread(off.amount),
        Takes::Fixed { .. } => vec![0; lines.len()],
        Takes::Volume { steps } => {
            let units: u32 = lines
                .iter()
                .filter(|line| rule.is_for(line.product))
                .map(|line| line.quantity)
                .sum();
            let step = steps.iter().rev().find(|step| step.from <= units);
            spread(step.map_or(0, |step| portion(whole, step.off_bp)))
        }
        Takes::Bogo { buy, get, off_bp } => {
            let units: u32 = lines
                .iter()
                .filter(|line| rule.is_for(line.product))
                .map(|line| line.quantity)
                .sum();
            cheapest(rule, lines, left, units / (buy + get) * get)
                .iter()
                .map(|minor| portion(*minor, *off_bp))
                .collect()
        }
    }
}

/// What the cheapest so many units cost, line by line. Among units of the same price those of the last line are the cheapest.
fn cheapest(rule: &Rule, lines: &[Line], left: &[i64], units: u32) -> Vec<i64> {
    let mut order: Vec<usize> = (0..lines.len()).filter(|at| rule.is_for(lines[*at].product)).collect();
    // By the price of a unit, without dividing: a / b < c / d where a·d < c·b.
    order.sort_by(|one, other| {
        let cross = |at: usize, by: usize| i128::from(left[at]) * i128::from(lines[by].quantity);
        cross(*one, *other).cmp(&cross(*other, *one)).then(other.cmp(one))
    });
    let mut cost = vec![0; lines.len()];
    let mut wanted = units;
    for at in order {
        let here = wanted.min(lines[at].quantity);
        wanted -= here;
        cost[at] = part(left[at], here, lines[at].quantity);
    }
    cost
}

fn part(minor: i64, units: u32, of: u32) -> i64 {
    i64::try_from(i128::from(minor) * i128::from(units) / i128::from(of.max(1))).unwrap_or(0)
}

fn portion(minor: i64, bp: u32) -> i64 {
    i64::try_from(i128::from(minor) * i128::from(bp) / 10_000).unwrap_or(0)
}

/// The way in which these discounts take most off the lines. What goes together is taken together, in the order of priority, kind and id; what does not
/// stands alone. Where two ways take the same, what goes together comes first, then the order. Nothing that takes nothing is in it.
pub fn best(candidates: &[Discount], lines: &[Line], currency: Currency) -> Vec<TakenOff> {
    let mut fit: Vec<&Discount> = candidates
        .iter()
        .filter(|one| reaches(&one.rule, lines, currency))
        .collect();
    fit.sort_by_key(|one| (one.rule.priority, one.rule.takes.rank(), one.id));
    let stands_alone = |one: &Discount| !one.rule.combinable && !mutant!("X4-together");
    let together: Vec<&Discount> = fit.iter().copied().filter(|one| !stands_alone(one)).collect();
    let alone = fit.iter().filter(|one| !one.rule.combinable).map(|one| vec![*one]);
    let mut found: (i64, Vec<TakenOff>) = (0, Vec::new());
    for way in std::iter::once(together).chain(alone) {
        let taken = stacked(way.iter().map(|one| &one.rule), lines, currency);
        let sum = taken.iter().flatten().sum();
        if sum > found.0 {
            let each = way.iter().zip(taken).map(|(one, minor)| TakenOff {
                discount: one.quoted(),
                minor,
            });
            found = (
                sum,
                each.filter(|one| one.minor.iter().any(|minor| *minor > 0)).collect(),
            );
        }
    }
    found.1
}

/// Whether the lines a rule is for come to its minimum, before anything is taken off.
pub(super) fn reaches(rule: &Rule, lines: &[Line], currency: Currency) -> bool {
    let Some(minimum) = rule.minimum else { return true };
    let theirs = lines.iter().filter(|line| rule.is_for(line.product));
    minimum.currency == currency && theirs.map(|line| line.minor).sum::<i64>() >= minimum.amount
}
