//! The end of signing in. Opening the link only shows a button; its POST consumes the token, so that a mail scanner that follows links
//! signs nobody in and spends nothing.

use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;

use crate::app::App;
use crate::db::LaneKey;
use crate::http::{self, ClientAddress, Limit, Path, SameOrigin, Who, limit};
use crate::identity;

/// What the link still is.
pub enum Link {
    Ready {
        shop_name: String,
        staff_name: String,
    },
    /// Used, replaced by a newer one, or older than its fifteen minutes: three reasons, one answer.
    Spent,
}

#[derive(Template)]
#[template(path = "studio/sign_in_confirm.html")]
pub struct SignInConfirmPage {
    pub link: Link,
}

impl SignInConfirmPage {
    pub fn sample() -> Self {
        Self {
            link: Link::Ready {
                shop_name: "Nour Ceramics".into(),
                staff_name: "Lina Haddad".into(),
            },
        }
    }

    pub fn spent() -> Self {
        Self { link: Link::Spent }
    }
}

/// Shows whom the link lets in; spends nothing.
pub async fn show(
    State(app): State<App>,
    ClientAddress(client): ClientAddress,
    Path(token): Path<String>,
) -> Result<Response, http::Problem> {
    limit(&app, Limit::SignIn, Who::Address(client))?;
    let found = app
        .db
        .read(move |tx| match identity::look_at_link(tx, &token)? {
            Some(session) => Ok(Some((identity::shop(tx, session.shop)?.name, session.name))),
            None => Ok(None),
        })
        .await?;
    match found {
        Some((shop_name, staff_name)) => http::page(&SignInConfirmPage {
            link: Link::Ready { shop_name, staff_name },
        }),
        None => spent(),
    }
}

/// Spends the link and opens the studio. Order of answers: foreign page, limits, spent, opened.
pub async fn open(
    State(app): State<App>,
    _: SameOrigin,
    ClientAddress(client): ClientAddress,
    Path(token): Path<String>,
) -> Result<Response, http::Problem> {
    limit(&app, Limit::SignIn, Who::Address(client))?;
    let Some((session, secret)) = app
        .db
        .write(LaneKey(0), move |tx| identity::consume_link(tx, &token))
        .await?
    else {
        return spent();
    };
    tracing::info!(staff = %session.staff, shop = %session.shop, "signed in");
    let mut response = http::redirect(&format!("/studio/{}", session.shop_slug));
    response
        .headers_mut()
        .insert(header::SET_COOKIE, identity::session_cookie(&secret));
    Ok(response)
}

fn spent() -> Result<Response, http::Problem> {
    let mut response = http::page(&SignInConfirmPage { link: Link::Spent })?;
    *response.status_mut() = StatusCode::GONE;
    Ok(response)
}
