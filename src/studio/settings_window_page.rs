//! The time in which the shop sells: a shop of three days opens and closes by itself.

use super::drop_plan_page::{as_field, moment, zone};
use super::field::{Field, Problem as Wrong, refusable};
use super::frame::{Chip, Frame, Section, Tone};
use super::settings_shop_page::After;
use super::typed::Typed;
use crate::app::App;
use crate::db::LaneKey;
use crate::http::{Form, Problem, Query, page, redirect};
use crate::identity::{self, Owner, SetWindow, Shop, Trading, Window, shop};
use crate::kernel::{Error, Kind, Result as Done, Time, words};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

#[derive(Template)]
#[template(path = "studio/settings_window.html")]
pub struct SettingsWindowPage {
    pub frame: Frame,
    pub state: Chip,
    /// What visitors meet now, in a sentence.
    pub says: String,
    pub zone: String,
    pub opens: Field,
    pub closes: Field,
    pub archives: bool,
    pub is_open: bool,
    pub has_window: bool,
    pub problems: Vec<Wrong>,
}

const PLACES: [(&str, &str, &str); 2] = [("/opens_at", "opens", "Opens"), ("/closes_at", "closes", "Closes")];

pub async fn show(State(app): State<App>, owner: Owner, Query(after): Query<After>) -> Result<Response, Problem> {
    let id = owner.shop;
    let (shop, now) = app.db.read(move |tx| Ok((shop(tx, id)?, tx.now()))).await?;
    let mut settings = SettingsWindowPage::of(&shop, &owner, now);
    settings.frame = settings.frame.after(after.done.as_deref());
    page(&settings)
}

/// Saves the times, closes the shop now, or lets it stay; or comes back with what was typed.
pub async fn save(State(app): State<App>, owner: Owner, Form(typed): Form<Typed>) -> Result<Response, Problem> {
    let id = owner.shop;
    let given = typed.clone();
    let saved = app.db.write(LaneKey::of(id), move |tx| {
        let kept = shop(tx, id)?;
        let set = match given.one("do") {
            "close" => identity::close_shop(tx, id),
            "stay" => identity::stay_open(tx, id),
            _ => window_of(&given, &kept).and_then(|window| identity::set_window(tx, id, window)),
        };
        Ok((refusable(set)?, kept, tx.now()))
    });
    let (set, kept, now) = saved.await?;
    match set {
        Ok(SetWindow::Set(_) | SetWindow::Again(_)) => {
            let done = match typed.one("do") {
                "close" => "closed",
                "stay" => "stays",
                _ => "saved",
            };
            Ok(redirect(&format!("/studio/{}/settings/window?done={done}", kept.slug)))
        }
        Err(error) => {
            debug_assert_eq!(error.kind, Kind::Invalid);
            page(&SettingsWindowPage::typed(&kept, &owner, now, &typed, &error))
        }
    }
}

fn window_of(typed: &Typed, shop: &Shop) -> Done<Window> {
    let zone = zone(shop);
    let read = |pointer, name: &str, known: Option<Time>| match typed.one(name) {
        // What was not touched keeps its seconds.
        text if text == as_field(known, &zone) => Ok(known),
        text => moment(pointer, text, &zone),
    };
    Ok(Window {
        opens_at: read("/opens_at", "opens", shop.window.opens_at)?,
        closes_at: read("/closes_at", "closes", shop.window.closes_at)?,
        archives: typed.one("archives") == "yes",
    })
}

impl SettingsWindowPage {
    pub fn part(&self) -> &'static str {
        "window"
    }

    fn of(shop: &Shop, owner: &Owner, now: Time) -> Self {
        let zone = zone(shop);
        let (state, says) = match (shop.window.trading(now), shop.window.closes_at) {
            (Trading::Before(at), _) => (
                Chip::new(Tone::Quiet, "Opens soon"),
                format!(
                    "Visitors see a clock: it opens {}. You see the shop as it will be.",
                    words::relative(at, now)
                ),
            ),
            (Trading::Open, Some(closes)) => (
                Chip::new(Tone::Ok, "Open"),
                format!("It closes by itself {}.", words::relative(closes, now)),
            ),
            (Trading::Open, None) => (Chip::new(Tone::Ok, "Open"), "It is open, and stays.".into()),
            (Trading::Closed(at), _) => (
                Chip::new(Tone::Quiet, "Closed"),
                format!(
                    "It closed {}. Visitors are told so; orders, returns and money go on.",
                    words::relative(at, now)
                ),
            ),
        };
        Self {
            frame: Frame::of(shop, owner, Section::Settings, "Settings"),
            state,
            says,
            zone: shop.time_zone.clone(),
            opens: Field::of(&as_field(shop.window.opens_at, &zone)),
            closes: Field::of(&as_field(shop.window.closes_at, &zone)),
            archives: shop.window.archives,
            is_open: shop.window.trading(now) == Trading::Open,
            has_window: shop.window != Window::default(),
            problems: Vec::new(),
        }
    }

    fn typed(shop: &Shop, owner: &Owner, now: Time, typed: &Typed, error: &Error) -> Self {
        Self {
            opens: Field::judged(typed.one("opens"), error, "/opens_at"),
            closes: Field::judged(typed.one("closes"), error, "/closes_at"),
            archives: typed.one("archives") == "yes",
            problems: Wrong::all(error, &PLACES),
            ..Self::of(shop, owner, now)
        }
    }

    pub fn sample() -> Self {
        Self {
            frame: Frame::sample(Section::Settings, "Settings"),
            state: Chip::new(Tone::Ok, "Open"),
            says: "It closes by itself in 2 days.".into(),
            zone: "Europe/Berlin".into(),
            opens: Field::of("2026-11-27T19:00"),
            closes: Field::of("2026-11-30T19:00"),
            archives: true,
            is_open: true,
            has_window: true,
            problems: Vec::new(),
        }
    }

    pub fn refused() -> Self {
        Self {
            closes: Field::wrong(
                "2026-11-28T19:00",
                "Buyers were told a later time. Extend it, or close the shop now.",
            ),
            problems: vec![Wrong::new(
                "closes",
                "Closes: Buyers were told a later time. Extend it, or close the shop now.",
            )],
            ..Self::sample()
        }
    }
}
