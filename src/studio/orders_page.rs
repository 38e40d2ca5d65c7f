//! The list of orders, filtered by what has to be done with them.

use askama::Template;

use super::field::Choice;
use super::frame::{Chip, Frame, Section, Tone, When};

pub struct OrderRow {
    pub number: String,
    pub link: String,
    pub buyer: String,
    pub place: String,
    pub what: String,
    pub total: String,
    /// Derived from the payment's facts.
    pub payment: Chip,
    /// Derived from the shipments.
    pub fulfilment: Chip,
    pub at: When,
    /// The clip that sold it; empty when bought from a page.
    pub clip: String,
}

#[derive(Template)]
#[template(path = "studio/orders.html")]
pub struct OrdersPage {
    pub frame: Frame,
    pub search: String,
    pub filters: Vec<Choice>,
    pub orders: Vec<OrderRow>,
    pub next: Option<String>,
    /// The shop has orders but none fits the search.
    pub any: bool,
}

impl OrdersPage {
    pub fn sample() -> Self {
        let row = |number: &str,
                   buyer: [&str; 2],
                   what: &str,
                   total: &str,
                   chips: [(Tone, &str); 2],
                   at: When,
                   clip: &str| OrderRow {
            number: number.into(),
            link: format!("/studio/nour/orders/ord_01jd4a1b2c3d4e5f6g7h8j{number}"),
            buyer: buyer[0].into(),
            place: buyer[1].into(),
            what: what.into(),
            total: total.into(),
            payment: Chip::new(chips[0].0, chips[0].1),
            fulfilment: Chip::new(chips[1].0, chips[1].1),
            at,
            clip: clip.into(),
        };
        let authorized = (Tone::Quiet, "Authorized");
        let captured = (Tone::Ok, "Captured");
        let to_ship = (Tone::Warn, "To ship");
        let shipped = (Tone::Ok, "Shipped");
        let mugs = "Three mugs from one lump";
        let glaze = "Why the glaze runs";
        Self {
            frame: Frame::sample(Section::Orders, "Orders"),
            search: String::new(),
            filters: vec![
                Choice::chosen("", "All 128"),
                Choice::new("to_ship", "To ship 3"),
                Choice::new("unknown", "No answer yet 1"),
                Choice::new("shipped", "Shipped 117"),
                Choice::new("refunded", "Refunded 4"),
                Choice::new("canceled", "Canceled 3"),
            ],
            orders: vec![
                row(
                    "1044",
                    ["Amira Saleh", "Wien, AT"],
                    "2 × Ash glaze mug, 1 × Tea strainer",
                    "€74.90",
                    [authorized, to_ship],
                    When::new("2 min ago", "21 November 2026, 14:10:31", "2026-11-21T14:10:31Z"),
                    mugs,
                ),
                row(
                    "1043",
                    ["Tom Brandt", "Leipzig, DE"],
                    "1 × Salad bowl",
                    "€42.90",
                    [(Tone::Bad, "No answer yet"), (Tone::Quiet, "Waits for payment")],
                    When::new("6 min ago", "21 November 2026, 14:06:12", "2026-11-21T14:06:12Z"),
                    glaze,
                ),
                row(
                    "1042",
                    ["Marie Laurent", "Lyon, FR"],
                    "1 × Ash glaze mug",
                    "€34.90",
                    [authorized, to_ship],
                    When::new("31 min ago", "21 November 2026, 13:41:20", "2026-11-21T13:41:20Z"),
                    mugs,
                ),
                row(
                    "1041",
                    ["Yusuf Demir", "Hamburg, DE"],
                    "1 × Serving plate, 1 × Tea strainer",
                    "€66.90",
                    [authorized, to_ship],
                    When::new("1 h ago", "21 November 2026, 13:02:44", "2026-11-21T13:02:44Z"),
                    "",
                ),
                row(
                    "1040",
                    ["Sofia Marin", "Kraków, PL"],
                    "1 × Ash glaze mug",
                    "€36.90",
                    [captured, shipped],
                    When::new("3 h ago", "21 November 2026, 11:17:02", "2026-11-21T11:17:02Z"),
                    mugs,
                ),
                row(
                    "1039",
                    ["Ben Okafor", "Dublin, IE"],
                    "4 × Ash glaze mug",
                    "€122.90",
                    [(Tone::Warn, "Partly refunded"), shipped],
                    When::new("yesterday", "20 November 2026, 21:55:13", "2026-11-20T21:55:13Z"),
                    mugs,
                ),
                row(
                    "1038",
                    ["Hanna Vogel", "Köln, DE"],
                    "1 × Serving plate",
                    "€52.90",
                    [captured, shipped],
                    When::new("yesterday", "20 November 2026, 19:30:40", "2026-11-20T19:30:40Z"),
                    glaze,
                ),
                row(
                    "1037",
                    ["Elif Kaya", "Berlin, DE"],
                    "2 × Tea strainer",
                    "€32.90",
                    [(Tone::Quiet, "Let go"), (Tone::Quiet, "Canceled")],
                    When::new("yesterday", "20 November 2026, 18:12:09", "2026-11-20T18:12:09Z"),
                    "",
                ),
                row(
                    "1036",
                    ["Jakob Lind", "Malmö, SE"],
                    "1 × Salad bowl, 1 × Tea strainer",
                    "€64.90",
                    [captured, shipped],
                    When::new("2 days ago", "19 November 2026, 20:48:51", "2026-11-19T20:48:51Z"),
                    glaze,
                ),
            ],
            next: Some("/studio/nour/orders?after=ord_01jd4a1b2c3d4e5f6g7h8j1036".into()),
            any: true,
        }
    }

    pub fn empty() -> Self {
        Self {
            frame: Frame::sample_first_day(Section::Orders, "Orders"),
            search: String::new(),
            filters: Vec::new(),
            orders: Vec::new(),
            next: None,
            any: false,
        }
    }

    pub fn nothing_found() -> Self {
        Self {
            search: "mug for Ben".into(),
            orders: Vec::new(),
            next: None,
            ..Self::sample()
        }
    }
}
