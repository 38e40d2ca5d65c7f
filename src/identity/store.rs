//! Statements on shops, staff, links, sessions and keys.

use super::keys::KnownKey;
use super::model::{ApiKey, Person, Role, Seller, Session, Shop, Window};
use super::policies::{Policies, PoliciesHash};
use crate::args;
use crate::db::{FromRow, Json, Row, Tx};
use crate::kernel::{Error, Id, KeyId, PartyId, Result, ShopId, StaffId, Time};

impl FromRow for Shop {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            slug: row.get(1)?,
            name: row.get(2)?,
            currency: row.get(3)?,
            country: row.get(4)?,
            language: row.get(5)?,
            accent: row.get(6)?,
            tagline: row.get(7)?,
            test_mode: row.get(8)?,
            seller: row.get::<Json<Seller>>(9)?.0,
            return_days: row.get(10)?,
            return_policy: row.get(11)?,
            shipping_policy: row.get(12)?,
            prices_include_tax: row.get(13)?,
            version: row.get(14)?,
            created_at: row.get(15)?,
            policies: row.get(16)?,
            time_zone: row.get(17)?,
            window: Window {
                opens_at: row.get(18)?,
                closes_at: row.get(19)?,
                archives: row.get(20)?,
            },
        })
    }
}

impl FromRow for Person {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            shop: row.get(1)?,
            email: row.get(2)?,
            name: row.get(3)?,
            role: row.get::<String>(4)?.parse()?,
            party: row.get(5)?,
            created_at: row.get(6)?,
            disabled_at: row.get(7)?,
        })
    }
}

impl FromRow for Session {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            shop: row.get(0)?,
            shop_slug: row.get(1)?,
            staff: row.get(2)?,
            name: row.get(3)?,
            role: row.get::<String>(4)?.parse()?,
            party: row.get(5)?,
        })
    }
}

impl FromRow for ApiKey {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            publishable: row.get::<String>(1)? == "publishable",
            shown: row.get(2)?,
            scopes: words(&row.get::<String>(3)?),
            name: row.get(4)?,
            created_at: row.get(5)?,
            revoked_at: row.get(6)?,
        })
    }
}

impl FromRow for KnownKey {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            shop: row.get(1)?,
            publishable: row.get::<String>(2)? == "publishable",
            scopes: words(&row.get::<String>(3)?),
        })
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

// Shops.

/// Whether the address was free.
pub(super) fn insert_shop(tx: &mut Tx<'_>, shop: &Shop) -> Result<bool> {
    let inserted = tx.exec(
        "insert into shops (id, slug, name, currency, country, language, accent, tagline, test_mode, seller, return_days, return_policy,
           shipping_policy, prices_include_tax, version, created_at, policies, time_zone)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) on conflict (slug) do nothing",
        args![
            shop.id,
            shop.slug,
            shop.name,
            shop.currency,
            shop.country,
            shop.language,
            shop.accent,
            shop.tagline,
            shop.test_mode,
            Json(&shop.seller),
            shop.return_days,
            shop.return_policy,
            shop.shipping_policy,
            shop.prices_include_tax,
            shop.version,
            shop.created_at,
            shop.policies,
            shop.time_zone
        ],
    )?;
    Ok(inserted == 1)
}

/// Whether `shop.version` was the current one.
pub(super) fn update_shop(tx: &mut Tx<'_>, shop: &Shop) -> Result<bool> {
    let updated = tx.exec(
        "update shops set name = $3, country = $4, language = $5, accent = $6, tagline = $7, seller = $8, return_days = $9, return_policy = $10,
           shipping_policy = $11, prices_include_tax = $12, policies = $13, time_zone = $14, version = version + 1
          where id = $1 and version = $2",
        args![
            shop.id,
            shop.version,
            shop.name,
            shop.country,
            shop.language,
            shop.accent,
            shop.tagline,
            Json(&shop.seller),
            shop.return_days,
            shop.return_policy,
            shop.shipping_policy,
            shop.prices_include_tax,
            shop.policies,
            shop.time_zone
        ],
    )?;
    Ok(updated == 1)
}

/// Sets the window of a shop that was read. No row: somebody changed the shop meanwhile.
pub(super) fn set_window(tx: &mut Tx<'_>, shop: &Shop, window: &Window, look: Option<Time>) -> Result<bool> {
    let done = tx.exec(
        "update shops set opens_at = $3, closes_at = $4, closing_archives = $5, window_check_at = $6, version = version + 1
          where id = $1 and version = $2",
        args![shop.id, shop.version, window.opens_at, window.closes_at, window.archives, look],
    )?;
    Ok(done == 1)
}

/// Shops whose window somebody has to look at, the oldest first.
pub(super) fn windows_due(tx: &mut Tx<'_>, most: i64) -> Result<Vec<ShopId>> {
    let rows: Vec<(ShopId,)> = tx.all(
        "select id from shops where window_check_at is not null and window_check_at <= $1 order by window_check_at limit $2",
        args![tx.now(), most],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Takes a due look at a window, which is at `next` again. No row: somebody else took it.
pub(super) fn take_look(tx: &mut Tx<'_>, shop: ShopId, next: Option<Time>) -> Result<bool> {
    let done = tx.exec(
        "update shops set window_check_at = $3 where id = $1 and window_check_at is not null and window_check_at <= $2",
        args![shop, tx.now(), next],
    )?;
    Ok(done == 1)
}

/// Keeps texts under their hash; the same texts are kept once.
pub(super) fn keep_policies(tx: &mut Tx<'_>, shop: ShopId, hash: &PoliciesHash, texts: &Policies) -> Result<()> {
    tx.put(
        "insert into shop_policies (shop_id, hash, texts, kept_at) values ($1, $2, $3, $4) on conflict do nothing",
        args![shop, *hash, Json(texts), tx.now()],
    )
}

/// Says which texts are those of today, unless somebody edited the shop meanwhile.
pub(super) fn point_at_policies(tx: &mut Tx<'_>, shop: &Shop, hash: &PoliciesHash) -> Result<()> {
    tx.put(
        "update shops set policies = $3 where id = $1 and version = $2",
        args![shop.id, shop.version, *hash],
    )
}

/// The texts a sale was made under, as they were.
pub fn policies(tx: &mut Tx<'_>, shop: ShopId, hash: &PoliciesHash) -> Result<Option<Policies>> {
    let found: Option<(Json<Policies>,)> = tx.maybe_one(
        "select texts from shop_policies where shop_id = $1 and hash = $2",
        args![shop, *hash],
    )?;
    Ok(found.map(|(texts,)| texts.0))
}

/// A shop whose id we looked up ourselves. Errors: `not_found`.
pub fn shop(tx: &mut Tx<'_>, id: ShopId) -> Result<Shop> {
    let found: Option<Shop> = tx.once(&["shops"], (id, id.uuid()), |tx| {
        tx.maybe_one(
            "select id, slug, name, currency, country, language, accent, tagline, test_mode, seller, return_days, return_policy, shipping_policy,
                    prices_include_tax, version, created_at, policies, time_zone, opens_at, closes_at, closing_archives
               from shops where id = $1",
            args![id],
        )
    })?;
    found.ok_or_else(|| Error::not_found("shop"))
}

pub fn shop_by_slug(tx: &mut Tx<'_>, slug: &str) -> Result<Option<Shop>> {
    tx.maybe_one(
        "select id, slug, name, currency, country, language, accent, tagline, test_mode, seller, return_days, return_policy, shipping_policy,
                prices_include_tax, version, created_at, policies, time_zone, opens_at, closes_at, closing_archives
           from shops where slug = $1",
        args![slug],
    )
}

/// All shops of the installation, oldest first: for jobs and the command line.
pub fn shops(tx: &mut Tx<'_>) -> Result<Vec<Shop>> {
    tx.all(
        "select id, slug, name, currency, country, language, accent, tagline, test_mode, seller, return_days, return_policy, shipping_policy,
                prices_include_tax, version, created_at, policies, time_zone, opens_at, closes_at, closing_archives
           from shops order by id limit 1000",
        &[],
    )
}

// People.

/// Whether the address was new here.
pub(super) fn insert_person(
    tx: &mut Tx<'_>,
    shop: ShopId,
    id: StaffId,
    email: &str,
    name: &str,
    role: Role,
    party: Option<PartyId>,
) -> Result<bool> {
    let inserted = tx.exec(
        "insert into staff (id, shop_id, email, name, role, party_id, created_at) values ($1, $2, $3, $4, $5, $6, $7)
         on conflict do nothing",
        args![id, shop, email, name, role.name(), party, tx.now()],
    )?;
    Ok(inserted == 1)
}

pub(super) fn update_person(
    tx: &mut Tx<'_>,
    shop: ShopId,
    id: StaffId,
    name: &str,
    role: Role,
    party: Option<PartyId>,
    disabled_at: Option<Time>,
) -> Result<()> {
    tx.put(
        "update staff set name = $3, role = $4, party_id = $5, disabled_at = $6 where shop_id = $1 and id = $2",
        args![shop, id, name, role.name(), party, disabled_at],
    )
}

/// Everyone who works or worked here, in the order in which they came.
pub fn people(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<Person>> {
    tx.all(
        "select id, shop_id, email, name, role, party_id, created_at, disabled_at from staff where shop_id = $1 order by id limit 500",
        args![shop],
    )
}

pub(super) fn person(tx: &mut Tx<'_>, shop: ShopId, id: StaffId) -> Result<Option<Person>> {
    tx.maybe_one(
        "select id, shop_id, email, name, role, party_id, created_at, disabled_at from staff where shop_id = $1 and id = $2",
        args![shop, id],
    )
}

pub(super) fn person_by_email(tx: &mut Tx<'_>, shop: ShopId, email: &str) -> Result<Option<Person>> {
    tx.maybe_one(
        "select id, shop_id, email, name, role, party_id, created_at, disabled_at from staff where shop_id = $1 and email = $2",
        args![shop, email],
    )
}

pub(super) fn has_another_owner(tx: &mut Tx<'_>, shop: ShopId, besides: StaffId) -> Result<bool> {
    let other: Option<(StaffId,)> = tx.maybe_one(
        "select id from staff where shop_id = $1 and id <> $2 and role = 'owner' and disabled_at is null limit 1",
        args![shop, besides],
    )?;
    Ok(other.is_some())
}

/// Those with this address who may sign in, with their shop.
pub(super) fn people_with(
    tx: &mut Tx<'_>,
    shop: Option<ShopId>,
    email: &str,
) -> Result<Vec<(StaffId, ShopId, String)>> {
    tx.all(
        "select staff.id, shops.id, shops.name from staff join shops on shops.id = staff.shop_id
          where staff.email = $1 and staff.disabled_at is null and ($2 = 1 or shops.id = $3) order by shops.id limit 20",
        args![email, shop.is_none(), shop],
    )
}

// Links.

pub(super) fn insert_link(tx: &mut Tx<'_>, hash: [u8; 32], staff: StaffId, expires_at: Time) -> Result<()> {
    tx.put(
        "insert into sign_in_links (token_hash, staff_id, expires_at) values ($1, $2, $3)",
        args![hash, staff, expires_at],
    )
}

/// Whom an unspent link lets in.
pub(super) fn link(tx: &mut Tx<'_>, hash: [u8; 32]) -> Result<Option<Session>> {
    tx.maybe_one(
        "select shops.id, shops.slug, staff.id, staff.name, staff.role, staff.party_id
           from sign_in_links join staff on staff.id = sign_in_links.staff_id join shops on shops.id = staff.shop_id
          where sign_in_links.token_hash = $1 and sign_in_links.used_at is null and sign_in_links.expires_at > $2 and staff.disabled_at is null",
        args![hash, tx.now()],
    )
}

/// Spends a link; no row means that someone was faster, or that it is too old.
pub(super) fn spend_link(tx: &mut Tx<'_>, hash: [u8; 32]) -> Result<bool> {
    let spent = tx.exec(
        "update sign_in_links set used_at = $2 where token_hash = $1 and used_at is null and expires_at > $2",
        args![hash, tx.now()],
    )?;
    Ok(spent == 1)
}

/// Spends every link of someone.
pub(super) fn spend_links(tx: &mut Tx<'_>, staff: StaffId) -> Result<()> {
    tx.put(
        "update sign_in_links set used_at = $2 where staff_id = $1 and used_at is null",
        args![staff, tx.now()],
    )
}

pub(super) fn forget_links(tx: &mut Tx<'_>, before: Time) -> Result<u64> {
    tx.exec("delete from sign_in_links where token_hash in (select token_hash from sign_in_links where expires_at < $1 limit 200)", args![before])
}

// Sessions.

pub(super) fn insert_session(
    tx: &mut Tx<'_>,
    hash: [u8; 32],
    shop: ShopId,
    staff: StaffId,
    expires_at: Time,
) -> Result<()> {
    tx.put(
        "insert into sessions (token_hash, shop_id, staff_id, created_at, expires_at) values ($1, $2, $3, $4, $5)",
        args![hash, shop, staff, tx.now(), expires_at],
    )
}

/// Who is signed in with this token: not ended, not too old, not disabled since.
pub(super) fn session(tx: &mut Tx<'_>, hash: [u8; 32]) -> Result<Option<Session>> {
    tx.maybe_one(
        "select shops.id, shops.slug, staff.id, staff.name, staff.role, staff.party_id
           from sessions join staff on staff.id = sessions.staff_id and staff.shop_id = sessions.shop_id join shops on shops.id = sessions.shop_id
          where sessions.token_hash = $1 and sessions.ended_at is null and sessions.expires_at > $2 and staff.disabled_at is null",
        args![hash, tx.now()],
    )
}

pub(super) fn end_session(tx: &mut Tx<'_>, hash: [u8; 32]) -> Result<()> {
    tx.put(
        "update sessions set ended_at = $2 where token_hash = $1 and ended_at is null",
        args![hash, tx.now()],
    )
}

pub(super) fn end_sessions(tx: &mut Tx<'_>, shop: ShopId, staff: StaffId) -> Result<u64> {
    tx.exec(
        "update sessions set ended_at = $3 where shop_id = $1 and staff_id = $2 and ended_at is null",
        args![shop, staff, tx.now()],
    )
}

pub(super) fn forget_sessions(tx: &mut Tx<'_>, before: Time) -> Result<u64> {
    tx.exec(
        "delete from sessions where token_hash in (select token_hash from sessions where expires_at < $1 or ended_at < $1 limit 200)",
        args![before],
    )
}

// Keys.

pub(super) fn insert_key(tx: &mut Tx<'_>, shop: ShopId, key: &ApiKey, hash: [u8; 32]) -> Result<()> {
    let kind = if key.publishable { "publishable" } else { "secret" };
    tx.put(
        "insert into api_keys (id, shop_id, kind, hash, shown, scopes, name, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        args![key.id, shop, kind, hash, key.shown, key.scopes.join(" "), key.name, key.created_at],
    )
}

pub(super) fn keys(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<ApiKey>> {
    tx.all(
        "select id, kind, shown, scopes, name, created_at, revoked_at from api_keys where shop_id = $1 order by id desc limit 200",
        args![shop],
    )
}

pub(super) fn known_key(tx: &mut Tx<'_>, hash: [u8; 32]) -> Result<Option<KnownKey>> {
    tx.maybe_one(
        "select id, shop_id, kind, scopes from api_keys where hash = $1 and revoked_at is null",
        args![hash],
    )
}

/// Whether the shop has such a key; revoking twice keeps the first time.
pub(super) fn revoke_key(tx: &mut Tx<'_>, shop: ShopId, id: KeyId) -> Result<bool> {
    let found = tx.exec(
        "update api_keys set revoked_at = coalesce(revoked_at, $3) where shop_id = $1 and id = $2",
        args![shop, id, tx.now()],
    )?;
    Ok(found == 1)
}

/// The key a shop's own pages use. Errors: `not_found` if all were revoked.
pub fn publishable_key(tx: &mut Tx<'_>, shop: ShopId) -> Result<String> {
    let key: Option<(String,)> = tx.maybe_one(
        "select shown from api_keys where shop_id = $1 and kind = 'publishable' and revoked_at is null order by id limit 1",
        args![shop],
    )?;
    key.map(|(shown,)| shown)
        .ok_or_else(|| Error::not_found("publishable key: make one under Settings"))
}
