//! Stripe's wire format, as far as the sandbox server speaks it: forms with nested names in, JSON objects out.

use super::books::{BookedRefund, Customer, Method, Payment, PaymentState, Refusal};
use super::disputes::{BookedDispute, DisputeStatus};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A form or query: names may be nested, such as `metadata[reference]`.
#[derive(Clone, Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    pub fn read(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    pub fn flag(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// A whole number, if it is there.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let refuse = || Refusal::invalid("parameter_invalid_integer", format!("Invalid integer: {name}"));
        self.get(name)
            .map(|value| value.parse().map_err(|_| refuse()))
            .transpose()
    }

    pub fn metadata(&self) -> BTreeMap<String, String> {
        self.nested("metadata")
    }

    /// What is nested in a name: `metadata[reference]` in `metadata`.
    pub fn nested(&self, outer: &str) -> BTreeMap<String, String> {
        let inner = |name: &str| {
            name.strip_prefix(outer)
                .and_then(|rest| rest.strip_prefix('[')?.strip_suffix(']'))
                .map(str::to_owned)
        };
        self.0
            .iter()
            .filter_map(|(name, value)| Some((inner(name)?, value.clone())))
            .collect()
    }

    /// Whether `expand[]` names this field.
    pub fn expands(&self, field: &str) -> bool {
        self.0
            .iter()
            .any(|(name, value)| name.starts_with("expand") && value == field)
    }

    /// Refuses names nobody knows: a misspelt parameter must not be silently dropped.
    pub fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        let root = |name: &str| name.split('[').next().unwrap_or_default().to_owned();
        match self
            .0
            .iter()
            .map(|(name, _)| root(name))
            .find(|name| name != "expand" && !known.contains(&name.as_str()))
        {
            Some(name) => Err(Refusal::invalid(
                "parameter_unknown",
                format!("Received unknown parameter: {name}"),
            )),
            None => Ok(()),
        }
    }

    /// The same parameters in any order are the same request.
    pub fn fingerprint(&self) -> String {
        let mut sorted = self.0.clone();
        sorted.sort();
        format!("{sorted:?}")
    }
}

pub fn payment(payment: &Payment, base_url: &str, expand_charge: bool) -> Value {
    let charge =
        (payment.captured > 0 || payment.state == PaymentState::RequiresCapture).then(|| format!("ch_{}", payment.id));
    let latest_charge = match charge {
        Some(id) if expand_charge => json!({
            "id": id, "object": "charge", "amount": payment.amount, "amount_captured": payment.captured, "amount_refunded": payment.refunded,
            "captured": payment.captured > 0, "currency": lower(payment), "payment_intent": payment.id,
            "payment_method_details": {
                "type": "card", "card": {
                    "brand": "visa", "last4": "4242", "capture_before": payment.capture_before.map(|at| at.unix_seconds()),
                    "fingerprint": payment.card(),
                    "multicapture": { "status": if payment.is_taken_once() { "unavailable" } else { "available" } },
                },
            },
        }),
        Some(id) => json!(id),
        None => Value::Null,
    };
    let next_action = (payment.state == PaymentState::RequiresAction).then(|| {
        json!({
            "type": "redirect_to_url",
            "redirect_to_url": { "url": format!("{base_url}/3ds/{}", payment.id), "return_url": payment.return_url },
        })
    });
    json!({
        "id": payment.id,
        "object": "payment_intent",
        "amount": payment.amount,
        "amount_capturable": payment.capturable(),
        "amount_received": payment.captured,
        "canceled_at": payment.canceled_at.map(|at| at.unix_seconds()),
        "capture_method": if payment.automatic { "automatic" } else { "manual" },
        "client_secret": format!("{}_secret_sandbox", payment.id),
        "confirmation_method": "automatic",
        "created": payment.created_at.unix_seconds(),
        "currency": lower(payment),
        "description": (!payment.description.is_empty()).then_some(&payment.description),
        "last_payment_error": payment.decline.as_ref().map(|code| json!({
            "type": "card_error", "code": "card_declined", "decline_code": code, "message": "Your card was declined.",
        })),
        "latest_charge": latest_charge,
        "livemode": false,
        "metadata": payment.metadata,
        "next_action": next_action,
        "customer": (!payment.customer.is_empty()).then_some(&payment.customer),
        "payment_method": (!payment.method.is_empty()).then(|| payment.method()),
        "setup_future_usage": payment.keep.then_some("on_session"),
        "payment_method_types": ["card"],
        "status": payment.state.name(),
    })
}

pub fn method(method: &Method) -> Value {
    let (brand, last_four, month, year) = method.face();
    json!({
        "id": method.id,
        "object": "payment_method",
        "type": "card",
        "card": { "brand": brand, "last4": last_four, "exp_month": month, "exp_year": year },
        "customer": (!method.customer.is_empty()).then_some(&method.customer),
        "livemode": false,
        "metadata": {},
    })
}

pub fn customer(customer: &Customer) -> Value {
    json!({
        "id": customer.id,
        "object": "customer",
        "created": customer.created_at.unix_seconds(),
        "livemode": false,
        "metadata": customer.metadata,
    })
}

pub fn refund(refund: &BookedRefund) -> Value {
    json!({
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "charge": format!("ch_{}", refund.payment),
        "created": refund.created_at.unix_seconds(),
        "currency": refund.currency.code().to_lowercase(),
        "metadata": refund.metadata,
        "payment_intent": refund.payment,
        "status": "succeeded",
    })
}

/// A dispute; its payment whole where it was asked for. A round that is not the first has a name of its own here: Stripe knows none.
pub fn dispute(dispute: &BookedDispute, of: &Payment, base_url: &str, expand_payment: bool) -> Value {
    let mut movements = Vec::new();
    if dispute.fee > 0 {
        movements.push(json!({
            "id": format!("txn_{}_{}", dispute.id, dispute.round), "object": "balance_transaction", "amount": -dispute.amount,
            "currency": dispute.currency.code().to_lowercase(), "fee": dispute.fee, "net": -dispute.amount - dispute.fee,
            "type": "adjustment", "reporting_category": "dispute",
        }));
    }
    if dispute.status == DisputeStatus::Won {
        movements.push(json!({
            "id": format!("txn_{}_{}_won", dispute.id, dispute.round), "object": "balance_transaction", "amount": dispute.amount,
            "currency": dispute.currency.code().to_lowercase(), "fee": 0, "net": dispute.amount,
            "type": "adjustment", "reporting_category": "dispute_reversal",
        }));
    }
    json!({
        "id": dispute.id,
        "object": "dispute",
        "amount": dispute.amount,
        "balance_transactions": movements,
        "charge": format!("ch_{}", dispute.payment),
        "created": dispute.created_at.unix_seconds(),
        "currency": dispute.currency.code().to_lowercase(),
        "evidence": dispute.evidence,
        "evidence_details": {
            "due_by": dispute.due_by.map(|at| at.unix_seconds()), "has_evidence": !dispute.evidence.is_empty(), "past_due": false,
            "submission_count": dispute.submitted,
        },
        "is_charge_refundable": !dispute.status.takes_money(),
        "livemode": false,
        "metadata": {},
        "payment_intent": if expand_payment { payment(of, base_url, false) } else { json!(dispute.payment) },
        "reason": dispute.reason,
        "status": dispute.status.name(),
    })
}

pub fn error(refusal: &Refusal, base_url: &str) -> Value {
    json!({ "error": {
        "type": refusal.kind,
        "code": refusal.code,
        "decline_code": refusal.decline,
        "message": refusal.message,
        "payment_intent": refusal.payment.as_ref().map(|known| payment(known, base_url, false)),
    } })
}

fn lower(payment: &Payment) -> String {
    payment.currency.code().to_lowercase()
}
