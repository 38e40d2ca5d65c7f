//! Secrets of endpoints, and the signature that Standard Webhooks 1.0 wants: `v1,` and an HMAC-SHA256 over `id.timestamp.body`.
//!
//! A secret is derived from the installation's key, the endpoint and its generation, so it is stored nowhere; another generation is another secret.

use crate::kernel::{Id, Time, WebhookEndpointId, WebhookEventId};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// An endpoint's secret: 32 bytes; the standard asks for 24 to 64.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl Secret {
    pub(super) fn derive(installation: &[u8; 32], endpoint: WebhookEndpointId, generation: i64) -> Self {
        let mut mac = keyed(installation);
        mac.update(b"webhook secret");
        mac.update(endpoint.uuid().as_bytes());
        mac.update(&generation.to_be_bytes());
        Self(mac.finalize().into_bytes().into())
    }

    /// `whsec_…`, as the receiver's library takes it.
    pub fn in_full(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.0))
    }

    /// One signature of the header `webhook-signature`.
    pub(super) fn sign(&self, id: WebhookEventId, at: Time, body: &str) -> String {
        signature(&self.0, &id.to_string(), at.unix_seconds(), body)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn signature(key: &[u8], id: &str, unix_seconds: i64, body: &str) -> String {
    let mut mac = keyed(key);
    mac.update(format!("{id}.{unix_seconds}.").as_bytes());
    mac.update(body.as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn the_published_example_is_signed_as_published() {
        // The vector that the standard's own libraries are tested with.
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signature(
            &key,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn w7_every_endpoint_and_generation_has_a_secret_of_its_own() {
        let id = |n| WebhookEndpointId::from_uuid(Uuid::from_u128(n));
        let (ours, theirs) = ([1; 32], [2; 32]);
        let all = [
            Secret::derive(&ours, id(1), 1),
            Secret::derive(&ours, id(1), 2),
            Secret::derive(&ours, id(2), 1),
            Secret::derive(&theirs, id(1), 1),
        ];
        for (n, secret) in all.iter().enumerate() {
            assert!(all.iter().skip(n + 1).all(|other| other != secret));
        }
        assert_eq!(Secret::derive(&ours, id(1), 1), all[0]);
        assert_eq!(all[0].in_full().len(), "whsec_".len() + 44);
        assert!(!format!("{:?}", all[0]).contains(&all[0].in_full()));
    }
}
