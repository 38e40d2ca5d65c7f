//! The host's console: one big next action, what buyers see now, figures off the rows, and everything else a thumb's reach away.
//!
//! What cannot be taken back (opening, closing, releasing units) is asked twice; a pin and a price step can be undone.

use super::drops_page::state_chip;
use super::field::Problem as Wrong;
use super::frame::{Chip, Frame, Section, Tone};
use super::order_page::Happening;
use super::settings_shop_page::After;
use super::typed::{Typed, amount};
use super::when::When;
use crate::app::App;
use crate::catalog;
use crate::db::{LaneKey, Tx};
use crate::drops::api::wrong_state;
use crate::drops::early_api::early_url;
use crate::drops::{
    self, Act, DropState, EarlyLink, Event, EventKind, Hand, Item, Phase, Rule, RuleState, View, When as PriceWhen,
};
use crate::http::{Form, Path, Problem, Query, page, redirect};
use crate::identity::{self, Analyst, Creator, Packer, Shop, Staff, shop};
use crate::kernel::{Currency, DropId, Error, Kind, Money, Result as Done, Seconds, Time, VariantId, words};
use crate::storefront::drop_page::left_words;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

/// The one thing to do next.
pub enum NextAct {
    Open,
    GoOn,
    /// Variant and name.
    Pin(String, String),
    /// Something was sold out and the shop has more: variant and name.
    Release(String, String),
    Close,
    PutAway,
    /// Nothing to do; why.
    Wait(String),
}

pub struct ConsoleItem {
    pub variant: String,
    pub name: String,
    pub price: String,
    /// As a field takes it.
    pub price_typed: String,
    pub allotment: u32,
    pub left: i64,
    pub reserved: i64,
    pub sold: i64,
    pub returned: i64,
    /// Free in the shop: what may be released.
    pub shelf: i64,
    pub pinned: bool,
    pub transient: bool,
    /// "Pre-order, leaves by 18 December 2026"; empty: it is on the shelf.
    pub ships: String,
    /// Its price rules that may step still.
    pub rules: Vec<ConsoleRule>,
}

/// A price rule that will step.
pub struct ConsoleRule {
    pub id: String,
    /// "€18.00 from 27 November 2026, 20:10 UTC".
    pub text: String,
}

impl ConsoleRule {
    fn of(rule: &Rule, zone: &str) -> Self {
        let exact = |at| words::exact_in(at, zone);
        Self {
            id: rule.id.to_string(),
            text: match rule.when {
                PriceWhen::At(at, price) => format!("{} from {}", words::money(price), exact(at)),
                PriceWhen::Every { minutes, down, floor } => format!(
                    "{} less every {}, down to {}{}",
                    words::money(down),
                    words::count(u64::from(minutes), "minute", "minutes"),
                    words::money(floor),
                    rule.next_at.map_or(String::new(), |at| format!("; next {}", exact(at)))
                ),
                PriceWhen::Sold(units, price) => format!(
                    "{} once {} paid",
                    words::money(price),
                    match units {
                        1 => "1 is".to_owned(),
                        units => format!("{units} are"),
                    }
                ),
            },
        }
    }
}

/// Early access, for the host.
pub struct EarlyDesk {
    /// "10 minutes earlier, from 27 November 2026, 19:50 CET".
    pub from: String,
    pub links: Vec<LinkRow>,
    /// It has not opened: more can be invited.
    pub may_invite: bool,
}

pub struct LinkRow {
    pub id: String,
    pub label: String,
    /// "3 of 20 used it".
    pub used: String,
    pub url: String,
    pub revoked: bool,
}

impl EarlyDesk {
    fn of(desk: &Desk, phase: Phase) -> Option<Self> {
        let drop = &desk.view.drop;
        let from = drop.early_from()?;
        let row = |(link, url): &(EarlyLink, String)| LinkRow {
            id: link.id.to_string(),
            label: link.label.clone(),
            used: format!("{} of {} used it", link.used, link.people),
            url: url.clone(),
            revoked: link.revoked,
        };
        Some(Self {
            from: format!(
                "{} earlier, from {}",
                words::count(u64::from(drop.early_minutes), "minute", "minutes"),
                words::exact_in(from, &desk.shop.time_zone)
            ),
            links: desk.links.iter().map(row).collect(),
            may_invite: phase == Phase::Before,
        })
    }
}

/// What buyers see now.
pub struct SeenNow {
    pub sentence: String,
    pub title: String,
    pub price: String,
    pub availability: String,
    /// What their button says; empty: there is none.
    pub button: &'static str,
    /// Whether it can be pressed.
    pub can_buy: bool,
}

/// A pin or a price step that can be taken back.
pub struct Undo {
    /// "The price of Dune mug goes back to €25.00".
    pub label: String,
    pub act: &'static str,
    pub variant: String,
    pub price: String,
}

#[derive(Template)]
#[template(path = "studio/drop.html")]
pub struct DropPage {
    pub frame: Frame,
    pub here: String,
    pub title: String,
    pub state: Chip,
    pub shop_page: String,
    pub can_run: bool,
    pub can_pin: bool,
    pub running: bool,
    pub is_open: bool,
    /// Its waiting room: whether each new turn costs work by the host's switch, and whether there is a rush now.
    pub door: Option<(bool, bool)>,
    pub next: NextAct,
    pub moment: Option<(&'static str, When)>,
    pub figures: Vec<(&'static str, i64)>,
    pub seen: SeenNow,
    pub items: Vec<ConsoleItem>,
    pub undo: Option<Undo>,
    pub limit: String,
    pub history: Vec<Happening>,
    /// Links that let guests in earlier, if it opens earlier for any: and until when they can be made.
    pub early: Option<EarlyDesk>,
    pub currency: String,
    pub drop: String,
    pub key: String,
    pub problems: Vec<Wrong>,
}

struct Desk {
    shop: Shop,
    view: View,
    names: Vec<(VariantId, String)>,
    shelf: Vec<(VariantId, i64)>,
    events: Vec<Event>,
    staff: Vec<(crate::kernel::StaffId, String)>,
    key: String,
    /// Early access: each link with its address.
    links: Vec<(EarlyLink, String)>,
    now: Time,
}

/// What the things of a drop are called.
pub(super) fn item_names(tx: &mut Tx<'_>, shop: &Shop, items: &[Item]) -> Done<Vec<(VariantId, String)>> {
    let mut names = Vec::with_capacity(items.len());
    for item in items {
        let product = catalog::product_of(tx, shop.id, item.variant)?;
        let variant = catalog::variant(tx, shop.id, item.variant, shop.currency)?;
        let title = product.map(|product| product.title).unwrap_or_default();
        let name = match variant.map(|variant| variant.title).filter(|title| !title.is_empty()) {
            Some(variant) => format!("{title} · {variant}"),
            None => title,
        };
        names.push((item.variant, name));
    }
    Ok(names)
}

fn read(tx: &mut Tx<'_>, app: &App, staff: &Staff, id: DropId) -> Done<Desk> {
    let of = shop(tx, staff.shop)?;
    let view = drops::view(tx, staff.shop, id)?.ok_or_else(|| Error::not_found("drop"))?;
    let names = item_names(tx, &of, &view.items)?;
    let mut shelf = Vec::new();
    for item in &view.items {
        shelf.push((item.variant, crate::inventory::availability(tx, item.variant)?.left));
    }
    Ok(Desk {
        events: drops::events(tx, id)?,
        key: identity::publishable_key(tx, of.id)?,
        links: drops::early_links(tx, id)?
            .into_iter()
            .map(|link| {
                let url = early_url(app, &of.slug, &view.drop, link.id);
                (link, url)
            })
            .collect(),
        staff: identity::people(tx, of.id)?
            .into_iter()
            .map(|person| (person.id, person.name))
            .collect(),
        shop: of,
        view,
        names,
        shelf,
        now: tx.now(),
    })
}

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Path((_, id)): Path<(String, DropId)>,
    Query(after): Query<After>,
) -> Result<Response, Problem> {
    let (who, here) = (staff.0.clone(), app.clone());
    let desk = app.db.read(move |tx| read(tx, &here, &who, id)).await?;
    let mut console = DropPage::of(&desk, &staff);
    if desk.view.drop.state == DropState::Draft && staff.role.may_create() {
        return Ok(redirect(&format!("{}/plan", console.here)));
    }
    console.frame = console.frame.after(after.done.as_deref());
    page(&console)
}

/// Whatever a host does, but pinning.
pub async fn run(
    State(app): State<App>,
    creator: Creator,
    Path((_, id)): Path<(String, DropId)>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    act(&app, &creator.0, id, typed, run_act).await
}

/// Says what is on the table.
pub async fn pin(
    State(app): State<App>,
    helper: Packer,
    Path((_, id)): Path<(String, DropId)>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    act(&app, &helper.0, id, typed, |tx, hand, typed, _| {
        drops::pin(tx, hand, typed.id("variant"))
    })
    .await
}

async fn act(
    app: &App,
    staff: &Staff,
    id: DropId,
    typed: Typed,
    act: fn(&mut Tx<'_>, Hand, &Typed, &View) -> Done<Act>,
) -> Result<Response, Problem> {
    let (who, here) = (staff.clone(), app.clone());
    let acted = app.db.write(LaneKey::of(id), move |tx| {
        let hand = Hand {
            shop: who.shop,
            drop: id,
            staff: who.staff,
        };
        let view = drops::view(tx, who.shop, id)?.ok_or_else(|| Error::not_found("drop"))?;
        let done = match act(tx, hand, &typed, &view) {
            Err(error) if error.kind == Kind::Invalid => Err(error),
            other => Ok(other?),
        };
        Ok((done, read(tx, &here, &who, id)?))
    });
    let (done, desk) = acted.await?;
    let mut console = DropPage::of(&desk, staff);
    console.problems = match done {
        Ok(Act::Done(_) | Act::Again(_)) => return Ok(redirect(&console.here)),
        Ok(refused) => vec![Wrong::new("main", &why_not(&refused, &desk.names))],
        Err(error) => Wrong::all(&error, &[]),
    };
    page(&console)
}

fn run_act(tx: &mut Tx<'_>, hand: Hand, typed: &Typed, view: &View) -> Done<Act> {
    let variant = || {
        typed
            .id::<VariantId>("variant")
            .ok_or_else(|| Error::field("/variant", "Choose what it is about."))
    };
    match typed.one("do") {
        "open" => drops::open(tx, hand),
        "pause" => drops::pause(tx, hand),
        "close" => drops::close(tx, hand),
        "archive" => drops::archive(tx, hand),
        "release" => {
            let units = typed.one("units").parse();
            let units = units.map_err(|_| Error::field("/units", "Write how many pieces: a whole number."))?;
            drops::release(tx, hand, variant()?, units)
        }
        "price" => {
            let currency = view.items.first().map_or(Currency::EUR, |item| item.price.currency);
            drops::step_price(tx, hand, variant()?, amount("/price", typed.one("price"), currency)?)
        }
        "guard" => drops::guard(tx, hand, true),
        "unguard" => drops::guard(tx, hand, false),
        "invite" => {
            let people = typed.one("people").parse();
            let people = people.map_err(|_| Error::field("/people", "Write how many people: a whole number."))?;
            let id = tx.id();
            drops::issue_link(tx, hand, id, typed.one("label"), people)
        }
        "revoke" => {
            let link = typed
                .id("link")
                .ok_or_else(|| Error::field("/link", "Choose what it is about."))?;
            drops::revoke_link(tx, hand, link)
        }
        "stop_rule" => {
            let rule = typed
                .id("rule")
                .ok_or_else(|| Error::field("/rule", "Choose what it is about."))?;
            drops::stop_rule(tx, hand, rule)
        }
        "extend" => {
            let minutes: i64 = typed.one("minutes").parse().unwrap_or(0);
            let from = view.drop.closes_at.map_or(tx.now(), |at| at.max(tx.now()));
            drops::extend(tx, hand, from.plus(Seconds::minutes(minutes.clamp(0, 24 * 60))))
        }
        _ => Err(Error::field("/do", "Press one of the buttons.")),
    }
}

/// Why something was not done, in a sentence for the host.
pub(super) fn why_not(act: &Act, names: &[(VariantId, String)]) -> String {
    let name = |variant: &VariantId| {
        let known = names.iter().find(|(id, _)| id == variant);
        known.map_or("It", |(_, name)| name.as_str()).to_owned()
    };
    match act {
        Act::Done(_) | Act::Again(_) => String::new(),
        Act::NotFound => "There is no such drop.".into(),
        Act::Wrong(state) => wrong_state(*state).into(),
        Act::NoSuchLink => "There is no such link.".into(),
        Act::NoSuchRule => "There is no such price rule.".into(),
        Act::NoItems => "Say first what it sells, and how much of it.".into(),
        Act::NoSuchItem(variant) => format!("{} is not sold in this drop.", name(variant)),
        Act::NotForSale(variant) => format!(
            "{} is not for sale in the shop. Publish its product, or sell it in this drop only.",
            name(variant)
        ),
        Act::LastVariant(variant) => format!(
            "{} is all its product sells, so it cannot be in this drop only. Make the product a draft first.",
            name(variant)
        ),
        Act::InAnotherDrop(variant) => format!(
            "Another drop sells {}, and here it is to be sold only in this one.",
            name(variant)
        ),
        Act::NotEnough { variant } => format!(
            "There are not that many free pieces of {} in one place. Count them in first, or take fewer.",
            name(variant)
        ),
    }
}

/// What an event says in words: tone, title, detail.
pub(super) fn told(event: &Event, names: &[(VariantId, String)], currency: Currency) -> (Tone, &'static str, String) {
    let detail: serde_json::Value = serde_json::from_str(&event.detail).unwrap_or_default();
    let name = |field: &str| {
        let id = detail[field].as_str().and_then(|text| text.parse::<VariantId>().ok());
        let known = names.iter().find(|(known, _)| Some(*known) == id);
        known.map(|(_, name)| name.clone())
    };
    let money = |field: &str| words::money(Money::new(detail[field].as_i64().unwrap_or(0), currency));
    let units = |field: &str| words::count(detail[field].as_u64().unwrap_or(0), "piece", "pieces");
    match event.kind {
        EventKind::Created => (Tone::Quiet, "Planned", String::new()),
        EventKind::Edited => (Tone::Quiet, "Changed", String::new()),
        EventKind::Scheduled => (Tone::Ok, "Scheduled", "Its units were set aside.".into()),
        EventKind::Opened => (Tone::Ok, "Opened", String::new()),
        EventKind::Paused => (Tone::Warn, "Paused", String::new()),
        EventKind::Resumed => (Tone::Ok, "Went on", String::new()),
        EventKind::Pinned => match name("to") {
            Some(name) => (Tone::Quiet, "On the table", format!("{name}.")),
            None => (Tone::Quiet, "Nothing on the table", String::new()),
        },
        EventKind::PriceStep => (
            Tone::Quiet,
            match detail["rule"]["kind"].as_str() {
                None => "Another price",
                Some("sold") => "Another price, by what was sold",
                Some(_) => "Another price, by its rule",
            },
            format!(
                "{}: from {} to {}.",
                name("variant").unwrap_or_default(),
                money("from"),
                money("to")
            ),
        ),
        EventKind::RuleStopped => (
            Tone::Quiet,
            "Price rule stopped",
            name("variant").map(|name| format!("{name}.")).unwrap_or_default(),
        ),
        EventKind::Guarded => match detail["on"].as_bool() {
            Some(true) => (
                Tone::Warn,
                "Work at the door",
                "Each new turn costs a moment of work.".into(),
            ),
            _ => (Tone::Quiet, "Work at the door only in a rush", String::new()),
        },
        EventKind::LinkIssued => (
            Tone::Quiet,
            "Invited guests",
            format!(
                "A link for {}.",
                words::count(detail["people"].as_u64().unwrap_or(0), "person", "people")
            ),
        ),
        EventKind::GuestsNamed => (
            Tone::Quiet,
            "Named guests",
            format!(
                "{}.",
                words::count(detail["mailboxes"].as_u64().unwrap_or(0), "mailbox", "mailboxes")
            ),
        ),
        EventKind::LinkRevoked => (Tone::Quiet, "Took a link back", String::new()),
        EventKind::Released => (
            Tone::Ok,
            "Released",
            format!("{} of {}.", units("units"), name("variant").unwrap_or_default()),
        ),
        EventKind::Extended => (Tone::Quiet, "Extended", String::new()),
        EventKind::Closed => (Tone::Quiet, "Closed", String::new()),
        EventKind::Returned => (Tone::Quiet, "Went back to the shelf", format!("{}.", units("units"))),
        EventKind::Settled => (Tone::Ok, "Settled", format!("{} sold.", units("sold"))),
        EventKind::Archived => (Tone::Quiet, "Put away", String::new()),
    }
}

impl DropPage {
    fn of(desk: &Desk, staff: &Staff) -> Self {
        let (view, drop, now) = (&desk.view, &desk.view.drop, desk.now);
        let frame = Frame::of(&desk.shop, staff, Section::Drops, &drop.title);
        let phase = drop.phase(now);
        let name = |variant: VariantId| {
            let known = desk.names.iter().find(|(id, _)| *id == variant);
            known.map(|(_, name)| name.clone()).unwrap_or_default()
        };
        let items: Vec<ConsoleItem> = view
            .items
            .iter()
            .zip(&desk.shelf)
            .map(|(item, (_, shelf))| ConsoleItem::of(view, item, name(item.variant), *shelf, &desk.shop.time_zone))
            .collect();
        let totals = view.totals();
        let at_home = |at| When {
            exact: words::exact_in(at, &desk.shop.time_zone),
            ..When::of(at, now)
        };
        let happening = |event: &Event| {
            let (tone, title, detail) = told(event, &desk.names, desk.shop.currency);
            let by = match event.staff {
                None => "By the clock, or a key.".to_owned(),
                Some(id) => match desk.staff.iter().find(|(known, _)| *known == id) {
                    Some((_, name)) => format!("By {name}."),
                    None => "By somebody who left.".into(),
                },
            };
            Happening {
                tone,
                title: title.into(),
                detail: [detail, by]
                    .into_iter()
                    .filter(|part| !part.is_empty())
                    .collect::<Vec<_>>()
                    .join(" "),
                amount: String::new(),
                at: When::of(event.at, now),
            }
        };
        Self {
            here: format!("{}/{}", frame.to(&Section::Drops), drop.id),
            title: drop.title.clone(),
            state: state_chip(view, now),
            shop_page: format!("/s/{}/drops/{}", desk.shop.slug, drop.slug),
            can_run: staff.role.may_create(),
            can_pin: staff.role.may_pack(),
            running: matches!(phase, Phase::Before | Phase::Open | Phase::Paused),
            is_open: phase == Phase::Open && drop.state == DropState::Open,
            door: view
                .line
                .as_ref()
                .map(|line| (line.guarded, line.rush_until.is_some_and(|until| until > now))),
            next: NextAct::of(view, phase, &items),
            moment: match phase {
                Phase::Before => drop.opens_at.map(|at| ("Opens", at_home(at))),
                Phase::Open | Phase::Paused => drop.closes_at.map(|at| ("Closes", at_home(at))),
                Phase::Over => drop.closed_at.map(|at| ("Closed", When::of(at, now))),
                Phase::Draft => None,
            },
            figures: view
                .line
                .iter()
                .map(|line| ("Waiting", line.arrivals - line.admitted))
                .chain([
                    ("Left", totals.left),
                    ("In checkouts", totals.reserved),
                    ("Paid", totals.sold),
                    (
                        "Back on the shelf",
                        // What is expected no more was on no shelf.
                        items
                            .iter()
                            .filter(|item| item.ships.is_empty())
                            .map(|item| item.returned)
                            .sum(),
                    ),
                ])
                .collect(),
            seen: SeenNow::of(view, phase, &items),
            undo: Undo::of(desk, phase),
            limit: match drop.limit {
                0 => "No limit for a buyer".into(),
                limit => format!("{} for each buyer", words::count(u64::from(limit), "piece", "pieces")),
            },
            history: desk.events.iter().rev().take(50).map(happening).collect(),
            early: EarlyDesk::of(desk, phase),
            currency: desk.shop.currency.to_string(),
            drop: drop.id.to_string(),
            key: desk.key.clone(),
            problems: Vec::new(),
            items,
            frame,
        }
    }

    pub fn sample() -> Self {
        let item = |id: &str, name: &str, price: &str, left, reserved, sold, pinned| ConsoleItem {
            variant: id.into(),
            name: name.into(),
            price: format!("€{price}"),
            price_typed: price.into(),
            allotment: 40,
            left,
            reserved,
            sold,
            returned: 0,
            shelf: 12,
            pinned,
            transient: false,
            ships: match pinned {
                true => String::new(),
                false => "Pre-order, leaves by 18 December 2026".into(),
            },
            rules: match pinned {
                true => vec![ConsoleRule {
                    id: "prr_1".into(),
                    text: "€18.00 from 27 November 2026, 19:20 UTC".into(),
                }],
                false => Vec::new(),
            },
        };
        let when = |relative: &str| When::new(relative, "27 November 2026, 19:12 UTC", "2026-11-27T19:12:00Z");
        let happening = |tone, title: &str, detail: &str, at: &str| Happening {
            tone,
            title: title.into(),
            detail: detail.into(),
            amount: String::new(),
            at: when(at),
        };
        Self {
            frame: Frame::sample(Section::Drops, "Friday firing"),
            here: "/studio/nour/drops/drp_01".into(),
            title: "Friday firing".into(),
            state: Chip::new(Tone::Ok, "Open"),
            shop_page: "/s/nour/drops/friday-firing".into(),
            can_run: true,
            can_pin: true,
            running: true,
            is_open: true,
            door: None,
            next: NextAct::Pin("var_2".into(), "Slow dripper".into()),
            moment: Some(("Closes", when("in 12 minutes"))),
            figures: vec![
                ("Left", 21),
                ("In checkouts", 5),
                ("Paid", 26),
                ("Back on the shelf", 0),
            ],
            seen: SeenNow {
                sentence: "Open now.".into(),
                title: "Dune mug · Tide".into(),
                price: "€25.00".into(),
                availability: "18 left, 5 in checkouts".into(),
                button: "Buy",
                can_buy: true,
            },
            items: vec![
                item("var_1", "Dune mug · Tide", "25.00", 18, 5, 17, true),
                item("var_2", "Slow dripper", "42.00", 3, 0, 9, false),
            ],
            undo: Some(Undo {
                label: "Dune mug · Tide back to €28.00".into(),
                act: "price",
                variant: "var_1".into(),
                price: "28.00".into(),
            }),
            limit: "2 pieces for each buyer".into(),
            history: vec![
                happening(
                    Tone::Quiet,
                    "Another price",
                    "Dune mug · Tide: from €28.00 to €25.00. By Lina Haddad.",
                    "just now",
                ),
                happening(Tone::Ok, "Opened", "By Lina Haddad.", "6 minutes ago"),
                happening(
                    Tone::Ok,
                    "Scheduled",
                    "Its units were set aside. By Lina Haddad.",
                    "2 days ago",
                ),
            ],
            early: None,
            currency: "EUR".into(),
            drop: "drp_01kdrop".into(),
            key: "pk_sample".into(),
            problems: Vec::new(),
        }
    }

    pub fn sample_scheduled() -> Self {
        let mut page = Self::sample();
        page.state = Chip::new(Tone::Warn, "Scheduled");
        page.is_open = false;
        page.next = NextAct::Open;
        page.undo = None;
        page.door = Some((false, true));
        page.early = Some(EarlyDesk {
            from: "10 minutes earlier, from 27 November 2026, 18:50 CET".into(),
            links: vec![LinkRow {
                id: "erl_1".into(),
                label: "Newsletter".into(),
                used: "3 of 200 used it".into(),
                url: "https://shop.example/s/nour/drops/friday-firing?early=erl_01h455vb4pex5vsknk084sn02q.c2FtcGxl"
                    .into(),
                revoked: false,
            }],
            may_invite: true,
        });
        page
    }

    pub fn sample_over() -> Self {
        let mut page = Self::sample();
        page.state = Chip::new(Tone::Quiet, "Over");
        page.seen.sentence = "This drop is over.".into();
        (page.seen.button, page.seen.can_buy) = ("", false);
        (page.running, page.is_open) = (false, false);
        page.next = NextAct::Wait("5 pieces are in checkouts still. Who reserved before the end may finish.".into());
        page.undo = None;
        page
    }

    pub fn sample_refused() -> Self {
        let mut page = Self::sample();
        page.next = NextAct::Close;
        page.problems = vec![Wrong::new(
            "main",
            "There are not that many free pieces of Slow dripper in one place. Count them in first, or take fewer.",
        )];
        page
    }
}

impl ConsoleItem {
    fn of(view: &View, item: &Item, name: String, shelf: i64, zone: &str) -> Self {
        let figures = view.figures(item);
        Self {
            variant: item.variant.to_string(),
            name,
            price: words::money(item.price),
            price_typed: words::decimal(item.price),
            allotment: item.allotment,
            left: figures.left,
            reserved: figures.reserved,
            sold: figures.sold,
            returned: match view.drop.state {
                DropState::Draft => 0,
                _ => figures.returned,
            },
            shelf,
            pinned: view.drop.pinned == Some(item.variant),
            transient: item.transient,
            ships: item.ships_by.map_or_else(String::new, |day| {
                format!("Pre-order, leaves by {}", words::day_in(day, zone))
            }),
            rules: view
                .rules
                .iter()
                .filter(|rule| rule.variant == item.variant && rule.state == RuleState::Waiting)
                .map(|rule| ConsoleRule::of(rule, zone))
                .collect(),
        }
    }
}

impl NextAct {
    fn of(view: &View, phase: Phase, items: &[ConsoleItem]) -> Self {
        let of = |item: &ConsoleItem| (item.variant.clone(), item.name.clone());
        match phase {
            Phase::Draft => Self::Wait("It is a draft still.".into()),
            Phase::Before => Self::Open,
            Phase::Paused => Self::GoOn,
            Phase::Open => {
                if view.drop.state == DropState::Scheduled {
                    return Self::Open; // Its time has come, and nobody bought yet.
                }
                let pinned = items.iter().position(|item| item.pinned);
                let after = pinned.map_or(0, |at| at + 1);
                let upcoming = items.iter().cycle().skip(after).take(items.len());
                let next = upcoming.filter(|item| !item.pinned).find(|item| item.left > 0);
                let on_table_is_out = pinned.is_none_or(|at| items[at].left == 0);
                let more = items
                    .iter()
                    .find(|item| item.left == 0 && item.shelf > 0 && item.ships.is_empty());
                match (next, more) {
                    (Some(item), _) if on_table_is_out || items.len() > 1 => {
                        let (variant, name) = of(item);
                        Self::Pin(variant, name)
                    }
                    (None, Some(item)) if view.totals().left == 0 => {
                        let (variant, name) = of(item);
                        Self::Release(variant, name)
                    }
                    _ => Self::Close,
                }
            }
            Phase::Over if view.drop.state == DropState::Archived => Self::Wait("It was put away.".into()),
            Phase::Over if view.drop.state == DropState::Closed && view.drop.next_check_at.is_none() => Self::PutAway,
            Phase::Over => match view.totals().reserved {
                0 => Self::Wait("What is left goes back to the shelf in a moment.".into()),
                held => Self::Wait(format!(
                    "{} in checkouts still. Who reserved before the end may finish.",
                    match held {
                        1 => "1 piece is".to_owned(),
                        held => format!("{held} pieces are"),
                    }
                )),
            },
        }
    }
}

impl SeenNow {
    fn of(view: &View, phase: Phase, items: &[ConsoleItem]) -> Self {
        let shown = items.iter().find(|item| item.pinned).or(items.first());
        let (availability, sold_out) = shown.map_or((String::new(), true), |item| {
            let (words, _, out) = left_words(item.left, item.reserved);
            (words, out)
        });
        Self {
            sentence: match phase {
                Phase::Draft => "Nothing: it is a draft.",
                Phase::Before => "Not open yet, and the clock.",
                Phase::Open if view.totals().left == 0 && view.totals().reserved == 0 => "Everything is sold.",
                Phase::Open => "Open now.",
                Phase::Paused => "Paused for a moment.",
                Phase::Over => "This drop is over.",
            }
            .into(),
            title: shown.map(|item| item.name.clone()).unwrap_or_default(),
            price: shown.map(|item| item.price.clone()).unwrap_or_default(),
            availability,
            button: match phase {
                Phase::Draft | Phase::Over => "",
                Phase::Before => "Not open yet",
                _ if sold_out => "Sold out",
                Phase::Open => "Buy",
                Phase::Paused => "Paused",
            },
            can_buy: phase == Phase::Open && !sold_out,
        }
    }
}

impl Undo {
    fn of(desk: &Desk, phase: Phase) -> Option<Self> {
        if !matches!(phase, Phase::Before | Phase::Open | Phase::Paused) {
            return None;
        }
        let event = desk.events.last()?;
        let detail: serde_json::Value = serde_json::from_str(&event.detail).ok()?;
        let name = |id: &str| {
            let known = desk.names.iter().find(|(known, _)| known.to_string() == id);
            known.map(|(_, name)| name.clone()).unwrap_or_default()
        };
        match event.kind {
            EventKind::PriceStep => {
                let variant = detail["variant"].as_str()?;
                let price = Money::new(detail["from"].as_i64()?, desk.shop.currency);
                Some(Self {
                    label: format!("{} back to {}", name(variant), words::money(price)),
                    act: "price",
                    variant: variant.into(),
                    price: words::decimal(price),
                })
            }
            EventKind::Pinned => {
                let before = detail["from"].as_str().unwrap_or_default();
                Some(Self {
                    label: match before {
                        "" => format!("{} off the table", name(detail["to"].as_str().unwrap_or_default())),
                        before => format!("{} back on the table", name(before)),
                    },
                    act: "pin",
                    variant: before.into(),
                    price: String::new(),
                })
            }
            _ => None,
        }
    }
}
