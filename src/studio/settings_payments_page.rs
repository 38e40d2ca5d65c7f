//! Who takes the money: the processors, the rules that choose among them, and what would happen to a payment.

use super::field::{Choice, Field, Problem as Wrong};
use super::frame::{Chip, Frame, Section, Tone};
use super::settings_shop_page::After;
use super::typed::{Typed, decimal};
use crate::app::App;
use crate::db::LaneKey;
use crate::http::{Form, Problem, Query, page, redirect};
use crate::identity::{Owner, Shop, shop};
use crate::kernel::{Capabilities, CheckoutId, Currency, Error, Kind, Money, MoneyOut, Processor as _, Result, words};
use crate::offers::PaymentMethod;
use crate::payments::sandbox::Sandbox;
use crate::payments::{
    self, Best, ByProcessor, Candidate, Choice as Asks, Routing, Rule, Rules, Sale, SplitShare, Tally, Why, WriteRules,
};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

/// One processor, and everything a person has to know before a rule names it.
pub struct ProcessorCard {
    pub name: String,
    pub reach: Chip,
    /// What it takes, what it can do, how long its word holds: a term and a sentence each.
    pub facts: Vec<(String, String)>,
    /// Where its notices come to; none for one that sends none from outside.
    pub webhook: Option<String>,
}

/// One rule as it is edited. Its place in the list names its fields.
pub struct RuleRow {
    /// What it says, as it stands; empty while it cannot be read.
    pub sentence: String,
    pub name: Field,
    pub methods: Vec<Choice>,
    pub amount_from: Field,
    pub amount_to: Field,
    pub amount_currency: Field,
    pub currencies: Field,
    pub countries: Field,
    /// One after another, by lot, whoever says yes most often.
    pub asks: Vec<Choice>,
    pub who: Vec<Who>,
    pub who_error: Option<String>,
    pub window_hours: Field,
    pub floor_percent: Field,
}

/// A processor in a rule.
pub struct Who {
    pub name: String,
    /// "not here any more", "takes another method"; empty for the usual one.
    pub note: String,
    pub places: Vec<Choice>,
    pub percent: Field,
}

/// The payment that nobody makes.
#[derive(Default)]
pub struct Trial {
    pub amount: Field,
    pub currency: Field,
    pub country: Field,
    pub methods: Vec<Choice>,
    pub parts: bool,
    pub told: Option<Told>,
}

/// What would happen to it.
pub struct Told {
    /// "€50.00 by card to Germany".
    pub payment: String,
    /// Which rule decides, or why none does.
    pub decides: String,
    /// In the order in which they would be asked; then those that would not be.
    pub places: Vec<ToldPlace>,
    /// Whether the rules it was asked with are only typed, not saved.
    pub only_typed: bool,
}

pub struct ToldPlace {
    pub processor: String,
    pub chip: Chip,
    pub why: String,
}

#[derive(Template)]
#[template(path = "studio/settings_payments.html")]
pub struct SettingsPaymentsPage {
    pub frame: Frame,
    pub version: i64,
    pub processors: Vec<ProcessorCard>,
    /// Whether a method has more than one processor: only then a rule is ever asked.
    pub is_a_choice: bool,
    pub rules: Vec<RuleRow>,
    pub trial: Trial,
    /// What somebody else saved meanwhile, a line a difference.
    pub meanwhile: Vec<String>,
    /// The form holds something that is not saved.
    pub unsaved: bool,
    pub problems: Vec<Wrong>,
}

const METHODS: [(PaymentMethod, &str); 2] = [
    (PaymentMethod::Card, "By card"),
    (PaymentMethod::Manual, "By hand: on pickup, by transfer"),
];
const ASKS: [(&str, &str); 3] = [
    ("order", "One after another, in this order"),
    ("split", "By lot: each gets a share of the payments"),
    ("best", "Whoever said yes most often lately"),
];
/// How far back the cards look at how a processor did.
const LATELY_HOURS: u32 = 24;

/// What the page reads.
struct Desk {
    shop: Shop,
    rules: Rules,
    routing: Routing,
    lately: ByProcessor,
    /// Sandboxes of this program: they need no address for their notices.
    inside: Vec<&'static str>,
    base_url: String,
}

impl Desk {
    fn card(&self, one: &Candidate) -> ProcessorCard {
        let outside = one.can.method == "card" && !self.inside.contains(&one.name);
        let webhook = outside.then(|| format!("{}/v1/webhooks/{}", self.base_url, one.name));
        ProcessorCard::of(one, self.lately.get(one.name).copied().unwrap_or_default(), webhook)
    }
}

async fn read(app: &App, owner: &Owner) -> Result<Desk> {
    let id = owner.shop;
    let (shop, rules, lately) = app
        .db
        .read(move |tx| {
            Ok((
                shop(tx, id)?,
                payments::rules(tx, id)?,
                payments::tallies(tx, id, LATELY_HOURS)?,
            ))
        })
        .await?;
    Ok(Desk {
        routing: payments::look_with(app, id, rules.clone()).await?,
        inside: Sandbox::all(app).iter().map(|one| one.name()).collect(),
        base_url: app.base_url.clone(),
        shop,
        rules,
        lately,
    })
}

pub async fn show(
    State(app): State<App>,
    owner: Owner,
    Query(after): Query<After>,
) -> std::result::Result<Response, Problem> {
    let desk = read(&app, &owner).await?;
    let mut settings = SettingsPaymentsPage::of(&desk, &owner);
    settings.frame = settings.frame.after(after.done.as_deref());
    page(&settings)
}

/// Saves the rules, tries them, or changes their list and comes back with what was typed. The version of the rules guards them.
pub async fn save(
    State(app): State<App>,
    owner: Owner,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Problem> {
    let desk = read(&app, &owner).await?;
    let mut again = SettingsPaymentsPage::of(&desk, &owner);
    let done = match typed.one("do") {
        "save" => saved(&app, &desk, &typed).await.map(Did::Saved),
        "try" => tried(&app, &desk, &typed).await.map(Did::Tried),
        other => {
            again.keep(&desk, &typed, None);
            again.rearrange(&desk, other);
            again.version = typed.version();
            return page(&again);
        }
    };
    match done {
        Ok(Did::Saved(WriteRules::Written(_))) => {
            return Ok(redirect(&format!(
                "/studio/{}/settings/payments?done=saved",
                desk.shop.slug
            )));
        }
        Ok(Did::Saved(WriteRules::Stale(_))) => {
            let seen = typed.version();
            let before = app
                .db
                .read(move |tx| payments::rules_of_version(tx, desk.shop.id, seen))
                .await?;
            let desk = read(&app, &owner).await?;
            again = SettingsPaymentsPage::of(&desk, &owner);
            again.keep(&desk, &typed, Some(&Error::invalid("stale", Wrong::stale().detail)));
            again.meanwhile = differences(&before, &desk.rules.rules);
        }
        Ok(Did::Tried(told)) => {
            again.keep(&desk, &typed, None);
            again.trial.told = Some(told);
            again.version = typed.version();
        }
        Err(error) if error.kind == Kind::Invalid => {
            again.keep(&desk, &typed, Some(&error));
            again.version = typed.version();
        }
        Err(error) => return Err(error.into()),
    }
    page(&again)
}

enum Did {
    Saved(WriteRules),
    Tried(Told),
}

async fn saved(app: &App, desk: &Desk, typed: &Typed) -> Result<WriteRules> {
    let (id, seen, rules) = (desk.shop.id, typed.version(), rules(typed)?);
    let known: Vec<&'static str> = desk.routing.candidates().iter().map(|one| one.name).collect();
    app.db
        .write(LaneKey::of(id), move |tx| {
            payments::write_rules(tx, id, seen, rules.clone(), &known)
        })
        .await
}

/// Asks with the rules as they are typed: whoever writes one sees what it does before it counts.
async fn tried(app: &App, desk: &Desk, typed: &Typed) -> Result<Told> {
    let rules = if typed.all("rule").next().is_some() || desk.rules.rules.is_empty() {
        rules(typed)?
    } else {
        desk.rules.rules.clone() // The page offered no editor.
    };
    let known: Vec<&str> = desk.routing.candidates().iter().map(|one| one.name).collect();
    let rules = payments::checked_rules(rules, &known)?;
    let only_typed = rules != desk.rules.rules;
    let checkout = app.random.id(app.clock.wall());
    let sale = sale(typed, checkout)?;
    let version = desk.rules.version;
    let routing = payments::look_with(app, desk.shop.id, Rules { version, rules }).await?;
    Ok(Told::of(&routing, &sale, only_typed))
}

/// The payment as it was typed. Errors: `invalid_field` under `/try/…`.
fn sale(typed: &Typed, checkout: CheckoutId) -> Result<Sale> {
    let currency: Currency = (typed.one("try_currency").to_uppercase().parse())
        .map_err(|_| Error::field("/try/currency", "Write three letters such as EUR."))?;
    let minor = decimal(typed.one("try_amount"), currency.exponent() as usize)
        .ok_or_else(|| Error::field("/try/amount", "Write an amount such as 50.00."))?;
    let amount = Money::new(minor, currency);
    payments::check_amount(amount).map_err(|error| Error::field("/try/amount", error.detail))?;
    let country = typed.one("try_country").to_uppercase();
    if words::country(&country) == country {
        return Err(Error::field("/try/country", "Write two letters such as DE."));
    }
    Ok(Sale {
        checkout,
        amount,
        country,
        method: method(typed.one("try_method")),
        parts: typed.one("try_parts") == "yes",
    })
}

fn method(word: &str) -> PaymentMethod {
    let known = METHODS
        .iter()
        .find(|(method, _)| payments::method_name(*method) == word);
    known.map_or(PaymentMethod::Card, |(method, _)| *method)
}

/// The rules as they were typed, in their order. What they may be is the verb's to say. Errors: `invalid_field`, as the verb points.
fn rules(typed: &Typed) -> Result<Vec<Rule>> {
    (0..typed.all("rule").count()).map(|at| rule(typed, at)).collect()
}

fn rule(typed: &Typed, at: usize) -> Result<Rule> {
    let wrong = |field: &str, detail: String| Error::field(format!("/rules/{at}/{field}"), detail);
    let codes = |name: &str| {
        let text = typed.row(name, at).to_uppercase();
        let codes = text.split([',', ' ', ';']).filter(|code| !code.is_empty());
        codes.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut currencies = Vec::new();
    for code in codes("rule_currencies") {
        let known = code.parse();
        currencies.push(known.map_err(|_| wrong("currencies", format!("{code} is no currency; write EUR, USD …")))?);
    }
    let countries = codes("rule_countries");
    if let Some(code) = countries.iter().find(|code| words::country(code) == **code) {
        return Err(wrong("countries", format!("{code} is no country; write DE, AT …")));
    }
    let amount = |name: &str, field: &str| {
        let text = typed.row(name, at);
        if text.is_empty() {
            return Ok(None);
        }
        let code = typed.row("rule_amount_currency", at).to_uppercase();
        let currency: Currency = (code.parse())
            .map_err(|_| wrong("amount_currency", "Say in which currency, with three letters.".into()))?;
        let minor = decimal(text, currency.exponent() as usize)
            .ok_or_else(|| wrong(field, "Write an amount such as 500.00.".into()))?;
        Ok(Some(MoneyOut::from(Money::new(minor, currency))))
    };
    let methods = typed.all(&format!("rule_method_{at}")).map(method).collect::<Vec<_>>();
    Ok(Rule {
        name: typed.row("rule_name", at).into(),
        amount_min: amount("rule_from", "amount_min")?,
        amount_max: amount("rule_to", "amount_max")?,
        // All of them is the same as none named.
        methods: if methods.len() == METHODS.len() {
            Vec::new()
        } else {
            methods
        },
        choice: choice(typed, at)?,
        currencies,
        countries,
    })
}

fn choice(typed: &Typed, at: usize) -> Result<Asks> {
    let wrong = |field: &str, detail: &str| Error::field(format!("/rules/{at}/choice/{field}"), detail.to_owned());
    let who: Vec<(usize, String)> = (typed.all(&format!("who_{at}")).map(str::to_owned).enumerate()).collect();
    let kind = typed.one(&format!("asks_{at}"));
    if kind == "split" {
        let mut shares = Vec::new();
        for (row, processor) in who {
            let text = typed.row(&format!("percent_{at}"), row).trim_end_matches('%').trim();
            if text.is_empty() || text == "0" {
                continue;
            }
            let percent = text.parse().map_err(|_| wrong("split", "Write whole percents."))?;
            shares.push(SplitShare { processor, percent });
        }
        return Ok(Asks::Split(shares));
    }
    let mut placed: Vec<(u32, String)> = Vec::new();
    for (row, processor) in who {
        let Ok(place) = typed.row(&format!("place_{at}"), row).parse::<u32>() else {
            continue;
        };
        if let Some((_, other)) = placed.iter().find(|(taken, _)| *taken == place) {
            let field = if kind == "best" { "best/processors" } else { "order" };
            return Err(wrong(field, &format!("{processor} and {other} have the same place.")));
        }
        placed.push((place, processor));
    }
    placed.sort_by_key(|(place, _)| *place);
    let processors: Vec<String> = placed.into_iter().map(|(_, name)| name).collect();
    if kind != "best" {
        return Ok(Asks::Order(processors));
    }
    let number = |name: &str, field: &str| {
        let text = typed.row(name, at).trim_end_matches('%').trim();
        text.parse().map_err(|_| wrong(field, "Write a whole number."))
    };
    Ok(Asks::Best(Best {
        processors,
        window_hours: number("rule_window", "best/window_hours")?,
        floor_percent: number("rule_floor", "best/floor_percent")?,
    }))
}

/// A rule in one sentence.
fn sentence(rule: &Rule) -> String {
    let mut text = match rule.methods[..] {
        [PaymentMethod::Card] => "Card payments".to_owned(),
        [PaymentMethod::Manual] => "Payments by hand".to_owned(),
        _ => "Payments".to_owned(),
    };
    let money = |amount: MoneyOut| words::money(amount.into());
    match (rule.amount_min, rule.amount_max) {
        (Some(min), Some(max)) => text += &format!(" of {} to {}", money(min), money(max)),
        (Some(min), None) => text += &format!(" of at least {}", money(min)),
        (None, Some(max)) => text += &format!(" of at most {}", money(max)),
        (None, None) => {}
    }
    if !rule.currencies.is_empty() {
        let codes: Vec<&str> = rule.currencies.iter().map(|currency| currency.code()).collect();
        text += &format!(" in {}", listed(&codes, "or"));
    }
    if !rule.countries.is_empty() {
        let names: Vec<String> = rule.countries.iter().map(|code| words::country(code)).collect();
        text += &format!(" to {}", listed(&names, "or"));
    }
    match &rule.choice {
        Asks::Order(names) => text += &format!(" ask {}.", names.join(", then ")),
        Asks::Split(shares) => {
            let share = |share: &SplitShare| format!("{} ({} %)", share.processor, share.percent);
            let shares: Vec<String> = shares.iter().map(share).collect();
            text += &format!(
                " are drawn by lot: {}. After a no, the others follow.",
                listed(&shares, "and")
            );
        }
        Asks::Best(best) => {
            text += &format!(
                " ask whoever of {} said yes most often in the last {}",
                listed(&best.processors, "and"),
                words::count(u64::from(best.window_hours), "hour", "hours")
            );
            if best.floor_percent > 0 {
                text += &format!(
                    "; nobody below {} %, as long as somebody else is there",
                    best.floor_percent
                );
            }
            text += ".";
        }
    }
    text
}

/// "a", "a or b", "a, b or c".
fn listed(items: &[impl AsRef<str>], last: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [some @ .., end] => {
            let some: Vec<&str> = some.iter().map(AsRef::as_ref).collect();
            format!("{} {last} {}", some.join(", "), end.as_ref())
        }
    }
}

/// What changed between two versions of the rules, a line each.
fn differences(before: &[Rule], now: &[Rule]) -> Vec<String> {
    let line = |rule: &Rule| format!("“{}”: {}", rule.name, sentence(rule));
    let mut told: Vec<String> = Vec::new();
    for rule in now.iter().filter(|rule| !before.contains(rule)) {
        told.push(match before.iter().find(|old| old.name == rule.name) {
            Some(old) => format!("Changed {} Before: {}", line(rule), sentence(old)),
            None => format!("New {}", line(rule)),
        });
    }
    let gone = |rule: &&Rule| !now.iter().any(|new| new == *rule || new.name == rule.name);
    told.extend(before.iter().filter(gone).map(|rule| format!("Removed {}", line(rule))));
    if told.is_empty() {
        let names: Vec<&str> = now.iter().map(|rule| rule.name.as_str()).collect();
        told.push(format!("The order is now: {}.", names.join(", ")));
    }
    told
}

impl ProcessorCard {
    fn of(one: &Candidate, tally: Tally, webhook: Option<String>) -> Self {
        let can = &one.can;
        let is_card = can.method == "card";
        let mut facts = Vec::new();
        let mut fact = |term: &str, words: String| facts.push((term.to_owned(), words));
        let currencies = if can.currencies.is_empty() {
            "every currency".to_owned()
        } else {
            can.currencies.join(", ")
        };
        let what = if is_card {
            "Cards"
        } else {
            "Money by hand: on pickup, by transfer"
        };
        fact("Takes", format!("{what}, in {currencies}."));
        fact(
            "Several parcels",
            if can.multicapture {
                "It can take a promise in several parts, one for each parcel.".into()
            } else {
                "It takes a promise once. If an order leaves in several parcels, all of it is taken when the last one leaves.".into()
            },
        );
        if is_card {
            let can_too = [
                (
                    can.partial_authorization,
                    "promise less than was asked for, where the card has no more",
                ),
                (can.incremental_authorization, "raise a promise later"),
                (
                    can.void_after_partial_capture,
                    "let go of the rest after a part was taken",
                ),
            ];
            let can_too: Vec<&str> = can_too
                .iter()
                .filter(|(can, _)| *can)
                .map(|(_, words)| *words)
                .collect();
            if !can_too.is_empty() {
                let can_too = listed(&can_too, "and");
                let (first, rest) = can_too.split_at(1);
                fact("Can also", format!("{}{rest}.", first.to_uppercase()));
            }
        }
        fact(
            "A promise lasts",
            match can.authorization_window {
                Some(window) if window.0 >= 86_400 => {
                    let days = words::count(window.0.unsigned_abs() / 86_400, "day", "days");
                    format!(
                        "{days}, unless its answer says otherwise. What has not left by then has to be promised anew."
                    )
                }
                Some(window) => format!(
                    "{}, unless its answer says otherwise.",
                    words::count(window.0.unsigned_abs() / 3600, "hour", "hours")
                ),
                None => "As long as you like: a person answers for it.".into(),
            },
        );
        if is_card {
            fact(
                "Lately",
                match tally.tries {
                    0 => "No payment was tried here in the last 24 hours.".into(),
                    tries => format!(
                        "{} of {} in the last 24 hours said yes.",
                        words::number(u64::from(tally.yes)),
                        words::count(u64::from(tries), "try", "tries")
                    ),
                },
            );
        }
        Self {
            name: one.name.to_owned(),
            reach: if one.reached {
                Chip::new(Tone::Ok, "Reached")
            } else {
                Chip::new(Tone::Bad, "Not reached lately")
            },
            webhook,
            facts,
        }
    }
}

impl Told {
    fn of(routing: &Routing, sale: &Sale, only_typed: bool) -> Self {
        let plan = routing.plan(sale);
        let asked: Vec<&str> = plan.asked().collect();
        let takes = |one: &&Candidate| one.can.method == payments::method_name(sale.method);
        let decides = match (
            &plan.rule,
            asked.is_empty(),
            routing.candidates().iter().filter(takes).count(),
        ) {
            (_, true, 0) => "Nobody here takes this payment. The buyer is told before anything is reserved.".into(),
            (None, true, _) => "Nobody could take this payment. The buyer is told before anything is reserved.".into(),
            (Some((at, name)), true, _) => format!(
                "Rule {}, “{name}”, decides, and leaves nobody who could take it. The buyer is told before anything is reserved.",
                at + 1
            ),
            (None, false, 1) => {
                format!(
                    "There is nothing to decide: only {} takes this. No rule is asked.",
                    asked[0]
                )
            }
            (None, false, _) => "No rule fits, so everybody who takes it is asked, in the usual order.".into(),
            (Some((0, name)), false, _) => format!("Rule 1, “{name}”, fits and decides."),
            (Some((at, name)), false, _) => {
                format!("Rule {}, “{name}”, is the first that fits, and decides.", at + 1)
            }
        };
        let place = |(at, place): (usize, &payments::Place)| {
            let chip = match (place.why.is_asked(), at) {
                (false, _) => Chip::new(Tone::Quiet, "Not asked"),
                (true, 0) => Chip::new(Tone::Ok, "Asked first"),
                (true, _) => Chip::new(Tone::Quiet, &format!("Asked {}", ordinal(at + 1))),
            };
            ToldPlace {
                why: why(
                    place.why,
                    at.checked_sub(1).map(|before| &*plan.places[before].processor),
                ),
                processor: place.processor.clone(),
                chip,
            }
        };
        Self {
            payment: format!(
                "{} {} to {}{}",
                words::money(sale.amount),
                match sale.method {
                    PaymentMethod::Card => "by card",
                    PaymentMethod::Manual => "by hand",
                },
                words::country(&sale.country),
                if sale.parts { ", perhaps in several parcels" } else { "" }
            ),
            places: plan.places.iter().enumerate().map(place).collect(),
            decides,
            only_typed,
        }
    }
}

/// Why a processor is asked or not, as a whole sentence.
fn why(why: Why, before: Option<&str>) -> String {
    match (why, before) {
        (Why::Eligible, None) => "Nothing speaks against it.".into(),
        (Why::Eligible, Some(before)) => {
            format!("Only after a definite no of {before}; never while an answer of {before} is missing.")
        }
        (Why::TakesOnce, _) => {
            "It takes a promise in one part only, so it comes after those that take several.".into()
        }
        (Why::NobodyElse, _) => {
            "It was not reached, or said yes too rarely lately; but nobody else is left, so it is asked all the same.".into()
        }
        (Why::NotInRule, _) => "The rule that decides does not name it.".into(),
        (Why::NotHere, _) => "The rule names it, but it is not here any more.".into(),
        (Why::NotReached, _) => {
            "It was not reached several times in the last minute. One payment at a time tries again after half a minute.".into()
        }
        (Why::BelowFloor, _) => "It said yes less often than the rule's limit lately.".into(),
        (other, _) => format!("It {}.", other.words()),
    }
}

fn ordinal(at: usize) -> String {
    match at {
        1 => "first".into(),
        2 => "second".into(),
        3 => "third".into(),
        at => format!("{at}th"),
    }
}

impl RuleRow {
    /// A new rule: everybody who takes cards, in the usual order.
    fn empty(here: &[Candidate], usual: Currency) -> Self {
        let cards = here.iter().filter(|one| one.can.method == "card");
        let names: Vec<String> = cards.map(|one| one.name.to_owned()).collect();
        let rule = Rule {
            name: String::new(),
            currencies: Vec::new(),
            amount_min: None,
            amount_max: None,
            countries: Vec::new(),
            methods: Vec::new(),
            choice: Asks::Order(names),
        };
        Self {
            sentence: String::new(),
            ..Self::of(&rule, here, usual)
        }
    }

    fn of<'a>(rule: &'a Rule, here: &[Candidate], usual: Currency) -> Self {
        let money = |amount: Option<MoneyOut>| amount.map_or(String::new(), |amount| words::decimal(amount.into()));
        let currency = rule
            .amount_min
            .or(rule.amount_max)
            .map_or(usual, |amount| amount.currency);
        let codes: Vec<&str> = rule.currencies.iter().map(|currency| currency.code()).collect();
        let (kind, named): (_, Vec<(&str, u32)>) = match &rule.choice {
            Asks::Order(names) => ("order", names.iter().map(|name| (name.as_str(), 0)).collect()),
            Asks::Split(shares) => {
                let share = |share: &'a SplitShare| (share.processor.as_str(), share.percent);
                ("split", shares.iter().map(share).collect())
            }
            Asks::Best(best) => ("best", best.processors.iter().map(|name| (name.as_str(), 0)).collect()),
        };
        let best = match &rule.choice {
            Asks::Best(best) => (best.window_hours, best.floor_percent),
            _ => (24, 0),
        };
        let mut names: Vec<String> = here.iter().map(|one| one.name.to_owned()).collect();
        let gone = named
            .iter()
            .filter(|(name, _)| !names.iter().any(|known| known == name));
        names.extend(gone.map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
        let count = names.len();
        let who = |name: &String| {
            let found = named.iter().position(|(named, _)| named == name);
            let percent = found.map(|at| named[at].1).filter(|percent| *percent > 0);
            Who {
                note: note(here, name),
                places: places(count, &found.map_or(String::new(), |at| (at + 1).to_string())),
                percent: Field::of(&percent.map_or(String::new(), |percent| percent.to_string())),
                name: name.clone(),
            }
        };
        Self {
            sentence: sentence(rule),
            name: Field::of(&rule.name),
            methods: methods(|method| rule.methods.contains(&method)),
            amount_from: Field::of(&money(rule.amount_min)),
            amount_to: Field::of(&money(rule.amount_max)),
            amount_currency: Field::of(currency.code()),
            currencies: Field::of(&codes.join(", ")),
            countries: Field::of(&rule.countries.join(", ")),
            asks: asks(kind),
            who: names.iter().map(who).collect(),
            who_error: None,
            window_hours: Field::of(&best.0.to_string()),
            floor_percent: Field::of(&best.1.to_string()),
        }
    }

    fn typed(typed: &Typed, at: usize, error: &Error, here: &[Candidate]) -> Self {
        let field =
            |name: &str, pointer: &str| Field::judged(typed.row(name, at), error, &format!("/rules/{at}/{pointer}"));
        let (method_key, who_key) = (format!("rule_method_{at}"), format!("who_{at}"));
        let chosen: Vec<&str> = typed.all(&method_key).collect();
        let names: Vec<&str> = typed.all(&who_key).collect();
        let who = |(row, name): (usize, &&str)| Who {
            name: (*name).to_owned(),
            note: note(here, name),
            places: places(names.len(), typed.row(&format!("place_{at}"), row)),
            percent: Field::of(typed.row(&format!("percent_{at}"), row)),
        };
        let about_who =
            ["choice/order", "choice/split", "choice/best/processors"].map(|tail| format!("/rules/{at}/{tail}"));
        let said = error
            .fields
            .iter()
            .find(|field| about_who.contains(&field.pointer.to_string()));
        Self {
            sentence: rule(typed, at).map_or(String::new(), |rule| sentence(&rule)),
            name: field("rule_name", "name"),
            methods: methods(|method| chosen.contains(&payments::method_name(method))),
            amount_from: field("rule_from", "amount_min"),
            amount_to: field("rule_to", "amount_max"),
            amount_currency: field("rule_amount_currency", "amount_currency"),
            currencies: field("rule_currencies", "currencies"),
            countries: field("rule_countries", "countries"),
            asks: asks(typed.one(&format!("asks_{at}"))),
            who: names.iter().enumerate().map(who).collect(),
            who_error: said.map(|field| field.detail.to_string()),
            window_hours: field("rule_window", "choice/best/window_hours"),
            floor_percent: field("rule_floor", "choice/best/floor_percent"),
        }
    }
}

/// Where the fields of a rule's refusal stand: pointer, input and label.
fn places_of_rule(at: usize) -> Vec<(String, String, String)> {
    let n = at + 1;
    [
        ("name", "rule-name", "name"),
        ("amount_min", "rule-from", "amount from"),
        ("amount_max", "rule-to", "amount to"),
        ("amount_currency", "rule-amount-currency", "currency of the amount"),
        ("currencies", "rule-currencies", "currencies"),
        ("countries", "rule-countries", "countries"),
        ("choice/order", "rule-who", "who is asked"),
        ("choice/split", "rule-who", "who is asked"),
        ("choice/best/processors", "rule-who", "who is asked"),
        ("choice/best/window_hours", "rule-window", "hours"),
        ("choice/best/floor_percent", "rule-floor", "limit"),
    ]
    .map(|(tail, input, label)| {
        (
            format!("/rules/{at}/{tail}"),
            format!("{input}-{n}"),
            format!("Rule {n}, {label}"),
        )
    })
    .to_vec()
}

fn methods(chosen: impl Fn(PaymentMethod) -> bool) -> Vec<Choice> {
    let choice = |(method, label): &(PaymentMethod, &str)| Choice {
        chosen: chosen(*method),
        ..Choice::new(payments::method_name(*method), label)
    };
    METHODS.iter().map(choice).collect()
}

fn asks(chosen: &str) -> Vec<Choice> {
    let known = ASKS.iter().any(|(word, _)| *word == chosen);
    let choice = |(word, label): &(&str, &str)| Choice {
        chosen: if known { *word == chosen } else { *word == "order" },
        ..Choice::new(word, label)
    };
    ASKS.iter().map(choice).collect()
}

fn places(count: usize, chosen: &str) -> Vec<Choice> {
    let mut all = vec![Choice {
        chosen: chosen.is_empty(),
        ..Choice::new("", "Not asked")
    }];
    all.extend((1..=count).map(|place| {
        let value = place.to_string();
        Choice {
            chosen: value == chosen,
            ..Choice::new(&value, &format!("Asked {}", ordinal(place)))
        }
    }));
    all
}

/// What is unusual about a processor in a rule.
fn note(here: &[Candidate], name: &str) -> String {
    match here.iter().find(|one| one.name == name) {
        None => "not here any more".into(),
        Some(one) if one.can.method == "manual" => "payments by hand only".into(),
        Some(_) => String::new(),
    }
}

impl Trial {
    fn of(shop: &Shop) -> Self {
        Self {
            amount: Field::of(if shop.currency.exponent() == 0 { "5000" } else { "50" }),
            currency: Field::of(shop.currency.code()),
            country: Field::of(&shop.country),
            methods: methods(|method| method == PaymentMethod::Card),
            parts: false,
            told: None,
        }
    }

    fn typed(typed: &Typed, error: &Error) -> Self {
        let field = |name: &str, pointer: &str| Field::judged(typed.one(name), error, pointer);
        let chosen = method(typed.one("try_method"));
        Self {
            amount: field("try_amount", "/try/amount"),
            currency: field("try_currency", "/try/currency"),
            country: field("try_country", "/try/country"),
            methods: methods(|method| method == chosen),
            parts: typed.one("try_parts") == "yes",
            told: None,
        }
    }
}

impl SettingsPaymentsPage {
    pub fn part(&self) -> &'static str {
        "payments"
    }

    fn of(desk: &Desk, owner: &Owner) -> Self {
        let candidates = desk.routing.candidates();
        let rules = desk.rules.rules.iter();
        let takers = |method| {
            candidates
                .iter()
                .filter(|one| one.can.method == payments::method_name(method))
                .count()
        };
        Self {
            frame: Frame::of(&desk.shop, owner, Section::Settings, "Settings"),
            version: desk.rules.version,
            processors: candidates.iter().map(|one| desk.card(one)).collect(),
            is_a_choice: METHODS.iter().any(|(method, _)| takers(*method) > 1),
            rules: rules
                .map(|rule| RuleRow::of(rule, candidates, desk.shop.currency))
                .collect(),
            trial: Trial::of(&desk.shop),
            meanwhile: Vec::new(),
            unsaved: false,
            problems: Vec::new(),
        }
    }

    /// Keeps what was typed, with an error beside what is wrong.
    fn keep(&mut self, desk: &Desk, typed: &Typed, error: Option<&Error>) {
        let none = Error::invalid("kept", "");
        let said = error.unwrap_or(&none);
        let count = typed.all("rule").count();
        let here = desk.routing.candidates();
        if self.is_a_choice || count > 0 {
            self.rules = (0..count).map(|at| RuleRow::typed(typed, at, said, here)).collect();
        }
        self.trial = Trial::typed(typed, said);
        self.unsaved = true;
        if let Some(error) = error {
            let mut places: Vec<(String, String, String)> = (0..count).flat_map(places_of_rule).collect();
            for (field, label) in [("amount", "Amount"), ("currency", "Currency"), ("country", "Country")] {
                places.push((format!("/try/{field}"), format!("try-{field}"), label.into()));
            }
            let places: Vec<(&str, &str, &str)> = places
                .iter()
                .map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str()))
                .collect();
            self.problems = Wrong::all(error, &places);
        }
    }

    /// `add`, `up:1`, `down:0`, `remove:2`: the list as it was asked for, not saved yet.
    fn rearrange(&mut self, desk: &Desk, what: &str) {
        let (what, at) = what.split_once(':').unwrap_or((what, ""));
        let at: usize = at.parse().unwrap_or(0);
        let last = self.rules.len().saturating_sub(1);
        match what {
            "add" => self
                .rules
                .push(RuleRow::empty(desk.routing.candidates(), desk.shop.currency)),
            "up" if at > 0 && at <= last => self.rules.swap(at, at - 1),
            "down" if at < last => self.rules.swap(at, at + 1),
            "remove" if at < self.rules.len() => drop(self.rules.remove(at)),
            _ => {}
        }
    }

    /// Two processors of different shapes, three rules, and the answer to a question.
    pub fn sample() -> Self {
        let can = Capabilities {
            multicapture: true,
            void_after_partial_capture: true,
            ..Capabilities::CARD
        };
        let once = Capabilities {
            currencies: &["EUR", "USD", "GBP"],
            ..Capabilities::CARD
        };
        let by_hand = Capabilities {
            method: "manual",
            authorization_window: None,
            ..can
        };
        let here =
            [("stripe", can, true), ("eu", once, false), ("manual", by_hand, true)].map(|(name, can, reached)| {
                Candidate {
                    name,
                    can,
                    understands: true,
                    reached,
                }
            });
        let address = |name: &str| Some(format!("https://shop.example/v1/webhooks/{name}"));
        let tally = |yes, tries| Tally { yes, tries };
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let share = |processor: &str, percent| SplitShare {
            processor: processor.into(),
            percent,
        };
        let rule = |name: &str, choice| Rule {
            name: name.into(),
            currencies: Vec::new(),
            amount_min: None,
            amount_max: None,
            countries: Vec::new(),
            methods: vec![PaymentMethod::Card],
            choice,
        };
        let rules = [
            Rule {
                amount_min: Some(Money::new(50_000, Currency::EUR).into()),
                ..rule("Large", Asks::Order(names(&["stripe", "eu"])))
            },
            Rule {
                countries: names(&["DE", "AT"]),
                ..rule("Home", Asks::Split(vec![share("stripe", 80), share("eu", 20)]))
            },
            rule(
                "Everything else",
                Asks::Best(Best {
                    processors: names(&["stripe", "eu"]),
                    window_hours: 24,
                    floor_percent: 60,
                }),
            ),
        ];
        let told = |processor: &str, chip: Chip, why: &str| ToldPlace {
            processor: processor.into(),
            chip,
            why: why.into(),
        };
        Self {
            frame: Frame::sample(Section::Settings, "Settings"),
            version: 3,
            processors: vec![
                ProcessorCard::of(&here[0], tally(231, 240), address("stripe")),
                ProcessorCard::of(&here[1], tally(38, 44), address("eu")),
                ProcessorCard::of(&here[2], tally(0, 0), None),
            ],
            is_a_choice: true,
            rules: rules
                .iter()
                .map(|rule| RuleRow::of(rule, &here, Currency::EUR))
                .collect(),
            trial: Trial {
                amount: Field::of("50.00"),
                currency: Field::of("EUR"),
                country: Field::of("DE"),
                methods: methods(|method| method == PaymentMethod::Card),
                parts: false,
                told: Some(Told {
                    payment: "€50.00 by card to Germany".into(),
                    decides: "Rule 2, “Home”, is the first that fits, and decides.".into(),
                    places: vec![
                        told(
                            "stripe",
                            Chip::new(Tone::Ok, "Asked first"),
                            "Nothing speaks against it.",
                        ),
                        told(
                            "eu",
                            Chip::new(Tone::Quiet, "Not asked"),
                            &why(Why::NotReached, Some("stripe")),
                        ),
                        told(
                            "manual",
                            Chip::new(Tone::Quiet, "Not asked"),
                            "It takes another method.",
                        ),
                    ],
                    only_typed: false,
                }),
            },
            meanwhile: Vec::new(),
            unsaved: false,
            problems: Vec::new(),
        }
    }

    /// One processor, as most shops begin: nothing to decide, and still something to know.
    pub fn one() -> Self {
        let mut page = Self::sample();
        page.processors.remove(1);
        Self {
            is_a_choice: false,
            rules: Vec::new(),
            version: 0,
            trial: Trial {
                told: None,
                ..page.trial
            },
            ..page
        }
    }

    /// A colleague saved first, and one share is missing.
    pub fn refused() -> Self {
        let mut page = Self::sample();
        page.trial.told = None;
        page.rules[1].who_error = Some("The shares are at least 1 and make 100, not 80.".into());
        page.rules[1].who[1].percent = Field::default();
        Self {
            version: 4,
            meanwhile: vec!["New “Yen”: Payments in JPY ask stripe.".into()],
            unsaved: true,
            problems: vec![
                Wrong::stale(),
                Wrong::new(
                    "rule-who-2",
                    "Rule 2, who is asked: The shares are at least 1 and make 100, not 80.",
                ),
            ],
            ..page
        }
    }
}
