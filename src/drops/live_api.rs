//! What pages follow of a drop.

use super::api::WaitingRoomOut;
use super::model::{DropState, Item, Phase, View, unknown};
use super::plan::view;
use super::store;
use crate::app::App;
use crate::db::Tx;
use crate::http::{Path, Problem, Query, Watched, events, follow};
use crate::identity::Player;
use crate::kernel::{DropId, Error, Kind, MoneyOut, Result as Done, Time, VariantId};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::Event as Sse;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The data of an event `drop`: how it stands for buyers.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LiveDrop)]
pub struct LiveDropOut {
    /// `before`, `open`, `paused` or `over`, by the server's clock.
    pub phase: &'static str,
    pub opens_at: Option<Time>,
    pub closes_at: Option<Time>,
    pub pinned: Option<VariantId>,
    /// Absent: everybody may buy at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_room: Option<WaitingRoomOut>,
    pub items: Vec<LiveDropItemOut>,
}

/// One item of it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LiveDropItem)]
pub struct LiveDropItemOut {
    pub variant: VariantId,
    pub price: MoneyOut,
    pub price_version: i64,
    /// Units that can be bought.
    pub left: i64,
    /// Units inside other people's checkouts right now.
    pub in_checkouts: i64,
}

/// From where a page follows a drop.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FollowIn {
    /// The id of the last event that was heard, for clients that cannot send it as a header.
    after: Option<String>,
}

/// Drops, as pages follow them.
pub struct Now;

impl Watched for Now {
    type Key = DropId;
    type News = Arc<View>;
    const PART: usize = 20;
    const TABLES: &'static [&'static str] = &["drops", "drop_items", "drop_lines", "drop_turns", "drop_waits", "stock"];
    fn version(news: &Self::News) -> i64 {
        news.version()
    }
    fn read(tx: &mut Tx<'_>, keys: &[DropId]) -> Done<Vec<(DropId, Self::News)>> {
        let mut read = Vec::with_capacity(keys.len());
        for id in keys {
            let drop = store::load(tx, *id)?;
            read.push((*id, Arc::new(super::plan::of(tx, drop)?)));
        }
        Ok(read)
    }
}

/// The word of a phase on the wire.
pub fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Draft | Phase::Before => "before",
        Phase::Open => "open",
        Phase::Paused => "paused",
        Phase::Over => "over",
    }
}

impl LiveDropOut {
    fn of(view: &View, now: Time) -> Self {
        let item = |item: &Item| {
            let figures = view.figures(item);
            LiveDropItemOut {
                variant: item.variant,
                price: item.price.into(),
                price_version: item.price_version,
                left: figures.left.max(0),
                in_checkouts: figures.reserved,
            }
        };
        Self {
            phase: phase_word(view.drop.phase(now)),
            opens_at: view.drop.opens_at,
            closes_at: view.drop.closes_at,
            pinned: view.drop.pinned,
            waiting_room: WaitingRoomOut::of(view),
            items: view.items.iter().map(item).collect(),
        }
    }
}

/// Follow a drop, as Server-Sent Events.
///
/// The stream begins with an event `drop` that says all there is to know, and goes on with one whenever something of it changes; in between only the
/// latest is kept, so whoever joins late is right at once. An event's id grows with every commit; with `Last-Event-ID` what was heard is not said again.
#[utoipa::path(get, path = "/v1/drops/{drop}/live", tag = "drops",
    params(FollowIn, ("drop" = DropId, Path), ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was heard.")),
    security(("key" = [])), responses(
    (status = 200, body = LiveDropOut, content_type = "text/event-stream", description = "Events `drop`, until one side ends the stream."),
    (status = 404, description = "`no_such_drop`: also of a draft."),
    (status = 422, description = "`after` is no id of an event."),
    (status = 503, description = "`too_many_viewers`: show what was last known, and try again."),
))]
pub async fn get_drop_live(
    State(app): State<App>,
    player: Player,
    headers: HeaderMap,
    Path(id): Path<DropId>,
    Query(asked): Query<FollowIn>,
) -> Result<Response, Problem> {
    let shop = player.shop;
    let found = app.db.read(move |tx| view(tx, shop, id)).await?;
    let found = found
        .filter(|view| view.drop.state != DropState::Draft)
        .ok_or_else(unknown)?;
    let header = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let heard: Option<i64> = match &asked.after {
        Some(after) => Some(
            after
                .parse()
                .map_err(|_| Error::field("after", "This is no id of an event."))?,
        ),
        None => header.and_then(|id| id.parse().ok()),
    };
    let following = follow::<Now>(&app, &[(id, Arc::new(found))], &[heard]).ok_or_else(|| {
        let detail = "Too many pages follow drops at once. What is shown may be some time old.";
        Error::new(Kind::Busy { retry_after: 30 }, "too_many_viewers", detail)
    })?;
    let clock = app.clone();
    let stream = futures_util::stream::unfold(following, async |following| Some((following.next().await, following)));
    let stream = futures_util::StreamExt::map(stream, move |(_, view)| {
        let out = LiveDropOut::of(&view, clock.clock.wall());
        let event = Sse::default().event("drop").id(view.version().to_string());
        event.json_data(out).expect("own types serialise")
    });
    Ok(events(&app, stream))
}
