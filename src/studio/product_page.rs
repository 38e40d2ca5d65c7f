//! One product: what it is, its variants with price and stock, and who earns from it.

use crate::app::App;
use crate::catalog::{
    self, AddVariant, Create, Edit, Kind, NewProduct, NewVariant, Product, ProductEdit, ProductState, SetPrice,
    TaxCategory, VariantEdit,
};
use crate::db::{LaneKey, Tx};
use crate::http::{Form, NewId, Path, Problem as Refused, page, redirect};
use crate::identity::{Analyst, Creator, Shop, Staff, shop};
use crate::inventory;
use crate::kernel::{Error, Kind as ErrorKind, Money, ProductId, Result, VariantId, words};
use crate::partners::{self, Assign, Contract};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::field::{Choice, Field, Problem};
use super::frame::{Chip, Frame, Section, Tone};
use super::typed::{Typed, amount};

/// One sellable option; a row of the inline table. Rows are sent as repeated fields in the same order.
#[derive(Default)]
pub struct VariantRow {
    /// Empty for a row that is not saved yet.
    pub id: String,
    pub title: Field,
    pub sku: Field,
    pub price: Field,
    /// Free to sell: what lies on the shelf beside what open checkouts hold.
    pub left: Field,
    /// What the page showed. Stock is only set when the field says something else, so that saving a title does not undo a sale.
    pub left_shown: String,
    /// "2 in checkouts"; empty when none.
    pub availability: String,
}

/// A clip in which this product is anchored.
pub struct InClip {
    pub title: String,
    pub link: String,
    pub poster: String,
    pub at: String,
}

#[derive(Template)]
#[template(path = "studio/product.html")]
pub struct ProductPage {
    pub frame: Frame,
    /// Zero for a product that is not saved yet.
    pub version: i64,
    pub state: Chip,
    pub page_url: String,
    /// Where it becomes a bundle; empty for a product that is not saved yet.
    pub bundle_link: String,
    /// Where a count of it is written down; empty likewise.
    pub shelf_link: String,
    pub title: Field,
    pub description: Field,
    pub kinds: Vec<Choice>,
    pub image: Option<String>,
    pub image_field: Field,
    pub currency: String,
    pub variants: Vec<VariantRow>,
    pub tax_categories: Vec<Choice>,
    pub contracts: Vec<Choice>,
    pub contract_link: String,
    /// Why it cannot be for sale yet; empty when it can.
    pub missing: Vec<String>,
    pub clips: Vec<InClip>,
    pub problems: Vec<Problem>,
}

/// What the page reads, in one snapshot.
struct Desk {
    shop: Shop,
    product: Option<Product>,
    variants: Vec<(catalog::Variant, inventory::Availability)>,
    contracts: Vec<Contract>,
}

/// Contracts in the menu.
const CONTRACTS: i64 = 100;

fn read(tx: &mut Tx<'_>, staff: &Staff, id: Option<ProductId>) -> Result<Desk> {
    let shop = shop(tx, staff.shop)?;
    let product = match id {
        Some(id) => Some(catalog::find(tx, shop.id, id)?.ok_or_else(|| Error::not_found("product"))?),
        None => None,
    };
    let mut variants = Vec::new();
    if let Some(id) = id {
        for variant in catalog::variants(tx, shop.id, id, shop.currency)? {
            let stock = inventory::availability(tx, variant.id)?;
            variants.push((variant, stock));
        }
    }
    let contracts = partners::contracts(tx, shop.id, None, CONTRACTS)?.data;
    Ok(Desk {
        shop,
        product,
        variants,
        contracts,
    })
}

pub async fn show_new(State(app): State<App>, staff: Creator) -> std::result::Result<Response, Refused> {
    let who = staff.0.clone();
    let desk = app.db.read(move |tx| read(tx, &who, None)).await?;
    page(&ProductPage::of(&desk, &staff))
}

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Path((_, id)): Path<(String, ProductId)>,
) -> std::result::Result<Response, Refused> {
    let who = staff.0.clone();
    let desk = app.db.read(move |tx| read(tx, &who, Some(id))).await?;
    page(&ProductPage::of(&desk, &staff))
}

pub async fn save_new(
    State(app): State<App>,
    staff: Creator,
    new_id: NewId,
    form: Form<Typed>,
) -> std::result::Result<Response, Refused> {
    keep(app, staff, None, new_id, form).await
}

pub async fn save(
    State(app): State<App>,
    staff: Creator,
    Path((_, id)): Path<(String, ProductId)>,
    new_id: NewId,
    form: Form<Typed>,
) -> std::result::Result<Response, Refused> {
    keep(app, staff, Some(id), new_id, form).await
}

/// Saves the product with its rows, all or nothing, or comes back with what was typed.
async fn keep(
    app: App,
    staff: Creator,
    id: Option<ProductId>,
    new_id: NewId,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Refused> {
    let (who, given) = (staff.0.clone(), typed.clone());
    let row_wanted = typed.one("do") == "add_row";
    if !row_wanted {
        let saved = app
            .db
            .write(LaneKey::of(staff.shop), move |tx| {
                let shop = shop(tx, who.shop)?;
                let id = match id {
                    Some(id) => id,
                    None => begin(tx, &shop, new_id.get(), &given)?,
                };
                let version = if given.version() == 0 { 1 } else { given.version() };
                update(tx, &shop, id, version, &given)?;
                Ok(format!("/studio/{}/products/{id}", shop.slug))
            })
            .await;
        match saved {
            Ok(place) => return Ok(redirect(&place)),
            // The refusal took everything back that was written before it.
            Err(error) if error.kind == ErrorKind::Invalid => {
                return again(&app, &staff, id, &typed, Some(&error)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    again(&app, &staff, id, &typed, None).await
}

async fn again(
    app: &App,
    staff: &Creator,
    id: Option<ProductId>,
    typed: &Typed,
    error: Option<&Error>,
) -> std::result::Result<Response, Refused> {
    let who = staff.0.clone();
    let desk = app.db.read(move |tx| read(tx, &who, id)).await?;
    let mut form = ProductPage::of(&desk, staff);
    form.keep(typed, error);
    if error.is_none() {
        form.variants.push(VariantRow::default());
    }
    page(&form)
}

/// Makes the product without its rows; they follow in the same command.
fn begin(tx: &mut Tx<'_>, shop: &Shop, id: ProductId, typed: &Typed) -> Result<ProductId> {
    let new = NewProduct {
        title: typed.one("title").into(),
        slug: None,
        description: typed.one("description").into(),
        kind: typed.id("kind").unwrap_or(Kind::Physical),
        tax_category: typed.id("tax_category").unwrap_or(TaxCategory::Standard),
        image: typed.one("image").into(),
        state: ProductState::Draft,
        variants: Vec::new(),
    };
    match catalog::create(tx, (shop.id, shop.currency), id, &new)? {
        Create::Created(product, _) => Ok(product.id),
        Create::SlugTaken | Create::SkuTaken(_) | Create::TooManyVariants | Create::NothingToSell => Err(Error::field(
            "/title",
            "Too many products have this name. Find another.",
        )),
    }
}

/// Order of refusals: stale, row by row, the contract, the product itself.
fn update(tx: &mut Tx<'_>, shop: &Shop, id: ProductId, version: i64, typed: &Typed) -> Result<()> {
    let current = |tx: &mut Tx<'_>| -> Result<i64> {
        Ok(catalog::find(tx, shop.id, id)?
            .ok_or_else(|| Error::not_found("product"))?
            .version)
    };
    if current(tx)? != version {
        return Err(stale());
    }
    for at in 0..typed.all("variant").count() {
        let version = current(tx)?;
        row(tx, shop, id, version, typed, at).map_err(|error| in_row(error, at))?;
    }
    let contract = typed.id("contract");
    let version = current(tx)?;
    if catalog::find(tx, shop.id, id)?.is_some_and(|product| product.contract != contract) {
        match partners::assign(tx, shop.id, id, version, contract)? {
            Assign::Assigned(_) => {}
            Assign::NoSuchContract => return Err(Error::field("/contract", "There is no such contract.")),
            Assign::NotFound => return Err(Error::not_found("product")),
            Assign::Stale(_) => return Err(stale()),
        }
    }
    let edit = ProductEdit {
        title: Some(typed.one("title").into()),
        description: Some(typed.one("description").into()),
        tax_category: typed.id("tax_category"),
        image: Some(typed.one("image").into()),
        state: match typed.one("do") {
            "sell" => Some(ProductState::Active),
            "take_down" => Some(ProductState::Draft),
            "archive" => Some(ProductState::Archived),
            _ => None,
        },
        slug: None,
    };
    let version = current(tx)?;
    edited(catalog::edit_product(tx, (shop.id, shop.currency), id, version, &edit)?)
}

/// One row: a variant that is new or changed, its price, and its stock if another count was typed.
fn row(tx: &mut Tx<'_>, shop: &Shop, product: ProductId, version: i64, typed: &Typed, at: usize) -> Result<()> {
    let [title, sku, price, left] = ["variant_title", "sku", "price", "left"].map(|name| typed.row(name, at));
    let known: Option<VariantId> = typed.row("variant", at).parse().ok();
    if known.is_none() && [title, sku, price, left].iter().all(|text| text.is_empty()) {
        return Ok(());
    }
    let price: Option<Money> = if price.is_empty() {
        None
    } else {
        Some(amount("/amount", price, shop.currency)?)
    };
    let id = match known {
        Some(id) => {
            let edit = VariantEdit {
                title: Some(title.into()),
                sku: Some(sku.into()),
                ..VariantEdit::default()
            };
            edited(catalog::edit_variant(tx, (shop.id, shop.currency), id, version, &edit)?)?;
            if let Some(price) = price
                && !matches!(catalog::set_price(tx, shop.id, id, None, price)?, SetPrice::Set { .. })
            {
                return Err(Error::not_found("variant"));
            }
            id
        }
        None => {
            let sku = Some(sku.to_owned()).filter(|sku| !sku.is_empty());
            let new = NewVariant {
                title: title.into(),
                sku,
                weight_grams: 0,
                price,
            };
            let id = tx.id();
            match catalog::add_variant(tx, (shop.id, shop.currency), product, id, &new)? {
                AddVariant::Added(variant) => variant.id,
                AddVariant::SkuTaken => return Err(Error::field("/sku", "Another variant has this SKU.")),
                AddVariant::TooManyVariants => {
                    return Err(Error::field("/title", "A product has at most 50 variants."));
                }
                AddVariant::NotFound => return Err(Error::not_found("product")),
            }
        }
    };
    if left != typed.row("left_shown", at) && !left.is_empty() {
        let free = left
            .parse()
            .map_err(|_| Error::field("/left", "A whole number, such as 12."))?;
        inventory::set_stock(tx, shop.id, id, None, free)?;
    }
    Ok(())
}

fn edited<T>(outcome: Edit<T>) -> Result<()> {
    match outcome {
        Edit::Edited(..) => Ok(()),
        Edit::NotFound => Err(Error::not_found("product")),
        Edit::Stale(_) => Err(stale()),
        Edit::SlugTaken => Err(Error::field("/title", "Another product has this address.")),
        Edit::SkuTaken => Err(Error::field("/sku", "Another variant has this SKU.")),
        Edit::NothingToSell => Err(Error::field(
            "/amount/0",
            "Before it is for sale, one variant needs a price.",
        )),
    }
}

/// A refusal without a field, so that it stands in the summary in its own words.
fn stale() -> Error {
    Error::invalid("stale", Problem::stale().detail)
}

/// The same refusal, pointing into row `at`.
fn in_row(mut error: Error, at: usize) -> Error {
    for field in &mut error.fields {
        field.pointer = format!("{}/{at}", field.pointer).into();
    }
    error
}

impl VariantRow {
    fn of((variant, stock): &(catalog::Variant, inventory::Availability)) -> Self {
        Self {
            id: variant.id.to_string(),
            title: Field::of(&variant.title),
            sku: Field::of(&variant.sku),
            price: Field::of(&variant.price.map(words::decimal).unwrap_or_default()),
            left: Field::of(&stock.left.to_string()),
            left_shown: stock.left.to_string(),
            availability: if stock.in_checkouts > 0 {
                format!("{} in checkouts", stock.in_checkouts)
            } else {
                String::new()
            },
        }
    }

    /// Row `at` as it was typed.
    fn typed(typed: &Typed, at: usize, error: &Error) -> Self {
        let field = |name: &str, pointer: &str| Field::judged(typed.row(name, at), error, &format!("{pointer}/{at}"));
        Self {
            id: typed.row("variant", at).into(),
            title: field("variant_title", "/title"),
            sku: field("sku", "/sku"),
            price: field("price", "/amount"),
            left: field("left", "/left"),
            left_shown: typed.row("left_shown", at).into(),
            availability: String::new(),
        }
    }
}

/// The state of a product in one or two words.
pub(super) fn state(product: &Product) -> Chip {
    match product.state {
        ProductState::Draft => Chip::new(Tone::Quiet, "Draft"),
        ProductState::Active => Chip::new(Tone::Ok, "For sale"),
        ProductState::Archived => Chip::new(Tone::Quiet, "Archived"),
    }
}

fn tax_categories(chosen: TaxCategory) -> Vec<Choice> {
    let words = |category: TaxCategory| match category {
        TaxCategory::Standard => "Standard",
        TaxCategory::Reduced => "Reduced: books, food and what else your country says",
        TaxCategory::Zero => "Not taxed",
    };
    TaxCategory::ALL
        .iter()
        .map(|category| Choice {
            chosen: chosen == *category,
            ..Choice::new(category.word(), words(*category))
        })
        .collect()
}

fn kinds(chosen: Kind) -> Vec<Choice> {
    let words = |kind: Kind| match kind {
        Kind::Physical => "Parcel: something you ship",
        Kind::Digital => "Digital: a file or a service",
    };
    Kind::ALL
        .iter()
        .map(|kind| Choice {
            chosen: chosen == *kind,
            ..Choice::new(kind.word(), words(*kind))
        })
        .collect()
}

impl ProductPage {
    fn of(desk: &Desk, staff: &Staff) -> Self {
        let product = desk.product.as_ref();
        let name = product.map_or("New product", |product| &product.title);
        let frame = Frame::of(&desk.shop, staff, Section::Products, name);
        let chosen = product.and_then(|product| product.contract);
        let contract = |contract: &Contract| Choice {
            chosen: chosen == Some(contract.id),
            ..Choice::new(
                &contract.id.to_string(),
                &format!("{} · version {}", contract.name, contract.version),
            )
        };
        let alone = Choice {
            chosen: chosen.is_none(),
            ..Choice::new("", "Only the shop")
        };
        let mut variants: Vec<VariantRow> = desk.variants.iter().map(VariantRow::of).collect();
        if variants.is_empty() {
            variants.push(VariantRow::default());
        }
        Self {
            version: product.map_or(0, |product| product.version),
            state: product.map_or(Chip::new(Tone::Quiet, "Draft"), state),
            bundle_link: product
                .map(|product| format!("/studio/{}/products/{}/bundle", desk.shop.slug, product.id))
                .unwrap_or_default(),
            shelf_link: product
                .map(|product| format!("/studio/{}/products/{}/shelf", desk.shop.slug, product.id))
                .unwrap_or_default(),
            page_url: product
                .map(|product| format!("/s/{}/products/{}", desk.shop.slug, product.slug))
                .unwrap_or_default(),
            title: Field::of(product.map_or("", |product| &product.title)),
            description: Field::of(product.map_or("", |product| &product.description)),
            kinds: kinds(product.map_or(Kind::Physical, |product| product.kind)),
            image: product
                .map(|product| product.image.clone())
                .filter(|image| !image.is_empty()),
            image_field: Field::default(),
            currency: desk.shop.currency.code().into(),
            variants,
            tax_categories: tax_categories(product.map_or(TaxCategory::Standard, |product| product.tax_category)),
            contracts: std::iter::once(alone)
                .chain(desk.contracts.iter().map(contract))
                .collect(),
            contract_link: chosen
                .map(|id| format!("{}/contracts/{id}", frame.to(&Section::Partners)))
                .unwrap_or_default(),
            missing: Vec::new(),
            clips: Vec::new(),
            problems: Vec::new(),
            frame,
        }
    }

    /// Keeps what was typed beside what is wrong with it.
    fn keep(&mut self, typed: &Typed, error: Option<&Error>) {
        let none = Error::invalid("kept", "");
        let judge = error.unwrap_or(&none);
        self.title = Field::judged(typed.one("title"), judge, "/title");
        self.description = Field::judged(typed.one("description"), judge, "/description");
        self.image = Some(typed.one("image").to_owned()).filter(|image| !image.is_empty());
        self.image_field = Field::judged("", judge, "/image");
        self.variants = (0..typed.all("variant").count())
            .map(|at| VariantRow::typed(typed, at, judge))
            .collect();
        let Some(error) = error else { return };
        // Which row is meant stands at the field; the summary names the first that is.
        let rows: Vec<(String, String, &str)> = (0..self.variants.len())
            .flat_map(|at| {
                let place = move |pointer: &str, input: &str, label| {
                    (format!("{pointer}/{at}"), format!("{input}-{}", at + 1), label)
                };
                [
                    place("/title", "variant-title", "Variant"),
                    place("/sku", "sku", "SKU"),
                    place("/amount", "price", "Price"),
                    place("/left", "left", "Left"),
                ]
            })
            .collect();
        let mut places = vec![
            ("/title", "title", "Name"),
            ("/description", "description", "Description"),
            ("/image", "image", "Picture"),
            ("/contract", "contract", "Who earns from it"),
        ];
        places.extend(
            rows.iter()
                .map(|(pointer, input, label)| (pointer.as_str(), input.as_str(), *label)),
        );
        self.problems = Problem::all(error, &places);
    }

    pub fn is_new(&self) -> bool {
        self.version == 0
    }

    pub fn sample() -> Self {
        Self {
            frame: Frame::sample(Section::Products, "Ash glaze mug"),
            version: 12,
            state: Chip::new(Tone::Ok, "For sale"),
            bundle_link: "/studio/nour/products/prd_01jd4a1b2c3d4e5f6g7h8j1044/bundle".into(),
            shelf_link: "/studio/nour/products/prd_01jd4a1b2c3d4e5f6g7h8j1044/shelf".into(),
            page_url: "/s/nour/products/ash-glaze-mug".into(),
            title: Field::of("Ash glaze mug"),
            description: Field::of(
                "Thrown on the wheel, glazed with ash from our own stove. Each one runs differently. Dishwasher yes, microwave yes, dropping no.",
            ),
            kinds: kinds(Kind::Physical),
            image: Some("/media/sample-mug.jpg".into()),
            image_field: Field::default(),
            currency: "EUR".into(),
            variants: vec![
                sample_variant(
                    "var_01jd3t1",
                    ["300 ml", "NC-MUG-300", "28.00", "5"],
                    "3 left, 2 in checkouts",
                ),
                sample_variant("var_01jd3t2", ["450 ml", "NC-MUG-450", "34.00", "12"], ""),
            ],
            tax_categories: tax_categories(TaxCategory::Standard),
            contracts: vec![
                Choice::chosen("ctr_studio", "Studio pieces · version 3"),
                Choice::new("ctr_solo", "Only me · version 1"),
            ],
            contract_link: "/studio/nour/partners/contracts/ctr_studio".into(),
            missing: Vec::new(),
            clips: vec![
                InClip {
                    title: "Three mugs from one lump".into(),
                    link: "/studio/nour/clips/clp_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
                    poster: "/media/sample-mug.jpg".into(),
                    at: "0:04.2 – 0:10.6".into(),
                },
                InClip {
                    title: "Why the glaze runs".into(),
                    link: "/studio/nour/clips/clp_01jd3v8k2m7q9x4r5t6w8y0z1b".into(),
                    poster: "/media/sample-glaze.jpg".into(),
                    at: "0:22.0 – 0:30.0".into(),
                },
            ],
            problems: Vec::new(),
        }
    }

    /// A product nobody has saved yet.
    pub fn empty() -> Self {
        Self {
            frame: Frame::sample_first_day(Section::Products, "New product"),
            version: 0,
            state: Chip::new(Tone::Quiet, "Draft"),
            title: Field::default(),
            description: Field::default(),
            image: None,
            variants: vec![sample_variant("", ["", "", "", ""], "")],
            missing: Vec::new(),
            clips: Vec::new(),
            ..Self::sample()
        }
    }

    pub fn refused() -> Self {
        let mut page = Self::sample();
        page.title = Field::wrong(
            "",
            "Give the product a name. Buyers see it on the card and on the receipt.",
        );
        page.variants[1].sku = Field::wrong("NC-MUG-300", "The first row already uses this SKU.");
        page.variants[1].price = Field::wrong("34,00,0", "Write the price as 34.00.");
        page.problems = vec![
            Problem::new("title", "The product needs a name."),
            Problem::new("sku-2", "450 ml: this SKU is used twice."),
            Problem::new("price-2", "450 ml: the price is not a number."),
        ];
        page
    }
}

fn sample_variant(id: &str, fields: [&str; 4], availability: &str) -> VariantRow {
    VariantRow {
        id: id.into(),
        title: Field::of(fields[0]),
        sku: Field::of(fields[1]),
        price: Field::of(fields[2]),
        left: Field::of(fields[3]),
        left_shown: fields[3].into(),
        availability: availability.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{begin, update};
    use crate::catalog::{self, ProductState};
    use crate::fixture::Fixture;
    use crate::inventory::{self, Demand};
    use crate::kernel::{ProductId, Seconds};
    use crate::studio::typed::Typed;

    fn form(rows: [&str; 4], act: &str) -> Typed {
        let [title, price, left, shown] = rows;
        Typed::of(&[
            ("title", "Ash glaze mug"),
            ("variant", ""),
            ("variant_title", title),
            ("sku", ""),
            ("price", price),
            ("left", left),
            ("left_shown", shown),
            ("do", act),
        ])
    }

    fn sold(fixture: &Fixture) -> ProductId {
        let shop = fixture.settings();
        fixture.write(move |tx| {
            let typed = form(["300 ml", "28,00", "3", ""], "sell");
            let id = tx.id();
            let id = begin(tx, &shop, id, &typed)?;
            update(tx, &shop, id, 1, &typed)?;
            Ok(id)
        })
    }

    #[test]
    fn a_new_product_comes_with_its_row_and_is_for_sale() {
        let fixture = Fixture::new();
        let (id, shop) = (sold(&fixture), fixture.settings());
        fixture.write(move |tx| {
            let product = catalog::find(tx, shop.id, id)?.expect("it was just saved");
            let variants = catalog::variants(tx, shop.id, id, shop.currency)?;
            assert_eq!(product.state, ProductState::Active);
            assert_eq!(variants[0].price.expect("it has a price").minor, 2800);
            assert_eq!(inventory::availability(tx, variants[0].id)?.left, 3);
            Ok(())
        });
    }

    #[test]
    fn saving_a_title_does_not_undo_a_reservation_that_came_meanwhile() {
        let fixture = Fixture::new();
        let (id, shop) = (sold(&fixture), fixture.settings());
        fixture.write(move |tx| {
            let variant = catalog::variants(tx, shop.id, id, shop.currency)?[0].clone();
            let (checkout, until) = (tx.id(), tx.now().plus(Seconds::minutes(10)));
            inventory::reserve(
                tx,
                shop.id,
                checkout,
                &[Demand {
                    variant: variant.id,
                    quantity: 1,
                    place: None,
                }],
                false,
                until,
            )?;
            let version = catalog::find(tx, shop.id, id)?.expect("it is there").version;
            let variant_id = variant.id.to_string();
            let typed = Typed::of(&[
                ("title", "Another name"),
                ("variant", &variant_id),
                ("variant_title", "300 ml"),
                ("sku", &variant.sku),
                ("price", "28.00"),
                ("left", "3"),
                ("left_shown", "3"),
                ("do", "save"),
            ]);
            update(tx, &shop, id, version, &typed)?;
            assert_eq!(inventory::availability(tx, variant.id)?.left, 2);
            Ok(())
        });
    }

    #[test]
    fn a_row_that_is_refused_refuses_everything() {
        let fixture = Fixture::new();
        let shop = fixture.settings();
        let code = fixture.refused(move |tx| {
            let typed = form(["300 ml", "28,00,0", "3", ""], "sell");
            let id = tx.id();
            let id = begin(tx, &shop, id, &typed)?;
            update(tx, &shop, id, 1, &typed)
        });
        assert_eq!(code, "invalid_field");
        let shop = fixture.shop;
        let products = fixture.write(move |tx| catalog::list(tx, shop, None, 10)).data;
        assert!(products.is_empty(), "{products:?}");
    }
}
