//! What the letters say. Taken from the order as it is in the same transaction, so a letter never tells more or less than what happened;
//! set in words only when it leaves, which is nothing a buyer has to wait for.

use super::model::{MailKind, NewMail};
use super::queue::{Queue, queue};
use super::webhooks;
use crate::app::App;
use crate::checkout::{self, OrderView};
use crate::db::Tx;
use crate::delivery::Promise;
use crate::exchanges::{self, Exchange, ExchangeState};
use crate::fulfilment::{self, Shipment};
use crate::gift_cards::{self, MoveKind};
use crate::identity::{self, Shop};
use crate::kernel::{
    AdjustmentId, Error, ExchangeId, Id, OrderId, RefundId, Result, ReturnId, ShipmentId, ShopId, words,
};
use crate::payments::{self, CaptureState, Taking};
use crate::preorders::{self, Sale};
use crate::returns;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::{Value, json};
use std::sync::LazyLock;
use uuid::Uuid;

/// What a letter needs to point at a page: a transaction knows neither where the world reaches us nor the installation's key.
#[derive(Clone)]
pub struct Links {
    base_url: String,
    key: [u8; 32],
}

impl Links {
    pub fn of(app: &App) -> Self {
        Self {
            base_url: app.base_url.clone(),
            key: *app.db.signing_key(),
        }
    }

    /// The order's page, readable without signing in.
    fn order(&self, shop: &Shop, order: OrderId) -> String {
        format!(
            "{}/s/{}/orders/{order}?t={}",
            self.base_url,
            shop.slug,
            checkout::order_token(&self.key, order)
        )
    }

    /// A drop's page, for whoever has a letter about it.
    pub(super) fn drop(&self, shop: &str, drop: &str, token: &str) -> String {
        format!("{}/s/{shop}/drops/{drop}?letter={token}", self.base_url)
    }

    pub(super) fn key(&self) -> &[u8; 32] {
        &self.key
    }

    fn policy(&self, shop: &Shop, name: &str) -> String {
        format!("{}/s/{}/policies/{name}", self.base_url, shop.slug)
    }
}

/// All letters, read at the first one. A name that nobody filled in is an error, never a gap.
pub(super) static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let files = [
        ("base.html", include_str!("../../templates/mail/base.html")),
        ("base.txt", include_str!("../../templates/mail/base.txt")),
        ("receipt.html", include_str!("../../templates/mail/receipt.html")),
        ("receipt.txt", include_str!("../../templates/mail/receipt.txt")),
        ("shipped.html", include_str!("../../templates/mail/shipped.html")),
        ("shipped.txt", include_str!("../../templates/mail/shipped.txt")),
        ("canceled.html", include_str!("../../templates/mail/canceled.html")),
        ("canceled.txt", include_str!("../../templates/mail/canceled.txt")),
        (
            "units_canceled.html",
            include_str!("../../templates/mail/units_canceled.html"),
        ),
        (
            "units_canceled.txt",
            include_str!("../../templates/mail/units_canceled.txt"),
        ),
        ("withdrawn.html", include_str!("../../templates/mail/withdrawn.html")),
        ("withdrawn.txt", include_str!("../../templates/mail/withdrawn.txt")),
        (
            "return_awaited.html",
            include_str!("../../templates/mail/return_awaited.html"),
        ),
        (
            "return_awaited.txt",
            include_str!("../../templates/mail/return_awaited.txt"),
        ),
        (
            "exchange_asked.html",
            include_str!("../../templates/mail/exchange_asked.html"),
        ),
        (
            "exchange_asked.txt",
            include_str!("../../templates/mail/exchange_asked.txt"),
        ),
        (
            "exchange_payable.html",
            include_str!("../../templates/mail/exchange_payable.html"),
        ),
        (
            "exchange_payable.txt",
            include_str!("../../templates/mail/exchange_payable.txt"),
        ),
        ("refunded.html", include_str!("../../templates/mail/refunded.html")),
        ("refunded.txt", include_str!("../../templates/mail/refunded.txt")),
        (
            "refund_failed.html",
            include_str!("../../templates/mail/refund_failed.html"),
        ),
        (
            "refund_failed.txt",
            include_str!("../../templates/mail/refund_failed.txt"),
        ),
        (
            "payment_lost.html",
            include_str!("../../templates/mail/payment_lost.html"),
        ),
        (
            "payment_lost.txt",
            include_str!("../../templates/mail/payment_lost.txt"),
        ),
        (
            "rest_canceled.html",
            include_str!("../../templates/mail/rest_canceled.html"),
        ),
        (
            "rest_canceled.txt",
            include_str!("../../templates/mail/rest_canceled.txt"),
        ),
        (
            "webhook_disabled.html",
            include_str!("../../templates/mail/webhook_disabled.html"),
        ),
        (
            "webhook_disabled.txt",
            include_str!("../../templates/mail/webhook_disabled.txt"),
        ),
        ("erased.html", include_str!("../../templates/mail/erased.html")),
        ("erased.txt", include_str!("../../templates/mail/erased.txt")),
        (
            "drop_confirm.html",
            include_str!("../../templates/mail/drop_confirm.html"),
        ),
        (
            "drop_confirm.txt",
            include_str!("../../templates/mail/drop_confirm.txt"),
        ),
        ("drop_offer.html", include_str!("../../templates/mail/drop_offer.html")),
        ("drop_offer.txt", include_str!("../../templates/mail/drop_offer.txt")),
        (
            "drop_opening.html",
            include_str!("../../templates/mail/drop_opening.html"),
        ),
        (
            "drop_opening.txt",
            include_str!("../../templates/mail/drop_opening.txt"),
        ),
        (
            "preorder_late.html",
            include_str!("../../templates/mail/preorder_late.html"),
        ),
        (
            "preorder_late.txt",
            include_str!("../../templates/mail/preorder_late.txt"),
        ),
    ];
    for (name, text) in files {
        environment
            .add_template(name, text)
            .expect("the letters are part of the program and a test renders each");
    }
    environment
});

/// A letter for programs that show no markup.
pub(super) fn text(kind: MailKind, says: &str) -> Result<String> {
    render(&format!("{}.txt", kind.word()), says)
}

/// As [`text`], of a letter that may be erased: then nothing.
pub(super) fn kept_text(kind: MailKind, says: &str) -> Result<String> {
    if says.is_empty() {
        return Ok(String::new());
    }
    text(kind, says)
}

pub(super) fn html(kind: MailKind, says: &str) -> Result<String> {
    render(&format!("{}.html", kind.word()), says)
}

fn render(name: &str, says: &str) -> Result<String> {
    let unreadable = |error| Error::internal(format!("what the letter {name} says cannot be read")).because(error);
    let values: Value = serde_json::from_str(says).map_err(unreadable)?;
    let broken = |error| Error::internal(format!("the letter {name} could not be written")).because(error);
    TEMPLATES
        .get_template(name)
        .and_then(|template| template.render(Serde(values)))
        .map_err(broken)
}

/// What all letters about an order start from.
struct About {
    shop: Shop,
    view: OrderView,
    values: Value,
}

impl About {
    /// `None` if the buyer left no mail address.
    fn order(tx: &mut Tx<'_>, links: &Links, shop: ShopId, order: OrderId) -> Result<Option<Self>> {
        let Some(view) = checkout::view(tx, shop, order)? else {
            return Err(Error::internal("a fact names an order that is not there"));
        };
        Self::view(tx, links, view)
    }

    /// As [`About::order`], for an order that was read already.
    fn view(tx: &mut Tx<'_>, links: &Links, view: OrderView) -> Result<Option<Self>> {
        if view.order.email.is_empty() {
            return Ok(None);
        }
        let shop = identity::shop(tx, view.order.shop)?;
        let values = json!({
            "language": "en",
            "shop": shop.name.as_str(),
            "seller": seller(&shop),
            "test_mode": shop.test_mode,
            "number": view.order.number.as_str(),
            "link": links.order(&shop, view.order.id),
            "returns": links.policy(&shop, "returns"),
            "return_days": shop.return_days,
        });
        Ok(Some(Self { shop, view, values }))
    }

    fn queue(&self, tx: &mut Tx<'_>, kind: MailKind, about: Uuid, subject: String, more: Value) -> Result<Queue> {
        let mut says = self.values.clone();
        if let (Value::Object(says), Value::Object(more)) = (&mut says, more) {
            says.extend(more);
        }
        let mail = NewMail {
            shop: self.shop.id,
            kind,
            about,
            to: self.view.order.email.clone(),
            subject,
            says: says.to_string(),
        };
        queue(tx, &mail)
    }
}

/// One line: who the contract is with.
pub(super) fn seller(shop: &Shop) -> String {
    let parts = [&shop.seller.name, &shop.seller.address, &shop.seller.email];
    let known: Vec<String> = parts
        .iter()
        .map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|part| !part.is_empty())
        .collect();
    if known.is_empty() {
        shop.name.clone()
    } else {
        known.join(", ")
    }
}

/// The receipt.
pub fn order_confirmed(tx: &mut Tx<'_>, links: &Links, view: OrderView, promise: Option<Promise>) -> Result<Queue> {
    let order = view.order.id;
    let Some(about) = About::view(tx, links, view)? else {
        return Ok(Queue::NoAddress);
    };
    let quote = &about.view.checkout.offer.quote;
    let intent = about.view.intent.as_ref();
    let by_hand = intent.is_some_and(|intent| intent.method == "manual");
    let several = about.view.lines.iter().map(|line| line.quantity).sum::<u32>() > 1;
    let once = intent.is_some_and(|intent| intent.taking == Taking::Once) && several;
    let to_pay = about.view.checkout.to_pay();
    let covers = about.view.checkout.offer.gift_card.as_ref();
    let payment = match (to_pay.minor, by_hand, quote.needs_address()) {
        (0, _, true) if covers.is_some() => {
            "Your gift card pays all of it, when the parcel leaves. Nothing else is charged."
        }
        (0, _, false) if covers.is_some() => "Your gift card pays all of it. Nothing else is charged.",
        (0, _, _) => "There is nothing to pay.",
        (_, true, _) => "You pay as you agreed with the shop; this is your confirmation.",
        (_, false, true) if once => "Your card is charged when the last parcel leaves, not before.",
        (_, false, true) => "Your card is charged when the parcel leaves, not before.",
        (_, false, false) => "Your card is charged now.",
    };
    // Each thing at its price, and what is taken off below.
    let full = quote.lines.iter().zip(&about.view.lines).map(|(quoted, line)| {
        let amount = words::money(about.view.money(quote.full_gross(quoted)));
        let mut said = json!({ "quantity": line.quantity, "title": line.title.as_str(), "amount": amount });
        if let Some(inside) = quote.told_in_bundle(quoted) {
            said["bundle"] = json!(inside);
        }
        if let Some(preorder) = quoted.preorder {
            said["preorder"] = json!(words::day_in(preorder.ships_by, &about.shop.time_zone));
        }
        said
    });
    let off = quote.taken_off().into_iter().map(
        |(discount, minor)| json!({ "name": discount.name.as_str(), "amount": words::money(about.view.money(minor)) }),
    );
    let more = json!({
        "lines": full.collect::<Vec<_>>(),
        "discounts": off.collect::<Vec<_>>(),
        "delivery": quote.delivery.as_ref().map(|delivery| json!({ "name": delivery.name.as_str(), "amount": words::money(about.view.money(delivery.amount_minor)) })),
        "total": words::money(about.view.order.total()),
        "tax": words::money(about.view.money(about.view.order.tax_minor)),
        "gift_card": covers.map(|covers| json!({
            "last_four": covers.last_four.as_str(),
            "amount": words::money(about.view.money(covers.minor)),
            "rest": words::money(to_pay),
        })),
        "address": about.view.checkout.address.as_ref().map(address),
        "promise": promise.map(|promise| promise.to_string()),
        "payment": payment,
    });
    about.queue(
        tx,
        MailKind::Receipt,
        order.uuid(),
        format!("Your order {} at {}", about.view.order.number, about.shop.name),
        more,
    )
}

fn address(address: &checkout::Address) -> Vec<String> {
    let city = format!("{} {}", address.postal_code, address.city);
    let parts = [
        Some(address.name.clone()),
        Some(address.line1.clone()),
        address.line2.clone(),
        Some(city),
        address.region.clone(),
        Some(address.country.clone()),
    ];
    parts
        .into_iter()
        .flatten()
        .filter(|part| !part.trim().is_empty())
        .collect()
}

/// A parcel is on its way. What was released without a carrier needs no letter: the receipt has said it.
pub fn shipment_handed_over(
    tx: &mut Tx<'_>,
    links: &Links,
    shop: ShopId,
    order: OrderId,
    shipment: ShipmentId,
) -> Result<Queue> {
    let shipments = fulfilment::shipments(tx, shop, order)?;
    let Some(parcel) = shipments.into_iter().find(|parcel| parcel.id == shipment) else {
        return Err(Error::internal("a fact names a parcel that is not there"));
    };
    let Some(about) = About::order(tx, links, shop, order)? else {
        return Ok(Queue::NoAddress);
    };
    if !about.view.checkout.offer.quote.needs_address() {
        return Ok(Queue::NoAddress);
    }
    let follows = about.view.lines.iter().any(|line| line.open() > 0);
    // Where the promise is taken once, this parcel waits for the others; what was taken meanwhile, the order's page says.
    let waits = about
        .view
        .captures
        .iter()
        .any(|capture| capture.state == CaptureState::Waiting);
    let charged = match (waits, follows) {
        _ if about.view.checkout.to_pay().minor == 0 && about.view.gift_card.is_some() => {
            "Your gift card paid for this parcel when it was handed over."
        }
        (true, _) => "Your card is charged once, when the last parcel leaves.",
        (false, true) => {
            "This parcel was charged when it was handed over. The rest follows, and is charged when it leaves."
        }
        (false, false) => "This parcel was charged when it was handed over.",
    };
    let more = json!({
        "lines": inside(&about.view, &parcel),
        "carrier": parcel.carrier.as_str(),
        "tracking": parcel.tracking.as_str(),
        "charged": charged,
    });
    about.queue(
        tx,
        MailKind::Shipped,
        shipment.uuid(),
        format!("Your order {} is on its way", about.view.order.number),
        more,
    )
}

fn inside(view: &OrderView, parcel: &Shipment) -> Vec<Value> {
    let title = |number| {
        view.lines
            .iter()
            .find(|line| line.line == number)
            .map_or("", |line| line.title.as_str())
    };
    parcel
        .lines
        .iter()
        .map(|ship| json!({ "title": title(ship.line), "quantity": ship.quantity }))
        .collect()
}

/// The order was canceled before anything was charged.
pub fn order_canceled(tx: &mut Tx<'_>, links: &Links, shop: ShopId, order: OrderId) -> Result<Queue> {
    let Some(about) = About::order(tx, links, shop, order)? else {
        return Ok(Queue::NoAddress);
    };
    let covers = about.view.checkout.offer.gift_card.as_ref();
    let more = json!({
        "total": words::money(about.view.order.total()),
        "gift_card": covers.map(|covers| json!({
            "last_four": covers.last_four.as_str(),
            "amount": words::money(about.view.money(covers.minor)),
        })),
    });
    about.queue(
        tx,
        MailKind::Canceled,
        order.uuid(),
        format!("Your order {} was canceled", about.view.order.number),
        more,
    )
}

/// What a letter is about that says once more that a promise of money is over; `tries` says which time it is.
fn lost_occasion(order: OrderId, tries: u32) -> Uuid {
    Uuid::new_v5(&order.uuid(), format!("lost/{tries}").as_bytes())
}

/// Some units were canceled before they left, and the rest of the order stays.
pub fn units_canceled(
    tx: &mut Tx<'_>,
    links: &Links,
    shop: ShopId,
    order: OrderId,
    adjustment: AdjustmentId,
) -> Result<Queue> {
    let Some(about) = About::order(tx, links, shop, order)? else {
        return Ok(Queue::NoAddress);
    };
    let Some(change) = about.view.adjustments.iter().find(|change| change.id == adjustment) else {
        return Err(Error::internal("a fact names a cancellation that is not there"));
    };
    let titles: Vec<Value> = (change.units().iter())
        .filter_map(|unit| {
            let line = about.view.lines.iter().find(|line| line.line == unit.line)?;
            Some(json!({ "title": line.title.as_str(), "quantity": unit.quantity }))
        })
        .collect();
    let more = json!({
        "amount": words::money(about.view.money(change.amount_minor)),
        "lines": titles,
        "open": about.view.lines.iter().any(|line| line.open() > 0),
    });
    let subject = format!("A part of your order {} was canceled", about.view.order.number);
    about.queue(tx, MailKind::UnitsCanceled, adjustment.uuid(), subject, more)
}

/// The acknowledgement of a withdrawal, with its content, date and time (Directive 2011/83/EU, articles 11 and 11a): to the address it was stated with.
pub fn withdrawal_stated(
    tx: &mut Tx<'_>,
    links: &Links,
    shop: ShopId,
    order: OrderId,
    statement: ReturnId,
) -> Result<Queue> {
    about_return(tx, links, (shop, order, statement), MailKind::Withdrawn)
}

/// What is to come back has not come: when has it left?
pub(super) fn return_awaited(
    tx: &mut Tx<'_>,
    links: &Links,
    shop: ShopId,
    order: OrderId,
    statement: ReturnId,
) -> Result<Queue> {
    about_return(tx, links, (shop, order, statement), MailKind::ReturnAwaited)
}

fn about_return(
    tx: &mut Tx<'_>,
    links: &Links,
    (shop, order, statement): (ShopId, OrderId, ReturnId),
    kind: MailKind,
) -> Result<Queue> {
    let found = returns::find(tx, shop, statement)?
        .ok_or_else(|| Error::internal("a fact names a return that is not there"))?;
    let view = checkout::view(tx, shop, order)?.ok_or_else(|| Error::internal("a return has no order"))?;
    // Also where the order has another address, or none: they named this one with the statement.
    let mut view = view;
    view.order.email.clone_from(&found.email);
    let Some(about) = About::view(tx, links, view)? else {
        return Ok(Queue::NoAddress);
    };
    let lines = about.view.lines.iter().filter_map(|line| {
        let back = found
            .units
            .iter()
            .filter(|unit| unit.line == line.line)
            .map(|unit| unit.quantity)
            .sum::<u32>();
        (back > 0).then(|| json!({ "title": line.title.as_str(), "quantity": back }))
    });
    let seller = &about.shop.seller;
    let to = [&seller.name, &seller.address].map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    let more = json!({
        "name": found.name.as_str(),
        "words": found.words.as_str(),
        "whole": found.whole,
        "lines": lines.collect::<Vec<_>>(),
        "canceled": found.units_canceled,
        "stated": words::exact(found.stated_at),
        "due": words::exact(found.due_by),
        "to": to.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", "),
    });
    let subject = match kind {
        MailKind::ReturnAwaited => format!("Have you sent back what belongs to order {}?", about.view.order.number),
        _ => format!("You withdrew from your order {}", about.view.order.number),
    };
    about.queue(tx, kind, statement.uuid(), subject, more)
}

/// Something is kept for the buyer, and leaves when what they have is here.
pub fn exchange_asked(tx: &mut Tx<'_>, links: &Links, shop: ShopId, id: ExchangeId) -> Result<Queue> {
    let Some((about, found)) = about_exchange(tx, links, shop, id)? else {
        return Ok(Queue::NoAddress);
    };
    let line = about.view.lines.iter().find(|line| line.line == found.unit.line);
    let comes_back = line.map_or(0, |line| {
        line.amount_minor * i64::from(found.unit.quantity) / i64::from(line.quantity)
    });
    let sums = exchanges::sums(comes_back, found.quote.total_minor);
    let money = |minor: i64| (minor > 0).then(|| words::money(about.view.money(minor)));
    let seller = &about.shop.seller;
    let to = [&seller.name, &seller.address].map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    let more = json!({
        "wanted": found.wanted(),
        "back": line.map(|line| line.title.as_str()),
        "quantity": found.unit.quantity,
        "due": words::exact(found.due_by),
        "missing": money(sums.missing_minor),
        "more": money(sums.back_minor),
        "to": to.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", "),
    });
    let subject = format!("Your exchange of order {}: please send it", about.view.order.number);
    about.queue(tx, MailKind::ExchangeAsked, id.uuid(), subject, more)
}

/// What they sent is here, and what is kept for them is dearer.
pub fn exchange_payable(tx: &mut Tx<'_>, links: &Links, shop: ShopId, id: ExchangeId) -> Result<Queue> {
    let Some((about, found)) = about_exchange(tx, links, shop, id)? else {
        return Ok(Queue::NoAddress);
    };
    if found.state != ExchangeState::ToPay {
        return Ok(Queue::Again); // They have paid meanwhile.
    }
    let more = json!({
        "wanted": found.wanted(),
        "missing": words::money(about.view.money(found.missing_minor)),
        "due": words::exact(found.due_by),
    });
    let subject = format!(
        "Your exchange of order {}: please pay the difference",
        about.view.order.number
    );
    about.queue(tx, MailKind::ExchangePayable, id.uuid(), subject, more)
}

fn about_exchange(tx: &mut Tx<'_>, links: &Links, shop: ShopId, id: ExchangeId) -> Result<Option<(About, Exchange)>> {
    let found =
        exchanges::find(tx, shop, id)?.ok_or_else(|| Error::internal("a fact names an exchange that is not there"))?;
    let about = About::order(tx, links, shop, found.order)?;
    Ok(about.map(|about| (about, found)))
}

/// The promise of the money is over: please pay again. Each time it happens is a letter of its own; `tries` says which time it is.
pub fn payment_lost(tx: &mut Tx<'_>, links: &Links, shop: ShopId, order: OrderId, tries: u32) -> Result<Queue> {
    let Some(about) = About::order(tx, links, shop, order)? else {
        return Ok(Queue::NoAddress);
    };
    let lost = about
        .view
        .intent
        .as_ref()
        .and_then(|intent| Some((intent, intent.lost_at?)));
    let Some((intent, lost_at)) = lost else {
        return Ok(Queue::Again); // They have paid meanwhile.
    };
    let more = json!({
        "rest": words::money(intent.rest()),
        "part": intent.captured_minor > 0,
        "hours": payments::PAY_AGAIN.0 / 3600,
        "until": words::exact(lost_at.plus(payments::PAY_AGAIN)),
    });
    let subject = format!("Please pay your order {} again", about.view.order.number);
    let occasion = lost_occasion(order, tries);
    about.queue(tx, MailKind::PaymentLost, occasion, subject, more)
}

/// What was pre-ordered is later than the buyer was promised: they may wait, or cancel.
pub(super) fn preorder_late(tx: &mut Tx<'_>, links: &Links, shop: ShopId, sale: &Sale) -> Result<Queue> {
    let Some(preorder) = preorders::find(tx, shop, sale.preorder)? else {
        return Ok(Queue::Again);
    };
    let Some(about) = About::order(tx, links, shop, sale.order)? else {
        return Ok(Queue::NoAddress);
    };
    let zone = &about.shop.time_zone;
    let line = about.view.lines.iter().find(|line| line.line == sale.line);
    let more = json!({
        "what": line.map(|line| line.title.as_str()).unwrap_or_default(),
        "promised": words::day_in(sale.promised, zone),
        "later": (!preorder.late).then(|| words::day_in(preorder.ships_by, zone)),
    });
    let subject = format!("Your order {} takes longer", about.view.order.number);
    let occasion = late_occasion(sale, preorder.version);
    about.queue(tx, MailKind::PreorderLate, occasion, subject, more)
}

fn late_occasion(sale: &Sale, version: i64) -> Uuid {
    Uuid::new_v5(
        &sale.order.uuid(),
        format!("preorder/{}/{version}", sale.line).as_bytes(),
    )
}

/// Letters that ask for a lost payment again: more are not written about one order.
const PAY_AGAIN_LETTERS: u32 = 10;
/// Changes of a pre-order that are looked through for letters.
const LATE_LETTERS: i64 = 1000;

/// Everything that letters about an order were written about.
pub fn occasions(tx: &mut Tx<'_>, view: &OrderView) -> Result<Vec<Uuid>> {
    let order = view.order.id;
    let mut about: Vec<Uuid> = vec![order.uuid()];
    let parcels = fulfilment::shipments(tx, view.order.shop, order)?;
    about.extend(parcels.iter().map(|parcel| parcel.id.uuid()));
    about.extend(view.adjustments.iter().map(|adjustment| adjustment.id.uuid()));
    about.extend(view.refunds.iter().map(|refund| refund.id.uuid()));
    about.extend((0..PAY_AGAIN_LETTERS).map(|tries| lost_occasion(order, tries)));
    let returns = returns::of_order(tx, view.order.shop, order)?;
    about.extend(returns.iter().map(|one| one.id.uuid()));
    let exchanges = exchanges::of_order(tx, view.order.shop, order)?;
    about.extend(exchanges.iter().map(|one| one.id.uuid()));
    for sale in preorders::sales_of(tx, order)? {
        if let Some(preorder) = preorders::find(tx, view.order.shop, sale.preorder)? {
            about.extend((1..=preorder.version.min(LATE_LETTERS)).map(|version| late_occasion(&sale, version)));
        }
    }
    Ok(about)
}

/// What went back did not arrive. No letter where no order was born.
pub fn refund_failed(
    tx: &mut Tx<'_>,
    links: &Links,
    shop: ShopId,
    order: OrderId,
    refund: RefundId,
    amount_minor: i64,
) -> Result<Queue> {
    let Some(about) = About::order(tx, links, shop, order)? else {
        return Ok(Queue::NoAddress);
    };
    let amount = words::money(about.view.money(amount_minor));
    let subject = format!("{amount} of your order {} did not arrive", about.view.order.number);
    let more = json!({ "amount": amount });
    about.queue(tx, MailKind::RefundFailed, refund.uuid(), subject, more)
}

/// What had not left was canceled, because it was not paid again.
pub fn rest_canceled(tx: &mut Tx<'_>, links: &Links, shop: ShopId, order: OrderId) -> Result<Queue> {
    let Some(about) = About::order(tx, links, shop, order)? else {
        return Ok(Queue::NoAddress);
    };
    let canceled = about.view.adjustments.iter().rev();
    let minor = canceled
        .filter(|change| change.kind == checkout::AdjustmentKind::Cancellation)
        .map(|change| change.amount_minor)
        .next();
    let more = json!({ "rest": words::money(about.view.money(minor.unwrap_or_default())) });
    let subject = format!("The rest of your order {} was canceled", about.view.order.number);
    about.queue(tx, MailKind::RestCanceled, order.uuid(), subject, more)
}

/// An address is not sent any more events: to each of the shop's owners.
pub(super) fn webhook_disabled(
    tx: &mut Tx<'_>,
    links: &Links,
    endpoint: &webhooks::Endpoint,
    reason: webhooks::Reason,
) -> Result<()> {
    let shop = identity::shop(tx, endpoint.shop)?;
    let why = match reason {
        webhooks::Reason::Gone => "It answered 410: it does not want any more.",
        webhooks::Reason::Failing => "Nothing arrived there for five days.",
        webhooks::Reason::Staff => return Ok(()), // Whoever did it knows.
    };
    let says = json!({
        "language": "en",
        "shop": shop.name.as_str(),
        "url": endpoint.url.as_str(),
        "why": why,
        "link": format!("{}/studio/{}/settings/webhooks/{}", links.base_url, shop.slug, endpoint.id),
    });
    let now = tx.now();
    let people = identity::people(tx, shop.id)?.into_iter();
    for owner in people.filter(|person| person.role.is_owner() && person.disabled_at.is_none()) {
        let mail = NewMail {
            shop: shop.id,
            kind: MailKind::WebhookDisabled,
            about: Uuid::new_v5(&endpoint.id.uuid(), format!("{now}/{}", owner.id).as_bytes()),
            to: owner.email,
            subject: format!("{}: an address gets no more events", shop.name),
            says: says.to_string(),
        };
        queue(tx, &mail)?;
    }
    Ok(())
}

/// What a buyer is told who withdrew: what was kept of it for what the goods lost in value, and why.
fn withdrawn(
    tx: &mut Tx<'_>,
    view: &OrderView,
    shop: ShopId,
    order: OrderId,
    adjustment: AdjustmentId,
) -> Result<String> {
    let all = returns::of_order(tx, shop, order)?;
    let Some(found) = all.into_iter().find(|found| found.is_refund(adjustment)) else {
        return Ok(String::new());
    };
    let kept = match found.deducted_minor {
        0 => String::new(),
        minor => format!(
            " {} of it was kept: {}.",
            words::money(view.money(minor)),
            found.deduction
        ),
    };
    if let Some(exchange) = exchanges::of_return(tx, shop, found.id)? {
        return Ok(format!("Your exchange has ended: {}{kept}", exchange.trouble));
    }
    Ok(format!("You withdrew on {}.{kept}", words::exact(found.stated_at)))
}

/// Money goes back.
pub fn order_refunded(
    tx: &mut Tx<'_>,
    links: &Links,
    shop: ShopId,
    order: OrderId,
    adjustment: AdjustmentId,
) -> Result<Queue> {
    let Some(about) = About::order(tx, links, shop, order)? else {
        return Ok(Queue::NoAddress);
    };
    let Some(refund) = about.view.adjustments.iter().find(|change| change.id == adjustment) else {
        return Err(Error::internal("a fact names a refund that is not there"));
    };
    let given_back = words::money(about.view.money(refund.amount_minor));
    let mine = about.view.refunds.iter().filter(|line| line.adjustment == adjustment);
    let credited: i64 = mine.filter(|line| line.credited).map(|line| line.minor).sum();
    // The reason is between the people of the shop, where it is not the buyer's own.
    let why = match refund.reason.as_str() {
        checkout::PRICE_MATCH => "What you bought costs less now, and you get the difference.".to_owned(),
        "withdrawal" => withdrawn(tx, &about.view, shop, order, adjustment)?,
        checkout::EXCHANGE => "It belongs to your exchange.".to_owned(),
        _ => String::new(),
    };
    let moves = about.view.gift_card.iter().flat_map(|used| &used.moves);
    let onto_card: i64 = moves
        .filter(|one| one.kind == MoveKind::Returned && one.source == adjustment.uuid())
        .map(|one| one.minor)
        .sum();
    if refund.reason == checkout::EXCHANGE && credited + onto_card > 0 {
        return Ok(Queue::Again); // It has paid for what leaves: the receipt of that says so.
    }
    let subject = match credited {
        0 => format!(
            "{given_back} of your order {} goes back to you",
            about.view.order.number
        ),
        _ => format!("Store credit for your order {}", about.view.order.number),
    };
    let covers = about.view.checkout.offer.gift_card.as_ref().filter(|_| onto_card > 0);
    let money = |minor| words::money(about.view.money(minor));
    let used = about.view.gift_card.as_ref();
    let is_own = credited > 0 && gift_cards::purse(tx, order, used)? == gift_cards::credit_of(order);
    let code = is_own.then(|| gift_cards::Code::of_credit(&links.key, order).in_full());
    let more = json!({
        "amount": given_back,
        "why": why,
        "whole": refund.amount_minor == about.view.order.total_minor,
        "gift_card": covers.map(|covers| json!({
            "last_four": covers.last_four.as_str(),
            "amount": money(onto_card),
            "rest": (refund.amount_minor > onto_card + credited).then(|| money(refund.amount_minor - onto_card - credited)),
        })),
        "credit": (credited > 0).then(|| json!({
            "amount": money(credited),
            "code": code,
        })),
    });
    about.queue(tx, MailKind::Refunded, adjustment.uuid(), subject, more)
}
