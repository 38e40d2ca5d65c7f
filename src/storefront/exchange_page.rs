//! Exchanging something that has left, in two steps: what for what, then what it comes to. Opened from the order's page by its secret; works without
//! scripts.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::checkout_form::{Typed, payment_of};
use super::frame::{Frame, Head, Link};
use super::front::{Front, shown};
use super::message_page::MessagePage;
use super::order_page::{OpenLine, OrderIn, opens};
use super::structured_data::Markup;
use crate::app::App;
use crate::catalog::{self, Kind as Goods, VariantState};
use crate::checkout::{self, OrderView, Paying, Ship};
use crate::db::Tx;
use crate::exchanges::{self, Ask, AskFor, End, Preview};
use crate::http::{ClientAddress, Form, Path, Problem, Query, SameOrigin, redirect};
use crate::inventory;
use crate::kernel::{ExchangeId, Kind, Money, OrderId, Result as Done, VariantId, words};
use crate::returns;

/// Products among which something else is chosen.
const PRODUCTS: i64 = 60;

/// The variants of a product that can be chosen.
#[derive(Clone)]
pub struct Group {
    pub title: String,
    pub variants: Vec<Wanted>,
}

/// One of them.
#[derive(Clone)]
pub struct Wanted {
    pub id: String,
    /// "Green · €30.00".
    pub label: String,
    pub chosen: bool,
    /// Nothing is left of it.
    pub gone: bool,
}

/// What it comes to, before it is asked for.
pub struct Offered {
    /// "1 × Dune mug, Tide".
    pub back: String,
    pub wanted: String,
    pub comes_back: String,
    pub items: String,
    /// None: the parcel costs nothing.
    pub delivery: Option<String>,
    /// "You pay €4.90 once yours is here."
    pub verdict: String,
    /// What the form carries on: names and values.
    pub fields: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "storefront/exchange.html")]
pub struct ExchangePage {
    pub frame: Frame,
    pub head: Head,
    pub order_path: String,
    pub action: String,
    pub token: String,
    pub number: String,
    /// What can come back, and which of it was chosen.
    pub lines: Vec<(OpenLine, bool)>,
    /// None: there is one piece of each.
    pub quantity: Option<String>,
    pub groups: Vec<Group>,
    pub problem: String,
    /// None: the first step.
    pub offered: Option<Offered>,
}

/// The first step; or, once it was filled in, what it comes to. Nothing is kept by looking.
pub async fn show(
    State(app): State<App>,
    front: Front,
    Path((_, id)): Path<(String, OrderId)>,
    Query(typed): Query<Typed>,
) -> Result<Response, Problem> {
    let token = typed.get("t").cloned().unwrap_or_default();
    if !opens(&app, id, &token) {
        return front.nothing_here();
    }
    let fresh = app.random.id::<ExchangeId>(app.clock.wall());
    let place = front.clone();
    let read = app
        .db
        .read(move |tx| ExchangePage::read(tx, &place, id, &typed, fresh))
        .await?;
    match read {
        Some(Some(page)) => shown(StatusCode::OK, &page),
        Some(None) => said(&app, &front, id, TOO_LATE),
        None => front.nothing_here(),
    }
}

const TOO_LATE: &str =
    "Nothing of this order can be exchanged any more. If something is wrong with what you got, write to the shop.";

fn said(app: &App, front: &Front, id: OrderId, text: &str) -> Result<Response, Problem> {
    let order = Link::new("Back to the order", &checkout::order_page_url(app, &front.shop, id));
    let title = "Nothing was exchanged.";
    let page = MessagePage::new(front.frame(), 409, title, text, None, vec![order]);
    shown(StatusCode::CONFLICT, &page)
}

/// What was typed, if it is whole.
fn asked(typed: &Typed) -> Option<(Ship, VariantId)> {
    let text = |name: &str| typed.get(name).map_or("", |text| text.trim());
    let quantity = match text("quantity") {
        "" => 1,
        text => text.parse().ok()?,
    };
    let line = text("piece").parse().ok()?;
    let unit = Ship { line, quantity };
    Some((unit, text("variant").parse().ok()?))
}

/// The second step, confirmed. Sent twice it is one exchange.
pub async fn confirm(
    State(app): State<App>,
    front: Front,
    _: SameOrigin,
    Path((_, id)): Path<(String, OrderId)>,
    Query(query): Query<OrderIn>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    if !opens(&app, id, query.token()) {
        return front.nothing_here();
    }
    let exchange = typed.get("exchange").and_then(|text| text.trim().parse().ok());
    let (Some(exchange), Some((unit, variant))) = (exchange, asked(&typed)) else {
        return said(&app, &front, id, "Choose a piece, and what you want instead.");
    };
    let wish = AskFor {
        id: exchange,
        unit,
        variant,
        staff: None,
    };
    match exchanges::ask(&app, front.shop.id, id, wish).await {
        Ok(Ask::Asked(_) | Ask::Again(_)) => Ok(redirect(&checkout::order_page_url(&app, &front.shop, id))),
        Ok(Ask::NotFound) => front.nothing_here(),
        Ok(Ask::TooLate) => said(&app, &front, id, TOO_LATE),
        Err(error) if matches!(error.kind, Kind::Conflict | Kind::Invalid) => said(&app, &front, id, &error.detail),
        Err(error) => Err(error.into()),
    }
}

const SOLD_OUT: &str = "Somebody else was faster: so many of it are not left. Choose something else.";

/// The buyer gives it up, or would rather have their money back.
pub async fn end(
    State(app): State<App>,
    front: Front,
    _: SameOrigin,
    Path((_, id)): Path<(String, OrderId)>,
    Query(query): Query<OrderIn>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    if !opens(&app, id, query.token()) {
        return front.nothing_here();
    }
    let Some(exchange) = typed.get("exchange").and_then(|text| text.trim().parse().ok()) else {
        return front.nothing_here();
    };
    let why = "Given up by the buyer.";
    match exchanges::end(&app, front.shop.id, (id, exchange), why, None).await {
        Ok(End::Ended | End::Placed) => Ok(redirect(&checkout::order_page_url(&app, &front.shop, id))),
        Ok(End::NotFound) => front.nothing_here(),
        Err(error) if matches!(error.kind, Kind::Conflict | Kind::Invalid) => said(&app, &front, id, &error.detail),
        Err(error) => Err(error.into()),
    }
}

/// The buyer pays the difference. Sent twice, it is one payment; what came of it stands on the order's page.
pub async fn pay(
    State(app): State<App>,
    front: Front,
    _: SameOrigin,
    ClientAddress(client): ClientAddress,
    Path((_, id)): Path<(String, OrderId)>,
    Query(query): Query<OrderIn>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    if !opens(&app, id, query.token()) {
        return front.nothing_here();
    }
    checkout::admit(&app, client, front.shop.id)?;
    let Some(exchange) = typed.get("exchange").and_then(|text| text.trim().parse().ok()) else {
        return front.nothing_here();
    };
    let page = checkout::order_page_url(&app, &front.shop, id);
    let chosen = typed.get("payment").map(|value| value.trim()).unwrap_or_default();
    let paying = Paying::plain(payment_of(chosen));
    let paid = exchanges::pay(&app, front.shop.id, (id, exchange), paying, page.clone()).await;
    match paid {
        Ok(exchanges::Pay::NotFound) => front.nothing_here(),
        Ok(exchanges::Pay::NotPayable) => Ok(redirect(&page)),
        Ok(exchanges::Pay::Paid(paid)) => match *paid {
            // A form may lead to our own pages only; the page has a link to another bank.
            checkout::Pay::Settled(settled) if settled.action_url.starts_with(&format!("{}/", app.base_url)) => {
                Ok(redirect(&settled.action_url))
            }
            _ => Ok(redirect(&page)),
        },
        Err(error) if matches!(error.kind, Kind::Conflict | Kind::Invalid) => said(&app, &front, id, &error.detail),
        Err(error) => Err(error.into()),
    }
}

/// What of an order can come back for something else.
pub fn lines(view: &OrderView) -> Vec<OpenLine> {
    let quoted = &view.checkout.offer.quote.lines;
    let travels =
        |(line, quoted): &(&checkout::OrderLine, &crate::offers::QuotedLine)| quoted.physical && line.kept() > 0;
    let lines = view.lines.iter().zip(quoted).filter(travels);
    lines
        .map(|(line, quoted)| OpenLine {
            line: line.line,
            title: quoted.title.clone(),
            variant_title: quoted.variant_title.clone(),
            open: line.kept(),
        })
        .collect()
}

/// Everything that can be chosen instead: what belongs to the order first, then the rest of the shop.
pub fn groups(tx: &mut Tx<'_>, view: &OrderView, chosen: Option<VariantId>) -> Done<Vec<Group>> {
    let (shop, currency) = (view.order.shop, view.order.currency);
    let mine = |product| {
        view.checkout
            .offer
            .quote
            .lines
            .iter()
            .any(|line| line.product == product)
    };
    let mut products = catalog::list_active(tx, shop, None, PRODUCTS)?.data;
    for line in &view.checkout.offer.quote.lines {
        if products.iter().all(|known| known.id != line.product) {
            let own = catalog::find(tx, shop, line.product)?;
            products.extend(own.filter(|own| own.state == catalog::ProductState::Active));
        }
    }
    products.retain(|product| product.kind == Goods::Physical);
    products.sort_by_key(|product| (!mine(product.id), product.title.clone()));
    let mut groups = Vec::new();
    for product in products {
        if catalog::bundle(tx, shop, product.id)?.is_some() {
            continue;
        }
        let mut variants = Vec::new();
        for variant in catalog::variants(tx, shop, product.id, currency)? {
            let Some(price) = variant.price.filter(|_| variant.state == VariantState::Active) else {
                continue;
            };
            let gone = inventory::availability(tx, variant.id)?.left < 1;
            let name = if variant.title.is_empty() {
                &product.title
            } else {
                &variant.title
            };
            variants.push(Wanted {
                id: variant.id.to_string(),
                label: format!(
                    "{name} · {}{}",
                    words::money(price),
                    if gone { " · sold out" } else { "" }
                ),
                chosen: Some(variant.id) == chosen,
                gone,
            });
        }
        if !variants.is_empty() {
            groups.push(Group {
                title: product.title,
                variants,
            });
        }
    }
    Ok(groups)
}

impl ExchangePage {
    fn read(
        tx: &mut Tx<'_>,
        front: &Front,
        id: OrderId,
        typed: &Typed,
        fresh: ExchangeId,
    ) -> Done<Option<Option<Self>>> {
        let Some(view) = checkout::view(tx, front.shop.id, id)? else {
            return Ok(None);
        };
        let lines = lines(&view);
        if lines.is_empty() || !returns::right_of(tx, &view)?.is_open(tx.now()) {
            return Ok(Some(None));
        }
        let wish = asked(typed);
        let token = typed.get("t").cloned().unwrap_or_default();
        let several = lines.iter().any(|line| line.open > 1);
        let piece = typed.get("piece").and_then(|text| text.trim().parse().ok());
        let piece = piece.or((lines.len() == 1).then(|| lines[0].line));
        let mut page = Self {
            head: head(&front.shop.name, &view.order.number),
            frame: front.frame(),
            order_path: front.path(&format!("/orders/{id}?t={token}")),
            action: front.path(&format!("/orders/{id}/exchange")),
            number: view.order.number.clone(),
            groups: groups(tx, &view, wish.map(|(_, variant)| variant))?,
            quantity: several.then(|| typed.get("quantity").cloned().unwrap_or_else(|| "1".into())),
            lines: lines
                .into_iter()
                .map(|line| (line.line, line))
                .map(|(n, line)| (line, piece == Some(n)))
                .collect(),
            problem: String::new(),
            offered: None,
            token,
        };
        if !typed.contains_key("variant") {
            return Ok(Some(Some(page)));
        }
        let Some((unit, variant)) = wish else {
            page.problem = "Choose a piece, how many as a whole number, and what you want instead.".into();
            return Ok(Some(Some(page)));
        };
        match exchanges::preview(tx, &view, unit, variant) {
            Ok(_) if inventory::availability(tx, variant)?.left < i64::from(unit.quantity) => {
                page.problem = SOLD_OUT.into();
            }
            Ok(found) => page.offered = Some(offered(&view, &found, unit, variant, fresh)),
            Err(error) if matches!(error.kind, Kind::Conflict | Kind::Invalid) => {
                page.problem = error.detail.into_owned();
            }
            Err(error) => return Err(error),
        }
        Ok(Some(Some(page)))
    }

    pub fn sample() -> Self {
        let line = |line, title: &str, variant: &str, open| OpenLine {
            line,
            title: title.into(),
            variant_title: variant.into(),
            open,
        };
        let wanted = |label: &str, chosen, gone| Wanted {
            id: "var_01ksample".into(),
            label: label.into(),
            chosen,
            gone,
        };
        Self {
            frame: Frame::sample(),
            head: head("Loam & Ink", "L-1042"),
            order_path: "/s/loam-and-ink/orders/ord_01ksample?t=sample".into(),
            action: "/s/loam-and-ink/orders/ord_01ksample/exchange".into(),
            token: "sample".into(),
            number: "L-1042".into(),
            lines: vec![
                (line(0, "Dune mug", "Tide", 2), true),
                (line(1, "Slow dripper", "", 1), false),
            ],
            quantity: Some("1".into()),
            groups: vec![
                Group {
                    title: "Dune mug".into(),
                    variants: vec![
                        wanted("Sand · €30.00", true, false),
                        wanted("Tide · €30.00 · sold out", false, true),
                    ],
                },
                Group {
                    title: "Slow dripper".into(),
                    variants: vec![wanted("Slow dripper · €42.00", false, false)],
                },
            ],
            problem: String::new(),
            offered: None,
        }
    }

    /// Everything is chosen, and waits to be confirmed.
    pub fn sample_offered() -> Self {
        Self {
            offered: Some(Offered {
                back: "1 × Dune mug, Tide".into(),
                wanted: "1 × Slow dripper".into(),
                comes_back: "€30.00".into(),
                items: "€42.00".into(),
                delivery: Some("€4.90".into()),
                verdict: "You pay €16.90 once yours is here.".into(),
                fields: vec![("exchange".into(), "exc_01ksample".into())],
            }),
            ..Self::sample()
        }
    }
}

fn offered(view: &OrderView, found: &Preview, unit: Ship, variant: VariantId, fresh: ExchangeId) -> Offered {
    let money = |minor| words::money(Money::new(minor, view.order.currency));
    let title = view.lines.iter().find(|line| line.line == unit.line);
    let wanted = found
        .quote
        .lines
        .first()
        .map_or(String::new(), |line| match line.variant_title.as_str() {
            "" => line.title.clone(),
            variant => format!("{} · {variant}", line.title),
        });
    let delivery = found
        .quote
        .delivery
        .as_ref()
        .map_or(0, |delivery| delivery.amount_minor);
    let verdict = match (found.sums.missing_minor, found.sums.back_minor) {
        (0, 0) => "There is nothing to pay.".to_owned(),
        (0, back) => format!("{} goes back to you once yours is here, the way you paid.", money(back)),
        (missing, _) => format!("You pay {} once yours is here.", money(missing)),
    };
    let field = |name: &str, value: String| (name.to_owned(), value);
    Offered {
        back: format!("{} × {}", unit.quantity, title.map_or("", |line| line.title.as_str())),
        wanted: format!("{} × {wanted}", unit.quantity),
        comes_back: money(found.comes_back_minor),
        items: money(found.quote.items_minor),
        delivery: (delivery > 0).then(|| money(delivery)),
        verdict,
        fields: vec![
            field("exchange", fresh.to_string()),
            field("piece", unit.line.to_string()),
            field("quantity", unit.quantity.to_string()),
            field("variant", variant.to_string()),
        ],
    }
}

fn head(shop: &str, number: &str) -> Head {
    Head {
        title: format!("Exchange something of order {number} · {shop}"),
        description: format!("Exchange something of order {number}."),
        canonical: String::new(),
        kind: "website",
        picture: None,
        markup: Markup::none(),
        listed: false,
    }
}
