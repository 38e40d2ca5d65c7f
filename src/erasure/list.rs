//! The list of erasures, kept beside the backups: a backup that is restored knows nothing of those asked since it was made.

use super::model::{AskedBy, Erasure, ErasureState};
use super::store;
use crate::app::App;
use crate::db::LaneKey;
use crate::kernel::{ErasureId, Error, Id, Result, ShopId, Time};
use serde::{Deserialize, Serialize};

/// A line of the list. It names nobody: only this installation's key can tell whom it is about.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    erasure: ErasureId,
    shop: ShopId,
    subject: String,
    asked_at: Time,
}

/// All erasures, a line of JSON each.
pub async fn export(app: &App) -> Result<String> {
    let mut text = String::new();
    let mut after = ErasureId::from_uuid(uuid::Uuid::nil());
    loop {
        let page = app.db.read(move |tx| store::all(tx, after, 1000)).await?;
        let Some(last) = page.last() else {
            return Ok(text);
        };
        after = last.id;
        for erasure in &page {
            let line = Line {
                erasure: erasure.id,
                shop: erasure.shop,
                subject: hex(&erasure.subject),
                asked_at: erasure.asked_at,
            };
            text.push_str(&serde_json::to_string(&line).expect("own types serialise"));
            text.push('\n');
        }
    }
}

/// Reads a list into a database that may not know all of it; how many it did not. They are carried out by the job, as when they were asked. Those of shops
/// that are not here are left out.
pub async fn import(app: &App, text: &str) -> Result<u64> {
    let mut added = 0;
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = || Error::invalid("unreadable", format!("line {} is no erasure", number + 1));
        let line: Line = serde_json::from_str(line).map_err(|error| wrong().because(error))?;
        let new = Erasure {
            id: line.erasure,
            shop: line.shop,
            subject: unhex(&line.subject).ok_or_else(wrong)?,
            email: String::new(),
            asked_by: AskedBy::List,
            staff: None,
            state: ErasureState::Looking,
            asked_at: line.asked_at,
            done_at: None,
            next_check_at: None,
        };
        let written = app.db.write(LaneKey::of(new.id), move |tx| {
            if crate::identity::shop(tx, new.shop).is_err() {
                return Ok(false);
            }
            store::insert(tx, &new)
        });
        added += u64::from(written.await?);
    }
    Ok(added)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0u8; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}
