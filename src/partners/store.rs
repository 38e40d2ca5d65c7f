//! All SQL on parties, contracts and their versions.

use super::model::{Contract, ContractVersion, Party, Terms};
use crate::args;
use crate::db::{FromRow, Json, Row, Tx};
use crate::kernel::{ContractId, Id, Page, PartyId, Result, ShopId};

impl FromRow for Party {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            kind: row.get(1)?,
            name: row.get(2)?,
            email: row.get(3)?,
            created_at: row.get(4)?,
        })
    }
}

impl FromRow for Contract {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            version: row.get(2)?,
            terms: row.get::<Json<Terms>>(3)?.0,
            created_at: row.get(4)?,
        })
    }
}

impl FromRow for ContractVersion {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            version: row.get(0)?,
            terms: row.get::<Json<Terms>>(1)?.0,
            created_at: row.get(2)?,
        })
    }
}

pub fn party(tx: &mut Tx<'_>, shop: ShopId, party: PartyId) -> Result<Option<Party>> {
    tx.maybe_one(
        "select id, kind, name, email, created_at from parties where shop_id = $1 and id = $2",
        args![shop, party],
    )
}

/// Oldest first.
pub fn parties(tx: &mut Tx<'_>, shop: ShopId, after: Option<PartyId>, limit: i64) -> Result<Page<Party>> {
    let after = after.unwrap_or(PartyId::from_uuid(uuid::Uuid::nil()));
    let parties = tx.all(
        "select id, kind, name, email, created_at from parties where shop_id = $1 and id > $2 order by id limit $3",
        args![shop, after, limit + 1],
    )?;
    Ok(Page::cut(parties, limit, |party: &Party| party.id.to_string()))
}

pub(super) fn insert_party(tx: &mut Tx<'_>, shop: ShopId, party: &Party) -> Result<()> {
    tx.put(
        "insert into parties (id, shop_id, kind, name, email, created_at) values ($1, $2, $3, $4, $5, $6)",
        args![party.id, shop, party.kind, party.name, party.email, party.created_at],
    )
}

/// A contract with the terms of its current version.
pub fn contract(tx: &mut Tx<'_>, shop: ShopId, contract: ContractId) -> Result<Option<Contract>> {
    tx.once(&["contracts"], (shop, contract.uuid()), |tx| {
        tx.maybe_one(
            "select c.id, c.name, c.version, v.terms, c.created_at from contracts c
               join contract_versions v on v.contract_id = c.id and v.version = c.version
              where c.shop_id = $1 and c.id = $2",
            args![shop, contract],
        )
    })
}

/// Oldest first.
pub fn contracts(tx: &mut Tx<'_>, shop: ShopId, after: Option<ContractId>, limit: i64) -> Result<Page<Contract>> {
    let after = after.unwrap_or(ContractId::from_uuid(uuid::Uuid::nil()));
    let contracts = tx.all(
        "select c.id, c.name, c.version, v.terms, c.created_at from contracts c
           join contract_versions v on v.contract_id = c.id and v.version = c.version
          where c.shop_id = $1 and c.id > $2 order by c.id limit $3",
        args![shop, after, limit + 1],
    )?;
    Ok(Page::cut(contracts, limit, |contract: &Contract| {
        contract.id.to_string()
    }))
}

/// The version sales use now; what a quote freezes.
pub fn current_version(tx: &mut Tx<'_>, shop: ShopId, contract: ContractId) -> Result<Option<i64>> {
    let found: Option<(i64,)> = tx.maybe_one(
        "select version from contracts where shop_id = $1 and id = $2",
        args![shop, contract],
    )?;
    Ok(found.map(|(version,)| version))
}

/// The terms of one version, for ever the same.
pub fn terms(tx: &mut Tx<'_>, shop: ShopId, contract: ContractId, version: i64) -> Result<Option<Terms>> {
    let found: Option<(Json<Terms>,)> = tx.maybe_one(
        "select v.terms from contract_versions v join contracts c on c.id = v.contract_id
          where c.shop_id = $1 and v.contract_id = $2 and v.version = $3",
        args![shop, contract, version],
    )?;
    Ok(found.map(|(terms,)| terms.0))
}

/// Newest first.
pub fn versions(tx: &mut Tx<'_>, shop: ShopId, contract: ContractId) -> Result<Vec<ContractVersion>> {
    tx.all(
        "select v.version, v.terms, v.created_at from contract_versions v join contracts c on c.id = v.contract_id
          where c.shop_id = $1 and v.contract_id = $2 order by v.version desc limit 100",
        args![shop, contract],
    )
}

pub(super) fn insert_contract(tx: &mut Tx<'_>, shop: ShopId, contract: &Contract) -> Result<()> {
    tx.put(
        "insert into contracts (id, shop_id, name, version, created_at) values ($1, $2, $3, $4, $5)",
        args![contract.id, shop, contract.name, contract.version, contract.created_at],
    )
}

pub(super) fn insert_version(tx: &mut Tx<'_>, contract: ContractId, version: i64, terms: &Terms) -> Result<()> {
    tx.put(
        "insert into contract_versions (contract_id, version, terms, created_at) values ($1, $2, $3, $4)",
        args![contract, version, Json(terms), tx.now()],
    )
}

/// Moves a contract to its next version if it still has the one named; answers whether it had.
pub(super) fn advance(tx: &mut Tx<'_>, shop: ShopId, contract: ContractId, version: i64) -> Result<bool> {
    let moved = tx.exec(
        "update contracts set version = version + 1 where shop_id = $1 and id = $2 and version = $3",
        args![shop, contract, version],
    )?;
    Ok(moved == 1)
}
