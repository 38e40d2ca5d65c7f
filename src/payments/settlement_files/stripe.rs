//! Stripe's payout reconciliation report, itemized: one line a movement of the balance.
//!
//! Written from docs.stripe.com/reports/report-types/payout-reconciliation (`payout_reconciliation.itemized.5`) and
//! docs.stripe.com/reports/reporting-categories. Amounts are in whole units of the currency; `gross` less `fee` is `net`; what was sold in another
//! currency stands in `customer_facing_amount`. The report has no line that sums it up, and no line for the payout itself.

use super::model::{Amount, Format, Line, LineKind, Report};
use super::read::{Cells, Table, refused};
use crate::kernel::Result;
use std::collections::HashSet;

/// Without these nothing can be matched exactly. `payment_intent_id` has to be chosen when the report is made.
const NEEDED: [&str; 8] = [
    "balance_transaction_id",
    "reporting_category",
    "currency",
    "gross",
    "fee",
    "net",
    "source_id",
    "payment_intent_id",
];

/// The column every such file has, and no other.
pub const SIGN: &str = "balance_transaction_id";

/// Reads a report. Errors: as [`Table::read`]; `settlement_file_columns`; `settlement_file_broken`.
pub fn translate(table: &Table) -> Result<Report> {
    table.need(&NEEDED)?;
    let mut lines = Vec::new();
    let mut batches: Vec<String> = Vec::new();
    let mut names = HashSet::new();
    for cells in table.rows() {
        let batch = cells.text("automatic_payout_id");
        if !batch.is_empty() && !batches.iter().any(|known| known == batch) {
            batches.push(batch.to_owned());
        }
        let line = line(&cells)?;
        if !names.insert(line.name.clone()) {
            return Err(cells.broken(&format!("the movement {} stands there twice.", line.name)));
        }
        lines.push(line);
    }
    if lines.is_empty() {
        return Err(refused(
            "settlement_file_empty",
            "The file names its columns and has no line.",
        ));
    }
    Ok(Report {
        format: Format::Stripe,
        batches,
        lines,
    })
}

fn line(cells: &Cells<'_>) -> Result<Line> {
    let name = cells.text(SIGN);
    if name.is_empty() {
        return Err(cells.broken("it has no balance_transaction_id."));
    }
    let word = cells.text("reporting_category");
    let kind = match word {
        "charge" => LineKind::Charge,
        "refund" => LineKind::Refund,
        "refund_failure" => LineKind::RefundFailed,
        "dispute" => LineKind::Dispute,
        "dispute_reversal" => LineKind::DisputeWon,
        "fee" | "network_cost" => LineKind::Fee,
        "payout" | "payout_reversal" => LineKind::Payout,
        _ => LineKind::Other,
    };
    let currency = cells.currency("currency")?;
    let gross = cells.amount("gross", currency)?;
    let fee = cells.amount("fee", currency)?;
    let net = cells.amount("net", currency)?;
    if gross.minor - fee.minor != net.minor {
        return Err(cells.broken("its gross less its fee is not its net."));
    }
    Ok(Line {
        number: cells.number,
        name: name.to_owned(),
        kind,
        word: word.to_owned(),
        payment: cells.text("payment_intent_id").to_owned(),
        operation: match kind {
            LineKind::Refund | LineKind::RefundFailed | LineKind::Dispute | LineKind::DisputeWon => {
                cells.text("source_id").to_owned()
            }
            _ => String::new(), // A capture has no name of its own at Stripe.
        },
        names_operation: kind != LineKind::Charge,
        sold: sold(cells, gross)?,
        net,
        fee_minor: fee.minor,
        at: cells.time("created_utc").or_else(|| cells.time("created")),
    })
}

/// What the buyer paid: the gross amount, or what stands beside it where it was paid in another currency. Its sign is that of the gross amount.
fn sold(cells: &Cells<'_>, gross: Amount) -> Result<Amount> {
    if cells.text("customer_facing_currency").is_empty() || cells.text("customer_facing_amount").is_empty() {
        return Ok(gross);
    }
    let currency = cells.currency("customer_facing_currency")?;
    if currency == gross.currency {
        return Ok(gross);
    }
    let faced = cells.amount("customer_facing_amount", currency)?;
    Ok(Amount {
        minor: faced.minor.abs() * gross.minor.signum(),
        currency,
    })
}
