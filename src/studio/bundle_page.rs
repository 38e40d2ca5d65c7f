//! What a bundle is made of, what is given back when only a part of it comes back, and a worked example by the functions that price and refund it.

use super::field::{Choice, Problem as Wrong, refusable};
use super::frame::{Frame, Section};
use super::settings_shop_page::After;
use super::typed::Typed;
use crate::app::App;
use crate::catalog::{self, Bundle, BundlePart, KeepTheRest, Product, SetBundle, Variant, VariantState};
use crate::db::{LaneKey, Tx};
use crate::http::{Form, Path, Problem, Query, page, redirect};
use crate::identity::{Analyst, Creator, Shop, Staff, shop};
use crate::inventory;
use crate::kernel::{Error, Money, ProductId, Result as Done, VariantId, words};
use crate::offers::bundles_api::{self, HAS_STOCK, NESTED, NOT_FOR_SALE, SEVERAL_VARIANTS};
use crate::offers::{self, PutBundle};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

/// One row of what it is made of.
pub struct PartRow {
    pub variants: Vec<Choice>,
    pub quantity: String,
}

/// How the price is told apart, and what comes back.
pub struct Example {
    /// A part, what it costs alone, and its share of the bundle's price.
    pub parts: Vec<(String, String, String)>,
    pub alone: String,
    pub price: String,
    /// "Only 1 × Dune mug comes back: €28.33." for each part, by the policy that is chosen.
    pub back: Vec<String>,
}

#[derive(Template)]
#[template(path = "studio/bundle.html")]
pub struct BundlePage {
    pub frame: Frame,
    pub here: String,
    pub product_link: String,
    pub title: String,
    pub version: i64,
    /// "7 can be made of what is there"; empty while it is none.
    pub left: String,
    pub is_bundle: bool,
    pub rows: Vec<PartRow>,
    pub keep: Vec<Choice>,
    pub example: Option<Example>,
    pub can_change: bool,
    pub problems: Vec<Wrong>,
}

/// What the page reads, in one snapshot.
struct Desk {
    shop: Shop,
    product: Product,
    price: Option<Money>,
    left: i64,
    bundle: Option<Bundle>,
    /// What may be a part, by name.
    shelf: Vec<(String, Variant)>,
}

const PRODUCTS: i64 = 100;
const EMPTY_ROWS: usize = 3;
const ROWS_MAX: usize = 10;

fn read(tx: &mut Tx<'_>, staff: &Staff, id: ProductId) -> Done<Desk> {
    let shop = shop(tx, staff.shop)?;
    let product = catalog::find(tx, shop.id, id)?.ok_or_else(|| Error::not_found("product"))?;
    let own = catalog::variants(tx, shop.id, id, shop.currency)?;
    let bundle = catalog::bundle(tx, shop.id, id)?;
    let mut shelf = Vec::new();
    for other in catalog::list_active(tx, shop.id, None, PRODUCTS)?.data {
        if other.id == id || catalog::bundle(tx, shop.id, other.id)?.is_some() {
            continue;
        }
        for variant in catalog::variants(tx, shop.id, other.id, shop.currency)? {
            if variant.state == VariantState::Active && variant.price.is_some() {
                let name = match variant.title.as_str() {
                    "" => other.title.clone(),
                    title => format!("{} · {title}", other.title),
                };
                shelf.push((name, variant));
            }
        }
    }
    shelf.sort_by(|(one, _), (other, _)| one.cmp(other));
    let left = match own.first() {
        Some(variant) => inventory::availability(tx, variant.id)?.left,
        None => 0,
    };
    Ok(Desk {
        price: own.first().and_then(|variant| variant.price),
        shop,
        product,
        left,
        bundle,
        shelf,
    })
}

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Path((_, id)): Path<(String, ProductId)>,
    Query(after): Query<After>,
) -> Result<Response, Problem> {
    let who = staff.0.clone();
    let desk = app.db.read(move |tx| read(tx, &who, id)).await?;
    let mut bundle = BundlePage::of(&desk, &staff);
    bundle.frame = bundle.frame.after(after.done.as_deref());
    page(&bundle)
}

/// Saves what it is made of, or only works out an example.
pub async fn save(
    State(app): State<App>,
    creator: Creator,
    Path((_, id)): Path<(String, ProductId)>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let (who, given) = (creator.0.clone(), typed.clone());
    let (put, desk) = app
        .db
        .write(LaneKey::of(creator.shop), move |tx| {
            let put = match given.one("do") {
                "example" => Ok(None),
                _ => refusable(put(tx, &who, id, &given))?.map(Some),
            };
            Ok((put, read(tx, &who, id)?))
        })
        .await?;
    let mut shown = BundlePage::of(&desk, &creator);
    let why = match put {
        Ok(Some(PutBundle::Done(SetBundle::Set(..) | SetBundle::Dissolved(_)))) => {
            return Ok(redirect(&format!("{}?done=saved", shown.here)));
        }
        Ok(Some(PutBundle::Done(SetBundle::NotFound))) => return Err(Error::not_found("product").into()),
        Ok(Some(PutBundle::Done(SetBundle::Stale(_)))) => vec![Wrong::stale()],
        Ok(Some(PutBundle::HasStock)) => vec![Wrong::new("main", HAS_STOCK)],
        Ok(Some(PutBundle::Done(SetBundle::SeveralVariants))) => vec![Wrong::new("main", SEVERAL_VARIANTS)],
        Ok(Some(PutBundle::Done(SetBundle::NotForSale(_)))) => vec![Wrong::new("parts", NOT_FOR_SALE)],
        Ok(Some(PutBundle::Done(SetBundle::Nested(_)))) => vec![Wrong::new("parts", NESTED)],
        Ok(None) => Vec::new(),
        Err(error) => Wrong::all(&error, &[("/parts", "parts", "Parts")]),
    };
    let (keep, parts) = (keep_of(&typed), parts_of(&typed).unwrap_or_default());
    shown.rows = rows(&desk, &parts);
    shown.keep = keeps(keep);
    shown.example = example(&desk, keep, &parts);
    shown.problems = why;
    page(&shown)
}

fn put(tx: &mut Tx<'_>, staff: &Staff, id: ProductId, typed: &Typed) -> Done<PutBundle> {
    let of = (staff.shop, shop(tx, staff.shop)?.currency);
    let parts = match typed.one("do") {
        "dissolve" => Vec::new(),
        _ => parts_of(typed)?,
    };
    if parts.is_empty() && typed.one("do") != "dissolve" {
        return Err(Error::field("/parts", "Choose at least one part."));
    }
    bundles_api::put(tx, of, id, typed.version(), keep_of(typed), &parts)
}

fn keep_of(typed: &Typed) -> KeepTheRest {
    typed.one("keep").parse().unwrap_or(KeepTheRest::Prorate)
}

/// The rows that name a part. Errors: `invalid_field`.
fn parts_of(typed: &Typed) -> Done<Vec<BundlePart>> {
    let mut parts = Vec::new();
    for (at, variant) in typed.all("variant").enumerate() {
        let Ok(variant) = variant.parse::<VariantId>() else {
            continue;
        };
        let wrong = |_| Error::field("/parts", "Write how many of it as a whole number.");
        let quantity = match typed.row("quantity", at) {
            "" => 1,
            text => text.parse().map_err(wrong)?,
        };
        parts.push(BundlePart { variant, quantity });
    }
    Ok(parts)
}

fn rows(desk: &Desk, parts: &[BundlePart]) -> Vec<PartRow> {
    let row = |part: Option<&BundlePart>| {
        let mut variants = vec![Choice::new("", "Nothing")];
        variants.extend(desk.shelf.iter().map(|(name, variant)| Choice {
            chosen: part.is_some_and(|part| part.variant == variant.id),
            ..Choice::new(&variant.id.to_string(), name)
        }));
        PartRow {
            variants,
            quantity: part.map_or_else(String::new, |part| part.quantity.to_string()),
        }
    };
    let empty = EMPTY_ROWS.min(ROWS_MAX.saturating_sub(parts.len()));
    parts
        .iter()
        .map(Some)
        .chain(std::iter::repeat_n(None, empty))
        .map(row)
        .collect()
}

fn keeps(chosen: KeepTheRest) -> Vec<Choice> {
    let label = |keep: KeepTheRest| match keep {
        KeepTheRest::Prorate => "What was paid for it: its share of the bundle",
        KeepTheRest::Reprice => "The bundle's price, less what the kept parts cost alone",
        KeepTheRest::None => "Nothing: the bundle goes back whole or not at all",
    };
    let choice = |keep: &KeepTheRest| Choice {
        chosen: *keep == chosen,
        ..Choice::new(keep.word(), label(*keep))
    };
    KeepTheRest::ALL.iter().map(choice).collect()
}

/// What a bundle of these parts comes to, as the shop shows prices.
fn example(desk: &Desk, keep: KeepTheRest, parts: &[BundlePart]) -> Option<Example> {
    let price = desk.price?;
    let mut named = Vec::new();
    for part in parts {
        let (name, variant) = desk.shelf.iter().find(|(_, variant)| variant.id == part.variant)?;
        let alone = variant.price?.times(part.quantity).ok()?.minor;
        named.push((format!("{} × {name}", part.quantity), alone, part.quantity));
    }
    if named.is_empty() {
        return None;
    }
    let alone: Vec<i64> = named.iter().map(|(_, alone, _)| *alone).collect();
    let quantities: Vec<u32> = named.iter().map(|(_, _, quantity)| *quantity).collect();
    let shares = offers::shares(price.minor, &alone, &quantities);
    let money = |minor: i64| words::money(Money::new(minor, price.currency));
    let whole: i64 = alone.iter().sum();
    let back = named.iter().zip(&shares).map(|((name, alone, _), share)| match keep {
        KeepTheRest::Prorate => format!("Only {name} comes back: {} go back.", money(*share)),
        KeepTheRest::Reprice => {
            let due = (price.minor - (whole - alone)).max(0);
            format!("Only {name} comes back: {} go back.", money(due))
        }
        KeepTheRest::None => format!("Only {name} comes back: refused."),
    });
    let mut back: Vec<String> = back.collect();
    back.push(format!(
        "All of it comes back, at once or piece by piece: {} go back.",
        money(price.minor)
    ));
    Some(Example {
        parts: named
            .iter()
            .zip(&shares)
            .map(|((name, alone, _), share)| (name.clone(), money(*alone), money(*share)))
            .collect(),
        alone: money(whole),
        price: money(price.minor),
        back,
    })
}

impl BundlePage {
    fn of(desk: &Desk, staff: &Staff) -> Self {
        let title = desk.product.title.clone();
        let frame = Frame::of(&desk.shop, staff, Section::Products, &title);
        let product_link = format!("{}/{}", frame.to(&Section::Products), desk.product.id);
        let parts = desk.bundle.as_ref().map_or(&[][..], |bundle| &bundle.parts);
        let keep = desk
            .bundle
            .as_ref()
            .map_or(KeepTheRest::Prorate, |bundle| bundle.keep_the_rest);
        Self {
            here: format!("{product_link}/bundle"),
            product_link,
            title,
            version: desk.product.version,
            left: match desk.bundle {
                Some(_) => format!("{} can be made of what is there", desk.left.max(0)),
                None => String::new(),
            },
            is_bundle: desk.bundle.is_some(),
            rows: rows(desk, parts),
            keep: keeps(keep),
            example: example(desk, keep, parts),
            can_change: staff.role.may_create(),
            problems: Vec::new(),
            frame,
        }
    }

    pub fn sample() -> Self {
        let row = |chosen: &str, quantity: &str| {
            let choice = |value: &str, label: &str| Choice {
                chosen: value == chosen,
                ..Choice::new(value, label)
            };
            PartRow {
                variants: vec![
                    choice("", "Nothing"),
                    choice("var_1", "Dune mug · Tide"),
                    choice("var_2", "Slow dripper"),
                ],
                quantity: quantity.into(),
            }
        };
        let part = |name: &str, alone: &str, share: &str| (name.to_owned(), alone.to_owned(), share.to_owned());
        Self {
            frame: Frame::sample(Section::Products, "Morning set"),
            here: "/studio/nour/products/prd_01jd4a1b2c3d4e5f6g7h8j1044/bundle".into(),
            product_link: "/studio/nour/products/prd_01jd4a1b2c3d4e5f6g7h8j1044".into(),
            title: "Morning set".into(),
            version: 4,
            left: "7 can be made of what is there".into(),
            is_bundle: true,
            rows: vec![row("var_1", "2"), row("var_2", "1"), row("", "")],
            keep: keeps(KeepTheRest::Prorate),
            example: Some(Example {
                parts: vec![
                    part("2 × Dune mug · Tide", "€68.00", "€55.64"),
                    part("1 × Slow dripper", "€42.00", "€34.36"),
                ],
                alone: "€110.00".into(),
                price: "€90.00".into(),
                back: vec![
                    "Only 2 × Dune mug · Tide comes back: €55.64 go back.".into(),
                    "Only 1 × Slow dripper comes back: €34.36 go back.".into(),
                    "All of it comes back, at once or piece by piece: €90.00 go back.".into(),
                ],
            }),
            can_change: true,
            problems: Vec::new(),
        }
    }

    pub fn sample_blank() -> Self {
        Self {
            left: String::new(),
            is_bundle: false,
            example: None,
            ..Self::sample()
        }
    }
}
