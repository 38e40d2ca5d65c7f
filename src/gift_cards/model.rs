//! A gift card, its code, and what a checkout uses of it.

use crate::kernel::{
    CheckoutId, Currency, Error, GiftCardId, GiftCardMoveId, Id, Kind, Money, OrderId, Result, ShopId, StaffId, Time,
};
use crate::payments::{Allocation, Part, PlannedLeg};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write;

crate::words! {
    /// Why a card was issued; it says what the ledger books against.
    pub enum Reason {
        /// The shop was paid for it, outside of its processors: over the counter, by transfer.
        Sold = "sold",
        /// The shop gave it away, and bears what is bought with it.
        Given = "given",
        /// Money of an order that went back onto it in place of the way it came. Nobody sells one, and it never expires.
        StoreCredit = "store_credit",
    }
}

crate::words! {
    /// Whether a card may be used.
    pub enum GiftCardState {
        Active = "active",
        /// Somebody here said no. What it holds is still owed, and what is held for orders is still taken.
        Disabled = "disabled",
    }
}

crate::words! {
    /// What happened to a card.
    pub enum MoveKind {
        Issued = "issued",
        /// Set aside for a checkout.
        Held = "held",
        /// Let go again: declined, canceled, run out.
        Released = "released",
        /// Paid for a parcel.
        Taken = "taken",
        /// Came back with a refund.
        Returned = "returned",
        /// Disabled, enabled, given another end or note.
        Changed = "changed",
        /// More was put on it: store credit.
        Credited = "credited",
        /// Store credit that went back as money after all.
        PaidOut = "paid_out",
    }
}

/// How a card stands for whoever wants to use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Usable,
    Disabled,
    Expired,
    /// Nothing is left; what is held for orders may come back.
    UsedUp,
}

/// A gift card of a shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GiftCard {
    pub id: GiftCardId,
    pub shop: ShopId,
    pub last_four: String,
    pub currency: Currency,
    /// Everything that was ever put on it.
    pub initial_minor: i64,
    /// What may be spent.
    pub balance_minor: i64,
    /// Set aside for checkouts and orders, not taken yet.
    pub held_minor: i64,
    pub reason: Reason,
    pub state: GiftCardState,
    pub note: String,
    /// None: never. What was held before goes on.
    pub expires_at: Option<Time>,
    pub version: i64,
    pub created_at: Time,
    /// Of a store credit: the order whose money it is.
    pub order: Option<OrderId>,
}

impl GiftCard {
    pub fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency)
    }

    pub fn balance(&self) -> Money {
        self.money(self.balance_minor)
    }

    pub fn standing(&self, now: Time) -> Standing {
        match self.state {
            GiftCardState::Disabled => Standing::Disabled,
            GiftCardState::Active if self.expires_at.is_some_and(|end| end <= now) => Standing::Expired,
            GiftCardState::Active if self.balance_minor == 0 => Standing::UsedUp,
            GiftCardState::Active => Standing::Usable,
        }
    }

    /// Refuses a card that cannot pay in this currency now, for whoever holds its code. Order: disabled, expired, other currency, used up.
    pub(super) fn usable(&self, currency: Currency, now: Time) -> Result<()> {
        let no = |code, detail: String| Err(Error::conflict(code, detail));
        match self.standing(now) {
            Standing::Disabled => no(
                "gift_card_disabled",
                "The shop has stopped this gift card. Ask the shop; nothing was charged.".into(),
            ),
            Standing::Expired => no(
                "gift_card_expired",
                "This gift card has expired. Nothing was charged.".into(),
            ),
            _ if self.currency != currency => no(
                "gift_card_other_currency",
                format!(
                    "This gift card is in {}, and the prices here are in {currency}. Nothing was charged.",
                    self.currency
                ),
            ),
            Standing::UsedUp => no(
                "gift_card_used_up",
                "Nothing is left on this gift card. Nothing was charged.".into(),
            ),
            Standing::Usable => Ok(()),
        }
    }
}

/// Whoever tries codes learns the same of a wrong one, of another shop's, and of what is no code at all.
pub(super) fn unknown() -> Error {
    Error::new(
        Kind::NotFound,
        "no_such_gift_card",
        "There is no gift card with this code here. Look at it once more; nothing was charged.",
    )
}

/// Less is on the card than the buyer was shown.
pub(super) fn changed(left: Money) -> Error {
    Error::conflict(
        "gift_card_changed",
        format!(
            "The gift card was used elsewhere meanwhile: {left} is left on it. Look at the total again; nothing was charged."
        ),
    )
}

/// A gift card's code: a hundred random bits in twenty letters and digits, without those that are mistaken for others.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(String);

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 20;

impl Code {
    /// From 256 random bits as text.
    pub fn of_token(token: &str) -> Self {
        let bytes = Sha256::digest(token.as_bytes());
        let letter = |byte: &u8| char::from(ALPHABET[usize::from(byte & 31)]);
        Self(bytes.iter().take(LENGTH).map(letter).collect())
    }

    /// The code of an order's store credit: it follows from the installation's key, so that it can be told again to whoever has the receipt.
    pub fn of_credit(signing_key: &[u8; 32], order: OrderId) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(signing_key).expect("HMAC takes any key length");
        mac.update(b"store credit");
        mac.update(order.uuid().as_bytes());
        let code: String = mac
            .finalize()
            .into_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self::of_token(&code)
    }

    /// As people type it: any case, with or without dashes and spaces, o for 0, i and l for 1.
    pub fn read(text: &str) -> Option<Self> {
        let mut code = String::with_capacity(LENGTH);
        for letter in text.chars().filter(|letter| !matches!(letter, ' ' | '-' | '–' | '—')) {
            let letter = match letter.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                letter => letter,
            };
            if code.len() == LENGTH || !letter.is_ascii() || !ALPHABET.contains(&(letter as u8)) {
                return None;
            }
            code.push(letter);
        }
        (code.len() == LENGTH).then_some(Self(code))
    }

    /// What is kept of it: with the shop, so that no code is known at another.
    pub(super) fn hash(&self, shop: ShopId) -> [u8; 32] {
        Sha256::new()
            .chain_update(b"gift card")
            .chain_update(shop.uuid())
            .chain_update(self.0.as_bytes())
            .finalize()
            .into()
    }

    pub fn last_four(&self) -> &str {
        &self.0[LENGTH - 4..]
    }

    /// "7K3M-…": in full, for the one time it is shown.
    pub fn in_full(&self) -> String {
        let mut text = String::with_capacity(LENGTH + 4);
        for (index, letter) in self.0.chars().enumerate() {
            if index > 0 && index % 4 == 0 {
                text.push('-');
            }
            text.push(letter);
        }
        text
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code(…")?;
        f.write_str(self.last_four())?;
        f.write_char(')')
    }
}

/// The part of a checkout's total that a gift card pays: frozen with the offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covers {
    pub card: GiftCardId,
    pub minor: i64,
    pub last_four: String,
}

/// What a checkout, and the order it became, uses of a card.
#[derive(Clone, Debug)]
pub struct Use {
    pub checkout: CheckoutId,
    pub card: GiftCardId,
    pub shop: ShopId,
    pub covers_minor: i64,
    pub held_minor: i64,
    pub taken_minor: i64,
    pub returned_minor: i64,
    /// Its part of the split of the sale; none before the payment began.
    pub allocation: Option<Allocation>,
    pub moves: Vec<Move>,
}

impl Use {
    fn legs(&self, kind: MoveKind) -> impl Iterator<Item = &PlannedLeg> {
        let moves = self.moves.iter().filter(move |one| one.kind == kind);
        moves.flat_map(|one| &one.legs)
    }

    pub fn taken_legs(&self) -> Vec<PlannedLeg> {
        self.legs(MoveKind::Taken).cloned().collect()
    }

    pub fn returned_legs(&self) -> Vec<PlannedLeg> {
        self.legs(MoveKind::Returned).cloned().collect()
    }

    /// What was taken of a line or of the delivery.
    pub fn taken(&self, part: Part) -> i64 {
        let mine = self.legs(MoveKind::Taken).filter(|leg| leg.part == part);
        mine.map(|leg| leg.minor).sum()
    }

    /// What came back of it.
    pub fn returned(&self, part: Part) -> i64 {
        let mine = self.legs(MoveKind::Returned).filter(|leg| leg.part == part);
        mine.map(|leg| leg.minor).sum()
    }

    /// What may still come back.
    pub fn returnable_minor(&self) -> i64 {
        self.taken_minor - self.returned_minor
    }
}

/// Something that happened to a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    pub id: GiftCardMoveId,
    pub card: GiftCardId,
    pub kind: MoveKind,
    /// The parcel or the adjustment it was for; else itself.
    pub source: uuid::Uuid,
    pub checkout: Option<CheckoutId>,
    pub minor: i64,
    pub detail: String,
    pub legs: Vec<PlannedLeg>,
    pub staff: Option<StaffId>,
    pub at: Time,
}
