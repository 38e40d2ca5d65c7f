//! A refusal as a page, for people who follow a link or send a form; programs get the problem as JSON.

use crate::http::{Shown, html, redirect};
use askama::Template;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;

#[derive(Template)]
#[template(path = "operating/problem.html")]
pub struct ProblemPage {
    pub status: u16,
    pub title: &'static str,
    pub detail: String,
    pub code: String,
    /// Where the person probably wants to go.
    pub way_on: Option<(&'static str, &'static str)>,
}

impl ProblemPage {
    pub fn sample() -> Self {
        Self::of(
            &Shown {
                status: StatusCode::NOT_FOUND,
                code: "not_found",
                detail: "There is no such clip.".into(),
            },
            false,
        )
    }

    fn of(shown: &Shown, in_studio: bool) -> Self {
        let title = match shown.status.as_u16() {
            401 => "Please sign in",
            403 => "This is not yours to open",
            404 => "This one is not here",
            409 | 412 => "Something changed in between",
            429 => "One moment",
            503 => "Too much at once",
            500..=599 => "That is our mistake",
            _ => "That did not work",
        };
        let way_on = in_studio.then_some(("/studio/sign-in", "Sign in"));
        Self {
            status: shown.status.as_u16(),
            title,
            detail: shown.detail.clone(),
            code: shown.code.to_owned(),
            way_on,
        }
    }
}

/// Turns problems into pages where a browser asked for one. Without a session the studio shows its door.
pub async fn pages_for_people<F: Future<Output = Response>>(
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let path = request.uri().path();
    let wants_page = !path.starts_with("/v1/") && asks_for_html(request.headers());
    let in_studio = path.starts_with("/studio");
    let reads = request.method() == Method::GET;
    let response = next(request).await;
    let Some(shown) = response.extensions().get::<Shown>().filter(|_| wants_page) else {
        return response;
    };
    if in_studio && reads && shown.status == StatusCode::UNAUTHORIZED {
        return redirect("/studio/sign-in");
    }
    let page = ProblemPage::of(shown, in_studio);
    let Ok(text) = page.render() else { return response };
    let mut page = html(shown.status, text);
    if let Some(wait) = response.headers().get(header::RETRY_AFTER) {
        page.headers_mut().insert(header::RETRY_AFTER, wait.clone());
    }
    page
}

fn asks_for_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}
