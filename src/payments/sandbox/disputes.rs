//! Disputes in the sandbox's books: what the pretended bank took, decided and gave back.
//!
//! As Stripe has it: a chargeback takes the disputed amount and a fee at once, one answer may be given until a date, and words in it decide in tests
//! (`winning_evidence`, `losing_evidence`; docs.stripe.com/testing#evidence). The fee stays when it is won.

use super::books::{Books, Payment, Refusal};
use crate::kernel::{Currency, Seconds, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a chargeback costs, in minor units of the payment.
pub const FEE: i64 = 1500;
/// So long an answer may be given.
pub const TO_ANSWER: Seconds = Seconds::days(14);

/// Where a dispute stands. The names are those of Stripe's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStatus {
    WarningNeedsResponse,
    WarningClosed,
    NeedsResponse,
    UnderReview,
    Won,
    Lost,
}

impl DisputeStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::WarningNeedsResponse => "warning_needs_response",
            Self::WarningClosed => "warning_closed",
            Self::NeedsResponse => "needs_response",
            Self::UnderReview => "under_review",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }
    /// The bank has the money.
    pub fn takes_money(self) -> bool {
        matches!(self, Self::NeedsResponse | Self::UnderReview | Self::Lost)
    }
    /// Not decided yet.
    pub fn is_open(self) -> bool {
        matches!(
            self,
            Self::WarningNeedsResponse | Self::NeedsResponse | Self::UnderReview
        )
    }
}

/// A dispute in the sandbox's books. Amounts are in the sandbox's own units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookedDispute {
    pub id: String,
    pub round: u32,
    pub payment: String,
    pub amount: i64,
    pub currency: Currency,
    pub reason: String,
    pub status: DisputeStatus,
    pub due_by: Option<Time>,
    /// What was kept for it; nothing while the bank only asks.
    pub fee: i64,
    pub evidence: BTreeMap<String, String>,
    pub submitted: u32,
    pub created_at: Time,
    /// The keys of the requests that changed it: repeated, they change nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

impl BookedDispute {
    pub(super) fn key(&self) -> String {
        format!("{}/{}", self.id, self.round)
    }
    fn take(&mut self, due_by: Time) {
        self.status = DisputeStatus::NeedsResponse;
        self.due_by = Some(due_by);
        self.fee = FEE;
    }
}

/// A dispute to begin.
#[derive(Clone, Debug)]
pub struct NewDispute {
    pub payment: String,
    /// None: all that was taken.
    pub amount: Option<i64>,
    pub reason: String,
    /// The bank only asks.
    pub inquiry: bool,
    /// So long an answer may be given.
    pub to_answer: Seconds,
}

pub type Disputed = Result<BookedDispute, Refusal>;

impl Books {
    /// A buyer goes to their bank. It does not ask whether money went back before.
    pub fn open_dispute(&mut self, new: &NewDispute, now: Time) -> Disputed {
        let payment = self.look(&new.payment, now)?;
        let amount = new.amount.unwrap_or(payment.captured);
        if amount <= 0 || amount > payment.captured {
            return Err(Refusal::invalid("amount_too_large", "Not that much was taken."));
        }
        let mut dispute = BookedDispute {
            id: format!(
                "dp_{}{:012}",
                self.prefix(),
                self.disputes().filter(|one| one.round == 1).count() + 1
            ),
            round: 1,
            payment: payment.id,
            amount,
            currency: payment.currency,
            reason: new.reason.clone(),
            status: DisputeStatus::WarningNeedsResponse,
            due_by: Some(now.plus(new.to_answer)),
            fee: 0,
            evidence: BTreeMap::new(),
            submitted: 0,
            created_at: now,
            keys: Vec::new(),
        };
        if !new.inquiry {
            dispute.take(now.plus(new.to_answer));
        }
        Ok(self.keep_dispute(dispute))
    }

    /// The bank was not satisfied: the question becomes a chargeback.
    pub fn escalate_dispute(&mut self, id: &str, now: Time) -> Disputed {
        let mut dispute = self.must_dispute(id)?;
        if dispute.status != DisputeStatus::WarningNeedsResponse {
            return Err(wrong_state(&dispute));
        }
        dispute.take(now.plus(TO_ANSWER));
        Ok(self.keep_dispute(dispute))
    }

    /// The bank decides.
    pub fn decide_dispute(&mut self, id: &str, won: bool) -> Disputed {
        let mut dispute = self.must_dispute(id)?;
        dispute.status = match (dispute.status, won) {
            (DisputeStatus::WarningNeedsResponse, true) => DisputeStatus::WarningClosed,
            (DisputeStatus::NeedsResponse | DisputeStatus::UnderReview, true) => DisputeStatus::Won,
            (DisputeStatus::NeedsResponse | DisputeStatus::UnderReview, false) => DisputeStatus::Lost,
            _ => return Err(wrong_state(&dispute)),
        };
        dispute.due_by = None;
        Ok(self.keep_dispute(dispute))
    }

    /// The bank comes back to a dispute that was won.
    pub fn dispute_again(&mut self, id: &str, now: Time) -> Disputed {
        let first = self.must_dispute(id)?;
        if first.status != DisputeStatus::Won {
            return Err(wrong_state(&first));
        }
        let mut second = BookedDispute {
            round: first.round + 1,
            evidence: BTreeMap::new(),
            submitted: 0,
            created_at: now,
            keys: Vec::new(),
            ..first
        };
        second.take(now.plus(TO_ANSWER));
        Ok(self.keep_dispute(second))
    }

    /// The date for an answer passes: as Stripe does, it is lost.
    pub fn pass_due_dates(&mut self, now: Time) {
        let late: Vec<BookedDispute> = self
            .disputes()
            .filter(|one| one.status == DisputeStatus::NeedsResponse && one.due_by.is_some_and(|due| due <= now))
            .cloned()
            .collect();
        for mut dispute in late {
            dispute.status = DisputeStatus::Lost;
            dispute.due_by = None;
            self.keep_dispute(dispute);
        }
    }

    /// The shop gives it up.
    pub fn close_dispute(&mut self, id: &str) -> Disputed {
        let dispute = self.must_dispute(id)?;
        if dispute.status != DisputeStatus::NeedsResponse {
            return Err(wrong_state(&dispute));
        }
        self.decide_dispute(id, false)
    }

    /// The shop answers, once.
    pub fn answer_dispute(&mut self, id: &str, evidence: BTreeMap<String, String>, now: Time) -> Disputed {
        let mut dispute = self.must_dispute(id)?;
        if !matches!(
            dispute.status,
            DisputeStatus::NeedsResponse | DisputeStatus::WarningNeedsResponse
        ) {
            return Err(wrong_state(&dispute));
        }
        if dispute.due_by.is_none_or(|due| due <= now) || dispute.submitted > 0 {
            return Err(Refusal::invalid(
                "dispute_evidence_past_due",
                "The time for evidence is over.",
            ));
        }
        let says = |word: &str| evidence.values().any(|text| text.contains(word));
        let decided = match (says("winning_evidence"), says("losing_evidence")) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        };
        dispute.evidence = evidence;
        dispute.submitted = 1;
        if dispute.status == DisputeStatus::NeedsResponse {
            dispute.status = DisputeStatus::UnderReview;
        }
        let dispute = self.keep_dispute(dispute);
        match decided {
            Some(won) => self.decide_dispute(id, won),
            None => Ok(dispute),
        }
    }

    /// Runs a request about a dispute once per key: the dispute as it stands after it, and whether it changed just now.
    pub(super) fn once_of_dispute(
        &mut self,
        key: &str,
        id: &str,
        act: impl FnOnce(&mut Self) -> Disputed,
    ) -> Result<(BookedDispute, bool), Refusal> {
        let known = self.must_dispute(id)?;
        if known.keys.iter().any(|used| used == key) {
            return Ok((known, false));
        }
        let mut dispute = act(self)?;
        if !key.is_empty() {
            dispute.keys.push(key.to_owned());
            dispute = self.keep_dispute(dispute);
        }
        Ok((dispute, true))
    }

    fn must_dispute(&self, id: &str) -> Disputed {
        self.dispute(id).cloned().ok_or_else(|| Refusal {
            status: 404,
            ..Refusal::invalid("resource_missing", format!("No such dispute: '{id}'"))
        })
    }

    /// Its last round.
    pub fn dispute(&self, id: &str) -> Option<&BookedDispute> {
        self.disputes().find(|dispute| dispute.id == id)
    }

    /// What banks took of a payment and did not give back.
    pub fn disputed(&self, payment: &str) -> i64 {
        let taken = self
            .disputes()
            .filter(|one| one.payment == payment && one.status.takes_money());
        taken.map(|one| one.amount).sum()
    }

    /// What was kept for disputes of a payment.
    pub fn dispute_fees(&self, payment: &str) -> i64 {
        let mine = self.disputes().filter(|one| one.payment == payment);
        mine.map(|one| one.fee).sum()
    }

    /// Whether a bank has money of this payment and has not decided.
    pub(super) fn refuse_while_disputed(&self, payment: &Payment) -> Result<(), Refusal> {
        let open = |one: &BookedDispute| one.payment == payment.id && one.status.takes_money() && one.status.is_open();
        if self.disputes().any(open) {
            return Err(Refusal {
                payment: Some(payment.clone().into()),
                ..Refusal::invalid(
                    "charge_disputed",
                    "This charge has been charged back and cannot be refunded.",
                )
            });
        }
        Ok(())
    }
}

fn wrong_state(dispute: &BookedDispute) -> Refusal {
    let message = format!("This dispute has a status of {}.", dispute.status.name());
    Refusal::invalid("dispute_unexpected_state", message)
}
