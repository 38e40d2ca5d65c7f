//! Reading orders, and counting what was shipped of them.

use super::model::{Adjustment, AdjustmentKind, Checkout, Order, OrderLine, OrderState};
use super::refund::PRICE_MATCH;
use super::store;
use crate::db::Tx;
use crate::gift_cards;
use crate::kernel::{AdjustmentId, CheckoutId, Error, Id, Money, OrderId, Page, PageIn, Result, ShopId, Time};
use crate::payments::{self, CaptureLine, CaptureState, Intent, Part, PlannedLeg, RefundLine, RefundState};

/// An order of a shop.
pub fn order(tx: &mut Tx<'_>, shop: ShopId, id: OrderId) -> Result<Option<Order>> {
    store::find_order(tx, shop, id)
}

/// The order a checkout became, if it did.
pub fn order_of_checkout(tx: &mut Tx<'_>, shop: ShopId, checkout: CheckoutId) -> Result<Option<Order>> {
    store::find_order(tx, shop, checkout.order())
}

/// Orders, newest first.
pub fn orders(tx: &mut Tx<'_>, shop: ShopId, page: &PageIn) -> Result<Page<Order>> {
    store::list_orders(tx, shop, page.after()?, page.limit())
}

/// An order with everything that belongs to it on this side of fulfilment.
#[derive(Clone, Debug)]
pub struct OrderView {
    pub order: Order,
    pub state: OrderState,
    pub lines: Vec<OrderLine>,
    pub checkout: Checkout,
    pub intent: Option<Intent>,
    pub captures: Vec<CaptureLine>,
    pub refunds: Vec<RefundLine>,
    pub adjustments: Vec<Adjustment>,
    /// What banks took back of it, in disputes that are open or lost.
    pub disputed: Vec<PlannedLeg>,
    /// What a gift card paid of it, and what came back onto it.
    pub gift_card: Option<gift_cards::Use>,
    /// Since when nothing of it says who the buyer was.
    pub erased_at: Option<Time>,
}

impl OrderView {
    /// What a bank took back of a line or of the delivery.
    pub fn disputed(&self, part: Part) -> i64 {
        let legs = self.disputed.iter().filter(|leg| leg.part == part);
        legs.map(|leg| leg.minor).sum()
    }
    /// What of a line or of the delivery is neither given back nor taken by a bank in a dispute.
    pub fn refundable(&self, part: Part) -> i64 {
        self.captured(part) - self.refunded(part) - self.disputed(part)
    }
    /// Whether a processor refused to give it back.
    fn failed(&self, adjustment: &Adjustment) -> bool {
        let mut mine = self.refunds.iter().filter(|refund| refund.adjustment == adjustment.id);
        mine.any(|refund| refund.state == RefundState::Failed)
    }
    /// Units of a line that were named in refunds; those of a price match are kept. What a processor refused to give back is not among them.
    pub(super) fn units_given_back(&self, line: u32) -> u32 {
        let refunds = self
            .adjustments
            .iter()
            .filter(|one| one.kind == AdjustmentKind::Refund && one.reason != PRICE_MATCH && !self.failed(one));
        let units = refunds.flat_map(Adjustment::units).filter(|unit| unit.line == line);
        units.map(|unit| unit.quantity).sum()
    }
    /// Whether something was kept of a line when units of it came back, because they had lost value: that is not given back with its last units.
    pub(super) fn kept_of(&self, line: u32) -> bool {
        let of_it = |change: &&Adjustment| change.units().iter().any(|unit| unit.line == line);
        let kept = |change: &Adjustment| {
            let detail: serde_json::Value = serde_json::from_str(&change.detail).unwrap_or_default();
            detail["kept"] == true
        };
        let refunds = (self.adjustments.iter()).filter(|change| change.kind == AdjustmentKind::Refund);
        refunds.filter(of_it).any(kept)
    }
    /// What was kept of a line because units of it that came back had lost value: theirs, not of what its buyer still has.
    pub(super) fn deducted(&self, line: u32) -> i64 {
        #[derive(serde::Deserialize, Default)]
        struct Detail {
            #[serde(default)]
            less: Vec<(u32, i64)>,
        }
        let refunds = (self.adjustments.iter()).filter(|one| one.kind == AdjustmentKind::Refund && !self.failed(one));
        let less = refunds.flat_map(|one| serde_json::from_str::<Detail>(&one.detail).unwrap_or_default().less);
        less.filter(|(of, _)| *of == line).map(|(_, minor)| minor).sum()
    }
    /// What was paid of units of a line that its buyer has: the price, less what went back of them because they cost less now, and less what went back
    /// of the line without naming units. Other units' money does not count, whether it is on its way or was kept.
    pub(super) fn paid_of(&self, line: &OrderLine, quantity: u32) -> i64 {
        let named = Ship {
            line: line.line,
            quantity,
        };
        // What went back the way it came beside what became credit is of the units that the credit names.
        let rests: Vec<AdjustmentId> = self.adjustments.iter().map(|one| super::rest_of(one.id)).collect();
        let of_none = |one: &&Adjustment| {
            one.kind == AdjustmentKind::Refund && one.units().is_empty() && !rests.contains(&one.id)
        };
        let goodwill = (self.adjustments.iter())
            .filter(of_none)
            .map(|one| self.returned_by(one, Part::Line(line.line)));
        line.worth(quantity) - self.matched(named, None) - goodwill.sum::<i64>()
    }
    /// What went back of a line in refunds of which another part failed: whoever tries again has so much of it already.
    pub(super) fn half_returned(&self, line: u32) -> i64 {
        let named = |one: &&Adjustment| self.failed(one) && one.units().iter().any(|unit| unit.line == line);
        let failed = self.adjustments.iter().filter(named);
        failed.map(|one| self.returned_by(one, Part::Line(line))).sum()
    }
    /// What a refund gave back of a part, whichever way.
    fn returned_by(&self, change: &Adjustment, part: Part) -> i64 {
        let mine = (self.refunds.iter())
            .filter(|refund| refund.adjustment == change.id && refund.state != RefundState::Failed)
            .flat_map(|refund| &refund.legs);
        let onto_card = (self.gift_card.iter().flat_map(|used| &used.moves))
            .filter(|one| one.kind == gift_cards::MoveKind::Returned && one.source == change.id.uuid())
            .flat_map(|one| &one.legs);
        let legs = mine.chain(onto_card).filter(|leg| leg.part == part);
        legs.map(|leg| leg.minor).sum()
    }
    /// Money that was taken altogether, by the processor and from a gift card.
    pub fn taken_minor(&self) -> i64 {
        self.intent.as_ref().map_or(0, |intent| intent.captured_minor)
            + self.gift_card.as_ref().map_or(0, |used| used.taken_minor)
    }
    /// Money that went back altogether.
    pub fn given_back_minor(&self) -> i64 {
        self.intent.as_ref().map_or(0, |intent| intent.refunded_minor)
            + self.gift_card.as_ref().map_or(0, |used| used.returned_minor)
    }
    /// What went back of these units because they cost less now: of each its share, unless it was on its way back already.
    pub(super) fn matched(&self, unit: Ship, asked_at: Option<Time>) -> i64 {
        let mut minor = 0;
        let matches = self.adjustments.iter().filter(|change| change.reason == PRICE_MATCH);
        for change in matches.filter(|change| asked_at.is_none_or(|asked| change.at < asked)) {
            let units = change.units();
            let kept = units
                .iter()
                .filter(|kept| kept.line == unit.line)
                .map(|kept| kept.quantity);
            let kept: u32 = kept.sum();
            let sum = self.returned_by(change, Part::Line(unit.line));
            minor += sum * i64::from(unit.quantity.min(kept)) / i64::from(kept.max(1));
        }
        minor
    }
    /// What was canceled before it left: its price was never taken.
    pub fn canceled_minor(&self) -> i64 {
        let canceled = (self.adjustments.iter()).filter(|change| change.kind == AdjustmentKind::Cancellation);
        canceled.map(|change| change.amount_minor).sum()
    }
    /// What may still be given back altogether.
    pub fn refundable_minor(&self) -> i64 {
        self.intent.as_ref().map_or(0, Intent::refundable_minor)
            + self.gift_card.as_ref().map_or(0, gift_cards::Use::returnable_minor)
    }
    /// Money that was given back of a line or of the delivery, or is on its way.
    pub fn refunded(&self, part: Part) -> i64 {
        self.refunded_by_processor(part) + self.gift_card.as_ref().map_or(0, |used| used.returned(part))
    }
    /// The same without what went back onto a gift card.
    pub(super) fn refunded_by_processor(&self, part: Part) -> i64 {
        let kept = self.refunds.iter().filter(|refund| refund.state != RefundState::Failed);
        kept.flat_map(|refund| &refund.legs)
            .filter(|leg| leg.part == part)
            .map(|leg| leg.minor)
            .sum()
    }
    /// Money that was taken of a line or of the delivery.
    pub fn captured(&self, part: Part) -> i64 {
        self.captured_by_processor(part) + self.gift_card.as_ref().map_or(0, |used| used.taken(part))
    }
    /// The same without what a gift card paid.
    pub(super) fn captured_by_processor(&self, part: Part) -> i64 {
        let taken = self
            .captures
            .iter()
            .filter(|capture| capture.state == CaptureState::Succeeded);
        taken
            .flat_map(|capture| &capture.legs)
            .filter(|leg| leg.part == part)
            .map(|leg| leg.minor)
            .sum()
    }
    pub fn money(&self, minor: i64) -> Money {
        self.order.money(minor)
    }
}

/// Everything about an order of a shop.
pub fn view(tx: &mut Tx<'_>, shop: ShopId, id: OrderId) -> Result<Option<OrderView>> {
    let Some(sold) = sold(tx, shop, id)? else {
        return Ok(None);
    };
    let intent = sold.order.checkout.intent();
    let gift_card = match sold.checkout.offer.gift_card {
        Some(_) => gift_cards::used(tx, sold.checkout.id)?,
        None => None,
    };
    Ok(Some(OrderView {
        gift_card,
        captures: payments::captures(tx, intent)?,
        refunds: payments::refunds(tx, intent)?,
        disputed: (payments::disputes::legs_taken(tx, intent)?.into_iter())
            .flat_map(|(_, legs)| legs)
            .collect(),
        adjustments: store::adjustments(tx, id)?,
        ..sold
    }))
}

/// Asks ahead what [`sold`] reads.
pub fn ask_sold(tx: &mut Tx<'_>, shop: ShopId, id: OrderId) {
    let checkout = CheckoutId::from_uuid(id.uuid()); // An order has its checkout's id.
    drop(store::find_born(tx, shop, id));
    drop(store::lines(tx, id));
    drop(payments::intent(tx, checkout.intent()));
}

/// An order as it was sold, for what follows from the sale: what was taken or given back since is not asked for.
pub fn sold(tx: &mut Tx<'_>, shop: ShopId, id: OrderId) -> Result<Option<OrderView>> {
    let Some((order, checkout, erased_at)) = store::find_born(tx, shop, id)? else {
        return Ok(None);
    };
    let lines = store::lines(tx, id)?;
    let intent = payments::intent(tx, order.checkout.intent())?;
    Ok(Some(OrderView {
        state: OrderState::of(&order, &lines, intent.as_ref()),
        lines,
        checkout,
        intent,
        captures: Vec::new(),
        refunds: Vec::new(),
        adjustments: Vec::new(),
        disputed: Vec::new(),
        gift_card: None,
        erased_at,
        order,
    }))
}

/// Units of a line that travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ship {
    pub line: u32,
    pub quantity: u32,
}

/// Counts units as shipped, all or nothing, after [`take_turn`]. Errors: `line_not_open` when more than are open were named; the caller's command ends with it.
pub fn mark_shipped(tx: &mut Tx<'_>, order: OrderId, units: &[Ship]) -> Result<()> {
    for unit in units {
        if mutant!("F2") {
            continue;
        }
        let line = if mutant!("F2-line") { 0 } else { unit.line };
        if unit.quantity == 0 || !store::ship_line(tx, order, line, unit.quantity)? {
            return Err(Error::conflict(
                "line_not_open",
                format!("Line {} has not so many units left to ship.", unit.line + 1),
            ));
        }
    }
    Ok(())
}

/// Waits for whoever changes units of this order right now, and sees what they left: what is decided by all units of an order is decided by one at a
/// time. It is the order's next version.
pub fn take_turn(tx: &mut Tx<'_>, order: OrderId) -> Result<()> {
    store::touch_order(tx, order)
}
