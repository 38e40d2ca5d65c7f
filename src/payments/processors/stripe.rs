//! A provider that speaks Stripe's wire format, over HTTP: payment intents with manual capture, and refunds.
//!
//! Verified against `hawker sandbox`, and `hawker sandbox` against the official Stripe client; against localstripe, a server of the same format that
//! nobody here wrote: a promise, its one capture, void, refund, decline, notices, and the books of both sides
//! (`tests/peers/localstripe.py` says what stands between, and what that does not prove). Not verified against Stripe itself, as tests have no
//! network: keys of idempotency, multicapture, banks that ask back, the age at which its search shows a new payment, and the codes of its rarer
//! refusals. The fee in an answer is an estimate; the real one comes with the settlement.
//!
//! A kept card: `setup_future_usage` with a customer made for it (docs.stripe.com/payments/save-during-payment), used again by naming both
//! (docs.stripe.com/api/payment_intents/create), let go by detaching it (docs.stripe.com/api/payment_methods/detach). The customer holds nothing
//! but our name for it, and outlives its card empty. Not verified against Stripe itself either: what its banks make of `on_session` later.
//!
//! A dispute does not name our payment: it is read back with the payment expanded (docs.stripe.com/api/disputes/retrieve), given up by closing it and
//! answered once (docs.stripe.com/api/disputes/close, …/update). No peer verified that.
//!
//! Golden questions, replies and events, each with its page: `tests/golden/stripe`.

use super::calls::{self, Sent};
use super::declines::{EXPONENTS, decline, from_wire, to_wire, understands};
use super::signature;
use crate::kernel::{
    About, Answer, Ask, Booked, Books, Capabilities, CardFace, Currency, DisputeAnswer, DisputeAsk, DisputeFee,
    DisputeStage, DisputeTold, Error, Heard, Money, Notice, Processor, Rate, Result, Reuse, Session, Time,
};
use crate::payments::disputes::REASONS;
use serde_json::Value;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

/// The version of Stripe's API these words are of; without it an account's own would count, which may be years older. Since this one, letting go
/// of promised money (by a cancellation, or what a last capture leaves) is no refund, and `amount_refunded` is only what was given back.
/// Source: Stripe's changelog, 2025-03-31.basil, "Partially capturing or canceling payments no longer creates a Refund".
const API_VERSION: &str = "2025-03-31.basil";

/// How to reach the provider.
#[derive(Clone)]
pub struct StripeSettings {
    /// Without a slash at the end, such as `http://127.0.0.1:12111`.
    pub url: String,
    pub api_key: String,
    /// One, or several separated by commas: while a secret is rotated the old and the new one are believed, and each alone before and after.
    pub webhook_secret: String,
    /// The expected fee: a rate and a fixed part in minor units.
    pub fee: (Rate, i64),
}

/// The adapter. Holds no state besides its connections.
pub struct Stripe {
    name: &'static str,
    settings: StripeSettings,
    client: reqwest::Client,
}

impl Stripe {
    pub fn new(settings: StripeSettings) -> Result<Self> {
        Self::named("stripe", settings)
    }

    /// One of several accounts, under a name of its own.
    pub fn named(name: &'static str, settings: StripeSettings) -> Result<Self> {
        Ok(Self {
            name,
            settings,
            client: calls::client(calls::TIME_LIMIT)?,
        })
    }

    async fn decide(&self, ask: &Ask) -> Answer {
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
                let Ok(wire) = to_wire(*amount) else {
                    return Answer::Refused {
                        detail: format!("{amount} cannot be charged"),
                    };
                };
                let customer = match self.customer(reuse).await {
                    Ok(customer) => customer,
                    Err(answer) => return answer,
                };
                let mut form = vec![
                    ("amount", wire.to_string()),
                    ("currency", amount.currency.code().to_lowercase()),
                    ("capture_method", "manual".into()),
                    ("confirm", "true".into()),
                    ("payment_method", token.clone()),
                    ("payment_method_types[0]", "card".into()),
                    (
                        "payment_method_options[card][request_multicapture]",
                        "if_available".into(),
                    ),
                    ("return_url", return_url.clone()),
                    ("metadata[reference]", reference.clone()),
                    ("expand[0]", "latest_charge".into()),
                ];
                form.extend(customer.map(|customer| ("customer", customer)));
                if matches!(reuse, Reuse::Keep { .. }) {
                    form.push(("setup_future_usage", "on_session".into()));
                }
                // Nobody is there: a bank that wants to hear the buyer declines with `authentication_required` instead of asking.
                if *session == Session::Nobody {
                    form.retain(|(name, _)| *name != "return_url");
                    form.push(("off_session", "true".into()));
                }
                self.said(self.post("/v1/payment_intents", key, &form).await, |value| {
                    self.read_payment(value)
                })
            }
            Ask::Capture {
                key,
                payment,
                amount,
                last,
                ..
            } => {
                let Ok(wire) = to_wire(*amount) else {
                    return Answer::Refused {
                        detail: format!("{amount} cannot be captured"),
                    };
                };
                let name = format!("metadata[{}]", operation_name(key));
                let mut form = vec![
                    ("amount_to_capture", wire.to_string()),
                    (name.as_str(), wire.to_string()),
                ];
                if !last {
                    form.push(("final_capture", "false".into()));
                }
                self.said(
                    self.post(&format!("/v1/payment_intents/{payment}/capture"), key, &form)
                        .await,
                    |value| self.read_capture(value, key),
                )
            }
            Ask::Void { key, payment, .. } => {
                let sent = self
                    .post(&format!("/v1/payment_intents/{payment}/cancel"), key, &[])
                    .await;
                self.said(sent, |value| {
                    Some(Answer::Voided {
                        payment: text(value, "id")?,
                    })
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
                let form = [
                    ("payment_intent", payment.clone()),
                    ("amount", wire.to_string()),
                    ("metadata[reference]", reference.clone()),
                    ("metadata[key]", key.clone()),
                ];
                self.said(self.post("/v1/refunds", key, &form).await, read_refund)
            }
            Ask::Find { reference } => {
                let query = [
                    ("query", format!("metadata['reference']:'{reference}'")),
                    ("expand[0]", "data.latest_charge".into()),
                ];
                self.found(
                    self.get("/v1/payment_intents/search", &query).await,
                    |value| match value["data"].as_array()?.first() {
                        Some(found) => self.read_payment(found),
                        None => Some(Answer::NotFound),
                    },
                )
            }
            Ask::FindOperation { key, payment, .. } => self.find_operation(key, payment).await,
            // What it puts into the address is the payment's own name; its books say what became of it.
            Ask::CameBack { reference, .. } => {
                let reference = reference.clone();
                Box::pin(self.decide(&Ask::Find { reference })).await
            }
            Ask::Kept { payment, .. } => {
                let query = [("expand[0]", "payment_method".to_owned())];
                self.found(
                    self.get(&format!("/v1/payment_intents/{payment}"), &query).await,
                    |value| Some(read_kept(value).unwrap_or(Answer::NotFound)),
                )
            }
            Ask::Forget { key, token, .. } => self.forget(key, token).await,
        }
    }

    /// Whose card it is: of a card that is to be kept a customer of its own, made under our name for it, so that asking twice makes one.
    /// Errors: the answer where none could be made; no payment was asked for then.
    async fn customer(&self, reuse: &Reuse) -> std::result::Result<Option<String>, Answer> {
        let owner = match reuse {
            Reuse::Once => return Ok(None),
            Reuse::Kept { customer } => return Ok(Some(customer.clone())),
            Reuse::Keep { owner } => owner,
        };
        let form = [("metadata[owner]", owner.clone())];
        match self.post("/v1/customers", owner, &form).await {
            Sent::Answered(200, value) => text(&value, "id").map(Some).ok_or(Answer::NotSent {
                detail: "the customer's name could not be read".into(),
            }),
            Sent::Answered(status @ (400 | 402 | 404), _) => Err(Answer::Refused {
                detail: format!("HTTP {status}: no customer was made"),
            }),
            // Whatever became of the customer, the payment was never asked for.
            Sent::Answered(status, _) => Err(Answer::NotSent {
                detail: format!("HTTP {status}: no customer was made"),
            }),
            Sent::Not(detail) | Sent::Lost(detail) => Err(Answer::NotSent { detail }),
        }
    }

    /// Detached it cannot be used or attached again. One that is refused may be detached already: that is looked at.
    async fn forget(&self, key: &str, token: &str) -> Answer {
        let path = format!("/v1/payment_methods/{token}");
        let sent = self.post(&format!("{path}/detach"), key, &[]).await;
        match self.said(sent, |_| Some(Answer::Forgotten)) {
            Answer::Refused { detail } => match self.get(&path, &[]).await {
                Sent::Answered(200, value) if value["customer"].is_null() => Answer::Forgotten,
                Sent::Answered(404, _) => Answer::NotFound,
                _ => Answer::Refused { detail },
            },
            answer => answer,
        }
    }

    /// A capture leaves its key on the payment, in the same request; a refund carries it.
    async fn find_operation(&self, key: &str, payment: &str) -> Answer {
        let found = self.found(
            self.get(&format!("/v1/payment_intents/{payment}"), &[]).await,
            |value| Some(self.read_capture(value, key).unwrap_or(Answer::NotFound)),
        );
        if found != Answer::NotFound {
            return found;
        }
        let query = [("payment_intent", payment.to_owned()), ("limit", "100".into())];
        self.found(self.get("/v1/refunds", &query).await, |value| {
            let mine = value["data"]
                .as_array()?
                .iter()
                .find(|refund| refund["metadata"]["key"] == key);
            match mine {
                Some(refund) => read_refund(refund),
                None if value["has_more"] == true => Some(Answer::Unknown {
                    detail: "more than a hundred refunds".into(),
                }),
                None => Some(Answer::NotFound),
            }
        })
    }

    /// Both lists to their ends: payments that were begun since then, and older ones of which something went back.
    async fn read_books(&self, since: Time) -> Result<Option<Vec<Booked>>> {
        let mut payments = self.list("/v1/payment_intents", "data.latest_charge", since).await?;
        let refunds = self.list("/v1/refunds", "", since).await?;
        let mut known: BTreeSet<String> = payments.iter().filter_map(|payment| text(payment, "id")).collect();
        for refund in refunds {
            let Some(payment) = text(&refund, "payment_intent").filter(|payment| known.insert(payment.clone())) else {
                continue;
            };
            let query = [("expand[0]", "latest_charge".to_owned())];
            match self.get(&format!("/v1/payment_intents/{payment}"), &query).await {
                Sent::Answered(200, value) => payments.push(value),
                sent => return Err(unread(&sent)),
            }
        }
        let ours = payments
            .iter()
            .filter(|payment| payment["metadata"]["reference"].is_string());
        let read = ours.map(|payment| {
            self.read_booked(payment)
                .ok_or_else(|| unread(&Sent::Lost("not understood".into())))
        });
        read.collect::<Result<_>>().map(Some)
    }

    /// All pages of a list, newest first.
    async fn list(&self, path: &str, expand: &str, since: Time) -> Result<Vec<Value>> {
        let mut rows: Vec<Value> = Vec::new();
        loop {
            // Few at a time: an answer has a limit in bytes.
            let mut query = vec![
                ("limit", "50".to_owned()),
                ("created[gte]", since.unix_seconds().to_string()),
            ];
            if !expand.is_empty() {
                query.push(("expand[0]", expand.to_owned()));
            }
            query.extend(
                rows.last()
                    .and_then(|row| text(row, "id"))
                    .map(|id| ("starting_after", id)),
            );
            let sent = self.get(path, &query).await;
            let Sent::Answered(200, value) = &sent else {
                return Err(unread(&sent));
            };
            let Some(page) = value["data"].as_array() else {
                return Err(unread(&sent));
            };
            rows.extend(page.iter().cloned());
            if value["has_more"] != true || page.is_empty() {
                return Ok(rows);
            }
        }
    }

    fn read_booked(&self, value: &Value) -> Option<Booked> {
        let captured = money(value, "amount_received")?;
        let refunded = match value["latest_charge"]["amount_refunded"].as_i64() {
            Some(wire) => from_wire(wire, currency(value)?)?,
            None if captured.minor == 0 => captured,
            None => return None,
        };
        Some(Booked {
            payment: text(value, "id")?,
            reference: text(&value["metadata"], "reference")?,
            amount: money(value, "amount")?,
            captured,
            refunded,
            fee: self.fee(captured),
            promised: value["status"] == "requires_capture",
        })
    }

    async fn post(&self, path: &str, key: &str, form: &[(&str, String)]) -> Sent {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = self
            .client
            .post(format!("{}{path}", self.settings.url))
            .header("idempotency-key", key);
        self.send(
            request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body),
        )
        .await
    }

    async fn get(&self, path: &str, query: &[(&str, String)]) -> Sent {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(query)
            .finish();
        self.send(self.client.get(format!("{}{path}?{query}", self.settings.url)))
            .await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Sent {
        let request = request.bearer_auth(&self.settings.api_key);
        calls::send(request.header("stripe-version", API_VERSION)).await
    }

    /// The same of a question: that it was refused says nothing about what was asked.
    fn found(&self, sent: Sent, read: impl FnOnce(&Value) -> Option<Answer>) -> Answer {
        match sent {
            Sent::Answered(200, _) => self.said(sent, read),
            other => match self.said(other, |_| None) {
                Answer::Refused { detail } => Answer::Unknown { detail },
                answer => answer,
            },
        }
    }

    /// Sorts what came back. Only clear words are believed; everything else is unknown.
    fn said(&self, sent: Sent, read: impl FnOnce(&Value) -> Option<Answer>) -> Answer {
        let (status, value) = match sent {
            Sent::Answered(status, value) => (status, value),
            Sent::Not(detail) => return Answer::NotSent { detail },
            Sent::Lost(detail) => return Answer::Unknown { detail },
        };
        let error = &value["error"];
        let message = || {
            format!(
                "HTTP {status} {}: {}",
                error["code"].as_str().unwrap_or_default(),
                error["message"].as_str().unwrap_or_default()
            )
        };
        match status {
            200 => read(&value).unwrap_or(Answer::Unknown {
                detail: "the answer could not be understood".into(),
            }),
            402 if error["type"] == "card_error" => {
                let code = error["decline_code"]
                    .as_str()
                    .or(error["code"].as_str())
                    .unwrap_or_default();
                let payment = error["payment_intent"]["id"].as_str().unwrap_or_default().to_owned();
                Answer::Declined {
                    payment,
                    decline: decline(code),
                }
            }
            // Turned away at the door, before any work: too often, or with a key that is not, or no longer, good for it.
            429 => Answer::NotSent { detail: message() },
            401 | 403 if error.is_object() => Answer::NotSent { detail: message() },
            400 | 404 if error.is_object() => Answer::Refused { detail: message() },
            _ => Answer::Unknown { detail: message() },
        }
    }

    fn read_payment(&self, value: &Value) -> Option<Answer> {
        let payment = text(value, "id")?;
        let reference = value["metadata"]["reference"].as_str().unwrap_or_default().to_owned();
        Some(match value["status"].as_str()? {
            "requires_capture" => {
                let card = &value["latest_charge"]["payment_method_details"]["card"];
                Answer::Authorized {
                    payment,
                    reference,
                    amount: money(value, "amount")?,
                    capture_before: card["capture_before"].as_i64().map(Time::from_unix_seconds),
                    // Asked for where it is available; it depends on the account and the card (docs.stripe.com/payments/multicapture).
                    once: card["multicapture"]["status"] == "unavailable",
                    card: card["fingerprint"].as_str().map(str::to_owned),
                }
            }
            "requires_action" => Answer::RequiresAction {
                payment,
                url: value["next_action"]["redirect_to_url"]["url"].as_str()?.to_owned(),
            },
            "processing" | "requires_confirmation" => Answer::Pending { payment },
            "succeeded" => {
                let amount = money(value, "amount_received")?;
                Answer::Captured {
                    payment,
                    reference,
                    operation: String::new(),
                    amount,
                    fee: self.fee(amount),
                }
            }
            "canceled" => Answer::Voided { payment },
            "requires_payment_method" => {
                let error = &value["last_payment_error"];
                let code = error["decline_code"]
                    .as_str()
                    .or(error["code"].as_str())
                    .unwrap_or_default();
                Answer::Declined {
                    payment,
                    decline: decline(code),
                }
            }
            _ => return None,
        })
    }

    /// The capture that was made under this key, if the payment carries it.
    fn read_capture(&self, value: &Value, key: &str) -> Option<Answer> {
        let currency = currency(value)?;
        let wire: i64 = value["metadata"][operation_name(key)].as_str()?.parse().ok()?;
        if value["amount_received"].as_i64()? < wire {
            return None; // It says it took less than it says it took.
        }
        let amount = from_wire(wire, currency)?;
        let reference = value["metadata"]["reference"].as_str().unwrap_or_default().to_owned();
        Some(Answer::Captured {
            payment: text(value, "id")?,
            reference,
            operation: key.to_owned(),
            amount,
            fee: self.fee(amount),
        })
    }

    /// Asks about a dispute. Which payment it is of, and so which of ours, comes along expanded.
    async fn decide_dispute(&self, ask: &DisputeAsk) -> DisputeAnswer {
        let expand = [("expand[0]", "payment_intent".to_owned())];
        let sent = match ask {
            DisputeAsk::Find { dispute } => self.get(&format!("/v1/disputes/{dispute}"), &expand).await,
            DisputeAsk::Accept { key, dispute } => {
                self.post(&format!("/v1/disputes/{dispute}/close"), key, &expand).await
            }
            DisputeAsk::Submit { key, dispute, texts } => {
                let named: Vec<(String, String)> = (texts.iter())
                    .filter_map(|(name, text)| Some((format!("evidence[{}]", evidence(name)?), text.clone())))
                    .collect();
                let mut form: Vec<(&str, String)> =
                    named.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
                form.push(("submit", "true".to_owned()));
                form.extend(expand);
                self.post(&format!("/v1/disputes/{dispute}"), key, &form).await
            }
        };
        if let Sent::Answered(404, _) = sent {
            return DisputeAnswer::NotFound;
        }
        if let Sent::Answered(200, value) = &sent {
            return match read_dispute(value) {
                Some(told) => DisputeAnswer::Told(Box::new(told)),
                None => DisputeAnswer::Unknown {
                    detail: "the dispute could not be understood".into(),
                },
            };
        }
        match self.said(sent, |_| None) {
            Answer::NotSent { detail } => DisputeAnswer::NotSent { detail },
            Answer::Refused { detail } => DisputeAnswer::Refused { detail },
            other => DisputeAnswer::Unknown {
                detail: format!("{other:?}"),
            },
        }
    }

    fn fee(&self, amount: Money) -> Money {
        let (rate, fixed) = self.settings.fee;
        Money::new((rate.of(amount.minor) + fixed).min(amount.minor), amount.currency)
    }

    fn read_event(&self, event: &Value) -> Option<Vec<Notice>> {
        let object = &event["data"]["object"];
        let kind = event["type"].as_str()?;
        if kind.starts_with("charge.dispute.") {
            return Some(vec![Notice {
                id: text(event, "id")?,
                reference: String::new(),
                answer: Answer::Pending {
                    payment: object["payment_intent"].as_str().unwrap_or_default().to_owned(),
                },
                about: About::Dispute(Box::new(read_dispute(object)?)),
            }]);
        }
        let id = text(event, "id")?;
        if matches!(
            kind,
            "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated"
        ) {
            return read_refund_event(&id, object);
        }
        let reference = object["metadata"]["reference"].as_str()?.to_owned();
        let (about, answer) = match kind {
            "payment_intent.canceled" => (
                About::Void,
                Answer::Voided {
                    payment: text(object, "id")?,
                },
            ),
            // Also `payment_intent.succeeded`: of our own captures it tells nothing new, of one made on Stripe's pages it is all there is.
            kind if kind.starts_with("payment_intent.") => (About::Authorize, self.read_payment(object)?),
            _ => return None,
        };
        Some(vec![Notice {
            id,
            reference,
            about,
            answer,
        }])
    }
}

/// What happened to a refund: one of ours says so in its metadata, any other was made on Stripe's own pages and says whose payment it is of
/// (docs.stripe.com/api/refunds/object).
///
/// One that failed after it had succeeded has a `failure_balance_transaction`: that is told in this order, whichever notice comes first, the success
/// under the refund's own name, so that every order of arrival ends in one state.
fn read_refund_event(event: &str, object: &Value) -> Option<Vec<Notice>> {
    let metadata = &object["metadata"];
    let reference = metadata["reference"].as_str().unwrap_or_default().to_owned();
    let refund = text(object, "id")?;
    let about = match metadata["key"].as_str() {
        Some(key) if !reference.is_empty() => About::Operation { key: key.to_owned() },
        _ => About::RefundElsewhere {
            refund: refund.clone(),
            payment: text(object, "payment_intent")?,
        },
    };
    let notice = |id: String, answer: Answer| Notice {
        id,
        reference: reference.clone(),
        about: about.clone(),
        answer,
    };
    if object["status"] == "failed" && object["failure_balance_transaction"].is_string() {
        let before = Answer::Refunded {
            payment: text(object, "payment_intent")?,
            reference: reference.clone(),
            operation: refund.clone(),
            amount: money(object, "amount")?,
        };
        let detail = object["failure_reason"].as_str().unwrap_or("failed").to_owned();
        return Some(vec![
            notice(format!("{refund}/succeeded"), before),
            notice(event.to_owned(), Answer::Undone { detail }),
        ]);
    }
    Some(vec![notice(event.to_owned(), read_refund(object)?)])
}

impl Processor for Stripe {
    fn name(&self) -> &'static str {
        self.name
    }

    fn settlement_format(&self) -> &'static str {
        "stripe"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            exponents: EXPONENTS,
            multicapture: true,
            void_after_partial_capture: true,
            off_session: true,
            ..Capabilities::CARD
        }
    }

    fn ask<'a>(&'a self, ask: &'a Ask) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(self.decide(ask))
    }

    fn dispute<'a>(&'a self, ask: &'a DisputeAsk) -> Pin<Box<dyn Future<Output = DisputeAnswer> + Send + 'a>> {
        Box::pin(self.decide_dispute(ask))
    }

    fn answers_disputes(&self) -> bool {
        true
    }

    fn understands(&self, token: &str) -> bool {
        understands(token)
    }

    /// Tokens and sources are spent with their first payment. A payment method may be used again if it is kept with a customer; one that is not,
    /// Stripe refuses, which is a definite no.
    fn reusable(&self, token: &str) -> bool {
        token.starts_with("pm_")
    }

    fn booked(&self, since: Time) -> Books<'_> {
        Box::pin(self.read_books(since))
    }

    fn hear(&self, body: &[u8], header: &str, now: Time) -> Heard {
        let mut secrets = self
            .settings
            .webhook_secret
            .split([',', ' '])
            .filter(|one| !one.is_empty());
        if !secrets.any(|secret| signature::verify(secret, header, body, now)) {
            return Heard::Forged;
        }
        let event: Option<Value> = serde_json::from_slice(body).ok();
        // Live money and test money have accounts of their own: what one says is never about the other (P25).
        let says = event.as_ref().and_then(|event| event["livemode"].as_bool());
        if let (Some(ours), Some(says)) = (is_live(&self.settings.api_key), says)
            && ours != says
        {
            return Heard::Forged;
        }
        event
            .and_then(|event| self.read_event(&event))
            .map_or(Heard::Ignored, Heard::Notices)
    }
}

/// Whether a key is one for live money; none if it does not say (docs.stripe.com/keys).
fn is_live(api_key: &str) -> Option<bool> {
    let starts = |words: [&str; 2]| words.iter().any(|start| api_key.starts_with(start));
    (starts(["sk_live_", "rk_live_"]) || starts(["sk_test_", "rk_test_"])).then(|| starts(["sk_live_", "rk_live_"]))
}

fn unread(sent: &Sent) -> Error {
    let why = match sent {
        Sent::Answered(status, value) => format!(
            "HTTP {status} {}",
            value["error"]["message"].as_str().unwrap_or_default()
        ),
        Sent::Not(why) | Sent::Lost(why) => why.clone(),
    };
    Error::internal(format!("the processor's books could not be read: {why}"))
}

/// The method of a payment, if it was kept for its customer.
fn read_kept(value: &Value) -> Option<Answer> {
    let method = &value["payment_method"];
    let card = &method["card"];
    let face = CardFace::read(
        card["brand"].as_str().unwrap_or_default(),
        card["last4"].as_str()?,
        card["exp_month"].as_i64().unwrap_or_default(),
        card["exp_year"].as_i64().unwrap_or_default(),
    )?;
    Some(Answer::Kept {
        token: text(method, "id")?,
        customer: text(method, "customer")?,
        face,
    })
}

fn read_refund(value: &Value) -> Option<Answer> {
    let payment = text(value, "payment_intent")?;
    Some(match value["status"].as_str()? {
        "succeeded" => Answer::Refunded {
            payment,
            reference: value["metadata"]["reference"].as_str().unwrap_or_default().to_owned(),
            operation: text(value, "id")?,
            amount: money(value, "amount")?,
        },
        "pending" | "requires_action" => Answer::Pending { payment },
        "failed" | "canceled" => Answer::Refused {
            detail: format!("the refund is {}", value["status"]),
        },
        _ => return None,
    })
}

/// A dispute as docs.stripe.com/api/disputes/object has it. `charge_refunded` is an older name: the inquiry was ended by a refund; `prevented` took no
/// money either. The reference is there where the payment was expanded.
fn read_dispute(value: &Value) -> Option<DisputeTold> {
    let stage = match value["status"].as_str()? {
        "warning_needs_response" | "warning_under_review" => DisputeStage::Inquiry,
        "warning_closed" | "charge_refunded" | "prevented" | "won" => DisputeStage::Won,
        "needs_response" => DisputeStage::NeedsResponse,
        "under_review" => DisputeStage::UnderReview,
        "lost" => DisputeStage::Lost,
        _ => return None,
    };
    let details = &value["evidence_details"];
    let due_by = details["due_by"]
        .as_i64()
        .filter(|due| *due > 0 && details["past_due"] != true);
    let reason = value["reason"].as_str().unwrap_or_default();
    let known = REASONS.iter().any(|(code, _)| *code == reason);
    let fees = value["balance_transactions"].as_array().into_iter().flatten();
    Some(DisputeTold {
        name: text(value, "id")?,
        round: 1,
        reference: value["payment_intent"]["metadata"]["reference"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        stage,
        amount: money(value, "amount")?,
        reason: if known { reason } else { "general" }.to_owned(),
        detail: value["network_reason_code"]
            .as_str()
            .or(Some(reason).filter(|_| !known))
            .unwrap_or_default()
            .to_owned(),
        due_by: due_by.map(Time::from_unix_seconds),
        fees: fees.filter_map(read_dispute_fee).collect(),
    })
}

/// What one movement of Stripe's balance kept for a dispute, or gave back: `fee`, in the currency of the balance.
fn read_dispute_fee(movement: &Value) -> Option<DisputeFee> {
    let fee = from_wire(movement["fee"].as_i64().filter(|fee| *fee != 0)?, currency(movement)?)?;
    Some(DisputeFee {
        name: text(movement, "id")?,
        amount: fee.into(),
    })
}

/// What Stripe calls a text of an answer (docs.stripe.com/api/disputes/update). Its other fields are files.
fn evidence(name: &str) -> Option<&'static str> {
    Some(match name {
        "product_description" => "product_description",
        "customer_name" => "customer_name",
        "customer_email" => "customer_email_address",
        "shipping_address" => "shipping_address",
        "shipping_carrier" => "shipping_carrier",
        "shipping_tracking_number" => "shipping_tracking_number",
        "shipping_date" => "shipping_date",
        "refund_policy" => "refund_policy_disclosure",
        "activity" => "access_activity_log",
        "statement" => "uncategorized_text",
        _ => return None,
    })
}

/// A key as a name of metadata, which may have 40 characters.
fn operation_name(key: &str) -> String {
    format!("capture_{}", key.replace('-', ""))
}

fn text(value: &Value, name: &str) -> Option<String> {
    value[name].as_str().map(str::to_owned)
}

fn currency(value: &Value) -> Option<Currency> {
    value["currency"].as_str()?.to_uppercase().parse().ok()
}

fn money(value: &Value, name: &str) -> Option<Money> {
    from_wire(value[name].as_i64()?, currency(value)?)
}
