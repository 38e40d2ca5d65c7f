//! What the pages of one shop share when they are read: the shop of the address, its frame, and the small pictures of clips and products.

use askama::Template;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use std::collections::HashMap;

use super::frame::{self, ClipCard, Frame, Link, Picture, ProductCard, Seen, When};
use super::message_page::MessagePage;
use crate::app::App;
use crate::catalog::{self, Product, Variant, VariantState};
use crate::clips::{self, AnchorKind, ClipVersion, Copy, PublishedAnchor};
use crate::db::Tx;
use crate::http::{self, Problem};
use crate::identity::{self, Shop};
use crate::inventory::{self, Availability};
use crate::kernel::{Error, ProductId, Result as Done, Time, words};

/// From here on a number is worth saying.
const SCARCE: i64 = 5;

/// The shop whose address a visitor opened.
#[derive(Clone)]
pub struct Front {
    pub shop: Shop,
    pub base_url: String,
}

impl FromRequestParts<App> for Front {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(named) = Path::<HashMap<String, String>>::from_request_parts(parts, app)
            .await
            .map_err(|_| Error::not_found("shop"))?;
        let slug = named.get("shop").cloned().unwrap_or_default();
        let shop = app.db.read(move |tx| identity::shop_by_slug(tx, &slug)).await?;
        Ok(Self {
            shop: shop.ok_or_else(|| Error::not_found("shop"))?,
            base_url: app.base_url.clone(),
        })
    }
}

impl Front {
    /// A path inside the shop; `""` is its front.
    pub fn path(&self, rest: &str) -> String {
        format!("/s/{}{rest}", self.shop.slug)
    }

    /// The same, absolute.
    pub fn address(&self, rest: &str) -> String {
        format!("{}/s/{}{rest}", self.base_url, self.shop.slug)
    }

    /// A path of ours, absolute.
    pub fn absolute(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    pub fn frame(&self) -> Frame {
        let shop = &self.shop;
        let seller = [&shop.seller.name, &shop.seller.address]
            .map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "))
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(", ");
        Frame {
            language: shop.language.clone(),
            shop_name: shop.name.clone(),
            home_path: self.path(""),
            // The version is in the address, so the colours may be kept for ever.
            accent_css: (!shop.accent.is_empty()).then(|| self.path(&format!("/accent.css?v={}", shop.version))),
            seller: if seller.is_empty() {
                format!("Sold by {}", shop.name)
            } else {
                format!("Sold by {seller}")
            },
            policies: vec![
                Link::new("Delivery", &self.path("/policies/shipping")),
                Link::new("Returns", &self.path("/policies/returns")),
                Link::new("Imprint", &self.path("/policies/imprint")),
            ],
            test_mode: shop.test_mode,
        }
    }

    /// 404 in the shop's own frame.
    pub fn nothing_here(&self) -> Result<Response, Problem> {
        shown(StatusCode::NOT_FOUND, &MessagePage::not_found(self.frame()))
    }

    pub fn returns(&self) -> String {
        match self.shop.return_days {
            0 => "No returns".into(),
            days => format!("{} to return", words::count(u64::from(days), "day", "days")),
        }
    }

    pub fn clip_card(&self, clip: &ClipVersion) -> ClipCard {
        let content = &clip.content;
        let length = milliseconds(content.media.duration_ms);
        let mut things: Vec<ProductId> = content.anchors.iter().filter_map(|anchor| anchor.product).collect();
        things.sort_unstable();
        things.dedup();
        ClipCard {
            path: self.path(&format!("/clips/{}", clip.slug)),
            title: content.title.clone(),
            poster: poster(clip),
            length: words::timecode(length),
            length_spoken: words::spoken_length(length),
            products: match things.len() {
                0 => "To watch".into(),
                count => words::count(count as u64, "thing to buy", "things to buy"),
            },
            marks: marks(clip),
        }
    }

    /// A product for sale; `None` while no variant of it has a price.
    pub fn product_card(&self, tx: &mut Tx<'_>, product: &Product, clips: &[ClipVersion]) -> Done<Option<ProductCard>> {
        let offered = offered(tx, &self.shop, product)?;
        let Some(cheapest) = offered
            .iter()
            .filter_map(|(variant, _)| variant.price)
            .min_by_key(|price| price.minor)
        else {
            return Ok(None);
        };
        let several = offered
            .iter()
            .any(|(variant, _)| variant.price.is_some_and(|price| price.minor != cheapest.minor));
        let price = words::money(cheapest);
        Ok(Some(ProductCard {
            path: self.path(&format!("/products/{}", product.slug)),
            title: product.title.clone(),
            picture: picture(tx, &self.shop, &product.image, &product.title)?,
            price: if several { format!("from {price}") } else { price },
            availability: availability(offered.iter().map(|(_, stock)| *stock)),
            seen: self.seen(product.id, clips).map(|(_, seen)| seen),
        }))
    }

    /// Cards of what is for sale, newest first.
    pub fn shelf(&self, tx: &mut Tx<'_>, clips: &[ClipVersion], most: i64) -> Done<Vec<ProductCard>> {
        let products = catalog::list_active(tx, self.shop.id, None, most)?.data;
        let mut cards = Vec::with_capacity(products.len());
        for product in &products {
            cards.extend(self.product_card(tx, product, clips)?);
        }
        Ok(cards)
    }

    /// The first second of the newest clip that offers a product.
    pub fn seen<'a>(&self, product: ProductId, clips: &'a [ClipVersion]) -> Option<(&'a ClipVersion, Seen)> {
        let shows = |anchor: &&PublishedAnchor| anchor.product == Some(product);
        clips.iter().find_map(|clip| {
            let anchor = clip
                .content
                .anchors
                .iter()
                .filter(shows)
                .min_by_key(|anchor| anchor.start_ms)?;
            Some((clip, self.moment(clip, anchor)))
        })
    }

    /// Where an anchor stands, as a link to that second.
    pub fn moment(&self, clip: &ClipVersion, anchor: &PublishedAnchor) -> Seen {
        let seconds = seconds(anchor.start_ms);
        Seen {
            clip_title: clip.content.title.clone(),
            timecode: words::timecode(milliseconds(anchor.start_ms)),
            seconds,
            path: self.path(&format!("/clips/{}?t={seconds}", clip.slug)),
        }
    }

    /// What an anchor says in the shop's language, else in the clip's, else in any.
    pub fn copy<'a>(&self, clip: &ClipVersion, anchor: &'a PublishedAnchor) -> Option<&'a Copy> {
        anchor
            .copy
            .get(&self.shop.language)
            .or_else(|| anchor.copy.get(&clip.content.language))
            .or_else(|| anchor.copy.values().next())
    }
}

/// The variants that can be bought, with what is left of each.
pub fn offered(tx: &mut Tx<'_>, shop: &Shop, product: &Product) -> Done<Vec<(Variant, Availability)>> {
    let mut offered = Vec::new();
    for variant in catalog::variants(tx, shop.id, product.id, shop.currency)? {
        if variant.state == VariantState::Active && variant.price.is_some() {
            let stock = inventory::availability(tx, variant.id)?;
            offered.push((variant, stock));
        }
    }
    Ok(offered)
}

/// What is left of several variants together.
pub fn availability(stocks: impl IntoIterator<Item = Availability>) -> frame::Availability {
    let (left, in_checkouts) = stocks.into_iter().fold((0, 0), |(left, held), stock| {
        (left + stock.left.max(0), held + stock.in_checkouts)
    });
    let held = u64::try_from(in_checkouts).unwrap_or(0);
    match (left, held) {
        (0, 0) => frame::Availability::sold_out(),
        (0, held) => frame::Availability {
            text: format!("Sold out, {} in checkouts", words::count(held, "piece", "pieces")),
            ..frame::Availability::sold_out()
        },
        (left, 0) if left <= SCARCE => frame::Availability::scarce(&format!("{left} left")),
        (left, held) if left <= SCARCE => frame::Availability::scarce(&format!(
            "{left} left, {held} in {}",
            if held == 1 { "a checkout" } else { "checkouts" }
        )),
        _ => frame::Availability::in_stock("In stock"),
    }
}

/// A stored picture with its size; what was never uploaded is an empty square of paper.
pub fn picture(tx: &mut Tx<'_>, shop: &Shop, path: &str, alt: &str) -> Done<Picture> {
    let hash = path
        .strip_prefix("/media/")
        .and_then(|file| file.split_once('.'))
        .map_or("", |(hash, _)| hash);
    let media = clips::media(tx, shop.id, hash)?.filter(|media| media.width > 0 && media.height > 0);
    Ok(match media {
        Some(media) => Picture::new(&media.path(), alt, media.width, media.height),
        None if path.is_empty() => Picture::new(BLANK, "", 1000, 1000),
        None => Picture::new(path, alt, 1000, 1000),
    })
}

/// One transparent point, stretched by the page to the room a picture would take.
const BLANK: &str = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";

pub fn poster(clip: &ClipVersion) -> Picture {
    let content = &clip.content;
    let (width, height) = (content.media.width.max(1), content.media.height.max(1));
    match &content.poster {
        Some(poster) if poster.width > 0 => Picture::new(&poster.path(), "", poster.width, poster.height),
        Some(poster) => Picture::new(&poster.path(), "", width, height),
        None => Picture::new(BLANK, "", width, height),
    }
}

/// Where something is offered, in thousandths of the clip.
pub fn marks(clip: &ClipVersion) -> Vec<u32> {
    let length = clip.content.media.duration_ms.max(1);
    let selling = clip.content.anchors.iter().filter(|anchor| anchor.kind.sells());
    let mut marks: Vec<u32> = selling
        .map(|anchor| u32::try_from((anchor.start_ms * 1000 / length).clamp(0, 1000)).unwrap_or(0))
        .collect();
    marks.sort_unstable();
    marks.dedup();
    marks
}

/// Somebody's own words in a clip: the text and who said it.
pub fn proof<'a>(front: &Front, clip: &'a ClipVersion) -> Option<(&'a PublishedAnchor, &'a Copy)> {
    let anchors = clip.content.anchors.iter();
    anchors
        .filter(|anchor| anchor.kind == AnchorKind::Proof)
        .find_map(|anchor| front.copy(clip, anchor).map(|copy| (anchor, copy)))
        .filter(|(_, copy)| !copy.text.is_empty())
}

pub fn when(at: Time, now: Time) -> When {
    When {
        machine: at.to_string(),
        text: words::relative(at, now),
        exact: words::exact(at),
    }
}

pub fn milliseconds(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0)
}

pub fn seconds(ms: i64) -> u32 {
    u32::try_from(ms / 1000).unwrap_or(0)
}

/// The paragraphs of a longer text.
pub fn paragraphs(text: &str) -> Vec<String> {
    text.replace("\r\n", "\n")
        .split("\n\n")
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The first words of a text, for search results.
pub fn summary(text: &str) -> String {
    const MOST: usize = 160;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= MOST {
        return text;
    }
    let cut: String = text.chars().take(MOST - 1).collect();
    let end = cut.rfind(' ').unwrap_or(cut.len());
    format!("{}…", &cut[..end])
}

/// A page with another status than 200.
pub fn shown(status: StatusCode, template: &impl Template) -> Result<Response, Problem> {
    let mut response = http::page(template)?;
    *response.status_mut() = status;
    Ok(response)
}

/// A page anybody may see, or 304 for those who have it as it is.
pub fn public(headers: &HeaderMap, template: &impl Template) -> Result<Response, Problem> {
    http::page_unless_known(headers, template)
}
