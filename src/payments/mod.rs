//! Being paid: intents, attempts, captures, refunds, and the processors that do it.
//!
//! Tables: processor_accounts, intents, attempts, captures, refunds, payment_log, processor_notices, strange_notices, routing_rules, card_asks,
//! stored_methods, disputes, settlement_files, settlement_parts, settlement_lines. `processor_accounts` was made at the beginning and is empty: a
//! processor's account is the installation's, from its configuration, and all its shops share it.
//! Facts published: payment captured, payment lost, payment overdue, refund failed, dispute opened, dispute closed.
//! Always true: an attempt is written before its processor is asked; unknown is not failed, and while one attempt is unknown no other starts;
//! captured never exceeds authorised, refunded never exceeds captured; captured and refunded money is in the ledger in the same transaction,
//! split as it was frozen at the sale; an answer with another amount, currency or reference freezes the payment.
//! It deliberately knows no order lines and no contracts: checkout hands it a frozen [`Allocation`]. It never decides what a checkout becomes.
//!
//! Where several processors take a method, the shop's rules say who is asked ([`routing`], docs/routing.md); after a definite no the next one is,
//! after *unknown* nobody.
//!
//! A promise ends. Before it does, what has left is taken and the rest is promised anew ([`renew`], docs/promises.md); a promise that is lost is
//! paid again by the buyer, or the rest of the sale is given up.
//!
//! Every operation has three acts: *begin* (decide and write), *ask* (network, no transaction), *record*. [`resolve`] finishes what a crash left.
//! What processors say they settled is compared line by line ([`settlement_files`], docs/settlement-files.md); fees are an estimate until then.
//! A payment in conflict is led out of it by a person ([`settle`]), with a reason, and only where the processor's answers prove the way. What a
//! processor that cannot be asked never said, a person says in its place ([`unheard`]).

mod allocation;
pub mod api;
mod authorize;
mod breaker;
mod capture;
mod card_testing;
mod come_back;
mod credit;
pub mod disputes;
mod model;
mod notice;
mod payment_api;
pub mod processors;
mod reconcile;
mod refund;
mod resolve;
mod renew;
mod routing;
mod rules;
pub mod sandbox;
mod settle_conflict;
mod settle_unheard;
pub mod settlement_files;
mod store;
pub mod stored;
mod taking;
mod timeline;
mod void;

#[cfg(test)]
mod routing_tests;
#[cfg(test)]
mod settle_unheard_tests;
#[cfg(test)]
mod tests;

pub use allocation::{AllocatedLeg, AllocatedPart, Allocation, FeeBearer, Part, PlannedLeg, Purpose, allocate};
pub use authorize::{
    By, Recorded, Start, authorize_ask, fail_over, open_and_start, record, record_asked, start, start_new,
};
pub use capture::{CaptureBegin, capture_again, capture_ask, capture_begin, capture_plan, capture_record};
pub use card_testing::cards_are_tried;
pub use come_back::come_back;
pub use credit::{credit, pay_out};
pub use model::{
    Attempt, AttemptState, Capture, CapturePlan, CaptureState, Intent, IntentState, OpenIntent, Operation, Refund,
    RefundPlan, RefundState, Taking, check_amount, read_reference,
};
pub use notice::{NoticeOf, Noticed, hear, hear_out, mind_strangers, notice};
pub use payment_api::{DecisionIn, PaymentOut, decide, look as look_again, shown, who};
pub use reconcile::{Difference, Reconciled, reconcile};
pub use refund::{
    RefundBegin, RefundOf, outstanding, refund_ask, refund_begin, refund_plan, refund_record, refuse_while_disputed,
};
pub use renew::is_overdue;
pub use resolve::{Conclude, resolve};
pub use routing::{
    Routing, Write as WriteRules, current as rules, explain, look, look_with, not_offered,
    of_version as rules_of_version, routing, routing_to, tallies, write as write_rules,
};
pub use rules::{
    Best, ByProcessor, Candidate, Choice, Place, Plan, Rule, Rules, Sale, SplitShare, Tally, Why,
    checked as checked_rules, method_name,
};
pub use settle_conflict::{Decided, Decision, Settle, Who, ask_now, decisions, settle};
pub use settle_unheard::{Unheard, unheard};
pub use store::{
    CaptureLine, RefundLine, adjustment_of, capture_soon, erase_notice, failed_refunds, intent_state, is_moving,
    let_go_part, notices_with, promising_card, refund_failure, refund_soon, refuse_promise, refused_captures,
};
pub use taking::{MARGIN, PAY_AGAIN, Terms};
pub use timeline::{
    Entry, Standing, Stuck, Wait, Waiting, captures, intent, latest_attempt, lost, owed_back, promise, refunds,
    standing, stuck, timeline, waiting,
};
pub use void::{VoidBegin, void_ask, void_begin};
