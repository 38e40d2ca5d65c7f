//! Endpoints, events and deliveries, and the rules of sending that need no database.

use super::address::may_dial;
use crate::kernel::{
    Error, Fact, Id, Network, Result, Seconds, ShopId, Time, WebhookDeliveryId, WebhookEndpointId, WebhookEventId,
};
use reqwest::Url;
use std::net::IpAddr;
use uuid::Uuid;

crate::words! {
    /// What happened.
    #[schema(as = WebhookEventType)]
    pub enum EventType {
        /// A checkout became an order.
        OrderConfirmed = "order.confirmed",
        /// An order was canceled before anything was taken.
        OrderCanceled = "order.canceled",
        /// Units of an order were canceled before they left; the rest of it stays.
        OrderUnitsCanceled = "order.units_canceled",
        /// A buyer withdrew from the contract, or from a part of it.
        OrderWithdrawn = "order.withdrawn",
        /// Money goes back to the buyer.
        OrderRefunded = "order.refunded",
        /// A parcel was handed over, or a digital good released.
        ShipmentHandedOver = "shipment.handed_over",
        /// Money was taken, for a parcel or at once.
        PaymentCaptured = "payment.captured",
        /// The promise of the money is over before all of it was taken: the buyer was asked to pay again.
        PaymentLost = "payment.lost",
        /// They did not, in time: what had not left is canceled.
        PaymentOverdue = "payment.overdue",
        /// Money that went back was turned back by the buyer's bank.
        RefundFailed = "refund.failed",
        /// A bank asks about a payment, or took its money back.
        DisputeOpened = "dispute.opened",
        /// A dispute was won or lost.
        DisputeClosed = "dispute.closed",
        /// Nothing happened: somebody tries an endpoint.
        Test = "webhook.test",
    }
}

impl EventType {
    /// What an endpoint can ask for; a test is sent to whoever is tested.
    pub const ASKABLE: [Self; 12] = [
        Self::OrderConfirmed,
        Self::OrderCanceled,
        Self::OrderUnitsCanceled,
        Self::OrderWithdrawn,
        Self::OrderRefunded,
        Self::ShipmentHandedOver,
        Self::PaymentCaptured,
        Self::PaymentLost,
        Self::PaymentOverdue,
        Self::RefundFailed,
        Self::DisputeOpened,
        Self::DisputeClosed,
    ];

    /// What is told of a fact; none: its order's own events say it.
    pub fn of(fact: &Fact) -> Option<Self> {
        Some(match fact {
            Fact::ExchangeAsked { .. }
            | Fact::ExchangeReturned { .. }
            | Fact::ExchangePayable { .. }
            | Fact::PaymentRenewed { .. } => return None,
            Fact::OrderConfirmed { .. } => Self::OrderConfirmed,
            Fact::OrderCanceled { .. } => Self::OrderCanceled,
            Fact::UnitsCanceled { .. } => Self::OrderUnitsCanceled,
            Fact::WithdrawalStated { .. } => Self::OrderWithdrawn,
            Fact::OrderRefunded { .. } => Self::OrderRefunded,
            Fact::ShipmentHandedOver { .. } => Self::ShipmentHandedOver,
            Fact::PaymentCaptured { .. } => Self::PaymentCaptured,
            Fact::PaymentLost { .. } => Self::PaymentLost,
            Fact::PaymentOverdue { .. } => Self::PaymentOverdue,
            Fact::RefundFailed { .. } => Self::RefundFailed,
            Fact::DisputeOpened { .. } => Self::DisputeOpened,
            Fact::DisputeClosed { .. } => Self::DisputeClosed,
        })
    }
}

crate::words! {
    /// How an endpoint stands.
    pub enum EndpointState {
        Enabled = "enabled",
        /// Nothing arrived lately. It is tried with one event at a time, and rests in between.
        Failing = "failing",
        /// Nothing is sent.
        Disabled = "disabled",
    }
}

crate::words! {
    /// Why an endpoint is disabled.
    pub enum Reason {
        /// It answered 410 Gone.
        Gone = "gone",
        /// Nothing arrived for five days.
        Failing = "failing",
        /// Somebody here said so.
        Staff = "staff",
    }
}

crate::words! {
    /// How a delivery stands.
    pub enum DeliveryState {
        /// Not sent yet, or to be tried again.
        Pending = "pending",
        /// It is being sent.
        Leased = "leased",
        /// The endpoint said 2xx.
        Delivered = "delivered",
        /// Tried often enough, or its endpoint was disabled. It can be replayed.
        Exhausted = "exhausted",
    }
}

/// An address that hears of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub id: WebhookEndpointId,
    pub shop: ShopId,
    pub url: String,
    pub description: String,
    /// None: all.
    pub events: Vec<EventType>,
    pub state: EndpointState,
    pub reason: Option<Reason>,
    /// Which secret signs.
    pub generation: i64,
    /// Until then the one before signs as well.
    pub old_until: Option<Time>,
    /// In a row.
    pub failures: i64,
    pub failing_since: Option<Time>,
    pub disabled_at: Option<Time>,
    pub rest_until: Time,
    pub version: i64,
    pub created_at: Time,
}

impl Endpoint {
    pub fn hears(&self, event: EventType) -> bool {
        self.events.is_empty() || self.events.contains(&event)
    }
}

/// An event on its way to an endpoint, as the log shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub id: WebhookDeliveryId,
    pub endpoint: WebhookEndpointId,
    pub event: WebhookEventId,
    pub kind: EventType,
    pub object: Uuid,
    pub version: i64,
    pub state: DeliveryState,
    pub tries: u32,
    /// When it is tried next; of one that is being sent, when somebody else may.
    pub due_at: Time,
    pub status: Option<u16>,
    pub detail: String,
    pub created_at: Time,
    pub ended_at: Option<Time>,
}

/// One try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub at: Time,
    /// None: there was no answer.
    pub status: Option<u16>,
    pub millis: u32,
    pub detail: String,
    /// The first bytes of the answer, as text.
    pub reply: String,
}

/// A delivery that somebody took to send.
#[derive(Clone, Debug)]
pub struct Parcel {
    pub id: WebhookDeliveryId,
    pub event: WebhookEventId,
    pub payload: String,
    pub endpoint: Endpoint,
    /// Grows with every taker; the fence of whatever is written about the delivery afterwards.
    pub lease: i64,
    pub tries: u32,
    pub taken_at: Time,
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 2xx.
    Delivered,
    /// 410: it does not want to hear from us any more.
    Gone,
    /// Anything else. It is tried again, not before so long.
    Failed { not_before: Seconds },
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub outcome: Outcome,
    pub status: Option<u16>,
    pub millis: u32,
    /// What stood in the way, in plain words.
    pub detail: String,
    pub body: String,
}

/// How long a taker may keep a delivery: longer than any endpoint is waited for.
pub(super) const LEASE: Seconds = Seconds::minutes(1);
/// Endpoints a shop may have.
pub(super) const ENDPOINTS_MAX: usize = 20;
/// So many failures in a row, and an endpoint counts as failing.
pub(super) const FAILING: i64 = 5;
/// Nothing arrived for so long: the endpoint is disabled. Longer than one event is tried, so that no event is lost to a short pause between two.
pub(super) const GIVE_UP: Seconds = Seconds::days(5);
/// So long what ended is kept, and so long a disabled endpoint's events are written down for a replay.
pub(super) const KEPT: Seconds = Seconds::days(30);
/// The most that an endpoint's `Retry-After` is believed.
pub(super) const RETRY_AFTER_MAX: Seconds = Seconds::hours(24);

/// Waiting after each failed try, as Standard Webhooks 1.0 proposes it; after the last one the delivery is exhausted: ten tries in 75 hours.
const PAUSES: [Seconds; 9] = [
    Seconds(5),
    Seconds::minutes(5),
    Seconds::minutes(30),
    Seconds::hours(2),
    Seconds::hours(5),
    Seconds::hours(10),
    Seconds::hours(14),
    Seconds::hours(20),
    Seconds::hours(24),
];

/// When to try again after `tries` tries; none when it was tried long enough. `dice` (0 to 255) spreads tries that failed together over a tenth of
/// the pause.
pub(super) fn next_try(now: Time, tries: u32, not_before: Seconds, dice: u8) -> Option<Time> {
    let pause = PAUSES.get(usize::try_from(tries.checked_sub(1)?).ok()?)?;
    let spread = pause.0 * 100_000 * i64::from(dice) / 255;
    let due = Time(now.plus(*pause).0 + spread);
    Some(due.max(now.plus(not_before.min(RETRY_AFTER_MAX))))
}

/// How long an endpoint is left alone after so many failures in a row: whoever hangs is not asked by every event.
pub(super) fn rest(failures: i64) -> Seconds {
    match failures - FAILING {
        ..0 => Seconds(0),
        over => Seconds(2i64 << over.min(5)).min(Seconds::minutes(1)),
    }
}

/// An address that an endpoint may have, as far as can be said before its name is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(String);

impl Target {
    /// Errors: `invalid_field` at `/url`.
    pub fn read(text: &str, ours: &[Network]) -> Result<Self> {
        let wrong = |detail: &'static str| Error::field("/url", detail);
        let text = text.trim();
        if text.len() > 1000 {
            return Err(wrong("At most 1000 characters."));
        }
        let url = Url::parse(text).map_err(|_| wrong("Write the whole address, such as https://example.com/hooks."))?;
        let https = url.scheme() == "https";
        if !https && url.scheme() != "http" {
            return Err(wrong("The address starts with https://."));
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(wrong("The address has no name, password or # in it."));
        }
        let Some((host, port)) = url.host_str().zip(url.port_or_known_default()) else {
            return Err(wrong("The address names a host."));
        };
        match literal(host) {
            Some(ip) if !may_dial(ours, https, ip, port) => Err(wrong(
                "This is no address of the public internet that is reached over HTTPS at port 443.",
            )),
            None if ours.is_empty() && !(https && port == 443) => {
                Err(wrong("Events are sent over HTTPS to port 443 only."))
            }
            _ => Ok(Self(url.to_string())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A host that is an address and no name.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

/// What an event is about: the object whose version it carries.
pub(super) fn object(fact: &Fact) -> (ShopId, Uuid) {
    match *fact {
        Fact::OrderConfirmed { shop, order, .. }
        | Fact::OrderCanceled { shop, order }
        | Fact::UnitsCanceled { shop, order, .. }
        | Fact::WithdrawalStated { shop, order, .. }
        | Fact::ExchangeAsked { shop, order, .. }
        | Fact::ExchangeReturned { shop, order, .. }
        | Fact::ExchangePayable { shop, order, .. }
        | Fact::OrderRefunded { shop, order, .. }
        | Fact::ShipmentHandedOver { shop, order, .. }
        | Fact::PaymentCaptured { shop, order }
        | Fact::PaymentLost { shop, order, .. }
        | Fact::PaymentRenewed { shop, order }
        | Fact::PaymentOverdue { shop, order }
        | Fact::RefundFailed { shop, order, .. } => (shop, order.uuid()),
        Fact::DisputeOpened { shop, dispute, .. } | Fact::DisputeClosed { shop, dispute, .. } => (shop, dispute.uuid()),
    }
}
