//! Adyen's Checkout API over HTTP: a payment is promised in one request; taking, letting go and giving back are *modifications*, which are only
//! "received" and end in a notice.
//!
//! Written from Adyen's public documentation and its published OpenAPI files; the pages stand in `tests/golden/adyen`. No outside peer has
//! verified it, except the signature of notices (a value published with Adyen's own libraries): tests have no network. Nor does it know what an
//! account has switched on: several captures of one promise must be, or the first parcel lets the rest go.
//!
//! Adyen cannot be asked what became of a payment: there is no search by reference. What we have is the idempotency key, under which the same
//! request gets its first answer again. So the resolver asks by asking again while the key is remembered ([`REPEATS_FOR`]), and after that the
//! honest answer is that nobody knows.
//!
//! A buyer who comes back from a bank that asked has a `redirectResult` in the address; it goes to `/payments/details`, and the reply says what
//! became of the payment (docs.adyen.com/online-payments/build-your-integration/advanced-flow, "Handle the redirect"). No peer verified it. Of a
//! buyer who never comes back the notice tells.
//!
//! A kept card: `storePaymentMethod` for a shopper reference of its own, which says nothing about the buyer; used again as a card on file, with the
//! buyer there (docs.adyen.com/online-payments/tokenization/create-and-use-tokens). What was kept under a reference can be asked, and deleted
//! (docs.adyen.com/api-explorer/Checkout/71/get/storedPaymentMethods, …/delete/storedPaymentMethods/(storedPaymentMethodId)). No peer verified it.

mod notices;
#[cfg(test)]
mod tests;
mod words;

use super::calls::{self, Sent};
use crate::kernel::{
    Answer, Ask, Capabilities, Error, Heard, Money, Processor, Rate, Result, Reuse, Seconds, Session, Time,
};
use serde_json::{Value, json};
use std::future::Future;
use std::pin::Pin;

/// How to reach the provider.
#[derive(Clone)]
pub struct AdyenSettings {
    /// With the version and without a slash at the end, such as `https://checkout-test.adyen.com/v71`.
    pub url: String,
    pub api_key: String,
    pub merchant_account: String,
    /// The keys notices are signed with, in hexadecimal, separated by commas: the old one is still needed for a while after a change.
    pub hmac_keys: String,
    /// The expected fee: a rate and a fixed part in minor units.
    pub fee: (Rate, i64),
}

/// The adapter. Holds no state besides its connections.
pub struct Adyen {
    name: &'static str,
    settings: AdyenSettings,
    hmac_keys: Vec<Vec<u8>>,
    client: reqwest::Client,
}

/// The page we could read (`api-idempotency`) promises to remember keys for 31 days at least; we remember that newer ones say a week, and stay
/// under that, with a day left for clocks and for requests that took long.
const REPEATS_FOR: Seconds = Seconds::days(6);
/// Another request under the same key is still at work.
const IN_PROGRESS: &str = "704";

/// A request, before it is sent.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    path: String,
    key: String,
    body: Value,
}

impl Adyen {
    /// Errors: a key for notices that is not hexadecimal.
    pub fn new(settings: AdyenSettings) -> Result<Self> {
        Self::named("adyen", settings)
    }

    /// One of several accounts, under a name of its own.
    pub fn named(name: &'static str, settings: AdyenSettings) -> Result<Self> {
        let hmac_keys = settings
            .hmac_keys
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(|text| {
                notices::unhex(text).ok_or_else(|| Error::invalid("configuration", "Adyen's HMAC key is hexadecimal."))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            name,
            settings,
            hmac_keys,
            client: calls::client(calls::TIME_LIMIT)?,
        })
    }

    async fn decide(&self, ask: &Ask) -> Answer {
        match ask {
            Ask::Kept { owner, .. } => return self.kept(owner).await,
            Ask::Forget { token, customer, .. } => return self.forget(token, customer).await,
            _ => {}
        }
        let request = match self.request(ask) {
            Ok(request) => request,
            Err(answer) => return answer,
        };
        let sent = calls::send(
            self.client
                .post(format!("{}{}", self.settings.url, request.path))
                .header("x-api-key", &self.settings.api_key)
                .header("idempotency-key", &request.key)
                .header("content-type", "application/json")
                .body(request.body.to_string()),
        )
        .await;
        said(sent, |value| match ask {
            Ask::Authorize { .. } | Ask::CameBack { .. } => words::read_payment(value),
            Ask::Void { reference, payment, .. } if payment.is_empty() => {
                words::read_received(value, "paymentReference", reference, payment)
            }
            Ask::Capture { payment, .. } | Ask::Void { payment, .. } | Ask::Refund { payment, .. } => {
                words::read_received(value, "paymentPspReference", payment, payment)
            }
            Ask::Find { .. } | Ask::FindOperation { .. } | Ask::Kept { .. } | Ask::Forget { .. } => None,
        })
    }

    /// What is kept under a shopper reference, as a query.
    fn of_shopper(&self, shopper: &str) -> String {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("merchantAccount", &self.settings.merchant_account)
            .append_pair("shopperReference", shopper)
            .finish()
    }

    /// A token may be there a moment after the payment: none yet is not knowing.
    async fn kept(&self, owner: &str) -> Answer {
        let query = self.of_shopper(owner);
        let request = self
            .client
            .get(format!("{}/storedPaymentMethods?{query}", self.settings.url));
        let sent = calls::send(request.header("x-api-key", &self.settings.api_key)).await;
        said(sent, |value| Some(words::read_kept(value, owner)))
    }

    async fn forget(&self, token: &str, shopper: &str) -> Answer {
        let token = match words::name(token) {
            Ok(token) => token,
            Err(answer) => return answer,
        };
        let query = self.of_shopper(shopper);
        let request = self
            .client
            .delete(format!("{}/storedPaymentMethods/{token}?{query}", self.settings.url));
        // 204 has no body that could be read; what is not there any more is forgotten, too.
        match calls::status(request.header("x-api-key", &self.settings.api_key)).await {
            Sent::Answered(200 | 204, _) => Answer::Forgotten,
            Sent::Answered(404, _) => Answer::NotFound,
            sent => said(sent, |_| None),
        }
    }

    /// What goes over the wire. Errors: the answer where nothing can.
    fn request(&self, ask: &Ask) -> std::result::Result<Request, Answer> {
        let account = &self.settings.merchant_account;
        let (path, key, body) = match ask {
            Ask::Authorize {
                key,
                reference,
                amount,
                token,
                return_url,
                session,
                reuse,
            } => {
                let mut body = json!({
                    "merchantAccount": account,
                    "reference": reference,
                    "amount": words::amount(*amount)?,
                    "paymentMethod": words::payment_method(token)?,
                    "returnUrl": return_url,
                    "channel": "Web",
                    "shopperInteraction": "Ecommerce",
                    // Money is taken when a parcel leaves, whatever the account does by itself.
                    "additionalData": { "manualCapture": "true" },
                    // Banks ask back on a page of their own: the only way a buyer can be sent by a link.
                    "authenticationData": { "threeDSRequestData": { "nativeThreeDS": "disabled" } },
                });
                match reuse {
                    Reuse::Once => {}
                    Reuse::Keep { owner } => {
                        body["shopperReference"] = json!(owner);
                        body["storePaymentMethod"] = json!(true);
                        body["recurringProcessingModel"] = json!("CardOnFile");
                    }
                    Reuse::Kept { customer } => {
                        body["shopperReference"] = json!(customer);
                        body["shopperInteraction"] = json!("ContAuth");
                        body["recurringProcessingModel"] = json!("CardOnFile");
                    }
                }
                // Nobody is there: a bank that wants to hear the buyer refuses ("Authentication required").
                if *session == Session::Nobody {
                    body["shopperInteraction"] = json!("ContAuth");
                    body["recurringProcessingModel"] = json!("UnscheduledCardOnFile");
                }
                ("/payments".to_owned(), key, body)
            }
            Ask::Capture {
                key,
                reference,
                payment,
                amount,
                ..
            } => {
                // Whether it is the last one cannot be said: what is left lapses by itself.
                let body = json!({
                    "merchantAccount": account,
                    "reference": words::operation_reference(reference, key),
                    "amount": words::amount(*amount)?,
                });
                (format!("/payments/{}/captures", words::name(payment)?), key, body)
            }
            // The answer that named the payment was lost, and it can be let go by our name all the same.
            Ask::Void {
                key,
                reference,
                payment,
            } if payment.is_empty() => {
                let body = json!({
                    "merchantAccount": account,
                    "reference": words::operation_reference(reference, key),
                    "paymentReference": reference,
                });
                ("/cancels".to_owned(), key, body)
            }
            Ask::Void {
                key,
                reference,
                payment,
            } => {
                let body = json!({
                    "merchantAccount": account,
                    "reference": words::operation_reference(reference, key),
                });
                (format!("/payments/{}/cancels", words::name(payment)?), key, body)
            }
            Ask::Refund {
                key,
                reference,
                payment,
                amount,
            } => {
                let body = json!({
                    "merchantAccount": account,
                    "reference": words::operation_reference(reference, key),
                    "amount": words::amount(*amount)?,
                });
                (format!("/payments/{}/refunds", words::name(payment)?), key, body)
            }
            // Adyen hands the payment out to the buyer's browser as `redirectResult`, and decides when it gets it back.
            Ask::CameBack { key, words, .. } => {
                let body = json!({ "details": { "redirectResult": words } });
                ("/payments/details".to_owned(), key, body)
            }
            // Not "not found": what cannot be looked up may well be there.
            Ask::Find { .. } | Ask::FindOperation { .. } | Ask::Kept { .. } | Ask::Forget { .. } => {
                return Err(Answer::Unknown {
                    detail: "Adyen cannot be asked; its notice or its own pages say what happened.".into(),
                });
            }
        };
        Ok(Request {
            path,
            key: key.clone(),
            body,
        })
    }

    fn fee(&self, amount: Money) -> Money {
        let (rate, fixed) = self.settings.fee;
        Money::new((rate.of(amount.minor) + fixed).min(amount.minor), amount.currency)
    }
}

/// Whether an address is the one for live money; none if it is neither of Adyen's (docs.adyen.com/development-resources/live-endpoints).
fn is_live(url: &str) -> Option<bool> {
    let live = url.contains("-checkout-live.adyenpayments.com");
    (live || url.contains("checkout-test.adyen.com")).then_some(live)
}

/// Sorts what came back. Only clear words are believed; everything else is unknown.
fn said(sent: Sent, read: impl FnOnce(&Value) -> Option<Answer>) -> Answer {
    let (status, value) = match sent {
        Sent::Answered(status, value) => (status, value),
        Sent::Not(detail) => return Answer::NotSent { detail },
        Sent::Lost(detail) => return Answer::Unknown { detail },
    };
    let code = value["errorCode"].as_str().unwrap_or_default();
    let detail = || {
        format!(
            "HTTP {status} {code}: {}",
            value["message"].as_str().unwrap_or_default()
        )
    };
    match status {
        200 | 201 => read(&value).unwrap_or(Answer::Unknown {
            detail: "the answer could not be understood".into(),
        }),
        // A key that is not, or no longer, good for it: turned away at the door, before any work.
        401 | 403 if !code.is_empty() => Answer::NotSent { detail: detail() },
        400 | 404 | 422 if !code.is_empty() && code != IN_PROGRESS => Answer::Refused { detail: detail() },
        _ => Answer::Unknown { detail: detail() },
    }
}

impl Processor for Adyen {
    fn name(&self) -> &'static str {
        self.name
    }

    fn settlement_format(&self) -> &'static str {
        "adyen"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            exponents: words::EXPONENTS,
            off_session: true,
            multicapture: true, // Where the account has it; see docs/operating.md.
            ..Capabilities::CARD
        }
    }

    /// What Adyen's fields make of a card is an object; anything but another vault's token may be one of theirs.
    fn understands(&self, token: &str) -> bool {
        token.is_empty() || token.starts_with('{') || !super::understands(token)
    }

    /// What the card fields encrypted is for one payment; the name of a stored method may be asked again.
    fn reusable(&self, token: &str) -> bool {
        !token.is_empty() && !token.starts_with('{') && self.understands(token)
    }

    fn ask<'a>(&'a self, ask: &'a Ask) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(self.decide(ask))
    }

    fn repeats_for(&self) -> Option<Seconds> {
        Some(REPEATS_FOR)
    }

    fn expected_fee(&self, captured: Money) -> Money {
        self.fee(captured)
    }

    fn thanks(&self) -> &'static str {
        "[accepted]"
    }

    /// The signature is inside the body, one for each item; if one of them is wrong, none is believed.
    fn hear(&self, body: &[u8], _header: &str, _now: Time) -> Heard {
        let Ok(batch) = serde_json::from_slice::<Value>(body) else {
            return Heard::Forged;
        };
        let items: Vec<&Value> = batch["notificationItems"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|item| &item["NotificationRequestItem"])
            .collect();
        if items.is_empty() || !items.iter().all(|item| notices::is_signed(&self.hmac_keys, item)) {
            return Heard::Forged;
        }
        // Live money and test money have accounts of their own: what one says is never about the other (P25).
        let says = match &batch["live"] {
            Value::Bool(live) => Some(*live),
            Value::String(live) => live.parse().ok(),
            _ => None,
        };
        if let (Some(ours), Some(says)) = (is_live(&self.settings.url), says)
            && ours != says
        {
            return Heard::Forged;
        }
        let ours = items
            .into_iter()
            .filter(|item| item["merchantAccountCode"] == self.settings.merchant_account.as_str());
        let notices: Vec<_> = ours
            .flat_map(|item| notices::read(item, |amount| self.fee(amount)))
            .collect();
        if notices.is_empty() {
            return Heard::Ignored;
        }
        Heard::Notices(notices)
    }
}
