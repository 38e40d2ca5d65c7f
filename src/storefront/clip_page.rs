//! One clip: the player around a plain video, the moments at which something can be bought, the transcript, and the way on.

use askama::Template;

use super::frame::{ClipCard, Frame, Head, Picture, ProductCard, Seen, When};
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
    /// The clip's products in the order in which they appear.
    pub products: Vec<ProductCard>,
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
    pub version: u64,
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

pub struct TranscriptLine {
    pub timecode: String,
    pub seconds: u32,
    pub text: String,
}

impl ClipPage {
    pub fn sample() -> Self {
        let page = "https://shop.example/s/tidal-kiln/clips/glaze-day";
        let mut products: Vec<ProductCard> = ProductCard::samples().into_iter().take(3).collect();
        products[2].seen = Some(Seen {
            clip_title: "Glaze day".into(),
            timecode: "0:19".into(),
            seconds: 19,
            path: "/s/tidal-kiln/clips/glaze-day?t=19".into(),
        });
        let lines = [
            ("0:00", 0, "This is the last glaze day before winter."),
            ("0:05", 5, "The mug goes in first, because it dries slowest."),
            ("0:12", 12, "For the bowl I pour once, and then I do not touch it."),
            ("0:19", 19, "And the jug gets whatever the river looked like this morning."),
        ];
        let part = |(card, end): (&ProductCard, u64)| {
            card.seen.as_ref().map(|seen| structured_data::Clip {
                name: card.title.clone(),
                start_offset: u64::from(seen.seconds),
                end_offset: end,
                url: format!("{page}?t={}", seen.seconds),
            })
        };
        let video = VideoObject {
            name: "Glaze day".into(),
            description: "The last glaze day before winter.".into(),
            url: page.into(),
            thumbnail_url: vec!["https://shop.example/media/sample-glaze-day.jpg".into()],
            upload_date: "2026-11-18T09:30:00Z".into(),
            duration: structured_data::duration(24_000),
            content_url: "https://shop.example/media/sample-glaze-day.mp4".into(),
            in_language: "en".into(),
            transcript: lines.map(|(_, _, text)| text).join(" "),
            has_part: products.iter().zip([11, 18, 24]).filter_map(part).collect(),
            potential_action: SeekToAction::on(page),
        };
        let crumbs = BreadcrumbList::new([("Tidal Kiln", "https://shop.example/s/tidal-kiln"), ("Glaze day", page)]);
        Self {
            frame: Frame::sample(),
            head: Head {
                title: "Glaze day · Tidal Kiln".into(),
                description: "The last glaze day before winter: a mug, a bowl and a jug, dipped, poured and signed.".into(),
                canonical: page.into(),
                kind: "video.other",
                picture: Some("https://shop.example/media/sample-glaze-day.jpg".into()),
                markup: Markup::new(&[Thing::Video(Box::new(video)), Thing::Breadcrumbs(crumbs)]),
                listed: true,
            },
            player: Player {
                clip: "clp_01ksample000000000000000000".into(),
                version: 3,
                key: "pk_sample".into(),
                src: "/media/sample-glaze-day.mp4".into(),
                media_type: "video/mp4".into(),
                shape: Shape::of(1080, 1920),
                poster: Picture::new("/media/sample-glaze-day.jpg", "", 1080, 1920),
                captions: vec![
                    Captions { language: "en".into(), label: "English".into(), src: "/media/sample-glaze-day.en.vtt".into() },
                    Captions { language: "de".into(), label: "Deutsch".into(), src: "/media/sample-glaze-day.de.vtt".into() },
                ],
                start_seconds: None,
                marks: vec![220, 500, 810],
            },
            title: "Glaze day".into(),
            description: "The last glaze day before winter: a mug, a bowl and a jug, dipped, poured and signed.".into(),
            creator: "Mira Voss".into(),
            published: When::new("2026-11-18T09:30:00Z", "3 days ago", "18 November 2026, 10:30"),
            length: "0:24".into(),
            products,
            transcript: lines
                .iter()
                .map(|(timecode, seconds, text)| TranscriptLine {
                    timecode: (*timecode).into(),
                    seconds: *seconds,
                    text: (*text).into(),
                })
                .collect(),
            share_address: page.into(),
            share_mail: "mailto:?subject=Glaze%20day&body=https%3A%2F%2Fshop.example%2Fs%2Ftidal-kiln%2Fclips%2Fglaze-day".into(),
            next: ClipCard::samples().into_iter().skip(1).collect(),
        }
    }
}
