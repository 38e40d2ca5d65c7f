//! Drops over HTTP: planning, the run of show, the archive, and what pages follow.

use super::line::seed_hash;
use super::model::{Drop, DropState, Event, EventKind, Item, Stage, StreamKind, View, hex, unknown, verify};
use super::plan::{HOLD_MINUTES, NewItem, Plan, Planned, edit, plan, view};
use super::rules::When;
use super::rules_api::{PriceRuleIn, PriceRuleOut};
use super::run::{Act, Hand, archive, close, extend, open, pause, pin, release, schedule, step_price};
use super::store;
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::http::{IfMatch, Json, NewId, Path, Problem, Query, etag, json};
use crate::identity::{self, Analyst, Creator, Packer, Staff};
use crate::kernel::{
    ClipId, Currency, DropId, Error, Kind, MoneyOut, PageIn, PageOut, Result as Done, ShopId, StaffId, Time, VariantId,
};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// A drop to plan.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDrop)]
pub struct DropIn {
    pub title: String,
    /// Its address; made from the title when absent.
    #[serde(default)]
    pub slug: Option<String>,
    #[serde(default)]
    pub description: String,
    /// The clip that is its stage.
    #[serde(default)]
    pub clip: Option<ClipId>,
    /// Or a stream from elsewhere.
    #[serde(default)]
    pub stream: Option<StreamIn>,
    /// Absent: opened by hand.
    #[serde(default)]
    pub opens_at: Option<Time>,
    /// Absent: closed by hand.
    #[serde(default)]
    pub closes_at: Option<Time>,
    /// Units one buyer may have, reserved and bought; 0: no limit.
    #[serde(default)]
    pub limit_per_buyer: u32,
    /// How long a buyer's units are kept for them: 1 to 30 minutes; 3 if absent.
    #[serde(default)]
    pub hold_minutes: Option<i64>,
    /// Those who come are let in one after another; absent: everybody may buy at once.
    #[serde(default)]
    pub waiting_room: Option<WaitingRoomIn>,
    /// So many minutes earlier it opens for guests; 0: for nobody. It needs `opens_at`.
    #[serde(default)]
    pub early_minutes: u32,
    /// Whoever has bought here before is a guest: their order's page leads them in.
    #[serde(default)]
    pub early_for_buyers: bool,
    #[serde(default)]
    pub items: Vec<DropItemIn>,
}

/// How people are let in.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWaitingRoom)]
pub struct WaitingRoomIn {
    /// 1 to 60,000.
    pub rate_per_minute: u32,
}

/// A stream from elsewhere: https only.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewStream)]
pub struct StreamIn {
    pub kind: StreamKind,
    pub url: String,
}

/// What a drop will sell of one variant.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDropItem)]
pub struct DropItemIn {
    pub variant: VariantId,
    /// Units to take from the shop's stock when it is scheduled; of a pre-order: units to expect.
    pub allotment: u32,
    pub price: MoneyOut,
    /// Sellable in this drop only, and archived afterwards.
    #[serde(default)]
    pub transient: bool,
    /// It is not there yet, and leaves by then: a pre-order, which begins when the drop is scheduled. Within 60 days of that.
    #[serde(default)]
    pub ships_by: Option<Time>,
    /// Steps of its price that the clock or sales take; at most 20.
    #[serde(default)]
    pub price_rules: Vec<PriceRuleIn>,
}

/// A change of a drop; what is absent stays.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DropEdit)]
pub struct DropEditIn {
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub description: Option<String>,
    /// Another stage: a clip.
    #[serde(default)]
    pub clip: Option<ClipId>,
    /// Another stage: a stream from elsewhere.
    #[serde(default)]
    pub stream: Option<StreamIn>,
    #[serde(default)]
    pub opens_at: Option<Time>,
    /// Of a draft; later it is extended.
    #[serde(default)]
    pub closes_at: Option<Time>,
    #[serde(default)]
    pub limit_per_buyer: Option<u32>,
    #[serde(default)]
    pub hold_minutes: Option<i64>,
    /// Of a draft.
    #[serde(default)]
    pub waiting_room: Option<WaitingRoomIn>,
    /// Of a draft.
    #[serde(default)]
    pub early_minutes: Option<u32>,
    /// Of a draft.
    #[serde(default)]
    pub early_for_buyers: Option<bool>,
    /// Of a draft: all of them anew.
    #[serde(default)]
    pub items: Option<Vec<DropItemIn>>,
}

/// Units to release.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DropRelease)]
pub struct ReleaseIn {
    pub variant: VariantId,
    pub units: u32,
}

/// A later end.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DropExtension)]
pub struct ExtensionIn {
    pub closes_at: Time,
}

/// A price step.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DropPriceStep)]
pub struct PriceIn {
    pub variant: VariantId,
    pub price: MoneyOut,
}

/// What is talked about now.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DropPin)]
pub struct PinIn {
    pub variant: VariantId,
}

/// A drop, for the people of the shop.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Drop)]
pub struct DropOut {
    pub id: DropId,
    pub slug: String,
    pub title: String,
    pub description: String,
    pub state: DropState,
    pub clip: Option<ClipId>,
    pub stream: Option<StreamOut>,
    pub opens_at: Option<Time>,
    pub closes_at: Option<Time>,
    pub opened_at: Option<Time>,
    pub closed_at: Option<Time>,
    /// Over, and nothing is reserved any more.
    pub settled: bool,
    pub limit_per_buyer: u32,
    pub hold_minutes: i64,
    pub pinned: Option<VariantId>,
    /// Absent: everybody may buy at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_room: Option<WaitingRoomOut>,
    /// So many minutes earlier it opens for guests.
    pub early_minutes: u32,
    /// Whoever has bought here before is a guest.
    pub early_for_buyers: bool,
    pub items: Vec<DropItemOut>,
    /// Raised by every act; also the number of the latest event of its archive.
    pub version: i64,
    /// The page buyers meet it on.
    pub page_url: String,
}

/// A drop's waiting room.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = WaitingRoom)]
pub struct WaitingRoomOut {
    pub rate_per_minute: u32,
    /// Turns that were taken.
    pub arrivals: i64,
    /// Of them, those who were let in, in their order: place 1 to this.
    pub admitted: i64,
    /// A host wants work for each new turn; otherwise it is asked for in a rush only.
    pub guarded: bool,
    /// SHA-256 of the seed of the draw, in hex; absent in a draft.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed_hash: Option<String>,
}

impl WaitingRoomOut {
    pub(super) fn of(view: &View) -> Option<Self> {
        if view.drop.line_rate == 0 {
            return None;
        }
        let line = view.line.as_ref();
        Some(Self {
            rate_per_minute: view.drop.line_rate,
            arrivals: line.map_or(0, |line| line.arrivals),
            admitted: line.map_or(0, |line| line.admitted),
            guarded: line.is_some_and(|line| line.guarded),
            seed_hash: line.map(|line| seed_hash(&line.seed)),
        })
    }
}

/// A stream from elsewhere.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Stream)]
pub struct StreamOut {
    pub kind: StreamKind,
    pub url: String,
}

/// What a drop sells of one variant, with its figures.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DropItem)]
pub struct DropItemOut {
    pub variant: VariantId,
    pub price: MoneyOut,
    pub price_version: i64,
    pub transient: bool,
    /// It is a pre-order, announced to leave by then; what is promised now a quote says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ships_by: Option<Time>,
    /// Units given to the drop so far.
    pub allotment: u32,
    /// Units that can still be reserved.
    pub left: i64,
    /// Units inside checkouts.
    pub reserved: i64,
    pub sold: i64,
    /// Units that went home again.
    pub returned: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub price_rules: Vec<PriceRuleOut>,
}

/// One thing that was done in a drop.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[schema(as = DropEvent)]
pub struct DropEventOut {
    pub position: i64,
    pub kind: EventKind,
    /// JSON text, exactly as it was hashed.
    pub detail: String,
    /// Absent: the clock, or a key.
    pub staff: Option<StaffId>,
    pub at: Time,
    /// SHA-256 in hex over the hash before it and this event; see the documentation of drops.
    pub hash: String,
}

/// A drop's archive, whole.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[schema(as = DropArchive)]
pub struct DropArchiveOut {
    pub drop: DropId,
    pub events: Vec<DropEventOut>,
    /// The hash of the latest event, as the drop's own row holds it.
    pub head: String,
    /// Whether every hash follows from the one before it, up to the one the drop's own row holds.
    pub verified: bool,
}

impl DropOut {
    fn of(app: &App, slug: &str, view: &View) -> Self {
        let drop = &view.drop;
        Self {
            id: drop.id,
            slug: drop.slug.clone(),
            title: drop.title.clone(),
            description: drop.description.clone(),
            state: drop.state,
            clip: drop.stage.clip(),
            stream: match &drop.stage {
                Stage::Stream(kind, url) => Some(StreamOut {
                    kind: *kind,
                    url: url.clone(),
                }),
                _ => None,
            },
            opens_at: drop.opens_at,
            closes_at: drop.closes_at,
            opened_at: drop.opened_at,
            closed_at: drop.closed_at,
            settled: matches!(drop.state, DropState::Closed | DropState::Archived) && drop.next_check_at.is_none(),
            limit_per_buyer: drop.limit,
            hold_minutes: drop.hold_minutes,
            pinned: drop.pinned,
            waiting_room: WaitingRoomOut::of(view),
            early_minutes: drop.early_minutes,
            early_for_buyers: drop.early_for_buyers,
            items: view.items.iter().map(|item| item_out(view, item)).collect(),
            version: drop.version,
            page_url: format!("{}/s/{slug}/drops/{}", app.base_url, drop.slug),
        }
    }
}

fn item_out(view: &View, item: &Item) -> DropItemOut {
    let figures = view.figures(item);
    DropItemOut {
        variant: item.variant,
        price: item.price.into(),
        price_version: item.price_version,
        transient: item.transient,
        ships_by: item.ships_by,
        allotment: item.allotment,
        left: figures.left,
        reserved: figures.reserved,
        sold: figures.sold,
        returned: if view.drop.state == DropState::Draft {
            0
        } else {
            figures.returned
        },
        price_rules: view
            .rules
            .iter()
            .filter(|rule| rule.variant == item.variant)
            .map(PriceRuleOut::of)
            .collect(),
    }
}

fn new_items(items: Vec<DropItemIn>) -> Vec<NewItem> {
    let item = |item: DropItemIn| NewItem {
        variant: item.variant,
        allotment: item.allotment,
        price: crate::kernel::Money::new(item.price.amount, item.price.currency),
        transient: item.transient,
        ships_by: item.ships_by,
        rules: item.price_rules.into_iter().map(When::from).collect(),
    };
    items.into_iter().map(item).collect()
}

fn stage(clip: Option<ClipId>, stream: Option<&StreamIn>) -> Done<Stage> {
    Stage::read(clip, stream.map(|stream| (stream.kind, stream.url.as_str())))
}

/// The plan a drop follows now, for editing.
pub(super) fn plan_of(view: &View) -> Plan {
    let drop = &view.drop;
    Plan {
        title: drop.title.clone(),
        slug: Some(drop.slug.clone()),
        description: drop.description.clone(),
        stage: drop.stage.clone(),
        opens_at: drop.opens_at,
        closes_at: drop.closes_at,
        limit: drop.limit,
        hold_minutes: drop.hold_minutes,
        line_rate: drop.line_rate,
        early_minutes: drop.early_minutes,
        early_for_buyers: drop.early_for_buyers,
        items: view
            .items
            .iter()
            .map(|item| NewItem {
                variant: item.variant,
                allotment: item.allotment,
                price: item.price,
                transient: item.transient,
                ships_by: item.ships_by,
                rules: view
                    .rules
                    .iter()
                    .filter(|rule| rule.variant == item.variant)
                    .map(|rule| rule.when)
                    .collect(),
            })
            .collect(),
    }
}

async fn planned(app: &App, shop: ShopId, status: StatusCode, planned: Planned) -> Result<Response, Problem> {
    match planned {
        Planned::Made(view) => shown(app, shop, status, &view).await,
        Planned::NotFound => Err(unknown().into()),
        Planned::Stale(current) => Err(IfMatch::stale(current)),
        Planned::SlugTaken => Err(Problem::conflict(
            "slug_taken",
            "Another drop of the shop has this address.",
        )),
        Planned::Fixed(why) => Err(Problem::conflict("drop_fixed", why)),
    }
}

async fn shown(app: &App, shop: ShopId, status: StatusCode, view: &View) -> Result<Response, Problem> {
    let slug = app.db.read(move |tx| Ok(identity::shop(tx, shop)?.slug)).await?;
    let mut response = json(status, DropOut::of(app, &slug, view));
    response.headers_mut().insert(header::ETAG, etag(view.drop.version));
    Ok(response)
}

/// Why an act was not done, as a problem; the drop if it was.
pub fn acted(act: Act) -> Result<Box<View>, Problem> {
    let no = |code: &'static str, detail: &'static str| Err(Problem::conflict(code, detail));
    let of = |code: &'static str, detail: &'static str, variant: VariantId| {
        Err(Problem::conflict(code, detail).with("variant", variant))
    };
    match act {
        Act::Done(view) | Act::Again(view) => Ok(view),
        Act::NotFound => Err(unknown().into()),
        Act::Wrong(state) => Err(Problem::conflict("wrong_drop_state", wrong_state(state)).with("state", state)),
        Act::NoItems => no("drop_empty", "Say first what it sells, and how much of it."),
        Act::NoSuchLink => Err(Error::new(Kind::NotFound, "no_such_early_link", "This drop has no such link.").into()),
        Act::NoSuchRule => Err(Error::new(
            Kind::NotFound,
            "no_such_price_rule",
            "This drop has no such price rule.",
        )
        .into()),
        Act::NoSuchItem(variant) => of("not_in_drop", "This drop does not sell that.", variant),
        Act::NotForSale(variant) => of(
            "not_for_sale",
            "Its product is not for sale. Publish it first, or sell it in this drop only.",
            variant,
        ),
        Act::LastVariant(variant) => of(
            "last_variant",
            "It is all its product sells, so it cannot be in a drop only. Make the product a draft first.",
            variant,
        ),
        Act::InAnotherDrop(variant) => of(
            "in_another_drop",
            "Another drop sells this, and it is to be sold only there.",
            variant,
        ),
        Act::NotEnough { variant } => of(
            "not_enough_stock",
            "There are not that many free units of it in one place. Count them in first, or give the drop fewer.",
            variant,
        ),
    }
}

/// Why something cannot be done in a state.
pub fn wrong_state(state: DropState) -> &'static str {
    match state {
        DropState::Draft => "This drop is a draft still: schedule it first.",
        DropState::Scheduled => "This drop is not open yet.",
        DropState::Open => "This drop is open.",
        DropState::Paused => "This drop is paused.",
        DropState::Closed => "This drop is over, or its last reservations are still being resolved.",
        DropState::Archived => "This drop was put away.",
    }
}

pub(super) async fn done(
    app: &App,
    staff: &Staff,
    drop: DropId,
    act: impl Fn(&mut Tx<'_>, Hand) -> Done<Act> + Send + 'static,
) -> Result<Response, Problem> {
    let hand = Hand {
        shop: staff.shop,
        drop,
        staff: staff.staff,
    };
    let act = app.db.write(LaneKey::of(drop), move |tx| act(tx, hand)).await?;
    let view = acted(act)?;
    shown(app, staff.shop, StatusCode::OK, &view).await
}

/// The shop's drops, newest first; without those that were put away.
#[utoipa::path(get, path = "/v1/drops", tag = "drops", params(PageIn), responses((status = 200, body = PageOut<DropOut>)))]
pub async fn list_drops(
    State(app): State<App>,
    staff: Analyst,
    Query(page): Query<PageIn>,
) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let read = app.db.read(move |tx| {
        let slug = identity::shop(tx, shop)?.slug;
        let found = store::list(tx, shop, page.after()?, page.limit())?;
        let mut views = Vec::with_capacity(found.data.len());
        for drop in found.data {
            views.push(super::plan::of(tx, drop)?);
        }
        Ok((slug, views, found.next))
    });
    let (slug, views, next) = read.await?;
    let out = PageOut {
        data: views.iter().map(|view| DropOut::of(&app, &slug, view)).collect(),
        next,
    };
    Ok(json(StatusCode::OK, out))
}

/// Plan a drop. Nothing is taken from stock before it is scheduled.
#[utoipa::path(post, path = "/v1/drops", tag = "drops", request_body = DropIn, responses((status = 201, body = DropOut),
    (status = 409, description = "`slug_taken`"), (status = 422, description = "`invalid_field`")))]
pub async fn post_drop(
    State(app): State<App>,
    creator: Creator,
    id: NewId,
    Json(body): Json<DropIn>,
) -> Result<Response, Problem> {
    let (shop, staff, id) = (creator.0.shop, creator.0.staff, id.get());
    let new = Plan {
        stage: stage(body.clip, body.stream.as_ref())?,
        title: body.title,
        slug: body.slug,
        description: body.description,
        opens_at: body.opens_at,
        closes_at: body.closes_at,
        limit: body.limit_per_buyer,
        hold_minutes: body.hold_minutes.unwrap_or(HOLD_MINUTES),
        line_rate: body.waiting_room.map_or(0, |room| room.rate_per_minute),
        early_minutes: body.early_minutes,
        early_for_buyers: body.early_for_buyers,
        items: new_items(body.items),
    };
    let made = app.db.write(LaneKey::of(id), move |tx| {
        let currency = currency(tx, shop)?;
        plan(tx, (shop, currency), id, &new, staff)
    });
    planned(&app, shop, StatusCode::CREATED, made.await?).await
}

fn currency(tx: &mut Tx<'_>, shop: ShopId) -> Done<Currency> {
    Ok(identity::shop(tx, shop)?.currency)
}

/// A drop with its figures.
#[utoipa::path(get, path = "/v1/drops/{drop}", tag = "drops", params(("drop" = DropId, Path)), responses((status = 200, body = DropOut), (status = 404)))]
pub async fn get_drop(State(app): State<App>, staff: Analyst, Path(id): Path<DropId>) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let found = app.db.read(move |tx| view(tx, shop, id)).await?.ok_or_else(unknown)?;
    shown(&app, shop, StatusCode::OK, &found).await
}

/// Change a drop. A draft may become anything; once it is scheduled its words and its stage may change, and until it opens the time it opens.
#[utoipa::path(patch, path = "/v1/drops/{drop}", tag = "drops", params(("drop" = DropId, Path),
    ("If-Match" = String, Header, description = "The version you edit, in quotes.")), request_body = DropEditIn, responses((status = 200, body = DropOut),
    (status = 404), (status = 409, description = "`drop_fixed`: buyers were told."), (status = 412, description = "`stale`"), (status = 422, description = "`invalid_field`")))]
pub async fn patch_drop(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<DropId>,
    IfMatch(version): IfMatch,
    Json(body): Json<DropEditIn>,
) -> Result<Response, Problem> {
    let (shop, staff) = (creator.0.shop, creator.0.staff);
    let known = app.db.read(move |tx| view(tx, shop, id)).await?.ok_or_else(unknown)?;
    let mut new = plan_of(&known);
    if body.clip.is_some() || body.stream.is_some() {
        new.stage = stage(body.clip, body.stream.as_ref())?;
    }
    new.title = body.title.unwrap_or(new.title);
    new.description = body.description.unwrap_or(new.description);
    new.opens_at = body.opens_at.or(new.opens_at);
    new.closes_at = body.closes_at.or(new.closes_at);
    new.limit = body.limit_per_buyer.unwrap_or(new.limit);
    new.hold_minutes = body.hold_minutes.unwrap_or(new.hold_minutes);
    new.line_rate = body.waiting_room.map_or(new.line_rate, |room| room.rate_per_minute);
    new.early_minutes = body.early_minutes.unwrap_or(new.early_minutes);
    new.early_for_buyers = body.early_for_buyers.unwrap_or(new.early_for_buyers);
    new.items = body.items.map_or(new.items, new_items);
    let edited = app.db.write(LaneKey::of(id), move |tx| {
        let currency = currency(tx, shop)?;
        edit(tx, (shop, currency), id, version, &new, staff)
    });
    planned(&app, shop, StatusCode::OK, edited.await?).await
}

/// Announce a draft: its units are set aside, and its limit and end are what buyers are told.
#[utoipa::path(post, path = "/v1/drops/{drop}/scheduling", tag = "drops", params(("drop" = DropId, Path)), responses((status = 200, body = DropOut), (status = 404),
    (status = 409, description = "`wrong_drop_state`, `drop_empty`, `not_for_sale`, `in_another_drop`, `last_variant`, `not_enough_stock`, `preorder_open`"), (status = 422, description = "`invalid_field`: a day that cannot be promised, a time that has passed")))]
pub async fn post_scheduling(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<DropId>,
) -> Result<Response, Problem> {
    done(&app, &creator.0, id, schedule).await
}

/// Open a drop now, whatever time was set.
#[utoipa::path(post, path = "/v1/drops/{drop}/opening", tag = "drops", params(("drop" = DropId, Path)), responses((status = 200, body = DropOut), (status = 404),
    (status = 409, description = "`wrong_drop_state`")))]
pub async fn post_opening(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<DropId>,
) -> Result<Response, Problem> {
    done(&app, &creator.0, id, open).await
}

/// Let nobody reserve for a moment. What is reserved can be paid.
#[utoipa::path(post, path = "/v1/drops/{drop}/pause", tag = "drops", params(("drop" = DropId, Path)), responses((status = 200, body = DropOut), (status = 404),
    (status = 409, description = "`wrong_drop_state`")))]
pub async fn post_pause(State(app): State<App>, creator: Creator, Path(id): Path<DropId>) -> Result<Response, Problem> {
    done(&app, &creator.0, id, pause).await
}

/// Go on after a pause.
#[utoipa::path(delete, path = "/v1/drops/{drop}/pause", tag = "drops", params(("drop" = DropId, Path)), responses((status = 200, body = DropOut), (status = 404),
    (status = 409, description = "`wrong_drop_state`")))]
pub async fn delete_pause(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<DropId>,
) -> Result<Response, Problem> {
    done(&app, &creator.0, id, |tx, hand| {
        match store::find(tx, hand.shop, hand.drop)? {
            Some(Drop {
                state: DropState::Scheduled,
                ..
            }) => Ok(Act::Wrong(DropState::Scheduled)),
            _ => open(tx, hand),
        }
    })
    .await
}

/// Close a drop, or call off one that is announced. Who reserved before may finish; what nobody bought goes back to stock.
#[utoipa::path(post, path = "/v1/drops/{drop}/closing", tag = "drops", params(("drop" = DropId, Path)), responses((status = 200, body = DropOut), (status = 404),
    (status = 409, description = "`wrong_drop_state`")))]
pub async fn post_closing(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<DropId>,
) -> Result<Response, Problem> {
    done(&app, &creator.0, id, close).await
}

/// Release more units from the shop's stock. With the same `Idempotency-Key` again, once.
#[utoipa::path(post, path = "/v1/drops/{drop}/releases", tag = "drops", params(("drop" = DropId, Path)), request_body = ReleaseIn, responses(
    (status = 200, body = DropOut), (status = 404), (status = 409, description = "`wrong_drop_state`, `not_in_drop`, `not_enough_stock`, `preorder_closed`"), (status = 422, description = "`invalid_field`")))]
pub async fn post_release(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<DropId>,
    Json(body): Json<ReleaseIn>,
) -> Result<Response, Problem> {
    done(&app, &creator.0, id, move |tx, hand| {
        release(tx, hand, body.variant, body.units)
    })
    .await
}

/// A later end.
#[utoipa::path(post, path = "/v1/drops/{drop}/extension", tag = "drops", params(("drop" = DropId, Path)), request_body = ExtensionIn, responses(
    (status = 200, body = DropOut), (status = 404), (status = 409, description = "`wrong_drop_state`"), (status = 422, description = "`invalid_field`")))]
pub async fn post_extension(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<DropId>,
    Json(body): Json<ExtensionIn>,
) -> Result<Response, Problem> {
    done(&app, &creator.0, id, move |tx, hand| extend(tx, hand, body.closes_at)).await
}

/// Another price from now on. Nobody pays more than they were shown; a lower price is passed on to whoever has not paid yet.
#[utoipa::path(post, path = "/v1/drops/{drop}/prices", tag = "drops", params(("drop" = DropId, Path)), request_body = PriceIn, responses(
    (status = 200, body = DropOut), (status = 404), (status = 409, description = "`wrong_drop_state`, `not_in_drop`"), (status = 422, description = "`invalid_field`")))]
pub async fn post_drop_price(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<DropId>,
    Json(body): Json<PriceIn>,
) -> Result<Response, Problem> {
    let price = crate::kernel::Money::new(body.price.amount, body.price.currency);
    done(&app, &creator.0, id, move |tx, hand| {
        step_price(tx, hand, body.variant, price)
    })
    .await
}

/// Say what is talked about now.
#[utoipa::path(put, path = "/v1/drops/{drop}/pin", tag = "drops", params(("drop" = DropId, Path)), request_body = PinIn, responses(
    (status = 200, body = DropOut), (status = 404), (status = 409, description = "`wrong_drop_state`, `not_in_drop`")))]
pub async fn put_pin(
    State(app): State<App>,
    helper: Packer,
    Path(id): Path<DropId>,
    Json(body): Json<PinIn>,
) -> Result<Response, Problem> {
    done(&app, &helper.0, id, move |tx, hand| pin(tx, hand, Some(body.variant))).await
}

/// Nothing is talked about any more.
#[utoipa::path(delete, path = "/v1/drops/{drop}/pin", tag = "drops", params(("drop" = DropId, Path)), responses((status = 200, body = DropOut), (status = 404),
    (status = 409, description = "`wrong_drop_state`")))]
pub async fn delete_pin(State(app): State<App>, helper: Packer, Path(id): Path<DropId>) -> Result<Response, Problem> {
    done(&app, &helper.0, id, |tx, hand| pin(tx, hand, None)).await
}

/// Put a drop away that is over.
#[utoipa::path(post, path = "/v1/drops/{drop}/archival", tag = "drops", params(("drop" = DropId, Path)), responses((status = 200, body = DropOut), (status = 404),
    (status = 409, description = "`wrong_drop_state`")))]
pub async fn post_archival(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<DropId>,
) -> Result<Response, Problem> {
    done(&app, &creator.0, id, archive).await
}

/// Everything that was done in a drop, with the hashes that hold it together.
#[utoipa::path(get, path = "/v1/drops/{drop}/events", tag = "drops", params(("drop" = DropId, Path)), responses((status = 200, body = DropArchiveOut), (status = 404)))]
pub async fn get_drop_events(
    State(app): State<App>,
    staff: Analyst,
    Path(id): Path<DropId>,
) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let read = app.db.read(move |tx| {
        let drop = store::find(tx, shop, id)?.ok_or_else(unknown)?;
        Ok((store::events(tx, id)?, drop.head))
    });
    let (events, head) = read.await?;
    Ok(json(StatusCode::OK, DropArchiveOut::of(id, &events, &head)))
}

impl DropArchiveOut {
    /// An archive as it is handed out.
    pub fn of(drop: DropId, events: &[Event], head: &[u8; 32]) -> Self {
        let event = |event: &Event| DropEventOut {
            position: event.position,
            kind: event.kind,
            detail: event.detail.clone(),
            staff: event.staff,
            at: event.at,
            hash: hex(&event.hash),
        };
        Self {
            drop,
            verified: verify(drop, events, head).is_ok(),
            head: hex(head),
            events: events.iter().map(event).collect(),
        }
    }

    /// Whether what was handed out holds together, by nothing but itself: the first event that does not, by its position.
    pub fn verify(&self) -> Result<(), i64> {
        let events: Option<Vec<Event>> = self
            .events
            .iter()
            .map(|event| {
                Some(Event {
                    position: event.position,
                    kind: event.kind,
                    detail: event.detail.clone(),
                    staff: event.staff,
                    at: event.at,
                    hash: unhex(&event.hash)?,
                })
            })
            .collect();
        match (events, unhex(&self.head)) {
            (Some(events), Some(head)) => verify(self.drop, &events, &head),
            _ => Err(0),
        }
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}
