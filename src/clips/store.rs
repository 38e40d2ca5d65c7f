//! All SQL on media, clips, anchors and published versions.

use super::model::{Anchor, AskKind, Caption, Clip, ClipVersion, Copies, Media, Snapshot};
use crate::args;
use crate::db::{FromRow, Json, Row, Tx};
use crate::kernel::{AnchorId, ClipId, Id, Page, Result, ShopId};

impl FromRow for Media {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            hash: row.get(0)?,
            content_type: row.get(1)?,
            extension: row.get(2)?,
            size_bytes: row.get(3)?,
            width: row.get(4)?,
            height: row.get(5)?,
            duration_ms: row.get(6)?,
        })
    }
}

impl FromRow for Clip {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            slug: row.get(1)?,
            title: row.get(2)?,
            description: row.get(3)?,
            language: row.get(4)?,
            media_hash: row.get(5)?,
            poster_hash: row.get(6)?,
            captions: row.get::<Json<Vec<Caption>>>(7)?.0,
            version: row.get(8)?,
            published: row.get(9)?,
            created_at: row.get(10)?,
            changed_at: row.get(11)?,
        })
    }
}

impl FromRow for Anchor {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let ask: String = row.get(2)?;
        Ok(Self {
            id: row.get(0)?,
            kind: row.get(1)?,
            ask: if ask.is_empty() { None } else { Some(ask.parse()?) },
            start_ms: row.get(3)?,
            end_ms: row.get(4)?,
            variant: row.get(5)?,
            copy: row.get::<Json<Copies>>(6)?.0,
        })
    }
}

impl FromRow for ClipVersion {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            clip: row.get(0)?,
            slug: row.get(1)?,
            version: row.get(2)?,
            published_at: row.get(3)?,
            content: row.get::<Json<Snapshot>>(4)?.0,
        })
    }
}

/// A file of this shop by its hash.
pub fn media(tx: &mut Tx<'_>, shop: ShopId, hash: &str) -> Result<Option<Media>> {
    tx.maybe_one(
        "select hash, content_type, extension, size_bytes, width, height, duration_ms from media where hash = $2 and shop_id = $1",
        args![shop, hash],
    )
}

pub(super) fn insert_media(tx: &mut Tx<'_>, shop: ShopId, media: &Media) -> Result<()> {
    tx.put(
        "insert into media (hash, shop_id, content_type, extension, size_bytes, width, height, duration_ms, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (hash, shop_id) do nothing",
        args![
            media.hash,
            shop,
            media.content_type,
            media.extension,
            media.size_bytes,
            media.width,
            media.height,
            media.duration_ms,
            tx.now(),
        ],
    )
}

pub fn find(tx: &mut Tx<'_>, shop: ShopId, clip: ClipId) -> Result<Option<Clip>> {
    tx.maybe_one(
        "select id, slug, title, description, language, media_hash, poster_hash, captions, version, published, created_at, changed_at
           from clips where shop_id = $1 and id = $2",
        args![shop, clip],
    )
}

pub fn find_by_slug(tx: &mut Tx<'_>, shop: ShopId, slug: &str) -> Result<Option<Clip>> {
    tx.maybe_one(
        "select id, slug, title, description, language, media_hash, poster_hash, captions, version, published, created_at, changed_at
           from clips where shop_id = $1 and slug = $2",
        args![shop, slug],
    )
}

/// Newest first, for staff: drafts and published ones.
pub fn list(tx: &mut Tx<'_>, shop: ShopId, after: Option<ClipId>, limit: i64) -> Result<Page<Clip>> {
    let clips = tx.all(
        "select id, slug, title, description, language, media_hash, poster_hash, captions, version, published, created_at, changed_at
           from clips where shop_id = $1 and id < $2 order by id desc limit $3",
        args![shop, before(after), limit + 1],
    )?;
    Ok(Page::cut(clips, limit, |clip: &Clip| clip.id.to_string()))
}

/// The key a first page starts below: no clip is born after the end of time.
fn before(after: Option<ClipId>) -> ClipId {
    after.unwrap_or(ClipId::from_uuid(uuid::Uuid::max()))
}

/// Writes a new clip; `false` when its address is taken.
pub(super) fn insert_clip(tx: &mut Tx<'_>, shop: ShopId, clip: &Clip) -> Result<bool> {
    let inserted = tx.exec(
        "insert into clips (id, shop_id, slug, title, description, language, media_hash, poster_hash, captions, version, created_at, changed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict (shop_id, slug) do nothing",
        args![
            clip.id,
            shop,
            clip.slug,
            clip.title,
            clip.description,
            clip.language,
            clip.media_hash,
            clip.poster_hash,
            Json(&clip.captions),
            clip.version,
            clip.created_at,
            clip.changed_at,
        ],
    )?;
    Ok(inserted == 1)
}

/// Writes a draft if it still has the version it was read with; answers whether it had.
pub(super) fn update_clip(tx: &mut Tx<'_>, shop: ShopId, clip: &Clip) -> Result<bool> {
    let updated = tx.exec(
        "update clips set slug = $4, title = $5, description = $6, language = $7, media_hash = $8, poster_hash = $9, captions = $10,
                changed_at = $11, version = version + 1
          where shop_id = $1 and id = $2 and version = $3",
        args![
            shop,
            clip.id,
            clip.version,
            clip.slug,
            clip.title,
            clip.description,
            clip.language,
            clip.media_hash,
            clip.poster_hash,
            Json(&clip.captions),
            tx.now(),
        ],
    )?;
    Ok(updated == 1)
}

/// Raises a draft's version after a change to its anchors; answers the new one.
pub(super) fn raise_version(tx: &mut Tx<'_>, shop: ShopId, clip: ClipId) -> Result<i64> {
    let (version,) = tx.one(
        "update clips set version = version + 1, changed_at = $3 where shop_id = $1 and id = $2 returning version",
        args![shop, clip, tx.now()],
    )?;
    Ok(version)
}

/// The anchors of a draft, in the order of time.
pub fn anchors(tx: &mut Tx<'_>, shop: ShopId, clip: ClipId) -> Result<Vec<Anchor>> {
    tx.all(
        "select id, kind, ask, start_ms, end_ms, variant_id, copy from anchors
          where shop_id = $1 and clip_id = $2 order by start_ms, id limit 200",
        args![shop, clip],
    )
}

pub(super) fn anchor(tx: &mut Tx<'_>, shop: ShopId, clip: ClipId, anchor: AnchorId) -> Result<Option<Anchor>> {
    tx.maybe_one(
        "select id, kind, ask, start_ms, end_ms, variant_id, copy from anchors where shop_id = $1 and clip_id = $2 and id = $3",
        args![shop, clip, anchor],
    )
}

/// Writes an anchor, new or changed.
pub(super) fn put_anchor(tx: &mut Tx<'_>, shop: ShopId, clip: ClipId, anchor: &Anchor) -> Result<()> {
    tx.put(
        "insert into anchors (id, shop_id, clip_id, kind, ask, start_ms, end_ms, variant_id, copy)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (id) do update set kind = excluded.kind, ask = excluded.ask, start_ms = excluded.start_ms, end_ms = excluded.end_ms,
           variant_id = excluded.variant_id, copy = excluded.copy
          where anchors.shop_id = excluded.shop_id and anchors.clip_id = excluded.clip_id",
        args![
            anchor.id,
            shop,
            clip,
            anchor.kind,
            anchor.ask.map_or("", AskKind::word),
            anchor.start_ms,
            anchor.end_ms,
            anchor.variant,
            Json(&anchor.copy),
        ],
    )
}

pub(super) fn delete_anchor(tx: &mut Tx<'_>, shop: ShopId, clip: ClipId, anchor: AnchorId) -> Result<bool> {
    let deleted = tx.exec(
        "delete from anchors where shop_id = $1 and clip_id = $2 and id = $3",
        args![shop, clip, anchor],
    )?;
    Ok(deleted == 1)
}

/// Whether viewers can see the clip.
pub fn is_published(tx: &mut Tx<'_>, shop: ShopId, clip: ClipId) -> Result<bool> {
    let found: Option<(Option<i64>,)> = tx.once(&["clips"], (shop, clip.uuid()), |tx| {
        tx.maybe_one(
            "select published from clips where shop_id = $1 and id = $2",
            args![shop, clip],
        )
    })?;
    Ok(found.is_some_and(|(published,)| published.is_some()))
}

/// What viewers see of a clip.
pub fn published(tx: &mut Tx<'_>, shop: ShopId, clip: ClipId) -> Result<Option<ClipVersion>> {
    tx.maybe_one(
        "select c.id, c.slug, v.version, v.published_at, v.snapshot from clips c
           join clip_versions v on v.clip_id = c.id and v.version = c.published where c.shop_id = $1 and c.id = $2",
        args![shop, clip],
    )
}

pub fn published_by_slug(tx: &mut Tx<'_>, shop: ShopId, slug: &str) -> Result<Option<ClipVersion>> {
    tx.maybe_one(
        "select c.id, c.slug, v.version, v.published_at, v.snapshot from clips c
           join clip_versions v on v.clip_id = c.id and v.version = c.published where c.shop_id = $1 and c.slug = $2",
        args![shop, slug],
    )
}

/// What viewers see, newest clip first.
pub fn list_published(tx: &mut Tx<'_>, shop: ShopId, after: Option<ClipId>, limit: i64) -> Result<Page<ClipVersion>> {
    let clips = tx.all(
        "select c.id, c.slug, v.version, v.published_at, v.snapshot from clips c
           join clip_versions v on v.clip_id = c.id and v.version = c.published
          where c.shop_id = $1 and c.id < $2 order by c.id desc limit $3",
        args![shop, before(after), limit + 1],
    )?;
    Ok(Page::cut(clips, limit, |clip: &ClipVersion| clip.clip.to_string()))
}

/// Any version that was ever published: evidence of what a buyer saw.
pub fn version(tx: &mut Tx<'_>, shop: ShopId, clip: ClipId, version: i64) -> Result<Option<ClipVersion>> {
    tx.maybe_one(
        "select c.id, c.slug, v.version, v.published_at, v.snapshot from clip_versions v join clips c on c.id = v.clip_id
          where v.shop_id = $1 and v.clip_id = $2 and v.version = $3",
        args![shop, clip, version],
    )
}

/// All versions, newest first.
pub fn versions(tx: &mut Tx<'_>, shop: ShopId, clip: ClipId) -> Result<Vec<ClipVersion>> {
    tx.all(
        "select c.id, c.slug, v.version, v.published_at, v.snapshot from clip_versions v join clips c on c.id = v.clip_id
          where v.shop_id = $1 and v.clip_id = $2 order by v.version desc limit 50",
        args![shop, clip],
    )
}

pub(super) fn insert_version(
    tx: &mut Tx<'_>,
    shop: ShopId,
    clip: ClipId,
    version: i64,
    snapshot: &Snapshot,
) -> Result<()> {
    tx.put(
        "insert into clip_versions (clip_id, version, shop_id, snapshot, published_at) values ($1, $2, $3, $4, $5)",
        args![clip, version, shop, Json(snapshot), tx.now()],
    )
}

/// Sets which version viewers see; none hides the clip.
pub(super) fn set_published(tx: &mut Tx<'_>, shop: ShopId, clip: ClipId, version: Option<i64>) -> Result<()> {
    tx.put(
        "update clips set published = $3 where shop_id = $1 and id = $2",
        args![shop, clip, version],
    )
}
