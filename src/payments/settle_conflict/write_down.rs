//! What was decided and proven, written down: the payment leaves its conflict, and its rows take the answers of today in the ways of every answer.

use super::super::allocation::Part;
use super::super::model::{Attempt, AttemptState as S, CaptureState, Intent, IntentState, Operation, RefundState};
use super::super::refund::{RefundOf, refund_plan};
use super::super::store::{self, AttemptChange, NewCapture, NewRefund};
use super::super::taking::next_look;
use super::super::{capture_plan, record};
use super::judge::{Both, Heard, Stands};
use crate::db::Tx;
use crate::kernel::{AdjustmentId, Answer, Error, Id, Result, ShipmentId};
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
    pub(super) fn let_go(&self, tx: &mut Tx<'_>) -> Result<()> {
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
        move_to(tx, of, S::Voiding, payment)
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
