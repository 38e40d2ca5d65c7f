//! What a drop is, when it sells, and by what names a buyer is known in it.

use crate::inventory::Aside;
use crate::kernel::{
    ClipId, Currency, DropId, Error, Id, Kind, LocationId, Money, Result, Seconds, ShopId, StaffId, Time, TurnId,
    VariantId, WaitId,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

crate::words! {
    /// Where a drop stands.
    pub enum DropState {
        /// Being put together; nothing was taken from stock.
        Draft = "draft",
        /// Announced: its units are set aside, and cannot be bought before it opens.
        Scheduled = "scheduled",
        Open = "open",
        /// Nothing can be reserved for a moment; what is reserved can be paid.
        Paused = "paused",
        /// Nothing can be reserved any more; who reserved before may finish.
        Closed = "closed",
        /// Put away by the shop.
        Archived = "archived",
    }
}

crate::words! {
    /// How a stream from elsewhere is shown.
    pub enum StreamKind {
        /// A playlist for the page's own video element.
        Hls = "hls",
        /// Another platform's player, in a frame that may do nothing here.
        Embed = "embed",
    }
}

crate::words! {
    /// What was done in a drop.
    #[schema(as = DropEventKind)]
    pub enum EventKind {
        Created = "created",
        Edited = "edited",
        Scheduled = "scheduled",
        Opened = "opened",
        Paused = "paused",
        Resumed = "resumed",
        Pinned = "pinned",
        PriceStep = "price_step",
        RuleStopped = "rule_stopped",
        /// A host switched work at the door of its waiting room on or off.
        Guarded = "guarded",
        /// A link was made that lets guests in earlier.
        LinkIssued = "link_issued",
        LinkRevoked = "link_revoked",
        /// Mailboxes were named whose owners come in earlier.
        GuestsNamed = "guests_named",
        Released = "released",
        Extended = "extended",
        Closed = "closed",
        /// Units went home that nobody bought.
        Returned = "returned",
        /// The last reservation is resolved; nothing changes any more.
        Settled = "settled",
        Archived = "archived",
    }
}

/// When a drop sells, by the database's clock: its state, and the times that were set for it whether or not somebody acted on them yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Draft,
    Before,
    Open,
    Paused,
    Over,
}

/// What buyers look at while they wait and buy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    #[default]
    Nothing,
    Clip(ClipId),
    Stream(StreamKind, String),
}

impl Stage {
    /// A clip or a stream, not both. Errors: `invalid_field`.
    pub fn read(clip: Option<ClipId>, stream: Option<(StreamKind, &str)>) -> Result<Self> {
        let url = stream
            .map(|(kind, url)| (kind, url.trim()))
            .filter(|(_, url)| !url.is_empty());
        match (clip, url) {
            (Some(_), Some(_)) => Err(Error::field("/stream", "Show a clip or a stream, not both.")),
            (Some(clip), None) => Ok(Self::Clip(clip)),
            (None, Some((kind, url))) => checked_stream(url).map(|url| Self::Stream(kind, url)),
            (None, None) => Ok(Self::Nothing),
        }
    }

    pub fn clip(&self) -> Option<ClipId> {
        match self {
            Self::Clip(clip) => Some(*clip),
            _ => None,
        }
    }
}

/// Only https, with a host that has a name, and no credentials: it is put into pages that strangers open.
fn checked_stream(url: &str) -> Result<String> {
    let refused = || {
        Error::field(
            "/stream",
            "A stream's address begins with https:// and names another site.",
        )
    };
    let rest = url.strip_prefix("https://").ok_or_else(refused)?;
    let plain =
        |letter: char| letter.is_ascii_graphic() && !matches!(letter, '"' | '\'' | '<' | '>' | '\\' | '`' | ';' | ',');
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let name = host.split(':').next().unwrap_or_default();
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let named = name.contains('.') && name.chars().all(letters) && name.chars().any(|c| c.is_ascii_alphabetic());
    let port = host.split_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_ok());
    if url.len() <= 1000 && url.chars().all(plain) && named && port {
        return Ok(url.to_owned());
    }
    Err(refused())
}

/// A limited sale in a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drop {
    pub id: DropId,
    pub shop: ShopId,
    pub slug: String,
    pub title: String,
    pub description: String,
    pub stage: Stage,
    pub state: DropState,
    /// None: opened by hand.
    pub opens_at: Option<Time>,
    /// None: closed by hand.
    pub closes_at: Option<Time>,
    pub opened_at: Option<Time>,
    pub closed_at: Option<Time>,
    /// Units one buyer may have, reserved and bought; 0: no limit.
    pub limit: u32,
    /// How long a buyer's units are kept for them.
    pub hold_minutes: i64,
    pub pinned: Option<VariantId>,
    /// People let in a minute from its waiting room; 0: it has none.
    pub line_rate: u32,
    /// So much earlier it opens for its guests; 0: it does not.
    pub early_minutes: u32,
    /// Whoever has bought here before is a guest.
    pub early_for_buyers: bool,
    /// Raised by every act; also the number of its latest event.
    pub version: i64,
    /// The hash of that event.
    pub head: [u8; 32],
    pub next_check_at: Option<Time>,
    pub created_at: Time,
    pub changed_at: Time,
}

impl Drop {
    pub fn phase(&self, now: Time) -> Phase {
        let has_come = |at: Option<Time>| at.is_some_and(|at| at <= now);
        let over = has_come(self.closes_at);
        match self.state {
            DropState::Draft => Phase::Draft,
            DropState::Scheduled if !over && !has_come(self.opens_at) => Phase::Before,
            DropState::Scheduled | DropState::Open if !over => Phase::Open,
            DropState::Paused if !over => Phase::Paused,
            _ => Phase::Over,
        }
    }

    /// Where its units lie.
    pub fn place(&self) -> LocationId {
        place(self.id)
    }

    /// When somebody has to look at it again, in a state it is in from now on.
    pub(super) fn look(&self, now: Time) -> Option<Time> {
        let tomorrow = now.plus(Seconds::days(1));
        match self.state {
            DropState::Draft | DropState::Archived => None,
            DropState::Scheduled => Some(
                [self.opens_at, self.closes_at]
                    .into_iter()
                    .flatten()
                    .fold(tomorrow, Time::min),
            ),
            DropState::Open | DropState::Paused => Some(self.closes_at.unwrap_or(tomorrow).min(tomorrow)),
            DropState::Closed => Some(now.plus(Seconds(1))),
        }
    }
}

/// The place where a drop's units lie: its id follows from the drop's.
pub fn place(drop: DropId) -> LocationId {
    LocationId::from_uuid(drop.uuid())
}

/// What a drop sells of one variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    pub variant: VariantId,
    pub position: i64,
    /// Units given to the drop so far; in a draft, to be given.
    pub allotment: u32,
    /// Sellable here only, and archived afterwards.
    pub transient: bool,
    pub price: Money,
    /// Raised by every price step.
    pub price_version: i64,
    /// It is a pre-order: not there yet, and announced to leave by then. None: its units come from the shop's stock.
    pub ships_by: Option<Time>,
}

/// A drop with what it sells and where its units are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    pub drop: Drop,
    pub items: Vec<Item>,
    pub stock: Vec<Aside>,
    /// Its price rules, in their order.
    pub rules: Vec<super::rules::Rule>,
    /// Its waiting room.
    pub line: Option<Line>,
}

/// A drop's waiting room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// People let in a minute.
    pub rate: u32,
    /// Told when the drop opens.
    pub seed: [u8; 32],
    pub arrivals: i64,
    /// How many came before the opening. None: it has not opened.
    pub drawn: Option<i64>,
    pub admitted: i64,
    /// Up to when people were let in.
    pub wave_at: Option<Time>,
    pub version: i64,
    /// A host wants work for each new turn.
    pub guarded: bool,
    /// Arrivals in the second of the last one.
    pub in_second: i64,
    /// Until when each new turn costs work.
    pub rush_until: Option<Time>,
}

/// A turn as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    pub id: TurnId,
    pub drop: DropId,
    pub late: bool,
    pub rank: [u8; 32],
    pub used: bool,
    pub pass_until: Option<Time>,
}

crate::words! {
    /// How a turn stands.
    pub enum TurnStanding {
        Waiting = "waiting",
        /// They may reserve, once, until their pass ends.
        Admitted = "admitted",
        Expired = "expired",
        Used = "used",
    }
}

/// A turn, for its buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnNow {
    pub id: TurnId,
    pub standing: TurnStanding,
    /// From 1. None: not drawn yet.
    pub place: Option<i64>,
    pub pass_until: Option<Time>,
}

crate::words! {
    /// How a place on a waitlist stands.
    pub enum WaitStanding {
        Waiting = "waiting",
        /// Their units are kept for them.
        Offered = "offered",
        Taken = "taken",
        Lapsed = "lapsed",
        Left = "left",
    }
}

/// A place on a drop's waitlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    pub id: WaitId,
    pub variant: VariantId,
    pub units: u32,
    pub standing: WaitStanding,
    pub offered_until: Option<Time>,
}

impl Wait {
    /// Whether it can be taken now.
    pub fn is_offer(&self, now: Time) -> bool {
        self.standing == WaitStanding::Offered && self.offered_until.is_some_and(|until| until > now)
    }
}

/// What is kept of a buyer's secret, at a shop.
pub fn key_hash(shop: ShopId, secret: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"drop buyer key")
        .chain_update(shop.uuid())
        .chain_update(secret)
        .finalize()
        .into()
}

/// The turn of a key in a drop: whoever has the secret has the turn, and nobody can look for one they like better than another's.
pub fn turn_of(drop: DropId, key: &[u8; 32]) -> TurnId {
    let hash = Sha256::new()
        .chain_update(b"drop turn")
        .chain_update(drop.uuid())
        .chain_update(key)
        .finalize();
    TurnId::from_uuid(uuid::Uuid::from_slice(&hash[..16]).expect("sixteen bytes"))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One item's figures, read off its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub left: i64,
    pub reserved: i64,
    pub sold: i64,
    /// Units that went home again.
    pub returned: i64,
}

impl View {
    pub fn figures(&self, item: &Item) -> Figures {
        let row = self.stock.iter().find(|row| row.variant == item.variant);
        row.map_or(Figures::default(), |row| Figures {
            left: row.left(),
            reserved: row.reserved,
            sold: row.sold,
            returned: i64::from(item.allotment) - row.on_hand,
        })
    }

    pub fn totals(&self) -> Figures {
        self.items.iter().fold(Figures::default(), |sum, item| {
            let one = self.figures(item);
            Figures {
                left: sum.left + one.left,
                reserved: sum.reserved + one.reserved,
                sold: sum.sold + one.sold,
                returned: sum.returned + one.returned,
            }
        })
    }

    /// Grows with whatever is committed of the drop or its stock; the id of live events.
    pub fn version(&self) -> i64 {
        let line = self.line.as_ref().map_or(0, |line| line.version);
        self.drop.version + line + self.stock.iter().map(|row| row.version).sum::<i64>()
    }
}

/// A drop as a quote names it: what of it the purchase needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedDrop {
    pub id: DropId,
    /// The latest event of its archive when the quote was made.
    pub position: i64,
    pub hold_minutes: i64,
    pub limit: u32,
    /// It has a waiting room: reserving needs a pass.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits: bool,
}

/// What a drop sells to whoever asks now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    pub drop: QuotedDrop,
    pub items: Vec<Item>,
}

/// One thing that was done, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub position: i64,
    pub kind: EventKind,
    /// JSON.
    pub detail: String,
    pub staff: Option<StaffId>,
    pub at: Time,
    pub hash: [u8; 32],
}

/// The hash of an event: it covers the one before it, so that nothing can be changed, left out or put in between unseen.
///
/// SHA-256 over: the 32 bytes of the hash before it (zeros for the first), the drop's 16 bytes, position and time as 8 bytes each (big endian;
/// microseconds since 1970), the kind, a zero byte, the detail, a zero byte, and the 16 bytes of whoever did it, if anybody.
pub fn event_hash(drop: DropId, before: &[u8; 32], event: &Event) -> [u8; 32] {
    let before = if mutant!("L17-chain") { &[0; 32] } else { before };
    let mut hash = Sha256::new()
        .chain_update(before)
        .chain_update(drop.uuid())
        .chain_update(event.position.to_be_bytes())
        .chain_update(event.at.0.to_be_bytes())
        .chain_update(event.kind.word())
        .chain_update([0])
        .chain_update(&event.detail)
        .chain_update([0]);
    if let Some(staff) = event.staff {
        hash.update(staff.uuid());
    }
    hash.finalize().into()
}

/// Whether a drop's events are whole and in order, up to `head`. The first that is not, by its position.
pub fn verify(drop: DropId, events: &[Event], head: &[u8; 32]) -> std::result::Result<(), i64> {
    let mut before = [0; 32];
    for (number, event) in (1i64..).zip(events) {
        if event.position != number || event_hash(drop, &before, event) != event.hash {
            return Err(number);
        }
        before = event.hash;
    }
    if &before == head {
        Ok(())
    } else {
        Err(i64::try_from(events.len()).unwrap_or(i64::MAX) + 1)
    }
}

/// Everything a buyer said by which they may be known again. Handed down by the checkout.
#[derive(Clone, Copy, Debug, Default)]
pub struct Who<'a> {
    pub email: Option<&'a str>,
    pub phone: Option<&'a str>,
    /// Country, postal code and the lines of the street.
    pub address: Option<[&'a str; 4]>,
    /// The hash of the secret a browser keeps its cards under.
    pub browser: Option<[u8; 32]>,
}

/// A kind and a hash.
pub(super) type Identity = [u8; 33];

/// A name as a drop knows it: a hash that means nothing in another one.
fn identity(drop: DropId, kind: u8, value: &[u8]) -> Identity {
    let hash = Sha256::new()
        .chain_update(b"drop identity")
        .chain_update(drop.uuid())
        .chain_update([kind])
        .chain_update(value)
        .finalize();
    let mut identity = [kind; 33];
    identity[1..].copy_from_slice(&hash);
    identity
}

/// A card, by the hash that payments know it by.
pub(super) fn card_identity(drop: DropId, card: &[u8; 32]) -> Identity {
    identity(drop, b'c', card)
}

impl Who<'_> {
    /// The names in one order.
    pub(super) fn identities(&self, drop: DropId) -> BTreeSet<Identity> {
        let mut found = BTreeSet::new();
        let mut add = |kind: u8, value: &[u8]| {
            if !value.is_empty() {
                found.insert(identity(drop, kind, value));
            }
        };
        add(b'e', self.email.map(plain_email).unwrap_or_default().as_bytes());
        add(b'p', self.phone.map(plain_phone).unwrap_or_default().as_bytes());
        if let Some(parts) = self.address {
            add(b'a', parts.map(plain_text).join("|").as_bytes());
        }
        if let Some(browser) = &self.browser {
            add(b'b', browser);
        }
        found
    }
}

/// A mailbox as a drop knows it: a hash that means nothing in another one.
pub(super) fn contact_of(drop: DropId, email: &str) -> Identity {
    let who = Who {
        email: Some(email),
        ..Who::default()
    };
    who.identities(drop).into_iter().next().unwrap_or([0; 33])
}

/// One mailbox, however it is written: case, what stands behind a plus, and the dots that Google does not read.
pub fn plain_email(email: &str) -> String {
    let email = email.trim().to_lowercase();
    let (name, host) = email.rsplit_once('@').unwrap_or((&email, ""));
    let name = name.split('+').next().unwrap_or(name);
    match host {
        "gmail.com" | "googlemail.com" => format!("{}@gmail.com", name.replace('.', "")),
        _ => format!("{name}@{host}"),
    }
}

/// One number, however it is written: digits only, 00 as +, and no zero in brackets.
pub fn plain_phone(phone: &str) -> String {
    let phone = phone.replace("(0)", "");
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    digits.strip_prefix("00").map_or(digits.clone(), str::to_owned)
}

/// Letters and digits only, in lower case, "str." as "straße".
fn plain_text(text: &str) -> String {
    let text = text
        .to_lowercase()
        .replace("straße", "str")
        .replace("strasse", "str")
        .replace("street", "st");
    text.chars().filter(|letter| letter.is_alphanumeric()).collect()
}

/// Why nothing can be bought in a drop now. Errors: `drop_not_open`, `drop_paused`, `drop_closed`; `no_such_drop` of a draft.
pub(super) fn must_be_open(drop: &Drop, now: Time) -> Result<()> {
    let conflict = |code, detail: String| Err(Error::conflict(code, detail));
    // On purpose: as of the last act, whatever ended since.
    let now = if mutant!("D13-time") { drop.changed_at } else { now };
    match drop.phase(now) {
        Phase::Open => Ok(()),
        Phase::Draft => Err(unknown()),
        Phase::Before => conflict(
            "drop_not_open",
            match drop.opens_at {
                Some(at) => format!(
                    "This drop opens on {}. Nothing was reserved.",
                    crate::kernel::words::exact(at)
                ),
                None => "This drop is not open yet. Nothing was reserved.".into(),
            },
        ),
        Phase::Paused => conflict(
            "drop_paused",
            "This drop is paused for a moment. What is reserved stays reserved; try again soon.".into(),
        ),
        Phase::Over => conflict("drop_closed", "This drop is over. Nothing was reserved.".into()),
    }
}

/// What whoever asks for a draft learns, and for another shop's drop.
pub(super) fn unknown() -> Error {
    Error::new(Kind::NotFound, "no_such_drop", "There is no such drop here.")
}

pub(super) fn limit_reached(limit: u32) -> Error {
    let each = crate::kernel::words::count(u64::from(limit), "piece", "pieces");
    Error::conflict(
        "drop_limit_reached",
        format!(
            "Each buyer may have {each} of this drop, and you have that much reserved or bought. Nothing more was reserved. If you began to buy in another tab or \
             on another device, go on there: what is not paid in its minutes is free again."
        ),
    )
}

/// X3: they let lie what was kept for them, and not for the first time.
pub(super) fn cooling(so_long: Seconds) -> Error {
    let minutes = u64::try_from((so_long.0 + 59) / 60).unwrap_or(1).max(1);
    let wait = crate::kernel::words::count(minutes, "minute", "minutes");
    Error::conflict(
        "drop_cooling_down",
        format!(
            "Units were kept for you here more than once, and not bought. Others come first now: you can reserve again in {wait}."
        ),
    )
}

pub(super) fn contact_needed() -> Error {
    Error::conflict(
        "drop_contact_needed",
        "This drop has a limit for each buyer: say with the first request how to reach you.",
    )
}

/// Prices of one drop are in one currency.
pub(super) fn money(minor: i64, currency: Currency) -> Money {
    Money::new(minor, currency)
}
