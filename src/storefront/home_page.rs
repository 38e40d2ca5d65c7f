//! A shop's front: its newest clip, the wall of clips, a voice from one of them, and what can be bought.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::frame::{ClipCard, Frame, Head, Picture, ProductCard, Seen, Tone};
use super::front::{Front, poster, proof, public, summary};
use super::structured_data::{Markup, Organization, Thing};
use super::window_page::OpenShop;
use crate::app::App;
use crate::clips::{self, ClipVersion};
use crate::db::Tx;
use crate::drops::{self, Phase};
use crate::http::Problem;
use crate::kernel::{Result as Done, Time, words};

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
    /// What is announced or open, the next one first.
    pub drops: Vec<DropCard>,
    pub clips: Vec<ClipCard>,
    pub voice: Option<Voice>,
    pub products: Vec<ProductCard>,
}

/// A drop that is announced or open.
pub struct DropCard {
    pub path: String,
    pub title: String,
    /// "Open now", "Opens in 2 days".
    pub state: String,
    pub tone: Tone,
    pub exact: String,
}

/// Somebody's own words, said in a clip, with the second at which they are said.
pub struct Voice {
    pub words: String,
    pub name: String,
    pub picture: Picture,
    pub said: Seen,
}

/// More would be a catalogue, not a front.
const CLIPS_MAX: i64 = 24;
const DROPS_MAX: i64 = 20;
const PRODUCTS_MAX: i64 = 48;

/// The shop's front.
pub async fn show(State(app): State<App>, OpenShop(front): OpenShop, headers: HeaderMap) -> Result<Response, Problem> {
    let page = app.db.read_lately(move |tx| HomePage::read(tx, &front)).await?;
    public(&headers, &page)
}

impl HomePage {
    fn read(tx: &mut Tx<'_>, front: &Front) -> Done<Self> {
        let shop = &front.shop;
        let published = clips::list_published(tx, shop.id, None, CLIPS_MAX)?.data;
        let products = front.shelf(tx, &published, PRODUCTS_MAX)?;
        let newest = published.first();
        let tagline = shop.tagline.trim();
        let organization = Organization {
            name: shop.name.clone(),
            url: front.address(""),
            logo: None,
        };
        let picture = newest
            .map(poster)
            .filter(|poster| poster.src.starts_with('/'))
            .map(|poster| front.absolute(&poster.src));
        Ok(Self {
            frame: front.frame(),
            head: Head {
                title: shop.name.clone(),
                description: if tagline.is_empty() {
                    format!("Clips from {}, and what you see in them.", shop.name)
                } else {
                    summary(tagline)
                },
                canonical: front.address(""),
                kind: "website",
                picture,
                markup: Markup::new(&[Thing::Organization(organization)]),
                listed: true,
            },
            statement: if tagline.is_empty() {
                shop.name.clone()
            } else {
                tagline.into()
            },
            introduction: newest
                .map(|clip| summary(&clip.content.description))
                .unwrap_or_default(),
            featured: newest.map(|clip| front.clip_card(clip)),
            drops: DropCard::all(tx, front)?,
            clips: published.iter().skip(1).map(|clip| front.clip_card(clip)).collect(),
            voice: published.iter().find_map(|clip| Voice::of(front, clip)),
            products,
        })
    }
}

impl DropCard {
    fn all(tx: &mut Tx<'_>, front: &Front) -> Done<Vec<Self>> {
        let now = tx.now();
        let mut found: Vec<drops::Drop> = drops::list(tx, front.shop.id, None, DROPS_MAX)?.data;
        found.retain(|drop| matches!(drop.phase(now), Phase::Before | Phase::Open | Phase::Paused));
        found.sort_by_key(|drop| {
            (
                drop.phase(now) == Phase::Before,
                drop.opens_at.unwrap_or(Time(i64::MAX)),
            )
        });
        let card = |drop: &drops::Drop| {
            let (state, tone, at) = match drop.phase(now) {
                Phase::Before => match drop.opens_at {
                    Some(at) => (format!("Opens {}", words::relative(at, now)), Tone::Plain, Some(at)),
                    None => ("Opens soon".into(), Tone::Plain, None),
                },
                _ => ("Open now".into(), Tone::Ok, drop.closes_at),
            };
            Self {
                path: front.path(&format!("/drops/{}", drop.slug)),
                title: drop.title.clone(),
                state,
                tone,
                exact: at.map(words::exact).unwrap_or_default(),
            }
        };
        Ok(found.iter().map(card).collect())
    }
}

impl Voice {
    fn of(front: &Front, clip: &ClipVersion) -> Option<Self> {
        let (anchor, copy) = proof(front, clip)?;
        Some(Self {
            words: copy.text.clone(),
            name: copy.title.clone(),
            picture: poster(clip),
            said: front.moment(clip, anchor),
        })
    }
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
            drops: vec![DropCard {
                path: "/s/loam-and-ink/drops/friday-firing".into(),
                title: "Friday firing".into(),
                state: "Opens in 2 days".into(),
                tone: Tone::Plain,
                exact: "27 November 2026, 19:00 UTC".into(),
            }],
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
            drops: Vec::new(),
            clips: Vec::new(),
            voice: None,
            products: Vec::new(),
            ..Self::sample()
        }
    }
}
