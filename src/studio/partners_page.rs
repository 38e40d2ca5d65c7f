//! Partners: everyone who is paid, and the contracts that say how much.

use askama::Template;

use super::field::{Choice, Field, Problem};
use super::frame::{Chip, Frame, Section, Tone};

pub struct PartyRow {
    pub name: String,
    pub mark: String,
    pub role: String,
    pub email: String,
    pub state: Chip,
    pub earned: String,
    pub owed: String,
    /// "In 2 contracts".
    pub contracts: String,
}

pub struct ContractRow {
    pub name: String,
    pub link: String,
    pub version: String,
    /// "Lina keeps the rest · Jonas 20 % · Hawker 5 %".
    pub summary: String,
    pub products: String,
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

impl PartnersPage {
    pub fn sample() -> Self {
        let party = |name: &str, role: &str, email: &str, state: Chip, sums: [&str; 3]| PartyRow {
            name: name.into(),
            mark: name.chars().take(1).collect(),
            role: role.into(),
            email: email.into(),
            state,
            earned: sums[0].into(),
            owed: sums[1].into(),
            contracts: sums[2].into(),
        };
        let ready = || Chip::new(Tone::Ok, "Ready to be paid");
        Self {
            frame: Frame::sample(Section::Partners, "Partners"),
            parties: vec![
                party(
                    "Lina Haddad",
                    "Creator",
                    "lina@nour-ceramics.example",
                    ready(),
                    ["€6,410.66", "€6,410.66", "In 2 contracts"],
                ),
                party(
                    "Jonas Weber",
                    "Co-creator",
                    "jonas@weberfilm.example",
                    ready(),
                    ["€1,760.41", "€1,760.41", "In 1 contract"],
                ),
                party(
                    "Spree Parcel",
                    "Delivery partner",
                    "desk@spreeparcel.example",
                    Chip::new(Tone::Warn, "Bank details missing"),
                    ["€611.29", "€611.29", "In 1 contract"],
                ),
                party(
                    "Hawker",
                    "Platform",
                    "",
                    ready(),
                    ["€440.03", "€440.03", "In 2 contracts"],
                ),
            ],
            contracts: vec![
                ContractRow {
                    name: "Studio pieces".into(),
                    link: "/studio/nour/partners/contracts/ctr_studio".into(),
                    version: "Version 3".into(),
                    summary: "Hawker 5 % · Jonas 20 % · Spree Parcel the delivery price · Lina the rest".into(),
                    products: "4 products".into(),
                },
                ContractRow {
                    name: "Only me".into(),
                    link: "/studio/nour/partners/contracts/ctr_solo".into(),
                    version: "Version 1".into(),
                    summary: "Hawker 5 % · Lina the rest".into(),
                    products: "2 products".into(),
                },
            ],
            new_name: Field::default(),
            new_email: Field::default(),
            roles: vec![
                Choice::chosen("creator", "Creator"),
                Choice::new("brand", "Brand"),
                Choice::new("fulfilment", "Fulfilment partner"),
                Choice::new("courier", "Courier"),
                Choice::new("affiliate", "Affiliate"),
            ],
            problems: Vec::new(),
        }
    }

    pub fn empty() -> Self {
        let mut page = Self::sample();
        page.frame = Frame::sample_first_day(Section::Partners, "Partners");
        page.parties.truncate(1);
        page.parties[0].earned = "€0.00".into();
        page.parties[0].owed = "€0.00".into();
        page.parties[0].contracts = "In no contract yet".into();
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
