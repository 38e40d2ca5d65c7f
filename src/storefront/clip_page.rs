//! One clip: the player around a plain video, the moments at which something can be bought, the transcript, and the way on.

use askama::Template;

use super::frame::{ClipCard, Frame, Head, Picture, ProductCard, When};
use super::structured_data::{self, BreadcrumbList, Markup, SeekToAction, Thing, VideoObject};

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
