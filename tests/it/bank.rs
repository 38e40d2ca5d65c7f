//! What stories about money share: the bank's weather and its own books, a payment as its shop sees it, a person's decision, and time that passes.

use crate::buying::Stall;
use crate::harness::{Answer, Client};
use hawker::db::LaneKey;
use hawker::kernel::{IntentId, OrderId, Seconds};
use hawker::payments::sandbox::{Faults, Sandbox};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

pub const DAY: i64 = 86_400;

/// What a checkout's answer says, with its status.
pub fn state(answer: &Answer) -> (u16, String) {
    let state = answer.value()["state"].as_str().unwrap_or_default().to_owned();
    (answer.status, state)
}

/// Asks until there is an answer: jobs look every second, at most.
pub async fn eventually<T, F: Future<Output = Option<T>>>(ask: impl Fn() -> F) -> T {
    for _ in 0..1500 {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came");
}

/// The payment of an order.
pub fn payment_of(order: OrderId) -> IntentId {
    order.to_string().replace("ord_", "int_").parse().unwrap()
}

impl Stall {
    pub fn sandbox(&self) -> Arc<Sandbox> {
        Sandbox::installed(&self.world.app).unwrap()
    }

    /// What goes wrong at the bank from now on.
    pub fn weather(&self, faults: &str) {
        self.sandbox().set_faults(Faults::parse(1, faults).unwrap());
    }

    /// The owner, as a program.
    pub fn owner(&self) -> Client {
        self.staff.clone().with("accept", "application/json")
    }

    /// A page of the studio.
    pub async fn studio(&self, page: &str) -> String {
        let path = format!("/studio/{}{page}", self.shop.slug);
        self.staff.get(&path).await.text()
    }

    pub async fn payment(&self, id: IntentId) -> Value {
        let shown = self.owner().get(&format!("/v1/payments/{id}")).await;
        assert_eq!(shown.status, 200, "{}", shown.text());
        shown.value()
    }

    pub async fn version(&self, id: IntentId) -> i64 {
        self.payment(id).await["version"].as_i64().unwrap()
    }

    /// A person decides about a payment, as it is now.
    pub async fn decide(&self, id: IntentId, decision: &str) -> Answer {
        let seen = self.version(id).await;
        self.decide_at(id, seen, decision).await
    }

    pub async fn decide_at(&self, id: IntentId, version: i64, decision: &str) -> Answer {
        self.owner()
            .with("if-match", &format!("\"{version}\""))
            .post(
                &format!("/v1/payments/{id}/decisions"),
                &json!({ "decision": decision, "reason": "Their support looked at it" }),
            )
            .await
    }

    /// Waits until a payment says so.
    pub async fn payment_becomes(&self, id: IntentId, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Value::Null;
        for _ in 0..750 {
            seen = self.payment(id).await;
            if is(&seen) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never {what}: {seen}")
    }

    /// Waits until an order reads so.
    pub async fn order_becomes(&self, id: OrderId, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Value::Null;
        for _ in 0..150 {
            seen = self.order(id).await;
            if is(&seen) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("never {what}: {seen}");
    }

    /// Time passes for every promise of the shop, here and at the processors. No story moves the clock of a PostgreSQL server, so the rows grow
    /// older instead, on both engines alike.
    pub async fn age(&self, seconds: i64) {
        for sandbox in Sandbox::all(&self.world.app) {
            let now = self.world.app.clock.wall();
            sandbox.books().grow_older(Seconds(seconds), now);
        }
        let (shop, by) = (self.shop.id, seconds * 1_000_000);
        let aged = self.world.app.db.write(LaneKey(0), move |tx| {
            tx.exec(
                "update attempts set capture_before = capture_before - $2, next_check_at = next_check_at - $2, created_at = created_at - $2
                  where shop_id = $1",
                hawker::args![shop, by],
            )?;
            tx.exec(
                "update intents set lost_at = lost_at - $2, next_check_at = next_check_at - $2 where shop_id = $1",
                hawker::args![shop, by],
            )?;
            tx.exec(
                "update captures set next_check_at = next_check_at - $2 where shop_id = $1",
                hawker::args![shop, by],
            )?;
            tx.exec(
                "update refunds set next_check_at = next_check_at - $2 where shop_id = $1",
                hawker::args![shop, by],
            )
        });
        aged.await.unwrap();
    }
}
