//! The clip editor: the clip, its timeline and its cards.
//!
//! One form per anchor and one for the clip itself, each with the clip's version; the button's `do` says what it asks for. With JavaScript
//! the timeline writes into these same fields and each form saves itself.

use crate::app::App;
use crate::catalog::{self, ProductState};
use crate::clips::{
    self, Anchor, AnchorEdit, AnchorKind, AskKind, Caption, Clip, ClipEdit, Copies, EditAnchor, EditClip, Intake,
    Publish, Snapshot, Unpublish,
};
use crate::db::{LaneKey, Tx};
use crate::http::{Form, NewId, Path, Problem as Refused, page, redirect};
use crate::identity::{Analyst, Creator, Shop, Staff, shop};
use crate::inventory;
use crate::kernel::{AnchorId, ClipId, Error, Kind, Result, Time, VariantId, words};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::audience_clip_page;
use super::audience_page::Window;
use super::chart::{Band, Retention};
use super::clips_page;
use super::field::{Choice, Field, Problem, refusable};
use super::frame::{Chip, Frame, Section, Tone};
use super::languages::{self, languages};
use super::typed::{Typed, decimal};
use super::when::When;

/// A frame at 25 a second. Faster films are nudged by less than they could be, never by more than one sees.
const FRAME_MS: u32 = 40;

/// The film under the timeline.
pub struct Media {
    pub src: String,
    pub width: u32,
    pub height: u32,
    pub duration_ms: u64,
    pub poster: String,
    /// One frame, for nudging.
    pub frame_ms: u32,
}

/// What a card says in one language.
pub struct Copy {
    pub lang: String,
    pub lang_name: String,
    pub dir: &'static str,
    pub title: Field,
    pub text: Field,
    pub label: Field,
}

/// One anchor as it is edited.
pub struct AnchorForm {
    pub id: String,
    /// What a person calls it: the product's name or the ask.
    pub name: String,
    pub kinds: Vec<Choice>,
    pub asks: Vec<Choice>,
    pub start: Field,
    pub end: Field,
    pub start_ms: u64,
    pub end_ms: u64,
    pub products: Vec<Choice>,
    pub picture: Option<String>,
    pub price: String,
    pub left: String,
    pub copies: Vec<Copy>,
    /// "512 taps, 11.2 % of its viewers"; empty before it was ever live.
    pub taps: String,
}

/// Captions of one language, and where they can be read.
pub struct CaptionRow {
    pub lang: String,
    pub name: String,
    pub link: String,
}

impl Copy {
    /// A card without a title, or with a title and no words on its button, is not ready for viewers of this language.
    pub fn is_missing(&self) -> bool {
        self.title.value.is_empty() || self.label.value.is_empty()
    }
}

impl Media {
    fn of(media: &clips::Media, poster: Option<&clips::Media>) -> Self {
        Self {
            src: media.path(),
            poster: poster.map(clips::Media::path).unwrap_or_default(),
            width: media.width,
            height: media.height,
            duration_ms: media.duration_ms.unsigned_abs(),
            frame_ms: FRAME_MS,
        }
    }

    /// The length as the player shows it.
    pub fn length(&self) -> String {
        format!(
            "{}:{:02}.{:02}",
            self.duration_ms / 60_000,
            self.duration_ms / 1000 % 60,
            self.duration_ms % 1000 / 10
        )
    }
}

impl AnchorForm {
    /// Ids of the inputs, so that labels and the summary of a refused form find them.
    pub fn kind_id(&self) -> String {
        format!("{}-kind", self.id)
    }

    pub fn product_id(&self) -> String {
        format!("{}-product", self.id)
    }

    pub fn ask_id(&self) -> String {
        format!("{}-ask", self.id)
    }

    pub fn start_id(&self) -> String {
        format!("{}-start", self.id)
    }

    pub fn end_id(&self) -> String {
        format!("{}-end", self.id)
    }
}

/// One line of what publishing will change.
pub struct Difference {
    pub what: String,
    pub before: String,
    pub after: String,
}

/// What the public sees now and what it would see.
pub enum Publication {
    /// Never published, or taken down.
    Private,
    Live {
        since: When,
        changes: Vec<Difference>,
    },
}

#[derive(Template)]
#[template(path = "studio/clip_editor.html")]
pub struct ClipEditorPage {
    pub frame: Frame,
    pub version: i64,
    pub state: Chip,
    pub title: Field,
    pub description: Field,
    pub languages: Vec<Choice>,
    /// The languages of the cards, side by side.
    pub card_languages: Vec<Choice>,
    pub page_url: String,
    pub preview_url: String,
    /// None until a video has arrived.
    pub media: Option<Media>,
    pub anchors: Vec<AnchorForm>,
    pub captions: Vec<CaptionRow>,
    /// Pasted captions; kept when they were refused.
    pub caption_text: Field,
    pub caption_languages: Vec<Choice>,
    pub publication: Publication,
    /// Why it cannot be published yet; empty when it can.
    pub missing: Vec<String>,
    pub retention: Option<Retention>,
    pub retention_csv: String,
    pub audience_link: String,
    pub problems: Vec<Problem>,
}

/// What viewers may be asked, in the order of the menu.
fn asks(chosen: Option<AskKind>) -> Vec<Choice> {
    let words = |ask: AskKind| match ask {
        AskKind::Save => "Save this for later",
        AskKind::Subscribe => "Follow the shop",
        AskKind::Alert => "Tell me when it is back",
        AskKind::Rsvp => "I will be there",
    };
    AskKind::ALL
        .iter()
        .map(|ask| Choice {
            chosen: chosen == Some(*ask),
            ..Choice::new(ask.word(), words(*ask))
        })
        .collect()
}

/// What an anchor can be, in the order of the menu.
fn kinds(chosen: AnchorKind) -> Vec<Choice> {
    let words = |kind: AnchorKind| match kind {
        AnchorKind::ProductCard => "Product card",
        AnchorKind::BuyButton => "Buy button",
        AnchorKind::Ask => "Ask",
        AnchorKind::Mark => "Mark in the story",
        AnchorKind::Proof => "Proof",
    };
    AnchorKind::ALL
        .iter()
        .map(|kind| Choice {
            chosen: chosen == *kind,
            ..Choice::new(kind.word(), words(*kind))
        })
        .collect()
}

/// A variant that an anchor can offer, as the menu and the card show it.
#[derive(Clone)]
struct Offer {
    variant: VariantId,
    name: String,
    price: String,
    image: String,
    left: String,
}

/// Everything the editor reads, in one snapshot.
struct Desk {
    shop: Shop,
    clip: Clip,
    media: Option<clips::Media>,
    poster: Option<clips::Media>,
    anchors: Vec<Anchor>,
    offers: Vec<Offer>,
    live: Option<clips::ClipVersion>,
    now: Time,
}

/// Products in the menu of an anchor.
const PRODUCTS: i64 = 100;

fn read(tx: &mut Tx<'_>, staff: &Staff, id: ClipId) -> Result<Desk> {
    let shop = shop(tx, staff.shop)?;
    let clip = clips::find(tx, shop.id, id)?.ok_or_else(|| Error::not_found("clip"))?;
    Ok(Desk {
        media: clips::media(tx, shop.id, &clip.media_hash)?,
        poster: clips::media(tx, shop.id, &clip.poster_hash)?,
        anchors: clips::anchors(tx, shop.id, id)?,
        offers: offers(tx, &shop)?,
        live: clips::published(tx, shop.id, id)?,
        now: tx.now(),
        shop,
        clip,
    })
}

fn offers(tx: &mut Tx<'_>, shop: &Shop) -> Result<Vec<Offer>> {
    let mut offers = Vec::new();
    for product in catalog::list(tx, shop.id, None, PRODUCTS)?.data {
        if product.state == ProductState::Archived {
            continue;
        }
        for variant in catalog::variants(tx, shop.id, product.id, shop.currency)? {
            let stock = inventory::availability(tx, variant.id)?;
            let name = if variant.title.is_empty() {
                product.title.clone()
            } else {
                format!("{}, {}", product.title, variant.title)
            };
            let left = match (stock.left, stock.in_checkouts) {
                (left, 0) => format!("{left} left"),
                (left, claimed) => format!("{left} left, {claimed} in checkouts"),
            };
            let price = variant.price.map(words::money).unwrap_or_default();
            offers.push(Offer {
                variant: variant.id,
                name,
                price,
                image: product.image.clone(),
                left,
            });
        }
    }
    Ok(offers)
}

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Path((_, id)): Path<(String, ClipId)>,
) -> std::result::Result<Response, Refused> {
    let who = staff.0.clone();
    let desk = app.db.read(move |tx| read(tx, &who, id)).await?;
    let mut editor = ClipEditorPage::of(&desk, &staff);
    if desk.live.is_some() && staff.role.may_measure() {
        let audience = audience_clip_page::read(&app, staff.shop, id, Window::Month).await?;
        editor.retention_csv = Window::Month.link(&format!("{}/retention.csv", editor.audience_link));
        editor.retention = audience_clip_page::curve(&audience).map(|curve| Retention {
            // The anchors' own bars lie above it.
            bands: Vec::new(),
            ..curve
        });
    }
    page(&editor)
}

/// What came of a form of the editor.
enum Done {
    /// The part of the page to come back to.
    Saved(String),
    Stale,
    /// The input that is meant, and what to say about it.
    Refused(String, String),
}

/// Every form of the editor ends here; the button says what it asks for.
pub async fn save(
    State(app): State<App>,
    staff: Creator,
    Path((_, id)): Path<(String, ClipId)>,
    new_id: NewId,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Refused> {
    let who = staff.0.clone();
    let given = typed.clone();
    let file = caption_file(&app, &staff, &typed).await?;
    let (outcome, desk) = app
        .db
        .write(LaneKey::of(staff.shop), move |tx| {
            let before = read(tx, &who, id)?;
            let done = match &file {
                Some(Err(why)) => Ok(Done::Refused("caption-text".into(), why.clone())),
                Some(Ok(hash)) => set_captions(tx, &before, &given, Some(hash)),
                None => act(tx, &before, new_id, &given),
            };
            let outcome = refusable(done)?;
            Ok((outcome, read(tx, &who, id)?))
        })
        .await?;
    let place = format!("/studio/{}/clips/{id}", desk.shop.slug);
    let mut again = ClipEditorPage::of(&desk, &staff);
    match outcome {
        Ok(Done::Saved(part)) => return Ok(redirect(&format!("{place}{part}"))),
        Ok(Done::Stale) => again.keep(&typed, None, vec![Problem::stale()]),
        Ok(Done::Refused(input, detail)) => again.keep(&typed, None, vec![Problem::new(&input, &detail)]),
        Err(error) if error.kind == Kind::Invalid => again.keep(&typed, Some(&error), Problem::all(&error, &PLACES)),
        Err(error) => return Err(error.into()),
    }
    page(&again)
}

/// The file that pasted captions become, or why they are none; `None` if none were pasted.
async fn caption_file(
    app: &App,
    staff: &Creator,
    typed: &Typed,
) -> Result<Option<std::result::Result<String, String>>> {
    if typed.one("do") != "save_captions" {
        return Ok(None);
    }
    let text = axum::body::Bytes::from(typed.one("caption_text").trim_start().to_owned());
    let sent = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(text)]);
    Ok(Some(match clips::intake(app, staff.shop, sent).await? {
        Intake::Stored { media, .. } if media.is_captions() => Ok(media.hash),
        Intake::Refused(refusal) => Err(format!("{}. {}", refusal.detail, refusal.remedy)),
        _ => Err("Paste the whole text of a WebVTT file; it begins with WEBVTT.".into()),
    }))
}

/// Captions of one language come, come anew, or go.
fn set_captions(tx: &mut Tx<'_>, desk: &Desk, typed: &Typed, hash: Option<&str>) -> Result<Done> {
    let lang = typed.one("caption_language");
    let others = desk.clip.captions.iter().filter(|caption| caption.lang != lang);
    let this = hash.map(|hash| Caption {
        lang: lang.to_owned(),
        label: languages::name(lang).to_owned(),
        hash: hash.to_owned(),
    });
    let edit = ClipEdit {
        captions: Some(others.cloned().chain(this).collect()),
        ..ClipEdit::default()
    };
    Ok(
        match clips::edit(tx, desk.shop.id, desk.clip.id, typed.version(), &edit)? {
            EditClip::Edited(_) => Done::Saved("#captions".into()),
            EditClip::NotFound => return Err(Error::not_found("clip")),
            EditClip::Stale(_) | EditClip::SlugTaken => Done::Stale,
        },
    )
}

/// Where the fields of a refusal stand on the page. An anchor's inputs are marked where they are; the summary only says which.
const PLACES: [(&str, &str, &str); 9] = [
    ("/title", "title", "Title"),
    ("/description", "description", "Description"),
    ("/language", "language", "Spoken language"),
    ("/start_ms", "main", "Appears at"),
    ("/end_ms", "main", "Leaves at"),
    ("/variant", "main", "Product"),
    ("/ask", "main", "What is asked"),
    ("/copy", "main", "Words on the card"),
    ("/captions", "caption-text", "Captions"),
];

fn act(tx: &mut Tx<'_>, desk: &Desk, new_id: NewId, typed: &Typed) -> Result<Done> {
    let (shop, currency, clip) = (desk.shop.id, desk.shop.currency, desk.clip.id);
    let anchor = typed.id::<AnchorId>("anchor");
    match (typed.one("do"), anchor) {
        ("save_clip", _) => {
            let edit = ClipEdit {
                title: Some(typed.one("title").into()),
                description: Some(typed.one("description").into()),
                language: Some(typed.one("language").into()),
                ..ClipEdit::default()
            };
            Ok(match clips::edit(tx, shop, clip, typed.version(), &edit)? {
                EditClip::Edited(_) => Done::Saved(String::new()),
                EditClip::NotFound => return Err(Error::not_found("clip")),
                EditClip::Stale(_) => Done::Stale,
                EditClip::SlugTaken => Done::Refused("title".into(), "Another clip has this address.".into()),
            })
        }
        ("add_anchor", _) => {
            let outcome = clips::add_anchor(tx, (shop, currency), clip, new_id.get(), &first_edit(desk, typed)?)?;
            changed(outcome)
        }
        ("save_anchor", Some(anchor)) => {
            let edit = anchor_edit(typed)?;
            changed(clips::edit_anchor(
                tx,
                (shop, currency),
                (clip, anchor),
                typed.version(),
                &edit,
            )?)
        }
        ("remove_anchor", Some(anchor)) => changed(clips::remove_anchor(tx, shop, clip, anchor, typed.version())?),
        ("remove_captions", _) => set_captions(tx, desk, typed, None),
        ("publish", _) => published(clips::publish(tx, (shop, currency), clip, Some(typed.version()))?),
        ("unpublish", _) => match clips::unpublish(tx, shop, clip)? {
            Unpublish::Hidden => Ok(Done::Saved(String::new())),
            Unpublish::NotFound => Err(Error::not_found("clip")),
        },
        _ => Err(Error::invalid(
            "unknown_action",
            "This form asked for something the editor does not know.",
        )),
    }
}

fn changed(outcome: EditAnchor) -> Result<Done> {
    match outcome {
        EditAnchor::Done { anchor, .. } => Ok(Done::Saved(
            anchor.map(|anchor| format!("#{}", anchor.id)).unwrap_or_default(),
        )),
        EditAnchor::NotFound => Err(Error::not_found("anchor")),
        EditAnchor::Stale(_) => Ok(Done::Stale),
        EditAnchor::TooMany => Ok(Done::Refused("main".into(), "A clip has at most 100 anchors.".into())),
    }
}

fn published(outcome: Publish) -> Result<Done> {
    match outcome {
        Publish::Live { .. } => Ok(Done::Saved(String::new())),
        Publish::NotFound => Err(Error::not_found("clip")),
        Publish::Stale(_) => Ok(Done::Stale),
        Publish::NoMedia => Ok(Done::Refused("main".into(), "There is no video yet.".into())),
        Publish::AnchorOutside(anchor) => Ok(Done::Refused(
            format!("{anchor}-end"),
            "This anchor ends after the clip. Move it to an earlier second.".into(),
        )),
        Publish::AnchorNotSellable { anchor, .. } => Ok(Done::Refused(
            format!("{anchor}-product"),
            "Nobody could buy what this anchor offers: give the product a price and put it on sale, or choose another."
                .into(),
        )),
    }
}

/// How long a new anchor stays before anyone stretched it.
const FIRST_LENGTH_MS: i64 = 4000;

/// A new anchor offers the shop's newest product; without one it only marks the moment.
fn first_edit(desk: &Desk, typed: &Typed) -> Result<AnchorEdit> {
    let duration = desk.media.as_ref().map_or(i64::MAX, |media| media.duration_ms);
    let start = seconds("/start_ms", typed.one("start"))?.min((duration - FIRST_LENGTH_MS).max(0));
    let offer = desk.offers.first();
    let words = clips::Copy {
        title: offer.map(|offer| offer.name.clone()).unwrap_or_default(),
        ..clips::Copy::default()
    };
    Ok(AnchorEdit {
        kind: Some(if offer.is_some() {
            AnchorKind::ProductCard
        } else {
            AnchorKind::Mark
        }),
        ask: None,
        start_ms: Some(start),
        end_ms: Some(start.saturating_add(FIRST_LENGTH_MS).min(duration)),
        variant: offer.map(|offer| offer.variant),
        copy: Some(Copies::from([(desk.clip.language.clone(), words)])),
    })
}

fn anchor_edit(typed: &Typed) -> Result<AnchorEdit> {
    let kind: AnchorKind = typed.one("kind").parse()?;
    let copy = typed
        .all("copy_language")
        .map(|language| {
            let said = |part: &str| typed.one(&format!("{part}_{language}")).to_owned();
            (
                language.to_owned(),
                clips::Copy {
                    title: said("title"),
                    text: said("text"),
                    label: said("label"),
                },
            )
        })
        // A language in which nothing is said is left out.
        .filter(|(_, copy)| *copy != clips::Copy::default())
        .collect();
    Ok(AnchorEdit {
        kind: Some(kind),
        ask: typed.id("ask").filter(|_| kind == AnchorKind::Ask),
        start_ms: Some(seconds("/start_ms", typed.one("start"))?),
        end_ms: Some(seconds("/end_ms", typed.one("end"))?),
        variant: typed.id("variant"),
        copy: Some(copy),
    })
}

fn seconds(pointer: &'static str, text: &str) -> Result<i64> {
    decimal(text, 3).ok_or_else(|| Error::field(pointer, "Write the second as a number, such as 4.20."))
}

/// Milliseconds as the fields show them: `4.20`, or `4.205` when the last digit says something.
fn second_text(ms: i64) -> String {
    let ms = ms.unsigned_abs();
    if ms.is_multiple_of(10) {
        format!("{}.{:02}", ms / 1000, ms % 1000 / 10)
    } else {
        format!("{}.{:03}", ms / 1000, ms % 1000)
    }
}

/// What publishing the draft would change for viewers.
pub(super) fn differences(live: &Snapshot, clip: &Clip, anchors: &[Anchor]) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut differ = |what: &str, before: &str, after: &str| {
        if before != after {
            found.push(Difference {
                what: what.into(),
                before: before.into(),
                after: after.into(),
            });
        }
    };
    differ("Title", &live.title, &clip.title);
    differ("Description", &live.description, &clip.description);
    differ("Spoken language", &live.language, &clip.language);
    if live.media.hash != clip.media_hash {
        differ("The video", "the one before", "another one");
    }
    for caption in &clip.captions {
        let name = format!("Captions, {}", caption.label);
        match live.captions.iter().find(|before| before.lang == caption.lang) {
            None => differ(&name, "not there", "there"),
            Some(before) if before.hash != caption.hash => differ(&name, "the ones before", "other ones"),
            Some(_) => {}
        }
    }
    for gone in live
        .captions
        .iter()
        .filter(|before| !clip.captions.iter().any(|now| now.lang == before.lang))
    {
        differ(&format!("Captions, {}", gone.label), "there", "gone");
    }
    let span = |start: i64, end: i64| format!("{} to {}", second_text(start), second_text(end));
    for anchor in anchors {
        let name = anchor_name(&anchor.copy, &clip.language, anchor.kind, None);
        let Some(before) = live.anchors.iter().find(|before| before.id == anchor.id) else {
            differ(&name, "not there", &span(anchor.start_ms, anchor.end_ms));
            continue;
        };
        differ(
            &format!("{name}, seconds"),
            &span(before.start_ms, before.end_ms),
            &span(anchor.start_ms, anchor.end_ms),
        );
        differ(&format!("{name}, kind"), before.kind.word(), anchor.kind.word());
        if before.variant != anchor.variant {
            differ(&format!("{name}, product"), "the one before", "another one");
        }
        let empty = clips::Copy::default();
        for language in before.copy.keys().chain(
            anchor
                .copy
                .keys()
                .filter(|language| !before.copy.contains_key(*language)),
        ) {
            let (old, new) = (
                before.copy.get(language).unwrap_or(&empty),
                anchor.copy.get(language).unwrap_or(&empty),
            );
            for (part, old, new) in [
                ("title", &old.title, &new.title),
                ("text", &old.text, &new.text),
                ("button", &old.label, &new.label),
            ] {
                differ(&format!("{name}, {part} in {}", languages::name(language)), old, new);
            }
        }
    }
    for gone in live
        .anchors
        .iter()
        .filter(|before| !anchors.iter().any(|anchor| anchor.id == before.id))
    {
        differ(
            &anchor_name(&gone.copy, &clip.language, gone.kind, None),
            &span(gone.start_ms, gone.end_ms),
            "gone",
        );
    }
    found
}

/// What a person calls an anchor: its title in the clip's language, else what it offers, else its kind.
pub(super) fn anchor_name(copy: &Copies, language: &str, kind: AnchorKind, offers: Option<String>) -> String {
    let said = copy
        .get(language)
        .or_else(|| copy.values().next())
        .map(|copy| copy.title.clone())
        .filter(|title| !title.is_empty());
    said.or(offers).unwrap_or_else(|| kind_name(kind))
}

/// A kind as the menu says it.
pub(super) fn kind_name(kind: AnchorKind) -> String {
    let chosen = kinds(kind).into_iter().find(|choice| choice.chosen);
    chosen.map(|choice| choice.label).unwrap_or_default()
}

impl AnchorForm {
    fn of(anchor: &Anchor, desk: &Desk, tags: &[String]) -> Self {
        let offer = desk.offers.iter().find(|offer| Some(offer.variant) == anchor.variant);
        let choice = |offer: &Offer| {
            let label = if offer.price.is_empty() {
                offer.name.clone()
            } else {
                format!("{} · {}", offer.name, offer.price)
            };
            Choice {
                chosen: Some(offer.variant) == anchor.variant,
                ..Choice::new(&offer.variant.to_string(), &label)
            }
        };
        let nothing = Choice {
            chosen: anchor.variant.is_none(),
            ..Choice::new("", "No product")
        };
        Self {
            id: anchor.id.to_string(),
            name: anchor_name(&anchor.copy, &desk.clip.language, anchor.kind, None),
            kinds: kinds(anchor.kind),
            asks: asks(anchor.ask),
            start: Field::of(&second_text(anchor.start_ms)),
            end: Field::of(&second_text(anchor.end_ms)),
            start_ms: anchor.start_ms.unsigned_abs(),
            end_ms: anchor.end_ms.unsigned_abs(),
            products: std::iter::once(nothing).chain(desk.offers.iter().map(choice)).collect(),
            picture: offer.map(|offer| offer.image.clone()).filter(|image| !image.is_empty()),
            price: offer.map(|offer| offer.price.clone()).unwrap_or_default(),
            left: offer.map(|offer| offer.left.clone()).unwrap_or_default(),
            copies: tags.iter().map(|tag| Copy::of(tag, anchor.copy.get(tag))).collect(),
            taps: String::new(),
        }
    }
}

impl Copy {
    fn of(tag: &str, copy: Option<&clips::Copy>) -> Self {
        let said = copy.cloned().unwrap_or_default();
        Self {
            lang: tag.into(),
            lang_name: languages::name(tag).into(),
            dir: languages::direction(tag),
            title: Field::of(&said.title),
            text: Field::of(&said.text),
            label: Field::of(&said.label),
        }
    }
}

/// The languages a card is written in: the clip's first, then those already used, then enough others to make three.
fn card_languages(desk: &Desk) -> Vec<String> {
    let mut tags = vec![desk.clip.language.clone()];
    let used = desk.anchors.iter().flat_map(|anchor| anchor.copy.keys().cloned());
    for tag in used.chain([desk.shop.language.clone()]) {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    for tag in ["en", "de", "ar"] {
        if tags.len() < 3 && !tags.iter().any(|known| known == tag) {
            tags.push(tag.into());
        }
    }
    tags
}

impl ClipEditorPage {
    fn of(desk: &Desk, staff: &Staff) -> Self {
        let frame = Frame::of(&desk.shop, staff, Section::Clips, &desk.clip.title);
        let tags = card_languages(desk);
        let changes = desk
            .live
            .as_ref()
            .map(|live| differences(&live.content, &desk.clip, &desk.anchors));
        let page_url = format!("/s/{}/clips/{}", desk.shop.slug, desk.clip.slug);
        let mut missing = Vec::new();
        if desk.media.is_none() {
            missing.push("Upload a video first.".into());
        }
        if desk.anchors.is_empty() {
            missing.push("Put at least one anchor on the clip, so that there is something to tap.".into());
        }
        Self {
            version: desk.clip.version,
            state: clips_page::state(&desk.clip, changes.as_ref().is_some_and(|changes| !changes.is_empty())),
            title: Field::of(&desk.clip.title),
            description: Field::of(&desk.clip.description),
            languages: languages(&desk.clip.language),
            card_languages: tags
                .iter()
                .map(|tag| Choice {
                    chosen: *tag == desk.clip.language,
                    ..Choice::new(tag, languages::name(tag))
                })
                .collect(),
            preview_url: page_url.clone(),
            page_url,
            media: desk.media.as_ref().map(|media| Media::of(media, desk.poster.as_ref())),
            anchors: desk
                .anchors
                .iter()
                .map(|anchor| AnchorForm::of(anchor, desk, &tags))
                .collect(),
            captions: desk
                .clip
                .captions
                .iter()
                .map(|caption| CaptionRow {
                    lang: caption.lang.clone(),
                    name: caption.label.clone(),
                    link: format!("/media/{}.vtt", caption.hash),
                })
                .collect(),
            caption_text: Field::default(),
            caption_languages: languages(&desk.clip.language),
            publication: match (&desk.live, changes) {
                (Some(live), Some(changes)) => Publication::Live {
                    since: When::of(live.published_at, desk.now),
                    changes,
                },
                _ => Publication::Private,
            },
            missing,
            retention: None,
            retention_csv: String::new(),
            audience_link: format!("{}/{}", frame.to(&Section::Audience), desk.clip.id),
            problems: Vec::new(),
            frame,
        }
    }

    /// Keeps what was typed in the form that was refused, beside what is wrong with it.
    fn keep(&mut self, typed: &Typed, error: Option<&Error>, problems: Vec<Problem>) {
        self.problems = problems;
        let none = Error::invalid("kept", "");
        let error = error.unwrap_or(&none);
        if typed.one("do") == "save_clip" {
            self.title = Field::judged(typed.one("title"), error, "/title");
            self.description = Field::judged(typed.one("description"), error, "/description");
        }
        if typed.one("do") == "save_captions" {
            let why = self.problems.first().map(|problem| problem.detail.clone());
            self.caption_text = Field {
                error: why,
                ..Field::of(typed.one("caption_text"))
            };
            self.caption_languages = languages(typed.one("caption_language"));
        }
        if typed.one("do") != "save_anchor" {
            return;
        }
        for anchor in self
            .anchors
            .iter_mut()
            .filter(|anchor| anchor.id == typed.one("anchor"))
        {
            anchor.start = Field::judged(typed.one("start"), error, "/start_ms");
            anchor.end = Field::judged(typed.one("end"), error, "/end_ms");
            for copy in &mut anchor.copies {
                let said = |part: &str| Field::of(typed.one(&format!("{part}_{}", copy.lang)));
                (copy.title, copy.text, copy.label) = (said("title"), said("text"), said("label"));
            }
        }
    }

    /// The curve's table, a row every second.
    pub fn retention_rows(&self) -> Vec<(usize, u32)> {
        self.retention
            .iter()
            .flat_map(|curve| curve.per_mille.iter().map(|value| value.div_ceil(10)).enumerate())
            .collect()
    }

    pub fn sample() -> Self {
        let card = AnchorForm {
            id: "anc_01jd3w0a1b2c3d4e5f6g7h8j9k".into(),
            name: "Ash glaze mug".into(),
            kinds: kinds(AnchorKind::ProductCard),
            asks: asks(None),
            start: Field::of("4.20"),
            end: Field::of("10.60"),
            start_ms: 4200,
            end_ms: 10_600,
            products: sample_products("var_mug_ash"),
            picture: Some("/media/sample-mug.jpg".into()),
            price: "€28.00".into(),
            left: "3 left, 2 in checkouts".into(),
            copies: vec![
                sample_copy(
                    "en",
                    ["Ash glaze mug", "Thrown from the lump you just saw.", "Get this mug"],
                ),
                sample_copy(
                    "de",
                    [
                        "Becher mit Ascheglasur",
                        "Aus dem Klumpen gedreht, den du eben gesehen hast.",
                        "Becher holen",
                    ],
                ),
                sample_copy(
                    "ar",
                    ["كوب بطلاء الرماد", "صُنع من القطعة التي شاهدتها الآن.", "اطلب الكوب"],
                ),
            ],
            taps: "539 taps, 11.2 % of its viewers".into(),
        };
        let ask = AnchorForm {
            id: "anc_01jd3w0a1b2c3d4e5f6g7h8j9m".into(),
            name: "Ask: tell me when it is back".into(),
            kinds: kinds(AnchorKind::Ask),
            asks: asks(Some(AskKind::Alert)),
            start: Field::of("14.00"),
            end: Field::of("17.80"),
            start_ms: 14_000,
            end_ms: 17_800,
            products: sample_products(""),
            picture: None,
            price: String::new(),
            left: String::new(),
            copies: vec![
                sample_copy(
                    "en",
                    [
                        "The next kiln opens on 4 December",
                        "I will write once, to you, that morning.",
                        "Tell me",
                    ],
                ),
                sample_copy(
                    "de",
                    [
                        "Der nächste Brand kommt am 4. Dezember",
                        "Ich schreibe dir einmal, an dem Morgen.",
                        "Sag mir Bescheid",
                    ],
                ),
                sample_copy(
                    "ar",
                    ["الفرن القادم يُفتح في ٤ ديسمبر", "سأكتب لك مرة واحدة في ذلك الصباح.", ""],
                ),
            ],
            taps: "208 taps, 4.3 % of its viewers".into(),
        };
        Self {
            frame: Frame::sample(Section::Clips, "Three mugs from one lump"),
            version: 7,
            state: Chip::new(Tone::Warn, "Live, changed"),
            title: Field::of("Three mugs from one lump"),
            description: Field::of("Two kilos of stoneware, one wheel, no cuts. The third mug is the one I keep."),
            languages: languages("en"),
            card_languages: vec![
                Choice::chosen("en", "English"),
                Choice::new("de", "Deutsch"),
                Choice::new("ar", "العربية"),
            ],
            page_url: "/s/nour/clips/three-mugs-from-one-lump".into(),
            preview_url: "/s/nour/clips/three-mugs-from-one-lump?preview=7".into(),
            media: Some(sample_media()),
            anchors: vec![card, ask],
            captions: vec![CaptionRow {
                lang: "en".into(),
                name: "English".into(),
                link: "/media/sample.vtt".into(),
            }],
            caption_text: Field::default(),
            caption_languages: languages("de"),
            publication: Publication::Live {
                since: When::new("3 days ago", "18 November 2026, 18:02", "2026-11-18T18:02:00Z"),
                changes: vec![
                    Difference {
                        what: "Ash glaze mug appears".into(),
                        before: "at 0:05.0".into(),
                        after: "at 0:04.2".into(),
                    },
                    Difference {
                        what: "Button in Deutsch".into(),
                        before: "Kaufen".into(),
                        after: "Becher holen".into(),
                    },
                    Difference {
                        what: "Ask: tell me when it is back".into(),
                        before: "not there".into(),
                        after: "0:14.0 to 0:17.8".into(),
                    },
                ],
            },
            missing: Vec::new(),
            retention: Some(sample_retention()),
            retention_csv: "/studio/nour/audience/clp_01jd3v8k2m7q9x4r5t6w8y0z1a/retention.csv".into(),
            audience_link: "/studio/nour/audience/clp_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
            problems: Vec::new(),
        }
    }

    /// Just uploaded: no anchor, no audience, and the page says what to do first.
    pub fn empty() -> Self {
        Self {
            version: 1,
            state: Chip::new(Tone::Quiet, "Draft"),
            anchors: Vec::new(),
            publication: Publication::Private,
            missing: vec!["Put at least one anchor on the clip, so that there is something to tap.".into()],
            retention: None,
            ..Self::sample()
        }
    }

    pub fn refused() -> Self {
        let mut page = Self::sample();
        page.anchors[0].end = Field::wrong(
            "3.10",
            "The card would end before it starts (4.20). Choose an end after 4.20.",
        );
        page.problems = vec![Problem::new(
            "anc_01jd3w0a1b2c3d4e5f6g7h8j9k-end",
            "Ash glaze mug: the end lies before the start.",
        )];
        page
    }
}

fn sample_products(chosen: &str) -> Vec<Choice> {
    let products = [
        ("", "No product"),
        ("var_mug_ash", "Ash glaze mug, 300 ml · €28.00"),
        ("var_mug_blue", "Ash glaze mug, 450 ml · €34.00"),
        ("var_strainer", "Tea strainer · €14.00"),
        ("var_bowl", "Salad bowl · €38.00"),
    ];
    products
        .into_iter()
        .map(|(value, label)| Choice {
            chosen: value == chosen,
            ..Choice::new(value, label)
        })
        .collect()
}

fn sample_copy(lang: &str, words: [&str; 3]) -> Copy {
    let (lang_name, dir) = match lang {
        "de" => ("Deutsch", "ltr"),
        "ar" => ("العربية", "rtl"),
        _ => ("English", "ltr"),
    };
    Copy {
        lang: lang.into(),
        lang_name: lang_name.into(),
        dir,
        title: Field::of(words[0]),
        text: Field::of(words[1]),
        label: Field::of(words[2]),
    }
}

fn sample_media() -> Media {
    Media {
        src: "/media/sample-clip.mp4".into(),
        width: 720,
        height: 1280,
        duration_ms: 24_000,
        poster: "/media/sample-mug.jpg".into(),
        frame_ms: 40,
    }
}

/// The curve of the sample clip, for this page and the clip's own audience page.
pub fn sample_retention() -> Retention {
    Retention {
        title: "Viewers still watching, second by second: 100 % at the start, 61 % at the mug, 38 % at the end".into(),
        duration_ms: 24_000,
        per_mille: vec![
            1000, 912, 848, 801, 776, 768, 765, 771, 758, 731, 702, 671, 640, 618, 607, 611, 604, 588, 561, 529, 498,
            462, 431, 402, 381,
        ],
        bands: vec![
            Band {
                label: "Ash glaze mug, 0:04.2 to 0:10.6".into(),
                start_ms: 4200,
                end_ms: 10_600,
            },
            Band {
                label: "Ask: tell me when it is back, 0:14.0 to 0:17.8".into(),
                start_ms: 14_000,
                end_ms: 17_800,
            },
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::{differences, second_text};
    use crate::clips::{Anchor, AnchorKind, Clip, Copies, Copy, Media, PublishedAnchor, Snapshot};
    use crate::kernel::{AnchorId, ClipId, Id, Time};

    fn clip() -> Clip {
        Clip {
            id: ClipId::from_uuid(uuid::Uuid::nil()),
            slug: "mugs".into(),
            title: "Mugs".into(),
            description: String::new(),
            language: "en".into(),
            media_hash: "a".into(),
            poster_hash: String::new(),
            captions: Vec::new(),
            version: 1,
            published: Some(1),
            created_at: Time(0),
            changed_at: Time(0),
        }
    }

    fn words(label: &str) -> Copies {
        Copies::from([(
            "en".into(),
            Copy {
                title: "Mug".into(),
                text: String::new(),
                label: label.into(),
            },
        )])
    }

    fn live() -> Snapshot {
        Snapshot {
            title: "Mugs".into(),
            description: String::new(),
            language: "en".into(),
            media: Media {
                hash: "a".into(),
                content_type: "video/mp4".into(),
                extension: "mp4".into(),
                size_bytes: 1,
                width: 9,
                height: 16,
                duration_ms: 20_000,
            },
            poster: None,
            captions: Vec::new(),
            anchors: vec![PublishedAnchor {
                id: AnchorId::from_uuid(uuid::Uuid::nil()),
                kind: AnchorKind::Mark,
                ask: None,
                start_ms: 5000,
                end_ms: 9000,
                product: None,
                variant: None,
                copy: words("Buy"),
            }],
        }
    }

    fn anchor(start_ms: i64, label: &str) -> Anchor {
        let id = AnchorId::from_uuid(uuid::Uuid::nil());
        Anchor {
            id,
            kind: AnchorKind::Mark,
            ask: None,
            start_ms,
            end_ms: 9000,
            variant: None,
            copy: words(label),
        }
    }

    #[test]
    fn publishing_says_what_viewers_will_see_change() {
        let told = |anchors: &[Anchor]| -> Vec<String> {
            let found = differences(&live(), &clip(), anchors);
            found
                .into_iter()
                .map(|one| format!("{}: {} -> {}", one.what, one.before, one.after))
                .collect()
        };
        assert_eq!(told(&[anchor(5000, "Buy")]), Vec::<String>::new());
        assert_eq!(
            told(&[anchor(4200, "Buy")]),
            ["Mug, seconds: 5.00 to 9.00 -> 4.20 to 9.00"]
        );
        assert_eq!(
            told(&[anchor(5000, "Get it")]),
            ["Mug, button in English: Buy -> Get it"]
        );
        assert_eq!(told(&[]), ["Mug: 5.00 to 9.00 -> gone"]);
    }

    #[test]
    fn seconds_are_shown_as_they_are_typed() {
        assert_eq!(
            [0, 4200, 10_605, 61_000].map(second_text),
            ["0.00", "4.20", "10.605", "61.00"]
        );
    }
}
