//! Price rules over HTTP: how they are planned, how they stand, and stopping one.

use super::api::done;
use super::rules::{Rule, RuleState, When, kind, stop_rule};
use crate::app::App;
use crate::http::{Path, Problem};
use crate::identity::Creator;
use crate::kernel::{DropId, Money, MoneyOut, PriceRuleId, Time};
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// A step of a price that is taken by itself.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = NewPriceRule)]
pub enum PriceRuleIn {
    /// At a moment; at the opening if that is later.
    At { at: Time, price: MoneyOut },
    /// Every so many minutes after the opening, down by so much each time and never below the floor. A pause stops its clock.
    Every {
        minutes: u32,
        down: MoneyOut,
        floor: MoneyOut,
    },
    /// Once so many units of it are paid.
    Sold { units: u32, price: MoneyOut },
}

impl From<PriceRuleIn> for When {
    fn from(rule: PriceRuleIn) -> Self {
        let money = |money: MoneyOut| Money::new(money.amount, money.currency);
        match rule {
            PriceRuleIn::At { at, price } => Self::At(at, money(price)),
            PriceRuleIn::Every { minutes, down, floor } => Self::Every {
                minutes,
                down: money(down),
                floor: money(floor),
            },
            PriceRuleIn::Sold { units, price } => Self::Sold(units, money(price)),
        }
    }
}

/// A price rule, and how it stands.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PriceRule)]
pub struct PriceRuleOut {
    pub id: PriceRuleId,
    /// `at`, `every` or `sold`.
    pub kind: &'static str,
    /// The price it sets; of `every`, the floor.
    pub price: MoneyOut,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down: Option<MoneyOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<u32>,
    pub state: RuleState,
    /// Steps it took.
    pub steps: i64,
    /// When the clock takes its next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Time>,
}

impl PriceRuleOut {
    pub(super) fn of(rule: &Rule) -> Self {
        let (at, minutes, down, units) = match rule.when {
            When::At(at, _) => (Some(at), None, None, None),
            When::Every { minutes, down, .. } => (None, Some(minutes), Some(down.into()), None),
            When::Sold(units, _) => (None, None, None, Some(units)),
        };
        Self {
            id: rule.id,
            kind: kind(&rule.when),
            price: rule.when.price().into(),
            at,
            minutes,
            down,
            units,
            state: rule.state,
            steps: rule.steps,
            next_at: rule.next_at,
        }
    }
}

/// Stop a price rule. The price stays as it is.
#[utoipa::path(delete, path = "/v1/drops/{drop}/price-rules/{price_rule}", tag = "drops", params(("drop" = DropId, Path), ("price_rule" = PriceRuleId, Path)),
    responses((status = 200, body = super::api::DropOut), (status = 404, description = "also `no_such_price_rule`"), (status = 409, description = "`wrong_drop_state`")))]
pub async fn delete_price_rule(
    State(app): State<App>,
    creator: Creator,
    Path((id, rule)): Path<(DropId, PriceRuleId)>,
) -> Result<Response, Problem> {
    done(&app, &creator.0, id, move |tx, hand| stop_rule(tx, hand, rule)).await
}
