//! Which published versions exist, kept in memory: beacons are checked against them without asking the shop's database each time.

use super::model::Known;
use crate::app::App;
use crate::clips;
use crate::kernel::{ClipId, Error, Kind, Result, ShopId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A version that exists never changes, so it is believed for ever; one that does not may be published in a moment.
const ABSENT_BELIEVED: Duration = Duration::from_secs(5);
/// Bounds the memory; beyond it everything is asked again.
const KNOWN_MAX: usize = 10_000;
/// Versions looked up in one second. Invented clips must not keep the shop's readers busy.
const LOOKUPS_MAX: u32 = 200;

type Name = (ShopId, ClipId, i64);

#[derive(Default)]
struct KnownVersions(Mutex<Versions>);

#[derive(Default)]
struct Versions {
    found: HashMap<Name, Arc<Known>>,
    absent: HashMap<Name, Duration>,
    second: u64,
    lookups: u32,
}

impl Versions {
    /// What is known without asking; an error when too many were asked for in this second.
    fn look(&mut self, name: Name, now: Duration) -> Result<Option<Option<Arc<Known>>>> {
        if let Some(known) = self.found.get(&name) {
            return Ok(Some(Some(known.clone())));
        }
        if self.absent.get(&name).is_some_and(|until| now < *until) {
            return Ok(Some(None));
        }
        if self.second != now.as_secs() {
            (self.second, self.lookups) = (now.as_secs(), 0);
        }
        self.lookups += 1;
        if self.lookups > LOOKUPS_MAX {
            return Err(Error::new(
                Kind::Busy { retry_after: 1 },
                "busy",
                "Too many clips were asked for at once. Send the batch again.",
            ));
        }
        Ok(None)
    }

    fn keep(&mut self, name: Name, found: Option<Arc<Known>>, now: Duration) {
        if self.found.len() + self.absent.len() >= KNOWN_MAX {
            self.found.clear();
            self.absent.clear();
        }
        match found {
            Some(known) => drop(self.found.insert(name, known)),
            None => drop(self.absent.insert(name, now + ABSENT_BELIEVED)),
        }
    }
}

/// A published version as far as its beacons are checked. Errors: `busy` under a flood of clips that nobody knows.
pub(super) async fn version(app: &App, shop: ShopId, clip: ClipId, version: i64) -> Result<Option<Arc<Known>>> {
    let name = (shop, clip, version);
    let kept = app.kept::<KnownVersions>();
    let looked = kept
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .look(name, app.clock.monotonic())?;
    if let Some(known) = looked {
        return Ok(known);
    }
    let found = app
        .db
        .read(move |tx| clips::version(tx, shop, clip, version))
        .await?
        .map(|version| {
            let anchors = version.content.anchors.iter().map(|anchor| anchor.id).collect();
            Arc::new(Known {
                anchors,
                duration_ms: version.content.media.duration_ms,
            })
        });
    kept.0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .keep(name, found.clone(), app.clock.monotonic());
    Ok(found)
}

/// Tells a test's program of a version, as if it had been looked up.
#[cfg(test)]
pub(super) fn remember(app: &App, shop: ShopId, clip: ClipId, version: i64, known: Known) {
    let kept = app.kept::<KnownVersions>();
    kept.0
        .lock()
        .unwrap()
        .keep((shop, clip, version), Some(Arc::new(known)), Duration::ZERO);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Id;

    fn name(number: u128) -> Name {
        let id = uuid::Uuid::from_u128(number);
        (ShopId::from_uuid(id), ClipId::from_uuid(id), 1)
    }

    #[test]
    fn a4_invented_clips_are_looked_up_so_often_and_no_more() {
        let mut versions = Versions::default();
        let second = |seconds| Duration::from_secs(seconds);
        let asked = |versions: &mut Versions, from: u128, at| {
            (from..from + 1_000)
                .filter(|number| versions.look(name(*number), at).is_ok())
                .count()
        };
        assert_eq!(asked(&mut versions, 0, second(7)), LOOKUPS_MAX as usize);
        assert_eq!(asked(&mut versions, 5_000, second(7)), 0);
        assert_eq!(asked(&mut versions, 5_000, second(8)), LOOKUPS_MAX as usize);
    }

    #[test]
    fn a4_what_is_kept_has_a_bound_and_an_absent_version_is_asked_for_again() {
        let mut versions = Versions::default();
        let at = Duration::from_secs(1);
        versions.keep(name(1), None, at);
        assert_eq!(versions.look(name(1), at + Duration::from_secs(4)).unwrap(), Some(None));
        assert_eq!(versions.look(name(1), at + Duration::from_secs(6)).unwrap(), None);
        for number in 0..30_000 {
            versions.keep(name(number), None, at);
            assert!(versions.found.len() + versions.absent.len() <= KNOWN_MAX);
        }
    }
}
