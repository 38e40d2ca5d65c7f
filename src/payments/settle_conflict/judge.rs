//! Our side of a payment in conflict, beside what its processor says of each row today; and what speaks against a decision.

use super::super::authorize::{agrees, ask_processor, find};
use super::super::capture::find_capture;
use super::super::model::{
    Attempt, AttemptState as S, Capture, CaptureState, Intent, IntentState, Operation, Refund, RefundState,
};
use super::super::refund::find_refund;
use super::super::store;
use super::super::timeline::said;
use super::Decision;
use crate::app::App;
use crate::kernel::{Answer, Ask, AttemptId, IntentId, Money, Result, Seconds};

/// What a processor said of one of our rows today.
pub(super) struct Heard<T> {
    pub of: T,
    pub answer: Answer,
}

/// Ours, beside what was said of it.
pub(super) struct Both {
    pub intent: Intent,
    /// The try that is in conflict, if one is.
    pub contested: Option<Heard<Attempt>>,
    /// The try that holds the money, if one does.
    pub holder: Option<Heard<Attempt>>,
    pub captures: Vec<Heard<Capture>>,
    pub refunds: Vec<Heard<Refund>>,
    /// Everything that was taken by the contested try went back by itself, by the processor's own books.
    pub gone_back: bool,
}

/// Reads our side, and asks the processor about each row that money hangs on.
pub(super) async fn ask_all(app: &App, id: IntentId) -> Result<Both> {
    let (intent, attempts, captures, refunds) = app
        .db
        .read(move |tx| {
            let captures = store::captures(tx, id)?
                .into_iter()
                .filter(|row| row.state != CaptureState::Failed);
            let captures: Vec<_> = captures.map(|row| row.id).collect();
            let refunds = store::refunds(tx, id)?
                .into_iter()
                .filter(|row| row.state != RefundState::Failed);
            let refunds: Vec<_> = refunds.map(|row| row.id).collect();
            Ok((
                find(tx, id)?,
                store::attempts(tx, id)?,
                captures
                    .into_iter()
                    .map(|id| find_capture(tx, id))
                    .collect::<Result<Vec<_>>>()?,
                refunds
                    .into_iter()
                    .map(|id| find_refund(tx, id))
                    .collect::<Result<Vec<_>>>()?,
            ))
        })
        .await?;
    let newest = |states: &[S]| {
        attempts
            .iter()
            .rev()
            .find(|attempt| states.contains(&attempt.state))
            .cloned()
    };
    let contested = newest(&[S::Conflicted]);
    let let_go = || newest(&[S::Voiding, S::Voided]).filter(|_| contested.is_none());
    let holder = newest(&[S::Authorized, S::Captured]).or_else(let_go);
    let mut both = Both {
        contested: None,
        holder: None,
        captures: Vec::new(),
        refunds: Vec::new(),
        gone_back: false,
        intent,
    };
    if let Some(attempt) = contested {
        let answer = ask_find(app, &attempt).await;
        both.gone_back = matches!(answer, Answer::Captured { .. }) && gone_back(app, &attempt).await;
        both.contested = Some(Heard { of: attempt, answer });
    }
    if let Some(attempt) = holder {
        let answer = ask_find(app, &attempt).await;
        both.holder = Some(Heard { of: attempt, answer });
    }
    for capture in captures {
        let answer = ask_operation(app, &capture.attempt, Operation::Capture(capture.id)).await;
        both.captures.push(Heard { of: capture, answer });
    }
    for refund in refunds {
        let answer = ask_operation(app, &refund.attempt, Operation::Refund(refund.id)).await;
        both.refunds.push(Heard { of: refund, answer });
    }
    Ok(both)
}

async fn ask_find(app: &App, attempt: &Attempt) -> Answer {
    let reference = attempt.reference();
    ask_processor(app, attempt, &Ask::Find { reference }).await
}

async fn ask_operation(app: &App, attempt: &Attempt, operation: Operation) -> Answer {
    let ask = Ask::FindOperation {
        key: attempt.key(operation),
        reference: attempt.reference(),
        payment: attempt.payment.clone(),
    };
    ask_processor(app, attempt, &ask).await
}

/// Whether the books hold nothing any more of what this try took: somebody gave it back at the processor itself. Only the books say so.
async fn gone_back(app: &App, attempt: &Attempt) -> bool {
    let Ok(processor) = app.processor(&attempt.processor) else {
        return false;
    };
    let since = attempt.created_at.minus(Seconds::hours(1));
    let Ok(Some(books)) = processor.booked(since).await else {
        return false;
    };
    let reference = attempt.reference();
    let mut ours = books.iter().filter(|entry| entry.reference == reference).peekable();
    ours.peek().is_some() && ours.all(|entry| entry.captured == entry.refunded && !entry.promised)
}

/// What a try's answer comes to.
pub(super) enum Stands {
    /// Promised, as we asked for it.
    Promised,
    Taken(Money),
    Nothing,
    /// Something else, or no word at all.
    No,
}

impl Heard<Attempt> {
    pub(super) fn stands(&self) -> Stands {
        let reference = self.of.reference();
        match &self.answer {
            Answer::Authorized {
                reference: theirs,
                amount,
                ..
            } if agrees(self.of.amount, *amount, theirs, &self.of) => Stands::Promised,
            Answer::Captured {
                reference: theirs,
                amount,
                ..
            } if *theirs == reference => Stands::Taken(*amount),
            Answer::Voided { .. } | Answer::Declined { .. } => Stands::Nothing,
            // Not even "no such payment": it once named one.
            _ => Stands::No,
        }
    }

    fn says(&self) -> String {
        format!("{} {}.", self.of.processor, said(&self.answer))
    }
}

impl Heard<Capture> {
    pub(super) fn agrees(&self) -> bool {
        matches!(&self.answer, Answer::Captured { reference, amount, .. } if agrees(self.of.amount, *amount, reference, &self.of.attempt))
    }
}

impl Heard<Refund> {
    pub(super) fn agrees(&self) -> bool {
        matches!(&self.answer, Answer::Refunded { reference, amount, .. } if agrees(self.of.amount, *amount, reference, &self.of.attempt))
    }
}

impl Both {
    /// What was said, by processor, for the log.
    pub(super) fn told(&self) -> Vec<(String, String)> {
        let mut told = Vec::new();
        for heard in self.contested.iter().chain(&self.holder) {
            told.push((
                heard.of.processor.clone(),
                format!("for try {} it {}.", heard.of.n, said(&heard.answer)),
            ));
        }
        if self.gone_back
            && let Some(heard) = &self.contested
        {
            told.push((
                heard.of.processor.clone(),
                "all that it took for this payment went back.".into(),
            ));
        }
        for heard in &self.captures {
            let words = format!(
                "of the {} we asked it to take it {}.",
                heard.of.amount,
                said(&heard.answer)
            );
            told.push((heard.of.attempt.processor.clone(), words));
        }
        for heard in &self.refunds {
            let words = format!(
                "of the {} we asked it to give back it {}.",
                heard.of.amount,
                said(&heard.answer)
            );
            told.push((heard.of.attempt.processor.clone(), words));
        }
        told
    }

    pub(super) fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.intent.amount.currency)
    }

    /// What will be captured once the answers are recorded.
    pub(super) fn captured(&self) -> i64 {
        let contested = self
            .captures
            .iter()
            .filter(|heard| heard.of.state == CaptureState::Conflicted);
        let taken = contested
            .filter(|heard| heard.agrees())
            .map(|heard| heard.of.amount.minor);
        self.intent.captured_minor + taken.sum::<i64>()
    }

    /// The same, taken by one try: a sale may be paid from several, one after the other.
    pub(super) fn captured_by(&self, attempt: AttemptId) -> i64 {
        let counts = |heard: &&Heard<Capture>| match heard.of.state {
            CaptureState::Succeeded => true,
            CaptureState::Conflicted => heard.agrees(),
            _ => false,
        };
        let of_it = self.captures.iter().filter(|heard| heard.of.attempt.id == attempt);
        of_it.filter(counts).map(|heard| heard.of.amount.minor).sum()
    }

    /// Where the payment stood before its conflict. Of conflicts that are older than this knowledge, it follows from the rest.
    pub(super) fn stood(&self) -> IntentState {
        let holds = |heard: &Heard<Attempt>| heard.of.state == S::Authorized;
        self.intent.was.unwrap_or_else(|| match &self.intent {
            intent if intent.authorized_minor == 0 => IntentState::Unknown,
            intent if intent.is_lost() => IntentState::Expired,
            _ if self.holder.as_ref().is_some_and(holds) => IntentState::RequiresCapture,
            intent if intent.captured_minor > 0 => IntentState::Succeeded,
            _ => IntentState::Canceled,
        })
    }

    /// A sale counts on this payment: it was promised, and neither taken whole nor let go.
    fn is_counted_on(&self) -> bool {
        let stood = self.stood();
        self.intent.is_lost() || stood.is_capturable() || stood == IntentState::Expired
    }

    /// What speaks against a decision, a sentence each.
    pub(super) fn doubts(&self, decision: Decision) -> Vec<String> {
        match decision {
            Decision::Agrees => self.disagreements(),
            Decision::LetGo => self.not_only_promised(),
            Decision::GiveBack => self.not_only_taken(),
            Decision::Happened | Decision::DidNotHappen => vec!["This is no decision about a conflict.".into()],
        }
    }

    fn untouched(&self) -> bool {
        self.intent.captured_minor == 0 && self.intent.capture_pending_minor == 0 && self.captures.is_empty()
    }

    fn not_only_promised(&self) -> Vec<String> {
        let Some(heard) = self.contested.as_ref().filter(|_| self.untouched()) else {
            return vec!["Money was taken of this payment, or may have been: it cannot be let go as a whole.".into()];
        };
        let reference = heard.of.reference();
        match &heard.answer {
            Answer::Authorized { reference: theirs, .. } if *theirs == reference => Vec::new(),
            Answer::RequiresAction { .. } => Vec::new(),
            _ => vec![format!("Only a promise can be let go, and {}", heard.says())],
        }
    }

    fn not_only_taken(&self) -> Vec<String> {
        let Some(heard) = self
            .contested
            .as_ref()
            .filter(|_| self.untouched() && self.refunds.is_empty())
        else {
            return vec!["We took money of this payment ourselves: give it back from the order.".into()];
        };
        match heard.stands() {
            Stands::Taken(amount) if self.gone_back => vec![format!("The {amount} went back already, by its books.")],
            Stands::Taken(amount) if amount == self.intent.amount && !self.is_counted_on() => Vec::new(),
            Stands::Taken(amount) if amount == self.intent.amount => vec![format!(
                "An order waits for this payment. Give the {amount} back at {} itself, then say that the books agree: the buyer can pay again.",
                heard.of.processor
            )],
            Stands::Taken(amount) => vec![format!(
                "{} took {amount} of {}: we cannot say for which pieces. Give it back at {} itself, then say that the books agree.",
                heard.of.processor, self.intent.amount, heard.of.processor
            )],
            _ => vec![format!(
                "Only money that was taken can be given back, and {}",
                heard.says()
            )],
        }
    }

    fn disagreements(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        for heard in &self.captures {
            let amount = heard.of.amount;
            let fine = match heard.of.state {
                CaptureState::Succeeded => heard.agrees(),
                CaptureState::Conflicted => heard.agrees() || matches!(heard.answer, Answer::Refused { .. }),
                // Not asked for yet, or its answer is looked for as always.
                CaptureState::Waiting | CaptureState::Sending | CaptureState::Unknown | CaptureState::Failed => true,
            };
            if !fine {
                let processor = &heard.of.attempt.processor;
                doubts.push(format!(
                    "Of the {amount} we asked {processor} to take it {}.",
                    said(&heard.answer)
                ));
            }
        }
        for heard in &self.refunds {
            let amount = heard.of.amount;
            let fine = match heard.of.state {
                RefundState::Succeeded => heard.agrees(),
                RefundState::Conflicted => heard.agrees() || matches!(heard.answer, Answer::Refused { .. }),
                RefundState::NotSent | RefundState::Sending | RefundState::Unknown | RefundState::Failed => true,
            };
            if !fine {
                let processor = &heard.of.attempt.processor;
                doubts.push(format!(
                    "Of the {amount} we asked {processor} to give back it {}.",
                    said(&heard.answer)
                ));
            }
        }
        if let Some(heard) = &self.contested {
            let captured = self.captured_by(heard.of.id);
            let fine = match heard.stands() {
                Stands::Promised => true,
                Stands::Nothing => captured == 0,
                Stands::Taken(_) if self.gone_back => captured == 0,
                Stands::Taken(amount) => captured > 0 && amount == self.money(captured),
                Stands::No => false,
            };
            if !fine {
                doubts.push(format!(
                    "We asked for {} in try {}, and {}",
                    heard.of.amount,
                    heard.of.n,
                    heard.says()
                ));
            }
        }
        if let Some(heard) = &self.holder {
            let captured = self.captured_by(heard.of.id);
            let holds = matches!(heard.of.state, S::Authorized | S::Captured);
            let fine = match heard.stands() {
                Stands::Promised => true,
                Stands::Taken(amount) => captured > 0 && amount == self.money(captured) && !self.is_taking(),
                Stands::Nothing => captured == 0 && !self.is_taking(),
                Stands::No => false,
            };
            if !fine {
                let ours = if holds { "is promised by it" } else { "was let go" };
                doubts.push(format!(
                    "By our books {} of {} is taken and the rest {ours}, and {}",
                    self.money(captured),
                    self.intent.amount,
                    heard.says()
                ));
            }
        }
        if self.contested.is_none() && self.holder.is_none() {
            doubts.push("No try of this payment holds any money; there is nothing that could agree.".into());
        }
        doubts
    }

    pub(super) fn is_taking(&self) -> bool {
        let open = |heard: &&Heard<Capture>| matches!(heard.of.state, CaptureState::Sending | CaptureState::Unknown);
        self.captures.iter().any(|heard| open(&heard))
    }
}
