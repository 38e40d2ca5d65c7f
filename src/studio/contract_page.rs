//! A split contract: who earns what of a sale. Every change is a new version; sales keep the version they were made under.
//!
//! The worked example is computed by the ledger's own allocator on the server: the form asks this page again with its fields as a query,
//! so that what the creator reads is to the cent what will be booked.

use super::chart::Leg as Ribbon;
use super::typed::{Typed, decimal};
use crate::app::App;
use crate::catalog::TaxCategory;
use crate::db::{LaneKey, Tx};
use crate::http::{Form, NewId, Path, Problem as Refused, Query, page, redirect};
use crate::identity::{Analyst, Creator, Shop, Staff, shop};
use crate::kernel::{ContractId, Error, Id, Money, MoneyOut, PartyId, Rate, Result, Time, words};
use crate::partners::{
    self, Agree, Bearer, Contract, ContractVersion, Earner, FulfilmentFee, Part, Party, PartyKind, Purpose, Share,
    Terms, delivery_leg, legs,
};
use crate::taxes;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::chart::{Flow, LegKind};
use super::field::{Choice, Field, Problem, refusable};
use super::frame::{Frame, Section};
use super::sale_page;
use super::when::When;

/// One party's part. Rows are sent as repeated fields in the same order; the order is also the order of leftover cents.
pub struct ShareRow {
    pub parties: Vec<Choice>,
    /// One of [`RULES`].
    pub rules: Vec<Choice>,
    /// Percent or an amount; unused by the remainder.
    pub value: Field,
}

/// One line of the worked example.
pub struct ExampleLeg {
    pub kind: LegKind,
    pub name: String,
    pub reckoning: String,
    pub amount: String,
}

pub struct Example {
    pub price: Field,
    pub delivery: Field,
    pub flow: Flow,
    pub legs: Vec<ExampleLeg>,
    pub total: String,
    /// "Nothing is lost: the parts add up to €74.90."
    pub proof: String,
}

pub struct PastVersion {
    pub version: String,
    pub summary: String,
    pub since: When,
}

#[derive(Template)]
#[template(path = "studio/contract.html")]
pub struct ContractPage {
    pub frame: Frame,
    pub version: i64,
    pub name: Field,
    pub shares: Vec<ShareRow>,
    pub platform_fee: Field,
    pub bearers: Vec<Choice>,
    pub example: Option<Example>,
    pub history: Vec<PastVersion>,
    pub problems: Vec<Problem>,
}

/// How a row earns: the word in the form, and what a person reads.
const RULES: [(&str, &str); 5] = [
    ("portion", "% of net items"),
    ("fixed", "Amount a piece"),
    ("packing", "Amount a piece, for packing"),
    ("delivery", "Delivery, net"),
    ("remainder", "The rest"),
];

/// What the page reads, in one snapshot.
struct Desk {
    shop: Shop,
    parties: Vec<Party>,
    contract: Option<Contract>,
    versions: Vec<ContractVersion>,
    /// Of the shop's own country, for the worked example.
    rate: Rate,
    now: Time,
}

/// Parties in the menus.
const PARTIES: i64 = 200;

fn read(tx: &mut Tx<'_>, staff: &Staff, id: Option<ContractId>) -> Result<Desk> {
    let shop = shop(tx, staff.shop)?;
    let (contract, versions) = match id {
        Some(id) => {
            let contract = partners::contract(tx, shop.id, id)?.ok_or_else(|| Error::not_found("contract"))?;
            (Some(contract), partners::versions(tx, shop.id, id)?)
        }
        None => (None, Vec::new()),
    };
    Ok(Desk {
        parties: partners::parties(tx, shop.id, None, PARTIES)?.data,
        rate: taxes::rate(tx, shop.id, &shop.country, TaxCategory::Standard)?,
        now: tx.now(),
        shop,
        contract,
        versions,
    })
}

/// A contract nobody has written yet; a query is the form, asking for its example.
pub async fn show_new(
    State(app): State<App>,
    staff: Creator,
    Query(typed): Query<Typed>,
) -> std::result::Result<Response, Refused> {
    shown(&app, &staff, None, &typed).await
}

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Path((_, id)): Path<(String, ContractId)>,
    Query(typed): Query<Typed>,
) -> std::result::Result<Response, Refused> {
    shown(&app, &staff, Some(id), &typed).await
}

async fn shown(
    app: &App,
    staff: &Staff,
    id: Option<ContractId>,
    typed: &Typed,
) -> std::result::Result<Response, Refused> {
    let who = staff.clone();
    let desk = app.db.read(move |tx| read(tx, &who, id)).await?;
    let mut contract = ContractPage::of(&desk, staff);
    if typed.all("party").next().is_some() {
        let outcome = terms(typed, &desk.shop);
        contract.keep(typed, &desk, outcome.as_ref().err());
        // Half a contract is no mistake while it is being typed: there is only no example yet.
        contract.problems.clear();
    }
    page(&contract)
}

pub async fn save_new(
    State(app): State<App>,
    staff: Creator,
    new_id: NewId,
    form: Form<Typed>,
) -> std::result::Result<Response, Refused> {
    keep(app, staff, None, new_id, form).await
}

pub async fn save(
    State(app): State<App>,
    staff: Creator,
    Path((_, id)): Path<(String, ContractId)>,
    new_id: NewId,
    form: Form<Typed>,
) -> std::result::Result<Response, Refused> {
    keep(app, staff, Some(id), new_id, form).await
}

async fn keep(
    app: App,
    staff: Creator,
    id: Option<ContractId>,
    new_id: NewId,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Refused> {
    let (who, given) = (staff.0.clone(), typed.clone());
    let (outcome, desk) = app
        .db
        .write(LaneKey::of(staff.shop), move |tx| {
            let desk = read(tx, &who, id)?;
            if given.one("do") != "save" {
                return Ok((None, desk));
            }
            let here = (desk.shop.id, desk.shop.currency);
            let outcome = terms(&given, &desk.shop).and_then(|terms| match id {
                Some(id) => partners::revise(tx, here, id, given.version(), &terms),
                None => partners::draw_up(tx, here, new_id.get(), given.one("name"), &terms),
            });
            Ok((Some(refusable(outcome)?), desk))
        })
        .await?;
    let mut again = ContractPage::of(&desk, &staff);
    match outcome {
        Some(Ok(Agree::Agreed(contract))) => {
            let place = format!("/studio/{}/partners/contracts/{}", desk.shop.slug, contract.id);
            return Ok(redirect(&place));
        }
        Some(Ok(Agree::NotFound)) => return Err(Error::not_found("contract").into()),
        Some(Ok(Agree::Stale(_))) => {
            again.keep(&typed, &desk, None);
            again.problems = vec![Problem::stale()];
        }
        Some(Ok(Agree::Unfit(unfit))) => {
            again.keep(&typed, &desk, None);
            again.example = None;
            again.problems = vec![Problem::new("main", &unfit.detail())];
        }
        Some(Err(error)) => again.keep(&typed, &desk, Some(&error)),
        None => {
            again.keep(&typed, &desk, None);
            again
                .shares
                .push(ShareRow::new(&desk.parties, "", "portion", Field::default()));
        }
    }
    page(&again)
}

/// The rows as terms. Errors: `invalid_field` for a number that is none, and for no or two rows that take the rest.
fn terms(typed: &Typed, shop: &Shop) -> Result<Terms> {
    let mut terms = Terms {
        shares: Vec::new(),
        remainder: PartyId::from_uuid(uuid::Uuid::nil()),
        processor_fee: match typed.one("bearer") {
            "platform" => Bearer::Platform,
            "everyone" => Bearer::Everyone,
            _ => Bearer::Remainder,
        },
        platform_fee_bp: basis_points("/platform_fee", typed.one("platform_fee"))?,
        fulfilment: None,
        delivery: None,
    };
    let mut rests = 0;
    for at in 0..typed.all("party").count() {
        let (rule, value) = (typed.row("rule", at), typed.row("value", at));
        let Ok(party) = typed.row("party", at).parse::<PartyId>() else {
            continue;
        };
        let pointer = format!("/value/{at}");
        let amount = || -> Result<MoneyOut> {
            let minor = decimal(value, shop.currency.exponent() as usize);
            minor
                .map(|minor| Money::new(minor, shop.currency).into())
                .ok_or_else(|| Error::field(pointer.clone(), "Write the amount as a number, such as 2.50."))
        };
        match rule {
            "portion" => terms.shares.push(Share {
                party,
                part: Part::Portion(basis_points(pointer.clone(), value)?),
            }),
            "fixed" => terms.shares.push(Share {
                party,
                part: Part::Fixed(amount()?),
            }),
            "packing" => {
                terms.fulfilment = Some(FulfilmentFee {
                    party,
                    per_unit: amount()?,
                })
            }
            "delivery" => terms.delivery = Some(party),
            _ => {
                terms.remainder = party;
                rests += 1;
            }
        }
    }
    match rests {
        1 => Ok(terms),
        0 => Err(Error::field(
            "/rows",
            "One party takes the rest. Give one row “The rest”.",
        )),
        _ => Err(Error::field("/rows", "Only one party can take the rest.")),
    }
}

fn basis_points(pointer: impl Into<std::borrow::Cow<'static, str>>, percent: &str) -> Result<u32> {
    let percent = if percent.is_empty() { "0" } else { percent };
    decimal(percent, 2)
        .and_then(|points| u32::try_from(points).ok())
        .ok_or_else(|| Error::field(pointer, "Write the percentage as a number, such as 20 or 12.5."))
}

/// A sale of one piece under these terms, reckoned by the same functions that a real sale freezes.
fn example(terms: &Terms, desk: &Desk, typed: &Typed) -> Option<Example> {
    let digits = desk.shop.currency.exponent() as usize;
    let first = |name: &str, minor: i64| {
        if typed.one(name).is_empty() {
            Some(minor)
        } else {
            decimal(typed.one(name), digits)
        }
    };
    let (price, delivery) = (first("example_price", 5000)?, first("example_delivery", 490)?);
    let inclusive = desk.shop.prices_include_tax;
    let (items, parcel) = (
        taxes::line(price, desk.rate, inclusive),
        taxes::line(delivery, desk.rate, inclusive),
    );
    let total = items.gross + parcel.gross;
    let money = |minor: i64| words::money(Money::new(minor, desk.shop.currency));
    let mut parts: Vec<(LegKind, String, String, i64)> = Vec::new();
    for leg in legs(Some(terms), Money::new(items.net, desk.shop.currency), 1)
        .into_iter()
        .chain(delivery_leg(Some(terms), parcel.net))
    {
        let (kind, name) = earner(leg.to, desk);
        let reckoning = match leg.purpose {
            Purpose::Share | Purpose::PlatformFee => format!("part of {} net", money(items.net)),
            Purpose::Fixed => "fixed amount a piece".into(),
            Purpose::Fulfilment => "packing, a piece".into(),
            Purpose::Remainder => "what is left".into(),
            Purpose::Delivery => format!("delivery {} − {} tax", money(parcel.gross), money(parcel.tax)),
        };
        parts.push((kind, name, reckoning, leg.minor));
    }
    if items.tax + parcel.tax > 0 {
        parts.push((
            LegKind::Tax,
            "Tax".into(),
            format!("{} of items and delivery", words::percent(desk.rate)),
            items.tax + parcel.tax,
        ));
    }
    parts.sort_by_key(|(.., minor)| std::cmp::Reverse(*minor));
    let share = |minor: i64| {
        format!(
            "{}.{} %",
            minor * 1000 / total.max(1) / 10,
            minor * 1000 / total.max(1) % 10
        )
    };
    let ribbon = |(kind, name, _, minor): &(LegKind, String, String, i64)| {
        Ribbon::new(*kind, name, minor.unsigned_abs(), &money(*minor), &share(*minor))
    };
    let sum: i64 = parts.iter().map(|(.., minor)| minor).sum();
    Some(Example {
        price: Field::of(&words::decimal(Money::new(price, desk.shop.currency))),
        delivery: Field::of(&words::decimal(Money::new(delivery, desk.shop.currency))),
        flow: Flow {
            title: format!("Where {} of one sale would go", money(total)),
            source: "A buyer pays".into(),
            source_amount: money(total),
            legs: parts.iter().map(ribbon).collect(),
        },
        legs: parts
            .iter()
            .map(|(kind, name, reckoning, minor)| ExampleLeg {
                kind: *kind,
                name: name.clone(),
                reckoning: reckoning.clone(),
                amount: money(*minor),
            })
            .collect(),
        total: money(sum),
        proof: format!(
            "The parts add up to {}. What the processor charges comes off the rest when it is known.",
            money(sum)
        ),
    })
}

fn earner(to: Earner, desk: &Desk) -> (LegKind, String) {
    match to {
        Earner::Shop => (LegKind::Creator, desk.shop.name.clone()),
        Earner::Platform => (LegKind::Platform, "Platform".into()),
        Earner::Party(id) => {
            let party = desk.parties.iter().find(|party| party.id == id);
            let kind = match party.map(|party| party.kind) {
                Some(PartyKind::Fulfilment | PartyKind::Courier) => LegKind::Partner,
                Some(PartyKind::Platform) => LegKind::Platform,
                _ => LegKind::Creator,
            };
            (kind, party.map_or_else(|| "Someone".into(), |party| party.name.clone()))
        }
    }
}

impl ShareRow {
    fn new(parties: &[Party], party: &str, rule: &str, value: Field) -> Self {
        let choice = |other: &Party| Choice {
            chosen: other.id.to_string() == party,
            ..Choice::new(&other.id.to_string(), &other.name)
        };
        Self {
            parties: parties.iter().map(choice).collect(),
            rules: RULES
                .iter()
                .map(|(word, name)| Choice {
                    chosen: *word == rule,
                    ..Choice::new(word, name)
                })
                .collect(),
            value,
        }
    }

    /// The rows of terms, in the order in which a sale reads them.
    fn of(terms: &Terms, parties: &[Party]) -> Vec<Self> {
        let amount = |money: MoneyOut| words::decimal(money.into());
        let percent = |points: u32| words::percent(Rate(points)).trim_end_matches(" %").to_owned();
        let mut rows: Vec<(PartyId, &str, String)> = Vec::new();
        rows.extend(terms.fulfilment.map(|fee| (fee.party, "packing", amount(fee.per_unit))));
        rows.extend(terms.shares.iter().map(|share| match share.part {
            Part::Portion(points) => (share.party, "portion", percent(points)),
            Part::Fixed(money) => (share.party, "fixed", amount(money)),
        }));
        rows.extend(terms.delivery.map(|party| (party, "delivery", String::new())));
        rows.push((terms.remainder, "remainder", String::new()));
        rows.into_iter()
            .map(|(party, rule, value)| Self::new(parties, &party.to_string(), rule, Field::of(&value)))
            .collect()
    }
}

fn bearers(chosen: Bearer) -> Vec<Choice> {
    let word = match chosen {
        Bearer::Platform => "platform",
        Bearer::Everyone => "everyone",
        Bearer::Remainder | Bearer::Party(_) => "remainder",
    };
    let all = [
        ("remainder", "Whoever takes the rest"),
        ("everyone", "Everyone, in proportion"),
        ("platform", "The platform"),
    ];
    all.into_iter()
        .map(|(value, label)| Choice {
            chosen: value == word,
            ..Choice::new(value, label)
        })
        .collect()
}

impl ContractPage {
    fn of(desk: &Desk, staff: &Staff) -> Self {
        let name = desk.contract.as_ref().map_or("New contract", |contract| &contract.name);
        let frame = Frame::of(&desk.shop, staff, Section::Partners, name);
        let first = || desk.parties.first().map(|party| Terms::all_to(party.id));
        let terms = desk
            .contract
            .as_ref()
            .map(|contract| contract.terms.clone())
            .or_else(first);
        let past = |version: &ContractVersion| PastVersion {
            version: format!("Version {}", version.version),
            summary: words::count(version.terms.parties().len() as u64, "party", "parties"),
            since: When::of(version.created_at, desk.now),
        };
        Self {
            version: desk.contract.as_ref().map_or(0, |contract| contract.version),
            name: Field::of(desk.contract.as_ref().map_or("", |contract| &contract.name)),
            shares: terms
                .as_ref()
                .map(|terms| ShareRow::of(terms, &desk.parties))
                .unwrap_or_default(),
            platform_fee: Field::of(
                &terms
                    .as_ref()
                    .map(|terms| words::percent(Rate(terms.platform_fee_bp)))
                    .unwrap_or_default()
                    .replace(" %", ""),
            ),
            bearers: bearers(terms.as_ref().map_or(Bearer::Remainder, |terms| terms.processor_fee)),
            example: terms.as_ref().and_then(|terms| example(terms, desk, &Typed::default())),
            history: desk.versions.iter().map(past).collect(),
            problems: Vec::new(),
            frame,
        }
    }

    /// Keeps what was typed beside what is wrong with it, and reckons the example from it if it can.
    fn keep(&mut self, typed: &Typed, desk: &Desk, error: Option<&Error>) {
        let none = Error::invalid("kept", "");
        let judge = error.unwrap_or(&none);
        if self.version == 0 {
            self.name = Field::judged(typed.one("name"), judge, "/name");
        }
        self.platform_fee = Field::judged(typed.one("platform_fee"), judge, "/platform_fee");
        let row = |at: usize| {
            let value = Field::judged(typed.row("value", at), judge, &format!("/value/{at}"));
            ShareRow::new(&desk.parties, typed.row("party", at), typed.row("rule", at), value)
        };
        self.shares = (0..typed.all("party").count()).map(row).collect();
        self.example = terms(typed, &desk.shop)
            .ok()
            .filter(|terms| terms.fit(desk.shop.currency).is_ok())
            .and_then(|terms| example(&terms, desk, typed));
        if let Some(error) = error {
            let inputs: Vec<(String, String, String)> = (0..self.shares.len())
                .map(|at| {
                    (
                        format!("/value/{at}"),
                        format!("value-{}", at + 1),
                        format!("Part {}", at + 1),
                    )
                })
                .collect();
            let mut places = vec![
                ("/name", "name", "Name"),
                ("/platform_fee", "platform-fee", "The platform's fee"),
            ];
            places.extend(
                inputs
                    .iter()
                    .map(|(pointer, input, label)| (pointer.as_str(), input.as_str(), label.as_str())),
            );
            self.problems = Problem::all(error, &places);
        }
    }

    pub fn sample() -> Self {
        let leg = |kind, name: &str, reckoning: &str, amount: &str| ExampleLeg {
            kind,
            name: name.into(),
            reckoning: reckoning.into(),
            amount: amount.into(),
        };
        Self {
            frame: Frame::sample(Section::Partners, "Studio pieces"),
            version: 3,
            name: Field::of("Studio pieces"),
            shares: vec![
                sample_share("pty_jonas", "portion", "20"),
                sample_share("pty_spree", "delivery", ""),
                sample_share("pty_lina", "remainder", ""),
            ],
            platform_fee: Field::of("5"),
            bearers: bearers(Bearer::Remainder),
            example: Some(Example {
                price: Field::of("70.00"),
                delivery: Field::of("4.90"),
                flow: Flow {
                    source: "A buyer pays".into(),
                    ..sale_page::sample_flow()
                },
                legs: vec![
                    leg(LegKind::Creator, "Lina Haddad", "what is left", "€42.82"),
                    leg(LegKind::Creator, "Jonas Weber", "20 % × €58.82", "€11.76"),
                    leg(LegKind::Tax, "Value added tax", "€8.94 + €2.24 + €0.78", "€11.96"),
                    leg(LegKind::Partner, "Spree Parcel", "€4.90 − €0.78 tax", "€4.12"),
                    leg(LegKind::Platform, "Hawker", "5 % × €58.82", "€2.94"),
                    leg(LegKind::Processor, "Processor", "1.4 % × €74.90 + €0.25", "€1.30"),
                ],
                total: "€74.90".into(),
                proof: "The parts add up to €74.90, to the cent.".into(),
            }),
            history: vec![
                PastVersion {
                    version: "Version 3".into(),
                    summary: "Jonas 20 % instead of 15 %".into(),
                    since: When::new("since 2 November", "2 November 2026, 10:00", "2026-11-02T10:00:00Z"),
                },
                PastVersion {
                    version: "Version 2".into(),
                    summary: "Spree Parcel gets the delivery price".into(),
                    since: When::new("since 14 September", "14 September 2026, 09:21", "2026-09-14T09:21:00Z"),
                },
                PastVersion {
                    version: "Version 1".into(),
                    summary: "Jonas 15 %, Lina the rest".into(),
                    since: When::new("since 1 September", "1 September 2026, 08:00", "2026-09-01T08:00:00Z"),
                },
            ],
            problems: Vec::new(),
        }
    }

    pub fn empty() -> Self {
        Self {
            frame: Frame::sample_first_day(Section::Partners, "New contract"),
            version: 0,
            name: Field::default(),
            shares: vec![sample_share("pty_lina", "remainder", "")],
            example: None,
            history: Vec::new(),
            ..Self::sample()
        }
    }

    pub fn refused() -> Self {
        let mut page = Self::sample();
        page.shares[0].value = Field::wrong(
            "97",
            "The portions and the platform’s fee add up to 102 %. Together they may take 100 % at most.",
        );
        page.example = None;
        page.problems = vec![Problem::new(
            "value-1",
            "The portions add up to 102 %; 100 % is everything there is.",
        )];
        page
    }
}

fn sample_share(party: &str, rule: &str, value: &str) -> ShareRow {
    let parties = [
        ("pty_jonas", "Jonas Weber"),
        ("pty_spree", "Spree Parcel"),
        ("pty_lina", "Lina Haddad"),
    ];
    let choose = |choices: &[(&str, &str)], chosen: &str| {
        choices
            .iter()
            .map(|(value, label)| Choice {
                chosen: *value == chosen,
                ..Choice::new(value, label)
            })
            .collect()
    };
    ShareRow {
        parties: choose(&parties, party),
        rules: choose(&RULES, rule),
        value: Field::of(value),
    }
}
