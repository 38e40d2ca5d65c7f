//! The shop's drops: what is planned, what is on, what was; and beginning a new one.

use super::field::{Field, Problem as Wrong, refusable};
use super::frame::{Chip, Frame, Section, Tone};
use super::typed::Typed;
use super::when::When;
use crate::app::App;
use crate::db::LaneKey;
use crate::drops::{self, DropState, HOLD_MINUTES, Phase, Plan, Planned, Stage, View};
use crate::http::{Form, NewId, Problem, Query, page, redirect};
use crate::identity::{Analyst, Creator, Shop, Staff, shop};
use crate::kernel::{DropId, PageIn, Time, words};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

pub struct DropRow {
    pub link: String,
    pub title: String,
    pub state: Chip,
    /// "Opens", "Closes", "Closed"; with its moment.
    pub moment: Option<(&'static str, When)>,
    /// "12 of 40 sold".
    pub sold: String,
}

#[derive(Template)]
#[template(path = "studio/drops.html")]
pub struct DropsPage {
    pub frame: Frame,
    pub drops: Vec<DropRow>,
    pub next: Option<String>,
    pub can_plan: bool,
    /// Chosen before the form is sent: pressing twice is one drop.
    pub id: String,
    pub title: Field,
    pub problems: Vec<Wrong>,
}

struct Desk {
    shop: Shop,
    views: Vec<View>,
    next: Option<String>,
    now: Time,
}

async fn read(app: &App, staff: &Staff, asked: PageIn) -> Result<Desk, Problem> {
    let id = staff.shop;
    let read = app.db.read(move |tx| {
        let found = drops::list(tx, id, asked.after()?, asked.limit())?;
        let mut views = Vec::with_capacity(found.data.len());
        for drop in &found.data {
            views.extend(drops::view(tx, id, drop.id)?);
        }
        Ok(Desk {
            shop: shop(tx, id)?,
            views,
            next: found.next,
            now: tx.now(),
        })
    });
    Ok(read.await?)
}

pub async fn show(State(app): State<App>, staff: Analyst, Query(asked): Query<PageIn>) -> Result<Response, Problem> {
    let desk = read(&app, &staff, asked).await?;
    page(&DropsPage::of(&app, &desk, &staff))
}

/// Begins a drop: a title is enough, the rest is on its own page.
pub async fn begin(
    State(app): State<App>,
    creator: Creator,
    fresh: NewId,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let (id, staff) = (creator.shop, creator.staff);
    let drop: DropId = typed.id("id").unwrap_or(fresh.get());
    let new = Plan {
        title: typed.one("title").to_owned(),
        slug: None,
        description: String::new(),
        stage: Stage::Nothing,
        opens_at: None,
        closes_at: None,
        limit: 0,
        hold_minutes: HOLD_MINUTES,
        line_rate: 0,
        early_minutes: 0,
        early_for_buyers: false,
        items: Vec::new(),
    };
    let planned = app.db.write(LaneKey::of(drop), move |tx| {
        let currency = shop(tx, id)?.currency;
        refusable(drops::plan(tx, (id, currency), drop, &new, staff))
    });
    match planned.await? {
        Ok(Planned::Made(view)) => {
            let desk = read(&app, &creator, PageIn::default()).await?;
            let frame = Frame::of(&desk.shop, &creator, Section::Drops, "");
            Ok(redirect(&format!(
                "{}/{}/plan",
                frame.to(&Section::Drops),
                view.drop.id
            )))
        }
        Ok(_) => Err(Problem::conflict(
            "id_reused",
            "This drop's id is taken. Load the page again.",
        )),
        Err(error) => {
            let desk = read(&app, &creator, PageIn::default()).await?;
            let mut drops = DropsPage::of(&app, &desk, &creator);
            drops.title = Field::judged(typed.one("title"), &error, "/title");
            drops.problems = Wrong::all(&error, &[("/title", "drop-title", "Title")]);
            page(&drops)
        }
    }
}

/// Where a drop stands, in a word.
pub(super) fn state_chip(view: &View, now: Time) -> Chip {
    match (view.drop.state, view.drop.phase(now)) {
        (DropState::Draft, _) => Chip::new(Tone::Quiet, "Draft"),
        (DropState::Archived, _) => Chip::new(Tone::Quiet, "Put away"),
        (_, Phase::Before | Phase::Draft) => Chip::new(Tone::Warn, "Scheduled"),
        (_, Phase::Open) => Chip::new(Tone::Ok, "Open"),
        (_, Phase::Paused) => Chip::new(Tone::Warn, "Paused"),
        (_, Phase::Over) => Chip::new(Tone::Quiet, "Over"),
    }
}

impl DropRow {
    fn of(base: &str, view: &View, now: Time) -> Self {
        let drop = &view.drop;
        let moment = match drop.phase(now) {
            Phase::Draft | Phase::Before => drop.opens_at.map(|at| ("Opens", at)),
            Phase::Open | Phase::Paused => drop.closes_at.map(|at| ("Closes", at)),
            Phase::Over => drop.closed_at.or(drop.closes_at).map(|at| ("Closed", at)),
        };
        let given: u64 = view.items.iter().map(|item| u64::from(item.allotment)).sum();
        Self {
            link: format!("{base}/{}", drop.id),
            title: drop.title.clone(),
            state: state_chip(view, now),
            moment: moment.map(|(label, at)| (label, When::of(at, now))),
            sold: match drop.state {
                DropState::Draft => words::count(given, "piece planned", "pieces planned"),
                _ => format!("{} of {} sold", view.totals().sold, words::number(given)),
            },
        }
    }
}

impl DropsPage {
    fn of(app: &App, desk: &Desk, staff: &Staff) -> Self {
        let frame = Frame::of(&desk.shop, staff, Section::Drops, "Drops");
        let base = frame.to(&Section::Drops);
        Self {
            drops: desk
                .views
                .iter()
                .map(|view| DropRow::of(&base, view, desk.now))
                .collect(),
            next: desk.next.as_ref().map(|next| format!("{base}?after={next}")),
            can_plan: staff.role.may_create(),
            id: app.random.id::<DropId>(app.clock.wall()).to_string(),
            title: Field::default(),
            problems: Vec::new(),
            frame,
        }
    }

    pub fn sample() -> Self {
        let when = |relative: &str| When::new(relative, "27 November 2026, 19:00 UTC", "2026-11-27T19:00:00Z");
        let row = |title: &str, tone, state: &str, moment: (&'static str, &str), sold: &str| DropRow {
            link: "/studio/nour/drops/drp_01".into(),
            title: title.into(),
            state: Chip::new(tone, state),
            moment: Some((moment.0, when(moment.1))),
            sold: sold.into(),
        };
        Self {
            frame: Frame::sample(Section::Drops, "Drops"),
            drops: vec![
                row(
                    "Friday firing",
                    Tone::Ok,
                    "Open",
                    ("Closes", "in 12 minutes"),
                    "17 of 40 sold",
                ),
                row(
                    "Winter glaze",
                    Tone::Warn,
                    "Scheduled",
                    ("Opens", "in 3 days"),
                    "0 of 120 sold",
                ),
                row(
                    "First kiln",
                    Tone::Quiet,
                    "Over",
                    ("Closed", "2 months ago"),
                    "30 of 30 sold",
                ),
            ],
            next: None,
            can_plan: true,
            id: "drp_01kdrop".into(),
            title: Field::default(),
            problems: Vec::new(),
        }
    }

    pub fn empty() -> Self {
        Self {
            drops: Vec::new(),
            ..Self::sample()
        }
    }
}
