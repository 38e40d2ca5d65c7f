//! Where a payment goes: gathers the rules and how the processors stand, before any transaction; the choice itself is pure (`rules.rs`).

use super::breaker::{Asked, Breakers, Health};
use super::model::AttemptState;
use super::rules::{self, ByProcessor, Candidate, Choice, Plan, Rule, Rules, Sale, Tallies};
use super::store;
use crate::app::App;
use crate::db::Tx;
use crate::kernel::{Error, IntentId, Result, Seconds, ShopId};
use crate::offers::PaymentMethod;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Everything a choice is made of, for one shop at one moment.
#[derive(Clone, Debug)]
pub struct Routing {
    rules: Rules,
    candidates: Vec<Candidate>,
    tallies: Tallies,
}

impl Routing {
    /// The processors of this installation, as they stand.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// Who is asked for a sale.
    pub fn plan(&self, sale: &Sale) -> Plan {
        rules::choose(&self.rules, &self.candidates, &self.tallies, sale)
    }
}

/// The facts for a payment that is about to begin. Where one processor takes the method nothing is read: there is nothing to choose.
///
/// A processor that was left alone long enough is offered to one payment at a time; asking for the facts takes that turn.
/// Errors: `method_not_offered`.
pub async fn routing(app: &App, shop: ShopId, method: PaymentMethod, token: &str) -> Result<Routing> {
    let able = able(app, method);
    if able == 0 {
        return Err(not_offered());
    }
    if able == 1 {
        let candidates = candidates(app, token, |_| true);
        return Ok(Routing {
            rules: Rules::default(),
            candidates,
            tallies: Tallies::new(),
        });
    }
    let (breakers, now) = (app.kept::<Breakers>(), app.clock.monotonic());
    let rules = app.db.look(move |tx| current(tx, shop)).await?;
    gather(app, shop, rules, token, |name| {
        breakers.admit(name, Asked::Authorize, now)
    })
    .await
}

/// The same for a card that was kept: it belongs to one processor's vault, and nobody else can open it.
/// Errors: `method_not_offered`, if that processor is not here any more.
pub async fn routing_to(app: &App, shop: ShopId, method: PaymentMethod, processor: &str) -> Result<Routing> {
    let mut routing = routing(app, shop, method, "").await?;
    for one in &mut routing.candidates {
        one.understands = one.name == processor;
    }
    if !routing.candidates.iter().any(|one| one.understands) {
        return Err(not_offered());
    }
    Ok(routing)
}

/// The same for a question that changes nothing.
pub async fn look(app: &App, shop: ShopId) -> Result<Routing> {
    let rules = app.db.look(move |tx| current(tx, shop)).await?;
    look_with(app, shop, rules).await
}

/// The same with other rules than those in force: what would happen if they were.
pub async fn look_with(app: &App, shop: ShopId, rules: Rules) -> Result<Routing> {
    let (breakers, now) = (app.kept::<Breakers>(), app.clock.monotonic());
    gather(app, shop, rules, "", |name| {
        breakers.health(name, Asked::Authorize, now) != Health::Open
    })
    .await
}

/// Nobody here takes the payment.
pub fn not_offered() -> Error {
    Error::conflict(
        "method_not_offered",
        "This shop does not take this payment method. Choose another one.",
    )
}

fn able(app: &App, method: PaymentMethod) -> usize {
    let wanted = rules::method_name(method);
    let able = app.processors.iter().filter(|one| one.capabilities().method == wanted);
    able.count()
}

async fn gather(
    app: &App,
    shop: ShopId,
    rules: Rules,
    token: &str,
    reached: impl Fn(&'static str) -> bool,
) -> Result<Routing> {
    let mut tallies = Tallies::new();
    for rule in &rules.rules {
        if let Choice::Best(best) = &rule.choice
            && !tallies.contains_key(&best.window_hours)
        {
            tallies.insert(best.window_hours, lately(app, shop, best.window_hours).await?);
        }
    }
    Ok(Routing {
        rules,
        candidates: candidates(app, token, reached),
        tallies,
    })
}

fn candidates(app: &App, token: &str, reached: impl Fn(&'static str) -> bool) -> Vec<Candidate> {
    let all = app.processors.iter();
    all.map(|one| Candidate {
        name: one.name(),
        can: one.capabilities(),
        understands: one.understands(token),
        reached: reached(one.name()),
    })
    .collect()
}

/// The rules of today; a shop that never wrote any has version 0 and none.
pub fn current(tx: &mut Tx<'_>, shop: ShopId) -> Result<Rules> {
    Ok(store::routing_rules(tx, shop)?.unwrap_or_default())
}

/// The rules of a version; none where there never was one, as version 0.
pub fn of_version(tx: &mut Tx<'_>, shop: ShopId, version: i64) -> Result<Vec<Rule>> {
    store::routing_rules_of(tx, shop, version)
}

/// What came of writing rules down.
#[derive(Debug, PartialEq, Eq)]
pub enum Write {
    Written(Rules),
    /// Someone else was faster; this is the version now.
    Stale(i64),
}

/// Writes the next version of a shop's rules, whole; payments that begin from now on use it, those that have begun keep their plan.
/// Order of answers: a rule that cannot be (`invalid_field`), stale, written.
pub fn write(tx: &mut Tx<'_>, shop: ShopId, seen: i64, rules: Vec<Rule>, known: &[&str]) -> Result<Write> {
    let rules = rules::checked(rules, known)?;
    let today = current(tx, shop)?.version;
    if today != seen {
        return Ok(Write::Stale(today));
    }
    let next = Rules {
        version: today + 1,
        rules,
    };
    if !store::insert_routing_rules(tx, shop, &next)? {
        return Ok(Write::Stale(today + 1));
    }
    Ok(Write::Written(next))
}

/// Writes into the payment's log how it was routed, where there was a choice.
pub fn explain(tx: &mut Tx<'_>, intent: IntentId, plan: &Plan) -> Result<()> {
    if plan.chosen {
        store::log(tx, intent, &plan.sentence(), &plan.left_out())?;
    }
    Ok(())
}

// How often they said yes --------------------------------------------------------------------------------------------------------

/// Counted again after so long.
const FRESH: Duration = Duration::from_secs(60);
/// Of a shop's newest tries; more would say the same.
const TRIES: i64 = 500;
/// Shops and windows kept at once.
const KEPT: usize = 1_000;

/// Counts that may be a minute old, by shop and window.
#[derive(Default)]
struct Lately(Mutex<HashMap<(ShopId, u32), (Duration, ByProcessor)>>);

async fn lately(app: &App, shop: ShopId, hours: u32) -> Result<ByProcessor> {
    let (kept, now) = (app.kept::<Lately>(), app.clock.monotonic());
    let lock = || kept.0.lock().unwrap_or_else(PoisonError::into_inner);
    let known = lock().get(&(shop, hours)).filter(|(at, _)| now < *at + FRESH).cloned();
    if let Some((_, tallies)) = known {
        return Ok(tallies);
    }
    let tallies = app.db.read(move |tx| tallies(tx, shop, hours)).await?;
    let mut all = lock();
    if all.len() >= KEPT {
        all.clear();
    }
    all.insert((shop, hours), (now, tallies.clone()));
    Ok(tallies)
}

/// How a shop's newest tries went, by processor. A card that is refused for good says nothing about who was asked; nor does a buyer at the bank.
pub fn tallies(tx: &mut Tx<'_>, shop: ShopId, hours: u32) -> Result<ByProcessor> {
    use AttemptState as S;
    let since = tx.now().minus(Seconds::hours(i64::from(hours)));
    let mut tallies = ByProcessor::new();
    for (processor, state, hard) in store::latest_tries(tx, shop, since, TRIES)? {
        let tally = tallies.entry(processor).or_default();
        match state {
            S::Authorized | S::Captured | S::Voiding | S::Voided => {
                tally.yes += 1;
                tally.tries += 1;
            }
            S::Failed if !hard => tally.tries += 1,
            S::NotSent | S::NotExecuted | S::Unknown => tally.tries += 1,
            S::Failed | S::Sending | S::Pending | S::RequiresAction | S::Conflicted => {}
        }
    }
    Ok(tallies)
}
