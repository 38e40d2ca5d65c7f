//! Letters of a drop, for those who asked for one: when what they wait for is offered to them, or before it opens.
//!
//! Nobody is written to because somebody typed their mailbox: the first letter asks, once, and only who says yes there is written to again. Every letter
//! has a way to stop. This module keeps who asked and says what is owed; the letters themselves are written where all letters are.

use super::model::{Drop, DropState, Phase, contact_of, plain_email, unknown};
use super::store;
use crate::db::Tx;
use crate::kernel::{
    CheckoutId, ContactId, DropId, Engine, Error, Id, Result, Seconds, ShopId, Time, VariantId, WaitId,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

crate::words! {
    /// What a letter is asked for.
    #[schema(as = DropLetterAbout)]
    pub enum About {
        /// What they wait for is offered to them.
        Offer = "offer",
        /// It opens soon.
        Opening = "opening",
    }
}

crate::words! {
    /// How it stands between a drop and a mailbox.
    #[schema(as = DropContactState)]
    pub enum ContactState {
        /// The first letter asks them whether it was they.
        Asked = "asked",
        Confirmed = "confirmed",
        /// They want no letters.
        Left = "left",
    }
}

/// Who asked to be written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub id: ContactId,
    pub drop: DropId,
    pub about: About,
    pub buyer: [u8; 32],
    pub email: String,
    pub state: ContactState,
}

/// The letter before an opening is written so long before it.
pub const REMIND: Seconds = Seconds::minutes(15);

/// A letter that is owed to a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    pub contact: Contact,
    pub shop: ShopId,
    pub what: OwedLetter,
}

/// What it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwedLetter {
    /// Was it you?
    Confirm,
    /// It opens then.
    Opening(Time),
    /// These units are kept for you until then.
    Offer {
        wait: WaitId,
        variant: VariantId,
        units: u32,
        until: Time,
    },
}

/// What stands in a letter's link: whoever has it has the letter.
pub fn contact_token(signing_key: &[u8; 32], contact: ContactId) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(signing_key).expect("HMAC takes any key length");
    mac.update(b"drop letter");
    mac.update(contact.uuid().as_bytes());
    format!(
        "{contact}.{}",
        URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..18])
    )
}

/// The contact a token names. None: it is not one of ours.
pub fn read_contact_token(signing_key: &[u8; 32], token: &str) -> Option<ContactId> {
    let contact: ContactId = token.split_once('.')?.0.parse().ok()?;
    let expected = contact_token(signing_key, contact);
    let same: bool = subtle::ConstantTimeEq::ct_eq(expected.as_bytes(), token.as_bytes()).into();
    same.then_some(contact)
}

fn plausible(email: &str) -> Result<String> {
    let email = email.trim().to_lowercase();
    let strange = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | '"');
    let named = email.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && !host.contains('@') && host.contains('.') && !host.starts_with('.') && !host.ends_with('.')
    });
    if email.len() <= 254 && !email.contains(strange) && named {
        return Ok(email);
    }
    Err(Error::field("/email", "Write a mail address, such as jo@example.com."))
}

/// Asks for a letter. The mailbox is asked once whether it was they; who said no, or stopped, is not asked again by anybody's typing, and the answer does
/// not tell. Order of answers: `invalid_field`, `no_such_drop`, `drop_closed`, `drop_opens_soon`, `not_waiting`, asked.
pub fn ask(tx: &mut Tx<'_>, shop: ShopId, id: DropId, about: About, email: &str, key: &[u8; 32]) -> Result<()> {
    let email = plausible(email)?;
    let drop = store::find(tx, shop, id)?.ok_or_else(unknown)?;
    match (drop.phase(tx.now()), about) {
        (Phase::Draft, _) => return Err(unknown()),
        (Phase::Over, _) => return Err(Error::conflict("drop_closed", "This drop is over.")),
        (Phase::Before, About::Opening) if drop.opens_at.is_some_and(|at| at.minus(REMIND) > tx.now()) => {}
        (_, About::Opening) => {
            return Err(Error::conflict(
                "drop_opens_soon",
                "It is open, opens soon, or is opened by hand: keep the page open instead.",
            ));
        }
        (_, About::Offer) if store::waits_of(tx, id, key)? == 0 => {
            return Err(Error::conflict("not_waiting", "Wait for something first."));
        }
        (_, About::Offer) => {}
    }
    let plain = plain_email(&email);
    if store::contact_by_email(tx, id, about, &plain)?.is_some() {
        return Ok(());
    }
    // Another mailbox of the same browser takes the place of the first.
    store::leave_contacts(tx, id, about, key)?;
    if !store::insert_contact(tx, &drop, about, key, &email, &plain)? {
        return Err(Error::engine(
            Engine::Retry,
            "the same mailbox was typed twice in one instant",
        ));
    }
    Ok(())
}

/// Forgets a mailbox in all drops of a shop: it is written to no more, and lets nobody in earlier.
pub fn erase_mailbox(tx: &mut Tx<'_>, shop: ShopId, email: &str) -> Result<()> {
    store::forget_plain(tx, shop, &plain_email(email))?;
    for drop in store::drops_with_entitlements(tx, shop)? {
        store::forget_entitlement(tx, drop, &contact_of(drop, email))?;
    }
    Ok(())
}

/// A contact of a drop.
pub fn contact(tx: &mut Tx<'_>, drop: DropId, id: ContactId) -> Result<Option<Contact>> {
    Ok(store::contact(tx, id)?.filter(|contact| contact.drop == drop))
}

/// They say that it was they. Twice is once; who stopped stays stopped.
pub fn confirm(tx: &mut Tx<'_>, contact: &Contact) -> Result<()> {
    store::move_contact(tx, contact.id, ContactState::Asked, ContactState::Confirmed)?;
    if contact.about == About::Offer && contact.state == ContactState::Asked {
        store::bind_waits(tx, contact.drop, &contact.buyer, &plain_email(&contact.email))?;
    }
    Ok(())
}

/// A new place of a browser whose mailbox said yes is for that mailbox.
pub(super) fn bind_new(tx: &mut Tx<'_>, drop: DropId, key: &[u8; 32]) -> Result<()> {
    match store::confirmed_offer_email(tx, drop, key)? {
        Some(plain) => store::bind_waits(tx, drop, key, &plain),
        None => Ok(()),
    }
}

/// They want no letters of this drop. Twice is once.
pub fn stop(tx: &mut Tx<'_>, contact: &Contact) -> Result<()> {
    store::move_contact(tx, contact.id, ContactState::Asked, ContactState::Left)?;
    store::move_contact(tx, contact.id, ContactState::Confirmed, ContactState::Left)
}

/// Takes what is offered to a contact into the browser in which they opened the letter. False: nothing is offered now, or that browser has a place of its own.
pub fn take_along(tx: &mut Tx<'_>, contact: &Contact, key: &[u8; 32]) -> Result<bool> {
    if &contact.buyer == key {
        return Ok(true);
    }
    if contact.state != ContactState::Confirmed
        || contact.about != About::Offer
        || store::waits_of(tx, contact.drop, key)? > 0
    {
        return Ok(false);
    }
    let moved = store::move_waits(tx, contact.drop, &contact.buyer, key)?;
    if moved > 0 {
        store::rebind_contact(tx, contact.id, key)?;
    }
    Ok(moved > 0)
}

/// At the tap: what is offered to somebody whose mailbox said yes is for that mailbox, whatever mailbox was typed, or letters stopped, since.
/// Errors: `drop_offer_bound`.
pub(super) fn must_be_theirs(
    tx: &mut Tx<'_>,
    drop: DropId,
    wait: WaitId,
    key: &[u8; 32],
    email: Option<&str>,
) -> Result<()> {
    let bound = match store::bound_of(tx, wait)? {
        // A place of before there was a name on it.
        bound if bound.is_empty() => store::confirmed_offer_email(tx, drop, key)?,
        bound => Some(bound),
    };
    same_mailbox(bound.as_deref(), email)
}

/// Before they pay: what a checkout took of a waitlist stays for the mailbox it was for. Errors: `drop_offer_bound`.
pub fn must_stay_theirs(tx: &mut Tx<'_>, drop: DropId, checkout: CheckoutId, email: Option<&str>) -> Result<()> {
    let bound = store::bound_checkout(tx, drop, checkout)?;
    same_mailbox(bound.as_deref(), email)
}

fn same_mailbox(bound: Option<&str>, email: Option<&str>) -> Result<()> {
    let same = |bound: &str| email.is_some_and(|email| plain_email(email) == bound);
    if bound.is_none_or(same) {
        return Ok(());
    }
    Err(Error::conflict(
        "drop_offer_bound",
        "This is kept for the mailbox you gave on the waitlist: buy it with that one. It stays kept for you.",
    ))
}

/// Letters that are owed now, some of them.
pub fn owed(tx: &mut Tx<'_>, most: i64) -> Result<Vec<Owed>> {
    let mut owed = store::unasked(tx, most)?;
    owed.extend(store::reminders(tx, most, tx.now().plus(REMIND))?);
    owed.extend(store::offers_unwritten(tx, most)?);
    Ok(owed)
}

/// In the transaction that writes it: the letter is owed no more. False: it was written before, or is not wanted now.
pub fn written(tx: &mut Tx<'_>, owed: &Owed) -> Result<bool> {
    let known = store::contact(tx, owed.contact.id)?;
    let wanted = match owed.what {
        OwedLetter::Confirm => ContactState::Asked,
        _ => ContactState::Confirmed,
    };
    if known.is_none_or(|contact| contact.state != wanted) {
        return Ok(false);
    }
    match owed.what {
        OwedLetter::Confirm => store::mark_asked(tx, owed.contact.id),
        OwedLetter::Opening(_) => store::mark_reminded(tx, owed.contact.id),
        OwedLetter::Offer { wait, .. } => store::mark_written(tx, wait),
    }
}

/// The drop a letter is about, while it is worth a letter.
pub fn letter_drop(tx: &mut Tx<'_>, owed: &Owed) -> Result<Option<Drop>> {
    let drop = store::load(tx, owed.contact.drop)?;
    let alive = matches!(drop.state, DropState::Scheduled | DropState::Open | DropState::Paused);
    Ok(Some(drop).filter(|_| alive))
}
