//! Checkouts and orders: their states, what they carry, and what can be read off them.

use super::orders::Ship;
use crate::db::LaneKey;
use crate::gift_cards::Covers;
use crate::kernel::{
    AdjustmentId, CheckoutId, Currency, Error, Field, LocationId, Money, OrderId, Rate, Result, Seconds, ShopId,
    StaffId, StoredMethodId, Time, VariantId,
};
use crate::offers::Quote;
use crate::payments::Intent;
use serde::{Deserialize, Serialize};

crate::words! {
    /// Where a buyer's attempt stands.
    pub enum CheckoutState {
        /// Reserved; something is still to be said.
        Incomplete = "incomplete",
        /// Everything is known; it can be paid.
        ReadyForComplete = "ready_for_complete",
        /// The processor was asked.
        CompleteInProgress = "complete_in_progress",
        /// The buyer has to confirm at their bank.
        RequiresEscalation = "requires_escalation",
        Completed = "completed",
        Canceled = "canceled",
        Expired = "expired",
    }
}

impl CheckoutState {
    /// Still being worked on.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Completed | Self::Canceled | Self::Expired)
    }
    /// The processor was asked and has not finally answered.
    pub fn is_paying(self) -> bool {
        matches!(self, Self::CompleteInProgress | Self::RequiresEscalation)
    }
}

/// How to reach the buyer. One of them is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub phone: Option<String>,
}

/// Where a parcel goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    pub name: String,
    pub line1: String,
    #[serde(default)]
    pub line2: Option<String>,
    pub postal_code: String,
    pub city: String,
    #[serde(default)]
    pub region: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

/// How the buyer pays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    pub method: crate::offers::PaymentMethod,
    /// The processor's token of the card; never a card number.
    #[serde(default)]
    pub token: Option<String>,
    /// Instead of a token: a card this browser had kept. It pays with the contact and to the address it was kept with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<StoredMethodId>,
    /// The buyer agrees that this card is kept for this browser; `PUT /v1/buyer` first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep: bool,
}

impl Payment {
    /// With a token, or by hand without one.
    pub fn new(method: crate::offers::PaymentMethod, token: Option<String>) -> Self {
        Self {
            method,
            token,
            stored: None,
            keep: false,
        }
    }

    /// Whether a kept card has a part in it, now or from now on.
    pub fn is_kept(&self) -> bool {
        self.keep || self.stored.is_some()
    }
}

fn clean(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Thirteen to nineteen digits that pass Luhn's check: a card number in the wrong field. We refuse to store one.
fn looks_like_a_card(text: &str) -> bool {
    let digits: Vec<u32> = text
        .chars()
        .filter(|letter| !matches!(letter, ' ' | '-'))
        .map_while(|letter| letter.to_digit(10))
        .collect();
    if !(13..=19).contains(&digits.len()) {
        return false;
    }
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| match (index % 2, digit * 2) {
            (0, _) => *digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10)
}

impl Contact {
    /// The same, trimmed. Errors: `invalid_field`, by name.
    pub fn checked(&self) -> Result<Self> {
        let email = self.email.as_deref().map(str::trim).filter(|email| !email.is_empty());
        if let Some(email) = email {
            let (name, host) = email.rsplit_once('@').unwrap_or_default();
            let whole = !name.is_empty()
                && host.contains('.')
                && !host.starts_with('.')
                && !host.ends_with('.')
                && email.len() <= 254;
            if !whole
                || email
                    .chars()
                    .any(|letter| letter.is_whitespace() || letter.is_control() || matches!(letter, '<' | '>' | ','))
            {
                return Err(Error::field(
                    "/contact/email",
                    "This is no e-mail address. Check it for typing mistakes.",
                ));
            }
        }
        let phone = self.phone.as_deref().map(clean).filter(|phone| !phone.is_empty());
        if let Some(phone) = &phone {
            let digits = phone.chars().filter(char::is_ascii_digit).count();
            let plain = phone
                .chars()
                .all(|letter| letter.is_ascii_digit() || matches!(letter, '+' | ' ' | '-' | '(' | ')' | '/'));
            if !plain || !(6..=15).contains(&digits) {
                return Err(Error::field(
                    "/contact/phone",
                    "Write the number with its country code, such as +49 30 1234567.",
                ));
            }
        }
        Ok(Self {
            email: email.map(str::to_owned),
            phone,
        })
    }

    pub fn is_known(&self) -> bool {
        self.email.is_some() || self.phone.is_some()
    }
}

impl Address {
    /// The same, trimmed. Errors: `invalid_field`, one for every field that needs another value.
    pub fn checked(&self) -> Result<Self> {
        let mut error: Option<Error> = None;
        let mut bad = |pointer: &'static str, detail: &'static str| {
            let field = Field {
                pointer: pointer.into(),
                detail: detail.into(),
            };
            match &mut error {
                Some(error) => error.fields.push(field),
                None => error = Some(Error::field(field.pointer, field.detail)),
            }
        };
        let mut needed = |pointer: &'static str, text: &str, most: usize| {
            let text = clean(text);
            if text.is_empty() {
                bad(pointer, "This is needed for the parcel.");
            } else if text.chars().count() > most {
                bad(pointer, "This is too long for a parcel's label.");
            } else if looks_like_a_card(&text) {
                bad(pointer, "This looks like a card number. It does not belong here.");
            }
            text
        };
        let name = needed("/address/name", &self.name, 100);
        let line1 = needed("/address/line1", &self.line1, 100);
        let postal_code = needed("/address/postal_code", &self.postal_code, 12);
        let city = needed("/address/city", &self.city, 80);
        let optional = |text: &Option<String>| text.as_deref().map(clean).filter(|text| !text.is_empty());
        let (line2, region) = (optional(&self.line2), optional(&self.region));
        for (pointer, text) in [("/address/line2", &line2), ("/address/region", &region)] {
            if text
                .as_ref()
                .is_some_and(|text| text.chars().count() > 100 || looks_like_a_card(text))
            {
                bad(pointer, "This does not fit a parcel's label.");
            }
        }
        let country = self.country.trim().to_ascii_uppercase();
        if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
            bad("/address/country", "Use the country's two letters, such as DE.");
        }
        match error {
            Some(error) => Err(error),
            None => Ok(Self {
                name,
                line1,
                line2,
                postal_code,
                city,
                region,
                country,
            }),
        }
    }
}

/// What the buyer saw, whole: the evidence of the sale. It survives edits of everything it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    pub quote: Quote,
    pub shop_version: i64,
    /// When the buyer agreed to exactly this quote.
    pub accepted_at: Time,
    /// The total they had agreed to before, if they then agreed to pay more: for another country, or a faster parcel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dearer_than_minor: Option<i64>,
    /// The part of the total that a gift card pays; the rest is asked of a processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gift_card: Option<Covers>,
}

/// What is still to be said before it can be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    Contact,
    Address,
    Payment,
}

/// The buyer's attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    pub id: CheckoutId,
    pub shop: ShopId,
    pub state: CheckoutState,
    pub version: i64,
    pub fingerprint: [u8; 32],
    pub lane: i64,
    pub offer: Frozen,
    pub contact: Contact,
    pub address: Option<Address>,
    pub created_at: Time,
    pub changed_at: Time,
    pub expires_at: Time,
}

impl Checkout {
    pub fn total(&self) -> Money {
        Money::new(self.offer.quote.total_minor, self.offer.quote.currency)
    }

    /// What a processor is asked for: the total, less what a gift card pays.
    pub fn to_pay(&self) -> Money {
        let covered = self.offer.gift_card.as_ref().map_or(0, |covers| covers.minor);
        Money::new(self.offer.quote.total_minor - covered, self.offer.quote.currency)
    }

    /// Whether a line of it is a pre-order.
    pub fn is_preorder(&self, line: u32) -> bool {
        let line = usize::try_from(line)
            .ok()
            .and_then(|line| self.offer.quote.lines.get(line));
        line.is_some_and(|line| line.preorder.is_some())
    }

    /// The lane its commands go to, wherever they come from.
    pub fn lane_key(&self) -> LaneKey {
        lane_key(self.lane)
    }

    pub fn needs(&self) -> Vec<Need> {
        if !self.state.is_open() {
            return Vec::new();
        }
        let mut needs = missing(&self.offer.quote, &self.contact, self.address.as_ref());
        if !self.state.is_paying() {
            needs.push(Need::Payment);
        }
        needs
    }
}

/// What must be known before money can be asked for.
pub fn missing(quote: &Quote, contact: &Contact, address: Option<&Address>) -> Vec<Need> {
    let mut needs = Vec::new();
    if !contact.is_known() {
        needs.push(Need::Contact);
    }
    if quote.needs_address() && address.is_none() {
        needs.push(Need::Address);
    }
    needs
}

/// The lane of a quote: its smallest variant, so that buyers of one thing share a lane and never wait for each other's row locks.
pub fn lane_of(quote: &Quote) -> i64 {
    let smallest = quote.lines.iter().map(|line| line.variant).min();
    smallest.map_or(0, |variant| i64::from_ne_bytes(LaneKey::of(variant).0.to_ne_bytes()))
}

pub fn lane_key(lane: i64) -> LaneKey {
    LaneKey(u64::from_ne_bytes(lane.to_ne_bytes()))
}

/// No reservation outlives this, whatever happens.
pub const LIFE_MAX: Seconds = Seconds::minutes(30);
/// Time to confirm at a bank, from the start of a payment.
pub const PAYING: Seconds = Seconds::minutes(15);

/// When a reservation ends once payment has begun: extended once, never past the hard cap, never shortened.
pub fn paying_until(created_at: Time, expires_at: Time, now: Time) -> Time {
    now.plus(PAYING).min(created_at.plus(LIFE_MAX)).max(expires_at)
}

/// What was bought. Immutable; what happens afterwards is in its adjustments and shipments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub id: OrderId,
    pub shop: ShopId,
    pub checkout: CheckoutId,
    /// What people say on the phone.
    pub number: String,
    pub currency: Currency,
    pub total_minor: i64,
    pub tax_minor: i64,
    pub delivery_minor: i64,
    pub country: String,
    pub email: String,
    pub confirmed_at: Time,
    pub canceled_at: Option<Time>,
    pub version: i64,
}

impl Order {
    pub fn total(&self) -> Money {
        Money::new(self.total_minor, self.currency)
    }
    pub fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency)
    }
}

/// A short name for an order: eight letters of its id, in two groups, without letters that are mistaken for digits.
pub fn order_number(order: OrderId) -> String {
    let text = order.to_string().to_ascii_uppercase();
    let letters = &text[text.len() - 8..];
    format!("{}-{}", &letters[..4], &letters[4..])
}

/// One line of an order with what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderLine {
    pub line: u32,
    pub variant: VariantId,
    pub location: LocationId,
    pub title: String,
    pub quantity: u32,
    /// Tax included.
    pub amount_minor: i64,
    pub tax_minor: i64,
    pub tax: Rate,
    pub shipped: u32,
    pub canceled: u32,
    pub returned: u32,
    /// On their way back, or back.
    pub asked: u32,
}

/// A line of an order of which something has not left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub order: OrderId,
    pub number: String,
    pub line: u32,
    pub units: i64,
    pub since: Time,
}

impl OrderLine {
    /// What so many of its units cost, rounded down: all of them cost all of it.
    pub(super) fn worth(&self, units: u32) -> i64 {
        let part = i128::from(self.amount_minor) * i128::from(units) / i128::from(self.quantity);
        i64::try_from(part).unwrap_or(i64::MAX)
    }
    /// Units that still have to travel.
    pub fn open(&self) -> u32 {
        self.quantity - self.shipped - self.canceled
    }
    /// Units that left and are not on their way back.
    pub fn kept(&self) -> u32 {
        self.shipped - self.asked
    }
}

crate::words! {
    /// Where an order stands; read off its lines, never stored beside them.
    pub enum OrderState {
        Confirmed = "confirmed",
        InFulfilment = "in_fulfilment",
        Fulfilled = "fulfilled",
        Canceled = "canceled",
        /// The promise of its money is over, and the buyer is asked to pay again: nothing may leave.
        PaymentLost = "payment_lost",
    }
}

impl OrderState {
    pub fn of(order: &Order, lines: &[OrderLine], payment: Option<&Intent>) -> Self {
        if order.canceled_at.is_some() {
            Self::Canceled
        } else if payment.is_some_and(Intent::is_lost) {
            Self::PaymentLost
        } else if lines.iter().all(|line| line.open() == 0) {
            Self::Fulfilled
        } else if lines.iter().any(|line| line.shipped > 0) {
            Self::InFulfilment
        } else {
            Self::Confirmed
        }
    }
}

crate::words! {
    /// A change after the sale.
    pub enum AdjustmentKind {
        Cancellation = "cancellation",
        Refund = "refund",
    }
}

/// A change after the sale, append-only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment {
    pub id: AdjustmentId,
    pub order: OrderId,
    pub kind: AdjustmentKind,
    pub amount_minor: i64,
    pub reason: String,
    pub detail: String,
    pub staff: Option<StaffId>,
    pub at: Time,
}

impl Adjustment {
    /// The units it names; none where it is about an amount, or about everything.
    pub fn units(&self) -> Vec<Ship> {
        #[derive(Deserialize)]
        struct Detail {
            #[serde(default)]
            lines: Vec<Ship>,
        }
        let detail: std::result::Result<Detail, _> = serde_json::from_str(&self.detail);
        detail.map(|detail| detail.lines).unwrap_or_default()
    }
}
