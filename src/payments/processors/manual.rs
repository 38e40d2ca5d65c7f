//! Money that changes hands without a processor: on pickup, by transfer. It promises at once, because a person answers for it.

use crate::kernel::{Answer, Ask, Capabilities, Money, Processor};
use std::future::{Future, ready};
use std::pin::Pin;

/// Pay on pickup or by transfer.
pub struct Manual;

impl Processor for Manual {
    fn name(&self) -> &'static str {
        "manual"
    }

    fn ask<'a>(&'a self, ask: &'a Ask) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(ready(answer(ask)))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            method: "manual",
            multicapture: true,
            void_after_partial_capture: true,
            authorization_window: None, // A person's word does not lapse.
            ..Capabilities::CARD
        }
    }
}

fn answer(ask: &Ask) -> Answer {
    let payment = |reference: &str| format!("manual_{reference}");
    match ask.clone() {
        Ask::Authorize { reference, amount, .. } => Answer::Authorized {
            payment: payment(&reference),
            reference,
            amount,
            capture_before: None,
            once: false,
            card: None,
        },
        // The capture of a hand-over is the hand-over: whoever gave the parcel away took the money.
        Ask::Capture {
            key,
            reference,
            payment,
            amount,
            ..
        } => Answer::Captured {
            payment,
            reference,
            operation: key,
            amount,
            fee: Money::zero(amount.currency),
        },
        Ask::Void { payment, .. } => Answer::Voided { payment },
        Ask::Refund {
            key,
            reference,
            payment,
            amount,
        } => Answer::Refunded {
            payment,
            reference,
            operation: key,
            amount,
        },
        // There are no books to look into: what was not written down with us did not happen, and is asked for again.
        Ask::Find { .. } | Ask::FindOperation { .. } | Ask::Kept { .. } | Ask::CameBack { .. } => Answer::NotFound,
        Ask::Forget { .. } => Answer::Forgotten,
    }
}
