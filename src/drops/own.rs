//! What a browser has begun to buy in a drop: its second tab, its retry and its next visit are led there instead of being refused.
//!
//! Found by the browser's secret and by nothing else: whoever types somebody's mailbox elsewhere is told of no reservation of theirs.

use super::store;
use crate::db::Tx;
use crate::kernel::{CheckoutId, DropId, Engine, Error, Result, VariantId};

/// A checkout that a browser holds a variant with; it may have ended since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own {
    pub variant: VariantId,
    pub checkout: CheckoutId,
}

/// What a browser has begun in a drop, by its key.
pub fn own(tx: &mut Tx<'_>, drop: DropId, key: &[u8; 32]) -> Result<Vec<Own>> {
    store::holds(tx, drop, key)
}

/// At the tap: from now on these variants are in this checkout. `known` is what [`own`] said of them, all of it ended. Whoever comes with the same secret
/// in the same instant finds the other one's row and looks again.
pub fn begin(
    tx: &mut Tx<'_>,
    drop: DropId,
    key: &[u8; 32],
    variants: &[VariantId],
    known: &[Own],
    checkout: CheckoutId,
) -> Result<()> {
    for variant in variants {
        let ended = known.iter().find(|own| own.variant == *variant);
        let done = match ended {
            Some(ended) => store::hold_instead(tx, drop, key, ended, checkout)?,
            None => store::insert_hold(tx, drop, key, *variant, checkout)?,
        };
        if !done {
            return Err(Error::engine(
                Engine::Retry,
                "the same browser bought twice in one instant",
            ));
        }
    }
    Ok(())
}
