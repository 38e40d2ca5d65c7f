//! A shop that exists for a time, outside of it: before, what is coming and a clock; afterwards, that it was. Orders and policies have pages of their
//! own, which stay.

use askama::Template;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::frame::{Frame, Head, When};
use super::front::{Front, shown, summary, when};
use super::structured_data::Markup;
use crate::app::App;
use crate::http::Problem;
use crate::identity::{Staff, Trading};
use crate::kernel::Time;

#[derive(Template)]
#[template(path = "storefront/window.html")]
pub struct WindowPage {
    pub frame: Frame,
    pub head: Head,
    /// "Opens soon", "Closed".
    pub state: &'static str,
    pub title: String,
    pub text: String,
    /// When it opens.
    pub opens: Option<When>,
    /// The server's clock when the page was written, for the countdown.
    pub now: String,
}

/// The shop whose address a visitor opened, while it sells: otherwise they see a page that says when it did, or will. Its own people see it before.
pub struct OpenShop(pub Front);

impl FromRequestParts<App> for OpenShop {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let front = Front::from_request_parts(parts, app)
            .await
            .map_err(IntoResponse::into_response)?;
        let State(app) = State::<App>::from_request_parts(parts, app)
            .await
            .unwrap_or_else(|never| match never {});
        let now = app.db.read(|tx| Ok(tx.now())).await;
        let now = now.map_err(|error| Problem::from(error).into_response())?;
        let staff = match front.shop.window.trading(now) {
            Trading::Open => return Ok(Self(front)),
            Trading::Before(_) => Staff::from_request_parts(parts, &app).await.ok(),
            Trading::Closed(_) => None,
        };
        if staff.is_some_and(|staff| staff.shop == front.shop.id) {
            return Ok(Self(front));
        }
        Err(WindowPage::answer(&front, now).into_response())
    }
}

impl WindowPage {
    fn answer(front: &Front, now: Time) -> Result<Response, Problem> {
        let (page, status, wait) = match front.shop.window.trading(now) {
            Trading::Closed(at) => (Self::closed(front, at, now), StatusCode::GONE, None),
            Trading::Before(at) => {
                // Without scripts the page looks again by itself.
                let wait = at.since(now).0.clamp(1, 300);
                (Self::before(front, at, now), StatusCode::OK, Some(wait))
            }
            Trading::Open => return front.nothing_here(),
        };
        let mut response = shown(status, &page)?;
        if let Some(wait) = wait.and_then(|wait| HeaderValue::try_from(wait.to_string()).ok()) {
            response.headers_mut().insert("refresh", wait);
        }
        Ok(response)
    }

    fn before(front: &Front, at: Time, now: Time) -> Self {
        let tagline = front.shop.tagline.trim();
        let ends = front.shop.window.closes_at.map(|closes| {
            let hours = closes.since(at).0 / 3600;
            match (hours, closes.since(at).0) {
                (1..=96, span) if span % 3600 == 0 => format!(" It is here for {hours} hours."),
                _ => format!(
                    " It is here until {}.",
                    crate::kernel::words::exact_in(closes, &front.shop.time_zone)
                ),
            }
        });
        Self {
            title: front.shop.name.clone(),
            text: format!("{tagline}{}", ends.unwrap_or_default()).trim().to_owned(),
            state: "Opens soon",
            opens: Some(when(at, now)),
            ..Self::of(front, now)
        }
    }

    fn closed(front: &Front, at: Time, now: Time) -> Self {
        Self {
            title: format!("{} has closed.", front.shop.name),
            text: format!(
                "It was open until {}. If you bought something here, nothing changes: the link in your receipt leads to your order, its delivery and your right \
                 to return it.",
                crate::kernel::words::exact_in(at, &front.shop.time_zone)
            ),
            state: "Closed",
            ..Self::of(front, now)
        }
    }

    fn of(front: &Front, now: Time) -> Self {
        Self {
            frame: front.frame(),
            head: Head {
                title: front.shop.name.clone(),
                description: summary(&front.shop.tagline),
                canonical: front.address(""),
                kind: "website",
                picture: None,
                markup: Markup::none(),
                listed: false,
            },
            state: "",
            title: String::new(),
            text: String::new(),
            opens: None,
            now: now.to_string(),
        }
    }

    pub fn sample() -> Self {
        Self {
            frame: Frame::sample(),
            head: Head {
                title: "Loam & Ink".into(),
                description: "Clay, paper and wax, from one small studio.".into(),
                canonical: "https://shop.example/s/loam-and-ink".into(),
                kind: "website",
                picture: None,
                markup: Markup::none(),
                listed: false,
            },
            state: "Opens soon",
            title: "Loam & Ink".into(),
            text: "Clay, paper and wax, from one small studio. It is here for 72 hours.".into(),
            opens: Some(When {
                machine: "2026-11-27T19:00:00Z".into(),
                text: "in 2 days".into(),
                exact: "27 November 2026, 19:00 UTC".into(),
            }),
            now: "2026-11-25T19:00:00Z".into(),
        }
    }

    pub fn sample_closed() -> Self {
        Self {
            state: "Closed",
            title: "Loam & Ink has closed.".into(),
            text: "It was open until 30 November 2026, 19:00 UTC. If you bought something here, nothing changes: the link in your receipt leads to your \
                   order, its delivery and your right to return it."
                .into(),
            opens: None,
            ..Self::sample()
        }
    }
}
