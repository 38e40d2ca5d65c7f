//! Partners: everyone who is paid, and the contracts that say how much.

use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::http::{Form, NewId, Problem as Refused, Query, page, redirect};
use crate::identity::{Analyst, Owner, Shop, Staff, shop};
use crate::kernel::{Error, Kind, PartyId, Rate, Result, words};
use crate::partners::{self, Contract, NewParty, Part, Party, PartyKind};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::field::{Choice, Field, Problem, refusable};
use super::frame::{Chip, Frame, Section, Tone, mark};
use super::settings_shop_page::After;
use super::typed::Typed;

pub struct PartyRow {
    pub name: String,
    pub mark: String,
    pub role: String,
    pub email: String,
    pub state: Chip,
    /// "in 2 contracts".
    pub contracts: String,
}

pub struct ContractRow {
    pub name: String,
    pub link: String,
    pub version: String,
    /// "Lina keeps the rest · Jonas 20 % · Hawker 5 %".
    pub summary: String,
}

#[derive(Template)]
#[template(path = "studio/partners.html")]
pub struct PartnersPage {
    pub frame: Frame,
    pub parties: Vec<PartyRow>,
    pub contracts: Vec<ContractRow>,
    pub new_name: Field,
    pub new_email: Field,
    pub roles: Vec<Choice>,
    pub problems: Vec<Problem>,
}

/// What the page reads, in one snapshot.
struct Desk {
    shop: Shop,
    parties: Vec<Party>,
    contracts: Vec<Contract>,
}

/// Parties and contracts on the page; a shop with more is not a shop.
const MOST: i64 = 200;

fn read(tx: &mut Tx<'_>, staff: &Staff) -> Result<Desk> {
    Ok(Desk {
        shop: shop(tx, staff.shop)?,
        parties: partners::parties(tx, staff.shop, None, MOST)?.data,
        contracts: partners::contracts(tx, staff.shop, None, MOST)?.data,
    })
}

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Query(after): Query<After>,
) -> std::result::Result<Response, Refused> {
    let who = staff.0.clone();
    let desk = app.db.read(move |tx| read(tx, &who)).await?;
    let mut partners = PartnersPage::of(&desk, &staff);
    partners.frame = partners.frame.after(after.done.as_deref());
    page(&partners)
}

/// Where the fields of a refusal stand on the page.
const PLACES: [(&str, &str, &str); 2] = [("/name", "new-name", "Name"), ("/email", "new-email", "Mail address")];

/// Adds a partner, or comes back with what was typed.
pub async fn save(
    State(app): State<App>,
    owner: Owner,
    new_id: NewId,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Refused> {
    let who = owner.0.clone();
    let new = NewParty {
        kind: typed.id("role").unwrap_or(PartyKind::Creator),
        name: typed.one("name").into(),
        email: typed.one("email").into(),
    };
    let (outcome, desk) = app
        .db
        .write(LaneKey::of(owner.shop), move |tx| {
            let outcome = refusable(partners::add_party(tx, who.shop, new_id.get(), &new))?;
            Ok((outcome, read(tx, &who)?))
        })
        .await?;
    match outcome {
        Ok(_) => Ok(redirect(&format!("/studio/{}/partners?done=saved", desk.shop.slug))),
        Err(error) if error.kind == Kind::Invalid => {
            let mut again = PartnersPage::of(&desk, &owner);
            again.keep(&typed, &error);
            page(&again)
        }
        Err(error) => Err(error.into()),
    }
}

/// A contract in one line: "Jonas 20 % · Hawker 5 % · Lina the rest".
fn summary(contract: &Contract, parties: &[Party]) -> String {
    let name = |id: PartyId| {
        parties
            .iter()
            .find(|party| party.id == id)
            .map_or("someone", |party| party.name.as_str())
    };
    let terms = &contract.terms;
    let mut parts: Vec<String> = terms
        .shares
        .iter()
        .map(|share| match share.part {
            Part::Portion(portion) => format!("{} {}", name(share.party), words::percent(Rate(portion))),
            Part::Fixed(amount) => format!("{} {} a piece", name(share.party), words::money(amount.into())),
        })
        .collect();
    if let Some(fee) = terms.fulfilment {
        parts.push(format!(
            "{} {} a piece for packing",
            name(fee.party),
            words::money(fee.per_unit.into())
        ));
    }
    if terms.platform_fee_bp > 0 {
        parts.push(format!("Platform {}", words::percent(Rate(terms.platform_fee_bp))));
    }
    if let Some(party) = terms.delivery {
        parts.push(format!("{} the delivery price", name(party)));
    }
    parts.push(format!("{} the rest", name(terms.remainder)));
    parts.join(" · ")
}

/// What a party can be.
pub(super) fn kind_name(kind: PartyKind) -> &'static str {
    match kind {
        PartyKind::Creator => "Creator",
        PartyKind::Brand => "Brand",
        PartyKind::Fulfilment => "Fulfilment partner",
        PartyKind::Courier => "Courier",
        PartyKind::Affiliate => "Affiliate",
        PartyKind::Platform => "Platform",
    }
}

fn roles(chosen: PartyKind) -> Vec<Choice> {
    let offered = PartyKind::ALL.iter().filter(|kind| **kind != PartyKind::Platform);
    offered
        .map(|kind| Choice {
            chosen: *kind == chosen,
            ..Choice::new(kind.word(), kind_name(*kind))
        })
        .collect()
}

impl PartnersPage {
    fn of(desk: &Desk, staff: &Staff) -> Self {
        let frame = Frame::of(&desk.shop, staff, Section::Partners, "Partners");
        let base = frame.to(&Section::Partners);
        let party = |party: &Party| {
            let contracts = desk
                .contracts
                .iter()
                .filter(|contract| contract.terms.parties().contains(&party.id))
                .count();
            PartyRow {
                name: party.name.clone(),
                mark: mark(&party.name),
                role: kind_name(party.kind).into(),
                email: party.email.clone(),
                state: if party.email.is_empty() {
                    Chip::new(Tone::Warn, "No mail address")
                } else {
                    Chip::new(Tone::Ok, "Ready")
                },
                contracts: if contracts == 0 {
                    "in no contract yet".into()
                } else {
                    format!("in {}", words::count(contracts as u64, "contract", "contracts"))
                },
            }
        };
        let contract = |contract: &Contract| ContractRow {
            name: contract.name.clone(),
            link: format!("{base}/contracts/{}", contract.id),
            version: format!("Version {}", contract.version),
            summary: summary(contract, &desk.parties),
        };
        Self {
            parties: desk.parties.iter().map(party).collect(),
            contracts: desk.contracts.iter().map(contract).collect(),
            new_name: Field::default(),
            new_email: Field::default(),
            roles: roles(PartyKind::Creator),
            problems: Vec::new(),
            frame,
        }
    }

    /// Keeps what was typed beside what was refused.
    fn keep(&mut self, typed: &Typed, error: &Error) {
        self.new_name = Field::judged(typed.one("name"), error, "/name");
        self.new_email = Field::judged(typed.one("email"), error, "/email");
        self.roles = roles(typed.id("role").unwrap_or(PartyKind::Creator));
        self.problems = Problem::all(error, &PLACES);
    }

    pub fn sample() -> Self {
        let party = |name: &str, role: &str, email: &str, state: Chip, contracts: &str| PartyRow {
            name: name.into(),
            mark: mark(name),
            role: role.into(),
            email: email.into(),
            state,
            contracts: contracts.into(),
        };
        let ready = || Chip::new(Tone::Ok, "Ready");
        Self {
            frame: Frame::sample(Section::Partners, "Partners"),
            parties: vec![
                party(
                    "Lina Haddad",
                    "Creator",
                    "lina@nour-ceramics.example",
                    ready(),
                    "in 2 contracts",
                ),
                party(
                    "Jonas Weber",
                    "Co-creator",
                    "jonas@weberfilm.example",
                    ready(),
                    "in 1 contract",
                ),
                party(
                    "Spree Parcel",
                    "Delivery partner",
                    "desk@spreeparcel.example",
                    Chip::new(Tone::Warn, "Bank details missing"),
                    "in 1 contract",
                ),
                party("Hawker", "Platform", "", ready(), "in 2 contracts"),
            ],
            contracts: vec![
                ContractRow {
                    name: "Studio pieces".into(),
                    link: "/studio/nour/partners/contracts/ctr_studio".into(),
                    version: "Version 3".into(),
                    summary: "Hawker 5 % · Jonas 20 % · Spree Parcel the delivery price · Lina the rest".into(),
                },
                ContractRow {
                    name: "Only me".into(),
                    link: "/studio/nour/partners/contracts/ctr_solo".into(),
                    version: "Version 1".into(),
                    summary: "Hawker 5 % · Lina the rest".into(),
                },
            ],
            new_name: Field::default(),
            new_email: Field::default(),
            roles: roles(PartyKind::Creator),
            problems: Vec::new(),
        }
    }

    pub fn empty() -> Self {
        let mut page = Self::sample();
        page.frame = Frame::sample_first_day(Section::Partners, "Partners");
        page.parties.truncate(1);
        page.parties[0].contracts = "in no contract yet".into();
        page.contracts.clear();
        page
    }

    pub fn refused() -> Self {
        Self {
            new_name: Field::of("Mara Klein"),
            new_email: Field::wrong("mara@", "The mail address stops after the @."),
            problems: vec![Problem::new(
                "new-email",
                "The partner was not added: the mail address is not complete.",
            )],
            ..Self::sample()
        }
    }
}
