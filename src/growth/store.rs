//! All SQL on events and their sums.

use super::funnel::Funnel;
use super::model::{Dropped, Event, Kind, Period, per_mille};
use crate::args;
use crate::db::{FromRow, Row, Tx};
use crate::kernel::{AnchorId, ClipId, EventId, Id, Result, ShopId, Time, VisitId};

/// Takes `events` from a budget for a day; `whole(shop)` stands for the shop itself. False: it is used up.
pub(super) fn take_budget(
    tx: &mut Tx<'_>,
    shop: ShopId,
    day: i64,
    visit: VisitId,
    events: i64,
    most: i64,
) -> Result<bool> {
    let taken = tx.exec(
        "insert into budgets (shop_id, day, visit, events) values ($1, $2, $3, $4)
         on conflict (day, shop_id, visit) do update set events = budgets.events + excluded.events
          where budgets.events + excluded.events <= $5",
        args![shop, day, visit, events, most],
    )?;
    Ok(taken == 1)
}

/// Where an event happened, and whose it is.
pub(super) struct Place {
    pub shop: ShopId,
    pub clip: ClipId,
    pub version: i64,
    pub visit: Option<VisitId>,
    pub day: i64,
}

/// Writes an event. False: it was here before.
pub(super) fn insert(tx: &mut Tx<'_>, place: &Place, event: &Event) -> Result<bool> {
    let (from, to) = event.seconds.unwrap_or((0, 0));
    let inserted = tx.exec(
        "insert into events (shop_id, id, clip_id, clip_version, visit, kind, anchor_id, at_ms, from_second, to_second, day, received_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict (shop_id, id) do nothing",
        args![
            place.shop,
            EventId::from_uuid(event.id),
            place.clip,
            place.version,
            place.visit,
            event.kind,
            event.anchor,
            event.at_ms,
            from,
            to,
            place.day,
            tx.now()
        ],
    )?;
    Ok(inserted == 1)
}

/// Counts events that were not taken.
pub(super) fn count_dropped(tx: &mut Tx<'_>, shop: ShopId, day: i64, reason: Dropped, count: i64) -> Result<()> {
    tx.put(
        "insert into dropped (shop_id, day, reason, count) values ($1, $2, $3, $4)
         on conflict (shop_id, day, reason) do update set count = dropped.count + excluded.count",
        args![shop, day, reason, count],
    )
}

/// An event on its way into the sums.
pub(super) struct Unfolded {
    pub shop: ShopId,
    pub clip: ClipId,
    pub day: i64,
    pub kind: Kind,
    pub anchor: Option<AnchorId>,
    pub visit: Option<VisitId>,
    pub from: i64,
    pub to: i64,
}

impl FromRow for Unfolded {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            shop: row.get(0)?,
            clip: row.get(1)?,
            day: row.get(2)?,
            kind: row.get(3)?,
            anchor: row.get(4)?,
            visit: row.get(5)?,
            from: row.get(6)?,
            to: row.get(7)?,
        })
    }
}

/// Claims events for the sums: whoever marks one adds it. The last condition decides between two that chose the same.
pub(super) fn claim(tx: &mut Tx<'_>, most: i64) -> Result<Vec<Unfolded>> {
    tx.all(
        "update events set folded = 1
          where (shop_id, id) in (select shop_id, id from events where folded = 0 order by received_at limit $1) and folded = 0
         returning shop_id, clip_id, day, kind, anchor_id, visit, from_second, to_second",
        args![most],
    )
}

pub(super) type CounterKey = (ShopId, ClipId, i64, &'static str, AnchorId);

pub(super) fn add_count(tx: &mut Tx<'_>, &(shop, clip, day, kind, anchor): &CounterKey, count: i64) -> Result<()> {
    tx.put(
        "insert into counters (shop_id, clip_id, day, kind, anchor_id, count) values ($1, $2, $3, $4, $5, $6)
         on conflict (shop_id, clip_id, day, kind, anchor_id) do update set count = counters.count + excluded.count",
        args![shop, clip, day, kind, anchor, count],
    )
}

pub(super) type StepKey = (ShopId, i64, ClipId, i64, VisitId);

pub(super) fn reach(tx: &mut Tx<'_>, &(shop, day, clip, step, visit): &StepKey) -> Result<()> {
    tx.put(
        "insert into visit_steps (shop_id, day, clip_id, step, visit) values ($1, $2, $3, $4, $5)
         on conflict (shop_id, day, clip_id, step, visit) do nothing",
        args![shop, day, clip, step, visit],
    )
}

pub(super) type SecondKey = (ShopId, ClipId, i64, i64);

pub(super) fn change_plays(tx: &mut Tx<'_>, &(shop, clip, day, second): &SecondKey, change: i64) -> Result<()> {
    tx.put(
        "insert into retention (shop_id, clip_id, day, second, change) values ($1, $2, $3, $4, $5)
         on conflict (shop_id, clip_id, day, second) do update set change = retention.change + excluded.change",
        args![shop, clip, day, second, change],
    )
}

/// Events whose sums are still to come, and when the oldest arrived; for the metrics.
pub fn unfolded(tx: &mut Tx<'_>) -> Result<(i64, Option<Time>)> {
    tx.one("select count(*), min(received_at) from (select received_at from events where folded = 0 order by received_at limit 100000) as waiting", &[])
}

/// Distinct visits that reached each step; of one clip, or of all.
pub(super) fn visits_per_step(
    tx: &mut Tx<'_>,
    shop: ShopId,
    clip: Option<ClipId>,
    period: Period,
) -> Result<Vec<(i64, i64)>> {
    tx.all(
        "select step, count(distinct visit) from visit_steps
          where shop_id = $1 and day between $2 and $3 and clip_id = coalesce($4, clip_id) group by step order by step limit 3",
        args![shop, period.from, period.to, clip],
    )
}

/// How often something of a kind happened; of one clip, or of all.
pub(super) fn count(tx: &mut Tx<'_>, shop: ShopId, clip: Option<ClipId>, period: Period, kind: Kind) -> Result<i64> {
    let (count,) = tx.one(
        "select cast(coalesce(sum(count), 0) as bigint) from counters
          where shop_id = $1 and clip_id = coalesce($2, clip_id) and day between $3 and $4 and kind = $5",
        args![shop, clip, period.from, period.to, kind],
    )?;
    Ok(count)
}

/// How the number of plays changes from second to second.
pub(super) fn changes(tx: &mut Tx<'_>, shop: ShopId, clip: ClipId, period: Period) -> Result<Vec<(i64, i64)>> {
    tx.all(
        "select second, cast(sum(change) as bigint) from retention where shop_id = $1 and clip_id = $2 and day between $3 and $4
          group by second order by second limit 100000",
        args![shop, clip, period.from, period.to],
    )
}

/// Distinct visits that viewed something, day by day; days without one are absent.
pub fn viewers_by_day(tx: &mut Tx<'_>, shop: ShopId, clip: Option<ClipId>, period: Period) -> Result<Vec<(i64, i64)>> {
    tx.all(
        "select day, count(distinct visit) from visit_steps
          where shop_id = $1 and day between $2 and $3 and clip_id = coalesce($4, clip_id) and step = 1 group by day order by day limit 1000",
        args![shop, period.from, period.to, clip],
    )
}

/// The sums of one clip. Visits that were not followed are in `views` and `seconds_played` only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClipTotals {
    pub clip: ClipId,
    pub views: i64,
    pub hooks: i64,
    pub viewers: i64,
    pub tapped: i64,
    pub added: i64,
    pub seconds_played: i64,
}

impl ClipTotals {
    /// The way to so many purchases, which are counted from orders.
    pub fn funnel(&self, purchases: i64) -> Funnel {
        Funnel {
            impressions: 0,
            views: self.viewers,
            taps: self.tapped,
            adds: self.added,
            purchases,
        }
    }

    /// The average share that a view plays of a clip this long, in thousandths.
    pub fn watched_per_mille(&self, duration_ms: i64) -> Option<u32> {
        per_mille(
            self.seconds_played.saturating_mul(1_000),
            self.views.saturating_mul(duration_ms),
        )
    }
}

/// The sums of one clip; zeros if nobody saw it.
pub fn totals_of(tx: &mut Tx<'_>, shop: ShopId, clip: ClipId, period: Period) -> Result<ClipTotals> {
    let found = clip_totals(tx, shop, Some(clip), period, 1)?;
    Ok(found.into_iter().next().unwrap_or(ClipTotals {
        clip,
        views: 0,
        hooks: 0,
        viewers: 0,
        tapped: 0,
        added: 0,
        seconds_played: 0,
    }))
}

/// The sums of a shop's clips, most viewed first; or of one of them.
pub fn clip_totals(
    tx: &mut Tx<'_>,
    shop: ShopId,
    clip: Option<ClipId>,
    period: Period,
    most: i64,
) -> Result<Vec<ClipTotals>> {
    let counted: Vec<(ClipId, i64, i64)> = tx.all(
        "select clip_id, cast(coalesce(sum(case when kind = 'view' then count end), 0) as bigint) as views,
                cast(coalesce(sum(case when kind = 'hook' then count end), 0) as bigint)
           from counters where shop_id = $1 and clip_id = coalesce($5, clip_id) and day between $2 and $3
          group by clip_id order by views desc, clip_id limit $4",
        args![shop, period.from, period.to, most, clip],
    )?;
    let mut totals = Vec::with_capacity(counted.len());
    for (clip, views, hooks) in counted {
        let steps = visits_per_step(tx, shop, Some(clip), period)?;
        let reached = |step| {
            steps
                .iter()
                .find(|(number, _)| *number == step)
                .map_or(0, |(_, visits)| *visits)
        };
        // A stretch adds one at its beginning and takes one at its end, so its length is the difference of the two seconds.
        let (seconds_played,) = tx.one(
            "select cast(coalesce(-sum(second * change), 0) as bigint) from retention where shop_id = $1 and clip_id = $2 and day between $3 and $4",
            args![shop, clip, period.from, period.to],
        )?;
        totals.push(ClipTotals {
            clip,
            views,
            hooks,
            viewers: reached(1),
            tapped: reached(2),
            added: reached(3),
            seconds_played,
        });
    }
    Ok(totals)
}

/// How one anchor works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnchorTotals {
    pub anchor: AnchorId,
    pub impressions: i64,
    pub taps: i64,
    pub adds: i64,
    pub asks: i64,
}

impl FromRow for AnchorTotals {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            anchor: row.get(0)?,
            impressions: row.get(1)?,
            taps: row.get(2)?,
            adds: row.get(3)?,
            asks: row.get(4)?,
        })
    }
}

/// The sums of a clip's anchors.
pub fn anchor_totals(tx: &mut Tx<'_>, shop: ShopId, clip: ClipId, period: Period) -> Result<Vec<AnchorTotals>> {
    tx.all(
        "select anchor_id, cast(coalesce(sum(case when kind = 'impression' then count end), 0) as bigint),
                cast(coalesce(sum(case when kind = 'tap' then count end), 0) as bigint),
                cast(coalesce(sum(case when kind = 'add' then count end), 0) as bigint),
                cast(coalesce(sum(case when kind = 'ask' then count end), 0) as bigint)
           from counters where shop_id = $1 and clip_id = $2 and anchor_id <> $2 and day between $3 and $4
          group by anchor_id order by anchor_id limit 1000",
        args![shop, clip, period.from, period.to],
    )
}

/// What was not taken, by reason.
pub fn dropped(tx: &mut Tx<'_>, shop: ShopId, period: Period) -> Result<Vec<(Dropped, i64)>> {
    tx.all(
        "select reason, cast(sum(count) as bigint) from dropped where shop_id = $1 and day between $2 and $3 group by reason order by reason limit 20",
        args![shop, period.from, period.to],
    )
}

/// Forgets events that are in the sums and older than their ids are remembered; some at a time.
pub(super) fn forget_events(tx: &mut Tx<'_>, before: Time, most: i64) -> Result<u64> {
    tx.exec(
        "delete from events where (shop_id, id) in (select shop_id, id from events where received_at < $1 and folded = 1 order by received_at limit $2)",
        args![before, most],
    )
}

/// Forgets the budgets of days that are over; some at a time.
pub(super) fn forget_budgets(tx: &mut Tx<'_>, before: i64, most: i64) -> Result<u64> {
    tx.exec(
        "delete from budgets where (day, shop_id, visit) in (select day, shop_id, visit from budgets where day < $1 order by day limit $2)",
        args![before, most],
    )
}
