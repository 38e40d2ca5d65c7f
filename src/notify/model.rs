//! Letters and the rules of sending them.

use crate::kernel::{MailId, Seconds, ShopId, Time};
use uuid::Uuid;

crate::words! {
    /// What a letter tells. With its subject it is the letter's natural key.
    pub enum MailKind {
        /// An order was confirmed.
        Receipt = "receipt",
        /// A parcel is on its way.
        Shipped = "shipped",
        Canceled = "canceled",
        /// Units were canceled before they left.
        UnitsCanceled = "units_canceled",
        /// The acknowledgement of a withdrawal.
        Withdrawn = "withdrawn",
        /// What is to come back has not come.
        ReturnAwaited = "return_awaited",
        /// Something leaves for what they send back.
        ExchangeAsked = "exchange_asked",
        /// It is dearer: please pay the difference.
        ExchangePayable = "exchange_payable",
        Refunded = "refunded",
        /// Money that went back was turned back by their bank.
        RefundFailed = "refund_failed",
        /// The bank's promise is over: please pay again.
        PaymentLost = "payment_lost",
        /// They did not, and what had not left was canceled.
        RestCanceled = "rest_canceled",
        /// To the shop's owners: an address is not sent any more events.
        WebhookDisabled = "webhook_disabled",
        /// Somebody asked for a letter of a drop: was it they?
        DropConfirm = "drop_confirm",
        /// What they waited for is kept for them.
        DropOffer = "drop_offer",
        /// A drop opens soon.
        DropOpening = "drop_opening",
        /// What they pre-ordered takes longer than they were promised.
        PreorderLate = "preorder_late",
        /// Their personal data was deleted; what is held for now, and why.
        Erased = "erased",
    }
}

/// A letter to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMail {
    pub shop: ShopId,
    pub kind: MailKind,
    /// The order, parcel or refund it is about.
    pub about: Uuid,
    pub to: String,
    pub subject: String,
    /// JSON: what the letter says, as it was when it was written down. The words around it are put when it leaves.
    pub says: String,
}

/// A letter as it was written to a buyer, for whoever has to show what they were told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub kind: MailKind,
    pub to: String,
    pub subject: String,
    /// Without the keys in its links.
    pub text: String,
    pub written_at: Time,
    /// None: it did not leave, or not yet.
    pub sent_at: Option<Time>,
    /// What the mail server said last, if it did not leave.
    pub trouble: String,
}

/// A text whose links open nothing: what stands in a letter for its buyer's eyes is for theirs only.
pub(super) fn without_keys(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("?t=") {
        let (before, key) = rest.split_at(at);
        kept.push_str(before);
        rest = key.find(char::is_whitespace).map_or("", |end| &key[end..]);
    }
    kept.push_str(rest);
    kept
}

/// A letter that somebody took to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub id: MailId,
    pub kind: MailKind,
    pub to: String,
    pub subject: String,
    pub says: String,
    /// Grows with every taker; the fence of whatever is written about the letter afterwards.
    pub lease: i64,
    pub tries: u32,
}

/// Letters an address gets on one day. A person who buys twenty times hears of the rest on the order pages.
pub(super) const LETTERS_A_DAY: i64 = 20;
/// How long a taker may keep a letter: longer than any mail server is waited for.
pub(super) const LEASE: Seconds = Seconds::minutes(5);

/// Waiting after each failed try; after the last one the letter ends as refused.
const PAUSES: [Seconds; 8] = [
    Seconds::minutes(1),
    Seconds::minutes(5),
    Seconds::minutes(15),
    Seconds::hours(1),
    Seconds::hours(4),
    Seconds::hours(8),
    Seconds::hours(12),
    Seconds::hours(24),
];

/// When to try again after `tries` tries; none when it was tried long enough.
pub(super) fn next_try(now: Time, tries: u32) -> Option<Time> {
    let index = usize::try_from(tries.saturating_sub(1)).ok()?;
    PAUSES.get(index).map(|pause| now.plus(*pause))
}

/// One line that can stand in a header: a shop's name must not begin another one.
pub(super) fn one_line(text: &str) -> String {
    text.split(|letter: char| letter.is_whitespace() || letter.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A server's words, short enough to keep.
pub(super) fn short(text: &str) -> String {
    one_line(text).chars().take(300).collect()
}
