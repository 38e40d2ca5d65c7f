//! What is left of a variant; of a bundle, as many as its parts make.

use super::model::Availability;
use super::store;
use crate::catalog;
use crate::db::Tx;
use crate::kernel::{Result, VariantId};

/// What is left of a variant and what is inside checkouts. A bundle has no stock of its own: as many are left as the scarcest of its parts makes.
pub fn availability(tx: &mut Tx<'_>, variant: VariantId) -> Result<Availability> {
    let own = store::availability(tx, variant)?;
    match own.left > 0 {
        true => Ok(own),
        false => as_bundle(tx, variant, own),
    }
}

/// The same of many.
pub(super) fn availability_of(tx: &mut Tx<'_>, variants: &[VariantId]) -> Result<Vec<(VariantId, Availability)>> {
    let mut found = store::availability_of(tx, variants)?;
    for (variant, stock) in found
        .iter_mut()
        .filter(|(_, stock)| stock.left <= 0 && stock.version == 0)
    {
        *stock = as_bundle(tx, *variant, *stock)?;
    }
    Ok(found)
}

fn as_bundle(tx: &mut Tx<'_>, variant: VariantId, own: Availability) -> Result<Availability> {
    let parts = catalog::parts_of(tx, variant)?;
    let mut made: Option<i64> = None;
    let mut version = own.version;
    for part in &parts {
        let stock = store::availability(tx, part.variant)?;
        let here = stock.left.max(0) / i64::from(part.quantity.max(1));
        made = Some(made.map_or(here, |least| least.min(here)));
        version += stock.version;
    }
    Ok(match made {
        None => own,
        Some(left) => Availability {
            left,
            in_checkouts: 0,
            version,
        },
    })
}
