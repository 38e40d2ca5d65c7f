//! Fair weather, until nothing is under way; and what must be true then, and after every crash.

use super::{Running, SECOND, World};
use crate::clients::unkept;
use crate::dice::Dice;
use crate::ports::Weather;
use crate::second;
use hawker::args;
use hawker::kernel::{CheckoutId, Clock, Id, IntentId, Kind, Seconds};
use hawker::payments::Decision;
use hawker::payments::sandbox::PaymentState;
use hawker::{checkout, db, fulfilment, gift_cards, inventory, ledger, payments};
use std::collections::BTreeSet;
use vfs::Crash;

impl World<'_> {
    pub(super) fn keep_promises(&mut self) {
        let people = self.people.clone();
        let (buyers, acts) = {
            let people = people.lock().unwrap();
            (people.buyers.clone(), people.acts.clone())
        };
        let shop = self.ground.shop;
        let Running { app, runtime, .. } = self.running();
        match runtime.block_on(unkept(app, shop, &buyers, &acts)) {
            Ok(unkept) => self.outcome.violations.extend(unkept),
            Err(error) => self
                .outcome
                .violations
                .push(format!("the promises could not be looked up: {error}")),
        }
        self.keep_the_show();
    }

    pub(super) fn check(&mut self) {
        let shop = self.ground.shop;
        let checked = self.look(move |tx| {
            let mut broken = inventory::check(tx)?;
            broken.extend(checkout::check(tx)?);
            broken.extend(fulfilment::check(tx)?);
            broken.extend(hawker::returns::check(tx)?);
            broken.extend(hawker::erasure::check(tx)?);
            broken.extend(hawker::price_matches::check(tx)?);
            broken.extend(gift_cards::check(tx)?);
            broken.extend(payments::disputes::check(tx)?);
            // I10, P4: while one try may still become money nobody else is asked.
            let open: Vec<(IntentId, i64)> = tx.all(
                "select intent_id, count(*) from attempts where state in ('sending', 'unknown', 'pending', 'requires_action')
                  group by intent_id having count(*) > 1 limit 20",
                &[],
            )?;
            broken.extend(open.iter().map(|(id, count)| format!("I10: {count} tries of {id} are open at once")));
            let sum: i64 = ledger::balances(tx, shop)?
                .iter()
                .map(|balance| balance.money.minor)
                .sum();
            if sum != 0 {
                broken.push(format!("I20: the accounts sum to {sum}"));
            }
            Ok(broken)
        });
        match checked {
            Ok(broken) => self.outcome.violations.extend(broken),
            Err(error) if error.kind == Kind::Internal && !db::has_ended() => {
                self.outcome.violations.push(error.to_string())
            }
            Err(_) => {} // The disk of the day.
        }
    }

    /// Fair weather until nothing is under way: liveness. Then everything is checked, and somebody buys.
    pub(super) fn come_to_rest(&mut self) {
        if db::has_ended() || self.power_goes {
            self.crash(Crash::KeepUnsynced);
        }
        self.disk.heal();
        self.weather = Weather::default();
        self.crashes = false;
        let mut dice = Dice(self.history.seed ^ 0xfa17);
        for round in 0..240u32 {
            for job in self.jobs() {
                self.a_job_begins(job);
            }
            self.until_idle(&mut dice);
            // A person looks at what only a person leads out.
            if round > 30 && round % 5 == 0 {
                for (intent, version) in self.conflicts() {
                    self.decide(
                        intent,
                        version,
                        Decision::ALL[usize::try_from(round / 5).expect("small") % 3],
                    );
                }
                self.until_idle(&mut dice);
            }
            if round == 30 {
                self.the_show_ends();
                self.the_banks_decide(&mut dice);
            }
            // Some sales are canceled while their payment is in conflict.
            if round == 32 {
                for (intent, _) in self.conflicts() {
                    if intent.uuid().as_bytes()[15] % 2 == 0 {
                        self.cancel_in_conflict(intent);
                    }
                }
                self.until_idle(&mut dice);
            }
            if round == 34 {
                self.the_last_are_forgotten();
            }
            if round >= 30 && round % 10 == 5 {
                self.the_trade_ends(round);
            }
            if round > 30 && round % 10 == 0 && self.is_at_rest() {
                break;
            }
            // A day and a half in all: what waits longest is a promise a buyer never confirmed at their bank.
            self.clock.pass(SECOND * if round < 60 { 5 } else { 12 * 60 });
        }
        self.the_erasures_end(&mut dice);
        if self.outcome.violations.is_empty() {
            self.the_next_buyer_is_served(&mut dice);
        }
        for _ in 0..40 {
            self.clock.pass(SECOND * 5); // First: what runs out in the last moment is looked at too.
            for job in self.jobs() {
                self.a_job_begins(job);
            }
            self.until_idle(&mut dice);
        }
        let complaints = std::mem::take(&mut self.people.lock().unwrap().complaints);
        self.outcome.violations.extend(complaints);
        self.check();
        self.check_drops(true);
        self.check_trade();
        self.keep_promises();
        self.chain();
        let open = self.conflicts();
        if !open.is_empty() {
            self.outcome
                .violations
                .push(format!("liveness: conflicts that no decision ends: {open:?}"));
        }
        let now = self.clock.wall();
        let books: Vec<_> = self.banks.iter().flat_map(|bank| bank.payments(now)).collect();
        let honest = !self.lies;
        let disputes: Vec<_> = self.banks.iter().flat_map(|bank| bank.disputed()).collect();
        match second::check(self.disk.name(), &books, &disputes, honest) {
            Ok(wrong) => self.outcome.violations.extend(wrong),
            Err(error) => self.outcome.violations.push(format!("the second checker: {error}")),
        }
        self.check_the_forgotten();
        let people = self.people.lock().unwrap();
        self.outcome.orders = people.buyers.iter().filter(|buyer| buyer.promised.is_some()).count() as u64;
    }

    pub(super) fn until_idle(&mut self, dice: &mut Dice) {
        for _ in 0..500 {
            self.settle();
            let lane = self.drive(0, 256);
            let reads = self.drive(usize::MAX, 1);
            let idle = lane.ends_with(" 0") && reads.ends_with(" 0") && self.wire.lock().unwrap().is_empty();
            if idle {
                self.settle();
                return;
            }
            let waiting = self.wire.lock().unwrap().len();
            (0..waiting).for_each(|_| drop(self.a_message_arrives(dice)));
        }
    }

    pub(super) fn is_at_rest(&mut self) -> bool {
        // A request that lay somewhere may have come after the last time its processor was told to let go: it is told once more.
        let now = self.clock.wall();
        let books = self.banks.iter().flat_map(|bank| bank.payments(now));
        let standing: BTreeSet<String> = books
            .filter(|payment| payment.state == PaymentState::RequiresCapture)
            .filter_map(|payment| payment.reference().split('/').next().map(str::to_owned))
            .collect();
        let open = self.look(move |tx| {
            let (facts, ..) = db::facts_waiting(tx)?;
            let waiting = payments::waiting(tx)?;
            let (checkouts,): (i64,) = tx.one(
                "select count(*) from checkouts where state not in ('completed', 'canceled', 'expired')",
                &[],
            )?;
            let (looked_for,): (i64,) = tx.one(
                "select count(*) from attempts where state in ('not_executed', 'requires_action') and next_check_at is not null",
                &[],
            )?;
            let (ending,): (i64,) = tx.one(
                "select count(*) from intents where next_check_at is not null and (state <> 'expired' or lost_at is null)",
                &[],
            )?;
            let voiding: Vec<(CheckoutId, bool)> = tx.all(
                "select i.checkout_id, a.processor = 'mute' and a.tries > 3 from attempts a join intents i on i.id = a.intent_id where a.state = 'voiding' limit 100",
                &[],
            )?;
            let owed = |(checkout, told): &&(CheckoutId, bool)| !told || standing.contains(&checkout.to_string());
            let voids_owed = i64::try_from(voiding.iter().filter(owed).count()).expect("a few");
            // By our clock, or by the banks', which may be hours ahead of one that does not believe in steps and goes on until the books are compared.
            let (over,): (i64,) = tx.one(
                "select count(*) from attempts where state = 'authorized'
                    and (capture_before <= $1 or capture_before <= (select max(at) from batches))",
                args![now.plus(Seconds::minutes(10))],
            )?;
            let (disputed,): (i64,) = tx.one(
                "select count(*) from disputes where state in ('inquiry', 'needs_response', 'under_review')",
                &[],
            )?;
            let (forgetting,): (i64,) = tx.one("select count(*) from stored_methods where state = 'forgetting'", &[])?;
            Ok(forgetting + disputed + facts + waiting.unknown + voids_owed + checkouts + looked_for + ending + over)
        });
        let decided = self.conflicts().is_empty() && self.drops_at_work() == 0 && self.trade_at_work() == 0;
        decided && open.is_ok_and(|open| open == 0)
    }

    /// I26.
    pub(super) fn chain(&mut self) {
        let shop = self.ground.shop;
        let Running { app, runtime, .. } = self.running();
        let verifying = app.clone();
        let task = runtime.spawn(async move { ledger::verify(&verifying.db, shop).await });
        let mut dice = Dice(0);
        self.until_idle(&mut dice);
        let verdict = self.running().runtime.block_on(async {
            tokio::select! {
                verdict = task => verdict.ok(),
                () = tokio::task::yield_now() => None,
            }
        });
        if !matches!(verdict, Some(Ok(ledger::Verdict::Whole { .. }))) {
            self.outcome
                .violations
                .push(format!("I26: the chain does not verify: {verdict:?}"));
        }
    }
}
