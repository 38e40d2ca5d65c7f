//! Intents, attempts, captures and refunds: their states and what they carry.

use super::allocation::{Allocation, PlannedLeg};
use crate::kernel::{
    AdjustmentId, AttemptId, CaptureId, CheckoutId, Error, Id, IntentId, Money, RefundId, Result, Reuse, Seconds,
    ShipmentId, ShopId, Time,
};
use uuid::Uuid;

macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$state_doc:meta])* $state:ident $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$state_doc])* $state,)* }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$state),*];
            pub fn name(self) -> &'static str {
                match self { $(Self::$state => $text),* }
            }
        }
        impl std::str::FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self> {
                Self::ALL.iter().copied().find(|state| state.name() == text)
                    .ok_or_else(|| Error::internal(format!(concat!(stringify!($name), " has no state {}"), text)))
            }
        }
        impl crate::db::Bind for $name {
            fn value(&self) -> crate::db::Value<'_> {
                crate::db::Value::Text(std::borrow::Cow::Borrowed(self.name()))
            }
        }
        impl crate::db::Column for $name {
            fn read(cell: crate::db::Cell<'_>) -> Result<Self> {
                String::read(cell)?.parse()
            }
        }
    };
}

pub(super) use states;

states! {
    /// One wish to be paid.
    IntentState {
        /// Waits for the buyer to choose how to pay; a declined attempt comes back here.
        RequiresMethod "requires_method",
        /// An attempt is on its way.
        Processing "processing",
        /// The buyer has to confirm at their bank.
        RequiresAction "requires_action",
        /// An attempt was asked for and nobody knows what became of it.
        Unknown "unknown",
        /// The processor answered with another amount, currency or reference. Only a person moves it on.
        Conflicted "conflicted",
        /// The money is promised.
        RequiresCapture "requires_capture",
        PartiallyCaptured "partially_captured",
        /// Everything that was to be taken is.
        Succeeded "succeeded",
        Canceled "canceled",
        /// The promise lapsed before it was used up: nothing more is taken without a new one.
        Expired "expired",
    }
}

states! {
    /// One try at one processor.
    AttemptState {
        /// Written down, perhaps sent.
        Sending "sending",
        /// Accepted; the result comes later.
        Pending "pending",
        RequiresAction "requires_action",
        Authorized "authorized",
        /// A definite no.
        Failed "failed",
        /// Asked, and we do not know. Not failed.
        Unknown "unknown",
        /// The processor has no such payment, long after it would show one.
        NotExecuted "not_executed",
        /// It certainly never left.
        NotSent "not_sent",
        Conflicted "conflicted",
        /// Owes the buyer a void; a job keeps at it until it is done.
        Voiding "voiding",
        Voided "voided",
        Captured "captured",
    }
}

states! {
    /// How a promise is taken: decided when it is asked for, from what its processor can.
    Taking {
        /// A capture a parcel; the last one lets the rest go.
        Each "each",
        /// One capture in all: with the last parcel, or of what has left before the promise ends.
        Once "once",
    }
}

states! {
    /// A part of the promise, being taken.
    CaptureState {
        /// Has left, and is set aside: taken with the last parcel, or before the promise ends.
        Waiting "waiting",
        Sending "sending",
        Unknown "unknown",
        Succeeded "succeeded",
        Failed "failed",
        Conflicted "conflicted",
    }
}

states! {
    /// Money on its way back.
    RefundState {
        /// It certainly never left; it will be sent again.
        NotSent "not_sent",
        Sending "sending",
        Unknown "unknown",
        Succeeded "succeeded",
        Failed "failed",
        Conflicted "conflicted",
    }
}

impl AttemptState {
    /// In flight: while one attempt of an intent is, no other may start.
    pub fn is_open(self) -> bool {
        matches!(
            self,
            Self::Sending | Self::Pending | Self::RequiresAction | Self::Unknown
        )
    }

    /// Whether the edge is declared. Given-up states lead to `Voiding` only: money that comes late after all is let go again.
    pub fn may_become(self, next: Self) -> bool {
        use AttemptState as S;
        match self {
            S::Sending | S::Unknown | S::Pending | S::RequiresAction => next != S::Sending && next != S::Captured,
            S::Authorized => matches!(next, S::Voiding | S::Voided | S::Captured | S::Conflicted),
            S::Failed | S::NotExecuted | S::NotSent => next == S::Voiding,
            S::Voiding => matches!(next, S::Voided | S::Conflicted),
            S::Conflicted | S::Voided | S::Captured => false,
        }
    }
}

impl IntentState {
    /// Waits for an attempt's answer.
    pub fn waits(self) -> bool {
        matches!(self, Self::Processing | Self::RequiresAction | Self::Unknown)
    }
    pub fn is_capturable(self) -> bool {
        matches!(self, Self::RequiresCapture | Self::PartiallyCaptured)
    }
}

/// What is asked of a processor about a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Authorize,
    Capture(CaptureId),
    Void,
    Refund(RefundId),
}

/// A wish to be paid, to be written down.
#[derive(Clone, Debug)]
pub struct OpenIntent {
    pub shop: ShopId,
    pub checkout: CheckoutId,
    pub amount: Money,
    pub allocation: Allocation,
}

/// One wish to be paid.
#[derive(Clone, Debug)]
pub struct Intent {
    pub id: IntentId,
    pub shop: ShopId,
    pub checkout: CheckoutId,
    pub state: IntentState,
    pub amount: Money,
    pub authorized_minor: i64,
    pub capture_pending_minor: i64,
    pub captured_minor: i64,
    pub refund_pending_minor: i64,
    pub refunded_minor: i64,
    /// Taken back by banks: of disputes that are open or lost.
    pub disputed_minor: i64,
    /// Disputes that the banks have not decided: nothing is given back meanwhile.
    pub disputes_open: u32,
    /// Of units that were canceled: it will never be taken.
    pub let_go_minor: i64,
    pub allocation: Allocation,
    pub attempts: u32,
    pub version: i64,
    /// Since when the buyer is asked to pay again, because the promise was lost.
    pub lost_at: Option<Time>,
    /// Tries without the buyer.
    pub own_asks: u32,
    /// What the newest attempt pays with; empty before the first.
    pub method: String,
    /// How the money of the newest attempt is taken.
    pub taking: Taking,
    /// Of a payment in conflict: where it stood before.
    pub was: Option<IntentState>,
}

impl Intent {
    /// Nothing is promised, and the buyer was asked to pay again: nothing may leave.
    pub fn is_lost(&self) -> bool {
        self.lost_at.is_some()
    }
    /// It closed without a sale and holds money all the same: giving it back was refused.
    pub fn is_owed_back(&self) -> bool {
        self.state == IntentState::Canceled && self.refundable_minor() > 0
    }
    /// What is neither taken nor being taken, nor was let go with canceled units.
    pub fn rest(&self) -> Money {
        let minor = self.amount.minor - self.let_go_minor - self.captured_minor - self.capture_pending_minor;
        Money::new(minor, self.amount.currency)
    }
    /// What may still be captured.
    pub fn capturable_minor(&self) -> i64 {
        if self.state.is_capturable() {
            self.authorized_minor - self.captured_minor - self.capture_pending_minor
        } else {
            0
        }
    }
    /// What may still be given back.
    pub fn refundable_minor(&self) -> i64 {
        self.captured_minor - self.refunded_minor - self.refund_pending_minor - self.disputed_minor
    }
}

/// One try at one processor.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub id: AttemptId,
    pub intent: IntentId,
    pub shop: ShopId,
    pub checkout: CheckoutId,
    pub n: u32,
    pub processor: String,
    pub method: String,
    /// The processor's token of the method; never a card number.
    pub token: String,
    pub state: AttemptState,
    /// What is asked for: the sale, or the rest of it.
    pub amount: Money,
    pub taking: Taking,
    /// How long its promise lasts where the answer does not say.
    pub window: Option<Seconds>,
    /// Asked by us, with nobody there.
    pub off_session: bool,
    /// The processor's name for the payment; empty until it told us.
    pub payment: String,
    pub decline: String,
    pub action_url: String,
    pub capture_before: Option<Time>,
    pub tries: u32,
    pub next_check_at: Option<Time>,
    pub created_at: Time,
    /// Where a bank sends the buyer back to. Not stored: the processor keeps it with the payment. Empty means the start page.
    pub return_url: String,
    /// Whether its card is used again. Not stored here: [`super::stored::reuse_of`] knows.
    pub reuse: Reuse,
}

impl Attempt {
    /// How the processor knows the payment: our checkout and which try it is. The order's id follows from it, so money without an order can
    /// always be matched (P17).
    pub fn reference(&self) -> String {
        format!("{}/{}", self.checkout, self.n)
    }

    /// The idempotency key of an operation on this payment: never used for anything else, and the same for every repetition but those of letting go.
    pub fn key(&self, operation: Operation) -> String {
        let name = match operation {
            Operation::Authorize => format!("authorize/{}", self.n),
            // A key is one request for ever, also one that found nothing to let go of: told again, it is another.
            Operation::Void if self.tries > 0 => format!("void/{}/{}", self.n, self.tries),
            Operation::Void => format!("void/{}", self.n),
            Operation::Capture(capture) => format!("capture/{capture}"),
            Operation::Refund(refund) => format!("refund/{refund}"),
        };
        Uuid::new_v5(&self.id.uuid(), name.as_bytes()).to_string()
    }
}

/// Reads a reference of ours back.
pub fn read_reference(reference: &str) -> Option<(CheckoutId, u32)> {
    let (checkout, n) = reference.split_once('/')?;
    Some((checkout.parse().ok()?, n.parse().ok()?))
}

/// A part of the promise, taken for one shipment.
#[derive(Clone, Debug)]
pub struct Capture {
    pub id: CaptureId,
    pub intent: IntentId,
    pub shop: ShopId,
    pub shipment: ShipmentId,
    pub amount: Money,
    pub last: bool,
    pub state: CaptureState,
    pub fee_minor: i64,
    pub legs: Vec<PlannedLeg>,
    pub tries: u32,
    pub created_at: Time,
    /// The payment it takes from.
    pub attempt: Attempt,
    /// A person said what became of it, in the processor's place.
    pub told: bool,
}

/// Money given back.
#[derive(Clone, Debug)]
pub struct Refund {
    pub id: RefundId,
    pub intent: IntentId,
    pub shop: ShopId,
    pub adjustment: AdjustmentId,
    pub amount: Money,
    pub state: RefundState,
    pub legs: Vec<PlannedLeg>,
    pub tries: u32,
    pub created_at: Time,
    pub attempt: Attempt,
    /// A person said what became of it, in the processor's place.
    pub told: bool,
}

/// What a capture will take, worked out from the frozen split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturePlan {
    pub amount: Money,
    pub legs: Vec<PlannedLeg>,
    /// Nothing will be taken after it: the processor may let the rest go.
    pub last: bool,
}

/// What a refund will give back, worked out from what was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundPlan {
    pub amount: Money,
    pub legs: Vec<PlannedLeg>,
}

impl RefundPlan {
    /// How much of a part goes back.
    pub fn of_part(&self, part: super::Part) -> i64 {
        self.legs
            .iter()
            .filter(|leg| leg.part == part)
            .map(|leg| leg.minor)
            .sum()
    }
}

/// How long after it was made a payment may still be on its way to the processor: "no such payment" means nothing before that.
pub const VISIBILITY: Seconds = Seconds(90);
/// A row that was being sent and heard nothing for so long belongs to a crash.
pub const SENDING: Seconds = Seconds(60);
/// A buyer has so long to confirm at their bank.
pub const ACTION: Seconds = Seconds::minutes(15);
/// So long the wish to buy stands when nobody says what became of it: after that no request is repeated that might only now be executed.
pub const WISH: Seconds = Seconds::minutes(30);
/// A payment that waits for its buyer, and a processor that says nothing of it for so long since it was asked for: it is unknown like any other.
pub const SILENT: Seconds = Seconds::hours(1);
/// Tries at an intent, whatever happens.
pub const ATTEMPTS_MAX: u32 = 10;

const CHECKS: [Seconds; 11] = [
    Seconds(10),
    Seconds(30),
    Seconds::minutes(2),
    Seconds::minutes(10),
    Seconds::hours(1),
    Seconds::hours(6),
    Seconds::days(1),
    Seconds::days(1),
    Seconds::days(1),
    Seconds::days(1),
    Seconds::days(1),
];

/// When an unknown is asked about again, after so many checks. After the last one it is a person's turn, and the program goes on asking daily.
pub fn next_check(now: Time, tries: u32) -> Time {
    let index = usize::try_from(tries).unwrap_or(usize::MAX).min(CHECKS.len() - 1);
    now.plus(CHECKS[index])
}

/// Whether asking the processor has not helped and a person has to.
pub fn needs_a_person(tries: u32) -> bool {
    usize::try_from(tries).unwrap_or(usize::MAX) >= CHECKS.len()
}

/// The largest amount a processor takes at once: eight digits, as Stripe has it.
pub const AMOUNT_MAX: i64 = 99_999_999;

/// Amounts that can be asked for. Zero needs no processor at all.
pub fn check_amount(amount: Money) -> Result<()> {
    if amount.minor <= 0 {
        return Err(Error::invalid(
            "amount_too_small",
            format!("{amount} cannot be charged."),
        ));
    }
    if amount.minor > AMOUNT_MAX {
        return Err(Error::invalid(
            "amount_too_large",
            format!("{amount} is more than can be charged at once."),
        ));
    }
    Ok(())
}
