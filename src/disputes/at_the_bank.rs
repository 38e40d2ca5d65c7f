//! The pretended bank of a shop in test mode: it disputes a payment and decides, so that everything can be tried before money is real.

use crate::app::App;
use crate::kernel::{DisputeId, Error, OrderId, Result, ShopId};
use crate::payments::disputes;
use crate::payments::sandbox::{NewDispute, Sandbox, TO_ANSWER};
use crate::{checkout, identity, payments};
use std::sync::Arc;

/// What the bank does about a dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Its question becomes a chargeback.
    Escalate,
    Win,
    Lose,
    /// It comes back after the shop won.
    Again,
}

impl Step {
    pub const ALL: [Self; 4] = [Self::Escalate, Self::Win, Self::Lose, Self::Again];

    pub fn word(self) -> &'static str {
        match self {
            Self::Escalate => "escalate",
            Self::Win => "win",
            Self::Lose => "lose",
            Self::Again => "again",
        }
    }
}

fn sandbox(app: &App, processor: &str) -> Result<Arc<Sandbox>> {
    let found = Sandbox::all(app)
        .into_iter()
        .find(|sandbox| crate::kernel::Processor::name(&**sandbox) == processor);
    found.ok_or_else(|| {
        Error::conflict(
            "not_a_sandbox",
            "Only payments of the sandbox can be disputed on purpose.",
        )
    })
}

fn refuse_real_money(shop: &identity::Shop) -> Result<()> {
    if shop.test_mode {
        return Ok(());
    }
    Err(Error::conflict(
        "not_test_mode",
        "This shop takes real money: its buyers' banks decide.",
    ))
}

/// A pretended buyer disputes what an order took. Errors: `not_test_mode`, `not_a_sandbox`, `nothing_taken`.
pub async fn open(app: &App, shop: ShopId, order: OrderId, reason: &str, inquiry: bool) -> Result<()> {
    let (shop, held) = app
        .db
        .read(move |tx| {
            let view = checkout::view(tx, shop, order)?.ok_or_else(|| Error::not_found("order"))?;
            let standing = payments::standing(tx, shop, view.order.checkout.intent())?;
            let holder = standing.and_then(|standing| standing.holder().cloned());
            Ok((identity::shop(tx, shop)?, holder))
        })
        .await?;
    refuse_real_money(&shop)?;
    let held = held.ok_or_else(|| Error::conflict("nothing_taken", "Nothing was taken that could be disputed."))?;
    let new = NewDispute {
        payment: held.payment.clone(),
        amount: None,
        reason: reason.to_owned(),
        inquiry,
        to_answer: TO_ANSWER,
    };
    let done = sandbox(app, &held.processor)?.at_the_bank(|books, now| books.open_dispute(&new, now));
    done.map(drop)
        .map_err(|refusal| Error::conflict("nothing_taken", refusal.message))
}

/// The pretended bank goes on. Errors: `not_test_mode`, `not_a_sandbox`, `not_now`.
pub async fn act(app: &App, shop: ShopId, id: DisputeId, step: Step) -> Result<()> {
    let (shop, dispute) = app
        .db
        .read(move |tx| {
            let dispute = disputes::find(tx, shop, id)?.ok_or_else(|| Error::not_found("dispute"))?;
            Ok((identity::shop(tx, shop)?, dispute))
        })
        .await?;
    refuse_real_money(&shop)?;
    let name = dispute.name.clone();
    let done = sandbox(app, dispute.processor())?.at_the_bank(|books, now| match step {
        Step::Escalate => books.escalate_dispute(&name, now),
        Step::Win => books.decide_dispute(&name, true),
        Step::Lose => books.decide_dispute(&name, false),
        Step::Again => books.dispute_again(&name, now),
    });
    done.map(drop)
        .map_err(|refusal| Error::conflict("not_now", refusal.message))
}
