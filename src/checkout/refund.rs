//! Money back after it was taken: lines, an amount, or all of it; exact legs, each reversed as it was paid.
//!
//! What was paid with a gift card and by a processor goes back to the processor's side first, and only then onto the gift card: a buyer gets their money
//! before they get credit. Of lines, that holds line by line. Where the buyer wants credit, what the processor holds goes onto a card of theirs instead.

use super::allocate::allocate;
use super::cancel_units::UnitsCanceled;
use super::model::{AdjustmentKind, Order, OrderLine};
use super::orders::{OrderView, Ship, view};
use super::store;
use crate::app::App;
use crate::catalog::KeepTheRest;
use crate::db::{LaneKey, Tx};
use crate::gift_cards;
use crate::inventory::{self, Claim, Restock};
use crate::kernel::{
    AdjustmentId, Error, Fact, GiftCardId, Id, Money, OrderId, Result, ShopId, StaffId, Time, VariantId,
};
use crate::payments::{
    self, CaptureState, Operation, Part, PlannedLeg, RefundBegin, RefundOf, RefundPlan, RefundState,
};
use crate::preorders;
use crate::taxes;
use uuid::Uuid;

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
    /// Of a bundle that its buyer has nothing of any more: what is still here.
    RestOfBundle(usize),
    /// What this refund was to give back by the processor and did not, unless as much went back since in another way.
    Again(AdjustmentId),
}

/// Why a difference goes back; the buyer reads what it means.
pub const PRICE_MATCH: &str = "price_match";

/// Which way it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// The way the money came: the processor first, and then the gift card.
    #[default]
    AsItCame,
    /// Onto a card of the buyer, at most so much of it; the rest the way it came. Only the buyer may choose that (Directive 2011/83/EU, article 13(1)).
    Credit {
        at_most: Option<i64>,
        code: gift_cards::Code,
    },
}

/// A refund that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRefund {
    /// Chosen by whoever asks: asking again is the same refund.
    pub id: AdjustmentId,
    pub what: RefundWhat,
    pub way: Way,
    pub reason: String,
    pub staff: Option<StaffId>,
}

/// What goes back the way it came, beside what became credit by this refund: an adjustment of its own.
pub fn rest_of(id: AdjustmentId) -> AdjustmentId {
    AdjustmentId::from_uuid(Uuid::new_v5(&id.uuid(), b"rest"))
}

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
    /// What became store credit; it is there at once.
    pub credited_minor: i64,
}

impl Back {
    /// What is on a card of the buyer now, whether it came from there or not.
    pub fn on_cards_minor(&self) -> i64 {
        self.gift_card_minor + self.credited_minor
    }
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

/// How much of a refund would be on a card of the buyer, and how much would go back by the processor; changes nothing.
pub fn preview_ways(tx: &mut Tx<'_>, view: &OrderView, plan: BackPlan, way: &Way) -> Result<(i64, i64)> {
    let whole = plan.amount.minor;
    let dealt = deal(tx, view, plan, way)?;
    let by_processor = dealt.by_processor.map_or(0, |plan| plan.amount.minor);
    Ok((whole - by_processor, by_processor))
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
            refuse_while_taken(view, lines)?;
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
        RefundWhat::RestOfBundle(bundle) => RefundOf::Parts(rest_of_bundle(view, *bundle)),
        RefundWhat::Again(failed) => RefundOf::Parts(not_given_back(view, *failed)?),
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

/// Of lines whose money is being taken at this moment nobody knows what there is to give back: they would come back for nothing. Errors: `capture_pending`.
fn refuse_while_taken(view: &OrderView, lines: &RefundLines) -> Result<()> {
    let mut open = (view.captures.iter())
        .filter(|capture| !matches!(capture.state, CaptureState::Succeeded | CaptureState::Failed))
        .flat_map(|capture| &capture.legs);
    let is_named = |part: Part| lines.units.iter().any(|unit| part == Part::Line(unit.line));
    if open.any(|leg| is_named(leg.part)) {
        return Err(Error::conflict(
            "capture_pending",
            "Their money is being taken right now. Try again in a minute; nothing was given back.",
        ));
    }
    Ok(())
}

/// What the units cost, as far as it was taken and not given back yet.
fn parts(view: &OrderView, lines: &RefundLines) -> Result<Vec<(Part, i64)>> {
    judged(view, lines).map(|(parts, _)| parts)
}

/// Of each line, what is kept because the goods lost in value.
type KeptBack = Vec<(u32, i64)>;

/// The same, and what of each line is kept back.
pub(super) fn judged(view: &OrderView, lines: &RefundLines) -> Result<(Vec<(Part, i64)>, KeptBack)> {
    let mut kept_back = Vec::new();
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
            let back = view.matched(*unit, lines.asked_at) + view.half_returned(unit.line);
            (line.worth(after.min(kept_max)) - line.worth(before) - back).max(0)
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
        for ((part, minor), less) in parts.iter_mut().zip(less) {
            *minor -= less;
            if let (Part::Line(line), true) = (*part, less > 0) {
                kept_back.push((line, less));
            }
        }
    }
    if lines.delivery {
        parts.push((Part::Delivery, view.refundable(Part::Delivery)));
    }
    parts.retain(|(_, minor)| *minor > 0);
    Ok((parts, kept_back))
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
            false => Err(goes_back_whole(&quote.bundles[bundle].title, "as its buyer was told.")),
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
    let mut due = (paid - alone - given_of(view, &of_it)).max(0);
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

/// What went back of lines, and what was kept of them for good.
pub(super) fn given_of(view: &OrderView, lines: &[&OrderLine]) -> i64 {
    let given = |line: &&OrderLine| view.refunded(Part::Line(line.line)) + view.deducted(line.line);
    lines.iter().map(given).sum()
}

/// What is still here of a bundle of which its buyer has nothing any more: what was held back of a part that came back, since the others cost more alone,
/// and of those the last was canceled before it left. Nothing while something of it is on its way: it goes back with that.
fn rest_of_bundle(view: &OrderView, bundle: usize) -> Vec<(Part, i64)> {
    let quote = &view.checkout.offer.quote;
    let places = quote.lines_of(bundle);
    let mine = |line: &&OrderLine| places.contains(&(line.line as usize));
    let lines: Vec<&OrderLine> = view.lines.iter().filter(mine).collect();
    let is_gone = |line: &&OrderLine| line.canceled + line.asked.min(view.units_given_back(line.line)) >= line.quantity;
    if quote.bundles[bundle].keep_the_rest != KeepTheRest::Reprice || !lines.iter().all(is_gone) {
        return Vec::new();
    }
    let paid: i64 = lines.iter().map(|line| line.worth(line.quantity - line.canceled)).sum();
    let mut due = (paid - given_of(view, &lines)).max(0);
    let parts = lines.iter().map(|line| {
        let part = Part::Line(line.line);
        let minor = due.min(view.refundable(part).max(0));
        due -= minor;
        (part, minor)
    });
    parts.filter(|(_, minor)| *minor > 0).collect()
}

/// Gives back, with the cancellation that took their last part, what is still here of bundles their buyer has nothing of any more. While a bank has its
/// money that decides. The processor is asked by the resolver.
pub(super) fn give_back_rests(tx: &mut Tx<'_>, shop: ShopId, order: OrderId, wish: &UnitsCanceled) -> Result<()> {
    let Some(view) = view(tx, shop, order)? else {
        return Ok(());
    };
    if view.intent.as_ref().is_some_and(|intent| intent.disputes_open > 0) {
        return Ok(());
    }
    for bundle in 0..view.checkout.offer.quote.bundles.len() {
        if rest_of_bundle(&view, bundle).is_empty() {
            continue;
        }
        let name = format!("bundle {bundle}");
        let id = AdjustmentId::from_uuid(Uuid::new_v5(&wish.id.uuid(), name.as_bytes()));
        let new = NewRefund {
            id,
            what: RefundWhat::RestOfBundle(bundle),
            way: Way::AsItCame,
            reason: wish.reason.clone(),
            staff: wish.staff,
        };
        if let Refund::Begun(back) = begin(tx, shop, order, &new)?
            && let Some(refund) = &back.by_processor
        {
            payments::refund_soon(tx, refund.id)?;
        }
    }
    Ok(())
}

/// What a refund that failed was made of, as far as it is still owed.
fn not_given_back(view: &OrderView, failed: AdjustmentId) -> Result<Vec<(Part, i64)>> {
    let mut parts: Vec<(Part, i64)> = Vec::new();
    let mine = |refund: &&payments::RefundLine| refund.adjustment == failed && refund.state == RefundState::Failed;
    for leg in view.refunds.iter().filter(mine).flat_map(|refund| &refund.legs) {
        match parts.iter_mut().find(|(part, _)| *part == leg.part) {
            Some((_, minor)) => *minor += leg.minor,
            None => parts.push((leg.part, leg.minor)),
        }
    }
    for (part, minor) in &mut parts {
        *minor = (*minor).min(view.refundable(*part).max(0));
    }
    let shares: Vec<i64> = parts.iter().map(|(_, minor)| *minor).collect();
    let due = payments::outstanding(&view.refunds).min(shares.iter().sum());
    let due = payments::allocate(&shares, &vec![0; shares.len()], due)?;
    let parts = parts.iter().zip(due).map(|((part, _), due)| (*part, due));
    Ok(parts.filter(|(_, due)| *due > 0).collect())
}

/// Refuses what would take a bundle apart, of those whose policy is named, that is `touched` and of which something `stays`. Errors: `bundle_goes_back_whole`.
pub fn refuse_parts_of_bundles(
    view: &OrderView,
    policy: impl Fn(KeepTheRest) -> bool,
    touched: impl Fn(&OrderLine) -> bool,
    stays: impl Fn(&OrderLine) -> u32,
    advice: &str,
) -> Result<()> {
    let quote = &view.checkout.offer.quote;
    for (at, bundle) in quote.bundles.iter().enumerate() {
        let places = quote.lines_of(at);
        let mine = || view.lines.iter().filter(|line| places.contains(&(line.line as usize)));
        if policy(bundle.keep_the_rest) && mine().any(&touched) && mine().any(|line| stays(line) > 0) {
            return Err(goes_back_whole(&bundle.title, advice));
        }
    }
    Ok(())
}

fn goes_back_whole(title: &str, advice: &str) -> Error {
    Error::conflict(
        "bundle_goes_back_whole",
        format!("\u{201c}{title}\u{201d} goes back whole or not at all: {advice}"),
    )
}

/// What an order is owed by a lower price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    pub minor: i64,
    /// Everything of it has left and is paid, so that it can go back now.
    pub is_all_taken: bool,
}

/// Whether something that has left is still to be taken, though it may have been refused: then its buyer pays later, or is asked to.
fn is_owed(view: &OrderView) -> bool {
    let waits =
        |capture: &payments::CaptureLine| !matches!(capture.state, CaptureState::Succeeded | CaptureState::Failed);
    let is_short = |line: &OrderLine| {
        let part = Part::Line(line.line);
        let worth = |intent: &payments::Intent| intent.allocation.worth(part, line.shipped).unwrap_or(0);
        view.captured_by_processor(part) < view.intent.as_ref().map_or(0, worth)
    };
    view.captures.iter().any(waits) || view.lines.iter().any(is_short)
}

/// What an order is owed by lower prices: now, or, as long as something of it is not paid yet, once it is.
pub fn difference(view: &OrderView, prices: &[(VariantId, i64)]) -> Difference {
    let open = view.lines.iter().any(|line| line.open() > 0);
    if !open && !is_owed(view) {
        return Difference {
            minor: differences(view, prices).iter().map(|(_, minor)| minor).sum(),
            is_all_taken: true,
        };
    }
    let expected = view.lines.iter().map(|line| {
        let Some((_, now)) = prices.iter().find(|(variant, _)| *variant == line.variant) else {
            return 0;
        };
        let kept = line.quantity - line.canceled - line.asked;
        (view.paid_of(line, kept) - now.saturating_mul(i64::from(kept))).max(0)
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
        let paid = if mutant!("L13-again") {
            line.worth(units)
        } else {
            // What was kept of pieces that came back worth less is no part of what the others cost.
            view.paid_of(line, units)
                .min(view.refundable(part) - view.deducted(line.line))
        };
        let more = i64::try_from(i128::from(paid) - i128::from(*now) * kept).unwrap_or(0);
        if more > 0 {
            parts.push((part, more));
        }
    }
    parts
}

/// Gives money back. `id` is chosen by whoever asks: asking again is the same refund.
///
/// Order of answers: not found, again, then the errors of [`preview_refund`], begun. A crash after it is finished by the resolver of payments.
pub async fn refund(app: &App, shop: ShopId, order: OrderId, new: NewRefund) -> Result<Refund> {
    refund_while(app, shop, order, new, |_| Ok(())).await
}

/// The same for as long as `still` says yes, in the transaction that begins it and after the order's turn was taken. Errors: its own, too.
pub async fn refund_while(
    app: &App,
    shop: ShopId,
    order: OrderId,
    new: NewRefund,
    still: impl Fn(&mut Tx<'_>) -> Result<()> + Send + 'static,
) -> Result<Refund> {
    let lane = LaneKey::of(order);
    let app = app.clone();
    app.clone()
        .track(async move {
            let begun = app
                .db
                .write(lane, move |tx| {
                    if store::find_order(tx, shop, order)?.is_some() {
                        super::take_turn(tx, order)?;
                        still(tx)?;
                    }
                    begin(tx, shop, order, &new)
                })
                .await?;
            let Refund::Begun(back) = begun else { return Ok(begun) };
            send(&app, lane, &back).await?;
            Ok(Refund::Begun(back))
        })
        .await
}

/// Asks the processor for what was begun, if it has a part in it.
pub(super) async fn send(app: &App, lane: LaneKey, back: &Back) -> Result<()> {
    let Some(refund) = &back.by_processor else {
        return Ok(());
    };
    let answer = payments::refund_ask(app, refund).await;
    let (attempt, refund) = (refund.attempt.id, refund.id);
    app.db
        .write(lane, move |tx| {
            let recorded = payments::record(tx, attempt, Operation::Refund(refund), &answer)?;
            super::conclude(tx, recorded.checkout)
        })
        .await
}

/// What becomes credit of what the processor holds, and what goes back by it: each leg is cut alike, so both are splits that add up.
fn cut(plan: RefundPlan, credit_minor: i64) -> Result<(Option<RefundPlan>, Option<RefundPlan>)> {
    let shares: Vec<i64> = plan.legs.iter().map(|leg| leg.minor).collect();
    let minor = credit_minor.clamp(0, plan.amount.minor);
    let credited = payments::allocate(&shares, &vec![0; shares.len()], minor)?;
    let part = |of: &dyn Fn(&PlannedLeg, i64) -> i64| {
        let legs = plan.legs.iter().zip(&credited).map(|(leg, credited)| PlannedLeg {
            minor: of(leg, *credited),
            ..leg.clone()
        });
        let legs: Vec<PlannedLeg> = legs.filter(|leg| leg.minor > 0).collect();
        let amount = Money::new(legs.iter().map(|leg| leg.minor).sum(), plan.amount.currency);
        (amount.minor > 0).then_some(RefundPlan { amount, legs })
    };
    Ok((
        part(&|_, credited| credited),
        part(&|leg, credited| leg.minor - credited),
    ))
}

/// How a refund is dealt out.
struct Dealt {
    /// Onto this card.
    credit: Option<(GiftCardId, RefundPlan)>,
    by_processor: Option<RefundPlan>,
    onto_gift_card: Vec<PlannedLeg>,
}

/// What comes back onto the gift card that paid is credit already; the processor's part fills it up.
fn deal(tx: &mut Tx<'_>, view: &OrderView, plan: BackPlan, way: &Way) -> Result<Dealt> {
    let mut dealt = Dealt {
        credit: None,
        by_processor: plan.by_processor.clone(),
        onto_gift_card: plan.onto_gift_card.clone(),
    };
    if let (Way::Credit { at_most, .. }, Some(by_processor)) = (way, plan.by_processor.clone()) {
        let used = view.gift_card.as_ref();
        let card = gift_cards::purse(tx, view.order.id, used)?;
        let there = used
            .filter(|used| used.card == card)
            .map_or(0, |_| plan.gift_card_minor());
        let wanted = at_most.unwrap_or(i64::MAX).saturating_sub(there);
        let (credit, rest) = cut(by_processor, wanted)?;
        dealt.credit = credit.map(|credit| (card, credit));
        dealt.by_processor = rest;
    }
    Ok(dealt)
}

/// Writes a refund down: an adjustment, or two if a part of it becomes credit and the rest goes back by the processor.
pub(super) fn begin(tx: &mut Tx<'_>, shop: ShopId, order: OrderId, new: &NewRefund) -> Result<Refund> {
    if store::find_order(tx, shop, order)?.is_none() {
        return Ok(Refund::NotFound);
    }
    super::take_turn(tx, order)?; // Two refunds are planned one after the other, each on what the other left.
    let Some(view) = view(tx, shop, order)? else {
        return Ok(Refund::NotFound);
    };
    let intent = view.order.checkout.intent();
    if let Some(known) = view.adjustments.iter().find(|adjustment| adjustment.id == new.id) {
        if known.kind != AdjustmentKind::Refund {
            return Ok(Refund::NotFound); // The id belongs to another kind of adjustment.
        }
        return again(tx, &view, new).map(Refund::Again);
    }
    let what = &new.what;
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
        RefundWhat::Everything | RefundWhat::Amount(_) | RefundWhat::RestOfBundle(_) | RefundWhat::Again(_) => {
            Vec::new()
        }
    };
    let kept = matches!(what, RefundWhat::Lines(lines) if lines.less_minor > 0);
    let less = match what {
        RefundWhat::Lines(lines) => judged(&view, lines)?.1,
        _ => Vec::new(),
    };
    let detail = serde_json::json!({ "lines": units, "kept": kept, "less": less }).to_string();
    let (amount, gift_card_minor) = (plan.amount, plan.gift_card_minor());
    let dealt = deal(tx, &view, plan, &new.way)?;
    let credited_minor = dealt.credit.as_ref().map_or(0, |(_, plan)| plan.amount.minor);
    let rest_minor = dealt.by_processor.as_ref().map_or(0, |plan| plan.amount.minor);
    // Also if nothing becomes credit: whoever tries a refused rest again looks for it under its own id.
    let is_cut = rest_minor > 0 && new.way != Way::AsItCame;
    let here = amount.minor - if is_cut { rest_minor } else { 0 };
    adjust(tx, &view, new.id, (here, &detail), new)?;
    if is_cut {
        adjust(tx, &view, rest_of(new.id), (rest_minor, r#"{"lines":[]}"#), new)?;
    }
    let rest = if is_cut { rest_of(new.id) } else { new.id };
    let by_processor = match &dealt.by_processor {
        Some(plan) => Some(begun(tx, intent, rest, plan)?),
        None => None,
    };
    if let (Some((card, plan)), Way::Credit { code, .. }) = (&dealt.credit, &new.way) {
        payments::credit(tx, intent, new.id, plan)?;
        let credit = gift_cards::NewCredit {
            shop,
            order,
            card: *card,
            adjustment: new.id,
            minor: plan.amount.minor,
            currency: plan.amount.currency,
            code: code.clone(),
            staff: new.staff,
        };
        gift_cards::credit(tx, &credit)?;
    }
    if !dealt.onto_gift_card.is_empty() {
        gift_cards::give_back(tx, view.order.checkout, new.id, &dealt.onto_gift_card, new.staff)?;
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
    let told = [(here > 0).then_some(new.id), is_cut.then(|| rest_of(new.id))];
    for adjustment in told.into_iter().flatten() {
        tx.publish(&Fact::OrderRefunded {
            shop,
            order,
            adjustment,
        })?;
    }
    Ok(Refund::Begun(Box::new(Back {
        amount,
        by_processor,
        gift_card_minor,
        credited_minor,
    })))
}

fn adjust(
    tx: &mut Tx<'_>,
    view: &OrderView,
    id: AdjustmentId,
    (minor, detail): (i64, &str),
    new: &NewRefund,
) -> Result<()> {
    let kind = AdjustmentKind::Refund;
    if store::insert_adjustment(tx, id, &view.order, kind, minor, &new.reason, detail, new.staff)? {
        return Ok(());
    }
    Err(Error::conflict("id_reused", "This refund id is taken. Make a new one."))
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
fn again(tx: &mut Tx<'_>, view: &OrderView, new: &NewRefund) -> Result<Box<Back>> {
    let rest = rest_of(new.id);
    let mine = |refund: &&payments::RefundLine| refund.adjustment == new.id || refund.adjustment == rest;
    let (credited, sent): (Vec<_>, Vec<_>) = view.refunds.iter().filter(mine).partition(|refund| refund.credited);
    let (credited_minor, processor_minor): (i64, i64) = (
        credited.iter().map(|refund| refund.minor).sum(),
        sent.iter().map(|refund| refund.minor).sum(),
    );
    let empty = RefundPlan {
        amount: view.money(0),
        legs: Vec::new(),
    };
    let by_processor = match sent.first() {
        None => None,
        Some(first) => Some(begun(tx, view.order.checkout.intent(), first.adjustment, &empty)?),
    };
    let returned = view.gift_card.iter().flat_map(|used| &used.moves);
    let gift_card_minor = returned
        .filter(|one| one.kind == gift_cards::MoveKind::Returned && one.source == new.id.uuid())
        .map(|one| one.minor)
        .sum();
    Ok(Box::new(Back {
        amount: view.money(processor_minor + credited_minor + gift_card_minor),
        by_processor,
        gift_card_minor,
        credited_minor,
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
