//! What the people of the shop do.

use super::{World, pick};
use crate::clients::{Act, BANKS, Buyer};
use crate::deals::Deal;
use crate::dice::Dice;
use hawker::checkout::{RefundLines, RefundWhat, Ship};
use hawker::inventory::Restock;
use hawker::kernel::{Id, IntentId, Money, OrderId};
use hawker::partners::{Bearer, Part, Terms};
use hawker::payments::{self, Best, Choice, Decision, Rule, SplitShare};

impl World<'_> {
    pub(super) fn the_shop_acts(&mut self, dice: &mut Dice) -> String {
        let known: Vec<_> = {
            let people = self.people.lock().unwrap();
            let of = |buyer: &Buyer| (buyer.tap.id, buyer.promised, buyer.quantities());
            people.buyers.iter().map(of).collect()
        };
        if known.is_empty() {
            return "nothing to do".into();
        }
        // Most of it is about orders, and half of that about whoever came last: nothing of that has come to rest yet.
        let ordered: Vec<usize> = (0..known.len()).filter(|index| known[*index].1.is_some()).collect();
        let index = match dice.below(4) {
            0 => known.len() - 1,
            1 => pick(dice, known.len()),
            2 if !ordered.is_empty() => ordered[pick(dice, ordered.len())],
            _ => ordered[ordered.len().saturating_sub(8)..]
                .get(pick(dice, 8))
                .copied()
                .unwrap_or(known.len() - 1),
        };
        let (checkout, order, lines) = &known[index];
        let app = self.running().app.clone();
        let now = app.clock.wall();
        let act = match (dice.below(10), *order) {
            (0..=4, Some(order)) => Act::HandOver {
                order,
                id: app.random.id(now),
                lines: (dice.below(3) > 0).then(|| some_of(lines, dice)),
            },
            (5, Some(order)) if dice.below(3) > 0 => Act::CancelUnits {
                order,
                id: app.random.id(now),
                units: some_of(lines, dice),
            },
            (5, Some(order)) => Act::Cancel { order },
            (6 | 7, Some(order)) => Act::Refund {
                order,
                id: app.random.id(now),
                what: what_goes_back(lines, dice),
            },
            (8, None) => Act::Leave { checkout: *checkout },
            (9, _) if dice.below(3) == 0 => Act::Route { rules: rules(dice) },
            (9, _) => Act::Stock {
                variant: self.ground.variants[if dice.below(2) == 0 { 0 } else { 2 }],
                free: u32::try_from(dice.below(10)).expect("small"),
            },
            (8, Some(_)) => {
                let (contract, terms) = &self.ground.contracts[pick(dice, 2)];
                Act::Revise {
                    contract: *contract,
                    terms: Box::new(other_terms(terms, dice)),
                }
            }
            _ => return "the shop rests".into(),
        };
        let said = format!("{act:?}");
        let index = self.people.lock().unwrap().plans(act);
        self.act(index);
        said
    }

    pub(super) fn act(&mut self, index: usize) {
        let (shop, people) = (self.ground.shop, self.people.clone());
        let app = self.running().app.clone();
        let act = people.lock().unwrap().acts[index].act.clone();
        self.spawn(async move {
            let done = act.perform(&app, shop).await;
            let mut people = people.lock().unwrap();
            match done {
                Ok(acknowledged) => {
                    let arrives = matches!(&act, Act::Deal(deal) if matches!(**deal, Deal::Arrive { .. }));
                    if acknowledged && arrives && people.acts[index].acknowledged {
                        people.complaints.push(format!("D10: {act:?} was counted in twice"));
                    }
                    if !acknowledged && people.acts[index].acknowledged && act.is_done_once() {
                        people
                            .complaints
                            .push(format!("F1: {act:?} was done, and said again it is refused"));
                    }
                    people.acts[index].acknowledged |= acknowledged;
                }
                Err(error) => people.complain(&format!("{act:?}"), Some(error)),
            }
        });
    }

    /// Payments in conflict, as they stand. Those of a processor that cannot be asked are settled on its own pages, not here.
    pub(super) fn conflicts(&mut self) -> Vec<(IntentId, i64)> {
        let found = self.look(|tx| {
            tx.all(
                "select id, version from intents where state = 'conflicted'
                    and not exists (select 1 from attempts a where a.intent_id = intents.id and a.processor = 'mute') order by id limit 100",
                &[],
            )
        });
        found.unwrap_or_default()
    }

    pub(super) fn somebody_decides(&mut self, dice: &mut Dice) -> String {
        let open = self.conflicts();
        if open.is_empty() {
            return "nothing to decide".into();
        }
        let (intent, version) = open[pick(dice, open.len())];
        // Or the sale is canceled first, if there was one.
        if dice.below(3) == 0 {
            return self.cancel_in_conflict(intent);
        }
        self.decide(intent, version, Decision::ALL[pick(dice, 3)])
    }

    pub(super) fn cancel_in_conflict(&mut self, intent: IntentId) -> String {
        let order = Act::Cancel {
            order: OrderId::from_uuid(intent.uuid()),
        };
        let said = format!("{order:?}");
        let index = self.people.lock().unwrap().plans(order);
        self.act(index);
        said
    }

    /// Somebody gives a dispute up, or answers it; mostly one that waits for an answer.
    pub(super) fn somebody_answers_a_dispute(&mut self, dice: &mut Dice) -> String {
        let shop = self.ground.shop;
        let open = self
            .look(move |tx| payments::disputes::open(tx, shop, 20))
            .unwrap_or_default();
        if open.is_empty() {
            return "nothing is disputed".into();
        }
        let act = Act::Answer {
            dispute: open[pick(dice, open.len())].id,
            give_up: dice.below(3) == 0,
        };
        let said = format!("{act:?}");
        let index = self.people.lock().unwrap().plans(act);
        self.act(index);
        said
    }

    pub(super) fn decide(&mut self, intent: IntentId, version: i64, decision: Decision) -> String {
        let act = Act::Decide {
            intent,
            version,
            decision,
        };
        let said = format!("{act:?}");
        let index = self.people.lock().unwrap().plans(act);
        self.act(index);
        said
    }
}

/// Other terms of the same parties.
fn other_terms(terms: &Terms, dice: &mut Dice) -> Terms {
    let mut other = terms.clone();
    for share in &mut other.shares {
        share.part = match share.part {
            Part::Portion(_) => Part::Portion(1 + u32::try_from(dice.below(5_000)).expect("small")),
            Part::Fixed(money) => Part::Fixed(Money::new(1 + money.amount % 40, money.currency).into()),
        };
    }
    other.platform_fee_bp = u32::try_from(dice.below(900)).expect("small");
    other.processor_fee = match dice.below(4) {
        0 => Bearer::Everyone,
        1 => Bearer::Platform,
        2 => Bearer::Party(other.shares[0].party),
        _ => Bearer::Remainder,
    };
    other
}

/// Some units of some lines: what is packed into one parcel. Whether they are still there is the shop's to know.
fn some_of(lines: &[u32], dice: &mut Dice) -> Vec<Ship> {
    let of = |(line, bought): (u32, &u32)| Ship {
        line,
        quantity: u32::try_from(dice.below(u64::from(*bought) + 1)).expect("small"),
    };
    (0..).zip(lines).map(of).filter(|ship| ship.quantity > 0).collect()
}

/// Up to three rules about who is asked: some fit every sale, some only large or small ones, some none.
fn rules(dice: &mut Dice) -> Vec<Rule> {
    (0..dice.below(4)).map(|number| rule(number, dice)).collect()
}

fn rule(number: u64, dice: &mut Dice) -> Rule {
    let euro = "EUR".parse().expect("a currency");
    let amount = |dice: &mut Dice| {
        let minor = 500 + i64::try_from(dice.below(8_000)).expect("small");
        (dice.below(2) == 0).then(|| Money::new(minor, euro).into())
    };
    let mut asked: Vec<String> = BANKS.map(str::to_owned).to_vec();
    (0..2).for_each(|_| asked.swap(0, pick(dice, 3)));
    asked.truncate(1 + pick(dice, 3));
    let (min, max) = (amount(dice), amount(dice));
    Rule {
        name: format!("rule {number}"),
        currencies: if dice.below(5) == 0 {
            vec!["USD".parse().expect("a currency")]
        } else {
            Vec::new()
        },
        amount_min: min.filter(|_| max.is_none()),
        amount_max: max,
        countries: if dice.below(5) == 0 {
            vec!["FR".to_owned()]
        } else {
            Vec::new()
        },
        methods: Vec::new(),
        choice: match dice.below(4) {
            0 => Choice::Split(split(&asked, dice)),
            1 => Choice::Best(Best {
                processors: asked,
                window_hours: 1 + u32::try_from(dice.below(48)).expect("small"),
                floor_percent: u32::try_from(dice.below(90)).expect("small"),
            }),
            _ => Choice::Order(asked),
        },
    }
}

fn split(asked: &[String], dice: &mut Dice) -> Vec<SplitShare> {
    let of = u32::try_from(asked.len()).expect("small");
    let rest = 100 / of - 1 - u32::try_from(dice.below(10)).expect("small");
    let share = |(index, processor): (usize, &String)| SplitShare {
        processor: processor.clone(),
        percent: if index == 0 { 100 - rest * (of - 1) } else { rest },
    };
    asked.iter().enumerate().map(share).collect()
}

fn what_goes_back(lines: &[u32], dice: &mut Dice) -> RefundWhat {
    match dice.below(6) {
        0 => RefundWhat::Everything,
        1..=3 => RefundWhat::Amount(1 + i64::try_from(dice.below(1_500)).expect("small")),
        _ => RefundWhat::Lines(RefundLines {
            units: some_of(lines, dice),
            delivery: dice.below(3) == 0,
            restock: [None, Some(Restock::Sellable), Some(Restock::WrittenOff)][pick(dice, 3)],
            ..RefundLines::default()
        }),
    }
}
