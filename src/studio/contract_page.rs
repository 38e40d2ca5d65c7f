//! A split contract: who earns what of a sale. Every change is a new version; sales keep the version they were made under.
//!
//! The worked example is computed by the ledger's own allocator on the server: the form asks this page again with its fields as a query,
//! so that what the creator reads is to the cent what will be booked.

use askama::Template;

use super::chart::{Flow, LegKind};
use super::field::{Choice, Field, Problem};
use super::frame::{Frame, Section, When};
use super::sale_page;

/// One party's part. Rows are sent as repeated fields in the same order; the order is also the order of leftover cents.
pub struct ShareRow {
    pub parties: Vec<Choice>,
    /// `portion`, `fixed`, `delivery` or `remainder`.
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
    pub sales: String,
}

#[derive(Template)]
#[template(path = "studio/contract.html")]
pub struct ContractPage {
    pub frame: Frame,
    pub version: u32,
    pub name: Field,
    pub currency: String,
    pub shares: Vec<ShareRow>,
    pub example: Option<Example>,
    pub history: Vec<PastVersion>,
    pub problems: Vec<Problem>,
}

impl ContractPage {
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
            currency: "EUR".into(),
            shares: vec![
                sample_share("pty_hawker", "portion", "5"),
                sample_share("pty_jonas", "portion", "20"),
                sample_share("pty_spree", "delivery", ""),
                sample_share("pty_lina", "remainder", ""),
            ],
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
                    sales: "61 sales".into(),
                },
                PastVersion {
                    version: "Version 2".into(),
                    summary: "Spree Parcel gets the delivery price".into(),
                    since: When::new("since 14 September", "14 September 2026, 09:21", "2026-09-14T09:21:00Z"),
                    sales: "44 sales".into(),
                },
                PastVersion {
                    version: "Version 1".into(),
                    summary: "Jonas 15 %, Lina the rest".into(),
                    since: When::new("since 1 September", "1 September 2026, 08:00", "2026-09-01T08:00:00Z"),
                    sales: "23 sales".into(),
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
            shares: vec![
                sample_share("pty_hawker", "portion", "5"),
                sample_share("pty_lina", "remainder", ""),
            ],
            example: None,
            history: Vec::new(),
            ..Self::sample()
        }
    }

    pub fn refused() -> Self {
        let mut page = Self::sample();
        page.shares[1].value = Field::wrong(
            "97",
            "The portions add up to 102 %. Together they may take 100 % at most.",
        );
        page.example = None;
        page.problems = vec![Problem::new(
            "value-2",
            "The portions add up to 102 %; 100 % is everything there is.",
        )];
        page
    }
}

fn sample_share(party: &str, rule: &str, value: &str) -> ShareRow {
    let parties = [
        ("pty_hawker", "Hawker"),
        ("pty_jonas", "Jonas Weber"),
        ("pty_spree", "Spree Parcel"),
        ("pty_lina", "Lina Haddad"),
    ];
    let rules = [
        ("portion", "% of net items"),
        ("fixed", "Fixed amount a sale"),
        ("delivery", "Delivery, net"),
        ("remainder", "The rest"),
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
        rules: choose(&rules, rule),
        value: Field::of(value),
    }
}
