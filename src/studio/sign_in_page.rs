//! Signing in: one mail field, no password. The letter holds a link to [`super::sign_in_confirm_page`].

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use super::field::Field;
use crate::app::App;
use crate::db::LaneKey;
use crate::http::{self, ClientAddress, Form, Limit, SameOrigin, Who, limit};
use crate::identity;
use crate::kernel::MayFail;

/// Where the person stands.
pub enum SignIn {
    /// The mail field; wrong addresses come back with what was typed.
    Ask(Field),
    /// The letter is on its way. Said for every address, so that nobody learns who works here.
    Sent { email: String },
}

#[derive(Template)]
#[template(path = "studio/sign_in.html")]
pub struct SignInPage {
    pub state: SignIn,
    /// The demo's mailbox, shown only where letters do not leave the machine.
    pub mailbox: Option<String>,
}

impl SignInPage {
    pub fn sample() -> Self {
        Self {
            state: SignIn::Ask(Field::default()),
            mailbox: None,
        }
    }

    pub fn refused() -> Self {
        let field = Field::wrong(
            "lina@nour",
            "This is not a complete mail address. It needs a name, an @ and a domain, like lina@example.org.",
        );
        Self {
            state: SignIn::Ask(field),
            mailbox: None,
        }
    }

    pub fn sent() -> Self {
        Self {
            state: SignIn::Sent {
                email: "lina@nour-ceramics.example".into(),
            },
            mailbox: Some("/mailbox".into()),
        }
    }
}

/// The door.
pub async fn show(State(app): State<App>) -> Result<Response, http::Problem> {
    http::page(&SignInPage {
        state: SignIn::Ask(Field::default()),
        mailbox: mailbox(&app),
    })
}

/// What the form sends.
#[derive(serde::Deserialize)]
pub struct SignInForm {
    email: String,
}

/// Sends links in the background: how long the answer takes tells nobody who works here. Order of answers: limits, wrong address, sent.
pub async fn send(
    State(app): State<App>,
    _: SameOrigin,
    ClientAddress(client): ClientAddress,
    Form(form): Form<SignInForm>,
) -> Result<Response, http::Problem> {
    limit(&app, Limit::SignIn, Who::Address(client))?;
    let email = form.email.trim().to_lowercase();
    if !email
        .split_once('@')
        .is_some_and(|(name, domain)| !name.is_empty() && domain.len() > 1)
        || email.len() > 254
    {
        let wrong = "This is not a complete mail address. It needs a name, an @ and a domain, like lina@example.org.";
        let mut response = http::page(&SignInPage {
            state: SignIn::Ask(Field::wrong(&form.email, wrong)),
            mailbox: None,
        })?;
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(response);
    }
    limit(
        &app,
        Limit::Mailbox,
        Who::Mailbox(http::fingerprint(&[email.as_bytes()])),
    )?;
    let (program, to) = (app.clone(), email.clone());
    app.tasks.spawn(async move {
        identity::sign_in_by_mail(&program, to)
            .await
            .may_fail("the person asks for another link");
    });
    http::page(&SignInPage {
        state: SignIn::Sent { email },
        mailbox: mailbox(&app),
    })
}

/// Ends the session of this browser.
pub async fn sign_out(State(app): State<App>, _: SameOrigin, headers: HeaderMap) -> Result<Response, http::Problem> {
    if let Some(token) = identity::session_token(&headers).map(str::to_owned) {
        app.db
            .write(LaneKey(0), move |tx| identity::close_session(tx, &token))
            .await?;
    }
    let mut response = http::redirect("/studio/sign-in");
    response
        .headers_mut()
        .insert(header::SET_COOKIE, identity::signed_out_cookie());
    Ok(response)
}

fn mailbox(app: &App) -> Option<String> {
    app.settings.demo.then(|| "/mailbox".to_owned())
}
