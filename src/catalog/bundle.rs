//! A bundle: a product of one variant whose price buys several others together.

use super::model::ProductState;
use super::store;
use crate::db::Tx;
use crate::kernel::{Currency, Error, Money, ProductId, Result, ShopId, VariantId};

crate::words! {
    /// What is given back when a part of a bundle comes back and the buyer keeps the rest.
    pub enum KeepTheRest {
        /// What was paid for the part: its share of the bundle's price.
        Prorate = "prorate",
        /// What the bundle cost, less what the kept parts cost alone; never less than nothing.
        Reprice = "reprice",
        /// Nothing: only the whole bundle goes back.
        None = "none",
    }
}

impl KeepTheRest {
    /// What a buyer is told before they buy.
    pub fn told(self) -> &'static str {
        match self {
            Self::Prorate => "Parts of it can go back alone, each for its share of the price.",
            Self::Reprice => "If parts of it go back, what you keep costs what it costs alone.",
            Self::None => "It goes back whole or not at all.",
        }
    }
}

/// One part of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundlePart {
    pub variant: VariantId,
    /// Of each bundle.
    pub quantity: u32,
}

/// What a bundle is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    pub product: ProductId,
    pub keep_the_rest: KeepTheRest,
    pub parts: Vec<BundlePart>,
}

/// What became of setting one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetBundle {
    /// With the product's version now.
    Set(Bundle, i64),
    /// It is a product of its own again.
    Dissolved(i64),
    NotFound,
    Stale(i64),
    /// A bundle is one thing for one price: its product has one variant.
    SeveralVariants,
    /// This variant is not in the shop, not active, or has no price in the shop's currency.
    NotForSale(VariantId),
    /// A bundle is not a part of a bundle, nor of itself.
    Nested(VariantId),
}

const PARTS_MAX: usize = 10;
const EACH_MAX: u32 = 20;

/// Makes a product a bundle of these parts, or, of none, a product of its own again. What was quoted and sold before stays as it was.
///
/// Order of answers: not found, stale, several variants, invalid fields, nested, not for sale, set.
pub fn set_bundle(
    tx: &mut Tx<'_>,
    (shop, currency): (ShopId, Currency),
    id: ProductId,
    version: i64,
    keep_the_rest: KeepTheRest,
    parts: &[BundlePart],
) -> Result<SetBundle> {
    let Some(product) = store::find(tx, shop, id)? else {
        return Ok(SetBundle::NotFound);
    };
    if product.version != version {
        return Ok(SetBundle::Stale(product.version));
    }
    let own = store::variants(tx, shop, id, currency)?;
    if own.len() != 1 && !parts.is_empty() {
        return Ok(SetBundle::SeveralVariants);
    }
    checked(parts)?;
    for part in parts {
        let of = store::product_of(tx, shop, part.variant)?;
        if of.as_ref().is_some_and(|of| of.id == id) || store::bundle_variant(tx, part.variant)? {
            return Ok(SetBundle::Nested(part.variant));
        }
        let sold = of.is_some_and(|of| of.state != ProductState::Archived);
        let priced = store::variant(tx, shop, part.variant, currency)?.is_some_and(|variant| variant.price.is_some());
        if !sold || !priced {
            return Ok(SetBundle::NotForSale(part.variant));
        }
    }
    if let ([variant], [_, ..]) = (&own[..], parts)
        && store::is_part(tx, variant.id)?
    {
        return Ok(SetBundle::Nested(variant.id));
    }
    store::remove_bundle(tx, id)?;
    if !parts.is_empty() {
        store::insert_bundle(tx, shop, id, keep_the_rest)?;
        for (position, part) in (0i64..).zip(parts) {
            store::insert_part(tx, id, position, part)?;
        }
    }
    store::mark_bundle(tx, shop, id, !parts.is_empty())?;
    store::raise_version(tx, shop, id)?;
    let version = version + 1;
    Ok(match parts {
        [] => SetBundle::Dissolved(version),
        parts => SetBundle::Set(
            Bundle {
                product: id,
                keep_the_rest,
                parts: parts.to_vec(),
            },
            version,
        ),
    })
}

fn checked(parts: &[BundlePart]) -> Result<()> {
    if parts.len() > PARTS_MAX {
        return Err(Error::field("/parts", "A bundle has at most 10 different parts."));
    }
    if parts.iter().any(|part| !(1..=EACH_MAX).contains(&part.quantity)) {
        return Err(Error::field("/parts", "Of each part a bundle has 1 to 20."));
    }
    let doubled = (1..parts.len()).any(|at| parts[..at].iter().any(|other| other.variant == parts[at].variant));
    if doubled {
        return Err(Error::field("/parts", "Name each part once, with how many of it."));
    }
    Ok(())
}

/// What the parts of a bundle cost alone, together.
pub fn alone(tx: &mut Tx<'_>, shop: ShopId, currency: Currency, parts: &[BundlePart]) -> Result<Option<Money>> {
    let mut sum = Money::zero(currency);
    for part in parts {
        let found = store::variant(tx, shop, part.variant, currency)?;
        let Some(price) = found.and_then(|variant| variant.price) else {
            return Ok(None);
        };
        sum = sum.plus(price.times(part.quantity)?)?;
    }
    Ok(Some(sum))
}
