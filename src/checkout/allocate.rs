//! The split of a sale, frozen at the tap: each line's net by its contract, its tax, and the delivery.

use crate::db::Tx;
use crate::kernel::{ContractId, Money, Result};
use crate::ledger::{AccountKey, AccountKind};
use crate::offers::Quote;
use crate::partners::{self, Earner, FeeFalls, Purpose as Why, Terms};
use crate::payments::{AllocatedLeg, AllocatedPart, Allocation, FeeBearer, Purpose};

/// Reads the contracts of this day and works out who gets what of `quote`.
pub(super) fn allocate(tx: &mut Tx<'_>, quote: &Quote) -> Result<Allocation> {
    let mut known: Vec<(ContractId, Option<Terms>)> = Vec::new();
    let mut lines = Vec::with_capacity(quote.lines.len());
    for line in &quote.lines {
        let terms = terms(tx, quote, line.contract, &mut known)?;
        let net = Money::new(line.amount_minor - line.tax_minor, quote.currency);
        let legs = partners::legs(terms.as_ref(), net, line.quantity);
        lines.push(part(line.quantity, &legs, line.tax_minor));
    }
    // Delivery follows the contract of the first thing that travels.
    let leading = quote
        .lines
        .iter()
        .find(|line| line.physical)
        .or(quote.lines.first())
        .and_then(|line| line.contract);
    let terms = terms(tx, quote, leading, &mut known)?;
    let delivery = quote
        .delivery
        .as_ref()
        .filter(|delivery| delivery.amount_minor > 0)
        .map(|delivery| {
            let legs = partners::delivery_leg(terms.as_ref(), delivery.amount_minor - delivery.tax_minor);
            part(1, &legs, delivery.tax_minor)
        });
    let processor_fee = match partners::fee_bearer(terms.as_ref()) {
        FeeFalls::On(Earner::Party(party)) => FeeBearer::Party(party),
        FeeFalls::On(Earner::Shop | Earner::Platform) => FeeBearer::Shop,
        FeeFalls::OnEveryone => FeeBearer::Everyone,
    };
    Ok(Allocation {
        lines,
        delivery,
        processor_fee,
    })
}

fn terms(
    tx: &mut Tx<'_>,
    quote: &Quote,
    contract: Option<ContractId>,
    known: &mut Vec<(ContractId, Option<Terms>)>,
) -> Result<Option<Terms>> {
    let Some(contract) = contract else { return Ok(None) };
    if let Some((_, terms)) = known.iter().find(|(id, _)| *id == contract) {
        return Ok(terms.clone());
    }
    let terms = partners::contract(tx, quote.shop, contract)?.map(|contract| contract.terms);
    known.push((contract, terms.clone()));
    Ok(terms)
}

pub(super) fn part(quantity: u32, legs: &[partners::Leg], tax_minor: i64) -> AllocatedPart {
    let mut allocated: Vec<AllocatedLeg> = legs
        .iter()
        .map(|leg| AllocatedLeg {
            account: match leg.to {
                Earner::Platform if mutant!("L1-platform") => AccountKey::of(AccountKind::ShopRevenue),
                Earner::Shop => AccountKey::of(AccountKind::ShopRevenue),
                Earner::Platform => AccountKey::of(AccountKind::PlatformRevenue),
                Earner::Party(party) => AccountKey::party(AccountKind::PartyPayable, party),
            },
            purpose: match leg.purpose {
                Why::Fulfilment => Purpose::FulfilmentFee,
                Why::Fixed | Why::Share | Why::Remainder => Purpose::Share,
                Why::PlatformFee => Purpose::PlatformFee,
                Why::Delivery => Purpose::Delivery,
            },
            minor: leg.minor,
        })
        .collect();
    if tax_minor > 0 && mutant!("L1-tax") {
        allocated[0].minor += tax_minor;
    } else if tax_minor > 0 {
        allocated.push(AllocatedLeg {
            account: AccountKey::of(AccountKind::TaxPayable),
            purpose: Purpose::Tax,
            minor: tax_minor,
        });
    }
    AllocatedPart {
        quantity,
        legs: allocated,
    }
}
