//! A dispute as it is told to others: over HTTP, and in webhooks.

use super::model::{Asked, Dispute, reason_words};
use crate::kernel::{DisputeId, IntentId, MoneyOut, OrderId, Time};
use serde::Serialize;
use std::collections::BTreeMap;

/// One round of a dispute.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Dispute)]
pub struct DisputeOut {
    pub id: DisputeId,
    pub order: OrderId,
    pub payment: IntentId,
    pub processor: String,
    /// The processor's name for it.
    pub reference: String,
    /// 2 where the bank came back after the first was won.
    pub round: u32,
    /// `inquiry`, `needs_response`, `under_review`, `won` or `lost`.
    pub state: String,
    /// Who said that it is over: `processor`, `staff` or `time`.
    pub closed_by: Option<String>,
    pub amount: MoneyOut,
    /// What of it had gone back to the buyer before: they have it twice until a person settles that.
    pub paid_twice: MoneyOut,
    /// What the processor charged for it, by currency.
    pub fees: Vec<MoneyOut>,
    /// `fraudulent`, `product_not_received` …
    pub reason: String,
    /// The reason in plain words.
    pub meaning: String,
    /// The bank's own code or words.
    pub detail: String,
    /// Until when it can be answered; absent: it cannot.
    pub due_by: Option<Time>,
    /// What the processor was told: `accept` or `submit`.
    pub asked: Option<String>,
    /// Why it was given up.
    pub accepted_because: Option<String>,
    /// What was answered.
    pub answer: BTreeMap<String, String>,
    /// What an answer could say, from what we know; where one dispute is read and can still be answered.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub proposed: BTreeMap<String, String>,
    /// What stood in the way last, such as the processor's refusal.
    pub trouble: Option<String>,
    pub next_look_at: Option<Time>,
    pub created_at: Time,
    pub changed_at: Time,
}

impl DisputeOut {
    /// Without what an answer could say.
    pub fn bare(dispute: Dispute) -> Self {
        Self::new(dispute, BTreeMap::new())
    }

    /// With what an answer could say.
    pub fn new(dispute: Dispute, proposed: BTreeMap<String, String>) -> Self {
        let filled = |text: String| (!text.is_empty()).then_some(text);
        let closed_by = dispute.state.is_over().then(|| dispute.closed_by.name().to_owned());
        let asked = (dispute.asked != Asked::Nothing).then(|| dispute.asked.name().to_owned());
        Self {
            id: dispute.id,
            order: dispute.checkout().order(),
            payment: dispute.intent,
            processor: dispute.processor().to_owned(),
            reference: dispute.name.clone(),
            round: dispute.round,
            state: dispute.state.name().to_owned(),
            closed_by,
            amount: dispute.amount.into(),
            paid_twice: dispute.money(dispute.excess_minor).into(),
            fees: dispute.fee().into_iter().map(MoneyOut::from).collect(),
            meaning: reason_words(&dispute.reason).to_owned(),
            due_by: dispute.due_by,
            asked,
            accepted_because: filled(dispute.why),
            answer: dispute.answer,
            proposed,
            trouble: filled(dispute.trouble),
            next_look_at: dispute.next_check_at,
            created_at: dispute.created_at,
            changed_at: dispute.changed_at,
            reason: dispute.reason,
            detail: dispute.detail,
        }
    }
}
