//! What a clip is made of, and the rules for drafts and anchors.

use crate::kernel::{AnchorId, ClipId, Error, ProductId, Result, Time, VariantId, text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A stored file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// SHA-256 of the bytes, in hex.
    pub hash: String,
    pub content_type: String,
    pub extension: String,
    pub size_bytes: i64,
    pub width: u32,
    pub height: u32,
    pub duration_ms: i64,
}

impl Media {
    /// Where it is served from: the same bytes for ever.
    pub fn path(&self) -> String {
        format!("/media/{}.{}", self.hash, self.extension)
    }
    pub fn is_video(&self) -> bool {
        self.extension == "mp4"
    }
    pub fn is_picture(&self) -> bool {
        matches!(self.extension.as_str(), "jpg" | "png" | "webp" | "svg")
    }
    pub fn is_captions(&self) -> bool {
        self.extension == "vtt"
    }
}

/// A clip as it is being worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    pub id: ClipId,
    pub slug: String,
    pub title: String,
    pub description: String,
    pub language: String,
    /// Empty until a video is chosen.
    pub media_hash: String,
    pub poster_hash: String,
    pub captions: Vec<Caption>,
    pub version: i64,
    /// The version viewers see, if any.
    pub published: Option<i64>,
    pub created_at: Time,
    pub changed_at: Time,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caption {
    pub lang: String,
    pub label: String,
    pub hash: String,
}

crate::words! {
    pub enum AnchorKind {
        ProductCard = "product_card",
        BuyButton = "buy_button",
        Ask = "ask",
        Mark = "mark",
        Proof = "proof",
    }
}

impl AnchorKind {
    /// Whether it offers something to buy.
    pub fn sells(self) -> bool {
        matches!(self, Self::ProductCard | Self::BuyButton)
    }
}

crate::words! {
    /// What an ask asks for.
    pub enum AskKind {
        Save = "save",
        Subscribe = "subscribe",
        Alert = "alert",
        Rsvp = "rsvp",
    }
}

/// A timed cue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub id: AnchorId,
    pub kind: AnchorKind,
    pub ask: Option<AskKind>,
    pub start_ms: i64,
    pub end_ms: i64,
    pub variant: Option<VariantId>,
    pub copy: Copies,
}

/// Language to words.
pub type Copies = BTreeMap<String, Copy>;

/// What an anchor says in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AnchorCopy)]
pub struct Copy {
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub text: String,
    /// On the button.
    #[serde(default)]
    pub label: String,
}

/// What a clip starts with, or shall be: the same fields.
#[derive(Clone, Debug, Default)]
pub struct ClipEdit {
    pub title: Option<String>,
    pub slug: Option<String>,
    pub description: Option<String>,
    pub language: Option<String>,
    /// The hash of a video.
    pub media: Option<String>,
    /// The hash of a picture, or empty for none.
    pub poster: Option<String>,
    pub captions: Option<Vec<Caption>>,
}

/// What an anchor shall be; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct AnchorEdit {
    pub kind: Option<AnchorKind>,
    pub ask: Option<AskKind>,
    pub start_ms: Option<i64>,
    pub end_ms: Option<i64>,
    pub variant: Option<VariantId>,
    pub copy: Option<Copies>,
}

/// Exactly what was published. Frozen as data: it must survive every later edit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    pub title: String,
    pub description: String,
    pub language: String,
    pub media: Media,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poster: Option<Media>,
    #[serde(default)]
    pub captions: Vec<Caption>,
    #[serde(default)]
    pub anchors: Vec<PublishedAnchor>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedAnchor {
    pub id: AnchorId,
    pub kind: AnchorKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<AskKind>,
    pub start_ms: i64,
    pub end_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<ProductId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<VariantId>,
    #[serde(default)]
    pub copy: Copies,
}

/// A published version of a clip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClipVersion {
    pub clip: ClipId,
    pub slug: String,
    pub version: i64,
    pub published_at: Time,
    pub content: Snapshot,
}

const TITLE_MAX: usize = 120;
const DESCRIPTION_MAX: usize = 5000;
const LANGUAGES_MAX: usize = 20;
/// More anchors than this on three minutes are a mistake.
pub const ANCHORS_MAX: usize = 100;

impl ClipEdit {
    /// The clip as it will be, before its media is looked up. Errors: `invalid_field`.
    pub fn apply(&self, clip: &Clip) -> Result<Clip> {
        let mut edited = clip.clone();
        if let Some(title) = &self.title {
            edited.title = text::line("/title", title, TITLE_MAX)?;
        }
        if let Some(slug) = &self.slug {
            edited.slug = text::slug("/slug", slug)?;
        }
        if let Some(description) = &self.description {
            edited.description = text::paragraphs("/description", description, DESCRIPTION_MAX)?;
        }
        if let Some(language) = &self.language {
            edited.language = checked_language("/language", language)?;
        }
        if let Some(media) = &self.media {
            edited.media_hash.clone_from(media);
        }
        if let Some(poster) = &self.poster {
            edited.poster_hash.clone_from(poster);
        }
        if let Some(captions) = &self.captions {
            edited.captions = checked_captions(captions)?;
        }
        Ok(edited)
    }
}

impl AnchorEdit {
    /// The anchor as it will be, inside a clip of `duration_ms` (0: no video yet). Errors: `invalid_field`.
    ///
    /// An anchor carries only what its kind uses: a mark that was a card forgets its variant.
    pub fn apply(&self, anchor: &Anchor, duration_ms: i64) -> Result<Anchor> {
        let kind = self.kind.unwrap_or(anchor.kind);
        let edited = Anchor {
            id: anchor.id,
            kind,
            ask: self.ask.or(anchor.ask).filter(|_| kind == AnchorKind::Ask),
            start_ms: self.start_ms.unwrap_or(anchor.start_ms),
            end_ms: self.end_ms.unwrap_or(anchor.end_ms),
            variant: self.variant.or(anchor.variant).filter(|_| kind.sells()),
            copy: self
                .copy
                .as_ref()
                .map(checked_copies)
                .transpose()?
                .unwrap_or_else(|| anchor.copy.clone()),
        };
        if edited.start_ms < 0 {
            return Err(Error::field("/start_ms", "An anchor starts at 0 or later."));
        }
        if edited.end_ms <= edited.start_ms {
            return Err(Error::field("/end_ms", "An anchor ends after it starts."));
        }
        if duration_ms > 0 && edited.end_ms > duration_ms {
            return Err(Error::field(
                "/end_ms",
                format!("The clip ends at {duration_ms} ms; so must the anchor."),
            ));
        }
        if kind.sells() && edited.variant.is_none() {
            return Err(Error::field(
                "/variant",
                "A product card or a buy button needs a variant.",
            ));
        }
        if kind == AnchorKind::Ask && edited.ask.is_none() {
            return Err(Error::field(
                "/ask",
                "Say what is asked: save, subscribe, alert or rsvp.",
            ));
        }
        Ok(edited)
    }
}

/// A BCP 47 tag in its short forms: `de`, `pt-BR`.
fn checked_language(pointer: &'static str, language: &str) -> Result<String> {
    let mut parts = language.split('-');
    let first = parts
        .next()
        .is_some_and(|part| (2..=3).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_lowercase()));
    let rest = parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_alphanumeric()));
    if first && rest && language.len() <= 20 {
        return Ok(language.to_owned());
    }
    Err(Error::field(pointer, "A language tag such as en or pt-BR."))
}

fn checked_captions(captions: &[Caption]) -> Result<Vec<Caption>> {
    if captions.len() > LANGUAGES_MAX {
        return Err(Error::field(
            "/captions",
            "A clip has captions in at most 20 languages.",
        ));
    }
    let mut checked: Vec<Caption> = Vec::with_capacity(captions.len());
    for caption in captions {
        let lang = checked_language("/captions", &caption.lang)?;
        if checked.iter().any(|other| other.lang == lang) {
            return Err(Error::field("/captions", format!("Captions in {lang} stand twice.")));
        }
        let label = text::line("/captions", &caption.label, 60)?;
        checked.push(Caption {
            lang,
            label,
            hash: caption.hash.clone(),
        });
    }
    Ok(checked)
}

fn checked_copies(copies: &Copies) -> Result<Copies> {
    if copies.len() > LANGUAGES_MAX {
        return Err(Error::field("/copy", "An anchor speaks at most 20 languages."));
    }
    let mut checked = Copies::new();
    for (language, copy) in copies {
        let copy = Copy {
            title: text::optional_line("/copy", &copy.title, 80)?,
            text: text::paragraphs("/copy", &copy.text, 300)?,
            label: text::optional_line("/copy", &copy.label, 40)?,
        };
        checked.insert(checked_language("/copy", language)?, copy);
    }
    Ok(checked)
}
