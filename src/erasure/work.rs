//! Carrying an erasure out: purchase by purchase, each in one transaction, until nothing is held any more. May be killed anywhere and run twice.

use super::ask::look;
use super::holds::holds;
use super::model::{Erasure, ErasureState, Item, ItemState, until};
use super::store;
use crate::app::App;
use crate::checkout::{self, Checkout};
use crate::db::{LaneKey, Tx};
use crate::http;
use crate::kernel::{CheckoutId, ErasureId, Id, OrderId, Result, Seconds, ShopId};
use crate::notify::{self, webhooks};
use crate::payments::{self, disputes, stored};
use crate::{discounts, drops, exchanges, fulfilment, returns};

/// Erasures a round of the job.
const ROWS: i64 = 10;
/// What is held is looked at again so often, whatever is known of its end.
const LOOK: Seconds = Seconds::hours(6);
/// While the confirmation has not left.
const LETTER: Seconds = Seconds(30);
/// While the log could not be emptied.
const LOG: Seconds = Seconds(5);

/// The job `erasures`. Returns how many it looked at.
pub async fn mind(app: &App) -> Result<u64> {
    let mut looked = 0;
    for id in app.db.read(|tx| store::due(tx, ROWS)).await? {
        advance(app, id).await?;
        looked += 1;
    }
    Ok(looked)
}

/// Does of an erasure what can be done now, and says when somebody looks again.
pub(super) async fn advance(app: &App, id: ErasureId) -> Result<()> {
    let Some(erasure) = app.db.read(move |tx| store::load(tx, id)).await? else {
        return Ok(());
    };
    match erasure.state {
        ErasureState::Done => return Ok(()),
        ErasureState::Looking => first(app, &erasure).await?,
        ErasureState::Open => purchases(app, &erasure).await?,
    }
    settle(app, &erasure).await
}

/// Everything about the buyer is looked for and what is not held is erased. The confirmation is written last, in the transaction that forgets its address: a
/// crash before it begins again, and finds less.
async fn first(app: &App, erasure: &Erasure) -> Result<()> {
    let (id, shop) = (erasure.id, erasure.shop);
    let found = look(app, shop, erasure.subject, erasure.asked_at).await?;
    let (bought, email) = (found.checkouts.clone(), erasure.email.clone());
    app.db
        .write(LaneKey::of(id), move |tx| {
            if !email.is_empty() {
                drops::erase_mailbox(tx, shop, &email)?;
            }
            for checkout in &bought {
                store::insert_item(tx, id, *checkout)?;
                stored::forget_of(tx, *checkout)?;
            }
            Ok(())
        })
        .await?;
    purchases(app, erasure).await?;
    if !erasure.email.is_empty() {
        let email = erasure.email.clone();
        forget_answers(app, shop, &email).await?;
    }
    let erasure = erasure.clone();
    app.db
        .write(LaneKey::of(id), move |tx| {
            let items = store::items(tx, id)?;
            let mut needed = Vec::new();
            for item in items.iter().filter(|item| item.state != ItemState::Erased) {
                if let Some(view) = checkout::view(tx, shop, item.checkout.order())? {
                    needed.extend(notify::letters_about(tx, &view)?);
                }
            }
            for letter in found.letters.iter().filter(|letter| !needed.contains(letter)) {
                notify::erase_letter(tx, *letter)?;
            }
            if store::looked(tx, id)? && !erasure.email.is_empty() {
                let held = items.iter().filter(|item| item.state == ItemState::Held);
                let held: Vec<String> = held.map(Item::words).collect();
                notify::confirm_erasure(tx, shop, id, &erasure.email, &held)?;
            }
            Ok(())
        })
        .await
}

/// Each purchase that is not erased yet: erased, or held with a reason.
async fn purchases(app: &App, erasure: &Erasure) -> Result<()> {
    let (id, shop, days) = (erasure.id, erasure.shop, app.settings.evidence_days);
    let items = app.db.read(move |tx| store::items(tx, id)).await?;
    for item in items.into_iter().filter(|item| item.state != ItemState::Erased) {
        let checkout = item.checkout;
        let Some(bought) = app.db.read(move |tx| checkout::find(tx, shop, checkout)).await? else {
            continue;
        };
        let erased = app.db.write(bought.lane_key(), move |tx| {
            let Some(bought) = checkout::find(tx, shop, checkout)? else {
                return Ok(false);
            };
            let holds = holds(tx, &bought, days)?;
            if !holds.is_empty() {
                let reasons: Vec<&str> = holds.iter().map(|hold| hold.why.word()).collect();
                store::set_item(tx, id, checkout, ItemState::Held, &reasons.join(" "), until(&holds))?;
                return Ok(false);
            }
            // What left for something that came back has their name, too, and may have left since they asked.
            for exchange in exchanges::of_order(tx, shop, checkout.order())? {
                for n in 1..=exchange.tries {
                    store::insert_item(tx, id, exchange.checkout_of(n))?;
                }
            }
            erase(tx, &bought)?;
            store::set_item(tx, id, checkout, ItemState::Erased, "", None)?;
            Ok(true)
        });
        if erased.await? {
            forget_copies(app, shop, checkout).await?;
        }
    }
    Ok(())
}

/// Everything that says who bought this, in one transaction: each module its own.
fn erase(tx: &mut Tx<'_>, bought: &Checkout) -> Result<()> {
    let (shop, checkout) = (bought.shop, bought.id);
    let (order, intent): (OrderId, _) = (checkout.order(), checkout.intent());
    if let Some(view) = checkout::view(tx, shop, order)? {
        for letter in notify::letters_about(tx, &view)? {
            if !mutant!("T9-letter") {
                notify::erase_letter(tx, letter)?;
            }
        }
    }
    for dispute in disputes::of_payment(tx, intent)? {
        webhooks::erase(tx, shop, dispute.id.uuid())?;
    }
    webhooks::erase(tx, shop, order.uuid())?;
    disputes::erase(tx, intent)?;
    stored::forget_of(tx, checkout)?;
    if !mutant!("T9-back") {
        returns::erase(tx, order)?;
    }
    fulfilment::erase(tx, order)?;
    drops::erase(tx, checkout)?;
    discounts::erase(tx, checkout)?;
    checkout::erase(tx, checkout).map(drop)
}

/// What processors told of a payment, and kept answers about its order. Looked for outside a transaction that others wait for.
async fn forget_copies(app: &App, shop: ShopId, checkout: CheckoutId) -> Result<()> {
    let reference = checkout.to_string();
    let notices = app
        .db
        .read(move |tx| payments::notices_with(tx, shop, &reference))
        .await?;
    for (processor, notice) in notices {
        app.db
            .write(LaneKey::of(checkout), move |tx| {
                payments::erase_notice(tx, shop, &processor, &notice)
            })
            .await?;
    }
    forget_answers(app, shop, &checkout.order().to_string()).await?;
    forget_answers(app, shop, &checkout.to_string()).await
}

async fn forget_answers(app: &App, shop: ShopId, text: &str) -> Result<()> {
    let text = text.to_owned();
    let answers = app.db.read(move |tx| http::answers_with(tx, shop, &text)).await?;
    for of in answers {
        app.db
            .write(LaneKey::of(shop), move |tx| http::erase_answer(tx, shop, &of))
            .await?;
    }
    Ok(())
}

/// Done, or when somebody looks again. It is done when nothing is held, the confirmation left and is erased, too, and no old page stands in the log.
async fn settle(app: &App, erasure: &Erasure) -> Result<()> {
    let (id, shop) = (erasure.id, erasure.shop);
    let (left, held) = app
        .db
        .write(LaneKey::of(id), move |tx| {
            let left = notify::erase_confirmation(tx, shop, id)?;
            let held: Vec<Item> = store::items(tx, id)?
                .into_iter()
                .filter(|item| item.state != ItemState::Erased)
                .collect();
            let soonest = held.iter().filter_map(|item| item.until).min();
            let now = tx.now();
            let mut at = now.plus(LOOK);
            if let Some(soonest) = soonest.filter(|soonest| *soonest < at) {
                at = soonest.max(now.plus(LETTER));
            }
            if !left {
                at = now.plus(LETTER);
            } else if held.is_empty() {
                at = now.plus(LOG);
            }
            store::look_again(tx, id, at)?;
            Ok((left, !held.is_empty()))
        })
        .await?;
    let over = left && !held;
    if !over && erasure.state != ErasureState::Looking {
        return Ok(()); // Nothing was erased that could stand in the log, or little: it is emptied at the end.
    }
    let db = app.db.clone();
    let emptied = app.db.apart(move || db.empty_the_log()).await?.unwrap_or_else(|error| {
        tracing::warn!(%error, "the log could not be emptied; it is tried again");
        false
    });
    if over && emptied {
        app.db.write(LaneKey::of(id), move |tx| store::finish(tx, id)).await?;
    }
    Ok(())
}
