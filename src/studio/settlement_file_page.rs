//! One settlement file: how far it is, and what became of each of its lines.

use super::frame::{Chip, Frame, Section, Tone};
use super::settlement_files_page::{chip, numbers, path};
use super::when::When;
use crate::app::App;
use crate::db::Tx;
use crate::http::{Path, Problem, Query, page};
use crate::identity::{Analyst, Shop, Staff, shop};
use crate::kernel::{Error, Money, PageIn, Result, SettlementFileId, Time, words};
use crate::payments::settlement_files::{self, FileState, LineState, SettlementFile, SettlementLine, explain, noun};
use askama::Template;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

pub struct LineRow {
    /// "Line 12: charge", or what is wrong with it.
    pub title: String,
    pub detail: String,
    /// The sale it is about, or where it is decided.
    pub link: Option<String>,
    pub state: Chip,
    pub sold: String,
    pub kept: String,
}

#[derive(Template)]
#[template(path = "studio/settlement_file.html")]
pub struct SettlementFilePage {
    pub frame: Frame,
    pub here: String,
    pub list: String,
    pub name: String,
    pub state: Chip,
    pub sent: When,
    pub numbers: String,
    pub facts: Vec<(&'static str, String)>,
    /// So many of how many lines, while it is worked on.
    pub progress: Option<(u32, u32)>,
    pub lines: Vec<LineRow>,
    pub next: Option<String>,
}

/// What the page may be asked for.
#[derive(Deserialize)]
pub struct Asked {
    after: Option<String>,
    done: Option<String>,
}

const LINES: u32 = 50;

struct Desk {
    shop: Shop,
    file: SettlementFile,
    /// Lines of it that wait for a person.
    open: u64,
    lines: Vec<SettlementLine>,
    next: Option<String>,
    now: Time,
}

fn read(tx: &mut Tx<'_>, staff: &Staff, id: SettlementFileId, paging: &PageIn) -> Result<Desk> {
    let file = settlement_files::file(tx, staff.shop, id)?.ok_or_else(|| Error::not_found("settlement file"))?;
    let lines = settlement_files::lines(tx, staff.shop, id, paging.after()?, paging.limit())?;
    Ok(Desk {
        shop: shop(tx, staff.shop)?,
        open: settlement_files::open_of(tx, staff.shop, id)?,
        file,
        lines: lines.data,
        next: lines.next,
        now: tx.now(),
    })
}

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Path((_, id)): Path<(String, SettlementFileId)>,
    Query(asked): Query<Asked>,
) -> std::result::Result<Response, Problem> {
    let who = staff.0.clone();
    let paging = PageIn {
        limit: Some(LINES),
        after: asked.after,
    };
    let desk = app.db.read(move |tx| read(tx, &who, id, &paging)).await?;
    let mut shown = SettlementFilePage::of(&desk, &staff);
    shown.frame = shown.frame.after(asked.done.as_deref());
    page(&shown)
}

/// What the pretended processor would report today; a shop in test mode tries the whole way with it.
pub async fn sandbox(State(app): State<App>, staff: Analyst) -> std::result::Result<Response, Problem> {
    let id = staff.0.shop;
    let of = app.db.read(move |tx| shop(tx, id)).await?;
    let missing = || Error::not_found("report");
    let bank = crate::payments::sandbox::Sandbox::installed(&app).filter(|_| of.test_mode);
    let bank = bank.ok_or_else(missing)?;
    let names = app
        .db
        .read(move |tx| settlement_files::payments_of(tx, id, "sandbox"))
        .await?;
    let report =
        crate::payments::sandbox::settlement_report(&bank.books(), app.clock.wall(), |payment| names.contains(payment));
    let kind = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"sandbox-settlement.csv\"",
        ),
    ];
    Ok((kind, report).into_response())
}

/// What became of a line, in a word or two.
pub(super) fn line_chip(line: &SettlementLine) -> Chip {
    match line.state {
        LineState::Matched => Chip::new(Tone::Ok, "Agrees"),
        LineState::Booked => Chip::new(Tone::Ok, "Booked"),
        LineState::Noted => Chip::new(Tone::Quiet, "Noted"),
        LineState::Open => Chip::new(Tone::Warn, "In question"),
        LineState::Accepted => Chip::new(Tone::Ok, "Agreed to"),
        LineState::Left => Chip::new(Tone::Quiet, "Left"),
        LineState::Resolved => Chip::new(Tone::Ok, "Came after all"),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

impl SettlementFilePage {
    fn of(desk: &Desk, staff: &Staff) -> Self {
        let file = &desk.file;
        let name = if file.name.is_empty() {
            file.id.to_string()
        } else {
            file.name.clone()
        };
        let frame = Frame::of(&desk.shop, staff, Section::Money, &name);
        let list = path(&frame.shop_slug);
        let here = format!("{list}/{}", file.id);
        let money = frame.to(&Section::Money);
        let row = |line: &SettlementLine| {
            let asks = line.state == LineState::Open || line.decided_at.is_some() || line.number == 0;
            let sale = line
                .checkout
                .map(|checkout| format!("{money}/sales/{}", checkout.order()));
            let title = if asks {
                explain(line).title
            } else {
                capital(noun(line.kind))
            };
            let place = if line.number > 0 {
                format!("Line {}", line.number)
            } else {
                "In no file".into()
            };
            let word = [place, line.word.clone(), line.payment.clone()];
            let said: Vec<String> = word.into_iter().filter(|word| !word.is_empty()).collect();
            LineRow {
                title,
                detail: said.join(" · "),
                link: if asks {
                    Some(format!("{money}/settlement-exceptions/{}", line.id))
                } else {
                    sale
                },
                state: line_chip(line),
                sold: words::money(line.sold),
                kept: words::money(Money::new(line.fee_minor, line.net.currency)),
            }
        };
        let mut facts = vec![
            ("From", file.processor.clone()),
            ("Format", file.format.word().to_owned()),
        ];
        if !file.batches.is_empty() {
            facts.push(("Payouts", file.batches.clone()));
        }
        if let (Some(from), Some(till)) = (file.from, file.till) {
            facts.push(("Covers", format!("{} to {}", from.date(), till.date())));
        }
        Self {
            name,
            state: chip(file, desk.open),
            sent: When::of(file.created_at, desk.now),
            numbers: numbers(file),
            facts,
            progress: (file.state != FileState::Done).then_some((file.worked, file.lines)),
            lines: desk.lines.iter().map(row).collect(),
            next: (desk.next.as_ref()).map(|next| format!("{here}?after={next}")),
            here,
            list,
            frame,
        }
    }

    pub fn sample() -> Self {
        let row = |title: &str, detail: &str, state: Chip, sold: &str, kept: &str| LineRow {
            title: title.into(),
            detail: detail.into(),
            link: Some("/studio/nour/money/sales/ord_01jd4a1b2c3d4e5f6g7h8j1044".into()),
            state,
            sold: sold.into(),
            kept: kept.into(),
        };
        Self {
            frame: Frame::sample(Section::Money, "payouts-november.csv"),
            here: "/studio/nour/money/settlement-files/sfl_01jd4a1b2c3d4e5f6g7h8j1044".into(),
            list: "/studio/nour/money/settlement-files".into(),
            name: "payouts-november.csv".into(),
            state: Chip::new(Tone::Warn, "Has questions"),
            sent: When::new("2 days ago", "19 November 2026, 10:12 UTC", "2026-11-19T10:12:00Z"),
            numbers: "340 lines · 338 agree · 1 in question · 1 missing".into(),
            facts: vec![
                ("From", "stripe".into()),
                ("Format", "stripe".into()),
                ("Payouts", "po_1OaXyz".into()),
                ("Covers", "2026-11-01 to 2026-11-30".into()),
            ],
            progress: None,
            lines: vec![
                row(
                    "Charge",
                    "Line 2 · charge · pi_3OaXyz",
                    Chip::new(Tone::Ok, "Agrees"),
                    "€34.90",
                    "€0.79",
                ),
                row(
                    "Refund",
                    "Line 3 · refund · pi_3OaXyz",
                    Chip::new(Tone::Ok, "Agrees"),
                    "-€10.00",
                    "€0.00",
                ),
                row(
                    "€9.99 was kept of €34.90, and €0.77 was expected",
                    "Line 4 · charge · pi_3OaXzz",
                    Chip::new(Tone::Warn, "In question"),
                    "€34.90",
                    "€9.99",
                ),
            ],
            next: None,
        }
    }

    pub fn working() -> Self {
        Self {
            state: Chip::new(Tone::Quiet, "Working on it"),
            numbers: "1,204 of 8,410 lines looked at".into(),
            progress: Some((1204, 8410)),
            ..Self::sample()
        }
    }
}
