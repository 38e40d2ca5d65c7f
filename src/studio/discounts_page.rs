//! The shop's discounts: what takes something off, for whom, until when, and how often it was had.

use super::frame::{Chip, Frame, Section, Tone};
use super::when::When;
use crate::app::App;
use crate::discounts::{self, Discount, DiscountState};
use crate::http::{Problem, Query, page};
use crate::identity::{Analyst, Shop, Staff, shop};
use crate::kernel::{PageIn, Time, words};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

pub struct DiscountRow {
    pub link: String,
    pub name: String,
    /// "SPRING10"; empty when it applies by itself.
    pub code: String,
    /// "10 % off, on 3 products".
    pub takes: String,
    pub state: Chip,
    pub ends: Option<When>,
    /// "12 of 100".
    pub uses: String,
}

#[derive(Template)]
#[template(path = "studio/discounts.html")]
pub struct DiscountsPage {
    pub frame: Frame,
    pub base: String,
    pub discounts: Vec<DiscountRow>,
    pub next: Option<String>,
    pub can_make: bool,
}

pub async fn show(State(app): State<App>, staff: Analyst, Query(asked): Query<PageIn>) -> Result<Response, Problem> {
    let id = staff.shop;
    let read = app.db.read(move |tx| {
        let list = discounts::list(tx, id, asked.after()?, asked.limit())?;
        let mut rows = Vec::with_capacity(list.data.len());
        for one in list.data {
            let uses = discounts::uses(tx, one.id)?;
            rows.push((one, uses));
        }
        Ok((shop(tx, id)?, rows, list.next, tx.now()))
    });
    let (shop, rows, next, now) = read.await?;
    page(&DiscountsPage::of(&shop, &staff, &rows, next, now))
}

/// Where discounts live at a shop's desk.
pub(super) fn base(frame: &Frame) -> String {
    format!("{}/discounts", frame.to(&Section::Today))
}

/// How a discount stands, in a word.
pub(super) fn standing(discount: &Discount, now: Time) -> Chip {
    if discount.state == DiscountState::Ended || discount.ends_at.is_some_and(|end| end <= now) {
        Chip::new(Tone::Quiet, "Over")
    } else if discount.starts_at > now {
        Chip::new(Tone::Quiet, "Not yet")
    } else if discount.is_used_up() {
        Chip::new(Tone::Warn, "Used up")
    } else {
        Chip::new(Tone::Ok, "On")
    }
}

/// "10 % off, on 3 products, from €50.00 on".
fn said(discount: &Discount) -> String {
    let rule = &discount.rule;
    let mut said = discounts::words(&rule.takes);
    if !rule.products.is_empty() {
        said += ", on ";
        said += &words::count(rule.products.len() as u64, "product", "products");
    }
    if let Some(minimum) = rule.minimum {
        said += &format!(", from {} on", words::money(minimum.into()));
    }
    said
}

impl DiscountsPage {
    fn of(shop: &Shop, staff: &Staff, rows: &[(Discount, i64)], next: Option<String>, now: Time) -> Self {
        let frame = Frame::of(shop, staff, Section::Products, "Discounts");
        let base = base(&frame);
        let row = |(discount, uses): &(Discount, i64)| DiscountRow {
            link: format!("{base}/{}", discount.id),
            name: discount.rule.name.clone(),
            code: discount.code.clone().unwrap_or_default(),
            takes: said(discount),
            state: standing(discount, now),
            ends: discount.ends_at.map(|end| When::of(end, now)),
            uses: match discount.uses_max {
                0 => uses.to_string(),
                most => format!("{uses} of {most}"),
            },
        };
        Self {
            discounts: rows.iter().map(row).collect(),
            next: next.map(|next| format!("{base}?after={next}")),
            can_make: staff.role.may_create(),
            base,
            frame,
        }
    }

    pub fn sample() -> Self {
        let frame = Frame::sample(Section::Products, "Discounts");
        let row = |name: &str, code: &str, takes: &str, state: Chip, ends: Option<When>, uses: &str| DiscountRow {
            link: "/studio/nour/discounts/dsc_01jd4a1b2c3d4e5f6g7h8j1044".into(),
            name: name.into(),
            code: code.into(),
            takes: takes.into(),
            state,
            ends,
            uses: uses.into(),
        };
        let when = |relative: &str| When::new(relative, "30 November 2026, 22:00 UTC", "2026-11-30T22:00:00Z");
        Self {
            base: "/studio/nour/discounts".into(),
            discounts: vec![
                row(
                    "Autumn letter",
                    "AUTUMN10",
                    "10 % off, from €50.00 on",
                    Chip::new(Tone::Ok, "On"),
                    Some(when("in 9 days")),
                    "12 of 100",
                ),
                row(
                    "Three for two",
                    "",
                    "3 for the price of 2, on 4 products",
                    Chip::new(Tone::Ok, "On"),
                    None,
                    "31",
                ),
                row(
                    "Opening",
                    "HELLO5",
                    "€5.00 off",
                    Chip::new(Tone::Quiet, "Over"),
                    Some(when("2 months ago")),
                    "50 of 50",
                ),
            ],
            next: None,
            can_make: true,
            frame,
        }
    }

    pub fn empty() -> Self {
        Self {
            discounts: Vec::new(),
            ..Self::sample()
        }
    }
}
