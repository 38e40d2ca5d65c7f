//! Statements on `idempotency_keys`.

use super::idempotency::Scope;
use crate::args;
use crate::db::{FromRow, Row, Tx};
use crate::kernel::{Result, ShopId, Time};

pub struct Record {
    pub fingerprint: [u8; 32],
    pub status: Option<u16>,
    pub body: Option<String>,
}

impl FromRow for Record {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            fingerprint: row.get(0)?,
            status: row.get(1)?,
            body: row.get(2)?,
        })
    }
}

/// Whether the key is new: the insert itself decides.
pub fn start(tx: &mut Tx<'_>, scope: &Scope, key: &str, fingerprint: [u8; 32], lease_until: Time) -> Result<bool> {
    let inserted = tx.exec(
        "insert into idempotency_keys (shop_id, principal, route, key, fingerprint, lease_until, created_at)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (shop_id, principal, route, key) do nothing",
        args![
            scope.shop,
            scope.principal,
            scope.route,
            key,
            fingerprint,
            lease_until,
            tx.now()
        ],
    )?;
    Ok(inserted == 1)
}

pub fn find(tx: &mut Tx<'_>, scope: &Scope, key: &str) -> Result<Option<Record>> {
    tx.maybe_one(
        "select fingerprint, status, body from idempotency_keys where shop_id = $1 and principal = $2 and route = $3 and key = $4",
        args![scope.shop, scope.principal, scope.route, key],
    )
}

/// Takes a started record whose lease is over; no row means that it is still held, or done.
pub fn take_over(tx: &mut Tx<'_>, scope: &Scope, key: &str, lease_until: Time) -> Result<bool> {
    let taken = tx.exec(
        "update idempotency_keys set lease_until = $5
          where shop_id = $1 and principal = $2 and route = $3 and key = $4 and status is null and lease_until < $6",
        args![scope.shop, scope.principal, scope.route, key, lease_until, tx.now()],
    )?;
    Ok(taken == 1)
}

pub fn finish(tx: &mut Tx<'_>, scope: &Scope, key: &str, status: u16, body: &str) -> Result<()> {
    tx.put(
        "update idempotency_keys set status = $5, body = $6 where shop_id = $1 and principal = $2 and route = $3 and key = $4 and status is null",
        args![scope.shop, scope.principal, scope.route, key, status, body],
    )
}

pub fn give_up(tx: &mut Tx<'_>, scope: &Scope, key: &str) -> Result<()> {
    tx.put(
        "delete from idempotency_keys where shop_id = $1 and principal = $2 and route = $3 and key = $4 and status is null",
        args![scope.shop, scope.principal, scope.route, key],
    )
}

/// Answers of a shop that hold a text: whose they are.
pub fn answers_with(tx: &mut Tx<'_>, shop: ShopId, text: &str) -> Result<Vec<(String, String, String)>> {
    tx.all(
        "select principal, route, key from idempotency_keys where shop_id = $1 and lower(body) like $2 limit 10000",
        args![shop, format!("%{}%", text.to_lowercase())],
    )
}

pub fn erase_answer(
    tx: &mut Tx<'_>,
    shop: ShopId,
    (principal, route, key): (&str, &str, &str),
    status: u16,
    body: &str,
) -> Result<()> {
    tx.put(
        "update idempotency_keys set status = $5, body = $6, fingerprint = $7 where shop_id = $1 and principal = $2 and route = $3 and key = $4",
        args![shop, principal, route, key, status, body, [0u8; 32]],
    )
}

pub fn forget(tx: &mut Tx<'_>, before: Time) -> Result<u64> {
    tx.exec(
        "delete from idempotency_keys where (shop_id, principal, route, key) in
           (select shop_id, principal, route, key from idempotency_keys where created_at < $1 limit 200)",
        args![before],
    )
}
