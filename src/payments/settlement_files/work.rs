//! The job of settlement files: looks at the lines of a file, a part in each transaction, and then for what no file has named.
//!
//! A part is deleted in the transaction that wrote its lines down: killed at any moment, the job goes on with the next one, and no line is looked at
//! twice. Nothing is remembered outside of the database.

use super::model::{Amount, FileState, Line, LineKind, LineState, Ours, Pick, SettlementFile, Trouble, pick};
use super::post;
use super::store::{self, Counts, NewLine};
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::kernel::{Engine, Error, Result, Seconds, SettlementFileId, SettlementLineId, ShopId, Time};
use uuid::Uuid;

const FILES: i64 = 20;
/// Captures of a shop that are looked at in one command, and of all shops that are passed over for them.
const CAPTURES: i64 = 50;
const WINDOW: i64 = 400;
/// The clock that ids are made by may be so far from that of the times beside them.
const SLACK: Seconds = Seconds::minutes(1);
/// What was taken so long before a file's last line should be in it, or in one before it.
pub(super) const LATE: Seconds = Seconds::days(7);
/// Older files have asked for what is older.
const BACK: Seconds = Seconds::days(60);
/// A capture that waits for the last parcel is written down so long before it is taken, at most.
const WAITED: Seconds = Seconds::days(60);

/// Works on every file that is due, to its end. Returns how many steps were made; a failure of one file does not stop the others.
pub async fn work(app: &App) -> Result<u64> {
    let due = app.db.read(|tx| store::due(tx, FILES)).await?;
    let mut steps = 0;
    for id in due {
        loop {
            match app.db.background(move |tx| step(tx, id)).await {
                Ok(more) => {
                    steps += 1;
                    if !more {
                        break;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, file = %id, "a settlement file could not be worked on; it is tried again");
                    break;
                }
            }
        }
    }
    Ok(steps)
}

/// So many steps of one file, for whoever waits for it; the job does the rest.
pub async fn work_on(app: &App, shop: ShopId, id: SettlementFileId, steps: u32) -> Result<()> {
    for _ in 0..steps {
        if !app.db.write(LaneKey::of(shop), move |tx| step(tx, id)).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// One step. False: nothing is left to do.
pub(super) fn step(tx: &mut Tx<'_>, id: SettlementFileId) -> Result<bool> {
    let Some(file) = store::file_by_id(tx, id)? else {
        return Ok(false);
    };
    match file.state {
        FileState::Receiving => Ok(!store::throw_away(tx, id)?),
        FileState::Matching => {
            match store::first_part(tx, id)? {
                Some((n, lines)) => {
                    let mut counts = Counts::default();
                    for line in &lines {
                        take(tx, &file, line, &mut counts)?;
                    }
                    store::delete_part(tx, id, n)?;
                    store::progress(tx, id, &counts)?;
                }
                None => match looks_from(tx, &file)? {
                    Some((since, _)) => store::begin_looking(tx, id, born(since.minus(WAITED)))?,
                    None => store::finish(tx, id)?,
                },
            }
            Ok(true)
        }
        FileState::Looking => {
            look(tx, &file, WINDOW)?;
            Ok(true)
        }
        FileState::Done => Ok(false),
    }
}

/// The smallest id of that moment: ids begin with the millisecond of their birth.
fn born(at: Time) -> Uuid {
    let milliseconds = u64::try_from(at.0.max(0) / 1000).unwrap_or(0);
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&milliseconds.to_be_bytes()[2..]);
    Uuid::from_bytes(bytes)
}

/// Writes one line down, once.
fn take(tx: &mut Tx<'_>, file: &SettlementFile, line: &Line, counts: &mut Counts) -> Result<()> {
    counts.worked += 1;
    let (shop, processor) = (file.shop, file.processor.as_str());
    let digest = line.digest();
    let id: SettlementLineId = tx.id();
    let (name, found) = match store::digest_of(tx, shop, processor, &line.name)? {
        Some(known) if known == digest => {
            counts.again += 1;
            return Ok(());
        }
        // The processor's own name for it was seen, with other words: that is a question, and asked once.
        Some(_) => {
            let name = format!("{}~{}", line.name, Uuid::new_v5(&Uuid::nil(), &digest).simple());
            if store::digest_of(tx, shop, processor, &name)?.is_some() {
                counts.again += 1;
                return Ok(());
            }
            (name, (LineState::Open, Trouble::Duplicate, None))
        }
        None => (line.name.clone(), judge(tx, file, line)?),
    };
    let (state, trouble, ours) = found;
    let new = NewLine {
        id,
        file,
        name: &name,
        line,
        state,
        trouble,
        ours: ours.as_ref(),
    };
    if !store::insert_line(tx, &new)? {
        return Err(Error::engine(
            Engine::Retry,
            "a line of another file was written down meanwhile",
        ));
    }
    match (state, &ours) {
        (LineState::Matched, Some(ours)) => {
            counts.matched += 1;
            post::settle(tx, shop, id, line, ours)
        }
        (LineState::Booked, _) => {
            counts.booked += 1;
            post::book(tx, shop, id, line)
        }
        (LineState::Noted, _) => Ok(()),
        _ => {
            counts.excepted += 1;
            Ok(())
        }
    }
}

/// What a line is about, and what follows.
fn judge(tx: &mut Tx<'_>, file: &SettlementFile, line: &Line) -> Result<(LineState, Trouble, Option<Ours>)> {
    let open = |trouble| Ok((LineState::Open, trouble, None));
    match line.kind {
        // Its file was sent as one of another processor, this time or the last.
        LineKind::Fee | LineKind::Payout if store::is_elsewhere(tx, file.shop, &file.processor, &line.name)? => {
            return open(Trouble::Duplicate);
        }
        LineKind::Fee | LineKind::Payout => return Ok((LineState::Booked, Trouble::None, None)),
        LineKind::Carried => return Ok((LineState::Noted, Trouble::None, None)),
        LineKind::Other => return open(Trouble::Extra),
        _ => {}
    }
    let all = store::ours(tx, file.shop, &file.processor, line)?;
    match pick(line, &all) {
        Pick::One(ours, trouble) => {
            if is_written_off(tx, file.shop, &file.processor, (line.kind, ours.id))? {
                return open(Trouble::Duplicate);
            }
            let state = if trouble == Trouble::None {
                LineState::Matched
            } else {
                LineState::Open
            };
            Ok((state, trouble, Some(ours)))
        }
        Pick::Taken => open(Trouble::Duplicate),
        Pick::Nothing => open(Trouble::Extra),
    }
}

/// Looks once more what an open line is about: perhaps we have heard of it since. None: of nothing that we know, or of what a person wrote off.
pub(super) fn again(tx: &mut Tx<'_>, shop: ShopId, processor: &str, line: &Line) -> Result<Option<(Ours, Trouble)>> {
    let all = store::ours(tx, shop, processor, line)?;
    let Pick::One(ours, trouble) = pick(line, &all) else {
        return Ok(None);
    };
    let gone = is_written_off(tx, shop, processor, (line.kind, ours.id))?;
    Ok((!gone).then_some((ours, trouble)))
}

/// A line names one of ours: what was missing has come. True: a person wrote it off before.
fn is_written_off(tx: &mut Tx<'_>, shop: ShopId, processor: &str, (kind, ours): (LineKind, Uuid)) -> Result<bool> {
    Ok(kind == LineKind::Charge && store::came(tx, shop, processor, &missing(ours))? == Some(LineState::Accepted))
}

/// The name of the line that says that a capture is in no file.
pub(super) fn missing(capture: Uuid) -> String {
    format!("missing/{capture}")
}

/// Between which times what was taken should be in this file or one before it. None: no line of it says when.
fn looks_from(tx: &mut Tx<'_>, file: &SettlementFile) -> Result<Option<(Time, Time)>> {
    let (Some(from), Some(till)) = (file.from, file.till) else {
        return Ok(None);
    };
    let first = store::first_day(tx, file.shop, &file.processor)?.unwrap_or(from);
    Ok(Some((first.max(from.minus(BACK)), till.minus(LATE))))
}

/// Looks at some captures for what no line names. Captures are found by their ids, of all shops: no more than a window of them is read.
pub(super) fn look(tx: &mut Tx<'_>, file: &SettlementFile, size: i64) -> Result<()> {
    let (Some((since, till)), Some(after)) = (looks_from(tx, file)?, file.looked) else {
        return store::finish(tx, file.id);
    };
    // What was changed by then was born by then.
    let end = born(till.plus(SLACK));
    if after >= end {
        return store::finish(tx, file.id);
    }
    let to = store::window(tx, after, end, size)?.unwrap_or(end);
    let found = store::unnamed(tx, file, (after, to), (since, till), CAPTURES)?;
    let is_full = i64::try_from(found.len()).is_ok_and(|count| count == CAPTURES);
    let last = found.last().filter(|_| is_full).map_or(to, |(ours, ..)| ours.id);
    let mut count = 0;
    for (ours, payment, at) in found {
        if ours.is_taken {
            continue;
        }
        let amount = Amount {
            minor: ours.minor,
            currency: ours.currency,
        };
        let line = Line {
            number: 0,
            name: missing(ours.id),
            kind: LineKind::Charge,
            word: String::new(),
            payment,
            operation: String::new(),
            names_operation: false,
            sold: amount,
            net: Amount {
                minor: ours.minor - ours.fee_minor,
                ..amount
            },
            fee_minor: ours.fee_minor,
            at: Some(at),
        };
        let new = NewLine {
            id: tx.id(),
            file,
            name: &line.name,
            line: &line,
            state: LineState::Open,
            trouble: Trouble::Missing,
            ours: Some(&ours),
        };
        count += u32::from(store::insert_line(tx, &new)?);
    }
    store::looked(tx, file.id, last, count)
}
