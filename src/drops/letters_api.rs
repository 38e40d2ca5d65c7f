//! Asking for letters over HTTP.

use super::buyer_key::{BuyerKey, announced, key_needed};
use super::letters::{About, ask};
use crate::app::App;
use crate::db::LaneKey;
use crate::http::{ClientAddress, Json, Limit, Path, Problem, Who, limit};
use crate::identity::Player;
use crate::kernel::DropId;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// A letter that is asked for.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDropLetter)]
pub struct LetterIn {
    pub about: About,
    pub email: String,
}

/// Counts a mailbox that somebody typed: by network, and by mailbox whoever types it.
pub fn admit_letter(
    app: &App,
    shop: crate::kernel::ShopId,
    address: std::net::IpAddr,
    email: &str,
) -> Result<(), Problem> {
    limit(app, Limit::Waitlist, Who::AddressAtShop(address, shop))?;
    let mailbox = Sha256::digest(super::model::plain_email(email)).into();
    limit(app, Limit::Mailbox, Who::Mailbox(mailbox))
}

/// Ask for a letter: when what this browser waits for is offered to it, or a quarter of an hour before the drop opens. The first letter asks the mailbox
/// whether it was they; the answer here is the same whatever is known of it.
#[utoipa::path(put, path = "/v1/drops/{drop}/letters", tag = "drops", params(("drop" = DropId, Path),
    ("Hawker-Buyer-Key" = String, Header, description = "The secret of the browser that waits.")), security(("key" = [])), request_body = LetterIn,
    responses((status = 202, description = "A letter asks them."), (status = 404, description = "`no_such_drop`"),
    (status = 409, description = "`drop_closed`, `drop_opens_soon`, `not_waiting`"), (status = 422, description = "`buyer_key_needed`, `invalid_field`")))]
pub async fn put_drop_letter(
    State(app): State<App>,
    player: Player,
    ClientAddress(address): ClientAddress,
    key: BuyerKey,
    Path(id): Path<DropId>,
    Json(body): Json<LetterIn>,
) -> Result<Response, Problem> {
    let shop = player.shop;
    announced(&app, shop, id).await?;
    let key = key.hash(shop).ok_or_else(key_needed)?;
    admit_letter(&app, shop, address, &body.email)?;
    app.db
        .write(LaneKey::of(id), move |tx| {
            ask(tx, shop, id, body.about, &body.email, &key)
        })
        .await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
