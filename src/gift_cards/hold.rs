//! Setting a part of a card aside for a checkout, and letting it go again.

use super::model::{Code, Covers, GiftCard, MoveKind, Use, changed, unknown};
use super::store::{self, NewMove};
use crate::db::Tx;
use crate::kernel::{AdjustmentId, CheckoutId, Currency, Engine, Error, GiftCardId, Id, Money, Result, ShopId};
use crate::payments::Allocation;

/// What a buyer says of their card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// As they typed it.
    pub code: String,
    /// What they were shown that it pays. None: as much as there is.
    pub covers_minor: Option<i64>,
}

/// The card of a code, if it can pay in this currency now; changes nothing. Errors: `no_such_gift_card` (also of another shop's), `gift_card_disabled`,
/// `gift_card_expired`, `gift_card_other_currency`, `gift_card_used_up`, in this order.
pub fn look(tx: &mut Tx<'_>, shop: ShopId, code: &str, currency: Currency) -> Result<GiftCard> {
    let code = Code::read(code).ok_or_else(unknown)?;
    let card = store::by_code(tx, shop, code.hash(shop))?.ok_or_else(unknown)?;
    card.usable(currency, tx.now())?;
    Ok(card)
}

/// Sets aside what a card pays of `total`, for a checkout that has none yet. Two who spend the same card at once never have more of it than there is.
///
/// Errors: those of [`look`]; `gift_card_changed`, if it cannot pay what the buyer was shown.
pub fn hold(tx: &mut Tx<'_>, shop: ShopId, checkout: CheckoutId, asked: &Asked, total: Money) -> Result<Covers> {
    let card = look(tx, shop, &asked.code, total.currency)?;
    hold_card(tx, checkout, card, asked.covers_minor, total)
}

/// The same of a card that whoever asks need not have the code of: it is the purse of what comes back. Errors: `gift_card_changed`.
pub fn hold_own(
    tx: &mut Tx<'_>,
    shop: ShopId,
    checkout: CheckoutId,
    own: (GiftCardId, i64),
    total: Money,
) -> Result<Covers> {
    let (id, minor) = own;
    let card = store::find(tx, shop, id)?.ok_or_else(unknown)?;
    card.usable(total.currency, tx.now())?;
    hold_card(tx, checkout, card, Some(minor), total)
}

fn hold_card(
    tx: &mut Tx<'_>,
    checkout: CheckoutId,
    card: GiftCard,
    covers_minor: Option<i64>,
    total: Money,
) -> Result<Covers> {
    let shop = card.shop;
    let wanted = covers_minor.map_or(total.minor, |minor| minor.min(total.minor));
    if covers_minor.is_some() && card.balance_minor < wanted {
        return Err(changed(card.balance()));
    }
    if wanted <= 0 {
        return Err(Error::field("/gift_card/covers", "A gift card pays more than nothing."));
    }
    let minor = wanted.min(card.balance_minor);
    if !store::set_aside(tx, card.id, minor)? {
        // Somebody was faster, on another lane: the command runs again and sees what they left.
        return Err(Error::engine(
            Engine::Retry,
            "a gift card was used by somebody else meanwhile",
        ));
    }
    if !store::insert_use(tx, checkout, &card, minor)? {
        // Another shop's checkout has this id; the error gives what was set aside back.
        let detail = "This checkout id is taken. Make a new one.";
        return Err(Error::conflict("id_reused", detail));
    }
    note(tx, shop, &card, MoveKind::Held, checkout, minor)?;
    Ok(Covers {
        card: card.id,
        minor,
        last_four: card.last_four,
    })
}

fn note(
    tx: &mut Tx<'_>,
    shop: ShopId,
    card: &GiftCard,
    kind: MoveKind,
    checkout: CheckoutId,
    minor: i64,
) -> Result<()> {
    let new = NewMove {
        shop,
        card: card.id,
        kind,
        source: None,
        checkout: Some(checkout),
        minor,
        detail: "",
        legs: &[],
        staff: None,
    };
    store::record(tx, &new).map(drop)
}

/// Makes sure that what a checkout uses of its card is set aside: again after a decline, or when money turns up for a checkout that had run out.
/// False: it is not there any more. Held or taken already: nothing happens.
pub fn again(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<bool> {
    let used = of(tx, checkout)?;
    if used.held_minor > 0 || used.taken_minor > 0 {
        return Ok(true);
    }
    if !mutant!("X4-again") && !store::set_aside(tx, used.card, used.covers_minor)? {
        return Ok(false);
    }
    store::move_use(tx, &used, used.covers_minor, 0, 0)?;
    let card = card_of(tx, &used)?;
    note(tx, used.shop, &card, MoveKind::Held, checkout, used.covers_minor)?;
    Ok(true)
}

/// Lets go of what is set aside and not taken; how much that was. Twice is once.
pub fn release(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<i64> {
    let used = of(tx, checkout)?;
    if used.held_minor == 0 || mutant!("X4-release") {
        return Ok(0);
    }
    store::move_use(tx, &used, 0, used.taken_minor, used.returned_minor)?;
    store::put_back(tx, used.card, used.held_minor)?;
    let card = card_of(tx, &used)?;
    note(tx, used.shop, &card, MoveKind::Released, checkout, used.held_minor)?;
    Ok(used.held_minor)
}

/// Lets go of a part of what is set aside, because units of the order were canceled. The adjustment is its natural key: twice is once.
pub fn release_part(tx: &mut Tx<'_>, checkout: CheckoutId, adjustment: AdjustmentId, minor: i64) -> Result<()> {
    let used = of(tx, checkout)?;
    if minor == 0 {
        return Ok(());
    }
    let released = NewMove {
        shop: used.shop,
        card: used.card,
        kind: MoveKind::Released,
        source: Some(adjustment.uuid()),
        checkout: Some(checkout),
        minor,
        detail: "",
        legs: &[],
        staff: None,
    };
    if !store::record(tx, &released)? {
        return Ok(());
    }
    assert!(
        minor <= used.held_minor,
        "what a gift card pays for canceled units was set aside for them"
    );
    store::move_use(
        tx,
        &used,
        used.held_minor - minor,
        used.taken_minor,
        used.returned_minor,
    )?;
    store::put_back(tx, used.card, minor)
}

/// The total has changed before it was paid: the same card pays what it can of the new one. Errors: `gift_card_changed`.
pub fn refit(tx: &mut Tx<'_>, checkout: CheckoutId, total: Money) -> Result<Covers> {
    release(tx, checkout)?;
    let used = of(tx, checkout)?;
    let card = card_of(tx, &used)?;
    let minor = card.balance_minor.min(total.minor);
    if minor <= 0 || !store::set_aside(tx, card.id, minor)? {
        return Err(changed(card.balance()));
    }
    store::cover(tx, checkout, minor)?;
    let bare = Use {
        held_minor: 0,
        covers_minor: minor,
        ..used
    };
    store::move_use(tx, &bare, minor, 0, 0)?;
    note(tx, bare.shop, &card, MoveKind::Held, checkout, minor)?;
    Ok(Covers {
        card: card.id,
        minor,
        last_four: card.last_four,
    })
}

/// Keeps the card's part of the split of the sale, as its payment begins.
pub fn share(tx: &mut Tx<'_>, checkout: CheckoutId, allocation: &Allocation) -> Result<()> {
    store::share(tx, checkout, allocation)
}

pub(super) fn of(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<Use> {
    store::used(tx, checkout)?.ok_or_else(|| Error::internal("a checkout uses a gift card that nobody wrote down"))
}

fn card_of(tx: &mut Tx<'_>, used: &Use) -> Result<GiftCard> {
    store::find(tx, used.shop, used.card)?.ok_or_else(|| Error::internal("a gift card that is used is gone"))
}
