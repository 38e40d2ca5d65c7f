//! What is read once. The commands of one batch, and reads one after the other, ask for the same few rows again and again: the shop, its clip, a price.

use super::settings::{Settings, Stamp, TABLES};
use crate::kernel::ShopId;
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::time::Duration;
use uuid::Uuid;

/// What one type reads of a shop in some tables by a key. Two tenants never share one.
type Key = (&'static [&'static str], (ShopId, Uuid), TypeId);

/// More than a reader needs of any shop's settings; then it begins anew.
const MOST: usize = 4096;

/// Values by tables, key and type. In a lane they are good inside one transaction: forgotten when it writes to one of the tables, is undone to a savepoint, or
/// ends. For a reader see [`Kept`].
///
/// What another connection commits meanwhile is seen by the next batch. A command that builds on what it read says so in its statement
/// (`where version = …`), finds no row, and runs again in a batch of its own, which has read nothing yet.
#[derive(Default)]
pub(super) struct Memo {
    values: HashMap<Key, Box<dyn Any + Send>>,
    /// Tables of which it answered something.
    used: Vec<&'static [&'static str]>,
}

impl Memo {
    pub(super) fn get<T: Clone + 'static>(
        &mut self,
        tables: &'static [&'static str],
        row: (ShopId, Uuid),
    ) -> Option<T> {
        let kept = self.values.get(&(tables, row, TypeId::of::<T>()))?;
        if !self.used.contains(&tables) {
            self.used.push(tables);
        }
        kept.downcast_ref().cloned()
    }

    pub(super) fn keep<T: Clone + Send + 'static>(
        &mut self,
        tables: &'static [&'static str],
        row: (ShopId, Uuid),
        value: &T,
    ) {
        if self.values.len() >= MOST {
            self.forget();
        }
        self.values
            .insert((tables, row, TypeId::of::<T>()), Box::new(value.clone()));
    }

    /// A statement is about to run.
    pub(super) fn note(&mut self, writes: &Writes<'_>) {
        if self.values.is_empty() {
            return;
        }
        match writes {
            Writes::Nothing => {}
            Writes::To(table) => self.values.retain(|(kept, _, _), _| !kept.contains(table)),
            Writes::Somewhere => self.values.clear(),
        }
    }

    pub(super) fn forget(&mut self) {
        self.values.clear();
    }
}

/// What a reader of a file keeps from one read to the next.
#[derive(Default)]
pub(super) struct Kept {
    memo: Memo,
    /// How things stood when the last of it was read.
    at: Stamp,
    /// When the first of it was read.
    since: Duration,
}

/// Nothing is kept for longer: a short command beside a server writes to no setting today, and if one ever does it is seen this much later.
const KEPT_FOR: Duration = Duration::from_secs(1);

impl Kept {
    /// What is still as it was.
    pub(super) fn still(&mut self, settings: &Settings, time: Duration) -> &mut Memo {
        if time.saturating_sub(self.since) >= KEPT_FOR {
            self.memo.forget();
            self.since = time;
        }
        let now = settings.stamp();
        for (table, (before, after)) in TABLES.iter().zip(self.at.iter().zip(&now)) {
            if before != after || !after.is_multiple_of(2) {
                self.memo.note(&Writes::To(table));
            }
        }
        self.at = now;
        self.memo.used.clear();
        &mut self.memo
    }

    /// Whether nothing that it answered since changed meanwhile: else an answer may be older than what was read beside it.
    pub(super) fn held(&self, settings: &Settings) -> bool {
        let now = settings.stamp();
        let used = |table| self.memo.used.iter().any(|tables| tables.contains(table));
        let mut tables = TABLES.iter().zip(self.at.iter().zip(&now));
        tables.all(|(table, (before, after))| before == after || !used(table))
    }
}

/// Where a statement writes, as far as its first words say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writes<'a> {
    Nothing,
    To(&'a str),
    Somewhere,
}

impl<'a> Writes<'a> {
    pub(super) fn of(sql: &'a str) -> Self {
        let mut words = sql.split_ascii_whitespace();
        let table = match words.next() {
            Some("select") => return Self::Nothing,
            Some("insert" | "delete") => words.nth(1),
            Some("update") => words.next(),
            _ => None,
        };
        table.map_or(Self::Somewhere, Self::To)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Id;

    #[test]
    fn the_first_words_of_a_statement_say_where_it_writes() {
        for (sql, expected) in [
            ("select name from shops where id = $1", Writes::Nothing),
            ("insert into shops (id) values ($1)", Writes::To("shops")),
            ("update shops set name = $1", Writes::To("shops")),
            ("delete from shops where id = $1", Writes::To("shops")),
            ("\n  update\n  clips set published = null", Writes::To("clips")),
            (
                "with fresh as (insert into shops default values) select 1",
                Writes::Somewhere,
            ),
            ("begin", Writes::Somewhere),
        ] {
            assert_eq!(Writes::of(sql), expected, "{sql}");
        }
    }

    #[test]
    fn a_write_forgets_its_table_and_no_other() {
        let mut memo = Memo::default();
        let shop = (ShopId::from_uuid(Uuid::from_u128(1)), Uuid::from_u128(1));
        memo.keep(&["shops"], shop, &7i64);
        memo.keep(&["clips", "prices"], shop, &true);
        assert_eq!(memo.get::<i64>(&["shops"], shop), Some(7));
        assert_eq!(
            memo.get::<bool>(&["shops"], shop),
            None,
            "another reading of the same row"
        );
        let other = (ShopId::from_uuid(Uuid::from_u128(2)), shop.1);
        assert_eq!(
            memo.get::<i64>(&["shops"], other),
            None,
            "the same row, asked for by another tenant"
        );
        memo.note(&Writes::of("update shops set name = 'x'"));
        assert_eq!(memo.get::<i64>(&["shops"], shop), None);
        assert_eq!(memo.get::<bool>(&["clips", "prices"], shop), Some(true));
        memo.note(&Writes::of("with something as (select 1) select 1"));
        assert_eq!(memo.get::<bool>(&["clips", "prices"], shop), None);
    }
}
