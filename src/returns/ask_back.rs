//! Asking something back for which something else leaves: no withdrawal, and no money of its own.

use super::model::{Return, ReturnState};
use super::store;
use super::withdraw::{id_reused, not_theirs};
use crate::catalog::KeepTheRest;
use crate::checkout::{self, OrderLine, OrderView, Ship};
use crate::db::Tx;
use crate::kernel::{ExchangeId, Result, ReturnId, Seconds, StaffId, Time};

/// What is asked back.
#[derive(Clone, Debug)]
pub struct AskBack {
    pub id: ReturnId,
    pub exchange: ExchangeId,
    pub unit: Ship,
    /// Until when it has to be here.
    pub due_by: Time,
    pub staff: Option<StaffId>,
}

/// Counts the units as on their way back, each once. Errors: `not_theirs`, `bundle_goes_back_whole`, `id_reused`.
pub fn ask_back(tx: &mut Tx<'_>, view: &OrderView, asked: &AskBack) -> Result<()> {
    let unit = asked.unit;
    let named = |line: &OrderLine| line.line == unit.line;
    let stays =
        |line: &OrderLine| (line.open() + line.kept()).saturating_sub(if named(line) { unit.quantity } else { 0 });
    let whole = |keep| keep == KeepTheRest::None;
    checkout::refuse_parts_of_bundles(view, whole, named, stays, "it cannot be exchanged in part.")?;
    if !checkout::ask_back(tx, view.order.id, asked.unit.line, asked.unit.quantity)? {
        return Err(not_theirs());
    }
    let now = tx.now();
    let name = view.checkout.address.as_ref().map(|address| address.name.clone());
    let new = Return {
        id: asked.id,
        shop: view.order.shop,
        order: view.order.id,
        state: ReturnState::Awaited,
        whole: false,
        name: name.unwrap_or_default(),
        email: view.order.email.clone(),
        words: String::new(),
        units_canceled: 0,
        stated_at: now,
        due_by: asked.due_by,
        proof: String::new(),
        received_at: None,
        deducted_minor: 0,
        deduction: String::new(),
        restock: String::new(),
        refunded_minor: 0,
        ended_at: None,
        trouble: String::new(),
        staff: asked.staff,
        version: 1,
        exchange: Some(asked.exchange),
        units: vec![asked.unit],
    };
    if !store::insert(tx, &new, Some(now.plus(Seconds::days(1))))? {
        return Err(id_reused());
    }
    Ok(())
}
