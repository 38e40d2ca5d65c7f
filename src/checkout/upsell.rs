//! One more thing, right after a purchase: what the clip offers next, with the method that has just paid, as a checkout and a promise of its own.

use super::model::{Checkout, Order};
use super::one_click::Stored;
use super::{evidence, store};
use crate::catalog::{self, VariantState};
use crate::clips::PublishedAnchor;
use crate::db::Tx;
use crate::identity::{Shop, Trading};
use crate::inventory;
use crate::kernel::{CheckoutId, Error, ProductId, Result, Seconds, StoredMethodId, Time, VariantId};
use crate::payments::stored;

/// What is offered after a purchase, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    pub product: ProductId,
    pub variant: VariantId,
    /// The kept method that paid the purchase.
    pub stored: StoredMethodId,
    pub until: Time,
}

/// What the clip offers next to whoever has just bought from it: the first thing after the one they tapped, else from its start, that is for sale, has
/// one variant to choose, and is not theirs yet. None outside the window, or if nothing that was kept paid for the order.
pub fn next(tx: &mut Tx<'_>, shop: &Shop, checkout: &Checkout, order: &Order, window: Seconds) -> Result<Option<Next>> {
    let until = order.confirmed_at.plus(window);
    if order.canceled_at.is_some() || until <= tx.now() || shop.window.trading(tx.now()) != Trading::Open {
        return Ok(None);
    }
    let Some(seen) = checkout.offer.quote.seen else {
        return Ok(None);
    };
    let Some(stored) = stored::paid_with(tx, checkout.shop, checkout.id.intent())? else {
        return Ok(None);
    };
    let Some(clip) = evidence(tx, checkout)?.clip else {
        return Ok(None);
    };
    let mut anchors: Vec<&PublishedAnchor> = clip
        .content
        .anchors
        .iter()
        .filter(|anchor| anchor.kind.sells())
        .collect();
    anchors.sort_by_key(|anchor| (anchor.start_ms <= seen.at_ms, anchor.start_ms));
    let taken = store::added(tx, checkout.id)?;
    for anchor in anchors {
        let Some(product) = anchor.product else { continue };
        let bought = |variant: VariantId| {
            let lines = &checkout.offer.quote.lines;
            lines.iter().any(|line| line.variant == variant)
                || (checkout.offer.quote.wanted().iter()).any(|wanted| wanted.variant == variant)
                || taken.iter().any(|line| line.starts_with(&variant.to_string()))
        };
        let variants = catalog::variants(tx, checkout.shop, product, shop.currency)?;
        let offered: Vec<VariantId> = variants
            .iter()
            .filter(|variant| variant.state == VariantState::Active && variant.price.is_some())
            .map(|variant| variant.id)
            .filter(|variant| anchor.variant.is_none_or(|named| named == *variant))
            .collect();
        let [variant] = offered[..] else { continue };
        let active = catalog::sellable(tx, checkout.shop, shop.currency, &[variant])?;
        if !bought(variant) && !active.is_empty() && inventory::availability(tx, variant)?.left > 0 {
            return Ok(Some(Next {
                product,
                variant,
                stored,
                until,
            }));
        }
    }
    Ok(None)
}

/// Whether a checkout may follow a purchase: the order stands, its window is open, and the method that paid it pays again.
///
/// Errors: `upsell_over`.
pub(super) fn may_follow(
    tx: &mut Tx<'_>,
    first: CheckoutId,
    by: Option<&Stored>,
    shop: &Shop,
    window: Seconds,
) -> Result<()> {
    let order = store::find_order(tx, shop.id, first.order())?;
    let stands = order.is_some_and(|order| order.canceled_at.is_none() && order.confirmed_at.plus(window) > tx.now());
    let same = match by {
        Some(by) if stands => stored::paid_with(tx, shop.id, first.intent())? == Some(by.method.id),
        _ => false,
    };
    if same || mutant!("P22-late") && by.is_some() {
        return Ok(());
    }
    Err(Error::conflict(
        "upsell_over",
        "This offer was for the minutes after the purchase, with the card that paid it. Buy it as usual; nothing was charged.",
    ))
}

/// Links a checkout to the purchase it follows, in the command that reserves. The same things follow a purchase once: a second tap under another id
/// finds the first, unless that came to nothing. Errors: `already_added`; the caller's command ends with it.
pub(super) fn follow(tx: &mut Tx<'_>, first: CheckoutId, checkout: &Checkout) -> Result<()> {
    let mut lines: Vec<String> = checkout
        .offer
        .quote
        .lines
        .iter()
        .map(|line| format!("{}:{}", line.variant, line.quantity))
        .collect();
    lines.sort_unstable();
    let lines = lines.join(",");
    if mutant!("P22") || store::add(tx, first, &lines, checkout)? || store::add_again(tx, first, &lines, checkout)? {
        return Ok(());
    }
    Err(Error::conflict(
        "already_added",
        "This was added to the purchase already. It was not bought twice.",
    ))
}
