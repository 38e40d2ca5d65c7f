//! Webhooks: which of the shop's own programs hear of what happens, and adding one. A secret is on the page that answers the form which made it, and
//! nowhere else.

use super::field::{Choice, Field, Problem as Wrong, refusable};
use super::frame::{Chip, Frame, Section, Tone};
use super::settings_shop_page::After;
use super::typed::Typed;
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::http::{Form, Problem, Query, page};
use crate::identity::{Owner, Shop, shop};
use crate::kernel::{Error, Result, ShopId, WebhookEndpointId, words};
use crate::notify::webhooks::{self, Endpoint, EndpointState, EventType, Made, NewEndpoint, Reason, Target};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

pub struct EndpointRow {
    pub link: String,
    pub url: String,
    pub description: String,
    pub state: Chip,
    /// "Everything", "3 kinds of events".
    pub hears: String,
    /// "12 on their way, 3 given up"; empty where nothing waits.
    pub waiting: String,
}

/// A secret right after it was made. Reloading the page does not bring it back.
pub struct FreshSecret {
    pub url: String,
    /// None: this form was sent twice, and the secret was shown the first time.
    pub secret: Option<String>,
    pub link: String,
}

#[derive(Template)]
#[template(path = "studio/settings_webhooks.html")]
pub struct SettingsWebhooksPage {
    pub frame: Frame,
    pub endpoints: Vec<EndpointRow>,
    pub fresh: Option<FreshSecret>,
    /// Chosen before the form is sent: pressing twice is one endpoint.
    pub id: String,
    pub url: Field,
    pub description: Field,
    pub events: Vec<Choice>,
    pub problems: Vec<Wrong>,
}

/// Where the fields of a refusal stand on the page.
pub(super) const PLACES: [(&str, &str, &str); 3] = [
    ("/url", "hook-url", "Address"),
    ("/description", "hook-description", "Note"),
    ("/events", "hook-events", "Events"),
];

/// What the page reads, in one snapshot.
struct Desk {
    shop: Shop,
    endpoints: Vec<(Endpoint, (i64, i64))>,
}

fn read(tx: &mut Tx<'_>, id: ShopId) -> Result<Desk> {
    let mut endpoints = Vec::new();
    for endpoint in webhooks::list(tx, id)? {
        let counts = webhooks::counts(tx, endpoint.id)?;
        endpoints.push((endpoint, counts));
    }
    Ok(Desk {
        shop: shop(tx, id)?,
        endpoints,
    })
}

pub async fn show(
    State(app): State<App>,
    owner: Owner,
    Query(after): Query<After>,
) -> std::result::Result<Response, Problem> {
    let id = owner.shop;
    let desk = app.db.read(move |tx| read(tx, id)).await?;
    let mut settings = SettingsWebhooksPage::of(&app, &desk, &owner);
    settings.frame = settings.frame.after(after.done.as_deref());
    page(&settings)
}

/// Adds an endpoint, and shows its secret this once.
pub async fn save(
    State(app): State<App>,
    owner: Owner,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Problem> {
    let (id, given, networks) = (owner.shop, typed.clone(), app.settings.webhook_networks.clone());
    let (made, desk) = app
        .db
        .write(LaneKey::of(id), move |tx| {
            let new = || {
                Ok(NewEndpoint {
                    id: given
                        .id("id")
                        .ok_or_else(|| Error::invalid("no_id", "The form is too old. Load the page again."))?,
                    url: Target::read(given.one("url"), &networks)?,
                    description: given.one("description").to_owned(),
                    events: chosen(&given),
                })
            };
            let made = refusable(new().and_then(|new| webhooks::make(tx, id, &new)))?;
            Ok((made, read(tx, id)?))
        })
        .await?;
    let mut settings = SettingsWebhooksPage::of(&app, &desk, &owner);
    match made {
        Ok(made) => {
            let (endpoint, secret) = match made {
                Made::New(endpoint) => {
                    let secret = webhooks::secret(&app, &endpoint).in_full();
                    (endpoint, Some(secret))
                }
                Made::Again(endpoint) => (endpoint, None),
            };
            settings.fresh = Some(FreshSecret {
                link: link(&settings.frame, endpoint.id),
                url: endpoint.url,
                secret,
            });
        }
        Err(error) => {
            settings.url = Field::judged(typed.one("url"), &error, "/url");
            settings.description = Field::judged(typed.one("description"), &error, "/description");
            settings.events = kinds(&chosen(&typed));
            settings.problems = Wrong::all(&error, &PLACES);
        }
    }
    page(&settings)
}

/// The kinds of events that were ticked.
pub(super) fn chosen(typed: &Typed) -> Vec<EventType> {
    typed.all("event").filter_map(|word| word.parse().ok()).collect()
}

pub(super) fn link(frame: &Frame, endpoint: WebhookEndpointId) -> String {
    format!("{}/webhooks/{endpoint}", frame.to(&Section::Settings))
}

/// What an endpoint can hear of, as boxes to tick.
pub(super) fn kinds(ticked: &[EventType]) -> Vec<Choice> {
    let choice = |kind: EventType| Choice {
        chosen: ticked.contains(&kind),
        ..Choice::new(kind.word(), title(kind))
    };
    EventType::ASKABLE.into_iter().map(choice).collect()
}

/// What happened, as people say it.
pub(super) fn title(kind: EventType) -> &'static str {
    match kind {
        EventType::OrderConfirmed => "An order was placed",
        EventType::OrderCanceled => "An order was canceled",
        EventType::OrderUnitsCanceled => "Some pieces of an order were canceled",
        EventType::OrderWithdrawn => "A buyer withdrew from an order",
        EventType::OrderRefunded => "Money goes back to a buyer",
        EventType::ShipmentHandedOver => "A parcel left",
        EventType::PaymentCaptured => "Money was taken",
        EventType::PaymentLost => "A payment was lost",
        EventType::PaymentOverdue => "A lost payment was not paid again",
        EventType::RefundFailed => "A refund did not arrive",
        EventType::DisputeOpened => "A dispute began",
        EventType::DisputeClosed => "A dispute ended",
        EventType::Test => "A test",
    }
}

/// How an endpoint stands, in a word.
pub(super) fn standing(endpoint: &Endpoint) -> Chip {
    match (endpoint.state, endpoint.reason) {
        (EndpointState::Enabled, _) => Chip::new(Tone::Ok, "Enabled"),
        (EndpointState::Failing, _) => Chip::new(Tone::Warn, "Failing"),
        (EndpointState::Disabled, Some(Reason::Staff) | None) => Chip::new(Tone::Quiet, "Disabled"),
        (EndpointState::Disabled, _) => Chip::new(Tone::Bad, "Disabled"),
    }
}

/// "12 on their way, 3 given up".
pub(super) fn waiting((open, lost): (i64, i64)) -> String {
    let many = |count: i64| {
        if count >= 1000 {
            "1000 or more".to_owned()
        } else {
            count.to_string()
        }
    };
    let parts = [(open, "on the way"), (lost, "given up")];
    let said = parts.iter().filter(|(count, _)| *count > 0);
    said.map(|(count, what)| format!("{} {what}", many(*count)))
        .collect::<Vec<_>>()
        .join(", ")
}

fn hears(endpoint: &Endpoint) -> String {
    match endpoint.events.len() {
        0 => "Everything".into(),
        count => words::count(count as u64, "kind of event", "kinds of events"),
    }
}

impl SettingsWebhooksPage {
    pub fn part(&self) -> &'static str {
        "webhooks"
    }

    fn of(app: &App, desk: &Desk, owner: &Owner) -> Self {
        let frame = Frame::of(&desk.shop, owner, Section::Settings, "Settings");
        let row = |(endpoint, counts): &(Endpoint, (i64, i64))| EndpointRow {
            link: link(&frame, endpoint.id),
            url: endpoint.url.clone(),
            description: endpoint.description.clone(),
            state: standing(endpoint),
            hears: hears(endpoint),
            waiting: waiting(*counts),
        };
        let id: WebhookEndpointId = app.random.id(app.clock.wall());
        Self {
            endpoints: desk.endpoints.iter().map(row).collect(),
            fresh: None,
            id: id.to_string(),
            url: Field::default(),
            description: Field::default(),
            events: kinds(&[]),
            problems: Vec::new(),
            frame,
        }
    }

    pub fn sample() -> Self {
        let row = |url: &str, description: &str, state: Chip, hears: &str, waiting: &str| EndpointRow {
            link: "/studio/nour/settings/webhooks/whe_1".into(),
            url: url.into(),
            description: description.into(),
            state,
            hears: hears.into(),
            waiting: waiting.into(),
        };
        Self {
            frame: Frame::sample(Section::Settings, "Settings"),
            endpoints: vec![
                row(
                    "https://books.nour-ceramics.example/hooks/hawker",
                    "Bookkeeping",
                    Chip::new(Tone::Ok, "Enabled"),
                    "3 kinds of events",
                    "",
                ),
                row(
                    "https://warehouse.example/incoming/8f2a91c0d7",
                    "",
                    Chip::new(Tone::Warn, "Failing"),
                    "Everything",
                    "12 on the way, 3 given up",
                ),
            ],
            fresh: None,
            id: "whe_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
            url: Field::default(),
            description: Field::default(),
            events: kinds(&[]),
            problems: Vec::new(),
        }
    }

    pub fn empty() -> Self {
        Self {
            endpoints: Vec::new(),
            ..Self::sample()
        }
    }

    pub fn made() -> Self {
        Self {
            fresh: Some(FreshSecret {
                url: "https://books.nour-ceramics.example/hooks/hawker".into(),
                secret: Some("whsec_YS1zYW1wbGUtaXMtbm90LWEtc2VjcmV0LWF0LWFsbA==".into()),
                link: "/studio/nour/settings/webhooks/whe_1".into(),
            }),
            ..Self::sample()
        }
    }

    pub fn refused() -> Self {
        let why = "Events are sent over HTTPS to port 443 only.";
        Self {
            url: Field::wrong("http://books.nour-ceramics.example/hooks", why),
            events: kinds(&[EventType::OrderConfirmed]),
            problems: vec![Wrong::new("hook-url", &format!("Address: {why}"))],
            ..Self::sample()
        }
    }
}
