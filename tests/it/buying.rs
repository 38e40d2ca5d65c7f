//! Buying, as a viewer and a shop meet it: the tap, the money, the parcel, the ledger. Every story ends with the invariants.

use crate::harness::{Answer, Client, TestShop, World};
use hawker::app::App;
use hawker::catalog::{self, Create, Kind, NewProduct, NewVariant, ProductState, TaxCategory};
use hawker::checkout;
use hawker::config::Config;
use hawker::db::{self, LaneKey};
use hawker::delivery::{self, NewMethod, NewZone};
use hawker::fulfilment;
use hawker::gift_cards;
use hawker::inventory;
use hawker::kernel::{CheckoutId, Clock, Currency, Money, OrderId, PageIn, PartyId, Rate, ShopId, VariantId};
use hawker::ledger::{self, AccountKind, Verdict};
use hawker::partners::{self, Agree, Bearer, FulfilmentFee, NewParty, Part, PartyKind, Share, Terms};
use hawker::payments;
use hawker::payments::sandbox::{Faults, Payment, PaymentState, Sandbox};
use hawker::taxes::{self, TaxRate};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// A shop with one mug at 30.00 EUR (19 % inside), a parcel at 4.90, and a contract: packer 1.00 a unit, platform 5 %, Tomas 40 %, Nadja the rest.
pub struct Stall {
    pub world: World,
    pub shop: TestShop,
    pub mug: VariantId,
    pub player: Client,
    pub staff: Client,
}

const EUR: Currency = Currency::EUR;

impl Stall {
    pub async fn open(units: u32) -> Self {
        Self::open_with(units, |_| {}).await
    }

    /// With other settings, such as another processor.
    pub async fn open_with(units: u32, change: impl FnOnce(&mut Config)) -> Self {
        let world = World::start_with(|config| {
            config.rate_limits = false;
            change(config);
        })
        .await;
        let shop = world.shop("Kiln").await;
        let mug = lay_out(&world.app, shop.id, units).await;
        let player = world.with_key(&shop.publishable_key);
        let staff = world.sign_in(&shop, &shop.owner_email).await;
        Self {
            world,
            shop,
            mug,
            player,
            staff,
        }
    }

    pub fn checkout(&self) -> CheckoutId {
        self.world.app.random.id(self.world.app.clock.wall())
    }

    pub async fn quote(&self, units: u32) -> Value {
        let answer = self
            .player
            .get(&format!("/v1/quotes?lines={}:{units}&country=DE", self.mug))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.value()
    }

    /// One tap with everything said.
    pub async fn tap(&self, id: CheckoutId, token: &str) -> Answer {
        let quote = self.quote(1).await;
        self.player
            .put(&format!("/v1/checkouts/{id}"), &tap_body(&quote, token))
            .await
    }

    pub async fn buy(&self) -> OrderId {
        let answer = self.tap(self.checkout(), "tok_visa").await;
        assert_eq!(
            (answer.status, answer.value()["state"].as_str()),
            (201, Some("completed")),
            "{}",
            answer.text()
        );
        answer.value()["order"]["id"].as_str().unwrap().parse().unwrap()
    }

    pub async fn ship(&self, id: OrderId) -> Answer {
        self.work_is_open(id).await;
        let parcel = json!({ "carrier": "DHL", "tracking": "JD01" });
        self.staff.post(&format!("/v1/orders/{id}/shipments"), &parcel).await
    }

    /// The shop as it was when this backup was made; the processor is as it is today.
    async fn restored(self, backup: PathBuf) -> Self {
        let Self {
            mut world, shop, mug, ..
        } = self;
        world.end().await;
        let data = backup.with_extension("restored");
        let target = data.clone();
        tokio::task::spawn_blocking(move || db::restore(&backup, &target).unwrap())
            .await
            .unwrap();
        std::fs::copy(world.config.data.join("sandbox.journal"), data.join("sandbox.journal")).unwrap();
        world.config.data = data;
        let world = world.restart().await;
        let player = world.with_key(&shop.publishable_key);
        let staff = world.sign_in(&shop, &shop.owner_email).await;
        Self {
            world,
            shop,
            mug,
            player,
            staff,
        }
    }

    async fn reconcile(&self, accept: Option<&str>) -> payments::Reconciled {
        let accept = accept.map(str::to_owned);
        payments::reconcile(&self.world.app, None, accept, checkout::conclude)
            .await
            .unwrap()
    }

    async fn reconcile_refused(&self) -> bool {
        let again = payments::reconcile(&self.world.app, None, None, checkout::conclude).await;
        again.is_err_and(|error| error.code == "not_frozen")
    }

    /// What the processors took and gave back for an order, by their own books.
    pub fn at_the_processor(&self, order: OrderId) -> (i64, i64) {
        self.booked(|payment| {
            let reference = payments::read_reference(payment.reference());
            let ours = reference.is_some_and(|(id, _)| id.order() == order);
            if ours {
                (payment.captured, payment.refunded)
            } else {
                (0, 0)
            }
        })
        .into_iter()
        .fold((0, 0), |(taken, given), (more, back)| (taken + more, given + back))
    }

    /// Something of every payment in every processor's own books.
    fn booked<T>(&self, what: impl Fn(&Payment) -> T) -> Vec<T> {
        let mut all = Vec::new();
        for sandbox in Sandbox::all(&self.world.app) {
            all.extend(sandbox.books().payments().map(&what));
        }
        all
    }

    pub async fn order(&self, id: OrderId) -> Value {
        self.staff.get(&format!("/v1/orders/{id}")).await.value()
    }

    /// Waits until the facts of an order were acted on: its work is open.
    pub async fn work_is_open(&self, id: OrderId) {
        let shop = self.shop.id;
        for _ in 0..200 {
            if self
                .world
                .app
                .db
                .read(move |tx| fulfilment::find(tx, shop, id))
                .await
                .unwrap()
                .is_some()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("nobody got the work of {id}");
    }

    pub async fn left(&self) -> (i64, i64) {
        let mug = self.mug;
        let stock = self
            .world
            .app
            .db
            .read(move |tx| inventory::availability(tx, mug))
            .await
            .unwrap();
        (stock.left, stock.in_checkouts)
    }

    pub async fn balance(&self, kind: AccountKind) -> i64 {
        let shop = self.shop.id;
        let all = self
            .world
            .app
            .db
            .read(move |tx| ledger::balances(tx, shop))
            .await
            .unwrap();
        all.iter()
            .filter(|balance| balance.key.kind == kind)
            .map(|balance| balance.money.minor)
            .sum()
    }

    /// Money the processors hold promised or took, by their own books: payments that bind the buyer.
    pub fn charged(&self) -> usize {
        let binds =
            |payment: &Payment| matches!(payment.state, PaymentState::RequiresCapture | PaymentState::Succeeded);
        self.booked(binds).into_iter().filter(|binds| *binds).count()
    }

    pub async fn invariants(&self) {
        invariants(&self.world.app, self.shop.id, || {
            let held: i64 = self
                .booked(|payment| payment.captured - payment.refunded)
                .into_iter()
                .sum();
            let disputed: i64 = (Sandbox::all(&self.world.app).iter())
                .map(|bank| {
                    let books = bank.books();
                    let taken = books.payments().map(|payment| books.disputed(&payment.id));
                    taken.sum::<i64>()
                })
                .sum();
            held - disputed
        })
        .await;
    }
}

/// The shop's goods, prices, terms and `units` mugs; also for stories that start the server some other way.
pub async fn lay_out(app: &App, id: ShopId, units: u32) -> VariantId {
    app.db
        .write(LaneKey(0), move |tx| {
            taxes::set(
                tx,
                id,
                &[TaxRate {
                    country: "DE".into(),
                    category: TaxCategory::Standard,
                    rate: Rate(1900),
                }],
            )?;
            let method = NewMethod {
                id: None,
                name: "Parcel".into(),
                price: Money::new(490, EUR),
                eta_days_min: 2,
                eta_days_max: 3,
            };
            let zone = NewZone {
                id: None,
                name: "Germany".into(),
                countries: vec!["DE".into()],
                methods: vec![method],
            };
            let abroad = NewMethod {
                id: None,
                name: "Air".into(),
                price: Money::new(1490, EUR),
                eta_days_min: 5,
                eta_days_max: 9,
            };
            let world = NewZone {
                id: None,
                name: "World".into(),
                countries: vec!["*".into()],
                methods: vec![abroad],
            };
            delivery::set(tx, id, &[zone, world])?;
            let mut party = |kind, name: &str| {
                let new = NewParty {
                    kind,
                    name: name.into(),
                    email: String::new(),
                };
                Ok::<PartyId, hawker::kernel::Error>(partners::add_party(tx, id, tx.id(), &new)?.id)
            };
            let nadja = party(PartyKind::Creator, "Nadja")?;
            let tomas = party(PartyKind::Creator, "Tomas")?;
            let packer = party(PartyKind::Fulfilment, "Packhof")?;
            let terms = Terms {
                shares: vec![Share {
                    party: tomas,
                    part: Part::Portion(4000),
                }],
                remainder: nadja,
                processor_fee: Bearer::Remainder,
                platform_fee_bp: 500,
                fulfilment: Some(FulfilmentFee {
                    party: packer,
                    per_unit: Money::new(100, EUR).into(),
                }),
                delivery: Some(packer),
            };
            let Agree::Agreed(contract) = partners::draw_up(tx, (id, EUR), tx.id(), "Studio", &terms)? else {
                panic!("terms fit")
            };
            let new = NewProduct {
                title: "Mug".into(),
                slug: None,
                description: String::new(),
                kind: Kind::Physical,
                tax_category: TaxCategory::Standard,
                image: String::new(),
                state: ProductState::Active,
                variants: vec![NewVariant {
                    title: String::new(),
                    sku: None,
                    weight_grams: 400,
                    price: Some(Money::new(3000, EUR)),
                }],
            };
            let Create::Created(product, variants) = catalog::create(tx, (id, EUR), tx.id(), &new)? else {
                panic!("a product")
            };
            partners::assign(tx, id, product.id, product.version, Some(contract.id))?;
            inventory::set_stock(tx, id, variants[0].id, None, units)?;
            Ok(variants[0].id)
        })
        .await
        .unwrap()
}

/// The invariants of stock, payments, orders and ledger, after every story. `held` is what the processor says it took and did not give back.
pub async fn invariants(app: &App, shop: ShopId, held: impl FnOnce() -> i64) {
    let (broken, balances, on_gift_cards) = app
        .db
        .read(move |tx| {
            let mut broken = inventory::check(tx)?;
            broken.extend(checkout::check(tx)?);
            broken.extend(fulfilment::check(tx)?);
            broken.extend(hawker::returns::check(tx)?);
            broken.extend(hawker::erasure::check(tx)?);
            broken.extend(hawker::exchanges::check(tx)?);
            broken.extend(hawker::price_matches::check(tx)?);
            broken.extend(payments::disputes::check(tx)?);
            broken.extend(gift_cards::check(tx)?);
            broken.extend(hawker::drops::check(tx)?);
            broken.extend(hawker::discounts::check(tx)?);
            broken.extend(hawker::preorders::check(tx)?);
            Ok((broken, ledger::balances(tx, shop)?, gift_cards::outstanding(tx, shop)?))
        })
        .await
        .unwrap();
    assert_eq!(broken, Vec::<String>::new());
    let sums: i64 = balances.iter().map(|balance| balance.money.minor).sum();
    assert_eq!(sums, 0, "I20: all accounts of a currency sum to zero");
    let mut owed: Vec<_> = balances
        .iter()
        .filter(|balance| balance.key.kind == AccountKind::GiftCardLiability)
        .map(|balance| (balance.money.currency, balance.money.minor))
        .collect();
    owed.sort_by_key(|(currency, _)| currency.code());
    assert_eq!(
        owed, on_gift_cards,
        "X4: the ledger owes what may be spent of gift cards and what they hold"
    );
    assert!(
        matches!(ledger::verify(&app.db, shop).await.unwrap(), Verdict::Whole { .. }),
        "I26: the chain verifies"
    );
    let clearing: i64 = balances
        .iter()
        .filter(|balance| balance.key.kind == AccountKind::ProcessorClearing)
        .map(|balance| balance.money.minor)
        .sum();
    let (held, fees) = (held(), processor_fees(app, shop).await);
    // A clearing account is owed to us: its balance is negative by what the processor still holds.
    assert_eq!(
        -clearing,
        held - fees,
        "I11: the processor holds {held}, fees are {fees}"
    );
}

async fn processor_fees(app: &App, shop: ShopId) -> i64 {
    let mut after = None;
    let mut fees = 0;
    loop {
        let page = PageIn {
            limit: Some(100),
            after,
        };
        let transfers = app.db.read(move |tx| ledger::transfers(tx, shop, &page)).await.unwrap();
        let legs = transfers.data.iter().flat_map(|transfer| &transfer.legs);
        fees += legs
            .filter(|leg| ["processor_fee", "dispute_fee"].contains(&leg.purpose.as_str()))
            .map(|leg| leg.minor)
            .sum::<i64>();
        after = transfers.next;
        if after.is_none() {
            return fees;
        }
    }
}

/// A tap with everything said.
pub fn tap_body(quote: &Value, token: &str) -> Value {
    json!({
        "quote": quote["quote"], "contact": { "email": "buyer@example.com" },
        "address": { "name": "B. Uyer", "line1": "Street 1", "postal_code": "10115", "city": "Berlin", "country": "DE" },
        "payment": { "method": "card", "token": token },
    })
}

#[tokio::test]
async fn l1_l2_p17_a_tap_buys_the_parcel_takes_the_money_and_the_ledger_sums_to_zero() {
    let stall = Stall::open(5).await;
    let order = stall.buy().await;
    assert_eq!(stall.left().await, (4, 0));
    let seen = stall.order(order).await;
    assert_eq!(
        (seen["payment"].as_str(), seen["captured"]["amount"].as_i64()),
        (Some("authorized"), Some(0)),
        "money moves when the parcel does"
    );
    stall.work_is_open(order).await;
    let shipped = stall
        .staff
        .post(
            &format!("/v1/orders/{order}/shipments"),
            &json!({ "carrier": "DHL", "tracking": "JD01" }),
        )
        .await;
    assert_eq!(shipped.status, 201, "{}", shipped.text());
    let seen = stall.order(order).await;
    assert_eq!(
        (seen["payment"].as_str(), seen["state"].as_str()),
        (Some("captured"), Some("fulfilled")),
        "{seen}"
    );
    assert_eq!(seen["captured"]["amount"], 3490);
    // 30.00 − 4.79 tax = 25.21 net; packer 1.00; of 24.21 the platform has 1.21, Tomas 9.68, Nadja 13.32. Parcel 4.90 − 0.78 tax = 4.12.
    assert_eq!(stall.balance(AccountKind::TaxPayable).await, 479 + 78);
    assert_eq!(stall.balance(AccountKind::PlatformRevenue).await, 121);
    stall.invariants().await;
}

#[tokio::test]
async fn d10_p18_a_second_tap_with_the_same_id_buys_once() {
    let stall = Stall::open(5).await;
    let (id, quote) = (stall.checkout(), stall.quote(1).await);
    let body = tap_body(&quote, "tok_visa");
    let path = format!("/v1/checkouts/{id}");
    let (first, second) = tokio::join!(stall.player.put(&path, &body), stall.player.put(&path, &body));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 201]);
    let other = tap_body(&quote, "tok_declined");
    assert_eq!(
        stall.player.put(&path, &other).await.refusal(),
        (409, "id_reused".into())
    );
    assert_eq!((stall.left().await, stall.charged()), ((4, 0), 1));
    stall.invariants().await;
}

#[tokio::test]
async fn a_declined_buyer_keeps_the_unit_and_pays_with_another_card() {
    let stall = Stall::open(1).await;
    let id = stall.checkout();
    let declined = stall.tap(id, "tok_declined").await;
    assert_eq!(declined.refusal(), (402, "declined".into()));
    assert_eq!(stall.left().await, (0, 1), "the unit waits for them");
    let secret = declined.value()["checkout"]["client_secret"]
        .as_str()
        .unwrap()
        .to_owned();
    let buyer = stall
        .world
        .with_key(&stall.shop.publishable_key)
        .with("hawker-checkout-secret", &secret);
    let paid = buyer
        .post(
            &format!("/v1/checkouts/{id}/payment"),
            &json!({ "method": "card", "token": "tok_visa" }),
        )
        .await;
    assert_eq!(
        (paid.status, paid.value()["state"].as_str()),
        (200, Some("completed")),
        "{}",
        paid.text()
    );
    let stranger = stall.player.get(&format!("/v1/checkouts/{id}")).await;
    assert_eq!(stranger.status, 404, "an id gives no rights");
    stall.invariants().await;
}

#[tokio::test]
async fn p8_a_buyer_who_confirms_at_the_bank_has_bought_even_if_they_never_return() {
    let stall = Stall::open(1).await;
    let id = stall.checkout();
    let asked = stall.tap(id, "tok_3ds").await;
    assert_eq!(asked.value()["state"], "requires_escalation", "{}", asked.text());
    let url = asked.value()["next_action"]["url"].as_str().unwrap().to_owned();
    let payment = url.rsplit('/').next().unwrap().to_owned();
    Sandbox::installed(&stall.world.app)
        .unwrap()
        .answer_challenge(&payment, true);
    let secret = asked.value()["client_secret"].as_str().unwrap().to_owned();
    let buyer = stall
        .world
        .with_key(&stall.shop.publishable_key)
        .with("hawker-checkout-secret", &secret);
    let mut state = String::new();
    for _ in 0..200 {
        state = buyer.get(&format!("/v1/checkouts/{id}")).await.value()["state"]
            .as_str()
            .unwrap()
            .to_owned();
        if state == "completed" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(state, "completed", "the bank's notice finished it");
    stall.invariants().await;
}

#[tokio::test]
async fn p2_a_lost_answer_ends_in_one_order_and_one_charge() {
    let stall = Stall::open(1).await;
    let id = stall.checkout();
    let unknown = stall.tap(id, "tok_timeout").await;
    assert_eq!(
        (unknown.status, unknown.value()["state"].as_str()),
        (201, Some("complete_in_progress")),
        "{}",
        unknown.text()
    );
    stall.world.clock.advance(15);
    let shop = stall.shop.id;
    let mut born = None;
    for _ in 0..300 {
        born = stall
            .world
            .app
            .db
            .read(move |tx| checkout::order_of_checkout(tx, shop, id))
            .await
            .unwrap();
        if born.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(born.is_some(), "the resolver asked by our reference");
    assert_eq!((stall.charged(), stall.left().await), (1, (0, 0)));
    stall.invariants().await;
}

#[tokio::test]
async fn d7_an_abandoned_checkout_gives_its_unit_back() {
    let stall = Stall::open(1).await;
    let quote = stall.quote(1).await;
    let placed = stall
        .player
        .put(
            &format!("/v1/checkouts/{}", stall.checkout()),
            &json!({ "quote": quote["quote"] }),
        )
        .await;
    assert_eq!(
        (placed.status, placed.value()["state"].as_str()),
        (201, Some("incomplete")),
        "{}",
        placed.text()
    );
    let late = stall
        .player
        .get(&format!("/v1/quotes?lines={}:1&country=DE", stall.mug))
        .await;
    assert_eq!(late.refusal(), (409, "sold_out".into()));
    stall.world.clock.advance(11 * 60);
    for _ in 0..300 {
        if stall.left().await == (1, 0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(stall.left().await, (1, 0));
    stall.invariants().await;
}

#[tokio::test]
async fn d6_after_two_hours_of_silence_whoever_was_paying_is_asked_for_and_everybody_else_lets_go() {
    let stall = Stall::open(400).await;
    let quote = stall.quote(1).await;
    for _ in 0..300 {
        let left = stall
            .player
            .put(
                &format!("/v1/checkouts/{}", stall.checkout()),
                &json!({ "quote": quote["quote"] }),
            )
            .await;
        assert_eq!(left.status, 201, "{}", left.text());
    }
    let paying = stall.checkout();
    let unknown = stall.tap(paying, "tok_timeout").await;
    assert_eq!(unknown.value()["state"], "complete_in_progress", "{}", unknown.text());
    assert_eq!(stall.left().await, (99, 301));

    let Stall { world, shop, mug, .. } = stall;
    let world = world.restart().await;
    world.clock.advance(2 * 60 * 60);
    let stall = Stall {
        player: world.with_key(&shop.publishable_key),
        staff: world.sign_in(&shop, &shop.owner_email).await,
        world,
        shop,
        mug,
    };
    for _ in 0..500 {
        if stall.left().await == (399, 0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(
        stall.left().await,
        (399, 0),
        "one is sold, and nothing is kept for people who left"
    );
    let shop = stall.shop.id;
    let born = stall
        .world
        .app
        .db
        .read(move |tx| checkout::order_of_checkout(tx, shop, paying))
        .await
        .unwrap();
    assert!(
        born.is_some(),
        "their bank had said yes, and the processor was asked before anything was let go"
    );
    assert_eq!(stall.charged(), 1);
    stall.invariants().await;
}

#[tokio::test]
async fn d19_what_is_taken_out_of_the_shop_is_not_sold_by_whoever_still_shows_it() {
    let stall = Stall::open(5).await;
    let quote = stall.quote(1).await;
    let product = stall.player.get("/v1/products").await.value()["data"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let state = async |state: &str| {
        let path = format!("/v1/products/{product}");
        let draft = stall.staff.get(&format!("{path}/draft")).await.value();
        let version = draft["version"].to_string();
        let staff = stall.staff.clone().with("if-match", &format!("\"{version}\""));
        let answer = staff.patch(&path, &json!({ "state": state })).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    state("archived").await;
    let late = stall
        .player
        .put(
            &format!("/v1/checkouts/{}", stall.checkout()),
            &tap_body(&quote, "tok_visa"),
        )
        .await;
    assert_eq!(
        late.refusal(),
        (409, "not_for_sale".into()),
        "a quote that still holds is no right to what is gone"
    );
    let asked = stall
        .player
        .get(&format!("/v1/quotes?lines={}:1&country=DE", stall.mug))
        .await;
    assert!(asked.status >= 400, "{}", asked.text());
    state("active").await;
    let mut forged = quote.clone();
    let mut seal = quote["quote"].as_str().unwrap().to_owned();
    let last = if seal.ends_with('A') { 'B' } else { 'A' };
    seal.pop();
    seal.push(last);
    forged["quote"] = json!(seal);
    let altered = stall
        .player
        .put(
            &format!("/v1/checkouts/{}", stall.checkout()),
            &tap_body(&forged, "tok_visa"),
        )
        .await;
    assert!((400..500).contains(&altered.status), "{}", altered.text());
    assert_eq!((stall.charged(), stall.left().await), (0, (5, 0)));
    let bought = stall
        .player
        .put(
            &format!("/v1/checkouts/{}", stall.checkout()),
            &tap_body(&quote, "tok_visa"),
        )
        .await;
    assert_eq!(bought.status, 201, "{}", bought.text());
    stall.invariants().await;
}

#[tokio::test]
async fn another_country_is_another_price_and_needs_consent() {
    let stall = Stall::open(2).await;
    let quote = stall.quote(1).await;
    let mut body = tap_body(&quote, "tok_visa");
    body["address"]["country"] = json!("CH");
    let asked = stall
        .player
        .put(&format!("/v1/checkouts/{}", stall.checkout()), &body)
        .await;
    assert_eq!(asked.refusal(), (409, "price_changed".into()));
    body["quote"] = asked.value()["quote"]["quote"].clone();
    let bought = stall
        .player
        .put(&format!("/v1/checkouts/{}", stall.checkout()), &body)
        .await;
    assert_eq!(
        (bought.status, bought.value()["total"]["amount"].as_i64()),
        (201, Some(3000 + 1490)),
        "{}",
        bought.text()
    );
    stall.invariants().await;
}

#[tokio::test]
async fn what_the_buyer_saw_can_be_shown_again_whatever_is_edited_later() {
    let stall = Stall::open(3).await;
    let edit = async |version: i64, text: &str| {
        let edited = stall
            .staff
            .clone()
            .with("if-match", &format!("\"{version}\""))
            .patch(
                "/v1/shop",
                &json!({ "return_policy": text, "return_days": 14, "seller": { "name": format!("Kiln, {text}") } }),
            )
            .await;
        assert_eq!(edited.status, 200, "{}", edited.text());
    };
    edit(1, "Send it back whole.").await;
    let shown = stall.quote(1).await;
    edit(2, "No returns.").await;
    let tap = async |quote: &Value| -> OrderId {
        let path = format!("/v1/checkouts/{}", stall.checkout());
        let bought = stall.player.put(&path, &tap_body(quote, "tok_visa")).await;
        assert_eq!(bought.status, 201, "{}", bought.text());
        bought.value()["order"]["id"].as_str().unwrap().parse().unwrap()
    };
    let first = tap(&shown).await;
    let second = tap(&stall.quote(1).await).await;
    edit(3, "Ask first.").await;
    for (order, text) in [(first, "Send it back whole."), (second, "No returns.")] {
        let seen = stall.order(order).await["seen"].clone();
        assert_eq!(
            (
                seen["policies"]["return_policy"].as_str(),
                seen["policies"]["seller"]["name"].as_str()
            ),
            (Some(text), Some(format!("Kiln, {text}").as_str())),
            "what was shown when the price was, not what was said later"
        );
        assert_eq!(
            (
                seen["items"][0]["title"].as_str(),
                seen["agreed_total"]["amount"].as_i64()
            ),
            (Some("Mug"), Some(3490))
        );
        let page = stall
            .staff
            .get(&format!("/studio/{}/orders/{order}", stall.shop.slug))
            .await
            .text();
        assert!(
            page.contains(text) && !page.contains("Ask first."),
            "the studio shows the same"
        );
    }
    stall.invariants().await;
}

#[tokio::test]
async fn agreeing_to_a_dearer_parcel_is_kept_with_the_order() {
    let stall = Stall::open(1).await;
    let path = format!("/v1/checkouts/{}", stall.checkout());
    let begun = stall
        .player
        .put(&path, &json!({ "quote": stall.quote(1).await["quote"] }))
        .await
        .value();
    let buyer = stall
        .player
        .clone()
        .with("hawker-checkout-secret", begun["client_secret"].as_str().unwrap());
    let mut details = tap_body(&json!({}), "tok_visa");
    details
        .as_object_mut()
        .unwrap()
        .retain(|name, _| name == "contact" || name == "address");
    details["address"]["country"] = json!("CH");
    let asked = buyer.put(&format!("{path}/details"), &details).await;
    assert_eq!(asked.refusal(), (409, "price_changed".into()));
    details["accept"] = asked.value()["quote"]["quote"].clone();
    assert_eq!(buyer.put(&format!("{path}/details"), &details).await.status, 200);
    let paid = buyer
        .post(
            &format!("{path}/payment"),
            &json!({ "method": "card", "token": "tok_visa" }),
        )
        .await
        .value();
    let seen = stall
        .order(paid["order"]["id"].as_str().unwrap().parse().unwrap())
        .await["seen"]
        .clone();
    assert_eq!(
        (
            seen["agreed_total"]["amount"].as_i64(),
            seen["dearer_than"]["amount"].as_i64()
        ),
        (Some(4490), Some(3490))
    );
    stall.invariants().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p24_i19_after_a_restore_nothing_is_taken_or_given_back_twice() {
    let stall = Stall::open(9).await;
    if !stall.world.is_sqlite() {
        return; // PostgreSQL has backups of its own.
    }
    let (untouched, shipped, canceled, refunded) = (
        stall.buy().await,
        stall.buy().await,
        stall.buy().await,
        stall.buy().await,
    );
    assert_eq!(stall.ship(refunded).await.status, 201);
    let (from, backup) = (stall.world.config.data.clone(), stall.world.folder().join("backup"));
    let target = backup.clone();
    tokio::task::spawn_blocking(move || db::backup(&from, &target, db::SystemClock::default().wall()).unwrap())
        .await
        .unwrap();

    // Trade goes on, and is forgotten.
    assert_eq!(stall.ship(shipped).await.status, 201);
    let post = async |order: OrderId, what: &str, body: Value| {
        let done = stall.staff.post(&format!("/v1/orders/{order}/{what}"), &body).await;
        assert!(done.status < 300, "{}", done.text());
    };
    post(canceled, "cancellation", json!({})).await;
    post(refunded, "refunds", json!({ "amount": 1000, "reason": "goodwill" })).await;
    let forgotten = stall.buy().await;
    let stall = stall.restored(backup).await;

    assert_eq!(stall.ship(untouched).await.refusal(), (503, "money_frozen".into()));
    assert_eq!(
        stall.tap(stall.checkout(), "tok_visa").await.refusal(),
        (503, "money_frozen".into())
    );
    let found = stall.reconcile(None).await;
    let (settled, open): (Vec<_>, Vec<_>) = found.differences.iter().partition(|difference| difference.settled);
    assert_eq!(
        (found.compared, settled.len(), open.len(), found.lifted),
        (5, 3, 1, false),
        "{found:#?}"
    );
    let checkout = Sandbox::installed(&stall.world.app)
        .unwrap()
        .books()
        .payments()
        .next()
        .unwrap()
        .reference()
        .to_owned();
    assert!(open[0].what.contains(&checkout), "{}", open[0].what);
    assert_eq!(
        stall.ship(untouched).await.refusal(),
        (503, "money_frozen".into()),
        "one is still open"
    );

    // A person lets the forgotten promise go at the processor; then nothing is left to say.
    {
        let sandbox = Sandbox::installed(&stall.world.app).unwrap();
        let mut books = sandbox.books();
        let payment = books.payments().next().unwrap().id.clone();
        books.cancel(&payment, stall.world.clock.wall()).unwrap();
    }
    let found = stall.reconcile(None).await;
    assert_eq!((found.differences.len(), found.lifted), (0, true), "{found:#?}");
    assert_eq!(stall.order(forgotten).await["status"], 404);

    for order in [untouched, shipped] {
        assert_eq!(stall.ship(order).await.status, 201);
        assert_eq!(stall.at_the_processor(order), (3490, 0), "taken once");
    }
    let seen = stall.order(refunded).await;
    assert_eq!(
        (seen["captured"]["amount"].as_i64(), seen["refunded"]["amount"].as_i64()),
        (Some(3490), Some(1000))
    );
    let path = format!("/v1/orders/{refunded}/refunds");
    let more = stall
        .staff
        .post(&path, &json!({ "amount": 3000, "reason": "lost" }))
        .await;
    assert_eq!(more.status, 409, "only what is left can go back");
    assert_eq!(stall.at_the_processor(refunded), (3490, 1000));
    let path = format!("/v1/orders/{canceled}/cancellation");
    assert_eq!(stall.staff.post(&path, &json!({})).await.status, 200);
    assert_eq!(stall.at_the_processor(canceled), (0, 0));
    stall.invariants().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p24_a_database_brought_back_by_other_means_is_compared_since_a_time() {
    let stall = Stall::open(2).await;
    let since = stall.world.clock.wall();
    let order = stall.buy().await;
    {
        let sandbox = Sandbox::installed(&stall.world.app).unwrap();
        let mut books = sandbox.books();
        let payment = books.payments().next().unwrap().id.clone();
        let (none, now) = (std::collections::BTreeMap::new(), stall.world.clock.wall());
        books.capture(&payment, None, true, &none, now).unwrap();
        books.refund(&payment, Some(500), none, now).unwrap();
    }
    let compare = async || {
        payments::reconcile(&stall.world.app, Some(since), None, checkout::conclude)
            .await
            .unwrap()
    };
    let found = compare().await;
    assert_eq!((found.compared, found.differences.len()), (1, 2), "{found:#?}");
    assert!(found.lifted && found.differences.iter().all(|difference| difference.settled));
    assert_eq!(compare().await.differences, [], "what was written down is known");
    let seen = stall.order(order).await;
    assert_eq!(
        (seen["captured"]["amount"].as_i64(), seen["refunded"]["amount"].as_i64()),
        (Some(3490), Some(500))
    );
    assert_eq!(stall.ship(order).await.status, 201, "its parcel can be entered");
    assert_eq!(stall.at_the_processor(order), (3490, 500));
    stall.invariants().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p24_what_the_books_cannot_explain_keeps_the_freeze_until_somebody_answers_for_it() {
    let stall = Stall::open(9).await;
    if !stall.world.is_sqlite() {
        return;
    }
    let (strange, plain) = (stall.buy().await, stall.buy().await);
    let (from, backup) = (stall.world.config.data.clone(), stall.world.folder().join("backup"));
    let target = backup.clone();
    tokio::task::spawn_blocking(move || db::backup(&from, &target, db::SystemClock::default().wall()).unwrap())
        .await
        .unwrap();
    {
        // Somebody took a part of it by hand at the processor: no parcel of ours explains it.
        let sandbox = Sandbox::installed(&stall.world.app).unwrap();
        let mut books = sandbox.books();
        let payment = books.payments().last().unwrap().id.clone();
        books
            .once(Some("by hand"), String::new(), |books| {
                books.capture(
                    &payment,
                    Some(700),
                    false,
                    &std::collections::BTreeMap::new(),
                    stall.world.clock.wall(),
                )
            })
            .unwrap();
    }
    let stall = stall.restored(backup).await;
    let found = stall.reconcile(None).await;
    assert_eq!((found.differences.len(), found.lifted), (1, false), "{found:#?}");
    assert!(
        !found.differences[0].settled && found.differences[0].what.contains("7.00"),
        "{found:#?}"
    );
    let found = stall.reconcile(Some("Nadja took the deposit")).await;
    assert!(found.lifted);
    assert_eq!(
        stall.ship(strange).await.refusal(),
        (409, "payment_not_capturable".into()),
        "it stays frozen by itself"
    );
    assert_eq!(stall.order(strange).await["payment"], "unclear");
    let today = stall.staff.get(&format!("/studio/{}", stall.shop.slug)).await.text();
    assert!(today.contains("needs a person"), "and it is on somebody's list");
    assert_eq!(stall.ship(plain).await.status, 201);
    assert_eq!(
        (stall.at_the_processor(strange), stall.at_the_processor(plain)),
        ((700, 0), (3490, 0))
    );
    assert!(stall.reconcile_refused().await, "nothing is frozen any more");
}

#[tokio::test]
async fn digital_goods_are_paid_for_with_the_order_and_not_a_minute_later() {
    let stall = Stall::open(1).await;
    let shop = stall.shop.id;
    let pattern = stall
        .world
        .app
        .db
        .write(LaneKey(0), move |tx| {
            let new = NewProduct {
                title: "Glaze recipe".into(),
                slug: None,
                description: String::new(),
                kind: Kind::Digital,
                tax_category: TaxCategory::Standard,
                image: String::new(),
                state: ProductState::Active,
                variants: vec![NewVariant {
                    title: String::new(),
                    sku: None,
                    weight_grams: 0,
                    price: Some(Money::new(900, EUR)),
                }],
            };
            let Create::Created(_, variants) = catalog::create(tx, (shop, EUR), tx.id(), &new)? else {
                panic!("a product")
            };
            inventory::set_stock(tx, shop, variants[0].id, None, 5)?;
            Ok(variants[0].id)
        })
        .await
        .unwrap();
    let quoted = stall
        .player
        .get(&format!("/v1/quotes?lines={pattern}:1&country=DE"))
        .await
        .value();
    let mut body = tap_body(&quoted, "tok_visa");
    body.as_object_mut().unwrap().remove("address");
    let bought = stall
        .player
        .put(&format!("/v1/checkouts/{}", stall.checkout()), &body)
        .await;
    assert_eq!(bought.status, 201, "{}", bought.text());
    let order: OrderId = bought.value()["order"]["id"].as_str().unwrap().parse().unwrap();
    for _ in 0..500 {
        if stall.at_the_processor(order) == (900, 0) && stall.order(order).await["payment"] == "captured" {
            stall.invariants().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await; // The clock stands where it was: no minute has passed.
    }
    panic!("not taken: {}", stall.order(order).await);
}

#[tokio::test]
async fn money_refused_after_the_parcel_left_is_a_task_and_can_be_taken_again_once() {
    let stall = Stall::open(2).await;
    let order = stall.buy().await;
    let sandbox = Sandbox::installed(&stall.world.app).unwrap();
    sandbox.set_faults(Faults::parse(1, "capture_refused=1000").unwrap());
    assert_eq!(
        stall.ship(order).await.status,
        201,
        "the parcel has left, whatever the bank says"
    );
    assert_eq!(stall.at_the_processor(order), (0, 0));
    let page = async |rest: &str| {
        stall
            .staff
            .get(&format!("/studio/{}{rest}", stall.shop.slug))
            .await
            .text()
    };
    assert!(page("").await.contains("was refused"), "Today names it");
    let there = format!("/orders/{order}");
    let shown = page(&there).await;
    assert!(
        shown.contains("Take €34.90 again") && shown.contains("try again later"),
        "{shown}"
    );

    let take = async || {
        stall
            .staff
            .post(&format!("/v1/orders/{order}/captures"), &json!({}))
            .await
    };
    assert_eq!(take().await.refusal(), (409, "capture_refused".into()));
    sandbox.set_faults(Faults::default());
    let taken = take().await;
    assert_eq!(
        (taken.status, taken.value()["captured"]["amount"].as_i64()),
        (200, Some(3490)),
        "{}",
        taken.text()
    );
    assert_eq!(take().await.refusal(), (409, "nothing_owed".into()));
    assert_eq!(stall.at_the_processor(order), (3490, 0));
    assert!(!page("").await.contains("was refused"));
    assert!(!page(&there).await.contains("again</button>"));
    stall.invariants().await;
}

#[tokio::test]
async fn a_later_parcel_takes_what_was_refused_before_and_nothing_is_owed_then() {
    let stall = Stall::open(2).await;
    let quote = stall.quote(2).await;
    let bought = stall
        .player
        .put(
            &format!("/v1/checkouts/{}", stall.checkout()),
            &tap_body(&quote, "tok_visa"),
        )
        .await;
    let order: OrderId = bought.value()["order"]["id"].as_str().unwrap().parse().unwrap();
    stall.work_is_open(order).await;
    let sandbox = Sandbox::installed(&stall.world.app).unwrap();
    let one = json!({ "carrier": "DHL", "tracking": "1", "lines": [{ "line": 0, "quantity": 1 }] });
    let path = format!("/v1/orders/{order}/shipments");
    sandbox.set_faults(Faults::parse(1, "capture_refused=1000").unwrap());
    assert_eq!(stall.staff.post(&path, &one).await.status, 201);
    sandbox.set_faults(Faults::default());
    assert_eq!(stall.staff.post(&path, &one).await.status, 201);
    assert_eq!(
        stall.at_the_processor(order),
        (6490, 0),
        "both pieces and the delivery, once"
    );
    let again = stall
        .staff
        .post(&format!("/v1/orders/{order}/captures"), &json!({}))
        .await;
    assert_eq!(again.refusal(), (409, "nothing_owed".into()));
    stall.invariants().await;
}

#[tokio::test]
async fn x8_nothing_the_client_says_about_the_price_counts() {
    let stall = Stall::open(2).await;
    let quote = stall.quote(1).await;
    let mut body = tap_body(&quote, "tok_visa");
    body["total"] = json!({ "amount": 1, "currency": "EUR" });
    let path = format!("/v1/checkouts/{}", stall.checkout());
    assert_eq!(
        stall.player.put(&path, &body).await.status,
        422,
        "unknown fields are refused"
    );
    let mut token = quote["quote"].as_str().unwrap().to_owned();
    token.replace_range(20..21, if &token[20..21] == "A" { "B" } else { "A" });
    let mut body = tap_body(&quote, "tok_visa");
    body["quote"] = json!(token);
    assert_eq!(
        stall.player.put(&path, &body).await.refusal(),
        (422, "invalid_quote".into())
    );
    assert_eq!(stall.left().await, (2, 0));
}

#[tokio::test]
async fn a_canceled_order_lets_the_money_go_and_the_unit_back() {
    let stall = Stall::open(1).await;
    let order = stall.buy().await;
    for _ in 0..2 {
        let canceled = stall
            .staff
            .post(
                &format!("/v1/orders/{order}/cancellation"),
                &json!({ "reason": "buyer asked" }),
            )
            .await;
        assert_eq!(
            (canceled.status, canceled.value()["state"].as_str()),
            (200, Some("canceled")),
            "{}",
            canceled.text()
        );
    }
    assert_eq!((stall.left().await, stall.charged()), ((1, 0), 0));
    stall.invariants().await;
}

#[tokio::test]
async fn l3_l5_refunds_reverse_leg_by_leg_and_all_of_them_restore_every_share() {
    let stall = Stall::open(3).await;
    let order = stall.buy().await;
    stall.work_is_open(order).await;
    assert_eq!(
        stall
            .staff
            .post(&format!("/v1/orders/{order}/shipments"), &json!({ "carrier": "DHL" }))
            .await
            .status,
        201
    );
    let path = format!("/v1/orders/{order}/refunds");
    for amount in [1, 999, 1333] {
        let back = stall
            .staff
            .post(&path, &json!({ "amount": amount, "reason": "goodwill" }))
            .await;
        assert_eq!(
            (back.status, back.value()["state"].as_str()),
            (201, Some("succeeded")),
            "{}",
            back.text()
        );
        stall.invariants().await;
    }
    let rest = stall.staff.post(&path, &json!({ "reason": "all of it" })).await;
    assert_eq!(
        (rest.status, rest.value()["amount"]["amount"].as_i64()),
        (201, Some(3490 - 1 - 999 - 1333)),
        "{}",
        rest.text()
    );
    for kind in [AccountKind::TaxPayable, AccountKind::PlatformRevenue] {
        assert_eq!(stall.balance(kind).await, 0, "{kind:?} is as before the sale");
    }
    let more = stall
        .staff
        .post(&path, &json!({ "amount": 1, "reason": "too much" }))
        .await;
    assert_eq!(more.status, 409, "{}", more.text());
    stall.invariants().await;
}

#[tokio::test]
async fn p13_fifty_refunds_at_once_never_exceed_what_was_taken() {
    let stall = Arc::new(Stall::open(1).await);
    let order = stall.buy().await;
    stall.work_is_open(order).await;
    stall
        .staff
        .post(&format!("/v1/orders/{order}/shipments"), &json!({ "carrier": "DHL" }))
        .await;
    let mut tasks = Vec::new();
    for _ in 0..50 {
        let stall = stall.clone();
        tasks.push(tokio::spawn(async move {
            stall
                .staff
                .post(
                    &format!("/v1/orders/{order}/refunds"),
                    &json!({ "amount": 300, "reason": "race" }),
                )
                .await
                .status
        }));
    }
    let mut done = 0;
    for task in tasks {
        match task.await.unwrap() {
            201 => done += 1,
            status => assert_eq!(status, 409),
        }
    }
    assert_eq!(done, 11, "eleven times 3.00 fit into 34.90");
    stall.invariants().await;
}

/// Quotes are in hand, then everybody taps in the same moment.
async fn rush(buyers: usize, units: u32) {
    let stall = Arc::new(Stall::open(units).await);
    let quote = Arc::new(stall.quote(1).await);
    // As many at once as a slow machine, without optimisations, answers before anybody is asked to come again.
    let doors = Arc::new(Semaphore::new(100));
    let mut tasks = Vec::new();
    for _ in 0..buyers {
        let (stall, quote, doors) = (stall.clone(), quote.clone(), doors.clone());
        tasks.push(tokio::spawn(async move {
            let _door = doors.acquire_owned().await.unwrap();
            stall
                .player
                .put(
                    &format!("/v1/checkouts/{}", stall.checkout()),
                    &tap_body(&quote, "tok_visa"),
                )
                .await
        }));
    }
    let (mut sold, mut refused) = (0, 0);
    for task in tasks {
        let answer = task.await.unwrap();
        match answer.status {
            201 => {
                assert_eq!(answer.value()["state"], "completed", "{}", answer.text());
                sold += 1;
            }
            _ => {
                assert_eq!(answer.refusal(), (409, "sold_out".into()), "{}", answer.text());
                refused += 1;
            }
        }
    }
    let units = units as usize;
    assert_eq!((sold, refused), (units, buyers - units));
    assert_eq!(
        (stall.left().await, stall.charged()),
        ((0, 0), units),
        "nobody else was charged, nothing is stranded"
    );
    stall.invariants().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_six_hundred_buyers_five_hundred_units() {
    rush(600, 500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_two_thousand_buyers_a_hundred_units() {
    rush(2000, 100).await;
}

#[tokio::test]
async fn whoever_packs_a_parcel_says_so_and_others_see_it() {
    let stall = Stall::open(2).await;
    let order = stall.buy().await;
    stall.work_is_open(order).await;
    let page = format!("/studio/{}/orders/{order}", stall.shop.slug);
    assert!(stall.staff.get(&page).await.text().contains("I pack this one"));
    for _ in 0..2 {
        let said = stall.staff.form(&format!("{page}/acceptance"), &[]).await;
        assert_eq!(said.status, 303, "saying it twice is saying it once: {}", said.text());
    }
    let seen = stall.staff.get(&page).await.text().to_owned();
    assert!(
        seen.contains("Being packed") && !seen.contains("I pack this one"),
        "{seen}"
    );
    stall.invariants().await;
}
