//! Who acts on which fact. Each act runs in the transaction that takes the fact from the outbox: exactly once, and never without the other.
//!
//! Tables: none. It deliberately decides nothing: a line names a fact and the verbs that follow from it.

use crate::app::App;
use crate::checkout::{self, GiveUp};
use crate::db::{Act, Tx};
use crate::erasure;
use crate::exchanges;
use crate::fulfilment;
use crate::kernel::{Error, Fact, Result};
use crate::notify::{self, Links, webhooks};
use crate::payments;
use crate::price_matches;
use crate::returns;

/// What the program does about facts, with what a transaction does not know.
#[derive(Clone)]
pub struct Acts(Links);

pub fn acts(app: &App) -> Acts {
    Acts(Links::of(app))
}

impl Act for Acts {
    fn ask(&self, tx: &mut Tx<'_>, fact: &Fact) {
        if let Fact::OrderConfirmed { shop, order, .. } = *fact {
            checkout::ask_sold(tx, shop, order);
        }
    }
    fn act(&self, tx: &mut Tx<'_>, fact: &Fact) -> Result<()> {
        act(tx, &self.0, fact)
    }
}

/// Acts on one fact, and tells whoever listens of it. May run again if its transaction was lost, never after it was committed.
fn act(tx: &mut Tx<'_>, links: &Links, fact: &Fact) -> Result<()> {
    follow(tx, links, fact)?;
    webhooks::announce(tx, fact).map(drop)
}

fn follow(tx: &mut Tx<'_>, links: &Links, fact: &Fact) -> Result<()> {
    match *fact {
        Fact::OrderConfirmed { shop, order, .. } => {
            let sold = checkout::sold(tx, shop, order)?
                .ok_or_else(|| Error::internal("a fact names an order that is not there"))?;
            if sold.checkout.offer.gift_card.is_some() {
                exchanges::placed(tx, shop, sold.checkout.id)?;
            }
            let promise = fulfilment::open(tx, &sold)?;
            notify::order_confirmed(tx, links, sold, promise).map(drop)
        }
        Fact::OrderCanceled { shop, order } => {
            fulfilment::cancel(tx, shop, order)?;
            notify::order_canceled(tx, links, shop, order).map(drop)
        }
        Fact::UnitsCanceled {
            shop,
            order,
            adjustment,
        } => {
            fulfilment::fewer_units(tx, shop, order)?;
            notify::units_canceled(tx, links, shop, order, adjustment).map(drop)
        }
        Fact::WithdrawalStated { shop, order, statement } => {
            erasure::again(tx, order)?;
            notify::withdrawal_stated(tx, links, shop, order, statement).map(drop)
        }
        Fact::ExchangeReturned { exchange, .. } => exchanges::wake(tx, exchange),
        Fact::ExchangeAsked { shop, order, exchange } => {
            erasure::again(tx, order)?;
            notify::exchange_asked(tx, links, shop, exchange).map(drop)
        }
        Fact::ExchangePayable { shop, exchange, .. } => notify::exchange_payable(tx, links, shop, exchange).map(drop),
        Fact::ShipmentHandedOver { shop, order, shipment } => {
            notify::shipment_handed_over(tx, links, shop, order, shipment).map(drop)
        }
        Fact::OrderRefunded {
            shop,
            order,
            adjustment,
        } => notify::order_refunded(tx, links, shop, order, adjustment).map(drop),
        Fact::RefundFailed {
            shop,
            order,
            refund,
            amount_minor,
        } => {
            if let Some(adjustment) = payments::adjustment_of(tx, shop, refund)? {
                returns::not_refunded(tx, shop, order, adjustment)?;
                price_matches::not_given_back(tx, shop, order, adjustment)?;
            }
            notify::refund_failed(tx, links, shop, order, refund, amount_minor).map(drop)
        }
        Fact::PaymentLost { shop, order, tries } => notify::payment_lost(tx, links, shop, order, tries).map(drop),
        Fact::PaymentRenewed { shop, order } => fulfilment::take_owed(tx, shop, order),
        Fact::PaymentOverdue { shop, order } => match checkout::give_up(tx, shop, order)? {
            GiveUp::Rest => {
                fulfilment::close(tx, shop, order)?;
                notify::rest_canceled(tx, links, shop, order).map(drop)
            }
            GiveUp::Canceled | GiveUp::Nothing => Ok(()), // The cancellation is a fact of its own.
        },
        // A dispute is a person's task on Today; nobody is written to.
        Fact::PaymentCaptured { .. } | Fact::DisputeOpened { .. } | Fact::DisputeClosed { .. } => Ok(()),
    }
}
