//! Who takes the money, and by which rules, as JSON.

use super::model::check_amount;
use super::routing::{self, Routing, Write, current, write};
use super::rules::{Candidate, Rule, Rules, Sale};
use crate::app::App;
use crate::db::LaneKey;
use crate::http::{IfMatch, Json, Problem, etag, json};
use crate::identity::{Analyst, Owner};
use crate::kernel::{CheckoutId, Error, MoneyOut};
use crate::offers::PaymentMethod;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// The shop's rules and the processors they can name.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Routing)]
pub struct RoutingOut {
    /// 0: no rules were ever written. Send it in `If-Match` with the next ones.
    pub version: i64,
    pub rules: Vec<Rule>,
    pub processors: Vec<ProcessorOut>,
}

/// What a processor of this installation can do.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Processor)]
pub struct ProcessorOut {
    pub name: String,
    /// `card` or `manual`.
    pub method: String,
    /// The currencies it takes; empty: all of them.
    pub currencies: Vec<String>,
    /// Takes a promise in several parts, one a parcel.
    pub multicapture: bool,
    pub partial_authorization: bool,
    pub incremental_authorization: bool,
    pub void_after_partial_capture: bool,
    /// How long a promise lasts where its answer does not say; none: it does not lapse.
    pub authorization_window_hours: Option<i64>,
    /// Whether new payments may go there now: it was reached lately, or left alone for long enough.
    pub reached: bool,
}

impl From<&Candidate> for ProcessorOut {
    fn from(one: &Candidate) -> Self {
        let can = &one.can;
        Self {
            name: one.name.to_owned(),
            method: can.method.to_owned(),
            currencies: can.currencies.iter().map(|code| (*code).to_owned()).collect(),
            multicapture: can.multicapture,
            partial_authorization: can.partial_authorization,
            incremental_authorization: can.incremental_authorization,
            void_after_partial_capture: can.void_after_partial_capture,
            authorization_window_hours: can.authorization_window.map(|window| window.0 / 3600),
            reached: one.reached,
        }
    }
}

/// The rules as they shall be, in their order: the first that fits a sale decides.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRouting)]
pub struct RoutingIn {
    pub rules: Vec<Rule>,
}

/// A payment that nobody makes.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DryRun)]
pub struct DryRunIn {
    pub amount: MoneyOut,
    /// ISO 3166-1 alpha-2: where it goes.
    #[schema(pattern = "^[A-Z]{2}$")]
    pub country: String,
    pub method: PaymentMethod,
    /// Whether it may leave in several parcels.
    #[serde(default)]
    pub parts: bool,
    /// A split draws its lot from the checkout. Without one, a checkout is made up, and a split may say something else each time.
    #[serde(default)]
    pub checkout: Option<CheckoutId>,
}

/// What would happen to it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DryRunAnswer)]
pub struct DryRunOut {
    /// Of the rules.
    pub version: i64,
    /// The rule that decides; none where no rule fits, or one processor takes the method and there is nothing to choose.
    pub rule: Option<DecidingOut>,
    /// Who would be asked, in this order: the next one only after a definite no.
    pub asked: Vec<String>,
    /// Every processor, those that would be asked first.
    pub processors: Vec<PlaceOut>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DecidingRule)]
pub struct DecidingOut {
    /// From 0, in the list of rules.
    pub index: usize,
    pub name: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DryRunPlace)]
pub struct PlaceOut {
    pub processor: String,
    pub asked: bool,
    /// `eligible`, `takes_once`, `nobody_else`, `other_method`, `not_in_rule`, `not_here`, `other_vault`, `currency_not_taken`,
    /// `amount_not_counted`, `not_reached`, `below_floor`.
    pub reason: String,
    /// The same in words.
    pub detail: String,
}

/// The shop's routing rules, and the processors of this installation.
#[utoipa::path(get, path = "/v1/routing", tag = "money", responses((status = 200, body = RoutingOut)))]
pub async fn get_routing(State(app): State<App>, staff: Analyst) -> Result<Response, Problem> {
    let shop = staff.shop;
    let rules = app.db.read(move |tx| current(tx, shop)).await?;
    let routing = routing::look(&app, shop).await?;
    Ok(shown(rules, &routing))
}

fn shown(rules: Rules, routing: &Routing) -> Response {
    let tag = etag(rules.version);
    let body = RoutingOut {
        version: rules.version,
        rules: rules.rules,
        processors: routing.candidates().iter().map(ProcessorOut::from).collect(),
    };
    let mut response = json(StatusCode::OK, body);
    response.headers_mut().insert(header::ETAG, tag);
    response
}

/// Replace the routing rules. Payments that begin from now on use them. Needs the owner.
#[utoipa::path(put, path = "/v1/routing", tag = "money",
    params(("If-Match" = String, Header, description = "The version you replace, in quotes; `\"0\"` where there are none yet.")),
    request_body = RoutingIn, responses((status = 200, body = RoutingOut), (status = 412, description = "`stale`"),
    (status = 422, description = "`invalid_field`: a rule that cannot be, or a processor that is not here.")))]
pub async fn put_routing(
    State(app): State<App>,
    owner: Owner,
    IfMatch(version): IfMatch,
    Json(new): Json<RoutingIn>,
) -> Result<Response, Problem> {
    let shop = owner.shop;
    let known: Vec<&'static str> = app.processors.iter().map(|one| one.name()).collect();
    let rules = new.rules;
    let written = app.db.write(LaneKey::of(shop), move |tx| {
        write(tx, shop, version, rules.clone(), &known)
    });
    match written.await? {
        Write::Written(rules) => Ok(shown(rules, &routing::look(&app, shop).await?)),
        Write::Stale(current) => Err(IfMatch::stale(current)),
    }
}

/// Ask what would happen to a payment; nothing does.
#[utoipa::path(post, path = "/v1/routing/dry-run", tag = "money", request_body = DryRunIn, responses((status = 200, body = DryRunOut),
    (status = 422, description = "`invalid_field`, `amount_too_small`, `amount_too_large`")))]
pub async fn post_dry_run(
    State(app): State<App>,
    staff: Analyst,
    Json(asked): Json<DryRunIn>,
) -> Result<Response, Problem> {
    if !(asked.country.len() == 2 && asked.country.bytes().all(|byte| byte.is_ascii_uppercase())) {
        return Err(Error::field("/country", "Use two capital letters such as DE.").into());
    }
    check_amount(asked.amount.into())?;
    let sale = Sale {
        checkout: asked.checkout.unwrap_or_else(|| app.random.id(app.clock.wall())),
        amount: asked.amount.into(),
        country: asked.country,
        method: asked.method,
        parts: asked.parts,
    };
    let plan = routing::look(&app, staff.shop).await?.plan(&sale);
    let place = |place: &super::rules::Place| PlaceOut {
        processor: place.processor.clone(),
        asked: place.why.is_asked(),
        reason: place.why.code().to_owned(),
        detail: place.why.words().to_owned(),
    };
    let body = DryRunOut {
        version: plan.version,
        asked: plan.asked().map(str::to_owned).collect(),
        processors: plan.places.iter().map(place).collect(),
        rule: plan.rule.map(|(index, name)| DecidingOut { index, name }),
    };
    Ok(json(StatusCode::OK, body))
}
