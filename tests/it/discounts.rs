//! Discounts as a buyer and a shop meet them. Every story ends with the invariants, which count discounts too.

use crate::buying::{Stall, tap_body};
use crate::gift_cards::{fields, send};
use crate::harness::Answer;
use hawker::kernel::{CheckoutId, OrderId};
use hawker::ledger::AccountKind;
use serde_json::{Value, json};

async fn make(stall: &Stall, body: Value) -> Value {
    let made = stall.staff.post("/v1/discounts", &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.value()
}

pub async fn with_code(stall: &Stall, code: &str, takes: Value) -> Value {
    make(
        stall,
        json!({ "name": format!("Offer {code}"), "code": code, "takes": takes }),
    )
    .await
}

pub fn percent(off: u32) -> Value {
    json!({ "kind": "percentage", "off_bp": off * 100 })
}

pub fn euros(minor: i64) -> Value {
    json!({ "kind": "fixed", "off": { "amount": minor, "currency": "EUR" } })
}

/// Another thing that is for sale: its variant.
pub async fn sell(stall: &Stall, title: &str, minor: i64, reduced: bool) -> String {
    let product = json!({ "title": title, "kind": "physical", "tax_category": if reduced { "reduced" } else { "standard" },
        "variants": [{ "title": "", "price": { "amount": minor, "currency": "EUR" } }] });
    let made = stall.staff.post("/v1/products", &product).await.value();
    let (product, variant) = (
        made["id"].as_str().unwrap(),
        made["variants"][0]["id"].as_str().unwrap(),
    );
    let active = stall
        .staff
        .clone()
        .with("if-match", &format!("\"{}\"", made["version"]))
        .patch(&format!("/v1/products/{product}"), &json!({ "state": "active" }))
        .await;
    assert_eq!(active.status, 200, "{}", active.text());
    let stock = json!({ "on_hand": 50 });
    let set = stall.staff.put(&format!("/v1/variants/{variant}/stock"), &stock).await;
    assert_eq!(set.status, 200, "{}", set.text());
    variant.to_owned()
}

pub async fn quote(stall: &Stall, lines: &str, code: &str) -> Answer {
    let code = if code.is_empty() {
        String::new()
    } else {
        format!("&code={code}")
    };
    stall
        .player
        .get(&format!("/v1/quotes?lines={lines}&country=DE{code}"))
        .await
}

pub async fn quoted(stall: &Stall, lines: &str, code: &str) -> Value {
    let answer = quote(stall, lines, code).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.value()
}

pub async fn tap(stall: &Stall, id: CheckoutId, quote: &Value, email: &str, token: &str) -> Answer {
    let mut body = tap_body(quote, token);
    body["contact"]["email"] = json!(email);
    stall.player.put(&format!("/v1/checkouts/{id}"), &body).await
}

pub async fn bought(stall: &Stall, quote: &Value) -> OrderId {
    let answer = tap(stall, stall.checkout(), quote, "buyer@example.com", "tok_visa").await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.value()["order"]["id"].as_str().unwrap().parse().unwrap()
}

pub fn minor(value: &Value) -> i64 {
    value["amount"].as_i64().unwrap_or_else(|| panic!("{value}"))
}

async fn uses(stall: &Stall, discount: &Value) -> i64 {
    let id = discount["id"].as_str().unwrap();
    stall.staff.get(&format!("/v1/discounts/{id}")).await.value()["uses"]
        .as_i64()
        .unwrap()
}

pub async fn refund(stall: &Stall, order: OrderId, body: Value) -> Answer {
    stall.staff.post(&format!("/v1/orders/{order}/refunds"), &body).await
}

/// Whether the shop's prices are with their tax.
async fn prices_with_tax(stall: &Stall, inclusive: bool) {
    let shop = stall.staff.get("/v1/shop").await.value();
    let set = stall
        .staff
        .clone()
        .with("if-match", &format!("\"{}\"", shop["version"]))
        .patch("/v1/shop", &json!({ "prices_include_tax": inclusive }))
        .await;
    assert_eq!(set.status, 200, "{}", set.text());
}

/// Parcels cost nothing.
async fn posted_for_nothing(stall: &Stall) {
    let zones = json!({ "zones": [{ "name": "Home", "countries": ["DE"], "methods": [{ "name": "Free",
        "price": { "amount": 0, "currency": "EUR" }, "eta_days_min": 1, "eta_days_max": 2 }] }] });
    assert_eq!(stall.staff.put("/v1/delivery", &zones).await.status, 200);
}

#[tokio::test]
async fn a_code_takes_something_off_and_every_book_says_so() {
    let stall = Stall::open(5).await;
    let ten = with_code(&stall, "Spring10", percent(10)).await;
    assert_eq!(
        (ten["code"].as_str(), ten["version"].as_i64()),
        (Some("SPRING10"), Some(1))
    );
    let mug = stall.mug;
    let with = quoted(&stall, &format!("{mug}:1"), "spring10").await;
    // 30.00 − 3.00 = 27.00, of it 4.31 tax; the parcel is not discounted.
    assert_eq!(
        (
            minor(&with["items"]),
            minor(&with["lines"][0]["off"]),
            minor(&with["lines"][0]["tax"]),
            minor(&with["total"])
        ),
        (2700, 300, 431, 3190),
        "{with}"
    );
    assert_eq!(
        (
            with["discounts"][0]["code"].as_str(),
            minor(&with["discounts"][0]["amount"])
        ),
        (Some("SPRING10"), 300)
    );
    let order = bought(&stall, &with).await;
    let seen = stall.order(order).await;
    assert_eq!(
        (
            minor(&seen["total"]),
            minor(&seen["lines"][0]["amount"]),
            minor(&seen["lines"][0]["off"])
        ),
        (3190, 2700, 300),
        "{seen}"
    );
    assert_eq!(seen["discounts"], with["discounts"]);
    assert_eq!(uses(&stall, &ten).await, 1);
    assert_eq!(stall.ship(order).await.status, 201);
    // The split is of what is left: 22.69 net, 1.00 to the packer, 5 % of 21.69 to the platform.
    assert_eq!(stall.balance(AccountKind::TaxPayable).await, 431 + 78);
    assert_eq!(stall.balance(AccountKind::PlatformRevenue).await, 108);
    let receipt = stall.world.mailbox.letter_to("buyer@example.com").await;
    assert!(
        receipt.text.contains("Offer Spring10: −€3.00") && receipt.text.contains("1 × Mug: €30.00"),
        "{}",
        receipt.text
    );
    let back = refund(&stall, order, json!({ "reason": "returned" })).await;
    assert_eq!(minor(&back.value()["amount"]), 3190, "{}", back.text());
    assert_eq!(stall.at_the_processor(order), (3190, 3190));
    assert_eq!(stall.balance(AccountKind::TaxPayable).await, 0);
    assert_eq!(stall.balance(AccountKind::PlatformRevenue).await, 0);
    stall.invariants().await;
}

#[tokio::test]
async fn codes_are_refused_in_words_and_wrong_ones_all_alike() {
    let stall = Stall::open(5).await;
    let mug = stall.mug;
    with_code(&stall, "TEN", percent(10)).await;
    let print = sell(&stall, "Print", 900, false).await;
    let product = stall.player.get("/v1/products").await.value()["data"][0]["id"].clone();
    make(
        &stall,
        json!({ "name": "Prints", "code": "PRINTS", "takes": percent(50), "products": [product] }),
    )
    .await;
    make(
        &stall,
        json!({ "name": "Big", "code": "BIG", "takes": euros(500), "minimum": { "amount": 6000, "currency": "EUR" } }),
    )
    .await;
    make(
        &stall,
        json!({ "name": "Later", "code": "LATER", "takes": euros(500), "starts_at": "2999-01-01T00:00:00Z" }),
    )
    .await;
    let over = with_code(&stall, "OVER", euros(500)).await;
    let ended = stall
        .staff
        .clone()
        .with("if-match", "\"1\"")
        .patch(
            &format!("/v1/discounts/{}", over["id"].as_str().unwrap()),
            &json!({ "state": "ended" }),
        )
        .await;
    assert_eq!(ended.status, 200, "{}", ended.text());
    for (code, units, status, why) in [
        ("NOBODY", 1, 404, "code_unknown"),
        ("LATER", 1, 404, "code_unknown"),
        ("OVER", 1, 409, "code_ended"),
        ("PRINTS", 1, 409, "code_not_for_these"),
        ("BIG", 1, 409, "code_minimum"),
    ] {
        let refused = quote(&stall, &format!("{mug}:{units}"), code).await;
        assert_eq!(refused.refusal(), (status, why.to_owned()), "{code}");
    }
    assert_eq!(minor(&quoted(&stall, &format!("{mug}:2"), "BIG").await["items"]), 5500);
    assert_eq!(
        minor(&quoted(&stall, &format!("{mug}:1,{print}:2"), "PRINTS").await["items"]),
        3900
    );
    // The same code twice, and a code another one had.
    let taken = stall
        .staff
        .post(
            "/v1/discounts",
            &json!({ "name": "Again", "code": "over", "takes": percent(5) }),
        )
        .await;
    assert_eq!(taken.refusal(), (409, "code_taken".into()));
}

#[tokio::test]
async fn trying_codes_is_counted_by_address() {
    let stall = Stall::open_with(1, |config| config.rate_limits = true).await;
    let mug = stall.mug;
    let mut answers = Vec::new();
    for number in 0..70 {
        answers.push(
            quote(&stall, &format!("{mug}:1"), &format!("GUESS{number}"))
                .await
                .status,
        );
    }
    assert_eq!((answers[0], answers[69]), (404, 429), "{answers:?}");
    assert_eq!(
        quote(&stall, &format!("{mug}:1"), "").await.status,
        200,
        "who types none is not stopped"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn x4_fifty_who_use_one_code_at_once_never_have_it_more_often_than_its_limit() {
    let stall = Stall::open(60).await;
    let five = make(
        &stall,
        json!({ "name": "Five", "code": "FIVE", "takes": percent(50), "uses_max": 5 }),
    )
    .await;
    let quote = quoted(&stall, &format!("{}:1", stall.mug), "FIVE").await;
    let taps = (0..50).map(|number| {
        let (player, id, mut body) = (stall.player.clone(), stall.checkout(), tap_body(&quote, "tok_visa"));
        body["contact"]["email"] = json!(format!("buyer{number}@example.com"));
        async move {
            let path = format!("/v1/checkouts/{id}");
            loop {
                let answer = player.put(&path, &body).await;
                if answer.status != 503 {
                    return answer;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    });
    let answers = futures_util::future::join_all(taps).await;
    let mut orders = Vec::new();
    for answer in &answers {
        match answer.refusal() {
            (201, _) => orders.push(answer.value()["order"]["id"].as_str().unwrap().to_owned()),
            (409, code) => assert_eq!(code, "code_used_up"),
            other => panic!("{other:?} {}", answer.text()),
        }
    }
    assert_eq!((orders.len(), uses(&stall, &five).await), (5, 5));
    assert_eq!(stall.left().await, (55, 0), "who was refused keeps nothing");
    // A canceled order gives its use back; a canceled one twice gives it back once.
    for _ in 0..2 {
        let canceled = stall
            .staff
            .post(&format!("/v1/orders/{}/cancellation", orders[0]), &json!({}))
            .await;
        assert_eq!(canceled.status, 200, "{}", canceled.text());
    }
    assert_eq!(uses(&stall, &five).await, 4);
    let next = tap(&stall, stall.checkout(), &quote, "next@example.com", "tok_visa").await;
    assert_eq!(next.status, 201, "{}", next.text());
    let late = tap(&stall, stall.checkout(), &quote, "late@example.com", "tok_visa").await;
    assert_eq!(late.refusal(), (409, "code_used_up".into()));
    stall.invariants().await;
}

#[tokio::test]
async fn x4_a_buyer_has_a_code_once_and_a_checkout_that_ends_gives_it_back() {
    let stall = Stall::open(10).await;
    let once = make(
        &stall,
        json!({ "name": "Once", "code": "ONCE", "takes": percent(10), "uses_per_buyer": 1, "uses_max": 3 }),
    )
    .await;
    let quote = quoted(&stall, &format!("{}:1", stall.mug), "ONCE").await;
    // Declined: reserved and counted still, as the units are; left: given back.
    let id = stall.checkout();
    let declined = tap(&stall, id, &quote, "ada.love@gmail.com", "tok_declined").await;
    assert_eq!(declined.refusal(), (402, "declined".into()));
    let secret = declined.value()["checkout"]["client_secret"]
        .as_str()
        .unwrap()
        .to_owned();
    let second = tap(&stall, stall.checkout(), &quote, "AdaLove@googlemail.com", "tok_visa").await;
    assert_eq!(second.refusal(), (409, "code_used_by_you".into()), "{}", second.text());
    assert_eq!(uses(&stall, &once).await, 1);
    let buyer = stall.player.clone().with("hawker-checkout-secret", &secret);
    assert_eq!(buyer.delete(&format!("/v1/checkouts/{id}")).await.status, 200);
    assert_eq!(uses(&stall, &once).await, 0);
    let other = tap(&stall, stall.checkout(), &quote, "adalove@gmail.com", "tok_visa").await;
    assert_eq!(other.status, 201, "{}", other.text());
    // Said later is said: who has not told their mailbox is counted when they do, and cannot pay before.
    let mut body = tap_body(&quote, "");
    body.as_object_mut().unwrap().remove("contact");
    body.as_object_mut().unwrap().remove("payment");
    let id = stall.checkout();
    let begun = stall.player.put(&format!("/v1/checkouts/{id}"), &body).await;
    assert_eq!(begun.status, 201, "{}", begun.text());
    let secret = begun.value()["client_secret"].as_str().unwrap().to_owned();
    let buyer = stall.player.clone().with("hawker-checkout-secret", &secret);
    let path = format!("/v1/checkouts/{id}/details");
    let theirs = buyer
        .put(&path, &json!({ "contact": { "email": "ada.love@gmail.com" } }))
        .await;
    assert_eq!(theirs.refusal(), (409, "code_used_by_you".into()));
    let new = buyer
        .put(&path, &json!({ "contact": { "email": "grace@example.com" } }))
        .await;
    assert_eq!(new.status, 200, "{}", new.text());
    let third = tap(&stall, stall.checkout(), &quote, "grace@example.com", "tok_visa").await;
    assert_eq!(third.refusal(), (409, "code_used_by_you".into()));
    stall.invariants().await;
}

#[tokio::test]
async fn d12_what_was_shown_holds_though_the_discount_ended_and_a_fall_is_passed_on() {
    let stall = Stall::open(10).await;
    let ten = with_code(&stall, "TEN", percent(10)).await;
    let quote = quoted(&stall, &format!("{}:1", stall.mug), "TEN").await;
    let path = format!("/v1/discounts/{}", ten["id"].as_str().unwrap());
    let edit = json!({ "takes": percent(1), "state": "ended" });
    let ended = stall.staff.clone().with("if-match", "\"1\"").patch(&path, &edit).await;
    assert_eq!((ended.status, ended.value()["version"].as_i64()), (200, Some(2)));
    let order = bought(&stall, &quote).await;
    assert_eq!(minor(&stall.order(order).await["total"]), 3190, "as it was shown");
    // The price falls under the quote: 10 % of 20.00 is 2.00, by the rule of then.
    let price = format!("/v1/variants/{}/prices/EUR", stall.mug);
    let product = stall.player.get("/v1/products").await.value()["data"][0].clone();
    let set = stall
        .staff
        .clone()
        .with("if-match", &format!("\"{}\"", product["version"]))
        .put(&price, &json!({ "amount": 2000 }))
        .await;
    assert_eq!(set.status, 200, "{}", set.text());
    let order = bought(&stall, &quote).await;
    let seen = stall.order(order).await;
    assert_eq!(
        (
            minor(&seen["lines"][0]["amount"]),
            minor(&seen["lines"][0]["off"]),
            minor(&seen["total"])
        ),
        (1800, 200, 2290),
        "{seen}"
    );
    stall.invariants().await;
}

#[tokio::test]
async fn another_country_keeps_the_discount_that_was_reserved_with() {
    let stall = Stall::open(10).await;
    let one = make(
        &stall,
        json!({ "name": "One", "code": "ONE", "takes": euros(500), "uses_max": 1 }),
    )
    .await;
    let quote = quoted(&stall, &format!("{}:1", stall.mug), "ONE").await;
    let mut body = tap_body(&quote, "");
    body.as_object_mut().unwrap().remove("payment");
    let id = stall.checkout();
    let begun = stall.player.put(&format!("/v1/checkouts/{id}"), &body).await;
    assert_eq!(minor(&begun.value()["total"]), 2500 + 490, "{}", begun.text());
    let buyer = stall.player.clone().with(
        "hawker-checkout-secret",
        begun.value()["client_secret"].as_str().unwrap(),
    );
    let mut address = body["address"].clone();
    address["country"] = json!("FR");
    let path = format!("/v1/checkouts/{id}/details");
    let dearer = buyer.put(&path, &json!({ "address": address })).await;
    assert_eq!(dearer.refusal(), (409, "price_changed".into()));
    assert_eq!(
        minor(&dearer.value()["quote"]["discounts"][0]["amount"]),
        500,
        "{}",
        dearer.text()
    );
    let agreed = json!({ "address": address, "accept": dearer.value()["quote"]["quote"] });
    let changed = buyer.put(&path, &agreed).await;
    assert_eq!(
        (changed.status, minor(&changed.value()["total"])),
        (200, 2500 + 1490),
        "{}",
        changed.text()
    );
    let pay = json!({ "method": "card", "token": "tok_visa" });
    let paid = buyer.post(&format!("/v1/checkouts/{id}/payment"), &pay).await;
    assert_eq!(paid.value()["state"], "completed", "{}", paid.text());
    assert_eq!(uses(&stall, &one).await, 1);
    stall.invariants().await;
}

/// Outside systems gave back another sum than was paid when an amount off a whole purchase met refunds line by line and unit by unit.
#[tokio::test]
async fn f5_an_amount_off_the_purchase_is_given_back_unit_by_unit_in_any_order_and_exactly() {
    let stall = Stall::open(9).await;
    let (mug, print) = (stall.mug, sell(&stall, "Print", 1333, false).await);
    with_code(&stall, "OFF", euros(1000)).await;
    // 90.00 + 13.33 + 10.00 off: neither line divides by its units.
    let quote = quoted(&stall, &format!("{mug}:3,{print}:2"), "OFF").await;
    let lines = [minor(&quote["lines"][0]["amount"]), minor(&quote["lines"][1]["amount"])];
    assert_eq!(lines.iter().sum::<i64>(), 9000 + 2666 - 1000);
    let paid = minor(&quote["total"]);
    for order_of_units in [[0, 1, 0, 1, 0], [1, 1, 0, 0, 0], [0, 0, 1, 0, 1]] {
        let order = bought(&stall, &quote).await;
        assert_eq!(stall.ship(order).await.status, 201);
        let mut back = [0, 0];
        for line in order_of_units {
            let units = json!({ "lines": [{ "line": line, "quantity": 1 }], "reason": "returned" });
            let given = refund(&stall, order, units).await;
            assert_eq!(given.status, 201, "{}", given.text());
            back[line] += minor(&given.value()["amount"]);
        }
        assert_eq!(back, lines, "each line exactly what was paid for it");
        let delivery = refund(
            &stall,
            order,
            json!({ "lines": [], "delivery": true, "reason": "returned" }),
        )
        .await;
        assert_eq!(minor(&delivery.value()["amount"]), 490, "{}", delivery.text());
        assert_eq!(stall.at_the_processor(order), (paid, paid));
        let more = refund(&stall, order, json!({ "reason": "once more" })).await;
        assert_eq!(more.refusal().0, 409, "never more than was paid");
    }
    assert_eq!(
        stall.balance(AccountKind::TaxPayable).await,
        0,
        "every leg was reversed"
    );
    assert_eq!(stall.balance(AccountKind::PlatformRevenue).await, 0);
    stall.invariants().await;
}

/// An outside system took all of an order's discount off the first refund, however little of the order came back (odoo/odoo#286433), or took an amount
/// off it with the wrong sign (odoo/odoo#278180).
#[tokio::test]
async fn f5_a_refund_of_one_thing_carries_its_part_of_the_orders_discount_and_no_more() {
    let stall = Stall::open(9).await;
    let (big, small) = (
        sell(&stall, "Bowl", 15_000, false).await,
        sell(&stall, "Cup", 6000, false).await,
    );
    with_code(&stall, "FORTYTWO", euros(4200)).await;
    with_code(&stall, "FIFTH", percent(20)).await;
    // 210.00 less 42.00: of the bowl's 150.00 five sevenths of it are gone, 30.00; of the cup's 60.00 the other 12.00. A fifth of all comes to the same.
    for code in ["FORTYTWO", "FIFTH"] {
        for (first, second) in [((0, 12_000), (1, 4800)), ((1, 4800), (0, 12_000))] {
            let order = bought(&stall, &quoted(&stall, &format!("{big}:1,{small}:1"), code).await).await;
            assert_eq!(stall.ship(order).await.status, 201);
            let mut back = 0;
            for (line, expected) in [first, second] {
                let one = json!({ "lines": [{ "line": line, "quantity": 1 }], "reason": "returned" });
                let given = refund(&stall, order, one).await.value();
                assert_eq!(minor(&given["amount"]), expected, "{code}: {given}");
                back += expected;
                assert_eq!(stall.at_the_processor(order), (16_800 + 490, back));
            }
        }
    }
    stall.invariants().await;
}

/// Outside systems rounded a discount and its tax so that the lines did not come to the total.
#[tokio::test]
async fn lines_come_to_the_total_whether_prices_include_tax_or_not() {
    let stall = Stall::open(50).await;
    let mug = stall.mug;
    let book = sell(&stall, "Book", 995, true).await;
    let print = sell(&stall, "Print", 1999, false).await;
    let rates = json!({ "rates": [{ "country": "DE", "category": "standard", "rate_bp": 1900 }, { "country": "DE", "category": "reduced", "rate_bp": 700 }] });
    assert_eq!(stall.staff.put("/v1/tax-rates", &rates).await.status, 200);
    make(
        &stall,
        json!({ "name": "Always 7 %", "takes": percent(7), "combinable": true }),
    )
    .await;
    make(
        &stall,
        json!({ "name": "Odd", "code": "ODD", "takes": euros(777), "combinable": true }),
    )
    .await;
    for inclusive in [true, false] {
        prices_with_tax(&stall, inclusive).await;
        let quote = quoted(&stall, &format!("{mug}:1,{book}:3,{print}:2"), "odd").await;
        let lines = quote["lines"].as_array().unwrap();
        let sum = |field: &str| lines.iter().map(|line| minor(&line[field])).sum::<i64>();
        let full = lines
            .iter()
            .map(|line| minor(&line["unit"]) * line["quantity"].as_i64().unwrap())
            .sum::<i64>();
        // 3000 + 2985 + 3998 = 9983; 7 % is 698 (698.81); 777 more: 8508 as the shop shows prices.
        assert_eq!((full, sum("off")), (9983, 698 + 777), "{quote}");
        assert_eq!(sum("amount"), minor(&quote["items"]));
        assert_eq!(
            minor(&quote["items"]) + minor(&quote["delivery"]["price"]),
            minor(&quote["total"])
        );
        let order = bought(&stall, &quote).await;
        let seen = stall.order(order).await;
        let sold = seen["lines"].as_array().unwrap();
        assert_eq!(
            sold.iter().map(|line| minor(&line["amount"])).sum::<i64>() + minor(&seen["delivery"]),
            minor(&seen["total"])
        );
        assert_eq!(stall.ship(order).await.status, 201);
        // Line by line, and the delivery: what was paid, never more.
        let mut back = 0;
        for line in [2, 0, 1] {
            let quantity = sold[line]["quantity"].clone();
            let given = refund(
                &stall,
                order,
                json!({ "lines": [{ "line": line, "quantity": quantity }], "reason": "returned" }),
            )
            .await;
            assert_eq!(
                minor(&given.value()["amount"]),
                minor(&sold[line]["amount"]),
                "{}",
                given.text()
            );
            back += minor(&given.value()["amount"]);
        }
        let rest = refund(&stall, order, json!({ "reason": "the rest" })).await;
        assert_eq!(back + minor(&rest.value()["amount"]), minor(&seen["total"]));
    }
    assert_eq!(stall.balance(AccountKind::TaxPayable).await, 0);
    stall.invariants().await;
}

/// Where prices are without their tax, an outside system took a discount off with its tax and then taxed what was left again, so that units that came
/// back were worth less than was paid for them (medusajs/medusa#15885).
#[tokio::test]
async fn f5_a_discount_on_prices_without_tax_is_counted_once_when_units_come_back() {
    let stall = Stall::open(9).await;
    prices_with_tax(&stall, false).await;
    with_code(&stall, "TEN", percent(10)).await;
    // Three mugs at 30.00 less 10 % are 81.00, and 15.39 of tax on it.
    let quote = quoted(&stall, &format!("{}:3", stall.mug), "TEN").await;
    let order = bought(&stall, &quote).await;
    assert_eq!(minor(&stall.order(order).await["lines"][0]["amount"]), 8100 + 1539);
    assert_eq!(stall.ship(order).await.status, 201);
    let mut back = Vec::new();
    for _ in 0..3 {
        let unit = json!({ "lines": [{ "line": 0, "quantity": 1 }], "reason": "returned", "restock": "sellable" });
        back.push(minor(&refund(&stall, order, unit).await.value()["amount"]));
    }
    assert_eq!(back, [3213; 3], "a third of what was paid, each");
    stall.invariants().await;
}

/// Outside systems worked an order's discount out anew when something of it was canceled: it was spread over what was left (vendurehq/vendure#4811), or was gone
/// because it had ended, or its code had changed, meanwhile (shopware/shopware#6851, #5789).
#[tokio::test]
async fn f5_an_order_keeps_its_discount_though_units_are_canceled_and_the_code_has_ended() {
    let stall = Stall::open(9).await;
    let (mug, print) = (stall.mug, sell(&stall, "Print", 1333, false).await);
    let off = with_code(&stall, "OFF", euros(1000)).await;
    let quote = quoted(&stall, &format!("{mug}:2,{print}:1"), "OFF").await;
    let lines = [minor(&quote["lines"][0]["amount"]), minor(&quote["lines"][1]["amount"])];
    assert_eq!(lines.iter().sum::<i64>(), 6000 + 1333 - 1000);
    let order = bought(&stall, &quote).await;
    let path = format!("/v1/discounts/{}", off["id"].as_str().unwrap());
    let edit = json!({ "takes": percent(1), "state": "ended" });
    let ended = stall.staff.clone().with("if-match", "\"1\"").patch(&path, &edit).await;
    assert_eq!(ended.status, 200, "{}", ended.text());
    let id = stall.checkout().to_string().replace("chk_", "adj_");
    let units = json!({ "id": id, "lines": [{ "line": 0, "quantity": 1 }], "reason": "one is enough" });
    let path = format!("/v1/orders/{order}/canceled-units");
    let canceled = stall.staff.post(&path, &units).await;
    assert_eq!(canceled.status, 201, "{}", canceled.text());
    assert_eq!(stall.ship(order).await.status, 201);
    let (taken, _) = stall.at_the_processor(order);
    assert_eq!(
        taken,
        lines[0] / 2 + lines[1] + 490,
        "the share of what was canceled, and nothing else"
    );
    let rest = refund(
        &stall,
        order,
        json!({ "lines": [{ "line": 1, "quantity": 1 }], "reason": "returned" }),
    )
    .await;
    assert_eq!(minor(&rest.value()["amount"]), lines[1], "{}", rest.text());
    stall.invariants().await;
}

/// An outside system summed the tax of each line and then of all of them, and asked for a cent of what was to cost nothing (odoo/odoo#271032).
#[tokio::test]
async fn a_discount_of_everything_leaves_nothing_of_two_lines_whose_tax_is_rounded() {
    let stall = Stall::open(9).await;
    prices_with_tax(&stall, false).await;
    posted_for_nothing(&stall).await;
    let (one, other) = (
        sell(&stall, "Test", 1150, false).await,
        sell(&stall, "Same", 1150, false).await,
    );
    with_code(&stall, "ALL", percent(100)).await;
    let lines = format!("{one}:1,{other}:1");
    // 11.50 and 19 % are 13.685: half a cent in each line.
    assert_eq!(minor(&quoted(&stall, &lines, "").await["total"]), 2 * 1369);
    let quote = quoted(&stall, &lines, "ALL").await;
    assert_eq!((minor(&quote["total"]), minor(&quote["tax"])), (0, 0), "{quote}");
    let order = bought(&stall, &quote).await;
    assert_eq!(stall.ship(order).await.status, 201);
    assert_eq!((stall.charged(), stall.at_the_processor(order)), (0, (0, 0)));
    stall.invariants().await;
}

#[tokio::test]
async fn a_discount_that_takes_everything_asks_no_processor() {
    let stall = Stall::open(5).await;
    posted_for_nothing(&stall).await;
    with_code(&stall, "ALL", percent(100)).await;
    let quote = quoted(&stall, &format!("{}:1", stall.mug), "ALL").await;
    assert_eq!(minor(&quote["total"]), 0);
    let order = bought(&stall, &quote).await;
    assert_eq!(stall.ship(order).await.status, 201);
    assert_eq!((stall.charged(), stall.at_the_processor(order)), (0, (0, 0)));
    stall.invariants().await;
}

#[tokio::test]
async fn a_code_is_typed_in_the_checkout_form_and_taken_out_again() {
    let stall = Stall::open(5).await;
    make(
        &stall,
        json!({ "name": "Autumn letter", "code": "AUTUMN", "takes": percent(10), "uses_per_buyer": 1 }),
    )
    .await;
    let browser = stall.world.browser();
    let path = format!("/s/{}/checkout", stall.shop.slug);
    let first = browser.get(&format!("{path}?lines={}:1", stall.mug)).await.text();
    assert!(first.contains("I have a discount code"), "{first}");
    let wrong = send(
        &browser,
        &path,
        &fields(&first, &[("discount_code", "NOBODY"), ("step", "quote")]),
    )
    .await
    .text();
    assert!(
        wrong.contains("There is no discount with this code here.") && wrong.contains("NOBODY"),
        "{wrong}"
    );
    let shown = send(
        &browser,
        &path,
        &fields(&wrong, &[("discount_code", "autumn"), ("step", "quote")]),
    )
    .await
    .text();
    assert!(
        shown.contains("Autumn letter") && shown.contains("−€3.00") && shown.contains("Pay €31.90"),
        "{shown}"
    );
    // Taken out and paid at once: first they look at the total.
    let buyer = [
        ("email", "jo@example.com"),
        ("name", "Jo"),
        ("line1", "Street 1"),
        ("postal_code", "10115"),
        ("city", "Berlin"),
        ("payment", "card:tok_visa"),
        ("step", "pay"),
    ];
    let mut without = buyer.to_vec();
    without.push(("discount_code", ""));
    let look = send(&browser, &path, &fields(&shown, &without)).await.text();
    assert!(
        look.contains("Please look at the total again") && look.contains("Pay €34.90"),
        "{look}"
    );
    let mut with = buyer.to_vec();
    with.push(("discount_code", "AUTUMN"));
    let shown = send(&browser, &path, &fields(&look, &with)).await.text();
    assert!(shown.contains("Pay €31.90"), "{shown}");
    let paid = send(&browser, &path, &fields(&shown, &buyer)).await;
    assert_eq!(paid.status, 303, "{}", paid.text());
    let receipt = paid.header("location").unwrap();
    let order = browser.get(&receipt[receipt.find("/s/").unwrap()..]).await.text();
    assert!(
        order.contains("Autumn letter") && order.contains("−€3.00") && order.contains("€31.90"),
        "{order}"
    );
    // Once a buyer: the form goes on without it and says why.
    let second = browser.get(&format!("{path}?lines={}:1", stall.mug)).await.text();
    let shown = send(
        &browser,
        &path,
        &fields(&second, &[("discount_code", "AUTUMN"), ("step", "quote")]),
    )
    .await
    .text();
    let refused = send(&browser, &path, &fields(&shown, &buyer)).await;
    let text = refused.text();
    assert!(
        text.contains("Each buyer may use this code once") && text.contains("Pay €34.90"),
        "{} {text}",
        refused.status
    );
    stall.invariants().await;
}

#[tokio::test]
async fn the_desk_makes_a_discount_and_works_out_an_example() {
    let stall = Stall::open(5).await;
    let desk = &stall.staff;
    let base = format!("/studio/{}/discounts", stall.shop.slug);
    let empty = desk.get(&base).await.text();
    assert!(empty.contains("There is none yet."), "{empty}");
    let blank = desk.get(&format!("{base}/new")).await.text();
    let hidden = |page: &str, name: &str| {
        let start = page.find(&format!("name=\"{name}\" value=\"")).expect("the field") + name.len() + 15;
        page[start..start + page[start..].find('"').unwrap()].to_owned()
    };
    let id = hidden(&blank, "id");
    let form = [
        ("id", id.as_str()),
        ("name", "Three for two"),
        ("code", "drei"),
        ("kind", "bogo"),
        ("buy", "2"),
        ("get", "1"),
        ("get_percent", "100"),
        ("uses", "10"),
        ("priority", "100"),
    ];
    let mut example = form.to_vec();
    example.push(("do", "example"));
    let worked = desk.form(&format!("{base}/new"), &example).await.text();
    assert!(
        worked.contains("3 × Mug")
            && worked.contains("€90.00")
            && worked.contains("−€30.00")
            && worked.contains("€60.00"),
        "{worked}"
    );
    let mut wrong = form.to_vec();
    wrong[1] = ("name", " ");
    let refused = desk.form(&format!("{base}/new"), &wrong).await.text();
    assert!(
        refused.contains("Give it a name") && refused.contains("drei"),
        "{refused}"
    );
    for _ in 0..2 {
        let made = desk.form(&format!("{base}/new"), &form).await;
        assert_eq!(made.status, 303, "{}", made.text());
    }
    let list = desk.get(&base).await.text();
    assert_eq!(
        list.matches("DREI").count(),
        1,
        "pressing twice is one discount: {list}"
    );
    let page = format!("{base}/{id}");
    let seen = desk.get(&page).await.text();
    assert!(seen.contains("Nobody had it yet") && seen.contains("−€30.00"), "{seen}");
    let end = [("version", "1"), ("do", "end")];
    assert_eq!(desk.form(&page, &end).await.status, 303);
    assert!(desk.get(&page).await.text().contains("Take it up again"));
    let stale = desk.form(&page, &end).await.text();
    assert!(stale.contains("Someone changed this"), "{stale}");
    assert_eq!(
        desk.form(&page, &[("version", "2"), ("do", "resume")]).await.status,
        303
    );
    assert_eq!(
        minor(&quoted(&stall, &format!("{}:3", stall.mug), "DREI").await["items"]),
        6000
    );
}
