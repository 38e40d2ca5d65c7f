//! One difference that goes back to all earlier buyers: how many they are and how much it is, the switch, and how far it is.

use super::frame::{Chip, Frame, Section, Tone};
use super::price_matches_page::standing;
use super::when::When;
use crate::app::App;
use crate::checkout;
use crate::db::{LaneKey, Tx};
use crate::http::{Path, Problem, page, redirect};
use crate::identity::{Analyst, Creator, Shop, Staff, shop};
use crate::kernel::{Error, PriceMatchId, Result, Time, words};
use crate::price_matches::{self, Act, MatchOrder, MatchState, OrderState, PriceMatch, Progress};
use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;

/// An order of it that something is to be said about.
pub struct OrderRow {
    pub number: String,
    pub link: String,
    pub planned: String,
    pub why: String,
}

#[derive(Template)]
#[template(path = "studio/price_match.html")]
pub struct PriceMatchPage {
    pub frame: Frame,
    pub here: String,
    pub title: String,
    pub state: Chip,
    pub at: When,
    /// "980 orders are owed €2,940.00".
    pub sentence: String,
    pub percent: u64,
    pub is_moving: bool,
    /// Name and amount of what there is to say in numbers.
    pub figures: Vec<(String, String)>,
    pub skipped: Vec<OrderRow>,
    pub later: Vec<OrderRow>,
    /// "Give €2,940.00 back to 980 buyers"; empty where it cannot be started.
    pub start: String,
    pub can_pause: bool,
    pub can_cancel: bool,
    /// Why it could not be done.
    pub refused: String,
}

/// Orders listed of one kind.
const MOST: i64 = 50;

/// What the page reads, in one snapshot.
struct Desk {
    shop: Shop,
    found: PriceMatch,
    progress: Progress,
    skipped: Vec<(MatchOrder, String)>,
    later: Vec<(MatchOrder, String)>,
    now: Time,
}

fn read(tx: &mut Tx<'_>, staff: &Staff, id: PriceMatchId) -> Result<Desk> {
    let found = price_matches::find(tx, staff.shop, id)?.ok_or_else(|| Error::not_found("price match"))?;
    Ok(Desk {
        shop: shop(tx, staff.shop)?,
        progress: price_matches::progress(tx, id)?,
        skipped: named(tx, &found, OrderState::Skipped)?,
        later: named(tx, &found, OrderState::Later)?,
        now: tx.now(),
        found,
    })
}

fn named(tx: &mut Tx<'_>, found: &PriceMatch, state: OrderState) -> Result<Vec<(MatchOrder, String)>> {
    let mut all = Vec::new();
    for row in price_matches::orders(tx, found.id, Some(state), None, MOST)?.data {
        let order = checkout::order(tx, found.shop, row.order)?;
        all.push((row, order.map_or_else(String::new, |order| order.number)));
    }
    Ok(all)
}

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Path((_, id)): Path<(String, PriceMatchId)>,
) -> std::result::Result<Response, Problem> {
    shown(&app, &staff.0, id, "").await
}

async fn shown(app: &App, staff: &Staff, id: PriceMatchId, refused: &str) -> std::result::Result<Response, Problem> {
    let who = staff.clone();
    let desk = app.db.read(move |tx| read(tx, &who, id)).await?;
    let mut found = PriceMatchPage::of(&desk, staff);
    refused.clone_into(&mut found.refused);
    let mut response = page(&found)?;
    if found.is_moving {
        // It shows how far it is by itself, with and without scripts.
        response
            .headers_mut()
            .insert(header::REFRESH, HeaderValue::from_static("3"));
    }
    Ok(response)
}

/// Starts it, or lets it go on.
pub async fn start(
    State(app): State<App>,
    creator: Creator,
    Path((_, id)): Path<(String, PriceMatchId)>,
) -> std::result::Result<Response, Problem> {
    act(&app, &creator, id, Act::Start).await
}

pub async fn pause(
    State(app): State<App>,
    creator: Creator,
    Path((_, id)): Path<(String, PriceMatchId)>,
) -> std::result::Result<Response, Problem> {
    act(&app, &creator, id, Act::Pause).await
}

pub async fn cancel(
    State(app): State<App>,
    creator: Creator,
    Path((_, id)): Path<(String, PriceMatchId)>,
) -> std::result::Result<Response, Problem> {
    act(&app, &creator, id, Act::Cancel).await
}

async fn act(app: &App, staff: &Staff, id: PriceMatchId, what: Act) -> std::result::Result<Response, Problem> {
    let shop_id = staff.shop;
    let done = app
        .db
        .write(LaneKey::of(id), move |tx| {
            let done = price_matches::act(tx, shop_id, id, what)?;
            Ok((done, shop(tx, shop_id)?.slug))
        })
        .await;
    match done {
        Ok((Some(_), slug)) => Ok(redirect(&format!("/studio/{slug}/price-matches/{id}"))),
        Ok((None, _)) => Err(Error::not_found("price match").into()),
        Err(error) if error.code == "wrong_state" => shown(app, staff, id, &error.detail).await,
        Err(error) => Err(error.into()),
    }
}

impl PriceMatchPage {
    fn of(desk: &Desk, staff: &Staff) -> Self {
        let (found, progress) = (&desk.found, &desk.progress);
        let frame = Frame::of(&desk.shop, staff, Section::Orders, &found.title);
        let money = |minor| words::money(found.money(minor));
        let orders = words::count(progress.orders, "order", "orders");
        let row = |(row, number): &(MatchOrder, String)| OrderRow {
            number: number.clone(),
            link: format!("{}/{}", frame.to(&Section::Orders), row.order),
            planned: money(row.planned_minor),
            why: row.why.clone(),
        };
        let sentence = match found.state {
            MatchState::Counting => format!("The orders are being counted: {orders} so far."),
            MatchState::Ready if progress.orders == 0 => "Nobody paid more than it costs now.".to_owned(),
            MatchState::Ready => format!("{orders} paid more: {} altogether.", money(progress.planned_minor)),
            MatchState::Running => format!(
                "{} of {orders} are done. It goes on by itself, also when you leave this page.",
                progress.done + progress.skipped
            ),
            MatchState::Paused => format!(
                "{} of {orders} are done. Nothing more begins.",
                progress.done + progress.skipped
            ),
            MatchState::Done => format!("All {orders} are done."),
            MatchState::Canceled => "It was ended. What went back stays so.".to_owned(),
        };
        let mut figures = vec![
            ("Given back".to_owned(), money(progress.refunded_minor)),
            ("Counted".to_owned(), money(progress.planned_minor)),
            ("Buyers who have it".to_owned(), progress.done.to_string()),
        ];
        if progress.later > 0 {
            figures.push((
                "Not paid yet: get it once they have".to_owned(),
                progress.later.to_string(),
            ));
        }
        if progress.skipped > 0 {
            figures.push(("Left out".to_owned(), progress.skipped.to_string()));
        }
        let may = staff.role.may_create();
        Self {
            here: format!("/studio/{}/price-matches/{}", desk.shop.slug, found.id),
            title: found.title.clone(),
            state: standing(found.state),
            at: When::of(found.created_at, desk.now),
            sentence,
            percent: progress.percent(),
            is_moving: matches!(found.state, MatchState::Counting | MatchState::Running),
            figures,
            skipped: desk.skipped.iter().map(row).collect(),
            later: desk.later.iter().map(row).collect(),
            start: match found.state {
                MatchState::Ready if may && progress.orders > 0 => format!(
                    "Give {} back to {}",
                    money(progress.planned_minor),
                    words::count(progress.orders, "buyer", "buyers")
                ),
                MatchState::Paused if may => "Go on".to_owned(),
                _ => String::new(),
            },
            can_pause: may && found.state == MatchState::Running,
            can_cancel: may && !matches!(found.state, MatchState::Done | MatchState::Canceled),
            refused: String::new(),
            frame,
        }
    }

    pub fn sample() -> Self {
        Self {
            frame: Frame::sample(Section::Orders, "Autumn kiln"),
            here: "/studio/nour/price-matches/pmt_01jd4a1b2c3d4e5f6g7h8j1044".into(),
            title: "Autumn kiln".into(),
            state: Chip::new(Tone::Ok, "Running"),
            at: When::new("2 min ago", "21 November 2026, 14:10 UTC", "2026-11-21T14:10:00Z"),
            sentence: "412 of 980 orders are done. It goes on by itself, also when you leave this page.".into(),
            percent: 42,
            is_moving: true,
            figures: vec![
                ("Given back".into(), "€1,236.00".into()),
                ("Counted".into(), "€2,940.00".into()),
                ("Buyers who have it".into(), "411".into()),
                ("Left out".into(), "1".into()),
            ],
            skipped: vec![OrderRow {
                number: "1042".into(),
                link: "/studio/nour/orders/ord_01jd4a1b2c3d4e5f6g7h8j9k0n".into(),
                planned: "€3.00".into(),
                why: "The buyer's bank has its money and has not decided yet.".into(),
            }],
            later: Vec::new(),
            start: String::new(),
            can_pause: true,
            can_cancel: true,
            refused: String::new(),
        }
    }

    /// Counted, and waits for a person.
    pub fn ready() -> Self {
        Self {
            state: Chip::new(Tone::Warn, "Waits for you"),
            sentence: "980 orders paid more: €2,940.00 altogether.".into(),
            percent: 0,
            is_moving: false,
            figures: vec![("Counted".into(), "€2,940.00".into())],
            skipped: Vec::new(),
            start: "Give €2,940.00 back to 980 buyers".into(),
            can_pause: false,
            ..Self::sample()
        }
    }
}
