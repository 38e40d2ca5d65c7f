//! All SQL on accounts, transfers and their legs.

use super::model::{Account, AccountKey, Balance, LegLine, Transfer};
use crate::args;
use crate::db::{FromRow, Row, Tx};
use crate::kernel::{AccountId, Currency, Id, Money, OrderId, PartyId, Result, ShopId, Time, TransferId};
use uuid::Uuid;

pub fn insert_account(tx: &mut Tx<'_>, id: AccountId, shop: ShopId, key: AccountKey, currency: Currency) -> Result<()> {
    tx.put(
        "insert into accounts (id, shop_id, kind, party_id, currency, created_at) values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
        args![id, shop, key.kind.name(), key.party, currency, tx.now()],
    )
}

/// Whether the transfer is new: its source may be posted once.
pub fn insert_transfer(tx: &mut Tx<'_>, id: TransferId, posting: &super::Posting) -> Result<bool> {
    let added = tx.exec(
        "insert into transfers (id, shop_id, source_kind, source_id, order_id, currency, at) values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (shop_id, source_kind, source_id) do nothing",
        args![id, posting.shop, posting.source_kind, *posting.source_id.as_bytes(), posting.order, posting.currency, tx.now()],
    )?;
    Ok(added == 1)
}

pub fn transfer_of_source(
    tx: &mut Tx<'_>,
    shop: ShopId,
    source_kind: &str,
    source_id: Uuid,
) -> Result<Option<TransferId>> {
    let found: Option<(TransferId,)> = tx.maybe_one(
        "select id from transfers where shop_id = $1 and source_kind = $2 and source_id = $3",
        args![shop, source_kind, *source_id.as_bytes()],
    )?;
    Ok(found.map(|(id,)| id))
}

pub struct NewLeg {
    pub number: i64,
    pub debit: AccountId,
    pub credit: AccountId,
    pub minor: i64,
    pub purpose: &'static str,
}

pub fn insert_leg(tx: &mut Tx<'_>, transfer: TransferId, currency: Currency, leg: &NewLeg) -> Result<()> {
    tx.put(
        "insert into legs (transfer_id, leg, debit_account, credit_account, amount_minor, currency, purpose) values ($1, $2, $3, $4, $5, $6, $7)",
        args![transfer, leg.number, leg.debit, leg.credit, leg.minor, currency, leg.purpose],
    )
}

fn key(row: &Row<'_>, kind: usize, party: usize) -> Result<AccountKey> {
    Ok(AccountKey {
        kind: row.get::<String>(kind)?.parse()?,
        party: row.get::<Option<PartyId>>(party)?,
    })
}

impl FromRow for Balance {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            account: row.get(0)?,
            key: key(row, 1, 2)?,
            money: Money::new(row.get(4)?, row.get(3)?),
        })
    }
}

/// Every account of a shop: its snapshot, which reaches to the last sealed transfer, and what came since.
pub fn balances(tx: &mut Tx<'_>, shop: ShopId, limit: i64) -> Result<Vec<Balance>> {
    tx.all(
        "with fresh as (
           select l.credit_account as account, l.amount_minor as minor from transfers t join legs l on l.transfer_id = t.id
            where t.shop_id = $1 and t.sequence is null
           union all
           select l.debit_account, 0 - l.amount_minor from transfers t join legs l on l.transfer_id = t.id
            where t.shop_id = $1 and t.sequence is null
         ), since as (select account, sum(minor) as minor from fresh group by account)
         select a.id, a.kind, a.party_id, a.currency, cast(coalesce(s.balance_minor, 0) + coalesce(since.minor, 0) as bigint)
           from accounts a left join balance_snapshots s on s.account_id = a.id left join since on since.account = a.id
          where a.shop_id = $1 order by a.currency, a.kind, a.id limit $2",
        args![shop, limit],
    )
}

/// A transfer without its legs.
struct Head(Transfer);

impl FromRow for Head {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(Transfer {
            id: row.get(0)?,
            shop: row.get(1)?,
            source_kind: row.get(2)?,
            source_id: Uuid::from_bytes(row.get(3)?),
            order: row.get(4)?,
            currency: row.get(5)?,
            at: row.get(6)?,
            sequence: row.get(7)?,
            hash: row.get(8)?,
            legs: Vec::new(),
        }))
    }
}

struct LegRow {
    transfer: TransferId,
    line: LegLine,
}

impl FromRow for LegRow {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let currency: Currency = row.get(1)?;
        let account = |id: usize| -> Result<Account> {
            Ok(Account {
                id: row.get(id)?,
                key: key(row, id + 1, id + 2)?,
                currency,
            })
        };
        Ok(Self {
            transfer: row.get(0)?,
            line: LegLine {
                debit: account(2)?,
                credit: account(5)?,
                minor: row.get(8)?,
                purpose: row.get(9)?,
            },
        })
    }
}

fn legs(tx: &mut Tx<'_>, transfer: TransferId) -> Result<Vec<LegLine>> {
    let rows: Vec<LegRow> = tx.all(
        "select l.transfer_id, l.currency, d.id, d.kind, d.party_id, c.id, c.kind, c.party_id, l.amount_minor, l.purpose
           from legs l join accounts d on d.id = l.debit_account join accounts c on c.id = l.credit_account
          where l.transfer_id = $1 order by l.leg limit 1000",
        args![transfer],
    )?;
    assert!(
        rows.iter().all(|row| row.transfer == transfer),
        "legs belong to their transfer"
    );
    Ok(rows.into_iter().map(|row| row.line).collect())
}

fn with_legs(tx: &mut Tx<'_>, heads: Vec<Head>) -> Result<Vec<Transfer>> {
    heads
        .into_iter()
        .map(|Head(transfer)| {
            Ok(Transfer {
                legs: legs(tx, transfer.id)?,
                ..transfer
            })
        })
        .collect()
}

/// Newest first.
pub fn newest(tx: &mut Tx<'_>, shop: ShopId, before: Option<TransferId>, limit: i64) -> Result<Vec<Transfer>> {
    let before = before.unwrap_or(TransferId::from_uuid(Uuid::max()));
    let heads = tx.all(
        "select id, shop_id, source_kind, source_id, order_id, currency, at, sequence, hash from transfers
          where shop_id = $1 and id < $2 order by id desc limit $3",
        args![shop, before, limit],
    )?;
    with_legs(tx, heads)
}

pub fn of_order(tx: &mut Tx<'_>, shop: ShopId, order: OrderId, limit: i64) -> Result<Vec<Transfer>> {
    let heads = tx.all(
        "select id, shop_id, source_kind, source_id, order_id, currency, at, sequence, hash from transfers
          where shop_id = $1 and order_id = $2 order by id limit $3",
        args![shop, order, limit],
    )?;
    with_legs(tx, heads)
}

/// Sealed transfers in their sequence.
pub fn sealed_after(tx: &mut Tx<'_>, shop: ShopId, sequence: i64, limit: i64) -> Result<Vec<Transfer>> {
    let heads = tx.all(
        "select id, shop_id, source_kind, source_id, order_id, currency, at, sequence, hash from transfers
          where shop_id = $1 and sequence > $2 order by sequence limit $3",
        args![shop, sequence, limit],
    )?;
    with_legs(tx, heads)
}

/// Transfers the sealing job has not come to, in order of birth.
pub fn unsealed_after(tx: &mut Tx<'_>, shop: ShopId, after: Option<TransferId>, limit: i64) -> Result<Vec<Transfer>> {
    let after = after.unwrap_or(TransferId::from_uuid(Uuid::nil()));
    let heads = tx.all(
        "select id, shop_id, source_kind, source_id, order_id, currency, at, sequence, hash from transfers
          where shop_id = $1 and sequence is null and id > $2 order by id limit $3",
        args![shop, after, limit],
    )?;
    with_legs(tx, heads)
}

pub fn shops_with_unsealed(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<ShopId>> {
    let rows: Vec<(ShopId,)> = tx.all(
        "select shop_id from transfers where sequence is null group by shop_id order by shop_id limit $1",
        args![limit],
    )?;
    Ok(rows.into_iter().map(|(shop,)| shop).collect())
}

/// How many transfers wait to be sealed, and since when.
pub fn count_unsealed(tx: &mut Tx<'_>) -> Result<(i64, Option<Time>)> {
    tx.one("select count(*), min(at) from transfers where sequence is null", &[])
}

pub fn head(tx: &mut Tx<'_>, shop: ShopId) -> Result<Option<(i64, [u8; 32])>> {
    tx.maybe_one(
        "select sequence, hash from sealed_heads where shop_id = $1",
        args![shop],
    )
}

/// Gives a transfer its place; false if it has one already.
pub fn seal(tx: &mut Tx<'_>, transfer: TransferId, sequence: i64, hash: &[u8; 32]) -> Result<bool> {
    let changed = tx.exec(
        "update transfers set sequence = $2, hash = $3 where id = $1 and sequence is null",
        args![transfer, sequence, *hash],
    )?;
    Ok(changed == 1)
}

/// Moves the head from where we read it; false if somebody else did.
pub fn move_head(tx: &mut Tx<'_>, shop: ShopId, from: i64, to: i64, hash: &[u8; 32]) -> Result<bool> {
    let changed = tx.exec(
        "insert into sealed_heads (shop_id, sequence, hash) values ($1, $3, $4)
         on conflict (shop_id) do update set sequence = excluded.sequence, hash = excluded.hash where sealed_heads.sequence = $2",
        args![shop, from, to, *hash],
    )?;
    Ok(changed == 1)
}

pub fn add_to_snapshot(tx: &mut Tx<'_>, account: AccountId, through: i64, change: i64) -> Result<()> {
    tx.put(
        "insert into balance_snapshots (account_id, through, balance_minor) values ($1, $2, $3)
         on conflict (account_id) do update set through = excluded.through, balance_minor = balance_snapshots.balance_minor + excluded.balance_minor",
        args![account, through, change],
    )
}

pub fn snapshots(tx: &mut Tx<'_>, shop: ShopId, limit: i64) -> Result<Vec<(AccountId, i64, i64)>> {
    tx.all(
        "select s.account_id, s.through, s.balance_minor from balance_snapshots s join accounts a on a.id = s.account_id
          where a.shop_id = $1 order by s.account_id limit $2",
        args![shop, limit],
    )
}

/// A leg is changed behind the program's back: what the chain is for.
#[cfg(test)]
pub fn bend(tx: &mut Tx<'_>, shop: ShopId, sequence: i64) -> Result<()> {
    tx.put(
        "update legs set amount_minor = amount_minor + 1 where leg = 0 and transfer_id = (select id from transfers where shop_id = $1 and sequence = $2)",
        args![shop, sequence],
    )
}
