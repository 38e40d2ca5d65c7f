//! Adyen's notices: who signed them, and what they say.
//!
//! Captures, refunds and cancellations end here. That they come in any order and more than once is not our business: a notice has a name that its
//! repetitions share, and the payment takes from its state what it still can.

use super::words;
use crate::kernel::{About, Answer, DisputeStage, DisputeTold, Money, Notice, Time};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Whether one of the keys signed an item: HMAC-SHA256 over eight of its fields, in constant time.
pub fn is_signed(keys: &[Vec<u8>], item: &Value) -> bool {
    let given = item["additionalData"]["hmacSignature"].as_str().unwrap_or_default();
    let text = signed_text(item);
    keys.iter()
        .any(|key| bool::from(sign(key, &text).as_bytes().ct_eq(given.as_bytes())))
}

/// The fields that are signed, joined by colons. They are not escaped: Adyen's documentation once said so, and its own libraries stopped
/// (adyen-php-api-library #165, adyen-python-api-library #118). No reference of ours has a colon in it.
fn signed_text(item: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    [
        &item["pspReference"],
        &item["originalReference"],
        &item["merchantAccountCode"],
        &item["merchantReference"],
        &item["amount"]["value"],
        &item["amount"]["currency"],
        &item["eventCode"],
        &item["success"],
    ]
    .map(text)
    .join(":")
}

pub fn sign(key: &[u8], text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    BASE64.encode(mac.finalize().into_bytes())
}

/// A key as Adyen's pages show it.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() || !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

/// Which step of which round an item tells of a dispute; none if it is of none. That somebody suspects fraud (`NOTIFICATION_OF_FRAUD`) is no dispute
/// yet, and what an issuer remarks (`ISSUER_COMMENTS`) changes nothing.
///
/// From docs.adyen.com/risk-management/disputes-api/dispute-notifications; verified by no outside peer. A chargeback counts from its first notice on:
/// whether Adyen has taken the money yet, it belongs to the bank. A second chargeback cannot be answered, and pre-arbitration decides about it.
fn dispute_stage(item: &Value) -> Option<(DisputeStage, u32)> {
    let status = item["additionalData"]["disputeStatus"].as_str().unwrap_or_default();
    let said = match status {
        "Pending" | "Responded" => DisputeStage::UnderReview,
        "Expired" | "Accepted" => DisputeStage::TimeUp,
        "Lost" => DisputeStage::Lost,
        "Won" => DisputeStage::Won,
        _ => DisputeStage::NeedsResponse,
    };
    Some(match item["eventCode"].as_str()? {
        "REQUEST_FOR_INFORMATION" => (DisputeStage::Inquiry, 1),
        // `Pending` can be said of a chargeback that is only on its way.
        "NOTIFICATION_OF_CHARGEBACK" if said == DisputeStage::UnderReview => (DisputeStage::NeedsResponse, 1),
        "NOTIFICATION_OF_CHARGEBACK" | "CHARGEBACK" => (said, 1),
        "INFORMATION_SUPPLIED" => (DisputeStage::UnderReview, 1),
        "DISPUTE_DEFENSE_PERIOD_ENDED" => (DisputeStage::TimeUp, 1),
        "CHARGEBACK_REVERSED" | "ISSUER_RESPONSE_TIMEFRAME_EXPIRED" => (DisputeStage::Won, 1),
        "SECOND_CHARGEBACK" => (DisputeStage::TimeUp, 2),
        "PREARBITRATION_WON" => (DisputeStage::Won, 2),
        "PREARBITRATION_LOST" => (DisputeStage::Lost, 2),
        _ => return None,
    })
}

fn read_dispute(item: &Value, stage: DisputeStage, round: u32) -> Option<Notice> {
    let (event, own) = (item["eventCode"].as_str()?, item["pspReference"].as_str()?);
    let (reference, _) = words::read_reference(item["merchantReference"].as_str()?)?;
    let more = &item["additionalData"];
    let code = ["chargebackReasonCode", "rfiReasonCode"]
        .into_iter()
        .find_map(|name| more[name].as_str().filter(|code| !code.is_empty()));
    let due_by = more["defensePeriodEndsAt"]
        .as_str()
        .filter(|_| more["defendable"] != "false");
    let told = DisputeTold {
        name: own.to_owned(),
        round,
        reference: reference.clone(),
        stage,
        amount: words::money(&item["amount"]).filter(|amount| amount.minor > 0)?,
        reason: words::dispute_reason(code.unwrap_or_default()).to_owned(),
        detail: [code, item["reason"].as_str()]
            .into_iter()
            .flatten()
            .filter(|words| !words.is_empty())
            .collect::<Vec<_>>()
            .join(" "),
        due_by: due_by
            .and_then(|text| text.parse::<jiff::Timestamp>().ok())
            .map(|at| Time::from_unix_seconds(at.as_second())),
        fees: Vec::new(), // They are in the settlement report, not in the notice.
    };
    let status = more["disputeStatus"].as_str().unwrap_or_default();
    Some(Notice {
        id: format!("{event}:{own}:{status}"),
        reference,
        about: About::Dispute(Box::new(told)),
        answer: Answer::Pending {
            payment: item["originalReference"].as_str().unwrap_or_default().to_owned(),
        },
    })
}

/// What an item says. Nothing, if it is not about a payment in our words.
pub fn read(item: &Value, fee: impl Fn(Money) -> Money) -> Vec<Notice> {
    read_item(item, fee).unwrap_or_default()
}

fn read_item(item: &Value, fee: impl Fn(Money) -> Money) -> Option<Vec<Notice>> {
    let event = item["eventCode"].as_str()?;
    let own = item["pspReference"].as_str()?;
    if let Some((stage, round)) = dispute_stage(item) {
        return read_dispute(item, stage, round).map(|notice| vec![notice]);
    }
    // Whoever gives money back on Adyen's own pages may type any reference, or none.
    let given_back = matches!(event, "REFUND" | "REFUND_FAILED" | "REFUNDED_REVERSED");
    let (reference, key) = match words::read_reference(item["merchantReference"].as_str().unwrap_or_default()) {
        Some(ours) => ours,
        None if given_back => (String::new(), None),
        None => return None,
    };
    let original = item["originalReference"].as_str().unwrap_or_default().to_owned();
    let reason = item["reason"].as_str().unwrap_or_default().to_owned();
    let success = item["success"] == "true" || item["success"] == true;
    let refused = || Answer::Refused { detail: reason.clone() };
    let amount = words::money(&item["amount"]);
    // An amount that cannot be one of ours says nothing we could build on.
    let counted = |answer: &dyn Fn(Money) -> Answer| {
        amount.map_or_else(
            || Answer::Unknown {
                detail: "a notice with an amount that cannot be counted".into(),
            },
            answer,
        )
    };
    let captured = || {
        counted(&|amount| Answer::Captured {
            payment: original.clone(),
            reference: reference.clone(),
            operation: own.to_owned(),
            amount,
            fee: fee(amount),
        })
    };
    let refunded = || {
        counted(&|amount| Answer::Refunded {
            payment: original.clone(),
            reference: reference.clone(),
            operation: own.to_owned(),
            amount,
        })
    };
    let notice = |event: &str, about: &About, answer: Answer| Notice {
        id: format!("{event}:{own}:{success}"),
        reference: reference.clone(),
        about: about.clone(),
        answer,
    };
    let undone = || Answer::Undone { detail: reason.clone() };
    if event == "AUTHORISATION" {
        let answer = if success {
            counted(&|amount| Answer::Authorized {
                payment: own.to_owned(),
                reference: reference.clone(),
                amount,
                capture_before: None,
                once: false,
                card: words::card_of(item),
            })
        } else {
            Answer::Declined {
                payment: own.to_owned(),
                decline: words::refusal(&reason),
            }
        };
        return Some(vec![notice(event, &About::Authorize, answer)]);
    }
    // A cancellation by our name of the payment carries that name, not the modification's.
    if matches!(event, "CANCELLATION" | "TECHNICAL_CANCEL") {
        let answer = if success {
            Answer::Voided {
                payment: original.clone(),
            }
        } else {
            refused()
        };
        return Some(vec![notice(event, &About::Void, answer)]);
    }
    let about = match key {
        Some(key) => About::Operation { key },
        // Made on Adyen's own pages: it carries the name of the payment, and no key of ours.
        None if given_back => About::RefundElsewhere {
            refund: own.to_owned(),
            payment: original.clone(),
        },
        // A capture on Adyen's own pages: none of ours is without a key.
        None if event == "CAPTURE" && success => About::Authorize,
        None => return None,
    };
    Some(match (event, success) {
        ("CAPTURE", true) => vec![notice(event, &about, captured())],
        ("REFUND", true) => vec![notice(event, &about, refunded())],
        ("CAPTURE" | "REFUND", false) => vec![notice(event, &about, refused())],
        // What failed at the bank was done before, whichever notice comes first: both are told in that order, the first under the name of the one
        // that says so itself. So every order of arrival ends in one state.
        ("CAPTURE_FAILED", true) => vec![notice("CAPTURE", &about, captured()), notice(event, &about, undone())],
        ("REFUND_FAILED" | "REFUNDED_REVERSED", true) => {
            vec![notice("REFUND", &about, refunded()), notice(event, &about, undone())]
        }
        _ => return None,
    })
}
