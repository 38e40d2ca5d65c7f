//! All SQL on endpoints, events, deliveries and tries.

use super::model::{Attempt, Delivery, DeliveryState, Endpoint, EndpointState, EventType, Reason, Reply};
use crate::args;
use crate::db::{FromRow, Json, Row, Tx};
use crate::kernel::{Id, Page, Result, Seconds, ShopId, Time, WebhookDeliveryId, WebhookEndpointId, WebhookEventId};
use uuid::Uuid;

impl FromRow for Endpoint {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let Json(events) = row.get(4)?;
        Ok(Self {
            id: row.get(0)?,
            shop: row.get(1)?,
            url: row.get(2)?,
            description: row.get(3)?,
            events,
            state: row.get(5)?,
            reason: row.get(6)?,
            generation: row.get(7)?,
            old_until: row.get(8)?,
            failures: row.get(9)?,
            failing_since: row.get(10)?,
            disabled_at: row.get(11)?,
            rest_until: row.get(12)?,
            version: row.get(13)?,
            created_at: row.get(14)?,
        })
    }
}

/// Writes a new endpoint. False: this id is taken.
pub(super) fn insert_endpoint(tx: &mut Tx<'_>, endpoint: &Endpoint) -> Result<bool> {
    let added = tx.exec(
        "insert into webhook_endpoints (id, shop_id, url, description, events, state, generation, version, created_at)
         values ($1, $2, $3, $4, $5, 'enabled', 1, 1, $6) on conflict (id) do nothing",
        args![
            endpoint.id,
            endpoint.shop,
            endpoint.url,
            endpoint.description,
            Json(&endpoint.events),
            endpoint.created_at
        ],
    )?;
    Ok(added == 1)
}

/// An endpoint of a shop.
pub fn find(tx: &mut Tx<'_>, shop: ShopId, id: WebhookEndpointId) -> Result<Option<Endpoint>> {
    tx.maybe_one(
        "select id, shop_id, url, description, events, state, reason, generation, old_until, failures, failing_since, disabled_at, rest_until,
                version, created_at
           from webhook_endpoints where shop_id = $1 and id = $2 and deleted_at is null",
        args![shop, id],
    )
}

/// All endpoints of a shop, oldest first: they are few.
pub fn list(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<Endpoint>> {
    tx.all(
        "select id, shop_id, url, description, events, state, reason, generation, old_until, failures, failing_since, disabled_at, rest_until,
                version, created_at
           from webhook_endpoints where shop_id = $1 and deleted_at is null order by id limit 100",
        args![shop],
    )
}

/// As [`list`], once a batch: asked by every fact of the shop.
pub(super) fn listening(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<Endpoint>> {
    tx.once(&["webhook_endpoints"], (shop, Uuid::nil()), |tx| list(tx, shop))
}

/// Writes what people may change, from the version they saw. False: it has moved on.
pub(super) fn edit(tx: &mut Tx<'_>, endpoint: &Endpoint, from_version: i64) -> Result<bool> {
    let done = tx.exec(
        "update webhook_endpoints set url = $3, description = $4, events = $5, state = $6, reason = $7, failures = $8, failing_since = $9,
                disabled_at = $10, rest_until = $11, generation = $12, old_until = $13, version = version + 1
          where id = $1 and version = $2 and deleted_at is null",
        args![
            endpoint.id,
            from_version,
            endpoint.url,
            endpoint.description,
            Json(&endpoint.events),
            endpoint.state,
            endpoint.reason,
            endpoint.failures,
            endpoint.failing_since,
            endpoint.disabled_at,
            endpoint.rest_until,
            endpoint.generation,
            endpoint.old_until
        ],
    )?;
    Ok(done == 1)
}

/// Nobody sees it any more. False: there was none.
pub(super) fn delete(tx: &mut Tx<'_>, shop: ShopId, id: WebhookEndpointId) -> Result<bool> {
    let done = tx.exec(
        "update webhook_endpoints set deleted_at = $3 where shop_id = $1 and id = $2 and deleted_at is null",
        args![shop, id, tx.now()],
    )?;
    Ok(done == 1)
}

/// Something arrived. Nothing changes where all was well, nor where the endpoint has another address than `to`: what one says is nothing that
/// another one said. So it is with [`unwell`] and [`disable`].
pub(super) fn well(tx: &mut Tx<'_>, to: &Endpoint) -> Result<()> {
    tx.put(
        "update webhook_endpoints set failures = 0, failing_since = null, rest_until = 0, state = case when state = 'failing' then 'enabled' else state end
          where id = $1 and url = $2 and failures > 0 and state <> 'disabled'",
        args![to.id, to.url],
    )
}

/// Nothing arrived. Answers how many times in a row, and since when; none where it is disabled, or has another address.
pub(super) fn unwell(tx: &mut Tx<'_>, to: &Endpoint, failing: i64) -> Result<Option<(i64, Time)>> {
    tx.maybe_one(
        "update webhook_endpoints set failures = failures + 1, failing_since = coalesce(failing_since, $2),
                state = case when failures + 1 >= $3 then 'failing' else state end
          where id = $1 and url = $4 and state <> 'disabled' returning failures, failing_since",
        args![to.id, tx.now(), failing, to.url],
    )
}

/// Leaves it alone until then, or longer if that was said before.
pub(super) fn rest(tx: &mut Tx<'_>, id: WebhookEndpointId, until: Time) -> Result<()> {
    tx.put(
        "update webhook_endpoints set rest_until = $2 where id = $1 and rest_until < $2",
        args![id, until],
    )
}

/// Nothing is sent there any more. False: it was so already, or it has another address.
pub(super) fn disable(tx: &mut Tx<'_>, to: &Endpoint, reason: Reason) -> Result<bool> {
    let done = tx.exec(
        "update webhook_endpoints set state = 'disabled', reason = $2, disabled_at = $3, version = version + 1
          where id = $1 and url = $4 and state <> 'disabled' and deleted_at is null",
        args![to.id, reason, tx.now(), to.url],
    )?;
    Ok(done == 1)
}

/// The next version of an object: dense, and serialised by its row.
pub(super) fn next_version(tx: &mut Tx<'_>, shop: ShopId, object: Uuid) -> Result<i64> {
    let (version,) = tx.one(
        "insert into webhook_objects (shop_id, object_id, version) values ($1, $2, 1)
         on conflict (shop_id, object_id) do update set version = webhook_objects.version + 1 returning version",
        args![shop, *object.as_bytes()],
    )?;
    Ok(version)
}

/// An event to be told.
pub(super) struct NewEvent<'a> {
    pub id: WebhookEventId,
    pub shop: ShopId,
    pub kind: EventType,
    pub object: Uuid,
    pub version: i64,
    pub payload: &'a str,
}

pub(super) fn insert_event(tx: &mut Tx<'_>, event: &NewEvent<'_>) -> Result<()> {
    tx.put(
        "insert into webhook_events (id, shop_id, kind, object_id, version, payload, created_at) values ($1, $2, $3, $4, $5, $6, $7)",
        args![
            event.id,
            event.shop,
            event.kind,
            *event.object.as_bytes(),
            event.version,
            event.payload,
            tx.now()
        ],
    )
}

/// What was told of an object: events, and what they say.
pub(super) fn events_of(tx: &mut Tx<'_>, shop: ShopId, object: Uuid) -> Result<Vec<(WebhookEventId, String)>> {
    tx.all(
        "select id, payload from webhook_events where shop_id = $1 and object_id = $2 order by version limit 10000",
        args![shop, *object.as_bytes()],
    )
}

/// Writes over what an event says, and what was answered to it.
pub(super) fn erase_event(tx: &mut Tx<'_>, id: WebhookEventId, payload: &str) -> Result<()> {
    tx.put(
        "update webhook_events set payload = $2 where id = $1",
        args![id, payload],
    )?;
    tx.put(
        "update webhook_attempts set reply = '' where delivery_id in (select id from webhook_deliveries where event_id = $1)",
        args![id],
    )
}

pub(super) fn insert_delivery(
    tx: &mut Tx<'_>,
    shop: ShopId,
    endpoint: WebhookEndpointId,
    event: WebhookEventId,
) -> Result<WebhookDeliveryId> {
    let id: WebhookDeliveryId = tx.id();
    tx.put(
        "insert into webhook_deliveries (id, shop_id, endpoint_id, event_id, state, due_at, created_at) values ($1, $2, $3, $4, 'pending', $5, $5)",
        args![id, shop, endpoint, event, tx.now()],
    )?;
    Ok(id)
}

/// What a disabled endpoint does not hear, written down so that it can be replayed.
pub(super) fn insert_missed(
    tx: &mut Tx<'_>,
    shop: ShopId,
    endpoint: WebhookEndpointId,
    event: WebhookEventId,
    detail: &str,
) -> Result<()> {
    let id: WebhookDeliveryId = tx.id();
    tx.put(
        "insert into webhook_deliveries (id, shop_id, endpoint_id, event_id, state, due_at, created_at, ended_at, detail)
         values ($1, $2, $3, $4, 'exhausted', $5, $5, $5, $6)",
        args![id, shop, endpoint, event, tx.now(), detail],
    )
}

/// Endpoints for which something is due, after this one, and how they stand.
pub(super) fn with_work(tx: &mut Tx<'_>, after: Uuid, limit: i64) -> Result<Vec<(WebhookEndpointId, EndpointState)>> {
    tx.all(
        "select id, state from webhook_endpoints e
          where id > $2 and state <> 'disabled' and deleted_at is null and rest_until <= $1
            and exists (select 1 from webhook_deliveries d where d.endpoint_id = e.id and d.ended_at is null and d.due_at <= $1)
          order by id limit $3",
        args![tx.now(), *after.as_bytes(), limit],
    )
}

/// A delivery that was taken: itself, its event, the lease, the tries, the payload.
pub(super) type Taken = (WebhookDeliveryId, WebhookEventId, i64, u32);

/// Takes the delivery that has been due longest, new or left behind by a taker whose lease is over. The last condition decides between two that
/// chose the same.
pub(super) fn take_oldest(tx: &mut Tx<'_>, endpoint: WebhookEndpointId, until: Time) -> Result<Option<Taken>> {
    tx.maybe_one(
        "update webhook_deliveries set state = 'leased', lease = lease + 1, tries = tries + 1, due_at = $3
          where id = (select id from webhook_deliveries where endpoint_id = $1 and ended_at is null and due_at <= $2 order by due_at, id limit 1)
            and ended_at is null and due_at <= $2
         returning id, event_id, lease, tries",
        args![endpoint, tx.now(), until],
    )
}

/// As [`take_oldest`], the one that fell due last: what has just happened does not wait for a backlog.
pub(super) fn take_newest(tx: &mut Tx<'_>, endpoint: WebhookEndpointId, until: Time) -> Result<Option<Taken>> {
    tx.maybe_one(
        "update webhook_deliveries set state = 'leased', lease = lease + 1, tries = tries + 1, due_at = $3
          where id = (select id from webhook_deliveries where endpoint_id = $1 and ended_at is null and due_at <= $2
                       order by due_at desc, id desc limit 1)
            and ended_at is null and due_at <= $2
         returning id, event_id, lease, tries",
        args![endpoint, tx.now(), until],
    )
}

/// The endpoint of a delivery that was taken, if it is still to be heard.
pub(super) fn open_endpoint(tx: &mut Tx<'_>, id: WebhookEndpointId) -> Result<Option<Endpoint>> {
    tx.maybe_one(
        "select id, shop_id, url, description, events, state, reason, generation, old_until, failures, failing_since, disabled_at, rest_until,
                version, created_at
           from webhook_endpoints where id = $1 and deleted_at is null and state <> 'disabled'",
        args![id],
    )
}

pub(super) fn payload(tx: &mut Tx<'_>, event: WebhookEventId) -> Result<String> {
    let (payload,) = tx.one("select payload from webhook_events where id = $1", args![event])?;
    Ok(payload)
}

/// It ended. False: the lease was lost, and the delivery is somebody else's.
pub(super) fn end(
    tx: &mut Tx<'_>,
    id: WebhookDeliveryId,
    lease: i64,
    state: DeliveryState,
    reply: &Reply,
) -> Result<bool> {
    let done = tx.exec(
        "update webhook_deliveries set state = $3, ended_at = $4, status = $5, detail = $6 where id = $1 and lease = $2 and state = 'leased'",
        args![id, lease, state, tx.now(), reply.status.map(u32::from), reply.detail],
    )?;
    Ok(done == 1)
}

/// It did not arrive; it is tried again. False: the lease was lost.
pub(super) fn put_off(tx: &mut Tx<'_>, id: WebhookDeliveryId, lease: i64, due_at: Time, reply: &Reply) -> Result<bool> {
    let done = tx.exec(
        "update webhook_deliveries set state = 'pending', due_at = $3, status = $4, detail = $5 where id = $1 and lease = $2 and state = 'leased'",
        args![id, lease, due_at, reply.status.map(u32::from), reply.detail],
    )?;
    Ok(done == 1)
}

/// Keeps a try.
pub(super) fn insert_attempt(
    tx: &mut Tx<'_>,
    id: WebhookDeliveryId,
    number: i64,
    at: Time,
    reply: &Reply,
) -> Result<()> {
    tx.put(
        "insert into webhook_attempts (delivery_id, number, at, status, millis, detail, reply) values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (delivery_id, number) do nothing",
        args![
            id,
            number,
            at,
            reply.status.map(u32::from),
            reply.millis,
            reply.detail,
            reply.body
        ],
    )
}

impl FromRow for Delivery {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            endpoint: row.get(1)?,
            event: row.get(2)?,
            kind: row.get(3)?,
            object: Uuid::from_bytes(row.get(4)?),
            version: row.get(5)?,
            state: row.get(6)?,
            tries: row.get(7)?,
            due_at: row.get(8)?,
            status: row.get(9)?,
            detail: row.get(10)?,
            created_at: row.get(11)?,
            ended_at: row.get(12)?,
        })
    }
}

/// A delivery of a shop.
pub fn delivery(tx: &mut Tx<'_>, shop: ShopId, id: WebhookDeliveryId) -> Result<Option<Delivery>> {
    tx.maybe_one(
        "select d.id, d.endpoint_id, d.event_id, e.kind, e.object_id, e.version, d.state, d.tries, d.due_at, d.status, d.detail, d.created_at, d.ended_at
           from webhook_deliveries d join webhook_events e on e.id = d.event_id
           join webhook_endpoints p on p.id = d.endpoint_id
          where d.shop_id = $1 and d.id = $2 and p.deleted_at is null",
        args![shop, id],
    )
}

/// The payload of a delivery of a shop, as it is sent.
pub(super) fn payload_of(tx: &mut Tx<'_>, shop: ShopId, id: WebhookDeliveryId) -> Result<Option<String>> {
    let found: Option<(String,)> = tx.maybe_one(
        "select e.payload from webhook_deliveries d join webhook_events e on e.id = d.event_id where d.shop_id = $1 and d.id = $2",
        args![shop, id],
    )?;
    Ok(found.map(|(payload,)| payload))
}

/// Deliveries of a shop, newest first; of one endpoint, and in one state, if asked so.
pub fn deliveries(
    tx: &mut Tx<'_>,
    shop: ShopId,
    endpoint: Option<WebhookEndpointId>,
    state: Option<DeliveryState>,
    after: Option<WebhookDeliveryId>,
    limit: i64,
) -> Result<Page<Delivery>> {
    let before = after.unwrap_or(WebhookDeliveryId::from_uuid(Uuid::max()));
    let state = state.map_or("", DeliveryState::word);
    let found = match endpoint {
        Some(endpoint) => tx.all(
            "select d.id, d.endpoint_id, d.event_id, e.kind, e.object_id, e.version, d.state, d.tries, d.due_at, d.status, d.detail, d.created_at, d.ended_at
               from webhook_deliveries d join webhook_events e on e.id = d.event_id
              where d.endpoint_id = $1 and d.shop_id = $2 and d.id < $3 and ($4 = '' or d.state = $4) order by d.id desc limit $5",
            args![endpoint, shop, before, state, limit + 1],
        )?,
        None => tx.all(
            "select d.id, d.endpoint_id, d.event_id, e.kind, e.object_id, e.version, d.state, d.tries, d.due_at, d.status, d.detail, d.created_at, d.ended_at
               from webhook_deliveries d join webhook_events e on e.id = d.event_id
               join webhook_endpoints p on p.id = d.endpoint_id
              where d.shop_id = $1 and d.id < $2 and ($3 = '' or d.state = $3) and p.deleted_at is null order by d.id desc limit $4",
            args![shop, before, state, limit + 1],
        )?,
    };
    Ok(Page::cut(found, limit, |one: &Delivery| one.id.to_string()))
}

impl FromRow for Attempt {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            at: row.get(0)?,
            status: row.get(1)?,
            millis: row.get(2)?,
            detail: row.get(3)?,
            reply: row.get(4)?,
        })
    }
}

/// The tries of a delivery, newest first.
pub fn attempts(tx: &mut Tx<'_>, shop: ShopId, id: WebhookDeliveryId) -> Result<Vec<Attempt>> {
    tx.all(
        "select a.at, a.status, a.millis, a.detail, a.reply from webhook_attempts a join webhook_deliveries d on d.id = a.delivery_id
          where d.shop_id = $1 and a.delivery_id = $2 order by a.number desc limit 50",
        args![shop, id],
    )
}

/// Begins a delivery again that ended, or brings forward one that waits. False: it is being sent right now.
pub(super) fn again(tx: &mut Tx<'_>, shop: ShopId, id: WebhookDeliveryId) -> Result<bool> {
    let done = tx.exec(
        "update webhook_deliveries set state = 'pending', tries = 0, due_at = $3, ended_at = null, detail = ''
          where shop_id = $1 and id = $2 and state <> 'leased'",
        args![shop, id, tx.now()],
    )?;
    Ok(done == 1)
}

/// Begins some deliveries of an endpoint again that ended in vain since a time; answers how many. As in [`take_oldest`] the last condition looks
/// again at what was chosen: another lane may have begun it first.
pub(super) fn again_since(
    tx: &mut Tx<'_>,
    shop: ShopId,
    endpoint: WebhookEndpointId,
    since: Time,
    most: i64,
) -> Result<u64> {
    tx.exec(
        "update webhook_deliveries set state = 'pending', tries = 0, due_at = $5, ended_at = null, detail = ''
          where id in (select id from webhook_deliveries where endpoint_id = $1 and shop_id = $2 and state = 'exhausted' and created_at >= $3
                        order by created_at, id limit $4)
            and state = 'exhausted'",
        args![endpoint, shop, since, most, tx.now()],
    )
}

/// How many deliveries of an endpoint wait, and how many ended in vain, as far as anybody counts.
pub fn counts(tx: &mut Tx<'_>, endpoint: WebhookEndpointId) -> Result<(i64, i64)> {
    let (waiting,) = tx.one(
        "select count(*) from (select 1 from webhook_deliveries where endpoint_id = $1 and ended_at is null limit 1000) waiting",
        args![endpoint],
    )?;
    let (lost,) = tx.one(
        "select count(*) from (select 1 from webhook_deliveries where endpoint_id = $1 and state = 'exhausted' limit 1000) lost",
        args![endpoint],
    )?;
    Ok((waiting, lost))
}

/// Ends some deliveries that wait for endpoints which are disabled; answers how many. The last condition keeps what has ended meanwhile.
pub(super) fn end_of_disabled(tx: &mut Tx<'_>, detail: &str, most: i64) -> Result<u64> {
    tx.exec(
        "update webhook_deliveries set state = 'exhausted', ended_at = $1, detail = $2
          where id in (select d.id from webhook_endpoints e join webhook_deliveries d on d.endpoint_id = e.id
                        where e.state = 'disabled' and d.ended_at is null and (d.state = 'pending' or d.due_at <= $1) limit $3)
            and ended_at is null and (state = 'pending' or due_at <= $1)",
        args![tx.now(), detail, most],
    )
}

/// Lets deliveries go: `each` that ended long ago, and as many of endpoints that were deleted, which is for ever, so that neither kind waits for the
/// other. The last condition keeps what was begun again meanwhile.
fn let_go(tx: &mut Tx<'_>, before: Time, each: i64) -> Result<Vec<(WebhookDeliveryId,)>> {
    let mut gone = tx.all(
        "delete from webhook_deliveries
          where id in (select id from webhook_deliveries where ended_at is not null and ended_at < $1 order by ended_at limit $2)
            and ended_at is not null and ended_at < $1
         returning id",
        args![before, each],
    )?;
    gone.extend(tx.all::<(WebhookDeliveryId,)>(
        "delete from webhook_deliveries
          where id in (select d.id from webhook_endpoints e join webhook_deliveries d on d.endpoint_id = e.id
                        where e.deleted_at is not null and e.deleted_at < $1 limit $2)
         returning id",
        args![tx.now().minus(Seconds::minutes(2)), each],
    )?);
    Ok(gone)
}

/// Forgets some of what ended before then, with everything of endpoints that were deleted, up to `each` of both; answers how many rows that were.
pub(super) fn forget(tx: &mut Tx<'_>, before: Time, each: i64) -> Result<u64> {
    let gone = let_go(tx, before, each)?;
    for (id,) in &gone {
        tx.put("delete from webhook_attempts where delivery_id = $1", args![*id])?;
    }
    let events = tx.exec(
        "delete from webhook_events where id in (select e.id from webhook_events e
           where e.created_at < $1 and not exists (select 1 from webhook_deliveries d where d.event_id = e.id) order by e.created_at limit $2)",
        args![before, 2 * each],
    )?;
    let endpoints = tx.exec(
        "delete from webhook_endpoints where deleted_at is not null and deleted_at < $1
            and not exists (select 1 from webhook_deliveries d where d.endpoint_id = webhook_endpoints.id)",
        args![tx.now().minus(Seconds::minutes(2))],
    )?;
    Ok(gone.len() as u64 + events + endpoints)
}

/// Deliveries on their way, for the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub deliveries: i64,
    /// When the oldest of them was written.
    pub oldest: Option<Time>,
    /// Endpoints that fail now.
    pub failing: i64,
}

/// Asked every few seconds; a backlog is counted up to a hundred thousand.
pub fn waiting(tx: &mut Tx<'_>) -> Result<Waiting> {
    let (deliveries,) = tx.one(
        "select count(*) from (select 1 from webhook_endpoints e join webhook_deliveries d on d.endpoint_id = e.id
           where e.state <> 'disabled' and e.deleted_at is null and d.ended_at is null limit 100000) waiting",
        &[],
    )?;
    let (oldest,) = tx.one(
        "select min(created_at) from (select d.created_at from webhook_endpoints e join webhook_deliveries d on d.endpoint_id = e.id
           where e.state <> 'disabled' and e.deleted_at is null and d.ended_at is null limit 100000) waiting",
        &[],
    )?;
    let (failing,) = tx.one(
        "select count(*) from webhook_endpoints where state = 'failing' and deleted_at is null",
        &[],
    )?;
    Ok(Waiting {
        deliveries,
        oldest,
        failing,
    })
}

/// Rows that break a promise of this module: empty, always. The versions of an object's events are dense.
pub fn check(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let wrong: Vec<(ShopId, i64)> = tx.all(
        "select e.shop_id, max(e.version) from webhook_events e group by e.shop_id, e.object_id
         having max(e.version) - min(e.version) + 1 <> count(*) limit 20",
        &[],
    )?;
    Ok(wrong
        .iter()
        .map(|(shop, version)| format!("I31 {shop}: an event is missing before version {version} of an object"))
        .collect())
}
