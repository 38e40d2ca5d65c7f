//! What the buyer saw when they agreed, whole: evidence for a dispute, whatever was edited since.

use super::model::Checkout;
use crate::clips::{self, ClipVersion, PublishedAnchor};
use crate::db::Tx;
use crate::identity::{self, Policies};
use crate::kernel::Result;

/// The frozen offer points at what is never changed: the version of the clip, and the seller's texts of that day.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// None: bought from the shop's pages, not from a clip.
    pub clip: Option<ClipVersion>,
    /// What was tapped on the clip.
    pub anchor: Option<PublishedAnchor>,
    /// None for a sale from before the texts were kept.
    pub policies: Option<Policies>,
}

/// Brings together what the offer of a checkout points at.
pub fn evidence(tx: &mut Tx<'_>, checkout: &Checkout) -> Result<Evidence> {
    let quote = &checkout.offer.quote;
    let clip = match quote.seen {
        Some(seen) => clips::version(tx, checkout.shop, seen.clip, seen.version)?,
        None => None,
    };
    let tapped = quote.seen.and_then(|seen| seen.anchor);
    let anchor = clip.as_ref().and_then(|clip| {
        let found = clip.content.anchors.iter().find(|anchor| Some(anchor.id) == tapped);
        found.cloned()
    });
    let policies = match &quote.policies {
        Some(hash) => identity::policies(tx, checkout.shop, hash)?,
        None => None,
    };
    Ok(Evidence { clip, anchor, policies })
}
