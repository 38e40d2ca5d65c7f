//! Drops, in some histories: a host who runs them, people who wait in their waiting rooms, buy in them and stand on their lists, and others who try
//! with what is not theirs.

use super::{Running, SECOND, World, pick};
use crate::clients::{Buyer, card};
use crate::dice::Dice;
use crate::drop_rules;
use hawker::app::App;
use hawker::checkout::{self, Buy, Change, Contact, Details};
use hawker::db::{self, LaneKey, Tx};
use hawker::drops::{self, Act, Drop, DropState, Hand, NewItem, Phase, Plan, Planned, Stage, TurnNow, When};
use hawker::kernel::{CheckoutId, DropId, Id, Kind, Money, Result, Seconds, ShopId, Time, VariantId};
use hawker::offers::{self, Asked, InDrop, Quote, WantedLine};
use hawker::preorders::{self, Preorder, PreorderState};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// One of so many histories has drops.
const ONE_IN: u64 = 5;

pub fn are_in(seed: u64) -> bool {
    seed % ONE_IN == 2
}

/// The job that minds them.
pub(super) const JOB: usize = super::JOBS;
/// The job that looks at what is not there yet.
const EXPECTED: usize = super::trade::JOBS[2];
/// People who come to drops, with two browsers each.
const FANS: usize = 8;

/// What a history knows of its drops.
pub(super) struct Show {
    /// All drops that were ever planned; the host looks up how they stand.
    planned: Vec<DropId>,
    /// Quotes that somebody was shown and has not used yet.
    shown: Vec<(Fan, Quote)>,
    /// Who has, or had, a turn or a place on a list somewhere: they come back.
    regulars: Vec<(DropId, Fan)>,
    seats: Arc<Mutex<Seats>>,
}

/// A drop's version, and the hash that its archive ended with.
type Seen = (i64, [u8; 32]);

/// What people were told, shared with the tasks that act for them.
#[derive(Default)]
struct Seats {
    /// What the host did, and the version and head they were told.
    cues: Vec<(DropId, Cue, Option<Seen>)>,
    /// Turns in waiting rooms, and the place that was told, if any.
    turns: BTreeMap<(DropId, [u8; 32]), Option<i64>>,
    /// Places on lists that were told.
    waits: Vec<(DropId, VariantId, [u8; 32])>,
    /// Who bought, or tried to, under which key.
    keys: BTreeMap<CheckoutId, [u8; 32]>,
    /// Checkouts without an address or without a payment yet, of whom.
    begun: Vec<(usize, Fan)>,
    /// Who tapped in which drop: others say that they are them.
    tapped: Vec<(DropId, Fan)>,
}

/// Somebody in one of their browsers.
#[derive(Clone, Copy)]
pub(super) struct Fan {
    person: usize,
    browser: usize,
}

impl Fan {
    pub(super) fn any(dice: &mut Dice) -> Self {
        Self {
            person: pick(dice, FANS),
            browser: pick(dice, 2),
        }
    }

    pub(super) fn key(self, shop: ShopId) -> [u8; 32] {
        let Self { person, browser } = self;
        drops::key_hash(shop, &format!("browser {browser} of fan {person}"))
    }

    /// The same mailbox and number, written in two ways.
    pub(super) fn contact(self, dice: &mut Dice) -> Contact {
        let Self { person, .. } = self;
        let (email, phone) = match dice.below(2) {
            0 => (format!("fan{person}@example.org"), format!("+49 30 100{}", person / 2)),
            _ => (
                format!("Fan{person}+tab@Example.org"),
                format!("0049-30-100{}", person / 2),
            ),
        };
        Contact {
            email: Some(email),
            phone: (dice.below(4) == 0).then_some(phone),
        }
    }

    /// Some live in one house.
    fn lives(self, buyer: &mut Buyer, dice: &mut Dice) {
        if let Some(address) = &mut buyer.tap.address {
            let number = if dice.below(3) == 0 {
                pick(dice, 9)
            } else {
                self.person % 5
            };
            let line = format!("Lane {number}");
            address.line1 = if dice.below(2) == 0 { line.to_uppercase() } else { line };
        }
    }
}

/// What a host does.
#[derive(Clone, Debug)]
enum Cue {
    Plan(Box<Plan>),
    Edit(i64, Box<Plan>),
    Schedule,
    /// Or goes on after a pause.
    Open,
    Pause,
    Release(VariantId, u32),
    Price(VariantId, i64),
    Pin(Option<VariantId>),
    Extend(Time),
    Close,
    Archive,
}

impl Cue {
    /// Does it; the version and head of the drop if that was acknowledged.
    fn perform(&self, tx: &mut Tx<'_>, hand: Hand) -> Result<Option<(i64, [u8; 32])>> {
        let currency = "EUR".parse()?;
        let euro = |minor| Money::new(minor, currency);
        let act = match self {
            Self::Plan(plan) => {
                return drops::plan(tx, (hand.shop, currency), hand.drop, plan, None).map(|planned| told(&planned));
            }
            Self::Edit(version, plan) => {
                let edited = drops::edit(tx, (hand.shop, currency), hand.drop, *version, plan, None)?;
                return Ok(told(&edited));
            }
            Self::Schedule => drops::schedule(tx, hand),
            Self::Open => drops::open(tx, hand),
            Self::Pause => drops::pause(tx, hand),
            Self::Release(variant, units) => drops::release(tx, hand, *variant, *units),
            Self::Price(variant, minor) => drops::step_price(tx, hand, *variant, euro(*minor)),
            Self::Pin(variant) => drops::pin(tx, hand, *variant),
            Self::Extend(at) => drops::extend(tx, hand, *at),
            Self::Close => drops::close(tx, hand),
            Self::Archive => drops::archive(tx, hand),
        };
        Ok(match act? {
            Act::Done(view) | Act::Again(view) => Some((view.drop.version, view.drop.head)),
            _ => None,
        })
    }
}

fn told(planned: &Planned) -> Option<(i64, [u8; 32])> {
    match planned {
        Planned::Made(view) => Some((view.drop.version, view.drop.head)),
        _ => None,
    }
}

impl Show {
    pub(super) fn of(seed: u64) -> Option<Self> {
        are_in(seed).then(|| Self {
            planned: Vec::new(),
            shown: Vec::new(),
            regulars: Vec::new(),
            seats: Arc::default(),
        })
    }
}

impl World<'_> {
    /// The jobs there are in this history.
    pub(super) fn jobs(&self) -> Vec<usize> {
        let of_drops = self.show.iter().flat_map(|_| [JOB, EXPECTED]);
        let of_trade = self.trade.iter().flat_map(|_| super::trade::JOBS);
        let of_erasures = self
            .trade
            .iter()
            .filter(|trade| trade.erases)
            .map(|_| super::after::ERASURES);
        (0..super::JOBS)
            .chain(of_drops)
            .chain(of_trade)
            .chain(of_erasures)
            .collect()
    }

    /// In a history with drops more than every third step is about them. None: this one is not.
    pub(super) fn the_show_goes_on(&mut self, dice: &mut Dice) -> Option<String> {
        self.show.as_ref()?;
        Some(match dice.below(100) {
            0..=5 => self.the_host_acts(dice),
            6 => self.a_queue_forms(dice),
            7..=19 => {
                // They come in crowds.
                let crowd: Vec<String> = (0..1 + dice.below(4)).map(|_| self.a_fan_comes(dice)).collect();
                crowd.join("; ")
            }
            20..=24 => self.a_fan_goes_on(dice),
            25 => self.an_outsider_tries(dice),
            26..=31 => self.a_job_begins(JOB),
            32 => self.a_job_begins(EXPECTED),
            33 => self.goods_of_a_drop_arrive(dice),
            34..=49 => self.lane_runs(dice),
            50..=53 => self.the_clock_of_a_drop_ticks(dice),
            54 => self.a_job_begins(1),
            55..=59 => self.a_message_arrives(dice),
            _ => return None,
        })
    }

    /// A drop is a matter of minutes: in most cases no more pass at once.
    pub(super) fn minutes_are_long(&self, dice: &mut Dice) -> bool {
        self.show.is_some() && dice.below(4) > 0
    }

    fn known_drops(&mut self) -> Vec<Drop> {
        let (shop, planned) = (self.ground.shop, self.planned());
        let latest: Vec<DropId> = planned.iter().rev().take(4).copied().collect();
        let found = self.look(move |tx| {
            let found = latest.iter().map(|id| drops::find(tx, shop, *id));
            found.collect::<Result<Vec<_>>>()
        });
        found.unwrap_or_default().into_iter().flatten().collect()
    }

    fn planned(&self) -> Vec<DropId> {
        self.show.as_ref().map(|show| show.planned.clone()).unwrap_or_default()
    }

    fn seats(&self) -> Arc<Mutex<Seats>> {
        self.show.as_ref().map(|show| show.seats.clone()).unwrap_or_default()
    }

    fn database_now(&mut self) -> Time {
        self.look(|tx| Ok(tx.now())).unwrap_or(Time(0))
    }

    /// Moves to an instant at which something of a drop begins or ends, or just before it; or on by a little.
    fn the_clock_of_a_drop_ticks(&mut self, dice: &mut Dice) -> String {
        let now = self.database_now();
        let micros = match dice.below(4) {
            0 => i64::try_from(dice.below(2_000_000)).expect("small"),
            1 => i64::try_from(dice.below(60)).expect("small") * SECOND,
            _ => {
                let known = self.known_drops();
                let ends = self.look(|tx| {
                    let ends: Vec<(Time,)> = tx.all(
                        "select offered_until from drop_waits where state = 'offered' union select pass_until from drop_turns where used = 0 and pass_until is not null
                         union select expires_at from reservations where state = 'active' limit 50",
                        &[],
                    )?;
                    Ok(ends)
                });
                let of = |drop: &Drop| [drop.opens_at, drop.closes_at];
                let mut instants: Vec<Time> = known.iter().flat_map(of).flatten().collect();
                instants.extend(ends.unwrap_or_default().into_iter().map(|(at,)| at));
                instants.retain(|at| *at > now && at.since(now).0 < 1800);
                if instants.is_empty() {
                    return "nothing of a drop has a time".into();
                }
                let at = instants[pick(dice, instants.len())];
                at.0 - now.0 - i64::from(dice.below(4) == 0)
            }
        };
        self.clock.pass(micros);
        format!("{micros} µs pass for a drop")
    }

    fn the_host_acts(&mut self, dice: &mut Dice) -> String {
        let known = self.known_drops();
        let seats = self.seats();
        let before = seats.lock().unwrap().cues.len();
        if before > 0 && dice.below(8) == 0 {
            let again = pick(dice, before);
            return self.cue(again); // They did not hear the answer, and do it again.
        }
        let now = self.database_now();
        let is_over = |drop: &Drop| drop.phase(now) == Phase::Over;
        let at_work: Vec<&Drop> = known.iter().filter(|drop| !is_over(drop)).collect();
        let (drop, cue) = if at_work.is_empty() || (at_work.len() < 3 && dice.below(3) == 0) {
            let app = &self.running().app;
            let id: DropId = app.random.id(app.clock.wall());
            let plan = self.a_plan(now, dice);
            if let Some(show) = &mut self.show {
                show.planned.push(id);
            }
            (id, Cue::Plan(Box::new(plan)))
        } else {
            let drop = match dice.below(8) {
                0 => &known[pick(dice, known.len())],
                _ => at_work[pick(dice, at_work.len())],
            };
            let variant = self.ground.show[pick(dice, self.ground.show.len())];
            let minutes = |most: u64, dice: &mut Dice| {
                now.plus(Seconds(1 + i64::try_from(dice.below(most * 60)).expect("small")))
            };
            let any = |dice: &mut Dice| match dice.below(8) {
                0 | 1 => Cue::Release(variant, 1 + u32::try_from(dice.below(4)).expect("small")),
                2..=4 => Cue::Price(variant, 500 + 100 * i64::try_from(dice.below(12)).expect("small")),
                5 => Cue::Pin((dice.below(3) > 0).then_some(variant)),
                6 => Cue::Extend(minutes(90, dice)),
                _ if dice.below(3) > 0 => Cue::Release(variant, 1),
                _ => Cue::Close,
            };
            let cue = match (drop.state, dice.below(6)) {
                (DropState::Draft, 1..) if drop.closes_at.is_none_or(|at| at > now) => Cue::Schedule,
                (DropState::Draft, _) => Cue::Edit(drop.version, Box::new(self.a_plan(now, dice))),
                (DropState::Scheduled, 0..=2) => Cue::Open,
                (DropState::Paused, 0..=3) => Cue::Open,
                (DropState::Open, 0) => Cue::Pause,
                (DropState::Closed, 0..=3) => Cue::Archive,
                _ => any(dice),
            };
            (drop.id, cue)
        };
        let index = {
            let mut seats = seats.lock().unwrap();
            seats.cues.push((drop, cue, None));
            seats.cues.len() - 1
        };
        self.cue(index)
    }

    /// Somebody counts in what a drop sold before it was there, or says that it comes later; or says it twice.
    fn goods_of_a_drop_arrive(&mut self, dice: &mut Dice) -> String {
        let shop = self.ground.shop;
        let known = self.look(move |tx| preorders::list(tx, shop, 20)).unwrap_or_default();
        let known: Vec<Preorder> = known
            .into_iter()
            .filter(|found| found.state != PreorderState::Done)
            .collect();
        let Some(found) = known.get(pick(dice, known.len().max(1))).copied() else {
            return "a drop expects nothing".into();
        };
        let (units, act) = (1 + u32::try_from(dice.below(4)).expect("small"), dice.below(8));
        let later = found.ships_by.plus(Seconds::days(1));
        let said = format!("{units} of {} arrive, or not: {act}", found.id);
        let (people, app) = (self.people.clone(), self.running().app.clone());
        self.spawn(async move {
            let done = app.db.write(LaneKey::of(found.id), move |tx| match act {
                0 => preorders::close(tx, shop, found.id),
                1 => preorders::delay(tx, shop, found.id, later),
                _ => preorders::receive(tx, shop, found.id, units, Some(found.counted)),
            });
            let done = done.await;
            people.lock().unwrap().complain("goods of a drop", done.err());
        });
        said
    }

    fn cue(&mut self, index: usize) -> String {
        let (seats, people, shop) = (self.seats(), self.people.clone(), self.ground.shop);
        let (drop, cue) = {
            let seats = seats.lock().unwrap();
            let (drop, cue, _) = &seats.cues[index];
            (*drop, cue.clone())
        };
        let app = self.running().app.clone();
        let said = format!("cue {index}: {cue:?}");
        self.spawn(async move {
            let hand = Hand {
                shop,
                drop,
                staff: None,
            };
            let doing = cue.clone();
            let done = app.db.write(LaneKey::of(drop), move |tx| doing.perform(tx, hand)).await;
            match done {
                Ok(Some(told)) => seats.lock().unwrap().cues[index].2 = Some(told),
                Ok(None) => {}
                Err(error) => people.lock().unwrap().complain(&format!("{cue:?}"), Some(error)),
            }
        });
        said
    }

    fn a_plan(&mut self, now: Time, dice: &mut Dice) -> Plan {
        let currency = "EUR".parse().expect("a currency");
        let show = self.ground.show.clone();
        // The last one is a draft in the shop: one drop at a time sells it.
        let (first, both, alone) = (pick(dice, 2), dice.below(2) == 0, dice.below(4) == 0);
        let mut wanted = vec![show[first]];
        wanted.extend(both.then_some(show[1 - first]));
        wanted.extend(show.last().filter(|_| alone));
        let mut items = Vec::new();
        for variant in wanted {
            let cents = |dice: &mut Dice| 500 + 100 * i64::try_from(dice.below(12)).expect("small");
            let (price, other) = (cents(dice), Money::new(cents(dice), currency));
            items.push(NewItem {
                variant,
                allotment: u32::try_from(dice.below(6)).expect("small"),
                price: Money::new(price, currency),
                transient: Some(&variant) == show.last(),
                ships_by: (dice.below(4) == 0)
                    .then(|| now.plus(Seconds::days(1 + i64::try_from(dice.below(30)).expect("small")))),
                rules: match dice.below(4) {
                    0 => vec![When::Sold(1 + u32::try_from(dice.below(3)).expect("small"), other)],
                    1 => vec![When::At(
                        now.plus(Seconds(i64::try_from(dice.below(900)).expect("small"))),
                        other,
                    )],
                    _ => Vec::new(),
                },
            });
        }
        let soon = |most: u64, dice: &mut Dice| now.plus(Seconds(i64::try_from(dice.below(most * 60)).expect("small")));
        let opens_at = (dice.below(2) == 0).then(|| soon(4, dice));
        let closes_at = (dice.below(3) > 0).then(|| opens_at.unwrap_or(now).plus(Seconds(300)).max(soon(120, dice)));
        Plan {
            title: format!("Show of {}", now.0),
            slug: None,
            description: String::new(),
            stage: Stage::Nothing,
            opens_at,
            closes_at,
            limit: [0, 1, 2, 2, 3][pick(dice, 5)],
            hold_minutes: 1 + i64::try_from(dice.below(5)).expect("small"),
            line_rate: [0, 0, 12, 60, 600][pick(dice, 5)],
            early_minutes: 0,
            early_for_buyers: false,
            items,
        }
    }

    fn a_fan_comes(&mut self, dice: &mut Dice) -> String {
        let known = self.known_drops();
        let known: Vec<Drop> = known
            .into_iter()
            .filter(|drop| drop.state != DropState::Draft || dice.below(12) == 0)
            .collect();
        if known.is_empty() {
            return "there is no drop".into();
        }
        // Mostly to one that is open.
        let now = self.database_now();
        let open: Vec<&Drop> = known.iter().filter(|drop| drop.phase(now) == Phase::Open).collect();
        let drop = if open.is_empty() || dice.below(5) == 0 {
            known[pick(dice, known.len())].clone()
        } else {
            open[pick(dice, open.len())].clone()
        };
        let fan = self.regular(drop.id, dice).unwrap_or_else(|| Fan::any(dice));
        let variant = self.ground.show[pick(dice, self.ground.show.len())];
        match dice.below(18) {
            0 | 1 if drop.line_rate > 0 => self.takes_a_turn(drop.id, fan),
            2..=4 => {
                let wanted = self.what_is_nearly_gone(drop.id, dice).unwrap_or(variant);
                self.waits(drop.id, wanted, 1 + u32::try_from(dice.below(2)).expect("small"), fan)
            }
            5 if dice.below(2) == 0 => self.leaves_a_list(dice),
            6 | 7 => self.an_old_quote_is_used(dice),
            8 if dice.below(2) == 0 => self.somebody_buys_it_in_the_shop(variant, fan, dice),
            _ => self.buys(&drop, fan, dice),
        }
    }

    fn regular(&self, drop: DropId, dice: &mut Dice) -> Option<Fan> {
        let show = self.show.as_ref().filter(|_| dice.below(3) > 0)?;
        let here = show.regulars.iter().filter(|(there, _)| *there == drop);
        let here: Vec<Fan> = here.map(|(_, fan)| *fan).collect();
        (!here.is_empty()).then(|| here[pick(dice, here.len())])
    }

    /// Something of which hardly anything is left in a drop.
    fn what_is_nearly_gone(&mut self, drop: DropId, dice: &mut Dice) -> Option<VariantId> {
        let shop = self.ground.shop;
        let view = self.look(move |tx| drops::view(tx, shop, drop)).ok()??;
        let scarce: Vec<VariantId> = view
            .items
            .iter()
            .filter(|item| view.figures(item).left < 2)
            .map(|item| item.variant)
            .collect();
        (!scarce.is_empty()).then(|| scarce[pick(dice, scarce.len())])
    }

    fn comes_back(&mut self, drop: DropId, fan: Fan) {
        if let Some(show) = &mut self.show {
            show.regulars.push((drop, fan));
        }
    }

    fn takes_a_turn(&mut self, drop: DropId, fan: Fan) -> String {
        let (shop, seats, people) = (self.ground.shop, self.seats(), self.people.clone());
        let (app, key) = (self.running().app.clone(), fan.key(shop));
        self.comes_back(drop, fan);
        self.spawn(async move {
            let joined = app
                .db
                .write(LaneKey::of(drop), move |tx| drops::join(tx, shop, drop, &key))
                .await;
            let mut people = people.lock().unwrap();
            match joined {
                Ok(turn) => seats.lock().unwrap().told(drop, key, &turn, &mut people.complaints),
                Err(error) => people.complain("a turn", Some(error)),
            }
        });
        format!("fan {} takes a turn", fan.person)
    }

    /// Many take their turns in one waiting room, mostly before its drop opens: they are let in in another order than they came.
    fn a_queue_forms(&mut self, dice: &mut Dice) -> String {
        let mut rooms = self.known_drops();
        rooms.retain(|drop| drop.line_rate > 0 && matches!(drop.state, DropState::Scheduled | DropState::Open));
        rooms.sort_by_key(|drop| drop.state != DropState::Scheduled);
        let Some(drop) = rooms.first() else {
            return "there is no waiting room".into();
        };
        let fans: Vec<Fan> = (0..4 + dice.below(5)).map(|_| Fan::any(dice)).collect();
        for fan in &fans {
            self.takes_a_turn(drop.id, *fan);
        }
        format!("a queue of {} forms", fans.len())
    }

    fn waits(&mut self, drop: DropId, variant: VariantId, units: u32, fan: Fan) -> String {
        let (shop, seats, people) = (self.ground.shop, self.seats(), self.people.clone());
        let (app, key) = (self.running().app.clone(), fan.key(shop));
        self.comes_back(drop, fan);
        self.spawn(async move {
            let lane = LaneKey::of(drop);
            let stands = app
                .db
                .write(lane, move |tx| drops::wait(tx, shop, drop, variant, units, &key))
                .await;
            match stands {
                Ok(_) => seats.lock().unwrap().waits.push((drop, variant, key)),
                Err(error) => people.lock().unwrap().complain("a place on a list", Some(error)),
            }
        });
        format!("fan {} waits for {units}", fan.person)
    }

    /// Mostly somebody who has a place.
    fn leaves_a_list(&mut self, dice: &mut Dice) -> String {
        let (shop, seats, people) = (self.ground.shop, self.seats(), self.people.clone());
        let (drop, variant, key) = {
            let seats = seats.lock().unwrap();
            if seats.waits.is_empty() {
                return "nobody waits for anything".into();
            }
            let latest = &seats.waits[seats.waits.len().saturating_sub(6)..];
            latest[pick(dice, latest.len())]
        };
        let app = self.running().app.clone();
        self.spawn(async move {
            let lane = LaneKey::of(drop);
            let left = app
                .db
                .write(lane, move |tx| drops::leave(tx, shop, drop, variant, &key))
                .await;
            people.lock().unwrap().complain("leaving a list", left.err());
        });
        "somebody waits no more".into()
    }

    /// One or two things, now and then the same twice; or what was offered to them.
    fn buys(&mut self, drop: &Drop, fan: Fan, dice: &mut Dice) -> String {
        let (shop, id) = (self.ground.shop, drop.id);
        let key = fan.key(shop);
        let variants = self.ground.show.clone();
        let offered = self.look(move |tx| {
            let mut offered = Vec::new();
            for variant in &variants {
                let units = drops::offered_units(tx, id, *variant, &key)?;
                if units > 0 {
                    offered.push(WantedLine {
                        variant: *variant,
                        quantity: units,
                    });
                }
            }
            Ok(offered)
        });
        let mut lines = offered.unwrap_or_default();
        if lines.len() == 1 && dice.below(4) == 0 {
            // The same once more, or in two lines.
            let half = lines[0].quantity.div_ceil(2);
            lines[0].quantity = half;
            lines.push(WantedLine {
                quantity: half,
                ..lines[0]
            });
        }
        if lines.is_empty() || dice.below(6) == 0 {
            for _ in 0..1 + dice.below(2).min(dice.below(2)) {
                lines.push(WantedLine {
                    variant: self.ground.show[pick(dice, self.ground.show.len())],
                    quantity: 1 + u32::try_from(dice.below(2)).expect("small"),
                });
            }
        }
        let Running { app, runtime, .. } = self.running();
        let quote = match runtime.block_on(quote(app, shop, Some(id), &lines)) {
            Ok(Some(quote)) => quote,
            Ok(None) => return "a drop offers nothing".into(),
            Err(error) => {
                let said = format!("a drop refuses: {}", error.code);
                self.people
                    .lock()
                    .unwrap()
                    .complain("a question for a price", Some(error));
                return said;
            }
        };
        if dice.below(5) == 0 {
            if let Some(show) = &mut self.show {
                show.shown.push((fan, quote));
            }
            return format!("fan {} thinks it over", fan.person);
        }
        let mut said = self.taps_in_a_drop(&quote, fan, dice);
        if dice.below(5) == 0 {
            said.push_str(", and in a second tab: ");
            said.push_str(&self.taps_in_a_drop(&quote, fan, dice));
        }
        said
    }

    fn an_old_quote_is_used(&mut self, dice: &mut Dice) -> String {
        let Some(show) = &mut self.show else {
            return String::new();
        };
        if show.shown.is_empty() {
            return "nobody thinks anything over".into();
        }
        let index = pick(dice, show.shown.len());
        let (fan, quote) = show.shown.swap_remove(index);
        self.taps_in_a_drop(&quote, fan, dice)
    }

    fn somebody_buys_it_in_the_shop(&mut self, variant: VariantId, fan: Fan, dice: &mut Dice) -> String {
        let shop = self.ground.shop;
        let lines = [WantedLine { variant, quantity: 1 }];
        let Running { app, runtime, .. } = self.running();
        let Ok(Some(quote)) = runtime.block_on(quote(app, shop, None, &lines)) else {
            return "the shop does not sell it".into();
        };
        self.taps_in_a_drop(&quote, fan, dice)
    }

    fn taps_in_a_drop(&mut self, quote: &Quote, fan: Fan, dice: &mut Dice) -> String {
        let shop = self.ground.shop;
        let app = self.running().app.clone();
        let token = [
            "tok_visa",
            "tok_visa",
            "tok_card_one",
            "tok_card_two",
            "tok_3ds",
            "tok_declined",
            "tok_fades",
        ][pick(dice, 7)];
        let mut buyer = Buyer::new(shop, app.random.id(app.clock.wall()), quote.clone(), token);
        buyer.tap.contact = fan.contact(dice);
        fan.lives(&mut buyer, dice);
        buyer.tap.key = match dice.below(8) {
            0 => None,
            1 => Some(drops::key_hash(shop, &format!("made up {}", dice.next()))),
            _ => Some(fan.key(shop)),
        };
        let halfway = dice.below(3) == 0;
        if halfway {
            buyer.tap.payment = None;
            if dice.below(2) == 0 {
                buyer.tap.address = None;
            }
        }
        let (id, key) = (buyer.tap.id, buyer.tap.key);
        let units: u32 = buyer.quantities().iter().sum();
        let index = self.arrives(buyer);
        let seats = self.seats();
        {
            let mut seats = seats.lock().unwrap();
            seats.keys.extend(key.map(|key| (id, key)));
            if halfway {
                seats.begun.push((index, fan));
            }
            seats.tapped.extend(quote.drop.as_ref().map(|drop| (drop.id, fan)));
        }
        self.tap(index);
        if dice.below(6) == 0 {
            self.tap(index);
        }
        format!("fan {} taps for {units} as buyer {index} with {token}", fan.person)
    }

    /// Who reserved says where it goes, or that they are somebody else after all; or pays.
    fn a_fan_goes_on(&mut self, dice: &mut Dice) -> String {
        let (shop, seats, people) = (self.ground.shop, self.seats(), self.people.clone());
        let (index, fan) = {
            let seats = seats.lock().unwrap();
            if seats.begun.is_empty() {
                return "nobody is halfway".into();
            }
            let latest = &seats.begun[seats.begun.len().saturating_sub(6)..];
            latest[pick(dice, latest.len())]
        };
        let like = people.lock().unwrap().buyers[index].clone();
        let id = like.tap.id;
        if dice.below(5) == 0 {
            return self.somebody_is_quick(index, like, dice);
        }
        let app = self.running().app.clone();
        if dice.below(2) == 0 {
            let mut like = like;
            if like.tap.address.is_none() {
                like.tap.address = Buyer::new(shop, id, like.tap.quote.clone(), "").tap.address;
            }
            let who = match dice.below(4) {
                0 => Fan::any(dice),
                1 => self.somebody_who_tapped(&like.tap.quote, dice).unwrap_or(fan),
                _ => fan,
            };
            who.lives(&mut like, dice);
            let details = Details {
                contact: (dice.below(2) == 0).then(|| who.contact(dice)),
                address: like.tap.address,
                ..Details::default()
            };
            self.spawn(async move {
                let changed = checkout::change(&app, shop, id, details).await;
                let complaint = match &changed {
                    Ok(Change::Changed(_) | Change::NotFound | Change::Closed(_)) => None,
                    Ok(other) => Some(format!("nobody here earns this answer to a change: {other:?}")),
                    Err(_) => None,
                };
                let mut people = people.lock().unwrap();
                people.complaints.extend(complaint);
                people.complain("saying more", changed.err());
            });
            return format!("buyer {index} says more");
        }
        self.spawn(async move {
            let answer = checkout::pay(&app, shop, id, card("tok_visa"), String::new()).await;
            let mut people = people.lock().unwrap();
            let error = people.buyers[index].heard_of_payment(answer);
            people.complain("paying what was reserved", error);
        });
        format!("buyer {index} pays")
    }

    fn somebody_who_tapped(&self, quote: &Quote, dice: &mut Dice) -> Option<Fan> {
        let drop = quote.drop.as_ref()?.id;
        let seats = self.seats();
        let seats = seats.lock().unwrap();
        let here = seats.tapped.iter().filter(|(there, _)| *there == drop);
        let here: Vec<Fan> = here.map(|(_, fan)| *fan).collect();
        (!here.is_empty()).then(|| here[pick(dice, here.len())])
    }

    /// Who reserved lets it go, and somebody else taps for the same before anybody has looked at the list.
    fn somebody_is_quick(&mut self, index: usize, left: Buyer, dice: &mut Dice) -> String {
        let (shop, people, id) = (self.ground.shop, self.people.clone(), left.tap.id);
        let app = self.running().app.clone();
        self.spawn(async move {
            let gone = checkout::cancel(&app, shop, id).await;
            people.lock().unwrap().complain("letting go", gone.err());
        });
        let fan = Fan::any(dice);
        let said = self.taps_in_a_drop(&left.tap.quote, fan, dice);
        format!("buyer {index} lets go; {said}")
    }

    /// Somebody of another shop, or with another's checkout id: nothing of it may do anything.
    fn an_outsider_tries(&mut self, dice: &mut Dice) -> String {
        let (shop, people) = (self.ground.shop, self.people.clone());
        let app = self.running().app.clone();
        let planned = self.planned();
        let theirs: Vec<Buyer> = {
            let people = people.lock().unwrap();
            let of_drops = |buyer: &&Buyer| buyer.promised.is_some() && buyer.tap.quote.drop.is_some();
            people.buyers.iter().filter(of_drops).cloned().collect()
        };
        if !theirs.is_empty() && dice.below(2) == 0 {
            let mut tap = theirs[pick(dice, theirs.len())].tap.clone();
            tap.fingerprint = [8; 32];
            tap.contact.email = Some("eve@example.org".into());
            self.spawn(async move {
                let answer = checkout::buy(&app, tap).await.map(|(_, answer)| answer);
                let mut people = people.lock().unwrap();
                match answer {
                    Ok(Buy::IdReused) => {}
                    Ok(other) => people
                        .complaints
                        .push(format!("X5: another's checkout id bought something: {other:?}")),
                    Err(error) => people.complain("another's checkout id", Some(error)),
                }
            });
            return "an outsider uses another's checkout id".into();
        }
        let Some(id) = planned.get(pick(dice, planned.len().max(1))).copied() else {
            return "an outsider finds nothing".into();
        };
        let other = ShopId::from_uuid(id.uuid());
        let variant = self.ground.show[0];
        let key = Fan::any(dice).key(shop);
        let what = pick(dice, 4);
        self.spawn(async move {
            let hand = Hand {
                shop: other,
                drop: id,
                staff: None,
            };
            let done = app.db.write(LaneKey::of(id), move |tx| {
                Ok(match what {
                    0 => drops::join(tx, other, id, &key).is_ok(),
                    1 => drops::wait(tx, other, id, variant, 1, &key).is_ok(),
                    2 => drops::leave(tx, other, id, variant, &key).is_ok(),
                    _ => !matches!(drops::close(tx, hand), Ok(Act::NotFound)),
                })
            });
            if done.await.is_ok_and(|done| done) {
                let said = format!("I35: somebody of another shop did something ({what})");
                people.lock().unwrap().complaints.push(said);
            }
        });
        format!("an outsider tries {what}")
    }

    /// After a step that touched rows; `all` now and then.
    pub(super) fn check_drops(&mut self, all: bool) {
        let Some(show) = &self.show else {
            return;
        };
        let keys = if all {
            show.seats.lock().unwrap().keys.clone()
        } else {
            BTreeMap::new()
        };
        let checked = self.look(move |tx| {
            let mut broken = Vec::new();
            let slow = if all { drop_rules::SLOW } else { &[] };
            for (what, query) in drop_rules::QUICK.iter().chain(slow) {
                let (found,): (i64,) = tx.one(query, &[])?;
                if found > 0 {
                    broken.push(format!("{what}: {found}"));
                }
            }
            if all {
                broken.extend(drops::check(tx)?);
                broken.extend(preorders::check(tx)?);
                broken.extend(overtaken(tx, &keys)?);
            }
            Ok(broken)
        });
        let calm = self.one_in.is_none() && !self.full && !self.power_goes;
        match checked {
            Ok(broken) => self.outcome.violations.extend(broken),
            Err(error) if (error.kind == Kind::Internal || calm) && !db::has_ended() => {
                self.outcome
                    .violations
                    .push(format!("drops could not be checked: {error:?}"));
            }
            Err(_) => {} // The disk of the day.
        }
    }

    /// I34 of drops: what the host was told is in the archive, and whoever was told of a place has it.
    pub(super) fn keep_the_show(&mut self) {
        let Some(show) = &self.show else {
            return;
        };
        let shop = self.ground.shop;
        let (cues, turns, waits) = {
            let seats = show.seats.lock().unwrap();
            (seats.cues.clone(), seats.turns.clone(), seats.waits.clone())
        };
        let unkept = self.look(move |tx| {
            let mut unkept = Vec::new();
            for (drop, cue, told) in &cues {
                let Some((version, head)) = told else { continue };
                let (known,): (i64,) = tx.one(
                    "select count(*) from drop_events where drop_id = $1 and position = $2 and hash = $3",
                    hawker::args![*drop, *version, *head],
                )?;
                if known != 1 {
                    unkept.push(format!(
                        "I34: {cue:?} was acknowledged and is not in the archive of {drop}"
                    ));
                }
            }
            for ((id, key), told) in &turns {
                let stands = match drops::find(tx, shop, *id)? {
                    Some(drop) => drops::stand(tx, &drop, key)?,
                    None => None,
                };
                let same = stands.is_some_and(|turn| told.is_none() || turn.place == *told);
                if !same {
                    unkept.push(format!(
                        "I34: the turn {told:?} that somebody has in {id} is now {stands:?}"
                    ));
                }
            }
            for (drop, variant, key) in &waits {
                let (known,): (i64,) = tx.one(
                    "select count(*) from drop_waits where drop_id = $1 and variant_id = $2 and buyer = $3",
                    hawker::args![*drop, *variant, *key],
                )?;
                if known == 0 {
                    unkept.push(format!("I34: a place on the list of {drop} was told and is not there"));
                }
            }
            Ok(unkept)
        });
        match unkept {
            Ok(unkept) => self.outcome.violations.extend(unkept),
            Err(error) => self
                .outcome
                .violations
                .push(format!("what drops promised could not be looked up: {error}")),
        }
    }

    /// Whatever has no end is ended by its host; what is a draft stays one.
    pub(super) fn the_show_ends(&mut self) {
        for id in self.planned() {
            let seats = self.seats();
            let index = {
                let mut seats = seats.lock().unwrap();
                seats.cues.push((id, Cue::Close, None));
                seats.cues.len() - 1
            };
            self.cue(index);
        }
    }

    /// Drops that somebody has to look at again.
    pub(super) fn drops_at_work(&mut self) -> i64 {
        if self.show.is_none() {
            return 0;
        }
        let open = self.look(|tx| {
            let (open,): (i64,) = tx.one(
                "select count(*) from drops where next_check_at is not null or state in ('scheduled', 'open', 'paused')",
                &[],
            )?;
            Ok(open)
        });
        open.unwrap_or(1)
    }
}

impl Seats {
    /// A place that was told never changes.
    fn told(&mut self, drop: DropId, key: [u8; 32], turn: &TurnNow, complaints: &mut Vec<String>) {
        let known = self.turns.entry((drop, key)).or_default();
        if known.is_some() && *known != turn.place {
            complaints.push(format!(
                "X2: a place that was told as {known:?} is now {:?}",
                turn.place
            ));
        }
        *known = turn.place;
    }
}

/// D14: somebody reserved, beside what was offered to them, what somebody who waited could have had.
fn overtaken(tx: &mut Tx<'_>, keys: &BTreeMap<CheckoutId, [u8; 32]>) -> Result<Vec<String>> {
    let rows: Vec<(CheckoutId, DropId, VariantId, i64, i64, Time, Time)> = tx.all(
        "select r.checkout_id, r.location_id, r.variant_id, r.quantity, min(w.units), r.created_at, min(w.joined_at) from reservations r
           join drop_waits w on w.drop_id = r.location_id and w.variant_id = r.variant_id
          where w.offered_until is null and w.state in ('waiting', 'lapsed') and w.joined_at < r.created_at and w.units <= r.quantity
            and r.checkout_id not in (select id from drop_waits) group by 1, 2, 3, 4, 6 limit 100",
        &[],
    )?;
    let mut broken = Vec::new();
    for (checkout, drop, variant, reserved, waited_for, took, joined) in rows {
        let offered = match keys.get(&checkout) {
            None => 0,
            Some(key) => {
                let (units,): (i64,) = tx.one(
                    "select coalesce(max(units), 0) from drop_waits where drop_id = $1 and variant_id = $2 and buyer = $3 and state = 'taken'",
                    hawker::args![drop, variant, *key],
                )?;
                units
            }
        };
        if reserved - offered >= waited_for {
            broken.push(format!(
                "D14: {checkout} took {reserved} at {took:?}, {offered} of them offered; somebody on the list of {drop} waited for {waited_for} since {joined:?}"
            ));
        }
    }
    Ok(broken)
}

/// What is shown to a buyer now, in a drop or in the shop.
async fn quote(app: &App, shop: ShopId, drop: Option<DropId>, lines: &[WantedLine]) -> Result<Option<Quote>> {
    let asked = Asked {
        drop: drop.map(InDrop::new),
        lines: lines.to_vec(),
        country: "DE".into(),
        delivery: None,
        seen: None,
        discounts: hawker::discounts::Wish::default(),
    };
    app.db
        .look(move |tx| {
            let shop = hawker::identity::shop(tx, shop)?;
            Ok(match offers::quote(tx, &shop, &asked, Seconds::minutes(15))? {
                offers::Offer::Quoted(quote, _) => Some(*quote),
                _ => None,
            })
        })
        .await
}
