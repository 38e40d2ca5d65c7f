//! Early access: some may buy minutes before a drop opens for everybody.
//!
//! Who may is asked in one place, [`may_enter`]: a row says that a browser is a guest of a drop. A guest is whoever opened a link the host made, bound to
//! the browser that opened it first; or the owner of a mailbox that is entitled: because the shop said so (members), or because they bought before.

use super::archive::act;
use super::model::{Drop, DropState, EventKind, Identity, Phase, contact_of, unknown};
use super::run::{Act, Hand, again, done};
use super::store;
use crate::db::Tx;
use crate::inventory::{self, Gate};
use crate::kernel::{DropId, EarlyLinkId, Engine, Error, Id, Result, Seconds, ShopId, Time, VariantId, text};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde_json::json;
use sha2::Sha256;

/// A drop opens at most a day earlier for its guests.
pub const EARLY_MINUTES_MAX: u32 = 24 * 60;
/// Links of one drop.
const LINKS_MAX: usize = 50;

/// A link that lets so many browsers in earlier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlyLink {
    pub id: EarlyLinkId,
    /// Whom it is for, in the host's words.
    pub label: String,
    pub people: u32,
    /// Browsers it was bound to.
    pub used: u32,
    pub revoked: bool,
    pub created_at: Time,
}

impl Drop {
    /// From when its guests may buy. None: not before everybody else.
    pub fn early_from(&self) -> Option<Time> {
        let opens = self.opens_at.filter(|_| self.early_minutes > 0)?;
        Some(opens.minus(Seconds::minutes(i64::from(self.early_minutes))))
    }

    /// Whether its guests may buy now, and nobody else.
    pub fn is_early(&self, now: Time) -> bool {
        self.phase(now) == Phase::Before
            && self.state == DropState::Scheduled
            && self.early_from().is_some_and(|from| from <= now)
    }
}

/// What stands in a link's address beside its id: nobody who was not given it can make it.
pub fn early_token(signing_key: &[u8; 32], link: EarlyLinkId) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(signing_key).expect("HMAC takes any key length");
    mac.update(b"drop early access");
    mac.update(link.uuid().as_bytes());
    format!("{link}.{}", URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..18]))
}

/// The link a token names. None: it is not one of ours.
pub fn read_early_token(signing_key: &[u8; 32], token: &str) -> Option<EarlyLinkId> {
    let link: EarlyLinkId = token.split_once('.')?.0.parse().ok()?;
    let expected = early_token(signing_key, link);
    let same: bool = subtle::ConstantTimeEq::ct_eq(expected.as_bytes(), token.as_bytes()).into();
    same.then_some(link)
}

/// Makes a link for so many people, under an id the caller chose. Order of answers: not found, wrong state (it is open or over), again, done.
/// Errors: `invalid_field`, `too_many_links`.
pub fn issue_link(tx: &mut Tx<'_>, hand: Hand, id: EarlyLinkId, label: &str, people: u32) -> Result<Act> {
    let label = text::line("/label", label, 80)?;
    if !(1..=10_000).contains(&people) {
        return Err(Error::field("/people", "A link is for 1 to 10,000 people."));
    }
    let Some(before) = store::find(tx, hand.shop, hand.drop)? else {
        return Ok(Act::NotFound);
    };
    if before.early_minutes == 0 {
        return Err(Error::field(
            "/people",
            "Say in the plan first how many minutes earlier it opens for guests.",
        ));
    }
    match before.phase(tx.now()) {
        Phase::Draft | Phase::Before => {}
        _ => return Ok(Act::Wrong(before.state)),
    }
    let known = store::early_links(tx, before.id)?;
    if known.iter().any(|link| link.id == id) {
        return again(tx, before);
    }
    if known.len() >= LINKS_MAX {
        return Err(Error::conflict("too_many_links", "A drop has at most 50 links."));
    }
    if !store::insert_early_link(tx, &before, id, &label, people)? {
        return Err(Error::conflict("id_reused", "This id is taken. Make a new one."));
    }
    let detail = json!({ "link": id, "people": people });
    let drop = act(tx, &before, before.clone(), EventKind::LinkIssued, &detail, hand.staff)?;
    done(tx, drop)
}

/// Lets nobody else in by a link; who was let in stays. Order of answers: not found, no such link, again, done.
pub fn revoke_link(tx: &mut Tx<'_>, hand: Hand, id: EarlyLinkId) -> Result<Act> {
    let Some(before) = store::find(tx, hand.shop, hand.drop)? else {
        return Ok(Act::NotFound);
    };
    if !store::early_links(tx, before.id)?.iter().any(|link| link.id == id) {
        return Ok(Act::NoSuchLink);
    }
    if !store::revoke_early_link(tx, before.id, id)? {
        return again(tx, before);
    }
    let drop = act(
        tx,
        &before,
        before.clone(),
        EventKind::LinkRevoked,
        &json!({ "link": id }),
        hand.staff,
    )?;
    done(tx, drop)
}

/// The links of a drop, oldest first.
pub fn early_links(tx: &mut Tx<'_>, drop: DropId) -> Result<Vec<EarlyLink>> {
    store::early_links(tx, drop)
}

/// Makes a browser a guest of a drop by a link; asked again, it is one. The link counts each browser once, and no more of them than it is for.
/// Order of answers: `no_such_drop`, guest already, `no_such_early_link`, `early_link_used_up`, bound.
pub fn bind_guest(tx: &mut Tx<'_>, shop: ShopId, id: DropId, link: EarlyLinkId, key: &[u8; 32]) -> Result<Drop> {
    let drop = store::find(tx, shop, id)?
        .filter(|drop| drop.state != DropState::Draft)
        .ok_or_else(unknown)?;
    if store::is_guest(tx, id, key)? {
        return Ok(drop);
    }
    let known = store::early_links(tx, id)?.into_iter().find(|known| known.id == link);
    if known.is_none_or(|link| link.revoked) {
        return Err(no_such_link());
    }
    if !store::use_early_link(tx, id, link)? {
        return Err(Error::conflict(
            "early_link_used_up",
            "As many people as this link is for have used it. The drop opens for everybody at its time.",
        ));
    }
    if !store::insert_guest(tx, id, Some(link), key)? {
        return Err(Error::engine(
            Engine::Retry,
            "the same browser came twice in one instant",
        ));
    }
    Ok(drop)
}

/// Browsers that one mailbox makes guests.
const BROWSERS: i64 = 3;
/// Mailboxes of one request.
pub const GUESTS_MAX: usize = 1000;

/// What a mailbox's owner is given to come in with: nobody who was not given it can make it, and it names no mailbox.
pub fn guest_token(signing_key: &[u8; 32], drop: DropId, email: &str, why: Why) -> String {
    sign_contact(signing_key, drop, &contact_of(drop, email), why)
}

/// Why the owner of a mailbox is invited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The shop named them.
    Named,
    /// They have an order: given on its page only.
    Bought,
}

impl Why {
    fn word(self) -> &'static str {
        match self {
            Self::Named => "gst",
            Self::Bought => "gso",
        }
    }
}

fn sign_contact(signing_key: &[u8; 32], drop: DropId, contact: &Identity, why: Why) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(signing_key).expect("HMAC takes any key length");
    mac.update(b"drop guest");
    mac.update(why.word().as_bytes());
    mac.update(drop.uuid().as_bytes());
    mac.update(contact);
    let mac = mac.finalize().into_bytes();
    format!(
        "{}.{}.{}",
        why.word(),
        URL_SAFE_NO_PAD.encode(contact),
        URL_SAFE_NO_PAD.encode(&mac[..18])
    )
}

/// What somebody comes in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invitation {
    Link(EarlyLinkId),
    /// The owner of a mailbox.
    Contact([u8; 33], Why),
}

/// The invitation to a drop that a token is. None: it is not one of ours for this drop.
pub fn read_invitation(signing_key: &[u8; 32], drop: DropId, token: &str) -> Option<Invitation> {
    let (why, rest) = match token.split_once('.')? {
        ("gst", rest) => (Why::Named, rest),
        ("gso", rest) => (Why::Bought, rest),
        _ => return read_early_token(signing_key, token).map(Invitation::Link),
    };
    let contact = URL_SAFE_NO_PAD.decode(rest.split_once('.')?.0).ok()?;
    let contact: Identity = contact.try_into().ok()?;
    let expected = sign_contact(signing_key, drop, &contact, why);
    let same: bool = subtle::ConstantTimeEq::ct_eq(expected.as_bytes(), token.as_bytes()).into();
    same.then_some(Invitation::Contact(contact, why))
}

/// Makes a browser a guest by whatever invited it. Errors: as [`bind_guest`].
pub fn come_in(tx: &mut Tx<'_>, shop: ShopId, id: DropId, by: Invitation, key: &[u8; 32]) -> Result<Drop> {
    match by {
        Invitation::Link(link) => bind_guest(tx, shop, id, link, key),
        Invitation::Contact(contact, why) => bind_contact(tx, shop, id, (&contact, why), key),
    }
}

/// The owner of a mailbox comes with a browser; asked again, it is a guest. Order of answers: `no_such_drop`, guest already, `no_such_early_link` (the
/// mailbox is not entitled any more), `early_link_used_up`, bound.
fn bind_contact(
    tx: &mut Tx<'_>,
    shop: ShopId,
    id: DropId,
    (contact, why): (&Identity, Why),
    key: &[u8; 32],
) -> Result<Drop> {
    let drop = store::find(tx, shop, id)?
        .filter(|drop| drop.state != DropState::Draft)
        .ok_or_else(unknown)?;
    if store::is_guest(tx, id, key)? {
        return Ok(drop);
    }
    if drop.early_for_buyers && why == Why::Bought {
        store::entitle(tx, &drop, contact, "order")?;
    }
    if !store::is_entitled(tx, id, contact)? {
        return Err(no_such_link());
    }
    if !store::use_entitlement(tx, id, contact, BROWSERS)? {
        return Err(Error::conflict(
            "early_link_used_up",
            "You have come with three browsers already. Use one of those; the drop opens for everybody at its time.",
        ));
    }
    if !store::insert_guest(tx, id, None, key)? {
        return Err(Error::engine(
            Engine::Retry,
            "the same browser came twice in one instant",
        ));
    }
    Ok(drop)
}

/// Whether the owner of a mailbox, who has an order here, may come in before everybody: there is such a time, it is still to come or is now.
pub fn is_entitled_buyer(tx: &mut Tx<'_>, drop: &Drop, email: &str) -> Result<bool> {
    if drop.early_minutes == 0 || drop.phase(tx.now()) != Phase::Before {
        return Ok(false);
    }
    Ok(drop.early_for_buyers || store::is_entitled(tx, drop.id, &contact_of(drop.id, email))?)
}

/// Makes the owners of mailboxes guests, or takes it back from those who have not come. Twice is once. Order of answers: not found, wrong state, done.
/// Errors: `invalid_field`.
pub fn invite(tx: &mut Tx<'_>, hand: Hand, emails: &[String], entitled: bool) -> Result<Act> {
    if emails.is_empty() || emails.len() > GUESTS_MAX {
        return Err(Error::field("/emails", "Name 1 to 1,000 mailboxes at a time."));
    }
    for (at, email) in emails.iter().enumerate() {
        if email.len() > 254 || !email.trim().contains('@') {
            return Err(Error::field(
                format!("/emails/{at}"),
                "Write a mail address, such as jo@example.com.",
            ));
        }
    }
    let Some(before) = store::find(tx, hand.shop, hand.drop)? else {
        return Ok(Act::NotFound);
    };
    if before.early_minutes == 0 {
        return Err(Error::field(
            "/emails",
            "Say in the plan first how many minutes earlier it opens for guests.",
        ));
    }
    match before.phase(tx.now()) {
        Phase::Draft | Phase::Before => {}
        _ => return Ok(Act::Wrong(before.state)),
    }
    let mut new = 0;
    for email in emails {
        let contact = contact_of(before.id, email);
        match entitled {
            true => new += u32::from(store::entitle(tx, &before, &contact, "shop")?),
            false => store::disentitle(tx, before.id, &contact)?,
        }
    }
    if new == 0 {
        return again(tx, before);
    }
    let detail = json!({ "mailboxes": new });
    let drop = act(tx, &before, before.clone(), EventKind::GuestsNamed, &detail, hand.staff)?;
    done(tx, drop)
}

/// Mailboxes that are guests of a drop, and how many of them came.
pub fn guests(tx: &mut Tx<'_>, drop: DropId) -> Result<(i64, i64)> {
    store::entitlements(tx, drop)
}

/// What whoever brings a link that was made up or taken back learns.
pub fn no_such_link() -> Error {
    Error::conflict(
        "no_such_early_link",
        "This link does not let anybody in earlier. The drop opens for everybody at its time.",
    )
}

/// Whether a browser is a guest of a drop, whatever time it is.
pub fn is_guest(tx: &mut Tx<'_>, drop: DropId, key: &[u8; 32]) -> Result<bool> {
    store::is_guest(tx, drop, key)
}

/// Whether a browser may buy in a drop before everybody else.
pub fn may_enter(tx: &mut Tx<'_>, drop: &Drop, key: Option<&[u8; 32]>) -> Result<bool> {
    match key {
        Some(key) if drop.is_early(tx.now()) => store::is_guest(tx, drop.id, key),
        _ => Ok(false),
    }
}

/// At a guest's tap: opens the gate of what they want for the reservation that follows in the same transaction. False: there is no need, the drop is
/// open for everybody, or was meanwhile.
pub fn open_for_guest(tx: &mut Tx<'_>, id: DropId, variants: &[VariantId], key: Option<&[u8; 32]>) -> Result<bool> {
    let drop = store::load(tx, id)?;
    if !may_enter(tx, &drop, key)? {
        return Ok(false);
    }
    for variant in variants {
        // Whoever opens it for everybody waits for this commit, or was first: then there is nothing to do.
        inventory::hold_still(tx, drop.place(), *variant)?;
    }
    if store::load(tx, id)?.state != DropState::Scheduled {
        return Ok(false);
    }
    for variant in variants {
        inventory::set_gate_of(tx, drop.place(), *variant, Gate::Open)?;
    }
    Ok(true)
}

/// After a guest's reservation.
pub fn shut_after_guest(tx: &mut Tx<'_>, id: DropId, variants: &[VariantId]) -> Result<()> {
    for variant in variants {
        inventory::set_gate_of(tx, super::place(id), *variant, Gate::Shut)?;
    }
    Ok(())
}
