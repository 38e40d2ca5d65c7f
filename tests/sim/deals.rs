//! What the people of a shop with a richer trade do, and their buyers after the sale. Ids are theirs: doing it twice is doing it once.

use crate::clients::card;
use hawker::app::App;
use hawker::catalog::{self, SetPrice};
use hawker::checkout::{self, NewRefund, Refund, RefundWhat, Ship, Way};
use hawker::db::{LaneKey, Tx};
use hawker::discounts::{self, Change, DiscountState, NewDiscount};
use hawker::exchanges::{self, AskFor, ExchangeState};
use hawker::fulfilment::{self, Affected, Promise, Shelf};
use hawker::gift_cards::Code;
use hawker::kernel::{
    AdjustmentId, DiscountId, ErasureId, Error, ExchangeId, IntentId, Money, OrderId, PreorderId, PriceMatchId, Result,
    ReturnId, ShopId, Time, VariantId,
};
use hawker::preorders::{self, NewPreorder, PreorderState};
use hawker::price_matches::{self, DrawUp, MatchState, NewPriceMatch};
use hawker::returns::{self, Close, Receive, Received, ReturnState, Statement, Withdraw};
use hawker::{erasure, payments};
use std::cell::Cell;
use std::cmp::Reverse;

#[derive(Clone, Debug)]
pub enum Deal {
    Discount {
        id: DiscountId,
        new: NewDiscount,
    },
    /// The same discount may be had so often from now on.
    Limit {
        id: DiscountId,
        uses_max: u32,
    },
    EndDiscount {
        id: DiscountId,
    },
    Price {
        variant: VariantId,
        minor: i64,
    },
    Withdraw {
        order: OrderId,
        id: ReturnId,
        /// None: everything.
        units: Option<Vec<Ship>>,
    },
    Sent {
        order: OrderId,
        id: ReturnId,
    },
    Receive {
        order: OrderId,
        id: ReturnId,
        received: Received,
    },
    Close {
        order: OrderId,
        id: ReturnId,
    },
    Match(NewPriceMatch),
    Switch {
        id: PriceMatchId,
        act: price_matches::Act,
    },
    Expect {
        id: PreorderId,
        new: NewPreorder,
    },
    /// So many arrived, by whoever saw that so many had.
    Arrive {
        id: PreorderId,
        units: u32,
        after: i64,
    },
    Delay {
        id: PreorderId,
        ships_by: Time,
    },
    Shut {
        id: PreorderId,
    },
    /// Something else for what they have.
    Exchange {
        order: OrderId,
        wish: AskFor,
    },
    /// The difference, with this card.
    PayExchange {
        order: OrderId,
        id: ExchangeId,
        token: &'static str,
    },
    EndExchange {
        order: OrderId,
        id: ExchangeId,
    },
    /// Money that becomes store credit, as its buyer wishes.
    Credit {
        order: OrderId,
        id: AdjustmentId,
        what: RefundWhat,
        at_most: Option<i64>,
    },
    /// A buyer wants to be forgotten.
    Erase {
        id: ErasureId,
        contact: String,
    },
    /// So many lie on a shelf, promised ones too.
    Count {
        variant: VariantId,
        lying: u32,
    },
    /// Somebody has the processor asked about a payment now.
    AskNow {
        intent: IntentId,
    },
}

impl Deal {
    /// Does it; answers whether that was acknowledged as done.
    pub async fn perform(&self, app: &App, shop: ShopId) -> Result<bool> {
        let deal = self.clone();
        Ok(match deal {
            Self::Withdraw { order, id, units } => {
                let statement = Statement {
                    id,
                    units,
                    name: "B. Uyer".into(),
                    email: "buyer@example.org".into(),
                    words: String::new(),
                    staff: None,
                };
                let stated = returns::withdraw(app, shop, order, statement).await?;
                matches!(stated, Withdraw::Stated(_) | Withdraw::Again(_))
            }
            Self::Receive { order, id, received } => {
                let receive = returns::receive(app, shop, order, id, received).await?;
                matches!(receive, Receive::Received(_) | Receive::Again(_))
            }
            Self::Exchange { order, wish } => {
                let asked = exchanges::ask(app, shop, order, wish).await?;
                matches!(asked, exchanges::Ask::Asked(_) | exchanges::Ask::Again(_))
            }
            Self::PayExchange { order, id, token } => {
                let paid = exchanges::pay(app, shop, (order, id), card(token), String::new()).await?;
                let exchanges::Pay::Paid(paid) = paid else {
                    return Ok(false);
                };
                matches!(*paid, checkout::Pay::Settled(settled) if settled.order.is_some())
            }
            Self::EndExchange { order, id } => {
                let ended = exchanges::end(app, shop, (order, id), "I changed my mind.", None).await?;
                ended == exchanges::End::Ended
            }
            Self::Credit {
                order,
                id,
                what,
                at_most,
            } => {
                let code = Code::of_credit(app.db.signing_key(), order);
                let new = NewRefund {
                    id,
                    what,
                    way: Way::Credit { at_most, code },
                    reason: "goodwill".into(),
                    staff: None,
                };
                let refund = checkout::refund(app, shop, order, new).await?;
                matches!(refund, Refund::Begun(_) | Refund::Again(_))
            }
            Self::Erase { id, contact } => {
                let wish = erasure::Wish {
                    id,
                    subject: erasure::Subject::read(&contact)?,
                    by: erasure::AskedBy::Buyer,
                    staff: None,
                };
                let asked = erasure::ask(app, shop, wish).await?;
                matches!(asked, erasure::Ask::Asked(_) | erasure::Ask::Again(_))
            }
            Self::AskNow { intent } => {
                let asked = payments::ask_now(app, shop, intent, checkout::conclude).await?;
                asked.is_some()
            }
            deal => {
                let lane = deal.lane();
                app.db.write(lane, move |tx| deal.write(tx, shop)).await?
            }
        })
    }

    fn lane(&self) -> LaneKey {
        match self {
            Self::Sent { order, .. } | Self::Close { order, .. } => LaneKey::of(*order),
            Self::Expect { id, .. } | Self::Arrive { id, .. } | Self::Delay { id, .. } | Self::Shut { id } => {
                LaneKey::of(*id)
            }
            Self::Match(new) => LaneKey::of(new.id),
            Self::Switch { id, .. } => LaneKey::of(*id),
            _ => LaneKey(0),
        }
    }

    fn write(&self, tx: &mut Tx<'_>, shop: ShopId) -> Result<bool> {
        let currency = "EUR".parse()?;
        Ok(match self.clone() {
            Self::Discount { id, new } => {
                let made = discounts::create(tx, (shop, currency), id, &new, None)?;
                matches!(made, Change::Done(_))
            }
            Self::Limit { id, uses_max } => {
                let known = discounts::find(tx, shop, id)?;
                let Some(known) = known.filter(|known| known.state == DiscountState::Active) else {
                    return Ok(false);
                };
                let new = NewDiscount {
                    uses_max,
                    ..as_it_is(&known)
                };
                let changed = discounts::change(tx, (shop, currency), id, known.version, (&new, known.state), None)?;
                matches!(changed, Change::Done(_))
            }
            Self::EndDiscount { id } => {
                let Some(known) = discounts::find(tx, shop, id)? else {
                    return Ok(false);
                };
                if known.state == DiscountState::Ended {
                    return Ok(true);
                }
                let ended = (&as_it_is(&known), DiscountState::Ended);
                let changed = discounts::change(tx, (shop, currency), id, known.version, ended, None)?;
                matches!(changed, Change::Done(_))
            }
            Self::Price { variant, minor } => {
                let set = catalog::set_price(tx, shop, variant, None, Money::new(minor, currency))?;
                matches!(set, SetPrice::Set { .. })
            }
            Self::Sent { order, id } => returns::say_sent(tx, shop, order, id, "DHL 1234")?,
            Self::Close { order, id } => {
                returns::close(tx, shop, order, id, "we agreed otherwise", None)? == Close::Closed
            }
            Self::Match(new) => {
                let drawn = price_matches::draw_up(tx, shop, new)?;
                matches!(drawn, DrawUp::Drawn(_) | DrawUp::Again(_))
            }
            Self::Switch { id, act } => price_matches::act(tx, shop, id, act)?.is_some(),
            Self::Expect { id, new } => preorders::take(tx, shop, id, new).map(|_| true)?,
            Self::Arrive { id, units, after } => {
                let arrived = preorders::receive(tx, shop, id, units, Some(after))?;
                matches!(arrived, preorders::Act::Done(_)) // Once: whoever says it again hears that it was said.
            }
            Self::Delay { id, ships_by } => {
                let later = preorders::delay(tx, shop, id, ships_by)?;
                matches!(later, preorders::Act::Done(_) | preorders::Act::Again(_))
            }
            Self::Shut { id } => {
                let shut = preorders::close(tx, shop, id)?;
                matches!(shut, preorders::Act::Done(_) | preorders::Act::Again(_))
            }
            Self::Count { variant, lying } => {
                COUNTS.set(COUNTS.get() + 1);
                let fulfilment::Count::Counted(shelf) = fulfilment::count(tx, shop, variant, None, lying)? else {
                    return Ok(false);
                };
                if let Some(wrong) = miscounted(&shelf, i64::from(lying)) {
                    return Err(Error::internal(format!("D9: {wrong}: {shelf:?}")));
                }
                true
            }
            other => return Err(Error::internal(format!("{other:?} is no single command"))),
        })
    }

    /// I34: whether what was acknowledged is there. What may be undone by others is not asked for.
    pub fn is_kept(&self, tx: &mut Tx<'_>, shop: ShopId) -> Result<bool> {
        let state = |tx: &mut Tx<'_>, id| returns::find(tx, shop, id).map(|found| found.map(|found| found.state));
        Ok(match self {
            Self::Discount { id, .. } => discounts::find(tx, shop, *id)?.is_some(),
            Self::EndDiscount { id } => {
                discounts::find(tx, shop, *id)?.is_some_and(|known| known.state == DiscountState::Ended)
            }
            Self::Withdraw { id, .. } => state(tx, *id)?.is_some(),
            Self::Sent { id, .. } => state(tx, *id)?.is_some_and(|state| state != ReturnState::Awaited),
            // What came is written down, whatever was to come.
            Self::Receive { id, received, .. } => returns::find(tx, shop, *id)?.is_some_and(|found| {
                let came = received.units.as_ref().is_none_or(|came| found.units == *came);
                came && !matches!(found.state, ReturnState::Awaited | ReturnState::Sent)
            }),
            Self::Close { id, .. } => state(tx, *id)? == Some(ReturnState::Closed),
            Self::Match(new) => price_matches::find(tx, shop, new.id)?.is_some(),
            Self::Switch { id, act } => price_matches::find(tx, shop, *id)?.is_some_and(|found| match act {
                price_matches::Act::Cancel => found.state == MatchState::Canceled,
                _ => !matches!(found.state, MatchState::Counting | MatchState::Ready),
            }),
            Self::Expect { id, .. } => preorders::find(tx, shop, *id)?.is_some(),
            Self::Delay { id, ships_by } => {
                preorders::find(tx, shop, *id)?.is_some_and(|found| found.ships_by >= *ships_by)
            }
            Self::Shut { id } => {
                preorders::find(tx, shop, *id)?.is_some_and(|found| found.state != PreorderState::Open)
            }
            Self::Exchange { wish, .. } => exchanges::find(tx, shop, wish.id)?.is_some(),
            Self::PayExchange { id, .. } => {
                let last = exchanges::find(tx, shop, *id)?.and_then(|found| found.checkout());
                last.is_some_and(|checkout| {
                    checkout::order(tx, shop, checkout.order()).is_ok_and(|order| order.is_some())
                })
            }
            Self::EndExchange { id, .. } => exchanges::find(tx, shop, *id)?
                .is_some_and(|found| matches!(found.state, ExchangeState::Closed | ExchangeState::Refunded)),
            Self::Credit { order, id, .. } => {
                let adjustments = checkout::adjustments(tx, *order)?;
                adjustments.iter().any(|adjustment| adjustment.id == *id)
            }
            Self::Erase { id, .. } => erasure::find(tx, shop, *id)?.is_some(),
            Self::Count { .. }
            | Self::Limit { .. }
            | Self::Price { .. }
            | Self::Arrive { .. }
            | Self::AskNow { .. } => true,
        })
    }
}

fn as_it_is(known: &discounts::Discount) -> NewDiscount {
    NewDiscount {
        code: known.code.clone().unwrap_or_default(),
        rule: known.rule.clone(),
        starts_at: Some(known.starts_at),
        ends_at: known.ends_at,
        uses_max: known.uses_max,
    }
}

thread_local! {
    /// Shelves that were counted by the histories of this thread: between two of them no shortage grows.
    pub static COUNTS: Cell<u64> = const { Cell::new(0) };
}

/// D9: a shortage is what is promised and does not lie there, and it is told whose: those who have only reserved first, and the last of each first.
fn miscounted(shelf: &Shelf, lying: i64) -> Option<&'static str> {
    let promised = shelf.in_checkouts + shelf.waiting;
    if shelf.short != (promised - lying).max(0) || shelf.left != (lying - promised).max(0) {
        return Some("what is promised and what lies there is not what is said to be short");
    }
    if shelf.affected.iter().map(|one| one.short).sum::<i64>() != shelf.short {
        return Some("not all of it is told as somebody's");
    }
    let rank = |one: &Affected| (matches!(one.promise, Promise::Line { .. }), Reverse(one.since));
    if !shelf.affected.is_sorted_by_key(rank) {
        return Some("somebody is affected before somebody who was promised later");
    }
    let reserved: i64 = (shelf.affected.iter())
        .filter(|one| matches!(one.promise, Promise::Checkout { .. }))
        .map(|one| one.short)
        .sum();
    (reserved != shelf.short.min(shelf.in_checkouts)).then_some("who has bought is affected before who has not")
}
