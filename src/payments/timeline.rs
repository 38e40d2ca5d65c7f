//! What happened to a payment, in plain words, how it stands, and what waits.

use super::authorize::find_attempt;
use super::capture::find_capture;
use super::disputes::{self, Dispute};
use super::model::{Attempt, AttemptState as S, CaptureState, Intent, Operation, RefundState, needs_a_person};
use super::refund::find_refund;
use super::store::{self, CaptureLine, RefundLine};
use crate::db::Tx;
use crate::kernel::{Answer, AttemptId, CheckoutId, IntentId, Money, Result, ShopId, Time};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub at: Time,
    /// A plain sentence.
    pub what: String,
    /// The processor's words or an amount, where there is more to say.
    pub detail: String,
}

impl Entry {
    /// What a processor's books said when a person had them looked at.
    pub fn is_look(&self) -> bool {
        self.what.starts_with(LOOKED)
    }
}

const LOOKED: &str = "Looked at the books of ";

/// How many payments wait for a processor's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub unknown: i64,
    pub voids_owed: i64,
    pub conflicted: i64,
    /// Notices about payments nobody here knows, a day after they came.
    pub strange_notices: i64,
}

/// Something of a payment that somebody looks at again by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// A plain sentence.
    pub what: String,
    /// When it is looked at next.
    pub at: Time,
    /// How often it was looked at in vain.
    pub tries: u32,
}

/// A payment that has no clear answer, or needs a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    pub intent: IntentId,
    pub checkout: CheckoutId,
    pub amount: Money,
    pub is_conflicted: bool,
    /// Asking again has not helped for days.
    pub needs_a_person: bool,
    /// When somebody looks again; nobody looks by itself at a payment in conflict.
    pub next_look_at: Option<Time>,
    pub begun_at: Time,
}

/// A payment with everything that belongs to it.
#[derive(Clone, Debug)]
pub struct Standing {
    pub intent: Intent,
    /// First to last.
    pub attempts: Vec<Attempt>,
    pub captures: Vec<CaptureLine>,
    pub refunds: Vec<RefundLine>,
    /// What buyers took to their banks, oldest first.
    pub disputes: Vec<Dispute>,
    /// What is looked at again, soonest first.
    pub waits: Vec<Wait>,
    /// Oldest first.
    pub entries: Vec<Entry>,
}

impl Standing {
    /// The try that holds the money, held it last, or is in conflict about it.
    pub fn holder(&self) -> Option<&Attempt> {
        holder(&self.attempts)
    }
}

fn holder(attempts: &[Attempt]) -> Option<&Attempt> {
    let newest = |states: &[S]| attempts.iter().rev().find(|attempt| states.contains(&attempt.state));
    newest(&[S::Authorized, S::Captured, S::Conflicted]).or_else(|| newest(&[S::Voiding, S::Voided]))
}

/// The payment of a checkout, if it got that far.
pub fn intent(tx: &mut Tx<'_>, id: IntentId) -> Result<Option<Intent>> {
    store::intent(tx, id)
}

/// A payment of a shop, with everything that belongs to it.
pub fn standing(tx: &mut Tx<'_>, shop: ShopId, id: IntentId) -> Result<Option<Standing>> {
    let Some(intent) = store::intent(tx, id)?.filter(|intent| intent.shop == shop) else {
        return Ok(None);
    };
    Ok(Some(Standing {
        attempts: store::attempts(tx, id)?,
        captures: store::captures(tx, id)?,
        refunds: store::refunds(tx, id)?,
        disputes: disputes::of_payment(tx, id)?,
        waits: waits(tx, &intent)?,
        entries: timeline(tx, id)?,
        intent,
    }))
}

/// The newest attempt: its decline or its page at the bank is what the buyer needs to see.
pub fn latest_attempt(tx: &mut Tx<'_>, intent: IntentId) -> Result<Option<Attempt>> {
    Ok(store::attempts(tx, intent)?.pop())
}

/// The captures of a payment, oldest first.
pub fn captures(tx: &mut Tx<'_>, intent: IntentId) -> Result<Vec<CaptureLine>> {
    store::captures(tx, intent)
}

/// The refunds of a payment, oldest first.
pub fn refunds(tx: &mut Tx<'_>, intent: IntentId) -> Result<Vec<RefundLine>> {
    store::refunds(tx, intent)
}

/// Everything that happened to a payment, oldest first.
pub fn timeline(tx: &mut Tx<'_>, intent: IntentId) -> Result<Vec<Entry>> {
    let attempts = store::attempts(tx, intent)?;
    let mut entries: Vec<Entry> = Vec::new();
    let mut asked = |at: Time, what: String| {
        entries.push(Entry {
            at,
            what,
            detail: String::new(),
        });
    };
    for Attempt {
        processor,
        amount,
        n,
        created_at,
        off_session,
        ..
    } in &attempts
    {
        let alone = if *off_session { ", without the buyer" } else { "" };
        asked(*created_at, format!("Asked {processor} for {amount} (try {n}{alone})."));
    }
    if let Some(Attempt { processor, amount, .. }) = holder(&attempts) {
        let money = |minor| Money::new(minor, amount.currency);
        for capture in store::captures(tx, intent)? {
            asked(
                capture.created_at,
                format!("Asked {processor} to take {}.", money(capture.minor)),
            );
        }
        for refund in store::refunds(tx, intent)?
            .into_iter()
            .filter(|refund| !refund.credited)
        {
            asked(
                refund.created_at,
                format!("Asked {processor} to give back {}.", money(refund.minor)),
            );
        }
    }
    entries.extend(
        store::entries(tx, intent)?
            .into_iter()
            .map(|(at, what, detail)| Entry { at, what, detail }),
    );
    entries.sort_by_key(|entry| entry.at);
    Ok(entries)
}

/// What of a payment is looked at again, soonest first.
fn waits(tx: &mut Tx<'_>, intent: &Intent) -> Result<Vec<Wait>> {
    let mut waits = Vec::new();
    let attempts = store::attempts(tx, intent.id)?;
    for attempt in &attempts {
        let Attempt {
            processor,
            amount,
            tries,
            n,
            ..
        } = attempt;
        let Some(at) = attempt.next_check_at else { continue };
        let what = match attempt.state {
            S::Sending => format!("{processor} was asked for {amount} and has not answered yet."),
            S::Unknown => format!("{processor} has not said what became of {amount}. Nobody else is asked meanwhile."),
            S::Pending => format!("{processor} accepted the request for {amount} and has not decided yet."),
            S::RequiresAction => format!("The buyer has to confirm {amount} at their bank."),
            S::Authorized => format!("{processor} promised {amount}; we look whether it still does."),
            S::Voiding => format!("{processor} was told to let {amount} go; we ask until it says it did."),
            S::NotExecuted => format!("{processor} never got try {n}; we make sure once more."),
            S::Failed | S::NotSent | S::Conflicted | S::Voided | S::Captured => continue,
        };
        waits.push(Wait {
            what,
            at,
            tries: *tries,
        });
    }
    let processor = holder(&attempts).map_or("The processor", |attempt| &attempt.processor);
    let money = |minor| Money::new(minor, intent.amount.currency);
    for (minor, tries, at) in store::waiting_captures(tx, intent.id)? {
        let what = format!("{processor} has not said whether it took {}.", money(minor));
        waits.push(Wait { what, at, tries });
    }
    for (minor, tries, at) in store::waiting_refunds(tx, intent.id)? {
        let what = format!("{processor} has not said whether it gave back {}.", money(minor));
        waits.push(Wait { what, at, tries });
    }
    waits.sort_by_key(|wait| wait.at);
    Ok(waits)
}

/// For the metrics of the installation.
pub fn waiting(tx: &mut Tx<'_>) -> Result<Waiting> {
    let (unknown, voids_owed, conflicted) = store::count_waiting(tx)?;
    Ok(Waiting {
        unknown,
        voids_owed,
        conflicted,
        strange_notices: store::count_strange_notices(tx)?,
    })
}

/// Checkouts of a shop whose payment was lost: the buyer was asked to pay again.
pub fn lost(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<CheckoutId>> {
    store::lost(tx, shop, 50)
}

/// Payments of a shop that closed without a sale and hold money all the same: giving it back was refused.
pub fn owed_back(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<Intent>> {
    let mut owed = Vec::new();
    for id in store::owed_back(tx, shop, 50)? {
        owed.extend(store::intent(tx, id)?);
    }
    Ok(owed)
}

/// How the money of a payment is taken, and when its promise ends: of the promise that stands, or of the try that may become one.
pub fn promise(tx: &mut Tx<'_>, intent: IntentId) -> Result<Option<Attempt>> {
    let mut attempts = store::attempts(tx, intent)?;
    let standing = attempts.iter().position(|attempt| attempt.state == S::Authorized);
    Ok(standing.map(|index| attempts.swap_remove(index)))
}

/// Asked about so often in vain, a payment is shown to people: it is older than ten minutes then.
const TRIES_SHOWN: u32 = 4;

/// Payments of a shop that are in conflict, or have had no clear answer for a while; the newest first.
pub fn stuck(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<Stuck>> {
    let mut all: Vec<Stuck> = Vec::new();
    for (intent, tries, next_look_at) in store::unanswered(tx, shop, TRIES_SHOWN, 50)? {
        match all.iter_mut().find(|stuck| stuck.intent == intent) {
            Some(known) => known.needs_a_person |= needs_a_person(tries),
            None => all.extend(stuck_payment(tx, intent, tries, Some(next_look_at))?),
        }
    }
    for intent in store::conflicted(tx, shop, 50)? {
        all.retain(|stuck| stuck.intent != intent);
        all.extend(stuck_payment(tx, intent, 0, None)?);
    }
    all.sort_by_key(|stuck| (!stuck.is_conflicted, std::cmp::Reverse(stuck.intent)));
    Ok(all)
}

fn stuck_payment(tx: &mut Tx<'_>, id: IntentId, tries: u32, next_look_at: Option<Time>) -> Result<Option<Stuck>> {
    let Some(intent) = store::intent(tx, id)? else {
        return Ok(None);
    };
    let first = store::attempts(tx, id)?.into_iter().next();
    Ok(Some(Stuck {
        intent: id,
        checkout: intent.checkout,
        amount: intent.amount,
        is_conflicted: next_look_at.is_none(),
        needs_a_person: needs_a_person(tries),
        next_look_at,
        begun_at: first.map_or(tx.now(), |attempt| attempt.created_at),
    }))
}

/// Writes down an answer that changed nothing: whoever waits sees that somebody looked. The same sentence is not written twice in a row; where
/// looks become rarer each is one of its own.
pub(super) fn heard(tx: &mut Tx<'_>, id: AttemptId, operation: Operation, answer: &Answer) -> Result<()> {
    let attempt = find_attempt(tx, id)?;
    let Attempt {
        processor,
        amount,
        tries,
        ..
    } = &attempt;
    let what = match operation {
        Operation::Authorize => match (attempt.state, answer) {
            (S::Unknown, _) => format!("Asked {processor} about {amount} again ({tries}): it {}.", said(answer)),
            (S::RequiresAction, Answer::RequiresAction { .. }) => {
                format!("Looked at {processor}: the buyer has not confirmed {amount} yet.")
            }
            (S::Pending, Answer::Pending { .. }) => {
                format!("Looked at {processor}: it has not decided about {amount} yet.")
            }
            (S::Authorized, Answer::Authorized { .. }) => format!("Looked at {processor}: it still promises {amount}."),
            (S::NotExecuted, Answer::NotFound) => format!("Looked once more: {processor} has no request for {amount}."),
            _ => return Ok(()),
        },
        Operation::Void if attempt.state == S::Voiding => {
            format!(
                "Told {processor} again to let {amount} go ({tries}): it {}.",
                said(answer)
            )
        }
        Operation::Void => return Ok(()),
        Operation::Capture(capture) => {
            let capture = find_capture(tx, capture)?;
            if capture.state != CaptureState::Unknown {
                return Ok(());
            }
            let (amount, tries) = (capture.amount, capture.tries);
            format!(
                "Asked {processor} again whether it took {amount} ({tries}): it {}.",
                said(answer)
            )
        }
        Operation::Refund(refund) => {
            let refund = find_refund(tx, refund)?;
            let amount = refund.amount;
            match refund.state {
                RefundState::Unknown => {
                    let tries = refund.tries;
                    format!(
                        "Asked {processor} again whether it gave back {amount} ({tries}): it {}.",
                        said(answer)
                    )
                }
                // Sent again every few seconds; the number would make a sentence of each.
                RefundState::NotSent => {
                    format!("{processor} could not be asked to give back {amount}. We keep trying.")
                }
                _ => return Ok(()),
            }
        }
    };
    if store::latest_entry(tx, attempt.intent)?.as_deref() == Some(&what) {
        return Ok(());
    }
    store::log(tx, attempt.intent, &what, "")
}

/// Writes down what a processor's books said when a person had them looked at.
pub(super) fn looked(tx: &mut Tx<'_>, intent: IntentId, processor: &str, words: &str) -> Result<()> {
    store::log(tx, intent, &format!("{LOOKED}{processor}: {words}"), "")
}

/// An answer as the end of a sentence that begins with who gave it.
pub(super) fn said(answer: &Answer) -> String {
    match answer {
        Answer::Authorized { amount, .. } => format!("promises {amount}"),
        Answer::RequiresAction { .. } => "waits for the buyer at their bank".into(),
        Answer::Captured { amount, .. } => format!("took {amount}"),
        Answer::Voided { .. } => "holds nothing any more".into(),
        Answer::Refunded { amount, .. } => format!("gave back {amount}"),
        Answer::Declined { decline, .. } => format!("declined it ({})", decline.code()),
        Answer::Refused { detail } => format!("refused it ({detail})"),
        Answer::Undone { detail } => format!("turned it back ({detail})"),
        Answer::Pending { .. } => "has not decided yet".into(),
        Answer::Kept { .. } => "keeps the card".into(),
        Answer::Forgotten => "has forgotten the card".into(),
        Answer::NotFound => "knows nothing of it".into(),
        Answer::NotSent { detail } => format!("could not be reached ({detail})"),
        Answer::Unknown { detail } => format!("gave no clear answer ({detail})"),
    }
}
