//! Money back after it was taken: lines, an amount, or all of it; exact legs, each reversed as it was paid.

use super::allocate::allocate;
use super::model::{AdjustmentKind, Order};
use super::orders::{OrderView, Ship, view};
use super::store;
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::inventory::{self, Claim, Restock};
use crate::kernel::{AdjustmentId, Error, Fact, OrderId, Result, ShopId, StaffId};
use crate::payments::{self, Operation, Part, RefundBegin, RefundOf, RefundPlan};

/// What is to go back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundWhat {
    /// Whatever was taken and not given back yet, delivery included.
    Everything,
    /// An amount, spread over the order as it was paid.
    Amount(i64),
    Lines(RefundLines),
}

/// Units that are paid back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundLines {
    pub units: Vec<Ship>,
    /// Whether the delivery goes back too.
    pub delivery: bool,
    /// What happens to the goods; `None` if the buyer keeps them.
    pub restock: Option<Restock>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Refund {
    /// Written down and asked for; its state says how far it got.
    Begun(Box<payments::Refund>),
    /// The same adjustment before.
    Again(Box<payments::Refund>),
    NotFound,
}

/// The exact legs a refund would have now; changes nothing. Errors: `dispute_open`, `exceeds_captured`, `nothing_to_refund`, `no_such_line`.
pub fn preview_refund(tx: &mut Tx<'_>, shop: ShopId, id: OrderId, what: &RefundWhat) -> Result<Option<RefundPlan>> {
    let Some(view) = view(tx, shop, id)? else {
        return Ok(None);
    };
    plan(tx, &view, what).map(Some)
}

fn plan(tx: &mut Tx<'_>, view: &OrderView, what: &RefundWhat) -> Result<RefundPlan> {
    let of = match what {
        RefundWhat::Everything => RefundOf::Rest,
        RefundWhat::Amount(minor) if *minor <= 0 => {
            return Err(Error::field("/amount", "Give back more than nothing."));
        }
        RefundWhat::Amount(minor) => RefundOf::Amount(*minor),
        RefundWhat::Lines(lines) => RefundOf::Parts(parts(view, lines)?),
    };
    let plan = payments::refund_plan(tx, view.order.checkout.intent(), &of)?;
    if mutant!("L4") {
        let today = allocate(tx, &view.checkout.offer.quote)?;
        let whole: Vec<(Part, u32)> = today.parts().map(|(name, part)| (name, part.quantity)).collect();
        let back: Vec<(Part, i64)> = whole.iter().map(|(name, _)| (*name, sum_of(&plan, *name))).collect();
        let legs = today.refund(&today.capture(&[], &whole)?, &[], &back)?;
        return Ok(RefundPlan { legs, ..plan });
    }
    Ok(plan)
}

fn sum_of(plan: &RefundPlan, part: Part) -> i64 {
    plan.legs
        .iter()
        .filter(|leg| leg.part == part)
        .map(|leg| leg.minor)
        .sum()
}

/// What the units cost, as far as it was taken and not given back yet.
fn parts(view: &OrderView, lines: &RefundLines) -> Result<Vec<(Part, i64)>> {
    let mut parts = Vec::new();
    for unit in &lines.units {
        let no_such = || Error::conflict("no_such_line", format!("Line {} has not so many units.", unit.line + 1));
        let line = view
            .lines
            .iter()
            .find(|line| line.line == unit.line)
            .ok_or_else(no_such)?;
        if unit.quantity == 0 || unit.quantity > line.quantity {
            return Err(no_such());
        }
        let part = Part::Line(unit.line);
        let left = view.refundable(part);
        let worth =
            i64::try_from(i128::from(line.amount_minor) * i128::from(unit.quantity) / i128::from(line.quantity))
                .unwrap_or(i64::MAX);
        // All units of a line are its whole rest, so that nothing is lost to rounding.
        parts.push((
            part,
            if unit.quantity == line.quantity {
                left
            } else {
                worth.min(left)
            },
        ));
    }
    if lines.delivery {
        parts.push((Part::Delivery, view.refundable(Part::Delivery)));
    }
    parts.retain(|(_, minor)| *minor > 0);
    Ok(parts)
}

/// Gives money back. `id` is chosen by whoever asks: asking again is the same refund.
///
/// Order of answers: not found, again, then the errors of [`preview_refund`], begun. A crash after it is finished by the resolver of payments.
pub async fn refund(
    app: &App,
    shop: ShopId,
    order: OrderId,
    id: AdjustmentId,
    what: RefundWhat,
    reason: String,
    staff: Option<StaffId>,
) -> Result<Refund> {
    let lane = LaneKey::of(order);
    let app = app.clone();
    app.clone()
        .track(async move {
            let begun = app
                .db
                .write(lane, move |tx| begin(tx, shop, order, id, &what, &reason, staff))
                .await?;
            let Refund::Begun(refund) = begun else { return Ok(begun) };
            let answer = payments::refund_ask(&app, &refund).await;
            let (attempt, refund_id) = (refund.attempt.id, refund.id);
            app.db
                .write(lane, move |tx| {
                    let recorded = payments::record(tx, attempt, Operation::Refund(refund_id), &answer)?;
                    super::conclude(tx, recorded.checkout)
                })
                .await?;
            Ok(Refund::Begun(refund))
        })
        .await
}

fn begin(
    tx: &mut Tx<'_>,
    shop: ShopId,
    order: OrderId,
    id: AdjustmentId,
    what: &RefundWhat,
    reason: &str,
    staff: Option<StaffId>,
) -> Result<Refund> {
    let Some(view) = view(tx, shop, order)? else {
        return Ok(Refund::NotFound);
    };
    let intent = view.order.checkout.intent();
    if view.adjustments.iter().any(|adjustment| adjustment.id == id) {
        let empty = RefundPlan {
            amount: view.money(0),
            legs: Vec::new(),
        };
        return Ok(match payments::refund_begin(tx, intent, id, &empty)? {
            RefundBegin::Again(refund) | RefundBegin::Sending(refund) => Refund::Again(Box::new(refund)),
            RefundBegin::Refused { .. } => Refund::NotFound, // The id belongs to another kind of adjustment.
        });
    }
    let plan = plan(tx, &view, what)?;
    let detail =
        serde_json::json!({ "lines": match what { RefundWhat::Lines(lines) => lines.units.clone(), _ => Vec::new() } })
            .to_string();
    if !store::insert_adjustment(
        tx,
        id,
        &view.order,
        AdjustmentKind::Refund,
        plan.amount.minor,
        reason,
        &detail,
        staff,
    )? {
        return Err(Error::conflict("id_reused", "This refund id is taken. Make a new one."));
    }
    let refund = match payments::refund_begin(tx, intent, id, &plan)? {
        RefundBegin::Sending(refund) | RefundBegin::Again(refund) => refund,
        // The error takes the adjustment back with it.
        RefundBegin::Refused { refundable } => {
            return Err(Error::conflict(
                "exceeds_captured",
                format!("At most {refundable} can be given back."),
            ));
        }
    };
    if let RefundWhat::Lines(RefundLines {
        units,
        restock: Some(how),
        ..
    }) = what
    {
        put_back(tx, &view, units, *how)?;
    }
    store::touch_order(tx, order)?;
    tx.publish(&Fact::OrderRefunded {
        shop,
        order,
        adjustment: id,
    })?;
    Ok(Refund::Begun(Box::new(refund)))
}

/// Goods that came back are counted once a unit: never more than were shipped.
fn put_back(tx: &mut Tx<'_>, view: &OrderView, units: &[Ship], how: Restock) -> Result<()> {
    let Order { id, .. } = &view.order;
    for unit in units {
        let line = view
            .lines
            .iter()
            .find(|line| line.line == unit.line)
            .ok_or_else(|| Error::not_found("line"))?;
        if !mutant!("F4-twice") && !store::return_line(tx, *id, unit.line, unit.quantity)? {
            return Err(Error::conflict(
                "not_shipped",
                format!(
                    "Line {} has not so many shipped units that could come back.",
                    unit.line + 1
                ),
            ));
        }
        inventory::restock(
            tx,
            &Claim {
                variant: line.variant,
                location: line.location,
                quantity: unit.quantity,
            },
            how,
        )?;
    }
    Ok(())
}
