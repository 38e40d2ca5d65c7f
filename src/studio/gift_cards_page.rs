//! The shop's gift cards: what is owed on them, all of them, and issuing one. A code is on the page that answers the form which issued it, and nowhere
//! else.

use super::field::{Choice, Field, Problem as Wrong, refusable};
use super::frame::{Chip, Frame, Section, Tone};
use super::typed::{Typed, amount};
use super::when::When;
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::gift_cards::{self, GiftCard, Issued, NewGiftCard, Reason, Standing};
use crate::http::{Form, Problem, Query, page};
use crate::identity::{Analyst, Creator, Shop, Staff, shop};
use crate::kernel::{Currency, Error, GiftCardId, PageIn, Result, Time, words};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

pub struct GiftCardRow {
    pub link: String,
    /// "•••• 7K3M".
    pub name: String,
    pub note: String,
    pub state: Chip,
    pub initial: String,
    pub balance: String,
    /// "€14.90 held for orders"; empty when nothing is.
    pub held: String,
    pub issued: When,
}

/// A card right after it was issued. Reloading the page does not bring its code back.
pub struct FreshCard {
    /// None: this form was sent twice, and the code was shown the first time.
    pub code: Option<String>,
    pub amount: String,
    pub link: String,
}

#[derive(Template)]
#[template(path = "studio/gift_cards.html")]
pub struct GiftCardsPage {
    pub frame: Frame,
    pub cards: Vec<GiftCardRow>,
    /// What may still be spent, by currency.
    pub owed: Vec<String>,
    pub next: Option<String>,
    pub fresh: Option<FreshCard>,
    pub can_issue: bool,
    /// Chosen before the form is sent: pressing twice is one card.
    pub id: String,
    pub currency: String,
    pub amount: Field,
    pub note: Field,
    pub expires: Field,
    pub reasons: Vec<Choice>,
    pub problems: Vec<Wrong>,
}

/// Where the fields of a refusal stand on the page.
const PLACES: [(&str, &str, &str); 3] = [
    ("/amount", "gift-amount", "Worth"),
    ("/note", "gift-note", "Note"),
    ("/expires_at", "gift-expires", "Last day"),
];

/// What the page reads, in one snapshot.
struct Desk {
    shop: Shop,
    cards: Vec<GiftCard>,
    next: Option<String>,
    owed: Vec<(Currency, i64)>,
    now: Time,
}

fn read(tx: &mut Tx<'_>, staff: &Staff, asked: &PageIn) -> Result<Desk> {
    let found = gift_cards::list(tx, staff.shop, asked.after()?, asked.limit())?;
    Ok(Desk {
        shop: shop(tx, staff.shop)?,
        owed: gift_cards::outstanding(tx, staff.shop)?,
        cards: found.data,
        next: found.next,
        now: tx.now(),
    })
}

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Query(asked): Query<PageIn>,
) -> std::result::Result<Response, Problem> {
    let who = staff.0.clone();
    let desk = app.db.read(move |tx| read(tx, &who, &asked)).await?;
    page(&GiftCardsPage::of(&app, &desk, &staff))
}

/// Issues a card, and shows its code this once.
pub async fn issue(
    State(app): State<App>,
    creator: Creator,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Problem> {
    let (who, given) = (creator.0.clone(), typed.clone());
    let (issued, desk) = app
        .db
        .write(LaneKey::of(creator.shop), move |tx| {
            let issued = refusable(issue_of(tx, &who, &given))?;
            Ok((issued, read(tx, &who, &PageIn::default())?))
        })
        .await?;
    let mut gift_cards = GiftCardsPage::of(&app, &desk, &creator);
    match issued {
        Ok(issued) => {
            let (card, code) = match issued {
                Issued::New(card, code) => (card, Some(code.in_full())),
                Issued::Again(card) => (card, None),
            };
            gift_cards.fresh = Some(FreshCard {
                code,
                amount: words::money(card.money(card.initial_minor)),
                link: link(&gift_cards.frame, card.id),
            });
        }
        Err(error) => gift_cards.keep(&typed, &error),
    }
    page(&gift_cards)
}

fn issue_of(tx: &mut Tx<'_>, staff: &Staff, typed: &Typed) -> Result<Issued> {
    let currency = shop(tx, staff.shop)?.currency;
    let new = NewGiftCard {
        id: typed
            .id("id")
            .ok_or_else(|| Error::invalid("no_id", "The form is too old. Load the page again."))?,
        amount: amount("/amount", typed.one("amount"), currency)?,
        reason: typed.one("reason").parse().unwrap_or(Reason::Sold),
        note: typed.one("note").to_owned(),
        expires_at: last_day(typed.one("expires"))?,
        staff: staff.staff,
    };
    gift_cards::issue(tx, staff.shop, &new)
}

/// The end of a day, as a date field sends it; none when it is empty. Errors: `invalid_field`.
pub(super) fn last_day(text: &str) -> Result<Option<Time>> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || Error::field("/expires_at", "Write the day as 2027-12-31.");
    let day: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
    let end = day
        .tomorrow()
        .and_then(|next| next.to_zoned(jiff::tz::TimeZone::UTC))
        .map_err(|_| wrong())?;
    Ok(Some(Time(end.timestamp().as_microsecond())))
}

/// The last day of a card that ends at `at`, as a date field holds it.
pub(super) fn as_last_day(at: Time) -> String {
    Time(at.0 - 1).date().to_string()
}

pub(super) fn link(frame: &Frame, card: GiftCardId) -> String {
    format!("{}/gift-cards/{card}", frame.to(&Section::Money))
}

/// How a card stands, in a word.
pub(super) fn standing(card: &GiftCard, now: Time) -> Chip {
    match card.standing(now) {
        Standing::Usable => Chip::new(Tone::Ok, "Active"),
        Standing::Disabled => Chip::new(Tone::Quiet, "Disabled"),
        Standing::Expired => Chip::new(Tone::Warn, "Expired"),
        Standing::UsedUp if card.held_minor > 0 => Chip::new(Tone::Quiet, "Held for orders"),
        Standing::UsedUp => Chip::new(Tone::Quiet, "Used up"),
    }
}

fn reasons(chosen: &str) -> Vec<Choice> {
    let choice = |reason: Reason, label| Choice {
        chosen: chosen == reason.word(),
        ..Choice::new(reason.word(), label)
    };
    let mut choices = vec![
        choice(Reason::Sold, "Sold: somebody paid for it"),
        choice(Reason::Given, "Given away: the shop bears it"),
    ];
    if !choices.iter().any(|choice| choice.chosen) {
        choices[0].chosen = true;
    }
    choices
}

impl GiftCardsPage {
    fn of(app: &App, desk: &Desk, staff: &Staff) -> Self {
        let frame = Frame::of(&desk.shop, staff, Section::Money, "Gift cards");
        let row = |card: &GiftCard| GiftCardRow {
            link: link(&frame, card.id),
            name: format!("•••• {}", card.last_four),
            note: card.note.clone(),
            state: standing(card, desk.now),
            initial: words::money(card.money(card.initial_minor)),
            balance: words::money(card.balance()),
            held: match card.held_minor {
                0 => String::new(),
                minor => format!("{} held for orders", words::money(card.money(minor))),
            },
            issued: When::of(card.created_at, desk.now),
        };
        let owed = desk.owed.iter().filter(|(_, minor)| *minor > 0);
        Self {
            cards: desk.cards.iter().map(row).collect(),
            owed: owed
                .map(|(currency, minor)| words::money(crate::kernel::Money::new(*minor, *currency)))
                .collect(),
            next: (desk.next.as_ref()).map(|next| format!("{}/gift-cards?after={next}", frame.to(&Section::Money))),
            fresh: None,
            can_issue: staff.role.may_create(),
            id: app.random.id::<GiftCardId>(desk.now).to_string(),
            currency: desk.shop.currency.code().into(),
            amount: Field::default(),
            note: Field::default(),
            expires: Field::default(),
            reasons: reasons(""),
            problems: Vec::new(),
            frame,
        }
    }

    /// Keeps what was typed beside what was refused.
    fn keep(&mut self, typed: &Typed, error: &Error) {
        self.amount = Field::judged(typed.one("amount"), error, "/amount");
        self.note = Field::judged(typed.one("note"), error, "/note");
        self.expires = Field::judged(typed.one("expires"), error, "/expires_at");
        self.reasons = reasons(typed.one("reason"));
        self.problems = Wrong::all(error, &PLACES);
    }

    pub fn sample() -> Self {
        let frame = Frame::sample(Section::Money, "Gift cards");
        let row = |name: &str, note: &str, state: Chip, initial: &str, balance: &str, held: &str| GiftCardRow {
            link: "/studio/nour/money/gift-cards/gft_01jd4a1b2c3d4e5f6g7h8j1044".into(),
            name: name.into(),
            note: note.into(),
            state,
            initial: initial.into(),
            balance: balance.into(),
            held: held.into(),
            issued: When::new("2 days ago", "19 November 2026, 10:12 UTC", "2026-11-19T10:12:00Z"),
        };
        Self {
            cards: vec![
                row(
                    "•••• 7K3M",
                    "For Amira, birthday",
                    Chip::new(Tone::Ok, "Active"),
                    "€50.00",
                    "€15.10",
                    "€34.90 held for orders",
                ),
                row(
                    "•••• Q2ZD",
                    "",
                    Chip::new(Tone::Quiet, "Used up"),
                    "€25.00",
                    "€0.00",
                    "",
                ),
                row(
                    "•••• 0XW4",
                    "Winner of the autumn drop",
                    Chip::new(Tone::Warn, "Expired"),
                    "€10.00",
                    "€10.00",
                    "",
                ),
            ],
            owed: vec!["€60.00".into()],
            next: None,
            fresh: None,
            can_issue: true,
            id: "gft_01jd4a1b2c3d4e5f6g7h8j1044".into(),
            currency: "EUR".into(),
            amount: Field::default(),
            note: Field::default(),
            expires: Field::default(),
            reasons: reasons(""),
            problems: Vec::new(),
            frame,
        }
    }

    pub fn empty() -> Self {
        Self {
            cards: Vec::new(),
            owed: Vec::new(),
            ..Self::sample()
        }
    }

    pub fn issued() -> Self {
        Self {
            fresh: Some(FreshCard {
                code: Some("A-SAMPLE-IS-NOT-A-CODE".into()),
                amount: "€50.00".into(),
                link: "/studio/nour/money/gift-cards/gft_01jd4a1b2c3d4e5f6g7h8j1044".into(),
            }),
            ..Self::sample()
        }
    }

    pub fn refused() -> Self {
        Self {
            amount: Field::wrong("fifty", "Write the amount as a number, such as 28.00."),
            problems: vec![Wrong::new(
                "gift-amount",
                "Worth: Write the amount as a number, such as 28.00.",
            )],
            ..Self::sample()
        }
    }
}
