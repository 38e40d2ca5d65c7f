//! Calls to providers over HTTP: one policy for all, and what became of a request on its way.

use crate::kernel::{Error, Result};
use serde_json::Value;
use std::time::Duration;

/// A call that takes longer is given up, and its outcome unknown.
pub const TIME_LIMIT: Duration = Duration::from_secs(20);
/// An answer larger than this is not one.
const ANSWER_MAX: usize = 1 << 20;

/// What became of a request on its way.
pub enum Sent {
    Answered(u16, Value),
    Not(String),
    Lost(String),
}

/// One policy for all calls to providers: a time limit, no redirects, no proxies from the environment, TLS by ring.
pub fn client(limit: Duration) -> Result<reqwest::Client> {
    client_of(policy(limit)?)
}

fn cannot(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::internal("the HTTP client could not be set up").because(error)
}

/// The client of a policy.
pub fn client_of(policy: reqwest::ClientBuilder) -> Result<reqwest::Client> {
    policy.build().map_err(cannot)
}

/// The policy itself, for callers who have more to say.
pub fn policy(limit: Duration) -> Result<reqwest::ClientBuilder> {
    let roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let tls =
        rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(cannot)?
            .with_root_certificates(roots)
            .with_no_client_auth();
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .timeout(limit)
        .connect_timeout(Duration::from_secs(5))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy())
}

/// Sends a request whose status says all: an answer without a readable body is one.
pub async fn status(request: reqwest::RequestBuilder) -> Sent {
    match request.send().await {
        Ok(answer) => {
            let status = answer.status().as_u16();
            let value = match answer.bytes().await {
                Ok(bytes) if bytes.len() <= ANSWER_MAX => serde_json::from_slice(&bytes).unwrap_or(Value::Null),
                _ => Value::Null,
            };
            Sent::Answered(status, value)
        }
        Err(error) if error.is_connect() => Sent::Not("no connection".into()),
        Err(error) if error.is_timeout() => Sent::Lost("timed out".into()),
        Err(error) => Sent::Lost(error.without_url().to_string()),
    }
}

/// Sends a request and reads its answer as JSON.
pub async fn send(request: reqwest::RequestBuilder) -> Sent {
    let mut answer = match request.send().await {
        Ok(answer) => answer,
        // Without a connection not a byte was written.
        Err(error) if error.is_connect() => return Sent::Not("no connection".into()),
        Err(error) if error.is_timeout() => return Sent::Lost("timed out".into()),
        Err(error) => return Sent::Lost(error.without_url().to_string()),
    };
    let status = answer.status().as_u16();
    // Adyen's word for "ask again under the same key", whatever the status.
    if answer
        .headers()
        .get("transient-error")
        .is_some_and(|value| value == "true")
    {
        return Sent::Lost(format!("HTTP {status}, a passing error"));
    }
    let mut bytes = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(None) => break,
            Ok(Some(chunk)) if bytes.len() + chunk.len() <= ANSWER_MAX => bytes.extend_from_slice(&chunk),
            Ok(Some(_)) => return Sent::Lost("the answer is too large".into()),
            Err(error) => return Sent::Lost(error.without_url().to_string()),
        }
    }
    match serde_json::from_slice(&bytes) {
        Ok(value) => Sent::Answered(status, value),
        Err(_) => Sent::Lost(format!("HTTP {status} without a readable answer")),
    }
}
