//! Clips as JSON: drafts for staff, published versions for players.

use super::{
    Anchor, AnchorCue, AnchorEdit, AnchorKind, AskKind, Caption, Clip, ClipEdit, ClipVersion, Copies, CreateClip,
    EditAnchor, EditClip, Media, Publish, PublishedAnchor, Unpublish, add_anchor, anchors, anchors_vtt, create, edit,
    edit_anchor, find, list_published, media, publish, published, remove_anchor, unpublish,
};
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::http::{IfMatch, Json, NewId, Path, Problem, Query, etag, for_a_moment, json, json_unless_known};
use crate::identity::{self, Analyst, Creator, Player, Shop};
use crate::kernel::{AnchorId, ClipId, Error, PageIn, PageOut, ProductId, Result as Done, ShopId, Time, VariantId};
use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

/// A stored file.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Media)]
pub struct MediaOut {
    /// SHA-256 of the bytes, in hex: name it in a clip or a product.
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub width: u32,
    pub height: u32,
    /// 0 for what does not move.
    pub duration_ms: i64,
    /// Where it is served: the same bytes for ever.
    pub src: String,
}

impl From<&Media> for MediaOut {
    fn from(media: &Media) -> Self {
        Self {
            id: media.hash.clone(),
            kind: media.content_type.clone(),
            width: media.width,
            height: media.height,
            duration_ms: media.duration_ms,
            src: media.path(),
        }
    }
}

/// Captions in one language.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Captions)]
pub struct CaptionOut {
    pub lang: String,
    pub label: String,
    pub src: String,
}

impl From<&Caption> for CaptionOut {
    fn from(caption: &Caption) -> Self {
        Self {
            lang: caption.lang.clone(),
            label: caption.label.clone(),
            src: format!("/media/{}.vtt", caption.hash),
        }
    }
}

/// A timed cue.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Anchor)]
pub struct AnchorOut {
    pub id: AnchorId,
    pub kind: AnchorKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<AskKind>,
    pub start_ms: i64,
    pub end_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<ProductId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<VariantId>,
    pub copy: Copies,
}

impl From<&PublishedAnchor> for AnchorOut {
    fn from(anchor: &PublishedAnchor) -> Self {
        Self {
            id: anchor.id,
            kind: anchor.kind,
            ask: anchor.ask,
            start_ms: anchor.start_ms,
            end_ms: anchor.end_ms,
            product: anchor.product,
            variant: anchor.variant,
            copy: anchor.copy.clone(),
        }
    }
}

impl From<Anchor> for AnchorOut {
    fn from(anchor: Anchor) -> Self {
        Self {
            id: anchor.id,
            kind: anchor.kind,
            ask: anchor.ask,
            start_ms: anchor.start_ms,
            end_ms: anchor.end_ms,
            product: None,
            variant: anchor.variant,
            copy: anchor.copy,
        }
    }
}

/// A published clip: what a player needs.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Clip)]
pub struct ClipOut {
    pub id: ClipId,
    pub version: i64,
    pub slug: String,
    pub title: String,
    pub description: String,
    pub language: String,
    pub page_url: String,
    pub media: MediaOut,
    /// A media path; absent when the clip has no poster.
    pub poster: Option<String>,
    pub captions: Vec<CaptionOut>,
    /// The anchors once more, as a WebVTT metadata track.
    pub anchors_src: String,
    pub anchors: Vec<AnchorOut>,
}

impl ClipOut {
    /// `key` is the shop's publishable key: a track is fetched without headers.
    pub fn new(clip: &ClipVersion, shop: &Shop, key: &str, base_url: &str) -> Self {
        let content = &clip.content;
        Self {
            id: clip.clip,
            version: clip.version,
            slug: clip.slug.clone(),
            title: content.title.clone(),
            description: content.description.clone(),
            language: content.language.clone(),
            page_url: format!("{base_url}/s/{}/clips/{}", shop.slug, clip.slug),
            media: MediaOut::from(&content.media),
            poster: content.poster.as_ref().map(Media::path),
            captions: content.captions.iter().map(CaptionOut::from).collect(),
            anchors_src: format!("/v1/clips/{}/anchors.vtt?key={key}", clip.clip),
            anchors: content.anchors.iter().map(AnchorOut::from).collect(),
        }
    }
}

/// A clip as its staff work on it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ClipDraft)]
pub struct ClipDraftOut {
    pub id: ClipId,
    /// Of the draft; rises with every change of the clip or its anchors.
    pub version: i64,
    /// The version viewers see, if any.
    pub published: Option<i64>,
    pub slug: String,
    pub title: String,
    pub description: String,
    pub language: String,
    pub media: Option<MediaOut>,
    pub poster: Option<MediaOut>,
    pub captions: Vec<CaptionOut>,
    pub anchors: Vec<AnchorOut>,
    pub created_at: Time,
    pub changed_at: Time,
}

fn draft_out(tx: &mut Tx<'_>, shop: ShopId, clip: Clip) -> Done<ClipDraftOut> {
    let video = media(tx, shop, &clip.media_hash)?;
    let poster = media(tx, shop, &clip.poster_hash)?;
    let anchors = anchors(tx, shop, clip.id)?;
    Ok(ClipDraftOut {
        id: clip.id,
        version: clip.version,
        published: clip.published,
        slug: clip.slug,
        title: clip.title,
        description: clip.description,
        language: clip.language,
        media: video.as_ref().map(MediaOut::from),
        poster: poster.as_ref().map(MediaOut::from),
        captions: clip.captions.iter().map(CaptionOut::from).collect(),
        anchors: anchors.into_iter().map(AnchorOut::from).collect(),
        created_at: clip.created_at,
        changed_at: clip.changed_at,
    })
}

/// A clip to begin.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewClip)]
pub struct ClipIn {
    pub title: String,
    /// Made from the title when absent.
    pub slug: Option<String>,
    pub description: Option<String>,
    /// The shop's language when absent.
    pub language: Option<String>,
    /// The id of an uploaded video.
    pub media: Option<String>,
    /// The id of an uploaded picture.
    pub poster: Option<String>,
    pub captions: Option<Vec<CaptionIn>>,
}

/// What is to be different about a clip; what is absent stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ClipEdit)]
pub struct ClipEditIn {
    pub title: Option<String>,
    pub slug: Option<String>,
    pub description: Option<String>,
    pub language: Option<String>,
    pub media: Option<String>,
    /// Empty for none.
    pub poster: Option<String>,
    pub captions: Option<Vec<CaptionIn>>,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCaptions)]
pub struct CaptionIn {
    pub lang: String,
    pub label: String,
    /// The id of an uploaded WebVTT file.
    pub media: String,
}

fn captions_in(captions: Option<Vec<CaptionIn>>) -> Option<Vec<Caption>> {
    let caption = |caption: CaptionIn| Caption {
        lang: caption.lang,
        label: caption.label,
        hash: caption.media,
    };
    captions.map(|captions| captions.into_iter().map(caption).collect())
}

/// An anchor to set, or what is to be different about one: then what is absent stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AnchorEdit)]
pub struct AnchorIn {
    /// A mark when absent.
    pub kind: Option<AnchorKind>,
    pub ask: Option<AskKind>,
    pub start_ms: Option<i64>,
    pub end_ms: Option<i64>,
    pub variant: Option<VariantId>,
    /// By language.
    pub copy: Option<Copies>,
}

impl From<AnchorIn> for AnchorEdit {
    fn from(anchor: AnchorIn) -> Self {
        Self {
            kind: anchor.kind,
            ask: anchor.ask,
            start_ms: anchor.start_ms,
            end_ms: anchor.end_ms,
            variant: anchor.variant,
            copy: anchor.copy,
        }
    }
}

/// An anchor after a change, with the draft's new version.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ChangedAnchor)]
pub struct ChangedAnchorOut {
    /// Of the clip's draft.
    pub version: i64,
    /// Absent when it was taken away.
    pub anchor: Option<AnchorOut>,
}

/// A clip that viewers see.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Publication)]
pub struct PublicationOut {
    pub clip: ClipId,
    pub version: i64,
    pub published_at: Time,
    /// Anchors that sell something. 0 is allowed: a clip may only tell.
    pub offers: usize,
}

fn with_version(status: StatusCode, version: i64, body: impl Serialize) -> Response {
    let mut response = json(status, body);
    response.headers_mut().insert(header::ETAG, etag(version));
    response
}

fn slug_taken() -> Problem {
    Problem::conflict("slug_taken", "Another clip has this address. Choose another one.").with_field("/slug", "Taken.")
}

fn no_clip() -> Problem {
    Error::not_found("clip").into()
}

/// The published clips, newest first.
#[utoipa::path(get, path = "/v1/clips", tag = "clips", params(PageIn), responses((status = 200, body = PageOut<ClipOut>)))]
pub async fn get_clips(
    State(app): State<App>,
    player: Player,
    Query(page): Query<PageIn>,
) -> Result<Response, Problem> {
    let (id, after) = (player.shop, page.after::<ClipId>()?);
    let (shop, key, found) = app
        .db
        .read_lately(move |tx| {
            let shop = identity::shop(tx, id)?;
            Ok((
                shop,
                identity::publishable_key(tx, id)?,
                list_published(tx, id, after, page.limit())?,
            ))
        })
        .await?;
    Ok(for_a_moment(json(
        StatusCode::OK,
        found.map(|clip| ClipOut::new(&clip, &shop, &key, &app.base_url)),
    )))
}

/// A published clip.
#[utoipa::path(get, path = "/v1/clips/{clip}", tag = "clips", params(("clip" = ClipId, Path)),
    responses((status = 200, body = ClipOut), (status = 304, description = "You have this version."), (status = 404)))]
pub async fn get_clip(
    State(app): State<App>,
    player: Player,
    Path(clip): Path<ClipId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = player.shop;
    let (shop, key, found) = app
        .db
        .read_lately(move |tx| {
            Ok((
                identity::shop(tx, id)?,
                identity::publishable_key(tx, id)?,
                published(tx, id, clip)?,
            ))
        })
        .await?;
    let clip = found.ok_or_else(no_clip)?;
    Ok(for_a_moment(json_unless_known(
        &headers,
        etag(clip.version),
        ClipOut::new(&clip, &shop, &key, &app.base_url),
    )))
}

/// The player whose key came in the address: a browser fetches a track without headers.
pub struct TrackReader(Player);

#[derive(Deserialize)]
struct KeyIn {
    key: Option<String>,
}

impl FromRequestParts<App> for TrackReader {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Query(KeyIn { key }) = Query::from_request_parts(parts, app).await?;
        match key {
            Some(key) => identity::player_of(app, &key).await.map(Self),
            None => Player::from_request_parts(parts, app).await.map(Self),
        }
    }
}

/// A clip's anchors as a WebVTT metadata track: one cue an anchor, its payload JSON on one line.
#[utoipa::path(get, path = "/v1/clips/{clip}/anchors.vtt", tag = "clips",
    params(("clip" = ClipId, Path), ("key" = Option<String>, Query, description = "The publishable key, where no header can be sent.")),
    responses((status = 200, body = String, content_type = "text/vtt"), (status = 404)))]
pub async fn get_anchors(
    State(app): State<App>,
    TrackReader(player): TrackReader,
    Path(clip): Path<ClipId>,
) -> Result<Response, Problem> {
    let shop = player.shop;
    let clip = app
        .db
        .look(move |tx| published(tx, shop, clip))
        .await?
        .ok_or_else(no_clip)?;
    let cues: Vec<AnchorCue> = clip
        .content
        .anchors
        .iter()
        .map(|anchor| AnchorCue {
            id: anchor.id,
            start_ms: anchor.start_ms,
            end_ms: anchor.end_ms,
            json: serde_json::to_string(&AnchorOut::from(anchor)).expect("own types serialise"),
        })
        .collect();
    let mut response = Response::new(Body::from(anchors_vtt(&cues)));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/vtt; charset=utf-8"),
    );
    response.headers_mut().insert(header::ETAG, etag(clip.version));
    Ok(for_a_moment(response))
}

/// A clip with everything staff know of it.
#[utoipa::path(get, path = "/v1/clips/{clip}/draft", tag = "clips", params(("clip" = ClipId, Path)),
    responses((status = 200, body = ClipDraftOut), (status = 304, description = "You have this version."), (status = 404)))]
pub async fn get_clip_draft(
    State(app): State<App>,
    staff: Analyst,
    Path(id): Path<ClipId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    let found = app
        .db
        .read(move |tx| find(tx, shop, id)?.map(|clip| draft_out(tx, shop, clip)).transpose())
        .await?;
    let draft = found.ok_or_else(no_clip)?;
    Ok(json_unless_known(&headers, etag(draft.version), draft))
}

/// Begin a clip.
#[utoipa::path(post, path = "/v1/clips", tag = "clips", request_body = ClipIn, responses((status = 201, body = ClipDraftOut),
    (status = 409, description = "`slug_taken`")))]
pub async fn post_clip(
    State(app): State<App>,
    staff: Creator,
    id: NewId,
    Json(new): Json<ClipIn>,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    let new = ClipEdit {
        title: Some(new.title),
        slug: new.slug,
        description: new.description,
        language: new.language,
        media: new.media,
        poster: new.poster,
        captions: captions_in(new.captions),
    };
    let made = app.db.write(LaneKey::of(shop), move |tx| {
        let language = identity::shop(tx, shop)?.language;
        Ok(match create(tx, shop, &language, id.get(), &new)? {
            CreateClip::Created(clip) => Some(draft_out(tx, shop, clip)?),
            CreateClip::SlugTaken => None,
        })
    });
    let draft = made.await?.ok_or_else(slug_taken)?;
    Ok(with_version(StatusCode::CREATED, draft.version, draft))
}

/// Edit a draft. What is published stays as it is until it is published again.
#[utoipa::path(patch, path = "/v1/clips/{clip}", tag = "clips",
    params(("clip" = ClipId, Path), ("If-Match" = String, Header, description = "The draft's version, in quotes.")),
    request_body = ClipEditIn, responses((status = 200, body = ClipDraftOut), (status = 404), (status = 412, description = "`stale`"),
    (status = 409, description = "`slug_taken`")))]
pub async fn patch_clip(
    State(app): State<App>,
    staff: Creator,
    Path(id): Path<ClipId>,
    IfMatch(version): IfMatch,
    Json(changes): Json<ClipEditIn>,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    let changes = ClipEdit {
        title: changes.title,
        slug: changes.slug,
        description: changes.description,
        language: changes.language,
        media: changes.media,
        poster: changes.poster,
        captions: captions_in(changes.captions),
    };
    let edited = app.db.write(LaneKey::of(shop), move |tx| {
        Ok(match edit(tx, shop, id, version, &changes)? {
            EditClip::Edited(clip) => Ok(draft_out(tx, shop, clip)?),
            refusal => Err(refusal),
        })
    });
    match edited.await? {
        Ok(draft) => Ok(with_version(StatusCode::OK, draft.version, draft)),
        Err(EditClip::Stale(current)) => Err(IfMatch::stale(current)),
        Err(EditClip::SlugTaken) => Err(slug_taken()),
        Err(EditClip::NotFound | EditClip::Edited(_)) => Err(no_clip()),
    }
}

/// Set an anchor on a draft.
#[utoipa::path(post, path = "/v1/clips/{clip}/anchors", tag = "clips", params(("clip" = ClipId, Path)),
    request_body = AnchorIn, responses((status = 201, body = ChangedAnchorOut), (status = 404),
    (status = 409, description = "`too_many_anchors`"), (status = 422, description = "Outside the clip, or a variant that is not here.")))]
pub async fn post_anchor(
    State(app): State<App>,
    staff: Creator,
    Path(clip): Path<ClipId>,
    id: NewId,
    Json(new): Json<AnchorIn>,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    let new = AnchorEdit::from(new);
    let added = app.db.write(LaneKey::of(shop), move |tx| {
        let currency = identity::shop(tx, shop)?.currency;
        add_anchor(tx, (shop, currency), clip, id.get(), &new)
    });
    changed(StatusCode::CREATED, added.await?)
}

/// Change an anchor of a draft.
#[utoipa::path(patch, path = "/v1/clips/{clip}/anchors/{anchor}", tag = "clips",
    params(("clip" = ClipId, Path), ("anchor" = AnchorId, Path), ("If-Match" = String, Header, description = "The draft's version, in quotes.")),
    request_body = AnchorIn, responses((status = 200, body = ChangedAnchorOut), (status = 404), (status = 412, description = "`stale`"),
    (status = 422, description = "Outside the clip, or a variant that is not here.")))]
pub async fn patch_anchor(
    State(app): State<App>,
    staff: Creator,
    Path(ids): Path<(ClipId, AnchorId)>,
    IfMatch(version): IfMatch,
    Json(changes): Json<AnchorIn>,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    let changes = AnchorEdit::from(changes);
    let edited = app.db.write(LaneKey::of(shop), move |tx| {
        let currency = identity::shop(tx, shop)?.currency;
        edit_anchor(tx, (shop, currency), ids, version, &changes)
    });
    changed(StatusCode::OK, edited.await?)
}

/// Take an anchor away from a draft.
#[utoipa::path(delete, path = "/v1/clips/{clip}/anchors/{anchor}", tag = "clips",
    params(("clip" = ClipId, Path), ("anchor" = AnchorId, Path), ("If-Match" = String, Header, description = "The draft's version, in quotes.")),
    responses((status = 200, body = ChangedAnchorOut), (status = 404), (status = 412, description = "`stale`")))]
pub async fn delete_anchor(
    State(app): State<App>,
    staff: Creator,
    Path((clip, anchor)): Path<(ClipId, AnchorId)>,
    IfMatch(version): IfMatch,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    let removed = app
        .db
        .write(LaneKey::of(shop), move |tx| {
            remove_anchor(tx, shop, clip, anchor, version)
        })
        .await?;
    changed(StatusCode::OK, removed)
}

fn changed(status: StatusCode, outcome: EditAnchor) -> Result<Response, Problem> {
    match outcome {
        EditAnchor::Done { anchor, version } => Ok(with_version(
            status,
            version,
            ChangedAnchorOut {
                version,
                anchor: anchor.map(AnchorOut::from),
            },
        )),
        EditAnchor::NotFound => Err(Error::not_found("anchor").into()),
        EditAnchor::Stale(current) => Err(IfMatch::stale(current)),
        EditAnchor::TooMany => Err(Problem::conflict("too_many_anchors", "A clip has at most 100 anchors.")),
    }
}

/// Publish the draft as it is: an immutable version that viewers see from now on.
#[utoipa::path(post, path = "/v1/clips/{clip}/publication", tag = "clips", params(("clip" = ClipId, Path)),
    responses((status = 200, body = PublicationOut), (status = 404),
    (status = 409, description = "`no_media`, `anchor_outside` or `anchor_not_sellable`, with the `anchor`.")))]
pub async fn post_publication(
    State(app): State<App>,
    staff: Creator,
    Path(clip): Path<ClipId>,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    let done = app.db.write(LaneKey::of(shop), move |tx| {
        let currency = identity::shop(tx, shop)?.currency;
        publish(tx, (shop, currency), clip, None)
    });
    match done.await? {
        Publish::Live { version, offers } => {
            let ClipVersion {
                clip,
                version,
                published_at,
                ..
            } = version;
            Ok(json(
                StatusCode::OK,
                PublicationOut {
                    clip,
                    version,
                    published_at,
                    offers,
                },
            ))
        }
        Publish::NotFound => Err(no_clip()),
        Publish::Stale(current) => Err(IfMatch::stale(current)),
        Publish::NoMedia => Err(Problem::conflict(
            "no_media",
            "This clip has no video yet. Upload one first.",
        )),
        Publish::AnchorOutside(anchor) => {
            let detail = "An anchor lies behind the end of the video. Move it or take it away.";
            Err(Problem::conflict("anchor_outside", detail).with("anchor", anchor))
        }
        Publish::AnchorNotSellable { anchor, variant } => {
            let detail = "An anchor offers what nobody can buy: the product is a draft or archived, or has no price. Put it on sale, or take the anchor away.";
            Err(Problem::conflict("anchor_not_sellable", detail)
                .with("anchor", anchor)
                .with("variant", variant))
        }
    }
}

/// Hide a clip from viewers. Quotes made from it are refused from now on, also on other people's pages.
#[utoipa::path(delete, path = "/v1/clips/{clip}/publication", tag = "clips", params(("clip" = ClipId, Path)),
    responses((status = 204), (status = 404)))]
pub async fn delete_publication(
    State(app): State<App>,
    staff: Creator,
    Path(clip): Path<ClipId>,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    match app
        .db
        .write(LaneKey::of(shop), move |tx| unpublish(tx, shop, clip))
        .await?
    {
        Unpublish::Hidden => Ok(StatusCode::NO_CONTENT.into_response()),
        Unpublish::NotFound => Err(no_clip()),
    }
}
