//! All SQL on tax rates.

use super::model::TaxRate;
use crate::args;
use crate::catalog::TaxCategory;
use crate::db::{FromRow, Row, Tx, key_with};
use crate::kernel::{Id, Rate, Result, ShopId};

impl FromRow for TaxRate {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            country: row.get(0)?,
            category: row.get(1)?,
            rate: Rate(row.get(2)?),
        })
    }
}

/// The rate in a country: its own row, else the row of `*`, else 0.
pub fn rate(tx: &mut Tx<'_>, shop: ShopId, country: &str, category: TaxCategory) -> Result<Rate> {
    if category == TaxCategory::Zero {
        return Ok(Rate(0));
    }
    let key = key_with(shop.uuid(), &[country, category.word()]);
    // Two keys looked up, rather than a list sorted: every quote asks this.
    let found: Option<u32> = tx.once(&["tax_rates"], (shop, key), |tx| {
        let (found,) = tx.one(
            "select coalesce((select rate_bp from tax_rates where shop_id = $1 and category = $3 and country = $2),
                             (select rate_bp from tax_rates where shop_id = $1 and category = $3 and country = '*'))",
            args![shop, country, category],
        )?;
        Ok(found)
    })?;
    Ok(Rate(found.unwrap_or(0)))
}

pub fn all(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<TaxRate>> {
    tx.all(
        "select country, category, rate_bp from tax_rates where shop_id = $1 order by country, category limit 600",
        args![shop],
    )
}

pub(super) fn clear(tx: &mut Tx<'_>, shop: ShopId) -> Result<()> {
    tx.put("delete from tax_rates where shop_id = $1", args![shop])
}

pub(super) fn insert(tx: &mut Tx<'_>, shop: ShopId, rate: &TaxRate) -> Result<()> {
    tx.put(
        "insert into tax_rates (shop_id, country, category, rate_bp) values ($1, $2, $3, $4)",
        args![shop, rate.country, rate.category, rate.rate.0],
    )
}
