//! A shop opens: its row, its owner, and the publishable key its player uses.

use super::model::{Role, Seller, Window, Wrong, mail_address, slug_of};
use super::policies::Policies;
use super::{keys, store};
use crate::db::Tx;
use crate::kernel::{Currency, Result, ShopId, StaffId};

/// What a new shop starts with; the rest is set in the studio.
#[derive(Clone, Debug)]
pub struct NewShop {
    pub name: String,
    /// Derived from the name if empty.
    pub slug: String,
    pub currency: Currency,
    pub country: String,
    pub language: String,
    pub owner_name: String,
    pub owner_email: String,
    pub test_mode: bool,
}

/// What became of opening it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateShop {
    Created {
        shop: ShopId,
        slug: String,
        owner: StaffId,
        publishable_key: String,
    },
    /// Another shop has this address.
    SlugTaken { slug: String },
}

/// Order of answers: invalid, slug taken, created.
pub fn create_shop(tx: &mut Tx<'_>, new: NewShop) -> Result<CreateShop> {
    let slug = if new.slug.is_empty() {
        slug_of(&new.name)
    } else {
        new.slug.clone()
    };
    let mut wrong = Wrong::default();
    wrong.line("/name", &new.name, 1, 80);
    wrong.line("/owner_name", &new.owner_name, 1, 80);
    wrong.country("/country", &new.country);
    wrong.language("/language", &new.language);
    wrong.unless(
        !slug.is_empty() && slug == slug_of(&slug),
        "/slug",
        "Lower case letters, digits and hyphens.",
    );
    wrong.answer()?;
    let email = mail_address(&new.owner_email)?;
    let mut shop = super::Shop {
        id: tx.id(),
        slug: slug.clone(),
        name: new.name.trim().to_owned(),
        currency: new.currency,
        country: new.country,
        language: new.language,
        accent: String::new(),
        tagline: String::new(),
        test_mode: new.test_mode,
        seller: Seller {
            name: new.name.trim().to_owned(),
            email: email.clone(),
            ..Seller::default()
        },
        return_days: 30,
        return_policy: String::new(),
        shipping_policy: String::new(),
        prices_include_tax: true,
        policies: None,
        time_zone: "UTC".into(),
        window: Window::default(),
        version: 1,
        created_at: tx.now(),
    };
    let texts = Policies::of(&shop);
    let hash = texts.hash();
    shop.policies = Some(hash.clone());
    if !store::insert_shop(tx, &shop)? {
        return Ok(CreateShop::SlugTaken { slug });
    }
    store::keep_policies(tx, shop.id, &hash, &texts)?;
    let owner = tx.id();
    store::insert_person(tx, shop.id, owner, &email, new.owner_name.trim(), Role::Owner, None)?;
    let made = keys::make_key(
        tx,
        shop.id,
        keys::NewKey {
            kind: keys::KeyKind::Publishable,
            name: "Player".into(),
            scopes: Vec::new(),
        },
    )?;
    Ok(CreateShop::Created {
        shop: shop.id,
        slug,
        owner,
        publishable_key: made.secret,
    })
}
