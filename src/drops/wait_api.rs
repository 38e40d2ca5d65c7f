//! A waitlist over HTTP.

use super::buyer_key::{BuyerKey, announced, key_needed};
use super::model::{Wait, WaitStanding};
use super::store;
use super::wait::{leave, wait};
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::http::{ClientAddress, Json, Limit, Path, Problem, Who, json, limit};
use crate::identity::Player;
use crate::kernel::{DropId, Id, Result as Done, Time, VariantId, WaitId};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// What is waited for.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDropWait)]
pub struct WaitIn {
    /// As many as each buyer may have, at most; all of them are offered together.
    #[serde(default = "one")]
    pub units: u32,
}

fn one() -> u32 {
    1
}

/// A place on a waitlist.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DropWait)]
pub struct WaitOut {
    pub id: WaitId,
    pub variant: VariantId,
    pub units: u32,
    pub standing: WaitStanding,
    /// How many are before it; 0 for the first, and for an offer; 500 for so many or more.
    pub before: i64,
    /// Until when the units are kept for them: buy with a quote in this drop, and the same key.
    pub offered_until: Option<Time>,
}

fn wait_out(tx: &mut Tx<'_>, drop: DropId, wait: &Wait) -> Done<WaitOut> {
    Ok(WaitOut {
        // Not the row's own: its offer is reserved under that, and the id of a checkout is its buyer's to choose.
        id: WaitId::from_uuid(uuid::Uuid::new_v5(&wait.id.uuid(), b"shown")),
        variant: wait.variant,
        units: wait.units,
        standing: wait.standing,
        before: match wait.standing {
            WaitStanding::Waiting => store::before_wait(tx, drop, wait)?,
            _ => 0,
        },
        offered_until: wait.offered_until,
    })
}

/// Wait for what is sold out. Asked again, it is the same place, as it stands now.
#[utoipa::path(put, path = "/v1/drops/{drop}/waits/{variant}", tag = "drops", params(("drop" = DropId, Path), ("variant" = VariantId, Path),
    ("Hawker-Buyer-Key" = String, Header, description = "A secret this browser made and keeps; send it with the purchase too.")), security(("key" = [])),
    request_body = WaitIn, responses((status = 200, body = WaitOut), (status = 404, description = "`no_such_drop`"),
    (status = 409, description = "`drop_not_open`, `drop_paused`, `drop_closed`, `not_in_drop`, `drop_not_sold_out`"), (status = 422, description = "`buyer_key_needed`, `invalid_field`")))]
pub async fn put_wait(
    State(app): State<App>,
    player: Player,
    ClientAddress(address): ClientAddress,
    key: BuyerKey,
    Path((id, variant)): Path<(DropId, VariantId)>,
    Json(body): Json<WaitIn>,
) -> Result<Response, Problem> {
    let shop = player.shop;
    announced(&app, shop, id).await?;
    let key = key.hash(shop).ok_or_else(key_needed)?;
    limit(&app, Limit::Checkout, Who::AddressAtShop(address, shop))?;
    let known = app.db.read(move |tx| store::wait_of(tx, id, variant, &key));
    if known.await?.is_none() {
        limit(&app, Limit::Waitlist, Who::AddressAtShop(address, shop))?;
    }
    let done = app.db.write(LaneKey::of(id), move |tx| {
        let place = wait(tx, shop, id, variant, body.units, &key)?;
        wait_out(tx, id, &place)
    });
    Ok(json(StatusCode::OK, done.await?))
}

/// Leave a waitlist; an offer goes to the next.
#[utoipa::path(delete, path = "/v1/drops/{drop}/waits/{variant}", tag = "drops", params(("drop" = DropId, Path), ("variant" = VariantId, Path),
    ("Hawker-Buyer-Key" = String, Header, description = "The secret the place was taken with.")), security(("key" = [])),
    responses((status = 204), (status = 404, description = "`no_such_drop`"), (status = 422, description = "`buyer_key_needed`")))]
pub async fn delete_wait(
    State(app): State<App>,
    player: Player,
    key: BuyerKey,
    Path((id, variant)): Path<(DropId, VariantId)>,
) -> Result<Response, Problem> {
    let shop = player.shop;
    announced(&app, shop, id).await?;
    let key = key.hash(shop).ok_or_else(key_needed)?;
    // Whoever has no place leaves none: that is no write.
    if app
        .db
        .read(move |tx| store::wait_of(tx, id, variant, &key))
        .await?
        .is_none()
    {
        return Ok(axum::response::IntoResponse::into_response(StatusCode::NO_CONTENT));
    }
    app.db
        .write(LaneKey::of(id), move |tx| leave(tx, shop, id, variant, &key))
        .await?;
    Ok(axum::response::IntoResponse::into_response(StatusCode::NO_CONTENT))
}
