//! All SQL on settlement files and their lines, and on what of ours they are about.

use super::model::{Line, LineKind, LineState, Ours, SettlementFile, SettlementLine, Trouble};
use crate::args;
use crate::db::{FromRow, Json, Row, Tx};
use crate::kernel::{
    CaptureId, DisputeId, Id, Money, Page, Result, SettlementFileId, SettlementLineId, ShopId, StaffId, Time,
};
use crate::payments::disputes;
use std::collections::HashSet;
use uuid::Uuid;

// Files --------------------------------------------------------------------------------------------------------------------------

impl FromRow for SettlementFile {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let looked: Option<[u8; 16]> = row.get(15)?;
        Ok(Self {
            id: row.get(0)?,
            shop: row.get(1)?,
            processor: row.get(2)?,
            format: row.get(3)?,
            name: row.get(4)?,
            batches: row.get(5)?,
            state: row.get(6)?,
            lines: row.get(7)?,
            worked: row.get(8)?,
            again: row.get(9)?,
            matched: row.get(10)?,
            booked: row.get(11)?,
            excepted: row.get(12)?,
            missing: row.get(13)?,
            from: row.get(14)?,
            looked: looked.map(Uuid::from_bytes),
            till: row.get(16)?,
            staff: row.get(17)?,
            created_at: row.get(18)?,
            done_at: row.get(19)?,
        })
    }
}

/// What a [`SettlementFile`] is read from; a condition follows.
macro_rules! file {
    ($condition:literal) => {
        concat!(
            "select id, shop_id, processor, format, name, batches, state, lines, worked, again, matched, booked, excepted, missing, from_at, looked,
                    till_at, staff_id, created_at, done_at
               from settlement_files ",
            $condition
        )
    };
}

/// A file of a shop.
pub fn file(tx: &mut Tx<'_>, shop: ShopId, id: SettlementFileId) -> Result<Option<SettlementFile>> {
    tx.maybe_one(file!("where shop_id = $1 and id = $2"), args![shop, id])
}

/// The file of a row we looked up ourselves.
pub(super) fn file_by_id(tx: &mut Tx<'_>, id: SettlementFileId) -> Result<Option<SettlementFile>> {
    tx.maybe_one(file!("where id = $1"), args![id])
}

/// The file with exactly these bytes.
pub(super) fn file_by_hash(
    tx: &mut Tx<'_>,
    shop: ShopId,
    processor: &str,
    hash: [u8; 32],
) -> Result<Option<SettlementFile>> {
    tx.maybe_one(
        file!("where shop_id = $1 and processor = $2 and hash = $3"),
        args![shop, processor, hash],
    )
}

/// Newest first.
pub fn files(
    tx: &mut Tx<'_>,
    shop: ShopId,
    after: Option<SettlementFileId>,
    limit: i64,
) -> Result<Page<SettlementFile>> {
    let before = after.unwrap_or(SettlementFileId::from_uuid(Uuid::max()));
    let found = tx.all(
        file!("where shop_id = $1 and id < $2 order by id desc limit $3"),
        args![shop, before, limit + 1],
    )?;
    Ok(Page::cut(found, limit, |file: &SettlementFile| file.id.to_string()))
}

/// Begins to receive a file. False: the same bytes are here.
pub(super) fn insert_file(tx: &mut Tx<'_>, file: &SettlementFile, hash: [u8; 32], next_check_at: Time) -> Result<bool> {
    let added = tx.exec(
        "insert into settlement_files (id, shop_id, processor, format, name, hash, batches, state, lines, from_at, till_at, staff_id, next_check_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, 'receiving', $8, $9, $10, $11, $12, $13) on conflict do nothing",
        args![
            file.id,
            file.shop,
            file.processor,
            file.format,
            file.name,
            hash,
            file.batches,
            file.lines,
            file.from,
            file.till,
            file.staff,
            next_check_at,
            file.created_at
        ],
    )?;
    Ok(added == 1)
}

pub(super) fn insert_part(tx: &mut Tx<'_>, file: SettlementFileId, n: u32, lines: &[Line]) -> Result<()> {
    tx.put(
        "insert into settlement_parts (file_id, n, lines) values ($1, $2, $3)",
        args![file, n, Json(lines)],
    )
}

/// More of it is about to be kept. False: it took so long that it is being thrown away.
pub(super) fn arrives(tx: &mut Tx<'_>, id: SettlementFileId, until: Time) -> Result<bool> {
    let changed = tx.exec(
        "update settlement_files set next_check_at = $2 where id = $1 and state = 'receiving' and lines > 0",
        args![id, until],
    )?;
    Ok(changed == 1)
}

/// All its parts are kept. False: it was thrown away meanwhile, or is being.
pub(super) fn received(tx: &mut Tx<'_>, id: SettlementFileId) -> Result<bool> {
    let changed = tx.exec(
        "update settlement_files set state = 'matching', next_check_at = $2 where id = $1 and state = 'receiving' and lines > 0",
        args![id, tx.now()],
    )?;
    Ok(changed == 1)
}

/// Throws away what was not received whole, a few parts at a time: first its count of lines, so that it is not received any more. True: nothing is left
/// of it, or it was received after all.
pub(super) fn throw_away(tx: &mut Tx<'_>, id: SettlementFileId) -> Result<bool> {
    let marked = tx.exec(
        "update settlement_files set lines = 0 where id = $1 and state = 'receiving'",
        args![id],
    )?;
    if marked == 0 {
        return Ok(true);
    }
    let gone = tx.exec(
        "delete from settlement_parts where file_id = $1 and n in (select n from settlement_parts where file_id = $1 order by n limit 100)",
        args![id],
    )?;
    if gone == 100 {
        return Ok(false);
    }
    tx.put(
        "delete from settlement_files where id = $1 and state = 'receiving'",
        args![id],
    )?;
    Ok(true)
}

pub(super) fn due(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<SettlementFileId>> {
    let rows: Vec<(SettlementFileId,)> = tx.all(
        "select id from settlement_files where next_check_at is not null and next_check_at <= $1 order by next_check_at, id limit $2",
        args![tx.now(), limit],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The part that is next.
pub(super) fn first_part(tx: &mut Tx<'_>, file: SettlementFileId) -> Result<Option<(i64, Vec<Line>)>> {
    let found: Option<(i64, Json<Vec<Line>>)> = tx.maybe_one(
        "select n, lines from settlement_parts where file_id = $1 order by n limit 1",
        args![file],
    )?;
    Ok(found.map(|(n, lines)| (n, lines.0)))
}

/// It was looked at, by this transaction and no other.
pub(super) fn delete_part(tx: &mut Tx<'_>, file: SettlementFileId, n: i64) -> Result<()> {
    tx.change_one(
        "delete from settlement_parts where file_id = $1 and n = $2",
        args![file, n],
    )
}

/// What became of the lines of a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub worked: u32,
    pub again: u32,
    pub matched: u32,
    pub booked: u32,
    pub excepted: u32,
}

pub(super) fn progress(tx: &mut Tx<'_>, id: SettlementFileId, counts: &Counts) -> Result<()> {
    tx.change_one(
        "update settlement_files set worked = worked + $2, again = again + $3, matched = matched + $4, booked = booked + $5, excepted = excepted + $6
          where id = $1 and state = 'matching'",
        args![id, counts.worked, counts.again, counts.matched, counts.booked, counts.excepted],
    )
}

pub(super) fn begin_looking(tx: &mut Tx<'_>, id: SettlementFileId, from: Uuid) -> Result<()> {
    tx.change_one(
        "update settlement_files set state = 'looking', looked = $2 where id = $1 and state = 'matching'",
        args![id, *from.as_bytes()],
    )
}

pub(super) fn looked(tx: &mut Tx<'_>, id: SettlementFileId, last: Uuid, missing: u32) -> Result<()> {
    tx.change_one(
        "update settlement_files set looked = $2, missing = missing + $3 where id = $1 and state = 'looking'",
        args![id, *last.as_bytes(), missing],
    )
}

pub(super) fn finish(tx: &mut Tx<'_>, id: SettlementFileId) -> Result<()> {
    tx.change_one(
        "update settlement_files set state = 'done', looked = null, next_check_at = null, done_at = $2 where id = $1 and state <> 'done'",
        args![id, tx.now()],
    )
}

/// When the files of a processor begin: what was taken before is in none of them.
pub(super) fn first_day(tx: &mut Tx<'_>, shop: ShopId, processor: &str) -> Result<Option<Time>> {
    let found: (Option<Time>,) = tx.one(
        "select min(from_at) from settlement_files where shop_id = $1 and processor = $2 and state <> 'receiving'",
        args![shop, processor],
    )?;
    Ok(found.0)
}

// Lines --------------------------------------------------------------------------------------------------------------------------

impl FromRow for SettlementLine {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let ours: Option<[u8; 16]> = row.get(17)?;
        Ok(Self {
            id: row.get(0)?,
            shop: row.get(1)?,
            file: row.get(2)?,
            processor: row.get(3)?,
            number: row.get(4)?,
            kind: row.get(5)?,
            word: row.get(6)?,
            payment: row.get(7)?,
            operation: row.get(8)?,
            sold: row.money(9)?,
            net: row.money(11)?,
            fee_minor: row.get(13)?,
            at: row.get(14)?,
            state: row.get(15)?,
            trouble: row.get(16)?,
            ours: ours.map(Uuid::from_bytes),
            checkout: row.get(18)?,
            ours_minor: row.get(19)?,
            ours_fee_minor: row.get(20)?,
            reason: row.get(21)?,
            staff: row.get(22)?,
            decided_at: row.get(23)?,
            created_at: row.get(24)?,
            ours_currency: row.get(25)?,
            name: row.get(26)?,
        })
    }
}

/// What a [`SettlementLine`] is read from; a condition follows.
macro_rules! line {
    ($condition:literal) => {
        concat!(
            "select id, shop_id, file_id, processor, line_number, kind, word, payment, operation, sold_minor, sold_currency, net_minor, net_currency,
                    fee_minor, at, state, trouble, ours, checkout_id, ours_minor, ours_fee_minor, reason, staff_id, decided_at, created_at,
                    ours_currency, name
               from settlement_lines ",
            $condition
        )
    };
}

/// A line of a shop.
pub fn line(tx: &mut Tx<'_>, shop: ShopId, id: SettlementLineId) -> Result<Option<SettlementLine>> {
    tx.maybe_one(line!("where shop_id = $1 and id = $2"), args![shop, id])
}

/// What a file showed to be missing, and the lines it was the first to bring, in its order.
pub fn lines(
    tx: &mut Tx<'_>,
    shop: ShopId,
    file: SettlementFileId,
    after: Option<SettlementLineId>,
    limit: i64,
) -> Result<Page<SettlementLine>> {
    let after = after.unwrap_or(SettlementLineId::from_uuid(Uuid::nil()));
    let found = tx.all(
        line!(
            "where shop_id = $1 and file_id = $2
               and (line_number, id) > (coalesce((select l.line_number from settlement_lines l where l.shop_id = $1 and l.id = $3), -1), $3)
             order by line_number, id limit $4"
        ),
        args![shop, file, after, limit + 1],
    )?;
    Ok(Page::cut(found, limit, |line: &SettlementLine| line.id.to_string()))
}

/// What waits for a person, oldest first.
pub fn open(
    tx: &mut Tx<'_>,
    shop: ShopId,
    after: Option<SettlementLineId>,
    limit: i64,
) -> Result<Page<SettlementLine>> {
    let after = after.unwrap_or(SettlementLineId::from_uuid(Uuid::nil()));
    let found = tx.all(
        line!("where shop_id = $1 and state = 'open' and id > $2 order by id limit $3"),
        args![shop, after, limit + 1],
    )?;
    Ok(Page::cut(found, limit, |line: &SettlementLine| line.id.to_string()))
}

/// How many wait for a person, and since when the first does.
pub fn count_open(tx: &mut Tx<'_>, shop: ShopId) -> Result<(u64, Option<Time>)> {
    let (count, since): (i64, Option<Time>) = tx.one(
        "select count(*), min(created_at) from settlement_lines where shop_id = $1 and state = 'open'",
        args![shop],
    )?;
    Ok((count.unsigned_abs(), since))
}

/// How many of a file wait for a person.
pub fn open_of(tx: &mut Tx<'_>, shop: ShopId, file: SettlementFileId) -> Result<u64> {
    let (count,): (i64,) = tx.one(
        "select count(*) from settlement_lines where shop_id = $1 and file_id = $2 and state = 'open'",
        args![shop, file],
    )?;
    Ok(count.unsigned_abs())
}

/// What the line of this name says, if one was written down.
pub(super) fn digest_of(tx: &mut Tx<'_>, shop: ShopId, processor: &str, name: &str) -> Result<Option<[u8; 32]>> {
    let found: Option<([u8; 32],)> = tx.maybe_one(
        "select digest from settlement_lines where shop_id = $1 and processor = $2 and name = $3",
        args![shop, processor, name],
    )?;
    Ok(found.map(|(digest,)| digest))
}

/// Whether a file of another processor has brought a line of this name.
pub(super) fn is_elsewhere(tx: &mut Tx<'_>, shop: ShopId, processor: &str, name: &str) -> Result<bool> {
    let (count,): (i64,) = tx.one(
        "select count(*) from settlement_lines where shop_id = $1 and name = $2 and processor <> $3",
        args![shop, name, processor],
    )?;
    Ok(count > 0)
}

/// A line to write down.
pub(super) struct NewLine<'a> {
    pub id: SettlementLineId,
    pub file: &'a SettlementFile,
    pub name: &'a str,
    pub line: &'a Line,
    pub state: LineState,
    pub trouble: Trouble,
    pub ours: Option<&'a Ours>,
}

/// False: a line of this name is there, or another one about the same of ours.
pub(super) fn insert_line(tx: &mut Tx<'_>, new: &NewLine<'_>) -> Result<bool> {
    let (file, line) = (new.file, new.line);
    let (ours_minor, ours_fee_minor) = new.ours.map_or((0, 0), |ours| (ours.minor, ours.fee_minor));
    let added = tx.exec(
        "insert into settlement_lines (id, shop_id, file_id, processor, name, digest, line_number, kind, word, payment, operation, sold_minor,
                                       sold_currency, net_minor, net_currency, fee_minor, at, state, trouble, ours, checkout_id, ours_minor,
                                       ours_fee_minor, created_at, ours_currency)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
         on conflict do nothing",
        args![
            new.id,
            file.shop,
            file.id,
            file.processor,
            new.name,
            line.digest(),
            line.number,
            line.kind,
            line.word,
            line.payment,
            line.operation,
            line.sold.minor,
            line.sold.currency,
            line.net.minor,
            line.net.currency,
            line.fee_minor,
            line.at,
            new.state,
            new.trouble,
            new.ours.map(|ours| *ours.id.as_bytes()),
            new.ours.map(|ours| ours.checkout),
            ours_minor,
            ours_fee_minor,
            tx.now(),
            new.ours.map(|ours| ours.currency)
        ],
    )?;
    Ok(added == 1)
}

/// Writes down what a person decided. False: it was decided, or came by itself, meanwhile.
pub(super) fn decide(
    tx: &mut Tx<'_>,
    shop: ShopId,
    id: SettlementLineId,
    to: LineState,
    reason: &str,
    staff: Option<StaffId>,
) -> Result<bool> {
    let changed = tx.exec(
        "update settlement_lines set state = $3, reason = $4, staff_id = $5, decided_at = $6 where shop_id = $1 and id = $2 and state = 'open'",
        args![shop, id, to, reason, staff, tx.now()],
    )?;
    Ok(changed == 1)
}

/// A line of something we did not know turns out to be about one of ours after all.
pub(super) fn match_late(
    tx: &mut Tx<'_>,
    shop: ShopId,
    id: SettlementLineId,
    ours: &Ours,
    reason: &str,
) -> Result<bool> {
    let changed = tx.exec(
        "update settlement_lines set state = 'matched', trouble = '', ours = $3, checkout_id = $4, ours_minor = $5, ours_fee_minor = $6, reason = $7,
                ours_currency = $8
          where shop_id = $1 and id = $2 and state = 'open'",
        args![shop, id, *ours.id.as_bytes(), ours.checkout, ours.minor, ours.fee_minor, reason, ours.currency],
    )?;
    Ok(changed == 1)
}

/// A line of something we did not know is about one of ours after all, and does not agree with it.
pub(super) fn ask_again(
    tx: &mut Tx<'_>,
    shop: ShopId,
    id: SettlementLineId,
    ours: &Ours,
    trouble: Trouble,
) -> Result<bool> {
    let changed = tx.exec(
        "update settlement_lines set trouble = $8, ours = $3, checkout_id = $4, ours_minor = $5, ours_fee_minor = $6, ours_currency = $7
          where shop_id = $1 and id = $2 and state = 'open'",
        args![shop, id, *ours.id.as_bytes(), ours.checkout, ours.minor, ours.fee_minor, ours.currency, trouble],
    )?;
    Ok(changed == 1)
}

/// Whether a line of a file is about this capture.
pub(super) fn is_named(tx: &mut Tx<'_>, shop: ShopId, capture: Uuid) -> Result<bool> {
    let (count,): (i64,) = tx.one(
        "select count(*) from settlement_lines where shop_id = $1 and kind = 'charge' and ours = $2 and line_number > 0",
        args![shop, *capture.as_bytes()],
    )?;
    Ok(count > 0)
}

/// What was missing has come. How it stood: none, if it was not missing; one that was written off stays so.
pub(super) fn came(tx: &mut Tx<'_>, shop: ShopId, processor: &str, missing: &str) -> Result<Option<LineState>> {
    let found: Option<(LineState,)> = tx.maybe_one(
        "select state from settlement_lines where shop_id = $1 and processor = $2 and name = $3",
        args![shop, processor, missing],
    )?;
    if matches!(found, Some((LineState::Open,))) {
        tx.change_one(
            "update settlement_lines set state = 'resolved' where shop_id = $1 and processor = $2 and name = $3 and state = 'open'",
            args![shop, processor, missing],
        )?;
    }
    Ok(found.map(|(state,)| state))
}

// Ours ---------------------------------------------------------------------------------------------------------------------------

impl FromRow for Ours {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let money: Money = row.money(3)?;
        let taken: i64 = row.get(6)?;
        Ok(Self {
            id: Uuid::from_bytes(row.get(0)?),
            checkout: row.get(1)?,
            name: row.get(2)?,
            minor: money.minor,
            currency: money.currency,
            fee_minor: row.get(5)?,
            told_minor: 0,
            is_taken: taken > 0,
        })
    }
}

/// What a line of this kind can be about: everything of the payment, in the order in which it happened.
pub(super) fn ours(tx: &mut Tx<'_>, shop: ShopId, processor: &str, line: &Line) -> Result<Vec<Ours>> {
    if line.payment.is_empty() {
        return Ok(Vec::new());
    }
    let args = args![shop, processor, line.payment, line.kind];
    match line.kind {
        LineKind::Charge => tx.all(
            "select c.id, i.checkout_id, c.reference, c.amount_minor, i.currency, c.fee_minor,
                    (select count(*) from settlement_lines l where l.shop_id = $1 and l.kind = $4 and l.ours = c.id and l.line_number > 0)
               from attempts a join intents i on i.id = a.intent_id join captures c on c.intent_id = a.intent_id and c.attempt_id = a.id
              where a.reference = $3 and a.reference <> '' and a.shop_id = $1 and a.processor = $2 and c.state = 'succeeded'
              order by c.created_at, c.id limit 100",
            args,
        ),
        LineKind::Refund => tx.all(
            "select r.id, i.checkout_id, r.reference, r.amount_minor, i.currency, cast(0 as bigint),
                    (select count(*) from settlement_lines l where l.shop_id = $1 and l.kind = $4 and l.ours = r.id and l.line_number > 0)
               from attempts a join intents i on i.id = a.intent_id join refunds r on r.intent_id = a.intent_id and r.attempt_id = a.id
              where a.reference = $3 and a.reference <> '' and a.shop_id = $1 and a.processor = $2
                and r.credited = 0 and (r.state = 'succeeded' or (r.state = 'failed' and r.reference <> ''))
              order by r.created_at, r.id limit 100",
            args,
        ),
        LineKind::RefundFailed => tx.all(
            "select r.id, i.checkout_id, r.reference, r.amount_minor, i.currency, cast(0 as bigint),
                    (select count(*) from settlement_lines l where l.shop_id = $1 and l.kind = $4 and l.ours = r.id and l.line_number > 0)
               from attempts a join intents i on i.id = a.intent_id join refunds r on r.intent_id = a.intent_id and r.attempt_id = a.id
              where a.reference = $3 and a.reference <> '' and a.shop_id = $1 and a.processor = $2 and r.state = 'failed' and r.reference <> ''
              order by r.created_at, r.id limit 100",
            args,
        ),
        LineKind::Dispute | LineKind::DisputeWon => disputes(tx, shop, processor, line),
        LineKind::Fee | LineKind::Payout | LineKind::Carried | LineKind::Other => Ok(Vec::new()),
    }
}

/// Disputes whose money was taken, or came back.
fn disputes(tx: &mut Tx<'_>, shop: ShopId, processor: &str, line: &Line) -> Result<Vec<Ours>> {
    let found: Vec<Ours> = tx.all(
        "select d.id, i.checkout_id, d.name, d.amount_minor, d.currency, cast(0 as bigint),
                (select count(*) from settlement_lines l where l.shop_id = $1 and l.kind = $4 and l.ours = d.id and l.line_number > 0)
           from attempts a join intents i on i.id = a.intent_id join disputes d on d.intent_id = a.intent_id and d.attempt_id = a.id
          where a.reference = $3 and a.reference <> '' and a.shop_id = $1 and a.processor = $2 and d.covered_minor + d.excess_minor > 0
            and ($4 = 'dispute' or d.state = 'won')
          order by d.created_at, d.round limit 100",
        args![shop, processor, line.payment, line.kind],
    )?;
    found.into_iter().map(|ours| with_told(tx, ours, line)).collect()
}

/// A dispute with what was booked of its fee under the line's name, where the processor told it before its file did.
pub(super) fn with_told(tx: &mut Tx<'_>, ours: Ours, line: &Line) -> Result<Ours> {
    let told = disputes::booked(tx, DisputeId::from_uuid(ours.id), &line.name, line.net.currency)?;
    Ok(Ours {
        told_minor: told,
        fee_minor: line.as_sold(told).unwrap_or(0),
        ..ours
    })
}

/// The processor's names of a shop's newest payments.
pub fn payments_of(tx: &mut Tx<'_>, shop: ShopId, processor: &str) -> Result<HashSet<String>> {
    let rows: Vec<(String,)> = tx.all(
        "select a.reference from attempts a where a.shop_id = $1 and a.processor = $2 and a.reference <> '' order by a.id desc limit 5000",
        args![shop, processor],
    )?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// The last of the next so many captures of all shops. None: there are fewer up to `end`.
pub(super) fn window(tx: &mut Tx<'_>, after: Uuid, end: Uuid, size: i64) -> Result<Option<Uuid>> {
    let found: Option<(CaptureId,)> = tx.maybe_one(
        "select id from captures where id > $1 and id < $2 order by id limit 1 offset $3",
        args![CaptureId::from_uuid(after), CaptureId::from_uuid(end), size - 1],
    )?;
    Ok(found.map(|(id,)| id.uuid()))
}

/// What was taken through a processor, from one id to another in their order, and whether a line names it.
pub(super) fn unnamed(
    tx: &mut Tx<'_>,
    file: &SettlementFile,
    (after, to): (Uuid, Uuid),
    (since, till): (Time, Time),
    limit: i64,
) -> Result<Vec<(Ours, String, Time)>> {
    let rows: Vec<Unnamed> = tx.all(
        "select c.id, i.checkout_id, c.reference, c.amount_minor, i.currency, c.fee_minor,
                (select count(*) from settlement_lines l where l.shop_id = $1 and l.kind = 'charge' and l.ours = c.id and l.line_number > 0),
                a.reference, c.changed_at
           from captures c join attempts a on a.id = c.attempt_id join intents i on i.id = c.intent_id
          where c.id > $3 and c.id <= $7 and c.shop_id = $1 and a.processor = $2 and c.state = 'succeeded' and c.changed_at >= $4 and c.changed_at < $5
          order by c.id limit $6",
        args![
            file.shop,
            file.processor,
            CaptureId::from_uuid(after),
            since,
            till,
            limit,
            CaptureId::from_uuid(to)
        ],
    )?;
    Ok(rows.into_iter().map(|row| (row.0, row.1, row.2)).collect())
}

struct Unnamed(Ours, String, Time);

impl FromRow for Unnamed {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(Ours::from_row(row)?, row.get(7)?, row.get(8)?))
    }
}

/// What a capture really cost, in the place of what we expected.
pub(super) fn true_fee(tx: &mut Tx<'_>, capture: Uuid, fee_minor: i64) -> Result<()> {
    tx.change_one(
        "update captures set fee_minor = $2 where id = $1 and state = 'succeeded'",
        args![CaptureId::from_uuid(capture), fee_minor],
    )
}

/// As if the program had ended while it received the file.
#[cfg(test)]
pub(super) fn as_a_crash_leaves_it(tx: &mut Tx<'_>, id: SettlementFileId) -> Result<()> {
    let until = tx.now().plus(crate::kernel::Seconds::minutes(2));
    tx.change_one(
        "update settlement_files set state = 'receiving', next_check_at = $2 where id = $1 and state = 'matching'",
        args![id, until],
    )
}

/// As if a line had named what is missing in the moment in which it was found missing.
#[cfg(test)]
pub(super) fn as_a_race_leaves_it(tx: &mut Tx<'_>, missing: SettlementLineId) -> Result<()> {
    tx.change_one(
        "update settlement_lines set state = 'open' where id = $1 and line_number = 0 and state = 'resolved'",
        args![missing],
    )
}
