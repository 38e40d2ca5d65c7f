//! All SQL on letters.

use super::compose;
use super::mailbox::Kept;
use super::model::{Letter, MailKind, NewMail, Told, without_keys};
use crate::args;
use crate::db::{FromRow, Row, Tx};
use crate::kernel::{Id, MailId, Result, Seconds, ShopId, Time};
use uuid::Uuid;

/// Writes a letter that is due, or is refused for a reason. False: there is one of this kind about this already.
pub(super) fn insert(tx: &mut Tx<'_>, id: MailId, mail: &NewMail, refused: Option<&str>) -> Result<bool> {
    let inserted = tx.exec(
        "insert into mails (id, shop_id, kind, subject_id, recipient, subject, says, state, due_at, created_at, detail)
         values ($1, $2, $3, $4, $5, $6, $7, $9, $8, $8, $10) on conflict (kind, subject_id) do nothing",
        args![
            id,
            mail.shop,
            mail.kind,
            *mail.about.as_bytes(),
            mail.to,
            mail.subject,
            mail.says,
            tx.now(),
            if refused.is_some() { "refused" } else { "due" },
            refused.unwrap_or_default()
        ],
    )?;
    Ok(inserted == 1)
}

/// Takes one letter from an address's day. False: the day is full.
pub(super) fn take_budget(tx: &mut Tx<'_>, day: i64, recipient_hash: [u8; 32], most: i64) -> Result<bool> {
    let taken = tx.exec(
        "insert into mail_budgets (day, recipient_hash, letters) values ($1, $2, 1)
         on conflict (day, recipient_hash) do update set letters = mail_budgets.letters + 1 where mail_budgets.letters < $3",
        args![day, recipient_hash, most],
    )?;
    Ok(taken == 1)
}

/// Gives a letter back that was not written after all.
pub(super) fn return_budget(tx: &mut Tx<'_>, day: i64, recipient_hash: [u8; 32]) -> Result<()> {
    tx.put(
        "update mail_budgets set letters = letters - 1 where day = $1 and recipient_hash = $2",
        args![day, recipient_hash],
    )
}

impl FromRow for Letter {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            kind: row.get(1)?,
            to: row.get(2)?,
            subject: row.get(3)?,
            says: row.get(4)?,
            lease: row.get(5)?,
            tries: row.get(6)?,
        })
    }
}

/// Takes the letter that has been due longest, new or left behind by a taker whose lease is over. The last condition decides between two
/// that chose the same.
pub(super) fn take(tx: &mut Tx<'_>, until: Time) -> Result<Option<Letter>> {
    tx.maybe_one(
        "update mails set state = 'leased', lease = lease + 1, tries = tries + 1, due_at = $2
          where id = (select id from mails where state in ('due', 'leased') and due_at <= $1 order by due_at, id limit 1)
            and state in ('due', 'leased') and due_at <= $1
         returning id, kind, recipient, subject, says, lease, tries",
        args![tx.now(), until],
    )
}

/// It left. False: the lease was lost, and the letter is somebody else's.
pub(super) fn sent(tx: &mut Tx<'_>, id: MailId, lease: i64) -> Result<bool> {
    let done = tx.exec(
        "update mails set state = 'sent', sent_at = $3, detail = '' where id = $1 and lease = $2 and state = 'leased'",
        args![id, lease, tx.now()],
    )?;
    Ok(done == 1)
}

/// It did not leave; it is tried again. False: the lease was lost.
pub(super) fn put_off(tx: &mut Tx<'_>, id: MailId, lease: i64, due_at: Time, detail: &str) -> Result<bool> {
    let done = tx.exec(
        "update mails set state = 'due', due_at = $3, detail = $4 where id = $1 and lease = $2 and state = 'leased'",
        args![id, lease, due_at, detail],
    )?;
    Ok(done == 1)
}

/// It will not be tried again. False: the lease was lost.
pub(super) fn refuse(tx: &mut Tx<'_>, id: MailId, lease: i64, detail: &str) -> Result<bool> {
    let done = tx.exec(
        "update mails set state = 'refused', detail = $3 where id = $1 and lease = $2 and state in ('due', 'leased')",
        args![id, lease, detail],
    )?;
    Ok(done == 1)
}

/// Letters on their way, for the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub letters: i64,
    /// When the oldest of them was written.
    pub oldest: Option<Time>,
    /// In the last thirty days.
    pub refused: i64,
}

/// Asked every few seconds: it reads what waits, and the refusals of a month.
pub fn waiting(tx: &mut Tx<'_>) -> Result<Waiting> {
    let (letters, oldest) = tx.one(
        "select count(*), min(created_at) from mails where state in ('due', 'leased')",
        &[],
    )?;
    let (refused,) = tx.one(
        "select count(*) from mails where state = 'refused' and created_at > $1",
        args![tx.now().minus(Seconds::days(30))],
    )?;
    Ok(Waiting {
        letters,
        oldest,
        refused,
    })
}

impl FromRow for Kept {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            to: row.get(1)?,
            subject: row.get(2)?,
            text: compose::kept_text(row.get(3)?, &row.get::<String>(4)?)?,
            at: row.get(5)?,
        })
    }
}

impl FromRow for Told {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let kind: MailKind = row.get(0)?;
        Ok(Self {
            to: row.get(1)?,
            subject: row.get(2)?,
            text: without_keys(&compose::kept_text(kind, &row.get::<String>(3)?)?),
            written_at: row.get(4)?,
            sent_at: row.get(5)?,
            trouble: row.get(6)?,
            kind,
        })
    }
}

/// Letters about an order, a parcel, a refund …, oldest first.
pub fn letters(tx: &mut Tx<'_>, shop: ShopId, about: &[Uuid]) -> Result<Vec<Told>> {
    let mut all: Vec<Told> = Vec::new();
    for subject in about {
        for kind in MailKind::ALL {
            all.extend(tx.maybe_one::<Told>(
                "select kind, recipient, subject, says, created_at, sent_at, detail from mails where kind = $1 and subject_id = $2 and shop_id = $3",
                args![*kind, *subject.as_bytes(), shop],
            )?);
        }
    }
    all.sort_by_key(|letter| letter.written_at);
    Ok(all)
}

/// Letters about one thing.
pub(super) fn about(tx: &mut Tx<'_>, shop: ShopId, subject: Uuid) -> Result<Vec<MailId>> {
    let mut all = Vec::new();
    for kind in MailKind::ALL {
        let found: Option<(MailId,)> = tx.maybe_one(
            "select id from mails where kind = $1 and subject_id = $2 and shop_id = $3",
            args![*kind, *subject.as_bytes(), shop],
        )?;
        all.extend(found.map(|(id,)| id));
    }
    Ok(all)
}

/// Rows of a page, and where it ended; none: it was the last.
pub(super) type PageOf<T> = (Vec<T>, Option<MailId>);

/// Letters of a shop and who got them: a page of all letters after `after`, and where it ended.
pub(super) fn recipients(
    tx: &mut Tx<'_>,
    shop: ShopId,
    before: Time,
    after: MailId,
    page: i64,
) -> Result<PageOf<(MailId, MailKind, String)>> {
    let end: Option<(MailId,)> = tx.maybe_one(
        "select id from mails where id > $1 order by id limit 1 offset $2",
        args![after, page - 1],
    )?;
    let last = end.map_or(MailId::from_uuid(Uuid::max()), |(id,)| id);
    let rows = tx.all(
        "select id, kind, recipient from mails where id > $1 and id <= $2 and shop_id = $3 and created_at < $4 and recipient <> '' limit $5",
        args![after, last, shop, before, page],
    )?;
    Ok((rows, end.map(|(id,)| id)))
}

/// One that has not left never does; one that has says only that it did, and when.
pub(super) fn erase(tx: &mut Tx<'_>, id: MailId) -> Result<()> {
    tx.put(
        "delete from mails where id = $1 and state in ('due', 'leased')",
        args![id],
    )?;
    tx.put(
        "update mails set recipient = '', says = '', detail = '' where id = $1",
        args![id],
    )
}

/// Whether a letter of this kind about this has still to leave.
pub(super) fn is_to_leave(tx: &mut Tx<'_>, kind: MailKind, subject: Uuid) -> Result<bool> {
    let (count,): (i64,) = tx.one(
        "select count(*) from mails where kind = $1 and subject_id = $2 and state in ('due', 'leased')",
        args![kind, *subject.as_bytes()],
    )?;
    Ok(count > 0)
}

/// The newest letters of all shops: only the demo's mailbox asks, and a demo is one person's machine.
pub(super) fn newest_sent(tx: &mut Tx<'_>, most: i64) -> Result<Vec<Kept>> {
    tx.all(
        "select id, recipient, subject, kind, says, sent_at from mails where state = 'sent' and says <> '' order by id desc limit $1",
        args![most],
    )
}

/// Forgets the budgets of days that are over; some at a time.
pub(super) fn forget_budgets(tx: &mut Tx<'_>, before: i64, most: i64) -> Result<u64> {
    tx.exec(
        "delete from mail_budgets where (day, recipient_hash) in (select day, recipient_hash from mail_budgets where day < $1 order by day limit $2)",
        args![before, most],
    )
}
