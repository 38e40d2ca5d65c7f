//! Drops: limited sales in a window, with units of their own, prices of their own and a limit for each buyer (docs/drops.md).
//!
//! Tables: drops, drop_items, drop_buyers, drop_claims, drop_contacts, drop_entitlements, drop_events, drop_guests, drop_holds, drop_lines, drop_links, drop_marks, drop_rules, drop_turns, drop_waits.
//! Facts published: none.
//! Always true: what a drop sells was taken out of the shop's stock first and lies at a place of its own, so nobody sells it twice and nobody else sells
//! it; nothing is reserved before it opens or after it closes, by the database's clock; who reserved may finish; what nobody bought goes home; under no
//! name does a buyer have more than the limit; every act is one conditional update by version, and stands in an archive whose hashes follow each other.
//! It deliberately sells nothing: quotes ask it for prices (`offered`), the checkout counts its buyers here (`claim`) and takes units as it takes all
//! others, and buying without a drop costs no statement more.

pub mod api;
mod archive;
mod buyer_key;
mod check;
mod claim;
mod early;
pub mod early_api;
mod letters;
pub mod letters_api;
mod line;
pub mod live_api;
mod mind;
mod model;
mod offered;
mod own;
mod plan;
pub mod room_api;
mod rules;
pub mod rules_api;
mod run;
mod store;
mod wait;
pub mod wait_api;
mod windows;
mod work;
pub mod work_api;

#[cfg(test)]
mod tests;

pub use buyer_key::{BuyerKey, announced, key_needed};
pub use check::check;
pub use claim::{again, claim, counts_still, erase, give_back, identify, lapse, pay_with, release as let_go};
pub use early::{
    EARLY_MINUTES_MAX, EarlyLink, GUESTS_MAX, Invitation, Why, come_in, early_links, early_token, guest_token, guests,
    invite, is_entitled_buyer, is_guest, issue_link, may_enter, no_such_link, open_for_guest, read_invitation,
    revoke_link, shut_after_guest,
};
pub use letters::{
    About, Contact, ContactState, Owed, OwedLetter, REMIND, ask, confirm, contact, contact_token, erase_mailbox,
    letter_drop, must_stay_theirs, owed, read_contact_token, stop, take_along, written,
};
pub use line::{PASS, asks_for, drawn, join, rank, seed_hash, stand, use_pass};
pub use mind::{let_in, mind};
pub use model::{
    Drop, DropState, Event, EventKind, Figures, Item, Line, Offered, Phase, QuotedDrop, Stage, StreamKind, TurnNow,
    TurnStanding, View, Wait, WaitStanding, Who, event_hash, key_hash, place, plain_email, plain_phone, turn_of,
    verify,
};
pub use offered::{ask_offered, enter, offered, offered_to_holder, sellable};
pub use own::{Own, begin, own};
pub use plan::{HOLD_MINUTES, NewItem, Plan, Planned, edit, plan, view, view_by_slug};
pub use rules::{Rule, RuleState, When, kind as rule_kind, stop_rule};
pub use run::{Act, Hand, archive, close, extend, open, pause, pin, release, schedule, step_price};
pub use store::{COUNTED, before_wait, events, find, find_by_slug, holding, list, wait_of};
pub use wait::{OFFER, after_offers, is_promised, is_waited_for, leave, offered_units, promised, take_offers, wait};
pub use windows::mind_windows;
pub use work::{Answered, BITS, Challenge, NoWork, WAIT, challenge, check as check_work, guard, solve};
