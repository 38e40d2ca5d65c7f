//! A buyer's second tab, retry or next visit in a drop goes on with the purchase their browser has begun (D10).
//!
//! Only the browser that holds the secret is told of it. Whoever types the same mailbox somewhere else meets the limit, and its words say where to look.

use super::api::{CheckoutOut, told};
use super::buy::{Tap, client_secret};
use super::model::Checkout;
use super::store;
use crate::app::App;
use crate::db::Tx;
use crate::drops::{self, BuyerKey};
use crate::http::{Path, Problem, json};
use crate::identity::{self, Player};
use crate::kernel::{DropId, Error, Result, ShopId};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

/// The purchase a browser has begun in a drop and not ended: the one whose units are kept longest. None: it has none.
pub fn own_in_drop(tx: &mut Tx<'_>, shop: ShopId, drop: DropId, key: &[u8; 32]) -> Result<Option<Checkout>> {
    let mut found: Option<Checkout> = None;
    for own in drops::own(tx, drop, key)? {
        let checkout = store::find(tx, shop, own.checkout)?.filter(|checkout| goes_on(tx, checkout));
        if let Some(checkout) = checkout
            && found
                .as_ref()
                .is_none_or(|known| known.expires_at < checkout.expires_at)
        {
            found = Some(checkout);
        }
    }
    Ok(found)
}

fn goes_on(tx: &Tx<'_>, checkout: &Checkout) -> bool {
    checkout.state.is_open() && (checkout.state.is_paying() || checkout.expires_at > tx.now())
}

/// At the tap: what this browser has begun in the drop before, all of it ended. Errors: `drop_reserved`, of something that is in this purchase too and
/// can be gone on with.
pub(super) fn begun(tx: &mut Tx<'_>, tap: &Tap, drop: DropId, key: &[u8; 32]) -> Result<Vec<drops::Own>> {
    let known = drops::own(tx, drop, key)?;
    let wanted = |own: &&drops::Own| tap.quote.lines.iter().any(|line| line.variant == own.variant);
    for own in known.iter().filter(wanted) {
        if store::find(tx, tap.shop, own.checkout)?.is_some_and(|checkout| goes_on(tx, &checkout)) {
            return Err(reserved());
        }
    }
    Ok(known)
}

fn reserved() -> Error {
    Error::conflict(
        "drop_reserved",
        "You have begun to buy this in this drop: it is kept for you there. Go on with that one; nothing more was reserved.",
    )
}

/// Whether a refusal may be about what the same browser has already: then it is led there.
pub fn may_be_own(error: &Error) -> bool {
    matches!(
        error.code,
        "drop_reserved" | "drop_limit_reached" | "drop_pass_used" | "drop_closed" | "drop_paused"
    )
}

/// A refusal, or where the browser goes on that has begun before.
pub(super) async fn or_own(
    app: &App,
    shop: ShopId,
    begun: (Option<DropId>, Option<[u8; 32]>),
    error: Error,
) -> Problem {
    let (Some(drop), Some(key), true) = (begun.0, begun.1, may_be_own(&error)) else {
        return error.into();
    };
    match app.db.read(move |tx| own_in_drop(tx, shop, drop, &key)).await {
        Ok(Some(own)) => Problem::from(reserved())
            .with("checkout", own.id)
            .with("client_secret", client_secret(app, &own)),
        Ok(None) => error.into(),
        Err(broken) => broken.into(),
    }
}

/// What this browser has begun to buy in a drop and not ended, with the secret to go on. A second tab asks before it reserves.
#[utoipa::path(get, path = "/v1/drops/{drop}/reservation", tag = "drops", params(("drop" = DropId, Path),
    ("Hawker-Buyer-Key" = String, Header, description = "The secret the purchase was begun with.")), security(("key" = [])),
    responses((status = 200, body = CheckoutOut), (status = 404, description = "`no_such_drop`, `no_reservation`: this browser has none here that goes on."),
    (status = 422, description = "`buyer_key_needed`")))]
pub async fn get_drop_reservation(
    State(app): State<App>,
    player: Player,
    key: BuyerKey,
    Path(id): Path<DropId>,
) -> std::result::Result<Response, Problem> {
    let shop = player.shop;
    drops::announced(&app, shop, id).await?;
    let key = key.hash(shop).ok_or_else(drops::key_needed)?;
    let read = app.db.read(move |tx| {
        let Some(own) = own_in_drop(tx, shop, id, &key)? else {
            return Ok(None);
        };
        let settled = super::conclude::stand(tx, shop, own.id)?;
        Ok(settled.map(|settled| (settled, identity::shop(tx, shop))))
    });
    let found = read.await?;
    let Some((settled, of)) = found else {
        let detail = "This browser has nothing reserved in this drop.";
        return Err(Problem::new(StatusCode::NOT_FOUND, "no_reservation", detail));
    };
    let out = told(&app, &of?, &settled, true, false).await?;
    Ok(json(StatusCode::OK, out))
}
