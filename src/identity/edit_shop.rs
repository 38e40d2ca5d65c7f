//! The settings of a shop change; the version of whoever edits must be the current one.

use super::model::{Seller, Shop, Wrong};
use super::policies::Policies;
use super::store;
use crate::db::Tx;
use crate::kernel::{Result, ShopId};

/// What is to be different. Currency and address of the shop never change: prices and links depend on them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShopEdit {
    pub name: Option<String>,
    pub country: Option<String>,
    pub language: Option<String>,
    pub time_zone: Option<String>,
    pub accent: Option<String>,
    pub tagline: Option<String>,
    pub seller: Option<Seller>,
    pub return_days: Option<u32>,
    pub return_policy: Option<String>,
    pub shipping_policy: Option<String>,
    pub prices_include_tax: Option<bool>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditShop {
    Edited(Shop),
    Stale { current: i64 },
}

/// Order of answers: invalid, stale, edited.
pub fn edit_shop(tx: &mut Tx<'_>, id: ShopId, version: i64, edit: ShopEdit) -> Result<EditShop> {
    let mut shop = store::shop(tx, id)?;
    let current = shop.version;
    let set = |target: &mut String, value: Option<String>| {
        if let Some(value) = value {
            *target = value.trim().to_owned();
        }
    };
    set(&mut shop.name, edit.name);
    set(&mut shop.country, edit.country);
    set(&mut shop.language, edit.language);
    set(&mut shop.time_zone, edit.time_zone);
    set(&mut shop.accent, edit.accent);
    set(&mut shop.tagline, edit.tagline);
    set(&mut shop.return_policy, edit.return_policy);
    set(&mut shop.shipping_policy, edit.shipping_policy);
    shop.seller = edit.seller.unwrap_or(shop.seller);
    shop.return_days = edit.return_days.unwrap_or(shop.return_days);
    shop.prices_include_tax = edit.prices_include_tax.unwrap_or(shop.prices_include_tax);
    check(&shop)?;
    let texts = Policies::of(&shop);
    let hash = texts.hash();
    shop.policies = Some(hash.clone());
    shop.version = version;
    if !store::update_shop(tx, &shop)? {
        return Ok(EditShop::Stale { current });
    }
    store::keep_policies(tx, id, &hash, &texts)?;
    shop.version += 1;
    Ok(EditShop::Edited(shop))
}

fn check(shop: &Shop) -> Result<()> {
    let mut wrong = Wrong::default();
    wrong.line("/name", &shop.name, 1, 80);
    wrong.country("/country", &shop.country);
    wrong.language("/language", &shop.language);
    wrong.unless(
        shop.time_zone.len() <= 64 && jiff::tz::TimeZone::get(&shop.time_zone).is_ok(),
        "/time_zone",
        "A time zone such as Europe/Berlin, or UTC.",
    );
    let is_colour =
        |text: &str| text.len() == 7 && text.starts_with('#') && text[1..].bytes().all(|byte| byte.is_ascii_hexdigit());
    wrong.unless(
        shop.accent.is_empty() || (shop.accent.is_ascii() && is_colour(&shop.accent)),
        "/accent",
        "A colour such as #b0391f, or nothing.",
    );
    wrong.line("/tagline", &shop.tagline, 0, 160);
    wrong.unless(shop.return_days <= 365, "/return_days", "At most 365 days.");
    wrong.text("/return_policy", &shop.return_policy, 20_000);
    wrong.text("/shipping_policy", &shop.shipping_policy, 20_000);
    wrong.line("/seller/name", &shop.seller.name, 0, 200);
    wrong.text("/seller/address", &shop.seller.address, 500);
    wrong.line("/seller/email", &shop.seller.email, 0, 254);
    wrong.line("/seller/phone", &shop.seller.phone, 0, 40);
    wrong.line("/seller/vat_id", &shop.seller.vat_id, 0, 40);
    wrong.text("/seller/imprint", &shop.seller.imprint, 20_000);
    wrong.answer()
}
