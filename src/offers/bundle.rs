//! Telling a bundle's price apart: each part its share by what it costs alone, frozen on the line, so that stock, parcels, refunds and the split of the
//! sale work line by line as for anything else.

use super::model::{InBundle, Quote, QuotedBundle, QuotedLine};
use super::quote::line;
use crate::catalog::{self, Sellable};
use crate::db::Tx;
use crate::identity::Shop;
use crate::kernel::{Error, Result, VariantId, apportion};

/// The most lines a quote has, parts of bundles included.
const LINES_MAX: usize = 20;

/// The shares of a bundle's price by what its parts cost alone: rounded down, and the units that are over go one at a time in the parts' order. Where the
/// parts cost nothing alone, by their pieces.
pub fn shares(price_minor: i64, alone_minor: &[i64], quantities: &[u32]) -> Vec<i64> {
    let weights: Vec<u64> = match alone_minor.iter().any(|minor| *minor > 0) {
        true => alone_minor.iter().map(|minor| minor.unsigned_abs()).collect(),
        false => quantities.iter().map(|quantity| u64::from(*quantity)).collect(),
    };
    apportion(price_minor, &weights)
}

/// A bundle as it is offered now, with its lines; or the part that is not for sale.
pub(super) fn open(
    tx: &mut Tx<'_>,
    shop: &Shop,
    country: &str,
    found: &Sellable,
    quantity: u32,
    at: usize,
) -> Result<Result<(QuotedBundle, Vec<QuotedLine>), VariantId>> {
    let Some(bundle) = catalog::bundle(tx, shop.id, found.product)? else {
        return Ok(Err(found.variant));
    };
    let variants: Vec<VariantId> = bundle.parts.iter().map(|part| part.variant).collect();
    let sellable = catalog::sellable(tx, shop.id, shop.currency, &variants)?;
    let mut lines = Vec::with_capacity(bundle.parts.len());
    for part in &bundle.parts {
        let Some(part_found) = sellable.iter().find(|found| found.variant == part.variant) else {
            return Ok(Err(part.variant));
        };
        lines.push(line(
            tx,
            shop,
            country,
            part_found,
            part.quantity.saturating_mul(quantity),
        )?);
    }
    let quoted = QuotedBundle {
        variant: found.variant,
        product: found.product,
        sku: found.sku.clone(),
        title: found.title.clone(),
        image: found.image.clone(),
        quantity,
        unit_minor: found.price.minor,
        price_version: found.price_version,
        keep_the_rest: bundle.keep_the_rest,
    };
    found.price.times(quantity)?; // No larger than amounts may be.
    for line in &mut lines {
        line.bundle = Some(InBundle {
            at: u32::try_from(at).unwrap_or(u32::MAX),
            minor: 0,
        });
    }
    Ok(Ok((quoted, lines)))
}

/// Refuses a quote of too many lines. Errors: `invalid_field`.
pub(super) fn fits(lines: &[QuotedLine]) -> Result<()> {
    if lines.len() > LINES_MAX {
        return Err(Error::field(
            "/lines",
            "With the parts of its bundles this is more than 20 lines.",
        ));
    }
    Ok(())
}

impl Quote {
    /// Gives each line of a bundle its share of what the bundle costs, and prices it.
    pub(super) fn share_out(&mut self, at: usize) {
        let Some(bundle) = self.bundles.get(at) else { return };
        let whole = bundle.unit_minor * i64::from(bundle.quantity);
        let (inclusive, mine) = (self.inclusive, self.lines_of(at));
        let alone: Vec<i64> = mine
            .iter()
            .map(|line| self.lines[*line].unit_minor * i64::from(self.lines[*line].quantity))
            .collect();
        let quantities: Vec<u32> = mine.iter().map(|line| self.lines[*line].quantity).collect();
        let mut parts = shares(whole, &alone, &quantities);
        if mutant!("F5-shares") {
            let sum = alone.iter().sum::<i64>().max(1);
            parts = alone.iter().map(|minor| whole * minor / sum).collect();
        }
        for (line, minor) in mine.into_iter().zip(parts) {
            let line = &mut self.lines[line];
            if let Some(inside) = &mut line.bundle {
                inside.minor = minor;
            }
            line.taken = Vec::new();
            line.priced(inclusive);
        }
    }

    /// The places of a bundle's lines.
    pub fn lines_of(&self, at: usize) -> Vec<usize> {
        let inside = |line: &QuotedLine| line.bundle.is_some_and(|inside| inside.at as usize == at);
        let found = self.lines.iter().enumerate().filter(|(_, line)| inside(line));
        found.map(|(place, _)| place).collect()
    }

    /// The lines as they were asked for: each by itself, those of a bundle together.
    pub fn groups(&self) -> Vec<(Option<&QuotedBundle>, Vec<usize>)> {
        let mut groups = Vec::new();
        for (place, line) in self.lines.iter().enumerate() {
            match line.bundle {
                None => groups.push((None, vec![place])),
                Some(inside) => {
                    let mine = self.lines_of(inside.at as usize);
                    if mine.first() == Some(&place) {
                        groups.push((self.bundles.get(inside.at as usize), mine));
                    }
                }
            }
        }
        groups
    }
}
