//! All SQL on intents, attempts, captures, refunds, their log and the processors' notices.

use super::allocation::{Allocation, PlannedLeg};
use super::model::{Attempt, AttemptState, Capture, CaptureState, Intent, IntentState, Refund, RefundState};
use super::rules::{Rule, Rules};
use super::stored::{Details, Owner, StoredMethod, StoredState, Want};
use crate::args;
use crate::db::{FromRow, Json, Row, Tx, Value};
use crate::kernel::{
    AdjustmentId, AttemptId, CaptureId, CardFace, CheckoutId, Id, IntentId, Money, Notice, RefundId, Result, Reuse,
    Seconds, ShipmentId, ShopId, StoredMethodId, Time,
};

// Intents ------------------------------------------------------------------------------------------------------------------------

/// Whether the intent is new: a checkout has one. One that is *processing* has begun its first attempt.
pub fn insert_intent(tx: &mut Tx<'_>, id: IntentId, open: &super::OpenIntent, state: IntentState) -> Result<bool> {
    let added = insert_intent_by(tx, id, open, state, |tx, sql, args| tx.exec(sql, args))?;
    Ok(added == 1)
}

/// [`insert_intent`] of a checkout that was written in this transaction: nobody else can have it.
pub fn insert_new_intent(tx: &mut Tx<'_>, id: IntentId, open: &super::OpenIntent, state: IntentState) -> Result<()> {
    insert_intent_by(tx, id, open, state, |tx, sql, args| tx.together(id, sql, args))
}

fn insert_intent_by<T>(
    tx: &mut Tx<'_>,
    id: IntentId,
    open: &super::OpenIntent,
    state: IntentState,
    write: impl FnOnce(&mut Tx<'_>, &'static str, &[Value<'_>]) -> Result<T>,
) -> Result<T> {
    let now = tx.now();
    write(
        tx,
        "insert into intents (id, shop_id, checkout_id, state, amount_minor, currency, allocation, version, created_at, attempts)
         values ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9) on conflict do nothing",
        args![
            id,
            open.shop,
            open.checkout,
            state,
            open.amount.minor,
            open.amount.currency,
            Json(&open.allocation),
            now,
            u32::from(state == IntentState::Processing)
        ],
    )
}

/// A wish that was never tried takes a new amount and split: another address made another price.
pub fn reprice_intent(
    tx: &mut Tx<'_>,
    id: IntentId,
    state: IntentState,
    amount: Money,
    allocation: &Allocation,
) -> Result<bool> {
    let changed = tx.exec(
        "update intents set amount_minor = $2, currency = $3, allocation = $4, state = $5, version = version + 1
          where id = $1 and (state = 'requires_method' or (state = 'succeeded' and amount_minor = 0))",
        args![id, amount.minor, amount.currency, Json(allocation), state],
    )?;
    Ok(changed == 1)
}

impl FromRow for Intent {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            shop: row.get(1)?,
            checkout: row.get(2)?,
            state: row.get(3)?,
            amount: row.money(4)?,
            authorized_minor: row.get(6)?,
            capture_pending_minor: row.get(7)?,
            captured_minor: row.get(8)?,
            refund_pending_minor: row.get(9)?,
            refunded_minor: row.get(10)?,
            allocation: row.get::<Json<Allocation>>(11)?.0,
            attempts: row.get(12)?,
            version: row.get(13)?,
            lost_at: row.get(14)?,
            own_asks: row.get(15)?,
            method: row.get(16)?,
            taking: row.get(17)?,
            was: row.get(18)?,
            disputed_minor: row.get(19)?,
            disputes_open: row.get(20)?,
            let_go_minor: row.get(21)?,
        })
    }
}

pub fn intent(tx: &mut Tx<'_>, id: IntentId) -> Result<Option<Intent>> {
    tx.maybe_one_of(
        id,
        "select id, shop_id, checkout_id, state, amount_minor, currency, authorized_minor, capture_pending_minor, captured_minor,
                refund_pending_minor, refunded_minor, allocation, attempts, version, lost_at, own_asks,
                coalesce((select method from attempts a where a.intent_id = intents.id and a.n = intents.attempts), ''),
                coalesce((select taking from attempts a where a.intent_id = intents.id and a.n = intents.attempts), 'each'), was,
                 disputed_minor, disputes_open, let_go_minor
           from intents where id = $1",
        args![id],
    )
}

/// Where a wish to be paid stands, without its split.
pub fn intent_state(tx: &mut Tx<'_>, id: IntentId) -> Result<Option<IntentState>> {
    let found: Option<(IntentState,)> = tx.maybe_one("select state from intents where id = $1", args![id])?;
    Ok(found.map(|(state,)| state))
}

/// The next try's number, its shop, checkout and amount: what was not taken yet. No row: an attempt is on its way, or nothing is to be paid, or
/// there were too many, or this card was refused for good in this payment (P20). Tries without the buyer do not count against them.
pub fn begin_attempt(
    tx: &mut Tx<'_>,
    id: IntentId,
    most: u32,
    token: &str,
) -> Result<Option<(u32, ShopId, CheckoutId, Money)>> {
    let begun: Option<(u32, ShopId, CheckoutId, i64, crate::kernel::Currency)> = tx.maybe_one(
        "update intents set state = 'processing', attempts = attempts + 1, version = version + 1
          where id = $1 and (state = 'requires_method' or (state = 'expired' and lost_at is not null)) and attempts - own_asks < $2
            and ($3 = '' or not exists (select 1 from attempts where intent_id = $1 and token = $3 and hard = 1))
         returning attempts, shop_id, checkout_id, amount_minor - captured_minor - let_go_minor, currency",
        args![id, most, token],
    )?;
    Ok(begun.map(|(n, shop, checkout, minor, currency)| (n, shop, checkout, Money::new(minor, currency))))
}

/// The next try without the buyer, at the rest of a sale that is promised still or was until now: its number. No row: somebody else began one since
/// `seen` tries were made, something is being taken, the buyer was asked to pay, the budget is spent, or this card was refused for good in any of
/// the shop's payments (P20). That the card was asked too often today, [`count_card_ask`] says.
pub fn begin_renewal(tx: &mut Tx<'_>, id: IntentId, seen: u32, most: u32, token: &str) -> Result<Option<u32>> {
    let begun: Option<(u32,)> = tx.maybe_one(
        "update intents set attempts = attempts + 1, own_asks = own_asks + 1, version = version + 1
          where id = $1 and attempts = $2 and own_asks < $3 and lost_at is null and capture_pending_minor = 0
            and state in ('requires_capture', 'partially_captured', 'expired')
            and not exists (select 1 from attempts where attempts.shop_id = intents.shop_id and token = $4 and hard = 1)
         returning attempts",
        args![id, seen, most, token],
    )?;
    Ok(begun.map(|(n,)| n))
}

/// How often a card was asked on this day without its holder.
pub fn card_asks(tx: &mut Tx<'_>, shop: ShopId, card: [u8; 32]) -> Result<u32> {
    let asks: Option<(u32,)> = tx.maybe_one(
        "select asks from card_asks where shop_id = $1 and card = $2 and day = $3",
        args![shop, card, today(tx)],
    )?;
    Ok(asks.map_or(0, |(asks,)| asks))
}

fn today(tx: &Tx<'_>) -> i64 {
    tx.now().unix_seconds().div_euclid(86_400)
}

/// Counts a try at a card without its holder; false when it was asked often enough on this day.
pub fn count_card_ask(tx: &mut Tx<'_>, shop: ShopId, card: [u8; 32], most: u32) -> Result<bool> {
    let day = today(tx);
    tx.put(
        "delete from card_asks where shop_id = $1 and card = $2 and day < $3",
        args![shop, card, day],
    )?;
    let counted = tx.exec(
        "insert into card_asks (shop_id, card, day, asks) values ($1, $2, $3, 1)
         on conflict (shop_id, card, day) do update set asks = card_asks.asks + 1 where card_asks.asks < $4",
        args![shop, card, day, most],
    )?;
    Ok(counted == 1)
}

/// Moves an intent that waits for its attempt; a closed one stays as it is. What was lost before stays so when the buyer's try was in vain.
pub fn answer_intent(tx: &mut Tx<'_>, id: IntentId, next: IntentState) -> Result<bool> {
    let changed = tx.exec(
        "update intents set state = case when $2 = 'requires_method' and lost_at is not null then 'expired' else $2 end, version = version + 1
          where id = $1 and state in ('processing', 'requires_action', 'unknown')",
        args![id, next],
    )?;
    Ok(changed == 1)
}

const AUTHORIZE_INTENT: &str =
    "update intents set state = case when captured_minor > 0 then 'partially_captured' else 'requires_capture' end,
            authorized_minor = amount_minor - let_go_minor, lost_at = null, next_check_at = null, version = version + 1
      where id = $1 and (state = 'processing' or state = 'requires_action' or state = 'unknown')";

/// The money is promised. False if nobody waits for it any more.
pub fn authorize_intent(tx: &mut Tx<'_>, id: IntentId) -> Result<bool> {
    let changed = tx.exec(AUTHORIZE_INTENT, args![id])?;
    Ok(changed == 1)
}

/// [`authorize_intent`], of whoever knows that it waits: if it does not any more, the whole command runs again.
pub fn authorize_waiting_intent(tx: &mut Tx<'_>, id: IntentId) -> Result<()> {
    tx.together(id, AUTHORIZE_INTENT, args![id])
}

/// A promise of `minor` that we asked for ourselves takes the place of the one before. False: it is not the rest any more, or nobody wants it.
pub fn renew_intent(tx: &mut Tx<'_>, id: IntentId, minor: i64) -> Result<bool> {
    let changed = tx.exec(
        "update intents set state = case when captured_minor > 0 then 'partially_captured' else 'requires_capture' end,
                authorized_minor = amount_minor - let_go_minor, next_check_at = null, version = version + 1
          where id = $1 and state in ('requires_capture', 'partially_captured', 'expired') and lost_at is null
            and capture_pending_minor = 0 and captured_minor + $2 between amount_minor - let_go_minor and amount_minor",
        args![id, minor],
    )?;
    Ok(changed == 1)
}

/// Freezes an intent whose processor contradicts us.
pub fn conflict_intent(tx: &mut Tx<'_>, id: IntentId) -> Result<bool> {
    let changed = tx.exec(
        "update intents set was = state, state = 'conflicted', next_check_at = null, version = version + 1 where id = $1 and state <> 'conflicted'",
        args![id],
    )?;
    Ok(changed == 1)
}

/// Lets an intent go: what was captured stays, the rest will not be taken. No row while a capture is on its way, or when it is closed already.
pub fn close_intent(tx: &mut Tx<'_>, id: IntentId) -> Result<Option<IntentState>> {
    let closed: Option<(IntentState,)> = tx.maybe_one(
        "update intents set state = case when captured_minor > 0 then 'succeeded' else 'canceled' end, lost_at = null, next_check_at = null,
                version = version + 1
          where id = $1 and capture_pending_minor = 0
            and state in ('requires_method', 'processing', 'requires_action', 'unknown', 'requires_capture', 'partially_captured', 'expired')
         returning state",
        args![id],
    )?;
    Ok(closed.map(|(state,)| state))
}

/// The same for a payment in conflict: it stays there, and whoever leads it out finds it closed.
pub fn close_conflicted(tx: &mut Tx<'_>, id: IntentId) -> Result<()> {
    tx.put(
        "update intents set was = case when captured_minor > 0 then 'succeeded' else 'canceled' end, lost_at = null, version = version + 1
          where id = $1 and state = 'conflicted' and (was is null or was not in ('succeeded', 'canceled'))",
        args![id],
    )
}

/// Nothing is promised any more and not everything is taken: somebody has to look at once. Not while a capture may still succeed.
pub fn expire_intent(tx: &mut Tx<'_>, id: IntentId) -> Result<bool> {
    let changed = tx.exec(
        "update intents set state = 'expired', next_check_at = $2, version = version + 1
          where id = $1 and capture_pending_minor = 0 and state in ('requires_capture', 'partially_captured')
            and not exists (select 1 from attempts where intent_id = $1 and state = 'authorized')",
        args![id, tx.now()],
    )?;
    Ok(changed == 1)
}

/// The buyer is asked to pay again from now on. False: somebody was faster, or a promise stands after all.
pub fn lose_intent(tx: &mut Tx<'_>, id: IntentId, next_check_at: Time) -> Result<bool> {
    let changed = tx.exec(
        "update intents set lost_at = $2, next_check_at = $3, version = version + 1 where id = $1 and state = 'expired' and lost_at is null",
        args![id, tx.now(), next_check_at],
    )?;
    Ok(changed == 1)
}

/// Expired payments somebody has to look at.
pub fn due_intents(tx: &mut Tx<'_>, until: Time, limit: i64) -> Result<Vec<(String, IntentId)>> {
    tx.all(
        "select processor, id
           from (select id, processor, next_check_at, row_number() over (partition by processor order by next_check_at, id) as place
                   from (select id, next_check_at, coalesce((select a.processor from attempts a where a.intent_id = i.id order by a.n desc limit 1), '') as processor
                  from intents i where next_check_at is not null and next_check_at <= $1) as due) as queues
          where place <= $2 order by next_check_at, id",
        args![until, limit],
    )
}

pub fn claim_intent(tx: &mut Tx<'_>, id: IntentId, until: Time) -> Result<bool> {
    let changed = tx.exec(
        "update intents set next_check_at = $2 where id = $1 and next_check_at <= $3",
        args![id, until, tx.now()],
    )?;
    Ok(changed == 1)
}

/// When an intent is looked at again; one that is not looked at stays so.
pub fn postpone_intent(tx: &mut Tx<'_>, id: IntentId, at: Time) -> Result<()> {
    tx.put(
        "update intents set next_check_at = $2 where id = $1 and next_check_at is not null",
        args![id, at],
    )
}

/// So much will never be taken: units were canceled. Whatever is promised is promised for the rest. False: it is taken or being taken already, or
/// nobody can say now what is promised.
pub fn let_go_part(tx: &mut Tx<'_>, id: IntentId, minor: i64) -> Result<bool> {
    let changed = tx.exec(
        "update intents set let_go_minor = let_go_minor + $2, authorized_minor = authorized_minor - $2, version = version + 1
          where id = $1 and (state = 'requires_capture' or state = 'partially_captured' or state = 'expired')
            and captured_minor + capture_pending_minor + $2 <= authorized_minor",
        args![id, minor],
    )?;
    Ok(changed == 1)
}

/// Sets an amount aside for a capture; false if that much is not promised (I14).
pub fn reserve_capture(tx: &mut Tx<'_>, id: IntentId, minor: i64) -> Result<bool> {
    let changed = tx.exec(
        "update intents set capture_pending_minor = capture_pending_minor + $2, version = version + 1
          where id = $1 and state in ('requires_capture', 'partially_captured') and captured_minor + capture_pending_minor + $2 <= authorized_minor",
        args![id, minor],
    )?;
    Ok(changed == 1)
}

/// What was set aside has been taken. After the last capture, or when all is taken, the intent is done.
pub fn take_capture(tx: &mut Tx<'_>, id: IntentId, minor: i64, last: bool) -> Result<IntentState> {
    let taken: (IntentState,) = tx.one(
        "update intents set capture_pending_minor = capture_pending_minor - $2, captured_minor = captured_minor + $2, version = version + 1,
           state = case when state not in ('requires_capture', 'partially_captured') then state
                        when $3 = 1 or captured_minor + $2 = authorized_minor then 'succeeded' else 'partially_captured' end
          where id = $1 returning state",
        args![id, minor, last],
    )?;
    Ok(taken.0)
}

pub fn release_capture(tx: &mut Tx<'_>, id: IntentId, minor: i64) -> Result<()> {
    tx.put(
        "update intents set capture_pending_minor = capture_pending_minor - $2, version = version + 1 where id = $1",
        args![id, minor],
    )
}

/// Sets an amount aside for a refund; false if that much was not captured, went back already (P13), lies with a bank, or may have to (L10).
/// What the processor gave back `elsewhere` than here happened already: it is written down while a bank or a person decides, too.
pub fn reserve_refund(tx: &mut Tx<'_>, id: IntentId, minor: i64, elsewhere: bool) -> Result<bool> {
    let changed = tx.exec(
        "update intents set refund_pending_minor = refund_pending_minor + $2, version = version + 1
          where id = $1 and ((state <> 'conflicted' and disputes_open = 0) or $3 = 1)
            and refunded_minor + refund_pending_minor + disputed_minor + $2 <= captured_minor",
        args![id, minor, elsewhere],
    )?;
    Ok(changed == 1)
}

pub fn take_refund(tx: &mut Tx<'_>, id: IntentId, minor: i64) -> Result<()> {
    tx.put(
        "update intents set refund_pending_minor = refund_pending_minor - $2, refunded_minor = refunded_minor + $2, version = version + 1 where id = $1",
        args![id, minor],
    )
}

/// What went back did not arrive after all: it may be given back again.
pub fn untake_refund(tx: &mut Tx<'_>, id: IntentId, minor: i64) -> Result<()> {
    tx.put(
        "update intents set refunded_minor = refunded_minor - $2, version = version + 1 where id = $1",
        args![id, minor],
    )
}

pub fn release_refund(tx: &mut Tx<'_>, id: IntentId, minor: i64) -> Result<()> {
    tx.put(
        "update intents set refund_pending_minor = refund_pending_minor - $2, version = version + 1 where id = $1",
        args![id, minor],
    )
}

// Attempts -----------------------------------------------------------------------------------------------------------------------

pub fn insert_attempt(tx: &mut Tx<'_>, attempt: &Attempt) -> Result<()> {
    tx.together(
        attempt.intent,
        "insert into attempts (id, intent_id, shop_id, n, processor, method, token, state, next_check_at, created_at, changed_at, amount_minor, taking,
                               window_seconds, off_session)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13, $14)",
        args![
            attempt.id,
            attempt.intent,
            attempt.shop,
            attempt.n,
            attempt.processor,
            attempt.method,
            attempt.token,
            attempt.state,
            attempt.next_check_at,
            attempt.created_at,
            attempt.amount.minor,
            attempt.taking,
            attempt.window.map(|window| window.0),
            attempt.off_session
        ],
    )
}

impl FromRow for Attempt {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        attempt_at(row, 0)
    }
}

/// An attempt in the 21 columns from `at`.
pub(super) fn attempt_at(row: &Row<'_>, at: usize) -> Result<Attempt> {
    Ok(Attempt {
        id: row.get(at)?,
        intent: row.get(at + 1)?,
        shop: row.get(at + 2)?,
        checkout: row.get(at + 3)?,
        n: row.get(at + 4)?,
        processor: row.get(at + 5)?,
        method: row.get(at + 6)?,
        token: row.get(at + 7)?,
        state: row.get(at + 8)?,
        amount: row.money(at + 9)?,
        payment: row.get(at + 11)?,
        decline: row.get(at + 12)?,
        action_url: row.get(at + 13)?,
        capture_before: row.get(at + 14)?,
        tries: row.get(at + 15)?,
        next_check_at: row.get(at + 16)?,
        created_at: row.get(at + 17)?,
        taking: row.get(at + 18)?,
        window: row.get::<Option<i64>>(at + 19)?.map(Seconds),
        off_session: row.get(at + 20)?,
        return_url: String::new(),
        reuse: Reuse::Once,
    })
}

pub fn attempt(tx: &mut Tx<'_>, id: AttemptId) -> Result<Option<Attempt>> {
    tx.maybe_one(
        "select a.id, a.intent_id, a.shop_id, i.checkout_id, a.n, a.processor, a.method, a.token, a.state, a.amount_minor, i.currency,
                a.reference, a.decline, a.action_url, a.capture_before, a.tries, a.next_check_at, a.created_at, a.taking, a.window_seconds,
                a.off_session
           from attempts a join intents i on i.id = a.intent_id where a.id = $1",
        args![id],
    )
}

pub fn attempt_by_number(tx: &mut Tx<'_>, intent: IntentId, n: u32) -> Result<Option<Attempt>> {
    tx.maybe_one(
        "select a.id, a.intent_id, a.shop_id, i.checkout_id, a.n, a.processor, a.method, a.token, a.state, a.amount_minor, i.currency,
                a.reference, a.decline, a.action_url, a.capture_before, a.tries, a.next_check_at, a.created_at, a.taking, a.window_seconds,
                a.off_session
           from attempts a join intents i on i.id = a.intent_id where a.intent_id = $1 and a.n = $2",
        args![intent, n],
    )
}

/// The attempt that a processor has under this name.
pub fn attempt_by_payment(tx: &mut Tx<'_>, processor: &str, payment: &str) -> Result<Option<Attempt>> {
    tx.maybe_one(
        "select a.id, a.intent_id, a.shop_id, i.checkout_id, a.n, a.processor, a.method, a.token, a.state, a.amount_minor, i.currency,
                a.reference, a.decline, a.action_url, a.capture_before, a.tries, a.next_check_at, a.created_at, a.taking, a.window_seconds,
                a.off_session
           from attempts a join intents i on i.id = a.intent_id
          where a.reference = $2 and a.reference <> '' and a.processor = $1 order by a.id desc limit 1",
        args![processor, payment],
    )
}

/// When the oldest attempt was made that may still move money.
pub fn oldest_open(tx: &mut Tx<'_>) -> Result<Option<Time>> {
    let (at,): (Option<Time>,) = tx.one(
        "select min(created_at) from attempts where next_check_at is not null",
        &[],
    )?;
    Ok(at)
}

/// Makes everything whose answer is missing due at once. Promises are not: they are looked up in the books.
pub fn ask_again_about_all(tx: &mut Tx<'_>) -> Result<()> {
    tx.put(
        "update attempts set next_check_at = $1 where next_check_at is not null and state <> 'authorized'",
        args![tx.now()],
    )?;
    tx.put(
        "update captures set next_check_at = $1 where next_check_at is not null",
        args![tx.now()],
    )?;
    tx.put(
        "update refunds set next_check_at = $1 where next_check_at is not null",
        args![tx.now()],
    )
}

/// Attempts whose promise we count on, a page at a time, by id.
pub fn promised_attempts(tx: &mut Tx<'_>, after: Option<AttemptId>, limit: i64) -> Result<Vec<Attempt>> {
    tx.all(
        "select a.id, a.intent_id, a.shop_id, i.checkout_id, a.n, a.processor, a.method, a.token, a.state, a.amount_minor, i.currency,
                a.reference, a.decline, a.action_url, a.capture_before, a.tries, a.next_check_at, a.created_at, a.taking, a.window_seconds,
                a.off_session
           from attempts a join intents i on i.id = a.intent_id
          where a.next_check_at is not null and a.state = 'authorized' and a.id > $1 order by a.id limit $2",
        args![after.unwrap_or(AttemptId::from_uuid(uuid::Uuid::nil())), limit],
    )
}

/// All tries, first to last; their number is bounded.
pub fn attempts(tx: &mut Tx<'_>, intent: IntentId) -> Result<Vec<Attempt>> {
    tx.all(
        "select a.id, a.intent_id, a.shop_id, i.checkout_id, a.n, a.processor, a.method, a.token, a.state, a.amount_minor, i.currency,
                a.reference, a.decline, a.action_url, a.capture_before, a.tries, a.next_check_at, a.created_at, a.taking, a.window_seconds,
                a.off_session
           from attempts a join intents i on i.id = a.intent_id where a.intent_id = $1 order by a.n limit 100",
        args![intent],
    )
}

/// What an answer changes on an attempt. Empty texts keep what is stored.
pub struct AttemptChange<'a> {
    pub from: AttemptState,
    pub to: AttemptState,
    pub payment: &'a str,
    pub decline: &'a str,
    /// Whether the decline was a hard one.
    pub hard: bool,
    pub action_url: &'a str,
    pub capture_before: Option<Time>,
    /// Whether the processor said that this promise can be taken only once.
    pub once: bool,
    /// Which card it is, as a hash.
    pub card: Option<[u8; 32]>,
    pub tries: u32,
    pub next_check_at: Option<Time>,
}

/// Moves an attempt from the state it was read in.
pub fn move_attempt(tx: &mut Tx<'_>, attempt: &Attempt, change: &AttemptChange<'_>) -> Result<()> {
    tx.together(
        attempt.intent,
        "update attempts set state = $3, reference = case when $4 = '' then reference else $4 end,
           decline = case when $5 = '' then decline else $5 end, action_url = case when $6 = '' then action_url else $6 end,
           capture_before = coalesce($7, capture_before), tries = $8, next_check_at = $9, changed_at = $10,
           hard = case when $11 = 1 then 1 else hard end, taking = case when $12 = 1 then 'once' else taking end,
           card = coalesce($13, card)
          where id = $1 and state = $2",
        args![
            attempt.id,
            change.from,
            change.to,
            change.payment,
            change.decline,
            change.action_url,
            change.capture_before,
            change.tries,
            change.next_check_at,
            tx.now(),
            change.hard,
            change.once,
            change.card
        ],
    )
}

/// The card of the promise we count on, if its processor says which it is.
pub fn promising_card(tx: &mut Tx<'_>, intent: IntentId) -> Result<Option<[u8; 32]>> {
    let found: Option<(Option<[u8; 32]>,)> = tx.maybe_one_of(
        intent,
        "select card from attempts where intent_id = $1 and state = 'authorized'",
        args![intent],
    )?;
    Ok(found.and_then(|(card,)| card))
}

/// Why a promise is not taken, for the buyer.
pub fn refuse_promise(tx: &mut Tx<'_>, intent: IntentId, decline: &str) -> Result<()> {
    tx.put(
        "update attempts set decline = $2 where intent_id = $1 and state = 'authorized'",
        args![intent, decline],
    )
}

/// When somebody looks at a promise again.
pub fn look_at_promise(tx: &mut Tx<'_>, id: AttemptId, at: Time) -> Result<()> {
    tx.put(
        "update attempts set next_check_at = $2 where id = $1 and state = 'authorized'",
        args![id, at],
    )
}

/// Makes a promise due for a look at once.
pub fn look_again(tx: &mut Tx<'_>, id: AttemptId) -> Result<()> {
    tx.put(
        "update attempts set next_check_at = $2 where id = $1 and state = 'authorized'",
        args![id, tx.now()],
    )
}

/// Rows whose answer is overdue since a moment, and whom to ask: of each processor so many, so that none holds up another.
pub fn due_attempts(tx: &mut Tx<'_>, until: Time, limit: i64) -> Result<Vec<(String, AttemptId)>> {
    tx.all(
        "select processor, id
           from (select id, processor, next_check_at, row_number() over (partition by processor order by next_check_at, id) as place
                   from (select id, processor, next_check_at from attempts where next_check_at is not null and next_check_at <= $1) as due) as queues
          where place <= $2 order by next_check_at, id",
        args![until, limit],
    )
}

/// Puts the next look at a row off while we look, so that two processes do not ask at once. False if somebody else did, or it is settled.
pub fn claim_attempt(tx: &mut Tx<'_>, id: AttemptId, until: Time) -> Result<bool> {
    let changed = tx.exec(
        "update attempts set next_check_at = $2 where id = $1 and next_check_at <= $3",
        args![id, until, tx.now()],
    )?;
    Ok(changed == 1)
}

/// Whether this card was refused for good in one of the payment's tries.
pub fn refused_for_good(tx: &mut Tx<'_>, intent: IntentId, token: &str) -> Result<bool> {
    let found: Option<(u32,)> = tx.maybe_one(
        "select n from attempts where intent_id = $1 and token = $2 and hard = 1 limit 1",
        args![intent, token],
    )?;
    Ok(found.is_some())
}

/// A shop's newest tries by card since then, of buyers who were there: whom it asked, what came of it, whether a decline was a hard one. Ids sort by birth.
pub fn latest_tries(
    tx: &mut Tx<'_>,
    shop: ShopId,
    since: Time,
    limit: i64,
) -> Result<Vec<(String, AttemptState, bool)>> {
    let millis = u64::try_from(since.0 / 1000).unwrap_or(0);
    let oldest = AttemptId::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid());
    tx.all(
        "select processor, state, hard from attempts where id >= $1 and shop_id = $2 and method = 'card' and off_session = 0 order by id desc limit $3",
        args![oldest, shop, limit],
    )
}

// Routing ------------------------------------------------------------------------------------------------------------------------

/// The newest version of a shop's rules.
pub fn routing_rules(tx: &mut Tx<'_>, shop: ShopId) -> Result<Option<Rules>> {
    let found: Option<(i64, Json<Vec<Rule>>)> = tx.maybe_one(
        "select version, rules from routing_rules where shop_id = $1 order by version desc limit 1",
        args![shop],
    )?;
    Ok(found.map(|(version, rules)| Rules {
        version,
        rules: rules.0,
    }))
}

/// The rules of one version.
pub fn routing_rules_of(tx: &mut Tx<'_>, shop: ShopId, version: i64) -> Result<Vec<Rule>> {
    let found: Option<(Json<Vec<Rule>>,)> = tx.maybe_one(
        "select rules from routing_rules where shop_id = $1 and version = $2",
        args![shop, version],
    )?;
    Ok(found.map(|(rules,)| rules.0).unwrap_or_default())
}

/// Whether this version is new.
pub fn insert_routing_rules(tx: &mut Tx<'_>, shop: ShopId, rules: &Rules) -> Result<bool> {
    let added = tx.exec(
        "insert into routing_rules (shop_id, version, rules, created_at) values ($1, $2, $3, $4) on conflict do nothing",
        args![shop, rules.version, Json(&rules.rules), tx.now()],
    )?;
    Ok(added == 1)
}

// Captures -----------------------------------------------------------------------------------------------------------------------

pub struct NewCapture<'a> {
    pub id: CaptureId,
    pub intent: IntentId,
    /// Whose promise it takes from.
    pub attempt: AttemptId,
    pub shop: ShopId,
    pub shipment: ShipmentId,
    pub plan: &'a super::CapturePlan,
    /// Nothing is taken from this promise after it.
    pub last: bool,
    /// *Sending*, or *waiting*.
    pub state: CaptureState,
    pub next_check_at: Time,
}

/// Whether the capture is new: a shipment has one.
pub fn insert_capture(tx: &mut Tx<'_>, new: &NewCapture<'_>) -> Result<bool> {
    let added = tx.exec(
        "insert into captures (id, intent_id, shop_id, shipment_id, amount_minor, final, state, legs, next_check_at, created_at, changed_at, attempt_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11) on conflict (shipment_id) do nothing",
        args![new.id, new.intent, new.shop, new.shipment, new.plan.amount.minor, new.last, new.state, Json(&new.plan.legs), new.next_check_at, tx.now(), new.attempt],
    )?;
    Ok(added == 1)
}

/// Takes a capture back in the transaction that wrote it, because the promise does not cover it.
pub fn delete_capture(tx: &mut Tx<'_>, id: CaptureId) -> Result<()> {
    tx.put(
        "delete from captures where id = $1 and state in ('sending', 'waiting')",
        args![id],
    )
}

impl FromRow for Capture {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let amount = row.money(4)?;
        Ok(Self {
            id: row.get(0)?,
            intent: row.get(1)?,
            shop: row.get(2)?,
            shipment: row.get(3)?,
            amount,
            last: row.get(6)?,
            state: row.get(7)?,
            fee_minor: row.get(8)?,
            legs: row.get::<Json<Vec<PlannedLeg>>>(9)?.0,
            tries: row.get(10)?,
            created_at: row.get(11)?,
            attempt: attempt_at(row, 12)?,
            told: row.get(33)?,
        })
    }
}

pub fn capture(tx: &mut Tx<'_>, id: CaptureId) -> Result<Option<Capture>> {
    tx.maybe_one(
        "select c.id, c.intent_id, c.shop_id, c.shipment_id, c.amount_minor, i.currency, c.final, c.state, c.fee_minor, c.legs, c.tries, c.created_at,
                a.id, a.intent_id, a.shop_id, i.checkout_id, a.n, a.processor, a.method, a.token, a.state, a.amount_minor, i.currency,
                a.reference, a.decline, a.action_url, a.capture_before, a.tries, a.next_check_at, a.created_at, a.taking, a.window_seconds,
                a.off_session, c.told
           from captures c join intents i on i.id = c.intent_id join attempts a on a.id = c.attempt_id where c.id = $1",
        args![id],
    )
}

pub fn capture_of_shipment(tx: &mut Tx<'_>, shop: ShopId, shipment: ShipmentId) -> Result<Option<CaptureId>> {
    let found: Option<(CaptureId,)> = tx.maybe_one(
        "select id from captures where shop_id = $1 and shipment_id = $2",
        args![shop, shipment],
    )?;
    Ok(found.map(|(id,)| id))
}

/// A capture, for lists.
#[derive(Clone, Debug)]
pub struct CaptureLine {
    pub id: CaptureId,
    pub shipment: ShipmentId,
    pub minor: i64,
    pub fee_minor: i64,
    pub state: CaptureState,
    pub legs: Vec<PlannedLeg>,
    pub detail: String,
    pub created_at: Time,
    pub changed_at: Time,
    pub attempt: AttemptId,
}

impl FromRow for CaptureLine {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            shipment: row.get(1)?,
            minor: row.get(2)?,
            fee_minor: row.get(3)?,
            state: row.get(4)?,
            legs: row.get::<Json<Vec<PlannedLeg>>>(5)?.0,
            detail: row.get(6)?,
            created_at: row.get(7)?,
            changed_at: row.get(8)?,
            attempt: row.get(9)?,
        })
    }
}

/// All captures of an intent; a sale has few shipments.
pub fn captures(tx: &mut Tx<'_>, intent: IntentId) -> Result<Vec<CaptureLine>> {
    tx.all(
        "select id, shipment_id, amount_minor, fee_minor, state, legs, detail, created_at, changed_at, attempt_id from captures
          where intent_id = $1 order by created_at, id limit 1000",
        args![intent],
    )
}

/// What waits for the last parcel.
pub fn waiting_capture(tx: &mut Tx<'_>, intent: IntentId) -> Result<Option<CaptureId>> {
    let found: Option<(CaptureId,)> = tx.maybe_one(
        "select id from captures where intent_id = $1 and state = 'waiting'",
        args![intent],
    )?;
    Ok(found.map(|(id,)| id))
}

/// What waits takes up another parcel, and goes on waiting or is taken.
pub fn grow_capture(
    tx: &mut Tx<'_>,
    id: CaptureId,
    minor: i64,
    legs: &[PlannedLeg],
    state: CaptureState,
    next_check_at: Time,
) -> Result<()> {
    tx.change_one(
        "update captures set amount_minor = amount_minor + $2, legs = $3, state = $4, next_check_at = $5, changed_at = $6
          where id = $1 and state = 'waiting'",
        args![id, minor, Json(legs), state, next_check_at, tx.now()],
    )
}

/// What waited is not taken: its promise is over. How much it was.
pub fn fail_waiting(tx: &mut Tx<'_>, intent: IntentId, detail: &str) -> Result<Option<i64>> {
    let failed: Option<(i64,)> = tx.maybe_one(
        "update captures set state = 'failed', detail = $2, next_check_at = null, changed_at = $3
          where intent_id = $1 and state = 'waiting' returning amount_minor",
        args![intent, detail, tx.now()],
    )?;
    Ok(failed.map(|(minor,)| minor))
}

/// Moves a capture that is still open; false if it is settled.
pub fn settle_capture(
    tx: &mut Tx<'_>,
    id: CaptureId,
    state: CaptureState,
    fee_minor: i64,
    reference: &str,
    detail: &str,
) -> Result<bool> {
    let changed = tx.exec(
        "update captures set state = $2, fee_minor = $3, reference = $4, detail = $5, next_check_at = null, changed_at = $6
          where id = $1 and state in ('sending', 'unknown')",
        args![id, state, fee_minor, reference, detail, tx.now()],
    )?;
    Ok(changed == 1)
}

pub fn postpone_capture(tx: &mut Tx<'_>, id: CaptureId, detail: &str, next_check_at: Time) -> Result<bool> {
    let changed = tx.exec(
        "update captures set state = 'unknown', tries = tries + 1, detail = $2, next_check_at = $3, changed_at = $4
          where id = $1 and state in ('sending', 'unknown')",
        args![id, detail, next_check_at, tx.now()],
    )?;
    Ok(changed == 1)
}

/// A refused capture becomes another question: a new id makes a new key, and the plan is of today.
pub fn renew_capture(tx: &mut Tx<'_>, refused: CaptureId, new: &NewCapture<'_>) -> Result<()> {
    tx.change_one(
        "update captures set id = $2, amount_minor = $3, final = $4, legs = $5, next_check_at = $6, changed_at = $7, attempt_id = $8,
                state = $9, tries = 0, detail = '', reference = '', told = 0
          where id = $1 and state = 'failed'",
        args![
            refused,
            new.id,
            new.plan.amount.minor,
            new.last,
            Json(&new.plan.legs),
            new.next_check_at,
            tx.now(),
            new.attempt,
            new.state
        ],
    )
}

/// Checkouts of a shop of which a capture was refused, newest first: whether something is still owed, the shipments say.
pub fn refused_captures(tx: &mut Tx<'_>, shop: ShopId, limit: i64) -> Result<Vec<CheckoutId>> {
    let rows: Vec<(CheckoutId,)> = tx.all(
        "select distinct i.checkout_id from captures c join intents i on i.id = c.intent_id
          where c.shop_id = $1 and c.state = 'failed' order by i.checkout_id desc limit $2",
        args![shop, limit],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

pub fn due_captures(tx: &mut Tx<'_>, until: Time, limit: i64) -> Result<Vec<(String, CaptureId)>> {
    tx.all(
        "select processor, id
           from (select id, processor, next_check_at, row_number() over (partition by processor order by next_check_at, id) as place
                   from (select r.id, a.processor, r.next_check_at from captures r join attempts a on a.id = r.attempt_id
                 where r.next_check_at is not null and r.next_check_at <= $1) as due) as queues
          where place <= $2 order by next_check_at, id",
        args![until, limit],
    )
}

pub fn claim_capture(tx: &mut Tx<'_>, id: CaptureId, until: Time) -> Result<bool> {
    let changed = tx.exec(
        "update captures set next_check_at = $2 where id = $1 and next_check_at <= $3",
        args![id, until, tx.now()],
    )?;
    Ok(changed == 1)
}

/// Leaves a capture that was just written to [`super::resolve`], at its next round.
pub fn capture_soon(tx: &mut Tx<'_>, id: CaptureId) -> Result<()> {
    tx.put(
        "update captures set next_check_at = $2 where id = $1 and state = 'sending'",
        args![id, tx.now()],
    )
}

/// A person said what became of it, in the processor's place.
pub fn mark_capture_told(tx: &mut Tx<'_>, id: CaptureId) -> Result<()> {
    tx.change_one("update captures set told = 1 where id = $1", args![id])
}

/// The same of a refund.
pub fn mark_refund_told(tx: &mut Tx<'_>, id: RefundId) -> Result<()> {
    tx.change_one("update refunds set told = 1 where id = $1", args![id])
}

// Refunds ------------------------------------------------------------------------------------------------------------------------

pub struct NewRefund<'a> {
    pub id: RefundId,
    pub intent: IntentId,
    /// Whose money goes back.
    pub attempt: AttemptId,
    pub shop: ShopId,
    pub adjustment: AdjustmentId,
    pub plan: &'a super::RefundPlan,
    pub next_check_at: Time,
}

/// Whether the refund is new: an adjustment has one of each payment it takes back from.
pub fn insert_refund(tx: &mut Tx<'_>, new: &NewRefund<'_>) -> Result<bool> {
    let added = tx.exec(
        "insert into refunds (id, intent_id, shop_id, adjustment_id, amount_minor, state, legs, next_check_at, created_at, changed_at, attempt_id)
         values ($1, $2, $3, $4, $5, 'sending', $6, $7, $8, $8, $9) on conflict (adjustment_id, attempt_id) do nothing",
        args![new.id, new.intent, new.shop, new.adjustment, new.plan.amount.minor, Json(&new.plan.legs), new.next_check_at, tx.now(), new.attempt],
    )?;
    Ok(added == 1)
}

/// What was written as *sending* becomes store credit in the same transaction: nobody is asked for it.
pub fn credit_refunds(tx: &mut Tx<'_>, intent: IntentId, adjustment: AdjustmentId) -> Result<()> {
    tx.put(
        "update refunds set credited = 1, state = 'succeeded', next_check_at = null, changed_at = $3
          where intent_id = $1 and adjustment_id = $2 and state = 'sending'",
        args![intent, adjustment, tx.now()],
    )
}

/// Store credit is to go back as money after all: the resolver asks for it. False: it is no credit (any more).
pub fn uncredit_refund(tx: &mut Tx<'_>, id: RefundId) -> Result<bool> {
    let changed = tx.exec(
        "update refunds set credited = 0, state = 'not_sent', next_check_at = $2, changed_at = $2
          where id = $1 and credited = 1 and state = 'succeeded'",
        args![id, tx.now()],
    )?;
    Ok(changed == 1)
}

/// What went back is on its way again.
pub fn retake_refund(tx: &mut Tx<'_>, id: IntentId, minor: i64) -> Result<()> {
    tx.put(
        "update intents set refunded_minor = refunded_minor - $2, refund_pending_minor = refund_pending_minor + $2, version = version + 1 where id = $1",
        args![id, minor],
    )
}

/// Takes a refund back in the transaction that wrote it, because not that much was captured.
pub fn delete_refunds(tx: &mut Tx<'_>, intent: IntentId, adjustment: AdjustmentId) -> Result<()> {
    tx.put(
        "delete from refunds where intent_id = $1 and adjustment_id = $2 and state = 'sending'",
        args![intent, adjustment],
    )
}

impl FromRow for Refund {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            intent: row.get(1)?,
            shop: row.get(2)?,
            adjustment: row.get(3)?,
            amount: row.money(4)?,
            state: row.get(6)?,
            legs: row.get::<Json<Vec<PlannedLeg>>>(7)?.0,
            tries: row.get(8)?,
            created_at: row.get(9)?,
            attempt: attempt_at(row, 10)?,
            told: row.get(31)?,
        })
    }
}

pub fn refund(tx: &mut Tx<'_>, id: RefundId) -> Result<Option<Refund>> {
    tx.maybe_one(
        "select r.id, r.intent_id, r.shop_id, r.adjustment_id, r.amount_minor, i.currency, r.state, r.legs, r.tries, r.created_at,
                a.id, a.intent_id, a.shop_id, i.checkout_id, a.n, a.processor, a.method, a.token, a.state, a.amount_minor, i.currency,
                a.reference, a.decline, a.action_url, a.capture_before, a.tries, a.next_check_at, a.created_at, a.taking, a.window_seconds,
                a.off_session, r.told
           from refunds r join intents i on i.id = r.intent_id join attempts a on a.id = r.attempt_id where r.id = $1",
        args![id],
    )
}

pub fn refund_of_adjustment(tx: &mut Tx<'_>, shop: ShopId, adjustment: AdjustmentId) -> Result<Option<RefundId>> {
    let found: Option<(RefundId,)> = tx.maybe_one(
        "select id from refunds where shop_id = $1 and adjustment_id = $2 order by created_at, id limit 1",
        args![shop, adjustment],
    )?;
    Ok(found.map(|(id,)| id))
}

/// A refund, for lists.
#[derive(Clone, Debug)]
pub struct RefundLine {
    pub id: RefundId,
    pub adjustment: AdjustmentId,
    pub minor: i64,
    pub state: RefundState,
    pub legs: Vec<PlannedLeg>,
    pub detail: String,
    pub created_at: Time,
    pub changed_at: Time,
    pub attempt: AttemptId,
    /// It became store credit: no processor was asked.
    pub credited: bool,
}

impl FromRow for RefundLine {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            adjustment: row.get(1)?,
            minor: row.get(2)?,
            state: row.get(3)?,
            legs: row.get::<Json<Vec<PlannedLeg>>>(4)?.0,
            detail: row.get(5)?,
            created_at: row.get(6)?,
            changed_at: row.get(7)?,
            attempt: row.get(8)?,
            credited: row.get(9)?,
        })
    }
}

/// All refunds of an intent; each is at least one minor unit, and staff make them by hand.
pub fn refunds(tx: &mut Tx<'_>, intent: IntentId) -> Result<Vec<RefundLine>> {
    tx.all(
        "select id, adjustment_id, amount_minor, state, legs, detail, created_at, changed_at, attempt_id, credited from refunds
          where intent_id = $1 order by created_at, id limit 1000",
        args![intent],
    )
}

/// Moves a refund that is still open; false if it is settled.
pub fn settle_refund(tx: &mut Tx<'_>, id: RefundId, state: RefundState, reference: &str, detail: &str) -> Result<bool> {
    let changed = tx.exec(
        "update refunds set state = $2, reference = $3, detail = $4, next_check_at = null, changed_at = $5
          where id = $1 and state in ('not_sent', 'sending', 'unknown')",
        args![id, state, reference, detail, tx.now()],
    )?;
    Ok(changed == 1)
}

/// A bank turned a refund back that had succeeded; false if it is no success any more.
pub fn undo_refund(tx: &mut Tx<'_>, id: RefundId, detail: &str) -> Result<bool> {
    let changed = tx.exec(
        "update refunds set state = 'failed', detail = $2, changed_at = $3 where id = $1 and state = 'succeeded'",
        args![id, detail, tx.now()],
    )?;
    Ok(changed == 1)
}

/// Checkouts of a shop of which a refund was refused or turned back by a bank, and of which money is still here: whose failed last comes first.
pub fn failed_refunds(tx: &mut Tx<'_>, shop: ShopId, limit: i64) -> Result<Vec<CheckoutId>> {
    let rows: Vec<(CheckoutId, Time)> = tx.all(
        "select i.checkout_id, max(r.changed_at) from refunds r join intents i on i.id = r.intent_id
          where r.shop_id = $1 and r.state = 'failed' and i.captured_minor > i.refunded_minor
          group by i.checkout_id order by max(r.changed_at) desc, i.checkout_id limit $2",
        args![shop, limit],
    )?;
    Ok(rows.into_iter().map(|(id, _)| id).collect())
}

/// Why a refund of an adjustment failed; None: none did.
pub fn refund_failure(tx: &mut Tx<'_>, shop: ShopId, adjustment: AdjustmentId) -> Result<Option<String>> {
    let found: Option<(String,)> = tx.maybe_one(
        "select detail from refunds where shop_id = $1 and adjustment_id = $2 and state = 'failed' limit 1",
        args![shop, adjustment],
    )?;
    Ok(found.map(|(detail,)| detail))
}

/// A refund that nobody waits for is asked for in the resolver's next round.
pub fn refund_soon(tx: &mut Tx<'_>, id: RefundId) -> Result<()> {
    tx.put(
        "update refunds set next_check_at = $2 where id = $1 and state = 'sending'",
        args![id, tx.now()],
    )
}

/// The adjustment a refund belongs to.
pub fn adjustment_of(tx: &mut Tx<'_>, shop: ShopId, refund: RefundId) -> Result<Option<AdjustmentId>> {
    let found: Option<(AdjustmentId,)> = tx.maybe_one(
        "select adjustment_id from refunds where shop_id = $1 and id = $2",
        args![shop, refund],
    )?;
    Ok(found.map(|(id,)| id))
}

pub fn postpone_refund(
    tx: &mut Tx<'_>,
    id: RefundId,
    state: RefundState,
    detail: &str,
    next_check_at: Time,
) -> Result<bool> {
    let changed = tx.exec(
        "update refunds set state = $2, tries = tries + 1, detail = $3, next_check_at = $4, changed_at = $5
          where id = $1 and state in ('not_sent', 'sending', 'unknown')",
        args![id, state, detail, next_check_at, tx.now()],
    )?;
    Ok(changed == 1)
}

pub fn due_refunds(tx: &mut Tx<'_>, until: Time, limit: i64) -> Result<Vec<(String, RefundId)>> {
    tx.all(
        "select processor, id
           from (select id, processor, next_check_at, row_number() over (partition by processor order by next_check_at, id) as place
                   from (select r.id, a.processor, r.next_check_at from refunds r join attempts a on a.id = r.attempt_id
                 where r.next_check_at is not null and r.next_check_at <= $1) as due) as queues
          where place <= $2 order by next_check_at, id",
        args![until, limit],
    )
}

pub fn claim_refund(tx: &mut Tx<'_>, id: RefundId, until: Time) -> Result<bool> {
    let changed = tx.exec(
        "update refunds set next_check_at = $2 where id = $1 and next_check_at <= $3",
        args![id, until, tx.now()],
    )?;
    Ok(changed == 1)
}

// Log and notices ----------------------------------------------------------------------------------------------------------------

pub fn log(tx: &mut Tx<'_>, intent: IntentId, what: &str, detail: &str) -> Result<()> {
    let id: AttemptId = tx.id(); // Only its order matters; nobody else names an entry.
    tx.together(
        intent,
        "insert into payment_log (id, intent_id, at, what, detail) values ($1, $2, $3, $4, $5)",
        args![id, intent, tx.now(), what, detail],
    )
}

pub fn entries(tx: &mut Tx<'_>, intent: IntentId) -> Result<Vec<(Time, String, String)>> {
    tx.all(
        "select at, what, detail from payment_log where intent_id = $1 order by id limit 1000",
        args![intent],
    )
}

/// Whether the notice is new.
pub fn insert_notice(tx: &mut Tx<'_>, shop: ShopId, processor: &str, notice: &str, body: &str) -> Result<bool> {
    let added = tx.exec(
        "insert into processor_notices (processor, notice_id, shop_id, body, received_at) values ($1, $2, $3, $4, $5) on conflict do nothing",
        args![processor, notice, shop, body, tx.now()],
    )?;
    Ok(added == 1)
}

pub fn notice_acted_on(tx: &mut Tx<'_>, shop: ShopId, processor: &str, notice: &str) -> Result<bool> {
    let changed = tx.exec(
        "update processor_notices set acted_at = $4 where shop_id = $1 and processor = $2 and notice_id = $3 and acted_at is null",
        args![shop, processor, notice, tx.now()],
    )?;
    Ok(changed == 1)
}

/// A notice about a payment we do not know, once.
pub fn insert_strange_notice(
    tx: &mut Tx<'_>,
    processor: &str,
    notice: &Notice,
    said: &str,
    next_check_at: Time,
) -> Result<()> {
    tx.put(
        "insert into strange_notices (processor, notice_id, reference, said, received_at, next_check_at) values ($1, $2, $3, $4, $5, $6)
         on conflict do nothing",
        args![processor, notice.id, notice.reference, said, tx.now(), next_check_at],
    )
}

/// A notice about a payment we do not know: processor, notice, reference, what it said, when it came.
pub type StrangeNotice = (String, String, String, String, Time);

/// Strange notices somebody has to look at.
pub fn due_strange_notices(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<StrangeNotice>> {
    tx.all(
        "select processor, notice_id, reference, said, received_at from strange_notices
          where next_check_at is not null and next_check_at <= $1 order by next_check_at limit $2",
        args![tx.now(), limit],
    )
}

/// When it is looked at again; never: it was reported.
pub fn postpone_strange_notice(tx: &mut Tx<'_>, processor: &str, notice: &str, at: Option<Time>) -> Result<()> {
    tx.put(
        "update strange_notices set next_check_at = $3 where processor = $1 and notice_id = $2",
        args![processor, notice, at],
    )
}

/// We know by now what it was about.
pub fn forget_strange_notice(tx: &mut Tx<'_>, processor: &str, notice: &str) -> Result<()> {
    tx.put(
        "delete from strange_notices where processor = $1 and notice_id = $2",
        args![processor, notice],
    )
}

/// How many notices were reported and are about nothing we know.
pub fn count_strange_notices(tx: &mut Tx<'_>) -> Result<i64> {
    let (count,): (i64,) = tx.one("select count(*) from strange_notices where next_check_at is null", &[])?;
    Ok(count)
}

/// How many rows wait for a processor's answer: attempts, captures and refunds that are unknown, voids that are owed, and conflicts.
pub fn count_waiting(tx: &mut Tx<'_>) -> Result<(i64, i64, i64)> {
    tx.one(
        "select (select count(*) from attempts where next_check_at is not null and state = 'unknown')
              + (select count(*) from captures where next_check_at is not null and state = 'unknown')
              + (select count(*) from refunds where next_check_at is not null and state in ('unknown', 'not_sent')),
                (select count(*) from attempts where next_check_at is not null and state = 'voiding'),
                (select count(*) from intents where state = 'conflicted')",
        &[],
    )
}

/// Checkouts of a shop whose payment was lost and not made good yet, newest first.
pub fn lost(tx: &mut Tx<'_>, shop: ShopId, limit: i64) -> Result<Vec<CheckoutId>> {
    let rows: Vec<(CheckoutId,)> = tx.all(
        "select checkout_id from intents where shop_id = $1 and lost_at is not null order by id desc limit $2",
        args![shop, limit],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Payments of a shop that closed without a sale and still hold money: giving it back was refused.
pub fn owed_back(tx: &mut Tx<'_>, shop: ShopId, limit: i64) -> Result<Vec<IntentId>> {
    let rows: Vec<(IntentId,)> = tx.all(
        "select id from intents
          where shop_id = $1 and state = 'canceled' and captured_minor > refunded_minor + refund_pending_minor order by id desc limit $2",
        args![shop, limit],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Captures of a payment that somebody looks at again: amount, looks in vain, when.
pub fn waiting_captures(tx: &mut Tx<'_>, intent: IntentId) -> Result<Vec<(i64, u32, Time)>> {
    tx.all(
        "select amount_minor, tries, next_check_at from captures where intent_id = $1 and next_check_at is not null order by id limit 100",
        args![intent],
    )
}

/// The same of refunds.
pub fn waiting_refunds(tx: &mut Tx<'_>, intent: IntentId) -> Result<Vec<(i64, u32, Time)>> {
    tx.all(
        "select amount_minor, tries, next_check_at from refunds where intent_id = $1 and next_check_at is not null order by id limit 100",
        args![intent],
    )
}

/// Payments of a shop that were asked about so often in vain: how often, and when it happens again. One may be named several times.
pub fn unanswered(tx: &mut Tx<'_>, shop: ShopId, tries: u32, limit: i64) -> Result<Vec<(IntentId, u32, Time)>> {
    tx.all(
        "select intent_id, tries, next_check_at from attempts
          where shop_id = $1 and next_check_at is not null and state in ('unknown', 'voiding') and tries >= $2
         union all
         select intent_id, tries, next_check_at from captures
          where shop_id = $1 and next_check_at is not null and state = 'unknown' and tries >= $2
         union all
         select intent_id, tries, next_check_at from refunds
          where shop_id = $1 and next_check_at is not null and state in ('unknown', 'not_sent') and tries >= $2
         order by 1 desc limit $3",
        args![shop, tries, limit],
    )
}

/// Payments of a shop in conflict.
pub fn conflicted(tx: &mut Tx<'_>, shop: ShopId, limit: i64) -> Result<Vec<IntentId>> {
    let rows: Vec<(IntentId,)> = tx.all(
        "select id from intents where shop_id = $1 and state = 'conflicted' order by id desc limit $2",
        args![shop, limit],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The sentence that was written last about a payment.
pub fn latest_entry(tx: &mut Tx<'_>, intent: IntentId) -> Result<Option<String>> {
    let found: Option<(String,)> = tx.maybe_one(
        "select what from payment_log where intent_id = $1 order by id desc limit 1",
        args![intent],
    )?;
    Ok(found.map(|(what,)| what))
}

// A person's acts ----------------------------------------------------------------------------------------------------------------

/// What of a payment waits is due now; what is being sent this minute is not asked about twice.
pub fn ask_again_about(tx: &mut Tx<'_>, intent: IntentId) -> Result<()> {
    tx.put(
        "update attempts set next_check_at = $2 where intent_id = $1 and next_check_at > $2 and state <> 'sending'",
        args![intent, tx.now()],
    )?;
    tx.put(
        "update captures set next_check_at = $2 where intent_id = $1 and next_check_at > $2 and state <> 'sending'",
        args![intent, tx.now()],
    )?;
    tx.put(
        "update refunds set next_check_at = $2 where intent_id = $1 and next_check_at > $2 and state <> 'sending'",
        args![intent, tx.now()],
    )
}

/// What of a payment is due.
pub fn due_of(tx: &mut Tx<'_>, intent: IntentId) -> Result<(Vec<AttemptId>, Vec<CaptureId>, Vec<RefundId>)> {
    let attempts: Vec<(AttemptId,)> = tx.all(
        "select id from attempts where intent_id = $1 and next_check_at <= $2 order by n limit 100",
        args![intent, tx.now()],
    )?;
    let captures: Vec<(CaptureId,)> = tx.all(
        "select id from captures where intent_id = $1 and next_check_at <= $2 order by id limit 100",
        args![intent, tx.now()],
    )?;
    let refunds: Vec<(RefundId,)> = tx.all(
        "select id from refunds where intent_id = $1 and next_check_at <= $2 order by id limit 100",
        args![intent, tx.now()],
    )?;
    Ok((
        attempts.into_iter().map(|(id,)| id).collect(),
        captures.into_iter().map(|(id,)| id).collect(),
        refunds.into_iter().map(|(id,)| id).collect(),
    ))
}

/// Takes a payment out of its conflict, at the version that was looked at. One whose promise is over is looked at at once, as every such payment
/// (I16); the buyer is asked to pay again only as long as nothing is promised.
pub fn leave_conflict(tx: &mut Tx<'_>, shop: ShopId, id: IntentId, version: i64, to: IntentState) -> Result<bool> {
    let changed = tx.exec(
        "update intents set state = $4, was = null, version = version + 1,
                lost_at = case when $4 in ('expired', 'processing', 'requires_action', 'unknown') then lost_at end,
                next_check_at = case when $4 = 'expired' or (lost_at is not null and $4 in ('processing', 'requires_action', 'unknown'))
                                     then cast($5 as bigint) end
          where id = $1 and shop_id = $2 and version = $3 and state = 'conflicted'",
        args![id, shop, version, to, tx.now()],
    )?;
    Ok(changed == 1)
}

/// The same for one that was taken whole without our wish, and nothing else: closed, with all of it set aside for the capture that says so.
pub fn accept_taken(tx: &mut Tx<'_>, shop: ShopId, id: IntentId, version: i64) -> Result<bool> {
    let changed = tx.exec(
        "update intents set state = 'canceled', was = null, authorized_minor = amount_minor, let_go_minor = 0, capture_pending_minor = amount_minor,
                version = version + 1
          where id = $1 and shop_id = $2 and version = $3 and state = 'conflicted'
            and captured_minor = 0 and capture_pending_minor = 0 and refund_pending_minor = 0",
        args![id, shop, version],
    )?;
    Ok(changed == 1)
}

/// A capture in conflict is unknown again, for the answer that is recorded next.
pub fn reopen_capture(tx: &mut Tx<'_>, id: CaptureId) -> Result<()> {
    tx.change_one(
        "update captures set state = 'unknown', next_check_at = $2, changed_at = $2 where id = $1 and state = 'conflicted'",
        args![id, tx.now()],
    )
}

/// The same of a refund.
pub fn reopen_refund(tx: &mut Tx<'_>, id: RefundId) -> Result<()> {
    tx.change_one(
        "update refunds set state = 'unknown', next_check_at = $2, changed_at = $2 where id = $1 and state = 'conflicted'",
        args![id, tx.now()],
    )
}

// Stored methods -----------------------------------------------------------------------------------------------------------------

/// Writes down that the buyer agreed. Said again for the same purchase, it takes what was said last, as long as nothing is kept.
///
/// None: it is kept already.
pub fn want_method(tx: &mut Tx<'_>, want: &Want, next_check_at: Time) -> Result<Option<StoredMethodId>> {
    let id: StoredMethodId = tx.id();
    let wanted: Option<(StoredMethodId,)> = tx.maybe_one(
        "insert into stored_methods (id, shop_id, owner, checkout_id, state, processor, token, customer, brand, last_four, card_expires, contact,
                                     address, created_at, used_at, next_check_at)
         values ($1, $2, $3, $4, 'wanted', '', '', '', '', '', '', $5, $6, $7, $7, $8)
         on conflict (checkout_id) do update set owner = excluded.owner, contact = excluded.contact, address = excluded.address
          where stored_methods.state = 'wanted'
         returning id",
        args![
            id,
            want.shop,
            want.owner.0,
            want.checkout,
            want.details.contact,
            want.details.address,
            tx.now(),
            next_check_at
        ],
    )?;
    Ok(wanted.map(|(id,)| id))
}

/// The buyer thought better of it before anything was kept.
pub fn unwant_method(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<()> {
    tx.put(
        "delete from stored_methods where checkout_id = $1 and state = 'wanted'",
        args![checkout],
    )
}

impl FromRow for StoredMethod {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            shop: row.get(1)?,
            checkout: row.get(2)?,
            state: row.get(3)?,
            processor: row.get(4)?,
            token: row.get(5)?,
            customer: row.get(6)?,
            face: CardFace {
                brand: row.get(7)?,
                last_four: row.get(8)?,
                expires: row.get(9)?,
            },
            details: Details {
                contact: row.get(10)?,
                address: row.get(11)?,
            },
            tries: row.get(12)?,
            created_at: row.get(13)?,
            used_at: row.get(14)?,
        })
    }
}

/// A kept method of a shop, for whoever holds the secret it belongs to.
pub fn kept_method(tx: &mut Tx<'_>, shop: ShopId, owner: Owner, id: StoredMethodId) -> Result<Option<StoredMethod>> {
    tx.maybe_one(
        "select id, shop_id, checkout_id, state, processor, token, customer, brand, last_four, card_expires, contact, address, tries, created_at, used_at
           from stored_methods where shop_id = $1 and owner = $2 and id = $3 and state = 'kept' and next_check_at > $4",
        args![shop, owner.0, id, tx.now()],
    )
}

/// All of them, last used first.
pub fn kept_methods(tx: &mut Tx<'_>, shop: ShopId, owner: Owner, limit: i64) -> Result<Vec<StoredMethod>> {
    tx.all(
        "select id, shop_id, checkout_id, state, processor, token, customer, brand, last_four, card_expires, contact, address, tries, created_at, used_at
           from stored_methods where shop_id = $1 and owner = $2 and state = 'kept' and next_check_at > $3 order by used_at desc, id desc limit $4",
        args![shop, owner.0, tx.now(), limit],
    )
}

/// The method of a row we looked up ourselves, in whatever state.
pub fn stored_method(tx: &mut Tx<'_>, id: StoredMethodId) -> Result<Option<StoredMethod>> {
    tx.maybe_one(
        "select id, shop_id, checkout_id, state, processor, token, customer, brand, last_four, card_expires, contact, address, tries, created_at, used_at
           from stored_methods where id = $1",
        args![id],
    )
}

/// What is to be kept of a purchase, if its buyer agreed and it is not yet.
pub fn wanted_of(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<Option<StoredMethodId>> {
    let found: Option<(StoredMethodId,)> = tx.maybe_one(
        "select id from stored_methods where checkout_id = $1 and state = 'wanted'",
        args![checkout],
    )?;
    Ok(found.map(|(id,)| id))
}

/// The kept method that was kept at a purchase, or paid it.
pub fn method_of_payment(tx: &mut Tx<'_>, shop: ShopId, intent: IntentId) -> Result<Option<StoredMethodId>> {
    let found: Option<(StoredMethodId,)> = tx.maybe_one(
        "select m.id from attempts a join intents i on i.id = a.intent_id
           join stored_methods m on m.shop_id = i.shop_id and m.state = 'kept'
            and (m.checkout_id = i.checkout_id or (m.processor = a.processor and m.token = a.token))
          where i.shop_id = $1 and i.id = $2 and a.state in ('authorized', 'captured') order by m.used_at desc limit 1",
        args![shop, intent],
    )?;
    Ok(found.map(|(id,)| id))
}

/// The provider's name of whose a kept token is.
pub fn customer_of(tx: &mut Tx<'_>, shop: ShopId, processor: &str, token: &str) -> Result<Option<String>> {
    let found: Option<(String,)> = tx.maybe_one(
        "select customer from stored_methods where shop_id = $1 and processor = $2 and token = $3 and state = 'kept' limit 1",
        args![shop, processor, token],
    )?;
    Ok(found.map(|(customer,)| customer))
}

/// What a processor kept for us. False if it is not wanted any more.
pub fn keep_method(
    tx: &mut Tx<'_>,
    id: StoredMethodId,
    processor: &str,
    token: &str,
    customer: &str,
    face: &CardFace,
    until: Time,
) -> Result<bool> {
    let changed = tx.exec(
        "update stored_methods set state = 'kept', processor = $2, token = $3, customer = $4, brand = $5, last_four = $6, card_expires = $7, tries = 0,
                used_at = $8, next_check_at = $9
          where id = $1 and state = 'wanted'",
        args![id, processor, token, customer, face.brand, face.last_four, face.expires, tx.now(), until],
    )?;
    Ok(changed == 1)
}

/// What its owner has kept beside it, beyond the newest ones.
pub fn methods_beyond(tx: &mut Tx<'_>, id: StoredMethodId, most: i64) -> Result<Vec<StoredMethodId>> {
    let rows: Vec<(StoredMethodId,)> = tx.all(
        "select o.id from stored_methods o join stored_methods m on m.shop_id = o.shop_id and m.owner = o.owner
          where m.id = $1 and o.state = 'kept' order by o.used_at desc, o.id desc limit 100 offset $2",
        args![id, most],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// It was used: its time begins anew. False if it is kept no longer.
pub fn touch_method(tx: &mut Tx<'_>, id: StoredMethodId, until: Time) -> Result<bool> {
    let changed = tx.exec(
        "update stored_methods set used_at = $2, next_check_at = $3 where id = $1 and state = 'kept'",
        args![id, tx.now(), until],
    )?;
    Ok(changed == 1)
}

/// Not to be used from this moment on, and nothing about the buyer is left; the processor is told next. False if there is no such method of theirs.
pub fn forget_method(tx: &mut Tx<'_>, shop: ShopId, owner: Owner, id: StoredMethodId) -> Result<bool> {
    let changed = tx.exec(
        "update stored_methods set state = 'forgetting', contact = '', address = '', tries = 0, next_check_at = $4
          where shop_id = $1 and owner = $2 and id = $3 and state = 'kept'",
        args![shop, owner.0, id, tx.now()],
    )?;
    Ok(changed == 1)
}

/// The same for the one that was kept at a purchase, or is still to be. Whether there is one.
pub fn forget_method_of(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<bool> {
    tx.put(
        "delete from stored_methods where checkout_id = $1 and state = 'wanted'",
        args![checkout],
    )?;
    let changed = tx.exec(
        "update stored_methods set state = 'forgetting', contact = '', address = '', tries = 0, next_check_at = $2
          where checkout_id = $1 and state = 'kept'",
        args![checkout, tx.now()],
    )?;
    Ok(changed == 1)
}

/// Whether a card was kept at a purchase.
pub fn has_method(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<bool> {
    let (count,): (i64,) = tx.one(
        "select count(*) from stored_methods where checkout_id = $1 and state <> 'forgetting'",
        args![checkout],
    )?;
    Ok(count > 0)
}

/// Whether somebody still has to look at money of a payment, or a person has to decide about it.
pub fn is_moving(tx: &mut Tx<'_>, intent: IntentId) -> Result<bool> {
    let (count,): (i64,) = tx.one(
        "select (select count(*) from intents where id = $1
                  and (next_check_at is not null or state = 'conflicted' or capture_pending_minor + refund_pending_minor > 0))
              + (select count(*) from attempts where intent_id = $1 and (next_check_at is not null or state = 'conflicted'))
              + (select count(*) from captures where intent_id = $1 and (next_check_at is not null or state = 'conflicted'))
              + (select count(*) from refunds where intent_id = $1 and (next_check_at is not null or state = 'conflicted'))",
        args![intent],
    )?;
    Ok(count > 0)
}

/// The processor's name of a card leads to its owner there; what the payment itself is called stays, for its books.
pub fn erase_attempts(tx: &mut Tx<'_>, intent: IntentId) -> Result<()> {
    tx.put(
        "update attempts set token = '', action_url = '', card = null where intent_id = $1",
        args![intent],
    )
}

/// Notices of processors of a shop that hold a text: which, by processor and name.
pub fn notices_with(tx: &mut Tx<'_>, shop: ShopId, text: &str) -> Result<Vec<(String, String)>> {
    tx.all(
        "select processor, notice_id from processor_notices where shop_id = $1 and body like $2 limit 1000",
        args![shop, format!("%{text}%")],
    )
}

/// What a notice said was acted on when it came.
pub fn erase_notice(tx: &mut Tx<'_>, shop: ShopId, processor: &str, notice: &str) -> Result<()> {
    tx.put(
        "update processor_notices set body = '' where shop_id = $1 and processor = $2 and notice_id = $3",
        args![shop, processor, notice],
    )
}

/// The same for one whose time is up, or that somebody who was there before has.
pub fn expire_method(tx: &mut Tx<'_>, id: StoredMethodId) -> Result<()> {
    tx.put(
        "update stored_methods set state = 'forgetting', contact = '', address = '', tries = 0, next_check_at = $2 where id = $1 and state = 'kept'",
        args![id, tx.now()],
    )
}

/// Nothing is left of it, here or there.
pub fn delete_method(tx: &mut Tx<'_>, id: StoredMethodId) -> Result<()> {
    tx.put(
        "delete from stored_methods where id = $1 and state <> 'kept'",
        args![id],
    )
}

pub fn due_methods(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<StoredMethodId>> {
    let rows: Vec<(StoredMethodId,)> = tx.all(
        "select id from stored_methods where next_check_at <= $1 order by next_check_at limit $2",
        args![tx.now(), limit],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Puts the next look off while we ask, unless it is kept. False if it is, or is gone.
pub fn claim_method(tx: &mut Tx<'_>, id: StoredMethodId, state: StoredState, until: Time) -> Result<bool> {
    let changed = tx.exec(
        "update stored_methods set tries = tries + 1, next_check_at = $3 where id = $1 and state = $2 and state <> 'kept'",
        args![id, state, until],
    )?;
    Ok(changed == 1)
}
