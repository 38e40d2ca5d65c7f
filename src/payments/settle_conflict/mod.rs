//! Out of a conflict: a person decides, with a reason, and only what the processor says today is written down.
//!
//! Every decision has three acts: what is ours is read; the processor is asked about all of it, by our own references and keys; then its answers
//! are judged and recorded in one transaction, whose first statement takes the payment out of its conflict at the version that was judged. What is
//! recorded takes the ways that every answer takes ([`super::record`]), so that money is posted and limits are kept in one place each. Where the
//! answers prove nothing, nothing is changed: the payment stays frozen, and the person is told what is missing.
//!
//! [`judge`] asks and weighs what was said; [`write_down`] records it.

mod judge;
mod write_down;

use super::authorize::{find, refuse_while_frozen};
use super::model::{Attempt, AttemptState as S, CaptureState, Intent, IntentState};
use super::resolve::Conclude;
use super::store;
use crate::app::App;
use crate::db::LaneKey;
use crate::kernel::{Error, IntentId, Result, ShopId};
use judge::ask_all;
use serde::{Deserialize, Serialize};

/// What a person may decide about a payment in conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PaymentDecision)]
pub enum Decision {
    /// The processor's books agree with ours by now: the payment goes on where they prove it is.
    Agrees,
    /// What is promised there is let go, all of it. Nothing of it was taken.
    LetGo,
    /// What was taken although it was only to be promised, or to be let go, is written down and given back, all of it. Where the processor refused
    /// to give it back, it is asked anew.
    GiveBack,
    /// Not about a conflict: of a processor that cannot be asked, its own pages say that a capture or refund without an answer was made.
    Happened,
    /// The same; its pages say that it was not.
    DidNotHappen,
}

impl Decision {
    pub const ALL: [Self; 5] = [
        Self::Agrees,
        Self::LetGo,
        Self::GiveBack,
        Self::Happened,
        Self::DidNotHappen,
    ];

    /// Whether it is about an answer that never came, rather than about a conflict.
    pub fn is_of_unheard(self) -> bool {
        matches!(self, Self::Happened | Self::DidNotHappen)
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::LetGo => "let_go",
            Self::GiveBack => "give_back",
            Self::Happened => "happened",
            Self::DidNotHappen => "did_not_happen",
        }
    }

    /// For the log of the payment.
    fn sentence(self) -> &'static str {
        match self {
            Self::Agrees => "decided that the books agree again",
            Self::LetGo => "decided to let the promised money go",
            Self::GiveBack => "decided to give the money back",
            Self::Happened => "looked at the processor's own pages: it was made",
            Self::DidNotHappen => "looked at the processor's own pages: it was not made",
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
    /// Of an answer that never came: the capture or refund it is about; else empty.
    pub of: String,
    /// Of one that was made: what the processor calls it.
    pub reference: String,
}

impl Decided {
    /// For the log: what was decided by whom, and why.
    pub(super) fn told(&self, reason: &str) -> (String, String) {
        let what = format!("{} {}.", self.who.name, self.decision.sentence());
        (what, format!("{reason} ({})", self.who.principal))
    }
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

/// The decisions that our side of a payment allows at all; the processor's answers have to prove the one that is taken.
pub fn decisions(intent: &Intent, attempts: &[Attempt]) -> Vec<Decision> {
    if intent.is_owed_back() {
        return vec![Decision::GiveBack];
    }
    if intent.state != IntentState::Conflicted {
        return Vec::new();
    }
    let untouched = intent.captured_minor == 0 && intent.capture_pending_minor == 0;
    let contested = attempts.iter().any(|attempt| attempt.state == S::Conflicted);
    let may =
        |decision: &Decision| *decision == Decision::Agrees || (untouched && contested && !decision.is_of_unheard());
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
            if decided.decision.is_of_unheard() {
                return super::settle_unheard::settle_unheard(&app, shop, id, (decided, reason), conclude).await;
            }
            let before = app.db.read(move |tx| store::intent(tx, id)).await?;
            if let Err(answer) = open(before.as_ref(), shop, &decided) {
                return Ok(answer);
            }
            if before.is_some_and(|intent| intent.is_owed_back()) {
                return give_back_again(&app, shop, id, decided, reason).await;
            }
            let both = ask_all(&app, id).await?;
            app.db
                .write(LaneKey::of(id), move |tx| {
                    refuse_while_frozen(tx)?;
                    let now = store::intent(tx, id)?;
                    if let Err(answer) = open(now.as_ref(), shop, &decided) {
                        return Ok(answer);
                    }
                    // Judged and recorded against the same rows: the version says that nothing moved while the processor was asked.
                    let doubts = both.doubts(decided.decision);
                    if !doubts.is_empty() && !mutant!("I15") {
                        return Ok(Settle::NotProven(doubts));
                    }
                    let (what, why) = decided.told(&reason);
                    match decided.decision {
                        Decision::Agrees => both.agree(tx)?,
                        Decision::LetGo => both.let_go(tx)?,
                        Decision::GiveBack => both.give_back(tx)?,
                        Decision::Happened | Decision::DidNotHappen => {
                            unreachable!("it is no decision about a conflict")
                        }
                    }
                    store::log(tx, id, &what, &why)?;
                    conclude(tx, both.intent.checkout)?;
                    Ok(Settle::Settled(find(tx, id)?.state))
                })
                .await
        })
        .await
}

/// It is in no conflict any more; the processor refused to give back what it had taken against our will, and is asked anew.
async fn give_back_again(app: &App, shop: ShopId, id: IntentId, decided: Decided, reason: String) -> Result<Settle> {
    app.db
        .write(LaneKey::of(id), move |tx| {
            refuse_while_frozen(tx)?;
            let now = store::intent(tx, id)?;
            if let Err(answer) = open(now.as_ref(), shop, &decided) {
                return Ok(answer);
            }
            let intent = find(tx, id)?;
            let taken = store::captures(tx, id)?
                .into_iter()
                .find(|capture| capture.state == CaptureState::Succeeded);
            let Some(taken) = taken.filter(|_| intent.is_owed_back()) else {
                return Ok(Settle::NotConflicted);
            };
            let (what, why) = decided.told(&reason);
            store::log(tx, id, &what, &why)?;
            write_down::give_rest_back(tx, &intent, taken.attempt)?;
            Ok(Settle::Settled(intent.state))
        })
        .await
}

fn open(intent: Option<&Intent>, shop: ShopId, decided: &Decided) -> std::result::Result<(), Settle> {
    let undecided = |intent: &Intent| match decided.decision {
        Decision::GiveBack if intent.is_owed_back() => true,
        _ => intent.state == IntentState::Conflicted,
    };
    match intent {
        Some(intent) if intent.shop != shop => Err(Settle::NotFound),
        None => Err(Settle::NotFound),
        Some(intent) if !undecided(intent) => Err(Settle::NotConflicted),
        Some(intent) if intent.version != decided.version => Err(Settle::Stale(intent.version)),
        Some(_) => Ok(()),
    }
}
