//! All SQL on gift cards, their uses and their moves.

use super::model::{GiftCard, GiftCardState, Move, MoveKind, Use};
use crate::args;
use crate::db::{FromRow, Json, Row, Tx};
use crate::kernel::{AdjustmentId, CheckoutId, Error, GiftCardId, GiftCardMoveId, Id, Page, Result, ShopId, StaffId};
use crate::payments::{Allocation, PlannedLeg};
use uuid::Uuid;

impl FromRow for GiftCard {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            shop: row.get(1)?,
            last_four: row.get(2)?,
            currency: row.get(3)?,
            initial_minor: row.get(4)?,
            balance_minor: row.get(5)?,
            held_minor: row.get(6)?,
            reason: row.get(7)?,
            state: row.get(8)?,
            note: row.get(9)?,
            expires_at: row.get(10)?,
            version: row.get(11)?,
            created_at: row.get(12)?,
            order: row.get(13)?,
        })
    }
}

/// Writes a new card. False: this id was issued before.
pub(super) fn insert(tx: &mut Tx<'_>, card: &GiftCard, code_hash: [u8; 32]) -> Result<bool> {
    let added = tx.exec(
        "insert into gift_cards (id, shop_id, code_hash, last_four, currency, initial_minor, balance_minor, reason, state, note, expires_at, version, created_at,
                                 order_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) on conflict (id) do nothing",
        args![
            card.id,
            card.shop,
            code_hash,
            card.last_four,
            card.currency,
            card.initial_minor,
            card.balance_minor,
            card.reason,
            card.state,
            card.note,
            card.expires_at,
            card.version,
            card.created_at,
            card.order
        ],
    )?;
    Ok(added == 1)
}

/// A card of a shop.
pub fn find(tx: &mut Tx<'_>, shop: ShopId, id: GiftCardId) -> Result<Option<GiftCard>> {
    tx.maybe_one(
        "select id, shop_id, last_four, currency, initial_minor, balance_minor, held_minor, reason, state, note, expires_at, version, created_at,
                order_id from gift_cards where shop_id = $1 and id = $2",
        args![shop, id],
    )
}

/// The card of a shop with this code.
pub(super) fn by_code(tx: &mut Tx<'_>, shop: ShopId, code_hash: [u8; 32]) -> Result<Option<GiftCard>> {
    tx.maybe_one(
        "select id, shop_id, last_four, currency, initial_minor, balance_minor, held_minor, reason, state, note, expires_at, version, created_at,
                order_id from gift_cards where shop_id = $1 and code_hash = $2",
        args![shop, code_hash],
    )
}

/// Newest first.
pub fn list(tx: &mut Tx<'_>, shop: ShopId, after: Option<GiftCardId>, limit: i64) -> Result<Page<GiftCard>> {
    let before = after.unwrap_or(GiftCardId::from_uuid(Uuid::max()));
    let cards = tx.all(
        "select id, shop_id, last_four, currency, initial_minor, balance_minor, held_minor, reason, state, note, expires_at, version, created_at,
                order_id from gift_cards where shop_id = $1 and id < $2 order by id desc limit $3",
        args![shop, before, limit + 1],
    )?;
    Ok(Page::cut(cards, limit, |card: &GiftCard| card.id.to_string()))
}

/// Writes what people may change, from the version they saw. False: it has moved on.
pub(super) fn edit(tx: &mut Tx<'_>, card: &GiftCard, from_version: i64) -> Result<bool> {
    let done = tx.exec(
        "update gift_cards set state = $3, note = $4, expires_at = $5, version = version + 1 where id = $1 and version = $2",
        args![card.id, from_version, card.state, card.note, card.expires_at],
    )?;
    Ok(done == 1)
}

/// Sets an amount aside. No row: there is not that much left, or it may not be used (any more).
pub(super) fn set_aside(tx: &mut Tx<'_>, id: GiftCardId, minor: i64) -> Result<bool> {
    let done = tx.exec(
        "update gift_cards set balance_minor = balance_minor - $2, held_minor = held_minor + $2
          where id = $1 and balance_minor >= $2 and state = $3 and (expires_at is null or expires_at > $4)",
        args![id, minor, GiftCardState::Active, tx.now()],
    )?;
    Ok(done == 1)
}

/// What was set aside may be spent again.
pub(super) fn put_back(tx: &mut Tx<'_>, id: GiftCardId, minor: i64) -> Result<()> {
    tx.change_one(
        "update gift_cards set balance_minor = balance_minor + $2, held_minor = held_minor - $2 where id = $1 and held_minor >= $2",
        args![id, minor],
    )
}

/// What was set aside is spent.
pub(super) fn spend(tx: &mut Tx<'_>, id: GiftCardId, minor: i64) -> Result<()> {
    tx.change_one(
        "update gift_cards set held_minor = held_minor - $2 where id = $1 and held_minor >= $2",
        args![id, minor],
    )
}

/// What was spent comes back, whatever state the card is in.
pub(super) fn refill(tx: &mut Tx<'_>, id: GiftCardId, minor: i64) -> Result<()> {
    tx.change_one(
        "update gift_cards set balance_minor = balance_minor + $2 where id = $1",
        args![id, minor],
    )
}

/// More is put on it.
pub(super) fn top_up(tx: &mut Tx<'_>, id: GiftCardId, minor: i64) -> Result<()> {
    tx.change_one(
        "update gift_cards set initial_minor = initial_minor + $2, balance_minor = balance_minor + $2 where id = $1",
        args![id, minor],
    )
}

/// The card that an adjustment put something on.
pub(super) fn credited_with(tx: &mut Tx<'_>, adjustment: AdjustmentId) -> Result<Option<GiftCardId>> {
    let found: Option<(GiftCardId,)> = tx.maybe_one(
        "select gift_card_id from gift_card_moves where kind = 'credited' and source_id = $1",
        args![*adjustment.uuid().as_bytes()],
    )?;
    Ok(found.map(|(card,)| card))
}

/// Takes something off it that goes back as money. No row: it was spent.
pub(super) fn pay_out(tx: &mut Tx<'_>, id: GiftCardId, minor: i64) -> Result<bool> {
    let done = tx.exec(
        "update gift_cards set balance_minor = balance_minor - $2, paid_out_minor = paid_out_minor + $2 where id = $1 and balance_minor >= $2",
        args![id, minor],
    )?;
    Ok(done == 1)
}

/// A use without its moves.
struct Bare(Use);

impl FromRow for Bare {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let allocation: String = row.get(7)?;
        let broken = |error| Error::internal("the split of a gift card's use cannot be read").because(error);
        let allocation: Option<Allocation> = match allocation.as_str() {
            "" => None,
            text => Some(serde_json::from_str(text).map_err(broken)?),
        };
        Ok(Self(Use {
            checkout: row.get(0)?,
            card: row.get(1)?,
            shop: row.get(2)?,
            covers_minor: row.get(3)?,
            held_minor: row.get(4)?,
            taken_minor: row.get(5)?,
            returned_minor: row.get(6)?,
            allocation,
            moves: Vec::new(),
        }))
    }
}

/// What a checkout uses of a card, with everything that happened to it.
pub fn used(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<Option<Use>> {
    let found: Option<Bare> = tx.maybe_one(
        "select checkout_id, gift_card_id, shop_id, covers_minor, held_minor, taken_minor, returned_minor, allocation
           from gift_card_uses where checkout_id = $1",
        args![checkout],
    )?;
    let Some(Bare(found)) = found else { return Ok(None) };
    let moves = tx.all(
        "select id, gift_card_id, kind, source_id, checkout_id, amount_minor, detail, legs, staff_id, at
           from gift_card_moves where checkout_id = $1 order by id limit 1000",
        args![checkout],
    )?;
    Ok(Some(Use { moves, ..found }))
}

/// Writes that a checkout uses so much of a card, held. False: a checkout with this id does already.
pub(super) fn insert_use(tx: &mut Tx<'_>, checkout: CheckoutId, card: &GiftCard, minor: i64) -> Result<bool> {
    let added = tx.exec(
        "insert into gift_card_uses (checkout_id, gift_card_id, shop_id, covers_minor, held_minor, created_at, changed_at)
         values ($1, $2, $3, $4, $4, $5, $5) on conflict (checkout_id) do nothing",
        args![checkout, card.id, card.shop, minor, tx.now()],
    )?;
    Ok(added == 1)
}

/// Checkouts for which something of a card is held now.
pub fn holding(tx: &mut Tx<'_>) -> Result<Vec<CheckoutId>> {
    let rows: Vec<(CheckoutId,)> = tx.all(
        "select checkout_id from gift_card_uses where held_minor > 0 order by checkout_id limit 1000",
        &[],
    )?;
    Ok(rows.into_iter().map(|(checkout,)| checkout).collect())
}

/// Moves a use from what was read to what it holds, has taken and has given back now.
pub(super) fn move_use(tx: &mut Tx<'_>, before: &Use, held: i64, taken: i64, returned: i64) -> Result<()> {
    tx.change_one(
        "update gift_card_uses set held_minor = $5, taken_minor = $6, returned_minor = $7, changed_at = $8
          where checkout_id = $1 and held_minor = $2 and taken_minor = $3 and returned_minor = $4",
        args![
            before.checkout,
            before.held_minor,
            before.taken_minor,
            before.returned_minor,
            held,
            taken,
            returned,
            tx.now()
        ],
    )
}

/// Another part of another total, while nothing of it was taken.
pub(super) fn cover(tx: &mut Tx<'_>, checkout: CheckoutId, minor: i64) -> Result<()> {
    tx.change_one(
        "update gift_card_uses set covers_minor = $2, changed_at = $3 where checkout_id = $1 and held_minor = 0 and taken_minor = 0",
        args![checkout, minor, tx.now()],
    )
}

/// Keeps its part of the split.
pub(super) fn share(tx: &mut Tx<'_>, checkout: CheckoutId, allocation: &Allocation) -> Result<()> {
    tx.change_one(
        "update gift_card_uses set allocation = $2 where checkout_id = $1 and taken_minor = 0",
        args![checkout, Json(allocation)],
    )
}

impl FromRow for Move {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let legs: String = row.get(7)?;
        let broken = |error| Error::internal("the legs of a gift card's move cannot be read").because(error);
        Ok(Self {
            id: row.get(0)?,
            card: row.get(1)?,
            kind: row.get(2)?,
            source: Uuid::from_bytes(row.get(3)?),
            checkout: row.get(4)?,
            minor: row.get(5)?,
            detail: row.get(6)?,
            legs: match legs.as_str() {
                "" => Vec::new(),
                text => serde_json::from_str(text).map_err(broken)?,
            },
            staff: row.get(8)?,
            at: row.get(9)?,
        })
    }
}

/// Something that happens to a card.
pub(super) struct NewMove<'a> {
    pub shop: ShopId,
    pub card: GiftCardId,
    pub kind: MoveKind,
    /// None: the move is its own reason, and may happen again.
    pub source: Option<Uuid>,
    pub checkout: Option<CheckoutId>,
    pub minor: i64,
    pub detail: &'a str,
    pub legs: &'a [PlannedLeg],
    pub staff: Option<StaffId>,
}

/// Writes it down. False: it was written down before, for the same reason.
pub(super) fn record(tx: &mut Tx<'_>, new: &NewMove<'_>) -> Result<bool> {
    let id: GiftCardMoveId = tx.id();
    let source = new.source.unwrap_or(id.uuid());
    let legs = match new.legs {
        [] => String::new(),
        legs => serde_json::to_string(legs).map_err(|error| Error::internal("legs do not serialise").because(error))?,
    };
    let added = tx.exec(
        "insert into gift_card_moves (id, shop_id, gift_card_id, kind, source_id, checkout_id, amount_minor, detail, legs, staff_id, at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict (kind, source_id) do nothing",
        args![id, new.shop, new.card, new.kind, *source.as_bytes(), new.checkout, new.minor, new.detail, legs, new.staff, tx.now()],
    )?;
    Ok(added == 1)
}

/// Everything that happened to a card, newest first.
pub fn moves(tx: &mut Tx<'_>, shop: ShopId, card: GiftCardId) -> Result<Vec<Move>> {
    tx.all(
        "select id, gift_card_id, kind, source_id, checkout_id, amount_minor, detail, legs, staff_id, at
           from gift_card_moves where shop_id = $1 and gift_card_id = $2 order by id desc limit 200",
        args![shop, card],
    )
}

/// Rows that break a promise of this module: empty, always. A card is what was put on it less what was taken, plus what came back; what it holds is
/// what its uses hold; and the ledger owes exactly what may still be spent.
pub fn check(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let wrong: Vec<(GiftCardId,)> = tx.all(
        "select g.id from gift_cards g
          where g.held_minor <> (select coalesce(sum(u.held_minor), 0) from gift_card_uses u where u.gift_card_id = g.id)
             or g.balance_minor + g.held_minor <> g.initial_minor - g.paid_out_minor
                - (select coalesce(sum(u.taken_minor - u.returned_minor), 0) from gift_card_uses u where u.gift_card_id = g.id) limit 20",
        &[],
    )?;
    let put_on: Vec<(GiftCardId,)> = tx.all(
        "select g.id from gift_cards g
          where g.initial_minor <> (select coalesce(sum(m.amount_minor), 0) from gift_card_moves m where m.gift_card_id = g.id and (m.kind = 'issued' or m.kind = 'credited'))
             or g.paid_out_minor <> (select coalesce(sum(m.amount_minor), 0) from gift_card_moves m where m.gift_card_id = g.id and m.kind = 'paid_out') limit 20",
        &[],
    )?;
    let moved: Vec<(CheckoutId,)> = tx.all(
        "select u.checkout_id from gift_card_uses u
          where u.taken_minor <> (select coalesce(sum(m.amount_minor), 0) from gift_card_moves m where m.checkout_id = u.checkout_id and m.kind = 'taken')
             or u.returned_minor <> (select coalesce(sum(m.amount_minor), 0) from gift_card_moves m where m.checkout_id = u.checkout_id and m.kind = 'returned')
             or u.held_minor + u.taken_minor <> (select coalesce(sum(case m.kind when 'held' then m.amount_minor when 'released' then 0 - m.amount_minor else 0 end), 0)
                                  from gift_card_moves m where m.checkout_id = u.checkout_id) limit 20",
        &[],
    )?;
    let mut broken: Vec<String> = wrong
        .iter()
        .map(|(id,)| format!("X4 {id}: its balance is not what was put on it, less what was taken"))
        .collect();
    broken.extend(
        put_on
            .iter()
            .map(|(id,)| format!("X4 {id}: what was put on it, or paid out of it, is not the sum of its moves")),
    );
    broken.extend(
        moved
            .iter()
            .map(|(id,)| format!("X4 {id}: its use of a gift card is not the sum of its moves")),
    );
    Ok(broken)
}

/// What may be spent and what is held, of all cards of a shop in a currency: what the ledger owes on them.
pub fn outstanding(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<(crate::kernel::Currency, i64)>> {
    tx.all(
        "select currency, cast(sum(balance_minor + held_minor) as bigint) from gift_cards where shop_id = $1 group by currency order by currency limit 200",
        args![shop],
    )
}
