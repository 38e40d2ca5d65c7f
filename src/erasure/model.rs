//! Erasures: whom they are about, what holds them up, and where they stand.

use crate::checkout::Contact;
use crate::drops::{plain_email, plain_phone};
use crate::kernel::{CheckoutId, ErasureId, Error, Id, OrderId, Result, ShopId, StaffId, Time, words};
use hmac::{Hmac, Mac};
use sha2::Sha256;

crate::words! {
    /// Where an erasure stands.
    pub enum ErasureState {
        /// Everything about the buyer is being looked for.
        Looking = "looking",
        /// What could be erased is; something is held, or the confirmation has not left.
        Open = "open",
        Done = "done",
    }
}

crate::words! {
    /// Who asked.
    pub enum AskedBy {
        /// The buyer, on the page of an order.
        Buyer = "buyer",
        /// Somebody of the shop, for them.
        Staff = "staff",
        /// The list of erasures, read into a restored backup.
        List = "list",
    }
}

crate::words! {
    /// How it stands with one purchase.
    pub enum ItemState {
        Waiting = "waiting",
        Held = "held",
        Erased = "erased",
    }
}

crate::words! {
    /// Why something is held.
    #[schema(as = HoldReason)]
    pub enum Why {
        /// It is being bought.
        Purchase = "purchase",
        /// Goods have still to leave.
        Goods = "goods",
        /// Money is on its way, or nobody knows where it is.
        Money = "money",
        /// A bank asks, or decides.
        Dispute = "dispute",
        /// Something is on its way back.
        Return = "return",
        /// A drop with a limit for each buyer is on.
        Limit = "limit",
        /// A bank may still ask: the evidence has to be whole.
        Evidence = "evidence",
    }
}

impl Why {
    /// For people: "a dispute at a bank is not decided".
    pub fn words(self) -> &'static str {
        match self {
            Self::Purchase => "it is being bought right now",
            Self::Goods => "something of it has still to be sent",
            Self::Money => "its payment is not over",
            Self::Dispute => "a dispute at a bank is not decided",
            Self::Return => "something of it is on its way back",
            Self::Limit => "it was bought in a drop that is still on, with a limit for each buyer",
            Self::Evidence => "a bank may still ask about its payment",
        }
    }
}

/// What holds a purchase up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    pub why: Why,
    /// When it ends; none: with what happens.
    pub until: Option<Time>,
}

/// Who is to be erased: a mailbox or a telephone number, however it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// As it was typed, for the confirmation. Empty for a number.
    pub email: String,
    plain: String,
}

impl Subject {
    /// Reads what was typed. Errors: `invalid_field`.
    pub fn read(text: &str) -> Result<Self> {
        let text = text.trim();
        let contact = if text.contains('@') {
            Contact {
                email: Some(text.to_owned()),
                phone: None,
            }
        } else {
            Contact {
                email: None,
                phone: Some(text.to_owned()),
            }
        };
        let wrong = || Error::field("/contact", "Write an e-mail address or a telephone number.");
        let contact = contact.checked().map_err(|_| wrong())?;
        let plain = plain_names(&contact).into_iter().next().ok_or_else(wrong)?;
        Ok(Self {
            email: contact.email.unwrap_or_default(),
            plain,
        })
    }

    /// What is kept of it: whoever has the database and not the installation's key cannot try addresses.
    pub fn hash(&self, key: &[u8; 32], shop: ShopId) -> [u8; 32] {
        keyed(key, shop, &self.plain)
    }

    /// Whether they can be reached so.
    pub fn is(&self, contact: &Contact) -> bool {
        plain_names(contact).contains(&self.plain)
    }
}

fn plain_names(contact: &Contact) -> Vec<String> {
    let email = contact
        .email
        .as_deref()
        .map(plain_email)
        .filter(|email| !email.is_empty());
    let phone = contact
        .phone
        .as_deref()
        .map(plain_phone)
        .filter(|phone| !phone.is_empty());
    let named = email.map(|email| format!("e{email}"));
    named
        .into_iter()
        .chain(phone.map(|phone| format!("p{phone}")))
        .collect()
}

/// The hashes of everything a contact can be asked for by.
pub(super) fn hashes(key: &[u8; 32], shop: ShopId, contact: &Contact) -> Vec<[u8; 32]> {
    let names = plain_names(contact);
    names.iter().map(|name| keyed(key, shop, name)).collect()
}

fn keyed(key: &[u8; 32], shop: ShopId, name: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key length");
    mac.update(b"erasure");
    mac.update(shop.uuid().as_bytes());
    mac.update(name.as_bytes());
    mac.finalize().into_bytes().into()
}

/// A wish to be erased, and how far it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    pub id: ErasureId,
    pub shop: ShopId,
    pub subject: [u8; 32],
    /// Where the confirmation goes; empty once it is written.
    pub email: String,
    pub asked_by: AskedBy,
    pub staff: Option<StaffId>,
    pub state: ErasureState,
    pub asked_at: Time,
    pub done_at: Option<Time>,
    pub next_check_at: Option<Time>,
}

/// A purchase it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub checkout: CheckoutId,
    pub state: ItemState,
    /// Of a held one.
    pub reasons: Vec<Why>,
    /// When that ends, as far as it is known.
    pub until: Option<Time>,
    /// The number of its order, if one was born.
    pub number: Option<String>,
}

impl Item {
    pub fn order(&self) -> Option<OrderId> {
        self.number.as_ref().map(|_| self.checkout.order())
    }

    /// "Order ABCD-1234: a dispute at a bank is not decided."
    pub fn words(&self) -> String {
        said(self.number.as_deref(), &self.reasons, self.until)
    }
}

/// A purchase that is held, as a preview tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub checkout: CheckoutId,
    pub number: Option<String>,
    pub holds: Vec<Hold>,
}

impl Held {
    pub fn words(&self) -> String {
        let reasons: Vec<Why> = self.holds.iter().map(|hold| hold.why).collect();
        said(self.number.as_deref(), &reasons, until(&self.holds))
    }
}

/// When the last of them ends, if that is known of all.
pub(super) fn until(holds: &[Hold]) -> Option<Time> {
    let known: Option<Vec<Time>> = holds.iter().map(|hold| hold.until).collect();
    known.and_then(|known| known.into_iter().max())
}

fn said(number: Option<&str>, reasons: &[Why], until: Option<Time>) -> String {
    let what = number.map_or_else(|| "A purchase".to_owned(), |number| format!("Order {number}"));
    let why: Vec<&str> = reasons.iter().map(|why| why.words()).collect();
    let when = until.map_or_else(String::new, |at| format!(", until {}", words::exact(at)));
    format!("{what}: {}{when}.", why.join(", and "))
}

/// What would be erased now, and what would be held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// Orders.
    pub orders: usize,
    /// Purchases that became no order.
    pub begun: usize,
    pub letters: usize,
    pub cards: usize,
    pub held: Vec<Held>,
}
