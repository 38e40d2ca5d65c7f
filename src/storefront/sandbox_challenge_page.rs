//! The sandbox processor's own page for a card whose bank asks back (3-D Secure). It belongs to the pretended bank, so it looks like nobody's shop.

use crate::app::App;
use crate::http::{Form, Path, Problem, page, redirect};
use crate::identity;
use crate::kernel::{Error, words};
use crate::payments;
use crate::payments::sandbox::{Challenge, Sandbox};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

#[derive(Template)]
#[template(path = "storefront/sandbox_challenge.html")]
pub struct SandboxChallengePage {
    pub shop_name: String,
    pub amount: String,
    pub card: String,
    pub reference: String,
    /// POST with `answer=approve` or `answer=fail`.
    pub action: String,
}

impl SandboxChallengePage {
    pub fn sample() -> Self {
        Self {
            shop_name: "Loam & Ink".into(),
            amount: "€114.90".into(),
            card: "•••• 3155".into(),
            reference: "att_01ksample".into(),
            action: "/sandbox/3ds/att_01ksample".into(),
        }
    }
}

/// The buyer's answer to their bank.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerIn {
    answer: String,
}

/// Shows the question, or goes back to the shop when it was answered before.
pub async fn show(State(app): State<App>, Path(payment): Path<String>) -> Result<Response, Problem> {
    let (sandbox, challenge) = challenge(&app, &payment)?;
    if !challenge.open {
        return Ok(redirect(&back(&app, &challenge.return_url)));
    }
    let shop = shop_of(&app, &challenge.reference).await?;
    drop(sandbox);
    page(&SandboxChallengePage {
        shop_name: shop.map(|shop| shop.name).unwrap_or_default(),
        amount: words::money(challenge.amount),
        card: challenge.card.into(),
        reference: challenge.reference,
        action: format!("/sandbox/3ds/{payment}"),
    })
}

/// Takes the answer and sends the buyer back. Answered twice, the first answer stands.
pub async fn answer(
    State(app): State<App>,
    Path(payment): Path<String>,
    Form(given): Form<AnswerIn>,
) -> Result<Response, Problem> {
    let (sandbox, _) = challenge(&app, &payment)?;
    let approved = match given.answer.as_str() {
        "approve" => true,
        "fail" => false,
        _ => return Err(Error::field("answer", "Approve or fail.").into()),
    };
    let return_url = sandbox
        .answer_challenge(&payment, approved)
        .ok_or_else(|| Error::not_found("payment"))?;
    Ok(redirect(&back(&app, &return_url)))
}

fn challenge(app: &App, payment: &str) -> Result<(std::sync::Arc<Sandbox>, Challenge), Error> {
    let asks = |sandbox: std::sync::Arc<Sandbox>| Some((sandbox.challenge(payment)?, sandbox));
    let found = Sandbox::all(app).into_iter().find_map(asks);
    let (challenge, sandbox) = found.ok_or_else(|| Error::not_found("payment"))?;
    Ok((sandbox, challenge))
}

async fn shop_of(app: &App, reference: &str) -> Result<Option<identity::Shop>, Error> {
    let Some((checkout, _)) = payments::read_reference(reference) else {
        return Ok(None);
    };
    app.db
        .read(move |tx| match payments::intent(tx, checkout.intent())? {
            Some(intent) => identity::shop(tx, intent.shop).map(Some),
            None => Ok(None),
        })
        .await
}

/// Back to our own pages only: an address in a payment is the buyer's word, and a bank does not send people anywhere.
fn back(app: &App, return_url: &str) -> String {
    let own = return_url
        .strip_prefix(app.base_url.as_str())
        .filter(|path| path.starts_with('/') && !path.starts_with("//"));
    own.unwrap_or("/").to_owned()
}
