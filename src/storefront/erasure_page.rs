//! A buyer has their personal data deleted, in two steps: what that does, then the address typed once more. Opened from the order's page by its secret;
//! works without scripts.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::checkout_form::Typed;
use super::frame::{Frame, Head, Link};
use super::front::{Front, shown};
use super::message_page::MessagePage;
use super::order_page::{OrderIn, opens};
use super::structured_data::Markup;
use crate::app::App;
use crate::checkout;
use crate::erasure::{self, Ask, AskedBy, Preview, Subject, Wish};
use crate::http::{Form, Path, Problem, Query, SameOrigin};
use crate::kernel::{ErasureId, OrderId, words};

#[derive(Template)]
#[template(path = "storefront/erasure.html")]
pub struct ErasurePage {
    pub frame: Frame,
    pub head: Head,
    pub order_path: String,
    pub action: String,
    pub number: String,
    /// Chosen before the form is sent: pressing twice is one wish.
    pub id: String,
    /// "2 orders", "5 letters we wrote to you".
    pub now: Vec<String>,
    /// "Order ABCD-1234: something of it has still to be sent."
    pub held: Vec<String>,
    pub problem: String,
}

/// What is known of whoever opened the page.
struct Known {
    number: String,
    contact: checkout::Contact,
    subject: Subject,
}

/// None: there is no such order, or nothing about its buyer any more.
async fn known(app: &App, front: &Front, id: OrderId) -> Result<Option<Known>, Problem> {
    let shop = front.shop.id;
    let view = app.db.read(move |tx| checkout::sold(tx, shop, id)).await?;
    let Some(view) = view else { return Ok(None) };
    let contact = view.checkout.contact;
    let named = contact.email.clone().or_else(|| contact.phone.clone());
    let subject = named.and_then(|named| Subject::read(&named).ok());
    Ok(subject.map(|subject| Known {
        number: view.order.number,
        contact,
        subject,
    }))
}

/// The first step: what is deleted now, what is held and why. Nothing is changed by looking.
pub async fn show(
    State(app): State<App>,
    front: Front,
    Path((_, id)): Path<(String, OrderId)>,
    Query(query): Query<OrderIn>,
) -> Result<Response, Problem> {
    if !opens(&app, id, query.token()) {
        return front.nothing_here();
    }
    page(&app, &front, id, query.token(), "").await
}

async fn page(app: &App, front: &Front, id: OrderId, token: &str, problem: &str) -> Result<Response, Problem> {
    let Some(known) = known(app, front, id).await? else {
        return gone(app, front, id);
    };
    let preview = erasure::preview(app, front.shop.id, &known.subject).await?;
    let page = ErasurePage {
        head: head(&front.shop.name, &known.number),
        frame: front.frame(),
        order_path: front.path(&format!("/orders/{id}?t={token}")),
        action: front.path(&format!("/orders/{id}/erasure?t={token}")),
        number: known.number,
        id: app.random.id::<ErasureId>(app.clock.wall()).to_string(),
        now: deleted(&preview),
        held: preview.held.iter().map(erasure::Held::words).collect(),
        problem: problem.to_owned(),
    };
    let status = if problem.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    shown(status, &page)
}

fn gone(app: &App, front: &Front, id: OrderId) -> Result<Response, Problem> {
    let order = Link::new("Back to the order", &checkout::order_page_url(app, &front.shop, id));
    let text = "Nothing of this order says who you are.";
    let page = MessagePage::new(front.frame(), 200, "It is deleted.", text, None, vec![order]);
    shown(StatusCode::OK, &page)
}

fn deleted(preview: &Preview) -> Vec<String> {
    let count = |number: usize, one, many| words::count(number as u64, one, many);
    let mut now = Vec::new();
    if preview.orders > 0 {
        let orders = count(preview.orders, "order", "orders");
        now.push(format!("name, addresses and telephone number of {orders}"));
    }
    if preview.begun > 0 {
        let begun = count(preview.begun, "purchase", "purchases");
        now.push(format!("what you typed in {begun} that you did not finish"));
    }
    if preview.letters > 0 {
        let letters = count(preview.letters, "letter", "letters");
        now.push(format!(
            "{letters} to you, but for those about orders we have to keep for now"
        ));
    }
    if preview.cards > 0 {
        let cards = count(preview.cards, "card", "cards");
        now.push(format!("{cards} you had us keep, also at whoever processed them"));
    }
    now.push("places in waiting lists and reminders that are for your address".into());
    now
}

/// The second step: the address was typed once more. Sent twice it is one wish.
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
    let Some(known) = known(&app, &front, id).await? else {
        return gone(&app, &front, id);
    };
    let text = |name: &str| typed.get(name).map(String::as_str).unwrap_or_default();
    let subject = Subject::read(text("contact")).ok();
    let (Some(subject), Ok(wish)) = (
        subject.filter(|subject| subject.is(&known.contact)),
        text("erasure").parse::<ErasureId>(),
    ) else {
        let problem = "This is not the address of this order. Write the one that its receipt was sent to.";
        return page(&app, &front, id, query.token(), problem).await;
    };
    let wish = Wish {
        id: wish,
        subject,
        by: AskedBy::Buyer,
        staff: None,
    };
    let title = "Your personal data is being deleted.";
    let text = match erasure::ask(&app, front.shop.id, wish).await? {
        Ask::Asked(_) | Ask::Again(_) => {
            "What nothing needs any more is gone. A letter says what we have to keep for now, and why; that is deleted by itself."
        }
        Ask::OtherWish => return page(&app, &front, id, query.token(), "This page was too old. Try once more.").await,
    };
    let order = Link::new("Back to the order", &checkout::order_page_url(&app, &front.shop, id));
    let done = MessagePage::new(front.frame(), 200, title, text, None, vec![order]);
    shown(StatusCode::OK, &done)
}

impl ErasurePage {
    pub fn sample() -> Self {
        Self {
            frame: Frame::sample(),
            head: head("Loam & Ink", "L-1042"),
            order_path: "/s/loam-and-ink/orders/ord_01ksample?t=sample".into(),
            action: "/s/loam-and-ink/orders/ord_01ksample/erasure?t=sample".into(),
            number: "L-1042".into(),
            id: "era_01ksample".into(),
            now: vec![
                "name, addresses and telephone number of 2 orders".into(),
                "1 card you had us keep, also at whoever processed them".into(),
            ],
            held: vec!["Order L-1042: something of it has still to be sent.".into()],
            problem: String::new(),
        }
    }
}

fn head(shop: &str, number: &str) -> Head {
    Head {
        title: format!("Delete my personal data · {shop}"),
        description: format!("Delete the personal data of whoever placed order {number}."),
        canonical: String::new(),
        kind: "website",
        picture: None,
        markup: Markup::none(),
        listed: false,
    }
}
