//! API keys. Publishable ones are in every page and name a shop; secret ones have scopes and are shown once.

use super::model::{ApiKey, SCOPES, Wrong};
use super::store;
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::kernel::{KeyId, Result, ShopId};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    Publishable,
    Secret,
}

impl KeyKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Publishable => "publishable",
            Self::Secret => "secret",
        }
    }
}

#[derive(Clone, Debug)]
pub struct NewKey {
    pub kind: KeyKind,
    pub name: String,
    pub scopes: Vec<String>,
}

/// A key that was just made: the only time its secret is known.
#[derive(Clone, Debug)]
pub struct MadeKey {
    pub key: ApiKey,
    pub secret: String,
}

/// A key as the extractors need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KnownKey {
    pub id: KeyId,
    pub shop: ShopId,
    pub publishable: bool,
    pub scopes: Vec<String>,
}

/// What is stored of a secret.
pub(super) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Order of answers: invalid, made.
pub fn make_key(tx: &mut Tx<'_>, shop: ShopId, new: NewKey) -> Result<MadeKey> {
    let mut wrong = Wrong::default();
    wrong.line("/name", &new.name, 1, 80);
    wrong.unless(
        new.scopes.iter().all(|scope| SCOPES.contains(&scope.as_str())),
        "/scopes",
        format!("Scopes are {}.", SCOPES.join(", ")),
    );
    match new.kind {
        KeyKind::Publishable => wrong.unless(
            new.scopes.is_empty(),
            "/scopes",
            "A publishable key has no scopes: it may what a player may.",
        ),
        KeyKind::Secret => wrong.unless(
            !new.scopes.is_empty(),
            "/scopes",
            "A secret key needs at least one scope.",
        ),
    }
    wrong.answer()?;
    let token = tx.token();
    let (secret, shown) = match new.kind {
        KeyKind::Publishable => (format!("pk_{token}"), format!("pk_{token}")),
        KeyKind::Secret => (
            format!("sk_{token}"),
            format!("sk_{}…{}", &token[..4], &token[token.len() - 4..]),
        ),
    };
    let publishable = new.kind == KeyKind::Publishable;
    let key = ApiKey {
        id: tx.id(),
        publishable,
        shown,
        scopes: new.scopes,
        name: new.name.trim().to_owned(),
        created_at: tx.now(),
        revoked_at: None,
    };
    store::insert_key(tx, shop, &key, hash(&secret))?;
    Ok(MadeKey { key, secret })
}

/// All keys of a shop, newest first.
pub fn key_list(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<ApiKey>> {
    store::keys(tx, shop)
}

/// Refuses the key from now on, in this process at once. `false`: there is no such key at this shop.
pub async fn revoke_key(app: &App, shop: ShopId, id: KeyId) -> Result<bool> {
    let found = app
        .db
        .write(LaneKey::of(shop), move |tx| store::revoke_key(tx, shop, id))
        .await?;
    app.kept::<KnownKeys>().forget(id);
    Ok(found)
}

/// Some key changed, here or at another replica: all are asked for again.
pub fn forget_known_keys(app: &App) {
    app.kept::<KnownKeys>().forget_all();
}

/// How long a key that was looked up is believed without asking again; also how late another replica hears of a revocation whose bell was lost.
const BELIEVED: Duration = Duration::from_secs(5);
/// Bounds the memory; beyond it everything is asked again.
const KNOWN_MAX: usize = 10_000;

/// Keys that were looked up a moment ago: the hot path must not ask the database each time.
#[derive(Default)]
pub(super) struct KnownKeys(RwLock<HashMap<[u8; 32], (KnownKey, Duration)>>);

impl KnownKeys {
    fn get(&self, hash: &[u8; 32], now: Duration) -> Option<KnownKey> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known
            .get(hash)
            .filter(|(_, until)| now < *until)
            .map(|(key, _)| key.clone())
    }
    fn keep(&self, hash: [u8; 32], key: KnownKey, now: Duration) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(hash, (key, now + BELIEVED));
    }
    fn forget_all(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
    fn forget(&self, id: KeyId) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, (key, _)| key.id != id);
    }
}

/// The key behind a secret, if it is known and not revoked.
pub(super) async fn known_key(app: &App, secret: &str) -> Result<Option<KnownKey>> {
    if !(secret.starts_with("pk_") || secret.starts_with("sk_")) || secret.len() > 100 {
        return Ok(None);
    }
    let hash = hash(secret);
    let known = app.kept::<KnownKeys>();
    if let Some(key) = known.get(&hash, app.clock.monotonic()) {
        return Ok(Some(key));
    }
    let asked_at = app.clock.monotonic(); // Before the read: a revocation that comes in between must not be outlived.
    let found = app.db.look(move |tx| store::known_key(tx, hash)).await?;
    if let Some(key) = &found {
        known.keep(hash, key.clone(), asked_at);
    }
    Ok(found)
}
