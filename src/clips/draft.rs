//! A clip is begun and edited; an edit names the version it was made on.

use super::model::{Clip, ClipEdit};
use super::store;
use crate::db::Tx;
use crate::kernel::{ClipId, Error, Result, ShopId, text};

/// What came of beginning a clip.
#[derive(Debug, PartialEq, Eq)]
pub enum CreateClip {
    Created(Clip),
    SlugTaken,
}

/// Begins a clip under an id the caller chose; asked again, it answers what it began. Without an address one is made from the title.
/// Errors: `invalid_field`.
pub fn create(tx: &mut Tx<'_>, shop: ShopId, language: &str, id: ClipId, new: &ClipEdit) -> Result<CreateClip> {
    if let Some(clip) = store::find(tx, shop, id)? {
        return Ok(CreateClip::Created(clip));
    }
    let title = text::line("/title", new.title.as_deref().unwrap_or(""), 120)?;
    let empty = Clip {
        id,
        slug: text::slug_of(&title, "clip"),
        title,
        description: String::new(),
        language: language.to_owned(),
        media_hash: String::new(),
        poster_hash: String::new(),
        captions: Vec::new(),
        version: 1,
        published: None,
        created_at: tx.now(),
        changed_at: tx.now(),
    };
    let clip = new.apply(&empty)?;
    check_media(tx, shop, &clip)?;
    let tries = if new.slug.is_some() { 1 } else { 100 };
    for number in 1..=tries {
        let slug = if number == 1 {
            clip.slug.clone()
        } else {
            format!("{}-{number}", clip.slug)
        };
        let numbered = Clip { slug, ..clip.clone() };
        if store::insert_clip(tx, shop, &numbered)? {
            return Ok(CreateClip::Created(numbered));
        }
    }
    Ok(CreateClip::SlugTaken)
}

/// What came of an edit.
#[derive(Debug, PartialEq, Eq)]
pub enum EditClip {
    Edited(Clip),
    NotFound,
    /// Someone else was faster; this is the version now.
    Stale(i64),
    SlugTaken,
}

/// Edits a draft; what is published stays as it is. Order of refusals: not found, stale, slug taken. Errors: `invalid_field`.
pub fn edit(tx: &mut Tx<'_>, shop: ShopId, id: ClipId, version: i64, edit: &ClipEdit) -> Result<EditClip> {
    let Some(clip) = store::find(tx, shop, id)? else {
        return Ok(EditClip::NotFound);
    };
    if clip.version != version {
        return Ok(EditClip::Stale(clip.version));
    }
    let edited = edit.apply(&clip)?;
    check_media(tx, shop, &edited)?;
    if store::find_by_slug(tx, shop, &edited.slug)?.is_some_and(|other| other.id != id) {
        return Ok(EditClip::SlugTaken);
    }
    if !store::update_clip(tx, shop, &edited)? {
        return Ok(EditClip::Stale(version + 1));
    }
    Ok(EditClip::Edited(Clip {
        version: version + 1,
        changed_at: tx.now(),
        ..edited
    }))
}

/// What a draft names was uploaded to this shop and is of the right kind.
fn check_media(tx: &mut Tx<'_>, shop: ShopId, clip: &Clip) -> Result<()> {
    if !clip.media_hash.is_empty() && !store::media(tx, shop, &clip.media_hash)?.is_some_and(|media| media.is_video()) {
        return Err(Error::field("/media", "There is no such video here. Upload it first."));
    }
    if !clip.poster_hash.is_empty()
        && !store::media(tx, shop, &clip.poster_hash)?.is_some_and(|media| media.is_picture())
    {
        return Err(Error::field(
            "/poster",
            "There is no such picture here. Upload it first.",
        ));
    }
    for caption in &clip.captions {
        if !store::media(tx, shop, &caption.hash)?.is_some_and(|media| media.is_captions()) {
            return Err(Error::field(
                "/captions",
                "There are no such captions here. Upload the WebVTT file first.",
            ));
        }
    }
    Ok(())
}
