//! Tax rates by the country a parcel goes to and the category of what is in it.

use super::field::{Choice, Field, Problem as Wrong};
use super::frame::{Frame, Section};
use super::settings_shop_page::After;
use super::typed::{Typed, decimal};
use crate::app::App;
use crate::catalog::TaxCategory;
use crate::db::LaneKey;
use crate::http::{Form, Problem, Query, page, redirect};
use crate::identity::{EditShop, Owner, Shop, ShopEdit, edit_shop, shop};
use crate::kernel::{Error, Kind, Rate, Result};
use crate::taxes::{self, TaxRate};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

/// One row of the table; the form sends the fields of all rows in the same order.
pub struct RateRow {
    pub country: Field,
    pub categories: Vec<Choice>,
    pub rate: Field,
}

#[derive(Template)]
#[template(path = "studio/settings_tax.html")]
pub struct SettingsTaxPage {
    pub frame: Frame,
    pub version: i64,
    pub inclusive: bool,
    pub rates: Vec<RateRow>,
    pub problems: Vec<Wrong>,
}

pub async fn show(
    State(app): State<App>,
    owner: Owner,
    Query(after): Query<After>,
) -> std::result::Result<Response, Problem> {
    let id = owner.shop;
    let (shop, rates) = app.db.read(move |tx| Ok((shop(tx, id)?, taxes::all(tx, id)?))).await?;
    let mut settings = SettingsTaxPage::of(&shop, &owner, &rates);
    settings.frame = settings.frame.after(after.done.as_deref());
    page(&settings)
}

/// Replaces the table, or comes back with what was typed. The shop's version guards it: the table has none of its own.
pub async fn save(
    State(app): State<App>,
    owner: Owner,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Problem> {
    let id = owner.shop;
    let given = typed.clone();
    let saved = app
        .db
        .write(LaneKey::of(id), move |tx| {
            let edit = ShopEdit {
                prices_include_tax: Some(given.one("inclusive") == "yes"),
                ..ShopEdit::default()
            };
            match edit_shop(tx, id, given.version(), edit)? {
                EditShop::Edited(_) => taxes::set(tx, id, &rates(&given)?).map(|()| true),
                EditShop::Stale { .. } => Ok(false),
            }
        })
        .await;
    let (shop, kept) = app.db.read(move |tx| Ok((shop(tx, id)?, taxes::all(tx, id)?))).await?;
    let mut again = SettingsTaxPage::of(&shop, &owner, &kept);
    match saved {
        Ok(true) => return Ok(redirect(&format!("/studio/{}/settings/tax?done=saved", shop.slug))),
        Ok(false) => again.keep(&typed, &Error::invalid("stale", Wrong::stale().detail)),
        Err(error) if error.kind == Kind::Invalid => again.keep(&typed, &error),
        Err(error) => return Err(error.into()),
    }
    page(&again)
}

/// The rows as they were typed. One without a country and a rate is left out: that is how a row is removed.
fn rates(typed: &Typed) -> Result<Vec<TaxRate>> {
    let mut rates = Vec::new();
    for at in 0..typed.all("rate").count() {
        let (country, rate) = (typed.row("rate_country", at), typed.row("rate", at));
        if rate.is_empty() {
            continue;
        }
        let wrong = || {
            Error::field(
                format!("/rates/{}/rate_bp", rates.len()),
                "Write the rate in percent, such as 19 or 5.5.",
            )
        };
        let rate = decimal(rate, 2)
            .and_then(|rate| u32::try_from(rate).ok())
            .ok_or_else(wrong)?;
        rates.push(TaxRate {
            country: country.to_uppercase(),
            category: typed.row("rate_category", at).parse()?,
            rate: Rate(rate),
        });
    }
    Ok(rates)
}

impl SettingsTaxPage {
    pub fn part(&self) -> &'static str {
        "tax"
    }

    fn of(shop: &Shop, owner: &Owner, rates: &[TaxRate]) -> Self {
        let mut rows: Vec<RateRow> = rates
            .iter()
            .map(|rate| RateRow {
                country: Field::of(&rate.country),
                categories: categories(rate.category.word()),
                rate: Field::of(&percent(rate.rate)),
            })
            .collect();
        rows.push(RateRow {
            country: Field::default(),
            categories: categories("standard"),
            rate: Field::default(),
        });
        Self {
            frame: Frame::of(shop, owner, Section::Settings, "Settings"),
            version: shop.version,
            inclusive: shop.prices_include_tax,
            rates: rows,
            problems: Vec::new(),
        }
    }

    /// Keeps what was typed beside what was refused. Rows that were left empty do not count in a refusal's pointer.
    fn keep(&mut self, typed: &Typed, error: &Error) {
        self.inclusive = typed.one("inclusive") == "yes";
        let mut counted = 0;
        let mut places = Vec::new();
        self.rates = (0..typed.all("rate").count())
            .map(|at| {
                let (country, rate) = (typed.row("rate_country", at), typed.row("rate", at));
                let row = RateRow {
                    country: Field::judged(country, error, &format!("/rates/{counted}/country")),
                    categories: categories(typed.row("rate_category", at)),
                    rate: Field::judged(rate, error, &format!("/rates/{counted}/rate_bp")),
                };
                for (pointer, input) in [("/country", "rate-country"), ("/rate_bp", "rate"), ("", "rate-country")] {
                    places.push((
                        format!("/rates/{counted}{pointer}"),
                        format!("{input}-{}", at + 1),
                        format!("Rate {}", at + 1),
                    ));
                }
                counted += usize::from(!rate.is_empty());
                row
            })
            .collect();
        let places: Vec<(&str, &str, &str)> = places
            .iter()
            .rev()
            .map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str()))
            .collect();
        self.problems = Wrong::all(error, &places);
    }

    pub fn sample() -> Self {
        let rate = |country: &str, category: &str, rate: &str| RateRow {
            country: Field::of(country),
            categories: categories(category),
            rate: Field::of(rate),
        };
        Self {
            frame: Frame::sample(Section::Settings, "Settings"),
            version: 5,
            inclusive: true,
            rates: vec![
                rate("DE", "standard", "19"),
                rate("DE", "reduced", "7"),
                rate("AT", "standard", "20"),
                rate("FR", "standard", "20"),
                rate("PL", "standard", "23"),
                rate("", "standard", ""),
            ],
            problems: Vec::new(),
        }
    }
}

fn categories(chosen: &str) -> Vec<Choice> {
    let words = |category: TaxCategory| match category {
        TaxCategory::Standard => "Standard",
        TaxCategory::Reduced => "Reduced",
        TaxCategory::Zero => "Not taxed",
    };
    TaxCategory::ALL
        .iter()
        .map(|category| Choice {
            chosen: category.word() == chosen,
            ..Choice::new(category.word(), words(*category))
        })
        .collect()
}

/// "19", "5.5": as it is typed.
fn percent(rate: Rate) -> String {
    crate::kernel::words::percent(rate).trim_end_matches(" %").into()
}
