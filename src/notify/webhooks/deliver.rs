//! The job that sends events: takes what is due under leases, posts it, writes down what came of it.
//!
//! Every endpoint has a few places in the air of its own, one that fails has one, and all that fail together at most half of the whole: an endpoint
//! that hangs delays nobody else. Nothing is in memory but what is in the air.

use super::model::{
    DeliveryState, Endpoint, EndpointState, FAILING, GIVE_UP, KEPT, LEASE, Outcome, Parcel, Reason, Reply, next_try,
    rest,
};
use super::{send, store};
use crate::app::App;
use crate::db::Tx;
use crate::http::Stopping;
use crate::kernel::{Id, MayFail, Result, Seconds, WebhookDeliveryId, WebhookEndpointId};
use crate::notify::compose::{self, Links};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use uuid::Uuid;

/// Requests in the air, altogether.
const AIR: usize = 256;
/// Of which those to endpoints that fail.
const AIR_FAILING: usize = AIR / 2;
/// Of one endpoint.
const AIR_EACH: usize = 8;
/// Deliveries that one command takes: small enough for its budget.
const CHUNK: usize = 40;
/// Endpoints that one round looks at; the next one goes on after them.
const LOOKED_AT: i64 = 200;
/// How long what is in the air may go on when the program stops; the rest is sent again after its lease.
const LAST: Duration = Duration::from_secs(2);

/// What this process sends right now, and what wakes it.
#[derive(Default)]
pub struct Waker {
    wake: Notify,
    air: Mutex<Air>,
}

#[derive(Default)]
struct Air {
    each: HashMap<WebhookEndpointId, usize>,
    all: usize,
    failing: usize,
    /// Whether the next one taken is the newest: every other one is.
    turn: bool,
    /// Where the next round goes on.
    after: Uuid,
}

impl Waker {
    /// Something may be due.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Resolves after [`Waker::wake`], or when something has landed.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    fn air(&self) -> MutexGuard<'_, Air> {
        self.air.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Air {
    /// How many more requests an endpoint may have in the air.
    fn room(&self, endpoint: WebhookEndpointId, failing: bool) -> usize {
        let mine = self.each.get(&endpoint).copied().unwrap_or(0);
        let most = if failing { 1 } else { AIR_EACH };
        let shared = if failing {
            AIR_FAILING.saturating_sub(self.failing)
        } else {
            usize::MAX
        };
        most.saturating_sub(mine).min(shared).min(AIR - self.all.min(AIR))
    }

    fn start(&mut self, endpoint: WebhookEndpointId, failing: bool) {
        *self.each.entry(endpoint).or_insert(0) += 1;
        self.all += 1;
        self.failing += usize::from(failing);
    }

    fn land(&mut self, endpoint: WebhookEndpointId, failing: bool) {
        if let Some(mine) = self.each.get_mut(&endpoint) {
            *mine -= 1;
            if *mine == 0 {
                self.each.remove(&endpoint);
            }
        }
        self.all -= 1;
        self.failing -= usize::from(failing);
    }
}

/// A request in the air; it lands when this goes, however that happens.
struct Flight {
    app: App,
    endpoint: WebhookEndpointId,
    failing: bool,
}

impl Flight {
    fn start(app: &App, endpoint: WebhookEndpointId, failing: bool) -> Self {
        app.kept::<Waker>().air().start(endpoint, failing);
        Self {
            app: app.clone(),
            endpoint,
            failing,
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let waker = self.app.kept::<Waker>();
        waker.air().land(self.endpoint, self.failing);
        waker.wake();
    }
}

/// Takes what is due, as far as there is room in the air, and sends it in tasks of its own; answers how many. Runs in every process: a delivery is leased.
///
/// A crash between the endpoint's yes and ours sends the event again, under the same id, once the lease is over.
pub async fn deliver(app: &App) -> Result<usize> {
    let waker = app.kept::<Waker>();
    let mut after = waker.air().after;
    let mut from_the_start = after.is_nil();
    loop {
        let from = after;
        let found = app.db.read(move |tx| store::with_work(tx, from, LOOKED_AT)).await?;
        let mut seats = Seats::choose(app, &found);
        let all = i64::try_from(found.len()).unwrap_or(LOOKED_AT) < LOOKED_AT;
        after = match (seats.wanted.last(), found.last()) {
            (Some((endpoint, _)), _) if seats.wanted.len() == CHUNK => endpoint.uuid(),
            (_, Some((last, _))) if !all => last.uuid(),
            _ => Uuid::nil(),
        };
        waker.air().after = after;
        if seats.wanted.is_empty() {
            if after.is_nil() && from_the_start {
                return Ok(0); // All were looked at.
            }
            from_the_start |= after.is_nil();
            continue;
        }
        let wanted = std::mem::take(&mut seats.wanted);
        let parcels = app.db.background(move |tx| take(tx, &wanted)).await?;
        let count = parcels.len();
        for parcel in parcels {
            if let Some(flight) = seats.flights.get_mut(&parcel.endpoint.id).and_then(Vec::pop) {
                app.tasks.spawn(fly(app.clone(), parcel, flight));
            }
        }
        return Ok(count);
    }
}

/// Places in the air that were taken before it is known what goes there.
#[derive(Default)]
struct Seats {
    /// For each the endpoint, and whether it takes the newest.
    wanted: Vec<(WebhookEndpointId, bool)>,
    flights: HashMap<WebhookEndpointId, Vec<Flight>>,
}

impl Seats {
    /// One a turn for each endpoint, so that many share what one command takes.
    fn choose(app: &App, found: &[(WebhookEndpointId, EndpointState)]) -> Self {
        let waker = app.kept::<Waker>();
        let mut seats = Self::default();
        for round in 0..AIR_EACH {
            for (endpoint, state) in found {
                let failing = *state == EndpointState::Failing;
                if seats.wanted.len() == CHUNK || waker.air().room(*endpoint, failing) == 0 || (failing && round > 0) {
                    continue;
                }
                let newest = {
                    let mut air = waker.air();
                    air.turn = !air.turn;
                    air.turn
                };
                seats.wanted.push((*endpoint, newest));
                let flight = Flight::start(app, *endpoint, failing);
                seats.flights.entry(*endpoint).or_default().push(flight);
            }
        }
        seats
    }
}

/// Takes a delivery for each of these places: the oldest that is due, or the newest.
pub fn take(tx: &mut Tx<'_>, wanted: &[(WebhookEndpointId, bool)]) -> Result<Vec<Parcel>> {
    let until = tx.now().plus(LEASE);
    let mut parcels = Vec::new();
    let mut open: HashMap<WebhookEndpointId, Option<Endpoint>> = HashMap::new();
    for (id, newest) in wanted {
        if !open.contains_key(id) {
            open.insert(*id, store::open_endpoint(tx, *id)?);
        }
        let Some(endpoint) = open.get(id).cloned().flatten() else {
            continue; // Disabled or deleted since it was looked at, or nothing more is due.
        };
        let taken = if *newest {
            store::take_newest(tx, *id, until)?
        } else {
            store::take_oldest(tx, *id, until)?
        };
        let Some((id, event, lease, tries)) = taken else {
            open.insert(*id, None);
            continue;
        };
        parcels.push(Parcel {
            id,
            event,
            payload: store::payload(tx, event)?,
            endpoint,
            lease,
            tries,
            taken_at: tx.now(),
        });
    }
    Ok(parcels)
}

async fn fly(app: App, parcel: Parcel, flight: Flight) {
    let stopping = app.kept::<Stopping>().0.clone();
    let networks = app.settings.webhook_networks.clone();
    let key = *app.db.signing_key();
    let stopped = async {
        stopping.cancelled().await;
        tokio::time::sleep(LAST).await;
    };
    let reply = tokio::select! {
        reply = send::post(&parcel, &key, &networks, send::TIME_LIMIT, send::look_up) => reply,
        () = stopped => return,
    };
    let mut dice = [0u8; 1];
    app.random.fill(&mut dice);
    let (id, links) = (parcel.id, Links::of(&app));
    let written = app
        .db
        .background(move |tx| write_down(tx, &links, &parcel, &reply, dice[0]))
        .await;
    if matches!(written, Ok(Sent::Overtaken)) {
        tracing::warn!(delivery = %id, "a webhook was taken over while it was being sent");
    }
    note(id, written);
    drop(flight);
}

fn note(id: WebhookDeliveryId, written: Result<Sent>) {
    if let Err(error) = &written {
        tracing::error!(%error, delivery = %id, "what came of a webhook could not be written down");
    }
    written.may_fail("it is sent again once its lease is over");
}

/// What a try changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    Delivered,
    PutOff,
    Exhausted,
    /// The lease was lost while it was being sent: its new holder writes its end.
    Overtaken,
}

/// Writes the end of a try, if the delivery is still ours, and what it says about the endpoint, if that still has the address it was sent to.
pub fn write_down(tx: &mut Tx<'_>, links: &Links, parcel: &Parcel, reply: &Reply, dice: u8) -> Result<Sent> {
    let (id, lease, now) = (parcel.id, parcel.lease, tx.now());
    let next = match reply.outcome {
        Outcome::Failed { not_before } => next_try(now, parcel.tries, not_before, dice),
        Outcome::Gone if moved(tx, &parcel.endpoint)? => next_try(now, parcel.tries, Seconds(0), dice),
        _ => None,
    };
    let (sent, ours) = match (reply.outcome, next) {
        (Outcome::Delivered, _) => (
            Sent::Delivered,
            store::end(tx, id, lease, DeliveryState::Delivered, reply)?,
        ),
        (_, Some(due_at)) => (Sent::PutOff, store::put_off(tx, id, lease, due_at, reply)?),
        (_, None) => (
            Sent::Exhausted,
            store::end(tx, id, lease, DeliveryState::Exhausted, reply)?,
        ),
    };
    if !ours {
        return Ok(Sent::Overtaken);
    }
    store::insert_attempt(tx, id, lease, parcel.taken_at, reply)?;
    let endpoint = &parcel.endpoint;
    match reply.outcome {
        Outcome::Delivered => store::well(tx, endpoint)?,
        Outcome::Gone => give_up(tx, links, parcel, Reason::Gone)?,
        Outcome::Failed { not_before } => {
            if let Some((failures, since)) = store::unwell(tx, endpoint, FAILING)? {
                let pause = rest(failures).max(not_before.min(super::model::RETRY_AFTER_MAX));
                if pause.0 > 0 {
                    store::rest(tx, endpoint.id, now.plus(pause))?;
                }
                if failures >= FAILING && since.plus(GIVE_UP) <= now {
                    give_up(tx, links, parcel, Reason::Failing)?;
                }
            }
        }
    }
    Ok(sent)
}

/// Whether an endpoint that is heard has another address by now.
fn moved(tx: &mut Tx<'_>, from: &Endpoint) -> Result<bool> {
    Ok(store::open_endpoint(tx, from.id)?.is_some_and(|now| now.url != from.url))
}

/// Disables an endpoint, and writes to the shop's owners.
fn give_up(tx: &mut Tx<'_>, links: &Links, parcel: &Parcel, reason: Reason) -> Result<()> {
    if store::disable(tx, &parcel.endpoint, reason)? {
        compose::webhook_disabled(tx, links, &parcel.endpoint, reason)?;
    }
    Ok(())
}

/// What a delivery says that waited for an endpoint when that was disabled.
const OF_DISABLED: &str = "The endpoint was disabled before it arrived.";

/// How long each half of [`prune`] goes on in one round: together half as long as the job's lease lasts, whatever the disk.
const ROUND: Duration = Duration::from_secs(10);

/// Ends what waits for disabled endpoints, and forgets what is old: a few rows a command, until nothing is left or the round is over.
pub async fn prune(app: &App) -> Result<u64> {
    let ended = again_and_again(app, |tx| store::end_of_disabled(tx, OF_DISABLED, 200)).await?;
    let gone = again_and_again(app, |tx| store::forget(tx, tx.now().minus(KEPT), 25)).await?;
    Ok(ended + gone)
}

async fn again_and_again(app: &App, some: fn(&mut Tx<'_>) -> Result<u64>) -> Result<u64> {
    let begun = Instant::now();
    let mut total = 0;
    loop {
        let done = app.db.background(some).await?;
        total += done;
        if done == 0 || begun.elapsed() >= ROUND {
            return Ok(total);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w5_one_endpoint_has_few_places_in_the_air_and_those_that_fail_never_all() {
        let id = |n: u128| WebhookEndpointId::from_uuid(Uuid::from_u128(n));
        let mut air = Air::default();
        assert_eq!((air.room(id(1), false), air.room(id(1), true)), (AIR_EACH, 1));
        for _ in 0..AIR_EACH {
            air.start(id(1), false);
        }
        assert_eq!((air.room(id(1), false), air.room(id(2), false)), (0, AIR_EACH));
        air.land(id(1), false);
        assert_eq!(air.room(id(1), false), 1);
        for n in 0..AIR_FAILING as u128 {
            assert_eq!(air.room(id(100 + n), true), 1);
            air.start(id(100 + n), true);
        }
        assert_eq!(
            (air.room(id(99), true), air.room(id(99), false)),
            (0, AIR_EACH),
            "the well have half for themselves"
        );
        let mut n = 1000;
        while air.all < AIR {
            air.start(id(n), false);
            n += 1;
        }
        assert_eq!(air.room(id(99), false), 0, "and there is an end");
        for n in 0..AIR_FAILING as u128 {
            air.land(id(100 + n), true);
        }
        assert_eq!((air.failing, air.all), (0, AIR - AIR_FAILING));
    }
}
