//! Endpoints: making, changing, deleting them; another secret; replays.

use super::model::{DeliveryState, ENDPOINTS_MAX, Endpoint, EndpointState, EventType, Reason, Target};
use super::sign::Secret;
use super::store;
use crate::app::App;
use crate::db::Tx;
use crate::kernel::{Error, Result, Seconds, ShopId, Time, WebhookDeliveryId, WebhookEndpointId};

/// An endpoint to make.
#[derive(Clone, Debug)]
pub struct NewEndpoint {
    /// Chosen by whoever asks: asking again is the same endpoint.
    pub id: WebhookEndpointId,
    pub url: Target,
    pub description: String,
    /// None: all.
    pub events: Vec<EventType>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Made {
    New(Endpoint),
    /// The same id again: the endpoint as it stands.
    Again(Endpoint),
}

/// Makes an endpoint. Order of answers: invalid fields, again, too many, new.
pub fn make(tx: &mut Tx<'_>, shop: ShopId, new: &NewEndpoint) -> Result<Made> {
    check_description(&new.description)?;
    let events = askable(&new.events)?;
    if let Some(known) = store::find(tx, shop, new.id)? {
        return Ok(Made::Again(known));
    }
    if store::list(tx, shop)?.len() >= ENDPOINTS_MAX {
        return Err(Error::conflict(
            "too_many_endpoints",
            "A shop has at most 20 endpoints. Delete one that is not used any more.",
        ));
    }
    let endpoint = Endpoint {
        id: new.id,
        shop,
        url: new.url.as_str().to_owned(),
        description: new.description.trim().to_owned(),
        events,
        state: EndpointState::Enabled,
        reason: None,
        generation: 1,
        old_until: None,
        failures: 0,
        failing_since: None,
        disabled_at: None,
        rest_until: Time(0),
        version: 1,
        created_at: tx.now(),
    };
    if !store::insert_endpoint(tx, &endpoint)? {
        return Err(Error::conflict(
            "id_reused",
            "This endpoint id is taken. Make a new one.",
        ));
    }
    Ok(Made::New(endpoint))
}

fn check_description(text: &str) -> Result<()> {
    if text.chars().count() > 200 || text.chars().any(char::is_control) {
        return Err(Error::field("/description", "At most 200 characters on one line."));
    }
    Ok(())
}

/// In the order in which they are listed, each once.
fn askable(events: &[EventType]) -> Result<Vec<EventType>> {
    if events.contains(&EventType::Test) {
        return Err(Error::field(
            "/events",
            "A test is sent to every endpoint that is tested.",
        ));
    }
    let all = EventType::ASKABLE.into_iter();
    Ok(all.filter(|event| events.contains(event)).collect())
}

/// The secret that signs for an endpoint now.
pub fn secret(app: &App, endpoint: &Endpoint) -> Secret {
    Secret::derive(app.db.signing_key(), endpoint.id, endpoint.generation)
}

/// What may be changed; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    pub url: Option<Target>,
    pub description: Option<String>,
    pub events: Option<Vec<EventType>>,
    /// Disabled, or enabled again.
    pub disabled: Option<bool>,
}

/// What became of a change.
#[derive(Clone, Debug)]
pub enum Change {
    Changed(Endpoint),
    NotFound,
    /// Somebody changed it meanwhile; its version now.
    Stale(i64),
}

/// Changes an endpoint. One that is enabled again, or gets another address, starts afresh: what failed before does not count. Order of answers: not
/// found, stale, invalid fields, changed.
pub fn change(tx: &mut Tx<'_>, shop: ShopId, id: WebhookEndpointId, version: i64, edit: &Edit) -> Result<Change> {
    let Some(before) = store::find(tx, shop, id)? else {
        return Ok(Change::NotFound);
    };
    if before.version != version {
        return Ok(Change::Stale(before.version));
    }
    let mut after = before.clone();
    if let Some(url) = &edit.url {
        url.as_str().clone_into(&mut after.url);
    }
    if after.url != before.url {
        start_afresh(&mut after);
        if after.state == EndpointState::Failing {
            after.state = EndpointState::Enabled;
        }
    }
    if let Some(text) = &edit.description {
        check_description(text)?;
        text.trim().clone_into(&mut after.description);
    }
    if let Some(events) = &edit.events {
        after.events = askable(events)?;
    }
    match edit.disabled {
        Some(true) if after.state != EndpointState::Disabled => {
            after.state = EndpointState::Disabled;
            after.reason = Some(Reason::Staff);
            after.disabled_at = Some(tx.now());
        }
        Some(false) => {
            after.state = EndpointState::Enabled;
            after.reason = None;
            after.disabled_at = None;
            start_afresh(&mut after);
        }
        _ => {}
    }
    save(tx, &before, after)
}

fn start_afresh(endpoint: &mut Endpoint) {
    endpoint.failures = 0;
    endpoint.failing_since = None;
    endpoint.rest_until = Time(0);
}

fn save(tx: &mut Tx<'_>, before: &Endpoint, mut after: Endpoint) -> Result<Change> {
    if after == *before {
        return Ok(Change::Changed(after));
    }
    if !store::edit(tx, &after, before.version)? {
        let now = store::find(tx, before.shop, before.id)?;
        return Ok(now.map_or(Change::NotFound, |now| Change::Stale(now.version)));
    }
    after.version += 1;
    Ok(Change::Changed(after))
}

/// The longest that an old secret goes on signing.
const OVERLAP_MAX: Seconds = Seconds::days(7);

/// Gives an endpoint another secret. The one before signs as well for `overlap`, so that receivers can change over; with none of it the old one is
/// worth nothing at once. Order of answers: invalid fields, not found, changed.
pub fn rotate(tx: &mut Tx<'_>, shop: ShopId, id: WebhookEndpointId, overlap: Seconds) -> Result<Change> {
    if overlap.0 < 0 || overlap > OVERLAP_MAX {
        return Err(Error::field("/overlap_hours", "Between 0 and 168 hours."));
    }
    let Some(before) = store::find(tx, shop, id)? else {
        return Ok(Change::NotFound);
    };
    let after = Endpoint {
        generation: before.generation + 1,
        old_until: (overlap.0 > 0).then(|| tx.now().plus(overlap)),
        ..before.clone()
    };
    save(tx, &before, after)
}

/// Deletes an endpoint, with everything it heard. False: there is none.
pub fn delete(tx: &mut Tx<'_>, shop: ShopId, id: WebhookEndpointId) -> Result<bool> {
    store::delete(tx, shop, id)
}

/// What became of the wish to send something again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// It is sent (again) at once.
    Begun,
    /// It is being sent right now.
    Sending,
    /// Its endpoint is disabled: enable it first.
    Disabled,
    NotFound,
}

/// Sends a delivery again, under the same id: whether it had arrived, was given up, or waits. Order of answers: not found, disabled, sending, begun.
pub fn replay(tx: &mut Tx<'_>, shop: ShopId, id: WebhookDeliveryId) -> Result<Replay> {
    let Some(found) = store::delivery(tx, shop, id)? else {
        return Ok(Replay::NotFound);
    };
    let endpoint = store::find(tx, shop, found.endpoint)?;
    if endpoint.is_none_or(|endpoint| endpoint.state == EndpointState::Disabled) {
        return Ok(Replay::Disabled);
    }
    if found.state == DeliveryState::Leased || !store::again(tx, shop, id)? {
        return Ok(Replay::Sending);
    }
    Ok(Replay::Begun)
}

/// Deliveries that one command begins again.
const CHUNK: i64 = 200;
/// Deliveries that one request begins again; whoever has more asks once more.
const REPLAYED_MAX: u64 = 20_000;

/// Sends everything again that was given up since a time, in chunks; answers how much, and whether that was all. Order of answers: not found, disabled,
/// begun.
pub async fn replay_since(app: &App, shop: ShopId, id: WebhookEndpointId, since: Time) -> Result<(Replay, u64, bool)> {
    let mut total = 0;
    loop {
        let step = app.db.background(move |tx| {
            Ok(match store::find(tx, shop, id)? {
                None => (Replay::NotFound, 0),
                Some(endpoint) if endpoint.state == EndpointState::Disabled => (Replay::Disabled, 0),
                Some(_) => (Replay::Begun, store::again_since(tx, shop, id, since, CHUNK)?),
            })
        });
        let (answer, begun) = step.await?;
        total += begun;
        let all = begun < CHUNK.unsigned_abs();
        if answer != Replay::Begun || all || total >= REPLAYED_MAX {
            return Ok((answer, total, all));
        }
    }
}
