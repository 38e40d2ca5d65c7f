//! What a processor says about a dispute, written down once, with the money that moved.

use super::model::{Asked, ClosedBy, Dispute, DisputeState as S, reason_words, step};
use super::store;
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::kernel::{
    AttemptId, Currency, DisputeAnswer, DisputeAsk, DisputeFee, DisputeId, DisputeTold, Error, Fact, Id, IntentId,
    Kind, Money, Result, Seconds, Time, words,
};
use crate::ledger::{self, AccountKey, AccountKind, Leg, Posting};
use crate::payments::allocation::PlannedLeg;
use crate::payments::authorize::find;
use crate::payments::model::{Attempt, CaptureState, RefundState, read_reference};
use crate::payments::store as payments;
use uuid::Uuid;

/// Hears of a dispute to its end, in one transaction. Whether it was about a payment of ours.
///
/// A processor that does not say which payment of ours it is about is asked: what it answers is newer than its notice, too. Errors: it could not be
/// asked, and its notice has to come again.
pub async fn hear(app: &App, processor: &str, mut told: DisputeTold, notice: Option<(String, String)>) -> Result<bool> {
    if told.reference.is_empty() {
        let ask = DisputeAsk::Find {
            dispute: told.name.clone(),
        };
        match app.processor(processor)?.dispute(&ask).await {
            DisputeAnswer::Told(found) => told = *found,
            DisputeAnswer::NotHere => return Ok(false),
            // A question that was refused says nothing about the dispute, and one that was just told is there.
            silent => {
                let kind = Kind::Busy { retry_after: 60 };
                let error = Error::new(
                    kind,
                    "processor_unreachable",
                    "The processor could not be asked about it.",
                );
                return Err(error.because(Error::internal(format!("{silent:?}"))));
            }
        }
    }
    let Some((checkout, n)) = read_reference(&told.reference) else {
        return Ok(false);
    };
    let processor = processor.to_owned();
    app.db
        .write(LaneKey::of(checkout), move |tx| {
            let attempt = payments::attempt_by_number(tx, checkout.intent(), n)?;
            let Some(attempt) = attempt.filter(|attempt| attempt.processor == processor) else {
                tracing::warn!(%processor, "a dispute of a payment that is not ours was told");
                return Ok(false);
            };
            if let Some((id, body)) = &notice {
                // The same notice twice would change nothing; it is kept once.
                payments::insert_notice(tx, attempt.shop, &processor, id, body)?;
                payments::notice_acted_on(tx, attempt.shop, &processor, id)?;
            }
            record(tx, &attempt, &told)?;
            Ok(true)
        })
        .await
}

/// Writes down what a processor says of a dispute of this payment. Whether anything changed.
///
/// Said again, late or out of order it ends in the same state ([`step`]). A later round means that the earlier ones were won: the bank would not have
/// come back otherwise.
pub fn record(tx: &mut Tx<'_>, attempt: &Attempt, told: &DisputeTold) -> Result<bool> {
    store::hold_intent(tx, attempt.intent)?;
    let rounds = store::rounds(tx, attempt.shop, &attempt.processor, &told.name)?;
    let mut changed = false;
    for earlier in rounds
        .iter()
        .filter(|known| known.round < told.round && known.state != S::Won)
    {
        changed |= advance(tx, earlier, (S::Won, ClosedBy::Processor))?;
    }
    let superseded = rounds.iter().any(|known| known.round > told.round);
    let known = match rounds.into_iter().find(|known| known.round == told.round) {
        Some(known) => known,
        None => {
            let first = if superseded {
                (S::Won, ClosedBy::Processor)
            } else {
                step(None, told.stage).unwrap_or((S::Inquiry, ClosedBy::Nobody))
            };
            let new = opened(tx, attempt, told, first);
            if !store::insert(tx, &new)? {
                return Err(Error::internal(
                    "two disputes of one name, although their payment was held",
                ));
            }
            let known = read(tx, new.id)?;
            said(tx, &known, told)?;
            enter(tx, &known, None)?;
            charge(tx, new.id, &told.fees)?;
            cover(tx, attempt.intent)?;
            return Ok(true);
        }
    };
    changed |= learn(tx, &known, told)?;
    let known = read(tx, known.id)?;
    let next = step(Some((known.state, known.closed_by)), told.stage).filter(|_| !superseded);
    if let Some(next) = next {
        let by_staff = next == (S::Lost, ClosedBy::Processor) && known.asked == Asked::Accept;
        let next = if by_staff { (S::Lost, ClosedBy::Staff) } else { next };
        said(tx, &known, told)?;
        changed |= advance(tx, &known, next)?;
    }
    changed |= charge(tx, known.id, &told.fees)?;
    cover(tx, attempt.intent)?;
    Ok(changed)
}

pub(super) fn read(tx: &mut Tx<'_>, id: DisputeId) -> Result<Dispute> {
    store::dispute(tx, id)?.ok_or_else(|| Error::not_found("dispute"))
}

fn opened(tx: &mut Tx<'_>, attempt: &Attempt, told: &DisputeTold, (state, closed_by): (S, ClosedBy)) -> Dispute {
    Dispute {
        id: tx.id(),
        shop: attempt.shop,
        intent: attempt.intent,
        attempt: attempt.clone(),
        name: told.name.clone(),
        round: told.round,
        state,
        closed_by,
        reason: told.reason.clone(),
        detail: told.detail.clone(),
        amount: told.amount,
        covered_minor: 0,
        excess_minor: 0,
        legs: Vec::new(),
        fees: Vec::new(),
        due_by: told.due_by,
        asked: Asked::Nothing,
        asks: 0,
        answer: std::collections::BTreeMap::new(),
        why: String::new(),
        staff: None,
        tries: 0,
        trouble: String::new(),
        version: 1,
        next_check_at: next_look(state, told.due_by, tx.now()),
        created_at: tx.now(),
        changed_at: tx.now(),
    }
}

/// When somebody looks again: at the end of the time for an answer, and once a day before it, as a notice may be lost. Never, once it is over.
pub(super) fn next_look(state: S, due_by: Option<Time>, now: Time) -> Option<Time> {
    let tomorrow = now.plus(Seconds::days(1));
    match state {
        S::Won | S::Lost => None,
        S::NeedsResponse => Some(
            due_by
                .filter(|due| *due > now)
                .map_or(tomorrow, |due| due.plus(Seconds(1)).min(tomorrow)),
        ),
        S::Inquiry | S::UnderReview => Some(tomorrow),
    }
}

/// Takes up what was told beside the state: the last date for an answer (the latest that was named), the reason and the amount as long as no money moved.
fn learn(tx: &mut Tx<'_>, known: &Dispute, told: &DisputeTold) -> Result<bool> {
    let mut now = known.clone();
    now.due_by = known.due_by.max(told.due_by);
    if now.reason == "general" && told.reason != "general" {
        now.reason.clone_from(&told.reason);
    }
    if now.detail.is_empty() {
        now.detail.clone_from(&told.detail);
    }
    if !known.state.takes_money() && known.legs.is_empty() && !known.state.is_over() {
        now.amount = told.amount;
    } else if known.amount != told.amount && known.state.takes_money() {
        let what = format!(
            "{} says now that {} is disputed; {} was. Look at its own statement.",
            known.processor(),
            words::money(told.amount),
            words::money(known.amount)
        );
        log_once(tx, known.intent, &what)?;
    }
    let news = (now.due_by, &now.reason, &now.detail, now.amount)
        != (known.due_by, &known.reason, &known.detail, known.amount);
    if news {
        store::learn(tx, &now)?;
    }
    Ok(news)
}

fn log_once(tx: &mut Tx<'_>, intent: IntentId, what: &str) -> Result<()> {
    if payments::entries(tx, intent)?.iter().any(|(_, known, _)| known == what) {
        return Ok(());
    }
    payments::log(tx, intent, what, "")
}

/// Moves a dispute on, and the money with it. False if somebody else was faster.
pub(super) fn advance(tx: &mut Tx<'_>, seen: &Dispute, (state, closed_by): (S, ClosedBy)) -> Result<bool> {
    let next_check_at = next_look(state, seen.due_by, tx.now());
    if !store::advance(tx, seen, state, closed_by, next_check_at)? {
        return Ok(false);
    }
    let now = read(tx, seen.id)?;
    enter(tx, &now, Some(seen.state))?;
    Ok(true)
}

/// What follows from being in a state, coming from another: money, and a fact.
fn enter(tx: &mut Tx<'_>, dispute: &Dispute, from: Option<S>) -> Result<()> {
    let had = from.is_some_and(S::takes_money);
    let open = i64::from(dispute.state.blocks_refunds()) - i64::from(from.is_some_and(S::blocks_refunds));
    match (had, dispute.state.takes_money()) {
        (false, true) => take(tx, dispute, open)?,
        (true, false) => give_back(tx, dispute, open)?,
        _ if open != 0 => count(tx, dispute, 0, open)?,
        _ => {}
    }
    let (shop, order) = (dispute.shop, dispute.checkout().order());
    let opens = from.is_none() || !had && dispute.state.takes_money();
    if opens && !dispute.state.is_over() {
        tx.publish(&Fact::DisputeOpened {
            shop,
            order,
            dispute: dispute.id,
        })?;
    }
    if dispute.state.is_over() {
        tx.publish(&Fact::DisputeClosed {
            shop,
            order,
            dispute: dispute.id,
            won: dispute.state == S::Won,
        })?;
    }
    Ok(())
}

fn count(tx: &mut Tx<'_>, dispute: &Dispute, minor: i64, open: i64) -> Result<()> {
    if store::set_aside(tx, dispute.intent, minor, open)? {
        return Ok(());
    }
    Err(Error::internal(
        "a dispute took more than was left, although its payment was held",
    ))
}

/// The legs of a sale that lie with a bank, or are lost to it: gone as if they were given back.
pub fn legs_taken(tx: &mut Tx<'_>, intent: IntentId) -> Result<Vec<(AttemptId, Vec<PlannedLeg>)>> {
    let all = store::disputes_of(tx, intent)?.into_iter();
    Ok(all
        .filter(|dispute| dispute.state.takes_money())
        .map(|dispute| (dispute.attempt.id, dispute.legs))
        .collect())
}

/// Whose money a disputed amount is, as far as it was there: pro rata over the sale's frozen split, by the allocator of refunds (L3, L9).
fn plan(tx: &mut Tx<'_>, dispute: &Dispute, amount: i64) -> Result<Vec<PlannedLeg>> {
    let intent = find(tx, dispute.intent)?;
    if intent.amount.currency != dispute.amount.currency || mutant!("L9") {
        return Ok(Vec::new());
    }
    let mine = |attempt: AttemptId, minor: i64| if attempt == dispute.attempt.id { minor } else { 0 };
    let (mut captured, mut gone, mut held) = (Vec::new(), Vec::new(), 0);
    for capture in payments::captures(tx, intent.id)? {
        if capture.state == CaptureState::Succeeded {
            held += mine(capture.attempt, capture.minor);
            captured.extend(capture.legs);
        }
    }
    for refund in payments::refunds(tx, intent.id)? {
        if refund.state != RefundState::Failed {
            held -= mine(refund.attempt, refund.minor);
            gone.extend(refund.legs);
        }
    }
    for (attempt, legs) in legs_taken(tx, intent.id)? {
        held -= mine(attempt, legs.iter().map(|leg| leg.minor).sum());
        gone.extend(legs);
    }
    let minor = amount.min(held).min(intent.refundable_minor()).max(0);
    let parts = intent.allocation.spread(&captured, &gone, minor)?;
    intent.allocation.refund(&captured, &gone, &parts)
}

fn sum(legs: &[PlannedLeg]) -> i64 {
    legs.iter().map(|leg| leg.minor).sum()
}

/// The bank took the money: from everybody who had a share, and what was not there any more from the shop, for everybody to see (L10).
fn take(tx: &mut Tx<'_>, dispute: &Dispute, open: i64) -> Result<()> {
    let legs = plan(tx, dispute, dispute.amount.minor)?;
    let covered = sum(&legs);
    let excess = dispute.amount.minor - covered;
    store::bear(tx, dispute.id, covered, excess, &legs)?;
    count(tx, dispute, covered, open)?;
    let borne = Dispute {
        legs,
        covered_minor: covered,
        excess_minor: excess,
        ..dispute.clone()
    };
    post(tx, &borne, "dispute", Way::Taken)?;
    if excess > 0 {
        let what = format!(
            "{} of the disputed money had gone back to the buyer before: the buyer has it twice. It stands on the shop's losses until a person settles it.",
            words::money(dispute.money(excess))
        );
        payments::log(tx, dispute.intent, &what, "")?;
    }
    Ok(())
}

/// It was won: exactly what was taken comes back to exactly those it was taken from.
fn give_back(tx: &mut Tx<'_>, dispute: &Dispute, open: i64) -> Result<()> {
    count(tx, dispute, -dispute.covered_minor, open)?;
    if mutant!("L11") {
        return Ok(());
    }
    post(tx, dispute, "dispute_won", Way::Returned)
}

#[derive(Clone, Copy)]
enum Way {
    Taken,
    Returned,
}

fn post(tx: &mut Tx<'_>, dispute: &Dispute, kind: &'static str, way: Way) -> Result<()> {
    let clearing = AccountKey::of(AccountKind::ProcessorClearing);
    let leg = |account: AccountKey, minor: i64, purpose: &'static str| {
        let (debit, credit) = match way {
            Way::Taken => (account, clearing),
            Way::Returned => (clearing, account),
        };
        Leg {
            debit,
            credit,
            minor,
            purpose,
        }
    };
    let mut legs: Vec<Leg> = (dispute.legs.iter())
        .map(|planned| leg(planned.account, planned.minor, planned.purpose.name()))
        .collect();
    legs.push(leg(
        AccountKey::of(AccountKind::DisputeLosses),
        dispute.excess_minor,
        "loss",
    ));
    let posting = Posting {
        shop: dispute.shop,
        source_kind: kind,
        source_id: dispute.id.uuid(),
        order: Some(dispute.checkout().order()),
        currency: dispute.amount.currency,
        legs,
    };
    ledger::post(tx, &posting).map(drop)
}

/// Money that was on its way back when a bank took it, and did not go: it is there after all, and the loss becomes what it would have been.
pub fn cover(tx: &mut Tx<'_>, intent: IntentId) -> Result<()> {
    let short = store::disputes_of(tx, intent)?.into_iter();
    for dispute in short.filter(|dispute| dispute.state.takes_money() && dispute.excess_minor > 0) {
        let found = plan(tx, &dispute, dispute.excess_minor)?;
        let minor = sum(&found);
        if minor == 0 {
            continue;
        }
        let losses = AccountKey::of(AccountKind::DisputeLosses);
        let posting = Posting {
            shop: dispute.shop,
            source_kind: "dispute_cover",
            // Every step leaves less uncovered: what was left before names it.
            source_id: Uuid::new_v5(&dispute.id.uuid(), format!("cover/{}", dispute.excess_minor).as_bytes()),
            order: Some(dispute.checkout().order()),
            currency: dispute.amount.currency,
            legs: (found.iter())
                .map(|leg| Leg {
                    debit: leg.account,
                    credit: losses,
                    minor: leg.minor,
                    purpose: leg.purpose.name(),
                })
                .collect(),
        };
        let mut legs = dispute.legs.clone();
        legs.extend(found);
        store::bear(
            tx,
            dispute.id,
            dispute.covered_minor + minor,
            dispute.excess_minor - minor,
            &legs,
        )?;
        count(tx, &dispute, minor, 0)?;
        ledger::post(tx, &posting)?;
        let what = format!(
            "{} of the disputed money was there after all, and is borne as the sale was split.",
            words::money(dispute.money(minor))
        );
        payments::log(tx, dispute.intent, &what, "")?;
    }
    Ok(())
}

/// Books what the processor charged for a dispute, each of its movements once: borne as its fees on that sale are.
fn charge(tx: &mut Tx<'_>, id: DisputeId, fees: &[DisputeFee]) -> Result<bool> {
    let mut changed = false;
    for fee in fees {
        let mut dispute = read(tx, id)?;
        if fee.amount.amount == 0 || mutant!("L9-fee") || dispute.fees.iter().any(|known| known.name == fee.name) {
            continue;
        }
        let amount = Money::new(fee.amount.amount.abs(), fee.amount.currency);
        let kept = fee.amount.amount > 0;
        let captures = payments::captures(tx, dispute.intent)?.into_iter();
        let captured: Vec<PlannedLeg> = captures
            .filter(|capture| capture.state == CaptureState::Succeeded)
            .flat_map(|capture| capture.legs)
            .collect();
        let borne = find(tx, dispute.intent)?.allocation.fee_legs(&captured, amount.minor);
        let leg = |leg: Leg| Leg {
            debit: if kept { leg.debit } else { leg.credit },
            credit: if kept { leg.credit } else { leg.debit },
            purpose: "dispute_fee",
            ..leg
        };
        let posting = Posting {
            shop: dispute.shop,
            source_kind: "dispute_fee",
            source_id: Uuid::new_v5(&dispute.id.uuid(), format!("fee/{}", fee.name).as_bytes()),
            order: Some(dispute.checkout().order()),
            currency: amount.currency,
            legs: borne.into_iter().map(leg).collect(),
        };
        ledger::post(tx, &posting)?;
        let what = if kept { "charged" } else { "gave back" };
        let words = format!(
            "{} {what} {} for the dispute.",
            dispute.processor(),
            words::money(amount)
        );
        payments::log(tx, dispute.intent, &words, "")?;
        dispute.fees.push(fee.clone());
        store::learn(tx, &dispute)?;
        changed = true;
    }
    Ok(changed)
}

/// What was booked of a fee for one movement of a dispute, by the processor's name for it, in this currency; below zero it came back. The payment is
/// held: nothing more is booked of it until this transaction ends.
pub fn booked(tx: &mut Tx<'_>, id: DisputeId, name: &str, currency: Currency) -> Result<i64> {
    let intent = read(tx, id)?.intent;
    store::hold_intent(tx, intent)?;
    let fees = read(tx, id)?.fees.into_iter();
    let same = fees.filter(|fee| fee.name == name && fee.amount.currency == currency);
    Ok(same.map(|fee| fee.amount.amount).sum())
}

/// The fee of a movement was booked from a settlement file: told by the processor later, it is not booked again.
pub fn settled(tx: &mut Tx<'_>, id: DisputeId, name: &str, fee: Money) -> Result<()> {
    let mut dispute = read(tx, id)?;
    if fee.minor == 0 || dispute.fees.iter().any(|known| known.name == name) {
        return Ok(());
    }
    dispute.fees.push(DisputeFee {
        name: name.to_owned(),
        amount: fee.into(),
    });
    store::learn(tx, &dispute)
}

/// What happened, for the history of the payment.
fn said(tx: &mut Tx<'_>, dispute: &Dispute, told: &DisputeTold) -> Result<()> {
    use crate::kernel::DisputeStage as T;
    let amount = words::money(told.amount);
    let processor = dispute.processor();
    let again = if told.round > 1 { " again" } else { "" };
    let what = match told.stage {
        T::Inquiry => format!("The buyer's bank asks about {amount}. No money has moved."),
        T::NeedsResponse => match told.due_by {
            Some(due) => format!(
                "The buyer's bank took {amount} back{again}. It can be answered until {}.",
                words::exact(due)
            ),
            None => format!("The buyer's bank took {amount} back{again}. It cannot be answered."),
        },
        T::TimeUp => format!("The time to answer the dispute of {amount} is over."),
        T::UnderReview => format!("{processor} passed the answer on; the buyer's bank decides about {amount}."),
        T::Won if dispute.state == S::Inquiry => {
            format!("The bank's question about {amount} is settled. No money moved.")
        }
        T::Won => format!("The dispute of {amount} is won: the money is back."),
        T::Lost => format!("The dispute of {amount} is lost: the money stays with the buyer."),
    };
    payments::log(
        tx,
        dispute.intent,
        &what,
        format!("{} {}", reason_words(&told.reason), told.detail).trim(),
    )
}
