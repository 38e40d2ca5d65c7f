//! One try: look the name up, judge every address it has, and post to exactly those.

use super::address::may_dial;
use super::model::{Outcome, Parcel, Reply, literal};
use super::sign::Secret;
use crate::kernel::{Network, Result, Seconds};
use crate::payments::processors;
use reqwest::{Response, StatusCode, Url, header};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// All that a try may take, from the look-up of the name to the status of the answer: the standard asks for 15 to 30 seconds.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(15);
/// How long a name may take to be looked up.
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);
/// How long the body of an answer is waited for, after that: its status has said all by then.
const BODY_LIMIT: Duration = Duration::from_secs(2);
/// Bytes of an answer that are kept, and the most that are read.
const BODY_KEPT: usize = 1024;

/// The addresses of a name.
pub(super) async fn look_up(host: String, port: u16) -> std::io::Result<Vec<IpAddr>> {
    let found = tokio::time::timeout(LOOKUP_LIMIT, tokio::net::lookup_host((host, port))).await;
    Ok(found
        .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??
        .map(|address| address.ip())
        .collect())
}

/// Where a request may go: all addresses of its host, each of them judged. Asked anew for every try, as a name may lead elsewhere by then.
pub(super) async fn vetted<L, F>(
    url: &Url,
    ours: &[Network],
    look_up: L,
) -> std::result::Result<Vec<SocketAddr>, String>
where
    L: Fn(String, u16) -> F,
    F: Future<Output = std::io::Result<Vec<IpAddr>>>,
{
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Err("The address names no host.".into());
    };
    let found = match literal(host) {
        Some(ip) => vec![ip],
        None => look_up(host.to_owned(), port)
            .await
            .map_err(|_| format!("The name {host} could not be looked up."))?,
    };
    if found.is_empty() {
        return Err(format!("The name {host} has no address."));
    }
    let https = url.scheme() == "https";
    if !found.iter().all(|ip| may_dial(ours, https, *ip, port)) {
        return Err(format!(
            "Nothing was sent: {host} leads to an address that is not public, or not reached over HTTPS at port 443."
        ));
    }
    Ok(found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
}

/// Posts an event, and waits so long ([`TIME_LIMIT`]) for the status of the answer. Whatever goes wrong is a reply; nothing here is an error.
pub(super) async fn post<L, F>(
    parcel: &Parcel,
    installation: &[u8; 32],
    ours: &[Network],
    limit: Duration,
    look_up: L,
) -> Reply
where
    L: Fn(String, u16) -> F,
    F: Future<Output = std::io::Result<Vec<IpAddr>>>,
{
    let begun = Instant::now();
    let tried = tokio::time::timeout(limit, try_it(parcel, installation, ours, limit, look_up)).await;
    let millis = u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX);
    let reply = match tried {
        Ok(Ok(answer)) => read(answer).await, // Outside the limit: a slow body takes nothing back of what the status said.
        Ok(Err(reply)) => reply,
        Err(_) => failed(NO_ANSWER),
    };
    Reply { millis, ..reply }
}

const NO_ANSWER: &str = "There was no answer within 15 seconds.";

fn failed(detail: impl Into<String>) -> Reply {
    Reply {
        outcome: Outcome::Failed { not_before: Seconds(0) },
        status: None,
        millis: 0,
        detail: detail.into(),
        body: String::new(),
    }
}

/// The answer, as soon as its status is there; or what stood in the way.
async fn try_it<L, F>(
    parcel: &Parcel,
    installation: &[u8; 32],
    ours: &[Network],
    limit: Duration,
    look_up: L,
) -> std::result::Result<Response, Reply>
where
    L: Fn(String, u16) -> F,
    F: Future<Output = std::io::Result<Vec<IpAddr>>>,
{
    let Ok(url) = Url::parse(&parcel.endpoint.url) else {
        return Err(failed("The address cannot be read."));
    };
    let addresses = vetted(&url, ours, look_up).await.map_err(failed)?;
    let host = url.host_str().unwrap_or_default();
    let client = client(host, &addresses, limit).map_err(|error| failed(error.detail))?;
    let request = client
        .post(url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, "Hawker (Standard Webhooks 1.0)")
        .header("webhook-id", parcel.event.to_string())
        .header("webhook-timestamp", parcel.taken_at.unix_seconds().to_string())
        .header("webhook-signature", signatures(parcel, installation))
        .body(parcel.payload.clone());
    request.send().await.map_err(|error| {
        failed(if error.is_connect() {
            "No connection could be made."
        } else if error.is_timeout() {
            NO_ANSWER
        } else {
            "The connection broke before there was an answer."
        })
    })
}

/// A client for one try, which dials exactly these addresses for this name; otherwise with the policy of all our calls.
fn client(host: &str, addresses: &[SocketAddr], limit: Duration) -> Result<reqwest::Client> {
    processors::client_of(
        processors::policy(limit + BODY_LIMIT)?
            .pool_max_idle_per_host(0)
            .resolve_to_addrs(host, addresses),
    )
}

/// The header `webhook-signature`: of the secret of today, and of the one before while it is being changed over.
pub(super) fn signatures(parcel: &Parcel, installation: &[u8; 32]) -> String {
    let endpoint = &parcel.endpoint;
    let of = |generation| {
        Secret::derive(installation, endpoint.id, generation).sign(parcel.event, parcel.taken_at, &parcel.payload)
    };
    let now = of(endpoint.generation);
    match endpoint.old_until {
        Some(until) if until > parcel.taken_at => format!("{now} {}", of(endpoint.generation - 1)),
        _ => now,
    }
}

async fn read(answer: Response) -> Reply {
    let status = answer.status();
    let retry_after = retry_after(&answer);
    let (outcome, detail) = match status {
        status if status.is_success() => (Outcome::Delivered, String::new()),
        StatusCode::GONE => (
            Outcome::Gone,
            "It answered 410: it does not want any more events.".into(),
        ),
        status => {
            let not_before = retry_after.unwrap_or(match status {
                StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => Seconds(30),
                _ => Seconds(0),
            });
            let detail = if status.is_redirection() {
                format!(
                    "It answered {}: redirects are not followed; enter the address they lead to.",
                    status.as_u16()
                )
            } else {
                format!("It answered {}.", status.as_u16())
            };
            (Outcome::Failed { not_before }, detail)
        }
    };
    Reply {
        outcome,
        status: Some(status.as_u16()),
        millis: 0,
        detail,
        body: first_bytes(answer).await,
    }
}

/// In seconds (RFC 9110, section 10.2.3); a date is rare enough to be left to the schedule.
fn retry_after(answer: &Response) -> Option<Seconds> {
    let text = answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse::<u32>().ok().map(|seconds| Seconds(seconds.into()))
}

/// The beginning of a body, for the log; however long it is and however slowly it comes.
async fn first_bytes(mut answer: Response) -> String {
    let mut bytes = Vec::new();
    let reading = async {
        while bytes.len() < BODY_KEPT {
            match answer.chunk().await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk[..chunk.len().min(BODY_KEPT - bytes.len())]),
                Ok(None) | Err(_) => break,
            }
        }
    };
    // What did not come in time is not missed.
    drop(tokio::time::timeout(BODY_LIMIT, reading).await);
    let text = String::from_utf8_lossy(&bytes);
    let shown = |letter: char| {
        if letter.is_control() && letter != '\n' {
            ' '
        } else {
            letter
        }
    };
    text.chars().map(shown).collect::<String>().trim().to_owned()
}
