//! Parties and contracts as JSON.

use super::{
    Agree, Assign, Contract, ContractVersion, NewParty, Party, PartyKind, Terms, add_party, assign, contract,
    contracts, draw_up, parties, revise, versions,
};
use crate::app::App;
use crate::catalog::{self, api::ProductDraftOut};
use crate::db::LaneKey;
use crate::http::{IfMatch, Json, NewId, Path, Problem, Query, etag, json};
use crate::identity::{self, Analyst, Creator};
use crate::kernel::{ContractId, Error, PageIn, PageOut, PartyId, ProductId, Time};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// Anyone who is paid.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Party)]
pub struct PartyOut {
    pub id: PartyId,
    pub kind: PartyKind,
    pub name: String,
    pub email: String,
    pub created_at: Time,
}

impl From<Party> for PartyOut {
    fn from(party: Party) -> Self {
        Self {
            id: party.id,
            kind: party.kind,
            name: party.name,
            email: party.email,
            created_at: party.created_at,
        }
    }
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewParty)]
pub struct PartyIn {
    pub kind: PartyKind,
    pub name: String,
    #[serde(default)]
    pub email: String,
}

/// Who earns what, with the terms sales use now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Contract)]
pub struct ContractOut {
    pub id: ContractId,
    pub name: String,
    pub version: i64,
    pub terms: Terms,
    pub created_at: Time,
}

impl From<Contract> for ContractOut {
    fn from(contract: Contract) -> Self {
        Self {
            id: contract.id,
            name: contract.name,
            version: contract.version,
            terms: contract.terms,
            created_at: contract.created_at,
        }
    }
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ContractVersion)]
pub struct ContractVersionOut {
    pub version: i64,
    pub terms: Terms,
    pub created_at: Time,
}

impl From<ContractVersion> for ContractVersionOut {
    fn from(version: ContractVersion) -> Self {
        Self {
            version: version.version,
            terms: version.terms,
            created_at: version.created_at,
        }
    }
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewContract)]
pub struct ContractIn {
    pub name: String,
    pub terms: Terms,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewContractVersion)]
pub struct VersionIn {
    pub terms: Terms,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProductContract)]
pub struct AssignIn {
    /// `null`: everything is the shop's.
    pub contract: Option<ContractId>,
}

/// Everyone who is paid, oldest first.
#[utoipa::path(get, path = "/v1/parties", tag = "partners", params(PageIn), responses((status = 200, body = PageOut<PartyOut>)))]
pub async fn get_parties(
    State(app): State<App>,
    staff: Analyst,
    Query(page): Query<PageIn>,
) -> Result<Response, Problem> {
    let (shop, after) = (staff.shop, page.after::<PartyId>()?);
    let found = app.db.read(move |tx| parties(tx, shop, after, page.limit())).await?;
    Ok(json(StatusCode::OK, found.map(PartyOut::from)))
}

/// Add someone who is paid.
#[utoipa::path(post, path = "/v1/parties", tag = "partners", request_body = PartyIn, responses((status = 201, body = PartyOut)))]
pub async fn post_party(
    State(app): State<App>,
    staff: Creator,
    id: NewId,
    Json(new): Json<PartyIn>,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    let new = NewParty {
        kind: new.kind,
        name: new.name,
        email: new.email,
    };
    let party = app
        .db
        .write(LaneKey::of(shop), move |tx| add_party(tx, shop, id.get(), &new))
        .await?;
    Ok(json(StatusCode::CREATED, PartyOut::from(party)))
}

/// All contracts, oldest first, with the terms sales use now.
#[utoipa::path(get, path = "/v1/contracts", tag = "partners", params(PageIn), responses((status = 200, body = PageOut<ContractOut>)))]
pub async fn get_contracts(
    State(app): State<App>,
    staff: Analyst,
    Query(page): Query<PageIn>,
) -> Result<Response, Problem> {
    let (shop, after) = (staff.shop, page.after::<ContractId>()?);
    let found = app.db.read(move |tx| contracts(tx, shop, after, page.limit())).await?;
    Ok(json(StatusCode::OK, found.map(ContractOut::from)))
}

/// Draw up a contract. Its first version counts at once for products put under it.
#[utoipa::path(post, path = "/v1/contracts", tag = "partners", request_body = ContractIn, responses((status = 201, body = ContractOut),
    (status = 422, description = "`terms_unfit`: the terms do not add up, or name a party the shop does not have.")))]
pub async fn post_contract(
    State(app): State<App>,
    staff: Creator,
    id: NewId,
    Json(new): Json<ContractIn>,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    let agreed = app.db.write(LaneKey::of(shop), move |tx| {
        let currency = identity::shop(tx, shop)?.currency;
        draw_up(tx, (shop, currency), id.get(), &new.name, &new.terms)
    });
    answer(StatusCode::CREATED, agreed.await?)
}

/// All versions of a contract, newest first. Sales keep the one they were made under.
#[utoipa::path(get, path = "/v1/contracts/{contract}/versions", tag = "partners", params(("contract" = ContractId, Path)),
    responses((status = 200, body = PageOut<ContractVersionOut>), (status = 404)))]
pub async fn get_contract_versions(
    State(app): State<App>,
    staff: Analyst,
    Path(id): Path<ContractId>,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    let found = app
        .db
        .read(move |tx| Ok((contract(tx, shop, id)?.is_some(), versions(tx, shop, id)?)))
        .await?;
    let (true, versions) = found else {
        return Err(Error::not_found("contract").into());
    };
    let data = versions.into_iter().map(ContractVersionOut::from).collect();
    Ok(json(StatusCode::OK, PageOut { data, next: None }))
}

/// Write a contract's next version; sales from now on use it.
#[utoipa::path(post, path = "/v1/contracts/{contract}/versions", tag = "partners",
    params(("contract" = ContractId, Path), ("If-Match" = String, Header, description = "The version you revise, in quotes.")),
    request_body = VersionIn, responses((status = 201, body = ContractOut), (status = 404), (status = 412, description = "`stale`"),
    (status = 422, description = "`terms_unfit`")))]
pub async fn post_contract_version(
    State(app): State<App>,
    staff: Creator,
    Path(id): Path<ContractId>,
    IfMatch(version): IfMatch,
    Json(new): Json<VersionIn>,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    let agreed = app.db.write(LaneKey::of(shop), move |tx| {
        let currency = identity::shop(tx, shop)?.currency;
        revise(tx, (shop, currency), id, version, &new.terms)
    });
    answer(StatusCode::CREATED, agreed.await?)
}

fn answer(status: StatusCode, agreed: Agree) -> Result<Response, Problem> {
    match agreed {
        Agree::Agreed(contract) => {
            let tag = etag(contract.version);
            let mut response = json(status, ContractOut::from(contract));
            response.headers_mut().insert(header::ETAG, tag);
            Ok(response)
        }
        Agree::NotFound => Err(Error::not_found("contract").into()),
        Agree::Stale(current) => Err(IfMatch::stale(current)),
        Agree::Unfit(unfit) => {
            let detail = unfit.detail();
            Err(Error::invalid("terms_unfit", detail.clone())
                .with_field("/terms", detail)
                .into())
        }
    }
}

/// Put a product under a contract, or under none.
#[utoipa::path(put, path = "/v1/products/{product}/contract", tag = "partners",
    params(("product" = ProductId, Path), ("If-Match" = String, Header, description = "The product's version, in quotes.")),
    request_body = AssignIn, responses((status = 200, body = ProductDraftOut), (status = 404), (status = 412, description = "`stale`"),
    (status = 422, description = "`no_such_contract`")))]
pub async fn put_product_contract(
    State(app): State<App>,
    staff: Creator,
    Path(product): Path<ProductId>,
    IfMatch(version): IfMatch,
    Json(new): Json<AssignIn>,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    let assigned = app.db.write(LaneKey::of(shop), move |tx| {
        let currency = identity::shop(tx, shop)?.currency;
        let assigned = assign(tx, shop, product, version, new.contract)?;
        Ok((assigned, catalog::variants(tx, shop, product, currency)?))
    });
    match assigned.await? {
        (Assign::Assigned(product), variants) => {
            let tag = etag(product.version);
            let mut response = json(StatusCode::OK, ProductDraftOut::new(product, variants));
            response.headers_mut().insert(header::ETAG, tag);
            Ok(response)
        }
        (Assign::NotFound, _) => Err(Error::not_found("product").into()),
        (Assign::Stale(current), _) => Err(IfMatch::stale(current)),
        (Assign::NoSuchContract, _) => {
            let detail = "This shop has no such contract.";
            Err(Error::invalid("no_such_contract", detail)
                .with_field("/contract", detail)
                .into())
        }
    }
}
