//! What we know of a sale, in the texts of an answer.

use super::pack::pack;
use crate::checkout::OrderView;
use crate::db::Tx;
use crate::fulfilment;
use crate::kernel::{Result, words};
use crate::ledger::AccountKey;
use crate::payments::disputes::Dispute;
use std::collections::BTreeMap;

/// The answer as far as we can write it: what the buyer saw and agreed to, what left and how, and the receipt. To be read and changed by a person.
/// Texts we know nothing for are left out.
pub fn proposed(tx: &mut Tx<'_>, dispute: &Dispute) -> Result<BTreeMap<String, String>> {
    let mut texts = BTreeMap::new();
    let Some(found) = pack(tx, dispute.shop, dispute.checkout().order())? else {
        return Ok(texts);
    };
    let view = &found.view;
    let mut put = |name: &str, text: String| {
        if !text.trim().is_empty() {
            texts.insert(name.to_owned(), text);
        }
    };
    let lines: Vec<String> = view
        .lines
        .iter()
        .map(|line| format!("{} × {}", line.quantity, line.title))
        .collect();
    put("product_description", lines.join("\n"));
    put("customer_email", view.order.email.clone());
    if let Some(address) = &view.checkout.address {
        put("customer_name", address.name.clone());
        let parts = [
            Some(address.line1.clone()),
            address.line2.clone(),
            Some(format!("{} {}", address.postal_code, address.city)),
            address.region.clone(),
            Some(words::country(&address.country)),
        ];
        put(
            "shipping_address",
            parts.into_iter().flatten().collect::<Vec<_>>().join(", "),
        );
    }
    let sent: Vec<_> = found
        .parcels
        .iter()
        .filter(|parcel| !parcel.carrier.is_empty())
        .collect();
    let joined = |of: fn(&&fulfilment::Shipment) -> String| {
        sent.iter()
            .map(of)
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join(", ")
    };
    put("shipping_carrier", joined(|parcel| parcel.carrier.clone()));
    put("shipping_tracking_number", joined(|parcel| parcel.tracking.clone()));
    put(
        "shipping_date",
        joined(|parcel| parcel.handed_over_at.date().to_string()),
    );
    if let Some(policies) = &found.seen.policies {
        let days = format!(
            "The buyer agreed to these terms at the purchase. Returns are taken for {} days.",
            policies.return_days
        );
        put("refund_policy", format!("{days}\n{}", policies.return_policy));
    }
    let steps = found.steps().into_iter();
    let steps = steps.map(|step| {
        format!("{}: {} {}", words::to_the_second(step.at), step.what, step.detail)
            .trim_end()
            .to_owned()
    });
    put("activity", steps.collect::<Vec<_>>().join("\n"));
    put("statement", receipt(view));
    Ok(texts)
}

fn receipt(view: &OrderView) -> String {
    let order = &view.order;
    let mut lines = vec![format!(
        "Order {} of {}.",
        order.number,
        words::exact(order.confirmed_at)
    )];
    for line in &view.lines {
        let amount = words::money(order.money(line.amount_minor));
        lines.push(format!("{} × {}: {amount}", line.quantity, line.title));
    }
    if order.delivery_minor > 0 {
        lines.push(format!("Delivery: {}", words::money(order.money(order.delivery_minor))));
    }
    lines.push(format!("Total: {}", words::money(order.total())));
    let refunded = view.intent.as_ref().map_or(0, |intent| intent.refunded_minor);
    if refunded > 0 {
        lines.push(format!(
            "Given back before the dispute: {}",
            words::money(order.money(refunded))
        ));
    }
    lines.join("\n")
}

/// Who bears a dispute, by account, largest first.
pub fn bearers(dispute: &Dispute) -> Vec<(AccountKey, i64)> {
    let mut sums: BTreeMap<AccountKey, i64> = BTreeMap::new();
    for leg in &dispute.legs {
        *sums.entry(leg.account).or_default() += leg.minor;
    }
    let mut all: Vec<(AccountKey, i64)> = sums.into_iter().collect();
    all.sort_by_key(|(_, minor)| std::cmp::Reverse(*minor));
    all
}
