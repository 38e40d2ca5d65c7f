//! A drop's waiting room: who came, the draw that puts those who came before the opening in order, and the waves in which people are let in.
//!
//! Nobody can choose their place: a turn's id follows from a secret its buyer made, its rank from a seed of ours, and the seed's hash was shown before
//! either was known to the other. After the opening the seed is told, and anybody can put the turns in order themselves.

use super::model::{Drop, DropState, Line, Phase, Turn, TurnNow, TurnStanding, hex, turn_of, unknown};
use super::run::opened;
use super::store;
use super::work::{RUSH, RUSH_LASTS};
use crate::db::Tx;
use crate::kernel::{CheckoutId, DropId, Error, Id, Result, Seconds, ShopId, Time};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// How long whoever was let in may take to reserve.
pub const PASS: Seconds = Seconds::minutes(5);
/// The first to be let in do not wait for a wave: so many seconds' worth of them go in at the opening.
const HEAD_START: Seconds = Seconds(5);
/// Let in by one command.
const WAVE_MAX: i64 = 200;

/// The place of a turn in the draw: by this, smallest first.
pub fn rank(seed: &[u8; 32], turn: crate::kernel::TurnId) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(seed).expect("HMAC takes any key length");
    mac.update(turn.uuid().as_bytes());
    mac.finalize().into_bytes().into()
}

/// What is shown of a seed before it is told.
pub fn seed_hash(seed: &[u8; 32]) -> String {
    hex(&Sha256::digest(seed))
}

/// Makes the room of a drop that is being announced; its seed's hash. None: it has no room.
pub(super) fn furnish(tx: &mut Tx<'_>, drop: &Drop) -> Result<Option<String>> {
    if drop.line_rate == 0 {
        return Ok(None);
    }
    let seed: [u8; 32] = Sha256::digest(tx.token()).into();
    store::insert_line(tx, drop, &seed)?;
    Ok(Some(seed_hash(&seed)))
}

/// The draw: whoever came so far is in it. Its seed, told from now on.
pub(super) fn draw(tx: &mut Tx<'_>, drop: &Drop) -> Result<Option<serde_json::Value>> {
    if drop.line_rate == 0 {
        return Ok(None);
    }
    store::draw(tx, drop.id, tx.now().minus(HEAD_START))?;
    let line = store::line(tx, drop.id)?;
    Ok(line.map(|line| serde_json::json!({ "seed": hex(&line.seed), "drawn": line.drawn })))
}

fn no_room() -> Error {
    Error::conflict("no_waiting_room", "This drop has no waiting room: buy when it is open.")
}

/// Takes a turn for a buyer's key; asked again, it is the same turn. Errors: `no_such_drop`, `drop_closed`, `no_waiting_room`.
pub fn join(tx: &mut Tx<'_>, shop: ShopId, id: DropId, key: &[u8; 32]) -> Result<TurnNow> {
    let mut drop = store::find(tx, shop, id)?.ok_or_else(unknown)?;
    let phase = drop.phase(tx.now());
    match phase {
        Phase::Draft => return Err(unknown()),
        Phase::Over => return Err(Error::conflict("drop_closed", "This drop is over.")),
        _ if drop.line_rate == 0 => return Err(no_room()),
        _ => {}
    }
    let turn = turn_of(id, key);
    if let Some(known) = stand(tx, &drop, key)? {
        return Ok(known);
    }
    if phase == Phase::Open && drop.state == DropState::Scheduled {
        drop = opened(tx, &drop, None)?;
    }
    let line = store::arrive(tx, id, RUSH, RUSH_LASTS)?.ok_or_else(no_room)?;
    let (late, rank) = match line.drawn {
        None => (false, rank(&line.seed, turn)),
        Some(_) => {
            let mut number = [0; 32];
            number[24..].copy_from_slice(&line.arrivals.to_be_bytes());
            (true, number)
        }
    };
    if late {
        store::begin_again(tx, id)?;
    }
    if !store::insert_turn(tx, shop, id, turn, late, &rank)? {
        return Err(Error::engine(
            crate::kernel::Engine::Retry,
            "the same buyer came twice in one instant",
        ));
    }
    stand(tx, &drop, key)?.ok_or_else(|| Error::internal("a turn was not written"))
}

/// Leading zero bits a new turn costs now. None: nothing, also where there is no room.
pub fn asks_for(tx: &mut Tx<'_>, drop: &Drop) -> Result<Option<u8>> {
    if drop.line_rate == 0 {
        return Ok(None);
    }
    let now = tx.now();
    Ok(store::line(tx, drop.id)?.and_then(|line| line.asks_for(now)))
}

/// How a buyer's turn stands. None: they have none.
pub fn stand(tx: &mut Tx<'_>, drop: &Drop, key: &[u8; 32]) -> Result<Option<TurnNow>> {
    let Some(turn) = store::turn(tx, drop.id, turn_of(drop.id, key))? else {
        return Ok(None);
    };
    let line = store::line(tx, drop.id)?.ok_or_else(no_room)?;
    let place = match (line.drawn, turn.late) {
        (None, _) => None,
        (Some(_), true) => Some(i64::from_be_bytes(turn.rank[24..].try_into().expect("eight bytes"))),
        (Some(_), false) => Some(store::before(tx, &turn)? + 1),
    };
    Ok(Some(TurnNow {
        id: turn.id,
        standing: standing(&turn, tx.now()),
        place,
        pass_until: turn.pass_until,
    }))
}

fn standing(turn: &Turn, now: Time) -> TurnStanding {
    match (turn.used, turn.pass_until) {
        (true, _) => TurnStanding::Used,
        (false, None) => TurnStanding::Waiting,
        (false, Some(until)) if until > now => TurnStanding::Admitted,
        (false, Some(_)) => TurnStanding::Expired,
    }
}

/// Spends a buyer's pass on a checkout, in the transaction that reserves: once, in time, and only with the key it was given to.
///
/// Errors: `drop_pass_needed`, `drop_pass_waiting`, `drop_pass_expired`, `drop_pass_used`.
pub fn use_pass(tx: &mut Tx<'_>, drop: DropId, key: Option<&[u8; 32]>, checkout: CheckoutId) -> Result<()> {
    let no = |code, detail: &'static str| Err(Error::conflict(code, detail));
    let needed = || {
        no(
            "drop_pass_needed",
            "This drop lets people in one after another: take a turn in its waiting room first.",
        )
    };
    let Some(key) = key else {
        return needed();
    };
    let id = turn_of(drop, key);
    if store::use_pass(tx, id, checkout)? {
        return Ok(());
    }
    match store::turn(tx, drop, id)?.map(|turn| standing(&turn, tx.now())) {
        None => needed(),
        Some(TurnStanding::Waiting | TurnStanding::Admitted) => no(
            "drop_pass_waiting",
            "It is not your turn yet. You keep your place; nothing was reserved.",
        ),
        Some(TurnStanding::Expired) => no(
            "drop_pass_expired",
            "Your turn is over: it is for five minutes. Nothing was reserved.",
        ),
        Some(TurnStanding::Used) => no(
            "drop_pass_used",
            "Your turn was used for another purchase. Nothing was reserved.",
        ),
    }
}

/// Lets the next ones in, as many as the rate allows since the last wave. Two who do it at once let nobody in twice. Whether it was a full wave: then
/// there may be more to let in now.
pub(super) fn wave(tx: &mut Tx<'_>, drop: DropId) -> Result<bool> {
    let Some(line) = store::line(tx, drop)? else {
        return Ok(false);
    };
    let Some(last) = line.wave_at else {
        return Ok(false);
    };
    let passed = (tx.now().0 - last.0).max(0);
    let due = (passed.saturating_mul(i64::from(line.rate)) / 60_000_000).min(WAVE_MAX);
    if due == 0 {
        return Ok(false);
    }
    let let_in = store::admit(tx, drop, due, tx.now().plus(PASS))?;
    // What is less than a person is kept for the next wave; what nobody waited for is not.
    let until = if let_in < due {
        tx.now()
    } else {
        Time(last.0 + due * 60_000_000 / i64::from(line.rate))
    };
    if !store::end_wave(tx, drop, last, until, let_in)? {
        return Err(Error::engine(crate::kernel::Engine::Retry, "another wave came first"));
    }
    Ok(let_in == WAVE_MAX)
}

/// Who is in the draw, in its order, from a place on.
pub fn drawn(
    tx: &mut Tx<'_>,
    drop: &Drop,
    after: i64,
    most: i64,
) -> Result<(Option<Line>, Vec<crate::kernel::TurnId>)> {
    let line = store::line(tx, drop.id)?;
    let drawn = line.as_ref().and_then(|line| line.drawn);
    let turns = if drawn.is_some_and(|all| after < all) {
        store::drawn(tx, drop.id, after, most)?
    } else {
        Vec::new()
    };
    Ok((line, turns))
}
