//! The shop sets its table of rates, whole: sales already made keep the rates frozen on their lines.

use super::model::{TaxRate, checked};
use super::store;
use crate::db::Tx;
use crate::kernel::{Result, ShopId};

/// Replaces all rates. Errors: `invalid_field`.
pub fn set(tx: &mut Tx<'_>, shop: ShopId, rates: &[TaxRate]) -> Result<()> {
    checked(rates)?;
    store::clear(tx, shop)?;
    rates.iter().try_for_each(|rate| store::insert(tx, shop, rate))
}
