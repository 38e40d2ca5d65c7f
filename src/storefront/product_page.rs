//! One product: pictures, variants, what is left, what is promised, and a form that buys it without scripts.

use askama::Template;

use super::frame::{Availability, ClipCard, Frame, Head, Picture, ProductCard, Seen};
use super::structured_data::{
    Brand, BreadcrumbList, Condition, DefinedRegion, Markup, MerchantReturnPolicy, MonetaryAmount, Offer, OfferShippingDetails, Product,
    QuantitativeValue, ShippingDeliveryTime, Stock, Thing,
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
    /// Measurements, material, care.
    pub facts: Vec<Fact>,
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

pub struct Fact {
    pub name: String,
    pub value: String,
}

/// The clip that shows the product, and the second at which it does.
pub struct SeenIn {
    pub clip: ClipCard,
    pub moment: Seen,
}

impl ProductPage {
    /// The choice that is shown first; its price stands above the form.
    pub fn selected(&self) -> Option<&VariantChoice> {
        self.variants.iter().find(|variant| variant.selected).or(self.variants.first())
    }

    pub fn sold_out(&self) -> bool {
        self.variants.iter().all(|variant| variant.availability.sold_out)
    }

    pub fn sample() -> Self {
        let page = "https://shop.example/s/tidal-kiln/products/ebb-mug";
        let variant = |id: &str, title: &str, price: &str, availability: Availability, selected: bool| VariantChoice {
            id: id.into(),
            title: title.into(),
            price: price.into(),
            availability,
            selected,
        };
        let offer = |title: &str, sku: &str, price: &str, availability: Stock| Offer {
            name: format!("Ebb mug, {title}"),
            sku: sku.into(),
            url: page.into(),
            price: price.into(),
            price_currency: "EUR".into(),
            availability,
            item_condition: Condition::New,
            shipping_details: vec![OfferShippingDetails {
                shipping_rate: MonetaryAmount { value: "4.90".into(), currency: "EUR".into() },
                shipping_destination: DefinedRegion { address_country: "DE".into() },
                delivery_time: ShippingDeliveryTime {
                    handling_time: QuantitativeValue::days(0, 1),
                    transit_time: QuantitativeValue::days(2, 3),
                },
            }],
            has_merchant_return_policy: Some(MerchantReturnPolicy::within_days(30, vec!["DE".into()])),
        };
        let product = Product {
            name: "Ebb mug".into(),
            description: "A mug of dark stoneware, 320 ml.".into(),
            url: page.into(),
            image: vec!["https://shop.example/media/sample-ebb-mug.jpg".into()],
            sku: "EBB-SAND".into(),
            brand: Brand { name: "Tidal Kiln".into() },
            offers: vec![
                offer("Sand", "EBB-SAND", "38.00", Stock::Limited),
                offer("Low water", "EBB-LOW", "38.00", Stock::InStock),
                offer("Storm", "EBB-STORM", "42.00", Stock::SoldOut),
            ],
        };
        let crumbs = BreadcrumbList::new([("Tidal Kiln", "https://shop.example/s/tidal-kiln"), ("Ebb mug", page)]);
        let mut more = ProductCard::samples();
        let moment = more.remove(0).seen.expect("the first sample is seen in a clip");
        Self {
            frame: Frame::sample(),
            head: Head {
                title: "Ebb mug · Tidal Kiln".into(),
                description: "A mug of dark stoneware, thrown in one pull and glazed with river ash. 320 ml, dishwasher safe.".into(),
                canonical: page.into(),
                kind: "product",
                picture: Some("https://shop.example/media/sample-ebb-mug.jpg".into()),
                markup: Markup::new(&[Thing::Product(Box::new(product)), Thing::Breadcrumbs(crumbs)]),
                listed: true,
            },
            title: "Ebb mug".into(),
            description: vec![
                "Thrown in one pull, with a thumb's rest where the handle meets the wall. The glaze is river ash; it pools where the tide would.".into(),
                "No two are the same height. Yours is within four millimetres of the picture.".into(),
            ],
            pictures: vec![
                Picture::new("/media/sample-ebb-mug.jpg", "Ebb mug in sand glaze on a grey table", 1000, 1250),
                Picture::new("/media/sample-ebb-mug-2.jpg", "The handle from above", 1000, 1250),
                Picture::new("/media/sample-ebb-mug-3.jpg", "Three mugs side by side", 1000, 1250),
            ],
            variants: vec![
                variant("var_01ksand", "Sand", "€38.00", Availability::scarce("3 left, 2 in checkouts"), true),
                variant("var_01klow", "Low water", "€38.00", Availability::in_stock("In stock"), false),
                variant("var_01kstorm", "Storm", "€42.00", Availability::sold_out(), false),
            ],
            delivery: Some("Arrives 24–26 Nov in Germany, €4.90".into()),
            returns: "30 days to return".into(),
            returns_path: "/s/tidal-kiln/policies/returns".into(),
            tax: "incl. 19 % VAT".into(),
            checkout_path: "/s/tidal-kiln/checkout".into(),
            facts: [("Holds", "320 ml"), ("Height", "96 mm, ± 4"), ("Clay", "Dark stoneware from the Westerwald"), ("Care", "Dishwasher, no microwave")]
                .map(|(name, value)| Fact { name: name.into(), value: value.into() })
                .into(),
            seen: Some(SeenIn { clip: ClipCard::samples().remove(0), moment }),
            more,
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
