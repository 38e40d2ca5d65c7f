//! A payment in plain words: how it stands in one sentence, every try and movement, and what is looked at when.

use super::frame::{Chip, Tone};
use super::when::When;
use crate::checkout::Checkout;
use crate::gift_cards::Use;
use crate::kernel::{Money, Time, words};
use crate::payments::disputes::{Dispute, DisputeState, reason_words};
use crate::payments::{
    Attempt, AttemptState, CaptureLine, CaptureState, Intent, IntentState, RefundLine, RefundState, Standing,
};

/// What pages show of a payment.
pub struct PaymentPart {
    /// What a gift card pays of the sale, in a sentence or two; empty where none does.
    pub gift_card: String,
    pub sentence: String,
    pub waits: Vec<WaitLine>,
    /// Tries, captures and refunds, in the order in which they began.
    pub rows: Vec<MoneyRow>,
    /// Where its disputes are, and what they are called.
    pub disputes: Vec<(String, String)>,
}

/// Something that is looked at again by itself.
pub struct WaitLine {
    pub what: String,
    pub next: When,
    /// "Looked at 4 times so far."; empty the first time.
    pub so_far: String,
}

/// One try, capture or refund.
pub struct MoneyRow {
    pub what: String,
    pub processor: String,
    pub amount: String,
    pub outcome: Chip,
    pub detail: String,
    pub at: When,
}

impl PaymentPart {
    pub fn of(standing: &Standing, slug: &str, now: Time) -> Self {
        let wait = |wait: &crate::payments::Wait| WaitLine {
            what: wait.what.clone(),
            next: When::of(wait.at.max(now), now),
            so_far: match wait.tries {
                0 => String::new(),
                tries => format!("Looked at {} so far.", words::count(u64::from(tries), "time", "times")),
            },
        };
        let processor = standing.holder().map_or("", |attempt| &attempt.processor);
        let currency = standing.intent.amount.currency;
        let money = |minor: i64| words::money(Money::new(minor, currency));
        let mut rows: Vec<(Time, MoneyRow)> = Vec::new();
        for attempt in &standing.attempts {
            rows.push((attempt.created_at, try_row(attempt, now)));
        }
        for line in &standing.captures {
            rows.push((line.created_at, capture_row(line, processor, money(line.minor), now)));
        }
        for line in &standing.refunds {
            rows.push((line.created_at, refund_row(line, processor, money(line.minor), now)));
        }
        let mut disputes = Vec::new();
        for dispute in &standing.disputes {
            rows.push((dispute.created_at, dispute_row(dispute, now)));
            let label = format!("The dispute of {}", words::money(dispute.amount));
            disputes.push((format!("/studio/{slug}/disputes/{}", dispute.id), label));
        }
        rows.sort_by_key(|(at, _)| *at);
        Self {
            gift_card: String::new(),
            sentence: sentence(standing, now),
            waits: standing.waits.iter().map(wait).collect(),
            rows: rows.into_iter().map(|(_, row)| row).collect(),
            disputes,
        }
    }

    /// The same, with what a gift card pays of the sale.
    #[must_use]
    pub fn with(self, used: Option<&Use>, checkout: &Checkout) -> Self {
        let Some((used, covers)) = used.zip(checkout.offer.gift_card.as_ref()) else {
            return self;
        };
        let to_pay = checkout.to_pay();
        Self {
            gift_card: gift_card(used, &covers.last_four, to_pay),
            sentence: match to_pay.minor {
                0 => "Nothing was left for a processor to be asked for.".into(),
                _ => self.sentence,
            },
            ..self
        }
    }
}

fn try_row(attempt: &Attempt, now: Time) -> MoneyRow {
    use AttemptState as S;
    let (tone, outcome) = match attempt.state {
        S::Sending => (Tone::Warn, "On its way"),
        S::Pending => (Tone::Warn, "Not decided yet"),
        S::RequiresAction => (Tone::Warn, "At the buyer's bank"),
        S::Authorized => (Tone::Ok, "Promised"),
        S::Failed => (Tone::Quiet, "Declined"),
        S::Unknown => (Tone::Bad, "No clear answer"),
        S::NotExecuted => (Tone::Quiet, "Never got there"),
        S::NotSent => (Tone::Quiet, "Not reached"),
        S::Conflicted => (Tone::Bad, "Contradicts us"),
        S::Voiding => (Tone::Warn, "Being let go"),
        S::Voided => (Tone::Quiet, "Let go"),
        S::Captured => (Tone::Ok, "Taken"),
    };
    let mut detail = Vec::new();
    if attempt.state == S::Failed && !attempt.decline.is_empty() {
        detail.push(format!("Its reason: {}.", attempt.decline.replace('_', " ")));
    }
    if !attempt.payment.is_empty() {
        detail.push(format!("There it is {}.", attempt.payment));
    }
    MoneyRow {
        what: format!("Try {}: asked to promise", attempt.n),
        processor: attempt.processor.clone(),
        amount: words::money(attempt.amount),
        outcome: Chip::new(tone, outcome),
        detail: detail.join(" "),
        at: When::of(attempt.created_at, now),
    }
}

fn capture_row(line: &CaptureLine, processor: &str, amount: String, now: Time) -> MoneyRow {
    let (tone, outcome) = match line.state {
        CaptureState::Waiting => (Tone::Warn, "Waits for the last parcel"),
        CaptureState::Sending => (Tone::Warn, "On its way"),
        CaptureState::Unknown => (Tone::Bad, "No clear answer"),
        CaptureState::Succeeded => (Tone::Ok, "Taken"),
        CaptureState::Failed => (Tone::Bad, "Refused"),
        CaptureState::Conflicted => (Tone::Bad, "Contradicts us"),
    };
    MoneyRow {
        what: "Asked to take".into(),
        processor: processor.into(),
        amount,
        outcome: Chip::new(tone, outcome),
        detail: line.detail.clone(),
        at: When::of(line.created_at, now),
    }
}

fn refund_row(line: &RefundLine, processor: &str, amount: String, now: Time) -> MoneyRow {
    let (tone, outcome) = match line.state {
        RefundState::NotSent => (Tone::Warn, "Not reached yet"),
        RefundState::Sending => (Tone::Warn, "On its way"),
        RefundState::Unknown => (Tone::Bad, "No clear answer"),
        RefundState::Succeeded => (Tone::Ok, "Given back"),
        RefundState::Failed => (Tone::Bad, "Refused"),
        RefundState::Conflicted => (Tone::Bad, "Contradicts us"),
    };
    MoneyRow {
        what: "Asked to give back".into(),
        processor: processor.into(),
        amount,
        outcome: Chip::new(tone, outcome),
        detail: line.detail.clone(),
        at: When::of(line.created_at, now),
    }
}

fn dispute_row(dispute: &Dispute, now: Time) -> MoneyRow {
    MoneyRow {
        what: match dispute.state {
            DisputeState::Inquiry => "The buyer's bank asks".into(),
            _ => "Disputed by the buyer".into(),
        },
        processor: dispute.processor().into(),
        amount: words::money(dispute.amount),
        outcome: super::disputes_page::chip(dispute),
        detail: reason_words(&dispute.reason).into(),
        at: When::of(dispute.created_at, now),
    }
}

/// What a gift card pays, and what is left for the processor.
fn gift_card(used: &Use, last_four: &str, to_pay: Money) -> String {
    let money = |minor: i64| words::money(Money::new(minor, to_pay.currency));
    let covers = money(used.covers_minor);
    let mut text = match (used.taken_minor, used.held_minor) {
        (0, 0) => format!("Gift card •••• {last_four} was to pay {covers}; that is back on it."),
        (0, _) => format!("Gift card •••• {last_four} pays {covers}: held on it, and taken when the parcel leaves."),
        (taken, 0) => format!("{} was taken from gift card •••• {last_four}.", money(taken)),
        (taken, _) => format!(
            "{} of {covers} was taken from gift card •••• {last_four}; the rest is held on it.",
            money(taken)
        ),
    };
    if used.returned_minor > 0 {
        text += &format!(" {} of it is back on the card.", money(used.returned_minor));
    }
    if to_pay.minor > 0 {
        text += &format!(" The other {} is the processor's part.", words::money(to_pay));
    }
    text
}

/// How a payment stands, in one sentence or two.
pub fn sentence(standing: &Standing, now: Time) -> String {
    let Intent {
        state,
        amount,
        captured_minor,
        capture_pending_minor,
        ..
    } = standing.intent;
    let money = |minor: i64| words::money(Money::new(minor, amount.currency));
    let all = words::money(amount);
    let holder = standing.holder();
    let ends = holder.and_then(|attempt| attempt.capture_before);
    let day = |at: Time| at.date().strftime("%-d %B").to_string();
    let until = ends.map_or(String::new(), |at| format!(" until {}", day(at)));
    let lapsed = ends.is_some_and(|at| at <= now);
    match state {
        IntentState::RequiresMethod if standing.attempts.is_empty() => format!("{all} was not asked for yet."),
        IntentState::RequiresMethod => {
            "Nothing is promised and nothing is taken. The buyer may choose another way to pay.".into()
        }
        IntentState::Processing => format!("{all} was asked for; the answer is on its way."),
        IntentState::RequiresAction => format!("The buyer has to confirm {all} at their bank."),
        IntentState::Unknown => format!(
            "Nobody knows yet whether {all} is promised. Nobody else is asked meanwhile, so nobody is charged twice."
        ),
        IntentState::Conflicted => {
            "Frozen: the processor's books and ours differ. Nothing is taken or given back until somebody has decided."
                .into()
        }
        IntentState::RequiresCapture | IntentState::PartiallyCaptured if capture_pending_minor > 0 => format!(
            "{} is being taken right now{}.",
            money(capture_pending_minor),
            if captured_minor > 0 {
                format!("; {} of {all} is taken already", money(captured_minor))
            } else {
                String::new()
            }
        ),
        IntentState::RequiresCapture if lapsed => {
            format!("{all} was promised{until}. The promise has run out; nothing can be taken of it any more.")
        }
        IntentState::RequiresCapture => format!("{all} is promised{until}; it is taken when the parcel leaves."),
        IntentState::PartiallyCaptured => format!(
            "{} of {all} is taken; the rest {} promised{until}.",
            money(captured_minor),
            if lapsed { "was" } else { "is" }
        ),
        IntentState::Succeeded if amount.minor == 0 => "There was nothing to pay.".into(),
        IntentState::Succeeded if captured_minor == amount.minor => {
            format!("{all} is taken.{}", back(&standing.intent))
        }
        IntentState::Succeeded => format!(
            "{} of {all} is taken; the rest was let go.{}",
            money(captured_minor),
            back(&standing.intent)
        ),
        IntentState::Canceled if captured_minor > 0 => {
            format!(
                "{} was taken without our wish.{}",
                money(captured_minor),
                back(&standing.intent)
            )
        }
        IntentState::Canceled if holder.is_some_and(|attempt| attempt.state == AttemptState::Voiding) => {
            format!("Nothing is taken; {all} is being let go.")
        }
        IntentState::Canceled => "Nothing is taken; what was promised was let go.".into(),
        IntentState::Expired if captured_minor > 0 => format!(
            "{} of {all} is taken; the promise of the rest has run out.{}",
            money(captured_minor),
            back(&standing.intent)
        ),
        IntentState::Expired => format!("The promise of {all} ran out before anything was taken."),
    }
}

/// What of the taken money went back, or is on its way.
fn back(intent: &Intent) -> String {
    let money = |minor: i64| words::money(Money::new(minor, intent.amount.currency));
    let mut text = match intent.refunded_minor {
        0 => String::new(),
        minor if minor == intent.captured_minor => " All of it went back.".into(),
        minor => format!(" {} of it went back.", money(minor)),
    };
    if intent.refund_pending_minor > 0 {
        text += &format!(" {} is on its way back.", money(intent.refund_pending_minor));
    }
    if intent.disputed_minor > 0 {
        let disputed = money(intent.disputed_minor);
        text += &if intent.disputes_open > 0 {
            format!(" The buyer's bank took {disputed} back and has not decided; nothing can be refunded meanwhile.")
        } else {
            format!(" {disputed} was lost in a dispute.")
        };
    }
    text
}
