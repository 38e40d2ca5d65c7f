//! Early access over HTTP: the host's links, and a browser that is let in by one.

use super::api::acted;
use super::buyer_key::{BuyerKey, announced, key_needed};
use super::early::{
    EarlyLink, Why, come_in, early_links, early_token, guest_token, guests, invite, issue_link, no_such_link,
    read_invitation, revoke_link,
};
use super::model::{Drop, unknown};
use super::run::Hand;
use super::store;
use crate::app::App;
use crate::db::LaneKey;
use crate::http::{ClientAddress, Json, Limit, NewId, Path, Problem, Who, json, limit};
use crate::identity::{self, Creator, Player};
use crate::kernel::{DropId, EarlyLinkId, ShopId, Time};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

/// A link to make.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewEarlyLink)]
pub struct EarlyLinkIn {
    /// Whom it is for; only the shop's people see it.
    pub label: String,
    /// How many browsers it lets in: 1 to 10,000.
    pub people: u32,
}

/// A link that lets people in earlier.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EarlyLink)]
pub struct EarlyLinkOut {
    pub id: EarlyLinkId,
    pub label: String,
    pub people: u32,
    pub used: u32,
    pub revoked: bool,
    /// What to give to those it is for. Each browser that opens it first is bound to it.
    pub url: String,
    pub created_at: Time,
}

impl EarlyLinkOut {
    fn of(app: &App, slug: &str, drop: &Drop, link: &EarlyLink) -> Self {
        Self {
            id: link.id,
            label: link.label.clone(),
            people: link.people,
            used: link.used,
            revoked: link.revoked,
            url: early_url(app, slug, drop, link.id),
            created_at: link.created_at,
        }
    }
}

/// The address of a link.
pub fn early_url(app: &App, shop_slug: &str, drop: &Drop, link: EarlyLinkId) -> String {
    let token = early_token(app.db.signing_key(), link);
    format!("{}/s/{shop_slug}/drops/{}?early={token}", app.base_url, drop.slug)
}

/// The links of a drop.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EarlyLinks)]
pub struct EarlyLinksOut {
    pub data: Vec<EarlyLinkOut>,
}

async fn links(app: &App, shop: ShopId, id: DropId) -> Result<EarlyLinksOut, Problem> {
    let read = app.db.read(move |tx| {
        let drop = store::find(tx, shop, id)?.ok_or_else(unknown)?;
        let links = early_links(tx, id)?;
        Ok((identity::shop(tx, shop)?.slug, drop, links))
    });
    let (slug, drop, links) = read.await?;
    Ok(EarlyLinksOut {
        data: links
            .iter()
            .map(|link| EarlyLinkOut::of(app, &slug, &drop, link))
            .collect(),
    })
}

/// The links that let people in earlier.
#[utoipa::path(get, path = "/v1/drops/{drop}/early-links", tag = "drops", params(("drop" = DropId, Path)),
    responses((status = 200, body = EarlyLinksOut), (status = 404, description = "`no_such_drop`")))]
pub async fn get_early_links(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<DropId>,
) -> Result<Response, Problem> {
    Ok(json(StatusCode::OK, links(&app, creator.0.shop, id).await?))
}

/// Make a link that lets so many people buy before everybody else.
#[utoipa::path(post, path = "/v1/drops/{drop}/early-links", tag = "drops", params(("drop" = DropId, Path)), request_body = EarlyLinkIn,
    responses((status = 201, body = EarlyLinkOut), (status = 404, description = "`no_such_drop`"),
    (status = 409, description = "`wrong_drop_state`: it is open or over; `too_many_links`"), (status = 422, description = "`invalid_field`")))]
pub async fn post_early_link(
    State(app): State<App>,
    creator: Creator,
    link: NewId,
    Path(id): Path<DropId>,
    Json(body): Json<EarlyLinkIn>,
) -> Result<Response, Problem> {
    let hand = Hand {
        shop: creator.0.shop,
        drop: id,
        staff: creator.0.staff,
    };
    let link: EarlyLinkId = link.get();
    let act = app.db.write(LaneKey::of(id), move |tx| {
        issue_link(tx, hand, link, &body.label, body.people)
    });
    acted(act.await?)?;
    let made = links(&app, creator.0.shop, id).await?;
    let made = made.data.into_iter().find(|known| known.id == link);
    Ok(json(StatusCode::CREATED, made.ok_or_else(unknown)?))
}

/// Let nobody else in by a link. Who was let in stays.
#[utoipa::path(delete, path = "/v1/drops/{drop}/early-links/{early_link}", tag = "drops", params(("drop" = DropId, Path), ("early_link" = EarlyLinkId, Path)),
    responses((status = 204), (status = 404, description = "`no_such_drop`, `no_such_early_link`")))]
pub async fn delete_early_link(
    State(app): State<App>,
    creator: Creator,
    Path((id, link)): Path<(DropId, EarlyLinkId)>,
) -> Result<Response, Problem> {
    let hand = Hand {
        shop: creator.0.shop,
        drop: id,
        staff: creator.0.staff,
    };
    let act = app
        .db
        .write(LaneKey::of(id), move |tx| revoke_link(tx, hand, link))
        .await?;
    acted(act)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What stands in a link's address.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EarlyToken)]
pub struct EarlyTokenIn {
    pub early: String,
}

/// From when a guest may buy.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EarlyAccess)]
pub struct EarlyAccessOut {
    pub from: Option<Time>,
    pub opens_at: Option<Time>,
}

/// Be let in earlier by a link, with the browser that holds the key. Asked again, it is let in still.
#[utoipa::path(put, path = "/v1/drops/{drop}/early-access", tag = "drops", params(("drop" = DropId, Path),
    ("Hawker-Buyer-Key" = String, Header, description = "A secret this browser made and keeps; send it with the quote and the purchase too.")), security(("key" = [])),
    request_body = EarlyTokenIn, responses((status = 200, body = EarlyAccessOut), (status = 404, description = "`no_such_drop`"),
    (status = 409, description = "`no_such_early_link`, `early_link_used_up`"), (status = 422, description = "`buyer_key_needed`")))]
pub async fn put_early_access(
    State(app): State<App>,
    player: Player,
    ClientAddress(address): ClientAddress,
    key: BuyerKey,
    Path(id): Path<DropId>,
    Json(body): Json<EarlyTokenIn>,
) -> Result<Response, Problem> {
    let shop = player.shop;
    announced(&app, shop, id).await?;
    let key = key.hash(shop).ok_or_else(key_needed)?;
    limit(&app, Limit::Checkout, Who::AddressAtShop(address, shop))?;
    let by = read_invitation(app.db.signing_key(), id, &body.early).ok_or_else(no_such_link)?;
    let drop = app
        .db
        .write(LaneKey::of(id), move |tx| come_in(tx, shop, id, by, &key))
        .await?;
    let out = EarlyAccessOut {
        from: drop.early_from(),
        opens_at: drop.opens_at,
    };
    Ok(json(StatusCode::OK, out))
}

/// Mailboxes whose owners may come in earlier.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DropGuestMailboxes)]
pub struct GuestsIn {
    /// Up to 1,000.
    pub emails: Vec<String>,
}

/// A mailbox's way in.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DropGuest)]
pub struct GuestOut {
    pub email: String,
    /// For the owner of this mailbox: it makes up to three browsers of theirs guests.
    pub url: String,
}

/// Who may come in earlier by their mailbox.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DropGuests)]
pub struct GuestsOut {
    /// Mailboxes that are entitled. Those who bought before are counted once they come.
    pub mailboxes: i64,
    /// Of them, who came.
    pub came: i64,
    /// The ways in of those who were named now. Nothing is sent: give each to its owner.
    pub data: Vec<GuestOut>,
}

async fn told(app: &App, shop: ShopId, id: DropId, emails: &[String]) -> Result<GuestsOut, Problem> {
    let read = app.db.read(move |tx| {
        let drop = store::find(tx, shop, id)?.ok_or_else(unknown)?;
        Ok((identity::shop(tx, shop)?.slug, guests(tx, id)?, drop))
    });
    let (slug, (mailboxes, came), drop) = read.await?;
    let data = emails.iter().map(|email| GuestOut {
        email: email.clone(),
        url: guest_url(app, &slug, &drop, email),
    });
    Ok(GuestsOut {
        mailboxes,
        came,
        data: data.collect(),
    })
}

/// The address by which the owner of a mailbox comes in.
pub fn guest_url(app: &App, shop_slug: &str, drop: &Drop, email: &str) -> String {
    let token = guest_token(app.db.signing_key(), drop.id, email, Why::Named);
    format!("{}/s/{shop_slug}/drops/{}?early={token}", app.base_url, drop.slug)
}

/// How many may come in earlier by their mailbox, and how many came.
#[utoipa::path(get, path = "/v1/drops/{drop}/guests", tag = "drops", params(("drop" = DropId, Path)),
    responses((status = 200, body = GuestsOut), (status = 404, description = "`no_such_drop`")))]
pub async fn get_guests(State(app): State<App>, creator: Creator, Path(id): Path<DropId>) -> Result<Response, Problem> {
    Ok(json(StatusCode::OK, told(&app, creator.0.shop, id, &[]).await?))
}

/// Let the owners of mailboxes in earlier: members, or whoever else you know. Naming one twice is naming them once. Only their hashes are kept.
#[utoipa::path(put, path = "/v1/drops/{drop}/guests", tag = "drops", params(("drop" = DropId, Path)), request_body = GuestsIn,
    responses((status = 200, body = GuestsOut), (status = 404, description = "`no_such_drop`"),
    (status = 409, description = "`wrong_drop_state`: it is open or over"), (status = 422, description = "`invalid_field`")))]
pub async fn put_guests(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<DropId>,
    Json(body): Json<GuestsIn>,
) -> Result<Response, Problem> {
    entitle(&app, &creator, id, body.emails, true).await
}

/// Take it back from those who have not come.
#[utoipa::path(post, path = "/v1/drops/{drop}/guest-removals", tag = "drops", params(("drop" = DropId, Path)), request_body = GuestsIn,
    responses((status = 200, body = GuestsOut), (status = 404, description = "`no_such_drop`"),
    (status = 409, description = "`wrong_drop_state`: it is open or over"), (status = 422, description = "`invalid_field`")))]
pub async fn post_guest_removals(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<DropId>,
    Json(body): Json<GuestsIn>,
) -> Result<Response, Problem> {
    entitle(&app, &creator, id, body.emails, false).await
}

async fn entitle(
    app: &App,
    creator: &Creator,
    id: DropId,
    emails: Vec<String>,
    entitled: bool,
) -> Result<Response, Problem> {
    let shop = creator.0.shop;
    let hand = Hand {
        shop,
        drop: id,
        staff: creator.0.staff,
    };
    let named = emails.clone();
    let act = app
        .db
        .write(LaneKey::of(id), move |tx| invite(tx, hand, &emails, entitled));
    acted(act.await?)?;
    let shown: &[String] = if entitled { &named } else { &[] };
    Ok(json(StatusCode::OK, told(app, shop, id, shown).await?))
}
