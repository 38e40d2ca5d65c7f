//! Giving money back, leg by leg as it was taken.

use super::allocation::{Part, PlannedLeg};
use super::authorize::{Recorded, agrees, ask_processor, find, recorded, refuse_while_frozen};
use super::disputes;
use super::model::{CaptureState, Intent, Operation, Refund, RefundPlan, RefundState, SENDING, next_check};
use super::settle_unheard::contradicts_refund;
use super::store::{self, NewRefund, RefundLine};
use crate::app::App;
use crate::db::Tx;
use crate::kernel::{
    AdjustmentId, Answer, Ask, AttemptId, Error, Fact, Id, IntentId, Money, RefundId, Result, Seconds, Time,
};
use crate::ledger::{self, AccountKey, AccountKind, Leg, Posting};

/// What is to go back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundOf {
    /// Everything that was captured and did not go back yet.
    Rest,
    /// So much of each part.
    Parts(Vec<(Part, i64)>),
    /// So much, spread over the parts as they were paid.
    Amount(i64),
}

/// What became of the wish to refund.
#[derive(Clone, Debug)]
pub enum RefundBegin {
    /// Set aside and written as *sending*: now ask, outside the transaction. Of a sale that was paid from several promises it is the first part; the
    /// resolver asks for the others.
    Sending(Refund),
    /// The adjustment has its refund already, whatever became of it.
    Again(Refund),
    /// More than was captured and did not go back yet, or the payment is frozen.
    Refused { refundable: Money },
}

/// Works out the exact legs of a refund (L3). What a bank took in a dispute is gone like what was given back (L10). Errors: `dispute_open`,
/// `exceeds_captured`, `no_such_line`, `nothing_to_refund`.
pub fn refund_plan(tx: &mut Tx<'_>, intent: IntentId, of: &RefundOf) -> Result<RefundPlan> {
    let found = find(tx, intent)?;
    refuse_while_disputed(&found)?;
    legs_of(tx, &found, of)
}

/// The legs of money that goes back, or that a processor gave back without us, while a bank decides too. Errors: as of [`refund_plan`].
pub(super) fn legs_of(tx: &mut Tx<'_>, found: &Intent, of: &RefundOf) -> Result<RefundPlan> {
    let intent = found.id;
    let captured: Vec<PlannedLeg> = store::captures(tx, intent)?
        .into_iter()
        .filter(|capture| capture.state == CaptureState::Succeeded)
        .flat_map(|capture| capture.legs)
        .collect();
    let mut refunded: Vec<PlannedLeg> = store::refunds(tx, intent)?
        .into_iter()
        .filter(|refund| refund.state != RefundState::Failed)
        .flat_map(|refund| refund.legs)
        .collect();
    refunded.extend(disputes::legs_taken(tx, intent)?.into_iter().flat_map(|(_, legs)| legs));
    let sum = |legs: &[PlannedLeg]| legs.iter().map(|leg| leg.minor).sum::<i64>();
    let parts = match of {
        RefundOf::Rest => found
            .allocation
            .spread(&captured, &refunded, sum(&captured) - sum(&refunded))?,
        RefundOf::Parts(parts) => parts.clone(),
        RefundOf::Amount(minor) => found.allocation.spread(&captured, &refunded, *minor)?,
    };
    let legs = found.allocation.refund(&captured, &refunded, &parts)?;
    if legs.is_empty() {
        return Err(Error::conflict(
            "nothing_to_refund",
            "Nothing was captured that could go back.",
        ));
    }
    Ok(RefundPlan {
        amount: Money::new(sum(&legs), found.amount.currency),
        legs,
    })
}

/// Sets the amount aside and writes the refund as *sending*. The adjustment is its natural key.
///
/// The plan is worked out in the same transaction. Order of answers: again, refused, sending.
pub fn refund_begin(
    tx: &mut Tx<'_>,
    intent: IntentId,
    adjustment: AdjustmentId,
    plan: &RefundPlan,
) -> Result<RefundBegin> {
    refuse_while_frozen(tx)?;
    let found = find(tx, intent)?;
    if let Some(known) = store::refund_of_adjustment(tx, found.shop, adjustment)? {
        return Ok(RefundBegin::Again(find_refund(tx, known)?));
    }
    assert_eq!(
        plan.amount.currency, found.amount.currency,
        "a refund has the currency of its payment"
    );
    assert_eq!(
        plan.legs.iter().map(|leg| leg.minor).sum::<i64>(),
        plan.amount.minor,
        "the split of a refund is the refund"
    );
    let refused = |minor| RefundBegin::Refused {
        refundable: Money::new(minor, found.amount.currency),
    };
    if plan.amount.minor <= 0 || plan.amount.minor > found.refundable_minor() {
        return Ok(refused(found.refundable_minor()));
    }
    let parts = by_payment(&plan.legs, &held(tx, intent)?);
    let whole: i64 = parts.iter().flat_map(|(_, legs)| legs).map(|leg| leg.minor).sum();
    assert_eq!(whole, plan.amount.minor, "what was captured was captured by somebody");
    let mut first = None;
    for (attempt, legs) in parts {
        let part = RefundPlan {
            amount: Money::new(legs.iter().map(|leg| leg.minor).sum(), plan.amount.currency),
            legs,
        };
        let id: RefundId = tx.id();
        // The first is asked for by whoever waits, the others by the resolver at its next round.
        let new = NewRefund {
            id,
            intent,
            attempt,
            shop: found.shop,
            adjustment,
            plan: &part,
            next_check_at: if first.is_none() {
                tx.now().plus(SENDING)
            } else {
                tx.now()
            },
        };
        if !store::insert_refund(tx, &new)? {
            let known = store::refund_of_adjustment(tx, found.shop, adjustment)?;
            let known = known.ok_or_else(|| Error::not_found("adjustment"))?;
            return Ok(RefundBegin::Again(find_refund(tx, known)?));
        }
        first.get_or_insert(id);
    }
    let Some(first) = first else {
        return Ok(refused(found.refundable_minor()));
    };
    if !mutant!("P13") && !store::reserve_refund(tx, intent, plan.amount.minor, false)? {
        store::delete_refunds(tx, intent, adjustment)?;
        let now = find(tx, intent)?;
        refuse_while_disputed(&now)?;
        return Ok(refused(now.refundable_minor()));
    }
    Ok(RefundBegin::Sending(find_refund(tx, first)?))
}

/// The buyer is to be paid back once: by their bank, or by us (L10). Errors: `dispute_open`.
pub fn refuse_while_disputed(intent: &Intent) -> Result<()> {
    if intent.disputes_open == 0 {
        return Ok(());
    }
    Err(Error::conflict(
        "dispute_open",
        "The buyer's bank took this payment back and has not decided yet. A refund now would pay the buyer twice: accept the dispute instead, or wait for the decision.",
    ))
}

/// What each payment of a sale took and did not give back yet, oldest first. Most sales have one.
fn held(tx: &mut Tx<'_>, intent: IntentId) -> Result<Vec<(AttemptId, i64)>> {
    let mut held: Vec<(AttemptId, i64)> = Vec::new();
    for capture in store::captures(tx, intent)? {
        if capture.state == CaptureState::Succeeded {
            match held.iter_mut().find(|(attempt, _)| *attempt == capture.attempt) {
                Some((_, minor)) => *minor += capture.minor,
                None => held.push((capture.attempt, capture.minor)),
            }
        }
    }
    for refund in store::refunds(tx, intent)? {
        if refund.state != RefundState::Failed
            && let Some((_, minor)) = held.iter_mut().find(|(attempt, _)| *attempt == refund.attempt)
        {
            *minor -= refund.minor;
        }
    }
    for (disputed, legs) in disputes::legs_taken(tx, intent)? {
        if let Some((_, minor)) = held.iter_mut().find(|(attempt, _)| *attempt == disputed) {
            *minor -= legs.iter().map(|leg| leg.minor).sum::<i64>();
        }
    }
    Ok(held)
}

/// The legs of a refund dealt out to the payments that hold the money, none of which gives back more than it holds; a leg may be cut in two.
fn by_payment(legs: &[PlannedLeg], held: &[(AttemptId, i64)]) -> Vec<(AttemptId, Vec<PlannedLeg>)> {
    let mut parts: Vec<(AttemptId, Vec<PlannedLeg>)> = Vec::new();
    let mut rest: Vec<PlannedLeg> = legs.to_vec();
    rest.reverse();
    for (attempt, minor) in held {
        let (mut room, mut mine) = (*minor, Vec::new());
        while room > 0 {
            let Some(mut leg) = rest.pop() else { break };
            let part = leg.minor.min(room);
            mine.push(PlannedLeg {
                minor: part,
                ..leg.clone()
            });
            leg.minor -= part;
            room -= part;
            if leg.minor > 0 {
                rest.push(leg);
            }
        }
        if !mine.is_empty() {
            parts.push((*attempt, mine));
        }
    }
    parts
}

/// Asks the processor to give it back. Network; no transaction is open. Repeating it is safe: the key is the refund's own.
pub async fn refund_ask(app: &App, refund: &Refund) -> Answer {
    let attempt = &refund.attempt;
    let ask = Ask::Refund {
        key: attempt.key(Operation::Refund(refund.id)),
        reference: attempt.reference(),
        payment: attempt.payment.clone(),
        amount: refund.amount,
    };
    ask_processor(app, attempt, &ask).await
}

/// Writes down what became of a refund, once; the ledger takes back exactly the planned legs. The processor keeps its fee.
pub fn refund_record(tx: &mut Tx<'_>, id: RefundId, answer: &Answer) -> Result<Recorded> {
    let refund = find_refund(tx, id)?;
    let attempt = &refund.attempt;
    if contradicts_refund(tx, &refund, answer)? {
        return Ok(recorded(attempt, attempt.state, true));
    }
    let mut changed = false;
    match answer {
        Answer::Refunded {
            reference,
            operation,
            amount,
            ..
        } if agrees(refund.amount, *amount, reference, attempt) => {
            if store::settle_refund(tx, id, RefundState::Succeeded, operation, "")? || mutant!("P14") {
                store::take_refund(tx, refund.intent, refund.amount.minor)?;
                reverse(tx, &refund)?;
                changed = true;
            }
        }
        Answer::Refunded { amount, .. } => {
            if store::settle_refund(
                tx,
                id,
                RefundState::Conflicted,
                "",
                &format!("The processor says it gave back {amount}."),
            )? {
                store::conflict_intent(tx, refund.intent)?;
                let what = format!(
                    "{} contradicts us about {} to give back. Frozen until a person decides.",
                    attempt.processor, refund.amount
                );
                store::log(tx, refund.intent, &what, &format!("It says it gave back {amount}."))?;
                changed = true;
            }
        }
        Answer::Refused { detail } => {
            if store::settle_refund(tx, id, RefundState::Failed, "", detail)? {
                store::release_refund(tx, refund.intent, refund.amount.minor)?;
                disputes::cover(tx, refund.intent)?;
                store::log(
                    tx,
                    refund.intent,
                    &format!("{} refused to give back {}.", attempt.processor, refund.amount),
                    detail,
                )?;
                publish_failure(tx, &refund)?;
                changed = true;
            }
        }
        Answer::NotSent { .. } if mutant!("P15") => {
            if store::settle_refund(tx, id, RefundState::Succeeded, "", "")? {
                store::take_refund(tx, refund.intent, refund.amount.minor)?;
                reverse(tx, &refund)?;
            }
        }
        Answer::NotSent { detail } => {
            // Not sent and unknown are different (P15): this one may be sent again without asking first.
            store::postpone_refund(tx, id, RefundState::NotSent, detail, tx.now().plus(Seconds(10)))?;
        }
        Answer::Undone { detail } if refund.state == RefundState::Succeeded => {
            changed = undone(tx, &refund, detail)?;
        }
        other => {
            let detail = super::timeline::said(other);
            let first = refund.state != RefundState::Unknown;
            let next = match mutant!("I16-refund") {
                true => tx.now().plus(Seconds::days(10_000)),
                false => next_check(tx.now(), refund.tries),
            };
            if store::postpone_refund(tx, id, RefundState::Unknown, &detail, next)? && first {
                let what = match other {
                    Answer::Pending { .. } => format!(
                        "{} accepted the request to give back {} and will say later.",
                        attempt.processor, refund.amount
                    ),
                    _ => format!(
                        "{} gave no clear answer about giving back {}. We keep asking.",
                        attempt.processor, refund.amount
                    ),
                };
                store::log(tx, refund.intent, &what, &detail)?;
                changed = true;
            }
        }
    }
    Ok(recorded(attempt, attempt.state, changed))
}

/// A bank turned it back, days after it had gone (P16): the ledger takes the legs again, the amount may be given back again, and whoever waits for
/// it hears of it.
fn undone(tx: &mut Tx<'_>, refund: &Refund, detail: &str) -> Result<bool> {
    if mutant!("P16") || !store::undo_refund(tx, refund.id, detail)? {
        return Ok(false);
    }
    if !mutant!("P16-again") {
        store::untake_refund(tx, refund.intent, refund.amount.minor)?;
    }
    let clearing = AccountKey::of(AccountKind::ProcessorClearing);
    let again = |leg: &PlannedLeg| Leg {
        debit: clearing,
        credit: leg.account,
        minor: leg.minor,
        purpose: leg.purpose.name(),
    };
    let order = refund.attempt.checkout.order();
    let posting = Posting {
        shop: refund.shop,
        source_kind: "refund_undone",
        source_id: refund.id.uuid(),
        order: Some(order),
        currency: refund.amount.currency,
        legs: refund.legs.iter().map(again).collect(),
    };
    if !mutant!("P16-books") {
        ledger::post(tx, &posting)?;
    }
    disputes::cover(tx, refund.intent)?;
    let what = format!(
        "{} says now that {} did not go back after all. It can be given back again.",
        refund.attempt.processor, refund.amount
    );
    store::log(tx, refund.intent, &what, detail)?;
    publish_failure(tx, refund)?;
    Ok(true)
}

/// Whoever said that the money is back, says that it is not.
fn publish_failure(tx: &mut Tx<'_>, refund: &Refund) -> Result<()> {
    tx.publish(&Fact::RefundFailed {
        shop: refund.shop,
        order: refund.attempt.checkout.order(),
        refund: refund.id,
        amount_minor: refund.amount.minor,
    })
}

/// What did not reach the buyer of an order's refunds and was not tried again since, in this way or in another.
pub fn outstanding(refunds: &[RefundLine]) -> i64 {
    // A try takes from what is missing when it begins, and gives it back should it fail.
    let mut moves: Vec<(Time, i64)> = refunds.iter().map(|one| (one.created_at, -one.minor)).collect();
    let failed = refunds.iter().filter(|one| one.state == RefundState::Failed);
    moves.extend(failed.map(|one| (one.changed_at, one.minor)));
    moves.sort_by_key(|(at, minor)| (*at, -*minor));
    let mut missing = 0;
    for (_, minor) in moves {
        missing = (missing + minor).max(0);
    }
    missing
}

fn reverse(tx: &mut Tx<'_>, refund: &Refund) -> Result<()> {
    let clearing = AccountKey::of(AccountKind::ProcessorClearing);
    let wrong_way = mutant!("L1");
    let back = |leg: &PlannedLeg| Leg {
        debit: if wrong_way { clearing } else { leg.account },
        credit: if wrong_way { leg.account } else { clearing },
        minor: leg.minor,
        purpose: leg.purpose.name(),
    };
    let posting = Posting {
        shop: refund.shop,
        source_kind: "refund",
        source_id: refund.id.uuid(),
        order: Some(refund.attempt.checkout.order()),
        currency: refund.amount.currency,
        legs: refund.legs.iter().map(back).collect(),
    };
    if !mutant!("L2-refund") {
        ledger::post(tx, &posting)?;
    }
    store::log(
        tx,
        refund.intent,
        &format!("{} gave back {}.", refund.attempt.processor, refund.amount),
        "",
    )
}

pub(super) fn find_refund(tx: &mut Tx<'_>, id: RefundId) -> Result<Refund> {
    store::refund(tx, id)?.ok_or_else(|| Error::not_found("refund"))
}
