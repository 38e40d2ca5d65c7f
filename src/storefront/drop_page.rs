//! One drop: before it opens a promise and a clock, while it is open a stage and a button, afterwards what became of it.
//!
//! Everything works without scripts: the server writes the page as it stands, and each button is a link to the checkout in this drop. A script follows
//! the drop's stream and writes what changes into the page.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use std::collections::BTreeMap;

use super::checkout_form::back_url;
use super::clip_page::Shape;
use super::drop_letters::LetterView;
use super::frame::{Frame, Head, Link, Picture, Tone, When};
use super::front::{Front, paragraphs, picture, poster, public, shown, summary, when};
use super::message_page::MessagePage;
use super::structured_data::{BreadcrumbList, Markup, Thing};
use super::window_page::OpenShop;
use crate::app::App;
use crate::catalog;
use crate::checkout::{self, Buyer as Browser, Checkout};
use crate::clips;
use crate::db::{LaneKey, Tx};
use crate::drops::{self, ContactState, Drop, DropState, Item, Phase, Stage, StreamKind, TurnStanding, View};
use crate::http::{ClientAddress, Form, Limit, Path, Problem, Query, SameOrigin, Who, allow_on_page, limit, redirect};
use crate::identity;
use crate::kernel::{Kind, Result as Done, ShopId, Time, words};
use crate::preorders;

#[derive(Template)]
#[template(path = "storefront/drop.html")]
pub struct DropPage {
    pub frame: Frame,
    pub head: Head,
    pub title: String,
    pub description: Vec<String>,
    /// `before`, `open`, `paused` or `over`.
    pub phase: &'static str,
    pub says: Says,
    pub stage: StageView,
    /// The one that is talked about stands first.
    pub items: Vec<DropItem>,
    /// "Each buyer may have 2 pieces."; empty without a limit.
    pub limit: String,
    /// "What you reserve is kept for you for 3 minutes."
    pub holds: String,
    pub checkout_path: String,
    pub waits_path: String,
    /// What this browser has begun to buy here and not paid.
    pub own: Option<OwnView>,
    /// They may buy before everybody else, now.
    pub early: bool,
    /// This browser is a guest, before the opening.
    pub is_guest: bool,
    /// A link brought them here that lets them in earlier: what stands in its address.
    pub invited: Option<Invited>,
    /// A letter brought them here.
    pub letter: Option<LetterView>,
    /// What became of asking for a letter; empty: nothing was asked.
    pub letter_said: &'static str,
    pub letters_path: String,
    /// A letter before the opening can be asked for.
    pub reminds: bool,
    /// The waiting room, if it has one.
    pub room: Option<Room>,
    /// For the script that follows the drop.
    pub drop: String,
    pub key: String,
    /// The server's clock when the page was written, for countdowns.
    pub now: String,
}

/// Somebody whom a link lets in earlier, once they say so with this browser.
pub struct Invited {
    pub token: String,
    pub path: String,
    /// "10 minutes".
    pub earlier: String,
}

/// What an address says beside the drop.
#[derive(serde::Deserialize)]
pub struct DropQuery {
    early: Option<String>,
    /// A letter brought them here.
    letter: Option<String>,
    /// What became of asking for one: `asked`, `mailbox`.
    said: Option<String>,
}

/// A purchase that can be gone on with.
pub struct OwnView {
    /// "2 pieces are".
    pub what: String,
    pub until: When,
    pub path: String,
}

/// One sentence about where the drop stands, and the moment it counts down to.
pub struct Says {
    pub tone: Tone,
    pub text: String,
    /// What the clock beside it counts down to.
    pub until: Option<When>,
    /// "Opens", "Closes".
    pub until_label: &'static str,
}

/// A drop's waiting room, as this browser meets it.
pub struct Room {
    pub standing: Standing,
    pub turn_path: String,
    /// From 1; 0 before the draw.
    pub place: i64,
    pub admitted: i64,
    pub rate: u32,
    /// "About 3 minutes".
    pub estimate: String,
    pub arrivals: String,
    /// Hex.
    pub seed_hash: String,
    /// Hex; told when it has opened.
    pub seed: Option<String>,
    /// This browser's turn, for whoever checks the draw.
    pub turn: String,
    /// What a turn costs this browser now.
    pub work: Option<Work>,
}

/// A challenge on the page.
pub struct Work {
    pub challenge: String,
    pub bits: u8,
    /// "27 November 2026, 20:31 CET"; the seconds matter, so they are said too.
    pub waited_at: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// They have taken no turn.
    Outside,
    Waiting,
    /// It is their turn.
    Admitted,
    /// Their turn was used, or is over.
    Over,
}

pub enum StageView {
    Nothing,
    Clip {
        src: String,
        media_type: String,
        shape: Shape,
        poster: Picture,
    },
    Hls {
        src: String,
    },
    Embed {
        src: String,
    },
}

pub struct DropItem {
    pub variant: String,
    pub title: String,
    pub variant_title: String,
    pub picture: Picture,
    pub price: String,
    pub availability: String,
    /// "Pre-order: leaves by 18 December 2026"; empty: it is there.
    pub ships: String,
    pub tone: Tone,
    pub sold_out: bool,
    pub pinned: bool,
    pub wait: WaitView,
}

/// The waitlist of an item, as this browser meets it.
#[derive(Clone, PartialEq, Eq)]
pub enum WaitView {
    /// There is none now: it is not sold out, or the drop is not open.
    Closed,
    /// It can be joined.
    Open,
    /// "You are next: keep this page open.", "2 before you."
    On(String),
    /// The units are theirs until then: in words, and for the page's script.
    Offered(String, String),
}

/// A drop that was announced, by its address or its id.
pub async fn show(
    State(app): State<App>,
    OpenShop(front): OpenShop,
    browser: Browser,
    Path((_, name)): Path<(String, String)>,
    Query(query): Query<DropQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let signing_key = *app.db.signing_key();
    let key = browser.key(front.shop.id);
    let here = app.clone();
    let (page, front, frames) = app
        .db
        .read(move |tx| {
            let shop = front.shop.id;
            let found = match name.parse() {
                Ok(id) => drops::view(tx, shop, id)?,
                Err(_) => drops::view_by_slug(tx, shop, &name)?,
            };
            let Some(view) = found.filter(|view| view.drop.state != DropState::Draft) else {
                return Ok((None, front.clone(), None));
            };
            let elsewhere = match &view.drop.stage {
                Stage::Stream(kind, url) => Some((*kind, url.clone())),
                _ => None,
            };
            let mut page = DropPage::read(tx, &front, &view, key.as_ref())?;
            page.letter_said = match query.said.as_deref() {
                Some("asked") => "We sent a letter to that mailbox. Say yes there, and we write when it is time.",
                Some("mailbox") => "That did not work: write a whole mail address, such as jo@example.com, and keep your place on the list.",
                _ => "",
            };
            if let Some(token) = &query.letter {
                page.letter = LetterView::read(tx, &signing_key, &view, token, key.as_ref())?;
            }
            let asked = drops::asks_for(tx, &view.drop)?;
            if let (Some(bits), Some(key), Some(room)) = (asked, &key, &mut page.room)
                && room.standing == Standing::Outside
            {
                let challenge = drops::challenge(&signing_key, drops::turn_of(view.drop.id, key), tx.now(), bits);
                room.work = Some(Work {
                    waited_at: by_the_second(challenge.waited_at, &front.shop.time_zone),
                    challenge: challenge.text,
                    bits,
                });
            }
            let token = query.early.as_deref().unwrap_or_default();
            let invited = drops::read_invitation(&signing_key, view.drop.id, token).is_some();
            page.invited =
                Invited::of(&front, &view, token).filter(|_| invited && page.phase == "before" && !page.is_guest);
            if let Some(key) = &key {
                let own = checkout::own_in_drop(tx, shop, view.drop.id, key)?;
                page.own = own.map(|own| OwnView::of(&here, &front, &own, tx.now()));
            }
            Ok((Some(page), front.clone(), elsewhere))
        })
        .await?;
    let Some(page) = page else {
        return front.nothing_here();
    };
    let mut response = public(&headers, &page)?;
    if let Some((kind, url)) = frames {
        let directive = match kind {
            StreamKind::Embed => "frame-src",
            StreamKind::Hls => "media-src",
        };
        allow_on_page(&mut response, directive, &url);
    }
    Ok(response)
}

/// The drop under a name of its page, or under its id, if buyers may know of it.
pub(super) async fn announced(app: &App, shop: ShopId, name: &str) -> Result<Option<Drop>, Problem> {
    let name = name.to_owned();
    let found = app.db.read(move |tx| {
        Ok(match name.parse() {
            Ok(id) => drops::find(tx, shop, id)?,
            Err(_) => drops::find_by_slug(tx, shop, &name)?,
        })
    });
    Ok(found.await?.filter(|drop| drop.state != DropState::Draft))
}

/// Takes a turn in the waiting room: the browser holds its secret from here on.
pub async fn take_turn(
    State(app): State<App>,
    front: Front,
    _: SameOrigin,
    browser: Browser,
    ClientAddress(client): ClientAddress,
    Path((_, name)): Path<(String, String)>,
    Form(typed): Form<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let shop = front.shop.id;
    limit(&app, Limit::Checkout, Who::AddressAtShop(client, shop))?;
    let Some(drop) = announced(&app, shop, &name).await? else {
        return front.nothing_here();
    };
    let browser = browser.known(&app);
    let back = redirect(&front.path(&format!("/drops/{}", drop.slug)));
    if let Some(key) = browser.key(shop) {
        let (lane, id) = (LaneKey::of(drop.id), drop.id);
        let read = app.db.read(move |tx| {
            let has_turn = drops::stand(tx, &drop, &key)?.is_some();
            let asked = drops::asks_for(tx, &drop)?;
            Ok((asked.filter(|_| !has_turn), tx.now()))
        });
        if let (Some(_), now) = read.await? {
            let text = |name: &str| typed.get(name).map(String::as_str).unwrap_or_default();
            let answer = drops::Answered {
                challenge: text("challenge"),
                nonce: text("nonce"),
            };
            // The page says what a turn costs now; with the secret it is given here.
            if drops::check_work(app.db.signing_key(), drops::turn_of(id, &key), now, answer).is_err() {
                return Ok(browser.remember(back));
            }
            if answer.nonce.is_empty() {
                // Who waited instead of working may have waited for many at once.
                limit(&app, Limit::Waitlist, Who::AddressAtShop(client, shop))?;
            }
        }
        match app.db.write(lane, move |tx| drops::join(tx, shop, id, &key)).await {
            // A drop that closed meanwhile says so itself.
            Ok(_) => {}
            Err(error) if error.kind == Kind::Conflict => return Ok(back),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(browser.remember(back))
}

/// "20:31:05 CET".
fn by_the_second(at: Time, zone: &str) -> String {
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    at.timestamp().to_zoned(zone).strftime("%H:%M:%S %Z").to_string()
}

/// Makes this browser a guest of the drop by a link: it may buy before everybody else.
pub async fn enter_early(
    State(app): State<App>,
    front: Front,
    _: SameOrigin,
    browser: Browser,
    ClientAddress(client): ClientAddress,
    Path((_, name)): Path<(String, String)>,
    Form(typed): Form<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let shop = front.shop.id;
    limit(&app, Limit::Checkout, Who::AddressAtShop(client, shop))?;
    let Some(drop) = announced(&app, shop, &name).await? else {
        return front.nothing_here();
    };
    let back = Link::new("To the drop", &front.path(&format!("/drops/{}", drop.slug)));
    let token = typed.get("early").map(String::as_str).unwrap_or_default();
    let browser = browser.known(&app);
    let invitation = drops::read_invitation(app.db.signing_key(), drop.id, token);
    let bound = match (invitation, browser.key(shop)) {
        (Some(by), Some(key)) => {
            let (lane, id) = (LaneKey::of(drop.id), drop.id);
            app.db
                .write(lane, move |tx| drops::come_in(tx, shop, id, by, &key))
                .await
        }
        _ => Err(drops::no_such_link()),
    };
    match bound {
        Ok(drop) => Ok(browser.remember(redirect(&front.path(&format!("/drops/{}", drop.slug))))),
        Err(error) if error.kind == Kind::Conflict => {
            let page = MessagePage::new(
                front.frame(),
                409,
                "This link does not let you in earlier.",
                &error.detail,
                None,
                vec![back],
            );
            shown(StatusCode::CONFLICT, &page)
        }
        Err(error) => Err(error.into()),
    }
}

/// Joins the waitlist of something that is sold out, or leaves it.
pub async fn wait(
    State(app): State<App>,
    front: Front,
    _: SameOrigin,
    browser: Browser,
    ClientAddress(client): ClientAddress,
    Path((_, name)): Path<(String, String)>,
    Form(typed): Form<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let shop = front.shop.id;
    limit(&app, Limit::Checkout, Who::AddressAtShop(client, shop))?;
    let Some(drop) = announced(&app, shop, &name).await? else {
        return front.nothing_here();
    };
    let back = redirect(&front.path(&format!("/drops/{}", drop.slug)));
    let variant = typed.get("variant").and_then(|text| text.parse().ok());
    let leaves = typed.get("do").is_some_and(|what| what == "leave");
    let browser = browser.known(&app);
    if let (Some(key), Some(variant)) = (browser.key(shop), variant) {
        let (lane, id) = (LaneKey::of(drop.id), drop.id);
        let known = app.db.read(move |tx| drops::wait_of(tx, id, variant, &key));
        if !leaves && known.await?.is_none() {
            limit(&app, Limit::Waitlist, Who::AddressAtShop(client, shop))?;
        }
        let done = app.db.write(lane, move |tx| match leaves {
            true => drops::leave(tx, shop, id, variant, &key),
            false => drops::wait(tx, shop, id, variant, 1, &key).map(|_| ()),
        });
        match done.await {
            // There is some of it again, or the drop closed: the page says so itself.
            Ok(()) => {}
            Err(error) if error.kind == Kind::Conflict => return Ok(back),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(browser.remember(back))
}

/// What is left of something in a drop: always in figures.
pub fn left_words(left: i64, in_checkouts: i64) -> (String, Tone, bool) {
    let held = |held: i64| match held {
        1 => "1 in a checkout".to_owned(),
        held => format!("{held} in checkouts"),
    };
    match (left.max(0), in_checkouts) {
        (0, 0) => ("Sold out".into(), Tone::Plain, true),
        (0, on) => (format!("Sold out, {}", held(on)), Tone::Plain, true),
        (left, 0) => (
            format!("{left} left"),
            if left > 5 { Tone::Ok } else { Tone::Warn },
            false,
        ),
        (left, on) => (
            format!("{left} left, {}", held(on)),
            if left > 5 { Tone::Ok } else { Tone::Warn },
            false,
        ),
    }
}

impl Says {
    fn of(view: &View, now: Time, zone: &str, guest: bool) -> Self {
        let drop = &view.drop;
        let says = |tone, text: &str, until: Option<Time>, label| Self {
            tone,
            text: text.into(),
            until: until.map(|at| When {
                exact: words::exact_in(at, zone),
                ..when(at, now)
            }),
            until_label: label,
        };
        match drop.phase(now) {
            Phase::Draft | Phase::Before if guest && drop.is_early(now) => says(
                Tone::Ok,
                "Open for you and other guests now, before everybody else.",
                drop.opens_at,
                "For everybody",
            ),
            Phase::Draft | Phase::Before if guest => says(
                Tone::Ok,
                "You are a guest: it opens earlier for you, in this browser.",
                drop.early_from(),
                "Opens for you",
            ),
            Phase::Draft | Phase::Before => match drop.opens_at {
                Some(at) => says(
                    Tone::Plain,
                    "Not open yet. This page opens by itself.",
                    Some(at),
                    "Opens",
                ),
                None => says(
                    Tone::Plain,
                    "Not open yet. The host opens it by hand, and this page with it.",
                    None,
                    "",
                ),
            },
            Phase::Open if view.totals().left == 0 && view.totals().reserved == 0 => {
                says(Tone::Plain, "Everything is sold.", drop.closes_at, "Closes")
            }
            Phase::Open => says(Tone::Ok, "Open now.", drop.closes_at, "Closes"),
            Phase::Paused => says(
                Tone::Warn,
                "Paused for a moment. What is reserved stays reserved.",
                drop.closes_at,
                "Closes",
            ),
            Phase::Over => says(Tone::Plain, "This drop is over.", None, ""),
        }
    }
}

impl DropPage {
    fn read(tx: &mut Tx<'_>, front: &Front, view: &View, key: Option<&[u8; 32]>) -> Done<Self> {
        let (shop, drop, now) = (&front.shop, &view.drop, tx.now());
        let phase = drop.phase(now);
        let is_guest = match key {
            Some(key) if phase == Phase::Before => drops::is_guest(tx, drop.id, key)?,
            _ => false,
        };
        let early = is_guest && drop.is_early(now);
        let mut items = Vec::with_capacity(view.items.len());
        for item in &view.items {
            items.extend(DropItem::read(tx, front, view, item, (phase, early), key)?);
        }
        items.sort_by_key(|item| !item.pinned);
        let stage = StageView::read(tx, front, view)?;
        let address = front.address(&format!("/drops/{}", drop.slug));
        let preview = match &stage {
            StageView::Clip { poster, .. } if poster.src.starts_with('/') => Some(front.absolute(&poster.src)),
            _ => items
                .first()
                .filter(|item| item.picture.src.starts_with('/'))
                .map(|item| front.absolute(&item.picture.src)),
        };
        let words = if drop.description.is_empty() {
            &drop.title
        } else {
            &drop.description
        };
        let crumbs = BreadcrumbList::new([
            (shop.name.as_str(), front.address("").as_str()),
            (drop.title.as_str(), address.as_str()),
        ]);
        Ok(Self {
            frame: front.frame(),
            head: Head {
                title: format!("{} · {}", drop.title, shop.name),
                description: summary(words),
                canonical: address,
                kind: "website",
                picture: preview,
                markup: Markup::new(&[Thing::Breadcrumbs(crumbs)]),
                listed: phase != Phase::Over,
            },
            title: drop.title.clone(),
            description: paragraphs(&drop.description),
            phase: drops::live_api::phase_word(phase),
            says: Says::of(view, now, &shop.time_zone, is_guest),
            stage,
            items,
            limit: match drop.limit {
                0 => String::new(),
                limit => format!(
                    "Each buyer may have {}.",
                    words::count(u64::from(limit), "piece", "pieces")
                ),
            },
            holds: format!(
                "What you reserve is kept for you for {}.",
                words::count(drop.hold_minutes.unsigned_abs(), "minute", "minutes")
            ),
            checkout_path: front.path("/checkout"),
            waits_path: front.path(&format!("/drops/{}/waits", drop.slug)),
            own: None,
            early,
            is_guest,
            invited: None,
            letter: None,
            letter_said: "",
            letters_path: front.path(&format!("/drops/{}/letters", drop.slug)),
            reminds: phase == Phase::Before && drop.opens_at.is_some_and(|at| at.minus(drops::REMIND) > now),
            room: Room::read(tx, front, view, key)?,
            drop: drop.id.to_string(),
            key: identity::publishable_key(tx, shop.id)?,
            now: now.to_string(),
        })
    }
}

impl Invited {
    fn of(front: &Front, view: &View, token: &str) -> Option<Self> {
        let minutes = u64::from(view.drop.early_minutes);
        (minutes > 0).then(|| Self {
            token: token.to_owned(),
            path: front.path(&format!("/drops/{}/early", view.drop.slug)),
            earlier: words::count(minutes, "minute", "minutes"),
        })
    }
}

impl OwnView {
    fn of(app: &App, front: &Front, own: &Checkout, now: Time) -> Self {
        let units: u64 = own.offer.quote.lines.iter().map(|line| u64::from(line.quantity)).sum();
        let is = if units == 1 { "is" } else { "are" };
        Self {
            what: format!("{} {is}", words::count(units, "piece", "pieces")),
            until: When {
                exact: words::exact_in(own.expires_at, &front.shop.time_zone),
                ..when(own.expires_at, now)
            },
            path: back_url(app, front, own.id),
        }
    }
}

impl Room {
    fn read(tx: &mut Tx<'_>, front: &Front, view: &View, key: Option<&[u8; 32]>) -> Done<Option<Self>> {
        let Some(line) = &view.line else {
            return Ok(None);
        };
        let turn = match key {
            Some(key) => drops::stand(tx, &view.drop, key)?,
            None => None,
        };
        let place = turn.and_then(|turn| turn.place).unwrap_or(0);
        let ahead = (place - line.admitted).max(0);
        let minutes = u64::try_from(ahead).unwrap_or(0).div_ceil(u64::from(line.rate.max(1)));
        Ok(Some(Self {
            standing: match turn.map(|turn| turn.standing) {
                None => Standing::Outside,
                Some(TurnStanding::Waiting) => Standing::Waiting,
                Some(TurnStanding::Admitted) => Standing::Admitted,
                Some(TurnStanding::Expired | TurnStanding::Used) => Standing::Over,
            },
            turn_path: front.path(&format!("/drops/{}/turn", view.drop.slug)),
            place,
            admitted: line.admitted,
            rate: line.rate,
            estimate: match minutes {
                0 | 1 => "less than a minute".into(),
                minutes => format!("about {}", words::count(minutes, "minute", "minutes")),
            },
            arrivals: words::number(line.arrivals.unsigned_abs()),
            seed_hash: drops::seed_hash(&line.seed),
            seed: line
                .drawn
                .map(|_| line.seed.iter().map(|byte| format!("{byte:02x}")).collect()),
            turn: turn.map(|turn| turn.id.to_string()).unwrap_or_default(),
            work: None,
        }))
    }

    /// People who are let in before them.
    pub fn ahead(&self) -> i64 {
        (self.place - self.admitted - 1).max(0)
    }

    pub fn is(&self, standing: &str) -> bool {
        match self.standing {
            Standing::Outside => standing == "outside",
            Standing::Waiting => standing == "waiting",
            Standing::Admitted => standing == "admitted",
            Standing::Over => standing == "over",
        }
    }
}

impl StageView {
    fn read(tx: &mut Tx<'_>, front: &Front, view: &View) -> Done<Self> {
        Ok(match &view.drop.stage {
            Stage::Nothing => Self::Nothing,
            Stage::Clip(clip) => match clips::published(tx, front.shop.id, *clip)? {
                Some(clip) => Self::Clip {
                    src: clip.content.media.path(),
                    media_type: clip.content.media.content_type.clone(),
                    shape: Shape::of(clip.content.media.width, clip.content.media.height),
                    poster: poster(&clip),
                },
                None => Self::Nothing, // It was taken down since.
            },
            Stage::Stream(StreamKind::Hls, url) => Self::Hls { src: url.clone() },
            Stage::Stream(StreamKind::Embed, url) => Self::Embed { src: url.clone() },
        })
    }

    pub fn class(&self) -> &'static str {
        match self {
            Self::Nothing => "bare",
            Self::Clip { shape, .. } => shape.class(),
            Self::Hls { .. } | Self::Embed { .. } => "wide",
        }
    }
}

impl DropItem {
    fn read(
        tx: &mut Tx<'_>,
        front: &Front,
        view: &View,
        item: &Item,
        (phase, early): (Phase, bool),
        key: Option<&[u8; 32]>,
    ) -> Done<Option<Self>> {
        let shop = &front.shop;
        let (Some(product), Some(variant)) = (
            catalog::product_of(tx, shop.id, item.variant)?,
            catalog::variant(tx, shop.id, item.variant, shop.currency)?,
        ) else {
            return Ok(None);
        };
        let figures = view.figures(item);
        let (availability, tone, sold_out) = match phase {
            Phase::Before if early => left_words(figures.left, figures.reserved),
            Phase::Draft | Phase::Before => (
                words::count(u64::from(item.allotment), "piece", "pieces"),
                Tone::Plain,
                false,
            ),
            Phase::Open | Phase::Paused => left_words(figures.left, figures.reserved),
            Phase::Over if figures.returned > 0 => ("Over".into(), Tone::Plain, true),
            Phase::Over => ("Sold out".into(), Tone::Plain, true),
        };
        let known = match key {
            Some(key) if phase == Phase::Open => drops::wait_of(tx, view.drop.id, item.variant, key)?,
            _ => None,
        };
        let waited = phase == Phase::Open && drops::is_promised(tx, view.drop.id, item.variant, figures.left)?;
        let wait = match known {
            Some(known) if known.is_offer(tx.now()) => {
                let until = known.offered_until.unwrap_or(tx.now());
                WaitView::Offered(words::exact_in(until, &shop.time_zone), until.to_string())
            }
            Some(known) => WaitView::On(match drops::before_wait(tx, view.drop.id, &known)? {
                0 => "You are next: keep this page open.".into(),
                before if before >= drops::COUNTED => format!("{before} or more before you."),
                before => format!("{before} before you."),
            }),
            None if phase == Phase::Open && (sold_out || waited) => WaitView::Open,
            None => WaitView::Closed,
        };
        let offered = matches!(wait, WaitView::Offered(..));
        let sold_out = (sold_out || waited) && !offered;
        let (availability, tone) = match offered {
            true => ("Kept for you".into(), Tone::Ok),
            false => (availability, tone),
        };
        let ships = match item.ships_by.filter(|_| phase != Phase::Over) {
            Some(announced) => {
                let promised = preorders::offered_in_drop(tx, view.drop.place(), item.variant)?;
                let day = promised.map_or(announced, |promised| promised.ships_by);
                format!("Pre-order: leaves by {}", words::day_in(day, &shop.time_zone))
            }
            None => String::new(),
        };
        Ok(Some(Self {
            wait,
            variant: item.variant.to_string(),
            title: product.title.clone(),
            variant_title: variant.title,
            picture: picture(tx, shop, &product.image, &product.title)?,
            price: words::money(item.price),
            availability,
            ships,
            tone,
            sold_out,
            pinned: phase != Phase::Over && view.drop.pinned == Some(item.variant),
        }))
    }
}

impl DropPage {
    pub fn can_buy(&self) -> bool {
        self.early
            || self.phase == "open"
                && self
                    .room
                    .as_ref()
                    .is_none_or(|room| room.standing == Standing::Admitted)
    }

    pub fn has_hls(&self) -> bool {
        matches!(self.stage, StageView::Hls { .. })
    }

    pub fn has_work(&self) -> bool {
        self.room.as_ref().is_some_and(|room| room.work.is_some())
    }

    /// What is offered to this browser needs no turn.
    pub fn may_buy(&self, item: &DropItem) -> bool {
        self.can_buy() || (self.phase == "open" && matches!(item.wait, WaitView::Offered(..)))
    }

    /// In a waiting room, and not let in: the button says so.
    pub fn waits(&self) -> bool {
        self.phase == "open" && !self.can_buy()
    }

    pub fn is_over(&self) -> bool {
        self.phase == "over"
    }

    pub fn sample() -> Self {
        let item = |id: &str, image: &str, title: &str, price: &str, availability: &str, tone, pinned| DropItem {
            variant: id.into(),
            title: title.into(),
            variant_title: "Smoke".into(),
            picture: Picture::new(&format!("/media/sample-{image}.webp"), title, 1000, 1000),
            price: price.into(),
            availability: availability.into(),
            ships: match pinned {
                true => "Pre-order: leaves by 18 December 2026".into(),
                false => String::new(),
            },
            tone,
            sold_out: availability == "Sold out",
            wait: match availability {
                "Sold out" => WaitView::On("2 before you.".into()),
                _ => WaitView::Closed,
            },
            pinned,
        };
        Self {
            frame: Frame::sample(),
            head: Head {
                title: "Friday firing · Loam & Ink".into(),
                description: "Forty mugs out of one kiln.".into(),
                canonical: "https://shop.example/s/loam-and-ink/drops/friday-firing".into(),
                kind: "website",
                picture: None,
                markup: Markup::new(&[]),
                listed: true,
            },
            title: "Friday firing".into(),
            description: vec!["Forty mugs out of one kiln, opened in front of you.".into()],
            phase: "open",
            says: Says {
                tone: Tone::Ok,
                text: "Open now.".into(),
                until: Some(When::new(
                    "2026-11-27T19:30:00Z",
                    "in 12 minutes",
                    "27 November 2026, 19:30 UTC",
                )),
                until_label: "Closes",
            },
            stage: StageView::Clip {
                src: "/media/sample.mp4".into(),
                media_type: "video/mp4".into(),
                shape: Shape::Tall,
                poster: Picture::new("/media/sample-two-pulls.webp", "", 720, 1280),
            },
            items: vec![
                item(
                    "var_01ktide",
                    "mug",
                    "Dune mug",
                    "€25.00",
                    "3 left, 2 in checkouts",
                    Tone::Warn,
                    true,
                ),
                item(
                    "var_01ksalt",
                    "dripper",
                    "Slow dripper",
                    "€42.00",
                    "Sold out",
                    Tone::Plain,
                    false,
                ),
            ],
            limit: "Each buyer may have 2 pieces.".into(),
            holds: "What you reserve is kept for you for 3 minutes.".into(),
            checkout_path: "/s/loam-and-ink/checkout".into(),
            waits_path: "/s/loam-and-ink/drops/friday-firing/waits".into(),
            own: None,
            early: false,
            is_guest: false,
            invited: None,
            letter: None,
            letter_said: "",
            letters_path: "/s/loam-and-ink/drops/friday-firing/letters".into(),
            reminds: false,
            room: None,
            drop: "drp_01kdrop".into(),
            key: "pk_sample".into(),
            now: "2026-11-27T19:18:00Z".into(),
        }
    }

    pub fn sample_before() -> Self {
        let mut page = Self::sample();
        page.phase = "before";
        page.reminds = true;
        page.says.tone = Tone::Plain;
        page.says.text = "Not open yet. This page opens by itself.".into();
        page.says.until_label = "Opens";
        page.stage = StageView::Embed {
            src: "https://player.example.com/live/1".into(),
        };
        page.items.iter_mut().for_each(|item| {
            item.pinned = false;
            item.sold_out = false;
            item.wait = WaitView::Closed;
            item.availability = "20 pieces".into();
        });
        page
    }

    fn sample_room(standing: Standing, place: i64, admitted: i64) -> Option<Room> {
        Some(Room {
            standing,
            turn_path: "/s/loam-and-ink/drops/friday-firing/turn".into(),
            place,
            admitted,
            rate: 60,
            estimate: "about 4 minutes".into(),
            arrivals: "1,204".into(),
            seed_hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
            seed: (place > 0).then(|| "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752".into()),
            turn: "trn_01kturn".into(),
            work: None,
        })
    }

    /// A link brought somebody here.
    pub fn sample_invited() -> Self {
        Self {
            invited: Some(Invited {
                token: "erl_01.sample".into(),
                path: "/s/loam-and-ink/drops/friday-firing/early".into(),
                earlier: "10 minutes".into(),
            }),
            ..Self::sample_before()
        }
    }

    /// A guest, before everybody else.
    pub fn sample_early() -> Self {
        let mut page = Self::sample_before();
        page.says.tone = Tone::Ok;
        page.says.text = "Open for you and other guests now, before everybody else.".into();
        page.says.until_label = "For everybody";
        (page.early, page.is_guest) = (true, true);
        page
    }

    /// Somebody who reserved comes back to the page.
    pub fn sample_own() -> Self {
        Self {
            own: Some(OwnView {
                what: "1 piece is".into(),
                until: When::new("2026-11-27T19:21:00Z", "in 3 minutes", "27 November 2026, 19:21 UTC"),
                path: "/s/loam-and-ink/checkout".into(),
            }),
            ..Self::sample()
        }
    }

    /// Before the opening of a drop with a waiting room.
    pub fn sample_room_before() -> Self {
        Self {
            room: Self::sample_room(Standing::Outside, 0, 0),
            ..Self::sample_before()
        }
    }

    /// By the link of a letter.
    pub fn sample_letter(state: ContactState, elsewhere: bool) -> Self {
        Self {
            letter: Some(LetterView {
                token: "dct_01.sample".into(),
                email: "jo@example.com".into(),
                about: "when what you wait for is kept for you",
                state,
                elsewhere,
            }),
            ..Self::sample()
        }
    }

    /// With a stream that is a playlist.
    pub fn sample_hls() -> Self {
        Self {
            stage: StageView::Hls {
                src: "https://live.example.com/friday.m3u8".into(),
            },
            ..Self::sample()
        }
    }

    /// In a rush: a turn costs a moment of work.
    pub fn sample_room_work() -> Self {
        let mut page = Self::sample_room_before();
        if let Some(room) = &mut page.room {
            room.work = Some(Work {
                challenge: "AAZk".into(),
                bits: 15,
                waited_at: "20:31:05 CET".into(),
            });
        }
        page
    }

    pub fn sample_room_waiting() -> Self {
        Self {
            room: Self::sample_room(Standing::Waiting, 812, 590),
            ..Self::sample()
        }
    }

    pub fn sample_room_admitted() -> Self {
        Self {
            room: Self::sample_room(Standing::Admitted, 12, 590),
            ..Self::sample()
        }
    }

    pub fn sample_over() -> Self {
        let mut page = Self::sample();
        page.phase = "over";
        page.says = Says {
            tone: Tone::Plain,
            text: "This drop is over.".into(),
            until: None,
            until_label: "",
        };
        page.stage = StageView::Nothing;
        page.items.iter_mut().for_each(|item| {
            item.pinned = false;
            item.sold_out = true;
            item.wait = WaitView::Closed;
            item.availability = "Sold out".into();
        });
        page
    }
}
