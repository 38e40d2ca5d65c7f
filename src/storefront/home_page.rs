//! A shop's front: its newest clip, the wall of clips, the creator's voice, and what can be bought.

use askama::Template;

use super::frame::{ClipCard, Frame, Head, Picture, ProductCard};
use super::structured_data::{Markup, Organization, Thing};

#[derive(Template)]
#[template(path = "storefront/home.html")]
pub struct HomePage {
    pub frame: Frame,
    pub head: Head,
    /// The shop in one sentence; the page's title.
    pub statement: String,
    pub introduction: String,
    /// The newest clip. A new shop has none.
    pub featured: Option<ClipCard>,
    pub clips: Vec<ClipCard>,
    pub voice: Option<Voice>,
    pub products: Vec<ProductCard>,
}

/// The creator in their own words.
pub struct Voice {
    pub words: String,
    pub name: String,
    pub role: String,
    pub portrait: Option<Picture>,
}

impl HomePage {
    pub fn sample() -> Self {
        let mut clips = ClipCard::samples();
        let featured = Some(clips.remove(0));
        let organization = Organization {
            name: "Tidal Kiln".into(),
            url: "https://shop.example/s/tidal-kiln".into(),
            logo: None,
        };
        Self {
            frame: Frame::sample(),
            head: Head {
                title: "Tidal Kiln".into(),
                description: "Stoneware thrown by hand in Hamburg, glazed the colour of the river that day.".into(),
                canonical: "https://shop.example/s/tidal-kiln".into(),
                kind: "website",
                picture: Some("https://shop.example/media/sample-glaze-day.jpg".into()),
                markup: Markup::new(&[Thing::Organization(organization)]),
                listed: true,
            },
            statement: "Stoneware the colour of the river that day.".into(),
            introduction: "Forty pieces a month, thrown and glazed by hand in Hamburg. Watch one being made, then take it home.".into(),
            featured,
            clips,
            voice: Some(Voice {
                words: "I film every firing, also the ones that crack. You should know what you are buying.".into(),
                name: "Mira Voss".into(),
                role: "throws, glazes, films".into(),
                portrait: Some(Picture::new("/media/sample-mira.jpg", "Mira Voss at the wheel", 800, 1000)),
            }),
            products: ProductCard::samples(),
        }
    }

    /// A shop on its first day.
    pub fn sample_empty() -> Self {
        Self { featured: None, clips: Vec::new(), voice: None, products: Vec::new(), ..Self::sample() }
    }
}
