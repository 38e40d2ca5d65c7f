//! What a product is, and what may be said about it.

use crate::kernel::{ContractId, Error, Money, ProductId, Result, Time, VariantId, text};

crate::words! {
    /// Whether a parcel has to travel.
    #[schema(as = ProductKind)]
    pub enum Kind {
        Physical = "physical",
        Digital = "digital",
    }
}

crate::words! {
    /// Which of a country's rates applies.
    pub enum TaxCategory {
        Standard = "standard",
        Reduced = "reduced",
        Zero = "zero",
    }
}

crate::words! {
    /// A draft is seen by staff only; what is archived is sold no more and stays readable.
    pub enum ProductState {
        Draft = "draft",
        Active = "active",
        Archived = "archived",
    }
}

crate::words! {
    pub enum VariantState {
        Active = "active",
        Archived = "archived",
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    pub id: ProductId,
    pub slug: String,
    pub title: String,
    pub description: String,
    pub kind: Kind,
    pub tax_category: TaxCategory,
    /// A media path, or empty.
    pub image: String,
    pub state: ProductState,
    /// Who earns; none: everything is the shop's.
    pub contract: Option<ContractId>,
    pub version: i64,
    pub created_at: Time,
    pub changed_at: Time,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    pub id: VariantId,
    pub product: ProductId,
    pub sku: String,
    pub title: String,
    pub weight_grams: u32,
    pub position: i64,
    pub state: VariantState,
    /// In the currency that was asked for.
    pub price: Option<Money>,
}

/// One variant as it can be sold now, with everything a quote freezes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sellable {
    pub variant: VariantId,
    pub product: ProductId,
    pub sku: String,
    pub title: String,
    pub variant_title: String,
    pub kind: Kind,
    pub image: String,
    pub tax_category: TaxCategory,
    pub weight_grams: u32,
    pub price: Money,
    pub price_version: i64,
    pub contract: Option<ContractId>,
    /// Its price buys several others together.
    pub is_bundle: bool,
}

/// What a product starts with.
#[derive(Clone, Debug)]
pub struct NewProduct {
    pub title: String,
    /// Made from the title when absent.
    pub slug: Option<String>,
    pub description: String,
    pub kind: Kind,
    pub tax_category: TaxCategory,
    pub image: String,
    pub state: ProductState,
    pub variants: Vec<NewVariant>,
}

#[derive(Clone, Debug, Default)]
pub struct NewVariant {
    /// May be empty for a product's only variant.
    pub title: String,
    /// Made from the product's address when absent.
    pub sku: Option<String>,
    pub weight_grams: u32,
    pub price: Option<Money>,
}

/// Changes to a product; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct ProductEdit {
    pub title: Option<String>,
    pub slug: Option<String>,
    pub description: Option<String>,
    pub tax_category: Option<TaxCategory>,
    pub image: Option<String>,
    pub state: Option<ProductState>,
}

/// Changes to a variant; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct VariantEdit {
    pub title: Option<String>,
    pub sku: Option<String>,
    pub weight_grams: Option<u32>,
    pub position: Option<i64>,
    pub state: Option<VariantState>,
}

/// A product has at most this many variants.
pub const VARIANTS_MAX: i64 = 50;

const TITLE_MAX: usize = 120;
const DESCRIPTION_MAX: usize = 5000;
const WEIGHT_GRAMS_MAX: u32 = 1_000_000;
/// Ten million of a currency with two digits: more is a typing mistake.
const PRICE_MAX: i64 = 1_000_000_000;

impl NewProduct {
    /// The same with its texts trimmed. Errors: `invalid_field`.
    pub fn checked(self) -> Result<Self> {
        Ok(Self {
            title: text::line("/title", &self.title, TITLE_MAX)?,
            slug: self.slug.map(|slug| text::slug("/slug", &slug)).transpose()?,
            description: text::paragraphs("/description", &self.description, DESCRIPTION_MAX)?,
            image: checked_image(&self.image)?,
            variants: self
                .variants
                .into_iter()
                .map(NewVariant::checked)
                .collect::<Result<_>>()?,
            ..self
        })
    }
}

impl NewVariant {
    /// Errors: `invalid_field`.
    pub fn checked(self) -> Result<Self> {
        Ok(Self {
            title: text::optional_line("/title", &self.title, TITLE_MAX)?,
            sku: self.sku.map(|sku| checked_sku(&sku)).transpose()?,
            weight_grams: checked_weight(self.weight_grams)?,
            price: self.price.map(checked_price).transpose()?,
        })
    }
}

impl ProductEdit {
    /// The product as it will be. Errors: `invalid_field`.
    pub fn apply(&self, product: &Product) -> Result<Product> {
        let mut edited = product.clone();
        if let Some(title) = &self.title {
            edited.title = text::line("/title", title, TITLE_MAX)?;
        }
        if let Some(slug) = &self.slug {
            edited.slug = text::slug("/slug", slug)?;
        }
        if let Some(description) = &self.description {
            edited.description = text::paragraphs("/description", description, DESCRIPTION_MAX)?;
        }
        if let Some(image) = &self.image {
            edited.image = checked_image(image)?;
        }
        edited.tax_category = self.tax_category.unwrap_or(edited.tax_category);
        edited.state = self.state.unwrap_or(edited.state);
        Ok(edited)
    }
}

impl VariantEdit {
    /// The variant as it will be. Errors: `invalid_field`.
    pub fn apply(&self, variant: &Variant) -> Result<Variant> {
        let mut edited = variant.clone();
        if let Some(title) = &self.title {
            edited.title = text::optional_line("/title", title, TITLE_MAX)?;
        }
        if let Some(sku) = &self.sku {
            edited.sku = checked_sku(sku)?;
        }
        if let Some(weight) = self.weight_grams {
            edited.weight_grams = checked_weight(weight)?;
        }
        edited.position = self.position.unwrap_or(edited.position).clamp(0, 10_000);
        edited.state = self.state.unwrap_or(edited.state);
        Ok(edited)
    }
}

/// Errors: `invalid_field` for a negative or absurd amount.
pub fn checked_price(price: Money) -> Result<Money> {
    if (0..=PRICE_MAX).contains(&price.minor) {
        return Ok(price);
    }
    Err(Error::field(
        "/amount",
        "A price is between 0 and 1,000,000,000 minor units.",
    ))
}

fn checked_weight(grams: u32) -> Result<u32> {
    if grams <= WEIGHT_GRAMS_MAX {
        return Ok(grams);
    }
    Err(Error::field(
        "/weight_grams",
        "A parcel weighs at most 1,000,000 grams.",
    ))
}

fn checked_sku(sku: &str) -> Result<String> {
    let sku = sku.trim();
    let fits = (1..=40).contains(&sku.len());
    if fits
        && sku
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.' | b'/'))
    {
        return Ok(sku.to_owned());
    }
    Err(Error::field(
        "/sku",
        "A SKU has 1 to 40 letters, digits, hyphens, dots, slashes or underscores.",
    ))
}

/// Only our own media: a picture from elsewhere would tell a third party who looks at the shop.
fn checked_image(path: &str) -> Result<String> {
    if path.is_empty() || is_image_path(path) {
        return Ok(path.to_owned());
    }
    Err(Error::field(
        "/image",
        "Upload the picture first and name it here as /media/… .",
    ))
}

fn is_image_path(path: &str) -> bool {
    let Some((hash, extension)) = path.strip_prefix("/media/").and_then(|name| name.split_once('.')) else {
        return false;
    };
    hash.len() == 64
        && hash.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
        && matches!(extension, "jpg" | "png" | "webp" | "svg")
}

/// A SKU from a product's address and the variant's place: `ebb-mug`, 2 becomes `EBB-MUG-2`.
pub fn sku_of(slug: &str, position: i64) -> String {
    let stem = &slug[..slug.len().min(32)];
    format!("{}-{position}", stem.trim_end_matches('-').to_uppercase())
}
