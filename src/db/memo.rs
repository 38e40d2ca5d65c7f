//! What a batch reads once. The commands of one batch ask for the same few rows again and again: the shop, its clip, a delivery method.

use crate::kernel::ShopId;
use std::any::{Any, TypeId};
use std::collections::HashMap;
use uuid::Uuid;

/// One row of a shop, as one type reads it. Two tenants never share a key.
type Key = (&'static str, (ShopId, Uuid), TypeId);

/// Values by table, row and type, good inside one transaction: forgotten when it writes to the table, is undone to a savepoint, or ends.
///
/// What another connection commits meanwhile is seen by the next batch. A command that builds on what it read says so in its statement
/// (`where version = …`), finds no row, and runs again in a batch of its own, which has read nothing yet.
#[derive(Default)]
pub(super) struct Memo(HashMap<Key, Box<dyn Any + Send>>);

impl Memo {
    pub(super) fn get<T: Clone + 'static>(&self, table: &'static str, row: (ShopId, Uuid)) -> Option<T> {
        let kept = self.0.get(&(table, row, TypeId::of::<T>()))?;
        kept.downcast_ref().cloned()
    }

    pub(super) fn keep<T: Clone + Send + 'static>(&mut self, table: &'static str, row: (ShopId, Uuid), value: &T) {
        self.0.insert((table, row, TypeId::of::<T>()), Box::new(value.clone()));
    }

    /// A statement is about to run.
    pub(super) fn note(&mut self, writes: &Writes<'_>) {
        if self.0.is_empty() {
            return;
        }
        match writes {
            Writes::Nothing => {}
            Writes::To(table) => self.0.retain(|(kept, _, _), _| kept != table),
            Writes::Somewhere => self.0.clear(),
        }
    }

    pub(super) fn forget(&mut self) {
        self.0.clear();
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
        memo.keep("shops", shop, &7i64);
        memo.keep("clips", shop, &true);
        assert_eq!(memo.get::<i64>("shops", shop), Some(7));
        assert_eq!(memo.get::<bool>("shops", shop), None, "another reading of the same row");
        let other = (ShopId::from_uuid(Uuid::from_u128(2)), shop.1);
        assert_eq!(
            memo.get::<i64>("shops", other),
            None,
            "the same row, asked for by another tenant"
        );
        memo.note(&Writes::of("update shops set name = 'x'"));
        assert_eq!(memo.get::<i64>("shops", shop), None);
        assert_eq!(memo.get::<bool>("clips", shop), Some(true));
        memo.note(&Writes::of("with something as (select 1) select 1"));
        assert_eq!(memo.get::<bool>("clips", shop), None);
    }
}
