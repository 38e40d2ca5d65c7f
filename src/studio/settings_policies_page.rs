//! The promises a buyer agrees to: returns, shipping, imprint. Orders keep the text of their day.

use super::field::{Field, Problem as Wrong, refusable};
use super::frame::{Frame, Section};
use super::settings_shop_page::After;
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
#[template(path = "studio/settings_policies.html")]
pub struct SettingsPoliciesPage {
    pub frame: Frame,
    pub version: i64,
    pub return_days: Field,
    pub returns: Field,
    pub shipping: Field,
    pub imprint: Field,
    pub problems: Vec<Wrong>,
}

/// What the form sends.
#[derive(Clone, Deserialize)]
pub struct Sent {
    version: i64,
    return_days: String,
    returns: String,
    shipping: String,
    imprint: String,
}

/// Where the fields of a refusal stand on the page.
const PLACES: [(&str, &str, &str); 4] = [
    ("/return_days", "return-days", "Days to return"),
    ("/return_policy", "returns", "Returns"),
    ("/shipping_policy", "shipping", "Shipping"),
    ("/seller/imprint", "imprint", "Imprint"),
];

pub async fn show(State(app): State<App>, owner: Owner, Query(after): Query<After>) -> Result<Response, Problem> {
    let id = owner.shop;
    let shop = app.db.read(move |tx| shop(tx, id)).await?;
    let frame = Frame::of(&shop, &owner, Section::Settings, "Settings").after(after.done.as_deref());
    page(&SettingsPoliciesPage::of(frame, &shop))
}

/// Saves, or comes back with what was typed.
pub async fn save(State(app): State<App>, owner: Owner, Form(sent): Form<Sent>) -> Result<Response, Problem> {
    let id = owner.shop;
    let given = sent.clone();
    let (outcome, kept) = app
        .db
        .write(LaneKey::of(id), move |tx| {
            let kept = shop(tx, id)?;
            let edited = given
                .edit(&kept.seller)
                .and_then(|edit| edit_shop(tx, id, given.version, edit));
            Ok((refusable(edited)?, kept))
        })
        .await?;
    let frame = || Frame::of(&kept, &owner, Section::Settings, "Settings");
    match outcome {
        Ok(EditShop::Edited(shop)) => Ok(redirect(&format!("/studio/{}/settings/policies?done=saved", shop.slug))),
        Ok(EditShop::Stale { current }) => {
            let mut again = SettingsPoliciesPage::typed(frame(), &sent, &Error::invalid("stale", ""));
            again.version = current;
            again.problems = vec![Wrong::stale()];
            page(&again)
        }
        Err(error) => page(&SettingsPoliciesPage::typed(frame(), &sent, &error)),
    }
}

impl Sent {
    fn edit(&self, seller: &Seller) -> Result<ShopEdit, Error> {
        let days = self.return_days.trim().parse();
        Ok(ShopEdit {
            return_days: Some(days.map_err(|_| Error::field("/return_days", "A number of days, such as 30."))?),
            return_policy: Some(self.returns.clone()),
            shipping_policy: Some(self.shipping.clone()),
            seller: Some(Seller {
                imprint: self.imprint.trim().into(),
                ..seller.clone()
            }),
            ..ShopEdit::default()
        })
    }
}

impl SettingsPoliciesPage {
    pub fn part(&self) -> &'static str {
        "policies"
    }

    fn of(frame: Frame, shop: &Shop) -> Self {
        Self {
            frame,
            version: shop.version,
            return_days: Field::of(&shop.return_days.to_string()),
            returns: Field::of(&shop.return_policy),
            shipping: Field::of(&shop.shipping_policy),
            imprint: Field::of(&shop.seller.imprint),
            problems: Vec::new(),
        }
    }

    /// The form as it was typed, with what was refused.
    fn typed(frame: Frame, sent: &Sent, error: &Error) -> Self {
        Self {
            frame,
            version: sent.version,
            return_days: Field::judged(&sent.return_days, error, "/return_days"),
            returns: Field::judged(&sent.returns, error, "/return_policy"),
            shipping: Field::judged(&sent.shipping, error, "/shipping_policy"),
            imprint: Field::judged(&sent.imprint, error, "/seller/imprint"),
            problems: Wrong::all(error, &PLACES),
        }
    }

    pub fn sample() -> Self {
        Self {
            frame: Frame::sample(Section::Settings, "Settings"),
            version: 5,
            return_days: Field::of("30"),
            returns: Field::of(
                "You have 30 days from the day the parcel arrives. Wrap the piece as it came to you. If it broke on the way, a photo is enough and I send a new one.",
            ),
            shipping: Field::of(
                "Parcels leave on Mondays and Thursdays, wrapped in paper and wood wool. If yours is late, write to me before you write to the carrier.",
            ),
            imprint: Field::default(),
            problems: Vec::new(),
        }
    }
}
