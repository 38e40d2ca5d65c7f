//! Out of a conflict: a person decides, with a reason, and only what the processor says today is written down.
//!
//! Every decision has three acts: what is ours is read; the processor is asked about all of it, by our own references and keys; then its answers
//! are judged and recorded in one transaction, whose first statement takes the payment out of its conflict at the version that was judged. What is
//! recorded takes the ways that every answer takes ([`super::record`]), so that money is posted and limits are kept in one place each. Where the
//! answers prove nothing, nothing is changed: the payment stays frozen, and the person is told what is missing.

use super::allocation::Part;
use super::authorize::{agrees, ask_processor, find, refuse_while_frozen};
use super::capture::find_capture;
use super::model::{
    Attempt, AttemptState as S, Capture, CaptureState, Intent, IntentState, Operation, Refund, RefundState,
};
use super::refund::{RefundOf, find_refund, refund_plan};
use super::resolve::Conclude;
use super::store::{self, AttemptChange, NewCapture, NewRefund};
use super::taking::next_look;
use super::timeline::said;
use super::{capture_plan, record};
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::kernel::{AdjustmentId, Answer, Ask, Error, Id, IntentId, Money, Result, Seconds, ShipmentId, ShopId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a person may decide about a payment in conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PaymentDecision)]
pub enum Decision {
    /// The processor's books agree with ours by now: the payment goes on where they prove it is.
    Agrees,
    /// What is promised there is let go, all of it. Nothing of it was taken.
    LetGo,
    /// What was taken although it was only to be promised, or to be let go, is written down and given back, all of it.
    GiveBack,
}

impl Decision {
    pub const ALL: [Self; 3] = [Self::Agrees, Self::LetGo, Self::GiveBack];

    pub fn word(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::LetGo => "let_go",
            Self::GiveBack => "give_back",
        }
    }

    /// For the log of the payment.
    fn sentence(self) -> &'static str {
        match self {
            Self::Agrees => "decided that the books agree again",
            Self::LetGo => "decided to let the promised money go",
            Self::GiveBack => "decided to give the money back",
        }
    }
}

/// Whoever decides, as the history names them.
#[derive(Clone, Debug)]
pub struct Who {
    pub name: String,
    /// Their id.
    pub principal: String,
}

/// A decision, by whom and why.
#[derive(Clone, Debug)]
pub struct Decided {
    pub decision: Decision,
    /// The payment's version that was looked at.
    pub version: i64,
    pub who: Who,
    pub reason: String,
}

/// What became of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settle {
    /// The payment is out of its conflict; this is where it stands.
    Settled(IntentState),
    NotFound,
    /// It is in no conflict, or not any more.
    NotConflicted,
    /// It moved since it was looked at; this is its version now.
    Stale(i64),
    /// What the processor says today does not allow it: what is missing, a sentence each. Nothing was changed.
    NotProven(Vec<String>),
}

/// What a processor said of one of our rows today.
struct Heard<T> {
    of: T,
    answer: Answer,
}

/// Ours, beside what was said of it.
struct Both {
    intent: Intent,
    /// The try that is in conflict, if one is.
    contested: Option<Heard<Attempt>>,
    /// The try that holds the money, if one does.
    holder: Option<Heard<Attempt>>,
    captures: Vec<Heard<Capture>>,
    refunds: Vec<Heard<Refund>>,
    /// Everything that was taken by the contested try went back by itself, by the processor's own books.
    gone_back: bool,
}

/// The decisions that our side of a payment allows at all; the processor's answers have to prove the one that is taken.
pub fn decisions(intent: &Intent, attempts: &[Attempt]) -> Vec<Decision> {
    if intent.state != IntentState::Conflicted {
        return Vec::new();
    }
    let untouched = intent.captured_minor == 0 && intent.capture_pending_minor == 0;
    let contested = attempts.iter().any(|attempt| attempt.state == S::Conflicted);
    let may = |decision: &Decision| *decision == Decision::Agrees || (untouched && contested);
    Decision::ALL.into_iter().filter(may).collect()
}

/// Asks the processor about everything of a payment at once, whenever it would have been asked again, and records what it says. Of a payment in
/// conflict its answers are written into the log and change nothing. Returns how many questions were asked; none: there is no such payment.
pub async fn ask_now(app: &App, shop: ShopId, id: IntentId, conclude: Conclude) -> Result<Option<u64>> {
    let app = app.clone();
    app.clone()
        .track(async move {
            let found = app.db.read(move |tx| store::intent(tx, id)).await?;
            let Some(intent) = found.filter(|intent| intent.shop == shop) else {
                return Ok(None);
            };
            let mut asked = super::resolve::resolve_payment(&app, id, conclude).await?;
            if intent.state == IntentState::Conflicted {
                let both = ask_all(&app, id).await?;
                let told = both.told();
                asked += told.len() as u64;
                app.db
                    .write(LaneKey::of(id), move |tx| {
                        for (processor, words) in &told {
                            super::timeline::looked(tx, id, processor, words)?;
                        }
                        Ok(())
                    })
                    .await?;
            }
            Ok(Some(asked))
        })
        .await
}

/// Leads a payment out of its conflict. Order of answers: not found, not conflicted, stale, not proven, settled. Errors: `invalid_field` without a
/// reason, `money_frozen` after a restore.
pub async fn settle(app: &App, shop: ShopId, id: IntentId, decided: Decided, conclude: Conclude) -> Result<Settle> {
    let reason = decided.reason.trim().to_owned();
    if !(3..=1000).contains(&reason.chars().count()) {
        return Err(Error::field(
            "/reason",
            "Say why, in 3 to 1000 characters. It stays in the payment's history.",
        ));
    }
    let app = app.clone();
    app.clone()
        .track(async move {
            let before = app.db.read(move |tx| store::intent(tx, id)).await?;
            if let Err(answer) = open(before.as_ref(), shop, decided.version) {
                return Ok(answer);
            }
            let both = ask_all(&app, id).await?;
            app.db
                .write(LaneKey::of(id), move |tx| {
                    refuse_while_frozen(tx)?;
                    let now = store::intent(tx, id)?;
                    if let Err(answer) = open(now.as_ref(), shop, decided.version) {
                        return Ok(answer);
                    }
                    // Judged and recorded against the same rows: the version says that nothing moved while the processor was asked.
                    let doubts = both.doubts(decided.decision);
                    if !doubts.is_empty() && !mutant!("I15") {
                        return Ok(Settle::NotProven(doubts));
                    }
                    let what = format!("{} {}.", decided.who.name, decided.decision.sentence());
                    let why = format!("{reason} ({})", decided.who.principal);
                    match decided.decision {
                        Decision::Agrees => both.agree(tx)?,
                        Decision::LetGo => both.let_go(tx)?,
                        Decision::GiveBack => both.give_back(tx)?,
                    }
                    store::log(tx, id, &what, &why)?;
                    conclude(tx, both.intent.checkout)?;
                    Ok(Settle::Settled(find(tx, id)?.state))
                })
                .await
        })
        .await
}

fn open(intent: Option<&Intent>, shop: ShopId, version: i64) -> std::result::Result<(), Settle> {
    match intent {
        Some(intent) if intent.shop != shop => Err(Settle::NotFound),
        None => Err(Settle::NotFound),
        Some(intent) if intent.state != IntentState::Conflicted => Err(Settle::NotConflicted),
        Some(intent) if intent.version != version => Err(Settle::Stale(intent.version)),
        Some(_) => Ok(()),
    }
}

/// Reads our side, and asks the processor about each row that money hangs on.
async fn ask_all(app: &App, id: IntentId) -> Result<Both> {
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
enum Stands {
    /// Promised, as we asked for it.
    Promised,
    Taken(Money),
    Nothing,
    /// Something else, or no word at all.
    No,
}

impl Heard<Attempt> {
    fn stands(&self) -> Stands {
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
    fn agrees(&self) -> bool {
        matches!(&self.answer, Answer::Captured { reference, amount, .. } if agrees(self.of.amount, *amount, reference, &self.of.attempt))
    }
}

impl Heard<Refund> {
    fn agrees(&self) -> bool {
        matches!(&self.answer, Answer::Refunded { reference, amount, .. } if agrees(self.of.amount, *amount, reference, &self.of.attempt))
    }
}

impl Both {
    /// What was said, by processor, for the log.
    fn told(&self) -> Vec<(String, String)> {
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

    fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.intent.amount.currency)
    }

    /// What will be captured once the answers are recorded.
    fn captured(&self) -> i64 {
        let contested = self
            .captures
            .iter()
            .filter(|heard| heard.of.state == CaptureState::Conflicted);
        let taken = contested
            .filter(|heard| heard.agrees())
            .map(|heard| heard.of.amount.minor);
        self.intent.captured_minor + taken.sum::<i64>()
    }

    /// What speaks against a decision, a sentence each.
    fn doubts(&self, decision: Decision) -> Vec<String> {
        match decision {
            Decision::Agrees => self.disagreements(),
            Decision::LetGo => self.not_only_promised(),
            Decision::GiveBack => self.not_only_taken(),
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
            Stands::Taken(amount) if amount == self.intent.amount => Vec::new(),
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
        let captured = self.captured();
        if let Some(heard) = &self.contested {
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

    fn is_taking(&self) -> bool {
        let open = |heard: &&Heard<Capture>| matches!(heard.of.state, CaptureState::Sending | CaptureState::Unknown);
        self.captures.iter().any(|heard| open(&heard))
    }

    /// Takes the payment out of its conflict, at the version that was judged; whoever was faster makes this command run again.
    fn leave(&self, tx: &mut Tx<'_>, to: IntentState) -> Result<()> {
        let Intent { id, shop, version, .. } = self.intent;
        if store::leave_conflict(tx, shop, id, version, to)? {
            return Ok(());
        }
        Err(Error::engine(
            crate::kernel::Engine::Retry,
            "a payment left its conflict meanwhile",
        ))
    }

    /// Where the books prove the payment is; the rows of the conflict then take what was said of them, as any answer.
    fn agree(&self, tx: &mut Tx<'_>) -> Result<()> {
        let captured = self.captured();
        let closed = if captured > 0 {
            IntentState::Succeeded
        } else {
            IntentState::Canceled
        };
        let last = self.captures.iter().any(|heard| heard.of.last && heard.agrees());
        let all = captured == self.intent.authorized_minor && captured > 0;
        match (&self.contested, &self.holder) {
            // Nobody counted on this try yet: it is unknown again, and what is said of it today is the answer that was missing.
            (Some(heard), _) if self.intent.authorized_minor == 0 => {
                self.leave(tx, IntentState::Unknown)?;
                if self.gone_back {
                    move_to(tx, &heard.of, S::Voided, "")?;
                    store::answer_intent(tx, self.intent.id, IntentState::RequiresMethod)?;
                } else {
                    move_to(tx, &heard.of, S::Unknown, "")?;
                    record(tx, heard.of.id, Operation::Authorize, &heard.answer)?;
                }
            }
            // It was to be let go.
            (Some(heard), _) => {
                self.leave(tx, closed)?;
                let to = match heard.stands() {
                    Stands::Promised => S::Voiding,
                    Stands::Taken(_) if captured > 0 => S::Captured,
                    _ => S::Voided,
                };
                move_to(tx, &heard.of, to, "")?;
            }
            (None, Some(heard)) => {
                let holds = matches!(heard.of.state, S::Authorized | S::Captured);
                let (state, attempt) = match heard.stands() {
                    Stands::Promised if !holds => (closed, S::Voiding),
                    Stands::Promised if all || (last && !self.is_taking()) => (IntentState::Succeeded, S::Captured),
                    Stands::Promised if heard.of.state == S::Captured => (IntentState::Succeeded, S::Captured),
                    Stands::Promised if captured > 0 => (IntentState::PartiallyCaptured, S::Authorized),
                    Stands::Promised => (IntentState::RequiresCapture, S::Authorized),
                    Stands::Taken(_) if holds => (IntentState::Succeeded, S::Captured),
                    Stands::Nothing if holds => (IntentState::Expired, S::Voided),
                    _ => (closed, S::Voided),
                };
                self.leave(tx, state)?;
                if attempt != heard.of.state {
                    move_to(tx, &heard.of, attempt, "")?;
                }
            }
            (None, None) => unreachable!("a payment without a holder has doubts"),
        }
        self.settle_rows(tx)
    }

    /// Each capture and refund in conflict is unknown again, and takes the answer of today in the way of every answer.
    fn settle_rows(&self, tx: &mut Tx<'_>) -> Result<()> {
        for heard in self
            .captures
            .iter()
            .filter(|heard| heard.of.state == CaptureState::Conflicted)
        {
            store::reopen_capture(tx, heard.of.id)?;
            record(tx, heard.of.attempt.id, Operation::Capture(heard.of.id), &heard.answer)?;
        }
        for heard in self
            .refunds
            .iter()
            .filter(|heard| heard.of.state == RefundState::Conflicted)
        {
            store::reopen_refund(tx, heard.of.id)?;
            record(tx, heard.of.attempt.id, Operation::Refund(heard.of.id), &heard.answer)?;
        }
        Ok(())
    }

    /// The try becomes an obligation that the resolver keeps at; where nobody counted on it, the buyer may pay in another way.
    fn let_go(&self, tx: &mut Tx<'_>) -> Result<()> {
        let Some(Heard { of, answer }) = &self.contested else {
            unreachable!("without a contested try there are doubts")
        };
        let (Answer::Authorized { payment, .. } | Answer::RequiresAction { payment, .. }) = answer else {
            unreachable!("anything but a promise is a doubt")
        };
        let to = if self.intent.authorized_minor == 0 {
            IntentState::RequiresMethod
        } else {
            IntentState::Canceled
        };
        self.leave(tx, to)?;
        move_to(
            tx,
            of,
            if mutant!("I15-let-go") { S::Voided } else { S::Voiding },
            payment,
        )
    }

    /// What was taken against our will is booked like any capture, all of it, and goes back like any refund, all of it. The payment is closed, so
    /// that no order is born of it.
    fn give_back(&self, tx: &mut Tx<'_>) -> Result<()> {
        let Some(Heard { of, answer }) = &self.contested else {
            unreachable!("without a contested try there are doubts")
        };
        let Answer::Captured { payment, fee, .. } = answer else {
            unreachable!("anything but money is a doubt")
        };
        let Intent {
            id,
            shop,
            version,
            amount,
            ..
        } = self.intent;
        if !store::accept_taken(tx, shop, id, version)? {
            return Err(Error::engine(
                crate::kernel::Engine::Retry,
                "a payment left its conflict meanwhile",
            ));
        }
        move_to(tx, of, S::Captured, payment)?;
        let units: Vec<(Part, u32)> =
            (self.intent.allocation.parts().map(|(name, part)| (name, part.quantity))).collect();
        let plan = capture_plan(tx, id, &units, true)?;
        assert_eq!(plan.amount, amount, "all parts of a payment are the payment");
        let capture = NewCapture {
            id: tx.id(),
            intent: id,
            attempt: of.id,
            shop,
            shipment: ShipmentId::from_uuid(Uuid::new_v5(&id.uuid(), b"taken against our will")),
            plan: &plan,
            last: true,
            state: CaptureState::Sending,
            next_check_at: tx.now(),
        };
        assert!(store::insert_capture(tx, &capture)?, "nothing was captured before");
        let answer = Answer::Captured {
            payment: payment.clone(),
            reference: of.reference(),
            operation: payment.clone(),
            amount,
            fee: *fee,
        };
        record(tx, of.id, Operation::Capture(capture.id), &answer)?;
        let plan = refund_plan(tx, id, &RefundOf::Rest)?;
        let refund = NewRefund {
            id: tx.id(),
            intent: id,
            attempt: of.id,
            shop,
            adjustment: AdjustmentId::from_uuid(Uuid::new_v5(&id.uuid(), b"taken against our will")),
            plan: &plan,
            next_check_at: tx.now(), // The resolver sends it in its next round.
        };
        let written = store::insert_refund(tx, &refund)? && store::reserve_refund(tx, id, plan.amount.minor)?;
        assert!(written, "what was taken and did not go back can be set aside");
        Ok(())
    }
}

fn move_to(tx: &mut Tx<'_>, attempt: &Attempt, to: S, payment: &str) -> Result<()> {
    let next_check_at = match to {
        S::Voiding | S::Unknown => Some(tx.now()),
        S::Authorized => Some(next_look(tx.now(), attempt.capture_before)),
        _ => None,
    };
    let change = AttemptChange {
        from: attempt.state,
        to,
        payment,
        decline: "",
        hard: false,
        action_url: "",
        capture_before: None,
        once: false,
        tries: 0,
        next_check_at,
    };
    store::move_attempt(tx, attempt.id, &change)
}
