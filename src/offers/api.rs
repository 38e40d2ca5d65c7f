//! `GET /v1/quotes`.

use super::model::{Asked, InDrop, Quote, Seen};
use super::quote::{Offer, quote, with_preorders};
use super::token;
use crate::app::App;
use crate::db::Tx;
use crate::delivery::Method;
use crate::discounts::Wish;
use crate::drops::{self, BuyerKey};
use crate::http::{ClientAddress, Limit, Problem, Query, Who, json, limit};
use crate::identity::{self, Player, Shop};
use crate::inventory::{self, Availability};
use crate::kernel::{
    AnchorId, ClipId, Currency, DiscountId, DropId, MethodId, Money, MoneyOut, PreorderId, ProductId, Result as Done,
    Seconds, ShopId, Time, VariantId, ZoneId,
};
use crate::preorders::QuotedPreorder;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// What a quote is asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QuoteIn {
    /// Variants and quantities: `var_a:1,var_b:2`.
    lines: String,
    /// ISO 3166-1 alpha-2; the shop's own country if absent.
    country: Option<String>,
    /// A delivery method of the zone; its first one if absent.
    delivery: Option<MethodId>,
    /// Where it was shown.
    clip: Option<ClipId>,
    version: Option<i64>,
    anchor: Option<AnchorId>,
    /// Position in the clip, milliseconds.
    at_ms: Option<i64>,
    /// The drop it is bought in: its prices, its units, its limit for each buyer.
    drop: Option<DropId>,
    /// A discount's code, as it was typed: any case.
    code: Option<String>,
}

/// What this viewer is offered now. Send `quote` back to buy exactly this.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct QuoteOut {
    /// Signed token.
    pub quote: String,
    pub version: u32,
    pub expires_at: Time,
    pub country: String,
    pub zone: Option<ZoneId>,
    pub currency: Currency,
    pub lines: Vec<QuoteLineOut>,
    /// The bundles its lines are parts of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bundles: Vec<QuotedBundleOut>,
    /// What takes something off, in the order in which it does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub discounts: Vec<QuotedDiscountOut>,
    /// All lines, tax included, with everything taken off.
    pub items: MoneyOut,
    pub delivery: Option<DeliveryOut>,
    pub delivery_options: Vec<DeliveryOut>,
    /// The tax inside the total.
    pub tax: MoneyOut,
    /// Whether the unit prices include it.
    pub tax_inclusive: bool,
    pub total: MoneyOut,
    pub needs_address: bool,
    pub returns: String,
    pub shipping_policy_url: String,
    pub availability: AvailabilityOut,
    pub payment_methods: Vec<PaymentMethod>,
    pub test_mode: bool,
    /// The drop it is bought in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop: Option<QuotedDropOut>,
}

/// The drop of a quote.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = QuotedDrop)]
pub struct QuotedDropOut {
    pub id: DropId,
    /// The latest event of its archive when the quote was made: the evidence of a sale says where in the run of show it was bought.
    pub position: i64,
    /// How long units are kept for whoever reserves them.
    pub hold_minutes: i64,
    /// Units one buyer may have; 0: no limit.
    pub limit_per_buyer: u32,
}

impl From<&drops::QuotedDrop> for QuotedDropOut {
    fn from(drop: &drops::QuotedDrop) -> Self {
        Self {
            id: drop.id,
            position: drop.position,
            hold_minutes: drop.hold_minutes,
            limit_per_buyer: drop.limit,
        }
    }
}

/// A bundle of a quote or an order.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = QuotedBundle)]
pub struct QuotedBundleOut {
    /// What it is sold as.
    pub variant: VariantId,
    pub product: ProductId,
    pub title: String,
    pub quantity: u32,
    /// The price of one, as the shop shows prices.
    pub unit: MoneyOut,
    /// What is given back when parts come back and the rest is kept.
    pub keep_the_rest: crate::catalog::KeepTheRest,
}

impl QuotedBundleOut {
    /// The bundles of a quote.
    pub fn all(quote: &Quote) -> Vec<Self> {
        let one = |bundle: &super::model::QuotedBundle| Self {
            variant: bundle.variant,
            product: bundle.product,
            title: bundle.title.clone(),
            quantity: bundle.quantity,
            unit: Money::new(bundle.unit_minor, quote.currency).into(),
            keep_the_rest: bundle.keep_the_rest,
        };
        quote.bundles.iter().map(one).collect()
    }
}

/// A discount of a quote or an order.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = QuotedDiscount)]
pub struct QuotedDiscountOut {
    pub id: DiscountId,
    /// Of the rule it was worked out with.
    pub version: i64,
    pub name: String,
    /// The code that was typed for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What it makes all lines cheaper, tax included.
    pub amount: MoneyOut,
}

impl QuotedDiscountOut {
    /// What takes something off a quote.
    pub fn all(quote: &Quote) -> Vec<Self> {
        let one = |(discount, minor): (&crate::discounts::Quoted, i64)| Self {
            id: discount.id,
            version: discount.version,
            name: discount.name.clone(),
            code: discount.code.clone(),
            amount: Money::new(minor, quote.currency).into(),
        };
        quote.taken_off().into_iter().map(one).collect()
    }
}

/// One line of a quote.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct QuoteLineOut {
    pub variant: VariantId,
    pub product: ProductId,
    pub title: String,
    pub variant_title: String,
    pub image: String,
    pub quantity: u32,
    /// As the shop shows prices; of a part of a bundle, what it costs alone.
    pub unit: MoneyOut,
    /// The bundle it is a part of, by its place in `bundles`; `amount` is its share of what that costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle: Option<u32>,
    /// How much less than alone it costs in that bundle, tax included, before discounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle_saving: Option<MoneyOut>,
    /// What discounts take off the line, as the shop shows prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off: Option<MoneyOut>,
    /// The line, tax included, with everything taken off.
    pub amount: MoneyOut,
    pub tax: MoneyOut,
    pub tax_rate_bp: u32,
    /// It is a pre-order: not there yet, and sold as what is expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preorder: Option<PromisedOut>,
}

/// What is promised of a pre-order.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PreorderPromise)]
pub struct PromisedOut {
    pub id: PreorderId,
    /// It leaves by then; a later day is told by letter, and it can be canceled until it leaves.
    pub ships_by: Time,
}

impl From<QuotedPreorder> for PromisedOut {
    fn from(quoted: QuotedPreorder) -> Self {
        Self {
            id: quoted.id,
            ships_by: quoted.ships_by,
        }
    }
}

/// A way to travel, with its promise.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct DeliveryOut {
    pub id: MethodId,
    pub name: String,
    pub price: MoneyOut,
    pub eta_min: String,
    pub eta_max: String,
    pub promise: String,
}

/// What is left, and what is inside other people's checkouts.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
pub struct AvailabilityOut {
    pub left: i64,
    pub in_checkouts: i64,
}

/// How it can be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethod {
    /// By card, through the shop's processor.
    Card,
    /// On pickup or by transfer.
    Manual,
}

/// What this viewer is offered now, with an expiry. Nothing is reserved yet.
#[utoipa::path(get, path = "/v1/quotes", tag = "buying", params(QuoteIn), responses(
    (status = 200, body = QuoteOut),
    (status = 404, description = "`not_for_sale`: there is no such variant, or it is not sold now; `code_unknown`, also of another shop's code."),
    (status = 409, description = "`sold_out` with `left`, or `not_delivered_there`; of a code `code_ended`, `code_used_up`, `code_minimum`, \
        `code_not_for_these`, `code_gives_less`; `shop_not_open` or `shop_closed`, of a shop that exists for a time; in a drop `drop_not_open`, `drop_paused`, `drop_closed`, `not_in_drop`."),
    (status = 422, description = "A parameter breaks a rule."),
    (status = 429, description = "`too_many_requests`: codes are tried by one address too often."),
    (status = 503, description = "Too busy; nothing was done. Ask again, after `Retry-After`."),
))]
pub async fn get_quote(
    State(app): State<App>,
    player: Player,
    key: BuyerKey,
    ClientAddress(address): ClientAddress,
    Query(query): Query<QuoteIn>,
) -> Result<Response, Problem> {
    let key = key.hash(player.shop);
    if query.code.is_some() {
        limit(&app, Limit::DiscountCode, Who::AddressAtShop(address, player.shop))?;
    }
    let asked = Asked {
        lines: Asked::lines(&query.lines)?,
        country: query
            .country
            .as_deref()
            .map(Asked::country)
            .transpose()?
            .unwrap_or_default(),
        delivery: query.delivery,
        seen: query.clip.map(|clip| Seen {
            clip,
            version: query.version.unwrap_or(0),
            anchor: query.anchor,
            at_ms: query.at_ms.unwrap_or(0),
        }),
        drop: query.drop.map(|drop| InDrop::new(drop).by(key)),
        discounts: Wish::Now(query.code),
    };
    let holds = Seconds::minutes(app.settings.quote_minutes);
    let (shop, offer, stock) = app
        .db
        .look(move |tx| {
            tx.ahead(|tx| {
                drop(identity::shop(tx, player.shop));
                for line in &asked.lines {
                    drop(availability(tx, player.shop, query.drop, line.variant, key.as_ref()));
                }
            });
            let shop = identity::shop(tx, player.shop)?;
            identity::must_trade(&shop, tx.now())?;
            let mut asked = asked.clone();
            if asked.country.is_empty() {
                asked.country.clone_from(&shop.country);
            }
            let mut scarcest: Option<(Availability, bool)> = None;
            let mut any_short = false;
            for line in &asked.lines {
                let stock = availability(tx, shop.id, query.drop, line.variant, key.as_ref())?;
                let short = stock.left < i64::from(line.quantity);
                any_short |= short;
                if scarcest.is_none_or(|(least, _)| stock.left < least.left) {
                    scarcest = Some((stock, short));
                }
            }
            let mut offer = quote(tx, &shop, &asked, holds)?;
            scarcest = scarcest.map(|(least, _)| (least, any_short));
            if let (true, Offer::Quoted(quote, _)) = (any_short, &mut offer)
                && let Some(expected) = with_preorders(tx, quote)?
            {
                scarcest = Some((expected, false));
            }
            Ok((shop, offer, scarcest.unwrap_or_default()))
        })
        .await?;
    let (availability, short) = stock;
    match offer {
        Offer::NotForSale(variant) => {
            Err(
                Problem::new(StatusCode::NOT_FOUND, "not_for_sale", "This is not for sale now.")
                    .with("variant", variant),
            )
        }
        Offer::NotDeliveredThere => Err(Problem::conflict(
            "not_delivered_there",
            "This shop does not deliver to that country.",
        )),
        Offer::NoSuchMethod => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "no_such_method",
            "This delivery method is not offered there.",
        )),
        Offer::Quoted(..) if short => Err(
            Problem::conflict("sold_out", "Not enough are left. Nothing was reserved.")
                .with("left", availability.left.max(0)),
        ),
        Offer::Quoted(quote, methods) => {
            let token = token::sign(app.db.signing_key(), &quote);
            Ok(json(
                StatusCode::OK,
                QuoteOut::new(token, &quote, &methods, &shop, availability, &app),
            ))
        }
    }
}

/// What is left of a variant: in the shop, or in a drop, where what is offered to whoever waited is there for them alone.
pub fn availability(
    tx: &mut Tx<'_>,
    shop: ShopId,
    drop: Option<DropId>,
    variant: VariantId,
    key: Option<&[u8; 32]>,
) -> Done<Availability> {
    let Some(drop) = drop else {
        return inventory::availability(tx, variant);
    };
    let theirs = match key {
        Some(key) => i64::from(drops::offered_units(tx, drop, variant, key)?),
        None => 0,
    };
    let there = inventory::aside(tx, shop, drops::place(drop))?;
    let row = there.iter().find(|row| row.variant == variant);
    Ok(row.map_or(Availability::default(), |row| Availability {
        left: if theirs > 0 { theirs } else { row.left() },
        in_checkouts: row.reserved - theirs,
        version: row.version,
    }))
}

/// The promise of a method for an order placed at `at`.
pub fn promise_out(quote: &Quote, at: Time) -> Option<DeliveryOut> {
    quote.delivery.as_ref().map(|delivery| {
        let method = Method {
            id: delivery.method,
            name: delivery.name.clone(),
            price: Money::new(delivery.amount_minor, quote.currency),
            eta_days_min: delivery.eta_days_min,
            eta_days_max: delivery.eta_days_max,
        };
        DeliveryOut::new(&method, quote.leaves(at))
    })
}

impl DeliveryOut {
    fn new(method: &Method, at: Time) -> Self {
        let promise = method.promise(at);
        Self {
            id: method.id,
            name: method.name.clone(),
            price: method.price.into(),
            eta_min: promise.from.to_string(),
            eta_max: promise.until.to_string(),
            promise: promise.to_string(),
        }
    }
}

impl QuoteOut {
    /// A quote for showing. `methods` and `availability` are of this instant.
    pub fn new(
        token: String,
        quote: &Quote,
        methods: &[Method],
        shop: &Shop,
        availability: Availability,
        app: &App,
    ) -> Self {
        let money = |minor| MoneyOut::from(Money::new(minor, quote.currency));
        Self {
            quote: token,
            version: quote.version,
            expires_at: quote.expires_at,
            country: quote.country.clone(),
            zone: quote.zone,
            currency: quote.currency,
            lines: quote
                .lines
                .iter()
                .map(|line| QuoteLineOut {
                    variant: line.variant,
                    product: line.product,
                    title: line.title.clone(),
                    variant_title: line.variant_title.clone(),
                    image: line.image.clone(),
                    quantity: line.quantity,
                    unit: money(line.unit_minor),
                    bundle: line.bundle.map(|inside| inside.at),
                    bundle_saving: line.bundle.map(|_| money(quote.saved_in_bundle(line))),
                    off: Some(line.taken.iter().sum()).filter(|minor| *minor > 0).map(money),
                    amount: money(line.amount_minor),
                    tax: money(line.tax_minor),
                    tax_rate_bp: line.tax.0,
                    preorder: line.preorder.map(PromisedOut::from),
                })
                .collect(),
            bundles: QuotedBundleOut::all(quote),
            discounts: QuotedDiscountOut::all(quote),
            items: money(quote.items_minor),
            delivery: promise_out(quote, quote.shown_at),
            delivery_options: methods
                .iter()
                .map(|method| DeliveryOut::new(method, quote.leaves(quote.shown_at)))
                .collect(),
            tax: money(quote.tax_minor),
            tax_inclusive: quote.inclusive,
            total: money(quote.total_minor),
            needs_address: quote.needs_address(),
            returns: if quote.return_days == 0 {
                "No returns".into()
            } else {
                format!("{} days to return", quote.return_days)
            },
            shipping_policy_url: format!("{}/s/{}/policies/shipping", app.base_url, shop.slug),
            availability: AvailabilityOut {
                left: availability.left.max(0),
                in_checkouts: availability.in_checkouts,
            },
            payment_methods: vec![PaymentMethod::Card, PaymentMethod::Manual],
            test_mode: shop.test_mode,
            drop: quote.drop.as_ref().map(QuotedDropOut::from),
        }
    }
}
