//! After the sale, in histories with a richer trade: something is exchanged, money becomes credit, refunds do not arrive, and buyers want to be forgotten.

use super::drops::Fan;
use super::trade::{a_parcel, few};
use super::{SECOND, World, pick};
use crate::clients::Act;
use crate::deals::Deal;
use crate::dice::Dice;
use hawker::checkout::{RefundLines, RefundWhat, Ship};
use hawker::exchanges::{self, AskFor, Exchange, ExchangeState};
use hawker::gift_cards::Code;
use hawker::inventory::Restock;
use hawker::kernel::{Id, IntentId, OrderId, VariantId};
use hawker::returns;

/// The job that forgets buyers, and the one that sends letters; the second runs in the end only.
pub(super) const ERASURES: usize = super::JOBS + 5;
pub(super) const LETTERS: usize = super::JOBS + 6;

impl World<'_> {
    /// Whatever an order still waits for is packed: only what was taken whole tells what its pieces are worth.
    pub(super) fn all_of_it_leaves(&mut self, dice: &mut Dice) -> String {
        let open = self.orders_to_pack();
        match open.get(pick(dice, open.len().max(1))) {
            Some(order) => self.packs(*order),
            None => "nothing is to be packed".into(),
        }
    }

    fn orders_to_pack(&mut self) -> Vec<OrderId> {
        let open = self.look(|tx| {
            let open: Vec<(OrderId,)> = tx.all(
                "select distinct l.order_id from order_lines l join orders o on o.id = l.order_id
                  where o.canceled_at is null and l.shipped + l.canceled < l.quantity order by l.order_id desc limit 100",
                &[],
            )?;
            Ok(open)
        });
        open.unwrap_or_default().into_iter().map(|(order,)| order).collect()
    }

    fn packs(&mut self, order: OrderId) -> String {
        let app = &self.running().app;
        let act = Act::HandOver {
            order,
            id: app.random.id(app.clock.wall()),
            lines: None,
        };
        let said = format!("{act:?}");
        let index = self.people.lock().unwrap().plans(act);
        self.act(index);
        said
    }

    // Exchanges. --------------------------------------------------------------------------------------------------------------------------

    pub(super) fn something_is_exchanged(&mut self, dice: &mut Dice) -> String {
        let open = self.exchanges();
        if !open.is_empty() && dice.below(2) == 0 {
            // Whoever was told no once tries again.
            let tried: Vec<&Exchange> = open.iter().filter(|found| found.tries > 0).collect();
            let found = match dice.below(2) {
                0 if !tried.is_empty() => tried[pick(dice, tried.len())].clone(),
                _ => open[pick(dice, open.len())].clone(),
            };
            return self.an_exchange_goes_on(&found, dice);
        }
        let left = self.what_has_left();
        let Some((order, line, units, variant)) = left.get(pick(dice, left.len().max(1))).copied() else {
            return "nothing can be exchanged".into();
        };
        let quantity = if dice.below(2) == 0 {
            units
        } else {
            few(dice, u64::from(units))
        };
        let variant = self.what_instead(variant, dice);
        let app = &self.running().app;
        let wish = AskFor {
            id: app.random.id(app.clock.wall()),
            unit: Ship { line, quantity },
            variant,
            staff: None,
        };
        self.deals(Deal::Exchange { order, wish })
    }

    fn exchanges(&mut self) -> Vec<Exchange> {
        let shop = self.ground.shop;
        self.look(move |tx| exchanges::open(tx, shop, 60)).unwrap_or_default()
    }

    /// Mostly the same in another colour.
    fn what_instead(&self, of: VariantId, dice: &mut Dice) -> VariantId {
        let (goods, others) = (&self.ground.goods, &self.ground.others);
        let pair = || goods.iter().zip(others);
        let sibling = pair().find_map(|(one, other)| match of {
            of if of == *one => Some(*other),
            of if of == *other => Some(*one),
            _ => None,
        });
        match (sibling, dice.below(4)) {
            (Some(sibling), 1..) => sibling,
            _ => goods[pick(dice, goods.len())],
        }
    }

    fn an_exchange_goes_on(&mut self, found: &Exchange, dice: &mut Dice) -> String {
        let (order, id, back) = (found.order, found.id, found.back());
        match (found.state, dice.below(8)) {
            (_, 0) => self.deals(Deal::EndExchange { order, id }),
            (ExchangeState::ToPay, _) => {
                let token = ["tok_visa", "tok_3ds", "tok_declined", "tok_declined"][pick(dice, 4)];
                self.deals(Deal::PayExchange { order, id, token })
            }
            (_, 1) => self.deals(Deal::Sent { order, id: back }),
            (_, 2 | 3) => "a parcel is on its way".into(),
            _ => {
                let shop = self.ground.shop;
                let comes = self.look(move |tx| returns::find(tx, shop, back)).ok().flatten();
                let Some(comes) = comes else {
                    return "nobody knows what comes back".into();
                };
                let received = a_parcel(&comes, dice);
                self.deals(Deal::Receive {
                    order,
                    id: back,
                    received,
                })
            }
        }
    }

    /// What is dearer is paid, or given up.
    pub(super) fn the_exchanges_end(&mut self, round: u32) {
        for found in self.exchanges() {
            let (order, id) = (found.order, found.id);
            if found.state != ExchangeState::ToPay {
                continue;
            }
            self.deals(if round < 80 && id.uuid().as_bytes()[15] % 2 == 0 {
                let token = "tok_visa";
                Deal::PayExchange { order, id, token }
            } else {
                Deal::EndExchange { order, id }
            });
        }
    }

    // Credit. -----------------------------------------------------------------------------------------------------------------------------

    fn some_order(&mut self, dice: &mut Dice) -> Option<OrderId> {
        let people = self.people.lock().unwrap();
        let ordered: Vec<OrderId> = people.buyers.iter().filter_map(|buyer| buyer.promised).collect();
        let latest = &ordered[ordered.len().saturating_sub(12)..];
        latest.get(pick(dice, latest.len().max(1))).copied()
    }

    pub(super) fn money_becomes_credit(&mut self, dice: &mut Dice) -> String {
        let left = self.what_has_left();
        let line = left.get(pick(dice, left.len().max(1))).copied();
        let kind = dice.below(5);
        let (order, what) = match (kind, line, self.some_order(dice)) {
            (0..=2, Some((order, line, units, _)), _) => {
                let quantity = few(dice, u64::from(units.clamp(1, 3)));
                let lines = RefundLines {
                    units: vec![Ship { line, quantity }],
                    restock: [None, Some(Restock::Sellable)][pick(dice, 2)],
                    ..RefundLines::default()
                };
                (order, RefundWhat::Lines(lines))
            }
            (3, _, Some(order)) => (order, RefundWhat::Everything),
            (_, _, Some(order)) => (order, RefundWhat::Amount(i64::from(few(dice, 1_500)))),
            _ => return "nobody wants credit".into(),
        };
        let at_most = (dice.below(3) == 0).then(|| i64::from(few(dice, 2_000)));
        let app = &self.running().app;
        let id = app.random.id(app.clock.wall());
        self.deals(Deal::Credit {
            order,
            id,
            what,
            at_most,
        })
    }

    /// The code of an order's credit, whoever has it.
    pub(super) fn some_credit(&mut self, dice: &mut Dice) -> Option<String> {
        let found = self.look(|tx| {
            let orders: Vec<(OrderId,)> = tx.all(
                "select order_id from gift_cards where order_id is not null order by id limit 60",
                &[],
            )?;
            Ok(orders)
        });
        let orders = found.unwrap_or_default();
        let (order,) = orders.get(pick(dice, orders.len().max(1))).copied()?;
        let key = self.running().app.db.signing_key();
        Some(Code::of_credit(key, order).in_full())
    }

    // Refunds that do not arrive. ---------------------------------------------------------------------------------------------------------

    /// Not where answers may be false: there money may be taken that belongs to no order.
    pub(super) fn a_refund_is_turned_back(&mut self, dice: &mut Dice) -> String {
        let bank = self.banks[pick(dice, self.banks.len())].clone();
        if self.lies {
            return "no refund is turned back".into();
        }
        let said = bank.turns_back(dice);
        said.unwrap_or_else(|| "nothing is turned back".into())
    }

    /// Where answers may be false, somebody has a processor asked about a payment that nobody doubts, and leads it out of the conflict that may be.
    pub(super) fn somebody_asks_a_bank(&mut self, dice: &mut Dice) -> String {
        if !self.lies {
            return "nobody asks a bank".into();
        }
        if dice.below(3) == 0 {
            return self.somebody_decides(dice);
        }
        match self.some_order(dice) {
            Some(order) => self.deals(Deal::AskNow {
                intent: IntentId::from_uuid(order.uuid()),
            }),
            None => "nobody has ordered".into(),
        }
    }

    // Forgetting. -------------------------------------------------------------------------------------------------------------------------

    fn forgets(&self) -> bool {
        self.trade.as_ref().is_some_and(|trade| trade.erases)
    }

    pub(super) fn somebody_wants_to_be_forgotten(&mut self, dice: &mut Dice) -> String {
        if !self.forgets() || dice.below(3) > 0 {
            return "everybody is remembered".into();
        }
        let contact = Fan::any(dice).contact(dice);
        let by_number = contact.phone.filter(|_| dice.below(2) == 0);
        let contact = by_number.or(contact.email).unwrap_or_default();
        let app = &self.running().app;
        let id = app.random.id(app.clock.wall());
        self.deals(Deal::Erase { id, contact })
    }

    /// Nobody buys any more, and some want to be forgotten: nothing may be left of them.
    pub(super) fn the_last_are_forgotten(&mut self) {
        if !self.forgets() {
            return;
        }
        // Who waits for goods is not.
        for order in self.orders_to_pack() {
            self.packs(order);
        }
        for person in 0..3 {
            let contact = format!("FAN{person}@example.org");
            let app = &self.running().app;
            let id = app.random.id(app.clock.wall());
            self.deals(Deal::Erase { id, contact });
            if let Some(trade) = &mut self.trade {
                trade.erased.push(format!("fan{person}"));
            }
        }
    }

    /// Days pass, letters leave, and what was held is held no more.
    pub(super) fn the_erasures_end(&mut self, dice: &mut Dice) {
        for _ in 0..30 {
            if !self.forgets() || self.is_all_forgotten() {
                return;
            }
            self.clock.pass(SECOND * 3 * 3600);
            for job in self.jobs().into_iter().chain([LETTERS]) {
                self.a_job_begins(job);
            }
            self.until_idle(dice);
        }
    }

    fn is_all_forgotten(&mut self) -> bool {
        let open = self.look(|tx| {
            let (open,): (i64,) = tx.one("select count(*) from erasures where state <> 'done'", &[])?;
            Ok(open)
        });
        open.is_ok_and(|open| open == 0)
    }

    /// Which of those who were forgotten last are named anywhere still.
    pub(super) fn check_the_forgotten(&mut self) {
        let names = self
            .trade
            .as_ref()
            .map(|trade| trade.erased.clone())
            .unwrap_or_default();
        if names.is_empty() || !self.is_all_forgotten() {
            return;
        }
        match crate::second::named(self.disk.name(), &names) {
            Ok(found) => self.outcome.violations.extend(found),
            Err(error) => self.outcome.violations.push(format!("the data map: {error}")),
        }
    }
}
