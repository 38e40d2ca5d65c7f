//! One sale as a flow: what the buyer paid and who got which part of it, in real widths.

use askama::Template;

use super::chart::{Flow, Leg, LegKind};
use super::frame::{Frame, Section, When};

/// One part of the sale and the rule it came from.
pub struct SaleLeg {
    pub kind: LegKind,
    pub name: String,
    /// "20 % of net items, contract Studio pieces, version 3".
    pub rule: String,
    pub share: String,
    pub amount: String,
    /// What was given back by refunds, and what stays.
    pub given_back: String,
    pub stays: String,
}

#[derive(Template)]
#[template(path = "studio/sale.html")]
pub struct SalePage {
    pub frame: Frame,
    pub number: String,
    pub order_link: String,
    pub buyer: String,
    pub at: When,
    /// Shown until the money is really taken.
    pub expected: bool,
    pub total: String,
    pub flow: Flow,
    pub legs: Vec<SaleLeg>,
    pub csv: String,
    pub contract: String,
    pub contract_link: String,
}

impl SalePage {
    pub fn sample() -> Self {
        let leg = |kind, name: &str, rule: &str, share: &str, amount: &str| SaleLeg {
            kind,
            name: name.into(),
            rule: rule.into(),
            share: share.into(),
            amount: amount.into(),
            given_back: "€0.00".into(),
            stays: amount.into(),
        };
        Self {
            frame: Frame::sample(Section::Money, "Sale 1044"),
            number: "1044".into(),
            order_link: "/studio/nour/orders/ord_01jd4a1b2c3d4e5f6g7h8j1044".into(),
            buyer: "Amira Saleh, Wien".into(),
            at: When::new("2 h ago", "21 November 2026, 14:10:31", "2026-11-21T14:10:31Z"),
            expected: false,
            total: "€74.90".into(),
            flow: sample_flow(),
            legs: vec![
                leg(
                    LegKind::Creator,
                    "Lina Haddad",
                    "What is left of net items after everyone else",
                    "57.2 %",
                    "€42.82",
                ),
                leg(
                    LegKind::Creator,
                    "Jonas Weber",
                    "20 % of net items (€58.82)",
                    "15.7 %",
                    "€11.76",
                ),
                leg(
                    LegKind::Tax,
                    "Value added tax",
                    "19 %, line by line",
                    "16.0 %",
                    "€11.96",
                ),
                leg(
                    LegKind::Partner,
                    "Spree Parcel",
                    "All of the net delivery price",
                    "5.5 %",
                    "€4.12",
                ),
                leg(LegKind::Platform, "Hawker", "5 % of net items", "3.9 %", "€2.94"),
                leg(
                    LegKind::Processor,
                    "Sandbox",
                    "1.4 % of the total and €0.25, an estimate until the processor's statement",
                    "1.7 %",
                    "€1.30",
                ),
            ],
            csv: "/studio/nour/money/sales/ord_01jd4a1b2c3d4e5f6g7h8j1044.csv".into(),
            contract: "Studio pieces, version 3".into(),
            contract_link: "/studio/nour/partners/contracts/ctr_studio".into(),
        }
    }

    /// Authorized but not shipped: the same picture, said as what will happen.
    pub fn expected() -> Self {
        Self {
            expected: true,
            ..Self::sample()
        }
    }
}

/// The sample sale, also shown on its order.
pub fn sample_flow() -> Flow {
    Flow {
        title: "Where the €74.90 of sale 1044 went: €42.82 to Lina Haddad, €11.76 to Jonas Weber, €11.96 tax, €4.12 to Spree Parcel, €2.94 to Hawker, €1.30 to the processor".into(),
        source: "Amira paid".into(),
        source_amount: "€74.90".into(),
        legs: vec![
            Leg::new(LegKind::Creator, "Lina Haddad", 4282, "€42.82", "57.2 %"),
            Leg::new(LegKind::Creator, "Jonas Weber", 1176, "€11.76", "15.7 %"),
            Leg::new(LegKind::Tax, "Value added tax", 1196, "€11.96", "16.0 %"),
            Leg::new(LegKind::Partner, "Spree Parcel", 412, "€4.12", "5.5 %"),
            Leg::new(LegKind::Platform, "Hawker", 294, "€2.94", "3.9 %"),
            Leg::new(LegKind::Processor, "Sandbox", 130, "€1.30", "1.7 %"),
        ],
    }
}

/// A month of sales together, for the money page.
pub fn sample_month_flow() -> Flow {
    Flow {
        title: "Where the €11,204.30 of November went".into(),
        source: "Buyers paid".into(),
        source_amount: "€11,204.30".into(),
        legs: vec![
            Leg::new(LegKind::Creator, "Lina Haddad", 641_066, "€6,410.66", "57.2 %"),
            Leg::new(LegKind::Creator, "Jonas Weber", 176_041, "€1,760.41", "15.7 %"),
            Leg::new(LegKind::Tax, "Value added tax", 178_880, "€1,788.80", "16.0 %"),
            Leg::new(LegKind::Partner, "Spree Parcel", 61_129, "€611.29", "5.5 %"),
            Leg::new(LegKind::Platform, "Hawker", 44_003, "€440.03", "3.9 %"),
            Leg::new(LegKind::Processor, "Sandbox", 19_311, "€193.11", "1.7 %"),
        ],
    }
}
