//! Anchors are set, moved and taken away on a draft.

use super::model::{ANCHORS_MAX, Anchor, AnchorEdit, AnchorKind, Clip, Copies};
use super::store;
use crate::catalog::{self, ProductState, VariantState};
use crate::db::Tx;
use crate::kernel::{AnchorId, ClipId, Currency, Error, Result, ShopId};

/// What came of a change to an anchor. The version is the clip's.
#[derive(Debug, PartialEq, Eq)]
pub enum EditAnchor {
    /// Absent when it was taken away.
    Done {
        anchor: Option<Anchor>,
        version: i64,
    },
    NotFound,
    /// Someone else was faster; this is the clip's version now.
    Stale(i64),
    TooMany,
}

/// Sets an anchor under an id the caller chose; asked again, it answers what it set. Order of refusals: not found, too many.
/// Errors: `invalid_field`.
pub fn add_anchor(
    tx: &mut Tx<'_>,
    (shop, currency): (ShopId, Currency),
    clip: ClipId,
    id: AnchorId,
    new: &AnchorEdit,
) -> Result<EditAnchor> {
    let Some(clip) = store::find(tx, shop, clip)? else {
        return Ok(EditAnchor::NotFound);
    };
    if let Some(anchor) = store::anchor(tx, shop, clip.id, id)? {
        return Ok(EditAnchor::Done {
            anchor: Some(anchor),
            version: clip.version,
        });
    }
    if store::anchors(tx, shop, clip.id)?.len() >= ANCHORS_MAX {
        return Ok(EditAnchor::TooMany);
    }
    let empty = Anchor {
        id,
        kind: AnchorKind::Mark,
        ask: None,
        start_ms: 0,
        end_ms: 0,
        variant: None,
        copy: Copies::new(),
    };
    let anchor = new.apply(&empty, duration_ms(tx, shop, &clip)?)?;
    check_variant(tx, (shop, currency), &anchor)?;
    put(tx, shop, &clip, anchor)
}

/// Changes an anchor. Order of refusals: not found, stale. Errors: `invalid_field`.
pub fn edit_anchor(
    tx: &mut Tx<'_>,
    (shop, currency): (ShopId, Currency),
    (clip, id): (ClipId, AnchorId),
    version: i64,
    edit: &AnchorEdit,
) -> Result<EditAnchor> {
    let Some(clip) = store::find(tx, shop, clip)? else {
        return Ok(EditAnchor::NotFound);
    };
    let Some(anchor) = store::anchor(tx, shop, clip.id, id)? else {
        return Ok(EditAnchor::NotFound);
    };
    if clip.version != version {
        return Ok(EditAnchor::Stale(clip.version));
    }
    let edited = edit.apply(&anchor, duration_ms(tx, shop, &clip)?)?;
    if edited.variant != anchor.variant {
        check_variant(tx, (shop, currency), &edited)?;
    }
    put(tx, shop, &clip, edited)
}

/// Takes an anchor away. Order of refusals: not found, stale.
pub fn remove_anchor(tx: &mut Tx<'_>, shop: ShopId, clip: ClipId, id: AnchorId, version: i64) -> Result<EditAnchor> {
    let Some(clip) = store::find(tx, shop, clip)? else {
        return Ok(EditAnchor::NotFound);
    };
    if store::anchor(tx, shop, clip.id, id)?.is_none() {
        return Ok(EditAnchor::NotFound);
    }
    if clip.version != version {
        return Ok(EditAnchor::Stale(clip.version));
    }
    store::delete_anchor(tx, shop, clip.id, id)?;
    Ok(EditAnchor::Done {
        anchor: None,
        version: store::raise_version(tx, shop, clip.id)?,
    })
}

fn put(tx: &mut Tx<'_>, shop: ShopId, clip: &Clip, anchor: Anchor) -> Result<EditAnchor> {
    store::put_anchor(tx, shop, clip.id, &anchor)?;
    Ok(EditAnchor::Done {
        anchor: Some(anchor),
        version: store::raise_version(tx, shop, clip.id)?,
    })
}

fn duration_ms(tx: &mut Tx<'_>, shop: ShopId, clip: &Clip) -> Result<i64> {
    Ok(store::media(tx, shop, &clip.media_hash)?.map_or(0, |media| media.duration_ms))
}

/// The variant is this shop's and not archived. It may still lack a price: that matters when the clip is published.
fn check_variant(tx: &mut Tx<'_>, (shop, currency): (ShopId, Currency), anchor: &Anchor) -> Result<()> {
    let Some(id) = anchor.variant else { return Ok(()) };
    let variant = catalog::variant(tx, shop, id, currency)?;
    let product = catalog::product_of(tx, shop, id)?;
    let there = variant.is_some_and(|variant| variant.state == VariantState::Active)
        && product.is_some_and(|product| product.state != ProductState::Archived);
    if there {
        Ok(())
    } else {
        Err(Error::field("/variant", "There is no such variant to offer here."))
    }
}
