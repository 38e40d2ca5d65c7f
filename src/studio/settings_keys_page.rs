//! API keys. A secret is on the page that answers the form which made it, and nowhere else.

use super::field::{Choice, Field, Problem as Wrong, refusable};
use super::frame::{Chip, Frame, Section, Tone};
use super::settings_shop_page::After;
use super::when::When;
use crate::app::App;
use crate::db::LaneKey;
use crate::http::{Form, Problem, Query, page, redirect};
use crate::identity::{ApiKey, KeyKind, NewKey, Owner, SCOPES, Shop, key_list, make_key, revoke_key, shop};
use crate::kernel::{Error, KeyId, Time};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

pub struct KeyRow {
    pub id: String,
    pub name: String,
    pub kind: Chip,
    /// A publishable key whole; of a secret one the first and last characters.
    pub shown: String,
    pub rights: String,
    pub made: When,
    pub revoked: bool,
}

/// A key right after it was made. Reloading the page does not bring it back.
pub struct FreshKey {
    pub name: String,
    pub secret: String,
}

#[derive(Template)]
#[template(path = "studio/settings_keys.html")]
pub struct SettingsKeysPage {
    pub frame: Frame,
    pub keys: Vec<KeyRow>,
    pub fresh: Option<FreshKey>,
    pub name: Field,
    pub secret: bool,
    pub scopes: Vec<Choice>,
    pub scopes_error: String,
    pub problems: Vec<Wrong>,
}

/// What the form sends.
#[derive(Clone, Deserialize)]
pub struct Sent {
    #[serde(rename = "do")]
    act: Act,
    #[serde(default)]
    key: Option<KeyId>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    scope: Vec<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Act {
    Make,
    Revoke,
}

/// Where the fields of a refusal stand on the page.
const PLACES: [(&str, &str, &str); 2] = [("/name", "key-name", "What is it for"), ("/scopes", "scopes", "Rights")];

pub async fn show(State(app): State<App>, owner: Owner, Query(after): Query<After>) -> Result<Response, Problem> {
    let id = owner.shop;
    let (shop, keys, now) = app
        .db
        .read(move |tx| Ok((shop(tx, id)?, key_list(tx, id)?, tx.now())))
        .await?;
    let mut settings = SettingsKeysPage::of(&shop, &owner, &keys, now);
    settings.frame = settings.frame.after(after.done.as_deref());
    page(&settings)
}

/// Makes a key or revokes one.
pub async fn save(State(app): State<App>, owner: Owner, Form(sent): Form<Sent>) -> Result<Response, Problem> {
    match (sent.act, sent.key) {
        (Act::Make, _) => make(app, owner, sent).await,
        (Act::Revoke, Some(key)) => {
            if !revoke_key(&app, owner.shop, key).await? {
                return Err(Error::not_found("key").into());
            }
            let id = owner.shop;
            let slug = app.db.read(move |tx| Ok(shop(tx, id)?.slug)).await?;
            Ok(redirect(&format!("/studio/{slug}/settings/keys?done=revoked")))
        }
        (Act::Revoke, None) => Err(Error::not_found("key").into()),
    }
}

async fn make(app: App, owner: Owner, sent: Sent) -> Result<Response, Problem> {
    let id = owner.shop;
    let kind = if sent.kind == "sk" {
        KeyKind::Secret
    } else {
        KeyKind::Publishable
    };
    // Rights that were ticked before "publishable" was chosen mean nothing.
    let scopes = if kind == KeyKind::Secret {
        sent.scope.clone()
    } else {
        Vec::new()
    };
    let new = NewKey {
        kind,
        name: sent.name.clone(),
        scopes,
    };
    let (made, shop, keys, now) = app
        .db
        .write(LaneKey::of(id), move |tx| {
            Ok((
                refusable(make_key(tx, id, new.clone()))?,
                shop(tx, id)?,
                key_list(tx, id)?,
                tx.now(),
            ))
        })
        .await?;
    let mut settings = SettingsKeysPage::of(&shop, &owner, &keys, now);
    match made {
        Ok(made) => {
            settings.fresh = Some(FreshKey {
                name: made.key.name,
                secret: made.secret,
            })
        }
        Err(error) => settings.keep(&sent, &error),
    }
    page(&settings)
}

impl SettingsKeysPage {
    pub fn part(&self) -> &'static str {
        "keys"
    }

    fn of(shop: &Shop, owner: &Owner, keys: &[ApiKey], now: Time) -> Self {
        Self {
            frame: Frame::of(shop, owner, Section::Settings, "Settings"),
            keys: keys.iter().map(|key| KeyRow::of(key, now)).collect(),
            fresh: None,
            name: Field::default(),
            secret: false,
            scopes: rights(&[]),
            scopes_error: String::new(),
            problems: Vec::new(),
        }
    }

    /// Keeps what was typed beside what was refused.
    fn keep(&mut self, sent: &Sent, error: &Error) {
        self.name = Field::judged(&sent.name, error, "/name");
        self.secret = sent.kind == "sk";
        self.scopes = rights(&sent.scope);
        self.scopes_error = Field::judged("", error, "/scopes").error.unwrap_or_default();
        self.problems = Wrong::all(error, &PLACES);
    }

    pub fn sample() -> Self {
        let key = |id: &str, name: &str, kind: Chip, shown: &str, rights: &str, made: When| KeyRow {
            id: id.into(),
            name: name.into(),
            kind,
            shown: shown.into(),
            rights: rights.into(),
            made,
            revoked: false,
        };
        Self {
            frame: Frame::sample(Section::Settings, "Settings"),
            keys: vec![
                key(
                    "key_1",
                    "Player on nour-ceramics.example",
                    Chip::new(Tone::Ok, "Publishable"),
                    "pk_8tRk2mVq01",
                    "What a player may",
                    When::new("3 weeks ago", "31 October 2026, 10:00:00 UTC", "2026-10-31T10:00:00Z"),
                ),
                key(
                    "key_2",
                    "Bookkeeping export",
                    Chip::new(Tone::Warn, "Secret"),
                    "sk_Zm9y…bx5Q",
                    "See orders, see money",
                    When::new("yesterday", "20 November 2026, 03:00:00 UTC", "2026-11-20T03:00:00Z"),
                ),
                KeyRow {
                    revoked: true,
                    ..key(
                        "key_3",
                        "Old stock sync",
                        Chip::new(Tone::Quiet, "Revoked"),
                        "sk_a81K…w0pM",
                        "Change products and stock",
                        When::new("8 weeks ago", "24 September 2026, 12:00:00 UTC", "2026-09-24T12:00:00Z"),
                    )
                },
            ],
            fresh: Some(FreshKey {
                name: "Stock sync".into(),
                secret: "sk_a-sample-is-not-a-secret".into(),
            }),
            name: Field::default(),
            secret: false,
            scopes: rights(&[]),
            scopes_error: String::new(),
            problems: Vec::new(),
        }
    }

    pub fn refused() -> Self {
        Self {
            fresh: None,
            name: Field::of("Stock sync"),
            secret: true,
            scopes_error: "A secret key needs at least one scope.".into(),
            problems: vec![Wrong::new("scopes", "Rights: A secret key needs at least one scope.")],
            ..Self::sample()
        }
    }
}

impl KeyRow {
    fn of(key: &ApiKey, now: Time) -> Self {
        let kind = match (key.revoked_at.is_some(), key.publishable) {
            (true, _) => Chip::new(Tone::Quiet, "Revoked"),
            (false, true) => Chip::new(Tone::Ok, "Publishable"),
            (false, false) => Chip::new(Tone::Warn, "Secret"),
        };
        let rights: Vec<&str> = key.scopes.iter().map(|scope| right_name(scope)).collect();
        Self {
            id: key.id.to_string(),
            name: key.name.clone(),
            kind,
            shown: key.shown.clone(),
            rights: if key.publishable {
                "What a player may".into()
            } else {
                rights.join(", ")
            },
            made: When::of(key.created_at, now),
            revoked: key.revoked_at.is_some(),
        }
    }
}

/// Every right a secret key can have.
fn rights(chosen: &[String]) -> Vec<Choice> {
    let is_chosen = |scope: &str| chosen.iter().any(|other| other == scope);
    SCOPES
        .into_iter()
        .map(|scope| Choice {
            chosen: is_chosen(scope),
            ..Choice::new(scope, right_name(scope))
        })
        .collect()
}

/// A scope as people say it; one we do not know yet says itself.
fn right_name(scope: &str) -> &str {
    match scope {
        "catalog:read" => "See products and stock",
        "catalog:write" => "Change products and stock",
        "clips:read" => "See clips",
        "clips:write" => "Change and publish clips",
        "orders:read" => "See orders",
        "orders:write" => "Ship, cancel and refund",
        "money:read" => "See money and partners",
        "money:write" => "Change partners and contracts",
        "audience:read" => "See the audience",
        "audience:write" => "Change audience data",
        "settings:read" => "See settings",
        "settings:write" => "Change settings",
        other => other,
    }
}
