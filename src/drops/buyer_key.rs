//! The secret by which a browser is known in a drop, and what it needs to be sent for.

use super::model::{Drop, DropState, key_hash, unknown};
use super::store;
use crate::app::App;
use crate::http::Problem;
use crate::kernel::{DropId, ShopId};
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

/// A secret that a buyer's browser made and keeps: 32 to 64 letters, digits, `-` or `_`. Absent or of another form: none.
#[derive(Clone)]
pub struct BuyerKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for BuyerKey {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let text = parts
            .headers
            .get("hawker-buyer-key")
            .and_then(|value| value.to_str().ok());
        let plain = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-' || letter == b'_';
        let fits = text.filter(|text| (32..=64).contains(&text.len()) && text.bytes().all(plain));
        Ok(Self(fits.map(str::to_owned)))
    }
}

impl BuyerKey {
    /// What is kept of it at a shop.
    pub fn hash(&self, shop: ShopId) -> Option<[u8; 32]> {
        self.0.as_deref().map(|secret| key_hash(shop, secret))
    }
}

/// What whoever sends no secret of theirs learns.
pub fn key_needed() -> Problem {
    let detail =
        "Send the secret this browser made for its turn: `Hawker-Buyer-Key`, 32 to 64 letters, digits, - or _.";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "buyer_key_needed", detail)
}

/// The drop of a waiting room, which buyers may know of.
pub async fn announced(app: &App, shop: ShopId, id: DropId) -> Result<Drop, Problem> {
    let found = app.db.look(move |tx| store::find(tx, shop, id)).await?;
    Ok(found
        .filter(|drop| drop.state != DropState::Draft)
        .ok_or_else(unknown)?)
}
