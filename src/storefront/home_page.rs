//! A shop's front: its newest clip, the wall of clips, a voice from one of them, and what can be bought.

use askama::Template;

use super::frame::{ClipCard, Frame, Head, Picture, ProductCard, Seen};
use super::structured_data::{Markup, Organization, Thing};

#[derive(Template)]
#[template(path = "storefront/home.html")]
pub struct HomePage {
    pub frame: Frame,
    pub head: Head,
    /// The shop in one sentence; the page's title.
    pub statement: String,
    /// A line more, or nothing.
    pub introduction: String,
    /// The newest clip. A new shop has none.
    pub featured: Option<ClipCard>,
    pub clips: Vec<ClipCard>,
    pub voice: Option<Voice>,
    pub products: Vec<ProductCard>,
}

/// Somebody's own words, said in a clip, with the second at which they are said.
pub struct Voice {
    pub words: String,
    pub name: String,
    pub picture: Picture,
    pub said: Seen,
}

impl HomePage {
    pub fn sample() -> Self {
        let mut clips = ClipCard::samples();
        let featured = Some(clips.remove(0));
        let organization = Organization {
            name: "Loam & Ink".into(),
            url: "https://shop.example/s/loam-and-ink".into(),
            logo: None,
        };
        Self {
            frame: Frame::sample(),
            head: Head {
                title: "Loam & Ink".into(),
                description: "Clay, paper and wax, from one small studio.".into(),
                canonical: "https://shop.example/s/loam-and-ink".into(),
                kind: "website",
                picture: Some("https://shop.example/media/sample-from-clay-to-coffee.webp".into()),
                markup: Markup::new(&[Thing::Organization(organization)]),
                listed: true,
            },
            statement: "Clay, paper and wax, from one small studio.".into(),
            introduction: "One ball of clay on the wheel, one pour of glaze, one night in the kiln. Then breakfast."
                .into(),
            featured,
            clips,
            voice: Some(Voice {
                words: "It is the first one missing from the cupboard every morning.".into(),
                name: "Ines, Porto".into(),
                picture: Picture::new("/media/sample-mug.webp", "", 1000, 1000),
                said: Seen {
                    clip_title: "From clay to coffee".into(),
                    timecode: "0:16".into(),
                    seconds: 16,
                    path: "/s/loam-and-ink/clips/from-clay-to-coffee?t=16".into(),
                },
            }),
            products: ProductCard::samples(),
        }
    }

    /// A shop on its first day.
    pub fn sample_empty() -> Self {
        Self {
            featured: None,
            clips: Vec::new(),
            voice: None,
            products: Vec::new(),
            ..Self::sample()
        }
    }
}
