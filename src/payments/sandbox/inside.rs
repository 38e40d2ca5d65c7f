//! The sandbox inside the program: the same books and faults without a network between.

use super::books::{Books, NewPayment, Object, Outcome, Payment, PaymentState, Refusal, decline_of, fee};
use super::disputes::{BookedDispute, DisputeStatus, Disputed};
use super::faults::{Call, Fate, Faults, NoticeFate};
use crate::app::App;
use crate::kernel::{
    self, About, Answer, Ask, Booked, Capabilities, CardFace, Clock, DisputeAnswer, DisputeAsk, DisputeFee,
    DisputeStage, DisputeTold, MayFail, Money, Notice, Processor, Reuse, Time,
};
use crate::payments::processors::{EXPONENTS, from_wire, to_wire, understands};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Of what the sandbox sends notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notices {
    /// Only of what no answer told: a buyer approved at their bank, or did not.
    Challenges,
    /// Of everything, as a real provider does.
    All,
}

/// What kind of processor a sandbox pretends to be: what one cannot do is where routing has to think.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// As Stripe: every currency, a promise taken in parts.
    #[default]
    Full,
    /// Another acquirer: a few currencies, and a promise is taken once; what was not taken then is let go. It honours `tok_choosy`.
    Single,
}

/// The currencies of [`Shape::Single`]: only such as it counts in the decimals of ISO 4217.
const SINGLE: &[&str] = &["EUR", "USD", "GBP", "CHF", "SEK", "DKK", "NOK", "PLN", "JPY"];

impl Shape {
    pub fn capabilities(self) -> Capabilities {
        match self {
            Self::Full => Capabilities {
                exponents: EXPONENTS,
                multicapture: true,
                void_after_partial_capture: true,
                off_session: true,
                authorization_window: Some(super::books::PROMISE),
                ..Capabilities::CARD
            },
            Self::Single => Capabilities {
                currencies: SINGLE,
                off_session: true,
                authorization_window: Some(super::books::PROMISE),
                ..Capabilities::CARD
            },
        }
    }
}

/// The sandbox processor as an adapter of its own books.
pub struct Sandbox {
    name: &'static str,
    shape: Shape,
    books: Mutex<Books>,
    calls: Mutex<HashMap<String, u64>>,
    faults: Mutex<Faults>,
    notices: Notices,
    clock: Arc<dyn Clock>,
    /// Where the pretended bank's page is, without a slash at the end.
    base_url: String,
    sender: mpsc::Sender<Notice>,
}

/// What the pretended bank shows the buyer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    pub amount: Money,
    pub card: &'static str,
    pub reference: String,
    /// Whether there is still something to answer.
    pub open: bool,
    pub return_url: String,
}

/// The sandboxes of this program: how their bank's page finds them.
#[derive(Default)]
struct Installed(Mutex<Vec<Arc<Sandbox>>>);

impl Sandbox {
    /// Makes the sandbox known to the pages of `app`. Said once for each, at start.
    pub fn install(self: &Arc<Self>, app: &App) {
        let installed = app.kept::<Installed>();
        let mut all = installed.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(self.clone());
    }

    /// All of them, in the order in which they were configured.
    pub fn all(app: &App) -> Vec<Arc<Self>> {
        let installed = app.kept::<Installed>();
        let all = installed.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.clone()
    }

    /// The first.
    pub fn installed(app: &App) -> Option<Arc<Self>> {
        Self::all(app).into_iter().next()
    }
}

/// Notices that may wait; more are lost, as with any provider, and the resolver finds out.
const NOTICES_MAX: usize = 10_000;
/// After so long a call is given up; inside the program nobody has to wait for it.
const SLOW: Duration = Duration::from_secs(3);

impl Sandbox {
    /// The processor, and the notices it will send.
    pub fn new(
        books: Books,
        faults: Faults,
        notices: Notices,
        clock: Arc<dyn Clock>,
        base_url: String,
    ) -> (Self, mpsc::Receiver<Notice>) {
        let (sender, receiver) = mpsc::channel(NOTICES_MAX);
        (
            Self {
                name: "sandbox",
                shape: Shape::Full,
                books: Mutex::new(books),
                calls: Mutex::default(),
                faults: Mutex::new(faults),
                notices,
                clock,
                base_url,
                sender,
            },
            receiver,
        )
    }

    /// The same as one of several, under a name and of a shape of its own. Its payments are named after it.
    #[must_use]
    pub fn named(mut self, name: &'static str, shape: Shape) -> Self {
        self.books().name_after(name);
        (self.name, self.shape) = (name, shape);
        self
    }

    /// The ground truth, for checks.
    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another weather from now on.
    pub fn set_faults(&self, faults: Faults) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    fn faults(&self) -> Faults {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The payment a buyer is asked about.
    pub fn challenge(&self, payment: &str) -> Option<Challenge> {
        let books = self.books();
        let payment = books.payment(payment)?;
        Some(Challenge {
            amount: from_wire(payment.amount, payment.currency)?,
            card: "•••• 3155",
            reference: payment.reference().to_owned(),
            open: payment.state == PaymentState::RequiresAction,
            return_url: payment.return_url.clone(),
        })
    }

    /// The buyer answers; returns where to send them back to. Answered twice, the first answer stands.
    pub fn answer_challenge(&self, payment: &str, approved: bool) -> Option<String> {
        let before = self.challenge(payment)?;
        let after = self.books().answer_challenge(payment, approved, self.clock.wall())?;
        if before.open {
            self.notify(
                &format!("evt_{payment}_challenge"),
                &after,
                About::Authorize,
                payment_answer(&after, &self.base_url),
            );
        }
        Some(after.return_url.clone())
    }

    fn nth_call(&self, faults: &Faults, what: &str) -> u64 {
        if *faults
            == (Faults {
                seed: faults.seed,
                ..Faults::default()
            })
        {
            return 0; // An honest processor needs no count, and a long run no memory for it.
        }
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let count = calls.entry(what.to_owned()).or_insert(0);
        *count += 1;
        *count
    }

    /// Lets the pretended buyer or their bank act on a dispute, and says so: each step is a notice of its own.
    pub fn at_the_bank(&self, act: impl FnOnce(&mut Books, Time) -> Disputed) -> Disputed {
        let now = self.clock.wall();
        let (dispute, payment) = {
            let mut books = self.books();
            let dispute = act(&mut books, now)?;
            let payment = books.look(&dispute.payment, now)?;
            (dispute, payment)
        };
        self.tell_dispute(&dispute, &payment);
        Ok(dispute)
    }

    fn tell_dispute(&self, dispute: &BookedDispute, payment: &Payment) {
        let id = format!("evt_{}_{}_{}", dispute.id, dispute.round, dispute.status.name());
        let about = About::Dispute(Box::new(dispute_told(dispute, payment)));
        let answer = Answer::Pending {
            payment: payment.id.clone(),
        };
        self.notify(&id, payment, about, answer);
    }

    fn decide_dispute(&self, ask: &DisputeAsk) -> DisputeAnswer {
        let (call, what) = match ask {
            DisputeAsk::Find { dispute } => (Call::Look, dispute),
            DisputeAsk::Accept { key, .. } | DisputeAsk::Submit { key, .. } => (Call::Change, key),
        };
        let lost = |why: &str| DisputeAnswer::Unknown { detail: why.to_owned() };
        let faults = self.faults();
        let fate = faults.fate(call, what, self.nth_call(&faults, what));
        match fate {
            Fate::NotSent => {
                return DisputeAnswer::NotSent {
                    detail: "connection refused".into(),
                };
            }
            Fate::Lost => return lost("timed out"),
            Fate::LookRefused => {
                return DisputeAnswer::Refused {
                    detail: "HTTP 401".into(),
                };
            }
            _ => {}
        }
        let now = self.clock.wall();
        let mut books = self.books();
        books.pass_due_dates(now);
        let done = match ask {
            DisputeAsk::Find { dispute } => match books.dispute(dispute) {
                Some(found) => Ok((found.clone(), false)),
                None => return DisputeAnswer::NotFound,
            },
            DisputeAsk::Accept { key, dispute } => {
                books.once_of_dispute(key, dispute, |books| books.close_dispute(dispute))
            }
            DisputeAsk::Submit { key, dispute, texts } => books.once_of_dispute(key, dispute, |books| {
                books.answer_dispute(dispute, texts.iter().cloned().collect(), now)
            }),
        };
        let answer = match done {
            Ok((found, changed)) => match books.look(&found.payment, now) {
                Ok(payment) => {
                    drop(books);
                    if changed && self.notices == Notices::All {
                        self.tell_dispute(&found, &payment);
                    }
                    DisputeAnswer::Told(Box::new(dispute_told(&found, &payment)))
                }
                Err(refusal) => DisputeAnswer::Refused {
                    detail: refusal.message,
                },
            },
            Err(refusal) => DisputeAnswer::Refused {
                detail: refusal.message,
            },
        };
        match fate {
            Fate::TimeoutThenOk | Fate::TimeoutThenDecline => lost("timed out"),
            Fate::ErrorThenOk => lost("HTTP 500"),
            Fate::Garbage => lost("the answer could not be read"),
            _ => answer,
        }
    }

    /// Sends a notice in the way its fate has it.
    fn notify(&self, id: &str, payment: &Payment, about: About, answer: Answer) {
        let notice = Notice {
            id: id.to_owned(),
            reference: payment.reference().to_owned(),
            about,
            answer,
        };
        let copies: &[Duration] = match self.faults().notice(id) {
            NoticeFate::Never => &[],
            NoticeFate::Early => &[Duration::ZERO],
            NoticeFate::Plain => &[Duration::from_millis(30)],
            NoticeFate::Duplicate => &[Duration::from_millis(30), Duration::from_millis(60)],
            NoticeFate::Late => &[Duration::from_secs(20)],
        };
        for delay in copies {
            let (sender, notice, delay) = (self.sender.clone(), notice.clone(), *delay);
            if delay.is_zero() {
                sender
                    .try_send(notice)
                    .may_fail("a lost notice is made good by the resolver");
            } else {
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    sender
                        .try_send(notice)
                        .may_fail("a lost notice is made good by the resolver");
                });
            }
        }
    }

    fn decide(&self, ask: &Ask) -> Answer {
        let (call, what) = match ask {
            Ask::Authorize { key, .. } => (Call::Authorize, key),
            Ask::Capture { key, .. } => (Call::Capture, key),
            Ask::Void { key, .. } => (Call::Change, key),
            Ask::Refund { key, .. } => (Call::Refund, key),
            Ask::Find { reference } | Ask::CameBack { reference, .. } => (Call::Look, reference),
            Ask::FindOperation { key, .. } => (Call::Look, key),
            Ask::Kept { payment, .. } => (Call::Look, payment),
            Ask::Forget { key, .. } => (Call::Change, key),
        };
        let faults = self.faults();
        let fate = faults.fate(call, what, self.nth_call(&faults, what));
        let lost = |why: &str| Answer::Unknown { detail: why.to_owned() };
        match fate {
            Fate::NotSent => {
                return Answer::NotSent {
                    detail: "connection refused".into(),
                };
            }
            Fate::Lost => return lost("timed out"),
            // As an adapter may say it of a payment; of an operation it means something else.
            Fate::LookRefused if matches!(ask, Ask::Find { .. }) => {
                return Answer::Refused {
                    detail: "HTTP 401".into(),
                };
            }
            Fate::LookRefused => return lost("HTTP 401"),
            _ => {}
        }
        let answer = self.act(ask, fate);
        match fate {
            Fate::TimeoutThenOk | Fate::TimeoutThenDecline => lost("timed out"),
            Fate::ErrorThenOk => lost("HTTP 500"),
            Fate::Garbage => lost("the answer could not be read"),
            Fate::WrongAmount => falsify(answer, |money| Money::new(money.minor + 1, money.currency)),
            Fate::WrongCurrency => falsify(answer, |money| {
                let other = if money.currency.code() == "USD" { "GBP" } else { "USD" };
                Money::new(money.minor, other.parse().unwrap_or(money.currency))
            }),
            _ => answer,
        }
    }

    /// Does it in the books.
    fn act(&self, ask: &Ask, fate: Fate) -> Answer {
        let now = self.clock.wall();
        let mut books = self.books();
        match ask {
            Ask::Authorize {
                key,
                reference,
                amount,
                token,
                return_url,
                session,
                reuse,
            } => {
                let wire = to_wire(*amount).ok();
                let Some(wire) = wire.filter(|_| self.capabilities().takes(amount.currency)) else {
                    return Answer::Refused {
                        detail: format!("{amount} cannot be charged"),
                    };
                };
                let new = NewPayment {
                    amount: wire,
                    currency: amount.currency,
                    automatic: false,
                    method: match (self.shape, token.as_str()) {
                        (Shape::Single, "tok_choosy") => "tok_visa".to_owned(),
                        (_, token) => token.to_owned(),
                    },
                    confirm: true,
                    metadata: BTreeMap::from([("reference".to_owned(), reference.clone())]),
                    return_url: return_url.clone(),
                    description: String::new(),
                    customer: match reuse {
                        Reuse::Once => String::new(),
                        Reuse::Keep { owner } => match books.customer(owner, BTreeMap::new(), now) {
                            Ok(customer) => customer.id,
                            Err(refusal) => {
                                return Answer::Refused {
                                    detail: refusal.message,
                                };
                            }
                        },
                        Reuse::Kept { customer } => customer.clone(),
                    },
                    keep: matches!(reuse, Reuse::Keep { .. }),
                    session: *session,
                };
                let asked = format!("authorize {reference} {amount} {token} {reuse:?} {session:?}");
                let outcome = books.once(Some(key), asked, |books| {
                    if fate == Fate::TimeoutThenDecline {
                        books.decline_new(new, now)
                    } else {
                        books.create(new, now)
                    }
                });
                drop(books);
                self.told(key, outcome, About::Authorize, |object| {
                    payment_answer(object.payment(), &self.base_url)
                })
            }
            Ask::Capture {
                key,
                reference,
                payment,
                amount,
                last,
            } => {
                let Ok(wire) = to_wire(*amount) else {
                    return Answer::Refused {
                        detail: format!("{amount} cannot be captured"),
                    };
                };
                let outcome = books.once(
                    Some(key),
                    format!("capture {reference} {payment} {amount} {last}"),
                    |books| match fate {
                        Fate::CaptureAfterExpiry => books.lapse(payment, now),
                        Fate::CaptureRefused => Err(Refusal::today()),
                        _ => {
                            let last = *last || !self.capabilities().multicapture;
                            books.capture(payment, Some(wire), last, &BTreeMap::new(), now)
                        }
                    },
                );
                drop(books);
                let about = About::Operation { key: key.clone() };
                self.told(key, outcome, about, |object| operation_answer(object, key))
            }
            Ask::Void {
                key,
                reference,
                payment,
            } => {
                let outcome = books.once(Some(key), format!("void {reference} {payment}"), |books| {
                    books.cancel(payment, now)
                });
                drop(books);
                self.told(key, outcome, About::Void, |object| Answer::Voided {
                    payment: object.payment().id.clone(),
                })
            }
            Ask::Refund {
                key,
                reference,
                payment,
                amount,
            } => {
                let Ok(wire) = to_wire(*amount) else {
                    return Answer::Refused {
                        detail: format!("{amount} cannot be refunded"),
                    };
                };
                let outcome = books.once(
                    Some(key),
                    format!("refund {reference} {payment} {amount}"),
                    |books| match fate {
                        Fate::RefundRefused => Err(Refusal::kept()),
                        _ => {
                            let metadata = BTreeMap::from([("key".to_owned(), key.clone())]);
                            books.refund(payment, Some(wire), metadata, now)
                        }
                    },
                );
                drop(books);
                let about = About::Operation { key: key.clone() };
                self.told(key, outcome, about, |object| operation_answer(object, key))
            }
            Ask::Find { reference } | Ask::CameBack { reference, .. } => match books.find(reference, now) {
                Some(payment) => payment_answer(&payment, &self.base_url),
                None => Answer::NotFound,
            },
            Ask::FindOperation { key, .. } => match books.outcome(key) {
                None => Answer::NotFound,
                Some(Err(refusal)) => Answer::Refused {
                    detail: refusal.message.clone(),
                },
                Some(Ok(object)) => operation_answer(object, key),
            },
            Ask::Kept { payment, .. } => kept(&books, payment),
            Ask::Forget { token, .. } => match books.detach(token) {
                Ok(_) => Answer::Forgotten,
                Err(refusal) => match books.method(token) {
                    Some(method) if method.customer.is_empty() => Answer::Forgotten,
                    Some(_) => Answer::Refused {
                        detail: refusal.message,
                    },
                    None => Answer::NotFound,
                },
            },
        }
    }

    /// The answer to a request, and its notice.
    fn told(&self, key: &str, outcome: Outcome, about: About, answer: impl FnOnce(&Object) -> Answer) -> Answer {
        let (answer, payment) = match outcome {
            Ok(object) => (answer(&object), Some(object.payment().clone())),
            Err(refusal) => {
                let payment = refusal.payment.clone();
                let name = payment.as_ref().map(|payment| payment.id.clone()).unwrap_or_default();
                let answer = match decline_of(&refusal) {
                    Some(decline) => Answer::Declined { payment: name, decline },
                    None => Answer::Refused {
                        detail: refusal.message,
                    },
                };
                (answer, payment)
            }
        };
        if self.notices == Notices::All
            && let Some(payment) = payment
        {
            self.notify(&format!("evt_{key}"), &payment, about, answer.clone());
        }
        answer
    }
}

impl Processor for Sandbox {
    fn name(&self) -> &'static str {
        self.name
    }

    fn settlement_format(&self) -> &'static str {
        "stripe"
    }

    fn capabilities(&self) -> Capabilities {
        self.shape.capabilities()
    }

    fn dispute<'a>(&'a self, ask: &'a DisputeAsk) -> Pin<Box<dyn Future<Output = DisputeAnswer> + Send + 'a>> {
        Box::pin(std::future::ready(self.decide_dispute(ask)))
    }

    fn answers_disputes(&self) -> bool {
        true
    }

    fn understands(&self, token: &str) -> bool {
        understands(token)
    }

    fn reusable(&self, token: &str) -> bool {
        !token.is_empty() && token != "tok_once"
    }

    fn ask<'a>(&'a self, ask: &'a Ask) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(async move {
            let token = if let Ask::Authorize { token, .. } = ask {
                token.as_str()
            } else {
                ""
            };
            if token == "tok_slow" {
                tokio::time::sleep(SLOW).await;
            }
            let answer = self.decide(ask);
            // This card's bank does what it is asked and then never answers.
            if token == "tok_timeout" {
                Answer::Unknown {
                    detail: "timed out".into(),
                }
            } else {
                answer
            }
        })
    }

    fn booked(&self, since: Time) -> kernel::Books<'_> {
        let now = self.clock.wall();
        let books = self.books();
        let given: HashSet<&str> = books
            .refunds()
            .filter(|refund| refund.created_at >= since)
            .map(|refund| refund.payment.as_str())
            .collect();
        let since = books
            .payments()
            .filter(|payment| payment.created_at >= since || given.contains(payment.id.as_str()));
        let found = since
            .filter_map(|payment| booked(&books.look(&payment.id, now).ok()?))
            .collect();
        Box::pin(std::future::ready(Ok(Some(found))))
    }
}

/// The method a payment left with its customer.
fn kept(books: &Books, payment: &str) -> Answer {
    let method = books
        .payment(payment)
        .and_then(|payment| books.method(payment.method()));
    let Some(method) = method.filter(|method| !method.customer.is_empty()) else {
        return Answer::NotFound;
    };
    let (brand, last_four, month, year) = method.face();
    match CardFace::read(brand, last_four, month, year) {
        Some(face) => Answer::Kept {
            token: method.id.clone(),
            customer: method.customer.clone(),
            face,
        },
        None => Answer::NotFound,
    }
}

fn booked(payment: &Payment) -> Option<Booked> {
    let money = |wire| from_wire(wire, payment.currency);
    let captured = money(payment.captured)?;
    Some(Booked {
        payment: payment.id.clone(),
        reference: payment.reference().to_owned(),
        amount: money(payment.amount)?,
        captured,
        refunded: money(payment.refunded)?,
        fee: fee(captured),
        promised: payment.state == PaymentState::RequiresCapture,
    })
}

/// A dispute of the books, in our words.
fn dispute_told(dispute: &BookedDispute, payment: &Payment) -> DisputeTold {
    let money = |wire| from_wire(wire, dispute.currency).unwrap_or(Money::zero(dispute.currency));
    let fee = DisputeFee {
        name: format!("txn_{}_{}", dispute.id, dispute.round),
        amount: money(dispute.fee).into(),
    };
    DisputeTold {
        name: dispute.id.clone(),
        round: dispute.round,
        reference: payment.reference().to_owned(),
        stage: match dispute.status {
            DisputeStatus::WarningNeedsResponse => DisputeStage::Inquiry,
            DisputeStatus::NeedsResponse => DisputeStage::NeedsResponse,
            DisputeStatus::UnderReview => DisputeStage::UnderReview,
            DisputeStatus::WarningClosed | DisputeStatus::Won => DisputeStage::Won,
            DisputeStatus::Lost => DisputeStage::Lost,
        },
        amount: money(dispute.amount),
        reason: dispute.reason.clone(),
        detail: String::new(),
        due_by: dispute.due_by,
        fees: if dispute.fee == 0 { Vec::new() } else { vec![fee] },
    }
}

/// What a payment's state says, in our words.
fn payment_answer(payment: &Payment, base_url: &str) -> Answer {
    let id = payment.id.clone();
    let reference = payment.reference().to_owned();
    let money = |wire| from_wire(wire, payment.currency).unwrap_or(Money::zero(payment.currency));
    match payment.state {
        PaymentState::RequiresAction => Answer::RequiresAction {
            url: format!("{base_url}/sandbox/3ds/{id}"),
            payment: id,
        },
        PaymentState::RequiresCapture => Answer::Authorized {
            payment: id,
            reference,
            amount: money(payment.amount),
            capture_before: payment.capture_before,
            once: payment.is_taken_once(),
            card: payment.card().map(str::to_owned),
        },
        PaymentState::Succeeded => {
            let amount = money(payment.captured);
            Answer::Captured {
                payment: id,
                reference,
                operation: String::new(),
                amount,
                fee: fee(amount),
            }
        }
        PaymentState::Canceled => Answer::Voided { payment: id },
        PaymentState::RequiresConfirmation => Answer::Pending { payment: id },
        PaymentState::RequiresPaymentMethod => {
            let code = payment.decline.as_deref().unwrap_or("generic_decline");
            Answer::Declined {
                payment: id,
                decline: crate::payments::processors::decline(code),
            }
        }
    }
}

/// What a request took or gave back.
fn operation_answer(object: &Object, key: &str) -> Answer {
    let payment = object.payment();
    let reference = payment.reference().to_owned();
    let money = |wire| from_wire(wire, payment.currency).unwrap_or(Money::zero(payment.currency));
    match object {
        Object::Refund(refund, _) => Answer::Refunded {
            payment: payment.id.clone(),
            reference,
            operation: refund.id.clone(),
            amount: money(refund.amount),
        },
        Object::Capture(wire, _) => {
            let amount = money(*wire);
            Answer::Captured {
                payment: payment.id.clone(),
                reference,
                operation: key.to_owned(),
                amount,
                fee: fee(amount),
            }
        }
        Object::Payment(_) => Answer::Unknown {
            detail: format!("request {key} took and gave nothing"),
        },
    }
}

fn falsify(answer: Answer, lie: impl Fn(Money) -> Money) -> Answer {
    match answer {
        Answer::Authorized {
            payment,
            reference,
            amount,
            capture_before,
            once,
            card,
        } => Answer::Authorized {
            payment,
            reference,
            amount: lie(amount),
            capture_before,
            once,
            card,
        },
        Answer::Captured {
            payment,
            reference,
            operation,
            amount,
            fee,
        } => Answer::Captured {
            payment,
            reference,
            operation,
            amount: lie(amount),
            fee,
        },
        Answer::Refunded {
            payment,
            reference,
            operation,
            amount,
        } => Answer::Refunded {
            payment,
            reference,
            operation,
            amount: lie(amount),
        },
        answer => answer,
    }
}
