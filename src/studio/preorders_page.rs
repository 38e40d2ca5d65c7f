//! Pre-orders: what is sold before it is there, for which day, who waits, and the goods that arrive.

use super::field::{Choice, Field, Problem as Wrong, refusable};
use super::frame::{Chip, Frame, Section, Tone};
use super::settings_shop_page::After;
use super::typed::Typed;
use crate::app::App;
use crate::catalog::{self, Kind};
use crate::db::{LaneKey, Tx};
use crate::http::{Form, NewId, Problem, Query, page, redirect};
use crate::identity::{Analyst, Creator, Shop, Staff, shop};
use crate::kernel::{Error, PreorderId, Result as Done, Time, VariantId, words};
use crate::preorders::{self, Act, NewPreorder, Preorder, PreorderState};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::tz::TimeZone;

pub struct PreorderRow {
    pub id: String,
    pub name: String,
    pub state: Chip,
    /// "Leaves by 3 March 2027".
    pub day: String,
    /// As a field takes it.
    pub day_typed: String,
    /// "12 sold, 8 left".
    pub sold: String,
    /// "5 pieces of 4 buyers wait for goods"; empty: nobody.
    pub waits: String,
    /// What was counted in when the page was read.
    pub counted: i64,
    pub is_open: bool,
    pub is_done: bool,
}

#[derive(Template)]
#[template(path = "studio/preorders.html")]
pub struct PreordersPage {
    pub frame: Frame,
    pub rows: Vec<PreorderRow>,
    pub can_run: bool,
    /// Chosen before the form is sent: pressing twice is one pre-order.
    pub id: String,
    pub variants: Vec<Choice>,
    pub units: Field,
    pub day: Field,
    pub zone: String,
    pub problems: Vec<Wrong>,
}

const PLACES: [(&str, &str, &str); 3] = [
    ("/variant", "new-variant", "Piece"),
    ("/units", "new-units", "Units"),
    ("/ships_by", "new-day", "Leaves by"),
];

struct Desk {
    shop: Shop,
    rows: Vec<(Preorder, i64, (i64, i64))>,
    variants: Vec<(VariantId, String)>,
}

/// Products that the form offers.
const MOST: i64 = 200;

fn read(tx: &mut Tx<'_>, staff: &Staff) -> Done<Desk> {
    let shop = shop(tx, staff.shop)?;
    let mut variants = Vec::new();
    for product in catalog::list(tx, shop.id, None, MOST)?.data {
        if product.kind != Kind::Physical || product.state == catalog::ProductState::Archived {
            continue;
        }
        for variant in catalog::variants(tx, shop.id, product.id, shop.currency)? {
            let name = match variant.title.as_str() {
                "" => product.title.clone(),
                title => format!("{} · {title}", product.title),
            };
            variants.push((variant.id, name));
        }
    }
    let mut rows = Vec::new();
    for preorder in preorders::list(tx, shop.id, 100)? {
        let left = preorders::stock(tx, &preorder)?.map_or(0, |row| row.left());
        rows.push((preorder, left, preorders::waiting(tx, preorder.id)?));
    }
    Ok(Desk { shop, rows, variants })
}

pub async fn show(State(app): State<App>, staff: Analyst, Query(after): Query<After>) -> Result<Response, Problem> {
    let who = staff.0.clone();
    let desk = app.db.read(move |tx| read(tx, &who)).await?;
    let mut preorders = PreordersPage::of(&app, &desk, &staff);
    preorders.frame = preorders.frame.after(after.done.as_deref());
    page(&preorders)
}

/// Begins a pre-order, counts goods in, moves its day, or takes no more; or comes back with what was typed.
pub async fn run(
    State(app): State<App>,
    creator: Creator,
    fresh: NewId,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let who = creator.0.clone();
    let id: PreorderId = typed.id("id").unwrap_or(fresh.get());
    let given = typed.clone();
    let done = app.db.write(LaneKey::of(id), move |tx| {
        let zone = shop(tx, who.shop)?.time_zone;
        refusable(act(tx, &who, id, &given, &zone))
    });
    let error = match done.await {
        Ok(Ok(Act::NotFound)) => return Err(Error::not_found("pre-order").into()),
        Ok(Ok(Act::Wrong(_))) => Error::invalid("wrong_preorder_state", "Everybody has theirs already."),
        Ok(Ok(Act::Done(_) | Act::Again(_))) => {
            let who = creator.0.clone();
            let slug = app.db.read(move |tx| Ok(shop(tx, who.shop)?.slug)).await?;
            return Ok(redirect(&format!("/studio/{slug}/preorders?done=saved")));
        }
        Ok(Err(error)) => error,
        Err(error) if matches!(error.code, "preorder_open" | "id_reused") => error,
        Err(error) => return Err(error.into()),
    };
    let who = creator.0.clone();
    let desk = app.db.read(move |tx| read(tx, &who)).await?;
    let mut again = PreordersPage::of(&app, &desk, &creator);
    if typed.one("do") == "take" {
        again.units = Field::judged(typed.one("units"), &error, "/units");
        again.day = Field::judged(typed.one("day"), &error, "/ships_by");
        let chosen = typed.one("variant");
        (again.variants.iter_mut()).for_each(|choice| choice.chosen = choice.value == chosen);
        again.problems = Wrong::all(&error, &PLACES);
    } else {
        let said = error.fields.first().map_or(&error.detail, |field| &field.detail);
        again.problems = vec![Wrong::new("main", said)];
    }
    page(&again)
}

fn act(tx: &mut Tx<'_>, staff: &Staff, id: PreorderId, typed: &Typed, zone: &str) -> Done<Act> {
    let units = || {
        let units = typed.one("units").parse();
        units.map_err(|_| Error::field("/units", "Write how many: a whole number."))
    };
    match typed.one("do") {
        "arrive" => preorders::receive(tx, staff.shop, id, units()?, typed.one("after").parse().ok()),
        "delay" => preorders::delay(tx, staff.shop, id, end_of_day(typed.one("day"), zone)?),
        "close" => preorders::close(tx, staff.shop, id),
        _ => {
            let variant = typed
                .id("variant")
                .ok_or_else(|| Error::field("/variant", "Choose what you sell before it is there."))?;
            let new = NewPreorder {
                variant,
                units: units()?,
                ships_by: end_of_day(typed.one("day"), zone)?,
            };
            preorders::take(tx, staff.shop, id, new).map(Act::Done)
        }
    }
}

/// The last minute of a day by the shop's clock.
pub(super) fn end_of_day(text: &str, zone: &str) -> Done<Time> {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let day = text.parse::<jiff::civil::Date>().ok();
    day.and_then(|day| day.at(23, 59, 0, 0).to_zoned(zone).ok())
        .map(|at| Time(at.timestamp().as_microsecond()))
        .ok_or_else(|| Error::field("/ships_by", "Choose a day."))
}

impl PreorderRow {
    fn of(desk: &Desk, preorder: &Preorder, left: i64, (buyers, waiting): (i64, i64)) -> Self {
        let zone = &desk.shop.time_zone;
        let name = desk.variants.iter().find(|(id, _)| *id == preorder.variant);
        let count = |of: i64| u64::try_from(of).unwrap_or(0);
        let state = match (preorder.state, preorder.late) {
            (PreorderState::Done, _) => Chip::new(Tone::Quiet, "Everybody has theirs"),
            (_, true) => Chip::new(Tone::Bad, "Late"),
            (PreorderState::Open, _) => Chip::new(Tone::Ok, "Open"),
            (PreorderState::Closed, _) => Chip::new(Tone::Warn, "Waits for goods"),
        };
        let day = preorder.ships_by.timestamp();
        let zoned = day.to_zoned(TimeZone::get(zone).unwrap_or(TimeZone::UTC));
        Self {
            id: preorder.id.to_string(),
            name: name.map_or_else(|| "Something archived".into(), |(_, name)| name.clone()),
            state,
            day: match preorder.is_in_drop() {
                true => format!("Sold in a drop, leaves by {}", words::day_in(preorder.ships_by, zone)),
                false => format!("Leaves by {}", words::day_in(preorder.ships_by, zone)),
            },
            day_typed: zoned.date().to_string(),
            sold: match preorder.state {
                PreorderState::Open => format!(
                    "{} left of {}, {} arrived",
                    left,
                    words::count(count(preorder.units), "piece", "pieces"),
                    preorder.arrived
                ),
                _ => format!(
                    "{} arrived of {}",
                    preorder.arrived,
                    words::count(count(preorder.units), "piece", "pieces")
                ),
            },
            waits: match waiting {
                0 => String::new(),
                _ => format!(
                    "{} in {} for goods",
                    words::count(count(waiting), "piece waits", "pieces wait"),
                    words::count(count(buyers), "order", "orders")
                ),
            },
            counted: preorder.counted,
            is_open: preorder.state == PreorderState::Open,
            is_done: preorder.state == PreorderState::Done,
        }
    }
}

impl PreordersPage {
    fn of(app: &App, desk: &Desk, staff: &Staff) -> Self {
        let mut variants = vec![Choice::new("", "Choose…")];
        variants.extend(
            desk.variants
                .iter()
                .map(|(id, name)| Choice::new(&id.to_string(), name)),
        );
        Self {
            frame: Frame::of(&desk.shop, staff, Section::Products, "Pre-orders"),
            rows: desk
                .rows
                .iter()
                .map(|(preorder, left, waits)| PreorderRow::of(desk, preorder, *left, *waits))
                .collect(),
            can_run: staff.role.may_create(),
            id: app.random.id::<PreorderId>(app.clock.wall()).to_string(),
            variants,
            units: Field::default(),
            day: Field::default(),
            zone: desk.shop.time_zone.clone(),
            problems: Vec::new(),
        }
    }

    pub fn sample() -> Self {
        let row = |name: &str, state: Chip, sold: &str, waits: &str, is_open: bool, is_done: bool| PreorderRow {
            id: "pre_01kpre".into(),
            name: name.into(),
            state,
            day: "Leaves by 12 January 2027".into(),
            day_typed: "2027-01-12".into(),
            sold: sold.into(),
            waits: waits.into(),
            counted: 4,
            is_open,
            is_done,
        };
        Self {
            frame: Frame::sample(Section::Products, "Pre-orders"),
            rows: vec![
                row(
                    "Dune mug",
                    Chip::new(Tone::Ok, "Open"),
                    "18 left of 30 pieces, 4 arrived",
                    "8 pieces wait in 7 orders for goods",
                    true,
                    false,
                ),
                row(
                    "Tide bowl",
                    Chip::new(Tone::Bad, "Late"),
                    "0 arrived of 5 pieces",
                    "5 pieces wait in 5 orders for goods",
                    false,
                    false,
                ),
                row(
                    "Jug",
                    Chip::new(Tone::Quiet, "Everybody has theirs"),
                    "12 arrived of 12 pieces",
                    "",
                    false,
                    true,
                ),
            ],
            can_run: true,
            id: "pre_01knew".into(),
            variants: vec![Choice::new("", "Choose…"), Choice::new("var_1", "Dune mug")],
            units: Field::default(),
            day: Field::default(),
            zone: "Europe/Berlin".into(),
            problems: Vec::new(),
        }
    }

    pub fn empty() -> Self {
        Self {
            rows: Vec::new(),
            ..Self::sample()
        }
    }
}
