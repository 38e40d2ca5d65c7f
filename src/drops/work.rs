//! Work at the door of a waiting room: when people come faster than people do, each new turn costs its browser a moment of arithmetic.
//!
//! A challenge is a signed text and nothing is kept of it: it names the turn it is for, so its answer makes that turn and no other, and a turn is made
//! once. Whoever has no scripts waits half a minute instead. Difficulty is bounded, so that no phone is kept busy longer than people have patience.

use super::archive::act;
use super::model::{Drop, EventKind, Line};
use super::run::{Act, Hand, again, done, running};
use super::store;
use crate::db::Tx;
use crate::kernel::{Error, Id, Result, Seconds, Time, TurnId};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde_json::json;
use sha2::{Digest, Sha256};

/// More turns than this in one second are a rush: from then on each new one costs work.
pub const RUSH: i64 = 50;
/// For so long after its last second.
pub const RUSH_LASTS: Seconds = Seconds(60);
/// Leading zero bits that are asked for: 131,000 tries on average, about a second of a phone; up to eight times as many in a worse rush.
pub const BITS: u8 = 17;
pub const BITS_MAX: u8 = 20;
/// Whoever cannot work waits so long.
pub const WAIT: Seconds = Seconds(30);
/// A challenge is good for so long.
pub const LIFE: Seconds = Seconds(180);
/// Digits of a nonce: more would be no number a browser counts to.
const NONCE_MAX: usize = 16;

/// What a browser is asked to do before it gets a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Sent back as it is.
    pub text: String,
    pub bits: u8,
    /// From when waiting is answer enough.
    pub waited_at: Time,
}

/// An answer to a challenge, as it was sent.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    pub challenge: &'a str,
    /// Empty: they waited.
    pub nonce: &'a str,
}

impl Line {
    /// Leading zero bits a new turn costs now. None: nothing.
    pub fn asks_for(&self, now: Time) -> Option<u8> {
        let rush = self.rush_until.is_some_and(|until| until > now);
        if !rush && !self.guarded {
            return None;
        }
        let times = if rush { self.in_second / RUSH } else { 0 };
        let more: u8 = match times {
            0 | 1 => 0,
            2 | 3 => 1,
            4..=7 => 2,
            _ => 3,
        };
        Some((BITS + more).min(BITS_MAX))
    }
}

fn seal(signing_key: &[u8; 32], turn: TurnId, issued: Time, bits: u8) -> [u8; 16] {
    let mut mac = Hmac::<Sha256>::new_from_slice(signing_key).expect("HMAC takes any key length");
    mac.update(b"drop work");
    mac.update(turn.uuid().as_bytes());
    mac.update(&issued.0.to_be_bytes());
    mac.update(&[bits]);
    mac.finalize().into_bytes()[..16].try_into().expect("sixteen bytes")
}

/// A challenge for one turn.
pub fn challenge(signing_key: &[u8; 32], turn: TurnId, now: Time, bits: u8) -> Challenge {
    let mut bytes = Vec::with_capacity(25);
    bytes.extend(now.0.to_be_bytes());
    bytes.push(bits);
    bytes.extend(seal(signing_key, turn, now, bits));
    Challenge {
        text: URL_SAFE_NO_PAD.encode(bytes),
        bits,
        waited_at: now.plus(WAIT),
    }
}

/// Why an answer is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoWork {
    /// It was not made here, or for another turn.
    Forged,
    Expired,
    /// The nonce does not do what was asked.
    Wrong,
    /// They did not work, and have not waited long enough.
    TooSoon,
}

/// Whether an answer is good for a turn that costs `bits` now: work as it was asked for, or time.
pub fn check(signing_key: &[u8; 32], turn: TurnId, now: Time, answer: Answered<'_>) -> std::result::Result<(), NoWork> {
    let bytes = URL_SAFE_NO_PAD.decode(answer.challenge).map_err(|_| NoWork::Forged)?;
    let (Some((issued, rest)), 25) = (bytes.split_first_chunk::<8>(), bytes.len()) else {
        return Err(NoWork::Forged);
    };
    let (issued, bits) = (Time(i64::from_be_bytes(*issued)), rest[0]);
    let same: bool = subtle::ConstantTimeEq::ct_eq(&seal(signing_key, turn, issued, bits)[..], &rest[1..]).into();
    if !same {
        return Err(NoWork::Forged);
    }
    if now.0 - issued.0 > LIFE.0 * 1_000_000 || issued > now {
        return Err(NoWork::Expired);
    }
    if answer.nonce.is_empty() {
        return if now >= issued.plus(WAIT) {
            Ok(())
        } else {
            Err(NoWork::TooSoon)
        };
    }
    let plain = answer.nonce.len() <= NONCE_MAX && answer.nonce.bytes().all(|digit| digit.is_ascii_digit());
    if plain && zero_bits(answer) >= u32::from(bits) {
        return Ok(());
    }
    Err(NoWork::Wrong)
}

/// Leading zero bits of SHA-256 over the challenge, a colon and the nonce.
fn zero_bits(answer: Answered<'_>) -> u32 {
    let hash = Sha256::new()
        .chain_update(answer.challenge)
        .chain_update(b":")
        .chain_update(answer.nonce)
        .finalize();
    let mut zeros = 0;
    for byte in hash {
        zeros += byte.leading_zeros();
        if byte != 0 {
            break;
        }
    }
    zeros
}

/// The work of a browser, for tests and for players that are no browsers.
pub fn solve(challenge: &Challenge) -> String {
    (0u64..)
        .map(|nonce| nonce.to_string())
        .find(|nonce| {
            let text = &challenge.text;
            zero_bits(Answered { challenge: text, nonce }) >= u32::from(challenge.bits)
        })
        .expect("there is always a number that does")
}

/// A host's switch: from now on each new turn costs work, or only in a rush. Order of answers: not found, wrong state, no waiting room, again, done.
pub fn guard(tx: &mut Tx<'_>, hand: Hand, on: bool) -> Result<Act> {
    let before: Drop = match running(tx, hand)? {
        Ok(before) => before,
        Err(refused) => return Ok(refused),
    };
    if before.line_rate == 0 {
        return Err(Error::conflict("no_waiting_room", "This drop has no waiting room."));
    }
    if !store::set_guard(tx, before.id, on)? {
        return again(tx, before);
    }
    let detail = json!({ "on": on });
    let drop = act(tx, &before, before.clone(), EventKind::Guarded, &detail, hand.staff)?;
    done(tx, drop)
}
