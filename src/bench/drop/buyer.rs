//! One buyer, from the moment they come until they know what became of it.

use super::crowd::Crowd;
use crate::bench::load::{Answer, Connection, Latencies};
use crate::drops::{self, Challenge};
use crate::kernel::{CheckoutId, Result, Time};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Nobody waits for longer than this to be told.
pub const GIVES_UP: Duration = Duration::from_secs(30);
/// A payment that was still on its way is asked about again after this.
const ASKS_AGAIN: Duration = Duration::from_millis(200);

/// Estimates of one buyer that are kept.
const ESTIMATES: usize = 20;

/// How a buyer behaves, by their number: so a run can be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// One tap.
    Taps,
    /// Reserves, thinks, pays.
    InSteps,
    /// Reserves, thinks, and leaves.
    Leaves,
    /// Sends the same tap once more after its answer, as after a lost line.
    TapsAgain,
    /// Sends the same tap on two lines at once.
    TapsTwice,
    /// One tap; and again with a new one whenever something comes free.
    Stays,
}

/// Percentages of the manners; what is left taps once.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    pub leave: u32,
    pub again: u32,
    pub twice: u32,
    pub in_steps: u32,
    pub stay: u32,
}

impl Manners {
    pub fn of(self, number: usize) -> Manner {
        let dice = scattered(number, 100);
        let mut most = 0;
        let shares = [
            (self.leave, Manner::Leaves),
            (self.again, Manner::TapsAgain),
            (self.twice, Manner::TapsTwice),
            (self.in_steps, Manner::InSteps),
            (self.stay, Manner::Stays),
        ];
        for (share, manner) in shares {
            most += share;
            if dice < most {
                return manner;
            }
        }
        Manner::Taps
    }
}

/// A number below `below` that looks like a dice roll and is the same for the same buyer.
pub fn scattered(number: usize, below: u32) -> u32 {
    let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    u32::try_from((mixed >> 33) % u64::from(below.max(1))).unwrap_or(0)
}

/// How it ended for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The order's id.
    Bought(String),
    /// The code of the refusal.
    Refused(String),
    /// Reserved and left again.
    Left,
    /// They do not know.
    NoVerdict(String),
}

/// What a buyer saw.
pub struct Story {
    pub number: usize,
    /// In the waiting room, from 1.
    pub place: Option<i64>,
    pub end: End,
    /// From the opening until they knew.
    pub at: Duration,
    /// From when a request was sent to the last byte of its answer.
    pub quotes: Latencies,
    pub reserves: Latencies,
    pub pays: Latencies,
    /// From when they came until their first tap was decided, with everything between.
    pub decided: Duration,
    /// Answers 503 with `Retry-After`.
    pub turned_away: u64,
    /// Lines that broke.
    pub broken: u64,
    /// Whenever the page told them how many seconds they would still wait: what it told, and what it was.
    pub waited: Vec<(f64, f64)>,
    /// What must not be: the same tap was told two things.
    pub violations: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Said {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    client_secret: String,
    #[serde(default)]
    quote: serde_json::Value,
    order: Option<SaidOrder>,
}

#[derive(Deserialize)]
struct SaidOrder {
    id: String,
}

#[derive(Deserialize)]
struct SaidTurn {
    standing: String,
    place: Option<i64>,
}

#[derive(Deserialize)]
struct SaidWork {
    challenge: String,
    bits: u8,
}

/// What one request came to.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Bought(String),
    Reserved(String),
    Refused(String),
    OnItsWay,
}

/// What is measured of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Quote,
    Reserve,
    Pay,
    Other,
}

pub struct Buyer {
    crowd: Arc<Crowd>,
    line: Option<Connection>,
    key: String,
    came: Instant,
    story: Story,
}

impl Buyer {
    pub fn new(crowd: Arc<Crowd>, number: usize, line: Connection) -> Self {
        Self {
            crowd,
            line: Some(line),
            key: format!("bench-buyer-of-a-drop-{number:012}"),
            came: Instant::now(),
            story: Story {
                number,
                place: None,
                end: End::NoVerdict("nothing yet".into()),
                at: Duration::ZERO,
                quotes: Latencies::default(),
                reserves: Latencies::default(),
                pays: Latencies::default(),
                decided: Duration::ZERO,
                turned_away: 0,
                broken: 0,
                waited: Vec::new(),
                violations: Vec::new(),
            },
        }
    }

    /// Before the opening: looks at the page, or takes a turn.
    pub async fn join(&mut self) -> Result<()> {
        if self.crowd.rate == 0 {
            let page = self.crowd.page.clone();
            self.send(What::Other, Method::GET, &page, &[], "").await?;
            return Ok(());
        }
        self.take_turn().await.map(drop)
    }

    /// In a rush the door asks for work first, and gets it.
    async fn take_turn(&mut self) -> Result<Option<SaidTurn>> {
        let (path, key) = (self.crowd.path("turn"), self.key.clone());
        let mut work = String::new();
        loop {
            let headers = [("hawker-buyer-key", key.as_str()), ("hawker-work", work.as_str())];
            let said = &headers[..1 + usize::from(!work.is_empty())];
            let answer = self.send(What::Other, Method::PUT, &path, said, "").await?;
            let asked: Option<SaidWork> = (answer.status == StatusCode::PRECONDITION_REQUIRED)
                .then(|| serde_json::from_slice(&answer.body).ok())
                .flatten();
            let Some(SaidWork { challenge, bits }) = asked else {
                return Ok(serde_json::from_slice(&answer.body).ok());
            };
            let asked = Challenge {
                text: challenge,
                bits,
                waited_at: Time(0),
            };
            let solved = tokio::task::spawn_blocking(move || format!("{}:{}", asked.text, drops::solve(&asked)));
            work = solved.await.map_err(super::panicked)?;
        }
    }

    /// Comes when they were to come, and tries to buy.
    pub async fn come(mut self, due: Instant) -> Story {
        self.came = due;
        let end = match self.buy().await {
            Ok(end) => end,
            Err(error) => End::NoVerdict(error.to_string()),
        };
        self.story.end = end;
        self.story.at = self.crowd.since_opening();
        self.story
    }

    async fn buy(&mut self) -> Result<End> {
        if self.crowd.rate > 0 && !self.wait_for_turn().await? {
            // Sold out before it was their turn: a look at the offer says so.
            return Ok(match self.quote().await? {
                Err(code) => End::Refused(code),
                Ok(_) => End::NoVerdict("it was free, and not their turn".into()),
            });
        }
        let manner = self.crowd.manners.of(self.story.number);
        loop {
            let quote = match self.quote().await? {
                Ok(quote) => quote,
                // An old page taps all the same.
                Err(code) => match self.crowd.latest_quote().filter(|_| code == "sold_out") {
                    Some(quote) => quote,
                    None => return Ok(End::Refused(code)),
                },
            };
            let end = self.tap(manner, &quote).await?;
            if self.story.decided.is_zero() {
                self.story.decided = self.came.elapsed();
            }
            let again = manner == Manner::Stays && end == End::Refused("sold_out".into());
            if !again || !self.crowd.something_came_free(self.came).await {
                return Ok(end);
            }
        }
    }

    /// Until it is their turn. False: everything was sold before.
    async fn wait_for_turn(&mut self) -> Result<bool> {
        let Some(turn) = self.take_turn().await? else {
            return Ok(false);
        };
        self.story.place = turn.place;
        let Some(place) = turn.place else { return Ok(false) };
        if turn.standing == "admitted" {
            return Ok(true);
        }
        let mut seen = self.crowd.seen.clone();
        let mut told = Vec::new();
        loop {
            let now = *seen.borrow_and_update();
            if now.admitted >= place {
                let waited = |(told, at): (f64, Instant)| (told, at.elapsed().as_secs_f64());
                self.story.waited = told.into_iter().map(waited).collect();
                return Ok(true);
            }
            if now.is_sold_out() || now.ended {
                return Ok(false);
            }
            // Before the first wave a page does not know how large it is.
            if now.admitted > 0 && told.len() < ESTIMATES {
                told.push((self.crowd.estimate(place, now.admitted), Instant::now()));
            }
            if seen.changed().await.is_err() {
                return Ok(false);
            }
        }
    }

    /// The token of an offer, or why there is none.
    async fn quote(&mut self) -> Result<Result<Arc<str>, String>> {
        let path = self.crowd.quote_path();
        let answer = self.send(What::Quote, Method::GET, &path, &[], "").await?;
        let said = read(&answer);
        Ok(match said.quote.as_str() {
            Some(token) if answer.status == StatusCode::OK => {
                let token: Arc<str> = token.into();
                self.crowd.keep_quote(&token);
                Ok(token)
            }
            _ => Err(said.code),
        })
    }

    async fn tap(&mut self, manner: Manner, quote: &str) -> Result<End> {
        let id = self.crowd.checkout();
        let path = format!("/v1/checkouts/{id}");
        let pays = !matches!(manner, Manner::InSteps | Manner::Leaves);
        let body = body(quote, self.story.number, pays);
        let told = if manner == Manner::TapsTwice {
            self.put_twice(&path, &body).await?
        } else {
            self.put(&path, &body).await?
        };
        let secret = match told {
            Told::Reserved(secret) => secret,
            other => {
                if manner != Manner::TapsAgain {
                    return Ok(ended(other));
                }
                let again = self.put(&path, &body).await?;
                return Ok(ended(self.one_of(other, again)));
            }
        };
        tokio::time::sleep(Duration::from_millis(50 + u64::from(scattered(self.story.number, 200)))).await;
        if manner == Manner::Leaves {
            let thinks = 250 + u64::from(scattered(self.story.number, 500));
            tokio::time::sleep(Duration::from_millis(thinks)).await;
            let answer = self
                .send(
                    What::Other,
                    Method::DELETE,
                    &path,
                    &[("hawker-checkout-secret", &secret)],
                    "",
                )
                .await?;
            return Ok(match answer.status {
                StatusCode::OK => End::Left,
                status => End::NoVerdict(format!("could not leave: {status} {}", read(&answer).code)),
            });
        }
        self.pay(id, &secret).await
    }

    async fn pay(&mut self, id: CheckoutId, secret: &str) -> Result<End> {
        let path = format!("/v1/checkouts/{id}/payment");
        let pay = r#"{"method":"card","token":"tok_visa"}"#;
        let mut answer = self
            .send(
                What::Pay,
                Method::POST,
                &path,
                &[("hawker-checkout-secret", secret)],
                pay,
            )
            .await?;
        let began = Instant::now();
        loop {
            match told(&answer) {
                Told::OnItsWay if began.elapsed() < GIVES_UP => {}
                other => return Ok(ended(other)),
            }
            tokio::time::sleep(ASKS_AGAIN).await;
            let path = format!("/v1/checkouts/{id}");
            answer = self
                .send(
                    What::Other,
                    Method::GET,
                    &path,
                    &[("hawker-checkout-secret", secret)],
                    "",
                )
                .await?;
        }
    }

    /// One tap, until it is known what became of it.
    async fn put(&mut self, path: &str, body: &str) -> Result<Told> {
        let key = self.key.clone();
        let began = Instant::now();
        loop {
            let headers = [("hawker-buyer-key", key.as_str())];
            let answer = self.send(What::Reserve, Method::PUT, path, &headers, body).await?;
            match told(&answer) {
                Told::OnItsWay if began.elapsed() < GIVES_UP => tokio::time::sleep(ASKS_AGAIN).await,
                told => return Ok(told),
            }
        }
    }

    /// The same tap on two lines in the same moment: one purchase, told twice.
    async fn put_twice(&mut self, path: &str, body: &str) -> Result<Told> {
        let mut other = Self::new(self.crowd.clone(), self.story.number, self.crowd.line().await?);
        other.came = self.came;
        let (one, two) = tokio::join!(self.put(path, body), other.put(path, body));
        self.story.violations.append(&mut other.story.violations);
        self.story.reserves.merge(other.story.reserves);
        self.story.turned_away += other.story.turned_away;
        self.story.broken += other.story.broken;
        // Whichever came first: one may be refused, something come free, and the other have it.
        Ok(match (one?, two?) {
            (bought @ Told::Bought(_), refused @ Told::Refused(_)) => self.one_of(refused, bought),
            (one, two) => self.one_of(one, two),
        })
    }

    /// What the same tap came to, sent twice: what was bought is bought, once. A refusal may become a purchase, if something came free in between.
    fn one_of(&mut self, one: Told, two: Told) -> Told {
        match (one, two) {
            (Told::Bought(one), two) => {
                if two != Told::Bought(one.clone()) {
                    let said = format!("buyer {}: a tap was order {one}, and then {two:?}", self.story.number);
                    self.story.violations.push(said);
                }
                Told::Bought(one)
            }
            (Told::Refused(_), two) => two,
            (one, two) => match two {
                Told::Bought(_) => two,
                _ => one,
            },
        }
    }

    /// Sends until there is an answer that is about the request: a broken line or a full house is no answer, and the same may be sent again.
    /// Errors: none came in time.
    async fn send(
        &mut self,
        what: What,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer> {
        let began = Instant::now();
        loop {
            let mut line = match self.line.take() {
                Some(line) => line,
                None => self.crowd.line().await?,
            };
            let sent = Instant::now();
            let answer = line
                .ask_as(headers, method.clone(), path, body.as_bytes().to_vec())
                .await;
            match what {
                What::Quote => self.story.quotes.note(sent.elapsed()),
                What::Reserve => self.story.reserves.note(sent.elapsed()),
                What::Pay => self.story.pays.note(sent.elapsed()),
                What::Other => {}
            }
            let pause = match answer {
                Ok(answer) => {
                    self.line = Some(line);
                    if answer.status != StatusCode::SERVICE_UNAVAILABLE {
                        return Ok(answer);
                    }
                    self.story.turned_away += 1;
                    // As it was told, and not all in the same moment.
                    let said = answer.retry_after.unwrap_or(1) * 1000;
                    Duration::from_millis(said + u64::from(scattered(self.story.number, 1000)))
                }
                Err(error) if began.elapsed() > GIVES_UP => return Err(error),
                Err(_) => {
                    self.story.broken += 1;
                    Duration::from_millis(50)
                }
            };
            if began.elapsed() > GIVES_UP {
                return Err(crate::kernel::Error::internal(format!(
                    "{method} {path}: turned away for too long"
                )));
            }
            tokio::time::sleep(pause).await;
        }
    }
}

/// The whole tap: somebody of their own, so that the limit of the drop counts each once.
pub fn body(quote: &str, number: usize, pays: bool) -> String {
    let payment = if pays {
        r#","payment":{"method":"card","token":"tok_visa"}"#
    } else {
        ""
    };
    format!(
        r#"{{"quote":"{quote}","contact":{{"email":"buyer{number}@example.com"}},"address":{{"name":"B. Uyer","line1":"Street {number}","postal_code":"10115","city":"Berlin","country":"DE"}}{payment}}}"#
    )
}

fn read(answer: &Answer) -> Said {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

fn told(answer: &Answer) -> Told {
    let said = read(answer);
    if !answer.status.is_success() {
        let code = if said.code.is_empty() {
            answer.status.to_string()
        } else {
            said.code
        };
        return Told::Refused(code);
    }
    match (said.state.as_str(), said.order) {
        ("completed", Some(order)) => Told::Bought(order.id),
        ("ready_for_complete", _) => Told::Reserved(said.client_secret),
        ("expired" | "canceled", _) => Told::Refused(format!("checkout_{}", said.state)),
        _ => Told::OnItsWay,
    }
}

fn ended(told: Told) -> End {
    match told {
        Told::Bought(order) => End::Bought(order),
        // What a buyer may be told of a sale. Whatever breaks on our side is none of them.
        Told::Refused(code) if code == "internal" || code.starts_with('5') => End::NoVerdict(code),
        Told::Refused(code) => End::Refused(code),
        Told::Reserved(_) => End::NoVerdict("reserved, where it should have been paid".into()),
        Told::OnItsWay => End::NoVerdict("on its way".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manners_are_as_frequent_as_they_were_asked_for_and_the_same_for_the_same_buyer() {
        let manners = Manners {
            leave: 5,
            again: 3,
            twice: 3,
            in_steps: 20,
            stay: 5,
        };
        let count = |manner| (0..10_000).filter(|number| manners.of(*number) == manner).count();
        for (manner, share) in [(Manner::Leaves, 500), (Manner::InSteps, 2_000), (Manner::Taps, 6_400)] {
            let found = count(manner);
            assert!(found.abs_diff(share) < share / 5, "{manner:?}: {found}");
        }
        assert_eq!(manners.of(17), manners.of(17));
    }

    #[test]
    fn only_an_answer_about_the_sale_is_a_verdict() {
        let answer = |status: u16, body: &str| Answer {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: None,
            body: axum::body::Bytes::copy_from_slice(body.as_bytes()),
        };
        let end = |status, body| ended(told(&answer(status, body)));
        assert_eq!(
            end(201, r#"{"state":"completed","order":{"id":"ord_1"}}"#),
            End::Bought("ord_1".into())
        );
        assert_eq!(end(409, r#"{"code":"sold_out"}"#), End::Refused("sold_out".into()));
        assert!(matches!(end(500, r#"{"code":"internal"}"#), End::NoVerdict(_)));
        assert!(matches!(end(502, "<html>"), End::NoVerdict(_)));
    }
}
