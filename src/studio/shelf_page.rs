//! What lies on the shelf of a product against what is promised of it: where a helper writes down a count, and sees whose pieces are missing.

use super::field::{Field, Problem as Wrong, refusable};
use super::frame::{Frame, Section};
use super::settings_shop_page::After;
use super::typed::Typed;
use super::when::When;
use crate::app::App;
use crate::catalog::{self, Product, Variant};
use crate::db::{LaneKey, Tx};
use crate::fulfilment::{self, Affected, Count, MORE_THAN_SET_ASIDE, Promise, Shelf};
use crate::http::{Form, Path, Problem, Query, page, redirect};
use crate::identity::{Analyst, Packer, Shop, Staff, shop};
use crate::kernel::{Error, Kind, LocationId, ProductId, Result as Done, Time, VariantId, words};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

/// A promise that cannot be kept as it stands.
pub struct AffectedRow {
    /// "Order 1044", or "A checkout that is not paid".
    pub who: String,
    /// Empty for a checkout: it ends by itself.
    pub link: String,
    /// "1 of 2 pieces".
    pub missing: String,
    pub since: When,
    /// "Until 14:10": when a reservation ends; empty for an order.
    pub until: String,
}

/// A variant's pieces at one place.
pub struct ShelfRow {
    /// What is counted: the variant, and the place if there are several.
    pub name: String,
    pub variant: String,
    /// The id of its field.
    pub input: String,
    /// Empty: the shop's first place.
    pub location: String,
    /// "9 pieces should lie here: 4 left, 2 in checkouts, 3 sold and not sent."
    pub says: String,
    pub counted: Field,
    /// "2 pieces are missing"; empty when none.
    pub short: String,
    pub affected: Vec<AffectedRow>,
}

#[derive(Template)]
#[template(path = "studio/shelf.html")]
pub struct ShelfPage {
    pub frame: Frame,
    pub here: String,
    pub product_link: String,
    pub title: String,
    pub shelves: Vec<ShelfRow>,
    pub can_count: bool,
    pub problems: Vec<Wrong>,
}

/// What the page reads, in one snapshot.
struct Desk {
    shop: Shop,
    product: Product,
    variants: Vec<(Variant, Vec<Shelf>)>,
    now: Time,
}

fn read(tx: &mut Tx<'_>, staff: &Staff, id: ProductId) -> Done<Desk> {
    let shop = shop(tx, staff.shop)?;
    let product = catalog::find(tx, shop.id, id)?.ok_or_else(|| Error::not_found("product"))?;
    let mut variants = Vec::new();
    for variant in catalog::variants(tx, shop.id, id, shop.currency)? {
        let shelves = fulfilment::shelves(tx, shop.id, variant.id)?;
        variants.push((variant, shelves));
    }
    Ok(Desk {
        product,
        variants,
        now: tx.now(),
        shop,
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
    let mut shown = ShelfPage::of(&desk, &staff);
    shown.frame = shown.frame.after(after.done.as_deref());
    page(&shown)
}

/// Writes a count down, or comes back with what was typed.
pub async fn count(
    State(app): State<App>,
    staff: Packer,
    Path((_, id)): Path<(String, ProductId)>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let (who, given) = (staff.0.clone(), typed.clone());
    let (counted, desk) = app
        .db
        .write(LaneKey::of(staff.shop), move |tx| {
            let counted = refusable(write_down(tx, &who, id, &given))?;
            Ok((counted, read(tx, &who, id)?))
        })
        .await?;
    let mut shown = ShelfPage::of(&desk, &staff);
    match counted {
        Ok(()) => Ok(redirect(&format!("{}?done=counted", shown.here))),
        Err(error) => {
            debug_assert_eq!(error.kind, Kind::Invalid);
            shown.keep(&typed, &error);
            page(&shown)
        }
    }
}

fn write_down(tx: &mut Tx<'_>, staff: &Staff, id: ProductId, typed: &Typed) -> Done<()> {
    let variant: VariantId = typed.id("variant").ok_or_else(|| Error::not_found("variant"))?;
    if catalog::product_of(tx, staff.shop, variant)?.is_none_or(|product| product.id != id) {
        return Err(Error::not_found("variant"));
    }
    let location: Option<LocationId> = typed.id("location");
    let lying = typed.one("counted").parse();
    let lying = lying.map_err(|_| Error::field("/counted", "A whole number, such as 12."))?;
    match fulfilment::count(tx, staff.shop, variant, location, lying)? {
        Count::Counted(_) => Ok(()),
        Count::NoSuchPlace => Err(Error::not_found("place")),
        Count::MoreThanSetAside => Err(Error::field("/counted", MORE_THAN_SET_ASIDE)),
    }
}

impl AffectedRow {
    fn of(affected: &Affected, base: &str, now: Time) -> Self {
        let (who, link, until) = match &affected.promise {
            Promise::Line { order, number, .. } => (
                format!("Order {number}"),
                format!("{base}/orders/{order}"),
                String::new(),
            ),
            Promise::Checkout { expires_at, .. } => (
                "A checkout that has not paid".into(),
                String::new(),
                format!(
                    "It ends {} if nobody pays.",
                    words::relative((*expires_at).max(now), now)
                ),
            ),
        };
        Self {
            who,
            link,
            missing: format!("{} of {}", affected.short, pieces(affected.units)),
            since: When::of(affected.since, now),
            until,
        }
    }
}

/// The id of the field of a row.
fn input_of(at: usize) -> String {
    format!("count-{}", at + 1)
}

fn number(shelves: &mut [ShelfRow]) {
    for (at, row) in shelves.iter_mut().enumerate() {
        row.input = input_of(at);
    }
}

fn pieces(units: i64) -> String {
    words::count(units.unsigned_abs(), "piece", "pieces")
}

impl ShelfRow {
    fn of(name: String, shelf: &Shelf, base: &str, now: Time) -> Self {
        let promised = [
            (shelf.left, "left"),
            (shelf.in_checkouts, "in checkouts"),
            (shelf.waiting, "sold and not sent"),
        ];
        let parts: Vec<String> = promised
            .iter()
            .filter(|(units, _)| *units > 0)
            .map(|(units, what)| format!("{units} {what}"))
            .collect();
        let says = match (shelf.short > 0, parts.is_empty()) {
            (_, true) => "Nothing should lie here.".into(),
            (false, false) => format!("{} should lie here: {}.", pieces(shelf.lying()), parts.join(", ")),
            (true, false) => format!("Counted: {}. Promised: {}.", shelf.lying(), parts.join(", ")),
        };
        Self {
            name,
            variant: shelf.variant.to_string(),
            input: String::new(),
            location: shelf.location.to_string(),
            says,
            counted: Field::default(),
            short: match shelf.short {
                0 => String::new(),
                1 => "1 piece is missing".into(),
                short => format!("{} are missing", pieces(short)),
            },
            affected: shelf
                .affected
                .iter()
                .map(|affected| AffectedRow::of(affected, base, now))
                .collect(),
        }
    }

    /// Of a variant that was never counted.
    fn blank(name: String, variant: &Variant) -> Self {
        Self {
            name,
            variant: variant.id.to_string(),
            input: String::new(),
            location: String::new(),
            says: "Nothing of it was ever counted.".into(),
            counted: Field::default(),
            short: String::new(),
            affected: Vec::new(),
        }
    }
}

impl ShelfPage {
    fn of(desk: &Desk, staff: &Staff) -> Self {
        let title = desk.product.title.clone();
        let frame = Frame::of(&desk.shop, staff, Section::Products, &title);
        let product_link = format!("{}/{}", frame.to(&Section::Products), desk.product.id);
        let base = format!("/studio/{}", desk.shop.slug);
        let mut shelves = Vec::new();
        for (variant, found) in &desk.variants {
            let own = match variant.title.as_str() {
                "" => title.clone(),
                own => own.to_owned(),
            };
            if found.is_empty() {
                shelves.push(ShelfRow::blank(own.clone(), variant));
            }
            for shelf in found {
                let name = match found.len() {
                    1 => own.clone(),
                    _ => format!("{own} · {}", shelf.name),
                };
                shelves.push(ShelfRow::of(name, shelf, &base, desk.now));
            }
        }
        number(&mut shelves);
        Self {
            here: format!("{product_link}/shelf"),
            product_link,
            title,
            shelves,
            can_count: staff.role.may_pack(),
            problems: Vec::new(),
            frame,
        }
    }

    /// Back with what was typed, beside what is wrong with it.
    fn keep(&mut self, typed: &Typed, error: &Error) {
        let (variant, location) = (typed.one("variant"), typed.one("location"));
        let typed_at = (self.shelves.iter()).position(|row| row.variant == variant && row.location == location);
        let at = typed_at.unwrap_or(0);
        if let Some(row) = self.shelves.get_mut(at) {
            let said = error.fields.first().map_or(&error.detail, |field| &field.detail);
            row.counted = Field::wrong(typed.one("counted"), said);
        }
        let input = input_of(at);
        let places = ["/counted", "/left", "/on_hand"].map(|pointer| (pointer, input.as_str(), "Counted"));
        self.problems = Wrong::all(error, &places);
    }

    pub fn sample() -> Self {
        let product_link = "/studio/nour/products/prd_01jd3t0a1b2c3d4e5f6g7h8j9k";
        let affected = |who: &str, link: &str, missing: &str, since: &str, until: &str| AffectedRow {
            who: who.into(),
            link: link.into(),
            missing: missing.into(),
            since: When::new(since, "21 November 2026, 14:06", "2026-11-21T14:06:00Z"),
            until: until.into(),
        };
        let row = |name: &str, says: &str| ShelfRow {
            name: name.into(),
            variant: "var_01jd3t0a1b2c3d4e5f6g7h8j9m".into(),
            input: String::new(),
            location: "loc_01jd3t0a1b2c3d4e5f6g7h8j9n".into(),
            says: says.into(),
            counted: Field::default(),
            short: String::new(),
            affected: Vec::new(),
        };
        let mut page = Self {
            frame: Frame::sample(Section::Products, "Ash glaze mug"),
            here: format!("{product_link}/shelf"),
            product_link: product_link.into(),
            title: "Ash glaze mug".into(),
            shelves: vec![
                ShelfRow {
                    short: "2 pieces are missing".into(),
                    affected: vec![
                        affected(
                            "A checkout that has not paid",
                            "",
                            "1 of 1 piece",
                            "2 min ago",
                            "It ends in 8 min if nobody pays.",
                        ),
                        affected(
                            "Order 1044",
                            "/studio/nour/orders/ord_01jd4a1b2c3d4e5f6g7h8j9k0n",
                            "1 of 2 pieces",
                            "40 min ago",
                            "",
                        ),
                    ],
                    ..row(
                        "Blue · Studio",
                        "Counted: 3. Promised: 1 in checkouts, 4 sold and not sent.",
                    )
                },
                row(
                    "Blue · Saturday drop",
                    "6 pieces should lie here: 5 left, 1 sold and not sent.",
                ),
                row("Sand", "Nothing should lie here."),
            ],
            can_count: true,
            problems: Vec::new(),
        };
        number(&mut page.shelves);
        page
    }

    pub fn refused() -> Self {
        let mut page = Self::sample();
        page.shelves[1].counted = Field::wrong("nine", "A whole number, such as 12.");
        page.problems = vec![Wrong::new("count-2", "Counted: A whole number, such as 12.")];
        page
    }
}
