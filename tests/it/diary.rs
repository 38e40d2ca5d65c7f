//! What buyers, packers and viewers were promised by a server that may die: kept by the clients, compared with the server after each restart.
//!
//! Each entry is a request with an id its client made, so it can be sent again: what was acknowledged must be there with the same content (I34),
//! and what was not is done exactly once.

use crate::buying::tap_body;
use crate::harness::{Answer, MovableClock};
use crate::program::{Dice, House, fresh};
use futures_util::future::join_all;
use hawker::kernel::{AdjustmentId, CheckoutId, FactId, Id, ShipmentId};
use hyper::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tap,
    Parcel,
    Refund,
    Beacon,
}

#[derive(Clone, Debug)]
struct Entry {
    kind: Kind,
    path: String,
    body: Value,
    /// What was acknowledged.
    promised: Option<Value>,
    /// Since the last restart.
    is_new: bool,
}

/// An order that is known to be bought, and what was done to it.
#[derive(Clone, Debug)]
struct Bought {
    order: String,
    is_packed: bool,
    /// Its parcel was acknowledged: its money is taken or being taken.
    is_shipped: bool,
    refunded: i64,
}

#[derive(Default)]
struct Pages {
    entries: Vec<Entry>,
    bought: Vec<Bought>,
    /// Answers that promise nothing, by status and code.
    refusals: BTreeMap<(u16, String), usize>,
}

/// Shared by all clients of a story.
#[derive(Clone, Default)]
pub struct Diary(Arc<Mutex<Pages>>);

/// What of the clip a viewer saw.
#[derive(Clone)]
pub struct Clip {
    pub id: String,
    pub version: i64,
}

impl Diary {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap()
    }

    /// Clients that act until the server does not answer any more.
    pub fn crowd(
        &self,
        house: &Arc<House>,
        clip: Option<&Clip>,
        clients: u64,
        dice: &mut Dice,
    ) -> Vec<tokio::task::JoinHandle<()>> {
        let client = |dice: Dice| {
            let (diary, house, clip) = (self.clone(), house.clone(), clip.cloned());
            tokio::spawn(async move { diary.act_until_it_dies(&house, clip.as_ref(), dice).await })
        };
        (0..clients).map(|_| client(Dice(dice.next()))).collect()
    }

    async fn act_until_it_dies(&self, house: &House, clip: Option<&Clip>, mut dice: Dice) {
        loop {
            let acted = match (dice.below(10), clip) {
                (0, Some(clip)) => {
                    self.send_new(house, Kind::Beacon, "/v1/beacons".into(), beacons(house, clip))
                        .await
                }
                (1 | 2, _) => self.pack(house).await,
                (3, _) => self.refund(house, &mut dice).await,
                _ => self.tap(house, &mut dice).await,
            };
            if acted.is_none() {
                return;
            }
        }
    }

    /// One purchase; `None` if the server died.
    pub async fn tap(&self, house: &House, dice: &mut Dice) -> Option<Answer> {
        let quoted = format!("/v1/quotes?lines={}:1&country=DE", house.mug);
        let quote = house
            .player()
            .try_send(Method::GET, &quoted, None, Default::default())
            .await
            .ok()?;
        if quote.status != 200 {
            self.refused(&quote);
            tokio::time::sleep(Duration::from_millis(20)).await;
            return Some(quote);
        }
        // Some cards' banks do what they are asked and never answer.
        let token = if dice.below(50) == 0 { "tok_timeout" } else { "tok_visa" };
        let id: CheckoutId = fresh();
        self.send_new(
            house,
            Kind::Tap,
            format!("/v1/checkouts/{id}"),
            tap_body(&quote.value(), token),
        )
        .await
    }

    /// One batch of beacons.
    pub async fn beacon(&self, house: &House, clip: &Clip) -> Answer {
        let sent = self.send_new(house, Kind::Beacon, "/v1/beacons".into(), beacons(house, clip));
        sent.await.unwrap()
    }

    /// The n-th request, as it was.
    pub async fn again(&self, house: &House, nth: usize) -> Answer {
        let entry = self.pages().entries[nth].clone();
        send(house, entry.kind, &entry.path, &entry.body).await.unwrap()
    }

    async fn pack(&self, house: &House) -> Option<Answer> {
        let chosen = {
            let mut pages = self.pages();
            let open = pages.bought.iter_mut().find(|bought| !bought.is_packed);
            open.map(|bought| {
                bought.is_packed = true;
                bought.order.clone()
            })
        };
        let Some(order) = chosen else {
            return self.tap(house, &mut Dice(1)).await;
        };
        let id: ShipmentId = fresh();
        let body = json!({ "id": id.to_string(), "carrier": "DHL", "tracking": "JD01" });
        let answer = self
            .send_new(house, Kind::Parcel, format!("/v1/orders/{order}/shipments"), body)
            .await;
        let mut pages = self.pages();
        if let Some(bought) = pages.bought.iter_mut().find(|bought| bought.order == order) {
            bought.is_shipped = answer.as_ref().is_some_and(|answer| answer.status < 300);
            // Nobody had the work yet: it can be packed later.
            bought.is_packed = answer.as_ref().is_none_or(|answer| answer.status != 404);
        }
        answer
    }

    async fn refund(&self, house: &House, dice: &mut Dice) -> Option<Answer> {
        let amount = 1 + i64::try_from(dice.below(500)).unwrap();
        let chosen = {
            let mut pages = self.pages();
            let taken = pages
                .bought
                .iter_mut()
                .find(|bought| bought.is_shipped && bought.refunded < 1_500);
            taken.map(|bought| {
                bought.refunded += amount;
                bought.order.clone()
            })
        };
        let Some(order) = chosen else {
            return self.tap(house, dice).await;
        };
        let id: AdjustmentId = fresh();
        let body = json!({ "id": id.to_string(), "amount": amount, "reason": "goodwill" });
        self.send_new(house, Kind::Refund, format!("/v1/orders/{order}/refunds"), body)
            .await
    }

    /// Writes it down first, as a player keeps its checkout's id; then sends it.
    async fn send_new(&self, house: &House, kind: Kind, path: String, body: Value) -> Option<Answer> {
        let index = {
            let mut pages = self.pages();
            pages.entries.push(Entry {
                kind,
                path: path.clone(),
                body: body.clone(),
                promised: None,
                is_new: true,
            });
            pages.entries.len() - 1
        };
        let answer = send(house, kind, &path, &body).await?;
        self.note(index, &answer);
        Some(answer)
    }

    fn note(&self, index: usize, answer: &Answer) {
        if answer.status >= 300 {
            return self.refused(answer);
        }
        let mut pages = self.pages();
        let value = answer.value();
        let entry = &mut pages.entries[index];
        assert!(entry.kind != Kind::Beacon || value["dropped"] == 0, "{value}");
        let first_time = entry
            .promised
            .replace(value.clone())
            .is_none_or(|before| before["order"].is_null());
        if entry.kind == Kind::Tap
            && first_time
            && let Some(order) = value["order"]["id"].as_str()
        {
            pages.bought.push(Bought {
                order: order.to_owned(),
                is_packed: false,
                is_shipped: false,
                refunded: 0,
            });
        }
    }

    fn refused(&self, answer: &Answer) {
        *self.pages().refusals.entry(answer.refusal()).or_default() += 1;
    }

    /// Sends everything new again, and a sample of what is older: the sentences say which promises were broken.
    pub async fn check(&self, house: &House, dice: &mut Dice) -> Vec<String> {
        let due: Vec<(usize, Entry)> = {
            let mut pages = self.pages();
            let count = pages.entries.len() as u64;
            let mut due = Vec::new();
            for (index, entry) in pages.entries.iter_mut().enumerate() {
                if entry.is_new || dice.below(count) < 20 {
                    due.push((index, entry.clone()));
                }
                entry.is_new = false;
            }
            due
        };
        let mut broken = Vec::new();
        for some in due.chunks(16) {
            let asked = some.iter().map(|(index, entry)| async move {
                let answer = send(house, entry.kind, &entry.path, &entry.body).await;
                let answer = answer.unwrap_or_else(|| panic!("nothing kills the server while it is checked"));
                let wrong = entry.broken_by(&answer);
                if wrong.is_none() {
                    self.note(*index, &answer);
                }
                wrong
            });
            broken.extend(join_all(asked).await.into_iter().flatten());
        }
        broken
    }

    /// Lets time pass until every tap is an order, every parcel's money is taken and every refund has arrived, and nothing else is under way.
    /// Answers which checkouts were bought.
    pub async fn until_settled(&self, house: &House, clock: &MovableClock) -> Vec<CheckoutId> {
        let since = Instant::now();
        let mut open: Vec<Entry> = {
            let pages = self.pages();
            let moves = |entry: &&Entry| entry.promised.is_some() && entry.kind != Kind::Beacon;
            pages.entries.iter().filter(moves).cloned().collect()
        };
        let mut bought = Vec::new();
        while !open.is_empty() {
            let mut left = Vec::new();
            for some in open.chunks(16) {
                let asked = join_all(some.iter().map(|entry| entry.settled(house))).await;
                for (entry, settled) in some.iter().zip(asked) {
                    match settled {
                        Ok(value) if entry.kind == Kind::Tap => {
                            bought.push(value["id"].as_str().unwrap().parse().unwrap())
                        }
                        Ok(_) => {}
                        Err(state) if since.elapsed() > Duration::from_secs(180) => panic!("{}: {state}", entry.path),
                        Err(_) => left.push(entry.clone()),
                    }
                }
            }
            open = left;
            clock.advance(5);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        house.until_quiet(clock).await;
        bought
    }

    /// A promise nobody made, so that a check that finds nothing is noticed.
    pub fn invent(&self, quote: &Value) {
        let id: CheckoutId = fresh();
        let order: FactId = fresh();
        self.pages().entries.push(Entry {
            kind: Kind::Tap,
            path: format!("/v1/checkouts/{id}"),
            body: tap_body(quote, "tok_visa"),
            promised: Some(json!({ "id": id.to_string(), "state": "completed", "order": { "id": order.to_string() } })),
            is_new: true,
        });
    }

    /// Distinct events that were sent and acknowledged.
    pub fn beacons(&self) -> i64 {
        let pages = self.pages();
        let beacons = pages.entries.iter().filter(|entry| entry.kind == Kind::Beacon);
        beacons
            .map(|entry| i64::try_from(entry.body["events"].as_array().unwrap().len()).unwrap())
            .sum()
    }

    /// Text that a story may look for where it must not be: secrets that were given out.
    pub fn secrets(&self) -> Vec<String> {
        let pages = self.pages();
        let secrets = pages
            .entries
            .iter()
            .rev()
            .filter_map(|entry| entry.promised.as_ref()?["client_secret"].as_str());
        secrets.take(50).map(str::to_owned).collect()
    }

    pub fn summary(&self) -> String {
        let pages = self.pages();
        let count = |kind| {
            let of_kind = || pages.entries.iter().filter(move |entry| entry.kind == kind);
            format!(
                "{} of {}",
                of_kind().filter(|entry| entry.promised.is_some()).count(),
                of_kind().count()
            )
        };
        format!(
            "acknowledged: taps {}, parcels {}, refunds {}, batches of beacons {}; refusals {:?}",
            count(Kind::Tap),
            count(Kind::Parcel),
            count(Kind::Refund),
            count(Kind::Beacon),
            pages.refusals
        )
    }

    /// How often somebody got this answer.
    pub fn refusals(&self, status: u16) -> usize {
        let pages = self.pages();
        pages
            .refusals
            .iter()
            .filter(|((found, _), _)| *found == status)
            .map(|(_, count)| count)
            .sum()
    }
}

impl Entry {
    async fn pay(&self, house: &House, checkout: &Value) -> Value {
        let secret = checkout["client_secret"].as_str().unwrap();
        let buyer = house.player().with("hawker-checkout-secret", secret);
        buyer
            .post(&format!("{}/payment", self.path), &self.body["payment"])
            .await
            .value()
    }

    /// Asked again: whether its money has come to rest.
    async fn settled(&self, house: &House) -> Result<Value, String> {
        let answer = match self.kind {
            Kind::Parcel => house.staff().get(self.path.trim_end_matches("/shipments")).await,
            _ => send(house, self.kind, &self.path, &self.body).await.unwrap(),
        };
        let mut value = answer.value();
        if self.kind == Kind::Tap && value["state"] == "ready_for_complete" {
            // The server died before the processor heard of it, which is certain by now: nothing was charged, and the buyer pays again.
            value = self.pay(house, &value).await;
        }
        let rests = match self.kind {
            Kind::Tap => value["state"] == "completed",
            Kind::Parcel => value["captured"] == value["total"],
            Kind::Refund => value["state"] == "succeeded",
            Kind::Beacon => true,
        };
        if rests { Ok(value) } else { Err(answer.text()) }
    }

    /// What is wrong with this answer to the same request again.
    fn broken_by(&self, answer: &Answer) -> Option<String> {
        let now = answer.value();
        let wrong = |what: &str| {
            Some(format!(
                "{what}: {} was promised {} and is {} {}",
                self.path,
                self.promised.as_ref().unwrap_or(&Value::Null),
                answer.status,
                answer.text()
            ))
        };
        let Some(before) = &self.promised else {
            let settled = match self.kind {
                Kind::Tap => matches!(answer.status, 200 | 201),
                Kind::Beacon => answer.status == 202,
                // It may have been too early, or too much, before the server died.
                Kind::Parcel | Kind::Refund => matches!(answer.status, 200 | 201 | 404 | 409),
            };
            return if settled {
                None
            } else {
                wrong("not done when sent again")
            };
        };
        let same = match self.kind {
            Kind::Tap if before["order"].is_null() => answer.status == 200 && now["id"] == before["id"],
            Kind::Tap => {
                let content =
                    |value: &Value| ["id", "state", "order", "total", "quote"].map(|name| without_time(&value[name]));
                answer.status == 200 && content(&now) == content(before)
            }
            Kind::Parcel => answer.status == 200 && now["shipments"] == before["shipments"],
            Kind::Refund => answer.status == 200 && now["id"] == before["id"] && now["amount"] == before["amount"],
            Kind::Beacon => answer.status == 202 && now["accepted"] == 0,
        };
        if same { None } else { wrong("not kept") }
    }
}

/// The quote in an answer says how many units are left now; that is news, not content.
fn without_time(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("availability");
        if let Some(lines) = fields.get_mut("lines").and_then(Value::as_array_mut) {
            for line in lines {
                line.as_object_mut().map(|line| line.remove("availability"));
            }
        }
    }
    value
}

fn beacons(house: &House, clip: &Clip) -> Value {
    let events: Vec<Value> = (0..5)
        .map(|_| json!({ "id": fresh::<FactId>().uuid().to_string(), "kind": "impression" }))
        .collect();
    json!({ "key": house.shop.publishable_key, "clip": clip.id, "version": clip.version, "events": events })
}

async fn send(house: &House, kind: Kind, path: &str, body: &Value) -> Option<Answer> {
    let (client, method) = match kind {
        Kind::Tap => (house.player(), Method::PUT),
        Kind::Parcel | Kind::Refund => (house.staff(), Method::POST),
        Kind::Beacon => (house.player(), Method::POST),
    };
    let sent = client.try_send(method, path, Some("application/json"), body.to_string().into());
    sent.await.ok()
}
