//! Rows that the commands of a batch write alike: one statement writes them all, at its end.
//!
//! On a database server most of what a small statement takes is the statement: it is sent, planned for, answered. Sixty commands that each write the same
//! ten rows of their own cost a tenth when each kind is written once. The statement is the one a single command runs, with its parameters out of a table
//! of arguments; it must write exactly one row for each line of it. Where it does not, the whole batch is undone and its commands write for themselves.
//!
//! A statement that may read what is kept back is told apart by the table it names, or, where it says which row it is after, by that row: what has to be
//! there for it is written first. Rows are written in the order in which their kinds first came, so what a row refers to is there before it.

use super::tx::Connection;
use super::value::Value;
use crate::kernel::Result;
use std::collections::HashMap;
use uuid::Uuid;

/// The rows of one batch.
#[derive(Default)]
pub(super) struct Rows {
    /// Whether this transaction keeps rows back at all.
    on: bool,
    kinds: Vec<Alike>,
    /// Which kind a row of a table is kept back by.
    keys: HashMap<(&'static str, Uuid), usize>,
    /// Something was written: should the batch be undone, it is tried without.
    written: bool,
    /// What the first writing since the last mark has written.
    since: Option<Vec<Alike>>,
}

/// One statement, and the arguments of each of its rows.
struct Alike {
    table: &'static str,
    sql: &'static str,
    rows: Vec<(Uuid, Vec<Value<'static>>)>,
}

/// How many rows of each kind there were.
pub(super) struct Mark(Vec<usize>);

impl Rows {
    pub(super) fn begin(&mut self, on: bool) {
        self.on = on;
        self.written = false;
        self.forget();
    }

    pub(super) fn forget(&mut self) {
        self.kinds.clear();
        self.keys.clear();
        self.since = None;
    }

    /// What there is, to come back to should the next command be undone.
    pub(super) fn mark(&mut self) -> Mark {
        self.since = None;
        Mark(self.kinds.iter().map(|kind| kind.rows.len()).collect())
    }

    pub(super) fn back_to(&mut self, Mark(lengths): Mark) {
        // What the undone command had written is unwritten again.
        if let Some(kinds) = self.since.take() {
            self.kinds = kinds;
        }
        self.kinds.truncate(lengths.len());
        self.keys.clear();
        for (number, (kind, length)) in self.kinds.iter_mut().zip(lengths).enumerate() {
            kind.rows.truncate(length);
            let keys = kind.rows.iter().map(|(key, _)| ((kind.table, *key), number));
            self.keys.extend(keys);
        }
    }

    pub(super) fn were_written(&self) -> bool {
        self.written
    }

    pub(super) fn gathers(&self) -> bool {
        self.on
    }

    /// Whether a statement has to find rows in their tables; one that is after the rows of a key needs only those.
    pub(super) fn matter_to(&self, sql: &str, key: Option<Uuid>) -> bool {
        let named =
            |kind: &Alike| sql.contains(kind.table) && key.is_none_or(|key| self.keys.contains_key(&(kind.table, key)));
        self.kinds.iter().any(named)
    }

    /// Whether another statement keeps a row of this key back: then that comes first.
    pub(super) fn is_waited_for(&self, table: &'static str, key: Uuid, sql: &'static str) -> bool {
        self.keys
            .get(&(table, key))
            .is_some_and(|kept| self.kinds[*kept].sql != sql)
    }

    pub(super) fn add(&mut self, table: &'static str, key: Uuid, sql: &'static str, args: &[Value<'_>]) {
        let known = self.kinds.iter().position(|kind| kind.sql == sql);
        let number = known.unwrap_or_else(|| {
            let rows = Vec::new();
            self.kinds.push(Alike { table, sql, rows });
            self.kinds.len() - 1
        });
        self.keys.insert((table, key), number);
        let args = args.iter().map(Value::owned).collect();
        self.kinds[number].rows.push((key, args));
    }

    /// Writes them, or the transaction has failed.
    pub(super) fn write(&mut self, connection: &mut Connection) -> Result<()> {
        let Connection::Postgres(postgres) = connection else {
            return Ok(());
        };
        if self.kinds.is_empty() {
            return Ok(());
        }
        self.written = true;
        self.keys.clear();
        let kinds = std::mem::take(&mut self.kinds);
        let written = kinds.iter().try_for_each(|kind| {
            let rows: Vec<&[Value<'static>]> = kind.rows.iter().map(|(_, args)| args.as_slice()).collect();
            postgres.write_all(kind.sql, &rows)
        });
        self.since.get_or_insert(kinds);
        written
    }
}

/// A statement of one row as one of many: its parameters are columns of `r`, whose types are given. `insert … values (…)`, or `update … set … where …`.
pub(super) fn of_many(sql: &str, types: &[&str]) -> Option<String> {
    let arrays = (types.iter().enumerate()).map(|(n, kind)| format!("${}::{kind}[]", n + 1));
    let names = (1..=types.len()).map(|n| format!("p{n}"));
    let from = format!(
        " from unnest({}) as r({})",
        arrays.collect::<Vec<_>>().join(", "),
        names.collect::<Vec<_>>().join(", ")
    );
    let columns = |part: &str| part.replace('$', "r.p");
    if sql.starts_with("insert into ") {
        let (head, rest) = sql.split_once("values (")?;
        let end = closing(rest)?;
        let (values, tail) = (&rest[..end], &rest[end + 1..]);
        return Some(format!("{head}select {}{from}{tail}", columns(values)));
    }
    let (set, filter) = sql.strip_prefix("update ")?.split_once(" where ")?;
    Some(format!("update {}{from} where {}", columns(set), columns(filter)))
}

/// Where the bracket closes that was opened before `text`.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' if depth == 0 => return Some(at),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_of_one_row_becomes_one_of_many() {
        let cases = [
            (
                "insert into t (a, b) values ($1, coalesce($2, lower('(x)'))) on conflict (a) do nothing",
                Some(
                    "insert into t (a, b) select r.p1, coalesce(r.p2, lower('(x)')) from unnest($1::bytea[], $2::text[]) as r(p1, p2) on conflict (a) do nothing",
                ),
            ),
            (
                "update t set b = $2\n  where a = $1 and (b = 'x' or b = $2)",
                Some(
                    "update t set b = r.p2\n  from unnest($1::bytea[], $2::text[]) as r(p1, p2) where a = r.p1 and (b = 'x' or b = r.p2)",
                ),
            ),
            ("insert into t (a, b) select $1, $2", None),
            ("update t set b = $2", None),
            ("delete from t where a = $1 and b = $2", None),
        ];
        for (one, many) in cases {
            assert_eq!(of_many(one, &["bytea", "text"]).as_deref(), many);
        }
        let ten = of_many("insert into t (a) values ($1, $10)", &["int8"; 10]).unwrap();
        assert!(ten.contains("select r.p1, r.p10 from"), "{ten}");
    }
}
