//! What a refund is said to give back is what every account then gives: leg by leg.

use crate::bank::eventually;
use crate::bundles::set;
use crate::buying::{Stall, tap_body};
use crate::discounts::{euros, minor, percent, quoted, refund, sell, with_code};
use hawker::checkout::{self, RefundLines, RefundWhat, Ship};
use hawker::inventory::Restock;
use hawker::kernel::{OrderId, TransferId};
use hawker::ledger::{self, AccountKind};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A leg as an account sheet names it: who gives how much, why, and where it goes.
type Named = (String, String, i64, String);

/// Everybody who can have a part of a sale: two creators, a brand, an affiliate, a packer, a courier and the platform.
async fn agree(stall: &Stall, title: &str, fee: &Value) {
    let mut parties = Vec::new();
    for kind in ["creator", "brand", "affiliate", "fulfilment", "courier"] {
        let new = json!({ "kind": kind, "name": format!("{title} {kind}") });
        let made = stall.staff.post("/v1/parties", &new).await;
        assert_eq!(made.status, 201, "{}", made.text());
        parties.push(made.value()["id"].clone());
    }
    let fee = match fee.as_str() {
        Some("affiliate") => json!({ "party": parties[2] }),
        _ => fee.clone(),
    };
    let terms = json!({ "remainder": parties[0], "processor_fee": fee, "platform_fee_bp": 533, "delivery": parties[4],
        "shares": [{ "party": parties[1], "part": { "portion": 2717 } }, { "party": parties[2], "part": { "portion": 1111 } }],
        "fulfilment": { "party": parties[3], "per_unit": { "amount": 111, "currency": "EUR" } } });
    let drawn = stall
        .staff
        .post("/v1/contracts", &json!({ "name": title, "terms": terms }))
        .await;
    assert_eq!(drawn.status, 201, "{}", drawn.text());
    let contract = drawn.value()["id"].clone();
    let products = stall.player.get("/v1/products").await.value();
    for product in products["data"].as_array().unwrap() {
        let id = product["id"].as_str().unwrap();
        let version = stall.staff.get(&format!("/v1/products/{id}/draft")).await.value()["version"].clone();
        let staff = stall.staff.clone().with("if-match", &format!("\"{version}\""));
        let put = staff
            .put(&format!("/v1/products/{id}/contract"), &json!({ "contract": contract }))
            .await;
        assert_eq!(put.status, 200, "{}", put.text());
    }
}

/// The legs that were posted of an order's money on its way back.
async fn posted(stall: &Stall, order: OrderId) -> Vec<(TransferId, Vec<Named>)> {
    let shop = stall.shop.id;
    let all = stall
        .world
        .app
        .db
        .read(move |tx| ledger::transfers_of_order(tx, shop, order));
    let back = all
        .await
        .unwrap()
        .into_iter()
        .filter(|transfer| ["refund", "gift_card_return"].contains(&transfer.source_kind.as_str()));
    back.map(|transfer| {
        let legs = transfer.legs.iter().map(|leg| {
            (
                format!("{:?}", leg.debit.key),
                format!("{:?}", leg.credit.key.kind),
                leg.minor,
                leg.purpose.clone(),
            )
        });
        (transfer.id, legs.collect())
    })
    .collect()
}

#[tokio::test]
async fn l3_a_refunds_preview_is_exactly_the_legs_that_are_posted() {
    let (mut compared, mut kinds) = (0, BTreeSet::new());
    for (round, fee) in [
        json!("remainder"),
        json!("platform"),
        json!("everyone"),
        json!("affiliate"),
    ]
    .iter()
    .enumerate()
    {
        let stall = Stall::open(40).await;
        let print = sell(&stall, "Print", 1333, false).await;
        let book = sell(&stall, "Book", 995, true).await;
        let rates = json!({ "rates": [{ "country": "DE", "category": "standard", "rate_bp": 1900 }, { "country": "DE", "category": "reduced", "rate_bp": 700 }] });
        assert_eq!(stall.staff.put("/v1/tax-rates", &rates).await.status, 200);
        let keep = ["prorate", "reprice"][round % 2];
        let bundle = set(&stall, &print, 6001, keep).await;
        agree(&stall, &format!("Terms {round}"), fee).await;
        with_code(&stall, "SEVEN", percent(7)).await;
        with_code(&stall, "ODD", euros(777)).await;
        for (code, card) in [("", 0), ("SEVEN", 1777), ("ODD", 0)] {
            let lines = format!("{}:1,{book}:3,{}:1", bundle.variant, stall.mug);
            let quote = quoted(&stall, &lines, code).await;
            let mut body = tap_body(&quote, "tok_visa");
            if card > 0 {
                let issue = json!({ "amount": { "amount": card, "currency": "EUR" }, "reason": "sold" });
                let issued = stall.staff.post("/v1/gift-cards", &issue).await.value();
                body["gift_card"] = json!({ "code": issued["code"] });
            }
            let bought = stall
                .player
                .put(&format!("/v1/checkouts/{}", stall.checkout()), &body)
                .await;
            assert_eq!(bought.value()["state"], "completed", "{}", bought.text());
            let order: OrderId = bought.value()["order"]["id"].as_str().unwrap().parse().unwrap();
            assert_eq!(stall.ship(order).await.status, 201);
            stall
                .order_becomes(order, "paid", |seen| seen["payment"] == "captured")
                .await;
            let units = |line: u32, quantity: u32| {
                let units = vec![Ship { line, quantity }];
                let lines = RefundLines {
                    units,
                    restock: Some(Restock::Sellable),
                    ..RefundLines::default()
                };
                let body = json!({ "lines": [{ "line": line, "quantity": quantity }], "restock": "sellable", "reason": "returned" });
                (RefundWhat::Lines(lines), body)
            };
            // A unit, an amount of nothing in particular, a part of the bundle, two units and the delivery, and all that is left.
            let (what, mut with_delivery) = units(2, 2);
            let RefundWhat::Lines(mut lines) = what else {
                panic!("lines")
            };
            lines.delivery = true;
            with_delivery["delivery"] = json!(true);
            let refunds = [
                units(2, 1),
                (RefundWhat::Amount(777), json!({ "amount": 777, "reason": "sorry" })),
                units(0, 1),
                (RefundWhat::Lines(lines), with_delivery),
                units(1, 1),
                (RefundWhat::Everything, json!({ "reason": "the rest" })),
            ];
            for (what, body) in refunds {
                let shop = stall.shop.id;
                let before: BTreeSet<TransferId> = posted(&stall, order).await.into_iter().map(|(id, _)| id).collect();
                let wish = what.clone();
                let plan = stall
                    .world
                    .app
                    .db
                    .read(move |tx| checkout::preview_refund(tx, shop, order, &wish));
                let plan = match plan.await {
                    Ok(plan) => plan.unwrap(),
                    // A part that is kept costs more alone than all of it: nothing goes back for the other.
                    Err(error) => {
                        assert_eq!(refund(&stall, order, body).await.refusal().1, error.code);
                        continue;
                    }
                };
                let by_processor = plan
                    .by_processor
                    .iter()
                    .flat_map(|plan| &plan.legs)
                    .map(|leg| (leg, AccountKind::ProcessorClearing));
                let onto_card = plan
                    .onto_gift_card
                    .iter()
                    .map(|leg| (leg, AccountKind::GiftCardLiability));
                let mut said: Vec<Named> = by_processor
                    .chain(onto_card)
                    .map(|(leg, to)| {
                        (
                            format!("{:?}", leg.account),
                            format!("{to:?}"),
                            leg.minor,
                            leg.purpose.name().to_owned(),
                        )
                    })
                    .collect();
                said.sort();
                let made = refund(&stall, order, body).await;
                assert_eq!(made.status, 201, "{}", made.text());
                assert_eq!(minor(&made.value()["amount"]), plan.amount.minor);
                let mut happened: Vec<Named> = eventually(async || {
                    let all = posted(&stall, order).await.into_iter();
                    let legs: Vec<Named> = all
                        .filter(|(id, _)| !before.contains(id))
                        .flat_map(|(_, legs)| legs)
                        .collect();
                    (legs.len() == said.len()).then_some(legs)
                })
                .await;
                happened.sort();
                assert_eq!(said, happened, "round {round}, code {code:?}, {what:?}");
                assert_eq!(
                    said.iter().map(|(_, _, minor, _)| minor).sum::<i64>(),
                    plan.amount.minor
                );
                compared += 1;
                kinds.extend(said.into_iter().map(|(_, to, _, why)| format!("{why} {to}")));
            }
        }
        stall.invariants().await;
    }
    assert!(compared > 50, "{compared}");
    for why in ["tax", "delivery", "share", "fulfilment", "platform"] {
        assert!(kinds.iter().any(|kind| kind.contains(why)), "{why}: {kinds:?}");
    }
}
