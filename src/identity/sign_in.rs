//! Signing in without a password: a link, mailed or printed, shows a button; pressing it spends the link and opens a session.

use super::keys::hash;
use super::model::Session;
use super::store;
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::kernel::{Mail, MayFail, Result, Seconds, ShopId, StaffId};
use axum::http::HeaderValue;

/// `__Host-`: only over TLS (or on localhost), only this host, the whole path.
pub const SESSION_COOKIE: &str = "__Host-hawker";
/// A link in a letter.
const MAILED: Seconds = Seconds::minutes(15);
/// A link printed by the command line, for whoever runs the server.
const PRINTED: Seconds = Seconds::hours(24);
/// Two weeks, then a new link.
const SESSION: Seconds = Seconds::days(14);

/// Where a link goes, which decides how long it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Mailed,
    Printed,
}

/// A link that was just made: the only time its token is known.
#[derive(Clone, Debug)]
pub struct Linked {
    pub shop: ShopId,
    pub shop_name: String,
    pub staff: StaffId,
    pub email: String,
    pub token: String,
}

/// One new link for everyone with this address who may sign in (at this shop, or at every shop). Older unspent links end.
pub fn link_for(tx: &mut Tx<'_>, shop: Option<ShopId>, email: &str, door: Door) -> Result<Vec<Linked>> {
    let email = email.trim().to_lowercase();
    let mut links = Vec::new();
    for (staff, shop, shop_name) in store::people_with(tx, shop, &email)? {
        store::spend_links(tx, staff)?;
        let token = tx.token();
        let term = if door == Door::Mailed { MAILED } else { PRINTED };
        store::insert_link(tx, hash(&token), staff, tx.now().plus(term))?;
        links.push(Linked {
            shop,
            shop_name,
            staff,
            email: email.clone(),
            token,
        });
    }
    Ok(links)
}

/// Who a link would let in. Looking spends nothing: mail scanners look too.
pub fn look_at_link(tx: &mut Tx<'_>, token: &str) -> Result<Option<Session>> {
    store::link(tx, hash(token))
}

/// Spends a link and opens a session; answers the session's token. One conditional update decides: a link opens one session.
pub fn consume_link(tx: &mut Tx<'_>, token: &str) -> Result<Option<(Session, String)>> {
    let Some(session) = store::link(tx, hash(token))? else {
        return Ok(None);
    };
    if !store::spend_link(tx, hash(token))? {
        return Ok(None);
    }
    let secret = tx.token();
    store::insert_session(tx, hash(&secret), session.shop, session.staff, tx.now().plus(SESSION))?;
    Ok(Some((session, secret)))
}

/// Ends the session of this token; signing out twice is fine.
pub fn close_session(tx: &mut Tx<'_>, token: &str) -> Result<()> {
    store::end_session(tx, hash(token))
}

/// Removes spent links and ended sessions, some at a time.
pub fn forget_old_sign_ins(tx: &mut Tx<'_>) -> Result<u64> {
    let before = tx.now().minus(Seconds::days(30));
    Ok(store::forget_links(tx, before)? + store::forget_sessions(tx, before)?)
}

/// Sends a link to everyone with this address. The caller is told nothing about who that is, and waits for nothing.
pub async fn sign_in_by_mail(app: &App, email: String) -> Result<()> {
    let links = app
        .db
        .write(LaneKey(0), move |tx| link_for(tx, None, &email, Door::Mailed))
        .await?;
    for link in links {
        let mail = letter(app, &link);
        let mailer = app.mailer.clone();
        // A letter that cannot leave is not tried again: a new link is one tap away, and a late one would be spent.
        let sent = tokio::task::spawn_blocking(move || mailer.send(&mail).map_err(|error| format!("{error:?}")));
        sent.await
            .unwrap_or_else(|error| Err(error.to_string()))
            .may_fail("the person asks for another link");
        tracing::info!(staff = %link.staff, shop = %link.shop, "a sign-in link was mailed");
    }
    Ok(())
}

fn letter(app: &App, link: &Linked) -> Mail {
    let address = format!("{}/studio/sign-in/{}", app.base_url, link.token);
    let text = format!(
        "Open this link to sign in to {}:\n\n{address}\n\nIt works once, for 15 minutes. If you did not ask for it, ignore this letter: nothing happens until its button is pressed.\n",
        link.shop_name
    );
    let html = format!(
        "<p>Open this link to sign in to {}:</p><p><a href=\"{address}\">{address}</a></p><p>It works once, for 15 minutes. If you did not ask for it, ignore this letter: nothing happens until its button is pressed.</p>",
        escape(&link.shop_name)
    );
    let subject = format!("Sign in to {}", link.shop_name);
    Mail {
        id: app.random.id(app.clock.wall()),
        from: app.settings.mail_from.clone(),
        to: link.email.clone(),
        subject,
        text,
        html,
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// The cookie that carries a session.
pub fn session_cookie(token: &str) -> HeaderValue {
    let text = format!(
        "{SESSION_COOKIE}={token}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Lax",
        SESSION.0
    );
    HeaderValue::try_from(text).expect("a token is URL-safe text")
}

/// Takes the cookie away.
pub fn signed_out_cookie() -> HeaderValue {
    HeaderValue::try_from(format!(
        "{SESSION_COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"
    ))
    .expect("this is plain text")
}
