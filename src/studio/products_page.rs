//! The list of products: what is sold, how many are left, and which ones nobody can see.

use crate::app::App;
use crate::catalog::{self, ProductState};
use crate::http::{Problem, Query, page};
use crate::identity::{Analyst, shop};
use crate::inventory;
use crate::kernel::{ProductId, Result, words};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::field::Choice;
use super::frame::{Chip, Frame, Section, Tone};
use super::product_page::state;

pub struct ProductRow {
    pub title: String,
    pub link: String,
    pub image: Option<String>,
    pub state: Chip,
    /// "2 variants", or the SKU when there is one.
    pub variants: String,
    /// "€28.00" or "€28.00 – €34.00".
    pub price: String,
    pub left: String,
    pub left_tone: Tone,
    /// "2 in checkouts"; empty when none.
    pub in_checkouts: String,
}

#[derive(Template)]
#[template(path = "studio/products.html")]
pub struct ProductsPage {
    pub frame: Frame,
    /// The shop has products, whether or not one fits the search.
    pub any: bool,
    pub search: String,
    pub filters: Vec<Choice>,
    pub products: Vec<ProductRow>,
    pub next: Option<String>,
}

/// What the page may be asked for.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    state: String,
    #[serde(default)]
    search: String,
    after: Option<ProductId>,
}

/// Products a page.
const PRODUCTS: i64 = 100;
/// From here on a creator should look at the shelf.
const LOW: i64 = 3;

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Query(asked): Query<Asked>,
) -> std::result::Result<Response, Problem> {
    let (id, after) = (staff.shop, asked.after);
    let (shop, list) = app
        .db
        .read(move |tx| {
            let shop = shop(tx, id)?;
            let list = catalog::list(tx, id, after, PRODUCTS)?;
            let next = list.next;
            let products = list
                .data
                .into_iter()
                .map(|product| {
                    let variants = catalog::variants(tx, id, product.id, shop.currency)?;
                    let mut stock = inventory::Availability::default();
                    for variant in &variants {
                        let of = inventory::availability(tx, variant.id)?;
                        stock.left += of.left;
                        stock.in_checkouts += of.in_checkouts;
                    }
                    Ok((product, variants, stock))
                })
                .collect::<Result<Vec<_>>>()?;
            Ok((shop, (products, next)))
        })
        .await?;
    let frame = Frame::of(&shop, &staff, Section::Products, "Products");
    let base = frame.to(&Section::Products);
    let (products, next) = list;
    let fits = |wanted: &str, product: &catalog::Product, stock: &inventory::Availability| match wanted {
        "low" => product.state == ProductState::Active && stock.left <= LOW,
        "" => product.state != ProductState::Archived,
        other => product.state.word() == other,
    };
    let filter = |value: &str, label: &str| {
        let count = products
            .iter()
            .filter(|(product, _, stock)| fits(value, product, stock))
            .count();
        Choice {
            chosen: asked.state == value,
            ..Choice::new(value, &format!("{label} {count}"))
        }
    };
    let filters = vec![
        filter("", "All"),
        filter("active", "For sale"),
        filter("low", "Low stock"),
        filter("draft", "Draft"),
        filter("archived", "Archived"),
    ];
    let wanted = asked.search.trim().to_lowercase();
    let found = |product: &catalog::Product, variants: &[catalog::Variant]| {
        wanted.is_empty()
            || product.title.to_lowercase().contains(&wanted)
            || variants
                .iter()
                .any(|variant| variant.sku.to_lowercase().contains(&wanted))
    };
    let rows = products
        .iter()
        .filter(|(product, variants, stock)| fits(&asked.state, product, stock) && found(product, variants))
        .map(|(product, variants, stock)| ProductRow::of(&base, product, variants, stock))
        .collect();
    page(&ProductsPage {
        any: !products.is_empty(),
        search: asked.search,
        filters,
        products: rows,
        next: next.map(|next| format!("{base}?after={next}")),
        frame,
    })
}

impl ProductRow {
    fn of(
        base: &str,
        product: &catalog::Product,
        variants: &[catalog::Variant],
        stock: &inventory::Availability,
    ) -> Self {
        let prices: Vec<_> = variants.iter().filter_map(|variant| variant.price).collect();
        let least = prices.iter().min_by_key(|price| price.minor);
        let most = prices.iter().max_by_key(|price| price.minor);
        let price = match (least, most) {
            (Some(least), Some(most)) if least.minor == most.minor => words::money(*least),
            (Some(least), Some(most)) => format!("{} – {}", words::money(*least), words::money(*most)),
            _ => "No price yet".into(),
        };
        let tone = match stock.left {
            0 => Tone::Bad,
            left if left <= LOW => Tone::Warn,
            _ => Tone::Quiet,
        };
        Self {
            title: product.title.clone(),
            link: format!("{base}/{}", product.id),
            image: Some(product.image.clone()).filter(|image| !image.is_empty()),
            state: state(product),
            variants: match variants {
                [] => "No variant yet".into(),
                [only] => only.sku.clone(),
                many => words::count(many.len() as u64, "variant", "variants"),
            },
            price,
            left: stock.left.to_string(),
            left_tone: if product.state == ProductState::Active {
                tone
            } else {
                Tone::Quiet
            },
            in_checkouts: if stock.in_checkouts > 0 {
                format!("{} in checkouts", stock.in_checkouts)
            } else {
                String::new()
            },
        }
    }
}

impl ProductsPage {
    pub fn sample() -> Self {
        let row = |title: &str,
                   picture: &str,
                   state: Chip,
                   variants: &str,
                   price: &str,
                   left: (&str, Tone),
                   in_checkouts: &str| ProductRow {
            title: title.into(),
            link: "/studio/nour/products/prd_01jd3t0a1b2c3d4e5f6g7h8j9k".into(),
            image: Some(format!("/media/sample-{picture}.jpg")),
            state,
            variants: variants.into(),
            price: price.into(),
            left: left.0.into(),
            left_tone: left.1,
            in_checkouts: in_checkouts.into(),
        };
        let selling = || Chip::new(Tone::Ok, "For sale");
        Self {
            frame: Frame::sample(Section::Products, "Products"),
            any: true,
            search: String::new(),
            filters: vec![
                Choice::chosen("", "All 6"),
                Choice::new("selling", "For sale 4"),
                Choice::new("low", "Low stock 2"),
                Choice::new("draft", "Draft 1"),
                Choice::new("archived", "Archived 1"),
            ],
            products: vec![
                row(
                    "Ash glaze mug",
                    "mug",
                    selling(),
                    "2 variants",
                    "€28.00 – €34.00",
                    ("3", Tone::Warn),
                    "2 in checkouts",
                ),
                row(
                    "Salad bowl",
                    "bowl",
                    selling(),
                    "NC-BOWL-1",
                    "€38.00",
                    ("14", Tone::Quiet),
                    "",
                ),
                row(
                    "Serving plate",
                    "plate",
                    selling(),
                    "3 variants",
                    "€48.00 – €72.00",
                    ("9", Tone::Quiet),
                    "1 in checkouts",
                ),
                row(
                    "Tea strainer",
                    "tea",
                    selling(),
                    "NC-STR-1",
                    "€14.00",
                    ("41", Tone::Quiet),
                    "",
                ),
                row(
                    "Glaze notebook (PDF)",
                    "glaze",
                    Chip::new(Tone::Quiet, "Draft"),
                    "NC-PDF-1",
                    "€9.00",
                    ("No limit", Tone::Quiet),
                    "",
                ),
                row(
                    "Kiln-opening ticket, October",
                    "kiln",
                    Chip::new(Tone::Quiet, "Archived"),
                    "NC-TIX-10",
                    "€12.00",
                    ("0", Tone::Bad),
                    "",
                ),
            ],
            next: None,
        }
    }

    pub fn empty() -> Self {
        Self {
            frame: Frame::sample_first_day(Section::Products, "Products"),
            any: false,
            search: String::new(),
            filters: Vec::new(),
            products: Vec::new(),
            next: None,
        }
    }
}
