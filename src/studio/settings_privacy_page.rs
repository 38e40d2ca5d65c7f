//! Buyers who asked to be erased, and asking for one of them: first what it would do, then doing it.

use super::field::{Field, Problem as Wrong};
use super::frame::{Chip, Frame, Section, Tone};
use super::settings_shop_page::After;
use super::typed::Typed;
use super::when::When;
use crate::app::App;
use crate::erasure::{self, Ask, AskedBy, Erasure, ErasureState, Item, ItemState, Subject, Wish};
use crate::http::{Form, Problem, Query, page, redirect};
use crate::identity::{Owner, Shop, shop};
use crate::kernel::{ErasureId, Error, Time, words};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

/// Erasures on the page; older ones are in the API.
const SHOWN: i64 = 50;

/// One that was asked.
pub struct ErasureRow {
    pub asked: When,
    /// "By the buyer".
    pub by: String,
    pub state: Chip,
    /// "3 purchases erased".
    pub erased: String,
    pub held: Vec<String>,
}

/// What asking would do.
pub struct Look {
    pub contact: String,
    /// Chosen before the form is sent: pressing twice is one wish.
    pub id: String,
    pub now: String,
    pub held: Vec<String>,
}

#[derive(Template)]
#[template(path = "studio/settings_privacy.html")]
pub struct SettingsPrivacyPage {
    pub frame: Frame,
    pub contact: Field,
    pub look: Option<Look>,
    pub rows: Vec<ErasureRow>,
    pub evidence_days: i64,
    pub problems: Vec<Wrong>,
}

const PLACES: [(&str, &str, &str); 1] = [("/contact", "contact", "Address or number")];

async fn read(app: &App, owner: &Owner) -> Result<SettingsPrivacyPage, Problem> {
    let id = owner.shop;
    let read = app.db.read(move |tx| {
        let mut rows = Vec::new();
        for erasure in erasure::list(tx, id, None, SHOWN)?.data {
            let items = erasure::items(tx, erasure.id)?;
            rows.push((erasure, items));
        }
        Ok((shop(tx, id)?, rows, tx.now()))
    });
    let (shop, rows, now) = read.await?;
    Ok(SettingsPrivacyPage::of(app, &shop, owner, &rows, now))
}

pub async fn show(State(app): State<App>, owner: Owner, Query(after): Query<After>) -> Result<Response, Problem> {
    let mut settings = read(&app, &owner).await?;
    settings.frame = settings.frame.after(after.done.as_deref());
    page(&settings)
}

/// Looks what erasing somebody would do, or does it.
pub async fn save(State(app): State<App>, owner: Owner, Form(typed): Form<Typed>) -> Result<Response, Problem> {
    let mut settings = read(&app, &owner).await?;
    let subject = match Subject::read(typed.one("contact")) {
        Ok(subject) => subject,
        Err(error) => {
            settings.contact = Field::judged(typed.one("contact"), &error, "/contact");
            settings.problems = Wrong::all(&error, &PLACES);
            return page(&settings);
        }
    };
    if typed.one("do") == "erase" {
        let no_id = || Error::invalid("no_id", "The form is too old. Load the page again.");
        let wish = Wish {
            id: typed.id("erasure").ok_or_else(no_id)?,
            subject,
            by: AskedBy::Staff,
            staff: owner.staff,
        };
        return match erasure::ask(&app, owner.shop, wish).await? {
            Ask::Asked(_) | Ask::Again(_) => Ok(redirect(&format!(
                "/studio/{}/settings/privacy?done=erased",
                settings.frame.shop_slug
            ))),
            Ask::OtherWish => Err(no_id().into()),
        };
    }
    let preview = erasure::preview(&app, owner.shop, &subject).await?;
    let counts = [
        (preview.orders, "order", "orders"),
        (
            preview.begun,
            "purchase that was not finished",
            "purchases that were not finished",
        ),
        (preview.letters, "letter", "letters"),
        (preview.cards, "kept card", "kept cards"),
    ];
    let now = counts.iter().filter(|(count, ..)| *count > 0);
    let now: Vec<String> = now
        .map(|(count, one, many)| words::count(*count as u64, one, many))
        .collect();
    settings.contact = Field::of(typed.one("contact"));
    settings.look = Some(Look {
        contact: typed.one("contact").to_owned(),
        id: app.random.id::<ErasureId>(app.clock.wall()).to_string(),
        now: now.join(", "),
        held: preview.held.iter().map(erasure::Held::words).collect(),
    });
    page(&settings)
}

impl SettingsPrivacyPage {
    pub fn part(&self) -> &'static str {
        "privacy"
    }

    fn of(app: &App, shop: &Shop, owner: &Owner, rows: &[(Erasure, Vec<Item>)], now: Time) -> Self {
        Self {
            frame: Frame::of(shop, owner, Section::Settings, "Settings"),
            contact: Field::default(),
            look: None,
            rows: rows.iter().map(|(erasure, items)| row(erasure, items, now)).collect(),
            evidence_days: app.settings.evidence_days,
            problems: Vec::new(),
        }
    }

    pub fn sample() -> Self {
        Self {
            frame: Frame::sample(Section::Settings, "Settings"),
            contact: Field::of("amira.saleh@example.org"),
            look: Some(Look {
                contact: "amira.saleh@example.org".into(),
                id: "era_01jd4a1b2c3d4e5f6g7h8j1044".into(),
                now: "2 orders, 5 letters, 1 kept card".into(),
                held: vec!["Order 7K3M-Q2ZD: a dispute at a bank is not decided.".into()],
            }),
            rows: vec![
                ErasureRow {
                    asked: When::new("2 days ago", "19 November 2026, 10:12 UTC", "2026-11-19T10:12:00Z"),
                    by: "By the buyer".into(),
                    state: Chip::new(Tone::Warn, "Held"),
                    erased: "2 purchases erased".into(),
                    held: vec![
                        "Order 0XW4-11AB: a bank may still ask about its payment, until 17 March 2027, 10:12 UTC."
                            .into(),
                    ],
                },
                ErasureRow {
                    asked: When::new("3 weeks ago", "31 October 2026, 10:12 UTC", "2026-10-31T10:12:00Z"),
                    by: "By the shop".into(),
                    state: Chip::new(Tone::Ok, "Done"),
                    erased: "1 purchase erased".into(),
                    held: Vec::new(),
                },
            ],
            evidence_days: 120,
            problems: Vec::new(),
        }
    }

    pub fn empty() -> Self {
        Self {
            contact: Field::default(),
            look: None,
            rows: Vec::new(),
            ..Self::sample()
        }
    }
}

fn row(erasure: &Erasure, items: &[Item], now: Time) -> ErasureRow {
    let erased = items.iter().filter(|item| item.state == ItemState::Erased).count();
    let held = items.iter().filter(|item| item.state == ItemState::Held);
    let held: Vec<String> = held.map(Item::words).collect();
    ErasureRow {
        asked: When::of(erasure.asked_at, now),
        by: match erasure.asked_by {
            AskedBy::Buyer => "By the buyer",
            AskedBy::Staff => "By the shop",
            AskedBy::List => "From the list, after a restore",
        }
        .into(),
        state: match erasure.state {
            ErasureState::Done => Chip::new(Tone::Ok, "Done"),
            ErasureState::Open if !held.is_empty() => Chip::new(Tone::Warn, "Held"),
            ErasureState::Looking | ErasureState::Open => Chip::new(Tone::Quiet, "At work"),
        },
        erased: format!("{} erased", words::count(erased as u64, "purchase", "purchases")),
        held,
    }
}
