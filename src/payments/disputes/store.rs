//! All SQL on disputes, and on what they set aside of a payment.

use super::model::{Asked, ClosedBy, Dispute, DisputeState};
use crate::args;
use crate::db::{FromRow, Json, Row, Tx};
use crate::kernel::{DisputeFee, DisputeId, IntentId, Page, Result, ShopId, StaffId, Time};
use crate::payments::allocation::PlannedLeg;
use crate::payments::store::attempt_at;
use std::collections::BTreeMap;

impl FromRow for Dispute {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let due_by: i64 = row.get(15)?;
        let answer: String = row.get(18)?;
        Ok(Self {
            id: row.get(0)?,
            shop: row.get(1)?,
            intent: row.get(2)?,
            name: row.get(3)?,
            round: row.get(4)?,
            state: row.get(5)?,
            closed_by: row.get(6)?,
            reason: row.get(7)?,
            detail: row.get(8)?,
            amount: row.money(9)?,
            covered_minor: row.get(11)?,
            excess_minor: row.get(12)?,
            legs: row.get::<Json<Vec<PlannedLeg>>>(13)?.0,
            fees: row.get::<Json<Vec<DisputeFee>>>(14)?.0,
            due_by: (due_by != 0).then_some(Time(due_by)),
            asked: row.get(16)?,
            asks: row.get(17)?,
            answer: if answer.is_empty() {
                BTreeMap::new()
            } else {
                row.get::<Json<BTreeMap<String, String>>>(18)?.0
            },
            why: row.get(19)?,
            staff: row.get(20)?,
            tries: row.get(21)?,
            trouble: row.get(22)?,
            version: row.get(23)?,
            next_check_at: row.get(24)?,
            created_at: row.get(25)?,
            changed_at: row.get(26)?,
            attempt: attempt_at(row, 27)?,
        })
    }
}

/// What [`Dispute`] is read from; a condition follows.
macro_rules! dispute {
    ($condition:literal) => {
        concat!(
            "select d.id, d.shop_id, d.intent_id, d.name, d.round, d.state, d.closed_by, d.reason, d.detail, d.amount_minor, d.currency,
                    d.covered_minor, d.excess_minor, d.legs, d.fees, d.due_by, d.asked, d.asks, d.answer, d.why, d.staff_id, d.tries, d.trouble,
                    d.version, d.next_check_at, d.created_at, d.changed_at,
                    a.id, a.intent_id, a.shop_id, i.checkout_id, a.n, a.processor, a.method, a.token, a.state, a.amount_minor, i.currency,
                    a.reference, a.decline, a.action_url, a.capture_before, a.tries, a.next_check_at, a.created_at, a.taking, a.window_seconds,
                    a.off_session
               from disputes d join intents i on i.id = d.intent_id join attempts a on a.id = d.attempt_id ",
            $condition
        )
    };
}

/// A dispute of a shop.
pub fn find(tx: &mut Tx<'_>, shop: ShopId, id: DisputeId) -> Result<Option<Dispute>> {
    tx.maybe_one(dispute!("where d.shop_id = $1 and d.id = $2"), args![shop, id])
}

/// The dispute of a row we looked up ourselves.
pub fn dispute(tx: &mut Tx<'_>, id: DisputeId) -> Result<Option<Dispute>> {
    tx.maybe_one(dispute!("where d.id = $1"), args![id])
}

/// All rounds of a dispute, first to last.
pub fn rounds(tx: &mut Tx<'_>, shop: ShopId, processor: &str, name: &str) -> Result<Vec<Dispute>> {
    tx.all(
        dispute!("where d.shop_id = $1 and d.processor = $2 and d.name = $3 order by d.round limit 9"),
        args![shop, processor, name],
    )
}

/// All disputes of a payment, oldest first.
pub fn disputes_of(tx: &mut Tx<'_>, intent: IntentId) -> Result<Vec<Dispute>> {
    tx.all(
        dispute!("where d.intent_id = $1 order by d.id limit 100"),
        args![intent],
    )
}

/// The disputes of a shop, newest first.
pub fn list(tx: &mut Tx<'_>, shop: ShopId, after: Option<DisputeId>, limit: i64) -> Result<Page<Dispute>> {
    let rows = match after {
        None => tx.all(
            dispute!("where d.shop_id = $1 order by d.id desc limit $2"),
            args![shop, limit + 1],
        )?,
        Some(after) => tx.all(
            dispute!("where d.shop_id = $1 and d.id < $3 order by d.id desc limit $2"),
            args![shop, limit + 1, after],
        )?,
    };
    Ok(Page::cut(rows, limit, |dispute: &Dispute| dispute.id.to_string()))
}

/// Of a shop, those that are not over, the most urgent first.
pub fn open(tx: &mut Tx<'_>, shop: ShopId, limit: i64) -> Result<Vec<Dispute>> {
    tx.all(
        dispute!(
            "where d.shop_id = $1 and d.next_check_at is not null and d.state in ('inquiry', 'needs_response', 'under_review')
              order by case when d.state = 'needs_response' and d.due_by > 0 then d.due_by else 9223372036854775807 end, d.id limit $2"
        ),
        args![shop, limit],
    )
}

/// Of a shop, those that took money which had gone back before: a person has to get it from the buyer or book it off.
pub fn told_twice(tx: &mut Tx<'_>, shop: ShopId, limit: i64) -> Result<Vec<Dispute>> {
    tx.all(
        dispute!("where d.shop_id = $1 and d.excess_minor > 0 order by d.id desc limit $2"),
        args![shop, limit],
    )
}

/// Writes over the texts of answers that are over.
pub(super) fn set_answer(tx: &mut Tx<'_>, id: DisputeId, answer: &BTreeMap<String, String>) -> Result<()> {
    tx.put(
        "update disputes set answer = $2, version = version + 1 where id = $1",
        args![id, Json(answer)],
    )
}

pub fn insert(tx: &mut Tx<'_>, new: &Dispute) -> Result<bool> {
    let added = tx.exec(
        "insert into disputes (id, shop_id, intent_id, attempt_id, processor, name, round, state, closed_by, reason, detail, amount_minor, currency,
                               legs, fees, due_by, version, next_check_at, created_at, changed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 1, $17, $18, $18)
         on conflict (shop_id, processor, name, round) do nothing",
        args![
            new.id,
            new.shop,
            new.intent,
            new.attempt.id,
            new.attempt.processor,
            new.name,
            new.round,
            new.state,
            new.closed_by,
            new.reason,
            new.detail,
            new.amount.minor,
            new.amount.currency,
            Json(&new.legs),
            Json(&new.fees),
            new.due_by.map_or(0, |due| due.0),
            new.next_check_at,
            tx.now()
        ],
    )?;
    Ok(added == 1)
}

/// Moves a dispute on from the state and version it was seen in; false if somebody else did.
pub fn advance(
    tx: &mut Tx<'_>,
    seen: &Dispute,
    state: DisputeState,
    closed_by: ClosedBy,
    next_check_at: Option<Time>,
) -> Result<bool> {
    let changed = tx.exec(
        "update disputes set state = $4, closed_by = $5, next_check_at = $6, tries = 0, trouble = '', changed_at = $7, version = version + 1
          where id = $1 and state = $2 and version = $3",
        args![seen.id, seen.state, seen.version, state, closed_by, next_check_at, tx.now()],
    )?;
    Ok(changed == 1)
}

/// What was learnt about it beside its state.
pub fn learn(tx: &mut Tx<'_>, dispute: &Dispute) -> Result<()> {
    tx.change_one(
        "update disputes set reason = $2, detail = $3, amount_minor = $4, currency = $5, fees = $6, due_by = $7, version = version + 1 where id = $1",
        args![
            dispute.id,
            dispute.reason,
            dispute.detail,
            dispute.amount.minor,
            dispute.amount.currency,
            Json(&dispute.fees),
            dispute.due_by.map_or(0, |due| due.0)
        ],
    )
}

/// How the money of a dispute is borne: by those who had a share, and what was not there any more.
pub fn bear(tx: &mut Tx<'_>, id: DisputeId, covered: i64, excess: i64, legs: &[PlannedLeg]) -> Result<()> {
    tx.change_one(
        "update disputes set covered_minor = $2, excess_minor = $3, legs = $4, version = version + 1 where id = $1",
        args![id, covered, excess, Json(legs)],
    )
}

/// The payment is ours until this transaction ends: what was taken of it and given back is read after this.
pub fn hold_intent(tx: &mut Tx<'_>, id: IntentId) -> Result<()> {
    tx.change_one("update intents set version = version + 1 where id = $1", args![id])
}

/// Counts what a bank took, or gave back below zero, and how many disputes are open; false if so much was not there.
pub fn set_aside(tx: &mut Tx<'_>, id: IntentId, minor: i64, open: i64) -> Result<bool> {
    let changed = tx.exec(
        "update intents set disputed_minor = disputed_minor + $2, disputes_open = disputes_open + $3, version = version + 1
          where id = $1 and refunded_minor + refund_pending_minor + disputed_minor + $2 <= captured_minor",
        args![id, minor, open],
    )?;
    Ok(changed == 1)
}

/// Writes down what the processor is to be told, once: false if it is not waiting for an answer any more, or was told before. An answer has to be in time.
pub fn begin_answer(
    tx: &mut Tx<'_>,
    seen: &Dispute,
    asked: Asked,
    answer: &BTreeMap<String, String>,
    why: &str,
    staff: Option<StaffId>,
    next_check_at: Time,
) -> Result<bool> {
    let changed = tx.exec(
        "update disputes set asked = $3, asks = asks + 1, answer = $4, why = $5, staff_id = $6, next_check_at = $7, tries = 0, trouble = '',
                changed_at = $8, version = version + 1
          where shop_id = $1 and id = $2 and state = 'needs_response' and asked = 'nothing' and ($3 = 'accept' or due_by > $8)",
        args![seen.shop, seen.id, asked, Json(answer), why, staff, next_check_at, tx.now()],
    )?;
    Ok(changed == 1)
}

/// The processor said no: it was not told anything, and a person may try again.
pub fn take_back_answer(tx: &mut Tx<'_>, id: DisputeId, trouble: &str, next_check_at: Time) -> Result<bool> {
    let changed = tx.exec(
        "update disputes set asked = 'nothing', trouble = $2, next_check_at = $3, changed_at = $4, version = version + 1
          where id = $1 and state = 'needs_response' and asked <> 'nothing'",
        args![id, trouble, next_check_at, tx.now()],
    )?;
    Ok(changed == 1)
}

/// Nothing new: when somebody looks again.
pub fn postpone(tx: &mut Tx<'_>, id: DisputeId, next_check_at: Time) -> Result<()> {
    tx.put(
        "update disputes set tries = 0, next_check_at = $2 where id = $1 and next_check_at is not null",
        args![id, next_check_at],
    )
}

/// Looked at or told in vain, and why: when it is tried again.
pub fn try_later(tx: &mut Tx<'_>, id: DisputeId, trouble: &str, next_check_at: Time) -> Result<()> {
    tx.put(
        "update disputes set tries = tries + 1, trouble = $2, next_check_at = $3 where id = $1 and next_check_at is not null",
        args![id, trouble, next_check_at],
    )
}

pub fn due(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<DisputeId>> {
    let rows: Vec<(DisputeId,)> =
        tx.all("select id from disputes where next_check_at is not null and next_check_at <= $1 order by next_check_at limit $2", args![tx.now(), limit])?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

pub fn claim(tx: &mut Tx<'_>, id: DisputeId, until: Time) -> Result<bool> {
    let changed = tx.exec(
        "update disputes set next_check_at = $2 where id = $1 and next_check_at <= $3",
        args![id, until, tx.now()],
    )?;
    Ok(changed == 1)
}

/// Rows that break a promise of disputes (I14, I16, I21): empty, always.
pub fn check(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let counted: Vec<(IntentId,)> = tx.all(
        "select i.id from intents i
          where i.disputed_minor <> (select coalesce(sum(d.covered_minor), 0) from disputes d
                                      where d.intent_id = i.id and d.state in ('needs_response', 'under_review', 'lost'))
             or i.disputes_open <> (select count(*) from disputes d where d.intent_id = i.id and d.state in ('needs_response', 'under_review'))
             or i.refunded_minor + i.refund_pending_minor + i.disputed_minor > i.captured_minor limit 20",
        &[],
    )?;
    let borne: Vec<(DisputeId,)> = tx.all(
        "select id from disputes where state in ('needs_response', 'under_review', 'lost') and covered_minor + excess_minor <> amount_minor limit 20",
        &[],
    )?;
    let forgotten: Vec<(DisputeId,)> = tx.all(
        "select id from disputes where state in ('inquiry', 'needs_response', 'under_review') and next_check_at is null limit 20",
        &[],
    )?;
    let mut broken: Vec<String> = counted
        .iter()
        .map(|(id,)| format!("I14 {id}: its disputes are not what it has set aside for them"))
        .collect();
    broken.extend(
        borne
            .iter()
            .map(|(id,)| format!("I21 {id}: not all of it is borne by somebody")),
    );
    broken.extend(
        forgotten
            .iter()
            .map(|(id,)| format!("I16 nobody will look at {id} again")),
    );
    Ok(broken)
}
