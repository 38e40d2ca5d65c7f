//! Events as they are stored, and the rules by which a player's claims become them.

use crate::kernel::{AnchorId, ClipId, Id, Seconds, ShopId, Time, VisitId};
use uuid::Uuid;

crate::words! {
    /// What a player may report.
    pub enum Kind {
        /// An anchor or the clip was visible for a second with half its area.
        Impression = "impression",
        /// Two seconds of playback, or completion.
        View = "view",
        /// Still watching at three seconds.
        Hook = "hook",
        /// A stretch of watched seconds.
        Second = "second",
        /// An anchor was activated.
        Tap = "tap",
        /// A quote was accepted into a checkout.
        Add = "add",
        /// The player heard of an order. Counted here, shown nowhere: purchases are orders.
        Purchase = "purchase",
        /// An ask was answered.
        Ask = "ask",
        /// The clip was watched to its end.
        End = "end",
    }
}

impl Kind {
    /// The step of the funnel a visit reaches with it.
    pub(super) fn step(self) -> Option<i64> {
        match self {
            Self::View => Some(1),
            Self::Tap => Some(2),
            Self::Add => Some(3),
            _ => None,
        }
    }
}

crate::words! {
    /// Why an event was not taken. A small set: the reasons are counted, the events are not kept.
    pub enum Dropped {
        /// No kind we know.
        UnknownKind = "unknown_kind",
        /// An id, a position or a range that cannot be.
        Invalid = "invalid",
        /// The shop has no such clip, or never published this version.
        UnknownClip = "unknown_clip",
        /// The version has no such anchor.
        UnknownAnchor = "unknown_anchor",
        /// The visit sent more than a person could cause.
        VisitLimit = "visit_limit",
        /// The shop's day is full.
        ShopLimit = "shop_limit",
    }
}

/// A visit is at most this many events a day: an hour of watching, tapping all the while.
pub(super) const VISIT_EVENTS_MAX: i64 = 2_000;
/// A shop is at most this many events a day. It bounds the disk a forger can fill, not a success: at twelve a view it is a million views.
pub(super) const SHOP_EVENTS_MAX: i64 = 12_000_000;
/// Events of one batch.
pub(super) const BATCH_MAX: usize = 50;
/// An event that waited longer in a device is counted on the earliest day we still take.
const AGO_MAX: Seconds = Seconds::days(1);
/// How long an event id is remembered: a batch sent again within this time counts once.
pub(super) const REMEMBERED: Seconds = Seconds::days(7);

/// One thing a player saw, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: Uuid,
    pub kind: Kind,
    pub anchor: Option<AnchorId>,
    pub at_ms: i64,
    /// Watched seconds, the second one excluded; for [`Kind::Second`] only.
    pub seconds: Option<(i64, i64)>,
    /// How long ago it happened, in milliseconds.
    pub ago_ms: i64,
}

/// What one player sent at once, about one version of one clip.
#[derive(Clone, Debug)]
pub struct Batch {
    pub shop: ShopId,
    pub clip: ClipId,
    pub version: i64,
    /// None if the viewer asked not to be followed.
    pub visit: Option<VisitId>,
    pub events: Vec<Event>,
    /// Events that were refused before they got here, by reason.
    pub dropped: Vec<Dropped>,
}

/// What must be known of a published version to check a claim about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub anchors: Vec<AnchorId>,
    pub duration_ms: i64,
}

/// Whether an event can be true of this version.
pub(super) fn check(event: &Event, clip: &Known) -> Result<(), Dropped> {
    // A browser rounds a length up, and reports the end a frame after it.
    let end = clip.duration_ms.saturating_add(1_000);
    if event.anchor.is_some_and(|anchor| !clip.anchors.contains(&anchor)) {
        return Err(Dropped::UnknownAnchor);
    }
    if event.at_ms < 0 || event.at_ms > end || event.ago_ms < 0 {
        return Err(Dropped::Invalid);
    }
    match (event.kind, event.seconds) {
        (Kind::Second, Some((from, to)))
            if from >= 0 && from < to && to.saturating_sub(1).saturating_mul(1_000) <= end =>
        {
            Ok(())
        }
        (Kind::Second, _) | (_, Some(_)) => Err(Dropped::Invalid),
        _ => Ok(()),
    }
}

/// Days since 1970, UTC.
pub(super) fn day_of(at: Time) -> i64 {
    at.unix_seconds().div_euclid(86_400)
}

/// The day an event is counted on.
pub(super) fn day_of_event(received_at: Time, ago_ms: i64) -> i64 {
    let ago = ago_ms.clamp(0, AGO_MAX.0 * 1_000);
    day_of(Time(received_at.0.saturating_sub(ago * 1_000)))
}

/// What stands in a key where a whole shop is meant.
pub(super) fn whole(shop: ShopId) -> VisitId {
    VisitId::from_uuid(shop.uuid())
}

/// Whole days, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub from: i64,
    pub to: i64,
}

impl Period {
    /// The last `days` days up to and including the day of `now`.
    pub fn last(days: i64, now: Time) -> Self {
        let to = day_of(now);
        Self {
            from: to.saturating_sub(days.max(1) - 1),
            to,
        }
    }

    /// The same number of days just before.
    #[must_use]
    pub fn before(self) -> Self {
        let days = self.to - self.from + 1;
        Self {
            from: self.from - days,
            to: self.from - 1,
        }
    }

    /// The first instant of it.
    pub fn start(self) -> Time {
        Time::from_unix_seconds(self.from.saturating_mul(86_400))
    }

    /// The first instant after it.
    pub fn end(self) -> Time {
        Time::from_unix_seconds(self.to.saturating_add(1).saturating_mul(86_400))
    }
}

/// A share in thousandths, rounded half up; none of nothing.
pub(super) fn per_mille(part: i64, of: i64) -> Option<u32> {
    let share = (i128::from(part) * 2_000 + i128::from(of)) / (i128::from(of) * 2).max(1);
    (of > 0).then(|| u32::try_from(share).unwrap_or(u32::MAX))
}
