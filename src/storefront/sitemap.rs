//! What crawlers read first: the sitemap with the video extension, and robots.txt.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;

use super::front::{Front, milliseconds, poster};
use crate::app::App;
use crate::catalog;
use crate::clips::{self, ClipVersion};
use crate::db::Tx;
use crate::http::{self, Problem};
use crate::identity::{self, Shop, Trading};
use crate::kernel::Result as Done;

#[derive(Template)]
#[template(path = "storefront/sitemap.xml")]
pub struct Sitemap {
    pub pages: Vec<SitemapPage>,
}

pub struct SitemapPage {
    /// Absolute.
    pub address: String,
    /// RFC 3339.
    pub changed: String,
    pub video: Option<SitemapVideo>,
    /// Absolute addresses.
    pub pictures: Vec<String>,
}

pub struct SitemapVideo {
    pub title: String,
    pub description: String,
    pub thumbnail: String,
    pub content: String,
    pub seconds: u64,
    pub published: String,
}

#[derive(Template)]
#[template(path = "storefront/robots.txt")]
pub struct Robots {
    /// Absolute address of the sitemap.
    pub sitemap: String,
}

/// Of each shop: its newest clips and products. A sitemap has at most 50,000 addresses.
const EACH_MAX: i64 = 1000;
const PAGES_MAX: usize = 50_000;

/// Every public page of every shop here.
pub async fn sitemap(State(app): State<App>) -> Result<Response, Problem> {
    let base_url = app.base_url.clone();
    let pages = app.db.read_lately(move |tx| Sitemap::read(tx, &base_url)).await?;
    text("application/xml; charset=utf-8", http::page(&pages)?)
}

pub async fn robots(State(app): State<App>) -> Result<Response, Problem> {
    let robots = Robots {
        sitemap: format!("{}/sitemap.xml", app.base_url),
    };
    text("text/plain; charset=utf-8", http::page(&robots)?)
}

fn text(kind: &'static str, mut response: Response) -> Result<Response, Problem> {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    Ok(response)
}

impl Sitemap {
    fn read(tx: &mut Tx<'_>, base_url: &str) -> Done<Self> {
        let mut pages = Vec::new();
        let now = tx.now();
        let open = |shop: &Shop| shop.window.trading(now) == Trading::Open;
        for shop in identity::shops(tx)?.into_iter().filter(open) {
            let front = Front {
                shop,
                base_url: base_url.to_owned(),
            };
            let id = front.shop.id;
            let clips = clips::list_published(tx, id, None, EACH_MAX)?.data;
            let products = catalog::list_active(tx, id, None, EACH_MAX)?.data;
            let newest = clips.iter().map(|clip| clip.published_at);
            let newest = newest.chain(products.iter().map(|product| product.changed_at)).max();
            pages.push(SitemapPage::plain(
                front.address(""),
                newest.unwrap_or(front.shop.created_at).to_string(),
            ));
            pages.extend(clips.iter().map(|clip| SitemapPage::of_clip(&front, clip)));
            pages.extend(products.iter().map(|product| {
                SitemapPage {
                    pictures: Some(&product.image)
                        .filter(|image| !image.is_empty())
                        .map(|image| front.absolute(image))
                        .into_iter()
                        .collect(),
                    ..SitemapPage::plain(
                        front.address(&format!("/products/{}", product.slug)),
                        product.changed_at.to_string(),
                    )
                }
            }));
        }
        pages.truncate(PAGES_MAX);
        Ok(Self { pages })
    }
}

impl SitemapPage {
    fn plain(address: String, changed: String) -> Self {
        Self {
            address,
            changed,
            video: None,
            pictures: Vec::new(),
        }
    }

    fn of_clip(front: &Front, clip: &ClipVersion) -> Self {
        let content = &clip.content;
        let poster = poster(clip);
        let published = clip.published_at.to_string();
        // A video needs a picture to be listed.
        let video = poster.src.starts_with('/').then(|| SitemapVideo {
            title: content.title.clone(),
            description: if content.description.is_empty() {
                content.title.clone()
            } else {
                content.description.clone()
            },
            thumbnail: front.absolute(&poster.src),
            content: front.absolute(&content.media.path()),
            seconds: milliseconds(content.media.duration_ms).div_ceil(1000),
            published: published.clone(),
        });
        Self {
            video,
            ..Self::plain(front.address(&format!("/clips/{}", clip.slug)), published)
        }
    }
}

impl Sitemap {
    pub fn sample() -> Self {
        Self {
            pages: vec![
                SitemapPage {
                    address: "https://shop.example/s/loam-and-ink".into(),
                    changed: "2026-11-18T09:30:00Z".into(),
                    video: None,
                    pictures: Vec::new(),
                },
                SitemapPage {
                    address: "https://shop.example/s/loam-and-ink/clips/from-clay-to-coffee".into(),
                    changed: "2026-11-18T09:30:00Z".into(),
                    video: Some(SitemapVideo {
                        title: "From clay to coffee".into(),
                        description: "A mug, a bowl & a jug.".into(),
                        thumbnail: "https://shop.example/media/sample-from-clay-to-coffee.webp".into(),
                        content: "https://shop.example/media/sample-from-clay-to-coffee.mp4".into(),
                        seconds: 20,
                        published: "2026-11-18T09:30:00Z".into(),
                    }),
                    pictures: Vec::new(),
                },
                SitemapPage {
                    address: "https://shop.example/s/loam-and-ink/products/dune-mug".into(),
                    changed: "2026-11-17T12:00:00Z".into(),
                    video: None,
                    pictures: vec!["https://shop.example/media/sample-mug.webp".into()],
                },
            ],
        }
    }
}

impl Robots {
    pub fn sample() -> Self {
        Self {
            sitemap: "https://shop.example/sitemap.xml".into(),
        }
    }
}
