//! A quote comes back at checkout time: what is payable now is at most what was shown.

use super::model::Quote;
use crate::db::Tx;
use crate::kernel::{Result, ShopId, VariantId};
use crate::{catalog, clips, delivery};

/// What came of looking at a quote again.
#[derive(Debug)]
pub enum Recheck {
    /// The quote to freeze: its total is at most the one shown.
    Payable(Box<Quote>),
    Expired,
    /// Signed by us, for another shop.
    ForeignShop,
    /// Archived or without a price by now.
    NotForSale(VariantId),
    /// The clip it was shown in was unpublished: embedded players elsewhere sell no more.
    ClipGone,
    /// The delivery that was shown is not offered any more.
    DeliveryGone,
}

/// Looks at a quote again. Order of answers: foreign shop, expired, clip gone, not for sale, delivery gone, payable.
///
/// A price that fell is passed on; one that rose is not charged while the quote holds. Tax rates and contract versions stay as shown: a
/// quote lives for minutes, and the sale freezes both.
pub fn recheck(tx: &mut Tx<'_>, shop: ShopId, quote: &Quote) -> Result<Recheck> {
    if quote.shop != shop {
        return Ok(Recheck::ForeignShop);
    }
    if tx.now() >= quote.expires_at {
        return Ok(Recheck::Expired);
    }
    if let Some(seen) = quote.seen
        && !clips::is_published(tx, shop, seen.clip)?
    {
        return Ok(Recheck::ClipGone);
    }
    let mut payable = quote.clone();
    for line in &mut payable.lines {
        let Some(now) = catalog::sellable(tx, shop, quote.currency, &[line.variant])?.pop() else {
            return Ok(Recheck::NotForSale(line.variant));
        };
        if now.price.minor < line.unit {
            line.unit = now.price.minor;
            line.price_version = now.price_version;
        }
    }
    if let Some(shown) = &mut payable.delivery {
        let Some(now) = delivery::method(tx, shop, shown.method)? else { return Ok(Recheck::DeliveryGone) };
        if now.price.currency != quote.currency {
            return Ok(Recheck::DeliveryGone);
        }
        shown.price = shown.price.min(now.price.minor);
    }
    payable.add_up()?;
    assert!(payable.total <= quote.total, "the buyer pays at most what was shown");
    Ok(Recheck::Payable(Box::new(payable)))
}
