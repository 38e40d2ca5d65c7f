//! One product: pictures, variants, what is left, what is promised, and a form that buys it without scripts.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::frame::{Availability, ClipCard, Frame, Head, Picture, ProductCard, Seen};
use super::front::{Front, availability, offered, paragraphs, picture, public, summary};
use super::structured_data::{
    Brand, BreadcrumbList, Condition, DefinedRegion, Markup, MerchantReturnPolicy, MonetaryAmount, Offer,
    OfferShippingDetails, Product, QuantitativeValue, ShippingDeliveryTime, Stock, Thing,
};
use super::window_page::OpenShop;
use crate::app::App;
use crate::catalog::{self, Kind, ProductState, Variant};
use crate::clips;
use crate::db::Tx;
use crate::delivery::{self, ZoneMethods};
use crate::http::{Path, Problem};
use crate::inventory;
use crate::kernel::{Result as Done, words};
use crate::preorders;
use crate::taxes;

#[derive(Template)]
#[template(path = "storefront/product.html")]
pub struct ProductPage {
    pub frame: Frame,
    pub head: Head,
    pub title: String,
    pub description: Vec<String>,
    /// What a bundle is made of: "2 × Dune mug · Tide".
    pub contents: Vec<String>,
    /// What its buyers agree to for keeping a part of it.
    pub contents_note: &'static str,
    pub pictures: Vec<Picture>,
    pub variants: Vec<VariantChoice>,
    /// "Arrives 24–26 Nov" and what it costs. Absent for what does not travel.
    pub delivery: Option<String>,
    /// "30 days to return".
    pub returns: String,
    pub returns_path: String,
    /// "incl. 19 % VAT".
    pub tax: String,
    /// Where the form goes.
    pub checkout_path: String,
    pub seen: Option<SeenIn>,
    pub more: Vec<ProductCard>,
}

pub struct VariantChoice {
    pub id: String,
    pub title: String,
    pub price: String,
    pub availability: Availability,
    pub selected: bool,
}

/// The clip that shows the product, and the second at which it does.
pub struct SeenIn {
    pub clip: ClipCard,
    pub moment: Seen,
}

/// How many clips are looked through for the product, and how much else is shown below.
const CLIPS_MAX: i64 = 50;
const MORE_MAX: i64 = 5;

/// A product that is for sale.
pub async fn show(
    State(app): State<App>,
    OpenShop(front): OpenShop,
    Path((_, slug)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (page, front) = app
        .db
        .read_lately(move |tx| Ok((ProductPage::read(tx, &front, &slug)?, front.clone())))
        .await?;
    match page {
        Some(page) => public(&headers, &page),
        None => front.nothing_here(),
    }
}

impl ProductPage {
    fn read(tx: &mut Tx<'_>, front: &Front, slug: &str) -> Done<Option<Self>> {
        let shop = &front.shop;
        let found = catalog::find_by_slug(tx, shop.id, slug)?;
        let Some(product) = found.filter(|product| product.state == ProductState::Active) else {
            return Ok(None);
        };
        let offered = offered(tx, shop, &product)?;
        let mut expected = Vec::with_capacity(offered.len());
        for (variant, stock) in &offered {
            expected.push(match stock.left {
                ..=0 => preorders::offered(tx, shop.id, variant.id)?.filter(|expected| expected.left > 0),
                _ => None,
            });
        }
        let published = clips::list_published(tx, shop.id, None, CLIPS_MAX)?.data;
        let there = match product.kind {
            Kind::Physical => delivery::options(tx, shop.id, &shop.country, shop.currency)?,
            Kind::Digital => None,
        };
        let rate = taxes::rate(tx, shop.id, &shop.country, product.tax_category)?;
        let mut more = front.shelf(tx, &published, MORE_MAX)?;
        let path = front.path(&format!("/products/{slug}"));
        more.retain(|card| card.path != path);
        let address = front.absolute(&path);
        let main = picture(tx, shop, &product.image, &product.title)?;
        let preview = Some(&main)
            .filter(|picture| picture.src.starts_with('/'))
            .map(|picture| front.absolute(&picture.src));
        let first = offered.iter().position(|(_, stock)| stock.left > 0);
        let first = first.or(expected.iter().position(Option::is_some)).unwrap_or(0);
        let variants = offered
            .iter()
            .zip(&expected)
            .enumerate()
            .map(|(index, ((variant, stock), expected))| VariantChoice {
                id: variant.id.to_string(),
                title: if variant.title.is_empty() {
                    product.title.clone()
                } else {
                    variant.title.clone()
                },
                price: variant.price.map(words::money).unwrap_or_default(),
                availability: match expected {
                    Some(expected) => preorder(expected, &shop.time_zone),
                    None => availability([*stock]),
                },
                selected: index == first,
            });
        let description = if product.description.is_empty() {
            &product.title
        } else {
            &product.description
        };
        let crumbs = BreadcrumbList::new([
            (shop.name.as_str(), front.address("").as_str()),
            (product.title.as_str(), address.as_str()),
        ]);
        let thing = Product {
            name: product.title.clone(),
            description: summary(description),
            url: address.clone(),
            image: preview.iter().cloned().collect(),
            sku: offered
                .first()
                .map(|(variant, _)| variant.sku.clone())
                .unwrap_or_default(),
            brand: Brand {
                name: shop.name.clone(),
            },
            offers: offered
                .iter()
                .zip(&expected)
                .filter_map(|((variant, stock), expected)| {
                    let offer = offer(front, &product.title, &address, variant, *stock, there.as_ref());
                    offer.map(|offer| Offer {
                        availability: expected.map_or(offer.availability, |_| Stock::PreOrder),
                        ..offer
                    })
                })
                .collect(),
        };
        let seen = front.seen(product.id, &published).map(|(clip, moment)| SeenIn {
            clip: front.clip_card(clip),
            moment,
        });
        Ok(Some(Self {
            frame: front.frame(),
            head: Head {
                title: format!("{} · {}", product.title, shop.name),
                description: summary(description),
                canonical: address,
                kind: "product",
                picture: preview,
                markup: Markup::new(&[Thing::Product(Box::new(thing)), Thing::Breadcrumbs(crumbs)]),
                listed: true,
            },
            title: product.title.clone(),
            contents: contents(tx, shop, &product)?,
            contents_note: catalog::bundle(tx, shop.id, product.id)?.map_or("", |bundle| bundle.keep_the_rest.told()),
            description: paragraphs(&product.description),
            pictures: vec![main],
            variants: variants.collect(),
            delivery: there.as_ref().and_then(|there| there.methods.first()).map(|method| {
                let country = words::country(&shop.country);
                // What is not there yet travels from the day it is promised for.
                let shown = expected.get(first).copied().flatten();
                let leaves = shown.map_or(tx.now(), |expected| expected.quoted.ships_by);
                format!(
                    "{} in {country}, {}",
                    method.promise(leaves),
                    words::money(method.price)
                )
            }),
            returns: front.returns(),
            returns_path: front.path("/policies/returns"),
            tax: match (rate.0, shop.prices_include_tax) {
                (0, _) => String::new(),
                (_, true) => format!("incl. {} VAT", words::percent(rate)),
                (_, false) => format!("plus {} tax", words::percent(rate)),
            },
            checkout_path: front.path("/checkout"),
            seen,
            more,
        }))
    }
}

/// What a bundle is made of, in words; nothing of any other product.
fn contents(tx: &mut Tx<'_>, shop: &crate::identity::Shop, product: &catalog::Product) -> Done<Vec<String>> {
    let Some(bundle) = catalog::bundle(tx, shop.id, product.id)? else {
        return Ok(Vec::new());
    };
    let mut contents = Vec::new();
    for part in &bundle.parts {
        let of = catalog::product_of(tx, shop.id, part.variant)?;
        let variant = catalog::variant(tx, shop.id, part.variant, shop.currency)?;
        let (Some(of), Some(variant)) = (of, variant) else {
            continue;
        };
        contents.push(match variant.title.as_str() {
            "" => format!("{} × {}", part.quantity, of.title),
            title => format!("{} × {} · {title}", part.quantity, of.title),
        });
    }
    Ok(contents)
}

/// "Pre-order, leaves by 3 March 2027, 12 left".
fn preorder(expected: &preorders::Offered, zone: &str) -> Availability {
    let day = words::day_in(expected.quoted.ships_by, zone);
    Availability::scarce(&match expected.left {
        left @ ..=5 => format!("Pre-order, leaves by {day}, {left} left"),
        _ => format!("Pre-order, leaves by {day}"),
    })
}

/// One variant's offer for search engines: the same price, stock and promise as on the page.
fn offer(
    front: &Front,
    title: &str,
    address: &str,
    variant: &Variant,
    stock: inventory::Availability,
    there: Option<&ZoneMethods>,
) -> Option<Offer> {
    let shop = &front.shop;
    let price = variant.price?;
    let region = || DefinedRegion {
        address_country: shop.country.clone(),
    };
    let shipping = there
        .into_iter()
        .flat_map(|there| &there.methods)
        .map(|method| OfferShippingDetails {
            shipping_rate: MonetaryAmount {
                value: words::decimal(method.price),
                currency: method.price.currency.code().into(),
            },
            shipping_destination: region(),
            delivery_time: ShippingDeliveryTime {
                handling_time: QuantitativeValue::days(0, 0),
                transit_time: QuantitativeValue::days(method.eta_days_min, method.eta_days_max),
            },
        });
    let countries = vec![shop.country.clone()];
    Some(Offer {
        name: if variant.title.is_empty() {
            title.to_owned()
        } else {
            format!("{title}, {}", variant.title)
        },
        sku: variant.sku.clone(),
        url: address.to_owned(),
        price: words::decimal(price),
        price_currency: price.currency.code().into(),
        availability: match stock.left {
            left if left <= 0 => Stock::SoldOut,
            1..=5 => Stock::Limited,
            _ => Stock::InStock,
        },
        item_condition: Condition::New,
        shipping_details: shipping.collect(),
        has_merchant_return_policy: Some(match shop.return_days {
            0 => MerchantReturnPolicy::none(countries),
            days => MerchantReturnPolicy::within_days(days, countries),
        }),
    })
}

impl ProductPage {
    /// The choice that is shown first; its price stands above the form.
    pub fn selected(&self) -> Option<&VariantChoice> {
        self.variants
            .iter()
            .find(|variant| variant.selected)
            .or(self.variants.first())
    }

    /// What the button says for the choice that stands first.
    pub fn button(&self) -> &'static str {
        let expected = self
            .selected()
            .is_some_and(|choice| choice.availability.text.starts_with("Pre-order"));
        if expected { "Pre-order" } else { "Buy now" }
    }

    pub fn sold_out(&self) -> bool {
        self.variants.iter().all(|variant| variant.availability.sold_out)
    }

    pub fn sample() -> Self {
        let page = "https://shop.example/s/loam-and-ink/products/dune-mug";
        let variant = |id: &str, title: &str, price: &str, availability: Availability, selected: bool| VariantChoice {
            id: id.into(),
            title: title.into(),
            price: price.into(),
            availability,
            selected,
        };
        let offer = |title: &str, sku: &str, price: &str, availability: Stock| Offer {
            name: format!("Dune mug, {title}"),
            sku: sku.into(),
            url: page.into(),
            price: price.into(),
            price_currency: "EUR".into(),
            availability,
            item_condition: Condition::New,
            shipping_details: vec![OfferShippingDetails {
                shipping_rate: MonetaryAmount {
                    value: "4.90".into(),
                    currency: "EUR".into(),
                },
                shipping_destination: DefinedRegion {
                    address_country: "DE".into(),
                },
                delivery_time: ShippingDeliveryTime {
                    handling_time: QuantitativeValue::days(0, 1),
                    transit_time: QuantitativeValue::days(2, 3),
                },
            }],
            has_merchant_return_policy: Some(MerchantReturnPolicy::within_days(30, vec!["DE".into()])),
        };
        let product = Product {
            name: "Dune mug".into(),
            description: "Thrown by hand from iron-rich stoneware. Holds 320 ml.".into(),
            url: page.into(),
            image: vec!["https://shop.example/media/sample-mug.webp".into()],
            sku: "LI-MUG-TIDE".into(),
            brand: Brand {
                name: "Loam & Ink".into(),
            },
            offers: vec![
                offer("Tide", "LI-MUG-TIDE", "34.00", Stock::Limited),
                offer("Salt", "LI-MUG-SALT", "34.00", Stock::InStock),
                offer("Ember", "LI-MUG-EMBER", "36.00", Stock::SoldOut),
            ],
        };
        let crumbs = BreadcrumbList::new([
            ("Loam & Ink", "https://shop.example/s/loam-and-ink"),
            ("Dune mug", page),
        ]);
        let mut more = ProductCard::samples();
        let moment = more.remove(0).seen.expect("the first sample is seen in a clip");
        Self {
            frame: Frame::sample(),
            head: Head {
                title: "Dune mug · Loam & Ink".into(),
                description: "Thrown by hand from iron-rich stoneware. Holds 320 ml.".into(),
                canonical: page.into(),
                kind: "product",
                picture: Some("https://shop.example/media/sample-mug.webp".into()),
                markup: Markup::new(&[Thing::Product(Box::new(product)), Thing::Breadcrumbs(crumbs)]),
                listed: true,
            },
            title: "Dune mug".into(),
            contents: Vec::new(),
            contents_note: "",
            description: vec![
                "Thrown by hand from iron-rich stoneware, dipped two thirds deep so that the bare clay stays warm in your palm.".into(),
                "Holds 320 ml. No two runs of glaze are the same.".into(),
            ],
            pictures: vec![Picture::new("/media/sample-mug.webp", "Dune mug", 1000, 1000)],
            variants: vec![
                variant("var_01ktide", "Tide", "€34.00", Availability::scarce("3 left, 2 in checkouts"), true),
                variant("var_01ksalt", "Salt", "€34.00", Availability::in_stock("In stock"), false),
                variant("var_01kember", "Ember", "€36.00", Availability::sold_out(), false),
            ],
            delivery: Some("Arrives 24–26 Nov in Germany, €4.90".into()),
            returns: "30 days to return".into(),
            returns_path: "/s/loam-and-ink/policies/returns".into(),
            tax: "incl. 19 % VAT".into(),
            checkout_path: "/s/loam-and-ink/checkout".into(),
            seen: Some(SeenIn { clip: ClipCard::samples().remove(0), moment }),
            more: more.into_iter().take(4).collect(),
        }
    }

    /// Nothing left of the only variant.
    pub fn sample_sold_out() -> Self {
        let mut page = Self::sample();
        page.variants.drain(..2);
        page.variants[0].selected = true;
        page
    }
}
