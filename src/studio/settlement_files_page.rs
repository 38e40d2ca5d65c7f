//! What the processors' files say: sending one, what does not agree, and the files that were sent. The file comes with the form, so it works without
//! JavaScript.

use super::field::Choice;
use super::frame::{Chip, Frame, Section, Tone};
use super::when::When;
use crate::app::App;
use crate::db::Tx;
use crate::http::{Problem, Query, page, redirect};
use crate::identity::{Analyst, Creator, Shop, Staff, shop};
use crate::kernel::{Error, Kind, PageIn, Result, Time, words};
use crate::payments::settlement_files::{
    self, BYTES_MAX, FileState, NewFile, SettlementFile, SettlementLine, api::take_file, explain,
};
use askama::Template;
use axum::extract::State;
use axum::extract::multipart::{Multipart, MultipartError, MultipartRejection};
use axum::response::Response;
use serde::Deserialize;

/// Something a person has to say yes or no to.
pub struct Question {
    pub link: String,
    pub title: String,
    pub detail: String,
    pub processor: String,
    pub at: When,
}

pub struct FileRow {
    pub link: String,
    pub name: String,
    pub processor: String,
    pub state: Chip,
    /// "120 of 340 lines", or what came of them.
    pub numbers: String,
    pub at: When,
}

#[derive(Template)]
#[template(path = "studio/settlement_files.html")]
pub struct SettlementFilesPage {
    pub frame: Frame,
    pub questions: Vec<Question>,
    /// More than are shown.
    pub more: bool,
    pub files: Vec<FileRow>,
    pub next: Option<String>,
    pub processors: Vec<Choice>,
    pub can_send: bool,
    /// Where the report of the pretended processor is; only in test mode.
    pub sandbox: Option<String>,
    /// Why the file that was sent is not taken.
    pub refused: Option<String>,
}

/// What the page may be asked for.
#[derive(Deserialize)]
pub struct Asked {
    after: Option<String>,
    done: Option<String>,
}

/// Exceptions on the page; the oldest first.
const QUESTIONS: i64 = 20;
const FILES: u32 = 20;

struct Desk {
    shop: Shop,
    open: Vec<SettlementLine>,
    more: bool,
    /// Each with how many of its lines wait for a person.
    files: Vec<(SettlementFile, u64)>,
    next: Option<String>,
    now: Time,
}

fn read(tx: &mut Tx<'_>, staff: &Staff, paging: &PageIn) -> Result<Desk> {
    let open = settlement_files::open(tx, staff.shop, None, QUESTIONS)?;
    let found = settlement_files::files(tx, staff.shop, paging.after()?, paging.limit())?;
    let mut files = Vec::new();
    for file in found.data {
        let open = settlement_files::open_of(tx, staff.shop, file.id)?;
        files.push((file, open));
    }
    Ok(Desk {
        shop: shop(tx, staff.shop)?,
        more: open.next.is_some(),
        open: open.data,
        files,
        next: found.next,
        now: tx.now(),
    })
}

async fn shown(app: &App, staff: &Staff, after: Option<String>) -> Result<SettlementFilesPage> {
    let who = staff.clone();
    let paging = PageIn {
        limit: Some(FILES),
        after,
    };
    let desk = app.db.read(move |tx| read(tx, &who, &paging)).await?;
    Ok(SettlementFilesPage::of(app, &desk, staff))
}

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Query(asked): Query<Asked>,
) -> std::result::Result<Response, Problem> {
    let mut shown = shown(&app, &staff, asked.after).await?;
    shown.frame = shown.frame.after(asked.done.as_deref());
    page(&shown)
}

/// Takes the file of the form.
pub async fn send(
    State(app): State<App>,
    creator: Creator,
    parts: std::result::Result<Multipart, MultipartRejection>,
) -> std::result::Result<Response, Problem> {
    let no_form = |_| Error::invalid("no_file", "Choose the file first.");
    let read = match parts.map_err(no_form) {
        Ok(parts) => received(parts).await,
        Err(error) => Err(error),
    };
    let sent = match read {
        Ok(new) => {
            let new = NewFile {
                staff: creator.staff,
                ..new
            };
            take_file(&app, creator.shop, new).await
        }
        Err(error) => Err(error),
    };
    match sent {
        Ok((file, again)) => {
            let slug = shown(&app, &creator, None).await?.frame.shop_slug;
            let done = if again { "known_file" } else { "sent" };
            Ok(redirect(&format!("{}/{}?done={done}", path(&slug), file.id)))
        }
        Err(error) if matches!(error.kind, Kind::Invalid | Kind::Conflict) => {
            let mut again = shown(&app, &creator, None).await?;
            let said = error.fields.first().map_or(&error.detail, |field| &field.detail);
            again.refused = Some(said.to_string());
            page(&again)
        }
        Err(error) => Err(error.into()),
    }
}

/// The parts of the form: the processor, and the file with its name.
async fn received(mut parts: Multipart) -> Result<NewFile> {
    let broken = |_: MultipartError| {
        Error::invalid(
            "settlement_file_too_large",
            format!(
                "The file did not arrive whole, or has more than {} MB.",
                BYTES_MAX >> 20
            ),
        )
    };
    let mut new = NewFile {
        processor: String::new(),
        name: String::new(),
        bytes: Vec::new(),
        staff: None,
    };
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        match part.name() {
            Some("processor") => new.processor = part.text().await.map_err(broken)?,
            Some("file") => {
                new.name = part.file_name().unwrap_or_default().to_owned();
                new.bytes = part.bytes().await.map_err(broken)?.to_vec();
            }
            _ => {}
        }
    }
    if new.bytes.is_empty() && new.name.is_empty() {
        return Err(Error::invalid("no_file", "Choose the file first."));
    }
    Ok(new)
}

pub(super) fn path(slug: &str) -> String {
    format!("/studio/{slug}/money/settlement-files")
}

/// How far a file is, or what came of it.
pub(super) fn chip(file: &SettlementFile, open: u64) -> Chip {
    match file.state {
        FileState::Receiving => Chip::new(Tone::Quiet, "Arriving"),
        FileState::Matching | FileState::Looking => Chip::new(Tone::Quiet, "Working on it"),
        FileState::Done if file.lines == file.again => Chip::new(Tone::Quiet, "Nothing new"),
        FileState::Done if open > 0 => Chip::new(Tone::Warn, "Has questions"),
        FileState::Done if file.excepted + file.missing > 0 => Chip::new(Tone::Ok, "All decided"),
        FileState::Done => Chip::new(Tone::Ok, "Agrees"),
    }
}

pub(super) fn numbers(file: &SettlementFile) -> String {
    let lines = words::count(u64::from(file.lines), "line", "lines");
    if file.state != FileState::Done {
        return format!("{} of {lines} looked at", file.worked);
    }
    let mut said = vec![lines];
    for (count, what) in [
        (file.matched, "agree"),
        (file.booked, "fees and payouts"),
        (file.again, "known before"),
        (file.excepted, "in question"),
        (file.missing, "missing"),
    ] {
        if count > 0 {
            said.push(format!("{count} {what}"));
        }
    }
    said.join(" · ")
}

impl SettlementFilesPage {
    fn of(app: &App, desk: &Desk, staff: &Staff) -> Self {
        let frame = Frame::of(&desk.shop, staff, Section::Money, "What the processors' files say");
        let here = path(&frame.shop_slug);
        let question = |line: &SettlementLine| {
            let says = explain(line);
            Question {
                link: format!("{}/settlement-exceptions/{}", frame.to(&Section::Money), line.id),
                title: says.title,
                detail: says.detail,
                processor: line.processor.clone(),
                at: When::of(line.created_at, desk.now),
            }
        };
        let row = |(file, open): &(SettlementFile, u64)| FileRow {
            link: format!("{here}/{}", file.id),
            name: if file.name.is_empty() {
                file.id.to_string()
            } else {
                file.name.clone()
            },
            processor: file.processor.clone(),
            state: chip(file, *open),
            numbers: numbers(file),
            at: When::of(file.created_at, desk.now),
        };
        let takers = settlement_files::takers(app);
        Self {
            questions: desk.open.iter().map(question).collect(),
            more: desk.more,
            files: desk.files.iter().map(row).collect(),
            next: (desk.next.as_ref()).map(|next| format!("{here}?after={next}")),
            sandbox: (desk.shop.test_mode && takers.contains(&"sandbox")).then(|| format!("{here}/sandbox.csv")),
            processors: takers.into_iter().map(|name| Choice::new(name, name)).collect(),
            can_send: staff.role.may_create(),
            refused: None,
            frame,
        }
    }

    pub fn sample() -> Self {
        let when = || When::new("2 days ago", "19 November 2026, 10:12 UTC", "2026-11-19T10:12:00Z");
        let question = |title: &str, detail: &str| Question {
            link: "/studio/nour/money/settlement-exceptions/sln_01jd4a1b2c3d4e5f6g7h8j1044".into(),
            title: title.into(),
            detail: detail.into(),
            processor: "stripe".into(),
            at: when(),
        };
        let row = |name: &str, state: Chip, numbers: &str| FileRow {
            link: "/studio/nour/money/settlement-files/sfl_01jd4a1b2c3d4e5f6g7h8j1044".into(),
            name: name.into(),
            processor: "stripe".into(),
            state,
            numbers: numbers.into(),
            at: when(),
        };
        Self {
            frame: Frame::sample(Section::Money, "What the processors' files say"),
            questions: vec![
                question(
                    "€34.90 was taken, and no file names it",
                    "stripe took it, and later files of it have come without it.",
                ),
                question(
                    "€9.99 was kept of €34.90, and €0.77 was expected",
                    "The amount is as we have it; stripe kept far more or less of it.",
                ),
            ],
            more: false,
            files: vec![
                row(
                    "payouts-november.csv",
                    Chip::new(Tone::Warn, "Has questions"),
                    "340 lines · 338 agree · 1 in question · 1 missing",
                ),
                row(
                    "settlement_detail_report_batch_134.csv",
                    Chip::new(Tone::Quiet, "Working on it"),
                    "1,204 of 8,410 lines looked at",
                ),
                row(
                    "payouts-october.csv",
                    Chip::new(Tone::Ok, "Agrees"),
                    "212 lines · 210 agree · 2 fees and payouts",
                ),
            ],
            next: None,
            processors: vec![Choice::new("stripe", "stripe"), Choice::new("adyen", "adyen")],
            can_send: true,
            sandbox: None,
            refused: None,
        }
    }

    pub fn empty() -> Self {
        Self {
            questions: Vec::new(),
            files: Vec::new(),
            sandbox: Some("/studio/nour/money/settlement-files/sandbox.csv".into()),
            ..Self::sample()
        }
    }

    pub fn refused() -> Self {
        let said = "Line 213: it has no end, so the file was cut off there. Nothing was imported; download the file again, whole and unchanged.";
        Self {
            refused: Some(said.into()),
            ..Self::sample()
        }
    }
}
