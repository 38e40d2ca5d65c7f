//! What crawlers read first: the sitemap with the video extension, and robots.txt.

use askama::Template;

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
