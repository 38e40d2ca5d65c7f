//! Early access: some may buy minutes before a drop opens for everybody.
//!
//! Who may is asked in one place, [`may_enter`]: a row says that a browser is a guest of a drop. Today a guest is whoever opened a link the host made,
//! bound to the browser that opened it first; other entitlements write the same row.

use super::archive::act;
use super::model::{Drop, DropState, EventKind, Phase, unknown};
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
    if !store::insert_guest(tx, id, link, key)? {
        return Err(Error::engine(
            Engine::Retry,
            "the same browser came twice in one instant",
        ));
    }
    Ok(drop)
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
