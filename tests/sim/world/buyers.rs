//! What buyers do.

use super::ground::ENOUGH;
use super::{Running, World, pick};
use crate::clients::{Act, BROWSERS, Buyer, Done, card, owner, quote};
use crate::dice::Dice;
use hawker::kernel::Seconds;
use hawker::offers::WantedLine;
use hawker::payments::sandbox::{DisputeStatus, NewDispute};
use hawker::{checkout, gift_cards, payments};

impl World<'_> {
    /// A card that was kept in some browser pays once more, alone or right after the purchase it was kept at. In some cases it must not: another
    /// browser says its name, the parcel goes elsewhere, or its owner took it back.
    pub(super) fn one_tap(&mut self, lines: &[WantedLine], dice: &mut Dice) -> Option<String> {
        let (shop, browser) = (self.ground.shop, pick(dice, BROWSERS));
        let mine = owner(shop, browser);
        let kept = self.look(move |tx| payments::stored::list(tx, shop, mine)).ok()?;
        if kept.is_empty() {
            return None;
        }
        // Mostly the one that was used last: its purchase is the newest.
        let card = kept[pick(dice, kept.len()) * usize::from(dice.below(3) == 0)].clone();
        let plenty = [WantedLine {
            variant: self.ground.variants[ENOUGH],
            quantity: 1,
        }];
        let lines = if dice.below(2) == 0 { &plenty } else { lines };
        let Running { app, runtime, .. } = self.running();
        let quote = runtime.block_on(quote(app, shop, lines)).ok()??;
        let app = app.clone();
        let after = (dice.below(3) > 0).then_some(card.checkout);
        let buyer = |browser| {
            let id = app.random.id(app.clock.wall());
            Buyer::new(shop, id, quote.clone(), "").by_stored(browser, card.id, after)
        };
        let gone = {
            let people = self.people.lock().unwrap();
            let took_back =
                |done: &Done| done.acknowledged && matches!(done.act, Act::Forget { stored, .. } if stored == card.id);
            people.acts.iter().any(took_back)
        };
        let mut tapped = vec![buyer(browser)];
        match dice.below(8) {
            0 => {
                tapped = vec![buyer((browser + 1) % BROWSERS)];
                tapped[0].forbidden = Some("another browser paid with a card that was kept in this one");
            }
            1 => {
                if let Some(address) = &mut tapped[0].tap.address {
                    address.city = "Bonn".into();
                }
                tapped[0].forbidden = Some("a kept card paid for a parcel to another address");
            }
            2..=5 if after.is_some() => tapped.push(buyer(browser)),
            // What is not said is filled in by the card.
            6 => (tapped[0].tap.contact, tapped[0].tap.address) = (checkout::Contact::default(), None),
            _ => {}
        }
        if gone {
            tapped
                .iter_mut()
                .for_each(|buyer| buyer.forbidden = Some("a card paid after it was taken back"));
        }
        let count = tapped.len();
        let mut first = None;
        for mut buyer in tapped {
            buyer.twin = first;
            let index = self.arrives(buyer);
            first = first.or(Some(index));
            self.tap(index);
        }
        if dice.below(8) == 0 {
            let forget = Act::Forget {
                browser,
                stored: card.id,
            };
            let index = self.people.lock().unwrap().plans(forget);
            self.act(index);
        }
        Some(format!(
            "browser {browser} pays {count} times in one tap, after {after:?}"
        ))
    }

    pub(super) fn arrives(&mut self, buyer: Buyer) -> usize {
        self.outcome.checkouts += 1;
        let mut people = self.people.lock().unwrap();
        people.buyers.push(buyer);
        people.buyers.len() - 1
    }

    pub(super) fn somebody_comes(&mut self, dice: &mut Dice) -> String {
        let shop = self.ground.shop;
        // Carts: up to three lines, of which two may be of the same thing.
        let lines: Vec<WantedLine> = (0..1 + dice.below(3).min(dice.below(3)))
            .map(|_| WantedLine {
                variant: self.ground.variants[pick(dice, 3)],
                quantity: 1 + u32::try_from(dice.below(3)).expect("small"),
            })
            .collect();
        let units: u32 = lines.iter().map(|line| line.quantity).sum();
        if dice.below(4) == 0
            && let Some(said) = self.one_tap(&lines, dice)
        {
            return said;
        }
        let later = |token| if self.late { token } else { "tok_visa" };
        let token = [
            "tok_visa",
            "tok_visa",
            later("tok_later_empty"),
            later("tok_later_lost"),
            "tok_3ds",
            "tok_declined",
            "tok_stolen",
            "tok_fades",
        ][pick(dice, 8)];
        let Running { app, runtime, .. } = self.running();
        let quote = match runtime.block_on(quote(app, shop, &lines)) {
            Ok(Some(quote)) => quote,
            other => return format!("nothing is offered: {other:?}"),
        };
        let now = app.clock.wall();
        let mut buyer = Buyer::new(shop, app.random.id(now), quote, token);
        if dice.below(3) == 0 {
            buyer = buyer.keeping(pick(dice, BROWSERS));
        }
        if dice.below(4) == 0 {
            buyer.tap.gift_card = Some(gift_cards::Asked {
                code: self.ground.codes[pick(dice, self.ground.codes.len())].clone(),
                covers_minor: None,
            });
        }
        let index = self.arrives(buyer);
        self.tap(index);
        if dice.below(6) == 0 {
            self.tap(index); // Twice, out of impatience.
        }
        format!("buyer {index} wants {units} in {} lines with {token}", lines.len())
    }

    pub(super) fn tap(&mut self, index: usize) {
        let (app, people) = (self.running().app.clone(), self.people.clone());
        let tap = people.lock().unwrap().buyers[index].tap.clone();
        self.spawn(async move {
            let answer = checkout::buy(&app, tap).await.map(|(_, answer)| answer);
            let mut people = people.lock().unwrap();
            let error = people.buyers[index].heard_of_tap(answer);
            people.complain("a tap", error);
        });
    }

    pub(super) fn somebody_asks_again(&mut self, dice: &mut Dice) -> String {
        let people = self.people.clone();
        let (count, acts) = {
            let people = people.lock().unwrap();
            (people.buyers.len() as u64, people.acts.len() as u64)
        };
        if dice.below(3) == 0 && acts > 0 {
            let index = usize::try_from(dice.below(acts)).expect("small");
            self.act(index);
            return format!("act {index} again");
        }
        if count == 0 {
            return "nobody to ask again".into();
        }
        let index = usize::try_from(dice.below(count)).expect("small");
        let buyer = people.lock().unwrap().buyers[index].clone();
        if self.late && buyer.promised.is_some() {
            // Whoever was asked to pay again does; whoever was not is told that nothing is to be paid.
            let app = self.running().app.clone();
            let token = ["tok_visa", "tok_3ds", "tok_declined"][usize::try_from(dice.below(3)).expect("small")];
            self.spawn(async move {
                let Buyer { tap, .. } = buyer;
                let answer = checkout::pay(&app, tap.shop, tap.id, card(token), String::new()).await;
                let mut people = people.lock().unwrap();
                let error = people.buyers[index].heard_of_payment(answer);
                people.complain("paying again", error);
            });
            return format!("buyer {index} pays again with {token}");
        }
        if buyer.declined && dice.below(2) == 0 {
            let app = self.running().app.clone();
            self.spawn(async move {
                let Buyer { tap, .. } = buyer;
                let answer = checkout::pay(&app, tap.shop, tap.id, card("tok_visa"), String::new()).await;
                let mut people = people.lock().unwrap();
                let error = people.buyers[index].heard_of_payment(answer);
                people.complain("another card", error);
            });
            return format!("buyer {index} tries another card");
        }
        self.tap(index);
        format!("buyer {index} asks again")
    }

    pub(super) fn a_bank_decides(&mut self, dice: &mut Dice) -> String {
        let asked: Vec<String> = {
            let people = self.people.lock().unwrap();
            people
                .buyers
                .iter()
                .filter_map(|buyer| buyer.at_the_bank.clone())
                .collect()
        };
        if asked.is_empty() {
            return "no bank is asked".into();
        }
        let payment = &asked[usize::try_from(dice.below(asked.len() as u64)).expect("small")];
        let approved = dice.below(4) > 0;
        self.banks.iter().for_each(|bank| bank.decide(payment, approved));
        format!("the bank of {payment} says {approved}")
    }

    /// A buyer goes to their bank, which does not ask whether money went back before; or a bank goes on with what it began.
    pub(super) fn a_buyer_disputes(&mut self, dice: &mut Dice) -> String {
        let bank = self.banks[pick(dice, self.banks.len())].clone();
        let known = bank.disputed();
        if known.is_empty() || dice.below(3) == 0 {
            let taken = bank.taken();
            if taken.is_empty() {
                return "nothing was taken".into();
            }
            let payment = &taken[pick(dice, taken.len())];
            let part = 1 + i64::try_from(dice.below(payment.captured.unsigned_abs())).expect("small");
            let new = NewDispute {
                payment: payment.id.clone(),
                amount: (dice.below(2) == 0).then_some(part),
                reason: "product_not_received".into(),
                inquiry: dice.below(3) == 0,
                to_answer: Seconds::days(7),
            };
            let said = format!("{new:?}");
            return format!("{said}: {}", bank.disputes(|books, now| books.open_dispute(&new, now)));
        }
        let dispute = &known[pick(dice, known.len())];
        let (id, yes) = (dispute.id.as_str(), dice.below(2) == 0);
        let done = bank.disputes(|books, now| match dispute.status {
            DisputeStatus::WarningNeedsResponse if yes => books.escalate_dispute(id, now),
            DisputeStatus::Won if yes => books.dispute_again(id, now),
            _ => books.decide_dispute(id, yes),
        });
        format!("{} of {id} goes on: {done}", dispute.status.name())
    }

    /// Every bank comes to a decision.
    pub(super) fn the_banks_decide(&mut self, dice: &mut Dice) {
        for bank in self.banks.clone() {
            for dispute in bank.disputed().iter().filter(|dispute| dispute.status.is_open()) {
                let won = dispute.status == DisputeStatus::WarningNeedsResponse || dice.below(2) == 0;
                bank.disputes(|books, _| books.decide_dispute(&dispute.id, won));
            }
        }
    }

    pub(super) fn the_next_buyer_is_served(&mut self, dice: &mut Dice) {
        let (shop, variant) = (self.ground.shop, self.ground.variants[ENOUGH]);
        let Running { app, runtime, .. } = self.running();
        let quote = runtime.block_on(quote(app, shop, &[WantedLine { variant, quantity: 1 }]));
        let Ok(Some(quote)) = quote else {
            return self
                .outcome
                .violations
                .push(format!("liveness: nothing is offered: {quote:?}"));
        };
        let buyer = Buyer::new(shop, app.random.id(app.clock.wall()), quote, "tok_visa");
        let index = {
            let mut people = self.people.lock().unwrap();
            people.buyers.push(buyer);
            people.buyers.len() - 1
        };
        // Whoever has to wait for a word of their bank's asks again.
        for _ in 0..2 {
            self.tap(index);
            self.until_idle(dice);
        }
        if self.people.lock().unwrap().buyers[index].promised.is_none() {
            self.outcome
                .violations
                .push("liveness: a new purchase does not succeed".into());
        }
    }
}
