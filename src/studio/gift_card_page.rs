//! One gift card: how it stands, everything that happened to it, and what can be changed about it.

use super::field::{Field, Problem as Wrong, refusable};
use super::frame::{Chip, Frame, Section, Tone};
use super::gift_cards_page::{as_last_day, last_day, link, standing};
use super::order_page::Happening;
use super::settings_shop_page::After;
use super::typed::Typed;
use super::when::When;
use crate::app::App;
use crate::checkout;
use crate::db::{LaneKey, Tx};
use crate::gift_cards::{self, Change, Edit, GiftCard, GiftCardState, Move, MoveKind, Reason};
use crate::http::{Form, Path, Problem, Query, page, redirect};
use crate::identity::{Analyst, Creator, Shop, Staff, shop};
use crate::kernel::{CheckoutId, Error, GiftCardId, Result, Time, words};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

#[derive(Template)]
#[template(path = "studio/gift_card.html")]
pub struct GiftCardPage {
    pub frame: Frame,
    pub here: String,
    pub version: i64,
    pub name: String,
    pub state: Chip,
    pub issued: When,
    /// A name and an amount or a word each.
    pub facts: Vec<(String, String)>,
    pub history: Vec<Happening>,
    /// The orders it was used for: number and link.
    pub orders: Vec<(String, String)>,
    pub can_change: bool,
    pub disabled: bool,
    pub note: Field,
    pub expires: Field,
    pub problems: Vec<Wrong>,
}

/// Where the fields of a refusal stand on the page.
const PLACES: [(&str, &str, &str); 2] = [
    ("/note", "gift-note", "Note"),
    ("/expires_at", "gift-expires", "Last day"),
];

/// What the page reads, in one snapshot.
struct Desk {
    shop: Shop,
    card: GiftCard,
    moves: Vec<Move>,
    orders: Vec<checkout::Order>,
    now: Time,
}

fn read(tx: &mut Tx<'_>, staff: &Staff, id: GiftCardId) -> Result<Desk> {
    let card = gift_cards::find(tx, staff.shop, id)?.ok_or_else(|| Error::not_found("gift card"))?;
    let moves = gift_cards::moves(tx, staff.shop, id)?;
    let mut used: Vec<CheckoutId> = moves.iter().filter_map(|one| one.checkout).collect();
    used.dedup();
    let mut orders: Vec<checkout::Order> = Vec::new();
    for id in used {
        if !orders.iter().any(|order| order.checkout == id) {
            orders.extend(checkout::order_of_checkout(tx, staff.shop, id)?);
        }
    }
    Ok(Desk {
        shop: shop(tx, staff.shop)?,
        card,
        moves,
        orders,
        now: tx.now(),
    })
}

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Path((_, id)): Path<(String, GiftCardId)>,
    Query(after): Query<After>,
) -> std::result::Result<Response, Problem> {
    let who = staff.0.clone();
    let desk = app.db.read(move |tx| read(tx, &who, id)).await?;
    let mut card = GiftCardPage::of(&desk, &staff);
    card.frame = card.frame.after(after.done.as_deref());
    page(&card)
}

/// Disables it or enables it again, or saves its note and its end.
pub async fn save(
    State(app): State<App>,
    creator: Creator,
    Path((_, id)): Path<(String, GiftCardId)>,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Problem> {
    let (who, given) = (creator.0.clone(), typed.clone());
    let (changed, desk) = app
        .db
        .write(LaneKey::of(creator.shop), move |tx| {
            let changed = refusable(change_of(tx, &who, id, &given))?;
            Ok((changed, read(tx, &who, id)?))
        })
        .await?;
    let mut card = GiftCardPage::of(&desk, &creator);
    card.problems = match changed {
        Ok(Change::Changed(_)) => return Ok(redirect(&format!("{}?done=saved", card.here))),
        Ok(Change::NotFound) => return Err(Error::not_found("gift card").into()),
        Ok(Change::Stale(_)) => vec![Wrong::stale()],
        Err(error) => {
            card.note = Field::judged(typed.one("note"), &error, "/note");
            card.expires = Field::judged(typed.one("expires"), &error, "/expires_at");
            Wrong::all(&error, &PLACES)
        }
    };
    page(&card)
}

fn change_of(tx: &mut Tx<'_>, staff: &Staff, id: GiftCardId, typed: &Typed) -> Result<Change> {
    let edit = match typed.one("do") {
        "disable" => Edit {
            state: Some(GiftCardState::Disabled),
            ..Edit::default()
        },
        "enable" => Edit {
            state: Some(GiftCardState::Active),
            ..Edit::default()
        },
        _ => Edit {
            state: None,
            note: Some(typed.one("note").to_owned()),
            expires_at: Some(last_day(typed.one("expires"))?),
        },
    };
    gift_cards::change(tx, staff.shop, id, typed.version(), &edit, staff.staff)
}

impl GiftCardPage {
    fn of(desk: &Desk, staff: &Staff) -> Self {
        let card = &desk.card;
        let name = format!("Gift card •••• {}", card.last_four);
        let frame = Frame::of(&desk.shop, staff, Section::Money, &name);
        let money = |minor: i64| words::money(card.money(minor));
        let facts = [
            ("May be spent", money(card.balance_minor)),
            ("Held for orders", money(card.held_minor)),
            ("Issued with", money(card.initial_minor)),
            (
                "Why",
                match card.reason {
                    Reason::Sold => "Sold".into(),
                    Reason::Given => "Given away".into(),
                    Reason::StoreCredit => "Store credit of an order".into(),
                },
            ),
            (
                "Last day",
                card.expires_at.map_or_else(|| "Never expires".into(), as_last_day),
            ),
        ];
        let number = |checkout: CheckoutId| {
            let order = desk.orders.iter().find(|order| order.checkout == checkout);
            order.map_or_else(
                || "For a checkout that became no order.".into(),
                |order| format!("For order {}.", order.number),
            )
        };
        let happening = |one: &Move| {
            let (tone, title) = match one.kind {
                MoveKind::Issued => (Tone::Ok, "Issued"),
                MoveKind::Held => (Tone::Quiet, "Held"),
                MoveKind::Released => (Tone::Quiet, "Let go again"),
                MoveKind::Taken => (Tone::Ok, "Paid for a parcel"),
                MoveKind::Returned => (Tone::Warn, "Came back with a refund"),
                MoveKind::Changed => (Tone::Quiet, "Changed"),
                MoveKind::Credited => (Tone::Ok, "Store credit"),
                MoveKind::PaidOut => (Tone::Warn, "Went back as money"),
            };
            Happening {
                tone,
                title: title.into(),
                detail: one.checkout.map_or_else(|| one.detail.clone(), number),
                amount: match one.kind {
                    MoveKind::Changed => String::new(),
                    _ => money(one.minor),
                },
                at: When::of(one.at, desk.now),
            }
        };
        let orders = desk.orders.iter();
        Self {
            here: link(&frame, card.id),
            version: card.version,
            state: standing(card, desk.now),
            issued: When::of(card.created_at, desk.now),
            facts: facts.map(|(name, words)| (name.to_owned(), words)).into(),
            history: desk.moves.iter().map(happening).collect(),
            orders: orders
                .map(|order| {
                    let link = format!("{}/{}", frame.to(&Section::Orders), order.id);
                    (order.number.clone(), link)
                })
                .collect(),
            can_change: staff.role.may_create(),
            disabled: card.state == GiftCardState::Disabled,
            note: Field::of(&card.note),
            expires: Field::of(&card.expires_at.map_or_else(String::new, as_last_day)),
            problems: Vec::new(),
            name,
            frame,
        }
    }

    pub fn sample() -> Self {
        let when = |relative: &str| When::new(relative, "19 November 2026, 10:12 UTC", "2026-11-19T10:12:00Z");
        let happening = |tone, title: &str, detail: &str, amount: &str, at: &str| Happening {
            tone,
            title: title.into(),
            detail: detail.into(),
            amount: amount.into(),
            at: when(at),
        };
        let fact = |name: &str, words: &str| (name.to_owned(), words.to_owned());
        Self {
            frame: Frame::sample(Section::Money, "Gift card •••• 7K3M"),
            here: "/studio/nour/money/gift-cards/gft_01jd4a1b2c3d4e5f6g7h8j1044".into(),
            version: 2,
            name: "Gift card •••• 7K3M".into(),
            state: Chip::new(Tone::Ok, "Active"),
            issued: when("2 days ago"),
            facts: vec![
                fact("May be spent", "€15.10"),
                fact("Held for orders", "€0.00"),
                fact("Issued with", "€50.00"),
                fact("Why", "Sold"),
                fact("Last day", "2029-12-31"),
            ],
            history: vec![
                happening(
                    Tone::Ok,
                    "Paid for a parcel",
                    "For order 1044.",
                    "€34.90",
                    "2 hours ago",
                ),
                happening(Tone::Quiet, "Held", "For order 1044.", "€34.90", "yesterday"),
                happening(Tone::Quiet, "Changed", "expires on 2029-12-31", "", "2 days ago"),
                happening(Tone::Ok, "Issued", "", "€50.00", "2 days ago"),
            ],
            orders: vec![(
                "1044".into(),
                "/studio/nour/orders/ord_01jd4a1b2c3d4e5f6g7h8j1044".into(),
            )],
            can_change: true,
            disabled: false,
            note: Field::of("For Amira, birthday"),
            expires: Field::of("2029-12-31"),
            problems: Vec::new(),
        }
    }

    pub fn sample_disabled() -> Self {
        Self {
            state: Chip::new(Tone::Quiet, "Disabled"),
            disabled: true,
            ..Self::sample()
        }
    }
}
