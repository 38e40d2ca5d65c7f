//! The people around the shop and what they were promised: kept by them, compared with the shop after every crash and at the end (I34).

use hawker::app::App;
use hawker::checkout::{
    self, Address, Buy, CancelOrder, Contact, Pay, Paying, Payment, Refund, RefundWhat, Settled, Tap,
};
use hawker::fulfilment::{self, Deliverance, HandOver};
use hawker::kernel::{AdjustmentId, CheckoutId, Error, OrderId, Result, ShipmentId, ShopId, VariantId};
use hawker::offers::{PaymentMethod, Quote};
use hawker::{inventory, offers};

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
            after: None,
            return_url: String::new(),
        };
        Self {
            tap,
            promised: None,
            at_the_bank: None,
            declined: false,
            refused: false,
        }
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
        one_unit: bool,
    },
    Cancel {
        order: OrderId,
    },
    Refund {
        order: OrderId,
        id: AdjustmentId,
        /// Nothing: all of it.
        amount: Option<i64>,
    },
    Stock {
        variant: VariantId,
        free: u32,
    },
    /// The buyer walks away from their checkout.
    Leave {
        checkout: CheckoutId,
    },
}

/// An act, and whether it was acknowledged.
#[derive(Clone, Debug)]
pub struct Done {
    pub act: Act,
    pub acknowledged: bool,
}

impl Act {
    /// Does it; answers whether that was acknowledged as done.
    pub async fn perform(&self, app: &App, shop: ShopId) -> Result<bool> {
        Ok(match *self {
            Self::HandOver { order, id, one_unit } => {
                let one = checkout::Ship { line: 0, quantity: 1 };
                let parcel = HandOver {
                    id,
                    lines: one_unit.then(|| vec![one]),
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
            Self::Refund { order, id, amount } => {
                let what = amount.map_or(RefundWhat::Everything, RefundWhat::Amount);
                let refund = checkout::refund(app, shop, order, id, what, "goodwill".into(), None).await?;
                matches!(refund, Refund::Begun(_) | Refund::Again(_))
            }
            Self::Stock { variant, free } => {
                let set = app.db.write(hawker::db::LaneKey(0), move |tx| {
                    inventory::set_stock(tx, shop, variant, None, free)
                });
                set.await.map(|_| true)?
            }
            Self::Leave { checkout } => {
                checkout::cancel(app, shop, checkout).await?;
                true
            }
        })
    }
}

/// What of the promises the shop does not keep.
pub async fn unkept(app: &App, shop: ShopId, buyers: &[Buyer], acts: &[Done]) -> Result<Vec<String>> {
    let orders: Vec<OrderId> = buyers.iter().filter_map(|buyer| buyer.promised).collect();
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
            for act in &acts {
                let kept = match act {
                    Act::HandOver { order, id, .. } => {
                        let parcels = fulfilment::shipments(tx, shop, *order)?;
                        parcels.iter().any(|parcel| parcel.id == *id)
                    }
                    Act::Cancel { order } => {
                        checkout::order(tx, shop, *order)?.is_some_and(|order| order.canceled_at.is_some())
                    }
                    Act::Refund { order, id, amount } => {
                        let adjustments = checkout::adjustments(tx, *order)?;
                        let found = adjustments.iter().find(|adjustment| adjustment.id == *id);
                        found.is_some_and(|found| amount.is_none_or(|amount| found.amount_minor == amount))
                    }
                    Act::Stock { .. } | Act::Leave { .. } => true,
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
pub async fn quote(app: &App, shop: ShopId, variant: VariantId, quantity: u32) -> Result<Option<Quote>> {
    let asked = offers::Asked {
        lines: vec![offers::WantedLine { variant, quantity }],
        country: "DE".into(),
        delivery: None,
        seen: None,
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
