//! Who earns what of a quote that is being sold: the legs of every line and of the delivery, from the contract versions it was made with.

use super::model::Quote;
use crate::catalog::Kind;
use crate::db::Tx;
use crate::kernel::{ContractId, Error, Result};
use crate::partners::{self, Earner, Leg, Terms};
use serde::{Deserialize, Serialize};

/// One line's money: `gross = tax + the sum of legs`, exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earned {
    pub gross: i64,
    pub tax: i64,
    pub legs: Vec<Leg>,
    /// Who bears what the processor charges for it.
    pub fee: Earner,
}

/// Line by line in the quote's order, and the delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earnings {
    pub lines: Vec<Earned>,
    pub delivery: Option<Earned>,
}

/// Reckons a quote's earnings. The delivery follows the contract of the first line that travels.
pub fn earnings(tx: &mut Tx<'_>, quote: &Quote) -> Result<Earnings> {
    let mut known: Vec<((ContractId, i64), Terms)> = Vec::new();
    for contract in quote.lines.iter().filter_map(|line| line.contract) {
        if !known.iter().any(|(other, _)| *other == contract) {
            let terms = partners::terms(tx, quote.shop, contract.0, contract.1)?
                .ok_or_else(|| Error::internal("a quote names a version of a contract that does not exist"))?;
            known.push((contract, terms));
        }
    }
    let terms_of = |contract: Option<(ContractId, i64)>| {
        contract.and_then(|contract| known.iter().find(|(other, _)| *other == contract).map(|(_, terms)| terms))
    };
    let lines = quote.lines.iter().map(|line| {
        let terms = terms_of(line.contract);
        let taxed = line.taxed(quote.inclusive);
        let legs = partners::legs(terms, quote.money(taxed.net), line.quantity);
        Earned { gross: taxed.gross, tax: taxed.tax, legs, fee: partners::fee_bearer(terms) }
    });
    let travels = quote.lines.iter().find(|line| line.kind == Kind::Physical).and_then(|line| line.contract);
    let delivery = quote.delivery.as_ref().map(|delivery| {
        let terms = terms_of(travels);
        let taxed = delivery.taxed(quote.inclusive);
        let legs = partners::delivery_leg(terms, taxed.net);
        Earned { gross: taxed.gross, tax: taxed.tax, legs, fee: partners::fee_bearer(terms) }
    });
    Ok(Earnings { lines: lines.collect(), delivery })
}
