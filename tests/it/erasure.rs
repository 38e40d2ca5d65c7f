//! A buyer asks to be erased: what goes, what is held and why, and what stays as it was.

use crate::bank::eventually;
use crate::buying::{Stall, tap_body};
use crate::harness::World;
use hawker::db::{self, LaneKey};
use hawker::erasure;
use hawker::kernel::{Clock, ErasureId, OrderId};
use hawker::ledger;
use serde_json::{Value, json};
use std::time::Duration;

const EMAIL: &str = "Quirina.Zwick@example.net";
const MARKS: [&str; 5] = [
    "quirina.zwick",
    "Zwickelbauer",
    "Irrgartenweg",
    "98761234",
    "JD0177TRACK",
];

impl Stall {
    /// A whole purchase by somebody whose words can be looked for.
    async fn bought_by(&self, email: &str) -> OrderId {
        let quote = self.quote(1).await;
        let mut body = tap_body(&quote, "tok_visa");
        body["contact"] = json!({ "email": email, "phone": "+49 30 98761234" });
        body["address"]["name"] = "Quirina Zwickelbauer".into();
        body["address"]["line1"] = "Irrgartenweg 7".into();
        let bought = self
            .player
            .put(&format!("/v1/checkouts/{}", self.checkout()), &body)
            .await;
        assert_eq!(bought.status, 201, "{}", bought.text());
        bought.value()["order"]["id"].as_str().unwrap().parse().unwrap()
    }

    async fn sent(&self, order: OrderId) {
        self.work_is_open(order).await;
        let parcel = json!({ "carrier": "DHL", "tracking": "JD0177TRACK" });
        let path = format!("/v1/orders/{order}/shipments");
        let sent = self
            .staff
            .clone()
            .with("idempotency-key", "parcel")
            .post(&path, &parcel)
            .await;
        assert_eq!(sent.status, 201, "{}", sent.text());
    }

    pub fn wish(&self) -> ErasureId {
        self.world.app.random.id(self.world.app.clock.wall())
    }

    pub async fn ask(&self, id: ErasureId, contact: &str) -> Value {
        let asked = self
            .staff
            .post("/v1/erasures", &json!({ "id": id, "contact": contact }))
            .await;
        assert!(asked.status < 300, "{}", asked.text());
        asked.value()
    }

    async fn erasure(&self, id: ErasureId) -> Value {
        self.staff.get(&format!("/v1/erasures/{id}")).await.value()
    }

    /// The job looks again, as often as it takes.
    async fn until_done(&self, id: ErasureId) -> Value {
        for _ in 0..100 {
            self.world.clock.advance(60);
            let now = self.erasure(id).await;
            if now["state"] == "done" {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("it was not done: {}", self.erasure(id).await)
    }

    /// Both letters of a sale have left.
    async fn told(&self, order: OrderId) {
        for _ in 0..400 {
            let pack = self.pack(order).await;
            let letters = pack["letters"].as_array().unwrap().clone();
            if letters.len() == 2 && letters.iter().all(|letter| !letter["sent_at"].is_null()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the letters did not leave")
    }

    async fn pack(&self, order: OrderId) -> Value {
        let mut pack = self.staff.get(&format!("/v1/orders/{order}/evidence")).await.value();
        pack.as_object_mut().unwrap().remove("made_at");
        pack
    }

    /// What must not change: balances, every sealed hash, totals.
    async fn books(&self) -> String {
        let shop = self.shop.id;
        let (balances, hashes, totals) = self
            .world
            .app
            .db
            .read(move |tx| {
                let hashes: Vec<(i64, Vec<u8>)> = tx.all(
                    "select sequence, hash from transfers where sequence is not null order by shop_id, sequence limit 1000",
                    &[],
                )?;
                let totals: (i64, i64) = tx.one(
                    "select cast(sum(total_minor) as bigint), cast(sum(tax_minor) as bigint) from orders",
                    &[],
                )?;
                Ok((ledger::balances(tx, shop)?, hashes, totals))
            })
            .await
            .unwrap();
        format!("{balances:?} {hashes:?} {totals:?}")
    }

    async fn sealed(&self) {
        for _ in 0..200 {
            let open: (i64,) = self
                .world
                .app
                .db
                .read(|tx| tx.one("select count(*) from transfers where sequence is null", &[]))
                .await
                .unwrap();
            if open.0 == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the ledger was not sealed")
    }

    async fn whole(&self) {
        let broken = self.world.app.db.read(erasure::check).await.unwrap();
        assert_eq!(broken, Vec::<String>::new());
        self.invariants().await;
    }
}

/// Where one of the words stands: in any column of any table; on SQLite in any byte of the databases' files, too.
async fn found(world: &World, marks: &[&str]) -> Vec<String> {
    let sqlite = world.is_sqlite();
    let marks: Vec<String> = marks.iter().map(|mark| mark.to_lowercase()).collect();
    let in_files = marks.clone();
    let list = if sqlite {
        "select m.name, c.name from sqlite_schema m join pragma_table_info(m.name) c where m.type = 'table' and m.name not like 'sqlite_%'"
    } else {
        "select table_name::text, column_name::text from information_schema.columns where table_schema = 'public'"
    };
    let mut all = world
        .app
        .db
        .read(move |tx| {
            let columns: Vec<(String, String)> = tx.all(list, &[])?;
            let mut all = Vec::new();
            for (table, column) in columns {
                let text = if sqlite {
                    format!("cast({table}.\"{column}\" as text)")
                } else {
                    format!("{table}.\"{column}\"::text")
                };
                for mark in &marks {
                    let sql = format!("select count(*) from {table} where lower({text}) like '%{mark}%'");
                    let (count,): (i64,) = tx.one(Box::leak(sql.into_boxed_str()), &[])?;
                    if count > 0 {
                        all.push(format!("{mark} in {table}.{column}"));
                    }
                }
            }
            Ok(all)
        })
        .await
        .unwrap();
    if sqlite {
        for entry in std::fs::read_dir(&world.config.data).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !name.contains(".db") {
                continue; // What a processor knows is its own: the sandbox's journal stands in for one.
            }
            let bytes = std::fs::read(&path).unwrap().to_ascii_lowercase();
            for mark in &in_files {
                if bytes.windows(mark.len()).any(|window| window == mark.as_bytes()) {
                    all.push(format!("{mark} in {name}"));
                }
            }
        }
    }
    all
}

/// The confirmation arrives, and is nowhere afterwards.
async fn confirmed(stall: &Stall) -> String {
    loop {
        let letter = stall.world.mailbox.letter_to(EMAIL).await;
        if letter.subject.contains("was deleted") {
            return letter.text;
        }
    }
}

#[tokio::test]
async fn t9_an_erased_buyer_is_in_no_column_and_no_file_and_the_books_are_as_they_were() {
    let stall = Stall::open_with(9, |config| config.evidence_days = 0).await;
    let order = stall.bought_by(EMAIL).await;
    stall.sent(order).await;
    stall.told(order).await;
    // One that came to nothing, and somebody else's.
    let begun = stall.quote(1).await;
    let reserved = json!({ "quote": begun["quote"], "contact": { "email": EMAIL.to_uppercase() } });
    let reserved = stall
        .player
        .put(&format!("/v1/checkouts/{}", stall.checkout()), &reserved)
        .await;
    assert_eq!(reserved.status, 201, "{}", reserved.text());
    let others = stall.buy().await;
    stall.world.clock.advance(3600);
    for _ in 0..100 {
        if stall.left().await.1 == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stall.sealed().await;
    let before = stall.books().await;
    assert!(!found(&stall.world, &MARKS).await.is_empty());

    let preview = stall
        .staff
        .post("/v1/erasures/preview", &json!({ "contact": EMAIL }))
        .await
        .value();
    assert_eq!(
        (
            preview["orders"].as_i64(),
            preview["begun"].as_i64(),
            preview["held"].clone()
        ),
        (Some(1), Some(1), json!([])),
        "{preview}"
    );
    let id = stall.wish();
    let asked = stall.ask(id, &format!(" {EMAIL} ")).await;
    assert_eq!(asked["erased"], 2, "{asked}");
    let letter = confirmed(&stall).await;
    assert!(letter.contains("We did.") && !letter.contains("except"), "{letter}");
    stall.until_done(id).await;

    assert_eq!(found(&stall.world, &MARKS).await, Vec::<String>::new());
    stall.sealed().await;
    assert_eq!(stall.books().await, before);
    let sold = stall.order(order).await;
    assert_eq!(
        (sold["country"].as_str(), sold["contact"]["email"].clone()),
        (Some("DE"), Value::Null)
    );
    assert!(!sold["erased_at"].is_null() && sold["address"].is_null(), "{sold}");
    assert!(
        stall.order(others).await["contact"]["email"].is_string(),
        "nobody else is touched"
    );
    // What was answered before is not answered again, and nothing leaves twice.
    let parcel = json!({ "carrier": "DHL", "tracking": "JD0177TRACK" });
    let again = stall.staff.clone().with("idempotency-key", "parcel");
    let again = again.post(&format!("/v1/orders/{order}/shipments"), &parcel).await;
    assert!(again.status >= 400, "{}", again.text());
    stall.whole().await;
}

#[tokio::test]
async fn t9_what_is_disputed_is_held_whole_until_it_is_decided_and_then_erased_by_the_job() {
    let stall = Stall::open_with(9, |config| config.evidence_days = 0).await;
    let order = stall.bought_by(EMAIL).await;
    stall.sent(order).await;
    stall.told(order).await;
    let dispute = stall.open_dispute(&stall.disputed(order)).await;
    let before = stall.pack(order).await;
    let id = stall.wish();
    let asked = stall.ask(id, EMAIL).await;
    assert_eq!(
        (asked["state"].as_str(), asked["erased"].as_i64()),
        (Some("open"), Some(0)),
        "{asked}"
    );
    assert!(
        asked["held"][0]["reasons"]
            .as_array()
            .unwrap()
            .contains(&json!("dispute")),
        "{asked}"
    );
    let letter = confirmed(&stall).await;
    assert!(letter.contains("a dispute at a bank is not decided"), "{letter}");
    assert_eq!(stall.pack(order).await, before, "the evidence is whole");
    let proposed = stall.staff.get(&format!("/v1/disputes/{dispute}")).await.value();
    let texts = json!({ "texts": { "customer_name": "Quirina Zwickelbauer", "statement": "losing_evidence", "customer_email": EMAIL } });
    assert_eq!(
        proposed["proposed"]["customer_name"], "Quirina Zwickelbauer",
        "{proposed}"
    );
    let answered = stall
        .staff
        .post(&format!("/v1/disputes/{dispute}/answer"), &texts)
        .await;
    assert_eq!(answered.status, 200, "{}", answered.text());
    for _ in 0..200 {
        let now = stall.staff.get(&format!("/v1/disputes/{dispute}")).await.value();
        if now["state"] == "won" || now["state"] == "lost" {
            break;
        }
        stall.world.clock.advance(60);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stall.sealed().await;
    let books = stall.books().await;
    stall.world.clock.advance(2 * 86_400);
    stall.until_done(id).await;
    assert_eq!(found(&stall.world, &MARKS).await, Vec::<String>::new());
    stall.sealed().await;
    assert_eq!(stall.books().await, books);
    let after = stall.pack(order).await;
    for kept in ["seen", "archive", "number", "order", "confirmed_at"] {
        assert_eq!(after[kept], before[kept], "{kept}");
    }
    assert!(after["missing"].to_string().contains("was erased on"), "{after}");
    assert_eq!(after["disputes"][0]["id"], before["disputes"][0]["id"]);
    stall.whole().await;
}

/// Whoever withdraws after they were erased says who they are once more: that stayed for ever.
#[tokio::test]
async fn t9_what_is_said_of_a_purchase_after_it_was_erased_is_erased_too() {
    let stall = Stall::open_with(9, |config| config.evidence_days = 0).await;
    let order = stall.bought_by(EMAIL).await;
    stall.sent(order).await;
    stall.told(order).await;
    let id = stall.wish();
    stall.ask(id, EMAIL).await;
    stall.until_done(id).await;
    let path = format!("/v1/orders/{order}/returns");
    let statement = json!({ "name": "Quirina Zwickelbauer", "email": EMAIL, "words": "Irrgartenweg is too steep." });
    let stated = stall.staff.post(&path, &statement).await;
    assert_eq!(stated.status, 201, "{}", stated.text());
    eventually(async || (stall.erasure(id).await["state"] == "open").then_some(())).await; // It begins again.
    assert!(!found(&stall.world, &MARKS).await.is_empty());
    stall.whole().await;
    let back = stated.value()["id"].as_str().unwrap().to_owned();
    let received = stall
        .staff
        .post(&format!("{path}/{back}/receipt"), &json!({ "restock": "sellable" }))
        .await;
    assert_eq!(received.status, 200, "{}", received.text());
    stall.world.clock.advance(2 * 86_400);
    stall.until_done(id).await;
    assert_eq!(found(&stall.world, &MARKS).await, Vec::<String>::new());
    stall.whole().await;
}

#[tokio::test]
async fn a_sale_is_held_while_goods_or_money_are_on_their_way_and_as_long_as_a_bank_may_ask() {
    let mut stall = Stall::open(9).await;
    let order = stall.bought_by(EMAIL).await;
    stall.work_is_open(order).await;
    let id = stall.wish();
    let asked = stall.ask(id, EMAIL).await;
    let reasons = asked["held"][0]["reasons"].clone();
    assert!(reasons.as_array().unwrap().contains(&json!("goods")), "{asked}");
    // It is packed and told of as ever: the buyer waits for it.
    stall.sent(order).await;
    stall.told(order).await;
    stall.world.clock.advance(86_400);
    let mut now = Value::Null;
    for _ in 0..100 {
        now = stall.erasure(id).await;
        if now["held"][0]["reasons"] == json!(["evidence"]) {
            break;
        }
        stall.world.clock.advance(3600);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(now["held"][0]["reasons"], json!(["evidence"]), "{now}");
    assert!(now["held"][0]["until"].is_string(), "{now}");
    stall.world.clock.advance(121 * 86_400);
    stall.staff = stall.world.sign_in(&stall.shop, &stall.shop.owner_email).await;
    stall.until_done(id).await;
    assert_eq!(found(&stall.world, &MARKS).await, Vec::<String>::new());
    stall.whole().await;
}

#[tokio::test]
async fn asking_twice_is_asking_once_and_another_shop_is_not_touched() {
    let stall = Stall::open_with(9, |config| config.evidence_days = 0).await;
    let order = stall.bought_by(EMAIL).await;
    stall.sent(order).await;
    stall.told(order).await;
    let other = stall.world.shop("Other").await;
    let theirs = stall.world.sign_in(&other, &other.owner_email).await;
    let id = stall.wish();
    let foreign = theirs
        .post("/v1/erasures", &json!({ "id": id, "contact": EMAIL }))
        .await;
    assert_eq!(foreign.status, 201, "{}", foreign.text());
    assert_eq!(foreign.value()["erased"], 0);
    assert!(
        !stall.order(order).await["contact"]["email"].is_null(),
        "the other shop's wish is the other shop's"
    );
    let taken = stall
        .staff
        .post("/v1/erasures", &json!({ "id": id, "contact": EMAIL }))
        .await;
    assert_eq!(
        (taken.status, taken.value()["code"].as_str()),
        (409, Some("id_reused")),
        "{}",
        taken.text()
    );
    assert_eq!(stall.staff.get(&format!("/v1/erasures/{id}")).await.status, 404);

    let mine = stall.wish();
    let body = json!({ "id": mine, "contact": EMAIL });
    let (one, two) = tokio::join!(
        stall.staff.post("/v1/erasures", &body),
        stall.staff.post("/v1/erasures", &body)
    );
    let mut answers = [one.status, two.status];
    answers.sort_unstable();
    assert_eq!(answers, [200, 201]);
    let wrong = json!({ "id": mine, "contact": "somebody@example.org" });
    assert_eq!(stall.staff.post("/v1/erasures", &wrong).await.status, 409);
    stall.until_done(mine).await;
    // Again, under another id: there is nothing left to erase.
    let again = stall.wish();
    assert_eq!(stall.ask(again, EMAIL).await["erased"], 0);
    stall.whole().await;
}

#[tokio::test]
async fn an_erasure_that_was_cut_off_goes_on_by_itself() {
    let stall = Stall::open_with(9, |config| config.evidence_days = 0).await;
    let order = stall.bought_by(EMAIL).await;
    stall.sent(order).await;
    stall.told(order).await;
    // As a crash right after the wish was written down leaves it.
    let (id, shop) = (stall.wish(), stall.shop.id);
    let key = *stall.world.app.db.signing_key();
    let subject = erasure::Subject::read(EMAIL).unwrap().hash(&key, shop);
    stall
        .world
        .app
        .db
        .write(LaneKey(0), move |tx| {
            tx.exec(
                "insert into erasures (id, shop_id, subject, email, asked_by, state, asked_at, next_check_at) values ($1, $2, $3, $4, 'buyer', 'looking', $5, $5)",
                hawker::args![id, shop, subject, EMAIL, tx.now()],
            )
        })
        .await
        .unwrap();
    stall.until_done(id).await;
    confirmed(&stall).await;
    assert_eq!(found(&stall.world, &MARKS).await, Vec::<String>::new());
    stall.whole().await;
}

#[tokio::test]
async fn the_list_of_erasures_erases_again_in_a_restored_backup() {
    let mut stall = Stall::open_with(9, |config| config.evidence_days = 0).await;
    if !stall.world.is_sqlite() {
        return;
    }
    let order = stall.bought_by(EMAIL).await;
    stall.sent(order).await;
    stall.told(order).await;
    let (data, backup) = (stall.world.config.data.clone(), stall.world.folder().join("backup"));
    let (from, to) = (data.clone(), backup.clone());
    tokio::task::spawn_blocking(move || db::backup(&from, &to, db::SystemClock::default().wall()).unwrap())
        .await
        .unwrap();
    stall.world.clock.advance(1);
    let id = stall.wish();
    stall.ask(id, EMAIL).await;
    stall.until_done(id).await;
    let list = erasure::export(&stall.world.app).await.unwrap();
    assert!(
        list.contains(&id.to_string()) && !list.to_lowercase().contains("quirina"),
        "{list}"
    );

    let restored = stall.world.folder().join("restored");
    let (from, to) = (backup, restored.clone());
    tokio::task::spawn_blocking(move || db::restore(&from, &to).unwrap())
        .await
        .unwrap();
    std::fs::copy(data.join("sandbox.journal"), restored.join("sandbox.journal")).unwrap();
    stall.world.end().await;
    stall.world.config.data = restored;
    stall.world = stall.world.restart().await;
    stall.staff = stall.world.sign_in(&stall.shop, &stall.shop.owner_email).await;
    stall.world.clock.advance(3600);
    assert!(
        !found(&stall.world, &MARKS).await.is_empty(),
        "the backup knows nothing of it"
    );
    assert_eq!(erasure::import(&stall.world.app, &list).await.unwrap(), 1);
    assert_eq!(
        erasure::import(&stall.world.app, &list).await.unwrap(),
        0,
        "once is enough"
    );
    stall.until_done(id).await;
    assert_eq!(found(&stall.world, &MARKS).await, Vec::<String>::new());
    let shop = stall.shop.id;
    let whole = ledger::verify(&stall.world.app.db, shop).await.unwrap();
    assert!(matches!(whole, ledger::Verdict::Whole { .. }));
}

#[tokio::test]
async fn a_buyer_deletes_their_data_on_the_page_of_their_order_in_two_steps() {
    let stall = Stall::open_with(9, |config| config.evidence_days = 0).await;
    let order = stall.bought_by(EMAIL).await;
    stall.sent(order).await;
    stall.told(order).await;
    let key = *stall.world.app.db.signing_key();
    let token = hawker::checkout::order_token(&key, order);
    let page = format!("/s/{}/orders/{order}", stall.shop.slug);
    let buyer = stall.world.browser();
    let shown = buyer.get(&format!("{page}?t={token}")).await.text();
    assert!(shown.contains("Delete my personal data"), "{shown}");
    assert_eq!(buyer.get(&format!("{page}/erasure?t=guessed")).await.status, 404);
    let first = buyer.get(&format!("{page}/erasure?t={token}")).await;
    let first = first.text();
    assert!(
        first.contains("cannot be undone") && first.contains("of 1 order"),
        "{first}"
    );
    let (_, id) = first.split_once("name=\"erasure\" value=\"").unwrap();
    let id = id.split('"').next().unwrap();
    let action = format!("{page}/erasure?t={token}");
    let wrong = buyer
        .form(&action, &[("erasure", id), ("contact", "jo@example.org")])
        .await;
    assert_eq!(wrong.status, 422, "{}", wrong.text());
    assert!(
        !stall.order(order).await["contact"]["email"].is_null(),
        "nothing was deleted"
    );
    let guessed = format!("{page}/erasure?t=guessed");
    let guessed = buyer.form(&guessed, &[("erasure", id), ("contact", EMAIL)]).await;
    assert_eq!(guessed.status, 404);
    let done = buyer.form(&action, &[("erasure", id), ("contact", EMAIL)]).await;
    assert!(
        done.status == 200 && done.text().contains("is being deleted"),
        "{}",
        done.text()
    );
    assert!(stall.order(order).await["contact"]["email"].is_null());
    let again = buyer.form(&action, &[("erasure", id), ("contact", EMAIL)]).await;
    assert!(
        again.status == 200 && again.text().contains("It is deleted"),
        "{}",
        again.text()
    );
    stall.until_done(id.parse().unwrap()).await;
    assert_eq!(found(&stall.world, &MARKS).await, Vec::<String>::new());
    let shown = buyer.get(&format!("{page}?t={token}")).await.text();
    assert!(
        shown.contains("Erased on") && !shown.contains("Delete my personal data"),
        "{shown}"
    );
    let desk = stall
        .staff
        .get(&format!("/studio/{}/settings/privacy", stall.shop.slug))
        .await
        .text();
    assert!(
        desk.contains("By the buyer") && desk.contains("1 purchase erased"),
        "{desk}"
    );
    stall.whole().await;
}
