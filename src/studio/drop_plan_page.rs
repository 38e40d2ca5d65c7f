//! Putting a drop together: what it sells, its stage, its times, its limit. Scheduling it sets its units aside and fixes what buyers are told.

use super::drop_page::why_not;
use super::drops_page::state_chip;
use super::field::{Choice, Field, Problem as Wrong, refusable};
use super::frame::{Chip, Frame, Section, Tone};
use super::preorders_page::end_of_day;
use super::typed::{Typed, amount};
use crate::app::App;
use crate::catalog;
use crate::clips;
use crate::db::{LaneKey, Tx};
use crate::drops::{self, Act, DropState, Hand, NewItem, Plan, Planned, Stage, StreamKind, View, When};
use crate::http::{Form, Path, Problem, Query, page, redirect};
use crate::identity::{Creator, Shop, Staff, shop};
use crate::inventory;
use crate::kernel::{Currency, DropId, Error, Kind, Result as Done, Time, VariantId, words};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::tz::TimeZone;

/// One row of what it sells.
pub struct PlanRow {
    pub variants: Vec<Choice>,
    pub units: Field,
    pub price: Field,
    pub sold: Vec<Choice>,
    /// The day by which it leaves, of what is not there yet.
    pub ships: String,
    pub rules: RuleFields,
}

/// The price rules of a row, as they are typed: one of each kind.
#[derive(Default)]
pub struct RuleFields {
    pub at: String,
    pub at_price: String,
    pub minutes: String,
    pub down: String,
    pub floor: String,
    pub units: String,
    pub units_price: String,
}

impl RuleFields {
    /// The first of each kind.
    fn kept(rules: &[When], zone: &TimeZone) -> Self {
        let mut fields = Self::default();
        for rule in rules.iter().rev() {
            match rule {
                When::At(at, price) => {
                    (fields.at, fields.at_price) = (as_field(Some(*at), zone), words::decimal(*price));
                }
                When::Every { minutes, down, floor } => {
                    (fields.minutes, fields.down) = (minutes.to_string(), words::decimal(*down));
                    fields.floor = words::decimal(*floor);
                }
                When::Sold(units, price) => {
                    (fields.units, fields.units_price) = (units.to_string(), words::decimal(*price));
                }
            }
        }
        fields
    }

    fn typed(typed: &Typed, at: usize) -> Self {
        let text = |name: &str| typed.row(name, at).to_owned();
        Self {
            at: text("rule_at"),
            at_price: text("rule_at_price"),
            minutes: text("rule_minutes"),
            down: text("rule_down"),
            floor: text("rule_floor"),
            units: text("rule_units"),
            units_price: text("rule_units_price"),
        }
    }

    /// Whether the row shows them without being asked.
    pub fn any(&self) -> bool {
        [
            &self.at,
            &self.at_price,
            &self.minutes,
            &self.down,
            &self.floor,
            &self.units,
            &self.units_price,
        ]
        .into_iter()
        .any(|text| !text.is_empty())
    }

    /// The rules they say; `known` beyond the first of each kind stay as they are. Errors: `invalid_field`.
    fn read(&self, currency: Currency, zone: &TimeZone, known: &[When]) -> Done<Vec<When>> {
        let money = |text: &str| amount("/items", text, currency);
        let mut rules = Vec::new();
        if !self.at.is_empty() || !self.at_price.is_empty() {
            let at = moment("/items", &self.at, zone)?;
            let at = at.ok_or_else(|| Error::field("/items", "Say when the price steps."))?;
            rules.push(When::At(at, money(&self.at_price)?));
        }
        if [&self.minutes, &self.down, &self.floor]
            .into_iter()
            .any(|text| !text.is_empty())
        {
            rules.push(When::Every {
                minutes: number("/items", &self.minutes)?,
                down: money(&self.down)?,
                floor: money(&self.floor)?,
            });
        }
        if !self.units.is_empty() || !self.units_price.is_empty() {
            rules.push(When::Sold(number("/items", &self.units)?, money(&self.units_price)?));
        }
        let mut seen = std::collections::BTreeSet::new();
        let more = known.iter().filter(|rule| !seen.insert(drops::rule_kind(rule)));
        rules.extend(more);
        Ok(rules)
    }
}

#[derive(Template)]
#[template(path = "studio/drop_plan.html")]
pub struct DropPlanPage {
    pub frame: Frame,
    pub here: String,
    pub console: String,
    pub version: i64,
    pub state: Chip,
    pub is_draft: bool,
    pub currency: String,
    /// The shop's time zone, as the labels name it.
    pub zone: String,
    pub title: Field,
    pub description: Field,
    pub clips: Vec<Choice>,
    pub stream: Field,
    pub stream_kinds: Vec<Choice>,
    pub opens: Field,
    pub closes: Field,
    pub limit: Field,
    pub hold: Field,
    pub line: Field,
    pub early: Field,
    pub early_buyers: bool,
    pub rows: Vec<PlanRow>,
    /// The shop has nothing that could be sold.
    pub nothing_to_sell: bool,
    pub products: String,
    pub problems: Vec<Wrong>,
}

const PLACES: [(&str, &str, &str); 10] = [
    ("/title", "plan-title", "Title"),
    ("/description", "plan-description", "Words"),
    ("/stream", "plan-stream", "Stream"),
    ("/opens_at", "plan-opens", "Opens"),
    ("/closes_at", "plan-closes", "Closes"),
    ("/limit_per_buyer", "plan-limit", "Limit"),
    ("/hold_minutes", "plan-hold", "Kept for"),
    ("/waiting_room/rate_per_minute", "plan-line", "Waiting room"),
    ("/early_minutes", "plan-early", "Early access"),
    ("/items", "plan-items", "What it sells"),
];
/// Empty rows beside what is planned.
const ROOM: usize = 3;

/// Everything the form chooses from.
struct Desk {
    shop: Shop,
    view: View,
    /// Variant and name.
    variants: Vec<(VariantId, String)>,
    /// How many of each are free in the shop.
    free: Vec<i64>,
    clips: Vec<(String, String)>,
    now: Time,
}

fn read(tx: &mut Tx<'_>, staff: &Staff, id: DropId) -> Done<Desk> {
    let of = shop(tx, staff.shop)?;
    let view = drops::view(tx, staff.shop, id)?.ok_or_else(|| Error::not_found("drop"))?;
    let (mut variants, mut free) = (Vec::new(), Vec::new());
    for product in catalog::list(tx, staff.shop, None, 100)?.data {
        let planned = |id: VariantId| view.items.iter().any(|item| item.variant == id);
        for variant in catalog::variants(tx, staff.shop, product.id, of.currency)? {
            let gone =
                variant.state == catalog::VariantState::Archived || product.state == catalog::ProductState::Archived;
            if gone && !planned(variant.id) {
                continue;
            }
            let left = inventory::availability(tx, variant.id)?.left;
            let name = match variant.title.as_str() {
                "" => product.title.clone(),
                title => format!("{} · {title}", product.title),
            };
            variants.push((variant.id, name));
            free.push(left);
        }
    }
    let clips = clips::list_published(tx, staff.shop, None, 100)?.data;
    Ok(Desk {
        variants,
        free,
        clips: clips
            .into_iter()
            .map(|clip| (clip.clip.to_string(), clip.content.title))
            .collect(),
        shop: of,
        view,
        now: tx.now(),
    })
}

pub async fn show(
    State(app): State<App>,
    creator: Creator,
    Path((_, id)): Path<(String, DropId)>,
    Query(after): Query<super::settings_shop_page::After>,
) -> Result<Response, Problem> {
    let who = creator.0.clone();
    let desk = app.db.read(move |tx| read(tx, &who, id)).await?;
    let mut plan = DropPlanPage::of(&desk, &creator, None);
    plan.frame = plan.frame.after(after.done.as_deref());
    page(&plan)
}

/// Saves the plan; and schedules the drop, if that is what was pressed.
pub async fn save(
    State(app): State<App>,
    creator: Creator,
    Path((_, id)): Path<(String, DropId)>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let (who, given) = (creator.0.clone(), typed.clone());
    let schedules = typed.one("do") == "schedule";
    let saved = app.db.write(LaneKey::of(id), move |tx| {
        let desk = read(tx, &who, id)?;
        let saved = refusable(plan_of(&given, &desk).and_then(|plan| {
            let money = (who.shop, desk.shop.currency);
            drops::edit(tx, money, id, given.version(), &plan, who.staff)
        }))?;
        let (Ok(Planned::Made(_)), true) = (&saved, schedules) else {
            return Ok((saved, None, read(tx, &who, id)?));
        };
        let hand = Hand {
            shop: who.shop,
            drop: id,
            staff: who.staff,
        };
        let act = refusable(drops::schedule(tx, hand))?;
        Ok((saved, Some(act), read(tx, &who, id)?))
    });
    let (saved, act, desk) = saved.await?;
    let mut plan = DropPlanPage::of(&desk, &creator, Some(&typed));
    match (saved, act) {
        (Ok(Planned::Made(_)), None) => return Ok(redirect(&format!("{}?done=saved", plan.here))),
        (Ok(Planned::Made(_)), Some(Ok(Act::Done(_) | Act::Again(_)))) => return Ok(redirect(&plan.console)),
        (Ok(Planned::Made(_)), Some(Ok(refused))) => {
            plan.problems = vec![Wrong::new("plan-items", &why_not(&refused, &desk.variants))]
        }
        (Ok(Planned::Made(_)), Some(Err(error))) => plan.problems = Wrong::all(&error, &PLACES),
        (Ok(Planned::Stale(_)), _) => plan.problems = vec![Wrong::stale()],
        (Ok(Planned::Fixed(why)), _) => plan.problems = vec![Wrong::new("main", why)],
        (Ok(Planned::NotFound | Planned::SlugTaken), _) => return Err(Error::not_found("drop").into()),
        (Err(error), _) => {
            plan.judge(&typed, &error);
            plan.problems = Wrong::all(&error, &PLACES);
        }
    }
    page(&plan)
}

/// The zone whose clock the form is filled in by.
pub(super) fn zone(shop: &Shop) -> TimeZone {
    TimeZone::get(&shop.time_zone).unwrap_or(TimeZone::UTC)
}

/// "2026-11-27T19:00" as a browser's field writes it, by the shop's clock.
pub(super) fn moment(pointer: &'static str, text: &str, zone: &TimeZone) -> Done<Option<Time>> {
    if text.is_empty() {
        return Ok(None);
    }
    let read = text.parse::<jiff::civil::DateTime>().ok();
    let zoned = read.and_then(|at| at.to_zoned(zone.clone()).ok());
    zoned
        .map(|at| Some(Time(at.timestamp().as_microsecond())))
        .ok_or_else(|| Error::field(pointer, "Choose a day and a time, such as 2026-11-27 19:00."))
}

pub(super) fn as_field(at: Option<Time>, zone: &TimeZone) -> String {
    at.map_or_else(String::new, |at| {
        at.timestamp()
            .to_zoned(zone.clone())
            .strftime("%Y-%m-%dT%H:%M")
            .to_string()
    })
}

fn number<T: std::str::FromStr>(pointer: impl Into<std::borrow::Cow<'static, str>>, text: &str) -> Done<T> {
    text.parse().map_err(|_| Error::field(pointer, "Write a whole number."))
}

/// The plan as the form says it. A field that the page does not show any more stays as it was.
fn plan_of(typed: &Typed, desk: &Desk) -> Done<Plan> {
    let drop = &desk.view.drop;
    let kind = match typed.one("stream_kind") {
        "embed" => StreamKind::Embed,
        _ => StreamKind::Hls,
    };
    let draft = drop.state == DropState::Draft;
    let known: Vec<NewItem> = desk
        .view
        .items
        .iter()
        .map(|item| NewItem {
            variant: item.variant,
            allotment: item.allotment,
            price: item.price,
            transient: item.transient,
            ships_by: item.ships_by,
            rules: rules_of(&desk.view, item.variant),
        })
        .collect();
    Ok(Plan {
        title: typed.one("title").to_owned(),
        slug: None,
        description: typed.one("description").to_owned(),
        stage: Stage::read(typed.id("clip"), Some((kind, typed.one("stream"))))?,
        opens_at: match draft || drop.state == DropState::Scheduled {
            true => moment("/opens_at", typed.one("opens"), &zone(&desk.shop))?,
            false => drop.opens_at,
        },
        closes_at: if draft {
            moment("/closes_at", typed.one("closes"), &zone(&desk.shop))?
        } else {
            drop.closes_at
        },
        limit: match (draft, typed.one("limit")) {
            (false, _) => drop.limit,
            (true, "") => 0,
            (true, text) => number("/limit_per_buyer", text)?,
        },
        hold_minutes: if draft {
            number("/hold_minutes", typed.one("hold"))?
        } else {
            drop.hold_minutes
        },
        line_rate: match (draft, typed.one("line")) {
            (false, _) => drop.line_rate,
            (true, "") => 0,
            (true, text) => number("/waiting_room/rate_per_minute", text)?,
        },
        early_minutes: match (draft, typed.one("early")) {
            (false, _) => drop.early_minutes,
            (true, "") => 0,
            (true, text) => number("/early_minutes", text)?,
        },
        early_for_buyers: match draft {
            true => typed.one("early_buyers") == "yes",
            false => drop.early_for_buyers,
        },
        items: if draft { items_of(typed, desk)? } else { known },
    })
}

/// What is planned for a variant.
fn rules_of(view: &View, variant: VariantId) -> Vec<When> {
    let of = view.rules.iter().filter(|rule| rule.variant == variant);
    of.map(|rule| rule.when).collect()
}

fn items_of(typed: &Typed, desk: &Desk) -> Done<Vec<NewItem>> {
    let (currency, zone) = (desk.shop.currency, zone(&desk.shop));
    let mut items = Vec::new();
    for (row, chosen) in typed.all("variant").enumerate() {
        let Ok(variant) = chosen.parse() else {
            continue; // An empty row.
        };
        items.push(NewItem {
            variant,
            allotment: number("/items", typed.row("units", row))
                .map_err(|_| Error::field("/items", "Say for each how many pieces: a whole number."))?,
            price: amount("/items", typed.row("price", row), currency)?,
            transient: typed.row("sold", row) == "here",
            ships_by: match typed.row("ships", row) {
                "" => None,
                day => Some(
                    end_of_day(day, &desk.shop.time_zone)
                        .map_err(|_| Error::field("/items", "Choose the day by which it leaves."))?,
                ),
            },
            rules: RuleFields::typed(typed, row).read(currency, &zone, &rules_of(&desk.view, variant))?,
        });
    }
    Ok(items)
}

impl DropPlanPage {
    /// The plan as it is kept; or, after a refusal, as it was typed.
    fn of(desk: &Desk, staff: &Staff, typed: Option<&Typed>) -> Self {
        let drop = &desk.view.drop;
        let zone = zone(&desk.shop);
        let frame = Frame::of(&desk.shop, staff, Section::Drops, &drop.title);
        let console = format!("{}/{}", frame.to(&Section::Drops), drop.id);
        let told = |name: &str, kept: &str| Field::of(typed.map_or(kept, |typed| typed.one(name)));
        let (stream, kind) = match &drop.stage {
            Stage::Stream(kind, url) => (url.as_str(), kind.word()),
            _ => ("", "hls"),
        };
        let clip = drop.stage.clip().map(|clip| clip.to_string()).unwrap_or_default();
        let clip = told("clip", &clip).value;
        let kind = told("stream_kind", kind).value;
        let mut clips = vec![Choice::new("", "No clip")];
        clips.extend(desk.clips.iter().map(|(id, title)| Choice::new(id, title)));
        clips.iter_mut().for_each(|choice| choice.chosen = choice.value == clip);
        let choice = |value: &str, label: &str, chosen: &str| Choice {
            chosen: value == chosen,
            ..Choice::new(value, label)
        };
        let row = |variant: &str, [units, price, sold, ships]: [&str; 4], rules: RuleFields| {
            let mut variants = vec![Choice::new("", "Choose…")];
            let known = desk.variants.iter().zip(&desk.free);
            variants.extend(
                known.map(|((id, name), free)| choice(&id.to_string(), &format!("{name} ({free} free)"), variant)),
            );
            PlanRow {
                variants,
                units: Field::of(units),
                price: Field::of(price),
                sold: vec![
                    choice("shop", "In the shop too", sold),
                    choice("here", "In this drop only", sold),
                ],
                ships: ships.to_owned(),
                rules,
            }
        };
        let mut rows: Vec<PlanRow> = match typed {
            Some(typed) if drop.state == DropState::Draft => {
                let chosen = typed.all("variant").enumerate();
                let filled = chosen.filter(|(_, variant)| !variant.is_empty());
                filled
                    .map(|(at, variant)| {
                        row(
                            variant,
                            ["units", "price", "sold", "ships"].map(|name| typed.row(name, at)),
                            RuleFields::typed(typed, at),
                        )
                    })
                    .collect()
            }
            _ => {
                let items = desk.view.items.iter();
                items
                    .map(|item| {
                        let sold = if item.transient { "here" } else { "shop" };
                        let ships = item
                            .ships_by
                            .map(|at| at.timestamp().to_zoned(zone.clone()).date().to_string());
                        row(
                            &item.variant.to_string(),
                            [
                                &item.allotment.to_string(),
                                &words::decimal(item.price),
                                sold,
                                &ships.unwrap_or_default(),
                            ],
                            RuleFields::kept(&rules_of(&desk.view, item.variant), &zone),
                        )
                    })
                    .collect()
            }
        };
        rows.extend((0..ROOM).map(|_| row("", ["", "", "shop", ""], RuleFields::default())));
        Self {
            here: format!("{console}/plan"),
            console,
            version: typed.map_or(drop.version, |_| drop.version),
            state: state_chip(&desk.view, desk.now),
            is_draft: drop.state == DropState::Draft,
            currency: desk.shop.currency.to_string(),
            zone: desk.shop.time_zone.clone(),
            title: told("title", &drop.title),
            description: told("description", &drop.description),
            clips,
            stream: told("stream", stream),
            stream_kinds: vec![
                choice("hls", "A playlist (HLS)", &kind),
                choice("embed", "Another platform's player", &kind),
            ],
            opens: told("opens", &as_field(drop.opens_at, &zone)),
            closes: told("closes", &as_field(drop.closes_at, &zone)),
            limit: told(
                "limit",
                &if drop.limit == 0 {
                    String::new()
                } else {
                    drop.limit.to_string()
                },
            ),
            early_buyers: typed.map_or(drop.early_for_buyers, |typed| typed.one("early_buyers") == "yes"),
            hold: told("hold", &drop.hold_minutes.to_string()),
            line: told(
                "line",
                &if drop.line_rate == 0 {
                    String::new()
                } else {
                    drop.line_rate.to_string()
                },
            ),
            early: told(
                "early",
                &if drop.early_minutes == 0 {
                    String::new()
                } else {
                    drop.early_minutes.to_string()
                },
            ),
            rows,
            nothing_to_sell: desk.variants.is_empty(),
            products: frame.to(&Section::Products),
            problems: Vec::new(),
            frame,
        }
    }

    fn judge(&mut self, typed: &Typed, error: &Error) {
        debug_assert!(error.kind == Kind::Invalid, "other errors break the command");
        let fields = [
            (&mut self.title, "title", "/title"),
            (&mut self.description, "description", "/description"),
            (&mut self.stream, "stream", "/stream"),
            (&mut self.opens, "opens", "/opens_at"),
            (&mut self.closes, "closes", "/closes_at"),
            (&mut self.limit, "limit", "/limit_per_buyer"),
            (&mut self.hold, "hold", "/hold_minutes"),
            (&mut self.line, "line", "/waiting_room/rate_per_minute"),
            (&mut self.early, "early", "/early_minutes"),
        ];
        for (field, name, pointer) in fields {
            *field = Field::judged(typed.one(name), error, pointer);
        }
    }

    pub fn sample() -> Self {
        let variants = |chosen: usize| {
            let names = ["Choose…", "Dune mug · Tide (40 free)", "Slow dripper (12 free)"];
            let choice = |(at, name): (usize, &&str)| Choice {
                chosen: at == chosen,
                ..Choice::new(&format!("v{at}"), name)
            };
            names.iter().enumerate().map(choice).collect()
        };
        let row = |chosen: usize, units: &str, price: &str| PlanRow {
            variants: variants(chosen),
            units: Field::of(units),
            price: Field::of(price),
            sold: vec![
                Choice::chosen("shop", "In the shop too"),
                Choice::new("here", "In this drop only"),
            ],
            ships: match chosen {
                2 => "2026-12-18".into(),
                _ => String::new(),
            },
            rules: match chosen {
                1 => RuleFields {
                    at: "2026-11-27T19:10".into(),
                    at_price: "18.00".into(),
                    ..RuleFields::default()
                },
                _ => RuleFields::default(),
            },
        };
        Self {
            frame: Frame::sample(Section::Drops, "Friday firing"),
            here: "/studio/nour/drops/drp_01/plan".into(),
            console: "/studio/nour/drops/drp_01".into(),
            version: 3,
            state: Chip::new(Tone::Quiet, "Draft"),
            is_draft: true,
            currency: "EUR".into(),
            zone: "Europe/Berlin".into(),
            title: Field::of("Friday firing"),
            description: Field::of("Forty mugs out of one kiln."),
            clips: vec![
                Choice::new("", "No clip"),
                Choice::chosen("clp_1", "From clay to coffee"),
            ],
            stream: Field::default(),
            stream_kinds: vec![
                Choice::chosen("hls", "A playlist (HLS)"),
                Choice::new("embed", "Another platform's player"),
            ],
            opens: Field::of("2026-11-27T19:00"),
            closes: Field::of("2026-11-27T19:30"),
            limit: Field::of("2"),
            hold: Field::of("3"),
            line: Field::of("600"),
            early: Field::of("10"),
            early_buyers: true,
            rows: vec![
                row(1, "40", "25.00"),
                row(2, "12", "42.00"),
                row(0, "", ""),
                row(0, "", ""),
            ],
            nothing_to_sell: false,
            products: "/studio/nour/products".into(),
            problems: Vec::new(),
        }
    }

    pub fn sample_refused() -> Self {
        let mut page = Self::sample();
        page.closes = Field::wrong("2026-11-27T18:00", "A drop closes after it opens.");
        page.problems = vec![Wrong::new("plan-closes", "Closes: A drop closes after it opens.")];
        page
    }

    pub fn sample_scheduled() -> Self {
        Self {
            is_draft: false,
            state: Chip::new(Tone::Warn, "Scheduled"),
            ..Self::sample()
        }
    }
}
