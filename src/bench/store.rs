//! The statements of the bare loop: a checkout as somebody would write it who leaves out everything but the sale. One text for both engines.

/// Its tables; all rows of an earlier run are gone.
pub const TABLES: &[&str] = &[
    "drop table if exists bare_prices",
    "drop table if exists bare_stock",
    "drop table if exists bare_reservations",
    "drop table if exists bare_checkouts",
    "drop table if exists bare_attempts",
    "drop table if exists bare_orders",
    "drop table if exists bare_lines",
    "drop table if exists bare_facts",
    "create table bare_prices (variant bigint primary key, minor bigint not null)",
    "create table bare_stock (variant bigint primary key, on_hand bigint not null, reserved bigint not null, sold bigint not null,
                              check (on_hand >= sold + reserved))",
    "create table bare_reservations (id bigint primary key, variant bigint not null, quantity bigint not null, state text not null)",
    "create table bare_checkouts (id bigint primary key, body text not null, state text not null)",
    "create table bare_attempts (id bigint primary key, amount bigint not null, state text not null)",
    "create table bare_orders (id bigint primary key, total bigint not null)",
    "create table bare_lines (order_id bigint not null, line bigint not null, variant bigint not null, amount bigint not null, primary key (order_id, line))",
    "create table bare_facts (id bigint primary key, kind text not null, payload text not null)",
];

pub const PRICE: &str = "insert into bare_prices (variant, minor) values ($1, 1999)";
pub const STOCK: &str = "insert into bare_stock (variant, on_hand, reserved, sold) values ($1, 1000000000, 0, 0)";

/// What a checkout reads: its price.
pub const QUOTE: &str = "select minor from bare_prices where variant = $1";
/// No row means sold out.
pub const RESERVE: &str =
    "update bare_stock set reserved = reserved + 1 where variant = $1 and on_hand - sold - reserved >= 1";
pub const RESERVATION: &str =
    "insert into bare_reservations (id, variant, quantity, state) values ($1, $2, 1, 'converted')";
pub const CHECKOUT: &str = "insert into bare_checkouts (id, body, state) values ($1, $2, 'completed')";
pub const ATTEMPT: &str = "insert into bare_attempts (id, amount, state) values ($1, $2, 'succeeded')";
pub const ORDER: &str = "insert into bare_orders (id, total) values ($1, $2)";
pub const LINE: &str = "insert into bare_lines (order_id, line, variant, amount) values ($1, 1, $2, $3)";
pub const SELL: &str = "update bare_stock set reserved = reserved - 1, sold = sold + 1 where variant = $1";
pub const FACT: &str = "insert into bare_facts (id, kind, payload) values ($1, 'order.confirmed', $2)";

/// Each checkout can fail without the others of its commit, as in a lane.
pub const MARK: &str = "savepoint one";
pub const KEEP: &str = "release one";
