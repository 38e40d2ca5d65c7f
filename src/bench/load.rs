//! The load generator: connections that send requests, and what their answers took.

use crate::kernel::{Error, Result};
use axum::body::{Body, Bytes, to_bytes};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// No answer of a server under test is larger.
const ANSWER_MAX: usize = 4 << 20;

/// One kept-alive connection.
pub struct Connection {
    sender: SendRequest<Body>,
    address: SocketAddr,
    authorization: String,
}

impl Connection {
    /// Errors: nobody listens.
    pub async fn open(address: SocketAddr, authorization: &str) -> Result<Self> {
        let cannot = |error: &dyn std::fmt::Display| Error::internal(format!("no connection to {address}: {error}"));
        let stream = tokio::net::TcpStream::connect(address)
            .await
            .map_err(|error| cannot(&error))?;
        drop(stream.set_nodelay(true));
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| cannot(&error))?;
        tokio::spawn(connection);
        Ok(Self {
            sender,
            address,
            authorization: authorization.to_owned(),
        })
    }

    /// Sends one request and reads the whole answer. Errors: the connection broke.
    pub async fn ask(&mut self, method: Method, path: &str, body: Vec<u8>) -> Result<(StatusCode, Bytes)> {
        let broke = |error: &dyn std::fmt::Display| Error::internal(format!("{path}: {error}"));
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string());
        if !self.authorization.is_empty() {
            request = request.header("authorization", &self.authorization);
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(Body::from(body)).map_err(|error| broke(&error))?;
        self.sender.ready().await.map_err(|error| broke(&error))?;
        let answer = self.sender.send_request(request).await.map_err(|error| broke(&error))?;
        let status = answer.status();
        let body = to_bytes(Body::new(answer.into_body()), ANSWER_MAX)
            .await
            .map_err(|error| broke(&error))?;
        Ok((status, body))
    }
}

/// When requests begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Each connection as soon as it was answered.
    Closed,
    /// So many arrivals a second over all connections, whatever the answers do.
    Open(f64),
}

/// The timetable that all connections share.
pub struct Arrivals {
    pace: Pace,
    start: Instant,
    span: Duration,
    next: AtomicU64,
}

impl Arrivals {
    pub fn new(pace: Pace, span: Duration) -> Self {
        Self {
            pace,
            start: Instant::now(),
            span,
            next: AtomicU64::new(0),
        }
    }

    /// Waits for the next arrival and answers when it was due; `None` when the span is over.
    pub async fn next(&self) -> Option<Instant> {
        let due = match self.pace {
            Pace::Closed => Instant::now(),
            Pace::Open(rate) => {
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                self.start + Duration::from_secs_f64(number as f64 / rate)
            }
        };
        if due >= self.start + self.span {
            return None;
        }
        tokio::time::sleep_until(due.into()).await;
        Some(due)
    }
}

/// Latencies in microseconds.
#[derive(Default)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    pub fn note(&mut self, took: Duration) {
        self.0.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    pub fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The smallest latency that `share` of all do not exceed, in milliseconds; 0 if there is none.
    pub fn ms(&mut self, share: f64) -> f64 {
        self.0.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank below the length"
        )]
        let rank = (self.0.len() as f64 * share).ceil() as usize;
        self.0
            .get(rank.saturating_sub(1))
            .map_or(0.0, |us| f64::from(*us) / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_smallest_latency_that_so_many_do_not_exceed() {
        let mut all = Latencies::default();
        assert!(all.ms(0.5) < f64::EPSILON);
        for ms in (1..=100).rev() {
            all.note(Duration::from_millis(ms));
        }
        for (share, ms) in [(0.5, 50.0), (0.99, 99.0), (0.999, 100.0), (1.0, 100.0)] {
            assert!((all.ms(share) - ms).abs() < 0.001, "{share}");
        }
    }

    #[tokio::test]
    async fn arrivals_keep_their_timetable_and_end() {
        let arrivals = Arrivals::new(Pace::Open(1000.0), Duration::from_millis(20));
        let mut due = Vec::new();
        while let Some(at) = arrivals.next().await {
            due.push(at);
        }
        assert_eq!(due.len(), 20);
        assert!(due.windows(2).all(|pair| pair[1] - pair[0] == Duration::from_millis(1)));
    }
}
