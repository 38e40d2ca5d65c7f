//! Drops: limited sales in a window, with units of their own, prices of their own and a limit for each buyer (docs/drops.md).
//!
//! Tables: drops, drop_items, drop_buyers, drop_claims, drop_events, drop_lines, drop_turns, drop_waits.
//! Facts published: none.
//! Always true: what a drop sells was taken out of the shop's stock first and lies at a place of its own, so nobody sells it twice and nobody else sells
//! it; nothing is reserved before it opens or after it closes, by the database's clock; who reserved may finish; what nobody bought goes home; under no
//! name does a buyer have more than the limit; every act is one conditional update by version, and stands in an archive whose hashes follow each other.
//! It deliberately sells nothing: quotes ask it for prices (`offered`), the checkout counts its buyers here (`claim`) and takes units as it takes all
//! others, and buying without a drop costs no statement more.

pub mod api;
mod archive;
mod check;
mod claim;
mod line;
mod mind;
mod model;
mod offered;
mod plan;
mod run;
mod store;
mod wait;

#[cfg(test)]
mod tests;

pub use check::check;
pub use claim::{again, claim, identify, release as let_go};
pub use line::{PASS, drawn, join, rank, seed_hash, stand, use_pass};
pub use mind::mind;
pub use model::{
    Drop, DropState, Event, EventKind, Figures, Item, Line, Offered, Phase, QuotedDrop, Stage, StreamKind, TurnNow,
    TurnStanding, View, Wait, WaitStanding, Who, event_hash, key_hash, place, verify,
};
pub use offered::{enter, offered, offered_to_holder, sellable};
pub use plan::{HOLD_MINUTES, NewItem, Plan, Planned, edit, plan, view, view_by_slug};
pub use run::{Act, Hand, archive, close, extend, open, pause, pin, release, schedule, step_price};
pub use store::{before_wait, events, find, find_by_slug, holding, list, wait_of};
pub use wait::{OFFER, after_offers, is_promised, is_waited_for, leave, offered_units, promised, take_offers, wait};
