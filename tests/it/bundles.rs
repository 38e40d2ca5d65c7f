//! Bundles as a buyer and a shop meet them. Every story ends with the invariants.

use crate::buying::Stall;
use crate::discounts::{bought, minor, percent, quote, quoted, refund, sell, tap, with_code};
use crate::gift_cards::{fields, send};
use hawker::ledger::AccountKind;
use serde_json::{Value, json};

/// A bundle of a shop: its product's id and slug, and what it is sold as.
pub struct Set {
    product: String,
    slug: String,
    pub variant: String,
}

/// Two mugs (30.00 each) and a print (13.33) for `price`; 73.33 alone.
pub async fn set(stall: &Stall, print: &str, price: i64, keep: &str) -> Set {
    let product = json!({ "title": "Morning set", "kind": "physical",
        "variants": [{ "title": "", "price": { "amount": price, "currency": "EUR" } }] });
    let made = stall.staff.post("/v1/products", &product).await.value();
    let id = made["id"].as_str().unwrap().to_owned();
    let staff = |version: i64| stall.staff.clone().with("if-match", &format!("\"{version}\""));
    let parts = json!({ "keep_the_rest": keep, "parts": [{ "variant": stall.mug, "quantity": 2 }, { "variant": print, "quantity": 1 }] });
    let path = format!("/v1/products/{id}/bundle");
    let put = staff(made["version"].as_i64().unwrap()).put(&path, &parts).await;
    assert_eq!(put.status, 200, "{}", put.text());
    let version: i64 = put.header("etag").unwrap().trim_matches('"').parse().unwrap();
    let active = staff(version)
        .patch(&format!("/v1/products/{id}"), &json!({ "state": "active" }))
        .await;
    assert_eq!(active.status, 200, "{}", active.text());
    assert_eq!(stall.staff.get(&path).await.value()["keep_the_rest"], keep);
    Set {
        product: id,
        slug: made["slug"].as_str().unwrap().to_owned(),
        variant: made["variants"][0]["id"].as_str().unwrap().to_owned(),
    }
}

async fn left(stall: &Stall, variant: &str) -> i64 {
    let variant: hawker::kernel::VariantId = variant.parse().unwrap();
    let stock = stall
        .world
        .app
        .db
        .read(move |tx| hawker::inventory::availability(tx, variant))
        .await
        .unwrap();
    stock.left
}

fn amounts(lines: &Value) -> Vec<i64> {
    lines
        .as_array()
        .unwrap()
        .iter()
        .map(|line| minor(&line["amount"]))
        .collect()
}

/// Two lines of one purchase that share a stock item were each checked against all of it (medusajs/medusa#16502).
#[tokio::test]
async fn d3_a_bundle_is_made_of_what_its_parts_have_and_loose_pieces_count_with_it() {
    let stall = Stall::open(5).await;
    let print = sell(&stall, "Print", 1333, false).await;
    let set = set(&stall, &print, 6000, "prorate").await;
    assert_eq!(left(&stall, &set.variant).await, 2, "five mugs make two sets");
    let one = quoted(&stall, &format!("{}:1", set.variant), "").await;
    // 60.00 by 60.00 and 13.33 of 73.33: 49.09 (49.093) and 10.90 (10.907); the cent over goes to the first.
    assert_eq!(amounts(&one["lines"]), [4910, 1090], "{one}");
    assert_eq!(
        (one["bundles"][0]["title"].as_str(), one["lines"][1]["bundle"].as_i64()),
        (Some("Morning set"), Some(0))
    );
    assert_eq!(minor(&one["items"]), 6000);
    // Two sets and two mugs are six mugs.
    let six = quoted(&stall, &format!("{}:2,{}:2", set.variant, stall.mug), "").await;
    let refused = tap(&stall, stall.checkout(), &six, "jo@example.com", "tok_visa").await;
    assert_eq!(refused.refusal(), (409, "sold_out".into()));
    assert_eq!(
        (stall.left().await, left(&stall, &print).await),
        ((5, 0), 50),
        "all or nothing"
    );
    let five = quoted(&stall, &format!("{}:2,{}:1", set.variant, stall.mug), "").await;
    let order = bought(&stall, &five).await;
    assert_eq!(
        (
            stall.left().await,
            left(&stall, &print).await,
            left(&stall, &set.variant).await
        ),
        ((0, 0), 48, 0)
    );
    let seen = stall.order(order).await;
    assert_eq!(
        (amounts(&seen["lines"]), minor(&seen["total"])),
        (vec![9819, 2181, 3000], 12_000 + 3000 + 490),
        "{seen}"
    );
    let gone = quote(&stall, &format!("{}:1", set.variant), "").await;
    assert_eq!(gone.refusal(), (409, "sold_out".into()));
    let canceled = stall
        .staff
        .post(&format!("/v1/orders/{order}/cancellation"), &json!({}))
        .await;
    assert_eq!(canceled.status, 200, "{}", canceled.text());
    assert_eq!((stall.left().await, left(&stall, &set.variant).await), ((5, 0), 2));
    stall.invariants().await;
}

/// Outside systems gave back another sum than the bundle cost, or left its parts off the shelf, or counted all of it as given back with one part
/// (magento/magento2#39060).
#[tokio::test]
async fn f5_a_bundle_goes_back_part_by_part_exactly_and_its_parts_go_back_on_the_shelf() {
    let stall = Stall::open(20).await;
    let print = sell(&stall, "Print", 1333, false).await;
    let set = set(&stall, &print, 6001, "prorate").await;
    with_code(&stall, "SEVEN", percent(7)).await;
    for (code, order_of_parts) in [("", [0, 1, 0]), ("SEVEN", [1, 0, 0]), ("SEVEN", [0, 0, 1])] {
        let quote = quoted(&stall, &format!("{}:1", set.variant), code).await;
        let shares = amounts(&quote["lines"]);
        // 7 % of 60.01 is 4.20 (4.2007).
        assert_eq!(
            shares.iter().sum::<i64>(),
            if code.is_empty() { 6001 } else { 6001 - 420 }
        );
        let order = bought(&stall, &quote).await;
        assert_eq!(stall.ship(order).await.status, 201);
        let mut back = vec![0, 0];
        for line in order_of_parts {
            let units =
                json!({ "lines": [{ "line": line, "quantity": 1 }], "restock": "sellable", "reason": "returned" });
            let given = refund(&stall, order, units).await;
            assert_eq!(given.status, 201, "{}", given.text());
            back[line] += minor(&given.value()["amount"]);
        }
        assert_eq!(back, shares, "each part its share, to the cent");
        let rest = refund(&stall, order, json!({ "reason": "the delivery" })).await;
        assert_eq!(minor(&rest.value()["amount"]), 490);
        let more = refund(&stall, order, json!({ "reason": "more" })).await;
        assert_eq!(more.refusal().0, 409);
    }
    assert_eq!(
        (
            stall.left().await,
            left(&stall, &print).await,
            left(&stall, &set.variant).await
        ),
        ((20, 0), 50, 10)
    );
    for kind in [AccountKind::TaxPayable, AccountKind::PlatformRevenue] {
        assert_eq!(stall.balance(kind).await, 0, "every leg was reversed");
    }
    stall.invariants().await;
}

/// Whoever buys a bundle, and whoever sends it, reads everywhere that it is one and what each part costs less in it; the stock of the parts moves, and nothing
/// else's; a part goes back by itself without what it had been cheaper by, or the bundle whole (shopware/shopware#12260).
#[tokio::test]
async fn f5_a_bundle_is_told_as_one_wherever_its_order_is_and_goes_back_part_by_part_or_whole() {
    let stall = Stall::open(20).await;
    let print = sell(&stall, "Print", 1333, false).await;
    let set = set(&stall, &print, 6000, "prorate").await;
    // Alone two mugs are 60.00 and the print 13.33; in the set 49.10 and 10.90.
    let (mugs, poster) = (
        "in \u{201c}Morning set\u{201d}, €10.90 less than alone",
        "in \u{201c}Morning set\u{201d}, €2.43 less than alone",
    );
    let savings = |lines: &Value| [0, 1].map(|line: usize| minor(&lines[line]["bundle_saving"]));
    let quote = quoted(&stall, &format!("{}:1", set.variant), "").await;
    assert_eq!(savings(&quote["lines"]), [1090, 243], "{quote}");
    let form = format!("/s/{}/checkout?lines={}:1", stall.shop.slug, set.variant);
    let form = stall.world.browser().get(&form).await.text();
    assert!(form.contains("2 × Mug, 1 × Print · €13.33 less than alone"), "{form}");
    let order = bought(&stall, &quote).await;
    assert_eq!(savings(&stall.order(order).await["lines"]), [1090, 243]);
    let receipt = stall.world.mailbox.letter_to("buyer@example.com").await;
    let token = hawker::checkout::order_token(stall.world.app.db.signing_key(), order);
    let page = format!("/s/{}/orders/{order}?t={token}", stall.shop.slug);
    let page = stall.world.browser().get(&page).await.text();
    let desk = stall.studio(&format!("/orders/{order}")).await;
    for seen in [&receipt.text, &receipt.html, &page, &desk] {
        assert!(seen.contains(mugs) && seen.contains(poster), "{seen}");
    }
    let stock = async || {
        (
            stall.left().await.0,
            left(&stall, &print).await,
            left(&stall, &set.variant).await,
        )
    };
    assert_eq!(stock().await, (18, 49, 9));
    assert_eq!(stall.ship(order).await.status, 201);
    // One mug by itself, then all the rest at once.
    let mug = json!({ "lines": [{ "line": 0, "quantity": 1 }], "restock": "sellable", "reason": "returned" });
    assert_eq!(
        minor(&refund(&stall, order, mug).await.value()["amount"]),
        2455,
        "half of its share, not 30.00"
    );
    assert_eq!(stock().await, (19, 49, 9));
    let rest = json!({ "lines": [{ "line": 0, "quantity": 1 }, { "line": 1, "quantity": 1 }], "restock": "sellable", "reason": "returned" });
    assert_eq!(minor(&refund(&stall, order, rest).await.value()["amount"]), 6000 - 2455);
    assert_eq!(stock().await, (20, 50, 10));
    // Another goes back whole in one step.
    let order = bought(&stall, &quote).await;
    assert_eq!(stall.ship(order).await.status, 201);
    let whole = json!({ "lines": [{ "line": 0, "quantity": 2 }, { "line": 1, "quantity": 1 }], "restock": "sellable", "reason": "returned" });
    assert_eq!(minor(&refund(&stall, order, whole).await.value()["amount"]), 6000);
    assert_eq!(stock().await, (20, 50, 10));
    stall.invariants().await;
}

#[tokio::test]
async fn f5_what_is_kept_costs_what_it_costs_alone_where_the_buyer_agreed_to_that() {
    let stall = Stall::open(20).await;
    let print = sell(&stall, "Print", 1333, false).await;
    let set = set(&stall, &print, 6500, "reprice").await;
    let one =
        |line: u32, quantity: u32| json!({ "lines": [{ "line": line, "quantity": quantity }], "reason": "returned" });
    // What comes back in this order, and what goes back each time: 65.00 less what the kept ones cost alone.
    for steps in [
        // The print: 65.00 − 60.00. Then a mug: 65.00 − 30.00 − 5.00. Then the last one: the rest.
        [(1, 1, 500), (0, 1, 3000), (0, 1, 3000)],
        // A mug: 65.00 − 43.33. The other: 65.00 − 13.33 − 21.67. The print: the rest.
        [(0, 1, 2167), (0, 1, 3000), (1, 1, 1333)],
    ] {
        let order = bought(&stall, &quoted(&stall, &format!("{}:1", set.variant), "").await).await;
        assert_eq!(stall.ship(order).await.status, 201);
        for (line, quantity, expected) in steps {
            let given = refund(&stall, order, one(line, quantity)).await;
            assert_eq!(
                (given.status, minor(&given.value()["amount"])),
                (201, expected),
                "{}",
                given.text()
            );
        }
        assert_eq!(stall.at_the_processor(order), (6990, 6500));
    }
    stall.invariants().await;
}

/// Whoever gives one part back is charged for the other what it costs alone; if that one never leaves, nothing of it may stay with the shop.
#[tokio::test]
async fn f5_a_part_that_came_back_and_another_that_never_left_cost_nothing_in_the_end() {
    let stall = Stall::open(20).await;
    let print = sell(&stall, "Print", 1333, false).await;
    let set = set(&stall, &print, 6500, "reprice").await;
    // Of what came back 2.00 are kept in the second order: they are kept in the end, and no more than they.
    for (at, deducted) in [(0, 0), (1, 200), (2, 0)] {
        let order = bought(&stall, &quoted(&stall, &format!("{}:1", set.variant), "").await).await;
        stall.work_is_open(order).await;
        let mugs = json!({ "carrier": "DHL", "lines": [{ "line": 0, "quantity": 2 }] });
        let path = format!("/v1/orders/{order}");
        let left = stall.staff.post(&format!("{path}/shipments"), &mugs).await;
        assert_eq!(left.status, 201, "{}", left.text());
        let shares = amounts(&stall.order(order).await["lines"]);
        let said = json!({ "lines": [{ "line": 0, "quantity": 2 }], "name": "B", "email": "buyer@example.com" });
        let stated = stall.staff.post(&format!("{path}/returns"), &said).await.value();
        let receipt = format!("{path}/returns/{}/receipt", stated["id"].as_str().unwrap());
        let came = json!({ "restock": "sellable", "deducted": deducted, "deduction": "A crack." });
        let received = stall.staff.post(&receipt, &came).await;
        // The print, which has not left, is paid with what it costs alone.
        let first = 6500 - 1333 - deducted;
        assert_eq!(received.value()["refunded"]["amount"], first, "{}", received.text());
        assert!(first < shares[0], "{shares:?}");
        // Then it is canceled, by the shop or by a withdrawal.
        let print = json!([{ "line": 1, "quantity": 1 }]);
        let gone = match at {
            2 => {
                let said = json!({ "lines": print, "name": "B", "email": "buyer@example.com" });
                stall.staff.post(&format!("{path}/returns"), &said).await
            }
            _ => {
                let id: hawker::kernel::AdjustmentId = stall.world.app.random.id(stall.world.app.clock.wall());
                let body = json!({ "id": id, "lines": print, "reason": "story" });
                stall.staff.post(&format!("{path}/canceled-units"), &body).await
            }
        };
        assert_eq!(gone.status, 201, "{}", gone.text());
        // Who withdraws from all of it has the delivery back, too.
        let back = shares[0] - deducted + if at == 2 { 490 } else { 0 };
        stall
            .order_becomes(order, "given back", |seen| minor(&seen["refunded"]) == back)
            .await;
    }
    stall.invariants().await;
}

#[tokio::test]
async fn f5_a_bundle_that_goes_back_whole_only_is_not_given_back_in_part() {
    let stall = Stall::open(20).await;
    let print = sell(&stall, "Print", 1333, false).await;
    let set = set(&stall, &print, 6000, "none").await;
    let order = bought(
        &stall,
        &quoted(&stall, &format!("{}:1,{}:1", set.variant, stall.mug), "").await,
    )
    .await;
    assert_eq!(stall.ship(order).await.status, 201);
    let part = json!({ "lines": [{ "line": 0, "quantity": 2 }], "reason": "returned" });
    assert_eq!(
        refund(&stall, order, part).await.refusal(),
        (409, "bundle_goes_back_whole".into())
    );
    // What was not in it goes back as ever; it is the third line.
    let loose = refund(
        &stall,
        order,
        json!({ "lines": [{ "line": 2, "quantity": 1 }], "reason": "returned" }),
    )
    .await;
    assert_eq!(minor(&loose.value()["amount"]), 3000, "{}", loose.text());
    let whole = json!({ "lines": [{ "line": 0, "quantity": 2 }, { "line": 1, "quantity": 1 }], "reason": "returned" });
    let back = refund(&stall, order, whole).await;
    assert_eq!(minor(&back.value()["amount"]), 6000, "{}", back.text());
    stall.invariants().await;
}

/// A part of it that arrived could be received, and then its money could never go back.
#[tokio::test]
async fn f5_a_bundle_that_goes_back_whole_only_is_received_whole_only() {
    let stall = Stall::open(20).await;
    let print = sell(&stall, "Print", 1333, false).await;
    let set = set(&stall, &print, 6000, "none").await;
    let order = bought(&stall, &quoted(&stall, &format!("{}:1", set.variant), "").await).await;
    assert_eq!(stall.ship(order).await.status, 201);
    let path = format!("/v1/orders/{order}/returns");
    let stated = stall
        .staff
        .post(&path, &json!({ "name": "B", "email": "buyer@example.com" }))
        .await;
    let back = format!("{path}/{}", stated.value()["id"].as_str().unwrap());
    let part = json!({ "lines": [{ "line": 0, "quantity": 2 }], "restock": "sellable" });
    let refused = stall.staff.post(&format!("{back}/receipt"), &part).await;
    assert_eq!(refused.refusal(), (409, "bundle_goes_back_whole".into()));
    assert_eq!(stall.staff.get(&path).await.value()["data"][0]["state"], "awaited");
    // A person may take it for whole, and keep what the missing print costs.
    let whole = json!({ "restock": "sellable", "deducted": 1000, "deduction": "The print is missing." });
    let received = stall.staff.post(&format!("{back}/receipt"), &whole).await;
    assert_eq!(
        (&received.value()["state"], minor(&received.value()["refunded"])),
        (&json!("refunded"), 6000 - 1000 + 490),
        "{}",
        received.text()
    );
    stall.invariants().await;
}

#[tokio::test]
async fn d12_a_bundle_that_was_shown_is_sold_as_it_was_shown_and_a_fall_is_passed_on() {
    let stall = Stall::open(20).await;
    let print = sell(&stall, "Print", 1333, false).await;
    let set = set(&stall, &print, 6000, "prorate").await;
    let shown = quoted(&stall, &format!("{}:1", set.variant), "").await;
    let price = |minor: i64| json!({ "amount": minor });
    let path = format!("/v1/variants/{}/prices/EUR", set.variant);
    // Dearer alone, dearer together, made of other things: it is sold as it was shown.
    assert_eq!(
        stall
            .staff
            .put(&format!("/v1/variants/{}/prices/EUR", stall.mug), &price(9900))
            .await
            .status,
        200
    );
    assert_eq!(stall.staff.put(&path, &price(9000)).await.status, 200);
    let order = bought(&stall, &shown).await;
    assert_eq!(amounts(&stall.order(order).await["lines"]), [4910, 1090]);
    assert_eq!(stall.staff.put(&path, &price(3000)).await.status, 200);
    let order = bought(&stall, &shown).await;
    assert_eq!(
        amounts(&stall.order(order).await["lines"]),
        [2455, 545],
        "the same shares of what it costs now"
    );
    stall.invariants().await;
}

#[tokio::test]
async fn what_cannot_be_a_bundle_is_refused_in_words() {
    let stall = Stall::open(5).await;
    let print = sell(&stall, "Print", 1333, false).await;
    let first = set(&stall, &print, 6000, "prorate").await;
    let product = stall.player.get("/v1/products").await.value()["data"]
        .as_array()
        .unwrap()
        .clone();
    let of = |title: &str| product.iter().find(|one| one["title"] == title).unwrap().clone();
    let put = async |id: &Value, version: &Value, parts: Value| {
        let staff = stall.staff.clone().with("if-match", &format!("\"{version}\""));
        let body = json!({ "keep_the_rest": "prorate", "parts": parts });
        staff
            .put(&format!("/v1/products/{}/bundle", id.as_str().unwrap()), &body)
            .await
            .refusal()
    };
    let (mug, bundle) = (of("Mug"), of("Morning set"));
    let part = |variant: &str, quantity: u32| json!([{ "variant": variant, "quantity": quantity }]);
    assert_eq!(
        put(&mug["id"], &mug["version"], part(&print, 1)).await,
        (409, "has_stock".into())
    );
    assert_eq!(
        put(&bundle["id"], &bundle["version"], part(&first.variant, 1)).await,
        (409, "nested_bundle".into())
    );
    assert_eq!(
        put(&bundle["id"], &bundle["version"], part(&print, 0)).await,
        (422, "invalid_field".into())
    );
    assert_eq!(
        put(&bundle["id"], &json!(1), part(&print, 1)).await,
        (412, "stale".into())
    );
    let foreign = "var_01h455vb4pex5vsknk084sn02q";
    assert_eq!(
        put(&bundle["id"], &bundle["version"], part(foreign, 1)).await,
        (409, "not_for_sale".into())
    );
    assert_eq!(first.product, bundle["id"].as_str().unwrap());
}

#[tokio::test]
async fn a_bundle_is_seen_chosen_and_bought_without_scripts_and_the_desk_works_out_an_example() {
    let stall = Stall::open(6).await;
    let print = sell(&stall, "Print", 1333, false).await;
    let set = set(&stall, &print, 6000, "prorate").await;
    let browser = stall.world.browser();
    let seen = browser
        .get(&format!("/s/{}/products/{}", stall.shop.slug, set.slug))
        .await
        .text();
    assert!(
        seen.contains("What is in it") && seen.contains("2 × Mug") && seen.contains("1 × Print"),
        "{seen}"
    );
    let path = format!("/s/{}/checkout", stall.shop.slug);
    let form = browser.get(&format!("{path}?lines={}:1", set.variant)).await.text();
    assert!(
        form.contains("Morning set")
            && form.contains("2 × Mug, 1 × Print")
            && form.contains("Pay €64.90")
            && form.contains("Morning set: Parts of it can go back alone"),
        "{form}"
    );
    let two = [
        (format!("quantity-{}", set.variant), "2".to_owned()),
        ("step".to_owned(), "quote".to_owned()),
    ];
    let two: Vec<(&str, &str)> = two
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let shown = send(&browser, &path, &fields(&form, &two)).await.text();
    assert!(
        shown.contains("4 × Mug, 2 × Print") && shown.contains("Pay €124.90"),
        "{shown}"
    );
    let buyer = [
        ("email", "jo@example.com"),
        ("name", "Jo"),
        ("line1", "Street 1"),
        ("postal_code", "10115"),
        ("city", "Berlin"),
        ("payment", "card:tok_visa"),
        ("step", "pay"),
    ];
    let paid = send(&browser, &path, &fields(&shown, &buyer)).await;
    assert_eq!(paid.status, 303, "{}", paid.text());
    let receipt = paid.header("location").unwrap();
    let order = browser.get(&receipt[receipt.find("/s/").unwrap()..]).await.text();
    assert!(
        order.contains("in “Morning set”") && order.contains("€124.90"),
        "{order}"
    );
    let desk = &stall.staff;
    let page = format!("/studio/{}/products/{}/bundle", stall.shop.slug, set.product);
    let seen = desk.get(&page).await.text();
    assert!(
        seen.contains("1 can be made of what is there") && seen.contains("€49.10") && seen.contains("€10.90"),
        "{seen}"
    );
    let version = {
        let start = seen.find("name=\"version\" value=\"").unwrap() + 22;
        seen[start..start + seen[start..].find('"').unwrap()].to_owned()
    };
    let mug = stall.mug.to_string();
    let form = [
        ("version", version.as_str()),
        ("variant", mug.as_str()),
        ("quantity", "1"),
        ("variant", print.as_str()),
        ("quantity", "3"),
        ("variant", ""),
        ("quantity", ""),
        ("keep", "reprice"),
    ];
    let mut example = form.to_vec();
    example.push(("do", "example"));
    let worked = desk.form(&page, &example).await.text();
    // 60.00 − 39.99 for the kept prints; 60.00 − 30.00 for the kept mug.
    assert!(
        worked.contains("Only 1 × Mug comes back: €20.01 go back.")
            && worked.contains("Only 3 × Print comes back: €30.00"),
        "{worked}"
    );
    assert_eq!(desk.form(&page, &form).await.status, 303);
    let quote = quoted(&stall, &format!("{}:1", set.variant), "").await;
    assert_eq!(quote["lines"][1]["quantity"], 3, "{quote}");
    stall.invariants().await;
}
