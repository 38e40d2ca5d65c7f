//! The list of disputes, what can be answered first; in test mode also the pretended buyer who goes to their bank.

use super::field::{Choice, Problem as Wrong};
use super::frame::{Chip, Frame, Section, Tone};
use super::typed::Typed;
use super::when::When;
use crate::app::App;
use crate::checkout::{self, Order};
use crate::db::Tx;
use crate::http::{Form, Problem, Query, page, redirect};
use crate::identity::{Analyst, Creator, Shop, Staff, shop};
use crate::kernel::{Kind, OrderId, PageIn, Result, Time, words};
use crate::payments::disputes::{self, ClosedBy, Dispute, DisputeState, REASONS, reason_words};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

pub struct DisputeRow {
    pub link: String,
    pub order: String,
    pub reason: String,
    pub state: Chip,
    pub amount: String,
    /// Until when it can be answered; none where it cannot.
    pub due: Option<When>,
    pub at: When,
}

#[derive(Template)]
#[template(path = "studio/disputes.html")]
pub struct DisputesPage {
    pub frame: Frame,
    pub disputes: Vec<DisputeRow>,
    pub next: Option<String>,
    /// Orders whose money was taken, for the pretended buyer; none outside of test mode.
    pub orders: Vec<Choice>,
    pub reasons: Vec<Choice>,
    pub kinds: Vec<Choice>,
    pub problems: Vec<Wrong>,
}

/// What the page may be asked for.
#[derive(Deserialize)]
pub struct Asked {
    after: Option<String>,
    done: Option<String>,
}

/// Disputes a page, and orders to choose from.
const ROWS: u32 = 50;

struct Desk {
    shop: Shop,
    rows: Vec<(Dispute, Option<Order>)>,
    next: Option<String>,
    taken: Vec<Order>,
    now: Time,
}

fn read(tx: &mut Tx<'_>, staff: &Staff, paging: &PageIn) -> Result<Desk> {
    let shop = shop(tx, staff.shop)?;
    let list = disputes::list(tx, shop.id, paging.after()?, paging.limit())?;
    let mut rows = Vec::new();
    for dispute in list.data {
        let order = checkout::order_of_checkout(tx, shop.id, dispute.checkout())?;
        rows.push((dispute, order));
    }
    let mut taken = Vec::new();
    if shop.test_mode && staff.role.may_create() {
        let newest = PageIn {
            limit: Some(ROWS),
            after: None,
        };
        for order in checkout::orders(tx, shop.id, &newest)?.data {
            let sold = checkout::sold(tx, shop.id, order.id)?;
            if sold
                .and_then(|view| view.intent)
                .is_some_and(|intent| intent.captured_minor > 0)
            {
                taken.push(order);
            }
        }
    }
    Ok(Desk {
        rows,
        next: list.next,
        taken,
        now: tx.now(),
        shop,
    })
}

async fn shown(app: &App, staff: &Staff, after: Option<String>) -> Result<DisputesPage> {
    let who = staff.clone();
    let paging = PageIn {
        limit: Some(ROWS),
        after,
    };
    let desk = app.db.read(move |tx| read(tx, &who, &paging)).await?;
    Ok(DisputesPage::of(&desk, staff))
}

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Query(asked): Query<Asked>,
) -> std::result::Result<Response, Problem> {
    let mut shown = shown(&app, &staff, asked.after).await?;
    shown.frame = shown.frame.after(asked.done.as_deref());
    page(&shown)
}

/// A pretended buyer goes to their bank.
pub async fn open(
    State(app): State<App>,
    creator: Creator,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Problem> {
    let mut again = shown(&app, &creator, None).await?;
    let Some(order) = typed.id::<OrderId>("order") else {
        again.problems = vec![Wrong::new("order", "Choose the order whose buyer goes to their bank.")];
        return page(&again);
    };
    let reason = typed.one("reason");
    let reason = REASONS.iter().map(|(code, _)| *code).find(|code| *code == reason);
    let inquiry = typed.one("kind") == "inquiry";
    match crate::disputes::open(&app, creator.shop, order, reason.unwrap_or("general"), inquiry).await {
        Ok(()) => Ok(redirect(&format!("{}?done=disputed", again.here()))),
        Err(error) if matches!(error.kind, Kind::Conflict | Kind::NotFound) => {
            again.problems = vec![Wrong::new("order", &error.detail)];
            page(&again)
        }
        Err(error) => Err(error.into()),
    }
}

/// Where a dispute stands, in a word or two.
pub(super) fn chip(dispute: &Dispute) -> Chip {
    match (dispute.state, dispute.closed_by) {
        (DisputeState::Inquiry, _) => Chip::new(Tone::Warn, "The bank asks"),
        (DisputeState::NeedsResponse, _) => Chip::new(Tone::Bad, "Needs an answer"),
        (DisputeState::UnderReview, _) => Chip::new(Tone::Quiet, "With the bank"),
        (DisputeState::Won, _) if dispute.legs.is_empty() && dispute.excess_minor == 0 => {
            Chip::new(Tone::Ok, "Settled")
        }
        (DisputeState::Won, _) => Chip::new(Tone::Ok, "Won"),
        (DisputeState::Lost, ClosedBy::Staff) => Chip::new(Tone::Quiet, "Given up"),
        (DisputeState::Lost, ClosedBy::Time) => Chip::new(Tone::Quiet, "Not answered in time"),
        (DisputeState::Lost, _) => Chip::new(Tone::Quiet, "Lost"),
    }
}

impl DisputeRow {
    fn of(base: &str, dispute: &Dispute, order: Option<&Order>, now: Time) -> Self {
        let open = dispute.state == DisputeState::NeedsResponse;
        Self {
            link: format!("{base}/{}", dispute.id),
            order: order.map_or_else(|| "without an order".into(), |order| format!("Order {}", order.number)),
            reason: reason_words(&dispute.reason).into(),
            state: chip(dispute),
            amount: words::money(dispute.amount),
            due: dispute.due_by.filter(|_| open).map(|due| When::of(due, now)),
            at: When::of(dispute.created_at, now),
        }
    }
}

fn reasons() -> Vec<Choice> {
    REASONS.iter().map(|(code, words)| Choice::new(code, words)).collect()
}

fn kinds() -> Vec<Choice> {
    vec![
        Choice::chosen("chargeback", "Takes the money back (a chargeback)"),
        Choice::new("inquiry", "Only asks (an inquiry)"),
    ]
}

impl DisputesPage {
    fn of(desk: &Desk, staff: &Staff) -> Self {
        let frame = Frame::of(&desk.shop, staff, Section::Orders, "Disputes");
        let base = format!("/studio/{}/disputes", frame.shop_slug);
        let row =
            |(dispute, order): &(Dispute, Option<Order>)| DisputeRow::of(&base, dispute, order.as_ref(), desk.now);
        let choice = |order: &Order| {
            let label = format!("{}, {}, {}", order.number, order.email, words::money(order.total()));
            Choice::new(&order.id.to_string(), &label)
        };
        Self {
            disputes: desk.rows.iter().map(row).collect(),
            next: desk.next.as_ref().map(|next| format!("{base}?after={next}")),
            orders: desk.taken.iter().map(choice).collect(),
            reasons: reasons(),
            kinds: kinds(),
            problems: Vec::new(),
            frame,
        }
    }

    fn here(&self) -> String {
        format!("/studio/{}/disputes", self.frame.shop_slug)
    }

    pub fn sample() -> Self {
        let when = |relative: &str| When::new(relative, "21 November 2026, 14:10 UTC", "2026-11-21T14:10:00Z");
        let row = |number: &str, reason: &str, state: Chip, amount: &str, due: Option<&str>, at: &str| DisputeRow {
            link: format!("/studio/nour/disputes/dsp_01jd4a1b2c3d4e5f6g7h8j{number}"),
            order: format!("Order {number}"),
            reason: reason_words(reason).into(),
            state,
            amount: amount.into(),
            due: due.map(when),
            at: when(at),
        };
        Self {
            frame: Frame::sample(Section::Orders, "Disputes"),
            disputes: vec![
                row(
                    "1042",
                    "product_not_received",
                    Chip::new(Tone::Bad, "Needs an answer"),
                    "€34.90",
                    Some("in 9 days"),
                    "2 hours ago",
                ),
                row(
                    "1037",
                    "fraudulent",
                    Chip::new(Tone::Quiet, "With the bank"),
                    "€64.80",
                    None,
                    "11 days ago",
                ),
                row(
                    "1011",
                    "duplicate",
                    Chip::new(Tone::Ok, "Won"),
                    "€28.00",
                    None,
                    "2 months ago",
                ),
            ],
            next: None,
            orders: vec![Choice::new(
                "ord_01jd4a1b2c3d4e5f6g7h8j1042",
                "1042, lina@example.org, €34.90",
            )],
            reasons: reasons(),
            kinds: kinds(),
            problems: Vec::new(),
        }
    }
}
