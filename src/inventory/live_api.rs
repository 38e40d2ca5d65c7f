//! `GET /v1/live`: the stock of what a page shows, as a stream of events.

use super::availability;
use super::model::Availability;
use crate::app::App;
use crate::catalog;
use crate::db::Tx;
use crate::http::{Problem, Query, Watched, events, follow};
use crate::identity::{self, Player};
use crate::kernel::{Error, Id, Kind, VariantId};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::Event;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Variants of one stream: more than any page shows.
const VARIANTS_MAX: usize = 100;

/// Stock, as pages follow it.
pub struct Stock;

impl Watched for Stock {
    type Key = VariantId;
    type News = Availability;
    const PART: usize = 640;
    const TABLES: &'static [&'static str] = &["stock"];
    fn version(news: &Availability) -> i64 {
        news.version
    }
    fn read(tx: &mut Tx<'_>, keys: &[VariantId]) -> crate::kernel::Result<Vec<(VariantId, Availability)>> {
        availability::availability_of(tx, keys)
    }
}

/// What a page follows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LiveIn {
    /// At most 100 variants of the shop: `var_a,var_b`. What is not for sale is left out.
    variants: String,
}

impl LiveIn {
    /// Each once, in the order in which a stream's ids list their versions. Errors: `invalid_field`.
    fn read(&self) -> Result<Vec<VariantId>, Error> {
        let read: Result<BTreeSet<VariantId>, _> = self.variants.split(',').map(str::parse).collect();
        let variants = read.map_err(|error: Error| Error::field("variants", error.detail))?;
        if variants.len() > VARIANTS_MAX {
            return Err(Error::field("variants", "A stream follows at most 100 variants."));
        }
        Ok(variants.into_iter().collect())
    }
}

/// The data of an event `stock`.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LiveStock)]
pub struct LiveStockOut {
    pub variant: VariantId,
    /// Units that can be bought.
    pub left: i64,
    /// Units inside other people's checkouts right now.
    pub in_checkouts: i64,
}

/// Follow the stock of what a page shows, as Server-Sent Events.
///
/// The stream begins with an event `stock` for each variant and goes on with one whenever a variant changes; in between only the latest is
/// kept. Each event's id holds the committed versions of all that was told: with `Last-Event-ID` the stream begins with what has changed since.
#[utoipa::path(get, path = "/v1/live", tag = "catalog",
    params(LiveIn, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was heard.")),
    security(("key" = [])), responses(
    (status = 200, body = LiveStockOut, content_type = "text/event-stream", description = "Events `stock`, until one side ends the stream."),
    (status = 404, description = "Nothing of it is for sale in this shop."),
    (status = 422, description = "No list of variants, or too long a one."),
    (status = 503, description = "`too_many_viewers`: show what was last known, and try again."),
))]
pub async fn get_live(
    State(app): State<App>,
    player: Player,
    headers: HeaderMap,
    Query(asked): Query<LiveIn>,
) -> Result<Response, Problem> {
    let wanted = asked.read()?;
    let found = app.db.read(move |tx| {
        let shop = identity::shop(tx, player.shop)?;
        let sold = catalog::sellable(tx, shop.id, shop.currency, &wanted)?;
        let sold: Vec<VariantId> = sold.iter().map(|one| one.variant).collect();
        availability::availability_of(tx, &sold)
    });
    let stock = found.await?;
    if stock.is_empty() {
        return Err(Error::not_found("variant").into());
    }
    let mut told = Told::of(&stock, &headers);
    let following = follow::<Stock>(&app, &stock, &told.versions).ok_or_else(|| {
        let detail = "Too many pages follow the stock at once. What is shown may be some time old.";
        Error::new(Kind::Busy { retry_after: 30 }, "too_many_viewers", detail)
    })?;
    let stream = futures_util::stream::unfold(following, async |following| Some((following.next().await, following)));
    let stream = futures_util::StreamExt::map(stream, move |(variant, latest)| told.event(variant, latest));
    Ok(events(&app, stream))
}

/// What a stream has told: the version of each variant it follows. Written into every event's id, so that the last one says it all.
struct Told {
    variants: Vec<VariantId>,
    versions: Vec<Option<i64>>,
    /// Says which variants the versions belong to: an id of another stream is worth nothing here.
    of: String,
}

impl Told {
    fn of(stock: &[(VariantId, Availability)], headers: &HeaderMap) -> Self {
        let variants: Vec<VariantId> = stock.iter().map(|(variant, _)| *variant).collect();
        let mut hash = Sha256::new();
        variants
            .iter()
            .for_each(|variant| hash.update(variant.uuid().as_bytes()));
        let of = hash.finalize()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        let mut told = Self {
            versions: vec![None; variants.len()],
            variants,
            of,
        };
        let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
        if let Some(versions) = last.and_then(|id| told.read(id)) {
            told.versions = versions;
        }
        told
    }

    /// What an id of ours says. None: it is not one of this stream, and everything is told anew.
    fn read(&self, id: &str) -> Option<Vec<Option<i64>>> {
        let (of, versions) = id.split_once('.')?;
        let versions: Vec<_> = versions.split('.').map(|version| version.parse().ok()).collect();
        (of == self.of && versions.len() == self.variants.len()).then_some(versions)
    }

    fn id(&self) -> String {
        self.versions.iter().fold(self.of.clone(), |id, version| {
            let version = version.map(|version| version.to_string());
            id + "." + version.as_deref().unwrap_or("")
        })
    }

    fn event(&mut self, variant: VariantId, latest: Availability) -> Event {
        if let Ok(place) = self.variants.binary_search(&variant) {
            self.versions[place] = Some(latest.version);
        }
        let out = LiveStockOut {
            variant,
            left: latest.left.max(0),
            in_checkouts: latest.in_checkouts,
        };
        let event = Event::default().event("stock").id(self.id());
        event.json_data(out).expect("own types serialise")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn stock(variants: &[u128]) -> Vec<(VariantId, Availability)> {
        let of = |number: &u128| (VariantId::from_uuid(Uuid::from_u128(*number)), Availability::default());
        variants.iter().map(of).collect()
    }

    fn told(variants: &[u128], last: &str) -> Vec<Option<i64>> {
        let headers = HeaderMap::from_iter([("last-event-id".parse().unwrap(), last.parse().unwrap())]);
        Told::of(&stock(variants), &headers).versions
    }

    #[test]
    fn the_last_id_says_what_of_this_very_stream_was_heard() {
        let mut first = Told::of(&stock(&[1, 2]), &HeaderMap::new());
        let (jug, _) = stock(&[2])[0];
        drop(first.event(
            jug,
            Availability {
                left: 1,
                in_checkouts: 0,
                version: 17,
            },
        ));
        assert_eq!(told(&[1, 2], &first.id()), [None, Some(17)]);
        for foreign in ["", "nonsense", ".1.2", &format!("{}.1", first.of), "ffffffff.1.2"] {
            assert_eq!(told(&[1, 2], foreign), [None, None], "{foreign}");
        }
        assert_eq!(told(&[1, 3], &first.id()), [None, None], "other variants");
    }

    #[test]
    fn a_list_is_read_once_each_in_one_order_and_bounded() {
        let read = |variants: String| LiveIn { variants }.read();
        let [a, b] = [1, 2].map(|number| stock(&[number])[0].0);
        assert_eq!(read(format!("{b},{a},{b}")).unwrap(), [a, b]);
        let many = (0..101).map(|number| stock(&[number])[0].0.to_string());
        for refused in [String::new(), format!("{a},"), many.collect::<Vec<_>>().join(",")] {
            assert_eq!(read(refused).unwrap_err().code, "invalid_field");
        }
    }
}
