//! Adyen's settlement details report: one line a journal entry of a closed batch.
//!
//! Written from docs.adyen.com/reporting/settlement-reconciliation/transaction-level/settlement-details-report. Amounts are in whole units; what was
//! sold is in the gross currency (GC), what is settled in the net currency (NC), each in a debit and a credit column. A closed batch ends in what is
//! paid out, or carried to the next: so in every batch and net currency all lines together come to nothing, and a file that was cut does not.

use super::model::{Amount, Format, Line, LineKind, Report};
use super::read::{Cells, Table, refused};
use crate::kernel::Result;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

const NEEDED: [&str; 11] = [
    "Psp Reference",
    "Type",
    "Modification Reference",
    "Gross Currency",
    "Gross Debit (GC)",
    "Gross Credit (GC)",
    "Net Currency",
    "Net Debit (NC)",
    "Net Credit (NC)",
    "Creation Date",
    "Batch Number",
];

/// The column every such file has, and no other.
pub const SIGN: &str = "Net Credit (NC)";

/// What was kept, in its parts. With a fixed commission there are no other parts.
const FEES: [&str; 4] = ["Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)"];

/// Reads a report. Errors: as [`Table::read`]; `settlement_file_columns`; `settlement_file_broken`, also where a batch does not come to nothing.
pub fn translate(table: &Table) -> Result<Report> {
    table.need(&NEEDED)?;
    let mut lines = Vec::new();
    let mut batches: Vec<String> = Vec::new();
    let mut sums: BTreeMap<(String, &'static str), i128> = BTreeMap::new();
    let mut seen: HashMap<[u8; 32], u32> = HashMap::new();
    let mut last = None;
    for cells in table.rows() {
        let batch = cells.text("Batch Number").to_owned();
        if !batch.is_empty() && !batches.contains(&batch) {
            batches.push(batch.clone());
        }
        let mut line = line(&cells)?;
        // Adyen gives its entries no names: what an entry says is its name, and of equal ones each is counted.
        let digest = line.digest();
        let count = seen.entry(digest).or_default();
        *count += 1;
        line.name = format!("{batch}/{}/{count}", Uuid::new_v5(&Uuid::nil(), &digest).simple());
        *sums.entry((batch, line.net.currency.code())).or_default() += i128::from(line.net.minor);
        lines.push(line);
        last = Some(cells);
    }
    let Some(last) = last else {
        return Err(refused(
            "settlement_file_empty",
            "The file names its columns and has no line.",
        ));
    };
    if let Some(((batch, currency), _)) = sums.into_iter().find(|(_, sum)| *sum != 0) {
        return Err(last.broken(&format!(
            "the lines of batch {batch} in {currency} do not come to nothing, so lines are missing; the payout is one of them."
        )));
    }
    Ok(Report {
        format: Format::Adyen,
        batches,
        lines,
    })
}

fn line(cells: &Cells<'_>) -> Result<Line> {
    let word = cells.text("Type");
    let kind = match word {
        "Settled" => LineKind::Charge,
        "Refunded" => LineKind::Refund,
        "RefundedReversed" => LineKind::RefundFailed,
        "Chargeback" | "SecondChargeback" => LineKind::Dispute,
        "ChargebackReversed" => LineKind::DisputeWon,
        "Fee" | "InvoiceDeduction" => LineKind::Fee,
        "MerchantPayout" => LineKind::Payout,
        "Balancetransfer" => LineKind::Carried,
        _ => LineKind::Other,
    };
    let settled = cells.currency("Net Currency")?;
    let net = signed(cells, "Net Debit (NC)", "Net Credit (NC)", settled)?;
    let is_sale = matches!(
        kind,
        LineKind::Charge | LineKind::Refund | LineKind::RefundFailed | LineKind::Dispute | LineKind::DisputeWon
    );
    let (sold, fee_minor) = if is_sale {
        let currency = cells.currency("Gross Currency")?;
        let gross = signed(cells, "Gross Debit (GC)", "Gross Credit (GC)", currency)?;
        // Samples disagree in which column a gross amount stands; which way the money went follows from what was done.
        let sign = if matches!(kind, LineKind::Refund | LineKind::Dispute) {
            -1
        } else {
            1
        };
        let sold = Amount {
            minor: gross.minor.abs() * sign,
            currency,
        };
        let fee = match currency == settled {
            true => sold.minor - net.minor,
            false => cells.sum(&FEES, settled)?,
        };
        (sold, fee)
    } else {
        (net, 0)
    };
    Ok(Line {
        number: cells.number,
        name: String::new(),
        kind,
        word: word.to_owned(),
        payment: cells.text("Psp Reference").to_owned(),
        operation: cells.text("Modification Reference").to_owned(),
        names_operation: is_sale,
        sold,
        net,
        fee_minor,
        at: cells.time("Creation Date"),
    })
}

/// Credit less debit.
fn signed(cells: &Cells<'_>, debit: &str, credit: &str, currency: crate::kernel::Currency) -> Result<Amount> {
    let (debit, credit) = (cells.amount(debit, currency)?, cells.amount(credit, currency)?);
    Ok(Amount {
        minor: credit.minor - debit.minor,
        currency,
    })
}
