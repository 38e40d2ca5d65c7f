//! What a drop sells to whoever asks now, for a quote, and once more when somebody taps.

use super::early::may_enter;
use super::model::{Drop, DropState, Item, Offered, QuotedDrop, must_be_open, unknown};
use super::run::opened;
use super::{rules, store};
use crate::catalog::{self, Sellable};
use crate::db::Tx;
use crate::kernel::{Currency, DropId, Error, Result, ShopId, VariantId};

/// What a drop sells of `variants` now, to a guest earlier; changes nothing. Errors, in this order: `no_such_drop`, `drop_not_open`, `drop_paused`, `drop_closed`,
/// `not_in_drop`.
pub fn offered(
    tx: &mut Tx<'_>,
    shop: ShopId,
    id: DropId,
    variants: &[VariantId],
    key: Option<&[u8; 32]>,
) -> Result<Offered> {
    let drop = store::find(tx, shop, id)?.ok_or_else(unknown)?;
    if !may_enter(tx, &drop, key)? {
        must_be_open(&drop, tx.now())?;
    }
    those(tx, &drop, variants)
}

/// The same for who has reserved: a drop that closed meanwhile still tells them its prices. Errors: `no_such_drop`, `not_in_drop`.
pub fn offered_to_holder(tx: &mut Tx<'_>, shop: ShopId, id: DropId, variants: &[VariantId]) -> Result<Offered> {
    let drop = store::find(tx, shop, id)?.ok_or_else(unknown)?;
    those(tx, &drop, variants)
}

/// The same at the tap, in the transaction that reserves: whoever comes first after the time that was set for the opening opens it. Errors: as [`offered`].
pub fn enter(
    tx: &mut Tx<'_>,
    shop: ShopId,
    id: DropId,
    variants: &[VariantId],
    key: Option<&[u8; 32]>,
) -> Result<Offered> {
    let mut drop = store::find(tx, shop, id)?.ok_or_else(unknown)?;
    if may_enter(tx, &drop, key)? {
        return those(tx, &drop, variants);
    }
    must_be_open(&drop, tx.now())?;
    if drop.state == DropState::Scheduled {
        drop = opened(tx, &drop, None)?;
    }
    if drop.next_check_at.is_some_and(|at| at <= tx.now()) {
        drop = rules::by_the_clock(tx, drop)?;
    }
    those(tx, &drop, variants)
}

/// Asks ahead what a quote in a drop, and the tap that follows it, will read before they change anything.
pub fn ask_offered(
    tx: &mut Tx<'_>,
    (shop, id): (ShopId, DropId),
    currency: Currency,
    variants: &[VariantId],
    key: Option<&[u8; 32]>,
) {
    drop(store::find(tx, shop, id));
    drop(store::items(tx, id));
    drop(store::anybody_waits(tx, id));
    for variant in variants {
        drop(catalog::sellable_in_drop(tx, shop, currency, *variant, false));
        if let Some(key) = key {
            drop(store::wait_of(tx, id, *variant, key));
        }
    }
}

fn those(tx: &mut Tx<'_>, drop: &Drop, variants: &[VariantId]) -> Result<Offered> {
    let all = store::items(tx, drop.id)?;
    let mut items = Vec::with_capacity(variants.len());
    for variant in variants {
        let Some(item) = all.iter().find(|item| item.variant == *variant) else {
            return Err(Error::conflict(
                "not_in_drop",
                "This is not sold in this drop. Buy it in the shop.",
            ));
        };
        items.push(*item);
    }
    Ok(Offered {
        drop: QuotedDrop {
            id: drop.id,
            position: drop.version,
            hold_minutes: drop.hold_minutes,
            limit: drop.limit,
            waits: drop.line_rate > 0,
        },
        items,
    })
}

/// Those of `items` that can be sold now, as the catalogue describes them and at the drop's prices.
pub fn sellable(tx: &mut Tx<'_>, shop: ShopId, currency: Currency, items: &[Item]) -> Result<Vec<Sellable>> {
    let mut found = Vec::with_capacity(items.len());
    for item in items.iter().filter(|item| item.price.currency == currency) {
        let known = catalog::sellable_in_drop(tx, shop, currency, item.variant, item.transient)?;
        found.extend(known.map(|sellable| Sellable {
            price: item.price,
            price_version: item.price_version,
            ..sellable
        }));
    }
    Ok(found)
}
