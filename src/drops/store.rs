//! All SQL on drops, what they sell, and who has what of them.

use super::early::EarlyLink;
use super::letters::{About, Contact, ContactState, Owed, OwedLetter};
use super::model::{Drop, DropState, Event, Identity, Item, Line, Stage, StreamKind, Turn, Wait, WaitStanding, money};
use super::own::Own;
use super::rules::{Rule, RuleState, When, kind};
use crate::args;
use crate::db::{FromRow, Row, Tx};
use crate::kernel::{
    CheckoutId, ContactId, DropId, EarlyLinkId, Error, Id, Page, Result, Seconds, ShopId, Time, TurnId, VariantId,
    WaitId,
};
use uuid::Uuid;

impl FromRow for Drop {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let stream: String = row.get(6)?;
        let stage = match row.get(5)? {
            Some(clip) => Stage::Clip(clip),
            None if stream.is_empty() => Stage::Nothing,
            None => Stage::Stream(row.get::<StreamKind>(7)?, stream),
        };
        Ok(Self {
            id: row.get(0)?,
            shop: row.get(1)?,
            slug: row.get(2)?,
            title: row.get(3)?,
            description: row.get(4)?,
            stage,
            state: row.get(8)?,
            opens_at: row.get(9)?,
            closes_at: row.get(10)?,
            opened_at: row.get(11)?,
            closed_at: row.get(12)?,
            limit: row.get(13)?,
            hold_minutes: row.get(14)?,
            pinned: row.get(15)?,
            version: row.get(16)?,
            head: row.get(17)?,
            next_check_at: row.get(18)?,
            created_at: row.get(19)?,
            changed_at: row.get(20)?,
            line_rate: row.get(21)?,
            early_minutes: row.get(22)?,
            early_for_buyers: row.get(23)?,
        })
    }
}

/// Stream address and kind, as their columns hold them.
fn stream_of(drop: &Drop) -> (&str, &'static str) {
    match &drop.stage {
        Stage::Stream(kind, url) => (url, kind.word()),
        _ => ("", ""),
    }
}

/// Writes a new drop. False: its id or its address is taken.
pub(super) fn insert(tx: &mut Tx<'_>, drop: &Drop) -> Result<bool> {
    let (url, kind) = stream_of(drop);
    let done = tx.exec(
        "insert into drops (id, shop_id, slug, title, description, clip_id, stream_url, stream_kind, state, opens_at, closes_at, opened_at, closed_at,
                            limit_units, hold_minutes, pinned_id, version, head, next_check_at, created_at, changed_at, line_rate, early_minutes, early_for_buyers)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24) on conflict do nothing",
        args![
            drop.id,
            drop.shop,
            drop.slug,
            drop.title,
            drop.description,
            drop.stage.clip(),
            url,
            kind,
            drop.state,
            drop.opens_at,
            drop.closes_at,
            drop.opened_at,
            drop.closed_at,
            drop.limit,
            drop.hold_minutes,
            drop.pinned,
            drop.version,
            drop.head,
            drop.next_check_at,
            drop.created_at,
            drop.changed_at,
            drop.line_rate,
            drop.early_minutes,
            drop.early_for_buyers
        ],
    )?;
    Ok(done == 1)
}

/// Writes a drop as it is from now on. No row: somebody moved it since it was read.
pub(super) fn advance(tx: &mut Tx<'_>, before: &Drop, after: &Drop) -> Result<bool> {
    let (url, kind) = stream_of(after);
    let done = tx.exec(
        "update drops set title = $4, description = $5, clip_id = $6, stream_url = $7, stream_kind = $8, state = $9, opens_at = $10, closes_at = $11,
                opened_at = $12, closed_at = $13, limit_units = $14, hold_minutes = $15, pinned_id = $16, version = $17, head = $18,
                next_check_at = $19, changed_at = $20, line_rate = $21, early_minutes = $22, early_for_buyers = $23
          where id = $1 and state = $2 and version = $3",
        args![
            before.id,
            before.state,
            before.version,
            after.title,
            after.description,
            after.stage.clip(),
            url,
            kind,
            after.state,
            after.opens_at,
            after.closes_at,
            after.opened_at,
            after.closed_at,
            after.limit,
            after.hold_minutes,
            after.pinned,
            after.version,
            after.head,
            after.next_check_at,
            after.changed_at,
            after.line_rate,
            after.early_minutes,
            after.early_for_buyers
        ],
    )?;
    Ok(done == 1)
}

/// Puts the next look at a drop off, if nobody moved it meanwhile.
pub(super) fn look_again(tx: &mut Tx<'_>, drop: &Drop, at: Time) -> Result<()> {
    tx.put(
        "update drops set next_check_at = $3 where id = $1 and version = $2",
        args![drop.id, drop.version, at],
    )
}

/// A drop of a shop.
pub fn find(tx: &mut Tx<'_>, shop: ShopId, id: DropId) -> Result<Option<Drop>> {
    tx.maybe_one(
        "select id, shop_id, slug, title, description, clip_id, stream_url, stream_kind, state, opens_at, closes_at, opened_at, closed_at,
                limit_units, hold_minutes, pinned_id, version, head, next_check_at, created_at, changed_at, line_rate, early_minutes, early_for_buyers
           from drops where shop_id = $1 and id = $2",
        args![shop, id],
    )
}

/// The drop of a shop with this address.
pub fn find_by_slug(tx: &mut Tx<'_>, shop: ShopId, slug: &str) -> Result<Option<Drop>> {
    tx.maybe_one(
        "select id, shop_id, slug, title, description, clip_id, stream_url, stream_kind, state, opens_at, closes_at, opened_at, closed_at,
                limit_units, hold_minutes, pinned_id, version, head, next_check_at, created_at, changed_at, line_rate, early_minutes, early_for_buyers
           from drops where shop_id = $1 and slug = $2",
        args![shop, slug],
    )
}

/// A drop whose id we looked up ourselves.
pub(super) fn load(tx: &mut Tx<'_>, id: DropId) -> Result<Drop> {
    tx.maybe_one(
        "select id, shop_id, slug, title, description, clip_id, stream_url, stream_kind, state, opens_at, closes_at, opened_at, closed_at,
                limit_units, hold_minutes, pinned_id, version, head, next_check_at, created_at, changed_at, line_rate, early_minutes, early_for_buyers
           from drops where id = $1",
        args![id],
    )?
    .ok_or_else(|| Error::not_found("drop"))
}

/// Newest first; what was put away is left out.
pub fn list(tx: &mut Tx<'_>, shop: ShopId, after: Option<DropId>, limit: i64) -> Result<Page<Drop>> {
    let before = after.unwrap_or(DropId::from_uuid(Uuid::max()));
    let drops = tx.all(
        "select id, shop_id, slug, title, description, clip_id, stream_url, stream_kind, state, opens_at, closes_at, opened_at, closed_at,
                limit_units, hold_minutes, pinned_id, version, head, next_check_at, created_at, changed_at, line_rate, early_minutes, early_for_buyers
           from drops where shop_id = $1 and id < $2 and state <> $4 order by id desc limit $3",
        args![shop, before, limit + 1, DropState::Archived],
    )?;
    Ok(Page::cut(drops, limit, |drop: &Drop| drop.id.to_string()))
}

/// Drops of a shop that are announced or running, some of them.
pub(super) fn running_of(tx: &mut Tx<'_>, shop: ShopId, most: i64) -> Result<Vec<DropId>> {
    let rows: Vec<(DropId,)> = tx.all(
        "select id from drops where shop_id = $1 and (state = 'scheduled' or state = 'open' or state = 'paused') order by id limit $2",
        args![shop, most],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Drops whose time has come, oldest first.
pub(super) fn due(tx: &mut Tx<'_>, most: i64) -> Result<Vec<DropId>> {
    let rows: Vec<(DropId,)> = tx.all(
        "select id from drops where next_check_at is not null and next_check_at <= $1 order by next_check_at limit $2",
        args![tx.now(), most],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

impl FromRow for Item {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            variant: row.get(0)?,
            position: row.get(1)?,
            allotment: row.get(2)?,
            transient: row.get(3)?,
            price: money(row.get(4)?, row.get(5)?),
            price_version: row.get(6)?,
            ships_by: row.get(7)?,
        })
    }
}

/// What a drop sells, in its order.
pub(super) fn items(tx: &mut Tx<'_>, drop: DropId) -> Result<Vec<Item>> {
    tx.all(
        "select variant_id, position, allotment, transient, price_minor, currency, price_version, ships_by from drop_items
          where drop_id = $1 order by position, variant_id limit 100",
        args![drop],
    )
}

pub(super) fn insert_item(tx: &mut Tx<'_>, drop: &Drop, item: &Item) -> Result<()> {
    tx.put(
        "insert into drop_items (drop_id, variant_id, shop_id, position, allotment, transient, price_minor, currency, price_version, ships_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        args![
            drop.id,
            item.variant,
            drop.shop,
            item.position,
            item.allotment,
            item.transient,
            item.price.minor,
            item.price.currency,
            item.price_version,
            item.ships_by
        ],
    )
}

/// Empties a draft before it is filled anew.
pub(super) fn delete_items(tx: &mut Tx<'_>, drop: DropId) -> Result<()> {
    tx.put("delete from drop_rules where drop_id = $1", args![drop])?;
    tx.put("delete from drop_items where drop_id = $1", args![drop])
}

/// Sets a price that was read with its version.
pub(super) fn step_price(tx: &mut Tx<'_>, drop: DropId, item: &Item, minor: i64) -> Result<()> {
    tx.change_one(
        "update drop_items set price_minor = $4, price_version = price_version + 1 where drop_id = $1 and variant_id = $2 and price_version = $3",
        args![drop, item.variant, item.price_version, minor],
    )
}

pub(super) fn add_allotment(tx: &mut Tx<'_>, drop: DropId, variant: VariantId, units: u32) -> Result<()> {
    tx.change_one(
        "update drop_items set allotment = allotment + $3 where drop_id = $1 and variant_id = $2",
        args![drop, variant, units],
    )
}

/// The drop that is announced or running and sells a variant, if there is another one than `but`.
pub(super) fn other_with(tx: &mut Tx<'_>, variant: VariantId, but: DropId) -> Result<Option<DropId>> {
    let found: Option<(DropId,)> = tx.maybe_one(
        "select d.id from drop_items i join drops d on d.id = i.drop_id
          where i.variant_id = $1 and d.id <> $2 and (d.state = 'scheduled' or d.state = 'open' or d.state = 'paused') limit 1",
        args![variant, but],
    )?;
    Ok(found.map(|(id,)| id))
}

// Early access. ------------------------------------------------------------------------------------------------------------------------------------

impl FromRow for EarlyLink {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            label: row.get(1)?,
            people: row.get(2)?,
            used: row.get(3)?,
            revoked: row.get(4)?,
            created_at: row.get(5)?,
        })
    }
}

pub(super) fn early_links(tx: &mut Tx<'_>, drop: DropId) -> Result<Vec<EarlyLink>> {
    tx.all(
        "select id, label, people, used, revoked, created_at from drop_links where drop_id = $1 order by id limit 100",
        args![drop],
    )
}

/// Writes a link. False: its id is taken.
pub(super) fn insert_early_link(
    tx: &mut Tx<'_>,
    drop: &Drop,
    id: EarlyLinkId,
    label: &str,
    people: u32,
) -> Result<bool> {
    let done = tx.exec(
        "insert into drop_links (id, drop_id, shop_id, label, people, used, revoked, created_at) values ($1, $2, $3, $4, $5, 0, 0, $6) on conflict do nothing",
        args![id, drop.id, drop.shop, label, people, tx.now()],
    )?;
    Ok(done == 1)
}

/// Takes a link back. False: it was before.
pub(super) fn revoke_early_link(tx: &mut Tx<'_>, drop: DropId, id: EarlyLinkId) -> Result<bool> {
    let done = tx.exec(
        "update drop_links set revoked = 1 where drop_id = $1 and id = $2 and revoked = 0",
        args![drop, id],
    )?;
    Ok(done == 1)
}

/// Counts one more browser for a link. No row: it is for no more, or was taken back.
pub(super) fn use_early_link(tx: &mut Tx<'_>, drop: DropId, id: EarlyLinkId) -> Result<bool> {
    let done = tx.exec(
        "update drop_links set used = used + 1 where drop_id = $1 and id = $2 and revoked = 0 and used < people",
        args![drop, id],
    )?;
    Ok(done == 1)
}

pub(super) fn insert_guest(tx: &mut Tx<'_>, drop: DropId, link: Option<EarlyLinkId>, key: &[u8; 32]) -> Result<bool> {
    let done = tx.exec(
        "insert into drop_guests (drop_id, buyer, link_id, bound_at) values ($1, $2, $3, $4) on conflict do nothing",
        args![drop, *key, link, tx.now()],
    )?;
    Ok(done == 1)
}

/// Makes the owner of a mailbox a guest. False: they are.
pub(super) fn entitle(tx: &mut Tx<'_>, drop: &Drop, contact: &Identity, source: &str) -> Result<bool> {
    let done = tx.exec(
        "insert into drop_entitlements (drop_id, contact, shop_id, source, used, created_at) values ($1, $2, $3, $4, 0, $5) on conflict do nothing",
        args![drop.id, contact.as_slice(), drop.shop, source, tx.now()],
    )?;
    Ok(done == 1)
}

/// Takes it back, if nobody came by it.
pub(super) fn disentitle(tx: &mut Tx<'_>, drop: DropId, contact: &Identity) -> Result<()> {
    tx.put(
        "delete from drop_entitlements where drop_id = $1 and contact = $2 and used = 0",
        args![drop, contact.as_slice()],
    )
}

pub(super) fn is_entitled(tx: &mut Tx<'_>, drop: DropId, contact: &Identity) -> Result<bool> {
    let found: Option<(i64,)> = tx.maybe_one(
        "select used from drop_entitlements where drop_id = $1 and contact = $2",
        args![drop, contact.as_slice()],
    )?;
    Ok(found.is_some())
}

/// Counts one more browser of a mailbox. No row: it is no guest, or has come with enough of them.
pub(super) fn use_entitlement(tx: &mut Tx<'_>, drop: DropId, contact: &Identity, most: i64) -> Result<bool> {
    let done = tx.exec(
        "update drop_entitlements set used = used + 1 where drop_id = $1 and contact = $2 and used < $3",
        args![drop, contact.as_slice(), most],
    )?;
    Ok(done == 1)
}

/// Mailboxes that are guests of a drop, and how many of them came.
pub(super) fn entitlements(tx: &mut Tx<'_>, drop: DropId) -> Result<(i64, i64)> {
    tx.one(
        "select count(*), cast(coalesce(sum(case when used > 0 then 1 else 0 end), 0) as bigint) from drop_entitlements where drop_id = $1",
        args![drop],
    )
}

pub(super) fn is_guest(tx: &mut Tx<'_>, drop: DropId, key: &[u8; 32]) -> Result<bool> {
    let found: Option<(Time,)> = tx.maybe_one(
        "select bound_at from drop_guests where drop_id = $1 and buyer = $2",
        args![drop, *key],
    )?;
    Ok(found.is_some())
}

// Letters. -----------------------------------------------------------------------------------------------------------------------------------------

impl FromRow for Contact {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            drop: row.get(1)?,
            about: row.get(2)?,
            buyer: row.get(3)?,
            email: row.get(4)?,
            state: row.get(5)?,
        })
    }
}

pub(super) fn contact(tx: &mut Tx<'_>, id: ContactId) -> Result<Option<Contact>> {
    tx.maybe_one(
        "select id, drop_id, about, buyer, email, state from drop_contacts where id = $1",
        args![id],
    )
}

pub(super) fn contact_by_email(tx: &mut Tx<'_>, drop: DropId, about: About, plain: &str) -> Result<Option<Contact>> {
    tx.maybe_one(
        "select id, drop_id, about, buyer, email, state from drop_contacts where drop_id = $1 and about = $2 and plain = $3",
        args![drop, about, plain],
    )
}

/// The mailbox that what is offered to a browser is for, however it is written.
pub(super) fn confirmed_offer_email(tx: &mut Tx<'_>, drop: DropId, key: &[u8; 32]) -> Result<Option<String>> {
    let found: Option<(String,)> = tx.maybe_one(
        "select plain from drop_contacts where drop_id = $1 and buyer = $2 and about = 'offer' and state = 'confirmed' order by id desc limit 1",
        args![drop, *key],
    )?;
    Ok(found.map(|(plain,)| plain))
}

pub(super) fn leave_contacts(tx: &mut Tx<'_>, drop: DropId, about: About, key: &[u8; 32]) -> Result<()> {
    tx.put(
        "update drop_contacts set state = 'left' where drop_id = $1 and buyer = $2 and about = $3 and state <> 'left'",
        args![drop, *key, about],
    )
}

/// Writes who asked. False: the mailbox is there.
pub(super) fn insert_contact(
    tx: &mut Tx<'_>,
    drop: &Drop,
    about: About,
    key: &[u8; 32],
    email: &str,
    plain: &str,
) -> Result<bool> {
    let id: ContactId = tx.id();
    let done = tx.exec(
        "insert into drop_contacts (id, drop_id, shop_id, about, buyer, email, plain, state, asked, reminded, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, 'asked', 0, 0, $8) on conflict do nothing",
        args![id, drop.id, drop.shop, about, *key, email, plain, tx.now()],
    )?;
    Ok(done == 1)
}

pub(super) fn move_contact(tx: &mut Tx<'_>, id: ContactId, from: ContactState, to: ContactState) -> Result<()> {
    tx.put(
        "update drop_contacts set state = $3 where id = $1 and state = $2",
        args![id, from, to],
    )
}

pub(super) fn rebind_contact(tx: &mut Tx<'_>, id: ContactId, key: &[u8; 32]) -> Result<()> {
    tx.put("update drop_contacts set buyer = $2 where id = $1", args![id, *key])
}

/// Nobody is written to about a drop that is settled.
pub(super) fn forget_contacts(tx: &mut Tx<'_>, drop: DropId) -> Result<()> {
    tx.put("delete from drop_contacts where drop_id = $1", args![drop])
}

/// Places a browser has on the lists of a drop.
pub(super) fn waits_of(tx: &mut Tx<'_>, drop: DropId, key: &[u8; 32]) -> Result<i64> {
    let (count,): (i64,) = tx.one(
        "select count(*) from drop_waits where drop_id = $1 and buyer = $2 and (state = 'waiting' or state = 'offered')",
        args![drop, *key],
    )?;
    Ok(count)
}

/// The places of one browser are another's from now on; how many.
pub(super) fn move_waits(tx: &mut Tx<'_>, drop: DropId, from: &[u8; 32], to: &[u8; 32]) -> Result<u64> {
    tx.exec(
        "update drop_waits set buyer = $3 where drop_id = $1 and buyer = $2 and (state = 'waiting' or state = 'offered')",
        args![drop, *from, *to],
    )
}

struct Unasked(Owed);
struct Reminder(Owed);
struct Offering(Owed);

impl FromRow for Unasked {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(Owed {
            contact: Contact::from_row(row)?,
            shop: row.get(6)?,
            what: OwedLetter::Confirm,
        }))
    }
}

impl FromRow for Reminder {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(Owed {
            contact: Contact::from_row(row)?,
            shop: row.get(6)?,
            what: OwedLetter::Opening(row.get(7)?),
        }))
    }
}

impl FromRow for Offering {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(Owed {
            contact: Contact::from_row(row)?,
            shop: row.get(6)?,
            what: OwedLetter::Offer {
                wait: row.get(7)?,
                variant: row.get(8)?,
                units: row.get(9)?,
                until: row.get(10)?,
            },
        }))
    }
}

/// Those who were not asked yet whether it was they.
pub(super) fn unasked(tx: &mut Tx<'_>, most: i64) -> Result<Vec<Owed>> {
    let rows: Vec<Unasked> = tx.all(
        "select id, drop_id, about, buyer, email, state, shop_id from drop_contacts where asked = 0 and state = 'asked' order by created_at limit $1",
        args![most],
    )?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// Those who want to hear of an opening that is near: the drops that open soon first, and of each those who asked.
pub(super) fn reminders(tx: &mut Tx<'_>, most: i64, until: Time) -> Result<Vec<Owed>> {
    let rows: Vec<Reminder> = tx.all(
        "select c.id, c.drop_id, c.about, c.buyer, c.email, c.state, c.shop_id, d.opens_at
           from drops d cross join drop_contacts c
          where d.state = 'scheduled' and d.opens_at > $2 and d.opens_at <= $3
            and c.drop_id = d.id and c.about = 'opening' and c.reminded = 0 and c.state = 'confirmed' order by d.opens_at limit $1",
        args![most, tx.now(), until],
    )?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// Offers nobody was written of, to those who want to hear of them.
pub(super) fn offers_unwritten(tx: &mut Tx<'_>, most: i64) -> Result<Vec<Owed>> {
    let rows: Vec<Offering> = tx.all(
        "select c.id, c.drop_id, c.about, c.buyer, c.email, c.state, c.shop_id, w.id, w.variant_id, w.units, w.offered_until
           from drop_waits w join drop_contacts c on c.drop_id = w.drop_id and c.buyer = w.buyer
          where w.state = 'offered' and w.written = 0 and w.offered_until > $2 and c.about = 'offer' and c.state = 'confirmed'
          order by w.offered_until limit $1",
        args![most, tx.now()],
    )?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

pub(super) fn mark_asked(tx: &mut Tx<'_>, id: ContactId) -> Result<bool> {
    let done = tx.exec(
        "update drop_contacts set asked = 1 where id = $1 and asked = 0",
        args![id],
    )?;
    Ok(done == 1)
}

pub(super) fn mark_reminded(tx: &mut Tx<'_>, id: ContactId) -> Result<bool> {
    let done = tx.exec(
        "update drop_contacts set reminded = 1 where id = $1 and reminded = 0",
        args![id],
    )?;
    Ok(done == 1)
}

pub(super) fn mark_written(tx: &mut Tx<'_>, wait: WaitId) -> Result<bool> {
    let done = tx.exec(
        "update drop_waits set written = 1 where id = $1 and written = 0 and state = 'offered' and offered_until > $2",
        args![wait, tx.now()],
    )?;
    Ok(done == 1)
}

// Price rules. -------------------------------------------------------------------------------------------------------------------------------------

impl FromRow for Rule {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let currency = row.get(8)?;
        let price = money(row.get(7)?, currency);
        let kind: String = row.get(2)?;
        let when = match (
            kind.as_str(),
            row.get(3)?,
            row.get(4)?,
            row.get::<Option<i64>>(5)?,
            row.get(6)?,
        ) {
            ("at", Some(at), _, _, _) => When::At(at, price),
            ("every", _, Some(minutes), Some(down), _) => When::Every {
                minutes,
                down: money(down, currency),
                floor: price,
            },
            ("sold", _, _, _, Some(units)) => When::Sold(units, price),
            _ => return Err(Error::internal("a price rule cannot be read")),
        };
        Ok(Self {
            id: row.get(0)?,
            variant: row.get(1)?,
            when,
            state: row.get(9)?,
            steps: row.get(10)?,
            next_at: row.get(11)?,
        })
    }
}

pub(super) fn insert_rule(tx: &mut Tx<'_>, drop: &Drop, rule: &Rule, position: i64) -> Result<()> {
    let (at, minutes, down, units) = match rule.when {
        When::At(at, _) => (Some(at), None, None, None),
        When::Every { minutes, down, .. } => (None, Some(minutes), Some(down.minor), None),
        When::Sold(units, _) => (None, None, None, Some(units)),
    };
    let price = rule.when.price();
    tx.put(
        "insert into drop_rules (id, drop_id, shop_id, variant_id, position, kind, at, minutes, down_minor, units, price_minor, currency, state, steps, next_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        args![
            rule.id,
            drop.id,
            drop.shop,
            rule.variant,
            position,
            kind(&rule.when),
            at,
            minutes,
            down,
            units,
            price.minor,
            price.currency,
            rule.state,
            rule.steps,
            rule.next_at
        ],
    )
}

/// A drop's price rules in their order.
pub(super) fn rules(tx: &mut Tx<'_>, drop: DropId) -> Result<Vec<Rule>> {
    tx.all(
        "select id, variant_id, kind, at, minutes, down_minor, units, price_minor, currency, state, steps, next_at from drop_rules
          where drop_id = $1 order by position limit 400",
        args![drop],
    )
}

/// Those whose moment has come, earliest first.
pub(super) fn due_rules(tx: &mut Tx<'_>, drop: DropId) -> Result<Vec<Rule>> {
    tx.all(
        "select id, variant_id, kind, at, minutes, down_minor, units, price_minor, currency, state, steps, next_at from drop_rules
          where drop_id = $1 and state = 'waiting' and next_at is not null and next_at <= $2 order by next_at, position limit 400",
        args![drop, tx.now()],
    )
}

pub(super) fn next_rule_at(tx: &mut Tx<'_>, drop: DropId) -> Result<Option<Time>> {
    let found: Option<(Time,)> = tx.maybe_one(
        "select next_at from drop_rules where drop_id = $1 and state = 'waiting' and next_at is not null order by next_at limit 1",
        args![drop],
    )?;
    Ok(found.map(|(at,)| at))
}

/// Rules that count from the opening have their first moment now.
pub(super) fn begin_rules(tx: &mut Tx<'_>, drop: DropId, opened: Time) -> Result<()> {
    tx.put(
        "update drop_rules set next_at = $2 + minutes * 60000000 where drop_id = $1 and kind = 'every' and state = 'waiting' and next_at is null",
        args![drop, opened],
    )
}

/// What steps every so many minutes has so much more time, if it was not due before a pause.
pub(super) fn keep_rules(tx: &mut Tx<'_>, drop: DropId, since: Time, longer: Seconds) -> Result<()> {
    tx.put(
        "update drop_rules set next_at = next_at + $3 where drop_id = $1 and kind = 'every' and state = 'waiting' and next_at > $2",
        args![drop, since, longer.0 * 1_000_000],
    )
}

/// Moves a rule from how it was read. No row: somebody else moved it.
pub(super) fn move_rule(
    tx: &mut Tx<'_>,
    rule: &Rule,
    state: RuleState,
    steps: i64,
    next_at: Option<Time>,
) -> Result<bool> {
    let done = tx.exec(
        "update drop_rules set state = $3, steps = $4, next_at = $5 where id = $1 and state = 'waiting' and steps = $2",
        args![rule.id, rule.steps, state, steps, next_at],
    )?;
    Ok(done == 1)
}

/// Open drops with a rule that waits for sales.
pub(super) fn with_sales_rules(tx: &mut Tx<'_>, after: DropId, most: i64) -> Result<Vec<DropId>> {
    let rows: Vec<(DropId,)> = tx.all(
        "select d.id from drops d where d.state = 'open' and d.id > $1 and exists (
           select 1 from drop_rules r where r.drop_id = d.id and r.state = 'waiting' and r.kind = 'sold') order by d.id limit $2",
        args![after, most],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

// Who has what. ------------------------------------------------------------------------------------------------------------------------------------

/// Counts units for somebody. No row: they would have more than they may, or wait until a time after `at`.
pub(super) fn count(tx: &mut Tx<'_>, drop: DropId, who: &Identity, units: u32, most: u32, at: Time) -> Result<bool> {
    if mutant!("D2-drop") {
        let over = "insert into drop_buyers (drop_id, identity, units, units_max) values ($1, $2, $3, $4)
                    on conflict (drop_id, identity) do update set units = excluded.units";
        return Ok(tx.exec(over, args![drop, who.as_slice(), units, most])? == 1);
    }
    let done = tx.exec(
        "insert into drop_buyers (drop_id, identity, units, units_max) values ($1, $2, $3, $4)
         on conflict (drop_id, identity) do update set units = drop_buyers.units + excluded.units
          where drop_buyers.units + excluded.units <= drop_buyers.units_max and (drop_buyers.cools_until is null or drop_buyers.cools_until <= $5)",
        args![drop, who.as_slice(), units, most, at],
    )?;
    Ok(done == 1)
}

pub(super) fn uncount(tx: &mut Tx<'_>, drop: DropId, who: &Identity, units: u32) -> Result<()> {
    tx.change_one(
        "update drop_buyers set units = units - $3 where drop_id = $1 and identity = $2",
        args![drop, who.as_slice(), units],
    )
}

/// Somebody let lie what was kept for them: not for the first time, they wait until `cools_until`.
pub(super) fn cool(tx: &mut Tx<'_>, drop: DropId, who: &Identity, cools_until: Time) -> Result<()> {
    tx.change_one(
        "update drop_buyers set cools_until = case when lapses > 0 then cast($3 as bigint) else cools_until end, lapses = lapses + 1
          where drop_id = $1 and identity = $2",
        args![drop, who.as_slice(), cools_until],
    )
}

/// Until when nothing may be reserved under a name, if that is still to come.
pub(super) fn cools_until(tx: &mut Tx<'_>, drop: DropId, who: &Identity) -> Result<Option<Time>> {
    let until: Option<(Option<Time>,)> = tx.maybe_one(
        "select cools_until from drop_buyers where drop_id = $1 and identity = $2",
        args![drop, who.as_slice()],
    )?;
    Ok(until.and_then(|(until,)| until).filter(|until| *until > tx.now()))
}

/// A name under which nothing is counted any more.
pub(super) fn forget_identity(tx: &mut Tx<'_>, drop: DropId, who: &Identity) -> Result<()> {
    tx.put(
        "delete from drop_buyers where drop_id = $1 and identity = $2 and units = 0",
        args![drop, who.as_slice()],
    )
}

/// Drops of a shop that keep mailboxes as hashes.
pub(super) fn drops_with_entitlements(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<DropId>> {
    let rows: Vec<(DropId,)> = tx.all(
        "select distinct drop_id from drop_entitlements where shop_id = $1 limit 10000",
        args![shop],
    )?;
    Ok(rows.into_iter().map(|(drop,)| drop).collect())
}

pub(super) fn forget_entitlement(tx: &mut Tx<'_>, drop: DropId, contact: &Identity) -> Result<()> {
    tx.put(
        "delete from drop_entitlements where drop_id = $1 and contact = $2",
        args![drop, contact.as_slice()],
    )
}

/// Forgets a mailbox that asked for letters; it keeps its place in a line, which belongs to a browser.
pub(super) fn forget_plain(tx: &mut Tx<'_>, shop: ShopId, plain: &str) -> Result<()> {
    tx.put(
        "delete from drop_contacts where shop_id = $1 and plain = $2",
        args![shop, plain],
    )?;
    tx.put(
        "update drop_waits set bound = '' where shop_id = $1 and bound = $2",
        args![shop, plain],
    )
}

/// What a checkout counts.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    pub(super) drop: DropId,
    pub(super) units: u32,
    pub(super) held: bool,
    pub(super) who: Vec<Identity>,
}

impl FromRow for Counted {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let bytes: Vec<u8> = row.get(3)?;
        let who = bytes.as_chunks::<33>().0.to_vec();
        Ok(Self {
            drop: row.get(0)?,
            units: row.get(1)?,
            held: row.get(2)?,
            who,
        })
    }
}

/// Writes what a new checkout counts. False: its id is taken.
pub(super) fn insert_claim(tx: &mut Tx<'_>, shop: ShopId, checkout: CheckoutId, claim: &Counted) -> Result<bool> {
    let done = tx.exec(
        "insert into drop_claims (checkout_id, drop_id, shop_id, units, held, identities) values ($1, $2, $3, $4, 1, $5) on conflict (checkout_id) do nothing",
        args![checkout, claim.drop, shop, claim.units, claim.who.concat()],
    )?;
    Ok(done == 1)
}

pub(super) fn claim(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<Option<Counted>> {
    tx.maybe_one(
        "select drop_id, units, held, identities from drop_claims where checkout_id = $1",
        args![checkout],
    )
}

/// Marks a claim as counted or not, if it was the other. False: it is that already.
pub(super) fn hold(tx: &mut Tx<'_>, checkout: CheckoutId, held: bool) -> Result<bool> {
    let done = tx.exec(
        "update drop_claims set held = $2 where checkout_id = $1 and held <> $2",
        args![checkout, held],
    )?;
    Ok(done == 1)
}

/// Fewer units than before, if any are left. False: none would be, or nothing is counted.
pub(super) fn shrink_claim(tx: &mut Tx<'_>, checkout: CheckoutId, units: u32) -> Result<bool> {
    let done = tx.exec(
        "update drop_claims set units = units - $2 where checkout_id = $1 and held = 1 and units > $2",
        args![checkout, units],
    )?;
    Ok(done == 1)
}

pub(super) fn set_identities(tx: &mut Tx<'_>, checkout: CheckoutId, who: &[Identity]) -> Result<()> {
    tx.change_one(
        "update drop_claims set identities = $2 where checkout_id = $1",
        args![checkout, who.concat()],
    )
}

/// Checkouts that count something in a drop, for whoever checks that they should.
pub fn holding(tx: &mut Tx<'_>) -> Result<Vec<CheckoutId>> {
    let mut all: Vec<CheckoutId> = Vec::new();
    loop {
        let after = all.last().copied().unwrap_or(CheckoutId::from_uuid(Uuid::nil()));
        let page = claims_held(tx, after)?;
        all.extend(page.iter().map(|(checkout, ..)| *checkout));
        if page.is_empty() {
            return Ok(all);
        }
    }
}

/// Rows that a check reads at once.
pub(super) const PAGE: i64 = 10_000;

/// Checkout, drop, units, and the identities they are counted for one after another.
pub(super) type Held = (CheckoutId, DropId, i64, Vec<u8>);

/// What the next checkouts count.
pub(super) fn claims_held(tx: &mut Tx<'_>, after: CheckoutId) -> Result<Vec<Held>> {
    tx.all(
        "select checkout_id, drop_id, units, identities from drop_claims where held = 1 and checkout_id > $1
          order by checkout_id limit $2",
        args![after, PAGE],
    )
}

/// Drop and identity, units, and how many it may have.
pub(super) type Counts = (DropId, Vec<u8>, i64, i64);

/// The next identities that something is counted for.
pub(super) fn counts(tx: &mut Tx<'_>, after: (DropId, &[u8])) -> Result<Vec<Counts>> {
    tx.all(
        "select drop_id, identity, units, units_max from drop_buyers where units > 0 and (drop_id, identity) > ($1, $2)
          order by drop_id, identity limit $3",
        args![after.0, after.1, PAGE],
    )
}

/// Which checkouts a browser has something of a drop in.
pub(super) fn holds(tx: &mut Tx<'_>, drop: DropId, key: &[u8; 32]) -> Result<Vec<Own>> {
    let rows: Vec<(VariantId, CheckoutId)> = tx.all(
        "select variant_id, checkout_id from drop_holds where drop_id = $1 and buyer = $2 order by variant_id limit 100",
        args![drop, *key],
    )?;
    Ok(rows
        .into_iter()
        .map(|(variant, checkout)| Own { variant, checkout })
        .collect())
}

/// Writes what a browser is in. False: somebody wrote it meanwhile.
pub(super) fn insert_hold(
    tx: &mut Tx<'_>,
    drop: DropId,
    key: &[u8; 32],
    variant: VariantId,
    checkout: CheckoutId,
) -> Result<bool> {
    let done = tx.exec(
        "insert into drop_holds (drop_id, buyer, variant_id, checkout_id) values ($1, $2, $3, $4) on conflict do nothing",
        args![drop, *key, variant, checkout],
    )?;
    Ok(done == 1)
}

/// The same in the place of one that ended. False: somebody did that meanwhile.
pub(super) fn hold_instead(
    tx: &mut Tx<'_>,
    drop: DropId,
    key: &[u8; 32],
    ended: &Own,
    checkout: CheckoutId,
) -> Result<bool> {
    let done = tx.exec(
        "update drop_holds set checkout_id = $5 where drop_id = $1 and buyer = $2 and variant_id = $3 and checkout_id = $4",
        args![drop, *key, ended.variant, ended.checkout, checkout],
    )?;
    Ok(done == 1)
}

/// Nothing is reserved any more: forgets who was in what, a part at a time. Whether there is more.
pub(super) fn end_holds(tx: &mut Tx<'_>, drop: DropId) -> Result<bool> {
    let done = tx.exec(
        "delete from drop_holds where drop_id = $1 and buyer in (select buyer from drop_holds where drop_id = $1 limit 500)",
        args![drop],
    )?;
    Ok(done >= 500)
}

// The waiting room. --------------------------------------------------------------------------------------------------------------------------------

impl FromRow for Line {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            rate: row.get(0)?,
            seed: row.get(1)?,
            arrivals: row.get(2)?,
            drawn: row.get(3)?,
            admitted: row.get(4)?,
            wave_at: row.get(5)?,
            version: row.get(6)?,
            guarded: row.get(7)?,
            in_second: row.get(8)?,
            rush_until: row.get(9)?,
        })
    }
}

pub(super) fn insert_line(tx: &mut Tx<'_>, drop: &Drop, seed: &[u8; 32]) -> Result<()> {
    tx.put(
        "insert into drop_lines (drop_id, rate, seed, arrivals, admitted, version) values ($1, $2, $3, 0, 0, 1)",
        args![drop.id, drop.line_rate, *seed],
    )
}

pub(super) fn line(tx: &mut Tx<'_>, drop: DropId) -> Result<Option<Line>> {
    tx.maybe_one(
        "select rate, seed, arrivals, drawn, admitted, wave_at, version, guarded, in_second, rush_until from drop_lines where drop_id = $1",
        args![drop],
    )
}

/// Counts somebody who came; the line with them in it. More than `rush` of them in one second begin a rush, or prolong it.
pub(super) fn arrive(tx: &mut Tx<'_>, drop: DropId, rush: i64, lasts: Seconds) -> Result<Option<Line>> {
    let now = tx.now();
    tx.maybe_one(
        "update drop_lines set arrivals = arrivals + 1, version = version + 1,
                rush_until = case when second = $2 and in_second >= $3 then $4 else rush_until end,
                in_second = case when second = $2 then in_second + 1 else 1 end,
                second = $2
          where drop_id = $1
         returning rate, seed, arrivals, drawn, admitted, wave_at, version, guarded, in_second, rush_until",
        args![drop, now.unix_seconds(), rush, now.plus(lasts)],
    )
}

/// A host's switch. False: it was like that.
pub(super) fn set_guard(tx: &mut Tx<'_>, drop: DropId, on: bool) -> Result<bool> {
    let done = tx.exec(
        "update drop_lines set guarded = $2, version = version + 1 where drop_id = $1 and guarded <> $2",
        args![drop, on],
    )?;
    Ok(done == 1)
}

/// Somebody came late to a room in which nobody waited: they wait for the next wave, and not less.
pub(super) fn begin_again(tx: &mut Tx<'_>, drop: DropId) -> Result<()> {
    tx.put(
        "update drop_lines set wave_at = $2 where drop_id = $1 and drawn is not null and admitted = arrivals - 1 and wave_at < $2",
        args![drop, tx.now()],
    )
}

/// Ends the time in which whoever comes is in the draw. Once.
pub(super) fn draw(tx: &mut Tx<'_>, drop: DropId, wave_at: Time) -> Result<()> {
    tx.put(
        "update drop_lines set drawn = arrivals, wave_at = $2, version = version + 1 where drop_id = $1 and drawn is null",
        args![drop, wave_at],
    )
}

/// Writes a turn. False: there is one with this id.
pub(super) fn insert_turn(
    tx: &mut Tx<'_>,
    shop: ShopId,
    drop: DropId,
    turn: TurnId,
    late: bool,
    rank: &[u8; 32],
) -> Result<bool> {
    let done = tx.exec(
        "insert into drop_turns (id, drop_id, shop_id, late, rank, used, joined_at) values ($1, $2, $3, $4, $5, 0, $6) on conflict (id) do nothing",
        args![turn, drop, shop, late, *rank, tx.now()],
    )?;
    Ok(done == 1)
}

impl FromRow for Turn {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            drop: row.get(1)?,
            late: row.get(2)?,
            rank: row.get(3)?,
            used: row.get(4)?,
            pass_until: row.get(5)?,
        })
    }
}

pub(super) fn turn(tx: &mut Tx<'_>, drop: DropId, id: TurnId) -> Result<Option<Turn>> {
    tx.maybe_one(
        "select id, drop_id, late, rank, used, pass_until from drop_turns where id = $2 and drop_id = $1",
        args![drop, id],
    )
}

/// From one mark of a draw to the next.
pub(super) const MARKS: i64 = 200;
/// Before the first mark.
const FIRST_RANK: [u8; 32] = [0; 32];

/// How many of the draw come before a turn: counted from the last mark before it, so it costs the same in a draw of any size.
pub(super) fn before(tx: &mut Tx<'_>, turn: &Turn) -> Result<i64> {
    let mark: Option<(i64, [u8; 32])> = tx.maybe_one(
        "select place, rank from drop_marks where drop_id = $1 and rank < $2 order by rank desc limit 1",
        args![turn.drop, turn.rank],
    )?;
    let (place, rank) = mark.unwrap_or((1, FIRST_RANK));
    let (count,): (i64,) = tx.one(
        "select count(*) from drop_turns where drop_id = $1 and late = 0 and rank >= $3 and rank < $2",
        args![turn.drop, turn.rank, rank],
    )?;
    Ok(place - 1 + count)
}

/// The draw in its order, from the last mark before where it is asked from.
pub(super) fn drawn(tx: &mut Tx<'_>, drop: DropId, after: i64, most: i64) -> Result<Vec<TurnId>> {
    let mark: Option<(i64, [u8; 32])> = tx.maybe_one(
        "select place, rank from drop_marks where drop_id = $1 and place <= $2 order by place desc limit 1",
        args![drop, after + 1],
    )?;
    let (place, rank) = mark.unwrap_or((1, FIRST_RANK));
    let rows: Vec<(TurnId,)> = tx.all(
        "select id from drop_turns where drop_id = $1 and late = 0 and rank >= $4 order by rank limit $2 offset $3",
        args![drop, most, after + 1 - place, rank],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Draws that have turns behind their last mark.
pub(super) fn unmarked(tx: &mut Tx<'_>, most: i64) -> Result<Vec<DropId>> {
    let rows: Vec<(DropId,)> = tx.all(
        "select drop_id from drop_lines where drawn is not null and drawn - marked >= 200 limit $1",
        args![most],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Writes the next few marks of a draw; whether there are more. The order is fixed, so whoever writes one writes the same.
pub(super) fn mark(tx: &mut Tx<'_>, drop: DropId, most: u32) -> Result<bool> {
    let found: Option<(i64, i64)> = tx.maybe_one(
        "select marked, drawn from drop_lines where drop_id = $1 and drawn is not null",
        args![drop],
    )?;
    let Some((mut marked, drawn)) = found else {
        return Ok(false);
    };
    for _ in 0..most {
        if drawn - marked < MARKS {
            return Ok(false);
        }
        let last: Option<([u8; 32],)> = tx.maybe_one(
            "select rank from drop_marks where drop_id = $1 and place = $2",
            args![drop, marked],
        )?;
        // The first mark is so many places behind the first turn, which is place 1.
        let (from, further) = last.map_or((FIRST_RANK, MARKS - 1), |(rank,)| (rank, MARKS));
        let next: Option<([u8; 32],)> = tx.maybe_one(
            "select rank from drop_turns where drop_id = $1 and late = 0 and rank >= $2 order by rank limit 1 offset $3",
            args![drop, from, further],
        )?;
        let Some((rank,)) = next else {
            return Ok(false);
        };
        marked += MARKS;
        tx.put(
            "insert into drop_marks (drop_id, place, rank) values ($1, $2, $3) on conflict do nothing",
            args![drop, marked, rank],
        )?;
        tx.put(
            "update drop_lines set marked = $2 where drop_id = $1 and marked < $2",
            args![drop, marked],
        )?;
    }
    Ok(drawn - marked >= MARKS)
}

/// Gives the next ones their passes; how many there were.
pub(super) fn admit(tx: &mut Tx<'_>, drop: DropId, most: i64, until: Time) -> Result<i64> {
    if mutant!("X2") {
        let any = "update drop_turns set pass_until = $3 where id in (
                     select id from drop_turns where drop_id = $1 and pass_until is null order by joined_at, id limit $2)";
        return Ok(i64::try_from(tx.exec(any, args![drop, most, until])?).unwrap_or(i64::MAX));
    }
    let done = tx.exec(
        "update drop_turns set pass_until = $3 where id in (
           select id from drop_turns where drop_id = $1 and pass_until is null order by late, rank limit $2)",
        args![drop, most, until],
    )?;
    Ok(i64::try_from(done).unwrap_or(i64::MAX))
}

/// Says up to when people were let in. No row: another wave came first.
pub(super) fn end_wave(tx: &mut Tx<'_>, drop: DropId, last: Time, until: Time, let_in: i64) -> Result<bool> {
    let done = tx.exec(
        "update drop_lines set wave_at = $3, admitted = admitted + $4, version = version + (case when $4 > 0 then 1 else 0 end)
          where drop_id = $1 and wave_at = $2",
        args![drop, last, until, let_in],
    )?;
    Ok(done == 1)
}

/// Uses a pass. No row: there is none that counts now.
pub(super) fn use_pass(tx: &mut Tx<'_>, id: TurnId, checkout: CheckoutId) -> Result<bool> {
    if mutant!("X5") {
        let again = "update drop_turns set used = 1, checkout_id = $2 where id = $1 and pass_until > $3";
        return Ok(tx.exec(again, args![id, checkout, tx.now()])? == 1);
    }
    if mutant!("X5-late") {
        let late =
            "update drop_turns set used = 1, checkout_id = $2 where id = $1 and used = 0 and pass_until is not null";
        return Ok(tx.exec(late, args![id, checkout])? == 1);
    }
    let done = tx.exec(
        "update drop_turns set used = 1, checkout_id = $2 where id = $1 and used = 0 and pass_until > $3",
        args![id, checkout, tx.now()],
    )?;
    Ok(done == 1)
}

/// Drops with somebody to let in, whoever waits longest for a wave first.
pub(super) fn letting_in(tx: &mut Tx<'_>, most: i64) -> Result<Vec<DropId>> {
    let rows: Vec<(DropId,)> = tx.all(
        "select d.id from drops d join drop_lines l on l.drop_id = d.id
          where d.state = 'open' and d.line_rate > 0
            and exists (select 1 from drop_turns t where t.drop_id = d.id and t.pass_until is null) order by l.wave_at limit $1",
        args![most],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

// The waitlist. ------------------------------------------------------------------------------------------------------------------------------------

impl FromRow for Wait {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            variant: row.get(1)?,
            units: row.get(2)?,
            standing: row.get(3)?,
            offered_until: row.get(4)?,
        })
    }
}

/// Writes a place on the list. False: this browser has one.
pub(super) fn insert_wait(
    tx: &mut Tx<'_>,
    drop: &Drop,
    variant: VariantId,
    units: u32,
    key: &[u8; 32],
) -> Result<bool> {
    let id: WaitId = tx.id();
    let done = tx.exec(
        "insert into drop_waits (id, drop_id, shop_id, variant_id, units, buyer, state, joined_at) values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict do nothing",
        args![id, drop.id, drop.shop, variant, units, *key, WaitStanding::Waiting, tx.now()],
    )?;
    Ok(done == 1)
}

/// The place a browser has on a list.
pub fn wait_of(tx: &mut Tx<'_>, drop: DropId, variant: VariantId, key: &[u8; 32]) -> Result<Option<Wait>> {
    tx.maybe_one(
        "select id, variant_id, units, state, offered_until from drop_waits
          where drop_id = $1 and variant_id = $2 and buyer = $3 and (state = 'waiting' or state = 'offered')",
        args![drop, variant, *key],
    )
}

pub(super) fn first_waiting(tx: &mut Tx<'_>, drop: DropId, variant: VariantId) -> Result<Option<Wait>> {
    tx.maybe_one(
        "select id, variant_id, units, state, offered_until from drop_waits
          where drop_id = $1 and variant_id = $2 and state = 'waiting' order by joined_at, id limit 1",
        args![drop, variant],
    )
}

/// Whether anybody waits for anything of a drop.
pub(super) fn anybody_waits(tx: &mut Tx<'_>, drop: DropId) -> Result<bool> {
    let found: Option<(i64,)> = tx.maybe_one(
        "select 1 from drop_waits where drop_id = $1 and state = 'waiting' limit 1",
        args![drop],
    )?;
    Ok(found.is_some())
}

/// The first who wants no more than is free.
pub(super) fn first_fitting(tx: &mut Tx<'_>, drop: DropId, variant: VariantId, free: i64) -> Result<Option<Wait>> {
    if mutant!("D14-order") {
        return tx.maybe_one(
            "select id, variant_id, units, state, offered_until from drop_waits
              where drop_id = $1 and variant_id = $2 and state = 'waiting' and units <= $3 order by joined_at desc, id desc limit 1",
            args![drop, variant, free],
        );
    }
    tx.maybe_one(
        "select id, variant_id, units, state, offered_until from drop_waits
          where drop_id = $1 and variant_id = $2 and state = 'waiting' and units <= $3 order by joined_at, id limit 1",
        args![drop, variant, free],
    )
}

/// Places that are counted before another: whoever stands further back is told that it is so many or more, and each look costs the same.
pub const COUNTED: i64 = 500;

/// How many are before a place on its list, up to [`COUNTED`].
pub fn before_wait(tx: &mut Tx<'_>, drop: DropId, wait: &Wait) -> Result<i64> {
    let (count,): (i64,) = tx.one(
        "select count(*) from (select w.id from drop_waits w join drop_waits mine on mine.id = $3
          where w.drop_id = $1 and w.variant_id = $2 and w.state = 'waiting'
            and (w.joined_at < mine.joined_at or (w.joined_at = mine.joined_at and w.id < mine.id))
          order by w.joined_at, w.id limit $4) counted",
        args![drop, wait.variant, wait.id, COUNTED],
    )?;
    Ok(count)
}

/// What somebody waits for.
pub(super) fn waited_for(tx: &mut Tx<'_>, drop: DropId) -> Result<Vec<VariantId>> {
    let rows: Vec<(VariantId,)> = tx.all(
        "select distinct variant_id from drop_waits where drop_id = $1 and state = 'waiting' order by variant_id limit 100",
        args![drop],
    )?;
    Ok(rows.into_iter().map(|(variant,)| variant).collect())
}

/// Offers whose time is over.
pub(super) fn lapsed(tx: &mut Tx<'_>, drop: DropId) -> Result<Vec<Wait>> {
    tx.all(
        "select id, variant_id, units, state, offered_until from drop_waits
          where drop_id = $1 and state = 'offered' and offered_until <= $2 order by offered_until limit 100",
        args![drop, tx.now()],
    )
}

/// What a browser waits for is for this mailbox from now on; what was for another stays for that one.
pub(super) fn bind_waits(tx: &mut Tx<'_>, drop: DropId, key: &[u8; 32], plain: &str) -> Result<()> {
    tx.put(
        "update drop_waits set bound = $3 where drop_id = $1 and buyer = $2 and bound = '' and (state = 'waiting' or state = 'offered')",
        args![drop, *key, plain],
    )
}

/// The mailbox a place is for; empty: anybody's who holds it.
pub(super) fn bound_of(tx: &mut Tx<'_>, wait: WaitId) -> Result<String> {
    let (bound,): (String,) = tx.one("select bound from drop_waits where id = $1", args![wait])?;
    Ok(bound)
}

/// Says with which checkout an offer was taken.
pub(super) fn taken_with(tx: &mut Tx<'_>, wait: WaitId, checkout: CheckoutId) -> Result<()> {
    tx.put(
        "update drop_waits set checkout_id = $2 where id = $1",
        args![wait, checkout],
    )
}

/// The mailbox that what a checkout took of a waitlist is for.
pub(super) fn bound_checkout(tx: &mut Tx<'_>, drop: DropId, checkout: CheckoutId) -> Result<Option<String>> {
    let found: Option<(String,)> = tx.maybe_one(
        "select bound from drop_waits where drop_id = $1 and checkout_id = $2 and bound <> '' limit 1",
        args![drop, checkout],
    )?;
    Ok(found.map(|(bound,)| bound))
}

/// Moves a place from how it was read. No row: somebody else moved it.
pub(super) fn move_wait(tx: &mut Tx<'_>, wait: &Wait, to: WaitStanding) -> Result<bool> {
    let done = tx.exec(
        "update drop_waits set state = $3 where id = $1 and state = $2",
        args![wait.id, wait.standing, to],
    )?;
    Ok(done == 1)
}

pub(super) fn offer_wait(tx: &mut Tx<'_>, wait: &Wait, until: Time) -> Result<()> {
    tx.change_one(
        "update drop_waits set state = 'offered', offered_until = $2 where id = $1 and state = 'waiting'",
        args![wait.id, until],
    )
}

/// Nobody waits any more: the next few of them. What was offered, and whether there may be others.
pub(super) fn end_waits(tx: &mut Tx<'_>, drop: DropId) -> Result<(Vec<WaitId>, bool)> {
    const WAITING: u64 = 120;
    const OFFERED: usize = 25;
    let left = tx.exec(
        "update drop_waits set state = 'lapsed' where id in (
           select id from drop_waits where drop_id = $1 and state = 'waiting' limit 120)",
        args![drop],
    )?;
    let rows: Vec<(WaitId,)> = tx.all(
        "update drop_waits set state = 'lapsed' where id in (
           select id from drop_waits where drop_id = $1 and state = 'offered' limit 25) returning id",
        args![drop],
    )?;
    let more = left == WAITING || rows.len() == OFFERED;
    Ok((rows.into_iter().map(|(id,)| id).collect(), more))
}

/// Offers that were good at a moment, some of them, after one.
pub(super) fn offered_since(tx: &mut Tx<'_>, drop: DropId, since: Time, after: WaitId, most: i64) -> Result<Vec<Wait>> {
    tx.all(
        "select id, variant_id, units, state, offered_until from drop_waits
          where drop_id = $1 and state = 'offered' and offered_until > $2 and id > $3 order by id limit $4",
        args![drop, since, after, most],
    )
}

pub(super) fn keep_offer(tx: &mut Tx<'_>, wait: WaitId, until: Time) -> Result<()> {
    tx.change_one(
        "update drop_waits set offered_until = $2 where id = $1 and state = 'offered'",
        args![wait, until],
    )
}

/// When the pause began that is ending.
pub(super) fn paused_at(tx: &mut Tx<'_>, drop: DropId) -> Result<Option<Time>> {
    let found: Option<(Time,)> = tx.maybe_one(
        "select at from drop_events where drop_id = $1 and kind = 'paused' order by position desc limit 1",
        args![drop],
    )?;
    Ok(found.map(|(at,)| at))
}

/// Passes that were good at a moment, so much longer; and nobody is owed the time since.
pub(super) fn keep_passes(tx: &mut Tx<'_>, drop: DropId, since: Time, longer: Seconds) -> Result<()> {
    tx.put(
        "update drop_turns set pass_until = pass_until + $3 where drop_id = $1 and used = 0 and pass_until > $2",
        args![drop, since, longer.0 * 1_000_000],
    )?;
    tx.put(
        "update drop_lines set wave_at = $2, version = version + 1 where drop_id = $1 and drawn is not null",
        args![drop, tx.now()],
    )
}

/// Open drops with a list.
pub(super) fn with_lists(tx: &mut Tx<'_>, after: DropId, most: i64) -> Result<Vec<DropId>> {
    let rows: Vec<(DropId,)> = tx.all(
        "select d.id from drops d where d.state = 'open' and d.id > $1 and exists (
           select 1 from drop_waits w where w.drop_id = d.id and (w.state = 'waiting' or w.state = 'offered')) order by d.id limit $2",
        args![after, most],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

// What was done. -----------------------------------------------------------------------------------------------------------------------------------

pub(super) fn insert_event(tx: &mut Tx<'_>, drop: DropId, event: &Event) -> Result<()> {
    tx.put(
        "insert into drop_events (drop_id, position, kind, detail, staff_id, at, hash) values ($1, $2, $3, $4, $5, $6, $7)",
        args![drop, event.position, event.kind, event.detail, event.staff, event.at, event.hash],
    )
}

impl FromRow for Event {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            position: row.get(0)?,
            kind: row.get(1)?,
            detail: row.get(2)?,
            staff: row.get(3)?,
            at: row.get(4)?,
            hash: row.get(5)?,
        })
    }
}

/// What was done in a drop we looked up ourselves, in order.
pub fn events(tx: &mut Tx<'_>, drop: DropId) -> Result<Vec<Event>> {
    tx.all(
        "select position, kind, detail, staff_id, at, hash from drop_events where drop_id = $1 order by position limit 100000",
        args![drop],
    )
}

/// Every drop there is, for the operator's check.
pub(super) fn all(tx: &mut Tx<'_>) -> Result<Vec<Drop>> {
    tx.all(
        "select id, shop_id, slug, title, description, clip_id, stream_url, stream_kind, state, opens_at, closes_at, opened_at, closed_at,
                limit_units, hold_minutes, pinned_id, version, head, next_check_at, created_at, changed_at, line_rate, early_minutes, early_for_buyers
           from drops order by id limit 10000",
        &[],
    )
}
