//! Signed notices: `Stripe-Signature: t=…,v1=…`, an HMAC-SHA256 over the time and the raw body.

use crate::kernel::Time;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// A notice this much older or newer than now is refused, so that a recorded one cannot be played again.
const TOLERANCE_SECONDS: u64 = 300;

fn mac(secret: &str, at: i64, body: &[u8]) -> String {
    use std::fmt::Write;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    mac.finalize()
        .into_bytes()
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("text is writable");
            text
        })
}

/// The header a provider sends.
pub fn sign(secret: &str, at: i64, body: &[u8]) -> String {
    format!("t={at},v1={}", mac(secret, at, body))
}

/// Whether the header belongs to the body. Constant time; several `v1` are allowed while a secret is rotated.
pub fn verify(secret: &str, header: &str, body: &[u8], now: Time) -> bool {
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let at = parts()
        .find(|(name, _)| *name == "t")
        .and_then(|(_, value)| value.parse::<i64>().ok());
    let Some(at) = at.filter(|at| at.abs_diff(now.unix_seconds()) <= TOLERANCE_SECONDS) else {
        return false;
    };
    let expected = mac(secret, at, body);
    parts()
        .filter(|(name, _)| *name == "v1")
        .any(|(_, given)| bool::from(given.as_bytes().ct_eq(expected.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000;

    #[test]
    fn w8_p25_a_notice_is_believed_only_whole_fresh_and_signed_with_our_secret() {
        let now = Time::from_unix_seconds(NOW);
        let body = br#"{"id":"evt_1"}"#;
        let header = sign("whsec_a", NOW, body);
        assert!(verify("whsec_a", &header, body, now));
        assert!(
            verify("whsec_a", &format!("{header},v1=00"), body, now),
            "a second signature does not hurt"
        );
        assert!(!verify("whsec_b", &header, body, now), "another tenant's secret");
        assert!(
            !verify("whsec_a", &header, br#"{"id":"evt_2"}"#, now),
            "an altered body"
        );
        for late in [-301, 301] {
            assert!(
                !verify("whsec_a", &sign("whsec_a", NOW + late, body), body, now),
                "{late} s away"
            );
        }
        for bad in [
            "",
            "t=1",
            "v1=00",
            "t=x,v1=00",
            &format!("t={NOW}"),
            &format!("t={NOW},v1="),
        ] {
            assert!(!verify("whsec_a", bad, body, now), "{bad}");
        }
    }
}
