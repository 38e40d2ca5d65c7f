//! Asking to be erased, and what that would do.

use super::holds::holds;
use super::model::{AskedBy, Erasure, ErasureState, Held, Preview, Subject, hashes};
use super::store;
use super::work::advance;
use crate::app::App;
use crate::checkout;
use crate::db::LaneKey;
use crate::kernel::{CheckoutId, ErasureId, Id, MailId, Result, ShopId, StaffId, Time};
use crate::notify;
use crate::payments::stored;

/// Rows looked through at once.
const PAGE: i64 = 2000;

/// A wish to be erased.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Chosen by whoever asks: said again it is the same wish.
    pub id: ErasureId,
    pub subject: Subject,
    pub by: AskedBy,
    pub staff: Option<StaffId>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    Asked(Erasure),
    /// It was asked before; this is how it stands.
    Again(Erasure),
    /// The id is taken by a wish about somebody else.
    OtherWish,
}

/// Writes the wish down and does at once what can be done. Order of answers: another wish, again, asked. What a crash leaves undone the job does.
pub async fn ask(app: &App, shop: ShopId, wish: Wish) -> Result<Ask> {
    let subject = wish.subject.hash(app.db.signing_key(), shop);
    let id = wish.id;
    let asked = app.db.write(LaneKey::of(id), move |tx| {
        let new = Erasure {
            id: wish.id,
            shop,
            subject,
            email: wish.subject.email.clone(),
            asked_by: wish.by,
            staff: wish.staff,
            state: ErasureState::Looking,
            asked_at: tx.now(),
            done_at: None,
            next_check_at: Some(tx.now()),
        };
        if store::insert(tx, &new)? {
            return Ok(Ask::Asked(new));
        }
        let known = store::find(tx, shop, wish.id)?;
        Ok(match known.filter(|known| known.subject == subject) {
            Some(known) => Ask::Again(known),
            None => Ask::OtherWish,
        })
    });
    let asked = asked.await?;
    if !matches!(asked, Ask::Asked(_)) {
        return Ok(asked);
    }
    let running = app.clone();
    app.track(async move { advance(&running, id).await }).await?;
    let now = app.db.read(move |tx| store::find(tx, shop, id)).await?;
    Ok(now.map_or(asked, Ask::Asked))
}

/// What is there about somebody in a shop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub checkouts: Vec<CheckoutId>,
    /// Everything that was written to them.
    pub letters: Vec<MailId>,
}

/// Looks through everything from before `before`, page by page: nobody else waits for it.
pub(super) async fn look(app: &App, shop: ShopId, subject: [u8; 32], before: Time) -> Result<Found> {
    let key = *app.db.signing_key();
    let mut found = Found::default();
    let mut after = Some(CheckoutId::from_uuid(uuid::Uuid::nil()));
    while let Some(from) = after {
        let (rows, end) = app
            .db
            .read(move |tx| checkout::contacts(tx, shop, before, from, PAGE))
            .await?;
        let mine = rows
            .into_iter()
            .filter(|(_, contact)| hashes(&key, shop, contact).contains(&subject));
        found.checkouts.extend(mine.map(|(id, _)| id));
        after = end;
    }
    let mut after = Some(MailId::from_uuid(uuid::Uuid::nil()));
    while let Some(from) = after {
        let (rows, end) = app
            .db
            .read(move |tx| notify::recipients(tx, shop, before, from, PAGE))
            .await?;
        let mine = rows.into_iter().filter(|(_, to)| {
            let contact = checkout::Contact {
                email: Some(to.clone()),
                phone: None,
            };
            hashes(&key, shop, &contact).contains(&subject)
        });
        found.letters.extend(mine.map(|(id, _)| id));
        after = end;
    }
    Ok(found)
}

/// What asking now would do. Nothing is changed.
pub async fn preview(app: &App, shop: ShopId, subject: &Subject) -> Result<Preview> {
    let hash = subject.hash(app.db.signing_key(), shop);
    let found = look(app, shop, hash, Time(i64::MAX)).await?;
    let days = app.settings.evidence_days;
    let mut preview = Preview {
        letters: found.letters.len(),
        ..Preview::default()
    };
    for id in found.checkouts {
        let looked = app.db.read(move |tx| {
            let Some(bought) = checkout::find(tx, shop, id)? else {
                return Ok(None);
            };
            let order = checkout::order_of_checkout(tx, shop, id)?;
            Ok(Some((holds(tx, &bought, days)?, order, stored::is_kept(tx, id)?)))
        });
        let Some((holds, order, card)) = looked.await? else {
            continue;
        };
        preview.cards += usize::from(card);
        match (holds.is_empty(), order) {
            (true, Some(_)) => preview.orders += 1,
            (true, None) => preview.begun += 1,
            (false, order) => preview.held.push(Held {
                checkout: id,
                number: order.map(|order| order.number),
                holds,
            }),
        }
    }
    Ok(preview)
}
