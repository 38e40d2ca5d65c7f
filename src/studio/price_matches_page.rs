//! Differences that went back, or go back, to all earlier buyers; and drawing up another one, for what a drop sold or for a product.

use super::field::{Choice, Field, Problem as Wrong, refusable};
use super::frame::{Chip, Frame, Section, Tone};
use super::typed::{Typed, amount};
use super::when::When;
use crate::app::App;
use crate::catalog;
use crate::db::{LaneKey, Tx};
use crate::drops::{self, DropState};
use crate::http::{Form, Problem, Query, page, redirect};
use crate::identity::{Analyst, Creator, Shop, Staff, shop};
use crate::kernel::{DropId, Error, Money, PriceMatchId, ProductId, Result, Time, VariantId, words};
use crate::price_matches::{self, DrawUp, MatchState, NewPrice, NewPriceMatch, PriceMatch, Progress};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

pub struct MatchRow {
    pub link: String,
    pub title: String,
    pub state: Chip,
    /// "412 of 980 orders".
    pub so_far: String,
    pub refunded: String,
    pub planned: String,
    pub at: When,
}

/// Something that was sold, and what it costs now.
pub struct PriceRow {
    pub variant: String,
    pub title: String,
    /// What it was last sold or offered at; the buyer paid what their order says.
    pub was: String,
    pub price: Field,
}

/// The form, once it is known what it is about.
pub struct About {
    pub value: String,
    pub title: String,
    pub is_product: bool,
    pub rows: Vec<PriceRow>,
    pub from: Field,
    pub until: Field,
}

#[derive(Template)]
#[template(path = "studio/price_matches.html")]
pub struct PriceMatchesPage {
    pub frame: Frame,
    pub here: String,
    pub matches: Vec<MatchRow>,
    pub can_draw: bool,
    /// What could be chosen: drops first, then products.
    pub choices: Vec<Choice>,
    pub about: Option<About>,
    /// Chosen before the form is sent: pressing twice is one batch.
    pub id: String,
    pub currency: String,
    pub problems: Vec<Wrong>,
}

/// Where the fields of a refusal stand on the page.
const PLACES: [(&str, &str, &str); 3] = [
    ("/prices", "main", "Prices"),
    ("/from", "match-from", "From"),
    ("/until", "match-until", "Until"),
];
const MOST: i64 = 100;

/// Something a price can be matched of: a drop or a product, its title, and its variants with what they cost.
struct Thing {
    value: String,
    title: String,
    is_product: bool,
    variants: Vec<(VariantId, String, Option<Money>)>,
}

/// What the page reads, in one snapshot.
struct Desk {
    shop: Shop,
    matches: Vec<(PriceMatch, Progress)>,
    choices: Vec<(String, String)>,
    about: Option<Thing>,
    now: Time,
}

fn read(tx: &mut Tx<'_>, staff: &Staff, about: &str) -> Result<Desk> {
    let shop = shop(tx, staff.shop)?;
    let mut matches = Vec::new();
    for found in price_matches::list(tx, shop.id, None, MOST)?.data {
        let progress = price_matches::progress(tx, found.id)?;
        matches.push((found, progress));
    }
    let drops = drops::list(tx, shop.id, None, MOST)?.data;
    let sold = drops
        .iter()
        .filter(|drop| !matches!(drop.state, DropState::Draft | DropState::Scheduled));
    let mut choices: Vec<(String, String)> = sold
        .map(|drop| (drop.id.to_string(), format!("Drop: {}", drop.title)))
        .collect();
    let products = catalog::list(tx, shop.id, None, MOST)?.data;
    choices.extend((products.iter()).map(|product| (product.id.to_string(), product.title.clone())));
    Ok(Desk {
        about: thing(tx, &shop, about)?,
        matches,
        choices,
        now: tx.now(),
        shop,
    })
}

fn thing(tx: &mut Tx<'_>, shop: &Shop, about: &str) -> Result<Option<Thing>> {
    if let Ok(id) = about.parse::<DropId>() {
        let Some(view) = drops::view(tx, shop.id, id)? else {
            return Ok(None);
        };
        let mut variants = Vec::new();
        for item in &view.items {
            let product = catalog::product_of(tx, shop.id, item.variant)?.map(|product| product.title);
            let variant = catalog::variant(tx, shop.id, item.variant, shop.currency)?.map(|variant| variant.title);
            let title = [product.unwrap_or_default(), variant.unwrap_or_default()];
            let title: Vec<String> = title.into_iter().filter(|part| !part.is_empty()).collect();
            variants.push((item.variant, title.join(", "), Some(item.price)));
        }
        return Ok(Some(Thing {
            value: id.to_string(),
            title: view.drop.title,
            is_product: false,
            variants,
        }));
    }
    let Ok(id) = about.parse::<ProductId>() else {
        return Ok(None);
    };
    let Some(product) = catalog::find(tx, shop.id, id)? else {
        return Ok(None);
    };
    let variants = catalog::variants(tx, shop.id, id, shop.currency)?
        .into_iter()
        .map(|variant| {
            let title = match variant.title.as_str() {
                "" => product.title.clone(),
                title => format!("{}, {title}", product.title),
            };
            (variant.id, title, variant.price)
        });
    Ok(Some(Thing {
        value: id.to_string(),
        is_product: true,
        variants: variants.collect(),
        title: product.title,
    }))
}

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Query(typed): Query<Typed>,
) -> std::result::Result<Response, Problem> {
    let (who, given) = (staff.0.clone(), typed.one("about").to_owned());
    let desk = app.db.read(move |tx| read(tx, &who, &given)).await?;
    page(&PriceMatchesPage::of(&app, &desk, &staff, &typed))
}

/// Draws one up; it counts its orders, and its page shows how many.
pub async fn draw_up(
    State(app): State<App>,
    creator: Creator,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Problem> {
    let (who, given) = (creator.0.clone(), typed.clone());
    let (drawn, desk) = app
        .db
        .write(LaneKey::of(creator.shop), move |tx| {
            let drawn = refusable(drawn_up(tx, &who, &given))?;
            Ok((drawn, read(tx, &who, given.one("about"))?))
        })
        .await?;
    let error = match drawn {
        Ok(DrawUp::Drawn(drawn) | DrawUp::Again(drawn)) => {
            return Ok(redirect(&format!(
                "/studio/{}/price-matches/{}",
                desk.shop.slug, drawn.id
            )));
        }
        Ok(DrawUp::NoSuchDrop) => Error::invalid("no_such_drop", "There is no such drop."),
        Err(error) => error,
    };
    let mut again = PriceMatchesPage::of(&app, &desk, &creator, &typed);
    again.problems = Wrong::all(&error, &PLACES);
    page(&again)
}

fn drawn_up(tx: &mut Tx<'_>, staff: &Staff, typed: &Typed) -> Result<DrawUp> {
    let shop = shop(tx, staff.shop)?;
    let old = || Error::invalid("no_id", "The form is too old. Load the page again.");
    let id: PriceMatchId = typed.id("id").ok_or_else(old)?;
    let Some(about) = thing(tx, &shop, typed.one("about"))? else {
        return Err(Error::invalid("nothing_chosen", "Choose a drop or a product first."));
    };
    let mut prices = Vec::new();
    for (variant, ..) in &about.variants {
        let text = typed.one(&format!("price_{variant}"));
        if !text.is_empty() {
            prices.push(NewPrice {
                variant: *variant,
                unit_minor: amount("/prices", text, shop.currency)?.minor,
            });
        }
    }
    let new = NewPriceMatch {
        id,
        title: about.title,
        drop: about.value.parse().ok(),
        from_at: day("/from", typed.one("from"))?,
        until_at: super::gift_cards_page::last_day(typed.one("until"))?,
        prices,
        staff: staff.staff,
    };
    price_matches::draw_up(tx, staff.shop, new)
}

/// The beginning of a day, as a date field sends it; none when it is empty. Errors: `invalid_field`.
fn day(pointer: &'static str, text: &str) -> Result<Option<Time>> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || Error::field(pointer, "Write the day as 2026-12-31.");
    let day: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
    let start = day.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| wrong())?;
    Ok(Some(Time(start.timestamp().as_microsecond())))
}

/// How a batch stands, in a word.
pub(super) fn standing(state: MatchState) -> Chip {
    match state {
        MatchState::Counting => Chip::new(Tone::Quiet, "Counting"),
        MatchState::Ready => Chip::new(Tone::Warn, "Waits for you"),
        MatchState::Running => Chip::new(Tone::Ok, "Running"),
        MatchState::Paused => Chip::new(Tone::Warn, "Paused"),
        MatchState::Done => Chip::new(Tone::Quiet, "Done"),
        MatchState::Canceled => Chip::new(Tone::Quiet, "Ended"),
    }
}

impl PriceMatchesPage {
    fn of(app: &App, desk: &Desk, staff: &Staff, typed: &Typed) -> Self {
        let frame = Frame::of(&desk.shop, staff, Section::Orders, "Price matches");
        let here = format!("/studio/{}/price-matches", desk.shop.slug);
        let row = |(found, progress): &(PriceMatch, Progress)| MatchRow {
            link: format!("{here}/{}", found.id),
            title: found.title.clone(),
            state: standing(found.state),
            so_far: format!("{} of {} orders", progress.done + progress.skipped, progress.orders),
            refunded: words::money(found.money(progress.refunded_minor)),
            planned: words::money(found.money(progress.planned_minor)),
            at: When::of(found.created_at, desk.now),
        };
        let chosen = typed.one("about");
        let about = desk.about.as_ref().map(|thing| About {
            value: thing.value.clone(),
            title: thing.title.clone(),
            is_product: thing.is_product,
            rows: (thing.variants.iter())
                .map(|(variant, title, was)| PriceRow {
                    variant: variant.to_string(),
                    title: title.clone(),
                    was: was.map(words::money).unwrap_or_default(),
                    price: Field::of(typed.one(&format!("price_{variant}"))),
                })
                .collect(),
            from: Field::of(typed.one("from")),
            until: Field::of(typed.one("until")),
        });
        let choice = |(value, label): &(String, String)| Choice {
            chosen: value == chosen,
            ..Choice::new(value, label)
        };
        Self {
            matches: desk.matches.iter().map(row).collect(),
            can_draw: staff.role.may_create(),
            choices: desk.choices.iter().map(choice).collect(),
            about,
            id: app.random.id::<PriceMatchId>(desk.now).to_string(),
            currency: desk.shop.currency.code().into(),
            problems: Vec::new(),
            here,
            frame,
        }
    }

    pub fn sample() -> Self {
        let when = |relative: &str| When::new(relative, "20 November 2026, 10:12 UTC", "2026-11-20T10:12:00Z");
        Self {
            frame: Frame::sample(Section::Orders, "Price matches"),
            here: "/studio/nour/price-matches".into(),
            matches: vec![
                MatchRow {
                    link: "/studio/nour/price-matches/pmt_01jd4a1b2c3d4e5f6g7h8j1044".into(),
                    title: "Autumn kiln".into(),
                    state: Chip::new(Tone::Ok, "Running"),
                    so_far: "412 of 980 orders".into(),
                    refunded: "€1,236.00".into(),
                    planned: "€2,940.00".into(),
                    at: when("2 min ago"),
                },
                MatchRow {
                    link: "/studio/nour/price-matches/pmt_01jd4a1b2c3d4e5f6g7h8j1043".into(),
                    title: "Tea strainer".into(),
                    state: Chip::new(Tone::Quiet, "Done"),
                    so_far: "31 of 31 orders".into(),
                    refunded: "€62.00".into(),
                    planned: "€64.00".into(),
                    at: when("3 weeks ago"),
                },
            ],
            can_draw: true,
            choices: vec![
                Choice {
                    chosen: true,
                    ..Choice::new("drp_1", "Drop: Autumn kiln")
                },
                Choice::new("prd_1", "Ash glaze mug"),
            ],
            about: Some(About {
                value: "drp_1".into(),
                title: "Autumn kiln".into(),
                is_product: false,
                rows: vec![
                    PriceRow {
                        variant: "var_1".into(),
                        title: "Ash glaze mug, 300 ml".into(),
                        was: "€28.00".into(),
                        price: Field::of("25.00"),
                    },
                    PriceRow {
                        variant: "var_2".into(),
                        title: "Tea strainer".into(),
                        was: "€14.00".into(),
                        price: Field::default(),
                    },
                ],
                from: Field::default(),
                until: Field::default(),
            }),
            id: "pmt_01jd4a1b2c3d4e5f6g7h8j1045".into(),
            currency: "EUR".into(),
            problems: Vec::new(),
        }
    }

    pub fn empty() -> Self {
        Self {
            matches: Vec::new(),
            about: None,
            ..Self::sample()
        }
    }
}
