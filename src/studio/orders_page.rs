//! The list of orders, filtered by what has to be done with them.

use crate::app::App;
use crate::checkout::{self, OrderState, OrderView, PaymentStateOut};
use crate::clips;
use crate::db::Tx;
use crate::fulfilment;
use crate::http::{Problem, Query, page};
use crate::identity::{Analyst, shop};
use crate::kernel::{PageIn, Result, ShopId, Time, words};
use crate::payments::{Intent, IntentState};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::field::Choice;
use super::frame::{Chip, Frame, Section, Tone};
use super::when::When;

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

/// What the page may be asked for.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    state: String,
    #[serde(default)]
    search: String,
    after: Option<String>,
}

/// Orders a page.
const ORDERS: u32 = 60;
/// Open work that is looked at for the number beside "To ship".
const WAITING: i64 = 200;

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Query(asked): Query<Asked>,
) -> std::result::Result<Response, Problem> {
    let id = staff.shop;
    let paging = PageIn {
        limit: Some(ORDERS),
        after: asked.after.clone(),
    };
    let (shop, list, waiting, now) = app
        .db
        .read(move |tx| {
            let list = checkout::orders(tx, id, &paging)?;
            let views = list
                .data
                .iter()
                .map(|order| row_of(tx, id, order.id))
                .collect::<Result<Vec<_>>>()?;
            let waiting = fulfilment::open_orders(tx, id, None, WAITING)?.len();
            Ok((shop(tx, id)?, (views, list.next), waiting, tx.now()))
        })
        .await?;
    let (views, next) = list;
    let mut frame = Frame::of(&shop, &staff, Section::Orders, "Orders");
    frame.orders_waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
    let base = frame.to(&Section::Orders);
    let views: Vec<(OrderView, String)> = views.into_iter().flatten().collect();
    let filter = |value: &str, label: &str| {
        let count = views.iter().filter(|(view, _)| fits(value, view)).count();
        Choice {
            chosen: asked.state == value,
            ..Choice::new(value, &format!("{label} {count}"))
        }
    };
    let filters = vec![
        filter("", "All"),
        filter("to_ship", "To ship"),
        filter("unknown", "No answer yet"),
        filter("shipped", "Shipped"),
        filter("refunded", "Refunded"),
        filter("canceled", "Canceled"),
    ];
    let wanted = asked.search.trim().to_lowercase();
    let found = |view: &OrderView| {
        let name = view
            .checkout
            .address
            .as_ref()
            .map(|address| address.name.to_lowercase())
            .unwrap_or_default();
        wanted.is_empty()
            || view.order.number.to_lowercase().contains(&wanted)
            || view.order.email.to_lowercase().contains(&wanted)
            || name.contains(&wanted)
    };
    let rows = views
        .iter()
        .filter(|(view, _)| fits(&asked.state, view) && found(view))
        .map(|(view, clip)| OrderRow::of(&base, view, clip, now));
    page(&OrdersPage {
        orders: rows.collect(),
        any: !views.is_empty(),
        filters,
        search: asked.search.clone(),
        next: next.map(|next| format!("{base}?after={next}")),
        frame,
    })
}

/// An order with the title of the clip that sold it.
fn row_of(tx: &mut Tx<'_>, shop: ShopId, id: crate::kernel::OrderId) -> Result<Option<(OrderView, String)>> {
    let Some(view) = checkout::view(tx, shop, id)? else {
        return Ok(None);
    };
    let clip = match view.checkout.offer.quote.seen {
        Some(seen) => clips::version(tx, shop, seen.clip, seen.version)?
            .map(|version| version.content.title)
            .unwrap_or_default(),
        None => String::new(),
    };
    Ok(Some((view, clip)))
}

fn fits(wanted: &str, view: &OrderView) -> bool {
    let intent = view.intent.as_ref().map(|intent| intent.state);
    match wanted {
        "to_ship" => matches!(view.state, OrderState::Confirmed | OrderState::InFulfilment),
        "unknown" => matches!(intent, Some(IntentState::Unknown | IntentState::Conflicted)),
        "shipped" => view.state == OrderState::Fulfilled,
        "refunded" => {
            view.given_back_minor() > 0
                || view
                    .intent
                    .as_ref()
                    .is_some_and(|intent| intent.refund_pending_minor > 0)
        }
        "canceled" => view.state == OrderState::Canceled,
        _ => true,
    }
}

/// How the money of an order stands, in one or two words; derived, never stored.
pub(super) fn payment(view: &OrderView) -> Chip {
    let Some(intent) = &view.intent else {
        return Chip::new(Tone::Ok, "Nothing to pay");
    };
    if intent.disputes_open > 0 {
        return Chip::new(Tone::Bad, "Disputed");
    }
    // Where a gift card pays a part, both purses count.
    let together = view.gift_card.as_ref().and_then(|_| match PaymentStateOut::of(view) {
        PaymentStateOut::Refunded => Some(Chip::new(Tone::Warn, "Refunded")),
        PaymentStateOut::PartiallyRefunded => Some(Chip::new(Tone::Warn, "Partly refunded")),
        PaymentStateOut::Authorized if intent.amount.minor == 0 => Some(Chip::new(Tone::Quiet, "Held on gift card")),
        PaymentStateOut::PartiallyCaptured => Some(Chip::new(Tone::Quiet, "Partly captured")),
        PaymentStateOut::Voided => Some(Chip::new(Tone::Quiet, "Let go")),
        _ => None,
    });
    together.unwrap_or_else(|| by_processor(intent))
}

fn by_processor(intent: &Intent) -> Chip {
    if intent.refunded_minor + intent.refund_pending_minor > 0 {
        let whole = intent.refunded_minor + intent.refund_pending_minor >= intent.captured_minor;
        return Chip::new(Tone::Warn, if whole { "Refunded" } else { "Partly refunded" });
    }
    if intent.disputed_minor > 0 {
        return Chip::new(Tone::Warn, "Lost to a dispute");
    }
    if intent.is_lost() && intent.state == IntentState::Expired {
        return Chip::new(Tone::Bad, "To be paid again");
    }
    match intent.state {
        IntentState::RequiresCapture => Chip::new(Tone::Quiet, "Authorized"),
        IntentState::PartiallyCaptured => Chip::new(Tone::Quiet, "Partly captured"),
        IntentState::Succeeded => Chip::new(Tone::Ok, "Captured"),
        IntentState::Unknown | IntentState::Processing => Chip::new(Tone::Bad, "No answer yet"),
        IntentState::Conflicted => Chip::new(Tone::Bad, "Needs a person"),
        IntentState::RequiresAction => Chip::new(Tone::Warn, "With the buyer's bank"),
        IntentState::RequiresMethod => Chip::new(Tone::Warn, "Not paid"),
        IntentState::Canceled => Chip::new(Tone::Quiet, "Let go"),
        IntentState::Expired => Chip::new(Tone::Bad, "Promise lapsed"),
    }
}

/// How far the parcels are; derived from the lines.
pub(super) fn parcel(state: OrderState) -> Chip {
    match state {
        OrderState::Confirmed => Chip::new(Tone::Warn, "To ship"),
        OrderState::InFulfilment => Chip::new(Tone::Warn, "Partly shipped"),
        OrderState::Fulfilled => Chip::new(Tone::Ok, "Shipped"),
        OrderState::Canceled => Chip::new(Tone::Quiet, "Canceled"),
        OrderState::PaymentLost => Chip::new(Tone::Bad, "Payment lost"),
    }
}

/// Who bought: the name on the parcel, else how they can be reached.
pub(super) fn buyer(view: &OrderView) -> String {
    view.checkout
        .address
        .as_ref()
        .map_or_else(|| view.order.email.clone(), |address| address.name.clone())
}

impl OrderRow {
    fn of(base: &str, view: &OrderView, clip: &str, now: Time) -> Self {
        let place = view
            .checkout
            .address
            .as_ref()
            .map(|address| format!("{}, {}", address.city, address.country));
        let what: Vec<String> = view
            .lines
            .iter()
            .map(|line| format!("{} × {}", line.quantity, line.title))
            .collect();
        Self {
            number: view.order.number.clone(),
            link: format!("{base}/{}", view.order.id),
            buyer: buyer(view),
            place: place.unwrap_or_else(|| view.order.country.clone()),
            what: what.join(", "),
            total: words::money(view.order.total()),
            payment: payment(view),
            fulfilment: parcel(view.state),
            at: When::of(view.order.confirmed_at, now),
            clip: clip.into(),
        }
    }
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
