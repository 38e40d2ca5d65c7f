//! The sandbox's own books: what really happened to every payment. The ground truth that ours are compared with.
//!
//! Strict on purpose: a key is one request for ever, nothing is captured above the promise or after it ended, nothing is refunded twice.

use super::disputes::BookedDispute;
use super::journal::Journal;
use crate::kernel::{Currency, Money, Rate, Result, Seconds, Session, Time};
use crate::payments::processors::decline;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A promise lasts so long.
pub const PROMISE: Seconds = Seconds::days(7);

/// What became of a payment. The names are those of Stripe's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    RequiresCapture,
    Succeeded,
    Canceled,
}

impl PaymentState {
    pub fn name(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::RequiresCapture => "requires_capture",
            Self::Succeeded => "succeeded",
            Self::Canceled => "canceled",
        }
    }
}

/// A payment in the sandbox's books. Amounts are in the sandbox's own units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    pub id: String,
    pub amount: i64,
    pub currency: Currency,
    pub state: PaymentState,
    pub captured: i64,
    pub refunded: i64,
    /// Takes the money on confirmation instead of promising it.
    pub automatic: bool,
    pub method: String,
    pub decline: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub return_url: String,
    pub description: String,
    pub created_at: Time,
    pub capture_before: Option<Time>,
    pub canceled_at: Option<Time>,
    /// Whose card it is, if the request said so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub customer: String,
    /// Whether its card is to be kept for that customer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep: bool,
    /// The method that a test card became when it was used; empty for one that was kept before.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub made: String,
}

impl Payment {
    pub fn reference(&self) -> &str {
        self.metadata.get("reference").map_or("", String::as_str)
    }
    /// The method as it is called from now on: a test card is another one with every use.
    pub fn method(&self) -> &str {
        if self.made.is_empty() { &self.method } else { &self.made }
    }
    /// Whether its card's issuer lets a promise be taken only once, whatever the acquirer can do.
    pub fn is_taken_once(&self) -> bool {
        self.method == "tok_one_capture"
    }
    /// What its card is called wherever it turns up. Most test cards are everybody's and have no name; `tok_card_NAME` is one card.
    pub fn card(&self) -> Option<&str> {
        self.method.strip_prefix("tok_card_")
    }
    pub fn capturable(&self) -> i64 {
        if self.state == PaymentState::RequiresCapture {
            self.amount - self.captured
        } else {
            0
        }
    }
}

/// Money given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookedRefund {
    pub id: String,
    pub payment: String,
    pub amount: i64,
    pub currency: Currency,
    pub metadata: BTreeMap<String, String>,
    pub created_at: Time,
}

/// A card as a payment left it behind. Without a customer it cannot be used a second time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    pub id: String,
    /// The test card it is.
    pub card: String,
    pub customer: String,
}

impl Method {
    /// Brand, last four digits, month and year.
    pub fn face(&self) -> (&'static str, &'static str, i64, i64) {
        match self.card.as_str() {
            "pm_card_mastercard" => ("mastercard", "4444", 11, 2031),
            "tok_fades" => ("visa", "0341", 3, 2030),
            card if matches!(self::card(card), Some(Card::AsksBack)) => ("visa", "3155", 6, 2030),
            _ => ("visa", "4242", 8, 2030),
        }
    }
}

/// Whoever cards are kept for, by the caller's own name for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    pub id: String,
    pub metadata: BTreeMap<String, String>,
    pub created_at: Time,
    /// The key of the request that made it: repeated, it makes no second one.
    pub key: String,
}

/// What a request made or changed, as it was right after it: a repetition of the request gets the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Object {
    Payment(Arc<Payment>),
    /// So much was taken by this request.
    Capture(i64, Arc<Payment>),
    Refund(BookedRefund, Arc<Payment>),
}

impl Object {
    pub fn payment(&self) -> &Arc<Payment> {
        match self {
            Self::Payment(payment) | Self::Capture(_, payment) | Self::Refund(_, payment) => payment,
        }
    }
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub status: u16,
    /// `card_error`, `invalid_request_error` or `idempotency_error`.
    pub kind: String,
    pub code: String,
    pub decline: Option<String>,
    pub message: String,
    pub payment: Option<Arc<Payment>>,
}

impl Refusal {
    pub fn invalid(code: &str, message: impl Into<String>) -> Self {
        Self {
            status: 400,
            kind: "invalid_request_error".into(),
            code: code.into(),
            decline: None,
            message: message.into(),
            payment: None,
        }
    }
    /// For the fault of a refused refund.
    pub fn kept() -> Self {
        Self::invalid("refund_rejected", "The refund was rejected; try again later.")
    }
    /// For the fault of a refused capture.
    pub fn today() -> Self {
        Self::invalid(
            "capture_rejected",
            "The capture was rejected. The authorisation stands; try again later.",
        )
    }
    fn missing(what: &str, id: &str) -> Self {
        Self {
            status: 404,
            ..Self::invalid("resource_missing", format!("No such {what}: '{id}'"))
        }
    }
    fn state(payment: Payment, wish: &str) -> Self {
        let message = format!(
            "This PaymentIntent could not be {wish} because it has a status of {}.",
            payment.state.name()
        );
        Self {
            payment: Some(Arc::new(payment)),
            ..Self::invalid("payment_intent_unexpected_state", message)
        }
    }
}

pub type Outcome = std::result::Result<Object, Refusal>;

/// A payment to begin.
#[derive(Clone, Debug)]
pub struct NewPayment {
    pub amount: i64,
    pub currency: Currency,
    pub automatic: bool,
    pub method: String,
    pub confirm: bool,
    pub metadata: BTreeMap<String, String>,
    pub return_url: String,
    pub description: String,
    pub session: Session,
    pub customer: String,
    pub keep: bool,
}

/// How the pretended card behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Card {
    Good,
    Declines(&'static str),
    AsksBack,
    /// Good as long as its holder is there; asked without them, it is declined.
    OnlyWithHolder(&'static str),
    /// Good for one payment: the token is spent with it.
    Once,
    /// Good when it is typed in; when it is used again it has no money any more.
    Fades,
}

/// The test cards, by our tokens and by Stripe's.
fn card(method: &str) -> Option<Card> {
    Some(match method {
        "tok_visa" | "tok_slow" | "tok_timeout" | "tok_one_capture" | "pm_card_visa" | "pm_card_mastercard" => {
            Card::Good
        }
        "tok_declined" | "pm_card_chargeDeclinedInsufficientFunds" | "pm_card_visa_chargeDeclinedInsufficientFunds" => {
            Card::Declines("insufficient_funds")
        }
        "tok_once" => Card::Once,
        "tok_later_empty" => Card::OnlyWithHolder("insufficient_funds"),
        "tok_later_lost" => Card::OnlyWithHolder("lost_card"),
        "tok_later_asks" => Card::OnlyWithHolder("authentication_required"),
        // One acquirer does not honour it, another may: what a second processor is for.
        "tok_choosy" => Card::Declines("do_not_honor"),
        "pm_card_chargeDeclined" | "pm_card_visa_chargeDeclined" => Card::Declines("generic_decline"),
        "tok_stolen" | "pm_card_chargeDeclinedStolenCard" | "pm_card_visa_chargeDeclinedStolenCard" => {
            Card::Declines("stolen_card")
        }
        "tok_fades" => Card::Fades,
        "tok_3ds"
        | "pm_card_threeDSecure2Required"
        | "pm_card_threeDSecureRequired"
        | "pm_card_authenticationRequired" => Card::AsksBack,
        _ if method.starts_with("tok_card_") => Card::Good,
        _ => return None,
    })
}

/// A key is one request for ever.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub fingerprint: String,
    pub outcome: Outcome,
}

/// One line of the journal: everything one request changed.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<(String, Arc<Kept>)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payments: Vec<Arc<Payment>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<BookedRefund>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<Method>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub customers: Vec<Customer>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disputes: Vec<BookedDispute>,
}

/// All payments, refunds, disputes and keys. What a request was answered with is the payment itself until it changes: books of a rush are long.
#[derive(Default)]
pub struct Books {
    payments: BTreeMap<String, Arc<Payment>>,
    refunds: BTreeMap<String, BookedRefund>,
    methods: BTreeMap<String, Method>,
    customers: BTreeMap<String, Customer>,
    disputes: BTreeMap<String, BookedDispute>,
    by_reference: HashMap<String, String>,
    keys: HashMap<String, Arc<Kept>>,
    journal: Option<Journal>,
    open: Line,
    /// What the payments' names begin with after `pi_`: two sandboxes of one program must not name two payments alike.
    prefix: String,
}

/// What a processor keeps of a capture: 1.5 % and 25 minor units, at most the capture itself.
pub fn fee(amount: Money) -> Money {
    Money::new((Rate(150).of(amount.minor) + 25).min(amount.minor), amount.currency)
}

impl Books {
    /// Opens books that outlive the process; what the journal holds is read back.
    pub fn open(path: &std::path::Path) -> Result<Self> {
        let mut books = Self::default();
        let journal = Journal::open(path, |line| books.apply(line))?;
        books.journal = journal;
        Ok(books)
    }

    /// Names payments after the sandbox they are of.
    pub(super) fn name_after(&mut self, sandbox: &str) {
        self.prefix = format!("{sandbox}_");
    }

    fn apply(&mut self, line: Line) {
        for payment in line.payments {
            self.index(payment);
        }
        for refund in line.refunds {
            self.refunds.insert(refund.id.clone(), refund);
        }
        for method in line.methods {
            self.methods.insert(method.id.clone(), method);
        }
        for customer in line.customers {
            self.customers.insert(customer.id.clone(), customer);
        }
        for dispute in line.disputes {
            self.disputes.insert(dispute.key(), dispute);
        }
        if let Some((key, kept)) = line.key {
            self.keys.insert(key, kept);
        }
    }

    fn index(&mut self, payment: Arc<Payment>) {
        if !payment.reference().is_empty() {
            self.by_reference
                .insert(payment.reference().to_owned(), payment.id.clone());
        }
        self.payments.insert(payment.id.clone(), payment);
    }

    /// Runs a request once per key. The same key with another request is refused; repeated, it gets the answer it got.
    pub fn once(&mut self, key: Option<&str>, fingerprint: String, act: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        if let Some(kept) = key.and_then(|key| self.keys.get(key)) {
            if kept.fingerprint == fingerprint {
                return kept.outcome.clone();
            }
            let message =
                "Keys for idempotent requests can only be used with the same parameters they were first used with.";
            return Err(Refusal {
                kind: "idempotency_error".into(),
                ..Refusal::invalid("idempotency_key_in_use", message)
            });
        }
        let outcome = act(self);
        if let Some(key) = key {
            let kept = Arc::new(Kept {
                fingerprint,
                outcome: outcome.clone(),
            });
            self.keys.insert(key.to_owned(), kept.clone());
            self.open.key = Some((key.to_owned(), kept));
        }
        self.write_down();
        outcome
    }

    /// Hands the journal what changed since the last time.
    fn write_down(&mut self) {
        let line = std::mem::take(&mut self.open);
        if let Some(journal) = &mut self.journal {
            journal.append(&line);
        }
    }

    fn keep(&mut self, payment: Payment) -> Arc<Payment> {
        let payment = Arc::new(payment);
        if self.journal.is_some() {
            // A request may change a payment several times: the journal has to know what came of it.
            match self.open.payments.last_mut().filter(|last| last.id == payment.id) {
                Some(last) => last.clone_from(&payment),
                None => self.open.payments.push(payment.clone()),
            }
        }
        self.index(payment.clone());
        payment
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }
    /// Newest first, and of one the last round first.
    pub fn disputes(&self) -> impl Iterator<Item = &BookedDispute> {
        self.disputes.values().rev()
    }
    pub(super) fn keep_dispute(&mut self, dispute: BookedDispute) -> BookedDispute {
        if self.journal.is_some() {
            self.open.disputes.push(dispute.clone());
        }
        self.disputes.insert(dispute.key(), dispute.clone());
        self.write_down();
        dispute
    }
    pub fn payment(&self, id: &str) -> Option<&Payment> {
        self.payments.get(id).map(Arc::as_ref)
    }
    /// A payment by the caller's own name for it, as it stands now.
    pub fn find(&self, reference: &str, now: Time) -> Option<Payment> {
        self.must(self.by_reference.get(reference)?, now).ok()
    }
    /// A payment as it stands now.
    pub fn look(&self, id: &str, now: Time) -> std::result::Result<Payment, Refusal> {
        self.must(id, now)
    }
    pub fn refund_by_id(&self, id: &str) -> Option<&BookedRefund> {
        self.refunds.get(id)
    }
    /// What a request with this key led to, if it arrived.
    /// What every request did, with its key, in the order of the keys.
    pub(super) fn outcomes(&self) -> Vec<(&str, &Outcome)> {
        let mut all: Vec<(&str, &Outcome)> = (self.keys.iter())
            .map(|(key, kept)| (key.as_str(), &kept.outcome))
            .collect();
        all.sort_by_key(|(key, _)| *key);
        all
    }

    pub fn outcome(&self, key: &str) -> Option<&Outcome> {
        self.keys.get(key).map(|kept| &kept.outcome)
    }
    /// Newest first.
    pub fn payments(&self) -> impl Iterator<Item = &Payment> {
        self.payments.values().rev().map(Arc::as_ref)
    }
    pub fn refunds(&self) -> impl Iterator<Item = &BookedRefund> {
        self.refunds.values().rev()
    }

    fn must(&self, id: &str, now: Time) -> std::result::Result<Payment, Refusal> {
        let mut payment = self
            .payments
            .get(id)
            .map(|payment| Payment::clone(payment))
            .ok_or_else(|| Refusal::missing("payment_intent", id))?;
        // A promise nobody used ends by itself.
        if payment.state == PaymentState::RequiresCapture && payment.capture_before.is_some_and(|before| before <= now)
        {
            payment.state = if payment.captured > 0 {
                PaymentState::Succeeded
            } else {
                PaymentState::Canceled
            };
            payment.canceled_at = payment.capture_before;
        }
        Ok(payment)
    }

    /// Begins a payment, and confirms it if it says so. Ids count up, so that they sort by birth.
    pub fn create(&mut self, new: NewPayment, now: Time) -> Outcome {
        if new.amount <= 0 || new.amount > 99_999_999 {
            return Err(Refusal::invalid(
                "amount_too_small",
                "Amount must be at least 1 and at most 99999999.",
            ));
        }
        if !new.method.is_empty() {
            self.card_of(&new.method, &new.customer)?;
        }
        if !new.customer.is_empty() && !self.customers.contains_key(&new.customer) {
            return Err(Refusal::missing("customer", &new.customer));
        }
        if new.keep && new.customer.is_empty() {
            let message = "To keep the payment method, name the customer it is kept for.";
            return Err(Refusal::invalid("parameter_missing", message));
        }
        let state = if new.method.is_empty() {
            PaymentState::RequiresPaymentMethod
        } else {
            PaymentState::RequiresConfirmation
        };
        let payment = Payment {
            id: format!("pi_{}{:012}", self.prefix, self.payments.len() + 1),
            amount: new.amount,
            currency: new.currency,
            state,
            captured: 0,
            refunded: 0,
            automatic: new.automatic,
            method: new.method,
            decline: None,
            metadata: new.metadata,
            return_url: new.return_url,
            description: new.description,
            created_at: now,
            capture_before: None,
            canceled_at: None,
            customer: new.customer,
            keep: new.keep,
            made: String::new(),
        };
        let spent = matches!(card(&payment.method), Some(Card::Once))
            && self.payments().any(|known| known.method == payment.method);
        if spent {
            let message = "This PaymentMethod was previously used without being attached to a Customer or was detached from a Customer, and may not be used again.";
            return Err(Refusal::invalid("payment_method_unexpected_state", message));
        }
        let payment = self.keep(payment);
        if new.confirm {
            self.confirm(&payment.id, "", "", new.session, now)
        } else {
            Ok(Object::Payment(payment))
        }
    }

    /// Asks the pretended bank. With nobody there, a bank that would ask back declines.
    pub fn confirm(&mut self, id: &str, method: &str, return_url: &str, session: Session, now: Time) -> Outcome {
        let mut payment = self.must(id, now)?;
        if !matches!(
            payment.state,
            PaymentState::RequiresPaymentMethod | PaymentState::RequiresConfirmation
        ) {
            return Err(Refusal::state(payment, "confirmed"));
        }
        if !method.is_empty() {
            payment.method = method.to_owned();
        }
        if !return_url.is_empty() {
            payment.return_url = return_url.to_owned();
        }
        if payment.method.is_empty() {
            let message = "You cannot confirm this PaymentIntent because it's missing a payment method.";
            return Err(Refusal::invalid("payment_intent_unexpected_state", message));
        }
        let card = self.card_of(&payment.method, &payment.customer)?;
        let again = self.methods.contains_key(&payment.method);
        if !again {
            payment.made = payment.id.replacen("pi_", "pm_", 1);
            self.keep_method(Method {
                id: payment.made.clone(),
                card: payment.method.clone(),
                customer: String::new(),
            });
        }
        match card {
            Card::OnlyWithHolder(code) if session == Session::Nobody => Err(self.decline(payment, code)),
            Card::AsksBack if session == Session::Nobody => Err(self.decline(payment, "authentication_required")),
            Card::Fades if again => Err(self.decline(payment, "insufficient_funds")),
            Card::Good | Card::Fades | Card::Once | Card::OnlyWithHolder(_) => {
                Ok(Object::Payment(self.promise(payment, now)))
            }
            Card::AsksBack => {
                payment.state = PaymentState::RequiresAction;
                Ok(Object::Payment(self.keep(payment)))
            }
            Card::Declines(code) => Err(self.decline(payment, code)),
        }
    }

    /// The test card behind a method. One that was used without being kept for somebody cannot be used again, nor can one of somebody else's: as Stripe
    /// has it, in its words (github.com/liberapay/liberapay.com/issues/2686, github.com/flutter-stripe/flutter_stripe/issues/379).
    fn card_of(&self, method: &str, customer: &str) -> std::result::Result<Card, Refusal> {
        let Some(known) = self.methods.get(method) else {
            return card(method).ok_or_else(|| Refusal::missing("PaymentMethod", method));
        };
        if known.customer.is_empty() {
            let message = "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a connected \
                           account without Customer attachment, or was detached from a Customer. It may not be used again. To use a PaymentMethod \
                           multiple times, you must attach it to a Customer first.";
            return Err(Refusal::invalid("payment_method_unexpected_state", message));
        }
        if known.customer != customer {
            let message = format!(
                "The customer does not have a payment method with the ID {method}. The payment method must be attached to the customer."
            );
            return Err(Refusal::invalid("payment_method_unexpected_state", message));
        }
        card(&known.card).ok_or_else(|| Refusal::missing("PaymentMethod", method))
    }

    fn keep_method(&mut self, method: Method) {
        if self.journal.is_some() {
            self.open.methods.push(method.clone());
        }
        self.methods.insert(method.id.clone(), method);
    }

    pub fn method(&self, id: &str) -> Option<&Method> {
        self.methods.get(id)
    }

    /// Whoever cards are kept for. The same key is the same customer.
    pub fn customer(
        &mut self,
        key: &str,
        metadata: BTreeMap<String, String>,
        now: Time,
    ) -> std::result::Result<Customer, Refusal> {
        let known = self
            .customers
            .values()
            .find(|known| !key.is_empty() && known.key == key);
        if let Some(known) = known {
            if known.metadata == metadata {
                return Ok(known.clone());
            }
            return Err(Refusal {
                kind: "idempotency_error".into(),
                ..Refusal::invalid("idempotency_key_in_use", "This key was used with other parameters.")
            });
        }
        let customer = Customer {
            id: format!("cus_{}{:012}", self.prefix, self.customers.len() + 1),
            metadata,
            created_at: now,
            key: key.to_owned(),
        };
        if self.journal.is_some() {
            self.open.customers.push(customer.clone());
        }
        self.customers.insert(customer.id.clone(), customer.clone());
        self.write_down();
        Ok(customer)
    }

    /// Takes a method from its customer: it cannot be used any more.
    pub fn detach(&mut self, id: &str) -> std::result::Result<Method, Refusal> {
        let known = self
            .methods
            .get(id)
            .ok_or_else(|| Refusal::missing("PaymentMethod", id))?;
        if known.customer.is_empty() {
            let message = "The payment method you provided is not attached to a customer so detachment is impossible.";
            return Err(Refusal::invalid("payment_method_unexpected_state", message));
        }
        let method = Method {
            customer: String::new(),
            ..known.clone()
        };
        self.keep_method(method.clone());
        self.write_down();
        Ok(method)
    }

    fn promise(&mut self, mut payment: Payment, now: Time) -> Arc<Payment> {
        payment.decline = None;
        if payment.keep && !payment.made.is_empty() {
            self.keep_method(Method {
                id: payment.made.clone(),
                card: payment.method.clone(),
                customer: payment.customer.clone(),
            });
        }
        if payment.automatic {
            payment.state = PaymentState::Succeeded;
            payment.captured = payment.amount;
        } else {
            payment.state = PaymentState::RequiresCapture;
            payment.capture_before = Some(now.plus(PROMISE));
        }
        self.keep(payment)
    }

    fn decline(&mut self, mut payment: Payment, code: &str) -> Refusal {
        payment.state = PaymentState::RequiresPaymentMethod;
        payment.decline = Some(code.to_owned());
        let payment = self.keep(payment);
        Refusal {
            status: 402,
            kind: "card_error".into(),
            code: match code {
                "authentication_failed" => "payment_intent_authentication_failure".into(),
                "authentication_required" => code.to_owned(),
                _ => "card_declined".into(),
            },
            decline: Some(code.to_owned()),
            message: "Your card was declined.".into(),
            payment: Some(payment),
        }
    }

    /// A bank that says no although the card is good: for the fault that declines after a time-out.
    pub fn decline_new(&mut self, new: NewPayment, now: Time) -> Outcome {
        match self.create(NewPayment { confirm: false, ..new }, now)? {
            Object::Payment(payment) => Err(self.decline(Payment::clone(&payment), "do_not_honor")),
            other => Ok(other),
        }
    }

    /// The buyer answers their bank.
    pub fn answer_challenge(&mut self, id: &str, approved: bool, now: Time) -> Option<Arc<Payment>> {
        let payment = self.must(id, now).ok()?;
        if payment.state == PaymentState::RequiresAction {
            if approved {
                self.promise(payment, now);
            } else {
                self.decline(payment, "authentication_failed");
            }
            self.write_down();
        }
        self.payments.get(id).cloned()
    }

    /// Takes part of the promise. `amount` none: all of it. After the `last` one the rest is let go.
    pub fn capture(
        &mut self,
        id: &str,
        amount: Option<i64>,
        last: bool,
        metadata: &BTreeMap<String, String>,
        now: Time,
    ) -> Outcome {
        let mut payment = self.must(id, now)?;
        if payment.state != PaymentState::RequiresCapture {
            let lapsed = payment.state == PaymentState::Canceled && payment.canceled_at == payment.capture_before;
            if lapsed {
                return Err(Self::lapsed(payment));
            }
            return Err(Refusal::state(payment, "captured"));
        }
        let amount = amount.unwrap_or(payment.capturable());
        if amount <= 0 || amount > payment.capturable() {
            let message = format!(
                "The requested capture amount is not between 1 and {}.",
                payment.capturable()
            );
            return Err(Refusal {
                payment: Some(Arc::new(payment)),
                ..Refusal::invalid("amount_too_large", message)
            });
        }
        payment.captured += amount;
        if last || payment.is_taken_once() || payment.captured == payment.amount {
            payment.state = PaymentState::Succeeded;
        }
        payment.metadata.extend(metadata.clone());
        Ok(Object::Capture(amount, self.keep(payment)))
    }

    /// What a capture gets when the promise ended before it.
    pub fn lapsed(payment: impl Into<Arc<Payment>>) -> Refusal {
        let message = "The authorisation has expired and can no longer be captured.";
        Refusal {
            payment: Some(payment.into()),
            ..Refusal::invalid("charge_expired_for_capture", message)
        }
    }

    /// Ends a promise early: for the fault of a capture after expiry.
    pub fn lapse(&mut self, id: &str, now: Time) -> Outcome {
        let mut payment = self.must(id, now)?;
        if payment.state != PaymentState::RequiresCapture {
            return Err(Refusal::state(payment, "captured"));
        }
        payment.capture_before = Some(now);
        payment.canceled_at = Some(now);
        payment.state = if payment.captured > 0 {
            PaymentState::Succeeded
        } else {
            PaymentState::Canceled
        };
        Err(Self::lapsed(self.keep(payment)))
    }

    /// Every promise grows older by so much: for stories that cannot wait a week.
    pub fn grow_older(&mut self, by: Seconds, now: Time) {
        let all: Vec<String> = self.payments.keys().cloned().collect();
        for id in all {
            if let Some(payment) = self.payments.get_mut(&id) {
                let payment = Arc::make_mut(payment);
                payment.created_at = payment.created_at.minus(by);
                payment.capture_before = payment.capture_before.map(|ends| ends.minus(by));
            }
            if let Ok(payment) = self.must(&id, now) {
                self.keep(payment);
            }
        }
    }

    /// A refund that a bank turned back days later: its money is here again.
    pub fn bounce(&mut self, refund: &str) {
        let Some(back) = self.refunds.get(refund).cloned() else {
            return;
        };
        let Some(mut payment) = self.payment(&back.payment).cloned() else {
            return;
        };
        payment.refunded -= back.amount;
        self.keep(payment);
    }

    /// Lets go of what was not taken.
    pub fn cancel(&mut self, id: &str, now: Time) -> Outcome {
        let mut payment = self.must(id, now)?;
        if matches!(payment.state, PaymentState::Succeeded | PaymentState::Canceled) {
            return Err(Refusal::state(payment, "canceled"));
        }
        payment.state = if payment.captured > 0 {
            PaymentState::Succeeded
        } else {
            PaymentState::Canceled
        };
        payment.canceled_at = Some(now);
        Ok(Object::Payment(self.keep(payment)))
    }

    /// Gives back some of what was taken. `amount` none: all that is left.
    pub fn refund(&mut self, id: &str, amount: Option<i64>, metadata: BTreeMap<String, String>, now: Time) -> Outcome {
        let mut payment = self.must(id, now)?;
        self.refuse_while_disputed(&payment)?;
        let left = payment.captured - payment.refunded;
        let amount = amount.unwrap_or(left);
        if payment.captured == 0 {
            let message = "This PaymentIntent does not have a successful charge to refund.";
            return Err(Refusal {
                payment: Some(Arc::new(payment)),
                ..Refusal::invalid("payment_intent_unexpected_state", message)
            });
        }
        if left == 0 {
            let message = "Charge has already been refunded.";
            return Err(Refusal {
                payment: Some(Arc::new(payment)),
                ..Refusal::invalid("charge_already_refunded", message)
            });
        }
        if amount <= 0 || amount > left {
            let message = format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).");
            return Err(Refusal {
                payment: Some(Arc::new(payment)),
                ..Refusal::invalid("amount_too_large", message)
            });
        }
        payment.refunded += amount;
        let payment = self.keep(payment);
        let refund = BookedRefund {
            id: format!("re_{:012}", self.refunds.len() + 1),
            payment: payment.id.clone(),
            amount,
            currency: payment.currency,
            metadata,
            created_at: now,
        };
        if self.journal.is_some() {
            self.open.refunds.push(refund.clone());
        }
        self.refunds.insert(refund.id.clone(), refund.clone());
        Ok(Object::Refund(refund, payment))
    }
}

/// A refusal's decline code, sorted.
pub fn decline_of(refusal: &Refusal) -> Option<crate::kernel::Decline> {
    (refusal.kind == "card_error").then(|| decline(refusal.decline.as_deref().unwrap_or_default()))
}
