//! Withdrawing from the contract, in two steps: what and who, then a statement that is confirmed (Directive 2011/83/EU, article 11a). Opened from the
//! order's page by its secret; works without scripts.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::checkout_form::Typed;
use super::frame::{Frame, Head, Link};
use super::front::{Front, shown};
use super::message_page::MessagePage;
use super::order_page::{OpenLine, OrderIn, chosen, opens};
use super::structured_data::Markup;
use crate::app::App;
use crate::checkout::{self, Contact, OrderView};
use crate::db::{LaneKey, Tx};
use crate::http::{Form, Path, Problem, Query, SameOrigin, redirect};
use crate::kernel::{Kind, OrderId, Result as Done, ReturnId, Seconds, words};
use crate::returns::{self, Right, Statement, Withdraw};

/// What stands in the statement, once everything is said.
pub struct Stated {
    /// "2 × Dune mug, Tide".
    pub pieces: Vec<String>,
    pub concluded: String,
    /// What the form carries on: names and values.
    pub fields: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "storefront/withdrawal.html")]
pub struct WithdrawalPage {
    pub frame: Frame,
    pub head: Head,
    pub order_path: String,
    pub action: String,
    pub token: String,
    pub number: String,
    /// "You may withdraw until 25 November 2026 …".
    pub explanation: String,
    pub lines: Vec<OpenLine>,
    pub name: String,
    pub email: String,
    pub words: String,
    pub problem: String,
    /// None: the first step.
    pub stated: Option<Stated>,
}

/// The first step; or, once it was filled in, the statement to confirm. Nothing is written down by looking.
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
    let fresh = app.random.id::<ReturnId>(app.clock.wall());
    let place = front.clone();
    let read = app
        .db
        .read(move |tx| WithdrawalPage::read(tx, &place, id, &typed, fresh))
        .await?;
    match read {
        Some(Ok(page)) => shown(StatusCode::OK, &page),
        Some(Err(text)) => said(&app, &front, id, &text),
        None => front.nothing_here(),
    }
}

fn said(app: &App, front: &Front, id: OrderId, text: &str) -> Result<Response, Problem> {
    let order = Link::new("Back to the order", &checkout::order_page_url(app, &front.shop, id));
    let title = "Nothing was withdrawn.";
    let page = MessagePage::new(front.frame(), 409, title, text, None, vec![order]);
    shown(StatusCode::CONFLICT, &page)
}

/// The second step, confirmed. Sent twice it is one withdrawal.
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
    let text = |name: &str| typed.get(name).map(|text| text.trim().to_owned()).unwrap_or_default();
    let (Ok(statement), Some(units)) = (text("statement").parse(), chosen(&typed, "back")) else {
        return said(
            &app,
            &front,
            id,
            "Choose how many pieces as whole numbers, at least one.",
        );
    };
    let statement = Statement {
        id: statement,
        units: Some(units),
        name: text("name"),
        email: text("email"),
        words: text("words"),
        staff: None,
    };
    match returns::withdraw(&app, front.shop.id, id, statement).await {
        Ok(Withdraw::Stated(_) | Withdraw::Again(_)) => Ok(redirect(&checkout::order_page_url(&app, &front.shop, id))),
        Ok(Withdraw::NotFound) => front.nothing_here(),
        Ok(Withdraw::NothingLeft) => said(&app, &front, id, NOTHING_LEFT),
        Ok(Withdraw::TooLate(_)) => said(&app, &front, id, TOO_LATE),
        Err(error) if matches!(error.kind, Kind::Conflict | Kind::Invalid) => {
            let detail = error.fields.first().map_or(&error.detail, |field| &field.detail);
            said(&app, &front, id, detail)
        }
        Err(error) => Err(error.into()),
    }
}

/// The buyer says how they sent it back.
pub async fn say_sent(
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
    let Some(Ok(statement)) = typed.get("statement").map(|text| text.trim().parse::<ReturnId>()) else {
        return front.nothing_here();
    };
    let (shop, proof) = (front.shop.id, typed.get("proof").cloned().unwrap_or_default());
    let sent = app
        .db
        .write(LaneKey::of(id), move |tx| {
            returns::say_sent(tx, shop, id, statement, &proof)
        })
        .await;
    match sent {
        Ok(_) => Ok(redirect(&checkout::order_page_url(&app, &front.shop, id))),
        Err(error) if error.kind == Kind::Invalid => {
            said(&app, &front, id, "Say with whom you sent it, and its number.")
        }
        Err(error) => Err(error.into()),
    }
}

const NOTHING_LEFT: &str = "Everything of this order was canceled or is on its way back already.";
const TOO_LATE: &str = "The time to withdraw is over. If something is wrong with what you got, write to the shop: its guarantee does not end with it.";

/// What a buyer still has of a line, here or there.
fn has(line: &checkout::OrderLine) -> u32 {
    line.open() + line.kept()
}

/// Until when, in a sentence.
pub(super) fn until(view: &OrderView, right: Right) -> String {
    let days = returns::days(&view.order.country, view.checkout.offer.quote.return_days);
    let days = words::count(u64::from(days), "day", "days");
    match right {
        Right::Open => {
            format!(
                "You may withdraw from the contract without giving a reason, now and until {days} after the last parcel has arrived."
            )
        }
        Right::Until(end) => format!(
            "You may withdraw from the contract without giving a reason until the end of {}.",
            end.minus(Seconds(1)).date().strftime("%-d %B %Y")
        ),
        Right::Never => String::new(),
    }
}

impl WithdrawalPage {
    fn read(
        tx: &mut Tx<'_>,
        front: &Front,
        id: OrderId,
        typed: &Typed,
        fresh: ReturnId,
    ) -> Done<Option<Result<Self, String>>> {
        let Some(view) = checkout::view(tx, front.shop.id, id)? else {
            return Ok(None);
        };
        if view.order.canceled_at.is_some() || view.lines.iter().all(|line| has(line) == 0) {
            return Ok(Some(Err(NOTHING_LEFT.into())));
        }
        let right = returns::right_of(tx, &view)?;
        if !right.is_open(tx.now()) {
            return Ok(Some(Err(TOO_LATE.into())));
        }
        let quoted = &view.checkout.offer.quote.lines;
        let lines: Vec<OpenLine> = (view.lines.iter().zip(quoted))
            .filter(|(line, _)| has(line) > 0)
            .map(|(line, quoted)| OpenLine {
                line: line.line,
                title: quoted.title.clone(),
                variant_title: quoted.variant_title.clone(),
                open: has(line),
            })
            .collect();
        let token = typed.get("t").cloned().unwrap_or_default();
        let contact = &view.checkout.contact;
        let known_name = view.checkout.address.as_ref().map(|address| address.name.clone());
        let or = |name: &str, known: Option<String>| match typed.get(name) {
            Some(text) => text.trim().to_owned(),
            None => known.unwrap_or_default(),
        };
        let mut page = Self {
            head: head(&front.shop.name, &view.order.number),
            frame: front.frame(),
            order_path: front.path(&format!("/orders/{id}?t={token}")),
            action: front.path(&format!("/orders/{id}/withdrawal")),
            number: view.order.number.clone(),
            explanation: until(&view, right),
            name: or("name", known_name),
            email: or("email", contact.email.clone()),
            words: or("words", None),
            problem: String::new(),
            stated: None,
            token,
            lines,
        };
        if typed.contains_key("name") {
            page.step(typed, &view, fresh);
        }
        Ok(Some(Ok(page)))
    }

    /// The second step, if the first was filled in well.
    fn step(&mut self, typed: &Typed, view: &OrderView, fresh: ReturnId) {
        let Some(units) = chosen(typed, "back") else {
            self.problem = "Choose how many pieces as whole numbers, at least one.".into();
            return;
        };
        let too_many = units.iter().any(|unit| {
            let line = self.lines.iter().find(|line| line.line == unit.line);
            line.is_none_or(|line| unit.quantity > line.open)
        });
        let contact = Contact {
            email: Some(self.email.clone()),
            phone: None,
        };
        let reachable = contact.checked().is_ok_and(|contact| contact.email.is_some());
        if too_many {
            self.problem = "Choose at most as many pieces as you have.".into();
        } else if self.name.is_empty() {
            self.problem = "Write your name: the statement is yours.".into();
        } else if !reachable {
            self.problem = "Write the e-mail address where we confirm that we have received it.".into();
        } else {
            let mut fields = vec![
                ("statement".to_owned(), fresh.to_string()),
                ("name".to_owned(), self.name.clone()),
                ("email".to_owned(), self.email.clone()),
                ("words".to_owned(), self.words.clone()),
            ];
            let mut pieces = Vec::new();
            for unit in &units {
                let Some(line) = self.lines.iter().find(|line| line.line == unit.line) else {
                    continue;
                };
                fields.push((format!("back_{}", unit.line), unit.quantity.to_string()));
                let variant = match line.variant_title.as_str() {
                    "" => String::new(),
                    variant => format!(", {variant}"),
                };
                pieces.push(format!("{} × {}{variant}", unit.quantity, line.title));
            }
            self.stated = Some(Stated {
                pieces,
                concluded: words::exact(view.order.confirmed_at),
                fields,
            });
        }
    }

    pub fn sample() -> Self {
        Self {
            frame: Frame::sample(),
            head: head("Loam & Ink", "L-1042"),
            order_path: "/s/loam-and-ink/orders/ord_01ksample?t=sample".into(),
            action: "/s/loam-and-ink/orders/ord_01ksample/withdrawal".into(),
            token: "sample".into(),
            number: "L-1042".into(),
            explanation: "You may withdraw from the contract without giving a reason until the end of 9 December 2026."
                .into(),
            lines: vec![
                OpenLine {
                    line: 0,
                    title: "Dune mug".into(),
                    variant_title: "Tide".into(),
                    open: 2,
                },
                OpenLine {
                    line: 1,
                    title: "Slow dripper".into(),
                    variant_title: String::new(),
                    open: 1,
                },
            ],
            name: "Jo Lindqvist".into(),
            email: "jo.lindqvist@example.com".into(),
            words: String::new(),
            problem: String::new(),
            stated: None,
        }
    }

    /// Everything is said, and waits to be confirmed.
    pub fn sample_stated() -> Self {
        Self {
            stated: Some(Stated {
                pieces: vec!["1 × Dune mug, Tide".into(), "1 × Slow dripper".into()],
                concluded: "21 November 2026, 20:31 UTC".into(),
                fields: vec![("statement".into(), "rtn_01ksample".into())],
            }),
            ..Self::sample()
        }
    }
}

fn head(shop: &str, number: &str) -> Head {
    Head {
        title: format!("Withdraw from order {number} · {shop}"),
        description: format!("Withdraw from the contract about order {number}."),
        canonical: String::new(),
        kind: "website",
        picture: None,
        markup: Markup::none(),
        listed: false,
    }
}
