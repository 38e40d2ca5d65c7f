//! Databases of earlier programs, kept as they were: every later program opens them, migrates them, and goes on selling.
//!
//! `tests/databases/first` is the shop of `hawker demo` with one order. Its sandbox's journal is not kept, as after a restore.

use crate::harness::{TestShop, World};
use flate2::read::GzDecoder;
use hawker::identity;
use hawker::kernel::{Currency, Id, Time};
use hawker::{checkout, demo, fulfilment, inventory, ledger};
use serde_json::json;
use std::io::Read;
use std::path::Path;

/// The order in it, as its buyer's receipt names it.
const ORDER: &str = "GHJJ-N9S9";

fn unpack(name: &str, to: &Path) {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/databases/first")
        .join(format!("{name}.gz"));
    let mut bytes = Vec::new();
    GzDecoder::new(std::fs::File::open(kept).unwrap())
        .read_to_end(&mut bytes)
        .unwrap();
    std::fs::create_dir_all(to).unwrap();
    std::fs::write(to.join(name), bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn s12_the_first_schema_is_migrated_and_its_shop_goes_on_selling() {
    let world = World::start_with(|config| {
        if config.database.is_empty() {
            unpack("hawker.db", &config.data);
            unpack("events.db", &config.data);
        }
    })
    .await;
    if !world.is_sqlite() {
        return; // The kept file is SQLite's.
    }
    let found = world.app.db.read(|tx| {
        let shop = identity::shop_by_slug(tx, demo::SLUG)?.expect("the demo's shop");
        Ok((shop.id, identity::publishable_key(tx, shop.id)?))
    });
    let (id, publishable_key) = found.await.unwrap();
    let shop = TestShop {
        id,
        slug: demo::SLUG.into(),
        owner: hawker::kernel::StaffId::from_uuid(uuid::Uuid::nil()),
        owner_email: demo::OWNER.into(),
        publishable_key,
    };
    let staff = world.sign_in(&shop, demo::OWNER).await;
    let orders = staff.get("/v1/orders").await.value();
    assert_eq!(orders["data"][0]["number"], ORDER);
    let page = staff
        .get(&format!(
            "/studio/{}/orders/{}",
            shop.slug,
            orders["data"][0]["id"].as_str().unwrap()
        ))
        .await;
    assert_eq!(page.status, 200, "{}", page.text());

    let player = world.with_key(&shop.publishable_key);
    let products = player.get("/v1/products").await.value();
    let variant = products["data"][0]["variants"][0]["id"].as_str().unwrap().to_owned();
    let quote = player
        .get(&format!("/v1/quotes?lines={variant}:1&country=DE"))
        .await
        .value();
    let checkout: hawker::kernel::CheckoutId = world.app.random.id(world.app.clock.wall());
    let body = json!({
        "quote": quote["quote"], "contact": { "email": "buyer@example.com" },
        "address": { "name": "B. Uyer", "line1": "Street 1", "postal_code": "10115", "city": "Berlin", "country": "DE" },
        "payment": { "method": "card", "token": "tok_visa" },
    });
    let bought = player.put(&format!("/v1/checkouts/{checkout}"), &body).await;
    assert_eq!(bought.status, 201, "{}", bought.text());

    let (broken, (count, total), sum) = world
        .app
        .db
        .read(move |tx| {
            let mut broken = inventory::check(tx)?;
            broken.extend(checkout::check(tx)?);
            broken.extend(hawker::gift_cards::check(tx)?);
            broken.extend(hawker::drops::check(tx)?);
            broken.extend(hawker::discounts::check(tx)?);
            broken.extend(fulfilment::check(tx)?);
            broken.extend(hawker::returns::check(tx)?);
            broken.extend(hawker::erasure::check(tx)?);
            broken.extend(hawker::price_matches::check(tx)?);
            let sum: i64 = ledger::balances(tx, id)?
                .iter()
                .map(|balance| balance.money.minor)
                .sum();
            Ok((broken, checkout::orders_since(tx, id, Time(0))?, sum))
        })
        .await
        .unwrap();
    assert_eq!((broken, count, sum), (Vec::new(), 2, 0));
    assert!(total > 0 && quote["currency"] == Currency::EUR.to_string());
}
