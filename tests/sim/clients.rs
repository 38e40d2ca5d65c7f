//! The people around the shop and what they were promised: kept by them, compared with the shop after every crash and at the end (I34).

use crate::deals::Deal;
use hawker::app::App;
use hawker::checkout::{
    self, Address, Adjustment, Buy, CancelOrder, CancelUnits, Contact, NewRefund, Pay, Paying, Payment, Refund,
    RefundWhat, Settled, Ship, Tap, UnitsCanceled, Way,
};
use hawker::fulfilment::{self, Deliverance, HandOver};
use hawker::kernel::{
    AdjustmentId, CheckoutId, ContractId, DisputeId, Error, IntentId, OrderId, Result, ShipmentId, ShopId,
    StoredMethodId, VariantId,
};
use hawker::offers::{PaymentMethod, Quote};
use hawker::partners::{Agree, Terms};
use hawker::payments::disputes::{self, Answering};
use hawker::payments::stored::Owner;
use hawker::payments::{Decided, Decision, Rule, Settle, Who};
use hawker::{inventory, offers, partners, payments};

/// The processors of this world.
pub const BANKS: [&str; 3] = ["sandbox", "other", "mute"];

/// Somebody who wants a mug. Their checkout's id is theirs: whatever happens, they ask with it again.
#[derive(Clone)]
pub struct Buyer {
    pub tap: Tap,
    /// What was said to them, as far as it binds: an order.
    pub promised: Option<OrderId>,
    /// Where their bank asks them; the name of the payment.
    pub at_the_bank: Option<String>,
    /// The last card was declined: they may try another.
    pub declined: bool,
    /// A definite no; they leave.
    pub refused: bool,
    /// Whose browser it is, of those that have cards kept.
    pub browser: Option<usize>,
    /// Why this must never become an order.
    pub forbidden: Option<&'static str>,
    /// The same offer after the same purchase, tapped once more under another id.
    pub twin: Option<usize>,
    /// They may ask to be erased: then nobody knows any more what they typed.
    pub forgotten: bool,
}

/// Browsers that hold a secret.
pub const BROWSERS: usize = 5;

/// Whoever holds a browser's secret, at this shop.
pub fn owner(shop: ShopId, browser: usize) -> Owner {
    Owner::of(shop, &format!("the secret of browser {browser}"))
}

impl Buyer {
    pub fn new(shop: ShopId, id: CheckoutId, quote: Quote, token: &str) -> Self {
        let address = Address {
            name: "B. Uyer".into(),
            line1: "Street 1".into(),
            line2: None,
            postal_code: "10115".into(),
            city: "Berlin".into(),
            region: None,
            country: "DE".into(),
        };
        let tap = Tap {
            shop,
            id,
            fingerprint: [7; 32],
            quote,
            contact: Contact {
                email: Some("buyer@example.org".into()),
                phone: None,
            },
            address: Some(address),
            payment: Some(card(token)),
            gift_card: None,
            key: None,
            after: None,
            exchange: None,
            return_url: String::new(),
        };
        Self {
            tap,
            promised: None,
            at_the_bank: None,
            declined: false,
            refused: false,
            browser: None,
            forbidden: None,
            twin: None,
            forgotten: false,
        }
    }

    /// Pays in a browser of their own, and agrees that the card is kept there.
    #[must_use]
    pub fn keeping(mut self, browser: usize) -> Self {
        if let Some(paying) = &mut self.tap.payment {
            paying.payment.keep = true;
            paying.owner = Some(owner(self.tap.shop, browser));
        }
        self.browser = Some(browser);
        self
    }

    /// Pays with a card that was kept, in whatever browser.
    #[must_use]
    pub fn by_stored(mut self, browser: usize, stored: StoredMethodId, after: Option<CheckoutId>) -> Self {
        if let Some(paying) = &mut self.tap.payment {
            paying.payment.token = None;
            paying.payment.stored = Some(stored);
            paying.owner = Some(owner(self.tap.shop, browser));
        }
        self.tap.after = after;
        self.browser = Some(browser);
        self
    }

    /// Units of each line.
    pub fn quantities(&self) -> Vec<u32> {
        self.tap.quote.lines.iter().map(|line| line.quantity).collect()
    }

    fn hear(&mut self, settled: &Settled) {
        if let Some(order) = &settled.order {
            self.promised = Some(order.id);
        }
        self.declined = settled.order.is_none() && !settled.decline.is_empty();
        let payment = settled
            .action_url
            .rsplit_once('/')
            .map(|(_, payment)| payment.to_owned());
        self.at_the_bank = payment.filter(|payment| !payment.is_empty());
    }

    pub fn heard_of_tap(&mut self, answer: Result<Buy>) -> Option<Error> {
        match answer {
            Ok(Buy::Placed(settled) | Buy::Again(settled)) => self.hear(&settled),
            Ok(Buy::SoldOut { .. } | Buy::QuoteExpired | Buy::NotForSale(_)) => self.refused = self.promised.is_none(),
            Ok(Buy::IdReused) if self.forgotten => {}
            Ok(other) => return Some(Error::internal(format!("no buyer here earns this answer: {other:?}"))),
            Err(error) => return Some(error),
        }
        None
    }

    pub fn heard_of_payment(&mut self, answer: Result<Pay>) -> Option<Error> {
        match answer {
            Ok(Pay::Settled(settled)) => self.hear(&settled),
            Ok(_) => {}
            Err(error) => return Some(error),
        }
        None
    }
}

pub fn card(token: &str) -> Paying {
    Paying::plain(Payment::new(PaymentMethod::Card, Some(token.to_owned())))
}

/// What the shop's people do. Ids are theirs: doing it twice is doing it once.
#[derive(Clone, Debug)]
pub enum Act {
    HandOver {
        order: OrderId,
        id: ShipmentId,
        /// Nothing: all that is open.
        lines: Option<Vec<Ship>>,
    },
    Cancel {
        order: OrderId,
    },
    /// Some units that have not left.
    CancelUnits {
        order: OrderId,
        id: AdjustmentId,
        units: Vec<Ship>,
    },
    Refund {
        order: OrderId,
        id: AdjustmentId,
        what: RefundWhat,
    },
    Stock {
        variant: VariantId,
        free: u32,
    },
    /// Other terms from now on; what was sold keeps its own (L4).
    Revise {
        contract: ContractId,
        terms: Box<Terms>,
    },
    /// Other rules about who is asked for the money.
    Route {
        rules: Vec<Rule>,
    },
    /// A buyer takes a kept card back.
    Forget {
        browser: usize,
        stored: StoredMethodId,
    },
    /// A person leads a payment out of its conflict, if they are right.
    Decide {
        intent: IntentId,
        version: i64,
        decision: Decision,
    },
    /// A dispute is given up, or answered.
    Answer {
        dispute: DisputeId,
        give_up: bool,
    },
    /// The buyer walks away from their checkout.
    Leave {
        checkout: CheckoutId,
    },
    /// About prices, bundles, pre-orders, returns and lower prices.
    Deal(Box<Deal>),
}

/// An act, and whether it was acknowledged.
#[derive(Clone, Debug)]
pub struct Done {
    pub act: Act,
    pub acknowledged: bool,
}

impl Act {
    /// Whoever says it again under its id hears for ever that it is done.
    pub const fn is_done_once(&self) -> bool {
        matches!(
            self,
            Self::HandOver { .. } | Self::CancelUnits { .. } | Self::Refund { .. }
        )
    }

    /// Does it; answers whether that was acknowledged as done.
    pub async fn perform(&self, app: &App, shop: ShopId) -> Result<bool> {
        Ok(match self.clone() {
            Self::HandOver { order, id, lines } => {
                let parcel = HandOver {
                    id,
                    lines,
                    carrier: "DHL".into(),
                    tracking: "JD01".into(),
                };
                let handed = fulfilment::hand_over(app, shop, order, None, parcel).await?;
                matches!(handed, Deliverance::HandedOver | Deliverance::Again)
            }
            Self::Cancel { order } => {
                let canceled = checkout::cancel_order(app, shop, order, None, "changed my mind".into()).await?;
                matches!(canceled, CancelOrder::Canceled(_) | CancelOrder::Again(_))
            }
            Self::CancelUnits { order, id, units } => {
                let wish = UnitsCanceled {
                    id,
                    units,
                    reason: "fewer".into(),
                    staff: None,
                };
                let canceled = checkout::cancel_units(app, shop, order, wish).await?;
                matches!(canceled, CancelUnits::Canceled | CancelUnits::Again)
            }
            Self::Refund { order, id, what } => {
                let new = NewRefund {
                    id,
                    what,
                    way: Way::AsItCame,
                    reason: "goodwill".into(),
                    staff: None,
                };
                let refund = checkout::refund(app, shop, order, new).await?;
                matches!(refund, Refund::Begun(_) | Refund::Again(_))
            }
            Self::Stock { variant, free } => {
                let set = app.db.write(hawker::db::LaneKey(0), move |tx| {
                    inventory::set_stock(tx, shop, variant, None, free)
                });
                set.await.map(|_| true)?
            }
            Self::Revise { contract, terms } => {
                let revised = app.db.write(hawker::db::LaneKey(0), move |tx| {
                    let today = partners::current_version(tx, shop, contract)?.unwrap_or_default();
                    partners::revise(tx, (shop, "EUR".parse()?), contract, today, &terms)
                });
                matches!(revised.await?, Agree::Agreed(_))
            }
            Self::Route { rules } => {
                let written = app.db.write(hawker::db::LaneKey(0), move |tx| {
                    let today = payments::rules(tx, shop)?.version;
                    let known: Vec<&str> = BANKS.to_vec();
                    payments::write_rules(tx, shop, today, rules.clone(), &known)
                });
                matches!(written.await?, payments::WriteRules::Written(_))
            }
            Self::Forget { browser, stored } => {
                let lane = hawker::db::LaneKey::of(stored);
                let done = app.db.write(lane, move |tx| {
                    payments::stored::forget(tx, shop, owner(shop, browser), stored)
                });
                done.await?
            }
            Self::Decide {
                intent,
                version,
                decision,
            } => {
                let decided = Decided {
                    decision,
                    version,
                    who: Who {
                        name: "S. Taff".into(),
                        principal: "staff".into(),
                    },
                    reason: "looked at it".into(),
                    of: String::new(),
                    reference: String::new(),
                };
                let settled = payments::settle(app, shop, intent, decided, checkout::conclude).await?;
                matches!(settled, Settle::Settled(_))
            }
            Self::Answer { dispute, give_up } => {
                let answered = if give_up {
                    disputes::accept(app, shop, dispute, "the buyer is right", None).await?
                } else {
                    let texts = [("statement".to_owned(), "It was sent.".to_owned())].into();
                    disputes::submit(app, shop, dispute, texts, None).await?
                };
                matches!(answered, Answering::Told(_))
            }
            Self::Leave { checkout } => {
                checkout::cancel(app, shop, checkout).await?;
                true
            }
            Self::Deal(deal) => deal.perform(app, shop).await?,
        })
    }
}

/// What of the promises the shop does not keep.
pub async fn unkept(app: &App, shop: ShopId, buyers: &[Buyer], acts: &[Done]) -> Result<Vec<String>> {
    let orders: Vec<OrderId> = buyers.iter().filter_map(|buyer| buyer.promised).collect();
    let buyers = buyers.to_vec();
    let acts: Vec<Act> = acts
        .iter()
        .filter(|done| done.acknowledged)
        .map(|done| done.act.clone())
        .collect();
    app.db
        .look(move |tx| {
            let mut unkept = Vec::new();
            for id in &orders {
                if checkout::order(tx, shop, *id)?.is_none() {
                    unkept.push(format!("I34: order {id} was promised and is not there"));
                }
            }
            for buyer in &buyers {
                if let (Some(why), Some(order)) = (buyer.forbidden, buyer.promised) {
                    unkept.push(format!("T6: {order}: {why}"));
                }
                if let (Some(twin), Some(order)) = (buyer.twin.map(|twin| &buyers[twin]), buyer.promised)
                    && twin.promised.is_some()
                {
                    unkept.push(format!("P22: {order}: a second tap bought the same again"));
                }
            }
            for act in &acts {
                let kept = match act {
                    Act::HandOver { order, id, .. } => {
                        let parcels = fulfilment::shipments(tx, shop, *order)?;
                        parcels.iter().any(|parcel| parcel.id == *id)
                    }
                    Act::Cancel { order } => {
                        checkout::order(tx, shop, *order)?.is_some_and(|order| order.canceled_at.is_some())
                    }
                    Act::CancelUnits { order, id, .. } => {
                        let adjustments = checkout::adjustments(tx, *order)?;
                        adjustments.iter().any(|adjustment| adjustment.id == *id)
                    }
                    Act::Refund { order, id, what } => {
                        let adjustments = checkout::adjustments(tx, *order)?;
                        let found = adjustments.iter().find(|adjustment| adjustment.id == *id);
                        let said = |found: &Adjustment| match what {
                            RefundWhat::Amount(amount) => found.amount_minor == *amount,
                            RefundWhat::Everything
                            | RefundWhat::Lines(_)
                            | RefundWhat::Difference(_)
                            | RefundWhat::RestOfBundle(_)
                            | RefundWhat::Again(_) => true,
                        };
                        found.is_some_and(said)
                    }
                    // What was not heard at first may be refused when it is told again: then a person may answer anew.
                    Act::Answer { dispute, .. } => disputes::find(tx, shop, *dispute)?.is_some(),
                    Act::Deal(deal) => deal.is_kept(tx, shop)?,
                    Act::Decide { .. }
                    | Act::Forget { .. }
                    | Act::Stock { .. }
                    | Act::Leave { .. }
                    | Act::Revise { .. }
                    | Act::Route { .. } => true,
                };
                if !kept {
                    unkept.push(format!("I34: {act:?} was acknowledged and is not there"));
                }
            }
            Ok(unkept)
        })
        .await
}

/// What is shown to a buyer now.
pub async fn quote(app: &App, shop: ShopId, lines: &[offers::WantedLine]) -> Result<Option<Quote>> {
    let asked = offers::Asked {
        drop: None,
        lines: lines.to_vec(),
        country: "DE".into(),
        delivery: None,
        seen: None,
        discounts: hawker::discounts::Wish::default(),
    };
    app.db
        .look(move |tx| {
            let shop = hawker::identity::shop(tx, shop)?;
            let offer = offers::quote(tx, &shop, &asked, hawker::kernel::Seconds::minutes(15))?;
            Ok(match offer {
                offers::Offer::Quoted(quote, _) => Some(*quote),
                _ => None,
            })
        })
        .await
}
