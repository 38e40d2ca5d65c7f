//! Delivery, returns, imprint: what the shop promises, in its own words, as plain paragraphs.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::frame::{Frame, Head, Link, When};
use super::front::{Front, paragraphs, public, when};
use super::structured_data::{BreadcrumbList, Markup, Thing};
use crate::app::App;
use crate::delivery::{self, Method, Zone, ZoneMethods};
use crate::http::{Path, Problem};
use crate::kernel::words;

#[derive(Template)]
#[template(path = "storefront/policy.html")]
pub struct PolicyPage {
    pub frame: Frame,
    pub head: Head,
    pub title: String,
    /// Known while the shop's settings are as they were at first.
    pub updated: Option<When>,
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

crate::words! {
    /// What a shop has to say before anyone buys.
    pub enum Policy {
        Returns = "returns",
        Shipping = "shipping",
        Imprint = "imprint",
    }
}

impl Policy {
    fn title(self) -> &'static str {
        match self {
            Self::Returns => "Returns",
            Self::Shipping => "Delivery",
            Self::Imprint => "Imprint",
        }
    }
}

/// One policy of the shop.
pub async fn show(
    State(app): State<App>,
    front: Front,
    Path((_, policy)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Ok(policy) = policy.parse::<Policy>() else {
        return front.nothing_here();
    };
    let id = front.shop.id;
    let zones = app.db.read_lately(move |tx| delivery::all(tx, id)).await?;
    public(&headers, &PolicyPage::of(&front, policy, &zones, app.clock.wall()))
}

impl PolicyPage {
    fn of(front: &Front, policy: Policy, zones: &[ZoneMethods], now: crate::kernel::Time) -> Self {
        let shop = &front.shop;
        let rest = |policy: Policy| format!("/policies/{}", policy.word());
        let address = front.address(&rest(policy));
        let (rows, sections, description) = match policy {
            Policy::Shipping => (
                rows(zones, shop.currency),
                sections("How it is sent", &shop.shipping_policy),
                format!("Where {} delivers, how long it takes and what it costs.", shop.name),
            ),
            Policy::Returns => {
                let mut sections = sections("How it goes back", &shop.return_policy);
                let within = match shop.return_days {
                    0 => "What was bought here is not taken back, except where the law says so.".into(),
                    days => format!(
                        "You have {} from the day it arrives to change your mind.",
                        words::count(u64::from(days), "day", "days")
                    ),
                };
                sections.insert(0, section("How long", vec![within]));
                (Vec::new(), sections, format!("{} at {}.", front.returns(), shop.name))
            }
            Policy::Imprint => (Vec::new(), imprint(front), format!("Who sells at {}.", shop.name)),
        };
        let crumbs = BreadcrumbList::new([
            (shop.name.as_str(), front.address("").as_str()),
            (policy.title(), address.as_str()),
        ]);
        let others = Policy::ALL.iter().copied().filter(|other| *other != policy);
        Self {
            frame: front.frame(),
            head: Head {
                title: format!("{} · {}", policy.title(), shop.name),
                description,
                canonical: address,
                kind: "website",
                picture: None,
                markup: Markup::new(&[Thing::Breadcrumbs(crumbs)]),
                listed: true,
            },
            title: policy.title().into(),
            updated: (shop.version == 1).then(|| when(shop.created_at, now)),
            row_heads: ["To", "By", "Arrives in", "Costs"].map(Into::into).into(),
            rows,
            sections,
            others: others
                .map(|other| Link::new(other.title(), &front.path(&rest(other))))
                .collect(),
        }
    }
}

fn section(heading: &str, paragraphs: Vec<String>) -> PolicySection {
    PolicySection {
        heading: heading.into(),
        paragraphs,
    }
}

fn sections(heading: &str, text: &str) -> Vec<PolicySection> {
    match paragraphs(text) {
        none if none.is_empty() => Vec::new(),
        paragraphs => vec![section(heading, paragraphs)],
    }
}

/// The zones at a glance, in the shop's currency.
fn rows(zones: &[ZoneMethods], currency: crate::kernel::Currency) -> Vec<PolicyRow> {
    let row = |zone: &Zone, method: &Method| PolicyRow {
        cells: vec![
            places(zone),
            method.name.clone(),
            days(method.eta_days_min, method.eta_days_max),
            words::money(method.price),
        ],
    };
    let of = |there: &ZoneMethods| -> Vec<PolicyRow> {
        let methods = there.methods.iter().filter(|method| method.price.currency == currency);
        methods.map(|method| row(&there.zone, method)).collect()
    };
    zones.iter().flat_map(of).collect()
}

fn places(zone: &Zone) -> String {
    if zone.countries.iter().any(|country| country == "*") {
        return "Everywhere else".into();
    }
    let names: Vec<String> = zone.countries.iter().map(|code| words::country(code)).collect();
    names.join(", ")
}

fn days(least: u32, most: u32) -> String {
    if least == most {
        words::count(u64::from(most), "working day", "working days")
    } else {
        format!("{least}–{most} working days")
    }
}

fn imprint(front: &Front) -> Vec<PolicySection> {
    let shop = &front.shop;
    let seller = &shop.seller;
    let name = if seller.name.is_empty() {
        &shop.name
    } else {
        &seller.name
    };
    let mut who = vec![name.clone()];
    who.extend(
        seller
            .address
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::to_owned),
    );
    let mut reach = Vec::new();
    for (label, value) in [
        ("E-mail", &seller.email),
        ("Phone", &seller.phone),
        ("VAT number", &seller.vat_id),
    ] {
        if !value.is_empty() {
            reach.push(format!("{label}: {value}"));
        }
    }
    let mut parts = vec![section("Who sells here", who)];
    if !reach.is_empty() {
        parts.push(section("How to reach us", reach));
    }
    parts.extend(sections("What else the law asks us to say", &seller.imprint));
    parts
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
            updated: Some(When::new(
                "2026-11-02T10:00:00Z",
                "19 days ago",
                "2 November 2026, 11:00",
            )),
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
