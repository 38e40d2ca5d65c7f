//! The cards this browser had kept at a shop: what is kept with them, and a button that forgets each. Works without scripts.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::checkout_page::{card_name, one_line};
use super::frame::{Frame, Head, Notice, Tone, When};
use super::front::{Front, shown, when};
use super::structured_data::Markup;
use crate::app::App;
use crate::checkout::{self, Buyer, Stored};
use crate::http::{Form, Problem, SameOrigin};
use crate::kernel::Time;
use crate::payments::stored;

#[derive(Template)]
#[template(path = "storefront/stored_methods.html")]
pub struct StoredMethodsPage {
    pub frame: Frame,
    pub head: Head,
    pub action: String,
    pub cards: Vec<KeptCard>,
    pub notice: Option<Notice>,
}

pub struct KeptCard {
    pub id: String,
    /// "Visa •••• 4242".
    pub name: String,
    /// "Expires 08/2030"; empty if nobody said.
    pub expires: String,
    pub goes_to: String,
    pub receipt: String,
    pub used: When,
    pub forgotten: When,
}

impl KeptCard {
    fn new(stored: &Stored, now: Time) -> Self {
        let (method, contact) = (&stored.method, &stored.contact);
        let expires = method.face.expires.split_once('-');
        Self {
            id: method.id.to_string(),
            name: card_name(&method.face),
            expires: expires.map_or_else(String::new, |(year, month)| format!("Expires {month}/{year}")),
            goes_to: stored.address.as_ref().map(one_line).unwrap_or_default(),
            receipt: contact.email.clone().or(contact.phone.clone()).unwrap_or_default(),
            used: when(method.used_at, now),
            forgotten: when(method.used_at.plus(stored::KEPT), now),
        }
    }
}

/// Everything that is kept for this browser.
pub async fn show(State(app): State<App>, front: Front, buyer: Buyer) -> Result<Response, Problem> {
    page(&app, &front, &buyer, None).await
}

/// Which card is to be forgotten.
#[derive(serde::Deserialize)]
pub struct ForgetIn {
    #[serde(default)]
    forget: String,
}

/// Forgets one. Asked twice, it is still forgotten.
pub async fn forget(
    State(app): State<App>,
    front: Front,
    _: SameOrigin,
    buyer: Buyer,
    Form(form): Form<ForgetIn>,
) -> Result<Response, Problem> {
    if let Ok(id) = form.forget.parse() {
        checkout::forget(&app, front.shop.id, &buyer, id).await?;
    }
    let notice = Notice {
        tone: Tone::Ok,
        title: "The card is forgotten".into(),
        text: "Nobody can pay with it here any more, and what was kept with it is gone. Orders you placed are as they were.".into(),
    };
    page(&app, &front, &buyer, Some(notice)).await
}

async fn page(app: &App, front: &Front, buyer: &Buyer, notice: Option<Notice>) -> Result<Response, Problem> {
    let known = checkout::kept(app, front.shop.id, buyer).await?;
    let now = app.clock.wall();
    let page = StoredMethodsPage {
        frame: front.frame(),
        head: head(&front.shop.name),
        action: front.path("/stored-methods"),
        cards: known.iter().map(|stored| KeptCard::new(stored, now)).collect(),
        notice,
    };
    shown(StatusCode::OK, &page)
}

fn head(shop: &str) -> Head {
    Head {
        title: format!("Cards kept in this browser · {shop}"),
        description: "See and forget the cards you had kept.".into(),
        canonical: String::new(),
        kind: "website",
        picture: None,
        markup: Markup::none(),
        listed: false,
    }
}

impl StoredMethodsPage {
    pub fn sample() -> Self {
        Self {
            frame: Frame::sample(),
            head: head("Loam & Ink"),
            action: "/s/loam-and-ink/stored-methods".into(),
            cards: vec![
                KeptCard {
                    id: "smt_01ksample".into(),
                    name: "Visa •••• 4242".into(),
                    expires: "Expires 08/2030".into(),
                    goes_to: "Jo Lindqvist, Kanalweg 7, 20357 Hamburg".into(),
                    receipt: "jo.lindqvist@example.com".into(),
                    used: When::new("2026-11-21T20:31:00Z", "12 minutes ago", "21 November 2026, 21:31"),
                    forgotten: When::new("2027-12-26T20:31:00Z", "in 400 days", "26 December 2027, 21:31"),
                },
                KeptCard {
                    id: "smt_01ksampletwo".into(),
                    name: "Mastercard •••• 4444".into(),
                    expires: String::new(),
                    goes_to: String::new(),
                    receipt: "+49 30 1234567".into(),
                    used: When::new("2026-10-01T10:00:00Z", "7 weeks ago", "1 October 2026, 12:00"),
                    forgotten: When::new("2027-11-05T10:00:00Z", "in 349 days", "5 November 2027, 11:00"),
                },
            ],
            notice: None,
        }
    }

    pub fn sample_empty() -> Self {
        Self {
            cards: Vec::new(),
            notice: Some(Notice {
                tone: Tone::Ok,
                title: "The card is forgotten".into(),
                text: "Nobody can pay with it here any more, and what was kept with it is gone. Orders you placed are as they were.".into(),
            }),
            ..Self::sample()
        }
    }
}
