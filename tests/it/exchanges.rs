//! Exchanges and store credit: something comes back, something else leaves for it, and every cent is somewhere (docs/changes.md). Every story ends with the
//! invariants.

use crate::bank::{DAY, eventually, payment_of};
use crate::buying::{Stall, tap_body};
use crate::harness::Answer;
use futures_util::future::join_all;
use hawker::catalog::{self, Create, Kind, NewProduct, NewVariant, ProductState, TaxCategory};
use hawker::checkout;
use hawker::db::LaneKey;
use hawker::exchanges;
use hawker::inventory;
use hawker::kernel::{Currency, ExchangeId, Money, OrderId, Seconds, VariantId};
use hawker::ledger::AccountKind;
use hawker::payments::sandbox::NewDispute;
use hawker::payments::{self, read_reference};
use serde_json::{Value, json};

const SHIRT: i64 = 3000;
const COAT: i64 = 5000;
const PIN: i64 = 1000;
const PARCEL: i64 = 490;

/// A shop with shirts in two colours at one price, a coat that is dearer and a pin that is cheaper.
struct Bazaar {
    stall: Stall,
    red: VariantId,
    green: VariantId,
    coat: VariantId,
    pin: VariantId,
}

impl Bazaar {
    async fn open() -> Self {
        let stall = Stall::open(9).await;
        let id = stall.shop.id;
        let made = stall.world.app.db.write(LaneKey(0), move |tx| {
            let mut make = |title: &str, variants: &[(&str, i64)]| {
                let new = NewProduct {
                    title: title.into(),
                    slug: None,
                    description: String::new(),
                    kind: Kind::Physical,
                    tax_category: TaxCategory::Standard,
                    image: String::new(),
                    state: ProductState::Active,
                    variants: (variants.iter())
                        .map(|(title, minor)| NewVariant {
                            title: (*title).into(),
                            sku: None,
                            weight_grams: 200,
                            price: Some(Money::new(*minor, Currency::EUR)),
                        })
                        .collect(),
                };
                let Create::Created(_, variants) = catalog::create(tx, (id, Currency::EUR), tx.id(), &new)? else {
                    panic!("a product")
                };
                for variant in &variants {
                    inventory::set_stock(tx, id, variant.id, None, 3)?;
                }
                Ok::<_, hawker::kernel::Error>(variants.iter().map(|variant| variant.id).collect::<Vec<_>>())
            };
            let shirts = make("Shirt", &[("Red", SHIRT), ("Green", SHIRT)])?;
            Ok([
                shirts[0],
                shirts[1],
                make("Coat", &[("", COAT)])?[0],
                make("Pin", &[("", PIN)])?[0],
            ])
        });
        let [red, green, coat, pin] = made.await.unwrap();
        Self {
            stall,
            red,
            green,
            coat,
            pin,
        }
    }

    async fn buy(&self, variant: VariantId, units: u32) -> OrderId {
        let path = format!("/v1/quotes?lines={variant}:{units}&country=DE");
        let body = tap_body(&self.stall.player.get(&path).await.value(), "tok_visa");
        let path = format!("/v1/checkouts/{}", self.stall.checkout());
        let bought = self.stall.player.put(&path, &body).await;
        assert_eq!(bought.value()["state"], "completed", "{}", bought.text());
        bought.value()["order"]["id"].as_str().unwrap().parse().unwrap()
    }

    /// Bought, sent and paid.
    async fn sent(&self, variant: VariantId, units: u32) -> OrderId {
        let order = self.buy(variant, units).await;
        self.leaves(order).await;
        order
    }

    async fn leaves(&self, order: OrderId) {
        let shipped = self.stall.ship(order).await;
        assert_eq!(shipped.status, 201, "{}", shipped.text());
        self.stall
            .order_becomes(order, "paid", |seen| seen["payment"] == "captured")
            .await;
    }

    fn fresh(&self) -> ExchangeId {
        self.stall.world.app.random.id(self.stall.world.app.clock.wall())
    }

    async fn ask(&self, order: OrderId, id: ExchangeId, units: u32, variant: VariantId) -> Answer {
        let body = json!({ "id": id, "back": { "line": 0, "quantity": units }, "variant": variant });
        self.stall
            .staff
            .post(&format!("/v1/orders/{order}/exchanges"), &body)
            .await
    }

    async fn asked(&self, order: OrderId, units: u32, variant: VariantId) -> Value {
        let asked = self.ask(order, self.fresh(), units, variant).await;
        assert_eq!(asked.status, 201, "{}", asked.text());
        asked.value()
    }

    /// What comes back is here, and goes on the shelf.
    async fn receive(&self, exchange: &Value) -> Answer {
        let path = format!(
            "/v1/orders/{}/returns/{}/receipt",
            exchange["order"].as_str().unwrap(),
            exchange["return"].as_str().unwrap()
        );
        self.stall.staff.post(&path, &json!({ "restock": "sellable" })).await
    }

    async fn exchange(&self, exchange: &Value) -> Value {
        let order = exchange["order"].as_str().unwrap();
        let all = self
            .stall
            .staff
            .get(&format!("/v1/orders/{order}/exchanges"))
            .await
            .value();
        let mut all = all["data"].as_array().unwrap().iter();
        all.find(|one| one["id"] == exchange["id"]).unwrap().clone()
    }

    async fn becomes(&self, exchange: &Value, state: &str) -> Value {
        eventually(async || {
            let seen = self.exchange(exchange).await;
            (seen["state"] == state).then_some(seen)
        })
        .await
    }

    async fn left(&self, variant: VariantId) -> i64 {
        let stock = self
            .stall
            .world
            .app
            .db
            .read(move |tx| inventory::availability(tx, variant));
        stock.await.unwrap().left
    }

    /// Everything about exchanges and their returns happened so much earlier.
    async fn age(&self, days: i64) {
        let (shop, by) = (self.stall.shop.id, days * DAY * 1_000_000);
        let aged = self.stall.world.app.db.write(LaneKey(0), move |tx| {
            tx.exec(
                "update returns set stated_at = stated_at - $2, due_by = due_by - $2 where shop_id = $1",
                hawker::args![shop, by],
            )?;
            tx.exec(
                "update exchanges set asked_at = asked_at - $2, due_by = due_by - $2, next_check_at = next_check_at - $2 where shop_id = $1",
                hawker::args![shop, by],
            )
        });
        aged.await.unwrap();
    }

    /// So many refunds of an order were refused, and nobody looks at its returns again before tomorrow.
    async fn after_refusals(&self, order: OrderId, times: usize) {
        eventually(async || {
            let read = self.stall.world.app.db.read(move |tx| {
                let refunds = payments::refunds(tx, payment_of(order))?;
                let failed = refunds.iter().filter(|refund| refund.state == payments::RefundState::Failed);
                let (soon,): (i64,) = tx.one(
                    "select count(*) from returns where order_id = $1 and (next_check_at is null or next_check_at < $2)",
                    hawker::args![order, tx.now().plus(Seconds::hours(12))],
                )?;
                Ok((failed.count(), soon))
            });
            (read.await.unwrap() == (times, 0)).then_some(())
        })
        .await;
    }

    /// The job looks at its returns so many days later.
    async fn age_returns(&self, days: i64) {
        let (shop, by) = (self.stall.shop.id, days * DAY * 1_000_000);
        let aged = self.stall.world.app.db.write(LaneKey(0), move |tx| {
            tx.exec(
                "update returns set next_check_at = next_check_at - $2 where shop_id = $1",
                hawker::args![shop, by],
            )
        });
        aged.await.unwrap();
    }

    fn page(&self, order: OrderId, what: &str) -> String {
        let token = checkout::order_token(self.stall.world.app.db.signing_key(), order);
        format!("/s/{}/orders/{order}{what}?t={token}", self.stall.shop.slug)
    }

    async fn check(&self) {
        self.stall.invariants().await;
    }

    /// Waits until this much went back, as credit and by the processor, in its books and in ours: ours come second, with its answer.
    async fn went_back(&self, order: OrderId, minor: i64, by_the_processor: i64) {
        eventually(async || {
            let (_, there) = self.stall.at_the_processor(order);
            let (_, here) = money(&self.stall.order(order).await);
            (there == by_the_processor && here == minor).then_some(())
        })
        .await;
    }
}

fn order_of(exchange: &Value) -> OrderId {
    exchange["placed"]
        .as_str()
        .unwrap_or_else(|| panic!("{exchange}"))
        .parse()
        .unwrap()
}

fn money(seen: &Value) -> (i64, i64) {
    let amount = |name: &str| seen[name]["amount"].as_i64().unwrap_or_else(|| panic!("{seen}"));
    (amount("captured"), amount("refunded"))
}

#[tokio::test]
async fn l3_x4_a_refund_to_store_credit_reverses_every_leg_and_asks_no_processor() {
    let bazaar = Bazaar::open().await;
    let (stall, order) = (&bazaar.stall, bazaar.sent(bazaar.red, 2).await);
    let path = format!("/v1/orders/{order}/refunds");
    let body = json!({ "lines": [{ "line": 0, "quantity": 1 }], "restock": "sellable", "reason": "returned", "to": "store_credit" });
    let credited = stall.staff.post(&path, &body).await;
    assert_eq!(credited.status, 201, "{}", credited.text());
    let back = credited.value();
    assert_eq!(
        (
            &back["amount"]["amount"],
            &back["store_credit"]["amount"],
            &back["state"]
        ),
        (&json!(SHIRT), &json!(SHIRT), &json!("succeeded"))
    );
    assert_eq!(
        stall.at_the_processor(order),
        (2 * SHIRT + PARCEL, 0),
        "nobody was asked"
    );
    assert_eq!(money(&stall.order(order).await), (2 * SHIRT + PARCEL, SHIRT));
    assert_eq!(bazaar.left(bazaar.red).await, 2);
    // The same again is the same.
    let again = json!({ "id": back["id"], "lines": [{ "line": 0, "quantity": 1 }], "restock": "sellable", "reason": "returned", "to": "store_credit" });
    let again = stall.staff.post(&path, &again).await;
    assert_eq!(
        (again.status, &again.value()["store_credit"]["amount"]),
        (200, &json!(SHIRT)),
        "{}",
        again.text()
    );
    // Its code is in the letter and on the order's page, and pays.
    let letter = stall.letter("Store credit").await;
    let page = stall.world.browser().get(&bazaar.page(order, "")).await.text();
    let code = page
        .split("at the checkout: <span class=\"code\">")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap()
        .to_owned();
    assert!(letter.contains(&code) && letter.contains("€30.00"), "{letter}");
    let mut body = tap_body(&stall.quote(1).await, "tok_visa");
    body["gift_card"] = json!({ "code": code });
    let bought = stall
        .player
        .put(&format!("/v1/checkouts/{}", stall.checkout()), &body)
        .await;
    assert_eq!(
        bought.value()["gift_card"]["amount"]["amount"],
        SHIRT,
        "{}",
        bought.text()
    );
    bazaar.check().await;
    // Refunds of both kinds together are never more than was taken; what goes back as money next goes back to the card that paid.
    let too_much = json!({ "amount": SHIRT + PARCEL + 1, "reason": "story" });
    let too_much = stall.staff.post(&path, &too_much).await;
    assert_eq!(too_much.status, 409, "{}", too_much.text());
    let rest = stall.staff.post(&path, &json!({ "reason": "story" })).await;
    assert_eq!(rest.value()["amount"]["amount"], SHIRT + PARCEL, "{}", rest.text());
    stall
        .order_becomes(order, "refunded", |seen| seen["payment"] == "refunded")
        .await;
    assert_eq!(stall.at_the_processor(order), (2 * SHIRT + PARCEL, SHIRT + PARCEL));
    bazaar.check().await;
}

#[tokio::test]
async fn p13_twenty_refunds_of_both_kinds_at_once_never_exceed_what_was_taken() {
    let bazaar = Bazaar::open().await;
    let (stall, order) = (&bazaar.stall, bazaar.sent(bazaar.red, 1).await);
    let path = format!("/v1/orders/{order}/refunds");
    let all = join_all((0..20).map(|n| {
        let to = if n % 2 == 0 { "store_credit" } else { "original" };
        let (path, body) = (path.clone(), json!({ "amount": 1000, "reason": "story", "to": to }));
        async move { stall.staff.post(&path, &body).await.status }
    }))
    .await;
    assert_eq!(all.iter().filter(|status| **status == 201).count(), 3, "{all:?}");
    stall
        .order_becomes(order, "refunded", |seen| money(seen).1 == 3000)
        .await;
    bazaar.check().await;
}

#[tokio::test]
async fn an_even_exchange_keeps_a_real_unit_and_becomes_an_order_when_the_goods_are_here() {
    let bazaar = Bazaar::open().await;
    let (stall, order) = (&bazaar.stall, bazaar.sent(bazaar.red, 2).await);
    let browser = stall.world.browser();
    // The buyer asks on their page, in two steps; nothing is kept by looking.
    let token = checkout::order_token(stall.world.app.db.signing_key(), order);
    let page = browser.get(&bazaar.page(order, "")).await.text();
    assert!(page.contains("Exchange something"), "{page}");
    let first = browser.get(&bazaar.page(order, "/exchange")).await.text();
    assert!(
        first.contains("Green · €30.00") && first.contains("Coat · €50.00"),
        "{first}"
    );
    let path = bazaar.page(order, "/exchange");
    let second = browser
        .get(&format!("{path}&piece=0&quantity=1&variant={}", bazaar.green))
        .await
        .text();
    assert!(
        second.contains("There is nothing to pay") && second.contains("Keep it for me"),
        "{second}"
    );
    assert_eq!(bazaar.left(bazaar.green).await, 3);
    let exchange = second.split("name=\"exchange\" value=\"").nth(1).unwrap();
    let exchange = exchange.split('"').next().unwrap();
    let green = bazaar.green.to_string();
    let fields = [
        ("exchange", exchange),
        ("piece", "0"),
        ("quantity", "1"),
        ("variant", &green),
    ];
    for _ in 0..2 {
        let asked = browser.form(&path, &fields).await;
        assert_eq!(asked.status, 303, "twice is once: {}", asked.text());
    }
    assert_eq!(bazaar.left(bazaar.green).await, 2, "a promise is a real unit");
    let letter = stall.letter("please send it").await;
    assert!(
        letter.contains("1 × Shirt · Red") && letter.contains("Shirt, Green"),
        "{letter}"
    );
    let told = browser.get(&bazaar.page(order, "")).await.text();
    assert!(
        told.contains("please send it back") && !told.contains("You withdrew"),
        "{told}"
    );
    assert!(stall.studio("").await.contains("comes back"), "it stands on Today");
    bazaar.check().await;
    // It is on its way, and arrives.
    let found = stall.staff.get(&format!("/v1/orders/{order}/exchanges")).await.value()["data"][0].clone();
    let back = found["return"].as_str().unwrap();
    let proof = format!("/s/{}/orders/{order}/proof?t={token}", stall.shop.slug);
    let said = browser
        .form(&proof, &[("statement", back), ("proof", "DHL JJD1")])
        .await;
    assert_eq!(said.status, 303);
    assert_eq!(bazaar.receive(&found).await.status, 200);
    let placed = bazaar.becomes(&found, "placed").await;
    let new = order_of(&placed);
    let seen = stall.order(new).await;
    assert_eq!(
        (&seen["total"]["amount"], &seen["gift_card"]["amount"]["amount"]),
        (&json!(SHIRT), &json!(SHIRT)),
        "{seen}"
    );
    assert_eq!(money(&stall.order(order).await), (2 * SHIRT + PARCEL, SHIRT));
    assert_eq!(
        stall.at_the_processor(order),
        (2 * SHIRT + PARCEL, 0),
        "nobody was asked for anything"
    );
    assert_eq!((bazaar.left(bazaar.red).await, bazaar.left(bazaar.green).await), (2, 2));
    // Both pages name each other; the new order is one like every other.
    let old = browser.get(&bazaar.page(order, "")).await.text();
    assert!(
        old.contains("You exchanged it") && old.contains(&new.to_string()),
        "{old}"
    );
    let page = browser.get(&bazaar.page(new, "")).await.text();
    assert!(
        page.contains("It left for what you sent back") && page.contains(&order.to_string()),
        "{page}"
    );
    let desk = stall.studio(&format!("/orders/{order}")).await;
    assert!(desk.contains("Exchanged") && desk.contains(&new.to_string()), "{desk}");
    bazaar.check().await;
    // Everybody has their share again once it has left.
    bazaar.leaves(new).await;
    assert_eq!(stall.balance(AccountKind::GiftCardLiability).await, 0);
    bazaar.check().await;
    // What was exchanged can be exchanged again: its money goes back onto the same credit.
    let second = bazaar.asked(new, 1, bazaar.red).await;
    assert_eq!(bazaar.receive(&second).await.status, 200);
    let third = order_of(&bazaar.becomes(&second, "placed").await);
    bazaar.check().await;
    // A refund after an exchange: what paid was credit, and it is credit again; before it left it is only let go.
    let canceled = stall
        .staff
        .post(
            &format!("/v1/orders/{third}/cancellation"),
            &json!({ "reason": "story" }),
        )
        .await;
    assert_eq!(canceled.status, 200, "{}", canceled.text());
    stall
        .order_becomes(third, "canceled", |seen| seen["state"] == "canceled")
        .await;
    eventually(async || (bazaar.left(bazaar.red).await == 2).then_some(())).await;
    bazaar.check().await;
    let money_back = json!({ "reason": "story" });
    let rest = stall
        .staff
        .post(&format!("/v1/orders/{order}/refunds"), &money_back)
        .await;
    assert_eq!(rest.value()["amount"]["amount"], SHIRT + PARCEL, "{}", rest.text());
    stall
        .order_becomes(order, "refunded", |seen| seen["payment"] == "refunded")
        .await;
    bazaar.check().await;
}

#[tokio::test]
async fn what_is_dearer_is_paid_for_the_rest_before_it_is_an_order() {
    let bazaar = Bazaar::open().await;
    let (stall, order) = (&bazaar.stall, bazaar.sent(bazaar.red, 1).await);
    let found = bazaar.asked(order, 1, bazaar.coat).await;
    assert_eq!(found["costs"]["amount"], COAT + PARCEL);
    assert_eq!(bazaar.receive(&found).await.status, 200);
    let to_pay = bazaar.becomes(&found, "to_pay").await;
    assert_eq!(to_pay["missing"]["amount"], COAT + PARCEL - SHIRT, "{to_pay}");
    assert!(stall.letter("pay the difference").await.contains("€24.90"));
    assert!(stall.studio("").await.contains("exchange"), "it stands on Today");
    assert_eq!(
        money(&stall.order(order).await),
        (SHIRT + PARCEL, 0),
        "nothing has moved yet"
    );
    bazaar.check().await;
    let browser = stall.world.browser();
    let page = browser.get(&bazaar.page(order, "")).await.text();
    assert!(page.contains("Pay €24.90"), "{page}");
    // A card that is declined, and one that pays; twice.
    let pay = bazaar.page(order, "/exchange-payment");
    let id = found["id"].as_str().unwrap().to_owned();
    let declined = [("exchange", id.as_str()), ("payment", "card:tok_declined")];
    assert_eq!(browser.form(&pay, &declined).await.status, 303);
    bazaar.check().await;
    assert_eq!(bazaar.exchange(&found).await["state"], "to_pay");
    let pays = [("exchange", id.as_str()), ("payment", "card:tok_visa")];
    let both = join_all((0..2).map(|_| browser.form(&pay, &pays))).await;
    assert!(both.iter().all(|paid| paid.status == 303), "{}", both[0].text());
    let placed = bazaar.exchange(&found).await;
    assert_eq!(
        placed["state"], "placed",
        "whoever has paid is not asked to pay: {placed}"
    );
    let new = order_of(&placed);
    let seen = stall.order(new).await;
    assert_eq!(seen["gift_card"]["amount"]["amount"], SHIRT, "{seen}");
    assert_eq!(money(&stall.order(order).await), (SHIRT + PARCEL, SHIRT));
    stall.work_is_open(new).await;
    bazaar.check().await;
    bazaar.leaves(new).await;
    assert_eq!(stall.at_the_processor(new), (COAT + PARCEL - SHIRT, 0));
    assert_eq!(stall.at_the_processor(order), (SHIRT + PARCEL, 0));
    bazaar.check().await;
    // All of the new order goes back: its money to the card, its credit to the credit.
    let back = stall
        .staff
        .post(&format!("/v1/orders/{new}/refunds"), &json!({ "reason": "story" }))
        .await;
    assert_eq!(
        (&back.value()["amount"]["amount"], &back.value()["gift_card"]["amount"]),
        (&json!(COAT + PARCEL), &json!(SHIRT)),
        "{}",
        back.text()
    );
    stall
        .order_becomes(new, "refunded", |seen| seen["payment"] == "refunded")
        .await;
    assert_eq!(-stall.balance(AccountKind::GiftCardLiability).await, -SHIRT);
    bazaar.check().await;
}

#[tokio::test]
async fn what_is_cheaper_gives_the_difference_back_the_way_it_came() {
    let bazaar = Bazaar::open().await;
    let (stall, order) = (&bazaar.stall, bazaar.sent(bazaar.red, 1).await);
    let found = bazaar.asked(order, 1, bazaar.pin).await;
    assert_eq!(bazaar.receive(&found).await.status, 200);
    let new = order_of(&bazaar.becomes(&found, "placed").await);
    let rest = SHIRT - PIN - PARCEL;
    stall
        .order_becomes(order, "refunded in part", |seen| money(seen) == (SHIRT + PARCEL, SHIRT))
        .await;
    eventually(async || (stall.at_the_processor(order) == (SHIRT + PARCEL, rest)).then_some(())).await;
    assert!(stall.letter("goes back to you").await.contains("€15.10"));
    assert_eq!(stall.order(new).await["gift_card"]["amount"]["amount"], PIN + PARCEL);
    bazaar.check().await;
    bazaar.leaves(new).await;
    bazaar.check().await;
}

/// What became credit for the price of yesterday would stay on a card that nobody knows of.
#[tokio::test]
async fn a_price_that_falls_before_the_goods_are_here_is_passed_on_and_the_rest_goes_back() {
    let bazaar = Bazaar::open().await;
    let (stall, order) = (&bazaar.stall, bazaar.sent(bazaar.red, 1).await);
    let found = bazaar.asked(order, 1, bazaar.pin).await;
    let price = format!("/v1/variants/{}/prices/EUR", bazaar.pin);
    let cheaper = stall.staff.put(&price, &json!({ "amount": PIN - 100 })).await;
    assert_eq!(cheaper.status, 200, "{}", cheaper.text());
    assert_eq!(bazaar.receive(&found).await.status, 200);
    let new = order_of(&bazaar.becomes(&found, "placed").await);
    let costs = PIN - 100 + PARCEL;
    assert_eq!(stall.order(new).await["gift_card"]["amount"]["amount"], costs);
    bazaar.went_back(order, SHIRT, SHIRT - costs).await;
    bazaar.check().await;
}

/// The part of a cheaper exchange that goes back by the processor is refused by it: nobody tried again.
#[tokio::test]
async fn p16_what_goes_back_beside_the_credit_is_tried_again_when_it_is_refused() {
    let bazaar = Bazaar::open().await;
    let (stall, order) = (&bazaar.stall, bazaar.sent(bazaar.red, 1).await);
    let found = bazaar.asked(order, 1, bazaar.pin).await;
    stall.weather("refund_refused=1000");
    assert_eq!(bazaar.receive(&found).await.status, 200);
    let new = order_of(&bazaar.becomes(&found, "placed").await);
    let rest = SHIRT - PIN - PARCEL;
    assert!(stall.letter("did not arrive").await.contains("€15.10"));
    let back = async || stall.staff.get(&format!("/v1/orders/{order}/returns")).await.value()["data"][0].clone();
    let waits = eventually(async || {
        let back = back().await;
        (back["state"] == "received").then_some(back)
    })
    .await;
    assert!(
        waits["trouble"].as_str().unwrap().contains("did not give it back"),
        "{waits}"
    );
    let today = stall.studio("").await;
    assert!(today.contains("The money of a return of order"), "{today}");
    assert!(!today.contains("An exchange of order"), "{today}");
    let desk = stall.studio(&format!("/orders/{order}")).await;
    assert!(desk.contains("The rest of it waits"), "{desk}");
    assert_eq!(stall.at_the_processor(order), (SHIRT + PARCEL, 0));
    bazaar.check().await;
    // A day later it is refused again, and a day after that the processor comes round: exactly once, and as it was planned.
    bazaar.after_refusals(order, 1).await;
    bazaar.age_returns(1).await;
    bazaar.after_refusals(order, 2).await;
    assert_eq!(money(&stall.order(order).await), (SHIRT + PARCEL, PIN + PARCEL));
    stall.weather("");
    bazaar.age_returns(1).await;
    stall
        .order_becomes(order, "refunded in part", |seen| money(seen) == (SHIRT + PARCEL, SHIRT))
        .await;
    eventually(async || (stall.at_the_processor(order) == (SHIRT + PARCEL, rest)).then_some(())).await;
    let done = eventually(async || {
        let back = back().await;
        (back["state"] == "refunded").then_some(back)
    })
    .await;
    assert_eq!(done["refunded"]["amount"], SHIRT, "{done}");
    assert!(!stall.studio("").await.contains("did not arrive"));
    bazaar.age_returns(3).await;
    bazaar.leaves(new).await;
    assert_eq!(stall.at_the_processor(order), (SHIRT + PARCEL, rest), "and never again");
    bazaar.check().await;
}

/// What leaves costs nothing, so all of the money goes back the way it came: refused, it was never tried again.
#[tokio::test]
async fn p16_all_of_the_money_of_what_is_exchanged_for_a_gift_is_tried_again_when_it_is_refused() {
    let bazaar = Bazaar::open().await;
    let (stall, order) = (&bazaar.stall, bazaar.sent(bazaar.red, 1).await);
    let price = format!("/v1/variants/{}/prices/EUR", bazaar.green);
    let free = stall.staff.put(&price, &json!({ "amount": 0 })).await;
    assert_eq!(free.status, 200, "{}", free.text());
    let found = bazaar.asked(order, 1, bazaar.green).await;
    assert_eq!(found["costs"]["amount"], 0, "{found}");
    stall.weather("refund_refused=1000");
    assert_eq!(bazaar.receive(&found).await.status, 200);
    let new = order_of(&bazaar.becomes(&found, "placed").await);
    assert!(stall.letter("did not arrive").await.contains("€30.00"));
    bazaar.after_refusals(order, 1).await;
    stall.weather("");
    bazaar.age_returns(1).await;
    bazaar.went_back(order, SHIRT, SHIRT).await;
    bazaar.age_returns(3).await;
    bazaar.leaves(new).await;
    bazaar.went_back(order, SHIRT, SHIRT).await;
    assert_eq!(stall.balance(AccountKind::GiftCardLiability).await, 0);
    bazaar.check().await;
}

/// What a person gave back in another way meanwhile is not given back again.
#[tokio::test]
async fn p16_what_was_refused_beside_the_credit_and_went_back_another_way_is_not_tried_again() {
    let bazaar = Bazaar::open().await;
    let (stall, order) = (&bazaar.stall, bazaar.sent(bazaar.red, 1).await);
    let found = bazaar.asked(order, 1, bazaar.pin).await;
    stall.weather("refund_refused=1000");
    assert_eq!(bazaar.receive(&found).await.status, 200);
    bazaar.becomes(&found, "placed").await;
    stall.letter("did not arrive").await;
    stall.weather("");
    let rest = SHIRT - PIN - PARCEL;
    let by_hand = json!({ "amount": rest, "reason": "by hand" });
    bazaar.after_refusals(order, 1).await;
    let given = stall.staff.post(&format!("/v1/orders/{order}/refunds"), &by_hand).await;
    assert_eq!(given.status, 201, "{}", given.text());
    bazaar.went_back(order, SHIRT, rest).await;
    bazaar.age_returns(1).await;
    eventually(async || {
        let all = stall.staff.get(&format!("/v1/orders/{order}/returns")).await.value();
        (all["data"][0]["state"] == "refunded").then_some(())
    })
    .await;
    assert_eq!(stall.at_the_processor(order), (SHIRT + PARCEL, rest));
    bazaar.check().await;
}

#[tokio::test]
async fn d1_nobody_is_promised_what_is_not_there_and_the_same_wish_is_one_exchange() {
    let bazaar = Bazaar::open().await;
    let (stall, order) = (&bazaar.stall, bazaar.sent(bazaar.red, 2).await);
    for _ in 0..3 {
        bazaar.buy(bazaar.green, 1).await;
    }
    let refused = bazaar.ask(order, bazaar.fresh(), 1, bazaar.green).await;
    assert_eq!(refused.refusal(), (409, "sold_out".into()));
    // The same wish many times at once is one; other wishes get what is there, and never a piece twice.
    let id = bazaar.fresh();
    let same = join_all((0..6).map(|_| bazaar.ask(order, id, 1, bazaar.coat))).await;
    assert_eq!(same.iter().filter(|answer| answer.status == 201).count(), 1);
    assert!(same.iter().all(|answer| [200, 201].contains(&answer.status)));
    let other = bazaar.ask(order, id, 1, bazaar.pin).await;
    assert_eq!(other.refusal(), (409, "id_reused".into()));
    let others = join_all((0..4).map(|_| bazaar.ask(order, bazaar.fresh(), 1, bazaar.coat))).await;
    assert_eq!(
        others.iter().filter(|answer| answer.status == 201).count(),
        1,
        "the buyer has two shirts"
    );
    assert_eq!(bazaar.left(bazaar.coat).await, 1);
    // What has not left cannot be exchanged, nor what was given back.
    let fresh = bazaar.buy(bazaar.pin, 1).await;
    let early = bazaar.ask(fresh, bazaar.fresh(), 1, bazaar.coat).await;
    assert_eq!(early.refusal(), (409, "not_theirs".into()));
    stall.work_is_open(fresh).await;
    bazaar.check().await;
}

#[tokio::test]
async fn an_exchange_that_is_given_up_closed_or_forgotten_ends_and_nothing_else_happened() {
    let bazaar = Bazaar::open().await;
    let (stall, order) = (&bazaar.stall, bazaar.sent(bazaar.red, 3).await);
    let before = stall.balance(AccountKind::ShopRevenue).await;
    // Given up by the buyer.
    let first = bazaar.asked(order, 1, bazaar.green).await;
    let id = first["id"].as_str().unwrap();
    let browser = stall.world.browser();
    let ended = browser
        .form(&bazaar.page(order, "/exchange-end"), &[("exchange", id)])
        .await;
    assert_eq!(ended.status, 303, "{}", ended.text());
    assert_eq!(bazaar.exchange(&first).await["state"], "closed");
    // Closed by a person, who says why.
    let second = bazaar.asked(order, 1, bazaar.green).await;
    let path = format!(
        "/v1/orders/{order}/exchanges/{}/closing",
        second["id"].as_str().unwrap()
    );
    let nothing = stall.staff.post(&path, &json!({ "reason": " " })).await;
    assert_eq!(nothing.refusal(), (422, "invalid_field".into()));
    let closed = stall.staff.post(&path, &json!({ "reason": "They keep it." })).await;
    assert_eq!(
        (closed.status, &closed.value()["trouble"]),
        (200, &json!("They keep it.")),
        "{}",
        closed.text()
    );
    // By its return.
    let third = bazaar.asked(order, 1, bazaar.green).await;
    let path = format!(
        "/v1/orders/{order}/returns/{}/closing",
        third["return"].as_str().unwrap()
    );
    assert_eq!(stall.staff.post(&path, &json!({ "reason": "Lost." })).await.status, 200);
    bazaar.becomes(&third, "closed").await;
    // And one that nobody sent.
    let fourth = bazaar.asked(order, 3, bazaar.coat).await;
    assert_eq!(bazaar.left(bazaar.coat).await, 0);
    bazaar.age(15).await;
    let forgotten = bazaar.becomes(&fourth, "closed").await;
    assert!(
        forgotten["trouble"].as_str().unwrap().contains("did not come"),
        "{forgotten}"
    );
    assert_eq!(
        (bazaar.left(bazaar.green).await, bazaar.left(bazaar.coat).await),
        (3, 3)
    );
    assert_eq!(stall.balance(AccountKind::ShopRevenue).await, before);
    assert_eq!(money(&stall.order(order).await).1, 0);
    bazaar.check().await;
    // All pieces are theirs still.
    bazaar.asked(order, 3, bazaar.green).await;
    bazaar.check().await;
}

/// A person ends what came back while its difference is to be paid: until it was told, somebody could pay for goods that had become the buyer's again.
#[tokio::test]
async fn an_exchange_whose_return_a_person_ends_is_not_to_be_paid_any_more() {
    let bazaar = Bazaar::open().await;
    let (stall, order) = (&bazaar.stall, bazaar.sent(bazaar.red, 1).await);
    let found = bazaar.asked(order, 1, bazaar.coat).await;
    bazaar.receive(&found).await;
    bazaar.becomes(&found, "to_pay").await;
    let (id, back) = (found["id"].as_str().unwrap(), found["return"].as_str().unwrap());
    let path = format!("/v1/orders/{order}/returns/{back}/closing");
    let ended = stall
        .staff
        .post(&path, &json!({ "reason": "A stone was in it." }))
        .await;
    assert_eq!(ended.status, 200, "{}", ended.text());
    let pays = [("exchange", id), ("payment", "card:tok_visa")];
    let paid = stall
        .world
        .browser()
        .form(&bazaar.page(order, "/exchange-payment"), &pays)
        .await;
    assert_eq!(paid.status, 303, "their page says what became of it: {}", paid.text());
    let closed = bazaar.becomes(&found, "closed").await;
    assert_eq!(closed["trouble"], "A stone was in it.");
    assert_eq!((stall.charged(), bazaar.left(bazaar.coat).await), (1, 3));
    assert_eq!(money(&stall.order(order).await), (SHIRT + PARCEL, 0));
    bazaar.check().await;
    // It is theirs still: it can come back another time.
    bazaar.asked(order, 1, bazaar.green).await;
    bazaar.check().await;
}

#[tokio::test]
async fn what_cannot_leave_or_is_not_paid_gives_the_money_back_as_after_a_withdrawal() {
    let bazaar = Bazaar::open().await;
    let stall = &bazaar.stall;
    // What was promised is sold no more.
    let order = bazaar.sent(bazaar.red, 1).await;
    let found = bazaar.asked(order, 1, bazaar.coat).await;
    let coat = bazaar.coat;
    let archived = stall.world.app.db.write(LaneKey(0), move |tx| {
        tx.exec(
            "update variants set state = 'archived' where id = $1",
            hawker::args![coat],
        )
    });
    archived.await.unwrap();
    bazaar.receive(&found).await;
    bazaar.becomes(&found, "to_pay").await;
    let pay = bazaar.page(order, "/exchange-payment");
    let id = found["id"].as_str().unwrap().to_owned();
    let browser = stall.world.browser();
    let pays = [("exchange", id.as_str()), ("payment", "card:tok_visa")];
    assert_eq!(
        browser.form(&pay, &pays).await.status,
        409,
        "nothing is taken for what cannot leave"
    );
    let ended = browser
        .form(&bazaar.page(order, "/exchange-end"), &[("exchange", id.as_str())])
        .await;
    assert_eq!(ended.status, 303, "{}", ended.text());
    bazaar.becomes(&found, "refunded").await;
    bazaar.went_back(order, SHIRT, SHIRT).await;
    bazaar.check().await;
    // Declined once, and then forgotten: what had become credit goes back as money.
    let order = bazaar.sent(bazaar.green, 1).await;
    let found = bazaar.asked(order, 1, bazaar.red).await;
    let path = format!(
        "/v1/orders/{order}/returns/{}/receipt",
        found["return"].as_str().unwrap()
    );
    let worn = json!({ "restock": "written_off", "deducted": 1000, "deduction": "Worn" });
    assert_eq!(stall.staff.post(&path, &worn).await.status, 200);
    let to_pay = bazaar.becomes(&found, "to_pay").await;
    assert_eq!(
        to_pay["missing"]["amount"], 1000,
        "what it lost in value is to be paid: {to_pay}"
    );
    let id = found["id"].as_str().unwrap().to_owned();
    let declined = [("exchange", id.as_str()), ("payment", "card:tok_declined")];
    assert_eq!(
        browser
            .form(&bazaar.page(order, "/exchange-payment"), &declined)
            .await
            .status,
        303
    );
    assert_eq!(
        stall.balance(AccountKind::GiftCardLiability).await,
        SHIRT - 1000,
        "it is credit now"
    );
    bazaar.check().await;
    bazaar.age(15).await;
    bazaar.becomes(&found, "refunded").await;
    bazaar.went_back(order, SHIRT - 1000, SHIRT - 1000).await;
    assert_eq!(stall.balance(AccountKind::GiftCardLiability).await, 0);
    assert_eq!(bazaar.left(bazaar.red).await, 3, "one came back, none left");
    bazaar.check().await;
}

#[tokio::test]
async fn l10_a_dispute_after_an_exchange_takes_no_share_twice() {
    let bazaar = Bazaar::open().await;
    let (stall, order) = (&bazaar.stall, bazaar.sent(bazaar.red, 1).await);
    let found = bazaar.asked(order, 1, bazaar.green).await;
    bazaar.receive(&found).await;
    let new = order_of(&bazaar.becomes(&found, "placed").await);
    bazaar.leaves(new).await;
    let shares = stall.balance(AccountKind::TaxPayable).await;
    let reference = |reference: &str| read_reference(reference).is_some_and(|(id, _)| id.order() == order);
    let payment = {
        let bank = stall.sandbox();
        let books = bank.books();
        let mut all = books.payments();
        all.find(|payment| reference(payment.reference())).unwrap().id.clone()
    };
    let dispute = NewDispute {
        payment,
        amount: None,
        reason: "product_not_received".into(),
        inquiry: false,
        to_answer: Seconds::days(14),
    };
    let bank = stall.sandbox();
    bank.at_the_bank(|books, now| books.open_dispute(&dispute, now))
        .unwrap();
    eventually(async || {
        let all = stall.staff.get("/v1/disputes").await.value();
        (!all["data"].as_array().unwrap().is_empty()).then_some(())
    })
    .await;
    // What had become credit is spent and the buyer's: the shop has lost it, and nobody's share of the new sale is touched.
    assert_eq!(-stall.balance(AccountKind::DisputeLosses).await, SHIRT);
    assert!(stall.balance(AccountKind::TaxPayable).await <= shares);
    bazaar.check().await;
    let name = stall.staff.get("/v1/disputes").await.value()["data"][0]["reference"]
        .as_str()
        .unwrap()
        .to_owned();
    stall
        .sandbox()
        .at_the_bank(|books, _| books.decide_dispute(&name, true))
        .unwrap();
    eventually(async || {
        let all = stall.staff.get("/v1/disputes").await.value();
        (all["data"][0]["state"] == "won").then_some(())
    })
    .await;
    assert_eq!(
        (
            stall.balance(AccountKind::DisputeLosses).await,
            stall.balance(AccountKind::TaxPayable).await
        ),
        (0, shares)
    );
    bazaar.check().await;
}

#[tokio::test]
async fn received_by_many_at_once_it_is_one_order() {
    let bazaar = Bazaar::open().await;
    let (stall, order) = (&bazaar.stall, bazaar.sent(bazaar.red, 1).await);
    let found = bazaar.asked(order, 1, bazaar.pin).await;
    let id: ExchangeId = found["id"].as_str().unwrap().parse().unwrap();
    let all = join_all((0..6).map(|_| bazaar.receive(&found))).await;
    assert!(all.iter().all(|answer| answer.status == 200), "{}", all[0].text());
    // Two replicas, the desk and the job.
    let (app, shop) = (&stall.world.app, stall.shop.id);
    for settled in join_all((0..6).map(|_| exchanges::settle(app, shop, id))).await {
        settled.unwrap();
    }
    let new = order_of(&bazaar.becomes(&found, "placed").await);
    eventually(async || (stall.at_the_processor(order).1 == SHIRT - PIN - PARCEL).then_some(())).await;
    stall.work_is_open(new).await;
    let orders = stall.staff.get("/v1/orders").await.value();
    assert_eq!(orders["data"].as_array().unwrap().len(), 2, "{orders}");
    bazaar.check().await;
}
