//! A waiting room over HTTP: turns, and the draw anybody can check.

use super::buyer_key::{BuyerKey, announced, key_needed};
use super::line::{asks_for, drawn, join, seed_hash, stand};
use super::model::{TurnNow, TurnStanding, hex, turn_of};
use super::work::{self, Answered, Challenge, NoWork};
use crate::app::App;
use crate::db::LaneKey;
use crate::http::{ClientAddress, Limit, Path, Problem, Query, Who, json, limit};
use crate::identity::Player;
use crate::kernel::{DropId, Time, TurnId};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// A buyer's turn in a waiting room.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Turn)]
pub struct TurnOut {
    pub id: TurnId,
    pub standing: TurnStanding,
    /// From 1; absent before the draw. Whoever's place is not above `waiting_room.admitted` of the live event was let in.
    pub place: Option<i64>,
    /// Until when they may reserve, once.
    pub pass_until: Option<Time>,
}

impl From<TurnNow> for TurnOut {
    fn from(turn: TurnNow) -> Self {
        Self {
            id: turn.id,
            standing: turn.standing,
            place: turn.place,
            pass_until: turn.pass_until,
        }
    }
}

/// The draw of those who came before the opening, for whoever checks it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DropDraw)]
pub struct DrawOut {
    pub seed_hash: String,
    /// In hex; told when the drop opens.
    pub seed: Option<String>,
    /// How many are in the draw.
    pub drawn: Option<i64>,
    /// In its order, from the place after `after`, at most a thousand. A turn's rank is HMAC-SHA256 over the 16 bytes of its id, with the seed as key;
    /// the smallest is first.
    pub turns: Vec<TurnId>,
}

/// What a new turn costs in a rush.
fn work_needed(challenge: &Challenge, why: NoWork, sent: bool) -> Problem {
    let detail = match (sent, why) {
        (false, _) => "Many come at once: work on this challenge, or wait, then ask again with `Hawker-Work`.",
        (true, NoWork::Forged) => "This challenge is not one of ours for this turn. Here is one.",
        (true, NoWork::Expired) => "This challenge is too old. Here is another.",
        (true, NoWork::Wrong) => "This is no answer to the challenge.",
        (true, NoWork::TooSoon) => "You have neither worked nor waited long enough.",
    };
    Problem::new(StatusCode::PRECONDITION_REQUIRED, "drop_work_needed", detail)
        .with("challenge", &challenge.text)
        .with("bits", challenge.bits)
        .with("waited_at", challenge.waited_at)
}

/// Take a turn in a drop's waiting room, for the browser that holds the key. Asked again, it is the same turn.
#[utoipa::path(put, path = "/v1/drops/{drop}/turn", tag = "drops", params(("drop" = DropId, Path),
    ("Hawker-Buyer-Key" = String, Header, description = "A secret this browser made and keeps; send it with the purchase too."),
    ("Hawker-Work" = Option<String>, Header, description = "In a rush: `challenge:nonce`, where SHA-256 over exactly that text begins with as many zero bits as `bits` says; or `challenge:` after `waited_at`.")),
    security(("key" = [])), responses((status = 200, body = TurnOut), (status = 404, description = "`no_such_drop`"),
    (status = 428, description = "`drop_work_needed` with `challenge`, `bits` and `waited_at`: a new turn costs work now. A challenge is good for three minutes, for this key only."),
    (status = 409, description = "`drop_closed`, `no_waiting_room`"), (status = 422, description = "`buyer_key_needed`")))]
pub async fn put_turn(
    State(app): State<App>,
    player: Player,
    ClientAddress(address): ClientAddress,
    key: BuyerKey,
    headers: HeaderMap,
    Path(id): Path<DropId>,
) -> Result<Response, Problem> {
    let shop = player.shop;
    let drop = announced(&app, shop, id).await?;
    let key = key.hash(shop).ok_or_else(key_needed)?;
    limit(&app, Limit::Checkout, Who::AddressAtShop(address, shop))?;
    // Whoever has a turn asks how it stands, again and again: that is no write, and costs no work.
    let read = app.db.read(move |tx| {
        let now = tx.now();
        Ok((stand(tx, &drop, &key)?, asks_for(tx, &drop)?, now))
    });
    let (known, asked, now) = read.await?;
    if let Some(known) = known {
        return Ok(json(StatusCode::OK, TurnOut::from(known)));
    }
    if let Some(bits) = asked {
        let (signing_key, turn) = (app.db.signing_key(), turn_of(id, &key));
        let sent = headers.get("hawker-work").and_then(|value| value.to_str().ok());
        let (text, nonce) = sent.and_then(|sent| sent.split_once(':')).unwrap_or_default();
        let answer = Answered { challenge: text, nonce };
        if let Err(why) = work::check(signing_key, turn, now, answer) {
            return Err(work_needed(
                &work::challenge(signing_key, turn, now, bits),
                why,
                sent.is_some(),
            ));
        }
        if nonce.is_empty() {
            // Who waited instead of working may have waited for many at once.
            limit(&app, Limit::Waitlist, Who::AddressAtShop(address, shop))?;
        }
    }
    let turn = app
        .db
        .write(LaneKey::of(id), move |tx| join(tx, shop, id, &key))
        .await?;
    Ok(json(StatusCode::OK, TurnOut::from(turn)))
}

/// How this browser's turn stands.
#[utoipa::path(get, path = "/v1/drops/{drop}/turn", tag = "drops", params(("drop" = DropId, Path),
    ("Hawker-Buyer-Key" = String, Header, description = "The secret the turn was taken with.")), security(("key" = [])),
    responses((status = 200, body = TurnOut), (status = 404, description = "`no_such_drop`, `no_turn`"), (status = 422, description = "`buyer_key_needed`")))]
pub async fn get_turn(
    State(app): State<App>,
    player: Player,
    key: BuyerKey,
    Path(id): Path<DropId>,
) -> Result<Response, Problem> {
    let shop = player.shop;
    let drop = announced(&app, shop, id).await?;
    let key = key.hash(shop).ok_or_else(key_needed)?;
    let turn = app.db.read(move |tx| stand(tx, &drop, &key)).await?;
    let none = || Problem::new(StatusCode::NOT_FOUND, "no_turn", "This browser has taken no turn here.");
    Ok(json(StatusCode::OK, TurnOut::from(turn.ok_or_else(none)?)))
}

/// From where the draw is read.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DrawIn {
    /// The place after which to go on; from the first if absent.
    after: Option<u32>,
}

/// The draw of those who came before the opening: the seed's hash before, the seed and everybody's place after. Anybody can check it.
#[utoipa::path(get, path = "/v1/drops/{drop}/draw", tag = "drops", params(DrawIn, ("drop" = DropId, Path)), security(("key" = [])),
    responses((status = 200, body = DrawOut), (status = 404, description = "`no_such_drop`"), (status = 409, description = "`no_waiting_room`")))]
pub async fn get_draw(
    State(app): State<App>,
    player: Player,
    Path(id): Path<DropId>,
    Query(asked): Query<DrawIn>,
) -> Result<Response, Problem> {
    let drop = announced(&app, player.shop, id).await?;
    let after = i64::from(asked.after.unwrap_or(0));
    let (line, turns) = app.db.read(move |tx| drawn(tx, &drop, after, 1000)).await?;
    let none = || Problem::conflict("no_waiting_room", "This drop has no waiting room.");
    let line = line.ok_or_else(none)?;
    let out = DrawOut {
        seed_hash: seed_hash(&line.seed),
        seed: line.drawn.map(|_| hex(&line.seed)),
        drawn: line.drawn,
        turns,
    };
    Ok(json(StatusCode::OK, out))
}
