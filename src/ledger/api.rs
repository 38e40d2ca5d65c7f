//! Balances and transfers for the shop's people.

use super::model::{Account, AccountKey, AccountKind, Balance, Transfer};
use super::read::{balances, transfers};
use crate::app::App;
use crate::http::{Problem, Query, json};
use crate::identity::Analyst;
use crate::kernel::{AccountId, Money, MoneyOut, OrderId, PageIn, PageOut, PartyId, Result, Time, TransferId};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

/// What an account stands at: credits minus debits. What the shop owes is positive, what a processor holds for it negative.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Balance)]
pub struct BalanceOut {
    pub account: AccountId,
    pub kind: AccountKind,
    pub party: Option<PartyId>,
    pub balance: MoneyOut,
}

/// One movement of money, with its legs.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Transfer)]
pub struct TransferOut {
    pub id: TransferId,
    /// What it was for: `capture`, `refund`.
    pub kind: String,
    pub order: Option<OrderId>,
    pub at: Time,
    /// Its place in the sealed sequence; null until it is sealed, some seconds later.
    pub sequence: Option<i64>,
    pub legs: Vec<LegOut>,
}

/// From the credited to the debited account, in the bookkeeper's sense.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Leg)]
pub struct LegOut {
    pub debit: AccountOut,
    pub credit: AccountOut,
    pub amount: MoneyOut,
    /// `share`, `tax`, `platform_fee`, `fulfilment_fee`, `delivery`, `processor_fee`.
    pub purpose: String,
}

#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Account)]
pub struct AccountOut {
    pub id: AccountId,
    pub kind: AccountKind,
    pub party: Option<PartyId>,
}

impl From<Balance> for BalanceOut {
    fn from(balance: Balance) -> Self {
        let AccountKey { kind, party } = balance.key;
        Self {
            account: balance.account,
            kind,
            party,
            balance: balance.money.into(),
        }
    }
}

impl From<Account> for AccountOut {
    fn from(account: Account) -> Self {
        let AccountKey { kind, party } = account.key;
        Self {
            id: account.id,
            kind,
            party,
        }
    }
}

impl From<Transfer> for TransferOut {
    fn from(transfer: Transfer) -> Self {
        let currency = transfer.currency;
        let leg = |leg: super::LegLine| LegOut {
            debit: leg.debit.into(),
            credit: leg.credit.into(),
            amount: Money::new(leg.minor, currency).into(),
            purpose: leg.purpose,
        };
        Self {
            id: transfer.id,
            kind: transfer.source_kind,
            order: transfer.order,
            at: transfer.at,
            sequence: transfer.sequence,
            legs: transfer.legs.into_iter().map(leg).collect(),
        }
    }
}

/// What every account of the shop stands at.
#[utoipa::path(get, path = "/v1/balances", tag = "money", responses((status = 200, body = PageOut<BalanceOut>)))]
pub async fn list_balances(State(app): State<App>, staff: Analyst) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let all = app.db.read(move |tx| balances(tx, shop)).await?;
    let data: Vec<BalanceOut> = all.into_iter().map(BalanceOut::from).collect();
    Ok(json(StatusCode::OK, PageOut { data, next: None }))
}

/// The shop's transfers with their legs, newest first.
#[utoipa::path(get, path = "/v1/transfers", tag = "money", params(PageIn), responses((status = 200, body = PageOut<TransferOut>)))]
pub async fn list_transfers(
    State(app): State<App>,
    staff: Analyst,
    Query(page): Query<PageIn>,
) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let found = app.db.read(move |tx| transfers(tx, shop, &page)).await?;
    Ok(json(StatusCode::OK, found.map(TransferOut::from)))
}
