//! Quotes as tokens: what we said, with our signature, so that nothing has to be stored until someone buys.
//!
//! `q1.` + base64url(JSON) + `.` + base64url(HMAC-SHA256 over everything before it). The key is the installation's own.

use super::model::{Quote, RULES};
use crate::kernel::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

const PREFIX: &str = "q1.";
/// A token of twenty long titles stays well below this.
const LENGTH_MAX: usize = 32_768;

fn seal(key: &[u8; 32], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// The token of a quote.
pub fn sign(key: &[u8; 32], quote: &Quote) -> String {
    let json = serde_json::to_vec(quote).expect("a quote serialises");
    let mut token = String::with_capacity(json.len() * 4 / 3 + 64);
    token.push_str(PREFIX);
    BASE64.encode_string(&json, &mut token);
    let seal = seal(key, token.as_bytes());
    token.push('.');
    BASE64.encode_string(seal, &mut token);
    token
}

/// The quote of a token that we signed. Expiry and shop are the caller's to check. Errors: `invalid_quote`.
pub fn open(key: &[u8; 32], token: &str) -> Result<Quote> {
    let invalid = || {
        Error::invalid("invalid_quote", "This is no quote of ours. Ask for a new one.")
            .with_field("/quote", "Not a quote of ours.")
    };
    if token.len() > LENGTH_MAX {
        return Err(invalid());
    }
    let (signed, seal_text) = token.rsplit_once('.').ok_or_else(invalid)?;
    let given = BASE64.decode(seal_text).map_err(|_| invalid())?;
    if !bool::from(seal(key, signed.as_bytes()).as_slice().ct_eq(&given)) {
        return Err(invalid());
    }
    let json = signed
        .strip_prefix(PREFIX)
        .and_then(|body| BASE64.decode(body).ok())
        .ok_or_else(invalid)?;
    let quote: Quote = serde_json::from_slice(&json).map_err(|_| invalid())?;
    if quote.version == RULES {
        Ok(quote)
    } else {
        Err(invalid())
    }
}
