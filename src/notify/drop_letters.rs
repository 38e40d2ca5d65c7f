//! Letters of drops: the question whether it was they, the offer of a waitlist, and the reminder before an opening.

use super::compose::Links;
use super::model::{MailKind, NewMail};
use super::queue::queue;
use crate::app::App;
use crate::catalog;
use crate::db::{LaneKey, Tx};
use crate::drops::{self, Owed, OwedLetter};
use crate::identity;
use crate::kernel::{Id, Result, VariantId, words};
use serde_json::json;

/// Written in a round.
const LETTERS: i64 = 50;

/// The job `drop_letters`. Returns how many it wrote. A letter is marked as written in the transaction that writes it, so there is one of each.
pub async fn write_drop_letters(app: &App) -> Result<u64> {
    let links = Links::of(app);
    let mut written = 0;
    for owed in app.db.read(|tx| drops::owed(tx, LETTERS)).await? {
        let (links, id) = (links.clone(), owed.contact.drop);
        let done = app.db.write(LaneKey::of(id), move |tx| write(tx, &links, &owed)).await;
        match done {
            Ok(done) => written += u64::from(done),
            Err(error) => {
                tracing::error!(%error, drop = %id, "a letter of a drop could not be written; the next round tries again")
            }
        }
    }
    Ok(written)
}

fn write(tx: &mut Tx<'_>, links: &Links, owed: &Owed) -> Result<bool> {
    if !drops::written(tx, owed)? {
        return Ok(false);
    }
    let Some(drop) = drops::letter_drop(tx, owed)? else {
        return Ok(false);
    };
    let shop = identity::shop(tx, owed.shop)?;
    let page = links.drop(
        &shop.slug,
        &drop.slug,
        &drops::contact_token(links.key(), owed.contact.id),
    );
    let when = |at| words::exact_in(at, &shop.time_zone);
    let (kind, about, subject, what, until) = match owed.what {
        OwedLetter::Confirm => {
            let what = match owed.contact.about {
                drops::About::Offer => "when what you wait for is kept for you",
                drops::About::Opening => "before it opens",
            };
            let subject = format!("May we write to you about {}?", drop.title);
            (
                MailKind::DropConfirm,
                owed.contact.id.uuid(),
                subject,
                what.to_owned(),
                String::new(),
            )
        }
        OwedLetter::Opening(at) => {
            let subject = format!("{} opens soon", drop.title);
            (
                MailKind::DropOpening,
                owed.contact.id.uuid(),
                subject,
                String::new(),
                when(at),
            )
        }
        OwedLetter::Offer {
            wait,
            variant,
            units,
            until,
        } => {
            let name = name_of(tx, owed.shop, variant)?;
            let what = match units {
                1 => name,
                units => format!("{units} × {name}"),
            };
            let subject = format!("Kept for you until {}: {what}", when(until));
            (MailKind::DropOffer, wait.uuid(), subject, what, when(until))
        }
    };
    let says = json!({
        "shop": shop.name, "language": shop.language, "drop": drop.title, "what": what, "until": until, "link": page,
        "email": owed.contact.email, "test_mode": shop.test_mode,
    });
    let mail = NewMail {
        shop: owed.shop,
        kind,
        about,
        to: owed.contact.email.clone(),
        subject,
        says: says.to_string(),
    };
    queue(tx, &mail)?;
    Ok(true)
}

fn name_of(tx: &mut Tx<'_>, shop: crate::kernel::ShopId, variant: VariantId) -> Result<String> {
    let product = catalog::product_of(tx, shop, variant)?;
    Ok(product.map_or_else(|| "what you waited for".into(), |product| product.title))
}
