//! The port to a payment service provider. An adapter is a stateless translator: it never decides, and says honestly what it does not know.

use super::{Currency, Money, MoneyOut, Result, Seconds, Time};
use serde::{Deserialize, Serialize};
use std::future::{Future, ready};
use std::pin::Pin;

/// Whether the buyer is there when a promise is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// They can answer their bank.
    Buyer,
    /// Nobody is: we ask by ourselves for a purchase they made, and a bank that wants to hear them says no. Stripe: `off_session`; Adyen:
    /// `ContAuth` with `UnscheduledCardOnFile`.
    Nobody,
}

/// What we ask. `key` is the idempotency key: one key, one set of parameters, for ever.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Promise the money. `reference` is ours (the checkout id) and is how the payment is found again.
    Authorize {
        key: String,
        reference: String,
        amount: Money,
        token: String,
        return_url: String,
        session: Session,
        /// Whether the token is to be used again, or is being.
        reuse: Reuse,
    },
    /// Take some of what was promised; `last` lets the rest go.
    Capture {
        key: String,
        reference: String,
        payment: String,
        amount: Money,
        last: bool,
    },
    /// Let all go.
    Void {
        key: String,
        reference: String,
        payment: String,
    },
    /// Give back. `captured_by` names nothing for processors that refund by payment.
    Refund {
        key: String,
        reference: String,
        payment: String,
        amount: Money,
    },
    /// What became of the payment with our reference? Asked by the resolver; changes nothing. A question that is itself refused (a key that was
    /// changed, a search that is down) says nothing about the payment: that is unknown.
    Find { reference: String },
    /// What became of the operation with this key on that payment (a capture or refund whose answer was lost)? Refused says that the operation was;
    /// of a question that is itself refused: unknown.
    FindOperation {
        key: String,
        reference: String,
        payment: String,
    },
    /// The buyer came back from their bank with words that the provider put into the address: it says what became of the payment now. The same
    /// words again get the same answer.
    CameBack {
        key: String,
        reference: String,
        words: String,
    },
    /// Which token a promised payment left behind that was made with [`Reuse::Keep`] of the same owner. Changes nothing.
    Kept { payment: String, owner: String },
    /// Make a kept token useless, for good.
    Forget {
        key: String,
        token: String,
        customer: String,
    },
}

/// Whether a card is used once or again, and by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reuse {
    /// For this payment only.
    #[default]
    Once,
    /// The buyer agreed that it is kept: the token is to become one that can be used again. `owner` is our name for whose it is and says nothing
    /// about them.
    Keep { owner: String },
    /// Kept before, and the buyer is here and pays with it again. `customer` is the provider's name of whose it is.
    Kept { customer: String },
}

/// A card as its owner recognises it. Never a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardFace {
    /// `visa`, `mastercard` …; empty if the provider does not say.
    pub brand: String,
    pub last_four: String,
    /// Year and month, such as `2029-08`; empty if the provider does not say.
    pub expires: String,
}

impl CardFace {
    /// Reads what providers say: four digits, a month and a year. None if the four digits are none.
    pub fn read(brand: &str, last_four: &str, month: i64, year: i64) -> Option<Self> {
        let digits = last_four.len() == 4 && last_four.bytes().all(|byte| byte.is_ascii_digit());
        let dated = (1..=12).contains(&month) && (2000..=2200).contains(&year);
        digits.then(|| Self {
            brand: brand.chars().filter(char::is_ascii_alphanumeric).take(20).collect(),
            last_four: last_four.to_owned(),
            expires: if dated {
                format!("{year:04}-{month:02}")
            } else {
                String::new()
            },
        })
    }
}

/// What came back, in our words. The caller compares amount, currency and reference with what it asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Authorized {
        payment: String,
        reference: String,
        amount: Money,
        capture_before: Option<Time>,
        /// Says itself that this promise can be taken only once, whatever the provider can do for others.
        once: bool,
        /// What the processor calls the card wherever it turns up, if it says so: the same card, however often it is typed in.
        card: Option<String>,
    },
    /// The buyer has to confirm at `url` (3-D Secure, a redirect).
    RequiresAction {
        payment: String,
        url: String,
    },
    /// Taken. `fee` is the processor's, an estimate until reconciled.
    Captured {
        payment: String,
        reference: String,
        operation: String,
        amount: Money,
        fee: Money,
    },
    Voided {
        payment: String,
    },
    Refunded {
        payment: String,
        reference: String,
        operation: String,
        amount: Money,
    },
    /// A definite no to an authorisation.
    Declined {
        payment: String,
        decline: Decline,
    },
    /// A definite no to anything else, with the processor's reason for the log.
    Refused {
        detail: String,
    },
    /// A capture or refund that had succeeded was undone at the bank, days later.
    Undone {
        detail: String,
    },
    /// Accepted, the result comes later.
    Pending {
        payment: String,
    },
    /// The token that can be used again, and what its owner knows it by.
    Kept {
        token: String,
        customer: String,
        face: CardFace,
    },
    /// The token is useless from now on.
    Forgotten,
    /// There is definitely no such payment or operation.
    NotFound,
    /// The request certainly did not arrive: safe to send again.
    NotSent {
        detail: String,
    },
    /// We asked and do not know what happened. Not failed.
    Unknown {
        detail: String,
    },
}

/// Why a card was declined, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decline {
    /// May work later or with another amount: `insufficient_funds`, `processing_error` …
    Soft(&'static str),
    /// Never try this method again: `stolen_card`, `lost_card` …
    Hard(&'static str),
}

impl Decline {
    pub fn code(self) -> &'static str {
        match self {
            Self::Soft(code) | Self::Hard(code) => code,
        }
    }
}

/// What a provider can and cannot do, as data: read where a payment is routed, shown to whoever writes the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// What a buyer pays with: `card` or `manual`.
    pub method: &'static str,
    /// The currencies it takes, by ISO code. None named: all of them.
    pub currencies: &'static [&'static str],
    /// The currencies it counts in other decimals than ISO 4217 does.
    pub exponents: &'static [(&'static str, u32)],
    /// Takes a promise in several parts, one a parcel.
    pub multicapture: bool,
    /// Promises less than was asked for where the card has no more.
    pub partial_authorization: bool,
    /// Raises a promise that was made.
    pub incremental_authorization: bool,
    /// Lets go of the rest after a part was taken.
    pub void_after_partial_capture: bool,
    /// Promises again without the buyer, on a method that may be used again ([`Processor::reusable`]).
    pub off_session: bool,
    /// How long a promise lasts where its answer does not say.
    pub authorization_window: Option<Seconds>,
}

impl Capabilities {
    /// A card processor nobody has described yet: takes every currency, and no promise in parts.
    pub const CARD: Self = Self {
        method: "card",
        currencies: &[],
        exponents: &[],
        multicapture: false,
        partial_authorization: false,
        incremental_authorization: false,
        void_after_partial_capture: false,
        off_session: false,
        authorization_window: Some(Seconds::days(7)),
    };

    pub fn takes(&self, currency: Currency) -> bool {
        self.currencies.is_empty() || self.currencies.contains(&currency.code())
    }

    /// In how many decimals it counts amounts of a currency.
    pub fn exponent(&self, currency: Currency) -> u32 {
        let differs = self.exponents.iter().find(|(code, _)| *code == currency.code());
        differs.map_or(currency.exponent(), |(_, exponent)| *exponent)
    }

    /// Whether it can say the amount at all: its units may be coarser than ours.
    pub fn counts(&self, amount: Money) -> bool {
        let coarser = amount
            .currency
            .exponent()
            .saturating_sub(self.exponent(amount.currency));
        amount.minor % 10i64.pow(coarser) == 0
    }
}

/// How far a buyer's dispute has come at their bank, in our words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisputeStage {
    /// The bank only asks: no money has moved, and a refund may end it.
    Inquiry,
    /// The bank took the money back and waits for an answer.
    NeedsResponse,
    /// The time for an answer is over, or there never was one: lost, unless an answer was given before.
    TimeUp,
    /// An answer was given; the bank decides.
    UnderReview,
    Won,
    Lost,
}

/// What the provider charges for a dispute, or gives back of that: one movement of its own balance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeFee {
    /// The provider's name of the movement: heard of twice, it is booked once.
    pub name: String,
    /// Above zero it was kept, below zero it came back. In the currency of the provider's balance, which may be another one than the sale's.
    pub amount: MoneyOut,
}

/// A dispute as its provider has it, whole: what is told later takes nothing back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisputeTold {
    /// The provider's name for it, the same through all its rounds.
    pub name: String,
    /// 1, and 2 where the bank came back after a dispute was won.
    pub round: u32,
    /// Our reference of the payment; empty where the provider did not say it along with the dispute.
    pub reference: String,
    pub stage: DisputeStage,
    /// What is disputed, of what was taken.
    pub amount: Money,
    /// Why, by one of our codes ([`crate::payments::disputes::REASONS`]).
    pub reason: String,
    /// The bank's own code or words for it.
    pub detail: String,
    /// Until when it can be answered; none if it cannot, or not any more.
    pub due_by: Option<Time>,
    pub fees: Vec<DisputeFee>,
}

/// What is asked about a dispute. `dispute` is the provider's name of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisputeAsk {
    /// How does it stand? Changes nothing.
    Find { dispute: String },
    /// The buyer is right: it is lost, for good.
    Accept { key: String, dispute: String },
    /// The one answer: texts by the names of [`crate::payments::disputes::FIELDS`]. Final.
    Submit {
        key: String,
        dispute: String,
        texts: Vec<(String, String)>,
    },
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisputeAnswer {
    Told(Box<DisputeTold>),
    /// There is definitely no such dispute.
    NotFound,
    /// A definite no.
    Refused {
        detail: String,
    },
    /// The request certainly did not arrive.
    NotSent {
        detail: String,
    },
    /// We asked and do not know what happened.
    Unknown {
        detail: String,
    },
    /// This provider's disputes are not answered, or not asked about, through us.
    NotHere,
}

/// What a provider's notice is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    Authorize,
    Void,
    /// A dispute of the payment: all there is to know stands here, and the answer beside it says nothing.
    Dispute(Box<DisputeTold>),
    /// The capture or refund that was asked for under this key.
    Operation {
        key: String,
    },
    /// A refund that somebody made on the provider's own pages.
    RefundElsewhere {
        /// The provider's name of it.
        refund: String,
        /// The provider's name of the payment.
        payment: String,
    },
}

/// Something a provider told us without being asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The provider's name of the notice: the same one may come twice.
    pub id: String,
    /// Our reference of the payment.
    pub reference: String,
    pub about: About,
    pub answer: Answer,
}

/// What came in at the door for notices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Not from the provider, or too old: refuse it before any work.
    Forged,
    /// Genuine, and nothing to us.
    Ignored,
    /// What it says, in order: some providers send several at once.
    Notices(Vec<Notice>),
}

/// A payment as a provider's books have it, whatever we know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    /// The provider's name for it.
    pub payment: String,
    /// Ours.
    pub reference: String,
    /// What was asked for, what was taken of it, and what of that went back.
    pub amount: Money,
    pub captured: Money,
    pub refunded: Money,
    /// The provider's, for what was taken; an estimate.
    pub fee: Money,
    /// Whether what was not taken is still promised.
    pub promised: bool,
}

/// What a provider's books say when they are read; `None` for one that keeps no books.
pub type Books<'a> = Pin<Box<dyn Future<Output = Result<Option<Vec<Booked>>>> + Send + 'a>>;

/// A provider's adapter. `ask` does the network call with its own time limit and always answers.
pub trait Processor: Send + Sync {
    /// The name under which attempts store it: `sandbox`, `manual`, `stripe`, `adyen`.
    fn name(&self) -> &'static str;
    fn ask<'a>(&'a self, ask: &'a Ask) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;
    /// What it can do.
    fn capabilities(&self) -> Capabilities {
        Capabilities::CARD
    }
    /// Whether a token is one of its vault. Asked where several processors take cards: a card of another's vault would be a sure no.
    fn understands(&self, _token: &str) -> bool {
        true
    }
    /// Whether a token that was paid with once may be asked again without the buyer, as far as the token says. Most kinds are spent with their
    /// first payment.
    fn reusable(&self, _token: &str) -> bool {
        false
    }
    /// Every payment that was begun, or of which something went back, since then. Errors: the books could not be read to their end.
    fn booked(&self, _since: Time) -> Books<'_> {
        Box::pin(ready(Ok(None)))
    }
    /// For a provider that cannot be asked what became of something: how long the same request under the same key gets its first answer again
    /// and is done once. Within that time we may ask by asking again. `None`: it can be asked, or has nothing to say.
    fn repeats_for(&self) -> Option<Seconds> {
        None
    }
    /// Whose report of what was settled it writes, by the word of the format (docs/settlement-files.md). Empty: it is not known.
    fn settlement_format(&self) -> &'static str {
        ""
    }
    /// What it is expected to keep of a capture, where its answer is told by a person and not by itself: the estimate of its own answers.
    fn expected_fee(&self, captured: Money) -> Money {
        Money::zero(captured.currency)
    }
    /// Asks about a dispute, gives it up or answers it; the network call has its own time limit and always answers.
    fn dispute<'a>(&'a self, _ask: &'a DisputeAsk) -> Pin<Box<dyn Future<Output = DisputeAnswer> + Send + 'a>> {
        Box::pin(ready(DisputeAnswer::NotHere))
    }
    /// Whether a dispute of its payments can be given up and answered through us.
    fn answers_disputes(&self) -> bool {
        false
    }
    /// What the provider wants to read when its notice is stored; empty for those who look at the status.
    fn thanks(&self) -> &'static str {
        ""
    }
    /// Verifies a notice on its raw bytes and reads it. A provider without notices believes none.
    fn hear(&self, _body: &[u8], _signature: &str, _now: Time) -> Heard {
        Heard::Forged
    }
}
