//! schema.org for search engines, generated from the same anchors and quotes the page shows.
//!
//! The markup stands in a `<script type="application/ld+json">` data block. A product title is staff's text, so the JSON is escaped until it
//! can neither close the element nor open a comment.

use serde::Serialize;

/// JSON that is safe to write into a script element as it stands.
pub struct Markup(String);

impl Markup {
    pub fn new(things: &[Thing]) -> Self {
        #[derive(Serialize)]
        struct Graph<'a> {
            #[serde(rename = "@context")]
            context: &'static str,
            #[serde(rename = "@graph")]
            graph: &'a [Thing],
        }
        let graph = Graph {
            context: "https://schema.org",
            graph: things,
        };
        // Strings, numbers and lists only: there is no value here that JSON cannot say.
        let json = serde_json::to_string(&graph).expect("structured data is plain JSON");
        Self(escape(&json))
    }

    /// For pages that are nobody's search result.
    pub fn none() -> Self {
        Self(String::new())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `<`, `>` and `&` could end the element or start a comment; U+2028 and U+2029 end a line in old script parsers. All of them only ever
/// occur inside JSON strings, where the `\u` form means the same.
fn escape(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => safe.push_str("\\u003c"),
            '>' => safe.push_str("\\u003e"),
            '&' => safe.push_str("\\u0026"),
            '\u{2028}' => safe.push_str("\\u2028"),
            '\u{2029}' => safe.push_str("\\u2029"),
            other => safe.push(other),
        }
    }
    safe
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum Thing {
    Organization(Organization),
    Breadcrumbs(BreadcrumbList),
    Video(Box<VideoObject>),
    Product(Box<Product>),
}

#[derive(Serialize)]
#[serde(tag = "@type")]
pub struct Organization {
    pub name: String,
    pub url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
}

#[derive(Serialize)]
#[serde(tag = "@type", rename_all = "camelCase")]
pub struct BreadcrumbList {
    item_list_element: Vec<ListItem>,
}

#[derive(Serialize)]
#[serde(tag = "@type")]
struct ListItem {
    position: usize,
    name: String,
    item: String,
}

impl BreadcrumbList {
    /// Name and absolute address of each step, the shop first.
    pub fn new<'a>(steps: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let item = |(index, (name, url)): (usize, (&str, &str))| ListItem {
            position: index + 1,
            name: name.into(),
            item: url.into(),
        };
        Self {
            item_list_element: steps.into_iter().enumerate().map(item).collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "@type", rename_all = "camelCase")]
pub struct VideoObject {
    pub name: String,
    pub description: String,
    pub url: String,
    pub thumbnail_url: Vec<String>,
    /// RFC 3339 with a zone.
    pub upload_date: String,
    /// ISO 8601, see [`duration`].
    pub duration: String,
    pub content_url: String,
    pub in_language: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub transcript: String,
    pub has_part: Vec<Clip>,
    pub potential_action: SeekToAction,
}

/// A named part of a video. One anchor is one part, so a search result can open the clip at the second a product is shown.
#[derive(Serialize)]
#[serde(tag = "@type", rename_all = "camelCase")]
pub struct Clip {
    pub name: String,
    pub start_offset: u64,
    pub end_offset: u64,
    pub url: String,
}

#[derive(Serialize)]
#[serde(tag = "@type")]
pub struct SeekToAction {
    target: String,
    #[serde(rename = "startOffset-input")]
    start_offset_input: &'static str,
}

impl SeekToAction {
    /// `page` is the clip page without a query.
    pub fn on(page: &str) -> Self {
        Self {
            target: format!("{page}?t={{seek_to_second_number}}"),
            start_offset_input: "required name=seek_to_second_number",
        }
    }
}

/// ISO 8601 duration of so many milliseconds, rounded up to a second because zero is not a length.
pub fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds.div_ceil(1000).max(1);
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("PT{seconds}S"),
        (minutes, 0) => format!("PT{minutes}M"),
        (minutes, seconds) => format!("PT{minutes}M{seconds}S"),
    }
}

#[derive(Serialize)]
#[serde(tag = "@type")]
pub struct Product {
    pub name: String,
    pub description: String,
    pub url: String,
    pub image: Vec<String>,
    pub sku: String,
    pub brand: Brand,
    pub offers: Vec<Offer>,
}

#[derive(Serialize)]
#[serde(tag = "@type")]
pub struct Brand {
    pub name: String,
}

#[derive(Serialize)]
#[serde(tag = "@type", rename_all = "camelCase")]
pub struct Offer {
    pub name: String,
    pub sku: String,
    pub url: String,
    /// A decimal number with a point, in major units: "38.00".
    pub price: String,
    pub price_currency: String,
    pub availability: Stock,
    pub item_condition: Condition,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shipping_details: Vec<OfferShippingDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_merchant_return_policy: Option<MerchantReturnPolicy>,
}

#[derive(Clone, Copy, Serialize)]
pub enum Stock {
    #[serde(rename = "https://schema.org/InStock")]
    InStock,
    #[serde(rename = "https://schema.org/LimitedAvailability")]
    Limited,
    #[serde(rename = "https://schema.org/PreOrder")]
    PreOrder,
    #[serde(rename = "https://schema.org/SoldOut")]
    SoldOut,
}

#[derive(Clone, Copy, Serialize)]
pub enum Condition {
    #[serde(rename = "https://schema.org/NewCondition")]
    New,
}

/// What one delivery method costs to one country, and how long it takes.
#[derive(Clone, Serialize)]
#[serde(tag = "@type", rename_all = "camelCase")]
pub struct OfferShippingDetails {
    pub shipping_rate: MonetaryAmount,
    pub shipping_destination: DefinedRegion,
    pub delivery_time: ShippingDeliveryTime,
}

#[derive(Clone, Serialize)]
#[serde(tag = "@type")]
pub struct MonetaryAmount {
    pub value: String,
    pub currency: String,
}

#[derive(Clone, Serialize)]
#[serde(tag = "@type", rename_all = "camelCase")]
pub struct DefinedRegion {
    pub address_country: String,
}

#[derive(Clone, Serialize)]
#[serde(tag = "@type", rename_all = "camelCase")]
pub struct ShippingDeliveryTime {
    pub handling_time: QuantitativeValue,
    pub transit_time: QuantitativeValue,
}

/// A span of whole days.
#[derive(Clone, Serialize)]
#[serde(tag = "@type", rename_all = "camelCase")]
pub struct QuantitativeValue {
    min_value: u32,
    max_value: u32,
    unit_code: &'static str,
}

impl QuantitativeValue {
    pub fn days(least: u32, most: u32) -> Self {
        Self {
            min_value: least,
            max_value: most,
            unit_code: "DAY",
        }
    }
}

#[derive(Clone, Serialize)]
#[serde(tag = "@type", rename_all = "camelCase")]
pub struct MerchantReturnPolicy {
    applicable_country: Vec<String>,
    return_policy_category: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    merchant_return_days: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_fees: Option<&'static str>,
}

impl MerchantReturnPolicy {
    /// Sent back by post within so many days; the buyer pays the postage.
    pub fn within_days(days: u32, countries: Vec<String>) -> Self {
        Self {
            applicable_country: countries,
            return_policy_category: "https://schema.org/MerchantReturnFiniteReturnWindow",
            merchant_return_days: Some(days),
            return_method: Some("https://schema.org/ReturnByMail"),
            return_fees: Some("https://schema.org/ReturnFeesCustomerResponsibility"),
        }
    }

    pub fn none(countries: Vec<String>) -> Self {
        Self {
            applicable_country: countries,
            return_policy_category: "https://schema.org/MerchantReturnNotPermitted",
            merchant_return_days: None,
            return_method: None,
            return_fees: None,
        }
    }
}
