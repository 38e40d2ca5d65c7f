//! The shop's settings, people and keys as JSON.

use super::extract::{Analyst, Owner};
use super::{
    AddPerson, ApiKey, ChangePerson, EditShop, KeyKind, NewKey, NewPerson, Person, PersonChange, Role, Seller, Shop,
    ShopEdit, add_person, change_person, disable_person, edit_shop, end_sessions_of, key_list, make_key, people,
    revoke_key, shop,
};
use crate::app::App;
use crate::db::LaneKey;
use crate::http::{IfMatch, Json, NewId, Path, Problem, etag, json, json_unless_known};
use crate::kernel::{Currency, Error, KeyId, PageOut, PartyId, ShopId, StaffId, Time};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

/// A shop as its staff see it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Shop)]
pub struct ShopOut {
    pub id: ShopId,
    pub slug: String,
    pub name: String,
    pub currency: Currency,
    pub country: String,
    pub language: String,
    /// An IANA name: the clock its people plan by.
    pub time_zone: String,
    /// `#rrggbb`, or empty for the usual colour.
    pub accent: String,
    pub tagline: String,
    pub test_mode: bool,
    pub seller: Seller,
    pub return_days: u32,
    pub return_policy: String,
    pub shipping_policy: String,
    pub prices_include_tax: bool,
    /// The time in which it sells; absent: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<super::WindowOut>,
    pub version: i64,
    pub created_at: Time,
}

impl From<Shop> for ShopOut {
    fn from(shop: Shop) -> Self {
        Self {
            id: shop.id,
            slug: shop.slug,
            name: shop.name,
            currency: shop.currency,
            country: shop.country,
            language: shop.language,
            time_zone: shop.time_zone,
            accent: shop.accent,
            tagline: shop.tagline,
            test_mode: shop.test_mode,
            seller: shop.seller,
            return_days: shop.return_days,
            return_policy: shop.return_policy,
            shipping_policy: shop.shipping_policy,
            prices_include_tax: shop.prices_include_tax,
            window: super::WindowOut::of(&shop.window),
            version: shop.version,
            created_at: shop.created_at,
        }
    }
}

/// What is to be different; what is absent stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ShopEdit)]
pub struct ShopIn {
    pub name: Option<String>,
    pub country: Option<String>,
    pub language: Option<String>,
    pub time_zone: Option<String>,
    pub accent: Option<String>,
    pub tagline: Option<String>,
    pub seller: Option<Seller>,
    pub return_days: Option<u32>,
    pub return_policy: Option<String>,
    pub shipping_policy: Option<String>,
    pub prices_include_tax: Option<bool>,
}

/// Someone who works at the shop.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Staff)]
pub struct PersonOut {
    pub id: StaffId,
    pub email: String,
    pub name: String,
    pub role: Role,
    /// For partners: whose work they see.
    pub party: Option<PartyId>,
    pub created_at: Time,
    /// Since when they may no longer sign in.
    pub disabled_at: Option<Time>,
}

impl From<Person> for PersonOut {
    fn from(person: Person) -> Self {
        Self {
            id: person.id,
            email: person.email,
            name: person.name,
            role: person.role,
            party: person.party,
            created_at: person.created_at,
            disabled_at: person.disabled_at,
        }
    }
}

/// Someone new.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewStaff)]
pub struct NewPersonIn {
    pub email: String,
    pub name: String,
    pub role: Role,
    pub party: Option<PartyId>,
}

/// What is to be different about someone.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StaffEdit)]
pub struct PersonIn {
    pub name: Option<String>,
    pub role: Option<Role>,
    pub party: Option<PartyId>,
    /// `true` lets someone sign in again who was disabled.
    pub enabled: Option<bool>,
}

/// An API key, without its secret.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ApiKey)]
pub struct KeyOut {
    pub id: KeyId,
    /// `publishable` or `secret`.
    pub kind: &'static str,
    /// A publishable key whole; of a secret one the first and last characters.
    pub shown: String,
    pub scopes: Vec<String>,
    pub name: String,
    pub created_at: Time,
    pub revoked_at: Option<Time>,
}

impl From<ApiKey> for KeyOut {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            kind: if key.publishable {
                KeyKind::Publishable.name()
            } else {
                KeyKind::Secret.name()
            },
            shown: key.shown,
            scopes: key.scopes,
            name: key.name,
            created_at: key.created_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// A key that was just made. The secret is shown this once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = NewApiKey)]
pub struct MadeKeyOut {
    pub key: KeyOut,
    pub secret: String,
}

/// A key to make.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApiKeyIn)]
pub struct KeyIn {
    /// `publishable` or `secret`.
    pub kind: KeyKindIn,
    pub name: String,
    /// For secret keys; `area:read` or `area:write` with the areas catalog, clips, orders, money, audience, settings.
    #[serde(default)]
    pub scopes: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ApiKeyKind)]
pub enum KeyKindIn {
    Publishable,
    Secret,
}

/// The shop and its settings.
#[utoipa::path(get, path = "/v1/shop", tag = "shop", responses((status = 200, body = ShopOut), (status = 304, description = "You have this version.")))]
pub async fn get_shop(State(app): State<App>, staff: Analyst, headers: HeaderMap) -> Result<Response, Problem> {
    let id = staff.shop;
    let shop = app.db.read(move |tx| shop(tx, id)).await?;
    Ok(json_unless_known(&headers, etag(shop.version), ShopOut::from(shop)))
}

/// Edit the settings. Needs the owner.
#[utoipa::path(patch, path = "/v1/shop", tag = "shop", params(("If-Match" = String, Header, description = "The version you edit, in quotes.")),
    request_body = ShopIn, responses((status = 200, body = ShopOut)))]
pub async fn patch_shop(
    State(app): State<App>,
    owner: Owner,
    IfMatch(version): IfMatch,
    Json(edit): Json<ShopIn>,
) -> Result<Response, Problem> {
    let id = owner.shop;
    let edit = ShopEdit {
        name: edit.name,
        country: edit.country,
        language: edit.language,
        time_zone: edit.time_zone,
        accent: edit.accent,
        tagline: edit.tagline,
        seller: edit.seller,
        return_days: edit.return_days,
        return_policy: edit.return_policy,
        shipping_policy: edit.shipping_policy,
        prices_include_tax: edit.prices_include_tax,
    };
    match app
        .db
        .write(LaneKey::of(id), move |tx| edit_shop(tx, id, version, edit.clone()))
        .await?
    {
        EditShop::Edited(shop) => {
            let tag = etag(shop.version);
            let mut response = json(StatusCode::OK, ShopOut::from(shop));
            response.headers_mut().insert(header::ETAG, tag);
            Ok(response)
        }
        EditShop::Stale { current } => Err(IfMatch::stale(current)),
    }
}

/// Everyone who works or worked here. Needs the owner.
#[utoipa::path(get, path = "/v1/staff", tag = "staff", responses((status = 200, body = PageOut<PersonOut>)))]
pub async fn list_staff(State(app): State<App>, owner: Owner) -> Result<Response, Problem> {
    let id = owner.shop;
    let people = app.db.read(move |tx| people(tx, id)).await?;
    Ok(json(
        StatusCode::OK,
        PageOut {
            data: people.into_iter().map(PersonOut::from).collect(),
            next: None,
        },
    ))
}

/// Add someone. They sign in with a link mailed to their address. Needs the owner.
#[utoipa::path(post, path = "/v1/staff", tag = "staff", request_body = NewPersonIn, responses((status = 201, body = PersonOut),
    (status = 409, description = "`already_here`: this address works here already.")))]
pub async fn post_staff(
    State(app): State<App>,
    owner: Owner,
    id: NewId,
    Json(new): Json<NewPersonIn>,
) -> Result<Response, Problem> {
    let shop = owner.shop;
    let new = NewPerson {
        email: new.email,
        name: new.name,
        role: new.role,
        party: new.party,
    };
    match app
        .db
        .write(LaneKey::of(shop), move |tx| add_person(tx, shop, id.get(), new.clone()))
        .await?
    {
        AddPerson::Added(person) => Ok(json(StatusCode::CREATED, PersonOut::from(person))),
        AddPerson::AlreadyHere(person) => Err(Problem::conflict(
            "already_here",
            "This address works here already. Change their role instead.",
        )
        .with("staff", person.id)),
    }
}

/// Change someone's name or role, or let them in again. Needs the owner.
#[utoipa::path(patch, path = "/v1/staff/{staff}", tag = "staff", params(("staff" = StaffId, Path)), request_body = PersonIn,
    responses((status = 200, body = PersonOut), (status = 409, description = "`last_owner`: a shop keeps one owner.")))]
pub async fn patch_staff(
    State(app): State<App>,
    owner: Owner,
    Path(id): Path<StaffId>,
    Json(change): Json<PersonIn>,
) -> Result<Response, Problem> {
    let shop = owner.shop;
    let change = PersonChange {
        name: change.name,
        role: change.role,
        party: change.party,
        enable: change.enabled == Some(true),
    };
    changed(
        app.db
            .write(LaneKey::of(shop), move |tx| change_person(tx, shop, id, change.clone()))
            .await?,
    )
}

/// Someone no longer works here: their sessions and links end at once. Needs the owner.
#[utoipa::path(delete, path = "/v1/staff/{staff}", tag = "staff", params(("staff" = StaffId, Path)),
    responses((status = 200, body = PersonOut), (status = 409, description = "`last_owner`: a shop keeps one owner.")))]
pub async fn delete_staff(State(app): State<App>, owner: Owner, Path(id): Path<StaffId>) -> Result<Response, Problem> {
    let shop = owner.shop;
    changed(
        app.db
            .write(LaneKey::of(shop), move |tx| disable_person(tx, shop, id))
            .await?,
    )
}

fn changed(outcome: ChangePerson) -> Result<Response, Problem> {
    match outcome {
        ChangePerson::Changed(person) => Ok(json(StatusCode::OK, PersonOut::from(person))),
        ChangePerson::NotFound => Err(Error::not_found("person").into()),
        ChangePerson::LastOwner => Err(Problem::conflict(
            "last_owner",
            "A shop keeps one owner. Make someone else owner first.",
        )),
    }
}

/// End all sessions of someone, on every device. Needs the owner.
#[utoipa::path(delete, path = "/v1/staff/{staff}/sessions", tag = "staff", params(("staff" = StaffId, Path)), responses((status = 204)))]
pub async fn delete_staff_sessions(
    State(app): State<App>,
    owner: Owner,
    Path(id): Path<StaffId>,
) -> Result<Response, Problem> {
    let shop = owner.shop;
    match app
        .db
        .write(LaneKey::of(shop), move |tx| end_sessions_of(tx, shop, id))
        .await?
    {
        Some(_) => Ok(StatusCode::NO_CONTENT.into_response()),
        None => Err(Error::not_found("person").into()),
    }
}

/// All keys, newest first, without their secrets. Needs the owner.
#[utoipa::path(get, path = "/v1/keys", tag = "keys", responses((status = 200, body = PageOut<KeyOut>)))]
pub async fn list_keys(State(app): State<App>, owner: Owner) -> Result<Response, Problem> {
    let id = owner.shop;
    let keys = app.db.read(move |tx| key_list(tx, id)).await?;
    Ok(json(
        StatusCode::OK,
        PageOut {
            data: keys.into_iter().map(KeyOut::from).collect(),
            next: None,
        },
    ))
}

/// Make a key. The answer is the only place where a secret key is ever shown. Needs the owner, signed in.
#[utoipa::path(post, path = "/v1/keys", tag = "keys", request_body = KeyIn, responses((status = 201, body = MadeKeyOut)))]
pub async fn post_key(State(app): State<App>, owner: Owner, Json(new): Json<KeyIn>) -> Result<Response, Problem> {
    if owner.staff.is_none() {
        // A stolen key must not be able to make others that outlive it.
        return Err(Error::new(
            crate::kernel::Kind::Forbidden,
            "session_needed",
            "Keys are made by an owner who is signed in, not by another key.",
        )
        .into());
    }
    let shop = owner.shop;
    let kind = match new.kind {
        KeyKindIn::Publishable => KeyKind::Publishable,
        KeyKindIn::Secret => KeyKind::Secret,
    };
    let new = NewKey {
        kind,
        name: new.name,
        scopes: new.scopes,
    };
    let made = app
        .db
        .write(LaneKey::of(shop), move |tx| make_key(tx, shop, new.clone()))
        .await?;
    Ok(json(
        StatusCode::CREATED,
        MadeKeyOut {
            key: made.key.into(),
            secret: made.secret,
        },
    ))
}

/// Revoke a key: it is refused from now on. Needs the owner.
#[utoipa::path(delete, path = "/v1/keys/{key}", tag = "keys", params(("key" = KeyId, Path)), responses((status = 204)))]
pub async fn delete_key(State(app): State<App>, owner: Owner, Path(id): Path<KeyId>) -> Result<Response, Problem> {
    if revoke_key(&app, owner.shop, id).await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Err(Error::not_found("key").into())
}
