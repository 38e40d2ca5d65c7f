//! All SQL on products, variants and prices.

use super::bundle::{Bundle, BundlePart, KeepTheRest};
use super::model::{Product, Sellable, Variant};
use crate::args;
use crate::db::{FromRow, Row, Tx, key_with};
use crate::kernel::{Currency, Id, Money, Page, ProductId, Result, ShopId, VariantId};

impl FromRow for Product {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            slug: row.get(1)?,
            title: row.get(2)?,
            description: row.get(3)?,
            kind: row.get(4)?,
            tax_category: row.get(5)?,
            image: row.get(6)?,
            state: row.get(7)?,
            contract: row.get(8)?,
            version: row.get(9)?,
            created_at: row.get(10)?,
            changed_at: row.get(11)?,
        })
    }
}

impl FromRow for Variant {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let amount: Option<i64> = row.get(7)?;
        let currency: Option<Currency> = row.get(8)?;
        Ok(Self {
            id: row.get(0)?,
            product: row.get(1)?,
            sku: row.get(2)?,
            title: row.get(3)?,
            weight_grams: row.get(4)?,
            position: row.get(5)?,
            state: row.get(6)?,
            price: amount
                .zip(currency)
                .map(|(minor, currency)| Money::new(minor, currency)),
        })
    }
}

impl FromRow for Sellable {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            variant: row.get(0)?,
            product: row.get(1)?,
            sku: row.get(2)?,
            title: row.get(3)?,
            variant_title: row.get(4)?,
            kind: row.get(5)?,
            image: row.get(6)?,
            tax_category: row.get(7)?,
            weight_grams: row.get(8)?,
            price: row.money(9)?,
            price_version: row.get(11)?,
            contract: row.get(12)?,
            is_bundle: row.get(13)?,
        })
    }
}

/// Those of `variants` that can be sold now in `currency`, in the order asked. One prepared look-up a variant: four keys of three tables,
/// which both engines answer faster than a list parameter they would each spell differently.
pub fn sellable(tx: &mut Tx<'_>, shop: ShopId, currency: Currency, variants: &[VariantId]) -> Result<Vec<Sellable>> {
    let mut found = Vec::with_capacity(variants.len());
    for &variant in variants {
        let key = key_with(variant.uuid(), &[currency.code()]);
        found.extend(tx.once(&["variants", "products", "prices"], (shop, key), |tx| {
            tx.maybe_one::<Sellable>(
                "select v.id, v.product_id, v.sku, p.title, v.title, p.kind, p.image, p.tax_category, v.weight_grams,
                        c.amount_minor, c.currency, c.version, p.contract_id, p.is_bundle
                   from variants v
                   join products p on p.id = v.product_id
                   join prices c on c.variant_id = v.id and c.currency = $3
                  where v.id = $2 and v.shop_id = $1 and v.state = 'active' and p.state = 'active'",
                args![shop, variant, currency],
            )
        })?);
    }
    Ok(found)
}

/// A variant as a drop sells it, at whatever price. What only the drop sells need not be for sale in the shop, as long as its product is not archived.
pub fn sellable_in_drop(
    tx: &mut Tx<'_>,
    shop: ShopId,
    currency: Currency,
    variant: VariantId,
    only_there: bool,
) -> Result<Option<Sellable>> {
    tx.maybe_one(
        "select v.id, v.product_id, v.sku, p.title, v.title, p.kind, p.image, p.tax_category, v.weight_grams,
                coalesce(c.amount_minor, 0), coalesce(c.currency, $3), coalesce(c.version, 0), p.contract_id, p.is_bundle
           from variants v
           join products p on p.id = v.product_id
           left join prices c on c.variant_id = v.id and c.currency = $3
          where v.id = $2 and v.shop_id = $1 and ((v.state = 'active' and p.state = 'active') or (cast($4 as bigint) = 1 and p.state <> 'archived'))",
        args![shop, variant, currency, i64::from(only_there)],
    )
}

pub fn find(tx: &mut Tx<'_>, shop: ShopId, product: ProductId) -> Result<Option<Product>> {
    tx.maybe_one(
        "select id, slug, title, description, kind, tax_category, image, state, contract_id, version, created_at, changed_at
           from products where shop_id = $1 and id = $2",
        args![shop, product],
    )
}

pub fn find_by_slug(tx: &mut Tx<'_>, shop: ShopId, slug: &str) -> Result<Option<Product>> {
    tx.maybe_one(
        "select id, slug, title, description, kind, tax_category, image, state, contract_id, version, created_at, changed_at
           from products where shop_id = $1 and slug = $2",
        args![shop, slug],
    )
}

/// Newest first, for staff: every state.
pub fn list(tx: &mut Tx<'_>, shop: ShopId, after: Option<ProductId>, limit: i64) -> Result<Page<Product>> {
    let products = tx.all(
        "select id, slug, title, description, kind, tax_category, image, state, contract_id, version, created_at, changed_at
           from products where shop_id = $1 and id < $2 order by id desc limit $3",
        args![shop, before(after), limit + 1],
    )?;
    Ok(Page::cut(products, limit, |product: &Product| product.id.to_string()))
}

/// Newest first, for viewers: what is for sale.
pub fn list_active(tx: &mut Tx<'_>, shop: ShopId, after: Option<ProductId>, limit: i64) -> Result<Page<Product>> {
    let products = tx.all(
        "select id, slug, title, description, kind, tax_category, image, state, contract_id, version, created_at, changed_at
           from products where shop_id = $1 and state = 'active' and id < $2 order by id desc limit $3",
        args![shop, before(after), limit + 1],
    )?;
    Ok(Page::cut(products, limit, |product: &Product| product.id.to_string()))
}

/// The key a first page starts below: no product is born after the end of time.
fn before(after: Option<ProductId>) -> ProductId {
    after.unwrap_or(ProductId::from_uuid(uuid::Uuid::max()))
}

/// How many products of each state a shop has, for staff: draft, active, archived.
pub fn count(tx: &mut Tx<'_>, shop: ShopId) -> Result<(i64, i64, i64)> {
    tx.one(
        "select cast(coalesce(sum(case when state = 'draft' then 1 else 0 end), 0) as bigint),
                cast(coalesce(sum(case when state = 'active' then 1 else 0 end), 0) as bigint),
                cast(coalesce(sum(case when state = 'archived' then 1 else 0 end), 0) as bigint)
           from products where shop_id = $1",
        args![shop],
    )
}

pub(super) fn insert_product(tx: &mut Tx<'_>, shop: ShopId, product: &Product) -> Result<bool> {
    let inserted = tx.exec(
        "insert into products (id, shop_id, slug, title, description, kind, tax_category, image, state, contract_id, version, created_at, changed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) on conflict (shop_id, slug) do nothing",
        args![
            product.id,
            shop,
            product.slug,
            product.title,
            product.description,
            product.kind,
            product.tax_category,
            product.image,
            product.state,
            product.contract,
            product.version,
            product.created_at,
            product.changed_at,
        ],
    )?;
    Ok(inserted == 1)
}

/// Writes a product if it still has the version it was read with; answers whether it had.
pub(super) fn update_product(tx: &mut Tx<'_>, shop: ShopId, product: &Product) -> Result<bool> {
    let updated = tx.exec(
        "update products set slug = $4, title = $5, description = $6, tax_category = $7, image = $8, state = $9, contract_id = $10,
                changed_at = $11, version = version + 1
          where shop_id = $1 and id = $2 and version = $3",
        args![
            shop,
            product.id,
            product.version,
            product.slug,
            product.title,
            product.description,
            product.tax_category,
            product.image,
            product.state,
            product.contract,
            tx.now(),
        ],
    )?;
    Ok(updated == 1)
}

/// Archives what a shop sells.
pub(super) fn archive_products(tx: &mut Tx<'_>, shop: ShopId) -> Result<()> {
    tx.put(
        "update products set state = 'archived', version = version + 1, changed_at = $2 where shop_id = $1 and state = 'active'",
        args![shop, tx.now()],
    )
}

/// Raises a product's version after a change to its variants or prices.
pub(super) fn raise_version(tx: &mut Tx<'_>, shop: ShopId, product: ProductId) -> Result<()> {
    tx.put(
        "update products set version = version + 1, changed_at = $3 where shop_id = $1 and id = $2",
        args![shop, product, tx.now()],
    )
}

/// All variants of a product in their order, with their price in `currency`; archived ones too.
pub fn variants(tx: &mut Tx<'_>, shop: ShopId, product: ProductId, currency: Currency) -> Result<Vec<Variant>> {
    tx.all(
        "select v.id, v.product_id, v.sku, v.title, v.weight_grams, v.position, v.state, c.amount_minor, c.currency
           from variants v left join prices c on c.variant_id = v.id and c.currency = $3
          where v.shop_id = $1 and v.product_id = $2 order by v.position, v.id limit 100",
        args![shop, product, currency],
    )
}

pub fn variant(tx: &mut Tx<'_>, shop: ShopId, variant: VariantId, currency: Currency) -> Result<Option<Variant>> {
    tx.maybe_one(
        "select v.id, v.product_id, v.sku, v.title, v.weight_grams, v.position, v.state, c.amount_minor, c.currency
           from variants v left join prices c on c.variant_id = v.id and c.currency = $3
          where v.shop_id = $1 and v.id = $2",
        args![shop, variant, currency],
    )
}

/// The product a variant of this shop belongs to, whatever its state.
pub fn product_of(tx: &mut Tx<'_>, shop: ShopId, variant: VariantId) -> Result<Option<Product>> {
    tx.maybe_one(
        "select p.id, p.slug, p.title, p.description, p.kind, p.tax_category, p.image, p.state, p.contract_id, p.version, p.created_at, p.changed_at
           from variants v join products p on p.id = v.product_id where v.shop_id = $1 and v.id = $2",
        args![shop, variant],
    )
}

/// How many variants a product has, and the highest place among them.
pub(super) fn variant_places(tx: &mut Tx<'_>, product: ProductId) -> Result<(i64, i64)> {
    tx.one(
        "select count(*), coalesce(max(position), 0) from variants where product_id = $1",
        args![product],
    )
}

pub(super) fn insert_variant(tx: &mut Tx<'_>, shop: ShopId, variant: &Variant) -> Result<bool> {
    let inserted = tx.exec(
        "insert into variants (id, shop_id, product_id, sku, title, weight_grams, position, state)
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (shop_id, sku) do nothing",
        args![
            variant.id,
            shop,
            variant.product,
            variant.sku,
            variant.title,
            variant.weight_grams,
            variant.position,
            variant.state,
        ],
    )?;
    Ok(inserted == 1)
}

pub(super) fn sku_taken(tx: &mut Tx<'_>, shop: ShopId, sku: &str, except: Option<VariantId>) -> Result<bool> {
    let found: Option<(VariantId,)> = tx.maybe_one(
        "select id from variants where shop_id = $1 and sku = $2",
        args![shop, sku],
    )?;
    Ok(found.is_some_and(|(id,)| Some(id) != except))
}

pub(super) fn update_variant(tx: &mut Tx<'_>, shop: ShopId, variant: &Variant) -> Result<()> {
    tx.put(
        "update variants set sku = $3, title = $4, weight_grams = $5, position = $6, state = $7 where shop_id = $1 and id = $2",
        args![shop, variant.id, variant.sku, variant.title, variant.weight_grams, variant.position, variant.state],
    )
}

/// Archives a variant; answers whether it was not.
pub(super) fn archive_variant(tx: &mut Tx<'_>, shop: ShopId, variant: VariantId) -> Result<bool> {
    let done = tx.exec(
        "update variants set state = 'archived' where shop_id = $1 and id = $2 and state = 'active'",
        args![shop, variant],
    )?;
    Ok(done == 1)
}

/// Every price of a variant of this shop.
pub fn prices(tx: &mut Tx<'_>, shop: ShopId, variant: VariantId) -> Result<Vec<Money>> {
    let rows: Vec<(i64, Currency)> = tx.all(
        "select c.amount_minor, c.currency from prices c join variants v on v.id = c.variant_id
          where v.shop_id = $1 and v.id = $2 order by c.currency limit 200",
        args![shop, variant],
    )?;
    Ok(rows
        .into_iter()
        .map(|(minor, currency)| Money::new(minor, currency))
        .collect())
}

/// The price of a variant in a currency, and its version.
pub fn price(tx: &mut Tx<'_>, shop: ShopId, variant: VariantId, currency: Currency) -> Result<Option<(i64, i64)>> {
    tx.maybe_one(
        "select c.amount_minor, c.version from prices c join variants v on v.id = c.variant_id
          where v.shop_id = $1 and v.id = $2 and c.currency = $3",
        args![shop, variant, currency],
    )
}

/// Sets a price; its version rises only if the amount changes. Answers whether it did.
pub(super) fn put_price(tx: &mut Tx<'_>, variant: VariantId, price: Money) -> Result<bool> {
    let changed = tx.exec(
        "insert into prices (variant_id, currency, amount_minor, version, changed_at) values ($1, $2, $3, 1, $4)
         on conflict (variant_id, currency) do update set amount_minor = excluded.amount_minor, version = prices.version + 1,
           changed_at = excluded.changed_at where prices.amount_minor <> excluded.amount_minor",
        args![variant, price.currency, price.minor, tx.now()],
    )?;
    Ok(changed == 1)
}

/// Whether a product has an active variant with a price in the currency.
pub(super) fn has_offer(tx: &mut Tx<'_>, product: ProductId, currency: Currency) -> Result<bool> {
    let found: Option<(VariantId,)> = tx.maybe_one(
        "select v.id from variants v join prices c on c.variant_id = v.id and c.currency = $2
          where v.product_id = $1 and v.state = 'active' limit 1",
        args![product, currency],
    )?;
    Ok(found.is_some())
}

impl FromRow for BundlePart {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            variant: row.get(0)?,
            quantity: row.get(1)?,
        })
    }
}

/// The parts of a bundle, in their order; none: it is no bundle.
pub fn parts(tx: &mut Tx<'_>, bundle: ProductId) -> Result<Vec<BundlePart>> {
    tx.all(
        "select variant_id, quantity from bundle_parts where product_id = $1 order by position limit 20",
        args![bundle],
    )
}

/// The parts of the bundle that is sold as this variant; none: it is no bundle.
pub fn parts_of(tx: &mut Tx<'_>, variant: VariantId) -> Result<Vec<BundlePart>> {
    tx.all(
        "select b.variant_id, b.quantity from bundle_parts b join variants v on v.product_id = b.product_id
          where v.id = $1 order by b.position limit 20",
        args![variant],
    )
}

/// A bundle of a shop.
pub fn bundle(tx: &mut Tx<'_>, shop: ShopId, product: ProductId) -> Result<Option<Bundle>> {
    let found: Option<(KeepTheRest,)> = tx.maybe_one(
        "select keep_the_rest from bundles where shop_id = $1 and product_id = $2",
        args![shop, product],
    )?;
    let Some((keep_the_rest,)) = found else { return Ok(None) };
    let parts = parts(tx, product)?;
    Ok(Some(Bundle {
        product,
        keep_the_rest,
        parts,
    }))
}

/// Whether a variant is a bundle's own.
pub(super) fn bundle_variant(tx: &mut Tx<'_>, variant: VariantId) -> Result<bool> {
    let found: Option<(ProductId,)> = tx.maybe_one(
        "select p.id from variants v join products p on p.id = v.product_id where v.id = $1 and p.is_bundle = 1",
        args![variant],
    )?;
    Ok(found.is_some())
}

/// Whether a variant is a part of some bundle.
pub(super) fn is_part(tx: &mut Tx<'_>, variant: VariantId) -> Result<bool> {
    let found: Option<(ProductId,)> = tx.maybe_one(
        "select product_id from bundle_parts where variant_id = $1 limit 1",
        args![variant],
    )?;
    Ok(found.is_some())
}

pub(super) fn remove_bundle(tx: &mut Tx<'_>, product: ProductId) -> Result<()> {
    tx.exec("delete from bundle_parts where product_id = $1", args![product])?;
    tx.exec("delete from bundles where product_id = $1", args![product])?;
    Ok(())
}

pub(super) fn insert_bundle(tx: &mut Tx<'_>, shop: ShopId, product: ProductId, keep: KeepTheRest) -> Result<()> {
    tx.put(
        "insert into bundles (product_id, shop_id, keep_the_rest) values ($1, $2, $3)",
        args![product, shop, keep],
    )
}

pub(super) fn insert_part(tx: &mut Tx<'_>, product: ProductId, position: i64, part: &BundlePart) -> Result<()> {
    tx.put(
        "insert into bundle_parts (product_id, position, variant_id, quantity) values ($1, $2, $3, $4)",
        args![product, position, part.variant, part.quantity],
    )
}

pub(super) fn mark_bundle(tx: &mut Tx<'_>, shop: ShopId, product: ProductId, is_bundle: bool) -> Result<()> {
    tx.put(
        "update products set is_bundle = $3 where shop_id = $1 and id = $2",
        args![shop, product, is_bundle],
    )
}
