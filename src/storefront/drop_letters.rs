//! Letters of a drop on its page: asking for one, saying that it was you, taking an offer into another browser, and stopping.

use super::drop_page::announced;
use super::front::Front;
use crate::app::App;
use crate::checkout::Buyer as Browser;
use crate::db::{LaneKey, Tx};
use crate::drops::letters_api::admit_letter;
use crate::drops::{self, About, ContactState, View};
use crate::http::{ClientAddress, Form, Path, Problem, SameOrigin, redirect};
use crate::kernel::{DropId, Kind, Result as Done};
use axum::extract::State;
use axum::response::Response;
use std::collections::BTreeMap;

/// Somebody came by the link of a letter.
pub struct LetterView {
    pub token: String,
    pub email: String,
    /// "when what you wait for is kept for you", "before it opens".
    pub about: &'static str,
    pub state: ContactState,
    /// What is offered to them is in another browser.
    pub elsewhere: bool,
}

impl LetterView {
    /// None: the link is not one of ours, or of another drop.
    pub fn read(
        tx: &mut Tx<'_>,
        signing_key: &[u8; 32],
        view: &View,
        token: &str,
        key: Option<&[u8; 32]>,
    ) -> Done<Option<Self>> {
        let Some(id) = drops::read_contact_token(signing_key, token) else {
            return Ok(None);
        };
        let Some(contact) = drops::contact(tx, view.drop.id, id)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            token: token.to_owned(),
            about: match contact.about {
                About::Offer => "when what you wait for is kept for you",
                About::Opening => "before it opens",
            },
            state: contact.state,
            elsewhere: contact.about == About::Offer
                && contact.state == ContactState::Confirmed
                && key != Some(&contact.buyer),
            email: contact.email,
        }))
    }

    pub fn is(&self, state: &str) -> bool {
        self.state.word() == state
    }
}

/// Asks for a letter, or answers one.
pub async fn send(
    State(app): State<App>,
    front: Front,
    _: SameOrigin,
    browser: Browser,
    ClientAddress(client): ClientAddress,
    Path((_, name)): Path<(String, String)>,
    Form(typed): Form<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let shop = front.shop.id;
    let Some(drop) = announced(&app, shop, &name).await? else {
        return front.nothing_here();
    };
    let here = front.path(&format!("/drops/{}", drop.slug));
    let text = |name: &str| typed.get(name).map(|text| text.trim()).unwrap_or_default();
    let (lane, id) = (LaneKey::of(drop.id), drop.id);
    let browser = browser.known(&app);
    let Some(key) = browser.key(shop) else {
        return front.nothing_here();
    };
    if text("do") == "ask" {
        let about = if text("about") == "opening" {
            About::Opening
        } else {
            About::Offer
        };
        let email = text("email").to_owned();
        admit_letter(&app, shop, client, &email)?;
        let asked = app
            .db
            .write(lane, move |tx| drops::ask(tx, shop, id, about, &email, &key))
            .await;
        let said = match asked {
            Ok(()) => "asked",
            Err(error) if matches!(error.kind, Kind::Conflict | Kind::Invalid) => "mailbox",
            Err(error) => return Err(error.into()),
        };
        return Ok(browser.remember(redirect(&format!("{here}?said={said}"))));
    }
    let token = text("letter").to_owned();
    if token.is_empty() {
        return Ok(redirect(&here));
    }
    let Some(contact) = drops::read_contact_token(app.db.signing_key(), &token) else {
        return front.nothing_here();
    };
    let what = text("do").to_owned();
    let done = app.db.write(lane, move |tx| answer(tx, id, contact, &what, &key));
    if !done.await? {
        return front.nothing_here();
    }
    Ok(browser.remember(redirect(&format!("{here}?letter={token}"))))
}

fn answer(tx: &mut Tx<'_>, drop: DropId, id: crate::kernel::ContactId, what: &str, key: &[u8; 32]) -> Done<bool> {
    let Some(contact) = drops::contact(tx, drop, id)? else {
        return Ok(false);
    };
    match what {
        "yes" => drops::confirm(tx, &contact)?,
        "stop" => drops::stop(tx, &contact)?,
        // The page says how it stands now, whether or not there was something to take.
        "take" => {
            drops::take_along(tx, &contact, key)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}
