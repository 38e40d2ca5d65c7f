//! Adyen's words for amounts, cards, references, results and refusals.

use super::super::declines::{decline, rescale};
use crate::kernel::{Answer, CardFace, Currency, Decline, Money};
use serde_json::{Value, json};

/// In how many decimals Adyen counts (P21). Its page on currency codes marks four that differ from ISO 4217.
pub fn exponent(currency: Currency) -> u32 {
    let differs = EXPONENTS.iter().find(|(code, _)| *code == currency.code());
    differs.map_or(currency.exponent(), |(_, exponent)| *exponent)
}

/// The currencies Adyen counts in other decimals than ISO 4217 does.
pub const EXPONENTS: &[(&str, u32)] = &[("CLP", 2), ("ISK", 2), ("CVE", 0), ("IDR", 0)];

/// An amount as Adyen counts it. Errors: its units are coarser than ours.
pub fn amount(money: Money) -> Result<Value, Answer> {
    let value = rescale(money.minor, money.currency.exponent(), exponent(money.currency));
    let value = value.ok_or_else(|| Answer::Refused {
        detail: format!("Adyen cannot count {money}"),
    })?;
    Ok(json!({ "value": value, "currency": money.currency.code() }))
}

/// Adyen's amount as ours; none if it has parts our currency does not.
pub fn money(value: &Value) -> Option<Money> {
    let currency: Currency = value["currency"].as_str()?.parse().ok()?;
    let minor = rescale(value["value"].as_i64()?, exponent(currency), currency.exponent())?;
    Some(Money::new(minor, currency))
}

/// What a buyer pays with: the object Adyen's card fields hand out, with everything in it encrypted for Adyen, or the name of a stored method.
/// Errors: a card in plain digits, which must not pass through here.
pub fn payment_method(token: &str) -> Result<Value, Answer> {
    let refused = || Answer::Refused {
        detail: "the token is neither Adyen's encrypted card nor a stored method".into(),
    };
    if !token.starts_with('{') {
        return Ok(json!({ "type": "scheme", "storedPaymentMethodId": token }));
    }
    let method: Value = serde_json::from_str(token).map_err(|_| refused())?;
    let known = |name: &String| {
        name.starts_with("encrypted")
            || [
                "type",
                "brand",
                "holderName",
                "storedPaymentMethodId",
                "checkoutAttemptId",
                "fundingSource",
                "sdkData",
            ]
            .contains(&name.as_str())
    };
    if !method.as_object().is_some_and(|fields| fields.keys().all(known)) {
        return Err(refused());
    }
    Ok(method)
}

/// The provider's name of a payment as part of an address. Errors: it is no name.
pub fn name(payment: &str) -> Result<&str, Answer> {
    if !payment.is_empty() && payment.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(payment);
    }
    Err(Answer::Refused {
        detail: "this payment has no name at Adyen".into(),
    })
}

/// What a modification is called, so that its notice says which one it is: the payment's reference and the operation's key.
pub fn operation_reference(reference: &str, key: &str) -> String {
    format!("{reference}/{key}")
}

/// A reference of ours read back: the payment's, and the key if it is an operation's.
pub fn read_reference(text: &str) -> Option<(String, Option<String>)> {
    let mut parts = text.splitn(3, '/');
    let (checkout, n) = (parts.next()?, parts.next()?);
    Some((format!("{checkout}/{n}"), parts.next().map(str::to_owned)))
}

/// Which card it is: its alias, where the account is told it (docs.adyen.com: additionalData.alias).
pub fn card_of(value: &Value) -> Option<String> {
    let alias = value["additionalData"]["alias"].as_str();
    alias.filter(|alias| !alias.is_empty()).map(str::to_owned)
}

/// What became of a payment, by its result code.
pub fn read_payment(value: &Value) -> Option<Answer> {
    // A buyer who is sent elsewhere may have no payment yet.
    let payment = value["pspReference"].as_str().unwrap_or_default().to_owned();
    Some(match value["resultCode"].as_str()? {
        // Partly authorised says another amount than was asked for, which is for the caller to see.
        "Authorised" | "PartiallyAuthorised" if !payment.is_empty() => Answer::Authorized {
            payment,
            reference: value["merchantReference"].as_str()?.to_owned(),
            amount: money(&value["amount"])?,
            capture_before: None,
            once: false,
            card: card_of(value),
        },
        "RedirectShopper" if value["action"]["type"] == "redirect" && value["action"]["method"] != "POST" => {
            let url = value["action"]["url"].as_str()?;
            if !url.starts_with("https://") && !url.starts_with("http://127.0.0.1") {
                return None;
            }
            Answer::RequiresAction {
                payment,
                url: url.to_owned(),
            }
        }
        // The rest of them wait for a buyer in a way no link can offer; the request is withdrawn after a while.
        "Pending" | "Received" | "PresentToShopper" | "RedirectShopper" | "IdentifyShopper" | "ChallengeShopper" => {
            Answer::Pending { payment }
        }
        "Refused" | "Error" => Answer::Declined {
            payment,
            decline: refusal(value["refusalReasonCode"].as_str().unwrap_or_default()),
        },
        "Cancelled" => Answer::Voided { payment },
        _ => return None,
    })
}

/// The one card that is kept under a shopper reference of its own.
pub fn read_kept(value: &Value, owner: &str) -> Answer {
    let number = |value: &Value| value.as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
    let read = |method: &Value| {
        let face = CardFace::read(
            method["brand"].as_str().unwrap_or_default(),
            method["lastFour"].as_str()?,
            number(&method["expiryMonth"]),
            number(&method["expiryYear"]),
        )?;
        Some(Answer::Kept {
            token: method["id"].as_str()?.to_owned(),
            customer: owner.to_owned(),
            face,
        })
    };
    let methods = value["storedPaymentMethods"].as_array();
    let kept = methods.and_then(|methods| methods.iter().find_map(read));
    kept.unwrap_or(Answer::Unknown {
        detail: "Adyen keeps no card yet".into(),
    })
}

/// A modification that was received: nothing has happened yet. It has to name what we named.
pub fn read_received(value: &Value, field: &str, expected: &str, payment: &str) -> Option<Answer> {
    (value["status"] == "received" && value[field] == expected).then(|| Answer::Pending {
        payment: payment.to_owned(),
    })
}

/// Refusal codes, the words notices use for them, and what they mean here. Adyen asks that buyers are not told more than that.
const REFUSALS: [(&str, &str, &str); 38] = [
    ("2", "Refused", "do_not_honor"),
    ("3", "Referral", "do_not_honor"),
    ("4", "Acquirer Error", "processing_error"),
    ("5", "Blocked Card", "restricted_card"),
    ("6", "Expired Card", "expired_card"),
    ("7", "Invalid Amount", "generic_decline"),
    ("8", "Invalid Card Number", "invalid_account"),
    ("9", "Issuer Unavailable", "processing_error"),
    ("10", "Not supported", "generic_decline"),
    ("11", "3D Not Authenticated", "authentication_failed"),
    ("12", "Not enough balance", "insufficient_funds"),
    ("14", "Acquirer Fraud", "fraudulent"),
    ("15", "Cancelled", "generic_decline"),
    ("16", "Shopper Cancelled", "generic_decline"),
    ("17", "Invalid Pin", "authentication_failed"),
    ("18", "Pin tries exceeded", "authentication_failed"),
    ("19", "Pin validation not possible", "authentication_failed"),
    ("20", "FRAUD", "fraudulent"),
    ("21", "Not Submitted", "processing_error"),
    ("22", "FRAUD-CANCELLED", "fraudulent"),
    ("23", "Transaction Not Permitted", "do_not_honor"),
    ("24", "CVC Declined", "incorrect_cvc"),
    ("25", "Restricted Card", "restricted_card"),
    ("26", "Revocation Of Auth", "revocation_of_authorization"),
    ("27", "Declined Non Generic", "do_not_honor"),
    ("28", "Withdrawal amount exceeded", "insufficient_funds"),
    ("29", "Withdrawal count exceeded", "card_velocity_exceeded"),
    ("31", "Issuer Suspected Fraud", "fraudulent"),
    ("32", "AVS Declined", "generic_decline"),
    ("33", "Card requires online pin", "authentication_failed"),
    ("34", "No checking account available on Card", "generic_decline"),
    ("35", "No savings account available on Card", "generic_decline"),
    ("36", "Mobile pin required", "authentication_failed"),
    ("37", "Contactless fallback", "generic_decline"),
    ("38", "Authentication required", "authentication_required"),
    ("39", "RReq not received from DS", "authentication_failed"),
    ("42", "3DS Authentication Error", "authentication_failed"),
    // Card schemes bill for tries after they said never: to us it is what a revoked card is.
    (
        "45",
        "Transaction blocked by Adyen to prevent excessive retry fees",
        "revocation_of_authorization",
    ),
];

/// Sorts a refusal by its code, or by the words of a notice. One we do not know may be tried again.
pub fn refusal(code: &str) -> Decline {
    let known = REFUSALS
        .iter()
        .find(|(number, words, _)| *number == code || words.eq_ignore_ascii_case(code));
    decline(known.map_or("", |(_, _, ours)| ours))
}

/// Why a buyer disputes, by the card scheme's code (docs.adyen.com/risk-management/understanding-disputes/dispute-reason-codes). The codes are
/// Visa's and Mastercard's; one we do not know gives no particular reason, and is shown as it came.
pub fn dispute_reason(code: &str) -> &'static str {
    match code {
        "10.1" | "10.2" | "10.3" | "10.4" | "10.5" | "4837" | "4840" | "4849" | "4863" | "4870" | "4871" => {
            "fraudulent"
        }
        "13.1" | "4855" => "product_not_received",
        "13.3" | "13.4" | "13.5" | "4853" => "product_unacceptable",
        "12.6" | "12.6.1" | "12.6.2" | "4834" => "duplicate",
        "13.6" | "13.7" | "4860" => "credit_not_processed",
        "13.2" | "4841" => "subscription_canceled",
        _ => "general",
    }
}
