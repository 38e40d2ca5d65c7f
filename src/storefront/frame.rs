//! What the pages of one shop share: the frame around them, their head, and the small pictures of clips and products.
//!
//! Everything here is ready to show. Paths are relative to the origin, addresses are absolute.

use super::structured_data::Markup;

/// The same on every page of a shop: name, navigation, seller of record.
pub struct Frame {
    /// BCP 47, for the `lang` attribute.
    pub language: String,
    pub shop_name: String,
    pub home_path: String,
    /// Path of the shop's own accent colours, if it replaced ours.
    pub accent_css: Option<String>,
    /// Who the buyer's contract is with, in one line.
    pub seller: String,
    pub policies: Vec<Link>,
    /// Sandbox money. Said on every page, so that nobody thinks they bought something.
    pub test_mode: bool,
}

pub struct Link {
    pub label: String,
    pub path: String,
}

/// What search engines and link previews read.
pub struct Head {
    pub title: String,
    pub description: String,
    /// The one address of this page, absolute.
    pub canonical: String,
    /// Open Graph type.
    pub kind: &'static str,
    /// Preview picture, absolute.
    pub picture: Option<String>,
    pub markup: Markup,
    /// Checkout, order and error pages are nobody's search result.
    pub listed: bool,
}

/// Width and height are always known, so nothing moves while pictures arrive.
#[derive(Clone)]
pub struct Picture {
    pub src: String,
    pub alt: String,
    pub width: u32,
    pub height: u32,
}

/// A moment of time in three forms: for machines, for reading, and exact on hover.
pub struct When {
    pub machine: String,
    pub text: String,
    pub exact: String,
}

/// How the words are coloured; the words themselves carry the meaning.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Ok,
    Warn,
    Bad,
}

impl Tone {
    pub fn class(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// What happened, what was not lost, what to do.
pub struct Notice {
    pub tone: Tone,
    pub title: String,
    pub text: String,
}

pub struct Availability {
    pub tone: Tone,
    /// "3 left, 2 in checkouts".
    pub text: String,
    pub sold_out: bool,
}

pub struct ClipCard {
    pub path: String,
    pub title: String,
    pub poster: Picture,
    /// "0:24".
    pub length: String,
    /// "24 seconds", for ears.
    pub length_spoken: String,
    /// "3 things to buy".
    pub products: String,
    /// Where anchors stand on the clip's line, in thousandths of its length.
    pub marks: Vec<u32>,
}

pub struct ProductCard {
    pub path: String,
    pub title: String,
    pub picture: Picture,
    pub price: String,
    pub availability: Availability,
    pub seen: Option<Seen>,
}

/// The second of a clip at which a product is shown.
pub struct Seen {
    pub clip_title: String,
    /// "0:12".
    pub timecode: String,
    pub seconds: u32,
    /// Deep link to that second.
    pub path: String,
}

impl Frame {
    /// Which way the shop's language is written.
    pub fn direction(&self) -> &'static str {
        match self.language.split('-').next() {
            Some("ar" | "fa" | "he" | "ur") => "rtl",
            _ => "ltr",
        }
    }

    pub fn sample() -> Self {
        Self {
            language: "en".into(),
            shop_name: "Loam & Ink".into(),
            home_path: "/s/loam-and-ink".into(),
            accent_css: None,
            seller: "Sold by Loam & Ink GbR, Musterweg 7, 04229 Leipzig".into(),
            policies: vec![
                Link::new("Delivery", "/s/loam-and-ink/policies/shipping"),
                Link::new("Returns", "/s/loam-and-ink/policies/returns"),
                Link::new("Imprint", "/s/loam-and-ink/policies/imprint"),
            ],
            test_mode: true,
        }
    }
}

impl Link {
    pub fn new(label: &str, path: &str) -> Self {
        Self {
            label: label.into(),
            path: path.into(),
        }
    }
}

impl Picture {
    pub fn new(src: &str, alt: &str, width: u32, height: u32) -> Self {
        Self {
            src: src.into(),
            alt: alt.into(),
            width,
            height,
        }
    }
}

impl When {
    pub fn new(machine: &str, text: &str, exact: &str) -> Self {
        Self {
            machine: machine.into(),
            text: text.into(),
            exact: exact.into(),
        }
    }
}

impl Availability {
    pub fn in_stock(text: &str) -> Self {
        Self {
            tone: Tone::Ok,
            text: text.into(),
            sold_out: false,
        }
    }

    pub fn scarce(text: &str) -> Self {
        Self {
            tone: Tone::Warn,
            text: text.into(),
            sold_out: false,
        }
    }

    pub fn sold_out() -> Self {
        Self {
            tone: Tone::Plain,
            text: "Sold out".into(),
            sold_out: true,
        }
    }
}

impl ClipCard {
    /// The wall of the sample shop.
    pub fn samples() -> Vec<Self> {
        let card = |slug: &str, title: &str, length: &str, spoken: &str, products: &str, marks: &[u32]| Self {
            path: format!("/s/loam-and-ink/clips/{slug}"),
            title: title.into(),
            poster: Picture::new(&format!("/media/sample-{slug}.webp"), "", 720, 1280),
            length: length.into(),
            length_spoken: spoken.into(),
            products: products.into(),
            marks: marks.to_vec(),
        };
        vec![
            card(
                "from-clay-to-coffee",
                "From clay to coffee",
                "0:20",
                "20 seconds",
                "1 thing to buy",
                &[670],
            ),
            card(
                "two-pulls",
                "Two pulls",
                "0:21",
                "21 seconds",
                "2 things to buy",
                &[533, 805],
            ),
            card(
                "after-rain",
                "After rain",
                "0:21",
                "21 seconds",
                "2 things to buy",
                &[438, 690],
            ),
        ]
    }
}

impl ProductCard {
    /// The shelf of the sample shop.
    pub fn samples() -> Vec<Self> {
        let card =
            |slug: &str, image: &str, title: &str, price: &str, availability: Availability, seen: Option<Seen>| Self {
                path: format!("/s/loam-and-ink/products/{slug}"),
                title: title.into(),
                picture: Picture::new(&format!("/media/sample-{image}.webp"), title, 1000, 1000),
                price: price.into(),
                availability,
                seen,
            };
        let seen = |slug: &str, title: &str, timecode: &str, seconds: u32| {
            Some(Seen {
                clip_title: title.into(),
                timecode: timecode.into(),
                seconds,
                path: format!("/s/loam-and-ink/clips/{slug}?t={seconds}"),
            })
        };
        vec![
            card(
                "dune-mug",
                "mug",
                "Dune mug",
                "€34.00",
                Availability::in_stock("In stock"),
                seen("from-clay-to-coffee", "From clay to coffee", "0:13", 13),
            ),
            card(
                "slow-dripper",
                "dripper",
                "Slow dripper",
                "€42.00",
                Availability::scarce("3 left, 2 in checkouts"),
                None,
            ),
            card(
                "low-sun",
                "print",
                "Low sun, A3",
                "€48.00",
                Availability::in_stock("In stock"),
                seen("two-pulls", "Two pulls", "0:11", 11),
            ),
            card(
                "furrow-towel",
                "towel",
                "Furrow towel",
                "€18.00",
                Availability::in_stock("In stock"),
                seen("two-pulls", "Two pulls", "0:16", 16),
            ),
            card(
                "after-rain-candle",
                "candle",
                "After rain",
                "€29.00",
                Availability::in_stock("In stock"),
                seen("after-rain", "After rain", "0:09", 9),
            ),
            card(
                "window-planter",
                "planter",
                "Window planter",
                "€56.00",
                Availability::sold_out(),
                seen("after-rain", "After rain", "0:14", 14),
            ),
        ]
    }
}
