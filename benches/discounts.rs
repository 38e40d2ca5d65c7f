//! What discounts add to a quote, and a whole quote with them: `cargo bench --bench discounts`.
//!
//! Goal: twenty lines with ten stacked discounts in less than 200 µs on one thread; first rules and allocation alone, then the quote as the API makes
//! it, with everything it reads from SQLite.

use hawker::app::App;
use hawker::bench::shop;
use hawker::config::Config;
use hawker::db::LaneKey;
use hawker::discounts::{self, Change, Discount, DiscountState, Line, NewDiscount, Rule, Step, Takes, Wish, best};
use hawker::kernel::{Currency, DiscountId, Id, Money, MoneyOut, ProductId, Result, Seconds, ShopId, Time};
use hawker::offers::{self, Asked, Offer, WantedLine};
use hawker::open::{Ports, Use, open};
use hawker::{catalog, identity};
use std::hint::black_box;
use std::time::Instant;
use uuid::Uuid;

const LINES: usize = 20;
const DISCOUNTS: u32 = 10;

fn main() {
    let product = |number: u128| ProductId::from_uuid(Uuid::from_u128(number));
    let lines: Vec<Line> = (0..20u32)
        .map(|number| Line {
            product: product(number.into()),
            quantity: 1 + number % 5,
            minor: i64::from(999 + number * 137) * i64::from(1 + number % 5),
        })
        .collect();
    let products: Vec<ProductId> = (0..20).map(product).collect();
    let discounts: Vec<Discount> = (0..DISCOUNTS)
        .map(|number| Discount {
            id: DiscountId::from_uuid(Uuid::from_u128(number.into())),
            shop: ShopId::from_uuid(Uuid::nil()),
            version: 1,
            state: DiscountState::Active,
            code: None,
            rule: rule(number, &products),
            starts_at: Time(0),
            ends_at: None,
            uses_max: 0,
            used: 0,
            created_at: Time(0),
            changed_at: Time(0),
        })
        .collect();
    let rules = (0..20_000)
        .map(|_| {
            let start = Instant::now();
            black_box(best(black_box(&discounts), black_box(&lines), Currency::EUR));
            start.elapsed().as_nanos()
        })
        .collect();
    told("rules and allocation", rules);

    let folder = tempfile::tempdir().expect("a folder");
    let config = Config {
        data: folder.path().join("data"),
        headroom_mb: 0,
        card_processor: "sandbox".into(),
        ..Config::default()
    };
    let app = Ports::usual(&config)
        .and_then(|ports| open(&config, ports, Use::Alone))
        .expect("a database");
    let whole = quotes(&app).expect("quotes");
    app.db.shut_down();
    app.events.shut_down();
    told("the whole quote", whole);
}

/// The discount of that number: every kind in turn, for every other product.
fn rule(number: u32, products: &[ProductId]) -> Rule {
    let takes = match number % 4 {
        0 => Takes::Percentage { off_bp: 500 },
        1 => Takes::Fixed {
            off: MoneyOut::from(Money::new(500, Currency::EUR)),
        },
        2 => Takes::Bogo {
            buy: 2,
            get: 1,
            off_bp: 10_000,
        },
        _ => Takes::Volume {
            steps: vec![Step { from: 3, off_bp: 300 }, Step { from: 10, off_bp: 500 }],
        },
    };
    let odd = number as usize % 2;
    Rule {
        name: format!("Discount {number}"),
        takes,
        products: products.iter().skip(odd).step_by(2).copied().collect(),
        minimum: None,
        priority: i64::from(number),
        combinable: true,
        per_buyer: 0,
    }
}

/// How many nanoseconds each quote took, in a shop that sells twenty products and has ten discounts for them.
fn quotes(app: &App) -> Result<Vec<u128>> {
    let stall = shop::open(app, LINES, 1_000)?;
    let (shop, variants) = (stall.shop, stall.variants.clone());
    app.db.write_blocking(LaneKey::of(shop), move |tx| {
        let sellable = catalog::sellable(tx, shop, Currency::EUR, &variants)?;
        let products: Vec<ProductId> = sellable.iter().map(|found| found.product).collect();
        for number in 0..DISCOUNTS {
            let new = NewDiscount {
                code: String::new(),
                rule: rule(number, &products),
                starts_at: None,
                ends_at: None,
                uses_max: 0,
            };
            let id = DiscountId::from_uuid(Uuid::from_u128(number.into()));
            let made = discounts::create(tx, (shop, Currency::EUR), id, &new, None)?;
            assert!(matches!(made, Change::Done(_)), "{made:?}");
        }
        Ok(())
    })?;
    let wanted = |(number, variant): (u32, &_)| WantedLine {
        variant: *variant,
        quantity: 1 + number % 5,
    };
    let asked = Asked {
        lines: (0..).zip(&stall.variants).map(wanted).collect(),
        country: "DE".into(),
        delivery: None,
        seen: None,
        drop: None,
        discounts: Wish::default(),
    };
    (0..5_000)
        .map(|_| {
            let asked = asked.clone();
            app.db.read_blocking(move |tx| {
                let start = Instant::now();
                let shop = identity::shop(tx, shop)?;
                let offer = offers::quote(tx, &shop, &asked, Seconds::minutes(15))?;
                let took = start.elapsed().as_nanos();
                let Offer::Quoted(quote, _) = offer else {
                    panic!("no quote: {offer:?}");
                };
                assert_eq!(quote.discounts.len(), DISCOUNTS as usize);
                Ok(took)
            })
        })
        .collect()
}

fn told(what: &str, mut nanos: Vec<u128>) {
    nanos.sort_unstable();
    let at = |part: usize| nanos[nanos.len() * part / 1000] as f64 / 1000.0;
    println!(
        "{LINES} lines, {DISCOUNTS} stacked discounts, {what}: p50 {:.1} µs, p99 {:.1} µs, p99.9 {:.1} µs",
        at(500),
        at(990),
        at(999)
    );
    assert!(at(500) < 200.0, "{what}: more than 200 µs");
}
