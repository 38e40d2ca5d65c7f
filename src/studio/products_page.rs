//! The list of products: what is sold, how many are left, and which ones nobody can see.

use askama::Template;

use super::field::Choice;
use super::frame::{Chip, Frame, Section, Tone};

pub struct ProductRow {
    pub title: String,
    pub link: String,
    pub image: Option<String>,
    pub state: Chip,
    /// "2 variants", or the SKU when there is one.
    pub variants: String,
    /// "€28.00" or "€28.00 – €34.00".
    pub price: String,
    pub left: String,
    pub left_tone: Tone,
    /// "2 in checkouts"; empty when none.
    pub in_checkouts: String,
    pub sold: String,
    /// "In 2 clips", or a nudge when in none.
    pub clips: String,
}

#[derive(Template)]
#[template(path = "studio/products.html")]
pub struct ProductsPage {
    pub frame: Frame,
    pub search: String,
    pub filters: Vec<Choice>,
    pub products: Vec<ProductRow>,
    pub next: Option<String>,
}

impl ProductsPage {
    pub fn sample() -> Self {
        let row = |title: &str,
                   picture: &str,
                   state: Chip,
                   variants: &str,
                   price: &str,
                   left: (&str, Tone),
                   more: [&str; 3]| ProductRow {
            title: title.into(),
            link: "/studio/nour/products/prd_01jd3t0a1b2c3d4e5f6g7h8j9k".into(),
            image: Some(format!("/media/sample-{picture}.jpg")),
            state,
            variants: variants.into(),
            price: price.into(),
            left: left.0.into(),
            left_tone: left.1,
            in_checkouts: more[0].into(),
            sold: more[1].into(),
            clips: more[2].into(),
        };
        let selling = || Chip::new(Tone::Ok, "For sale");
        Self {
            frame: Frame::sample(Section::Products, "Products"),
            search: String::new(),
            filters: vec![
                Choice::chosen("", "All 6"),
                Choice::new("selling", "For sale 4"),
                Choice::new("low", "Low stock 2"),
                Choice::new("draft", "Draft 1"),
                Choice::new("archived", "Archived 1"),
            ],
            products: vec![
                row(
                    "Ash glaze mug",
                    "mug",
                    selling(),
                    "2 variants",
                    "€28.00 – €34.00",
                    ("3", Tone::Warn),
                    ["2 in checkouts", "64", "In 2 clips"],
                ),
                row(
                    "Salad bowl",
                    "bowl",
                    selling(),
                    "NC-BOWL-1",
                    "€38.00",
                    ("14", Tone::Quiet),
                    ["", "22", "In 1 clip"],
                ),
                row(
                    "Serving plate",
                    "plate",
                    selling(),
                    "3 variants",
                    "€48.00 – €72.00",
                    ("9", Tone::Quiet),
                    ["1 in checkouts", "11", "In 1 clip"],
                ),
                row(
                    "Tea strainer",
                    "tea",
                    selling(),
                    "NC-STR-1",
                    "€14.00",
                    ("41", Tone::Quiet),
                    ["", "18", "In no clip yet"],
                ),
                row(
                    "Glaze notebook (PDF)",
                    "glaze",
                    Chip::new(Tone::Quiet, "Draft"),
                    "NC-PDF-1",
                    "€9.00",
                    ("No limit", Tone::Quiet),
                    ["", "–", "In no clip yet"],
                ),
                row(
                    "Kiln-opening ticket, October",
                    "kiln",
                    Chip::new(Tone::Quiet, "Archived"),
                    "NC-TIX-10",
                    "€12.00",
                    ("0", Tone::Bad),
                    ["", "30", "In 1 clip"],
                ),
            ],
            next: None,
        }
    }

    pub fn empty() -> Self {
        Self {
            frame: Frame::sample_first_day(Section::Products, "Products"),
            search: String::new(),
            filters: Vec::new(),
            products: Vec::new(),
            next: None,
        }
    }
}
