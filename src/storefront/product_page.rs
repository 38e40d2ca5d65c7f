//! One product: pictures, variants, what is left, what is promised, and a form that buys it without scripts.

use askama::Template;

use super::frame::{Availability, ClipCard, Frame, Head, Picture, ProductCard, Seen};
use super::structured_data::{
    Brand, BreadcrumbList, Condition, DefinedRegion, Markup, MerchantReturnPolicy, MonetaryAmount, Offer,
    OfferShippingDetails, Product, QuantitativeValue, ShippingDeliveryTime, Stock, Thing,
};

#[derive(Template)]
#[template(path = "storefront/product.html")]
pub struct ProductPage {
    pub frame: Frame,
    pub head: Head,
    pub title: String,
    pub description: Vec<String>,
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

impl ProductPage {
    /// The choice that is shown first; its price stands above the form.
    pub fn selected(&self) -> Option<&VariantChoice> {
        self.variants
            .iter()
            .find(|variant| variant.selected)
            .or(self.variants.first())
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
