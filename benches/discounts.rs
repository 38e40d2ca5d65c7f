//! What discounts add to a quote: `cargo bench --bench discounts`.
//!
//! Goal: twenty lines with ten stacked discounts in less than 200 µs, rules and allocation, on one thread.

use hawker::discounts::{Discount, DiscountState, Line, Rule, Step, Takes, best};
use hawker::kernel::{Currency, DiscountId, Id, Money, MoneyOut, ProductId, ShopId, Time};
use std::hint::black_box;
use std::time::Instant;
use uuid::Uuid;

fn main() {
    let product = |number: u128| ProductId::from_uuid(Uuid::from_u128(number));
    let lines: Vec<Line> = (0..20u32)
        .map(|number| Line {
            product: product(number.into()),
            quantity: 1 + number % 5,
            minor: i64::from(999 + number * 137) * i64::from(1 + number % 5),
        })
        .collect();
    let takes = |number: u32| match number % 4 {
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
    let discounts: Vec<Discount> = (0..10u32)
        .map(|number| Discount {
            id: DiscountId::from_uuid(Uuid::from_u128(number.into())),
            shop: ShopId::from_uuid(Uuid::nil()),
            version: 1,
            state: DiscountState::Active,
            code: None,
            rule: Rule {
                name: format!("Discount {number}"),
                takes: takes(number),
                products: (0..20)
                    .filter(|line| line % 2 == u128::from(number % 2))
                    .map(product)
                    .collect(),
                minimum: None,
                priority: i64::from(number),
                combinable: true,
                per_buyer: 0,
            },
            starts_at: Time(0),
            ends_at: None,
            uses_max: 0,
            used: 0,
            created_at: Time(0),
            changed_at: Time(0),
        })
        .collect();
    let rounds = 20_000u32;
    let mut times: Vec<u128> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            black_box(best(black_box(&discounts), black_box(&lines), Currency::EUR));
            start.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    let at = |part: usize| times[times.len() * part / 1000] as f64 / 1000.0;
    println!(
        "20 lines, 10 stacked discounts: p50 {:.1} µs, p99 {:.1} µs, p99.9 {:.1} µs",
        at(500),
        at(990),
        at(999)
    );
    assert!(at(500) < 200.0, "more than 200 µs");
}
