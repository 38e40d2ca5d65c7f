//! Settings of the shop itself: name, look, seller of record.

use super::field::{Choice, Field, Problem as Wrong, refusable};
use super::frame::{Frame, Section};
use crate::app::App;
use crate::db::LaneKey;
use crate::http::{Form, Problem, Query, page, redirect};
use crate::identity::{EditShop, Owner, Seller, Shop, ShopEdit, edit_shop, shop};
use crate::kernel::Error;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "studio/settings_shop.html")]
pub struct SettingsShopPage {
    pub frame: Frame,
    pub version: i64,
    pub name: Field,
    pub tagline: Field,
    pub country: Field,
    pub language: Field,
    pub time_zone: Field,
    pub seller_name: Field,
    pub seller_address: Field,
    pub seller_email: Field,
    pub seller_phone: Field,
    pub seller_vat_id: Field,
    pub accent: Field,
    pub accents: Vec<Choice>,
    pub currency: String,
    pub slug: String,
    pub problems: Vec<Wrong>,
}

/// What was done before the page was asked for.
#[derive(Deserialize)]
pub struct After {
    pub done: Option<String>,
}

/// What the form sends.
#[derive(Clone, Deserialize)]
pub struct Sent {
    version: i64,
    name: String,
    tagline: String,
    country: String,
    language: String,
    #[serde(default)]
    time_zone: String,
    seller_name: String,
    seller_address: String,
    seller_email: String,
    seller_phone: String,
    seller_vat_id: String,
    accent: String,
}

/// Where the fields of a refusal stand on the page.
const PLACES: [(&str, &str, &str); 11] = [
    ("/name", "name", "Name"),
    ("/tagline", "tagline", "One line"),
    ("/country", "country", "Country"),
    ("/language", "language", "Language"),
    ("/time_zone", "time-zone", "Time zone"),
    ("/accent", "accent", "Accent"),
    ("/seller/name", "seller-name", "Seller"),
    ("/seller/address", "seller-address", "Address"),
    ("/seller/email", "seller-email", "Mail address"),
    ("/seller/phone", "seller-phone", "Phone"),
    ("/seller/vat_id", "seller-vat-id", "VAT number"),
];

pub async fn show(State(app): State<App>, owner: Owner, Query(after): Query<After>) -> Result<Response, Problem> {
    let id = owner.shop;
    let shop = app.db.read(move |tx| shop(tx, id)).await?;
    let frame = Frame::of(&shop, &owner, Section::Settings, "Settings").after(after.done.as_deref());
    page(&SettingsShopPage::of(frame, &shop))
}

/// Saves, or comes back with what was typed.
pub async fn save(State(app): State<App>, owner: Owner, Form(sent): Form<Sent>) -> Result<Response, Problem> {
    let id = owner.shop;
    let given = sent.clone();
    let saved = app
        .db
        .write(LaneKey::of(id), move |tx| {
            let kept = shop(tx, id)?;
            Ok((
                refusable(edit_shop(tx, id, given.version, given.edit(&kept.seller)))?,
                kept,
            ))
        })
        .await;
    let (outcome, kept) = saved?;
    let frame = || Frame::of(&kept, &owner, Section::Settings, "Settings");
    match outcome {
        Ok(EditShop::Edited(shop)) => Ok(redirect(&format!("/studio/{}/settings?done=saved", shop.slug))),
        Ok(EditShop::Stale { current }) => {
            let mut again = SettingsShopPage::typed(frame(), &kept, &sent, &Error::invalid("stale", ""));
            again.version = current;
            again.problems = vec![Wrong::stale()];
            page(&again)
        }
        Err(error) => page(&SettingsShopPage::typed(frame(), &kept, &sent, &error)),
    }
}

impl Sent {
    fn edit(&self, seller: &Seller) -> ShopEdit {
        ShopEdit {
            name: Some(self.name.clone()),
            tagline: Some(self.tagline.clone()),
            country: Some(self.country.trim().to_uppercase()),
            language: Some(self.language.clone()),
            time_zone: Some(self.time_zone.clone()).filter(|zone| !zone.trim().is_empty()),
            accent: Some(self.accent.clone()),
            seller: Some(Seller {
                name: self.seller_name.trim().into(),
                address: self.seller_address.trim().into(),
                email: self.seller_email.trim().into(),
                phone: self.seller_phone.trim().into(),
                vat_id: self.seller_vat_id.trim().into(),
                ..seller.clone()
            }),
            ..ShopEdit::default()
        }
    }
}

impl SettingsShopPage {
    pub fn part(&self) -> &'static str {
        "shop"
    }

    fn of(frame: Frame, shop: &Shop) -> Self {
        Self {
            frame,
            version: shop.version,
            name: Field::of(&shop.name),
            tagline: Field::of(&shop.tagline),
            country: Field::of(&shop.country),
            language: Field::of(&shop.language),
            time_zone: Field::of(&shop.time_zone),
            seller_name: Field::of(&shop.seller.name),
            seller_address: Field::of(&shop.seller.address),
            seller_email: Field::of(&shop.seller.email),
            seller_phone: Field::of(&shop.seller.phone),
            seller_vat_id: Field::of(&shop.seller.vat_id),
            accent: Field::of(&shop.accent),
            accents: accents(&shop.accent),
            currency: shop.currency.code().into(),
            slug: shop.slug.clone(),
            problems: Vec::new(),
        }
    }

    /// The form as it was typed, with what was refused.
    fn typed(frame: Frame, shop: &Shop, sent: &Sent, error: &Error) -> Self {
        Self {
            version: sent.version,
            name: Field::judged(&sent.name, error, "/name"),
            tagline: Field::judged(&sent.tagline, error, "/tagline"),
            country: Field::judged(&sent.country, error, "/country"),
            language: Field::judged(&sent.language, error, "/language"),
            time_zone: Field::judged(&sent.time_zone, error, "/time_zone"),
            seller_name: Field::judged(&sent.seller_name, error, "/seller/name"),
            seller_address: Field::judged(&sent.seller_address, error, "/seller/address"),
            seller_email: Field::judged(&sent.seller_email, error, "/seller/email"),
            seller_phone: Field::judged(&sent.seller_phone, error, "/seller/phone"),
            seller_vat_id: Field::judged(&sent.seller_vat_id, error, "/seller/vat_id"),
            accent: Field::judged(&sent.accent, error, "/accent"),
            accents: accents(&sent.accent),
            problems: Wrong::all(error, &PLACES),
            ..Self::of(frame, shop)
        }
    }

    pub fn sample() -> Self {
        Self {
            frame: Frame::sample(Section::Settings, "Settings"),
            version: 5,
            name: Field::of("Nour Ceramics"),
            tagline: Field::of("Stoneware from one wheel in Berlin"),
            country: Field::of("DE"),
            language: Field::of("en"),
            time_zone: Field::of("Europe/Berlin"),
            seller_name: Field::of("Lina Haddad"),
            seller_address: Field::of("Weserstraße 40\n12045 Berlin\nGermany"),
            seller_email: Field::of("lina@nour-ceramics.example"),
            seller_phone: Field::of("+49 30 1234567"),
            seller_vat_id: Field::of("DE123456789"),
            accent: Field::of("#1f3fd1"),
            accents: accents("#1f3fd1"),
            currency: "EUR".into(),
            slug: "nour".into(),
            problems: Vec::new(),
        }
    }

    pub fn refused() -> Self {
        Self {
            country: Field::wrong("Germany", "An ISO 3166 country code such as DE."),
            problems: vec![Wrong::new("country", "Country: An ISO 3166 country code such as DE.")],
            ..Self::sample()
        }
    }
}

/// Colours that read well on both papers.
fn accents(chosen: &str) -> Vec<Choice> {
    let colours = [
        ("#1f3fd1", "Cobalt"),
        ("#b0391f", "Terracotta"),
        ("#17663c", "Copper glaze"),
        ("#7a2e6d", "Beetroot"),
        ("#4a4038", "Iron"),
    ];
    colours
        .into_iter()
        .map(|(value, label)| Choice {
            chosen: value == chosen,
            ..Choice::new(value, label)
        })
        .collect()
}
