//! The books as Stripe's payout reconciliation report would say them: all that was taken, given back and disputed, as if it were paid out today.

use super::books::{Books, Object, fee};
use crate::kernel::{Money, Time, words};
use crate::payments::processors::from_wire;
use std::fmt::Write;

const HEAD: &str = "automatic_payout_id,automatic_payout_effective_at,balance_transaction_id,created_utc,available_on_utc,currency,gross,fee,net,\
                    reporting_category,source_id,description,customer_facing_amount,customer_facing_currency,charge_id,payment_intent_id\n";

/// One movement of the balance.
struct Movement {
    name: String,
    at: Time,
    gross: Money,
    fee: Money,
    category: &'static str,
    source: String,
    payment: String,
}

/// The report, one payout with everything in it. The same books make the same lines, whenever it is asked for.
///
/// Only of the payments that are `wanted`: several shops of one program may share a sandbox.
pub fn settlement_report(books: &Books, today: Time, wanted: impl Fn(&str) -> bool) -> String {
    let mut movements = Vec::new();
    for (key, outcome) in books.outcomes() {
        let Ok(Object::Capture(wire, payment)) = outcome else {
            continue;
        };
        let Some(gross) = from_wire(*wire, payment.currency) else {
            continue;
        };
        movements.push(Movement {
            name: format!("txn_{}", key.replace('-', "")),
            at: payment.created_at,
            gross,
            fee: fee(gross),
            category: "charge",
            source: format!("ch_{}", payment.id),
            payment: payment.id.clone(),
        });
    }
    for refund in books.refunds() {
        let Some(amount) = from_wire(refund.amount, refund.currency) else {
            continue;
        };
        movements.push(Movement {
            name: format!("txn_{}", refund.id),
            at: refund.created_at,
            gross: Money::new(-amount.minor, amount.currency),
            fee: Money::zero(amount.currency),
            category: "refund",
            source: refund.id.clone(),
            payment: refund.payment.clone(),
        });
    }
    for dispute in books.disputes() {
        let amounts = (from_wire(dispute.amount, dispute.currency)).zip(from_wire(dispute.fee, dispute.currency));
        let Some((amount, fee)) = amounts else { continue };
        if dispute.fee == 0 {
            continue; // The bank only asked.
        }
        let name = format!("txn_{}_{}", dispute.id, dispute.round);
        let taken = Movement {
            name: name.clone(),
            at: dispute.created_at,
            gross: Money::new(-amount.minor, amount.currency),
            fee,
            category: "dispute",
            source: dispute.id.clone(),
            payment: dispute.payment.clone(),
        };
        movements.push(taken);
        if dispute.status == super::DisputeStatus::Won {
            movements.push(Movement {
                name: format!("{name}_won"),
                at: dispute.created_at,
                gross: amount,
                fee: Money::zero(amount.currency),
                category: "dispute_reversal",
                source: dispute.id.clone(),
                payment: dispute.payment.clone(),
            });
        }
    }
    movements.retain(|movement| wanted(&movement.payment));
    movements.sort_by_key(|movement| movement.at);
    let mut report = HEAD.to_owned();
    for movement in &movements {
        write_line(&mut report, movement, today);
    }
    report
}

fn write_line(report: &mut String, movement: &Movement, today: Time) {
    let Movement { gross, fee, .. } = movement;
    let net = Money::new(gross.minor - fee.minor, gross.currency);
    let currency = gross.currency.code().to_lowercase();
    let line = [
        format!("po_{}", today.date().to_string().replace('-', "")),
        written(today),
        movement.name.clone(),
        written(movement.at),
        written(movement.at),
        currency.clone(),
        words::decimal(*gross),
        words::decimal(*fee),
        words::decimal(net),
        movement.category.to_owned(),
        movement.source.clone(),
        "\"A sale, with a comma\"".to_owned(),
        words::decimal(*gross),
        currency,
        movement.source.clone(),
        movement.payment.clone(),
    ];
    writeln!(report, "{}", line.join(",")).expect("text is writable");
}

/// "2026-11-25 10:12:00", in UTC.
fn written(at: Time) -> String {
    let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}
