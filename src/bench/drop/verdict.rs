//! What the rows and the processor's own journal say when everything has ended.

use super::scene::Scene;
use crate::app::App;
use crate::config::Config;
use crate::kernel::{Result, Time};
use crate::payments::sandbox::{Books, PaymentState};
use crate::{checkout, drops, fulfilment, inventory, ledger, payments};
use serde::Serialize;
use std::collections::BTreeMap;

/// Counted after the server has ended. All but the first are zero, or the figures are worth nothing.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verdict {
    /// Units of the drop that are sold, by the rows of stock.
    pub sold: i64,
    /// Units promised or sold beyond those that were given to the drop.
    pub oversold: i64,
    /// Units that are neither sold nor free: somebody's reservation that nobody will end any more.
    pub stranded: i64,
    /// Checkouts that more than one payment was promised or taken for, by the processor's journal.
    pub double_charged: u64,
    /// Payments in the processor's journal that no order stands behind.
    pub charged_for_nothing: i64,
    /// Whatever else is not as it always has to be.
    pub violations: Vec<String>,
}

impl Verdict {
    pub fn is_clean(&self) -> bool {
        self.oversold == 0
            && self.stranded == 0
            && self.double_charged == 0
            && self.charged_for_nothing == 0
            && self.violations.is_empty()
    }
}

/// Reads the verdict. `allotted` units were given to the drop.
pub async fn read(app: &App, config: &Config, scene: &Scene, allotted: u32) -> Result<Verdict> {
    let (shop, drop, variant) = (scene.stall.shop, scene.drop, scene.variant);
    let (mut violations, orders, rows, beside, sum) = app
        .db
        .read(move |tx| {
            let mut broken = inventory::check(tx)?;
            broken.extend(checkout::check(tx)?);
            broken.extend(fulfilment::check(tx)?);
            broken.extend(payments::disputes::check(tx)?);
            broken.extend(drops::check(tx)?);
            let (orders, _) = checkout::orders_since(tx, shop, Time(0))?;
            let rows = inventory::aside(tx, shop, drops::place(drop))?;
            let all = inventory::stock_of(tx, variant)?;
            let everywhere: i64 = all.iter().map(|row| row.sold).sum();
            let there: i64 = rows.iter().map(|row| row.sold).sum();
            let sum: i64 = ledger::balances(tx, shop)?
                .iter()
                .map(|balance| balance.money.minor)
                .sum();
            Ok((broken, orders, rows, (everywhere, there), sum))
        })
        .await?;
    let sold: i64 = rows.iter().map(|row| row.sold).sum();
    let reserved: i64 = rows.iter().map(|row| row.reserved).sum();
    let books = Books::open(&config.data.join("sandbox.journal"))?;
    let charged = charged(&books);
    let mut expect = |what: &str, found: i64, wanted: i64| {
        if found != wanted {
            violations.push(format!("{what}: {found} instead of {wanted}"));
        }
    };
    expect("orders", orders, sold);
    expect("the ledger's sum", sum, 0);
    expect("units sold beside the drop", beside.0, beside.1);
    let payments = i64::try_from(charged.values().sum::<u64>()).unwrap_or(i64::MAX);
    Ok(Verdict {
        sold,
        oversold: (sold + reserved - i64::from(allotted)).max(0),
        stranded: reserved,
        double_charged: charged.values().filter(|payments| **payments > 1).count() as u64,
        charged_for_nothing: payments - orders,
        violations,
    })
}

/// Payments by checkout that promise money or have taken it.
fn charged(books: &Books) -> BTreeMap<String, u64> {
    let mut charged = BTreeMap::new();
    for payment in books.payments() {
        if matches!(payment.state, PaymentState::RequiresCapture | PaymentState::Succeeded) {
            let checkout = payment.reference().split('/').next().unwrap_or_default().to_owned();
            *charged.entry(checkout).or_insert(0) += 1;
        }
    }
    charged
}
