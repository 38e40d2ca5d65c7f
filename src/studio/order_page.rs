//! One order: what was bought, what happened to the money, what has to travel, and what the buyer saw when they agreed.

use super::names::Names;
use super::orders_page::{buyer, parcel, payment};
use super::payment_words::{MoneyRow, PaymentPart, WaitLine};
use super::typed::{Typed, amount};
use crate::app::App;
use crate::catalog::KeepTheRest;
use crate::checkout::{
    self, AdjustmentKind, CancelOrder, CancelUnits, NewRefund, OrderView, Refund, RefundLines, RefundWhat, Ship,
    UnitsCanceled, Way,
};
use crate::clips;
use crate::db::{LaneKey, Tx};
use crate::exchanges::{self, Ask, AskFor, End, Exchange, ExchangeState};
use crate::fulfilment::{self, Accept, Deliverance, Fulfilment, FulfilmentState, HandOver, TakeAgain};
use crate::gift_cards::{self, MoveKind};
use crate::http::{Form, Path, Problem as Refused, Query, page, redirect};
use crate::identity::{Creator, Helper, Policies, Shop, Staff, shop};
use crate::inventory::Restock;
use crate::kernel::{
    AdjustmentId, Error, ExchangeId, Kind, OrderId, Result, ReturnId, ShipmentId, Time, VariantId, words,
};
use crate::ledger::AccountKey;
use crate::offers;
use crate::payments::{self, Part, Taking};
use crate::returns::{self, Close, Receive, Received, Return, ReturnState};
use crate::storefront::exchange_page::{self, Group};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::chart::{Flow, LegKind};
use super::field::{Choice, Field, Problem};
use super::frame::{Chip, Frame, Section, Tone};
use super::sale_page;
use super::when::When;

pub struct OrderLine {
    pub id: String,
    pub title: String,
    pub variant: String,
    pub image: Option<String>,
    pub quantity: u32,
    /// "in “Morning set”, €10.90 less than alone"; empty of a line in no bundle.
    pub bundle: String,
    /// Of a part of a bundle, what one costs alone.
    pub unit: String,
    pub amount: String,
    pub tax: String,
    /// How many can still be shipped, and how many refunded.
    pub to_ship: u32,
    pub refundable: u32,
    /// What the refund form asks for; kept when the form comes back.
    pub refund_quantity: u32,
    /// "1 shipped, 1 refunded"; empty when nothing happened yet.
    pub progress: String,
}

/// One thing that happened, told in plain words.
pub struct Happening {
    pub tone: Tone,
    pub title: String,
    pub detail: String,
    pub amount: String,
    pub at: When,
}

/// A parcel that left.
pub struct Shipment {
    pub carrier: String,
    pub tracking: String,
    pub what: String,
    pub at: When,
}

/// Something that comes back.
pub struct ComingBack {
    pub id: String,
    pub state: Chip,
    /// "Jo Lindqvist withdrew from all of it".
    pub title: String,
    pub detail: String,
    pub at: When,
    pub pieces: Vec<ReturnPiece>,
    /// It is awaited or on its way: it can be received.
    pub can_receive: bool,
    /// What pressing its button does.
    pub receive_label: &'static str,
    /// Where it is ended, below the order.
    pub close_path: String,
    pub can_close: bool,
    /// The order that left for it.
    pub placed: Option<String>,
}

pub struct ReturnPiece {
    pub line: u32,
    pub title: String,
    pub quantity: u32,
}

/// One leg of a refund: who gives back how much of their share.
pub struct RefundLeg {
    pub kind: LegKind,
    pub name: String,
    pub share: String,
    pub gives_back: String,
    pub keeps: String,
}

/// What a refund would do, computed by the ledger's own rule before anyone presses the button.
pub struct RefundPreview {
    pub amount: String,
    pub legs: Vec<RefundLeg>,
    /// "€4.90 goes back the way it was paid, and €30.00 onto gift card •••• 7K3M."; empty where there is one way.
    pub ways: String,
    /// "2 mugs go back on the shelf"; empty when nothing does.
    pub stock: String,
}

/// What the buyer saw when they agreed, frozen.
pub struct Evidence {
    pub clip: String,
    pub clip_link: String,
    pub at: String,
    pub frame: Option<String>,
    pub offer: Vec<(String, String)>,
    /// Who sold it, and the policies of that day, in full. Empty for sales from before these texts were kept.
    pub texts: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "studio/order.html")]
pub struct OrderPage {
    pub frame: Frame,
    /// The page's own address: what was refused stands under another one.
    pub here: String,
    pub version: i64,
    pub number: String,
    pub at: When,
    pub payment: Chip,
    pub fulfilment: Chip,
    pub buyer_name: String,
    pub buyer_contact: String,
    pub address: Vec<String>,
    pub lines: Vec<OrderLine>,
    /// Below the lines: items, delivery, tax, total.
    pub sums: Vec<(String, String)>,
    pub total: String,
    pub promise: String,
    pub flow: Option<Flow>,
    pub sale_link: String,
    /// How its payment stands; none for an order that cost nothing and was never asked for.
    pub money: Option<PaymentPart>,
    /// Empty for a partner, who sees their own work and no payments.
    pub payment_link: String,
    /// Whether something of the payment waits, and this person may have it asked about now.
    pub can_ask: bool,
    pub is_conflicted: bool,
    pub timeline: Vec<Happening>,
    pub shipments: Vec<Shipment>,
    pub returns: Vec<ComingBack>,
    /// What can come back for something else, and what for.
    pub exchangeable: Vec<(String, String)>,
    pub instead: Vec<Group>,
    /// Chosen before the form is sent: pressing twice is one exchange.
    pub exchange: String,
    /// What the chosen one would come to; empty if none is chosen.
    pub exchange_words: String,
    pub exchange_quantity: String,
    pub exchange_piece: String,
    pub refund_ways: Vec<Choice>,
    pub restocks: Vec<Choice>,
    /// Chosen before the form is sent: pressing twice is one parcel.
    pub shipment: String,
    pub carrier: Field,
    pub tracking: Field,
    /// When the money is taken, and what becomes of the bank's promise; empty when there is nothing more to take.
    pub taken: String,
    /// On the ship button: what happens to the money.
    pub ship_label: String,
    /// What was shipped and not paid, and the processor's words; the amount stands on the button.
    pub owed: Option<(String, String)>,
    pub can_take_again: bool,
    /// Nobody has said yet that they do it.
    pub can_accept: bool,
    pub can_ship: bool,
    pub can_cancel: bool,
    /// Some of it can be canceled while the rest stays.
    pub can_cancel_units: bool,
    pub can_refund: bool,
    /// As the shipment: pressing twice is one refund.
    pub adjustment: String,
    pub refund_delivery: bool,
    pub refund_restock: bool,
    /// Why no preview can be shown; empty when it can, or nothing was chosen.
    pub refund_refused: String,
    pub refund_reasons: Vec<Choice>,
    pub refund_preview: Option<RefundPreview>,
    pub evidence: Evidence,
    /// Everything there is about this sale, to print; empty for whoever may not read it.
    pub pack_link: String,
    pub problems: Vec<Problem>,
}

/// What the page reads, in one snapshot.
struct Desk {
    shop: Shop,
    names: Names,
    view: OrderView,
    work: Option<Fulfilment>,
    parcels: Vec<fulfilment::Shipment>,
    /// Of what was shipped and is not paid, and what the processor said to that.
    owed: Option<(i64, String)>,
    standing: Option<payments::Standing>,
    /// The try whose promise stands.
    promise: Option<payments::Attempt>,
    saw: checkout::Evidence,
    returns: Vec<Return>,
    exchanges: Vec<Exchange>,
    /// What a buyer can have instead of what they have; empty where nothing can come back.
    instead: Vec<Group>,
    /// What the chosen exchange would come to; empty if none is chosen.
    exchange_words: String,
    /// What the chosen refund puts on a card of the buyer.
    credited: Option<(i64, i64)>,
    /// What the chosen refund would do; the refusal says why not.
    plan: Option<std::result::Result<checkout::BackPlan, String>>,
    /// Lines that were pre-ordered and whose goods have not arrived.
    absent: Vec<u32>,
    now: Time,
}

fn read(tx: &mut Tx<'_>, staff: &Staff, id: OrderId, typed: &Typed) -> Result<Desk> {
    let missing = || Error::not_found("order");
    let shop = shop(tx, staff.shop)?;
    let view = checkout::view(tx, shop.id, id)?.ok_or_else(missing)?;
    let work = fulfilment::find(tx, shop.id, id)?;
    // A partner sees only their own work.
    if staff.party.is_some() && work.as_ref().is_none_or(|work| work.partner != staff.party) {
        return Err(missing());
    }
    let plan = match refund_of(typed, &view) {
        Some(what) => match checkout::preview_refund(tx, shop.id, id, &what) {
            Ok(plan) => plan.map(Ok),
            Err(error) if matches!(error.kind, Kind::Invalid | Kind::Conflict) => Some(Err(error.detail.into_owned())),
            Err(error) => return Err(error),
        },
        None => None,
    };
    let exchange_words = match exchange_of(typed) {
        Ok((unit, variant)) => match exchanges::preview(tx, &view, unit, variant) {
            Ok(found) => found.sums.words(view.order.currency),
            Err(error) if matches!(error.kind, Kind::Invalid | Kind::Conflict) => error.detail.into_owned(),
            Err(error) => return Err(error),
        },
        Err(_) => String::new(),
    };
    let credited = match (&plan, typed.one("refund_to")) {
        (Some(Ok(plan)), "store_credit") => {
            let way = Way::Credit {
                at_most: None,
                code: gift_cards::Code::of_token(""), // It changes nothing.
            };
            Some(checkout::preview_ways(tx, &view, plan.clone(), &way)?)
        }
        _ => None,
    };
    Ok(Desk {
        names: Names::read(tx, &shop)?,
        parcels: fulfilment::shipments(tx, shop.id, id)?,
        owed: owed(tx, &view)?,
        standing: payments::standing(tx, shop.id, view.order.checkout.intent())?,
        promise: payments::promise(tx, view.order.checkout.intent())?,
        saw: checkout::evidence(tx, &view.checkout)?,
        returns: returns::of_order(tx, shop.id, id)?,
        exchanges: exchanges::of_order(tx, shop.id, id)?,
        instead: match exchange_page::lines(&view).is_empty() || !staff.role.may_create() {
            true => Vec::new(),
            false => exchange_page::groups(tx, &view, exchange_of(typed).ok().map(|(_, variant)| variant))?,
        },
        credited,
        exchange_words,
        absent: fulfilment::not_there(tx, &view)?,
        now: tx.now(),
        shop,
        view,
        work,
        plan,
    })
}

fn owed(tx: &mut Tx<'_>, view: &OrderView) -> Result<Option<(i64, String)>> {
    let mut refused = view.captures.iter().rev();
    let Some(refused) = refused.find(|capture| capture.state == payments::CaptureState::Failed) else {
        return Ok(None);
    };
    let minor = fulfilment::owed(tx, view)?.amount.minor;
    Ok((minor > 0).then(|| (minor, refused.detail.clone())))
}

/// An order; the query is the refund form, asking what it would do.
pub async fn show(
    State(app): State<App>,
    staff: Staff,
    Path((_, id)): Path<(String, OrderId)>,
    Query(typed): Query<Typed>,
) -> std::result::Result<Response, Refused> {
    shown(&app, &staff, id, &typed, Vec::new()).await
}

async fn shown(
    app: &App,
    staff: &Staff,
    id: OrderId,
    typed: &Typed,
    problems: Vec<Problem>,
) -> std::result::Result<Response, Refused> {
    let (who, given) = (staff.clone(), typed.clone());
    let desk = app.db.read(move |tx| read(tx, &who, id, &given)).await?;
    let mut order = OrderPage::of(&desk, staff, typed);
    order.shipment = app.random.id::<ShipmentId>(app.clock.wall()).to_string();
    order.exchange = app.random.id::<ExchangeId>(app.clock.wall()).to_string();
    order.adjustment = app.random.id::<AdjustmentId>(app.clock.wall()).to_string();
    order.problems = problems;
    page(&order)
}

/// Takes the work on, so that nobody else packs the same parcel.
pub async fn accept(
    State(app): State<App>,
    staff: Helper,
    Path((_, id)): Path<(String, OrderId)>,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Refused> {
    let (shop, party) = (staff.shop, staff.party);
    let accepted = app
        .db
        .write(LaneKey::of(id), move |tx| fulfilment::accept(tx, shop, id, party))
        .await;
    let done = match accepted {
        Ok(Accept::Accepted(_) | Accept::Again(_)) => Ok(None),
        Ok(Accept::Closed) => Ok(Some("This is done already, or was canceled.".into())),
        Ok(Accept::NotFound) => Err(Error::not_found("order")),
        Err(error) => Err(error),
    };
    told(&app, &staff, id, &typed, done).await
}

/// Hands a parcel over and takes its money.
pub async fn ship(
    State(app): State<App>,
    staff: Helper,
    Path((_, id)): Path<(String, OrderId)>,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Refused> {
    let done = shipped(&app, &staff, id, &typed).await;
    told(&app, &staff, id, &typed, done).await
}

/// Gives money back: for those who may decide about money, as in the API.
pub async fn refund(
    State(app): State<App>,
    creator: Creator,
    Path((_, id)): Path<(String, OrderId)>,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Refused> {
    let done = refunded(&app, &creator, id, &typed).await;
    told(&app, &creator, id, &typed, done).await
}

/// Asks again for money that was refused although its parcel left.
pub async fn take_again(
    State(app): State<App>,
    creator: Creator,
    Path((_, id)): Path<(String, OrderId)>,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Refused> {
    let done = match fulfilment::take_again(&app, creator.shop, id).await {
        Ok(TakeAgain::Asked(_) | TakeAgain::NothingOwed) => Ok(None),
        Ok(TakeAgain::RefusedAgain(words)) => Ok(Some(format!("The processor refused again and says: {words}"))),
        Ok(TakeAgain::NotFound) => Err(Error::not_found("order")),
        Err(error) => Err(error),
    };
    told(&app, &creator, id, &typed, done).await
}

/// Lets the money go and puts the pieces back: for those who may decide about money.
pub async fn cancel(
    State(app): State<App>,
    creator: Creator,
    Path((_, id)): Path<(String, OrderId)>,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Refused> {
    let done = canceled(&app, &creator, id).await;
    told(&app, &creator, id, &typed, done).await
}

/// Cancels what has not left, or some of it: for those who may decide about money.
pub async fn cancel_units(
    State(app): State<App>,
    creator: Creator,
    Path((_, id)): Path<(String, OrderId)>,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Refused> {
    let done = units_canceled(&app, &creator, id, &typed).await;
    told(&app, &creator, id, &typed, done).await
}

/// Goods arrived, or were shown to be on their way: the money goes back.
pub async fn receive_return(
    State(app): State<App>,
    creator: Creator,
    Path((_, id, back)): Path<(String, OrderId, ReturnId)>,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Refused> {
    let done = received(&app, &creator, id, back, &typed).await;
    told(&app, &creator, id, &typed, done).await
}

/// A buyer wants something else, and told the shop.
pub async fn ask_exchange(
    State(app): State<App>,
    creator: Creator,
    Path((_, id)): Path<(String, OrderId)>,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Refused> {
    let done = exchange_asked(&app, &creator, id, &typed).await;
    told(&app, &creator, id, &typed, done).await
}

/// What for what. Errors: `invalid_field`.
fn exchange_of(typed: &Typed) -> Result<(Ship, VariantId)> {
    let number = |name: &str| typed.one(name).trim().parse().ok();
    let variant = typed.one("variant").parse().ok();
    match (number("piece"), number("quantity"), variant) {
        (Some(line), Some(quantity), Some(variant)) => Ok((Ship { line, quantity }, variant)),
        _ => Err(Error::invalid(
            "invalid_field",
            "Choose a piece, how many, and what they get instead.",
        )),
    }
}

/// None: done. Else what to tell.
async fn exchange_asked(app: &App, staff: &Staff, id: OrderId, typed: &Typed) -> Result<Option<String>> {
    let (unit, variant) = exchange_of(typed)?;
    let wish = AskFor {
        id: typed
            .id("exchange")
            .ok_or_else(|| Error::invalid("no_exchange", "The form is too old. Load the page again."))?,
        unit,
        variant,
        staff: staff.staff,
    };
    Ok(match exchanges::ask(app, staff.shop, id, wish).await? {
        Ask::Asked(_) | Ask::Again(_) => None,
        Ask::NotFound => return Err(Error::not_found("order")),
        Ask::TooLate => Some("The time for it is over.".into()),
    })
}

/// An exchange ends; if its goods are here, their money goes back.
pub async fn close_exchange(
    State(app): State<App>,
    creator: Creator,
    Path((_, id, exchange)): Path<(String, OrderId, ExchangeId)>,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Refused> {
    let done = match exchanges::end(&app, creator.shop, (id, exchange), typed.one("why"), creator.staff).await {
        Ok(End::Ended) => Ok(None),
        Ok(End::Placed) => Ok(Some("What leaves for it is an order already.".into())),
        Ok(End::NotFound) => Err(Error::not_found("exchange")),
        Err(error) => Err(error),
    };
    told(&app, &creator, id, &typed, done).await
}

/// A return ends without money.
pub async fn close_return(
    State(app): State<App>,
    creator: Creator,
    Path((_, id, back)): Path<(String, OrderId, ReturnId)>,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Refused> {
    let (shop, staff, why) = (creator.shop, creator.staff, typed.one("why").to_owned());
    let closed = app
        .db
        .write(LaneKey::of(id), move |tx| {
            returns::close(tx, shop, id, back, &why, staff)
        })
        .await;
    let done = match closed {
        Ok(Close::Closed) => Ok(None),
        Ok(Close::Refunded) => Ok(Some("Its money went back already.".into())),
        Ok(Close::NotFound) => Err(Error::not_found("return")),
        Err(error) => Err(error),
    };
    told(&app, &creator, id, &typed, done).await
}

/// Back to the order, or the page again with what was typed and why not.
async fn told(
    app: &App,
    staff: &Staff,
    id: OrderId,
    typed: &Typed,
    done: Result<Option<String>>,
) -> std::result::Result<Response, Refused> {
    match done {
        Ok(None) => {
            let shop_id = staff.shop;
            let slug = app.db.read(move |tx| Ok(shop(tx, shop_id)?.slug)).await?;
            Ok(redirect(&format!("/studio/{slug}/orders/{id}")))
        }
        Ok(Some(refusal)) => shown(app, staff, id, typed, vec![Problem::new("main", &refusal)]).await,
        Err(error) if matches!(error.kind, Kind::Invalid | Kind::Conflict) => {
            let refusal = Problem::new("main", &error.detail);
            shown(app, staff, id, typed, vec![refusal]).await
        }
        Err(error) => Err(error.into()),
    }
}

/// None: done. Else what to tell.
async fn shipped(app: &App, staff: &Staff, id: OrderId, typed: &Typed) -> Result<Option<String>> {
    let parcel = HandOver {
        id: typed
            .id("shipment")
            .ok_or_else(|| Error::invalid("no_shipment", "The form is too old. Load the page again."))?,
        lines: Some(units(typed, "ship")?),
        carrier: typed.one("carrier").into(),
        tracking: typed.one("tracking").into(),
    };
    Ok(
        match fulfilment::hand_over(app, staff.shop, id, staff.party, parcel).await? {
            Deliverance::HandedOver | Deliverance::Again => None,
            Deliverance::NotFound => return Err(Error::not_found("order")),
            Deliverance::Canceled => Some("The order was canceled meanwhile; nothing may be shipped.".into()),
            Deliverance::NothingOpen => Some("There is nothing left to ship. Choose at least one piece.".into()),
        },
    )
}

async fn canceled(app: &App, staff: &Staff, id: OrderId) -> Result<Option<String>> {
    Ok(
        match checkout::cancel_order(app, staff.shop, id, staff.staff, "canceled by the shop".into()).await? {
            CancelOrder::Canceled(_) | CancelOrder::Again(_) => None,
            CancelOrder::NotFound => return Err(Error::not_found("order")),
            CancelOrder::AlreadyShipped => Some("Something was shipped meanwhile. Give the money back instead.".into()),
            CancelOrder::CapturePending => Some("The money is being taken right now. Try again in a minute.".into()),
        },
    )
}

async fn units_canceled(app: &App, staff: &Staff, id: OrderId, typed: &Typed) -> Result<Option<String>> {
    let wish = UnitsCanceled {
        id: typed
            .id("adjustment")
            .ok_or_else(|| Error::invalid("no_adjustment", "The form is too old. Load the page again."))?,
        units: units(typed, "cancel")?,
        reason: "canceled by the shop".into(),
        staff: staff.staff,
    };
    Ok(match checkout::cancel_units(app, staff.shop, id, wish).await? {
        CancelUnits::Canceled | CancelUnits::Again => None,
        CancelUnits::NotFound => return Err(Error::not_found("order")),
        CancelUnits::OrderCanceled => Some("The order was canceled meanwhile.".into()),
    })
}

async fn received(app: &App, staff: &Staff, id: OrderId, back: ReturnId, typed: &Typed) -> Result<Option<String>> {
    let (shop_id, currency) = (
        staff.shop,
        app.db.read({
            let shop_id = staff.shop;
            move |tx| Ok(shop(tx, shop_id)?.currency)
        }),
    );
    let currency = currency.await?;
    let deducted_minor = match typed.one("deducted") {
        "" => 0,
        text => amount("/deducted", text, currency)?.minor,
    };
    let came = units(typed, "came")?;
    let received = Received {
        units: (!came.is_empty()).then_some(came),
        deducted_minor,
        deduction: typed.one("deduction").to_owned(),
        restock: match typed.one("restock") {
            "sellable" => Some(Restock::Sellable),
            "written_off" => Some(Restock::WrittenOff),
            _ => None,
        },
        staff: staff.staff,
    };
    let answer = returns::receive(app, shop_id, id, back, received).await?;
    if let Receive::Received(found) = &answer
        && let Some(exchange) = found.exchange
    {
        exchanges::settle(app, shop_id, exchange).await?; // The job would, a second later.
    }
    Ok(match answer {
        Receive::Received(found) if !found.trouble.is_empty() => {
            Some(format!("It is written down, and the money waits: {}", found.trouble))
        }
        Receive::Received(_) | Receive::Again(_) => None,
        Receive::NotFound => return Err(Error::not_found("return")),
        Receive::Closed => Some("This return was closed meanwhile.".into()),
    })
}

async fn refunded(app: &App, staff: &Staff, id: OrderId, typed: &Typed) -> Result<Option<String>> {
    let (who, given) = (staff.clone(), typed.clone());
    let desk = app.db.read(move |tx| read(tx, &who, id, &given)).await?;
    let Some(what) = refund_of(typed, &desk.view) else {
        return Ok(Some("Choose at least one piece, or the delivery.".into()));
    };
    let adjustment = typed
        .id("adjustment")
        .ok_or_else(|| Error::invalid("no_adjustment", "The form is too old. Load the page again."))?;
    let new = NewRefund {
        id: adjustment,
        what,
        way: way_of(typed, app, id),
        reason: typed.one("reason").to_owned(),
        staff: staff.staff,
    };
    Ok(match checkout::refund(app, staff.shop, id, new).await? {
        Refund::Begun(_) | Refund::Again(_) => None,
        Refund::NotFound => return Err(Error::not_found("order")),
    })
}

/// Which way the form would have the money go.
fn way_of(typed: &Typed, app: &App, order: OrderId) -> Way {
    match typed.one("refund_to") {
        "store_credit" => Way::Credit {
            at_most: None,
            code: gift_cards::Code::of_credit(app.db.signing_key(), order),
        },
        _ => Way::AsItCame,
    }
}

/// What pressing the button does to goods that came back.
const RECEIVE: &str = "Received: give the money back";

fn refund_ways(chosen: &str) -> Vec<Choice> {
    let choice = |value: &'static str, label| Choice {
        chosen: chosen == value,
        ..Choice::new(value, label)
    };
    vec![
        choice("original", "The way it came"),
        choice("store_credit", "Store credit, as the buyer wishes"),
    ]
}

/// The units that were typed, `ship_0=2` and so on. Errors: `invalid_field`.
fn units(typed: &Typed, what: &str) -> Result<Vec<Ship>> {
    let mut units = Vec::new();
    for line in 0..100 {
        let text = typed.one(&format!("{what}_{line}"));
        if text.is_empty() {
            continue;
        }
        let quantity = text
            .parse()
            .map_err(|_| Error::invalid("invalid_field", "Write how many pieces as a whole number."))?;
        if quantity > 0 {
            units.push(Ship { line, quantity });
        }
    }
    Ok(units)
}

/// What the form would give back; none when nothing was chosen.
fn refund_of(typed: &Typed, view: &OrderView) -> Option<RefundWhat> {
    let delivery = typed.one("refund_delivery") == "yes";
    let units = units(typed, "refund").ok()?;
    if units.is_empty() && !delivery {
        return None;
    }
    // What never left cannot come back to the shelf.
    let restock = typed.one("restock") == "yes" && view.lines.iter().any(|line| line.shipped > line.returned);
    let restock = if restock && !units.is_empty() {
        Some(Restock::Sellable)
    } else {
        None
    };
    Some(RefundWhat::Lines(RefundLines {
        units,
        delivery,
        restock,
        ..RefundLines::default()
    }))
}

impl Desk {
    /// Whether the promise is taken once, and more than one parcel may leave.
    fn takes_once(&self) -> bool {
        let several = self.view.lines.iter().map(|line| line.open()).sum::<u32>() > 1;
        several
            && self
                .promise
                .as_ref()
                .is_some_and(|promise| promise.taking == Taking::Once)
    }

    /// When the money is taken.
    fn taken(&self) -> String {
        let lost = self
            .view
            .intent
            .as_ref()
            .and_then(|intent| Some((intent, intent.lost_at?)));
        if let Some((intent, lost_at)) = lost {
            return format!(
                "The bank's promise of {} is over and was not renewed. The buyer was asked to pay again on {}; nothing may leave before they have, and \
                 on {} what did not leave is canceled and for sale again.",
                words::money(intent.rest()),
                words::exact(lost_at),
                words::exact(lost_at.plus(payments::PAY_AGAIN)),
            );
        }
        let Some(promise) = &self.promise else {
            return String::new();
        };
        let several = self.view.lines.iter().map(|line| line.quantity).sum::<u32>() > 1;
        let taken = match (promise.taking, several) {
            (_, false) => "The money is taken when the parcel leaves.",
            (Taking::Each, true) => "Every parcel takes its own part as it leaves.",
            (Taking::Once, true) => "This processor takes a promise once: everything is taken with the last parcel.",
        };
        let Some(ends) = promise.capture_before else {
            return taken.to_owned();
        };
        let then = match (promise.taking, several) {
            (Taking::Once, true) => "what has left by then is taken, and the rest is promised anew",
            _ => "it is renewed for what has not left",
        };
        let ends = words::exact(ends);
        format!("{taken} The bank's promise ends on {ends}; a day before, {then}.")
    }

    fn money(&self, minor: i64) -> String {
        words::money(self.view.money(minor))
    }

    fn lines(&self, typed: &Typed) -> Vec<OrderLine> {
        let quote = &self.view.checkout.offer.quote;
        let line = |line: &checkout::OrderLine| {
            let offer = usize::try_from(line.line).ok().and_then(|place| quote.lines.get(place));
            let mut progress = Vec::new();
            for (count, word) in [
                (line.shipped, "shipped"),
                (line.returned, "sent back"),
                (line.canceled, "canceled"),
            ] {
                if count > 0 {
                    progress.push(format!("{count} {word}"));
                }
            }
            let waits = self.absent.contains(&line.line);
            if waits {
                progress.push("pre-ordered, its goods have not arrived".to_owned());
            }
            let variant = offer.map(|offer| {
                [offer.variant_title.as_str(), &offer.sku]
                    .into_iter()
                    .filter(|text| !text.is_empty())
                    .collect::<Vec<_>>()
                    .join(" · ")
            });
            OrderLine {
                id: line.line.to_string(),
                title: line.title.clone(),
                variant: variant.unwrap_or_default(),
                bundle: offer.and_then(|offer| quote.told_in_bundle(offer)).unwrap_or_default(),
                image: offer.map(|offer| offer.image.clone()).filter(|image| !image.is_empty()),
                quantity: line.quantity,
                unit: self.money(
                    offer.map_or(line.amount_minor / i64::from(line.quantity.max(1)), |offer| {
                        offer.unit_minor
                    }),
                ),
                amount: self.money(line.amount_minor),
                tax: {
                    let off: i64 = offer.map_or(0, |offer| offer.taken.iter().sum());
                    let off = match off {
                        0 => String::new(),
                        minor => format!("{} taken off, ", self.money(minor)),
                    };
                    format!(
                        "{off}incl. {} tax, {}",
                        self.money(line.tax_minor),
                        words::percent(line.tax)
                    )
                },
                to_ship: if waits { 0 } else { line.open() },
                refundable: if self.view.refundable(Part::Line(line.line)) > 0 {
                    line.quantity - line.canceled
                } else {
                    0
                },
                refund_quantity: typed.one(&format!("refund_{}", line.line)).parse().unwrap_or(0),
                progress: progress.join(", "),
            }
        };
        self.view.lines.iter().map(line).collect()
    }

    /// Everything that happened, newest first.
    fn timeline(&self) -> Vec<Happening> {
        let mut told: Vec<(Time, Happening)> = Vec::new();
        let mut tell = |at: Time, tone: Tone, title: String, detail: String, amount: String| {
            told.push((
                at,
                Happening {
                    tone,
                    title,
                    detail,
                    amount,
                    at: When::of(at, self.now),
                },
            ));
        };
        for entry in self.standing.iter().flat_map(|standing| &standing.entries) {
            tell(
                entry.at,
                Tone::Quiet,
                entry.what.clone(),
                entry.detail.clone(),
                String::new(),
            );
        }
        tell(
            self.view.order.confirmed_at,
            Tone::Ok,
            "The order was confirmed".into(),
            "What the buyer saw was frozen.".into(),
            self.money(self.view.order.total_minor),
        );
        for parcel in &self.parcels {
            let carrier = if parcel.carrier.is_empty() {
                "Handed over".into()
            } else {
                format!("With {} {}", parcel.carrier, parcel.tracking)
            };
            tell(
                parcel.handed_over_at,
                Tone::Ok,
                format!("Parcel {} left", parcel.number),
                carrier,
                String::new(),
            );
        }
        let moves = self.view.gift_card.iter().flat_map(|used| &used.moves);
        for one in moves {
            let title = match one.kind {
                MoveKind::Taken => "The gift card paid",
                MoveKind::Returned => "Back on the gift card",
                MoveKind::Held => "Held on the gift card",
                MoveKind::Released => "The gift card was let go",
                MoveKind::Issued | MoveKind::Changed | MoveKind::Credited | MoveKind::PaidOut => continue,
            };
            tell(one.at, Tone::Quiet, title.into(), String::new(), self.money(one.minor));
        }
        for adjustment in &self.view.adjustments {
            let title = match adjustment.kind {
                AdjustmentKind::Cancellation if !adjustment.units().is_empty() => "Some pieces were canceled",
                AdjustmentKind::Cancellation => "The order was canceled",
                AdjustmentKind::Refund if adjustment.amount_minor == 0 => continue, // Its money is the next one's.
                AdjustmentKind::Refund => "Money was given back",
            };
            tell(
                adjustment.at,
                Tone::Warn,
                title.into(),
                reason_name(&adjustment.reason).into(),
                self.money(-adjustment.amount_minor),
            );
        }
        told.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        told.into_iter().map(|(_, happening)| happening).collect()
    }

    /// Which way a refund goes, where a gift card paid a part.
    fn ways_back(&self, plan: &checkout::BackPlan) -> String {
        if let Some((credited, 0)) = self.credited {
            return format!(
                "{} becomes store credit, at once; nothing goes back by the processor.",
                self.money(credited)
            );
        }
        let onto_card = plan.gift_card_minor();
        let Some(covers) = self.view.checkout.offer.gift_card.as_ref().filter(|_| onto_card > 0) else {
            return String::new();
        };
        let by_processor = plan.by_processor.as_ref().map_or(0, |plan| plan.amount.minor);
        let onto_card = format!("{} onto gift card •••• {}", self.money(onto_card), covers.last_four);
        match by_processor {
            0 => format!("All of it goes back: {onto_card}."),
            minor => format!("{} goes back the way it was paid, and {onto_card}.", self.money(minor)),
        }
    }

    /// Who gives back how much of what they got so far.
    fn preview(&self, plan: &checkout::BackPlan) -> RefundPreview {
        let mut accounts: Vec<(AccountKey, i64, i64)> = Vec::new();
        let mut add =
            |key: AccountKey, share: i64, back: i64| match accounts.iter_mut().find(|(known, ..)| *known == key) {
                Some((_, shares, backs)) => {
                    *shares += share;
                    *backs += back;
                }
                None => accounts.push((key, share, back)),
            };
        for leg in self.view.captures.iter().flat_map(|capture| &capture.legs) {
            add(leg.account, leg.minor, 0);
        }
        if let Some(used) = &self.view.gift_card {
            for leg in used.taken_legs() {
                add(leg.account, leg.minor, 0);
            }
            for leg in used.returned_legs() {
                add(leg.account, -leg.minor, 0);
            }
        }
        for leg in self
            .view
            .refunds
            .iter()
            .filter(|refund| refund.state != payments::RefundState::Failed)
            .flat_map(|refund| &refund.legs)
        {
            add(leg.account, -leg.minor, 0);
        }
        for leg in plan.legs() {
            add(leg.account, 0, leg.minor);
        }
        let leg = |(key, share, back): &(AccountKey, i64, i64)| {
            let holder = self.names.holder(*key);
            RefundLeg {
                kind: holder.kind,
                name: holder.name,
                share: self.money(*share),
                gives_back: self.money(*back),
                keeps: self.money(share - back),
            }
        };
        RefundPreview {
            amount: words::money(plan.amount),
            legs: accounts.iter().map(leg).collect(),
            ways: [self.ways_back(plan), self.bundle_words()].join(" ").trim().to_owned(),
            stock: String::new(),
        }
    }

    /// What the buyers of its bundles agreed to for keeping a part.
    fn bundle_words(&self) -> String {
        let words = |bundle: &offers::QuotedBundle| {
            let title = &bundle.title;
            match bundle.keep_the_rest {
                KeepTheRest::Prorate => format!("Of “{title}” each part goes back at its share of the bundle's price."),
                KeepTheRest::Reprice => {
                    format!("Of “{title}” the kept parts cost what they cost alone, and the rest goes back.")
                }
                KeepTheRest::None => format!("“{title}” goes back whole or not at all."),
            }
        };
        let bundles = &self.view.checkout.offer.quote.bundles;
        bundles.iter().map(words).collect::<Vec<_>>().join(" ")
    }

    fn coming_back(&self, found: &Return, may: bool) -> ComingBack {
        let due = words::exact(found.due_by);
        let overdue = if self.now > found.due_by { "was" } else { "is" };
        let (state, detail) = match found.state {
            ReturnState::Awaited => (
                Chip::new(Tone::Warn, "Awaited"),
                format!(
                    "The buyer has fourteen days to send it. The money {overdue} due by {due}; it may wait for the goods, or for proof that they were sent."
                ),
            ),
            ReturnState::Sent => (
                Chip::new(Tone::Warn, "On its way"),
                format!(
                    "The buyer says: {}. The money {overdue} due by {due}, whether it has arrived or not.",
                    found.proof
                ),
            ),
            ReturnState::Received => (
                Chip::new(Tone::Bad, "Money waits"),
                match found.trouble.as_str() {
                    "" => "The money is about to go back.".into(),
                    why => format!("{why} It {overdue} due by {due}."),
                },
            ),
            ReturnState::Refunded => (
                Chip::new(Tone::Ok, "Refunded"),
                match found.deducted_minor {
                    0 => format!("{} went back.", self.money(found.refunded_minor)),
                    kept => format!(
                        "{} went back; {} was kept: {}.",
                        self.money(found.refunded_minor),
                        self.money(kept),
                        found.deduction
                    ),
                },
            ),
            ReturnState::Closed => (Chip::new(Tone::Quiet, "Closed"), found.trouble.clone()),
        };
        let what = if found.whole { "all of it" } else { "a part of it" };
        let canceled = match found.units_canceled {
            0 => String::new(),
            units => format!(
                " {} of it had not left, and was canceled.",
                words::count(u64::from(units), "piece", "pieces")
            ),
        };
        let words = match found.words.as_str() {
            "" => String::new(),
            words => format!(" “{words}”"),
        };
        let pieces = found.units.iter().filter_map(|unit| {
            let line = self.view.lines.iter().find(|line| line.line == unit.line)?;
            Some(ReturnPiece {
                line: unit.line,
                title: line.title.clone(),
                quantity: unit.quantity,
            })
        });
        ComingBack {
            id: found.id.to_string(),
            state,
            title: format!(
                "{} withdrew from {what}.{words}",
                if found.name.is_empty() {
                    "The buyer"
                } else {
                    &found.name
                }
            ),
            detail: format!("{detail}{canceled}"),
            at: When::of(found.stated_at, self.now),
            pieces: pieces.collect(),
            can_receive: may && matches!(found.state, ReturnState::Awaited | ReturnState::Sent),
            receive_label: RECEIVE,
            close_path: format!("returns/{}/closing", found.id),
            can_close: may && !found.state.is_over(),
            placed: None,
        }
    }

    /// What a return says that belongs to an exchange.
    fn exchanging(&self, back: ComingBack, found: &Exchange, may: bool, slug: &str) -> ComingBack {
        let wanted = format!("{} × {}", found.unit.quantity, found.wanted());
        let due = words::exact(found.due_by);
        let (state, detail) = match found.state {
            ExchangeState::Awaited => (
                back.state,
                format!(
                    "{wanted} is kept for them until {due}, and becomes an order of its own when this is received. {}",
                    found.trouble
                ),
            ),
            ExchangeState::ToPay => (
                Chip::new(Tone::Warn, "To be paid"),
                format!(
                    "It is here. {wanted} is kept for them; they have to pay {} more by {due}. After that day their money goes back.",
                    self.money(found.missing_minor)
                ),
            ),
            // A part of its money that was to go back beside the credit did not.
            ExchangeState::Placed if back.can_close => (
                back.state,
                format!(
                    "Its money became credit and paid for {wanted}. The rest of it waits: {}",
                    back.detail
                ),
            ),
            ExchangeState::Placed => (
                Chip::new(Tone::Ok, "Exchanged"),
                format!("Its money became credit and paid for {wanted}."),
            ),
            ExchangeState::Refunded => (
                Chip::new(Tone::Warn, "Refunded"),
                format!("{wanted} did not leave for it: {} {}", found.trouble, back.detail),
            ),
            ExchangeState::Closed => (Chip::new(Tone::Quiet, "Closed"), found.trouble.clone()),
        };
        ComingBack {
            title: format!("The buyer exchanges it for {wanted}."),
            state,
            detail: detail.trim().to_owned(),
            receive_label: "Received: send what they get for it",
            close_path: match found.state {
                ExchangeState::Placed => back.close_path,
                _ => format!("exchanges/{}/closing", found.id),
            },
            can_close: match found.state {
                ExchangeState::Placed => back.can_close,
                state => may && !state.is_over(),
            },
            placed: found.placed().map(|order| format!("/studio/{slug}/orders/{order}")),
            ..back
        }
    }
}

/// What the buyer saw when they agreed, in words.
pub(super) fn seen(shop: &Shop, view: &OrderView, saw: &checkout::Evidence) -> Evidence {
    let money = |minor: i64| words::money(view.money(minor));
    let quote = &view.checkout.offer.quote;
    let mut offer = Vec::new();
    let mut said = |name: &str, words: String| offer.push((name.to_owned(), words));
    // Which language the buyer read is not kept; the clip's own is what most of them did.
    let spoken = saw.clip.as_ref().map(|clip| clip.content.language.as_str());
    let anchor = saw.anchor.as_ref();
    let copy = anchor.and_then(|anchor| anchor.copy.get(spoken?).or_else(|| anchor.copy.values().next()));
    for (name, words) in copy
        .iter()
        .flat_map(|copy| [("Card", &copy.title), ("Text", &copy.text), ("Button", &copy.label)])
    {
        if !words.is_empty() {
            said(name, format!("“{words}”"));
        }
    }
    for line in &quote.lines {
        let each = format!("{} × {}: {} each", line.quantity, line.title, money(line.unit_minor));
        let inside = quote.told_in_bundle(line);
        said(
            "Price",
            [Some(each), inside]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(", "),
        );
    }
    for (discount, minor) in quote.taken_off() {
        said("Discount", format!("{}: {}", discount.name, money(-minor)));
    }
    if let Some(delivery) = &quote.delivery {
        said(
            "Delivery",
            format!(
                "{}, {}, {} to {} working days",
                delivery.name,
                money(delivery.amount_minor),
                delivery.eta_days_min,
                delivery.eta_days_max
            ),
        );
    }
    said("Returns", format!("{} days to return", quote.return_days));
    let agreed = &view.checkout.offer;
    let dearer = agreed
        .dearer_than_minor
        .map(|before| format!(", after {} before", money(before)));
    said(
        "Agreed",
        format!(
            "{}, total {}{}",
            words::exact(agreed.accepted_at),
            money(quote.total_minor),
            dearer.unwrap_or_default()
        ),
    );
    Evidence {
        clip: saw
            .clip
            .as_ref()
            .map(|seen| format!("{}, version {}", seen.content.title, seen.version))
            .unwrap_or_default(),
        clip_link: quote
            .seen
            .map(|seen| format!("/studio/{}/clips/{}", shop.slug, seen.clip))
            .unwrap_or_default(),
        at: quote
            .seen
            .map(|seen| words::timecode(seen.at_ms.unsigned_abs()))
            .unwrap_or_default(),
        frame: saw
            .clip
            .as_ref()
            .and_then(|seen| seen.content.poster.as_ref())
            .map(clips::Media::path),
        texts: saw.policies.as_ref().map(texts).unwrap_or_default(),
        offer,
    }
}

/// The seller and the policies a sale was made under; what was left empty is left out.
fn texts(kept: &Policies) -> Vec<(String, String)> {
    let seller = &kept.seller;
    let who = [
        &seller.name,
        &seller.address,
        &seller.email,
        &seller.phone,
        &seller.vat_id,
    ];
    let who: Vec<&str> = who
        .into_iter()
        .map(|part| part.trim())
        .filter(|part| !part.is_empty())
        .collect();
    let all = [
        ("Seller", who.join("\n")),
        ("Imprint", seller.imprint.clone()),
        ("Returns", kept.return_policy.clone()),
        ("Shipping", kept.shipping_policy.clone()),
    ];
    let said = all.into_iter().filter(|(_, text)| !text.is_empty());
    said.map(|(name, text)| (name.to_owned(), text)).collect()
}

/// Why money went back, as the menu says it; an older reason says itself.
fn reason_name(reason: &str) -> &str {
    REASONS
        .iter()
        .find(|(word, _)| *word == reason)
        .map_or(reason, |(_, name)| name)
}

const REASONS: [(&str, &str); 7] = [
    ("withdrawal", "The buyer withdrew"),
    (checkout::PRICE_MATCH, "It costs less now"),
    ("returned", "Sent back"),
    ("damaged", "Arrived damaged"),
    ("lost", "Never arrived"),
    ("goodwill", "Kindness"),
    ("other", "Something else"),
];

/// What becomes of goods that came back.
fn restocks() -> Vec<Choice> {
    vec![
        Choice::new("sellable", "Back on the shelf"),
        Choice::new("written_off", "Written off"),
        Choice::new("", "Not here yet, or none of this"),
    ]
}

fn reasons(chosen: &str) -> Vec<Choice> {
    REASONS[2..] // The first two are said by nobody: they happen.
        .iter()
        .map(|(word, name)| Choice {
            chosen: *word == chosen,
            ..Choice::new(word, name)
        })
        .collect()
}

impl OrderPage {
    fn of(desk: &Desk, staff: &Staff, typed: &Typed) -> Self {
        let view = &desk.view;
        let title = format!("Order {}", view.order.number);
        let frame = Frame::of(&desk.shop, staff, Section::Orders, &title);
        let lines = desk.lines(typed);
        let open = lines.iter().any(|line| line.to_ship > 0);
        let refundable = view.refundable_minor() > 0;
        let shipped = view.lines.iter().any(|line| line.shipped > 0);
        let promised = desk
            .work
            .as_ref()
            .and_then(|work| Some((work.promised_from?, work.promised_until?)));
        let quote = &view.checkout.offer.quote;
        let mut sums = vec![(
            "Items".to_owned(),
            desk.money(match quote.discounts[..] {
                [] => view.order.total_minor - view.order.delivery_minor,
                _ => quote.full_minor(),
            }),
        )];
        sums.extend(quote.taken_off().into_iter().map(|(discount, minor)| {
            let code = discount.code.as_ref().map(|code| format!(", code {code}"));
            (
                format!("{}{}", discount.name, code.unwrap_or_default()),
                desk.money(-minor),
            )
        }));
        if let Some(delivery) = &view.checkout.offer.quote.delivery {
            sums.push((
                format!("Delivery, {}", delivery.name),
                desk.money(view.order.delivery_minor),
            ));
        }
        sums.push(("Tax included".into(), desk.money(view.order.tax_minor)));
        if view.order.canceled_at.is_none() && view.canceled_minor() > 0 {
            sums.push(("Canceled before it left".into(), desk.money(-view.canceled_minor())));
        }
        if let Some(covers) = &view.checkout.offer.gift_card {
            sums.push((
                format!("Of it by gift card •••• {}", covers.last_four),
                desk.money(covers.minor),
            ));
            let by = "Of it by the processor".to_owned();
            sums.push((by, words::money(view.checkout.to_pay())));
        }
        let address = view.checkout.address.as_ref().map(|address| {
            let town = format!("{} {}", address.postal_code, address.city);
            let parts = [
                Some(address.name.clone()),
                Some(address.line1.clone()),
                address.line2.clone(),
                Some(town),
                address.region.clone(),
                Some(address.country.clone()),
            ];
            parts.into_iter().flatten().filter(|part| !part.is_empty()).collect()
        });
        // Whatever is open is paid already: it cost nothing, or its money was found in the processor's books after a restore.
        let paid = view
            .intent
            .as_ref()
            .is_none_or(|intent| intent.captured_minor + intent.let_go_minor == intent.amount.minor);
        let held = view.gift_card.as_ref().map_or(0, |used| used.held_minor);
        let capturable = view.intent.as_ref().map_or(0, payments::Intent::capturable_minor) + held;
        let shipment = |parcel: &fulfilment::Shipment| {
            let title = |line: u32| {
                view.lines
                    .iter()
                    .find(|known| known.line == line)
                    .map_or("", |line| &line.title)
            };
            let what: Vec<String> = parcel
                .lines
                .iter()
                .map(|ship| format!("{} × {}", ship.quantity, title(ship.line)))
                .collect();
            Shipment {
                carrier: parcel.carrier.clone(),
                tracking: parcel.tracking.clone(),
                what: what.join(", "),
                at: When::of(parcel.handed_over_at, desk.now),
            }
        };
        Self {
            here: format!("{}/{}", frame.to(&Section::Orders), view.order.id),
            version: view.order.version,
            number: view.order.number.clone(),
            at: When::of(view.order.confirmed_at, desk.now),
            payment: payment(view),
            fulfilment: match desk.work.as_ref().map(|work| work.state) {
                Some(FulfilmentState::Accepted) => Chip::new(Tone::Warn, "Being packed"),
                _ => parcel(view.state),
            },
            buyer_name: buyer(view),
            buyer_contact: match view.erased_at {
                Some(at) => format!("Erased on {}, as they asked", words::exact(at)),
                None => view.order.email.clone(),
            },
            address: address.unwrap_or_default(),
            sums,
            total: desk.money(view.order.total_minor),
            promise: promised
                .map(|(from, until)| {
                    format!(
                        "Promised for {} to {}",
                        from.date().strftime("%-d %B"),
                        until.date().strftime("%-d %B")
                    )
                })
                .unwrap_or_default(),
            flow: None,
            sale_link: format!("{}/sales/{}", frame.to(&Section::Money), view.order.id),
            payment_link: if staff.role.may_look() {
                format!("/studio/{}/payments/{}", frame.shop_slug, view.order.checkout.intent())
            } else {
                String::new()
            },
            can_ask: staff.role.may_create()
                && desk
                    .standing
                    .as_ref()
                    .is_some_and(|standing| !standing.waits.is_empty()),
            is_conflicted: (view.intent.as_ref())
                .is_some_and(|intent| intent.state == payments::IntentState::Conflicted),
            money: (desk.standing.as_ref()).map(|standing| {
                PaymentPart::of(standing, &desk.shop.slug, desk.now).with(view.gift_card.as_ref(), &view.checkout)
            }),
            timeline: desk.timeline(),
            shipments: desk.parcels.iter().map(shipment).collect(),
            returns: (desk.returns.iter())
                .map(|found| {
                    let may = staff.role.may_create();
                    let back = desk.coming_back(found, may);
                    match desk.exchanges.iter().find(|exchange| exchange.back() == found.id) {
                        Some(exchange) => desk.exchanging(back, exchange, may, &frame.shop_slug),
                        None => back,
                    }
                })
                .collect(),
            exchangeable: match desk.instead.is_empty() {
                true => Vec::new(),
                false => (exchange_page::lines(view).into_iter())
                    .map(|line| {
                        let name = match line.variant_title.as_str() {
                            "" => line.title,
                            variant => format!("{}, {variant}", line.title),
                        };
                        (line.line.to_string(), format!("{name} · {} there", line.open))
                    })
                    .collect(),
            },
            instead: desk.instead.clone(),
            exchange: String::new(),
            exchange_words: desk.exchange_words.clone(),
            exchange_quantity: match typed.one("quantity") {
                "" => "1".into(),
                quantity => quantity.into(),
            },
            exchange_piece: typed.one("piece").into(),
            refund_ways: refund_ways(typed.one("refund_to")),
            restocks: restocks(),
            shipment: String::new(),
            carrier: Field::of(typed.one("carrier")),
            tracking: Field::of(typed.one("tracking")),
            taken: desk.taken(),
            ship_label: match desk.takes_once() {
                true => format!("Ship; {} is taken with the last parcel", desk.money(capturable)),
                false => format!("Ship and take {}", desk.money(capturable)),
            },
            owed: desk.owed.clone().map(|(minor, words)| (desk.money(minor), words)),
            can_take_again: desk.owed.is_some() && staff.role.may_create(),
            can_accept: staff.role.may_help()
                && desk
                    .work
                    .as_ref()
                    .is_some_and(|work| work.state == FulfilmentState::Open),
            can_ship: open && staff.role.may_help() && (capturable > 0 || paid),
            can_cancel: view.order.canceled_at.is_none() && !shipped && staff.role.may_create(),
            can_cancel_units: view.order.canceled_at.is_none()
                && staff.role.may_create()
                && open
                && (shipped || lines.iter().map(|line| line.to_ship).sum::<u32>() > 1),
            can_refund: refundable && staff.role.may_create(),
            adjustment: String::new(),
            refund_delivery: typed.one("refund_delivery") == "yes",
            refund_restock: typed.all("restock").next().is_some() || typed.all("reason").next().is_none(),
            refund_refused: desk
                .plan
                .as_ref()
                .and_then(|plan| plan.as_ref().err().cloned())
                .unwrap_or_default(),
            refund_reasons: reasons(typed.one("reason")),
            refund_preview: desk
                .plan
                .as_ref()
                .and_then(|plan| plan.as_ref().ok())
                .map(|plan| desk.preview(plan)),
            evidence: seen(&desk.shop, &desk.view, &desk.saw),
            pack_link: if staff.role.may_look() {
                format!("/studio/{}/orders/{}/evidence", desk.shop.slug, desk.view.order.id)
            } else {
                String::new()
            },
            problems: Vec::new(),
            lines,
            frame,
        }
    }

    pub fn sample() -> Self {
        Self {
            frame: Frame::sample(Section::Orders, "Order 1044"),
            here: "/studio/nour/orders/ord_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
            version: 2,
            number: "1044".into(),
            at: When::new("2 min ago", "21 November 2026, 14:10:31", "2026-11-21T14:10:31Z"),
            payment: Chip::new(Tone::Quiet, "Authorized"),
            fulfilment: Chip::new(Tone::Warn, "To ship"),
            buyer_name: "Amira Saleh".into(),
            buyer_contact: "amira.saleh@example.org".into(),
            address: vec![
                "Amira Saleh".into(),
                "Lindengasse 14/7".into(),
                "1070 Wien".into(),
                "Austria".into(),
            ],
            lines: sample_lines(),
            sums: sample_sums(),
            total: "€74.90".into(),
            promise: "Promised for 24–26 November".into(),
            flow: None,
            sale_link: "/studio/nour/money/sales/ord_01jd4a1b2c3d4e5f6g7h8j1044".into(),
            payment_link: "/studio/nour/payments/int_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
            can_ask: true,
            is_conflicted: false,
            money: Some(sample_money()),
            timeline: vec![
                Happening {
                    tone: Tone::Quiet,
                    title: "The card's bank promised the money".into(),
                    detail:
                        "Visa ending 4242, through Sandbox. It is taken when you ship; the promise lasts seven days."
                            .into(),
                    amount: "€74.90".into(),
                    at: When::new("2 min ago", "21 November 2026, 14:10:31", "2026-11-21T14:10:31Z"),
                },
                Happening {
                    tone: Tone::Quiet,
                    title: "Three pieces were reserved".into(),
                    detail: "2 × Ash glaze mug 300 ml and 1 × Tea strainer, kept for ten minutes while Amira paid."
                        .into(),
                    amount: String::new(),
                    at: When::new("3 min ago", "21 November 2026, 14:09:58", "2026-11-21T14:09:58Z"),
                },
                Happening {
                    tone: Tone::Quiet,
                    title: "Amira tapped the card".into(),
                    detail: "At 0:05.2 of “Three mugs from one lump”.".into(),
                    amount: String::new(),
                    at: When::new("3 min ago", "21 November 2026, 14:09:51", "2026-11-21T14:09:51Z"),
                },
            ],
            shipments: Vec::new(),
            returns: Vec::new(),
            exchangeable: Vec::new(),
            instead: Vec::new(),
            exchange: String::new(),
            exchange_words: String::new(),
            exchange_quantity: "1".into(),
            exchange_piece: String::new(),
            refund_ways: refund_ways(""),
            restocks: restocks(),
            shipment: String::new(),
            carrier: Field::default(),
            tracking: Field::default(),
            taken: "Every parcel takes its own part as it leaves. The bank's promise ends on 28 November 2026, 20:31 UTC; a day before, it is renewed \
                    for what has not left."
                .into(),
            ship_label: "Ship and take €74.90".into(),
            owed: None,
            can_take_again: false,
            can_accept: true,
            can_ship: true,
            can_cancel: true,
            can_cancel_units: true,
            can_refund: false,
            adjustment: String::new(),
            refund_delivery: false,
            refund_restock: true,
            refund_refused: String::new(),
            refund_reasons: reasons("returned"),
            refund_preview: None,
            evidence: sample_evidence(),
            pack_link: "/studio/nour/orders/ord_01jd3v8k2m7q9x4r5t6w8y0z1a/evidence".into(),
            problems: Vec::new(),
        }
    }

    /// Shipped and captured: the refund form is open with one mug chosen, and shows exactly who gives back what.
    pub fn refunding() -> Self {
        let mut lines = sample_lines();
        for line in &mut lines {
            line.to_ship = 0;
            line.refundable = line.quantity;
            line.progress = format!("{} shipped", line.quantity);
        }
        lines[0].refund_quantity = 1;
        let leg = |kind, name: &str, share: &str, gives_back: &str, keeps: &str| RefundLeg {
            kind,
            name: name.into(),
            share: share.into(),
            gives_back: gives_back.into(),
            keeps: keeps.into(),
        };
        let mut page = Self::sample();
        page.at = When::new("3 days ago", "18 November 2026, 14:10:31", "2026-11-18T14:10:31Z");
        for happening in &mut page.timeline {
            happening.at = page.at.clone();
        }
        page.timeline.insert(
            0,
            Happening {
                tone: Tone::Ok,
                title: "You shipped it, and the money was taken".into(),
                detail: "Everything in one parcel with Spree Parcel.".into(),
                amount: "€74.90".into(),
                at: When::new("2 days ago", "19 November 2026, 16:31:07", "2026-11-19T16:31:07Z"),
            },
        );
        Self {
            version: 4,
            payment: Chip::new(Tone::Ok, "Captured"),
            fulfilment: Chip::new(Tone::Ok, "Shipped"),
            lines,
            shipments: vec![Shipment {
                carrier: "Spree Parcel".into(),
                tracking: "SP 4471 0098 2231".into(),
                what: "2 × Ash glaze mug, 1 × Tea strainer".into(),
                at: When::new("2 days ago", "19 November 2026, 16:31:07", "2026-11-19T16:31:07Z"),
            }],
            flow: Some(sale_page::sample_flow()),
            can_accept: false,
            can_ship: false,
            can_cancel: false,
            can_cancel_units: false,
            can_refund: true,
            refund_preview: Some(RefundPreview {
                amount: "€28.00".into(),
                legs: vec![
                    leg(LegKind::Creator, "Lina Haddad", "€42.82", "€17.65", "€25.17"),
                    leg(LegKind::Creator, "Jonas Weber", "€11.76", "€4.70", "€7.06"),
                    leg(LegKind::Platform, "Hawker (platform)", "€2.94", "€1.18", "€1.76"),
                    leg(LegKind::Tax, "Value added tax", "€11.96", "€4.47", "€7.49"),
                    leg(LegKind::Partner, "Spree Parcel", "€4.12", "€0.00", "€4.12"),
                    leg(LegKind::Processor, "Sandbox (processor)", "€1.30", "€0.00", "€1.30"),
                ],
                ways: String::new(),
                stock: "1 × Ash glaze mug 300 ml goes back on the shelf.".into(),
            }),
            ..page
        }
    }

    /// The buyer withdrew from a part of it, and says that it is on its way back.
    pub fn coming_back() -> Self {
        Self {
            returns: vec![ComingBack {
                id: "rtn_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
                state: Chip::new(Tone::Warn, "On its way"),
                title: "Amira Saleh withdrew from a part of it. “Too small”".into(),
                detail: "The buyer says: DHL JJD0001. The money is due by 5 December 2026, 10:12 UTC, whether it has arrived or not.".into(),
                at: When::new("2 hours ago", "21 November 2026, 10:12 UTC", "2026-11-21T10:12:00Z"),
                pieces: vec![ReturnPiece {
                    line: 0,
                    title: "Ash glaze mug".into(),
                    quantity: 1,
                }],
                can_receive: true,
                receive_label: RECEIVE,
                close_path: "returns/rtn_01jd3v8k2m7q9x4r5t6w8y0z1a/closing".into(),
                can_close: true,
                placed: None,
            }],
            refund_preview: None,
            ..Self::refunding()
        }
    }

    /// The processor's answer was lost; nothing may be done to the money until it is known.
    pub fn unknown() -> Self {
        let mut page = Self::sample();
        page.timeline.insert(
            0,
            Happening {
                tone: Tone::Bad,
                title: "No answer yet from the processor".into(),
                detail: "We asked for €74.90 and the line broke. Hawker asks again in 8 minutes, then less often. Nothing was lost: the pieces stay reserved and nobody is charged twice.".into(),
                amount: String::new(),
                at: When::new("6 min ago", "21 November 2026, 14:06:12", "2026-11-21T14:06:12Z"),
            },
        );
        Self {
            payment: Chip::new(Tone::Bad, "No answer yet"),
            fulfilment: Chip::new(Tone::Quiet, "Waits for payment"),
            can_accept: false,
            can_ship: false,
            can_cancel: false,
            can_cancel_units: false,
            ..page
        }
    }
}

fn sample_money() -> PaymentPart {
    let when = |relative: &str| When::new(relative, "21 November 2026, 14:10 UTC", "2026-11-21T14:10:31Z");
    PaymentPart {
        gift_card: String::new(),
        sentence: "€74.90 is promised until 28 November; it is taken when the parcel leaves.".into(),
        waits: vec![WaitLine {
            what: "sandbox promised 74.90 EUR; we look whether it still does.".into(),
            next: when("in 7 days"),
            so_far: String::new(),
        }],
        rows: vec![MoneyRow {
            what: "Try 1: asked to promise".into(),
            processor: "sandbox".into(),
            amount: "€74.90".into(),
            outcome: Chip::new(Tone::Ok, "Promised"),
            detail: "There it is pi_000000000001.".into(),
            at: when("2 min ago"),
        }],
        disputes: Vec::new(),
    }
}

fn sample_lines() -> Vec<OrderLine> {
    vec![
        OrderLine {
            id: "0".into(),
            title: "Ash glaze mug".into(),
            variant: "300 ml · NC-MUG-300".into(),
            bundle: "in \u{201c}Morning set\u{201d}, €4.00 less than alone".into(),
            image: Some("/media/sample-mug.jpg".into()),
            quantity: 2,
            unit: "€28.00".into(),
            amount: "€56.00".into(),
            tax: "incl. €8.94 tax, 19 %".into(),
            to_ship: 2,
            refundable: 0,
            refund_quantity: 0,
            progress: String::new(),
        },
        OrderLine {
            id: "1".into(),
            title: "Tea strainer".into(),
            variant: "NC-STR-1".into(),
            bundle: String::new(),
            image: Some("/media/sample-tea.jpg".into()),
            quantity: 1,
            unit: "€14.00".into(),
            amount: "€14.00".into(),
            tax: "incl. €2.24 tax, 19 %".into(),
            to_ship: 1,
            refundable: 0,
            refund_quantity: 0,
            progress: String::new(),
        },
    ]
}

fn sample_sums() -> Vec<(String, String)> {
    vec![
        ("Items".into(), "€70.00".into()),
        ("Delivery, Parcel to Austria".into(), "€4.90".into()),
        ("Tax included".into(), "€11.96".into()),
    ]
}

pub(super) fn sample_evidence() -> Evidence {
    let said = |name: &str, words: &str| (name.to_string(), words.to_string());
    Evidence {
        clip: "Three mugs from one lump, version 6".into(),
        clip_link: "/studio/nour/clips/clp_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
        at: "0:05.2".into(),
        frame: Some("/media/sample-mug.jpg".into()),
        offer: vec![
            said(
                "Card",
                "“Ash glaze mug. Thrown from the lump you just saw.” Button: “Get this mug”",
            ),
            said("Price", "€28.00 each, tax included"),
            said("Delivery", "Parcel, €4.90, arrives 24–26 November"),
            said("Returns", "30 days to return, text of 2 November 2026"),
            said("Agreed", "21 November 2026, 14:10:29, total €74.90"),
        ],
        texts: vec![
            said("Seller", "Nour Ceramics\nLindenhof 3, 04109 Leipzig"),
            said("Returns", "You have 30 days from the day the parcel arrives."),
        ],
    }
}
