//! The load generator: connections that send requests, and what their answers took.

use crate::kernel::{Error, Result};
use axum::body::{Body, BodyDataStream, Bytes, to_bytes};
use futures_util::StreamExt;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

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

    /// Whether the other end has closed it.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends one request and reads the whole answer. Errors: the connection broke.
    pub async fn ask(&mut self, method: Method, path: &str, body: Vec<u8>) -> Result<(StatusCode, Bytes)> {
        let answer = self.ask_as(&[], method, path, body).await?;
        Ok((answer.status, answer.body))
    }

    /// The same with headers of the caller's own.
    pub async fn ask_as(
        &mut self,
        headers: &[(&str, &str)],
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Answer> {
        let answer = self.begin(headers, method, path, body).await?;
        let status = answer.status();
        let retry_after = answer.headers().get("retry-after");
        let retry_after = retry_after.and_then(|seconds| seconds.to_str().ok()?.parse().ok());
        let body = to_bytes(Body::new(answer.into_body()), ANSWER_MAX)
            .await
            .map_err(|error| Error::internal(format!("{path}: {error}")))?;
        Ok(Answer {
            status,
            retry_after,
            body,
        })
    }

    /// Begins to read a stream of events. Errors: the connection broke, or there is no stream.
    pub async fn follow(mut self, path: &str) -> Result<Stream> {
        let answer = self.begin(&[], Method::GET, path, Vec::new()).await?;
        if answer.status() != StatusCode::OK {
            return Err(Error::internal(format!("{path}: {}", answer.status())));
        }
        Ok(Stream {
            body: Body::new(answer.into_body()).into_data_stream(),
            _connection: self,
        })
    }

    async fn begin(
        &mut self,
        headers: &[(&str, &str)],
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<hyper::Response<hyper::body::Incoming>> {
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
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).map_err(|error| broke(&error))?;
        self.sender.ready().await.map_err(|error| broke(&error))?;
        self.sender.send_request(request).await.map_err(|error| broke(&error))
    }
}

/// A whole answer.
pub struct Answer {
    pub status: StatusCode,
    /// Seconds, if it says so.
    pub retry_after: Option<u64>,
    pub body: Bytes,
}

/// An open stream of events.
pub struct Stream {
    body: BodyDataStream,
    /// Without its sender a connection ends.
    _connection: Connection,
}

impl Stream {
    /// What came next, as it came: the server writes an event whole. None: the stream ended.
    pub async fn next(&mut self) -> Option<Bytes> {
        self.body.next().await?.ok()
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
    start: Instant,
    span: Duration,
    /// Who keeps the time of an open pace: a thread of its own, as the timers of an event loop are a millisecond late.
    due: Option<Mutex<UnboundedReceiver<Instant>>>,
}

impl Arrivals {
    pub fn new(pace: Pace, span: Duration) -> Self {
        let start = Instant::now();
        let due = match pace {
            Pace::Closed => None,
            Pace::Open(rate) => Some(Mutex::new(timetable(start, span, rate))),
        };
        Self { start, span, due }
    }

    /// Waits for the next arrival and answers when it was due; `None` when the span is over.
    pub async fn next(&self) -> Option<Instant> {
        match &self.due {
            Some(due) => due.lock().await.recv().await,
            None => Some(Instant::now()).filter(|now| *now < self.start + self.span),
        }
    }
}

/// Says each arrival when it is due, however far those before it have come.
fn timetable(start: Instant, span: Duration, rate: f64) -> UnboundedReceiver<Instant> {
    let (say, said) = unbounded_channel();
    std::thread::spawn(move || {
        let due = (0_u32..).map(|number| start + Duration::from_secs_f64(f64::from(number) / rate));
        for due in due.take_while(|due| *due < start + span) {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if say.send(due).is_err() {
                return;
            }
        }
    });
    said
}

/// Latencies in microseconds.
#[derive(Clone, Debug, Default)]
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
