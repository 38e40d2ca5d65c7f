//! Products, variants and prices change; an edit names the version it was made on, and a stale one is refused.

use super::model::{Product, ProductEdit, ProductState, Variant, VariantEdit, VariantState, checked_price};
use super::store;
use crate::db::Tx;
use crate::kernel::{ContractId, Currency, Money, ProductId, Result, ShopId, VariantId};

/// What came of an edit. The version is always the product's: its variants and prices change with it.
#[derive(Debug, PartialEq, Eq)]
pub enum Edit<T> {
    Edited(T, i64),
    NotFound,
    /// Someone else was faster; this is the version now.
    Stale(i64),
    SlugTaken,
    SkuTaken,
    /// Active needs at least one active variant with a price in the shop's currency.
    NothingToSell,
}

/// Edits a product; `state` publishes, hides or archives it. Order of refusals: not found, stale, slug taken, nothing to sell.
pub fn edit_product(
    tx: &mut Tx<'_>,
    (shop, currency): (ShopId, Currency),
    id: ProductId,
    version: i64,
    edit: &ProductEdit,
) -> Result<Edit<Product>> {
    let Some(product) = store::find(tx, shop, id)? else {
        return Ok(Edit::NotFound);
    };
    if product.version != version {
        return Ok(Edit::Stale(product.version));
    }
    let edited = edit.apply(&product)?;
    if store::find_by_slug(tx, shop, &edited.slug)?.is_some_and(|other| other.id != id) {
        return Ok(Edit::SlugTaken);
    }
    let becomes_active = edited.state == ProductState::Active && product.state != ProductState::Active;
    if becomes_active && !store::has_offer(tx, id, currency)? {
        return Ok(Edit::NothingToSell);
    }
    write(tx, shop, edited)
}

/// Sets who earns from a product. The caller has seen that the contract is the shop's.
pub fn set_contract(
    tx: &mut Tx<'_>,
    shop: ShopId,
    id: ProductId,
    version: i64,
    contract: Option<ContractId>,
) -> Result<Edit<Product>> {
    let Some(product) = store::find(tx, shop, id)? else {
        return Ok(Edit::NotFound);
    };
    if product.version != version {
        return Ok(Edit::Stale(product.version));
    }
    write(tx, shop, Product { contract, ..product })
}

fn write(tx: &mut Tx<'_>, shop: ShopId, product: Product) -> Result<Edit<Product>> {
    if !store::update_product(tx, shop, &product)? {
        return Ok(Edit::Stale(product.version + 1));
    }
    let version = product.version + 1;
    Ok(Edit::Edited(
        Product {
            version,
            changed_at: tx.now(),
            ..product
        },
        version,
    ))
}

/// Edits a variant against its product's version. Order of refusals: not found, stale, SKU taken, nothing to sell.
///
/// The last variant of an active product cannot be archived: archive the product.
pub fn edit_variant(
    tx: &mut Tx<'_>,
    (shop, currency): (ShopId, Currency),
    id: VariantId,
    version: i64,
    edit: &VariantEdit,
) -> Result<Edit<Variant>> {
    let Some(product) = store::product_of(tx, shop, id)? else {
        return Ok(Edit::NotFound);
    };
    let Some(variant) = store::variant(tx, shop, id, currency)? else {
        return Ok(Edit::NotFound);
    };
    if product.version != version {
        return Ok(Edit::Stale(product.version));
    }
    let edited = edit.apply(&variant)?;
    if store::sku_taken(tx, shop, &edited.sku, Some(id))? {
        return Ok(Edit::SkuTaken);
    }
    let leaves = edited.state == VariantState::Archived && product.state == ProductState::Active;
    if leaves && !others_sell(tx, shop, currency, &variant)? {
        return Ok(Edit::NothingToSell);
    }
    store::update_variant(tx, shop, &edited)?;
    store::raise_version(tx, shop, product.id)?;
    Ok(Edit::Edited(edited, version + 1))
}

fn others_sell(tx: &mut Tx<'_>, shop: ShopId, currency: Currency, variant: &Variant) -> Result<bool> {
    let variants = store::variants(tx, shop, variant.product, currency)?;
    Ok(variants
        .iter()
        .any(|other| other.id != variant.id && other.state == VariantState::Active && other.price.is_some()))
}

/// Whether a variant can leave the shop: it has already, or its product is no more than a draft, or something else of it is sold.
pub fn may_withdraw(tx: &mut Tx<'_>, shop: ShopId, currency: Currency, id: VariantId) -> Result<bool> {
    let (Some(product), Some(variant)) = (
        store::product_of(tx, shop, id)?,
        store::variant(tx, shop, id, currency)?,
    ) else {
        return Ok(false);
    };
    Ok(variant.state == VariantState::Archived
        || product.state != ProductState::Active
        || others_sell(tx, shop, currency, &variant)?)
}

/// Takes a variant out of the shop, for good: it is sold elsewhere, or no more. Twice is once.
pub fn withdraw(tx: &mut Tx<'_>, shop: ShopId, id: VariantId) -> Result<()> {
    if store::archive_variant(tx, shop, id)?
        && let Some(product) = store::product_of(tx, shop, id)?
    {
        store::raise_version(tx, shop, product.id)?;
    }
    Ok(())
}

/// Takes everything out of a shop that has closed. Twice is once.
pub fn archive_all(tx: &mut Tx<'_>, shop: ShopId) -> Result<()> {
    store::archive_products(tx, shop)
}

/// What came of setting a price.
#[derive(Debug, PartialEq, Eq)]
pub enum SetPrice {
    Set { price: Money, product_version: i64 },
    NotFound,
    Stale(i64),
}

/// Sets a variant's price in one currency. Without a version the last one to speak wins: setting is whole in itself.
/// Order of refusals: not found, stale. Errors: `invalid_field`.
pub fn set_price(
    tx: &mut Tx<'_>,
    shop: ShopId,
    variant: VariantId,
    version: Option<i64>,
    price: Money,
) -> Result<SetPrice> {
    let price = checked_price(price)?;
    let Some(product) = store::product_of(tx, shop, variant)? else {
        return Ok(SetPrice::NotFound);
    };
    if version.is_some_and(|version| version != product.version) {
        return Ok(SetPrice::Stale(product.version));
    }
    if !store::put_price(tx, variant, price)? {
        return Ok(SetPrice::Set {
            price,
            product_version: product.version,
        });
    }
    store::raise_version(tx, shop, product.id)?;
    Ok(SetPrice::Set {
        price,
        product_version: product.version + 1,
    })
}
