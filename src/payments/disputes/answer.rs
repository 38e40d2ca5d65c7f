//! A person gives a dispute up, or answers it, once: written down, told, recorded.

use super::model::{ANSWER_MAX, Asked, ClosedBy, Dispute, DisputeState, FIELDS};
use super::record::{advance, next_look, read, record};
use super::store;
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::kernel::{
    DisputeAnswer, DisputeAsk, DisputeId, DisputeStage, Error, IntentId, Result, Seconds, ShopId, StaffId, words,
};
use crate::payments::authorize::refuse_while_frozen;
use crate::payments::model::{SENDING, next_check};
use crate::payments::store as payments;
use std::collections::BTreeMap;

/// What a person decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Give {
    /// The buyer is right, and why we think so.
    Up { why: String },
    /// The texts, by the names of [`FIELDS`].
    Answer { texts: BTreeMap<String, String> },
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Answering {
    /// Written down and told; its state says how far it got. If the processor did not hear it, it is told again.
    Told(Box<Dispute>),
    /// This was done before, or is being done: once is all there is.
    Again(Box<Dispute>),
    NotFound,
    /// It is an inquiry, with the bank, or over.
    NotOpen(Box<Dispute>),
    /// The last date has passed, or there never was one.
    TooLate(Box<Dispute>),
    /// This processor's disputes are answered on its own pages.
    NotHere,
    /// The processor said no, in its own words; it may be tried again.
    Refused(Box<Dispute>),
}

/// Gives a dispute up: lost, for good. Order of answers: an empty reason, not found, again, not open, not here, told or refused.
pub async fn accept(app: &App, shop: ShopId, id: DisputeId, why: &str, staff: Option<StaffId>) -> Result<Answering> {
    let why = why.trim().to_owned();
    if !(3..=1000).contains(&why.chars().count()) {
        return Err(Error::field(
            "/reason",
            "Say why, in 3 to 1000 characters: it stays with the dispute.",
        ));
    }
    give(app, shop, id, Give::Up { why }, staff).await
}

/// Answers a dispute, once. Order of answers: texts that cannot be sent, not found, again, not open, too late, not here, told or refused.
pub async fn submit(
    app: &App,
    shop: ShopId,
    id: DisputeId,
    texts: BTreeMap<String, String>,
    staff: Option<StaffId>,
) -> Result<Answering> {
    let texts = checked(texts)?;
    give(app, shop, id, Give::Answer { texts }, staff).await
}

fn checked(texts: BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    let mut kept = BTreeMap::new();
    for (name, text) in texts {
        if !FIELDS.iter().any(|(known, _)| *known == name) {
            let known: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
            let detail = format!("An answer has no such text. It may have: {}.", known.join(", "));
            return Err(Error::field(format!("/{name}"), detail));
        }
        let text = text.trim().to_owned();
        if !text.is_empty() {
            kept.insert(name, text);
        }
    }
    if kept.is_empty() {
        return Err(Error::field(
            "/statement",
            "Say something: an empty answer is a lost one.",
        ));
    }
    if kept.values().map(|text| text.chars().count()).sum::<usize>() > ANSWER_MAX {
        return Err(Error::field(
            "/statement",
            format!("All texts together may have {ANSWER_MAX} characters."),
        ));
    }
    Ok(kept)
}

async fn give(app: &App, shop: ShopId, id: DisputeId, give: Give, staff: Option<StaffId>) -> Result<Answering> {
    let reader = app.db.read(move |tx| store::find(tx, shop, id)).await?;
    let Some(seen) = reader else {
        return Ok(Answering::NotFound);
    };
    let here = app.processor(seen.processor()).is_ok_and(|one| one.answers_disputes());
    let lane = LaneKey::of(seen.checkout());
    let app = app.clone();
    app.clone()
        .track(async move {
            let begun = app
                .db
                .write(lane, move |tx| begin(tx, shop, id, &give, staff, here))
                .await?;
            let Answering::Told(dispute) = begun else {
                return Ok(begun);
            };
            let answer = tell(&app, &dispute).await;
            let after = app.db.write(lane, move |tx| told(tx, id, &answer)).await?;
            let refused = after.asked == Asked::Nothing && after.state == DisputeState::NeedsResponse;
            Ok(if refused {
                Answering::Refused(Box::new(after))
            } else {
                Answering::Told(Box::new(after))
            })
        })
        .await
}

fn begin(
    tx: &mut Tx<'_>,
    shop: ShopId,
    id: DisputeId,
    give: &Give,
    staff: Option<StaffId>,
    here: bool,
) -> Result<Answering> {
    let Some(seen) = store::find(tx, shop, id)? else {
        return Ok(Answering::NotFound);
    };
    let (asked, texts, why) = match give {
        Give::Up { why } => (Asked::Accept, BTreeMap::new(), why.as_str()),
        Give::Answer { texts } => (Asked::Submit, texts.clone(), ""),
    };
    if seen.asked == asked {
        return Ok(Answering::Again(Box::new(seen)));
    }
    if seen.state != DisputeState::NeedsResponse || seen.asked != Asked::Nothing {
        return Ok(Answering::NotOpen(Box::new(seen)));
    }
    if asked == Asked::Submit && !seen.can_be_answered(tx.now()) {
        return Ok(Answering::TooLate(Box::new(seen)));
    }
    if !here {
        return Ok(Answering::NotHere);
    }
    refuse_while_frozen(tx)?;
    let until = tx.now().plus(SENDING);
    if !store::begin_answer(tx, &seen, asked, &texts, why, staff, until)? {
        return Ok(Answering::NotOpen(Box::new(read(tx, id)?)));
    }
    let what = match asked {
        Asked::Accept => "Gave the dispute up",
        _ => "Answered the dispute",
    };
    payments::log(tx, seen.intent, &format!("{what}: {}.", words::money(seen.amount)), why)?;
    Ok(Answering::Told(Box::new(read(tx, id)?)))
}

/// Tells the processor. Network; no transaction is open. Repeating it is safe: the key is the decision's own.
pub(super) async fn tell(app: &App, dispute: &Dispute) -> DisputeAnswer {
    let ask = match dispute.asked {
        Asked::Accept => DisputeAsk::Accept {
            key: dispute.key(),
            dispute: dispute.name.clone(),
        },
        Asked::Submit => DisputeAsk::Submit {
            key: dispute.key(),
            dispute: dispute.name.clone(),
            texts: dispute.answer.clone().into_iter().collect(),
        },
        Asked::Nothing => DisputeAsk::Find {
            dispute: dispute.name.clone(),
        },
    };
    match app.processor(dispute.processor()) {
        Ok(processor) => processor.dispute(&ask).await,
        Err(error) => DisputeAnswer::NotSent {
            detail: error.to_string(),
        },
    }
}

/// Writes down what the processor made of it. What it did not hear is told again, by [`super::mind`].
pub(super) fn told(tx: &mut Tx<'_>, id: DisputeId, answer: &DisputeAnswer) -> Result<Dispute> {
    let dispute = read(tx, id)?;
    let refused = |detail: &str| format!("{} refused it: {detail}", dispute.processor());
    match answer {
        DisputeAnswer::Told(told) => {
            record(tx, &dispute.attempt, told)?;
            let now = read(tx, id)?;
            // It heard us and still says it waits: looked at again soon.
            if now.asked != Asked::Nothing
                && now.state == DisputeState::NeedsResponse
                && told.stage == DisputeStage::NeedsResponse
            {
                store::try_later(tx, id, "", next_check(tx.now(), now.tries))?;
            }
        }
        DisputeAnswer::Refused { detail } => {
            let soon = next_look(dispute.state, dispute.due_by, tx.now()).unwrap_or(tx.now());
            if store::take_back_answer(tx, id, &refused(detail), soon)? {
                payments::log(
                    tx,
                    dispute.intent,
                    &format!("{} refused to hear it.", dispute.processor()),
                    detail,
                )?;
            }
        }
        DisputeAnswer::NotFound | DisputeAnswer::NotHere => {
            let soon = tx.now().plus(Seconds::days(1));
            if store::take_back_answer(tx, id, &refused("it knows no such dispute"), soon)? {
                payments::log(
                    tx,
                    dispute.intent,
                    &format!("{} knows no such dispute.", dispute.processor()),
                    "",
                )?;
            }
        }
        DisputeAnswer::NotSent { detail } => store::try_later(tx, id, detail, tx.now().plus(Seconds(10)))?,
        DisputeAnswer::Unknown { detail } => store::try_later(tx, id, detail, next_check(tx.now(), dispute.tries))?,
    }
    read(tx, id)
}

/// The time for an answer is over, or nothing came of an inquiry: closed by the clock. Whether it was.
pub(super) fn out_of_time(tx: &mut Tx<'_>, dispute: &Dispute) -> Result<bool> {
    let (state, what) = match dispute.state {
        DisputeState::Inquiry => (DisputeState::Won, "Nothing came of the bank's question. It is over."),
        _ => (DisputeState::Lost, "Nobody answered the dispute in time: it is lost."),
    };
    payments::log(tx, dispute.intent, what, "")?;
    advance(tx, dispute, (state, ClosedBy::Time))
}

/// What was submitted about a payment said who its buyer is. Which texts there were stays.
pub fn erase(tx: &mut Tx<'_>, intent: IntentId) -> Result<()> {
    for dispute in store::disputes_of(tx, intent)? {
        if dispute.answer.is_empty() {
            continue;
        }
        let erased = dispute.answer.into_keys().map(|name| (name, "Erased.".to_owned()));
        store::set_answer(tx, dispute.id, &erased.collect())?;
    }
    crate::payments::store::erase_attempts(tx, intent)
}
