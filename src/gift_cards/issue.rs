//! Issuing a gift card, and changing one.

use super::model::{Code, GiftCard, GiftCardState, MoveKind, Reason};
use super::store::{self, NewMove};
use crate::db::Tx;
use crate::kernel::{Error, GiftCardId, Id, Money, Result, ShopId, StaffId, Time};
use crate::ledger::{self, AccountKey, AccountKind, Leg, Posting};
use crate::payments::check_amount;

/// A card to issue.
#[derive(Clone, Debug)]
pub struct NewGiftCard {
    /// Chosen by whoever asks: asking again is the same card.
    pub id: GiftCardId,
    pub amount: Money,
    pub reason: Reason,
    pub note: String,
    pub expires_at: Option<Time>,
    pub staff: Option<StaffId>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Issued {
    /// The only time its code is known.
    New(GiftCard, Code),
    /// The same id again: the card as it stands, without its code.
    Again(GiftCard),
}

/// Issues a card and books what is owed on it from now on: against the money it was sold for, or against what giving it away costs.
///
/// Tax is due when it is spent, on what it is spent for. Order of answers: invalid fields, again, new.
pub fn issue(tx: &mut Tx<'_>, shop: ShopId, new: &NewGiftCard) -> Result<Issued> {
    if new.amount.minor <= 0 {
        return Err(Error::field("/amount", "A gift card is worth more than nothing."));
    }
    if new.reason == Reason::StoreCredit {
        return Err(Error::field("/reason", "Store credit comes from a refund."));
    }
    if check_amount(new.amount).is_err() {
        return Err(Error::field("/amount", "This is more than a gift card can hold."));
    }
    check_note(&new.note)?;
    if new.expires_at.is_some_and(|end| end <= tx.now()) {
        return Err(Error::field("/expires_at", "This has passed already."));
    }
    let code = Code::of_token(&tx.token());
    let card = GiftCard {
        id: new.id,
        shop,
        last_four: code.last_four().to_owned(),
        currency: new.amount.currency,
        initial_minor: new.amount.minor,
        balance_minor: new.amount.minor,
        held_minor: 0,
        reason: new.reason,
        state: GiftCardState::Active,
        note: new.note.trim().to_owned(),
        expires_at: new.expires_at,
        version: 1,
        created_at: tx.now(),
        order: None,
    };
    if !store::insert(tx, &card, code.hash(shop))? {
        let known = store::find(tx, shop, new.id)?;
        let taken = || Error::conflict("id_reused", "This gift card id is taken. Make a new one.");
        return known.map(Issued::Again).ok_or_else(taken);
    }
    let issued = NewMove {
        shop,
        card: card.id,
        kind: MoveKind::Issued,
        source: Some(card.id.uuid()),
        checkout: None,
        minor: card.initial_minor,
        detail: "",
        legs: &[],
        staff: new.staff,
    };
    store::record(tx, &issued)?;
    let (paid_from, purpose) = match card.reason {
        Reason::Sold => (AccountKind::GiftCardsSold, "gift_card_sold"),
        Reason::Given | Reason::StoreCredit => (AccountKind::GiftCardsGiven, "gift_card_given"),
    };
    let posting = Posting {
        shop,
        source_kind: "gift_card",
        source_id: card.id.uuid(),
        order: None,
        currency: card.currency,
        legs: vec![Leg {
            debit: AccountKey::of(paid_from),
            credit: AccountKey::of(AccountKind::GiftCardLiability),
            minor: card.initial_minor,
            purpose,
        }],
    };
    ledger::post(tx, &posting)?;
    Ok(Issued::New(card, code))
}

fn check_note(note: &str) -> Result<()> {
    if note.chars().count() > 200 || note.chars().any(char::is_control) {
        return Err(Error::field("/note", "At most 200 characters on one line."));
    }
    Ok(())
}

/// What may be changed; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    pub state: Option<GiftCardState>,
    pub note: Option<String>,
    pub expires_at: Option<Option<Time>>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Change {
    Changed(GiftCard),
    NotFound,
    /// Somebody changed it meanwhile; its version now.
    Stale(i64),
}

/// Disables a card or enables it again, moves its end, writes another note. Its money is not touched: what is owed stays owed, and what is held for
/// orders is taken with their parcels. Order of answers: not found, stale, invalid fields, changed.
pub fn change(
    tx: &mut Tx<'_>,
    shop: ShopId,
    id: GiftCardId,
    version: i64,
    edit: &Edit,
    staff: Option<StaffId>,
) -> Result<Change> {
    let Some(before) = store::find(tx, shop, id)? else {
        return Ok(Change::NotFound);
    };
    if before.version != version {
        return Ok(Change::Stale(before.version));
    }
    let mut after = before.clone();
    let mut said: Vec<String> = Vec::new();
    if let Some(state) = edit.state.filter(|state| *state != before.state) {
        after.state = state;
        said.push(state.word().to_owned());
    }
    if let Some(note) = &edit.note {
        check_note(note)?;
        note.trim().clone_into(&mut after.note);
        if after.note != before.note {
            said.push("another note".into());
        }
    }
    if let Some(end) = edit.expires_at.filter(|end| *end != before.expires_at) {
        after.expires_at = end;
        said.push(end.map_or_else(|| "never expires".into(), |end| format!("expires on {}", end.date())));
    }
    if said.is_empty() {
        return Ok(Change::Changed(before));
    }
    if !store::edit(tx, &after, version)? {
        let now = store::find(tx, shop, id)?;
        return Ok(now.map_or(Change::NotFound, |now| Change::Stale(now.version)));
    }
    let changed = NewMove {
        shop,
        card: id,
        kind: MoveKind::Changed,
        source: None,
        checkout: None,
        minor: 0,
        detail: &said.join(", "),
        legs: &[],
        staff,
    };
    store::record(tx, &changed)?;
    after.version += 1;
    Ok(Change::Changed(after))
}
