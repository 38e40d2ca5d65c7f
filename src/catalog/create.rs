//! A product is made, with its variants and their prices, or a variant is added to it later.

use super::model::{NewProduct, NewVariant, Product, ProductState, VARIANTS_MAX, Variant, VariantState, sku_of};
use super::store;
use crate::db::Tx;
use crate::kernel::{Currency, ProductId, Result, ShopId, VariantId, text};

/// What came of making a product.
#[derive(Debug, PartialEq, Eq)]
pub enum Create {
    Created(Product, Vec<Variant>),
    /// Another product has the address that was asked for.
    SlugTaken,
    SkuTaken(String),
    TooManyVariants,
    /// It was to be active at once and nothing of it has a price in the shop's currency.
    NothingToSell,
}

/// Makes a product under an id the caller chose; asked again, it answers what it made. Order of refusals: too many variants, nothing to
/// sell, SKU taken, slug taken.
///
/// An address made from the title gets a number when it is taken; one that was typed is refused. Errors: `invalid_field`.
pub fn create(
    tx: &mut Tx<'_>,
    (shop, currency): (ShopId, Currency),
    id: ProductId,
    new: &NewProduct,
) -> Result<Create> {
    if let Some(product) = store::find(tx, shop, id)? {
        let variants = store::variants(tx, shop, id, currency)?;
        return Ok(Create::Created(product, variants));
    }
    let new = new.clone().checked()?;
    if i64::try_from(new.variants.len()).unwrap_or(i64::MAX) > VARIANTS_MAX {
        return Ok(Create::TooManyVariants);
    }
    let priced = |variant: &NewVariant| variant.price.is_some_and(|price| price.currency == currency);
    if new.state == ProductState::Active && !new.variants.iter().any(priced) {
        return Ok(Create::NothingToSell);
    }
    if let Some(sku) = first_taken_sku(tx, shop, &new.variants)? {
        return Ok(Create::SkuTaken(sku));
    }
    let Some(product) = insert(tx, shop, id, &new)? else {
        return Ok(Create::SlugTaken);
    };
    let mut variants = Vec::with_capacity(new.variants.len());
    for variant in &new.variants {
        let id = tx.id();
        match insert_variant(tx, shop, &product, id, variant)? {
            Some(variant) => variants.push(variant),
            None => {
                return Err(crate::kernel::Error::conflict(
                    "sku_taken",
                    "Another variant took this SKU just now.",
                ));
            }
        }
    }
    Ok(Create::Created(product, variants))
}

/// A typed SKU that another variant has, or that stands twice in the list.
fn first_taken_sku(tx: &mut Tx<'_>, shop: ShopId, variants: &[NewVariant]) -> Result<Option<String>> {
    let typed: Vec<&String> = variants.iter().filter_map(|variant| variant.sku.as_ref()).collect();
    for (index, sku) in typed.iter().enumerate() {
        if typed[..index].contains(sku) || store::sku_taken(tx, shop, sku, None)? {
            return Ok(Some((*sku).clone()));
        }
    }
    Ok(None)
}

fn insert(tx: &mut Tx<'_>, shop: ShopId, id: ProductId, new: &NewProduct) -> Result<Option<Product>> {
    let stem = new.slug.clone().unwrap_or_else(|| text::slug_of(&new.title, "product"));
    let tries = if new.slug.is_some() { 1 } else { 100 };
    for number in 1..=tries {
        let product = Product {
            id,
            slug: if number == 1 {
                stem.clone()
            } else {
                format!("{stem}-{number}")
            },
            title: new.title.clone(),
            description: new.description.clone(),
            kind: new.kind,
            tax_category: new.tax_category,
            image: new.image.clone(),
            state: new.state,
            contract: None,
            version: 1,
            created_at: tx.now(),
            changed_at: tx.now(),
        };
        if store::insert_product(tx, shop, &product)? {
            return Ok(Some(product));
        }
    }
    Ok(None)
}

/// What came of adding a variant.
#[derive(Debug, PartialEq, Eq)]
pub enum AddVariant {
    Added(Variant),
    NotFound,
    SkuTaken,
    TooManyVariants,
}

/// Adds a variant at the end, under an id the caller chose; asked again, it answers what it made.
/// Order of refusals: not found, too many variants, SKU taken. Errors: `invalid_field`.
pub fn add_variant(
    tx: &mut Tx<'_>,
    (shop, currency): (ShopId, Currency),
    product: ProductId,
    id: VariantId,
    new: &NewVariant,
) -> Result<AddVariant> {
    let new = new.clone().checked()?;
    let Some(product) = store::find(tx, shop, product)? else {
        return Ok(AddVariant::NotFound);
    };
    if let Some(variant) = store::variant(tx, shop, id, currency)?.filter(|variant| variant.product == product.id) {
        return Ok(AddVariant::Added(variant));
    }
    if store::variant_places(tx, product.id)?.0 >= VARIANTS_MAX {
        return Ok(AddVariant::TooManyVariants);
    }
    let Some(variant) = insert_variant(tx, shop, &product, id, &new)? else {
        return Ok(AddVariant::SkuTaken);
    };
    store::raise_version(tx, shop, product.id)?;
    Ok(AddVariant::Added(variant))
}

/// Writes the variant and its price; `None` when its SKU is taken.
fn insert_variant(
    tx: &mut Tx<'_>,
    shop: ShopId,
    product: &Product,
    id: VariantId,
    new: &NewVariant,
) -> Result<Option<Variant>> {
    let position = store::variant_places(tx, product.id)?.1 + 1;
    let tries = if new.sku.is_some() { 1 } else { 100 };
    for number in 0..tries {
        let variant = Variant {
            id,
            product: product.id,
            sku: new
                .sku
                .clone()
                .unwrap_or_else(|| sku_of(&product.slug, position + number)),
            title: new.title.clone(),
            weight_grams: new.weight_grams,
            position,
            state: VariantState::Active,
            price: new.price,
        };
        if store::insert_variant(tx, shop, &variant)? {
            if let Some(price) = new.price {
                store::put_price(tx, variant.id, price)?;
            }
            return Ok(Some(variant));
        }
    }
    Ok(None)
}
