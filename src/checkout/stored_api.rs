//! Kept cards over HTTP, and the secret by which a browser owns them.
//!
//! The secret is a cookie: scripts cannot read it, other sites cannot send it, and it never stands in an address. It is given when a buyer agrees to
//! have a card kept, and to nobody else: it recognises nobody before.

use super::model::{Address, Contact};
use super::one_click::{self, Stored};
use crate::app::App;
use crate::db::LaneKey;
use crate::drops;
use crate::http::{ClientAddress, Path, Problem, is_same_origin, json};
use crate::identity::Player;
use crate::kernel::{CheckoutId, Error, Result as Done, ShopId, StoredMethodId, Time};
use crate::payments::stored::{self, Owner};
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Carries a buyer's secret. One for all shops of the installation; what is stored under it is found by it and the shop together.
pub const BUYER_COOKIE: &str = "__Host-hawker-buyer";
/// Beside it, for scripts to see: there may be something to ask for.
const BUYER_HINT: &str = "__Host-hawker-kept";
/// What 32 bytes are in URL-safe text.
const SECRET_LENGTH: usize = 43;

/// A browser that may hold a secret of ours. A request from a foreign page counts as one that does not.
#[derive(Clone)]
pub struct Buyer(Option<String>);

impl FromRequestParts<App> for Buyer {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        if !is_same_origin(&parts.method, &parts.headers, &app.base_url) {
            return Ok(Self(None));
        }
        let cookies = parts.headers.get_all(header::COOKIE).iter();
        let found = cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == BUYER_COOKIE)
            .map(|(_, secret)| secret.to_owned());
        let plain = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-' || letter == b'_';
        Ok(Self(found.filter(|secret| {
            secret.len() == SECRET_LENGTH && secret.bytes().all(plain)
        })))
    }
}

impl Buyer {
    /// Whoever this browser is at a shop; none if it holds no secret.
    pub fn at(&self, shop: ShopId) -> Option<Owner> {
        self.0.as_deref().map(|secret| Owner::of(shop, secret))
    }

    /// What is kept of its secret where it takes a turn in a drop.
    pub fn key(&self, shop: ShopId) -> Option<[u8; 32]> {
        self.0.as_deref().map(|secret| drops::key_hash(shop, secret))
    }

    /// The same browser with a secret: the one it holds, or a new one.
    #[must_use]
    pub fn known(self, app: &App) -> Self {
        Self(self.0.or_else(|| Some(app.random.token())))
    }

    /// The cookie that carries the secret on, for as long as what is stored under it; none without a secret.
    pub fn cookie(&self) -> Option<HeaderValue> {
        let secret = self.0.as_deref()?;
        let text = format!(
            "{BUYER_COOKIE}={secret}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Lax",
            stored::KEPT.0
        );
        Some(HeaderValue::try_from(text).expect("a secret is URL-safe text"))
    }

    /// Puts the cookie on an answer, and beside it one that says only that there is one: pages of ours ask for kept cards where it is, and save
    /// everybody else the question.
    pub fn remember(&self, mut response: Response) -> Response {
        if let Some(cookie) = self.cookie() {
            let kept = stored::KEPT.0;
            let hint = format!("{BUYER_HINT}=1; Path=/; Max-Age={kept}; Secure; SameSite=Lax");
            let hint = HeaderValue::try_from(hint).expect("this is plain text");
            let headers = response.headers_mut();
            headers.append(header::SET_COOKIE, cookie);
            headers.append(header::SET_COOKIE, hint);
        }
        response
    }
}

/// A kept card, as its owner recognises it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct StoredMethodOut {
    pub id: StoredMethodId,
    /// `visa`, `mastercard` …; empty if the provider does not say.
    pub brand: String,
    pub last_four: String,
    /// Year and month, such as `2029-08`; empty if the provider does not say.
    pub card_expires: String,
    /// The purchase at which it was kept.
    pub checkout: CheckoutId,
    /// How the buyer is reached when it pays.
    pub contact: Contact,
    /// Where its parcels go, and nowhere else; none if it was kept at a purchase of which nothing travels.
    pub address: Option<Address>,
    pub used_at: Time,
    /// When it is forgotten unless it is used before.
    pub forgotten_at: Time,
}

impl StoredMethodOut {
    pub fn new(stored: &Stored) -> Self {
        let method = &stored.method;
        Self {
            id: method.id,
            brand: method.face.brand.clone(),
            last_four: method.face.last_four.clone(),
            card_expires: method.face.expires.clone(),
            checkout: method.checkout,
            contact: stored.contact.clone(),
            address: stored.address.clone(),
            used_at: method.used_at,
            forgotten_at: method.used_at.plus(stored::KEPT),
        }
    }
}

/// The cards of a browser.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct StoredMethodsOut {
    /// Last used first; a few at most.
    pub data: Vec<StoredMethodOut>,
}

/// Gives this browser a secret in a cookie, if it has none, so that a card can be kept for it: asked before a payment with `keep`, once the buyer
/// agreed. Works from the shop's own pages only.
#[utoipa::path(put, path = "/v1/buyer", tag = "buying", responses(
    (status = 204, description = "It has one; the cookie is in the answer."),
    (status = 409, description = "`foreign_page`: this did not come from a page of the shop, so no browser holds what is given.")))]
pub async fn put_buyer(
    State(app): State<App>,
    player: Player,
    same: OurPage,
    buyer: Buyer,
    ClientAddress(address): ClientAddress,
) -> Result<Response, Problem> {
    super::api::admit(&app, address, player.shop)?;
    if !same.0 {
        return Err(Problem::conflict(
            "foreign_page",
            "Cards are kept for buyers on the shop's own pages only.",
        ));
    }
    Ok(buyer.known(&app).remember(StatusCode::NO_CONTENT.into_response()))
}

/// Whether a request came from a page of ours, for those who do not refuse others.
pub struct OurPage(bool);

impl FromRequestParts<App> for OurPage {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        Ok(Self(is_same_origin(&parts.method, &parts.headers, &app.base_url)))
    }
}

/// What this browser may pay with here. Empty without the cookie.
#[utoipa::path(get, path = "/v1/stored-methods", tag = "buying", responses((status = 200, body = StoredMethodsOut)))]
pub async fn list_stored_methods(State(app): State<App>, player: Player, buyer: Buyer) -> Result<Response, Problem> {
    let found = kept(&app, player.shop, &buyer).await?;
    let data = found.iter().map(StoredMethodOut::new).collect();
    Ok(json(StatusCode::OK, &StoredMethodsOut { data }))
}

/// The kept cards of a browser at a shop.
pub async fn kept(app: &App, shop: ShopId, buyer: &Buyer) -> Done<Vec<Stored>> {
    match buyer.at(shop) {
        Some(owner) => app.db.look(move |tx| one_click::list(tx, shop, owner)).await,
        None => Ok(Vec::new()),
    }
}

/// Forgets a card: at once nobody can pay with it, and the processor is told to let go of it, too.
#[utoipa::path(delete, path = "/v1/stored-methods/{method}", tag = "buying", params(("method" = StoredMethodId, Path)),
    responses((status = 204, description = "Forgotten."), (status = 404, description = "This browser has no such card, or has it no longer.")))]
pub async fn delete_stored_method(
    State(app): State<App>,
    player: Player,
    buyer: Buyer,
    Path(id): Path<StoredMethodId>,
) -> Result<Response, Problem> {
    if forget(&app, player.shop, &buyer, id).await? {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(Error::not_found("stored method").into())
    }
}

/// Whether there was such a card of this browser.
pub async fn forget(app: &App, shop: ShopId, buyer: &Buyer, id: StoredMethodId) -> Done<bool> {
    let Some(owner) = buyer.at(shop) else {
        return Ok(false);
    };
    app.db
        .write(LaneKey::of(id), move |tx| stored::forget(tx, shop, owner, id))
        .await
}
