//! Beacons in, figures out.

use super::funnel::{funnel, retention, revenue};
use super::ingest::ingest;
use super::known;
use super::model::{self, BATCH_MAX, Batch, Dropped, Event, Known, Period, check};
use crate::app::App;
use crate::clips;
use crate::db::LaneKey;
use crate::http::{ClientAddress, Limit, Problem, Query, Who, json, limit, read_json};
use crate::identity::{Measurer, player_of};
use crate::kernel::{ClipId, Error, Kind, MoneyOut, ShopId, VisitId};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// A body larger than this is no batch of fifty events.
const BODY_MAX: usize = 64 << 10;

/// What a player saw. The key travels in the body: `navigator.sendBeacon` cannot send headers.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub struct BeaconsIn {
    /// The shop's publishable key.
    key: String,
    /// Made by the player, kept for a visit; absent when the viewer asked not to be followed.
    #[serde(default)]
    visit: Option<VisitId>,
    clip: ClipId,
    /// The published version that was watched.
    version: i64,
    /// The language of the player; not stored.
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "players send it; nothing is reported by it yet, so nothing is kept"
    )]
    lang: Option<String>,
    #[schema(max_items = 50)]
    events: Vec<EventIn>,
}

/// One event. What cannot be is dropped and counted, the others of the batch are taken.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub struct EventIn {
    /// A UUID the player keeps until the batch has arrived: sent again, the event counts once.
    id: String,
    /// impression, view, hook, second, tap, add, purchase, ask or end.
    kind: String,
    #[serde(default)]
    anchor: Option<String>,
    /// Position in the clip.
    #[serde(default)]
    at_ms: Option<i64>,
    /// For `second`: the first watched second and the one after the last.
    #[serde(default)]
    #[schema(value_type = Option<Vec<i64>>, min_items = 2, max_items = 2)]
    seconds: Option<(i64, i64)>,
    /// How long ago it happened.
    #[serde(default)]
    ago_ms: i64,
}

/// What became of a batch; the three add up to its events.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct BeaconsOut {
    pub accepted: u32,
    pub duplicates: u32,
    /// Unknown kinds, clips or anchors, impossible values, or over a limit.
    pub dropped: u32,
}

impl EventIn {
    fn read(&self, clip: Option<&Known>) -> Result<Event, Dropped> {
        let event = Event {
            id: self.id.parse().map_err(|_| Dropped::Invalid)?,
            kind: self.kind.parse::<model::Kind>().map_err(|_| Dropped::UnknownKind)?,
            anchor: self
                .anchor
                .as_deref()
                .map(str::parse)
                .transpose()
                .map_err(|_| Dropped::Invalid)?,
            at_ms: self.at_ms.unwrap_or(0),
            seconds: self.seconds,
            ago_ms: self.ago_ms,
        };
        check(&event, clip.ok_or(Dropped::UnknownClip)?)?;
        Ok(event)
    }
}

/// Whether the viewer's browser says not to follow them.
fn asks_for_privacy(headers: &HeaderMap) -> bool {
    ["sec-gpc", "dnt"]
        .iter()
        .any(|name| headers.get(*name).is_some_and(|value| value.as_bytes() == b"1"))
}

/// What players saw, in batches. Takes no cookie, stores no address; with `Sec-GPC: 1` or `DNT: 1` it is counted without a visit.
#[utoipa::path(post, path = "/v1/beacons", tag = "audience", request_body(content = BeaconsIn, description = "JSON, also as text/plain; at most 64 KiB."),
    security(()), responses(
    (status = 202, body = BeaconsOut, description = "Stored."),
    (status = 401, description = "The key is not known."),
    (status = 413, description = "`too_large`."),
    (status = 422, description = "More than 50 events, or a body of another shape."),
    (status = 503, description = "No room now; nothing was stored. Send the batch again."),
))]
pub async fn post_beacons(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let too_large = || Error::new(Kind::TooLarge, "too_large", "A batch is at most 64 KiB.");
    let bytes = axum::body::to_bytes(request.into_body(), BODY_MAX)
        .await
        .map_err(|error| too_large().because(error))?;
    let body: BeaconsIn = read_json(&bytes)?;
    if body.events.len() > BATCH_MAX {
        return Err(Error::field("/events", "A batch has at most 50 events.").into());
    }
    let shop = player_of(&app, &body.key).await?.shop;
    limit(&app, Limit::Beacons, Who::AddressAtShop(address, shop))?;
    if app.db.disk_full() {
        // The room that is left is for money that is on its way.
        let busy = Kind::Busy { retry_after: 60 };
        return Err(Error::new(
            busy,
            "disk_full",
            "The disk is full. Nothing was stored; send the batch again.",
        )
        .into());
    }
    let clip = known::version(&app, shop, body.clip, body.version).await?;
    let mut batch = Batch {
        shop,
        clip: body.clip,
        version: body.version,
        visit: body.visit.filter(|_| !asks_for_privacy(&headers)),
        events: Vec::with_capacity(body.events.len()),
        dropped: Vec::new(),
    };
    for event in &body.events {
        match event.read(clip.as_deref()) {
            Ok(event) => batch.events.push(event),
            Err(reason) => batch.dropped.push(reason),
        }
    }
    let done = app
        .events
        .write(LaneKey::of(shop), move |tx| ingest(tx, &batch))
        .await?;
    Ok(json(
        StatusCode::ACCEPTED,
        &BeaconsOut {
            accepted: done.accepted,
            duplicates: done.duplicates,
            dropped: done.dropped,
        },
    ))
}

/// Which figures.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FunnelIn {
    /// Of this clip; of all clips if absent.
    clip: Option<ClipId>,
    /// Whole days up to today, UTC: 1 to 366; 30 if absent.
    #[param(minimum = 1, maximum = 366)]
    days: Option<u16>,
}

/// Which clip's retention.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RetentionIn {
    clip: ClipId,
    /// Whole days up to today, UTC: 1 to 366; 30 if absent.
    #[param(minimum = 1, maximum = 366)]
    days: Option<u16>,
}

/// From watching to buying.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct FunnelOut {
    pub clip: Option<ClipId>,
    pub days: u16,
    /// Times an anchor or a clip was seen.
    pub impressions: i64,
    /// view, tap and add are distinct visits; purchase is confirmed orders.
    pub steps: Vec<StepOut>,
    /// From orders, net of refunds, without canceled ones; only those that came from a clip.
    pub revenue: Option<MoneyOut>,
}

/// One step of a funnel.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct StepOut {
    pub step: String,
    pub count: i64,
    /// Of the step before, in thousandths.
    pub per_mille: Option<u32>,
}

/// How a clip is watched.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RetentionOut {
    pub clip: ClipId,
    pub days: u16,
    pub views: i64,
    pub seconds: Vec<SecondOut>,
}

/// One second of a clip.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SecondOut {
    pub second: u32,
    pub plays: i64,
    /// Of the views, in thousandths; above 1000 where people watch again.
    pub per_mille: u32,
}

/// The period, and 404 for a clip of somebody else. Errors: `invalid_field`.
async fn asked(app: &App, shop: ShopId, clip: Option<ClipId>, days: Option<u16>) -> Result<(Period, u16), Problem> {
    let days = days.unwrap_or(30);
    if !(1..=366).contains(&days) {
        return Err(Error::field("days", "1 to 366 days.").into());
    }
    let now = app
        .db
        .read(move |tx| {
            match clip {
                Some(clip) if clips::find(tx, shop, clip)?.is_none() => return Err(Error::not_found("clip")),
                _ => {}
            }
            Ok(tx.now())
        })
        .await?;
    Ok((Period::last(i64::from(days), now), days))
}

/// The funnel of a clip, or of the shop: view, tap, add, purchase.
#[utoipa::path(get, path = "/v1/funnel", tag = "audience", params(FunnelIn), responses((status = 200, body = FunnelOut), (status = 404)))]
pub async fn get_funnel(
    State(app): State<App>,
    staff: Measurer,
    Query(query): Query<FunnelIn>,
) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let (period, days) = asked(&app, shop, query.clip, query.days).await?;
    let funnel = funnel(&app, shop, query.clip, period).await?;
    let mut earned = revenue(&app, shop, query.clip, period)
        .await?
        .into_iter()
        .map(|clip| clip.revenue);
    let first = earned.next();
    let revenue = earned.try_fold(first, |sum, more| sum.map(|sum| sum.plus(more)).transpose())?;
    let steps = funnel.steps().map(|step| StepOut {
        step: step.name.into(),
        count: step.count,
        per_mille: step.per_mille,
    });
    let out = FunnelOut {
        clip: query.clip,
        days,
        impressions: funnel.impressions,
        steps: steps.into(),
        revenue: revenue.map(MoneyOut::from),
    };
    Ok(json(StatusCode::OK, &out))
}

/// How a clip is watched, second by second.
#[utoipa::path(get, path = "/v1/retention", tag = "audience", params(RetentionIn), responses((status = 200, body = RetentionOut), (status = 404)))]
pub async fn get_retention(
    State(app): State<App>,
    staff: Measurer,
    Query(query): Query<RetentionIn>,
) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let (period, days) = asked(&app, shop, Some(query.clip), query.days).await?;
    let watched = retention(&app, shop, query.clip, period).await?;
    let seconds = (0u32..).zip(watched.plays.iter().zip(watched.per_mille()));
    let seconds = seconds
        .map(|(second, (plays, per_mille))| SecondOut {
            second,
            plays: *plays,
            per_mille,
        })
        .collect();
    Ok(json(
        StatusCode::OK,
        &RetentionOut {
            clip: query.clip,
            days,
            views: watched.views,
            seconds,
        },
    ))
}
