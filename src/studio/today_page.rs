//! Today: what sold, what needs me, what is live. On the first day: the way to the first sale.

use crate::app::App;
use crate::catalog::{self, ProductState};
use crate::checkout::{self, OrderView};
use crate::clips;
use crate::db::Tx;
use crate::delivery;
use crate::fulfilment::{self, Fulfilment, Promise};
use crate::http::{Problem, page};
use crate::identity::{Analyst, Shop, Staff, shop};
use crate::inventory;
use crate::kernel::{Money, PageIn, Result, Seconds, ShopId, Time, VariantId, words};
use crate::notify::webhooks::{self, Endpoint, EndpointState, Reason};
use crate::payments;
use crate::payments::disputes::{self, Dispute, DisputeState};
use crate::preorders::{self, Preorder};
use crate::returns::{self, Return, ReturnState};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::tz::TimeZone;

use super::chart::{Bar, Bars};
use super::figure::Figure;
use super::frame::{Frame, Section, Tone};
use super::orders_page::buyer;
use super::when::When;

/// Something only a person can decide or do.
pub struct Task {
    pub tone: Tone,
    pub icon: &'static str,
    pub title: String,
    pub detail: String,
    /// What the button says; it names the next step, not "View".
    pub action: String,
    pub link: String,
    /// None where the moment says nothing.
    pub since: Option<When>,
}

/// A clip that sells right now.
pub struct LiveClip {
    pub title: String,
    pub link: String,
    pub poster: Option<String>,
    /// "4,812 views · 11.2 % tap", or since when it is live.
    pub numbers: String,
    pub revenue: String,
}

/// The last few orders, newest first.
pub struct RecentOrder {
    pub number: String,
    pub link: String,
    pub buyer: String,
    pub what: String,
    pub total: String,
    pub at: When,
}

pub enum StepState {
    Done,
    /// The one thing to do now.
    Next,
    Later,
}

/// One step on the way to the first sale.
pub struct Step {
    pub state: StepState,
    pub title: String,
    pub detail: String,
    pub action: String,
    pub link: String,
}

pub struct FirstSale {
    pub done: u32,
    pub steps: Vec<Step>,
}

#[derive(Template)]
#[template(path = "studio/today.html")]
pub struct TodayPage {
    pub frame: Frame,
    pub day: String,
    pub figures: Vec<Figure>,
    pub sales: Option<Bars>,
    pub sales_csv: String,
    pub tasks: Vec<Task>,
    pub live: Vec<LiveClip>,
    pub recent: Vec<RecentOrder>,
    pub first_sale: Option<FirstSale>,
}

/// A product as today needs it.
struct Shelf {
    product: catalog::Product,
    variants: Vec<VariantId>,
    stock: inventory::Availability,
}

/// What the page reads, in one snapshot.
struct Desk {
    shop: Shop,
    shelves: Vec<Shelf>,
    clips: Vec<(clips::Clip, Option<clips::Media>, Vec<clips::Anchor>)>,
    live: Vec<clips::ClipVersion>,
    delivers: bool,
    /// Orders and their totals: today so far, and the same hours a week ago with what came after them.
    today: (i64, i64),
    week_ago: (i64, i64),
    refused: Vec<OrderView>,
    /// Payments without a clear answer, each with its order if one was born.
    stuck: Vec<(payments::Stuck, Option<OrderView>)>,
    /// Of which the bank's promise is over: the buyer was asked to pay again.
    lost: Vec<OrderView>,
    /// Of which a refund did not arrive, lately, and money could go back still.
    unreturned: Vec<OrderView>,
    /// Money of payments without a sale that a processor refused to give back.
    owed: Vec<payments::Intent>,
    /// Returns that have not ended, each with its order's number.
    returns: Vec<(Return, String)>,
    /// Pre-orders whose day has passed, while somebody waits.
    late: Vec<Preorder>,
    /// Lines of processors' files that do not agree: how many, and since when.
    unsettled: (u64, Option<Time>),
    /// Disputes that are open, or took money that had gone back before, each with its order's number.
    disputed: Vec<(Dispute, String)>,
    /// Addresses where events do not arrive; for owners, who can do something about it.
    deaf: Vec<Endpoint>,
    recent: Vec<OrderView>,
    /// Shelves on which fewer pieces lie than are promised, each with its product.
    short: Vec<(catalog::Product, fulfilment::Shelf)>,
    waiting: Vec<Fulfilment>,
    now: Time,
}

/// Products and clips that today looks at.
const MOST: i64 = 50;
/// From here on a creator should look at the shelf.
const LOW: i64 = 3;

/// Latest orders on the page.
const RECENT: u32 = 5;
const DAY: Seconds = Seconds::days(1);

fn read(tx: &mut Tx<'_>, staff: &Staff) -> Result<Desk> {
    let shop = shop(tx, staff.shop)?;
    let mut shelves = Vec::new();
    for product in catalog::list(tx, shop.id, None, MOST)?.data {
        let variants: Vec<VariantId> = catalog::variants(tx, shop.id, product.id, shop.currency)?
            .iter()
            .map(|variant| variant.id)
            .collect();
        let mut stock = inventory::Availability::default();
        for variant in &variants {
            let of = inventory::availability(tx, *variant)?;
            stock.left += of.left;
            stock.in_checkouts += of.in_checkouts;
        }
        shelves.push(Shelf {
            product,
            variants,
            stock,
        });
    }
    let mut drafts = Vec::new();
    for clip in clips::list(tx, shop.id, None, MOST)?.data {
        let media = clips::media(tx, shop.id, &clip.media_hash)?;
        let anchors = clips::anchors(tx, shop.id, clip.id)?;
        drafts.push((clip, media, anchors));
    }
    let midnight = Time::from_unix_seconds(tx.now().unix_seconds().div_euclid(DAY.0) * DAY.0);
    let week = Seconds(DAY.0 * 7);
    let since = |tx: &mut Tx<'_>, at: Time| checkout::orders_since(tx, shop.id, at);
    let then = since(tx, midnight.minus(week))?;
    let after = since(tx, tx.now().minus(week))?;
    let newest = checkout::orders(
        tx,
        shop.id,
        &PageIn {
            limit: Some(RECENT),
            after: None,
        },
    )?;
    let mut recent = Vec::new();
    for order in newest.data {
        recent.extend(checkout::view(tx, shop.id, order.id)?);
    }
    Ok(Desk {
        today: since(tx, midnight)?,
        week_ago: (then.0 - after.0, then.1 - after.1),
        short: short(tx, shop.id)?,
        waiting: fulfilment::open_orders(tx, shop.id, None, MOST)?,
        recent,
        refused: refused(tx, shop.id)?,
        stuck: stuck(tx, shop.id)?,
        lost: lost(tx, shop.id)?,
        owed: payments::owed_back(tx, shop.id)?,
        unreturned: unreturned(tx, shop.id)?,
        disputed: disputed(tx, shop.id)?,
        returns: coming_back(tx, shop.id)?,
        late: preorders::late(tx, shop.id)?,
        unsettled: payments::settlement_files::count_open(tx, shop.id)?,
        deaf: if staff.role.is_owner() {
            deaf(tx, shop.id)?
        } else {
            Vec::new()
        },
        live: clips::list_published(tx, shop.id, None, MOST)?.data,
        delivers: delivery::all(tx, shop.id)?.iter().any(|zone| !zone.methods.is_empty()),
        now: tx.now(),
        shelves,
        clips: drafts,
        shop,
    })
}

fn stuck(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<(payments::Stuck, Option<OrderView>)>> {
    let mut all = Vec::new();
    for stuck in payments::stuck(tx, shop)? {
        let view = checkout::view(tx, shop, stuck.checkout.order())?;
        all.push((stuck, view));
    }
    Ok(all)
}

/// What is promised and is not there.
fn short(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<(catalog::Product, fulfilment::Shelf)>> {
    let mut named = Vec::new();
    for shelf in fulfilment::shortages(tx, shop, MOST)? {
        let product = catalog::product_of(tx, shop, shelf.variant)?;
        named.extend(product.map(|product| (product, shelf)));
    }
    Ok(named)
}

/// Orders whose payment was lost.
fn lost(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<OrderView>> {
    let mut views = Vec::new();
    for checkout in payments::lost(tx, shop)? {
        views.extend(checkout::view(tx, shop, checkout.order())?);
    }
    Ok(views)
}

/// Orders of which a refund failed, until as much went back in another try, or in another way.
fn unreturned(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<OrderView>> {
    let mut views = Vec::new();
    // What was tried again stands among them for as long as something of its order is kept.
    for checkout in payments::failed_refunds(tx, shop, 500)? {
        if payments::outstanding(&payments::refunds(tx, checkout.intent())?) > 0 {
            views.extend(checkout::view(tx, shop, checkout.order())?);
        }
        if views.len() as i64 >= MOST {
            break;
        }
    }
    Ok(views)
}

/// What waits for an answer first; after that what was paid twice and is lost.
fn disputed(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<(Dispute, String)>> {
    let mut all = disputes::open(tx, shop, MOST)?;
    for twice in disputes::told_twice(tx, shop, MOST)? {
        if twice.state.takes_money() && all.iter().all(|known| known.id != twice.id) {
            all.push(twice);
        }
    }
    let mut named = Vec::new();
    for dispute in all {
        let order = checkout::order_of_checkout(tx, shop, dispute.checkout())?;
        named.push((
            dispute,
            order.map_or_else(String::new, |order| format!(" of order {}", order.number)),
        ));
    }
    Ok(named)
}

/// What buyers send back, the most urgent first.
fn coming_back(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<(Return, String)>> {
    let mut named = Vec::new();
    for found in returns::open(tx, shop, MOST)? {
        let order = checkout::order(tx, shop, found.order)?;
        named.push((found, order.map_or_else(String::new, |order| order.number)));
    }
    Ok(named)
}

/// What a person has to do about a return, and until when.
fn return_task(found: &Return, order: &str, base: &str, now: Time) -> Task {
    let due = words::exact(found.due_by);
    let exchanged = found.exchange.is_some();
    let (title, detail, action) = match found.state {
        ReturnState::Awaited if exchanged => (
            format!("Something of order {order} comes back"),
            format!("The buyer exchanges it: what they get for it is kept until {due}, and for sale again after that."),
            "See the exchange",
        ),
        ReturnState::Sent if exchanged => (
            format!("Something of order {order} is on its way back"),
            format!(
                "The buyer says: {}. What they get for it is kept, and leaves when this is received.",
                found.proof
            ),
            "Receive it",
        ),
        _ if exchanged && found.trouble.is_empty() => (
            format!("An exchange of order {order} waits"),
            "Its goods are here, and what is kept for the buyer has not been paid, or cannot leave yet.".to_owned(),
            "See why",
        ),
        ReturnState::Awaited => (
            format!("Something of order {order} comes back"),
            format!("The money is due by {due}; it may wait until the goods are here, or shown to be on their way."),
            "See the return",
        ),
        ReturnState::Sent => (
            format!("Something of order {order} is on its way back"),
            format!(
                "The buyer says: {}. The money is due by {due}, whether it has arrived or not.",
                found.proof
            ),
            "Give the money back",
        ),
        _ => (
            format!("The money of a return of order {order} waits"),
            format!("{} It is due by {due}.", found.trouble),
            "See why",
        ),
    };
    let soon = now.plus(Seconds::days(4)) > found.due_by;
    Task {
        tone: if soon || found.state == ReturnState::Received {
            Tone::Bad
        } else {
            Tone::Warn
        },
        icon: "parcel",
        title,
        detail,
        action: action.into(),
        link: format!("{base}/orders/{}", found.order),
        since: Some(When::of(found.stated_at, now)),
    }
}

/// Endpoints that fail, or were disabled for it in the last month.
fn deaf(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<Endpoint>> {
    let since = tx.now().minus(Seconds::days(30));
    let mut all = webhooks::list(tx, shop)?;
    all.retain(|endpoint| match endpoint.state {
        EndpointState::Enabled => false,
        EndpointState::Failing => true,
        EndpointState::Disabled => {
            endpoint.reason != Some(Reason::Staff) && endpoint.disabled_at.is_some_and(|at| at > since)
        }
    });
    Ok(all)
}

/// Orders of which something was shipped and the money refused.
fn refused(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<OrderView>> {
    let mut owed = Vec::new();
    for checkout in payments::refused_captures(tx, shop, MOST)? {
        let view = checkout::view(tx, shop, checkout.order())?;
        if let Some(view) = view
            && fulfilment::owed(tx, &view)?.amount.minor > 0
        {
            owed.push(view);
        }
    }
    Ok(owed)
}

pub async fn show(State(app): State<App>, staff: Analyst) -> std::result::Result<Response, Problem> {
    let who = staff.0.clone();
    let desk = app.db.read(move |tx| read(tx, &who)).await?;
    page(&TodayPage::of(&desk, &staff))
}

/// The way to the first sale, until all of it was walked once.
fn first_sale(desk: &Desk, base: &str) -> Option<FirstSale> {
    let product = desk
        .shelves
        .iter()
        .find(|shelf| shelf.product.state != ProductState::Archived);
    let product_link = product.map_or(format!("{base}/products/new"), |shelf| {
        format!("{base}/products/{}", shelf.product.id)
    });
    let clip = desk.clips.iter().find(|(_, media, _)| media.is_some());
    let clip_link = clip.map_or(format!("{base}/clips/new"), |(clip, ..)| {
        format!("{base}/clips/{}", clip.id)
    });
    let stocked = desk
        .shelves
        .iter()
        .any(|shelf| shelf.stock.left + shelf.stock.in_checkouts > 0);
    let anchored = desk
        .clips
        .iter()
        .any(|(_, _, anchors)| anchors.iter().any(|anchor| anchor.variant.is_some()));
    let steps = [
        (
            product.is_some(),
            "Add a product",
            "A name, a picture, a price. One is enough to start.",
            "Add a product",
            &product_link,
        ),
        (
            stocked,
            "Count your stock",
            "Say how many you have. Hawker never sells one more than that, however many people tap at once.",
            "Enter stock",
            &product_link,
        ),
        (
            desk.delivers,
            "Say where you deliver",
            "Countries, a price and how many days. The buyer sees the arrival date before paying.",
            "Set up delivery",
            &format!("{base}/settings/delivery"),
        ),
        (
            clip.is_some(),
            "Upload a clip",
            "A vertical video of 10 to 60 seconds from your phone is perfect.",
            "Upload a clip",
            &format!("{base}/clips/new"),
        ),
        (
            anchored,
            "Put the product at its second",
            "Pause where it appears and press “Anchor here”. The card will slide up exactly there.",
            "Open the editor",
            &clip_link,
        ),
        (
            !desk.live.is_empty(),
            "Publish",
            "Your shop's page and the player you can embed go live together.",
            "Publish",
            &clip_link,
        ),
    ];
    let done = steps.iter().filter(|(done, ..)| *done).count();
    if done == steps.len() {
        return None;
    }
    let next = steps.iter().position(|(done, ..)| !done);
    let step = |(at, (done, title, detail, action, link)): (usize, (bool, &str, &str, &str, &String))| Step {
        state: match (done, Some(at) == next) {
            (true, _) => StepState::Done,
            (false, true) => StepState::Next,
            (false, false) => StepState::Later,
        },
        title: title.into(),
        detail: detail.into(),
        action: if done { "Change it".into() } else { action.into() },
        link: link.clone(),
    };
    Some(FirstSale {
        done: u32::try_from(done).unwrap_or(0),
        steps: steps.into_iter().enumerate().map(step).collect(),
    })
}

/// Pieces that are promised and are not there: the first of whose they are.
fn short_task(product: &catalog::Product, shelf: &fulfilment::Shelf, base: &str) -> Task {
    const NAMED: usize = 3;
    let mut whose: Vec<String> = Vec::new();
    for affected in shelf.affected.iter().take(NAMED) {
        whose.push(match &affected.promise {
            Promise::Line { number, .. } => format!("order {number}"),
            Promise::Checkout { .. } => "a checkout that has not paid".into(),
        });
    }
    let more = shelf.affected.len().saturating_sub(NAMED);
    if more > 0 {
        whose.push(format!("{more} more"));
    }
    let promised = shelf.in_checkouts + shelf.waiting;
    Task {
        tone: Tone::Bad,
        icon: "products",
        title: format!("{}: {} missing", product.title, shelf.short),
        detail: format!(
            "{promised} promised, {} on the shelf. Affected first: {}.",
            promised - shelf.short,
            whose.join(", ")
        ),
        action: "See whose they are".into(),
        link: format!("{base}/products/{}/shelf", product.id),
        since: None,
    }
}

/// Shelves that run out, and products nobody can see.
fn shelf_tasks(desk: &Desk, base: &str) -> Vec<Task> {
    let mut tasks = Vec::new();
    for shelf in desk
        .shelves
        .iter()
        .filter(|shelf| shelf.product.state == ProductState::Active)
    {
        let link = format!("{base}/products/{}", shelf.product.id);
        if shelf.stock.left <= LOW {
            let claimed = if shelf.stock.in_checkouts > 0 {
                format!(", {} in checkouts", shelf.stock.in_checkouts)
            } else {
                String::new()
            };
            tasks.push(Task {
                tone: if shelf.stock.left == 0 { Tone::Bad } else { Tone::Warn },
                icon: "products",
                title: if shelf.stock.left == 0 {
                    format!("{} is sold out{claimed}", shelf.product.title)
                } else {
                    format!("{}: {} left{claimed}", shelf.product.title, shelf.stock.left)
                },
                detail: "Viewers see this number. More on the shelf? Say so, and the card sells on.".into(),
                action: "Enter stock".into(),
                link: link.clone(),
                since: None,
            });
        }
        let shown = desk.clips.iter().any(|(_, _, anchors)| {
            anchors
                .iter()
                .any(|anchor| anchor.variant.is_some_and(|variant| shelf.variants.contains(&variant)))
        });
        if !shown {
            tasks.push(Task {
                tone: Tone::Quiet,
                icon: "clips",
                title: format!("{} is in no clip", shelf.product.title),
                detail: "It is for sale, but no clip shows it.".into(),
                action: "Add an anchor".into(),
                link: format!("{base}/clips"),
                since: None,
            });
        }
    }
    tasks
}

impl RecentOrder {
    fn of(view: &OrderView, base: &str, now: Time) -> Self {
        let what: Vec<String> = view
            .lines
            .iter()
            .map(|line| format!("{} × {}", line.quantity, line.title))
            .collect();
        Self {
            number: view.order.number.clone(),
            link: format!("{base}/orders/{}", view.order.id),
            buyer: buyer(view),
            what: what.join(", "),
            total: words::money(view.order.total()),
            at: When::of(view.order.confirmed_at, now),
        }
    }
}

/// What was sold today, against the same hours of the same weekday a week ago.
fn figures(desk: &Desk) -> Vec<Figure> {
    let money = |minor: i64| words::money(Money::new(minor, desk.shop.currency));
    let compared = |figure: Figure, now: i64, then: i64| match (then, now - then) {
        (0, _) => figure,
        (_, 0) => figure.changed(Tone::Quiet, true, "as many as a week ago"),
        (then, more) => {
            let percent = (more.saturating_mul(100) / then).abs();
            let words = if more > 0 {
                format!("{percent} % more than a week ago")
            } else {
                format!("{percent} % less than a week ago")
            };
            figure.changed(if more > 0 { Tone::Ok } else { Tone::Bad }, more > 0, &words)
        }
    };
    let waiting = Figure::new("To ship", &desk.waiting.len().to_string());
    vec![
        compared(
            Figure::new("Sold today", &money(desk.today.1)),
            desk.today.1,
            desk.week_ago.1,
        ),
        compared(
            Figure::new("Orders today", &desk.today.0.to_string()),
            desk.today.0,
            desk.week_ago.0,
        ),
        waiting,
    ]
}

/// Payments without an answer, and parcels that wait.
fn order_tasks(desk: &Desk, base: &str) -> Vec<Task> {
    let short = desk.short.iter();
    let mut tasks: Vec<Task> = short.map(|(product, shelf)| short_task(product, shelf, base)).collect();
    for view in &desk.refused {
        tasks.push(Task {
            tone: Tone::Bad,
            icon: "money",
            title: format!("The money of order {} was refused", view.order.number),
            detail: "Its parcel left, and the processor did not let us take what it promised.".into(),
            action: "Take it again".into(),
            link: format!("{base}/orders/{}", view.order.id),
            since: Some(When::of(view.order.confirmed_at, desk.now)),
        });
    }
    tasks.extend(
        desk.disputed
            .iter()
            .filter_map(|(dispute, order)| dispute_task(dispute, order, base, desk.now)),
    );
    for (stuck, view) in &desk.stuck {
        tasks.push(payment_task(stuck, view.as_ref(), base, desk.now));
    }
    for view in &desk.unreturned {
        tasks.push(Task {
            tone: Tone::Bad,
            icon: "money",
            title: format!("A refund of order {} did not arrive", view.order.number),
            detail: "The bank turned it back, or the processor refused it. The buyer still waits for the money.".into(),
            action: "Give it back again".into(),
            link: format!("{base}/orders/{}", view.order.id),
            since: Some(When::of(view.order.confirmed_at, desk.now)),
        });
    }
    for intent in &desk.owed {
        let money = words::money(Money::new(intent.refundable_minor(), intent.amount.currency));
        tasks.push(Task {
            tone: Tone::Bad,
            icon: "money",
            title: format!("{money} did not go back to a buyer"),
            detail: "It was taken against our will, no order belongs to it, and the processor refused to give it back."
                .into(),
            action: "Give it back".into(),
            link: format!("{base}/payments/{}", intent.id),
            since: None,
        });
    }
    let returns = desk.returns.iter();
    tasks.extend(returns.map(|(found, order)| return_task(found, order, base, desk.now)));
    for view in &desk.lost {
        let lost_at = view.intent.as_ref().and_then(|intent| intent.lost_at);
        tasks.push(Task {
            tone: Tone::Bad,
            icon: "money",
            title: format!("The payment of order {} is lost", view.order.number),
            detail: "The bank's promise ended before everything left, and was not renewed. Nothing may leave; the buyer was asked to pay again.".into(),
            action: "See the order".into(),
            link: format!("{base}/orders/{}", view.order.id),
            since: Some(When::of(lost_at.unwrap_or(view.order.confirmed_at), desk.now)),
        });
    }
    for late in &desk.late {
        tasks.push(Task {
            tone: Tone::Bad,
            icon: "parcel",
            title: "A pre-order is late".into(),
            detail: "The promised day has passed, and buyers wait. They were told so; say a new day, or count in what arrived.".into(),
            action: "Say when".into(),
            link: format!("{base}/preorders"),
            since: Some(When::of(late.ships_by, desk.now)),
        });
    }
    if desk.unsettled.0 > 0 {
        let (count, since) = desk.unsettled;
        let lines = words::count(count, "line of a processor's file", "lines of processors' files");
        tasks.push(Task {
            tone: Tone::Warn,
            icon: "money",
            title: format!(
                "{lines} {} with our books",
                if count == 1 { "does not agree" } else { "do not agree" }
            ),
            detail: "Nothing of it is booked until you say whether the file is right.".into(),
            action: "Look at them".into(),
            link: format!("{base}/money/settlement-files"),
            since: since.map(|since| When::of(since, desk.now)),
        });
    }
    if let Some(oldest) = desk.waiting.first() {
        let count = words::count(desk.waiting.len() as u64, "order", "orders");
        let promised = oldest
            .promised_until
            .map(|until| format!("The oldest was promised for {}. ", until.date().strftime("%-d %B")))
            .unwrap_or_default();
        tasks.push(Task {
            tone: Tone::Warn,
            icon: "parcel",
            title: format!("{count} to ship"),
            detail: format!("{promised}Money is taken when you ship."),
            action: "Ship orders".into(),
            link: format!("{base}/orders?state=to_ship"),
            since: Some(When::of(oldest.created_at, desk.now)),
        });
    }
    tasks
}

/// What a person has to do about a dispute; nothing while the bank decides, unless money was paid twice.
fn dispute_task(dispute: &Dispute, order: &str, base: &str, now: Time) -> Option<Task> {
    let amount = words::money(dispute.amount);
    let task = |tone, title: String, detail: String, action: &str| Task {
        tone,
        icon: "money",
        title,
        detail,
        action: action.into(),
        link: format!("{base}/disputes/{}", dispute.id),
        since: Some(When::of(dispute.created_at, now)),
    };
    let twice = (dispute.excess_minor > 0 && dispute.state.takes_money()).then(|| {
        let excess = words::money(dispute.money(dispute.excess_minor));
        format!("{excess} had gone back to the buyer before: they have it twice. ")
    });
    let reason = disputes::reason_words(&dispute.reason);
    Some(match dispute.state {
        DisputeState::NeedsResponse if dispute.can_be_answered(now) => {
            let until = dispute.due_by.map(words::exact).unwrap_or_default();
            let detail = format!(
                "{}{reason} Answer until {until}, or give it up.",
                twice.unwrap_or_default()
            );
            task(Tone::Bad, format!("A dispute{order}: {amount}"), detail, "Answer it")
        }
        DisputeState::Inquiry => {
            let detail = format!("{reason} No money has moved. A refund can end it.");
            task(
                Tone::Warn,
                format!("A bank asks{order}: {amount}", order = order.replace(" of ", " about ")),
                detail,
                "Look at it",
            )
        }
        _ => task(Tone::Bad, format!("Paid back twice{order}"), twice?, "Settle it"),
    })
}

/// A payment without a clear answer: what we know stands on its own page, also where no order was born.
fn payment_task(stuck: &payments::Stuck, view: Option<&OrderView>, base: &str, now: Time) -> Task {
    let amount = words::money(stuck.amount);
    let whose = match view {
        Some(view) => format!("of order {}", view.order.number),
        None => format!("of {amount} without an order"),
    };
    let next = stuck
        .next_look_at
        .map_or(String::new(), |at| words::relative(at.max(now), now));
    let (tone, title, detail, action) = if stuck.is_conflicted {
        (
            Tone::Bad,
            format!("The payment {whose} needs a person"),
            "The processor's books and ours differ. Its money is frozen until somebody has decided.".to_owned(),
            "See both sides",
        )
    } else if stuck.needs_a_person {
        (
            Tone::Bad,
            format!("The payment {whose} has had no answer for days"),
            format!("{amount}. Nobody is charged twice. Hawker asks once a day; ask the processor's support as well."),
            "See what we know",
        )
    } else {
        (
            Tone::Warn,
            format!("The payment {whose} has no clear answer yet"),
            format!("{amount}. Nobody else is asked, so nobody is charged twice. Hawker asks again {next}."),
            "See what we know",
        )
    };
    Task {
        tone,
        icon: "money",
        title,
        detail,
        action: action.into(),
        link: format!("{base}/payments/{}", stuck.intent),
        since: Some(When::of(stuck.begun_at, now)),
    }
}

/// Events that do not reach the shop's own programs.
fn webhook_tasks(desk: &Desk, base: &str) -> Vec<Task> {
    let task = |endpoint: &Endpoint| {
        let disabled = endpoint.state == EndpointState::Disabled;
        let detail = match (disabled, endpoint.reason) {
            (true, Some(Reason::Gone)) => "It answered that it wants no more events, so nothing is sent any more.",
            (true, _) => {
                "Nothing had arrived for five days, so nothing is sent any more. What it misses is kept for 30 days."
            }
            (false, _) => "Nothing arrives. Hawker goes on trying; after five days it stops.",
        };
        Task {
            tone: if disabled { Tone::Bad } else { Tone::Warn },
            icon: "settings",
            title: format!("Events do not reach {}", host(&endpoint.url)),
            detail: detail.into(),
            action: "See what it answers".into(),
            link: format!("{base}/settings/webhooks/{}", endpoint.id),
            since: endpoint
                .disabled_at
                .or(endpoint.failing_since)
                .map(|at| When::of(at, desk.now)),
        }
    };
    desk.deaf.iter().map(task).collect()
}

/// The name in an address.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

impl TodayPage {
    fn of(desk: &Desk, staff: &Staff) -> Self {
        let mut frame = Frame::of(&desk.shop, staff, Section::Today, "Today");
        frame.orders_waiting = u32::try_from(desk.waiting.len()).unwrap_or(u32::MAX);
        let base = frame.to(&Section::Today);
        let live = desk.live.iter().map(|version| LiveClip {
            title: version.content.title.clone(),
            link: format!("{base}/clips/{}", version.clip),
            poster: version.content.poster.as_ref().map(clips::Media::path),
            numbers: format!("live {}", words::relative(version.published_at, desk.now)),
            revenue: String::new(),
        });
        Self {
            day: desk
                .now
                .timestamp()
                .to_zoned(TimeZone::UTC)
                .strftime("%A, %-d %B")
                .to_string(),
            figures: figures(desk),
            sales: None,
            sales_csv: String::new(),
            tasks: order_tasks(desk, &base)
                .into_iter()
                .chain(webhook_tasks(desk, &base))
                .chain(shelf_tasks(desk, &base))
                .collect(),
            live: live.collect(),
            recent: desk
                .recent
                .iter()
                .map(|view| RecentOrder::of(view, &base, desk.now))
                .collect(),
            // Once something was sold, the way to it needs no more teaching; and a payment that waits is more urgent.
            first_sale: if desk.recent.is_empty() && desk.stuck.is_empty() && desk.owed.is_empty() {
                first_sale(desk, &base)
            } else {
                None
            },
            frame,
        }
    }

    pub fn sample() -> Self {
        Self {
            frame: Frame::sample(Section::Today, "Today"),
            day: "Saturday, 21 November".into(),
            figures: vec![
                Figure::new("Sold today", "€1,284.60")
                    .changed(Tone::Ok, true, "18 % more than last Saturday")
                    .with_spark(
                        &[2, 3, 3, 5, 4, 8, 9, 12, 11, 16, 21, 24],
                        "Sales an hour since 6:00, rising",
                    )
                    .to("/studio/nour/money"),
                Figure::new("Orders", "21")
                    .changed(Tone::Ok, true, "3 more than last Saturday")
                    .with_spark(
                        &[1, 0, 1, 2, 1, 2, 2, 3, 2, 3, 2, 2],
                        "Orders an hour since 6:00, steady",
                    )
                    .to("/studio/nour/orders"),
                Figure::new("Viewers who tapped", "9.4 %")
                    .changed(Tone::Bad, false, "1.1 points fewer than last Saturday")
                    .with_spark(
                        &[11, 11, 12, 10, 10, 11, 10, 9, 9, 9, 10, 9],
                        "Tap rate an hour since 6:00, falling a little",
                    )
                    .to("/studio/nour/audience"),
            ],
            sales: Some(sample_sales()),
            sales_csv: "/studio/nour/money/sales.csv".into(),
            tasks: sample_tasks(),
            live: vec![
                LiveClip {
                    title: "Three mugs from one lump".into(),
                    link: "/studio/nour/clips/clp_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
                    poster: Some("/media/sample-mug.jpg".into()),
                    numbers: "4,812 views · 11.2 % tap".into(),
                    revenue: "€842.00".into(),
                },
                LiveClip {
                    title: "Why the glaze runs".into(),
                    link: "/studio/nour/clips/clp_01jd3v8k2m7q9x4r5t6w8y0z1b".into(),
                    poster: Some("/media/sample-glaze.jpg".into()),
                    numbers: "2,077 views · 7.9 % tap".into(),
                    revenue: "€308.60".into(),
                },
                LiveClip {
                    title: "Unpacking the kiln at 5 a.m.".into(),
                    link: "/studio/nour/clips/clp_01jd3v8k2m7q9x4r5t6w8y0z1c".into(),
                    poster: Some("/media/sample-kiln.jpg".into()),
                    numbers: "1,390 views · 5.4 % tap".into(),
                    revenue: "€134.00".into(),
                },
            ],
            recent: sample_recent(),
            first_sale: None,
        }
    }

    /// A shop on its first day teaches the way to its first sale.
    pub fn empty() -> Self {
        let step = |state, title: &str, detail: &str, action: &str, link: &str| Step {
            state,
            title: title.into(),
            detail: detail.into(),
            action: action.into(),
            link: link.into(),
        };
        Self {
            frame: Frame::sample_first_day(Section::Today, "Today"),
            day: "Saturday, 21 November".into(),
            figures: Vec::new(),
            sales: None,
            sales_csv: String::new(),
            tasks: Vec::new(),
            live: Vec::new(),
            recent: Vec::new(),
            first_sale: Some(FirstSale {
                done: 1,
                steps: vec![
                    step(
                        StepState::Done,
                        "Add a product",
                        "Ash glaze mug, €28.00.",
                        "Change it",
                        "/studio/nour/products",
                    ),
                    step(
                        StepState::Next,
                        "Count your stock",
                        "Say how many you have. Hawker never sells one more than that, however many people tap at once.",
                        "Enter stock",
                        "/studio/nour/products",
                    ),
                    step(
                        StepState::Later,
                        "Say where you deliver",
                        "Countries, a price and how many days. The buyer sees the arrival date before paying.",
                        "Set up delivery",
                        "/studio/nour/settings/delivery",
                    ),
                    step(
                        StepState::Later,
                        "Upload a clip",
                        "A vertical video of 10 to 60 seconds from your phone is perfect.",
                        "Upload a clip",
                        "/studio/nour/clips/new",
                    ),
                    step(
                        StepState::Later,
                        "Put the product at its second",
                        "Pause where the mug appears and press “Anchor here”. The card will slide up exactly there.",
                        "Open the editor",
                        "/studio/nour/clips",
                    ),
                    step(
                        StepState::Later,
                        "Publish",
                        "Your shop's page and the player you can embed go live together.",
                        "Publish",
                        "/studio/nour/clips",
                    ),
                ],
            }),
        }
    }
}

fn sample_sales() -> Bars {
    let day = |label: &str, amount_minor: u64, words: &str| Bar {
        label: label.into(),
        amount_minor,
        words: words.into(),
    };
    Bars {
        title: "Sales a day over the last 14 days, in euros".into(),
        bars: vec![
            day("8 Nov", 61_200, "€612.00"),
            day("9 Nov", 48_850, "€488.50"),
            day("10 Nov", 53_100, "€531.00"),
            day("11 Nov", 70_440, "€704.40"),
            day("12 Nov", 66_900, "€669.00"),
            day("13 Nov", 92_310, "€923.10"),
            day("14 Nov", 108_860, "€1,088.60"),
            day("15 Nov", 97_400, "€974.00"),
            day("16 Nov", 58_730, "€587.30"),
            day("17 Nov", 64_020, "€640.20"),
            day("18 Nov", 71_950, "€719.50"),
            day("19 Nov", 88_200, "€882.00"),
            day("20 Nov", 119_340, "€1,193.40"),
            day("21 Nov", 128_460, "€1,284.60"),
        ],
        grid: vec![(50_000, "€500".into()), (100_000, "€1,000".into())],
    }
}

fn sample_tasks() -> Vec<Task> {
    vec![
        Task {
            tone: Tone::Bad,
            icon: "money",
            title: "One payment has no answer yet".into(),
            detail: "Order 1043, €42.90. The processor has not said yes or no. The stock is kept and nobody is charged twice; Hawker asks again in 8 minutes.".into(),
            action: "See what we know".into(),
            link: "/studio/nour/orders/ord_01jd4a1b2c3d4e5f6g7h8j9k0n".into(),
            since: Some(When::new("6 min ago", "21 November 2026, 14:06:12", "2026-11-21T14:06:12Z")),
        },
        Task {
            tone: Tone::Warn,
            icon: "parcel",
            title: "3 orders to ship".into(),
            detail: "The oldest was promised for Tuesday. Money is taken when you ship.".into(),
            action: "Ship orders".into(),
            link: "/studio/nour/orders?state=to_ship".into(),
            since: Some(When::new("since yesterday", "20 November 2026, 18:40", "2026-11-20T18:40:00Z")),
        },
        Task {
            tone: Tone::Warn,
            icon: "products",
            title: "Ash glaze mug: 3 left, 2 in checkouts".into(),
            detail: "At today's pace the last one is sold this evening.".into(),
            action: "Enter stock".into(),
            link: "/studio/nour/products/prd_01jd3t0a1b2c3d4e5f6g7h8j9k".into(),
            since: Some(When::new("40 min ago", "21 November 2026, 13:32", "2026-11-21T13:32:00Z")),
        },
        Task {
            tone: Tone::Quiet,
            icon: "clips",
            title: "Tea strainer is in no clip".into(),
            detail: "It is for sale but nobody sees it. Two of your clips show it without an anchor.".into(),
            action: "Add an anchor".into(),
            link: "/studio/nour/clips".into(),
            since: Some(When::new("2 days ago", "19 November 2026, 09:12", "2026-11-19T09:12:00Z")),
        },
    ]
}

fn sample_recent() -> Vec<RecentOrder> {
    let order = |number: &str, buyer: &str, what: &str, total: &str, at: When| RecentOrder {
        number: number.into(),
        link: format!("/studio/nour/orders/{number}"),
        buyer: buyer.into(),
        what: what.into(),
        total: total.into(),
        at,
    };
    vec![
        order(
            "1044",
            "Amira Saleh, Wien",
            "2 × Ash glaze mug, 1 × Tea strainer",
            "€74.90",
            When::new("2 min ago", "21 November 2026, 14:10", "2026-11-21T14:10:00Z"),
        ),
        order(
            "1043",
            "Tom Brandt, Leipzig",
            "1 × Salad bowl",
            "€42.90",
            When::new("6 min ago", "21 November 2026, 14:06", "2026-11-21T14:06:00Z"),
        ),
        order(
            "1042",
            "Marie Laurent, Lyon",
            "1 × Ash glaze mug",
            "€34.90",
            When::new("31 min ago", "21 November 2026, 13:41", "2026-11-21T13:41:00Z"),
        ),
        order(
            "1041",
            "Yusuf Demir, Hamburg",
            "1 × Serving plate, 1 × Tea strainer",
            "€66.90",
            When::new("1 h ago", "21 November 2026, 13:02", "2026-11-21T13:02:00Z"),
        ),
    ]
}
