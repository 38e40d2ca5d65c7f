//! `hawker bench price-match`: how long a difference takes to go back to all earlier buyers, through the refund every other one takes. Each order was
//! bought, handed over and paid before; the processor is the sandbox in this process, with its journal on the disk.

use super::shop::{self, Stall};
use crate::app::App;
use crate::checkout::{self, Address, Buy, Contact, Paying, Payment, Tap};
use crate::config::Config;
use crate::db::LaneKey;
use crate::flow;
use crate::fulfilment::{self, Deliverance, HandOver};
use crate::identity;
use crate::kernel::{CheckoutId, Error, OrderId, PriceMatchId, Result, Seconds, ShipmentId};
use crate::offers::{self, Asked, Offer, PaymentMethod, Quote, WantedLine};
use crate::open::{Ports, Use, open};
use crate::payments::sandbox::Books;
use crate::price_matches::{self, Act, DrawUp, MatchState, NewPrice, NewPriceMatch, Progress};
use futures_util::StreamExt;
use serde::Serialize;
use std::fmt::Write;
use std::time::Instant;

/// What is measured.
#[derive(Clone, Debug)]
pub struct PriceMatchPlan {
    /// `postgres://…` of an empty database; empty is SQLite in `folder`.
    pub database: String,
    pub folder: std::path::PathBuf,
    pub orders: u32,
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct PriceMatchReport {
    pub engine: &'static str,
    pub version: &'static str,
    pub orders: u64,
    /// Until it was known how many orders there are and how much it is.
    pub counting_s: f64,
    /// From the start until every buyer's money was on its way back, and written down.
    pub giving_back_s: f64,
    pub orders_per_s: f64,
    /// Until the letters to all of them were written, too.
    pub letters_s: f64,
    /// Looks at the progress while it ran.
    pub looks: u64,
    pub violations: Vec<String>,
}

impl PriceMatchReport {
    pub fn text(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "{}: {} orders counted in {:.1} s and given their difference in {:.1} s, {:.0} a second; letters written {:.1} s later",
            self.engine, self.orders, self.counting_s, self.giving_back_s, self.orders_per_s, self.letters_s
        );
        for violation in &self.violations {
            let _ = writeln!(text, "WRONG: {violation}");
        }
        text
    }
}

/// Buyers and parcels at once while the orders are made.
const ABREAST: usize = 64;
/// Less than it cost.
const LESS: i64 = 300;

/// Measures. Errors: the database cannot be used, or an order did not go its way.
pub fn run(plan: &PriceMatchPlan, runtime: &tokio::runtime::Runtime) -> Result<PriceMatchReport> {
    let config = Config {
        data: plan.folder.join("data"),
        database: plan.database.clone(),
        headroom_mb: 0,
        card_processor: "sandbox".into(),
        ..Config::default()
    };
    let app = open(&config, Ports::usual(&config)?, Use::Alone)?;
    let measured =
        shop::open(&app, 1, plan.orders).and_then(|stall| runtime.block_on(measure(plan, &config, &app, &stall)));
    app.db.shut_down();
    app.events.shut_down();
    measured
}

async fn measure(plan: &PriceMatchPlan, config: &Config, app: &App, stall: &Stall) -> Result<PriceMatchReport> {
    let quote = quote(app, stall).await?;
    let unit_minor = quote.lines[0].amount_minor;
    sell(app, &quote, plan.orders).await?;
    let id: PriceMatchId = app.random.id(app.clock.wall());
    let (shop, variant) = (stall.shop, stall.variants[0]);
    let drawn = app.db.write(LaneKey::of(id), move |tx| {
        let new = NewPriceMatch {
            id,
            title: "Bench".into(),
            drop: None,
            from_at: None,
            until_at: None,
            prices: vec![NewPrice {
                variant,
                unit_minor: unit_minor - LESS,
            }],
            staff: None,
        };
        price_matches::draw_up(tx, shop, new)
    });
    let DrawUp::Drawn(_) = drawn.await? else {
        return Err(Error::internal("the bench's batch exists already"));
    };
    let began = Instant::now();
    let mut looks = 0;
    until(app, stall, id, MatchState::Ready, &mut looks).await?;
    let counting_s = began.elapsed().as_secs_f64();
    let started = app
        .db
        .write(LaneKey::of(id), move |tx| price_matches::act(tx, shop, id, Act::Start));
    started.await?;
    let began = Instant::now();
    let progress = until(app, stall, id, MatchState::Done, &mut looks).await?;
    let giving_back_s = began.elapsed().as_secs_f64();
    while app.db.drain_facts(flow::acts(app)).await? > 0 {}
    let letters_s = began.elapsed().as_secs_f64() - giving_back_s;
    Ok(PriceMatchReport {
        engine: if plan.database.is_empty() { "sqlite" } else { "postgres" },
        version: env!("CARGO_PKG_VERSION"),
        orders: progress.done,
        counting_s,
        giving_back_s,
        orders_per_s: progress.done as f64 / giving_back_s,
        letters_s,
        looks,
        violations: audited(app, config, plan.orders, &progress).await?,
    })
}

/// Works as the job does, one round after the other, and looks how far it is.
async fn until(app: &App, stall: &Stall, id: PriceMatchId, state: MatchState, looks: &mut u64) -> Result<Progress> {
    let shop = stall.shop;
    loop {
        price_matches::work(app).await?;
        let read = app
            .db
            .read(move |tx| Ok((price_matches::find(tx, shop, id)?, price_matches::progress(tx, id)?)));
        let (found, progress) = read.await?;
        *looks += 1;
        match found.map(|found| found.state) {
            Some(now) if now == state => return Ok(progress),
            Some(MatchState::Counting | MatchState::Running) => {}
            other => return Err(Error::internal(format!("the bench's batch is {other:?}"))),
        }
    }
}

async fn quote(app: &App, stall: &Stall) -> Result<Quote> {
    let (shop, variant) = (stall.shop, stall.variants[0]);
    let quoted = app.db.read(move |tx| {
        let seller = identity::shop(tx, shop)?;
        let asked = Asked {
            drop: None,
            lines: vec![WantedLine { variant, quantity: 1 }],
            country: "DE".into(),
            delivery: None,
            seen: None,
            discounts: crate::discounts::Wish::default(),
        };
        offers::quote(tx, &seller, &asked, Seconds::hours(12))
    });
    match quoted.await? {
        Offer::Quoted(quote, _) => Ok(*quote),
        other => Err(Error::internal(format!("the bench's offer is {other:?}"))),
    }
}

/// Everybody buys one, and it is handed over and paid.
async fn sell(app: &App, quote: &Quote, orders: u32) -> Result<()> {
    let bought: Vec<Result<OrderId>> = futures_util::stream::iter(0..orders)
        .map(|_| buy(app.clone(), quote.clone()))
        .buffer_unordered(ABREAST)
        .collect()
        .await;
    let bought = bought.into_iter().collect::<Result<Vec<OrderId>>>()?;
    while app.db.drain_facts(flow::acts(app)).await? > 0 {}
    let sent: Vec<Result<()>> = futures_util::stream::iter(bought)
        .map(|order| send(app.clone(), quote.clone(), order))
        .buffer_unordered(ABREAST)
        .collect()
        .await;
    sent.into_iter().collect::<Result<()>>()?;
    while app.db.drain_facts(flow::acts(app)).await? > 0 {}
    Ok(())
}

async fn buy(app: App, quote: Quote) -> Result<OrderId> {
    let id: CheckoutId = app.random.id(app.clock.wall());
    let tap = Tap {
        shop: quote.shop,
        id,
        fingerprint: [1; 32],
        quote,
        contact: Contact {
            email: Some(format!("{id}@bench.example")),
            phone: None,
        },
        address: Some(Address {
            name: "B. Uyer".into(),
            line1: "Street 1".into(),
            line2: None,
            postal_code: "10115".into(),
            city: "Berlin".into(),
            region: None,
            country: "DE".into(),
        }),
        payment: Some(Paying::plain(Payment::new(
            PaymentMethod::Card,
            Some("tok_visa".into()),
        ))),
        gift_card: None,
        key: None,
        after: None,
        exchange: None,
        return_url: String::new(),
    };
    match checkout::buy(&app, tap).await? {
        (_, Buy::Placed(settled)) => Ok(settled
            .order
            .ok_or_else(|| Error::internal("the bench's buyer was not served"))?
            .id),
        (_, other) => Err(Error::internal(format!("the bench's buyer was refused: {other:?}"))),
    }
}

async fn send(app: App, quote: Quote, order: OrderId) -> Result<()> {
    let parcel = HandOver {
        id: app.random.id::<ShipmentId>(app.clock.wall()),
        lines: None,
        carrier: "Bench".into(),
        tracking: String::new(),
    };
    match fulfilment::hand_over(&app, quote.shop, order, None, parcel).await? {
        Deliverance::HandedOver => Ok(()),
        other => Err(Error::internal(format!("the bench's parcel did not leave: {other:?}"))),
    }
}

/// Compares what was written down with the processor's own books.
async fn audited(app: &App, config: &Config, orders: u32, progress: &Progress) -> Result<Vec<String>> {
    let mut broken = app
        .db
        .read(|tx| {
            let mut broken = checkout::check(tx)?;
            broken.extend(price_matches::check(tx)?);
            Ok(broken)
        })
        .await?;
    let books = Books::open(&config.data.join("sandbox.journal"))?;
    let booked: i64 = books.payments().map(|payment| payment.refunded).sum();
    let mut expect = |what: &str, found: i64, wanted: i64| {
        if found != wanted {
            broken.push(format!("{what}: {found} instead of {wanted}"));
        }
    };
    expect(
        "orders given back",
        i64::try_from(progress.done).unwrap_or(-1),
        i64::from(orders),
    );
    expect("given back", progress.refunded_minor, i64::from(orders) * LESS);
    expect("given back by the processor's books", booked, i64::from(orders) * LESS);
    Ok(broken)
}
