//! What was decided and proven, written down: the payment leaves its conflict, and its rows take the answers of today in the ways of every answer.

use super::super::allocation::Part;
use super::super::model::{Attempt, AttemptState as S, CaptureState, Intent, IntentState, Operation, RefundState};
use super::super::refund::{RefundOf, refund_plan};
use super::super::store::{self, AttemptChange, NewCapture, NewRefund};
use super::super::taking::next_look;
use super::super::{capture_plan, record};
use super::judge::{Both, Heard, Stands};
use crate::db::Tx;
use crate::kernel::{AdjustmentId, Answer, AttemptId, Error, Id, Result, ShipmentId};
use uuid::Uuid;

impl Both {
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
    pub(super) fn agree(&self, tx: &mut Tx<'_>) -> Result<()> {
        let stood = self.stood();
        // A try that the payment counts on is told by the same rule, in conflict or not.
        let live = match (&self.contested, &self.holder) {
            (contested, Some(heard)) if contested.is_none() || heard.of.state == S::Authorized => Some(heard),
            (Some(heard), _) if stood.is_capturable() => Some(heard),
            _ => None,
        };
        match (&self.contested, live) {
            (Some(heard), None) if stood.waits() || stood == IntentState::RequiresMethod => {
                self.answer_at_last(tx, heard, stood)?;
            }
            (Some(heard), None) => {
                self.leave(tx, stood)?;
                move_to(tx, &heard.of, self.let_go_of(heard), "")?;
            }
            (contested, Some(heard)) => {
                let (state, attempt) = self.follows(heard, stood);
                self.leave(tx, state)?;
                if let Some(other) = contested.as_ref().filter(|other| other.of.id != heard.of.id) {
                    move_to(tx, &other.of, self.let_go_of(other), "")?;
                }
                if attempt != heard.of.state {
                    move_to(tx, &heard.of, attempt, "")?;
                }
            }
            (None, None) => unreachable!("a payment without a holder has doubts"),
        }
        self.settle_rows(tx)
    }

    /// A buyer waits for an answer. Of the newest try it is what was said of it today; one before it was given up already.
    fn answer_at_last(&self, tx: &mut Tx<'_>, heard: &Heard<Attempt>, stood: IntentState) -> Result<()> {
        if heard.of.n < self.intent.attempts || stood == IntentState::RequiresMethod {
            self.leave(tx, stood)?;
            move_to(tx, &heard.of, self.let_go_of(heard), "")?;
            let others = store::attempts(tx, self.intent.id)?;
            if !others.iter().any(|attempt| attempt.state.is_open()) {
                store::answer_intent(tx, self.intent.id, IntentState::RequiresMethod)?;
            }
            return Ok(());
        }
        self.leave(tx, IntentState::Unknown)?;
        if self.gone_back {
            move_to(tx, &heard.of, S::Voided, "")?;
            store::answer_intent(tx, self.intent.id, IntentState::RequiresMethod)?;
        } else {
            move_to(tx, &heard.of, S::Unknown, "")?;
            record(tx, heard.of.id, Operation::Authorize, &heard.answer)?;
        }
        Ok(())
    }

    /// What becomes of a try that nobody counts on.
    fn let_go_of(&self, heard: &Heard<Attempt>) -> S {
        match heard.stands() {
            Stands::Promised => S::Voiding,
            Stands::Taken(_) if self.captured_by(heard.of.id) > 0 => S::Captured,
            _ => S::Voided,
        }
    }

    /// Where a payment goes on, and the try that it counts on or counted on last.
    fn follows(&self, heard: &Heard<Attempt>, stood: IntentState) -> (IntentState, S) {
        let (state, captured) = (heard.of.state, self.captured());
        let wanted = stood.is_capturable();
        let last = self.captures.iter().any(|capture| capture.of.last && capture.agrees());
        let done = captured == self.intent.authorized_minor || (last && !self.is_taking());
        let is_done = captured > 0 && done;
        // The order of a sale that was closed, or whose promise is over, does not change by what both sides agree on.
        let over = match stood {
            _ if is_done => IntentState::Succeeded,
            _ if wanted => IntentState::Expired,
            IntentState::Canceled if captured > 0 => IntentState::Succeeded,
            stood => stood,
        };
        match heard.stands() {
            Stands::Promised if wanted && is_done => (over, S::Captured),
            Stands::Promised if wanted && state != S::Captured && captured > 0 => {
                (IntentState::PartiallyCaptured, S::Authorized)
            }
            Stands::Promised if wanted && state != S::Captured => (IntentState::RequiresCapture, S::Authorized),
            Stands::Promised if state == S::Captured => (over, S::Captured),
            Stands::Promised => (over, S::Voiding),
            Stands::Taken(_) if matches!(state, S::Authorized | S::Captured | S::Conflicted) => (over, S::Captured),
            _ => (over, S::Voided),
        }
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

    /// The try becomes an obligation that the resolver keeps at. The buyer may pay in another way; of a sale that counted on it they are asked to.
    pub(super) fn let_go(&self, tx: &mut Tx<'_>) -> Result<()> {
        let Some(Heard { of, answer }) = &self.contested else {
            unreachable!("without a contested try there are doubts")
        };
        let (Answer::Authorized { payment, .. } | Answer::RequiresAction { payment, .. }) = answer else {
            unreachable!("anything but a promise is a doubt")
        };
        let stood = self.stood();
        let promised_by_another = self
            .holder
            .as_ref()
            .is_some_and(|heard| heard.of.state == S::Authorized);
        let to = match stood {
            _ if self.intent.is_lost() => IntentState::Expired,
            state if state.waits() => IntentState::RequiresMethod,
            state if state.is_capturable() && !promised_by_another => IntentState::Expired,
            state => state,
        };
        self.leave(tx, to)?;
        let next = if mutant!("I15-let-go") { S::Voided } else { S::Voiding };
        move_to(tx, of, next, payment)
    }

    /// What was taken against our will is booked like any capture, all of it, and goes back like any refund, all of it. The payment is closed, so
    /// that no order is born of it.
    pub(super) fn give_back(&self, tx: &mut Tx<'_>) -> Result<()> {
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
        give_rest_back(tx, &self.intent, of.id)
    }
}

/// What was taken against our will goes back, all that is left of it: the first time, and again where the processor refused.
pub(super) fn give_rest_back(tx: &mut Tx<'_>, intent: &Intent, attempt: AttemptId) -> Result<()> {
    let Intent { id, shop, .. } = *intent;
    let name = match store::refunds(tx, id)?.len() {
        0 => "taken against our will".to_owned(),
        before => format!("taken against our will, {before} refused"),
    };
    let plan = refund_plan(tx, id, &RefundOf::Rest)?;
    let refund = NewRefund {
        id: tx.id(),
        intent: id,
        attempt,
        shop,
        adjustment: AdjustmentId::from_uuid(Uuid::new_v5(&id.uuid(), name.as_bytes())),
        plan: &plan,
        next_check_at: tx.now(), // The resolver sends it in its next round.
    };
    let written = store::insert_refund(tx, &refund)? && store::reserve_refund(tx, id, plan.amount.minor, false)?;
    assert!(written, "what was taken and did not go back can be set aside");
    Ok(())
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
        card: None,
        tries: 0,
        next_check_at,
    };
    store::move_attempt(tx, attempt, &change)
}
