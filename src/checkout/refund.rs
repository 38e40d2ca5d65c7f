//! Money back after it was taken: lines, an amount, or all of it; exact legs, each reversed as it was paid.
//!
//! What was paid with a gift card and by a processor goes back to the processor's side first, and only then onto the gift card: a buyer gets their money
//! before they get credit. Of lines, that holds line by line.

use super::allocate::allocate;
use super::model::{AdjustmentKind, Order, OrderLine};
use super::orders::{OrderView, Ship, view};
use super::store;
use crate::app::App;
use crate::catalog::KeepTheRest;
use crate::db::{LaneKey, Tx};
use crate::gift_cards;
use crate::inventory::{self, Claim, Restock};
use crate::kernel::{AdjustmentId, Error, Fact, Money, OrderId, Result, ShopId, StaffId, Time, VariantId};
use crate::payments::{self, CaptureState, Operation, Part, PlannedLeg, RefundBegin, RefundOf, RefundPlan};
use crate::preorders;
use crate::taxes;

/// What is to go back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundWhat {
    /// Whatever was taken and not given back yet, delivery included.
    Everything,
    /// An amount, spread over the order as it was paid.
    Amount(i64),
    Lines(RefundLines),
    /// Of every piece that was taken and is kept, whatever it cost more than it costs now: variants with their new price, tax included.
    Difference(Vec<(VariantId, i64)>),
}

/// Why a difference goes back; the buyer reads what it means.
pub const PRICE_MATCH: &str = "price_match";

/// Units that are paid back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefundLines {
    pub units: Vec<Ship>,
    /// Whether the delivery goes back too.
    pub delivery: bool,
    /// What happens to the goods; `None` if the buyer keeps them.
    pub restock: Option<Restock>,
    /// What the goods lost in value; it stays here.
    pub less_minor: i64,
    /// They were asked back before, at this time.
    pub asked_at: Option<Time>,
}

/// What a refund gives back, and which way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackPlan {
    /// Altogether.
    pub amount: Money,
    /// Through the processor that took it; none if nothing goes that way.
    pub by_processor: Option<RefundPlan>,
    /// Onto the gift card.
    pub onto_gift_card: Vec<PlannedLeg>,
}

impl BackPlan {
    /// Every leg, whichever way it goes.
    pub fn legs(&self) -> impl Iterator<Item = &PlannedLeg> {
        let processor = self.by_processor.iter().flat_map(|plan| &plan.legs);
        processor.chain(&self.onto_gift_card)
    }
    /// How much of it goes onto the gift card.
    pub fn gift_card_minor(&self) -> i64 {
        self.onto_gift_card.iter().map(|leg| leg.minor).sum()
    }
}

/// Money on its way back.
#[derive(Clone, Debug)]
pub struct Back {
    /// Altogether.
    pub amount: Money,
    /// What a processor is asked for; none if all of it went onto a gift card, where it is at once.
    pub by_processor: Option<payments::Refund>,
    pub gift_card_minor: i64,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Refund {
    /// Written down and asked for; its state says how far it got.
    Begun(Box<Back>),
    /// The same adjustment before.
    Again(Box<Back>),
    NotFound,
}

/// The exact legs a refund would have now; changes nothing. Errors: `dispute_open`, `exceeds_captured`, `nothing_to_refund`, `no_such_line`.
pub fn preview_refund(tx: &mut Tx<'_>, shop: ShopId, id: OrderId, what: &RefundWhat) -> Result<Option<BackPlan>> {
    let Some(view) = view(tx, shop, id)? else {
        return Ok(None);
    };
    plan(tx, &view, what).map(Some)
}

fn plan(tx: &mut Tx<'_>, view: &OrderView, what: &RefundWhat) -> Result<BackPlan> {
    let whole = match what {
        RefundWhat::Everything => RefundOf::Rest,
        RefundWhat::Amount(minor) if *minor <= 0 => {
            return Err(Error::field("/amount", "Give back more than nothing."));
        }
        RefundWhat::Amount(minor) => RefundOf::Amount(*minor),
        RefundWhat::Lines(lines) => {
            let parts = parts(view, lines)?;
            // Goods that come back for nothing are counted and put back all the same.
            let comes_back = lines.restock.is_some() || lines.asked_at.is_some();
            if parts.is_empty() && comes_back && !super::money_is_moving(view) {
                if let Some(intent) = &view.intent {
                    payments::refuse_while_disputed(intent)?;
                }
                return Ok(BackPlan {
                    amount: view.money(0),
                    by_processor: None,
                    onto_gift_card: Vec::new(),
                });
            }
            RefundOf::Parts(parts)
        }
        RefundWhat::Difference(prices) => RefundOf::Parts(differences(view, prices)),
    };
    let Some(used) = &view.gift_card else {
        let plan = plan_by_processor(tx, view, &whole)?;
        return Ok(BackPlan {
            amount: plan.amount,
            by_processor: Some(plan),
            onto_gift_card: Vec::new(),
        });
    };
    if let Some(intent) = &view.intent {
        payments::refuse_while_disputed(intent)?; // Also where all of it would go onto the card.
    }
    let ways = ways(view, used, whole)?;
    let by_processor = match ways.by_processor {
        Some(of) => Some(plan_by_processor(tx, view, &of)?),
        None => None,
    };
    let onto_gift_card = gift_cards::plan_back(used, &ways.onto_gift_card)?;
    let minor = by_processor.as_ref().map_or(0, |plan| plan.amount.minor)
        + onto_gift_card.iter().map(|leg| leg.minor).sum::<i64>();
    if minor == 0 {
        return Err(Error::conflict(
            "nothing_to_refund",
            "Nothing was captured that could go back.",
        ));
    }
    Ok(BackPlan {
        amount: view.money(minor),
        by_processor,
        onto_gift_card,
    })
}

/// Which way how much of a refund goes.
struct Ways {
    /// None: the processor holds nothing more of it.
    by_processor: Option<RefundOf>,
    onto_gift_card: Vec<(Part, i64)>,
}

/// Back by the processor, as far as it holds something of it; the rest of each part onto the gift card.
fn ways(view: &OrderView, used: &gift_cards::Use, of: RefundOf) -> Result<Ways> {
    let refundable = view.intent.as_ref().map_or(0, payments::Intent::refundable_minor);
    let onto_card = |minor: i64| match &used.allocation {
        Some(shares) if minor > 0 => shares.spread(&used.taken_legs(), &used.returned_legs(), minor),
        _ => Ok(Vec::new()),
    };
    Ok(match of {
        RefundOf::Rest => Ways {
            by_processor: (refundable > 0).then_some(RefundOf::Rest),
            onto_gift_card: onto_card(used.returnable_minor())?,
        },
        RefundOf::Amount(minor) => {
            let first = minor.min(refundable);
            Ways {
                by_processor: (first > 0).then_some(RefundOf::Amount(first)),
                onto_gift_card: onto_card(minor - first)?,
            }
        }
        RefundOf::Parts(parts) => {
            let (mut first, mut then) = (Vec::new(), Vec::new());
            for (part, minor) in parts {
                let here = view.captured_by_processor(part) - view.refunded_by_processor(part) - view.disputed(part);
                let by_processor = minor.min(here.max(0));
                first.push((part, by_processor));
                then.push((part, minor - by_processor));
            }
            first.retain(|(_, minor)| *minor > 0);
            then.retain(|(_, minor)| *minor > 0);
            Ways {
                by_processor: (!first.is_empty()).then_some(RefundOf::Parts(first)),
                onto_gift_card: then,
            }
        }
    })
}

/// What goes back by the processor.
fn plan_by_processor(tx: &mut Tx<'_>, view: &OrderView, of: &RefundOf) -> Result<RefundPlan> {
    let plan = payments::refund_plan(tx, view.order.checkout.intent(), of)?;
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
    let quote = &view.checkout.offer.quote;
    let mut parts = Vec::new();
    let units = &lines.units;
    if (1..units.len()).any(|at| units[..at].iter().any(|other| other.line == units[at].line)) {
        return Err(Error::field("/lines", "Name each line once, with all its units."));
    }
    for unit in units {
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
        // Counted on from what came back before: unit by unit it is the same sum as all at once, and the last units of a line are its whole rest,
        // so that nothing is lost to rounding. What was canceled before it left was never paid for.
        let kept_max = line.quantity - line.canceled;
        let before = view.units_given_back(unit.line);
        let before = if mutant!("F5-each") { 0 } else { before };
        let after = before.saturating_add(unit.quantity);
        let minor = if before >= kept_max {
            line.worth(unit.quantity) // Given back before, for another reason than coming back.
        } else if after >= kept_max && !view.kept_of(unit.line) {
            left
        } else {
            (line.worth(after.min(kept_max)) - line.worth(before) - view.matched(*unit, lines.asked_at)).max(0)
        };
        parts.push((part, minor.min(left)));
    }
    for bundle in 0..quote.bundles.len() {
        keep_the_rest(view, bundle, lines, &mut parts)?;
    }
    if lines.less_minor != 0 {
        let shares: Vec<i64> = parts.iter().map(|(_, minor)| *minor).collect();
        let worth = shares.iter().sum();
        // Of a return it was judged when it arrived; something may have gone back since for another reason.
        let less = if lines.asked_at.is_some() {
            lines.less_minor.min(worth)
        } else {
            lines.less_minor
        };
        if !(0..=worth).contains(&less) {
            return Err(Error::field("/deducted", "Keep at most what the pieces cost."));
        }
        let less = payments::allocate(&shares, &vec![0; shares.len()], less)?;
        for ((_, minor), less) in parts.iter_mut().zip(less) {
            *minor -= less;
        }
    }
    if lines.delivery {
        parts.push((Part::Delivery, view.refundable(Part::Delivery)));
    }
    parts.retain(|(_, minor)| *minor > 0);
    Ok(parts)
}

/// What the units of a bundle's parts are worth by what its buyer agreed to. Errors: `bundle_goes_back_whole`.
fn keep_the_rest(view: &OrderView, bundle: usize, lines: &RefundLines, parts: &mut Vec<(Part, i64)>) -> Result<()> {
    let quote = &view.checkout.offer.quote;
    let keep = match quote.bundles[bundle].keep_the_rest {
        KeepTheRest::Reprice if mutant!("F5-reprice") => KeepTheRest::Prorate,
        KeepTheRest::None if mutant!("F5-none") => KeepTheRest::Prorate,
        keep => keep,
    };
    let mine: Vec<u32> = quote
        .lines_of(bundle)
        .into_iter()
        .filter_map(|line| u32::try_from(line).ok())
        .collect();
    let now = |line: u32| {
        lines
            .units
            .iter()
            .filter(|unit| unit.line == line)
            .map(|unit| unit.quantity)
            .sum::<u32>()
    };
    if keep == KeepTheRest::Prorate || mine.iter().all(|line| now(*line) == 0) {
        return Ok(());
    }
    let kept = |line: &&OrderLine| {
        (line.quantity - line.canceled).saturating_sub(view.units_given_back(line.line) + now(line.line))
    };
    let of_it: Vec<&OrderLine> = view.lines.iter().filter(|line| mine.contains(&line.line)).collect();
    if keep == KeepTheRest::None {
        // What is on its way back is not kept either, whichever of its returns arrives first.
        let gone = |line: &&OrderLine| kept(line) == 0 || line.canceled + line.asked >= line.quantity;
        return match of_it.iter().all(gone) {
            true => Ok(()),
            false => Err(Error::conflict(
                "bundle_goes_back_whole",
                format!(
                    "\u{201c}{}\u{201d} goes back whole or not at all, as its buyer was told.",
                    quote.bundles[bundle].title
                ),
            )),
        };
    }
    // The buyer pays for what they keep what it costs alone; the rest of what they paid goes back.
    let paid: i64 = of_it.iter().map(|line| line.worth(line.quantity - line.canceled)).sum();
    let alone: i64 = of_it
        .iter()
        .zip(quote.lines_of(bundle))
        .map(|(line, place)| {
            let quoted = &quote.lines[place];
            taxes::line(quoted.alone_minor(kept(line)), quoted.tax, quote.inclusive).gross
        })
        .sum();
    let given: i64 = of_it.iter().map(|line| view.refunded(Part::Line(line.line))).sum();
    let mut due = (paid - alone - given).max(0);
    parts.retain(|(part, _)| !mine.iter().any(|line| *part == Part::Line(*line)));
    // First of what comes back now, then of what came back before for less than its share.
    let mut order: Vec<u32> = mine.clone();
    order.sort_by_key(|line| now(*line) == 0);
    for line in order {
        let part = Part::Line(line);
        let minor = due.min(view.refundable(part).max(0));
        due -= minor;
        parts.push((part, minor));
    }
    Ok(())
}

/// Canceling units before they leave does not take a bundle apart for which its buyer has to keep, or pay, something else. Errors: `bundle_goes_back_whole`.
pub(super) fn refuse_parts_of_bundles(view: &OrderView, units: &[Ship]) -> Result<()> {
    let quote = &view.checkout.offer.quote;
    for (at, bundle) in quote.bundles.iter().enumerate() {
        let now = |line: &OrderLine| {
            let mine = units.iter().filter(|unit| unit.line == line.line);
            mine.map(|unit| unit.quantity).sum::<u32>()
        };
        let places = quote.lines_of(at);
        let lines = view.lines.iter().filter(|line| places.contains(&(line.line as usize)));
        let lines: Vec<&OrderLine> = lines.collect();
        let is_touched = lines.iter().any(|line| now(line) > 0);
        let is_whole = (lines.iter()).all(|line| line.canceled + line.asked + now(line) >= line.quantity);
        if bundle.keep_the_rest != KeepTheRest::Prorate && is_touched && !is_whole {
            return Err(Error::conflict(
                "bundle_goes_back_whole",
                format!(
                    "Cancel \u{201c}{}\u{201d} whole, or give parts of it back once they have left.",
                    bundle.title
                ),
            ));
        }
    }
    Ok(())
}

/// What an order is owed by a lower price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    pub minor: i64,
    /// Everything of it has left and is paid, so that it can go back now.
    pub is_all_taken: bool,
}

/// What an order is owed by lower prices: now, or, as long as something of it is not paid yet, once it is.
pub fn difference(view: &OrderView, prices: &[(VariantId, i64)]) -> Difference {
    let open = view.lines.iter().any(|line| line.open() > 0);
    let moving =
        (view.captures.iter()).any(|capture| !matches!(capture.state, CaptureState::Succeeded | CaptureState::Failed));
    if !open && !moving {
        return Difference {
            minor: differences(view, prices).iter().map(|(_, minor)| minor).sum(),
            is_all_taken: true,
        };
    }
    let expected = view.lines.iter().map(|line| {
        let Some((_, now)) = prices.iter().find(|(variant, _)| *variant == line.variant) else {
            return 0;
        };
        let kept = i64::from(line.quantity - line.canceled - line.asked);
        let back = view.refunded(Part::Line(line.line));
        (line.amount_minor.saturating_mul(kept) / i64::from(line.quantity) - now.saturating_mul(kept) - back).max(0)
    });
    Difference {
        minor: expected.sum(),
        is_all_taken: false,
    }
}

/// What the pieces that are paid and kept cost more than they cost now. What went back of them before is not given back again.
fn differences(view: &OrderView, prices: &[(VariantId, i64)]) -> Vec<(Part, i64)> {
    let mut parts = Vec::new();
    for line in &view.lines {
        let Some((_, now)) = prices.iter().find(|(variant, _)| *variant == line.variant) else {
            continue;
        };
        let units = if mutant!("L13-kept") {
            line.quantity
        } else {
            line.kept()
        };
        let (part, kept) = (Part::Line(line.line), i128::from(units));
        let cost = i128::from(line.amount_minor) * kept / i128::from(line.quantity);
        let paid = if mutant!("L13-again") {
            cost
        } else {
            cost.min(i128::from(view.refundable(part)))
        };
        let more = i64::try_from(paid - i128::from(*now) * kept).unwrap_or(0);
        if more > 0 {
            parts.push((part, more));
        }
    }
    parts
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
            let Refund::Begun(back) = begun else { return Ok(begun) };
            let Some(refund) = &back.by_processor else {
                return Ok(Refund::Begun(back));
            };
            let answer = payments::refund_ask(&app, refund).await;
            let (attempt, refund_id) = (refund.attempt.id, refund.id);
            app.db
                .write(lane, move |tx| {
                    let recorded = payments::record(tx, attempt, Operation::Refund(refund_id), &answer)?;
                    super::conclude(tx, recorded.checkout)
                })
                .await?;
            Ok(Refund::Begun(back))
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
    if store::find_order(tx, shop, order)?.is_none() {
        return Ok(Refund::NotFound);
    }
    super::take_turn(tx, order)?; // Two refunds are planned one after the other, each on what the other left.
    let Some(view) = view(tx, shop, order)? else {
        return Ok(Refund::NotFound);
    };
    let intent = view.order.checkout.intent();
    if let Some(known) = view.adjustments.iter().find(|adjustment| adjustment.id == id) {
        if known.kind != AdjustmentKind::Refund {
            return Ok(Refund::NotFound); // The id belongs to another kind of adjustment.
        }
        return again(tx, &view, id).map(Refund::Again);
    }
    let plan = plan(tx, &view, what)?;
    let units = match what {
        RefundWhat::Lines(lines) => lines.units.clone(),
        // The pieces it was given for: each of them is worth so much less, should it come back.
        RefundWhat::Difference(prices) => {
            let parts = differences(&view, prices);
            let matched = |line: &&OrderLine| parts.iter().any(|(part, _)| *part == Part::Line(line.line));
            let kept = view.lines.iter().filter(matched).map(|line| Ship {
                line: line.line,
                quantity: line.kept(),
            });
            kept.collect()
        }
        RefundWhat::Everything | RefundWhat::Amount(_) => Vec::new(),
    };
    let kept = matches!(what, RefundWhat::Lines(lines) if lines.less_minor > 0);
    let detail = serde_json::json!({ "lines": units, "kept": kept }).to_string();
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
    let by_processor = match &plan.by_processor {
        Some(plan) => Some(begun(tx, intent, id, plan)?),
        None => None,
    };
    if !plan.onto_gift_card.is_empty() {
        gift_cards::give_back(tx, view.order.checkout, id, &plan.onto_gift_card, staff)?;
    }
    if let RefundWhat::Lines(RefundLines {
        units,
        restock: Some(how),
        asked_at,
        ..
    }) = what
    {
        put_back(tx, &view, units, *how, asked_at.is_some())?;
    }
    if plan.amount.minor > 0 {
        tx.publish(&Fact::OrderRefunded {
            shop,
            order,
            adjustment: id,
        })?;
    }
    Ok(Refund::Begun(Box::new(Back {
        amount: plan.amount,
        by_processor,
        gift_card_minor: plan.gift_card_minor(),
    })))
}

fn begun(
    tx: &mut Tx<'_>,
    intent: crate::kernel::IntentId,
    id: AdjustmentId,
    plan: &RefundPlan,
) -> Result<payments::Refund> {
    match payments::refund_begin(tx, intent, id, plan)? {
        RefundBegin::Sending(refund) | RefundBegin::Again(refund) => Ok(refund),
        // The error takes the adjustment back with it.
        RefundBegin::Refused { refundable } => Err(Error::conflict(
            "exceeds_captured",
            format!("At most {refundable} can be given back."),
        )),
    }
}

/// A refund that was begun before, as it was written down.
fn again(tx: &mut Tx<'_>, view: &OrderView, id: AdjustmentId) -> Result<Box<Back>> {
    let mine = view.refunds.iter().filter(|refund| refund.adjustment == id);
    let processor_minor: i64 = mine.map(|refund| refund.minor).sum();
    let empty = RefundPlan {
        amount: view.money(0),
        legs: Vec::new(),
    };
    let by_processor = match processor_minor {
        0 => None,
        _ => Some(begun(tx, view.order.checkout.intent(), id, &empty)?),
    };
    let returned = view.gift_card.iter().flat_map(|used| &used.moves);
    let gift_card_minor = returned
        .filter(|one| one.kind == gift_cards::MoveKind::Returned && one.source == crate::kernel::Id::uuid(id))
        .map(|one| one.minor)
        .sum();
    Ok(Box::new(Back {
        amount: view.money(processor_minor + gift_card_minor),
        by_processor,
        gift_card_minor,
    }))
}

/// Goods that came back are counted once a unit: never more than were shipped.
fn put_back(tx: &mut Tx<'_>, view: &OrderView, units: &[Ship], how: Restock, of_return: bool) -> Result<()> {
    let Order { id, .. } = &view.order;
    for unit in units {
        let line = view
            .lines
            .iter()
            .find(|line| line.line == unit.line)
            .ok_or_else(|| Error::not_found("line"))?;
        let newly = if of_return { 0 } else { unit.quantity };
        if !mutant!("F4-twice") && !store::return_line(tx, *id, unit.line, unit.quantity, newly)? {
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
        let quoted = view.checkout.offer.quote.lines.get(unit.line as usize);
        if mutant!("F5-twice") && quoted.is_some_and(|quoted| quoted.bundle.is_some()) {
            let (variant, location) = (line.variant, line.location);
            let quantity = unit.quantity;
            inventory::restock(
                tx,
                &Claim {
                    variant,
                    location,
                    quantity,
                },
                how,
            )?;
        }
        if view.checkout.is_preorder(unit.line) {
            preorders::given_back(tx, view.order.shop, (*id, unit.line), unit.quantity, how)?;
        }
    }
    Ok(())
}
