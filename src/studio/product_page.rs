//! One product: what it is, its variants with price and stock, and who earns from it.

use askama::Template;

use super::field::{Choice, Field, Problem};
use super::frame::{Chip, Frame, Section, Tone};

/// One sellable option; a row of the inline table. Rows are sent as repeated fields in the same order.
pub struct VariantRow {
    /// Empty for a row that is not saved yet.
    pub id: String,
    pub title: Field,
    pub sku: Field,
    pub price: Field,
    pub on_hand: Field,
    /// "3 left, 2 in checkouts".
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
    pub version: u32,
    pub state: Chip,
    pub page_url: String,
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
    pub delivery: Vec<Choice>,
    /// Why it cannot be for sale yet; empty when it can.
    pub missing: Vec<String>,
    pub clips: Vec<InClip>,
    pub problems: Vec<Problem>,
}

impl ProductPage {
    pub fn is_new(&self) -> bool {
        self.version == 0
    }

    pub fn sample() -> Self {
        Self {
            frame: Frame::sample(Section::Products, "Ash glaze mug"),
            version: 12,
            state: Chip::new(Tone::Ok, "For sale"),
            page_url: "/s/nour/products/ash-glaze-mug".into(),
            title: Field::of("Ash glaze mug"),
            description: Field::of(
                "Thrown on the wheel, glazed with ash from our own stove. Each one runs differently. Dishwasher yes, microwave yes, dropping no.",
            ),
            kinds: sample_kinds(),
            image: Some("/media/sample-mug.jpg".into()),
            image_field: Field::default(),
            currency: "EUR".into(),
            variants: vec![
                sample_variant(
                    "var_01jd3t1",
                    ["300 ml", "NC-MUG-300", "28.00", "5"],
                    "3 left, 2 in checkouts",
                ),
                sample_variant("var_01jd3t2", ["450 ml", "NC-MUG-450", "34.00", "12"], "12 left"),
            ],
            tax_categories: vec![
                Choice::chosen("standard", "Standard goods · 19 % in Germany"),
                Choice::new("books", "Books and print · 7 % in Germany"),
                Choice::new("digital", "Digital services · rate of the buyer's country"),
            ],
            contracts: vec![
                Choice::chosen("ctr_studio", "Studio pieces · version 3"),
                Choice::new("ctr_solo", "Only me · version 1"),
            ],
            contract_link: "/studio/nour/partners/contracts/ctr_studio".into(),
            delivery: vec![
                Choice::chosen("dlv_parcel", "Parcel with Spree Parcel"),
                Choice::chosen("dlv_pickup", "Pick-up at the workshop"),
                Choice::new("dlv_letter", "Letter"),
            ],
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

fn sample_kinds() -> Vec<Choice> {
    vec![
        Choice::chosen("physical", "Parcel: something you ship"),
        Choice::new("digital", "Digital: a file or a service"),
        Choice::new("ticket", "Ticket: something to attend"),
    ]
}

fn sample_variant(id: &str, fields: [&str; 4], availability: &str) -> VariantRow {
    VariantRow {
        id: id.into(),
        title: Field::of(fields[0]),
        sku: Field::of(fields[1]),
        price: Field::of(fields[2]),
        on_hand: Field::of(fields[3]),
        availability: availability.into(),
    }
}
