//! Delivery, returns, imprint: what the shop promises, in its own words, as plain paragraphs.

use askama::Template;

use super::frame::{Frame, Head, Link, When};
use super::structured_data::{BreadcrumbList, Markup, Thing};

#[derive(Template)]
#[template(path = "storefront/policy.html")]
pub struct PolicyPage {
    pub frame: Frame,
    pub head: Head,
    pub title: String,
    pub updated: When,
    /// Rows that answer at a glance, before the words: "Germany, 2–3 days, €4.90".
    pub rows: Vec<PolicyRow>,
    pub row_heads: Vec<String>,
    pub sections: Vec<PolicySection>,
    pub others: Vec<Link>,
}

pub struct PolicyRow {
    pub cells: Vec<String>,
}

pub struct PolicySection {
    pub heading: String,
    pub paragraphs: Vec<String>,
}

impl PolicyPage {
    pub fn sample() -> Self {
        let page = "https://shop.example/s/loam-and-ink/policies/shipping";
        let section = |heading: &str, paragraphs: &[&str]| PolicySection {
            heading: heading.into(),
            paragraphs: paragraphs.iter().map(|text| (*text).into()).collect(),
        };
        let row = |cells: [&str; 4]| PolicyRow {
            cells: cells.map(Into::into).into(),
        };
        let crumbs = BreadcrumbList::new([
            ("Loam & Ink", "https://shop.example/s/loam-and-ink"),
            ("Delivery", page),
        ]);
        Self {
            frame: Frame::sample(),
            head: Head {
                title: "Delivery · Loam & Ink".into(),
                description: "Where Loam & Ink delivers, how long it takes and what it costs.".into(),
                canonical: page.into(),
                kind: "website",
                picture: None,
                markup: Markup::new(&[Thing::Breadcrumbs(crumbs)]),
                listed: true,
            },
            title: "Delivery".into(),
            updated: When::new("2026-11-02T10:00:00Z", "19 days ago", "2 November 2026, 11:00"),
            row_heads: ["To", "By", "Arrives in", "Costs"].map(Into::into).into(),
            rows: vec![
                row(["Germany", "Parcel", "2–3 days", "€4.90"]),
                row(["Germany", "Express", "1 day", "€12.00"]),
                row(["Austria, Netherlands", "Parcel", "3–5 days", "€9.90"]),
            ],
            sections: vec![
                section(
                    "When it leaves",
                    &[
                        "Everything leaves the studio within two working days. Your card is charged when the parcel leaves, not before.",
                    ],
                ),
                section(
                    "How it is packed",
                    &[
                        "In wood wool and paper, in a box that has been used before.",
                        "If something breaks on the way, send a photograph within a week and we throw it again for you.",
                    ],
                ),
            ],
            others: vec![
                Link::new("Returns", "/s/loam-and-ink/policies/returns"),
                Link::new("Imprint", "/s/loam-and-ink/policies/imprint"),
            ],
        }
    }
}
