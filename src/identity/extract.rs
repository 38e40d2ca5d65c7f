//! Rights in a handler's signature: without a `Creator` there is no clip to publish.
//!
//! Order of answers: 401 without known credentials, 403 from a foreign page, 404 in another shop's studio, 403 without the right.

use super::keys::{self, KnownKey};
use super::model::{Role, Session, covers, scope_needed};
use super::{SESSION_COOKIE, store};
use crate::app::App;
use crate::http::{Problem, is_same_origin};
use crate::kernel::{Error, KeyId, Kind, PartyId, ShopId, StaffId};
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};

/// A player in some page, or a server: knows the shop by its key, and nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Player {
    pub shop: ShopId,
    pub key: KeyId,
    /// Whether the key is the shop's own server's, with the right to read (or change) orders: then it needs no checkout's secret.
    pub secret: bool,
}

/// Someone who works here, in whatever role; or a secret key whose scopes cover the route, which counts as the owner's hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staff {
    pub shop: ShopId,
    /// None for a key.
    pub staff: Option<StaffId>,
    pub key: Option<KeyId>,
    pub name: String,
    pub role: Role,
    /// For partners: whose work they see.
    pub party: Option<PartyId>,
}

/// May do everything.
#[derive(Clone, Debug)]
pub struct Owner(pub Staff);
/// May change clips, products and contracts, cancel orders and give money back.
#[derive(Clone, Debug)]
pub struct Creator(pub Staff);
/// May pack and ship; a partner (`party` is set) only the orders of their party.
#[derive(Clone, Debug)]
pub struct Helper(pub Staff);
/// May pack and ship for the whole shop, and count its shelves: whoever may but partners.
#[derive(Clone, Debug)]
pub struct Packer(pub Staff);
/// May see what viewers did: everybody but partners and helpers.
#[derive(Clone, Debug)]
pub struct Measurer(pub Staff);
/// May see the whole shop: everybody but partners.
#[derive(Clone, Debug)]
pub struct Analyst(pub Staff);

/// Whoever the credentials belong to.
#[derive(Clone)]
enum Principal {
    Session(Session),
    Key(KnownKey),
}

impl Player {
    fn of(key: &KnownKey, write: bool) -> Self {
        let secret = !key.publishable && covers(&key.scopes, "orders", write);
        Self {
            shop: key.shop,
            key: key.id,
            secret,
        }
    }
}

impl Staff {
    /// Who did it, for logs and idempotency keys.
    pub fn principal(&self) -> String {
        match (self.staff, self.key) {
            (Some(staff), _) => staff.to_string(),
            (None, Some(key)) => key.to_string(),
            (None, None) => unreachable!("staff are a person or a key"),
        }
    }
}

fn unauthorized(detail: &'static str) -> Problem {
    Error::new(Kind::Unauthorized, "unauthorized", detail).into()
}

fn forbidden(parts: &Parts, staff: &Staff, needs: &str) -> Problem {
    // Ids only: who tried what stays findable, and nothing personal is in the log.
    tracing::warn!(principal = %staff.principal(), shop = %staff.shop, method = %parts.method, path = parts.uri.path(), needs, "authorization refused");
    Error::new(Kind::Forbidden, "forbidden", format!("This needs the right “{needs}”.")).into()
}

/// Looks the credentials up, once a request.
async fn principal(parts: &mut Parts, app: &App) -> Result<Option<Principal>, Problem> {
    if let Some(known) = parts.extensions.get::<Principal>() {
        return Ok(Some(known.clone()));
    }
    let found = match bearer(&parts.headers)? {
        Some(secret) => match keys::known_key(app, secret).await? {
            Some(key) => Some(Principal::Key(key)),
            None => {
                tracing::warn!(method = %parts.method, path = parts.uri.path(), "an unknown or revoked key was refused");
                return Err(unauthorized("This API key is not known, or was revoked."));
            }
        },
        None => by_cookie(parts, app).await?.map(Principal::Session),
    };
    if let Some(principal) = &found {
        parts.extensions.insert(principal.clone());
    }
    Ok(found)
}

/// The key of `Authorization: Bearer …`. A header that says something else is refused rather than ignored.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let token = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    token
        .map(|(_, token)| Some(token.trim()))
        .ok_or_else(|| unauthorized("Send `Authorization: Bearer pk_…` or `sk_…`."))
}

/// The value of our cookie.
pub fn session_token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == SESSION_COOKIE)
        .map(|(_, token)| token)
}

async fn by_cookie(parts: &Parts, app: &App) -> Result<Option<Session>, Problem> {
    let Some(token) = session_token(&parts.headers).filter(|token| !token.is_empty()) else {
        return Ok(None);
    };
    let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
    let Some(session) = app.db.look(move |tx| store::session(tx, hash)).await? else {
        return Ok(None);
    };
    if !is_same_origin(&parts.method, &parts.headers, &app.base_url) {
        tracing::warn!(staff = %session.staff, shop = %session.shop, path = parts.uri.path(), "a request from a foreign page was refused");
        return Err(Error::new(
            Kind::Forbidden,
            "foreign_origin",
            "This request came from another site. Open the page here and try again.",
        )
        .into());
    }
    Ok(Some(session))
}

/// The slug of `/studio/{slug}/…`; the doors of the studio have none.
fn studio_slug(path: &str) -> Option<&str> {
    let slug = path.strip_prefix("/studio/")?.split('/').next()?;
    (!matches!(slug, "" | "sign-in" | "sign-out")).then_some(slug)
}

impl FromRequestParts<App> for Player {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match principal(parts, app).await? {
            Some(Principal::Key(key)) => Ok(Self::of(&key, !parts.method.is_safe())),
            _ => Err(unauthorized(
                "Send the shop's publishable key: `Authorization: Bearer pk_…`.",
            )),
        }
    }
}

/// The player behind a key that came in a body: beacons cannot send headers.
pub async fn player_of(app: &App, key: &str) -> Result<Player, Problem> {
    let known = keys::known_key(app, key)
        .await?
        .ok_or_else(|| unauthorized("This API key is not known, or was revoked."))?;
    Ok(Player::of(&known, true))
}

impl FromRequestParts<App> for Staff {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match principal(parts, app).await? {
            None => Err(unauthorized(
                "Sign in to the studio, or send a secret key: `Authorization: Bearer sk_…`.",
            )),
            Some(Principal::Session(session)) => {
                if studio_slug(parts.uri.path()).is_some_and(|slug| slug != session.shop_slug) {
                    return Err(Error::not_found("studio").into());
                }
                Ok(Self {
                    shop: session.shop,
                    staff: Some(session.staff),
                    key: None,
                    name: session.name,
                    role: session.role,
                    party: session.party,
                })
            }
            Some(Principal::Key(key)) => {
                let staff = Self {
                    shop: key.shop,
                    staff: None,
                    key: Some(key.id),
                    name: String::new(),
                    role: Role::Owner,
                    party: None,
                };
                let Some((area, write)) =
                    scope_needed(parts.uri.path(), parts.method.is_safe()).filter(|_| !key.publishable)
                else {
                    return Err(forbidden(parts, &staff, "a secret key or a session"));
                };
                if covers(&key.scopes, area, write) {
                    return Ok(staff);
                }
                Err(forbidden(
                    parts,
                    &staff,
                    &format!("{area}:{}", if write { "write" } else { "read" }),
                ))
            }
        }
    }
}

impl OptionalFromRequestParts<App> for Staff {
    type Rejection = Problem;
    /// `None` without any credentials, or with a player's key; wrong credentials are still refused.
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, Problem> {
        match principal(parts, app).await? {
            None => Ok(None),
            Some(Principal::Key(key)) if key.publishable => Ok(None),
            Some(_) => <Self as FromRequestParts<App>>::from_request_parts(parts, app)
                .await
                .map(Some),
        }
    }
}

macro_rules! roles {
    ($($name:ident $may:ident $word:literal;)*) => {$(
        impl FromRequestParts<App> for $name {
            type Rejection = Problem;
            async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
                let staff = <Staff as FromRequestParts<App>>::from_request_parts(parts, app).await?;
                if staff.role.$may() {
                    return Ok(Self(staff));
                }
                Err(forbidden(parts, &staff, $word))
            }
        }
        impl std::ops::Deref for $name {
            type Target = Staff;
            fn deref(&self) -> &Staff {
                &self.0
            }
        }
    )*};
}

roles! {
    Owner is_owner "owner";
    Creator may_create "creator";
    Helper may_help "helper";
    Packer may_pack "helper";
    Measurer may_measure "analyst or creator";
    Analyst may_look "analyst";
}
