//! Taking a file: read whole, refused whole, kept in parts. Its lines are looked at afterwards ([`super::work`]).

use super::model::{FileState, Report, SettlementFile};
use super::read::{LINES_MAX as LINES, Table, refused};
use super::{adyen, store, stripe};
use crate::app::App;
use crate::db::LaneKey;
use crate::kernel::{Engine, Error, Result, Seconds, SettlementFileId, ShopId, StaffId};
use sha2::{Digest, Sha256};

/// The most bytes a file may have.
pub const BYTES_MAX: usize = 8 << 20;
/// The most lines it may have.
pub const LINES_MAX: u32 = LINES;
/// So many lines are looked at in one command.
const PART: usize = 8;
/// So many parts are kept in one.
const PARTS: usize = 60;
/// What was not received whole by then belongs to a crash.
const RECEIVING: Seconds = Seconds::minutes(2);

/// A file as it was sent.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// The processor it is of, by the name it has here.
    pub processor: String,
    /// What it is called where it came from.
    pub name: String,
    pub bytes: Vec<u8>,
    pub staff: Option<StaffId>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Import {
    /// Received whole; its lines are looked at next.
    Taken(SettlementFileId),
    /// These very bytes were here before, under whatever name. Nothing was changed.
    Again(SettlementFileId),
}

/// Takes a file. Order of answers: no such processor, too large, broken, again, taken. Errors: `invalid_field` (/processor), `settlement_file_too_large`,
/// `settlement_file_broken`, `settlement_file_columns`, `settlement_file_empty`, `settlement_file_unknown`, `settlement_file_of_another`.
pub async fn import(app: &App, shop: ShopId, new: NewFile) -> Result<Import> {
    let name = new.processor.trim().to_owned();
    if !takers(app).contains(&name.as_str()) {
        return Err(Error::field(
            "/processor",
            format!(
                "There is no such processor here. It is one of: {}.",
                takers(app).join(", ")
            ),
        ));
    }
    if new.bytes.len() > BYTES_MAX {
        return Err(refused(
            "settlement_file_too_large",
            format!(
                "A file may have {} MB. Export a shorter time, or one payout at a time.",
                BYTES_MAX >> 20
            ),
        ));
    }
    let (bytes, file_name, staff) = (new.bytes, shortened(&new.name), new.staff);
    let read = tokio::task::spawn_blocking(move || {
        let hash: [u8; 32] = Sha256::digest(&bytes).into();
        translate(&bytes).map(|report| (hash, report))
    });
    let (hash, report) = read
        .await
        .map_err(|error| Error::internal("a settlement file could not be read").because(error))??;
    let writes = app.processor(&name)?.settlement_format();
    if !writes.is_empty() && writes != report.format.word() {
        return Err(refused(
            "settlement_file_of_another",
            format!(
                "This is a report in the way of {}, and {name} writes its own in the way of {writes}. Nothing was imported; send it as a file of the \
                 processor that wrote it.",
                report.format.word()
            ),
        ));
    }
    let app = app.clone();
    app.clone()
        .track(async move {
            let (times, of) = (report.lines.iter().filter_map(|line| line.at), report.batches.clone());
            let (from, till) = (times.clone().min(), times.max());
            let lines = u32::try_from(report.lines.len()).unwrap_or(u32::MAX);
            let format = report.format;
            let (id, begun) = app
                .db
                .write(LaneKey::of(shop), move |tx| {
                    if let Some(known) = store::file_by_hash(tx, shop, &name, hash)?
                        && known.state != FileState::Receiving
                    {
                        return Ok((known.id, false));
                    }
                    if let Some(half) = store::file_by_hash(tx, shop, &name, hash)? {
                        return Err(Error::conflict(
                            "settlement_file_arriving",
                            format!(
                                "This very file is arriving already ({}). Look again in a moment.",
                                half.id
                            ),
                        ));
                    }
                    let file = SettlementFile {
                        id: tx.id(),
                        shop,
                        processor: name.clone(),
                        format,
                        name: file_name.clone(),
                        batches: shortened(&of.join(" ")),
                        state: FileState::Receiving,
                        lines,
                        worked: 0,
                        again: 0,
                        matched: 0,
                        booked: 0,
                        excepted: 0,
                        missing: 0,
                        from,
                        till,
                        looked: None,
                        staff,
                        created_at: tx.now(),
                        done_at: None,
                    };
                    let until = tx.now().plus(RECEIVING);
                    if !store::insert_file(tx, &file, hash, until)? {
                        return Err(Error::engine(Engine::Retry, "the same file began to arrive meanwhile"));
                    }
                    Ok((file.id, true))
                })
                .await?;
            if !begun {
                return Ok(Import::Again(id));
            }
            keep(&app, shop, id, report).await?;
            Ok(Import::Taken(id))
        })
        .await
}

/// Keeps the lines in parts, and hands the file over to the job.
async fn keep(app: &App, shop: ShopId, id: SettlementFileId, report: Report) -> Result<()> {
    let parts: Vec<Vec<_>> = report.lines.chunks(PART).map(<[_]>::to_vec).collect();
    for (index, some) in parts.chunks(PARTS).enumerate() {
        let (first, some) = (index * PARTS, some.to_vec());
        app.db
            .write(LaneKey::of(shop), move |tx| {
                if !store::arrives(tx, id, tx.now().plus(RECEIVING))? {
                    return Err(slow());
                }
                for (n, lines) in some.iter().enumerate() {
                    let n = u32::try_from(first + n).unwrap_or(u32::MAX);
                    store::insert_part(tx, id, n, lines)?;
                }
                Ok(())
            })
            .await?;
    }
    let received = app
        .db
        .write(LaneKey::of(shop), move |tx| store::received(tx, id))
        .await?;
    if received {
        return Ok(());
    }
    Err(slow())
}

fn slow() -> Error {
    Error::conflict(
        "settlement_file_slow",
        "Receiving the file took too long. Nothing was imported; send it again.",
    )
}

/// Reads a file by what its first line names.
pub(super) fn translate(bytes: &[u8]) -> Result<Report> {
    let table = Table::read(bytes)?;
    if table.has(stripe::SIGN) {
        return stripe::translate(&table);
    }
    if table.has(adyen::SIGN) {
        return adyen::translate(&table);
    }
    Err(refused(
        "settlement_file_unknown",
        "This is neither Stripe's payout reconciliation report (itemized) nor Adyen's settlement details report, both as CSV with commas.",
    ))
}

/// The processors whose files are taken: those that keep money for us.
pub fn takers(app: &App) -> Vec<&'static str> {
    let names = app.processors.iter().map(|processor| processor.name());
    names.filter(|name| *name != "manual").collect()
}

fn shortened(text: &str) -> String {
    let printable = text.chars().filter(|character| !character.is_control());
    printable.take(120).collect::<String>().trim().to_owned()
}
