//! A draft becomes what viewers see: an immutable version. And it is taken back.

use super::model::{Anchor, Clip, ClipVersion, Media, PublishedAnchor, Snapshot};
use super::store;
use crate::catalog;
use crate::db::Tx;
use crate::kernel::{AnchorId, ClipId, Currency, Result, ShopId, VariantId};

/// What came of publishing.
#[derive(Debug, PartialEq, Eq)]
pub enum Publish {
    /// `offers` is how many anchors sell something; none is allowed and worth a remark.
    Live {
        version: ClipVersion,
        offers: usize,
    },
    NotFound,
    /// The draft has moved on; this is its version now.
    Stale(i64),
    /// There is no video yet.
    NoMedia,
    /// The video is shorter than when the anchor was set.
    AnchorOutside(AnchorId),
    /// The variant is archived, in draft or without a price: nobody could buy what the anchor offers.
    AnchorNotSellable {
        anchor: AnchorId,
        variant: VariantId,
    },
}

/// Publishes a draft as it is. Order of refusals: not found, stale, no media, then anchor by anchor outside, not sellable.
///
/// A draft that equals the newest version publishes that one again: a version is made of a difference.
pub fn publish(
    tx: &mut Tx<'_>,
    (shop, currency): (ShopId, Currency),
    id: ClipId,
    draft: Option<i64>,
) -> Result<Publish> {
    let Some(clip) = store::find(tx, shop, id)? else {
        return Ok(Publish::NotFound);
    };
    if draft.is_some_and(|version| version != clip.version) {
        return Ok(Publish::Stale(clip.version));
    }
    let Some(media) = store::media(tx, shop, &clip.media_hash)? else {
        return Ok(Publish::NoMedia);
    };
    let mut anchors = Vec::new();
    for anchor in store::anchors(tx, shop, id)? {
        if anchor.end_ms > media.duration_ms {
            return Ok(Publish::AnchorOutside(anchor.id));
        }
        match frozen(tx, (shop, currency), anchor)? {
            Ok(anchor) => anchors.push(anchor),
            Err(refusal) => return Ok(refusal),
        }
    }
    let offers = anchors.iter().filter(|anchor| anchor.variant.is_some()).count();
    let snapshot = snapshot(tx, shop, &clip, media, anchors)?;
    let newest = store::versions(tx, shop, id)?.into_iter().next();
    let version = match newest {
        Some(newest) if newest.content == snapshot => newest.version,
        newest => {
            let version = newest.map_or(1, |newest| newest.version + 1);
            store::insert_version(tx, shop, id, version, &snapshot)?;
            version
        }
    };
    store::set_published(tx, shop, id, Some(version))?;
    let published_at = tx.now();
    let version = store::published(tx, shop, id)?.unwrap_or(ClipVersion {
        clip: id,
        slug: clip.slug,
        version,
        published_at,
        content: snapshot,
    });
    Ok(Publish::Live { version, offers })
}

/// An anchor with the product it sells, if somebody could buy it.
fn frozen(
    tx: &mut Tx<'_>,
    (shop, currency): (ShopId, Currency),
    anchor: Anchor,
) -> Result<Result<PublishedAnchor, Publish>> {
    let mut product = None;
    if let Some(variant) = anchor.variant {
        let Some(sellable) = catalog::sellable(tx, shop, currency, &[variant])?.pop() else {
            return Ok(Err(Publish::AnchorNotSellable {
                anchor: anchor.id,
                variant,
            }));
        };
        product = Some(sellable.product);
    }
    Ok(Ok(PublishedAnchor {
        id: anchor.id,
        kind: anchor.kind,
        ask: anchor.ask,
        start_ms: anchor.start_ms,
        end_ms: anchor.end_ms,
        product,
        variant: anchor.variant,
        copy: anchor.copy,
    }))
}

fn snapshot(
    tx: &mut Tx<'_>,
    shop: ShopId,
    clip: &Clip,
    media: Media,
    anchors: Vec<PublishedAnchor>,
) -> Result<Snapshot> {
    Ok(Snapshot {
        title: clip.title.clone(),
        description: clip.description.clone(),
        language: clip.language.clone(),
        media,
        poster: store::media(tx, shop, &clip.poster_hash)?,
        captions: clip.captions.clone(),
        anchors,
    })
}

/// What came of taking a clip back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpublish {
    Hidden,
    NotFound,
}

/// Hides a clip from viewers; twice is once. Its versions stay as evidence, and quotes made from it are refused from now on.
pub fn unpublish(tx: &mut Tx<'_>, shop: ShopId, id: ClipId) -> Result<Unpublish> {
    if store::find(tx, shop, id)?.is_none() {
        return Ok(Unpublish::NotFound);
    }
    store::set_published(tx, shop, id, None)?;
    Ok(Unpublish::Hidden)
}
