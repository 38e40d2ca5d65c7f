//! What is in stock and what is claimed.

use crate::kernel::{CheckoutId, Error, LocationId, Result, Time, VariantId};

/// Units that can be counted at one place.
const ON_HAND_MAX: u32 = 1_000_000_000;

pub(super) fn checked_count(units: u32) -> Result<u32> {
    if units <= ON_HAND_MAX {
        return Ok(units);
    }
    Err(Error::field("/on_hand", "A place holds at most 1,000,000,000 units."))
}

/// What a viewer may know of a variant's stock, over all places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Availability {
    /// Units that can still be reserved.
    pub left: i64,
    /// Units inside other people's checkouts right now.
    pub in_checkouts: i64,
    /// Grows with every change; the id of live events.
    pub version: i64,
}

/// Units wanted of one variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    pub variant: VariantId,
    pub quantity: u32,
    /// The place they are set aside at. None: wherever anybody may buy them.
    pub place: Option<LocationId>,
}

impl Demand {
    /// Demand summed per variant, in the one order in which rows are locked everywhere.
    pub fn summed(lines: &[Self]) -> Vec<Self> {
        let mut sums: Vec<Self> = Vec::with_capacity(lines.len());
        for line in lines {
            match sums.iter_mut().find(|sum| sum.variant == line.variant) {
                Some(sum) => sum.quantity = sum.quantity.saturating_add(line.quantity),
                None => sums.push(*line),
            }
        }
        sums.sort_by_key(|sum| sum.variant);
        sums
    }
}

/// Units taken at a place for a checkout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub variant: VariantId,
    pub location: LocationId,
    pub quantity: u32,
}

/// The answer to a claim on stock: all of it or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reserve {
    Reserved(Vec<Claim>),
    SoldOut {
        variant: VariantId,
        left: i64,
    },
    /// The place they are set aside at does not give this now.
    Shut(VariantId),
}

/// Whether units that are set aside may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    Open = 0,
    /// Not now.
    Shut = 1,
    /// Never again, and what comes back goes home.
    Over = 2,
}

/// Units of a variant that are set aside at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aside {
    pub variant: VariantId,
    /// Where they came from and go back to.
    pub home: LocationId,
    pub on_hand: i64,
    pub missing: i64,
    pub reserved: i64,
    pub sold: i64,
    pub version: i64,
}

impl Aside {
    /// Units that can still be reserved.
    pub fn left(&self) -> i64 {
        (self.on_hand - self.missing - self.sold - self.reserved).max(0)
    }
}

/// One stock row, for the studio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockRow {
    pub location: LocationId,
    pub on_hand: i64,
    /// Of those: what a count did not find.
    pub missing: i64,
    pub reserved: i64,
    pub sold: i64,
}

impl StockRow {
    /// Units that can still be reserved.
    pub fn left(&self) -> i64 {
        self.free().max(0)
    }

    /// Units that are promised and are not there.
    pub fn short(&self) -> i64 {
        if mutant!("D9-short") {
            return 0;
        }
        (-self.free()).max(0)
    }

    fn free(&self) -> i64 {
        self.on_hand - self.missing - self.sold - self.reserved
    }
}

/// Fewer units lie at a place than are promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    pub variant: VariantId,
    pub location: LocationId,
    pub units: i64,
}

/// Units inside a checkout that has not bought them yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserved {
    pub checkout: CheckoutId,
    pub units: i64,
    pub since: Time,
    pub expires_at: Time,
}
