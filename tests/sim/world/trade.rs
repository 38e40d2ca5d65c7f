//! A richer trade, in some histories: codes and discounts, bundles, pre-orders, returns, and lower prices for all earlier buyers.

use super::drops::Fan;
use super::{Running, World, pick};
use crate::clients::{Act, Buyer, card};
use crate::deals::{COUNTS, Deal};
use crate::dice::Dice;
use hawker::app::App;
use hawker::checkout::{self, Change, Contact, Details, Ship};
use hawker::discounts::{NewDiscount, Rule, Step, Takes, Wish};
use hawker::fulfilment;
use hawker::inventory::Restock;
use hawker::kernel::{
    DiscountId, Id, Kind, LocationId, Money, OrderId, PriceMatchId, ProductId, Result, ReturnId, Seconds, ShopId, Time,
    VariantId,
};
use hawker::offers::{self, Asked, Quote, WantedLine};
use hawker::preorders::{NewPreorder, Preorder, PreorderState};
use hawker::price_matches::{MatchState, NewPrice, NewPriceMatch};
use hawker::returns::{Received, ReturnState};
use hawker::{catalog, gift_cards, preorders, price_matches, returns};
use std::collections::BTreeMap;

/// One of so many histories has a richer trade. It is never one with drops.
const ONE_IN: u64 = 5;

pub fn are_in(seed: u64) -> bool {
    seed % ONE_IN == 4
}

/// The jobs that mind it: returns, price matches, pre-orders, exchanges.
pub(super) const JOBS: [usize; 4] = [super::JOBS + 1, super::JOBS + 2, super::JOBS + 3, super::JOBS + 4];

/// What a history knows of its trade.
#[derive(Default)]
pub(super) struct Trade {
    /// Discounts that were made, with their codes.
    discounts: Vec<(DiscountId, String)>,
    /// Quotes that somebody was shown and has not used yet.
    shown: Vec<(Fan, Quote)>,
    /// Checkouts that are not paid for yet, of whom.
    begun: Vec<(usize, Fan)>,
    /// How many counts there had been when it was looked last, and what was short on which shelf.
    short: (u64, BTreeMap<(VariantId, LocationId), i64>),
    /// In every other of these histories buyers ask to be erased.
    pub(super) erases: bool,
    /// Mailboxes of those who did when nobody bought any more: nothing may be left of them.
    pub(super) erased: Vec<String>,
}

impl Trade {
    pub(super) fn of(seed: u64) -> Option<Self> {
        are_in(seed).then(|| Self {
            erases: (seed / ONE_IN).is_multiple_of(2),
            ..Self::default()
        })
    }
}

pub(super) fn few(dice: &mut Dice, most: u64) -> u32 {
    1 + u32::try_from(dice.below(most)).expect("small")
}

impl World<'_> {
    /// In a history with a richer trade more than every third step is about it. None: this one is not.
    pub(super) fn the_trade_goes_on(&mut self, dice: &mut Dice) -> Option<String> {
        self.trade.as_ref()?;
        Some(match dice.below(100) {
            0..=9 => {
                let crowd: Vec<String> = (0..1 + dice.below(3)).map(|_| self.somebody_shops(dice)).collect();
                crowd.join("; ")
            }
            10..=12 => self.somebody_goes_on(dice),
            13..=15 => self.prices_change(dice),
            16..=21 => self.things_come_back(dice),
            22 | 23 => self.earlier_buyers_are_thought_of(dice),
            24..=26 => self.goods_are_expected(dice),
            27..=32 => self.a_job_begins(JOBS[pick(dice, JOBS.len())]),
            33..=42 => self.lane_runs(dice),
            43..=45 => self.reads_run(),
            46..=49 => self.a_message_arrives(dice),
            50..=55 => self.something_is_exchanged(dice),
            56 => self.money_becomes_credit(dice),
            57 => self.a_refund_is_turned_back(dice),
            58 => self.somebody_wants_to_be_forgotten(dice),
            59 => self.somebody_asks_a_bank(dice),
            60..=62 => self.all_of_it_leaves(dice),
            63 => self.a_shelf_is_counted(dice),
            _ => return None,
        })
    }

    pub(super) fn deals(&mut self, deal: Deal) -> String {
        let act = Act::Deal(Box::new(deal));
        let said = format!("{act:?}");
        let index = self.people.lock().unwrap().plans(act);
        self.act(index);
        said
    }

    fn now(&mut self) -> Time {
        self.look(|tx| Ok(tx.now())).unwrap_or(Time(0))
    }

    // Buyers. -------------------------------------------------------------------------------------------------------------------------

    fn somebody_shops(&mut self, dice: &mut Dice) -> String {
        if dice.below(6) == 0
            && let Some(trade) = &mut self.trade
            && !trade.shown.is_empty()
        {
            let index = pick(dice, trade.shown.len());
            let (fan, quote) = trade.shown.swap_remove(index);
            return self.taps_for(&quote, fan, dice);
        }
        let lines = self.what_somebody_wants(dice);
        // Mostly one of the codes that are new.
        let code = self.trade.as_ref().and_then(|trade| {
            let latest = &trade.discounts[trade.discounts.len().saturating_sub(4)..];
            (dice.below(3) > 0 && !latest.is_empty()).then(|| latest[pick(dice, latest.len())].1.to_lowercase())
        });
        let shop = self.ground.shop;
        let fan = Fan::any(dice);
        let Running { app, runtime, .. } = self.running();
        let mut said = String::new();
        let mut quoted = runtime.block_on(quote(app, shop, &lines, code));
        if let Err(refused) = &quoted {
            said = format!("refused: {}; ", refused.code);
            if refused.kind == Kind::Internal {
                let error = quoted.err();
                self.people.lock().unwrap().complain("a question for a price", error);
                return said;
            }
            quoted = runtime.block_on(quote(app, shop, &lines, None));
        }
        let Ok(Some(quote)) = quoted else {
            return format!("{said}nothing is offered");
        };
        if dice.below(5) == 0 {
            if let Some(trade) = &mut self.trade {
                trade.shown.push((fan, quote));
            }
            return format!("{said}somebody thinks it over");
        }
        said.push_str(&self.taps_for(&quote, fan, dice));
        if dice.below(4) == 0 {
            said.push_str(", and in a second tab: ");
            said.push_str(&self.taps_for(&quote, fan, dice));
        }
        said
    }

    fn what_somebody_wants(&self, dice: &mut Dice) -> Vec<WantedLine> {
        let (goods, bundles) = (&self.ground.goods, &self.ground.bundles);
        let mut lines = Vec::new();
        let want = |variant: VariantId, quantity| WantedLine { variant, quantity };
        let kind = dice.below(10);
        if kind < 4 {
            lines.push(want(bundles[pick(dice, bundles.len())], few(dice, 2)));
        }
        if kind > 6 {
            lines.push(want(goods[3], few(dice, 3)));
        }
        // Each thing once, as a question for a price names it.
        let first = pick(dice, 3);
        if lines.is_empty() || dice.below(3) == 0 {
            lines.push(want(goods[first], few(dice, 3)));
        }
        if dice.below(3) == 0 {
            lines.push(want(goods[(first + 1) % 3], few(dice, 3)));
        }
        lines
    }

    fn taps_for(&mut self, quote: &Quote, fan: Fan, dice: &mut Dice) -> String {
        let shop = self.ground.shop;
        let app = self.running().app.clone();
        let token = [
            "tok_visa",
            "tok_visa",
            "tok_visa",
            "tok_3ds",
            "tok_declined",
            "tok_fades",
        ][pick(dice, 6)];
        let mut buyer = Buyer::new(shop, app.random.id(app.clock.wall()), quote.clone(), token);
        buyer.tap.contact = fan.contact(dice);
        buyer.tap.key = (dice.below(4) > 0).then(|| fan.key(shop));
        buyer.forgotten = self.trade.as_ref().is_some_and(|trade| trade.erases);
        if dice.below(8) == 0 {
            buyer.tap.gift_card = Some(gift_cards::Asked {
                code: self.ground.codes[pick(dice, self.ground.codes.len())].clone(),
                covers_minor: None,
            });
        } else if dice.below(5) == 0 {
            let covers_minor = None;
            let code = self.some_credit(dice);
            buyer.tap.gift_card = code.map(|code| gift_cards::Asked { code, covers_minor });
        }
        let halfway = dice.below(3) == 0;
        if halfway {
            buyer.tap.payment = None;
            if dice.below(2) == 0 {
                buyer.tap.contact = Contact::default();
            }
        }
        let units: u32 = buyer.quantities().iter().sum();
        let index = self.arrives(buyer);
        if let (true, Some(trade)) = (halfway, &mut self.trade) {
            trade.begun.push((index, fan));
        }
        self.tap(index);
        if dice.below(6) == 0 {
            self.tap(index);
        }
        format!(
            "buyer {index} taps for {units} with {} and {token}",
            quote.discounts.len()
        )
    }

    /// Who reserved says who they are, or that they are somebody else; pays; or leaves.
    fn somebody_goes_on(&mut self, dice: &mut Dice) -> String {
        let (shop, people) = (self.ground.shop, self.people.clone());
        let begun = self.trade.as_ref().map(|trade| trade.begun.clone()).unwrap_or_default();
        if begun.is_empty() {
            return "nobody is halfway".into();
        }
        let latest = &begun[begun.len().saturating_sub(6)..];
        let (index, fan) = latest[pick(dice, latest.len())];
        let id = people.lock().unwrap().buyers[index].tap.id;
        let app = self.running().app.clone();
        match dice.below(8) {
            0 => {
                self.spawn(async move {
                    let gone = checkout::cancel(&app, shop, id).await;
                    people.lock().unwrap().complain("letting go", gone.err());
                });
                format!("buyer {index} lets go")
            }
            1..=3 => {
                let who = if dice.below(3) == 0 { Fan::any(dice) } else { fan };
                let details = Details {
                    contact: Some(who.contact(dice)),
                    ..Details::default()
                };
                self.spawn(async move {
                    let changed = checkout::change(&app, shop, id, details).await;
                    let complaint = match &changed {
                        Ok(Change::Changed(_) | Change::NotFound | Change::Closed(_)) | Err(_) => None,
                        Ok(other) => Some(format!("nobody here earns this answer to a change: {other:?}")),
                    };
                    let mut people = people.lock().unwrap();
                    people.complaints.extend(complaint);
                    people.complain("saying more", changed.err());
                });
                format!("buyer {index} says more")
            }
            _ => {
                self.spawn(async move {
                    let answer = checkout::pay(&app, shop, id, card("tok_visa"), String::new()).await;
                    let mut people = people.lock().unwrap();
                    let error = people.buyers[index].heard_of_payment(answer);
                    people.complain("paying what was reserved", error);
                });
                format!("buyer {index} pays")
            }
        }
    }

    // Prices. -------------------------------------------------------------------------------------------------------------------------

    fn prices_change(&mut self, dice: &mut Dice) -> String {
        let known = self
            .trade
            .as_ref()
            .map(|trade| trade.discounts.clone())
            .unwrap_or_default();
        let latest = &known[known.len().saturating_sub(4)..];
        if latest.is_empty() || dice.below(3) == 0 {
            return self.a_discount_is_made(known.len(), dice);
        }
        let (id, _) = latest[pick(dice, latest.len())];
        match dice.below(6) {
            0 => self.deals(Deal::EndDiscount { id }),
            1 | 2 => {
                let uses_max = few(dice, 5) * u32::from(dice.below(4) > 0);
                self.deals(Deal::Limit { id, uses_max })
            }
            _ => {
                let (goods, bundles) = (&self.ground.goods, &self.ground.bundles);
                let (variant, minor) = match dice.below(2) {
                    0 if dice.below(3) == 0 => {
                        let others = &self.ground.others;
                        (others[pick(dice, others.len())], 500 + dice.below(1_700))
                    }
                    0 => (goods[pick(dice, goods.len())], 500 + dice.below(1_700)),
                    _ => (bundles[pick(dice, bundles.len())], 1_000 + dice.below(4_000)),
                };
                let minor = i64::try_from(minor).expect("small");
                self.deals(Deal::Price { variant, minor })
            }
        }
    }

    fn a_discount_is_made(&mut self, number: usize, dice: &mut Dice) -> String {
        let now = self.now();
        let shop = self.ground.shop;
        let good = self.ground.goods[pick(dice, 3)];
        let product = self.look(move |tx| catalog::product_of(tx, shop, good));
        let product = product.ok().flatten().map(|product| product.id);
        let id: DiscountId = {
            let app = &self.running().app;
            app.random.id(app.clock.wall())
        };
        // Mostly with a code; those that apply by themselves are few.
        let code = if dice.below(4) > 0 {
            format!("CODE-{number}")
        } else {
            String::new()
        };
        let (uses_max, per_buyer) = match dice.below(4) {
            0 => (0, 1),
            1 => (few(dice, 3), few(dice, 2)),
            _ => (few(dice, 4), 0),
        };
        let new = NewDiscount {
            uses_max,
            starts_at: (dice.below(8) == 0).then(|| now.plus(Seconds(60))),
            ends_at: (dice.below(3) == 0).then(|| now.plus(Seconds(90 + i64::from(few(dice, 900))))),
            rule: Rule {
                name: format!("Discount {}", id.uuid().simple()), // No other has it: the rules know it by its name.
                takes: takes(dice),
                products: product
                    .filter(|_| dice.below(3) == 0)
                    .map(|id: ProductId| vec![id])
                    .unwrap_or_default(),
                minimum: None,
                priority: i64::try_from(dice.below(3)).expect("small"),
                combinable: dice.below(3) > 0,
                per_buyer: if code.is_empty() { 0 } else { per_buyer },
            },
            code: code.clone(),
        };
        if let (Some(trade), false) = (&mut self.trade, code.is_empty()) {
            trade.discounts.push((id, code));
        }
        self.deals(Deal::Discount { id, new })
    }

    // What comes back. ----------------------------------------------------------------------------------------------------------------

    fn things_come_back(&mut self, dice: &mut Dice) -> String {
        let shop = self.ground.shop;
        let open = self.look(move |tx| returns::open(tx, shop, 40)).unwrap_or_default();
        if !open.is_empty() && dice.below(2) == 0 {
            let found = &open[pick(dice, open.len())];
            let (order, id) = (found.order, found.id);
            return match dice.below(8) {
                0 => self.deals(Deal::Close { order, id }),
                1 | 2 => self.deals(Deal::Sent { order, id }),
                _ => {
                    let received = a_parcel(found, dice);
                    self.deals(Deal::Receive { order, id, received })
                }
            };
        }
        // Mostly of what has left.
        let left = self.what_has_left();
        let order = match dice.below(4) {
            0 => {
                let people = self.people.lock().unwrap();
                let ordered: Vec<OrderId> = people.buyers.iter().filter_map(|buyer| buyer.promised).collect();
                ordered.get(pick(dice, ordered.len().max(1))).copied()
            }
            _ => left.get(pick(dice, left.len().max(1))).map(|(order, ..)| *order),
        };
        let Some(order) = order else {
            return "nothing can come back".into();
        };
        let mine: Vec<Ship> = left
            .iter()
            .filter(|(of, ..)| *of == order)
            .map(|(_, line, quantity, _)| Ship {
                line: *line,
                quantity: *quantity,
            })
            .collect();
        let units = (dice.below(3) > 0 && !mine.is_empty()).then(|| some(&mine, dice));
        let id: ReturnId = {
            let app = &self.running().app;
            app.random.id(app.clock.wall())
        };
        self.deals(Deal::Withdraw { order, id, units })
    }

    /// Lines of which something has left and is kept.
    pub(super) fn what_has_left(&mut self) -> Vec<(OrderId, u32, u32, VariantId)> {
        let left = self.look(|tx| {
            tx.all(
                "select order_id, line, quantity - canceled - asked, variant_id from order_lines where shipped > asked order by order_id, line limit 200",
                &[],
            )
        });
        left.unwrap_or_default()
    }

    // A lower price for all. ------------------------------------------------------------------------------------------------------------

    fn matches(&mut self) -> Vec<price_matches::PriceMatch> {
        let shop = self.ground.shop;
        let found = self.look(move |tx| price_matches::list(tx, shop, None, 20));
        found.map(|page| page.data).unwrap_or_default()
    }

    fn earlier_buyers_are_thought_of(&mut self, dice: &mut Dice) -> String {
        use price_matches::Act;
        let mut known = self.matches();
        known.retain(|found| !matches!(found.state, MatchState::Done | MatchState::Canceled));
        if known.is_empty() || dice.below(5) == 0 {
            let app = &self.running().app;
            let id: PriceMatchId = app.random.id(app.clock.wall());
            let mut prices = Vec::new();
            for variant in self.ground.goods.iter().chain(&self.ground.variants[1..2]) {
                if dice.below(2) == 0 {
                    let unit_minor = 100 + i64::try_from(dice.below(1_500)).expect("small");
                    prices.push(NewPrice {
                        variant: *variant,
                        unit_minor,
                    });
                }
            }
            return self.deals(Deal::Match(NewPriceMatch {
                id,
                title: String::new(),
                drop: None,
                from_at: None,
                until_at: None,
                prices,
                staff: None,
            }));
        }
        let found = &known[pick(dice, known.len())];
        let act = match (found.state, dice.below(8)) {
            (_, 0) => Act::Cancel,
            (MatchState::Running, _) => Act::Pause,
            _ => Act::Start,
        };
        self.deals(Deal::Switch { id: found.id, act })
    }

    // Pre-orders. -----------------------------------------------------------------------------------------------------------------------

    fn expected(&mut self) -> Vec<Preorder> {
        let shop = self.ground.shop;
        self.look(move |tx| preorders::list(tx, shop, 20)).unwrap_or_default()
    }

    fn goods_are_expected(&mut self, dice: &mut Dice) -> String {
        let now = self.now();
        let day = |dice: &mut Dice| match dice.below(3) {
            0 => now.plus(Seconds(i64::from(few(dice, 3_600)))),
            _ => now.plus(Seconds::days(i64::from(few(dice, 40)))),
        };
        let known = self.expected();
        let open = known.iter().any(|found| found.state == PreorderState::Open);
        if !open && dice.below(3) > 0 || known.is_empty() {
            let id = {
                let app = &self.running().app;
                app.random.id(app.clock.wall())
            };
            let new = NewPreorder {
                variant: self.ground.goods[3],
                units: few(dice, 8),
                ships_by: day(dice),
            };
            return self.deals(Deal::Expect { id, new });
        }
        let at_work: Vec<&Preorder> = known
            .iter()
            .filter(|found| found.state != PreorderState::Done)
            .collect();
        let Some(found) = at_work.get(pick(dice, at_work.len().max(1))) else {
            return "nothing is expected".into();
        };
        let id = found.id;
        let deal = match dice.below(8) {
            0 => Deal::Shut { id },
            1 => Deal::Delay {
                id,
                ships_by: day(dice),
            },
            2..=5 => Deal::Arrive {
                id,
                units: few(dice, 4),
                after: found.counted,
            },
            _ => return "goods are on their way".into(),
        };
        self.deals(deal)
    }

    // Shelves. ---------------------------------------------------------------------------------------------------------------------------

    /// Mostly a little less lies there than should. What bundles share is not counted: there the checker knows how many there are.
    fn a_shelf_is_counted(&mut self, dice: &mut Dice) -> String {
        let (shop, variant) = (self.ground.shop, self.ground.goods[3]);
        let shelves = self
            .look(move |tx| fulfilment::shelves(tx, shop, variant))
            .unwrap_or_default();
        let Some(shelf) = shelves.first() else {
            return "nothing ever lay there".into();
        };
        let promised = shelf.in_checkouts + shelf.waiting;
        let lying = match dice.below(4) {
            0 => shelf.lying(),
            1 => promised + i64::from(few(dice, 3)),
            _ => promised - i64::from(few(dice, 3)),
        };
        let lying = u32::try_from(lying).unwrap_or_default();
        self.deals(Deal::Count { variant, lying })
    }

    fn shortages(&mut self) -> Result<Vec<fulfilment::Shelf>> {
        let shop = self.ground.shop;
        self.look(move |tx| fulfilment::shortages(tx, shop, 100))
    }

    /// D9: between two counts a shortage never grows, because what is not there is sold to nobody.
    fn no_shortage_grows(&mut self) {
        let Ok(shortages) = self.shortages() else { return };
        let short: BTreeMap<_, _> = (shortages.into_iter())
            .map(|shelf| ((shelf.variant, shelf.location), shelf.short))
            .collect();
        let counts = COUNTS.get();
        let trade = self.trade.as_mut().expect("it was there");
        let (then, before) = std::mem::replace(&mut trade.short, (counts, short.clone()));
        let grown = short
            .iter()
            .find(|(shelf, units)| **units > before.get(shelf).copied().unwrap_or_default());
        if let (true, Some(((variant, _), units))) = (then == counts, grown) {
            let said = format!("D9: {variant} is short of {units}, and was not when it was counted last");
            self.outcome.violations.push(said);
        }
    }

    // The end. --------------------------------------------------------------------------------------------------------------------------

    /// What only people lead out, they do: what is awaited arrives, batches are started, goods come.
    pub(super) fn the_trade_ends(&mut self, round: u32) {
        if self.trade.is_none() {
            return;
        }
        let shop = self.ground.shop;
        for found in self.look(move |tx| returns::open(tx, shop, 200)).unwrap_or_default() {
            let (order, id) = (found.order, found.id);
            // What cannot be given back, or exchanged, for hours is a matter between people.
            if let (Some(exchange), true) = (found.exchange, round >= 120) {
                self.deals(Deal::EndExchange { order, id: exchange });
                if found.state == ReturnState::Received {
                    self.deals(Deal::Close { order, id });
                }
                continue;
            }
            if found.state == ReturnState::Received {
                if round >= 120 {
                    self.deals(Deal::Close { order, id });
                }
                continue;
            }
            let received = Received {
                restock: Some(Restock::Sellable),
                ..Received::default()
            };
            self.deals(Deal::Receive { order, id, received });
        }
        self.the_exchanges_end(round);
        for shelf in self.shortages().unwrap_or_default() {
            let found = u32::try_from(shelf.lying() + shelf.short).expect("small");
            self.deals(Deal::Count {
                variant: shelf.variant,
                lying: found,
            });
        }
        for found in self.matches() {
            let act = match found.state {
                MatchState::Ready | MatchState::Paused => price_matches::Act::Start,
                // Orders whose parcels never leave are waited for.
                MatchState::Running if round >= 120 => {
                    self.is_looked_at(found.id);
                    price_matches::Act::Cancel
                }
                _ => continue,
            };
            self.deals(Deal::Switch { id: found.id, act });
        }
        for found in self.expected() {
            let (id, left) = (found.id, found.units - found.arrived);
            if found.state == PreorderState::Open {
                self.deals(Deal::Shut { id });
            } else if found.state == PreorderState::Closed && left > 0 {
                let units = u32::try_from(left).expect("small");
                self.deals(Deal::Arrive {
                    id,
                    units,
                    after: found.counted,
                });
            }
        }
    }

    /// I16: a batch that has run for half a day has looked again at orders whose money was taken hours ago.
    fn is_looked_at(&mut self, batch: PriceMatchId) {
        let forgotten = self.look(move |tx| {
            let (forgotten,): (i64,) = tx.one(
                "select count(*) from price_match_orders m join orders o on o.id = m.order_id join intents i on i.checkout_id = o.checkout_id
                  where m.match_id = $1 and m.state = 'later' and m.changed_at < $2 and i.state = 'succeeded'
                    and not exists (select 1 from captures c where c.intent_id = i.id and c.changed_at >= $2)",
                hawker::args![batch, tx.now().minus(Seconds::hours(4))],
            )?;
            Ok(forgotten)
        });
        if forgotten.is_ok_and(|forgotten| forgotten > 0) {
            let said = format!("I16: {batch} has forgotten orders that are paid");
            self.outcome.violations.push(said);
        }
    }

    /// What somebody has to look at again.
    pub(super) fn trade_at_work(&mut self) -> i64 {
        if self.trade.is_none() {
            return 0;
        }
        let open = self.look(|tx| {
            let (open,): (i64,) = tx.one(
                "select (select count(*) from returns where ended_at is null) + (select count(*) from exchanges where ended_at is null)
                      + (select count(*) from price_matches where state in ('counting', 'running', 'ready', 'paused'))
                      + (select count(*) from preorders where state <> 'done')",
                &[],
            )?;
            Ok(open)
        });
        open.unwrap_or(1)
    }

    /// Checks of all rows, now and then.
    pub(super) fn check_trade(&mut self) {
        if self.trade.is_none() {
            return;
        }
        let checked = self.look(|tx| {
            let mut broken = hawker::discounts::check(tx)?;
            broken.extend(preorders::check(tx)?);
            for (what, query) in crate::trade_rules::ALWAYS {
                let (found,): (i64,) = tx.one(query, &[])?;
                if found > 0 {
                    broken.push(format!("{what}: {found}"));
                }
            }
            Ok(broken)
        });
        let calm = self.one_in.is_none() && !self.full && !self.power_goes;
        if calm {
            self.no_shortage_grows();
        }
        match checked {
            Ok(broken) => self.outcome.violations.extend(broken),
            Err(error) if (error.kind == Kind::Internal || calm) && !hawker::db::has_ended() => {
                let said = format!("the trade could not be checked: {error:?}");
                self.outcome.violations.push(said);
            }
            Err(_) => {} // The disk of the day.
        }
    }
}

fn takes(dice: &mut Dice) -> Takes {
    let euro = "EUR".parse().expect("a currency");
    let part = |dice: &mut Dice| few(dice, 4_000);
    match dice.below(5) {
        0 | 1 => Takes::Percentage { off_bp: part(dice) },
        2 => Takes::Fixed {
            off: Money::new(i64::from(few(dice, 1_500)), euro).into(),
        },
        3 => Takes::Bogo {
            buy: few(dice, 2),
            get: 1,
            off_bp: [10_000, 5_000][pick(dice, 2)],
        },
        _ => Takes::Volume {
            steps: vec![
                Step {
                    from: 2,
                    off_bp: part(dice),
                },
                Step {
                    from: 4,
                    off_bp: part(dice),
                },
            ],
        },
    }
}

/// What is in a parcel that comes back: whoever opens it finds the same units; how they look is in the eye of whoever does.
pub(super) fn a_parcel(found: &returns::Return, dice: &mut Dice) -> Received {
    let mut inside = Dice(found.id.uuid().as_u64_pair().1);
    let worn = dice.below(4) == 0;
    let to_come = matches!(found.state, ReturnState::Awaited | ReturnState::Sent);
    Received {
        // Opened before: what was in it is written down.
        units: (inside.below(4) == 0).then(|| match to_come {
            true => some(&found.units, &mut inside),
            false => found.units.clone(),
        }),
        deducted_minor: i64::from(worn) * i64::from(few(dice, 700)),
        deduction: if worn { "worn".into() } else { String::new() },
        restock: [None, Some(Restock::Sellable), Some(Restock::WrittenOff)][pick(dice, 3)],
        staff: None,
    }
}

/// At least one unit of them.
fn some(units: &[Ship], dice: &mut Dice) -> Vec<Ship> {
    let mut some: Vec<Ship> = units
        .iter()
        .map(|unit| Ship {
            line: unit.line,
            quantity: u32::try_from(dice.below(u64::from(unit.quantity) + 1)).expect("small"),
        })
        .filter(|unit| unit.quantity > 0)
        .collect();
    if let (true, Some(first)) = (some.is_empty(), units.first()) {
        some.push(Ship { quantity: 1, ..*first });
    }
    some
}

/// What is shown to a buyer now, as the player asks for it: what the shelf cannot fill is offered as a pre-order.
async fn quote(app: &App, shop: ShopId, lines: &[WantedLine], code: Option<String>) -> Result<Option<Quote>> {
    let asked = Asked {
        drop: None,
        lines: lines.to_vec(),
        country: "DE".into(),
        delivery: None,
        seen: None,
        discounts: Wish::Now(code),
    };
    app.db
        .look(move |tx| {
            let shop = hawker::identity::shop(tx, shop)?;
            Ok(match offers::quote(tx, &shop, &asked, Seconds::minutes(15))? {
                offers::Offer::Quoted(mut quote, _) => {
                    offers::with_preorders(tx, &mut quote)?;
                    Some(*quote)
                }
                _ => None,
            })
        })
        .await
}
