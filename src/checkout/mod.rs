//! The buyer's attempt, and the order that is born from it.
//!
//! Tables: checkouts, orders, order_lines, adjustments, upsells.
//! Facts published: order confirmed, order canceled, order refunded.
//! Always true: the client chooses the id, so a retry is the same purchase; stock is reserved before money is asked for, and money is asked
//! for before an order exists; an order is born confirmed, in one place (`conclude`), with the offer frozen as it was shown; it never changes
//! afterwards except by adjustments.
//! It deliberately never talks to a processor inside a transaction. What a crash leaves between acts is finished by `resume` and by the
//! resolver of payments, which end in the same two calls as the tap: `payments::record` and `conclude`.

mod allocate;
mod api;
mod buy;
mod cancel;
mod cancel_units;
mod change;
mod conclude;
mod evidence;
pub mod hear;
mod model;
pub mod one_click;
mod orders;
mod own;
pub mod payment;
mod refund;
mod replace;
mod resume;
mod store;
mod stored_api;
mod upsell;

#[cfg(test)]
mod tests;

/// Why a promise is let go whose card has as much of a drop as one buyer may: a decline of ours.
pub const DROP_LIMIT: &str = "drop_limit_reached";

pub use api::*;
pub use buy::{Buy, Exchanged, Pay, Tap, buy, client_secret, knows_secret, pay};
pub use cancel::{Cancel, CancelOrder, GiveUp, cancel, cancel_order, give_up};
pub use cancel_units::{After, CancelUnits, UnitsCanceled, cancel_units, cancel_units_in, finish};
pub use change::{Change, Details, change};
pub use conclude::{Settled, conclude, stand};
pub use evidence::{Evidence, evidence};
pub use hear::listen;
pub use model::{
    Address, Adjustment, AdjustmentKind, Checkout, CheckoutState, Contact, Frozen, Need, Order, OrderLine, OrderState,
    Payment, Waiting,
};
pub use one_click::{Paying, Stored};
pub use orders::{OrderView, Ship, ask_sold, mark_shipped, order, order_of_checkout, orders, sold, take_turn, view};
pub use own::*;
pub use refund::{
    Back, BackPlan, Difference, NewRefund, PRICE_MATCH, Refund, RefundLines, RefundWhat, Way, difference,
    preview_refund, preview_ways, refund, refund_while, refuse_parts_of_bundles, rest_of,
};
pub use replace::{EXCHANGE, Replaced, Replacement, pay_out_credit, replace, send_rest};
pub use resume::resume;
pub use store::{
    ClipSales, adjustments, ask_back, ask_no_more, bought_last, check, clip_sales, confirmed_between, contacts, erase,
    find, follows, lines, orders_since, waiting_at,
};
pub use stored_api::*;
pub use upsell::{Next, next};
