//! What the sums say: how many came from one step to the next, where they stopped watching, and what was earned.

use super::model::{Kind, Period, per_mille};
use super::store;
use crate::app::App;
use crate::checkout;
use crate::identity;
use crate::kernel::{ClipId, Money, Result, ShopId};

/// From watching to buying. Views, taps and adds are distinct visits; purchases are confirmed orders, so they count also buyers whose
/// visit nobody followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Funnel {
    /// Times an anchor or the clip was seen; not visits.
    pub impressions: i64,
    pub views: i64,
    pub taps: i64,
    pub adds: i64,
    pub purchases: i64,
}

/// One step and its rate from the step before, in thousandths; none on the first step, or of nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub name: &'static str,
    pub count: i64,
    pub per_mille: Option<u32>,
}

impl Funnel {
    pub fn steps(&self) -> [Step; 4] {
        let step = |name, count, of: Option<i64>| Step {
            name,
            count,
            per_mille: of.and_then(|of| per_mille(count, of)),
        };
        [
            step("view", self.views, None),
            step("tap", self.taps, Some(self.views)),
            step("add", self.adds, Some(self.taps)),
            step("purchase", self.purchases, Some(self.adds)),
        ]
    }
}

/// The funnel of one clip, or of all clips of a shop.
pub async fn funnel(app: &App, shop: ShopId, clip: Option<ClipId>, period: Period) -> Result<Funnel> {
    let seen = app.events.read(move |tx| {
        let steps = store::visits_per_step(tx, shop, clip, period)?;
        let impressions = store::count(tx, shop, clip, period, Kind::Impression)?;
        Ok((steps, impressions))
    });
    let (steps, impressions) = seen.await?;
    let purchases: i64 = sales(app, shop, clip, period)
        .await?
        .iter()
        .map(|sale| sale.orders)
        .sum();
    let reached = |step| {
        steps
            .iter()
            .find(|(number, _)| *number == step)
            .map_or(0, |(_, visits)| *visits)
    };
    Ok(Funnel {
        impressions,
        views: reached(1),
        taps: reached(2),
        adds: reached(3),
        purchases,
    })
}

/// What a clip's orders brought, net of refunds and without canceled orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClipRevenue {
    pub clip: ClipId,
    /// Confirmed orders, canceled ones included: they were purchases.
    pub purchases: i64,
    pub revenue: Money,
}

/// The revenue of each clip that sold something, from orders only; best first.
pub async fn revenue(app: &App, shop: ShopId, clip: Option<ClipId>, period: Period) -> Result<Vec<ClipRevenue>> {
    let currency = app.db.read(move |tx| identity::shop(tx, shop)).await?.currency;
    let sold = sales(app, shop, clip, period).await?;
    let of = |sale: &checkout::ClipSales| ClipRevenue {
        clip: sale.clip,
        purchases: sale.orders,
        revenue: Money::new(sale.kept_minor - sale.refunded_minor, currency),
    };
    Ok(sold.iter().map(of).collect())
}

async fn sales(app: &App, shop: ShopId, clip: Option<ClipId>, period: Period) -> Result<Vec<checkout::ClipSales>> {
    app.db
        .read(move |tx| checkout::clip_sales(tx, shop, clip, period.start(), period.end()))
        .await
}

/// How a clip is watched, second by second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// All views, followed or not.
    pub views: i64,
    /// How often each second was played.
    pub plays: Vec<i64>,
}

impl Retention {
    /// Viewers playing a second, in thousandths of the views; above 1000 where people watch again.
    pub fn per_mille(&self) -> Vec<u32> {
        self.plays
            .iter()
            .map(|plays| per_mille(*plays, self.views).unwrap_or(0))
            .collect()
    }

    /// From the changes between seconds to the plays of each.
    pub(super) fn of(views: i64, changes: &[(i64, i64)]) -> Self {
        let mut plays = Vec::new();
        let mut playing = 0;
        for (second, change) in changes {
            plays.resize(usize::try_from(*second).unwrap_or(0), playing);
            playing += change;
        }
        Self { views, plays }
    }
}

/// The retention of a clip, over all its versions.
pub async fn retention(app: &App, shop: ShopId, clip: ClipId, period: Period) -> Result<Retention> {
    let read = app.events.read(move |tx| {
        let views = store::count(tx, shop, Some(clip), period, Kind::View)?;
        let changes = store::changes(tx, shop, clip, period)?;
        Ok(Retention::of(views, &changes))
    });
    read.await
}
