//! Gift cards as JSON: issuing and changing them, and what is left on one, for whoever holds its code.

use super::hold::look;
use super::issue::{Change, Edit, Issued, NewGiftCard, change, issue};
use super::model::{GiftCard, GiftCardState, Move, MoveKind, Reason};
use super::store;
use crate::app::App;
use crate::db::LaneKey;
use crate::http::{ClientAddress, IfMatch, Json, KeptAs, Limit, NewId, Path, Problem, Query, Who, etag, json, limit};
use crate::identity::{self, Analyst, Creator, Player};
use crate::kernel::{CheckoutId, Error, GiftCardId, MoneyOut, OrderId, PageIn, PageOut, Time};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// A gift card, without its code.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = GiftCard)]
pub struct GiftCardOut {
    pub id: GiftCardId,
    /// The end of its code; the rest is kept nowhere.
    pub last_four: String,
    pub initial: MoneyOut,
    /// What may be spent.
    pub balance: MoneyOut,
    /// Set aside for checkouts and orders, not taken yet.
    pub held: MoneyOut,
    pub reason: Reason,
    pub state: GiftCardState,
    pub note: String,
    pub expires_at: Option<Time>,
    pub version: i64,
    pub created_at: Time,
    /// What happened to it, newest first; where one card is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moves: Option<Vec<GiftCardMoveOut>>,
}

/// Something that happened to a gift card.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = GiftCardMove)]
pub struct GiftCardMoveOut {
    pub kind: MoveKind,
    pub amount: MoneyOut,
    /// The order it was for, if the checkout became one.
    pub order: Option<OrderId>,
    /// Of a change: what was changed.
    pub detail: String,
    pub at: Time,
}

/// A gift card that was just issued.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = IssuedGiftCard)]
pub struct IssuedOut {
    pub gift_card: GiftCardOut,
    /// In full, this once. Absent where the same request is answered again: it is not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// A gift card to issue.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewGiftCard)]
pub struct GiftCardIn {
    /// In the currency it pays in.
    pub amount: MoneyOut,
    /// `sold`: the shop was paid for it elsewhere; `given`: the shop bears it.
    pub reason: Reason,
    /// For the people of the shop.
    #[serde(default)]
    pub note: String,
    /// Absent: never.
    #[serde(default)]
    pub expires_at: Option<Time>,
}

/// A change of a gift card; what is absent stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GiftCardEdit)]
pub struct GiftCardEditIn {
    #[serde(default)]
    pub state: Option<GiftCardState>,
    #[serde(default)]
    pub note: Option<String>,
    #[serde(default)]
    pub expires_at: Option<Time>,
}

/// A code somebody typed.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GiftCardCode)]
pub struct CodeIn {
    pub code: String,
}

/// What a gift card can pay now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = GiftCardBalance)]
pub struct BalanceOut {
    pub last_four: String,
    pub balance: MoneyOut,
    pub expires_at: Option<Time>,
}

impl From<&GiftCard> for GiftCardOut {
    fn from(card: &GiftCard) -> Self {
        Self {
            id: card.id,
            last_four: card.last_four.clone(),
            initial: card.money(card.initial_minor).into(),
            balance: card.balance().into(),
            held: card.money(card.held_minor).into(),
            reason: card.reason,
            state: card.state,
            note: card.note.clone(),
            expires_at: card.expires_at,
            version: card.version,
            created_at: card.created_at,
            moves: None,
        }
    }
}

impl GiftCardOut {
    fn with_moves(card: &GiftCard, moves: &[Move]) -> Self {
        let one = |one: &Move| GiftCardMoveOut {
            kind: one.kind,
            amount: card.money(one.minor).into(),
            order: one.checkout.map(CheckoutId::order),
            detail: one.detail.clone(),
            at: one.at,
        };
        Self {
            moves: Some(moves.iter().map(one).collect()),
            ..Self::from(card)
        }
    }
}

/// The shop's gift cards, newest first.
#[utoipa::path(get, path = "/v1/gift-cards", tag = "money", params(PageIn), responses((status = 200, body = PageOut<GiftCardOut>)))]
pub async fn list_gift_cards(
    State(app): State<App>,
    staff: Analyst,
    Query(page): Query<PageIn>,
) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let found = app
        .db
        .read(move |tx| store::list(tx, shop, page.after()?, page.limit()))
        .await?;
    Ok(json(StatusCode::OK, found.map(|card| GiftCardOut::from(&card))))
}

/// Issue a gift card. The answer is the only place where its code is ever shown; with the same `Idempotency-Key` again, the card is answered without it.
#[utoipa::path(post, path = "/v1/gift-cards", tag = "money", request_body = GiftCardIn, responses((status = 201, body = IssuedOut),
    (status = 422, description = "`invalid_field`.")))]
pub async fn post_gift_card(
    State(app): State<App>,
    creator: Creator,
    id: NewId,
    Json(body): Json<GiftCardIn>,
) -> Result<Response, Problem> {
    let shop = creator.0.shop;
    let new = NewGiftCard {
        id: id.get(),
        amount: crate::kernel::Money::new(body.amount.amount, body.amount.currency),
        reason: body.reason,
        note: body.note,
        expires_at: body.expires_at,
        staff: creator.0.staff,
    };
    let issued = app.db.write(LaneKey::of(shop), move |tx| issue(tx, shop, &new)).await?;
    let (card, code) = match &issued {
        Issued::New(card, code) => (card, Some(code.in_full())),
        Issued::Again(card) => (card, None),
    };
    let out = |code| IssuedOut {
        gift_card: GiftCardOut::from(card),
        code,
    };
    let kept = serde_json::to_string(&out(None))
        .map_err(|error| Error::internal("an answer does not serialise").because(error))?;
    let mut response = json(StatusCode::CREATED, out(code));
    response.extensions_mut().insert(KeptAs(kept));
    Ok(response)
}

/// A gift card with what happened to it.
#[utoipa::path(get, path = "/v1/gift-cards/{gift_card}", tag = "money", params(("gift_card" = GiftCardId, Path)),
    responses((status = 200, body = GiftCardOut), (status = 404)))]
pub async fn get_gift_card(
    State(app): State<App>,
    staff: Analyst,
    Path(id): Path<GiftCardId>,
) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let (card, moves) = app
        .db
        .read(move |tx| {
            let card = store::find(tx, shop, id)?.ok_or_else(|| Error::not_found("gift card"))?;
            Ok((card, store::moves(tx, shop, id)?))
        })
        .await?;
    let mut response = json(StatusCode::OK, GiftCardOut::with_moves(&card, &moves));
    response.headers_mut().insert(header::ETAG, etag(card.version));
    Ok(response)
}

/// Disable a gift card or enable it again, move its end, write another note. Its money stays: what is held for orders is still taken.
#[utoipa::path(patch, path = "/v1/gift-cards/{gift_card}", tag = "money", params(("gift_card" = GiftCardId, Path),
    ("If-Match" = String, Header, description = "The version you edit, in quotes.")), request_body = GiftCardEditIn,
    responses((status = 200, body = GiftCardOut), (status = 404), (status = 412, description = "`stale`"), (status = 422, description = "`invalid_field`.")))]
pub async fn patch_gift_card(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<GiftCardId>,
    IfMatch(version): IfMatch,
    Json(body): Json<GiftCardEditIn>,
) -> Result<Response, Problem> {
    let (shop, who) = (creator.0.shop, creator.0.staff);
    let edit = Edit {
        state: body.state,
        note: body.note,
        expires_at: body.expires_at.map(Some),
    };
    let changed = app
        .db
        .write(LaneKey::of(shop), move |tx| change(tx, shop, id, version, &edit, who))
        .await?;
    match changed {
        Change::Changed(card) => {
            let mut response = json(StatusCode::OK, GiftCardOut::from(&card));
            response.headers_mut().insert(header::ETAG, etag(card.version));
            Ok(response)
        }
        Change::NotFound => Err(Error::not_found("gift card").into()),
        Change::Stale(current) => Err(IfMatch::stale(current)),
    }
}

/// What is left on a gift card, for whoever holds its code; the code is in the body, so that it is in no log. Tries are counted by address.
#[utoipa::path(post, path = "/v1/gift-card-balances", tag = "buying", request_body = CodeIn, responses((status = 200, body = BalanceOut),
    (status = 404, description = "`no_such_gift_card`: also of another shop's."),
    (status = 409, description = "`gift_card_disabled`, `gift_card_expired`, `gift_card_other_currency`, `gift_card_used_up`."),
    (status = 429, description = "`too_many_requests`")))]
pub async fn post_gift_card_balance(
    State(app): State<App>,
    player: Player,
    ClientAddress(address): ClientAddress,
    Json(body): Json<CodeIn>,
) -> Result<Response, Problem> {
    let shop = player.shop;
    limit(&app, Limit::GiftCard, Who::AddressAtShop(address, shop))?;
    let card = app
        .db
        .look(move |tx| {
            let currency = identity::shop(tx, shop)?.currency;
            look(tx, shop, &body.code, currency)
        })
        .await?;
    let out = BalanceOut {
        balance: card.balance().into(),
        last_four: card.last_four,
        expires_at: card.expires_at,
    };
    Ok(json(StatusCode::OK, out))
}
