//! The tax of one amount, and the rules for a table of rates.

use crate::catalog::TaxCategory;
use crate::kernel::{Error, Rate, Result};

/// One row of the shop's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxRate {
    /// ISO 3166-1 alpha-2, or `*` for every country without a row of its own.
    pub country: String,
    pub category: TaxCategory,
    pub rate: Rate,
}

/// An amount with its tax: `gross = net + tax`, exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taxed {
    pub net: i64,
    pub tax: i64,
    pub gross: i64,
}

/// The tax of a line, in minor units. With `inclusive` prices the tax is inside the amount, otherwise it comes on top; rounded half up.
pub fn line(amount: i64, rate: Rate, inclusive: bool) -> Taxed {
    if inclusive {
        let tax = rate.inside(amount);
        Taxed {
            net: amount - tax,
            tax,
            gross: amount,
        }
    } else {
        let tax = rate.of(amount);
        Taxed {
            net: amount,
            tax,
            gross: amount + tax,
        }
    }
}

/// More rows than there are countries and categories is a mistake.
const ROWS_MAX: usize = 600;

/// The table as it may be stored. Errors: `invalid_field` for an unknown country form, a rate above 100 % or a row that stands twice.
pub(super) fn checked(rates: &[TaxRate]) -> Result<()> {
    if rates.len() > ROWS_MAX {
        return Err(Error::field("/rates", "There are at most 600 rates."));
    }
    for (index, rate) in rates.iter().enumerate() {
        let code = rate.country.as_bytes();
        if rate.country != "*" && !(code.len() == 2 && code.iter().all(u8::is_ascii_uppercase)) {
            return Err(Error::field(
                format!("/rates/{index}/country"),
                "Use two capital letters such as DE, or * for every other country.",
            ));
        }
        if rate.rate.0 > 10_000 {
            return Err(Error::field(
                format!("/rates/{index}/rate_bp"),
                "A rate is at most 10000 basis points: 100 %.",
            ));
        }
        if rate.category == TaxCategory::Zero && rate.rate.0 != 0 {
            return Err(Error::field(
                format!("/rates/{index}/rate_bp"),
                "The category zero is never taxed.",
            ));
        }
        if rates[..index]
            .iter()
            .any(|other| other.country == rate.country && other.category == rate.category)
        {
            return Err(Error::field(
                format!("/rates/{index}"),
                "This country and category stand twice.",
            ));
        }
    }
    Ok(())
}
