//! A dispute: its states, what it carries, and the one table of what follows from what.

use crate::kernel::{
    CheckoutId, DisputeFee, DisputeId, DisputeStage, Error, Id, IntentId, Money, MoneyOut, Result, Seconds, ShopId,
    StaffId, Time,
};
use crate::payments::allocation::PlannedLeg;
use crate::payments::model::{Attempt, states};
use std::collections::BTreeMap;
use uuid::Uuid;

states! {
    /// Where one round of a dispute stands.
    DisputeState {
        /// The bank asks; no money has moved.
        Inquiry "inquiry",
        /// The money was taken back, and the bank waits for an answer.
        NeedsResponse "needs_response",
        /// Answered; the bank decides.
        UnderReview "under_review",
        Won "won",
        Lost "lost",
    }
}

states! {
    /// Who said that it is over.
    ClosedBy {
        Nobody "nobody",
        Processor "processor",
        /// Somebody here agreed with the buyer.
        Staff "staff",
        /// The time for an answer passed.
        Time "time",
    }
}

states! {
    /// What we told the processor about it; once.
    Asked {
        Nothing "nothing",
        Accept "accept",
        Submit "submit",
    }
}

impl DisputeState {
    /// The bank has the money.
    pub fn takes_money(self) -> bool {
        matches!(self, Self::NeedsResponse | Self::UnderReview | Self::Lost)
    }
    /// The bank has the money, and may have to give it back: nothing is refunded meanwhile (L10).
    pub fn blocks_refunds(self) -> bool {
        matches!(self, Self::NeedsResponse | Self::UnderReview)
    }
    pub fn is_over(self) -> bool {
        matches!(self, Self::Won | Self::Lost)
    }
}

/// What follows from what a processor says, whenever it says it: none where it says nothing new.
///
/// Later words outweigh earlier ones, so that all orders of the same notices end in the same state: an inquiry, an inquiry that ended in silence, a
/// chargeback, one whose time is over, an answer, the bank's decision. What is decided stays decided.
pub fn step(now: Option<(DisputeState, ClosedBy)>, told: DisputeStage) -> Option<(DisputeState, ClosedBy)> {
    use DisputeState as S;
    let next = match told {
        DisputeStage::Inquiry => (S::Inquiry, ClosedBy::Nobody),
        DisputeStage::NeedsResponse => (S::NeedsResponse, ClosedBy::Nobody),
        DisputeStage::TimeUp => (S::Lost, ClosedBy::Time),
        DisputeStage::UnderReview => (S::UnderReview, ClosedBy::Nobody),
        DisputeStage::Won => (S::Won, ClosedBy::Processor),
        DisputeStage::Lost => (S::Lost, ClosedBy::Processor),
    };
    (now.is_none_or(|now| weight(next) > weight(now))).then_some(next)
}

fn weight((state, closed_by): (DisputeState, ClosedBy)) -> u8 {
    match (state, closed_by) {
        (DisputeState::Inquiry, _) => 0,
        (DisputeState::Won, ClosedBy::Time) => 1,
        (DisputeState::NeedsResponse, _) => 2,
        (DisputeState::Lost, ClosedBy::Time) => 3,
        (DisputeState::UnderReview, _) => 4,
        (DisputeState::Won | DisputeState::Lost, _) => 5,
    }
}

/// One round of a dispute.
#[derive(Clone, Debug)]
pub struct Dispute {
    pub id: DisputeId,
    pub shop: ShopId,
    pub intent: IntentId,
    /// Whose money is disputed.
    pub attempt: Attempt,
    /// The processor's name for it.
    pub name: String,
    pub round: u32,
    pub state: DisputeState,
    pub closed_by: ClosedBy,
    pub reason: String,
    pub detail: String,
    pub amount: Money,
    /// Taken back from those who had a share in the sale.
    pub covered_minor: i64,
    /// Taken by the bank although it was not there any more: on the shop's account of losses.
    pub excess_minor: i64,
    pub legs: Vec<PlannedLeg>,
    pub fees: Vec<DisputeFee>,
    /// None: it cannot be answered.
    pub due_by: Option<Time>,
    pub asked: Asked,
    pub asks: u32,
    pub answer: BTreeMap<String, String>,
    pub why: String,
    pub staff: Option<StaffId>,
    pub tries: u32,
    pub trouble: String,
    pub version: i64,
    pub next_check_at: Option<Time>,
    pub created_at: Time,
    pub changed_at: Time,
}

impl Dispute {
    pub fn checkout(&self) -> CheckoutId {
        self.attempt.checkout
    }
    pub fn processor(&self) -> &str {
        &self.attempt.processor
    }
    pub fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.amount.currency)
    }
    /// What the processor charged for it, by currency.
    pub fn fee(&self) -> Vec<Money> {
        let mut sums: BTreeMap<&str, Money> = BTreeMap::new();
        for fee in &self.fees {
            let MoneyOut { amount, currency } = fee.amount;
            let sum = sums.entry(currency.code()).or_insert(Money::zero(currency));
            sum.minor += amount;
        }
        sums.into_values().collect()
    }
    /// The key under which the processor is told what was decided, the same for every repetition of one decision.
    pub fn key(&self) -> String {
        let name = format!("{}/{}", self.asked.name(), self.asks);
        Uuid::new_v5(&self.id.uuid(), name.as_bytes()).to_string()
    }
    /// Whether an answer still counts.
    pub fn can_be_answered(&self, now: Time) -> bool {
        self.state == DisputeState::NeedsResponse
            && self.asked == Asked::Nothing
            && self.due_by.is_some_and(|due| due > now)
    }
}

/// An inquiry that nothing came of is over after so long, and a chargeback that can be neither answered nor asked about is lost: longer than any card
/// scheme lets a bank think (docs.stripe.com/disputes/how-disputes-work names 120 days for an inquiry).
pub const SILENCE: Seconds = Seconds::days(120);

/// Why buyers dispute: our code, and what it means in plain words. The codes are those of docs.stripe.com/api/disputes/object.
pub const REASONS: &[(&str, &str)] = &[
    ("fraudulent", "The cardholder says they did not make this purchase."),
    (
        "unrecognized",
        "The cardholder does not recognise the name on their statement.",
    ),
    ("product_not_received", "The buyer says the parcel never came."),
    (
        "product_unacceptable",
        "The buyer says the goods are damaged, or not what was described.",
    ),
    ("duplicate", "The buyer says they were charged twice."),
    (
        "credit_not_processed",
        "The buyer says they were promised their money back and did not get it.",
    ),
    ("subscription_canceled", "The buyer says they had canceled."),
    ("general", "The bank gives no particular reason."),
];

/// A reason in plain words.
pub fn reason_words(reason: &str) -> &'static str {
    let known = REASONS.iter().find(|(code, _)| *code == reason);
    known.map_or("The bank gives no particular reason.", |(_, words)| words)
}

/// What an answer may say: our name of the text, and what people call it. Each is a text; papers come with the evidence pack.
pub const FIELDS: &[(&str, &str)] = &[
    ("product_description", "What was sold"),
    ("customer_name", "The buyer's name"),
    ("customer_email", "The buyer's e-mail address"),
    ("shipping_address", "Where it was sent"),
    ("shipping_carrier", "Carrier"),
    ("shipping_tracking_number", "Tracking number"),
    ("shipping_date", "Handed over on"),
    ("refund_policy", "What the buyer agreed to about returns"),
    ("activity", "What happened, step by step"),
    ("statement", "Receipt, and what else the bank should know"),
];

/// The longest answer, all texts together; docs.stripe.com/api/disputes/update allows 150,000 characters.
pub const ANSWER_MAX: usize = 100_000;
