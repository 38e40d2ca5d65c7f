//! Contracts are drawn up and revised; each change is a new version, and sales keep the one they were made under.

use super::model::{Contract, NewParty, Party, Terms, Unfit};
use super::store;
use crate::catalog::{self, Edit, Product};
use crate::db::Tx;
use crate::kernel::{ContractId, Currency, PartyId, ProductId, Result, ShopId, text};

/// Adds someone who is paid, under an id the caller chose; asked again, it answers whom it added. Errors: `invalid_field`.
pub fn add_party(tx: &mut Tx<'_>, shop: ShopId, id: PartyId, new: &NewParty) -> Result<Party> {
    if let Some(party) = store::party(tx, shop, id)? {
        return Ok(party);
    }
    let NewParty { kind, name, email } = new.checked()?;
    let party = Party {
        id,
        kind,
        name,
        email,
        created_at: tx.now(),
    };
    store::insert_party(tx, shop, &party)?;
    Ok(party)
}

/// What came of writing terms down.
#[derive(Debug, PartialEq, Eq)]
pub enum Agree {
    Agreed(Contract),
    NotFound,
    /// Someone else was faster; this is the version now.
    Stale(i64),
    Unfit(Unfit),
}

/// Draws up a contract under an id the caller chose; its first version counts at once. Asked again, it answers what it drew up.
/// Errors: `invalid_field`.
pub fn draw_up(
    tx: &mut Tx<'_>,
    (shop, currency): (ShopId, Currency),
    id: ContractId,
    name: &str,
    terms: &Terms,
) -> Result<Agree> {
    if let Some(contract) = store::contract(tx, shop, id)? {
        return Ok(Agree::Agreed(contract));
    }
    let name = text::line("/name", name, 100)?;
    if let Some(unfit) = unfit(tx, shop, currency, terms)? {
        return Ok(Agree::Unfit(unfit));
    }
    let contract = Contract {
        id,
        name,
        version: 1,
        terms: terms.clone(),
        created_at: tx.now(),
    };
    store::insert_contract(tx, shop, &contract)?;
    store::insert_version(tx, contract.id, 1, terms)?;
    Ok(Agree::Agreed(contract))
}

/// Writes the next version; sales from now on use it. Order of refusals: not found, stale, unfit.
pub fn revise(
    tx: &mut Tx<'_>,
    (shop, currency): (ShopId, Currency),
    id: ContractId,
    version: i64,
    terms: &Terms,
) -> Result<Agree> {
    let Some(contract) = store::contract(tx, shop, id)? else {
        return Ok(Agree::NotFound);
    };
    if contract.version != version {
        return Ok(Agree::Stale(contract.version));
    }
    if let Some(unfit) = unfit(tx, shop, currency, terms)? {
        return Ok(Agree::Unfit(unfit));
    }
    if !store::advance(tx, shop, id, version)? {
        return Ok(Agree::Stale(version + 1));
    }
    store::insert_version(tx, id, version + 1, terms)?;
    Ok(Agree::Agreed(Contract {
        version: version + 1,
        terms: terms.clone(),
        ..contract
    }))
}

fn unfit(tx: &mut Tx<'_>, shop: ShopId, currency: Currency, terms: &Terms) -> Result<Option<Unfit>> {
    if let Err(unfit) = terms.fit(currency) {
        return Ok(Some(unfit));
    }
    for party in terms.parties() {
        if store::party(tx, shop, party)?.is_none() {
            return Ok(Some(Unfit::UnknownParty(party)));
        }
    }
    Ok(None)
}

/// What came of putting a product under a contract.
#[derive(Debug, PartialEq, Eq)]
pub enum Assign {
    Assigned(Product),
    NotFound,
    Stale(i64),
    NoSuchContract,
}

/// Puts a product under a contract, or under none: then everything is the shop's. Order of refusals: not found, no such contract, stale.
pub fn assign(
    tx: &mut Tx<'_>,
    shop: ShopId,
    product: ProductId,
    version: i64,
    contract: Option<ContractId>,
) -> Result<Assign> {
    if catalog::find(tx, shop, product)?.is_none() {
        return Ok(Assign::NotFound);
    }
    if let Some(contract) = contract
        && store::current_version(tx, shop, contract)?.is_none()
    {
        return Ok(Assign::NoSuchContract);
    }
    Ok(match catalog::set_contract(tx, shop, product, version, contract)? {
        Edit::Edited(product, _) => Assign::Assigned(product),
        Edit::Stale(version) => Assign::Stale(version),
        Edit::NotFound | Edit::SlugTaken | Edit::SkuTaken | Edit::NothingToSell => Assign::NotFound,
    })
}
