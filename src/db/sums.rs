//! What a batch does to a row once, at its end, however many of its commands do it.
//!
//! A hot row is fought for by the transactions that have changed it and have not committed yet. Sixty commands of a batch that each change it make sixty
//! versions of it and hold it from the first command on; their sum makes one, and holds it for as long as a commit takes. The statement that adds the
//! sum is as conditional as that of a single command: where the sum does not fit, the whole batch is undone and its commands change the row themselves.
//!
//! Before any statement that names the table the sums so far are written, so a command reads what those before it did.

use super::tx::Connection;
use super::value::Value;
use crate::kernel::{Result, Time};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// A row by its key of two parts.
pub type RowKey = (Uuid, Uuid);

/// The sums of one batch, and what its lane remembers of rows.
#[derive(Default)]
pub(super) struct Sums {
    /// Whether this transaction gathers at all.
    on: bool,
    rows: Rows,
    /// Something was written: should the batch be undone, it is tried without.
    written: bool,
    seen: HashMap<(&'static str, RowKey), Seen>,
}

/// By table, key and statement: written in this order, which is the same in every lane, so that two never wait for each other.
type Rows = BTreeMap<(&'static str, RowKey, &'static str), [i64; 3]>;

#[derive(Clone, Copy)]
struct Seen {
    id: Uuid,
    amount: i64,
    at: Time,
}

/// What was seen of a row is believed for a second.
const BELIEVED_MICROS: i64 = 1_000_000;
/// Rows that are remembered; beyond it everything is looked at again.
const SEEN_MAX: usize = 10_000;

impl Sums {
    pub(super) fn begin(&mut self, on: bool) {
        self.on = on;
        self.written = false;
        self.rows.clear();
    }

    /// What there is to write, to come back to should the next command be undone.
    pub(super) fn mark(&self) -> Rows {
        self.rows.clone()
    }

    pub(super) fn back_to(&mut self, mark: Rows) {
        self.rows = mark;
        self.seen.clear();
    }

    /// Nothing that was seen is sure any more.
    pub(super) fn forget(&mut self) {
        self.rows.clear();
        self.seen.clear();
    }

    pub(super) fn were_written(&self) -> bool {
        self.written
    }

    /// Whether a statement has to find the sums in the table.
    pub(super) fn matter_to(&self, sql: &str) -> bool {
        self.rows.keys().any(|(table, _, _)| sql.contains(table))
    }

    /// Adds amounts; false where this transaction does not gather.
    pub(super) fn add(&mut self, table: &'static str, sql: &'static str, row: RowKey, amounts: [i64; 3]) -> bool {
        if !self.on {
            return false;
        }
        let sum = self.rows.entry((table, row, sql)).or_default();
        for (sum, amount) in sum.iter_mut().zip(amounts) {
            *sum += amount;
        }
        true
    }

    /// Writes them; each finds its row, or the transaction has failed.
    pub(super) fn write(&mut self, connection: &mut Connection) -> Result<()> {
        let Connection::Postgres(postgres) = connection else {
            return Ok(());
        };
        for ((_, (first, second), sql), [a, b, c]) in std::mem::take(&mut self.rows) {
            self.written = true;
            let key = [first, second].map(|id| Value::Uuid(*id.as_bytes()));
            let [first, second] = key;
            postgres.change_one(sql, &[first, second, Value::Int(a), Value::Int(b), Value::Int(c)])?;
        }
        Ok(())
    }

    pub(super) fn seen(&self, table: &'static str, row: RowKey, now: Time) -> Option<(Uuid, i64)> {
        let seen = self.seen.get(&(table, row)).filter(|_| self.on)?;
        (now.0 - seen.at.0 < BELIEVED_MICROS).then_some((seen.id, seen.amount))
    }

    pub(super) fn see(&mut self, table: &'static str, row: RowKey, (id, amount): (Uuid, i64), at: Time) {
        if self.seen.len() >= SEEN_MAX {
            self.seen.clear();
        }
        self.seen.insert((table, row), Seen { id, amount, at });
    }

    /// Part of what was seen is spoken for.
    pub(super) fn spend(&mut self, table: &'static str, row: RowKey, amount: i64) {
        if let Some(seen) = self.seen.get_mut(&(table, row)) {
            seen.amount -= amount;
        }
    }
}
