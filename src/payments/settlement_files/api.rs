//! Settlement files over HTTP: send one, look at them, decide about what does not agree.

use super::decide::{Decide, Decision, decide, explain};
use super::import::{BYTES_MAX, Import, NewFile, import};
use super::model::{FileState, Format, LineKind, LineState, SettlementFile, SettlementLine, Trouble};
use super::store;
use super::work::work_on;
use crate::app::App;
use crate::db::LaneKey;
use crate::http::{Json, Path, Problem, Query, json};
use crate::identity::{Analyst, Creator};
use crate::kernel::{
    Error, MoneyOut, OrderId, PageIn, PageOut, Result, SettlementFileId, SettlementLineId, ShopId, StaffId, Time,
};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// A file in which a processor says what it settled.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SettlementFile)]
pub struct FileOut {
    pub id: SettlementFileId,
    pub processor: String,
    pub format: Format,
    /// What it was called where it came from.
    pub name: String,
    /// The processor's names of the payouts in it.
    pub payouts: Vec<String>,
    pub state: FileState,
    pub lines: u32,
    /// Lines that were looked at so far.
    pub worked: u32,
    /// Of which another file had brought them: nothing followed from those.
    pub again: u32,
    /// Of which agree with a capture, refund or dispute of ours.
    pub matched: u32,
    /// Fees and payouts of no sale, booked as they stand.
    pub booked: u32,
    /// Of which a person had to say something.
    pub exceptions: u32,
    /// Sales of ours that should have been in it, or in one before it, and are in none.
    pub missing: u32,
    /// The times of its first and last line.
    pub from: Option<Time>,
    pub till: Option<Time>,
    pub created_at: Time,
    pub done_at: Option<Time>,
    /// Of a file that was sent: these very bytes were here before, and nothing was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeated: Option<bool>,
}

/// A line of a settlement file, or what is missing in all of them.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SettlementLine)]
pub struct LineOut {
    pub id: SettlementLineId,
    /// The file that brought it first, or that showed that it is missing.
    pub file: SettlementFileId,
    pub processor: String,
    /// Its line number there; absent of what is missing.
    pub number: Option<u32>,
    pub kind: LineKind,
    /// The processor's own word for its kind.
    pub word: String,
    /// The processor's name of the payment, and of what was done with it.
    pub payment: Option<String>,
    pub operation: Option<String>,
    /// In the currency of the sale; below zero, it left.
    pub sold: MoneyOut,
    /// What it changes of what the processor owes.
    pub net: MoneyOut,
    /// What was kept of it.
    pub fee: MoneyOut,
    pub at: Option<Time>,
    pub state: LineState,
    /// Why it is an exception; absent where it is none.
    pub trouble: Option<Trouble>,
    /// The order it is about.
    pub order: Option<OrderId>,
    /// What our books say, and what we had expected to be kept.
    pub ours: Option<MoneyOut>,
    pub expected_fee: Option<MoneyOut>,
    /// Of an exception: what is wrong, a plain sentence, and what `accept` books.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept: Option<String>,
    /// Why a person decided so.
    pub reason: Option<String>,
    pub decided_by: Option<StaffId>,
    pub decided_at: Option<Time>,
}

/// What a person says to an exception.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSettlementDecision)]
pub struct DecisionIn {
    pub decision: Decision,
    /// 3 to 1000 characters; stays with the line.
    pub reason: String,
}

/// Whose file it is.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FileIn {
    /// The processor it is of, by the name it has here: `stripe`, `adyen`, `sandbox`.
    pub processor: String,
    /// What the file is called, for people.
    #[serde(default)]
    pub name: String,
}

impl From<&SettlementFile> for FileOut {
    fn from(file: &SettlementFile) -> Self {
        Self {
            id: file.id,
            processor: file.processor.clone(),
            format: file.format,
            name: file.name.clone(),
            payouts: file.batches.split_whitespace().map(str::to_owned).collect(),
            state: file.state,
            lines: file.lines,
            worked: file.worked,
            again: file.again,
            matched: file.matched,
            booked: file.booked,
            exceptions: file.excepted,
            missing: file.missing,
            from: file.from,
            till: file.till,
            created_at: file.created_at,
            done_at: file.done_at,
            repeated: None,
        }
    }
}

impl From<&SettlementLine> for LineOut {
    fn from(line: &SettlementLine) -> Self {
        let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
        let excepted = line.trouble != Trouble::None;
        let says = excepted.then(|| explain(line));
        let ours = |minor| MoneyOut {
            amount: minor,
            currency: line.ours_currency(),
        };
        Self {
            id: line.id,
            file: line.file,
            processor: line.processor.clone(),
            number: (line.number > 0).then_some(line.number),
            kind: line.kind,
            word: line.word.clone(),
            payment: filled(&line.payment),
            operation: filled(&line.operation),
            sold: line.sold.into(),
            net: line.net.into(),
            fee: MoneyOut {
                amount: line.fee_minor,
                currency: line.net.currency,
            },
            at: line.at,
            state: line.state,
            trouble: excepted.then_some(line.trouble),
            order: line.checkout.map(crate::kernel::CheckoutId::order),
            ours: line.ours.map(|_| ours(line.ours_minor)),
            expected_fee: line.ours.map(|_| ours(line.ours_fee_minor)),
            what: says.as_ref().map(|says| format!("{}. {}", says.title, says.detail)),
            accept: says.map(|says| says.accept),
            reason: filled(&line.reason),
            decided_by: line.staff,
            decided_at: line.decided_at,
        }
    }
}

/// So many steps are made before the answer, so that a small file is done with it; a step looks at a few lines.
const STEPS: u32 = 40;

/// Takes a file and works on it for a moment. Also for the studio's form.
pub async fn take_file(app: &App, shop: ShopId, new: NewFile) -> Result<(SettlementFile, bool)> {
    take_and_work(app, shop, new, STEPS).await
}

/// Takes a file and works on it until every line was looked at.
pub async fn import_to_the_end(app: &App, shop: ShopId, new: NewFile) -> Result<(SettlementFile, bool)> {
    take_and_work(app, shop, new, u32::MAX).await
}

async fn take_and_work(app: &App, shop: ShopId, new: NewFile, steps: u32) -> Result<(SettlementFile, bool)> {
    let taken = import(app, shop, new).await?;
    let (id, again) = match taken {
        Import::Taken(id) => {
            work_on(app, shop, id, steps).await?;
            (id, false)
        }
        Import::Again(id) => (id, true),
    };
    let file = app.db.read(move |tx| store::file(tx, shop, id)).await?;
    file.map(|file| (file, again))
        .ok_or_else(|| Error::not_found("settlement file"))
}

/// The shop's settlement files, newest first.
#[utoipa::path(get, path = "/v1/settlement-files", tag = "money", params(PageIn), responses((status = 200, body = PageOut<FileOut>)))]
pub async fn list_settlement_files(
    State(app): State<App>,
    staff: Analyst,
    Query(page): Query<PageIn>,
) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let found = app
        .db
        .read(move |tx| store::files(tx, shop, page.after()?, page.limit()))
        .await?;
    Ok(json(StatusCode::OK, found.map(|file| FileOut::from(&file))))
}

/// Send a processor's report of what it settled: Stripe's payout reconciliation report (itemized) or Adyen's settlement details report, as CSV. It is
/// taken whole or refused whole. The same bytes again change nothing, and so do lines that another file has brought. A large file is worked on after
/// the answer; `worked` of `lines` says how far it is.
#[utoipa::path(post, path = "/v1/settlement-files", tag = "money", params(FileIn),
    request_body(content = String, content_type = "text/csv", description = "The report, at most 8 MB and 20,000 lines."),
    responses((status = 201, body = FileOut), (status = 200, body = FileOut, description = "These very bytes were here before: `repeated`."),
    (status = 409, description = "`settlement_file_arriving`: the same file is being sent by somebody else."),
    (status = 422, description = "`settlement_file_broken`, `settlement_file_columns`, `settlement_file_empty`, `settlement_file_unknown`, \
     `settlement_file_of_another`, `settlement_file_too_large`, `invalid_field`: nothing was imported.")))]
pub async fn post_settlement_file(
    State(app): State<App>,
    creator: Creator,
    Query(of): Query<FileIn>,
    request: Request,
) -> Result<Response, Problem> {
    let bytes = axum::body::to_bytes(request.into_body(), BYTES_MAX + 1).await;
    let bytes = bytes.map_err(|_| {
        Error::invalid(
            "settlement_file_too_large",
            "The file is too large, or did not arrive whole. Nothing was imported.",
        )
    })?;
    let new = NewFile {
        processor: of.processor,
        name: of.name,
        bytes: bytes.to_vec(),
        staff: creator.0.staff,
    };
    let (file, again) = take_file(&app, creator.0.shop, new).await?;
    let status = if again { StatusCode::OK } else { StatusCode::CREATED };
    let out = FileOut {
        repeated: Some(again),
        ..FileOut::from(&file)
    };
    Ok(json(status, out))
}

/// A settlement file, and how far it is.
#[utoipa::path(get, path = "/v1/settlement-files/{settlement_file}", tag = "money", params(("settlement_file" = SettlementFileId, Path)),
    responses((status = 200, body = FileOut), (status = 404)))]
pub async fn get_settlement_file(
    State(app): State<App>,
    staff: Analyst,
    Path(id): Path<SettlementFileId>,
) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let file = app.db.read(move |tx| store::file(tx, shop, id)).await?;
    let file = file.ok_or_else(|| Error::not_found("settlement file"))?;
    Ok(json(StatusCode::OK, FileOut::from(&file)))
}

/// What a file showed to be missing, and the lines it was the first to bring, in its order.
#[utoipa::path(get, path = "/v1/settlement-files/{settlement_file}/lines", tag = "money", params(("settlement_file" = SettlementFileId, Path), PageIn),
    responses((status = 200, body = PageOut<LineOut>), (status = 404)))]
pub async fn list_settlement_lines(
    State(app): State<App>,
    staff: Analyst,
    Path(id): Path<SettlementFileId>,
    Query(page): Query<PageIn>,
) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let found = app
        .db
        .read(move |tx| {
            store::file(tx, shop, id)?.ok_or_else(|| Error::not_found("settlement file"))?;
            store::lines(tx, shop, id, page.after()?, page.limit())
        })
        .await?;
    Ok(json(StatusCode::OK, found.map(|line| LineOut::from(&line))))
}

/// What waits for a person: lines that do not agree with our books, and sales that no file names. Oldest first.
#[utoipa::path(get, path = "/v1/settlement-exceptions", tag = "money", params(PageIn), responses((status = 200, body = PageOut<LineOut>)))]
pub async fn list_settlement_exceptions(
    State(app): State<App>,
    staff: Analyst,
    Query(page): Query<PageIn>,
) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let found = app
        .db
        .read(move |tx| store::open(tx, shop, page.after()?, page.limit()))
        .await?;
    Ok(json(StatusCode::OK, found.map(|line| LineOut::from(&line))))
}

/// Decide about an exception: `accept`, the file is right and the difference is booked; `leave`, nothing is booked.
#[utoipa::path(post, path = "/v1/settlement-exceptions/{settlement_line}/decisions", tag = "money",
    params(("settlement_line" = SettlementLineId, Path)), request_body = DecisionIn,
    responses((status = 200, body = LineOut, description = "Decided. Still `open`, with another `trouble`: of an `extra` that was accepted we have heard \
    since, and it does not agree. Nothing was booked."), (status = 404),
    (status = 409, description = "`not_open`: it was decided before, or what was missing has come."), (status = 422, description = "`invalid_field`: no reason.")))]
pub async fn post_settlement_decision(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<SettlementLineId>,
    Json(body): Json<DecisionIn>,
) -> Result<Response, Problem> {
    let (shop, staff) = (creator.0.shop, creator.0.staff);
    let decided = app
        .db
        .write(LaneKey::of(shop), move |tx| {
            decide(tx, shop, id, body.decision, &body.reason, staff)
        })
        .await?;
    match decided {
        Decide::Decided(line) => Ok(json(StatusCode::OK, LineOut::from(&line))),
        Decide::NotFound => Err(Error::not_found("settlement line").into()),
        Decide::NotOpen(state) => Err(not_open(state).into()),
    }
}

/// Somebody was faster.
pub fn not_open(state: LineState) -> Error {
    Error::conflict(
        "not_open",
        format!("This line is {}: nothing is left to decide.", state.word()),
    )
}
