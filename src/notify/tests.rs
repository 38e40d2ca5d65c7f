//! Letters: one of a kind for one thing, sent by whoever holds the newest lease, and never too many.

use super::compose::TEMPLATES;
use super::deliver::{End, take, write_down};
use super::model::{LEASE, LETTERS_A_DAY, next_try, one_line, short};
use super::smtp::message;
use super::*;
use crate::app::App;
use crate::catalog::{self, Create, NewProduct, NewVariant, ProductState, TaxCategory};
use crate::checkout::{self, Address, Buy, Contact, Paying, Payment, Tap};
use crate::db::{Engine, LaneKey};
use crate::delivery::{self, NewMethod, NewZone};
use crate::fixture::Fixture;
use crate::fulfilment::{self, HandOver};
use crate::kernel::{
    CheckoutId, Currency, Fact, Id, Mail, MailError, MailId, Mailer, Money, OrderId, Rate, Result, Time, VariantId,
};
use crate::offers::{self, Asked, Offer, PaymentMethod, WantedLine};
use crate::payments::processors::Manual;
use crate::taxes::{self, TaxRate};
use crate::{identity, inventory};
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// A mail server that says what it was told to say, and remembers.
#[derive(Default)]
struct Server {
    answers: Mutex<Vec<Result<(), MailError>>>,
    took: Mutex<Vec<Mail>>,
}

impl Mailer for Server {
    fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.took.lock().unwrap().push(mail.clone());
        let mut answers = self.answers.lock().unwrap();
        if answers.is_empty() { Ok(()) } else { answers.remove(0) }
    }
}

struct World {
    fixture: Fixture,
    app: App,
    server: Arc<Server>,
}

fn world_on(fixture: Fixture) -> World {
    let server = Arc::new(Server::default());
    let app = fixture.app(vec![Arc::new(Manual)], server.clone());
    World { fixture, app, server }
}

async fn world() -> World {
    tokio::task::spawn_blocking(|| world_on(Fixture::new())).await.unwrap()
}

async fn worlds() -> Vec<World> {
    tokio::task::spawn_blocking(|| Fixture::engines().into_iter().map(world_on).collect())
        .await
        .unwrap()
}

impl World {
    fn letter(&self, about: u128, to: &str) -> NewMail {
        NewMail {
            shop: self.fixture.shop,
            kind: MailKind::Canceled,
            about: Uuid::from_u128(about),
            to: to.into(),
            subject: "Your order".into(),
            says: r#"{"language":"en","shop":"Ebb","seller":"Ebb","test_mode":false,"number":"1","link":"/","returns":"/","return_days":14,
                "total":"€1.00","amount":"€1.00","whole":true}"#
                .into(),
        }
    }
    async fn queue(&self, mail: NewMail) -> Queue {
        self.app.db.write(LaneKey(0), move |tx| queue(tx, &mail)).await.unwrap()
    }
    async fn take(&self) -> Option<Letter> {
        self.app.db.write(LaneKey(0), take).await.unwrap()
    }
    async fn write_down(&self, letter: &Letter, end: End) -> bool {
        let letter = letter.clone();
        self.app
            .db
            .write(LaneKey(0), move |tx| write_down(tx, &letter, &end))
            .await
            .unwrap()
    }
    fn say(&self, answers: Vec<Result<(), MailError>>) {
        *self.server.answers.lock().unwrap() = answers;
    }
    fn took(&self) -> Vec<Mail> {
        std::mem::take(&mut *self.server.took.lock().unwrap())
    }
    async fn waiting(&self) -> (i64, i64) {
        let waiting = self.app.db.read(waiting).await.unwrap();
        (waiting.letters, waiting.refused)
    }
}

#[test]
fn a_letter_is_tried_for_two_days_and_then_given_up() {
    let now = Time::from_unix_seconds(1_800_000_000);
    let pauses: Vec<_> = (1..=9)
        .map(|tries| next_try(now, tries).map(|at| at.since(now).0))
        .collect();
    let expected = [60, 300, 900, 3_600, 14_400, 28_800, 43_200, 86_400].map(Some);
    assert_eq!(pauses[..8], expected);
    assert_eq!(pauses[8], None);
}

#[test]
fn a_subject_cannot_begin_another_header() {
    assert_eq!(
        one_line("Your order\r\nBcc: everybody@example.org\u{0}"),
        "Your order Bcc: everybody@example.org"
    );
    assert_eq!(short(&"long ".repeat(200)).chars().count(), 300);
    let mail = Mail {
        id: MailId::from_uuid(Uuid::from_u128(1)),
        from: "Hawker <hawker@shop.test>".into(),
        to: "jo@example.org".into(),
        subject: "Käthe\r\nBcc: x@example.org".into(),
        text: "Grüße".into(),
        html: "<p>Grüße</p>".into(),
    };
    let written = String::from_utf8(message(&mail).unwrap().formatted()).unwrap();
    let (head, _) = written.split_once("\r\n\r\n").unwrap();
    assert!(
        !head.lines().any(|line| line.to_lowercase().starts_with("bcc")),
        "{head}"
    );
    assert!(head.contains(&format!("Message-ID: <{}@shop.test>", mail.id)), "{head}");
    assert!(
        head.contains("Auto-Submitted: auto-generated") && head.contains("multipart/alternative"),
        "{head}"
    );
    for (from, to) in [
        ("nonsense", "jo@example.org"),
        ("hawker@shop.test", "no address"),
        ("hawker@shop.test", "a@b.test\r\nBcc: x@y.test"),
    ] {
        let bad = Mail {
            from: from.into(),
            to: to.into(),
            ..mail.clone()
        };
        assert!(matches!(message(&bad), Err(MailError::Refused(_))), "{from} {to}");
    }
}

#[tokio::test]
async fn one_letter_of_a_kind_for_one_thing() {
    for world in worlds().await {
        assert_eq!(world.queue(world.letter(1, "jo@example.org")).await, Queue::Queued);
        assert_eq!(world.queue(world.letter(1, "jo@example.org")).await, Queue::Again);
        assert_eq!(
            world
                .queue(NewMail {
                    kind: MailKind::Refunded,
                    ..world.letter(1, "jo@example.org")
                })
                .await,
            Queue::Queued
        );
        assert_eq!(world.queue(world.letter(2, " ")).await, Queue::NoAddress);
        let done = deliver(&world.app).await.unwrap();
        assert_eq!(
            done,
            Delivered {
                sent: 2,
                ..Delivered::default()
            }
        );
        assert_eq!(deliver(&world.app).await.unwrap(), Delivered::default());
        let took = world.took();
        assert_eq!(
            (took.len(), took[0].to.as_str(), took[0].from.as_str()),
            (2, "jo@example.org", "Hawker <hawker@localhost>")
        );
    }
}

#[tokio::test]
async fn w1_a_letter_exists_exactly_if_what_it_tells_was_committed() {
    let world = world().await;
    let mail = world.letter(1, "jo@example.org");
    let died = world.app.db.write(LaneKey(0), move |tx| {
        queue(tx, &mail)?;
        Err::<(), _>(crate::kernel::Error::internal("the process was killed here"))
    });
    assert!(died.await.is_err());
    assert_eq!(world.waiting().await, (0, 0));
    world.queue(world.letter(1, "jo@example.org")).await;
    // Taken, sent, and killed before that was written down: the next one sends it again, under the same id.
    let taken = world.take().await.unwrap();
    assert_eq!(world.take().await, None, "nobody else gets it while the lease lasts");
    world.fixture.pass(LEASE.0 / 60 + 1);
    assert_eq!(deliver(&world.app).await.unwrap().sent, 1);
    assert_eq!(world.took()[0].id, taken.id);
}

#[tokio::test]
async fn w4_whoever_lost_the_lease_writes_nothing() {
    for world in worlds().await {
        world.queue(world.letter(1, "jo@example.org")).await;
        let paused = world.take().await.unwrap();
        world.fixture.pass(LEASE.0 / 60 + 1);
        let second = world.take().await.unwrap();
        assert_eq!((second.id, second.lease), (paused.id, paused.lease + 1));
        // The first one wakes up and has three different things to say; none of them counts.
        for end in [
            End::Sent,
            End::Refused("no such box".into()),
            End::Failed("busy".into()),
        ] {
            assert!(!world.write_down(&paused, end).await);
        }
        assert_eq!(world.waiting().await, (1, 0));
        assert!(world.write_down(&second, End::Sent).await);
        assert!(
            !world.write_down(&second, End::Failed("late".into())).await,
            "an end is an end"
        );
        assert_eq!(world.waiting().await, (0, 0));
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_tried_later_and_a_refused_address_never_again() {
    for world in worlds().await {
        world.queue(world.letter(1, "jo@example.org")).await;
        let away = || Err(MailError::Unreachable("connection refused".into()));
        world.say(vec![away()]);
        assert_eq!(
            deliver(&world.app).await.unwrap(),
            Delivered {
                put_off: 1,
                ..Delivered::default()
            }
        );
        assert_eq!(
            deliver(&world.app).await.unwrap(),
            Delivered::default(),
            "not before its time"
        );
        world.fixture.pass(2);
        world.say(vec![Err(MailError::Refused("550 no such box".into()))]);
        assert_eq!(deliver(&world.app).await.unwrap().refused, 1);
        world.fixture.pass(60 * 24 * 7);
        assert_eq!(deliver(&world.app).await.unwrap(), Delivered::default());
        assert_eq!((world.took().len(), world.waiting().await), (2, (0, 1)));
    }
}

#[tokio::test]
async fn a_letter_that_never_leaves_ends_and_blocks_nobody() {
    let world = world().await;
    world.queue(world.letter(1, "jo@example.org")).await;
    let mut rounds = 0;
    while world.waiting().await == (1, 0) {
        world.say(vec![Err(MailError::Unreachable("busy".into()))]);
        deliver(&world.app).await.unwrap();
        world.fixture.pass(60 * 25);
        rounds += 1;
        assert!(rounds < 20, "it never ends");
    }
    assert_eq!((rounds, world.waiting().await), (9, (0, 1)));
    // Many failures in a row: the server is left alone until the next round, which begins with others.
    for about in 10..20 {
        world.queue(world.letter(about, "jo@example.org")).await;
    }
    world.say((0..3).map(|_| Err(MailError::Unreachable("busy".into()))).collect());
    assert_eq!(deliver(&world.app).await.unwrap().put_off, 3);
    assert_eq!(deliver(&world.app).await.unwrap().sent, 7);
}

#[tokio::test]
async fn x10_an_address_gets_so_many_letters_a_day_whoever_asks() {
    for world in worlds().await {
        let most = u128::try_from(LETTERS_A_DAY).unwrap();
        for about in 0..most {
            let shop = if about % 2 == 0 {
                world.fixture.shop
            } else {
                world.fixture.neighbour
            };
            assert_eq!(
                world
                    .queue(NewMail {
                        shop,
                        ..world.letter(about, "Jo@Example.org")
                    })
                    .await,
                Queue::Queued
            );
        }
        assert_eq!(
            world.queue(world.letter(900, "jo@example.org")).await,
            Queue::OverBudget
        );
        assert_eq!(world.queue(world.letter(901, "bo@example.org")).await, Queue::Queued);
        assert_eq!(world.waiting().await, (LETTERS_A_DAY + 1, 1));
        world.fixture.pass(60 * 48);
        assert_eq!(world.queue(world.letter(902, "jo@example.org")).await, Queue::Queued);
        assert_eq!(prune(&world.app).await.unwrap(), 2);
    }
}

#[tokio::test]
async fn the_demo_keeps_what_it_sends_and_what_it_sent_before() {
    let fixture = tokio::task::spawn_blocking(Fixture::new).await.unwrap();
    let app = fixture.app(Vec::new(), Arc::new(Mailbox::new(fixture.clock())));
    let world = World {
        app,
        fixture,
        server: Arc::default(),
    };
    world.queue(world.letter(1, "jo@example.org")).await;
    deliver(&world.app).await.unwrap();
    world.fixture.pass(1);
    let link = Mail {
        id: MailId::from_uuid(Uuid::from_u128(5)),
        from: String::new(),
        to: "nadja@example.org".into(),
        subject: "Sign in".into(),
        text: "A link".into(),
        html: String::new(),
    };
    world.app.mailer.send(&link).unwrap();
    world.app.mailer.send(&link).unwrap();
    let subjects = |mails: Vec<Kept>| mails.into_iter().map(|mail| mail.subject).collect::<Vec<_>>();
    assert_eq!(subjects(mailbox(&world.app).await.unwrap()), ["Sign in", "Your order"]);
}

/// Sells a mug by hand payment and answers the order.
async fn sell(world: &World, email: &str) -> OrderId {
    let shop = world.fixture.shop;
    let eur = |minor| Money::new(minor, Currency::EUR);
    let setting_up = world.app.db.write(LaneKey(0), move |tx| {
        let new = NewProduct {
            title: "Ebb <mug> & saucer".into(),
            slug: None,
            description: String::new(),
            kind: catalog::Kind::Physical,
            tax_category: TaxCategory::Standard,
            image: String::new(),
            state: ProductState::Active,
            variants: vec![NewVariant {
                price: Some(eur(3_800)),
                ..NewVariant::default()
            }],
        };
        let id = tx.id();
        let Create::Created(_, variants) = catalog::create(tx, (shop, Currency::EUR), id, &new)? else {
            panic!("not created")
        };
        taxes::set(
            tx,
            shop,
            &[TaxRate {
                country: "DE".into(),
                category: TaxCategory::Standard,
                rate: Rate(1_900),
            }],
        )?;
        let method = NewMethod {
            id: None,
            name: "Parcel".into(),
            price: eur(490),
            eta_days_min: 2,
            eta_days_max: 4,
        };
        delivery::set(
            tx,
            shop,
            &[NewZone {
                id: None,
                name: "Germany".into(),
                countries: vec!["DE".into()],
                methods: vec![method],
            }],
        )?;
        inventory::set_stock(tx, shop, variants[0].id, None, 5)?;
        Ok(variants[0].id)
    });
    let mug: VariantId = setting_up.await.unwrap();
    let quoting = world.app.db.read(move |tx| {
        let seller = identity::shop(tx, shop)?;
        let asked = Asked {
            drop: None,
            lines: vec![WantedLine {
                variant: mug,
                quantity: 2,
            }],
            country: "DE".into(),
            delivery: None,
            seen: None,
            discounts: crate::discounts::Wish::default(),
        };
        offers::quote(tx, &seller, &asked, crate::kernel::Seconds::minutes(15))
    });
    let Offer::Quoted(quote, _) = quoting.await.unwrap() else {
        panic!("not quoted")
    };
    let id = CheckoutId::from_uuid(Uuid::from_u128(0x77));
    let tap = Tap {
        shop,
        id,
        fingerprint: [1; 32],
        quote: *quote,
        contact: Contact {
            email: Some(email.into()),
            phone: Some("+49 30 1234567".into()),
        },
        address: Some(Address {
            name: "Jo Lind".into(),
            line1: "Musterweg 7".into(),
            line2: None,
            postal_code: "04229".into(),
            city: "Leipzig".into(),
            region: None,
            country: "DE".into(),
        }),
        payment: Some(Paying::plain(Payment::new(PaymentMethod::Manual, None))),
        gift_card: None,
        key: None,
        after: None,
        exchange: None,
        return_url: String::new(),
    };
    let Buy::Placed(settled) = checkout::buy(&world.app, tap).await.unwrap().1 else {
        panic!("not placed")
    };
    settled.order.expect("paying by hand confirms at once").id
}

/// What `flow` does about facts, as far as letters go.
async fn write_letters(world: &World) {
    let links = Links::of(&world.app);
    let acting = world
        .app
        .db
        .drain_facts(move |tx: &mut crate::db::Tx<'_>, fact: &Fact| {
            match fact {
                Fact::OrderConfirmed { shop, order, .. } => {
                    let sold = checkout::sold(tx, *shop, *order)?.expect("a fact names an order");
                    let promise = fulfilment::open(tx, &sold)?;
                    order_confirmed(tx, &links, sold, promise)?;
                }
                Fact::ShipmentHandedOver { shop, order, shipment } => {
                    _ = shipment_handed_over(tx, &links, *shop, *order, *shipment)?
                }
                Fact::OrderCanceled { shop, order } => drop(order_canceled(tx, &links, *shop, *order)?),
                Fact::OrderRefunded {
                    shop,
                    order,
                    adjustment,
                } => drop(order_refunded(tx, &links, *shop, *order, *adjustment)?),
                Fact::UnitsCanceled {
                    shop,
                    order,
                    adjustment,
                } => drop(units_canceled(tx, &links, *shop, *order, *adjustment)?),
                Fact::WithdrawalStated { shop, order, statement } => {
                    _ = withdrawal_stated(tx, &links, *shop, *order, *statement)?;
                }
                Fact::RefundFailed {
                    shop,
                    order,
                    refund,
                    amount_minor,
                } => drop(refund_failed(tx, &links, *shop, *order, *refund, *amount_minor)?),
                Fact::PaymentLost { shop, order, tries } => drop(payment_lost(tx, &links, *shop, *order, *tries)?),
                Fact::ExchangeAsked { shop, exchange, .. } => drop(exchange_asked(tx, &links, *shop, *exchange)?),
                Fact::ExchangePayable { shop, exchange, .. } => drop(exchange_payable(tx, &links, *shop, *exchange)?),
                Fact::ExchangeReturned { .. }
                | Fact::PaymentOverdue { .. }
                | Fact::PaymentRenewed { .. }
                | Fact::PaymentCaptured { .. }
                | Fact::DisputeOpened { .. }
                | Fact::DisputeClosed { .. } => {}
            }
            Ok(())
        });
    acting.await.unwrap();
    deliver(&world.app).await.unwrap();
}

#[tokio::test]
async fn the_buyer_hears_of_the_order_the_parcel_and_the_refund() {
    for world in worlds().await {
        let order = sell(&world, "jo@example.org").await;
        write_letters(&world).await;
        let receipt = world.took().pop().unwrap();
        let page = format!(
            "http://shop.test/s/tidal-kiln/orders/{order}?t={}",
            checkout::order_token(world.app.db.signing_key(), order)
        );
        // Two to four days after the Monday that a fixture on SQLite lives in.
        let promise = if matches!(world.app.db.engine(), Engine::Sqlite(_)) {
            "Arrives 25–27 Nov."
        } else {
            "Arrives "
        };
        for part in [
            "is confirmed",
            "2 × Ebb <mug> & saucer: €76.00",
            "Delivery, Parcel: €4.90",
            "Total: €80.90",
            "Musterweg 7",
            promise,
            &page,
            "test shop",
        ] {
            assert!(receipt.text.contains(part), "{part} is not in\n{}", receipt.text);
        }
        assert!(
            receipt.html.contains("Ebb &lt;mug&gt; &amp; saucer") && !receipt.html.contains("<mug>"),
            "{}",
            receipt.html
        );
        assert!(
            receipt.subject.starts_with("Your order ") && receipt.subject.ends_with(" at Tidal Kiln"),
            "{}",
            receipt.subject
        );

        let shop = world.fixture.shop;
        let parcel = HandOver {
            id: world.app.random.id(Time(1_800_000_000_000_000)),
            lines: None,
            carrier: "DHL".into(),
            tracking: "JD014".into(),
        };
        fulfilment::hand_over(&world.app, shop, order, None, parcel)
            .await
            .unwrap();
        write_letters(&world).await;
        let shipped = world.took().pop().unwrap();
        assert!(
            shipped.text.contains("is on its way")
                && shipped.text.contains("Tracking: JD014")
                && !shipped.text.contains("The rest follows"),
            "{}",
            shipped.text
        );

        let refund = world.app.random.id(Time(1_800_000_000_000_000));
        let new = checkout::NewRefund {
            id: refund,
            what: checkout::RefundWhat::Amount(500),
            way: checkout::Way::AsItCame,
            reason: "looked suspicious".into(),
            staff: None,
        };
        checkout::refund(&world.app, shop, order, new).await.unwrap();
        write_letters(&world).await;
        let refunded = world.took().pop().unwrap();
        assert!(refunded.text.starts_with("€5.00 of your order"), "{}", refunded.text);
        assert!(
            !format!("{}{}", refunded.text, refunded.html).contains("suspicious"),
            "the reason is the shop's own"
        );
        assert_eq!(world.waiting().await, (0, 0));
    }
}

#[tokio::test]
async fn a_canceled_order_is_told_and_a_buyer_without_an_address_is_not_written_to() {
    let world = world().await;
    let order = sell(&world, "jo@example.org").await;
    write_letters(&world).await;
    checkout::cancel_order(&world.app, world.fixture.shop, order, None, String::new())
        .await
        .unwrap();
    write_letters(&world).await;
    let took = world.took();
    assert_eq!(took.len(), 2);
    assert!(
        took[1].text.contains("was canceled") && took[1].text.contains("was not charged"),
        "{}",
        took[1].text
    );

    let silent = self::world().await;
    sell(&silent, "").await;
    write_letters(&silent).await;
    assert_eq!((silent.took().len(), silent.waiting().await), (0, (0, 0)));
}

#[test]
fn every_letter_has_both_forms() {
    for kind in MailKind::ALL {
        for form in ["txt", "html"] {
            assert!(
                TEMPLATES.get_template(&format!("{}.{form}", kind.word())).is_ok(),
                "{} {form}",
                kind.word()
            );
        }
    }
}
