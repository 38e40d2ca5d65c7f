//! Price rules: steps of a price that were planned with the drop, by the clock or by what was sold.
//!
//! A rule does nothing of its own: it takes the step a host would take, with the same event, which names the rule. Each step is taken once: the rule is
//! moved by a conditional update in the transaction that steps the price. Whoever comes first after a rule's moment takes it, a buyer or the job.

use super::archive::act;
use super::model::{Drop, DropState, EventKind, Item};
use super::run::{Act, Hand, again, done, running};
use super::store;
use crate::catalog;
use crate::db::Tx;
use crate::inventory;
use crate::kernel::{Engine, Error, Money, PriceRuleId, Result, Seconds, Time, VariantId};
use serde_json::json;

crate::words! {
    /// Where a price rule stands.
    pub enum RuleState {
        /// It will step the price, or step it again.
        Waiting = "waiting",
        Done = "done",
        /// A host stopped it.
        Stopped = "stopped",
    }
}

/// When a price steps, and to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At a moment, or at the opening if that is later.
    At(Time, Money),
    /// Again and again after the opening, down by so much each time, and never below a floor. A pause stops its clock.
    Every { minutes: u32, down: Money, floor: Money },
    /// Once so many units of it are paid.
    Sold(u32, Money),
}

impl When {
    /// The price it sets in the end.
    pub fn price(&self) -> Money {
        match self {
            Self::At(_, price) | Self::Sold(_, price) | Self::Every { floor: price, .. } => *price,
        }
    }
}

/// A rule as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub id: PriceRuleId,
    pub variant: VariantId,
    pub when: When,
    pub state: RuleState,
    /// How many steps it took.
    pub steps: i64,
    /// Its next moment by the clock. None: it waits for sales or for the opening, or is over.
    pub next_at: Option<Time>,
}

/// Rules of one variant in one drop.
pub(super) const RULES_MAX: usize = 20;
/// Steps of one rule: each is an event in the archive, which is read whole.
const STEPS_MAX: i64 = 500;

/// A rule that can be kept. `pointer` names it. Errors: `invalid_field`.
pub(super) fn checked(pointer: &str, when: When, price: Money) -> Result<()> {
    let field = |name: &str, detail: &'static str| Err(Error::field(format!("{pointer}/{name}"), detail));
    if when.price().currency != price.currency {
        return field("price", "Prices of a drop are in the shop's currency.");
    }
    if catalog::checked_price(when.price()).is_err() {
        return field("price", "A price is between 0 and 1,000,000,000 minor units.");
    }
    match when {
        When::At(..) => Ok(()),
        When::Sold(units, _) if (1..=1_000_000).contains(&units) => Ok(()),
        When::Sold(..) => field("units", "Say after how many pieces: 1 to 1,000,000."),
        When::Every { minutes, .. } if !(1..=10_080).contains(&minutes) => {
            field("minutes", "A price steps down every 1 to 10,080 minutes.")
        }
        When::Every { down, .. } if down.currency != price.currency || down.minor <= 0 => {
            field("down", "Say by how much it steps down each time.")
        }
        When::Every { floor, .. } if floor.minor >= price.minor => {
            field("floor", "A floor is below the price it starts with.")
        }
        When::Every { down, floor, .. } if (price.minor - floor.minor) / down.minor >= STEPS_MAX => {
            field("down", "That is more than 500 steps. Take larger ones.")
        }
        When::Every { .. } => Ok(()),
    }
}

/// The drop opens: what steps every so many minutes begins to count.
pub(super) fn begin(tx: &mut Tx<'_>, drop: &Drop) -> Result<()> {
    let now = tx.now();
    store::begin_rules(tx, drop.id, now)
}

/// Takes the steps whose moment has come in an open drop; the drop as it is afterwards.
pub(super) fn by_the_clock(tx: &mut Tx<'_>, drop: Drop) -> Result<Drop> {
    let due = store::due_rules(tx, drop.id)?;
    let mut drop = drop;
    for rule in due {
        drop = step(tx, drop, &rule)?;
    }
    Ok(drop)
}

/// The job, for drops whose rules wait for sales.
pub(super) fn by_sales(tx: &mut Tx<'_>, id: crate::kernel::DropId) -> Result<()> {
    let mut drop = store::load(tx, id)?;
    if drop.state != DropState::Open {
        return Ok(());
    }
    let stock = inventory::aside(tx, drop.shop, drop.place())?;
    for rule in store::rules(tx, id)? {
        let sold = stock
            .iter()
            .find(|row| row.variant == rule.variant)
            .map_or(0, |row| row.sold);
        match rule.when {
            When::Sold(units, _) if rule.state == RuleState::Waiting && sold >= i64::from(units) => {
                drop = step(tx, drop, &rule)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn step(tx: &mut Tx<'_>, drop: Drop, rule: &Rule) -> Result<Drop> {
    let items = store::items(tx, drop.id)?;
    let Some(item) = items.iter().find(|item| item.variant == rule.variant) else {
        return Err(Error::internal(
            "a price rule is about something its drop does not sell",
        ));
    };
    let (to, next_at) = after(rule, item, tx.now());
    let state = if next_at.is_some() {
        RuleState::Waiting
    } else {
        RuleState::Done
    };
    if !store::move_rule(tx, rule, state, rule.steps + 1, next_at)? {
        return Err(Error::engine(
            Engine::Retry,
            "somebody else took the step of a price rule",
        ));
    }
    if to == item.price {
        return Ok(drop);
    }
    store::step_price(tx, drop.id, item, to.minor)?;
    let detail = json!({
        "variant": item.variant, "from": item.price.minor, "to": to.minor, "currency": to.currency, "price_version": item.price_version + 1,
        "rule": { "id": rule.id, "kind": kind(&rule.when), "step": rule.steps + 1 },
    });
    act(tx, &drop, drop.clone(), EventKind::PriceStep, &detail, None)
}

/// The price a step sets, and when the next one is. Steps that were missed because nobody looked are taken together: the price is what it would be.
pub(super) fn after(rule: &Rule, item: &Item, now: Time) -> (Money, Option<Time>) {
    match (rule.when, rule.next_at) {
        (When::Every { minutes, down, floor }, Some(at)) => {
            let pause = Seconds::minutes(i64::from(minutes)).0 * 1_000_000;
            let steps = (now.0 - at.0).max(0) / pause + 1;
            let lower = item
                .price
                .minor
                .saturating_sub(down.minor.saturating_mul(steps))
                .max(floor.minor);
            // A host may have gone below the floor by hand: a rule that steps down raises nothing.
            let to = lower.min(item.price.minor);
            let next = (to > floor.minor).then_some(Time(at.0 + steps * pause));
            (Money::new(to, item.price.currency), next)
        }
        (when, _) => (when.price(), None),
    }
}

/// The word of a rule's kind.
pub fn kind(when: &When) -> &'static str {
    match when {
        When::At(..) => "at",
        When::Every { .. } => "every",
        When::Sold(..) => "sold",
    }
}

/// A rule steps no more. Order of answers: not found, wrong state, no such rule, again (it is over), done.
pub fn stop_rule(tx: &mut Tx<'_>, hand: Hand, id: PriceRuleId) -> Result<Act> {
    let before = match running(tx, hand)? {
        Ok(before) => before,
        Err(refused) => return Ok(refused),
    };
    let Some(rule) = store::rules(tx, before.id)?.into_iter().find(|rule| rule.id == id) else {
        return Ok(Act::NoSuchRule);
    };
    if rule.state != RuleState::Waiting {
        return again(tx, before);
    }
    if !store::move_rule(tx, &rule, RuleState::Stopped, rule.steps, None)? {
        return Err(Error::engine(Engine::Retry, "a price rule took its step meanwhile"));
    }
    let detail = json!({ "rule": id, "variant": rule.variant, "kind": kind(&rule.when) });
    let drop = act(tx, &before, before.clone(), EventKind::RuleStopped, &detail, hand.staff)?;
    done(tx, drop)
}
