//! Who is asked for the money: a shop's rules, and what they come to for one sale. Pure; the same sale and the same facts give the same order.

use super::taking::Terms;
use crate::kernel::{Capabilities, CheckoutId, Currency, Error, Id, Money, MoneyOut, Result};
use crate::offers::PaymentMethod;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// One rule. What it does not name, it does not ask about; the first rule that fits a sale decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RoutingRule)]
pub struct Rule {
    /// For people, and for the log of every payment it decides.
    pub name: String,
    /// Sales in one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub currencies: Vec<Currency>,
    /// Sales of at least this much, in this currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_min: Option<MoneyOut>,
    /// Sales of at most this much, in this currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_max: Option<MoneyOut>,
    /// Sales to one of these: two capital letters each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub countries: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<PaymentMethod>,
    pub choice: Choice,
}

/// Who is asked when a rule fits. Nobody else is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = RoutingChoice)]
pub enum Choice {
    /// One after another.
    Order(Vec<String>),
    /// By lot, the same for every try of a checkout; the others follow, largest share first.
    Split(Vec<SplitShare>),
    /// Whoever said yes most often lately.
    Best(Best),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RoutingShare)]
pub struct SplitShare {
    pub processor: String,
    /// Of a hundred; all shares of a split are a hundred.
    pub percent: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RoutingBest)]
pub struct Best {
    pub processors: Vec<String>,
    /// How many hours back counts: 1 to 720.
    pub window_hours: u32,
    /// Whoever said yes less often than this is left out, as long as anybody else is there.
    pub floor_percent: u32,
}

/// A version of a shop's rules. Version 0 is a shop that never wrote any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    pub version: i64,
    pub rules: Vec<Rule>,
}

const RULES_MAX: usize = 50;
const LIST_MAX: usize = 50;
/// More codes than there are countries or currencies.
const CODES_MAX: usize = 300;
/// Fewer tries than this say nothing about a processor: it counts as one that always says yes, so that it gets tries.
const TRIES_TELLING: u32 = 20;

/// The rules as they may be stored. Errors: `invalid_field`, at the first thing that cannot be.
pub fn checked(rules: Vec<Rule>, known: &[&str]) -> Result<Vec<Rule>> {
    if rules.len() > RULES_MAX {
        return Err(Error::field("/rules", format!("At most {RULES_MAX} rules.")));
    }
    let check = |(index, rule): (usize, Rule)| rule.checked(index, known);
    rules.into_iter().enumerate().map(check).collect()
}

impl Rule {
    fn checked(mut self, index: usize, known: &[&str]) -> Result<Self> {
        let refuse = |field: &str, detail: String| Err(Error::field(format!("/rules/{index}/{field}"), detail));
        self.name = self.name.trim().to_owned();
        if !(1..=100).contains(&self.name.chars().count()) || self.name.chars().any(char::is_control) {
            return refuse("name", "Use 1 to 100 characters on one line.".into());
        }
        let lists = [
            ("currencies", self.currencies.len()),
            ("countries", self.countries.len()),
            ("methods", self.methods.len()),
        ];
        if let Some((field, _)) = lists.iter().find(|(_, length)| *length > CODES_MAX) {
            return refuse(field, format!("At most {CODES_MAX}."));
        }
        let capitals = |code: &String| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        if !self.countries.iter().all(capitals) {
            return refuse("countries", "Use two capital letters such as DE for each.".into());
        }
        for (field, amount) in [("amount_min", self.amount_min), ("amount_max", self.amount_max)] {
            let Some(amount) = amount else { continue };
            if amount.amount < 0 || amount.amount >= 1 << 53 {
                return refuse(field, "Use an amount from 0 up.".into());
            }
            if !self.currencies.is_empty() && !self.currencies.contains(&amount.currency) {
                return refuse(field, "The rule does not fit sales in this currency.".into());
            }
        }
        if let (Some(min), Some(max)) = (self.amount_min, self.amount_max)
            && (min.currency != max.currency || min.amount > max.amount)
        {
            return refuse(
                "amount_max",
                "Use the currency of amount_min, and no less than it.".into(),
            );
        }
        let (field, processors) = match &self.choice {
            Choice::Order(processors) => ("choice/order", processors.iter().collect::<Vec<_>>()),
            Choice::Split(shares) => ("choice/split", shares.iter().map(|share| &share.processor).collect()),
            Choice::Best(best) => ("choice/best/processors", best.processors.iter().collect()),
        };
        if !(1..=LIST_MAX).contains(&processors.len()) {
            return refuse(field, format!("Name 1 to {LIST_MAX} processors."));
        }
        for (at, processor) in processors.iter().enumerate() {
            if !known.contains(&processor.as_str()) {
                let known = known.join(", ");
                return refuse(field, format!("No processor has this name. Here are: {known}."));
            }
            if processors[..at].contains(processor) {
                return refuse(field, format!("{processor} stands twice."));
            }
        }
        match &self.choice {
            Choice::Order(_) => {}
            Choice::Split(shares) => {
                let sum: u64 = shares.iter().map(|share| u64::from(share.percent)).sum();
                if sum != 100 || shares.iter().any(|share| share.percent == 0) {
                    return refuse(field, format!("The shares are at least 1 and make 100, not {sum}."));
                }
            }
            Choice::Best(best) if !(1..=720).contains(&best.window_hours) => {
                return refuse("choice/best/window_hours", "1 to 720 hours.".into());
            }
            Choice::Best(best) if best.floor_percent > 100 => {
                return refuse("choice/best/floor_percent", "0 to 100.".into());
            }
            Choice::Best(_) => {}
        }
        Ok(self)
    }

    fn fits(&self, sale: &Sale) -> bool {
        let Sale {
            amount,
            country,
            method,
            ..
        } = sale;
        let within = |bound: Option<MoneyOut>, holds: fn(i64, i64) -> bool| {
            let all = bound.is_none() || mutant!("R1-amount");
            all || bound.is_some_and(|bound| bound.currency == amount.currency && holds(amount.minor, bound.amount))
        };
        (self.currencies.is_empty() || self.currencies.contains(&amount.currency))
            && (self.countries.is_empty() || self.countries.contains(country))
            && (self.methods.is_empty() || self.methods.contains(method))
            && within(self.amount_min, |amount, min| amount >= min)
            && within(self.amount_max, |amount, max| amount <= max)
    }
}

/// What is to be paid, as far as routing goes.
#[derive(Clone, Debug)]
pub struct Sale {
    pub checkout: CheckoutId,
    pub amount: Money,
    pub country: String,
    pub method: PaymentMethod,
    /// Whether it may leave in more than one parcel, and so be taken in more than one part.
    pub parts: bool,
}

/// A processor of this installation, as it stands now.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub name: &'static str,
    pub can: Capabilities,
    /// Whether the buyer's token is one of its vault.
    pub understands: bool,
    /// Whether new promises may be asked of it: false while its breaker is open.
    pub reached: bool,
}

/// How often a processor said yes, of how many tries that say something about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub yes: u32,
    pub tries: u32,
}

impl Tally {
    /// How often it said yes, of a hundred; 100 where too few tries say nothing.
    pub fn percent(self) -> u32 {
        if self.tries < TRIES_TELLING {
            100
        } else {
            self.yes * 100 / self.tries
        }
    }
}

/// How every processor did.
pub type ByProcessor = HashMap<String, Tally>;
/// The same by window in hours.
pub type Tallies = HashMap<u32, ByProcessor>;

/// Why a processor is not asked, or not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is asked, in its place.
    Eligible,
    /// It takes a promise in one part only: asked after those that need not.
    TakesOnce,
    /// Nothing is right with anybody; of all of them this one is asked.
    NobodyElse,
    OtherMethod,
    NotInRule,
    NotHere,
    OtherVault,
    CurrencyNotTaken,
    AmountNotCounted,
    NotReached,
    BelowFloor,
}

impl Why {
    pub const ALL: [Self; 11] = [
        Self::Eligible,
        Self::TakesOnce,
        Self::NobodyElse,
        Self::OtherMethod,
        Self::NotInRule,
        Self::NotHere,
        Self::OtherVault,
        Self::CurrencyNotTaken,
        Self::AmountNotCounted,
        Self::NotReached,
        Self::BelowFloor,
    ];

    pub fn is_asked(self) -> bool {
        matches!(self, Self::Eligible | Self::TakesOnce | Self::NobodyElse)
    }

    pub fn code(self) -> &'static str {
        match self {
            Self::Eligible => "eligible",
            Self::TakesOnce => "takes_once",
            Self::NobodyElse => "nobody_else",
            Self::OtherMethod => "other_method",
            Self::NotInRule => "not_in_rule",
            Self::NotHere => "not_here",
            Self::OtherVault => "other_vault",
            Self::CurrencyNotTaken => "currency_not_taken",
            Self::AmountNotCounted => "amount_not_counted",
            Self::NotReached => "not_reached",
            Self::BelowFloor => "below_floor",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Eligible => "nothing speaks against it",
            Self::TakesOnce => "takes a promise in one part only, so it comes after those that take several",
            Self::NobodyElse => "something speaks against it, but nobody else is left",
            Self::OtherMethod => "takes another method",
            Self::NotInRule => "the rule does not name it",
            Self::NotHere => "this installation has no such processor any more",
            Self::OtherVault => "cannot read this card: it was typed in for somebody else",
            Self::CurrencyNotTaken => "does not take the currency",
            Self::AmountNotCounted => "cannot count the amount exactly",
            Self::NotReached => "was not reached lately",
            Self::BelowFloor => "said yes too rarely lately",
        }
    }
}

/// One processor in a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub processor: String,
    pub why: Why,
    /// What its promise would be able to do.
    pub terms: Terms,
}

/// Who is asked for a sale, in order, and who is not and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The version of the rules, and the name and place of the one that decided.
    pub version: i64,
    pub rule: Option<(usize, String)>,
    pub places: Vec<Place>,
    /// Whether there was anything to choose.
    pub chosen: bool,
}

impl Plan {
    pub fn asked(&self) -> impl Iterator<Item = &str> {
        let asked = self.places.iter().filter(|place| place.why.is_asked());
        asked.map(|place| place.processor.as_str())
    }

    /// What the promise of one of them can do.
    pub fn terms(&self, processor: &str) -> Terms {
        let place = self.places.iter().find(|place| place.processor == processor);
        place.map_or(Terms::NONE, |place| place.terms)
    }

    /// Who comes after this one.
    pub fn after(&self, processor: &str) -> Option<&str> {
        self.asked().skip_while(|name| *name != processor).nth(1)
    }

    /// The decision in plain words, for the log of the payment.
    pub fn sentence(&self) -> String {
        let asked: Vec<&str> = self.asked().collect();
        let order = asked.join(", then ");
        match &self.rule {
            Some((_, name)) => format!("Rule \"{name}\" (version {}) has us ask {order}.", self.version),
            None => format!("No rule fits, so we ask in the usual order: {order}."),
        }
    }

    /// Who is not asked, and why.
    pub fn left_out(&self) -> String {
        let out = |place: &Place| format!("{} {}.", place.processor, place.why.words());
        let left = self
            .places
            .iter()
            .filter(|place| !matches!(place.why, Why::Eligible | Why::OtherMethod));
        left.map(out).collect::<Vec<_>>().join(" ")
    }
}

/// What happens to a sale: the first rule that fits names who is asked; without one everybody who takes the method is, in the order of the
/// configuration. Where only one processor takes the method there is nothing to choose, and no rule is asked.
///
/// Order of objections: other method, not in the rule, not here, another's card, currency, amount, not reached, below the floor. The last two are about today,
/// not about the sale: if nothing but them is left, the first such processor is asked all the same, and nobody after it.
pub fn choose(rules: &Rules, candidates: &[Candidate], tallies: &Tallies, sale: &Sale) -> Plan {
    let method = method_name(sale.method);
    let able: Vec<&Candidate> = candidates.iter().filter(|one| one.can.method == method).collect();
    let chosen = able.len() > 1;
    let found = rules.rules.iter().enumerate().find(|(_, rule)| rule.fits(sale));
    let found = if mutant!("R1") {
        rules.rules.iter().enumerate().rfind(|(_, rule)| rule.fits(sale))
    } else {
        found
    };
    let rule = found.filter(|_| chosen);
    let named: Vec<(&str, Option<u32>, u32)> = match rule {
        None => able.iter().map(|one| (one.name, None, 0)).collect(),
        Some((_, rule)) => ordered(&rule.choice, tallies, sale.checkout),
    };
    let judge = |(name, percent, floor): &(&str, Option<u32>, u32)| {
        let why = match candidates.iter().find(|one| one.name == *name) {
            None => Why::NotHere,
            Some(one) if one.can.method != method => Why::OtherMethod,
            Some(one) if chosen && !one.understands => Why::OtherVault,
            Some(one) if !one.can.takes(sale.amount.currency) => Why::CurrencyNotTaken,
            Some(one) if !one.can.counts(sale.amount) => Why::AmountNotCounted,
            Some(one) if !one.reached => Why::NotReached,
            Some(_) if percent.is_some_and(|percent| percent < *floor) => Why::BelowFloor,
            Some(one) if sale.parts && !one.can.multicapture => Why::TakesOnce,
            Some(_) => Why::Eligible,
        };
        let known = candidates.iter().find(|one| one.name == *name);
        Place {
            processor: (*name).to_owned(),
            why,
            terms: known.map_or(Terms::NONE, |one| Terms::of(&one.can)),
        }
    };
    let mut places: Vec<Place> = named.iter().map(judge).collect();
    if !places.iter().any(|place| place.why.is_asked())
        && let Some(place) = places
            .iter_mut()
            .find(|place| matches!(place.why, Why::NotReached | Why::BelowFloor))
    {
        place.why = Why::NobodyElse;
    }
    if places.iter().all(|place| place.why != Why::Eligible) {
        for place in places.iter_mut().filter(|place| place.why == Why::TakesOnce) {
            place.why = Why::Eligible; // There is nobody it comes after.
        }
    }
    let rest = candidates
        .iter()
        .filter(|one| named.iter().all(|(name, ..)| *name != one.name));
    places.extend(rest.map(|one| Place {
        processor: one.name.to_owned(),
        why: if one.can.method == method {
            Why::NotInRule
        } else {
            Why::OtherMethod
        },
        terms: Terms::of(&one.can),
    }));
    places.sort_by_key(|place| match place.why {
        Why::Eligible | Why::NobodyElse => 0,
        Why::TakesOnce => 1,
        _ => 2,
    }); // Stable: within a kind the order stays.
    Plan {
        version: rules.version,
        rule: rule.map(|(index, rule)| (index, rule.name.clone())),
        places,
        chosen,
    }
}

/// How attempts and capabilities call a method.
pub fn method_name(method: PaymentMethod) -> &'static str {
    match method {
        PaymentMethod::Card => "card",
        PaymentMethod::Manual => "manual",
    }
}

/// The processors of a choice in the order in which they are asked, each with how often it said yes and how often it must.
fn ordered<'a>(choice: &'a Choice, tallies: &Tallies, checkout: CheckoutId) -> Vec<(&'a str, Option<u32>, u32)> {
    match choice {
        Choice::Order(processors) => processors.iter().map(|name| (name.as_str(), None, 0)).collect(),
        Choice::Split(shares) => {
            let mut point = lot(checkout);
            let mut first = 0;
            for (index, share) in shares.iter().enumerate() {
                if point < share.percent {
                    first = index;
                    break;
                }
                point -= share.percent;
            }
            let mut others: Vec<(usize, &SplitShare)> = shares.iter().enumerate().collect();
            others.sort_by_key(|(index, share)| (*index != first, std::cmp::Reverse(share.percent)));
            others
                .iter()
                .map(|(_, share)| (share.processor.as_str(), None, 0))
                .collect()
        }
        Choice::Best(best) => {
            let window = tallies.get(&best.window_hours);
            let rate = |name: &String| {
                let tally = window.and_then(|window| window.get(name)).copied();
                tally.unwrap_or_default().percent()
            };
            let mut rated: Vec<(&str, Option<u32>, u32)> = best
                .processors
                .iter()
                .map(|name| (name.as_str(), Some(rate(name)), best.floor_percent))
                .collect();
            rated.sort_by_key(|(_, percent, _)| std::cmp::Reverse(*percent));
            rated
        }
    }
}

/// A checkout's number of a hundred: the same for ever, and even over many checkouts.
pub fn lot(checkout: CheckoutId) -> u32 {
    let digest = Sha256::digest(checkout.uuid().as_bytes());
    let [a, b, c, d, ..] = digest[..] else {
        unreachable!("a digest has 32 bytes")
    };
    // 2³² is so much larger than 100 that the remainder favours nobody who could be noticed.
    u32::from_be_bytes([a, b, c, d]) % 100
}
