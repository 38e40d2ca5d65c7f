//! One clip: the player around a plain video, the moments at which something can be bought, the transcript, and the way on.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use std::collections::HashMap;
use std::fmt::Write;

use super::frame::{ClipCard, Frame, Head, Picture, ProductCard, When};
use super::front::{Front, marks, milliseconds, poster, public, seconds, summary, when};
use super::structured_data::{self, BreadcrumbList, Markup, SeekToAction, Thing, VideoObject};
use super::window_page::OpenShop;
use crate::app::App;
use crate::catalog;
use crate::clips::{self, AnchorKind, ClipVersion, Cue, PublishedAnchor};
use crate::db::Tx;
use crate::http::{Path, Problem, Query};
use crate::identity;
use crate::kernel::{ProductId, Result as Done, words};

#[derive(Template)]
#[template(path = "storefront/clip.html")]
pub struct ClipPage {
    pub frame: Frame,
    pub head: Head,
    pub player: Player,
    pub title: String,
    pub description: String,
    pub creator: String,
    pub published: When,
    pub length: String,
    /// What the anchors mark, in the order of the clip: chapters, words, products.
    pub moments: Vec<Moment>,
    pub transcript: Vec<TranscriptLine>,
    /// Absolute, for copying.
    pub share_address: String,
    /// A mail with title and address, for those without scripts.
    pub share_mail: String,
    pub next: Vec<ClipCard>,
}

/// What the player element needs, and the plain video inside it for everyone else.
pub struct Player {
    pub clip: String,
    /// The shop's publishable key.
    pub key: String,
    /// Where the shop sells from: the country a first quote assumes.
    pub country: String,
    pub src: String,
    pub media_type: String,
    pub shape: Shape,
    pub poster: Picture,
    pub captions: Vec<Captions>,
    /// From `?t=`: a media fragment starts even the plain video there.
    pub start_seconds: Option<u32>,
    pub marks: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Tall,
    Square,
    Wide,
}

impl Shape {
    pub fn of(width: u32, height: u32) -> Self {
        match width.cmp(&height) {
            std::cmp::Ordering::Less => Self::Tall,
            std::cmp::Ordering::Equal => Self::Square,
            std::cmp::Ordering::Greater => Self::Wide,
        }
    }

    pub fn class(self) -> &'static str {
        match self {
            Self::Tall => "tall",
            Self::Square => "square",
            Self::Wide => "wide",
        }
    }
}

pub struct Captions {
    pub language: String,
    pub label: String,
    pub src: String,
}

pub struct Moment {
    pub timecode: String,
    pub seconds: u32,
    pub path: String,
    pub kind: MomentKind,
}

pub enum MomentKind {
    /// A narrative mark.
    Chapter(String),
    /// Somebody's words and who said them.
    Proof {
        words: String,
        by: String,
    },
    Product(Box<ProductCard>),
}

pub struct TranscriptLine {
    pub timecode: String,
    pub seconds: u32,
    pub text: String,
}

/// Where to begin. Addresses carry other people's parameters too; they change nothing.
#[derive(serde::Deserialize)]
pub struct ClipIn {
    t: Option<String>,
}

/// How many clips stand below.
const NEXT_MAX: i64 = 5;

/// A published clip.
pub async fn show(
    State(app): State<App>,
    OpenShop(front): OpenShop,
    Path((_, slug)): Path<(String, String)>,
    Query(query): Query<ClipIn>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (id, name) = (front.shop.id, slug.clone());
    let Some(clip) = app
        .db
        .read_lately(move |tx| clips::published_by_slug(tx, id, &name))
        .await?
    else {
        return front.nothing_here();
    };
    let said = clips::transcript(&app, &clip.content, &front.shop.language).await;
    let start = query
        .t
        .and_then(|seconds| seconds.parse().ok())
        .filter(|start| *start > 0);
    let page = app
        .db
        .read_lately(move |tx| ClipPage::read(tx, &front, &clip, &said, start))
        .await?;
    public(&headers, &page)
}

impl ClipPage {
    fn read(tx: &mut Tx<'_>, front: &Front, clip: &ClipVersion, said: &[Cue], start: Option<u32>) -> Done<Self> {
        let shop = &front.shop;
        let content = &clip.content;
        let address = front.address(&format!("/clips/{}", clip.slug));
        let others = clips::list_published(tx, shop.id, None, NEXT_MAX)?.data;
        let products = products(tx, front, clip)?;
        let poster = poster(clip);
        let picture = Some(&poster)
            .filter(|poster| poster.src.starts_with('/'))
            .map(|poster| front.absolute(&poster.src));
        let mut anchors: Vec<&PublishedAnchor> = content.anchors.iter().collect();
        anchors.sort_by_key(|anchor| (anchor.start_ms, anchor.end_ms));
        let crumbs = BreadcrumbList::new([
            (shop.name.as_str(), front.address("").as_str()),
            (content.title.as_str(), address.as_str()),
        ]);
        let video = video(front, clip, &address, picture.clone(), &anchors, &products, said);
        Ok(Self {
            frame: front.frame(),
            head: Head {
                title: format!("{} · {}", content.title, shop.name),
                description: summary(if content.description.is_empty() {
                    &content.title
                } else {
                    &content.description
                }),
                canonical: address.clone(),
                kind: "video.other",
                picture,
                markup: Markup::new(&[Thing::Video(Box::new(video)), Thing::Breadcrumbs(crumbs)]),
                listed: true,
            },
            player: Player {
                clip: clip.clip.to_string(),
                key: identity::publishable_key(tx, shop.id)?,
                country: shop.country.clone(),
                src: content.media.path(),
                media_type: content.media.content_type.clone(),
                shape: Shape::of(content.media.width, content.media.height),
                poster,
                captions: content.captions.iter().map(Captions::of).collect(),
                start_seconds: start.filter(|start| i64::from(*start) * 1000 < content.media.duration_ms),
                marks: marks(clip),
            },
            title: content.title.clone(),
            description: content.description.clone(),
            creator: shop.name.clone(),
            published: when(clip.published_at, tx.now()),
            length: words::timecode(milliseconds(content.media.duration_ms)),
            moments: moments(front, clip, &anchors, products),
            transcript: said.iter().map(TranscriptLine::of).collect(),
            share_mail: format!("mailto:?subject={}&body={}", escaped(&content.title), escaped(&address)),
            share_address: address,
            next: others
                .iter()
                .filter(|other| other.clip != clip.clip)
                .take(4)
                .map(|other| front.clip_card(other))
                .collect(),
        })
    }
}

/// The products the clip offers, as they stand now. What left the shop is not shown.
fn products(tx: &mut Tx<'_>, front: &Front, clip: &ClipVersion) -> Done<HashMap<ProductId, ProductCard>> {
    let mut products = HashMap::new();
    for id in clip.content.anchors.iter().filter_map(|anchor| anchor.product) {
        let found = catalog::find(tx, front.shop.id, id)?;
        let Some(product) = found.filter(|product| product.state == catalog::ProductState::Active) else {
            continue;
        };
        if let Some(card) = front.product_card(tx, &product, &[])? {
            products.insert(id, card);
        }
    }
    Ok(products)
}

/// What an anchor is called in a list of them.
fn label(
    front: &Front,
    clip: &ClipVersion,
    anchor: &PublishedAnchor,
    products: &HashMap<ProductId, ProductCard>,
) -> String {
    let copy = front.copy(clip, anchor);
    let said = copy.map(|copy| if copy.title.is_empty() { &copy.text } else { &copy.title });
    let product = anchor.product.and_then(|id| products.get(&id)).map(|card| &card.title);
    product.or(said).cloned().unwrap_or_default()
}

/// Each chapter and each voice once, and each product at the first second that offers it.
fn moments(
    front: &Front,
    clip: &ClipVersion,
    anchors: &[&PublishedAnchor],
    mut products: HashMap<ProductId, ProductCard>,
) -> Vec<Moment> {
    let mut moments = Vec::with_capacity(anchors.len());
    for anchor in anchors {
        let copy = front.copy(clip, anchor);
        let kind = match anchor.kind {
            AnchorKind::Mark => match label(front, clip, anchor, &products) {
                name if name.is_empty() => continue,
                name => MomentKind::Chapter(name),
            },
            AnchorKind::Proof => match copy {
                Some(copy) if !copy.text.is_empty() => MomentKind::Proof {
                    words: copy.text.clone(),
                    by: copy.title.clone(),
                },
                _ => continue,
            },
            AnchorKind::ProductCard | AnchorKind::BuyButton => {
                match anchor.product.and_then(|product| products.remove(&product)) {
                    Some(card) => MomentKind::Product(Box::new(card)),
                    None => continue,
                }
            }
            AnchorKind::Ask => continue, // Only the player can hear an answer.
        };
        let seen = front.moment(clip, anchor);
        moments.push(Moment {
            timecode: seen.timecode,
            seconds: seen.seconds,
            path: seen.path,
            kind,
        });
    }
    moments
}

fn video(
    front: &Front,
    clip: &ClipVersion,
    address: &str,
    picture: Option<String>,
    anchors: &[&PublishedAnchor],
    products: &HashMap<ProductId, ProductCard>,
    said: &[Cue],
) -> VideoObject {
    let content = &clip.content;
    let part = |anchor: &&PublishedAnchor| {
        let name = label(front, clip, anchor, products);
        let start = milliseconds(anchor.start_ms) / 1000;
        (!name.is_empty()).then(|| structured_data::Clip {
            name,
            start_offset: start,
            end_offset: milliseconds(anchor.end_ms).div_ceil(1000),
            url: format!("{address}?t={start}"),
        })
    };
    VideoObject {
        name: content.title.clone(),
        description: if content.description.is_empty() {
            content.title.clone()
        } else {
            content.description.clone()
        },
        url: address.into(),
        thumbnail_url: picture.into_iter().collect(),
        upload_date: clip.published_at.to_string(),
        duration: structured_data::duration(milliseconds(content.media.duration_ms)),
        content_url: front.absolute(&content.media.path()),
        in_language: content.language.clone(),
        transcript: said.iter().map(|cue| cue.text.as_str()).collect::<Vec<_>>().join(" "),
        has_part: anchors.iter().filter_map(part).collect(),
        potential_action: SeekToAction::on(address),
    }
}

impl Captions {
    fn of(caption: &clips::Caption) -> Self {
        Self {
            language: caption.lang.clone(),
            label: caption.label.clone(),
            src: format!("/media/{}.vtt", caption.hash),
        }
    }
}

impl TranscriptLine {
    fn of(cue: &Cue) -> Self {
        Self {
            timecode: words::timecode(milliseconds(cue.start_ms)),
            seconds: seconds(cue.start_ms),
            text: cue.text.clone(),
        }
    }
}

/// Text as a part of an address (RFC 3986): everything but letters, digits and four marks by its bytes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "%{byte:02X}").expect("text is writable");
        }
    }
    escaped
}

impl ClipPage {
    pub fn sample() -> Self {
        let page = "https://shop.example/s/loam-and-ink/clips/from-clay-to-coffee";
        let moment = |timecode: &str, seconds: u32, kind: MomentKind| Moment {
            timecode: timecode.into(),
            seconds,
            path: format!("/s/loam-and-ink/clips/from-clay-to-coffee?t={seconds}"),
            kind,
        };
        let mug = ProductCard::samples().remove(0);
        let lines = [
            ("0:03", 3, "One ball of clay, and two hands that have done this before."),
            (
                "0:07",
                7,
                "Glaze goes on like cream. It decides for itself where to stop.",
            ),
            ("0:11", 11, "[A kiln rumbles] 1,240 degrees."),
            ("0:13", 13, "[Coffee pours] And then it is simply morning."),
        ];
        let part = |name: &str, from: u64, to: u64| structured_data::Clip {
            name: name.into(),
            start_offset: from,
            end_offset: to,
            url: format!("{page}?t={from}"),
        };
        let video = VideoObject {
            name: "From clay to coffee".into(),
            description: "One ball of clay on the wheel, one pour of glaze, one night in the kiln. Then breakfast."
                .into(),
            url: page.into(),
            thumbnail_url: vec!["https://shop.example/media/sample-from-clay-to-coffee.webp".into()],
            upload_date: "2026-11-18T09:30:00Z".into(),
            duration: structured_data::duration(20_000),
            content_url: "https://shop.example/media/sample-from-clay-to-coffee.mp4".into(),
            in_language: "en".into(),
            transcript: lines.map(|(_, _, text)| text).join(" "),
            has_part: vec![part("Thrown", 0, 7), part("Glazed", 7, 11), part("Dune mug", 13, 20)],
            potential_action: SeekToAction::on(page),
        };
        let crumbs = BreadcrumbList::new([
            ("Loam & Ink", "https://shop.example/s/loam-and-ink"),
            ("From clay to coffee", page),
        ]);
        Self {
            frame: Frame::sample(),
            head: Head {
                title: "From clay to coffee · Loam & Ink".into(),
                description: "One ball of clay on the wheel, one pour of glaze, one night in the kiln. Then breakfast.".into(),
                canonical: page.into(),
                kind: "video.other",
                picture: Some("https://shop.example/media/sample-from-clay-to-coffee.webp".into()),
                markup: Markup::new(&[Thing::Video(Box::new(video)), Thing::Breadcrumbs(crumbs)]),
                listed: true,
            },
            player: Player {
                clip: "clp_01ksample000000000000000000".into(),
                key: "pk_sample".into(),
                country: "DE".into(),
                src: "/media/sample-from-clay-to-coffee.mp4".into(),
                media_type: "video/mp4".into(),
                shape: Shape::of(1080, 1920),
                poster: Picture::new("/media/sample-from-clay-to-coffee.webp", "", 1080, 1920),
                captions: vec![
                    Captions { language: "en".into(), label: "English".into(), src: "/media/sample-from-clay-to-coffee.en.vtt".into() },
                    Captions { language: "de".into(), label: "Deutsch".into(), src: "/media/sample-from-clay-to-coffee.de.vtt".into() },
                ],
                start_seconds: None,
                marks: vec![670],
            },
            title: "From clay to coffee".into(),
            description: "One ball of clay on the wheel, one pour of glaze, one night in the kiln. Then breakfast.".into(),
            creator: "Nadja Brandt".into(),
            published: When::new("2026-11-18T09:30:00Z", "3 days ago", "18 November 2026, 10:30"),
            length: "0:20".into(),
            moments: vec![
                moment("0:00", 0, MomentKind::Chapter("Thrown".into())),
                moment("0:07", 7, MomentKind::Chapter("Glazed".into())),
                moment("0:11", 11, MomentKind::Chapter("Fired at 1,240 °C".into())),
                moment("0:13", 13, MomentKind::Product(Box::new(mug))),
                moment(
                    "0:16",
                    16,
                    MomentKind::Proof {
                        words: "It is the first one missing from the cupboard every morning.".into(),
                        by: "Ines, Porto".into(),
                    },
                ),
            ],
            transcript: lines
                .iter()
                .map(|(timecode, seconds, text)| TranscriptLine {
                    timecode: (*timecode).into(),
                    seconds: *seconds,
                    text: (*text).into(),
                })
                .collect(),
            share_address: page.into(),
            share_mail: "mailto:?subject=From%20clay%20to%20coffee&body=https%3A%2F%2Fshop.example%2Fs%2Floam-and-ink%2Fclips%2Ffrom-clay-to-coffee".into(),
            next: ClipCard::samples().into_iter().skip(1).collect(),
        }
    }
}
