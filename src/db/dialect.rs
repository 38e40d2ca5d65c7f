//! The statements that differ between the engines. No other file knows which one runs.

use super::tx::{Connection, Tx};

/// Takes due facts by deleting them. PostgreSQL replicas skip what another one is taking.
pub(super) fn claim_facts(tx: &Tx<'_>) -> &'static str {
    match tx.connection {
        Connection::Sqlite(_) => {
            "delete from outbox where id in (select id from outbox where state = 0 and due_at <= $1 order by due_at, id limit $2) returning recorded_at, id, payload"
        }
        Connection::Postgres(_) => {
            "delete from outbox where id in (select id from outbox where state = 0 and due_at <= $1 order by due_at, id limit $2
               for update skip locked) returning recorded_at, id, payload"
        }
    }
}

/// Serialises commands that fill the same gap (a dense sequence, say) across lanes and replicas; SQLite has one writer anyway.
pub fn serialize_on(tx: &mut Tx<'_>, key: i64) -> crate::kernel::Result<()> {
    match tx.connection {
        Connection::Sqlite(_) => Ok(()),
        Connection::Postgres(_) => tx.exec("select pg_advisory_xact_lock($1)", crate::args![key]).map(drop),
    }
}
