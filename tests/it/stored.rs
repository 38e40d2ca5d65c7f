//! Cards that buyers had kept: agreed to, used again in one tap, offered once more right after a purchase, forgotten. And what somebody gets who
//! has only the device, only the link, or only the database.

use crate::bank::{eventually, state};
use crate::buying::{Stall, tap_body};
use crate::harness::{Answer, Client};
use hawker::config::MoreProcessor;
use hawker::kernel::CheckoutId;
use hawker::payments::sandbox::{Payment, Sandbox};
use serde_json::{Value, json};
use std::sync::Arc;

const ADDRESS: &str = "B. Uyer";

/// A browser on the shop's own page, with a secret of its own.
async fn browser(stall: &Stall) -> Client {
    let page = stall.player.clone().with("sec-fetch-site", "same-origin");
    let answer = page.put("/v1/buyer", &Value::Null).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    let cookie = answer.header("set-cookie").expect("a cookie").to_owned();
    for part in [
        "__Host-hawker-buyer=",
        "HttpOnly",
        "Secure",
        "SameSite=Lax",
        "Path=/",
        "Max-Age=34560000",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    page.with("cookie", cookie.split(';').next().unwrap())
}

/// The whole purchase of one mug, with the card kept.
async fn keeps(stall: &Stall, browser: &Client, token: &str) -> (CheckoutId, Answer) {
    let (id, quote) = (stall.checkout(), stall.quote(1).await);
    let mut body = tap_body(&quote, token);
    body["payment"]["keep"] = true.into();
    (id, browser.put(&format!("/v1/checkouts/{id}"), &body).await)
}

async fn kept(browser: &Client) -> Vec<Value> {
    let answer = browser.get("/v1/stored-methods").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.value()["data"].as_array().unwrap().clone()
}

/// One tap with the card that is kept.
async fn one_tap(stall: &Stall, browser: &Client, id: CheckoutId, method: &Value) -> Answer {
    let quote = stall.quote(1).await;
    let body = json!({ "quote": quote["quote"], "payment": { "method": "card", "stored": method } });
    browser.put(&format!("/v1/checkouts/{id}"), &body).await
}

fn payments(stall: &Stall) -> Vec<Payment> {
    let sandbox = stall.sandbox();
    let books = sandbox.books();
    let mut all: Vec<Payment> = books.payments().cloned().collect();
    all.reverse();
    all
}

#[tokio::test]
async fn a_card_is_kept_when_its_buyer_agrees_and_buys_again_in_one_tap() {
    let stall = Stall::open(5).await;
    let browser = browser(&stall).await;
    assert!(kept(&browser).await.is_empty());
    let (first, bought) = keeps(&stall, &browser, "tok_visa").await;
    assert_eq!(state(&bought), (201, "completed".into()), "{}", bought.text());

    let cards = kept(&browser).await;
    assert_eq!(cards.len(), 1, "{cards:?}");
    let card = &cards[0];
    assert_eq!(
        (
            card["last_four"].as_str(),
            card["brand"].as_str(),
            card["card_expires"].as_str()
        ),
        (Some("4242"), Some("visa"), Some("2030-08"))
    );
    assert_eq!(card["checkout"], first.to_string());
    assert_eq!(card["address"]["name"], ADDRESS);
    let shown = card.to_string();
    assert!(
        !shown.contains("pm_") && !shown.contains("cus_") && !shown.contains("tok_"),
        "{shown}"
    );

    let id = stall.checkout();
    let again = one_tap(&stall, &browser, id, &card["id"]).await;
    assert_eq!(state(&again), (201, "completed".into()), "{}", again.text());
    assert!(
        again.header("set-cookie").is_some(),
        "its time begins anew, in the browser too"
    );
    let order: hawker::kernel::OrderId = again.value()["order"]["id"].as_str().unwrap().parse().unwrap();
    let seen = stall.order(order).await;
    assert_eq!(
        (seen["contact"]["email"].as_str(), seen["address"]["name"].as_str()),
        (Some("buyer@example.com"), Some(ADDRESS)),
        "what the card was kept with"
    );
    let booked = payments(&stall);
    assert_eq!(booked.len(), 2);
    assert_eq!(
        booked[1].method, booked[0].made,
        "the token that the first payment left behind"
    );
    assert!(booked[0].keep && !booked[1].keep && booked[0].customer == booked[1].customer);
    stall.invariants().await;
}

#[tokio::test]
async fn p22_a_double_tap_with_a_kept_card_buys_once() {
    let stall = Stall::open(5).await;
    let browser = browser(&stall).await;
    keeps(&stall, &browser, "tok_visa").await;
    let card = kept(&browser).await[0]["id"].clone();
    let (id, quote) = (stall.checkout(), stall.quote(1).await);
    let body = json!({ "quote": quote["quote"], "payment": { "method": "card", "stored": card } });
    let path = format!("/v1/checkouts/{id}");
    let (one, two, three) = tokio::join!(
        browser.put(&path, &body),
        browser.put(&path, &body),
        browser.put(&path, &body)
    );
    for answer in [&one, &two, &three] {
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
    }
    assert_eq!(state(&browser.put(&path, &body).await), (200, "completed".into()));
    assert_eq!((stall.charged(), stall.left().await), (2, (3, 0)));
    stall.invariants().await;
}

#[tokio::test]
async fn nothing_is_kept_of_a_buyer_who_did_not_agree() {
    let stall = Stall::open(5).await;
    let browser = browser(&stall).await;
    let quote = stall.quote(1).await;
    let plain = browser
        .put(
            &format!("/v1/checkouts/{}", stall.checkout()),
            &tap_body(&quote, "tok_visa"),
        )
        .await;
    assert_eq!(state(&plain), (201, "completed".into()));
    assert!(kept(&browser).await.is_empty());
    assert!(
        payments(&stall)
            .iter()
            .all(|payment| !payment.keep && payment.customer.is_empty())
    );

    // Without a secret to keep it under nothing begins; a foreign page cannot get one.
    let page = stall.player.clone().with("sec-fetch-site", "same-origin");
    let (id, answer) = keeps(&stall, &page, "tok_visa").await;
    assert_eq!(answer.refusal(), (409, "no_buyer".into()));
    assert_eq!(page.get(&format!("/v1/checkouts/{id}")).await.status, 404);
    let foreign = stall.player.clone().with("sec-fetch-site", "cross-site");
    let given = foreign.put("/v1/buyer", &Value::Null).await;
    assert_eq!(
        (given.refusal(), given.header("set-cookie")),
        ((409, "foreign_page".into()), None)
    );

    // Whoever is declined and then pays without the tick had nothing kept either.
    let quote = stall.quote(1).await;
    let mut body = tap_body(&quote, "tok_declined");
    body["payment"]["keep"] = true.into();
    let id = stall.checkout();
    let declined = browser.put(&format!("/v1/checkouts/{id}"), &body).await;
    assert_eq!(declined.status, 402);
    let secret = declined.value()["checkout"]["client_secret"]
        .as_str()
        .unwrap()
        .to_owned();
    let paid = browser
        .clone()
        .with("hawker-checkout-secret", &secret)
        .post(
            &format!("/v1/checkouts/{id}/payment"),
            &json!({ "method": "card", "token": "tok_visa" }),
        )
        .await;
    assert_eq!(state(&paid), (200, "completed".into()), "{}", paid.text());
    assert!(kept(&browser).await.is_empty());
    assert_eq!((stall.charged(), stall.left().await), (2, (3, 0)));
    stall.invariants().await;
}

#[tokio::test]
async fn t6_a_kept_card_is_of_use_to_its_browser_at_its_shop_and_to_nobody_else() {
    let stall = Stall::open(5).await;
    let owner = browser(&stall).await;
    keeps(&stall, &owner, "tok_visa").await;
    let card = kept(&owner).await[0]["id"].clone();
    let gone = (409, "stored_method_gone".to_owned());

    // Another browser that knows the name; the same browser's requests from a foreign page; a cookie that is no secret; no cookie.
    let stranger = browser(&stall).await;
    let foreign = owner.clone().with("sec-fetch-site", "cross-site");
    let guess = owner
        .clone()
        .with("cookie", &format!("__Host-hawker-buyer={}", "A".repeat(43)));
    let bare = owner.clone().without("cookie");
    for client in [&stranger, &foreign, &guess, &bare] {
        let answer = one_tap(&stall, client, stall.checkout(), &card).await;
        assert_eq!(answer.refusal(), gone, "{}", answer.text());
        assert_eq!(
            client
                .delete(&format!("/v1/stored-methods/{}", card.as_str().unwrap()))
                .await
                .status,
            404
        );
    }
    for client in [&stranger, &guess, &bare] {
        assert!(kept(client).await.is_empty());
    }
    // The same browser at the neighbour's.
    let other = stall.world.shop("Neighbour").await;
    let neighbour = owner
        .clone()
        .with("authorization", &format!("Bearer {}", other.publishable_key));
    assert!(kept(&neighbour).await.is_empty());
    assert_eq!(
        neighbour
            .delete(&format!("/v1/stored-methods/{}", card.as_str().unwrap()))
            .await
            .status,
        404
    );
    assert_eq!(
        (stall.charged(), stall.left().await),
        (1, (4, 0)),
        "none of it took anything"
    );
    assert_eq!(kept(&owner).await.len(), 1);

    // Who holds the device can send to its owner, and nowhere else.
    let quote = stall.quote(1).await;
    let mut body = json!({ "quote": quote["quote"], "payment": { "method": "card", "stored": card } });
    body["address"] =
        json!({ "name": "T. Hief", "line1": "Street 2", "postal_code": "10115", "city": "Berlin", "country": "DE" });
    let id = stall.checkout();
    let elsewhere = owner.put(&format!("/v1/checkouts/{id}"), &body).await;
    assert_eq!(elsewhere.refusal(), (409, "stored_method_elsewhere".into()));
    // Nor by way of a checkout that was begun with another address.
    body["contact"] = json!({ "email": "thief@example.com" });
    body.as_object_mut().unwrap().remove("payment");
    let begun = owner.put(&format!("/v1/checkouts/{id}"), &body).await;
    assert_eq!(begun.status, 201, "{}", begun.text());
    let secret = begun.value()["client_secret"].as_str().unwrap().to_owned();
    let paid = owner
        .clone()
        .with("hawker-checkout-secret", &secret)
        .post(
            &format!("/v1/checkouts/{id}/payment"),
            &json!({ "method": "card", "stored": card }),
        )
        .await;
    assert_eq!(
        paid.refusal(),
        (409, "stored_method_elsewhere".into()),
        "{}",
        paid.text()
    );
    assert_eq!(stall.charged(), 1);
    stall.invariants().await;
}

#[tokio::test]
async fn i36_the_database_holds_neither_the_secret_nor_a_number() {
    let stall = Stall::open(5).await;
    let browser = browser(&stall).await;
    let (_, bought) = keeps(&stall, &browser, "tok_visa").await;
    assert_eq!(bought.status, 201);
    let cards = kept(&browser).await;
    if !stall.world.is_sqlite() {
        return; // The files are the server's.
    }
    let secret = browser.header("cookie").split_once('=').unwrap().1.to_owned();
    assert_eq!(secret.len(), 43);
    let data = &stall.world.config.data;
    let files = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    let mut seen_the_card = false;
    for file in files.filter(|path| path.is_file() && !path.ends_with("sandbox.journal")) {
        let bytes = std::fs::read(&file).unwrap();
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!holds(&secret), "{}", file.display());
        assert!(!holds("4242424242424242"), "{}", file.display());
        seen_the_card |= holds("2030-08");
    }
    assert!(seen_the_card, "the search finds what is there: {cards:?}");
}

#[tokio::test]
async fn a_kept_card_that_is_declined_leaves_everything_for_another_way_to_pay() {
    let stall = Stall::open(5).await;
    let browser = browser(&stall).await;
    keeps(&stall, &browser, "tok_fades").await;
    let card = kept(&browser).await[0].clone();
    assert_eq!(card["last_four"], "0341");
    let id = stall.checkout();
    let declined = one_tap(&stall, &browser, id, &card["id"]).await;
    assert_eq!(declined.refusal(), (402, "declined".into()), "{}", declined.text());
    let checkout = &declined.value()["checkout"];
    assert_eq!(
        (checkout["state"].as_str(), checkout["needs"].clone()),
        (Some("ready_for_complete"), json!(["payment"]))
    );
    assert_eq!(stall.left().await, (3, 1), "the piece is still theirs");
    let secret = checkout["client_secret"].as_str().unwrap().to_owned();
    let paid = browser
        .clone()
        .with("hawker-checkout-secret", &secret)
        .post(
            &format!("/v1/checkouts/{id}/payment"),
            &json!({ "method": "card", "token": "tok_visa" }),
        )
        .await;
    assert_eq!(state(&paid), (200, "completed".into()), "{}", paid.text());
    assert_eq!((stall.charged(), stall.left().await), (2, (3, 0)));
    stall.invariants().await;
}

#[tokio::test]
async fn p8_a_card_whose_bank_asks_back_is_kept_when_the_buyer_never_comes_back_and_asks_back_again() {
    let stall = Stall::open(5).await;
    let browser = browser(&stall).await;
    let (id, at_the_bank) = keeps(&stall, &browser, "tok_3ds").await;
    assert_eq!(state(&at_the_bank), (201, "requires_escalation".into()));
    assert!(kept(&browser).await.is_empty(), "nothing is kept before it is paid");
    let sandbox = stall.sandbox();
    let payment = payments(&stall)[0].id.clone();
    sandbox.answer_challenge(&payment, true).unwrap();
    let secret = at_the_bank.value()["client_secret"].as_str().unwrap().to_owned();
    let reader = browser.clone().with("hawker-checkout-secret", &secret);
    let done = eventually(|| async {
        let now = reader.get(&format!("/v1/checkouts/{id}")).await;
        (state(&now).1 == "completed").then_some(now)
    })
    .await;
    assert_eq!(done.status, 200);
    let cards = kept(&browser).await;
    assert_eq!(
        cards[0]["last_four"], "3155",
        "who looks at the order has the card kept by then"
    );
    let again = one_tap(&stall, &browser, stall.checkout(), &cards[0]["id"]).await;
    assert_eq!(
        state(&again),
        (201, "requires_escalation".into()),
        "the bank may ask every time"
    );
    assert!(
        again.value()["next_action"]["url"]
            .as_str()
            .unwrap()
            .contains("/sandbox/3ds/")
    );
    stall.invariants().await;
}

#[tokio::test]
async fn a_forgotten_card_pays_nothing_from_that_moment_on_and_the_processor_lets_go_of_it() {
    let stall = Stall::open(5).await;
    let browser = browser(&stall).await;
    keeps(&stall, &browser, "tok_visa").await;
    let card = kept(&browser).await[0]["id"].clone();
    let (id, quote) = (stall.checkout(), stall.quote(1).await);
    let tap = json!({ "quote": quote["quote"], "payment": { "method": "card", "stored": card } });
    let bought = browser.put(&format!("/v1/checkouts/{id}"), &tap).await;
    assert_eq!(state(&bought), (201, "completed".into()), "{}", bought.text());
    let path = format!("/v1/stored-methods/{}", card.as_str().unwrap());
    assert_eq!(browser.delete(&path).await.status, 204);
    let again = browser.put(&format!("/v1/checkouts/{id}"), &tap).await;
    assert_eq!(
        state(&again),
        (200, "completed".into()),
        "a lost answer is told again: {}",
        again.text()
    );
    assert_eq!(browser.delete(&path).await.status, 404, "there is none any more");
    assert!(kept(&browser).await.is_empty());
    let refused = one_tap(&stall, &browser, stall.checkout(), &card).await;
    assert_eq!(refused.refusal(), (409, "stored_method_gone".into()));
    let sandbox = stall.sandbox();
    let token = payments(&stall)[0].made.clone();
    eventually(|| async {
        sandbox
            .books()
            .method(&token)
            .unwrap()
            .customer
            .is_empty()
            .then_some(())
    })
    .await;
    stall.invariants().await;
}

#[tokio::test]
async fn p3_what_the_processor_could_not_say_at_once_is_asked_again_until_the_card_is_kept() {
    let stall = Stall::open(5).await;
    let browser = browser(&stall).await;
    let (id, at_the_bank) = keeps(&stall, &browser, "tok_3ds").await;
    stall.weather("lost=1000");
    stall.sandbox().answer_challenge(&payments(&stall)[0].id, true).unwrap();
    let secret = at_the_bank.value()["client_secret"].as_str().unwrap().to_owned();
    let reader = browser.clone().with("hawker-checkout-secret", &secret);
    eventually(|| async { (state(&reader.get(&format!("/v1/checkouts/{id}")).await).1 == "completed").then_some(()) })
        .await;
    assert!(kept(&browser).await.is_empty(), "nobody has said yet which token it is");
    stall.weather("");
    eventually(|| async { (kept(&browser).await.len() == 1).then_some(()) }).await;
    stall.invariants().await;
}

#[tokio::test]
async fn a_browser_keeps_five_cards_at_a_shop_and_the_least_used_one_goes() {
    let stall = Stall::open(7).await;
    let browser = browser(&stall).await;
    let mut all = Vec::new();
    for _ in 0..6 {
        let (id, answer) = keeps(&stall, &browser, "tok_visa").await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        all.push(id.to_string());
    }
    let cards = kept(&browser).await;
    let left: Vec<&str> = cards.iter().map(|card| card["checkout"].as_str().unwrap()).collect();
    let newest: Vec<&str> = all.iter().rev().take(5).map(String::as_str).collect();
    assert_eq!(left, newest);
}

#[tokio::test]
async fn a_card_nobody_used_for_long_forgets_itself() {
    let stall = Stall::open(5).await;
    if !stall.world.is_sqlite() {
        return; // There the time is the database's.
    }
    let browser = browser(&stall).await;
    keeps(&stall, &browser, "tok_visa").await;
    assert_eq!(kept(&browser).await.len(), 1);
    let sandbox = stall.sandbox();
    let token = payments(&stall)[0].made.clone();
    stall.world.clock.advance(401 * 86_400);
    eventually(|| async { kept(&browser).await.is_empty().then_some(()) }).await;
    eventually(|| async {
        sandbox
            .books()
            .method(&token)
            .unwrap()
            .customer
            .is_empty()
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_kept_card_is_sent_to_its_own_vault_and_to_nobody_else() {
    let stall = Stall::open_with(5, |config| {
        config.more_processors = vec![MoreProcessor {
            name: "sandbox-b".into(),
            address: "sandbox-single".into(),
            ..MoreProcessor::default()
        }];
    })
    .await;
    let browser = browser(&stall).await;
    // The first processor does not honour this card, the second does and keeps it.
    let (_, bought) = keeps(&stall, &browser, "tok_choosy").await;
    assert_eq!(state(&bought), (201, "completed".into()), "{}", bought.text());
    let card = kept(&browser).await[0]["id"].clone();
    let all: Vec<Arc<Sandbox>> = Sandbox::all(&stall.world.app);
    let asked = |sandbox: &Arc<Sandbox>| sandbox.books().payments().count();
    assert_eq!((asked(&all[0]), asked(&all[1])), (1, 1));
    let again = one_tap(&stall, &browser, stall.checkout(), &card).await;
    assert_eq!(state(&again), (201, "completed".into()), "{}", again.text());
    assert_eq!((asked(&all[0]), asked(&all[1])), (1, 2));

    // A rule that does not name it leaves nobody who could open the card.
    let owner = stall
        .staff
        .clone()
        .with("accept", "application/json")
        .with("if-match", "\"0\"");
    let rules = json!({ "rules": [{ "name": "Home", "choice": { "order": ["sandbox"] } }] });
    assert_eq!(owner.put("/v1/routing", &rules).await.status, 200);
    let refused = one_tap(&stall, &browser, stall.checkout(), &card).await;
    assert_eq!(
        refused.refusal(),
        (409, "method_not_offered".into()),
        "{}",
        refused.text()
    );
    assert_eq!(stall.left().await, (3, 0));
    stall.invariants().await;
}

// Right after a purchase --------------------------------------------------------------------------------------------------------

/// The stall with a clip that shows the mug at its first second and a print at its third.
struct Clip {
    stall: Stall,
    browser: Client,
    clip: Value,
    mug_anchor: Value,
    print: Value,
}

impl Clip {
    async fn open() -> Self {
        let stall = Stall::open(5).await;
        let owner = stall.staff.clone().with("accept", "application/json");
        let print = json!({ "title": "Glaze recipes", "kind": "digital",
            "variants": [{ "title": "", "price": { "amount": 900, "currency": "EUR" } }] });
        let product = made(&owner.post("/v1/products", &print).await)["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let draft = owner.get(&format!("/v1/products/{product}/draft")).await.value();
        let variant = draft["variants"][0]["id"].clone();
        let seen = format!("\"{}\"", draft["version"]);
        let active = owner.clone().with("if-match", &seen);
        let active = active
            .patch(&format!("/v1/products/{product}"), &json!({ "state": "active" }))
            .await;
        assert_eq!(active.status, 200, "{}", active.text());
        let stock = owner
            .put(
                &format!("/v1/variants/{}/stock", variant.as_str().unwrap()),
                &json!({ "on_hand": 10 }),
            )
            .await;
        assert_eq!(stock.status, 200, "{}", stock.text());

        let film = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/media/clip.mp4")).unwrap();
        let media = owner
            .send(hyper::Method::POST, "/v1/media", Some("video/mp4"), film.into())
            .await;
        let clip = made(
            &owner
                .post(
                    "/v1/clips",
                    &json!({ "title": "From the wheel", "media": made(&media)["id"] }),
                )
                .await,
        );
        let path = format!("/v1/clips/{}", clip["id"].as_str().unwrap());
        for (at, variant) in [(0, json!(stall.mug)), (600, variant.clone())] {
            let version = owner.get(&format!("{path}/draft")).await.value()["version"].clone();
            let anchor =
                json!({ "kind": "product_card", "start_ms": at, "end_ms": at + 500, "variant": variant, "copy": {} });
            let added = owner
                .clone()
                .with("if-match", &format!("\"{version}\""))
                .post(&format!("{path}/anchors"), &anchor)
                .await;
            assert!(added.status < 300, "{}", added.text());
        }
        let published = owner
            .send(
                hyper::Method::POST,
                &format!("{path}/publication"),
                None,
                Default::default(),
            )
            .await;
        assert!(published.status < 300, "{}", published.text());
        let shown = stall.player.get(&path).await.value();
        let anchors = match shown["anchors"].as_array() {
            Some(anchors) => anchors.clone(),
            None => owner.get(&format!("{path}/draft")).await.value()["anchors"]
                .as_array()
                .unwrap()
                .clone(),
        };
        let mug_anchor = anchors.iter().find(|anchor| anchor["start_ms"] == 0).unwrap()["id"].clone();
        let browser = browser(&stall).await;
        Self {
            clip: shown,
            mug_anchor,
            print: variant,
            browser,
            stall,
        }
    }

    async fn quote(&self, variant: &Value, seen: bool) -> Value {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut path = format!("/v1/quotes?lines={}:1&country=DE", text(variant));
        if seen {
            path += &format!(
                "&clip={}&version={}&anchor={}&at_ms=100",
                text(&self.clip["id"]),
                self.clip["version"],
                text(&self.mug_anchor)
            );
        }
        let answer = self.stall.player.get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.value()
    }

    /// Buys the mug from the clip.
    async fn buys(&self, token: &str, keep: bool) -> (CheckoutId, Answer) {
        let quote = self.quote(&json!(self.stall.mug), true).await;
        let mut body = tap_body(&quote, token);
        if keep {
            body["payment"]["keep"] = true.into();
        }
        let id = self.stall.checkout();
        (id, self.browser.put(&format!("/v1/checkouts/{id}"), &body).await)
    }

    async fn adds(&self, id: CheckoutId, first: CheckoutId, stored: &Value) -> Answer {
        let quote = self.quote(&self.print, false).await;
        let body =
            json!({ "quote": quote["quote"], "after": first, "payment": { "method": "card", "stored": stored } });
        self.browser.put(&format!("/v1/checkouts/{id}"), &body).await
    }
}

fn made(answer: &Answer) -> Value {
    assert!(answer.status < 300, "{} {}", answer.status, answer.text());
    answer.value()
}

#[tokio::test]
async fn p22_what_the_clip_shows_next_is_added_with_the_card_that_has_just_paid_once() {
    let clip = Clip::open().await;
    let (first, bought) = clip.buys("tok_visa", true).await;
    assert_eq!(state(&bought), (201, "completed".into()), "{}", bought.text());
    let next = bought.value()["order"]["next"].clone();
    assert_eq!(next["variant"], clip.print, "{}", bought.text());
    let id = clip.stall.checkout();
    let added = clip.adds(id, first, &next["stored"]).await;
    assert_eq!(state(&added), (201, "completed".into()), "{}", added.text());
    assert_eq!(added.value()["total"]["amount"], 900);
    assert_eq!(
        added.value()["order"].get("next"),
        None,
        "the mug is bought, nothing is left"
    );

    // Its own checkout, its own promise, its own order; linked to the first.
    let order = added.value()["order"]["id"].as_str().unwrap().to_owned();
    let owner = clip.stall.staff.clone().with("accept", "application/json");
    let seen = made(&owner.get(&format!("/v1/orders/{order}")).await);
    assert_eq!(seen["after"], bought.value()["order"]["id"]);
    assert_eq!(clip.stall.charged(), 2);

    // The same tap again is the same purchase; another tap for the same is not a second one.
    let again = clip.adds(clip.stall.checkout(), first, &next["stored"]).await;
    assert_eq!(again.refusal(), (409, "already_added".into()), "{}", again.text());
    let (one, two) = tokio::join!(
        clip.adds(clip.stall.checkout(), first, &next["stored"]),
        clip.adds(clip.stall.checkout(), first, &next["stored"])
    );
    assert_eq!(
        (one.refusal().1, two.refusal().1),
        ("already_added".into(), "already_added".into())
    );
    assert_eq!((clip.stall.charged(), payments(&clip.stall).len()), (2, 2));
    clip.stall.invariants().await;
}

#[tokio::test]
async fn p22_two_taps_at_once_for_the_same_addition_are_one_purchase() {
    let clip = Clip::open().await;
    let (first, bought) = clip.buys("tok_visa", true).await;
    let stored = bought.value()["order"]["next"]["stored"].clone();
    let (ids, mut taps) = ([(); 4].map(|()| clip.stall.checkout()), Vec::new());
    for id in ids {
        taps.push(clip.adds(id, first, &stored));
    }
    let answers = futures_util::future::join_all(taps).await;
    let won = answers
        .iter()
        .filter(|answer| state(answer) == (201, "completed".into()))
        .count();
    let late = answers
        .iter()
        .filter(|answer| answer.refusal() == (409, "already_added".into()))
        .count();
    assert_eq!(
        (won, late),
        (1, 3),
        "{:?}",
        answers.iter().map(Answer::text).collect::<Vec<_>>()
    );
    assert_eq!((clip.stall.charged(), payments(&clip.stall).len()), (2, 2));
    clip.stall.invariants().await;
}

#[tokio::test]
async fn an_addition_needs_a_purchase_of_the_last_minutes_and_the_card_that_paid_it() {
    let clip = Clip::open().await;
    // Not kept: nothing is offered, and nothing can be added.
    let (plain, bought) = clip.buys("tok_visa", false).await;
    assert_eq!(bought.value()["order"].get("next"), None);
    let (kept_at, other) = clip.buys("tok_visa", true).await;
    let stored = other.value()["order"]["next"]["stored"].clone();
    let over = (409, "upsell_over".to_owned());
    let wrong_card = clip.adds(clip.stall.checkout(), plain, &stored).await;
    assert_eq!(wrong_card.refusal(), over, "{}", wrong_card.text());
    let nothing = clip.adds(clip.stall.checkout(), clip.stall.checkout(), &stored).await;
    assert_eq!(nothing.refusal(), over);

    // A canceled order is followed by nothing.
    let order = other.value()["order"]["id"].as_str().unwrap().to_owned();
    let owner = clip.stall.staff.clone().with("accept", "application/json");
    let canceled = owner
        .post(
            &format!("/v1/orders/{order}/cancellation"),
            &json!({ "reason": "story" }),
        )
        .await;
    assert_eq!(canceled.status, 200, "{}", canceled.text());
    assert_eq!(clip.adds(clip.stall.checkout(), kept_at, &stored).await.refusal(), over);

    if clip.stall.world.is_sqlite() {
        let (first, bought) = clip.buys("tok_visa", true).await;
        let next = bought.value()["order"]["next"].clone();
        clip.stall.world.clock.advance(16 * 60);
        let late = eventually(|| async {
            let late = clip.adds(clip.stall.checkout(), first, &next["stored"]).await;
            (late.refusal() == over).then_some(late)
        });
        late.await;
    }
    clip.stall.invariants().await;
}
