//! One endpoint of webhooks: how it stands, what it was sent, and what can be changed about it.

use super::field::{Choice, Field, Problem as Wrong, refusable};
use super::frame::{Chip, Frame, Section, Tone};
use super::settings_webhooks_page::{PLACES, chosen, kinds, link, standing, title, waiting};
use super::typed::Typed;
use super::when::When;
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::http::{Form, Path, Problem, Query, page, redirect};
use crate::identity::{Owner, Shop, shop};
use crate::kernel::{Error, PageIn, Result, Seconds, ShopId, Time, WebhookDeliveryId, WebhookEndpointId, words};
use crate::notify::webhooks::{
    self, Attempt, Change, Delivery, DeliveryState, Edit, Endpoint, EndpointState, Reason, Replay, Target, Waker,
};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

/// One line of the log.
pub struct DeliveryRow {
    pub id: String,
    pub what: &'static str,
    /// "order.confirmed · version 3".
    pub kind: String,
    pub state: Chip,
    pub at: When,
    /// What stood in the way, and when it is tried next.
    pub trouble: String,
    pub tries: Vec<TryRow>,
    pub can_replay: bool,
}

/// One try.
pub struct TryRow {
    pub at: When,
    /// "200 in 84 ms", "No connection could be made."
    pub said: String,
    pub reply: String,
}

#[derive(Template)]
#[template(path = "studio/settings_webhook.html")]
pub struct SettingsWebhookPage {
    pub frame: Frame,
    pub here: String,
    pub version: i64,
    pub address: String,
    pub state: Chip,
    /// How it stands, in plain sentences.
    pub stands: Vec<String>,
    /// A secret that was just made.
    pub fresh: Option<String>,
    pub disabled: bool,
    pub lost: bool,
    pub url: Field,
    pub description: Field,
    pub events: Vec<Choice>,
    pub deliveries: Vec<DeliveryRow>,
    pub next: Option<String>,
    pub problems: Vec<Wrong>,
}

/// What the page is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    done: Option<String>,
    after: Option<String>,
}

/// What the page reads, in one snapshot.
struct Desk {
    shop: Shop,
    endpoint: Endpoint,
    counts: (i64, i64),
    deliveries: Vec<(Delivery, Vec<Attempt>)>,
    next: Option<String>,
    now: Time,
}

fn read(tx: &mut Tx<'_>, id: ShopId, endpoint: WebhookEndpointId, after: Option<String>) -> Result<Desk> {
    let found = webhooks::find(tx, id, endpoint)?.ok_or_else(|| Error::not_found("webhook endpoint"))?;
    let asked = PageIn { limit: None, after };
    let log = webhooks::deliveries(tx, id, Some(endpoint), None, asked.after()?, asked.limit())?;
    let mut deliveries = Vec::new();
    for delivery in log.data {
        let tries = webhooks::attempts(tx, id, delivery.id)?;
        deliveries.push((delivery, tries));
    }
    Ok(Desk {
        shop: shop(tx, id)?,
        counts: webhooks::counts(tx, endpoint)?,
        endpoint: found,
        deliveries,
        next: log.next,
        now: tx.now(),
    })
}

pub async fn show(
    State(app): State<App>,
    owner: Owner,
    Path((_, id)): Path<(String, WebhookEndpointId)>,
    Query(asked): Query<Asked>,
) -> std::result::Result<Response, Problem> {
    let shop = owner.shop;
    let after = asked.after.clone();
    let desk = app.db.read(move |tx| read(tx, shop, id, after.clone())).await?;
    let mut settings = SettingsWebhookPage::of(&desk, &owner);
    settings.frame = settings.frame.after(asked.done.as_deref());
    page(&settings)
}

/// What came of a form.
enum Done {
    /// Said once on the page.
    Said(&'static str),
    /// Shown on this answer only.
    Secret(Endpoint),
    Deleted,
    Stale,
}

/// Does what the pressed button says.
pub async fn save(
    State(app): State<App>,
    owner: Owner,
    Path((_, id)): Path<(String, WebhookEndpointId)>,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Problem> {
    let shop = owner.shop;
    if typed.one("do") == "replay_lost" {
        let since = app.clock.wall().minus(Seconds::days(30));
        let (answer, ..) = webhooks::replay_since(&app, shop, id, since).await?;
        app.kept::<Waker>().wake();
        let desk = app.db.read(move |tx| read(tx, shop, id, None)).await?;
        let here = SettingsWebhookPage::of(&desk, &owner).here;
        let done = if answer == Replay::Begun { "replayed" } else { "" };
        return Ok(redirect(&format!("{here}?done={done}")));
    }
    let (given, networks) = (typed.clone(), app.settings.webhook_networks.clone());
    let acted = app
        .db
        .write(LaneKey::of(shop), move |tx| {
            let target = |url: &str| Target::read(url, &networks);
            let done = refusable(act(tx, shop, id, &given, target))?;
            let desk = if matches!(done, Ok(Done::Deleted)) {
                None
            } else {
                Some(read(tx, shop, id, None)?)
            };
            Ok((done, desk))
        })
        .await?;
    app.kept::<Waker>().wake();
    let (done, Some(desk)) = acted else {
        let slug = app.db.read(move |tx| Ok(crate::identity::shop(tx, shop)?.slug)).await?;
        return Ok(redirect(&format!("/studio/{slug}/settings/webhooks?done=deleted")));
    };
    let mut settings = SettingsWebhookPage::of(&desk, &owner);
    match done {
        Ok(Done::Said(word)) => return Ok(redirect(&format!("{}?done={word}", settings.here))),
        Ok(Done::Secret(endpoint)) => settings.fresh = Some(webhooks::secret(&app, &endpoint).in_full()),
        Ok(Done::Stale | Done::Deleted) => settings.problems = vec![Wrong::stale()],
        Err(error) => {
            settings.url = Field::judged(typed.one("url"), &error, "/url");
            settings.description = Field::judged(typed.one("description"), &error, "/description");
            settings.events = kinds(&chosen(&typed));
            settings.problems = Wrong::all(&error, &PLACES);
        }
    }
    page(&settings)
}

fn act(
    tx: &mut Tx<'_>,
    shop: ShopId,
    id: WebhookEndpointId,
    typed: &Typed,
    target: impl Fn(&str) -> Result<Target>,
) -> Result<Done> {
    let gone = || Error::not_found("webhook endpoint");
    let edit = match typed.one("do") {
        "test" => {
            let sent = webhooks::send_test(tx, shop, id)?;
            return Ok(Done::Said(if sent.is_some() { "tested" } else { "" }));
        }
        "rotate" | "rotate_now" => {
            let hours = if typed.one("do") == "rotate" { 24 } else { 0 };
            return match webhooks::rotate(tx, shop, id, Seconds::hours(hours))? {
                Change::Changed(endpoint) => Ok(Done::Secret(endpoint)),
                Change::Stale(_) => Ok(Done::Stale),
                Change::NotFound => Err(gone()),
            };
        }
        "delete" => {
            return webhooks::delete(tx, shop, id)?
                .then_some(Done::Deleted)
                .ok_or_else(gone);
        }
        "replay" => {
            let delivery: WebhookDeliveryId = typed.id("delivery").ok_or_else(gone)?;
            return match webhooks::replay(tx, shop, delivery)? {
                Replay::NotFound => Err(gone()),
                Replay::Disabled => Ok(Done::Said("")),
                Replay::Begun | Replay::Sending => Ok(Done::Said("replayed")),
            };
        }
        "disable" => Edit {
            disabled: Some(true),
            ..Edit::default()
        },
        "enable" => Edit {
            disabled: Some(false),
            ..Edit::default()
        },
        _ => Edit {
            url: Some(target(typed.one("url"))?),
            description: Some(typed.one("description").to_owned()),
            events: Some(chosen(typed)),
            disabled: None,
        },
    };
    match webhooks::change(tx, shop, id, typed.version(), &edit)? {
        Change::Changed(_) => Ok(Done::Said("saved")),
        Change::Stale(_) => Ok(Done::Stale),
        Change::NotFound => Err(gone()),
    }
}

/// How an endpoint stands, in plain sentences.
fn stands(endpoint: &Endpoint, counts: (i64, i64), now: Time) -> Vec<String> {
    let ago = |at: Option<Time>| at.map_or_else(String::new, |at| words::relative(at, now));
    let mut said = vec![match (endpoint.state, endpoint.reason, endpoint.failing_since) {
        (EndpointState::Enabled, _, None) => "Events are sent as soon as they happen.".into(),
        (EndpointState::Enabled | EndpointState::Failing, _, since) => format!(
            "Nothing has arrived since {}. Hawker goes on trying; after five days it stops and writes to you.",
            since.map(words::exact).unwrap_or_default()
        ),
        (EndpointState::Disabled, Some(Reason::Gone), _) => format!(
            "It answered {} that it wants no more events (410), so nothing is sent. What it misses is kept for 30 days.",
            ago(endpoint.disabled_at)
        ),
        (EndpointState::Disabled, Some(Reason::Failing), _) => format!(
            "Nothing had arrived for five days; {} Hawker stopped trying. What it misses is kept for 30 days.",
            ago(endpoint.disabled_at)
        ),
        (EndpointState::Disabled, ..) => {
            "Somebody here disabled it, so nothing is sent. What it misses is kept for 30 days.".into()
        }
    }];
    if let Some(until) = endpoint.old_until.filter(|until| *until > now) {
        said.push(format!(
            "The secret before signs as well until {}.",
            words::exact(until)
        ));
    }
    let counted = waiting(counts);
    if !counted.is_empty() {
        said.push(format!("{counted}."));
    }
    said
}

fn row(delivery: &Delivery, tries: &[Attempt], disabled: bool, now: Time) -> DeliveryRow {
    let state = match delivery.state {
        DeliveryState::Pending if delivery.tries == 0 => Chip::new(Tone::Quiet, "To be sent"),
        DeliveryState::Pending => Chip::new(Tone::Warn, "To be tried again"),
        DeliveryState::Leased => Chip::new(Tone::Quiet, "Being sent"),
        DeliveryState::Delivered => Chip::new(Tone::Ok, "Arrived"),
        DeliveryState::Exhausted => Chip::new(Tone::Bad, "Given up"),
    };
    let tried_again = delivery.state == DeliveryState::Pending && delivery.tries > 0 && !disabled;
    let next = tried_again.then(|| match delivery.due_at.since(now).0 {
        ..60 => " It is tried again in a moment.".to_owned(),
        _ => format!(" Next try {}.", words::relative(delivery.due_at, now)),
    });
    DeliveryRow {
        id: delivery.id.to_string(),
        what: title(delivery.kind),
        kind: format!("{} · version {}", delivery.kind.word(), delivery.version),
        state,
        at: When::of(delivery.created_at, now),
        trouble: format!("{}{}", delivery.detail, next.unwrap_or_default()),
        tries: tries.iter().map(|one| TryRow::of(one, now)).collect(),
        can_replay: !disabled && delivery.state != DeliveryState::Leased,
    }
}

impl TryRow {
    fn of(one: &Attempt, now: Time) -> Self {
        Self {
            at: When::of(one.at, now),
            said: match one.status {
                Some(status) => format!("{status} after {} ms", one.millis),
                None => one.detail.clone(),
            },
            reply: one.reply.clone(),
        }
    }
}

impl SettingsWebhookPage {
    pub fn part(&self) -> &'static str {
        "webhooks"
    }

    fn of(desk: &Desk, owner: &Owner) -> Self {
        let frame = Frame::of(&desk.shop, owner, Section::Settings, "Settings");
        let endpoint = &desk.endpoint;
        let here = link(&frame, endpoint.id);
        let disabled = endpoint.state == EndpointState::Disabled;
        let rows = desk.deliveries.iter();
        Self {
            version: endpoint.version,
            address: endpoint.url.clone(),
            state: standing(endpoint),
            stands: stands(endpoint, desk.counts, desk.now),
            fresh: None,
            disabled,
            lost: desk.counts.1 > 0 && !disabled,
            url: Field::of(&endpoint.url),
            description: Field::of(&endpoint.description),
            events: kinds(&endpoint.events),
            deliveries: rows.map(|(one, tries)| row(one, tries, disabled, desk.now)).collect(),
            next: desk.next.as_ref().map(|next| format!("{here}?after={next}")),
            problems: Vec::new(),
            here,
            frame,
        }
    }

    pub fn sample() -> Self {
        let when = |relative: &str| When::new(relative, "21 November 2026, 14:06:00 UTC", "2026-11-21T14:06:00Z");
        let tried = |said: &str, reply: &str| TryRow {
            at: when("6 min ago"),
            said: said.into(),
            reply: reply.into(),
        };
        let row = |what, kind: &str, state: Chip, trouble: &str, tries| DeliveryRow {
            id: "whd_1".into(),
            what,
            kind: kind.into(),
            state,
            at: when("6 min ago"),
            trouble: trouble.into(),
            tries,
            can_replay: true,
        };
        Self {
            frame: Frame::sample(Section::Settings, "Settings"),
            here: "/studio/nour/settings/webhooks/whe_1".into(),
            version: 3,
            address: "https://warehouse.example/incoming/8f2a91c0d7".into(),
            state: Chip::new(Tone::Warn, "Failing"),
            stands: vec![
                "Nothing has arrived since 21 November 2026, 12:06:00 UTC. Hawker goes on trying; after five days it stops and writes to you."
                    .into(),
                "2 on the way, 1 given up.".into(),
            ],
            fresh: None,
            disabled: false,
            lost: true,
            url: Field::of("https://warehouse.example/incoming/8f2a91c0d7"),
            description: Field::of("Warehouse"),
            events: kinds(&[]),
            deliveries: vec![
                row(
                    "An order was placed",
                    "order.confirmed · version 1",
                    Chip::new(Tone::Warn, "To be tried again"),
                    "It answered 503. Next try in 30 min.",
                    vec![
                        tried("503 after 84 ms", "{\"error\":\"The stock system is being updated\"}"),
                        tried("There was no answer within 15 seconds.", ""),
                    ],
                ),
                row(
                    "A parcel left",
                    "shipment.handed_over · version 2",
                    Chip::new(Tone::Bad, "Given up"),
                    "It answered 404.",
                    vec![tried("404 after 31 ms", "")],
                ),
                row(
                    "Money was taken",
                    "payment.captured · version 3",
                    Chip::new(Tone::Ok, "Arrived"),
                    "",
                    vec![tried("200 after 62 ms", "ok")],
                ),
            ],
            next: Some("/studio/nour/settings/webhooks/whe_1?after=whd_1".into()),
            problems: Vec::new(),
        }
    }

    pub fn disabled() -> Self {
        Self {
            state: Chip::new(Tone::Bad, "Disabled"),
            stands: vec![
                "It answered 2 h ago that it wants no more events (410), so nothing is sent. What it misses is kept for 30 days."
                    .into(),
            ],
            disabled: true,
            lost: false,
            deliveries: Vec::new(),
            next: None,
            ..Self::sample()
        }
    }

    pub fn rotated() -> Self {
        Self {
            fresh: Some("whsec_YS1zYW1wbGUtaXMtbm90LWEtc2VjcmV0LWF0LWFsbA==".into()),
            ..Self::sample()
        }
    }
}
