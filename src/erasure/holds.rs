//! What an erasure has to wait for: the whole list. What is not on it holds nothing up.

use super::model::{Hold, Why};
use crate::checkout::{self, Checkout};
use crate::db::Tx;
use crate::kernel::{Result, Seconds, Time};
use crate::payments::disputes;
use crate::{drops, fulfilment, payments, returns};

/// Why a purchase cannot be erased now; empty: it can. `evidence_days` are counted from the day the last parcel left.
///
/// Who the buyer is is needed as long as goods, money, a return or a dispute is not over. Tax law asks for amounts, rates and the country, which stay anyway.
pub fn holds(tx: &mut Tx<'_>, checkout: &Checkout, evidence_days: i64) -> Result<Vec<Hold>> {
    let mut holds = Vec::new();
    let mut hold = |why, until| holds.push(Hold { why, until });
    if checkout.state.is_open() {
        hold(Why::Purchase, None);
    }
    let intent = checkout.id.intent();
    if payments::is_moving(tx, intent)? {
        hold(Why::Money, None);
    }
    if drops::counts_still(tx, checkout.shop, checkout.id)? {
        hold(Why::Limit, None);
    }
    let Some(view) = checkout::view(tx, checkout.shop, checkout.id.order())? else {
        return Ok(holds);
    };
    let open = view.lines.iter().any(|line| line.open() > 0) && !mutant!("T9-goods");
    if view.order.canceled_at.is_none() && open {
        hold(Why::Goods, None);
    }
    let disputes = disputes::of_payment(tx, intent)?;
    if disputes
        .iter()
        .any(|dispute| !dispute.state.is_over() || dispute.next_check_at.is_some())
    {
        hold(Why::Dispute, None);
    }
    let returns = returns::of_order(tx, checkout.shop, view.order.id)?;
    if returns.iter().any(|one| one.ended_at.is_none()) && !mutant!("T9-return") {
        hold(Why::Return, None);
    }
    let by_card = view
        .intent
        .as_ref()
        .is_some_and(|intent| intent.method == "card" && intent.captured_minor > 0);
    if by_card {
        let parcels = fulfilment::shipments(tx, checkout.shop, view.order.id)?;
        let left = parcels.iter().map(|parcel| parcel.handed_over_at).max();
        let last: Time = left.unwrap_or(view.order.confirmed_at);
        let until = last.plus(Seconds::days(evidence_days));
        if until > tx.now() {
            hold(Why::Evidence, Some(until));
        }
    }
    Ok(holds)
}
